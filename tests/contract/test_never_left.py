"""Births that certainly never left are no possible leftovers: an outage makes none."""

from __future__ import annotations

from collections.abc import Sequence

import mig
from mig.http import Unreachable
from mig.journal.store import Journal
from storm import MemorySource, StormTarget, VirtualClock, run_once, small_desk


class Away(StormTarget):
    """Goes away when a conversation is to be born."""

    away = True

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        if self.away and calls[0].op.name == "birth":
            raise Unreachable("no route")
        return await super().send(calls)


async def test_an_outage_leaves_nothing_in_doubt() -> None:
    clock, source, journal = VirtualClock(), MemorySource(small_desk(3, 2)), Journal.open("sqlite://", inline=True)
    target = Away(clock)
    report = await run_once(journal, source, target, clock)
    assert (report.status, report.doubtful, report.orphans) == ("refused", 0, 0)
    target.away = False
    report = await run_once(journal, source, target, clock)
    journal.close()
    assert (report.status, report.orphans) == ("completed", 0)
    assert target.orphans() == 0
