"""A thread that is told as one note, or no longer: cut off anywhere, it stands in one form in the end, not in both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import mig
from mig.failpoints import failpoint
from mig.journal.store import Journal
from storm import EPOCH, MemorySource, StormTarget, VirtualClock, crash_at, run_once, small_desk
from storm import counts as totals
from tally import count

CUT = EPOCH + timedelta(hours=1)


class NotingTarget(StormTarget):
    """Tells closed threads of before `CUT` as one note each; takes back what it said."""

    def render(self, unit: mig.Unit, look: mig.Lookup) -> mig.Rendered:
        rendered = super().render(unit, look)
        root, messages = unit.records[0], [one for one in unit.records if isinstance(one, mig.Message)]
        is_old = all(one.sent_at is not None and one.sent_at < CUT for one in messages)
        if not isinstance(root, mig.Conversation) or root.status != "done" or not is_old:
            return rendered
        note = mig.Operation(
            name=f"{root.ref}/1",
            verb="message",
            effect=mig.Effect.CREATE,
            body={"session": mig.FromReceipt("birth"), "text": "|".join(one.text for one in messages)},
            carries=(root.ref, *(one.ref for one in messages)),
            marker=f"{root.ref}/1",
            cost=(),
        )
        others = [one for one in rendered.operations if not one.name.startswith("message/")]
        return mig.Rendered([*others[:2], note, *others[2:]])

    async def undo(self, name: str, verb: str, old: mig.Receipt) -> bool:
        failpoint("target.before")
        for thread in self.threads.values():
            thread["messages"] = [row for row in thread["messages"] if row[0] != name]
        self.writes.append(("undo", name))
        failpoint("target.after")
        return True


def thread(status: str = "done", messages: int = 4, late: bool = False) -> list[mig.Record]:
    records: list[mig.Record] = []
    for record in small_desk(threads=1, messages=messages):
        if isinstance(record, mig.Conversation):
            record = msgspec.structs.replace(record, status=status)
        if late and record.ref.id == f"m0.{messages - 1}":
            record = msgspec.structs.replace(record, sent_at=CUT + timedelta(hours=1))
        records.append(record)
    return records


CHANGES = {
    "somebody writes anew": (thread(), thread(messages=5, late=True)),
    "it is opened again": (thread(), thread("open")),
    "it is closed": (thread("open"), thread()),
}


def standing(target: StormTarget) -> Any:
    """What is there, in whatever order it was said."""
    threads = target.end_state()["threads"]
    return {name: (title, sorted(messages), state) for name, (title, messages, state) in threads.items()}


async def anew(records: Sequence[mig.Record]) -> Any:
    """What one undisturbed migration makes of them."""
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    target = NotingTarget(clock)
    await run_once(journal, MemorySource(records), target, clock)
    journal.close()
    return standing(target)


async def moved(change: str, target: StormTarget, clock: VirtualClock, window: int) -> tuple[Journal, MemorySource]:
    """A thread moved as it was, and its source as it is now."""
    before, after = CHANGES[change]
    journal, source = Journal.open("sqlite://", inline=True), MemorySource(before)
    await run_once(journal, source, target, clock, window=window)
    source.records = {record.ref: record for record in after}
    return journal, source


@pytest.mark.parametrize("window", [1, pytest.param(4, marks=pytest.mark.soak)])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_crash_at_any_point_leaves_one_form(change: str, window: int) -> None:
    expected = await anew(CHANGES[change][1])
    n, met = 0, True
    while met:
        n += 1
        clock = VirtualClock()
        target = NotingTarget(clock)
        journal, source = await moved(change, target, clock, window)
        met = await crash_at(n, journal, source, target, clock, window=window)
        report = await run_once(journal, source, target, clock, window=window)
        assert standing(target) == expected, f"crash point {n}"
        assert totals(report)["failed"] == totals(report)["pending"] == 0
        writes = len(target.writes)
        await run_once(journal, source, target, clock, window=window)
        assert len(target.writes) == writes, f"crash point {n}: a run with nothing to do wrote"
        journal.close()
    count("crash points of a change of form, SQLite", points=n)
    assert n > 40


class Asking(NotingTarget):
    """The run is asked to end while its n-th request is under way."""

    stop = asyncio.Event()
    at = 0

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        self._count()
        return await super().send(calls)

    async def undo(self, name: str, verb: str, old: mig.Receipt) -> bool:
        self._count()
        return await super().undo(name, verb, old)

    def _count(self) -> None:
        self.at -= 1
        if self.at == 0:
            self.stop.set()


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_run_that_is_asked_to_end_leaves_one_form(change: str, window: int) -> None:
    expected = await anew(CHANGES[change][1])
    n, met = 0, True
    while met:
        n += 1
        clock = VirtualClock()
        target = Asking(clock)
        journal, source = await moved(change, target, clock, window)
        target.stop, target.at = asyncio.Event(), n
        await run_once(journal, source, target, clock, window=window, stop=target.stop)
        met, target.at = target.stop.is_set(), 0
        report = await run_once(journal, source, target, clock, window=window)
        assert standing(target) == expected, f"request {n}"
        assert totals(report)["failed"] == totals(report)["pending"] == 0
        journal.close()
    assert n > 4
