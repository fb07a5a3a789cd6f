"""A narrowed run: which conversations the filter means, and everything they refer to.

The source may read more than was asked for; what is moved and counted is decided here, over neutral records, by the
same rules for every platform.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection

from mig.errors import Usage
from mig.journal import selection
from mig.journal.staging import SMALL
from mig.journal.store import Journal
from mig.model import (
    AGENT,
    ATTACHMENT,
    ATTRIBUTE,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    TAG,
    Agent,
    Contact,
    Conversation,
    Kind,
    Message,
    Record,
    Ref,
    Tag,
)
from mig.platforms import Scope

Fetch = Callable[[Sequence[Ref]], Awaitable[bool]]
PARTS = frozenset((MESSAGE, NOTE, ATTACHMENT))
"""Kinds that are moved with what they hang on."""
_EARLY = datetime(1, 1, 1, tzinfo=UTC)


def is_narrow(scope: Scope) -> bool:
    """Whether a scope leaves anything out."""
    return bool(scope.kinds or scope.since or scope.until or scope.filters)


class Selector:
    """Selects the units of a narrowed run.

    Args:
        journal: Holds what was read.
        mig: The migration's number.
        types: Kind -> Struct.
        groups: Names of groups of channels -> the source's own names.
        fetch: Stages records by id, as far as the source has them.
        unreadable: The kinds that could not be read.
    """

    def __init__(
        self,
        journal: Journal,
        mig: int,
        types: Mapping[Kind, type[Record]],
        groups: Mapping[str, Sequence[str]],
        fetch: Fetch,
        unreadable: Callable[[], Iterable[str]],
    ) -> None:
        self._journal = journal
        self._mig = mig
        self._types = types
        self._groups = groups
        self._fetch = fetch
        self._unreadable = unreadable

    async def select(self, scope: Scope) -> None:
        """Select what a scope means, with everything it refers to, and nothing else.

        Raises:
            Usage: That is nothing.
        """
        mig = self._mig
        await self._journal.write(lambda c: selection.clear(c, mig))
        roots = frozenset(kind for kind in scope.kinds if kind not in PARTS)
        if scope.kinds & PARTS:
            roots |= {CONVERSATION}
        if scope.since or scope.until or scope.filters:
            await self._choose(scope)
            await self._close()
            if roots:
                await self._journal.write(lambda c: selection.keep_kinds(c, mig, roots))
        else:
            await self._journal.write(lambda c: selection.add_kinds(c, mig, roots))
        await self._close()
        if await self._journal.read(lambda c: selection.is_empty(c, mig)):
            missing = ", ".join(sorted(self._unreadable()))
            hint = f"The key may not read: {missing}; see `mig check`." if missing else "Widen it."
            raise Usage("the filter selects nothing", hint)

    async def take(self, only: Callable[[Connection, int], Iterable[str]]) -> None:
        """Select the units named, with everything they refer to; none is no error."""

        def save(connection: Connection) -> None:
            selection.clear(connection, self._mig)
            keys = iter(only(connection, self._mig))
            while some := list(itertools.islice(keys, 1000)):
                selection.add(connection, self._mig, some)

        await self._journal.write(save)
        await self._close()

    async def _choose(self, scope: Scope) -> None:
        """The conversations of a filter, and the people it names."""
        filters = scope.filters
        agents = await self._agents(filters["agent"]) if "agent" in filters else None
        customers = await self._customers(filters["customer"]) if "customer" in filters else None
        tags = await self._tags(filters["tag"]) if "tag" in filters else None
        wrote = await self._wrote_in(agents) if agents is not None else frozenset()
        channels = self._channels(filters["channel"]) if "channel" in filters else None
        limit = scope.limit
        found: list[tuple[datetime, str, str]] = []
        async for record, home in self._records(CONVERSATION):
            assert isinstance(record, Conversation)
            fits = (
                _in_time(record, scope)
                and (agents is None or bool(agents & set(record.agents)) or record.ref in wrote)
                and (customers is None or record.contact in customers)
                and (tags is None or bool(tags & set(record.tags)))
                and (channels is None or bool(channels & {name.lower() for name in record.channels}))
            )
            if fits:
                found.append((record.changed_at or record.created_at or _EARLY, record.ref.id, home))
            if limit is not None and len(found) > 4 * limit + 1000:
                found = _newest(found, limit)
        chosen = [home for _, _, home in (_newest(found, limit) if limit is not None else found)]
        alone = set(scope.filters) == {"customer"} and not scope.since and not scope.until
        if alone:  # a customer without conversations is still one
            chosen += (await self._homes(sorted(customers or ()))).values()
        await self._journal.write(lambda c: selection.add(c, self._mig, chosen))

    async def _close(self) -> None:
        """Follow references until nothing new comes; what the source has and nobody read yet is read."""
        while keys := await self._journal.read(lambda c: selection.unwalked(c, self._mig)):
            await self._follow(keys)

    async def _follow(self, keys: Sequence[str]) -> None:
        refs = await self._referred(keys)
        homes = await self._homes(refs)
        missing = [ref for ref in refs if ref not in homes and ref.kind not in SMALL and ref.kind not in PARTS]
        if missing and await self._fetch(missing):
            homes = await self._homes(refs)

        def save(connection: Connection) -> None:
            selection.add(connection, self._mig, homes.values())
            selection.walk(connection, self._mig, keys)

        await self._journal.write(save)

    async def _homes(self, refs: Sequence[Ref]) -> dict[Ref, str]:
        return await self._journal.read(lambda c: selection.homes(c, self._mig, refs))

    async def _referred(self, keys: Sequence[str]) -> list[Ref]:
        rows = await self._journal.read(lambda c: selection.bodies_in(c, self._mig, keys))
        refs: set[Ref] = set()
        for kind, _, body in rows:
            if body and Kind(kind) not in SMALL:  # a team's members are no reason to move them
                refs |= set(references(msgspec.json.decode(body, type=self._types[Kind(kind)])))
        return sorted(refs)

    async def _records(self, kind: Kind) -> AsyncIterator[tuple[Record, str]]:
        after = ""
        while rows := await self._page(kind, after):
            for _, home, body in rows:
                if body:
                    yield msgspec.json.decode(body, type=self._types[kind]), home
            after = rows[-1][0]

    async def _page(self, kind: Kind, after: str) -> list[tuple[str, str, bytes]]:
        return await self._journal.read(lambda c: selection.bodies(c, self._mig, kind, after))

    async def _agents(self, who: Sequence[str]) -> frozenset[Ref]:
        wanted = {one.lower() for one in who}
        return frozenset(
            [
                record.ref
                async for record, _ in self._records(AGENT)
                if isinstance(record, Agent) and {record.ref.id.lower(), record.email.lower()} & wanted
            ]
        )

    async def _customers(self, who: Sequence[str]) -> frozenset[Ref]:
        wanted = {one.lower() for one in who}
        found = {Ref(CONTACT, one) for one in who if "@" not in one}
        if any("@" in one for one in who):
            async for record, _ in self._records(CONTACT):
                if isinstance(record, Contact) and any(address.value.lower() in wanted for address in record.emails):
                    found.add(record.ref)
        return frozenset(found)

    async def _tags(self, names: Sequence[str]) -> frozenset[Ref]:
        wanted = {name.lower() for name in names}
        return frozenset(
            [
                record.ref
                async for record, _ in self._records(TAG)
                if isinstance(record, Tag) and {record.ref.id.lower(), record.name.lower()} & wanted
            ]
        )

    async def _wrote_in(self, agents: frozenset[Ref]) -> frozenset[Ref]:
        """Conversations in which one of them wrote a message."""
        found: set[Ref] = set()
        async for record, _ in self._records(MESSAGE):
            assert isinstance(record, Message)
            if record.conversation is not None and record.author in agents:
                found.add(record.conversation)
        return frozenset(found)

    def _channels(self, names: Sequence[str]) -> frozenset[str]:
        return frozenset(own.lower() for name in names for own in self._groups.get(name.lower(), (name,)))


def references(value: object) -> Iterator[Ref]:
    """Every record a record names, and the definitions of its own attributes."""
    if isinstance(value, Record):
        custom = getattr(value, "custom", None)
        for key in custom if isinstance(custom, Mapping) else ():
            yield Ref(ATTRIBUTE, f"{value.ref.kind}.{key}")
        for name in value.__struct_fields__:
            if name not in ("ref", "extra", "custom", "meta"):
                yield from references(getattr(value, name))
    elif isinstance(value, Ref):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from references(getattr(value, name))


def _in_time(record: Conversation, scope: Scope) -> bool:
    if scope.since is None and scope.until is None:
        return True
    when = record.created_at
    return (
        when is not None
        and (scope.since is None or scope.since <= when)
        and (scope.until is None or when < scope.until)
    )


def _newest(found: list[tuple[datetime, str, str]], limit: int) -> list[tuple[datetime, str, str]]:
    """The conversations changed last, of equal times those with the larger id."""
    return sorted(found, reverse=True)[:limit]
