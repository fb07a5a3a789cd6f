"""What a rollback reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, case, delete, select, tuple_, update

from mig.journal.orphans import UNPARSED
from mig.journal.schema import operation, record, unit
from mig.model import Ref


def units(connection: Connection, mig: int, after: str, limit: int, *, threads: bool) -> list[str]:
    """Units with operations, by key: a page after the one given; conversations, or everything else."""
    is_thread = operation.c.unit.startswith("conversation:", autoescape=True)
    rows = connection.scalars(
        select(operation.c.unit)
        .distinct()
        .where(operation.c.migration == mig, operation.c.unit > after, is_thread if threads else ~is_thread)
        .order_by(operation.c.unit)
        .limit(limit)
    )
    return list(rows)


def forget(connection: Connection, mig: int, key: str) -> None:
    """Nothing of a unit stands on the target any more: a later run begins with it anew."""
    connection.execute(delete(operation).where(operation.c.migration == mig, operation.c.unit == key))
    _renew(connection, mig, key, record.c.unit == key)


def forget_some(connection: Connection, mig: int, key: str, names: Sequence[str], refs: Collection[Ref]) -> None:
    """Of a unit that stays these operations were taken back, and what they carried is not there any more."""
    if not names:
        return
    connection.execute(
        delete(operation).where(operation.c.migration == mig, operation.c.unit == key, operation.c.name.in_(names))
    )
    _renew(connection, mig, key, tuple_(record.c.kind, record.c.id).in_([(ref.kind, ref.id) for ref in refs]))


def _renew(connection: Connection, mig: int, key: str, which: ColumnElement[bool]) -> None:
    """These records wait again, and their unit is looked at in the next run; what could not be parsed stays so."""
    connection.execute(
        update(record)
        .where(record.c.migration == mig, which, record.c.state.in_(("sending", "done", "failed")))
        .values(state=case((UNPARSED, record.c.state), else_="staged"), loaded_run=None, updated_run=None, mapped=None)
    )
    connection.execute(
        update(unit)
        .where(unit.c.migration == mig, unit.c.key == key)
        .values(dirty=True, looked=None, version=unit.c.version + 1)
    )
