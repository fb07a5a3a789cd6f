"""The bytes of files: from the source to this machine, with limits, for as long as their operation is sent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO
from weakref import WeakValueDictionary

import msgspec
import structlog

from mig.clock import Clock
from mig.engine.plan import Step, files_in
from mig.engine.protocol import Fill, Outcome
from mig.errors import Lost, NotApplied, Postponed, RecordError, Refused, Unclear
from mig.failpoints import failpoint
from mig.journal import answers, delivery
from mig.journal.store import Journal
from mig.model import Kind, Record, Ref, digest
from mig.platforms import Effect, File, HasFiles, Operation, Source, Spooled
from mig.settings import EngineSettings

log = structlog.get_logger("mig.files")


class Files:
    """Gives operations the files they name; what was sent once with the same bytes is not sent again.

    Args:
        journal: Knows the records of files, and what was answered before.
        mig: The migration's number.
        source: Whose files they are.
        types: Kind -> Struct, to decode records by.
        clock: Between attempts.
        settings: Limits, and where the bytes lie meanwhile.
        name: Of the journal, whose lock keeps two runs out of one folder; empty: of this process.
    """

    def __init__(
        self,
        journal: Journal,
        mig: int,
        source: Source,
        types: Mapping[Kind, type[Record]],
        clock: Clock,
        settings: EngineSettings,
        *,
        name: str = "",
    ) -> None:
        self._journal = journal
        self._mig = mig
        self._source = source
        self._types = types
        self._clock = clock
        self._settings = settings
        self._name = name or f"{os.getpid()}-{id(self):x}"
        self._folder: Path | None = None
        self._number = 0
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        """Remove what is left of the bytes."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def settle(self, step: Step, fill: Fill, send: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Spool the files a step names, then settle it.

        Args:
            step: Gets its files for the time of the call.
            fill: Fills its open receipts.
            send: Settles it.

        Raises:
            Refused: There is no room for the bytes.
            Postponed: A file cannot be had now. What `send` raises goes through.
        """
        try:
            async with self._spooled(files_in(step.op.body)) as files:
                if step.op.effect is not Effect.FREE:
                    step.files = files
                    return await send()
                return await self._once(step, files, _key(step.op, fill, files), send)
        except RecordError as error:
            return Outcome("failed", step.old, f"{error.message}. {error.hint}".strip())

    async def _once(
        self, step: Step, files: Mapping[Ref, Spooled], key: str, send: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """The same request with the same bytes has one answer, whichever lane or run asked for it."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = await self._journal.read(lambda c: answers.find(c, self._mig, key))
            if known is not None:
                return Outcome("done", msgspec.structs.replace(known, unchanged=True))
            step.files = files
            outcome = await send()
            receipt = outcome.receipt
            if outcome.state == "done" and receipt is not None and not receipt.declined:
                await self._journal.write(lambda c: answers.save(c, self._mig, key, receipt))
            return outcome

    @asynccontextmanager
    async def _spooled(self, wanted: Sequence[Ref]) -> AsyncIterator[dict[Ref, Spooled]]:
        async with AsyncExitStack() as stack:
            files: dict[Ref, Spooled] = {}
            for ref in wanted:
                found = await self._fetch(ref)
                if found.path is not None:
                    stack.callback(found.path.unlink, missing_ok=True)
                files[ref] = found
            failpoint("file.spooled")
            yield files

    async def _fetch(self, ref: Ref) -> Spooled:
        record = await self._journal.read(lambda c: delivery.staged_body(c, self._mig, ref))
        if record is None or not isinstance(self._source, HasFiles):
            return Spooled(None, why="the source cannot give files")
        decoded = msgspec.json.decode(record[0], type=self._types[ref.kind])
        why = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                await self._clock.sleep(min(0.5 * 2**attempt, 30.0))
            try:
                async with asyncio.timeout(self._settings.file_s):
                    return await self._read(self._source, decoded)
            except Lost as error:
                # No warning: the summary counts them by reason, and a desk may hold hundreds that a setting leaves.
                log.info("file.lost", ref=str(ref), why=error.message, hint=error.hint)
                return Spooled(None, why=error.message)
            except TimeoutError as error:
                raise Postponed(
                    f"its bytes did not come within {self._settings.file_s:.0f} s",
                    "The next run tries again; [engine] file_s allows more.",
                ) from error
            except (Unclear, NotApplied) as error:
                why = error.message
                log.info("file.retried", ref=str(ref), why=why, attempt=attempt)
        raise Postponed(f"its bytes could not be read ({why})", "The next run tries again.")

    async def _read(self, source: HasFiles, record: Record) -> Spooled:
        """Stream one file to disk, counting and hashing."""
        sha, size = hashlib.sha256(), 0
        path: Path | None = None
        try:
            path = self._place()
            async with source.open_file(record) as chunks:
                with _created(path) as handle:
                    async for chunk in chunks:
                        size += len(chunk)
                        if size > self._settings.file_mb * 1_000_000:
                            raise Lost(
                                f"it is larger than {self._settings.file_mb} MB ([engine] file_mb)",
                                "[engine] file_mb allows more; then run with --remap.",
                            )
                        sha.update(chunk)
                        handle.write(chunk)
        except OSError as error:
            _remove(path)
            raise Refused(
                f"a file's bytes cannot be kept on this machine: {error.strerror}",
                "Make room, or name another folder: [engine] spool. Then run again.",
            ) from error
        except BaseException:
            _remove(path)
            raise
        return Spooled(path, size, sha.hexdigest())

    def _place(self) -> Path:
        """A new place for bytes. The folder has one name per journal: what a killed run left is removed by the next."""
        if self._folder is None:
            base = Path(self._settings.spool or tempfile.gettempdir())
            folder = base / f"mig-{os.getuid()}-{self._name}"
            if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid()):
                raise PermissionError(1, "the folder for files belongs to somebody else", str(folder))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            self._folder = folder
        self._number += 1
        return self._folder / str(self._number)


def _created(path: Path) -> BinaryIO:
    """A new file nobody else can read."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


def _key(operation: Operation, fill: Fill, files: Mapping[Ref, Spooled]) -> str:
    """What makes two uploads the same: what is asked, and the bytes."""
    return digest(operation.verb, msgspec.json.encode(_plain(fill(operation), files), order="deterministic"))


def _plain(value: object, files: Mapping[Ref, Spooled]) -> object:
    if isinstance(value, File):
        return [files[value.ref].sha256, files[value.ref].why]
    if isinstance(value, Mapping):
        return {key: _plain(item, files) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, files) for item in value]
    return value
