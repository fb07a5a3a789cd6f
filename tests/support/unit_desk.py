"""A journal with an extractor before it: what pages of raws become there, for tests of staging."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

import mig
from mig.engine.extract import Extractor
from mig.journal import delivery, staging
from mig.journal.schema import operation, record, unit
from mig.journal.store import Journal
from mig.model import TYPES, Ref
from mig.settings import Settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def contact(name: str, email: str = "", at: int = 0, **more: Any) -> mig.Contact:
    """A contact made so many milliseconds after the beginning."""
    emails = [mig.Address(value=one) for one in email.split()]
    return mig.Contact(ref=Ref(mig.CONTACT, name), emails=emails, created_at=BEGIN + timedelta(milliseconds=at), **more)


def conversation(name: str, at: int = 0, **more: Any) -> mig.Conversation:
    """A conversation, likewise."""
    return mig.Conversation(ref=Ref(mig.CONVERSATION, name), created_at=BEGIN + timedelta(milliseconds=at), **more)


def message(name: str, of: str, at: int = 0, **more: Any) -> mig.Message:
    """A message of a conversation."""
    home = Ref(mig.CONVERSATION, of)
    when = BEGIN + timedelta(milliseconds=at)
    return mig.Message(ref=Ref(mig.MESSAGE, name), conversation=home, sent_at=when, **more)


def note(name: str, of: Ref, at: int = 0, **more: Any) -> mig.Note:
    """A note on a conversation or a contact."""
    where: dict[str, Any] = {"conversation" if of.kind == mig.CONVERSATION else "contact": of}
    return mig.Note(ref=Ref(mig.NOTE, name), written_at=BEGIN + timedelta(milliseconds=at), **where, **more)


def attachment(name: str, of: Ref, at: int = 0, **more: Any) -> mig.Attachment:
    """A file on a message or note."""
    when = BEGIN + timedelta(milliseconds=at)
    return mig.Attachment(ref=Ref(mig.ATTACHMENT, name), parent=of, created_at=when, **more)


def raw(*records: mig.Record, name: str = "", gone: bool = False) -> mig.Raw:
    """One native object that becomes these records."""
    body = msgspec.json.encode([(one.ref.kind, msgspec.Raw(mig.encode(one))) for one in records])
    return mig.Raw("things", name or str(records[0].ref), body, gone=gone)


class Pages:
    """A source that hands over the pages it was given, and counts what it was asked to parse and fetch."""

    def __init__(
        self, pages: Sequence[Sequence[mig.Raw]], known: Mapping[Ref, mig.Raw], *, closed: bool = False
    ) -> None:
        self.pages = pages
        self.known = known
        self.parsed: list[str] = []
        self.fetched: list[Ref] = []
        self.closed = closed

    async def identity(self) -> str:
        return "org"

    async def partitions(self, scope: mig.Scope) -> Sequence[mig.Partition]:
        return [mig.Partition("things")]

    async def extract(self, part: mig.Partition, scope: mig.Scope, checkpoint: bytes | None) -> AsyncIterator[mig.Page]:
        for rows in self.pages:
            yield mig.Page(rows, None)

    def parse(self, raw: mig.Raw) -> mig.Parsed:
        self.parsed.append(raw.id)
        rows = msgspec.json.decode(raw.body, type=list[tuple[str, msgspec.Raw]])
        return mig.Parsed([mig.decode(bytes(body), TYPES[mig.Kind(kind)]) for kind, body in rows])

    async def fetch(self, refs: Sequence[Ref]) -> Mapping[Ref, mig.Raw]:
        self.fetched += refs
        if self.closed:
            raise mig.Unreadable("this role may not read it")
        return {ref: self.known[ref] for ref in refs if ref in self.known}

    async def ids(self, kind: mig.Kind, scope: mig.Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        yield []


class Placer:
    """The part of a target that staging asks: a message under its conversation, contacts one by their e-mail."""

    def place(self, record: mig.Record) -> mig.Place:
        when = getattr(record, "sent_at", None) or getattr(record, "written_at", None) or record.created_at
        order = (mig.epoch_ms(when) if when else 0, 0, record.ref.id)
        match record:
            case mig.Contact():
                return mig.Place(None, order, frozenset(f"email:{one.value}" for one in record.emails))
            case mig.Message():
                return mig.Place(record.conversation, order)
            case mig.Note():
                return mig.Place(record.conversation or record.contact, order)
            case mig.Attachment():
                return mig.Place(record.parent, order)
            case _:
                return mig.Place(None, order)


class Desk:
    """A migration in a journal, in memory unless told otherwise."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.journal = Journal.open(url, inline=True)
        self.mig = 0

    async def read(
        self, *pages: Sequence[mig.Raw | mig.Record], known: Sequence[mig.Record] = (), closed: bool = False
    ) -> Pages:
        """One run's extraction. Returns: the source, to ask what was parsed."""
        rows = [[one if isinstance(one, mig.Raw) else raw(one) for one in page] for page in pages]
        source: Any = Pages(rows, {one.ref: raw(one) for one in known}, closed=closed)
        names = {"source": "a", "organisation": "o", "target": "b", "workspace": "w"}
        self.mig, _ = await self.journal.write(lambda c: staging.find_migration(c, now="now", **names))
        spec = mig.SourceSpec("a", Settings, Any, {}, {"things": mig.MESSAGE, "threads": mig.CONVERSATION})  # type: ignore[arg-type]  # never opened
        target: Any = Placer()
        extractor = Extractor(
            self.journal, self.mig, source, spec, target, readers=1, progress=lambda resource, count: None
        )
        await extractor.extract(mig.Scope())
        pages_read: Pages = source
        return pages_read

    def close(self) -> None:
        """Let the journal go."""
        self.journal.close()

    def units(self) -> dict[str, list[str]]:
        """Unit -> its records in order, as text."""
        with self.journal.reading() as c:
            keys = c.execute(select(unit.c.key).where(unit.c.migration == self.mig)).scalars().all()
            rows = {key: [str(row.ref) for row in delivery.unit_records(c, self.mig, key)] for key in keys}
        return {key: refs for key, refs in sorted(rows.items()) if refs}

    def dirty(self) -> set[str]:
        """Units that wait to be delivered."""
        with self.journal.reading() as c:
            return {key for _, _, key in delivery.next_units(c, self.mig, None, 10_000)}

    def urgent(self) -> list[str]:
        """Units that wait, the most urgent first."""
        with self.journal.reading() as c:
            return [key for _, _, key in delivery.next_units(c, self.mig, None, 10_000)]

    async def deliver(self, needs: Mapping[str, Sequence[Ref]] | None = None) -> None:
        """Pretend that every unit was delivered, and what it looked up."""

        def finish(c: Connection) -> None:
            for _, _, key in delivery.next_units(c, self.mig, None, 10_000):
                asked, version = (needs or {}).get(key, ()), delivery.unit_version(c, self.mig, key)
                delivery.finish_unit(c, self.mig, key, looked="", asked=asked, clean=True, version=version)
            c.execute(update(record).where(record.c.state == "staged").values(state="done", fate="load", loaded_run=1))

        await self.journal.write(finish)

    def row(self, ref: Ref) -> Any:
        """What the journal says of a record."""
        with self.journal.reading() as c:
            return c.execute(
                select(record).where(record.c.migration == self.mig, record.c.kind == ref.kind, record.c.id == ref.id)
            ).one()

    def operations(self) -> dict[tuple[str, str], str]:
        """(unit, operation) -> state."""
        with self.journal.reading() as c:
            rows = c.execute(select(operation.c.unit, operation.c.name, operation.c.state))
            return {(row.unit, row.name): row.state for row in rows}
