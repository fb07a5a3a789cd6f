"""The write protocol against a hostile desk: crashes everywhere, lost, late and unanswered requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest

import mig
from mig.journal.store import Journal
from storm import MemorySource, StormTarget, VirtualClock, crash_at, quiet, run_once, small_desk
from storm import counts as totals
from tally import count


@pytest.mark.parametrize("messages", [2, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("window", [1, 4])
async def test_a_crash_at_any_point_changes_nothing_in_the_end(window: int, messages: int) -> None:
    """Every point; in the short form of a smaller desk, and a run with nothing to do follows only on some of them."""
    records = small_desk(threads=2, messages=messages)
    expected = await quiet(records)
    n = 0
    met = True
    while met:
        n += 1
        clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
        source, target = MemorySource(records), StormTarget(clock)
        met = await crash_at(n, journal, source, target, clock, window=window)
        report = await run_once(journal, source, target, clock, window=window)
        assert target.end_state() == expected, f"crash point {n}"
        assert target.orphans() <= report.orphans, f"crash point {n}"
        assert totals(report)["failed"] == totals(report)["pending"] == 0
        if messages == 3 or n % 5 == 0:  # before, inside and after a commit, and around a request, take turns
            before = len(target.writes)
            again = await run_once(journal, source, target, clock, window=window)
            assert len(target.writes) == before, f"crash point {n}: a second run wrote"
            assert again.doubtful == 0
        journal.close()
    count("crash points, SQLite", points=n)
    assert n > 60


@pytest.mark.parametrize("seed", [*range(24), *(pytest.param(n, marks=pytest.mark.soak) for n in range(24, 40))])
async def test_a_storm_of_lost_dropped_and_late_requests_changes_nothing_in_the_end(seed: int) -> None:
    records = small_desk(threads=5, messages=5)
    expected = await quiet(records)
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    source = MemorySource(records)
    target = StormTarget(clock, {"lost": 0.05, "dropped": 0.05, "late": 0.05, "refused": 0.05}, seed)
    for attempt in range(3):
        await crash_at(40 + 23 * seed % 97 + attempt * 31, journal, source, target, clock)
    report = await run_once(journal, source, target, clock)
    assert report.status == "completed"
    assert target.end_state() == expected
    assert target.orphans() <= report.orphans
    journal.close()


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.soak)])
@pytest.mark.parametrize("window", [1, 4])
async def test_a_crash_at_any_point_of_a_later_run_changes_nothing_in_the_end(window: int, threads: int) -> None:
    before, after = (small_desk(threads=threads, messages=messages) for messages in (2, 3))
    expected = await quiet(after)
    n = 0
    met = True
    while met:
        n += 1
        clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
        source, target = MemorySource(before), StormTarget(clock)
        await run_once(journal, source, target, clock, window=window)
        source.records = {record.ref: record for record in after}
        met = await crash_at(n, journal, source, target, clock, window=window)
        await run_once(journal, source, target, clock, window=window)
        assert target.end_state() == expected, f"crash point {n}"
        journal.close()
    count("crash points of a later run, SQLite", points=n)
    assert n > 20


async def test_what_changed_at_the_source_is_updated_and_nothing_else() -> None:
    records = small_desk()
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    source, target = MemorySource(records), StormTarget(clock)
    await run_once(journal, source, target, clock)
    ref = mig.Ref(mig.MESSAGE, "m1.1")
    source.records[ref] = msgspec.structs.replace(source.records[ref], text="edited")
    report = await run_once(journal, source, target, clock)
    assert report.kinds["message"].updated == 1
    assert report.kinds["message"].unchanged == 8
    assert ("message/m1.1", "edited") in target.end_state()["threads"]["conversation/t1"][1]
    assert target.end_state()["threads"]["conversation/t1"][2] == "done"
    journal.close()


class PausedInDoubt(StormTarget):
    """Applies one operation without an answer, then has no quota left: for asking, or for saying it again."""

    def __init__(self, clock: VirtualClock, at: str) -> None:
        super().__init__(clock)
        self._at = at
        self.dry = False

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        if self.dry:
            raise mig.Paused("no quota")
        receipts = await super().send(calls)
        if calls[0].op.name == self._at:
            self.dry = True
            raise mig.Unclear("no answer")
        return receipts

    async def find(self, calls: Sequence[mig.Call]) -> Mapping[tuple[mig.UnitKey, str], mig.Receipt]:
        if self.dry:
            raise mig.Paused("no quota")
        return await super().find(calls)


@pytest.mark.parametrize("at", ["birth", "message/m0.1", "profile"])
async def test_a_pause_in_the_middle_of_a_doubt_forgets_nothing(at: str) -> None:
    records = small_desk(threads=1)
    expected = await quiet(records)
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    source, target = MemorySource(records), PausedInDoubt(clock, at)
    assert (await run_once(journal, source, target, clock)).status == "paused"
    target.dry, target._at = False, ""
    report = await run_once(journal, source, target, clock)
    assert target.end_state() == expected
    assert target.orphans() <= report.orphans
    journal.close()


class PausedBeforeTheState(StormTarget):
    """Has no quota left when the state would be said again."""

    dry = False

    async def revise(self, call: mig.Call, old: mig.Receipt) -> mig.Receipt:
        if self.dry and call.op.name == "state":
            raise mig.Paused("no quota")
        return await super().revise(call, old)


@pytest.mark.parametrize("window", [1, 16])
async def test_a_pause_between_a_message_and_the_state_it_undid_does_not_forget_the_state(window: int) -> None:
    records = small_desk(threads=1, messages=2)
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    source, target = MemorySource(records), PausedBeforeTheState(clock)
    await run_once(journal, source, target, clock, window=window)
    more = small_desk(threads=1, messages=3)
    source.records = {record.ref: record for record in more}
    target.dry = True
    assert (await run_once(journal, source, target, clock, window=window)).status == "paused"
    target.dry = False
    await run_once(journal, source, target, clock, window=window)
    assert target.end_state() == await quiet(more)
    journal.close()
