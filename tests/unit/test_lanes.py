"""How many units are delivered at the same time: what is found is measured against every fixed number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import structlog

from mig.engine.lanes import Lanes
from pace_target import Busy, deliver
from storm import VirtualClock


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """What changes on the way is told each time, which nobody reads here."""
    with structlog.testing.capture_logs():
        yield


@pytest.mark.parametrize("power", [1.0, 1.5])
@pytest.mark.parametrize("room", [2, 8, 24])
def test_as_many_lanes_are_found_as_the_target_has_room_for(room: int, power: float) -> None:
    busy, units = Busy(room, power), 800
    best = max(deliver(busy, units // 4, lanes, fixed=True).rate for lanes in (room, room + 2, 32))
    found = deliver(busy, units, 32, fixed=False)
    assert found.rate >= 0.85 * best  # the time of finding out is in it
    assert room / 2 <= sorted(found.limits[units // 2 :])[units // 4] <= room * 1.5


def test_with_no_limit_in_sight_it_is_faster_than_with_eight() -> None:
    found, eight = (deliver(Busy(100), 800, lanes, fixed=fixed).rate for lanes, fixed in ((32, False), (8, True)))
    assert found > 2.5 * eight


@pytest.mark.parametrize(("per_s", "enough"), [(2.0, 3), (8.0, 4)])
def test_a_run_that_is_limited_by_a_budget_opens_no_useless_lanes(per_s: float, enough: int) -> None:
    found = deliver(Busy(100, budget_per_s=per_s), 400, 32, fixed=False)
    assert found.rate >= 0.97 * per_s
    assert max(found.limits) == 8  # as it began
    assert max(found.limits[60:]) <= enough


def lanes(most: int, told: dict[str, float]) -> tuple[Lanes, VirtualClock]:
    """A gate whose measures are these numbers."""
    clock = VirtualClock()
    return Lanes(
        most,
        clock,
        sent=lambda: int(told["sent"]),
        troubles=lambda: int(told["troubles"]),
        waited_s=lambda: told["waited"],
    ), clock


async def test_refusals_take_lanes_away_at_once_and_one_by_chance_does_not() -> None:
    told = {"sent": 0.0, "troubles": 0.0, "waited": 0.0}
    gate, _ = lanes(32, told)
    for troubles, limit in ((1, 8), (3, 5), (4, 5), (9, 3)):
        told["troubles"] = troubles
        await gate.enter()
        gate.leave()
        assert gate.limit == limit


async def test_a_burst_of_refusals_counts_once_while_those_begun_before_are_still_under_way() -> None:
    told = {"sent": 0.0, "troubles": 0.0, "waited": 0.0}
    gate, _ = lanes(8, told)
    for _ in range(8):
        await gate.enter()
    for n in range(3):
        told["troubles"] += 8
        gate.leave()
        assert gate.limit == 5, n


async def test_there_is_always_room_for_one_and_never_for_more_than_was_asked() -> None:
    told = {"sent": 0.0, "troubles": 0.0, "waited": 0.0}
    for most in (0, 1, 3):
        gate, clock = lanes(most, told)
        seen = set()
        for n in range(400):
            await gate.enter()
            told["sent"] += 7
            told["troubles"] += 5 * (n % 11 == 0)
            clock.seconds += 1 + n % 3
            gate.leave()
            seen.add(gate.limit)
        assert min(seen) == 1
        assert max(seen) == max(1, most)


async def test_who_may_not_begin_waits_until_one_has_ended() -> None:
    gate, _ = lanes(2, {"sent": 0.0, "troubles": 0.0, "waited": 0.0})
    await gate.enter()
    await gate.enter()
    third = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    assert not third.done()
    gate.leave()
    await third
    assert gate.under_way == 2
