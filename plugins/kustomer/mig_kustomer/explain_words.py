"""Values of Kustomer's configuration in words: conditions, names instead of ids, times, addresses without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mig import AGENT, BUSINESS_RULE, QUEUE, SHORTCUT, SLA, TAG, TEAM, Kind, Lookup, Ref
from mig_kustomer.catalog import BRAND, SCHEDULE, SNIPPET, SUB_STATUS, SURVEY, WORKFLOW

_DEEPEST = 12
_LONGEST = 2_000
"""Characters of one value."""
_MOST = 100
"""Values of one list."""
BLANK = "[left out]"
_ID = re.compile(r"[0-9a-f]{24}")
_SECRET = re.compile(
    r"(?i)secret|token|passw|hash|authori[sz]|signature|credential|^(?:key|pass|pwd)$|api_?key|private_?key|cookie"
)
_LINK = re.compile(r"(?i)\bhttps?://[^\s\"'<>\\]+")
_CAMEL = re.compile(r"(?<=[a-z])[A-Z](?=[a-z])")
_VARIABLE = re.compile(r"\{\{\s*([^{}]{1,200}?)\s*\}\}|\[\[\s*([^\[\]]{1,200}?)\s*\]\]")
_MEANINGS = {
    "customer.firstName": "the customer's first name",
    "customer.lastName": "the customer's last name",
    "customer.name": "the customer's name",
    "customer.displayName": "the customer's name",
    "customer.email": "the customer's e-mail address",
    "customer.emails": "the customer's e-mail addresses",
    "customer.phone": "the customer's phone number",
    "customer.company": "the customer's company",
    "customer.companyName": "the customer's company",
    "currentUser.displayName": "the name of the agent who writes",
    "currentUser.name": "the name of the agent who writes",
    "currentUser.firstName": "the first name of the agent who writes",
    "currentUser.email": "the e-mail address of the agent who writes",
    "user.displayName": "the name of the agent who writes",
    "conversation.id": "the id of the conversation",
    "conversation.name": "the subject of the conversation",
    "org.name": "the name of your organisation",
}
_OPERATORS = {
    "equals": "is",
    "not_equals": "is not",
    "contains": "contains",
    "not_contains": "does not contain",
    "in": "is one of",
    "not_in": "is none of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "before": "is before",
    "after": "is after",
    "set": "is set",
    "is_set": "is set",
    "not_set": "is not set",
    "appended": "has been added",
    "changed": "has changed",
}
_KINDS: tuple[tuple[str, Kind], ...] = (
    ("tag", TAG),
    ("team", TEAM),
    ("queue", QUEUE),
    ("user", AGENT),
    ("agent", AGENT),
    ("created_by", AGENT),
    ("sent_by", AGENT),
    ("survey", SURVEY),
    ("sla", SLA),
    ("shortcut", SHORTCUT),
    ("brand", BRAND),
    ("sub_status", SUB_STATUS),
    ("substatus", SUB_STATUS),
    ("schedule", SCHEDULE),
)
"""What an attribute's name tells of whose ids it holds."""
_ANY = (TAG, TEAM, AGENT, QUEUE, SHORTCUT, SLA, BRAND, SUB_STATUS, SURVEY, SCHEDULE, WORKFLOW, BUSINESS_RULE)


def mapping(found: Any) -> Mapping[str, Any]:
    """An object, or an empty one where something else stands."""
    return found if isinstance(found, Mapping) else {}


def every(found: Any) -> list[Any]:
    """A list; one thing that should have been in a list; nothing."""
    if isinstance(found, list | tuple):
        return list(found)
    return [] if found in (None, "", {}) else [found]


def rows(found: Any) -> list[Mapping[str, Any]]:
    """The objects in a list."""
    return [one for one in every(found) if isinstance(one, Mapping)]


def plain(found: Any) -> str:
    """Anything on one line."""
    if found is None:
        return ""
    text = found if isinstance(found, str) else scalar(found)
    return _short(_LINK.sub(lambda one: address(one[0], {}), " ".join(text.split())))


def words(name: object) -> str:
    """The name of an attribute as words: `conversation_created_at`, `assignedTeams`."""
    return plain(_CAMEL.sub(lambda one: f" {one[0].lower()}", str(name).replace("_", " ")))


def scalar(found: Any) -> str:
    """Yes, no, a number; anything else as JSON without its secrets."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, str):
        return found
    return _short(json.dumps(_blanked(found), ensure_ascii=False, default=str))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def is_secret(name: object) -> bool:
    """Whether what stands under a name would open something."""
    return bool(_SECRET.search(str(name)))


def _blanked(found: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(found, Mapping):
        return {
            str(name): BLANK if is_secret(name) and one else _blanked(one, depth + 1) for name, one in found.items()
        }
    if isinstance(found, list | tuple):
        return [_blanked(one, depth + 1) for one in found[:_MOST]]
    return _LINK.sub(lambda one: address(one[0], {}), found) if isinstance(found, str) else found


def address(found: Any, fields: Mapping[str, Any]) -> str:
    """An address without what would open it: the hook's own key and hash, a password, what stands behind `?`."""
    text = " ".join(str(found).split())
    for name, one in fields.items():
        if is_secret(name) and isinstance(one, str) and len(one) > 3:
            text = text.replace(one, BLANK)
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:  # no address at all
        return _short(text.partition("?")[0])
    if not parts.scheme or not parts.netloc:
        return _short(text)
    cut = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return _short(f"{cut}?{BLANK}" if parts.query or parts.fragment else cut)


def span(ms: Any) -> str:
    """Milliseconds as a person says them."""
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms < 1e15:
        return plain(ms) or "not told"
    seconds = int(ms) // 1000
    parts = []
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {word}")
    return " ".join(parts[:3]) or "0 s"


# ---- names instead of ids --------------------------------------------------------------------------------------------


def names(of: str, ids: Any, look: Lookup) -> str:
    """Ids as the names of what they stand for, with commas."""
    found = every(ids)
    told = ", ".join(_named(of, one, look) for one in found[:_MOST])
    return f"{told} and {len(found) - _MOST} more" if len(found) > _MOST else told


def value(of: str, found: Any, look: Lookup) -> str:
    """A value of an attribute in words: ids by their names, lists with commas."""
    if isinstance(found, str):
        return _named(of, found, look) if found else '""'
    if isinstance(found, list | tuple) and all(isinstance(one, str | int | float | bool) for one in found):
        return names(of, list(found), look) if found else "nothing"
    return "nothing" if found is None else scalar(found)


def _named(of: str, found: Any, look: Lookup) -> str:
    if not isinstance(found, str):
        return plain(found)
    lowered = of.lower()
    if is_secret(of):
        return BLANK
    meant = [kind for word, kind in _KINDS if word in lowered]
    if not meant and not _ID.fullmatch(found):
        return f'"{plain(found)}"' if " " in found else plain(found)
    for kind in meant or _ANY:
        record = look(Ref(kind, found))
        name = getattr(record, "name", "") or getattr(record, "title", "")
        if name:
            return f'"{plain(name)}"'
    return f"{plain(found)} (not known)" if _ID.fullmatch(found) else plain(found)


# ---- conditions ------------------------------------------------------------------------------------------------------


def criteria(found: Any, look: Lookup) -> str:
    """A condition as a sentence: `conversation channel contains email AND (... OR ...)`; empty: there is none."""
    return _criteria(found, look, 0)[0]


def _criteria(found: Any, look: Lookup, depth: int) -> tuple[str, bool]:
    """Likewise, and whether it needs brackets beside another."""
    if depth > _DEEPEST:
        return "…", False
    if isinstance(found, list | tuple):
        return _joined([_criteria(one, look, depth + 1) for one in found[:_MOST]], "AND")
    groups: list[tuple[str, bool]] = []
    for key, one in mapping(found).items():
        word = str(key).lower()
        if word in ("and", "or", "not"):
            parts = [_criteria(each, look, depth + 1) for each in every(one)[:_MOST]]
            group = _joined(parts, "AND" if word == "and" else "OR")
            groups.append((f"NOT ({group[0]})", False) if word == "not" and group[0] else group)
        else:
            groups.append((_condition(str(key), one, look), False))
    return _joined(groups, "AND")


def _joined(parts: list[tuple[str, bool]], word: str) -> tuple[str, bool]:
    told = [part for part in parts if part[0]]
    if len(told) == 1:
        return told[0]
    return f" {word} ".join(f"({text})" if brackets else text for text, brackets in told), len(told) > 1


def _condition(key: str, found: Any, look: Lookup) -> str:
    """One attribute and what is asked of it."""
    what = words(key)
    held = mapping(found)
    if "operator" in held:
        return f"{what} {_asked(key, str(held['operator']), held.get('value'), look)}"
    if held:
        told = [f"{what} {_asked(key, str(operator), one, look)}" for operator, one in held.items()]
        return " AND ".join(told)
    return f"{what} is {value(key, found, look)}"


def _asked(key: str, operator: str, found: Any, look: Lookup) -> str:
    told = _OPERATORS.get(operator) or words(operator)
    if operator in ("not_set", "is_set", "set", "changed") and found in ("", None, True):
        return told
    return f"{told} {value(key, found, look)}"


# ---- variables -------------------------------------------------------------------------------------------------------


def variables(text: str, look: Lookup) -> Iterator[str]:
    """What each variable in a text stands for, and what to write for it elsewhere."""
    snippets = {getattr(one, "title", "") for one in look.all(SNIPPET)} if "[[" in text else set()
    seen: set[str] = set()
    for found in _VARIABLE.finditer(text):
        if found[0] in seen or len(seen) > _MOST:
            continue
        seen.add(found[0])
        if found[2]:
            there = "" if found[2] in snippets else ", which is not known"
            yield f"{found[0]}: write the text of this snippet{there}."
        elif found[1] in _MEANINGS:
            yield f"{found[0]}: write the new desk's variable for {_MEANINGS[found[1]]}."
        else:
            yield f"{found[0]}: write the new desk's variable for it, or words that do without."
