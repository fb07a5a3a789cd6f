"""Pure: the bytes of one resource become neutral records and warnings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from mig import (
    Parsed,
    Raw,
    Record,
    Ref,
    Unparseable,
)
from mig_kustomer import desk, library, office, people, threads
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.names import WAY_OUT, named
from mig_kustomer.reading import LONE, Reading, clean
from mig_kustomer.wire import DEEPEST, Numeral, is_deep, read

_MASKED = re.compile(r"\*{4,}.{0,4}", re.DOTALL)
"""What a value looks like that the key may not see."""
_OUTER = 8
"""Levels of a row around a value, at most, and some: only rows that were cut are asked whether a value is so deep."""


Beside = Mapping[str, Any]
"""Members of an envelope of ours, beside the resource itself."""


class _Parser(Struct, frozen=True):
    """How one resource is parsed."""

    build: Callable[[Reading, Beside], list[Record]]
    derived: frozenset[str] = frozenset()
    whole: bool = False
    """Every attribute may be masked, not only custom ones."""
    dated: bool = True
    """Every row says when it was made and changed."""


def _alone(build: Callable[[Reading], list[Record]]) -> Callable[[Reading, Beside], list[Record]]:
    return lambda row, beside: build(row)


def _config(resource: str) -> _Parser:
    return _Parser(lambda row, beside: office.config(row, resource, beside), dated=False)


_PARSERS: Mapping[str, _Parser] = {
    **{name: _config(name) for name in RESOURCES},
    "customers": _Parser(_alone(people.contact), people.CUSTOMER_DERIVED, whole=True),
    "companies": _Parser(_alone(people.company), whole=True),
    "conversations": _Parser(_alone(threads.conversation), threads.CONVERSATION_DERIVED),
    "messages": _Parser(lambda row, beside: threads.message(row, beside.get("body")), threads.MESSAGE_DERIVED),
    "notes": _Parser(_alone(threads.note)),
    "attachments": _Parser(lambda row, beside: threads.attachment(row, beside.get("parent")), dated=False),
    "tags": _Parser(_alone(desk.tag)),
    "users": _Parser(_alone(desk.agent), desk.USER_DERIVED),
    "teams": _Parser(_alone(desk.team)),
    "queues": _Parser(_alone(desk.queue)),
    "metadata": _Parser(_alone(desk.attributes), dated=False),
    "kobject_metadata": _Parser(_alone(desk.attributes), dated=False),
    "kobjects": _Parser(_alone(office.custom_object)),
    "categories": _Parser(_alone(library.categories)),
    "articles": _Parser(library.articles),
    "knowledge_bases": _Parser(library.knowledge_base, dated=False),
}
"""What has no parser of its own is configuration."""
_NAMED_OTHERWISE = frozenset({"attachments", "accounts", "chat"})
"""Rows that need no id of their own."""


def parse(raw: Raw) -> Parsed:
    """Turn one resource into records.

    A body may be an envelope of ours, `{"data": <resource>, ...}`: the resource with what its e-mail's own address
    answered (`body`), with the message that named it (`parent`), or with its `versions`.

    Raises:
        Unparseable: It is no object, or has no usable id.
    """
    parser = _PARSERS[raw.resource]
    if raw.gone and not raw.body:
        return Parsed(())
    try:
        value, broken = read(raw.body)
    except ValueError as error:
        raise Unparseable("the resource is not JSON", WAY_OUT) from error
    beside: Mapping[str, Any] = {}
    if isinstance(value, dict) and "data" in value and "id" not in value:
        beside, value = value, value["data"]
    odd = list(_odd(value)) if broken or is_deep(raw.body) else []
    if broken:
        for name in ("body", "versions", "drafts"):
            odd += _odd_inside(beside.get(name), name)
        value, beside = _mended(value), clean(beside, _nothing)
    ref = Ref(RESOURCES[raw.resource].kind, named(raw.resource, value))
    row = Reading(ref, value, parser.derived, dated=parser.dated)
    if value.get("id") is None and raw.resource not in _NAMED_OTHERWISE:
        row.doubt("id", "missing; the resource's own link says it")
    for name, why in odd:
        row.doubt(name, why)
    for name in _masked(value, parser.whole):
        row.doubt(name, "looks masked: the key may not read sensitive attributes")
    records = parser.build(row, beside)
    return Parsed(records, row.warnings)


def _odd(resource: Any) -> Iterator[tuple[str, str]]:
    """The attributes and other members that hold what no record can, and what becomes of it."""
    for member, value in resource.items() if isinstance(resource, dict) else ():
        if member == "attributes" and isinstance(value, dict):
            for name, attribute in value.items():
                yield from _odd_definitions(attribute) if name == "properties" else _odd_inside(attribute, name)
        elif member in ("relationships", "links") and isinstance(value, dict):
            for name, inner in value.items():
                yield from _odd_inside(inner, f"{member}.{name}")
        else:
            yield from _odd_inside(value, member)


def _odd_definitions(properties: Any) -> Iterator[tuple[str, str]]:
    """Of the definitions of custom attributes each part by its name: every one becomes a record of its own."""
    for name, definition in properties.items() if isinstance(properties, dict) else ():
        for part, value in definition.items() if isinstance(definition, dict) else [("definition", definition)]:
            yield from _odd_inside(value, f"properties.{name}.{part}")


def _odd_inside(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """What is odd in one place: half characters, numbers out of range, what lies too deep."""
    name = clean(name, _nothing)
    halves = numerals = False
    waiting, depth = [value], 0
    while waiting:
        halves = halves or any(isinstance(one, str) and LONE.search(one) for one in waiting)
        numerals = numerals or any(isinstance(one, Numeral) for one in waiting)
        inside = [one for one in waiting if isinstance(one, dict | list)]
        depth += bool(inside)
        waiting = [item for one in inside for item in ((*one, *one.values()) if isinstance(one, dict) else one)]
    if halves:
        yield name, "half a character (a lone surrogate) was replaced by U+FFFD"
    if numerals:
        yield name, "a number that is out of every range is kept as its text"
    if depth > DEEPEST - _OUTER:
        yield name, f"cut where it lies deeper than {DEEPEST} levels; the raw keeps it whole"


def _mended(resource: Any) -> Any:
    """A resource without lone surrogates, and with numerals only where an attribute as a whole is one."""
    mended = clean(resource, _nothing)
    if isinstance(resource, dict) and isinstance(resource.get("attributes"), dict):
        numerals = {name: value for name, value in resource["attributes"].items() if isinstance(value, Numeral)}
        mended["attributes"] |= {clean(name, _nothing): value for name, value in numerals.items()}
    return mended


def _nothing() -> None:
    """Nobody is told."""


def _masked(resource: Mapping[str, Any], whole: bool) -> Iterator[str]:
    """Names of attributes that hold a masked value."""
    attributes = resource.get("attributes")
    if not isinstance(attributes, dict):
        return
    custom = attributes.get("custom")
    for name, value in custom.items() if isinstance(custom, dict) else ():
        if _holds_mask(value):
            yield f"custom.{name}"
    for name, value in attributes.items() if whole else ():
        if name != "custom" and _holds_mask(value):
            yield name


def _holds_mask(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and one.startswith("****") and _MASKED.fullmatch(one):
            return True
        if isinstance(one, (list, dict)):
            waiting += one.values() if isinstance(one, dict) else one
    return False
