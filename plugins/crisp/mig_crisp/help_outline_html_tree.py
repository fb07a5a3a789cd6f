"""HTML as a browser's tree: what is not closed is closed where a browser closes it, and nothing takes long.

Of the standard's tree construction this is what changes the words a reader sees or where they stand: paragraphs,
items, cells and headings that end by themselves, words that slip out of tables, text that is no markup (script,
textarea). Bold and its like have no say, so misnested ones need no repair. A link is not an element here but a mark
where it begins ("a", with its attributes) and one where it ends ("/a"): an open link goes on in the next paragraph.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from html.entities import html5

_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*+)")
_ATTRIBUTE = re.compile(
    r"[\s/]*+(?:([^\s/>=][^\s/>=]*+|=[^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)?))?+)"
)
_RAISED = {ord(plain): raised for plain, raised in zip("1234567890+-\u2212", "¹²³⁴⁵⁶⁷⁸⁹⁰⁺⁻⁻", strict=True)}
"""What is raised has characters of its own, as a reader of Markdown sees it."""
_COMMENT_END = re.compile(r"--!?>")
_REFERENCE = re.compile(r"&(#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[A-Za-z][A-Za-z0-9]{0,31}+;?)(=?)")

VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "keygen",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_RAW = frozenset(
    ["script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "textarea", "title", "plaintext"]
)
_NO_ELEMENT = frozenset(["html", "head", "body", "frameset", "frame"])
_PARTS = frozenset(["caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th"])
_TABLE = frozenset(["table", "tbody", "thead", "tfoot", "tr"])
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
BLOCKS = _HEADINGS | frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "dd",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "listing",
        "main",
        "menu",
        "nav",
        "ol",
        "optgroup",
        "option",
        "p",
        "plaintext",
        "pre",
        "search",
        "section",
        "summary",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "tr",
        "td",
        "th",
        "caption",
        "ul",
        "xmp",
    ]
)
_CLOSES_P = BLOCKS - frozenset(
    ["option", "optgroup", "legend", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "html", "body"]
)
_SPECIAL = BLOCKS | frozenset(
    ["applet", "button", "marquee", "object", "select", "template", "textarea", "iframe", "noscript"]
)
_WALLS = frozenset(["applet", "caption", "table", "td", "th", "marquee", "object", "template"])
_PASSED = frozenset(["address", "div", "p"])  # what an item that ends by itself is looked for through
_BREAKS_OUT = BLOCKS | frozenset(
    [
        "b",
        "big",
        "br",
        "code",
        "em",
        "embed",
        "i",
        "img",
        "ruby",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
    ]
)


class Node:
    """An element: its name, attributes and what is in it."""

    __slots__ = ("attrs", "kids", "tag")

    def __init__(self, tag: str, attrs: dict[str, str], kids: list[Node | str] | None = None) -> None:
        self.tag = tag
        self.attrs = attrs
        self.kids: list[Node | str] = kids or []


class _Open:
    """An open element and the nearest places around it that the rules ask for (-1: none)."""

    __slots__ = ("item", "node", "para", "special", "term", "wall")
    item: int
    para: int
    special: int
    term: int
    wall: int

    def __init__(self, node: Node, at: int, around: _Open | None) -> None:
        tag = node.tag
        through = tag not in _SPECIAL or tag in _PASSED
        self.node = node
        self.wall = at if tag in _WALLS or around is None else around.wall
        self.special = at if tag in _SPECIAL or around is None else around.special
        self.item = at if tag == "li" else around.item if around and through else -1
        self.term = at if tag in ("dt", "dd") else around.term if around and through else -1
        self.para = at if tag == "p" else around.para if around and tag not in _WALLS and tag != "button" else -1


def tree(text: str) -> Node:
    """The document, its text without markup in strings."""
    grower = _Grower()
    at, size = 0, len(text)
    while at < size:
        mark = text.find("<", at)
        if mark < 0:
            mark = size
        if mark > at:
            grower.text(html.unescape(text[at:mark]))
        if mark == size:
            break
        at = _markup(text, mark, grower)
    return grower.root


def _markup(text: str, at: int, grower: _Grower) -> int:
    """Read what begins with "<", and say where it ends."""
    found = _TAG.match(text, at)
    if found is None:
        return _no_tag(text, at, grower)
    attrs: dict[str, str] = {}
    end = found.end()
    while (one := _ATTRIBUTE.match(text, end)) is not None:
        value = one[2] if one[2] is not None else one[3] if one[3] is not None else one[4]
        attrs.setdefault(one[1].lower(), value or "")
        end = one.end()
        if text.startswith(('"', "'"), end) and one[0].rstrip().endswith("="):
            return len(text)  # a quote that never ends takes the rest with it
    close = text.find(">", end)
    if close < 0:
        return len(text)
    tag = found[2].lower()
    if found[1]:
        grower.end(tag)
        return close + 1
    grower.start(tag, attrs, text[close - 1] == "/")
    return _raw(text, close + 1, tag, grower) if tag in _RAW and grower.foreign < 0 else close + 1


def _no_tag(text: str, at: int, grower: _Grower) -> int:
    if text.startswith("<!--", at):
        if text.startswith((">", "->"), at + 4):
            return text.index(">", at) + 1
        ended = _COMMENT_END.search(text, at + 4)
        return ended.end() if ended else len(text)
    if text.startswith(("<!", "<?", "</"), at) and at + 2 < len(text):
        close = text.find(">", at)
        return close + 1 if close >= 0 else len(text)
    grower.text("<")
    return at + 1


def _raw(text: str, at: int, tag: str, grower: _Grower) -> int:
    """Text that is no markup up to its end tag; what of it is seen, is said."""
    ended = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(text, at) if tag != "plaintext" else None
    end = ended.start() if ended else len(text)
    if tag in ("textarea", "xmp", "plaintext"):
        grower.text(html.unescape(text[at:end]) if tag == "textarea" else text[at:end])
    if not ended:
        grower.end(tag)
    return end


def attribute(value: str) -> str:
    """An attribute's value: in "?a=1&copy=2" is no sign."""

    def sign(found: re.Match[str]) -> str:
        name, equals = found[1], found[2]
        if name[0] != "#" and ((equals and name[-1] != ";") or name not in html5):
            return found[0]
        return html.unescape("&" + name) + equals

    return _REFERENCE.sub(sign, value)


class _Grower:
    def __init__(self) -> None:
        self.root = Node("#root", {})
        self.stack = [_Open(self.root, 0, None)]
        self.where: defaultdict[str, list[int]] = defaultdict(list)
        self.foreign = -1  # where a drawing or a formula began

    def near(self, tag: str) -> int:
        places = self.where[tag]
        return places[-1] if places else -1

    def pop_to(self, at: int) -> None:
        """Close what is open from this place on."""
        while len(self.stack) > at:
            self.where[self.stack.pop().node.tag].pop()
        if at <= self.foreign:
            self.foreign = -1

    def attach(self, kid: Node | str, part: bool = False) -> None:
        now = self.stack[-1].node
        if now.tag in _TABLE and not part:
            around = self.stack[self.near("table") - 1].node.kids  # it slips out, before the table
            around.insert(len(around) - 1, kid)
        else:
            now.kids.append(kid)

    def push(self, node: Node, part: bool = False) -> None:
        self.attach(node, part)
        self.where[node.tag].append(len(self.stack))
        self.stack.append(_Open(node, len(self.stack), self.stack[-1]))

    def text(self, text: str) -> None:
        if self.near("sup") > 0:
            text = text.translate(_RAISED)
        self.attach(text, part=text.isspace())

    def start(self, tag: str, attrs: dict[str, str], closed: bool) -> None:
        tag = "img" if tag == "image" else tag
        if tag in _NO_ELEMENT:
            return
        if self.foreign >= 0 and not self._in_foreign(tag, attrs, closed):
            return
        if tag in _PARTS:
            self._part(tag, attrs)
            return
        self._make_room(tag)
        node = Node(tag, attrs)
        if tag == "a" or tag in VOID:
            self.attach(node)
        else:
            self.push(node)
            if tag in ("svg", "math"):
                self.foreign = len(self.stack) - 1
                if closed:
                    self.pop_to(self.foreign)

    def _in_foreign(self, tag: str, attrs: dict[str, str], closed: bool) -> bool:
        """Whether a tag in a drawing ends the drawing, as one of HTML does."""
        inside = self.near("foreignobject") > self.foreign
        if tag in _BREAKS_OUT and not inside:
            self.pop_to(self.foreign)
            return True
        if closed or tag == "a":
            self.attach(Node(tag, attrs))
        else:
            self.push(Node(tag, attrs))
        return False

    def _make_room(self, tag: str) -> None:
        now = self.stack[-1]
        if tag == "table" and now.node.tag in _TABLE:
            self.pop_to(self.near("table"))
        elif tag == "li" and now.item >= 0:
            self.pop_to(now.item)
        elif tag in ("dt", "dd") and now.term >= 0:
            self.pop_to(now.term)
        if tag in _CLOSES_P and self.stack[-1].para >= 0:
            self.pop_to(self.stack[-1].para)
        if tag in _HEADINGS and self.stack[-1].node.tag in _HEADINGS:
            self.pop_to(len(self.stack) - 1)

    def _part(self, tag: str, attrs: dict[str, str]) -> None:
        """Part of a table: what it cannot stand in ends, what it needs around it begins."""
        table = self.near("table")
        if table < 0 or self.near("template") > table:
            return
        holders = {"td": ("tr", "tbody", "thead", "tfoot"), "th": ("tr", "tbody", "thead", "tfoot")}.get(
            tag, ("tbody", "thead", "tfoot") if tag == "tr" else ()
        )
        self.pop_to(max(table, *(self.near(one) for one in holders), -1) + 1)
        if tag in ("td", "th") and self.stack[-1].node.tag != "tr":
            self.push(Node("tr", {}), part=True)
        if tag in VOID:
            self.attach(Node(tag, attrs), part=True)
        else:
            self.push(Node(tag, attrs), part=True)

    def end(self, tag: str) -> None:
        if tag in ("br", "p") and (tag == "br" or self.stack[-1].para < 0):
            self.attach(Node("br", {}))
        elif tag == "p":
            self.pop_to(self.stack[-1].para)
        elif tag == "a":
            self.attach(Node("/a", {}))
        elif tag in _PARTS or tag == "table":
            if self.near(tag) >= max(self.near("table"), 0):
                self.pop_to(self.near(tag))
        elif self._reaches(tag):
            self.pop_to(max(self.near(one) for one in (_HEADINGS if tag in _HEADINGS else (tag,))))

    def _reaches(self, tag: str) -> bool:
        """Whether the end tag finds its element: blocks end through others, the rest not through blocks."""
        now = self.stack[-1]
        if tag in _HEADINGS:
            return max(self.near(one) for one in _HEADINGS) > now.wall
        at = self.near(tag)
        if tag == "li":
            return at > max(now.wall, self.near("ul"), self.near("ol"))
        return at > 0 and at >= (now.wall if tag in _SPECIAL or self.foreign >= 0 else now.special)
