"""An audit of a migration that trusts neither the loader nor its journal (docs/verify.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mig import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def mig_commands(group: click.Group) -> None:
    """`mig verify` and `mig explain`."""
    from mig_verify.command import explain, verify

    group.add_command(verify)
    group.add_command(explain)
