"""`python -m mig.cli` is `mig`."""

from mig.cli import main

main()
