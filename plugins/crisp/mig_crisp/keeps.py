"""What becomes of every field of every kind on Crisp: render obeys it, verify compares by it, docs print it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mig import (
    AGENT,
    ATTACHMENT,
    ATTRIBUTE,
    COMPANY,
    CONTACT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    QUEUE,
    TAG,
    TEAM,
    Address,
    Keep,
    Kind,
)
from mig_crisp.forms import media, origin_of
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings

_EXACT = Keep("exact")
KEEPS: Mapping[tuple[Kind, str], Keep] = {
    (CONTACT, "name"): Keep("normal:nickname", "profile nickname; without a name the e-mail's local part"),
    (CONTACT, "first_name"): Keep("lost", "the nickname holds the whole name"),
    (CONTACT, "last_name"): Keep("lost", "the nickname holds the whole name"),
    (CONTACT, "emails"): Keep("normal:addresses", "the first is the identity, others in people data `other_emails`"),
    (CONTACT, "phones"): Keep("normal:addresses", "the first in the profile, others in people data `other_phones`"),
    (CONTACT, "handles"): Keep("moved:people data `handles`"),
    (CONTACT, "places"): Keep("moved:profile address, people data `other_addresses`", "as one line each"),
    (CONTACT, "urls"): Keep("normal:addresses", "the first as website, others in people data `other_urls`"),
    (CONTACT, "external_ids"): Keep("moved:people data `external_ids`"),
    (CONTACT, "company"): Keep("moved:the profile's company block"),
    (CONTACT, "company_name"): Keep("moved:the profile's company block"),
    (CONTACT, "tags"): Keep("normal:names", "profile segments, by name"),
    (CONTACT, "avatar"): _EXACT,
    (CONTACT, "gender"): _EXACT,
    (CONTACT, "locale"): Keep("exact", "people data `language`; its language among the profile's locales"),
    (CONTACT, "time_zone"): Keep("exact", "people data `time_zone`"),
    (CONTACT, "birthday"): Keep("normal:day", "people data `birthday`"),
    (CONTACT, "created_at"): Keep("moved:people data `source_created_at`", "Crisp dates a profile itself"),
    (CONTACT, "last_active_at"): Keep("exact", "`active`"),
    (CONTACT, "custom"): Keep("exact", "people data, flat, keys slugged"),
    (COMPANY, "name"): Keep("moved:the company block of its members"),
    (COMPANY, "external_id"): Keep("moved:people data `company_external_id` of its members"),
    (COMPANY, "custom"): Keep("moved:people data `company_...` of its members"),
    (CONVERSATION, "title"): Keep("normal:stripped", "subject"),
    (CONVERSATION, "status"): Keep("exact", "state, and data `source_status`"),
    (CONVERSATION, "contact"): Keep("moved:the profile bound by the e-mail"),
    (CONVERSATION, "channels"): Keep("exact", "data `source_channel`"),
    (CONVERSATION, "priority"): Keep("exact", "data `source_priority`"),
    (CONVERSATION, "direction"): Keep("lost", "it shows in the messages"),
    (CONVERSATION, "language"): Keep("lost"),
    (CONVERSATION, "tags"): Keep("normal:names", "segments, by name"),
    (CONVERSATION, "agents"): Keep("moved:routing, and data `source_assignee`", "an operator with the e-mail"),
    (CONVERSATION, "teams"): Keep("moved:data `source_team`"),
    (CONVERSATION, "queue"): Keep("moved:inbox of its name, and data `source_queue`"),
    (CONVERSATION, "external_id"): Keep("exact", "data `source_external_id`"),
    (CONVERSATION, "created_at"): Keep("exact", "data `source_created_at`; Crisp dates a conversation itself"),
    (CONVERSATION, "snoozed_until"): Keep("exact", "data `source_snooze_until`"),
    (CONVERSATION, "closed_at"): Keep("lost"),
    (CONVERSATION, "rating"): Keep("moved:data `csat_score`, `csat_rating`, `csat_comment`"),
    (CONVERSATION, "custom"): Keep("exact", "data, flat, keys slugged"),
    (MESSAGE, "sent_at"): Keep("exact", "to the millisecond, every part"),
    (MESSAGE, "side"): _EXACT,
    (MESSAGE, "author"): Keep("moved:the message's user", "an operator with the e-mail, else the name"),
    (MESSAGE, "channel"): Keep("normal:channel", "chat and email, others as urn:mig:<channel>:0"),
    (MESSAGE, "text"): Keep("exact", "in numbered parts when it is long; a line for each file that is not there"),
    (MESSAGE, "html"): Keep("moved:original"),
    (MESSAGE, "subject"): Keep("exact", "property `source_subject`"),
    (MESSAGE, "call"): Keep("moved:text", "one line, where the call has no text"),
    (MESSAGE, "attachments"): Keep(
        "moved:file messages beside it", "those the source does not have: lines of the text"
    ),
    (MESSAGE, "automated"): _EXACT,
    (MESSAGE, "redacted"): Keep("exact", "a private note says so"),
    (MESSAGE, "status"): Keep("lost"),
    (MESSAGE, "error"): Keep("lost"),
    (MESSAGE, "external_id"): Keep("lost"),
    (MESSAGE, "meta"): Keep("lost"),
    (MESSAGE, "custom"): Keep("exact", "properties, flat, keys slugged"),
    (NOTE, "written_at"): Keep("exact", "to the millisecond"),
    (NOTE, "author"): Keep("moved:the message's user", "an operator with the e-mail, else the name"),
    (NOTE, "text"): Keep("exact", "a private note; of a contact: on its notepad, dated and signed"),
    (NOTE, "mentions"): Keep("lost", "a mention would notify"),
    (ATTACHMENT, "name"): Keep("moved:content `name` of a file message", "without folders and control characters"),
    (ATTACHMENT, "mime"): Keep(
        "normal:media", "content `type` of a file message, without parameters; a link in a private note tells none"
    ),
    (ATTACHMENT, "size"): Keep("moved:the uploaded bytes"),
    (ATTACHMENT, "url"): Keep("lost", "only `files = link` keeps it"),
    (TAG, "name"): Keep("exact", "segment"),
    (TAG, "color"): Keep("lost"),
    (AGENT, "email"): Keep("moved:the operator with it"),
    (AGENT, "name"): Keep("moved:the author of messages"),
    (TEAM, "name"): Keep("moved:data `source_team`"),
    (QUEUE, "name"): Keep("moved:the inbox of its name, and data `source_queue`"),
    (ATTRIBUTE, "label"): Keep("moved:the key in data"),
    (ATTRIBUTE, "type"): Keep("lost", "Crisp's data has no types but text, number and yes/no"),
}


def addresses(value: object) -> object:
    """A list of addresses: only what they are, each once."""
    rows = value if isinstance(value, list) else []
    return list(dict.fromkeys(row.value for row in rows if isinstance(row, Address) and row.value))


def channel(value: object) -> object:
    """A channel as an origin tells it."""
    return origin_of(str(value)) if not str(value).startswith("urn:") else value


def day(value: object) -> object:
    """A time without its hours."""
    date = getattr(value, "date", None)
    return date().isoformat() if callable(date) else value


def nickname(value: object) -> object:
    """A name without the space around it."""
    return str(value).strip()


def names(value: object) -> object:
    """References as a set of names: the platform gives them no order."""
    return sorted({str(ref) for ref in value}) if isinstance(value, list) else value


NORMALS: Mapping[str, Callable[[object], object]] = {
    "addresses": addresses,
    "channel": channel,
    "day": day,
    "media": media,
    "names": names,
    "nickname": nickname,
    "stripped": nickname,
}


def keeps_of(settings: CrispSettings, office: Office) -> Mapping[tuple[Kind, str], Keep]:
    """What this workspace keeps, under these settings."""
    narrowed: dict[tuple[Kind, str], Keep] = {}
    if settings.spread_ties:
        spread = Keep("moved:a millisecond later where times are equal")
        narrowed |= {(MESSAGE, "sent_at"): spread, (NOTE, "written_at"): spread}
    if not office.has_notes:
        narrowed[NOTE, "text"] = Keep("moved:the archive", "this plan has no private notes")
    return {**KEEPS, **narrowed}
