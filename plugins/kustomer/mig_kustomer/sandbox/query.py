"""Reading a search: the body of `POST /v1/customers/search` and of archive search, checked against the closed lists."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from mig_kustomer.sandbox import attributes as known
from mig_kustomer.sandbox.answers import bad
from mig_kustomer.sandbox.attributes import Attribute
from mig_kustomer.sandbox.criteria import Test, bounds, make_test
from mig_kustomer.sandbox.rows import Json
from mig_kustomer.sandbox.switches import Switches

_BODY_KEYS = frozenset(
    ("queryContext", "and", "or", "not", "sort", "timeZone", "includeDeleted", "fields", "aggs", "searchHash")
)


class Criterion(NamedTuple):
    """One attribute and what must hold of it."""

    key: str
    attribute: Attribute
    test: Test
    window: tuple[int | None, int | None] | None
    """For dates: the half-open range of milliseconds it allows."""


class SortKey(NamedTuple):
    """One attribute and a direction."""

    key: str
    attribute: Attribute
    descending: bool


class Query(Struct, frozen=True):
    """A search that may be run."""

    context: str
    kind: str
    klass: str | None
    archive: bool
    every: tuple[Criterion, ...]
    some: tuple[Criterion, ...]
    none: tuple[Criterion, ...]
    sort: tuple[SortKey, ...]
    deleted: bool
    """Whether deleted rows may be among the results."""


def read_query(body: object, *, archive: bool, switches: Switches) -> Query:
    """Check a search body.

    Raises:
        Refusal: 400 with the first thing that is wrong.
    """
    if not isinstance(body, dict):
        raise bad("Invalid request body or parameters.")
    for name in body:
        if name not in _BODY_KEYS:
            raise bad(f"{name} is not allowed.", pointer=f"/{name}")
    context, klass = _context(body.get("queryContext"), archive=archive)
    reader = _Reader(context, archive, _zone(body.get("timeZone", "GMT")), switches)
    every, some, none = (reader.group(body.get(name), name) for name in ("and", "or", "not"))
    wanted = body.get("includeDeleted", False)
    if not isinstance(wanted, bool):
        raise bad("includeDeleted must be a boolean.", pointer="/includeDeleted")
    return Query(
        context,
        known.CONTEXTS[context],
        klass,
        archive,
        every,
        some,
        none,
        reader.sort(body.get("sort")),
        (wanted and switches.include_deleted == "honour")
        or any(criterion.attribute.marks_deleted for criterion in (*every, *some, *none)),
    )


def _context(given: object, *, archive: bool) -> tuple[str, str | None]:
    contexts = known.ARCHIVE if archive else known.SEARCH
    if isinstance(given, str):
        if given in contexts:
            return given, None
        if given.startswith("kobject_") and given != "kobject_":
            return "kobject", given.removeprefix("kobject_")
    raise bad(f"queryContext {given!r} is none of {', '.join(contexts)}.", pointer="/queryContext")


def _zone(given: object) -> tzinfo:
    if given in ("GMT", "UTC"):
        return UTC
    try:
        return ZoneInfo(str(given))
    except (KeyError, ValueError, OSError):
        raise bad(f"timeZone {given!r} is unknown.", pointer="/timeZone") from None


class _Reader:
    def __init__(self, context: str, archive: bool, zone: tzinfo, switches: Switches) -> None:
        self._context = context
        self._archive = archive
        self._zone = zone
        self._switches = switches
        # Undocumented, yet accepted by the real server: archive search lists its own dates of companies.
        extra = context == "company" and not archive and switches.company_keys == "accept"
        self._extra = known.UNDOCUMENTED if extra else {}

    def group(self, given: object, name: str) -> tuple[Criterion, ...]:
        """The criteria of and, or, not: an array of one-key objects, or one such object."""
        entries = [] if given is None else [given] if isinstance(given, dict) else given
        if not isinstance(entries, list):
            raise bad(f"{name} must be an array.", pointer=f"/{name}")
        read = [self._criterion(entry, name) for entry in entries]
        return tuple(criterion for criterion in read if criterion is not None)

    def _criterion(self, entry: object, name: str) -> Criterion | None:
        if entry == {} and name != "and":
            return None
        key, operation = _only(entry, f"/{name}")
        attribute = self._attribute(key)
        if attribute is None:
            if self._switches.unknown_keys == "ignore":
                return None
            raise bad(f"{key} is not allowed.", pointer=f"/{name}/{key}")
        operator, value = _only(operation, f"/{name}/{key}")
        inferred = self._switches.inferred_operators == "accept"
        test = make_test(key, attribute, operator, value, self._zone, inferred=inferred)
        window = None
        if attribute.type is known.Type.DATETIME and operator in ("equals", "gt", "gte", "lt", "lte"):
            window = bounds(operator, value, self._zone, key)
        return Criterion(key, attribute, test, window)

    def _attribute(self, key: str) -> Attribute | None:
        listed = (known.ARCHIVE if self._archive else known.SEARCH)[self._context]
        if key in listed:
            return listed[key]
        if key in self._extra:
            return self._extra[key]
        if self._archive:
            return known.archived_klass_attribute(key) if self._context == "kobject" else None
        return known.custom_attribute(self._context, key)

    def sort(self, given: object) -> tuple[SortKey, ...]:
        """The sort keys that count.

        Search with several fields is unreliable on the real platform: here only the first one counts there, while
        archive search honours all of them.
        """
        entries = [] if given is None else [given] if isinstance(given, dict) else given
        if not isinstance(entries, list):
            raise bad("sort must be an array.", pointer="/sort")
        read = [key for entry in entries if (key := self._sort_key(entry)) is not None]
        return tuple(read if self._archive else read[:1])

    def _sort_key(self, entry: object) -> SortKey | None:
        key, direction = _only(entry, "/sort")
        attribute = (known.SORT_ARCHIVE if self._archive else known.SORT_SEARCH)[self._context].get(key)
        attribute = attribute or self._extra.get(key)
        if attribute is None and self._archive and self._context == "kobject" and key.endswith("d_at"):
            attribute = known.archived_klass_attribute(key)
        if attribute is None:
            if self._switches.unknown_keys == "ignore":
                return None
            raise bad(f"Results cannot be sorted by {key}.", pointer=f"/sort/{key}")
        if direction not in ("asc", "desc"):
            raise bad(f"{direction!r} is neither asc nor desc.", pointer=f"/sort/{key}")
        return SortKey(key, attribute, direction == "desc")


def _only(entry: object, where: str) -> tuple[str, Any]:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise bad("Each entry must be an object with exactly one key.", pointer=where)
    held: Json = entry
    return next(iter(held.items()))
