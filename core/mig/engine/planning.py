"""`mig plan`: what a run would do with everything in scope, computed from the journal; nothing is sent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct, field

from mig.budgets import Budgets
from mig.engine.deliver import Deliverer, Delivery, cost_of
from mig.engine.plan import files_in
from mig.journal import counts, delivery, losses
from mig.journal.delivery import RecordRow, Verdict
from mig.journal.ledger import LOADED, PENDING, Became, Book, Ledger, became
from mig.journal.store import Journal
from mig.platforms import Fate, UnitKey

WORDS = ("to_load", "to_update", "there", "to_archive", "to_skip", "failed")
_PAGE = 500


class Plan(Struct):
    """What would become of everything in scope."""

    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    """Per kind: in_scope and the words it is the sum of."""
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(kind, word, reason) of what is not loaded."""
    ledger: Ledger = field(default_factory=Ledger)
    """What would become of every field that holds something."""
    writes: Counter[str] = field(default_factory=Counter)
    """The target's own word for a request -> how often."""
    cost: Counter[str] = field(default_factory=Counter)
    """Per budget of the target."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Per budget: how long it takes at our share of it."""
    files: int = 0
    """Files whose bytes would be read from the source, one request each."""
    options: list[str] = field(default_factory=list)
    """What options of reading cost, in words."""
    dear: list[tuple[str, int]] = field(default_factory=list)
    """Units that cost more than a full purse, and go on over days."""

    @property
    def days(self) -> float:
        """Days under the limits and shares, the slowest budget deciding."""
        return max(self.seconds.values(), default=0.0) / 86_400


class Planner:
    """Looks at every unit that waits, without sending.

    Args:
        journal: Holds what was read.
        mig: The migration's number.
        deliverer: Says what each unit needs.
        budgets: Their pace.
        narrow: Only what the filter selected.
        stopping: Asked between units.
        book: Adds up what becomes of every field.
    """

    def __init__(
        self,
        journal: Journal,
        mig: int,
        deliverer: Deliverer,
        budgets: Budgets,
        *,
        narrow: bool,
        stopping: Callable[[], bool],
        book: Book,
    ) -> None:
        self._journal = journal
        self._mig = mig
        self._deliverer = deliverer
        self._budgets = budgets
        self._narrow = narrow
        self._stopping = stopping
        self._book = book

    async def plan(self, done: Callable[[UnitKey], None]) -> Plan:
        """Add everything up.

        Args:
            done: Told of every unit that was looked at.
        """
        plan = Plan()
        await self._settled(plan)
        after: tuple[int, int, str] | None = None
        while page := await self._page(after):
            for _, _, name in page:
                if self._stopping():
                    return plan
                key = UnitKey(name)
                foreseen = await self._deliverer.foresee(key)
                self._add(plan, key, foreseen, await self._rows(key))
                done(key)
            after = page[-1]
        plan.ledger = self._book.ledger(narrow=self._narrow)
        limited = {name: count for name, count in plan.cost.items() if name in self._budgets.levels}
        plan.seconds = {name: self._seconds(name, count) for name, count in limited.items()}
        return plan

    async def _page(self, after: tuple[int, int, str] | None) -> list[tuple[int, int, str]]:
        return await self._journal.read(lambda c: delivery.next_units(c, self._mig, after, _PAGE, narrow=self._narrow))

    async def _rows(self, key: UnitKey) -> list[RecordRow]:
        return await self._journal.read(lambda c: delivery.unit_records(c, self._mig, key))

    async def _settled(self, plan: Plan) -> None:
        """What needs nothing more stands in the journal's own counts."""
        rows = await self._journal.read(lambda c: counts.settled(c, self._mig, narrow=self._narrow))
        for kind, word, why, count in rows:
            _count(plan, kind, word, count)
            if why and word != "there":
                plan.reasons[kind, word, why] += count
        await self._journal.read(lambda c: losses.scan(c, self._mig, self._book, narrow=self._narrow, calm=True))

    def _add(self, plan: Plan, key: UnitKey, foreseen: Delivery, rows: Sequence[RecordRow]) -> None:
        for row in rows:
            verdict = foreseen.decided.verdicts[row.ref]
            word = _word(row, verdict, changed=row.ref in foreseen.decided.changed)
            _count(plan, row.ref.kind, word, 1)
            if verdict.reason and word not in ("to_load", "to_update", "there"):
                plan.reasons[row.ref.kind, word, counts.without_ids(verdict.reason)] += 1
            self._book.add(row.ref.kind, row.ref.id, row.body, _foreseen(verdict), verdict.losses)
        for step in foreseen.steps:
            plan.writes[step.op.verb] += 1
            plan.files += len(files_in(step.op.body))
        cost = cost_of(foreseen.steps)
        plan.cost.update(cost)
        for name, count in cost.items():
            level = self._budgets.levels.get(name)
            if level is not None and level.bucket.daily and count > level.ours:
                plan.dear.append((key, count))

    def _seconds(self, name: str, count: int) -> float:
        level = self._budgets.levels[name]
        turns = count / level.ours
        return (math.ceil(turns) - 1 if level.bucket.daily else turns) * level.bucket.per_s


def add_failed(plan: Plan, kind: str, reason: str) -> None:
    """Add a record that could not be parsed and is in no unit."""
    _count(plan, kind, "failed", 1)
    plan.reasons[kind, "failed", counts.without_ids(reason)] += 1


def _word(row: RecordRow, verdict: Verdict, *, changed: bool) -> str:
    if verdict.state == "failed":
        return "failed"
    if verdict.fate == Fate.ARCHIVE:
        return "to_archive"
    if verdict.fate == Fate.SKIP:
        return "to_skip"
    if row.loaded_run is None:
        return "to_load"
    return "to_update" if changed else "there"


def _count(plan: Plan, kind: str, word: str, count: int) -> None:
    row = plan.kinds.setdefault(kind, Counter())
    row["in_scope"] += count
    row[word] += count


def _foreseen(verdict: Verdict) -> Became:
    """What would become of a record: one that is to be loaded is as good as loaded, unless it has to wait."""
    if verdict.state == "failed" or verdict.fate != Fate.LOAD:
        return became(verdict.fate, verdict.state, verdict.reason)
    return PENDING if verdict.reason and verdict.state == "staged" else LOADED
