"""What becomes of every field of every kind on Crisp: render obeys it, verify compares by it, docs print it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mig import (
    AGENT,
    ARTICLE,
    ATTACHMENT,
    ATTRIBUTE,
    BUSINESS_RULE,
    CATEGORY,
    CHANNEL,
    COMPANY,
    CONTACT,
    CONVERSATION,
    CUSTOM_OBJECT,
    HELP_ADDRESS,
    HOOK,
    KLASS,
    MEDIA,
    MESSAGE,
    NOTE,
    QUEUE,
    RATING,
    SAVED_SEARCH,
    SHORTCUT,
    SLA,
    TAG,
    TEAM,
    Address,
    Keep,
    Kind,
    Stays,
)
from mig_crisp.forms import media, order, origin_of
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings

_EXACT = Keep("exact")
_BY_HAND = (KLASS, SHORTCUT, SLA, BUSINESS_RULE, HOOK, CHANNEL, SAVED_SEARCH)
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
    (RATING, "rating"): Keep("exact", "data `csat_rating`, and a private note at its time"),
    (RATING, "score"): Keep("exact", "data `csat_score`, and the note"),
    (RATING, "comment"): Keep("normal:stripped", "data `csat_comment`, and the note"),
    (RATING, "at"): Keep("moved:the time of the note", "to the millisecond; without one, where the thread begins"),
    (RATING, "agent"): Keep("moved:the author of the note", "an operator with the e-mail, else the name"),
    (RATING, "status"): Keep("lost", "who was asked and has not answered stands in the archive"),
    (RATING, "channel"): Keep("lost"),
    (RATING, "answers"): Keep("moved:the archive", "answers to further questions"),
    (CATEGORY, "name"): Keep("moved:its name", "of a deeper one the names of those between are joined with it"),
    (CATEGORY, "language"): Keep("moved:its locale"),
    (CATEGORY, "slug"): Keep("lost", "Crisp makes its own"),
    (CATEGORY, "description"): Keep("lost", "this interface has none of categories"),
    (CATEGORY, "parent"): Keep("moved:the category whose section it is", "two floors; those between join their names"),
    (CATEGORY, "base"): Keep("moved:the name", "of a second knowledge base the top shelves begin with its name"),
    (CATEGORY, "position"): Keep("lost", "this interface takes no order of categories"),
    (CATEGORY, "published"): Keep("lost", "a category without articles does not show"),
    (ARTICLE, "title"): Keep("exact"),
    (ARTICLE, "language"): Keep("moved:its locale"),
    (ARTICLE, "slug"): Keep("lost", "Crisp makes its own; `mig ids` lists old and new addresses"),
    (ARTICLE, "description"): Keep("exact"),
    (ARTICLE, "html"): Keep("normal:outline", "the help centre's Markdown; what it cannot hold is in the losses"),
    (ARTICLE, "keywords"): Keep("moved:the archive"),
    (ARTICLE, "status"): Keep("exact", "published or draft; what only the desk may read stays a draft"),
    (ARTICLE, "internal"): Keep("moved:a draft", "`internal_articles`"),
    (ARTICLE, "featured"): _EXACT,
    (ARTICLE, "categories"): Keep("moved:its category", "one; the first that stands"),
    (ARTICLE, "bases"): Keep("moved:its category"),
    (ARTICLE, "position"): Keep("normal:order", "where the source orders its articles"),
    (ARTICLE, "author"): Keep("lost", "this interface names none"),
    (ARTICLE, "tags"): Keep("moved:the archive"),
    (ARTICLE, "media"): Keep("moved:the help centre's own bucket", "a picture that cannot be moved keeps its address"),
    (ARTICLE, "addresses"): Keep("lost", "this interface has no redirections; `mig ids` lists old and new"),
    (ARTICLE, "links"): Keep("moved:the new addresses", "of links between articles, once both stand"),
    (ARTICLE, "published_at"): Keep("lost", "Crisp dates an article itself"),
    (MEDIA, "name"): Keep("moved:the name of the uploaded file"),
    (MEDIA, "mime"): Keep("moved:the uploaded file"),
    (MEDIA, "size"): Keep("moved:the uploaded bytes"),
    (MEDIA, "url"): Keep("lost", "only a picture that cannot be moved keeps it"),
    (HELP_ADDRESS, "paths"): Keep("lost", "this interface has no redirections; `mig ids` lists old and new"),
    # What says where a record belongs, or was counted by the source: it shows in where the record stands.
    (CONTACT, "merged_into"): Keep("moved:people data `source_ids` of the contact it became part of"),
    (CONVERSATION, "last_activity_at"): Keep("moved:the times of its messages"),
    (CONVERSATION, "message_count"): Keep("moved:its messages"),
    (CONVERSATION, "note_count"): Keep("moved:its notes"),
    (MESSAGE, "conversation"): Keep("moved:the conversation it stands in"),
    (MESSAGE, "contact"): Keep("moved:the message's user", "where it is another than the conversation's"),
    (NOTE, "conversation"): Keep("moved:the conversation it stands in"),
    (NOTE, "contact"): Keep("moved:the notepad it stands on, or its conversation's contact"),
    (NOTE, "attachments"): Keep("moved:links or file notes beside it"),
    (NOTE, "external_id"): Keep("lost"),
    (ATTACHMENT, "parent"): Keep("moved:property `source_parent`"),
    (ATTACHMENT, "redacted"): Keep("moved:the note in its place"),
    (MEDIA, "parent"): Keep("moved:the article it stands in"),
    (MEDIA, "redacted"): Keep("moved:the place it would have in its article"),
    (MEDIA, "stands_as"): Keep("moved:the place it has in its article"),
    (AGENT, "human"): Keep("lost"),
    (AGENT, "active"): Keep("lost", "an operator is there or not"),
    (AGENT, "avatar"): Keep("moved:the author of messages", "an operator shows the operator's own"),
    (TEAM, "members"): Keep("moved:the operators of the team", '`teams = "create"`; else the archive'),
    (QUEUE, "system"): Keep("lost"),
    (QUEUE, "description"): Keep("lost"),
    (ATTRIBUTE, "of"): Keep("moved:the data it is a key of"),
    (ATTRIBUTE, "name"): Keep("moved:the key in data", "where it has no label"),
    (ATTRIBUTE, "many"): Keep("moved:its values", "joined with a comma"),
    (ATTRIBUTE, "options"): Keep("lost", "Crisp's data takes any value"),
    (ATTRIBUTE, "sensitive"): Keep("lost", "Crisp's data knows no such thing"),
    (RATING, "conversation"): Keep("moved:the conversation it stands in"),
    (RATING, "contact"): Keep("moved:its conversation's contact"),
    (CATEGORY, "languages"): Keep("lost", "Crisp does not join the languages of a category"),
    (CATEGORY, "group"): Keep("lost", "Crisp does not join the languages of a category"),
    (ARTICLE, "group"): Keep("lost", "Crisp does not join the languages of an article"),
    (ARTICLE, "languages"): Keep("lost", "Crisp does not join the languages of an article"),
    (HELP_ADDRESS, "article"): Keep("moved:what it leads to"),
    **{
        (kind, "created_at"): Keep("lost", "Crisp dates it itself")
        for kind in (MESSAGE, NOTE, ATTACHMENT, MEDIA, TAG, AGENT, QUEUE, ATTRIBUTE, RATING, CATEGORY, ARTICLE)
    },
    (HELP_ADDRESS, "created_at"): Keep("lost"),
    **{
        (kind, name): Keep("moved:its fate", "what was deleted, or is spam, is not moved")
        for kind, names in (
            *((kind, ("deleted",)) for kind in (CONTACT, NOTE, TAG, ATTRIBUTE, CATEGORY, ARTICLE)),
            (CONVERSATION, ("deleted", "spam")),
        )
        for name in names
    },
    **{
        (kind, name): Keep("moved:the archive", how)
        for kind, how in (
            (CUSTOM_OBJECT, "beside its customer"),
            *((kind, "and REBUILD.md, for who sets it up by hand") for kind in _BY_HAND),
        )
        for name in (("title", "data", "custom", "tags") if kind == CUSTOM_OBJECT else ("title", "fields"))
    },
}


_TREE: Mapping[tuple[Kind, str], Keep] = {
    (CATEGORY, "name"): _EXACT,
    (CATEGORY, "slug"): Keep("moved:the last part of its path", "with the hash its old address ends in"),
    (CATEGORY, "description"): _EXACT,
    (CATEGORY, "parent"): Keep("moved:the folder it lies in"),
    (CATEGORY, "position"): Keep("moved:the order of its folder"),
    (ARTICLE, "slug"): Keep("moved:the last part of its path", "with the hash its old address ends in"),
    (ARTICLE, "position"): Keep("normal:order", "the order of its folder"),
    (ARTICLE, "author"): Keep("moved:its author", "an operator with the e-mail"),
    (ARTICLE, "addresses"): Keep("moved:redirections"),
    (HELP_ADDRESS, "paths"): Keep("moved:redirections"),
}
"""What the newer interface keeps besides."""


def outline(value: object) -> object:
    """Of a body only its outline is compared, which stands in `extra`."""
    return ""


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
    "order": order,
    "outline": outline,
    "stripped": nickname,
}


def keeps_of(settings: CrispSettings, office: Office) -> Mapping[tuple[Kind, str], Keep]:
    """What this workspace keeps, under these settings."""
    narrowed: dict[tuple[Kind, str], Keep] = dict(_TREE) if office.help_api == "tree" else {}
    if settings.spread_ties:
        spread = Keep("moved:a millisecond later where times are equal")
        narrowed |= {(MESSAGE, "sent_at"): spread, (NOTE, "written_at"): spread}
    if not office.has_notes:
        narrowed[NOTE, "text"] = Keep("moved:the archive", "this plan has no private notes")
    return {**KEEPS, **narrowed}


_AUTHOR = Stays("leave it, or remove it there and repair again: who said it is set only when it is said")
STAYS: Mapping[tuple[Kind, str], Stays] = {
    (MESSAGE, "author"): _AUTHOR,
    (NOTE, "author"): _AUTHOR,
    (RATING, "agent"): _AUTHOR,
    (ATTACHMENT, "extra.author"): _AUTHOR,
    (CONVERSATION, "extra.assigned"): Stays("take the assignment back there: the source has none", unasked=True),
    (CONVERSATION, "extra.inbox"): Stays("move it back to the main inbox there: the source has none", unasked=True),
    (CONTACT, ""): Stays("remove it from the profile there: the source says nothing of it", unasked=True),
}
"""What stands there otherwise, and no request of ours says again (docs/verify.md)."""


def stays_of(office: Office) -> Mapping[tuple[Kind, str], Stays]:
    """What a repair leaves as it stands in this workspace."""
    if office.help_api == "tree":
        return STAYS
    rename = Stays("rename the category there: no documented route of the help centre by locales does")
    return {**STAYS, (CATEGORY, "name"): rename}
