"""One file on its way through the engine: what became of it, what that cost, what was said, what was left."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import structlog

import mig
from floor_net import PUBLIC, Names, Wires
from mig.engine.files import Files
from mig.engine.plan import Step
from mig.engine.protocol import Outcome
from mig.http import Outside
from mig.journal import staging
from mig.journal.staging import Staged
from mig.journal.store import Journal
from mig.model import TYPES
from mig.platforms import Effect, File, Operation, Receipt
from mig.settings import EngineSettings
from storm import MemorySource, VirtualClock

LIMIT_MB = 2
FILE = mig.Ref(mig.ATTACHMENT, "f")
Body = Callable[[], Iterable[bytes]]


class Stored(MemorySource):
    """A desk with one file.

    Args:
        url: Where it lies.
        wires: The network.
        names: Its name server.
    """

    def __init__(self, url: str, wires: Wires, names: Names) -> None:
        super().__init__([])
        self._url = url
        self._outside = Outside(transport=wires.transport(), resolve=names)

    @asynccontextmanager
    async def open_file(self, record: mig.Record) -> AsyncIterator[AsyncIterator[bytes]]:
        """The file, through the guard."""
        async with self._outside.get(self._url) as opened:
            yield opened.chunks


def stored(head: str, body: Body) -> Stored:
    """A desk whose file lies in a store of the open internet.

    Args:
        head: Of the store's answer.
        body: Of it.
    """
    whole = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode()
    names = Names({"files.example": [[PUBLIC]]})
    return Stored("https://files.example/f", Wires(names, lambda _: chain([whole], body())), names)


class Taken(msgspec.Struct):
    """What became of a file."""

    outcome: Outcome
    data: bytes | None
    """None: it did not come whole."""
    left: list[Path]
    """What lay in the folder for files afterwards."""
    peak: int
    """Bytes of memory, at most."""
    told: Sequence[Mapping[str, Any]]
    """The events that were logged."""


async def take(tmp_path: Path, source: mig.Source) -> Taken:
    """Let the engine fetch the desk's file, as for an upload.

    Args:
        tmp_path: Where it may lie meanwhile.
        source: The desk.
    """
    journal = Journal.open("sqlite://", inline=True)
    settings = EngineSettings(attempts=2, spool=str(tmp_path), file_mb=LIMIT_MB)
    files = Files(journal, 1, source, TYPES, VirtualClock(), settings)
    record = mig.Attachment(ref=FILE, name="f")
    staged = Staged(
        ref=FILE,
        resource="attachments",
        raw_id="f",
        body=msgspec.json.encode(record),
        digest="d",
        changed_at=None,
        parent=None,
        own="0",
    )
    await journal.write(
        lambda c: staging.find_migration(c, source="s", organisation="o", target="t", workspace="w", now="2026-01-01")
    )
    await journal.write(lambda c: staging.stage_records(c, 1, [staged]))
    step = Step(
        op=Operation(name="upload", verb="upload", effect=Effect.CREATE, body={"file": File(FILE)}),
        action="send",
        digest="d",
    )
    data: list[bytes] = []

    async def send() -> Outcome:
        (file,) = step.files.values()
        if file.path is None:
            return Outcome("done", Receipt({"url": ""}, declined=file.why))
        data.append(await asyncio.to_thread(file.path.read_bytes))
        return Outcome("done", Receipt({"url": "u"}))

    tracemalloc.start()
    try:
        with structlog.testing.capture_logs() as told:
            try:
                outcome = await files.settle(step, lambda op: op.body, send)
            except mig.Postponed as error:  # as the engine notes it
                outcome = Outcome("later", None, f"{error.message}. {error.hint}")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    left = await asyncio.to_thread(files_in, tmp_path)
    files.close()
    journal.close()
    return Taken(outcome, data[0] if data else None, left, peak, told)


def files_in(folder: Path) -> list[Path]:
    """Every file, however deep."""
    return [path for path in folder.rglob("*") if path.is_file()]
