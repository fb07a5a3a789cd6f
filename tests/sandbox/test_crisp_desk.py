"""What the Crisp sandbox holds and shows: conversations, messages, people, batches, the workspace."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import mig
from mig_crisp.sandbox import spec
from mig_crisp.sandbox.server import Sandbox

SAMPLE = Path(__file__).parents[1] / "data" / "kustomer-sample.jsonl.gz"


class Desk:
    """Calls the API and gives back what it answered."""

    def __init__(self, http: httpx.AsyncClient, running: mig.RunningSandbox) -> None:
        self.http = http
        self.sandbox: Sandbox = running.control
        self.base = f"{running.environment['CRISP_URL']}/website/{running.environment['CRISP_WEBSITE_ID']}"

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
        answer = await self.http.request(method, self.base + path, json=body)
        told = answer.json()
        return answer.status_code, told["reason"], told["data"]

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path))[2]

    async def session(self, **metas: Any) -> str:
        path = f"/conversation/{(await self.call('POST', '/conversation'))[2]['session_id']}"
        if metas:
            assert await self.call("PATCH", f"{path}/meta", metas) == (200, "updated", {})
        return path

    async def say(self, session: str, content: Any = "hello", **fields: Any) -> int:
        body = {"type": "text", "from": "user", "origin": "chat", "content": content, **fields}
        status, reason, data = await self.call("POST", f"{session}/message", body)
        assert (status, reason) == (202, "dispatched")
        number: int = data["fingerprint"]
        return number

    async def contents(self, session: str, query: str = "") -> list[Any]:
        return [one["content"] for one in await self.get(f"{session}/messages{query}") if one["type"] != "event"]

    async def listed(self, query: str = "") -> list[str]:
        return [f"/conversation/{one['session_id']}" for one in await self.get(f"/conversations/1{query}")]


@asynccontextmanager
async def desk_with(**options: Any) -> AsyncIterator[Desk]:
    async with spec.serve(mig.SandboxOptions(**options)) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            yield Desk(http, running)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with desk_with() as one:
        yield one


# ---- statuses and the envelope -------------------------------------------------------------------------------------


async def test_every_kind_of_answer_has_its_status_and_reason(desk: Desk) -> None:
    session = await desk.session()
    number = await desk.say(session)
    assert (await desk.call("POST", "/conversation", {}))[:2] == (201, "added")
    assert (await desk.call("GET", ""))[:2] == (200, "resolved")
    assert (await desk.call("GET", "/conversations/1"))[:2] == (206, "listed")
    assert (await desk.call("GET", f"{session}/message/{number}"))[:2] == (200, "resolved")
    assert (await desk.call("PATCH", f"{session}/meta", {"nickname": "Ada"}))[:2] == (200, "updated")
    assert (await desk.call("DELETE", session)) == (200, "deleted", {})
    assert (await desk.call("GET", session))[:2] == (404, "session_not_found")


async def test_the_same_story_has_the_same_ids_and_another_seed_has_others() -> None:
    names = []
    for seed in (0, 0, 1):
        async with desk_with(seed=seed) as desk:
            names.append((desk.base.rpartition("/")[2], await desk.session()))
    assert names[0] == names[1]
    assert names[0][0] == names[2][0]
    assert names[0][1] != names[2][1]


# ---- conversations -------------------------------------------------------------------------------------------------


async def test_a_new_conversation_is_pending_empty_and_dated_now(desk: Desk) -> None:
    session = await desk.session()
    one = await desk.get(session)
    assert (one["state"], one["status"], one["assigned"], one["participants"]) == ("pending", 0, {}, [])
    assert one["meta"] == {"nickname": "", "email": "", "data": {}, "segments": []}
    assert one["unread"] == {"operator": 0, "visitor": 0}
    assert abs(one["created_at"] - desk.sandbox.desk.clock.now()) < 5_000
    assert await desk.get(f"{session}/relations") == {"conversations": {"parent": None, "children": []}}
    assert [await desk.get(f"{session}/{word}/1") for word in ("pages", "events", "files")] == [[], [], []]


async def test_a_conversation_shows_once_the_customer_has_spoken(desk: Desk) -> None:
    empty, answered, asked = [await desk.session() for _ in range(3)]
    await desk.say(answered, **{"from": "operator", "stealth": True})
    await desk.say(answered, type="note")
    await desk.say(answered, stealth=True)
    await desk.say(asked)
    assert await desk.listed() == [asked]
    assert sorted(await desk.listed("?include_empty=1")) == sorted([empty, answered, asked])


@pytest.mark.parametrize(
    ("switch", "fields"), [("user_note_visible", {"type": "note"}), ("stealth_user_visible", {"stealth": True})]
)
async def test_what_else_makes_it_show_is_a_switch(switch: str, fields: dict[str, Any]) -> None:
    async with desk_with(switches={switch: "yes"}) as desk:
        session = await desk.session()
        await desk.say(session, **fields)
        assert await desk.listed() == [session]


async def test_metas_are_set_one_by_one_but_data_and_segments_whole(desk: Desk) -> None:
    session = await desk.session(nickname="Ada", data={"a": 1, "b": True, "c-d": "x"}, segments=["vip", "mig"])
    device = {"geolocation": {"city": "Paris", "coordinates": {"latitude": 1.5, "longitude": 2}}, "locales": ["fr"]}
    await desk.call("PATCH", f"{session}/meta", {"data": {"b": False}, "segments": ["mig"], "device": device})
    await desk.call("PATCH", f"{session}/meta", {"origin": "urn:mig:load:0", "subject": "Order"})
    assert await desk.get(f"{session}/meta") == {
        "nickname": "Ada",
        "email": "",
        "data": {"b": False},
        "segments": ["mig"],
        "device": device,
        "origin": "urn:mig:load:0",
        "subject": "Order",
    }


async def test_data_merges_where_the_switch_says_so() -> None:
    async with desk_with(switches={"data_patch": "merge"}) as desk:
        session = await desk.session(data={"a": 1})
        await desk.call("PATCH", f"{session}/meta", {"data": {"b": 2}})
        assert (await desk.get(f"{session}/meta"))["data"] == {"a": 1, "b": 2}


async def test_an_email_binds_the_conversation_to_its_profile_and_makes_one_if_there_is_none(desk: Desk) -> None:
    profile = {"email": "Ada@example.com", "person": {"nickname": "Ada"}}
    known = (await desk.call("POST", "/people/profile", profile))[2]["people_id"]
    first = await desk.session(email="aDa@EXAMPLE.com")
    second = await desk.session(email="bob@example.com")
    assert (await desk.get(first))["people_id"] == known
    made = (await desk.get(second))["people_id"]
    assert (await desk.get(f"/people/profile/{made}"))["person"] == {"nickname": "bob"}
    assert (await desk.call("POST", "/people/profile", {**profile, "email": "bob@example.com"}))[0] == 409
    assert await desk.get(f"/people/conversations/{known}/list/1") == [first.rpartition("/")[2]]
    assert await desk.get("/people/stats") == {"total": 2}


@pytest.mark.parametrize(("bind", "bound", "total"), [("existing", [True, False], 1), ("no", [False, False], 1)])
async def test_binding_is_a_switch(bind: str, bound: list[bool], total: int) -> None:
    async with desk_with(switches={"bind": bind}) as desk:
        await desk.call("POST", "/people/profile", {"email": "ada@example.com", "person": {"nickname": "Ada"}})
        sessions = [await desk.session(email=email) for email in ("ada@example.com", "bob@example.com")]
        assert ["people_id" in await desk.get(one) for one in sessions] == bound
        assert await desk.get("/people/stats") == {"total": total}


async def test_a_change_of_state_or_block_leaves_an_event_and_no_change_leaves_none(desk: Desk) -> None:
    session = await desk.session()
    await desk.call("PATCH", f"{session}/state", {"state": "pending"})
    assert await desk.get(f"{session}/messages") == []
    await desk.call("PATCH", f"{session}/state", {"state": "resolved", "user": {"nickname": "Mig"}})
    await desk.call("PATCH", f"{session}/block", {"blocked": True})
    events = await desk.get(f"{session}/messages")
    assert [(one["type"], one["content"]["namespace"]) for one in events] == [
        ("event", "state:resolved"),
        ("event", "user:blocked"),
    ]
    assert events[0]["user"] == {"nickname": "Mig"}
    assert (await desk.get(session))["is_blocked"] is True
    assert await desk.get(f"{session}/state") == {"state": "resolved"}


async def test_a_message_of_the_customer_undoes_the_state(desk: Desk) -> None:
    session = await desk.session()
    await desk.say(session, **{"from": "operator", "stealth": True})
    assert (await desk.get(session))["state"] == "pending"
    await desk.call("PATCH", f"{session}/state", {"state": "resolved"})
    await desk.say(session)
    assert (await desk.get(session))["status"] == 1


async def test_any_message_reopens_where_the_switch_says_so() -> None:
    async with desk_with(switches={"reopen": "any"}) as desk:
        session = await desk.session()
        await desk.say(session, type="note")
        assert (await desk.get(session))["state"] == "pending"
        await desk.say(session, **{"from": "operator", "stealth": True})
        assert (await desk.get(session))["state"] == "unresolved"


async def test_routing_inbox_open_verify_and_participants_are_kept() -> None:
    async with desk_with(operators=SAMPLE) as desk:
        user_id = (await desk.get("/operators/list"))[0]["details"]["user_id"]
        inbox_id = (await desk.get("/inboxes/list/1"))[1]["inbox_id"]
        session = await desk.session()
        people = [{"type": "email", "target": "cc@example.com"}]
        await desk.call("PATCH", f"{session}/routing", {"assigned": {"user_id": user_id}, "silent": True})
        await desk.call("PATCH", f"{session}/inbox", {"inbox_id": inbox_id})
        await desk.call("PATCH", f"{session}/open", {"opened": True})
        await desk.call("PATCH", f"{session}/verify", {"verified": True})
        await desk.call("PUT", f"{session}/participants", {"participants": people})
        one = await desk.get(session)
        assert (one["assigned"], one["inbox_id"], one["is_verified"]) == ({"user_id": user_id}, inbox_id, True)
        assert await desk.get(f"{session}/participants") == {"participants": people}
        assert await desk.get(f"{session}/routing") == {"assigned": {"user_id": user_id}}
        await desk.call("PATCH", f"{session}/routing", {"assigned": None})
        await desk.call("PATCH", f"{session}/inbox", {"inbox_id": None})
        assert await desk.get(f"{session}/routing") == {"assigned": None}
        assert "inbox_id" not in await desk.get(session)


async def test_read_marks_touch_one_side_all_of_it_or_what_is_named(desk: Desk) -> None:
    session = await desk.session()
    first, second = [await desk.say(session) for _ in range(2)]
    answer = await desk.say(session, **{"from": "operator", "stealth": True})
    await desk.call("PATCH", f"{session}/read", {"from": "user", "origin": "email", "fingerprints": [second]})
    assert [one["read"] for one in await desk.get(f"{session}/messages")] == ["", "email", ""]
    await desk.call("PATCH", f"{session}/read", {"from": "user", "origin": "chat"})
    assert (await desk.get(session))["unread"] == {"operator": 0, "visitor": 1}
    await desk.call("PATCH", f"{session}/unread", {"from": "user"})
    assert (await desk.get(session))["unread"] == {"operator": 2, "visitor": 1}
    await desk.call(
        "PATCH", f"{session}/delivered", {"from": "operator", "origin": "chat", "fingerprints": [answer, first]}
    )
    assert [one["delivered"] for one in await desk.get(f"{session}/messages")] == ["", "", "chat"]


async def test_the_list_is_filtered_ordered_and_searched(desk: Desk) -> None:
    ada = await desk.session(nickname="Ada", segments=["mig", "vip"], data={"tier": "gold"})
    bob = await desk.session(nickname="Bob", segments=["mig"])
    for session in (ada, bob):
        await desk.say(session, f"from {session}")
    await desk.call("PATCH", f"{ada}/state", {"state": "resolved"})
    await desk.call("PATCH", f"{bob}/read", {"from": "user", "origin": "chat"})
    owner = (await desk.get("/operators/list"))[0]["details"]["user_id"]
    await desk.call("PATCH", f"{bob}/routing", {"assigned": {"user_id": owner}, "silent": True})

    def by(criterion: str, operator: str, *query: Any) -> str:
        return json.dumps([{"model": "session", "criterion": criterion, "operator": operator, "query": query}])

    expected = {
        "?filter_resolved=1": [ada],
        "?filter_not_resolved=1": [bob],
        "?filter_unread=1": [ada],
        "?filter_mention=1": [],
        "?filter_unassigned=1": [ada],
        f"?filter_assigned={owner}": [bob],
        "?filter_date_end=2020-01-01": [],
        "?filter_date_start=2020-01-01T00:00:00%2B02:00&search_type=segment&search_query=vip": [ada],
        "?search_type=text&search_query=ADA": [ada],
        f"?search_type=text&search_query=from {bob}": [bob],
        f"?search_type=filter&search_query={quote(by('data.tier', 'eq', 'gold'))}": [ada],
        f"?search_type=filter&search_query={quote(by('nickname', 'neq', 'ada'))}": [bob],
        f"?search_type=filter&search_query={quote(by('created_at', 'gt', 1))}&filter_resolved=1": [ada],
    }
    assert {query: await desk.listed(query) for query in expected} == expected
    assert sorted(await desk.listed("?order_date_created=1&per_page=50")) == sorted([ada, bob])
    assert await desk.get("/conversations/2") == []


async def test_lists_have_pages_of_the_size_asked_for(desk: Desk) -> None:
    for _ in range(25):
        await desk.session()
    sizes = [len(await desk.get(f"/conversations/{page}?include_empty=1&per_page=20")) for page in (1, 2, 3)]
    pages = [await desk.get(f"/conversations/{page}?include_empty=1&order_date_created=1") for page in (1, 2)]
    assert sizes == [20, 5, 0]
    assert len({one["session_id"] for page in pages for one in page}) == 25


async def test_suggestions_count_what_is_used_and_outlive_it_until_deleted(desk: Desk) -> None:
    first, second = await desk.session(segments=["mig", "vip"], data={"tier": 1}), await desk.session(segments=["mig"])
    assert await desk.get("/conversations/suggest/segments/1") == [
        {"segment": "mig", "count": 2},
        {"segment": "vip", "count": 1},
    ]
    for session in (first, second):
        await desk.call("DELETE", session)
    assert await desk.get("/conversations/suggest/data/1") == [{"key": "tier", "count": 0}]
    assert (await desk.call("DELETE", "/conversations/suggest/segment", {"segment": "mig"}))[:2] == (200, "deleted")
    assert await desk.get("/conversations/suggest/segments/1") == [{"segment": "vip", "count": 0}]


# ---- messages ------------------------------------------------------------------------------------------------------


async def test_a_message_is_kept_as_it_was_sent(desk: Desk) -> None:
    session = await desk.session(nickname="Ada")
    sent = {
        "type": "text",
        "from": "operator",
        "origin": "urn:mig:load:0",
        "content": "**hi**",
        "fingerprint": 2**53 - 1,
        "timestamp": 1_500_000_000_000,
        "user": {"type": "website", "nickname": "Olive", "avatar": "http://a.b/c.png"},
        "references": [{"type": "link", "name": "a", "target": "http://a.b"}],
        "properties": {"source": "kustomer:o", "part": 1, "last": True},
        "translated": True,
        "automated": True,
    }
    original = {"type": "text/html", "content": "<b>hi</b>", "headers": {"subject": "x"}}
    body = {**sent, "stealth": True, "original": original}
    assert await desk.call("POST", f"{session}/message", body) == (202, "dispatched", {"fingerprint": 2**53 - 1})
    kept = await desk.get(f"{session}/message/{2**53 - 1}")
    name = kept["original"]["original_id"]
    assert {key: kept[key] for key in sent} == sent
    assert {key: kept[key] for key in ("read", "delivered", "edited", "mentions", "preview")} == {
        "read": "",
        "delivered": "",
        "edited": False,
        "mentions": [],
        "preview": [],
    }
    assert "stealth" not in kept
    assert await desk.get(f"{session}/original/{name}") == {
        "original_id": name,
        **original,
        "timestamp": 1_500_000_000_000,
    }


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("note", "x" * 10_000),
        ("file", {"name": "a.png", "url": "https://a.b/c.png", "type": "image/png"}),
        ("animation", {"url": "https://a.b/c.gif", "type": "image/gif"}),
        ("audio", {"url": "https://a.b/c.mp3", "type": "audio/mpeg", "duration": 3.5}),
        ("picker", {"id": "p", "text": "which?", "choices": [{"value": "1", "label": "one"}]}),
        ("field", {"id": "f", "text": "name?"}),
        ("carousel", {"text": "look", "targets": []}),
        ("event", {"namespace": "mig:began", "text": "began"}),
    ],
)
async def test_every_type_of_message_is_taken(desk: Desk, kind: str, content: Any) -> None:
    session = await desk.session()
    number = await desk.say(session, content, type=kind)
    assert (await desk.get(f"{session}/message/{number}"))["content"] == content
    assert len(await desk.get(f"{session}/files/1")) == (kind in ("file", "animation", "audio"))


async def test_messages_stand_by_their_time_and_inside_a_millisecond_by_arrival(desk: Desk) -> None:
    session = await desk.session()
    for content, stamp in (("c", 30), ("a", 10), ("b1", 20), ("b2", 20), ("d", 40), ("b3", 20)):
        await desk.say(session, content, timestamp=stamp)
    assert await desk.contents(session) == ["a", "b1", "b2", "b3", "c", "d"]


async def test_pages_of_messages_are_the_latest_before_a_mark_and_ascend(desk: Desk) -> None:
    session = await desk.session()
    for number in range(1, 101):
        await desk.say(session, str(number), timestamp=number * 10)
    numbers = [str(number) for number in range(1, 101)]
    assert await desk.contents(session) == numbers[60:]
    assert await desk.contents(session, "?timestamp_before=610") == numbers[20:60]
    assert await desk.contents(session, "?timestamp_before=210") == numbers[:20]
    assert await desk.contents(session, "?timestamp_before=10") == []
    assert await desk.contents(session, "?timestamp_after=990") == ["100"]
    assert await desk.contents(session, "?timestamp_after=0") == numbers[:40]
    assert await desk.contents(session, "?timestamp_around=500") == numbers[29:69]
    assert (await desk.call("GET", f"{session}/messages"))[0] == 206


async def test_whether_the_mark_is_included_and_how_long_a_page_is_are_switches() -> None:
    async with desk_with(switches={"mark_included": "yes", "message_page": "2"}) as desk:
        session = await desk.session()
        for number in (1, 2, 3):
            await desk.say(session, str(number), timestamp=number)
        assert await desk.contents(session) == ["2", "3"]
        assert await desk.contents(session, "?timestamp_before=2") == ["1", "2"]
        assert await desk.contents(session, "?timestamp_after=2") == ["2", "3"]


@pytest.mark.parametrize(
    ("repeat", "status", "stored"),
    [("accept", 202, ["one", "two"]), ("ignore", 202, ["one"]), ("conflict", 409, ["one"])],
)
async def test_what_a_second_message_with_one_fingerprint_does_is_a_switch(
    repeat: str, status: int, stored: list[str]
) -> None:
    async with desk_with(switches={"repeat": repeat}) as desk:
        session, other = await desk.session(), await desk.session()
        await desk.say(session, "one", fingerprint=7)
        body = {"type": "text", "from": "user", "origin": "chat", "content": "two", "fingerprint": 7}
        assert (await desk.call("POST", f"{session}/message", body))[0] == status
        assert await desk.contents(session) == stored
        assert (await desk.get(f"{session}/message/7"))["content"] == "one"
        assert await desk.say(other, "elsewhere", fingerprint=7) == 7


async def test_by_default_a_repeated_message_is_there_twice(desk: Desk) -> None:
    session = await desk.session()
    for _ in range(2):
        await desk.say(session, "once?", fingerprint=7)
    assert await desk.contents(session) == ["once?", "once?"]
    await desk.call("DELETE", f"{session}/message/7")
    assert await desk.contents(session) == ["once?"]
    assert (await desk.call("GET", f"{session}/message/7"))[0] == 200


async def test_a_message_is_edited_only_where_the_conversation_began_in_the_chatbox(desk: Desk) -> None:
    chat, email = await desk.session(origin="chat"), await desk.session(origin="email")
    for session in (chat, email):
        await desk.say(session, "old", fingerprint=7)
    assert (await desk.call("PATCH", f"{chat}/message/7", {"content": "new"}))[:2] == (200, "updated")
    assert (await desk.call("PATCH", f"{chat}/message/7", {"content": ""}))[:2] == (400, "invalid_data")
    assert (await desk.call("PATCH", f"{email}/message/7", {"content": "new"}))[:2] == (403, "not_allowed")
    kept = await desk.get(f"{chat}/message/7")
    assert (kept["content"], kept["edited"]) == ("new", True)


# ---- people --------------------------------------------------------------------------------------------------------


async def test_a_profile_is_found_by_id_and_by_email_whatever_its_case(desk: Desk) -> None:
    body = {
        "email": "Ada+x@Example.com",
        "person": {"nickname": "Ada", "phone": "+33123456789", "profiles": [{"type": "x", "handle": "ada"}]},
        "company": {"name": "Engines", "metrics": {"employees": 3}},
        "segments": ["vip"],
        "notepad": "line\nline",
        "active": 1_600_000_000_000,
    }
    status, reason, data = await desk.call("POST", "/people/profile", body)
    assert (status, reason) == (201, "added")
    by_id = await desk.get(f"/people/profile/{data['people_id']}")
    by_email = await desk.get(f"/people/profile/{quote('ada+X@example.com', safe='')}")
    assert by_id == by_email
    assert {key: by_id[key] for key in body} == body
    assert abs(by_id["created_at"] - desk.sandbox.desk.clock.now()) < 5_000


async def test_put_overwrites_a_profile_and_patch_saves_the_fields_sent(desk: Desk) -> None:
    person = {"nickname": "Ada", "phone": "1"}
    made = await desk.call("POST", "/people/profile", {"email": "a@b.c", "person": person, "segments": ["vip"]})
    path = f"/people/profile/{made[2]['people_id']}"
    await desk.call("PATCH", "/people/profile/A@B.C", {"notepad": "n", "person": {"phone": "2"}})
    patched = await desk.get(path)
    assert (patched["person"], patched["notepad"], patched["segments"]) == (
        {"nickname": "Ada", "phone": "2"},
        "n",
        ["vip"],
    )
    await desk.call("PUT", path, {"email": "new@b.c", "person": {"nickname": "A"}})
    put = await desk.get("/people/profile/new@b.c")
    assert (put["person"], put["segments"], "notepad" in put) == ({"nickname": "A"}, [], False)
    assert put["created_at"] == patched["created_at"]
    assert (await desk.call("GET", "/people/profile/a@b.c"))[0] == 404
    await desk.call("POST", "/people/profile", {"email": "other@b.c", "person": person})
    assert (await desk.call("PATCH", path, {"email": "OTHER@b.c"}))[:2] == (409, "people_exists")


async def test_people_data_is_replaced_by_put_and_merged_by_patch(desk: Desk) -> None:
    made = await desk.call("POST", "/people/profile", {"email": "a@b.c", "person": {"nickname": "Ada"}})
    path = f"/people/data/{made[2]['people_id']}"
    await desk.call("PUT", path, {"data": {"a": 1, "b": "x"}})
    await desk.call("PATCH", path, {"data": {"b": False}})
    assert await desk.get(path) == {"data": {"a": 1, "b": False}}
    await desk.call("PUT", path, {"data": {"c": 2.5}})
    assert await desk.get(path) == {"data": {"c": 2.5}}
    assert await desk.get("/people/suggest/data/1") == [
        {"key": "c", "count": 1},
        {"key": "a", "count": 0},
        {"key": "b", "count": 0},
    ]


async def test_a_deleted_profile_leaves_its_conversations_unbound_and_its_email_free(desk: Desk) -> None:
    session = await desk.session(email="ada@example.com")
    people_id = (await desk.get(session))["people_id"]
    assert await desk.call("DELETE", f"/people/profile/{people_id}") == (200, "deleted", {})
    assert "people_id" not in await desk.get(session)
    again = await desk.call("POST", "/people/profile", {"email": "ada@example.com", "person": {"nickname": "A"}})
    assert again[0] == 201


async def test_people_are_listed_sorted_and_searched(desk: Desk) -> None:
    for name, active in (("ada", 3), ("bob", 1), ("cyd", 2)):
        body = {"email": f"{name}@example.com", "person": {"nickname": name.title()}, "active": active}
        await desk.call("POST", "/people/profile", {**body, "segments": ["vip"] if name == "bob" else []})

    async def names(query: str) -> list[str]:
        return [one["person"]["nickname"] for one in await desk.get(f"/people/profiles/1?{query}")]

    def by(criterion: str, operator: str, *query: Any) -> dict[str, Any]:
        return {"model": "people", "criterion": criterion, "operator": operator, "query": list(query)}

    email, segment = by("email", "eq", "ADA@example.com"), by("segments", "eq", "vip")
    assert await names("sort_field=active&sort_order=ascending") == ["Bob", "Cyd", "Ada"]
    assert await names("sort_field=email&sort_order=descending") == ["Cyd", "Bob", "Ada"]
    assert await names(f"search_filter={quote(json.dumps([email]))}") == ["Ada"]
    assert await names(f"search_filter={quote(json.dumps([email, segment]))}") == []
    both = quote(json.dumps([email, segment]))
    assert sorted(await names(f"search_operator=or&search_filter={both}")) == ["Ada", "Bob"]
    assert await names(f"search_filter={quote(json.dumps([by('active', 'gte', 3)]))}") == ["Ada"]
    assert sorted(await names("search_text=example")) == ["Ada", "Bob", "Cyd"]
    assert await names("filter_date_end=2020-01-01") == []


async def test_events_and_subscription_of_a_profile(desk: Desk) -> None:
    made = await desk.call("POST", "/people/profile", {"email": "a@b.c", "person": {"nickname": "Ada"}})
    people_id = made[2]["people_id"]
    for text in ("first", "second"):
        await desk.call("POST", f"/people/events/{people_id}", {"text": text, "data": {"n": 1}, "color": "grey"})
    events = await desk.get(f"/people/events/{people_id}/list/1")
    assert [(one["text"], one["color"]) for one in events] == [("second", "grey"), ("first", "grey")]
    assert await desk.get(f"/people/subscription/{people_id}") == {"email": True}
    await desk.call("PATCH", f"/people/subscription/{people_id}", {"email": False})
    assert await desk.get(f"/people/subscription/{people_id}") == {"email": False}


# ---- batches, when allowed -----------------------------------------------------------------------------------------


async def test_an_empty_batch_really_means_everything() -> None:
    async with desk_with(switches={"batches": "allow"}) as desk:
        first, second = await desk.session(), await desk.session()
        await desk.say(first)
        await desk.call("PATCH", "/batch/read", {"sessions": [first.rpartition("/")[2]]})
        assert (await desk.get(first))["unread"]["operator"] == 0
        await desk.call("PATCH", "/batch/resolve", {"sessions": []})
        assert [(await desk.get(one))["state"] for one in (first, second)] == ["resolved", "resolved"]
        names = {"sessions": [first.rpartition("/")[2]]}
        await desk.call("PATCH", "/batch/segments", {**names, "segments": ["mig"]})
        await desk.call("PATCH", "/batch/data", {**names, "data": {"a": 1}})
        assert [(await desk.get(one))["meta"]["segments"] for one in (first, second)] == [["mig"], []]
        assert (await desk.call("PATCH", "/batch/resolve", {"sessions": ["x"] * 51}))[0] == 400
        await desk.call("PATCH", "/batch/remove", names)
        assert await desk.listed("?include_empty=1") == [second]
        await desk.call("PATCH", "/batch/remove", {})
        assert await desk.listed("?include_empty=1") == []


async def test_batches_about_people() -> None:
    async with desk_with(switches={"batches": "allow"}) as desk:
        ids = []
        for name in ("ada", "bob"):
            made = await desk.call("POST", "/people/profile", {"email": f"{name}@b.c", "person": {"nickname": name}})
            ids.append(made[2]["people_id"])
        await desk.call("PATCH", "/batch/data", {"people": {"profiles": ids[:1]}, "data": {"a": 1}})
        await desk.call("PATCH", "/batch/segments", {"people": {"profiles": ids[1:]}, "segments": ["vip"]})
        assert [(await desk.get(f"/people/data/{one}"))["data"] for one in ids] == [{"a": 1}, {}]
        email = {"model": "people", "criterion": "email", "operator": "eq", "query": ["bob@b.c"]}
        await desk.call("PATCH", "/batch/remove", {"people": {"search": {"filter": [email]}}})
        assert await desk.get("/people/stats") == {"total": 1}


# ---- the workspace -------------------------------------------------------------------------------------------------


async def test_a_workspace_has_an_owner_a_plan_and_quiet_settings(desk: Desk) -> None:
    owner = (await desk.get("/operators/list"))[0]
    assert (owner["type"], owner["details"]["role"], owner["details"]["email"]) == (
        "operator",
        "owner",
        "owner@sandbox.example",
    )
    settings = await desk.get("/settings")
    assert (settings["emails"]["rating"], settings["emails"]["transcript"]) == (False, False)
    await desk.call("PATCH", "/settings", {"emails": {"transcript": True}})
    assert (await desk.get("/settings"))["emails"] == {**settings["emails"], "transcript": True}
    base, _, website_id = desk.base.rpartition("/")
    plan = await desk.http.get(f"{base.removesuffix('/website')}/plans/subscription/{website_id}")
    assert plan.json()["data"] == {"id": "plan-plus", "name": "plus", "trialing": False, "active": True}


async def test_the_people_and_every_second_queue_of_a_dataset_are_there_but_three(desk: Desk) -> None:
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    people = [one["resource"] for one in found if one["kind"] == "users"]
    people = [one for one in people if one["attributes"]["userType"] == "user"]
    people = sorted((one for one in people if not one["attributes"].get("deletedAt")), key=lambda one: one["id"])
    queues = sorted((one["resource"] for one in found if one["kind"] == "queues"), key=lambda one: one["id"])
    async with desk_with(operators=SAMPLE) as full:
        operators = [one["details"] for one in await full.get("/operators/list")]
        inboxes = await full.get("/inboxes/list/1")
    emails = [one["email"] for one in operators if one["role"] == "member"]
    assert emails == [one["attributes"]["email"] for one in people[:-3]]
    assert [one["name"] for one in inboxes] == [one["attributes"]["displayName"] for one in queues[::2]]


async def test_operators_may_be_a_plain_list(tmp_path: Path) -> None:
    path = tmp_path / "operators.json"
    path.write_text('[{"email": "Eve@x.y", "first_name": "Eve", "role": "owner"}]')
    async with desk_with(operators=path) as desk:
        details = [one["details"] for one in await desk.get("/operators/list")]
    assert [(one["email"], one["first_name"], one["last_name"]) for one in details] == [("Eve@x.y", "Eve", "")]
    for wrong in ("[{}]", "{", '{"kind": "users"}'):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=r"operators\.json"):
            Sandbox(mig.SandboxOptions(operators=path))
