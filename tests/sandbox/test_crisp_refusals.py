"""One line for everything the Crisp API page says is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import mig
from mig_crisp.sandbox import SWITCHES, spec
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.server import Sandbox

SESSION = "/conversation/{session}"
MESSAGE = f"{SESSION}/message"
META = f"{SESSION}/meta"
PROFILE = "/people/profile"
NOBODY = "0b0c0d0e-0000-4000-8000-000000000000"


class Desk:
    """One conversation and one profile, and a way to call the API about them."""

    def __init__(self, http: httpx.AsyncClient, running: mig.RunningSandbox) -> None:
        self.http = http
        self.sandbox: Sandbox = running.control
        self.env = running.environment
        self.base = f"{running.environment['CRISP_URL']}/website/{running.environment['CRISP_WEBSITE_ID']}"
        self.names: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None, **extra: Any) -> httpx.Response:
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", value)
        if body is not None:
            extra["json"] = body
        base = self.env["CRISP_URL"] if path.startswith("root:") else self.base
        return await self.http.request(method, base + path.removeprefix("root:"), **extra)


@asynccontextmanager
async def desk_with(**options: Any) -> AsyncIterator[Desk]:
    async with spec.serve(mig.SandboxOptions(**options)) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            desk = Desk(http, running)
            desk.names["session"] = (await desk.call("POST", "/conversation")).json()["data"]["session_id"]
            person = {"email": "Ada@example.com", "person": {"nickname": "Ada"}}
            desk.names["people"] = (await desk.call("POST", PROFILE, person)).json()["data"]["people_id"]
            yield desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with desk_with() as one:
        yield one


def text(content: Any = "hello", **fields: Any) -> dict[str, Any]:
    return {"type": "text", "from": "user", "origin": "chat", "content": content, **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in text().items() if key != name}


def person(**fields: Any) -> dict[str, Any]:
    return {"email": "new@example.com", "person": {"nickname": "New"}, **fields}


# id, method, path, body, and what the explanation says
INVALID: list[tuple[str, str, str, Any, str]] = [
    ("create with a field", "POST", "/conversation", {"session_id": "mine"}, "additional properties"),
    ("meta unknown", "PATCH", META, {"nick": "x"}, "additional properties: 'nick'"),
    ("meta nickname not text", "PATCH", META, {"nickname": 7}, "data.nickname should be string"),
    ("meta null", "PATCH", META, {"phone": None}, "data.phone should be string"),
    ("meta e-mail without @", "PATCH", META, {"email": "ada"}, "email"),
    ("meta e-mail with two @", "PATCH", META, {"email": "a@b@c"}, "email"),
    ("meta e-mail without name", "PATCH", META, {"email": "@b"}, "email"),
    ("meta e-mail without domain", "PATCH", META, {"email": "a@"}, "email"),
    ("meta e-mail with its only @ quoted", "PATCH", META, {"email": '"a@b"'}, "email"),
    ("meta e-mail empty", "PATCH", META, {"email": ""}, "email"),
    ("meta origin unknown", "PATCH", META, {"origin": "fax"}, "data.origin"),
    ("meta origin bare urn", "PATCH", META, {"origin": "urn:"}, "data.origin"),
    ("data key with dot", "PATCH", META, {"data": {"a.b": 1}}, "key 'a.b'"),
    ("data key with space", "PATCH", META, {"data": {"a b": 1}}, "key 'a b'"),
    ("data key with capital", "PATCH", META, {"data": {"aB": 1}}, "key 'aB'"),
    ("data key with accent", "PATCH", META, {"data": {"é": 1}}, "key 'é'"),
    ("data key empty", "PATCH", META, {"data": {"": 1}}, "shorter"),
    ("data key too long", "PATCH", META, {"data": {"k" * 65: 1}}, "longer than 64"),
    ("data nested object", "PATCH", META, {"data": {"a": {"b": 1}}}, "string, number or boolean"),
    ("data nested list", "PATCH", META, {"data": {"a": [1]}}, "string, number or boolean"),
    ("data null", "PATCH", META, {"data": {"a": None}}, "string, number or boolean"),
    ("data value too long", "PATCH", META, {"data": {"a": "x" * 1001}}, "longer than 1000"),
    ("data a list", "PATCH", META, {"data": []}, "data.data should be object"),
    ("segment empty", "PATCH", META, {"segments": ["vip", ""]}, "data.segments[1]"),
    ("segment blank", "PATCH", META, {"segments": ["  "]}, "data.segments[0]"),
    ("segment not text", "PATCH", META, {"segments": [1]}, "data.segments[0]"),
    ("segments not a list", "PATCH", META, {"segments": "vip"}, "should be array"),
    ("device unknown", "PATCH", META, {"device": {"screen": 1}}, "additional properties"),
    ("device place unknown", "PATCH", META, {"device": {"geolocation": {"zip": "1"}}}, "additional properties"),
    (
        "device coordinates halved",
        "PATCH",
        META,
        {"device": {"geolocation": {"coordinates": {"latitude": 1}}}},
        "'.longitude'",
    ),
    ("meta not an object", "PATCH", META, ["x"], "data should be object"),
    ("state unknown", "PATCH", f"{SESSION}/state", {"state": "snoozed"}, "pending, unresolved, resolved"),
    ("state missing", "PATCH", f"{SESSION}/state", {}, "'.state'"),
    ("state with more", "PATCH", f"{SESSION}/state", {"state": "pending", "status": 0}, "additional properties"),
    ("routing without assigned", "PATCH", f"{SESSION}/routing", {"silent": True}, "'.assigned'"),
    ("routing to a bare id", "PATCH", f"{SESSION}/routing", {"assigned": "x"}, "data.assigned should be object"),
    ("routing to nobody known", "PATCH", f"{SESSION}/routing", {"assigned": {"user_id": NOBODY}}, "no operator"),
    ("routing silent not boolean", "PATCH", f"{SESSION}/routing", {"assigned": None, "silent": 1}, "boolean"),
    ("inbox missing", "PATCH", f"{SESSION}/inbox", {}, "'.inbox_id'"),
    ("inbox unknown", "PATCH", f"{SESSION}/inbox", {"inbox_id": NOBODY}, "no inbox"),
    ("open missing", "PATCH", f"{SESSION}/open", {}, "'.opened'"),
    ("block not boolean", "PATCH", f"{SESSION}/block", {"blocked": "yes"}, "boolean"),
    ("verify missing", "PATCH", f"{SESSION}/verify", {}, "'.verified'"),
    ("participants missing", "PUT", f"{SESSION}/participants", {}, "'.participants'"),
    (
        "participant type unknown",
        "PUT",
        f"{SESSION}/participants",
        {"participants": [{"type": "sms", "target": "a@b"}]},
        "allowed values: email",
    ),
    (
        "participant e-mail invalid",
        "PUT",
        f"{SESSION}/participants",
        {"participants": [{"type": "email", "target": "ab"}]},
        "email",
    ),
    ("read without from", "PATCH", f"{SESSION}/read", {"origin": "chat"}, "'.from'"),
    ("read without origin", "PATCH", f"{SESSION}/read", {"from": "user"}, "'.origin'"),
    ("read from unknown", "PATCH", f"{SESSION}/read", {"from": "team", "origin": "chat"}, "user, operator"),
    (
        "read fingerprint not a number",
        "PATCH",
        f"{SESSION}/read",
        {"from": "user", "origin": "chat", "fingerprints": ["1"]},
        "integer",
    ),
    ("unread from operator", "PATCH", f"{SESSION}/unread", {"from": "operator"}, "allowed values: user"),
    (
        "delivered from user",
        "PATCH",
        f"{SESSION}/delivered",
        {"from": "user", "origin": "chat", "fingerprints": [1]},
        "allowed values: operator",
    ),
    (
        "delivered without fingerprints",
        "PATCH",
        f"{SESSION}/delivered",
        {"from": "operator", "origin": "chat"},
        "'.fingerprints'",
    ),
    ("suggestion without segment", "DELETE", "/conversations/suggest/segment", {}, "'.segment'"),
    ("suggestion without key", "DELETE", "/conversations/suggest/data", {}, "'.key'"),
    *((f"message without {name}", "POST", MESSAGE, without(name), f"'.{name}'") for name in text()),
    ("message unknown field", "POST", MESSAGE, text(sender="me"), "additional properties: 'sender'"),
    ("message type unknown", "POST", MESSAGE, text(type="html"), "data.type should be equal"),
    ("message type of old", "POST", MESSAGE, text(type="picture"), "data.type should be equal"),
    ("message from unknown", "POST", MESSAGE, {**text(), "from": "bot"}, "user, operator"),
    ("message origin unknown", "POST", MESSAGE, text(origin="sms"), "data.origin"),
    ("message empty", "POST", MESSAGE, text(""), "data.content should NOT be empty"),
    ("message blank", "POST", MESSAGE, text(" \n\t"), "data.content should NOT be empty"),
    ("message too long", "POST", MESSAGE, text("x" * 10_001), "longer than 10000"),
    ("message text not text", "POST", MESSAGE, text({"text": "x"}), "data.content should be string"),
    ("message null", "POST", MESSAGE, text(None), "data.content"),
    ("note empty", "POST", MESSAGE, text("", type="note"), "data.content should NOT be empty"),
    ("file as text", "POST", MESSAGE, text("a.png", type="file"), "data.content should be object"),
    ("file without url", "POST", MESSAGE, text({"name": "a", "type": "image/png"}, type="file"), "'.url'"),
    (
        "file url relative",
        "POST",
        MESSAGE,
        text({"name": "a", "type": "t", "url": "/a.png"}, type="file"),
        "data.content.url",
    ),
    ("audio without duration", "POST", MESSAGE, text({"type": "t", "url": "http://a.b"}, type="audio"), "'.duration'"),
    ("animation without type", "POST", MESSAGE, text({"url": "http://a.b"}, type="animation"), "'.type'"),
    ("picker without choices", "POST", MESSAGE, text({"id": "a", "text": "b"}, type="picker"), "'.choices'"),
    ("event without namespace", "POST", MESSAGE, text({"text": "b"}, type="event"), "'.namespace'"),
    ("fingerprint as text", "POST", MESSAGE, text(fingerprint="1"), "data.fingerprint should be integer"),
    ("fingerprint zero", "POST", MESSAGE, text(fingerprint=0), "data.fingerprint should be >= 1"),
    ("fingerprint beyond 53 bits", "POST", MESSAGE, text(fingerprint=2**53), "data.fingerprint"),
    ("timestamp as text", "POST", MESSAGE, text(timestamp="2024-01-01"), "data.timestamp should be integer"),
    ("timestamp with fraction", "POST", MESSAGE, text(timestamp=1.5), "data.timestamp should be integer"),
    ("timestamp negative", "POST", MESSAGE, text(timestamp=-1), "data.timestamp"),
    ("stealth not boolean", "POST", MESSAGE, text(stealth="true"), "data.stealth should be boolean"),
    ("user type unknown", "POST", MESSAGE, text(user={"type": "operator"}), "website, participant"),
    ("user field unknown", "POST", MESSAGE, text(user={"email": "a@b"}), "additional properties"),
    ("user avatar null", "POST", MESSAGE, text(user={"avatar": None}), "data.user.avatar should be string"),
    ("original without content", "POST", MESSAGE, text(original={"type": "text/html"}), "'.content'"),
    (
        "reference of unknown type",
        "POST",
        MESSAGE,
        text(references=[{"type": "file", "name": "a", "target": "b"}]),
        "allowed values: link",
    ),
    ("mentions not a list", "POST", MESSAGE, text(mentions="x"), "array"),
    ("properties nested", "POST", MESSAGE, text(properties={"a": {}}), "string, number or boolean"),
    ("properties null", "POST", MESSAGE, text(properties={"a": None}), "string, number or boolean"),
    ("automated not boolean", "POST", MESSAGE, text(automated=0), "data.automated should be boolean"),
    ("profile without e-mail", "POST", PROFILE, {"person": {"nickname": "A"}}, "'.email'"),
    ("profile without person", "POST", PROFILE, {"email": "a@b.c"}, "'.person'"),
    ("profile without nickname", "POST", PROFILE, {"email": "a@b.c", "person": {}}, "'.nickname'"),
    ("profile nickname blank", "POST", PROFILE, person(person={"nickname": " "}), "data.person.nickname"),
    ("profile e-mail invalid", "POST", PROFILE, person(email="nobody"), "email"),
    ("profile unknown field", "POST", PROFILE, person(name="x"), "additional properties"),
    ("profile created_at", "POST", PROFILE, person(created_at=1), "additional properties: 'created_at'"),
    ("profile data inside", "POST", PROFILE, person(data={}), "additional properties: 'data'"),
    ("profile segment empty", "POST", PROFILE, person(segments=[""]), "data.segments[0]"),
    ("profile notepad too long", "POST", PROFILE, person(notepad="x" * 10_001), "longer than 10000"),
    ("profile active as text", "POST", PROFILE, person(active="2024"), "data.active should be integer"),
    ("person unknown field", "POST", PROFILE, person(person={"nickname": "a", "age": 3}), "additional properties"),
    (
        "person timezone as text",
        "POST",
        PROFILE,
        person(person={"nickname": "a", "timezone": "UTC"}),
        "data.person.timezone",
    ),
    ("company unknown field", "POST", PROFILE, person(company={"size": 3}), "additional properties"),
    ("company metrics as text", "POST", PROFILE, person(company={"metrics": {"arr": "1"}}), "number"),
    ("profile saved without e-mail", "PUT", f"{PROFILE}/{{people}}", {"person": {"nickname": "A"}}, "'.email'"),
    ("profile saved without person", "PUT", f"{PROFILE}/{{people}}", {"email": "a@b.c"}, "'.person'"),
    ("profile updated with unknown", "PATCH", f"{PROFILE}/{{people}}", {"score": 1}, "additional properties"),
    ("people data bare", "PUT", "/people/data/{people}", {"tier": "gold"}, "'.data'"),
    ("people data nested", "PATCH", "/people/data/{people}", {"data": {"a": {}}}, "string, number or boolean"),
    ("people data key with dot", "PATCH", "/people/data/{people}", {"data": {"a.b": 1}}, "key 'a.b'"),
    ("people event without text", "POST", "/people/events/{people}", {"color": "red"}, "'.text'"),
    ("people event color null", "POST", "/people/events/{people}", {"text": "a", "color": None}, "allowed values"),
    ("people event dated", "POST", "/people/events/{people}", {"text": "a", "timestamp": 1}, "additional properties"),
    ("subscription without email", "PATCH", "/people/subscription/{people}", {}, "'.email'"),
    ("settings unknown group", "PATCH", "/settings", {"chatbox": {}}, "additional properties"),
    ("settings unknown word", "PATCH", "/settings", {"emails": {"all": False}}, "additional properties"),
    ("settings not boolean", "PATCH", "/settings", {"emails": {"rating": 0}}, "boolean"),
    ("list page zero", "GET", "/conversations/0", None, "page"),
    ("list page a word", "GET", "/conversations/first", None, "page"),
    ("list page too small", "GET", "/conversations/1?per_page=10", None, "query.per_page should be >= 20"),
    ("list page too big", "GET", "/conversations/1?per_page=51", None, "query.per_page"),
    ("list query unknown", "GET", "/conversations/1?limit=5", None, "additional properties: 'limit'"),
    ("list flag a word", "GET", "/conversations/1?include_empty=true", None, "0 or 1"),
    ("list date a word", "GET", "/conversations/1?filter_date_start=yesterday", None, "date-time"),
    ("search type unknown", "GET", "/conversations/1?search_type=regex&search_query=a", None, "text, segment, filter"),
    ("search without query", "GET", "/conversations/1?search_type=text", None, "search_query"),
    ("search filter not JSON", "GET", "/conversations/1?search_type=filter&search_query=a", None, "JSON array"),
    ("messages with two marks", "GET", f"{SESSION}/messages?timestamp_before=1&timestamp_after=2", None, "at most one"),
    ("messages with a dated mark", "GET", f"{SESSION}/messages?timestamp_before=2024-01-01", None, "integer"),
    ("message of no number", "GET", f"{MESSAGE}/first", None, "integer"),
    ("people sorted by unknown", "GET", "/people/profiles/1?sort_field=age", None, "allowed values"),
    ("people in unknown order", "GET", "/people/profiles/1?sort_order=up", None, "ascending, descending"),
    ("people filter not JSON", "GET", "/people/profiles/1?search_filter=x", None, "JSON array"),
    (
        "people filter of another model",
        "GET",
        '/people/profiles/1?search_filter=[{"model":"x","criterion":"a","operator":"eq","query":[]}]',
        None,
        "allowed values: people",
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "says"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID]
)
async def test_what_the_schema_does_not_know_is_refused_and_explained(
    desk: Desk, method: str, path: str, body: Any, says: str
) -> None:
    before = len(desk.sandbox.writes)
    answer = await desk.call(method, path, body)
    told = answer.json()
    assert (answer.status_code, told["error"], told["reason"]) == (400, True, "invalid_data")
    assert says in told["data"]["message"]
    assert len(desk.sandbox.writes) == before


INBOX = {"name": "VIP", "emoji": "x", "order": 1, "operators": [], "conditions": []}
TEAM = {"name": "VIP", "emoji": "x", "operators": []}
INVITE = {"email": "a@b.c", "role": "member", "verify": {"method": "password", "secret": "x"}}
BATCHES = {
    "resolve": {"sessions": []},
    "unresolve": {"sessions": ["{session}"]},
    "read": {},
    "unread": {},
    "remove": {"sessions": []},
    "routing": {"sessions": [], "assigned": None},
    "inbox": {"sessions": [], "inbox_id": None},
    "data": {"sessions": [], "data": {}},
    "segments": {"sessions": [], "segments": []},
    "block": {"sessions": [], "blocked": True},
}

# id, method, path, body, status and reason
REFUSED: list[tuple[str, str, str, Any, int, str]] = [
    *((f"batch {word}", "PATCH", f"/batch/{word}", body, 403, "not_allowed") for word, body in BATCHES.items()),
    ("batch report", "POST", "/batch/report", {"flag": "spam"}, 403, "not_allowed"),
    ("inbox creation", "POST", "/inbox", INBOX, 403, "not_allowed"),
    ("inbox saving", "PUT", f"/inbox/{NOBODY}", INBOX, 403, "not_allowed"),
    ("inbox deletion", "DELETE", f"/inbox/{NOBODY}", None, 403, "not_allowed"),
    ("team creation", "POST", "/team", TEAM, 403, "not_allowed"),
    ("operator invitation", "POST", "/operator", INVITE, 403, "not_allowed"),
    ("people import", "POST", "/people/import/profiles", {"url": "http://a.b"}, 403, "not_allowed"),
    ("people export", "POST", "/people/export", {}, 403, "not_allowed"),
    ("analytics", "GET", "/analytics/overview", None, 403, "not_allowed"),
    ("campaigns", "GET", "/campaigns/1", None, 403, "not_allowed"),
    ("spam", "GET", "/conversations/spams/1", None, 403, "not_allowed"),
    ("plugin websites", "GET", "root:/plugin/connect/websites/all/1", None, 403, "not_allowed"),
    ("session unknown", "GET", f"/conversation/session_{NOBODY}", None, 404, "session_not_found"),
    ("session malformed", "PATCH", "/conversation/nowhere/meta", {"nickname": "x"}, 404, "session_not_found"),
    ("message into no session", "POST", f"/conversation/session_{NOBODY}/message", text(), 404, "session_not_found"),
    ("message unknown", "GET", f"{MESSAGE}/77", None, 404, "message_not_found"),
    ("message edited unknown", "PATCH", f"{MESSAGE}/77", {"content": "x"}, 404, "message_not_found"),
    ("message deleted unknown", "DELETE", f"{MESSAGE}/77", None, 404, "message_not_found"),
    ("original unknown", "GET", f"{SESSION}/original/x", None, 404, "original_not_found"),
    ("people unknown", "GET", f"{PROFILE}/{NOBODY}", None, 404, "people_not_found"),
    ("people unknown by e-mail", "PATCH", f"{PROFILE}/x@y.z", {"notepad": "x"}, 404, "people_not_found"),
    ("people deleted by e-mail", "DELETE", f"{PROFILE}/ada@example.com", None, 404, "people_not_found"),
    ("people data unknown", "GET", f"/people/data/{NOBODY}", None, 404, "people_not_found"),
    ("people known already", "POST", PROFILE, person(email="Ada@example.com"), 409, "people_exists"),
    ("people known in another case", "POST", PROFILE, person(email="aDA@EXAMPLE.com"), 409, "people_exists"),
    ("website unknown", "GET", f"root:/website/{NOBODY}", None, 404, "website_not_found"),
    ("path unknown", "GET", "/conversation/{session}/secrets", None, 405, "method_not_allowed"),
    ("method wrong", "POST", META, {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_what_the_page_refuses_is_refused_with_its_reason(
    desk: Desk, method: str, path: str, body: Any, status: int, reason: str
) -> None:
    before = len(desk.sandbox.writes)
    answer = await desk.call(method, path, body)
    assert (answer.status_code, answer.json()["error"], answer.json()["reason"]) == (status, True, reason)
    assert len(desk.sandbox.writes) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Crisp-Tier": ""},
        {"X-Crisp-Tier": "plugin"},
        {"X-Crisp-Tier": "user"},
        {"Authorization": ""},
        {"Authorization": "Basic bm9ib2R5OnNlY3JldA=="},
        {"Authorization": "Basic ???"},
        {"Authorization": "Bearer abc"},
    ],
    ids=["no tier", "another tier", "the user tier", "no key", "a wrong key", "no base64", "another scheme"],
)
async def test_a_good_key_needs_its_own_tier_and_a_wrong_one_is_refused(desk: Desk, headers: dict[str, str]) -> None:
    other_key: dict[str, Any] = {"auth": None} if "Authorization" in headers else {}
    answer = await desk.http.get(desk.base, headers=headers, **other_key)
    assert (answer.status_code, answer.json()["reason"]) == (401, "invalid_session")


async def test_a_body_must_be_json_and_say_so(desk: Desk) -> None:
    path = META.replace("{session}", desk.names["session"])
    plain = await desk.http.patch(
        desk.base + path, content=b'{"nickname": "x"}', headers={"Content-Type": "text/plain"}
    )
    broken = await desk.http.patch(desk.base + path, content=b"{", headers={"Content-Type": "application/json"})
    half = await desk.http.patch(
        desk.base + path, content=b'{"nickname": "\\ud83d"}', headers={"Content-Type": "application/json"}
    )
    assert [one.status_code for one in (plain, broken, half)] == [400, 400, 400]
    assert (await desk.call("PATCH", META, {"nickname": "x" * 1_000_001})).status_code == 413


async def test_outside_of_the_api_there_is_nothing(desk: Desk) -> None:
    answer = await desk.http.get(desk.env["CRISP_URL"].removesuffix("/v1") + "/v2/website")
    assert answer.status_code == 404


async def test_head_is_200_or_404_and_has_no_body(desk: Desk) -> None:
    answers = [
        await desk.call("HEAD", SESSION),
        await desk.call("HEAD", f"/conversation/session_{NOBODY}"),
        await desk.call("HEAD", f"{PROFILE}/ADA%40example.com"),
        await desk.call("HEAD", f"{PROFILE}/nobody@example.com"),
    ]
    assert [one.status_code for one in answers] == [200, 404, 200, 404]
    assert [one.content for one in answers] == [b"", b"", b"", b""]


async def test_a_search_may_not_be_endless() -> None:
    async with desk_with(switches={"max_query": "10"}) as desk:
        answers = [
            await desk.call("GET", f"/conversations/1?search_type=text&search_query={'x' * 11}"),
            await desk.call("GET", f"/people/profiles/1?search_text={'x' * 11}"),
        ]
    assert [(one.status_code, one.json()["reason"]) for one in answers] == [(400, "search_query_too_long")] * 2


async def test_the_free_plan_has_no_notes_one_participant_no_inboxes_and_no_search() -> None:
    two = [{"type": "email", "target": "a@b.c"}, {"type": "email", "target": "d@e.f"}]
    async with desk_with(limits="plan=free") as desk:
        answers = [
            await desk.call("POST", MESSAGE, text(type="note")),
            await desk.call("PUT", f"{SESSION}/participants", {"participants": two}),
            await desk.call("PATCH", f"{SESSION}/inbox", {"inbox_id": NOBODY}),
            await desk.call("GET", "/conversations/1?search_type=segment&search_query=mig"),
        ]
    assert [(one.status_code, one.json()["reason"]) for one in answers] == [(402, "subscription_upgrade_required")] * 4


async def test_a_plan_holds_so_many_contacts() -> None:
    async with desk_with(limits="contacts=1") as desk:
        answer = await desk.call("POST", PROFILE, person())
    assert (answer.status_code, answer.json()["reason"]) == (402, "subscription_upgrade_required")


async def test_a_missing_scope_refuses_that_side_of_it() -> None:
    async with desk_with(switches={"without_scopes": "website:settings=write website:people:events"}) as desk:
        answers = [
            await desk.call("GET", "/settings"),
            await desk.call("PATCH", "/settings", {"emails": {"rating": False}}),
            await desk.call("GET", "/people/events/{people}/list/1"),
        ]
    assert [one.status_code for one in answers] == [200, 403, 403]


async def test_removal_can_be_locked_by_the_workspace() -> None:
    async with desk_with(switches={"lock_removal": "on"}) as desk:
        locked = await desk.call("DELETE", SESSION)
        await desk.call("PATCH", "/settings", {"inbox": {"lock_removal": False}})
        opened = await desk.call("DELETE", SESSION)
    assert (locked.status_code, locked.json()["reason"], opened.status_code) == (403, "not_allowed", 200)


async def test_a_plugin_key_sees_its_websites_and_is_told_when_it_is_not_installed() -> None:
    async with spec.serve(mig.SandboxOptions(switches={"tier": "plugin", "subscribed": "no"})) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": "plugin"}
        async with httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http:
            answer = await http.get(f"{env['CRISP_URL']}/website/{env['CRISP_WEBSITE_ID']}")
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_subscribed")
    async with desk_with(switches={"tier": "plugin"}) as desk:
        listed = await desk.call("GET", "root:/plugin/connect/websites/all/1?include_plan=1")
        batch = await desk.call("PATCH", "/batch/resolve", {"sessions": []})
    assert [one["plan"]["name"] for one in listed.json()["data"]] == ["plus"]
    assert batch.status_code == 403


@pytest.mark.parametrize("switches", [{"tier": "user"}, {"user_routes": "allow"}], ids=["user tier", "switch"])
async def test_the_user_tier_makes_inboxes_and_teams(switches: dict[str, str]) -> None:
    async with desk_with(switches=switches) as desk:
        made = await desk.call("POST", "/inbox", INBOX)
        name = made.json()["data"]["inbox_id"]
        moved = await desk.call("PATCH", f"{SESSION}/inbox", {"inbox_id": name})
        saved = await desk.call("PUT", f"/inbox/{name}", {**INBOX, "name": "Gold"})
        listed = (await desk.call("GET", "/inboxes/list/1")).json()["data"]
        stranger = await desk.call("POST", "/team", {**TEAM, "operators": [NOBODY]})
        team = await desk.call("POST", "/team", TEAM)
        gone = await desk.call("DELETE", f"/team/{team.json()['data']['team_id']}")
        head = await desk.call("HEAD", f"/team/{team.json()['data']['team_id']}")
    assert [one.status_code for one in (made, moved, saved, stranger, team, gone, head)] == [
        201,
        200,
        200,
        400,
        201,
        200,
        404,
    ]
    assert [one["name"] for one in listed] == ["Gold"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"switches": {"lag": "1"}}, "switch 'lag' is unknown; known are tier, batches"),
        ({"switches": {"repeat": "twice"}}, "accept | ignore | conflict"),
        ({"switches": {"read_lag": "long"}}, "switch read_lag='long'"),
        ({"switches": {"max_text": "-1"}}, "negative"),
        ({"limits": "plan=gold"}, "known are free, mini, essentials, plus"),
        ({"limits": "speed=3"}, "--limits: 'speed=3'"),
        ({"limits": "quota=many"}, "not a number"),
        ({"limits": "scale=0"}, "more than 0"),
        ({"faults": "flood=1"}, "'flood' is unknown"),
    ],
)
def test_a_sandbox_says_what_it_does_not_understand(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("|", r"\|")):
        Sandbox(mig.SandboxOptions(**options))


def test_every_switch_is_explained_with_its_default() -> None:
    assert set(SWITCHES) == set(Switches.__struct_fields__)
    assert all("(default" in explanation for explanation in SWITCHES.values())


async def test_a_number_of_a_thousand_digits_is_refused_like_any_other(desk: Desk) -> None:
    digits = "9" * 5_000
    answers = [
        await desk.call("GET", f"/conversations/{digits}"),
        await desk.call("GET", f"{MESSAGE}/{digits}"),
        await desk.call("GET", f"{SESSION}/messages?timestamp_before={digits}"),
    ]
    assert [one.status_code for one in answers] == [400, 400, 400]
