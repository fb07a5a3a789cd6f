"""Pure: the bytes of one resource become neutral records and warnings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from mig import (
    AGENT,
    ATTACHMENT,
    ATTRIBUTE,
    COMPANY,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    QUEUE,
    TAG,
    TEAM,
    Kind,
    Parsed,
    Raw,
    Record,
    Ref,
    Unparseable,
)
from mig_kustomer import desk, people, threads
from mig_kustomer.reading import Reading, clean, identify
from mig_kustomer.wire import read

_MASKED = re.compile(r"\*{4,}.{0,4}", re.DOTALL)
"""What a value looks like that the key may not see."""


class _Parser(Struct, frozen=True):
    """How one resource is parsed."""

    kind: Kind
    build: Callable[[Reading], list[Record]]
    derived: frozenset[str] = frozenset()
    whole: bool = False
    """Every attribute may be masked, not only custom ones."""


_PARSERS: Mapping[str, _Parser] = {
    "customers": _Parser(CONTACT, people.contact, people.CUSTOMER_DERIVED, whole=True),
    "companies": _Parser(COMPANY, people.company, whole=True),
    "conversations": _Parser(CONVERSATION, threads.conversation, threads.CONVERSATION_DERIVED),
    "messages": _Parser(MESSAGE, threads.message, threads.MESSAGE_DERIVED),
    "notes": _Parser(NOTE, threads.note),
    "attachments": _Parser(ATTACHMENT, threads.attachment),
    "tags": _Parser(TAG, desk.tag),
    "users": _Parser(AGENT, desk.agent, desk.USER_DERIVED),
    "teams": _Parser(TEAM, desk.team),
    "queues": _Parser(QUEUE, desk.queue),
    "metadata": _Parser(ATTRIBUTE, desk.attributes),
}


def parse(raw: Raw) -> Parsed:
    """Turn one resource into records.

    A body may be an envelope of ours, `{"data": <resource>, "body": ..., "parent": ...}`: the resource with what its
    e-mail's own address answered, or with the message that named it.

    Raises:
        Unparseable: It is no object, or has no usable id.
    """
    parser = _PARSERS[raw.resource]
    if raw.gone and not raw.body:
        return Parsed(())
    try:
        value, broken = read(raw.body)
    except (ValueError, RecursionError) as error:
        raise Unparseable("the resource is not JSON", "Nothing can be made of it; see the raw.") from error
    beside: Mapping[str, Any] = {}
    if isinstance(value, dict) and "data" in value and "id" not in value:
        beside, value = value, value["data"]
    odd: set[str] = set()
    if broken:
        value, beside = _mend(value, odd), clean(beside, lambda: odd.add("body"))
    row = Reading(Ref(parser.kind, identify(value)), value, parser.derived)
    for name in sorted(odd):
        row.doubt(name, "half a character (a lone surrogate) was replaced by U+FFFD")
    for name in _masked(value, parser.whole):
        row.doubt(name, "looks masked: the key may not read sensitive attributes")
    if raw.resource == "messages":
        records = threads.message(row, beside.get("body"))
    elif raw.resource == "attachments":
        records = threads.attachment(row, beside.get("parent"))
    else:
        records = parser.build(row)
    return Parsed(records, row.warnings)


def _mend(resource: Any, odd: set[str]) -> Any:
    """Replace lone surrogates everywhere, and note the names of the attributes that held one."""
    if isinstance(resource, dict) and isinstance(resource.get("attributes"), dict):
        for name, value in resource["attributes"].items():
            clean({name: value}, partial(odd.add, clean(name, _nothing)))
    return clean(resource, _nothing)


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
