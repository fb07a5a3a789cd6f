"""The folder of an archive: private, written aside and put in place whole, with a digest of every file in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from mig.errors import Refused, Usage

MARK = ".mig-archive"
SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
_WORK = ".mig-work"
_OURS = ("records", "raw", "files", "page")
"""Folders in which nothing but what we write may lie."""
_TABLES = """
CREATE TABLE sum (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
"""


class Writing:
    """A file on its way into the archive."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._sha = hashlib.sha256()
        self.size = 0

    def write(self, text: str, /) -> None:
        """Text, as UTF-8; half a letter becomes U+FFFD."""
        self.add(text.encode("utf-8", "replace"))

    def add(self, part: bytes) -> None:
        """Bytes, as they are."""
        self._handle.write(part)
        self._sha.update(part)
        self.size += len(part)

    @property
    def sha256(self) -> str:
        """Of what was written so far, hexadecimal."""
        return self._sha.hexdigest()


class Folder:
    """An archive's folder, held by this process while it is open.

    Args:
        path: Where; made if it is not there.
        belongs: What tells this migration from another.

    Raises:
        Usage: It holds something that is not an archive, or another migration's.
        Refused: It cannot be written, or another process writes it.
    """

    def __init__(self, path: Path, belongs: Mapping[str, str]) -> None:
        self.path = path
        self.changed = False
        """Whether anything was written or removed."""
        self._number = 0
        try:
            _take(path, belongs)
            self._lock = os.open(path / MARK, os.O_RDWR)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._lock)
                raise Refused(f"another process writes the archive {path}", "Wait for it to end.") from error
            self.work = path / _WORK
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir(mode=0o700)
        except OSError as error:
            raise cannot_write(path, error) from error
        os.close(os.open(self.work / "shelf.db", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self.shelf = sqlite3.connect(self.work / "shelf.db", isolation_level=None)
        """Tables for as long as the archive is written: what does not fit into memory."""
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-32000"):
            self.shelf.execute(f"PRAGMA {pragma}")
        self.shelf.execute("BEGIN")  # one transaction: it is thrown away at the end
        self.add_tables(_TABLES)
        self.keep(MARK)

    def close(self) -> None:
        """Let it go; what is not finished stays as it is, to be taken up again."""
        self.shelf.close()
        shutil.rmtree(self.work, ignore_errors=True)
        os.close(self._lock)

    def add_tables(self, statements: str) -> None:
        """Make room on the shelf."""
        for statement in statements.split(";"):
            self.shelf.execute(statement)

    @contextmanager
    def writing(self, name: str) -> Iterator[Writing]:
        """A file, written aside and put in its place when the context ends well; the same bytes stay untouched.

        Raises:
            Refused: The disk is full, or the folder cannot be written.
        """
        try:
            aside = self.aside()
            with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
                writing = Writing(handle)
                yield writing
                handle.flush()
                os.fsync(handle.fileno())
            self.put(name, aside, writing.sha256, writing.size)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def aside(self) -> Path:
        """A place for a file that is not whole yet."""
        self._number += 1
        return self.work / f"{self._number}.part"

    def put(self, name: str, aside: Path, sha256: str, size: int) -> None:
        """Put a whole file in its place."""
        place = self.path / name
        if not (place.is_symlink() or not place.is_file()) and (size, sha256) == (
            place.stat().st_size,
            digest_of(place),
        ):
            aside.unlink()
        else:
            for folder in reversed(place.relative_to(self.path).parents[:-1]):
                (self.path / folder).mkdir(mode=0o700, exist_ok=True)
            aside.replace(place)
            self.changed = True
        self.note(name, sha256, size)

    def keep(self, name: str) -> None:
        """A file that lies there already stays."""
        place = self.path / name
        self.note(name, digest_of(place), place.stat().st_size)

    def there(self, name: str) -> Path | None:
        """Where a file lies, if it does."""
        place = self.path / name
        return place if place.is_file() and not place.is_symlink() else None

    def size(self) -> int:
        """Bytes of all that is in it."""
        return int(self.shelf.execute("SELECT coalesce(sum(size), 0) FROM sum").fetchone()[0])

    def tidy(self) -> int:
        """Remove what is in our own folders and was not written or kept this time. Returns: how many files."""
        gone = 0
        for top in _OURS:
            for here, folders, names in os.walk(self.path / top, topdown=False):
                for name in names:
                    place = Path(here, name)
                    known = self.shelf.execute(
                        "SELECT 1 FROM sum WHERE path = ?", (_stored(str(place.relative_to(self.path))),)
                    )
                    if known.fetchone() is None:
                        place.unlink()
                        gone += 1
                for name in folders:
                    folder = Path(here, name)
                    if folder.is_symlink():
                        folder.unlink()
                    elif not any(folder.iterdir()):
                        folder.rmdir()
            if (self.path / top).is_dir() and not any((self.path / top).iterdir()):
                (self.path / top).rmdir()
        self.changed |= gone > 0
        return gone

    def seal(self, manifest: bytes) -> None:
        """Write the digests and then, the last of all, the manifest."""
        aside = self.aside()
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
            handle.write(manifest)
            handle.flush()
            os.fsync(handle.fileno())
        self.note(MANIFEST, hashlib.sha256(manifest).hexdigest(), len(manifest))
        with self.writing(SUMS) as sheet:
            for path, sha256 in self.shelf.execute(
                "SELECT path, sha256 FROM sum WHERE path != ? ORDER BY path", (SUMS,)
            ):
                sheet.write(f"{sha256}  {path}\n")
        aside.replace(self.path / MANIFEST)
        descriptor = os.open(self.path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def note(self, name: str, sha256: str, size: int) -> None:
        """A file that lies there, with its digest, belongs to the archive."""
        self.shelf.execute("INSERT OR REPLACE INTO sum VALUES (?, ?, ?)", (_stored(name), sha256, size))


def _stored(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def digest_of(place: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with place.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> Refused:
    """What a disk said, for a person."""
    return Refused(
        f"the archive {path} cannot be written: {error.strerror or error}",
        "Make room, or name another folder with --out; the same command goes on from here.",
    )


def _take(path: Path, belongs: Mapping[str, str]) -> None:
    """Make the folder ours, if it is empty or ours already."""
    if path.is_symlink() and path.lstat().st_uid not in (0, os.getuid()):
        raise Refused(f"the archive {path} is a link somebody else made", "Remove it, or name another.")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = path / MARK
    if not mark.is_file():
        if any(path.iterdir()):
            raise Usage(f"{path} is not empty, and is no archive of mig", "Name an empty folder, or a new one.")
    else:
        try:
            found = msgspec.json.decode(mark.read_bytes(), type=dict[str, str])
        except msgspec.MsgspecError:
            found = {}  # a process was killed while it wrote the mark: there is nothing beside it yet
        if found and found != dict(belongs):
            raise Usage(f"{path} is the archive of another migration", "Name another folder.")
    if any((path / name).is_symlink() for name in _OURS):
        raise Usage(f"folders of {path} are links", "Remove them: an archive lies in one place.")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)
    content = msgspec.json.encode(dict(belongs)) + b"\n"
    if not mark.is_file() or mark.read_bytes() != content:
        with os.fdopen(os.open(mark, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(content)
            os.fsync(handle.fileno())
