"""The order in which kinds are told, and what a person calls them."""

from __future__ import annotations

from collections.abc import Iterable

KINDS = (
    *("contact", "company", "conversation", "message", "note", "attachment", "tag", "agent", "team", "queue"),
    *("attribute", "rating", "custom_object", "article", "category", "klass", "shortcut", "sla", "business_rule"),
    *("hook", "channel", "saved_search"),
)
"""As the JSON contract has them; `attribute` is told by what it is of."""
_HEADINGS = {
    "agent": "Agents to invite",
    "attribute": "Custom attributes",
    "category": "Help centre categories",
    "help_address": "Old addresses of help articles",
    "klass": "Tables of your own (klasses)",
    "queue": "Queues (inboxes)",
    "sla": "SLA targets",
    "kb_route": "Redirections of the help centre",
}
_PLURALS = {"ay": "ays", "ey": "eys", "oy": "oys", "y": "ies", "s": "ses", "h": "hes"}


def ordered(kinds: Iterable[str]) -> list[str]:
    """Kinds in the order of the house, the rest after them by name."""
    found = set(kinds)
    return [kind for kind in KINDS if kind in found] + sorted(found.difference(KINDS))


def heading(kind: str) -> str:
    """Several of a kind, as a heading."""
    words = kind.replace("_", " ")
    ending = next((one for one in _PLURALS if words.endswith(one)), "")
    many = words.removesuffix(ending) + _PLURALS.get(ending, "s")
    return _HEADINGS.get(kind, many[:1].upper() + many[1:])
