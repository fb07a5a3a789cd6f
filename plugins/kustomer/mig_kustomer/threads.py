"""Conversations with their messages, notes and files as neutral records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mig import (
    AGENT,
    ATTACHMENT,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    QUEUE,
    TAG,
    TEAM,
    Attachment,
    Conversation,
    Message,
    Note,
    Record,
    Ref,
)
from mig_kustomer.ratings import rating
from mig_kustomer.reading import MISSING, Reader, Reading, as_time

CONVERSATION_DERIVED = frozenset(
    {
        "assistant",
        "billingStatus",
        "doneCount",
        "firstDone",
        "firstMessageIn",
        "firstMessageOut",
        "firstResponse",
        "firstResponseSinceLastDone",
        "inboundMessageCount",
        "lastDone",
        "lastMessageDirection",
        "lastMessageIn",
        "lastMessageOut",
        "lastMessageUnrespondedTo",
        "lastMessageUnrespondedToSinceLastDone",
        "lastReceivedAt",
        "lastResponse",
        "matchedTimeBasedRules",
        "outboundMessageCount",
        "phase",
        "predictions",
        "preview",
        "reopenCount",
        "reopenFromDoneCount",
        "sentiment",
        "snoozeCount",
        "suggestedShortcuts",
        "suggestedTags",
        "totalDone",
        "totalOpen",
        "totalSnooze",
    }
)
"""What Kustomer works out about a conversation from its messages and states."""

MESSAGE_DERIVED = frozenset({"intentDetections", "sentiment"})

_CALL = {
    "from": "from",
    "to": "to",
    "placedAt": "started",
    "answeredAt": "answered",
    "endedAt": "ended",
    "status": "status",
    "externalRecordingUrl": "recording",
}


def conversation(row: Reading) -> list[Record]:
    """A conversation, and its rating where something was answered or a response exists."""
    at = row.attributes
    status = at.text("status")
    contact = row.relation("customer", CONTACT)
    asked = rating(row, contact)
    return [
        Conversation(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            title=at.text("name"),
            status=status,
            contact=contact,
            channels=at.texts("channels"),
            priority=at.whole("priority"),
            direction=at.take("direction", _direction, "in or out") or "",
            language=at.text("defaultLang"),
            spam=at.flag("spam"),
            deleted=at.flag("deleted"),
            tags=at.refs("tags", TAG),
            agents=at.refs("assignedUsers", AGENT),
            teams=at.refs("assignedTeams", TEAM),
            queue=row.relation("queue", QUEUE),
            external_id=at.text("externalId"),
            last_activity_at=at.time("lastMessageAt"),
            snoozed_until=_snoozed_until(at),
            closed_at=at.time("endedAt") or _done_at(at, status),
            message_count=at.count("messageCount"),
            note_count=at.count("noteCount"),
            custom=at.mapping("custom"),
            extra=row.extra(),
        ),
        *asked,
    ]


def message(row: Reading, email: object = None) -> list[Record]:
    """A message.

    Args:
        row: The resource.
        email: What its own app answered about it (`full_email`), else None.
    """
    at = row.attributes
    side = _side(at)
    channel = at.text("channel")
    if not channel and at.peek("channel") is None:
        at.doubt("channel", MISSING)
    meta = at.mapping("meta")
    subject = meta.get("subject")
    html, left = _html(row, email)
    created_by = row.relation("createdBy", AGENT) if side == "out" else None
    return [
        Message(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            conversation=row.relation("conversation", CONVERSATION),
            contact=row.relation("customer", CONTACT),
            sent_at=at.time("sentAt") or row.created_at,
            side=side,
            author=created_by,
            channel=channel,
            text=_text(at.text("preview"), html),
            html=html,
            subject=at.text("subject") or (subject if isinstance(subject, str) else ""),
            call=_call(channel, meta),
            attachments=row.relations("attachments", ATTACHMENT),
            automated=at.flag("auto"),
            redacted=at.flag("redacted"),
            status=at.text("status"),
            error=_error(at),
            external_id=at.text("externalId"),
            meta=meta,
            custom=at.mapping("custom"),
            extra=row.extra(_email=left),
        )
    ]


def note(row: Reading) -> list[Record]:
    """A note; without a conversation it is about the customer."""
    at = row.attributes
    mentions = row.relations("userMentions", AGENT) + row.relations("teamMentions", TEAM)
    return [
        Note(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            conversation=row.relation("conversation", CONVERSATION),
            contact=row.relation("customer", CONTACT),
            written_at=row.created_at,
            author=row.relation("createdBy", AGENT),
            text=at.text("body"),
            mentions=mentions,
            attachments=row.relations("attachments", ATTACHMENT),
            deleted=any([at.flag("deleted"), at.since("deletedAt")]),
            external_id=at.text("externalId"),
            extra=row.extra(),
        )
    ]


def attachment(row: Reading, parent: object = None) -> list[Record]:
    """A file.

    Args:
        row: The resource.
        parent: The message that named it, where the resource itself does not.
    """
    at = row.attributes
    named = row.relation("message", MESSAGE) or row.relation("note", NOTE)
    return [
        Attachment(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            parent=named or _parent(row, parent),
            name=at.text("name"),
            mime=at.text("contentType"),
            size=at.count("contentLength"),
            redacted=at.flag("redacted"),
            url=_lasting(row),
            extra=row.extra(),
        )
    ]


def _lasting(row: Reading) -> str:
    """A file's address that does not expire: a foreign one as it is, else the path that redirects to a fresh one.

    That path is seen in bodies of messages only (docs/api/kustomer.md, section 7.4, inferred).
    """
    related, own = str(row.links.peek("related") or ""), str(row.links.peek("self") or "")
    if related.startswith("https://") and "x-amz-" not in related.lower():
        return related
    return f"{own}?redirect=true" if own.startswith("/") else ""


def _snoozed_until(at: Reader) -> datetime | None:
    """The end of a snooze that lasts; an elapsed or cancelled one stays in `extra`."""
    snooze = at.part("snooze")
    if snooze is None or snooze.peek("status") != "scheduled":
        return None
    return snooze.time("time")


def _done_at(at: Reader, status: str) -> datetime | None:
    last = at.peek("lastDone")
    return as_time(last.get("createdAt")) if status == "done" and isinstance(last, dict) else None


def _text(preview: str, html: str) -> str:
    """The whole e-mail where its HTML is there; `preview` can be cut short (docs/api/kustomer.md, section 7.3)."""
    if not html:
        return preview
    from mig_kustomer.html import to_text  # its parser is loaded only by those who ask for whole e-mails

    return to_text(html) or preview


def _side(at: Reader) -> str:
    """in or out; of a message that does not say, the kind of direction says it."""
    side = at.take("direction", _direction, "in or out")
    if side is not None:
        return str(side)
    if at.peek("direction") is None:
        at.doubt("direction", MISSING)
    return "out" if str(at.peek("directionType")).endswith("-out") else "in"


def _direction(value: object) -> str | None:
    return str(value) if value in ("in", "out") else None


def _call(channel: str, meta: Mapping[str, Any]) -> dict[str, str]:
    if channel != "voice":
        return {}
    found = {ours: _told(meta.get(theirs)) for theirs, ours in _CALL.items()}
    return {name: value for name, value in found.items() if value}


def _told(value: object) -> str:
    """A text, or the address in an object, or those in a list: `meta.to` comes as each of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(filter(None, (_told(one) for one in value)))
    if isinstance(value, dict):
        return next((one for key in ("contact", "phone", "email") if (one := _told(value.get(key)))), "")
    return ""


def _error(at: Reader) -> str:
    """What went wrong in words; the whole object stays in `extra`."""
    error = at.peek("error")
    if isinstance(error, dict):
        return next((error[key] for key in ("title", "code") if isinstance(error.get(key), str)), "")
    return at.text("error")


def _html(row: Reading, email: object) -> tuple[str, object]:
    """The original body in what the e-mail's app answered, and the rest of that answer."""
    if isinstance(email, str):  # not JSON: the body itself
        return email, None
    if isinstance(email, dict) and isinstance(email.get("unread"), str):
        row.doubt("body", email["unread"])
        return "", None
    data = email.get("data") if isinstance(email, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(email, dict) or not isinstance(data, dict) or not isinstance(attributes, dict):
        if email is not None:
            row.doubt("body", "the e-mail's own address answered in an unknown form; the preview is kept")
        return "", email
    for name in ("htmlBody", "html", "body"):
        if isinstance(attributes.get(name), str) and attributes[name]:
            left = {key: value for key, value in attributes.items() if key != name}
            return attributes[name], {**email, "data": {**data, "attributes": left}}
    row.doubt("body", "the e-mail's own address gave no body; the preview is kept")
    return "", email


def _parent(row: Reading, parent: object) -> Ref | None:
    """The message that named the file, or the one its own link leads through."""
    if isinstance(parent, dict) and isinstance(parent.get("id"), str):
        return Ref(NOTE if parent.get("type") == "note" else MESSAGE, parent["id"])
    steps = str(row.links.peek("self")).split("/")
    at = steps.index("messages") + 1 if "messages" in steps else len(steps)
    if at < len(steps) and steps[at]:
        return Ref(MESSAGE, steps[at])
    row.doubt("relationships.message", "nothing says which message the file hangs on")
    return None
