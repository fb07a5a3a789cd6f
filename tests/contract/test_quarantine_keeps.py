"""What was moved once stays while its record is in quarantine: nothing is taken back for a fault of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

import mig
import storm
from mig.journal.store import Journal
from storm import MemorySource, StormTarget, VirtualClock, counts, run_once, small_desk

THREAD, SAID = mig.Ref(mig.CONVERSATION, "t0"), mig.Ref(mig.MESSAGE, "m0.1")


class Undoing(StormTarget):
    """A target that can take back, and whose renderer chokes on a word."""

    chokes = False

    def render(self, unit: mig.Unit, look: mig.Lookup) -> mig.Rendered:
        if self.chokes and any("POISON" in getattr(record, "text", "") for record in unit.records):
            raise KeyError("POISON")
        return super().render(unit, look)

    async def undo(self, name: str, verb: str, old: mig.Receipt) -> bool:
        self.writes.append(("undo", name))
        if name == "birth":
            self.threads.pop(old.values["id"], None)
        return True


class Choking:
    """A mapper that raises on a word."""

    def map(self, record: mig.Record, look: mig.Lookup) -> mig.Decision | None:
        if "POISON" in f"{getattr(record, 'text', '')} {getattr(record, 'title', '')}":
            raise KeyError("POISON")
        return mig.Decision(mig.Fate.LOAD, record)


CASES: Mapping[str, tuple[mig.Ref, dict[str, Any], bool]] = {
    "a message that cannot be mapped any more": (SAID, {"text": "POISON"}, False),
    "a conversation that cannot be mapped any more": (THREAD, {"title": "POISON"}, False),
    "a thread that cannot be rendered any more": (SAID, {"text": "POISON"}, True),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_stands_there_is_not_taken_back(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, change, in_render = CASES[case]
    clock, source, journal = VirtualClock(), MemorySource(small_desk(2, 3)), Journal.open("sqlite://", inline=True)
    target = Undoing(clock)
    await run_once(journal, source, target, clock)
    stood, wrote = target.end_state(), len(target.writes)
    source.records[ref] = msgspec.structs.replace(source.records[ref], **change)
    target.chokes = in_render
    if not in_render:
        monkeypatch.setattr(storm, "LoadAll", Choking)
    report = await run_once(journal, source, target, clock)
    journal.close()
    assert counts(report)["failed"] > 0
    assert report.exit_code == 1
    assert target.writes[wrote:] == []
    assert target.end_state() == stood
