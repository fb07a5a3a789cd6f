"""What the person sees: progress while it runs, a summary whose numbers add up, one JSON object for programs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec

from mig.cli.losses_view import loss_rows, sums
from mig.errors import MigError

if TYPE_CHECKING:
    from mig.budgets import Budgets
    from mig.engine.live import Progress
    from mig.engine.run import Report

COLUMNS = ("in_scope", "loaded", "updated", "unchanged", "archived", "merged", "skipped", "failed", "pending")
HEAD = [
    "contact",
    "company",
    "conversation",
    "message",
    "note",
    "attachment",
    "tag",
    "agent",
    "team",
    "queue",
    "attribute",
]


_ENDED = {
    "completed": "completed",
    "paused": "paused: a quota is used up",
    "interrupted": "interrupted: the state is safe",
    "refused": "stopped",
}


class Watcher:
    """Progress on stderr, twice a second; silent when stderr is no terminal or the person wants quiet.

    Args:
        progress: Filled by the engine.
        quiet: Show nothing.
    """

    def __init__(self, progress: Progress, *, quiet: bool) -> None:
        self._progress = progress
        self._quiet = quiet or not sys.stderr.isatty()
        self._budgets: Budgets | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, budgets: Budgets) -> None:
        """From now on budgets are shown too."""
        self._budgets = budgets

    def __enter__(self) -> Self:
        if not self._quiet:
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _draw(self) -> None:
        from rich.console import Console
        from rich.live import Live

        from mig.clock import SystemClock
        from mig.engine.live import snapshot

        clock = SystemClock()
        with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
            while not self._stop.wait(0.5):
                if self._budgets is not None:
                    live.update("\n".join(progress_lines(snapshot(self._progress, self._budgets, clock))))


def progress_lines(seen: Mapping[str, Any]) -> list[str]:
    """How far a run is, for a person: rows read, units delivered, rates, and each budget with its own ETA."""
    lines = ["read      " + ("  ".join(f"{name} {count:,}" for name, count in seen["rows"].items()) or "...")]
    for kind, total in seen["totals"].items():
        lines.append(f"{seen['stage']:9} {kind}  {min(seen['done'].get(kind, 0), total):,} of {total:,}")
    if seen["requests_per_s"]:
        left = f", about {span(seen['eta_s'])} left" if seen["eta_s"] is not None else ""
        lines.append(f"          {seen['requests_per_s']:,.0f} requests/s{left}")
    if seen["waits"]:
        lines.append(f"          outside working hours: goes on {seen['waits']}")
    for name, budget in seen["budgets"].items():
        daily = budget["per_s"] >= 86_400
        kept = f"{budget['used']:,} of {budget['ours']:,} today" if daily else f"{budget['used']:,} spent"
        eta = f"; what is left takes {span(budget['eta_s'])} at its pace" if budget["eta_s"] else ""
        lines.append(f"budget    {name}  share {budget['share']:g}  {kept}{eta}")
    return lines


def span(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def as_object(report: Report) -> dict[str, Any]:
    """The report as the JSON contract has it."""
    kinds: dict[str, Any] = {name: msgspec.to_builtins(count) for name, count in _ordered(report)}
    if report.by_attribute and "attribute" in kinds:
        kinds["attribute"]["by"] = {name: msgspec.to_builtins(c) for name, c in report.by_attribute.items()}
    found: dict[str, Any] = {
        "schema": 1,
        "run_id": report.run_id,
        "status": report.status,
        "kinds": kinds,
        "requests": report.requests,
        "seconds": report.seconds,
        "possible_orphans": report.orphans,
        "in_doubt": report.doubtful,
        "warnings": report.warnings,
        "unreadable": report.unreadable,
        "notices": report.notices,
        "losses": loss_rows(report.ledger) if report.ledger is not None else None,
        "losses_total": report.ledger.total if report.ledger is not None else None,
        "kept": report.ledger.kept if report.ledger is not None else None,
    }
    if report.error is not None:
        found["error"] = {"message": report.error.message, "hint": report.error.hint}
    return found


def ended_object(status: str, error: MigError) -> dict[str, Any]:
    """The JSON object of a run that ended before it could count anything."""
    return {
        "schema": 1,
        "run_id": None,
        "status": status,
        "kinds": {},
        "requests": {"source": 0, "target": 0},
        "seconds": 0.0,
        "error": {"message": error.message, "hint": error.hint},
    }


def say_object(value: dict[str, Any]) -> None:
    """ONE object on stdout."""
    click.echo(msgspec.json.encode(value).decode())


def adoption(report: Report, source: str, target: str) -> None:
    """The closing summary of an adoption: what stood there, what is missing, what differs, by kind."""
    from mig.engine.adopt import DIFFERS, MISSING

    click.echo(f"\n{source} -> {target}, the journal rebuilt: {_ENDED.get(report.status, report.status)}\n")
    click.echo(
        f"  {'':14}" + "".join(f"{name:>11}" for name in ("in scope", "adopted", "missing", "differing", "others"))
    )
    waiting = {(kind, reason): count for kind, word, reason, count in report.reasons if word == "pending"}
    for name, count in _ordered(report):
        found = count.loaded + count.updated + count.unchanged + count.merged
        missing, differing = waiting.get((name, MISSING), 0), waiting.get((name, DIFFERS), 0)
        columns = (count.in_scope, found, missing, differing, count.in_scope - found - missing - differing)
        click.echo(f"  {name:14}" + "".join(f"{column or '-':>11}" for column in columns))
    click.echo("")
    for kind, word, reason, number in report.reasons:
        if word != "loaded" and reason not in (MISSING, DIFFERS):
            click.echo(f"  {number:>6} {kind} {word}: {reason}")
    _attention(report)
    click.echo(f"\n  {report.requests['source']} requests to {source}, {report.requests['target']} to {target}")
    click.echo(f"  nothing was written to {target}")
    if report.status == "completed":
        click.echo("  `mig verify` proves what stands there, `mig run` goes on from here.")
    else:
        click.echo("  Run the same command again: it goes on where it stopped. No run begins before it is done.")


def summary(report: Report, source: str, target: str, title: str = "") -> None:
    """The closing summary: a row per kind, then what needs attention, then what to do next."""
    click.echo(f"\n{title or f'{source} -> {target}'}: {_ENDED.get(report.status, report.status)}\n")
    shown = [c for c in COLUMNS if c in ("in_scope", "loaded") or any(getattr(k, c) for k in report.kinds.values())]
    click.echo(f"  {'':14}" + "".join(f"{name.replace('_', ' '):>11}" for name in shown))
    for name, count in _ordered(report):
        click.echo(f"  {name:14}" + "".join(f"{getattr(count, column) or '-':>11}" for column in shown))
    click.echo("")
    for kind, word, reason, count in report.reasons:
        if word != "loaded":
            click.echo(f"  {count:>6} {kind} {word}: {reason}")
    _attention(report)
    if report.ledger is not None and report.ledger.outcomes:
        click.echo(f"\n  fields of records: {sums(report.ledger)} (`mig report --out report.html`)")
    click.echo(f"\n  {report.requests['source']} requests to {source}, {report.requests['target']} to {target}")
    for kind, units in sorted(report.units.items()):
        click.echo(
            f"  {kind}: {report.sent.get(kind, 0)} writes for {units} = {report.sent.get(kind, 0) / units:.2f} each"
        )
    if not report.places:  # a canary has words of its own
        click.echo(f"  {_next(report)}")


def _attention(report: Report) -> None:
    for kind, why in report.unreadable.items():
        click.echo(f"  not readable: {kind}: {why}")
    for kind, name, reason in report.failures:
        click.echo(f"  quarantined: {kind} {name}: {reason}")
    if report.warnings:
        were = "1 record was" if report.warnings == 1 else f"{report.warnings:,} records were"
        click.echo(f"  {were} read with a warning (`mig archive` writes them out, each under `warnings`)")
    if report.waiting:
        click.echo(f"  {report.waiting} records were left out by an earlier release: `mig run --remap` moves them too")
    if report.orphans:
        click.echo(f"  up to {report.orphans} empty, invisible leftovers of unclear births (mig status lists them)")
    if report.new_migration and report.others:
        click.echo(f"  this pair is a new migration; the journal holds {report.others} more, which were not touched")
    for notice in report.notices:
        click.echo(f"  {notice}")


def _next(report: Report) -> str:
    if report.status != "completed":
        return "Run the same command again: it goes on where it stopped."
    if report.exit_code:
        return "Correct what is quarantined or not readable, and run again: only that and what changed is moved."
    return "Run it again at any time: only what changed since is moved."


def _ordered(report: Report) -> list[tuple[str, Any]]:
    names = [name for name in HEAD if name in report.kinds]
    names += sorted(set(report.kinds) - set(names))
    return [(name, report.kinds[name]) for name in names]
