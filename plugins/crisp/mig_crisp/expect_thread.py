"""What a thread must look like on Crisp: which messages, notes and files stand in it, when, by whom, and what else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from mig import (
    Attachment,
    Contact,
    Conversation,
    Expected,
    Lookup,
    Message,
    Note,
    Rating,
    Record,
    Ref,
    Unit,
    from_epoch_ms,
)
from mig_crisp.expect_history import fits, transcript
from mig_crisp.expect_person import has_profile
from mig_crisp.forms import (
    IN_DATA,
    NO_NOTES,
    NO_WORD,
    ON_NOTEPAD,
    TOLD,
    author_of,
    gone_line,
    in_brackets,
    media,
    millis,
    name_of,
    origin_of,
)
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean, escape, parts
from mig_crisp.words_catalog import CATALOG


class Said(Struct, frozen=True):
    """A message or note that is written, and the rows it needs."""

    record: Message | Note
    at: int
    files: Sequence[Attachment]
    lost: Sequence[str]
    """Ids of files the source names and does not have."""
    parts: int
    """Of its text; 0: it has none."""

    @property
    def redacted(self) -> bool:
        """Whether a note beside it says so."""
        return isinstance(self.record, Message) and self.record.redacted

    @property
    def rows(self) -> int:
        """How many messages it is on Crisp."""
        return self.parts + self.redacted + len(self.files)


class Thread:
    """A conversation's unit.

    Args:
        unit: The conversation, and what is in it.
        root: The conversation as the mapper wants it.
        shown: The conversation as Crisp shows it.
        look: Knows agents and contacts.
        settings: The target's.
        office: Who works there.
    """

    def __init__(
        self,
        unit: Unit,
        root: Conversation,
        shown: Conversation,
        look: Lookup,
        settings: CrispSettings,
        office: Office,
    ) -> None:
        self._root = root
        self._shown = shown
        self._look = look
        self._settings = settings
        self._office = office
        self._words = CATALOG[settings.language]
        self._absent: dict[Ref, str] = {}
        self._beside: dict[Ref, Ref] = {}
        self._files: dict[Ref, list[Attachment]] = {}
        for record in unit.records:
            if isinstance(record, Attachment) and record.parent is not None:
                self._files.setdefault(record.parent, []).append(record)
        self._records = [record for record in unit.records if isinstance(record, Message | Note)]
        self._all = unit.records
        self._ratings = [record for record in unit.records if isinstance(record, Rating)]
        last = max((self._at(record) for record in self._records), default=0)
        self._first = min((self._at(record) for record in self._records), default=0)
        self._as_one = office.has_notes and fits(root, last, settings.history)

    def expected(self) -> Expected:
        """Everything that stands in it, and what stands on its contact's notepad instead."""
        return msgspec.structs.replace(self._expected(), beside=self._beside)

    def _expected(self) -> Expected:
        said = [one for record in self._records if (one := self._said(record)) is not None]
        if not said:
            on_notepad = ON_NOTEPAD in self._absent.values()
            why = "its notes are on its contact's notepad" if on_notepad else "there is nothing in it to write"
            return Expected([], {**{one.ref: why for one in (self._root, *self._ratings)}, **self._absent})
        shown = self._office.has_notes and self._settings.rating_notes
        if not shown:
            self._absent |= {one.ref: IN_DATA for one in self._ratings}
        found = self._told(said) if self._as_one else self._spoken(said)
        if not shown:
            return msgspec.structs.replace(found, held=frozenset(one.ref for one in self._ratings))
        records = list(found.records)
        for rating in self._ratings:
            records.insert(self._place(rating, records), self._rating(rating))
        return msgspec.structs.replace(found, records=records)

    def _rated(self) -> list[int]:
        """When the ratings stand there, of which nothing must come before the opening."""
        return [millis(one.at) for one in self._ratings if one.at and one.ref not in self._absent]

    def _place(self, rating: Rating, records: Sequence[Record]) -> int:
        """Where it stands among the others: by its time, after what was said by then; of the same, as in the unit."""
        if rating.at is None:
            return 1
        at, before = millis(rating.at), {one.ref for one in self._before(rating)}
        return 1 + sum(_moment(one) < at or (_moment(one) == at and one.ref in before) for one in records[1:])

    def _before(self, rating: Rating) -> Sequence[Record]:
        """What comes before it in the unit, and the files of that."""
        place = next(index for index, record in enumerate(self._all) if record.ref == rating.ref)
        said = self._all[:place]
        return [*said, *(file for record in said for file in self._files.get(record.ref, []))]

    def _rating(self, rating: Rating) -> Rating:
        """A note at its time: the numbers in a line and among its properties, then what the customer wrote."""
        author, extra = author_of(
            self._office.author(rating.agent, self._look),
            {one.user_id: one.name for one in self._office.operators.values()},
            {},
        )
        told = ((self._words.rating, rating.rating), (self._words.score, rating.score))
        line = ", ".join(f"{name} {value:g}" for name, value in told if value is not None) or self._words.rating
        comment = rating.comment if rating.comment.strip() else ""
        return Rating(
            ref=rating.ref,
            conversation=self._root.ref,
            rating=rating.rating,
            score=rating.score,
            comment=comment,
            at=rating.at or from_epoch_ms(self._first),
            agent=author,
            extra={**extra, "type": "note", "line": f"[{line}]"},
        )

    def _said(self, record: Message | Note) -> Said | None:
        """How a message or note is written; None: it is not, and why is noted."""
        files = self._files.get(record.ref, [])
        why = self._nowhere(record) if isinstance(record, Note) and not self._as_one else ""
        if why:
            self._absent |= {one.ref: why for one in (record, *files)}
            contact = self._root.contact or (record.contact if isinstance(record, Note) else None)
            if why == ON_NOTEPAD and contact is not None:
                self._beside |= {one.ref: contact for one in (record, *files)}
            return None
        there = {file.ref for file in files}
        lost = [ref.id for ref in dict.fromkeys(record.attachments) if ref not in there]
        text = record.text if record.text.strip() else ""
        if self._settings.escape_markdown:
            text = escape(text)
        whole = "\n".join(filter(None, (text, *(gone_line(name, self._words) for name in lost))))
        count = len(parts(whole, self._settings.max_text)) if whole else 0
        one = Said(record, self._at(record), files, lost, count)
        if one.rows == 0 and not (self._as_one and isinstance(record, Message) and record.subject.strip()):
            self._absent[record.ref] = NO_WORD
            return None
        return one

    def _nowhere(self, note: Note) -> str:
        """Why a note does not stand in its thread."""
        contact = self._root.contact or note.contact
        if self._settings.notes == "contact" and has_profile(contact, self._look, self._settings):
            return ON_NOTEPAD
        return "" if self._office.has_notes else NO_NOTES

    # ---- message by message ------------------------------------------------------------------------------------------

    def _spoken(self, said: Sequence[Said]) -> Expected:
        times = self._times(said)
        records: list[Record] = []
        place = 0
        for one in said:
            mine = times[place : place + one.rows]
            place += one.rows
            records.append(self._line(one, mine[0]))
            records += [
                self._file(file, one.record, at)
                for file, at in zip(one.files, mine[one.rows - len(one.files) :], strict=True)
            ]
        extra = dict(self._shown.extra)
        wanted = self._settings.outbound_only == "note_from_user" and self._office.has_notes
        if wanted and not any(map(self._is_seen, said)):
            extra["opening"] = {"text": self._words.opening, "at": min([said[0].at, *self._rated()])}
        return Expected([msgspec.structs.replace(self._shown, extra=extra), *records], self._absent)

    def _times(self, said: Sequence[Said]) -> list[int]:
        """When each row is dated; with `spread_ties` one millisecond apart, as far as the next time allows."""
        own = [one.at for one in said for _ in range(one.rows)]
        if not self._settings.spread_ties:
            return own
        groups = [(at, len(list(same))) for at, same in groupby(own)]
        times: list[int] = []
        for (at, count), (later, _) in zip(groups, [*groups[1:], (None, 0)], strict=True):
            times += [at + n if later is None else min(at + n, later - 1) for n in range(count)]
        return times

    def _is_seen(self, one: Said) -> bool:
        """Whether the customer says something by it that makes the thread visible."""
        if not isinstance(one.record, Message) or one.record.side != "in":
            return False
        linked = self._settings.files == "link"
        return bool(one.parts) or any(not file.redacted and (file.url or not linked) for file in one.files)

    def _line(self, one: Said, at: int) -> Record:
        author, shown = self._author(one.record)
        extra: dict[str, Any] = dict(shown) | ({"lost": list(one.lost)} if one.lost else {})
        if one.parts:
            extra["type"] = "note" if isinstance(one.record, Note) else "text"
        text = one.record.text if one.record.text.strip() else ""
        if isinstance(one.record, Note):
            return Note(
                ref=one.record.ref,
                conversation=self._root.ref,
                written_at=from_epoch_ms(at),
                author=author,
                text=text,
                extra=extra,
            )
        message = one.record
        if message.redacted:
            extra["redaction"] = self._words.part_redacted if text else self._words.redacted
        if message.html and one.parts:
            extra["original"] = True
        only_note = message.redacted and not one.parts
        if only_note and message.side == "in":
            author, extra = None, {key: value for key, value in extra.items() if key not in shown}
        return Message(
            ref=message.ref,
            conversation=self._root.ref,
            sent_at=from_epoch_ms(at),
            side=message.side,
            author=author,
            channel=origin_of(message.channel),
            text=text,
            subject=message.subject,
            automated=message.automated,
            redacted=message.redacted,
            custom=dict(message.custom),
            extra=extra,
        )

    def _author(self, record: Message | Note) -> tuple[Ref | None, dict[str, Any]]:
        """Who said it: of the customer's only who is not the conversation's contact."""
        if isinstance(record, Message) and record.side == "in":
            name = self._sender(record)
            return author_of({"nickname": name}, {}, {}) if name else (None, {})
        user = self._office.author(record.author, self._look)
        return author_of(user, {one.user_id: one.name for one in self._office.operators.values()}, {})

    def _sender(self, message: Message) -> str:
        if message.contact is None or message.contact == self._root.contact:
            return ""
        contact = self._look(message.contact)
        return clean(contact.name).strip() if isinstance(contact, Contact) else ""

    def _file(self, file: Attachment, parent: Message | Note, at: int, *, alone: bool = False) -> Attachment:
        """A file; alone: beside the note that holds the whole thread, by nobody."""
        name = name_of(file.name, file.mime, file.ref.id)
        author, shown = (None, {}) if alone else self._author(parent)
        by = {"author": str(author)} if author is not None else {}
        machine = {"automated": True} if isinstance(parent, Message) and parent.automated and not alone else {}
        origin = origin_of(parent.channel) if isinstance(parent, Message) and not alone else "chat"
        return Attachment(
            ref=file.ref,
            parent=parent.ref,
            name=in_brackets(name) if isinstance(parent, Note) else name,
            mime=str(media(file.mime)),
            extra={"sent_at": at, "origin": origin, **by, **shown, **machine},
        )

    @staticmethod
    def _at(record: Message | Note) -> int:
        return millis(record.sent_at if isinstance(record, Message) else record.written_at)

    # ---- as one note -------------------------------------------------------------------------------------------------

    def _told(self, said: Sequence[Said]) -> Expected:
        """The whole thread in one note, its files beside it."""
        at = max(self._at(record) for record in self._records)
        names: Mapping[Ref, str] = {one.record.ref: self._called(one.record) for one in said}
        text = transcript(said, names, self._words, escaped=self._settings.escape_markdown)
        extra = {**self._shown.extra, "transcript": {"text": text, "at": at}}
        files = [self._file(file, one.record, at, alone=True) for one in said for file in one.files]
        absent = {one.record.ref: TOLD for one in said}
        return Expected([msgspec.structs.replace(self._shown, extra=extra), *files], {**self._absent, **absent})

    def _called(self, record: Message | Note) -> str:
        """Who said it, in words."""
        if isinstance(record, Message) and record.side == "in":
            named = record.contact or self._root.contact
            contact = self._look(named) if named is not None else None
            return (clean(contact.name).strip() if isinstance(contact, Contact) else "") or self._words.customer
        agent = self._look(record.author) if record.author is not None else None
        return clean(getattr(agent, "name", "")).strip() or self._words.team


def _moment(record: Record) -> int:
    """When a row stands there."""
    if isinstance(record, Message):
        return millis(record.sent_at)
    if isinstance(record, Note):
        return millis(record.written_at)
    return millis(record.at) if isinstance(record, Rating) else int(record.extra.get("sent_at", 0))
