"""What the Crisp sandbox watches and imposes: notices, limits, lag, faults, history, and its own control paths."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import mig
from mig_crisp.sandbox import KINDS, spec
from mig_crisp.sandbox.control import MUTATORS
from mig_crisp.sandbox.server import Sandbox


class Desk:
    """Calls the API and the sandbox's own paths."""

    def __init__(self, http: httpx.AsyncClient, running: mig.RunningSandbox) -> None:
        self.http, self.url = http, running.url
        self.sandbox: Sandbox = running.control
        self.base = f"{running.environment['CRISP_URL']}/website/{running.environment['CRISP_WEBSITE_ID']}"

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, self.base + path, json=body)

    async def get(self, path: str) -> Any:
        return (await self.call("GET", path)).json()["data"]

    async def session(self) -> str:
        return f"/conversation/{(await self.call('POST', '/conversation')).json()['data']['session_id']}"

    async def say(self, session: str, side: str = "user", **fields: Any) -> int:
        body = {"type": "text", "from": side, "origin": "chat", "content": "hello", **fields}
        number: int = (await self.call("POST", f"{session}/message", body)).json()["data"]["fingerprint"]
        return number

    async def read(self, session: str) -> None:
        await self.call("PATCH", f"{session}/read", {"from": "user", "origin": "chat"})

    async def profile(self) -> str:
        made = await self.call("POST", "/people/profile", {"email": "a@b.c", "person": {"nickname": "Ada"}})
        name: str = made.json()["data"]["people_id"]
        return name

    def notices(self) -> dict[str, int]:
        counts: dict[str, int] = self.sandbox.notifications()["counts"]
        return counts


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


# ---- notices -------------------------------------------------------------------------------------------------------


async def test_a_silent_migration_notifies_nobody() -> None:
    async with desk_with() as desk:
        owner = (await desk.get("/operators/list"))[0]["details"]["user_id"]
        session = await desk.session()
        await desk.call(
            "PATCH", f"{session}/meta", {"nickname": "Ada", "email": "ada@example.com", "segments": ["mig"]}
        )
        await desk.say(session, timestamp=1_600_000_000_000)
        await desk.say(session, "operator", stealth=True, timestamp=1_600_000_000_001)
        await desk.say(session, "operator", type="note", timestamp=1_600_000_000_002)
        await desk.read(session)
        await desk.call("PATCH", f"{session}/routing", {"assigned": {"user_id": owner}, "silent": True})
        await desk.call("PATCH", f"{session}/state", {"state": "resolved"})
        desk.sandbox.advance(7 * 86_400)
        assert desk.sandbox.notifications() == {"counts": {}, "notices": []}


async def test_an_operator_message_without_stealth_is_mailed_and_copied_to_participants(desk: Desk) -> None:
    session = await desk.session()
    people = [{"type": "email", "target": name} for name in ("a@b.c", "d@e.f")]
    await desk.call("PUT", f"{session}/participants", {"participants": people})
    assert desk.notices() == {"participant_set": 2}
    await desk.say(session, "operator", stealth=True)
    await desk.say(session, "operator", type="note")
    assert desk.notices() == {"participant_set": 2}
    await desk.say(session, "operator")
    assert desk.notices() == {"participant_set": 2, "operator_message": 1, "participant_copied": 2}


async def test_a_mention_is_counted_and_shown(desk: Desk) -> None:
    session = await desk.session()
    await desk.say(session, "operator", type="note", mentions=["u1", "u2"])
    assert desk.notices() == {"mention": 2}
    assert (await desk.get(session))["mentions"] == ["u1", "u2"]


@pytest.mark.parametrize(("extra", "counted"), [({}, 1), ({"silent": False}, 1), ({"silent": True}, 0)])
async def test_routing_without_silent_is_counted(desk: Desk, extra: dict[str, bool], counted: int) -> None:
    owner = (await desk.get("/operators/list"))[0]["details"]["user_id"]
    session = await desk.session()
    await desk.call("PATCH", f"{session}/routing", {"assigned": {"user_id": owner}, **extra})
    await desk.call("PATCH", f"{session}/routing", {"assigned": None})
    assert desk.notices().get("routing", 0) == counted


async def test_a_batch_of_routing_is_counted() -> None:
    async with desk_with(switches={"batches": "allow"}) as desk:
        owner = (await desk.get("/operators/list"))[0]["details"]["user_id"]
        await desk.session()
        await desk.session()
        await desk.call("PATCH", "/batch/routing", {"assigned": {"user_id": owner}})
        assert desk.notices() == {"routing": 2}


@pytest.mark.parametrize("word", ["transcript", "reminder", "feedback", "initiate"])
async def test_calls_that_send_by_themselves_are_counted(desk: Desk, word: str) -> None:
    session = await desk.session()
    assert (await desk.call("POST", f"{session}/{word}", {"to": "operator"})).status_code == 202
    (notice,) = desk.sandbox.notifications()["notices"]
    assert (notice.kind, notice.detail, notice.request) == ("call", word, 2)


async def test_people_events_operator_mails_and_invitations_are_counted() -> None:
    async with desk_with(switches={"tier": "user"}) as desk:
        await desk.call("POST", f"/people/events/{await desk.profile()}", {"text": "bought"})
        await desk.call("POST", "/operators/email", {"subject": "x"})
        verify = {"method": "password", "secret": "x"}
        await desk.call("POST", "/operator", {"email": "new@b.c", "role": "member", "verify": verify})
        assert desk.notices() == {"people_event": 1, "operator_email": 1, "operator_invite": 1}
        assert [one["type"] for one in await desk.get("/operators/list")] == ["operator", "invite"]


async def test_a_message_unread_for_three_minutes_is_counted_once_per_conversation(desk: Desk) -> None:
    session, marked, stealthy, gone = [await desk.session() for _ in range(4)]
    for _ in range(3):
        await desk.say(session)
    await desk.say(marked)
    await desk.read(marked)
    await desk.say(stealthy, stealth=True)
    await desk.say(gone)
    await desk.call("DELETE", gone)
    desk.sandbox.advance(175)
    assert desk.notices() == {}
    desk.sandbox.advance(10)
    (notice,) = desk.sandbox.notifications()["notices"]
    assert (notice.kind, f"/conversation/{notice.session_id}", notice.request) == ("unread", session, 5)
    await desk.read(session)
    await desk.say(session)
    desk.sandbox.advance(200)
    assert desk.notices() == {"unread": 2}


async def test_a_mark_that_comes_after_three_minutes_comes_too_late(desk: Desk) -> None:
    session = await desk.session()
    await desk.say(session)
    desk.sandbox.desk.clock.advance(181)
    await desk.read(session)
    assert desk.notices() == {"unread": 1}


@pytest.mark.parametrize(
    ("switches", "counted"),
    [
        ({}, {}),
        ({"transcript": "on"}, {"transcript": 1}),
        ({"transcript": "on", "rating": "on"}, {"transcript": 1, "rating": 1}),
    ],
)
async def test_a_transcript_goes_out_an_hour_after_the_last_message(
    switches: dict[str, str], counted: dict[str, int]
) -> None:
    async with desk_with(switches=switches) as desk:
        session = await desk.session()
        await desk.say(session, timestamp=1_600_000_000_000)
        await desk.read(session)
        desk.sandbox.advance(3_000)
        await desk.say(session, "operator", stealth=True)
        desk.sandbox.advance(3_000)
        assert desk.notices() == {}
        desk.sandbox.advance(700)
        assert desk.notices() == counted
        desk.sandbox.advance(10_000)
        assert desk.notices() == counted


async def test_a_transcript_switched_off_in_time_does_not_go_out() -> None:
    async with desk_with(switches={"transcript": "on"}) as desk:
        session = await desk.session()
        await desk.say(session, "operator", stealth=True)
        await desk.call("PATCH", "/settings", {"emails": {"transcript": False}})
        desk.sandbox.advance(4_000)
        assert desk.notices() == {}


def test_every_kind_of_notice_is_explained() -> None:
    assert set(KINDS) == {
        *("operator_message", "participant_copied", "participant_set", "mention", "routing", "unread"),
        *("transcript", "rating", "people_event", "operator_invite", "operator_email", "call"),
    }


# ---- limits --------------------------------------------------------------------------------------------------------


async def test_over_the_quota_of_the_day_every_call_is_423_until_the_next_day() -> None:
    async with desk_with(limits="quota=3,scale=86.4") as desk:
        desk.sandbox.desk.clock.advance(1_000 - time.time() % 1_000)  # to the beginning of a day of 1,000 seconds
        statuses = [(await desk.call("GET", "/settings")).status_code for _ in range(4)]
        refused = await desk.call("POST", "/conversation")
        assert (statuses, refused.status_code) == ([200, 200, 200, 423], 423)
        assert refused.json() == {"error": True, "reason": "quota_limit_exceeded", "data": {}}
        desk.sandbox.advance(1_000)
        assert (await desk.call("GET", "/settings")).status_code == 200


async def test_a_call_with_a_wrong_key_costs_no_quota() -> None:
    async with desk_with(limits="quota=1") as desk:
        assert (await desk.http.get(desk.base, auth=("a", "b"))).status_code == 401
        assert (await desk.call("GET", "")).status_code == 200


@pytest.mark.parametrize(
    ("plan", "most", "window"), [("free", 10, 90), ("mini", 15, 60), ("essentials", 25, 60), ("plus", 40, 60)]
)
async def test_each_plan_lets_so_many_conversations_be_created_in_its_window(plan: str, most: int, window: int) -> None:
    async with desk_with(limits=f"plan={plan}") as desk:
        statuses = [(await desk.call("POST", "/conversation")).status_code for _ in range(most + 2)]
        assert statuses == [201] * most + [423, 423]
        desk.sandbox.advance(window - 5)
        assert (await desk.call("POST", "/conversation")).status_code == 423
        desk.sandbox.advance(10)
        refused = [(await desk.call("POST", "/conversation")).status_code for _ in range(most)]
        assert refused == [201] * most


async def test_without_a_plan_named_creation_is_not_paced_and_messages_never_are(desk: Desk) -> None:
    assert {(await desk.call("POST", "/conversation")).status_code for _ in range(50)} == {201}
    async with desk_with(limits="plan=free,scale=1000") as paced:
        session = await paced.session()
        for _ in range(30):
            await paced.say(session)
        assert len(paced.sandbox.writes) == 31


async def test_too_many_requests_in_a_second_are_429_and_wildly_many_420(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk_with(limits="rate=2") as desk:
        monkeypatch.setattr(desk.sandbox.desk.clock, "now", lambda: 5_000)
        answers = [await desk.call("GET", "") for _ in range(5)]
        monkeypatch.setattr(desk.sandbox.desk.clock, "now", lambda: 6_000)
        answers.append(await desk.call("GET", ""))
    assert [one.status_code for one in answers] == [200, 200, 429, 429, 420, 200]
    assert [one.json()["reason"] for one in answers[3:5]] == ["rate_limited", "enhance_your_calm"]


# ---- lag -----------------------------------------------------------------------------------------------------------


async def test_while_reads_lag_an_object_is_shown_as_it_was_and_writes_see_it_as_it_is() -> None:
    async with desk_with(switches={"read_lag": "100"}) as desk:
        session = await desk.session()
        assert (await desk.call("GET", session)).status_code == 404
        assert (await desk.call("PATCH", f"{session}/meta", {"nickname": "Ada"})).status_code == 200
        desk.sandbox.advance(101)
        fresh = await desk.call("GET", f"{session}/meta")
        assert (fresh.json()["data"]["nickname"], fresh.headers["Bloom-Status"]) == ("Ada", "MISS")
        number = await desk.say(session)
        await desk.call("PATCH", f"{session}/meta", {"nickname": "Bob"})
        await desk.read(session)
        stale = await desk.call("GET", f"{session}/meta")
        assert (stale.json()["data"]["nickname"], stale.headers["Bloom-Status"]) == ("Ada", "HIT")
        assert (await desk.call("GET", f"{session}/message/{number}")).status_code == 404
        assert await desk.get("/conversations/1") == []
        desk.sandbox.advance(101)
        assert [one["read"] for one in await desk.get(f"{session}/messages")] == ["chat"]
        await desk.call("DELETE", session)
        assert (await desk.call("HEAD", session)).status_code == 200
        desk.sandbox.advance(101)
        assert (await desk.call("HEAD", session)).status_code == 404


async def test_profiles_lag_too() -> None:
    async with desk_with(switches={"read_lag": "100"}) as desk:
        people_id = await desk.profile()
        assert (await desk.call("GET", "/people/profile/a@b.c")).status_code == 404
        assert (
            await desk.call("POST", "/people/profile", {"email": "a@b.c", "person": {"nickname": "x"}})
        ).status_code == 409
        desk.sandbox.advance(101)
        await desk.call("PATCH", f"/people/data/{people_id}", {"data": {"a": 1}})
        assert await desk.get(f"/people/data/{people_id}") == {"data": {}}
        desk.sandbox.advance(101)
        assert await desk.get(f"/people/data/{people_id}") == {"data": {"a": 1}}


async def test_the_index_may_lag_while_reads_do_not() -> None:
    async with desk_with(switches={"index_lag": "100"}) as desk:
        session = await desk.session()
        await desk.call("PATCH", f"{session}/meta", {"segments": ["mig"]})
        await desk.say(session)
        search = "/conversations/1?search_type=segment&search_query=mig"
        plain = await desk.call("GET", "/conversations/1")
        assert (len(plain.json()["data"]), plain.headers["Bloom-Status"]) == (1, "DIRECT")
        assert (await desk.get(search), await desk.get("/conversations/suggest/segments/1")) == (
            [],
            [{"segment": "mig", "count": 0}],
        )
        desk.sandbox.advance(101)
        assert len(await desk.get(search)) == 1


# ---- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "applied"),
    [("429", False), ("5xx", False), ("reset", False), ("drop", True), ("truncate", True), ("hang", False)],
)
async def test_each_fault_strikes_in_the_platforms_own_words(fault: str, applied: bool) -> None:
    async with desk_with(faults=f"{fault}=1,hang_s=0.05") as desk:
        if fault in ("429", "5xx"):
            answer = await desk.call("POST", "/conversation")
            told = answer.json()
            assert told == {"error": True, "reason": told["reason"], "data": {}}
            assert (answer.status_code, told["reason"]) in [
                (429, "rate_limited"),
                *((status, "internal_error") for status in (500, 502, 503)),
            ]
        else:
            with pytest.raises(httpx.TransportError):
                await desk.call("POST", "/conversation")
        counters = (await desk.http.get(f"{desk.url}/_sandbox/counters")).json()
    assert (counters["conversations"], counters["writes"]) == (int(applied), int(applied))
    assert counters["faults"] == {fault: 1}


# ---- history and control -------------------------------------------------------------------------------------------


async def test_the_history_has_every_accepted_write_in_order_and_nothing_else(desk: Desk) -> None:
    session = await desk.session()
    await desk.call("PATCH", f"{session}/meta", {"nickname": "Ada"})
    await desk.call("PATCH", f"{session}/meta", {"nick": "Ada"})
    await desk.get(session)
    number = await desk.say(session)
    writes = desk.sandbox.history()
    path = desk.base[desk.base.index("/v1") :]
    assert [(one.number, one.method, one.path, one.status) for one in writes] == [
        (1, "POST", f"{path}/conversation", 201),
        (2, "PATCH", f"{path}{session}/meta", 200),
        (3, "POST", f"{path}{session}/message", 202),
    ]
    assert writes[1].body == {"nickname": "Ada"}
    assert writes[2].answer["data"] == {"fingerprint": number}
    over_http = (await desk.http.get(f"{desk.url}/_sandbox/history?after=2")).json()
    assert [one["number"] for one in over_http] == [3]
    counters = (await desk.http.get(f"{desk.url}/_sandbox/counters")).json()
    assert counters["refused"] == {"invalid_data": 1}
    assert (counters["requests"], counters["writes"], counters["messages"]) == (5, 3, 1)
    assert counters["by_route"]["PATCH /website/{website_id}/conversation/{session_id}/meta"] == 2


async def test_the_state_shows_everything_in_stored_order(desk: Desk) -> None:
    session = await desk.session()
    await desk.call("PATCH", f"{session}/meta", {"email": "a@b.c", "data": {"n": 1}})
    for stamp in (30, 10, 20):
        await desk.say(session, "operator", stealth=True, timestamp=stamp)
    await desk.call("PATCH", f"/people/data/{(await desk.get(session))['people_id']}", {"data": {"tier": 1}})
    state = (await desk.http.get(f"{desk.url}/_sandbox/state")).json()
    (conversation,) = state["conversations"]
    assert [(one["timestamp"], one["stealth"]) for one in conversation["messages"]] == [
        (10, True),
        (20, True),
        (30, True),
    ]
    assert (conversation["visible"], conversation["meta"]["data"]) == (False, {"n": 1})
    assert [(one["email"], one["data"], one["bound"]) for one in state["people"]] == [("a@b.c", {"tier": 1}, True)]
    assert [one["email"] for one in state["operators"]] == ["owner@sandbox.example"]


async def test_the_state_of_ten_thousand_messages_is_dumped_in_a_second(desk: Desk) -> None:
    sandbox = desk.sandbox
    for _ in range(100):
        session = await desk.session()
        for _ in range(100):
            sandbox.write_by_hand(session.rpartition("/")[2], "hello there, how are you today?")
    began = time.perf_counter()
    state = await desk.http.get(f"{desk.url}/_sandbox/state")
    assert time.perf_counter() - began < 1
    assert sum(len(one["messages"]) for one in state.json()["conversations"]) == 10_000


async def test_a_person_in_the_app_can_be_played_over_http(desk: Desk) -> None:
    session = await desk.session()
    session_id = session.rpartition("/")[2]
    await desk.say(session, fingerprint=7, timestamp=10)

    async def play(name: str, **arguments: Any) -> int:
        body = {"session_id": session_id, **arguments}
        answer = await desk.http.post(f"{desk.url}/_sandbox/mutate/{name}", json=body)
        return answer.status_code

    assert await play("answer_by_hand", text="I am on it") == 200
    assert await play("write_by_hand", text="thanks") == 200
    assert await play("edit_meta_by_hand", nickname="Renamed") == 200
    assert await play("set_state_by_hand", state="resolved") == 200
    assert await play("alter_message", fingerprint=7, content="altered", timestamp=2**45) == 200
    assert await play("repeat_message", fingerprint=7) == 200
    assert await play("alter_conversation", inbox_id="elsewhere") == 200
    assert await play("alter_conversation", created="x") == 400
    assert await play("drop_message", fingerprint=99) == 400
    assert await play("explode") == 400
    messages = await desk.get(f"{session}/messages")
    assert [one["content"] for one in messages] == ["I am on it", "thanks", "altered", "altered"]
    assert messages[0]["user"]["nickname"] == "Olive Owner"
    one = await desk.get(session)
    assert (one["meta"]["nickname"], one["state"], one["inbox_id"]) == ("Renamed", "resolved", "elsewhere")
    assert len(desk.sandbox.writes) == 2
    assert desk.notices() == {}
    assert await play("drop_conversation") == 200
    assert (await desk.call("GET", session)).status_code == 404


async def test_profiles_and_messages_can_be_lost_and_altered(desk: Desk) -> None:
    people_id, session = await desk.profile(), await desk.session()
    session_id = session.rpartition("/")[2]
    await desk.say(session, fingerprint=7)
    desk.sandbox.drop_message(session_id, 7)
    desk.sandbox.alter_meta(session_id, subject="x", nickname=None)
    desk.sandbox.alter_profile(people_id, notepad="altered", data={"a": 1})
    assert await desk.get(f"{session}/messages") == []
    assert await desk.get(f"{session}/meta") == {"email": "", "data": {}, "segments": [], "subject": "x"}
    assert (await desk.get(f"/people/profile/{people_id}"))["notepad"] == "altered"
    desk.sandbox.edit_profile_by_hand(people_id, notepad="by hand")
    assert await desk.get(f"/people/data/{people_id}") == {"data": {"a": 1}}
    desk.sandbox.drop_profile(people_id)
    assert (await desk.call("GET", f"/people/profile/{people_id}")).status_code == 404


async def test_the_clock_is_moved_over_http_and_never_back(desk: Desk) -> None:
    before = desk.sandbox.desk.clock.now()
    answer = await desk.http.post(f"{desk.url}/_sandbox/advance", json={"seconds": 3600})
    assert answer.json()["now"] - before >= 3_600_000
    back = await desk.http.post(f"{desk.url}/_sandbox/advance", json={"seconds": -1})
    unknown = await desk.http.get(f"{desk.url}/_sandbox/secrets")
    assert (back.status_code, unknown.status_code) == (400, 400)
    assert all(name in unknown.json()["error"] for name in MUTATORS)
    assert (await desk.http.get(f"{desk.url}/_sandbox/notifications")).json() == {"counts": {}, "notices": []}
