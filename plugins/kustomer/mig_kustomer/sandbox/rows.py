"""One API resource as the sandbox keeps it: encoded once, with the few facts lists and searches need beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from mig_kustomer.sandbox.clock import text_to_ms

Json = dict[str, Any]

#: Kinds whose rows vanish from lists and answer 404 by id once they are deleted; others stay, marked.
VANISHING = frozenset({"customers", "conversations", "messages", "notes", "companies", "kobjects", "attachments"})

#: Relationships by which rows are looked up.
_RELATIONS = ("customer", "conversation", "message", "company", "article", "sla", "source", "target")

#: `type` and path of the kinds a live change may create.
TYPES = {
    "customers": ("customer", "/v1/customers/"),
    "conversations": ("conversation", "/v1/conversations/"),
    "messages": ("message", "/v1/messages/"),
    "notes": ("note", "/v1/notes/"),
    "companies": ("company", "/v1/companies/"),
    "tags": ("tag", "/v1/tags/"),
    "users": ("user", "/v1/users/"),
    "teams": ("team", "/v1/teams/"),
    "merges": ("customer_merge", "/v1/customers/merges/"),
    "audit_logs": ("audit_log", "/v1/audit-logs/"),
    "kb_articles": ("kb_article", "/v1/kb/articles/"),
}


class Row(msgspec.Struct, frozen=True, gc=False):
    """A resource; a change makes a new one."""

    kind: str
    """The dataset's word for it: customers, messages, kobjects ..."""
    id: str
    """As the API says; made up for rows the API gives no id."""
    type: str
    """The resource's own word: customer, kobject.order ..."""
    body: bytes
    """The JSON every answer carries."""
    created: int
    """createdAt in milliseconds, 0 when it has none."""
    updated: int
    """updatedAt in milliseconds, createdAt when it has none."""
    deleted: bool
    files: int
    """How many attachments its relationships name."""


def decode(body: bytes) -> Json:
    """The resource of a body; lone surrogate escapes, which msgspec refuses, are read by the standard library."""
    try:
        return cast(Json, msgspec.json.decode(body))
    except msgspec.DecodeError:
        return cast(Json, json.loads(body))


def encode(value: object) -> bytes:
    """JSON without blanks; what UTF-8 cannot say (half an emoji) becomes an escape, as Node writes it."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def make_row(kind: str, resource: Json, *, body: bytes | None = None, place: int = 0) -> Row:
    """A row of a resource.

    Args:
        kind: The dataset's word.
        resource: The resource, decoded.
        body: Its JSON, where it exists already.
        place: Which row of its kind it is: stands in for an id where the API gives none.
    """
    attributes = resource.get("attributes") or {}
    created = text_to_ms(attributes.get("createdAt"))
    updated = text_to_ms(attributes.get("updatedAt"))
    files = (resource.get("relationships") or {}).get("attachments") or {}
    return Row(
        kind,
        str(resource.get("id") or f"{kind}/{place}"),
        str(resource.get("type", "")),
        encode(resource) if body is None else body,
        created or 0,
        (created or 0) if updated is None else updated,
        bool(attributes.get("deleted")),
        len(files.get("data") or ()),
    )


def related(resource: Json, relation: str) -> str | None:
    """The id a to-one relationship names."""
    data = ((resource.get("relationships") or {}).get(relation) or {}).get("data")
    return data.get("id") if isinstance(data, dict) else None


def entries(attributes: Json, name: str) -> list[Json]:
    """The objects of a contact array; old rows hold other things there too."""
    return [entry for entry in attributes.get(name) or () if isinstance(entry, dict)]


def digits(phone: object) -> str:
    """A telephone number without anything but its digits."""
    return re.sub(r"\D", "", str(phone))


def keys_of(kind: str, resource: Json) -> Iterator[tuple[str, str]]:
    """Names and values by which a row is looked up: its parents, its addresses, its external ids, its klass."""
    for relation in _RELATIONS:
        parent = related(resource, relation)
        if parent:
            yield relation, parent
    if kind == "kobjects":
        yield "klass", str(resource.get("type", "")).removeprefix("kobject.")
    attributes = resource.get("attributes") or {}
    externals = {attributes.get("externalId")}
    if kind == "customers":
        externals |= {entry.get("externalId") for entry in entries(attributes, "externalIds")}
        for address in {str(entry.get("email", "")).lower() for entry in entries(attributes, "emails")} - {""}:
            yield "email", address
        for number in {digits(entry.get("phone", "")) for entry in entries(attributes, "phones")} - {""}:
            yield "phone", number
    for external in externals:
        if external:
            yield "externalId", str(external)
