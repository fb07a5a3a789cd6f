"""A profile as a neutral contact, with the notes on its notepad."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from mig import (
    AGENT,
    ATTACHMENT,
    CONTACT,
    NOTE,
    TAG,
    Address,
    Attachment,
    Contact,
    Note,
    Oddity,
    Record,
    Ref,
    from_epoch_ms,
)
from mig_crisp.forms import NOBODY, is_of_person, link_in, millis, moment, place_in
from mig_crisp.marks import birth_line, born_from

_HEAD = re.compile(r"(?:\A|(?<=\n\n))(?P<at>\d{4}-\d\d-\d\dT\S+|undated) (?P<by>[^\n]*) \((?P<id>[^()\s]+)\):(?:\n|\Z)")
"""The line above each note: when, by whom, and the note's id."""
_IN_FIELDS = ("locale", "time_zone", "language")


class Profile(Struct, frozen=True):
    """What a profile is."""

    records: Sequence[Record]
    sources: Sequence[Ref]
    flaws: Sequence[Oddity]


def read_profile(profile: Mapping[str, Any], data: Mapping[str, Any]) -> Profile:
    """A profile and its people data; without these it is only what a list shows."""
    notepad = str(profile.get("notepad") or "")
    born = born_from(notepad)
    contact = contact_of(profile, data)
    if not contact.ref.id and born is not None and not data:
        contact = contact_of(profile, {"source_id": born[1].id})
    ids = listed(data, "source_ids") or [contact.ref.id]
    noted, flaws = notes_of(notepad, contact.ref)
    if contact.ref.id and data and contact.ref.id not in ids:
        flaws = [*flaws, Oddity(contact.ref, "data.source_ids", "its own id is not among them")]
    return Profile([contact, *noted], [Ref(CONTACT, name) for name in ids if name], flaws)


def contact_of(profile: Mapping[str, Any], data: Mapping[str, Any]) -> Contact:
    """A profile and its people data as a contact; what has no field of its own stands in `extra`."""
    person = profile.get("person") or {}
    born = born_from(str(profile.get("notepad") or ""))
    extra = {
        "born": birth_line(*born) if born is not None else "",
        "company": profile.get("company") or {},
        "address": str(person.get("address") or ""),
        "locales": list(person.get("locales") or []),
        "data": {key: value for key, value in data.items() if is_of_person(key)},
    }
    return Contact(
        ref=Ref(CONTACT, str(data.get("source_id") or "")),
        name=str(person.get("nickname") or ""),
        emails=_addresses(profile.get("email"), data, "other_emails"),
        phones=_addresses(person.get("phone"), data, "other_phones"),
        urls=_addresses(person.get("website"), data, "other_urls"),
        tags=[Ref(TAG, str(name)) for name in profile.get("segments") or []],
        avatar=str(person.get("avatar") or ""),
        gender=str(person.get("gender") or ""),
        locale=str(data.get("language") or ""),
        time_zone=str(data.get("time_zone") or ""),
        birthday=moment(data.get("birthday")),
        last_active_at=from_epoch_ms(int(profile["active"])) if profile.get("active") else None,
        custom={key: value for key, value in data.items() if not is_of_person(key)},
        extra={key: value for key, value in extra.items() if value},
    )


def notes_of(notepad: str, contact: Ref) -> tuple[list[Record], list[Oddity]]:
    """The notes and files on a notepad by their times, and what else somebody wrote there."""
    body = notepad.rstrip()
    if born_from(body) is not None:
        body = body.rpartition("\n")[0].rstrip()
    heads = list(_HEAD.finditer(body))
    ends = [*(head.start() for head in heads[1:]), len(body)][: len(heads)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        record = _block(head, body[head.end() : end].strip(), contact)
        at = millis(moment(head["at"]))
        found.append(((at, record.ref.kind == ATTACHMENT, record.ref.id), record))
    return [record for _, record in sorted(found, key=lambda one: one[0])], []


def _block(head: re.Match[str], text: str, contact: Ref) -> Record:
    author = Ref(AGENT, f"name/{head['by']}") if head["by"] not in NOBODY else None
    when = moment(head["at"])
    link, place = link_in(text), place_in(text)
    if link is None and place is None:
        return Note(ref=Ref(NOTE, head["id"]), contact=contact, written_at=when, author=author, text=text)
    name, url = link or ((place or ("",))[0], "")
    by = {"author": str(author)} if author is not None else {}
    return Attachment(
        ref=Ref(ATTACHMENT, head["id"]), parent=contact, name=name, url=url, extra={"sent_at": millis(when), **by}
    )


def listed(data: Mapping[str, Any], key: str) -> list[str]:
    """A list that goes on under `<key>_2`, `<key>_3` where it is long."""
    values: list[str] = []
    number = 1
    while (text := data.get(key if number == 1 else f"{key}_{number}")) is not None:
        values += str(text).split(",")
        number += 1
    return values


def _addresses(first: object, data: Mapping[str, Any], key: str) -> list[Address]:
    return [Address(value=value) for value in (str(first or ""), *listed(data, key)) if value]
