"""Reading help articles: which requests bring which text, and where the bytes of their pictures come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

import mig
from kustomer_desk import opened
from mig import Access, Budgets, Lost, Partition, Ref, Scope, Unclear, Unreadable
from mig.clock import SystemClock
from mig.settings import Secret
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import open_source


class Library:
    """Articles as (id, language -> current and latest version), and versions by their ids."""

    def __init__(self, count: int = 1, **languages: tuple[str, str]) -> None:
        self.articles = {f"a{n}": dict(languages) for n in range(count)}
        self.versions: dict[str, str] = {}
        self.asked: list[str] = []
        self.included = True
        self.refused: dict[str, int] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path.removeprefix("/v1/kb/articles").strip("/"), dict(request.url.params)
        self.asked.append("/".join(filter(None, [path, query.get("includeLang", ""), query.get("page", "")])))
        for part, status in self.refused.items():
            if part in path:
                return httpx.Response(status)
        if not path:
            page, size = int(query["page"]), int(query["pageSize"])
            ids = list(self.articles)
            some = [self._row(one, query.get("includeLang")) for one in ids[(page - 1) * size : page * size]]
            more = f"/v1/kb/articles?page={page + 1}" if page * size < len(ids) else None
            return httpx.Response(200, json={"data": some, "links": {"next": more}})
        id_, _, rest = path.partition("/")
        if id_ not in self.articles:
            return httpx.Response(404)
        if rest:
            rows = [self._version(name) for name, language in self.versions.items() if language == rest.split("/")[1]]
            return httpx.Response(200, json={"data": rows})
        return httpx.Response(200, json={"data": self._row(id_, query.get("includeLang"))})

    def _row(self, id_: str, language: str | None) -> dict[str, Any]:
        versions: dict[str, Any] = {}
        for name, (current, latest) in self.articles[id_].items():
            told: Any = current
            if name == language and current and self.included:
                told = {"_id": current, "htmlBody": f"text of {current}", "status": "published"}
            versions[name] = {"currentVersion": {"id": told} if current else None, "latestVersion": {"id": latest}}
        return {"id": id_, "attributes": {"langVersions": versions}}

    def _version(self, id_: str) -> dict[str, Any]:
        attributes = {"htmlBody": f"text of {id_}", "status": "draft", "version": int(id_[1:])}
        return {"id": id_, "attributes": attributes, "relationships": {"article": {"data": {"id": "a0"}}}}


async def found(library: Library, **settings: Any) -> list[mig.Article]:
    """Every article, as a run stages it."""
    async with opened(library, **settings) as source:
        pages = [page async for page in source.extract(Partition("articles"), Scope(), None)]
        records = [record for page in pages for raw in page.rows for record in source.parse(raw).records]
    assert json.loads(pages[-1].checkpoint or b"") == {"mode": "done"}
    return [record for record in records if isinstance(record, mig.Article)]


async def collect(source: Any, shown: list[str]) -> None:
    """Read articles; what came before an error stays in `shown`."""
    async for page in source.extract(Partition("articles"), Scope(), None):
        shown += [raw.id for raw in page.rows]


async def test_public_texts_come_page_by_page_once_for_each_language() -> None:
    library = Library(3, de=("v1", "v1"), ar=("v2", "v2"))
    records = await found(library, article_page=2)
    assert library.asked == ["1", "de/1", "ar/1", "2", "de/2", "ar/2"]
    assert [one.html for one in records] == ["text of v1", "text of v2"] * 3


async def test_a_draft_is_the_text_where_nothing_is_public_and_else_stands_beside_it() -> None:
    library = Library(de=("v1", "v2"), ar=("", "v3"))
    library.versions = {"v1": "de", "v2": "de", "v3": "ar", "v4": "ar"}
    german, arabic = await found(library)
    assert (german.html, german.extra["draft"]["htmlBody"]) == ("text of v1", "text of v2")
    assert (arabic.html, arabic.status) == ("text of v3", "draft")
    assert "draft" not in arabic.extra
    library.asked.clear()
    german, arabic = await found(library, article_drafts=False)
    assert (german.html, arabic.html) == ("text of v1", "")
    assert library.asked == ["1", "de/1"]


async def test_a_public_text_the_list_does_not_show_is_looked_for_among_the_versions() -> None:
    library = Library(de=("v1", "v1"))
    library.versions, library.included = {"v1": "de", "v2": "de"}, False
    (german,) = await found(library, article_drafts=False)
    assert german.html == "text of v1"


async def test_a_version_that_is_not_served_or_not_there_is_told_and_costs_no_article() -> None:
    library = Library(de=("", "v1"))
    for refused in ({"versions": 403}, {"versions": 404}, {}):
        library.refused = refused
        async with opened(library) as source:
            (page,) = [page async for page in source.extract(Partition("articles"), Scope(), None)]
            parsed = source.parse(page.rows[0])
        assert isinstance(parsed.records[0], mig.Article)
        assert parsed.records[0].html == ""
        assert "version" in {odd.field for odd in parsed.warnings}


async def test_an_extraction_goes_on_at_its_page_and_ends_at_the_cap() -> None:
    library = Library(5, de=("v1", "v1"))
    async with opened(library, article_page=2) as source:
        pages = [page async for page in source.extract(Partition("articles"), Scope(), None)]
        rest = [page async for page in source.extract(Partition("articles"), Scope(), pages[0].checkpoint)]
        assert [raw.id for page in rest for raw in page.rows] == ["a2", "a3", "a4"]
    async with opened(library, article_page=2, list_cap=4) as source:
        shown: list[str] = []
        with pytest.raises(Unreadable, match="only the first 4"):
            await collect(source, shown)
        assert shown == ["a0", "a1", "a2", "a3"]


async def test_counting_articles_reads_no_texts() -> None:
    library = Library(2, de=("v1", "v2"), ar=("", "v3"))
    async with opened(library) as source:
        names = [id_ async for some in source.ids(mig.ARTICLE, Scope()) for id_, _ in some]
        assert names == ["a0.de", "a0.ar", "a1.de", "a1.ar"]
        assert library.asked == ["1"]
        assert list(
            await source.fetch([Ref(mig.ARTICLE, "a1.de"), Ref(mig.ARTICLE, "a1.fr"), Ref(mig.ARTICLE, "x.de")])
        )


# ---- the bytes of what they show -------------------------------------------------------------------------------------

API = "http://127.0.0.1:4010"
Answers = dict[str, httpx.Response]


async def opened_file(answers: Answers, url: str, **extra: Any) -> tuple[bytes, list[str]]:
    """The bytes of a file, and the paths that were asked for."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        assert request.url.path.startswith("/v1/") == ("authorization" in request.headers)
        return answers.get(request.url.path, httpx.Response(404))

    clock = SystemClock()
    given = KustomerSettings(
        url=API,
        api_key=Secret("key"),
        attempts=1,
        pause_s=0.0,
        file_origins=["https://kb.example", "https://cdn.example"],
    )
    record = mig.Attachment(ref=Ref(mig.MEDIA, "a1.de.0"), parent=Ref(mig.ARTICLE, "a1.de"), url=url, extra=extra)
    async with AsyncExitStack() as stack:
        access = Access(clock=clock, budgets=Budgets(clock), transport=httpx.MockTransport(answer))
        source = await stack.enter_async_context(open_source(given, access))
        chunks = await stack.enter_async_context(source.open_file(record))
        return b"".join([chunk async for chunk in chunks]), asked


def row(**attributes: Any) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, json={"data": {"id": "x", "attributes": attributes}})


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("data:image/gif;base64,R0lG ODlh", b"GIF89a"),
        ("data:image/gif;base64,R0lGODlhAQ", b"GIF89a\x01"),
        ("data:text/plain,a%20b", b"a b"),
        ("DATA:;base64,", b""),
    ],
)
async def test_what_is_written_out_in_a_body_needs_no_request(url: str, body: bytes) -> None:
    assert await opened_file({}, url) == (body, [])


@pytest.mark.parametrize("url", ["data:image/gif;base64,!!!", "data:image/gif;base64", "x.png"])
async def test_what_cannot_be_had_is_lost(url: str) -> None:
    with pytest.raises(Lost):
        await opened_file({}, url)


async def test_media_is_asked_for_a_fresh_address_and_else_read_where_it_is_shown() -> None:
    store = {"/1.png": httpx.Response(200, content=b"old"), "/f.png": httpx.Response(200, content=b"fresh")}
    media = row(url="https://cdn.example/f.png")()
    body, asked = await opened_file({**store, "/v1/media/m1": media}, "https://cdn.example/1.png", media_id="m1")
    assert (body, asked) == (b"fresh", ["/v1/media/m1", "/f.png"])
    body, asked = await opened_file(store, "https://cdn.example/1.png", media_id="m1")
    assert (body, asked) == (b"old", ["/v1/media/m1", "/1.png"])
    with pytest.raises(Unclear):
        await opened_file({"/v1/media/m1": httpx.Response(403)}, "https://cdn.example/1.png", media_id="m1")


async def test_an_address_without_a_host_stands_on_that_of_its_knowledge_base() -> None:
    answers = {"/v1/kb/knowledge-bases/b1": row(domain="kb.example")(), "/i/x.png": httpx.Response(200, content=b"x")}
    assert await opened_file(answers, "/i/x.png", bases=["b0", "b1"]) == (
        b"x", ["/v1/kb/knowledge-bases/b0", "/v1/kb/knowledge-bases/b1", "/i/x.png"],
    )  # fmt: skip
    answers["/v1/kb/knowledge-bases/b1"] = row(domain="kb.example/../@evil")()
    with pytest.raises(Lost, match="no host"):
        await opened_file(answers, "/i/x.png", bases=["b1"])


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://127.0.0.1/x", "https://a:b@cdn.example/x"])
async def test_forbidden_ground_is_not_entered(url: str) -> None:
    with pytest.raises(Lost):
        await opened_file({}, url)
