"""Extract: pages of the source land in the journal, with their records and the checkpoint, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct, field
from sqlalchemy import Connection

from mig.errors import RecordError, Unreadable
from mig.journal import staging
from mig.journal.staging import Staged
from mig.journal.store import Journal
from mig.model import Conversation, Kind, Record, Ref, content_digest, digest, encode, epoch_ms
from mig.platforms import Parsed, Partition, Raw, Scope, Source, SourceSpec, Target

log = structlog.get_logger("mig.extract")
_RANKS = {"open": 0, "snoozed": 1}
_BATCH = 100


async def _go_on() -> None:
    """Nothing to wait for."""


class _Parsed(Struct):
    """A page on its way into the journal."""

    raws: list[tuple[Raw, str]] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    refs: dict[tuple[str, str], list[Ref]] = field(default_factory=dict)
    """What raws that were there before consist of now."""
    gone: list[tuple[str, str]] = field(default_factory=list)


class Extractor:
    """Reads one source into the journal.

    Args:
        journal: Where pages land.
        mig: The migration's number.
        source: What is read.
        spec: Its kinds and resources.
        target: Says where records are placed.
        readers: Partitions read at the same time.
        progress: Told of every page: the resource, and how many rows it had.
        pause: Waits between pages, outside working hours.
    """

    def __init__(
        self,
        journal: Journal,
        mig: int,
        source: Source,
        spec: SourceSpec,
        target: Target,
        *,
        readers: int,
        progress: Callable[[str, int], None],
        pause: Callable[[], Awaitable[None]] = _go_on,
    ) -> None:
        self._journal = journal
        self._mig = mig
        self._source = source
        self._spec = spec
        self._target = target
        self._readers = asyncio.Semaphore(readers)
        self._progress = progress
        self._pause = pause
        self._asked: dict[Ref, bool] = {}
        """What was asked for by id in this run, and whether it was there."""
        self._fetching = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self.unreadable: dict[Kind, str] = {}
        self.unparsed: set[Ref] = set()
        """Seen in this run where only a part was to be read, and in quarantine: they could not be parsed."""
        self.whole: set[Kind] = set()
        """Of what every row is read, in this run or in one before."""
        self.stopping = False

    async def extract(self, scope: Scope) -> None:
        """Read every partition of the scope from its checkpoint on, and give each record its unit.

        Raises:
            Refused, Paused: The run ends; what was read stays.
        """
        parts = await self._source.partitions(scope)
        self.whole = {self._spec.resources[part.resource] for part in parts if part.whole}
        async with asyncio.TaskGroup() as group:
            if not self.stopping:
                self._tasks = [group.create_task(self._partition(part, scope)) for part in parts]
        if not self.stopping:
            await self.close()

    def stop(self) -> None:
        """Read no further, also where a budget would make us wait: what was not committed is read again."""
        self.stopping = True
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Give records their units; ask the source for parents that are named and were not read."""
        await self._journal.write(lambda c: staging.resolve(c, self._mig))
        while await self._fetch_parents():
            pass  # what was found may name parents of its own
        closed = [str(kind) for kind in self.unreadable]
        await self._journal.write(lambda c: staging.archive_orphans(c, self._mig, closed))

    async def _fetch_parents(self) -> bool:
        """Ask for every parent that is not staged. Returns: whether any was found."""
        found = False
        after: Ref | None = None
        while not self.stopping:
            page = await self._missing(after)
            if not page:
                break
            found = await self.fetch([ref for ref in page if ref not in self._asked]) or found
            after = page[-1]
        return found

    async def _missing(self, after: Ref | None) -> list[Ref]:
        return await self._journal.read(lambda c: staging.missing_parents(c, self._mig, after))

    async def fetch(self, refs: Sequence[Ref]) -> bool:
        """Stage records by id, as far as the source has them; each is asked for once a run.

        Returns:
            Whether anything was staged.
        """
        async with self._fetching:  # a second lane that asks for the same waits for the answer
            wanted = [ref for ref in refs if ref not in self._asked and ref.kind not in self.unreadable]
            for start in range(0, len(wanted), _BATCH):
                await self._fetch_batch(wanted[start : start + _BATCH])
            return any(self._asked.get(ref, False) for ref in refs)

    async def _fetch_batch(self, batch: Sequence[Ref]) -> None:
        try:
            raws = await self._source.fetch(batch)
        except Unreadable as error:
            for kind in {ref.kind for ref in batch}:
                self.unreadable[kind] = f"{error.message}. {error.hint}".strip()
            log.warning("records.unreadable", kinds=sorted({ref.kind for ref in batch}), why=error.message)
            return
        self._asked.update((ref, ref in raws) for ref in batch)
        if raws:
            await self._stage(list(raws.values()), None, "")
            await self._journal.write(lambda c: staging.resolve(c, self._mig))

    async def _partition(self, part: Partition, scope: Scope) -> None:
        name = digest(Scope() if part.whole else scope)
        async with self._readers:
            start = await self._journal.read(lambda c: staging.load_checkpoint(c, self._mig, part, name))
            try:
                async for page in self._source.extract(part, scope, start):
                    await self._stage(page.rows, part, name, page.checkpoint)
                    self._progress(part.resource, len(page.rows))
                    if self.stopping:
                        return
                    await self._pause()
            except Unreadable as error:
                kind = self._spec.resources[part.resource]
                self.unreadable[kind] = f"{error.message}. {error.hint}".strip()
                log.warning("kind.unreadable", kind=kind, why=error.message)

    async def _stage(
        self, rows: Sequence[Raw], part: Partition | None, scope: str, checkpoint: bytes | None = None
    ) -> None:
        """One page into the journal; raws that are there already, byte for byte, are not parsed again."""
        known = await self._journal.read(lambda c: staging.known_digests(c, self._mig, rows))
        page = _Parsed()
        same: list[Raw] = []
        for raw in {(row.resource, row.id): row for row in rows}.values():  # of two in one page the later is newer
            value = digest(raw.body, raw.gone)
            before = known.get((raw.resource, raw.id))
            if before != value:
                self._parse(raw, value, page, is_new=before is None)
            elif not raw.gone:
                same.append(raw)

        def stage(connection: Connection) -> None:
            staging.stage_raws(connection, self._mig, page.raws)
            staging.stage_records(connection, self._mig, page.staged)
            staging.prune(connection, self._mig, page.refs)
            staging.mark_gone(connection, self._mig, page.gone)
            if part is not None and checkpoint is not None:
                staging.save_checkpoint(connection, self._mig, part, scope, checkpoint)

        await self._journal.write(stage)
        if part is None or not part.whole:
            self.unparsed -= {item.ref for item in page.staged}
            self.unparsed |= {item.ref for item in page.staged if item.failure}
            self.unparsed |= await self._journal.read(lambda c: staging.unparsed_of(c, self._mig, same))

    def _parse(self, raw: Raw, value: str, page: _Parsed, *, is_new: bool) -> None:
        page.raws.append((raw, value))
        if raw.gone:
            page.gone.append((raw.resource, raw.id))
            return
        try:
            parsed = self._source.parse(raw)
            staged = [self._place(raw, record, parsed) for record in parsed.records]
            if not is_new:
                page.refs[raw.resource, raw.id] = [item.ref for item in staged]
        except RecordError as error:
            staged = [self._failed(raw, f"{error.field}: {error.message}. {error.hint}".strip(": "))]
        except Exception as error:  # a plugin's fault costs a record, never the run
            log.error("record.unparsed", resource=raw.resource, id=raw.id, error=type(error).__name__)
            staged = [
                self._failed(raw, f"it cannot be parsed ({type(error).__name__}): a fault of the source's plugin")
            ]
        page.staged += staged

    def _place(self, raw: Raw, record: Record, parsed: Parsed) -> Staged:
        place = self._target.place(record)
        ms, rank, name = place.order
        warnings = [f"{odd.field}: {odd.why}" for odd in parsed.warnings if odd.ref == record.ref]
        conversation = record if isinstance(record, Conversation) else None
        newest = (conversation.last_activity_at if conversation else None) or record.changed_at or record.created_at
        return Staged(
            ref=record.ref,
            resource=raw.resource,
            raw_id=raw.id,
            body=encode(record),
            digest=content_digest(record),
            changed_at=record.changed_at.isoformat() if record.changed_at else None,
            parent=place.parent,
            own=f"{max(ms, 0):015d}.{rank:03d}.{name}",
            same_as=tuple(sorted(place.same_as)),
            warnings="\n".join(warnings),
            rank=_RANKS.get(conversation.status, 2) if conversation else 3,
            newest=epoch_ms(newest) if newest else 0,
        )

    def _failed(self, raw: Raw, why: str) -> Staged:
        kind = self._spec.resources[raw.resource]
        return Staged(
            ref=Ref(kind, raw.id),
            resource=raw.resource,
            raw_id=raw.id,
            body=b"",
            digest=digest(raw.body),
            changed_at=None,
            parent=None,
            own="",
            failure=why,
        )
