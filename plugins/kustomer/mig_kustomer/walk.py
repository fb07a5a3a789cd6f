"""The keyset walk: everything of a search context from a time on, past caps, ties and rows that move meanwhile.

It walks normal search, which knows the past two years, and archive search, which knows what is older
(docs/api/kustomer.md, sections 4, 5 and 9).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from mig import Raw, Unparseable, Unreadable
from mig_kustomer.catalog import Context, Key
from mig_kustomer.client import Client
from mig_kustomer.crowd import Crowd
from mig_kustomer.names import identify, linked
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.wire import Leaf, read

log = structlog.get_logger()

START = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a walk through everything starts, whatever lies before."""
_EVER = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(microsecond=999_000, tzinfo=UTC)
"""No date that is read lies outside of these two."""
_SMALLEST = 10
"""Rows asked for at least when searches time out."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
NAMELESS = "unreadable-"
"""What the names of rows begin with that have none: a digest of their bytes follows."""


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
        """Look into a row. One without a usable id gets a name, so that it can be quarantined.

        That is the id in its own link: the row replaces what was quarantined as soon as it is mended, and what hangs on
        it is told of it. Without a link only its bytes name it.
        """
        value: Any = None
        try:
            value, _ = read(body)
            found = identify(value)
        except (ValueError, RecursionError, Unparseable):
            return cls(linked(value) or NAMELESS + hashlib.sha256(body).hexdigest()[:24], body, {})
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
    """The last change that our clock does not call future; None: no row says when it was changed."""
    total: object
    top: datetime | None = None
    """The last change, wherever it lies."""


def iso(when: datetime) -> str:
    """A time as searches want it."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def search_body(
    context: Context, criteria: Sequence[Mapping[str, Any]], sort: Mapping[str, str], *, deleted: bool = False
) -> dict[str, Any]:
    """What a search is asked: every criterion, one order, and whether deleted rows are wanted too."""
    body: dict[str, Any] = {
        "queryContext": context.name,
        "and": list(criteria),
        "or": [],
        "not": [],
        "sort": [dict(sort)],
        "timeZone": "GMT",
    }
    return body | {"includeDeleted": True} if deleted else body


async def newest(client: Client, settings: KustomerSettings, context: Context, key: Key) -> Newest:
    """The server's own time of the last change: the mark a later delta starts from.

    A row dated in the future would hide every change until then. So rows count up to our own clock only, and the mark
    is the date of a row, never the clock itself: where our clock is slow, more is read again than need be; where it is
    fast, only rows dated between the two clocks count that should not.

    Raises:
        Unserved: The key may not search, or not by this date.
        Unreadable: It timed out again and again.
    """
    total, rows = await _latest(client, settings, context, key, (), 1)
    top, now = (rows[0].at if rows else START), client.clock.now()
    if top is not None and top <= now:
        return Newest(max(top, START), total, top)
    log.info("newest.in_future" if top else "newest.undated", context=context.name)
    _, rows = await _latest(client, settings, context, key, [{key.search: {"lte": iso(now)}}], settings.search_page)
    dates = [row.at for row in rows if row.at is not None]
    if not dates and (rows or top is None):
        return Newest(None, total, top)
    return Newest(max([START, *(at for at in dates if at <= now)]), total, top)


async def _latest(
    client: Client,
    settings: KustomerSettings,
    context: Context,
    key: Key,
    criteria: Sequence[Mapping[str, Any]],
    size: int,
) -> tuple[object, list[Row]]:
    """How many rows fit, and those of them that were changed last."""
    for _ in range(settings.attempts):
        leaf = await client.search(search_body(context, criteria, {key.search: "desc"}, deleted=True), 1, size)
        if leaf.meta.get("timed_out") is not True:
            return leaf.meta.get("total"), [Row.of(body, key.attribute) for body in leaf.rows]
        size = max(1, size // 2)
    raise _timed_out(context.name, settings)


class Unsorted(Unreadable):
    """A search that does not keep the order it was asked for; another date may be kept."""


class Course(Struct, frozen=True, kw_only=True):
    """What is walked."""

    context: Context
    key: Key
    """The date to walk by."""
    fixed: Sequence[Mapping[str, Any]] = ()
    """More criteria."""
    archive: bool = False
    """Archive search: what is older than two years."""
    deleted: bool = True
    """Whether deleted rows are asked for too."""
    crowded: bool = False
    """One instant of another walk, too large for it: it cannot be cut again."""

    def body(self, *more: Mapping[str, Any]) -> dict[str, Any]:
        """The search, with more criteria, in the order of the date."""
        return search_body(self.context, [*self.fixed, *more], {self.key.search: "asc"}, deleted=self.deleted)

    @property
    def cut(self) -> Key:
        """The other date: it divides an instant of this one."""
        created = self.context.created
        return self.context.changed[0] if self.key == created else created


class Walk:
    """Asks page 1 again and again, each time from the largest date seen on.

    An instant whose rows fill a whole page is read on its own, by page numbers, until a pass found as many rows as it
    was told of from its first page to its last, or adds nothing; one that passes the cap is walked by its other date.
    A row of this walk that is touched meanwhile is seen twice. Rows dated in the future are walked through last, again
    in every walk until their time has come; nothing is made of their dates.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        course: What is walked.
        since: Where it starts, inclusive.
        horizon: Dates after it are too young for their order to be trusted: the index still moves, while rows are
            shown as they are now. None: found out when it matters.
    """

    def __init__(
        self,
        client: Client,
        settings: KustomerSettings,
        course: Course,
        since: datetime,
        *,
        horizon: datetime | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._course = course
        self._name = course.context.name
        self._since = since if since > START else _EVER
        self.horizon = horizon
        self._size = settings.search_page
        self._seen: dict[tuple[str, str], datetime | None] = {}
        self.total: object = None
        """How many rows the first answer spoke of: a hint."""
        self.ended = False
        """The step just handed out is the last one."""
        self.first: datetime | None = None
        """The smallest date seen."""
        self.last: datetime | None = None
        """The largest date seen that our clock does not call future."""

    async def steps(self) -> AsyncIterator[Step]:
        """Every row, with the place where the walk could be taken up again.

        Raises:
            Unsorted: The search does not keep the order.
            Unreadable: It ignores its criteria, or cannot be cut small enough.
        """
        while True:
            _, leaf = await self._ask(*self._limits("gte"), page=1)
            self.total = leaf.meta.get("total") if self.total is None else self.total
            rows = self._rows(leaf)
            self._check_bound(rows)
            new = self._unseen(rows)
            if self._ends(leaf, rows):
                self.ended = True
                yield self._step(new)
                return
            bound = await self._bound(rows)
            if bound > self._since:
                self._advance(bound)
                yield self._step(new)
                continue
            yield self._step(new)
            async for step in self._instant():
                yield step
            if self._since >= _LAST:
                return
            self._advance(self._since + timedelta(milliseconds=1))

    async def _ask(self, *criteria: Mapping[str, Any], page: int) -> tuple[int, Leaf]:
        """One page, and which it is: where searches time out, pages become smaller and begin anew."""
        body = self._course.body(*criteria)
        for _ in range(self._settings.attempts):
            leaf = await self._client.search(body, page, self._size, archive=self._course.archive)
            if leaf.meta.get("timed_out") is not True:
                if leaf.next is not None:
                    self._client.check(leaf.next)
                return page, leaf
            self._size = max(self._size // 2, min(_SMALLEST, self._size))
            page = 1  # page numbers of another size mean other rows
            log.info("search.timed_out", context=self._name, size=self._size)
        raise _timed_out(self._name, self._settings)

    @property
    def reached(self) -> datetime | None:
        """Up to when everything was read, give or take the overlap; None: there was nothing."""
        if self.last is None or self.horizon is None:
            return self.last
        return min(self.last, self.horizon + timedelta(seconds=self._settings.overlap_s))

    def _step(self, rows: Sequence[Row]) -> Step:
        return Step(rows, max(self._since, START))

    def _rows(self, leaf: Leaf) -> list[Row]:
        return [Row.of(body, self._course.key.attribute) for body in leaf.rows]

    def _ends(self, leaf: Leaf, rows: Sequence[Row]) -> bool:
        return not rows or (leaf.next is None and len(rows) < self._size)

    def _check_bound(self, rows: Sequence[Row]) -> None:
        """An ignored criterion would show everything for ever; what a row shows is only younger than its index."""
        if any(row.at is not None and row.at < self._since for row in rows):
            raise Unreadable(
                f"the search for {self._name} ignores {self._course.key.search}",
                "Changes of this kind cannot be found by search on this plan; the rest goes on.",
            )

    def _unseen(self, rows: Sequence[Row]) -> list[Row]:
        new, now = [], self._client.clock.now()
        for row in rows:
            if row.version not in self._seen:
                self._seen[row.version] = row.at
                new.append(row)
            if row.at is not None:
                self.first = row.at if self.first is None else min(self.first, row.at)
                if row.at <= now:
                    self.last = row.at if self.last is None else max(self.last, row.at)
        return new

    async def _bound(self, rows: Sequence[Row]) -> datetime:
        """The date up to which this page leaves nothing out."""
        if self.horizon is None:
            found = await newest(self._client, self._settings, self._course.context, self._course.key)
            self.horizon = (found.at or NEVER) - timedelta(seconds=self._settings.overlap_s)
        dates = [row.at for row in rows if row.at is not None]
        settled = [at for at in dates if at <= self.horizon]
        if any(later < earlier for earlier, later in itertools.pairwise(settled)):
            raise Unsorted(
                f"the search for {self._name} does not sort by {self._course.key.search}",
                "Changes of this kind cannot be found by search on this plan; the rest goes on.",
            )
        if not dates:
            raise Unreadable(
                f"the search for {self._name} shows rows without {self._course.key.attribute}",
                "Rows without a date cannot be walked through; the rest goes on.",
            )
        now = self._client.clock.now()
        # A row that shows a date in the future though its place is among the others must not take us there.
        return max(settled or [at for at in dates if at <= now] or dates)

    def _advance(self, since: datetime) -> None:
        self._since = since
        self._seen = {version: at for version, at in self._seen.items() if at is None or at >= since}
        self._size = min(self._size * 2, self._settings.search_page)

    async def _instant(self) -> AsyncIterator[Step]:
        """Everything of one instant: a row that leaves it meanwhile moves those behind it to pages already read."""
        crowd = Crowd()
        while not crowd.whole:
            page, leaf = await self._ask(*self._limits("gte", "lte"), page=crowd.page)
            if page != crowd.page:
                crowd = Crowd()
            rows = self._rows(leaf)
            self._check_instant(rows)
            new = self._unseen(rows)
            yield self._step(new)
            total = leaf.meta.get("total")
            crowd.add({row.id for row in rows}, total, added=bool(new), last=self._ends(leaf, rows))
            past = crowd.page * self._size > self._settings.list_cap or crowd.page > self._settings.page_cap
            if past or (isinstance(total, int) and total > self._settings.list_cap):
                async for step in self._split():
                    yield step
                return

    def _limits(self, *words: str) -> list[dict[str, Any]]:
        """Criteria around where the walk stands; at its very beginning it has no lower bound, nor need of one."""
        asked = [word for word in words if word != "gte" or self._since > _EVER]
        return [{self._course.key.search: {word: iso(self._since)}} for word in asked]

    def _check_instant(self, rows: Sequence[Row], shown: str = "") -> None:
        attribute = shown or self._course.key.attribute
        dates = [as_time(row.attributes.get(attribute)) for row in rows]
        horizon = self.horizon or NEVER
        if any(at is not None and (at < self._since or self._since < at <= horizon) for at in dates):
            raise Unreadable(
                f"the search for {self._name} ignores {self._course.key.search} beside another criterion",
                "An instant with too many rows cannot be read whole; the rest goes on.",
            )

    async def _split(self) -> AsyncIterator[Step]:
        """Walk one crowded instant by its other date."""
        if self._course.crowded:
            raise Unreadable(
                f"more than {self._settings.list_cap} {self._name} rows were made and changed in one instant",
                "Kustomer shows no more of them, by no way known.",
            )
        fixed = [*self._course.fixed, *self._limits("gte", "lte")]
        part = msgspec.structs.replace(self._course, key=self._course.cut, fixed=fixed, crowded=True)
        async for step in Walk(self._client, self._settings, part, START, horizon=NEVER).steps():
            self._check_instant(step.rows, self._course.key.attribute)
            yield self._step([row for row in step.rows if row.version not in self._seen])


def _timed_out(name: str, settings: KustomerSettings) -> Unreadable:
    return Unreadable(
        f"the search for {name} timed out {settings.attempts} times",
        "Run the same command again later; it goes on where it stopped.",
    )
