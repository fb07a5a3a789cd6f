"""Rows of a desk with one thing wrong in each: every kind, every field the source reads, every damage that fits it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from desk_sample import Json
from malformed_rows import FIELDS, REQUIRED, SHAPES, UNREAD, sound, written
from malformed_values import SPOILT, WRONG, Spoilt

ABSENT = "Kustomer leaves out, or sets to null, what a row does not have"
TOLD = "a field that mig does not read; it is kept whole in `extra`"


@dataclass(frozen=True)
class Damage:
    """One damaged row."""

    kind: str
    """The dataset's word."""
    number: int
    """Which of the sound rows of this kind it strikes."""
    what: str
    """The damage in a word."""
    field: str
    """Where it is: `emails`, `relationships.customer`, `id`."""
    rows: tuple[str, ...]
    """What is served instead, as JSON."""
    harmless: str = ""
    """Why nothing need be said about it; empty: its field must be named."""

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.field} {self.what}"


def damages(seed: int, most: int | None = None) -> list[Damage]:
    """Damaged rows, each of another number; the same arguments give the same ones.

    Args:
        seed: Chooses the values, and which ones are left out.
        most: About how many; every field and every kind of damage is there all the same. None: every pair of a field
            and a damage that fits it.

    Returns:
        The damages, in the order of kinds.
    """
    chance = random.Random(seed)
    every = [one for kind in FIELDS for one in _of_kind(kind, chance)]
    if most is None or most >= len(every):
        return every
    order = chance.sample(range(len(every)), len(every))
    seen: set[tuple[str, str]] = set()
    first, rest = [], []
    for place in order:
        marks = {(every[place].kind, every[place].field), ("", every[place].what)}
        (rest if marks <= seen else first).append(place)
        seen |= marks
    return [every[place] for place in sorted([*first, *rest][: max(most, len(first))])]


def _of_kind(kind: str, chance: random.Random) -> Iterator[Damage]:
    for number, (field, spoilt) in enumerate(_pairs(kind, chance)):
        rows = _struck(kind, number, field, spoilt)
        yield Damage(kind, number, spoilt.what, field, rows, _excuse(kind, field, spoilt))


def _pairs(kind: str, chance: random.Random) -> Iterator[tuple[str, Spoilt]]:
    for field, shape in FIELDS[kind].items():
        for spoilt in (*WRONG[shape], *SPOILT[shape]):
            yield field, spoilt.chosen(chance)
    if kind != "metadata":  # a definition is no row of its own
        for field in ("", "id", "attributes", "relationships", "links", "type"):
            yield from ((field, spoilt) for spoilt in SHAPES[field])


def _excuse(kind: str, field: str, spoilt: Spoilt) -> str:
    if field in UNREAD[kind]:
        return TOLD
    if spoilt.what in ("missing", "null", "empty text") and field not in REQUIRED[kind] and field in FIELDS[kind]:
        return ABSENT
    return spoilt.harmless


def _struck(kind: str, number: int, field: str, spoilt: Spoilt) -> tuple[str, ...]:
    row = sound(kind, number)
    if field == "":
        return spoilt.rows(row)
    if kind == "metadata":
        holder: Json = row
    elif field.startswith("relationships."):
        holder, field = row["relationships"], field.partition(".")[2]
    else:
        holder = row if field in SHAPES else row["attributes"]
    if spoilt.what == "missing":
        holder.pop(field, None)
    else:
        holder[field] = spoilt.value(row)
    return (written(row),)


def by_id(found: list[Damage]) -> Mapping[tuple[str, str], Damage]:
    """Damages of rows by kind and the id the sound row has; those of definitions are no rows."""
    return {(one.kind, sound(one.kind, one.number)["id"]): one for one in found if one.kind != "metadata"}
