"""The laws every target keeps, checked on one unit at a time against whatever it writes to (a sandbox, a fake)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from mig.compare import differences
from mig.model import MEDIA, Kind, Record, Ref
from mig.platforms import (
    Call,
    CanAdopt,
    CanProve,
    Effect,
    File,
    FromReceipt,
    Keep,
    Lookup,
    Receipt,
    Rendered,
    Spooled,
    Target,
    Unit,
)

Normals = Mapping[str, Callable[[object], object]]


class Broken(AssertionError):
    """A target breaks a law; the message names the law, the record and the field."""


class Records:
    """A Lookup over records in memory.

    Args:
        records: What can be looked up.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = {record.ref: record for record in records}

    def __call__(self, ref: Ref) -> Record | None:
        return self._records.get(ref)

    def all(self, kind: Kind) -> Sequence[Record]:
        return [record for ref, record in sorted(self._records.items()) if ref.kind == kind]


async def check_unit(
    target: Target,
    unit: Unit,
    look: Lookup,
    normals: Normals,
    *,
    answers: Mapping[Ref, Mapping[str, Receipt]] | None = None,
    files: Mapping[Ref, Path] | None = None,
) -> dict[str, Receipt]:
    """Deliver a unit that is not there yet, and check every law on it.

    Args:
        target: An open target.
        unit: Mapped records, the root first.
        look: What render may ask.
        normals: The functions that `normal:<name>` in its keeps names.
        answers: Receipts of units delivered before, by any record in them.
        files: The bytes of attachments; one without is said to be gone at the source.

    Returns:
        The receipts of its operations.

    Raises:
        Broken: A law does not hold.
    """
    rendered = target.render(unit, look)
    _check_rendering(rendered, target.render(unit, look), unit)
    receipts: dict[str, Receipt] = {}
    calls: list[Call] = []
    for operation in rendered.operations:
        body = _filled(operation.body, receipts, answers or {})
        call = Call(unit.key, operation, body, {ref: _spooled(ref, files or {}) for ref in _files_in(body)})
        calls.append(msgspec.structs.replace(call, files={}))
        await _check_delivery(target, call, receipts)
    await _check_reading(target, unit, rendered, receipts, normals, look)
    await _check_adoption(target, unit, calls, receipts)
    return receipts


def _check_rendering(rendered: Rendered, again: Rendered, unit: Unit) -> None:
    if rendered != again:
        raise Broken("render is not pure: the same unit was rendered in two ways")
    names = [operation.name for operation in rendered.operations]
    if len(set(names)) < len(names):
        raise Broken(f"operation names repeat: {sorted(name for name in names if names.count(name) > 1)}")
    marks = [operation.marker for operation in rendered.operations if operation.marker]
    if len(set(marks)) < len(marks):
        raise Broken("two operations of a unit have one marker")
    accounted = {ref for operation in rendered.operations for ref in operation.carries}
    accounted |= {item.ref for item in rendered.declined}
    lost = [str(record.ref) for record in unit.records if record.ref not in accounted]
    if lost:
        raise Broken(f"neither carried nor declined: {lost}")


async def _check_delivery(target: Target, call: Call, receipts: dict[str, Receipt]) -> None:
    """find says no before and yes after; what is a PUT may be said twice."""
    operation = call.op
    can_be_found = operation.effect is Effect.CREATE and operation.marker is not None
    if can_be_found and await target.find([call]):
        raise Broken(f"{operation.name}: find says yes before it was sent")
    (receipt,) = await target.send([call])
    receipts[operation.name] = receipt
    if can_be_found and (call.unit, operation.name) not in await target.find([call]):
        raise Broken(f"{operation.name}: find says no after it was sent")
    if operation.effect is Effect.PUT:
        (receipts[operation.name],) = await target.send([call])


async def _check_adoption(target: Target, unit: Unit, calls: Sequence[Call], receipts: Mapping[str, Receipt]) -> None:
    """Of all that was sent the target can tell that it stands there as it is wanted, and what it answered."""
    if not isinstance(target, CanAdopt):
        return
    where = target.where(receipts)
    for call in calls:
        name, sent = call.op.name, receipts[call.op.name]
        found = await target.adopt(call, unit.origin, [where] if where else [])
        markless = unit.records[0].ref.kind in target.capabilities.markless
        if found is None and markless and call.op.effect is Effect.FREE:
            continue  # sent once more, it is waste
        if found is None:
            raise Broken(f"{name}: it was sent, and adopt does not find it")
        if not found.same:
            raise Broken(f"{name}: it was just sent, and adopt takes it for changed")
        told, said = [(one.values, one.origin, one.declined) for one in (found.receipt, sent)]
        if markless:  # nothing proves there whose it is
            told, said = (told[0], said[1], told[2]), said
        if told != said:
            raise Broken(f"{name}: it answered {said!r}, and is adopted with {told!r}")


async def _check_reading(
    target: Target,
    unit: Unit,
    rendered: Rendered,
    receipts: Mapping[str, Receipt],
    normals: Normals,
    look: Lookup,
) -> None:
    """normal(read(send(render(r)))) == normal(r), field by field, as keeps says; and read shows what expect said."""
    carried = {ref for operation in rendered.operations for ref in operation.carries}
    if not carried:
        return
    present = await target.read(unit.records[0].ref.kind, target.where(receipts))
    if present is None:
        raise Broken(f"{unit.key} cannot be read back")
    records, root = list(present.records), unit.records[0].ref
    if root.kind in target.capabilities.markless and records:
        records[0] = msgspec.structs.replace(records[0], ref=root)
    found = {record.ref: record for record in records}
    if len(found) < len(records):
        raise Broken(f"{unit.key}: something stands there twice")
    if present.flaws or not present.whole:
        raise Broken(f"{unit.key}: it is not whole: {present.flaws}")
    for record in unit.records:
        if record.ref in carried and record.ref in found:
            _check_fields(record, found[record.ref], target.capabilities.keeps, normals)
    order = [ref for ref in found if ref in carried]
    wanted = [record.ref for record in unit.records if record.ref in found and record.ref in carried]
    if order != wanted:
        raise Broken(f"{unit.key}: read back in another order: {order} instead of {wanted}")
    if isinstance(target, CanProve):
        declined = {ref for op in rendered.operations if receipts[op.name].declined for ref in op.carries}
        # A file of a text that the target did not take is not expected: an audit has that from the journal.
        taken = [record for record in unit.records if record.ref.kind != MEDIA or record.ref not in declined]
        _check_expected(target, msgspec.structs.replace(unit, records=taken), look, records, normals)


def _check_expected(target: CanProve, unit: Unit, look: Lookup, found: list[Record], normals: Normals) -> None:
    """What can be said beforehand is what is read: each record, in its place, each field of it."""
    expected = target.expect(unit, look).records
    if [record.ref for record in expected] != [record.ref for record in found]:
        raise Broken(f"{unit.key}: expected {[r.ref for r in expected]}, read {[r.ref for r in found]}")
    keeps = target.capabilities.keeps  # type: ignore[attr-defined]  # every CanProve is a Target
    for one, other in zip(expected, found, strict=True):
        for different in differences(one, other, keeps, normals):
            raise Broken(
                f"{one.ref} {different.field}: expected {different.expected!r}, read back as {different.actual!r}"
            )


def _check_fields(record: Record, found: Record, keeps: Mapping[tuple[Kind, str], Keep], normals: Normals) -> None:
    for (kind, name), keep in keeps.items():
        if kind != record.ref.kind or not hasattr(record, name):
            continue
        how, _, which = keep.how.partition(":")
        if how not in ("exact", "normal"):
            continue
        normal = normals[which] if how == "normal" else _same
        left, right = normal(getattr(record, name)), normal(getattr(found, name))
        if left != right:
            raise Broken(f"{record.ref} {name} ({keep.how}): {left!r} was read back as {right!r}")


def _same(value: object) -> object:
    return value


def _spooled(ref: Ref, files: Mapping[Ref, Path]) -> Spooled:
    path = files.get(ref)
    if path is None:
        return Spooled(None, why="its bytes are gone at the source")
    return Spooled(path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def _files_in(value: object) -> list[Ref]:
    if isinstance(value, File):
        return [value.ref]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [ref for item in items for ref in _files_in(item)]


def _filled(
    value: object, own: Mapping[str, Receipt], others: Mapping[Ref, Mapping[str, Receipt]]
) -> dict[str, object]:
    filled = _fill(value, own, others)
    assert isinstance(filled, dict)
    return filled


def _fill(value: object, own: Mapping[str, Receipt], others: Mapping[Ref, Mapping[str, Receipt]]) -> object:
    if isinstance(value, FromReceipt):
        receipts = others.get(value.of, {}) if value.of is not None else own
        receipt = receipts.get(value.op)
        return receipt.values.get(value.value, value.default) if receipt is not None else value.default
    if isinstance(value, Mapping):
        return {key: _fill(item, own, others) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(item, own, others) for item in value]
    return value
