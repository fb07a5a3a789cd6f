"""A quota that runs dry between an unclear answer and the next attempt: the journal does not forget the first."""

from __future__ import annotations

import msgspec

import mig
from mig.journal.store import Journal
from storm import MemorySource, StormTarget, VirtualClock, quiet, run_once, small_desk

PERSON = mig.Ref(mig.CONTACT, "c0")


class Drying(StormTarget):
    """A revision has its effect and no answer, and then the quota is used up."""

    fates: list[str]

    async def revise(self, call: mig.Call, old: mig.Receipt) -> mig.Receipt:
        fate = self.fates.pop(0) if self.fates else ""
        if fate == "dry":
            raise mig.Paused("the quota is used up", "Tomorrow.")
        receipt = await super().revise(call, old)
        if fate == "unanswered":
            raise mig.Unclear("no answer")
        return receipt


async def test_a_change_that_is_taken_back_at_the_source_meanwhile() -> None:
    clock, source, journal = VirtualClock(), MemorySource(small_desk(1, 1)), Journal.open("sqlite://", inline=True)
    target = Drying(clock)
    target.fates = []
    await run_once(journal, source, target, clock)
    before = source.records[PERSON]
    source.records[PERSON] = msgspec.structs.replace(before, name="Other")
    target.fates = ["unanswered", "dry"]
    assert (await run_once(journal, source, target, clock)).status == "paused"
    source.records[PERSON] = before
    for _ in range(2):
        assert (await run_once(journal, source, target, clock)).status == "completed"
    journal.close()
    assert target.end_state() == await quiet(list(source.records.values()))
