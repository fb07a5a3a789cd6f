"""What stands in a help centre, free of ids and times that are new at every birth: two of them can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from desk_sample import Json

_NEW = (
    *("name", "url", "category_id", "section_id", "entity_id", "sections", "rank", "raw_html"),
    *("created_at", "updated_at", "published_at"),
)
"""Fields that no two migrations have in common, and what follows from others."""


def named_help(helpdesk: Json) -> tuple[dict[str, Any], list[str]]:
    """A help centre by the names of its things, and what stands in it twice.

    An address of an article in a text or a redirection is told as the article's name.

    Args:
        helpdesk: As the sandbox tells it.
    """
    addresses = {one["url"]: f"<{name_of(one)}>" for one in helpdesk["articles"] if one["url"]}
    named: dict[str, Any] = {}
    doubled: list[str] = []
    articles = [(name_of(one), _article(one, addresses)) for one in helpdesk["articles"]]
    redirections = [
        (f"redirection {one['path']}", {"target": _led(one["target"], addresses)}) for one in helpdesk["redirections"]
    ]
    for name, row in [*articles, *_shelves(helpdesk["categories"]), *redirections]:
        if name in named:
            doubled.append(name)
        named[name] = row
    return {**named, "locales": {"all": sorted(helpdesk["locales"])}}, doubled


def name_of(row: Json) -> str:
    """What an article is called here: in the tree its path, else its title, unique in these organisations."""
    return f"article {row['locale']} {row['name'] if row['api'] == 'tree' else row['title']}"


def _article(row: Json, addresses: Mapping[str, str]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in _NEW}
    return {**kept, "content": _led(row["content"], addresses), "has_page": bool(row["url"])}


def _shelves(rows: Iterable[Json]) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for row in rows:
        name = row["name"] if row["api"] == "tree" else row["title"]
        kept = {field: value for field, value in row.items() if field not in _NEW}
        found.append((f"category {row['locale']} {name}", kept))
        found += [(f"category {row['locale']} {name} / {one['name']}", {}) for one in row.get("sections", ())]
    return found


def _led(text: str, addresses: Mapping[str, str]) -> str:
    for url in sorted(addresses, key=len, reverse=True):
        text = text.replace(url, addresses[url])
    return text
