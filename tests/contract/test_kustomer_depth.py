"""The whole of an organisation, on both sides of the two-year line, and what it costs.

The truth is what the sandbox made up; the costs are worked out from it here, by the arithmetic of
docs/api/kustomer.md, section 10.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

import mig
from mig import Access, Budgets, Partition, Scope
from mig.clock import SystemClock
from mig.settings import Secret
from mig_kustomer.sandbox import spec
from mig_kustomer.sandbox.rows import Row, decode, related
from mig_kustomer.sandbox.server import Sandbox
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import KustomerSource, open_source

SEEDS = (1, 2, 3, 4, 5)
SMALL: dict[str, Any] = {"list_page": 10, "search_page": 50, "list_cap": 200}
TINY: dict[str, Any] = {"list_page": 10, "search_page": 20, "list_cap": 80}
TALK = Scope(kinds=frozenset({mig.CONVERSATION}))
"""With whom and what it needs; lists read whole in every run, and objects, are in test_kustomer_everything.py."""
WALKED = ("companies", "customers", "conversations", "messages", "notes")


class Trip(NamedTuple):
    """What an extraction brought."""

    rows: dict[str, dict[str, Any]]
    """Per resource and id: as it was handed out last."""
    counts: Counter[str]
    """Requests by route."""
    done: dict[str, bytes]
    pages: int

    @property
    def searches(self) -> int:
        return sum(count for route, count in self.counts.items() if route.endswith("search"))


@asynccontextmanager
async def organisation(customers: int, seed: int, **switches: str) -> AsyncIterator[tuple[Sandbox, str]]:
    options = mig.SandboxOptions(generate=customers, seed=seed, switches=switches)
    async with spec.serve(options) as running:
        yield running.control, running.url


class DeskClock(SystemClock):
    """The organisation's time, a month wrong: only what passes of it counts."""

    def __init__(self, desk: Sandbox) -> None:
        self._desk = desk

    def now(self) -> datetime:
        return self._desk.organisation.clock.now() - timedelta(days=30)


@asynccontextmanager
async def reading(url: str, clock: mig.Clock | None = None, **more: Any) -> AsyncIterator[KustomerSource]:
    clock = clock or SystemClock()
    free = {"requests_per_minute": 10_000_000, "searches_per_minute": 10_000_000, "pause_s": 0.01}
    settings = KustomerSettings(url=url, api_key=Secret("sandbox-key"), **{**free, **more})
    async with open_source(settings, Access(clock, Budgets(clock))) as source:
        yield source


async def whole(
    source: KustomerSource,
    desk: Sandbox,
    *,
    resources: Sequence[str] = (),
    starts: Mapping[str, bytes] | None = None,
    into: dict[str, dict[str, Any]] | None = None,
) -> Trip:
    """Read every partition to its end, one after the other."""
    rows: dict[str, dict[str, Any]] = {} if into is None else into
    done: dict[str, bytes] = {}
    before, pages = Counter(desk.counts["routes"]), 0
    for part in await source.partitions(TALK):
        if resources and part.resource not in resources:
            continue
        async for page in source.extract(part, Scope(), (starts or {}).get(part.resource)):
            keep(page, rows)
            pages += 1
            done[part.resource] = page.checkpoint or b""
    return Trip(rows, Counter(desk.counts["routes"]) - before, done, pages)


def keep(page: mig.Page, rows: dict[str, dict[str, Any]]) -> None:
    for raw in page.rows:
        rows.setdefault(raw.resource, {})[raw.id] = decode(raw.body)


# ---- the truth -------------------------------------------------------------------------------------------------------


class Truth:
    """What the organisation holds, and what reading it costs at least."""

    def __init__(self, desk: Sandbox, *, list_page: int = 100, search_page: int = 500, list_cap: int = 10_000) -> None:
        self.store = desk.organisation.store
        self.line = desk.organisation.clock.two_years_ago_ms()
        self.list_page, self.search_page, self.cap = list_page, search_page, list_cap
        self.shown = desk.switches.searched_files == "shown"

    def visible(self, kind: str) -> list[Row]:
        return list(self.store.table(kind).rows.values())

    def indexed(self, kind: str) -> list[Row]:
        """What searches find when asked for deleted rows too."""
        return [*self.visible(kind), *self.store.table(kind).gone.values()]

    def is_deep(self, kind: str) -> bool:
        """Whether its list is too long, or cannot be told from a longer one: only customers are counted."""
        searched = len(self.recent(self.indexed(kind)))
        return len(self.visible(kind)) + (kind != "customers") > self.cap or searched > self.cap

    def old(self, rows: Iterable[Row]) -> list[Row]:
        return [row for row in rows if row.updated < self.line]

    def recent(self, rows: Iterable[Row]) -> list[Row]:
        return [row for row in rows if row.updated >= self.line]

    def expected(self, *, customer_notes: bool = False) -> dict[str, set[str]]:
        """Every row there is a way to."""
        found = {kind: {row.id for row in self.visible(kind)} for kind in (*WALKED, "tags", "users", "attachments")}
        if self.is_deep("notes") and not customer_notes:
            found["notes"] -= {row.id for row in self.old(self.visible("notes")) if not self._is_findable(row)}
        return found

    def _is_findable(self, note: Row) -> bool:
        """Old notes of conversations; those of customers and of vanished conversations no count announces."""
        return self.store.get("conversations", related(decode(note.body), "conversation")) is not None

    # ---- section 10 --------------------------------------------------------------------------------------------------

    def listed(self, kind: str) -> int:
        return self._pages(len(self.visible(kind)), counted=kind == "customers")

    def _pages(self, rows: int, *, counted: bool = False) -> int:
        """Pages of a list: only where it counts its rows no empty one follows a full one (section 9, trap 13)."""
        return max(1, math.ceil(rows / self.list_page)) if counted else rows // self.list_page + 1

    def walked(self, rows: Iterable[Row]) -> int:
        """Searches of the keyset walk of section 4; a crowded instant is read by page numbers, twice."""
        times = sorted(row.updated for row in rows)
        searches, start = 1, 0
        while len(times) - start > self.search_page:
            last = times[start + self.search_page - 1]
            if last == times[start]:
                crowd = bisect_left(times, last + 1) - start
                searches += 2 * math.ceil(crowd / self.search_page) - 1
                last += 1
            start = bisect_left(times, last)
            searches += 1
        return searches

    def cost(self) -> tuple[int, int]:
        """All requests and searches of the cheaper plan: lists up to the cap, search for what is larger.

        A list is asked how it stands before, for the next delta (section 8), and one of several pages afterwards too:
        they may have moved (section 9, trap 5).
        """
        lists, searches = self._office(), 0
        for kind in WALKED:
            if not self.is_deep(kind):
                pages = self.listed(kind)
                lists, searches = lists + pages, searches + (2 if pages > 1 else 1)
                continue
            searches += self.walked(self.recent(self.indexed(kind)))
            if kind == "notes":  # no search finds old ones: the conversations that may have some are looked for
                parents = self.visible("conversations")
                lists += sum(map(self._has_old_notes, parents))
                began = [row for row in self.recent(parents) if row.created < self.line]
                searches += self.walked(self.old(parents)) + self.walked(began)
            else:
                searches += self.walked(self.old(self.indexed(kind)))
        if self.is_deep("messages"):
            searches += self.walked(row for row in self.recent(self.indexed("messages")) if row.files)
            lists += self._files()
        return lists + searches, searches

    def _office(self) -> int:
        return (
            self.listed("tags")
            + sum(map(self._pages, self._users()))
            + self.listed("teams")
            + self.listed("queues")
            + 4
        )

    def _users(self) -> tuple[int, int]:
        deleted = [bool(decode(row.body)["attributes"].get("deleted")) for row in self.visible("users")]
        return deleted.count(False), deleted.count(True)

    def _has_old_notes(self, conversation: Row) -> bool:
        count = decode(conversation.body)["attributes"]["noteCount"]
        notes = self.store.children("notes", "conversation", conversation.id)
        return (conversation.updated < self.line and count > 0) or bool(self.old(notes))

    def _files(self) -> int:
        """One read per conversation with files; without a word on old messages' files, per one with old messages."""
        asked: dict[str | None, list[Row]] = {}
        for row in self.visible("messages"):
            if row.files or (row.updated < self.line and not self.shown):
                asked.setdefault(related(decode(row.body), "conversation"), []).append(row)
        reads = 0
        for conversation, rows in asked.items():
            if self.store.get("conversations", conversation) is None:
                reads += 1 + sum(1 + row.files for row in rows)
            else:
                held = self.store.table("messages").find("conversation", str(conversation))
                reads += min(self._pages(len(held)), self.cap // self.list_page)
                reads += sum(1 + row.files for row in rows if row.id in set(held[self.cap :]))
        return reads


def missing(truth: Truth, trip: Trip, **more: bool) -> dict[str, int]:
    """How many rows were not handed out, per resource; nothing else may have been."""
    lacking = {kind: len(ids - trip.rows.get(kind, {}).keys()) for kind, ids in truth.expected(**more).items()}
    for kind, rows in trip.rows.items():
        if kind in WALKED:
            assert rows.keys() <= {row.id for row in truth.indexed(kind)}, kind
    return {kind: count for kind, count in lacking.items() if count}


def without_files(truth: Truth, trip: Trip) -> list[str]:
    """Messages handed out last without the files they have."""
    found = trip.rows["messages"]
    named = {
        row.id: decode(row.body)["relationships"]["attachments"]["data"]
        for row in truth.visible("messages")
        if row.files
    }
    return [
        one for one, files in named.items() if found[one]["relationships"].get("attachments", {}).get("data") != files
    ]


async def check(desk: Sandbox, url: str, settings: dict[str, Any]) -> None:
    async with reading(url, **settings) as source:
        truth = Truth(desk, **settings)
        every, searches = truth.cost()
        trip = await whole(source, desk)
    assert missing(truth, trip) == {}
    assert without_files(truth, trip) == []
    print(f"all {trip.counts.total()} of {every}, searches {trip.searches} of {searches}")  # what soak reports
    assert trip.counts.total() <= 1.05 * every
    assert trip.searches <= 1.05 * searches


@pytest.mark.parametrize("seed", SEEDS)
async def test_an_organisation_is_read_whole_at_the_cost_of_the_cheaper_plan(seed: int) -> None:
    files = "shown" if seed % 2 else "hidden"
    async with organisation(300, seed, cap="200", tie="120", searched_files=files) as (desk, url):
        await check(desk, url, SMALL)


async def test_one_within_the_caps_is_read_by_lists() -> None:
    async with organisation(300, 7) as (desk, url):
        await check(desk, url, {"list_page": 100, "search_page": 500, "list_cap": 10_000})
        assert desk.counts["routes"]["POST /v1/customers/archive/search"] == 0


@pytest.mark.soak
@pytest.mark.parametrize("files", ["hidden", "shown"])
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_large_organisation_is_read_whole_at_the_cost_of_the_cheaper_plan(seed: int, files: str) -> None:
    async with organisation(5000, seed, tie="1200", searched_files=files) as (desk, url):
        await check(desk, url, {"list_page": 100, "search_page": 500, "list_cap": 10_000})


# ---- what moves meanwhile --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_the_index_does_no_row_is_left_out(seed: int) -> None:
    """Partial pages, pages that move up by one, changes that show late, an archive that also knows young rows."""
    switches = {"shift": "25", "timed_out": "0.08", "lag": "0.05", "archive": "old" if seed % 2 else "all"}
    async with organisation(100, seed, cap="80", tie="60", **switches) as (desk, url):
        async with reading(url, list_page=10, search_page=20, list_cap=80, attempts=20) as source:
            truth = Truth(desk, list_cap=80)
            trip = await whole(source, desk)
        assert missing(truth, trip) == {}
        assert without_files(truth, trip) == []


@pytest.mark.parametrize("seed", SEEDS[:3])
async def test_rows_that_change_while_they_are_read_are_found_where_they_went(seed: int) -> None:
    """Old rows that are touched leave the archive for the side of search, whose walk may be over."""
    choice = random.Random(seed)
    async with organisation(120, seed, cap="80") as (desk, url), reading(url, **TINY) as source:
        truth = Truth(desk, **TINY)
        expected = truth.expected()
        rows: dict[str, dict[str, Any]] = {}
        done: dict[str, bytes] = {}
        for part in await source.partitions(TALK):
            ids = [row.id for row in truth.old(truth.visible(part.resource))] if part.resource in WALKED else []
            async for page in source.extract(part, Scope(), None):
                keep(page, rows)
                done[part.resource] = page.checkpoint or b""
                if ids and choice.random() < 0.3:
                    desk.organisation.touch(part.resource, choice.choice(ids))
        assert {kind: ids - rows[kind].keys() for kind, ids in expected.items()} == {kind: set() for kind in expected}
        again = await whole(source, desk, starts=done, into=rows)
        assert without_files(truth, again) == []
        for kind in WALKED:
            stale = {row.id for row in truth.visible(kind) if rows[kind].get(row.id) != decode(row.body)}
            assert stale & truth.expected()[kind] == set(), kind


async def test_a_row_on_neither_side_of_the_line_is_found_by_the_second_look() -> None:
    async with (
        organisation(120, 3, cap="80", line_gap="300") as (desk, url),
        reading(url, DeskClock(desk), **TINY) as source,
    ):
        clock = desk.organisation.clock
        truth = Truth(desk, **TINY)
        lost = min(truth.recent(truth.visible("conversations")), key=lambda row: row.updated)
        clock.advance((lost.updated - clock.two_years_ago_ms()) / 1000 + 100)
        first = await whole(source, desk, resources=["conversations"])
        assert truth.expected()["conversations"] - first.rows["conversations"].keys() == {lost.id}
        clock.advance(500)
        second = await whole(source, desk, resources=["conversations"], starts=first.done)
        assert set(second.rows["conversations"]) >= {lost.id}
        assert len(second.rows["conversations"]) < 10
        assert second.searches == 2
        clock.advance(200)
        third = await whole(source, desk, resources=["conversations"], starts=second.done)
        fourth = await whole(source, desk, resources=["conversations"], starts=third.done)
        assert (third.searches, fourth.searches) == (2, 1)  # the index had its time: nobody looks again


async def test_rows_that_pass_the_line_while_they_are_read_are_not_lost() -> None:
    async with organisation(120, 4, cap="80") as (desk, url), reading(url, DeskClock(desk), **TINY) as source:
        truth = Truth(desk, **TINY)
        recent = sorted(row.updated for row in truth.recent(truth.visible("conversations")))
        rows: dict[str, dict[str, Any]] = {}
        gap = (recent[30] - recent[0]) / 1000
        moved = False
        async for page in source.extract(Partition("conversations"), Scope(), None):
            keep(page, rows)
            if page.rows and not moved:  # the first page of search was read; thirty rows pass to the archive's side
                moved = True
                desk.organisation.clock.advance(gap)
        assert truth.expected()["conversations"] - rows["conversations"].keys() == set()


# ---- stopping and going on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_killed_again_and_again_it_goes_on_to_the_end(seed: int) -> None:
    choice = random.Random(seed)
    files = "shown" if seed % 2 else "hidden"
    async with organisation(100, seed, cap="80", tie="60", searched_files=files) as (desk, url):
        truth = Truth(desk, **TINY)
        rows: dict[str, dict[str, Any]] = {}
        for resource in ("customers", "conversations", "messages", "notes", "attachments"):
            checkpoint: bytes | None = None
            while resource != "attachments" and b'"mode":"done"' not in (checkpoint or b""):
                left = choice.randrange(1, 40)
                async with reading(url, **TINY) as source:
                    async for page in source.extract(Partition(resource), Scope(), checkpoint):
                        keep(page, rows)
                        checkpoint, left = page.checkpoint, left - 1
                        if left == 0:
                            break
        trip = Trip(rows, Counter(), {}, 0)
        wanted = {kind: ids for kind, ids in truth.expected().items() if kind in rows}
        assert {kind: len(ids - rows[kind].keys()) for kind, ids in wanted.items()} == dict.fromkeys(wanted, 0)
        assert without_files(truth, trip) == []


async def test_a_crash_among_old_notes_does_not_ask_all_conversations_again() -> None:
    async with organisation(300, 2, cap="200") as (desk, url):
        async with reading(url, **SMALL) as source:
            full = await whole(source, desk, resources=["notes"])
            checkpoints = [page.checkpoint async for page in source.extract(Partition("notes"), Scope(), None)]
        middle = [one for one in checkpoints if one and b'"mode":"old"' in one and b'"stage"' not in one][-1]
        async with reading(url, **SMALL) as source:
            rest = await whole(source, desk, resources=["notes"], starts={"notes": middle or b""})
        asked = "GET /v1/conversations/{id}/notes"
        assert full.counts[asked] > 30
        assert rest.counts[asked] < full.counts[asked] / 2


# ---- what is unknown about the platform ------------------------------------------------------------------------------


async def test_the_sandbox_refuses_what_lies_behind_its_cap() -> None:
    async with organisation(30, 1, cap="20") as (_, url), httpx.AsyncClient(base_url=url) as api:
        api.headers["Authorization"] = "Bearer sandbox-key"
        assert (await api.get("/v1/customers?page=2&pageSize=10")).status_code == 200
        assert (await api.get("/v1/customers?page=3&pageSize=10")).status_code == 400
        body = {"queryContext": "message"}
        assert (await api.post("/v1/customers/search?page=1&pageSize=20", json=body)).status_code == 200
        assert (await api.post("/v1/customers/archive/search?page=2&pageSize=20", json=body)).status_code == 400


async def test_notes_of_customers_are_found_when_every_customer_is_asked() -> None:
    async with organisation(120, 5, cap="80") as (desk, url):
        truth = Truth(desk, **TINY)
        hidden = truth.expected(customer_notes=True)["notes"] - truth.expected()["notes"]
        assert hidden
        async with reading(url, customer_notes=True, **TINY) as source:
            trip = await whole(source, desk, resources=["notes"])
        assert truth.expected(customer_notes=True)["notes"] - trip.rows["notes"].keys() == set()


async def test_ids_of_everything_are_known_whatever_its_age() -> None:
    async with organisation(120, 6, cap="80") as (desk, url), reading(url, **TINY) as source:
        truth = Truth(desk, **TINY)
        for kind, resource in ((mig.CONTACT, "customers"), (mig.MESSAGE, "messages"), (mig.NOTE, "notes")):
            found = [one async for some in source.ids(kind, Scope()) for one, _ in some]
            assert len(found) == len(set(found))
            assert truth.expected()[resource] - set(found) == set()
            assert set(found) <= {row.id for row in truth.visible(resource)}
