"""Custom attributes as flat data: keys that never collide, values Crisp accepts, and what has no place."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from mig import ATTRIBUTE, AttributeDefinition, Kind, Lookup, Loss
from mig_crisp.text import MAX_KEY, clean, hashed, own_slug, slug

Value = str | int | float | bool
CLEANED = "characters no text can hold were removed or replaced"
#: The keys mig writes itself (docs/api/crisp.md, section 11).
RESERVED_CONVERSATION = frozenset(
    (
        *("source", "source_id", "source_number", "source_created_at", "source_updated_at", "source_status"),
        *("source_channel", "source_priority", "source_team", "source_queue", "source_assignee"),
        *("source_snooze_until", "source_external_id", "csat_score", "csat_rating", "csat_comment"),
    )
)
RESERVED_PEOPLE = frozenset(
    (
        *("source", "source_id", "source_ids", "source_created_at", "external_ids", "other_emails", "other_phones"),
        *("other_urls", "other_addresses", "handles", "birthday", "language", "time_zone", "company_external_id"),
    )
)
RESERVED_MESSAGE = frozenset(
    (
        *("source", "source_id", "source_part", "source_parts"),
        *("source_files", "source_subject", "source_side", "source_parent", "source_alone"),
        *("source_rating", "source_score"),
    )
)
RESERVED_EVENT = frozenset(("source", "source_id", "source_created_at", "source_external_id"))
_SAFE = 2**53
_MASK = re.compile(r"\*{4,}[\w.@-]{0,4}")


class Keys:
    """The keys of one kind's custom attributes, made from their definitions.

    Args:
        look: Knows the definitions.
        kind: Whose attributes.
        reserved: Keys that are taken.
    """

    def __init__(self, look: Lookup, kind: Kind, reserved: frozenset[str]) -> None:
        labels = {
            record.name: record.label
            for record in look.all(ATTRIBUTE)
            if isinstance(record, AttributeDefinition) and record.of == kind
        }
        wanted = {name: slug(label) or own_slug(name) for name, label in labels.items()}
        count = Counter(wanted.values())
        self._reserved = reserved
        self._keys = {name: key for name, key in wanted.items() if count[key] == 1 and not self._taken(key)}
        taken = set(wanted.values())
        for name in sorted(set(wanted) - set(self._keys)):
            self._keys[name] = unlike(wanted[name], name, taken)
            taken.add(self._keys[name])
        self._owner = {key: name for name, key in self._keys.items()}

    def of(self, name: str, path: tuple[str, ...] = ()) -> str:
        """The key an attribute, or a value nested in it, wants."""
        key = self._keys.get(name) or own_slug(name)
        return "_".join((key, *map(own_slug, path)))

    @property
    def declared(self) -> Iterable[str]:
        """The keys of declared attributes."""
        return self._owner

    def is_free(self, key: str, name: str) -> bool:
        """Whether this attribute may have a key: not too long, reserved, or declared for another."""
        return not self._taken(key) and self._owner.get(key, name) == name

    def _taken(self, key: str) -> bool:
        numbered, _, number = key.rpartition("_")
        return len(key) > MAX_KEY or key in self._reserved or (number.isdigit() and numbered in self._reserved)


def flatten(custom: Mapping[str, Any], keys: Keys, limit: int) -> tuple[dict[str, Value], list[Loss]]:
    """Custom attributes as a flat map.

    Args:
        custom: As the source has them: nested, listed, null.
        keys: Gives each attribute its key.
        limit: Characters of a value.

    Returns:
        The map, and what has no place in it, named by the attribute.
    """
    found = [(name, path, value) for name in sorted(custom) for path, value in _leaves(custom[name])]
    leaves = [leaf for leaf in found if not (isinstance(leaf[2], str) and is_masked(leaf[2]))]
    wanted = [keys.of(name, path) for name, path, _ in leaves]
    count = Counter(wanted)
    data: dict[str, Value] = {}
    why = "the source masks it: the key may not read sensitive attributes"
    losses = [Loss(f"custom.{leaf[0]}", "dropped", why) for leaf in found if leaf not in leaves]
    for (name, path, value), key in zip(leaves, wanted, strict=True):
        field = f"custom.{name}"
        if isinstance(value, str) and len(value) > limit:
            losses.append(Loss(field, "archived", f"longer than {limit} characters"))
            continue
        if count[key] > 1 or not keys.is_free(key, name):
            key = unlike(key, ".".join((name, *path)), {*data, *count, *keys.declared})
        data[key] = value
        if isinstance(value, str) and not isinstance(custom[name], str):
            losses.append(Loss(field, "changed", "written as text"))
        elif isinstance(value, str) and value != custom[name]:
            losses.append(Loss(field, "changed", CLEANED))
    return data, losses


def unlike(key: str, name: str, taken: Container[str]) -> str:
    """A key made of a name's hash that no other attribute has or wants."""
    found, again = hashed(key, name), name
    while found in taken:
        again += "/2"
        found = hashed(key, again)
    return found


def is_masked(value: str) -> bool:
    """Whether a value, or each of a list, is the source's mask of a sensitive one; a few last characters may show."""
    return all(_MASK.fullmatch(part) for part in value.split(", "))


def numbered(key: str, values: Iterable[str], limit: int) -> dict[str, Value]:
    """A list as text under one key; where it is too long it goes on under `<key>_2`, `<key>_3` ..."""
    chunks: list[str] = []
    for value in values:
        value = value[:limit]
        if chunks and len(chunks[-1]) + 1 + len(value) <= limit:
            chunks[-1] += "," + value
        else:
            chunks.append(value)
    return {key if n == 1 else f"{key}_{n}": chunk for n, chunk in enumerate(chunks, 1)}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key], (*path, str(key)))
    elif isinstance(value, list):
        plain = [item for item in value if item is not None]
        if any(isinstance(item, Mapping | list) for item in plain):
            for index, item in enumerate(plain):
                yield from _leaves(item, (*path, str(index)))
        elif plain:
            texts = [_text(item) for item in plain]
            shown = [text for text in texts if not is_masked(text)]
            if shown:
                yield path, ", ".join(shown)
            if len(shown) < len(texts):
                yield path, "****"
    else:
        yield path, _plain(value)


def _plain(value: Any) -> Value:
    if isinstance(value, str):
        return clean(value)
    unsafe = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _SAFE
    if unsafe or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)  # a JavaScript number could not hold it
    if isinstance(value, bool | int | float):
        return value
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(str(value))
