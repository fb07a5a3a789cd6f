"""What delivery reads and writes: units, decisions, claims and receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import BindParameter, Connection, and_, bindparam, case, delete, func, or_, select, update

from mig.journal import selection
from mig.journal.schema import budget_use, loss, need, operation, record, unit
from mig.journal.staging import CHUNK, upsert
from mig.journal.text import short_name
from mig.model import Kind, Ref
from mig.platforms import Loss, Receipt, UnitKey

# Statements that run for every unit are built once: what SQLAlchemy makes of one it keeps with it.
_MIG: BindParameter[int] = bindparam("mig")
_KEY: BindParameter[str] = bindparam("key")
_STATE = select(unit.c.dirty, unit.c.looked).where(unit.c.migration == _MIG, unit.c.key == _KEY)
_VERSION = select(unit.c.version).where(unit.c.migration == _MIG, unit.c.key == _KEY)
_ONE = (record.c.migration == _MIG, record.c.kind == bindparam("kind"), record.c.id == bindparam("id"))
_HOME = select(record.c.unit).where(*_ONE)
_BODY = select(record.c.body, record.c.digest).where(*_ONE, record.c.state != "gone")
_RECORDS = (
    select(record)
    .where(record.c.migration == _MIG, record.c.unit == _KEY, record.c.state != "gone")
    .order_by(record.c.ord, record.c.kind, record.c.id)
)
_OPERATIONS = (
    select(operation).where(operation.c.migration == _MIG, operation.c.unit == _KEY).order_by(operation.c.name)
)
_RECEIPT = select(operation.c.receipt).where(
    operation.c.migration == _MIG,
    operation.c.unit == _KEY,
    operation.c.name == bindparam("name"),
    operation.c.state.in_(("done", "due")),
)
_TAILS_DUE = (
    update(operation)
    .where(
        operation.c.migration == _MIG,
        operation.c.unit == _KEY,
        operation.c.tail.is_(True),
        # Not by the index over states, which holds all that was ever done: by the unit's own few operations.
        func.coalesce(operation.c.state, "") == "done",
        operation.c.name.not_in(bindparam("names", expanding=True)),
    )
    .values(state="due")
)
_RECORD = and_(record.c.migration == _MIG, record.c.kind == bindparam("k"), record.c.id == bindparam("i"))
_FATE = select(record.c.fate).where(_RECORD)
_UNSETTLED = update(record).where(_RECORD, record.c.state == "done").values(state="staged")
_SENDING = update(record).where(_RECORD, record.c.state == "staged").values(state="sending")
_SETTLED = (
    update(operation)
    .where(operation.c.migration == _MIG, operation.c.unit == _KEY, operation.c.name == bindparam("k"))
    .values(state=bindparam("s"), digest=bindparam("d"), receipt=bindparam("r"), origin=bindparam("o"), body=None)
)
_VERDICT = (
    update(record)
    .where(_RECORD)
    .values(
        fate=bindparam("f"),
        state=bindparam("s"),
        reason=bindparam("w"),
        mapped=bindparam("m"),
        merged_into=bindparam("g"),
    )
)
_WRITTEN = (
    update(record)
    .where(_RECORD)
    .values(updated_run=bindparam("run"), loaded_run=func.coalesce(record.c.loaded_run, bindparam("run")))
)
_FINISHED = (
    update(unit)
    .where(unit.c.migration == _MIG, unit.c.key == bindparam("k"))
    .values(
        looked=bindparam("looked_now"),
        dirty=case((unit.c.version == bindparam("version_then"), bindparam("dirty_now")), else_=True),
    )
)
_FORGET_NEEDS = delete(need).where(need.c.migration == _MIG, need.c.unit == _KEY)
_FORGET_LOSSES = delete(loss).where(
    loss.c.migration == _MIG, loss.c.kind == bindparam("k"), loss.c.id == bindparam("i")
)


class RecordRow(Struct, frozen=True):
    """A record as delivery needs it."""

    ref: Ref
    body: bytes
    digest: str
    parent: Ref | None
    state: str
    fate: str | None
    mapped: str | None
    loaded_run: int | None


class OperationRow(Struct, frozen=True):
    """An operation as the journal knows it."""

    name: str
    verb: str
    effect: str
    digest: str
    state: str
    marker: str | None
    carries: tuple[Ref, ...]
    tail: bool
    body: bytes | None
    receipt: Receipt | None
    orphans: int
    epoch: int


class Claim(Struct, frozen=True):
    """An operation that is about to be sent."""

    name: str
    verb: str
    effect: str
    digest: str
    marker: str | None
    carries: tuple[Ref, ...]
    tail: bool
    body: bytes
    orphans: int
    before: OperationRow | None
    """How it stood before, put back when it was clearly not sent."""


class Settled(Struct, frozen=True):
    """How a claimed operation ended."""

    name: str
    state: str
    """done, failed, gone; sending: still in doubt; released: clearly not sent."""
    receipt: Receipt | None = None
    digest: str | None = None


class Verdict(Struct, frozen=True):
    """What a record has become."""

    ref: Ref
    fate: str
    state: str
    reason: str = ""
    mapped: str | None = None
    merged_into: str | None = None
    written: bool = False
    """Something was sent for it in this run."""
    losses: tuple[Loss, ...] = ()


def next_units(
    connection: Connection, mig: int, after: tuple[int, int, str] | None, limit: int, *, narrow: bool = False
) -> list[tuple[int, int, str]]:
    """Units to deliver, the most urgent first, as (rank, newest, key): a page after the one given.

    `narrow`: only what the last filter selected.
    """
    condition = [unit.c.migration == mig, unit.c.dirty.is_(True)]
    if narrow:
        condition.append(unit.c.key.in_(selection.units(mig)))
    if after is not None:
        rank, newest, key = after
        condition.append(
            or_(
                unit.c.rank > rank,
                and_(unit.c.rank == rank, unit.c.newest < newest),
                and_(unit.c.rank == rank, unit.c.newest == newest, unit.c.key > key),
            )
        )
    rows = connection.execute(
        select(unit.c.rank, unit.c.newest, unit.c.key)
        .where(*condition)
        .order_by(unit.c.rank, unit.c.newest.desc(), unit.c.key)
        .limit(limit)
    )
    return [(row.rank, row.newest, row.key) for row in rows]


def begun_units(connection: Connection, mig: int) -> list[UnitKey]:
    """Units a run was cut off in: something of theirs is in doubt, or waits to be said again."""
    rows = connection.scalars(
        select(operation.c.unit)
        .distinct()
        .where(operation.c.migration == mig, operation.c.state.in_(("sending", "due")))
        .order_by(operation.c.unit)
    )
    return [UnitKey(key) for key in rows]


def unit_state(connection: Connection, mig: int, key: str) -> tuple[bool, str | None] | None:
    """Whether a unit is dirty, and the digest of what it looked up last; None: there is no such unit."""
    row = connection.execute(_STATE, {"mig": mig, "key": key}).first()
    return (bool(row.dirty), row.looked) if row else None


def unit_version(connection: Connection, mig: int, key: str) -> int:
    """How often a unit was marked dirty: what is staged while it is delivered must not be forgotten."""
    found = connection.execute(_VERSION, {"mig": mig, "key": key}).scalar()
    return int(found or 0)


def unit_of(connection: Connection, mig: int, ref: Ref) -> UnitKey | None:
    """The unit a record is in, also when it was merged into another."""
    key = connection.execute(_HOME, {"mig": mig, "kind": ref.kind, "id": ref.id}).scalar()
    return UnitKey(key) if key else None


def unit_records(connection: Connection, mig: int, key: str) -> list[RecordRow]:
    """The records of a unit in order, its roots first; without those that are gone or could not be parsed."""
    rows = connection.execute(_RECORDS, {"mig": mig, "key": key})
    return [
        RecordRow(
            ref=Ref(row.kind, row.id),
            body=row.body,
            digest=row.digest,
            parent=Ref(row.parent_kind, row.parent_id) if row.parent_id else None,
            state=row.state,
            fate=row.fate,
            mapped=row.mapped,
            loaded_run=row.loaded_run,
        )
        for row in rows
        if row.body
    ]


def staged_body(connection: Connection, mig: int, ref: Ref) -> tuple[bytes, str] | None:
    """A record's neutral JSON and digest, or None when it is not staged or gone."""
    row = connection.execute(_BODY, {"mig": mig, "kind": ref.kind, "id": ref.id}).first()
    return (row.body, row.digest) if row and row.body else None


def staged_bodies(connection: Connection, mig: int, kind: Kind) -> list[tuple[bytes, str]]:
    """All records of a small kind, by id."""
    rows = connection.execute(
        select(record.c.body, record.c.digest)
        .where(record.c.migration == mig, record.c.kind == kind, record.c.state != "gone")
        .order_by(record.c.id)
    )
    return [(row.body, row.digest) for row in rows if row.body]


def operations(connection: Connection, mig: int, key: str) -> dict[str, OperationRow]:
    """Every operation of a unit the journal knows, by name."""
    rows = connection.execute(_OPERATIONS, {"mig": mig, "key": key})
    return {row.name: _operation(row) for row in rows}


def moved_away(connection: Connection, mig: int, refs: Sequence[Ref], key: str) -> set[Ref]:
    """Which of these records are in another unit now."""
    moved: set[Ref] = set()
    for ref in refs:
        home = connection.execute(
            select(record.c.unit).where(
                record.c.migration == mig,
                record.c.kind == ref.kind,
                record.c.id == ref.id,
                record.c.state != "gone",
            )
        ).scalar()
        if home is not None and home != key:
            moved.add(ref)
    return moved


def receipt_of(connection: Connection, mig: int, key: str, name: str) -> Receipt | None:
    """What a done operation answered."""
    text = connection.execute(_RECEIPT, {"mig": mig, "key": key, "name": name}).scalar()
    return _decode_receipt(text)


def fate_of(connection: Connection, mig: int, ref: Ref) -> str:
    """What the mapping made of a record; empty: nothing yet."""
    return connection.execute(_FATE, {"mig": mig, "k": ref.kind, "i": ref.id}).scalar() or ""


def unsettle(connection: Connection, mig: int, refs: Iterable[Ref]) -> None:
    """Records that are about to be told in another form are not done until they are."""
    rows = [{"mig": mig, "k": ref.kind, "i": ref.id} for ref in sorted(refs)]
    if rows:
        connection.execute(_UNSETTLED, rows)


def claim(
    connection: Connection, mig: int, key: str, claims: Sequence[Claim], epoch: int, *, said: Iterable[str] = ()
) -> None:
    """Say "sending" before anything leaves; in the same transaction the unit's done tails become due.

    Args:
        connection: Inside a transaction.
        mig: The migration's number.
        key: The unit.
        claims: What is about to be sent.
        epoch: The run's number.
        said: Tails this round has sent already: in their places, after all they must follow.
    """
    names = [*(item.name for item in claims), *said]
    upsert(
        connection,
        operation,
        [
            {
                "migration": mig,
                "unit": key,
                "name": item.name,
                "verb": item.verb,
                "effect": item.effect,
                "digest": item.digest,
                "state": "sending",
                "marker": item.marker,
                "carries": "\n".join(map(str, item.carries)),
                "tail": item.tail,
                "body": item.body,
                "orphans": item.orphans,
                "epoch": epoch,
            }
            for item in claims
        ],
        ("verb", "effect", "digest", "state", "marker", "carries", "tail", "body", "orphans", "epoch"),
    )
    connection.execute(_TAILS_DUE, {"mig": mig, "key": key, "names": names})
    carried = sorted({ref for item in claims for ref in item.carries})
    if carried:
        connection.execute(_SENDING, [{"mig": mig, "k": ref.kind, "i": ref.id} for ref in carried])


def settle(connection: Connection, mig: int, key: str, claims: Mapping[str, Claim], results: Sequence[Settled]) -> None:
    """Write how claimed operations ended; what was clearly not sent stands as it stood before."""
    rows = []
    for result in results:
        if result.state == "sending":
            continue  # in doubt: the claim stands, and is asked about
        item = claims[result.name]
        if result.state == "released":
            _release(connection, mig, key, item)
            continue
        receipt = result.receipt
        rows.append(
            {
                "mig": mig,
                "key": key,
                "k": result.name,
                "s": result.state,
                "d": result.digest or item.digest,
                "r": _encode_receipt(receipt) if receipt else None,
                "o": receipt.origin if receipt else None,
            }
        )
    if rows:
        connection.execute(_SETTLED, rows)


def save_verdicts(connection: Connection, mig: int, verdicts: Iterable[Verdict], run: int) -> None:
    """Write what became of records, with their losses."""
    items = list(verdicts)
    if not items:
        return
    connection.execute(
        _VERDICT,
        [
            {
                "mig": mig,
                "k": v.ref.kind,
                "i": v.ref.id,
                "f": v.fate,
                "s": v.state,
                "w": v.reason,
                "m": v.mapped,
                "g": v.merged_into,
            }
            for v in items
        ],
    )
    written = [{"mig": mig, "k": v.ref.kind, "i": v.ref.id, "run": run} for v in items if v.written]
    if written:
        connection.execute(_WRITTEN, written)
    _save_losses(connection, mig, items)


def finish_unit(
    connection: Connection, mig: int, key: str, *, looked: str, asked: Iterable[Ref], clean: bool, version: int
) -> None:
    """A unit was delivered: what it looked up, and whether anything is left to do for it.

    It stays dirty when it was marked again after the version that was delivered was read.
    """
    connection.execute(
        _FINISHED, {"mig": mig, "k": key, "looked_now": looked, "version_then": version, "dirty_now": not clean}
    )
    connection.execute(_FORGET_NEEDS, {"mig": mig, "key": key})
    upsert(
        connection, need, [{"migration": mig, "unit": key, "ref": str(ref)} for ref in sorted(set(asked))], ("unit",)
    )


def save_budgets(connection: Connection, used: Mapping[tuple[str, int], int]) -> None:
    """Add up what was used of daily buckets."""
    for (bucket, window), count in used.items():
        before = connection.execute(
            select(budget_use.c.used).where(budget_use.c.bucket == bucket, budget_use.c.window == window)
        ).scalar()
        row = {"bucket": bucket, "window": window, "used": (before or 0) + count}
        upsert(connection, budget_use, [row], ("used",))


def load_budgets(connection: Connection) -> dict[tuple[str, int], int]:
    """What earlier runs used of daily buckets."""
    return {(row.bucket, row.window): row.used for row in connection.execute(select(budget_use))}


def _release(connection: Connection, mig: int, key: str, item: Claim) -> None:
    condition = and_(operation.c.migration == mig, operation.c.unit == key, operation.c.name == item.name)
    old = item.before
    if old is None:
        connection.execute(delete(operation).where(condition))
        return
    connection.execute(
        update(operation)
        .where(condition)
        .values(
            # A tail became due when something in its unit was claimed, be it in the same window: it is so still.
            state="due" if old.tail and old.state == "done" else old.state,
            verb=old.verb,
            digest=old.digest,
            marker=old.marker,
            carries="\n".join(map(str, old.carries)),
            body=old.body,
            orphans=old.orphans,
            epoch=old.epoch,
        )
    )


def _save_losses(connection: Connection, mig: int, items: Sequence[Verdict]) -> None:
    connection.execute(_FORGET_LOSSES, [{"mig": mig, "k": item.ref.kind, "i": item.ref.id} for item in items])
    rows = [
        {
            "migration": mig,
            "kind": item.ref.kind,
            "id": item.ref.id,
            "field": short_name(entry.field),
            "outcome": entry.outcome,
            "why": entry.why,
        }
        for item in items
        for entry in item.losses
    ]
    for start in range(0, len(rows), CHUNK):
        upsert(connection, loss, rows[start : start + CHUNK], ("outcome", "why"))


def _operation(row: Any) -> OperationRow:
    return OperationRow(
        name=row.name,
        verb=row.verb,
        effect=row.effect,
        digest=row.digest,
        state=row.state,
        marker=row.marker,
        carries=tuple(Ref.parse(text) for text in row.carries.split("\n") if text),
        tail=bool(row.tail),
        body=row.body,
        receipt=_decode_receipt(row.receipt),
        orphans=row.orphans,
        epoch=row.epoch,
    )


def _encode_receipt(receipt: Receipt) -> str:
    return msgspec.json.encode(receipt).decode()


def _decode_receipt(text: str | None) -> Receipt | None:
    return msgspec.json.decode(text, type=Receipt) if text else None
