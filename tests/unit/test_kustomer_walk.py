"""Searching for what changed: deltas, walks, crowded instants, and going on from every checkpoint."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kustomer_desk import (
    Always,
    Desk,
    at,
    both_sides,
    drain,
    ids,
    long_ago,
    old_thread,
    opened,
    thread,
    without_files,
)
from mig import Partition, Scope, Unreadable


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- delta and walk --------------------------------------------------------------------------------------------------


async def test_a_delta_reads_what_changed_and_the_overlap(desk: Desk) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n * 1000))
    async with opened(desk) as source:
        _, done = await drain(source, "conversations")
        desk.rows["conversation"][2]["attributes"]["updatedAt"] = at(99_000)
        desk.asked.clear()
        pages, done = await drain(source, "conversations", done)
        assert ids(pages) == ["c9", "c2"]
        assert len(desk.asked) == 1
        assert desk.searches()[0]["includeDeleted"] is True
        assert ids((await drain(source, "conversations", done))[0]) == ["c2"]


async def test_more_rows_of_one_instant_than_a_page_holds_are_all_found(desk: Desk) -> None:
    for n in range(3):
        desk.add("note", f"a{n}", at(n))
    for n in range(13):
        desk.add("note", f"t{n:02}", at(50_000))
    for n in range(3):
        desk.add("note", f"z{n}", at(90_000 + n))
    async with opened(desk) as source:
        done = b'{"mode":"done","mark":"' + at(1000).encode() + b'"}'
        pages, _ = await drain(source, "notes", done)
    assert sorted(ids(pages)) == sorted([*(f"t{n:02}" for n in range(13)), *(f"z{n}" for n in range(3))])


@pytest.mark.parametrize("later", [1, 8])
@pytest.mark.parametrize("page", ["2", "3"])
async def test_a_row_that_leaves_a_crowded_instant_pushes_nobody_out(desk: Desk, page: str, later: int) -> None:
    for n in range(13):
        desk.add("note", f"t{n:02}", at(50_000))
    for n in range(later):
        desk.add("note", f"z{n}", at(90_000 + n))

    def touch(request: httpx.Request) -> None:
        if request.url.params["page"] == page:
            desk.before = lambda request: None
            desk.rows["note"][0]["attributes"]["updatedAt"] = at(95_000)

    desk.before = touch
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {*(f"t{n:02}" for n in range(13)), *(f"z{n}" for n in range(later))}


async def test_an_instant_with_more_rows_than_the_cap_is_cut_by_creation(desk: Desk) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(n // 3))
    desk.add("note", "z", at(90_000))
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert sorted(ids(pages)) == sorted([*(f"t{n:02}" for n in range(31)), "z"])


async def test_an_instant_that_cannot_be_cut_is_not_passed_over(desk: Desk) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(0))
    desk.cap = 20
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="in one instant"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_a_cut_that_is_ignored_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(n // 3))
    desk.add("note", "y", at(90_000))
    desk.add("note", "z", at(99_000))
    desk.cap = 20
    meets = desk._meets

    def ignores_the_cut(row: dict[str, Any], criterion: dict[str, Any]) -> bool:
        return "lte" in next(iter(criterion.values())) or meets(row, criterion)

    monkeypatch.setattr(desk, "_meets", ignores_the_cut)
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="beside another criterion"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_rows_touched_during_the_walk_push_nobody_out(desk: Desk) -> None:
    for n in range(40):
        desk.add("note", f"n{n:02}", at(n * 1000))
    touched = Counter[str]()

    def touch(request: httpx.Request) -> None:
        if request.method == "POST" and request.url.params["pageSize"] != "1" and len(touched) < 12:
            row = desk.rows["note"][len(touched)]
            touched[row["id"]] += 1
            row["attributes"]["updatedAt"] = at(100_000 + len(touched))

    desk.before = touch
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {f"n{n:02}" for n in range(40)}


async def test_rows_shown_younger_than_their_place_in_the_index_push_nobody_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index says where a row stands, the row says what it is now."""
    for n in range(20):
        desk.add("note", f"n{n:02}", at(n * 1000))
    shown = desk._shown

    def younger(row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        if row["id"] in ("n04", "n06"):
            return {**row, "attributes": {**row["attributes"], "updatedAt": at(19_000)}}
        return shown(row, with_files)

    monkeypatch.setattr(desk, "_shown", younger)
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {f"n{n:02}" for n in range(20)}


async def test_a_filter_that_is_ignored_is_noticed(desk: Desk) -> None:
    for n in range(10):
        desk.add("note", f"n{n}", at(n * 1000))
    desk.filters = False
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="ignores note_updated_at"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(5000).encode() + b'"}')


async def test_an_order_that_is_ignored_is_noticed(desk: Desk) -> None:
    for n in (3, 1, 2, 0, 4, 9, 8, 7, 20):
        desk.add("note", f"n{n}", at(n * 1000))
    desk.sorts = False
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="does not sort"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_a_search_that_timed_out_is_repeated_smaller(desk: Desk) -> None:
    for n in range(9):
        desk.add("note", f"n{n}", at(n * 1000))

    def partial(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"meta": {"timed_out": True}, "data": [], "links": {"next": None}})

    desk.answers = [partial]
    async with opened(desk, search_page=40) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert len(set(ids(pages))) == 9
    assert [r.url.params["pageSize"] for r in desk.asked] == ["40", "20"]


async def test_without_search_every_run_reads_the_list(desk: Desk) -> None:
    desk.add("note", "n1", at(1))
    async with opened(Always(desk, 403, "search")) as source:
        pages, done = await drain(source, "notes")
        assert ids(pages) == ["n1"]
        assert json.loads(done) == {"mode": "done"}
        assert ids((await drain(source, "notes", done))[0]) == ["n1"]
        with_mark = b'{"mode":"done","mark":"' + at(0).encode() + b'"}'
        assert ids((await drain(source, "notes", with_mark))[0]) == ["n1"]


async def test_companies_are_walked_by_whichever_date_is_accepted(desk: Desk) -> None:
    desk.add("company", "k1", at(1), modifiedAt=at(1))

    def picky(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and "company_updated_at" in request.content.decode():
            return httpx.Response(400)
        return desk(request)

    async with opened(picky) as source:
        _, done = await drain(source, "companies")
        assert json.loads(done) == {"mode": "done", "mark": at(1), "by": 1}
        assert ids((await drain(source, "companies", done))[0]) == ["k1"]


# ---- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["messages", "conversations"])
async def test_from_every_checkpoint_what_is_old_is_read_too(desk: Desk, resource: str) -> None:
    old_thread(desk)
    both_sides(desk)
    async with opened(desk) as source:
        pages, _ = await drain(source, resource)
        everything = {row["id"] for row in desk.rows[resource.removesuffix("s")]}
        assert set(ids(pages, resource)) == everything
        for n, page in enumerate(pages[:-1]):
            rest, _ = await drain(source, resource, page.checkpoint)
            assert set(ids([*pages[: n + 1], *rest], resource)) == everything
            assert without_files(source, rest, desk) == []


@pytest.mark.parametrize("resource", ["messages", "conversations", "users", "metadata"])
@pytest.mark.parametrize("begin", [None, b'{"mode":"done","mark":"2026-09-01T00:00:00.000Z"}'])
async def test_from_every_checkpoint_the_rest_is_read_to_the_end(
    desk: Desk, resource: str, begin: bytes | None
) -> None:
    thread(desk)
    for n in range(28):
        desk.add("conversation", f"w{n:02}", at(n // 6 * 1000))
    desk.small["users"] = [{"id": f"u{n}", "attributes": {"deleted": n % 2 == 1}} for n in range(11)]
    desk.metadata = {kind: {"id": kind, "attributes": {"properties": {}}} for kind in ("customer", "message")}
    desk.cap = 20
    async with opened(desk) as source:
        pages, done = await drain(source, resource, begin)
        everything = set(ids(pages))
        assert len(everything) >= 2
        for n, page in enumerate(pages[:-1]):
            rest, again = await drain(source, resource, page.checkpoint)
            assert set(ids(pages[: n + 1])) | set(ids(rest)) == everything
            assert json.loads(again).get("mark") == json.loads(done).get("mark")
            assert without_files(source, rest, desk) == []


async def test_a_message_that_came_after_the_crash_is_not_left_out(desk: Desk) -> None:
    thread(desk)
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        crashed = next(page.checkpoint for page in pages if page.checkpoint and b'"walk"' in page.checkpoint)
        desk.message("m99", at(99_000), "v1", files=1)
        rest, done = await drain(source, "messages", crashed)
        assert "m99" in ids(rest)
        rest, _ = await drain(source, "messages", done)
        assert "m99-file0" in ids(rest)


async def test_a_checkpoint_of_another_age_starts_anew(desk: Desk) -> None:
    desk.add("note", "n1", at(1))
    async with opened(desk) as source:
        assert ids((await drain(source, "notes", b"\x00"))[0]) == ["n1"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    times=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=30),
    old=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=30),
    touches=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 59)), max_size=12),
    crash=st.integers(0, 40),
)
@example(times=[0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 5000], old=[0] * 10, touches=[(7, 15)], crash=1)
async def test_whatever_leaves_the_archive_and_wherever_it_stops_no_row_is_left_out(
    times: list[int], old: list[int], touches: list[tuple[int, int]], crash: int
) -> None:
    desk = Desk()
    desk.cap = 20
    for n, seconds in enumerate(times):
        desk.add("conversation", f"n{n:02}", at(seconds), created=at(n))
    for n, seconds in enumerate(old):
        desk.add("conversation", f"a{n:02}", long_ago(seconds), created=long_ago(n))

    def touch(request: httpx.Request) -> None:
        for when, which in touches:
            if when == len(desk.asked) and which < len(desk.rows["conversation"]):
                desk.rows["conversation"][-which - 1]["attributes"]["updatedAt"] = at(20_000 + len(desk.asked))

    desk.before = touch
    async with opened(desk) as source:
        seen: set[str] = set()
        checkpoint, reached = None, 0
        async for page in source.extract(Partition("conversations"), Scope(), None):
            seen.update(row.id for row in page.rows)
            checkpoint, reached = page.checkpoint, reached + 1
            if reached > crash:
                break
        pages, done = await drain(source, "conversations", checkpoint)
        seen.update(ids(pages))
        assert seen == {row["id"] for row in desk.rows["conversation"]}
        desk.before = lambda request: None
        pages, _ = await drain(source, "conversations", done)
        newest = {row.id: json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows}
        for row in desk.rows["conversation"]:
            if row["attributes"]["updatedAt"] > max(json.loads(done).get("mark", ""), desk.line):
                assert newest[row["id"]] == row["attributes"]["updatedAt"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    times=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=45),
    touches=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 44)), max_size=12),
    crash=st.integers(0, 40),
    begin=st.sampled_from([None, b'{"mode":"walk","mark":"2026-09-01T00:00:00.000Z"}']),
)
async def test_whatever_moves_and_wherever_it_stops_no_row_is_left_out(
    times: list[int], touches: list[tuple[int, int]], crash: int, begin: bytes | None
) -> None:
    desk = Desk()
    desk.cap = 20
    for n, seconds in enumerate(times):
        desk.add("note", f"n{n:02}", at(seconds), created=at(n))

    def touch(request: httpx.Request) -> None:
        for when, which in touches:
            if when == len(desk.asked) and which < len(times):
                desk.rows["note"][which]["attributes"]["updatedAt"] = at(20_000 + len(desk.asked))

    desk.before = touch
    async with opened(desk) as source:
        seen: set[str] = set()
        checkpoint, reached = begin, 0
        async for page in source.extract(Partition("notes"), Scope(), begin):
            seen.update(row.id for row in page.rows)
            checkpoint, reached = page.checkpoint, reached + 1
            if reached > crash:
                break
        pages, done = await drain(source, "notes", checkpoint)
        seen.update(ids(pages))
        assert seen == {f"n{n:02}" for n in range(len(times))}
        desk.before = lambda request: None
        pages, _ = await drain(source, "notes", done)
        newest = {row.id: json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows}
        for row in desk.rows["note"]:
            if row["attributes"]["updatedAt"] > json.loads(done).get("mark", ""):
                assert newest[row["id"]] == row["attributes"]["updatedAt"]
