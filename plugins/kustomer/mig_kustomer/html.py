"""Reads an HTML e-mail as the text a support agent wants to see in a chat inbox.

BeautifulSoup parses, `_Gist` copies what a reader would see into a shallow tree (no wrappers, no layout, nothing
hidden), and `Writer`, a converter of markdownify, writes that tree down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html.entities import html5

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

from mig_kustomer.html_links import target_of
from mig_kustomer.html_tags import (
    BLOCKS,
    CELLS,
    DASHED,
    HEADINGS,
    ZERO,
    attribute,
    cleaned,
    fills_a_line,
    in_one_line,
    is_data,
    is_hidden,
    is_long,
    is_quote,
    is_tight,
    number_in,
    picture,
    reply_head,
    style_of,
)
from mig_kustomer.html_writer import BREAK, EDGE, GAP, INDENT, Writer

_DEEPEST = 40
"""Levels of quotes, lists and links kept apart; what nests deeper is shown at this level. Bounds the recursion."""
_BOTTOM = 400
"""Levels of tags below which only text and its lines are read: to ask a tag what it holds takes time per level."""

_UNSEEN_TAGS = frozenset({"style", "script", "title", "template", "xml", "svg", "meta", "link", "base"})
_PARAGRAPHS = frozenset({"p", "table", "ul", "ol", "pre", "blockquote", *HEADINGS})
_INLINE = {"b": "b", "strong": "b", "i": "i", "em": "i", "del": "del", "s": "del", "strike": "del", "q": "q"}
_INLINE |= dict.fromkeys(("code", "tt", "kbd", "samp"), "code")

_NO_TAG = re.compile(r"<(?!/?[a-zA-Z])|<(?=[^\s<>@]{1,200}@[^\s<>]{1,200}>|https?://|mailto:)")
"""A "<" that opens no tag: "i <3 u", and the address of "Ada <ada@example.org>" that somebody forgot to escape."""
_LONG_REFERENCE = re.compile("&#(?=[0-9a-zA-Z]{9})")
_REFERENCE = re.compile("&([a-zA-Z][a-zA-Z0-9]{0,31}[=;])")
"""What looks like an entity; "&region=" in a link and "&chips;" in a text are none, though parsers see "&reg"."""
_DECLARATION = re.compile("<[!?][^>]*>")

_RELATIVE = re.compile(r"[\d.]+(em|ex|%)|smaller|larger|inherit")


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
    text = Writer().convert_soup(gist.soup).replace(INDENT, " ")
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
    found = source.find_all(["br", "hr", *(BLOCKS - {"html", "body"})], limit=2)
    if [tag.name for tag in found] not in ([], ["div"]):
        return False
    lines = source.get_text().strip().split("\n")
    short = max(map(len, lines)) < 60  # mail programs fold HTML at about 76 columns, people write short lines
    return short or not all(line.strip() for line in lines)


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
        style = style_of(tag) if tag.has_attr("style") else {}
        if tag.name in _UNSEEN_TAGS or is_hidden(tag, style):
            return None
        if tag.name == "br":
            self._text.append(BREAK)
        elif tag.name == "hr":
            self._text.append(f"{GAP}---{GAP}")
            self._quote_reply(tag)
        elif tag.name == "img":
            self._text.append(picture(tag, style))
        elif style.get("mso-list") == "ignore":  # the bullet Word drew itself
            drawn = cleaned(tag.get_text()).strip()
            self._text.append(f"{drawn} " if re.fullmatch(r"\w{1,6}[.)]", drawn) else "* ")
        else:
            return self._open_for(tag, style)
        return None

    def _say(self, text: NavigableString) -> None:
        if self._mood.tiny:
            return
        words = text.strip()
        if len(words) < 100 and DASHED.fullmatch(words):  # -----Original Message-----
            self._quote_reply(text)
        if not words and "\xa0" in text and fills_a_line(text):
            self._text.append(BREAK)
            return
        clean = cleaned(text)
        self._text.append(clean.replace("\n", BREAK) if self._mood.lines and not self._mood.verbatim else clean)

    def _open_for(self, tag: Tag, style: dict[str, str]) -> _Exit:
        before = self._mood
        self._depth += 1
        if self._depth > _BOTTOM:
            mark = GAP if tag.name in _PARAGRAPHS else EDGE if tag.name in BLOCKS else ""
            self._text.append(mark)
            return _Exit(None, mark, before)
        outlook = tag.get("id") == "divRplyFwdMsg"
        bordered = tag.name in BLOCKS and (outlook or "solid" in style.get("border-top", ""))
        if bordered:
            self._quote_reply(tag)
        self._mood = self._changed(tag, style)
        opened = self._opened(tag, style)
        mark = "" if opened is not None else GAP if bordered else self._mark(tag, style)
        level = re.search(r"level([2-9])", style.get("mso-list", ""))
        self._text.append(mark + INDENT * (2 * int(level[1]) - 2 if level else 0))
        if opened is not None and opened.name in ("pre", "table"):
            self._mood = replace(self._mood, verbatim=opened.name == "pre", data=opened.name == "table")
        return _Exit(opened, mark, before)

    def _changed(self, tag: Tag, style: dict[str, str]) -> _Mood:
        mood = self._mood
        size = style.get("font-size", "")
        if ZERO.fullmatch(size):
            mood = replace(mood, tiny=True)
        elif mood.tiny and size and not _RELATIVE.fullmatch(size):  # mails set 0 on a cell and a size inside it
            mood = replace(mood, tiny=False)
        if style.get("white-space", "").startswith(("pre", "break-spaces")):
            mood = replace(mood, lines=True)
        if tag.name in HEADINGS:
            mood = replace(mood, heading=True)
        if tag.name == "tr" and not mood.data:
            mood = replace(mood, row=in_one_line(tag))
        return mood

    def _mark(self, tag: Tag, style: dict[str, str]) -> str:
        """What stands at both ends of a tag that is not copied itself."""
        if tag.name in CELLS:
            if self._mood.row:
                return " "
            first = tag.find(list(BLOCKS))
            roomy = first is not None and not (first.name == "p" and is_tight(first, style_of(first)))
            return GAP if roomy or is_long(tag) else EDGE
        if tag.name == "p" and is_tight(tag, style):
            return EDGE
        if tag.name in _PARAGRAPHS:
            return GAP
        return EDGE if tag.name in BLOCKS else ""

    def _opened(self, tag: Tag, style: dict[str, str]) -> Tag | None:
        """Open the tag's counterpart in the copy, if it has one."""
        name = tag.name
        if is_quote(tag, style) and not self._mood.data:
            self._head = reply_head(tag) or self._head  # quoted already
            return self._open("blockquote")
        if name in ("ul", "ol"):
            self._into_last_entry()
            return self._open(name, start=str(number_in(tag, "start", 1)))
        if name == "li":
            return self._open_entry(tag)
        if name == "table" and is_data(tag):
            return self._open("table")
        if self._mood.data and (name == "tr" or name in CELLS):
            return self._open_cell(name)
        if name == "pre":
            quoted = attribute(tag, "class").startswith("moz-") or self._plain
            return self._open("pre", title="text" if quoted else "code")
        if name == "a":
            href = attribute(tag, "href")
            target = target_of(href)
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
        number = number_in(tag, "value", number_in(around, "start", 1))
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
        head = reply_head(start)
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
