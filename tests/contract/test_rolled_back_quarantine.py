"""What cannot be parsed stays in quarantine when its thread is rolled back: nobody would parse it again."""

from __future__ import annotations

from sqlalchemy import Connection

import mig
from mig.engine.rollback import Rollback
from mig.journal import failures
from mig.journal.store import Journal
from mig.settings import EngineSettings
from storm import MemorySource, StormTarget, VirtualClock, counts, run_once, small_desk

SAID = mig.Ref(mig.MESSAGE, "m0.1")


class Breaking(MemorySource):
    """Messages by their own ids; one of them may come in bytes that are no JSON."""

    broken = False

    def parse(self, raw: mig.Raw) -> mig.Parsed:
        if raw.body == b"{":
            raise mig.Unparseable("it is no JSON", "Correct it at the source.")
        kind = next(ref.kind for ref in self.records if ref.id == raw.id)
        return mig.Parsed([mig.decode(raw.body, mig.model.TYPES[kind])])

    def _raw(self, record: mig.Record) -> mig.Raw:
        body = b"{" if self.broken and record.ref == SAID else mig.encode(record)
        return mig.Raw("records", record.ref.id, body)


class Undoing(StormTarget):
    """A target that takes back whatever it is asked to."""

    async def undo(self, name: str, verb: str, old: mig.Receipt) -> bool:
        if name == "birth":
            self.threads.pop(old.values["id"])
        elif name == "profile":
            self.people.pop(old.values["id"])
        return True


async def test_it_is_still_listed_and_still_counted() -> None:
    clock, source, journal = VirtualClock(), Breaking(small_desk(1, 2)), Journal.open("sqlite://", inline=True)
    target = Undoing(clock)
    await run_once(journal, source, target, clock)
    source.broken = True
    assert counts(await run_once(journal, source, target, clock))["failed"] == 1
    await Rollback(journal, 1, target, clock, EngineSettings()).run()
    report = await run_once(journal, source, target, clock)

    def listed(connection: Connection) -> list[mig.Ref]:
        return [one.ref for one in failures.failed(connection, 1)]

    assert await journal.read(listed) == [SAID]
    assert (counts(report)["failed"], counts(report)["pending"], report.exit_code) == (1, 0, 1)
    source.broken = False
    report = await run_once(journal, source, target, clock)
    journal.close()
    assert (counts(report)["failed"], counts(report)["pending"], report.exit_code) == (0, 0, 0)
    (thread,) = target.threads.values()
    assert [marker for marker, _ in thread["messages"]] == ["message/m0.0", "message/m0.1"]
