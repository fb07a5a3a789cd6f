"""A narrowed run: only the conversations a filter means are read, each with what stands in it and whom it is with.

Conversations are found by search, by archive search, or through their customers (docs/api/kustomer.md, sections 5 and
6); each is then read by itself. Where that would cost more requests than the whole organisation, nothing is narrowed
here: what is moved is decided over what was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from mig import Conversation, Page, Raw, Scope, Unreadable
from mig_kustomer.beside import MANY, Originals, files_of_notes, messages_and_files, together
from mig_kustomer.catalog import RESOURCES, Context
from mig_kustomer.channels import CHANNELS, SEARCHED
from mig_kustomer.client import Client, Unserved
from mig_kustomer.parse import parse
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import START, Course, Row, Walk, iso
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
        self._originals = Originals(client, settings)
        self._wrote: set[str] = set()
        self._agents: set[str] | None = None
        self._tags: set[str] | None = None
        self._customers: list[str] | None = None
        self._people: set[str] = set()
        self._companies: set[str] = set()
        self._given: set[str] = set()

    async def pays(self) -> bool:
        """Whether reading one by one costs less than reading everything; False also where search is refused."""
        limit = int(self.scope.filters["limit"][0]) if "limit" in self.scope.filters else None
        if "customer" in self.scope.filters or (limit is not None and limit <= _FEW):
            return True
        try:
            whole = sum([await self._whole(name) for name in _COUNTED])
            if limit is not None:
                return limit * _EACH < whole
            await self._names()
            found = await self._total(self._criteria(), archive=False) + await self._total(self._dates(), archive=True)
            if self._agents is not None:
                found += await self._authored()
        except Unreadable as error:  # Unserved is one
            log.info("narrow.unserved", why=error.message)
            return False
        return found * _EACH < whole

    async def pages(self) -> AsyncIterator[Page]:
        """Every conversation of the filter with its messages, notes and files; then its people and companies.

        It keeps no checkpoint: a run that was stopped begins again, and what it read is not parsed twice.
        """
        await self._names()
        async for rows in self._found():
            fresh = [row for row in rows if row.id not in self._given]
            self._given.update(row.id for row in fresh)
            for start in range(0, len(fresh), self._settings.readers):
                some = fresh[start : start + self._settings.readers]
                for raws in await together(self._conversation, some, self._settings.readers):
                    yield Page(raws, None)
        for raws in await together(self._person, sorted(self._people), self._settings.readers):
            yield Page(raws, None)
        for raws in await together(self._company, sorted(self._companies), self._settings.readers):
            yield Page(raws, None)

    # ---- which conversations ---------------------------------------------------------------------------------------

    async def _names(self) -> None:
        """Ids for what the filter names: agents, tags, customers."""
        filters = self.scope.filters
        if "agent" in filters and self._agents is None:
            self._agents = set()
            for deleted in ("false", "true"):
                self._agents |= await self._listed("/v1/users", {"deleted": deleted}, filters["agent"], "email")
        if "tag" in filters and self._tags is None:
            self._tags = await self._listed("/v1/tags", {}, filters["tag"], "name")
        if "customer" in filters and self._customers is None:
            self._customers = [one for who in filters["customer"] for one in await self._customer_ids(who)]
            self._people |= set(self._customers)

    async def _listed(self, path: str, query: Mapping[str, str], wanted: Sequence[str], name: str) -> set[str]:
        names = {text.lower() for text in wanted}
        found: set[str] = set()
        async for row in self._rows(path, query):
            if {row.id.lower(), str(row.attributes.get(name) or "").lower()} & names:
                found.add(row.id)
        return found

    async def _customer_ids(self, who: str) -> list[str]:
        """A customer by id; by e-mail every one who has it, as far as search or the list by address shows them."""
        if "@" not in who:
            return [who]
        found: list[str] = []
        leaf = await self._client.find(f"/v1/customers/email={quote(who, safe='')}")
        found += [Row.of(body).id for body in leaf.rows] if leaf else []
        try:
            context = _context("customers")
            body = _search(context, [{"customer_email": {"equals": who}}], {"customer_updated_at": "asc"})
            leaf = await self._page(body, 1)
            found += [Row.of(body).id for body in leaf.rows]
        except Unserved as error:
            log.info("customers.unsearched", status=error.status)
        return list(dict.fromkeys(found))

    async def _found(self) -> AsyncIterator[list[Row]]:
        """Conversations that fit, in batches."""
        if self._customers is not None:
            source = self._of_customers(self._customers)
        elif "limit" in self.scope.filters:
            source = self._newest()
        else:
            source = self._searched()
        limit = int(self.scope.filters["limit"][0]) if "limit" in self.scope.filters else None
        kept: list[Row] = []
        async for rows in source:
            fitting = [row for row in rows if self._fits(row)]
            if limit is None:
                yield fitting
                continue
            kept += fitting
            if len(kept) >= limit and self._customers is None:  # they come with the last change first
                break
        if limit is not None:
            yield sorted(kept, key=lambda row: (_changed(row), row.id), reverse=True)[:limit]

    async def _of_customers(self, customers: Sequence[str]) -> AsyncIterator[list[Row]]:
        await self._know_authors()
        for customer in customers:
            try:
                yield [row async for row in self._rows(f"/v1/customers/{quote(customer, safe='')}/conversations", {})]
            except Unserved as error:
                if error.status != 404:
                    raise

    async def _newest(self) -> AsyncIterator[list[Row]]:
        """By the last change, latest first: what search knows, then the archive."""
        await self._know_authors()
        context = _context("conversations")
        for archive in (False, True):
            criteria = self._dates() if archive else self._criteria()
            body = _search(context, criteria, {_UPDATED: "desc"})
            page = 1
            while page <= self._settings.page_cap and page * self._settings.search_page <= self._settings.list_cap:
                leaf = await self._page(body, page, archive=archive)
                yield [Row.of(one) for one in leaf.rows]
                if leaf.next is None or not leaf.rows:
                    break
                page += 1

    async def _page(self, body: Mapping[str, Any], page: int, *, archive: bool = False) -> Leaf:
        """One page of a search, whole: one that timed out shows a part (section 5)."""
        for _ in range(self._settings.attempts):
            leaf = await self._client.search(body, page, self._settings.search_page, archive=archive)
            if leaf.meta.get("timed_out") is not True:
                return leaf
        raise Unreadable("a search timed out again and again", "Run the same command again later.")

    async def _searched(self) -> AsyncIterator[list[Row]]:
        context = _context("conversations")
        for archive in (False, True):
            fixed = self._dates() if archive else self._criteria()
            course = Course(context=context, key=context.changed[0], fixed=fixed, archive=archive)
            async for step in Walk(self._client, self._settings, course, START).steps():
                yield list(step.rows)
        await self._know_authors()
        wrote = sorted(self._wrote - self._given)
        for start in range(0, len(wrote), MANY):
            yield await self._by_id(wrote[start : start + MANY])

    async def _by_id(self, ids: Sequence[str]) -> list[Row]:
        leaf = await self._client.find("/v1/conversations/" + quote(",".join(ids), safe=","))
        rows = [Row.of(body) for body in leaf.rows] if leaf else []
        for one in set(ids) - {row.id for row in rows}:
            leaf = await self._client.find(f"/v1/conversations/{quote(one, safe='')}")
            rows += [Row.of(body) for body in leaf.rows] if leaf else []
        return rows

    async def _know_authors(self) -> None:
        """The conversations in which an agent of the filter wrote: search knows authors, the archive must be read."""
        if self._agents is None or self._wrote:
            return
        context = _context("messages")
        by = {"message_created_by": {"in": sorted(self._agents)}}
        dates: list[dict[str, Any]] = []
        if self.scope.since:
            dates.append({"message_created_at": {"gte": iso(self.scope.since)}})
        for archive in (False, True):
            fixed = dates if archive else [by, *dates]
            course = Course(context=context, key=context.changed[0], fixed=fixed, archive=archive)
            async for step in Walk(self._client, self._settings, course, START).steps():
                rows = [row for row in step.rows if row.related("createdBy") in self._agents]
                self._wrote |= {row.related("conversation") for row in rows} - {""}

    def _criteria(self) -> list[dict[str, Any]]:
        """What search can tell of the filter; what comes is looked at again."""
        criteria = self._dates()
        if (channels := self._channels()) and channels <= SEARCHED:
            criteria.append({"conversation_channels": {"in": sorted(channels)}})
        if self._tags is not None:
            criteria.append({"conversation_tags": {"in": sorted(self._tags)}})
        if self._agents is not None and not self._wrote:  # where they only wrote, they are not assigned
            criteria.append({"conversation_assigned_users": {"in": sorted(self._agents)}})
        return criteria

    def _channels(self) -> set[str]:
        names = [name.lower() for name in self.scope.filters.get("channel", ())]
        return {own for name in names for own in CHANNELS.get(name, (name,))}

    def _dates(self) -> list[dict[str, Any]]:
        """All that archive search can tell of it."""
        since, until = self.scope.since, self.scope.until
        criteria: list[dict[str, Any]] = [{_CREATED: {"gte": iso(since)}}] if since else []
        return [*criteria, {_CREATED: {"lt": iso(until)}}] if until else criteria

    def _fits(self, row: Row) -> bool:
        records = parse(row.raw("conversations")).records if row.value else []
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
        return bool(self._agents & {ref.id for ref in conversation.agents}) or conversation.ref.id in self._wrote

    # ---- what stands in them ---------------------------------------------------------------------------------------

    async def _conversation(self, row: Row) -> list[Raw]:
        path = f"/v1/conversations/{quote(row.id, safe='')}"
        raws = [row.raw("conversations")]
        self._people |= {row.related("customer")} - {""}
        async for leaf in self._leaves(f"{path}/messages", {"include": "attachments"}):
            raws += await self._originals.beside(messages_and_files(leaf))
        if row.attributes.get("noteCount") != 0:
            async for leaf in self._leaves(f"{path}/notes", {}):
                raws += await self._notes([Row.of(body) for body in leaf.rows])
        return raws

    async def _notes(self, rows: Sequence[Row]) -> list[Raw]:
        return [*(row.raw("notes") for row in rows), *await files_of_notes(self._client, rows)]

    async def _person(self, customer: str) -> list[Raw]:
        """A customer, with the notes that are about nobody's conversation."""
        path = f"/v1/customers/{quote(customer, safe='')}"
        leaf = await self._client.find(path)
        if leaf is None or not leaf.rows:
            return []
        row = Row.of(leaf.rows[0])
        self._companies |= {row.related("company")} - {""}
        raws = [row.raw("customers")]
        async for leaf in self._leaves(f"{path}/notes", {}):
            raws += await self._notes([one for one in map(Row.of, leaf.rows) if not one.related("conversation")])
        return raws

    async def _company(self, company: str) -> list[Raw]:
        leaf = await self._client.find(f"/v1/companies/{quote(company, safe='')}")
        return [Row.of(body).raw("companies") for body in leaf.rows] if leaf else []

    async def _rows(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Row]:
        async for leaf in self._leaves(path, query):
            for body in leaf.rows:
                yield Row.of(body)

    async def _leaves(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Leaf]:
        """The pages of a list; one that is not there (any more) has none."""
        page = 1
        while True:
            try:
                leaf = await self._client.get(path, {**query, "page": page, "pageSize": self._settings.list_page})
            except Unserved as error:
                if error.status == 404:
                    return
                raise
            yield leaf
            if leaf.next is None or not leaf.rows:
                return
            self._client.check(leaf.next)
            page += 1

    # ---- what it costs ---------------------------------------------------------------------------------------------

    async def _whole(self, name: str) -> int:
        """Requests that reading all of a resource takes, about."""
        context = RESOURCES[name].context
        total = await self._count(context, [], archive=False) if context else 0
        size = self._settings.list_page if total <= self._settings.list_cap else self._settings.search_page
        return -(-total // size)

    async def _total(self, criteria: Sequence[Mapping[str, Any]], *, archive: bool) -> int:
        return await self._count(_context("conversations"), criteria, archive=archive)

    async def _authored(self) -> int:
        by = {"message_created_by": {"in": sorted(self._agents or ())}}
        return await self._count(_context("messages"), [by], archive=False)

    async def _count(self, context: Context, criteria: Sequence[Mapping[str, Any]], *, archive: bool) -> int:
        body = _search(context, criteria, {context.changed[0].search: "asc"})
        leaf = await self._client.search(body, 1, 1, archive=archive)
        total = leaf.meta.get("total")
        if not isinstance(total, int):
            raise Unreadable("searches do not tell how many rows they find", "Nothing is narrowed.")
        return total


def _context(name: str) -> Context:
    context = RESOURCES[name].context
    assert context is not None, "only contexts are searched"
    return context


def _search(context: Context, criteria: Sequence[Mapping[str, Any]], sort: Mapping[str, str]) -> dict[str, Any]:
    return {
        "queryContext": context.name,
        "and": list(criteria),
        "or": [],
        "not": [],
        "sort": [dict(sort)],
        "timeZone": "GMT",
    }


def _changed(row: Row) -> datetime:
    return row.at or datetime(1, 1, 1, tzinfo=UTC)
