"""The bytes of files: fetched once, streamed to the disk, and known again by their digest."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import select

from mig.archive.folder import Folder, Writing, digest_of
from mig.archive.names import file_name
from mig.archive.tables import Table
from mig.clock import Clock
from mig.errors import Lost, NotApplied, Paused, Unclear
from mig.failpoints import failpoint
from mig.journal.schema import record
from mig.journal.store import Journal
from mig.model import Attachment, Kind, Record
from mig.platforms import HasFiles
from mig.settings import EngineSettings

log = structlog.get_logger("mig.archive")
LIST = "files.csv"
MISSING = "missing-files.csv"
_DONE = ".files-done"
"""Files that came whole while the archive is not finished, one a line: what a killed process had."""
_PAGE = 200
_TABLES = """
CREATE TABLE had (path TEXT PRIMARY KEY, of TEXT, sha256 TEXT, size INTEGER) WITHOUT ROWID;
CREATE TABLE file (
    ref TEXT PRIMARY KEY, path TEXT, sha256 TEXT, size INTEGER, of TEXT, name TEXT, parent TEXT, why TEXT
) WITHOUT ROWID;
"""


class Wanted(Struct, frozen=True):
    """A file of the source."""

    record: Attachment
    digest: str
    """Of the record: when it changes, the bytes may have."""
    asked: bool
    """Its bytes shall be here."""

    @property
    def path(self) -> str:
        """Where its bytes lie in the archive."""
        return file_name(self.record.ref, self.record.name)


class Tally(Struct):
    """How many files became what."""

    fetched: int = 0
    kept: int = 0
    missing: int = 0
    unasked: int = 0


Opens = Callable[[], Awaitable[HasFiles | None]]
"""Opens the source when the first file is asked of it; None: it gives none."""


class Files:
    """Fetches what is not here yet.

    Args:
        folder: The archive.
        journal: Knows which files there are.
        mig: The migration's number.
        types: Kind -> Struct.
        which: all, archived (those the target does not have), or none.
        full: Fetch also what is here already.
    """

    def __init__(
        self, folder: Folder, journal: Journal, mig: int, types: Mapping[Kind, type[Record]], which: str, *, full: bool
    ) -> None:
        self._folder = folder
        self._db = folder.shelf
        self._journal = journal
        self._mig = mig
        self._which = which
        self._kinds = sorted(kind for kind, struct in types.items() if issubclass(struct, Attachment))
        self._types = types
        self.tally = Tally()
        self.paused: Paused | None = None
        """A quota was used up before all were here."""
        folder.add_tables(_TABLES)
        if not full:
            self._load()

    def _load(self) -> None:
        """What the last archive, and one that was killed since, say they have."""
        here = self._folder.path
        with (
            contextlib.suppress(OSError, csv.Error, ValueError, KeyError),
            (here / LIST).open(encoding="utf-8", newline="") as sheet,
        ):
            for row in csv.DictReader(sheet):
                self._had((row["path"], row["record"], row["sha256"], int(row["bytes"])))
        with contextlib.suppress(OSError), (here / _DONE).open(encoding="utf-8") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # the last one may be cut
                    path, of, sha256, size = json.loads(line)
                    self._had((path, of, sha256, size))

    def _had(self, row: Sequence[object]) -> None:
        self._db.execute("INSERT OR REPLACE INTO had VALUES (?, ?, ?, ?)", tuple(row))

    def pages(self) -> Iterator[list[Wanted]]:
        """Every file of the source, page by page; what the journal knows as deleted there too."""
        for kind in self._kinds:
            after = ""
            c = record.c
            while True:
                statement = select(c.id, c.body, c.digest, c.fate, c.state).where(
                    c.migration == self._mig, c.kind == kind, c.id > after, c.body != b""
                )
                with self._journal.reading() as connection:
                    rows = connection.execute(statement.order_by(c.id).limit(_PAGE)).all()
                yield [self._wanted(Kind(kind), row.body, row.digest, row.fate, row.state) for row in rows]
                if len(rows) < _PAGE:
                    break
                after = rows[-1].id

    def _wanted(self, kind: Kind, body: bytes, digest: str, fate: str | None, state: str) -> Wanted:
        found = msgspec.json.decode(body, type=self._types[kind])
        assert isinstance(found, Attachment)
        there = fate == "load" and state == "done"
        return Wanted(found, digest, self._which == "all" or (self._which == "archived" and not there))

    def claimed(self) -> int:
        """Bytes of what is still to be fetched, as the source claims."""
        return sum(
            one.record.size or 0 for page in self.pages() for one in page if one.asked and self._kept(one) is None
        )

    def _kept(self, wanted: Wanted) -> tuple[str, int] | None:
        """Digest and size of what is here already, if its bytes are what they were."""
        row = self._db.execute("SELECT of, sha256, size FROM had WHERE path = ?", (wanted.path,)).fetchone()
        place = self._folder.there(wanted.path)
        if row is None or place is None or row[0] != wanted.digest or place.stat().st_size != row[2]:
            return None
        return (row[1], row[2])

    async def fetch(self, opens: Opens, clock: Clock, settings: EngineSettings) -> None:
        """Fetch what is asked for and not here.

        Raises:
            Refused: The disk is full, or the source cannot be opened.
        """
        lanes = asyncio.Semaphore(settings.readers)
        with _appended(self._folder.path / _DONE) as done:

            async def one(wanted: Wanted) -> None:
                async with lanes:
                    await self._one(wanted, opens, clock, settings, done)

            for page in self.pages():
                async with asyncio.TaskGroup() as group:
                    for wanted in page:
                        group.create_task(one(wanted))

    async def _one(self, wanted: Wanted, opens: Opens, clock: Clock, settings: EngineSettings, done: TextIO) -> None:
        kept = self._kept(wanted)
        if kept is not None and await asyncio.to_thread(digest_of, self._folder.path / wanted.path) == kept[0]:
            self.tally.kept += 1
            self._note(wanted, *kept)
            return
        if not wanted.asked:
            self.tally.unasked += 1
            self._note(wanted, "", 0)
            return
        source = None if self.paused else await opens()
        if source is None:
            why = self.paused.message if self.paused else "the source gives no files"
            self._miss(wanted, why)
            return
        try:
            sha256, size = await self._read(source, wanted, clock, settings)
        except Paused as error:
            self.paused = error
            self._miss(wanted, error.message)
        except Lost as error:
            self._miss(wanted, error.message)
        except TimeoutError:
            self._miss(wanted, f"it did not come within {settings.file_s:.0f} s")
        except (Unclear, NotApplied) as error:
            self._miss(wanted, f"it could not be read this time ({error.message})")
        else:
            self.tally.fetched += 1
            self._note(wanted, sha256, size)
            print(json.dumps([wanted.path, wanted.digest, sha256, size]), file=done, flush=True)
            failpoint("archive.file")

    async def _read(self, source: HasFiles, wanted: Wanted, clock: Clock, settings: EngineSettings) -> tuple[str, int]:
        for attempt in range(settings.attempts):
            if attempt:
                await clock.sleep(min(0.5 * 2**attempt, 30.0))
            aside = self._folder.aside()
            try:
                async with asyncio.timeout(settings.file_s):
                    return await self._stream(source, wanted, aside, settings)
            except (Unclear, NotApplied):
                if attempt + 1 == settings.attempts:
                    raise
            finally:
                aside.unlink(missing_ok=True)
        raise Unclear("no attempt was allowed")

    async def _stream(self, source: HasFiles, wanted: Wanted, aside: Path, settings: EngineSettings) -> tuple[str, int]:
        most = (wanted.record.size or 0) + settings.file_mb * 1_000_000
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
            writing = Writing(handle)
            async with source.open_file(wanted.record) as chunks:
                async for chunk in chunks:
                    writing.add(chunk)
                    if writing.size > most:
                        raise Lost("it is much larger than the source says, and was not read to its end")
            handle.flush()
            await asyncio.to_thread(os.fsync, handle.fileno())
        self._folder.put(wanted.path, aside, writing.sha256, writing.size)
        return writing.sha256, writing.size

    def _miss(self, wanted: Wanted, why: str) -> None:
        self.tally.missing += 1
        log.warning("file.missed", ref=str(wanted.record.ref), why=why)
        self._note(wanted, "", 0, why)

    def _note(self, wanted: Wanted, sha256: str, size: int, why: str = "") -> None:
        one = wanted.record
        path = wanted.path if sha256 else ""
        if sha256:
            self._folder.note(path, sha256, size)
        parent = str(one.parent) if one.parent else ""
        row = (str(one.ref), path, sha256, size, wanted.digest, one.name, parent, why)
        self._db.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in row),
        )

    def where(self, ref: str) -> tuple[str, str]:
        """Where the bytes of a file lie, or why they are not here."""
        key = ref.encode("utf-8", "replace").decode()
        row = self._db.execute("SELECT path, why FROM file WHERE ref = ?", (key,)).fetchone()
        if row is None:
            return "", "nothing is known of it but its id"
        return row[0], row[1] or ("" if row[0] else "it was not asked for: only in the other desk, or at the source")

    def write_lists(self) -> None:
        """Which files are here, and which are not."""
        with self._folder.writing(LIST) as sheet:
            table = Table(sheet, ("path", "sha256", "bytes", "record", "id", "name", "parent"))
            for row in self._db.execute(
                "SELECT path, sha256, size, of, ref, name, parent FROM file WHERE sha256 != '' ORDER BY ref"
            ):
                table.add(row)
        with self._folder.writing(MISSING) as sheet:
            table = Table(sheet, ("id", "name", "parent", "reason"))
            for row in self._db.execute("SELECT ref, name, parent, why FROM file WHERE why != '' ORDER BY ref"):
                table.add(row)

    def end(self) -> None:
        """The lists are written: what was kept for a process that is killed is not needed any more."""
        (self._folder.path / _DONE).unlink(missing_ok=True)


def _appended(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "a", encoding="utf-8")
