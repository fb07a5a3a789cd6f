"""The closed lists of what searches may ask for and sort by: section 5 of the API page, and nothing else."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from mig_kustomer.sandbox.clock import text_to_ms
from mig_kustomer.sandbox.rows import Json, entries, related


class Type(enum.Enum):
    """The class of an attribute: it decides which operators it has."""

    STRING = "string"
    TEXT = "text"
    ANY = "any"
    EXACT = "string_notanalyzed"
    LIST = "list"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"


class Attribute(Struct, frozen=True):
    """Something a search may ask for."""

    type: Type
    read: Callable[[Json], Any]
    """Its value in a resource: milliseconds for DATETIME, a list of strings for STRING, EXACT and LIST."""
    enum: frozenset[str] | None = None
    marks_deleted: bool = False
    """Asking for it brings deleted rows into view."""


#: Kind of rows per query context; `kobject_<klass>` is read by `context_of`.
CONTEXTS = {
    "customer": "customers",
    "conversation": "conversations",
    "message": "messages",
    "note": "notes",
    "company": "companies",
    "kobject": "kobjects",
    "conversation_time": "conversation_times",
}

_CHANNELS = frozenset(
    ("sms", "chat", "email", "facebook", "voice", "twitter-dm", "twitter-tweet", "instagram", "whatsapp")
)
_SOCIALS = ("twitter", "facebook", "instagram", "linkedin", "pinterest", "whatsapp")


def _walk(resource: Json, path: Iterable[str]) -> Any:
    value: Any = resource.get("attributes")
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values if one is not None]


def _time(path: str) -> Attribute:
    return Attribute(Type.DATETIME, lambda resource: text_to_ms(_walk(resource, path.split("."))))


def _number(path: str) -> Attribute:
    def read(resource: Json) -> Any:
        value = _walk(resource, path.split("."))
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    return Attribute(Type.NUMBER, read)


def _flag(path: str, *, marks_deleted: bool = False) -> Attribute:
    return Attribute(Type.BOOLEAN, lambda resource: bool(_walk(resource, path.split("."))), marks_deleted=marks_deleted)


def _words(path: str, type_: Type, allowed: Iterable[str] = ()) -> Attribute:
    return Attribute(type_, lambda resource: _strings(_walk(resource, path.split("."))), frozenset(allowed) or None)


def _entries(path: str, field: str, type_: Type = Type.STRING) -> Attribute:
    return Attribute(
        type_, lambda resource: _strings([entry.get(field) for entry in entries(resource["attributes"], path)])
    )


def _parent(relation: str, type_: Type = Type.EXACT) -> Attribute:
    return Attribute(type_, lambda resource: _strings(related(resource, relation)))


def _many(relation: str) -> Attribute:
    def read(resource: Json) -> list[str]:
        return [entry["id"] for entry in ((resource.get("relationships") or {}).get(relation) or {}).get("data") or ()]

    return Attribute(Type.LIST, read)


def _files() -> Attribute:
    return Attribute(Type.NUMBER, lambda resource: len(_many("attachments").read(resource)))


def _full_text(*paths: str) -> Attribute:
    def read(resource: Json) -> list[str]:
        return [word for path in paths for word in _strings(_walk(resource, path.split(".")))]

    return Attribute(Type.ANY, read)


def _own_id() -> Attribute:
    return Attribute(Type.EXACT, lambda resource: _strings(resource.get("id")))


def _social(network: str) -> Attribute:
    def read(resource: Json) -> list[str]:
        found = [entry for entry in entries(resource["attributes"], "socials") if entry.get("type") == network]
        return _strings([entry.get(field) for entry in found for field in ("username", "userid")])

    return Attribute(Type.STRING, read)


def _external_ids(resource: Json) -> list[str]:
    found = entries(resource["attributes"], "externalIds")
    return _strings([_walk(resource, ["externalId"]), *(entry.get("externalId") for entry in found)])


def _subject(resource: Json) -> list[str]:
    return _strings(_walk(resource, ["subject"]) or _walk(resource, ["meta", "subject"]))


_CUSTOMER = {
    **{f"customer_{name}_at": _time(f"{name}At") for name in ("created", "updated", "modified", "imported")},
    "customer_activity_at": _time("lastActivityAt"),
    "customer_last_seen_at": _time("lastSeenAt"),
    "customer_email": _entries("emails", "email"),
    "customer_shared_email": _entries("sharedEmails", "email"),
    "customer_phone": _entries("phones", "phone"),
    "customer_externalId": Attribute(Type.EXACT, _external_ids),
    "customer_tags": _words("tags", Type.LIST),
    "customer_imported": _flag("importedAt"),
    "customer_status": _words("progressiveStatus", Type.LIST),
    "customer_conversations_count": _number("conversationCounts.all"),
    "customer_default_lang": _words("defaultLang", Type.EXACT),
    **{f"customer_social_{network}": _social(network) for network in _SOCIALS},
}

_CONVERSATION = {
    **{
        f"conversation_{name}_at": _time(f"{name}At")
        for name in ("created", "updated", "modified", "imported", "ended")
    },
    "conversation_status": _words("status", Type.LIST, ("snoozed", "open", "done")),
    "conversation_sub_status": _words("subStatus", Type.EXACT),
    "conversation_customer_id": _parent("customer"),
    "conversation_message_count": _number("messageCount"),
    "conversation_note_count": _number("noteCount"),
    "conversation_channels": _words("channels", Type.LIST, _CHANNELS),
    "conversation_priority": _number("priority"),
    "conversation_tags": _words("tags", Type.LIST),
    "conversation_assigned_users": _words("assignedUsers", Type.LIST),
    "conversation_assigned_teams": _words("assignedTeams", Type.LIST),
    "conversation_queue": _parent("queue", Type.LIST),
    "conversation_ended": _flag("ended"),
    "conversation_satisfaction_score": _number("satisfactionLevel.score"),
    "conversation_satisfaction_rating": _number("satisfactionLevel.rating"),
    "conversation_satisfaction_status": _words("satisfactionLevel.status", Type.LIST),
    "conversation_satisfaction_created_at": _time("satisfactionLevel.createdAt"),
    "conversation_satisfaction_sent_by": _words("satisfactionLevel.sentBy", Type.LIST),
    "conversation_satisfaction_survey_id": _words("satisfactionLevel.form", Type.EXACT),
    "conversation_sla_id": _parent("sla", Type.LIST),
    "conversation_sla_status": _words("sla.status", Type.LIST),
    "conversation_sla_breached": _flag("sla.breached"),
    "conversation_sla_matched_at": _time("sla.matchedAt"),
    "conversation_direction": _words("direction", Type.LIST, ("in", "out")),
    "conversation_last_message_at": _time("lastMessageAt"),
    "conversation_last_done_created_at": _time("lastDone.createdAt"),
    "conversation_imported": _flag("importedAt"),
}

_MESSAGE = {
    **{
        f"message_{name}_at": _time(f"{name}At")
        for name in ("created", "updated", "sent", "imported", "redacted", "error")
    },
    "message_customer_id": _parent("customer"),
    "message_channel": _words("channel", Type.LIST, _CHANNELS),
    # The page finds it odd too: a direction has the operators of a boolean.
    "message_direction": Attribute(
        Type.BOOLEAN, lambda resource: _walk(resource, ["direction"]), frozenset(("in", "out"))
    ),
    "message_direction_type": _words("directionType", Type.LIST),
    "message_status": _words("status", Type.LIST, ("sent", "received", "error")),
    "message_external_id": _words("externalId", Type.EXACT),
    "message_attachment_count": _files(),
    "message_auto": _flag("auto"),
    "message_redacted": _flag("redacted"),
    "message_source": _words("source", Type.LIST, ("bulk",)),
    "message_body": _words("preview", Type.TEXT),
    "message_subject": Attribute(Type.TEXT, _subject),
    "message_created_by": _parent("createdBy", Type.LIST),
    "message_shortcuts": _many("shortcuts"),
    "message_lang": _words("lang", Type.EXACT),
    "message_size": _number("size"),
    "message_imported": _flag("importedAt"),
}

_NOTE = {
    **{f"note_{name}_at": _time(f"{name}At") for name in ("created", "modified", "updated", "imported")},
    "note_customer_id": _parent("customer"),
    "note_conversation_id": _parent("conversation"),
    "note_deleted": _flag("deleted", marks_deleted=True),
    "note_user_mentions": _many("userMentions"),
    "note_team_mentions": _many("teamMentions"),
    "note_attachment_count": _files(),
    "note_external_id": _words("externalId", Type.EXACT),
}

#: Accepted by the real server though its published list lacks them (switch `company_keys`).
UNDOCUMENTED = {"company_updated_at": _time("updatedAt"), "company_modified_at": _time("modifiedAt")}

_COMPANY = {
    "company_name": _words("name", Type.TEXT),
    "company_tags": _words("tags", Type.LIST),
    "company_default_lang": _words("defaultLang", Type.EXACT),
    "company_imported_at": _time("importedAt"),
    "company_imported": _flag("importedAt"),
}

_KOBJECT = {
    **{f"kobject_{name}_at": _time(f"{name}At") for name in ("created", "updated", "imported")},
    "kobject_imported": _flag("importedAt"),
}

#: What each context of search may ask for, beside custom attributes.
SEARCH: dict[str, dict[str, Attribute]] = {
    "customer": _CUSTOMER,
    "conversation": _CONVERSATION,
    "message": _MESSAGE,
    "note": _NOTE,
    "company": _COMPANY,
    "kobject": _KOBJECT,
    "conversation_time": {},
}

_DATES = {name: _time(f"{name}At") for name in ("created", "updated")}

#: The same for archive search, which has no notes at all.
ARCHIVE: dict[str, dict[str, Attribute]] = {
    "customer": {
        "customer_any_text_new": _full_text("name", "username", "companyName"),
        "customer_id": _own_id(),
        "customer_companyId": _parent("company"),
        "customer_deleted": _flag("deleted", marks_deleted=True),
    },
    "company": {},
    "message": {
        "message_any_text": _full_text("preview", "subject", "meta.subject"),
        "message_id": _own_id(),
        "message_conversation_id": _parent("conversation"),
    },
    "conversation": {
        "conversation_any_text": _full_text("name", "preview"),
        "conversation_id": _own_id(),
        "conversation_customer_id": _parent("customer"),
        "conversation_deleted": _flag("deleted", marks_deleted=True),
    },
    "kobject": {
        "kobject_any_text": _full_text("title", "description"),
        "kobject_id": _own_id(),
        "kobject_customer_id": _parent("customer"),
        "kobject_company_id": _parent("company"),
    },
}
for _context, _attributes in ARCHIVE.items():
    _attributes.update({f"{_context}_{name}_at": attribute for name, attribute in _DATES.items()})

_SORT_CUSTOMER = {
    **{
        f"customer_{name}_at": _time(field)
        for name, field in {
            "created": "createdAt",
            "updated": "updatedAt",
            "modified": "modifiedAt",
            "activity": "lastActivityAt",
            "last_seen": "lastSeenAt",
            "signed_up": "signedUpAt",
            "last_message": "lastMessageAt",
        }.items()
    },
    "customer_name": _words("name", Type.EXACT),
    "customer_externalId": _words("externalId", Type.EXACT),
}

#: What search sorts by: the customer keys the page names, and the dates that are known to work elsewhere.
SORT_SEARCH: dict[str, dict[str, Attribute]] = {
    "customer": _SORT_CUSTOMER,
    **{
        context: {f"{context}_{name}_at": attribute for name, attribute in _DATES.items()}
        for context in ("conversation", "message", "note", "kobject")
    },
    "company": {},
    "conversation_time": {},
}

#: What archive search sorts by.
SORT_ARCHIVE: dict[str, dict[str, Attribute]] = {
    context: {
        name: attribute
        for name, attribute in attributes.items()
        if name.endswith(("_created_at", "_updated_at"))
        or name
        in (
            "conversation_customer_id",
            "conversation_deleted",
            "customer_companyId",
            "customer_deleted",
            "message_id",
        )
    }
    for context, attributes in ARCHIVE.items()
}

_CUSTOM = re.compile(r"(customer|conversation|message|kobject)_custom_(.+)")
_ARCHIVED_KLASS = re.compile(r"kobject_(.+)_(id|created_at|updated_at|customer_id|company_id|any_text)")
_SUFFIXES = {
    "Str": Type.EXACT,
    "Txt": Type.TEXT,
    "Num": Type.NUMBER,
    "At": Type.DATETIME,
    "Bool": Type.BOOLEAN,
    "Url": Type.EXACT,
    "Id": Type.EXACT,
    "Tree": Type.EXACT,
}


def custom_attribute(context: str, key: str) -> Attribute | None:
    """The attribute of a `..._custom_...` key; None for a key that is none or whose suffix is no type."""
    match = _CUSTOM.fullmatch(key)
    if match is None or match[1] != context:
        return None
    klass, _, name = match[2].rpartition("_") if context == "kobject" else ("", "", match[2])
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix) and name != suffix), None)
    if suffix is None or (context == "kobject" and not klass):
        return None
    type_ = _SUFFIXES[suffix]

    def read(resource: Json) -> Any:
        value = _walk(resource, ["custom", name])
        if klass and resource.get("type") != f"kobject.{klass}":
            value = None
        if type_ is Type.DATETIME:
            return text_to_ms(value)
        return value if type_ in (Type.NUMBER, Type.BOOLEAN) else _strings(value)

    return Attribute(type_, read)


def archived_klass_attribute(key: str) -> Attribute | None:
    """The attribute of an archive key that names a klass: `kobject_order_updated_at`."""
    match = _ARCHIVED_KLASS.fullmatch(key)
    if match is None:
        return None
    plain = ARCHIVE["kobject"][f"kobject_{match[2]}"]

    def read(resource: Json) -> Any:
        if resource.get("type") != f"kobject.{match[1]}":
            return None if plain.type is Type.DATETIME else []
        return plain.read(resource)

    return Attribute(plain.type, read)
