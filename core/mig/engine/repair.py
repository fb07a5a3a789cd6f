"""Bring what an audit found wrong back to what the source says: look at each unit again, then deliver it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import Connection

from mig.engine.adopt import Absent, Adopter
from mig.engine.deliver import Deliverer
from mig.engine.plan import Step, operation_digest
from mig.errors import Postponed, Rejected
from mig.journal import repairing
from mig.journal.delivery import OperationRow
from mig.model import Ref
from mig.platforms import Body, Effect, Operation, Receipt, UnitKey

log = structlog.get_logger("mig.repair")


class Repair(Struct, frozen=True):
    """What a repair is about."""

    units: frozenset[str]
    """Looked at again, operation by operation."""
    refs: frozenset[Ref] = frozenset()
    """Records no run has read: asked for by id."""
    files: frozenset[Ref] = frozenset()
    """Attachments whose bytes are wrong: they are uploaded again."""
    roots: frozenset[str] = frozenset()
    """Units whose root itself is wrong: what is said of it as a whole (state, subject, data) is said again."""


class RepairingDeliverer(Deliverer):
    """Delivers as a run does; before a unit of the repair it corrects what the journal believes of it.

    What an operation should have done and does not stand there is forgotten, and so said again. What stands there
    otherwise is kept, but due: it is brought up to date, over whatever it says now.
    """

    adopter: Adopter
    """Tells what an operation would find done."""
    repair: Repair

    async def _deliver(self, key: UnitKey, looked: str | None, phase: int, above: tuple[UnitKey, ...]) -> None:
        if key in self.repair.units and phase == 0:
            await self._look_again(key, looked)
        await super()._deliver(key, looked, phase, above)

    async def _look_again(self, key: UnitKey, looked: str | None) -> None:
        """All of a unit's operations in one transaction: the journal is right before it and after it."""
        plan = await self._journal.read(lambda c: self._plan(c, key, looked, 1_000))
        known = plan.known
        said = [op for op in plan.decided.operations if op.name in known and known[op.name].state in ("done", "due")]
        again = [op.name for op in said if op.effect is Effect.PUT and key in self.repair.roots]
        wanted = [op for op in said if op.name not in again]
        receipts = {name: row.receipt for name, row in known.items() if row.receipt is not None}
        adopting = self.adopter.adopting
        adopting.begin_at(key, adopting.where(receipts))
        gone: list[str] = []
        due: dict[str, Receipt] = {}
        try:
            steps = [_step(op, known[op.name]) for op in wanted]
            answers = self._filler(plan, {}, await self._foreign(steps))

            def fill(operation: Operation) -> Body:
                try:
                    return answers(operation)
                except (Postponed, Rejected) as error:
                    raise Absent(error.message) from error

            for step in steps:
                if step.old is not None and step.old.declined:
                    continue
                try:
                    outcome = await self.adopter.settle(key, step, fill, _no_orphan)
                except Absent:
                    gone.append(step.op.name)
                    continue
                if outcome.state == "due" and outcome.receipt is not None:
                    due[step.op.name] = outcome.receipt
        finally:
            self.adopter.adopting.end(key)
        # A file that is said again is uploaded again: the address of the old one may be gone with it.
        carried = {ref for name in gone for ref in known[name].carries}
        gone += [
            name
            for name, row in known.items()
            if row.effect == Effect.FREE
            and (carried | self.repair.files).intersection(row.carries)
            and name not in gone
        ]
        uploads = [receipts[name] for name in gone if name in receipts and known[name].effect == Effect.FREE]
        log.info("unit.looked_again", unit=key, gone=len(gone), differs=len(due), again=len(again))

        def correct(connection: Connection) -> None:
            repairing.forget(connection, self._mig, key, gone, {ref for name in gone for ref in known[name].carries})
            repairing.forget_answers(connection, self._mig, uploads)
            repairing.make_due(connection, self._mig, key, due)
            repairing.say_again(connection, self._mig, key, again)

        await self._journal.write(correct)


async def _no_orphan() -> None:
    """Nothing was born."""


def _step(operation: Operation, row: OperationRow) -> Step:
    digest = operation_digest(operation)
    return Step(op=operation, action="ask", digest=digest, before=row, old=row.receipt)


def read_plan(lines: Sequence[bytes]) -> tuple[Mapping[str, str], Repair]:
    """Read a plan of repair, as `mig verify --plan-repair` wrote it.

    Returns:
        The migration it is of (`source`, `target`), and what is to be done.

    Raises:
        ValueError: It is no such plan.
    """
    head, *rows = (msgspec.json.decode(line) for line in lines if line.strip())
    if not isinstance(head, dict) or head.get("plan") != "mig repair 1":
        raise ValueError("it does not begin like one")
    again = [row for row in rows if row["do"] == "deliver"]
    units = frozenset(str(row["unit"]) for row in again)
    roots = frozenset(str(row["unit"]) for row in again if str(row["unit"]).startswith(f"{row['kind']}:"))
    refs = frozenset(Ref(row["kind"], str(row["source_id"])) for row in rows if row["do"] == "read")
    files = frozenset(Ref(row["kind"], str(row["source_id"])) for row in again if row["field"] == "bytes")
    return {"source": str(head["source"]), "target": str(head["target"])}, Repair(units, refs, files, roots)
