"""Tags, users, teams, queues and the definitions of custom attributes as neutral records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mig import (
    AGENT,
    ATTRIBUTE,
    COMPANY,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    Agent,
    AttributeDefinition,
    Kind,
    Oddity,
    Queue,
    Record,
    Ref,
    Tag,
    Team,
    Unparseable,
)
from mig_kustomer.names import WAY_OUT
from mig_kustomer.reading import MISSING, Reader, Reading

USER_DERIVED = frozenset({"mostRecentLoginAt"})

_KINDS = {"customer": CONTACT, "company": COMPANY, "conversation": CONVERSATION, "message": MESSAGE, "note": NOTE}
_USER_TYPES = ("user", "machine", "limited", "hourly")
_SUFFIXES = {
    "Str": "string",
    "Txt": "text",
    "Num": "number",
    "At": "date",
    "Bool": "boolean",
    "Url": "url",
    "Id": "reference",
    "Tree": "tree",
}
_TYPES = {"date-time": "date", "datetime": "date", "integer": "number", "bool": "boolean"}


def tag(row: Reading) -> list[Record]:
    """A tag, deleted ones too: records go on naming them."""
    at = row.attributes
    if at.peek("name") in (None, ""):
        at.doubt("name", MISSING)
    return [
        Tag(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name"),
            color=at.text("color"),
            deleted=_deleted(at),
            extra=row.extra(),
        )
    ]


def agent(row: Reading) -> list[Record]:
    """A user; deactivated ones and machine users wrote messages too."""
    at = row.attributes
    shown = at.shown("displayName")
    return [
        Agent(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or shown,
            email=at.text("email"),
            human=_is_human(at),
            active=not _deleted(at),
            avatar=at.url("avatarUrl"),
            extra=row.extra(),
        )
    ]


def team(row: Reading) -> list[Record]:
    """A team with its members."""
    at = row.attributes
    shown = at.shown("displayName")
    return [
        Team(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or shown,
            members=at.refs("members", AGENT),
            deleted=_deleted(at),
            extra=row.extra(),
        )
    ]


def queue(row: Reading) -> list[Record]:
    """A queue; `name` is its key in capitals for the system's own."""
    at = row.attributes
    shown = at.shown("displayName")
    return [
        Queue(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or shown,
            system=at.flag("system"),
            description=at.text("description"),
            extra=row.extra(),
        )
    ]


def attributes(row: Reading) -> list[Record]:
    """The custom attributes of one kind: one resource becomes as many records as it has properties."""
    of = _KINDS.get(row.ref.id, Kind(row.ref.id))
    if row.attributes.peek("properties") is not None and not isinstance(row.attributes.peek("properties"), dict):
        raise Unparseable("the definitions are no object", WAY_OUT, field="properties")
    found = [_definition(row, of, name, value) for name, value in row.attributes.mapping("properties").items()]
    for name in row.attributes.rest():
        row.doubt(name, "no record holds it; the raw keeps it")
    row.warnings = [_on_definition(warning, found) for warning in row.warnings]
    return list(found)


def _on_definition(warning: Oddity, found: Sequence[AttributeDefinition]) -> Oddity:
    """A warning about `properties.<name>.<field>` belongs to that definition, any other to the first one."""
    if not found or warning.ref in {one.ref for one in found}:
        return warning
    for one in found:
        if warning.field.startswith(f"properties.{one.name}."):
            return Oddity(one.ref, warning.field.removeprefix(f"properties.{one.name}."), warning.why)
    return Oddity(found[0].ref, warning.field, warning.why)


def _definition(row: Reading, of: Kind, name: str, value: Any) -> AttributeDefinition:
    ref = Ref(ATTRIBUTE, f"{of}.{name}")
    # A Reading of its own, so that `extra` is made of a property as it is of a resource.
    one = Reading(ref, {"attributes": value if isinstance(value, dict) else {}}, ("modifiedBy",))
    at = one.attributes
    if not isinstance(value, dict):
        at.doubt("definition", "it is not an object")
    record = AttributeDefinition(
        ref=ref,
        changed_at=one.changed_at,
        created_at=one.created_at,
        of=of,
        name=name,
        label=at.text("displayName"),
        type=_type(name, at),
        many=any([at.flag("array"), at.flag("multi")]),
        options=_options(at),
        deleted=_deleted(at),
        sensitive=at.flag("hasSensitiveAttributes"),
        extra=one.extra(_definition=None if isinstance(value, dict) else [value]),
    )
    row.warnings += one.warnings
    return record


def _options(at: Reader) -> list[Any]:
    """Its values; true or false, which stays, only says whether it has any (docs/api/kustomer.md, section 7.16)."""
    if isinstance(at.peek("enumeration"), bool):
        return []
    return at.take("enumeration", lambda value: value if isinstance(value, list) else None, "a list") or []


def _type(name: str, at: Reader) -> str:
    """By the suffix, which is binding; an attribute without one is what its definition says."""
    said = at.shown("type")
    for suffix, word in _SUFFIXES.items():
        if name.endswith(suffix):
            return word
    return _TYPES.get(said, said)


def _deleted(at: Reader) -> bool:
    """Marked as deleted, or with a date of deletion, which stays in `extra`."""
    return any([at.flag("deleted"), at.since("deletedAt")])


def _is_human(at: Reader) -> bool:
    """A user of a type nobody knows is one; the type stays in `extra`."""
    kind = at.shown("userType")
    if kind and kind not in _USER_TYPES:
        at.doubt("userType", f"a text where one of {', '.join(_USER_TYPES)} belongs")
    return kind != "machine"
