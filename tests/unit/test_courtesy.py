"""A limit shared with people at work, in virtual time: they go first, and headers are not to be trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig import Bucket, Budgets
from mig.http import shape
from mig_kustomer.client import Unserved
from mig_kustomer.courtesy import Courtesy
from pace_reads import Office, bursts, spikes, steady
from sim_loop import in_virtual_time
from storm import VirtualClock


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """What changes on the way is told each time, which nobody reads here."""
    with structlog.testing.capture_logs():
        yield


def read(spec: str, seconds: float, work: Callable[[], Iterator[float]] | None = None, **how: Any) -> Office:
    """Ask as much as our client lets us, while people at work ask at these moments."""

    async def story() -> Office:
        office = Office(spec, headers=how.pop("headers", dict))
        people = asyncio.create_task(office.work(work())) if work is not None else None
        await office.read(seconds, **how)
        if people is not None:
            await people
        return office

    return in_virtual_time(story())


def refused_alone(spec: str, work: Iterator[float]) -> int:
    """How often people at work would be refused without us."""

    async def story() -> int:
        office = Office(spec)
        await office.work(work)
        return office.desk_refused

    return in_virtual_time(story())


@pytest.mark.parametrize(
    ("amount", "how"),
    [
        (500, {"seconds": 190}),  # Enterprise, and half of it
        (50, {"seconds": 600, "searches": True}),
        (100, {"seconds": 900, "searches": True, "share": 1.0}),
        (1000, {"seconds": 130, "share": 1.0, "readers": 12}),
    ],
)
def test_with_a_quiet_desk_we_get_our_share_and_are_never_refused(amount: int, how: dict[str, Any]) -> None:
    found = read("plan=enterprise", **how)
    assert found.share_of(amount) >= 0.97
    assert found.refused == []


@pytest.mark.parametrize("per_minute", [210, 240])
def test_a_desk_that_needs_more_than_its_half_gets_it_and_we_take_what_is_left(per_minute: int) -> None:
    """Of 300 a minute, ours are 150 at most."""
    found = read("plan=professional", 1200, lambda: steady(per_minute, 1200, seed=2), requests_per_minute=300)
    alone = refused_alone("plan=professional", steady(per_minute, 1200, seed=2))
    assert found.desk_refused == alone == 0
    assert len(found.taken) / 20 >= 0.15 * (300 - per_minute)


def test_a_desk_that_comes_in_bursts_or_all_at_once_is_not_refused_while_it_fits_beside_our_share() -> None:
    for work in (lambda: bursts(60, 10, 900, seed=2), lambda: spikes(140, 61, 900)):
        found = read("plan=professional", 900, work, requests_per_minute=300)
        assert found.desk_asked > 600
        assert found.desk_refused == 0
        assert found.refused == []


def test_a_rush_at_the_end_of_a_minute_is_expected_in_the_minutes_after_it() -> None:
    found = read("plan=professional", 480, lambda: spikes(220, 60.2, 480, 20.0, 45.0), requests_per_minute=300)
    assert found.desk_asked == 7 * 220
    assert all(at < 75.0 for at in found.desk_refusals)  # of the first, which nobody could foresee


def told(remaining: int, reset: int) -> dict[str, str]:
    """Headers of a limit of 100."""
    return {
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
    }


async def test_what_was_busy_in_one_window_is_expected_from_the_first_answer_of_the_next() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("a", 100, 60.0, share=0.5)])
    courtesy, level = Courtesy("a", budgets, clock), budgets.levels["a"]
    courtesy.seen(told(99, 1_000_000))
    for remaining in range(95, 35, -5):
        await clock.sleep(5)
        courtesy.seen(told(remaining, 1_000_000))
    await clock.sleep(1)
    courtesy.seen(told(99, 1_000_060))
    assert level.slow_until == pytest.approx(clock.seconds + 60)
    assert level.slow_gap_s > 2.0


async def test_what_is_under_way_when_a_window_begins_is_not_taken_for_others() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("a", 100, 60.0, share=0.9)])
    courtesy, level = Courtesy("a", budgets, clock), budgets.levels["a"]
    level.used, level.flying = 20, 6
    courtesy.seen(told(40, 1_000_000))
    for remaining in (99, 94, 93):  # all of them ours
        courtesy.seen(told(remaining, 1_000_060))
        assert level.slow_gap_s == 0.0
    courtesy.seen(told(70, 1_000_060))
    assert level.slow_gap_s > 0.0


async def test_a_platform_whose_clock_is_set_back_is_listened_to_again_within_a_window() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("a", 100, 60.0, share=0.5)])
    courtesy, level = Courtesy("a", budgets, clock), budgets.levels["a"]
    courtesy.seen(told(99, 1_000_000))
    for _ in range(4):
        await clock.sleep(60.0)
        for remaining in range(90, 10, -10):  # others, all of them
            await clock.sleep(1.0)
            courtesy.seen(told(remaining, 990_000))
    assert level.slow_gap_s > 0.0
    assert level.slow_until > clock.seconds


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 50)), max_size=7), st.integers(0, 1))
def test_whatever_the_desk_does_it_is_refused_no_more_often_than_alone_while_its_half_holds_it(
    clicks: list[tuple[int, int]], shift: int
) -> None:
    """A window of 100; the desk asks for up to 50 of them in any minute, spread or in one moment."""
    moments = sorted(minute * 60.0 + 30.0 * shift + n / 100 for minute, size in enumerate_minutes(clicks) for n in size)
    found = read("plan=100", 900, lambda: iter(moments), requests_per_minute=100)
    assert found.desk_refused == 0


def enumerate_minutes(clicks: list[tuple[int, int]]) -> Iterator[tuple[float, range]]:
    """Each click's minute and second as minutes, two minutes apart, so that no window holds two."""
    for number, (second, size) in enumerate(clicks):
        yield number * 2 + second / 60, range(size)


def test_after_a_busy_time_we_get_our_share_again() -> None:
    found = read("plan=professional", 900, lambda: steady(280, 400), requests_per_minute=300)
    busy = [at for at in found.taken if 120 < at < 400]
    assert len(busy) / (280 / 60) < 0.5 * 150
    assert found.share_of(150, since=600.0) >= 0.97


def with_headers(changed: Mapping[str, str | None]) -> Callable[[dict[str, str]], dict[str, str]]:
    """Changes headers of the limit; None leaves one out."""

    def change(headers: dict[str, str]) -> dict[str, str]:
        named = {**headers, **{f"x-ratelimit-{name}": value for name, value in changed.items()}}
        return {name: value for name, value in named.items() if value is not None}

    return change


STRANGE: dict[str, dict[str, str | None]] = {
    "none": {"limit": None, "remaining": None, "reset": None},
    "what remains is missing": {"remaining": None},
    "below nothing": {"remaining": "-5"},
    "no number": {"remaining": "soon"},
    "too large for a number": {"remaining": "1e999"},
    "not a number": {"remaining": "nan"},
    "always nothing remains": {"remaining": "0"},
    "always the same remains": {"remaining": "3"},
    "no limit": {"remaining": "999999", "limit": "1000000"},
    "a limit of nothing": {"limit": "0"},
    "a limit too large to read": {"limit": "9" * 5000},
    "windows that ended long ago": {"reset": "0"},
    "windows that never end": {"reset": "9999999999"},
    "a reset in seconds from now": {"reset": "60"},
}


@pytest.mark.parametrize("changed", STRANGE.values(), ids=STRANGE)
def test_headers_that_are_missing_absurd_or_constant_cost_nothing(changed: Mapping[str, str | None]) -> None:
    found = read("plan=100", 420, headers=with_headers(changed), requests_per_minute=100)
    assert found.share_of(50, since=120.0) >= 0.97


def test_a_search_that_tells_of_the_wider_limit_says_nothing_of_the_narrower() -> None:
    wider = with_headers({"limit": "1000", "remaining": "4"})
    found = read("plan=enterprise", 300, headers=wider, searches=True)
    assert found.refused == []
    assert found.share_of(50, since=60.0) >= 0.97


# ---- what messages tell ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/customers/email=jo%40example.org", "/v1/customers/{}"),
        ("/v1/customers/externalId=jo", "/v1/customers/{}"),
        ("/v1/conversations/5f3a/messages?page=2", "/v1/conversations/{}/messages"),
        ("/v1/customers/archive/search", "/v1/customers/archive/search"),
        ("/v2/tags", "/v2/tags"),
        ("/users/v1x", "/users/{}"),
        ("/a@b", "/{}"),
    ],
)
def test_the_shape_of_a_path_tells_no_id_and_no_address(path: str, told: str) -> None:
    assert shape(path) == told


@pytest.mark.parametrize(
    ("status", "error"), [(401, mig.Refused), (403, Unserved), (404, Unserved), (409, Unserved), (500, mig.Unreadable)]
)
def test_no_message_about_a_customer_who_was_looked_for_names_the_address(
    status: int, error: type[mig.MigError]
) -> None:
    async def story() -> None:
        office = Office("")
        office._answer = lambda request: httpx.Response(status, json={})  # type: ignore[method-assign, assignment, return-value]  # the wire takes both
        await office.read(1.0, 1, path="/v1/customers/email=jo.doe%40example.org", attempts=2)

    with pytest.raises(ExceptionGroup) as caught:
        in_virtual_time(story())
    (raised,) = caught.value.exceptions
    assert isinstance(raised, error)
    said = f"{raised} {getattr(raised, 'hint', '')}"
    assert "jo.doe" not in said
    assert "/v1/customers/{}" in said
