"""A thread cut off by a kill, too dear for what is left of the day, does not cost the others the rest of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

import mig
from mig.engine.run import Report, Run, go
from mig.journal.store import Journal
from mig.settings import EngineSettings, Settings
from storm import Crash, LoadAll, MemorySource, StormTarget, VirtualClock, is_crash, small_desk

REQUESTS = "storm.requests"


class Counted(StormTarget):
    """Every request costs one of sixty a day; the process dies with the one numbered so."""

    access: mig.Access
    dies_at = 0
    taken = 0

    def render(self, unit: mig.Unit, look: mig.Lookup) -> mig.Rendered:
        found = super().render(unit, look)
        priced = [msgspec.structs.replace(one, cost=((REQUESTS, 1),)) for one in found.operations]
        return msgspec.structs.replace(found, operations=priced)

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        await self.access.budgets.spend((REQUESTS,))
        self.taken += 1
        if self.taken == self.dies_at:
            raise Crash("killed")
        return [self._apply(calls[0])]


async def run(journal: Journal, source: MemorySource, target: Counted, clock: VirtualClock) -> Report:
    @asynccontextmanager
    async def open_source(settings: Any, access: mig.Access) -> AsyncIterator[mig.Source]:
        yield source

    @asynccontextmanager
    async def open_target(settings: Any, access: mig.Access) -> AsyncIterator[mig.Target]:
        target.access = access
        access.budgets.declare([mig.Bucket(REQUESTS, 60, 86_400.0, daily=True)])
        yield target

    return await go(
        Run(
            journal=journal,
            clock=clock,
            source_spec=mig.SourceSpec("memory", Settings, open_source, {}, {"records": mig.MESSAGE}),
            target_spec=mig.TargetSpec("storm", Settings, open_target),
            source_settings=None,
            target_settings=None,
            chain=[LoadAll()],
            engine=EngineSettings(lanes=1, window=4, attempts=12),
        )
    )


async def test_cheaper_units_still_fit() -> None:
    dear = [one for one in small_desk(1, 55) if one.ref.kind != mig.CONTACT]
    dear[0] = msgspec.structs.replace(dear[0], status="open")  # the most urgent
    cheap = [one for one in small_desk(6, 1) if one.ref.id not in ("t0", "m0.0")]
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    target, source = Counted(clock), MemorySource([*dear, *cheap])
    target.dies_at = 31
    with pytest.raises(BaseException) as caught:  # the test's own crash, perhaps in a group
        await run(journal, source, target, clock)
    assert is_crash(caught.value)
    report = await run(journal, source, target, clock)
    assert report.status == "paused"
    assert len(target.threads) == 6
    clock.seconds += 86_400.0
    assert (await run(journal, source, target, clock)).status == "completed"
    journal.close()
    assert sorted(len(thread["messages"]) for thread in target.threads.values()) == [1, 1, 1, 1, 1, 55]
