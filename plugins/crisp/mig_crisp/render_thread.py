"""A conversation as the requests that make it: birth, metas, messages in order, read mark, routing, state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from mig import (
    RATING,
    Agent,
    Attachment,
    Contact,
    Conversation,
    Declined,
    Effect,
    Fate,
    FromReceipt,
    Lookup,
    Loss,
    Message,
    Note,
    Operation,
    Queue,
    Rating,
    Record,
    Ref,
    Rendered,
    Team,
    Unit,
)
from mig_crisp.data import Value
from mig_crisp.mapping import is_email
from mig_crisp.office import Office
from mig_crisp.render_files import REQUEST, held, never, upload, with_inline
from mig_crisp.render_person import missing_lines, missing_losses, note_line, on_notepad
from mig_crisp.render_transcript import is_transcript, transcript
from mig_crisp.saying import SESSION, Saying, is_from_user, origin_of, print_of, time_of
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean, parts
from mig_crisp.words import words_in
from mig_crisp.words_catalog import Words

STATES = {"open": "unresolved", "snoozed": "pending", "done": "resolved"}
MARK_EVERY = 250
"""Messages after which a long thread gets a read mark on the way: at half a second each, two minutes."""


class ThreadRenderer:
    """Renders one thread.

    Args:
        unit: The conversation, its messages, notes and attachments.
        look: Everything else.
        settings: The target's.
        office: Operators and inboxes.
    """

    def __init__(self, unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> None:
        self._unit = unit
        self._look = look
        self._settings = settings
        self._office = office
        self._words = words_in(settings.language)
        self._files: dict[Ref, list[Attachment]] = {}
        self._declined: list[Declined] = []
        self._losses: list[tuple[Ref, Loss]] = []
        self._saying = Saying(unit.origin, settings)
        self._contact: Ref | None = None

    def render(self) -> Rendered:
        """The whole thread, or why there is nothing to write."""
        conversation = self._unit.records[0]
        if not isinstance(conversation, Conversation):
            why = "its conversation is not moved"
            return Rendered((), [Declined(record.ref, Fate.ARCHIVE, why) for record in self._unit.records])
        for record in self._unit.records:
            if isinstance(record, Attachment) and record.parent is not None:
                self._files.setdefault(record.parent, []).append(record)
                if why := never(record, self._settings):
                    self._declined.append(Declined(record.ref, Fate.ARCHIVE, why))
        self._contact = conversation.contact
        contact = self._look(conversation.contact) if conversation.contact is not None else None
        person = contact if isinstance(contact, Contact) else None
        rows, notepad = self._rows(conversation, person)
        if all(map(_is_rating, rows)):
            return self._nothing(conversation, notepad)
        head = [self._birth(conversation, person), self._meta(conversation, person)]
        if self._is_hidden(rows) and self._settings.outbound_only == "note_from_user" and self._office.has_notes:
            head.append(self._opening(conversation, next(row for row in rows if "message" in row.body)))
        tail = self._tail(conversation, [print_of(row) for row in (*head, *rows) if is_from_user(row)])
        return Rendered([*self._marked(conversation, [*head, *rows]), *notepad, *tail], self._declined, self._losses)

    # ---- messages and notes --------------------------------------------------------------------------------------

    def _rows(self, conversation: Conversation, person: Contact | None) -> tuple[list[Operation], list[Operation]]:
        """What stands in the thread, in order, and what goes to the contact's notepad."""
        rows: list[Operation] = []
        notepad: list[Operation] = []
        if self._office.has_notes and is_transcript(conversation, self._unit.records, self._settings):
            return self._transcript(conversation), []
        for record in self._unit.records:
            if isinstance(record, Message):
                rows += self._message(record)
            elif isinstance(record, Note):
                on_profile = self._settings.notes != "thread" and _has_profile(person)
                if on_profile and conversation.contact is not None:
                    person_id = FromReceipt("profile", of=conversation.contact)
                    notepad.append(self._on_notepad(record, person_id))
                    if self._settings.notes == "contact":
                        notepad += on_notepad(
                            record, self._files.get(record.ref, []), person_id, self._look, self._settings
                        )
                if not on_profile or (self._settings.notes == "both" and self._office.has_notes):
                    rows += self._note(record)
            elif isinstance(record, Rating):
                rows += self._rating(record)
        return _with_ratings(self._saying.spread([row for row in rows if not _is_rating(row)]), rows), notepad

    def _transcript(self, conversation: Conversation) -> list[Operation]:
        """The whole thread as one note from the customer's side, so that it shows; then its files."""
        said = [record for record in self._unit.records if isinstance(record, Message | Note)]
        text = self._saying.words(transcript(conversation, said, self._look, self._words))
        missing = [line for record in said for line in self._missing(record.ref, record.attachments)]
        text = "\n\n".join(filter(None, (text, *missing)))
        files = [file for record in said for file in self._files.get(record.ref, [])]
        if not text and not files:
            self._declined += [Declined(record.ref, Fate.SKIP, "it has neither text nor file") for record in said]
            return []
        # The conversation too: its status decides the form, and with it what becomes of everything in it.
        refs = (conversation.ref, *(record.ref for record in said))
        last = max((_moment(record) for record in said), default=None)
        pieces = parts(text or self._words.files_only, self._settings.max_transcript)
        rows: list[Operation] = []
        for part, piece in enumerate(pieces, 1):
            body = self._saying.body(conversation.ref, part, last, "chat", piece, {"type": "note", "from": "user"}, {})
            rows.append(msgspec.structs.replace(self._saying.say(conversation.ref, part, body), carries=refs))
        self._losses.append((conversation.ref, Loss("messages", "moved", "one note holds the whole thread")))
        for record in self._unit.records:
            if isinstance(record, Rating):
                rows += self._rating(record)
            if not isinstance(record, Message | Note):
                continue
            beside = self._files.get(record.ref, [])
            quiet: dict[str, Any] = {"type": "text", "from": "operator", "stealth": True}
            fields = {"type": "note", "from": "operator"} if isinstance(record, Note) else quiet
            parent = _Parent(record.ref, last, "chat", fields, None)
            rows += [*self._uploads(beside), *self._file_rows(parent, beside)]
        return rows

    def _rating(self, rating: Rating) -> list[Operation]:
        """What the customer thought of it, as a private note at the time they said it; the data say it too."""
        if not self._office.has_notes or not self._settings.rating_notes:
            self._declined.append(Declined(rating.ref, Fate.LOAD, "the data of its conversation hold it"))
            return []
        told = {"rating": rating.rating, "score": rating.score}
        properties: dict[str, Value] = {f"source_{name}": value for name, value in told.items() if value is not None}
        text = "\n".join(filter(None, (rating_line(rating, self._words), self._saying.words(rating.comment))))
        fields: dict[str, Any] = {"type": "note", "from": "operator"}
        user = self._office.author(rating.agent, self._look)
        if user:
            fields["user"] = user
        # Without a time it stands where the thread begins, as it does in the unit: nobody knows better.
        when = rating.at or min(filter(None, map(_time, self._unit.records)), default=None)
        return self._saying.said_as(rating.ref, when, "chat", text, fields, properties)

    def _message(self, message: Message) -> list[Operation]:
        files = self._files.get(message.ref, [])
        lines = self._missing(message.ref, message.attachments)
        text = "\n".join(filter(None, (self._saying.words(message.text), *lines)))
        if not text and not message.redacted and not files:
            self._declined.append(Declined(message.ref, Fate.SKIP, "it has neither text nor file"))
            return []
        incoming = message.side == "in"
        fields: dict[str, Any] = {"type": "text", "from": "user" if incoming else "operator"}
        if not incoming or self._settings.stealth_user_messages:
            fields["stealth"] = True  # without it the customer gets an e-mail (docs/api/crisp.md, section 4)
        if message.automated:
            fields["automated"] = True
        user = self._customer(message) if incoming else self._office.author(message.author, self._look)
        if user:
            fields["user"] = user
        alone = not text and not message.redacted
        if message.html and not text:
            self._losses.append((message.ref, Loss("html", "archived", "it has no text to stand beside")))
        properties: dict[str, Value] = dict(message.custom)
        if message.subject:
            properties["source_subject"] = message.subject
        if lines:
            properties["source_files"] = len(lines)
        rows = self._uploads(files)
        if text:
            spoken = {**fields, **self._original(message, files)}
            rows += self._saying.said_as(message.ref, message.sent_at, message.channel, text, spoken, properties)
        if message.redacted:
            rows.append(self._redacted(message, properties))
        parent = _Parent(message.ref, message.sent_at, message.channel, fields, properties if alone else None)
        return [*rows, *self._file_rows(parent, files)]

    def _original(self, message: Message, files: Sequence[Attachment]) -> dict[str, Any]:
        """The e-mail as it was, beside the text; its images where the files of the message are now."""
        if not message.html:
            return {}
        content = with_inline(message.html, {file.ref.id: file for file in files}, self._settings)
        return {"original": {"type": "text/html", "content": content}}

    def _redacted(self, message: Message, properties: dict[str, Value]) -> Operation:
        """A private note where something was removed; where the plan has none, the team's own quiet message."""
        fields: dict[str, Any] = {"type": "note", "from": "operator"}
        if not self._office.has_notes:
            fields = {"type": "text", "from": "operator", "stealth": True}
        if message.automated:
            fields["automated"] = True
        user = self._office.author(message.author, self._look)
        if user:
            fields["user"] = user
        properties = {**properties, "source_side": message.side}  # the note itself is always from the team
        text = self._words.part_redacted if message.text else self._words.redacted
        body = self._saying.body(message.ref, 0, message.sent_at, message.channel, text, fields, properties)
        return self._saying.say(message.ref, 0, body)

    def _note(self, note: Note) -> list[Operation]:
        if not self._office.has_notes:
            why = "this plan has no private notes"
            refs = [note.ref, *(file.ref for file in self._files.get(note.ref, []))]
            self._declined += [Declined(ref, Fate.ARCHIVE, why) for ref in refs]
            return []
        files = self._files.get(note.ref, [])
        lines = self._missing(note.ref, note.attachments)
        text = "\n".join(filter(None, (self._saying.words(note.text), *lines)))
        fields: dict[str, Any] = {"type": "note", "from": "operator"}
        user = self._office.author(note.author, self._look)
        if user:
            fields["user"] = user
        properties: dict[str, Value] = {"source_files": len(lines)} if lines else {}
        rows = self._uploads(files)
        if text:
            rows += self._saying.said_as(note.ref, note.written_at, "chat", text, fields, properties)
        parent = _Parent(note.ref, note.written_at, "chat", fields, None if text else properties)
        return [*rows, *self._file_rows(parent, files)]

    def _uploads(self, files: Sequence[Attachment]) -> list[Operation]:
        return [operation for operation in (upload(file, self._settings) for file in files) if operation]

    def _file_rows(self, parent: _Parent, files: Sequence[Attachment]) -> list[Operation]:
        """A message for each file, at its message's own millisecond; the first speaks for a message without text."""
        rows = []
        for number, file in enumerate(files):
            speaks = parent.properties is not None and number == 0
            properties: dict[str, Value] = {**(parent.properties or {}), "source_alone": True} if speaks else {}
            properties["source_parent"] = str(parent.ref)
            is_note = parent.fields["type"] == "note"  # a private note's file is for the team only
            fields = {**parent.fields, "type": "note" if is_note else "file"}
            message = self._saying.body(file.ref, 1, parent.when, parent.channel, "", fields, properties)
            instead: dict[str, Any] = {"type": "note", "from": "operator"}
            if not self._office.has_notes:
                instead = {"type": "text", "from": "operator", "stealth": True}
            row = self._saying.say(file.ref, 1, message)
            if speaks and parent.fields["from"] == "user":
                # What stands in its place is from the team, and must not make the message the team's.
                instead["properties"] = {**message["properties"], "source_side": "in"}
            body = {**row.body, "instead": instead, "file": held(file, self._settings)}
            carries = (file.ref, parent.ref) if speaks else (file.ref,)
            rows.append(msgspec.structs.replace(row, verb="conversation.file", body=body, carries=carries))
        return rows

    def _on_notepad(self, note: Note, people_id: FromReceipt) -> Operation:
        line = note_line(note, self._look, self._words, self._missing(note.ref, note.attachments))
        return Operation(
            name=f"notepad/{note.ref.id}",
            verb="people.note",
            effect=Effect.PUT,
            body={"people_id": people_id, "line": line, "id": note.ref.id},
            carries=(note.ref,),
            cost=(("crisp.requests", 2),),
        )

    def _missing(self, parent: Ref, named: Sequence[Ref]) -> list[str]:
        """A line for every file that the source names and does not have."""
        files = self._files.get(parent, [])
        lost = [(parent, loss) for loss in missing_losses(named, files)]
        self._losses += [loss for loss in lost if loss not in self._losses]
        return missing_lines(named, files, self._words)

    def _customer(self, message: Message) -> dict[str, str] | None:
        """Somebody else than the conversation's contact (merges leave such); its own name Crisp knows already."""
        if message.contact is None or message.contact == self._contact:
            return None
        contact = self._look(message.contact)
        name = clean(contact.name).strip() if isinstance(contact, Contact) else ""
        return {"type": "website", "nickname": name} if name else None

    # ---- the thread around them ----------------------------------------------------------------------------------

    def _birth(self, conversation: Conversation, person: Contact | None) -> Operation:
        return Operation(
            name="birth",
            verb="conversation.create",
            effect=Effect.CREATE,  # the API knows no id of ours: no marker (docs/api/crisp.md, section 12, 3)
            body={},
            carries=(conversation.ref,),
            cost=(("crisp.requests", 1), ("crisp.conversations", 1)),
        )

    def _meta(self, conversation: Conversation, person: Contact | None) -> Operation:
        segments = [self._settings.segment] if self._settings.segment else []
        segments += [ref.id for ref in conversation.tags if ref.id not in segments]
        meta: dict[str, Any] = {
            "nickname": self._nickname(conversation, person),
            "data": self._data(conversation),
            "origin": origin_of(conversation.channels[0] if conversation.channels else "chat"),
        }
        if segments:
            meta["segments"] = segments
        if conversation.title.strip():
            meta["subject"] = conversation.title
        if person is not None:
            email = next((address.value for address in person.emails if is_email(address.value)), "")
            phone = next((address.value for address in person.phones if address.value), "")
            if email and not person.deleted:  # it binds the thread to the profile, and would make a new one
                meta["email"] = email
            if phone:
                meta["phone"] = clean(phone)
        # The profile first, or the e-mail would make one without our mark (docs/api/crisp.md, section 3.2).
        after = (conversation.contact,) if conversation.contact is not None and person is not None else ()
        return self._put("meta", conversation, {"meta": meta}, after=after)

    def _nickname(self, conversation: Conversation, person: Contact | None) -> str:
        if person is not None:
            name = clean(person.name).strip()
            email = next((address.value for address in person.emails if is_email(address.value)), "")
            phone = next((address.value for address in person.phones if address.value), "")
            found = name or email.partition("@")[0] or clean(phone)
            if found:
                return found
        channel = conversation.channels[0] if conversation.channels else self._words.unknown
        return self._words.unnamed.replace("{}", clean(channel))

    def _data(self, conversation: Conversation) -> dict[str, Value]:
        """The whole map: it is replaced at every write (docs/api/crisp.md, section 3.2)."""
        rating = next((record for record in self._unit.records if isinstance(record, Rating)), None)
        texts = {
            "source": self._unit.origin,
            "source_id": conversation.ref.id,
            "source_created_at": _iso(conversation.created_at),
            "source_updated_at": _iso(conversation.changed_at),
            "source_status": conversation.status,
            "source_channel": ", ".join(conversation.channels),
            "source_team": self._names(conversation.teams),
            "source_queue": self._names([conversation.queue] if conversation.queue else []),
            "source_assignee": self._names(conversation.agents),
            "source_snooze_until": _iso(conversation.snoozed_until),
            "source_external_id": conversation.external_id,
            "csat_comment": rating.comment if rating else "",
        }
        data: dict[str, Value] = dict(conversation.custom)
        limit = self._settings.max_value
        for key, text in texts.items():
            text = clean(text)
            if len(text) > limit:
                self._losses.append((conversation.ref, Loss(key, "archived", f"longer than {limit} characters")))
            elif text:
                data[key] = text
        numbers = {
            "source_priority": conversation.priority,
            "csat_score": rating.score if rating else None,
            "csat_rating": rating.rating if rating else None,
        }
        return data | {key: number for key, number in numbers.items() if number is not None}

    def _names(self, refs: Sequence[Ref]) -> str:
        names = []
        for ref in refs:
            record: Record | None = self._look(ref)
            name = clean(record.name).strip() if isinstance(record, Agent | Team | Queue) else ""
            names.append(name or ref.id)
        return ", ".join(names)

    def _opening(self, conversation: Conversation, first: Operation) -> Operation:
        """A conversation nobody wrote to us in stays invisible without a message from the user's side."""
        body = self._saying.body(
            conversation.ref, 0, None, "chat", self._words.opening, {"type": "note", "from": "user"}, {}
        )
        return self._saying.say(conversation.ref, 0, {**body, "timestamp": time_of(first)})

    def _tail(self, conversation: Conversation, from_user: list[int]) -> list[Operation]:
        """After the messages: an operator is mailed about unread ones after 3 minutes; the state is undone by them."""
        tail = []
        if from_user:
            # Ours by their fingerprints: what the customer asks on Crisp meanwhile stays unread.
            read = {"from": "user", "origin": "chat", "fingerprints": from_user}
            tail.append(self._put("read", conversation, read, tail=True))
        operators = [
            self._office.operator(agent) for agent in map(self._look, conversation.agents) if isinstance(agent, Agent)
        ]
        assigned = next((operator for operator in operators if operator is not None), None)
        if assigned is not None:
            routing = {"assigned": {"user_id": assigned.user_id}, "silent": True}
            tail.append(self._put("routing", conversation, routing))
        queue = self._look(conversation.queue) if conversation.queue is not None else None
        inbox = self._office.inbox(queue) if isinstance(queue, Queue) else None
        if inbox is not None:
            tail.append(self._put("inbox", conversation, {"inbox_id": inbox}))
        state = STATES.get(conversation.status)
        if state is None:
            self._losses.append((conversation.ref, Loss("status", "changed", "an unknown status became unresolved")))
        tail.append(self._put("state", conversation, {"state": state or "unresolved"}, tail=True))
        return tail

    def _marked(self, conversation: Conversation, rows: Sequence[Operation]) -> list[Operation]:
        """A long thread's read marks are said on the way too: its last message may come after the three minutes."""
        marked: list[Operation] = []
        unread: list[int] = []
        since = 0
        for row in rows:
            marked.append(row)
            since += 1
            unread += [print_of(row)] if is_from_user(row) else []
            if since >= MARK_EVERY and unread:
                read = {"from": "user", "origin": "chat", "fingerprints": unread}
                marked.append(self._put(f"read/{len(marked)}", conversation, read))
                unread, since = [], 0
        return marked

    def _put(
        self,
        name: str,
        conversation: Conversation,
        body: dict[str, Any],
        *,
        tail: bool = False,
        after: tuple[Ref, ...] = (),
    ) -> Operation:
        return Operation(
            name=name,
            verb=f"conversation.{name.partition('/')[0]}",
            effect=Effect.PUT,
            body={"session": SESSION, **body},
            carries=(conversation.ref,),
            tail=tail,
            after=after,
            cost=REQUEST,
        )

    def _is_hidden(self, rows: Sequence[Operation]) -> bool:
        return not any(is_from_user(row) and not _only_named(row) for row in rows)

    def _nothing(self, conversation: Conversation, notepad: list[Operation]) -> Rendered:
        why = "its notes are on its contact's notepad" if notepad else "there is nothing in it to write"
        told = {item.ref for item in self._declined}
        alone = [record.ref for record in self._unit.records if isinstance(record, Rating) and record.ref not in told]
        self._declined += [Declined(ref, Fate.ARCHIVE, why) for ref in alone]
        return Rendered(notepad, [*self._declined, Declined(conversation.ref, Fate.ARCHIVE, why)], self._losses)


def rating_line(rating: Rating, words: Words) -> str:
    """The numbers of a rating in one line."""
    told = [f"{words.rating} {rating.rating:g}"] if rating.rating is not None else []
    told += [f"{words.score} {rating.score:g}"] if rating.score is not None else []
    return f"[{', '.join(told) or words.rating}]"


def _with_ratings(spread: list[Operation], rows: Sequence[Operation]) -> list[Operation]:
    """Ratings keep their own time, for they are nobody's word in the talk: each goes behind what it came behind."""
    found, before = list(spread), ""
    for row in rows:
        if _is_rating(row):
            said = [index for index, one in enumerate(found) if "message" in one.body]
            behind = next((index + 1 for index, one in enumerate(found) if one.name == before), None)
            found.insert(behind if behind is not None else min(said, default=len(found)), row)
        if "message" in row.body:
            before = row.name
    return found


def _is_rating(row: Operation) -> bool:
    return all(ref.kind == RATING for ref in row.carries)


def _time(record: Record) -> datetime | None:
    if isinstance(record, Message):
        return record.sent_at
    return record.written_at if isinstance(record, Note) else None


def _only_named(row: Operation) -> bool:
    """Whether it is known already that a file cannot arrive: what names it in its place is from the team."""
    file = row.body.get("file")
    return isinstance(file, dict) and isinstance(file["why"], str) and bool(file["why"])


def _has_profile(person: Contact | None) -> bool:
    return person is not None and not person.deleted and any(is_email(address.value) for address in person.emails)


class _Parent(msgspec.Struct, frozen=True):
    """The message or note that files hang on."""

    ref: Ref
    when: datetime | None
    channel: str
    fields: dict[str, Any]
    """Its type and author."""
    properties: dict[str, Value] | None
    """Its own, where it has no text and its first file speaks for it."""


def _moment(record: Message | Note) -> datetime:
    found = record.sent_at if isinstance(record, Message) else record.written_at
    assert found is not None, "the mapping archives what has no time"
    return found


def _iso(when: datetime | None) -> str:
    return when.isoformat(timespec="milliseconds") if when is not None else ""
