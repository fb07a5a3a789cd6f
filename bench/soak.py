"""Run the long proofs of delivery and tell what they counted, as docs/reliability.md shows it.

    python bench/soak.py [PYTEST ARGUMENTS]

More or fewer of them: MIG_SOAK_SEEDS (schedules simulated), MIG_SOAK_STORIES (of the state machine) and MIG_SOAK_KILLS
(blows within one migration).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "tests/contract/test_simulation.py",
    "tests/contract/test_crash_sweep.py",
    "tests/contract/test_postgres_storms.py",
    "tests/contract/test_state_machine.py",
    "tests/contract/test_mutants.py",
    "tests/journeys/test_kills.py",
)
"""Whose short form is run too: its counts belong to the same table."""


def main() -> int:
    """Run them. Returns: pytest's exit code, the first that is not 0."""
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally.jsonl"
        tally.touch()
        environment = {**os.environ, "MIG_TALLY": str(tally)}
        command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", *sys.argv[1:]]
        runs = ([*command, "-m", "soak"], [*command, "-m", "not soak", *FILES])
        codes = [subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode for run in runs]  # ourselves
        for proof, numbers in sorted(summed(tally).items()):
            print(f"{proof}: " + ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in numbers.items()))
    return next((code for code in codes if code), 0)


def summed(file: Path) -> dict[str, Counter[str]]:
    """The numbers of a file with one JSON object a line, added up by its `proof`; `proofs` counts the lines."""
    totals: dict[str, Counter[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        numbers = json.loads(line)
        totals.setdefault(numbers.pop("proof"), Counter()).update({"proofs": 1, **numbers})
    return totals


if __name__ == "__main__":
    sys.exit(main())
