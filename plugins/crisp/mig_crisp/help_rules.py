"""What the tags of a help article mean: which are blocks, which mark text, what ends what, and what attributes say."""

from __future__ import annotations

import re

BOLD, ITALIC, UNDERLINE, STRIKE, HIGHLIGHT, CODE, HIDDEN, SUPER = (1 << n for n in range(8))
BITS = {
    **dict.fromkeys(("b", "strong", "dt", "summary"), BOLD),
    **dict.fromkeys(("i", "em", "cite", "dfn", "var"), ITALIC),
    **dict.fromkeys(("u", "ins"), UNDERLINE),
    **dict.fromkeys(("s", "strike", "del"), STRIKE),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), CODE),
    **dict.fromkeys(("template", "svg", "xml", "noscript", "video", "audio", "title", "rp"), HIDDEN),
    **dict.fromkeys(("select", "datalist", "canvas"), HIDDEN),
    "mark": HIGHLIGHT,
    "sup": SUPER,
}
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LISTS = {"ul": "ul", "menu": "ul", "dir": "ul", "ol": "ol"}
CELLS, SECTIONS = ("td", "th", "caption"), ("thead", "tbody", "tfoot")
NODES = frozenset((*HEADINGS, *LISTS, "li", "blockquote", "pre", "table", "tr", "td", "th"))
WRAPPERS = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "optgroup",
        "option",
        "p",
        "search",
        "section",
        "summary",
        "tbody",
        "tfoot",
        "thead",
    ]
)
BOXED = frozenset(("div", "section", "aside", "article", "p"))
CLOSES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), (*LISTS, *CELLS)),
    **dict.fromkeys(("dt", "dd"), (("dt", "dd"), ("dl", *CELLS))),
    **dict.fromkeys(("td", "th", "caption"), (CELLS, ("table",))),
    "tr": ((*CELLS, "tr"), ("table",)),
    **dict.fromkeys(SECTIONS, ((*CELLS, "tr", *SECTIONS), ("table",))),
    "option": (("option",), ("optgroup", *CELLS)),
    **dict.fromkeys(HEADINGS, (tuple(sorted(HEADINGS)), ("div", "li", "blockquote", "section", "article", *CELLS))),
}
"""What a start tag ends, unless one of the second tuple was opened later."""
TABLE_PARTS = frozenset((*CELLS, *SECTIONS, "tr"))
VOID = frozenset(("br", "hr", "img", "input", "wbr", "source", "track", "col", "embed", "area", "meta", "link", "base"))
BLANKS = re.compile(r"[ \t\n\f\r]+")
_HEAVY = ("bold", "bolder", "600", "700", "800", "900")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LEVELS = (
    ("|||", frozenset(("danger", "warning", "warn", "caution", "error", "important", "attention", "critical"))),
    ("||", frozenset(("info", "information", "note", "notice"))),
    ("|", frozenset(("tip", "tips", "hint", "success"))),
    ("|||", frozenset(("alert",))),
    ("||", frozenset(("callout", "admonition"))),
)
_BESIDE = frozenset(
    ("bs", "uk", "ui", "md", "kb", "theme", "markdown", "custom", "confluence", "macro", "message", "panel", "box")
).union(
    ("block", "primary", "secondary", "default", "light", "dark", "red", "yellow", "orange", "green", "blue", "grey")
)
"""Words that stand beside those in the names editors and themes give their boxes: `bs-callout-warning`, `noteBox`."""
_NAMED = frozenset(word for _, words in _LEVELS for word in words)
RAISED = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
"""Signs that the dialect can raise: each is a character of its own."""
SCRIPT = re.compile(r"(?:java|vb)script:|data:text/html", re.IGNORECASE)
_NO_ADDRESS = re.compile(r"[\x00-\x1f\x7f]")


def address_in(attributes: dict[str, str], *names: str) -> str:
    """The first address that is there, without the blanks browsers ignore."""
    found = (_NO_ADDRESS.sub("", attributes.get(name, "")).strip() for name in names)
    return next((url for url in found if url), "")


def picture_in(attributes: dict[str, str]) -> str:
    """Where a picture lies: the address a page fills in late, else its own, else the first of several sizes."""
    url = address_in(attributes, "data-src", "data-original", "data-lazy-src", "data-lazy", "src")
    sizes = url or address_in(attributes, "srcset", "data-srcset")
    return url or next(iter(sizes.split()), "").rstrip(",")


def title_of(attributes: dict[str, str]) -> str:
    """What a frame, a player or the like is called; empty if it has no name."""
    return BLANKS.sub(" ", attributes.get("title") or attributes.get("aria-label") or "").strip()


def level_of(attributes: dict[str, str]) -> str:
    """The sign of the box a class speaks of; empty for none.

    Only a name made of nothing but such words speaks of one: `article-info`, `error-codes` and `text-danger` do not.
    """
    found: set[str] = set()
    for name in attributes.get("class", "").split():
        words = {word.lower() for word in _WORDS.findall(name)}
        if words <= _NAMED | _BESIDE:
            found |= words
    return next((sign for sign, names in _LEVELS if found & names), "") if found else ""


def style_of(attributes: dict[str, str]) -> tuple[int, bool]:
    """What the style of a tag says in the marks of a run, and whether it says more."""
    if not attributes:
        return 0, False
    bits, more = 0, bool(attributes.keys() & {"color", "bgcolor", "face"})
    for part in attributes.get("style", "").lower().split(";"):
        key, _, value = (half.strip() for half in part.partition(":"))
        value = value.removesuffix("!important").strip()
        if (key, value) in (("display", "none"), ("visibility", "hidden")):
            bits |= HIDDEN
        elif key == "font-weight" and value in _HEAVY:
            bits |= BOLD
        elif key == "font-style" and value in ("italic", "oblique"):
            bits |= ITALIC
        elif key.startswith("text-decoration") and ("underline" in value or "line-through" in value):
            bits |= (UNDERLINE if "underline" in value else 0) | (STRIKE if "line-through" in value else 0)
        elif value and not key.startswith("mso-"):
            more = True
    return bits | (HIDDEN if "hidden" in attributes else 0), more
