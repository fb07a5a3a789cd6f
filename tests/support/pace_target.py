"""A target that slows down when too much is asked of it at once, and units delivered into it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mig.budgets import Budgets
from mig.engine.lanes import Lanes
from sim_loop import LoopClock, in_virtual_time

BASE_S = 0.2
"""How long an answer takes when nothing is in its way."""


@dataclass
class Busy:
    """How a target answers.

    Args:
        room: Requests it answers at the same time without getting slower.
        power: 1: beyond that they wait for one another; 2: they also disturb one another, and more is less.
        budget_per_s: Requests that may leave; 0: any number.
    """

    room: int
    power: float = 1.0
    budget_per_s: float = 0.0


@dataclass
class Told:
    """What a simulation of delivery came to."""

    seconds: float = 0.0
    sent: int = 0
    troubles: int = 0
    limits: list[int] = field(default_factory=list)
    """How many units were let under way, unit by unit."""

    @property
    def rate(self) -> float:
        """Requests per second, from the first to the last."""
        return self.sent / self.seconds


def deliver(busy: Busy, units: int, lanes: int, *, fixed: bool, seed: int = 0) -> Told:
    """Deliver units of 3 to 17 requests each, in virtual time.

    Args:
        busy: The target.
        units: How many.
        lanes: At the same time; at most, unless `fixed`.
        fixed: As in `lanes` exactly.
        seed: Of the units' sizes and of the answers' times.
    """

    async def story() -> Told:
        told, dice, clock = Told(), random.Random(seed), LoopClock()
        budgets = Budgets(clock)
        asked = 0
        spend = _budget(budgets, busy.budget_per_s)

        async def unit(size: int) -> None:
            nonlocal asked
            for _ in range(size):
                await spend()
                asked += 1
                for _ in range(2):  # the latency follows the load while the answer is on its way
                    await asyncio.sleep(BASE_S / 2 * dice.uniform(0.7, 1.3) * max(1.0, asked / busy.room) ** busy.power)
                asked -= 1
                told.sent += 1

        gate = Lanes(lanes, clock, sent=lambda: told.sent, troubles=lambda: told.troubles, waited_s=budgets.waited_s)
        if fixed:
            gate._look = lambda: None  # type: ignore[method-assign]  # as many as were asked for, from the first on
            gate.limit = lanes

        async def lane(size: int) -> None:
            try:
                await unit(size)
            finally:
                gate.leave()

        async with asyncio.TaskGroup() as group:
            for _ in range(units):
                await gate.enter()
                told.limits.append(gate.limit)
                group.create_task(lane(dice.randint(3, 17)))
        told.seconds = clock.monotonic()
        return told

    return in_virtual_time(story())


def _budget(budgets: Budgets, per_s: float) -> Callable[[], Any]:
    from mig.budgets import Bucket

    if per_s:
        budgets.declare([Bucket("limit", round(per_s * 60), 60.0)])
    names = ("limit",) if per_s else ()
    return lambda: budgets.spend(names)
