"""What can be read from Kustomer, as data: which list, which search context, which kind it becomes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

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
    KNOWLEDGE_BASE,
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
    Kind,
)

BRAND = Kind("brand")
DRAFT = Kind("draft")
"""A message or note somebody began to write and did not send."""
FORM = Kind("form")
"""A contact form of the help centre."""
KB_ROUTE = Kind("kb_route")
KB_TAG = Kind("kb_tag")
ROLE_GROUP = Kind("role_group")
ROUTING_RULE = Kind("routing_rule")
SCHEDULE = Kind("schedule")
SHORTCUT_CATEGORY = Kind("shortcut_category")
SNIPPET = Kind("snippet")
SUB_STATUS = Kind("sub_status")
SURVEY = Kind("survey")
"""What customers are asked with how it was."""
WORKFLOW = Kind("workflow")

NOT_SERVED = frozenset((400, 404, 405))
"""What an endpoint answers that does not exist."""


class Key(Struct, frozen=True):
    """A date of a search context: what searches call it, and the attribute that answers show it in."""

    search: str
    attribute: str


class Context(Struct, frozen=True):
    """A search context."""

    name: str
    changed: tuple[Key, ...]
    """Dates to walk by; the second is tried where the first is not accepted."""
    created: Key
    archived: bool = True
    """Archive search knows it; notes it does not (docs/api/kustomer.md, section 5)."""

    @property
    def old(self) -> tuple[Key, ...]:
        """Dates to walk the archive by; all are documented there, and tried in this order."""
        return (self.changed[0], self.created)


class Resource(Struct, frozen=True):
    """One thing the API lists."""

    kind: Kind
    path: str = ""
    """Its list; empty: it comes with another resource."""
    queries: tuple[Mapping[str, str], ...] = field(default_factory=lambda: ({},))
    """Several: lists that only together hold all of it."""
    context: Context | None = None
    """None: too small to be searched; it is read whole every time."""
    singles: tuple[str, ...] = ()
    """Ids that stand for the list, each read alone."""
    many: bool = False
    """Several ids can be read at once."""
    tolerated: frozenset[int] = frozenset()
    """Statuses of the list that mean: this organisation has none. They end no kind."""
    beside: Kind | None = None
    """It is read for this kind, or when its own is asked for by name; None: whenever its own is needed."""


def _context(name: str, *more: Key, archived: bool = True) -> Context:
    updated, created = Key(f"{name}_updated_at", "updatedAt"), Key(f"{name}_created_at", "createdAt")
    return Context(name, (updated, *more), created, archived)


def _optional(kind: Kind, path: str) -> Resource:
    """A list that may not be: where it is not served there is nothing; what this key may not read is another matter."""
    return Resource(kind, path, tolerated=NOT_SERVED)


RESOURCES: Mapping[str, Resource] = {
    "tags": Resource(TAG, "/v1/tags"),
    "users": Resource(AGENT, "/v1/users", queries=({"deleted": "false"}, {"deleted": "true"})),
    "teams": Resource(TEAM, "/v1/teams"),
    "queues": Resource(QUEUE, "/v1/routing/queues"),
    "metadata": Resource(ATTRIBUTE, "/v1/metadata", singles=("customer", "conversation", "company", "message")),
    # company_updated_at is undocumented, company_modified_at too (docs/api/kustomer.md, section 5)
    "companies": Resource(
        COMPANY, "/v1/companies", context=_context("company", Key("company_modified_at", "modifiedAt"))
    ),
    "customers": Resource(CONTACT, "/v1/customers", context=_context("customer")),
    "conversations": Resource(CONVERSATION, "/v1/conversations", context=_context("conversation"), many=True),
    "messages": Resource(MESSAGE, "/v1/messages", queries=({"include": "attachments"},), context=_context("message")),
    "notes": Resource(NOTE, "/v1/notes", context=_context("note", archived=False)),
    "attachments": Resource(ATTACHMENT, many=True),
    "klasses": Resource(
        KLASS, "/v1/klasses", queries=tuple({"status": word} for word in ("enabled", "disabled", "existing_only"))
    ),
    # its path is followed by the name of each klass, as those of definitions are
    "kobject_metadata": Resource(ATTRIBUTE, "/v1/metadata", beside=CUSTOM_OBJECT),
    "kobjects": Resource(CUSTOM_OBJECT, "/v1/klasses", context=_context("kobject")),
    "knowledge_bases": _optional(KNOWLEDGE_BASE, "/v1/kb/knowledge-bases"),  # [inferred]: no page names this list
    "categories": Resource(CATEGORY, "/v1/kb/categories"),
    "articles": Resource(ARTICLE, "/v1/kb/articles"),
    "kb_tags": _optional(KB_TAG, "/v1/kb/tags"),
    "kb_routes": _optional(KB_ROUTE, "/v1/kb/routes"),
    "kb_forms": _optional(FORM, "/v1/kb/forms"),
    "shortcut_categories": _optional(SHORTCUT_CATEGORY, "/v1/shortcuts/categories"),
    "shortcuts": Resource(SHORTCUT, "/v1/shortcuts"),
    "slas": Resource(SLA, "/v1/slas", queries=({"versions": "all"},)),
    "business_rules": Resource(BUSINESS_RULE, "/v1/business-rules"),
    "workflows": _optional(WORKFLOW, "/v1/workflows"),
    "hooks_web": Resource(HOOK, "/v1/hooks/web"),
    "hooks_email": Resource(HOOK, "/v1/hooks/email"),
    "hooks_form": Resource(HOOK, "/v1/hooks/form", tolerated=NOT_SERVED),  # [inferred] (section 6)
    "outbound_webhooks": Resource(HOOK, "/v1/outbound-webhooks"),
    "accounts": Resource(CHANNEL, "/v1/outboundAccounts"),
    "chat": Resource(CHANNEL, "/v1/chat", singles=("settings",)),
    "searches": Resource(SAVED_SEARCH, "/v1/customers/searches"),
    "surveys": _optional(SURVEY, "/v1/satisfaction"),
    "snippets": _optional(SNIPPET, "/v1/snippets"),
    "brands": _optional(BRAND, "/v1/brands"),
    "schedules": _optional(SCHEDULE, "/v1/schedules"),
    "routing_rules": _optional(ROUTING_RULE, "/v1/routing/queue-rules"),
    "sub_statuses": _optional(SUB_STATUS, "/v1/sub-statuses"),
    "role_groups": _optional(ROLE_GROUP, "/v1/role-groups"),
    # of each customer alone, and only where `drafts` is set
    "drafts": Resource(DRAFT, "/v1/customers", tolerated=NOT_SERVED),
}
"""In the order they are best read: what others refer to first."""

_WITHIN: Mapping[Kind, str] = {RATING: "conversations", MEDIA: "articles", HELP_ADDRESS: "articles"}
"""Kinds that stand in the rows of another."""

OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    **{
        kind: tuple(name for name, one in RESOURCES.items() if one.kind == kind)
        for kind in dict.fromkeys(one.kind for one in RESOURCES.values())
    },
    **{kind: (name,) for kind, name in _WITHIN.items()},
}
"""Kind -> the resources its records stand in."""


def context_of(name: str) -> Context:
    """The search context of a resource that is known to have one."""
    context = RESOURCES[name].context
    assert context is not None, "only contexts are searched"
    return context
