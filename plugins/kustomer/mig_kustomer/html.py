"""Reads an HTML e-mail as the text a support agent wants to see in a chat inbox.

BeautifulSoup parses, `_Gist` copies what a reader would see into a shallow tree (no wrappers, no layout, nothing
hidden), and `_Writer`, a converter of markdownify, writes that tree down. Lines are kept apart by marks until the
container around them is written, because what a border between two blocks amounts to depends on both sides of it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from html.entities import html5
from itertools import islice
from urllib.parse import parse_qs, unquote

from bs4 import BeautifulSoup, Tag
from bs4.builder import HTMLTreeBuilder
from bs4.element import NavigableString, PageElement, PreformattedString
from markdownify import MarkdownConverter

_BREAK, _EDGE, _GAP, _CELL, _INDENT = "\x01\x02\x03\x04\x05"
"""A line break, the edge of a block, the edge of a paragraph, the end of a table cell, a space that stays."""

_DEEPEST = 40
"""Levels of quotes, lists and links kept apart; what nests deeper is shown at this level. Bounds the recursion."""
_BOTTOM = 400
"""Levels of tags below which only text and its lines are read: to ask a tag what it holds takes time per level."""

_UNSEEN_TAGS = frozenset({"style", "script", "title", "template", "xml", "svg", "meta", "link", "base"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_PARAGRAPHS = frozenset({"p", "table", "ul", "ol", "pre", "blockquote", *_HEADINGS})
_BLOCKS = frozenset({"html", "body", "center", "caption", "legend", "option", "details", "summary", "tr", "td", "th"})
_BLOCKS |= HTMLTreeBuilder.DEFAULT_BLOCK_ELEMENTS
_INLINE = {"b": "b", "strong": "b", "i": "i", "em": "i", "del": "del", "s": "del", "strike": "del", "q": "q"}
_INLINE |= dict.fromkeys(("code", "tt", "kbd", "samp"), "code")
_NOT_IN_DATA = ["table", "ul", "ol", "pre", "blockquote", "hr", *_HEADINGS]
_QUOTES = frozenset({"gmail_quote", "protonmail_quote", "yahoo_quoted"})

_FROM = re.compile(
    r"(from|von|de|da|van|od|från|fra|lähettäjä|kimden|feladó|от|від|מאת|من|发件人|寄件者|差出人|보낸 사람)\s?[:：]",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[^\W\d_][^:：\n]{0,24}[:：]")
_DASHED = re.compile(r"[-_]{3,}(?: ?[^\W_]{1,20}){0,4} ?[-_]{3,}")

_NO_TAG = re.compile(r"<(?!/?[a-zA-Z])|<(?=[^\s<>@]{1,200}@[^\s<>]{1,200}>|https?://|mailto:)")
"""A "<" that opens no tag: "i <3 u", and the address of "Ada <ada@example.org>" that somebody forgot to escape."""
_LONG_REFERENCE = re.compile("&#(?=[0-9a-zA-Z]{9})")
_REFERENCE = re.compile("&([a-zA-Z][a-zA-Z0-9]{0,31}[=;])")
"""What looks like an entity; "&region=" in a link and "&chips;" in a text are none, though parsers see "&reg"."""
_DECLARATION = re.compile("<[!?][^>]*>")

_CHARACTERS: dict[int, str | None] = dict.fromkeys((*range(32), 0x7F, 0xAD, 0x34F, 0x180E, 0x200B, 0xFEFF), None)
_CHARACTERS |= dict.fromkeys(range(0x2060, 0x2065), None)
_CHARACTERS |= {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_CHARACTERS |= dict.fromkeys((0x9, 0xA0, 0x202F, 0x205F, *range(0x2000, 0x200B)), " ")
_CHARACTERS |= dict.fromkeys((0xA, 0xB, 0xC, 0x2028, 0x2029), "\n")
_STRAY_JOINER = re.compile(r"(?<![^\s\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\s\x00-\x7f])")
"""Joiners belong between the letters of Persian and the parts of an emoji; elsewhere they are filler."""

_MARKS = f"{_BREAK}{_EDGE}{_GAP}{_CELL}"
_PIECE = re.compile(f"[^{_MARKS}]+")
_PIECE_AND_MARK = re.compile(f"([^{_MARKS}]*)([{_MARKS}]?)")
_SEEN = re.compile(rf"[^\s{_INDENT}\u200c-\u200f\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"\w")
_SPACES = re.compile(" {2,}")

_ZERO = re.compile(r"(0+(\.0*)?|\.0+)([a-z]{2,4}|%)?")
_RELATIVE = re.compile(r"[\d.]+(em|ex|%)|smaller|larger|inherit")
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d{0,9})?\s*(?:px)?\s*")
_ICON = 24
"""Pixels; a smaller image without a description is an ornament."""

_SCHEME = re.compile("([a-z][a-z0-9+-]*):", re.IGNORECASE)
_NO_LINK = frozenset({"javascript", "data", "vbscript", "file", "cid", "mid", "about", "blob"})
_NOT_IN_LINK = re.compile(r"[\x00-\x1f\x7f-\xa0\u2028\u2029]")
_REDIRECT = re.compile(
    r"https?://([\w.-]+\.safelinks\.protection\.outlook\.com/[^?]*|www\.google\.com/url|l\.facebook\.com/l\.php)\?",
    re.IGNORECASE,
)
_TRACKING = re.compile(r"(utm_\w+|mc_[ce]id|fbclid|gclid|msclkid|_hsenc|_hsmi|mkt_tok)(=|$)")


def to_text(html: str) -> str:
    """Turn an HTML e-mail into text that reads well in an inbox with a little Markdown.

    Quoted replies, signatures and links stay; hidden parts, layout and tracking pixels go. A string without any
    markup is plain text and keeps its lines. It never raises, and the same mail always gives the same text.

    Args:
        html: The mail as it came, well-formed or not.

    Returns:
        Lines without trailing blanks, at most one empty line in a row outside code; empty if nothing is visible.
    """
    source = _parse(html)
    gist = _Gist(lines=_has_lines_of_its_own(source))
    gist.copy(source)
    text = _Writer().convert_soup(gist.soup).replace(_INDENT, " ")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _parse(html: str) -> BeautifulSoup:
    """Parse after taking out what the parser rejects or needs quadratic time for: only tags and text remain."""
    html = _without_comments(html.replace("\r\n", "\n").replace("\r", "\n"))
    end = html.rfind(">") + 1  # after the last ">" no tag can end, so none begins
    html = _DECLARATION.sub("", html[:end]) + html[end:].replace("<", "&lt;")
    html = _LONG_REFERENCE.sub("&amp;#", _NO_TAG.sub("&lt;", html))
    html = _REFERENCE.sub(lambda found: found[0] if found[1] in html5 else f"&amp;{found[1]}", html)
    return BeautifulSoup(f"<html>{html}", "html.parser")  # a bare file name would earn a warning


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        end = html.find("-->", start + 2)
        if end < 0:  # cut off somewhere: better a stray word than a lost mail
            break
        kept.append(html[at:start])
        at = end + 3
    return "".join(kept) + html[at:].replace("<!--", "")


def _has_lines_of_its_own(source: BeautifulSoup) -> bool:
    """Whether this is plain text in at most one wrapper, whose line ends a browser would swallow."""
    if len(source.find_all(True, limit=2)) == 1:  # the <html> of `_parse`: no markup at all
        return True
    found = source.find_all(["br", "hr", *(_BLOCKS - {"html", "body"})], limit=2)
    if [tag.name for tag in found] not in ([], ["div"]):
        return False
    lines = source.get_text().strip().split("\n")
    short = max(map(len, lines)) < 60  # mail programs fold HTML at about 76 columns, people write short lines
    return short or not all(line.strip() for line in lines)


def _clean(text: str) -> str:
    return _STRAY_JOINER.sub("", text.translate(_CHARACTERS))


def _attribute(tag: Tag, name: str) -> str:
    value = tag.get(name)
    return value if isinstance(value, str) else " ".join(value or ())


def _style(tag: Tag) -> dict[str, str]:
    pairs = (part.partition(":") for part in _attribute(tag, "style").lower().split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def _hidden(tag: Tag, style: dict[str, str]) -> bool:
    if tag.has_attr("hidden") or style.get("display") == "none":
        return True
    if style.get("visibility") in ("hidden", "collapse") or _ZERO.fullmatch(style.get("opacity", "")):
        return True
    if style.get("mso-hide") == "all" and tag.name != "a":  # a button everywhere but in Outlook
        return True
    return "hidden" in style.get("overflow", "") and any(
        _ZERO.fullmatch(style.get(side, "")) for side in ("max-height", "height", "max-width", "width")
    )


def _tight(tag: Tag, style: dict[str, str]) -> bool:
    """Whether a paragraph is a line: Word and Outlook put empty paragraphs where they want space."""
    if _attribute(tag, "class").startswith("Mso"):
        return True
    margins = style.get("margin", "").split()[:1] or [style.get("margin-top", ""), style.get("margin-bottom", "")]
    return all(_ZERO.fullmatch(margin) for margin in margins)


def _is_quote(tag: Tag, style: dict[str, str]) -> bool:
    classes = _attribute(tag, "class").split()
    if tag.name == "blockquote":
        indented = style.get("border", "").startswith(("none", "0")) and "border-left" not in style
        return bool(classes) or tag.get("type") == "cite" or not indented  # web mailers have an "indent" button
    return not _QUOTES.isdisjoint(classes) and tag.find("blockquote", recursive=False) is None


def _reply_head(start: PageElement) -> NavigableString | None:
    """The text at which the header block of a quoted mail ("From: Sent: To:") begins, if one follows here."""
    lines: list[str] = [""]
    first: list[NavigableString] = []
    for node in islice(start.next_elements, 120):
        if isinstance(node, Tag):
            if node.name == "br" or node.name in _BLOCKS:
                lines.append("")
        elif isinstance(node, NavigableString):
            text = " ".join(node[:300].split())
            if text and not _DASHED.fullmatch(text):
                first.append(node)
                lines[-1] += text
        if len(lines) > 24:
            break
    shown = [line for line in lines if line][:5]
    if not shown or not _FROM.match(shown[0]) or sum(bool(_LABEL.match(line)) for line in shown) < 3:
        return None
    return first[0]


def _is_data(table: Tag) -> bool:
    """Whether a table holds data, not layout: two rows or more with words in two cells or more."""
    if _attribute(table, "role") in ("presentation", "none") or table.find(_NOT_IN_DATA) is not None:
        return False
    rows: list[list[int]] = []
    for node in table.descendants:
        if isinstance(node, Tag):
            if node.name == "tr":
                rows.append([])
            elif node.name in _CELLS and rows:
                rows[-1].append(0)
        elif isinstance(node, NavigableString) and rows and rows[-1]:
            rows[-1][-1] += len(node.strip())
    wide = [row for row in rows if sum(length > 0 for length in row) > 1]
    return len(wide) > (table.find("th") is None) and max(map(max, wide)) < 300


def _in_one_line(row: Tag) -> bool:
    """Whether a row of a layout table is a few short words side by side, as in "Total  30"."""
    cells = [cell for cell in row.contents if isinstance(cell, Tag)]
    return len(cells) > 1 and all(
        cell.name in _CELLS and cell.find(["br", "img", *_BLOCKS]) is None and len(cell.get_text().strip()) <= 40
        for cell in cells
    )


def _picture(tag: Tag, style: dict[str, str]) -> str:
    """An image in words: its description, `[image]` if it has none but shows something, or nothing."""
    source = _attribute(tag, "src").strip().lower()
    alt = " ".join(_clean(_attribute(tag, "alt")).split())
    sizes = [_PIXELS.fullmatch(_attribute(tag, side) or style.get(side, "")) for side in ("width", "height")]
    pixels = [int(size[1]) for size in sizes if size is not None]
    if pixels and max(pixels) <= 2:
        return ""
    if alt:
        emoji = "emoji" in _attribute(tag, "class") + source or all(_pictorial(character) for character in alt)
        return alt if emoji else f"[image: {alt}]"
    attached = source.startswith(("data:", "cid:"))
    if tag.has_attr("alt") and not attached:  # an empty description is how HTML says "ornament"
        return ""
    return "[image]" if min(pixels, default=_ICON * source.startswith("data:")) >= _ICON else ""


def _pictorial(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Mn", "Me", "Cf", "Cn")


def _target(href: str) -> str:
    """Where a link leads, as a person would write it: no `mailto:`, no redirects and counters of senders."""
    href = _NOT_IN_LINK.sub("", href.strip())
    scheme = _SCHEME.match(href)
    name = scheme[1].lower() if scheme else ""
    if name in ("mailto", "tel", "sms"):
        href = unquote(href[len(name) + 1 :].partition("?")[0]).strip("/")
    elif name in ("http", "https"):
        href = _direct(href)
    elif name in _NO_LINK or (scheme is None and not href.startswith(("//", "www."))):
        return ""
    href = _NOT_IN_LINK.sub("", href.strip()).replace(" ", "%20")
    return f"https:{href}" if href.startswith("//") else href


def _direct(url: str) -> str:
    if _REDIRECT.match(url):
        fields = parse_qs(url.partition("?")[2])
        inner = next((fields[name][0] for name in ("url", "q", "u") if name in fields), "")
        url = inner if inner.startswith(("http://", "https://")) else url
    before, mark, query = url.partition("?")
    query, hash_, fragment = query.partition("#")
    kept = "&".join(part for part in query.split("&") if not _TRACKING.match(part))
    return before + (mark if kept else "") + kept + hash_ + fragment


def _bare(url: str) -> str:
    return re.sub("^(https?://)?(www[.])?", "", url.strip().casefold()).rstrip("/")


def _says(text: str, target: str, href: str) -> bool:
    """Whether a link's text already shows where it leads."""
    digits = re.sub(r"\D", "", text)
    if re.fullmatch(r"[\d\s()+./-]+", target) and len(digits) > 4:
        return re.sub(r"\D", "", target).endswith(digits.lstrip("0"))
    return target in text or _bare(text) in (_bare(target), _bare(href))


@dataclass(frozen=True, slots=True)
class _Mood:
    """What a part of a mail passes on to the parts inside it."""

    lines: bool = False  # line ends of the source are line breaks
    tiny: bool = False  # written in size 0
    heading: bool = False
    verbatim: bool = False  # inside <pre>
    data: bool = False  # inside a data table
    row: bool = False  # inside a layout row that reads as one line


@dataclass(frozen=True, slots=True)
class _Exit:
    """What to restore once the children of a tag are copied."""

    opened: Tag | None
    mark: str
    mood: _Mood


class _Gist:
    """Copies what a reader sees of a mail into a tree of its own, without recursion.

    Args:
        lines: Whether line ends of the source count.
    """

    def __init__(self, *, lines: bool) -> None:
        self.soup = BeautifulSoup("", "html.parser")
        self._path: list[Tag] = [self.soup]
        self._text: list[str] = []
        self._mood = _Mood(lines=lines)
        self._head: NavigableString | None = None
        self._plain = False
        self._depth = 0

    def copy(self, source: Tag) -> None:
        """Copy everything inside `source`."""
        only = source.find("pre")
        self._plain = only is not None and only.get_text().strip() == source.get_text().strip()
        waiting: list[PageElement | _Exit] = list(reversed(source.contents))
        while waiting:
            node = waiting.pop()
            if isinstance(node, _Exit):
                self._shut(node.opened)
                self._text.append(node.mark)
                self._mood = node.mood
                self._depth -= 1
            elif isinstance(node, Tag):
                left = self._enter(node)
                if left is not None:
                    waiting.append(left)
                    waiting.extend(reversed(node.contents))
            elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
                self._say(node)
        self._flush()

    def _enter(self, tag: Tag) -> _Exit | None:
        """Open what stands for a tag; None if nothing inside it is to be copied."""
        style = _style(tag) if tag.has_attr("style") else {}
        if tag.name in _UNSEEN_TAGS or _hidden(tag, style):
            return None
        if tag.name == "br":
            self._text.append(_BREAK)
        elif tag.name == "hr":
            self._text.append(f"{_GAP}---{_GAP}")
            self._quote_reply(tag)
        elif tag.name == "img":
            self._text.append(_picture(tag, style))
        elif style.get("mso-list") == "ignore":  # the bullet Word drew itself
            drawn = _clean(tag.get_text()).strip()
            self._text.append(f"{drawn} " if re.fullmatch(r"\w{1,6}[.)]", drawn) else "* ")
        else:
            return self._open_for(tag, style)
        return None

    def _say(self, text: NavigableString) -> None:
        if self._mood.tiny:
            return
        words = text.strip()
        if len(words) < 100 and _DASHED.fullmatch(words):  # -----Original Message-----
            self._quote_reply(text)
        if not words and "\xa0" in text and _fills_a_line(text):
            self._text.append(_BREAK)
            return
        clean = _clean(text)
        self._text.append(clean.replace("\n", _BREAK) if self._mood.lines and not self._mood.verbatim else clean)

    def _open_for(self, tag: Tag, style: dict[str, str]) -> _Exit:
        before = self._mood
        self._depth += 1
        if self._depth > _BOTTOM:
            mark = _GAP if tag.name in _PARAGRAPHS else _EDGE if tag.name in _BLOCKS else ""
            self._text.append(mark)
            return _Exit(None, mark, before)
        outlook = tag.get("id") == "divRplyFwdMsg"
        bordered = tag.name in _BLOCKS and (outlook or "solid" in style.get("border-top", ""))
        if bordered:
            self._quote_reply(tag)
        self._mood = self._changed(tag, style)
        opened = self._opened(tag, style)
        mark = "" if opened is not None else _GAP if bordered else self._mark(tag, style)
        level = re.search(r"level([2-9])", style.get("mso-list", ""))
        self._text.append(mark + _INDENT * (2 * int(level[1]) - 2 if level else 0))
        if opened is not None and opened.name in ("pre", "table"):
            self._mood = replace(self._mood, verbatim=opened.name == "pre", data=opened.name == "table")
        return _Exit(opened, mark, before)

    def _changed(self, tag: Tag, style: dict[str, str]) -> _Mood:
        mood = self._mood
        size = style.get("font-size", "")
        if _ZERO.fullmatch(size):
            mood = replace(mood, tiny=True)
        elif mood.tiny and size and not _RELATIVE.fullmatch(size):  # mails set 0 on a cell and a size inside it
            mood = replace(mood, tiny=False)
        if style.get("white-space", "").startswith(("pre", "break-spaces")):
            mood = replace(mood, lines=True)
        if tag.name in _HEADINGS:
            mood = replace(mood, heading=True)
        if tag.name == "tr" and not mood.data:
            mood = replace(mood, row=_in_one_line(tag))
        return mood

    def _mark(self, tag: Tag, style: dict[str, str]) -> str:
        """What stands at both ends of a tag that is not copied itself."""
        if tag.name in _CELLS:
            if self._mood.row:
                return " "
            first = tag.find(list(_BLOCKS))
            roomy = first is not None and not (first.name == "p" and _tight(first, _style(first)))
            return _GAP if roomy or _is_long(tag) else _EDGE
        if tag.name == "p" and _tight(tag, style):
            return _EDGE
        if tag.name in _PARAGRAPHS:
            return _GAP
        return _EDGE if tag.name in _BLOCKS else ""

    def _opened(self, tag: Tag, style: dict[str, str]) -> Tag | None:
        """Open the tag's counterpart in the copy, if it has one."""
        name = tag.name
        if _is_quote(tag, style) and not self._mood.data:
            self._head = _reply_head(tag) or self._head  # quoted already
            return self._open("blockquote")
        if name in ("ul", "ol"):
            self._into_last_entry()
            return self._open(name, start=str(_number(tag, "start", 1)))
        if name == "li":
            return self._open_entry(tag)
        if name == "table" and _is_data(tag):
            return self._open("table")
        if self._mood.data and (name == "tr" or name in _CELLS):
            return self._open_cell(name)
        if name == "pre":
            quoted = _attribute(tag, "class").startswith("moz-") or self._plain
            return self._open("pre", title="text" if quoted else "code")
        if name == "a":
            href = _attribute(tag, "href")
            target = _target(href)
            return self._open("a", href=target, title=href) if target else None
        weight = style.get("font-weight", "")
        if name not in _INLINE or (_INLINE[name] == "b" and (self._mood.heading or weight in ("normal", "400"))):
            return None
        return self._open_inline(_INLINE[name])

    def _open_inline(self, name: str) -> Tag | None:
        self._flush()
        last = self._path[-1].contents[-1:]
        if last and isinstance(last[0], Tag) and last[0].name == name != "q":  # <b>a</b><b>b</b> is one word
            self._path.append(last[0])
            return last[0]
        return self._open(name)

    def _into_last_entry(self) -> None:
        """A list directly inside a list belongs to the entry before it, as web mailers mean it."""
        entries = self._path[-1].contents[-1:] if self._path[-1].name in ("ul", "ol") else []
        self._path.extend(entry for entry in entries if isinstance(entry, Tag) and entry.name == "li")

    def _open_entry(self, tag: Tag) -> Tag | None:
        self._shut_within(("li",), ("ul", "ol", "blockquote", "table"))
        around = self._path[-1]
        if around.name != "ol":
            return self._open("li")
        number = _number(tag, "value", _number(around, "start", 1))
        around["start"] = str(number + 1)
        return self._open("li", value=str(number))

    def _open_cell(self, name: str) -> Tag | None:
        if name == "tr":
            self._shut_within(("tr",), ("table",))
            return self._open("tr")
        self._shut_within(("td",), ("tr", "table"))
        names = [tag.name for tag in self._path]
        if "tr" not in names[-names[::-1].index("table") :]:
            self._open("tr")
        return self._open("td")

    def _quote_reply(self, start: PageElement) -> None:
        """Quote from here to the end of the part, if the header block of another mail follows."""
        head = _reply_head(start)
        if head is None or head is self._head:
            return
        self._head = head
        while self._path[-1].name in _INLINE or self._path[-1].name == "a":
            self._shut(self._path[-1])
        self._open("blockquote")

    def _open(self, name: str, **attributes: str) -> Tag | None:
        self._flush()
        if len(self._path) > _DEEPEST:
            return None
        tag = self.soup.new_tag(name, attrs=dict(attributes))
        self._path[-1].append(tag)
        self._path.append(tag)
        return tag

    def _shut_within(self, names: tuple[str, ...], border: tuple[str, ...]) -> None:
        """Shut the innermost of `names` that is open inside `border`: the end tag was left out."""
        for tag in reversed(self._path):
            if tag.name in border:
                return
            if tag.name in names:
                self._shut(tag)
                return

    def _shut(self, opened: Tag | None) -> None:
        if any(tag is opened for tag in self._path):
            self._flush()
            while self._path.pop() is not opened:
                pass

    def _flush(self) -> None:
        text, self._text = "".join(self._text), []
        if text.strip() or (text and self._path[-1].name not in ("ul", "ol", "table", "tr")):
            self._path[-1].append(NavigableString(text))


def _fills_a_line(blank: NavigableString) -> bool:
    """Whether a non-breaking space is all that a paragraph holds: somebody wanted an empty line."""
    only: NavigableString | Tag = blank
    while only.parent is not None and len(only.parent.contents) == 1:
        only = only.parent
        if only.name in _BLOCKS:
            return only.name in ("p", "div")
    return False


def _is_long(tag: Tag) -> bool:
    return sum(len(node.strip()) for node in islice(tag.descendants, 200) if isinstance(node, NavigableString)) > 80


def _number(tag: Tag, name: str, otherwise: int) -> int:
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*", _attribute(tag, name))
    return int(found[1]) if found else otherwise


def _flow(text: str) -> str:
    """Set the pieces between marks in lines."""
    lines: list[str] = []
    owed = 0
    for piece, mark in _PIECE_AND_MARK.findall(text):
        if _SEEN.search(piece):
            lines.append("\n" * min(owed, 2) if lines else "")
            lines.append(piece.strip() if "\n" in piece else _SPACES.sub(" ", piece.strip()))
            owed = 0
        owed = owed + 1 if mark == _BREAK else max(owed, (mark == _EDGE) + 2 * (mark == _GAP))
    return "".join(lines)


class _Writer(MarkdownConverter):
    """Writes the gist down; what is not said here is as markdownify does it."""

    def __init__(self) -> None:
        super().__init__(escape_asterisks=False, escape_underscores=False, wrap=True, wrap_width=None)

    def convert__document_(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _flow(text)

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = _flow(text)
        quoted = "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
        return f"{_GAP}{quoted}{_GAP}" if text else _EDGE

    def convert_ul(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        mark = _EDGE if "li" in parent_tags else _GAP
        return f"{mark}{text}{mark}"

    convert_ol = convert_ul

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        bullet = f"{el['value']}. " if el.has_attr("value") else "* "
        lines = _flow(text).replace("\n", "\n" + " " * len(bullet))
        return f"{_EDGE}{bullet}{lines}{_EDGE}" if lines else ""

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"{_GAP}{text}{_GAP}"

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        cells = [cell.strip() for cell in text.rstrip(_CELL + " ").split(_CELL)]
        if any(cell.count("\n") > 2 for cell in cells):  # the message of a contact form, not a value
            return _GAP + _EDGE.join(cells) + _GAP
        row = " | ".join(cells)
        return _EDGE + re.sub(r"(?<=[.,:;!?])\n+", " ", row).replace("\n", ", ") + _EDGE

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return _flow(text) + _CELL

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        text = re.sub(f"[{_EDGE}{_GAP}]+", "\n", text.replace(_BREAK, "\n").replace(_INDENT, " "))
        lines = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        if not lines:
            return _EDGE
        if el["title"] == "text":
            return _GAP + re.sub("\n{3,}", "\n\n", lines) + _GAP
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", lines)), default=0))
        return f"{_GAP}{fence}\n{lines}\n{fence}{_GAP}"

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        core = text.strip(f" \n{_MARKS}")
        if not core or "_noformat" in parent_tags:
            return text
        target, plain = _attribute(el, "href"), core.strip("*")
        if not _says(plain, target, _attribute(el, "title")):
            shown = f"{core} ({target})"
        else:
            shown = target if plain in target else core
        start = text.index(core)
        return text[:start] + shown + text[start + len(core) :]

    def convert_b(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Put signs around words, line by line; not around paragraphs, where somebody forgot an end tag."""
        if _GAP in text or el.name in parent_tags or "_noformat" in parent_tags:
            return text
        sign = {"b": "**", "i": "*", "del": "~~", "code": "`"}[el.name]

        def signed(piece: re.Match[str]) -> str:
            words = piece[0].strip()
            if "`" in words or not _WORD.search(words):
                return piece[0]
            return piece[0].replace(words, f"{sign}{words}{sign}", 1)

        return _PIECE.sub(signed, text)

    convert_i = convert_del = convert_code = convert_b
