"""Everything a report tells, from the journal alone, as one object: no message, no address, no value of a field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, select

from mig.journal import counts, losses
from mig.journal.counts import KindCount, MigrationRow
from mig.journal.ledger import Ledger, masked
from mig.journal.schema import budget_use, run
from mig.journal.store import Journal
from mig.model import AGENT, TYPES, Agent, Kind
from mig.platforms import Fate, SourceSpec, TargetSpec
from mig.report.look import Staged
from mig.report.order import KINDS, ordered
from mig.report.rebuild import Guide
from mig.report.words import one_line

RUNS = 1_000
"""Runs that are listed, the newest; all are added up."""
AGENTS = 1_000
COLUMNS = ("in_scope", "on_target", "merged", "archived", "skipped", "failed", "pending")
"""`in_scope` is the sum of the others."""


class _Told(Struct):
    """What of a run's own report is repeated."""

    kinds: dict[str, KindCount] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    plan: bool = False
    narrow: bool = False
    adopted: bool = False
    postponed: int = 0
    waiting: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)


def gather(
    journal: Journal,
    row: MigrationRow,
    source: SourceSpec | None,
    target: TargetSpec | None,
    failures: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The report of a migration.

    Args:
        journal: Open.
        row: Which migration.
        source: The source's spec; None: its plugin is not installed.
        target: The target's, likewise.
        failures: What is quarantined, in groups, as `mig failures --json` has them.
    """
    types = {**TYPES, **(source.kinds if source is not None else {})}
    with journal.reading() as connection:
        runs, spent = _runs(connection, row.id)
        kinds = _kinds(connection, row.id, source)
        ledger = losses.kept_ledger(connection, row.id)
        if ledger is None or ledger.narrow:
            ledger = losses.count(connection, row.id, types, target.keeps if target is not None else {})
        left = _left(connection, row.id)
        budgets = _budgets(connection, row)
    last = runs[0] if runs else None
    failed = sum(int(group["count"]) for group in failures)
    found = {
        "schema": 1,
        "source": f"{row.source}:{row.organisation}",
        "target": f"{row.target}:{row.workspace}",
        "state": _state(last, kinds, failed),
        "kinds": kinds,
        "runs": runs[:RUNS],
        "runs_total": len(runs),
        "cost": {**spent, "budgets": budgets},
        **_fields(ledger),
        "failures": [dict(group) for group in failures],
        "failures_total": failed,
        "by_hand": _by_hand(Guide(journal, row.id, source, target)),
        "unmatched_agents": _agents(Staged(journal, row.id, types)),
        **left,
        "postponed": last["postponed"] if last else 0,
        "unreadable": last["unreadable"] if last else {},
    }
    shown: dict[str, Any] = _shown(found)
    return shown


def _by_hand(guide: Guide) -> list[dict[str, Any]]:
    return [{"kind": str(one.kind), "heading": one.heading, "open": one.open, "off": one.off} for one in guide.sections]


def _runs(connection: Connection, mig: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every run, the newest first, and what they cost together."""
    columns = (run.c.id, run.c.started_at, run.c.ended_at, run.c.status, run.c.report)
    rows = connection.execution_options(yield_per=100).execute(
        select(*columns).where(run.c.migration == mig).order_by(run.c.id.desc())
    )
    found: list[dict[str, Any]] = []
    requests: Counter[str] = Counter()
    seconds = 0.0
    for one in rows:
        told = _told(one.report if one.ended_at is not None else None)
        requests.update(told.requests)
        seconds += told.seconds
        sums = {name: sum(getattr(kind, name) for kind in told.kinds.values()) for name in ("loaded", "updated")}
        found.append(
            {
                "run_id": one.id,
                "started_at": one.started_at,
                "ended_at": one.ended_at,
                "status": one.status or "running",
                "what": "plan" if told.plan else "adoption" if told.adopted else "part" if told.narrow else "all",
                "seconds": told.seconds,
                "requests": told.requests,
                **sums,
                "postponed": told.postponed,
                "waiting": told.waiting,
                "unreadable": told.unreadable,
            }
        )
    days = {str(one["started_at"])[:10] for one in found}
    return found, {"requests": dict(requests), "seconds": round(seconds, 3), "days": len(days)}


def _told(report: str | None) -> _Told:
    try:
        return msgspec.json.decode(report or "{}", type=_Told)
    except msgspec.DecodeError:  # of another release
        return _Told()


def _kinds(connection: Connection, mig: int, source: SourceSpec | None) -> dict[str, dict[str, Any]]:
    """A row per kind; those the source offers and has none of, too."""
    found = counts.kinds(connection, mig, 0)
    offered = [kind for kind in KINDS if source is not None and Kind(kind) in source.kinds]
    rows: dict[str, dict[str, Any]] = {kind: _row(found.get(kind, KindCount())) for kind in ordered([*found, *offered])}
    if "attribute" in rows:
        rows["attribute"]["by"] = {of: _row(one) for of, one in counts.attributes(connection, mig, 0).items()}
    return rows


def _row(count: KindCount) -> dict[str, Any]:
    there = count.loaded + count.updated + count.unchanged
    parts = {name: getattr(count, name) for name in COLUMNS if name != "on_target"}
    return {name: there if name == "on_target" else parts[name] for name in COLUMNS}


def _left(connection: Connection, mig: int) -> dict[str, Any]:
    pending = [(kind, why, n) for kind, word, why, n in counts.reasons(connection, mig) if word == "pending"]
    return {
        "pending": [{"kind": kind, "reason": why, "count": count} for kind, why, count in pending],
        "waiting_units": sum(counts.dirty_units(connection, mig).values()),
        "in_doubt": counts.doubtful(connection, mig),
        "possible_orphans": [{"unit": unit, "count": n} for unit, n in counts.orphans(connection, mig)],
        "warnings": counts.warnings(connection, mig),
    }


def _budgets(connection: Connection, row: MigrationRow) -> list[dict[str, Any]]:
    """What was used of daily budgets; other migrations on the same account are in it."""
    rows = connection.execute(select(budget_use).where(budget_use.c.used > 0).order_by(budget_use.c.bucket))
    found: dict[str, list[int]] = {}
    for one in rows:
        if one.bucket.partition(".")[0] in (row.source, row.target):
            found.setdefault(one.bucket, []).append(one.used)
    return [{"budget": name, "used": sum(used), "days": len(used)} for name, used in found.items()]


def _fields(ledger: Ledger) -> dict[str, Any]:
    return {
        "outcomes": ledger.outcomes,
        "losses": [msgspec.to_builtins(one) for one in ledger.rows],
        "losses_total": ledger.total,
        "kept": ledger.kept,
        "untold": sorted({(one.kind, one.field) for one in ledger.rows if one.outcome == "untold"}),
        "sums_open": ledger.open,
    }


def _agents(staged: Staged) -> list[dict[str, Any]]:
    """Those nobody on the target was found to be."""
    found: list[dict[str, Any]] = []
    for row, agent in staged.of(AGENT):
        if isinstance(agent, Agent) and row.fate == Fate.ARCHIVE and len(found) < AGENTS:
            found.append({"id": row.id, "name": agent.name, "human": agent.human, "active": agent.active})
    return sorted(found, key=lambda one: (not one["human"], not one["active"], str(one["name"]).lower()))


def _state(last: Mapping[str, Any] | None, kinds: Mapping[str, Mapping[str, Any]], failed: int) -> str:
    """not begun, running, unfinished, failures, moved."""
    if last is None or not any(kind["on_target"] or kind["archived"] or kind["skipped"] for kind in kinds.values()):
        return "not begun"
    if last["status"] == "running":
        return "running"
    if last["status"] not in ("completed", "rolled back") or any(kind["pending"] for kind in kinds.values()):
        return "unfinished"
    return "failures" if failed or last["unreadable"] else "moved"


def _shown(found: Any) -> Any:
    """Everything without addresses, and on one line."""
    if isinstance(found, str):
        return masked(one_line(found, 1_000))
    if isinstance(found, Mapping):
        return {_shown(str(name)): _shown(one) for name, one in found.items()}
    return [_shown(one) for one in found] if isinstance(found, list | tuple) else found
