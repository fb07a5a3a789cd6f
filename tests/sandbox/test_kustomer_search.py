"""What the Kustomer sandbox's searches promise: section 5 of the API page, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

import mig
from mig_kustomer.sandbox import spec

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE = Path(__file__).parents[1] / "data" / "kustomer-sample.jsonl.gz"
SEARCH, ARCHIVE = "/v1/customers/search", "/v1/customers/archive/search"
LINE = "2024-10-01"


async def client_of(options: mig.SandboxOptions) -> AsyncIterator[httpx.AsyncClient]:
    async with spec.serve(options) as running:
        key = running.environment["KUSTOMER_API_KEY"]
        async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": f"Bearer {key}"}) as client:
            yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async for client in client_of(mig.SandboxOptions(dataset=SAMPLE)):
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def large() -> AsyncIterator[httpx.AsyncClient]:
    async for client in client_of(mig.SandboxOptions(generate=20, seed=3, switches={"tie": "10300"})):
        yield client


async def ask(api: httpx.AsyncClient, body: object, path: str = SEARCH, status: int = 200) -> Any:
    answer = await api.post(path, json=body)
    assert answer.status_code == status, answer.text[:300]
    return answer.json()


async def total(api: httpx.AsyncClient, context: str, *every: dict[str, Any], **more: Any) -> int:
    path = more.pop("path", SEARCH)
    found = await ask(api, {"queryContext": context, "and": list(every), **more}, f"{path}?pageSize=1")
    assert isinstance(found["meta"]["total"], int)
    return found["meta"]["total"]


async def walk(api: httpx.AsyncClient, body: object, path: str) -> list[Any]:
    rows: list[Any] = []
    following: str | None = path
    while following is not None:
        page = await ask(api, body, following)
        rows += page["data"]
        following = page["links"]["next"]
    return rows


async def test_a_page_is_shaped_as_documented(api: httpx.AsyncClient) -> None:
    body = {"queryContext": "message", "sort": [{"message_updated_at": "asc"}], "timeZone": "GMT"}
    page = await ask(api, body, f"{SEARCH}?page=2&pageSize=500")
    count = page["meta"]["total"]
    pages = -(-count // 500)
    assert page["meta"] == {
        "pageSize": 500,
        "page": 2,
        "total": count,
        "totalPages": pages,
        "aggregations": {},
        "timed_out": False,
    }
    assert page["links"] == {
        "self": f"{SEARCH}?page=2&pageSize=500",
        "first": f"{SEARCH}?page=1&pageSize=500",
        "prev": f"{SEARCH}?page=1&pageSize=500",
        "next": f"{SEARCH}?page=3&pageSize=500",
        "last": f"{SEARCH}?page={pages}&pageSize=500",
    }
    assert "included" not in page
    assert (await ask(api, body))["meta"]["pageSize"] == 100


@pytest.mark.parametrize("context", ["customer", "conversation", "message", "company", "kobject"])
async def test_the_two_year_line_divides_every_row_between_search_and_archive(
    api: httpx.AsyncClient, context: str
) -> None:
    body = {"queryContext": context, "sort": [{f"{context}_updated_at": "asc"}]}
    recent = await walk(api, body, f"{SEARCH}?pageSize=500")
    old = await walk(api, body, f"{ARCHIVE}?pageSize=500")
    expected = {"customer": 278, "conversation": 653, "message": 5666, "company": 30, "kobject": 346}[context]
    assert len({row["id"] for row in recent} | {row["id"] for row in old}) == len(recent) + len(old) == expected
    assert all(row["attributes"]["updatedAt"] >= LINE for row in recent)
    assert all(row["attributes"]["updatedAt"] < LINE for row in old)
    for rows in (recent, old):
        times = [row["attributes"]["updatedAt"] for row in rows]
        assert times == sorted(times)


async def test_archive_search_knows_no_notes_but_the_parents_of_messages(api: httpx.AsyncClient) -> None:
    await ask(api, {"queryContext": "note"}, ARCHIVE, 400)
    assert await total(api, "note") > 0
    old = await ask(api, {"queryContext": "message", "sort": [{"message_id": "asc"}]}, ARCHIVE)
    ids = [row["id"] for row in old["data"]]
    assert ids == sorted(ids)
    parent = old["data"][0]["relationships"]["conversation"]["data"]["id"]
    criterion = {"message_conversation_id": {"equals": parent}}
    found = await ask(api, {"queryContext": "message", "and": [criterion]}, ARCHIVE)
    assert {row["relationships"]["conversation"]["data"]["id"] for row in found["data"]} == {parent}
    await ask(api, {"queryContext": "message", "and": [criterion]}, SEARCH, 400)


async def test_searched_messages_have_no_attachments_relationship(api: httpx.AsyncClient) -> None:
    criterion = {"message_attachment_count": {"gte": 1}}
    found = await ask(api, {"queryContext": "message", "and": [criterion]}, f"{SEARCH}?pageSize=500")
    assert found["data"]
    assert all("attachments" not in row["relationships"] for row in found["data"])
    single = await api.get(f"/v1/messages/{found['data'][0]['id']}")
    assert "attachments" in single.json()["data"]["relationships"]


@pytest.mark.parametrize(
    ("context", "criterion"),
    [
        ("message", {"message_id": {"equals": "x"}}),
        ("message", {"message_conversation_id": {"equals": "x"}}),
        ("customer", {"customer_id": {"equals": "x"}}),
        ("customer", {"customer_companyId": {"equals": "x"}}),
        ("customer", {"customer_deleted": {"equals": True}}),
        ("company", {"company_created_at": {"gte": "2025-01-01"}}),
        ("customer", {"message_created_at": {"gte": "2025-01-01"}}),
        ("customer", {"customer_custom_tier": {"equals": "gold"}}),
        ("customer", {"customer_email": {"gt": "a"}}),
        ("customer", {"customer_email": {"not_equals": "a"}}),
        ("customer", {"customer_created_at": {"contains": "2025"}}),
        ("customer", {"customer_created_at": {"gte": "2025-13-01"}}),
        ("customer", {"customer_created_at": {"gte": 1735689600000}}),
        ("customer", {"customer_created_at": {"gte": "2025-01-01", "lt": "2026-01-01"}}),
        ("customer", {"customer_created_at": {"gte": "2025-01-01"}, "customer_updated_at": {"gte": "2025-01-01"}}),
        ("conversation", {"conversation_status": {"equals": "closed"}}),
        ("message", {"message_channel": {"equals": "form"}}),
        ("message", {"message_direction": {"equals": "sideways"}}),
        ("conversation", {"conversation_priority": {"gte": "3"}}),
        ("conversation", {"conversation_tags": {"in": "5fac7b00c3e98c727dde59a2"}}),
        ("customer", {"customer_phone": {"not_set": True}}),
        ("customer", {"and": [{"customer_imported": {"equals": True}}]}),
    ],
)
async def test_what_is_unlisted_or_misused_is_refused(
    api: httpx.AsyncClient, context: str, criterion: dict[str, Any]
) -> None:
    errors = (await ask(api, {"queryContext": context, "and": [criterion]}, SEARCH, 400))["errors"]
    assert errors[0]["code"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"queryContext": "attachment"},
        {"queryContext": "customer", "and": "all"},
        {"queryContext": "customer", "sort": [{"customer_email": "asc"}]},
        {"queryContext": "customer", "sort": [{"customer_updated_at": "up"}]},
        {"queryContext": "customer", "timeZone": "Mars/Olympus"},
        {"queryContext": "customer", "includeDeleted": "yes"},
        {"queryContext": "customer", "limit": 5},
    ],
)
async def test_a_body_that_is_wrong_is_refused(api: httpx.AsyncClient, body: object) -> None:
    await ask(api, body, SEARCH, 400)


async def test_a_search_must_be_announced_as_json_and_be_json(api: httpx.AsyncClient) -> None:
    assert (await api.post(SEARCH, content=b'{"queryContext":"customer"}')).status_code == 400
    broken = await api.post(SEARCH, content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    assert (await api.get(ARCHIVE)).status_code == 405


async def test_groups_combine_as_and_of_and_or_not(api: httpx.AsyncClient) -> None:
    everything = await total(api, "conversation")
    done = await total(api, "conversation", {"conversation_status": {"equals": "done"}})
    rest = await total(api, "conversation", **{"not": [{"conversation_status": {"equals": "done"}}]})
    assert 0 < done < everything
    assert done + rest == everything
    either = [{"conversation_status": {"equals": name}} for name in ("open", "snoozed")]
    assert await total(api, "conversation", **{"or": either}) == rest
    assert await total(api, "conversation", {"conversation_status": {"in": ["open", "snoozed"]}}) == rest
    urgent = {"conversation_priority": {"gte": 4}}
    both = await total(api, "conversation", urgent, **{"or": either})
    assert 0 < both < rest
    assert await total(api, "conversation", **{"or": either[0]}) < rest  # ONE object stands for an array


async def test_operators_follow_the_class_of_the_attribute(api: httpx.AsyncClient) -> None:
    mails = await total(api, "message", {"message_channel": {"equals": "email"}})
    assert 0 < mails < await total(api, "message")
    assert await total(api, "customer", {"customer_email": {"equals": "user.0@gmx.example.de"}}) == 1
    assert 0 < await total(api, "message", {"message_body": {"contains": "photo"}}) < await total(api, "message")
    set_ = await total(api, "customer", {"customer_externalId": {"not_set": ""}})
    assert 0 < set_ < await total(api, "customer")
    outbound = await total(api, "message", {"message_direction": {"equals": "out"}})
    inbound = await total(api, "message", {"message_direction": {"equals": "in"}})
    assert outbound + inbound == await total(api, "message")
    assert await total(api, "customer", {"customer_custom_vipBool": {"equals": True}}) > 0
    assert await total(api, "kobject", {"kobject_custom_order_orderNumberNum": {"gte": 0}}) > 0


async def test_contains_matches_whole_words_only(api: httpx.AsyncClient) -> None:
    assert await total(api, "company", {"company_name": {"contains": "umbrella"}}) > 0
    assert await total(api, "company", {"company_name": {"contains": "umbrel"}}) == 0


async def test_dates_are_local_days_or_exact_timestamps(api: httpx.AsyncClient) -> None:
    def since(text: str) -> dict[str, Any]:
        return {"message_updated_at": {"gte": text}}

    day = await total(api, "message", since("2026-03-15"))
    assert day == await total(api, "message", since("2026-03-15T00:00:00.000Z"))
    assert day - await total(api, "message", since("2026-03-15T00:00:00.001Z")) == 84  # the sample's tie group
    berlin = await total(api, "message", since("2026-03-15"), timeZone="Europe/Berlin")
    assert berlin == await total(api, "message", since("2026-03-14T23:00:00Z"))
    tie = {"message_updated_at": {"equals": "2026-03-15T00:00:00.000Z"}}
    assert await total(api, "message", tie) == 84
    later = {"message_updated_at": {"gt": "2026-03-15T00:00:00.000Z"}}
    assert await total(api, "message", later) == day - 84


async def test_kobject_contexts_name_a_klass(api: httpx.AsyncClient) -> None:
    body = {"queryContext": "kobject_shopify-order"}
    found = await walk(api, body, f"{SEARCH}?pageSize=500")
    found += await walk(api, body, f"{ARCHIVE}?pageSize=500")
    assert len(found) == 68
    criterion = {"kobject_old_import_updated_at": {"lt": "2024-01-01"}}
    old = await ask(api, {"queryContext": "kobject", "and": [criterion]}, ARCHIVE)
    assert {row["type"] for row in old["data"]} == {"kobject.old_import"}


async def test_ids_only_gives_ids_only(api: httpx.AsyncClient) -> None:
    found = await ask(api, {"queryContext": "customer"}, f"{SEARCH}?idsOnly=true&pageSize=500")
    assert {tuple(row) for row in found["data"]} == {("type", "id")}
    assert found["links"]["first"] == f"{SEARCH}?page=1&pageSize=500&idsOnly=true"


async def test_track_total_hits_clamps_the_total_and_not_the_pages_to_come(api: httpx.AsyncClient) -> None:
    found = await ask(api, {"queryContext": "message"}, f"{SEARCH}?trackTotalHits=200")
    assert found["meta"]["total"] == 200
    assert found["links"]["next"]


async def test_saved_searches_run_with_an_empty_body(api: httpx.AsyncClient) -> None:
    saved = (await api.get("/v1/customers/searches")).json()["data"][0]
    run = await ask(api, {}, f"/v1/customers/searches/{saved['id']}/execution?page=1&pageSize=10")
    assert run["meta"]["total"] > 10
    await ask(api, saved["attributes"]["data"], f"/v1/customers/searches/{saved['id']}/execution", 400)


@pytest.mark.parametrize(("page", "size"), [(101, 100), (101, 10), (21, 500), (34, 300), (1, 501)])
async def test_pages_beyond_the_cap_and_sizes_over_the_maximum_are_refused(
    large: httpx.AsyncClient, page: int, size: int
) -> None:
    await ask(large, {"queryContext": "message"}, f"{SEARCH}?page={page}&pageSize={size}", 400)


@pytest.mark.parametrize(("last", "size"), [(100, 100), (20, 500)])
async def test_at_the_cap_there_is_a_next_link_that_fails_and_the_total_is_not_clamped(
    large: httpx.AsyncClient, last: int, size: int
) -> None:
    body = {"queryContext": "message", "sort": [{"message_updated_at": "desc"}]}
    page = await ask(large, body, f"{SEARCH}?page={last}&pageSize={size}")
    assert len(page["data"]) == size
    assert page["meta"]["total"] > 10_300
    assert page["meta"]["totalPages"] > last
    assert page["links"]["next"] == f"{SEARCH}?page={last + 1}&pageSize={size}"
    await ask(large, body, page["links"]["next"], 400)


async def test_lists_end_at_ten_thousand_rows_with_a_next_link_that_fails(large: httpx.AsyncClient) -> None:
    page = (await large.get("/v1/messages?page=100")).json()
    assert len(page["data"]) == 100
    assert page["links"]["next"] == "/v1/messages?page=101&pageSize=100"
    assert (await large.get(page["links"]["next"])).status_code == 400


async def test_a_tie_group_may_be_larger_than_any_query_gives(large: httpx.AsyncClient) -> None:
    page = await ask(large, {"queryContext": "message", "sort": [{"message_updated_at": "asc"}]}, f"{SEARCH}?page=15")
    stamps = {row["attributes"]["updatedAt"] for row in page["data"]}
    assert stamps == {"2026-06-23T00:00:00.000Z"}
    assert await total(large, "message", {"message_updated_at": {"equals": stamps.pop()}}) == 10_300


async def test_an_unlisted_key_may_be_ignored_by_a_switch() -> None:
    options = mig.SandboxOptions(generate=30, switches={"unknown_keys": "ignore", "company_keys": "reject"})
    async for api in client_of(options):
        everything = await total(api, "customer")
        assert await total(api, "customer", {"customer_id": {"equals": "x"}}) == everything > 0
        await ask(api, {"queryContext": "company", "sort": [{"company_updated_at": "asc"}]})


async def test_the_undocumented_company_keys_may_be_rejected_by_a_switch(api: httpx.AsyncClient) -> None:
    body = {"queryContext": "company", "and": [{"company_updated_at": {"gte": "2020-01-01"}}]}
    assert (await ask(api, body))["meta"]["total"] > 0
    async for strict in client_of(mig.SandboxOptions(generate=3, switches={"company_keys": "reject"})):
        await ask(strict, body, SEARCH, 400)


async def test_a_timed_out_page_is_partial_and_says_so() -> None:
    async for api in client_of(mig.SandboxOptions(generate=100, switches={"timed_out": "1"})):
        page = await ask(api, {"queryContext": "customer"}, f"{SEARCH}?pageSize=40")
        assert page["meta"]["timed_out"] is True
        assert len(page["data"]) == 20


async def test_inferred_operators_are_a_switch() -> None:
    async for api in client_of(mig.SandboxOptions(generate=30, switches={"inferred_operators": "accept"})):
        done = await total(api, "conversation", {"conversation_status": {"equals": "done"}})
        rest = await total(api, "conversation", {"conversation_status": {"not_equals": "done"}})
        assert done + rest == await total(api, "conversation")
