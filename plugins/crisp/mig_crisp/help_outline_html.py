"""The outline of an article as a reader sees its HTML.

What is defined here, beside what `help_outline` defines for both sides:

* Nothing: script, style, head's elements, comments, template, noscript, drawings (svg), select, Word's xml, and what
  `hidden`, `display: none` or `visibility: hidden` says. A fold (details) is words, a closed dialog is nothing.
* A table in a cell is words of the cell, row by row. A table of one cell, or whose role is presentation, is none.
* The header of a table is its first row, if it is in a thead or has nothing but th. Captions and theads come first,
  tfoots last.
* Columns and rows that a cell spans repeat its words (1,000 columns at most, as in a browser).
* A number at the first item (value) counts like the list's start; numbers at later items, which Markdown cannot say,
  do not count.
* An address is trimmed as a browser does. javascript:, vbscript: and data:text/html are no links; nor is an empty one.
  An image without an address is its description. A lazy image's own address wins over its placeholder.
* iframes and embeds of YouTube and Vimeo are embeds, and `address` is not asked; others, and video and audio, are
  links (media), called by their title, else by their address, which then are words.
* Words in a list before its first item stand before it; what stands behind an item belongs to it. Digits that are
  raised (sup) have characters of their own. The places of a map of a picture are links called by their descriptions.
* A code block's links are no links, its images are images. An open link goes on until one begins or ends, or its cell
  ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mig_crisp.help_outline import Address, Event
from mig_crisp.help_outline_html_tree import BLOCKS, Node, attribute, tree
from mig_crisp.help_outline_text import clean, embed

_NOTHING = frozenset(
    [
        "script",
        "style",
        "template",
        "title",
        "noscript",
        "noembed",
        "noframes",
        "svg",
        "select",
        "datalist",
        "xml",
        "rp",
        "input",
        "meta",
        "link",
        "base",
        "col",
        "colgroup",
        "param",
        "source",
        "track",
        "canvas",
    ]
)
_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_BLANKS = re.compile(r"[\t\n\r]")
_NO_LINK = re.compile(r"(?:javascript|vbscript):|data:text/html", re.IGNORECASE)
_NUMBER = re.compile(r"\s*\+?(\d{1,8})(?!\d)", re.ASCII)
_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazy")
_ORDER = {"caption": 0, "colgroup": 1, "col": 1, "thead": 2, "tfoot": 4}
_END: tuple[Event, ...] = (("gap", "edge", ""),)
_GROUPS = ("thead", "tbody", "tfoot")
_SHOWN = {"object": ("data",)}
"""Where an element says what it shows, if not in its `src`."""
_MEDIA = ("iframe", "embed", "video", "audio")

Step = Node | str | tuple[Event, ...]
"""What is left to walk: an element, words, or what is to be told then."""


def read(html: str, address: Address) -> Iterator[Event]:
    """Tell what a reader of the HTML meets."""
    return _Walk(address).walk(tree(clean(html).removeprefix("\ufeff")))


class _Walk:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.steps: list[Step] = []
        self.cells = 0
        self.linked: list[str] = [""]  # where the open link leads, in each cell that is open
        self.tells: dict[str, Callable[[Node], Iterator[Event]]] = {
            **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), self.heading),
            **dict.fromkeys(("ul", "ol", "menu", "dir"), self.list),
            **dict.fromkeys(_GROUPS, self.group),
            **dict.fromkeys(_MEDIA, self.media),
            **dict.fromkeys(("td", "th"), self.cell),
            **dict.fromkeys(("pre", "listing", "xmp", "plaintext"), self.pre),
            "li": self.item,
            "object": self.object,
            "table": self.table,
            "tr": self.row,
            "img": self.image,
            "a": self.link,
            "area": self.area,
        }

    def walk(self, root: Node) -> Iterator[Event]:
        self.steps.append(root)
        while self.steps:
            step = self.steps.pop()
            if isinstance(step, str):
                yield "words", step, ""
            elif isinstance(step, tuple):
                yield from self.told(step)
            elif not _hidden(step):
                yield from self.element(step)

    def told(self, step: tuple[Event, ...]) -> Iterator[Event]:
        """Tell what was put off."""
        for event in step:
            yield event
            if event[0] == "/cell":
                self.cells -= 1
                self.linked.pop()

    def element(self, node: Node) -> Iterator[Event]:
        tell = self.tells.get(node.tag)
        if tell is not None:
            yield from tell(node)
        elif node.tag == "/a":
            self.linked[-1] = ""
            yield "/link", "", ""
        elif node.tag == "br":
            yield "gap", "", ""
        elif node.tag in BLOCKS:
            yield "gap", "edge", ""
            self.into(node, *_END)
        else:
            self.into(node)

    def into(self, node: Node, *after: Event) -> None:
        """Walk what is in an element next, and tell this after it."""
        if after:
            self.steps.append(after)
        self.steps.extend(reversed(node.kids))

    def heading(self, node: Node) -> Iterator[Event]:
        yield "heading", node.tag[1], ""
        self.into(node, ("/heading", "", ""))

    def list(self, node: Node) -> Iterator[Event]:
        start = ""
        if node.tag == "ol":
            first = next((kid for kid in node.kids if isinstance(kid, Node) and kid.tag == "li"), None)
            value = first.attrs.get("value", "") if first else ""
            found = _NUMBER.match(value) or _NUMBER.match(node.attrs.get("start", ""))
            start = found[1] if found else ""
        items = [place for place, kid in enumerate(node.kids) if isinstance(kid, Node) and kid.tag == "li"]
        before = node.kids[: items[0]] if items else []
        node.kids = _with_strays(node.kids[len(before) :]) if items else node.kids
        self.into(node, ("/list", "", ""))
        self.steps.append((("list", "1" if node.tag == "ol" else "*", start),))
        self.into(Node("div", {}, before))
        yield "gap", "edge", ""

    def item(self, node: Node) -> Iterator[Event]:
        yield "item", "", ""
        self.into(node, ("/item", "", ""))

    def table(self, node: Node) -> Iterator[Event]:
        if self.cells or _is_layout(node):
            yield "gap", "", ""
            self.into(node, *_END)
            return
        caption = [kid for kid in node.kids if isinstance(kid, Node) and kid.tag == "caption" and not _hidden(kid)]
        rest = [kid for kid in node.kids if not (isinstance(kid, Node) and kid.tag == "caption")]
        rest.sort(key=lambda kid: _ORDER.get(kid.tag, 3) if isinstance(kid, Node) else 3)
        self.steps.append((("/table", "", ""),))
        self.steps.extend(reversed(rest))
        self.steps.append((("table", "", ""),))
        for kid in caption:
            self.into(kid, *_END)
        yield "gap", "", ""

    def group(self, node: Node) -> Iterator[Event]:
        if self.cells or node.attrs.get("plain"):
            yield "gap", "", ""
            self.into(node, *_END)
            return
        yield "group", "", ""
        if node.tag == "thead":
            for kid in node.kids:
                if isinstance(kid, Node) and kid.tag == "tr":
                    kid.attrs["head"] = ""
        self.into(node, ("group", "", ""))

    def row(self, node: Node) -> Iterator[Event]:
        if self.cells or node.attrs.get("plain"):
            yield "gap", "", ""
            self.into(node, *_END)
            return
        cells = [kid for kid in node.kids if isinstance(kid, Node) and kid.tag in ("td", "th")]
        head = "head" in node.attrs or (bool(cells) and all(cell.tag == "th" for cell in cells))
        yield "head" if head else "row", "", ""
        self.into(node, ("/head" if head else "/row", "", ""))

    def cell(self, node: Node) -> Iterator[Event]:
        if self.cells or node.attrs.get("plain"):
            yield "gap", "", ""
            self.into(node, *_END)
            return
        wide = _NUMBER.match(node.attrs.get("colspan", ""))
        high = _NUMBER.match(node.attrs.get("rowspan", ""))
        yield "cell", str(min(max(int(wide[1]), 1), 1000) if wide else 1), str(min(int(high[1]), 65534) if high else 1)
        self.cells += 1
        self.linked.append(self.linked[-1])
        self.into(node, ("/cell", "", ""))

    def image(self, node: Node) -> Iterator[Event]:
        alt = attribute(node.attrs.get("alt", ""))
        url = _image_url(node)
        known = self.address(url, "image") if url else None
        if known is not None:
            yield "image", alt, known
        elif alt.strip():
            yield "words", alt.strip(), ""

    def link(self, node: Node) -> Iterator[Event]:
        url = _url(node.attrs.get("href", ""))
        known = self.address(url, "link") if url and not _NO_LINK.match(url) else None
        self.linked[-1] = known or ""
        yield "/link", "", ""
        if known is not None:
            yield "link", known, ""

    def area(self, node: Node) -> Iterator[Event]:
        words = attribute(node.attrs.get("alt", ""))
        if not (words and _url(node.attrs.get("href", ""))):
            return
        yield "gap", "", ""
        yield from self.link(node)
        yield "words", words, ""
        self.linked[-1] = ""
        yield from (("/link", "", ""), ("gap", "", ""))

    def object(self, node: Node) -> Iterator[Event]:
        """What it shows is a link; what stands in it is for who cannot see that, and is told too."""
        if _url(node.attrs.get("data", "")):
            yield from self.media(node)
        self.into(node)

    def media(self, node: Node) -> Iterator[Event]:
        sources = [node, *(kid for kid in node.kids if isinstance(kid, Node) and kid.tag == "source")]
        urls = (_url(one.attrs.get(name, "")) for one in sources for name in (*_SHOWN.get(one.tag, ("src",)), _LAZY[0]))
        url = next((url for url in urls if url and url != "about:blank"), "")
        url = "" if _NO_LINK.match(url) or "srcdoc" in node.attrs else url
        if not url and node.tag not in ("video", "audio"):
            return
        film = embed("https:" + url if url.startswith("//") else url)
        if film and node.tag in ("iframe", "embed") and not self.cells:  # a cell holds words and links
            yield "embed", film, ""
            return
        known = self.address(url, "link" if node.tag == "iframe" else "media") if url else None
        title = attribute(node.attrs.get("title") or node.attrs.get("aria-label", "")).strip()
        if known is None:
            yield "words", f" {title} ", ""
            return
        title = title or ("file" if url.startswith("data:") else url)
        yield from (("gap", "edge", ""), ("link", known, ""), ("words", title, ""), ("/link", "", ""))
        yield "gap", "edge", ""
        if self.linked[-1]:
            yield "link", self.linked[-1], ""

    def pre(self, node: Node) -> Iterator[Event]:
        pieces: list[str] = []
        images: list[Event] = []
        steps: list[Node | str] = list(reversed(node.kids))
        if steps and isinstance(steps[-1], str):
            steps[-1] = steps[-1].removeprefix("\n")
        while steps:
            step = steps.pop()
            if isinstance(step, str):
                pieces.append(step)
            elif step.tag == "img" and not _hidden(step):
                images.extend(self.image(step))
            elif step.tag == "area" and _url(step.attrs.get("href", "")):
                pieces.append(f" {words} " if (words := attribute(step.attrs.get("alt", ""))) else "")
                images.append(("/link", "", ""))
                self.linked[-1] = "" if words else self.linked[-1]
            elif not _hidden(step):
                broken = not pieces or pieces[-1].endswith("\n")
                if step.tag == "br" or (step.tag in BLOCKS and not broken):
                    pieces.append("\n")
                if step.tag in BLOCKS and step.kids:
                    steps.append("\n")
                steps.extend(reversed(step.kids))
        yield from ((*_END, ("code", "".join(pieces), "")))
        if images:
            yield from (("/link", "", ""), *images)
        yield from _END
        if images and self.linked[-1]:
            yield "link", self.linked[-1], ""


def _with_strays(kids: list[Node | str]) -> list[Node | str]:
    """The items of a list, each with what stands behind it."""
    found: list[Node | str] = []
    stray: Node | None = None
    for kid in kids:
        if isinstance(kid, Node) and kid.tag == "li":
            found.append(kid)
            stray = None
            continue
        if stray is None and isinstance(found[-1], Node):
            stray = Node("div", {})
            found[-1].kids.append(stray)
        if stray is not None:
            stray.kids.append(kid)
    return found


def _is_layout(table: Node) -> bool:
    """Whether it only places things: of one cell, or so by its role. What it is made of is marked as plain then."""
    parts: list[Node] = []
    waiting = list(table.kids)
    while waiting:
        kid = waiting.pop()
        if isinstance(kid, Node) and kid.tag in (*_GROUPS, "tr", "td", "th"):
            parts.append(kid)
            waiting += kid.kids if kid.tag not in ("td", "th") else ()
    plain = sum(one.tag in ("td", "th") for one in parts) == 1 or table.attrs.get("role") in ("presentation", "none")
    for one in parts if plain else ():
        one.attrs["plain"] = "plain"
    return plain


def _hidden(node: Node) -> bool:
    attrs = node.attrs
    if node.tag in _NOTHING or "hidden" in attrs:
        return True
    return bool(_HIDING.search(attrs.get("style", ""))) or (node.tag == "dialog" and "open" not in attrs)


def _url(value: str) -> str:
    """An address as a browser reads it."""
    return _BLANKS.sub("", attribute(value).strip())


def _image_url(node: Node) -> str:
    for name in (*_LAZY, "src"):
        if url := _url(node.attrs.get(name, "")):
            return url
    return next(iter(_url(node.attrs.get("srcset", node.attrs.get("data-srcset", ""))).split()), "").rstrip(",")
