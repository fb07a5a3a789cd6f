"""What becomes of the help centre: categories and articles per language, what stands in them, where they are found."""

from __future__ import annotations

import json
from typing import Any

import pytest

import mig
from mig import Kind, Parsed, Raw, Ref
from mig_kustomer.html_media import links, media
from mig_kustomer.parse import parse


def category(attributes: Any, relationships: Any = None) -> Parsed:
    row = {"id": "k1", "attributes": attributes, "relationships": relationships or {}}
    return parse(Raw("categories", "k1", json.dumps(row).encode()))


def article(attributes: Any, **beside: Any) -> Parsed:
    return parse(Raw("articles", "a1", json.dumps({"data": {"id": "a1", "attributes": attributes}, **beside}).encode()))


def texts(parsed: Parsed) -> dict[str, mig.Article]:
    return {one.language: one for one in parsed.records if isinstance(one, mig.Article)}


def fields(parsed: Parsed) -> set[str]:
    return {odd.field for odd in parsed.warnings} - {"createdAt", "updatedAt"}


# ---- categories ------------------------------------------------------------------------------------------------------


def test_a_category_is_one_in_each_of_its_languages() -> None:
    parsed = category(
        {
            "hash": "32b862891", "published": True, "root": False, "positions": [{"id": "a1"}], "categoryPositions": [],
            "parent": "k0", "knowledgeBase": "b1",
            "langs": {
                "en_us": {"title": "Orders", "slug": "orders", "description": "All", "disabled": False},
                "de": {"title": "Bestellungen", "slug": "bestellungen", "disabled": True, "more": 1},
            },
        },
        {"parent": {"data": {"type": "kb_category", "id": "k0"}}},
    )  # fmt: skip
    english, german = parsed.records
    assert english == mig.Category(
        ref=Ref(mig.CATEGORY, "k1.en_us"),
        group="k1",
        language="en_us",
        name="Orders",
        slug="orders",
        description="All",
        parent=Ref(mig.CATEGORY, "k0.en_us"),
        base=Ref(Kind("knowledge_base"), "b1"),
        languages=["en_us", "de"],
        extra={"hash": "32b862891", "root": False, "positions": [{"id": "a1"}], "categoryPositions": []},
    )
    assert isinstance(german, mig.Category)
    assert (german.ref.id, german.published, german.extra["langs"]) == ("k1.de", False, {"de": {"more": 1}})


@pytest.mark.parametrize("langs", [None, {}, [], "de"])
def test_a_category_without_languages_is_one_record_all_the_same(langs: Any) -> None:
    parsed = category({"langs": langs, "root": True})
    (record,) = parsed.records
    assert isinstance(record, mig.Category)
    assert (record.ref.id, record.language, record.extra["root"]) == ("k1.", "", True)
    assert "langs" in fields(parsed)


def test_a_language_that_is_no_object_keeps_what_it_is() -> None:
    parsed = category({"langs": {"de": "Bestellungen", "ar": None}})
    assert [record.ref.id for record in parsed.records] == ["k1.de", "k1.ar"]
    assert parsed.records[0].extra["langs"] == {"de": "Bestellungen"}
    assert {(odd.ref.id, odd.field) for odd in parsed.warnings} >= {("k1.de", "langs.de"), ("k1.ar", "langs.ar")}


# ---- articles --------------------------------------------------------------------------------------------------------

WHOLE = {
    "hash": "580b752b9", "title": "T", "source": "en_us", "status": "published", "scope": "public", "tags": ["t1"],
    "categories": [{"id": "k1", "knowledgeBase": "b1"}], "knowledgeBases": [{"id": "b1", "featured": True}],
    "metaDescription": "About", "metaKeywords": ["a", "b"], "publishedAt": "2025-03-21T20:13:07.702Z",
    "langVersions": {
        "de": {"currentVersion": {"id": "v1", "version": 1}, "latestVersion": {"id": "v2", "version": 2}},
        "en_us": {"currentVersion": None, "latestVersion": {"id": "v3"}},
        "ar": {},
    },
    "latestLangs": {"de": {"id": "v2", "status": "draft"}},
}  # fmt: skip
GERMAN = {"_id": "v1", "slug": "hallo", "title": "Hallo", "status": "published", "htmlBody": "<p>Hallo</p>"}
DRAFT = {"_id": "v2", "title": "Neu", "htmlBody": "<p>Neu</p>"}
ENGLISH = {"_id": "v3", "title": "Hello", "status": "draft", "htmlBody": "<p>Hello</p>", "metaDescription": "Its own"}


def test_an_article_is_one_in_each_of_its_languages_with_the_text_that_is_shown() -> None:
    parsed = article(WHOLE, versions={"de": GERMAN, "en_us": ENGLISH}, drafts={"de": DRAFT})
    found = texts(parsed)
    assert list(found) == ["en_us", "de", "ar"]
    german = found["de"]
    assert german == mig.Article(
        ref=Ref(mig.ARTICLE, "a1.de"),
        group="a1",
        language="de",
        title="Hallo",
        slug="hallo",
        description="About",
        keywords=["a", "b"],
        html="<p>Hallo</p>",
        status="published",
        featured=True,
        categories=[Ref(mig.CATEGORY, "k1.de")],
        bases=[Ref(Kind("knowledge_base"), "b1")],
        tags=["t1"],
        addresses=[
            "/de/hallo-580b752b9",
            "/de/580b752b9",
            "/de/hallo",
            "/hallo-580b752b9",
            "/580b752b9",
            "/hallo",
            "/articles/580b752b9",
            "/articles/a1",
        ],
        languages=["en_us", "de", "ar"],
        published_at=german.published_at,
        extra=german.extra,
    )
    assert german.extra["draft"] == DRAFT
    assert german.extra["version"] == {"_id": "v1", "status": "published"}
    assert german.extra["langVersions"] == WHOLE["langVersions"]["de"]  # type: ignore[index]
    assert german.extra["title"] == "T"
    assert (found["en_us"].status, found["en_us"].description, found["en_us"].title) == ("draft", "Its own", "Hello")
    assert (found["ar"].status, found["ar"].html, found["ar"].title) == ("draft", "", "T")


@pytest.mark.parametrize(
    ("version", "whole", "said"),
    [("published", "published", "published"), ("published", "draft", "draft"), ("draft", "published", "draft"),
     (None, None, "published"), (None, "archived", "archived")],
)  # fmt: skip
def test_an_article_is_public_only_where_nothing_says_otherwise(
    version: str | None, whole: str | None, said: str
) -> None:
    found = article({"status": whole, "langVersions": {"de": {}}}, versions={"de": {"status": version}})
    assert texts(found)["de"].status == said


def test_only_the_desk_may_read_what_either_of_the_two_calls_internal() -> None:
    for version, whole in (("internal", "public"), ("public", "internal")):
        found = article({"scope": whole, "langVersions": {"de": {}}}, versions={"de": {"scope": version}})
        assert texts(found)["de"].internal


@pytest.mark.parametrize(
    ("versions", "names"),
    [
        (None, ["fr"]),
        ({}, ["fr"]),
        ("de", ["fr"]),
        ({"de": None}, ["de"]),
        ({"de": {"currentVersion": "v1", "latestVersion": "v1"}}, ["de"]),
        ({"de": {"currentVersion": {"id": None}}, "fr": 5}, ["fr", "de"]),
    ],
)
def test_untidy_languages_are_languages(versions: Any, names: list[str]) -> None:
    found = texts(article({"source": "fr", "langVersions": versions}))
    assert list(found) == names
    assert all(one.html == "" and one.status == "draft" for one in found.values())


def test_a_version_that_stands_in_the_article_itself_is_its_text() -> None:
    found = article({"langVersions": {"de": {"currentVersion": {"id": GERMAN}}}})
    assert texts(found)["de"].html == "<p>Hallo</p>"
    assert texts(found)["de"].extra["langVersions"] == {"currentVersion": {"id": "v1"}}


def test_half_a_character_in_a_body_costs_no_article() -> None:
    body = b'{"data":{"id":"a1","attributes":{"langVersions":{"de":{}}}},"versions":{"de":{"htmlBody":"a\\ud83d"}}}'
    parsed = parse(Raw("articles", "a1", body))
    assert texts(parsed)["de"].html == "a\ufffd"
    assert "versions" in fields(parsed)


def test_why_a_text_was_not_read_is_told() -> None:
    parsed = article({"langVersions": {"de": {}}}, unread={"de": "not asked for"})
    assert [(odd.ref.id, odd.why) for odd in parsed.warnings if odd.field == "version"] == [("a1.de", "not asked for")]


# ---- pictures, files and links ---------------------------------------------------------------------------------------


def test_each_picture_of_a_body_is_a_file_of_its_article() -> None:
    body = (
        '<img alt="inline" src="https://cdn.example/kb/0.png?a=1&amp;b=2"><IMG SRC=\'https://cdn.example/kb/0.png?a=1&b=2\'>'
        '<img src="data:image/gif;base64,R0lG" alt="dot"><a data-media-id="m1" href="/files/x.pdf">x</a>'
    )
    parsed = article(
        {"knowledgeBases": [{"id": "b1"}], "langVersions": {"de": {}}}, versions={"de": {"htmlBody": body}}
    )
    files = [one for one in parsed.records if isinstance(one, mig.Attachment)]
    assert [(one.name, one.mime, one.url) for one in files] == [
        ("0.png", "image/png", "https://cdn.example/kb/0.png?a=1&b=2"),
        ("dot.gif", "image/gif", "data:image/gif;base64,R0lG"),
        ("x.pdf", "application/pdf", "/files/x.pdf"),
    ]
    assert texts(parsed)["de"].media == [one.ref for one in files]
    assert {one.parent for one in files} == {Ref(mig.ARTICLE, "a1.de")}
    assert all(one.stands_as == one.url and one.ref.kind == mig.MEDIA for one in files)
    assert files[2].extra == {"media_id": "m1", "bases": ["b1"]}


@pytest.mark.parametrize(
    ("body", "urls"),
    [
        ("<img src=x onerror=alert(1)>", ["x"]),
        ("<img src=javascript:alert(1)><img src='#a'><img src><img><img src=''>", []),
        ('<a href="mailto:a@b">a</a><a href="https://elsewhere.example/attachments/1">b</a>', []),
        ('<a href="https://org.api.kustomerapp.com/v1/attachments/1?redirect=true">b</a>',
         ["https://org.api.kustomerapp.com/v1/attachments/1?redirect=true"]),
        ("<!-- <img src=a> --><script>'<img src=b>'</script><img src=c>", ["c"]),
        ('<video src="v.mp4"><source src="w.webm"></video><audio src=" s.mp3\n"></audio>',
         ["v.mp4", "w.webm", "s.mp3"]),
        ('<img src="never ends <img src=a>', ["never ends <img src=a>"]),
        ("<img data-src=late.png src=''>", ["late.png"]),
        ("<img src='data:image/gif;base64,R0' data-src=late.png>", ["late.png"]),
        ("<img src=wait.gif data-lazy=late.png><video src=v.mp4 data-src=w.mp4>", ["late.png", "v.mp4"]),
        ("a < b <img/src=a/>", ["a/"]),
        ("<script><img src=a>", []),
    ],
)  # fmt: skip
def test_what_is_a_picture_and_what_is_none(body: str, urls: list[str]) -> None:
    assert [one.url for one in media(body)] == urls


def test_files_on_the_sources_own_hosts_are_found_in_whatever_shows_them() -> None:
    own = "https://acme.kustomer.help"
    body = (
        f"<iframe src='{own}/files/a.pdf'></iframe><object data='{own}/b.pdf'></object><embed src='{own}/media/c'>"
        f"<a href='{own}/files/d.xlsx'>d</a><a href='/manual.pdf'>e</a><img srcset='{own}/f.png 2x, {own}/g.png 3x'>"
        f"<a href='{own}/en_us/page-580b752b9'>no</a><a href='{own}/page.html'>no</a><iframe src='https://e.org/x.pdf'></iframe>"
        "<a href='https://e.org/y.pdf'>no</a><iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ'></iframe>"
    )
    names = ("/files/a.pdf", "/b.pdf", "/media/c", "/files/d.xlsx")
    assert [one.url for one in media(body)] == [*(own + name for name in names), "/manual.pdf", f"{own}/f.png"]


@pytest.mark.parametrize("body", ["<img " * 40_000, "<a href='" * 40_000, "<script>" * 40_000, "<!--" * 40_000])
def test_a_body_that_never_closes_anything_costs_no_time(body: str) -> None:
    assert len(media(body)) + len(links(body)) <= 2


def test_links_to_articles_are_told_by_how_they_end() -> None:
    body = (
        '<a href="https://kb.example/de/hallo-580b752b9">1</a><a href="/580b752b9#x">2</a>'
        '<a href="/en-US/h%C3%A4llo-580B752B9?a=1">3</a><a href="https://shop.example/order">4</a><a href="/de/">5</a>'
        '<a href="/de/brief-abcdefghi.html">6</a><a href="/app/articles/5f00000000000000000000d1">7</a>'
        '<iframe src="/de/frame-580b752b9"></iframe>'
    )
    found = texts(article({"langVersions": {"de": {}}}, versions={"de": {"htmlBody": body}}))["de"].links
    assert {url: ref.id for url, ref in found.items()} == {
        "https://kb.example/de/hallo-580b752b9": "580b752b9.de",
        "/580b752b9#x": "580b752b9",
        "/en-US/h%C3%A4llo-580B752B9?a=1": "580b752b9.en_us",
        "/de/brief-abcdefghi.html": "abcdefghi.de",
        "/app/articles/5f00000000000000000000d1": "5f00000000000000000000d1",
        "/de/frame-580b752b9": "580b752b9.de",
    }
    assert {ref.kind for ref in found.values()} == {mig.HELP_ADDRESS}


def test_an_article_has_an_address_in_each_language_and_one_without() -> None:
    parsed = article(WHOLE, versions={"de": GERMAN})
    found = {one.ref.id: one for one in parsed.records if isinstance(one, mig.HelpAddress)}
    assert set(found) == {"580b752b9", "580b752b9.en_us", "580b752b9.de", "580b752b9.ar", "a1"}
    assert (found["a1"].article, found["a1"].paths) == (Ref(mig.ARTICLE, "a1.en_us"), ["/articles/a1"])
    assert found["580b752b9"].article == Ref(mig.ARTICLE, "a1.en_us")
    assert found["580b752b9.de"].paths == ["/de/hallo-580b752b9", "/de/580b752b9", "/de/hallo"]


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ({}, []),
        ({"domain": "https://www.Help.Example.com/en"}, ["help.example.com"]),
        ({"domain": "help.example.com:443", "customDomains": ["a.example", 7, ""]}, ["help.example.com", "a.example"]),
        ({"domain": {"name": "x"}}, []),
    ],
)
def test_a_knowledge_base_says_where_it_is_read(said: dict[str, Any], hosts: list[str]) -> None:
    attributes = {"name": "Help", "default": False, "enabled": False, "defaultLang": "de", **said}
    resource = {"type": "kb_knowledge_base", "id": "b1", "attributes": attributes}
    (found,) = parse(mig.Raw("knowledge_bases", "b1", json.dumps(resource).encode())).records
    assert isinstance(found, mig.KnowledgeBase)
    assert [one for one in found.hosts if not one.startswith(".")] == hosts
    assert ".kustomer.help" in found.hosts
    assert (found.title, found.active, found.primary, found.language) == ("Help", False, False, "de")
    assert found.fields["defaultLang"] == "de", "what it says is archived as it is said"
