"""Deliver units: by need, in windows, each operation claimed before it leaves and proven after."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from mig.budgets import Budgets
from mig.engine.decide import Decided, Decider
from mig.engine.files import Files
from mig.engine.plan import Step, diff, encode_body, files_in, receipts_in, widened, windows
from mig.engine.protocol import WAITS, Doubtful, Fill, Outcome, Settler, Stopped
from mig.errors import Paused, Postponed, Refused, Rejected
from mig.failpoints import failpoint
from mig.journal import delivery
from mig.journal.delivery import Claim, Settled, Verdict
from mig.journal.store import Journal
from mig.model import Ref
from mig.platforms import Body, Effect, FromReceipt, Operation, Receipt, UnitKey

log = structlog.get_logger("mig.deliver")
_ALL_PHASES = 1_000
_IN_A_ROW = 12
"""Files that may fail one after the other, for want of a network or a store, before the run ends."""
_DOUBTS = 3
"""Operations that may stay in doubt, while nothing else gets an answer, before the run ends."""


class Delivery(Struct, frozen=True):
    """What a unit needs, computed from the journal in one read."""

    decided: Decided
    steps: Sequence[Step]
    known: Mapping[str, delivery.OperationRow]
    waits: bool
    """Operations of later phases are left."""
    carriers: Mapping[Ref, Sequence[str]]
    """The operations that carry a record."""
    due: frozenset[str]
    """The names of the steps."""
    tails: frozenset[str]
    """The names of operations that are said again whenever anything is."""
    drawn: frozenset[Ref]
    """Records that are told anew only because they were told as one with others."""
    version: int
    """The unit's, when this was computed."""


class Deliverer:
    """Delivers units into one target.

    Args:
        journal: Where intent and proof are kept.
        mig: The migration's number.
        run: This run's number: the epoch of its claims.
        decider: Maps and renders.
        settler: The write protocol.
        files: Gives operations the bytes they name.
        budgets: The purse.
        window: Operations claimed together.
        remap: Look at the operations of unchanged records too.
        fetch: Stages records that were looked up and are not there, if the source has them.
    """

    def __init__(
        self,
        journal: Journal,
        mig: int,
        run: int,
        decider: Decider,
        settler: Settler,
        files: Files,
        budgets: Budgets,
        *,
        window: int,
        remap: bool = False,
        fetch: Callable[[Sequence[Ref]], Awaitable[bool]],
    ) -> None:
        self._journal = journal
        self._mig = mig
        self._run = run
        self._decider = decider
        self._settler = settler
        self._files = files
        self._budgets = budgets
        self._window = window
        self._remap = remap
        self._under_way: dict[UnitKey, asyncio.Future[None]] = {}
        self._waiting: dict[UnitKey, UnitKey] = {}
        self._fetch = fetch
        self._draining = False
        self.waiting_phases = 0
        """The latest phase an operation was seen to wait for."""
        self.sent: Counter[str] = Counter()
        """Operations sent by this run, by the kind of their unit."""
        self.postponed = 0
        """Operations that a network or a store kept from being done."""
        self.trouble: Refused | None = None
        """Why no further unit is to be begun: too many of those in a row."""
        self._in_a_row = 0
        self._doubted: dict[UnitKey, Doubtful] = {}
        """Units with an operation that got no clear answer in this run: asked once is enough."""
        self._doubts, self._sent_then = 0, 0
        """Doubts in a row, and what was sent before the last of them."""
        self.units: Counter[str] = Counter()
        """Units something was sent for."""

    @property
    def stopping(self) -> bool:
        """Whether no further unit is begun."""
        return self._draining or self._settler.stopping

    def stop(self) -> None:
        """Leave after the window that is under way."""
        self._settler.stopping = True

    def drain(self) -> None:
        """Begin no further unit; those under way have their whole cost set aside, and are told to their end."""
        self._draining = True

    def doubt(self, error: Doubtful) -> None:
        """A unit waits because its operation is in doubt, or what it needs is.

        Raises:
            Doubtful: Too many one after the other: it is the target's fault, not theirs.
        """
        if self._doubts >= _DOUBTS:
            raise error

    def conclude(self) -> None:
        """Everything was tried.

        Raises:
            Doubtful: Something is in doubt, and nothing got an answer: it is the target's fault, too.
        """
        if self._doubted and not self.sent:
            raise next(iter(self._doubted.values()))

    async def ensure(self, key: UnitKey, phase: int = 0, above: tuple[UnitKey, ...] = ()) -> None:
        """Deliver a unit, once, however many lanes ask for it.

        Args:
            key: Which.
            phase: Operations of later phases wait.
            above: The units that need this one; one of them again would be a circle, and is left out.

        Raises:
            Refused, Paused: The run ends; everything claimed is settled or stays in doubt.
            Doubtful: Only this unit waits, unless `doubt` says otherwise.
            Stopped: The run is asked to end.
        """
        state: tuple[bool, str | None] | None = None
        while True:
            running = self._under_way.get(key)
            if running is None:
                state = await self._journal.read(lambda c: delivery.unit_state(c, self._mig, key))
                if key not in self._under_way:
                    break
            elif self._circular(key, above):
                return
            else:
                if above:
                    self._waiting[above[-1]] = key
                await asyncio.shield(running)
        if state is None or not state[0]:
            return
        if key in self._doubted:
            raise self._doubted[key]
        future = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            await self._deliver(key, state[1], phase, above)
        finally:
            del self._under_way[key]
            self._waiting.pop(key, None)
            future.set_result(None)

    async def foresee(self, key: UnitKey) -> Delivery:
        """What a unit needs, in all phases; nothing is sent and nothing is written but what was looked up."""
        state = await self._journal.read(lambda c: delivery.unit_state(c, self._mig, key))
        looked = state[1] if state else None
        plan = await self._journal.read(lambda c: self._plan(c, key, looked, _ALL_PHASES))
        if plan.decided.absent and await self._fetch(sorted(plan.decided.absent)):
            plan = await self._journal.read(lambda c: self._plan(c, key, looked, _ALL_PHASES))
        return plan

    def _circular(self, key: UnitKey, above: tuple[UnitKey, ...]) -> bool:
        """Whether the unit under way waits, directly or through others, for one that waits for it."""
        seen: set[UnitKey] = set()
        while key not in seen:
            if key in above:
                return True
            seen.add(key)
            key = self._waiting.get(key, key)
        return False

    async def _deliver(self, key: UnitKey, looked: str | None, phase: int, above: tuple[UnitKey, ...]) -> None:
        plan, results = await self._round(key, looked, phase, above)
        while any(step.action == "ask" for step in plan.steps):
            # What was in doubt with older content is settled now; the next round sends what changed since.
            plan, results = await self._round(key, looked, phase, above)
        verdicts = [self._verdict(plan, ref, results) for ref in plan.decided.verdicts]
        # What failed is tried again in every run: the cause may have been mended on either side.
        later = any(outcome.state in WAITS for outcome in results.values())
        clean = not plan.waits and not later and all(verdict.state != "failed" for verdict in verdicts)

        def finish(connection: Connection) -> None:
            delivery.save_verdicts(connection, self._mig, verdicts, self._run)
            delivery.finish_unit(
                connection,
                self._mig,
                key,
                looked=plan.decided.looked,
                asked=plan.decided.asked,
                clean=clean,
                version=plan.version,
            )

        await self._journal.write(finish)

    async def _round(
        self, key: UnitKey, looked: str | None, phase: int, above: tuple[UnitKey, ...]
    ) -> tuple[Delivery, dict[str, Outcome]]:
        plan = await self._journal.read(lambda c: self._plan(c, key, looked, phase))
        if (absent := plan.decided.absent) and await self._fetch(sorted(absent)):
            plan = await self._journal.read(lambda c: self._plan(c, key, looked, phase))
            # Whoever hands out units may be past the places of these: they would wait for the next run.
            await self._ensure_homes(absent - plan.decided.absent, phase, (*above, key))
        results: dict[str, Outcome] = {}
        if plan.steps:
            self.units[key.partition(":")[0]] += 1
            await self._needed(plan, phase, (*above, key))
            with self._budgets.reserve(cost_of(plan.steps, spare=True)):
                for window in windows(plan.steps, self._window):
                    if self._settler.stopping:
                        await self._leave(plan, results)
                    try:
                        await self._send(plan, window, results)
                    except Doubtful as error:
                        await self._left_in_doubt(plan, results, error)
                        raise
        return plan, results

    async def _left_in_doubt(self, plan: Delivery, results: dict[str, Outcome], error: Doubtful) -> None:
        """An operation gets no clear answer: the unit's tails are said, or what stands of it would wait unread."""
        total = self.sent.total()
        self._doubts = self._doubts + 1 if total == self._sent_then else 1
        self._sent_then = total
        self._doubted[plan.decided.key] = error
        self.postponed += 1
        log.warning("unit.doubtful", unit=plan.decided.key, why=error.message)
        stands = results or any(row.receipt is not None for row in plan.known.values())
        tails = [step for step in plan.steps if step.op.tail and step.op.name not in results and not step.left]
        if stands and tails:
            await self._send(plan, tails, results)

    async def _leave(self, plan: Delivery, results: dict[str, Outcome]) -> None:
        """The run is asked to end inside a unit: its tails are said first, or its messages would wait unread.

        Raises:
            Stopped: Always.
        """
        tails = [step for step in plan.steps if step.op.tail and step.op.name not in results]
        if results and tails:
            await self._send(plan, tails, results)
        raise Stopped

    def _plan(self, connection: Connection, key: UnitKey, looked: str | None, phase: int) -> Delivery:
        version = delivery.unit_version(connection, self._mig, key)
        decided = self._decider.decide(connection, self._mig, key, looked)
        known = delivery.operations(connection, self._mig, key)
        drawn = widened(decided, known) - decided.changed
        decided.changed |= drawn
        carried = {ref for row in known.values() for ref in row.carries} - set(decided.verdicts)
        moved = delivery.moved_away(connection, self._mig, sorted(carried), key)
        steps = diff(decided, known, moved=moved, phase=phase, everything=self._remap)
        last = max((operation.phase for operation in decided.operations), default=0)
        self.waiting_phases = max(self.waiting_phases, last)
        # A changed record whose operation waits for a later phase is not done in this one: it would be unchanged then.
        due = steps if last <= phase else diff(decided, known, moved=moved, phase=last, everything=self._remap)
        tails = frozenset(operation.name for operation in decided.operations if operation.tail)
        carriers: dict[Ref, list[str]] = {}
        for operation in decided.operations:
            for ref in operation.carries:
                carriers.setdefault(ref, []).append(operation.name)
        return Delivery(
            decided,
            steps,
            known,
            last > phase,
            carriers,
            frozenset(step.op.name for step in due),
            tails,
            frozenset(drawn),
            version,
        )

    async def _needed(self, plan: Delivery, phase: int, above: tuple[UnitKey, ...]) -> None:
        """Deliver first what this unit points to."""
        refs = {ref for step in plan.steps for ref in step.op.after}
        refs |= {hole.of for step in plan.steps for hole in receipts_in(step.op.body) if hole.of is not None}
        await self._ensure_homes(refs, phase, above)

    async def _ensure_homes(self, refs: Set[Ref], phase: int, above: tuple[UnitKey, ...]) -> None:
        for ref in sorted(refs):
            home = await self._home(ref)
            if home is not None:
                await self.ensure(home, phase, above)

    async def _home(self, ref: Ref) -> UnitKey | None:
        return await self._journal.read(lambda c: delivery.unit_of(c, self._mig, ref))

    async def _send(self, plan: Delivery, window: Sequence[Step], results: dict[str, Outcome]) -> None:
        """Claim a window, settle each of its steps in order, write the proof."""
        key = plan.decided.key
        foreign = await self._foreign(window)
        claims = {step.op.name: _claim(step) for step in window}
        used = self._budgets.unsaved()
        said = [step.op.name for step in plan.steps if step.op.tail and step.op.name in results]

        def say(connection: Connection) -> None:
            if not results:  # what is drawn in must be known to a run that goes on with the rest
                delivery.unsettle(connection, self._mig, plan.drawn)
            delivery.claim(connection, self._mig, key, list(claims.values()), self._run, said=said)
            delivery.save_budgets(connection, used)

        await self._journal.write(say)
        settled: list[Settled] = []
        try:
            for step in window:
                settled.append(Settled(step.op.name, "sending"))  # in doubt until an outcome says otherwise
                failpoint("operation.before")
                try:
                    outcome = await self._one(plan, step, results, foreign)
                except (Paused, Refused, Stopped):
                    if not step.left:  # it certainly did not leave
                        settled[-1] = Settled(step.op.name, "released")
                    raise
                results[step.op.name] = outcome
                state = "released" if outcome.state in ("later", "absent") else outcome.state
                settled[-1] = Settled(step.op.name, state, outcome.receipt, step.digest)
        finally:
            reached = {item.name for item in settled}
            settled += [Settled(step.op.name, "released") for step in window if step.op.name not in reached]
            verdicts = self._proven(plan, window, results)
            await asyncio.shield(self._prove(key, claims, settled, verdicts))

    async def _prove(
        self, key: UnitKey, claims: Mapping[str, Claim], settled: Sequence[Settled], verdicts: Sequence[Verdict]
    ) -> None:
        used = self._budgets.unsaved()

        def prove(connection: Connection) -> None:
            delivery.settle(connection, self._mig, key, claims, settled)
            delivery.save_verdicts(connection, self._mig, verdicts, self._run)
            delivery.save_budgets(connection, used)

        await self._journal.write(prove)

    async def _one(
        self,
        plan: Delivery,
        step: Step,
        results: Mapping[str, Outcome],
        foreign: Mapping[FromReceipt, Receipt | None],
    ) -> Outcome:
        more = 0

        async def orphaned() -> None:
            nonlocal more
            more += 1
            claim = _claim(step, more)
            await self._journal.write(lambda c: delivery.claim(c, self._mig, plan.decided.key, [claim], self._run))

        fill = self._filler(plan, results, foreign)
        try:
            if files_in(step.op.body) and step.action in ("send", "revise"):
                if self.trouble is not None:
                    raise Postponed(self.trouble.message, self.trouble.hint)  # without trying: it would take minutes
                outcome = await self._files.settle(
                    step, fill, lambda: self._settler.settle(plan.decided.key, step, fill, orphaned)
                )
                self._in_a_row = 0
            else:
                outcome = await self._settler.settle(plan.decided.key, step, fill, orphaned)
        except Postponed as error:
            return self._later(plan.decided.key, step, error)
        self.sent[plan.decided.key.partition(":")[0]] += 1
        return outcome

    def _later(self, key: UnitKey, step: Step, error: Postponed) -> Outcome:
        """What could not be done now; after many in a row nothing more is begun, or a dead store would take days."""
        self.postponed += 1
        self._in_a_row += bool(files_in(step.op.body))
        log.warning("operation.postponed", unit=key, operation=step.op.name, why=error.message)
        if self._in_a_row >= _IN_A_ROW and self.trouble is None:
            self.trouble = Refused(
                f"files cannot be moved now: {error.message}, {self._in_a_row} times in a row",
                "Run again later: what waits is tried again. Nothing of it is lost, and the rest stands as it is.",
            )
        why = f"{error.message}. {error.hint}".strip()
        return Outcome("due", error.receipt, why) if error.receipt else Outcome("later", step.old, why)

    def _filler(
        self, plan: Delivery, results: Mapping[str, Outcome], foreign: Mapping[FromReceipt, Receipt | None]
    ) -> Fill:
        def value(hole: FromReceipt) -> str | None:
            receipt = foreign[hole] if hole.of is not None else _own(plan, results, hole.op)
            answer = receipt.values.get(hole.value, hole.default) if receipt is not None else hole.default
            if answer is None and hole.required:
                what = f"{hole.op} of {hole.of}" if hole.of else hole.op
                reason = results[hole.op].reason if hole.op in results else ""
                if hole.op in results and results[hole.op].state == "later":
                    raise Postponed(reason)
                raise Rejected(f"it needs the answer of {what}", reason)
            return answer

        def fill(operation: Operation) -> Body:
            filled = _filled(operation.body, value)
            assert isinstance(filled, dict)
            return filled

        return fill

    async def _foreign(self, window: Sequence[Step]) -> dict[FromReceipt, Receipt | None]:
        """The receipts of other units that this window's bodies wait for."""
        wanted = {hole for step in window for hole in receipts_in(step.op.body) if hole.of is not None}

        def read(connection: Connection) -> dict[FromReceipt, Receipt | None]:
            found: dict[FromReceipt, Receipt | None] = {}
            for hole in wanted:
                assert hole.of is not None
                if not hole.op:
                    found[hole] = Receipt({"fate": delivery.fate_of(connection, self._mig, hole.of)})
                    continue
                home = delivery.unit_of(connection, self._mig, hole.of)
                found[hole] = delivery.receipt_of(connection, self._mig, home, hole.op) if home else None
            return found

        return await self._journal.read(read) if wanted else {}

    def _proven(self, plan: Delivery, window: Sequence[Step], results: Mapping[str, Outcome]) -> list[Verdict]:
        """Records of this window that need nothing more."""
        refs = {ref for step in window for ref in step.op.carries if ref in plan.decided.verdicts}
        return [self._verdict(plan, ref, results) for ref in sorted(refs) if _complete(plan, ref, results)]

    def _verdict(self, plan: Delivery, ref: Ref, results: Mapping[str, Outcome]) -> Verdict:
        """A record's verdict after what was sent for it."""
        verdict = plan.decided.verdicts[ref]
        mine = [*plan.carriers.get(ref, ()), *_taken_back(plan, ref)]
        waits = [results[name].reason for name in mine if name in results and results[name].state in WAITS]
        if verdict.fate != "load" or verdict.state == "failed":
            # A file that is archived leaves a word in its place, which may still have to be said.
            return msgspec.structs.replace(verdict, state="staged") if waits and verdict.state == "done" else verdict
        failed = [results[name].reason for name in mine if name in results and results[name].state == "failed"]
        if failed:
            return msgspec.structs.replace(verdict, state="failed", reason=failed[0])
        if not plan.carriers.get(ref) or not _complete(plan, ref, results):
            return msgspec.structs.replace(verdict, reason=waits[0]) if waits else verdict
        declined = _declined(plan, mine, results)
        if declined:
            return msgspec.structs.replace(verdict, fate="archive", state="done", reason=declined)
        # What is said again for its neighbours' sake (a tail) counts only for a record that changed itself.
        said = mine if ref in plan.decided.changed else [name for name in mine if name not in plan.tails]
        written = any(_wrote(results.get(name)) for name in said)
        return msgspec.structs.replace(verdict, state="done", written=written)


def _complete(plan: Delivery, ref: Ref, results: Mapping[str, Outcome]) -> bool:
    for name in plan.carriers.get(ref, ()):
        outcome, row = results.get(name), plan.known.get(name)
        if outcome is not None:
            done = outcome.state == "done"
        elif row is None or row.state == "gone":
            # Of what did not change nothing is sent that a setting would make of it now: what stands is its proof.
            done = name not in plan.due and ref not in plan.decided.changed
        else:
            done = name not in plan.due and row.state in ("done", "due")
        if not done:
            return False
    # What stood in its place must be gone: proven before, nobody would take it back any more.
    return all(name in results and results[name].state in ("gone", "done") for name in _taken_back(plan, ref))


def _taken_back(plan: Delivery, ref: Ref) -> list[str]:
    return [step.op.name for step in plan.steps if step.action == "undo" and ref in step.op.carries]


def _declined(plan: Delivery, names: Sequence[str], results: Mapping[str, Outcome]) -> str:
    """Why the target does not take what these operations carry; empty: it took it."""
    receipts = (_own(plan, results, name) for name in names)
    return next((receipt.declined for receipt in receipts if receipt is not None and receipt.declined), "")


def _wrote(outcome: Outcome | None) -> bool:
    return outcome is not None and (outcome.receipt is None or not outcome.receipt.unchanged)


def _own(plan: Delivery, results: Mapping[str, Outcome], name: str) -> Receipt | None:
    if name in results:
        return results[name].receipt if results[name].state in ("done", "due") else None
    row = plan.known.get(name)
    return row.receipt if row is not None and row.state in ("done", "due") else None


def _claim(step: Step, more: int = 0) -> Claim:
    """What the journal says before a step leaves; `more`: births sent anew since the first claim."""
    op, before = step.op, step.before
    orphans = before.orphans if before else 0
    return Claim(
        name=op.name,
        verb=op.verb,
        effect=op.effect,
        digest=step.digest,
        marker=op.marker,
        carries=op.carries,
        tail=op.tail,
        body=encode_body(op.body) if op.effect is Effect.CREATE and op.marker else b"",
        orphans=orphans + more + (1 if step.alone and step.doubtful else 0),
        before=before,
    )


def cost_of(steps: Sequence[Step], *, spare: bool = False) -> dict[str, int]:
    """What steps cost, per budget; `spare`: with room for uploads that must be asked for again."""
    cost: Counter[str] = Counter()
    for step in steps:
        # A revision reads, writes, and at worst writes again; what is in doubt is asked about.
        times = 3 if step.action == "revise" else 2 if step.doubtful else 1
        if spare and step.op.effect is Effect.FREE:
            times += 2
        for name, count in step.op.cost:
            cost[name] += count * times
    return dict(cost)


def _filled(value: object, fill: Callable[[FromReceipt], str | None]) -> object:
    if isinstance(value, FromReceipt):
        return fill(value)
    if isinstance(value, Mapping):
        return {key: _filled(item, fill) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, fill) for item in value]
    return value
