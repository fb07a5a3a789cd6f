"""A plan as one object, and for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mig.cli.losses_view import loss_rows, show_fields
from mig.cli.show import HEAD, span

if TYPE_CHECKING:
    from mig.engine.planning import Plan
    from mig.engine.run import Report


def plan_object(report: Report, letter: str) -> dict[str, Any]:
    """The plan as one JSON object."""
    plan = report.plan
    assert plan is not None
    found: dict[str, Any] = {
        "schema": 1,
        "status": report.status,
        "kinds": {kind: dict(count) for kind, count in _ordered(plan)},
        "reasons": [
            {"kind": kind, "fate": word, "reason": why, "count": count}
            for (kind, word, why), count in sorted(plan.reasons.items())
        ],
        "losses": [{**row, "count": row["records"]} for row in loss_rows(plan.ledger)],
        "losses_total": plan.ledger.total,
        "kept": plan.ledger.kept,
        "outcomes": plan.ledger.outcomes,
        "writes": dict(plan.writes),
        "requests": dict(plan.cost),
        "seconds": plan.seconds,
        "days": round(plan.days, 3),
        "files": plan.files,
        "options": plan.options,
        "dear": [{"unit": unit, "requests": count} for unit, count in plan.dear],
        "unreadable": report.unreadable,
        "letter": letter,
    }
    if report.error is not None:
        found["error"] = {"message": report.error.message, "hint": report.error.hint}
    return found


def show_plan(report: Report, source: str, target: str, letter: str) -> None:
    """The plan for a person."""
    plan = report.plan
    assert plan is not None
    words = {
        "in_scope": "in scope",
        "to_load": "to load",
        "to_update": "to update",
        "there": "there",
        "to_archive": "to archive",
        "to_skip": "to skip",
        "failed": "failed",
    }
    click.echo(f"\nplan {source} -> {target}: nothing was written to {target}\n")
    shown = [w for w in words if w in ("in_scope", "to_load") or any(count[w] for count in plan.kinds.values())]
    click.echo(f"  {'':14}" + "".join(f"{words[word]:>11}" for word in shown))
    for kind, count in _ordered(plan):
        click.echo(f"  {kind:14}" + "".join(f"{count[word] or '-':>11}" for word in shown))
    if plan.reasons:
        click.echo("\nWhat is not loaded, and why:")
        for (kind, word, why), number in sorted(plan.reasons.items()):
            click.echo(f"  {number:>6} {kind} {words.get(word, word)}: {why}")
    if plan.ledger.outcomes:
        click.echo("\nWhat becomes of what they hold, by field:")
        show_fields(plan.ledger)
    for kind, why in report.unreadable.items():
        click.echo(f"  not readable: {kind}: {why}")
    click.echo("\nRequests:")
    for verb, number in sorted(plan.writes.items()):
        click.echo(f"  {number:>8,} {verb}")
    for name, number in sorted(plan.cost.items()):
        seconds = plan.seconds.get(name)
        click.echo(f"  budget {name}: {number:,}, {'no limit is counted' if seconds is None else span(seconds)}")
    click.echo(
        f"  {report.requests['source']:,} to {source} were needed to plan; {plan.files:,} files are still to be read"
    )
    click.echo(f"  about {plan.days:.1f} days under these limits and shares, as fast as the slowest of them allows")
    for line in plan.options:
        click.echo(f"  {line}")
    for unit, number in plan.dear[:5]:
        click.echo(f"  {unit} alone needs {number:,} requests, more than a day's purse: it goes on over several days")
    if letter:
        click.echo(f"\nA letter to {target}'s support, to be sent before the run:\n")
        for line in letter.splitlines():
            click.echo(f"  | {line}".rstrip())
    click.echo(
        "\nNext: `mig run --canary ADDRESS` moves three conversations to an address of your own; then `mig run`."
    )


def _ordered(plan: Plan) -> list[tuple[str, Any]]:
    names = [name for name in HEAD if name in plan.kinds]
    names += sorted(set(plan.kinds) - set(names))
    return [(name, plan.kinds[name]) for name in names]
