"""What an audit sees: both platforms opened anew, and the journal read only, for the scope and the ids.

Of the journal nothing is handed out that the loader made of a record: no payload, no body of a request.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select

from mig.budgets import Budgets
from mig.clock import Clock, SystemClock
from mig.errors import Usage
from mig.journal import counts, delivery, ledger, losses, selection
from mig.journal.schema import look, loss, operation, record, run
from mig.journal.store import Journal
from mig.model import TYPES, Kind, Record, Ref
from mig.platforms import Access, Keep, Loss, Mapper, Receipt, Source, SourceSpec, Target, TargetSpec
from mig.plugins import Registry
from mig.settings import Config, platform_settings

LossRow = ledger.Row
"""What became of one field of some records of a kind."""
_PAGE = 1_000
_KNOWN = select(*(record.c[n] for n in ("kind", "id", "unit", "fate", "state", "reason", "merged_into", "digest")))


class Known(Struct, frozen=True):
    """A record as the journal accounts for it."""

    ref: Ref
    unit: str
    fate: str
    """load, archive, skip; empty: not decided yet."""
    state: str
    """staged, sending, done, failed, gone."""
    reason: str
    merged_into: str
    """Which root it became part of; empty: none."""
    digest: str
    """`content_digest` of the record as it was read from the source."""


class Look(Struct, frozen=True):
    """An audit that was made before."""

    at: str
    level: str
    seed: int | None
    report: Mapping[str, Any]


class Deed(Struct, frozen=True):
    """One operation, as a story tells it."""

    name: str
    verb: str
    state: str
    run: int
    marker: str
    receipt: Mapping[str, str]


class Ledger:
    """The journal of one migration, read only; what an audit cost and found is the one thing written.

    Args:
        journal: Open.
        mig: The migration's number.
    """

    def __init__(self, journal: Journal, mig: int) -> None:
        self._journal = journal
        self._mig = mig
        with journal.reading() as connection:
            whole = _last(connection, mig, narrow=False)
            narrow = _last(connection, mig, narrow=True)
        last = whole or narrow
        self.run_id = last.id if last is not None else 0
        """The run an audit is as of: the last that came to its end."""
        self.as_of = datetime.fromisoformat(last.started_at) if last is not None else None
        """When it began: what the source changed since then it need not have seen."""
        self.narrow = whole is None
        """Only part of the source was ever moved: the journal alone knows which."""

    def known(self) -> Iterator[Known]:
        """Every record, by kind and id; those that are gone at the source too."""
        after: tuple[str, str] | None = None
        while page := self._known(after):
            yield from page
            after = (page[-1].ref.kind, page[-1].ref.id)

    def _known(self, after: tuple[str, str] | None) -> list[Known]:
        c = record.c
        statement = _KNOWN.where(c.migration == self._mig).order_by(c.kind, c.id).limit(_PAGE)
        if after is not None:
            kind, name = after
            statement = statement.where((c.kind > kind) | ((c.kind == kind) & (c.id > name)))
        with self._journal.reading() as connection:
            rows = connection.execute(statement).all()
        return [_known(row) for row in rows]

    def scope(self) -> set[str]:
        """Of a migration that only ever moved a part: the units it was about."""
        with self._journal.reading() as connection:
            touched = select(operation.c.unit).distinct().where(operation.c.migration == self._mig)
            return {*connection.scalars(selection.units(self._mig)), *connection.scalars(touched)}

    def pairs(self, target: Target) -> Iterator[tuple[str, str]]:
        """Every unit that came to be, with the target's own id of it."""
        c = operation.c
        statement = select(c.unit, c.name, c.receipt).where(
            c.migration == self._mig, c.receipt.is_not(None), c.state.in_(("done", "due"))
        )
        unit, receipts = "", dict[str, Receipt]()
        with self._journal.reading() as connection:
            rows = connection.execution_options(yield_per=_PAGE).execute(statement.order_by(c.unit))
            for row in rows:
                if row.unit != unit:
                    if found := target.where(receipts):
                        yield unit, found
                    unit, receipts = row.unit, {}
                receipts[row.name] = msgspec.json.decode(row.receipt, type=Receipt)
        if found := target.where(receipts):
            yield unit, found

    def losses(
        self, types: Mapping[Kind, type[Record]], keeps: Mapping[tuple[Kind, str], Keep]
    ) -> tuple[Mapping[str, int], Sequence[LossRow]]:
        """The loss ledger, as `mig report` has it.

        Args:
            types: Kind -> Struct.
            keeps: What the target keeps of each field.

        Returns:
            How many fields of records ended how, and what the target does not hold as it was.
        """
        with self._journal.reading() as connection:
            found = losses.kept_ledger(connection, self._mig)
            if found is None or found.narrow:
                found = losses.count(connection, self._mig, types, keeps)
        return found.outcomes, found.rows

    def losses_of(self, ref: Ref) -> list[Loss]:
        """What the target does not hold of one record."""
        c = loss.c
        statement = select(c.field, c.outcome, c.why)
        statement = statement.where(c.migration == self._mig, c.kind == ref.kind, c.id == ref.id)
        with self._journal.reading() as connection:
            return [Loss(r.field, r.outcome, r.why) for r in connection.execute(statement.order_by(c.field))]

    def records_named(self, name: str) -> list[Known]:
        """Records whose id this is."""
        c = record.c
        with self._journal.reading() as connection:
            rows = connection.execute(_KNOWN.where(c.migration == self._mig, c.id == name).order_by(c.kind)).all()
        return [_known(row) for row in rows]

    def units_at(self, target_id: str) -> list[str]:
        """Units an operation of which answered with this id."""
        c = operation.c
        held = c.receipt.contains(msgspec.json.encode(target_id).decode(), autoescape=True)
        statement = select(c.unit).distinct().where(c.migration == self._mig, held)
        with self._journal.reading() as connection:
            return list(connection.scalars(statement.order_by(c.unit)))

    def deeds(self, unit: str, ref: Ref | None = None) -> list[Deed]:
        """The operations of a unit; of one record in it, those that carry it."""
        with self._journal.reading() as connection:
            rows = delivery.operations(connection, self._mig, unit).values()
        return [
            Deed(
                row.name,
                row.verb,
                row.state,
                row.epoch,
                row.marker or "",
                dict(row.receipt.values) if row.receipt is not None else {},
            )
            for row in rows
            if ref is None or ref in row.carries
        ]

    def runs(self) -> dict[int, tuple[str, str, str]]:
        """Every run: when it began, when it ended, and how."""
        statement = select(run.c.id, run.c.started_at, run.c.ended_at, run.c.status).where(run.c.migration == self._mig)
        with self._journal.reading() as connection:
            rows = connection.execute(statement.order_by(run.c.id))
            return {row.id: (row.started_at, row.ended_at or "", row.status or "running") for row in rows}

    def looks(self) -> list[Look]:
        """Earlier audits, the oldest first."""
        statement = select(look).where(look.c.migration == self._mig).order_by(look.c.id)
        with self._journal.reading() as connection:
            rows = connection.execute(statement)
            return [Look(row.at, row.level, row.seed, msgspec.json.decode(row.report)) for row in rows]

    async def add_look(self, found: Look) -> None:
        """Keep that somebody looked, and what was found."""
        text = msgspec.json.encode(found.report).decode()
        row = {"migration": self._mig, "at": found.at, "level": found.level, "seed": found.seed, "report": text}
        await self._journal.write(lambda connection: connection.execute(insert(look), row))

    async def save_budgets(self, budgets: Budgets) -> None:
        """Keep what was spent of a day's purse: audits and runs share it."""
        used = budgets.unsaved()
        await self._journal.write(lambda connection: delivery.save_budgets(connection, used))


class Audit(Struct, frozen=True, kw_only=True):
    """Everything an audit is made from."""

    source: Source
    target: Target
    source_spec: SourceSpec
    target_spec: TargetSpec
    chain: Sequence[Mapper]
    types: Mapping[Kind, type[Record]]
    origin: str
    """`<source platform>:<organisation id>`."""
    workspace: str
    budgets: Budgets
    clock: Clock
    requests: Mapping[str, Mapping[str, int]]
    """`source` and `target`: what was asked so far, by method."""
    ledger: Ledger | None
    """None: there is no journal, and the marks on the target are all there is."""
    readers: int
    home: Path
    """Where an audit may keep what it has read, while it lasts."""


@contextmanager
def open_ledger(config: Config) -> Iterator[Ledger]:
    """The journal alone, for what asks no platform.

    Raises:
        Usage: There is no journal, or no such migration in it, or several.
    """
    journal = Journal.open(config.state, inline=True, create=False)
    try:
        with journal.reading() as connection:
            row = counts.choose(counts.migrations(connection), config.source, config.target)
        yield Ledger(journal, row.id)
    finally:
        journal.close()


def named_pair(config: Config, *, journal: bool = True) -> Config:
    """The configuration with both platforms named: by itself, else as the only migration in the journal has them.

    Args:
        config: Settings.
        journal: Whether the journal may be asked.

    Raises:
        Usage: A platform is not named, and there is no journal that tells it; or the journal holds several migrations.
    """
    missing = [side for side in ("source", "target") if not getattr(config, side)]
    if not missing:
        return config
    rows, silent = _migrations(config.state) if journal else ([], "")
    if not rows:
        side = missing[0]
        hint = f'Use --{side} NAME, or name = "..." under [{side}] in mig.toml.'
        raise Usage(f"no {side} is named", f"{hint}\nThe journal does not tell: {silent}" if silent else hint)
    row = counts.choose(rows, config.source, config.target)
    return msgspec.structs.replace(config, source=config.source or row.source, target=config.target or row.target)


def _migrations(state: str) -> tuple[list[counts.MigrationRow], str]:
    """Those in a journal, and why there are none: it is not there, or no journal, or of a newer release."""
    try:
        journal = Journal.open(state, inline=True, create=False)
    except Usage as error:
        return [], error.message
    try:
        with journal.reading() as connection:
            return counts.migrations(connection), "it holds no migration"
    finally:
        journal.close()


@asynccontextmanager
async def open_audit(config: Config, registry: Registry, *, journal: bool = True) -> AsyncIterator[Audit]:
    """Open both platforms and the journal; while it is open no run writes to either.

    Args:
        config: Settings.
        registry: The plugins.
        journal: Look for the journal; False: do without.

    Raises:
        Usage: A platform is not named, or the journal holds no migration of this pair.
        Refused: A platform or the journal cannot be opened, or a run holds the journal.
    """
    config = named_pair(config, journal=journal)
    source, target = registry.source(config.source), registry.target(config.target)
    source_settings: Any = platform_settings(
        source.settings, source.name, config.source_settings, os.environ, config.source_flags
    )
    target_settings: Any = platform_settings(
        target.settings, target.name, config.target_settings, os.environ, config.target_flags
    )
    opened = Journal.open(config.state, create=False) if journal else None
    try:
        if opened is not None:
            opened.acquire()
        async with audit_of(
            opened,
            Side(source, source_settings),
            Side(target, target_settings),
            registry.chain(source.name, target.name, target_settings),
            clock=SystemClock(),
            shares=config.shares,
            readers=config.engine.readers,
        ) as audit:
            yield audit
    finally:
        if opened is not None:
            opened.close()


class Side(Struct, frozen=True):
    """One of the two platforms, before it is opened."""

    spec: Any
    """A SourceSpec or a TargetSpec."""
    settings: Any
    transport: Any = None
    """An httpx transport, for tests."""


@asynccontextmanager
async def audit_of(
    journal: Journal | None,
    source: Side,
    target: Side,
    chain: Sequence[Mapper],
    *,
    clock: Clock,
    shares: Mapping[str, float] = {},
    readers: int = 4,
) -> AsyncIterator[Audit]:
    """Likewise, of parts that are there already.

    Raises:
        Usage: The journal holds no migration of this pair.
        Refused: A platform cannot be opened.
    """
    used = await journal.read(delivery.load_budgets) if journal is not None else {}
    budgets = Budgets(clock, shares, used)
    reach = [Access(clock=clock, budgets=budgets, transport=side.transport) for side in (source, target)]
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(source.spec.open(source.settings, reach[0]))
        there = await stack.enter_async_context(target.spec.open(target.settings, reach[1]))
        organisation, workspace = await opened.identity(), await there.identity()
        ledger, home = None, Path()
        if journal is not None:
            names = (source.spec.name, organisation, target.spec.name, workspace)
            ledger = Ledger(journal, await journal.read(lambda connection: _number(connection, names)))
            home = journal.file.parent if journal.file is not None else home
        yield Audit(
            source=opened,
            target=there,
            source_spec=source.spec,
            target_spec=target.spec,
            chain=chain,
            types={**TYPES, **source.spec.kinds},
            origin=f"{source.spec.name}:{organisation}",
            workspace=workspace,
            budgets=budgets,
            clock=clock,
            requests={"source": reach[0].meter, "target": reach[1].meter},
            ledger=ledger,
            readers=readers,
            home=home,
        )


def _known(row: Any) -> Known:
    ref = Ref(Kind(row.kind), row.id)
    return Known(ref, row.unit or "", row.fate or "", row.state, row.reason, row.merged_into or "", row.digest)


def _number(connection: Connection, names: tuple[str, str, str, str]) -> int:
    for row in counts.migrations(connection):
        if (row.source, row.organisation, row.target, row.workspace) == names:
            return row.id
    raise Usage(
        "this journal holds no migration between these two",
        "Begin one with `mig run`, name another journal with --state, or verify by the marks alone with --no-journal.",
    )


def _last(connection: Connection, mig: int, *, narrow: bool) -> Any:
    """The newest run that came to its end and moved something: all of it, or a part."""
    statement = select(run.c.id, run.c.started_at, run.c.report).where(
        run.c.migration == mig, run.c.status == "completed"
    )
    for row in connection.execute(statement.order_by(run.c.id.desc())):
        report = msgspec.json.decode(row.report or "{}")
        if not report.get("plan") and bool(report.get("narrow")) is narrow:
            return row
    return None
