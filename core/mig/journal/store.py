"""Opening a journal, and the group-commit writer: what several lanes want to write becomes one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import SQLAlchemyError

from mig.errors import Usage
from mig.failpoints import failpoint
from mig.journal.place import Database, find_database
from mig.journal.refusals import cannot_open, cannot_write, refuse_foreign, refuse_newer
from mig.journal.schema import SCHEMA, metadata, run, schema
from mig.model import digest

T = TypeVar("T")
Work = Callable[[Connection], T]


class Journal:
    """The state of migrations, in a database.

    Reads run in a small pool of threads, writes in one thread: everything that is waiting when it becomes free goes
    into one transaction. With `inline` both run where they are called, for virtual time.
    """

    def __init__(self, database: Database, *, inline: bool = False) -> None:
        self._database = database
        self._engine = database.engine
        self._inline = inline
        # A read of a file takes less time than handing it to a thread; a server may keep us waiting.
        self._reads_here = inline or database.engine.dialect.name == "sqlite"
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._write_pool = ThreadPoolExecutor(1, "journal-write")
        self._read_pool = ThreadPoolExecutor(2, "journal-read")

    # ---- opening and closing ---------------------------------------------------------------------------------------

    @classmethod
    def open(cls, url: str, *, inline: bool = False, create: bool = True) -> Journal:
        """Open a journal, and make it if it is not there.

        Args:
            url: `sqlite:///mig.db`, `sqlite://` (in memory), or `postgresql://mig@host/mig`.
            inline: Run everything in the calling thread.
            create: False: a journal that is not there is an error.

        Raises:
            Usage: The URL means nothing, the database is not a journal, or a newer mig wrote it.
            Refused: It cannot be opened or written.
        """
        database = find_database(url)
        try:
            database.prepare(create)
            _check(database, create)
        except SQLAlchemyError as error:
            database.close()
            raise cannot_open(error) from error
        except BaseException:
            database.close()
            raise
        return cls(database, inline=inline)

    @property
    def name(self) -> str:
        """The same for the same journal in every process; empty: it lives in memory."""
        url = self._engine.url
        if url.get_backend_name() != "sqlite":
            return digest(url.render_as_string(hide_password=True))[:12]
        return digest(str(self.file))[:12] if self.file is not None else ""

    @property
    def file(self) -> Path | None:
        """Where it lies; None: in memory, or on a server."""
        url = self._engine.url
        is_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
        return Path(str(url.database)).absolute() if is_file else None

    def acquire(self) -> None:
        """Become the one writer.

        Raises:
            Refused: Another run holds the journal; its host and process are named.
        """
        try:
            self._database.acquire(self._holder)
        except SQLAlchemyError as error:
            raise cannot_write(error) from error

    def close(self) -> None:
        """Let everything go."""
        self._write_pool.shutdown(wait=True)
        self._read_pool.shutdown(wait=True)
        self._database.close()

    def _holder(self) -> str:
        last = select(run.c.host, run.c.pid, run.c.started_at).where(run.c.ended_at.is_(None)).order_by(run.c.id.desc())
        with self._engine.connect() as connection:
            row = connection.execute(last.limit(1)).first()
        return f" by process {row.pid} on {row.host}, since {row.started_at}" if row else " by another process"

    # ---- reading and writing ---------------------------------------------------------------------------------------

    async def read(self, work: Work[T]) -> T:
        """Run a reading function on a connection; what was written before the call is seen."""
        if self._reads_here:
            return self._read(work)
        return await asyncio.get_running_loop().run_in_executor(self._read_pool, self._read, work)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with, where no loop runs (`mig status`)."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise cannot_write(error) from error

    async def write(self, work: Work[T]) -> T:
        """Run a writing function; when this returns, its effect is durable.

        Raises:
            Refused: The disk is full or the database is gone; nothing of this transaction was kept, or, where the
                connection was lost in the moment of the commit, all of it.
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
            raise cannot_write(error) from error

    def _commit(self, batch: list[Work[Any]]) -> list[Any]:
        failpoint("commit.before")
        try:
            with self._database.writing() as connection:
                results = [work(connection) for work in batch]
                failpoint("commit.inside")
        except SQLAlchemyError as error:
            raise cannot_write(error) from error
        failpoint("commit.after")
        return results


def _check(database: Database, create: bool) -> None:
    """Make the tables in an empty database; refuse what is not ours, or newer than we are."""
    tables = database.tables()
    if _is_journal(database, tables):
        if create and not metadata.tables.keys() <= tables:  # a journal from before some of them
            with database.making() as connection:
                metadata.create_all(connection)
        return
    if not create:
        raise Usage("this database is no journal", "Name the journal with --state, or begin with `mig run`.")
    with database.making() as connection:
        metadata.create_all(connection)  # also what an earlier process did not finish making
        if connection.execute(select(schema.c.version)).first() is None:
            connection.execute(insert(schema).values(version=SCHEMA))


def _is_journal(database: Database, tables: set[str]) -> bool:
    refuse_foreign(tables)
    if schema.name not in tables:
        return False
    with database.engine.connect() as connection:
        version = connection.execute(select(schema.c.version)).scalar()
    if version is None:
        return False
    refuse_newer(version)
    return True
