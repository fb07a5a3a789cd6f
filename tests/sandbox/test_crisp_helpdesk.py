"""The helpdesk of the Crisp sandbox: what both APIs share, and the locale API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import mig
from mig_crisp.sandbox import spec
from mig_crisp.sandbox.server import Sandbox

NOBODY = "0b0c0d0e-0000-4000-8000-000000000000"
EN = "/locale/en"
DONE: tuple[int, str, Any] = (200, "updated", {})


class Desk:
    """Calls the helpdesk and gives back what it answered."""

    def __init__(self, http: httpx.AsyncClient, running: mig.RunningSandbox) -> None:
        self.http = http
        self.url = running.url
        self.sandbox: Sandbox = running.control
        site = f"{running.environment['CRISP_URL']}/website/{running.environment['CRISP_WEBSITE_ID']}"
        self.site, self.base = site, f"{site}/helpdesk"
        self.names: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", value)
        answer = await self.http.request(method, self.base + path, json=body)
        told: dict[str, Any] = answer.json() if answer.content else {"reason": "", "data": None}
        return answer.status_code, told["reason"], told["data"]

    async def get(self, path: str) -> Any:
        status, reason, data = await self.call("GET", path)
        assert status in (200, 206), reason
        return data

    async def article(self, title: str = "How to pay", locale: str = "en", **fields: Any) -> str:
        status, reason, data = await self.call("POST", f"/locale/{locale}/article", {"title": title})
        assert (status, reason) == (201, "added")
        path = f"/locale/{locale}/article/{data['article_id']}"
        if fields:
            assert await self.call("PATCH", path, fields) == DONE
        return path

    async def category(self, name: str = "Billing") -> str:
        return str((await self.call("POST", f"{EN}/category", {"name": name}))[2]["category_id"])

    async def titles(self, query: str = "") -> list[str]:
        return [one["title"] for one in await self.get(f"{EN}/articles/1{query}")]


@asynccontextmanager
async def desk_with(**switches: str) -> AsyncIterator[Desk]:
    async with spec.serve(mig.SandboxOptions(switches=switches)) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            yield Desk(http, running)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with desk_with() as one:
        yield one


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


# ---- the helpdesk as a whole ---------------------------------------------------------------------------------------


async def test_a_workspace_has_a_helpdesk_with_one_locale(desk: Desk) -> None:
    assert (await desk.call("HEAD", ""))[0] == 200
    assert (await desk.get(""))["url"] == "https://help.sandbox.example/"
    assert [one["locale"] for one in await desk.get("/locales/1")] == ["en"]
    assert (await desk.call("HEAD", EN))[0] == 200
    assert (await desk.call("GET", "/locales/1"))[:2] == (206, "listed")


@pytest.mark.parametrize(
    ("speaks", "tree", "locale"),
    [("locale", 405, 206), ("tree", 206, 405), ("both", 206, 206), ("none", 404, 404)],
)
async def test_a_workspace_speaks_the_api_of_its_switch_and_no_other(speaks: str, tree: int, locale: int) -> None:
    async with desk_with(helpdesk=speaks) as desk:
        answers = [await desk.call("GET", "/tree/list/en/articles/1"), await desk.call("GET", f"{EN}/articles/1")]
        assert [status for status, _, _ in answers] == [tree, locale]
        reasons = {405: "method_not_allowed", 206: "listed", 404: "helpdesk_not_found"}
        assert [reason for _, reason, _ in answers] == [reasons[tree], reasons[locale]]


async def test_without_a_helpdesk_every_route_says_so_until_the_user_tier_initialises_one() -> None:
    routes = [
        ("GET", "/locales/1", None),
        ("POST", "/locale", {"locale": "fr"}),
        ("GET", EN, None),
        ("POST", f"{EN}/article", {"title": "x"}),
        ("GET", f"{EN}/categories/1", None),
        ("POST", "/tree/path/en/articles/x", None),
        ("GET", "/redirections/1", None),
        ("POST", "/redirection", {"path": "/a", "target": "/b"}),
        ("GET", "/settings", None),
        ("GET", "/history/changes/1", None),
    ]
    async with desk_with(helpdesk="none") as desk:
        assert (await desk.call("HEAD", ""))[0] == 404
        for route in routes:
            assert (await desk.call(*route))[:2] == (404, "helpdesk_not_found"), route
    new = {"name": "Help", "domain_basic": "help"}
    async with desk_with(helpdesk="none", tier="user") as desk:
        assert await desk.call("POST", "", new) == (201, "added", {})
        assert (await desk.call("POST", "", new))[:2] == (409, "helpdesk_exists")
        assert await desk.get("/locales/1") == []
        assert (await desk.call("POST", "/locale", {"locale": "en"}))[0] == 201
        await desk.article()
        assert (await desk.call("DELETE", ""))[:2] == (200, "deleted")
        assert (await desk.call("GET", ""))[:2] == (404, "helpdesk_not_found")


@pytest.mark.parametrize("tier", ["website", "plugin"])
async def test_what_is_for_the_user_tier_is_refused_to_tokens(tier: str) -> None:
    async with desk_with(tier=tier) as desk:
        for method, path, body in [
            ("POST", "", {"name": "Help", "domain_basic": "help"}),
            ("DELETE", "", None),
            ("POST", "/import", {}),
            ("POST", "/export", {}),
            ("GET", "/domain", None),
            ("PATCH", "/domain", {}),
        ]:
            assert (await desk.call(method, path, body))[:2] == (403, "not_allowed")


async def test_locales_are_made_counted_and_removed_with_all_they_hold(desk: Desk) -> None:
    assert await desk.call("POST", "/locale", {"locale": "fr"}) == (201, "added", {})
    assert (await desk.call("POST", "/locale", {"locale": "fr"}))[:2] == (409, "locale_exists")
    path = await desk.article("Payer", "fr")
    await desk.category()
    assert (await desk.get("/locale/fr"))["statistics"]["articles"] == {"entries": 1, "groups": 0}
    assert (await desk.get(EN))["statistics"]["articles"] == {"entries": 0, "groups": 1}
    assert await desk.call("DELETE", "/locale/fr") == (200, "deleted", {})
    assert (await desk.call("HEAD", "/locale/fr"))[0] == 404
    assert (await desk.call("GET", path))[:2] == (404, "locale_not_found")
    await desk.call("POST", "/locale", {"locale": "fr"})
    assert (await desk.call("GET", path))[:2] == (404, "article_not_found")


async def test_the_locales_to_begin_with_and_how_many_a_plan_holds_are_switches() -> None:
    async with desk_with(helpdesk_locales="en fr", helpdesk_locales_max="2") as desk:
        assert [one["locale"] for one in await desk.get("/locales/1")] == ["en", "fr"]
        assert (await desk.call("POST", "/locale", {"locale": "de"}))[:2] == (402, "subscription_upgrade_required")


async def test_redirections_are_listed_made_once_per_path_and_removed(desk: Desk) -> None:
    old = {"path": "/hc/en-us/articles/1", "target": "https://help.sandbox.example/en/article/a-1/"}
    status, reason, made = await desk.call("POST", "/redirection", old)
    assert (status, reason) == (201, "added")
    assert (await desk.call("POST", "/redirection", {**old, "target": "/b"}))[:2] == (409, "redirection_exists")
    assert await desk.get("/redirections/1") == [{**made, **old}]
    path = f"/redirection/{made['redirection_id']}"
    assert await desk.get(path) == {**made, **old}
    assert (await desk.call("HEAD", path))[0] == 200
    assert await desk.call("DELETE", path) == (200, "deleted", {})
    assert (await desk.call("DELETE", path))[:2] == (404, "redirection_not_found")
    assert (await desk.call("GET", path))[:2] == (404, "redirection_not_found")
    assert await desk.get("/redirections/1") == []


async def test_settings_keep_what_was_set(desk: Desk) -> None:
    assert await desk.get("/settings") == {}
    assert await desk.call("PATCH", "/settings", {"appearance": {"color": "red"}}) == DONE
    assert await desk.get("/settings") == {"appearance": {"color": "red"}}


# ---- articles ------------------------------------------------------------------------------------------------------


async def test_an_article_begins_as_an_empty_draft_and_is_read_as_it_was_written(desk: Desk) -> None:
    path = await desk.article("Ünïcode & more")
    one = await desk.get(path)
    made = one["created_at"]
    assert one == {
        "article_id": id_of(path),
        "title": "Ünïcode & more",
        "description": "",
        "content": "",
        "featured": False,
        "order": 0,
        "status": "draft",
        "visibility": "visible",
        "url": None,
        "category": None,
        "created_at": made,
        "updated_at": made,
        "published_at": None,
    }
    whole = {"title": "B", "description": "d", "content": "# é\r\n\n**b** \u202e", "featured": True, "order": 3}
    assert await desk.call("PUT", path, whole) == DONE
    assert await desk.call("PATCH", path, {"order": 4}) == DONE
    one = await desk.get(path)
    assert {name: one[name] for name in whole} == {**whole, "order": 4}
    assert (await desk.call("HEAD", path))[0] == 200


async def test_a_published_article_has_a_page_and_an_unpublished_one_has_none(desk: Desk) -> None:
    path = await desk.article("Ünïcode & more")
    assert (await desk.call("GET", f"{path}/page"))[:2] == (404, "page_not_found")
    assert await desk.call("POST", f"{path}/publish") == DONE
    url = f"https://help.sandbox.example/en/article/unicode-more-{id_of(path)[:8]}/"
    assert await desk.get(f"{path}/page") == {"url": url}
    one = await desk.get(path)
    assert (one["status"], one["url"]) == ("published", url)
    assert one["published_at"] >= one["created_at"]
    assert await desk.call("POST", f"{path}/unpublish", {}) == DONE
    assert (await desk.call("GET", f"{path}/page"))[:2] == (404, "page_not_found")
    assert (await desk.get(path))["url"] is None


async def test_whether_a_draft_tells_its_address_is_a_switch() -> None:
    async with desk_with(draft_url="yes") as desk:
        path = await desk.article("支払い")
        assert (await desk.get(path))["url"] == f"https://help.sandbox.example/en/article/{id_of(path)[:8]}/"


async def test_articles_are_listed_newest_first_without_their_contents(desk: Desk) -> None:
    first, _ = await desk.article("Pay now", content="x"), await desk.article("Return")
    category = await desk.category()
    await desk.call("PATCH", f"{first}/category", {"category_id": category})
    rows = await desk.get(f"{EN}/articles/1")
    assert sorted(row["title"] for row in rows) == ["Pay now", "Return"]
    assert all("content" not in row for row in rows)
    assert await desk.titles("?search_title=PAY") == ["Pay now"]
    assert await desk.titles(f"?filter_category_id={category}") == ["Pay now"]
    assert await desk.titles(f"?filter_category_id={NOBODY}") == []


async def test_how_long_a_page_is_is_a_switch_and_pages_do_not_overlap() -> None:
    async with desk_with(helpdesk_page="3") as desk:
        for number in range(7):
            await desk.article(f"a{number}")
        pages = [[one["title"] for one in await desk.get(f"{EN}/articles/{page}")] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert sorted(title for page in pages for title in page) == [f"a{number}" for number in range(7)]


async def test_an_article_that_is_removed_is_gone(desk: Desk) -> None:
    path = await desk.article()
    assert await desk.call("DELETE", path) == (200, "deleted", {})
    assert (await desk.call("GET", path))[:2] == (404, "article_not_found")
    assert await desk.titles() == []


async def test_an_article_is_found_in_its_own_locale_only() -> None:
    async with desk_with(helpdesk_locales="en fr") as desk:
        path = await desk.article()
        assert (await desk.call("GET", path.replace("/en/", "/fr/")))[:2] == (404, "article_not_found")
        category = await desk.category()
        french = await desk.article("Payer", "fr")
        answer = await desk.call("PATCH", f"{french}/category", {"category_id": category})
        assert answer[:2] == (404, "category_not_found")


# ---- categories and sections ---------------------------------------------------------------------------------------


async def test_an_article_stands_in_a_category_and_a_section_of_it(desk: Desk) -> None:
    category, article = await desk.category(), await desk.article()
    one = f"{EN}/category/{category}"
    section = (await desk.call("POST", f"{one}/section", {"name": "Cards"}))[2]["section_id"]
    assert await desk.get(f"{article}/category") == {"category_id": None, "section_id": None}
    assert await desk.call("PATCH", f"{article}/category", {"category_id": category, "section_id": section}) == DONE
    assert await desk.get(f"{article}/category") == {"category_id": category, "section_id": section}
    assert (await desk.get(article))["category"] == {
        "category_id": category,
        "name": "Billing",
        "section": {"section_id": section, "name": "Cards"},
    }
    assert [row["name"] for row in await desk.get(f"{one}/sections/1")] == ["Cards"]
    assert await desk.call("PATCH", f"{one}/section/{section}", {"name": "Credit"}) == DONE
    assert (await desk.get(f"{one}/section/{section}"))["name"] == "Credit"
    assert (await desk.get(article))["category"]["section"]["name"] == "Credit"
    assert await desk.call("DELETE", f"{one}/section/{section}") == (200, "deleted", {})
    assert (await desk.call("HEAD", f"{one}/section/{section}"))[0] == 404
    assert (await desk.get(article))["category"] == {"category_id": category, "name": "Billing", "section": None}


async def test_a_category_is_listed_renamed_and_leaves_its_articles_behind(desk: Desk) -> None:
    names = [await desk.category(), await desk.category()]
    one = f"{EN}/category/{names[0]}"
    article = await desk.article()
    await desk.call("PATCH", f"{article}/category", {"category_id": names[0]})
    assert await desk.call("PATCH", one, {"name": "Money", "description": "All of it", "order": 2}) == DONE
    assert [row["name"] for row in await desk.get(f"{EN}/categories/1")] == ["Money", "Billing"]
    assert (await desk.get(one))["description"] == "All of it"
    assert (await desk.call("HEAD", one))[0] == 200
    assert await desk.call("DELETE", one) == (200, "deleted", {})
    assert (await desk.call("GET", one))[:2] == (404, "category_not_found")
    assert (await desk.get(article))["category"] is None


async def test_where_both_apis_are_spoken_each_has_a_store_of_its_own() -> None:
    async with desk_with(helpdesk="both") as desk:
        await desk.article("By id")
        assert (await desk.call("POST", "/tree/path/en/articles/by-path"))[0] == 201
        assert await desk.titles() == ["By id"]
        assert [row["slug"] for row in await desk.get("/tree/list/en/articles/1")] == ["by-path"]
        assert (await desk.get(EN))["statistics"]["articles"] == {"entries": 2, "groups": 0}


# ---- refusals ------------------------------------------------------------------------------------------------------

ARTICLE, CATEGORY = f"{EN}/article/{{article}}", f"{EN}/category/{{category}}"
WHOLE = {"title": "B", "description": "", "content": "", "featured": False, "order": 0}
INVALID: list[tuple[str, str, str, Any, str]] = [
    ("locale of three letters", "POST", "/locale", {"locale": "eng"}, "allowed values"),
    ("locale with a country", "POST", "/locale", {"locale": "en-us"}, "allowed values"),
    ("locale in capitals", "POST", "/locale", {"locale": "EN"}, "allowed values"),
    ("locale of no language", "POST", "/locale", {"locale": "xx"}, "allowed values"),
    ("locale missing", "POST", "/locale", {}, "'.locale'"),
    ("locale in a path", "GET", "/locale/en-us", None, "ISO 639-1"),
    ("articles of no locale", "GET", "/locale/english/articles/1", None, "ISO 639-1"),
    ("article without title", "POST", f"{EN}/article", {}, "'.title'"),
    ("article blank title", "POST", f"{EN}/article", {"title": " "}, "empty"),
    ("article title too long", "POST", f"{EN}/article", {"title": "x" * 501}, "longer than 500"),
    ("article made with content", "POST", f"{EN}/article", {"title": "a", "content": "b"}, "'content'"),
    *(
        (f"article saved without {name}", "PUT", ARTICLE, {k: v for k, v in WHOLE.items() if k != name}, f"'.{name}'")
        for name in WHOLE
    ),
    ("article status set", "PATCH", ARTICLE, {"status": "published"}, "additional properties"),
    ("article dated", "PATCH", ARTICLE, {"created_at": 1}, "additional properties"),
    ("article content null", "PATCH", ARTICLE, {"content": None}, "data.content should be string"),
    ("article content too long", "PATCH", ARTICLE, {"content": "x" * 500_001}, "longer than 500000"),
    ("article description too long", "PATCH", ARTICLE, {"description": "x" * 1_001}, "longer than 1000"),
    ("article featured as a number", "PATCH", ARTICLE, {"featured": 1}, "boolean"),
    ("article order as text", "PATCH", ARTICLE, {"order": "1"}, "integer"),
    ("publish with a field", "POST", f"{ARTICLE}/publish", {"at": 1}, "properties"),
    ("place without category", "PATCH", f"{ARTICLE}/category", {}, "'.category_id'"),
    ("place in null", "PATCH", f"{ARTICLE}/category", {"category_id": None}, "string"),
    ("place with more", "PATCH", f"{ARTICLE}/category", {"category_id": "a", "order": 1}, "additional"),
    ("articles of page zero", "GET", f"{EN}/articles/0", None, "page"),
    ("articles asked strangely", "GET", f"{EN}/articles/1?per_page=50", None, "additional properties"),
    ("category without name", "POST", f"{EN}/category", {}, "'.name'"),
    ("category with a colour", "POST", f"{EN}/category", {"name": "a", "color": "red"}, "additional"),
    ("category renamed to nothing", "PATCH", CATEGORY, {"name": ""}, "empty"),
    ("section without name", "POST", f"{CATEGORY}/section", {}, "'.name'"),
    ("redirection without target", "POST", "/redirection", {"path": "/a"}, "'.target'"),
    ("redirection of a bare word", "POST", "/redirection", {"path": "a", "target": "/b"}, "data.path"),
    ("redirection to a bare word", "POST", "/redirection", {"path": "/a", "target": "b"}, "data.target"),
    ("settings as a list", "PATCH", "/settings", ["a"], "object"),
]
REFUSED: list[tuple[str, str, str, Any, int, str]] = [
    ("locale unknown", "GET", "/locale/fr", None, 404, "locale_not_found"),
    ("locale unknown removed", "DELETE", "/locale/fr", None, 404, "locale_not_found"),
    ("article into no locale", "POST", "/locale/fr/article", {"title": "a"}, 404, "locale_not_found"),
    ("article unknown", "PATCH", f"{EN}/article/{NOBODY}", {"title": "a"}, 404, "article_not_found"),
    ("article unknown published", "POST", f"{EN}/article/{NOBODY}/publish", None, 404, "article_not_found"),
    ("article unknown removed", "DELETE", f"{EN}/article/{NOBODY}", None, 404, "article_not_found"),
    ("page unknown", "GET", f"{EN}/article/{NOBODY}/page", None, 404, "article_not_found"),
    ("place nowhere", "PATCH", f"{ARTICLE}/category", {"category_id": NOBODY}, 404, "category_not_found"),
    (
        "place in a section of nowhere",
        "PATCH",
        f"{ARTICLE}/category",
        {"category_id": "{category}", "section_id": NOBODY},
        404,
        "section_not_found",
    ),
    ("category unknown", "DELETE", f"{EN}/category/{NOBODY}", None, 404, "category_not_found"),
    ("section in no category", "POST", f"{EN}/category/{NOBODY}/section", {"name": "a"}, 404, "category_not_found"),
    ("section unknown", "DELETE", f"{CATEGORY}/section/{NOBODY}", None, 404, "section_not_found"),
    ("tree path", "POST", "/tree/path/en/articles/a", None, 405, "method_not_allowed"),
    ("history of the tree", "GET", "/history/changes/1", None, 405, "method_not_allowed"),
    ("refresh of the tree", "POST", "/refresh/en/articles", None, 405, "method_not_allowed"),
]


@asynccontextmanager
async def furnished() -> AsyncIterator[Desk]:
    async with desk_with() as desk:
        desk.names = {"article": id_of(await desk.article()), "category": await desk.category()}
        yield desk


@pytest.mark.parametrize(
    ("method", "path", "body", "says"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID]
)
async def test_what_the_schema_does_not_know_is_refused_and_explained(
    method: str, path: str, body: Any, says: str
) -> None:
    async with furnished() as desk:
        before = len(desk.sandbox.writes)
        status, reason, data = await desk.call(method, path, body)
        assert (status, reason) == (400, "invalid_data")
        assert says in data["message"]
        assert len(desk.sandbox.writes) == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_what_is_not_there_is_refused_with_its_reason(
    method: str, path: str, body: Any, status: int, reason: str
) -> None:
    async with furnished() as desk:
        if isinstance(body, dict) and body.get("category_id") == "{category}":
            body = {**body, "category_id": desk.names["category"]}
        before = len(desk.sandbox.writes)
        assert (await desk.call(method, path, body))[:2] == (status, reason)
        assert len(desk.sandbox.writes) == before


async def test_a_missing_scope_refuses_that_side_of_it() -> None:
    scopes = "website:helpdesk:articles=write website:helpdesk:categories website:helpdesk:redirections"
    async with desk_with(without_scopes=scopes) as desk:
        answers = [
            await desk.call("GET", f"{EN}/articles/1"),
            await desk.call("POST", f"{EN}/article", {"title": "a"}),
            await desk.call("GET", f"{EN}/categories/1"),
            await desk.call("GET", "/redirections/1"),
            await desk.call("GET", "/locales/1"),
        ]
    assert [status for status, _, _ in answers] == [206, 403, 403, 403, 206]


async def test_teams_are_read_by_tokens_and_written_by_the_user_tier_or_where_a_switch_allows_it() -> None:
    team = {"name": "VIP", "emoji": "x", "operators": []}
    for switches, status in (({}, 403), ({"user_routes": "allow"}, 201), ({"tier": "user"}, 201)):
        async with desk_with(**switches) as desk:
            desk.base = desk.site
            made = await desk.call("POST", "/team", team)
            assert made[0] == status
            path = f"/team/{made[2].get('team_id', NOBODY)}"
            there = [(await desk.call(method, path))[0] for method in ("HEAD", "GET")]
            written = [(await desk.call("PUT", path, team))[0], (await desk.call("DELETE", path))[0]]
            assert there + written == ([404, 404, 403, 403] if status == 403 else [200] * 4)
            assert (await desk.call("GET", "/teams/list/1"))[:2] == (206, "listed")


# ---- traps, lag and control ----------------------------------------------------------------------------------------


def table(rows: int) -> str:
    return "\n".join(["| a | b |", "|---|:-:|", *(f"| {row} | x |" for row in range(rows))])


async def test_a_body_loses_what_reads_as_front_matter_unless_a_blank_line_is_before_it(desk: Desk) -> None:
    bodies = {
        "---\ntitle: x\n---\nrest": "rest",
        "\n---\ntitle: x\n---\nrest": "\n---\ntitle: x\n---\nrest",
        "---\nnever closed": "---\nnever closed",
        "--- no rule\n---\n": "--- no rule\n---\n",
    }
    kept = [(await desk.get(await desk.article(content=body)))["content"] for body in bodies]
    assert kept == list(bodies.values())
    assert desk.sandbox.counters()["helpdesk"]["front_matter"] == 1


async def test_which_api_reads_front_matter_is_a_switch() -> None:
    async with desk_with(front_matter="tree") as desk:
        assert (await desk.get(await desk.article(content="---\na\n---\nb")))["content"] == "---\na\n---\nb"


async def test_raw_html_outside_of_code_is_kept_and_counted(desk: Desk) -> None:
    shown = "a <b>bold</b> <br/> <!-- x -->\n\n`<i>` and ``<u>`` \\<s>\n\n```html\n<p>\n```\n<https://a.b> <a@b.c>"
    path = await desk.article(content=shown)
    await desk.article(content="`<i>`\n\n~~~\n<p>\n~~~")
    assert (await desk.get(path))["content"] == shown
    assert desk.sandbox.counters()["helpdesk"]["raw_html"] == 1
    rows = {one["name"]: one["raw_html"] for one in desk.sandbox.state()["helpdesk"]["articles"]}
    assert rows[id_of(path)] == ["<b>", "</b>", "<br/>", "<!--"]


async def test_the_public_page_cuts_long_tables_and_there_is_none_of_a_draft(desk: Desk) -> None:
    body = f"{table(50)}\n\n{table(52)}\n\n```\n{table(60)}\n```"
    path = await desk.article(content=body)
    page = f"{desk.url}/_sandbox/page?locale=en&name={id_of(path)}"
    assert (await desk.http.get(page)).status_code == 400
    await desk.call("POST", f"{path}/publish")
    shown = (await desk.http.get(page)).json()
    assert (await desk.get(path))["content"] == body
    assert shown["content"] == f"{table(50)}\n\n{table(50)}\n\n```\n{table(60)}\n```"
    assert shown["url"] == (await desk.get(f"{path}/page"))["url"]
    assert desk.sandbox.counters()["helpdesk"]["long_tables"] == 1


async def test_readers_see_the_helpdesk_as_it_was_before_a_write() -> None:
    async with desk_with(read_lag="60") as desk:
        path, category = await desk.article(), await desk.category()
        await desk.call("POST", "/redirection", {"path": "/a", "target": "/b"})
        assert (await desk.call("GET", path))[0] == 404
        assert await desk.titles() == []
        assert await desk.get("/redirections/1") == []
        desk.sandbox.advance(61)
        await desk.call("PATCH", path, {"title": "New"})
        await desk.call("PATCH", f"{path}/category", {"category_id": category})
        await desk.call("POST", f"{path}/publish")
        one = await desk.get(path)
        assert (one["title"], one["status"], one["category"]) == ("How to pay", "draft", None)
        assert await desk.titles() == ["How to pay"]
        desk.sandbox.advance(61)
        one = await desk.get(path)
        assert (one["title"], one["status"], one["category"]["name"]) == ("New", "published", "Billing")


async def test_a_test_can_damage_what_is_stored_and_do_what_others_do(desk: Desk) -> None:
    path, category = await desk.article(content="x"), await desk.category()
    await desk.call("PATCH", f"{path}/category", {"category_id": category})
    writes = len(desk.sandbox.writes)

    async def play(mutator: str, /, **arguments: Any) -> tuple[int, Any]:
        answer = await desk.http.post(f"{desk.url}/_sandbox/mutate/{mutator}", json=arguments)
        return answer.status_code, answer.json().get("result")

    assert await play("alter_article", locale="en", name=id_of(path), content="y", status="published") == (200, None)
    assert await play("alter_category", locale="en", name=category, color="x") == (400, None)
    desk.sandbox.alter_category("en", category, title="Money", description="altered")
    desk.sandbox.edit_category_by_hand("en", category, order=7)
    _, other = await play("add_article_by_hand", locale="en", title="Theirs", content="z")
    desk.sandbox.edit_article_by_hand("en", other, title="Theirs too")
    assert (await desk.get(path))["content"] == "y"
    theirs = await desk.get(f"{EN}/article/{other}")
    assert (theirs["title"], theirs["status"], theirs["url"] is None) == ("Theirs too", "published", False)
    assert (await desk.get(f"{EN}/category/{category}"))["order"] == 7
    assert (await desk.get(f"{EN}/category/{category}"))["description"] == "altered"
    state = desk.sandbox.state()["helpdesk"]
    assert [(one["title"], one["category"]) for one in state["articles"]] == [
        ("How to pay", "Money"),
        ("Theirs too", None),
    ]
    assert await play("drop_category", locale="en", name=category) == (200, None)
    assert (await desk.get(path))["category"] is None
    assert await play("drop_article", locale="en", name=other) == (200, None)
    assert await play("drop_article", locale="en", name=other) == (400, None)
    assert (await play("alter_article", locale="en", name=id_of(path), people_id="x"))[0] == 400
    old = desk.sandbox.add_redirection_by_hand("/a", "/b")
    desk.sandbox.alter_redirection(old, target="/c")
    assert [one["target"] for one in await desk.get("/redirections/1")] == ["/c"]
    desk.sandbox.drop_redirection(old)
    desk.sandbox.add_locale_by_hand("fr")
    assert desk.sandbox.add_category_by_hand("fr", "Leurs") in str(await desk.get("/locale/fr/categories/1"))
    desk.sandbox.drop_locale("en")
    assert [one["locale"] for one in await desk.get("/locales/1")] == ["fr"]
    assert len(desk.sandbox.writes) == writes


async def test_requests_to_the_helpdesk_count_in_the_quota() -> None:
    async with spec.serve(mig.SandboxOptions(limits="quota=2")) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            url = f"{env['CRISP_URL']}/website/{env['CRISP_WEBSITE_ID']}/helpdesk/locales/1"
            answers = [await http.get(url) for _ in range(3)]
    assert [one.status_code for one in answers] == [206, 206, 423]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("helpdesk", "forest"),
        ("helpdesk_locales", "en english"),
        ("helpdesk_locales", "en en"),
        ("tree_types", "file folder"),
        ("tree_actions", "move"),
    ],
)
def test_a_switch_takes_only_what_it_means(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"switch {name}"):
        Sandbox(mig.SandboxOptions(switches={name: value}))
