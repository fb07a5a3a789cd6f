"""What is older than two years: the archive, the line that moves, old files and old notes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

import mig
from kustomer_desk import (
    Always,
    Desk,
    at,
    both_sides,
    collect,
    drain,
    ids,
    long_ago,
    old_thread,
    opened,
    to,
    without_files,
)
from mig import Partition, Scope, Unreadable


@pytest.fixture
def desk() -> Desk:
    return Desk()


def archive_searches(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(r.content) for r in desk.asked if r.url.path.endswith("archive/search")]


async def test_what_search_no_longer_knows_is_found_in_the_archive(desk: Desk) -> None:
    everything = both_sides(desk)
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything
        assert not [r for r in desk.asked if r.method == "GET"], "search alone says that the list is too long"
        bounds = [
            one for body in archive_searches(desk) for one in body["and"] if "lt" in one["conversation_updated_at"]
        ]
        assert len(bounds) == len(archive_searches(desk))
        assert {bound["conversation_updated_at"]["lt"] for bound in bounds} == {at(600)}  # the line, and the overlap
        desk.asked.clear()
        pages, done = await drain(source, "conversations", done)
        assert ids(pages) == ["z22", "a22"]  # the delta, and a second look at what was about to pass the line
        assert len(desk.asked) == 2


async def test_a_list_that_old_rows_make_too_long_is_not_read_for_nothing(desk: Desk) -> None:
    everything = both_sides(desk, recent=9)
    async with opened(desk) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything
    assert [r.url.params["page"] for r in desk.asked if r.method == "GET"] == ["1", "5"]


async def test_a_list_that_tells_its_total_needs_no_look_at_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = both_sides(desk, "customer", recent=3)
    page_of = desk._page

    def with_total(rows: list[dict[str, Any]], path: str, query: dict[str, str]) -> httpx.Response:
        answer = json.loads(page_of(rows, path, query).content)
        return httpx.Response(200, json=answer | {"meta": {"total": len(rows)}})

    monkeypatch.setattr(desk, "_page", with_total)
    async with opened(desk) as source:
        assert set(ids((await drain(source, "customers"))[0])) == everything
    assert len([r for r in desk.asked if r.method == "GET"]) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_without_the_archive_the_list_shows_what_it_can_and_the_rest_is_told(desk: Desk, status: int) -> None:
    both_sides(desk)
    shut = Always(desk, status, "archive/search")
    async with opened(shut) as source:
        pages: list[mig.Page] = []
        with pytest.raises(Unreadable, match="older than two years only the list's first 20") as refused:
            await collect(source, None, pages)
        assert "org.permission.search.create" in refused.value.hint
        assert set(ids(pages)) == {*(f"a{n:02}" for n in range(20)), *(f"z{n:02}" for n in range(23))}
        done = pages[-1].checkpoint
        assert json.loads(done or b"")["mode"] == "done"
        desk.add("conversation", "z99", at(99_000))
        desk.asked.clear()
        more: list[mig.Page] = []
        with pytest.raises(Unreadable):
            await collect(source, done, more)
        assert ids(more) == ["z22", "z99"]
        assert not [r for r in desk.asked if r.method == "GET"]
    async with opened(desk) as source:
        assert {f"a{n:02}" for n in range(23)} <= set(ids((await drain(source, "conversations", done))[0]))


async def test_a_list_that_is_whole_after_all_needs_no_archive(desk: Desk) -> None:
    everything = both_sides(desk, old=3, recent=16)
    async with opened(Always(desk, 404, "archive/search"), requests_per_minute=50, search_page=10) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything


async def test_an_archive_that_keeps_no_order_of_changes_is_walked_by_creation(desk: Desk) -> None:
    everything = both_sides(desk)
    for n in range(0, 23, 2):
        desk.rows["conversation"][n]["attributes"]["updatedAt"] = long_ago(90_000 - n)
    desk.sorts_archive = ("created_at",)
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
    assert set(ids(pages)) == everything
    assert "old" not in json.loads(done)
    assert {next(iter(body["sort"][0])) for body in archive_searches(desk)} == {
        "conversation_updated_at", "conversation_created_at",
    }  # fmt: skip


async def test_an_archive_without_any_order_is_not_believed(desk: Desk) -> None:
    both_sides(desk)
    for n in range(0, 23, 2):
        desk.rows["conversation"][n]["attributes"] |= {"updatedAt": long_ago(9000 - n), "createdAt": long_ago(-n)}
    desk.sorts_archive = ()
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="older than two years"):
            await drain(source, "conversations")


@pytest.mark.parametrize("count", [13, 31])
async def test_a_crowded_instant_of_the_archive_is_read_whole(desk: Desk, count: int) -> None:
    everything = both_sides(desk)
    for n in range(count):
        desk.add("conversation", f"t{n:02}", long_ago(5_000), created=long_ago(n // 3))
    async with opened(desk) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything | {f"t{n:02}" for n in range(count)}


async def test_an_instant_that_stands_still_is_read_once(desk: Desk) -> None:
    for n in range(12):
        desk.add("note", f"t{n:02}", at(50_000))
    desk.add("note", "z", at(90_000))
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(1000).encode() + b'"}')
    assert len(set(ids(pages))) == 13
    walked = [r.url.params["page"] for r in desk.asked if r.url.params["pageSize"] != "1"]
    assert walked == ["1", "1", "1", "2", "3", "1"]


@pytest.mark.parametrize("moment", range(1, 16))
async def test_an_old_row_that_is_touched_is_found_where_it_went(desk: Desk, moment: int) -> None:
    everything = both_sides(desk)

    def touch(request: httpx.Request) -> None:
        if len(desk.asked) == moment:
            desk.rows["conversation"][22]["attributes"]["updatedAt"] = at(95_000)

    desk.before = touch
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything
        for _ in range(2):
            more, done = await drain(source, "conversations", done)
            pages += more
    shown = [json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows if row.id == "a22"]
    assert shown[-1] == at(95_000)


@pytest.mark.parametrize("moment", range(1, 16))
async def test_nor_is_it_lost_after_a_restart(desk: Desk, moment: int) -> None:
    everything = both_sides(desk)
    async with opened(desk) as source:
        pages = []
        async for page in source.extract(Partition("conversations"), Scope(), None):
            pages.append(page)
            break  # search has shown its first page, the archive none
        desk.asked.clear()

        def touch(request: httpx.Request) -> None:
            if len(desk.asked) == moment:
                desk.rows["conversation"][22]["attributes"]["updatedAt"] = at(95_000)

        desk.before = touch
        rest, _ = await drain(source, "conversations", pages[0].checkpoint)
    assert set(ids([*pages, *rest])) == everything


async def test_search_is_preferred_where_its_budget_makes_it_quicker(desk: Desk) -> None:
    for n in range(19):
        desk.add("customer", f"c{n:02}", at(n))
    asked = {}
    for plan in (1000, 300):
        pages: dict[str, Any] = {"list_page": 1, "search_page": 10}
        async with opened(desk, requests_per_minute=plan, searches_per_minute=60, **pages) as source:
            desk.asked.clear()
            assert len(set(ids((await drain(source, "customers"))[0]))) == 19
            asked[plan] = Counter(r.method for r in desk.asked)
    assert asked == {1000: {"POST": 2, "GET": 20}, 300: {"POST": 5}}


@pytest.mark.parametrize("setting", ["auto", "ask"])
async def test_old_messages_come_with_their_files_though_the_archive_names_none(desk: Desk, setting: str) -> None:
    old_thread(desk)
    async with opened(desk, archived_files=setting) as source:
        pages, _ = await drain(source, "messages")
        assert without_files(source, pages, desk) == []
    assert set(ids(pages, "messages")) == {f"m{n:02}" for n in range(73)}
    assert set(ids(pages, "attachments")) == {file for files in desk.files.values() for file in files}
    assert Counter(r.url.path for r in desk.asked)["/v1/conversations/v1/messages"] == 3  # three pages, once


async def test_only_conversations_with_files_are_asked_when_the_archive_names_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_thread(desk)
    desk.files |= {one: [] for one, row in ((r["id"], r) for r in desk.rows["message"]) if desk.parent(row) == "v2"}
    shown = desk._shown
    monkeypatch.setattr(desk, "_shown", lambda row, with_files: shown(row, True))
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        assert without_files(source, pages, desk) == []
    assert set(ids(pages, "messages")) == {f"m{n:02}" for n in range(73)}
    asked = {r.url.path for r in desk.asked if r.url.path.endswith("/messages")}
    assert asked == {f"/v1/conversations/{one}/messages" for one in ("v1", "v3", "gone")}


async def test_deleted_rows_of_the_archive_are_told_as_deleted(desk: Desk) -> None:
    old_thread(desk)
    both_sides(desk)
    for kind, n in (("conversation", 9), ("message", 4)):
        desk.rows[kind][n]["attributes"]["deleted"] = True
    async with opened(desk) as source:
        for resource, gone in (("conversations", "a06"), ("messages", "m04")):
            pages, _ = await drain(source, resource)
            rows = {row.id: json.loads(row.body) for page in pages for row in page.rows if row.resource == resource}
            assert set(rows) == {row["id"] for row in desk.rows[resource.removesuffix("s")]}
            assert [id_ for id_, row in rows.items() if row["attributes"].get("deleted")] == [gone]
        assert gone not in [one async for some in source.ids(mig.MESSAGE, Scope()) for one, _ in some]
    assert all(body["includeDeleted"] for body in archive_searches(desk)[:3])


@pytest.mark.parametrize("vanishes", [False, True])
async def test_what_a_conversation_does_not_show_is_asked_message_by_message(desk: Desk, vanishes: bool) -> None:
    """One that is longer than the cap, or that vanishes while its list is read."""
    desk.add("conversation", "v1", at(0))
    for n in range(30):
        desk.message(f"m{n:02}", long_ago(n * 1000), "v1", files=int(n % 3 == 0))
    for n in range(25):
        desk.message(f"z{n:02}", at(n * 1000), "v2")
    desk.cap = 20

    def vanish(request: httpx.Request) -> None:
        if vanishes and request.url.path == "/v1/conversations/v1/messages" and request.url.params["page"] == "2":
            desk.rows["conversation"].clear()

    desk.before = vanish
    async with opened(desk, archived_files="ask") as source:
        pages, _ = await drain(source, "messages")
        assert without_files(source, pages, desk) == []
    assert set(ids(pages, "messages")) == {row["id"] for row in desk.rows["message"]}
    assert set(ids(pages, "attachments")) == {file for files in desk.files.values() for file in files}


async def test_a_first_look_that_times_out_is_taken_again(desk: Desk) -> None:
    desk.add("note", "n1", at(7))
    desk.answers = [lambda request: httpx.Response(200, json={"meta": {"timed_out": True}, "data": [], "links": {}})]
    async with opened(desk) as source:
        _, done = await drain(source, "notes")
    assert json.loads(done)["mark"] == at(7)


async def test_old_notes_are_asked_of_the_conversations_that_have_more_than_were_seen(desk: Desk) -> None:
    def note(id_: str, when: str, conversation: str) -> None:
        relation = {"conversation": {"data": {"type": "conversation", "id": conversation}}}
        desk.add("note", id_, when, relationships=relation)

    for n in range(24):
        changed = long_ago(n * 1000) if n < 12 else at(n)
        desk.add("conversation", f"v{n:02}", changed, created=long_ago(n), noteCount=n % 3)
        for m in range(n % 3):
            note(f"n{n:02}{m}", long_ago(n * 1000) if n < 12 or m else at(n), f"v{n:02}")
    for n in range(30):
        note(f"z{n:02}", at(n * 1000), "w")
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes")
    assert set(ids(pages)) == {row["id"] for row in desk.rows["note"]}
    asked = Counter(r.url.path for r in desk.asked if r.url.path.startswith("/v1/conversations/"))
    assert asked == {f"/v1/conversations/v{n}/notes": 1 for n in (20, 23)}  # the list showed the oldest twenty


@pytest.mark.parametrize(("hidden", "told"), [(0, 0), (3, 1)])
async def test_old_notes_that_nothing_shows_are_told_of(desk: Desk, hidden: int, told: int) -> None:
    desk.add("conversation", "v1", long_ago(0), noteCount=20 + hidden)
    for n in range(20 + hidden):
        desk.add("note", f"n{n:02}", long_ago(n), relationships=to(conversation="v1"))
    for n in range(30):
        desk.add("note", f"a{n:02}", at(n * 1000), relationships=to(conversation="w"))
    desk.cap = 20
    async with opened(desk) as source:
        with capture_logs() as logs:
            pages, _ = await drain(source, "notes")
    assert len({one for one in ids(pages) if one.startswith("n")}) == 20
    assert [one["event"] for one in logs].count("notes.capped") == told
