"""A narrowed reading of the small desk: what the filter means is found, each once, however much there is of it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import httpx
import pytest

import mig
from kustomer_desk import PARENTS, Always, Desk, at, ids, long_ago, opened, to, without_files
from mig import Partition, Scope
from mig_kustomer.source import SELECTED

CAP = 20


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.cap = CAP
    return desk


def scope(*, since: float | None = None, **filters: str | int | list[str]) -> Scope:
    """A filter; `since` in seconds after the desk's beginning."""
    given = {name: tuple(value) if isinstance(value, list) else (str(value),) for name, value in filters.items()}
    return Scope(since=None if since is None else datetime.fromisoformat(at(since)), filters=given)


async def narrow(source: Any, wanted: Scope) -> list[mig.Page]:
    """Everything a narrowed reading brings."""
    return [page async for page in source.extract(Partition("conversations", SELECTED), wanted, None)]


def talk(desk: Desk, id_: str, updated: str, customer: str = "", **more: Any) -> dict[str, Any]:
    """Add a conversation of a customer."""
    return desk.add("conversation", id_, updated, relationships=to(customer=customer), noteCount=0, **more)


def asked(desk: Desk, path: str) -> int:
    """How many requests named a path that begins so."""
    return sum(request.url.path.startswith(path) for request in desk.asked)


# ---- so many at a time -----------------------------------------------------------------------------------------------


async def test_people_and_companies_are_asked_for_only_as_fast_as_they_are_handed_out(desk: Desk) -> None:
    for n in range(9):
        talk(desk, f"v{n}", at(n), f"p{n}")
        desk.add("customer", f"p{n}", at(0), relationships=to(company=f"k{n}"))
        desk.add("company", f"k{n}", at(0))
    ahead: dict[str, list[int]] = {"customers": [], "companies": []}
    async with opened(desk, readers=2) as source:
        given: Counter[str] = Counter()
        async for page in source.extract(Partition("conversations", SELECTED), scope(limit=9), None):
            given.update({row.resource for row in page.rows})
            for resource, counts in ahead.items():
                once = {r.url.path.split("/")[3] for r in desk.asked if r.url.path.startswith(f"/v1/{resource}/")}
                counts.append(len(once - {"search", "archive"}) - given[resource])
    assert given["customers"] == given["companies"] == 9
    assert {resource: max(counts) for resource, counts in ahead.items()} == {"customers": 1, "companies": 1}


@pytest.mark.parametrize("limit", [None, 5])
async def test_a_conversation_that_cannot_be_parsed_is_handed_out_for_quarantine(desk: Desk, limit: int | None) -> None:
    """Nobody can tell whether it fits: left out, it would be missing and no word said."""
    desk.add("customer", "p1", at(0))
    talk(desk, "v1", at(1), "p1")
    talk(desk, "v2", at(2), "p1", name="odd")["id"] = ""
    more = {} if limit is None else {"limit": limit}
    async with opened(desk) as source:
        pages = await narrow(source, scope(customer="p1", **more))
    rows = [row for page in pages for row in page.rows if row.resource == "conversations"]
    assert len(rows) == 2
    assert sum(row.id == "v1" for row in rows) == 1
    assert sum(b"odd" in row.body for row in rows) == 1


async def test_a_customer_without_conversations_is_read(desk: Desk) -> None:
    desk.add("customer", "p1", at(0))
    async with opened(desk) as source:
        assert ids(await narrow(source, scope(customer=["p1", "gone"]))) == ["p1"]


async def test_a_conversation_that_is_touched_while_it_is_looked_for_is_read_once(desk: Desk) -> None:
    desk.small["tags"] = [{"id": "t1", "attributes": {"name": "VIP"}}]
    for n in range(12):
        talk(desk, f"v{n:02}", at(n * 1000), tags=["t1"])

    def touch(request: httpx.Request) -> None:
        if "/messages" in request.url.path:  # the walk has shown its first page
            desk.before = lambda request: None
            desk.rows["conversation"][1]["attributes"]["updatedAt"] = at(90_000)

    desk.before = touch
    async with opened(desk) as source:
        pages = await narrow(source, scope(tag="vip"))
    assert Counter(ids(pages, "conversations")) == Counter(f"v{n:02}" for n in range(12))


# ---- --limit ---------------------------------------------------------------------------------------------------------


async def test_a_limit_counts_a_customer_named_twice_once(desk: Desk) -> None:
    desk.add("customer", "p1", at(0))
    for n in range(6):
        talk(desk, f"v{n}", at(n), "p1")
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=4, customer=["p1", "p1"]))
        assert ids(pages, "conversations") == ["v5", "v4", "v3", "v2"]
        assert asked(desk, "/v1/customers/p1/conversations") == 2, "its list has two pages"


async def test_a_limit_counts_a_conversation_that_moved_to_another_page_once(desk: Desk) -> None:
    for n in range(12):
        talk(desk, f"v{n:02}", at(n))

    def arrive(request: httpx.Request) -> None:
        if request.url.params.get("page") == "2":  # what stood last on page 1 stands first on page 2
            desk.before = lambda request: None
            talk(desk, "v99", at(99))

    desk.before = arrive
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=7))
    assert ids(pages, "conversations") == [f"v{n:02}" for n in range(11, 4, -1)]


async def test_a_limit_takes_of_two_states_of_a_conversation_the_newer(desk: Desk) -> None:
    for n in range(40):
        talk(desk, f"v{n:02}", at(n * 1000))

    def touch(request: httpx.Request) -> None:
        order = next(iter(json.loads(request.content)["sort"][0].values())) if request.method == "POST" else ""
        if order == "asc" and len(desk.asked) > 9:  # the walk has shown its first pages
            desk.before = lambda request: None
            desk.rows["conversation"][1]["attributes"]["updatedAt"] = at(90_000)

    desk.before = touch
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=39))
    assert ids(pages, "conversations") == ["v01", *(f"v{n:02}" for n in range(39, 1, -1))]


@pytest.mark.parametrize("where", [at, long_ago])
async def test_a_limit_that_the_newest_do_not_fill_is_filled_from_behind_the_cap(desk: Desk, where: Any) -> None:
    """Search does not know this channel: what it shows must be looked through."""
    for n in range(40):
        talk(desk, f"v{n:02}", where(n * 1000), channels=["instagram-comment"] if n in (1, 2, 3) else ["chat"])
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=2, channel="instagram-comment"))
    assert ids(pages, "conversations") == ["v03", "v02"]


async def test_a_limit_larger_than_the_cap_is_filled(desk: Desk) -> None:
    for n in range(15):
        talk(desk, f"a{n:02}", long_ago(n * 1000))
    for n in range(30):
        talk(desk, f"v{n:02}", at(n * 1000))
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=40))
    assert ids(pages, "conversations") == [
        *(f"v{n:02}" for n in range(29, -1, -1)),
        *(f"a{n:02}" for n in range(14, 4, -1)),
    ]


async def test_a_limit_within_the_cap_costs_no_walk(desk: Desk) -> None:
    for n in range(40):
        talk(desk, f"v{n:02}", at(n * 1000))
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=7))
    assert ids(pages, "conversations") == [f"v{n}" for n in range(39, 32, -1)]
    assert len(desk.searches()) == 2


# ---- --agent ---------------------------------------------------------------------------------------------------------


def agents(desk: Desk) -> None:
    desk.small["users"] = [{"id": "u1", "attributes": {"email": "ann@desk.example"}}]


@pytest.mark.parametrize("where", [at, long_ago])
async def test_an_agent_is_found_by_a_message_older_than_its_conversation(desk: Desk, where: Any) -> None:
    """A merge takes messages along that were there before the conversation."""
    agents(desk)
    for n in range(3):
        talk(desk, f"v{n}", at(n * 10), created=at(n * 10))
    desk.message("m1", where(-5000), "v2", by="u1", created=where(-5000))
    desk.message("m2", where(-5000), "v0", by="u1", created=where(-5000))
    async with opened(desk) as source:
        pages = await narrow(source, scope(since=15, agent="ann@desk.example"))
    assert ids(pages, "conversations") == ["v2"]


async def test_an_agent_is_found_by_both_ways_once(desk: Desk) -> None:
    agents(desk)
    talk(desk, "assigned", at(1), assignedUsers=["u1"])
    talk(desk, "wrote", at(2))
    talk(desk, "both", at(3), assignedUsers=["u1"])
    talk(desk, "neither", at(4))
    desk.message("m1", at(5), "wrote", by="u1")
    desk.message("m2", at(6), "both", by="u1")
    desk.message("m3", at(7), "neither", by="u2")
    async with opened(desk) as source:
        pages = await narrow(source, scope(agent="u1"))
        assert sorted(ids(pages, "conversations")) == ["assigned", "both", "wrote"]
        walked = [body["and"] for body in desk.searches() if body["queryContext"] == "conversation"]
        assert sum(any("conversation_assigned_users" in one for one in criteria) for criteria in walked) == 1
        by_id = Counter(r.url.path for r in desk.asked if r.url.path.count("/") == 3 and "conversations/" in r.url.path)
        assert by_id == {"/v1/conversations/wrote": 1}
        assert ids(await narrow(source, scope(agent="u1", limit=2)), "conversations") == ["both", "wrote"]


async def test_finding_what_an_agent_wrote_long_ago_is_part_of_the_price(desk: Desk) -> None:
    """Archive search knows no authors: all its messages must be looked at, 6 pages of 5."""
    agents(desk)
    for n in range(30):
        desk.message(f"a{n:02}", long_ago(n * 1000), "v1")
    desk.message("m1", at(0), "v1", by="u1")
    async with opened(desk) as source:
        # 31 messages are 7 pages of search, and there is nothing else: 1 + 6 pages save none.
        assert SELECTED not in {part.name for part in await source.partitions(scope(agent="u1", limit=1))}
        for n in range(8):
            talk(desk, f"v{n}", at(n))  # two more pages, of a list
        assert SELECTED in {part.name for part in await source.partitions(scope(agent="u1", limit=2))}


async def test_an_archive_that_refuses_makes_the_whole_no_dearer_and_the_few_no_impossible(desk: Desk) -> None:
    for n in range(4):
        desk.add("customer", f"p{n}", at(n))
    async with opened(Always(desk, 403, "archive/search"), list_page=1, list_cap=200) as source:
        assert SELECTED not in {part.name for part in await source.partitions(scope(limit=30))}
        for n in range(160):
            talk(desk, f"v{n:03}", at(n))
        assert SELECTED in {part.name for part in await source.partitions(scope(limit=31))}


# ---- again -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", [{"limit": 3}, {"customer": "p1"}, {"agent": "u1"}, {"tag": "vip"}])
async def test_a_second_reading_brings_the_same_as_the_first(desk: Desk, filters: dict[str, Any]) -> None:
    agents(desk)
    desk.small["tags"] = [{"id": "t1", "attributes": {"name": "VIP"}}]
    desk.add("customer", "p1", at(0), relationships=to(company="k1"))
    desk.add("company", "k1", at(0))
    for n in range(3):
        talk(desk, f"v{n}", at(n), "p1", assignedUsers=["u1"], tags=["t1"])
    async with opened(desk) as source:
        first = await narrow(source, scope(**filters))
        assert sorted(ids(first)) == ["k1", "p1", "v0", "v1", "v2"]
        broken_off = source.extract(Partition("conversations", SELECTED), scope(**filters), None)
        await anext(broken_off)
        await broken_off.aclose()
        assert ids(await narrow(source, scope(**filters))) == ids(first)


# ---- behind the cap --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("archived", "named"), [("auto", False), ("auto", True), ("shown", True)])
async def test_a_conversation_longer_than_the_cap_is_read_whole(
    desk: Desk, archived: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list shows the first rows; search knows the later ones by their customer, the archive by their thread."""
    desk.add("customer", "p1", at(0))
    talk(desk, "v1", at(0), "p1")
    talk(desk, "v2", at(0), "p1")
    for n in range(60):
        who = "p2" if n < 30 or n % 2 else "p1"  # p1, whom v1 is with, writes late in it
        more: dict[str, Any] = {"relationships": to(conversation="v1" if n % 5 else "v2", customer=who)}
        desk.message(f"m{n:02}", long_ago(n) if n % 3 else at(n * 1000), files=int(n % 4 == 0), **more)
    if named:
        shown = desk._shown
        monkeypatch.setattr(desk, "_shown", lambda row, with_files: shown(row, True))
    async with opened(desk, archived_files=archived) as source:
        pages = await narrow(source, scope(limit=1))
        assert without_files(source, pages, desk) == []
    thread = [row["id"] for row in desk.rows["message"] if desk.parent(row) == "v2"]
    assert len(thread) == 12
    assert ids(pages, "messages") == thread  # the last change is that of v2, as its id is larger
    async with opened(desk, archived_files=archived) as source:
        pages = await narrow(source, scope(customer="p1"))
        assert without_files(source, pages, desk) == []
    assert Counter(ids(pages, "messages")) == Counter(f"m{n:02}" for n in range(60))
    assert set(ids(pages, "attachments")) == {file for files in desk.files.values() for file in files}
    behind = [row["id"] for row in desk.rows["message"] if desk.parent(row) == "v1"][CAP:]
    alone = {one for one in behind if asked(desk, f"/v1/messages/{one}")}
    with_files = {one for one in behind if desk.files[one]}
    assert with_files <= alone
    assert alone == with_files if named else alone < set(behind)


@pytest.mark.parametrize(("counted", "found"), [(26, 26), (25, 25), (None, 25)])
async def test_somebody_else_who_writes_behind_the_cap_is_found_as_far_as_the_count_tells(
    desk: Desk, counted: int | None, found: int
) -> None:
    """No search of the past two years knows conversations; looking through everything must be for a reason."""
    talk(desk, "v1", at(0), "p1", messageCount=counted)
    for n in range(26):
        who = "stranger" if n == 24 else "p1"
        desk.message(f"m{n:02}", at(n * 1000), relationships=to(conversation="v1", customer=who), files=int(n > 22))
    async with opened(desk) as source:
        pages = await narrow(source, scope(limit=1))
        assert without_files(source, pages, desk) == []
    assert len(ids(pages, "messages")) == len(set(ids(pages, "messages"))) == found
    everything = [body for body in desk.searches() if "message_customer_id" not in str(body["and"])]
    wide = [body for body in everything if body["queryContext"] == "message" and "conversation_id" not in str(body)]
    assert len(wide) > 3 if found == 26 else {body["sort"][0]["message_updated_at"] for body in wide} == {"desc"}


@pytest.mark.parametrize("ignored", [False, True])
async def test_notes_and_conversations_behind_the_cap_are_found_by_search(
    desk: Desk, ignored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where search ignores whom it is asked about, and shows everybody's."""
    meets = desk._meets
    if ignored:
        monkeypatch.setattr(desk, "_meets", lambda row, one: not {*one}.isdisjoint(PARENTS) or meets(row, one))
    for who in ("p1", "p2"):
        desk.add("customer", who, at(0))
        talk(desk, f"{who}v00", at(0), who)["attributes"]["noteCount"] = 25
        for n in range(25):
            talk(desk, f"{who}v{n + 1:02}", long_ago(n) if n % 2 else at(n * 1000), who)
            relation = to(customer=who) | to(conversation=f"{who}v00" if n % 2 else "")
            desk.add("note", f"{who}c{n:02}", at(n * 1000), relationships=relation)
            desk.add("note", f"{who}n{n:02}", at(n * 1000), relationships=to(conversation=f"{who}v00"))
    async with opened(desk) as source:
        pages = await narrow(source, scope(customer="p1"))
    assert Counter(ids(pages, "conversations")) == Counter(f"p1v{n:02}" for n in range(26))
    assert Counter(ids(pages, "notes")) == Counter(one["id"] for one in desk.rows["note"] if one["id"] < "p2")


async def test_a_name_that_stands_behind_the_cap_of_its_list_is_not_taken_for_none(desk: Desk) -> None:
    desk.small["tags"] = [{"id": f"t{n:02}", "attributes": {"name": f"tag {n}"}} for n in range(30)]
    talk(desk, "v1", at(1), tags=["t29"])
    async with opened(desk) as source:
        with pytest.raises(mig.Unreadable, match="/v1/tags: only the first 20"):
            await narrow(source, scope(tag="tag 29"))
        assert SELECTED not in {part.name for part in await source.partitions(scope(tag="tag 29"))}
