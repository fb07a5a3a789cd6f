"""What a desk's file says of its help centre and ratings, and what an archive's folder holds."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk_sample import Desk, Json, facts

TAKEN_OUT = "[taken out by mig]"
"""What stands in the archive in place of a secret."""
CONFIGURATION = {
    "klass": ("klasses",),
    "custom_object": ("kobjects",),
    "shortcut": ("shortcuts",),
    "sla": ("slas",),
    "business_rule": ("business_rules",),
    "hook": ("hooks_web", "hooks_email", "hooks_form", "outbound_webhooks"),
    "channel": ("outbound_accounts",),
    "saved_search": ("searches",),
}
"""The tables of the file that each kind without a place on the target is read from."""
DESK = {
    "contact": "customers",
    "company": "companies",
    "conversation": "conversations",
    "message": "messages",
    "note": "notes",
    "tag": "tags",
    "agent": "users",
    "team": "teams",
    "queue": "queues",
}
"""The table of the file for each kind of which every row is a record."""


def records(archive: Path, kind: str) -> list[Json]:
    """The lines of a kind in an archive."""
    return [json.loads(line) for line in (archive / "records" / f"{kind}.jsonl").read_bytes().splitlines()]


def stands(told: Any, kept: Any) -> bool:
    """Whether what the archive holds is what the source says, but for secrets, and for addresses' signatures."""
    if isinstance(told, dict) and isinstance(kept, dict):
        return told.keys() == kept.keys() and all(stands(value, kept[name]) for name, value in told.items())
    if isinstance(told, list) and isinstance(kept, list):
        return len(told) == len(kept) and all(map(stands, told, kept))
    return bool(told == kept) or (isinstance(kept, str) and TAKEN_OUT in kept)


# ---- ratings ---------------------------------------------------------------------------------------------------------


def level_of(row: Json) -> Json:
    """What a conversation says of how satisfied its customer was."""
    held: Json = facts(row).get("satisfactionLevel") or {}
    return held


def is_rating(level: Json) -> bool:
    """Asked or answered (API page, section 7.2)."""
    return any(level.get(name) not in (None, "") for name in ("rating", "score", "formResponse"))


def is_answered(level: Json) -> bool:
    """The customer said something."""
    return level.get("rating") is not None or level.get("score") is not None or bool(level.get("firstAnswer"))


# ---- the help centre -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """An article in one language, as the file tells it."""

    id: str
    locale: str
    title: str
    html: str
    public: bool
    featured: bool
    shelf: str
    """The names of what it stands on, from the top."""


def pages(desk: Desk) -> Iterator[Page]:
    """Every article in each of its languages, but for deleted ones."""
    shelves = dict(shelf_names(desk))
    for row in desk.rows("kb_articles"):
        held = facts(row)
        if held.get("deleted"):
            continue
        for language, named in (held.get("langVersions") or {}).items():
            named = named or {}
            shown = desk.get("kb_versions", _id(named.get("currentVersion")))
            version = shown or desk.get("kb_versions", _id(named.get("latestVersion")))
            told = {} if version is None else facts(version)
            public = shown is not None and {held.get("status"), told.get("status")} == {"published"}
            stands = [one["id"] for one in held.get("categories") or [] if (one["id"], language) in shelves]
            public = public and (not stands or any(is_lit(desk, one, language) for one in stands))
            places = [shelves.get((one["id"], language), "") for one in held.get("categories") or []]
            yield Page(
                row["id"],
                locale_of(language),
                str(told.get("title") or held.get("title") or ""),
                str(told.get("htmlBody") or ""),
                public and "internal" not in (held.get("scope"), told.get("scope")),
                any(one.get("featured") for one in held.get("knowledgeBases") or []),
                next(filter(None, places), ""),
            )


def shelf_names(desk: Desk) -> Iterator[tuple[tuple[str, str], str]]:
    """Every category that shows, by its id and language: the names from the top, joined with ` / `."""
    bases = {row["id"]: facts(row) for row in desk.rows("kb_knowledge_bases")}
    for row in desk.rows("kb_categories"):
        if facts(row)["root"]:
            continue
        for language in facts(row)["langs"]:
            names: list[str] = []
            above: Json | None = row
            # Where the shelf above is not there in this language, its readers find this one at the top.
            while above is not None and not facts(above)["root"] and language in facts(above)["langs"]:
                names.insert(0, facts(above)["langs"][language]["title"])
                above = desk.get("kb_categories", facts(above).get("parent"))
            base = bases[facts(row)["knowledgeBase"]]
            names[0] = names[0] if base["default"] else f"{base['name']}: {names[0]}"
            yield (row["id"], language), " / ".join(names)


def is_lit(desk: Desk, shelf: str, language: str) -> bool:
    """Whether a category and those above it are switched on in a language."""
    above: Json | None = desk.get("kb_categories", shelf)
    while above is not None and not facts(above)["root"] and language in facts(above)["langs"]:
        if not facts(above)["published"] or facts(above)["langs"][language]["disabled"]:
            return False
        above = desk.get("kb_categories", facts(above).get("parent"))
    return True


def locale_of(language: str) -> str:
    """The locale of a language: its first two letters."""
    return language[:2]


def _id(version: Any) -> str | None:
    return version.get("id") if isinstance(version, dict) else version


def shelves_there(helpdesk: Json) -> dict[str, Counter[str]]:
    """The full names of the locale API's categories and sections, by locale."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in helpdesk["categories"]:
        found[one["locale"]][one["title"]] += 1
        for section in one["sections"]:
            found[one["locale"]][f"{one['title']} / {section['name']}"] += 1
    return found
