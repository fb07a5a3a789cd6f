"""What is quarantined: every failed record with its reason; and a source of just that, for `mig failures --retry`."""

from __future__ import annotations

import itertools
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, false, literal, or_, select, tuple_, update

from mig.errors import Lost, Unreadable
from mig.journal.orphans import UNPARSED
from mig.journal.schema import operation, raw, record
from mig.journal.store import Journal
from mig.journal.text import Foreign
from mig.model import Kind, Record, Ref
from mig.platforms import HasFiles, Page, Parsed, Partition, Raw, Receipt, Scope, Source

_PAGE = 500
_BATCH = 100


class Failure(Struct, frozen=True):
    """A quarantined record."""

    ref: Ref
    resource: str
    """Of its raw."""
    reason: str
    """As it was kept: what is wrong, then the way out."""
    unit: str | None


def failed(connection: Connection, mig: int) -> Iterator[Failure]:
    """Every quarantined record, by kind and id; only a page of them is held in memory."""
    kind, name = "", ""
    while True:
        # As a pair, which both databases find by the primary key; with "or" each page would begin at the first row.
        later = tuple_(record.c.kind, record.c.id) > tuple_(literal(kind, Foreign()), literal(name, Foreign()))
        rows = connection.execute(
            select(record.c.kind, record.c.id, record.c.resource, record.c.reason, record.c.unit)
            .where(record.c.migration == mig, record.c.state == "failed", later)
            .order_by(record.c.kind, record.c.id)
            .limit(_PAGE)
        ).all()
        for row in rows:
            yield Failure(Ref(Kind(row.kind), row.id), row.resource, row.reason, row.unit)
        if len(rows) < _PAGE:
            return
        kind, name = rows[-1].kind, rows[-1].id


def homeless(connection: Connection, mig: int) -> Iterator[Failure]:
    """Quarantined records that could not be parsed and belong to nothing: no filter tells whether it means them."""
    rows = connection.execute(
        select(record.c.kind, record.c.id, record.c.resource, record.c.reason)
        .where(record.c.migration == mig, record.c.unit.is_(None), UNPARSED)
        .order_by(record.c.kind, record.c.id)
    )
    for row in rows:
        yield Failure(Ref(Kind(row.kind), row.id), row.resource, row.reason, None)


def place(connection: Connection, mig: int, key: str | None) -> str:
    """Where a unit that was partly loaded stands on the target; empty: it does not, or nobody knows where."""
    if key is None:
        return ""
    kind, _, name = key.partition(":")
    births = select(operation.c.receipt).where(
        operation.c.migration == mig,
        operation.c.unit == key,
        operation.c.effect == "create",
        operation.c.state.in_(("done", "due")),
        or_(operation.c.marker.is_(None), operation.c.carries.contains(f"{kind}/{name}", autoescape=True)),
    )
    # A birth bears no marker; of what is found by its marker, the operation that carries the root.
    text = connection.execute(births.order_by(operation.c.marker.is_not(None), operation.c.name).limit(1)).scalar()
    return msgspec.json.decode(text, type=Receipt).values.get("id", "") if text else ""


def failed_above(connection: Connection, mig: int, refs: Sequence[Ref]) -> set[Ref]:
    """Quarantined records that these stand under, all the way up: a child can be no better than its parent."""
    found: set[Ref] = set()
    level = list(refs)
    while level:
        parent = record.alias("parent")
        link = and_(parent.c.migration == mig, parent.c.kind == record.c.parent_kind, parent.c.id == record.c.parent_id)
        rows = connection.execute(
            select(parent.c.kind, parent.c.id, parent.c.state)
            .distinct()
            .select_from(record.join(parent, link))
            .where(record.c.migration == mig, _among(level))
        ).all()
        level = [ref for row in rows if row.state == "failed" and (ref := Ref(Kind(row.kind), row.id)) not in found]
        found.update(level)
    return found


def read_again(connection: Connection, mig: int, refs: Sequence[Ref]) -> list[Raw]:
    """The raws of those among the records that could not be parsed; whatever comes in their place is parsed anew.

    Until it was, nothing is known of them but their bytes: a run that is killed in between parses them later.
    """
    rows = connection.execute(
        select(raw.c.resource, raw.c.id, raw.c.body, raw.c.gone)
        .distinct()
        .select_from(
            record.join(
                raw,
                and_(
                    raw.c.migration == record.c.migration,
                    raw.c.resource == record.c.resource,
                    raw.c.id == record.c.raw_id,
                ),
            )
        )
        .where(record.c.migration == mig, record.c.body == b"", _among(refs))
    ).all()
    for row in rows:
        connection.execute(
            update(raw)
            .where(raw.c.migration == mig, raw.c.resource == row.resource, raw.c.id == row.id)
            .values(digest="")
        )
    return [Raw(row.resource, row.id, zlib.decompress(row.body), gone=bool(row.gone)) for row in rows]


def homes(connection: Connection, mig: int, refs: Sequence[Ref]) -> list[str]:
    """The units these are in now, or what their raws became is; what has none is left out."""
    mine = record.alias("mine")
    same = and_(
        record.c.migration == mine.c.migration,
        record.c.resource == mine.c.resource,
        record.c.raw_id == mine.c.raw_id,
    )
    rows = select(mine.c.unit).distinct().select_from(record.join(mine, same))
    return list(
        connection.scalars(
            rows.where(record.c.migration == mig, _among(refs), mine.c.unit.is_not(None), mine.c.state != "gone")
        )
    )


def states(connection: Connection, mig: int, refs: Sequence[Ref]) -> Counter[str]:
    """What has become of records: how many `failed`, how many wait (`pending`), how many are `mended`."""
    rows = connection.execute(select(record.c.state).where(record.c.migration == mig, _among(refs))).scalars()
    words = {"failed": "failed", "staged": "pending", "sending": "pending"}
    return Counter(words.get(state, "mended") for state in rows)


def _among(refs: Sequence[Ref]) -> ColumnElement[bool]:
    """These records, by their primary key: a database searches each kind's part of it."""
    kinds = sorted({ref.kind for ref in refs})
    return or_(
        false(), *(and_(record.c.kind == k, record.c.id.in_([ref.id for ref in refs if ref.kind == k])) for k in kinds)
    )


class Spool:
    """What is tried again, in a file only we can read: it may be any number, and its state changes under way."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115  # open for as long as the spool is
        self.count = 0
        self.kinds: dict[str, Kind] = {}
        """Resource -> kind, of what is in it."""

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, failure: Failure) -> None:
        """Keep one; before the first `pages`."""
        self._file.write(json.dumps([failure.resource, failure.ref.kind, failure.ref.id]) + "\n")
        self.kinds.setdefault(failure.resource, failure.ref.kind)
        self.count += 1

    def pages(self, resource: str | None = None) -> Iterator[list[Ref]]:
        """What is in it, some at a time; of one resource, or all. Several may read at once."""
        rows = (json.loads(line) for line in self._lines())
        refs = (Ref(Kind(kind), name) for of, kind, name in rows if resource in (None, of))
        while page := list(itertools.islice(refs, _BATCH)):
            yield page

    def _lines(self) -> Iterator[str]:
        at = 0
        while True:
            self._file.seek(at)
            lines = [line for line in (self._file.readline() for _ in range(_BATCH)) if line]
            at = self._file.tell()
            if not lines:
                return
            yield from lines


class FailedSource:
    """A source in which only what failed is to be read: anew from the platform, and from the journal what is gone.

    What could not be parsed is parsed again, whether it changed or not: we may have, since.

    Args:
        inner: The real one.
        journal: Holds the raws.
        mig: The migration's number.
        spool: What failed.
    """

    def __init__(self, inner: Source, journal: Journal, mig: int, spool: Spool) -> None:
        self._inner = inner
        self._journal = journal
        self._mig = mig
        self._spool = spool

    async def identity(self) -> str:
        return await self._inner.identity()

    async def partitions(self, scope: Scope) -> Sequence[Partition]:
        return [Partition(resource, "failed") for resource in sorted(self._spool.kinds)]

    async def extract(self, part: Partition, scope: Scope, checkpoint: bytes | None) -> AsyncIterator[Page]:
        closed: Unreadable | None = None
        seen: set[Ref] = set()
        for page in self._spool.pages(part.resource):
            refs = [*page, *(await self._above(page, seen))]
            fresh: Mapping[Ref, Raw] = {}
            if closed is None:
                try:
                    fresh = await self._inner.fetch(refs)
                except Unreadable as error:
                    closed = error  # what the journal holds of them can still be parsed
            rows = {(one.resource, one.id): one for one in (*await self._kept(refs), *fresh.values())}
            yield Page(list(rows.values()), None)
        if closed is not None:
            raise closed

    def parse(self, raw: Raw) -> Parsed:
        return self._inner.parse(raw)

    async def fetch(self, refs: Sequence[Ref]) -> Mapping[Ref, Raw]:
        return await self._inner.fetch(refs)

    def ids(self, kind: Kind, scope: Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        return self._inner.ids(kind, scope)

    def open_file(self, record: Record) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._inner.open_file(record) if isinstance(self._inner, HasFiles) else _no_files()

    async def _above(self, page: Sequence[Ref], seen: set[Ref]) -> list[Ref]:
        """What these stand under that failed too, and was not read yet."""
        above = await self._journal.read(lambda c: failed_above(c, self._mig, page))
        found = sorted(above - seen - set(page))
        seen.update(found)
        return found

    async def _kept(self, refs: Sequence[Ref]) -> list[Raw]:
        return await self._journal.write(lambda c: read_again(c, self._mig, refs))


@asynccontextmanager
async def _no_files() -> AsyncIterator[AsyncIterator[bytes]]:
    raise Lost("the source cannot give files")
    yield  # pragma: no cover  # makes it a context manager
