"""A target that is a list of effects, its answers drawn by a test: for tests of the write protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mig
from mig.engine.plan import Step, operation_digest
from mig.engine.protocol import Outcome, Settler
from mig.http import Unreachable
from mig.platforms import Call, Effect, Operation, Receipt, UnitKey
from storm import Crash, VirtualClock

UNIT = UnitKey("conversation:t")
LIFE, LAG = 5.0, 2.0
SENDS = ("ok", "lost", "dropped", "late", "refused", "unreachable", "rejected", "killed", "killed late")
"""What may become of a request: `dropped` has its effect and no answer, `late` within its life, `killed` ends us."""
ASKS = ("ok", "unclear", "refused", "unreachable", "killed")


class Effects:
    """Takes requests; each has an effect now, later, or never, and is answered or not, as drawn.

    Args:
        clock: Late effects arrive by it.
        sends: Fates of requests, in turn; after the last one all is well.
        asks: Fates of questions, likewise.
    """

    def __init__(self, clock: VirtualClock, sends: Sequence[str] = (), asks: Sequence[str] = ()) -> None:
        self.capabilities = mig.Capabilities({}, read_lag_s=LAG, request_life_s=LIFE)
        self.log: list[tuple[str, float]] = []
        """What was asked of us, and when: `send`, `find`, `revise`, `undo`."""
        self._clock = clock
        self._sends = list(sends)
        self._asks = list(asks)
        self._effects: list[tuple[float, str | None, str]] = []

    def effects(self) -> list[str]:
        """The texts that arrived, once everything under way has."""
        return [text for _, _, text in sorted(self._effects, key=lambda effect: effect[0])]

    def times(self, *what: str) -> list[float]:
        """When we were asked this."""
        return [when for name, when in self.log if name in what]

    async def send(self, calls: Sequence[Call]) -> Sequence[Receipt]:
        (call,) = calls
        return [self._take("send", call)]

    async def find(self, calls: Sequence[Call]) -> Mapping[tuple[UnitKey, str], Receipt]:
        self.log.append(("find", self._clock.seconds))
        self._stumble(self._asks.pop(0) if self._asks else "ok")
        seen = {mark for when, mark, _ in self._effects if when <= self._clock.seconds - LAG}
        return {(call.unit, call.op.name): Receipt({"id": "found"}) for call in calls if call.op.marker in seen}

    def _take(self, what: str, call: Call) -> Receipt:
        now = self._clock.seconds
        self.log.append((what, now))
        fate = self._sends.pop(0) if self._sends else "ok"
        if fate in ("ok", "dropped", "killed"):
            self._effects.append((now, call.op.marker, str(call.body["text"])))
        if fate in ("late", "killed late"):
            self._effects.append((now + LIFE, call.op.marker, str(call.body["text"])))
        self._stumble("unclear" if fate in ("lost", "dropped", "late") else fate)
        return Receipt({"id": what})

    def _stumble(self, fate: str) -> None:
        match fate:
            case "unclear":
                raise mig.Unclear("no answer")
            case "refused":
                raise mig.NotApplied("429", 3.0)
            case "unreachable":
                raise Unreachable("no route")
            case "rejected":
                raise mig.Rejected("the text is too long", "Shorten it")
            case "killed" | "killed late":
                raise Crash
            case _:
                return


class Revisable(Effects):
    """One that can change and remove what stands there."""

    human = False

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        return self._take("revise", call)

    async def undo(self, name: str, verb: str, old: Receipt) -> bool:
        self.log.append(("undo", self._clock.seconds))
        return not self.human


def operation(effect: Effect, text: str = "hello", marker: str | None = "m1", **more: Any) -> Operation:
    """An operation whose body holds a text."""
    return Operation(name="message/1", verb="say", effect=effect, body={"text": text}, marker=marker, **more)


def step(op: Operation, action: str = "send", **more: Any) -> Step:
    """What the plan makes of it."""
    return Step(op=op, action=action, digest=operation_digest(op), **more)


class Runner:
    """Settles one step, over as many processes as it takes.

    Args:
        target: Where to.
        clock: Virtual.
        attempts: Of one process.
    """

    def __init__(self, target: Effects, clock: VirtualClock, attempts: int = 4) -> None:
        self.orphans = 0
        """What the journal would have counted."""
        self.processes = 0
        self._target: Any = target
        self._clock = clock
        self._attempts = attempts

    async def once(self, wanted: Step, fill: Any = None, *, stopping: bool = False) -> Outcome:
        """One process; `stopping`: it was asked to end."""
        settler = Settler(
            self._target, self._clock, born=self._clock.monotonic(), attempts=self._attempts, patience_s=30.0
        )
        settler.stopping = stopping
        return await settler.settle(UNIT, wanted, fill or (lambda op: op.body), self._orphaned)

    async def until_settled(self, *wanted: Step) -> Outcome:
        """Processes one after another, each wanting the next step (the last for ever), until one has an outcome."""
        plans = list(wanted)
        doubtful = plans[0].doubtful
        for _ in range(30):
            plan = plans.pop(0) if len(plans) > 1 else plans[0]
            plan.doubtful = doubtful
            self.processes += 1
            if plan.alone and doubtful:
                self.orphans += 1  # as the claim of a doubtful birth counts it
            try:
                return await self.once(plan)
            except (Crash, mig.Refused):
                doubtful = True
        raise AssertionError("it never settles")

    async def _orphaned(self) -> None:
        self.orphans += 1
