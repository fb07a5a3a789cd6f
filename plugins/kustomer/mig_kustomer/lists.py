"""Reading lists by page numbers, up to the cap, and again while they move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import structlog

from mig import Page, Raw
from mig_kustomer.catalog import Resource
from mig_kustomer.client import Client, Part, Unserved
from mig_kustomer.plan import worth_a_look
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import Newest, Row
from mig_kustomer.wire import Leaf

log = structlog.get_logger()

_PASSES = 3
"""How often a list of several pages is read while the desk goes on changing it."""


class Lists:
    """Reads the list of a resource.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        name: What its rows are called.
        resource: Which list.
        raws: Makes what is handed out of a page.
        census: Only ids and times are wanted.
    """

    def __init__(
        self,
        client: Client,
        settings: KustomerSettings,
        name: str,
        resource: Resource,
        raws: Callable[[Leaf], Awaitable[list[Raw]]],
        *,
        census: bool = False,
    ) -> None:
        self._client = client
        self._settings = settings
        self._name = name
        self._resource = resource
        self._raws = raws
        self._census = census
        self._listed: set[tuple[str, str]] = set()
        self.capped = False
        """It is longer than it may be asked for."""
        self.whole = False
        """Every row of it was shown in one go: nothing moved meanwhile, or all of it stood on one page."""

    async def pages(
        self, state: State, before: Newest | None, newest: Callable[[], Awaitable[Newest | None]]
    ) -> AsyncIterator[Page]:
        """Read the list, and again while something changed meanwhile: page numbers shift over changing rows.

        It ends early when it turns out to be longer than the cap.

        Args:
            state: Where it goes on.
            before: How the context stood before; None: it cannot be searched.
            newest: Asks how it stands now.
        """
        if self._resource.singles:
            async for page in self._singles(state):
                yield page
            self.whole = state.query == 0
            return
        begun = (state.query, state.page) == (0, 1)
        for _ in range(_PASSES):
            count = added = 0
            async for page in self._pass(state, before):
                count += 1
                added += len(page.rows)
                yield page
            if self.capped or count < 2 or not added or before is None:
                self.whole = begun and not self.capped and (count < 2 or before is None)
                return
            now = await newest()
            if now is None or now == before or (before.total is None and now.at == before.at):
                self.whole = begun and now == before
                return
            before, state, begun = now, state.but(query=0, page=1), True

    async def oldest(self, line: datetime | None = None) -> AsyncIterator[list[Raw]]:
        """The first pages of the list, up to its cap: in the order of ids they show what was made first.

        Args:
            line: End at the first page without anything older, or out of that order, which is known of some lists only
                (docs/api/kustomer.md, section 4): what is left out so must be found in another way.
        """
        for path, query in await self._routes():
            async for part in self._client.parts(path, self._query(query), absent=path != self._resource.path):
                yield await self._raws(part.leaf)
                self.capped |= part.capped
                if line is not None and not _shows_oldest([Row.of(body) for body in part.leaf.rows], line):
                    return

    async def _pass(self, state: State, before: Newest | None) -> AsyncIterator[Page]:
        known = before.total if before is not None and isinstance(before.total, int) else 0
        routes = await self._routes()
        for number in range(state.query, len(routes)):
            path, query = routes[number][0], self._query(routes[number][1])
            looked = before is None  # without search the list is all there is, however long
            page = state.page if number == state.query else 1
            async for part in self._client.parts(path, query, page=page, absent=path != self._resource.path):
                # By resource too: a file may have the id of a message.
                raws = [raw for raw in await self._raws(part.leaf) if (raw.resource, raw.id) not in self._listed]
                self._listed.update((raw.resource, raw.id) for raw in raws)
                following = {"page": part.page + 1} if part.more else {"query": number + 1, "page": 1}
                self.capped = part.capped
                if part.more and not looked and self._looks_long(part, known):
                    looked, self.capped = True, await self._is_too_long(part, query)
                if self.capped:  # taken up again here, the cap is met again
                    following = {"page": part.page}
                yield Page(raws, state.but(**{"query": number, **following}).write())
                if self.capped:
                    return

    async def _routes(self) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The lists that together hold all of it: the path of each, and what is asked of it."""
        return [(self._resource.path, query) for query in self._resource.queries]

    def _looks_long(self, part: Part, known: int) -> bool:
        if isinstance(part.leaf.meta.get("total"), int):
            return True
        return worth_a_look(self._settings, max(known, part.page * self._settings.list_page))

    async def _is_too_long(self, part: Part, query: Mapping[str, str | int]) -> bool:
        """Whether the list passes the cap: it says so, or the last page that may be asked for shows it.

        One request, where a hundred may be for nothing. Only some lists tell their total (docs/api/kustomer.md,
        section 4).
        """
        settings, total = self._settings, part.leaf.meta.get("total")
        if isinstance(total, int):
            return total > settings.list_cap
        last = min(settings.list_cap // settings.list_page, settings.page_cap)
        if last <= part.page + 1:
            return False
        try:
            leaf = await self._client.get(self._resource.path, {**query, "page": last, "pageSize": settings.list_page})
        except Unserved:
            return False  # reading on will say what is wrong
        return leaf.next is not None and len(leaf.rows) >= settings.list_page

    def _query(self, query: Mapping[str, str]) -> dict[str, str | int]:
        return {name: value for name, value in query.items() if name != "include" or not self._census}

    async def _singles(self, state: State) -> AsyncIterator[Page]:
        for number in range(state.query, len(self._resource.singles)):
            one = self._resource.singles[number]
            leaf = await self._client.find(f"{self._resource.path}/{one}")
            if leaf is None:
                log.warning("resource.absent", resource=self._name, id=one)
            raws = await self._raws(leaf) if leaf is not None else []
            yield Page(raws, state.but(query=number + 1).write())


def _shows_oldest(rows: Sequence[Row], line: datetime) -> bool:
    ids = [row.id for row in rows]
    dates = [as_time(row.attributes.get("updatedAt")) for row in rows]
    return ids == sorted(ids) and any(at is not None and at < line for at in dates)
