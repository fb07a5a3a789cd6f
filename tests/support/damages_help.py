"""What can happen to a help centre behind mig's back, as damages.py has it of threads, profiles and files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from damages import DAMAGES, Damage, Desk, Hurt, damage, uploaded
from help_made import ARTICLES, BILLING, INVOICES, PICTURE
from mig_crisp.sandbox.helpdesk import Article, Category, Redirection

__all__ = ["DAMAGES", "OLD_ADDRESSES", "Hurt"]
OLD_ADDRESSES: dict[str, Damage] = {}
"""Damages to redirections, which only the newer interface to the help centre has."""


def article(desk: Desk, name: str = "pay", language: str = "en_us") -> tuple[Article, str]:
    """An article of the dataset in a language, and the source's id of it."""
    title = ARTICLES[name].texts[language].title
    found = [one for one in desk.helpdesk.articles.live.values() if one.title == title]
    assert len(found) == 1, title
    return found[0], f"{ARTICLES[name].id}.{language}"


def rewrite(desk: Desk, old: str, new: str, *, count: int = 1) -> str:
    """Put other words into the article that has something of everything; the source's id of it."""
    one, name = article(desk)
    assert old in one.content, one.content
    one.content = one.content.replace(old, new, count)
    return name


@damage("an article is removed")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    desk.helpdesk.articles.drop(one.article_id)
    return Hurt("missing", "article", name, level="census")


@damage("an article has another title")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.title = "How not to pay"
    return Hurt("mismatched", "article", name, "title", "values")


@damage("an article has another description")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.description = "About something else"
    return Hurt("mismatched", "article", name, "description", "values")


@damage("an article has lost its description")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.description = ""
    return Hurt("mismatched", "article", name, "description", "values")


@damage("a heading of an article is lost")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "## Before you pay\n\n", "")
    return Hurt("mismatched", "article", name, "extra.headings", "values")


@damage("a heading of an article is of another level")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "## Before you pay", "### Before you pay")
    return Hurt("mismatched", "article", name, "extra.headings", "values")


@damage("a heading of an article is mere text")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "## Before you pay", "Before you pay")
    return Hurt("mismatched", "article", name, "extra.headings", "values")


@damage("an item of a list is lost")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "* In cash\n", "")
    return Hurt("mismatched", "article", name, level="values")


@damage("an item of a list within a list stands in the outer one")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "  * elsewhere", "* elsewhere")
    return Hurt("mismatched", "article", name, level="values")


@damage("a numbered list has no numbers")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "1. Open the parcel\n2. Count", "* Open the parcel\n* Count")
    return Hurt("mismatched", "article", name, level="values")


@damage("a row of a table is lost")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "| Card | 1 |\n", "")
    return Hurt("mismatched", "article", name, level="values")


@damage("two rows of a table change places")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "| Card | 1 |\n| Invoice | 14 \\* |", "| Invoice | 14 \\* |\n| Card | 1 |")
    return Hurt("mismatched", "article", name, level="values")


@damage("a cell of a table is changed")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "| Card | 1 |", "| Card | 2 |")
    return Hurt("mismatched", "article", name, level="values")


@damage("the last rows of a long table are lost")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "zones")
    one.content = "\n".join(line for line in one.content.split("\n") if "Zone 119" not in line)
    return Hurt("mismatched", "article", name, level="values")


@damage("a link between articles leads to another article")
def _(desk: Desk) -> Hurt:
    there = desk.helpdesk.article_url(article(desk, "refund")[0])
    elsewhere = desk.helpdesk.article_url(article(desk, "zones")[0])
    name = rewrite(desk, there, elsewhere)
    return Hurt("mismatched", "article", name, "extra.links", "values")


@damage("a link between articles has lost the place it names")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "refund")
    assert "#before-you-pay)" in one.content
    one.content = one.content.replace("#before-you-pay)", ")")
    return Hurt("mismatched", "article", name, "extra.links", "values")


@damage("a link between articles has lost its query")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "refund")
    assert "?from=refunds)" in one.content
    one.content = one.content.replace("?from=refunds)", ")")
    return Hurt("mismatched", "article", name, "extra.links", "values")


@damage("a link between articles leads to the old help centre")
def _(desk: Desk) -> Hurt:
    there = desk.helpdesk.article_url(article(desk, "refund")[0])
    name = rewrite(desk, there, f"https://kb0.example.com{ARTICLES['refund'].path('en_us')}")
    return Hurt("mismatched", "article", name, "extra.links", "values")


@damage("a link to somebody else leads elsewhere")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "https://example.org/x?a=1&b=2#c", "https://example.org/x?a=1&b=3#c")
    return Hurt("mismatched", "article", name, "extra.links", "values")


@damage("a link is mere text")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "[somebody else](https://example.org/x?a=1&b=2#c)", "somebody else")
    return Hurt("mismatched", "article", name, "extra.links", "values")


def _picture(desk: Desk) -> str:
    """A picture as it stands in the article."""
    content = article(desk)[0].content
    return content[content.index("![") : content.index(")", content.index("![")) + 1]


@damage("a picture of an article is lost")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, _picture(desk), "")
    return Hurt("mismatched", "article", name, level="values")


@damage("a picture of an article lies on another host")
def _(desk: Desk) -> Hurt:
    picture = _picture(desk)
    name = rewrite(desk, picture, f"{picture.partition('(')[0]}(https://elsewhere.example/a.gif)")
    return Hurt("mismatched", "article", name, "extra.images", "values")


@damage("a picture of an article has no address")
def _(desk: Desk) -> Hurt:
    picture = _picture(desk)
    name = rewrite(desk, picture, f"{picture.partition('(')[0]}()")
    return Hurt("mismatched", "article", name, "extra.images", "values")


def _media(desk: Desk) -> tuple[str, Any]:
    """The source's id of a picture of an article, and its upload."""
    picture = _picture(desk)
    upload = next(one for one in desk.bucket.uploads.values() if picture.endswith(f"{one.url})"))
    digest = hashlib.sha256(PICTURE.encode()).hexdigest()[:12]
    return f"{ARTICLES['pay'].id}.en_us.{digest}", upload


@damage("a picture of an article is another")
def _(desk: Desk) -> Hurt:
    name, upload = _media(desk)
    upload.path.write_bytes(b"GIF89a, another one")
    return Hurt("mismatched", "media", name, "bytes", "bytes")


@damage("a picture of an article is gone")
def _(desk: Desk) -> Hurt:
    name, upload = _media(desk)
    upload.path = None
    return Hurt("mismatched", "media", name, "bytes", "bytes")


@damage("an article shows another file of ours instead of its picture")
def _(desk: Desk) -> Hurt:
    _, _, upload = uploaded(desk)
    name, own = _media(desk)
    picture = _picture(desk)
    rewrite(desk, picture, picture.replace(own.url, upload.url))
    return Hurt("mismatched", "media", name, "bytes", "bytes")


@damage("a word of an article is changed")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "three", "four")
    return Hurt("mismatched", "article", name, level="values")


@damage("two words of an article change places")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "of them", "them of")
    return Hurt("mismatched", "article", name, level="values")


@damage("a letter of an article changes its case")
def _(desk: Desk) -> Hurt:
    name = rewrite(desk, "That was all", "That was All")
    return Hurt("mismatched", "article", name, level="values")


@damage("what is said in code is changed")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "device")
    assert "print('`')" in one.content
    one.content = one.content.replace("    print", "print")
    return Hurt("mismatched", "article", name, level="values")


@damage("the body of an article is lost")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.content = ""
    return Hurt("mismatched", "article", name, level="values")


@damage("the bodies of two articles change places")
def _(desk: Desk) -> Hurt:
    (one, name), (other, _) = article(desk), article(desk, "refund")
    one.content, other.content = other.content, one.content
    return Hurt("mismatched", "article", name, level="values")


@damage("the bodies of two languages of an article change places")
def _(desk: Desk) -> Hurt:
    (one, name), (other, _) = article(desk), article(desk, "pay", "de")
    one.content, other.content = other.content, one.content
    return Hurt("mismatched", "article", name, level="values")


@damage("an article is not public any more")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.status, one.published_at = "draft", None
    return Hurt("mismatched", "article", name, "status")


@damage("everybody can read a draft")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "soon")
    one.status, one.published_at = "published", one.created_at
    return Hurt("mismatched", "article", name, "status")


@damage("everybody can read what is for the desk only")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "inside")
    one.status, one.published_at = "published", one.created_at
    return Hurt("mismatched", "article", name, "status")


@damage("an article is featured no more")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.featured = False
    return Hurt("mismatched", "article", name, "featured", "values")


@damage("an article stands in another category")
def _(desk: Desk) -> Hurt:
    (one, name), (other, _) = article(desk, "refund"), article(desk, "colour")
    one.category_id, one.section_id = other.category_id, other.section_id
    return Hurt("mismatched", "article", name, "extra.shelf")


@damage("an article stands in no category")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "refund")
    one.category_id = one.section_id = None
    return Hurt("mismatched", "article", name, "extra.shelf")


@damage("an article stands in another section")
def _(desk: Desk) -> Hurt:
    one, name = article(desk)
    one.section_id = article(desk, "zones")[0].section_id
    return Hurt("mismatched", "article", name, "extra.shelf")


@damage("an article stands in another locale")
def _(desk: Desk) -> Hurt:
    one, name = article(desk, "loose", "de")
    one.locale = "pt"
    return Hurt("missing", "article", name, level="census")


def _category(desk: Desk) -> tuple[Category, str]:
    """A category with sections, and the source's id of it."""
    found = [one for one in desk.helpdesk.categories.live.values() if one.name == f"{BILLING.name} [en_us]"]
    assert len(found) == 1
    return found[0], f"{BILLING.id}.en_us"


@damage("a category has another name")
def _(desk: Desk) -> Hurt:
    one, name = _category(desk)
    one.name = "Money"
    return Hurt("mismatched", "category", name, "name")


@damage("a category is removed")
def _(desk: Desk) -> Hurt:
    one, name = _category(desk)
    desk.helpdesk.drop_category(one.category_id, desk.clock.now())
    return Hurt("missing", "category", name, level="census")


@damage("a section has another name")
def _(desk: Desk) -> Hurt:
    sections = [part for one in desk.helpdesk.categories.live.values() for part in one.sections.values()]
    section = next(part for part in sections if part["name"] == f"{INVOICES.name} [en_us]")
    section["name"] = "Bills"
    return Hurt("mismatched", "category", f"{INVOICES.id}.en_us", "name")


@damage("a section is removed")
def _(desk: Desk) -> Hurt:
    one, _ = _category(desk)
    found = next(key for key, part in one.sections.items() if part["name"] == f"{INVOICES.name} [en_us]")
    desk.helpdesk.drop_section(one, found, desk.clock.now())
    return Hurt("missing", "category", f"{INVOICES.id}.en_us", level="census")


@damage("a locale is removed")
def _(desk: Desk) -> Hurt:
    name = article(desk, "device", "pt_br")[1]
    desk.helpdesk.drop_locale("pt", desk.clock.now())
    return Hurt("missing", "article", name, level="census")


# ---- redirections ----------------------------------------------------------------------------------------------------


def old_address(name: str) -> Callable[[Damage], Damage]:
    """Name a damage to redirections."""

    def keep(function: Damage) -> Damage:
        assert name not in OLD_ADDRESSES
        OLD_ADDRESSES[name] = function
        return function

    return keep


def _redirections(desk: Desk, name: str, language: str = "en_us") -> tuple[list[Redirection], str]:
    """Those of an article in a language, the usual one first, and the source's id of it."""
    path = ARTICLES[name].path(language)
    found = sorted(desk.helpdesk.redirections.live.values(), key=lambda one: one.path != path)
    assert found[0].path == path
    return [one for one in found if one.target == found[0].target], f"{ARTICLES[name].id}.{language}"


@old_address("an old address is not redirected any more")
def _(desk: Desk) -> Hurt:
    rows, name = _redirections(desk, "pay")
    desk.helpdesk.redirections.drop(rows[0].redirection_id)
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("the address by the id of an article is not redirected any more")
def _(desk: Desk) -> Hurt:
    rows, name = _redirections(desk, "pay")
    one = next(row for row in rows if row.path == f"/articles/{ARTICLES['pay'].id}")
    desk.helpdesk.redirections.drop(one.redirection_id)
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("no old address is redirected any more")
def _(desk: Desk) -> Hurt:
    _, name = _redirections(desk, "refund")
    desk.helpdesk.redirections.live.clear()
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("an old address leads to another article")
def _(desk: Desk) -> Hurt:
    (one, *_), name = _redirections(desk, "pay")
    one.target = _redirections(desk, "refund")[0][0].target
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("an address of another article leads to one")
def _(desk: Desk) -> Hurt:
    (one, *_), _ = _redirections(desk, "pay")
    (other, *_), name = _redirections(desk, "refund")
    one.target = other.target
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("an old address leads nowhere")
def _(desk: Desk) -> Hurt:
    (one, *_), name = _redirections(desk, "pay", "de")
    one.target = "https://example.org/"
    return Hurt("mismatched", "article", name, "extra.redirections", "values")


@old_address("another address is redirected than the old one")
def _(desk: Desk) -> Hurt:
    (one, *_), name = _redirections(desk, "pay")
    one.path += "9"
    return Hurt("mismatched", "article", name, "extra.redirections", "values")
