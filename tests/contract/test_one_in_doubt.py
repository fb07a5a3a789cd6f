"""One request the target never answers clearly: its unit waits in doubt, everything else arrives."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

import mig
from mig.journal.store import Journal
from storm import MemorySource, StormTarget, VirtualClock, counts, run_once, small_desk

SAID = mig.Ref(mig.MESSAGE, "m0.1")


class Choking(StormTarget):
    """Answers 500 to one text; or to everything."""

    heals = down = False

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        (call,) = calls
        if self.down or (call.body.get("text") == "POISON" and not self.heals):
            raise mig.Unclear("POST conversation answered 500")
        return [self._apply(call)]


def desk() -> MemorySource:
    source = MemorySource(small_desk(6, 3))
    source.records[SAID] = msgspec.structs.replace(source.records[SAID], text="POISON")
    return source


@pytest.mark.parametrize("lanes", [1, 3])
async def test_the_others_arrive_and_it_does_when_it_can(lanes: int) -> None:
    clock, source, journal = VirtualClock(), desk(), Journal.open("sqlite://", inline=True)
    target = Choking(clock)
    for _ in range(2):  # the second run meets it before anything else
        report = await run_once(journal, source, target, clock, lanes=lanes)
        assert (report.status, report.exit_code, report.postponed, report.doubtful) == ("completed", 1, 1, 1)
        assert counts(report)["failed"] == 0
        assert len(target.threads) == 6
        assert all(thread["state"] == "done" for thread in target.threads.values()), "a thread is left half told"
    target.heals = True
    report = await run_once(journal, source, target, clock, lanes=lanes)
    journal.close()
    assert (report.exit_code, report.doubtful) == (0, 0)
    texts = [text for thread in target.threads.values() for _, text in thread["messages"]]
    assert len(texts) == len(set(texts)) == 18


async def test_a_target_that_answers_nobody_ends_the_run() -> None:
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    target = Choking(clock)
    target.down = True
    report = await run_once(journal, desk(), target, clock)
    journal.close()
    assert (report.status, report.exit_code) == ("refused", 3)
