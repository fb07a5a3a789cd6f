"""Reading one resource: what a field takes is gone from it, the rest becomes `extra`, doubts become warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from mig import Kind, Oddity, Ref
from mig_kustomer.names import LONGEST_ID, called, is_usable
from mig_kustomer.wire import Numeral

T = TypeVar("T")
Doubt = Callable[[str, str], None]
"""Takes a field and why it is odd."""

DERIVED = "_derived"
"""The key of `extra` whose content says nothing about a record having changed; digests leave it out."""

MISSING = "missing"

DERIVED_NAMES = frozenset(
    {"rev", "updatedAt", "modifiedAt", "lastActivityAt", "roleGroupVersions", "modificationHistory"}
)
"""Attributes every kind may have that the platform derives itself."""

LONE = re.compile("[\ud800-\udfff]")
"""Half a character."""
_URL = re.compile(r"(?:https?://)?[^\s/:?#@]+\.[^\s/:?#@]+(?::\d+)?(?:[/?#]\S*)?")
"""An address on the web, with or without its scheme, as people write it."""
_SAFE = 2**53
"""Numbers beyond it are told apart by few programs."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""No desk is older."""

_DERIVED_RELATIONS = frozenset({"org", "modifiedBy", "messages"})
"""`org` is the same everywhere, `modifiedBy` moves with `modifiedAt`, `messages` is only a link."""


class Reader:
    """Takes typed values out of an object of unknown content; never raises.

    Args:
        values: The object; it is left as it is.
        doubt: Where oddities go.
        path: Stands before the names in them: `emails.0.`.
    """

    def __init__(self, values: Mapping[str, Any], doubt: Doubt, path: str = "") -> None:
        self._numerals = frozenset(name for name, value in values.items() if isinstance(value, Numeral))
        self._left = {**values, **{name: str(values[name]) for name in self._numerals}}
        self._doubt = doubt
        self._path = path
        self._parts: dict[str, Reader] = {}
        self._lists: dict[str, list[Any]] = {}

    def peek(self, name: str) -> Any:
        """A value that stays where it is."""
        return self._left.get(name)

    def take(self, name: str, read: Callable[[Any], T | None], expected: str) -> T | None:
        """Take a value if `read` accepts it; null counts as absent, anything else stays and is doubted."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        odd = name in self._numerals
        got = None if odd else read(self._left[name])
        if got is None:
            self.doubt(name, f"{'a number' if odd else called(self._left[name])} where {expected} belongs")
            return None
        del self._left[name]
        return got

    def text(self, name: str) -> str:
        return self.take(name, as_text, "a text") or ""

    def flag(self, name: str) -> bool:
        return self.take(name, _as_flag, "true or false") or False

    def yes_no(self, name: str) -> bool | None:
        return self.take(name, _as_flag, "true or false")

    def shown(self, name: str) -> str:
        """A text that stays where it is."""
        value = self._left.get(name)
        if value is not None and (name in self._numerals or not isinstance(value, str)):
            self.doubt(name, f"{called(value)} where a text belongs")
        return value if isinstance(value, str) and name not in self._numerals else ""

    def since(self, name: str) -> bool:
        """Whether a date stands there, which stays; what is none says nothing."""
        value = self._left.get(name)
        if value is not None and as_time(value) is None:
            self.doubt(name, f"{called(value)} where a date belongs")
        return as_time(value) is not None

    def url(self, name: str) -> str:
        return self.take(name, _as_url, "a web address") or ""

    def phone(self, name: str) -> str:
        return self.take(name, _as_phone, "a number to call") or ""

    def whole(self, name: str) -> int | None:
        return self.take(name, _as_whole, "a whole number")

    def count(self, name: str) -> int | None:
        return self.take(name, _as_count, "a count")

    def number(self, name: str) -> float | None:
        return self.take(name, _as_number, "a number")

    def time(self, name: str) -> datetime | None:
        return self.take(name, _as_recent, "a date since 1970")

    def day(self, name: str) -> datetime | None:
        """A date that may lie before 1970."""
        return self.take(name, as_time, "a date")

    def mapping(self, name: str) -> dict[str, Any]:
        return self.take(name, _as_mapping, "an object") or {}

    def texts(self, name: str, longest: int = LONGEST_ID) -> list[str]:
        """A list of texts; what is none stays behind."""
        taken: list[str] = []
        rest: list[Any] = []
        for value in self.take(name, _as_list, "a list") or []:
            (taken if isinstance(value, str) and 0 < len(value) <= longest else rest).append(value)
        if rest:
            self._left[name] = rest
            self.doubt(name, "an entry of the list is no text, or longer than any id")
        return taken

    def refs(self, name: str, kind: Kind) -> list[Ref]:
        """A list of ids as references."""
        return [Ref(kind, value) for value in self.texts(name)]

    def part(self, name: str) -> Reader | None:
        """The object under a name, to be read further; what is not taken from it stays under this name."""
        values = self.take(name, _as_mapping, "an object")
        if values is None:
            return None
        self._parts[name] = Reader(values, self._doubt, f"{self._path}{name}.")
        return self._parts[name]

    def parts(self, name: str) -> list[Reader]:
        """The objects in a list; what is not taken from them stays in a list of the same order."""
        items: list[Any] = self.take(name, _as_list, "a list") or []
        for n, value in enumerate(items):
            if isinstance(value, dict):
                items[n] = Reader(value, self._doubt, f"{self._path}{name}.{n}.")
            elif value is not None:
                self.doubt(f"{name}.{n}", f"{called(value)} where an object belongs")
        self._lists[name] = items
        return [item for item in items if isinstance(item, Reader)]

    def rest(self) -> dict[str, Any]:
        """What nobody took."""
        rest = dict(self._left)
        for name, part in self._parts.items():
            if left := part.rest():
                rest[name] = left
        for name, items in self._lists.items():
            lefts = [item.rest() if isinstance(item, Reader) else item for item in items]
            if any(left or isinstance(left, (bool, int, float)) for left in lefts):
                rest[name] = lefts
        return rest

    def doubt(self, name: str, why: str) -> None:
        """Note a warning about one of these values, without the value."""
        self._doubt(self._path + name, why)


class Reading:
    """One resource: its attributes and relationships as readers, and what every record has.

    Args:
        ref: What it becomes.
        resource: The resource, an object.
        derived: Attributes of this kind that the platform derives, beside `DERIVED_NAMES`.
        dated: Rows of this kind always say when they were made and changed.
    """

    def __init__(
        self, ref: Ref, resource: Mapping[str, Any], derived: Iterable[str] = (), *, dated: bool = False
    ) -> None:
        self.ref = ref
        self.resource = resource
        self.warnings: list[Oddity] = []
        self._derived = DERIVED_NAMES.union(derived)
        self._top = {
            k: v for k, v in resource.items() if k not in ("type", "id", "attributes", "relationships", "links")
        }
        self.attributes = Reader(self._object(resource, "attributes"), self.doubt)
        self._relations = dict(self._object(resource, "relationships"))
        self.links = Reader(self._object(resource, "links"), self.doubt, "links.")
        for name in ("createdAt", "updatedAt") if dated else ():
            if self.attributes.peek(name) is None:
                self.doubt(name, MISSING)
        self.created_at = self.attributes.time("createdAt")
        self.changed_at = self.attributes.time("updatedAt")

    def doubt(self, field: str, why: str) -> None:
        """Note a warning on the record."""
        self.warnings.append(Oddity(self.ref, field, why))

    def relation(self, name: str, kind: Kind) -> Ref | None:
        """The one resource a relationship names; its link, which repeats the id, is dropped."""
        value = self._relations.get(name)
        if value is None or value == {}:
            self._relations.pop(name, None)
            return None
        data = value.get("data") if isinstance(value, dict) else None
        if data is None and isinstance(value, dict):
            return None  # only a link: it stays in extra
        found = data.get("id") if isinstance(data, dict) else None
        if not is_usable(found):
            self.doubt(f"relationships.{name}", "names no usable id")
            return None
        del self._relations[name]
        return Ref(kind, found)

    def relations(self, name: str, kind: Kind) -> list[Ref]:
        """The resources a relationship names."""
        value = self._relations.get(name)
        data = value.get("data") if isinstance(value, dict) else None
        if isinstance(data, dict):
            data = [data]
        if not isinstance(data, list):
            if value is not None and not isinstance(value, dict):
                self.doubt(f"relationships.{name}", f"{called(value)} where an object belongs")
            elif data is not None:
                self.doubt(f"relationships.{name}", f"{called(data)} where a list belongs")
            return []
        ids = [item.get("id") if isinstance(item, dict) else None for item in data]
        found = [Ref(kind, one) for one in ids if is_usable(one)]
        if len(found) == len(data):
            del self._relations[name]
        else:
            self.doubt(f"relationships.{name}", "an entry names no usable id")
        return found

    def relationships(self) -> dict[str, Any]:
        """All relationships nobody took, each as the id or the ids it names where it names any; they are taken now."""
        moving, self._relations = self._relations, {}
        for name in _DERIVED_RELATIONS.intersection(moving):
            self._relations[name] = moving.pop(name)
        return {name: _idscalled(value) for name, value in moving.items()}

    def extra(self, **more: Any) -> dict[str, Any]:
        """Everything no field took: attributes by their names, the rest under names with an underscore.

        An attribute whose own name begins with an underscore gets another one.
        """
        out: dict[str, Any] = {}
        derived: dict[str, Any] = {}
        for name, value in self.attributes.rest().items():
            (derived if name in self._derived else out)["_" + name if name.startswith("_") else name] = value
        moving = dict(self._relations)
        still = {name: moving.pop(name) for name in _DERIVED_RELATIONS.intersection(moving)}
        if still:
            derived["_relationships"] = still
        self.links.text("self")  # it repeats the id
        if links := self.links.rest():
            derived["_links"] = links  # those of files are signed anew at every read
        more |= {"_relationships": moving, "_top": self._top, DERIVED: derived}
        return out | {k: v for k, v in more.items() if v}

    def _object(self, resource: Mapping[str, Any], name: str) -> dict[str, Any]:
        value = resource.get(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.doubt(name, f"{called(value)} where an object belongs")
            self._top[name] = value
        elif name == "attributes":
            self.doubt(name, MISSING)
        return {}


def _idscalled(relation: Any) -> Any:
    """The id, or the ids, of a relationship; its links repeat them. Anything else stays as it is."""
    data = relation.get("data") if isinstance(relation, dict) else None
    if isinstance(data, dict) and is_usable(data.get("id")):
        return data["id"]
    if isinstance(data, list) and all(isinstance(one, dict) and is_usable(one.get("id")) for one in data):
        return [one["id"] for one in data]
    return relation


def as_text(value: Any) -> str | None:
    """A text as it is."""
    return value if isinstance(value, str) else None


def as_time(value: Any) -> datetime | None:
    """An ISO 8601 date, with or without time, offset and fraction, as UTC with milliseconds."""
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value.strip())
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when.replace(microsecond=when.microsecond // 1000 * 1000)


def clean(value: Any, odd: Callable[[], None]) -> Any:
    """Replace lone surrogates, which no UTF-8 holds, by U+FFFD, and a numeral by its text; call `odd` for each."""
    if isinstance(value, Numeral):
        odd()
        return str(value)
    if isinstance(value, str):
        mended, count = LONE.subn("\ufffd", value)
        if count:
            odd()
        return mended
    if isinstance(value, list):
        return [clean(item, odd) for item in value]
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        for key, item in value.items():
            name = clean(key, odd)
            while name in out:  # two broken names must not become one
                name += "\ufffd"
            out[name] = clean(item, odd)
        return out
    return value


def _as_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_url(value: Any) -> str | None:
    return value if isinstance(value, str) and (not value or _URL.fullmatch(value.strip())) else None


def _as_phone(value: Any) -> str | None:
    """Written as people write it: digits, whatever stands between them, or a mask."""
    return value if isinstance(value, str) and (not value or re.search(r"[\d*]", value)) else None


def _as_recent(value: Any) -> datetime | None:
    when = as_time(value)
    return when if when is not None and when >= _BEGINNING else None


def _as_whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) < _SAFE else None


def _as_count(value: Any) -> int | None:
    found = _as_whole(value)
    return found if found is not None and found >= 0 else None


def _as_number(value: Any) -> float | None:
    """Numbers, and texts that are one: satisfaction comes as either."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    exact = isinstance(value, str) or number == value
    return number if math.isfinite(number) and exact else None


def _as_mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _as_list(value: Any) -> list[Any] | None:
    return list(value) if isinstance(value, list) else None
