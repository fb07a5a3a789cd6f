"""One partition from its checkpoint to its end: lists where they are enough, search and archive where not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from mig import Page, Raw, Unreadable
from mig_kustomer.beside import (
    WITH_FILES,
    Files,
    Originals,
    files_of_notes,
    messages_and_files,
    with_versions,
    without_ids,
)
from mig_kustomer.catalog import RESOURCES, Context, Key
from mig_kustomer.client import Client, Unserved
from mig_kustomer.klasses import KlassLists
from mig_kustomer.lists import Lists
from mig_kustomer.nameless import Nameless
from mig_kustomer.notes import OldNotes
from mig_kustomer.past import Past
from mig_kustomer.plan import prefers_search
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import NEVER, START, Course, Newest, Row, Walk, iso, newest
from mig_kustomer.wire import Leaf

log = structlog.get_logger()

_SEARCHED = timedelta(days=2 * 366)
"""Search knows no older changes (docs/api/kustomer.md, section 5); two years, and never less."""


class Extraction:
    """Reads one resource (docs/extraction.md tells how it decides).

    Up to the cap lists are quicker than search, and alone show rows of every age. A larger resource is walked through
    by search, and what is older than two years is looked for where it can be found (`Past`).

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
        self._notes = OldNotes(client, settings, files=not census) if name == "notes" else None
        self._originals = Originals(client, settings)
        self._lists = self._list(self._listed)
        self._by = 0
        self._state = State()
        self._begun: Past | None = None
        self._counted: object = None
        """How many messages have files, as search says."""

    async def pages(self, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """Pages from the checkpoint on, the last one with the mark of the next delta.

        Raises:
            Unreadable: Part of it cannot be had by this key; what can was handed out before.
        """
        state = State.read(checkpoint)
        nameless = Nameless(self._name, state.nameless)
        try:
            async for page in self._pages(state):
                yield nameless.noted(page)
        except Unserved as error:
            if error.status not in self._resource.tolerated:
                raise
            log.warning("resource.unserved", resource=self._name, status=error.status)
            yield Page((), State("done").write())
            return
        if nameless.missed:
            async for page in self._missed(nameless):
                yield page

    async def _pages(self, state: State) -> AsyncIterator[Page]:
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
            state = state.but(mark=iso(before.at), by=self._by)
        if not self._prefers_search(before):
            async for page in self._lists.pages(state, before, self._newest):
                yield page
            if not self._lists.capped:
                yield Page((), State("done", mark=state.mark, by=state.by).write())
                return
        log.info("list.passed_over", resource=self._name, cap=self._settings.list_cap, searched=bool(state.mark))
        if not state.mark:
            raise Unreadable(
                f"{self._name}: only the first {self._settings.list_cap} could be read",
                "The key may not search: make one with org.permission.search.create.",
            )
        horizon = iso((as_time(state.mark) or START) - timedelta(seconds=self._settings.overlap_s))
        async for page in self._search(self._walk(START, state).but(old=iso(START), horizon=horizon)):
            yield page

    async def _missed(self, nameless: Nameless) -> AsyncIterator[Page]:
        """Look for rows that were not shown this time, and tell which are gone: where the list shows all there is."""
        lists = self._lists
        try:
            if not lists.whole:
                lists = self._list(self._bare)
                async for page in lists.pages(State(), await self._newest(), self._newest):
                    if rows := nameless.of(page.rows):
                        yield nameless.noted(Page(rows, None))
                if nameless.missed and lists.whole:
                    # One that was mended without being changed comes by no date: it is among all of them.
                    lists = self._list(self._listed)
                    async for page in lists.pages(State(), await self._newest(), self._newest):
                        yield nameless.noted(Page(page.rows, None))
        except Unreadable as error:  # everything else was read
            log.warning("nameless.unknown", resource=self._name, why=error.message)
            return
        if nameless.missed and lists.whole:
            yield nameless.gone()

    def _list(self, raws: Callable[[Leaf], Awaitable[list[Raw]]]) -> Lists:
        made = KlassLists if self._name == "kobjects" else Lists
        return made(self._client, self._settings, self._name, self._resource, raws, census=self._census)

    async def _bare(self, leaf: Leaf) -> list[Raw]:
        """A page of the list and nothing that must be asked for."""
        if self._files is not None:
            return messages_and_files(leaf)
        if self._name == "slas":
            return with_versions(leaf)
        if self._name in ("accounts", "chat"):
            return without_ids(self._name, leaf)
        return [Row.of(body).raw(self._name) for body in leaf.rows]

    async def _listed(self, leaf: Leaf) -> list[Raw]:
        """What is handed out of a page of the list."""
        if self._resource.context is None:
            return await self._bare(leaf)
        if self._files is None:
            return await self._plain([Row.of(body) for body in leaf.rows])
        return await self._originals.beside(messages_and_files(leaf))

    # ---- how it stands -----------------------------------------------------------------------------------------------

    def _prefers_search(self, before: Newest | None) -> bool:
        if before is None or not isinstance(before.total, int):
            return False
        if self._name == "kobjects":
            return True  # their lists are one for each klass, and as many that only say which klasses there are
        only_rows = self._files is None and self._notes is None
        return prefers_search(self._settings, before.total, only_rows=only_rows)

    async def _newest(self) -> Newest | None:
        """How the context stands; None: it cannot be searched, by this key or at all."""
        context = self._resource.context
        for number, key in enumerate(context.changed) if context else ():
            try:
                found = await newest(self._client, self._settings, context, key) if context else None
            except Unserved as error:
                log.info("search.unserved", resource=self._name, date=key.search, status=error.status)
                continue
            self._by = number
            return found
        return None

    def _delta(self, state: State) -> State:
        mark, overlap = as_time(state.mark), timedelta(seconds=self._settings.overlap_s)
        if mark is None or self._resource.context is None:
            return State()
        if mark > self._client.clock.now() + overlap:
            # No mark of ours was ever later than our clock: a clock was set back since, or an older mig took the date
            # of a row on trust. What changed before that date nobody has read.
            log.warning("mark.in_future", resource=self._name, mark=state.mark)
            return State()
        return self._walk(mark - overlap, state)

    def _walk(self, since: datetime, state: State) -> State:
        """Search from a time on; what is known of the past stays."""
        mode, start = ("walk", "") if self._files is None else ("files", iso(since))
        return state.but(mode=mode, since=iso(since), start=start, told="", horizon="", query=0, page=1)

    # ---- the past two years, by search -------------------------------------------------------------------------------

    async def _search(self, state: State) -> AsyncIterator[Page]:
        """By search from the state on; then what is older, where that is due."""
        self._state = state
        if state.mode != "old":
            async for page in self._recent():
                yield page
        if self._state.old:
            past = self._begun or self._past()
            past.state = self._state
            async for page in past.pages():
                yield page
            self._state = past.state
            if not past.whole:  # what was changed before the archive walk came to it has left for the side of search
                self._state = self._delta(self._state)
                if self._files is not None:
                    self._files.forget()
                async for page in self._recent():
                    yield page
        yield Page((), self._state.done().write())

    async def _recent(self) -> AsyncIterator[Page]:
        context = self._resource.context
        assert context is not None, "only contexts are walked"
        key = context.changed[self._state.by]
        if self._files is not None:
            if self._state.start != self._state.since:
                await self._remember(context, key, self._files)
            if self._state.mode == "files":
                async for page in self._with_files(context, key, self._files):
                    yield page
        walk = self._open(self._state, context, key)
        async for step in walk.steps():
            self._state = _after(self._state, step.since, walk)
            if not self._state.old or self._state.line:
                yield self._page(await self._plain(step.rows))
                continue
            self._state = self._lined(walk)
            yield self._page(await self._plain(step.rows))
            if context.archived and not walk.ended:
                self._begun = self._past()
                async for page in self._begun.first():
                    yield page
                self._state = self._begun.state
        mark = max(filter(None, (as_time(self._state.mark), walk.reached)), default=START)
        self._state = self._state.but(mode="old", mark=iso(mark), since="", told="", horizon="")
        yield self._page()

    def _lined(self, walk: Walk) -> State:
        """What the first page of search tells: where the two-year line is, and how many messages have files."""
        # What was changed at the mark search still knows: the line lies no further back than two years before.
        earliest = (as_time(self._state.mark) or START) - _SEARCHED
        line = max(walk.first, earliest) if walk.first is not None else NEVER
        state = self._state.but(line=iso(line), seen=iso(self._client.clock.now()))
        if state.shown and isinstance(walk.total, int) and isinstance(self._counted, int):
            state = state.but(shown=self._counted / max(walk.total, self._counted, 1))
        return state

    async def _with_files(self, context: Context, key: Key, files: Files) -> AsyncIterator[Page]:
        walk = self._open(self._state, context, key, files=True)
        async for step in walk.steps():
            async for raws in files.of(step.rows):
                yield self._page(await self._originals.beside(raws))
            shown = self._state.shown or float(files.shown)
            self._state = _after(self._state, step.since, walk).but(shown=shown)
            yield self._page()
        self._counted = walk.total
        told = iso(walk.last) if walk.last is not None else self._state.since
        self._state = self._state.but(mode="walk", since=self._state.start, start="", told=told)

    def _open(self, state: State, context: Context, key: Key, *, files: bool = False) -> Walk:
        course = Course(context=context, key=key, fixed=[WITH_FILES] if files else [], deleted=not self._census)
        since = as_time(state.since) or START
        return Walk(self._client, self._settings, course, since, horizon=as_time(state.horizon))

    async def _remember(self, context: Context, key: Key, files: Files) -> None:
        """After a crash: which of the messages still to come were handed out with their files before it.

        Those that changed since were perhaps not: the next delta brings them.
        """
        state = self._state
        until = as_time(state.told) or START
        if state.mode == "files":  # the instant it stopped at may be half told
            until = (as_time(state.since) or START) - timedelta(milliseconds=1)
        begin = state.but(since=state.start or state.since)
        async for step in self._open(begin, context, key, files=True).steps():
            given = [row.id for row in step.rows if row.at is not None and row.at <= until]
            files.given.update(given)
            if step.rows and not given:
                return  # what follows is younger still

    async def _plain(self, rows: Sequence[Row]) -> list[Raw]:
        if self._notes is not None:
            self._notes.saw(rows)
        if self._files is None:
            files = await files_of_notes(self._client, rows) if self._name == "notes" and not self._census else []
            return [*(row.raw(self._name) for row in rows), *files]
        given = self._files.given
        return await self._originals.beside([row.raw(self._name) for row in rows if row.id not in given])

    def _page(self, rows: Sequence[Raw] = ()) -> Page:
        return Page(rows, self._state.write())

    # ---- what is older -----------------------------------------------------------------------------------------------

    def _past(self) -> Past:
        return Past(
            self._client,
            self._settings,
            self._name,
            self._state,
            lists=self._lists,
            files=self._files,
            notes=self._notes,
            originals=self._originals,
            deleted=not self._census,
        )


def _after(state: State, since: datetime, walk: Walk) -> State:
    horizon = iso(walk.horizon) if walk.horizon is not None else ""
    return state.but(since=iso(since), horizon=horizon)
