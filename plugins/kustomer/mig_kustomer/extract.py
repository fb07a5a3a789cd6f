"""One partition from its checkpoint to its end: the list first, the search for what the list does not show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec import Struct

from mig import Page, Raw, Unreadable
from mig_kustomer.beside import Files, Originals, files_of_notes, messages_and_files
from mig_kustomer.catalog import RESOURCES, Context, Key
from mig_kustomer.client import Client, Unserved
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import START, Newest, Row, Walk, iso, newest
from mig_kustomer.wire import Leaf

log = structlog.get_logger()

_PASSES = 3
"""How often a list of several pages is read while the desk goes on changing it."""
_WITH_FILES = {"message_attachment_count": {"gte": 1}}


class State(Struct, frozen=True, omit_defaults=True):
    """A checkpoint."""

    mode: str = "list"
    """list: pages of a list; files: messages with files by search; walk: everything by search; done."""
    query: int = 0
    """list: which of its queries."""
    page: int = 1
    """list: which page comes next."""
    since: str = ""
    """files, walk: where it goes on."""
    start: str = ""
    """files: where the walk behind it starts."""
    told: str = ""
    """walk: messages with files were handed out with them up to here."""
    mark: str = ""
    """The last change known before this extraction began; done: where the next run's delta starts."""
    horizon: str = ""
    """files, walk: dates after it were too young to be trusted when the walk began."""
    by: int = 0
    """Which of the context's dates is walked by."""

    @classmethod
    def read(cls, checkpoint: bytes | None) -> State:
        """A checkpoint as it was written; one of an unknown form starts anew."""
        if checkpoint is None:
            return cls()
        try:
            return msgspec.json.decode(checkpoint, type=cls)
        except msgspec.DecodeError:
            log.warning("checkpoint.unknown")
            return cls()

    def write(self) -> bytes:
        """The opaque bytes the engine keeps."""
        return msgspec.json.encode(self)


class Extraction:
    """Reads one resource.

    Lists come first whatever the size: they alone show rows older than two years, and cost a hundred requests of
    the larger budget at most. What lies behind their cap is walked through by search.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        name: Which resource.
        census: Only ids and times are wanted, of what is not deleted: no files, no originals.
    """

    def __init__(self, client: Client, settings: KustomerSettings, name: str, *, census: bool = False) -> None:
        self._client = client
        self._settings = settings
        self._name = name
        self._resource = RESOURCES[name]
        self._census = census
        self._files = Files(client, settings) if name == "messages" and not census else None
        self._originals = Originals(client, settings)
        self._capped = False
        self._listed: set[str] = set()
        self._by = 0

    async def pages(self, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """Pages from the checkpoint on, the last one with the mark of the next delta."""
        state = State.read(checkpoint)
        if state.mode == "done":
            state = self._delta(state)
        if state.mode != "list":
            try:
                async for page in self._search(state):
                    yield page
                return
            except Unserved as error:
                log.warning("search.refused", resource=self._name, status=error.status)
                state = State()
        before = Newest(as_time(state.mark), None) if state.mark else await self._newest()
        if before is not None and before.at is not None:
            state = msgspec.structs.replace(state, mark=iso(before.at), by=self._by)
        async for page in self._list(state, before):
            yield page
        if not self._capped:
            yield Page((), State("done", mark=state.mark, by=state.by).write())
            return
        log.warning("list.capped", resource=self._name, rows=self._settings.list_cap, searched=bool(state.mark))
        if not state.mark:
            raise Unreadable(
                f"{self._name}: only the first {self._settings.list_cap} could be read",
                "The key may not search: make one with org.permission.search.create.",
            )
        async for page in self._search(self._walk(START, state)):
            yield page

    # ---- lists -------------------------------------------------------------------------------------------------------

    async def _list(self, state: State, before: Newest | None) -> AsyncIterator[Page]:
        """Read the list, and again while something changed meanwhile: page numbers shift over changing rows."""
        if self._resource.singles:
            async for page in self._singles(state):
                yield page
            return
        for _ in range(_PASSES):
            count = added = 0
            async for page in self._pass(state):
                count += 1
                added += len(page.rows)
                yield page
            if self._capped or count < 2 or not added or before is None:
                return
            now = await self._newest()
            if now is None or now == before or (before.total is None and now.at == before.at):
                return
            before, state = now, msgspec.structs.replace(state, query=0, page=1)

    async def _pass(self, state: State) -> AsyncIterator[Page]:
        settings = self._settings
        for number in range(state.query, len(self._resource.queries)):
            query = dict(self._resource.queries[number])
            if self._census:
                query.pop("include", None)
            page = state.page if number == state.query else 1
            more = True
            while more:
                size = settings.list_page
                leaf = await self._client.get(self._resource.path, {**query, "page": page, "pageSize": size})
                more = leaf.next is not None and bool(leaf.rows)
                if leaf.next is not None:
                    self._client.check(leaf.next)
                if more and (page * size >= settings.list_cap or page >= settings.page_cap):
                    more, self._capped = False, True
                raws = [raw for raw in await self._raws(leaf) if raw.id not in self._listed]
                self._listed.update(raw.id for raw in raws)
                page += 1
                following = {"page": page} if more else {"query": number + 1, "page": 1}
                if self._capped:  # taken up again here, the cap is met again
                    following = {"page": page - 1}
                yield Page(raws, msgspec.structs.replace(state, **{"query": number, **following}).write())
                if self._capped:
                    return

    async def _singles(self, state: State) -> AsyncIterator[Page]:
        for number in range(state.query, len(self._resource.singles)):
            one = self._resource.singles[number]
            leaf = await self._client.find(f"{self._resource.path}/{one}")
            if leaf is None:
                log.warning("resource.absent", resource=self._name, id=one)
            raws = [Row.of(body).raw(self._name) for body in leaf.rows] if leaf else []
            yield Page(raws, msgspec.structs.replace(state, query=number + 1).write())

    async def _raws(self, leaf: Leaf) -> list[Raw]:
        if self._files is None:
            return await self._plain([Row.of(body) for body in leaf.rows])
        return await self._originals.beside(messages_and_files(leaf))

    # ---- search ------------------------------------------------------------------------------------------------------

    async def _newest(self) -> Newest | None:
        """How the context stands; None: it cannot be searched, by this key or at all."""
        context = self._resource.context
        for number, key in enumerate(context.changed) if context else ():
            try:
                found = await newest(self._client, context, key) if context else None
            except Unserved as error:
                log.info("search.unserved", resource=self._name, key=key.search, status=error.status)
                continue
            self._by = number
            return found
        return None

    def _delta(self, state: State) -> State:
        mark = as_time(state.mark)
        if mark is None or self._resource.context is None:
            return State()
        return self._walk(mark - timedelta(seconds=self._settings.overlap_s), state)

    def _walk(self, since: datetime, state: State) -> State:
        start = iso(since)
        if self._files is None:
            return State("walk", since=start, mark=state.mark, by=state.by)
        return State("files", since=start, start=start, mark=state.mark, by=state.by)

    def _open(self, state: State, context: Context, key: Key, *, files: bool = False) -> Walk:
        return Walk(
            self._client,
            self._settings,
            context,
            key,
            as_time(state.since) or START,
            fixed=[_WITH_FILES] if files else [],
            horizon=as_time(state.horizon),
            deleted=not self._census,
        )

    async def _search(self, state: State) -> AsyncIterator[Page]:
        context = self._resource.context
        assert context is not None, "only contexts are walked"
        key = context.changed[state.by]
        if self._files is not None:
            if state.start != state.since:
                await self._remember(state, context, key, self._files)
            if state.mode == "files":
                walk = self._open(state, context, key, files=True)
                async for step in walk.steps():
                    async for raws in self._files.of(step.rows):
                        yield Page(await self._originals.beside(raws), state.write())
                    state = _after(state, step.since, walk)
                    yield Page((), state.write())
                told = iso(walk.last) if walk.last is not None else state.since
                state = msgspec.structs.replace(state, mode="walk", since=state.start, start="", told=told)
        walk = self._open(state, context, key)
        async for step in walk.steps():
            state = _after(state, step.since, walk)
            yield Page(await self._plain(step.rows), state.write())
        mark = max(filter(None, (as_time(state.mark), walk.reached)), default=START)
        yield Page((), State("done", mark=iso(mark), by=state.by).write())

    async def _remember(self, state: State, context: Context, key: Key, files: Files) -> None:
        """After a crash: which of the messages still to come were handed out with their files before it.

        Those that changed since were perhaps not: the next delta brings them.
        """
        until = as_time(state.told) or START
        if state.mode == "files":  # the instant it stopped at may be half told
            until = (as_time(state.since) or START) - timedelta(milliseconds=1)
        begin = msgspec.structs.replace(state, since=state.start or state.since)
        async for step in self._open(begin, context, key, files=True).steps():
            given = [row.id for row in step.rows if row.at is not None and row.at <= until]
            files.given.update(given)
            if step.rows and not given:
                return  # what follows is younger still

    async def _plain(self, rows: Sequence[Row]) -> list[Raw]:
        if self._files is None:
            files = await files_of_notes(self._client, rows) if self._name == "notes" and not self._census else []
            return [*(row.raw(self._name) for row in rows), *files]
        given = self._files.given
        return await self._originals.beside([row.raw(self._name) for row in rows if row.id not in given])


def _after(state: State, since: datetime, walk: Walk) -> State:
    horizon = iso(walk.horizon) if walk.horizon is not None else ""
    return msgspec.structs.replace(state, since=iso(since), horizon=horizon)
