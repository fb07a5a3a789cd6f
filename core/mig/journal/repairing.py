"""What a repair writes: what turned out not to stand on the target is forgotten, what stands there otherwise is due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, update

from mig.journal import undoing
from mig.journal.schema import answer, operation, unit
from mig.journal.staging import CHUNK, mark_dirty
from mig.model import Ref
from mig.platforms import Receipt


def forget(connection: Connection, mig: int, key: str, names: Sequence[str], refs: Collection[Ref]) -> None:
    """Operations whose effect does not stand there, and what they carried: it waits to be moved again."""
    undoing.forget_some(connection, mig, key, names, refs)


def forget_answers(connection: Connection, mig: int, receipts: Iterable[Receipt]) -> None:
    """What uploads were answered: the same bytes are sent again, instead of taking the old answer for theirs."""
    for receipt in receipts:
        text = msgspec.json.encode(receipt).decode()
        connection.execute(delete(answer).where(answer.c.migration == mig, answer.c.receipt == text))


def make_due(connection: Connection, mig: int, key: str, receipts: Mapping[str, Receipt]) -> None:
    """Operations whose effect stands there otherwise than it is wanted."""
    for name, receipt in receipts.items():
        connection.execute(
            update(operation)
            .where(operation.c.migration == mig, operation.c.unit == key, operation.c.name == name)
            .values(state="due", receipt=msgspec.json.encode(receipt).decode())
        )
    if receipts:
        connection.execute(
            update(unit)
            .where(unit.c.migration == mig, unit.c.key == key)
            .values(dirty=True, version=unit.c.version + 1)
        )


def say_again(connection: Connection, mig: int, key: str, names: Sequence[str]) -> None:
    """Operations that are said whole, whatever stands there: as if nobody knew whether they were ever said."""
    if not names:
        return
    connection.execute(
        update(operation)
        .where(operation.c.migration == mig, operation.c.unit == key, operation.c.name.in_(names))
        .values(state="sending", receipt=None)
    )
    mark_dirty(connection, mig, [key])


def look_at(connection: Connection, mig: int, keys: Iterable[str]) -> None:
    """These units are looked at again."""
    wanted = sorted(keys)
    for start in range(0, len(wanted), CHUNK):
        mark_dirty(connection, mig, wanted[start : start + CHUNK])
