"""Dates that cannot be: rows of the future, of the year 1 or without a date must hide nothing, in this run or later."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from kustomer_desk import Always, Desk, FakeClock, at, both_sides, drain, ids, opened
from mig_kustomer.reading import as_time
from mig_kustomer.walk import START, iso

HOUR, DAY = 3600, 86_400
FAR, LAST = "9998-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"
ZERO = "0001-01-01T00:00:00.000Z"


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- the future ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [20, 5])
@pytest.mark.parametrize("future", [FAR, LAST, at(40 * DAY)])
async def test_a_row_of_the_future_hides_no_later_change(desk: Desk, future: str, cap: int) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n * 1000))
    desk.add("conversation", "odd", future)
    desk.cap = cap
    async with opened(desk, list_cap=cap) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == {*(f"c{n}" for n in range(10)), "odd"}
        assert json.loads(done)["mark"] == at(9000)
        for when in (20_000, 30_000):
            desk.rows["conversation"][2]["attributes"]["updatedAt"] = at(when)
            pages, done = await drain(source, "conversations", done)
            assert "c2" in ids(pages)
            assert json.loads(done)["mark"] == at(when)


async def test_only_the_overlap_and_the_rows_of_the_future_are_read_again(desk: Desk) -> None:
    for n in range(40):
        desk.add("note", f"n{n:02}", at(n * 1000))
    for n in range(3):
        desk.add("note", f"odd{n}", FAR)
    desk.cap = 20
    async with opened(desk) as source:
        _, done = await drain(source, "notes")
        for _ in range(2):
            desk.asked.clear()
            pages, done = await drain(source, "notes", done)
            assert ids(pages) == ["n39", "odd0", "odd1", "odd2"]
            assert len(desk.asked) == 2  # the delta, and a second look at the two-year line


@pytest.mark.parametrize("count", [5, 13, 31])
@pytest.mark.parametrize("future", [FAR, LAST])
async def test_a_crowd_in_the_future_is_walked_through_to_its_end(desk: Desk, future: str, count: int) -> None:
    for n in range(8):
        desk.add("note", f"n{n}", at(n * 1000))
    for n in range(count):
        desk.add("note", f"odd{n:02}", future, created=at(n // 3))
    desk.cap = 20
    everything = {row["id"] for row in desk.rows["note"]}
    async with opened(desk) as source:
        pages, done = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
        assert set(ids(pages)) == everything
        assert json.loads(done)["mark"] == at(7000)


async def test_a_row_that_shows_the_future_at_a_place_among_others_pushes_nobody_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        desk.add("note", f"n{n:02}", at(n * 10))
    shown = desk._shown

    def spoilt(row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        whole = shown(row, with_files)
        return {**whole, "attributes": {**whole["attributes"], "updatedAt": FAR}} if row["id"] == "n03" else whole

    monkeypatch.setattr(desk, "_shown", spoilt)
    async with opened(desk) as source:
        pages, done = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {f"n{n:02}" for n in range(20)}
    assert json.loads(done)["mark"] == at(190)


@pytest.mark.parametrize("behind", [False, True])
async def test_a_list_that_moves_is_read_again_whatever_lies_in_the_future(desk: Desk, behind: bool) -> None:
    """A row of the year 9998 on top; or all of them, to a clock of ours that is a day late."""
    for n in range(8):
        desk.add("customer", f"c{n}", at(n))
    desk.add("customer", "odd", at(50) if behind else FAR)

    def delete(request: httpx.Request) -> None:
        if request.url.params.get("page") == "2":  # c0 goes, c4 moves up to the page already read
            desk.before = lambda request: None
            desk.rows["customer"] = desk.rows["customer"][1:]
            desk.add("customer", "c9", at(99))

    desk.before = delete
    async with opened(desk, FakeClock(-DAY if behind else DAY)) as source:
        pages, _ = await drain(source, "customers")
    assert sorted(ids(pages)) == [*(f"c{n}" for n in (0, 1, 2, 3, 4, 5, 6, 7, 9)), "odd"]


@pytest.mark.parametrize("mark", [FAR, at(31 * DAY)])
async def test_a_mark_beyond_our_clock_is_not_believed(desk: Desk, mark: str) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n * 1000))
    async with opened(desk) as source:
        with capture_logs() as logs:
            pages, done = await drain(source, "conversations", b'{"mode":"done","mark":"' + mark.encode() + b'"}')
        assert "mark.in_future" in [one["event"] for one in logs]
        assert set(ids(pages)) == {f"c{n}" for n in range(10)}
        assert json.loads(done)["mark"] == at(9000)
        with capture_logs() as logs:
            pages, _ = await drain(source, "conversations", done)
        assert ids(pages) == ["c9"]
        assert [one for one in logs if one["log_level"] == "warning"] == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    skew=st.sampled_from([-30 * DAY, -HOUR, -300, 0, 300, HOUR, 30 * DAY]),
    count=st.integers(1, 26),
    runs=st.lists(st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=5), min_size=2, max_size=4),
)
@example(skew=HOUR, count=4, runs=[[(0, True)], [(1, False)], [(2, False)]])
async def test_whatever_the_clocks_and_the_dates_say_every_change_is_found(
    skew: int, count: int, runs: list[list[tuple[int, bool]]]
) -> None:
    """Between runs rows change: to the organisation's time, or to a date no clock has reached."""
    desk, clock = Desk(), FakeClock()
    desk.cap = 20
    for n in range(count):
        desk.add("note", f"n{n:02}", at(n * 100))
    seen: dict[str, str] = {}
    done = None
    async with opened(desk, clock) as source:
        for number, changes in enumerate(runs):
            now = (number + 1) * DAY
            for order, (which, is_odd) in enumerate(changes):
                odd = (FAR, LAST, at(400 * DAY))[order % 3]
                desk.rows["note"][which % count]["attributes"]["updatedAt"] = odd if is_odd else at(now - 10 + order)
            clock.shows = now + skew
            pages, done = await drain(source, "notes", done)
            seen |= {row.id: json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows}
            assert seen == {row["id"]: row["attributes"]["updatedAt"] for row in desk.rows["note"]}
    assert json.loads(done or b"")["mark"] <= iso(clock.now())


# ---- the past, and no date at all ------------------------------------------------------------------------------------


async def test_rows_from_before_all_desks_are_found_past_the_cap(desk: Desk) -> None:
    everything = both_sides(desk)
    for n in range(8):
        desk.add("conversation", f"zero{n}", ZERO)
        desk.add("conversation", f"old{n}", f"1066-10-1{n}T09:00:00.000Z")
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything | {f"{one}{n}" for one in ("zero", "old") for n in range(8)}
        for n, page in enumerate(pages[:-1]):
            rest, _ = await drain(source, "conversations", page.checkpoint)
            assert set(ids([*pages[: n + 1], *rest])) == {row["id"] for row in desk.rows["conversation"]}
    assert json.loads(done)["mark"] == at(22_000)


async def test_a_date_before_all_desks_does_not_move_the_two_year_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that search knows, and that shows another date than it is found by."""
    everything = both_sides(desk)
    shown = desk._shown

    def spoilt(row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        whole = shown(row, with_files)
        return {**whole, "attributes": {**whole["attributes"], "updatedAt": ZERO}} if row["id"] == "z00" else whole

    monkeypatch.setattr(desk, "_shown", spoilt)
    async with opened(desk) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything


async def test_rows_older_than_any_mark_leave_a_mark_all_the_same(desk: Desk) -> None:
    desk.line = ""
    desk.add("note", "zero", ZERO)
    async with opened(desk) as source:
        pages, done = await drain(source, "notes")
        assert (ids(pages), json.loads(done)["mark"]) == (["zero"], iso(START))
        desk.add("note", "new", at(5))
        pages, done = await drain(source, "notes", done)
        assert (ids(pages), json.loads(done)["mark"]) == (["zero", "new"], at(5))


async def test_a_row_changed_before_it_was_made_is_a_row_like_any_other(desk: Desk) -> None:
    everything = both_sides(desk)
    for n in (3, 30):
        desk.rows["conversation"][n]["attributes"]["createdAt"] = at(20 * DAY)
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything
        assert json.loads(done)["mark"] == at(22_000)


async def test_rows_without_a_date_take_no_mark_away(desk: Desk) -> None:
    for n in range(6):
        desk.add("note", f"n{n}", at(n * 1000))
    del desk.add("note", "odd", "")["attributes"]["updatedAt"]
    async with opened(desk) as source:
        pages, done = await drain(source, "notes")
        assert set(ids(pages)) == {*(f"n{n}" for n in range(6)), "odd"}
        assert json.loads(done)["mark"] == at(5000)
        desk.rows["note"][1]["attributes"]["updatedAt"] = at(9000)
        assert ids((await drain(source, "notes", done))[0]) == ["n5", "n1"]


async def test_where_no_row_has_a_date_every_run_reads_the_list(desk: Desk) -> None:
    for n in range(6):
        del desk.add("note", f"n{n}", "")["attributes"]["updatedAt"]
    async with opened(Always(desk, 403, "archive/search")) as source:
        pages, done = await drain(source, "notes")
        assert set(ids(pages)) == {f"n{n}" for n in range(6)}
        assert set(ids((await drain(source, "notes", done))[0])) == {f"n{n}" for n in range(6)}


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_time_is_written_so_that_it_is_read_again(when: datetime) -> None:
    assert as_time(iso(when)) == when.replace(microsecond=when.microsecond // 1000 * 1000)
