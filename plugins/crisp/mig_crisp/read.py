"""Reading a unit back as neutral records, by the marks it carries: no journal needed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mig import (
    ATTACHMENT,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    TAG,
    Address,
    Attachment,
    Contact,
    Conversation,
    Kind,
    Message,
    Note,
    Present,
    Record,
    Ref,
    from_epoch_ms,
)
from mig_crisp.client import CrispClient
from mig_crisp.data import RESERVED_CONVERSATION, RESERVED_MESSAGE, RESERVED_PEOPLE
from mig_crisp.render_thread import STATES
from mig_crisp.text import joined

_STATUS = {state: status for status, state in STATES.items()}
_URN = "urn:mig:"
_LINK = re.compile(r"\[(?P<name>[^\]]*)\]\(\S+\)")


class Reader:
    """Reads profiles and conversations.

    Args:
        client: Talks to the workspace.
        segment: The migration's own, which is no tag of the source.
    """

    def __init__(self, client: CrispClient, segment: str) -> None:
        self._client = client
        self._segment = segment

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        """A profile or a conversation by its id; None when it is not there."""
        if kind == CONTACT:
            return await self._profile(target_id)
        if kind == CONVERSATION:
            return await self._thread(target_id)
        return None

    async def _profile(self, people_id: str) -> Present | None:
        profile = await self._client.get(f"/people/profile/{people_id}")
        if not isinstance(profile, dict):
            return None
        found = await self._client.get(f"/people/data/{people_id}")
        data = found.get("data") or {} if isinstance(found, dict) else {}
        contact = contact_of(profile, data)
        ids = _listed(data, "source_ids") or [contact.ref.id]
        return Present(
            kind=CONTACT, target_id=people_id, sources=[Ref(CONTACT, name) for name in ids if name], records=[contact]
        )

    async def _thread(self, session: str) -> Present | None:
        conversation = await self._client.get(f"/conversation/{session}")
        if not isinstance(conversation, dict):
            return None
        rows = await self._messages(session)
        root = conversation_of(conversation, self._segment)
        records: list[Record] = [root, *messages_of(rows, root.ref)]
        return Present(kind=CONVERSATION, target_id=session, sources=[root.ref] if root.ref.id else [], records=records)

    async def _messages(self, session: str) -> list[dict[str, Any]]:
        """All pages, oldest first, each message once for each time it stands there."""
        rows: list[dict[str, Any]] = []
        before: int | None = None
        while True:
            query = {"timestamp_before": before} if before is not None else None
            page = await self._client.get(f"/conversation/{session}/messages", query) or []
            known = {(row["fingerprint"], row["timestamp"]) for row in rows}
            fresh = [row for row in page if (row["fingerprint"], row["timestamp"]) not in known]
            if not fresh:
                return rows
            rows = [*fresh, *rows]
            earliest = min(int(row["timestamp"]) for row in fresh)
            # One more than the earliest: equal times may straddle the page, and the mark itself may be left out.
            before = earliest + 1 if before != earliest + 1 else earliest


def contact_of(profile: Mapping[str, Any], data: Mapping[str, Any]) -> Contact:
    """A profile and its people data as a contact."""
    person = profile.get("person") or {}
    custom = {key: value for key, value in data.items() if not _reserved(key, RESERVED_PEOPLE)}
    return Contact(
        ref=Ref(CONTACT, str(data.get("source_id") or "")),
        name=str(person.get("nickname") or ""),
        emails=[Address(value=v) for v in (str(profile.get("email") or ""), *_listed(data, "other_emails"))],
        phones=[Address(value=v) for v in (str(person.get("phone") or ""), *_listed(data, "other_phones")) if v],
        urls=[Address(value=v) for v in (str(person.get("website") or ""), *_listed(data, "other_urls")) if v],
        tags=[Ref(TAG, name) for name in profile.get("segments") or []],
        avatar=str(person.get("avatar") or ""),
        gender=str(person.get("gender") or ""),
        locale=str(data.get("language") or ""),
        time_zone=str(data.get("time_zone") or ""),
        birthday=_when(data.get("birthday")),
        last_active_at=from_epoch_ms(int(profile["active"])) if profile.get("active") else None,
        custom={key: value for key, value in custom.items() if not key.startswith("company_")},
    )


def conversation_of(conversation: Mapping[str, Any], segment: str) -> Conversation:
    """A conversation object as a conversation; the migration's own segment is no tag."""
    meta = conversation.get("meta") or {}
    data = meta.get("data") or {}
    segments = list(meta.get("segments") or [])
    return Conversation(
        ref=Ref(CONVERSATION, str(data.get("source_id") or "")),
        title=str(meta.get("subject") or ""),
        status=_STATUS.get(str(conversation.get("state")), ""),
        channels=[name for name in str(data.get("source_channel") or "").split(", ") if name],
        priority=data.get("source_priority"),
        tags=[Ref(TAG, name) for name in segments if name != segment],
        external_id=str(data.get("source_external_id") or ""),
        created_at=_when(data.get("source_created_at")),
        snoozed_until=_when(data.get("source_snooze_until")),
        custom={key: value for key, value in data.items() if not _reserved(key, RESERVED_CONVERSATION)},
    )


def messages_of(rows: Sequence[Mapping[str, Any]], conversation: Ref) -> list[Record]:
    """Messages and notes put together from their parts, and files, in the order they stand."""
    parts: dict[Ref, list[Mapping[str, Any]]] = {}
    for row in rows:
        properties = row.get("properties") or {}
        ref = Ref.parse(source) if "/" in (source := str(properties.get("source_id") or "")) else None
        if ref is None or ref.kind not in (MESSAGE, NOTE, ATTACHMENT):
            continue
        parent = Ref.parse(str(properties["source_parent"])) if ref.kind == ATTACHMENT else None
        if parent is not None and properties.get("source_alone"):
            parts.setdefault(parent, []).append({**row, "content": ""})
        parts.setdefault(ref, []).append(row)
    return [_record(ref, rows, conversation) for ref, rows in parts.items()]


def _file(ref: Ref, row: Mapping[str, Any]) -> Attachment:
    """A file message, or a link to one in a note."""
    content = row["content"]
    parent = Ref.parse(str((row.get("properties") or {})["source_parent"]))
    if isinstance(content, Mapping):
        return Attachment(ref=ref, parent=parent, name=str(content["name"]), mime=str(content["type"]))
    found = _LINK.fullmatch(str(content))
    return Attachment(ref=ref, parent=parent, name=found["name"] if found else "")


def _record(ref: Ref, rows: list[Mapping[str, Any]], conversation: Ref) -> Record:
    if ref.kind == ATTACHMENT:
        return _file(ref, rows[0])
    said = [row for row in rows if (row.get("properties") or {}).get("source_part") != 0]
    first = said[0] if said else rows[0]
    properties = first.get("properties") or {}
    text = joined([str(row["content"]) for row in said]) if said else ""
    files = int(properties.get("source_files") or 0)
    if files:
        lines = text.split("\n")
        text = "\n".join(lines[:-files])
    when = from_epoch_ms(int(first["timestamp"]))
    if ref.kind == NOTE:
        return Note(ref=ref, conversation=conversation, written_at=when, text=text)
    return Message(
        ref=ref,
        conversation=conversation,
        sent_at=when,
        side=str(properties.get("source_side") or ("in" if first["from"] == "user" else "out")),
        channel=_channel(str(first["origin"])),
        text=text,
        subject=str(properties.get("source_subject") or ""),
        automated=bool(first.get("automated")),
        redacted=len(said) < len(rows),
        custom={key: value for key, value in properties.items() if key not in RESERVED_MESSAGE},
    )


def _channel(origin: str) -> str:
    return origin.removeprefix(_URN).removesuffix(":0") if origin.startswith(_URN) else origin


def _reserved(key: str, reserved: frozenset[str]) -> bool:
    base, _, number = key.rpartition("_")
    return key in reserved or (number.isdigit() and base in reserved)


def _listed(data: Mapping[str, Any], key: str) -> list[str]:
    """A list written by `numbered`."""
    values: list[str] = []
    number = 1
    while (text := data.get(key if number == 1 else f"{key}_{number}")) is not None:
        values += str(text).split(",")
        number += 1
    return values


def _when(text: object) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
