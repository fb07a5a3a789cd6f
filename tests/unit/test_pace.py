"""The pace, measured in virtual time: as fast as limits allow and no faster, and what a refusal means."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from mig import Bucket, Budgets
from mig_crisp.client import PACES
from pace_births import Desk, desk
from sim_loop import LoopClock, in_virtual_time
from storm import VirtualClock

DAY = 86_400.0


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """What changes on the way is told each time, which nobody reads here."""
    with structlog.testing.capture_logs():
        yield


# ---- buckets ---------------------------------------------------------------------------------------------------------


async def test_a_pace_that_fell_behind_catches_up_by_half_the_slack_and_no_more() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("a", 100, 100.0, slack=0.1)])  # 5 to catch up
    await budgets.spend(["a"])
    await clock.sleep(1000)
    for _ in range(6):
        await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(1000)
    await budgets.spend(["a"])
    assert clock.seconds == pytest.approx(1000 + 100 / 90)


async def test_slack_takes_nothing_from_a_share_that_leaves_more_than_it() -> None:
    clock = VirtualClock()
    for share, gap in ((0.5, 2.0), (1.0, 1 / 0.98)):
        budgets = Budgets(clock)
        budgets.declare([Bucket("a", 60, 60.0, share=share, slack=0.02)])
        assert budgets.levels["a"].gap_s == pytest.approx(gap)


def test_of_a_rolling_bucket_no_more_than_the_amount_are_under_way_or_just_answered() -> None:
    async def story() -> list[float]:
        clock = LoopClock()
        budgets = Budgets(clock)
        budgets.declare([Bucket("a", 2, 10.0, rolling=True)])
        left, lasts_s = [], iter((1.0, 40.0, 0.0, 0.0))

        async def ask() -> None:
            counted_at = await budgets.spend(["a"])
            left.append(clock.monotonic())
            await asyncio.sleep(next(lasts_s))
            budgets.landed(["a"], counted_at)

        await asyncio.gather(*(ask() for _ in range(4)))
        assert budgets.lately("a") <= 2
        return left

    # The second is on its way until 45: beside it there is room for one in ten seconds after the first was answered.
    assert in_virtual_time(story()) == pytest.approx([0, 5, 11, 21])


async def test_who_is_slowed_down_leaves_no_closer_and_is_free_again_afterwards() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("a", 60, 60.0)])
    budgets.slow("a", 10.0, 25.0)
    left = []
    for _ in range(6):
        await budgets.spend(["a"])
        left.append(clock.seconds)
    assert left == pytest.approx([0, 10, 20, 30, 31, 32])


def test_the_time_of_all_who_wait_is_added_up() -> None:
    async def story() -> float:
        budgets = Budgets(LoopClock())
        budgets.declare([Bucket("a", 60, 60.0)])
        await asyncio.gather(*(budgets.spend(["a"]) for _ in range(4)))
        return budgets.waited_s()

    assert in_virtual_time(story()) == pytest.approx(1 + 2 + 3)


async def test_each_account_has_a_purse_of_its_own() -> None:
    clock = VirtualClock()
    today = int(clock.now().timestamp() // DAY)
    budgets = Budgets(clock, used={("day one", today): 7, ("day", today): 9})
    budgets.declare([Bucket("day", 10, DAY, daily=True, account="one")])
    assert budgets.left("day") == 3
    await budgets.spend(["day"])
    assert budgets.unsaved() == {("day one", today): 1}


async def test_a_request_under_way_at_midnight_counts_in_both_days() -> None:
    clock = VirtualClock()
    budgets = Budgets(clock)
    budgets.declare([Bucket("day", 10, DAY, daily=True)])
    today = int(clock.now().timestamp() // DAY)
    await clock.sleep(DAY - 1)
    early, late = await budgets.spend(["day"]), await budgets.spend(["day"])
    budgets.landed(["day"], early)
    await clock.sleep(2)
    budgets.landed(["day"], late)
    assert budgets.unsaved() == {("day", today): 2, ("day", today + 1): 1}
    assert budgets.left("day") == 9


# ---- Crisp: the plan's pace of creation, and the quota ---------------------------------------------------------------


def born(births: int, limits: str, plan: str = "plus", *, lanes: int = 8, **how: Any) -> Desk:
    """So many conversations created in a workspace with these limits."""

    async def story() -> Desk:
        async with desk(limits, plan, **how) as found:
            await found.bear(births, lanes)
        return found

    return in_virtual_time(story())


@pytest.mark.parametrize(
    ("plan", "births", "late_every", "least"),
    [
        ("plus", 1200, 0, 0.97),
        ("plus", 600, 17, 0.97),
        ("mini", 300, 0, 0.97),
        ("mini", 200, 17, 0.94),
        ("free", 150, 0, 0.97),
    ],
)
def test_conversations_are_created_as_fast_as_the_plan_allows_and_none_is_refused(
    plan: str, births: int, late_every: int, least: float
) -> None:
    """Also when every 17th of them is on its way for seconds, which takes its place from others for as long."""
    found = born(births, f"plan={plan}", plan, late_every=late_every)
    assert len(found.taken) == births
    assert found.refused == []
    assert found.share_of(*PACES[plan]) >= least


def test_a_423_is_the_pace_when_one_birth_after_the_window_is_taken_and_the_pace_is_learnt() -> None:
    found = born(600, "plan=mini", "plus")
    assert len(found.taken) == 600
    assert found.paused == []
    assert len(found.refused) <= 4
    later = [at for at in found.taken if at > found.refused[-1]]
    assert (len(later) - 1) / (15 / 60 * (later[-1] - later[0])) >= 0.9
    assert len(later) > 400


@pytest.mark.parametrize("lanes", [1, 8, 32])
def test_a_423_is_the_quota_when_one_birth_after_the_window_is_refused_and_no_other_is_tried(lanes: int) -> None:
    found = born(300, "plan=plus,quota=100", lanes=lanes, daily_quota=10_000)
    assert len(found.taken) == 100
    together = [at for at in found.refused if at < found.refused[0] + 2.0]
    probes = [at for at in found.refused if at >= found.refused[0] + 2.0]
    assert len(together) >= 1
    assert len(probes) == 1
    assert probes[0] - together[-1] >= 90.0
    assert len(found.paused) == lanes
    for paused in found.paused:
        assert "daily quota" in paused.message
        assert paused.retry_after_s == pytest.approx(DAY - probes[0] % DAY, abs=2.0 + 1.6 * lanes)


def test_several_births_refused_together_are_one_refusal() -> None:
    """A workspace in which others have just created conversations, and eight of ours come at once."""

    async def story() -> Desk:
        async with desk("plan=plus", conversations_per_minute=2400.0) as found:
            for _ in range(40):
                assert found.workspace.desk.pace.allows(found.workspace.desk.clock.now())
            await found.bear(8)
        return found

    found = in_virtual_time(story())
    assert len(found.refused) > 1
    assert max(found.refused) - min(found.refused) < 2.0
    assert len(found.taken) == 8
    assert found.paused == []


def test_a_423_without_a_pace_of_ours_is_the_quota_at_once() -> None:
    found = born(20, "quota=5", conversations_per_minute=0.0, lanes=1)
    assert (len(found.taken), len(found.refused), len(found.paused)) == (5, 1, 1)
