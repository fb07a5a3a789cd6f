"""An audit's own walk over both sides: everything the source has, everything that stands on the target."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from mig import (
    CanProve,
    Clock,
    Kind,
    MigError,
    NotApplied,
    Parsed,
    Partition,
    Present,
    Raw,
    Record,
    RecordError,
    Ref,
    Refused,
    Scope,
    Source,
    SourceSpec,
    Target,
    Unclear,
    Unreadable,
    content_digest,
    encode,
    epoch_ms,
    polite,
)
from mig_verify.store import Scratch

log = structlog.get_logger("mig.verify")
_BATCH = 100
_LANES = 8
"""Threads that are read at the same time; the budgets set the pace."""
_TRIES = 8


class SourceWalk:
    """Reads the whole source, from nothing: what the loader has read and how is not asked.

    Args:
        source: What is read.
        spec: Its kinds and resources.
        place: The target's word on where a record stands.
        scratch: Where pages land.
        readers: Partitions read at the same time.
        told: Told of every page: the resource, and how many rows it had.
    """

    def __init__(
        self,
        source: Source,
        spec: SourceSpec,
        place: Target,
        scratch: Scratch,
        *,
        readers: int,
        told: Callable[[str, int], None],
    ) -> None:
        self._source = source
        self._spec = spec
        self._target = place
        self._scratch = scratch
        self._readers = asyncio.Semaphore(readers)
        self._told = told
        self.unreadable: dict[Kind, str] = {}
        """Kinds that could not be read, and why."""

    async def walk(self) -> None:
        """Every partition to its end, and parents that are named and were not listed.

        Raises:
            Refused, Paused: Nothing more can be read; what was read is kept.
        """
        scope = Scope()
        async with asyncio.TaskGroup() as group:
            for part in await self._source.partitions(scope):
                group.create_task(self._partition(part, scope))
        await self._parents()

    async def _partition(self, part: Partition, scope: Scope) -> None:
        name = f"source {part.resource} {part.name}"
        async with self._readers:
            checkpoint, done = self._scratch.part(name)
            if done:
                return
            try:
                async for page in self._source.extract(part, scope, checkpoint):
                    self._add(page.rows, name, page.checkpoint)
                    self._told(part.resource, len(page.rows))
            except Unreadable as error:
                kind = self._spec.resources[part.resource]
                self.unreadable[kind] = f"{error.message}. {error.hint}".strip()
                return
            self._scratch.end_part(name)

    async def _parents(self) -> None:
        """Ask by id for every parent that no list showed; what is found may name parents of its own."""
        asked: set[Ref] = set()
        while True:
            rows = self._scratch.rows(
                "SELECT DISTINCT parent_kind, parent_id FROM source AS child WHERE parent_id IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM source WHERE kind = child.parent_kind AND id = child.parent_id)"
            )
            missing = [Ref(Kind(kind), name) for kind, name in rows]
            wanted = [ref for ref in missing if ref not in asked and ref.kind not in self.unreadable]
            if not wanted:
                return
            asked.update(wanted)
            for start in range(0, len(wanted), _BATCH):
                try:
                    found = await self._source.fetch(wanted[start : start + _BATCH])
                except Unreadable as error:
                    log.warning("parents.unreadable", why=error.message)
                    return
                self._add(list(found.values()), "", None)

    def _add(self, raws: Sequence[Raw], part: str, checkpoint: bytes | None) -> None:
        rows: list[Sequence[Any]] = []
        last = {(raw.resource, raw.id): raw for raw in raws}  # of two in one page the later is newer
        for raw in last.values():
            if not raw.gone:
                rows += self._parsed(raw)
        self._scratch.add_source(rows, list(last), part, checkpoint)

    def _parsed(self, raw: Raw) -> list[Sequence[Any]]:
        try:
            parsed: Parsed = self._source.parse(raw)
            return [self._row(raw, record) for record in parsed.records]
        except RecordError as error:
            why = f"{error.field}: {error.message}".strip(": ")
        except Exception as error:  # a plugin's fault costs a record, never the audit
            why = f"it cannot be parsed ({type(error).__name__})"
        kind = self._spec.resources[raw.resource]
        return [(kind, raw.id, raw.resource, raw.id, b"", None, "", None, None, "", "", why)]

    def _row(self, raw: Raw, record: Record) -> Sequence[Any]:
        place = self._target.place(record)
        ms, rank, name = place.order
        return (
            record.ref.kind,
            record.ref.id,
            raw.resource,
            raw.id,
            zlib.compress(encode(record), 1),
            epoch_ms(record.changed_at) if record.changed_at is not None else None,
            content_digest(record),
            place.parent.kind if place.parent is not None else None,
            place.parent.id if place.parent is not None else None,
            f"{max(ms, 0):015d}.{rank:03d}.{name}",
            "\n".join(sorted(place.same_as)),
            "",
        )


class TargetWalk:
    """Lists what stands on the target, and reads what a list does not show.

    Args:
        target: What is read.
        scratch: Where it lands.
        types: Kind -> Struct.
        clock: Waits between attempts.
        told: Told of every page or unit: the kind, and how many.
    """

    def __init__(
        self,
        target: Target,
        scratch: Scratch,
        types: Mapping[Kind, type[Record]],
        clock: Clock,
        told: Callable[[str, int], None],
    ) -> None:
        self._clock = clock
        self._target = target
        self._scratch = scratch
        self._types = types
        self._told = told
        self.unread: dict[tuple[Kind, str], str] = {}
        """What could not be read, and why."""

    async def walk(self, proving: CanProve) -> None:
        """Every list to its end.

        Raises:
            Refused, Paused: Nothing more can be read; what was read is kept.
        """
        for kind in proving.stands:
            name = f"target {kind}"
            troubles = 0
            while not self._scratch.part(name)[1]:
                try:
                    async for page in proving.walk(kind, self._scratch.part(name)[0]):
                        self._scratch.add_present(page.rows, name, page.checkpoint)
                        self._told(f"{kind} there", len(page.rows))
                        troubles = 0
                    self._scratch.end_part(name)
                except (Unclear, NotApplied) as error:
                    troubles = await self._wait(error, troubles)

    async def read(self, wanted: Sequence[tuple[Kind, str]]) -> None:
        """Read whole, as far as it was not; several at a time.

        Raises:
            Refused, Paused: Nothing more can be read; what was read is kept.
        """
        queue = iter(wanted)

        async def lane() -> None:
            for kind, target_id in queue:
                await self._one(kind, target_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(_LANES):
                group.create_task(lane())

    async def _one(self, kind: Kind, target_id: str) -> None:
        if self._scratch.count(
            "SELECT count(*) FROM present WHERE kind = ? AND target_id = ? AND whole", (kind, target_id)
        ):
            return
        found = await self._tried(kind, target_id)
        if found is None:
            self._scratch.drop_present(kind, target_id)
        elif found is not _UNREAD:
            self._scratch.add_present([found])
        self._told(f"{kind} read", 1)

    async def _tried(self, kind: Kind, target_id: str) -> Present | None:
        troubles = 0
        while True:
            try:
                return await self._target.read(kind, target_id)
            except (RecordError, Unreadable) as error:
                self.unread[kind, target_id] = error.message
                return _UNREAD
            except (Unclear, NotApplied) as error:
                troubles = await self._wait(error, troubles)

    async def _wait(self, error: MigError, troubles: int) -> int:
        """Before a read, which is harmless, is asked again.

        Returns:
            How often it was troubled now.

        Raises:
            Refused: Too often.
        """
        if troubles == _TRIES:
            raise Refused(
                f"the target does not answer: {error.message}", "Verify again: it goes on from here."
            ) from error
        told = error.retry_after_s if isinstance(error, NotApplied) else None
        await self._clock.sleep(told if told is not None else min(2.0**troubles, 30.0))
        return troubles + 1


_UNREAD = Present(kind=Kind(""), target_id="")


async def plainly(work: Awaitable[None]) -> None:
    """Await something made of several tasks; of their errors the first that says what to do is raised."""
    try:
        await work
    except BaseExceptionGroup as group:
        found = polite(group)
        if found is None:
            raise
        raise found from group
