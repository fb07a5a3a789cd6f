"""The journal and the write protocol against a model: whatever happens in whatever order, a dict tells what must stand.

The source is edited, the process dies, the network loses, delays and refuses, the quota runs dry, everything is rolled
back: after each complete run the target holds exactly what the model holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

import mig
from mig.engine.rollback import Rollback
from mig.engine.run import Report
from mig.failpoints import listen
from mig.journal import counts
from mig.journal.store import Journal
from mig.settings import EngineSettings
from storm import EPOCH, Crasher, MemorySource, StormTarget, VirtualClock, crash_at, is_crash, run_once, unless_dead
from tally import count

FATES = ("lost", "dropped", "late", "refused")


class Desk(StormTarget):
    """One that can run out of quota, and takes back what was made."""

    left: int | None = None
    """Requests it still takes; None: any number."""

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        self._spend()
        return await super().send(calls)

    async def revise(self, call: mig.Call, old: mig.Receipt) -> mig.Receipt:
        self._spend()
        return await super().revise(call, old)

    async def find(self, calls: Sequence[mig.Call]) -> Mapping[tuple[mig.UnitKey, str], mig.Receipt]:
        self._spend()
        return await super().find(calls)

    async def undo(self, name: str, verb: str, old: mig.Receipt) -> bool:
        self._spend()
        if name == "birth":
            self.threads.pop(old.values["id"], None)
        elif name == "profile":
            self.people.pop(old.values["id"], None)
        else:
            thread = self.threads.get(old.values["session"], {"messages": []})
            thread["messages"] = [row for row in thread["messages"] if row[0] != name]
        return True

    def _spend(self) -> None:
        if self.left is None:
            return
        if self.left <= 0:
            raise mig.Paused("no quota")
        self.left -= 1


class Migration(RuleBasedStateMachine):
    """Rules change the source or run; the model is the source as it is."""

    threads = Bundle("threads")
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.journal = Journal.open("sqlite://", inline=True)
        self.source = MemorySource([])
        self.target = Desk(self.clock)
        self.number = 0
        self.seed = 0
        self.rolling_back = False
        self.forgotten = 0
        """Possible orphans whose units were rolled back."""

    # ---- the source -------------------------------------------------------------------------------------------------

    @initialize()
    def people(self) -> None:
        for n in range(2):
            self._put(
                mig.Contact(
                    ref=mig.Ref(mig.CONTACT, f"c{n}"),
                    name=f"Contact {n}",
                    emails=[mig.Address(value=f"c{n}@x.example")],
                )
            )
        self._run()  # the migration exists from here on

    @rule(target=threads, who=st.integers(0, 1))
    def begin(self, who: int) -> str:
        self.number += 1
        name = f"t{self.number}"
        contact = mig.Ref(mig.CONTACT, f"c{who}")
        self._put(mig.Conversation(ref=mig.Ref(mig.CONVERSATION, name), title="new", contact=contact, status="open"))
        return name

    @rule(target=messages, thread=threads, many=st.integers(1, 4))
    def write(self, thread: str, many: int) -> Any:
        names = []
        for _ in range(many):
            self.number += 1
            names.append(f"m{self.number}")
            home = mig.Ref(mig.CONVERSATION, thread)
            self._put(
                mig.Message(
                    ref=mig.Ref(mig.MESSAGE, names[-1]), conversation=home, sent_at=EPOCH, text=f"text {names[-1]}"
                )
            )
        return multiple(*names)

    @rule(name=messages, text=st.sampled_from(["edited", "edited again", "and back"]))
    def edit(self, name: str, text: str) -> None:
        self._change(mig.Ref(mig.MESSAGE, name), text=text)

    @rule(name=messages, thread=threads)
    def move(self, name: str, thread: str) -> None:
        self._change(mig.Ref(mig.MESSAGE, name), conversation=mig.Ref(mig.CONVERSATION, thread))

    @rule(thread=threads, title=st.sampled_from(["one", "two"]), status=st.sampled_from(["open", "done"]))
    def work_on(self, thread: str, title: str, status: str) -> None:
        self._change(mig.Ref(mig.CONVERSATION, thread), title=title, status=status)

    @rule(who=st.integers(0, 1), name=st.sampled_from(["Ann", "Bob"]))
    def rename(self, who: int, name: str) -> None:
        self._change(mig.Ref(mig.CONTACT, f"c{who}"), name=name)

    # ---- runs that do not come to their end -------------------------------------------------------------------------

    @rule(point=st.integers(1, 120), window=st.sampled_from([1, 4]))
    def die(self, point: int, window: int) -> None:
        self._disturb(lambda: crash_at(point, self.journal, self.source, self.target, self.clock, window=window))

    @rule(fates=st.lists(st.sampled_from(FATES), max_size=3, unique=True), point=st.integers(20, 200))
    def storm(self, fates: list[str], point: int) -> None:
        self.seed += 1
        self.target.stir(dict.fromkeys(fates, 0.15), self.seed)
        self._disturb(lambda: crash_at(point, self.journal, self.source, self.target, self.clock))
        self.target.stir({}, 0)

    @rule(left=st.integers(0, 25), lanes=st.sampled_from([1, 3]))
    def run_dry(self, left: int, lanes: int) -> None:
        self.target.left = left
        self._disturb(lambda: run_once(self.journal, self.source, self.target, self.clock, lanes=lanes))
        self.target.left = None

    @rule(point=st.integers(1, 40))
    def roll_back_and_die(self, point: int) -> None:
        listen(Crasher(point))
        try:
            self._roll_back()
        except BaseException as error:
            if not is_crash(error):
                raise
            self._revive()
            with self.journal.reading() as connection:  # before its first word or after its last, it is not under way
                self.rolling_back = counts.is_rolling_back(connection, 1)
        finally:
            listen(None)

    # ---- and such that do -------------------------------------------------------------------------------------------

    @rule()
    def run(self) -> None:
        if self.rolling_back:
            with pytest.raises(mig.Refused, match="rollback"):
                self._await(run_once(self.journal, self.source, self.target, self.clock))
            self._roll_back()
        report = self._run()
        assert report.status == "completed"
        assert report.doubtful == 0
        assert self.target.orphans() <= report.orphans + self.forgotten
        assert all(kind.failed == kind.pending == 0 for kind in report.kinds.values())
        self._is_as_the_model_says()
        writes = len(self.target.writes)
        self._run()
        assert len(self.target.writes) == writes, "a run with nothing to do wrote"

    @precondition(lambda self: not self.rolling_back)
    @rule()
    def roll_back(self) -> None:
        self._roll_back()
        assert self.target.people == {}
        assert all(not thread["messages"] for thread in self.target.threads.values())

    @invariant()
    def nothing_stands_twice(self) -> None:
        for thread in self.target.threads.values():
            markers = [marker for marker, _ in thread["messages"]]
            assert len(markers) == len(set(markers)), markers

    def teardown(self) -> None:
        self.run()
        self.journal.close()
        count("stories of the state machine", stories=1)

    # ---- how --------------------------------------------------------------------------------------------------------

    def _put(self, record: mig.Record) -> None:
        self.source.records[record.ref] = record

    def _change(self, ref: mig.Ref, **fields: Any) -> None:
        self._put(msgspec.structs.replace(self.source.records[ref], **fields))

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(unless_dead)
            return runner.run(work)

    def _run(self) -> Report:
        found: Report = self._await(run_once(self.journal, self.source, self.target, self.clock))
        return found

    def _disturb(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        if self.rolling_back:
            return
        with contextlib.suppress(mig.Refused):  # it gave up, politely
            self._await(work())
        self._revive()

    def _revive(self) -> None:
        """The next process has only what is durable."""
        self.journal = Journal(self.journal._database, inline=True)

    def _roll_back(self) -> None:
        with self.journal.reading() as connection:
            self.forgotten += sum(n for _, n in counts.orphans(connection, 1)) + counts.doubtful(connection, 1)
        found = self._await(Rollback(self.journal, 1, self.target, self.clock, EngineSettings(attempts=12)).run())
        assert found.left == []
        self.rolling_back = False

    def _is_as_the_model_says(self) -> None:
        records = self.source.records.values()
        wanted: dict[str, Any] = {
            str(one.ref): {"title": one.title, "state": one.status, "messages": {}}
            for one in records
            if isinstance(one, mig.Conversation)
        }
        for one in records:
            if isinstance(one, mig.Message):
                wanted[str(one.conversation)]["messages"][str(one.ref)] = one.text
        found = self.target.end_state()
        assert {
            source: {"title": title, "state": state, "messages": dict(rows)}
            for source, (title, rows, state) in found["threads"].items()
        } == wanted
        # A contact whose threads are all there is there; nobody stands twice.
        names = {one.emails[0].value: one.name for one in records if isinstance(one, mig.Contact)}
        assert found["people"] == names


class LongMigration(Migration):
    """The same, for longer."""


TestMigration = Migration.TestCase
TestMigration.settings = settings(max_examples=16, stateful_step_count=20)
TestLongMigration = pytest.mark.soak(LongMigration.TestCase)
TestLongMigration.settings = settings(
    max_examples=int(os.environ.get("MIG_SOAK_STORIES", "1500")), stateful_step_count=40
)
