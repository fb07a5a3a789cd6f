"""Tags, users, teams, queues and the definitions of custom attributes as neutral records."""

from __future__ import annotations

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
    Queue,
    Record,
    Ref,
    Tag,
    Team,
)
from mig_kustomer.reading import Reader, Reading

USER_DERIVED = frozenset({"mostRecentLoginAt"})

_KINDS = {"customer": CONTACT, "company": COMPANY, "conversation": CONVERSATION, "message": MESSAGE, "note": NOTE}
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
    shown = at.peek("displayName")
    return [
        Agent(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or (shown if isinstance(shown, str) else ""),
            email=at.text("email"),
            human=at.peek("userType") != "machine",
            active=not _deleted(at),
            avatar=at.text("avatarUrl"),
            extra=row.extra(),
        )
    ]


def team(row: Reading) -> list[Record]:
    """A team with its members."""
    at = row.attributes
    shown = at.peek("displayName")
    return [
        Team(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or (shown if isinstance(shown, str) else ""),
            members=at.refs("members", AGENT),
            deleted=_deleted(at),
            extra=row.extra(),
        )
    ]


def queue(row: Reading) -> list[Record]:
    """A queue; `name` is its key in capitals for the system's own."""
    at = row.attributes
    shown = at.peek("displayName")
    return [
        Queue(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name") or (shown if isinstance(shown, str) else ""),
            system=at.flag("system"),
            description=at.text("description"),
            extra=row.extra(),
        )
    ]


def attributes(row: Reading) -> list[Record]:
    """The custom attributes of one kind: one resource becomes as many records as it has properties."""
    of = _KINDS.get(row.ref.id, Kind(row.ref.id))
    found = [_definition(row, of, name, value) for name, value in row.attributes.mapping("properties").items()]
    for name in row.attributes.rest():
        row.doubt(name, "no record holds it; the raw keeps it")
    return list(found)


def _definition(row: Reading, of: Kind, name: str, value: Any) -> AttributeDefinition:
    ref = Ref(ATTRIBUTE, f"{of}.{name}")
    if not isinstance(value, dict):
        row.doubt(name, "its definition is not an object")
    # A Reading of its own, so that `extra` is made of a property as it is of a resource.
    one = Reading(ref, {"attributes": value if isinstance(value, dict) else {}}, ("modifiedBy",))
    at = one.attributes
    options = at.peek("enumeration")
    record = AttributeDefinition(
        ref=ref,
        changed_at=one.changed_at,
        created_at=one.created_at,
        of=of,
        name=name,
        label=at.text("displayName"),
        type=_type(name, at),
        many=any([at.flag("array"), at.flag("multi")]),
        options=at.take("enumeration", lambda v: v, "a list") or [] if isinstance(options, list) else [],
        deleted=_deleted(at),
        sensitive=at.flag("hasSensitiveAttributes"),
        extra=one.extra(_definition=None if isinstance(value, dict) else [value]),
    )
    row.warnings += one.warnings
    return record


def _type(name: str, at: Reader) -> str:
    """By the suffix, which is binding; an attribute without one is what its definition says."""
    for suffix, word in _SUFFIXES.items():
        if name.endswith(suffix):
            return word
    said = at.peek("type")
    return _TYPES.get(said, said) if isinstance(said, str) else ""


def _deleted(at: Reader) -> bool:
    """Marked as deleted, or with a date of deletion, which stays in `extra`."""
    return at.flag("deleted") or at.peek("deletedAt") is not None
