"""Rebuild a lost journal: a run that looks at the target for the effect of each operation, and sends nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

import msgspec

from mig.clock import Clock
from mig.engine.deliver import Deliverer, Delivery
from mig.engine.plan import Step
from mig.engine.protocol import Outcome, Settler
from mig.errors import NotApplied, Postponed, RecordError, Refused, Rejected, Unclear, Usage
from mig.journal import adoption
from mig.journal.store import Journal
from mig.model import Kind, Record, Ref
from mig.platforms import (
    Adopted,
    Body,
    Call,
    CanAdopt,
    CanProve,
    Capabilities,
    FromReceipt,
    Lookup,
    Operation,
    Place,
    Present,
    Receipt,
    Rendered,
    Target,
    Unit,
    UnitKey,
)

MISSING = "it is not on the target: the next run sends it"
DIFFERS = "it stands on the target otherwise than it is wanted: the next run brings it up to date"
SURPLUS = "it stands on the target and is not wanted any more: the next run takes it back"
_TRIES = 8
_LONGEST_WAIT_S = 30.0


class Absent(Postponed):
    """The effect of an operation is not there: nothing is wrong, and the next run sends it."""


class Places:
    """Where the units stand on the target, by the marks found there; on disk, and gone when it is closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a private file without a name
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE place (number INTEGER PRIMARY KEY, kind TEXT, id TEXT, at TEXT, UNIQUE (kind, id, at));"
        )

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    async def fill(
        self, proving: CanProve, clock: Clock, stopping: Callable[[], bool], told: Callable[[str, int], None]
    ) -> None:
        """Walk everything that stands there.

        Args:
            proving: The target.
            clock: Between attempts.
            stopping: Whether to end after a page.
            told: Told of every page: the kind, and how many rows it had.

        Raises:
            Refused, Paused: Nothing more can be read.
        """
        for kind in proving.stands:
            checkpoint: bytes | None = None
            troubles, over = 0, False
            while not over:
                try:
                    async for page in proving.walk(kind, checkpoint):
                        self._add(page.rows)
                        told(f"{kind} there", len(page.rows))
                        checkpoint, troubles = page.checkpoint, 0
                        if stopping():
                            return
                    over = True
                except (Unclear, NotApplied) as error:
                    troubles += 1
                    if troubles > _TRIES:
                        raise Refused(
                            f"the target does not answer: {error.message}", "Adopt again: it goes on from here."
                        ) from error
                    wait = error.retry_after_s if isinstance(error, NotApplied) else None
                    await clock.sleep(wait if wait is not None else min(0.5 * 2**troubles, _LONGEST_WAIT_S))

    def find(self, roots: Sequence[Ref]) -> list[str]:
        """The target's ids of what bears the mark of one of these, each once."""
        found: dict[str, None] = {}
        for ref in roots:
            rows = self._db.execute(
                "SELECT at FROM place WHERE kind = ? AND id = ? ORDER BY number", (ref.kind, ref.id)
            )
            found.update((str(at), None) for (at,) in rows)
        return list(found)

    def _add(self, rows: Sequence[Present]) -> None:
        marks = [(ref.kind, ref.id, row.target_id) for row in rows for ref in row.sources]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO place (kind, id, at) VALUES (?, ?, ?)", marks)
        self._db.execute("COMMIT")


class AdoptingTarget:
    """A target to which nothing is written: it tells what an operation would find done.

    Args:
        inner: The real one.
        name: Its platform's.
        origin: Stands in every mark of ours.

    Raises:
        Usage: The target cannot tell.
    """

    def __init__(self, inner: Target, name: str, origin: str) -> None:
        if not isinstance(inner, CanAdopt) or not isinstance(inner, CanProve):
            raise Usage(
                f"the target {name} cannot tell by its marks what was moved there",
                "Only a backup of the journal helps; a run with a new one would move everything again.",
            )
        self._inner: Target = inner
        self._adopts: CanAdopt = inner
        self._origin = origin
        self.proving: CanProve = inner
        self.places = Places()
        self.others = 0
        """Things that bear a mark of birth which another one bears too."""
        self._under_way: dict[UnitKey, list[str]] = {}

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(self._inner.capabilities, read_lag_s=0.0, request_life_s=0.0)  # nothing is sent

    async def identity(self) -> str:
        return await self._inner.identity()

    async def prepare(self) -> None:
        return

    def place(self, record: Record) -> Place:
        return self._inner.place(record)

    def render(self, unit: Unit, look: Lookup) -> Rendered:
        """As it is; a look costs a few requests for a whole unit, which nothing is set aside for."""
        rendered = self._inner.render(unit, look)
        operations = [msgspec.structs.replace(operation, cost=()) for operation in rendered.operations]
        return msgspec.structs.replace(rendered, operations=operations)

    async def send(self, calls: Sequence[Call]) -> Sequence[Receipt]:
        raise Refused("nothing is written while a journal is rebuilt", "This is a fault of mig: please report it.")

    async def find(self, calls: Sequence[Call]) -> Mapping[tuple[UnitKey, str], Receipt]:
        return {}

    def where(self, receipts: Mapping[str, Receipt]) -> str:
        return self._inner.where(receipts)

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        return await self._inner.read(kind, target_id)

    def begin(self, key: UnitKey, refs: Sequence[Ref]) -> None:
        """From now on this unit is looked for where its roots' marks were found."""
        stands = set(self.proving.stands)
        self._under_way[key] = self.places.find([ref for ref in refs if ref.kind in stands])

    def begin_at(self, key: UnitKey, at: str) -> None:
        """Likewise, where it is known to have stood; empty: nowhere."""
        self._under_way[key] = [at] if at else []

    def end(self, key: UnitKey) -> None:
        """It was looked at."""
        self._under_way.pop(key, None)

    async def look(self, call: Call) -> Adopted:
        """What an operation would find done.

        Raises:
            Absent: Its effect is not there.
            NotApplied: No clear answer; to look again does no harm.
            Refused: It cannot be told; taken for absent it would be sent a second time.
        """
        try:
            found = await self._adopts.adopt(call, self._origin, self._under_way.get(call.unit, ()))
        except Unclear as error:
            raise NotApplied(error.message) from error
        except RecordError as error:
            raise Refused(
                f"what stands on the target for {call.op.name} of {call.unit} cannot be read: {error.message}",
                "Adopt again later; no run begins before it is known.",
            ) from error
        if found is None:
            raise Absent(MISSING)
        self.others += found.others
        return found


class Adopter(Settler):
    """The write protocol with its heart taken out: where it would send, it looks.

    Args:
        target: Where.
        clock: Between attempts.
        born: When this process began (monotonic).
        attempts: As of a Settler.
        patience_s: How long the target may be unreachable before the run ends.
    """

    def __init__(self, target: AdoptingTarget, clock: Clock, *, born: float, attempts: int, patience_s: float) -> None:
        super().__init__(target, clock, born=born, attempts=attempts, patience_s=patience_s)
        self.adopting = target

    async def _acted(self, step: Step, call: Call) -> Outcome:
        if step.action == "undo":
            raise Absent(SURPLUS)
        found = await self.adopting.look(call)
        return Outcome("done" if found.same else "due", found.receipt, "" if found.same else DIFFERS)


class AdoptingDeliverer(Deliverer):
    """Goes through units as a run does, and says of each operation what it would have found done."""

    @property
    def _adopting(self) -> AdoptingTarget:
        assert isinstance(self._settler, Adopter), "it has the settler of an adoption"
        return self._settler.adopting

    async def _send(self, plan: Delivery, window: Sequence[Step], results: dict[str, Outcome]) -> None:
        key = plan.decided.key
        self._adopting.begin(key, list(plan.decided.verdicts))
        try:
            await super()._send(plan, window, results)
        finally:
            self._adopting.end(key)

    async def _one(
        self,
        plan: Delivery,
        step: Step,
        results: Mapping[str, Outcome],
        foreign: Mapping[FromReceipt, Receipt | None],
    ) -> Outcome:
        """No bytes of files are fetched; what needs the answer of something absent is absent itself."""
        answers = self._filler(plan, results, foreign)

        def fill(operation: Operation) -> Body:
            try:
                return answers(operation)
            except (Postponed, Rejected) as error:
                raise Absent(MISSING) from error

        try:
            outcome = await self._settler.settle(plan.decided.key, step, fill, _no_orphan)
        except Absent as error:
            return Outcome("absent", step.old, error.message)
        self.sent[plan.decided.key.partition(":")[0]] += 1
        return outcome


async def _no_orphan() -> None:
    """Nothing was born."""


async def begin_adopting(journal: Journal, mig: int, target: Target, name: str, origin: str) -> AdoptingTarget:
    """A view of the target that is not written to, for a journal that is lost; what an earlier try left open is closed.

    Raises:
        Usage: The journal is not a lost one, or the target cannot tell what stands there.
    """
    if await journal.read(lambda c: adoption.knows_more(c, mig)):
        raise Usage(
            "this journal knows this migration already, and more of it than the target can tell",
            "`mig adopt` is for a lost one: name another journal with --state, or go on with `mig run`.",
        )
    found = AdoptingTarget(target, name, origin)
    await journal.write(lambda c: adoption.forget_unsettled(c, mig))
    return found


async def refuse_half_rebuilt(journal: Journal, mig: int) -> None:
    """No run begins in a journal that does not know yet what stands on the target.

    Raises:
        Refused: An adoption was begun and has not come to its end.
    """
    if await journal.read(lambda c: adoption.is_unfinished(c, mig)):
        raise Refused(
            "this journal is being rebuilt and not whole yet: it does not know all that stands on the target",
            "Finish it with `mig adopt`; then run again.",
        )
