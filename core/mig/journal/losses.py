"""The loss ledger of a migration, counted over the journal, and found again in what a run has told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, literal, or_, select, tuple_

from mig.journal import selection
from mig.journal.ledger import Book, Ledger, became
from mig.journal.schema import loss, record, run, unit
from mig.journal.text import Foreign
from mig.model import Kind, Record
from mig.platforms import Keep, Loss

_PAGE = 200
"""Records a page: each may be as large as an e-mail."""


def scan(connection: Connection, mig: int, book: Book, *, narrow: bool = False, calm: bool = False) -> None:
    """Count every record of the journal, page by page.

    Args:
        connection: Reads.
        mig: The migration's number.
        book: Where they are counted.
        narrow: Only what the last filter selected.
        calm: Only what waits for nothing: the rest is foreseen, unit by unit.
    """
    conditions: list[ColumnElement[bool]] = [record.c.migration == mig, record.c.state != "gone"]
    if narrow:
        conditions.append(record.c.unit.in_(selection.units(mig)))
    if calm:
        waiting = select(unit.c.key).where(unit.c.migration == mig, unit.c.dirty.is_(True))
        conditions.append(or_(record.c.unit.is_(None), record.c.unit.not_in(waiting), record.c.body == b""))
    for page in _pages(connection, conditions):
        losses = _losses(connection, mig, page)
        for row in page:
            what = became(row.fate, row.state, row.reason)
            book.add(row.kind, row.id, row.body, what, losses.get((row.kind, row.id), ()))


def _pages(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> Iterator[Sequence[Any]]:
    columns = [record.c[name] for name in ("kind", "id", "body", "fate", "state", "reason")]
    kind, name = "", ""
    while True:
        # As a pair, which both databases find by the primary key.
        later = tuple_(record.c.kind, record.c.id) > tuple_(literal(kind, Foreign()), literal(name, Foreign()))
        statement = select(*columns).where(*conditions, later).order_by(record.c.kind, record.c.id).limit(_PAGE)
        page = connection.execute(statement).all()
        if page:
            yield page
        if len(page) < _PAGE:
            return
        kind, name = page[-1].kind, page[-1].id


def _losses(connection: Connection, mig: int, page: Sequence[Any]) -> Mapping[tuple[str, str], list[Loss]]:
    pair = tuple_(loss.c.kind, loss.c.id)
    first, last = (tuple_(literal(row.kind, Foreign()), literal(row.id, Foreign())) for row in (page[0], page[-1]))
    rows = connection.execute(select(loss).where(loss.c.migration == mig, pair >= first, pair <= last))
    found: dict[tuple[str, str], list[Loss]] = {}
    for row in rows:
        found.setdefault((row.kind, row.id), []).append(Loss(row.field, row.outcome, row.why))
    return found


def count(
    connection: Connection,
    mig: int,
    types: Mapping[Kind, type[Record]],
    keeps: Mapping[tuple[Kind, str], Keep],
    *,
    narrow: bool = False,
) -> Ledger:
    """The ledger of a migration, counted anew."""
    book = Book(types, keeps)
    scan(connection, mig, book, narrow=narrow)
    return book.ledger(narrow=narrow)


def kept_ledger(connection: Connection, mig: int, before: int | None = None) -> Ledger | None:
    """The ledger as of the last run; None: something has gone on since it was counted.

    Args:
        connection: Reads.
        mig: The migration's number.
        before: Not of this run, nor of later ones.
    """
    runs = select(run.c.id, run.c.report, run.c.ended_at).where(run.c.migration == mig).order_by(run.c.id.desc())
    if before is not None:
        runs = runs.where(run.c.id < before)
    last = connection.execute(runs.limit(1)).first()
    if last is None or last.ended_at is None:
        return None
    said = _Said.of(last.report)
    if said.ledger is None and said.ledger_run:
        told = select(run.c.report).where(run.c.migration == mig, run.c.id == said.ledger_run)
        said = _Said.of(connection.execute(told).scalar())
    return said.ledger


class _Said(Struct):
    """What a run's report says of the ledger."""

    ledger: Ledger | None = None
    ledger_run: int = 0
    """It is still that of this run."""

    @classmethod
    def of(cls, report: str | None) -> _Said:
        try:
            return msgspec.json.decode(report or "{}", type=cls)
        except msgspec.DecodeError:  # of another release
            return cls()
