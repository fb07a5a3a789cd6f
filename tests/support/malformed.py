"""Rows of a desk with one thing wrong in each: every kind, every field the source reads, every damage that fits it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from desk_sample import Json
from malformed_rows import FIELDS, REQUIRED, SHAPES, UNREAD, sound, written
from malformed_values import SPOILT, WRONG, Spoilt

ABSENT = "Kustomer leaves out, or sets to null, what a row does not have"
IN_LINK = "a file of a conversation's list has its id in its own link alone"
TOLD = "a field that mig does not read; it is kept whole in `extra`"


_TEXT_DAMAGE = ("a megabyte", "U+0000")
_KEPT = "Crisp has no place for it (docs/mapping-table.md), so it stays in the journal, as it is"
_OTHER_NAME = "another name of it counts"
_LONG_OR_ODD: Mapping[tuple[str, str, str], str] = {
    ("a megabyte", "messages", "preview"): "a long text arrives in parts",
    ("a megabyte", "notes", "body"): "a long text arrives in parts",
    ("U+0000 in names and values", "companies", "custom"): "its members' data, which hold it, say so",
    ("a megabyte", "companies", "externalId"): "its members' data, which hold it, say so",
    ("ids of nothing", "companies", "tags"): _KEPT,
    ("a relation to nothing", "notes", "relationships.userMentions"): _KEPT,
    ("U+0000 in names and values", "messages", "meta"): _KEPT,
    ("values out of range", "messages", "meta"): _KEPT,
    **{("a megabyte", "customers", name): _KEPT for name in ("firstName", "lastName")},
    ("a megabyte", "customers", "companyName"): _OTHER_NAME,
    ("a megabyte", "conversations", "defaultLang"): _KEPT,
    **{("a megabyte", "messages", name): _KEPT for name in ("status", "externalId")},
    ("a megabyte", "notes", "externalId"): _KEPT,
    ("a megabyte", "tags", "color"): _KEPT,
    **{("a megabyte", kind, "name"): _KEPT for kind in ("users", "teams", "queues")},
    **{(what, kind, "displayName"): _OTHER_NAME for kind in ("users", "teams", "queues") for what in _TEXT_DAMAGE},
    ("a megabyte", "queues", "description"): _KEPT,
    **{(what, "metadata", "type"): _KEPT for what in _TEXT_DAMAGE},
}
"""By damage, kind and field: what is no loss there, and why."""


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
        most: About how many; every field, and every damage of every shape of field, is there all the same. None: every
            pair of a field and a damage that fits it.

    Returns:
        The damages, in the order of kinds.
    """
    chance = random.Random(seed)
    every = [one for kind in FIELDS for one in _of_kind(kind, chance)]
    if most is None or most >= len(every):
        return every
    order = chance.sample(range(len(every)), len(every))
    seen: set[tuple[str, str]] = set()
    first: list[int] = []
    rest: list[int] = []
    for place in order:
        one = every[place]
        marks = {(one.kind, one.field), (FIELDS[one.kind].get(one.field, one.field), one.what)}
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
    if kind == "attachments" and field == "id" and spoilt.what in ("missing", "an id that is null"):
        return IN_LINK
    return spoilt.harmless or _LONG_OR_ODD.get((spoilt.what, kind, field), "")


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
        for name in field.split(".")[:-1]:
            holder = holder[name]
        field = field.rpartition(".")[2]
    if spoilt.what == "missing":
        holder.pop(field, None)
    else:
        holder[field] = spoilt.value(row)
    return (written(row),)


_ALSO: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("conversations", "name"): ("title",),
    ("messages", "preview"): ("text",),
    ("notes", "body"): ("text",),
    ("attachments", "contentLength"): ("size",),
    ("attachments", "contentType"): ("mime",),
    ("conversations", "defaultLang"): ("language",),
    ("users", "email"): ("e-mail",),
    ("metadata", "displayName"): ("label",),
    ("customers", "locations"): ("places",),
    ("customers", "externalId"): ("external_ids",),
    ("messages", "createdBy"): ("author",),
    ("notes", "createdBy"): ("author",),
    **{(kind, "customer"): ("contact",) for kind in ("conversations", "messages", "notes")},
    ("conversations", "assignedTeams"): ("teams",),
    ("conversations", "assignedUsers"): ("agents",),
}
"""What mig calls a field by its own word."""


def names(damage: Damage, text: str) -> bool:
    """Whether a warning, a loss or a reason names the damaged field, or where it stands."""
    name = damage.field.removeprefix("relationships.")
    first = name.partition(".")[0]
    if damage.field == "":
        return bool(text)
    words = (name, first, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(), *_ALSO.get((damage.kind, name), ()))
    return any(re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", text) for word in words)
