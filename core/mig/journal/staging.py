"""What extraction writes: raws, records, checkpoints; and the unit each record belongs to."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    Connection,
    Executable,
    Table,
    and_,
    bindparam,
    case,
    delete,
    insert,
    literal,
    not_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from mig.journal.orphans import UNPARSED
from mig.journal.orphans import archive_orphans as archive_orphans  # said again: extraction needs one module only
from mig.journal.orphans import missing_parents as missing_parents
from mig.journal.schema import checkpoint, identity, migration, need, operation, raw, record, unit
from mig.journal.text import short_name
from mig.model import AGENT, ATTRIBUTE, QUEUE, TAG, TEAM, Ref
from mig.platforms import Partition, Raw

SMALL = frozenset((AGENT, TAG, TEAM, QUEUE, ATTRIBUTE))
"""Kinds a mapper may ask for as a whole: when one of them changes, every unit is looked at again."""
_ATTACHED = 5_000
"""Children that are given their unit by one turn."""
CHUNK = 400
"""Rows in one IN (...): SQLite allows 32,766 parameters, older ones 999."""


class Staged(Struct, frozen=True):
    """A parsed record on its way into the journal."""

    ref: Ref
    resource: str
    raw_id: str
    body: bytes
    digest: str
    changed_at: str | None
    parent: Ref | None
    own: str
    same_as: tuple[str, ...] = ()
    warnings: str = ""
    rank: int = 0
    newest: int = 0
    failure: str = ""
    """Why it could not be parsed; the body is empty then."""


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], update_columns: Sequence[str]
) -> None:
    """Insert rows; where the primary key is there already, update the columns named."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(update_columns)), list(rows))


@functools.cache
def _upsert(dialect: str, table: Table, update_columns: tuple[str, ...]) -> Executable:
    """Built once: what SQLAlchemy makes of a statement it keeps with the statement."""
    statement: Any = sqlite.insert(table)
    if dialect == "postgresql":
        # Here only: few journals lie there, and a short command would spend a tenth of its imports on it.
        from sqlalchemy.dialects import postgresql

        statement = postgresql.insert(table)
    changes = {name: statement.excluded[name] for name in update_columns}
    keys = [column.name for column in table.primary_key]
    upserting: Executable = statement.on_conflict_do_update(index_elements=keys, set_=changes)
    return upserting


def find_migration(
    connection: Connection, *, source: str, organisation: str, target: str, workspace: str, now: str
) -> tuple[int, bool]:
    """The migration of this pair, made when it is new.

    Returns:
        Its number, and whether it is new.
    """
    names = {"source": source, "organisation": organisation, "target": target, "workspace": workspace}
    row = connection.execute(select(migration.c.id).filter_by(**names)).first()
    if row is not None:
        return int(row.id), False
    made = connection.execute(insert(migration).values(created_at=now, **names))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0]), True


def known_digests(connection: Connection, mig: int, rows: Sequence[Raw]) -> dict[tuple[str, str], str]:
    """The digests of the raws that are there already."""
    known: dict[tuple[str, str], str] = {}
    for resource in {row.resource for row in rows}:
        ids = [row.id for row in rows if row.resource == resource]
        for chunk in _chunks(ids):
            found = connection.execute(
                select(raw.c.id, raw.c.digest).where(
                    raw.c.migration == mig, raw.c.resource == resource, raw.c.id.in_(chunk)
                )
            )
            known.update({(resource, row.id): row.digest for row in found})
    return known


def unparsed_of(connection: Connection, mig: int, rows: Sequence[Raw]) -> set[Ref]:
    """What is in quarantine because one of these raws could not be parsed."""
    found: set[Ref] = set()
    for resource in {row.resource for row in rows}:
        for chunk in _chunks([row.id for row in rows if row.resource == resource]):
            among = record.c.migration == mig, record.c.resource == resource, record.c.raw_id.in_(chunk), UNPARSED
            found.update(
                Ref(row.kind, row.id) for row in connection.execute(select(record.c.kind, record.c.id).where(*among))
            )
    return found


def stage_raws(connection: Connection, mig: int, rows: Sequence[tuple[Raw, str]]) -> None:
    """Keep raws verbatim (compressed), each with its digest."""
    upsert(
        connection,
        raw,
        [
            {
                "migration": mig,
                "resource": row.resource,
                "id": row.id,
                "body": zlib.compress(row.body, 3),
                "digest": digest,
                "gone": row.gone,
            }
            for row, digest in rows
        ],
        ("body", "digest", "gone"),
    )


def save_checkpoint(connection: Connection, mig: int, part: Partition, scope: str, body: bytes) -> None:
    """Where a partition goes on, in this scope."""
    row = {"migration": mig, "resource": part.resource, "name": part.name, "scope": scope, "body": body}
    upsert(connection, checkpoint, [row], ("body",))


def load_checkpoint(connection: Connection, mig: int, part: Partition, scope: str) -> bytes | None:
    """The opposite of `save_checkpoint`; None at the first time."""
    return connection.execute(
        select(checkpoint.c.body).where(
            checkpoint.c.migration == mig,
            checkpoint.c.resource == part.resource,
            checkpoint.c.name == part.name,
            checkpoint.c.scope == scope,
        )
    ).scalar()


def stage_records(connection: Connection, mig: int, staged: Sequence[Staged]) -> None:
    """Keep parsed records; mark what they touch: their unit, their old unit, and whoever looked them up."""
    before = _existing(connection, mig, [item.ref for item in staged])
    fresh: dict[Ref, Mapping[str, Any]] = {}
    touched: set[str] = set()
    changed: list[Ref] = []
    uprooted: list[Ref] = []
    ranks: list[dict[str, Any]] = []  # of units that stand already
    for item in staged:
        old = before.get(item.ref)
        if old is not None and old.digest == item.digest and old.state != "gone" and not item.failure:
            continue
        row = _row(mig, item)
        if item.failure:
            # What was known of it stands until it is mended: its place, and what was delivered of its unit.
            kept = {name: getattr(old, name) for name in _PLACE} if old is not None else {}
            fresh[item.ref] = row | kept | {"state": "failed", "fate": "load", "reason": item.failure}
            continue
        parent = (item.parent.kind, item.parent.id) if item.parent else (None, None)
        if old is not None:
            changed.append(item.ref)
            stays = (old.parent_kind, old.parent_id) == parent and (old.own == item.own or item.parent is None)
            row |= {"unit": old.unit if stays else None, "ord": old.ord if stays else None}
            row["state"] = "staged" if old.state in ("gone", "failed") else old.state
            row["fate"] = None if old.state in ("gone", "failed") else old.fate
            if old.unit:
                touched.add(old.unit)
                if item.parent is None:
                    ranks.append({"k": old.unit, "r": item.rank, "n": item.newest})
            if not stays:
                uprooted.append(item.ref)
            elif old.unit and item.parent is None and _rename(connection, mig, old.unit, item, old.same_as):
                row |= {"unit": None, "ord": None}
                uprooted.append(item.ref)
        else:
            changed.append(item.ref)
        fresh[item.ref] = row
    upsert(connection, record, list(fresh.values()), _UPDATED)
    _uproot(connection, mig, uprooted)
    if ranks:
        connection.execute(
            update(unit)
            .where(unit.c.migration == mig, unit.c.key == bindparam("k"))
            .values(rank=bindparam("r"), newest=bindparam("n")),
            ranks,
        )
    mark_dirty(connection, mig, touched)
    _mark_dependents(connection, mig, changed)


_UPDATED = (
    *("resource", "raw_id", "body", "digest", "changed_at", "parent_kind", "parent_id", "own", "same_as"),
    *("unit", "ord", "fate", "state", "reason", "warnings", "rank", "newest"),
)


_PLACE = ("parent_kind", "parent_id", "own", "same_as", "unit", "ord", "rank", "newest")


def _row(mig: int, item: Staged) -> dict[str, Any]:
    return {
        "migration": mig,
        "kind": item.ref.kind,
        "id": item.ref.id,
        "resource": item.resource,
        "raw_id": item.raw_id,
        "body": item.body,
        "digest": item.digest,
        "changed_at": item.changed_at,
        "parent_kind": item.parent.kind if item.parent else None,
        "parent_id": item.parent.id if item.parent else None,
        "own": item.own,
        "same_as": "\n".join(_names(item)),
        "unit": None,
        "ord": None,
        "fate": None,
        "state": "staged",
        "reason": "",
        "warnings": item.warnings,
        "rank": item.rank,
        "newest": item.newest,
    }


def _names(item: Staged) -> list[str]:
    return [short_name(name) for name in item.same_as]


def mark_gone(connection: Connection, mig: int, rows: Sequence[tuple[str, str]]) -> None:
    """The source says that these raws were deleted: their records are gone there; what was loaded stays."""
    for resource, raw_id in rows:
        connection.execute(
            update(record)
            .where(record.c.migration == mig, record.c.resource == resource, record.c.raw_id == raw_id)
            .values(state="gone")
        )


def prune(connection: Connection, mig: int, parsed: Mapping[tuple[str, str], Iterable[Ref]]) -> None:
    """A raw that became fewer records than before: the others are gone at the source."""
    for (resource, raw_id), refs in parsed.items():
        ids = [str(ref) for ref in refs]
        connection.execute(
            update(record)
            .where(
                record.c.migration == mig,
                record.c.resource == resource,
                record.c.raw_id == raw_id,
                (record.c.kind + literal("/") + record.c.id).not_in(ids),
            )
            .values(state="gone")
        )


def mark_dirty(connection: Connection, mig: int, keys: Iterable[str]) -> None:
    """These units are to be looked at again."""
    for chunk in _chunks(sorted(keys)):
        connection.execute(
            update(unit)
            .where(unit.c.migration == mig, unit.c.key.in_(chunk))
            .values(dirty=True, version=unit.c.version + 1)
        )


def mark_all_dirty(connection: Connection, mig: int) -> None:
    """Every unit is to be looked at again."""
    connection.execute(update(unit).where(unit.c.migration == mig).values(dirty=True, version=unit.c.version + 1))


def resolve(connection: Connection, mig: int) -> int:
    """Give every record without a unit its unit, as far as its parents are there.

    Returns:
        How many were given one.
    """
    count = 0
    while batch := _plant_roots(connection, mig):
        count += batch
    while batch := _attach_children(connection, mig):
        count += batch
    return count


def _existing(connection: Connection, mig: int, refs: Sequence[Ref]) -> dict[Ref, Any]:
    columns = [record.c[n] for n in ("kind", "id", "digest", "state", "fate", *_PLACE)]
    found: dict[Ref, Any] = {}
    for kind in {ref.kind for ref in refs}:
        for chunk in _chunks([ref.id for ref in refs if ref.kind == kind]):
            rows = connection.execute(
                select(*columns).where(record.c.migration == mig, record.c.kind == kind, record.c.id.in_(chunk))
            )
            found.update({Ref(row.kind, row.id): row for row in rows})
    return found


def _rename(connection: Connection, mig: int, key: str, item: Staged, before: str) -> bool:
    """A root keeps its unit when its names change: the new ones lead to it, those nobody in it has any more do not.

    Returns:
        Whether it joins another unit instead: one that has its new name already, while nothing was sent for its own.
    """
    gone = set(before.split("\n")) - set(_names(item)) - {""}
    fresh = set(_names(item)) - set(before.split("\n"))
    if gone:
        others = select(record.c.same_as).where(
            record.c.migration == mig, record.c.unit == key, record.c.parent_id.is_(None), record.c.id != item.ref.id
        )
        kept = {name for row in connection.execute(others) for name in row.same_as.split("\n")}
        connection.execute(
            delete(identity).where(
                identity.c.migration == mig, identity.c.unit == key, identity.c.key.in_(sorted(gone - kept))
            )
        )
    known = set(
        connection.execute(
            select(identity.c.key).where(identity.c.migration == mig, identity.c.key.in_(sorted(fresh)))
        ).scalars()
    )
    sent = select(operation.c.name).where(operation.c.migration == mig, operation.c.unit == key).limit(1)
    if known and connection.execute(sent).first() is None:
        return True
    upsert(connection, identity, [{"migration": mig, "key": n, "unit": key} for n in sorted(fresh - known)], ("unit",))
    return False


def _uproot(connection: Connection, mig: int, refs: Sequence[Ref]) -> None:
    """Whatever stands below a record that moves has to find its unit again."""
    level, seen = list(refs), set(refs)
    while level:
        below: list[Ref] = []
        for ref in level:
            condition = and_(record.c.migration == mig, record.c.parent_kind == ref.kind, record.c.parent_id == ref.id)
            below += [
                Ref(row.kind, row.id) for row in connection.execute(select(record.c.kind, record.c.id).where(condition))
            ]
            connection.execute(update(record).where(condition).values(unit=None, ord=None))
        level = [ref for ref in below if ref not in seen]  # parents can run in a circle
        seen.update(level)


def _mark_dependents(connection: Connection, mig: int, refs: Sequence[Ref]) -> None:
    if any(ref.kind in SMALL for ref in refs):
        mark_all_dirty(connection, mig)
        return
    for chunk in _chunks([str(ref) for ref in refs]):
        lookers = select(need.c.unit).where(need.c.migration == mig, need.c.ref.in_(chunk))
        connection.execute(
            update(unit)
            .where(unit.c.migration == mig, unit.c.key.in_(lookers))
            .values(dirty=True, version=unit.c.version + 1)
        )


def _plant_roots(connection: Connection, mig: int) -> int:
    """Roots become units, the oldest first, so that the oldest of those that are one gives the unit its name."""
    rows = connection.execute(
        select(record.c.kind, record.c.id, record.c.own, record.c.same_as, record.c.rank, record.c.newest)
        .where(
            record.c.migration == mig,
            record.c.unit.is_(None),
            record.c.parent_id.is_(None),
            record.c.state.not_in(("gone", "failed")),
        )
        .order_by(record.c.kind, record.c.own)
        .limit(CHUNK)
    ).all()
    if not rows:
        return 0
    wanted = sorted({key for row in rows for key in row.same_as.split("\n") if key})
    known: dict[str, str] = {}
    for chunk in _chunks(wanted):
        found = connection.execute(
            select(identity.c.key, identity.c.unit).where(identity.c.migration == mig, identity.c.key.in_(chunk))
        )
        known.update({row.key: row.unit for row in found})
    placed, identities, units = [], [], {}
    for row in rows:
        keys = [key for key in row.same_as.split("\n") if key]
        key = next((known[k] for k in keys if k in known), f"{row.kind}:{row.id}")
        for name in keys:
            if name not in known:
                known[name] = key
                identities.append({"migration": mig, "key": name, "unit": key})
        units[key] = {"migration": mig, "key": key, "rank": row.rank, "newest": row.newest, "dirty": True}
        placed.append({"k": row.kind, "i": row.id, "u": key, "o": f"0\x01{row.own}"})
    upsert(connection, identity, identities, ("unit",))
    upsert(connection, unit, list(units.values()), ("dirty",))
    mark_dirty(connection, mig, units)
    connection.execute(
        update(record)
        .where(record.c.migration == mig, record.c.kind == bindparam("k"), record.c.id == bindparam("i"))
        .values(unit=bindparam("u"), ord=bindparam("o")),
        placed,
    )
    return len(placed)


def _attach_children(connection: Connection, mig: int) -> int:
    parent = record.alias("parent")
    link = and_(
        parent.c.migration == mig,
        parent.c.kind == record.c.parent_kind,
        parent.c.id == record.c.parent_id,
        parent.c.unit.is_not(None),
    )
    waiting = and_(record.c.migration == mig, record.c.unit.is_(None), record.c.parent_id.is_not(None), not_(UNPARSED))
    # Some at a time: a database keeps in memory what one statement changed, until it has ended.
    some = connection.execute(
        select(record.c.kind, record.c.id, parent.c.unit)
        .select_from(record.join(parent, link))
        .where(waiting, record.c.state != "gone")
        .limit(_ATTACHED)
    ).all()
    mark_dirty(connection, mig, {row.unit for row in some})
    prefix = case((parent.c.parent_id.is_(None), literal("1")), else_=parent.c.ord)
    # The mark between two orders sorts before anything an id can hold.
    place = select(prefix + literal("\x01") + record.c.own).where(link).scalar_subquery()
    home = select(parent.c.unit).where(link).scalar_subquery()
    for kind in sorted({row.kind for row in some}):
        ids = [row.id for row in some if row.kind == kind]
        for chunk in _chunks(ids):
            connection.execute(
                update(record)
                .where(record.c.migration == mig, record.c.kind == kind, record.c.id.in_(chunk))
                # An orphan whose parent turned up, or was mended, is decided anew.
                .values(unit=home, ord=place, fate=None, state="staged", reason="")
            )
    return len(some)


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
