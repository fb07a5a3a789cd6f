"""A small help centre, written as a dataset: two knowledge bases, several languages, links in circles."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from desk_sample import Json

ORG, AGENT, PERSON = "5f00000000000000000000a0", "5f00000000000000000000a1", "5f00000000000000000000a2"
HOSTS = {"5f0000000000000000000b00": "kb0.example.com", "5f0000000000000000000b01": "kb1.example.com"}
FIRST_BASE, SECOND_BASE = HOSTS
LANGUAGES = ("en_us", "de", "pt_br")
LOCALES = {"en_us": "en", "en_gb": "en", "de": "de", "pt_br": "pt"}
"""Where each language must arrive."""
MADE = "2026-03-01T10:00:00.000Z"
PIXEL = "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
PICTURE = f"data:image/gif;base64,{PIXEL}"
ROWS = 120
"""Rows of the long table: a table of the new help centre shows 50."""


@dataclass(frozen=True)
class Shelf:
    """A category; its titles are its name and the language in brackets."""

    id: str
    name: str
    base: str
    above: str | None = None
    languages: tuple[str, ...] = LANGUAGES


_C = "5f00000000000000000000c"
ROOTS = (Shelf(f"{_C}0", "root", FIRST_BASE), Shelf(f"{_C}8", "root", SECOND_BASE))
BILLING = Shelf(f"{_C}1", "Billing", FIRST_BASE, f"{_C}0")
INVOICES = Shelf(f"{_C}2", "Invoices", FIRST_BASE, f"{_C}1")
YEARS = Shelf(f"{_C}3", "Past years", FIRST_BASE, f"{_C}2")
PARCELS = Shelf(f"{_C}4", "Parcels", FIRST_BASE, f"{_C}0", (*LANGUAGES, "en_gb"))
DEVICES = Shelf(f"{_C}9", "Devices", SECOND_BASE, f"{_C}8")
SHELVES = (BILLING, INVOICES, YEARS, PARCELS, DEVICES)
"""Those a reader sees; the roots are hidden."""


@dataclass(frozen=True)
class Text:
    """An article in one language."""

    title: str
    html: str


@dataclass(frozen=True)
class Written:
    """An article."""

    id: str
    slug: str
    hash: str
    texts: dict[str, Text]
    shelves: tuple[Shelf, ...] = ()
    about: str = ""
    """Of all its languages: what the list of articles tells."""
    draft: bool = False
    internal: bool = False
    featured: bool = False
    deleted: bool = False
    bases: tuple[str, ...] = field(default=(FIRST_BASE,))

    def path(self, language: str) -> str:
        """The usual address in a language, without a host."""
        assert language in self.texts
        return f"/{language}/{self.slug}-{self.hash}"


_A = "5f00000000000000000000d"


def _to(language: str, name: str) -> str:
    slug, hash_ = {"pay": PAY, "refund": REFUND, "device": DEVICE, "gone": GONE, "soon": SOON}[name]
    return f"/{language}/{slug}-{hash_}"


PAY, REFUND, DEVICE = ("how-to-pay", "aaaa00001"), ("refunds", "bbbb00002"), ("device", "cccc00003")
GONE, SOON = ("gone", "dddd00004"), ("soon", "eeee00005")


def _pay(language: str) -> Text:
    return Text(
        f"How to pay [{language}]",
        f"<h1>Ways to pay</h1><p>There are <b>three</b> of them, <i>all free</i> in {language}.</p>"
        "<ul><li>By card</li><li>By invoice<ul><li>within Germany</li><li>elsewhere</li></ul></li><li>In cash</li></ul>"
        "<h2>Before you pay</h2><ol><li>Open the parcel</li><li>Count <code>a &lt; b * c_d</code></li></ol>"
        "<table><thead><tr><th>Way</th><th>Days | hours</th></tr></thead>"
        "<tbody><tr><td>Card</td><td>1</td></tr><tr><td>Invoice</td><td>14 *</td></tr></tbody></table>"
        f"<p>See <a href='{_to(language, 'refund')}'>our refunds</a>, "
        f'<a href="https://kb0.example.com{_to(language, "device")}">the device</a> and '
        "<a href='https://example.org/x?a=1&amp;b=2#c'>somebody else</a>.</p>"
        f"<p>A picture: <img alt='a pixel' src='{PICTURE}'></p><h3>That was all</h3>",
    )


def _refund(language: str) -> Text:
    return Text(
        f"Refunds [{language}]",
        f"<h2>Money back</h2><p>First <a href='{_to(language, 'pay')}#before-you-pay'>pay</a>, or "
        f"<a href='https://kb0.example.com{_to(language, 'pay')}?from=refunds'>pay again</a>.</p>"
        f"<p>What <a href='{_to(language, 'gone')}'>was here</a>, and what "
        f"<a href='{_to(language, 'soon')}'>will be here</a>.</p>"
        f"<p>This <a href='{_to(language, 'refund')}'>very page</a>; __not underlined__, 3 * 4 * 5, 1. no list</p>",
    )


def _device(language: str) -> Text:
    return Text(
        f"The device [{language}]",
        f"<p>Back to <a href='https://kb0.example.com{_to(language, 'pay')}?x=1#top'>paying</a> and "
        f"<a href='{_to(language, 'refund')}'>refunds</a>.</p><blockquote><p>Quoted words</p></blockquote>"
        "<pre><code>if a &lt; b:\n    print('`')\n</code></pre>",
    )


_TABLE = "<table><thead><tr><th>Zone</th><th>Days</th></tr></thead><tbody>" + "".join(
    f"<tr><td>Zone {number}</td><td>{number % 9} days</td></tr>" for number in range(ROWS)
)
ARTICLES = {
    "pay": Written(f"{_A}1", *PAY, {one: _pay(one) for one in LANGUAGES}, (YEARS,), "About money", featured=True),
    "refund": Written(f"{_A}2", *REFUND, {one: _refund(one) for one in ("en_us", "de")}, (BILLING,)),
    "device": Written(f"{_A}3", *DEVICE, {one: _device(one) for one in LANGUAGES}, (DEVICES,), bases=(SECOND_BASE,)),
    "gone": Written(f"{_A}4", *GONE, {"en_us": Text("It is gone", "<p>gone</p>")}, (BILLING,), deleted=True),
    "soon": Written(
        f"{_A}5",
        *SOON,
        {one: Text(f"Soon [{one}]", "<p>Not yet.</p>") for one in ("en_us", "de")},
        (BILLING,),
        draft=True,
    ),
    "inside": Written(
        f"{_A}6",
        "inside",
        "ffff00006",
        {"en_us": Text("For us only", "<p>The code is 4711.</p>")},
        (BILLING,),
        internal=True,
    ),
    "zones": Written(
        f"{_A}7",
        "zones",
        "aaaa00007",
        {"en_us": Text("Zones", f"<h2>All zones</h2>{_TABLE}</tbody></table><p>That is all.</p>")},
        (INVOICES, PARCELS),
    ),
    "colour": Written(
        f"{_A}8",
        "colours",
        "bbbb00008",
        {
            "en_us": Text("The color", "<p>Any color, in Denver.</p>"),
            "en_gb": Text("The colour", "<p>Any colour, in Leeds.</p>"),
        },
        (PARCELS,),
    ),
    "loose": Written(f"{_A}9", "loose", "cccc00009", {"de": Text("Ohne Regal", "<p>Steht nirgends.</p>")}),
}


def version_id(article: Written, language: str) -> str:
    """The id of the version that holds a text."""
    return f"5f0000000000000000000e{article.id[-1]}{(*LANGUAGES, 'en_gb').index(language)}"


def write_help_centre(path: Path) -> None:
    """Write the dataset to a file."""
    lines = [json.dumps({"kind": kind, "resource": row}) for kind, row in help_rows()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def with_help_centre(path: Path) -> None:
    """Add the help centre to a dataset, and a comment to each rating that was given in it."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for number, line in enumerate(lines):
        level = line["resource"]["attributes"].get("satisfactionLevel") or {}
        if line["kind"] == "conversations" and level.get("rating") is not None:
            level |= {"firstAnswer": f"Comment {number}: not bad.", "sentBy": AGENT, "updatedAt": MADE}
    lines += [{"kind": kind, "resource": row} for kind, row in help_rows() if kind != "customers"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def help_rows(articles: Collection[str] = ARTICLES) -> Iterator[tuple[str, Json]]:
    """Kind and resource of everything in the help centre, with these of its articles."""
    yield "users", _row("user", AGENT, "/v1/users/", name="Ada", email="ada@desk.example", userType="user")
    emails = [{"type": "home", "email": "reader@mail.example"}]
    yield "customers", _row("customer", PERSON, "/v1/customers/", name="A Reader", emails=emails)
    for number, (base, host) in enumerate(HOSTS.items()):
        told = {"name": ("Help", "Devices help")[number], "domain": host, "default": number == 0, "enabled": True}
        yield (
            "kb_knowledge_bases",
            _row("kb_knowledge_base", base, "/v1/kb/knowledge-bases/", **told, langs=[*LANGUAGES]),
        )
    for shelf in (*ROOTS, *SHELVES):
        yield "kb_categories", _shelf(shelf)
    for article in [ARTICLES[name] for name in articles]:
        yield "kb_articles", article_row(article)
        for language, text in article.texts.items():
            yield "kb_versions", version_row(article, language, text)


def _shelf(shelf: Shelf) -> Json:
    langs = {
        one: {
            "title": f"{shelf.name} [{one}]",
            "slug": shelf.name.lower().replace(" ", "-"),
            "description": "",
            "disabled": False,
        }
        for one in shelf.languages
    }
    told = {"langs": langs, "root": shelf in ROOTS, "published": True, "hash": f"{shelf.id[-9:]}", "positions": []}
    return _row(
        "kb_category",
        shelf.id,
        "/v1/kb/categories/",
        **told,
        categoryPositions=[],
        knowledgeBase=shelf.base,
        parent=shelf.above,
    )


def article_row(article: Written) -> Json:
    """The article as the API has it."""
    status = "draft" if article.draft else "published"
    held = {one: {"id": version_id(article, one), "version": 1} for one in article.texts}
    return _row(
        "kb_article",
        article.id,
        "/v1/kb/articles/",
        title=next(iter(article.texts.values())).title,
        hash=article.hash,
        source=next(iter(article.texts)),
        status=status,
        scope="internal" if article.internal else "public",
        categories=[{"id": one.id, "knowledgeBase": one.base} for one in article.shelves],
        knowledgeBases=[{"id": one, "featured": article.featured} for one in article.bases],
        tags=[],
        metaDescription=article.about,
        deleted=article.deleted,
        langVersions={
            one: {"currentVersion": None if article.draft else named, "latestVersion": named}
            for one, named in held.items()
        },
        latestLangs={one: {"id": named["id"], "status": status} for one, named in held.items()},
    )


def version_row(article: Written, language: str, text: Text) -> Json:
    """A text of an article as the API has it."""
    id_ = version_id(article, language)
    row = _row(
        "kb_article_version",
        id_,
        f"/v1/kb/articles/{article.id}/versions/",
        article=article.id,
        lang=language,
        title=text.title,
        slug=article.slug,
        htmlBody=text.html,
        metaDescription=article.about,
        status="draft" if article.draft else "published",
        scope="internal" if article.internal else "public",
        version=1,
    )
    row["relationships"]["article"] = {"data": {"type": "kb_article", "id": article.id}}
    return row


def _row(type_: str, id_: str, path: str, **attributes: object) -> Json:
    return {
        "type": type_,
        "id": id_,
        "attributes": {**attributes, "createdAt": MADE, "updatedAt": MADE, "modifiedAt": MADE},
        "relationships": {
            "org": {"data": {"type": "org", "id": ORG}},
            "createdBy": {"data": {"type": "user", "id": AGENT}},
        },
        "links": {"self": f"{path}{id_}"},
    }
