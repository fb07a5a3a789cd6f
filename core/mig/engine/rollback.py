"""`mig rollback`: the same protocol with nothing wanted; only what carries our own birth is taken back."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from msgspec import Struct, field

from mig.clock import Clock
from mig.engine.plan import Step, as_sent
from mig.engine.protocol import Outcome, Settler
from mig.errors import Refused
from mig.journal import counts, delivery, undoing
from mig.journal.delivery import OperationRow
from mig.journal.store import Journal
from mig.model import CATEGORY
from mig.platforms import CanUndo, Effect, Operation, Origin, Target, UnitKey
from mig.settings import EngineSettings

_PAGE = 200


class Left(Struct, frozen=True):
    """A unit of which something still stands."""

    unit: UnitKey
    why: str


class RolledBack(Struct):
    """What a rollback did."""

    units: int = 0
    """Units of which nothing of ours stands any more."""
    removed: int = 0
    """Requests that removed something, or found it gone."""
    left: list[Left] = field(default_factory=list)
    """Units in which somebody else has worked, that were not ours, or whose removal the target refuses."""
    orphans: int = 0
    """Empty, invisible leftovers of unclear births, which nobody can find by an id."""

    def add(self, other: RolledBack) -> None:
        """Another rollback to this one."""
        self.units += other.units
        self.removed += other.removed
        self.left += other.left
        self.orphans += other.orphans


class Rollback:
    """Takes back what one migration created.

    Args:
        journal: Knows it.
        mig: The migration's number.
        target: Where it stands.
        clock: For the write protocol.
        settings: Its patience.
    """

    def __init__(self, journal: Journal, mig: int, target: Target, clock: Clock, settings: EngineSettings) -> None:
        self._journal = journal
        self._mig = mig
        self._target = target
        self._clock = clock
        self._settler = Settler(
            target,
            clock,
            born=clock.monotonic(),
            attempts=settings.attempts,
            patience_s=settings.patience_s,
        )

    async def run(self) -> RolledBack:
        """Every unit, threads before the people they are bound to.

        Until it has come to its end, no run begins: between a removal and the journal's word of it there is a moment
        in which the journal is wrong.

        Raises:
            Refused: The target cannot undo, or does not let us.
            Paused: A quota is used up; run it again later.
        """
        if not isinstance(self._target, CanUndo):
            raise Refused("this target cannot take anything back", "Remove it by hand; `mig status --json` lists it.")
        number = await self._journal.write(
            lambda c: counts.begin_run(
                c,
                self._mig,
                now=self._now(),
                host=socket.gethostname(),
                pid=os.getpid(),
                status=counts.ROLLING_BACK,
            )
        )
        found = RolledBack()
        for threads in (True, False):
            after = ""
            while keys := await self._page(after, threads=threads):
                for key in keys:
                    await self._unit(UnitKey(key), found)
                after = keys[-1]
        await self._again(found)
        await self._journal.write(
            lambda c: counts.end_run(c, number, now=self._now(), status="rolled back", report="{}")
        )
        return found

    async def _again(self, found: RolledBack) -> None:
        """Shelves that were left because of the shelves on them, as long as those go: keys tell no depth."""
        before = -1
        while found.units > before:
            before, left = found.units, found.left
            found.left = [one for one in left if not _is_shelf(one.unit)]
            for one in left:
                if _is_shelf(one.unit):
                    await self._unit(one.unit, found)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")

    async def _page(self, after: str, *, threads: bool) -> list[str]:
        return await self._journal.read(lambda c: undoing.units(c, self._mig, after, _PAGE, threads=threads))

    async def _unit(self, key: UnitKey, found: RolledBack) -> None:
        rows = await self._journal.read(lambda c: delivery.operations(c, self._mig, key))
        found.orphans += sum(row.orphans + (1 if _is_lost(row) else 0) for row in rows.values())
        births = [row for row in rows.values() if _is_birth(row)]
        made = [row for row in rows.values() if row.effect == Effect.CREATE and row.marker is not None]
        there = [
            row for row in reversed(made) if row.state == "sending" or (row.receipt is not None and row.state != "gone")
        ]
        settled = {row.name: row.receipt for row in rows.values() if row.receipt and row.state in ("done", "due")}
        why = await self._settler.edited(key, settled) if births or there else ""
        whys = [why] if why else []
        gone: list[OperationRow] = []
        for row in () if why else births or there:  # what a birth holds goes with it; the rest piece by piece
            outcome = await self._undo(key, row)
            if outcome.reason:
                whys.append(outcome.reason)
            else:
                gone.append(row)
        found.removed += len(gone)
        if not whys:
            found.units += 1
            await self._journal.write(lambda c: undoing.forget(c, self._mig, key))
            return
        found.left.append(Left(key, "; ".join(dict.fromkeys(whys))))
        names, refs = [row.name for row in gone], {ref for row in gone for ref in row.carries}
        await self._journal.write(lambda c: undoing.forget_some(c, self._mig, key, names, refs))

    async def _undo(self, key: UnitKey, row: OperationRow) -> Outcome:
        step = Step(
            op=as_sent(row),
            action="undo",
            digest=row.digest,
            doubtful=row.state == "sending",
            before=row,
            old=row.receipt,
        )

        async def nothing() -> None:
            """An undo leaves no orphan."""

        if row.receipt is not None and row.receipt.origin is not Origin.CREATED:
            return Outcome("done", row.receipt, "it was there before us")
        return await self._settler.settle(key, step, _body, nothing)


def _is_shelf(key: UnitKey) -> bool:
    return key.startswith(f"{CATEGORY}:")


def _is_birth(row: OperationRow) -> bool:
    """A thing without a marker that was certainly made: what stands in it goes with it."""
    return row.effect == Effect.CREATE and row.marker is None and row.receipt is not None and row.state != "gone"


def _is_lost(row: OperationRow) -> bool:
    """A birth without an answer: whether it made anything, and what, nobody can tell."""
    return row.effect == Effect.CREATE and row.marker is None and row.receipt is None and row.state == "sending"


def _body(operation: Operation) -> dict[str, object]:
    return dict(operation.body)


def summary(found: RolledBack) -> Sequence[str]:
    """What to say of it."""
    lines = [f"{found.units} units taken back in {found.removed} requests"]
    if found.left:
        lines.append(f"{len(found.left)} left as they are:")
        lines += [f"  {left.unit}: {left.why}" for left in found.left[:20]]
    if found.orphans:
        lines.append(f"up to {found.orphans} empty, invisible leftovers of unclear births cannot be found by an id")
    return lines
