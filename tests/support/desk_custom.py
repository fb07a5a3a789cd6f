"""Custom attributes as the target must show them: keys by the slug rules of the API page, flat values."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping

from desk_sample import Desk, clean, facts

Value = str | int | float | bool

SAFE = 2**53
"""Numbers beyond it are not told apart by everyone who reads JSON."""
LONGEST_KEY = 64
LONGEST_VALUE = 1000
RESERVED = {
    "contact": {"source", "source_id", "source_ids"},
    "conversation": {
        *("source", "source_id", "source_number", "source_created_at", "source_updated_at", "source_status"),
        *("source_channel", "source_priority", "source_team", "source_queue", "source_assignee"),
        *("csat_score", "csat_rating", "csat_comment"),
    },
}
_KINDS = {"contact": ("customer", "customers"), "conversation": ("conversation", "conversations")}
_KINDS["message"] = ("message", "messages")


def slug(text: str) -> str:
    """NFKD, lower case, every run of other letters one underscore, none at the ends."""
    plain = unicodedata.normalize("NFKD", text).lower()
    return re.sub(r"[^a-z0-9-]+", "_", plain).strip("_")


def split_camel(name: str) -> str:
    """`vipTierStr` as `vip_Tier_Str`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)


def keys_of(desk: Desk, kind: str) -> dict[str, str]:
    """The key of every custom attribute of a kind, declared or only used, by its own name."""
    declared, held = _KINDS[kind]
    metadata = desk.get("metadata", declared)
    properties = facts(metadata)["properties"] if metadata else {}
    names = {name: slug(str((shape or {}).get("displayName") or "")) for name, shape in properties.items()}
    for row in desk.rows(held):
        for name in facts(row).get("custom") or {}:
            names.setdefault(name, "")
    for name, key in names.items():
        names[name] = key or slug(split_camel(name)) or f"attr_{_digest(name)}"
    shared = {key for key, count in Counter(names.values()).items() if count > 1} | RESERVED.get(kind, set())
    return {
        name: f"{key[:55]}_{_digest(name)}" if key in shared or len(key) > LONGEST_KEY else key
        for name, key in names.items()
    }


def flat(custom: Mapping[str, object] | None, keys: Mapping[str, str]) -> dict[str, Value]:
    """The values of a record that can be shown, by key; an empty text or list is shown or not, as one likes."""
    return {key: value for key, value in _pairs(custom or {}, keys) if _fits(value)}


def _pairs(custom: Mapping[str, object], keys: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    for name, value in custom.items():
        for path, plain in _leaves(value):
            yield "_".join([keys[name], *map(slug, path)]), plain


def _leaves(value: object) -> Iterator[tuple[tuple[str, ...], Value]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from (((name, *path), leaf) for path, leaf in _leaves(inner))
    elif isinstance(value, list):
        yield (), ", ".join(clean(_plain(one)) for one in value)
    elif value is not None:
        yield (), _plain(value)


def _plain(value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return str(value) if abs(value) > SAFE else value
    return clean(value)


def _fits(value: Value) -> bool:
    return not isinstance(value, str) or (len(value) <= LONGEST_VALUE and not re.fullmatch(r"\s*\*{2,}\s*", value))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
