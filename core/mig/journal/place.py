"""Where a journal lies: its URL, read strictly, and the database behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from mig.errors import Usage

_EXAMPLES = "Example: sqlite:///mig.db, or postgresql://mig@localhost/mig"


class Database(Protocol):
    """What a journal asks of the database it lies in."""

    @property
    def engine(self) -> Engine:
        """Reads go through it."""

    def prepare(self, create: bool) -> None:
        """Called before anything else touches it.

        Args:
            create: Whether it may be made.

        Raises:
            Usage: It is not ours, not there, or cannot hold a journal.
            Refused: It cannot be opened.
        """

    def tables(self) -> set[str]:
        """The names of the tables that are there."""

    def making(self) -> AbstractContextManager[Connection]:
        """A transaction to make the tables in."""

    def acquire(self, holder: Callable[[], str]) -> None:
        """Become the one writer, until `close`.

        Args:
            holder: Says who else it is.

        Raises:
            Refused: Somebody else is.
        """

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction to write in; what it wrote is durable when it ends."""

    def close(self) -> None:
        """Let everything go."""


def find_database(url: str) -> Database:
    """The database a URL names; nothing is opened yet.

    Args:
        url: `sqlite:///mig.db`, `sqlite://` (in memory), `postgresql://mig@host/mig`.

    Raises:
        Usage: It is no URL, it holds a password, its database or driver is none of ours or not installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise Usage("--state is not a database URL", _EXAMPLES) from error
    if parsed.password or "password" in parsed.query:
        raise Usage(
            "--state holds a password: a secret on the command line is refused",
            "Put it into PGPASSWORD or the passfile: everybody on this machine can read process lists.",
        )
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        from mig.journal.sqlite import SqliteFile

        return SqliteFile(parsed)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return _postgres(parsed.set(drivername="postgresql+psycopg"))
    raise Usage(f"--state: mig keeps its journal in SQLite or PostgreSQL, not in {parsed.drivername}", _EXAMPLES)


def _postgres(url: URL) -> Database:
    try:
        from mig.journal.postgres import PostgresDatabase

        return PostgresDatabase(url)
    except ImportError as error:
        raise Usage(
            "--state: PostgreSQL needs the driver psycopg, which is not installed",
            "pip install 'mig-desk[postgres]', or use sqlite:///mig.db",
        ) from error
