"""What the tags of an HTML e-mail are and hold: hidden or seen, quote or layout, data, picture or words."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from bs4 import Tag
from bs4.builder import HTMLTreeBuilder
from bs4.element import NavigableString, PageElement

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
CELLS = frozenset({"td", "th"})
BLOCKS = frozenset({"html", "body", "center", "caption", "legend", "option", "details", "summary", "tr", "td", "th"})
BLOCKS |= HTMLTreeBuilder.DEFAULT_BLOCK_ELEMENTS
_NOT_IN_DATA = ["table", "ul", "ol", "pre", "blockquote", "hr", *HEADINGS]
_QUOTES = frozenset({"gmail_quote", "protonmail_quote", "yahoo_quoted"})

_FROM = re.compile(
    r"(from|von|de|da|van|od|från|fra|lähettäjä|kimden|feladó|от|від|מאת|من|发件人|寄件者|差出人|보낸 사람)\s?[:：]",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[^\W\d_][^:：\n]{0,24}[:：]")
DASHED = re.compile(r"[-_]{3,}(?: ?[^\W_]{1,20}){0,4} ?[-_]{3,}")

_CHARACTERS: dict[int, str | None] = dict.fromkeys((*range(32), 0x7F, 0xAD, 0x34F, 0x180E, 0x200B, 0xFEFF), None)
_CHARACTERS |= dict.fromkeys(range(0x2060, 0x2065), None)
_CHARACTERS |= {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_CHARACTERS |= dict.fromkeys((0x9, 0xA0, 0x202F, 0x205F, *range(0x2000, 0x200B)), " ")
_CHARACTERS |= dict.fromkeys((0xA, 0xB, 0xC, 0x2028, 0x2029), "\n")
_STRAY_JOINER = re.compile(r"(?<![^\s\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\s\x00-\x7f])")
"""Joiners belong between the letters of Persian and the parts of an emoji; elsewhere they are filler."""

ZERO = re.compile(r"(0+(\.0*)?|\.0+)([a-z]{2,4}|%)?")
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d{0,9})?\s*(?:px)?\s*")
_ICON = 24
"""Pixels; a smaller image without a description is an ornament."""


def cleaned(text: str) -> str:
    """Take out characters that show nothing, and write every blank and line end the same way."""
    return _STRAY_JOINER.sub("", text.translate(_CHARACTERS))


def attribute(tag: Tag, name: str) -> str:
    """What an attribute says; empty if the tag has none of this name."""
    value = tag.get(name)
    return value if isinstance(value, str) else " ".join(value or ())


def style_of(tag: Tag) -> dict[str, str]:
    """The properties a tag's own `style` sets, in small letters."""
    pairs = (part.partition(":") for part in attribute(tag, "style").lower().split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def is_hidden(tag: Tag, style: dict[str, str]) -> bool:
    """Whether a reader sees nothing of a tag and of what it holds."""
    if tag.has_attr("hidden") or style.get("display") == "none":
        return True
    if style.get("visibility") in ("hidden", "collapse") or ZERO.fullmatch(style.get("opacity", "")):
        return True
    if style.get("mso-hide") == "all" and tag.name != "a":  # a button everywhere but in Outlook
        return True
    return "hidden" in style.get("overflow", "") and any(
        ZERO.fullmatch(style.get(side, "")) for side in ("max-height", "height", "max-width", "width")
    )


def is_tight(tag: Tag, style: dict[str, str]) -> bool:
    """Whether a paragraph is a line: Word and Outlook put empty paragraphs where they want space."""
    if attribute(tag, "class").startswith("Mso"):
        return True
    margins = style.get("margin", "").split()[:1] or [style.get("margin-top", ""), style.get("margin-bottom", "")]
    return all(ZERO.fullmatch(margin) for margin in margins)


def is_quote(tag: Tag, style: dict[str, str]) -> bool:
    """Whether a tag holds what somebody else wrote before."""
    classes = attribute(tag, "class").split()
    if tag.name == "blockquote":
        indented = style.get("border", "").startswith(("none", "0")) and "border-left" not in style
        return bool(classes) or tag.get("type") == "cite" or not indented  # web mailers have an "indent" button
    return not _QUOTES.isdisjoint(classes) and tag.find("blockquote", recursive=False) is None


def reply_head(start: PageElement) -> NavigableString | None:
    """The text at which the header block of a quoted mail ("From: Sent: To:") begins, if one follows here."""
    lines: list[str] = [""]
    first: list[NavigableString] = []
    for node in islice(start.next_elements, 120):
        if isinstance(node, Tag):
            if node.name == "br" or node.name in BLOCKS:
                lines.append("")
        elif isinstance(node, NavigableString):
            text = " ".join(node[:300].split())
            if text and not DASHED.fullmatch(text):
                first.append(node)
                lines[-1] += text
        if len(lines) > 24:
            break
    shown = [line for line in lines if line][:5]
    if not shown or not _FROM.match(shown[0]) or sum(bool(_LABEL.match(line)) for line in shown) < 3:
        return None
    return first[0]


def is_data(table: Tag) -> bool:
    """Whether a table holds data, not layout: two rows or more with words in two cells or more."""
    if attribute(table, "role") in ("presentation", "none") or table.find(_NOT_IN_DATA) is not None:
        return False
    rows: list[list[int]] = []
    for node in table.descendants:
        if isinstance(node, Tag):
            if node.name == "tr":
                rows.append([])
            elif node.name in CELLS and rows:
                rows[-1].append(0)
        elif isinstance(node, NavigableString) and rows and rows[-1]:
            rows[-1][-1] += len(node.strip())
    wide = [row for row in rows if sum(length > 0 for length in row) > 1]
    return len(wide) > (table.find("th") is None) and max(map(max, wide)) < 300


def in_one_line(row: Tag) -> bool:
    """Whether a row of a layout table is a few short words side by side, as in "Total  30"."""
    cells = [cell for cell in row.contents if isinstance(cell, Tag)]
    return len(cells) > 1 and all(
        cell.name in CELLS and cell.find(["br", "img", *BLOCKS]) is None and len(cell.get_text().strip()) <= 40
        for cell in cells
    )


def picture(tag: Tag, style: dict[str, str]) -> str:
    """An image in words: its description, `[image]` if it has none but shows something, or nothing."""
    source = attribute(tag, "src").strip().lower()
    alt = " ".join(cleaned(attribute(tag, "alt")).split())
    sizes = [_PIXELS.fullmatch(attribute(tag, side) or style.get(side, "")) for side in ("width", "height")]
    pixels = [int(size[1]) for size in sizes if size is not None]
    if pixels and max(pixels) <= 2:
        return ""
    if alt:
        emoji = "emoji" in attribute(tag, "class") + source or all(_pictorial(character) for character in alt)
        return alt if emoji else f"[image: {alt}]"
    attached = source.startswith(("data:", "cid:"))
    if tag.has_attr("alt") and not attached:  # an empty description is how HTML says "ornament"
        return ""
    return "[image]" if min(pixels, default=_ICON * source.startswith("data:")) >= _ICON else ""


def _pictorial(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Mn", "Me", "Cf", "Cn")


def fills_a_line(blank: NavigableString) -> bool:
    """Whether a non-breaking space is all that a paragraph holds: somebody wanted an empty line."""
    only: NavigableString | Tag = blank
    while only.parent is not None and len(only.parent.contents) == 1:
        only = only.parent
        if only.name in BLOCKS:
            return only.name in ("p", "div")
    return False


def is_long(tag: Tag) -> bool:
    """Whether a tag holds more than a short line of text."""
    return sum(len(node.strip()) for node in islice(tag.descendants, 200) if isinstance(node, NavigableString)) > 80


def number_in(tag: Tag, name: str, otherwise: int) -> int:
    """The whole number an attribute holds, or `otherwise`."""
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*", attribute(tag, name))
    return int(found[1]) if found else otherwise
