"""The journal in PostgreSQL: one writer by a lock of its session, which is lost with the connection and not before."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, Connection, Engine, create_engine, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from mig.errors import Refused, Usage
from mig.journal.refusals import AGAIN

GRACE_S = 1.0
"""A server may need a moment to see that a killed process is gone; so long the lock is asked for again."""
_WRITER, _MAKER = 0x6D69675F_77726974, 0x6D69675F_6D616B65
"""The numbers of the locks: of who writes, and of who makes the tables. They hold inside one database only."""
_CONNECT = {
    "connect_timeout": 10,
    "client_encoding": "utf8",  # whatever PGCLIENTENCODING says
    # A server that vanished without a word is noticed in about a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_SESSION = (
    # The other way round: the lock of a machine that vanished is free after a minute, not after two hours.
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)
_HOLDS = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
    " AND classid = :high AND objid = :low AND objsubid = 1)"
).bindparams(high=_WRITER >> 32, low=_WRITER & 0xFFFFFFFF)


class PostgresDatabase:
    """A database on a server.

    Reads come out of a small pool, each of them one snapshot. All writes go through one connection that holds the
    lock: it is never replaced by another, because what happened between the two nobody could know.

    Args:
        url: With the driver psycopg, without a password.
    """

    def __init__(self, url: URL) -> None:
        ours = {**_CONNECT, "fallback_application_name": f"mig {os.getpid()} on {socket.gethostname()}"[:60]}
        self.engine: Engine = create_engine(
            url,
            hide_parameters=True,  # they are bodies
            isolation_level="REPEATABLE READ",
            connect_args={name: value for name, value in ours.items() if name not in url.query},
        )
        self._name = url.database or "of this user"
        for name in ("psycopg", "sqlalchemy.pool"):  # which tell of a lost connection a second time, with a traceback
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._connection: Connection | None = None

    def prepare(self, create: bool) -> None:
        """Before anything is made: the database must be able to hold every text."""
        with self.engine.connect() as connection:
            encoding = connection.execute(text("SHOW server_encoding")).scalar()
        if encoding != "UTF8":
            raise Usage(
                f"this database's encoding is {encoding}, which cannot hold every text",
                "Make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
            )

    def tables(self) -> set[str]:
        """The names of the tables that are there."""
        return set(inspect(self.engine).get_table_names())

    @contextmanager
    def making(self) -> Iterator[Connection]:
        """A transaction to make the tables in; who comes second waits, and finds them."""
        committed = self.engine.execution_options(isolation_level="READ COMMITTED")
        with committed.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_MAKER)))
            yield connection

    def acquire(self, holder: Callable[[], str]) -> None:
        """Become the one writer."""
        if self._connection is not None:
            return
        connection = self.engine.connect().execution_options(isolation_level="READ COMMITTED")
        connection.detach()  # no pool hands it to anybody else
        try:
            take_lock(connection, GRACE_S)
        except _Busy:
            connection.close()
            raise Refused(
                f"the journal {self._name} is in use{holder()}",
                "Wait for that run to end, or stop it: that is safe at any moment.",
            ) from None
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction to write in. Nobody writes without the lock: who has not asked for it asks here.

        Raises:
            Refused: The lock is lost, with the connection or without it.
        """
        if self._connection is None:
            self.acquire(lambda: " by another process")
        connection = self._connection
        assert connection is not None
        if connection.invalidated or connection.closed:
            raise Refused("the connection to the journal's database was lost, and the lock with it", AGAIN)
        with connection.begin():
            if not connection.execute(_HOLDS).scalar():
                raise Refused(
                    "the journal's lock was lost: something between mig and the server shares out its connections",
                    "Name the server itself in --state, or a pooler in session mode; then run again.",
                )
            yield connection

    def close(self) -> None:
        """Let everything go; the lock at once, not when the server comes to see that the session ended."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                if not self._connection.invalidated:
                    self._connection.execute(select(func.pg_advisory_unlock(_WRITER)))
                self._connection.close()
        self.engine.dispose()


class _Busy(Exception):
    """Somebody else holds the lock."""


def take_lock(connection: Connection, patience_s: float) -> None:
    """Take the writer's lock for as long as this connection lives.

    Args:
        connection: That will write; a session nobody else can use.
        patience_s: How long somebody who holds it is waited for.

    Raises:
        Refused: The session has been used by another mig before: a pooler shares it out.
        _Busy: Another session holds the lock.
    """
    with connection.begin():
        if connection.execute(_HOLDS).scalar():
            raise Refused(
                "the journal is in use: this connection is shared with another mig",
                "Name the server itself in --state, or a pooler in session mode.",
            )
        for statement in _SESSION:
            connection.execute(text(statement))
        if connection.execute(text("SHOW synchronous_commit")).scalar() == "off":
            # A claim must be on the disk before its request leaves, whatever this database is set to.
            connection.execute(text("SET synchronous_commit = on"))
    end = time.monotonic() + patience_s
    while True:
        with connection.begin():
            if connection.execute(select(func.pg_try_advisory_lock(_WRITER))).scalar():
                return
        if time.monotonic() >= end:
            raise _Busy
        time.sleep(0.1)
