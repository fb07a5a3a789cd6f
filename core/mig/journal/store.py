"""Opening a journal, and the group-commit writer: what several lanes want to write becomes one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import filelock
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from mig.errors import Refused, Usage
from mig.failpoints import failpoint
from mig.journal.schema import SCHEMA, metadata, run, schema

T = TypeVar("T")
Work = Callable[[Connection], T]


class Journal:
    """The state of migrations, in a database.

    Reads run in a small pool of threads, writes in one thread: everything that is waiting when it becomes free goes
    into one transaction. With `inline` both run where they are called, for virtual time.
    """

    def __init__(self, engine: Engine, *, inline: bool = False) -> None:
        self._engine = engine
        self._inline = inline
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._write_pool = ThreadPoolExecutor(1, "journal-write")
        self._read_pool = ThreadPoolExecutor(2, "journal-read")
        self.dialect = engine.dialect.name
        self.lock: filelock.BaseFileLock | None = None

    # ---- opening and closing ---------------------------------------------------------------------------------------

    @classmethod
    def open(cls, url: str, *, inline: bool = False, create: bool = True) -> Journal:
        """Open a journal, and make it if it is not there.

        Args:
            url: `sqlite:///mig.db`, `sqlite://` (in memory), or another URL SQLAlchemy knows.
            inline: Run everything in the calling thread.
            create: False: a journal that is not there is an error.

        Raises:
            Usage: The URL means nothing, the database is not a journal, or a newer mig wrote it.
            Refused: It cannot be opened or written.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise Usage("--state is not a database URL", "Example: sqlite:///mig.db") from error
        if parsed.password:
            raise Usage(
                "--state holds a password, which everybody on this machine can read", "Use PGPASSWORD, or a passfile."
            )
        file = _sqlite_file(parsed.get_backend_name(), parsed.database)
        if file is not None:
            _look_first(file)
            _make_private(file, create)
        try:
            in_memory = parsed.get_backend_name() == "sqlite" and file is None
            engine = create_engine(
                parsed,
                hide_parameters=True,  # they are bodies
                **({"poolclass": StaticPool, "connect_args": {"check_same_thread": False}} if in_memory else {}),
            )
            if engine.dialect.name == "sqlite":
                event.listen(engine, "connect", _pragmas)
            _check(engine, create)
        except SQLAlchemyError as error:
            raise _cannot_open(error) from error
        except ModuleNotFoundError as error:
            raise Usage(
                f"--state: the driver {error.name} is not installed", "Install it, or use sqlite:///mig.db"
            ) from error
        return cls(engine, inline=inline)

    def acquire(self) -> None:
        """Become the one writer.

        Raises:
            Refused: Another run holds the journal; its host and process are named.
        """
        file = _sqlite_file(self._engine.url.get_backend_name(), self._engine.url.database)
        if file is None:
            return
        self.lock = filelock.FileLock(f"{file}.lock", timeout=0, mode=0o600)
        try:
            self.lock.acquire()
        except filelock.Timeout as error:
            raise Refused(
                f"the journal {file.name} is in use{self._holder()}",
                "Wait for that run to end, or stop it: that is safe at any moment.",
            ) from error
        except OSError as error:
            raise Refused(
                f"the journal's lock cannot be taken: {error.strerror}", "Check the folder's permissions."
            ) from error

    def close(self) -> None:
        """Let everything go."""
        self._write_pool.shutdown(wait=True)
        self._read_pool.shutdown(wait=True)
        self._engine.dispose()
        if self.lock is not None:
            self.lock.release()

    def _holder(self) -> str:
        last = select(run.c.host, run.c.pid, run.c.started_at).where(run.c.ended_at.is_(None)).order_by(run.c.id.desc())
        with self._engine.connect() as connection:
            row = connection.execute(last.limit(1)).first()
        return f" by process {row.pid} on {row.host}, since {row.started_at}" if row else " by another process"

    # ---- reading and writing ---------------------------------------------------------------------------------------

    async def read(self, work: Work[T]) -> T:
        """Run a reading function on a connection; what was written before the call is seen."""
        if self._inline:
            return self._read(work)
        return await asyncio.get_running_loop().run_in_executor(self._read_pool, self._read, work)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with, where no loop runs (`mig status`)."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _cannot_write(error) from error

    async def write(self, work: Work[T]) -> T:
        """Run a writing function; when this returns, its effect is durable.

        Raises:
            Refused: The disk is full or the database is gone; nothing of this transaction was kept.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            work = [item for item, _ in batch]
            try:
                if self._inline:
                    results = self._commit(work)
                else:
                    loop = asyncio.get_running_loop()
                    results = await loop.run_in_executor(self._write_pool, self._commit, work)
            except BaseException as error:  # each caller gets the failure, whatever it is; none is kept here
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise _cannot_write(error) from error

    def _commit(self, batch: list[Work[Any]]) -> list[Any]:
        failpoint("commit.before")
        try:
            with self._engine.begin() as connection:
                results = [work(connection) for work in batch]
                failpoint("commit.inside")
        except SQLAlchemyError as error:
            raise _cannot_write(error) from error
        failpoint("commit.after")
        return results


def _sqlite_file(backend: str, database: str | None) -> Path | None:
    if backend != "sqlite" or not database or database == ":memory:":
        return None
    return Path(database)


def _look_first(file: Path) -> None:
    """What is not our journal is refused before anything of it is touched: its mode, its header."""
    if not file.exists() or file.stat().st_size == 0:
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            _refuse_foreign(tables)
            if schema.name in tables:
                for (version,) in connection.execute(f"select version from {schema.name}"):  # noqa: S608  # our own name
                    _refuse_newer(version)
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise Usage(
                "the file named by --state is not a database", "Name another; this one was not touched."
            ) from error
        # Anything else shows again, and is told, when the journal is opened.


def _refuse_foreign(tables: set[str]) -> None:
    foreign = sorted(name for name in tables if not name.startswith(("mig_", "sqlite_")))
    if foreign:
        raise Usage(
            f"this database holds tables that are not mig's ({', '.join(foreign[:3])} ...)",
            "Give mig a database or file of its own with --state; this one was not touched.",
        )


def _refuse_newer(version: int) -> None:
    if version > SCHEMA:
        raise Usage(
            f"this journal was written by a newer mig (schema {version}, this one knows {SCHEMA})",
            "Upgrade mig; the journal was not touched.",
        )


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


def _check(engine: Engine, create: bool) -> None:
    """Make the tables in an empty database; refuse what is not ours, or newer than we are."""
    tables = set(inspect(engine).get_table_names())
    _refuse_foreign(tables)
    version = None
    if schema.name in tables:
        with engine.connect() as connection:
            version = connection.execute(select(schema.c.version)).scalar()
    if version is not None:
        _refuse_newer(version)
        return
    if not create:
        raise Usage("this database is no journal", "Name the journal with --state, or begin with `mig run`.")
    metadata.create_all(engine)  # also what an earlier process did not finish making
    with engine.begin() as connection:
        connection.execute(insert(schema).values(version=SCHEMA))


def _cannot_open(error: SQLAlchemyError) -> Usage | Refused:
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.DatabaseError) and "not a database" in str(cause):
        return Usage("the file named by --state is not a database", "Name another; this one was not touched.")
    return Refused(f"the journal cannot be opened ({_kind(error)})", "Check --state and that the database is running.")


def _cannot_write(error: SQLAlchemyError) -> Refused:
    text = str(getattr(error, "orig", ""))
    if isinstance(error, OperationalError) and "full" in text:
        return Refused("the disk that holds the journal is full", "Make room and run the same command again.")
    return Refused(
        f"the journal cannot be read or written ({_kind(error)})", "Check the disk; what was committed before is safe."
    )


def _kind(error: SQLAlchemyError) -> str:
    """The driver's own words without the statement and its parameters, which may hold bodies."""
    cause = getattr(error, "orig", None)
    return f"{type(cause or error).__name__}: {str(cause).splitlines()[0][:200] if cause else ''}".rstrip(": ")
