"""What the journal knows about a migration as a whole: counts whose sums close, and what is in doubt."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, case, func, insert, or_, select, update

from mig.errors import Usage
from mig.journal import selection
from mig.journal.adoption import ADOPTING
from mig.journal.schema import migration, operation, record, run, unit
from mig.model import MESSAGE
from mig.platforms import Receipt

ROLLING_BACK = "rolling back"
"""The status of a rollback that has not come to its end, be it under way or killed."""
CANARY = "~canary-"
"""In the organisation of a canary's migration (`mig.engine.canary.MARK`)."""
COLUMNS = ("loaded", "updated", "unchanged", "archived", "merged", "skipped", "failed", "pending")


class KindCount(Struct, frozen=True, kw_only=True):
    """One row of the summary; `in_scope` is the sum of the others."""

    in_scope: int = 0
    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    archived: int = 0
    merged: int = 0
    skipped: int = 0
    failed: int = 0
    pending: int = 0


class MigrationRow(Struct, frozen=True):
    """A migration in a journal."""

    id: int
    source: str
    organisation: str
    target: str
    workspace: str


def migrations(connection: Connection) -> list[MigrationRow]:
    """Every migration of the journal."""
    rows = connection.execute(select(migration).order_by(migration.c.id))
    return [MigrationRow(row.id, row.source, row.organisation, row.target, row.workspace) for row in rows]


def choose(rows: list[MigrationRow], source: str, target: str) -> MigrationRow:
    """The migration meant: by its platforms (or `platform:id`, as listed), or the only one.

    Raises:
        Usage: None fits, or several do.
    """
    named = [row for row in rows if CANARY in source or CANARY not in row.organisation]
    fitting = [
        row
        for row in (named or rows)  # a canary is meant only by its whole name, or where there is nothing else
        if source in ("", row.source, f"{row.source}:{row.organisation}")
        and target in ("", row.target, f"{row.target}:{row.workspace}")
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Usage("this journal holds no such migration", "Begin one with `mig run`, or name another --state.")
    listed = "\n".join(f"{r.source}:{r.organisation} -> {r.target}:{r.workspace}" for r in fitting)
    raise Usage("this journal holds several migrations", f"Name one with --source and --target:\n{listed}")


def kinds(connection: Connection, mig: int, run_number: int, *, narrow: bool = False) -> dict[str, KindCount]:
    """Counts per kind as of a run; `narrow`: of what the last filter selected."""
    rows = _grouped(connection, mig, run_number, record.c.kind, *_selected(mig, narrow))
    return {kind: _total(row) for kind, row in rows.items()}


def attributes(connection: Connection, mig: int, run_number: int, *, narrow: bool = False) -> dict[str, KindCount]:
    """The counts of attribute definitions, by the kind they define."""
    of = _before(connection, record.c.id, ".")
    return {
        kind: _total(rows)
        for kind, rows in _grouped(
            connection, mig, run_number, of, record.c.kind == "attribute", *_selected(mig, narrow)
        ).items()
    }


def reasons(connection: Connection, mig: int, *, narrow: bool = False) -> list[tuple[str, str, str, int]]:
    """Why records were not loaded as such: rows of kind, what became of them, reason (ids cut out), count."""
    rows = connection.execute(
        select(record.c.kind, record.c.fate, record.c.state, record.c.reason, func.count())
        .where(record.c.migration == mig, record.c.reason != "", record.c.state != "gone", *_selected(mig, narrow))
        .group_by(record.c.kind, record.c.fate, record.c.state, record.c.reason)
    )
    totals: dict[tuple[str, str, str], int] = {}
    for kind, fate, state, reason, count in rows:
        word = "failed" if state == "failed" else {"archive": "archived", "skip": "skipped"}.get(fate, "pending")
        if fate == "load" and state == "done":
            word = "loaded"
        key = (kind, word, without_ids(reason))
        totals[key] = totals.get(key, 0) + count
    return sorted((*key, count) for key, count in totals.items())


def failures(connection: Connection, mig: int, limit: int = 20, *, narrow: bool = False) -> list[tuple[str, str, str]]:
    """Some of the quarantined records: kind, id, reason."""
    rows = connection.execute(
        select(record.c.kind, record.c.id, record.c.reason)
        .where(record.c.migration == mig, record.c.state == "failed", *_selected(mig, narrow))
        .order_by(record.c.kind, record.c.id)
        .limit(limit)
    )
    return [(row.kind, row.id, row.reason) for row in rows]


def orphans(connection: Connection, mig: int) -> list[tuple[str, int]]:
    """Units whose birth was unclear, and how many empty leftovers each may have made."""
    rows = connection.execute(
        select(operation.c.unit, operation.c.orphans)
        .where(operation.c.migration == mig, operation.c.orphans > 0)
        .order_by(operation.c.unit)
    )
    return [(row.unit, row.orphans) for row in rows]


def places(connection: Connection, mig: int, kind: str = "conversation") -> list[tuple[str, str]]:
    """What of a kind was created: unit and the target's id."""
    rows = connection.execute(
        select(operation.c.unit, operation.c.receipt)
        .where(
            operation.c.migration == mig,
            operation.c.effect == "create",
            operation.c.marker.is_(None),
            operation.c.state.in_(("done", "due")),
            operation.c.unit.startswith(f"{kind}:", autoescape=True),
        )
        .order_by(operation.c.unit)
    )
    return [(row.unit, msgspec.json.decode(row.receipt, type=Receipt).values["id"]) for row in rows if row.receipt]


def doubtful(connection: Connection, mig: int) -> int:
    """Operations that were claimed and have no clear answer yet."""
    return int(
        connection.execute(
            select(func.count()).where(operation.c.migration == mig, operation.c.state == "sending")
        ).scalar_one()
    )


def warnings(connection: Connection, mig: int, *, narrow: bool = False) -> int:
    """Records that were read with an oddity."""
    condition = [record.c.migration == mig, record.c.warnings != "", record.c.state != "gone", *_selected(mig, narrow)]
    return int(connection.execute(select(func.count()).where(*condition)).scalar_one())


def waiting(connection: Connection, mig: int) -> int:
    """Records that wait for something although their unit was delivered whole: what an earlier release left out."""
    calm = select(unit.c.key).where(unit.c.migration == mig, unit.c.dirty.is_(False))
    condition = [record.c.migration == mig, record.c.fate == "load", record.c.state == "staged"]
    return int(connection.execute(select(func.count()).where(*condition, record.c.unit.in_(calm))).scalar_one())


def dirty_units(connection: Connection, mig: int, *, narrow: bool = False) -> dict[str, int]:
    """Units that wait to be delivered, by kind."""
    kind = _before(connection, unit.c.key, ":").label("kind")
    among = [unit.c.key.in_(selection.units(mig))] if narrow else []
    rows = connection.execute(
        select(kind, func.count()).where(unit.c.migration == mig, unit.c.dirty.is_(True), *among).group_by("kind")
    )
    return {row[0]: int(row[1]) for row in rows}


def settled(connection: Connection, mig: int, *, narrow: bool = False) -> list[tuple[str, str, str, int]]:
    """Records of units that wait for nothing: kind, what a plan calls them, why (ids cut out), count."""
    word = case(
        (record.c.state == "failed", "failed"),
        (record.c.fate == "skip", "to_skip"),
        (record.c.fate == "archive", "to_archive"),
        (record.c.state == "done", "there"),
        else_="to_load",
    )
    waiting = select(unit.c.key).where(unit.c.migration == mig, unit.c.dirty.is_(True))
    rows = connection.execute(
        select(record.c.kind.label("kind"), word.label("word"), record.c.reason, func.count())
        .where(
            record.c.migration == mig,
            record.c.state != "gone",
            or_(record.c.unit.is_(None), record.c.unit.not_in(waiting), record.c.body == b""),
            *_selected(mig, narrow),
        )
        .group_by("kind", "word", record.c.reason)
        .order_by("kind")
    )
    return [(row[0], row[1], without_ids(row[2]), int(row[3])) for row in rows]


class _Channel(Struct):
    channel: str = ""


def channels(connection: Connection, mig: int) -> dict[str, int]:
    """Messages per channel, of all that was read."""
    found: Counter[str] = Counter()
    statement = select(record.c.body).where(record.c.migration == mig, record.c.kind == MESSAGE)
    for body in connection.execution_options(yield_per=1_000).execute(statement).scalars():
        if body:
            found[msgspec.json.decode(body, type=_Channel).channel] += 1
    return dict(found)


def _selected(mig: int, narrow: bool) -> list[Any]:
    """The condition that keeps a count to what the last filter selected."""
    return [record.c.unit.in_(selection.units(mig))] if narrow else []


def _before(connection: Connection, column: Any, mark: str) -> Any:
    """The part of a text before a mark."""
    if connection.dialect.name == "postgresql":
        return func.split_part(column, mark, 1)
    return func.substr(column, 1, func.instr(column, mark) - 1)


def begin_run(connection: Connection, mig: int, *, now: str, host: str, pid: int, status: str | None = None) -> int:
    """A new run, or with a status `ROLLING_BACK` a rollback; one that never ended (it was killed) is closed first."""
    word = case((run.c.status == ADOPTING, f"{ADOPTING}, killed"), else_="killed")
    connection.execute(
        update(run).where(run.c.migration == mig, run.c.ended_at.is_(None)).values(ended_at=now, status=word)
    )
    made = connection.execute(insert(run).values(migration=mig, started_at=now, host=host, pid=pid, status=status))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def is_rolling_back(connection: Connection, mig: int) -> bool:
    """Whether a rollback was begun and has not come to its end."""
    found = select(run.c.id).where(run.c.migration == mig, run.c.ended_at.is_(None), run.c.status == ROLLING_BACK)
    return connection.execute(found.limit(1)).first() is not None


def end_run(connection: Connection, number: int, *, now: str, status: str, report: str) -> None:
    """A run ended, politely."""
    connection.execute(update(run).where(run.c.id == number).values(ended_at=now, status=status, report=report))


def tell_run(connection: Connection, number: int, report: str) -> None:
    """How far a run is, for whoever looks beside it."""
    connection.execute(update(run).where(run.c.id == number, run.c.ended_at.is_(None)).values(report=report))


def last_run(connection: Connection, mig: int) -> Any:
    """The newest run's row, or None."""
    return connection.execute(select(run).where(run.c.migration == mig).order_by(run.c.id.desc()).limit(1)).first()


def _grouped(
    connection: Connection, mig: int, run_number: int, by: Any, *more: Any
) -> dict[str, list[tuple[str, int]]]:
    loaded = and_(record.c.fate == "load", record.c.state == "done")
    word = case(
        (record.c.state == "failed", "failed"),
        (record.c.fate == "skip", "skipped"),
        (record.c.fate == "archive", "archived"),
        (and_(loaded, record.c.merged_into.is_not(None)), "merged"),
        (and_(loaded, record.c.loaded_run == run_number), "loaded"),
        (and_(loaded, record.c.updated_run == run_number), "updated"),
        (loaded, "unchanged"),
        else_="pending",
    )
    rows = connection.execute(
        select(by.label("by"), word.label("word"), func.count())
        .where(record.c.migration == mig, record.c.state != "gone", *more)
        .group_by("by", "word")
        .order_by("by")
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for name, column, count in rows:
        found.setdefault(name, []).append((column, count))
    return found


def _total(rows: list[tuple[str, int]]) -> KindCount:
    return KindCount(in_scope=sum(count for _, count in rows), **dict(rows))


def without_ids(reason: str) -> str:
    """Reasons that differ only by an id are one reason."""
    return " ".join("..." if len(word) > 8 and any(c.isdigit() for c in word) else word for word in reason.split(" "))
