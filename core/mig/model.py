"""Neutral records: what a source turns its native JSON into and a target turns into its own.

Every time is an aware UTC datetime with at most milliseconds. Attributes without a field of their own travel in
`custom` (what the organisation declared) or `extra` (what the platform adds), so that nothing is dropped silently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NewType, TypeVar

import msgspec
from msgspec import Struct, field

Kind = NewType("Kind", str)
"""Open: the core names its own, a plugin may bring "deal" or "call"."""

CONTACT = Kind("contact")
COMPANY = Kind("company")
CONVERSATION = Kind("conversation")
MESSAGE = Kind("message")
NOTE = Kind("note")
ATTACHMENT = Kind("attachment")
TAG = Kind("tag")
AGENT = Kind("agent")
TEAM = Kind("team")
QUEUE = Kind("queue")
ATTRIBUTE = Kind("attribute")


class Ref(Struct, frozen=True, order=True):
    """Which record: a kind and the source's own id of it."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """The opposite of `str(ref)`.

        Raises:
            ValueError: There is no slash in it.
        """
        kind, slash, name = text.partition("/")
        if not slash:
            raise ValueError(f"{text!r} is not KIND/ID")
        return cls(Kind(kind), name)


class Record(Struct, frozen=True, kw_only=True):
    """What every neutral record has. Decode by the kind's own Struct: as a Record the rest would be lost silently."""

    ref: Ref
    changed_at: datetime | None = None
    """When the source says it last changed; no part of the digest."""
    created_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """What the platform says beyond the fields, as it says it."""


class Address(Struct, frozen=True, kw_only=True):
    """One way to reach somebody: an e-mail address, a phone number, an account."""

    value: str
    label: str = ""
    """home, work, mobile ... as the source names it."""
    verified: bool | None = None


class Handle(Struct, frozen=True, kw_only=True):
    """An account on another network."""

    network: str
    """twitter, facebook, instagram, whatsapp, linkedin ..."""
    id: str = ""
    name: str = ""
    url: str = ""


class Location(Struct, frozen=True, kw_only=True):
    """A postal address."""

    label: str = ""
    name: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2 where the source has it."""


class Contact(Record, frozen=True, kw_only=True):
    """A person the desk serves."""

    name: str = ""
    first_name: str = ""
    last_name: str = ""
    emails: list[Address] = field(default_factory=list)
    """The first is the identity where a platform knows only one."""
    phones: list[Address] = field(default_factory=list)
    handles: list[Handle] = field(default_factory=list)
    places: list[Location] = field(default_factory=list)
    urls: list[Address] = field(default_factory=list)
    external_ids: list[str] = field(default_factory=list)
    company: Ref | None = None
    company_name: str = ""
    """As the source repeats it beside the reference."""
    tags: list[Ref] = field(default_factory=list)
    avatar: str = ""
    gender: str = ""
    """male, female, other, or empty."""
    locale: str = ""
    time_zone: str = ""
    birthday: datetime | None = None
    last_active_at: datetime | None = None
    deleted: bool = False
    merged_into: Ref | None = None
    """Set on a record that only points to the contact it became part of."""
    custom: dict[str, Any] = field(default_factory=dict)


class Company(Record, frozen=True, kw_only=True):
    """An organisation that contacts belong to."""

    name: str = ""
    external_id: str = ""
    domains: list[str] = field(default_factory=list)
    emails: list[Address] = field(default_factory=list)
    phones: list[Address] = field(default_factory=list)
    handles: list[Handle] = field(default_factory=list)
    places: list[Location] = field(default_factory=list)
    urls: list[Address] = field(default_factory=list)
    employees: int | None = None
    avatar: str = ""
    tags: list[Ref] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)


class Rating(Struct, frozen=True, kw_only=True):
    """What a customer answered when asked how it was."""

    rating: float | None = None
    score: float | None = None
    comment: str = ""
    status: str = ""
    channel: str = ""
    at: datetime | None = None
    by: Ref | None = None
    """The agent it was asked for."""
    response: str = ""
    """The source's id of the answer."""


class Conversation(Record, frozen=True, kw_only=True):
    """A thread, without its messages and notes."""

    title: str = ""
    status: str = ""
    """open, snoozed, done; another word travels as it is."""
    contact: Ref | None = None
    channels: list[str] = field(default_factory=list)
    priority: int | None = None
    direction: str = ""
    """in, out or empty."""
    language: str = ""
    spam: bool = False
    deleted: bool = False
    tags: list[Ref] = field(default_factory=list)
    agents: list[Ref] = field(default_factory=list)
    """Assigned now, in the source's order."""
    teams: list[Ref] = field(default_factory=list)
    queue: Ref | None = None
    external_id: str = ""
    last_activity_at: datetime | None = None
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    rating: Rating | None = None
    message_count: int | None = None
    note_count: int | None = None
    custom: dict[str, Any] = field(default_factory=dict)


class Message(Record, frozen=True, kw_only=True):
    """What somebody said to somebody."""

    conversation: Ref | None = None
    contact: Ref | None = None
    sent_at: datetime | None = None
    """The time to show; where the source has none, its creation."""
    side: str = "in"
    """in: from the customer; out: from the desk."""
    author: Ref | None = None
    """The agent of an outbound message."""
    channel: str = ""
    text: str = ""
    html: str = ""
    """The original body where the source gave one."""
    subject: str = ""
    call: dict[str, str] = field(default_factory=dict)
    """Of a phone call: from, to, started, answered, ended, status, recording."""
    attachments: list[Ref] = field(default_factory=list)
    automated: bool = False
    redacted: bool = False
    status: str = ""
    error: str = ""
    external_id: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    """Envelope of the channel: from, to, cc, in reply to ..."""
    custom: dict[str, Any] = field(default_factory=dict)


class Note(Record, frozen=True, kw_only=True):
    """What the desk wrote for itself."""

    conversation: Ref | None = None
    """None: a note about the contact."""
    contact: Ref | None = None
    written_at: datetime | None = None
    author: Ref | None = None
    text: str = ""
    mentions: list[Ref] = field(default_factory=list)
    attachments: list[Ref] = field(default_factory=list)
    deleted: bool = False
    external_id: str = ""


class Attachment(Record, frozen=True, kw_only=True):
    """A file beside a message or note; its bytes are asked for when they are needed."""

    parent: Ref | None = None
    """The message or note it hangs on."""
    name: str = ""
    mime: str = ""
    size: int | None = None
    """Bytes, as the source claims."""
    redacted: bool = False
    url: str = ""
    """An address at the source that lasts as long as the source does; empty: there is none."""


class Tag(Record, frozen=True, kw_only=True):
    """A word conversations and contacts are marked with."""

    name: str = ""
    color: str = ""
    deleted: bool = False


class Agent(Record, frozen=True, kw_only=True):
    """Somebody, or something, that works at the desk."""

    name: str = ""
    email: str = ""
    human: bool = True
    active: bool = True
    avatar: str = ""


class Team(Record, frozen=True, kw_only=True):
    """A group of agents."""

    name: str = ""
    members: list[Ref] = field(default_factory=list)
    deleted: bool = False


class Queue(Record, frozen=True, kw_only=True):
    """A line conversations wait in."""

    name: str = ""
    system: bool = False
    description: str = ""


class AttributeDefinition(Record, frozen=True, kw_only=True):
    """What a custom attribute is called and holds. Its id is `<kind>.<name>`."""

    of: Kind
    name: str
    """The key in `custom`."""
    label: str = ""
    type: str = ""
    """string, text, number, boolean, date, url, reference, tree; another word travels as it is."""
    many: bool = False
    options: list[Any] = field(default_factory=list)
    deleted: bool = False
    sensitive: bool = False


class Config(Record, frozen=True, kw_only=True):
    """Desk configuration no target can hold yet: macros, rules, SLAs, hooks, views ..."""

    title: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


TYPES: Mapping[Kind, type[Record]] = {
    CONTACT: Contact,
    COMPANY: Company,
    CONVERSATION: Conversation,
    MESSAGE: Message,
    NOTE: Note,
    ATTACHMENT: Attachment,
    TAG: Tag,
    AGENT: Agent,
    TEAM: Team,
    QUEUE: Queue,
    ATTRIBUTE: AttributeDefinition,
}
"""The core's own kinds; a source says in `SourceSpec.kinds` what else it brings."""

DERIVED: Mapping[type[Record], tuple[str, ...]] = {
    Contact: ("last_active_at",),
    Conversation: ("message_count", "note_count", "last_activity_at"),
}
"""Fields that follow from other records: a new message does not make its conversation a changed one."""

DERIVED_KEY = "_derived"
"""The key in `extra` whose content never counts as a change (revisions, activity times, counters)."""

R = TypeVar("R", bound=Record)
_encoder = msgspec.json.Encoder(order="deterministic")


def encode(record: Record) -> bytes:
    """A record as JSON, the same bytes for the same content, whatever the order of keys in it."""
    return _encoder.encode(record)


def decode(body: bytes, kind: type[R]) -> R:
    """The opposite of `encode`.

    Raises:
        msgspec.ValidationError: The bytes are not of this Struct.
    """
    return msgspec.json.decode(body, type=kind)


def digest(*parts: object) -> str:
    """A SHA-256 (hex) over anything msgspec can encode; independent of key order."""
    sha = hashlib.sha256()
    for part in parts:
        body = part if isinstance(part, bytes) else _encoder.encode(part)
        sha.update(len(body).to_bytes(8, "big") + body)  # a length before each: ("ab", "c") is not ("a", "bc")
    return sha.hexdigest()


def content_digest(record: Record) -> str:
    """The digest by which a record counts as changed: without times of change and what is only derived."""
    extra = {key: value for key, value in record.extra.items() if key != DERIVED_KEY}
    still = dict.fromkeys(DERIVED.get(type(record), ()))
    return digest(encode(msgspec.structs.replace(record, changed_at=None, extra=extra, **still)))


def epoch_ms(when: datetime) -> int:
    """Milliseconds since 1970 in UTC, exact (no float)."""
    delta = when.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_epoch_ms(ms: int) -> datetime:
    """The aware UTC time of a millisecond count."""
    return _EPOCH + timedelta(milliseconds=ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
