"""Which units a narrowed run is about: chosen by the filter, and everything those refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Select, delete, insert, select, update

from mig.journal.schema import record, selected, unit
from mig.journal.staging import CHUNK
from mig.model import Kind, Ref

_PAGE = 200


def clear(connection: Connection, mig: int) -> None:
    """Forget what an earlier run selected."""
    connection.execute(delete(selected).where(selected.c.migration == mig))


def units(mig: int) -> Select[str]:
    """The keys of the selected units, as a subquery."""
    return select(selected.c.unit).where(selected.c.migration == mig)


def add(connection: Connection, mig: int, keys: Iterable[str]) -> None:
    """Select units; those that are selected already stay as they are."""
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        known = set(connection.scalars(units(mig).where(selected.c.unit.in_(some))))
        fresh = [{"migration": mig, "unit": key, "walked": False} for key in some if key not in known]
        if fresh:
            connection.execute(insert(selected), fresh)


def unwalked(connection: Connection, mig: int) -> list[str]:
    """Some selected units whose references were not followed yet."""
    condition = selected.c.migration == mig, selected.c.walked.is_(False)
    return list(connection.scalars(select(selected.c.unit).where(*condition).order_by(selected.c.unit).limit(_PAGE)))


def walk(connection: Connection, mig: int, keys: Sequence[str]) -> None:
    """Their references were followed."""
    connection.execute(
        update(selected).where(selected.c.migration == mig, selected.c.unit.in_(keys)).values(walked=True)
    )


def is_empty(connection: Connection, mig: int) -> bool:
    """Whether nothing is selected."""
    return connection.scalar(units(mig).limit(1)) is None


def bodies(connection: Connection, mig: int, kind: Kind, after: str, limit: int = 500) -> list[tuple[str, str, bytes]]:
    """Staged records of a kind as (id, unit, body), by id: a page after the one given."""
    rows = connection.execute(
        select(record.c.id, record.c.unit, record.c.body)
        .where(
            record.c.migration == mig,
            record.c.kind == kind,
            record.c.id > after,
            record.c.state != "gone",
            record.c.unit.is_not(None),
        )
        .order_by(record.c.id)
        .limit(limit)
    )
    return [(row.id, row.unit, row.body) for row in rows]


def bodies_in(connection: Connection, mig: int, keys: Sequence[str]) -> list[tuple[str, str, bytes]]:
    """The records of units as (kind, id, body)."""
    rows = connection.execute(
        select(record.c.kind, record.c.id, record.c.body).where(
            record.c.migration == mig, record.c.unit.in_(keys), record.c.state != "gone"
        )
    )
    return [(row.kind, row.id, row.body) for row in rows]


def homes(connection: Connection, mig: int, refs: Sequence[Ref]) -> dict[Ref, str]:
    """The units records are in; one that is not staged, or is gone, is left out."""
    found: dict[Ref, str] = {}
    for kind in sorted({ref.kind for ref in refs}):
        ids = [ref.id for ref in refs if ref.kind == kind]
        for start in range(0, len(ids), CHUNK):
            rows = connection.execute(
                select(record.c.id, record.c.unit).where(
                    record.c.migration == mig,
                    record.c.kind == kind,
                    record.c.id.in_(ids[start : start + CHUNK]),
                    record.c.state != "gone",
                    record.c.unit.is_not(None),
                )
            )
            found |= {Ref(kind, row.id): row.unit for row in rows}
    return found


def add_kinds(connection: Connection, mig: int, kinds: Iterable[Kind]) -> None:
    """Select every unit whose root is of these kinds."""
    for kind in kinds:
        after = ""
        while True:
            keys = list(
                connection.scalars(
                    select(unit.c.key)
                    .where(
                        unit.c.migration == mig,
                        unit.c.key > after,
                        unit.c.key.startswith(f"{kind}:", autoescape=True),
                    )
                    .order_by(unit.c.key)
                    .limit(CHUNK)
                )
            )
            if not keys:
                break
            add(connection, mig, keys)
            after = keys[-1]


def keep_kinds(connection: Connection, mig: int, kinds: Iterable[Kind]) -> None:
    """Of what is selected, only units whose root is of these kinds."""
    wanted = tuple(f"{kind}:" for kind in kinds)
    drop = [key for key in connection.scalars(units(mig)) if not key.startswith(wanted)]
    for start in range(0, len(drop), CHUNK):
        some = drop[start : start + CHUNK]
        connection.execute(delete(selected).where(selected.c.migration == mig, selected.c.unit.in_(some)))
    connection.execute(update(selected).where(selected.c.migration == mig).values(walked=False))
