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
RATING = Kind("rating")
CUSTOM_OBJECT = Kind("custom_object")
CATEGORY = Kind("category")
ARTICLE = Kind("article")
MEDIA = Kind("media")
"""A picture or file in a help article."""
HELP_ADDRESS = Kind("help_address")
"""Where an article is found at the source."""
KNOWLEDGE_BASE = Kind("knowledge_base")
KLASS = Kind("klass")
SHORTCUT = Kind("shortcut")
SLA = Kind("sla")
BUSINESS_RULE = Kind("business_rule")
HOOK = Kind("hook")
CHANNEL = Kind("channel")
SAVED_SEARCH = Kind("saved_search")


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
    """A file beside a message or note, or in an article; its bytes are asked for when they are needed."""

    parent: Ref | None = None
    """The message, note or article it hangs on."""
    name: str = ""
    mime: str = ""
    size: int | None = None
    """Bytes, as the source claims."""
    redacted: bool = False
    url: str = ""
    """An address at the source that lasts as long as the source does; empty: there is none."""
    stands_as: str = ""
    """In an article: the address its body shows it by, exactly; empty elsewhere."""


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


class Rating(Record, frozen=True, kw_only=True):
    """What a customer was asked about a conversation, and answered."""

    conversation: Ref | None = None
    contact: Ref | None = None
    rating: float | None = None
    """On the scale of the form it was asked with."""
    score: float | None = None
    """What the source makes of it, for all its forms alike."""
    comment: str = ""
    status: str = ""
    """commented, rated, unresponded ...: as the source says it."""
    channel: str = ""
    at: datetime | None = None
    """When it was answered; not answered: when it was asked, or was to be."""
    agent: Ref | None = None
    """Whom it was asked for."""
    answers: list[Any] = field(default_factory=list)
    """To further questions, as the source gives them."""

    @property
    def answered(self) -> bool:
        """The customer said something."""
        return self.rating is not None or self.score is not None or bool(self.comment)


class CustomObject(Record, frozen=True, kw_only=True):
    """A row of a table the organisation made itself: an order, a subscription, a device."""

    klass: str = ""
    """The name of its table."""
    title: str = ""
    description: str = ""
    external_id: str = ""
    contact: Ref | None = None
    company: Ref | None = None
    conversation: Ref | None = None
    tags: list[Ref] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    deleted: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    """What the platform that made it says, of any shape."""
    custom: dict[str, Any] = field(default_factory=dict)


class Category(Record, frozen=True, kw_only=True):
    """A shelf of the help centre, in one language. Its id is `<the source's id>.<language>`."""

    group: str = ""
    """The source's id: joins the languages of one shelf."""
    language: str = ""
    """As the source writes it: en_us, de."""
    name: str = ""
    slug: str = ""
    description: str = ""
    parent: Ref | None = None
    """The shelf it stands on, in the same language; the hidden root counts for none."""
    base: Ref | None = None
    """Which knowledge base; None: there is only one."""
    position: int | None = None
    """Where it stands among its siblings, from 0."""
    published: bool = True
    languages: list[str] = field(default_factory=list)
    """All languages of this shelf."""
    deleted: bool = False


class Article(Record, frozen=True, kw_only=True):
    """A text of the help centre, in one language. Its id is `<the source's id>.<language>`."""

    group: str = ""
    """The source's id: joins the languages of one article."""
    language: str = ""
    title: str = ""
    slug: str = ""
    description: str = ""
    keywords: list[str] = field(default_factory=list)
    html: str = ""
    """The body."""
    status: str = ""
    """published, draft; another word travels as it is."""
    internal: bool = False
    """Only the desk may read it."""
    featured: bool = False
    categories: list[Ref] = field(default_factory=list)
    """In the same language; the first is where it stands, if a target knows only one."""
    bases: list[Ref] = field(default_factory=list)
    position: int | None = None
    """Where it stands in its first category, from 0."""
    author: Ref | None = None
    tags: list[str] = field(default_factory=list)
    media: list[Ref] = field(default_factory=list)
    """Its pictures and files, in the order they stand in the body."""
    addresses: list[str] = field(default_factory=list)
    """Paths it is found by at the source, without a host."""
    links: dict[str, Ref] = field(default_factory=dict)
    """Addresses in the body, as written there, that lead to the help centre -> the address (`help_address`) meant."""
    languages: list[str] = field(default_factory=list)
    """All languages of this article, the first the one it was written in."""
    published_at: datetime | None = None
    deleted: bool = False


class HelpAddress(Record, frozen=True, kw_only=True):
    """One address of an article at the source. Its id is what every link to it has in common.

    What links to all languages of an article have in common is the id of one, too; of those in one language the ids are
    `<that>.<language>`: where an article is not there in a language, a target may lead to another.
    """

    article: Ref | None = None
    paths: list[str] = field(default_factory=list)
    """Without a host, the usual one first."""


class Config(Record, frozen=True, kw_only=True):
    """Desk configuration no target can hold yet: macros, rules, SLAs, hooks, views ..."""

    title: str = ""
    active: bool = True
    """In use: neither switched off nor deleted."""
    parent: Ref | None = None
    """What it belongs to: a draft to its conversation, a rule to its queue."""
    fields: dict[str, Any] = field(default_factory=dict)
    """All it says, as the source says it."""


class KnowledgeBase(Config, frozen=True, kw_only=True):
    """A help centre of the source, which no target makes: what its articles and categories need to know of it."""

    primary: bool = True
    """The one that is meant where none is named."""
    language: str = ""
    """In which an article is read that is not there in the language asked for; empty: not told."""
    hosts: list[str] = field(default_factory=list)
    """Where it is read, in small letters and without `www.`; what begins with a dot: any host below it, where those of
    every organisation are. Without one of its own any other host may be its."""


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
    RATING: Rating,
    CUSTOM_OBJECT: CustomObject,
    CATEGORY: Category,
    ARTICLE: Article,
    MEDIA: Attachment,
    HELP_ADDRESS: HelpAddress,
    KNOWLEDGE_BASE: KnowledgeBase,
    KLASS: Config,
    SHORTCUT: Config,
    SLA: Config,
    BUSINESS_RULE: Config,
    HOOK: Config,
    CHANNEL: Config,
    SAVED_SEARCH: Config,
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
