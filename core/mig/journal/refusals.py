"""What a database says when it says no, as errors of ours: never with a value, which may be a body or an address."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from mig.errors import Refused, Usage
from mig.journal.schema import SCHEMA

AGAIN = "What was committed is safe: run the same command again when the database is back."
_LONGEST = 300
_ABOUT_VALUES = ("22", "23")
"""SQLSTATE classes (data exception, integrity violation) whose words may repeat a value."""


def refuse_foreign(tables: Collection[str]) -> None:
    """Nothing is done to a database somebody else uses.

    Raises:
        Usage: One of these tables is not mig's.
    """
    foreign = sorted(name for name in tables if not name.startswith(("mig_", "sqlite_")))
    if foreign:
        raise Usage(
            f"this database holds tables that are not mig's ({', '.join(foreign[:3])} ...)",
            "Give mig a database or file of its own with --state; this one was not touched.",
        )


def refuse_newer(version: int) -> None:
    """Nor to a journal we do not understand.

    Raises:
        Usage: A newer mig wrote it.
    """
    if version > SCHEMA:
        raise Usage(
            f"this journal was written by a newer mig (schema {version}, this one knows {SCHEMA})",
            "Upgrade mig; the journal was not touched.",
        )


def cannot_open(error: SQLAlchemyError) -> Usage | Refused:
    """A journal that cannot be opened."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.DatabaseError) and "not a database" in str(cause):
        return Usage("the file named by --state is not a database", "Name another; this one was not touched.")
    if "invalid connection option" in str(cause):
        return Usage(f"--state: {_words(error)}", "Example: postgresql://mig@localhost/mig")
    if _state(error) in ("42501", "3F000"):  # may not make tables; sees no schema to make them in
        return Refused(
            f"the journal cannot be opened ({_words(error)})",
            "The database must belong to the user of --state: CREATE DATABASE mig OWNER that_user.",
        )
    return Refused(f"the journal cannot be opened ({_words(error)})", "Check --state and that the database is running.")


def cannot_write(error: SQLAlchemyError) -> Refused:
    """A journal that could be opened, and cannot be read or written any more."""
    if is_lost(error):
        return Refused(f"the connection to the journal's database was lost ({_words(error)})", AGAIN)
    state = _state(error)
    if state == "53100" or (isinstance(error, OperationalError) and not state and "full" in str(error.orig)):
        return Refused("the disk that holds the journal is full", "Make room and run the same command again.")
    if state == "54000":
        return Refused(
            "an id of the source is longer than PostgreSQL can index (some 2,700 bytes)",
            "Keep this migration's journal in SQLite: --state sqlite:///mig.db",
        )
    return Refused(
        f"the journal cannot be read or written ({_words(error)})",
        "Check the disk, or the database's server; what was committed before is safe.",
    )


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone: the server ended, or the network."""
    if not isinstance(error, DBAPIError):
        return False
    state = _state(error)
    # PostgreSQL gives every error a code; one without is the driver's, who could not reach the server.
    unreached = isinstance(error, OperationalError) and not state and not isinstance(error.orig, sqlite3.Error)
    return error.connection_invalidated or state.startswith(("57P", "08")) or unreached


def _state(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _words(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement and its parameters, and without what may repeat a value."""
    cause = getattr(error, "orig", None)
    name = type(cause or error).__name__
    if cause is None or _state(error).startswith(_ABOUT_VALUES):
        return name
    lines = str(cause).strip().splitlines()
    # Of a failed connection every line counts: one for each address that was tried.
    said = "; ".join(lines) if "connection" in str(cause) and not _state(error) else "".join(lines[:1])
    return f"{name}: {' '.join(said.split())[:_LONGEST]}".rstrip(": ")
