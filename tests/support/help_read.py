"""What a reader finds in a help article: in its HTML at the source, and in its Markdown on the target.

Read by libraries the product's own comparison does not use for it, so that both cannot be wrong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from markdown_it import MarkdownIt
from markdown_it.token import Token

from desk_sample import Json

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_WITHIN = ("a", "b", "i", "u", "em", "strong", "code", "span", "img")
"""Tags that end no word."""
_UNSEEN = ("script", "style", "head", "title", "noscript", "template")


_ENTITY = re.compile(r"&\w+;")


def _known(entity: re.Match[str]) -> str:
    """One that no browser knows is text, which the parser would take a letter of."""
    return entity[0] if unescape(entity[0]) != entity[0] else f"&amp;{entity[0][1:]}"


@dataclass
class Seen:
    """What stands in an article, each part in its order."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    tables: list[list[tuple[str, ...]]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """What each says and where it leads."""
    pictures: list[tuple[str, str]] = field(default_factory=list)
    """What each is called and where it lies."""
    code: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def in_html(html: str) -> Seen:
    """What a reader of the old help centre finds; a cell that spans two columns in both, of a frame its address."""
    soup = BeautifulSoup(_ENTITY.sub(_known, html), "html.parser")
    for tag in soup(_UNSEEN):
        tag.decompose()
    for tag in soup("iframe"):
        tag.replace_with(f" {tag.get('src', '')} ")
    for tag in soup.find_all("td", colspan=True):
        for _ in range(int(str(tag["colspan"])) - 1):
            again = soup.new_tag("td")
            again.string = tag.get_text(" ")
            tag.insert_after(again)
    seen = Seen()
    for tag in soup.find_all(re.compile(r"^h[1-6]$")):
        seen.headings.append((int(tag.name[1]), _plain(tag.get_text())))
    for tag in soup.find_all("li"):
        own = [one.get_text() for one in tag.children if not (isinstance(one, Tag) and one.name in ("ul", "ol"))]
        seen.items.append(_plain(" ".join(own)))
    for tag in soup.find_all("table"):
        rows = [row.find_all(["td", "th"]) for row in tag.find_all("tr")]
        seen.tables.append([tuple(_plain(cell.get_text(" ")) for cell in row) for row in rows if row])
    seen.links = [(_plain(tag.get_text()), str(tag["href"])) for tag in soup.find_all("a", href=True)]
    seen.pictures = [(str(tag.get("alt", "")), str(tag.get("src", ""))) for tag in soup.find_all("img")]
    seen.code = [tag.get_text().strip("\n") for tag in soup.find_all("pre")]
    for tag in soup.find_all(True):
        if tag.name not in _WITHIN:
            tag.insert_before(" ")
            tag.append(" ")
    seen.words = "".join(one for one in soup.find_all(string=True) if type(one) is NavigableString).split()
    return seen


def in_markdown(text: str) -> Seen:
    """What a reader of the new help centre finds."""
    seen, words = Seen(), list[str]()
    for token, inside in _blocks(text):
        said = "" if token.type != "inline" else _inline(token, seen)
        if token.type in ("fence", "code_block"):
            seen.code.append(token.content.strip("\n"))
            words += token.content.split()
        elif token.type == "table_open":
            seen.tables.append([])
        elif token.type == "tr_open":
            seen.tables[-1].append(())
        elif token.type == "list_item_open":
            seen.items.append("")
        elif token.type == "inline" and inside.startswith("h"):
            seen.headings.append((int(inside[1]), _plain(said)))
        elif token.type == "inline" and inside == "cell":
            seen.tables[-1][-1] = (*seen.tables[-1][-1], _plain(said))
        elif token.type == "inline" and inside == "item":
            empty = max(place for place, one in enumerate(seen.items) if not one)
            seen.items[empty] = _plain(said)
        words += said.split()
    seen.words = words
    return seen


def _blocks(text: str) -> Iterator[tuple[Token, str]]:
    """Each token, and what its text is: `h1` to `h6`, `cell`, `item` for the first of a list's item, or nothing."""
    inside = ""
    for token in _MARKDOWN.parse(text):
        if token.type == "heading_open":
            inside = token.tag
        elif token.type in ("td_open", "th_open"):
            inside = "cell"
        elif token.type == "list_item_open":
            inside = "item"
        yield token, inside
        if token.type in ("inline", "heading_close", "td_close", "th_close"):
            inside = ""


def _inline(token: Token, seen: Seen) -> str:
    said, link = "", None
    for one in token.children or ():
        if one.type in ("text", "code_inline", "text_special"):
            said += one.content
        elif one.type in ("softbreak", "hardbreak"):
            said += " "
        elif one.type == "image":
            seen.pictures.append((one.content, str(one.attrs.get("src", ""))))
        elif one.type == "link_open":
            link = (len(said), unquote(str(one.attrs["href"])))
        elif one.type == "link_close" and link is not None:
            seen.links.append((_plain(said[link[0] :]), link[1]))
    return said


def _plain(text: str) -> str:
    return " ".join(text.split())


# ---- the help centre as the sandbox holds it -------------------------------------------------------------------------


def articles_of(state: Json, locale: str) -> dict[str, Json]:
    """The articles of a locale by their titles; in the tree an empty folder is none.

    Raises:
        AssertionError: Two have one title.
    """
    found = [one for one in state["articles"] if one["locale"] == locale and one.get("kind", "file") == "file"]
    by_title = {one["title"]: one for one in found}
    assert len(by_title) == len(found), sorted(one["title"] for one in found)
    return by_title


def shelf_of(state: Json, article: Json) -> str:
    """The names of what an article stands in, from the top, joined as the locale API joins deeper ones; or nothing."""
    if article["api"] == "locale":
        return " / ".join(filter(None, (article["category"], article["section"])))
    titles = {one["name"]: one["title"] for one in (*state["categories"], *state["articles"])}
    titles |= {one["name"]: one["title"] for one in state["categories"] if one["locale"] == article["locale"]}
    parts = article["name"].split("/")[:-1]
    return " / ".join(titles["/".join(parts[: place + 1])] for place in range(len(parts)))
