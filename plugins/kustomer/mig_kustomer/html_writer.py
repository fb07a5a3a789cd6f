"""Writes the shallow tree of an HTML e-mail down as lines with a little Markdown.

Lines are kept apart by marks until the container around them is written, because what a border between two blocks
amounts to depends on both sides of it.
"""

from __future__ import annotations

import re

from bs4 import Tag
from markdownify import MarkdownConverter

from mig_kustomer.html_links import says
from mig_kustomer.html_tags import attribute

BREAK, EDGE, GAP, CELL, INDENT = "\x01\x02\x03\x04\x05"
"""A line break, the edge of a block, the edge of a paragraph, the end of a table cell, a space that stays."""

_MARKS = f"{BREAK}{EDGE}{GAP}{CELL}"
_PIECE = re.compile(f"[^{_MARKS}]+")
_PIECE_AND_MARK = re.compile(f"([^{_MARKS}]*)([{_MARKS}]?)")
_SEEN = re.compile(rf"[^\s{INDENT}\u200c-\u200f\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"\w")
_SPACES = re.compile(" {2,}")


def _flow(text: str) -> str:
    """Set the pieces between marks in lines."""
    lines: list[str] = []
    owed = 0
    for piece, mark in _PIECE_AND_MARK.findall(text):
        if _SEEN.search(piece):
            lines.append("\n" * min(owed, 2) if lines else "")
            lines.append(piece.strip() if "\n" in piece else _SPACES.sub(" ", piece.strip()))
            owed = 0
        owed = owed + 1 if mark == BREAK else max(owed, (mark == EDGE) + 2 * (mark == GAP))
    return "".join(lines)


class Writer(MarkdownConverter):
    """Writes the gist down; what is not said here is as markdownify does it."""

    def __init__(self) -> None:
        super().__init__(escape_asterisks=False, escape_underscores=False, wrap=True, wrap_width=None)

    def convert__document_(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _flow(text)

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = _flow(text)
        quoted = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
        return f"{GAP}{quoted}{GAP}" if text else EDGE

    def convert_ul(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        mark = EDGE if "li" in parent_tags else GAP
        return f"{mark}{text}{mark}"

    convert_ol = convert_ul

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        bullet = f"{el['value']}. " if el.has_attr("value") else "* "
        lines = _flow(text).replace("\n", "\n" + " " * len(bullet))
        return f"{EDGE}{bullet}{lines}{EDGE}" if lines else ""

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"{GAP}{text}{GAP}"

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        cells = [cell.strip() for cell in text.rstrip(CELL + " ").split(CELL)]
        if any(cell.count("\n") > 2 for cell in cells):  # the message of a contact form, not a value
            return GAP + EDGE.join(cells) + GAP
        row = " | ".join(cells)
        return EDGE + re.sub(r"(?<=[.,:;!?])\n+", " ", row).replace("\n", ", ") + EDGE

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _flow(text) + CELL

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = re.sub(f"[{EDGE}{GAP}]+", "\n", text.replace(BREAK, "\n").replace(INDENT, " "))
        lines = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        if not lines:
            return EDGE
        if el["title"] == "text":
            return GAP + re.sub("\n{3,}", "\n\n", lines) + GAP
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", lines)), default=0))
        return f"{GAP}{fence}\n{lines}\n{fence}{GAP}"

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = text.strip(f" \n{_MARKS}")
        if not core or "_noformat" in parent_tags:
            return text
        target, plain = attribute(el, "href"), core.strip("*")
        if not says(plain, target, attribute(el, "title")):
            shown = f"{core} ({target})"
        else:
            shown = target if plain in target else core
        start = text.index(core)
        return text[:start] + shown + text[start + len(core) :]

    def convert_b(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Put signs around words, line by line; not around paragraphs, where somebody forgot an end tag."""
        if GAP in text or el.name in parent_tags or "_noformat" in parent_tags:
            return text
        sign = {"b": "**", "i": "*", "del": "~~", "code": "`"}[el.name]

        def signed(piece: re.Match[str]) -> str:
            words = piece[0].strip()
            if "`" in words or not _WORD.search(words):
                return piece[0]
            return piece[0].replace(words, f"{sign}{words}{sign}", 1)

        return _PIECE.sub(signed, text)

    convert_i = convert_del = convert_code = convert_b
