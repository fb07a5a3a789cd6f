"""Budgets set the pace, in virtual time: never faster than the share allows, never slower than it must."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig import Bucket, Budgets, Paused
from storm import VirtualClock

DAY = 86_400.0


def paced(clock: VirtualClock, *buckets: Bucket, **shares: float) -> Budgets:
    budgets = Budgets(clock, shares)
    budgets.declare(buckets)
    return budgets


def purse(clock: VirtualClock, amount: int, used: int = 0, share: float = 1.0) -> Budgets:
    before = {("day", window(clock)): used} if used else {}
    budgets = Budgets(clock, used=before)
    budgets.declare([Bucket("day", amount, DAY, share=share, daily=True)])
    return budgets


def window(clock: VirtualClock) -> int:
    return int(clock.now().timestamp() // DAY)


# ---- the pace ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.sampled_from([1.0, 60.0, 90.0]), st.sampled_from([1.0, 0.5, 0.31]), st.integers(1, 40))
async def test_requests_take_the_time_they_must_and_no_more(amount: int, per_s: float, share: float, n: int) -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", amount, per_s, share=share))
    for _ in range(n):
        await budgets.spend(["a"])
    assert clock.seconds == pytest.approx((n - 1) * per_s / max(1.0, amount * share))


@given(st.integers(2, 30), st.integers(1, 60))
async def test_lanes_that_ask_together_are_let_through_one_by_one(lanes: int, amount: int) -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", amount, 60.0))
    left: list[float] = []

    async def lane() -> None:
        await budgets.spend(["a"])
        left.append(clock.seconds)

    await asyncio.gather(*(lane() for _ in range(lanes)))
    gaps = [later - earlier for earlier, later in zip(sorted(left), sorted(left)[1:], strict=False)]
    assert min(gaps) >= 60.0 / amount - 1e-6
    assert max(left) == pytest.approx((lanes - 1) * 60.0 / amount)


async def test_a_long_rest_saves_nothing_up() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0))
    await budgets.spend(["a"])
    await clock.sleep(1000)
    for _ in range(5):
        await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(1004)
    assert budgets.levels["a"].used == 6  # since the run began, not since a minute


async def test_several_at_once_are_paid_for_by_the_next() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0))
    await budgets.spend(["a"], 10)
    assert clock.seconds == 0
    await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(10)
    assert budgets.levels["a"].used == 11


async def test_a_share_from_the_person_replaces_the_platforms_own() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0, share=0.5), a=0.1)
    await budgets.spend(["a"])
    await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(10)


async def test_a_second_declaration_changes_the_amount_and_keeps_what_was_used() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0))
    await budgets.spend(["a"], 3)
    budgets.declare([Bucket("a", 600, 60.0)])
    assert budgets.levels["a"].used == 3
    await budgets.spend(["a"])
    await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(3.1)


async def test_two_buckets_go_at_the_pace_of_the_slower() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("fast", 600, 60.0), Bucket("slow", 60, 60.0))
    for _ in range(4):
        await budgets.spend(["fast", "slow"])
    assert clock.seconds == pytest.approx(3)
    assert (budgets.levels["fast"].used, budgets.levels["slow"].used) == (4, 4)


async def test_who_waits_for_one_bucket_takes_nothing_from_the_other() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0), Bucket("b", 60, 60.0))
    budgets.close("b", 50)
    waiting = asyncio.create_task(budgets.spend(["a", "b"]))
    await asyncio.sleep(0)
    assert budgets.levels["a"].used == budgets.levels["b"].used == 0
    await waiting
    assert clock.seconds == pytest.approx(50)
    assert budgets.levels["a"].used == budgets.levels["b"].used == 1


async def test_a_name_nobody_declared_costs_nothing() -> None:
    clock = VirtualClock()
    await paced(clock).spend(["unknown"], 1000)
    assert clock.seconds == 0


async def test_nothing_leaves_from_a_closed_bucket() -> None:
    clock = VirtualClock()
    budgets = paced(clock, Bucket("a", 60, 60.0))
    budgets.close("a", 30)
    budgets.close("a", 5)  # a shorter one opens nothing
    await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(30)


async def test_a_closed_daily_bucket_waits_too() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 10)
    budgets.close("day", 30)
    await budgets.spend(["day"])
    assert clock.seconds == pytest.approx(30)


# ---- counted by the day --------------------------------------------------------------------------------------------


async def test_a_daily_bucket_is_not_paced_and_pauses_when_it_is_used_up() -> None:
    clock = VirtualClock()  # it begins at midnight
    await clock.sleep(6 * 3600)
    budgets = purse(clock, 10, share=0.5)
    for _ in range(5):
        await budgets.spend(["day"])
    assert clock.seconds == 6 * 3600
    with pytest.raises(Paused) as caught:
        await budgets.spend(["day"])
    assert caught.value.retry_after_s == pytest.approx(18 * 3600)
    assert "day" in caught.value.message
    assert "18.0 h" in caught.value.hint


async def test_the_next_day_the_purse_is_full_again() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 3, used=3)
    with pytest.raises(Paused) as caught:
        await budgets.spend(["day"])
    assert caught.value.retry_after_s is not None
    await clock.sleep(caught.value.retry_after_s - 1)
    with pytest.raises(Paused):
        await budgets.spend(["day"])
    await clock.sleep(1)
    for _ in range(3):
        await budgets.spend(["day"])
    with pytest.raises(Paused):
        await budgets.spend(["day"])


async def test_what_earlier_runs_used_today_counts_and_what_they_used_yesterday_does_not() -> None:
    clock = VirtualClock()
    today = window(clock)
    budgets = Budgets(clock, used={("day", today): 4, ("day", today - 1): 10, ("other", today): 9})
    budgets.declare([Bucket("day", 10, DAY, daily=True)])
    assert budgets.left("day") == 6


async def test_a_refusal_by_one_daily_bucket_takes_nothing_from_another() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("one", 10, DAY, daily=True), Bucket("two", 1, DAY, daily=True)])
    await budgets.spend(["two"])
    with pytest.raises(Paused):
        await budgets.spend(["one", "two"])
    assert budgets.left("one") == 10


# ---- the reserve ---------------------------------------------------------------------------------------------------


async def test_what_is_reserved_holds_others_back_and_is_given_back_when_not_used() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 10)

    async def starts(n: int) -> bool:
        try:
            with budgets.reserve({"day": n}):
                return True
        except Paused:
            return False

    with budgets.reserve({"day": 9}):
        await budgets.spend(["day"])
        await budgets.spend(["day"])
        assert budgets.left("day") == 1
        task = asyncio.create_task(starts(2))
        assert not await task
    assert budgets.left("day") == 8
    assert await starts(8)


async def test_who_reserved_nothing_cannot_take_what_another_reserved() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 10)
    opened, done = asyncio.Event(), asyncio.Event()

    async def unit() -> None:
        with budgets.reserve({"day": 9}):
            opened.set()
            await done.wait()
            for _ in range(9):
                await budgets.spend(["day"])

    task = asyncio.create_task(unit())
    await opened.wait()
    await budgets.spend(["day"])
    with pytest.raises(Paused):
        await budgets.spend(["day"])
    done.set()
    await task
    assert budgets.left("day") == 0


async def test_a_unit_may_spend_more_than_it_reserved_while_there_is_some() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 3)
    with budgets.reserve({"day": 1}):
        for _ in range(3):
            await budgets.spend(["day"])
        with pytest.raises(Paused):
            await budgets.spend(["day"])


async def test_a_request_that_costs_more_than_is_left_of_a_reserve_does_not_overdraw_the_purse() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 3)
    with budgets.reserve({"day": 1}), pytest.raises(Paused):
        await budgets.spend(["day"], 5)


async def test_a_unit_dearer_than_a_full_purse_starts_alone_with_a_full_one() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 10)
    with budgets.reserve({"day": 25}):
        assert budgets.left("day") <= 0
    with pytest.raises(Paused), budgets.reserve({"day": 11}), budgets.reserve({"day": 1}):
        pass
    assert budgets.left("day") == 10


async def test_a_unit_dearer_than_a_full_purse_spends_no_more_than_the_purse_holds() -> None:
    clock = VirtualClock()
    budgets = purse(clock, 10)
    with budgets.reserve({"day": 25}):
        for _ in range(10):
            await budgets.spend(["day"])
        with pytest.raises(Paused):
            await budgets.spend(["day"])


async def test_a_unit_dearer_than_a_full_purse_is_delivered_in_days_though_opening_a_run_costs_a_few_requests() -> None:
    clock = VirtualClock()
    saved: Counter[tuple[str, int]] = Counter()
    left = 25
    for _ in range(10):
        budgets = Budgets(clock, used=saved)
        budgets.declare([Bucket("day", 10, DAY, daily=True)])
        await budgets.spend(["day"], 2)  # the credentials, the plan: every target asks when it is opened
        try:
            with budgets.reserve({"day": left}):
                while left:
                    await budgets.spend(["day"])
                    left -= 1
        except Paused:
            pass
        saved.update(budgets.unsaved())
        await clock.sleep(DAY)
    assert left == 0
    assert max(saved.values()) <= 10


# A day at a desk: units that reserve and spend, requests of nobody, hours that pass, and the journal taking counts.
DAYS = st.lists(
    st.one_of(
        st.tuples(st.just("unit"), st.integers(1, 4), st.integers(0, 5)),
        st.tuples(st.just("request"), st.integers(1, 2), st.just(0)),
        st.tuples(st.just("night"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("save"), st.just(0), st.just(0)),
    ),
    max_size=30,
)


def _spends(budgets: Budgets, n: int, spent: Counter[int], clock: VirtualClock) -> Iterator[None]:
    for _ in range(n):
        try:
            asyncio.run(budgets.spend(["day"]))
        except Paused:
            return
        spent[window(clock)] += 1
        yield


@given(DAYS, st.integers(4, 9))
def test_what_is_saved_adds_up_to_what_was_spent_and_never_to_more_than_the_purse(
    steps: list[tuple[str, int, int]], amount: int
) -> None:
    clock = VirtualClock()
    budgets = purse(clock, amount)
    spent: Counter[int] = Counter()
    saved: Counter[int] = Counter()

    def save() -> None:
        for (name, day), count in budgets.unsaved().items():
            assert name == "day"
            saved[day] += count

    for what, n, more in steps:
        if what == "unit":
            try:
                with budgets.reserve({"day": n}):
                    list(_spends(budgets, more, spent, clock))
            except Paused:
                assert n > budgets.left("day")
        elif what == "request":
            list(_spends(budgets, n, spent, clock))
        elif what == "night":
            clock.seconds += n * 3600
        else:
            save()
    save()
    assert +saved == +spent
    assert all(count <= amount for count in spent.values())
    assert budgets.unsaved() == {}
    assert budgets.levels["day"].reserved == 0
