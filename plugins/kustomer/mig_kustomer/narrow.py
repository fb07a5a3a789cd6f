"""A narrowed run: only the conversations a filter means are read, each with what stands in it and whom it is with.

Conversations are found by search, by archive search, or through their customers (docs/api/kustomer.md, sections 5 and
6); each is then read by itself. Where that would cost more requests than the whole organisation, nothing is narrowed
here: what is moved is decided over what was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from mig import Conversation, Page, Scope, Unparseable, Unreadable
from mig_kustomer.alone import Alone, Parent, children
from mig_kustomer.beside import MANY, in_turn
from mig_kustomer.catalog import context_of
from mig_kustomer.channels import CHANNELS, SEARCHED
from mig_kustomer.client import Client, Unserved
from mig_kustomer.parse import parse
from mig_kustomer.searched import Criteria, searched
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row, iso, search_body
from mig_kustomer.wire import Leaf

log = structlog.get_logger()

_EACH = 5
"""Requests a conversation costs when it is read by itself: messages, notes, and its share of people and companies."""
_FEW = 25
"""So few conversations are always read by themselves."""
_COUNTED = ("customers", "conversations", "messages", "notes", "companies")
_CREATED, _UPDATED = "conversation_created_at", "conversation_updated_at"


class Narrow:
    """Reads what a filter means.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        scope: The filter.
    """

    def __init__(self, client: Client, settings: KustomerSettings, scope: Scope) -> None:
        self._client = client
        self._settings = settings
        self.scope = scope
        self._wrote: frozenset[str] | None = None
        """Conversations in which an agent of the filter wrote; None: not known yet."""
        self._agents: set[str] | None = None
        self._tags: set[str] | None = None
        self._customers: list[str] | None = None
        self._given: set[str] = set()
        self._unread: dict[str, Row] = {}
        """Conversations of which nobody can tell whether they fit."""

    async def pays(self) -> bool:
        """Whether reading one by one costs less than reading everything; False also where search is refused."""
        limit = self.scope.limit
        few = "customer" in self.scope.filters or (limit is not None and limit <= _FEW)
        if few and "agent" not in self.scope.filters:
            return True
        try:
            await self._names()
            whole = sum([await self._whole(name) for name in _COUNTED])
            cost = 0 if few else (limit or await self._estimate()) * _EACH
            return cost + (0 if self._agents is None else await self._authors()) < whole
        except Unreadable as error:  # Unserved is one
            log.info("narrow.unserved", why=error.message)
            return False

    async def pages(self) -> AsyncIterator[Page]:
        """Every conversation of the filter with its messages, notes and files; then its people and companies.

        It keeps no checkpoint: a run that was stopped begins again, and what it read is not parsed twice.
        """
        await self._names()
        self._given.clear()
        self._unread.clear()
        alone = Alone(self._client, self._settings, self._customers or ())
        readers = self._settings.readers
        async for rows in self._found():
            async for raws in in_turn(alone.conversation, rows, readers):
                yield Page(raws, None)
        if self._unread:
            yield Page([row.raw("conversations") for row in self._unread.values()], None)
        async for raws in in_turn(alone.person, sorted(alone.people), readers):
            yield Page(raws, None)
        async for raws in in_turn(alone.company, sorted(alone.companies), readers):
            yield Page(raws, None)

    # ---- what the filter names -------------------------------------------------------------------------------------

    async def _names(self) -> None:
        """Ids for what the filter names: agents, tags, customers."""
        filters = self.scope.filters
        if "agent" in filters and self._agents is None:
            active, gone = [
                await self._listed("/v1/users", {"deleted": deleted}, filters["agent"], "email")
                for deleted in ("false", "true")
            ]
            self._agents = active | gone
        if "tag" in filters and self._tags is None:
            self._tags = await self._listed("/v1/tags", {}, filters["tag"], "name")
        if "customer" in filters and self._customers is None:
            named = [one for who in filters["customer"] for one in await self._customer_ids(who)]
            self._customers = list(dict.fromkeys(named))

    async def _listed(self, path: str, query: Mapping[str, str], wanted: Sequence[str], name: str) -> set[str]:
        names = {text.lower() for text in wanted}
        found: set[str] = set()
        async for part in self._client.parts(path, query, absent=True):
            for row in map(Row.of, part.leaf.rows):
                if {row.id.lower(), str(row.attributes.get(name) or "").lower()} & names:
                    found.add(row.id)
            if part.capped:
                raise Unreadable(
                    f"{path}: only the first {self._settings.list_cap} could be read",
                    "The filter may mean one that is not among them: choose by another.",
                )
        return found

    async def _customer_ids(self, who: str) -> list[str]:
        """A customer by id; by e-mail every one who has it, as far as search or the list by address shows them."""
        if "@" not in who:
            return [who]
        found: list[str] = []
        leaf = await self._client.find(f"/v1/customers/email={quote(who, safe='')}")
        found += [Row.of(body).id for body in leaf.rows] if leaf else []
        try:
            criteria = [{"customer_email": {"equals": who}}]
            leaf = await self._page(search_body(context_of("customers"), criteria, {"customer_updated_at": "asc"}), 1)
            found += [Row.of(body).id for body in leaf.rows]
        except Unserved as error:
            log.info("customers.unsearched", status=error.status)
        return found

    async def _know_authors(self) -> None:
        """The conversations in which an agent of the filter wrote: search knows authors, the archive must be read.

        A message may be older than its conversation (a merge takes it along): dates of the filter are not asked for.
        """
        if self._agents is None or self._wrote is not None:
            return
        wrote: set[str] = set()
        async for rows in searched(self._client, self._settings, "messages", self._by_agents(), ()):
            wrote |= {row.related("conversation") for row in rows if row.related("createdBy") in self._agents}
        self._wrote = frozenset(wrote - {""})

    # ---- which conversations ---------------------------------------------------------------------------------------

    async def _found(self) -> AsyncIterator[list[Row]]:
        """Conversations that fit, in batches, each once."""
        if self.scope.limit is not None:
            yield await self._last_changed(self.scope.limit)
            return
        async for rows in self._all():
            fresh = {row.id: row for row in rows if row.id not in self._given and self._fits(row)}
            self._given.update(fresh)
            yield list(fresh.values())

    async def _last_changed(self, limit: int) -> list[Row]:
        latest = _Latest(limit)
        if self._customers is not None or not await self._newest(latest):
            async for rows in self._all():
                latest.add(row for row in rows if self._fits(row))
        return latest.rows

    def _all(self) -> AsyncIterator[Sequence[Row]]:
        return self._searched() if self._customers is None else self._of_customers(self._customers)

    async def _of_customers(self, customers: Sequence[str]) -> AsyncIterator[Sequence[Row]]:
        await self._know_authors()
        for customer in customers:
            parent = Parent("customer", customer)
            async for rows in children(self._client, self._settings, parent, "conversations"):
                yield rows

    async def _newest(self, latest: _Latest) -> bool:
        """Look by the last change, latest first: what search knows, then the archive.

        Returns:
            Whether that was enough; False: more may fit than searches show in this order before their cap.
        """
        await self._know_authors()
        settings = self._settings
        for archive in (False, True):
            criteria = self._dates() if archive else self._criteria(assigned=not self._wrote)
            body = search_body(context_of("conversations"), criteria, {_UPDATED: "desc"})
            page, more = 1, True
            while more:
                if page > settings.page_cap or page * settings.search_page > settings.list_cap:
                    return False
                leaf = await self._page(body, page, archive=archive)
                latest.add(row for row in map(Row.of, leaf.rows) if self._fits(row))
                if latest.full:
                    return True
                more, page = leaf.next is not None and bool(leaf.rows), page + 1
        return True

    async def _page(self, body: Mapping[str, Any], page: int, *, archive: bool = False) -> Leaf:
        """One page of a search, whole: one that timed out shows a part (section 5)."""
        for _ in range(self._settings.attempts):
            leaf = await self._client.search(body, page, self._settings.search_page, archive=archive)
            if leaf.meta.get("timed_out") is not True:
                return leaf
        raise Unreadable("a search timed out again and again", "Run the same command again later.")

    async def _searched(self) -> AsyncIterator[Sequence[Row]]:
        """All of them, as search knows them; then those in which an agent only wrote."""
        recent, old = self._criteria(assigned=True), self._dates()
        async for rows in searched(self._client, self._settings, "conversations", recent, old):
            yield rows
        await self._know_authors()
        wrote = sorted((self._wrote or frozenset()) - self._given)
        for start in range(0, len(wrote), MANY):
            yield await self._by_id(wrote[start : start + MANY])

    async def _by_id(self, ids: Sequence[str]) -> list[Row]:
        leaf = await self._client.find("/v1/conversations/" + quote(",".join(ids), safe=","))
        rows = [Row.of(body) for body in leaf.rows] if leaf else []
        for one in set(ids) - {row.id for row in rows}:
            leaf = await self._client.find(f"/v1/conversations/{quote(one, safe='')}")
            rows += [Row.of(body) for body in leaf.rows] if leaf else []
        return rows

    # ---- what fits -------------------------------------------------------------------------------------------------

    def _criteria(self, *, assigned: bool) -> list[Mapping[str, Any]]:
        """What search can tell of the filter; what comes is looked at again.

        Args:
            assigned: Leave out conversations in which an agent only wrote.
        """
        criteria = self._dates()
        if (channels := self._channels()) and channels <= SEARCHED:
            criteria.append({"conversation_channels": {"in": sorted(channels)}})
        if self._tags is not None:
            criteria.append({"conversation_tags": {"in": sorted(self._tags)}})
        if self._agents is not None and assigned:
            criteria.append({"conversation_assigned_users": {"in": sorted(self._agents)}})
        return criteria

    def _by_agents(self) -> Criteria:
        return [{"message_created_by": {"in": sorted(self._agents or ())}}]

    def _channels(self) -> set[str]:
        names = [name.lower() for name in self.scope.filters.get("channel", ())]
        return {own for name in names for own in CHANNELS.get(name, (name,))}

    def _dates(self) -> list[Mapping[str, Any]]:
        """All that archive search can tell of it."""
        since, until = self.scope.since, self.scope.until
        criteria: list[Mapping[str, Any]] = [{_CREATED: {"gte": iso(since)}}] if since else []
        return [*criteria, {_CREATED: {"lt": iso(until)}}] if until else criteria

    def _fits(self, row: Row) -> bool:
        try:
            records = parse(row.raw("conversations")).records
        except Unparseable:  # it is handed out all the same: quarantine names it
            self._unread[row.id] = row
            return False
        conversation = records[0] if records else None
        if not isinstance(conversation, Conversation):
            return False
        when, scope = conversation.created_at, self.scope
        if (scope.since or scope.until) and when is None:
            return False
        early = when is not None and scope.since is not None and when < scope.since
        late = when is not None and scope.until is not None and when >= scope.until
        names = self._channels()
        return not (
            early
            or late
            or (names and not names & {channel.lower() for channel in conversation.channels})
            or (self._tags is not None and not self._tags & {ref.id for ref in conversation.tags})
            or (self._agents is not None and not self._has_agent(conversation))
        )

    def _has_agent(self, conversation: Conversation) -> bool:
        assert self._agents is not None
        return bool(self._agents & {ref.id for ref in conversation.agents}) or conversation.ref.id in (
            self._wrote or ()
        )

    # ---- what it costs ---------------------------------------------------------------------------------------------

    async def _whole(self, name: str) -> int:
        """Requests that reading all of a resource takes, about."""
        context = context_of(name)
        total = await self._count(name, (), archive=False)
        if context.archived:
            try:
                total += await self._count(name, (), archive=True)
            except Unserved as error:  # nor is it asked when everything is read
                log.info("archive.unserved", context=context.name, status=error.status)
        size = self._settings.list_page if total <= self._settings.list_cap else self._settings.search_page
        return -(-total // size)

    async def _authors(self) -> int:
        """Requests that finding what the agents wrote takes: the archive must be read for it."""
        found = [
            await self._count("messages", self._by_agents(), archive=False),
            await self._count("messages", (), archive=True),
        ]
        return sum(-(-total // self._settings.search_page) for total in found)

    async def _estimate(self) -> int:
        """How many conversations may fit, at most."""
        recent = await self._count("conversations", self._criteria(assigned=True), archive=False)
        old = await self._count("conversations", self._dates(), archive=True)
        wrote = 0 if self._agents is None else await self._count("messages", self._by_agents(), archive=False)
        return recent + old + wrote

    async def _count(self, name: str, criteria: Criteria, *, archive: bool) -> int:
        context = context_of(name)
        body = search_body(context, criteria, {context.changed[0].search: "asc"})
        leaf = await self._client.search(body, 1, 1, archive=archive)
        total = leaf.meta.get("total")
        if not isinstance(total, int):
            raise Unreadable("searches do not tell how many rows they find", "Nothing is narrowed.")
        return total


class _Latest:
    """So many conversations, those changed last, each as it was seen last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: dict[str, Row] = {}

    def add(self, rows: Iterable[Row]) -> None:
        self._rows |= {row.id: row for row in rows}
        latest = sorted(self._rows.values(), key=_order, reverse=True)[: self._limit]
        self._rows = {row.id: row for row in latest}

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    @property
    def full(self) -> bool:
        return len(self._rows) >= self._limit


def _order(row: Row) -> tuple[datetime, str]:
    return row.at or datetime(1, 1, 1, tzinfo=UTC), row.id
