"""Make one operation take effect exactly once, on a platform that knows no idempotency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from mig.clock import Clock
from mig.engine.plan import Step
from mig.errors import NotApplied, Paused, Refused, Rejected, Unclear
from mig.http import Unreachable
from mig.model import Kind
from mig.platforms import (
    Body,
    Call,
    CanRevise,
    CanSpare,
    CanUndo,
    Effect,
    Operation,
    Origin,
    Receipt,
    Target,
    UnitKey,
)

_REFUSALS = 60
"""429s in a row after which the run pauses."""
_LONGEST_WAIT_S = 30.0
_REMEMBERED = 10_000
WAITS = ("later", "absent", "due")
"""How a step may end that leaves something for the next run."""
Fill = Callable[[Operation], Body]
"""Fills the open receipts of a body."""
Orphaned = Callable[[], Awaitable[None]]
"""Makes durable that an unclear birth may have left something empty behind."""


class Stopped(Exception):
    """The run is asked to end: lanes leave after the window they are in."""


class Doubtful(Refused):
    """One operation never gets a clear answer: it stays in doubt. Where others get theirs, only its unit waits."""


class Outcome(Struct, frozen=True):
    """How a step ended."""

    state: str
    """done, failed, gone; later: clearly not sent, and nothing is wrong with it. While a lost journal is rebuilt also
    absent: it is not there; due: it stands there otherwise than it is wanted."""
    receipt: Receipt | None = None
    reason: str = ""


class Settler:
    """The write protocol for one step at a time.

    Args:
        target: Where to.
        clock: Waits out the life of doubtful requests.
        born: When this process began (monotonic): every request of an earlier one left before.
        attempts: How often an unclear answer may be followed by another question.
        patience_s: How long the target may be unreachable before the run ends.
    """

    def __init__(self, target: Target, clock: Clock, *, born: float, attempts: int, patience_s: float) -> None:
        self._target = target
        self._clock = clock
        self._born = born
        self._attempts = attempts
        self._patience_s = patience_s
        self.stopping = False
        self._said: dict[tuple[UnitKey, str], float] = {}
        """When operations were said last, as long as a read may lag behind that."""
        self.troubles = 0
        """Refusals and unclear answers so far."""

    async def settle(self, unit: UnitKey, step: Step, fill: Fill, orphaned: Orphaned) -> Outcome:
        """Send a step, or find that it was sent.

        Args:
            unit: The unit it belongs to.
            step: What to do; the journal says "sending" already.
            fill: Fills open receipts just before it leaves.
            orphaned: Called before a birth is sent anew after an unclear answer.

        Returns:
            What it became; `failed` when the target refuses it.

        Raises:
            Refused: The target cannot be reached; what is in doubt stays in doubt.
            Doubtful: It never answers this clearly; likewise.
            Paused: A quota is used up; `step.left` says whether an attempt is still in doubt.
            Stopped: The run is asked to end; likewise.
        """
        sent_at: float | None = self._born if step.doubtful else None
        unclear = 0
        silent_since: float | None = None
        refusals = 0
        while True:
            now = self._clock.monotonic()
            try:
                if sent_at is not None:
                    found = await self._doubt(unit, step, sent_at, fill)
                    if found is not None:
                        return found
                    sent_at = None
                    step.left = step.left and not _is_clear(step)
                return await self._act(step, Call(unit, step.op, fill(step.op), step.files))
            except Rejected as error:
                return Outcome("failed", step.old, f"{error.message}. {error.hint}".strip())
            except Unreachable as error:
                silent_since = silent_since if silent_since is not None else now
                if now - silent_since > self._patience_s:
                    raise Refused(error.message, "Check the network and the address, then run again.") from error
                self._may_go_on(step, sent_at)
                await self._clock.sleep(1.0)
            except NotApplied as error:
                self.troubles += 1
                silent_since = None
                refusals += 1
                if refusals > _REFUSALS:
                    raise Paused(f"the target keeps refusing ({error.message})", "Run again later.") from error
                self._may_go_on(step, sent_at)
                wait = error.retry_after_s if error.retry_after_s is not None else 1.0
                await self._clock.sleep(min(wait * 1.5 ** (refusals - 1), max(wait, _LONGEST_WAIT_S)))
            except Unclear as error:
                self.troubles += 1
                silent_since = None
                unclear += 1
                step.left = True
                if unclear >= self._attempts:
                    raise Doubtful(
                        f"the target keeps answering unclearly ({error.message})",
                        "Run again later: what is in doubt is asked about first.",
                    ) from error
                if step.alone and sent_at is None:
                    await orphaned()
                sent_at = self._clock.monotonic() if sent_at is None else sent_at

    async def edited(self, unit: UnitKey, receipts: Mapping[str, Receipt]) -> str:
        """What somebody has changed in a unit since we wrote it; asked as patiently as anything is sent.

        Raises:
            Refused, Doubtful, Paused: As `settle`.
        """
        if not isinstance(self._target, CanSpare):
            return ""
        # A PUT that changes nothing: it waits until reads show what we wrote last, and may be said twice.
        operation = Operation(name="look", verb="", effect=Effect.PUT, body={})
        step = Step(op=operation, action="look", digest="", beside=receipts)
        return (await self.settle(unit, step, lambda operation: operation.body, _nothing)).reason

    def _may_go_on(self, step: Step, sent_at: float | None) -> None:
        """A run that is asked to end does not wait for another try of what certainly did not leave."""
        if self.stopping and sent_at is None and not step.doubtful:
            raise Stopped

    async def _act(self, step: Step, call: Call) -> Outcome:
        """Say it; what is changed or taken back is read by the target first, and must be read as it is."""
        if step.action != "send" and step.op.effect is not Effect.FREE:
            await self._caught_up(call)
        outcome = await self._acted(step, call)
        if step.op.effect is not Effect.FREE:
            self._said[call.unit, call.op.name] = self._clock.monotonic()
        return outcome

    async def _caught_up(self, call: Call) -> None:
        """Wait until reads show our own last write: seen without it, our value looks as if somebody had removed it."""
        lag = self._target.capabilities.read_lag_s
        said = self._said.get((call.unit, call.op.name), self._born)  # what an earlier process said, it said before
        await self._clock.sleep(said + lag - self._clock.monotonic())
        if len(self._said) > _REMEMBERED:
            late = self._clock.monotonic() - lag
            self._said = {key: when for key, when in self._said.items() if when > late}

    async def _acted(self, step: Step, call: Call) -> Outcome:
        target = self._target
        if step.action == "look" and isinstance(target, CanSpare):
            return Outcome("done", reason=await target.edited(Kind(call.unit.partition(":")[0]), step.beside))
        if step.action == "undo":
            if step.old is None or step.old.origin is not Origin.CREATED or not isinstance(target, CanUndo):
                return Outcome("gone", step.old)  # only what we made ourselves is ever taken back
            taken = await target.undo(step.op.name, step.op.verb, step.old)
            return Outcome("gone", step.old, "" if taken else "somebody else has worked in it")
        if step.action == "revise" and step.old is not None and isinstance(target, CanRevise):
            return Outcome("done", await target.revise(call, step.old))
        if step.action == "revise" and step.op.effect is Effect.CREATE:
            return Outcome("done", step.old)  # it stands there as it was, and cannot be changed
        (receipt,) = await target.send([call])
        return Outcome("done", receipt)

    async def _doubt(self, unit: UnitKey, step: Step, sent_at: float, fill: Fill) -> Outcome | None:
        """An earlier attempt may have taken effect: wait out its life, then ask, where asking can tell.

        Returns:
            The outcome when nothing is left to do; None: say it (again).
        """
        operation = step.op
        if operation.effect is Effect.FREE or step.alone:
            return None  # waste, or a birth nobody can find, whose possible orphan is counted
        limits = self._target.capabilities
        await self._clock.sleep(sent_at + limits.request_life_s + limits.read_lag_s - self._clock.monotonic())
        if operation.effect is not Effect.CREATE or step.old is not None:
            return None  # a late one has landed by now; saying it again makes ours the last
        found = await self._target.find([Call(unit, operation, fill(operation))])
        receipt = found.get((unit, operation.name))
        ours = receipt is not None and receipt.origin is Origin.CREATED
        if step.action == "undo" and receipt is not None and ours and isinstance(self._target, CanUndo):
            await self._target.undo(operation.name, operation.verb, receipt)
        if step.action in ("undo", "ask") and (receipt is None or step.action == "undo"):
            return Outcome("gone", receipt)
        return Outcome("done", receipt) if receipt is not None else None


async def _nothing() -> None:
    """A look leaves no orphan."""


def _is_clear(step: Step) -> bool:
    """Whether a question was answered "it is not there": of a birth nobody can ask, of what stands there nobody does.

    What may have changed or removed it was only waited for. Until it is said again and answered, it is in doubt.
    """
    return step.op.effect is Effect.FREE or (
        step.op.effect is Effect.CREATE and step.op.marker is not None and step.old is None
    )
