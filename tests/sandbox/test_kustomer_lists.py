"""What the Kustomer sandbox's reads promise: section 3, 4, 6 and 7 of the API page, over real HTTP, on the sample."""

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

INBOUND = "6a6f12cac3e98c727dde5d83", "6a6f12cac3e98c727dde5d84"  # a message and its file
BUSY = "6a6e8880c3e98c727dde5d70"  # the conversation of 1,483 messages


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with spec.serve(mig.SandboxOptions(dataset=SAMPLE)) as running:
        key = running.environment["KUSTOMER_API_KEY"]
        base = running.environment["KUSTOMER_URL"]
        async with httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {key}"}) as client:
            yield client


async def get(api: httpx.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await api.get(path)
    assert answer.status_code == status, answer.text[:300]
    return answer.json()


async def walk(api: httpx.AsyncClient, path: str) -> list[Any]:
    rows: list[Any] = []
    following: str | None = path
    while following is not None:
        page = await get(api, following)
        rows += page["data"]
        following = page["links"].get("next")
    return rows


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/v1/customers?pageSize=100", 278),
        ("/v1/conversations", 653),
        ("/v1/messages", 5666),
        ("/v1/notes", 267),
        ("/v1/companies", 30),
        ("/v1/users?deleted=false&pageSize=500", 28),
        ("/v1/users?deleted=true", 5),
        ("/v1/teams", 9),
        ("/v1/tags", 60),
        ("/v1/tags?deleted=false", 53),
        ("/v1/klasses", 4),
        ("/v1/klasses?status=disabled", 1),
        ("/v1/klasses?status=existing_only", 1),
        ("/v1/klasses/order", 214),
        ("/v1/klasses/orders", 214),
        ("/v1/klasses/shopify-order", 68),
        ("/v1/klasses/old_import", 37),
        ("/v1/klasses/subscription", 27),
        ("/v1/shortcuts", 69),
        ("/v1/shortcuts/categories", 6),
        ("/v1/snippets", 10),
        ("/v1/slas", 6),
        ("/v1/routing/queues", 8),
        ("/v1/routing/queue-rules", 8),
        ("/v1/satisfaction", 4),
        ("/v1/hooks/web", 4),
        ("/v1/hooks/email", 4),
        ("/v1/hooks/form", 4),
        ("/v1/outbound-webhooks", 4),
        ("/v1/outboundAccounts", 10),
        ("/v1/brands", 3),
        ("/v1/schedules", 1),
        ("/v1/customers/searches", 23),
        ("/v1/workflows", 16),
        ("/v1/business-rules", 16),
        ("/v1/kb/articles?pageSize=500", 60),
        ("/v1/kb/categories", 36),
        ("/v1/kb/tags", 5),
        ("/v1/kb/routes", 5),
        ("/v1/kb/forms", 5),
        ("/v1/sub-statuses", 0),
        ("/v1/role-groups", 0),
        (f"/v1/conversations/{BUSY}/messages", 1483),
    ],
)
async def test_lists_serve_every_row_of_the_sample(api: httpx.AsyncClient, path: str, count: int) -> None:
    rows = await walk(api, path)
    assert len(rows) == count
    assert len({row.get("id", number) for number, row in enumerate(rows)}) == count


async def test_customers_page_by_thirty_and_say_totals_while_conversations_do_not(api: httpx.AsyncClient) -> None:
    customers = await get(api, "/v1/customers")
    assert customers["meta"] == {"pageSize": 30, "page": 1, "total": 278, "totalPages": 10}
    conversations = await get(api, "/v1/conversations?page=2&pageSize=50")
    assert conversations["meta"] == {"pageSize": 50, "page": 2}
    assert conversations["links"] == {
        "self": "/v1/conversations?page=2&pageSize=50",
        "first": "/v1/conversations?page=1&pageSize=50",
        "prev": "/v1/conversations?page=1&pageSize=50",
        "next": "/v1/conversations?page=3&pageSize=50",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers?pageSize=101",
        "/v1/messages?pageSize=500",
        "/v1/users?pageSize=501",
        "/v1/kb/articles?pageSize=501",
        "/v1/audit-logs?count=1001",
        "/v1/messages?page=0",
        "/v1/messages?page=x",
        "/v1/messages?page=101",
        "/v1/users?page=21&pageSize=500",
        "/v1/messages?sort=newest",
        "/v1/klasses?status=archived",
        "/v1/users?deleted=false&userType=machine",
        "/v1/tags?deleted=maybe",
        "/v1/customers/622cec8ac3e98c727dde5b49/conversations?fromDate=soon",
    ],
)
async def test_what_is_over_a_limit_or_no_value_is_refused_with_400(api: httpx.AsyncClient, path: str) -> None:
    assert (await get(api, path, 400))["errors"][0]["code"] == "bad_request"


async def test_unknown_parameters_and_a_trailing_slash_are_tolerated(api: httpx.AsyncClient) -> None:
    assert (await get(api, "/v1/tags/?page[size]=5"))["meta"]["pageSize"] == 100
    assert (await get(api, "/v1/users/current/"))["data"]["attributes"]["userType"] == "machine"


async def test_messages_are_in_the_order_of_ids_and_sort_turns_it_round(api: httpx.AsyncClient) -> None:
    ascending = [row["id"] for row in await walk(api, "/v1/messages")]
    assert ascending == sorted(ascending)
    first = await get(api, "/v1/messages?sort=desc&pageSize=3")
    assert [row["id"] for row in first["data"]] == ascending[:-4:-1]
    assert first["links"]["next"] == "/v1/messages?page=2&pageSize=3&sort=desc"


async def test_a_full_last_page_has_a_next_that_is_empty(api: httpx.AsyncClient) -> None:
    page = await get(api, "/v1/tags?page=3&pageSize=20")
    assert page["links"]["next"] == "/v1/tags?page=4&pageSize=20"
    last = await get(api, page["links"]["next"])
    assert last["data"] == []
    assert last["links"]["next"] is None


async def test_included_attachments_have_no_address(api: httpx.AsyncClient) -> None:
    plain = await get(api, f"/v1/conversations/{BUSY}/messages")
    assert "included" not in plain
    page = await get(api, f"/v1/conversations/{BUSY}/messages?include=attachments")
    named = {
        entry["id"] for row in page["data"] for entry in row["relationships"].get("attachments", {}).get("data", [])
    }
    assert {row["id"] for row in page["included"]} <= named
    assert len(page["included"]) == 3
    assert all("related" not in row["links"] and "self" in row["links"] for row in page["included"])


async def test_the_conversation_lists_inbound_and_outbound_files_with_addresses(api: httpx.AsyncClient) -> None:
    rows = await walk(api, f"/v1/conversations/{BUSY}/attachments")
    assert INBOUND[1] in {row["id"] for row in rows}
    assert len(rows) > 100
    assert all("X-Amz-Expires=600" in row["links"]["related"] for row in rows)


async def test_the_batch_route_serves_outbound_files_only(api: httpx.AsyncClient) -> None:
    message, inbound = INBOUND
    assert (await get(api, f"/v1/messages/{message}/attachments/{inbound}"))["data"]["id"] == inbound
    await get(api, f"/v1/attachments/{inbound}", 404)
    outbound = []
    for row in (await get(api, "/v1/messages?include=attachments"))["data"]:
        if row["attributes"]["direction"] == "out":
            outbound += [entry["id"] for entry in row["relationships"].get("attachments", {}).get("data", [])]
    found = await get(api, f"/v1/attachments/{','.join([inbound, *outbound])}")
    assert inbound not in {row["id"] for row in found["data"]}
    assert 0 < len(found["data"]) <= len(outbound)
    assert all(row["links"]["related"] for row in found["data"])


async def test_a_multi_id_read_answers_a_list_without_the_gone_ones(api: httpx.AsyncClient) -> None:
    several = await get(api, f"/v1/conversations/{BUSY},000000000000000000000000")
    assert [row["id"] for row in several["data"]] == [BUSY]
    assert (await get(api, f"/v1/conversations/{BUSY}"))["data"]["id"] == BUSY
    await get(api, "/v1/conversations/000000000000000000000000", 404)
    await get(api, "/v1/conversations/" + ",".join([BUSY] * 101), 400)


async def test_customers_are_found_by_encoded_address_and_external_id(api: httpx.AsyncClient) -> None:
    by_mail = await get(api, "/v1/customers/email=user.0%40gmx.example.de")
    assert by_mail["data"]["attributes"]["emails"][0]["email"] == "User.0@gmx.example.de"
    by_external = await get(api, "/v1/customers/externalId=ext%2F2%3Fa%3Db%26c%23d")
    assert by_external["data"]["attributes"]["externalId"] == "ext/2?a=b&c#d"
    assert (await get(api, "/v1/customers/phone=15550000009"))["data"]["attributes"]["phones"]
    await get(api, "/v1/customers/email=nobody@example.org", 404)


async def test_messages_and_objects_are_found_by_their_external_ids(api: httpx.AsyncClient) -> None:
    message = await get(api, "/v1/messages/externalid=%3C6a703e33c3e98c727dde5db0@mail.example.com%3E")
    assert message["data"]["id"] == "6a703e33c3e98c727dde5db0"
    found = await get(api, "/v1/klasses/shopify-orders/externalId=shopify-order-0")
    assert found["data"]["type"] == "kobject.shopify-order"
    await get(api, "/v1/klasses/order/externalId=shopify-order-0", 404)


async def test_children_of_a_parent_that_is_gone_are_404(api: httpx.AsyncClient) -> None:
    for path in ("messages", "notes", "attachments"):
        await get(api, f"/v1/conversations/000000000000000000000000/{path}", 404)
    await get(api, "/v1/customers/622cec8ac3e98c727dde5b49/events", 404)


async def test_from_date_keeps_what_was_updated_since(api: httpx.AsyncClient) -> None:
    everything = await walk(api, "/v1/klasses/order")
    recent = await walk(api, "/v1/klasses/order?fromDate=2024-01-01T00:00:00Z")
    assert 0 < len(recent) < len(everything)
    assert {row["id"] for row in recent} == {
        row["id"] for row in everything if row["attributes"]["updatedAt"] >= "2024-01-01"
    }


async def test_quirks_of_relationships_are_kept(api: httpx.AsyncClient) -> None:
    message = (await get(api, f"/v1/messages/{INBOUND[0]}"))["data"]
    assert message["relationships"]["customer"]["data"]["type"] == "customers"
    thing = (await get(api, "/v1/klasses/order?pageSize=1"))["data"][0]
    assert "link" in thing["relationships"]["klass"]
    assert "links" not in thing["relationships"]["klass"]
    customer = (await get(api, "/v1/customers/622e369dc3e98c727dde5ad3"))["data"]
    assert customer["relationships"]["orders"]["meta"] == {"kobject": True}
    objects = await get(api, customer["relationships"]["orders"]["links"]["self"])
    assert {row["type"] for row in objects["data"]} == {"kobject.order"}


async def test_users_bare_are_the_active_ones_and_filters_choose(api: httpx.AsyncClient) -> None:
    assert len(await walk(api, "/v1/users")) == 28
    assert len(await walk(api, "/v1/users?userType=machine")) == 3
    one = await get(api, "/v1/users?email=agent3@support.example.com")
    assert len(one["data"]) == 1


async def test_companies_ignore_both_filters_when_both_are_given(api: httpx.AsyncClient) -> None:
    assert len((await get(api, "/v1/companies?externalId=co-0"))["data"]) == 1
    assert len((await get(api, "/v1/companies?filter=umbrella"))["data"]) > 1
    assert len((await get(api, "/v1/companies?filter=umbrella&externalId=co-0"))["data"]) == 30


async def test_outbound_accounts_have_neither_ids_nor_a_next_link(api: httpx.AsyncClient) -> None:
    page = await get(api, "/v1/outboundAccounts?pageSize=2")
    assert list(page["links"]) == ["self"]
    assert all("id" not in row for row in page["data"])


async def test_sla_versions_are_included_on_request_as_object_or_array(api: httpx.AsyncClient) -> None:
    listed = await get(api, "/v1/slas?versions=all")
    assert len(listed["included"]) == 12
    assert len((await get(api, "/v1/slas?versions=active"))["included"]) == 6
    single = await get(api, "/v1/slas/5fe3da00c3e98c727dde5a48?versions=all")
    assert single["included"]["type"] == "sla_version"
    assert "included" not in await get(api, "/v1/slas/5fe3da00c3e98c727dde5a48")
    await get(api, "/v1/slas?versions=some", 400)


async def test_articles_carry_the_language_asked_for(api: httpx.AsyncClient) -> None:
    path = "/v1/kb/articles/60891c1cc3e98c727dde7c3d"
    plain = (await get(api, path))["data"]["attributes"]["langVersions"]["de"]["currentVersion"]
    assert plain["id"] == "60891c1cc3e98c727dde7c3f"
    german = (await get(api, f"{path}?includeLang=de&includeBody=true"))["data"]["attributes"]["langVersions"]["de"]
    assert german["currentVersion"]["id"]["_id"] == plain["id"]
    assert german["currentVersion"]["id"]["htmlBody"].startswith("<html>")
    without = (await get(api, f"{path}?includeLang=de"))["data"]["attributes"]["langVersions"]["de"]
    assert "htmlBody" not in without["currentVersion"]["id"]
    assert len(await walk(api, f"{path}/versions/de")) >= 2
    assert await walk(api, f"{path}/versions/fr") == []


async def test_only_mails_have_html_behind_their_related_link(api: httpx.AsyncClient) -> None:
    mail = (await get(api, "/v1/messages/6a703e33c3e98c727dde5db0"))["data"]
    first = await get(api, mail["links"]["related"])
    assert "<p>" in first["data"]["attributes"]["htmlBody"]
    assert first == await get(api, mail["links"]["related"])
    assert "related" not in (await get(api, f"/v1/messages/{INBOUND[0]}"))["data"]["links"]
    await get(api, f"/v1/postmark/messages/{INBOUND[0]}", 404)


async def test_metadata_is_one_resource_named_for_its_kind(api: httpx.AsyncClient) -> None:
    assert (await get(api, "/v1/metadata/customer"))["data"]["id"] == "customer"
    assert (await get(api, "/v1/metadata/kobject.order"))["data"]["attributes"]["properties"]
    await get(api, "/v1/metadata/nothing", 404)


async def test_teams_users_queues_and_snippets_are_found_their_own_ways(api: httpx.AsyncClient) -> None:
    team = (await get(api, "/v1/teams"))["data"][0]
    members = await get(api, f"/v1/teams/{team['id']}/members")
    assert {row["id"] for row in members["data"]} <= set(team["attributes"]["members"])
    teams = await get(api, f"/v1/users/{members['data'][0]['id']}/teams")
    assert team["id"] in {row["id"] for row in teams["data"]}
    assert len((await get(api, "/v1/routing/queues?key=default_queue"))["data"]) == 1
    assert (await get(api, "/v1/snippets/sn.org.s0"))["data"]["attributes"]["name"] == "sn.org.s0"
    assert (await get(api, "/v1/satisfaction-responses/69569271c3e98c727dde6998"))["data"]


async def test_the_organisation_says_its_id(api: httpx.AsyncClient) -> None:
    assert (await get(api, "/v1/orgs/current"))["data"]["id"] == "5e62e400c3e98c727dde5977"
    assert (await get(api, "/v1/auth/tokens/current"))["data"]["attributes"]["roles"]
    assert (await get(api, "/v1/chat/settings"))["data"]["attributes"]["enabled"] is True
