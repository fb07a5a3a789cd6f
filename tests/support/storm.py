"""A desk in memory with the nature of a hostile API, and a clock that never waits: for tests of the engine."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

import mig
from mig.engine.run import Report, Run, go
from mig.failpoints import listen
from mig.journal.store import Journal
from mig.settings import EngineSettings, Settings

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        wake = self.seconds + max(0.0, seconds)
        await asyncio.sleep(0)
        self.seconds = max(self.seconds, wake)


class Crash(BaseException):
    """The process is gone."""


class Crasher:
    """Crashes at the n-th failpoint, and at every one after it: a dead process does nothing more."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def __call__(self, name: str) -> None:
        self.seen += 1
        if self.seen >= self.at:
            raise Crash(name)


class MemorySource:
    """Records handed over as they are; tests change `records` between runs."""

    def __init__(self, records: Sequence[mig.Record]) -> None:
        self.records = {record.ref: record for record in records}

    async def identity(self) -> str:
        return "org"

    async def partitions(self, scope: mig.Scope) -> Sequence[mig.Partition]:
        return [mig.Partition("records")]

    async def extract(self, part: mig.Partition, scope: mig.Scope, checkpoint: bytes | None) -> AsyncIterator[mig.Page]:
        rows = [self._raw(record) for record in self.records.values()]
        for start in range(0, len(rows), 7):
            yield mig.Page(rows[start : start + 7], str(start).encode())

    def parse(self, raw: mig.Raw) -> mig.Parsed:
        kind = mig.Ref.parse(raw.id).kind
        return mig.Parsed([msgspec.json.decode(raw.body, type=mig.model.TYPES[kind])])

    async def fetch(self, refs: Sequence[mig.Ref]) -> Mapping[mig.Ref, mig.Raw]:
        return {ref: self._raw(self.records[ref]) for ref in refs if ref in self.records}

    async def ids(self, kind: mig.Kind, scope: mig.Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        yield [(ref.id, None) for ref in self.records if ref.kind == kind]

    def _raw(self, record: mig.Record) -> mig.Raw:
        return mig.Raw("records", str(record.ref), mig.encode(record))


class StormTarget:
    """Threads without an id of ours at birth, messages that double when they are sent twice, requests that get lost.

    Args:
        clock: Late requests are applied by it.
        fates: Chances of "lost", "dropped" (applied, unanswered), "late", "refused" (429) per request.
        seed: Of the storm.
    """

    def __init__(self, clock: VirtualClock, fates: Mapping[str, float] | None = None, seed: int = 0) -> None:
        self.capabilities = mig.Capabilities({}, read_lag_s=1.0, request_life_s=5.0)
        self.threads: dict[str, dict[str, Any]] = {}
        self.people: dict[str, str] = {}
        self.writes: list[tuple[str, str]] = []
        self._born = 0
        self._clock = clock
        self._fates = dict(fates or {})
        self._random = random.Random(seed)
        self._late: list[tuple[float, mig.Call]] = []

    def stir(self, fates: Mapping[str, float], seed: int) -> None:
        """Another storm from now on."""
        self._fates, self._random = dict(fates), random.Random(seed)

    async def identity(self) -> str:
        return "workspace"

    async def prepare(self) -> None:
        return None

    def place(self, record: mig.Record) -> mig.Place:
        if isinstance(record, mig.Message):
            assert record.sent_at is not None
            return mig.Place(record.conversation, (mig.epoch_ms(record.sent_at), 0, record.ref.id))
        return mig.Place(None, (0, 0, record.ref.id))

    def render(self, unit: mig.Unit, look: mig.Lookup) -> mig.Rendered:
        root = unit.records[0]
        if isinstance(root, mig.Contact):
            body = {"email": root.emails[0].value, "name": root.name}
            return mig.Rendered([_operation("profile", mig.Effect.CREATE, body, root, marker=str(root.ref))])
        assert isinstance(root, mig.Conversation)
        after = (root.contact,) if root.contact else ()
        operations = [_operation("birth", mig.Effect.CREATE, {}, root, after=after)]
        operations.append(_operation("meta", mig.Effect.PUT, {"title": root.title, "source": str(root.ref)}, root))
        operations += [
            _operation(str(record.ref), mig.Effect.CREATE, {"text": record.text}, record, marker=str(record.ref))
            for record in unit.records
            if isinstance(record, mig.Message)
        ]
        operations.append(_operation("state", mig.Effect.PUT, {"state": root.status}, root, tail=True))
        return mig.Rendered(operations)

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        (call,) = calls
        self._arrive()
        mark = self._random.random()
        for fate, rate in self._fates.items():
            mark -= rate
            if mark < 0:
                return [self._strike(fate, call)]
        mig_failpoint("target.before")
        receipt = self._apply(call)
        mig_failpoint("target.after")
        return [receipt]

    def _strike(self, fate: str, call: mig.Call) -> mig.Receipt:
        if fate == "refused":
            raise mig.NotApplied("429", 1.0)
        if fate == "dropped":
            self._apply(call)
        if fate == "late":
            self._late.append((self._clock.seconds + 4.0, call))
        raise mig.Unclear(fate)

    def _arrive(self) -> None:
        due = [call for when, call in self._late if when <= self._clock.seconds]
        self._late = [(when, call) for when, call in self._late if when > self._clock.seconds]
        for call in due:
            self._apply(call)

    def _apply(self, call: mig.Call) -> mig.Receipt:
        name, body = call.op.name, call.body
        self.writes.append((call.unit, name))
        if name == "profile":
            if body["email"] in self.people:
                raise mig.Rejected("people_exists")
            self.people[str(body["email"])] = str(body["name"])
            return mig.Receipt({"id": str(body["email"])})
        if name == "birth":
            self._born += 1
            session = f"s{self._born}"
            self.threads[session] = {"meta": {}, "messages": [], "state": None}
            return mig.Receipt({"id": session})
        thread = self.threads[str(body["session"])]
        if name == "meta":
            thread["meta"] = {key: value for key, value in body.items() if key != "session"}
        elif name == "state":
            thread["state"] = body["state"]
        else:
            thread["messages"].append((call.op.marker, body["text"]))
            thread["state"] = "open"  # as on real desks: a message undoes the state
        return mig.Receipt({"id": name, "session": str(body["session"])})

    async def find(self, calls: Sequence[mig.Call]) -> Mapping[tuple[mig.UnitKey, str], mig.Receipt]:
        self._arrive()
        found = {}
        for call in calls:
            if call.op.name == "profile":
                there = call.body["email"] in self.people
            else:
                messages = self.threads[str(call.body["session"])]["messages"]
                there = any(marker == call.op.marker for marker, _ in messages)
            if there:
                where = {"id": str(call.body["email"])} if call.op.name == "profile" else {"id": call.op.name}
                if "session" in call.body:
                    where["session"] = str(call.body["session"])
                found[call.unit, call.op.name] = mig.Receipt(where)
        return found

    def where(self, receipts: Mapping[str, mig.Receipt]) -> str:
        return ""

    async def read(self, kind: mig.Kind, target_id: str) -> mig.Present | None:
        return None

    async def revise(self, call: mig.Call, old: mig.Receipt) -> mig.Receipt:
        if call.op.name in ("meta", "state"):
            return self._apply(call)
        self.writes.append((call.unit, call.op.name))
        if call.op.name == "profile":
            self.people[old.values["id"]] = str(call.body["name"])
        elif call.op.marker:
            thread = self.threads[str(call.body["session"])]
            thread["messages"] = [
                (marker, call.body["text"] if marker == call.op.marker else text) for marker, text in thread["messages"]
            ]
        return old

    def end_state(self) -> dict[str, Any]:
        """Everything that has a name, independent of session ids."""
        named = [thread for thread in self.threads.values() if thread["meta"]]
        assert len({thread["meta"]["source"] for thread in named}) == len(named), "a thread stands there twice"
        return {
            "threads": {t["meta"]["source"]: (t["meta"]["title"], t["messages"], t["state"]) for t in named},
            "people": self.people,
        }

    def orphans(self) -> int:
        """Births without a name."""
        return sum(1 for thread in self.threads.values() if not thread["meta"])


def mig_failpoint(name: str) -> None:
    """The target's own points: before and after a request takes effect."""
    from mig.failpoints import failpoint

    failpoint(name)


def _operation(
    name: str,
    effect: mig.Effect,
    body: dict[str, Any],
    record: mig.Record,
    *,
    marker: str | None = None,
    tail: bool = False,
    after: tuple[mig.Ref, ...] = (),
) -> mig.Operation:
    needs = {} if name in ("birth", "profile") else {"session": mig.FromReceipt("birth")}
    return mig.Operation(
        name=name,
        verb=name.partition("/")[0],
        effect=effect,
        body={**needs, **body},
        carries=(record.ref,),
        marker=marker,
        tail=tail,
        after=after,
        cost=(),
    )


class LoadAll:
    """A mapper that loads everything."""

    def map(self, record: mig.Record, look: mig.Lookup) -> mig.Decision | None:
        return mig.Decision(mig.Fate.LOAD, record)


async def run_once(
    journal: Journal,
    source: MemorySource,
    target: Any,
    clock: VirtualClock,
    *,
    lanes: int = 3,
    window: int = 4,
    stop: asyncio.Event | None = None,
) -> Report:
    """One run of the engine, as a fresh process would make it; it is asked to end by `stop`."""

    @asynccontextmanager
    async def open_source(settings: Any, access: mig.Access) -> AsyncIterator[mig.Source]:
        yield source

    @asynccontextmanager
    async def open_target(settings: Any, access: mig.Access) -> AsyncIterator[mig.Target]:
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
            engine=EngineSettings(lanes=lanes, window=window, attempts=12),
            stop=stop or asyncio.Event(),
        )
    )


async def quiet(records: Sequence[mig.Record]) -> dict[str, Any]:
    """The end state of one undisturbed run over these records."""
    clock = VirtualClock()
    target = StormTarget(clock)
    journal = Journal.open("sqlite://", inline=True)
    await run_once(journal, MemorySource(records), target, clock)
    journal.close()
    return target.end_state()


async def crash_at(
    n: int,
    journal: Journal,
    source: MemorySource,
    target: Any,
    clock: VirtualClock,
    *,
    lanes: int = 3,
    window: int = 4,
) -> bool:
    """One run that crashes at the n-th failpoint. Returns: whether it met that many."""
    crasher = Crasher(n)
    listen(crasher)
    try:
        await run_once(journal, source, target, clock, lanes=lanes, window=window)
    except BaseException as error:
        if not is_crash(error):
            raise
    finally:
        listen(None)
    return crasher.seen >= n


def is_crash(error: BaseException) -> bool:
    """Whether what came out of the engine is the test's crash, alone or in a group."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_crash(one) for one in error.exceptions)
    return isinstance(error, Crash)


def unless_dead(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A loop's handler of exceptions nobody heard: what a dead process left behind needs no telling."""
    if not is_crash(context.get("exception") or RuntimeError()):
        loop.default_exception_handler(context)


def small_desk(threads: int = 3, messages: int = 3) -> list[mig.Record]:
    """Contacts, conversations and messages, some at equal times."""
    records: list[mig.Record] = []
    for n in range(threads):
        contact = mig.Ref(mig.CONTACT, f"c{n % 2}")
        conversation = mig.Ref(mig.CONVERSATION, f"t{n}")
        records.append(mig.Conversation(ref=conversation, title=f"thread {n}", contact=contact, status="done"))
        records += [
            mig.Message(
                ref=mig.Ref(mig.MESSAGE, f"m{n}.{m}"),
                conversation=conversation,
                sent_at=EPOCH + timedelta(seconds=m // 2),
                text=f"text {n}.{m}",
            )
            for m in range(messages)
        ]
    for n in range(2):
        email = mig.Address(value=f"c{n}@example.org")
        records.append(mig.Contact(ref=mig.Ref(mig.CONTACT, f"c{n}"), name=f"Contact {n}", emails=[email]))
    return records


def counts(report: Report) -> Counter[str]:
    """Totals over all kinds."""
    total: Counter[str] = Counter()
    for kind in report.kinds.values():
        total.update(msgspec.to_builtins(kind))
    return total
