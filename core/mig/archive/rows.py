"""What an archive is made of: the journal, read page by page, never as a whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, func, or_, select

from mig.journal.schema import loss, operation, raw, record, run
from mig.journal.store import Journal
from mig.platforms import Receipt

_PAGE = 200
"""Records a page: each may be as large as an e-mail."""
SHARED = 65_536
"""Bytes of a raw that several records repeat at most; a larger one stands beside the first of them only."""


class Row(Struct, frozen=True):
    """A record with all the journal knows of it."""

    kind: str
    id: str
    resource: str
    raw_id: str
    body: bytes
    """The neutral record as JSON; empty: it could not be parsed."""
    unit: str
    fate: str
    state: str
    reason: str
    merged_into: str
    warnings: str
    losses: Sequence[tuple[str, str, str]]
    """Field, outcome, why."""
    native: bytes | None
    """As the API gave it; None: it stands beside another record, or is not there."""
    native_of: str
    """Beside which; empty: beside this."""

    @property
    def ref(self) -> str:
        """Kind and id."""
        return f"{self.kind}/{self.id}"


_COLUMNS = [
    record.c[name]
    for name in (
        *("kind", "id", "resource", "raw_id", "body", "unit", "fate", "state", "reason", "merged_into", "warnings"),
    )
]


def records(journal: Journal, mig: int, kind: str = "") -> Iterator[Row]:
    """Every record, by kind and id; or those of one kind."""
    after: tuple[str, str] | None = (kind, "") if kind else None
    while True:
        with journal.reading() as connection:
            page = _page(connection, mig, after)
        for row in page:
            if kind and row.kind != kind:
                return
            yield row
        if len(page) < _PAGE:
            return
        after = (page[-1].kind, page[-1].id)


def _page(connection: Connection, mig: int, after: tuple[str, str] | None) -> list[Row]:
    c = record.c
    statement = select(*_COLUMNS).where(c.migration == mig).order_by(c.kind, c.id).limit(_PAGE)
    if after is not None:
        statement = statement.where(or_(c.kind > after[0], and_(c.kind == after[0], c.id > after[1])))
    found = connection.execute(statement).all()
    raws: dict[tuple[str, str], bytes] = {}
    for resource in {row.resource for row in found}:
        names = sorted({row.raw_id for row in found if row.resource == resource})
        bodies = select(raw.c.id, raw.c.body).where(
            raw.c.migration == mig, raw.c.resource == resource, raw.c.id.in_(names)
        )
        raws |= {(resource, row.id): row.body for row in connection.execute(bodies)}
    losses: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for kind in {row.kind for row in found}:
        names = sorted(row.id for row in found if row.kind == kind)
        lost = select(loss).where(loss.c.migration == mig, loss.c.kind == kind, loss.c.id.in_(names))
        for row in connection.execute(lost.order_by(loss.c.id, loss.c.field)):
            losses.setdefault((kind, row.id), []).append((row.field, row.outcome, row.why))
    return [_row(connection, mig, row, raws, losses.get((row.kind, row.id), [])) for row in found]


def _row(
    connection: Connection,
    mig: int,
    row: Any,
    raws: dict[tuple[str, str], bytes],
    losses: Sequence[tuple[str, str, str]],
) -> Row:
    packed = raws.get((row.resource, row.raw_id))
    native = zlib.decompress(packed) if packed is not None else None
    beside = ""
    if native is not None and len(native) > SHARED:
        first = _first(connection, mig, row.resource, row.raw_id)
        if first != f"{row.kind}/{row.id}":
            native, beside = None, first
    return Row(
        kind=row.kind,
        id=row.id,
        resource=row.resource,
        raw_id=row.raw_id,
        body=row.body,
        unit=row.unit or "",
        fate=row.fate or "",
        state=row.state,
        reason=row.reason,
        merged_into=row.merged_into or "",
        warnings=row.warnings,
        losses=losses,
        native=native,
        native_of=beside,
    )


def _first(connection: Connection, mig: int, resource: str, raw_id: str) -> str:
    c = record.c
    among = select(c.kind, c.id).where(c.migration == mig, c.resource == resource, c.raw_id == raw_id)
    row = connection.execute(among.order_by(c.kind, c.id).limit(1)).one()
    return f"{row.kind}/{row.id}"


class Left(Struct, frozen=True):
    """A raw no record was made of."""

    resource: str
    id: str
    body: bytes
    gone: bool


def raws_alone(journal: Journal, mig: int) -> Iterator[Left]:
    """Every raw that became no record at all, by resource and id."""
    c = raw.c
    made = and_(record.c.migration == mig, record.c.resource == c.resource, record.c.raw_id == c.id)
    after: tuple[str, str] | None = None
    while True:
        statement = select(c.resource, c.id, c.body, c.gone).where(
            c.migration == mig, ~select(record.c.id).where(made).exists()
        )
        if after is not None:
            statement = statement.where(or_(c.resource > after[0], and_(c.resource == after[0], c.id > after[1])))
        with journal.reading() as connection:
            page = connection.execute(statement.order_by(c.resource, c.id).limit(_PAGE)).all()
        for row in page:
            yield Left(row.resource, row.id, zlib.decompress(row.body), bool(row.gone))
        if len(page) < _PAGE:
            return
        after = (page[-1].resource, page[-1].id)


# ---- where things stand on the target --------------------------------------------------------------------------------


class Standing(Struct, frozen=True):
    """Where a unit stands on the target, and what of it has an id of its own there."""

    unit: str
    id: str
    """Empty: it never came to be, or nobody knows where."""
    own: Sequence[tuple[str, str]]
    """Records ("message/65f1") and their own ids."""
    url: str = ""
    """Where everybody reads it, as its publication answered; empty: nowhere, or its platform makes it of the id."""


def standings(journal: Journal, mig: int) -> Iterator[Standing]:
    """Every unit that an operation of which was answered, by its key."""
    after: str | None = None
    while True:
        c = operation.c
        names = select(c.unit).distinct().where(c.migration == mig, c.receipt.is_not(None))
        if after is not None:
            names = names.where(c.unit > after)
        with journal.reading() as connection:
            keys = list(connection.scalars(names.order_by(c.unit).limit(_PAGE)))
            page = _standings(connection, mig, keys)
        yield from page
        if len(keys) < _PAGE:
            return
        after = keys[-1]


def _standings(connection: Connection, mig: int, keys: Sequence[str]) -> list[Standing]:
    c = operation.c
    among = select(c.unit, c.name, c.effect, c.marker, c.carries, c.receipt).where(
        c.migration == mig, c.unit.in_(keys), c.receipt.is_not(None), c.state.in_(("done", "due"))
    )
    answers: dict[str, list[Any]] = {key: [] for key in keys}
    for row in connection.execute(among.order_by(c.unit, c.name)):
        answers[row.unit].append(row)
    return [_standing(key, found) for key, found in answers.items()]


def _standing(key: str, answers: Sequence[Any]) -> Standing:
    kind, _, name = key.partition(":")
    root, whole, url = f"{kind}/{name}", "", ""
    own: dict[str, str] = {}
    # A birth bears no marker; of what is found by its marker, the operation that carries the root (as `mig failures`).
    births = [
        row for row in answers if row.effect == "create" and (row.marker is None or root in row.carries.split("\n"))
    ]
    for row in sorted(births, key=lambda one: (one.marker is not None, one.name)):
        whole = whole or msgspec.json.decode(row.receipt, type=Receipt).values.get("id", "")
    for row in answers:
        values = msgspec.json.decode(row.receipt, type=Receipt).values
        found = values.get("id", "")
        if root in row.carries.split("\n"):
            url = values.get("url", "") or url
        if found and found != whole:
            for ref in row.carries.split("\n"):
                own.setdefault(ref, found)
    return Standing(key, whole, [(ref, found) for ref, found in own.items() if ref and ref != root], url)


class Part(Struct, frozen=True):
    """A record as a list of ids tells of it."""

    kind: str
    id: str
    unit: str
    fate: str
    state: str
    merged_into: str


def parts(journal: Journal, mig: int) -> Iterator[tuple[Part, Standing | None]]:
    """Every record with where its unit stands: unit by unit, in order, then those without one."""
    c = record.c
    columns = select(c.kind, c.id, c.unit, c.fate, c.state, c.merged_into).where(c.migration == mig)
    after: tuple[str, str, str] | None = None
    while True:
        statement = columns.where(c.unit.is_not(None)).order_by(c.unit, c.kind, c.id).limit(_PAGE)
        if after is not None:
            unit, kind, name = after
            below = or_(c.kind > kind, and_(c.kind == kind, c.id > name))
            statement = statement.where(or_(c.unit > unit, and_(c.unit == unit, below)))
        with journal.reading() as connection:
            page = connection.execute(statement).all()
            found = {one.unit: one for one in _standings(connection, mig, sorted({row.unit for row in page}))}
        for row in page:
            yield _part(row), found.get(row.unit)
        if len(page) < _PAGE:
            break
        after = (page[-1].unit, page[-1].kind, page[-1].id)
    alone: tuple[str, str] = ("", "")
    while True:
        statement = columns.where(c.unit.is_(None), or_(c.kind > alone[0], and_(c.kind == alone[0], c.id > alone[1])))
        with journal.reading() as connection:
            page = connection.execute(statement.order_by(c.kind, c.id).limit(_PAGE)).all()
        for row in page:
            yield _part(row), None
        if len(page) < _PAGE:
            return
        alone = (page[-1].kind, page[-1].id)


def _part(row: Any) -> Part:
    return Part(row.kind, row.id, row.unit or "", row.fate or "", row.state, row.merged_into or "")


def last_ended(connection: Connection, mig: int) -> Any:
    """The last run that ended, or None."""
    ended = select(run).where(run.c.migration == mig, run.c.ended_at.is_not(None))
    return connection.execute(ended.order_by(run.c.id.desc()).limit(1)).first()


def how_many(connection: Connection, mig: int) -> tuple[int, int]:
    """How many records there are, and how many bytes of raw and neutral ones, packed."""
    count = connection.execute(select(func.count()).where(record.c.migration == mig)).scalar_one()
    neutral = select(func.sum(func.length(record.c.body))).where(record.c.migration == mig)
    native = select(func.sum(func.length(raw.c.body))).where(raw.c.migration == mig)
    sizes = [connection.execute(one).scalar() or 0 for one in (neutral, native)]
    return int(count), int(sum(sizes))
