"""What can be read from Kustomer, as data: which list, which search context, which kind it becomes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

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
    Kind,
)


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


def _context(name: str, *more: Key, archived: bool = True) -> Context:
    updated, created = Key(f"{name}_updated_at", "updatedAt"), Key(f"{name}_created_at", "createdAt")
    return Context(name, (updated, *more), created, archived)


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
}
"""In the order they are best read: what others refer to first."""

OF_KIND: Mapping[Kind, str] = {resource.kind: name for name, resource in RESOURCES.items()}


def context_of(name: str) -> Context:
    """The search context of a resource that is known to have one."""
    context = RESOURCES[name].context
    assert context is not None, "only contexts are searched"
    return context
