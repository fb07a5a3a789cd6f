"""The Kustomer sandbox around its data: keys, limits, faults, files, live changes and control, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import mig
from mig_kustomer.sandbox import spec
from mig_kustomer.sandbox.server import Sandbox

SEARCH = "/v1/customers/search"


@asynccontextmanager
async def sandbox(**options: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Sandbox]]:
    switches = {name: str(value) for name, value in options.pop("switches", {}).items()}
    given = {"generate": 12, "seed": 5} | options if "dataset" not in options else options
    async with spec.serve(mig.SandboxOptions(**given, switches=switches)) as running:
        key = running.environment["KUSTOMER_API_KEY"]
        async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": f"Bearer {key}"}) as client:
            yield client, running.control


async def ids(api: httpx.AsyncClient, context: str, **more: Any) -> list[str]:
    found = await api.post(f"{SEARCH}?pageSize=500", json={"queryContext": context, **more})
    assert found.status_code == 200, found.text
    return [row["id"] for row in found.json()["data"]]


async def first_id(api: httpx.AsyncClient, path: str) -> str:
    return str((await api.get(path)).json()["data"][0]["id"])


# ---- keys and errors -----------------------------------------------------------------------------------------------


async def test_a_missing_wrong_or_expired_key_is_401_in_the_error_shape() -> None:
    async with sandbox() as (api, _):
        for key in ("", "Basic x", "Bearer wrong"):
            answer = await api.get("/v1/customers", headers={"Authorization": key})
            assert answer.status_code == 401
            assert answer.json()["errors"][0]["code"] == "unauthorized"
            assert "x-ratelimit-limit" in answer.headers
        expired = await api.get("/v1/customers", headers={"Authorization": "Bearer expired-1"})
        assert "Expired token" in expired.text


async def test_forbidden_families_are_403_and_the_others_are_not() -> None:
    async with sandbox(switches={"forbid": "notes+teams+search:note"}) as (api, _):
        short = (await api.get("/v1/teams")).json()["errors"][0]
        assert set(short) == {"code", "message", "meta"}
        long = await api.get("/v1/notes")
        assert long.status_code == 403
        assert set(long.json()["errors"][0]) == {"status", "code", "title", "detail", "meta"}
        assert (await api.get("/v1/messages")).status_code == 200
        assert (await api.get("/v1/auth/tokens/current")).status_code == 200
        assert (await api.post(SEARCH, json={"queryContext": "note"})).status_code == 403
        assert (await api.post(SEARCH, json={"queryContext": "message"})).status_code == 200


async def test_404_and_405_name_what_is_wrong() -> None:
    async with sandbox(switches={"business_rules": "off"}) as (api, _):
        gone = (await api.get("/v1/conversations/000000000000000000000000")).json()["errors"][0]
        assert gone["status"] == 404
        assert gone["title"] == "Conversation not found"
        assert gone["source"] == {"parameter": "id"}
        assert (await api.get("/v1/kb/articles/0")).json()["errors"][0]["status"] == "404"
        assert (await api.get("/v1/business-rules")).status_code == 404
        assert (await api.get("/v1/nowhere")).status_code == 404
        assert (await api.put("/v1/customers")).status_code in (404, 405)


async def test_errors_may_come_without_a_body() -> None:
    async with sandbox(switches={"empty_errors": "on"}) as (api, _):
        answer = await api.get("/v1/nowhere")
        assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"switches": {"weather": "bad"}}, "known are key, clock"),
        ({"switches": {"users": "some"}}, "choose active or all"),
        ({"switches": {"forbid": "moon"}}, "no family 'moon'"),
        ({"switches": {"timed_out": "2"}}, "out of range"),
        ({"limits": "plan=golden"}, "plans are enterprise"),
        ({"faults": "rain=1"}, "unknown"),
        ({"dataset": Path("x.jsonl")}, "not both"),
    ],
)
async def test_unknown_switches_limits_and_faults_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        async with spec.serve(mig.SandboxOptions(generate=1, **options)):
            raise AssertionError("it must not serve")


# ---- limits and faults ---------------------------------------------------------------------------------------------


async def test_without_limits_the_headers_are_there_all_the_same() -> None:
    async with sandbox() as (api, _):
        headers = (await api.get("/v1/tags")).headers
        assert int(headers["x-ratelimit-remaining"]) > 1000
        assert int(headers["x-ratelimit-reset"]) >= time.time()


async def test_over_the_plan_is_429_until_the_window_ends() -> None:
    async with sandbox(limits="plan=3,scale=200") as (api, _):
        began = time.time()
        answers = [await api.get("/v1/tags") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert answers[0].headers["x-ratelimit-limit"] == "3"
        assert answers[3].json()["errors"][0]["code"] == "too_many_requests"
        assert int(answers[3].headers["x-ratelimit-reset"]) <= began + 2
        while (await api.get("/_sandbox/counters")).status_code == 200 and time.time() < began + 0.35:
            pass  # control requests cost nothing
        assert (await api.get("/v1/tags")).status_code == 200


async def test_searches_have_a_smaller_budget_that_counts_in_the_plan_too() -> None:
    async with sandbox(limits="plan=6,search=2") as (api, _):
        found = [await api.post(SEARCH, json={"queryContext": "customer"}) for _ in range(3)]
        assert [answer.status_code for answer in found] == [200, 200, 429]
        assert found[2].headers["x-ratelimit-limit"] == "2"
        listed = [(await api.get("/v1/tags")).status_code for _ in range(4)]
        assert listed == [200, 200, 200, 429]


async def test_injected_errors_have_the_platforms_own_bodies_and_spare_control() -> None:
    async with sandbox(faults="5xx=0.5,429=0.5") as (api, box):
        answers = [await api.get("/v1/tags") for _ in range(40)]
        assert {answer.status_code for answer in answers} == {429, 500, 502, 503}
        for answer in answers:
            if answer.status_code in (429, 500):
                assert answer.json()["errors"][0]["code"] in ("too_many_requests", "internal_server_error")
        assert (await api.get("/_sandbox/counters")).json()["faults"] == dict(box.faults.counts)


@pytest.mark.parametrize("fault", ["reset", "drop", "truncate"])
async def test_a_cut_connection_is_seen_as_one(fault: str) -> None:
    async with sandbox(faults=f"{fault}=1") as (api, _):
        with pytest.raises(httpx.TransportError):
            await api.get("/v1/tags")


async def test_counters_tell_requests_by_route_and_status() -> None:
    async with sandbox() as (api, _):
        one = await first_id(api, "/v1/tags")
        await api.get(f"/v1/tags/{one}")
        await api.get("/v1/tags/0")
        await api.post(SEARCH, json={})
        counted = (await api.get("/_sandbox/counters")).json()
        assert counted["routes"] == {"GET /v1/tags": 1, "GET /v1/tags/{id}": 2, "POST /v1/customers/search": 1}
        assert counted["statuses"] == {"200": 2, "404": 1, "400": 1}


# ---- files ---------------------------------------------------------------------------------------------------------


async def some_file(api: httpx.AsyncClient, box: Sandbox) -> Any:
    for row in box.organisation.store.table("attachments").rows.values():
        held = json.loads(row.body)
        found = await api.get(held["links"]["self"])
        if found.status_code == 200 and held["attributes"]["contentLength"] > 500:
            return found.json()["data"]
    raise AssertionError("the organisation has no file")


async def test_a_signed_address_gives_the_same_bytes_and_refuses_the_key() -> None:
    async with sandbox(generate=60) as (api, box):
        file = await some_file(api, box)
        url, length = file["links"]["related"], file["attributes"]["contentLength"]
        assert url.startswith(str(api.base_url).rstrip("/") + "/_files/")
        async with httpx.AsyncClient() as plain:
            content = (await plain.get(url)).content
            assert len(content) == length
            assert content == (await plain.get(url)).content == box.file_bytes(file["id"], length)
            assert (await plain.get(url, headers={"Authorization": "Bearer sandbox-key"})).status_code == 400
            assert (await plain.get(url.replace("Signature=", "Signature=0"))).status_code == 403


async def test_whatever_a_file_is_called_its_address_works() -> None:
    async with sandbox() as (api, box):
        message = await first_id(api, "/v1/messages")
        parent = {"data": {"type": "message", "id": message}}
        async with httpx.AsyncClient() as plain:
            for name in ("a/b%2Fc", "..", "?x=1#y", "naïve 📎.pdf", "nul\u0000", "half \ud83d", "", "-"):
                resource = {
                    "type": "attachment",
                    "attributes": {"name": name, "contentType": "a\nb", "contentLength": 7},
                    "relationships": {"message": parent},
                }
                file = box.organisation.put("attachments", resource)
                shown = (await api.get(f"/v1/messages/{message}/attachments/{file}")).json()["data"]
                content = (await plain.get(shown["links"]["related"])).content
                assert content == box.file_bytes(file, 7), name


async def test_a_signed_address_expires_after_ten_minutes_of_the_organisations_clock() -> None:
    async with sandbox(generate=60) as (api, box):
        file = await some_file(api, box)
        async with httpx.AsyncClient() as plain:
            await api.post("/_sandbox/advance", json={"seconds": 590})
            assert (await plain.get(file["links"]["related"])).status_code == 200
            box.organisation.clock.advance(20)
            expired = await plain.get(file["links"]["related"])
            assert expired.status_code == 403
            assert "expired" in expired.text
            fresh = (await api.get(file["links"]["self"])).json()["data"]["links"]["related"]
            assert (await plain.get(fresh)).status_code == 200


async def test_dead_files_are_404_at_the_address_only() -> None:
    async with sandbox(generate=60, switches={"dead": 1}) as (api, box):
        file = await some_file(api, box)
        async with httpx.AsyncClient() as plain:
            assert (await plain.get(file["links"]["related"])).status_code == 404


async def test_files_do_not_count_against_the_limit() -> None:
    async with sandbox(generate=60) as (api, box):
        file = await some_file(api, box)
        async with httpx.AsyncClient() as plain:
            answer = await plain.get(file["links"]["related"])
        assert "x-ratelimit-limit" not in answer.headers


# ---- live changes --------------------------------------------------------------------------------------------------


async def test_a_put_moves_times_and_revision_and_its_parents() -> None:
    async with sandbox() as (api, box):
        customer = await first_id(api, "/v1/customers")
        talk: dict[str, Any] = {"relationships": {"customer": {"data": {"type": "customer", "id": customer}}}}
        conversation = (await api.post("/_sandbox/put", json={"kind": "conversations", "resource": talk})).json()["id"]
        before = (await api.get(f"/v1/customers/{customer}")).json()["data"]["attributes"]
        box.organisation.clock.advance(60)
        message = box.organisation.put(
            "messages",
            {
                "attributes": {"channel": "email", "app": "postmark", "direction": "in", "preview": "late"},
                "relationships": {
                    "customer": {"data": {"type": "customers", "id": customer}},
                    "conversation": {"data": {"type": "conversation", "id": conversation}},
                },
            },
        )
        after = (await api.get(f"/v1/customers/{customer}")).json()["data"]["attributes"]
        assert after["updatedAt"] > before["updatedAt"]
        assert after["rev"] == before["rev"] + 1
        parent = (await api.get(f"/v1/conversations/{conversation}")).json()["data"]["attributes"]
        assert parent["messageCount"] == 1
        listed = (await api.get(f"/v1/conversations/{conversation}/messages")).json()["data"]
        assert [row["id"] for row in listed] == [message]
        found = await ids(api, "message", sort=[{"message_updated_at": "desc"}])
        assert found[0] == message


async def test_a_deleted_record_leaves_lists_and_searches_and_stays_in_those_that_ask() -> None:
    async with sandbox() as (api, _):
        customer = await first_id(api, "/v1/customers")
        before = await ids(api, "customer")
        await api.post("/_sandbox/delete", json={"kind": "customers", "id": customer})
        assert (await api.get(f"/v1/customers/{customer}")).status_code == 404
        assert customer not in await ids(api, "customer")
        asked = await ids(api, "customer", includeDeleted=True)
        assert set(before) | {customer} == set(asked)
        logged = (await api.get("/v1/audit-logs?filter[objectType]=customer")).json()["data"][0]["attributes"]
        assert (logged["eventVerb"], logged["objectId"]) == ("delete", customer)


async def test_the_audit_log_is_walked_by_pairs_of_cursors_newest_first() -> None:
    async with sandbox() as (api, box):
        gone = (await ids(api, "customer"))[:5]
        for customer in gone:
            box.organisation.delete("customers", customer)
            box.organisation.clock.advance(1)
        path, seen = "/v1/audit-logs?filter[objectType]=customer&filter[start]=2026-10-01T00:00:00%2B00:00&count=2", []
        while path:
            page = (await api.get(path)).json()
            seen += [row["attributes"]["objectId"] for row in page["data"]]
            path = page["links"]["next"]
        assert seen == gone[::-1]
        assert (await api.get("/v1/audit-logs?after=x")).status_code == 400
        assert (await api.get("/v1/audit-logs?filter[objectId]=x")).status_code == 400


async def test_deleted_notes_are_found_by_their_flag() -> None:
    async with sandbox(generate=60) as (api, _):
        note = (await ids(api, "note"))[0]
        await api.post("/_sandbox/delete", json={"kind": "notes", "id": note})
        assert note in await ids(api, "note", **{"and": [{"note_deleted": {"equals": True}}]})
        assert note not in await ids(api, "note")


async def test_merged_customers_move_what_they_have_and_leave_a_merge() -> None:
    async with sandbox() as (api, box):
        rows = box.organisation.store
        having = [row for row in rows.table("customers").rows if rows.table("messages").find("customer", row)]
        source, target = having[:2]
        moved = [row.id for row in rows.children("messages", "customer", source)]
        await api.post("/_sandbox/merge-customers", json={"source": source, "target": target})
        assert (await api.get(f"/v1/customers/{source}")).status_code == 404
        message = (await api.get(f"/v1/messages/{moved[0]}")).json()["data"]
        assert message["relationships"]["customer"]["data"] == {"type": "customers", "id": target}
        for side in (source, target):
            merge = (await api.get(f"/v1/customers/{side}/merges")).json()["data"][0]
            assert merge["type"] == "customer_merge"
            assert merge["relationships"]["source"]["data"]["id"] == source
            assert (await api.get(f"/v1/customers/merges/{merge['id']}")).status_code == 200


@pytest.mark.parametrize(("answer", "status"), [("404", 404), ("empty", 200)])
async def test_merged_conversations_move_their_messages(answer: str, status: int) -> None:
    async with sandbox(switches={"merged_conversation": answer}) as (api, box):
        rows = box.organisation.store
        filled = [row for row in rows.table("conversations").rows if rows.table("messages").find("conversation", row)]
        source, target = filled[:2]
        moved = {row.id for row in rows.children("messages", "conversation", source)}
        await api.post("/_sandbox/merge-conversations", json={"source": source, "target": target})
        assert (await api.get(f"/v1/conversations/{source}")).status_code == status
        survivor = (await api.get(f"/v1/conversations/{target}")).json()["data"]["attributes"]
        assert survivor["mergedTarget"] is True
        assert moved <= {row.id for row in rows.children("messages", "conversation", target)}


async def test_a_lagging_index_shows_changes_later_than_reads() -> None:
    async with sandbox(switches={"lag": 30}) as (api, box):
        made = box.organisation.put("customers", {"attributes": {"name": "new"}})
        assert (await api.get(f"/v1/customers/{made}")).status_code == 200
        assert made not in await ids(api, "customer")
        box.organisation.clock.advance(31)
        assert made in await ids(api, "customer")


async def test_pages_shift_while_they_are_read_when_a_record_moves_to_the_end() -> None:
    async with sandbox(generate=40, switches={"shift": 1}) as (api, _):
        body = {"queryContext": "message", "sort": [{"message_updated_at": "asc"}]}
        pages = [(await api.post(f"{SEARCH}?page={page}&pageSize=50", json=body)).json() for page in (1, 2)]
        again = (await api.post(f"{SEARCH}?page=1&pageSize=50", json=body)).json()
        seen = {row["id"] for page in pages for row in page["data"]}
        missed = again["data"][-1]["id"]
        assert missed not in seen  # it slipped from page 2 to page 1 between the two requests
        assert pages[0]["data"][0]["id"] not in {row["id"] for row in again["data"]}


async def test_the_clock_moves_records_over_the_two_year_line() -> None:
    async with sandbox() as (api, box):
        before = len(await ids(api, "customer"))
        box.organisation.clock.advance(3 * 365 * 86_400)
        assert before > 0
        assert await ids(api, "customer") == []


async def test_the_dataset_can_be_read_back_and_served_again(tmp_path: Path) -> None:
    async with sandbox(generate=30) as (api, box):
        box.organisation.put("customers", {"attributes": {"name": "half \ud83d emoji \u0000"}})
        await api.post("/_sandbox/delete", json={"kind": "customers", "id": await first_id(api, "/v1/customers")})
        lines = (await api.get("/_sandbox/dataset")).content
        customers = (await api.get("/v1/customers")).json()["meta"]["total"]
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(lines)
    async with sandbox(dataset=copy) as (api, box):
        assert (await api.get("/v1/customers")).json()["meta"]["total"] == customers
        again = (await api.get("/_sandbox/dataset")).content
        assert sorted(again.split(b"\n")) == sorted(lines.split(b"\n"))


async def test_control_says_what_is_wrong() -> None:
    async with sandbox() as (api, _):
        assert (await api.post("/_sandbox/touch", json={"kind": "customers", "id": "0"})).status_code == 400
        assert (await api.post("/_sandbox/put", json={"kind": "moons", "resource": {}})).status_code == 400
        assert (await api.post("/_sandbox/unknown", json={})).status_code == 404


async def test_switches_of_reads_do_what_they_say() -> None:
    switches = {
        "users": "all",
        "gone_ids": "404",
        "mail_html": "403",
        "attachment_rows": "without_id",
        "archive": "all",
    }
    async with sandbox(generate=60, switches=switches) as (api, box):
        everybody = (await api.get("/v1/users?pageSize=500")).json()["data"]
        assert len(everybody) == len(box.organisation.store.table("users").rows)
        assert (await api.get(f"/v1/users/{everybody[0]['id']},0")).status_code == 404
        assert (await api.get(f"/v1/postmark/messages/{await first_id(api, '/v1/messages')}")).status_code == 403
        file = json.loads(next(iter(box.organisation.store.table("attachments").rows.values())).body)
        message = (await api.get(f"/v1/messages/{file['relationships']['message']['data']['id']}")).json()["data"]
        parent = message["relationships"]["conversation"]["data"]["id"]
        rows = (await api.get(f"/v1/conversations/{parent}/attachments")).json()["data"]
        assert all("id" not in row and row["links"]["self"].startswith("/v1/messages/") for row in rows)
        found = await api.post("/v1/customers/archive/search?pageSize=500", json={"queryContext": "customer"})
        assert found.json()["meta"]["total"] == 60
