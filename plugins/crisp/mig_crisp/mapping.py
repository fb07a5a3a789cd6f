"""The default mapping into Crisp: what becomes of each record, in Crisp's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mig import (
    COMPANY,
    CONTACT,
    CONVERSATION,
    KLASS,
    MESSAGE,
    TAG,
    Address,
    Agent,
    Article,
    Attachment,
    AttributeDefinition,
    Category,
    Company,
    Config,
    Contact,
    Conversation,
    CustomObject,
    Decision,
    Fate,
    Handle,
    HelpAddress,
    Kind,
    KnowledgeBase,
    Location,
    Lookup,
    Loss,
    Message,
    Note,
    Queue,
    Rating,
    Record,
    Ref,
    Tag,
    Team,
)
from mig_crisp import mapping_help
from mig_crisp.by_hand import BY_HAND
from mig_crisp.data import (
    CLEANED,
    RESERVED_CONVERSATION,
    RESERVED_EVENT,
    RESERVED_MESSAGE,
    RESERVED_PEOPLE,
    Keys,
    flatten,
    is_masked,
)
from mig_crisp.render_files import file_name, mime_of
from mig_crisp.settings import CrispSettings
from mig_crisp.text import MAX_KEY, clean, slug
from mig_crisp.words import words_in
from mig_crisp.words_catalog import Words

R = TypeVar("R", bound=Record)
PLACEHOLDER = "no-email.invalid"
_LATER = "no counterpart in Crisp"
_REBUILD = "no API writes it: REBUILD.md says how to set it up by hand"
_BY_HAND = frozenset(kind for kind, how in BY_HAND.items() if how) - {KLASS}
"""Configuration that somebody can set up in Crisp, and no API can."""
_NO_EMAIL = "not an e-mail address"
_REFERENCES: Mapping[type[Record], tuple[str, ...]] = {
    Contact: ("company",),
    Conversation: ("contact", "agents", "teams", "queue"),
    Message: ("contact", "author"),
    Note: ("contact", "author"),
    Article: ("author",),
}
"""Fields that name other records, which render shows by what they are called."""
_SHORT: Mapping[type[Record], tuple[str, ...]] = {
    Contact: ("name", "company_name", "avatar", "emails", "phones", "urls"),
    Company: ("name", "domains", "emails", "phones", "urls"),
    Conversation: ("title", "channels"),
    Tag: ("name",),
}
"""Fields of a line at most: one without an end makes Crisp refuse all that is sent with it (413)."""
_OWN = ("ref", "extra", "custom", "meta")
"""Fields in which U+0000 is nobody's loss: custom attributes are cleaned when they become flat, others are not sent."""


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
            Attachment: _attachment,
            Tag: _load,
            Agent: _load,
            Queue: _load,
            Team: _team,
            AttributeDefinition: _attribute,
            Rating: _rating,
            CustomObject: self._custom_object,
            Category: lambda record, look: mapping_help.category(record, look, settings),
            Article: lambda record, look: mapping_help.article(record, look, settings),
            HelpAddress: mapping_help.address,
            Config: _config,
            KnowledgeBase: _config,
        }

    def map(self, record: Record, look: Lookup) -> Decision | None:
        rule = self._rules.get(type(record))
        if rule is None:
            return None
        cleaned, changed = _cleaned(record)
        fitting, long = _fitting(cleaned, self._settings.max_value)
        decision = rule(fitting, look)
        absent = _absent(cleaned, look) if decision.fate is Fate.LOAD else []
        losses = (*(Loss(field, "changed", CLEANED) for field in changed), *long, *decision.losses, *absent)
        return msgspec.structs.replace(decision, losses=losses)

    def _contact(self, contact: Contact, look: Lookup) -> Decision:
        if contact.deleted:
            return Decision(Fate.ARCHIVE, contact, "it was deleted at the source")
        emails = [address for address in contact.emails if is_email(address.value) and not is_masked(address.value)]
        losses = [Loss("emails", "archived", _NO_EMAIL) for a in contact.emails if not is_email(a.value)]
        if not emails and self._settings.contacts_without_email == "archive":
            return Decision(Fate.ARCHIVE, contact, "it has no e-mail address, which a profile needs", losses=losses)
        phones = [address for address in contact.phones if not is_masked(address.value)]
        if len(phones) < len(contact.phones) or is_masked(contact.name):
            losses.append(Loss("name, phones", "dropped", "the source masks them"))
        custom, more = self._flat(contact.custom, look, CONTACT, RESERVED_PEOPLE)
        tags, unknown = named_tags(contact.tags, look, self._settings.max_value)
        # A profile needs a nickname (docs/api/crisp.md, section 6).
        name = "" if is_masked(contact.name) else clean(contact.name).strip()
        name = name or (local_part(emails[0].value) if emails else contact.ref.id)
        mapped = msgspec.structs.replace(contact, emails=emails, phones=phones, custom=custom, tags=tags, name=name)
        return Decision(Fate.LOAD, mapped, losses=(*losses, *more, *unknown))

    def _company(self, company: Company, look: Lookup) -> Decision:
        losses = [Loss("emails", "archived", _NO_EMAIL) for a in company.emails if not is_email(a.value)]
        why = "its members' profiles hold it as their company; whole in the archive"
        return Decision(Fate.ARCHIVE, company, why, losses=losses)

    def _conversation(self, conversation: Conversation, look: Lookup) -> Decision:
        if conversation.spam:
            return Decision(Fate.SKIP, conversation, "it is spam")
        if conversation.deleted:
            return Decision(Fate.SKIP, conversation, "it was deleted at the source")
        custom, losses = self._flat(conversation.custom, look, CONVERSATION, RESERVED_CONVERSATION)
        tags, unknown = named_tags(conversation.tags, look, self._settings.max_value)
        mapped = msgspec.structs.replace(conversation, custom=custom, tags=tags)
        return Decision(Fate.LOAD, mapped, losses=(*losses, *unknown))

    def _message(self, message: Message, look: Lookup) -> Decision:
        if message.conversation is None:
            return Decision(Fate.ARCHIVE, message, "it names no conversation")
        if message.sent_at is None:
            return Decision(Fate.ARCHIVE, message, "it has no time")
        text, losses = message.text, []
        if not text.strip() and not message.attachments and message.call and not message.redacted:
            text = call_line(message.call, words_in(self._settings.language))
        custom, more = self._flat(message.custom, look, MESSAGE, RESERVED_MESSAGE)
        subject = message.subject
        if len(subject) > self._settings.max_value:
            losses.append(Loss("subject", "archived", f"longer than {self._settings.max_value} characters"))
            subject = ""
        if len(slug(message.channel)) > MAX_KEY:
            losses.append(Loss("channel", "changed", f"longer than {MAX_KEY} characters"))
        mapped = msgspec.structs.replace(message, text=text if text.strip() else "", subject=subject, custom=custom)
        if message.html and len(message.html) > self._settings.max_original:
            losses.append(Loss("html", "archived", f"longer than {self._settings.max_original} characters"))
            mapped = msgspec.structs.replace(mapped, html="")
        return Decision(Fate.LOAD, mapped, losses=(*losses, *more))

    def _note(self, note: Note, look: Lookup) -> Decision:
        if note.deleted:
            return Decision(Fate.SKIP, note, "it was deleted at the source")
        if not note.text.strip() and not note.attachments:
            return Decision(Fate.SKIP, note, "it is blank")
        if note.conversation is None and note.contact is None:
            return Decision(Fate.ARCHIVE, note, "it names neither a conversation nor a contact")
        if note.written_at is None:
            return Decision(Fate.ARCHIVE, note, "it has no time")
        return Decision(Fate.LOAD, note)

    def _custom_object(self, record: CustomObject, look: Lookup) -> Decision:
        if self._settings.custom_objects == "archive" or record.contact is None:
            why = "Crisp has no tables of one's own; the archive shows it beside its customer"
            return Decision(Fate.ARCHIVE, record, why)
        if record.deleted:
            return Decision(Fate.ARCHIVE, record, "it was deleted at the source")
        custom, losses = self._flat(record.custom, look, Kind(f"kobject.{record.klass}"), RESERVED_EVENT)
        losses += [Loss("data", "archived", "of any shape, which no event holds")] if record.data else []
        return Decision(Fate.LOAD, msgspec.structs.replace(record, custom=custom), losses=losses)

    def _flat(
        self, custom: Mapping[str, Any], look: Lookup, kind: Kind, reserved: frozenset[str]
    ) -> tuple[dict[str, Any], list[Loss]]:
        if not custom:
            return {}, []
        return flatten(custom, Keys(look, kind, reserved), self._settings.max_value)


def _cleaned(record: R) -> tuple[R, list[str]]:
    """A record without what no text of Crisp can hold, and the fields that held it."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__ if name not in _OWN}
    changes = {name: new for name, value in fields.items() if (new := _without_nul(value)) != value}
    return (msgspec.structs.replace(record, **changes) if changes else record), list(changes)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and "\0" not in value else clean(value)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nul(item) for key, item in value.items()}
    if isinstance(value, Address | Handle | Location):
        inner = {name: _without_nul(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **inner)
    return value


def _fitting(record: R, limit: int) -> tuple[R, list[Loss]]:
    """A record without lines that are too long to be one, and what was left out."""
    changes: dict[str, Any] = {}
    for name in _SHORT.get(type(record), ()):
        value = getattr(record, name)
        if isinstance(value, str):
            short: Any = value if len(value) <= limit else ""
        else:
            short = [one for one in value if len(one.value if isinstance(one, Address) else one) <= limit]
        if short != value:
            changes[name] = short
    losses = [Loss(name, "archived", f"longer than {limit} characters") for name in changes]
    return (msgspec.structs.replace(record, **changes) if changes else record), losses


def _absent(record: Record, look: Lookup) -> list[Loss]:
    """What a record refers to and nobody has: it is named by its id, or not at all."""
    losses = []
    for name in _REFERENCES.get(type(record), ()):
        named = getattr(record, name)
        refs = named if isinstance(named, list) else [named] if named is not None else []
        losses += [Loss(name, "dropped", "the source does not have it") for ref in refs if look(ref) is None]
    return losses


def named_tags(tags: Sequence[Ref], look: Lookup, limit: int = 1_000) -> tuple[list[Ref], list[Loss]]:
    """Tags by their names, not longer than the limit, as segments know them; deleted ones too: records carry them."""
    names: list[Ref] = []
    losses: list[Loss] = []
    for ref in tags:
        tag = look(ref)
        name = clean(tag.name).strip() if isinstance(tag, Tag) else ""
        if len(name) > limit:
            losses.append(Loss("tags", "archived", f"longer than {limit} characters"))
        elif not name:
            why = "a tag without a name" if tag is not None else "the source does not know this tag any more"
            losses.append(Loss("tags", "archived", why))
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


def call_line(call: Mapping[str, str], words: Words) -> str:
    """A phone call as one line: the parties, its times, how it ended."""
    parts = [f"{shown} {call[name]}" for name, shown in words.call_parts.items() if call.get(name)]
    return f"[{words.call}: {', '.join(parts)}]" if parts else f"[{words.call}]"


def _load(record: Record, look: Lookup) -> Decision:
    return Decision(Fate.LOAD, record)


def _attachment(attachment: Attachment, look: Lookup) -> Decision:
    losses = []
    if attachment.name and file_name(attachment) != attachment.name:
        losses.append(Loss("name", "changed", "without folders, control and direction characters, and not too long"))
    if attachment.mime and mime_of(attachment) != attachment.mime.partition(";")[0].strip().lower():
        losses.append(Loss("mime", "changed", "not a media type: the name tells it"))
    return Decision(Fate.LOAD, attachment, losses=losses)


def _team(team: Team, look: Lookup) -> Decision:
    if team.deleted:
        return Decision(Fate.ARCHIVE, team, "it was deleted at the source")
    return Decision(Fate.LOAD, team)  # render knows whether teams are wanted


def _attribute(attribute: AttributeDefinition, look: Lookup) -> Decision:
    if attribute.of in (CONTACT, CONVERSATION, MESSAGE):
        long = len(slug(attribute.label)) > MAX_KEY
        losses = [Loss("label", "changed", f"a key of more than {MAX_KEY} characters")] if long else []
        return Decision(Fate.LOAD, attribute, losses=losses)
    if attribute.of == COMPANY:
        return Decision(Fate.ARCHIVE, attribute, "Crisp has no data of companies")
    return Decision(Fate.ARCHIVE, attribute, _LATER)


def _rating(rating: Rating, look: Lookup) -> Decision:
    if rating.conversation is None:
        return Decision(Fate.ARCHIVE, rating, "it names no conversation")
    if not rating.answered:
        return Decision(
            Fate.ARCHIVE, rating, f"the customer was asked and has not answered ({rating.status or 'unknown'})"
        )
    losses = [Loss("answers", "archived", "answers to further questions")] if rating.answers else []
    return Decision(Fate.LOAD, rating, losses=losses)


def _config(config: Config, look: Lookup) -> Decision:
    return Decision(Fate.ARCHIVE, config, _REBUILD if config.ref.kind in _BY_HAND else _LATER)
