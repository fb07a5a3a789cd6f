"""Rows of klasses: by search, by archive search, and by the lists of their klasses where those refuse."""

from __future__ import annotations

import json

import httpx
import pytest

import mig
from kustomer_desk import Desk, at, drain, ids, long_ago, opened
from mig import Ref, Scope


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.small["klasses"] = [{"id": f"k{name}", "attributes": {"name": name}} for name in ("order", "device")]
    for n in range(6):
        klass, when = ("order", "device")[n % 2], at(n) if n < 4 else long_ago(n)
        row = desk.add("kobject", f"o{n}", when)
        row["type"] = f"kobject.{klass}"
        desk.small.setdefault(f"klasses/{klass}", []).append(row)
    return desk


async def test_objects_of_every_age_come_by_search_and_later_what_changed(desk: Desk) -> None:
    async with opened(desk) as source:
        pages, done = await drain(source, "kobjects")
        assert set(ids(pages)) == {f"o{n}" for n in range(6)}
        assert all("/klasses" not in request.url.path for request in desk.asked)
        desk.rows["kobject"][5]["attributes"]["updatedAt"] = at(5000)
        pages, _ = await drain(source, "kobjects", done)
        assert "o5" in ids(pages)


@pytest.mark.parametrize("refused", ["/archive/search", "/search"])
async def test_what_searches_refuse_the_lists_of_the_klasses_show(desk: Desk, refused: str) -> None:
    def app(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403) if request.url.path.endswith(refused) else desk(request)

    async with opened(app) as source:
        pages, _ = await drain(source, "kobjects")
    assert set(ids(pages)) == {f"o{n}" for n in range(6)}


async def test_an_object_is_asked_for_by_its_id_in_one_klass_after_the_other(desk: Desk) -> None:
    asked: list[str] = []

    def app(request: httpx.Request) -> httpx.Response:
        head, _, id_ = request.url.path.removeprefix("/v1/klasses").strip("/").partition("/")
        if not id_:
            return desk(request)
        asked.append(f"{head}/{id_}")
        row = next((one for one in desk.small[f"klasses/{head}"] if one["id"] == id_), None)
        return httpx.Response(200, json={"data": row}) if row else httpx.Response(404)

    async with opened(app, readers=1) as source:
        wanted = [Ref(mig.CUSTOM_OBJECT, name) for name in ("o0", "o1", "gone")]
        found = await source.fetch(wanted)
    assert {ref.id: json.loads(raw.body)["type"] for ref, raw in found.items()} == {
        "o0": "kobject.order",
        "o1": "kobject.device",
    }
    assert asked == ["device/o0", "order/o0", "device/o1", "device/gone", "order/gone"]


async def test_a_list_that_is_not_served_is_empty_and_one_that_may_not_be_read_is_told(desk: Desk) -> None:
    def app(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/workflows", "/hooks/form")):
            return httpx.Response(404)
        return httpx.Response(403) if request.url.path.endswith(("/snippets", "/hooks/web")) else desk(request)

    async with opened(app) as source:
        for name in ("workflows", "hooks_form"):
            pages, _ = await drain(source, name)
            assert ids(pages) == []
        for name in ("hooks_web", "snippets"):
            with pytest.raises(mig.Unreadable):
                await drain(source, name)


async def test_rows_without_ids_are_counted_by_what_they_say(desk: Desk) -> None:
    rows = [
        {"type": "outbound_account", "attributes": {"channel": channel, "account": "a@b", "name": "A"}}
        for channel in ("email", "sms", "email")
    ]

    def app(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": rows}) if "outbound" in request.url.path else desk(request)

    async with opened(app) as source:
        pages, _ = await drain(source, "accounts")
        assert len(set(ids(pages))) == 2
        names = [id_ async for some in source.ids(mig.CHANNEL, Scope()) for id_, _ in some]
        assert set(names) == set(ids(pages))
        assert set(await source.fetch([Ref(mig.CHANNEL, names[0])])) == {Ref(mig.CHANNEL, names[0])}


async def test_an_sla_comes_with_its_versions_be_they_one_or_several(desk: Desk) -> None:
    def app(request: httpx.Request) -> httpx.Response:
        version = {"id": "w1", "type": "sla_version", "relationships": {"sla": {"data": {"id": "s1"}}}}
        rows = [{"id": "s1", "attributes": {}}, {"id": "s2", "attributes": {}}]
        return httpx.Response(200, json={"data": rows, "included": version, "links": {}})

    async with opened(app) as source:
        pages, _ = await drain(source, "slas")
        first, second = [source.parse(raw).records[0] for raw in pages[0].rows]
    assert first.fields["versions"][0]["id"] == "w1"
    assert "versions" not in second.fields
