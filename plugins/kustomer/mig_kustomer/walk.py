"""The keyset walk: everything of a search context from a time on, past caps, ties and rows that move meanwhile."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from msgspec import Struct

from mig import Raw, Unparseable, Unreadable
from mig_kustomer.catalog import Context, Key
from mig_kustomer.client import Client
from mig_kustomer.reading import as_time, clean, identify
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.wire import Leaf, read

log = structlog.get_logger()

START = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST = 10
"""Rows asked for at least when searches time out."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Row(Struct, frozen=True):
    """One row of an answer, with what must be known of it while reading on."""

    id: str
    body: bytes
    value: Mapping[str, Any]
    """Read; empty when there is nothing in it to read."""
    at: datetime | None = None
    """The date it is walked by."""

    @classmethod
    def of(cls, body: bytes, attribute: str = "updatedAt") -> Row:
        """Look into a row. One without an id gets a stable name, so that it can be quarantined."""
        try:
            value, _ = read(body)
            found = str(clean(identify(value), lambda: None))
        except (ValueError, RecursionError, Unparseable):
            return cls("unreadable-" + hashlib.sha256(body).hexdigest()[:24], body, {})
        row = cls(found, body, value)
        return cls(found, body, value, as_time(row.attributes.get(attribute)))

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes; none when they are no object."""
        found = self.value.get("attributes")
        return found if isinstance(found, dict) else {}

    @property
    def relationships(self) -> Mapping[str, Any]:
        """Its relationships; none when they are no object."""
        found = self.value.get("relationships")
        return found if isinstance(found, dict) else {}

    @property
    def version(self) -> tuple[str, str]:
        """The row as it is now; touched, it is another."""
        return self.id, str(self.attributes.get("updatedAt"))

    def related(self, name: str) -> str:
        """The id a relationship names; empty: none."""
        relation = self.relationships.get(name)
        data = relation.get("data") if isinstance(relation, dict) else None
        found = data.get("id") if isinstance(data, dict) else None
        return found if isinstance(found, str) else ""

    def link(self, name: str) -> str:
        """One of its links; empty: none."""
        links = self.value.get("links")
        found = links.get(name) if isinstance(links, dict) else None
        return found if isinstance(found, str) else ""

    def raw(self, resource: str) -> Raw:
        """The row as the journal keeps it."""
        return Raw(resource, self.id, self.body, as_time(self.attributes.get("updatedAt")))


class Step(Struct, frozen=True):
    """What one request of a walk brought."""

    rows: Sequence[Row]
    since: datetime
    """Where a walk goes on that starts after this step."""


class Newest(Struct, frozen=True):
    """How a context stands: enough to see whether anything in it changed."""

    at: datetime | None
    total: object


def iso(when: datetime) -> str:
    """A time as searches want it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


async def newest(client: Client, context: Context, key: Key) -> Newest:
    """The server's own time of the last change: the mark a later delta starts from."""
    leaf = await client.search(_body(context, [], {key.search: "desc"}, True), 1, 1)
    rows = [Row.of(body, key.attribute) for body in leaf.rows]
    return Newest(rows[0].at if rows else START, leaf.meta.get("total"))


class Walk:
    """Asks page 1 again and again, each time from the largest date seen on.

    Rows of one instant that fill a whole page are read by page numbers, again and again until nothing is added;
    an instant that passes the cap is walked by creation. A row of this walk that is touched meanwhile is seen twice.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        context: What is searched.
        key: The date to walk by.
        since: Where it starts, inclusive.
        fixed: More criteria.
        horizon: Dates after it are too young for their order to be trusted: the index still moves, while rows are
            shown as they are now. None: found out when it matters.
        deleted: Whether deleted rows are asked for too.
    """

    def __init__(
        self,
        client: Client,
        settings: KustomerSettings,
        context: Context,
        key: Key,
        since: datetime,
        *,
        fixed: Sequence[Mapping[str, Any]] = (),
        horizon: datetime | None = None,
        deleted: bool = True,
    ) -> None:
        self._client = client
        self._settings = settings
        self._context = context
        self._key = key
        self._since = since
        self._fixed = list(fixed)
        self.horizon = horizon
        self._deleted = deleted
        self._size = settings.search_page
        self._seen: dict[tuple[str, str], datetime | None] = {}
        self.last: datetime | None = None
        """The largest date seen."""

    async def steps(self) -> AsyncIterator[Step]:
        """Every row, with the place where the walk could be taken up again.

        Raises:
            Unreadable: The search ignores its criteria or its order, or cannot be cut small enough.
        """
        page, added = 1, False
        while True:
            page, leaf = await self._ask(page)
            rows = [Row.of(body, self._key.attribute) for body in leaf.rows]
            self._check_bound(rows)
            new = self._unseen(rows)
            added |= any(row.at is None or row.at <= self._since for row in new)
            if not rows or (leaf.next is None and len(rows) < self._size):
                if page == 1 or not added:
                    yield Step(new, self._since)
                    return
                page, added = 1, False  # a group that was read by page numbers is read again
                yield Step(new, self._since)
                continue
            bound = await self._bound(rows)
            if bound is None or bound <= self._since:
                page += 1
                yield Step(new, self._since)
                if page * self._size > self._settings.list_cap or page > self._settings.page_cap:
                    async for step in self._split():
                        yield step
                    self._advance(self._since + timedelta(milliseconds=1))
                    page, added = 1, False
                continue
            if page == 1 or not added:
                self._advance(bound)
            page, added = 1, False
            yield Step(new, self._since)

    async def _ask(self, page: int) -> tuple[int, Leaf]:
        criteria = [*self._fixed, {self._key.search: {"gte": iso(self._since)}}]
        body = _body(self._context, criteria, {self._key.search: "asc"}, self._deleted)
        for _ in range(self._settings.attempts):
            leaf = await self._client.search(body, page, self._size)
            if leaf.meta.get("timed_out") is not True:
                if leaf.next is not None:
                    self._client.check(leaf.next)
                return page, leaf
            self._size = max(self._size // 2, min(_SMALLEST, self._size))
            page = 1  # page numbers of another size mean other rows
            log.info("search.timed_out", context=self._context.name, size=self._size)
        raise Unreadable(
            f"the search for {self._context.name} timed out {self._settings.attempts} times",
            "Run the same command again later; it goes on where it stopped.",
        )

    @property
    def reached(self) -> datetime | None:
        """Up to when everything was read, give or take the overlap; None: there was nothing."""
        if self.last is None or self.horizon is None:
            return self.last
        return min(self.last, self.horizon + timedelta(seconds=self._settings.overlap_s))

    def _check_bound(self, rows: Sequence[Row]) -> None:
        """An ignored criterion would show everything for ever; what a row shows is only younger than its index."""
        if any(row.at is not None and row.at < self._since for row in rows):
            raise Unreadable(
                f"the search for {self._context.name} ignores {self._key.search}",
                "Changes of this kind cannot be found by search on this plan; the rest goes on.",
            )

    def _unseen(self, rows: Sequence[Row]) -> list[Row]:
        new = []
        for row in rows:
            if row.version not in self._seen:
                self._seen[row.version] = row.at
                new.append(row)
            if row.at is not None and (self.last is None or row.at > self.last):
                self.last = row.at
        return new

    async def _bound(self, rows: Sequence[Row]) -> datetime | None:
        """The date up to which this page leaves nothing out."""
        if self.horizon is None:
            found = await newest(self._client, self._context, self._key)
            self.horizon = (found.at or NEVER) - timedelta(seconds=self._settings.overlap_s)
        dates = [row.at for row in rows if row.at is not None]
        settled = [at for at in dates if at <= self.horizon]
        if any(later < earlier for earlier, later in itertools.pairwise(settled)):
            raise Unreadable(
                f"the search for {self._context.name} does not sort by {self._key.search}",
                "Changes of this kind cannot be found by search on this plan; the rest goes on.",
            )
        return max(settled or dates, default=None)

    def _advance(self, since: datetime) -> None:
        self._since = since
        self._seen = {version: at for version, at in self._seen.items() if at is None or at >= since}
        self._size = min(self._size * 2, self._settings.search_page)

    async def _split(self) -> AsyncIterator[Step]:
        """Walk one crowded instant by creation."""
        if self._key == self._context.created:
            raise Unreadable(
                f"more than {self._settings.list_cap} {self._context.name} rows were made and changed in one instant",
                "Kustomer shows no more of them, by no way known.",
            )
        instant = [{self._key.search: {word: iso(self._since)}} for word in ("gte", "lte")]
        inner = Walk(
            self._client,
            self._settings,
            self._context,
            self._context.created,
            START,
            fixed=[*self._fixed, *instant],
            horizon=NEVER,
            deleted=self._deleted,
        )
        async for step in inner.steps():
            shown = [as_time(row.attributes.get(self._key.attribute)) for row in step.rows]
            horizon = self.horizon or NEVER
            if any(at is not None and (at < self._since or self._since < at <= horizon) for at in shown):
                raise Unreadable(
                    f"the search for {self._context.name} ignores {self._key.search} beside another criterion",
                    "An instant with too many rows cannot be read whole; the rest goes on.",
                )
            yield Step([row for row in step.rows if row.version not in self._seen], self._since)


def _body(
    context: Context, criteria: Sequence[Mapping[str, Any]], sort: Mapping[str, str], deleted: bool
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "queryContext": context.name,
        "and": list(criteria),
        "or": [],
        "not": [],
        "sort": [dict(sort)],
        "timeZone": "GMT",
    }
    return body | {"includeDeleted": True} if deleted else body
