"""The default mapping into Crisp: what becomes of each record, in Crisp's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mig import (
    COMPANY,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    TAG,
    Agent,
    Attachment,
    AttributeDefinition,
    Company,
    Config,
    Contact,
    Conversation,
    Decision,
    Fate,
    Kind,
    Lookup,
    Loss,
    Message,
    Note,
    Queue,
    Record,
    Ref,
    Tag,
    Team,
)
from mig_crisp.data import RESERVED_CONVERSATION, RESERVED_MESSAGE, RESERVED_PEOPLE, Keys, flatten, is_masked
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean

PLACEHOLDER = "no-email.invalid"
CLEANED = "characters no text can hold were removed or replaced"
_LATER = "no counterpart in Crisp"


class CrispMapper:
    """Decides about every kind the core knows.

    Args:
        settings: The target's.
    """

    def __init__(self, settings: CrispSettings) -> None:
        self._settings = settings
        self._rules: Mapping[type[Record], Callable[[Any, Lookup], Decision]] = {
            Contact: self._contact,
            Company: self._company,
            Conversation: self._conversation,
            Message: self._message,
            Note: self._note,
            Attachment: _load,
            Tag: _load,
            Agent: _load,
            Queue: _load,
            Team: _team,
            AttributeDefinition: _attribute,
            Config: _config,
        }

    def map(self, record: Record, look: Lookup) -> Decision | None:
        rule = self._rules.get(type(record))
        return rule(record, look) if rule is not None else None

    def _contact(self, contact: Contact, look: Lookup) -> Decision:
        if contact.deleted:
            return Decision(Fate.ARCHIVE, contact, "it was deleted at the source")
        emails = [address for address in contact.emails if is_email(address.value) and not is_masked(address.value)]
        losses = [Loss("emails", "archived", "not an e-mail address") for a in contact.emails if not is_email(a.value)]
        if not emails and self._settings.contacts_without_email == "archive":
            return Decision(Fate.ARCHIVE, contact, "it has no e-mail address, which a profile needs")
        phones = [address for address in contact.phones if not is_masked(address.value)]
        if len(phones) < len(contact.phones) or is_masked(contact.name):
            losses.append(Loss("name, phones", "dropped", "the source masks them"))
        custom, more = self._flat(contact.custom, look, CONTACT, RESERVED_PEOPLE)
        tags, unknown = named_tags(contact.tags, look)
        # A profile needs a nickname (docs/api/crisp.md, section 6).
        name = "" if is_masked(contact.name) else clean(contact.name).strip()
        name = name or (local_part(emails[0].value) if emails else contact.ref.id)
        mapped = msgspec.structs.replace(contact, emails=emails, phones=phones, custom=custom, tags=tags, name=name)
        return Decision(Fate.LOAD, mapped, losses=(*losses, *more, *unknown))

    def _company(self, company: Company, look: Lookup) -> Decision:
        return Decision(Fate.ARCHIVE, company, "its members' profiles hold it as their company; whole in the archive")

    def _conversation(self, conversation: Conversation, look: Lookup) -> Decision:
        if conversation.spam:
            return Decision(Fate.SKIP, conversation, "it is spam")
        if conversation.deleted:
            return Decision(Fate.SKIP, conversation, "it was deleted at the source")
        custom, losses = self._flat(conversation.custom, look, CONVERSATION, RESERVED_CONVERSATION)
        tags, unknown = named_tags(conversation.tags, look)
        if clean(conversation.title) != conversation.title:
            losses.append(Loss("title", "changed", CLEANED))
        mapped = msgspec.structs.replace(conversation, custom=custom, tags=tags, title=clean(conversation.title))
        return Decision(Fate.LOAD, mapped, losses=(*losses, *unknown))

    def _message(self, message: Message, look: Lookup) -> Decision:
        if message.conversation is None:
            return Decision(Fate.ARCHIVE, message, "it names no conversation")
        if message.sent_at is None:
            return Decision(Fate.ARCHIVE, message, "it has no time")
        text, losses = clean(message.text), []
        if text != message.text:
            losses.append(Loss("text", "changed", CLEANED))
        if not text.strip() and not message.attachments and message.call and not message.redacted:
            text = call_line(message.call)
        custom, more = self._flat(message.custom, look, MESSAGE, RESERVED_MESSAGE)
        subject = clean(message.subject)
        if subject != message.subject:
            losses.append(Loss("subject", "changed", CLEANED))
        if len(subject) > self._settings.max_value:
            losses.append(Loss("subject", "archived", f"longer than {self._settings.max_value} characters"))
            subject = ""
        mapped = msgspec.structs.replace(message, text=text if text.strip() else "", subject=subject, custom=custom)
        if message.html and len(message.html) > self._settings.max_original:
            losses.append(Loss("html", "archived", f"longer than {self._settings.max_original} characters"))
            mapped = msgspec.structs.replace(mapped, html="")
        return Decision(Fate.LOAD, mapped, losses=(*losses, *more))

    def _note(self, note: Note, look: Lookup) -> Decision:
        if note.deleted:
            return Decision(Fate.SKIP, note, "it was deleted at the source")
        if not clean(note.text).strip() and not note.attachments:
            return Decision(Fate.SKIP, note, "it is blank")
        if note.conversation is None and note.contact is None:
            return Decision(Fate.ARCHIVE, note, "it names neither a conversation nor a contact")
        if note.written_at is None:
            return Decision(Fate.ARCHIVE, note, "it has no time")
        losses = [Loss("text", "changed", CLEANED)] if clean(note.text) != note.text else []
        return Decision(Fate.LOAD, msgspec.structs.replace(note, text=clean(note.text)), losses=losses)

    def _flat(
        self, custom: Mapping[str, Any], look: Lookup, kind: Kind, reserved: frozenset[str]
    ) -> tuple[dict[str, Any], list[Loss]]:
        if not custom:
            return {}, []
        return flatten(custom, Keys(look, kind, reserved), self._settings.max_value)


def named_tags(tags: Sequence[Ref], look: Lookup) -> tuple[list[Ref], list[Loss]]:
    """Tags by their names, as segments know them; deleted ones too, for records still carry them."""
    names: list[Ref] = []
    losses: list[Loss] = []
    for ref in tags:
        tag = look(ref)
        name = clean(tag.name).strip() if isinstance(tag, Tag) else ""
        if not name:
            losses.append(Loss("tags", "archived", "the source does not know this tag any more"))
        elif Ref(TAG, name) not in names:
            names.append(Ref(TAG, name))
    return names, losses


def is_email(value: str) -> bool:
    """Whether Crisp takes it: a single unquoted @ with something on both sides (docs/api/crisp.md, section 3.2)."""
    quoted, places, before = False, [], ""
    for index, char in enumerate(value):
        if char == '"' and before != "\\":
            quoted = not quoted
        elif char == "@" and not quoted:
            places.append(index)
        before = char
    return len(places) == 1 and bool(value[: places[0]].strip()) and bool(value[places[0] + 1 :].strip())


def local_part(email: str) -> str:
    """What stands before the last @."""
    return email.rpartition("@")[0]


def call_line(call: Mapping[str, str]) -> str:
    """A phone call as one line: the parties, its times, how it ended."""
    words = [
        f"{name} {call[name]}" for name in ("from", "to", "started", "answered", "ended", "status") if call.get(name)
    ]
    return "[call: " + ", ".join(words) + "]" if words else "[call]"


def _load(record: Record, look: Lookup) -> Decision:
    return Decision(Fate.LOAD, record)


def _team(team: Team, look: Lookup) -> Decision:
    return Decision(Fate.ARCHIVE, team, "its name stands in the data of its conversations")


def _attribute(attribute: AttributeDefinition, look: Lookup) -> Decision:
    if attribute.of in (CONTACT, CONVERSATION, MESSAGE):
        return Decision(Fate.LOAD, attribute)
    if attribute.of == COMPANY:
        return Decision(Fate.ARCHIVE, attribute, "Crisp has no data of companies")
    return Decision(Fate.ARCHIVE, attribute, _LATER)


def _config(config: Config, look: Lookup) -> Decision:
    return Decision(Fate.ARCHIVE, config, _LATER)
