"""What search does not show: rows older than two years, their files, and notes, which even the archive lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from mig import Page, Raw, Unreadable
from mig_kustomer.archive import Archive, ArchiveRefused, Found
from mig_kustomer.beside import Files, Originals
from mig_kustomer.catalog import context_of
from mig_kustomer.client import Client, Unserved
from mig_kustomer.lists import Lists
from mig_kustomer.notes import OldNotes
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import NEVER, START, Course, Walk, iso

log = structlog.get_logger()


class Past:
    """Reads what is older than two years of a resource whose list is longer than its cap.

    Rows come from archive search. Messages and notes begin with the first pages of their list all the same: those show
    the oldest, messages with their files and notes of every kind, and each page saves the requests of many
    conversations. What they do not show is found without them.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        name: Which resource.
        state: Where it goes on.
        lists: Its list.
        files: Reads messages with their files; None: this is about something else, or files are not wanted.
        notes: Reads notes of conversations and customers; None: this is about something else.
        originals: Adds originals of e-mails.
        deleted: Whether deleted rows are asked for too.
    """

    def __init__(
        self,
        client: Client,
        settings: KustomerSettings,
        name: str,
        state: State,
        *,
        lists: Lists,
        files: Files | None,
        notes: OldNotes | None,
        originals: Originals,
        deleted: bool,
    ) -> None:
        self._client = client
        self._settings = settings
        self._name = name
        self.state = state
        """Where it goes on; at the end: what is left for the next run."""
        self._start = state.old
        self._lists = lists
        self._files = files
        self._notes = notes
        self._originals = originals
        self._deleted = deleted
        self.whole = True
        """Nothing moved away meanwhile."""
        self._archive = self._search(name)
        self._found: AsyncIterator[Found] | None = None
        self._refused: ArchiveRefused | None = None
        self._early = False

    async def first(self) -> AsyncIterator[Page]:
        """The first page of the archive, while search is not read to its end.

        What leaves the archive later is missed in its count; what left before is among the last that search shows.
        """
        self._early = True
        try:
            async for page in self._oldest():
                yield page
            async for page in self._of_rows(once=True):
                yield page
        except ArchiveRefused as error:
            self._refused = error

    async def pages(self) -> AsyncIterator[Page]:
        """Every row, then the state in which a second look is due.

        Raises:
            Unreadable: Archive search is refused; what the list shows was handed out.
        """
        try:
            if self._refused is not None:
                raise self._refused
            if self._found is None:
                async for page in self._oldest():
                    yield page
            async for page in self._of_notes(self._notes) if self._notes else self._of_rows():
                yield page
        except ArchiveRefused as error:
            async for page in self._instead(error):
                yield page
        self.state = self._looked()

    async def _oldest(self) -> AsyncIterator[Page]:
        if self._begins_with_list():
            async for raws in self._lists.oldest(as_time(self.state.line)):
                yield self._page(self._known(raws))

    def _begins_with_list(self) -> bool:
        if self.state.look or self.state.listed:
            return False
        if self._files is None:
            return self._notes is not None
        # A page pays when it holds more than one message whose conversation would be asked otherwise.
        return not self._shown() or self.state.shown * self._settings.list_page > 1

    def _shown(self) -> bool:
        """Whether the archive names the files of messages: unverified (docs/api/kustomer.md, section 5)."""
        chosen = self._settings.archived_files
        return chosen == "shown" or (chosen == "auto" and self.state.shown > 0)

    def _page(self, rows: Sequence[Raw] = ()) -> Page:
        return Page(rows, self.state.write())

    def _known(self, raws: Sequence[Raw]) -> Sequence[Raw]:
        """The list showed these messages with all their files."""
        if self._files is not None:
            self._files.given.update(raw.id for raw in raws if raw.resource == "messages")
        return raws

    async def _of_rows(self, *, once: bool = False) -> AsyncIterator[Page]:
        if self._found is None:
            self._archive = self._search(self._name, deleted=self._deleted)
            self._found = self._archive.walk(self.state)
        async for found in self._found:
            after = {"old": found.old, "old_by": found.by}
            if self._files is None:
                self.state = self.state.but(**after)
                yield self._page([row.raw(self._name) for row in found.rows])
            else:
                async for raws in self._files.of_old(found.rows, shown=self._shown()):
                    yield self._page(await self._originals.beside(raws))
                self.state = self.state.but(**after)
                yield self._page()
            if once:
                return
        self.whole = self.state.look or (self._early and self._archive.stood_still)

    def _search(self, name: str, *, deleted: bool = False) -> Archive:
        return Archive(self._client, self._settings, context_of(name), deleted=deleted)

    # ---- notes -------------------------------------------------------------------------------------------------------

    async def _of_notes(self, notes: OldNotes) -> AsyncIterator[Page]:
        """Ask the conversations that have more notes than were seen: the archived, then those that began before."""
        began = {"conversation_created_at": {"lt": iso(self._archive.below(self.state))}}
        stages = {
            "": self._archived("conversations"),
            "recent": self._searched("conversations", {"conversation_note_count": {"gte": 1}}, began),
            "customers": self._archived("customers"),
            "customers.recent": self._searched("customers"),
        }
        if not self._settings.customer_notes:
            log.info("notes.of_customers_unasked", setting="customer_notes")
        names = [name for name in stages if self._settings.customer_notes or not name.startswith("customers")]
        if self.state.look:
            names = [""]
        for name in names[names.index(self.state.stage) if self.state.stage in names else 0 :]:
            if name != self.state.stage:
                self.state = self.state.but(stage=name, old=iso(START), old_by=0)
            async for found in stages[name]:
                customers = name.startswith("customers")
                raws = await (notes.of_customers if customers else notes.of_conversations)(found.rows)
                self.state = self.state.but(old=found.old, old_by=found.by)
                yield self._page(raws)

    async def _archived(self, name: str) -> AsyncIterator[Found]:
        archive = self._search(name)
        if name == "conversations":
            self._archive = archive
        async for found in archive.walk(self.state):
            yield found

    async def _searched(self, name: str, *fixed: Mapping[str, Any]) -> AsyncIterator[Found]:
        """Parents that search still knows, and that may have older notes."""
        context = context_of(name)
        course = Course(context=context, key=context.changed[0], fixed=fixed, deleted=False)
        walk = Walk(self._client, self._settings, course, as_time(self.state.old) or START)
        try:
            async for step in walk.steps():
                yield Found(step.rows, iso(step.since), 0)
        except Unserved as error:
            raise Unreadable(
                f"notes older than two years: {error.message}", "They are found by searching for their parents."
            ) from error

    # ---- the end -----------------------------------------------------------------------------------------------------

    async def _instead(self, error: ArchiveRefused) -> AsyncIterator[Page]:
        """Without the archive the list shows old rows, up to its cap.

        Raises:
            Unreadable: There are more rows than it shows.
        """
        capped = self.state.listed
        if not capped:
            async for raws in self._lists.oldest():
                yield self._page(self._known(raws))
            capped = self._lists.capped
        if capped:
            self.state = self.state.but(old=iso(START), old_by=0, stage="", listed=True)
            yield Page((), self.state.done().write())
            raise Unreadable(
                f"{self._name}: of what is older than two years only the list's first {self._settings.list_cap} rows "
                "could be read",
                error.hint,
            ) from error

    def _looked(self) -> State:
        """What is left: a second look at what was about to pass the line, once the index had time to follow."""
        state, overlap = self.state, timedelta(seconds=self._settings.overlap_s)
        line = as_time(state.line) or NEVER
        if state.look:
            waited = self._client.clock.now() - (as_time(state.seen) or START) >= overlap
            return state.but(old="" if waited else self._start, stage="")
        if line >= NEVER or state.old_by:
            return state.but(old="")
        below, last = self._archive.below(state), self._archive.last
        old = iso((last if last > START else line) - overlap)
        return state.but(old=old, stage="", look=True, line=iso(below + overlap), seen=iso(self._client.clock.now()))
