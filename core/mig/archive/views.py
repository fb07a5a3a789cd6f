"""What the page shows of a record, of whatever kind: a title, a line below it, facts, and what was said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

PARTS = frozenset(("message", "note", "rating", "attachment", "media"))
"""Kinds that are shown inside something else, and not on their own."""
FILES = frozenset(("attachment", "media"))
_ABOUT = ("contact", "company", "conversation", "parent", "base", "categories", "bases", "merged_into")
"""References by which the other record is shown where this one leads to."""
_TIMES = ("sent_at", "written_at", "at", "created_at", "published_at", "changed_at")
_HIDDEN = frozenset(("ref", "extra", "text", "html", "attachments", "media", "stands_as"))
_SAID = {
    "message": frozenset(
        ("conversation", "contact", "sent_at", "side", "author", "subject", "created_at", "changed_at")
    ),
    "note": frozenset(("conversation", "contact", "written_at", "author", "created_at", "changed_at")),
    "rating": frozenset(("conversation", "comment", "at", "created_at", "changed_at")),
}
"""What is shown of a part elsewhere than among its facts."""
_LONGEST = 20_000
"""Characters of one fact."""
_MANY = 200
"""Facts of one record, and values in one."""


def parent_of(kind: str, record: Mapping[str, Any]) -> str:
    """In what a part is shown ("conversation/65f1"); empty: on its own."""
    if kind not in PARTS:
        return ""
    never = FILES if kind in FILES else PARTS  # a part of a part of a part: nobody means that
    for name in ("parent",) if kind in FILES else ("conversation", "contact"):
        ref = ref_of(record.get(name))
        if ref and ref.partition("/")[0] not in never:
            return ref
    return ""


def ref_of(value: Any) -> str:
    """A reference as text; empty: it is none."""
    if isinstance(value, dict) and value.keys() == {"kind", "id"}:
        return f"{value['kind']}/{value['id']}"
    return ""


def about(record: Mapping[str, Any]) -> Iterator[str]:
    """What a record is about: where it is shown too."""
    for name in _ABOUT:
        value = record.get(name)
        for one in value if isinstance(value, list) else (value,):
            if ref := ref_of(one):
                yield ref


def time_of(record: Mapping[str, Any]) -> str:
    """When it was, in UTC; empty: nobody knows."""
    return next((record[name] for name in _TIMES if isinstance(record.get(name), str)), "")


def title_of(kind: str, name: str, record: Mapping[str, Any]) -> str:
    """What it is called; empty: nothing."""
    full = f"{record.get('first_name', '')} {record.get('last_name', '')}".strip()
    first = [one.get("value", "") for one in record.get("emails") or [] if isinstance(one, dict)][:1]
    found = (record.get("name"), full, record.get("title"), record.get("label"), *first, record.get("external_id"))
    return next((" ".join(str(one).split())[:300] for one in found if one), "")


def line_of(kind: str, record: Mapping[str, Any]) -> str:
    """What stands below its title."""
    emails = [str(one.get("value", "")) for one in record.get("emails") or [] if isinstance(one, dict)]
    phones = [str(one.get("value", "")) for one in record.get("phones") or [] if isinstance(one, dict)]
    klass, outer = str(record.get("klass") or ""), str(record.get("external_id") or "")
    found = [klass, str(record.get("status") or ""), *emails[:2], *phones[:1], outer, str(record.get("email") or "")]
    return ", ".join(dict.fromkeys(one[:120] for one in found if one))


def body_of(record: Mapping[str, Any]) -> str:
    """What is said in it, as text."""
    text = record.get("text") or record.get("comment") or ""
    if not text and record.get("html"):
        return plain(str(record["html"]))
    return str(text)


def facts(kind: str, record: Mapping[str, Any]) -> list[list[Any]]:
    """Its other fields, those of the organisation first: a label and what it says; a reference as {"r": "tag/1"}."""
    found: list[list[Any]] = []
    for group in ("custom", "data", "fields"):
        value = record.get(group)
        if isinstance(value, dict):
            found += [[str(name), told] for name, one in value.items() if (told := _told(one)) is not None]
    said = _SAID.get(kind, frozenset())
    title = title_of(kind, "", record)
    for name, value in record.items():
        if name in _HIDDEN or name in said or name in ("custom", "data", "fields"):
            continue
        told = _told(value)
        if told is not None and told is not False and told != title:
            found.append([name.replace("_", " "), told])
    return found[:_MANY]


def _told(value: Any) -> Any:
    """A value as the page tells it; None: there is nothing to tell."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]} ..."
    if ref := ref_of(value):
        return {"r": ref}
    if isinstance(value, list):
        parts = [told for one in value[:_MANY] if (told := _told(one)) is not None]
        return parts or None
    words = [str(value[name]) for name in ("value", "network", "name", "id", "url", "label") if value.get(name)]
    if words and not value.keys() - {"value", "label", "verified", "network", "id", "name", "url"}:
        return " ".join(words)
    return _told(json.dumps(value, ensure_ascii=False, indent=1))


def file_of(record: Mapping[str, Any]) -> tuple[str, int | None]:
    """The name of a file and its size as the source claims it."""
    size = record.get("size")
    return str(record.get("name") or "file"), size if isinstance(size, int) else None


# ---- HTML as text ----------------------------------------------------------------------------------------------------

_BLOCKS = frozenset(
    [
        "p",
        "div",
        "br",
        "tr",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "ul",
        "ol",
        "blockquote",
        "pre",
        "hr",
        "section",
        "article",
        "header",
        "footer",
    ]
)
_SPACE = re.compile(r"\s+")
_UNSAID = frozenset(("script", "style", "head", "title", "template", "noscript"))


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unsaid = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unsaid += tag in _UNSAID
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag == "img":
            self.parts.append(f"[image: {dict(attrs).get('alt') or 'without a name'}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSAID and self._unsaid:
            self._unsaid -= 1
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self.parts.append(_SPACE.sub(" ", data))


def plain(html: str) -> str:
    """What a page of HTML says; never more than that reaches the archive's own page."""
    parser = _Plain()
    parser.feed(html)
    parser.close()
    lines = [" ".join(line.split()) for line in "".join(parser.parts).split("\n")]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip()
