"""Whether a record is what it should be, field by field; pure. Verify and the law of targets compare by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from mig.model import Kind, Record
from mig.platforms import Keep

Keeps = Mapping[tuple[Kind, str], Keep]
Normals = Mapping[str, Callable[[object], object]]
MAPS = ("custom", "extra", "meta", "call")
"""Fields whose keys are compared one by one, and named `custom.<key>`."""
_UNTOLD = ("ref", "changed_at")


class Difference(Struct, frozen=True):
    """One field that is not as it should be."""

    field: str
    """The field, or field and key."""
    expected: object
    """None: it should not be there."""
    actual: object
    """None: it is not there."""


def differences(expected: Record, found: Record, keeps: Keeps, normals: Normals) -> list[Difference]:
    """Compare two records of one kind.

    Args:
        expected: As it should be, in the form the target shows.
        found: As it is.
        keeps: What the target keeps of each field; what it says is lost is not compared, what it says nothing about is.
        normals: The functions named in `keeps`.

    Returns:
        The fields that differ; numbers by value (1 is 1.0), everything else also by type (1 is neither True nor "1").
    """
    if type(expected) is not type(found):
        return [Difference("kind", type(expected).__name__.lower(), type(found).__name__.lower())]
    different: list[Difference] = []
    for name in expected.__struct_fields__:
        keep = keeps.get((expected.ref.kind, name))
        how, _, which = keep.how.partition(":") if keep is not None else ("exact", "", "")
        if name in _UNTOLD or how == "lost":
            continue
        want, have = getattr(expected, name), getattr(found, name)
        if how == "normal":
            want, have = normals[which](want), normals[which](have)
        pairs = _by_key(name, want, have) if name in MAPS else [(name, want, have)]
        different += [Difference(label, one, other) for label, one, other in pairs if not same(one, other)]
    return different


def _by_key(name: str, want: object, have: object, depth: int = 2) -> list[tuple[str, object, object]]:
    """Two maps key by key, and maps in them likewise: each pair under a name of its own."""
    if not depth or not isinstance(want, Mapping) or not isinstance(have, Mapping):
        return [(name, want, have)]
    keys = sorted(want.keys() | have.keys())
    return [pair for key in keys for pair in _by_key(f"{name}.{key}", want.get(key), have.get(key), depth - 1)]


def same(one: object, other: object) -> bool:
    """Whether two values are equal and of one type, all the way down; numbers are compared by value."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other
