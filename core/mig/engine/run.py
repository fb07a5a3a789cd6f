"""One run: open both sides, extract what changed, deliver what is wanted, say what happened."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field
from sqlalchemy import Connection

from mig.budgets import Budgets, NoRoom
from mig.clock import Clock
from mig.engine.adopt import Adopter, AdoptingDeliverer, AdoptingTarget, begin_adopting, refuse_half_rebuilt
from mig.engine.canary import MARK, CanarySource, narrowed
from mig.engine.decide import Decider
from mig.engine.deliver import Deliverer
from mig.engine.extract import Extractor
from mig.engine.files import Files
from mig.engine.lanes import Lanes
from mig.engine.live import Live, Progress
from mig.engine.planning import Plan, Planner, add_failed
from mig.engine.protocol import Doubtful, Settler, Stopped
from mig.engine.repair import Repair, RepairingDeliverer
from mig.engine.select import PARTS, Selector, is_narrow
from mig.errors import MigError, Paused, Refused, Unreadable, Usage, polite
from mig.journal import adoption, counts, delivery, failures, losses, repairing, staging
from mig.journal.counts import KindCount
from mig.journal.failures import Failure
from mig.journal.ledger import Book, Ledger
from mig.journal.store import Journal
from mig.model import CONVERSATION, TYPES, Kind
from mig.platforms import Access, CanConclude, Keep, Mapper, Scope, Source, SourceSpec, Target, TargetSpec, UnitKey
from mig.settings import EngineSettings

log = structlog.get_logger("mig.run")
_PAGE = 500
_SPARE_S = 1.0
"""By any reading of the clock a window has begun then."""
_SHOWN = 20
"""Quarantined records a report names."""
_MISFITS = 20
"""Units too dear for what is left of a day, after which no other is tried."""


class Report(Struct, kw_only=True):
    """How a run ended."""

    run_id: int
    status: str
    """completed, paused, interrupted, refused, broken."""
    kinds: dict[str, KindCount]
    by_attribute: dict[str, KindCount]
    requests: dict[str, int]
    seconds: float
    unreadable: dict[str, str] = field(default_factory=dict)
    reasons: list[tuple[str, str, str, int]] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    orphans: int = 0
    doubtful: int = 0
    warnings: int = 0
    postponed: int = 0
    """Operations a network or a store kept from being done: their records are pending."""
    waiting: int = 0
    """Records that only `--remap` moves."""
    sent: dict[str, int] = field(default_factory=dict)
    """Operations sent, by the kind of their unit."""
    units: dict[str, int] = field(default_factory=dict)
    """Units something was sent for, by kind."""
    notices: list[str] = field(default_factory=list)
    """What the target has to say at the end."""
    adopted: bool = False
    """A lost journal was rebuilt: what it calls loaded stood there already."""
    ledger: Ledger | None = None
    """What became of every field; None: it was not counted, for the run was cut off."""
    error: MigError | None = None
    plan: Plan | None = None
    """What would be done, where that was the question."""
    places: list[tuple[str, str]] = field(default_factory=list)
    """Of a canary: source ids and target ids of what was moved."""
    new_migration: bool = False
    others: int = 0
    """Other migrations in the same journal."""

    @property
    def exit_code(self) -> int:
        """As the command line's contract says."""
        by_status = {"paused": 4, "interrupted": 130, "refused": 3, "broken": 70}
        if self.status in by_status:
            return by_status[self.status]
        return 1 if self.unreadable or self.postponed or any(kind.failed for kind in self.kinds.values()) else 0


class Run(Struct, kw_only=True):
    """Everything a run needs, handed in."""

    journal: Journal
    clock: Clock
    source_spec: SourceSpec
    target_spec: TargetSpec
    source_settings: Any
    target_settings: Any
    chain: Sequence[Mapper]
    engine: EngineSettings
    plan_only: bool = False
    """Say what would be done; write nothing to the target."""
    canary: str = ""
    """An address of the operator's own: a few conversations are moved, all to it."""
    shares: Mapping[str, float] = field(default_factory=dict)
    acknowledged: frozenset[str] = frozenset()
    """What a person confirmed of the target."""
    hours: str = ""
    """Working hours, as in mig.toml."""
    path: Path | None = None
    """mig.toml, looked at again while the run lasts."""
    fixed_shares: Mapping[str, float] = field(default_factory=dict)
    """Those of flags, which mig.toml does not change."""
    scope: Scope = Scope()
    only: Callable[[Connection, int], Iterable[str]] | None = None
    """Gives the units it is about, instead of a scope's, when the source was read; from the migration's number."""
    remap: bool = False
    repair: Repair | None = None
    """What an audit found wrong; `only` names its units then."""
    adopt: bool = False
    """Rebuild a lost journal from what stands on the target; write nothing to it."""
    transports: Mapping[str, Any] = field(default_factory=dict)
    """`source` and `target`: httpx transports, for tests."""
    progress: Progress = field(default_factory=Progress)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it, and the run ends after what is under way."""
    on_open: Callable[[Budgets], None] | None = None


async def go(run: Run) -> Report:
    """Run once.

    Returns:
        What happened, also when the run was refused, paused or interrupted after its journal was opened.

    Raises:
        Refused, Usage: Before anything was recorded.
    """
    if not run.plan_only and not run.adopt:
        check_acknowledged(run.target_spec, run.acknowledged)
    began = run.clock.monotonic()
    budgets = Budgets(run.clock, run.shares, await run.journal.read(delivery.load_budgets))
    live = Live(run.clock, budgets, run.hours, run.path, run.fixed_shares)
    if run.on_open is not None:
        run.on_open(budgets)
    access = {
        side: Access(clock=run.clock, budgets=budgets, transport=run.transports.get(side))
        for side in ("source", "target")
    }
    if run.canary:
        run.scope = narrowed(run.scope)
    async with AsyncExitStack() as stack:
        source: Source = await stack.enter_async_context(run.source_spec.open(run.source_settings, access["source"]))
        if run.canary:
            source = CanarySource(source, run.canary)
        target: Target = await stack.enter_async_context(run.target_spec.open(run.target_settings, access["target"]))
        unknown = sorted(set(run.shares) - set(budgets.levels))
        if unknown:
            raise Usage(f"there is no budget {unknown[0]}", f"Known: {', '.join(sorted(budgets.levels)) or 'none'}.")
        mig, is_new, origin = await _migration(run, source, target)
        if await run.journal.read(lambda c: counts.is_rolling_back(c, mig)):
            raise Refused(
                "a rollback of this migration was begun and not finished: what still stands there is not known",
                "Finish it with `mig rollback`; then run again.",
            )
        if run.adopt:
            target = await begin_adopting(run.journal, mig, target, run.target_spec.name, origin)
        else:
            await refuse_half_rebuilt(run.journal, mig)
        status = adoption.ADOPTING if run.adopt else None
        number = await run.journal.write(
            lambda c: counts.begin_run(
                c, mig, now=_stamp(run.clock), host=socket.gethostname(), pid=os.getpid(), status=status
            )
        )
        engine = _Engine(run, source, target, mig, number, budgets, live, origin)
        try:
            ended, error = await engine.work()
        except Usage:
            await run.journal.write(
                lambda c: counts.end_run(c, number, now=_stamp(run.clock), status="refused", report="{}")
            )
            raise
        finally:
            engine.close()
        report = await engine.report(ended, error, began, access, is_new)
        used = budgets.unsaved()
        await run.journal.write(lambda c: delivery.save_budgets(c, used))
        await run.journal.write(
            lambda c: counts.end_run(
                c,
                number,
                now=_stamp(run.clock),
                status=adoption.ended(ended) if run.adopt else ended,
                report=_summary(report, engine.narrow),
            )
        )
        return report


class _Engine:
    """The parts of a run, wired."""

    def __init__(
        self, run: Run, source: Source, target: Target, mig: int, number: int, budgets: Budgets, live: Live, origin: str
    ) -> None:
        self._run = run
        self._mig = mig
        self._number = number
        self._target = target
        self._ended: MigError | None = None
        self._ended_at = 0.0
        self._misfits = 0
        """Units that did not fit into what is left of a purse."""
        self._notices: list[str] = []
        self._plan: Plan | None = None
        self._types = types = {**TYPES, **run.source_spec.kinds}
        self._budgets = budgets
        self._live = live
        self._extractor = Extractor(
            run.journal,
            mig,
            source,
            run.source_spec,
            target,
            readers=run.engine.readers,
            progress=self._read,
            pause=lambda: self._live.open(run.progress, run.stop.is_set),
        )
        self.narrow = is_narrow(run.scope) or run.only is not None
        self._selector = Selector(
            run.journal, mig, types, run.source_spec.channels, self._extractor.fetch, lambda: self._extractor.unreadable
        )
        self._files = Files(run.journal, mig, source, types, run.clock, run.engine, name=run.journal.name)
        self._decider = Decider(run.chain, target, types, origin)
        self._adopting = target if isinstance(target, AdoptingTarget) else None
        settler = _settler(run, target)
        kind = AdoptingDeliverer if self._adopting is not None else Deliverer
        self._deliverer = (RepairingDeliverer if run.repair is not None else kind)(
            run.journal,
            mig,
            number,
            self._decider,
            settler,
            self._files,
            budgets,
            window=run.engine.window,
            remap=run.remap,
            fetch=self._extractor.fetch,
        )
        if isinstance(self._deliverer, RepairingDeliverer) and run.repair is not None:
            self._deliverer.repair = run.repair
            self._deliverer.adopter = _adopter(run, AdoptingTarget(target, run.target_spec.name, origin))
        self._lanes = Lanes(
            run.engine.lanes,
            run.clock,
            sent=self._deliverer.sent.total,
            troubles=lambda: settler.troubles,
            waited_s=budgets.waited_s,
        )

    def close(self) -> None:
        """Let go of what lies on the disk beside the journal."""
        self._files.close()
        if self._adopting is not None:
            self._adopting.places.close()

    async def work(self) -> tuple[str, MigError | None]:
        """Extract, then deliver; an error that ends the run ends it politely."""
        watcher = asyncio.create_task(self._watch())
        teller = asyncio.create_task(self._live.watch(self._run.progress, self._tell))
        try:
            await self._finish_begun()
            self._run.progress.stage = "extract"
            await self._extractor.extract(self._run.scope)
            if self._run.repair is not None and not self._run.stop.is_set():
                await self._extractor.fetch(sorted(self._run.repair.refs))
                units = self._run.repair.units
                await self._run.journal.write(lambda c: repairing.look_at(c, self._mig, units))
            if self.narrow and not self._run.stop.is_set():
                self._run.progress.stage = "select"
                await self._select()
            if self._adopting is not None and not self._run.stop.is_set():
                self._run.progress.stage = "look"
                await self._adopting.places.fill(
                    self._adopting.proving, self._run.clock, self._run.stop.is_set, self._read
                )
            if not self._run.stop.is_set() and self._run.plan_only:
                self._run.progress.stage = "plan"
                self._plan = await self._planned()
            elif not self._run.stop.is_set():
                self._run.progress.stage = "deliver"
                await self._deliver()
            if self._deliverer.sent and isinstance(self._target, CanConclude):
                self._notices = await _concluded(self._target)
        except BaseExceptionGroup as group:
            ends, rest = group.split((Paused, Refused))
            if ends is None or rest is not None:
                raise
            self._end(polite(ends))
        except (Paused, Refused) as error:
            self._end(error)
        finally:
            watcher.cancel()
            teller.cancel()
        if isinstance(self._ended, Paused):
            if self._ended.retry_after_s is not None:  # what was under way has taken its time since
                since = self._run.clock.monotonic() - self._ended_at
                self._ended.retry_after_s = max(self._ended.retry_after_s - since, 0.0) + _SPARE_S
            return "paused", self._ended
        if self._ended is not None:
            return "refused", self._ended
        return ("interrupted" if self._run.stop.is_set() else "completed"), None

    async def _select(self) -> None:
        if self._run.only is not None:
            await self._selector.take(self._run.only)
            return
        try:
            await self._selector.select(self._run.scope)
        except Usage:
            if not await self._homeless():
                raise

    async def _homeless(self) -> list[Failure]:
        """What a narrowed run met and could not parse: it is in no unit, and no filter tells whether it is meant."""
        scope = self._run.scope
        if not is_narrow(scope) or self._run.only is not None:
            return []
        talk = PARTS | {CONVERSATION}
        whole, unparsed = self._extractor.whole, self._extractor.unparsed
        read = whole | talk if whole & talk else whole
        left_out = talk if scope.kinds and not scope.kinds & talk else frozenset()

        def find(connection: Connection) -> list[Failure]:
            found = failures.homeless(connection, self._mig)
            return [f for f in found if f.ref.kind not in left_out and (f.ref in unparsed or f.ref.kind in read)]

        return await self._run.journal.read(find)

    def _end(self, error: MigError | None) -> None:
        self._ended, self._ended_at = error, self._run.clock.monotonic()

    async def _finish_begun(self) -> None:
        """Tell what a killed run left half told to its end before anything is read: its tails are late already."""
        begun = await self._run.journal.read(lambda c: delivery.begun_units(c, self._mig))
        if not begun or self._run.plan_only:
            return
        log.info("begun.finished_first", units=len(begun))
        await self._target.prepare()
        for key in begun:
            if not self._deliverer.stopping:
                try:
                    await self._deliverer.ensure(key)
                except (Stopped, NoRoom):
                    pass  # too dear for what is left of the day must not cost the others theirs
                except Doubtful as error:
                    self._deliverer.doubt(error)
        self._decider.forget()

    async def _planned(self) -> Plan:
        progress = self._run.progress
        narrow = self.narrow
        progress.totals = await self._run.journal.read(lambda c: counts.dirty_units(c, self._mig, narrow=narrow))
        planner = Planner(
            self._run.journal,
            self._mig,
            self._deliverer,
            self._budgets,
            narrow=narrow,
            stopping=self._run.stop.is_set,
            book=Book(self._types, self._keeps),
        )

        def done(key: UnitKey) -> None:
            _add(progress.done, key.partition(":")[0], 1)

        plan = await planner.plan(done)
        for one in await self._homeless():
            add_failed(plan, one.ref.kind, one.reason)
        if (options := self._run.source_spec.options) is not None:
            channels = await self._run.journal.read(lambda c: counts.channels(c, self._mig))
            plan.options = list(options(self._run.source_settings, channels))
        return plan

    async def _deliver(self) -> None:
        """Every dirty unit, the most urgent first; a pass for each phase that something waits for."""
        if self._run.remap:
            await self._run.journal.write(lambda c: staging.mark_all_dirty(c, self._mig))
        phase = 0
        while await self._pass(phase):
            phase += 1
        self._deliverer.conclude()

    async def _pass(self, phase: int) -> bool:
        """Deliver once through. Returns: whether operations of later phases wait."""
        totals = await self._run.journal.read(lambda c: counts.dirty_units(c, self._mig, narrow=self.narrow))
        if not totals:
            return False
        self._run.progress.totals, self._run.progress.done = totals, {}
        if not self._run.progress.began:
            self._run.progress.began = self._run.clock.monotonic()
            self._run.progress.before = {name: level.used for name, level in self._budgets.levels.items()}
        if phase == 0:
            await self._target.prepare()
        async with asyncio.TaskGroup() as group:
            await self._feed(group, phase)
        over = self._deliverer.stopping or self._ended is not None
        return not over and phase < self._deliverer.waiting_phases

    async def _feed(self, group: asyncio.TaskGroup, phase: int) -> None:
        after: tuple[int, int, str] | None = None
        while page := await self._units(after):
            for _, _, key in page:
                await self._live.open(self._run.progress, lambda: self._deliverer.stopping)
                await self._lanes.enter()
                group.create_task(self._lane(UnitKey(key), phase))
                if self._deliverer.stopping:
                    return
            after = page[-1]

    async def _units(self, after: tuple[int, int, str] | None) -> list[tuple[int, int, str]]:
        return await self._run.journal.read(
            lambda c: delivery.next_units(c, self._mig, after, _PAGE, narrow=self.narrow)
        )

    async def _lane(self, key: UnitKey, phase: int) -> None:
        try:
            if self._deliverer.stopping:
                return
            try:
                await self._deliverer.ensure(key, phase)
            except Doubtful as error:
                self._deliverer.doubt(error)
                return
            if self._deliverer.trouble is not None:
                raise self._deliverer.trouble
        except Stopped:
            return
        except NoRoom as error:
            # Cheaper units may still fit: one dear thread must not cost the rest of the day.
            if self._ended is None or isinstance(self._ended, NoRoom):
                self._end(error)
            self._misfits += 1
            if self._misfits >= _MISFITS:
                self._deliverer.drain()
            return
        except (Paused, Refused) as error:
            # The other lanes finish the units they are in: nothing is left in doubt or half told without need.
            if self._ended is None or isinstance(self._ended, NoRoom):
                self._end(error)
            self._deliverer.drain()
            return
        finally:
            self._lanes.leave()
        _add(self._run.progress.done, key.partition(":")[0], 1)
        self._run.progress.operations = self._deliverer.sent.total()

    async def _watch(self) -> None:
        await self._run.stop.wait()
        self._extractor.stop()
        self._deliverer.stop()

    def _read(self, resource: str, rows: int) -> None:
        _add(self._run.progress.rows, resource, rows)

    async def _tell(self, text: str) -> None:
        await self._run.journal.write(lambda c: counts.tell_run(c, self._number, text))

    @property
    def _keeps(self) -> Mapping[tuple[Kind, str], Keep]:
        return {**self._run.target_spec.keeps, **self._target.capabilities.keeps}

    async def _ledger(self, status: str) -> Ledger | None:
        """What became of every field; where nothing was delivered, what the last run has told of it."""
        if self._plan is not None or status == "interrupted":
            return None
        narrow, calm = self.narrow, status == "completed" and not self._run.progress.began and not self._deliverer.sent
        before = await self._run.journal.read(lambda c: losses.kept_ledger(c, self._mig, self._number))
        if calm and before is not None and not narrow and not before.narrow:
            return before
        keeps = self._keeps
        found = await self._run.journal.read(lambda c: losses.count(c, self._mig, self._types, keeps, narrow=narrow))
        return msgspec.structs.replace(found, run=self._number)

    async def report(
        self, status: str, error: MigError | None, began: float, access: Mapping[str, Access], is_new: bool
    ) -> Report:
        """The counts as the journal has them now."""
        journal, mig = self._run.journal, self._mig
        narrow = self.narrow
        kinds = await journal.read(lambda c: counts.kinds(c, mig, self._number, narrow=narrow))
        report = Report(
            run_id=self._number,
            status=status,
            kinds=kinds,
            by_attribute=await journal.read(lambda c: counts.attributes(c, mig, self._number, narrow=narrow)),
            requests={side: sum(access[side].meter.values()) for side in ("source", "target")},
            seconds=round(self._run.clock.monotonic() - began, 3),
            unreadable={str(kind): why for kind, why in self._extractor.unreadable.items()},
            reasons=await journal.read(lambda c: counts.reasons(c, mig, narrow=narrow)),
            failures=await journal.read(lambda c: counts.failures(c, mig, narrow=narrow)),
            orphans=sum(count for _, count in await journal.read(lambda c: counts.orphans(c, mig))),
            doubtful=await journal.read(lambda c: counts.doubtful(c, mig)),
            waiting=await journal.read(lambda c: counts.waiting(c, mig)),
            warnings=await journal.read(lambda c: counts.warnings(c, mig, narrow=narrow)),
            postponed=self._deliverer.postponed,
            sent=dict(self._deliverer.sent) if self._adopting is None else {},
            units=dict(self._deliverer.units) if self._adopting is None else {},
            notices=self._notices,
            adopted=self._adopting is not None,
            plan=self._plan,
            places=await journal.read(lambda c: counts.places(c, mig)) if self._run.canary else [],
            ledger=await self._ledger(status),
            error=error,
            new_migration=is_new,
            others=0 if self._run.canary else await journal.read(lambda c: _others(c, mig)),
        )
        _add_homeless(report, await self._homeless())
        if self._adopting is not None and self._adopting.others:
            report.notices.append(
                f"{self._adopting.others} things on the target bear the mark of one that was adopted: "
                "`mig verify` lists them as doubled"
            )
        return report


def check_acknowledged(spec: TargetSpec, acknowledged: frozenset[str]) -> None:
    """What no API shows must be confirmed before the first write.

    Raises:
        Refused: Something was not; the hint says what, and the lines to write.
    """
    missing = {name: text for name, text in spec.asks.items() if name not in acknowledged}
    if not missing:
        return
    listed = ", ".join(f'"{name}"' for name in spec.asks)
    unheard = "".join(f"Nobody asks for {name!r}.\n" for name in sorted(acknowledged - spec.asks.keys()))
    what = "\n".join(f"  {name}: {text}" for name, text in missing.items())
    raise Refused(
        f"nothing is written before you confirm what {spec.name}'s API does not show",
        f"Make sure of each, then write into mig.toml:\n  [acknowledged]\n  {spec.name} = [{listed}]\n"
        f"{unheard}Not confirmed yet:\n{what}\nNothing was written.",
    )


async def _migration(run: Run, source: Source, target: Target) -> tuple[int, bool, str]:
    """The migration's number, whether it is new, and the origin that stands in its markers."""
    try:
        organisation, workspace = await source.identity(), await target.identity()
    except Unreadable as error:
        raise Refused(f"{error.message}; nothing was begun", error.hint) from error
    number, is_new = await run.journal.write(
        lambda c: staging.find_migration(
            c,
            source=run.source_spec.name,
            organisation=organisation,
            target=run.target_spec.name,
            workspace=workspace,
            now=_stamp(run.clock),
        )
    )
    return number, is_new, f"{run.source_spec.name}:{organisation}"


def _adopter(run: Run, target: AdoptingTarget) -> Adopter:
    born, engine = run.clock.monotonic(), run.engine
    return Adopter(target, run.clock, born=born, attempts=engine.attempts, patience_s=engine.patience_s)


def _settler(run: Run, target: Target) -> Settler:
    if isinstance(target, AdoptingTarget):
        return _adopter(run, target)
    born, engine = run.clock.monotonic(), run.engine
    return Settler(target, run.clock, born=born, attempts=engine.attempts, patience_s=engine.patience_s)


def _add_homeless(report: Report, found: Sequence[Failure]) -> None:
    """Count what is in no unit as failed, too."""
    reasons = Counter({(kind, word, why): n for kind, word, why, n in report.reasons})
    for one in found:
        kind = report.kinds.get(one.ref.kind, KindCount())
        report.kinds[one.ref.kind] = msgspec.structs.replace(kind, in_scope=kind.in_scope + 1, failed=kind.failed + 1)
        reasons[one.ref.kind, "failed", counts.without_ids(one.reason)] += 1
    report.reasons = sorted((*key, n) for key, n in reasons.items())
    shown = [(str(one.ref.kind), one.ref.id, one.reason) for one in found]
    report.failures = sorted([*report.failures, *shown])[:_SHOWN]


def _others(connection: Connection, mig: int) -> int:
    return sum(row.id != mig and MARK not in row.organisation for row in counts.migrations(connection))


def _add(totals: dict[str, int], name: str, count: int) -> None:
    totals[name] = totals.get(name, 0) + count


async def _concluded(target: CanConclude) -> list[str]:
    """What the target has to say; that it cannot say it now is no fault of the run."""
    try:
        return list(await target.conclude())
    except MigError as error:
        return [f"the target could not be asked at the end: {error.message}"]


def _stamp(clock: Clock) -> str:
    now: datetime = clock.now()
    return now.isoformat(timespec="milliseconds")


def _summary(report: Report, narrow: bool) -> str:
    """What the journal keeps of a run; an audit is as of the last that moved something, and of all if one did so."""
    said: dict[str, Any] = {"kinds": report.kinds, "requests": report.requests, "seconds": report.seconds}
    said |= {"postponed": report.postponed, "waiting": report.waiting, "unreadable": report.unreadable}
    how: dict[str, Any] = {
        "narrow": narrow,
        "plan": report.plan is not None,
        **({"adopted": True} if report.adopted else {}),
    }
    if report.ledger is not None:
        mine = report.ledger.run == report.run_id
        how |= {"ledger": report.ledger} if mine else {"ledger_run": report.ledger.run}
    return msgspec.json.encode({**said, **how}).decode()
