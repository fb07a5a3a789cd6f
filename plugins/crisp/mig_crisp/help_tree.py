"""Reads a help article into a shallow tree: blocks that the dialect knows, and between them runs of marked text.

Bold and the like are bits of a run, not levels, so tags that overlap or are never closed do no harm; wrappers leave
only an edge. The same end tags are implied as in a browser. Nothing here calls itself, whatever the depth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from mig_crisp.help_rules import (
    BITS,
    BLANKS,
    BOLD,
    BOXED,
    CELLS,
    CLOSES,
    HEADINGS,
    HIDDEN,
    LISTS,
    NODES,
    RAISED,
    SCRIPT,
    SECTIONS,
    SUPER,
    TABLE_PARTS,
    VOID,
    WRAPPERS,
    address_in,
    level_of,
    picture_in,
    style_of,
    title_of,
)
from mig_crisp.help_tags import End, Start, cut

DEEPEST = 48
"""Levels of lists, quotes and tables that are kept apart; what nests deeper stands at this level."""


@dataclass(slots=True, eq=False)
class Link:
    """One link of a body, however many runs it has."""

    url: str
    asked: bool = False  # what is written in its place is known
    address: str | None = None


@dataclass(slots=True)
class Run:
    """Text with its marks; a line end in it is a break somebody asked for."""

    text: str
    marks: int
    link: Link | None


@dataclass(slots=True)
class Picture:
    """An image."""

    url: str
    alt: str
    link: Link | None


@dataclass(slots=True)
class Embed:
    """A player or frame: `frame`, `embed` or `media`."""

    sort: str
    url: str
    title: str


class Edge(Enum):
    """Where a block begins or ends."""

    EDGE = "edge"


EDGE = Edge.EDGE


@dataclass(slots=True)
class Node:
    """A block the dialect has something for."""

    name: str
    attributes: dict[str, str]
    children: list[Child] = field(default_factory=list)


Child = Node | Run | Picture | Embed | Edge


@dataclass(slots=True)
class _Open:
    name: str
    node: Node | None
    bits: int
    depth: int = 0  # of an inline tag: how many blocks were open
    link: Link | None = None
    alive: bool = True


class Tree:
    """A body as blocks and runs, and what could not be kept of it.

    Args:
        source: HTML, well-formed or not.
        lose: Called once for each thing that is lost, with an outcome and a sentence that has a place for a number.
    """

    def __init__(self, source: str, lose: Callable[[str, str], None]) -> None:
        self.root = Node("root", {})
        self._lose = lose
        self._nodes = [self.root]
        self._stack: list[_Open] = []
        self._places: dict[str, list[int]] = {}
        self._inline: list[_Open] = []
        self._by_name: dict[str, list[_Open]] = {}
        self._counts: Counter[int] = Counter()
        self._now = 0
        self._players: list[Embed] = []
        self._pre = 0
        self._sections = 0
        self._groups: dict[int, str] = {}
        first = False  # in a block of code, where a line end shows nothing
        for token in cut(source):
            token, first = token.removeprefix("\n") if first and isinstance(token, str) else token, False
            if isinstance(token, Start):
                first = token.name == "pre"
                self._start(token.name, token.attributes)
            elif isinstance(token, End):
                self._end(token.name)
            else:
                self._say(token)

    # ---- what stands where the tags are ------------------------------------------------------------------------------

    def _link(self) -> Link | None:
        links = self._by_name.get("a")
        return links[-1].link if links else None

    def _put(self, child: Child) -> None:
        if not self._now & HIDDEN:
            self._nodes[-1].children.append(child)

    def _edge(self) -> None:
        children = self._nodes[-1].children
        if not children or children[-1] is not EDGE:
            self._put(EDGE)

    def _say(self, text: str, *, asked: bool = False) -> None:
        if self._now & HIDDEN or not text:
            return
        if not self._pre and not asked and not text.isalnum():
            text = BLANKS.sub(" ", text)
        if self._now & SUPER:
            text = text.translate(RAISED)
        link, marks = self._link(), self._now & ~SUPER
        children = self._nodes[-1].children
        before = children[-1] if children else None
        same = isinstance(before, Run) and before.marks == marks and before.link is link
        if same and isinstance(before, Run) and len(before.text) < 2000:  # to lengthen it for ever is quadratic
            before.text += text
        else:
            children.append(Run(text, marks, link))

    # ---- tags --------------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "image":
            name = "img"
        if name in VOID or name in ("iframe", "object"):
            self._leaf(name, attributes)
            return
        bits = BITS.get(name, 0) | self._style(attributes)
        if name in ("select", "datalist", "canvas") and not self._now & HIDDEN:
            self._lose("dropped", "{} choices of a form and drawings of a script")
        if name == "dialog" and "open" not in attributes:
            bits |= HIDDEN
        if name in NODES or name in WRAPPERS:
            self._open(name, attributes, bits)
            return
        if name == "a":
            self._end("a")
        if name in ("video", "audio") and not self._now & HIDDEN:
            self._edge()
            if address_in(attributes, "poster"):
                self._lose("dropped", "{} pictures that a player shows before it plays")
            player = Embed("media", address_in(attributes, "src", "data-src"), title_of(attributes))
            self._put(player)
            self._players.append(player)
            self._edge()
        if name == "svg" and not self._now & HIDDEN:
            self._lose("dropped", "{} drawings (svg)")
        if name == "q":
            self._say("“")
        if name == "code" and self._nodes[-1].name == "pre" and attributes.get("class"):
            self._nodes[-1].attributes.setdefault("code", attributes["class"])
        if name == "abbr" and attributes.get("title"):
            self._lose("dropped", "{} explanations of abbreviations")
        if name in ("sup", "sub"):
            self._lose("changed", "{} raised or lowered texts stand on the line")
        self._open_inline(name, attributes, bits)

    def _open_inline(self, name: str, attributes: dict[str, str], bits: int) -> None:
        link = None
        if name == "a" and not self._now & HIDDEN:
            url = address_in(attributes, "href")
            if SCRIPT.match(re.sub(r"\s", "", url)):
                self._lose("dropped", "{} links to a script; their text stays")
            elif url:
                link = Link(url)
        opened = _Open(name, None, bits, len(self._stack), link)
        self._count(bits, 1)
        self._inline.append(opened)
        self._by_name.setdefault(name, []).append(opened)

    def _leaf(self, name: str, attributes: dict[str, str]) -> None:
        if self._now & HIDDEN:
            if name == "source" and self._players and not self._players[-1].url:
                self._players[-1].url = address_in(attributes, "src", "data-src")
            return
        if self._style(attributes) & HIDDEN:
            return
        if name == "br":
            self._say("\n", asked=True)
        elif name == "hr":
            self._block_begins()
            self._nodes[-1].children.extend((EDGE, Node("hr", {}), EDGE))
        elif name == "img":
            url = picture_in(attributes)
            if not url:
                self._lose("dropped", "{} pictures without an address")
            elif "," in attributes.get("srcset", "").strip().rstrip(","):
                self._lose("dropped", "{} pictures in further sizes")
            alt = BLANKS.sub(" ", attributes.get("alt", "")).strip()
            self._put(Picture("" if SCRIPT.match(url) else url, alt, self._link()))
        elif name in ("iframe", "embed", "object"):
            url = address_in(attributes, "data-src", "src", "data").removeprefix("about:blank")
            if "srcdoc" in attributes or SCRIPT.match(url):
                self._lose("dropped", "{} frames with a content of their own")
            elif url:
                sort = {"iframe": "frame", "embed": "embed"}.get(name, "media")
                self._nodes[-1].children.extend((EDGE, Embed(sort, url, title_of(attributes)), EDGE))
        elif name == "area" and attributes.get("href") and attributes.get("alt"):
            self._lose("changed", "{} places of a picture became links beside it")
            self._say(" ")
            self._start("a", attributes)
            self._say(attributes["alt"])
            self._end("a")
            self._say(" ")

    def _open(self, name: str, attributes: dict[str, str], bits: int) -> None:
        closes, barriers = CLOSES.get(name, ((), ()))
        if name in TABLE_PARTS and not self._in_scope("table", ()):
            self._edge()  # a cell of no table is no cell
            return
        while closes and any(self._in_scope(other, barriers) for other in closes):
            self._pop_to(max(self._places[other][-1] for other in closes if self._places.get(other)))
        if name not in TABLE_PARTS and name not in ("option", "optgroup", "legend"):
            self._block_begins()
        if name in HEADINGS:
            bits &= ~BOLD
        kind, node = LISTS.get(name, name), None
        level = level_of(attributes) if name in BOXED else ""
        if name in NODES or level:
            if len(self._nodes) <= DEEPEST:
                node = Node("box" if level else kind, {**attributes, "level": level} if level else attributes)
            else:
                self._lose("changed", "{} blocks nested too deep stand one level higher")
        self._edge()
        if name == "tr" and node is not None:
            within = next((one for one in SECTIONS if self._in_scope(one, ("table",))), "")
            group = self._groups[self._places[within][-1]] if within else ""
            node.attributes = {**attributes, "section": within, "group": group}
        if name in SECTIONS:
            self._sections += 1
            self._groups[len(self._stack)] = str(self._sections)
        if node is not None:
            self._put(node)
            self._nodes.append(node)
        self._places.setdefault(name, []).append(len(self._stack))
        self._stack.append(_Open(name, node, bits))
        self._count(bits, 1)
        self._pre += name == "pre"

    def _block_begins(self) -> None:
        """A block ends the paragraph it is written in."""
        if not self._in_scope("p", ("table", *CELLS)):
            return
        place = self._places["p"][-1]
        for inline in reversed(self._inline):  # in a browser too, what was not closed goes on in the next paragraph
            if inline.depth <= place:
                break
            inline.depth = place
        self._pop_to(place)

    def _end(self, name: str) -> None:
        if name == "br":
            self._say("\n", asked=True)
        elif name in WRAPPERS or name in NODES:
            barriers = ("table",) if name in TABLE_PARTS else () if name == "table" else ("table", *CELLS)
            names = HEADINGS if name in HEADINGS else (name,)
            found = [self._places[one][-1] for one in names if self._in_scope(one, barriers)]
            if found:
                self._pop_to(max(found))
            elif name == "p":
                self._edge()
        elif self._by_name.get(name):
            opened = self._by_name[name].pop()
            if name in ("select", "datalist"):
                self._pop_to(opened.depth)  # its choices end with it
            opened.alive = False
            self._close(opened)

    def _close(self, inline: _Open) -> None:
        self._count(inline.bits, -1)
        if inline.name == "q":
            self._say("”")

    # ---- the stack ---------------------------------------------------------------------------------------------------

    def _count(self, bits: int, by: int) -> None:
        while bits:
            low = bits & -bits
            self._counts[low] += by
            self._now = self._now | low if self._counts[low] > 0 else self._now & ~low
            bits -= low

    def _in_scope(self, name: str, barriers: tuple[str, ...]) -> bool:
        places = self._places.get(name)
        if not places:
            return False
        for barrier in barriers:
            there = self._places.get(barrier)
            if there and there[-1] >= places[-1]:
                return False
        return True

    def _pop_to(self, place: int) -> None:
        while len(self._stack) > place:
            while self._inline and self._inline[-1].depth >= len(self._stack):
                inline = self._inline.pop()
                if inline.alive:
                    self._by_name[inline.name].pop()
                    self._close(inline)
            opened = self._stack.pop()
            self._places[opened.name].pop()
            self._pre -= opened.name == "pre"
            if opened.node is not None:
                self._nodes.pop()
            self._count(opened.bits, -1)
            self._edge()

    def _style(self, attributes: dict[str, str]) -> int:
        """What the style of a tag says that the dialect can say, too."""
        bits, more = style_of(attributes)
        if bits & HIDDEN and not self._now & HIDDEN:
            self._lose("dropped", "{} parts that a reader of the page did not see")
        if more:
            self._lose("dropped", "{} styles (colour, size, place)")
        return bits
