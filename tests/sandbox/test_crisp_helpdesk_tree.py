"""The tree API of the Crisp sandbox's helpdesk: files in folders, by their path."""

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
A = "en/articles"
DONE: tuple[int, str, Any] = (200, "updated", {})
ADDED: tuple[int, str, Any] = (201, "added", {})


class Desk:
    """Calls the helpdesk and gives back what it answered."""

    def __init__(self, http: httpx.AsyncClient, running: mig.RunningSandbox) -> None:
        self.http = http
        self.sandbox: Sandbox = running.control
        self.site = f"{running.environment['CRISP_URL']}/website/{running.environment['CRISP_WEBSITE_ID']}"

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
        answer = await self.http.request(method, f"{self.site}/helpdesk{path}", json=body)
        told = answer.json()
        return answer.status_code, told["reason"], told["data"]

    async def get(self, path: str) -> Any:
        status, reason, data = await self.call("GET", path)
        assert status in (200, 206), reason
        return data

    async def add(self, *paths: str) -> None:
        for path in paths:
            assert await self.call("POST", f"/tree/path/{A}/{path}") == ADDED

    async def write(self, path: str, content: str = "text", **metadata: Any) -> None:
        await self.add(path)
        assert await self.call("PUT", f"/tree/content/{A}/{path}", {"content": content}) == DONE
        if metadata:
            await self.describe(path, **metadata)

    async def describe(self, path: str, **metadata: Any) -> None:
        assert await self.call("PATCH", f"/tree/metadata/{A}/{path}", metadata) == DONE

    async def outline(self, query: str = "") -> list[str]:
        return outline(await self.get(f"/tree/list/{A}/1{query}"))


def outline(rows: list[Any], above: str = "") -> list[str]:
    """The paths of a listing with their types: `a:folder`, `a/b:file`."""
    lines: list[str] = []
    for row in rows:
        path = f"{above}{row['slug']}"
        lines += [f"{path}:{row['type']}", *outline(row["children"], f"{path}/")]
    return lines


@asynccontextmanager
async def desk_with(**switches: str) -> AsyncIterator[Desk]:
    async with spec.serve(mig.SandboxOptions(switches={"helpdesk": "tree", **switches})) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            yield Desk(http, running)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with desk_with() as one:
        yield one


PUBLIC = {"published": True}

# ---- paths ---------------------------------------------------------------------------------------------------------


async def test_an_entry_is_nothing_until_content_makes_it_a_file_or_a_child_a_folder(desk: Desk) -> None:
    await desk.add("billing")
    assert await desk.outline() == ["billing:unknown"]
    assert await desk.get(f"/tree/content/{A}/billing") == {"content": ""}
    await desk.write("billing/pay")
    await desk.add("billing/cards")
    assert await desk.outline() == ["billing:folder", "billing/pay:file", "billing/cards:unknown"]
    assert (await desk.call("GET", f"/tree/content/{A}/billing"))[:2] == (404, "content_not_found")


async def test_every_content_type_and_locale_has_a_tree_of_its_own() -> None:
    async with desk_with(helpdesk_locales="en fr") as desk:
        places = [
            f"{locale}/{kind}" for locale in ("en", "fr") for kind in ("articles", "guides", "references", "news")
        ]
        for place in places:
            assert await desk.call("POST", f"/tree/path/{place}/one", {}) == ADDED
        lists = [outline(await desk.get(f"/tree/list/{place}/1")) for place in places]
        assert lists == [["one:unknown"]] * 8
        assert (await desk.get("/locale/fr"))["statistics"]["news"] == {"entries": 1, "groups": 0}


async def test_the_words_for_types_are_a_switch() -> None:
    async with desk_with(tree_types="blob tree none") as desk:
        await desk.add("a", "b")
        await desk.write("a/c")
        assert await desk.outline() == ["a:tree", "a/c:blob", "b:none"]


async def test_an_entry_shows_its_title_state_and_what_lies_in_it(desk: Desk) -> None:
    await desk.add("billing")
    await desk.write("billing/pay", title="How to pay", state={"published": True, "featured": True})
    row = {
        "type": "file",
        "slug": "pay",
        "title": "How to pay",
        "state": {"published": True, "hidden": False, "featured": True},
        "children": [],
    }
    assert await desk.get(f"/tree/path/{A}/billing/pay") == row
    assert (await desk.get(f"/tree/path/{A}/billing"))["children"] == [row]
    assert await desk.get(f"/tree/list/{A}/1?sub_path=billing") == [row]


async def test_a_list_is_searched_and_keeps_the_way_to_what_is_found(desk: Desk) -> None:
    await desk.add("a", "b", "a/c")
    await desk.write("a/c/d", title="Pay now")
    await desk.write("a/c/e", title="Return")
    assert await desk.outline("?search_title=PAY") == ["a:folder", "a/c:folder", "a/c/d:file"]
    assert await desk.outline("?search_title=pay&sub_path=a/c") == ["d:file"]
    assert await desk.outline("?filter_date_end=2020-01-01") == []
    assert len(await desk.outline("?filter_date_start=2020-01-01")) == 5


async def test_a_list_has_pages_of_the_entries_at_its_top() -> None:
    async with desk_with(helpdesk_page="2") as desk:
        await desk.add("a", "b", "c", "a/x", "a/y", "a/z")
        sizes = [len(await desk.get(f"/tree/list/{A}/{page}")) for page in (1, 2, 3)]
    assert sizes == [2, 1, 0]


async def test_what_post_does_at_a_path_that_exists_or_below_none_are_switches() -> None:
    async with desk_with(tree_exists="accept", tree_parent="create") as desk:
        await desk.add("a/b/c")
        await desk.write("d", "kept")
        await desk.add("d")
        assert await desk.outline() == ["a:folder", "a/b:folder", "a/b/c:unknown", "d:file"]
        assert await desk.get(f"/tree/content/{A}/d") == {"content": "kept"}


async def test_deleting_a_folder_deletes_all_that_lies_in_it_and_nothing_beside(desk: Desk) -> None:
    await desk.add("a", "a/b", "a-b")
    await desk.write("a/b/c")
    assert await desk.call("DELETE", f"/tree/path/{A}/a") == (200, "deleted", {})
    assert await desk.outline() == ["a-b:unknown"]
    assert (await desk.call("GET", f"/tree/content/{A}/a/b/c"))[:2] == (404, "path_not_found")
    await desk.add("a")
    assert await desk.outline() == ["a-b:unknown", "a:unknown"]


async def test_an_entry_moves_with_all_that_lies_in_it_and_keeps_its_id(desk: Desk) -> None:
    await desk.add("a", "b", "a/x")
    await desk.write("a/x/y", "kept", title="Y", state=PUBLIC)
    entity = (await desk.get(f"/page/list/{A}/1"))[0]["entity_id"]
    assert await desk.call("PATCH", f"/tree/path/{A}/a/x", {"action": "move", "path": {"to": "b/z"}}) == DONE
    assert await desk.outline() == ["a:folder", "b:folder", "b/z:folder", "b/z/y:file"]
    assert await desk.get(f"/tree/content/{A}/b/z/y") == {"content": "kept"}
    assert (await desk.get(f"/page/entity/{A}/{entity}"))["tree_path"] == "b/z/y"


async def test_siblings_have_an_order_that_can_be_changed(desk: Desk) -> None:
    await desk.add("a", "b", "c", "a/x", "a/y")
    assert await desk.call("PATCH", f"/tree/path/{A}/c", {"action": "order", "position": 0}) == DONE
    assert await desk.call("PATCH", f"/tree/path/{A}/a/x", {"action": "order", "position": 99}) == DONE
    assert [line.partition(":")[0] for line in await desk.outline()] == ["c", "a", "a/y", "a/x", "b"]


async def test_the_names_of_the_actions_are_a_switch() -> None:
    async with desk_with(tree_actions="relocate sort") as desk:
        await desk.add("a")
        assert await desk.call("PATCH", f"/tree/path/{A}/a", {"action": "relocate", "path": {"to": "b"}}) == DONE
        assert (await desk.call("PATCH", f"/tree/path/{A}/b", {"action": "order", "position": 0}))[0] == 400


# ---- what makes a file ---------------------------------------------------------------------------------------------


async def test_a_suffix_may_tell_files_from_folders() -> None:
    async with desk_with(tree_file="suffix") as desk:
        await desk.add("a", "a/b.md", "c.mdx")
        assert await desk.outline() == ["a:folder", "a/b.md:file", "c.mdx:file"]
        assert (await desk.call("PUT", f"/tree/content/{A}/a", {"content": "x"}))[0] == 400
        assert (await desk.call("POST", f"/tree/path/{A}/c.mdx/d"))[0] == 400
        assert (await desk.call("POST", f"/tree/path/{A}/d.txt"))[0] == 400
        await desk.describe("a/b.md", title="B", state=PUBLIC)
        assert (await desk.get(f"/tree/page/{A}/a/b.md"))["url"] == "https://help.sandbox.example/en/a/b/"
        to = {"action": "move", "path": {"to": "a/b"}}
        assert (await desk.call("PATCH", f"/tree/path/{A}/a/b.md", to))[0] == 400


async def test_a_suffix_may_be_needed_although_content_makes_the_file() -> None:
    async with desk_with(tree_suffix="yes") as desk:
        await desk.add("a", "b.md")
        assert await desk.outline() == ["a:unknown", "b.md:unknown"]
        assert (await desk.call("PUT", f"/tree/content/{A}/a", {"content": "x"}))[0] == 400
        assert await desk.call("PUT", f"/tree/content/{A}/b.md", {"content": "x"}) == DONE


async def test_a_format_may_make_the_file() -> None:
    async with desk_with(tree_file="metadata") as desk:
        await desk.add("a", "b", "b/c")
        assert (await desk.call("PUT", f"/tree/content/{A}/a", {"content": "x"}))[0] == 400
        await desk.describe("a", format="markdown")
        assert await desk.call("PUT", f"/tree/content/{A}/a", {"content": "x"}) == DONE
        assert (await desk.call("PATCH", f"/tree/metadata/{A}/b", {"format": "markdown"}))[0] == 400
        assert await desk.outline() == ["a:file", "b:folder", "b/c:unknown"]


# ---- content and metadata ------------------------------------------------------------------------------------------


async def test_content_is_kept_as_it_was_sent_but_for_front_matter(desk: Desk) -> None:
    bodies = {
        "# é\r\n\u202e": "# é\r\n\u202e",
        "": "",
        "---\na: 1\n---\nrest": "rest",
        "\n---\nx\n---": "\n---\nx\n---",
    }
    await desk.add("a")
    for sent, kept in bodies.items():
        assert await desk.call("PUT", f"/tree/content/{A}/a", {"content": sent}) == DONE
        assert await desk.get(f"/tree/content/{A}/a") == {"content": kept}
    assert desk.sandbox.counters()["helpdesk"]["front_matter"] == 1


async def test_metadata_is_set_field_by_field_and_so_is_its_state(desk: Desk) -> None:
    owner = next(iter(desk.sandbox.desk.operators))
    await desk.add("a")
    unset = {"title": "", "description": "", "author": None, "color": None, "image": None, "format": None}
    off = {"published": False, "hidden": False, "featured": False}
    assert await desk.get(f"/tree/metadata/{A}/a") == {**unset, "state": off}
    named = {"title": "A", "author": {"user_id": owner}, "color": "red", "image": "https://a.b/c.png", "format": "md"}
    await desk.describe("a", **named, state={"hidden": True})
    await desk.describe("a", description="d", state=PUBLIC)
    state = {"published": True, "hidden": True, "featured": False}
    assert await desk.get(f"/tree/metadata/{A}/a") == {**named, "description": "d", "state": state}


async def test_only_published_files_have_a_page(desk: Desk) -> None:
    await desk.add("a")
    await desk.describe("a", title="A", state=PUBLIC)
    assert (await desk.call("GET", f"/tree/page/{A}/a"))[:2] == (404, "page_not_found")
    await desk.write("a/b", title="B", state=PUBLIC)
    page = {"title": "B", "url": "https://help.sandbox.example/en/a/b/"}
    assert await desk.get(f"/tree/page/{A}/a/b") == page
    listed = await desk.get(f"/page/list/{A}/1")
    assert listed == [{**page, "entity_id": listed[0]["entity_id"], "tree_path": "a/b"}]
    assert await desk.get(f"/page/entity/{A}/{listed[0]['entity_id']}") == listed[0]
    await desk.describe("a/b", state={"published": False})
    assert (await desk.call("GET", f"/tree/page/{A}/a/b"))[:2] == (404, "page_not_found")
    assert await desk.get(f"/page/list/{A}/1") == []
    assert (await desk.call("GET", f"/page/entity/{A}/{NOBODY}"))[:2] == (404, "page_not_found")


async def test_a_refresh_is_accepted_and_may_be_needed_before_anything_shows(desk: Desk) -> None:
    assert await desk.call("POST", f"/refresh/{A}") == (202, "dispatched", {})
    async with desk_with(tree_refresh="yes") as strict:
        await strict.write("a", title="A", state=PUBLIC)
        assert (await strict.call("GET", f"/tree/page/{A}/a"))[0] == 404
        await strict.call("POST", f"/refresh/{A}")
        assert (await strict.get(f"/tree/page/{A}/a"))["title"] == "A"


async def test_what_is_done_leaves_a_history_the_latest_first(desk: Desk) -> None:
    await desk.write("a", title="A")
    await desk.call("PATCH", f"/tree/path/{A}/a", {"action": "move", "path": {"to": "b"}})
    await desk.call("DELETE", f"/tree/path/{A}/b")
    changes = [(one["action"], one["path"]) for one in await desk.get("/history/changes/1")]
    assert changes == [("delete", "b"), ("move", "b"), ("metadata", "a"), ("content", "a"), ("create", "a")]


async def test_a_locale_counts_its_files_and_folders(desk: Desk) -> None:
    await desk.add("a")
    await desk.write("a/b")
    statistics = (await desk.get("/locale/en"))["statistics"]
    assert statistics["articles"] == {"entries": 1, "groups": 1}
    assert statistics["guides"] == {"entries": 0, "groups": 0}


# ---- refusals ------------------------------------------------------------------------------------------------------

PATH, CONTENT, METADATA = (f"/tree/{word}/{A}" for word in ("path", "content", "metadata"))
INVALID: list[tuple[str, str, str, Any, str]] = [
    ("slug in capitals", "POST", f"{PATH}/Billing", None, "pattern"),
    ("slug with a space", "POST", f"{PATH}/my%20billing", None, "pattern"),
    ("slug with an underscore", "POST", f"{PATH}/my_billing", None, "pattern"),
    ("slug with an accent", "POST", f"{PATH}/caf%C3%A9", None, "pattern"),
    ("slug with a slash inside", "POST", f"{PATH}/a%2Fb", None, "pattern"),
    ("slug empty", "POST", f"{PATH}/folder//b", None, "pattern"),
    ("slug with a suffix", "POST", f"{PATH}/a.md", None, "should NOT end in .md"),
    ("type unknown", "POST", "/tree/path/en/pages/a", None, "articles, guides, references, news"),
    ("locale malformed", "GET", "/tree/list/en-us/articles/1", None, "ISO 639-1"),
    ("entry made with a body", "POST", f"{PATH}/a", {"title": "x"}, "properties"),
    ("child of a file", "POST", f"{PATH}/file/a", None, "is a file"),
    ("content of a folder", "PUT", f"{CONTENT}/folder", {"content": "x"}, "a folder has no content"),
    ("content missing", "PUT", f"{CONTENT}/file", {}, "'.content'"),
    ("content null", "PUT", f"{CONTENT}/file", {"content": None}, "string"),
    ("content with a title", "PUT", f"{CONTENT}/file", {"content": "x", "title": "y"}, "additional"),
    ("content too long", "PUT", f"{CONTENT}/file", {"content": "x" * 500_001}, "longer than 500000"),
    ("metadata unknown", "PATCH", f"{METADATA}/file", {"slug": "x"}, "additional"),
    ("metadata title blank", "PATCH", f"{METADATA}/file", {"title": " "}, "empty"),
    ("metadata state unknown", "PATCH", f"{METADATA}/file", {"state": {"draft": True}}, "additional"),
    ("metadata state a word", "PATCH", f"{METADATA}/file", {"state": "published"}, "object"),
    ("metadata author unknown", "PATCH", f"{METADATA}/file", {"author": {"user_id": NOBODY}}, "no operator"),
    ("metadata author a bare id", "PATCH", f"{METADATA}/file", {"author": NOBODY}, "object"),
    ("metadata image relative", "PATCH", f"{METADATA}/file", {"image": "/a.png"}, "data.image"),
    ("action missing", "PATCH", f"{PATH}/file", {}, "'.action'"),
    ("action unknown", "PATCH", f"{PATH}/file", {"action": "rename"}, "move, order"),
    ("move to nowhere", "PATCH", f"{PATH}/file", {"action": "move"}, "'.path'"),
    ("move without to", "PATCH", f"{PATH}/file", {"action": "move", "path": {}}, "'.to'"),
    ("move to no slug", "PATCH", f"{PATH}/file", {"action": "move", "path": {"to": "/a"}}, "pattern"),
    ("move into itself", "PATCH", f"{PATH}/folder", {"action": "move", "path": {"to": "folder/a"}}, "itself"),
    ("move into a file", "PATCH", f"{PATH}/folder", {"action": "move", "path": {"to": "file/a"}}, "is a file"),
    ("order without position", "PATCH", f"{PATH}/file", {"action": "order"}, "'.position'"),
    ("order before the first", "PATCH", f"{PATH}/file", {"action": "order", "position": -1}, ">= 0"),
    ("list of page zero", "GET", f"/tree/list/{A}/0", None, "page"),
    ("list asked strangely", "GET", f"/tree/list/{A}/1?per_page=50", None, "additional"),
    ("list of a bad path", "GET", f"/tree/list/{A}/1?sub_path=/a", None, "query.sub_path"),
    ("list since yesterday", "GET", f"/tree/list/{A}/1?filter_date_start=yesterday", None, "date-time"),
]
GONE = (404, "path_not_found")
REFUSED: list[tuple[str, str, str, Any, tuple[int, str]]] = [
    ("path known", "POST", f"{PATH}/file", None, (409, "path_exists")),
    ("path without parent", "POST", f"{PATH}/nowhere/a", None, GONE),
    ("path unknown", "GET", f"{PATH}/nowhere", None, GONE),
    ("path unknown moved", "PATCH", f"{PATH}/nowhere", {"action": "move", "path": {"to": "a"}}, GONE),
    ("path unknown removed", "DELETE", f"{PATH}/nowhere", None, GONE),
    ("content of nothing", "GET", f"{CONTENT}/nowhere", None, GONE),
    ("content into nothing", "PUT", f"{CONTENT}/nowhere", {"content": "x"}, GONE),
    ("metadata of nothing", "GET", f"{METADATA}/nowhere", None, GONE),
    ("metadata into nothing", "PATCH", f"{METADATA}/nowhere", {"title": "x"}, GONE),
    ("page of nothing", "GET", f"/tree/page/{A}/nowhere", None, GONE),
    ("list below nothing", "GET", f"/tree/list/{A}/1?sub_path=nowhere", None, GONE),
    ("moved onto another", "PATCH", f"{PATH}/file", {"action": "move", "path": {"to": "folder"}}, (409, "path_exists")),
    ("moved below nothing", "PATCH", f"{PATH}/file", {"action": "move", "path": {"to": "nowhere/a"}}, GONE),
    ("locale unknown", "POST", "/tree/path/fr/articles/a", None, (404, "locale_not_found")),
    ("refresh of no locale", "POST", "/refresh/fr/articles", None, (404, "locale_not_found")),
    ("a path is needed", "POST", PATH, None, (405, "method_not_allowed")),
    ("method wrong", "PUT", f"{PATH}/file", {}, (405, "method_not_allowed")),
    ("article of the locale API", "POST", "/locale/en/article", {"title": "x"}, (405, "method_not_allowed")),
]


@asynccontextmanager
async def furnished() -> AsyncIterator[Desk]:
    async with desk_with() as desk:
        await desk.add("folder", "folder/in")
        await desk.write("file")
        yield desk


@pytest.mark.parametrize(
    ("method", "path", "body", "says"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID]
)
async def test_what_the_schema_does_not_know_is_refused_and_explained(
    method: str, path: str, body: Any, says: str
) -> None:
    async with furnished() as desk:
        before = desk.sandbox.state()["helpdesk"]
        status, reason, data = await desk.call(method, path, body)
        assert (status, reason) == (400, "invalid_data")
        assert says in data["message"]
        assert desk.sandbox.state()["helpdesk"] == before


@pytest.mark.parametrize(
    ("method", "path", "body", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_what_is_not_there_or_already_is_refused_with_its_reason(
    method: str, path: str, body: Any, told: tuple[int, str]
) -> None:
    async with furnished() as desk:
        before = desk.sandbox.state()["helpdesk"]
        assert (await desk.call(method, path, body))[:2] == told
        assert desk.sandbox.state()["helpdesk"] == before


async def test_a_refused_move_makes_no_folders_although_they_would_be_made() -> None:
    async with desk_with(tree_parent="create") as desk:
        await desk.write("file")
        await desk.add("folder")
        for to in ("file/new/a", "folder/deep/a"):
            answer = await desk.call("PATCH", f"{PATH}/folder", {"action": "move", "path": {"to": to}})
            assert answer[0] == 400
        assert (await desk.call("POST", f"{PATH}/file/x/y"))[0] == 400
        assert await desk.outline() == ["file:file", "folder:unknown"]


async def test_any_name_may_be_a_slug_where_the_switch_says_so() -> None:
    async with desk_with(tree_slug="any") as desk:
        assert await desk.call("POST", f"{PATH}/Caf%C3%A9%20%231") == ADDED
        assert await desk.outline() == ["Café #1:unknown"]
        assert (await desk.call("POST", f"{PATH}/a%2Fb"))[0] == 400


async def test_a_missing_scope_refuses_the_tree() -> None:
    async with desk_with(without_scopes="website:helpdesk:articles") as desk:
        assert (await desk.call("GET", f"/tree/list/{A}/1"))[:2] == (403, "not_allowed")
        assert (await desk.call("POST", f"{PATH}/a"))[:2] == (403, "not_allowed")


# ---- lag, files and control ----------------------------------------------------------------------------------------


async def test_readers_see_the_tree_as_it_was_before_a_write() -> None:
    async with desk_with(read_lag="60") as desk:
        await desk.write("a", "old", title="Old", state=PUBLIC)
        assert await desk.outline() == []
        assert (await desk.call("GET", f"/tree/content/{A}/a"))[0] == 404
        desk.sandbox.advance(61)
        await desk.call("PUT", f"/tree/content/{A}/a", {"content": "new"})
        await desk.call("PATCH", f"/tree/path/{A}/a", {"action": "move", "path": {"to": "b"}})
        assert await desk.outline() == ["a:file"]
        assert await desk.get(f"/tree/content/{A}/a") == {"content": "old"}
        assert [one["tree_path"] for one in await desk.get(f"/page/list/{A}/1")] == ["a"]
        desk.sandbox.advance(61)
        assert await desk.outline() == ["b:file"]
        assert await desk.get(f"/tree/content/{A}/b") == {"content": "new"}


async def test_a_file_of_the_bucket_is_told_by_the_helpdesks_own_event_and_found_in_articles(desk: Desk) -> None:
    body = {
        "namespace": "helpdesk",
        "id": "1",
        "file": {"name": "a.png", "type": "image/png"},
        "resource": {"type": "website", "id": desk.site.rpartition("/")[2]},
    }
    root = desk.site.partition("/website/")[0]
    answer = await desk.http.post(f"{root}/bucket/url/generate", json=body)
    assert answer.status_code == 202
    assert desk.sandbox.counters()["events"] == {"bucket:url:helpdesk:generated": 1}
    upload = next(iter(desk.sandbox.desk.bucket.uploads.values()))
    until = desk.sandbox.desk.bucket.sign(upload, desk.sandbox.desk.clock.now())
    async with httpx.AsyncClient(trust_env=False, verify=False) as storage:
        url = root.removesuffix("/v1") + until
        put = await storage.put(url, content=b"x", headers={"Content-Type": "image/png"})
    assert put.status_code == 200
    await desk.write("a", f"![a]({upload.url})")
    assert desk.sandbox.bucket()[0]["used_by"] == [{"locale": "en", "article": "a"}]


async def test_a_test_can_damage_the_tree_and_do_what_others_do(desk: Desk) -> None:
    await desk.add("a")
    await desk.write("a/b", "x", title="B", state=PUBLIC)
    sandbox, writes = desk.sandbox, len(desk.sandbox.writes)
    sandbox.alter_article("en", "a/b", content="y", title="C")
    assert await desk.get(f"/tree/content/{A}/a/b") == {"content": "y"}
    assert sandbox.public_page("en", "a/b")["title"] == "C"
    sandbox.alter_article("en", "a/b", published=False)
    with pytest.raises(KeyError):
        sandbox.public_page("en", "a/b")
    assert sandbox.add_category_by_hand("en", "Theirs", path="t") == "t"
    assert sandbox.add_article_by_hand("en", "D", "z", path="t/d") == "t/d"
    sandbox.edit_article_by_hand("en", "t/d", content="zz")
    sandbox.edit_category_by_hand("en", "t", title="Others'")
    sandbox.alter_category("en", "a", title="Ours")
    assert await desk.outline() == ["a:folder", "a/b:file", "t:folder", "t/d:file"]
    state = sandbox.state()["helpdesk"]
    assert [(one["name"], one["title"], one["status"]) for one in state["articles"]] == [
        ("a/b", "C", "draft"),
        ("t/d", "D", "published"),
    ]
    assert [(one["name"], one["title"]) for one in state["categories"]] == [("a", "Ours"), ("t", "Others'")]
    assert [one["author"] for one in state["changes"][-3:]] == ["by hand"] * 3
    sandbox.drop_article("en", "t/d")
    sandbox.drop_category("en", "a")
    assert await desk.outline() == ["t:folder"]
    assert len(sandbox.writes) == writes
