"""What an audit has read, on disk: it goes on from here when it was killed, and needs no more memory for more records.

The file holds what both desks hold. It is private from its first byte, lies beside the journal, and is removed when
the audit has come to its end.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mig import Attachment, Kind, Oddity, Present, Record, Ref, Refused, encode

FORMAT = "3"
_OURS = 0x6D696776
"""Written into the head of the file: what is not ours is never emptied."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, checkpoint BLOB, done INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (
    kind TEXT NOT NULL, id TEXT NOT NULL, resource TEXT NOT NULL, raw_id TEXT NOT NULL, body BLOB NOT NULL,
    changed INTEGER, digest TEXT NOT NULL, parent_kind TEXT, parent_id TEXT, own TEXT NOT NULL, names TEXT NOT NULL,
    failure TEXT NOT NULL, unit TEXT, ord TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS source_unit ON source (unit, ord);
CREATE INDEX IF NOT EXISTS source_parent ON source (parent_kind, parent_id);
CREATE INDEX IF NOT EXISTS source_raw ON source (resource, raw_id);
CREATE TABLE IF NOT EXISTS name (name TEXT PRIMARY KEY, unit TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
    kind TEXT NOT NULL, id TEXT NOT NULL, unit TEXT NOT NULL, fate TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, merged TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pair (unit TEXT NOT NULL, target_id TEXT NOT NULL, PRIMARY KEY (unit, target_id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS present (
    kind TEXT NOT NULL, target_id TEXT NOT NULL, body BLOB NOT NULL, whole INTEGER NOT NULL, ours INTEGER NOT NULL,
    foreigners INTEGER NOT NULL, PRIMARY KEY (kind, target_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS root (
    kind TEXT NOT NULL, id TEXT NOT NULL, at_kind TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (kind, id, at_kind, at))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (
    kind TEXT NOT NULL, id TEXT NOT NULL, at_kind TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL,
    hollow INTEGER NOT NULL, PRIMARY KEY (kind, id, at_kind, at)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mark_at ON mark (at_kind, at);
CREATE TABLE IF NOT EXISTS drawn (
    kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, stratum TEXT NOT NULL, chosen INTEGER NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS drawn_stratum ON drawn (stratum);
CREATE TABLE IF NOT EXISTS bytes (
    kind TEXT NOT NULL, id TEXT NOT NULL, verdict TEXT NOT NULL, expected TEXT NOT NULL, actual TEXT NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
DROP VIEW IF EXISTS instead;
CREATE VIEW instead AS SELECT m.kind, m.id, m.at_kind, m.at FROM mark AS m LEFT JOIN known AS k
    ON k.kind = m.kind AND k.id = m.id WHERE m.hollow AND coalesce(k.fate, '') != 'load';
"""
# `instead`: files that never arrived; a note stands in their place and bears their mark. Where the journal says that
# the target took a file, a place that only names it is no such note, but a file that is gone.


class Scratch:
    """The file of one audit.

    Args:
        path: Where; None: in memory, for tests.
        about: What the audit is about; a file about anything else is begun anew.
    """

    def __init__(self, path: Path | None, about: str) -> None:
        self._path = path
        if path is not None:
            _make_private(path)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        try:
            if not self._is_ours():
                self._db.close()
                raise Refused(f"{path} is not the file of an audit", "Remove it, or name another place with --work.")
            self._db.executescript(f"PRAGMA application_id = {_OURS}; PRAGMA journal_mode = WAL;")
            self._db.executescript("PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;")
            self._db.executescript(_TABLES)
            self.resumed = self.said("about") == about
        except sqlite3.DatabaseError as error:
            raise Refused(f"{path} cannot be used: {error}", "Remove it, or name another place with --work.") from error
        if not self.resumed:
            self._empty()
            self.say("about", about)

    def close(self, *, remove: bool = False) -> None:
        """Let go of the file; `remove`: it is not needed any more."""
        self._db.close()
        if remove and self._path is not None:
            for name in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + name).unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether an audit made the file, or nobody has put anything in it."""
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return not tables or self._db.execute("PRAGMA application_id").fetchone()[0] == _OURS

    def _empty(self) -> None:
        for (table,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  # our own names

    # ---- small things ------------------------------------------------------------------------------------------------

    def said(self, key: str) -> str | None:
        """What was said of a key; None: nothing."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def say(self, key: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query answers, whole: for what is known to be small."""
        return self._db.execute(statement, values).fetchall()

    def each(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What a query answers, row by row."""
        yield from self._db.execute(statement, values)

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Change something. Returns: how many rows."""
        return self._db.execute(statement, values).rowcount

    def count(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The number a query answers."""
        return int(self._db.execute(statement, values).fetchone()[0])

    # ---- the source --------------------------------------------------------------------------------------------------

    def part(self, name: str) -> tuple[bytes | None, bool]:
        """Where a walk goes on, and whether it has ended."""
        row = self._db.execute("SELECT checkpoint, done FROM part WHERE name = ?", (name,)).fetchone()
        return (row[0], bool(row[1])) if row else (None, False)

    def end_part(self, name: str) -> None:
        """A walk has ended."""
        self._db.execute("INSERT OR REPLACE INTO part VALUES (?, NULL, 1)", (name,))

    def add_source(
        self, rows: Iterable[Sequence[Any]], dropped: Iterable[tuple[str, str]], part: str, checkpoint: bytes | None
    ) -> None:
        """A page of the source, with where the walk goes on: both or nothing.

        Args:
            rows: Of the table `source`, without unit and ord.
            dropped: Raws (resource, id) that were read again, or are gone: what they were before is forgotten.
            part: Which walk.
            checkpoint: None: it is not kept.
        """
        self._db.execute("BEGIN")
        with self._db:
            self._db.executemany("DELETE FROM source WHERE resource = ? AND raw_id = ?", dropped)
            self._db.executemany(
                "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)", rows
            )
            if checkpoint is not None:
                self._db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, 0)", (part, checkpoint))

    # ---- the target --------------------------------------------------------------------------------------------------

    def add_present(self, rows: Iterable[Present], part: str = "", checkpoint: bytes | None = None) -> None:
        """What stands on the target; what was read whole is not replaced by what a list shows."""
        self._db.execute("BEGIN")
        with self._db:
            for row in rows:
                self._add_present(row)
            if checkpoint is not None:
                self._db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, 0)", (part, checkpoint))

    def _add_present(self, row: Present) -> None:
        at = (row.kind, row.target_id)
        kept = self._db.execute("SELECT whole FROM present WHERE kind = ? AND target_id = ?", at).fetchone()
        if kept and kept[0] and not row.whole:
            return
        values = (*at, pack(row), row.whole, bool(row.sources), row.foreign)
        self._db.execute("INSERT OR REPLACE INTO present VALUES (?, ?, ?, ?, ?, ?)", values)
        for table in ("root", "mark"):
            self._db.execute(f"DELETE FROM {table} WHERE at_kind = ? AND at = ?", at)  # noqa: S608
        roots = {(ref.kind, ref.id, *at) for ref in row.sources}
        self._db.executemany("INSERT OR REPLACE INTO root VALUES (?, ?, ?, ?)", roots)
        times: dict[tuple[str, str], int] = {}
        for record in row.records:
            if record.ref.id:
                times[record.ref.kind, record.ref.id] = times.get((record.ref.kind, record.ref.id), 0) + 1
        filled = {(one.ref.kind, one.ref.id) for one in row.records if not isinstance(one, Attachment) or one.url}
        marks = [(*ref, *at, count, ref not in filled) for ref, count in times.items()]
        self._db.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?, ?)", marks)

    def is_instead(self, ref: Ref) -> bool:
        """Whether only a note stands there in the place of a file."""
        return self.count("SELECT count(*) FROM instead WHERE kind = ? AND id = ?", (ref.kind, ref.id)) > 0

    def drop_present(self, kind: Kind, target_id: str) -> None:
        """A list showed it, and it is not there any more."""
        at = (kind, target_id)
        self._db.execute("DELETE FROM present WHERE kind = ? AND target_id = ?", at)
        for table in ("root", "mark"):
            self._db.execute(f"DELETE FROM {table} WHERE at_kind = ? AND at = ?", at)  # noqa: S608

    def present(self, kind: str, target_id: str, types: Mapping[Kind, type[Record]]) -> Present | None:
        """One thing as it stands on the target."""
        row = self._db.execute(
            "SELECT body FROM present WHERE kind = ? AND target_id = ?", (kind, target_id)
        ).fetchone()
        return unpack(row[0], types) if row else None


def pack(row: Present) -> bytes:
    """A present as bytes; its records keep their own types."""
    head = msgspec.structs.replace(row, records=[])
    records = [msgspec.Raw(encode(record)) for record in row.records]
    return zlib.compress(msgspec.json.encode([head, records]), 1)


class _Packed(msgspec.Struct):
    """The head of a packed present."""

    kind: Kind
    target_id: str
    sources: list[Ref]
    flaws: list[Oddity]
    links: dict[str, str]
    foreign: int
    whole: bool
    files: list[str]


class _Ref(msgspec.Struct):
    """Which record a packed one is."""

    ref: Ref


def unpack(body: bytes, types: Mapping[Kind, type[Record]]) -> Present:
    """The opposite of `pack`."""
    head, records = msgspec.json.decode(zlib.decompress(body), type=tuple[_Packed, list[msgspec.Raw]])
    return Present(
        kind=head.kind,
        target_id=head.target_id,
        sources=head.sources,
        records=[msgspec.json.decode(raw, type=types[msgspec.json.decode(raw, type=_Ref).ref.kind]) for raw in records],
        flaws=head.flaws,
        links=head.links,
        foreign=head.foreign,
        whole=head.whole,
        files=head.files,
    )


def _make_private(path: Path) -> None:
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror}", "Free the place, or name another with --work."
        ) from error
    with os.fdopen(handle) as file:
        if os.fstat(file.fileno()).st_uid != os.getuid():
            raise Refused(f"{path} belongs to somebody else", "Name another place with --work.")
        os.fchmod(file.fileno(), 0o600)
