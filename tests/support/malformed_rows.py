"""Sound rows of every kind the source reads, and what each of their fields is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desk_sample import Json
from malformed_values import FAR, LEVELS, Spoilt, deep, many_fields, one

ORG = "5f693e80f2a74de452e6b438"
PLACES = ("customers", "conversations", "messages", "notes", "attachments", "tags", "users", "teams", "queues")
KINDS = (*PLACES, "companies", "metadata")
_DATES = {"createdAt": "date", "updatedAt": "date"}
_GONE = {"deleted": "flag", "deletedAt": "past"}
_WAYS = {
    **dict.fromkeys(("phones", "whatsapps"), "list of phone"),
    "emails": "list of email",
    "urls": "list of url",
    "socials": "list of type",
    "locations": "list of address",
}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "customers": {
        **dict.fromkeys(("name", "firstName", "lastName", "companyName", "locale", "timeZone", "externalId"), "text"),
        **_WAYS,
        "facebookIds": "list of userId",
        "instagramIds": "list of instagramId",
        "externalIds": "list of externalId",
        "avatarUrl": "url",
        "gender": "word",
        "tags": "ids",
        "custom": "object",
        "deleted": "flag",
        "birthdayAt": "past",
        "lastSeenAt": "date",
        **_DATES,
        "relationships.company": "one",
        "displayColor": "unread",
    },
    "companies": {
        "name": "text",
        "externalId": "text",
        **_WAYS,
        "domains": "list of domain",
        "employeeCount": "count",
        "avatarUrl": "url",
        "tags": "ids",
        "custom": "object",
        **_DATES,
    },
    "conversations": {
        "name": "text",
        "defaultLang": "text",
        "externalId": "text",
        "status": "word",
        "channels": "words",
        "direction": "word",
        "priority": "whole",
        "spam": "flag",
        "deleted": "flag",
        "tags": "ids",
        "assignedUsers": "ids",
        "assignedTeams": "ids",
        "custom": "object",
        "messageCount": "count",
        "snooze": "parts",
        "snooze.time": "date",
        "endedAt": "date",
        "lastMessageAt": "date",
        **_DATES,
        "satisfactionLevel": "parts",
        "satisfactionLevel.score": "number",
        "satisfactionLevel.updatedAt": "date",
        "relationships.customer": "one",
        "relationships.queue": "one",
        "preview": "unread",
    },
    "messages": {
        "preview": "body",
        "subject": "text",
        "status": "text",
        "externalId": "text",
        "channel": "free word",
        "direction": "word",
        "auto": "flag",
        "redacted": "flag",
        "meta": "object",
        "custom": "object",
        "sentAt": "date",
        **_DATES,
        "relationships.conversation": "one",
        "relationships.customer": "one",
        "relationships.createdBy": "one",
        "relationships.attachments": "several",
        "size": "unread",
    },
    "notes": {
        "body": "body",
        "externalId": "text",
        **_GONE,
        **_DATES,
        "relationships.conversation": "one",
        "relationships.customer": "one",
        "relationships.createdBy": "one",
        "relationships.userMentions": "several",
        "relationships.attachments": "several",
    },
    "attachments": {
        "name": "text",
        "contentType": "text",
        "contentLength": "count",
        "redacted": "flag",
        "relationships.message": "one",
    },
    "tags": {"name": "text", "color": "text", **_GONE, **_DATES},
    "users": {"name": "text", "displayName": "text", "email": "email", "userType": "word", **_GONE, **_DATES},
    "teams": {"name": "text", "displayName": "text", "members": "words", **_GONE, **_DATES},
    "queues": {"name": "text", "displayName": "text", "description": "text", "system": "flag", **_DATES},
    "metadata": {
        "displayName": "text",
        "type": "free word",
        "array": "flag",
        "enumeration": "list",
        **_GONE,
        "hasSensitiveAttributes": "flag",
    },
}
"""What mig reads of each kind, and a field it does not read; `metadata` stands for the definitions in it."""
REQUIRED: Mapping[str, frozenset[str]] = {
    **{kind: frozenset(("createdAt", "updatedAt")) for kind in KINDS},
    "conversations": frozenset(("createdAt", "updatedAt", "status")),
    "messages": frozenset(("createdAt", "updatedAt", "direction", "channel", "relationships.conversation")),
    "attachments": frozenset(),
    "tags": frozenset(("createdAt", "updatedAt", "name")),
    "users": frozenset(("createdAt", "updatedAt", "email")),
    "metadata": frozenset(),
}
"""What every row of a kind has at Kustomer (docs/api/kustomer.md): where it is missing, something is wrong."""
UNREAD: Mapping[str, frozenset[str]] = {
    kind: frozenset(name for name, shape in fields.items() if shape == "unread") for kind, fields in FIELDS.items()
}
TYPES = {kind: kind.removesuffix("s") for kind in KINDS} | {"companies": "company"}
_TURNED = "of two rows with one id the later counts: a list that moves shows a row twice"
_FULL = "300 attributes are many, and all of them arrive"

SHAPES: Mapping[str, Sequence[Spoilt]] = {
    "": (
        Spoilt("a row that is a number", lambda row: str(KINDS.index(_kind(row)))),
        Spoilt("a row that is a text", lambda row: json.dumps(_kind(row))),
        Spoilt("a row that is a list", lambda row: json.dumps([_kind(row)])),
        Spoilt("a row without an id", lambda row: json.dumps({"attributes": {"name": _kind(row)}})),
        Spoilt("a row a thousand levels deep", lambda row: "[" * LEVELS + json.dumps(_kind(row)) + "]" * LEVELS),
        Spoilt("twice, with other content", lambda row: (written(_other(row)), written(row)), _TURNED),
        Spoilt("a row of 300 attributes", lambda row: written(_full(row)), _FULL),
        Spoilt("a row in a row", lambda row: written({"meta": row["meta"], "resource": row})),
    ),
    "id": (
        *(one(f"an id that is {what}", value) for what, value in (("a number", 5), ("null", None), ("a list", ["x"]))),
        *(one(f"an id that is {what}", value) for what, value in (("empty", ""), ("true", True), ("an object", {}))),
        one("missing", None),
        Spoilt("an id with a slash", lambda row: f"{row['id']}/../x", "an id like any other: it is quoted"),
        Spoilt("an id with U+0000", lambda row: row["id"] + "\0"),
        Spoilt("an id of two lines", lambda row: row["id"] + "\nmessage/x"),
        Spoilt("an id of half an emoji", lambda row: row["id"] + "\ud83d"),
        Spoilt("an id of 5,000 characters", lambda row: row["id"] * 210),
    ),
    "attributes": (
        *(one(f"{what} for attributes", value) for what, value in (("a number", 5), ("a text", "x"), ("a list", []))),
        one("missing", None),
        one("null", None),
        one("deep attributes", deep("[", "]")),
    ),
    "relationships": (
        *(one(f"{what} for relationships", value) for what, value in (("a number", 5), ("a list", [1]))),
        one("deep relationships", deep('{"data":', "}")),
    ),
    "links": (
        one("a text for links", "x"),
        one("a deep link", {"self": deep("[", "]")}),
        one("a link that is a number", {"self": 5}),
    ),
    "type": (
        one("missing", None, harmless="the list a row stands in says what it is"),
        one("another type", "org", 7, None, harmless="the list a row stands in says what it is"),
    ),
}
"""What can be wrong with a row as a whole, and with its own members."""


def row_id(kind: str, number: int) -> str:
    """The id of a sound row."""
    return f"bad{KINDS.index(kind):x}{number:020x}"


def carrier(number: int) -> str:
    """The conversation that a damaged message or note stands in."""
    return f"cab0{number // 40:020x}"


def sound(kind: str, number: int) -> Json:
    """A row with nothing wrong in it; `meta` says which one it is, whatever becomes of the rest."""
    if kind == "metadata":
        more = {"array": False, "enumeration": [], "deleted": False, "hasSensitiveAttributes": False}
        return {"displayName": f"Damaged {number}", "type": "string", **more}
    id_ = row_id(kind, number)
    attributes, relations = _MADE[kind](number) if kind in _MADE else ({"name": f"{TYPES[kind]} {number}"}, {})
    if kind != "attachments":
        attributes |= {"createdAt": moment(number), "updatedAt": moment(number, "30")}
    path = f"/v1/{kind}/{id_}"
    return {
        "type": TYPES[kind],
        "id": id_,
        "attributes": attributes,
        "relationships": {"org": to("org", ORG), **relations},
        "links": {"self": path},
        "meta": {"damage": f"{kind}-{number}"},
    }


def to(type_: str, id_: str) -> Json:
    """A relationship."""
    return {"data": {"type": type_, "id": id_}}


def moment(number: int, second: str = "00") -> str:
    """A time of its own for each number."""
    return f"2026-05-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:{second}.250Z"


def written(row: Any) -> str:
    """JSON as it is served: literals as they are."""
    text = json.dumps(row)
    return re.sub(r'"\\ue000(.*?)\\ue000"', lambda found: str(json.loads(f'"{found[1]}"')), text)


def _kind(row: Json) -> str:
    """Rows of several kinds that have nothing of their own would be one and the same."""
    return str(row["meta"]["damage"]).partition("-")[0]


def _other(row: Json) -> Json:
    return {**row, "attributes": {"name": "another", "createdAt": "2026-01-01T00:00:00Z", "tags": 5}}


def _full(row: Json) -> Json:
    return {**row, "attributes": {**row["attributes"], "custom": many_fields()}}


def _customer(number: int) -> tuple[Json, Json]:
    name = f"Damaged {number}"
    return {
        "name": name,
        "firstName": "Damaged",
        "lastName": str(number),
        "displayColor": "green",
        "deleted": False,
        "emails": [{"type": "home", "email": f"damaged{number}@broken.example"}],
        "tags": [FAR[:-1] + "0"],
        "phones": [{"phone": "+4930123456"}],
        "whatsapps": [{"phone": "whatsapp:+4930123456"}],
        "socials": [{"type": "twitter", "username": "damaged", "userid": str(number)}],
        "facebookIds": [{"userId": "1", "name": "D"}],
        "instagramIds": [{"instagramId": "2", "username": "d"}],
        "urls": [{"url": "https://broken.example"}],
        "locations": [{"address": "1 Street", "cityName": "Bonn"}],
        "externalId": f"x{number}",
        "externalIds": [{"externalId": f"y{number}"}],
        "locale": "de_DE",
        "timeZone": "Europe/Berlin",
        "birthdayAt": "1980-02-29T00:00:00Z",
        "gender": "f",
        "lastSeenAt": moment(number),
        "companyName": "Broken Ltd",
        "avatarUrl": "https://broken.example/a.png",
        "custom": {"seenNum": number},
    }, {"company": to("company", row_id("companies", 9999))}


def _company(number: int) -> tuple[Json, Json]:
    shared = _customer(number)[0]
    kept = ("externalId", "emails", "phones", "whatsapps", "socials", "urls", "locations", "avatarUrl")
    return {
        "name": f"Broken {number} Ltd",
        "domains": [{"domain": "broken.example"}],
        "employeeCount": 12,
        "tags": [],
        "custom": {"seatsNum": number},
        **{name: shared[name] for name in kept},
    }, {}


def _conversation(number: int) -> tuple[Json, Json]:
    return {
        "name": f"Thread {number}",
        "channels": ["chat"],
        "status": "snoozed",
        "direction": "in",
        "priority": 2,
        "spam": False,
        "deleted": False,
        "tags": [],
        "assignedUsers": [],
        "assignedTeams": [],
        "messageCount": 1,
        "snooze": {"status": "scheduled", "time": moment(number)},
        "endedAt": moment(number),
        "preview": "Hello",
        "satisfactionLevel": {"rating": 5, "score": 100, "updatedAt": moment(number)},
        "defaultLang": "en",
        "lastMessageAt": moment(number),
        "externalId": f"c{number}",
        "custom": {"stageNum": number},
    }, {"customer": to("customer", row_id("customers", 9999)), "queue": to("queue", row_id("queues", 9999))}


def _message(number: int) -> tuple[Json, Json]:
    return {
        "preview": f"Message {number}.",
        "subject": "A subject",
        "channel": "chat",
        "direction": "out",
        "directionType": "followup-out",
        "status": "sent",
        "auto": False,
        "redacted": False,
        "size": 9,
        "externalId": f"m{number}",
        "meta": {"subject": "x"},
        "sentAt": moment(number),
        "custom": {"aNum": 1},
    }, {
        **_in_carrier(number),
        "createdBy": to("user", row_id("users", 9999)),
        "attachments": {"data": []},
    }


def _note(number: int) -> tuple[Json, Json]:
    related = {"createdBy": to("user", row_id("users", 9999)), "userMentions": {"data": []}, "attachments": {}}
    return {"body": f"Note {number}.", "externalId": f"n{number}", "deleted": False}, {**_in_carrier(number), **related}


def _attachment(number: int) -> tuple[Json, Json]:
    more = {"contentType": "text/plain", "contentLength": 40, "redacted": False}
    return {"name": f"file{number}.txt", **more}, {"message": to("message", row_id("messages", 9000 + number))}


def _in_carrier(number: int) -> Json:
    related = {"customer": to("customer", row_id("customers", 9999))}
    return {"conversation": to("conversation", carrier(number)), **related}


_MADE: dict[str, Callable[[int], tuple[Json, Json]]] = {
    "customers": _customer,
    "companies": _company,
    "conversations": _conversation,
    "messages": _message,
    "notes": _note,
    "attachments": _attachment,
    "users": lambda number: (
        {"name": f"User {number}", "displayName": "U", "email": f"user{number}@broken.example", "userType": "user"},
        {},
    ),
    "teams": lambda number: ({"name": f"Team {number}", "displayName": "T", "members": [], "deleted": False}, {}),
    "queues": lambda number: (
        {"name": f"Queue {number}", "displayName": "Q", "description": "d", "system": False},
        {},
    ),
    "tags": lambda number: ({"name": f"tag {number}", "color": "red", "deleted": False}, {}),
}
