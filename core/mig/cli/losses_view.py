"""The loss ledger for a person, and as rows of a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from mig.journal.ledger import Ledger

_MOST = 30
_WIDE = 44


def loss_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """All outcomes but kept, as the JSON contract has them."""
    return [msgspec.to_builtins(row) for row in ledger.rows]


def sums(ledger: Ledger) -> str:
    """How many fields of records ended how."""
    return ", ".join(f"{count:,} {word}" for word, count in ledger.outcomes.items())


def show_fields(ledger: Ledger) -> None:
    """A table: kind and field, how many records hold it, what becomes of it; the rarest are left out."""
    shown = sorted(ledger.rows, key=lambda row: (row.outcome != "untold", -row.records, row.kind, row.field))
    for row in shown[:_MOST]:
        name, why = f"{row.kind}.{row.field}", f": {row.why}" if row.why else ""
        click.echo(f"  {_cut(name):{_WIDE}}{row.records:>9,}  {row.outcome}{why}")
    if ledger.total > _MOST:
        click.echo(f"  ... and {ledger.total - _MOST:,} more (--json)")
    click.echo(f"  in all: {sums(ledger)}")
    if ledger.red:
        click.echo("  UNTOLD: the target's plugin does not say what becomes of these; nobody has decided it")


def _cut(name: str) -> str:
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return text if len(text) < _WIDE else f"{text[: _WIDE - 2]}…"
