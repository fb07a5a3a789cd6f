"""The body of every route as the API page describes it; whatever is not named here is refused."""

from __future__ import annotations

from typing import Any

from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.shapes import (
    Check,
    Misfit,
    any_object,
    boolean,
    email,
    flat_map,
    integer,
    list_of,
    nullable,
    number,
    obj,
    one_of,
    text,
)

STRING = text()
NAME = text(blank=False)
URL = text(pattern=r"https?://[^\s/][^\s]*")
ORIGIN = text(pattern=r"chat|email|urn:\S+")
LAST_MS = 8_640_000_000_000_000
MOMENT = integer(0, LAST_MS)
FINGERPRINT = integer(1, 2**53 - 1)
STRINGS = list_of(STRING)
SEGMENTS = list_of(NAME)
SEGMENT = text(least=1)
NOTHING = obj({})
COORDINATES = obj({"latitude": number, "longitude": number}, ["latitude", "longitude"])
GEOLOCATION = obj({"country": STRING, "region": STRING, "city": STRING, "coordinates": COORDINATES})
AUTHOR = obj({"type": one_of("website", "participant"), "user_id": STRING, "nickname": STRING, "avatar": STRING})
SIDE = one_of("user", "operator")

DEVICE = obj(
    {
        "capabilities": STRINGS,
        "geolocation": GEOLOCATION,
        "system": any_object,
        "timezone": number,
        "locales": STRINGS,
    }
)
EVENT_EXTRAS = {"user": AUTHOR, "origin": ORIGIN}  # they describe the event message the change leaves
STATE = obj({"state": one_of("pending", "unresolved", "resolved"), **EVENT_EXTRAS}, ["state"])
ASSIGNED = nullable(obj({"user_id": NAME}, ["user_id"]))
ROUTING = obj({"assigned": ASSIGNED, "silent": boolean}, ["assigned"])
INBOX_CHOICE = obj({"inbox_id": nullable(NAME)}, ["inbox_id"])
OPEN = obj({"opened": boolean}, ["opened"])
BLOCK = obj({"blocked": boolean, **EVENT_EXTRAS}, ["blocked"])
VERIFY = obj({"verified": boolean}, ["verified"])
PARTICIPANT = obj({"type": one_of("email"), "target": email}, ["type", "target"])
PARTICIPANTS = obj({"participants": list_of(PARTICIPANT), **EVENT_EXTRAS}, ["participants"])
READ = obj({"from": SIDE, "origin": ORIGIN, "fingerprints": list_of(FINGERPRINT)}, ["from", "origin"])
UNREAD = obj({"from": one_of("user")}, ["from"])
DELIVERED = obj(
    {"from": one_of("operator"), "origin": ORIGIN, "fingerprints": list_of(FINGERPRINT)},
    ["from", "origin", "fingerprints"],
)
SUGGESTED_SEGMENT = obj({"segment": NAME}, ["segment"])
SUGGESTED_KEY = obj({"key": NAME}, ["key"])
SETTINGS = obj(
    {
        "emails": obj({"rating": boolean, "transcript": boolean, "trackers": boolean, "junk_filter": boolean}),
        "inbox": obj({"lock_removal": boolean}),
    }
)
SUBSCRIPTION = obj({"email": boolean}, ["email"])
MESSAGE_EDIT = obj({"content": lambda value, at: None}, ["content"])  # checked by the type of the message it edits
INVITE = obj(
    {"email": email, "role": one_of("owner", "member"), "verify": obj({"method": STRING, "secret": STRING})},
    ["email", "role", "verify"],
)
TEAM = obj({"name": NAME, "emoji": STRING, "operators": STRINGS}, ["name", "emoji", "operators"])
CONDITION = obj(
    {
        "model": one_of("session"),
        "criterion": NAME,
        "operator": one_of("eq", "neq", "gte", "lte", "gt", "lt"),
        "query": list_of(STRING),
    },
    ["model", "criterion", "operator", "query"],
)
INBOX = obj(
    {
        "name": NAME,
        "emoji": STRING,
        "order": number,
        "operators": STRINGS,
        "teams": STRINGS,
        "conditions": list_of(CONDITION),
        "operator": one_of("and", "or"),
    },
    ["name", "emoji", "order", "operators", "conditions"],
)

BUCKET_NAMESPACES = ("upload", "avatar", "website", "campaign", "helpdesk", "status", "processing")
BUCKET_URL = obj(
    {
        "namespace": one_of(*BUCKET_NAMESPACES),
        "id": NAME,
        "file": obj({"name": NAME, "type": text(pattern=r"[^\s/;]+/[^\s/;]+")}, ["name", "type"]),
        "resource": obj({"type": one_of("website"), "id": NAME}, ["type", "id"]),
    },
    ["namespace", "id", "file"],
)

PERSON_FIELDS: dict[str, Check] = {
    "nickname": NAME,
    "avatar": STRING,
    "gender": STRING,
    "phone": STRING,
    "address": STRING,
    "description": STRING,
    "website": STRING,
    "timezone": number,
    "profiles": list_of(obj({"type": NAME, "handle": STRING, "url": STRING}, ["type"])),
    "employment": obj({"name": STRING, "domain": STRING, "title": STRING, "role": STRING, "seniority": STRING}),
    "geolocation": GEOLOCATION,
    "locales": STRINGS,
}
COMPANY = obj(
    {
        "name": STRING,
        "legal_name": STRING,
        "domain": STRING,
        "url": STRING,
        "description": STRING,
        "timezone": number,
        "phones": STRINGS,
        "emails": STRINGS,
        "geolocation": GEOLOCATION,
        "metrics": obj({"employees": number, "market_cap": number, "raised": number, "arr": number}),
        "tags": STRINGS,
    }
)
COLOR = one_of("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "black")

MESSAGE_TYPES = ("text", "note", "file", "animation", "audio", "picker", "field", "carousel", "event")
FILE = obj({"name": NAME, "url": URL, "type": NAME}, ["name", "url", "type"])
ANIMATION = obj({"url": URL, "type": NAME}, ["url", "type"])
AUDIO = obj({"url": URL, "type": NAME, "duration": number}, ["url", "type", "duration"])
PICKER = obj({"id": NAME, "text": NAME, "choices": list_of(any_object), "required": boolean}, ["id", "text", "choices"])
EVENT = obj({"namespace": NAME, "text": STRING}, ["namespace", "text"])


class Bodies:
    """The bodies whose limits depend on the sandbox's switches."""

    def __init__(self, switches: Switches) -> None:
        key = text(least=1, most=switches.max_data_key, pattern=r"[a-z0-9_-]+")
        self._data = flat_map(key, text(most=switches.max_data_value))
        words = text(blank=False, most=switches.max_text)
        self._contents: dict[str, Check] = {
            "text": words,
            "note": words,
            "file": FILE,
            "animation": ANIMATION,
            "audio": AUDIO,
            "picker": PICKER,
            "field": any_object,
            "carousel": any_object,
            "event": EVENT,
        }
        self._message = self._make_message()
        self.meta = obj(
            {
                **dict.fromkeys(("nickname", "phone", "address", "subject", "ip", "avatar"), STRING),
                "email": email,
                "data": self._data,
                "segments": SEGMENTS,
                "device": DEVICE,
                "origin": ORIGIN,
            }
        )
        notepad = text(most=switches.max_notepad)
        fields = {"email": email, "company": COMPANY, "segments": SEGMENTS, "notepad": notepad, "active": MOMENT}
        whole_person = obj(PERSON_FIELDS, ["nickname"])
        self.profile_add = obj({**fields, "person": whole_person}, ["email", "person"])
        self.profile_save = self.profile_add
        self.profile_update = obj({**fields, "person": obj(PERSON_FIELDS)})
        self.people_data = obj({"data": self._data}, ["data"])
        self.people_event = obj({"text": NAME, "data": self._data, "color": COLOR}, ["text"])
        self.batches = self._make_batches()

    def message(self, value: Any, at: str) -> None:
        """A message to send: its fields, then its content by its type."""
        self._message(value, at)
        self.content(value["type"], value["content"], f"{at}.content")

    def content(self, kind: str, value: Any, at: str) -> None:
        """The content of a message of some type."""
        self._contents[kind](value, at)

    def _make_message(self) -> Check:
        def anything(value: Any, at: str) -> None:
            if value is None:
                raise Misfit(f"{at} should be string or object")

        # A property's name is the sender's own; unlike keys of custom data it never shows in the app.
        properties = flat_map(text(least=1), STRING)
        return obj(
            {
                "type": one_of(*MESSAGE_TYPES),
                "from": SIDE,
                "origin": ORIGIN,
                "content": anything,
                "fingerprint": FINGERPRINT,
                "timestamp": MOMENT,
                "stealth": boolean,
                "user": AUTHOR,
                "original": obj({"type": STRING, "content": STRING, "headers": any_object}, ["content"]),
                "references": list_of(
                    obj({"type": one_of("link"), "name": STRING, "target": STRING}, ["type", "name", "target"])
                ),
                "mentions": list_of(NAME),
                "properties": properties,
                "translated": boolean,
                "automated": boolean,
            },
            ["type", "from", "origin", "content"],
        )

    def _make_batches(self) -> dict[str, Check]:
        sessions = {"sessions": STRINGS}
        marks = obj({**sessions, "inbox_id": NAME})
        search = obj({"filter": list_of(any_object), "operator": one_of("and", "or")}, ["filter"])
        people = obj({"profiles": STRINGS, "search": search})
        return {
            "resolve": marks,
            "unresolve": marks,
            "read": marks,
            "unread": marks,
            "remove": obj({**sessions, "inbox_id": NAME, "people": people}),
            "routing": obj({**sessions, "assigned": ASSIGNED}, ["assigned"]),
            "inbox": obj({**sessions, "inbox_id": nullable(NAME)}, ["inbox_id"]),
            "data": obj({**sessions, "people": people, "data": self._data}, ["data"]),
            "segments": obj({**sessions, "people": people, "segments": SEGMENTS}, ["segments"]),
            "block": obj({**sessions, "blocked": boolean}, ["blocked"]),
            "report": obj({**sessions, "flag": one_of("spam")}, ["flag"]),
        }
