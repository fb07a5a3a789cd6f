"""The journal in a file: private from its first byte, one writer by a lock beside it, durable at every commit."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import StaticPool

from mig.errors import Refused, Usage
from mig.journal.refusals import refuse_foreign, refuse_newer
from mig.journal.schema import schema


class SqliteFile:
    """A file, or a database in memory that ends with the process."""

    def __init__(self, url: URL) -> None:
        self._file = Path(url.database) if url.database and url.database != ":memory:" else None
        self._lock: filelock.BaseFileLock | None = None
        memory = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        self.engine: Engine = create_engine(
            url,
            hide_parameters=True,  # they are bodies
            **(memory if self._file is None else {}),
        )
        event.listen(self.engine, "connect", _pragmas)

    def prepare(self, create: bool) -> None:
        """Before SQLite opens it: refuse what is not ours, and make the file private."""
        if self._file is not None:
            _refuse_planted(self._file)
            _look_first(self._file)
            _make_private(self._file, create)

    def tables(self) -> set[str]:
        """The names of the tables that are there."""
        return set(inspect(self.engine).get_table_names())

    def making(self) -> AbstractContextManager[Connection]:
        """A transaction to make the tables in."""
        return self.engine.begin()

    def acquire(self, holder: Callable[[], str]) -> None:
        """Become the one writer."""
        if self._file is None:
            return
        self._lock = filelock.FileLock(f"{self._file}.lock", timeout=0, mode=0o600)
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            raise Refused(
                f"the journal {self._file.name} is in use{holder()}",
                "Wait for that run to end, or stop it: that is safe at any moment.",
            ) from error
        except OSError as error:
            raise Refused(
                f"the journal's lock cannot be taken: {error.strerror}", "Check the folder's permissions."
            ) from error

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction to write in."""
        return self.engine.begin()

    def close(self) -> None:
        """Let everything go."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.release()


def _refuse_planted(file: Path) -> None:
    """In a folder others write to, their link could lead the journal, and every body in it, to a file of theirs."""
    if file.is_symlink() and file.lstat().st_uid not in (0, os.getuid()):
        raise Refused(f"the journal {file} is a link somebody else made", "Remove it, or name another with --state.")


def _look_first(file: Path) -> None:
    """What is not our journal is refused before anything of it is touched: its mode, its header."""
    if not file.exists() or file.stat().st_size == 0:
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            refuse_foreign(tables)
            if schema.name in tables:
                for (version,) in connection.execute(f"select version from {schema.name}"):  # noqa: S608  # our own name
                    refuse_newer(version)
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise Usage(
                "the file named by --state is not a database", "Name another; this one was not touched."
            ) from error
        # Anything else shows again, and is told, when the journal is opened.


def _make_private(file: Path, create: bool) -> None:
    """The file exists with mode 0600 before SQLite writes its first byte; its companions take the same mode."""
    if not file.exists() and not create:
        raise Usage(f"there is no journal {file}", "Name it with --state, or begin with `mig run`.")
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(0o600)
    except OSError as error:
        raise Refused(
            f"the journal {file} cannot be opened: {error.strerror}", "Check the folder, or use --state."
        ) from error


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=10000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
