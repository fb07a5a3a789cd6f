"""What the journal knows about a migration as a whole: counts whose sums close, and what is in doubt."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, and_, case, func, insert, select, update

from mig.journal.schema import migration, operation, record, run, unit

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


def kinds(connection: Connection, mig: int, run_number: int) -> dict[str, KindCount]:
    """Counts per kind as of a run."""
    return {kind: _total(rows) for kind, rows in _grouped(connection, mig, run_number, record.c.kind).items()}


def attributes(connection: Connection, mig: int, run_number: int) -> dict[str, KindCount]:
    """The counts of attribute definitions, by the kind they define."""
    of = _before(connection, record.c.id, ".")
    return {
        kind: _total(rows)
        for kind, rows in _grouped(connection, mig, run_number, of, record.c.kind == "attribute").items()
    }


def reasons(connection: Connection, mig: int) -> list[tuple[str, str, str, int]]:
    """Why records were not loaded as such: rows of kind, what became of them, reason (ids cut out), count."""
    rows = connection.execute(
        select(record.c.kind, record.c.fate, record.c.state, record.c.reason, func.count())
        .where(record.c.migration == mig, record.c.reason != "", record.c.state != "gone")
        .group_by(record.c.kind, record.c.fate, record.c.state, record.c.reason)
    )
    totals: dict[tuple[str, str, str], int] = {}
    for kind, fate, state, reason, count in rows:
        word = "failed" if state == "failed" else {"archive": "archived", "skip": "skipped"}.get(fate, "pending")
        if fate == "load" and state == "done":
            word = "loaded"
        key = (kind, word, _without_ids(reason))
        totals[key] = totals.get(key, 0) + count
    return sorted((*key, count) for key, count in totals.items())


def failures(connection: Connection, mig: int, limit: int = 20) -> list[tuple[str, str, str]]:
    """Some of the quarantined records: kind, id, reason."""
    rows = connection.execute(
        select(record.c.kind, record.c.id, record.c.reason)
        .where(record.c.migration == mig, record.c.state == "failed")
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


def doubtful(connection: Connection, mig: int) -> int:
    """Operations that were claimed and have no clear answer yet."""
    return int(
        connection.execute(
            select(func.count()).where(operation.c.migration == mig, operation.c.state == "sending")
        ).scalar_one()
    )


def warnings(connection: Connection, mig: int) -> int:
    """Records that were read with an oddity."""
    return int(
        connection.execute(
            select(func.count()).where(record.c.migration == mig, record.c.warnings != "", record.c.state != "gone")
        ).scalar_one()
    )


def dirty_units(connection: Connection, mig: int) -> dict[str, int]:
    """Units that wait to be delivered, by kind."""
    kind = _before(connection, unit.c.key, ":").label("kind")
    rows = connection.execute(
        select(kind, func.count()).where(unit.c.migration == mig, unit.c.dirty.is_(True)).group_by("kind")
    )
    return {row[0]: int(row[1]) for row in rows}


def _before(connection: Connection, column: Any, mark: str) -> Any:
    """The part of a text before a mark."""
    if connection.dialect.name == "postgresql":
        return func.split_part(column, mark, 1)
    return func.substr(column, 1, func.instr(column, mark) - 1)


def begin_run(connection: Connection, mig: int, *, now: str, host: str, pid: int) -> int:
    """A new run; one that never ended (it was killed) is closed first."""
    connection.execute(
        update(run).where(run.c.migration == mig, run.c.ended_at.is_(None)).values(ended_at=now, status="killed")
    )
    made = connection.execute(insert(run).values(migration=mig, started_at=now, host=host, pid=pid))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def end_run(connection: Connection, number: int, *, now: str, status: str, report: str) -> None:
    """A run ended, politely."""
    connection.execute(update(run).where(run.c.id == number).values(ended_at=now, status=status, report=report))


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


def _without_ids(reason: str) -> str:
    """Reasons that differ only by an id are one reason."""
    return " ".join("..." if len(word) > 8 and any(c.isdigit() for c in word) else word for word in reason.split(" "))
