"""The invented organisation's conversations: messages on all channels, notes, files, ratings, and their untidiness."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mig_kustomer.sandbox.clock import ms_to_text
from mig_kustomer.sandbox.corpus import FILE_NAMES, say
from mig_kustomer.sandbox.made_office import Office
from mig_kustomer.sandbox.maker import DAY_MS, Made, Maker
from mig_kustomer.sandbox.rows import Json

_CHANNELS = {
    # channel: how common, app
    "email": (30, "postmark"),
    "chat": (36, "chat"),
    "voice": (8, "aircall"),
    "facebook": (6, "facebook"),
    "whatsapp": (7, "whatsapp"),
    "sms": (5, "twilio"),
    "instagram": (3, "instagram"),
    "form": (3, "form"),
    "twitter-dm": (2, "twitter"),
    "instagram-comment": (1, "instagram"),
    "pigeon-post": (1, "acme-inbox"),
}
_NAMES = list(_CHANNELS)
_WEIGHTS = [weight for weight, _ in _CHANNELS.values()]
_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 20)
_LENGTH_WEIGHTS = (28, 142, 103, 76, 73, 63, 54, 60, 30, 20, 6)
#: The long tail: one conversation in so many has so many messages.
_TAIL = ((400, 100), (1500, 500), (4000, 1500))
#: Share of messages an import stamped with one and the same updatedAt, and how many days ago it ran.
_IMPORTS = ((0.015, 200), (0.008, 1100))


class Talk(Struct):
    """A conversation while it is made."""

    row_id: str
    customer: Json
    language: str
    channels: list[str]
    time: int
    messages: int = 0
    outbound: int = 0
    notes: int = 0
    last: Json | None = None


def conversation_count(maker: Maker) -> int:
    """How many conversations a customer has: none to a handful, and now and then thirty."""
    if maker.odds(0.004):
        return 30
    return maker.random.choices((0, 1, 2, 3, 4, 5, 7), (13, 25, 27, 18, 10, 6, 1))[0]


def make_talk(
    maker: Maker, office: Office, customer: Json, *, length: int | None = None, stamp: int | None = None
) -> tuple[list[Made], str, int]:
    """One conversation with all that is in it.

    Args:
        maker: Chooses.
        office: Who answers.
        customer: Whose it is.
        length: How many messages; None draws it.
        stamp: The updatedAt of every message; None: each its own.

    Returns:
        The resources, the conversation's status, and its last activity in milliseconds.
    """
    began = maker.past() if stamp is None else stamp - 3 * DAY_MS
    channels = [maker.random.choices(_NAMES, _WEIGHTS)[0]]
    if maker.odds(0.1):
        channels.append(maker.one(_NAMES))
    talk = Talk(maker.id(began), customer, customer["attributes"]["defaultLang"], channels, began)
    made: list[Made] = []
    for place in range(_length(maker) if length is None else length):
        made.extend(_message(maker, office, talk, place, stamp))
    while maker.odds(0.28):
        made.append(_note(maker, office, talk))
    conversation, rating = _conversation(maker, office, talk, began)
    made.append(("conversations", conversation, None))
    made.extend(rating)
    return made, conversation["attributes"]["status"], talk.time


def _length(maker: Maker) -> int:
    for one_in, length in _TAIL:
        if maker.odds(1 / one_in):
            return length - int(maker.random.random() * 3)
    return maker.random.choices(_LENGTHS, _LENGTH_WEIGHTS)[0]


def _message(maker: Maker, office: Office, talk: Talk, place: int, stamp: int | None) -> Iterator[Made]:
    inbound = maker.odds(0.55) if place else maker.odds(0.85)
    talk.time = min(maker.now - 1, talk.time + int(maker.random.expovariate(1 / 7_200_000)) + 1)
    sent, created = talk.time, talk.time + int(maker.random.random() * 900)
    row_id = maker.id(created)
    channel = maker.one(talk.channels)
    attributes = _message_attributes(maker, talk, channel, inbound=inbound, place=place)
    attributes["sentAt"] = ms_to_text(sent - sent % 1000 if channel == "email" else sent)
    attributes["createdAt"] = ms_to_text(created)
    updated = created + int(maker.random.random() * 400) if stamp is None else stamp
    for share, days in _IMPORTS:
        if stamp is None and maker.odds(share):
            updated = maker.now - days * DAY_MS
            attributes["importedAt"] = ms_to_text(updated)
    attributes["updatedAt"] = attributes["modifiedAt"] = ms_to_text(updated)
    relations: Json = {
        "customer": maker.to("customers", "/v1/customers/", _or_gone(maker, talk.customer["id"], 0.02)),
        "conversation": maker.to("conversation", "/v1/conversations/", _or_gone(maker, talk.row_id, 0.02)),
    }
    if not inbound and not attributes["auto"]:
        relations["createdBy"] = maker.to("user", "/v1/users/", maker.one(office.users))
    files = _files(maker, row_id) if maker.odds(0.055) else []
    if files:
        held = [{"type": "attachment", "id": file["id"]} for file in files]
        held += [{"type": "attachment", "id": maker.id(created)}] if maker.odds(0.15) else []
        relations["attachments"] = {"links": {"self": f"/v1/messages/{row_id}/attachments"}, "data": held}
    if not inbound and maker.odds(0.04):
        relations["shortcuts"] = {"data": [{"type": "shortcut", "id": maker.one(office.shortcuts)}]}
    message = maker.resource("message", "/v1/messages/", row_id, attributes, **relations)
    if channel == "email":
        message["links"]["related"] = f"/v1/postmark/messages/{row_id}"
    talk.messages += 1
    talk.outbound += not inbound
    talk.last = attributes
    yield "messages", message, None
    for file in files:
        yield "attachments", file, None


def _message_attributes(maker: Maker, talk: Talk, channel: str, *, inbound: bool, place: int) -> Json:
    kind = ("response" if maker.odds(0.75) else "followup") if place else "initial"
    failed = not inbound and maker.odds(0.03)
    attributes: Json = {
        "channel": channel,
        "app": _CHANNELS[channel][1],
        "size": 0,
        "direction": "in" if inbound else "out",
        "directionType": f"{kind}-{'in' if inbound else 'out'}",
        "meta": {},
        "status": "received" if inbound else "error" if failed else "sent",
        "auto": not inbound and maker.odds(0.08),
        "redacted": maker.odds(0.01),
        "reactions": [],
        "intentDetections": [],
        "assignedTeams": [],
        "assignedUsers": [],
        "createdByTeams": [],
        "rev": 1,
    }
    mark = maker.random.random()
    if mark > 0.05 and channel != "voice":
        text = say(maker.random, talk.language)
        attributes |= {"preview": text, "size": len(text)}
    elif mark > 0.025:
        attributes["preview"] = ""
    if channel == "email":
        _address(maker, talk, attributes, inbound=inbound)
    if channel == "voice":
        attributes["meta"] = {
            "status": "completed",
            "placedAt": ms_to_text(talk.time),
            "endedAt": ms_to_text(talk.time),
        }
    if maker.odds(0.35):
        attributes["lang"] = talk.language
    if failed:
        attributes["error"] = {"status": 400, "code": "invalid-recipient", "title": "Unknown mailbox"}
        attributes["errorAt"] = ms_to_text(talk.time)
    if maker.odds(0.01):
        attributes["source"] = "satisfaction" if maker.odds(0.6) else "bulk"
    return attributes


def _address(maker: Maker, talk: Talk, attributes: Json, *, inbound: bool) -> None:
    emails = talk.customer["attributes"]["emails"]
    theirs = emails[0]["email"] if emails else "nobody@mail.example.com"
    sender, receiver = (theirs, "support@example.com") if inbound else ("support@example.com", theirs)
    subject = say(maker.random, talk.language)[:80]
    to: object = maker.one(([{"email": receiver}], receiver, {"email": receiver}))
    attributes["meta"] = {"subject": subject, "from": sender, "to": to, "cc": [], "recipient": {"email": receiver}}
    attributes["externalId"] = f"<{maker.random.getrandbits(64):016x}@mail.example.com>"
    if maker.odds(0.9):
        attributes["subject"] = subject


def _files(maker: Maker, message: str) -> list[Json]:
    made = []
    for _ in range(maker.one((1, 1, 2, 3, 5))):
        row_id = maker.id(maker.now)
        name, content_type = maker.one(FILE_NAMES)
        attributes: Json = {"name": name, "contentType": content_type, "redacted": False}
        attributes["contentLength"] = maker.one((0, 1, 17, 512, 4096, 60_000, 70_001))
        file = maker.resource(
            "attachment",
            f"/v1/messages/{message}/attachments/",
            row_id,
            attributes,
            message=maker.to("message", "/v1/messages/", message),
        )
        made.append(file)
    return made


def _note(maker: Maker, office: Office, talk: Talk) -> Made:
    talk.time = min(maker.now - 1, talk.time + int(maker.random.random() * 600_000))
    talk.notes += 1
    row_id = maker.id(talk.time)
    attributes: Json = {
        "body": say(maker.random, "en_us"),
        "createdByTeams": [],
        "createdAt": ms_to_text(talk.time),
        "updatedAt": ms_to_text(talk.time),
        "modifiedAt": ms_to_text(talk.time),
    }
    relations: Json = {
        "customer": maker.to("customer", "/v1/customers/", talk.customer["id"]),
        "createdBy": maker.to("user", "/v1/users/", maker.one(office.users)),
    }
    if maker.odds(0.95):
        relations["conversation"] = maker.to("conversation", "/v1/conversations/", _or_gone(maker, talk.row_id, 0.01))
    if maker.odds(0.3):
        relations["userMentions"] = {"data": [{"type": "user", "id": maker.one(office.users)}]}
    if maker.odds(0.02):
        attributes |= {"deleted": True, "deletedAt": ms_to_text(talk.time)}
    return "notes", maker.resource("note", "/v1/notes/", row_id, attributes, **relations), None


def _conversation(maker: Maker, office: Office, talk: Talk, began: int) -> tuple[Json, list[Made]]:
    status = maker.random.choices(("done", "open", "snoozed"), (63, 27, 10))[0]
    when = ms_to_text(talk.time)
    attributes: Json = {
        "name": say(maker.random, talk.language)[:120] if maker.odds(0.93) else None,
        "channels": sorted(set(talk.channels)) if talk.messages else [],
        "status": status,
        "priority": maker.one((3, 3, 3, 1, 2, 4, 5)),
        "direction": "in",
        "messageCount": talk.messages + (1 if maker.odds(0.02) else 0),
        "noteCount": talk.notes,
        "outboundMessageCount": talk.outbound,
        "inboundMessageCount": talk.messages - talk.outbound,
        "satisfaction": 0,
        "satisfactionLevel": {"sentByTeams": [], "answers": []},
        "spam": maker.odds(0.03),
        "ended": status == "done" and maker.odds(0.3),
        "tags": maker.some(office.tags, 3),
        "assignedUsers": maker.some(office.users, 1),
        "assignedTeams": maker.some(office.teams, 1),
        "custom": {"reasonTree": "billing.refund", "goodwillBool": maker.odds(0.5)} if maker.odds(0.5) else {},
        "rev": 1 + talk.messages,
        "createdAt": ms_to_text(began),
        "updatedAt": when,
        "modifiedAt": when,
        "lastActivityAt": when,
    }
    if talk.last is not None:
        attributes |= {"preview": talk.last.get("preview", ""), "lastMessageAt": talk.last["sentAt"]}
    attributes |= {"defaultLang": talk.language} if maker.odds(0.7) else {}
    relations: Json = {
        "customer": maker.to("customer", "/v1/customers/", talk.customer["id"]),
        "messages": {"links": {"self": f"/v1/conversations/{talk.row_id}/messages"}},
        "brand": maker.to("brand", "/v1/brands/", maker.one(office.brands)),
    }
    if maker.odds(0.5):
        relations["queue"] = maker.to("queue", "/v1/routing/queues/", maker.one(office.queues))
    if maker.odds(0.3):
        sla_id, version, name = maker.one(office.slas)
        relations["sla"] = maker.to("sla", "/v1/slas/", sla_id)
        relations["slaVersion"] = maker.to("sla_version", "/v1/slas/", version)
        attributes["sla"] = {"name": name, "status": "pending", "breached": maker.odds(0.2), "matchedAt": when}
    rating = [_rating(maker, office, talk, attributes)] if status == "done" and maker.odds(0.2) else []
    return maker.resource("conversation", "/v1/conversations/", talk.row_id, attributes, **relations), rating


def _rating(maker: Maker, office: Office, talk: Talk, conversation: Json) -> Made:
    row_id, form = maker.id(talk.time), maker.one(office.forms)
    score = int(maker.random.random() * 5) + 1
    status = maker.one(("rated", "commented", "offered", "unresponded"))
    given: Json = {"rating": score, "score": int(score > 3)} if status in ("rated", "commented") else {}
    given |= {"firstAnswer": say(maker.random, talk.language)} if status == "commented" else {}
    attributes = {"status": status, "channel": "email", "answers": [], "createdAt": ms_to_text(talk.time), **given}
    conversation["satisfactionLevel"] |= {"form": form, "formResponse": row_id, **attributes}
    relations = {
        "conversation": maker.to("conversation", "/v1/conversations/", talk.row_id),
        "customer": maker.to("customer", "/v1/customers/", talk.customer["id"]),
        "form": maker.to("satisfaction", "/v1/satisfaction/", form),
    }
    path = "/v1/satisfaction-responses/"
    return (
        "satisfaction_responses",
        maker.resource("satisfaction_response", path, row_id, attributes, **relations),
        None,
    )


def _or_gone(maker: Maker, row_id: str, share: float) -> str:
    """An id, or one of something that exists no more."""
    return row_id[:8] + "0" * 8 + row_id[16:] if maker.odds(share) else row_id
