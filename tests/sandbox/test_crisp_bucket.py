"""How the Crisp sandbox takes files: URLs told by a socket, bytes in a storage of its own, and what may go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import socketio

import mig
from mig_crisp.sandbox import spec
from mig_crisp.sandbox.server import Sandbox

UPLOAD = "bucket:url:upload:generated"
NOBODY = "0b0c0d0e-0000-4000-8000-000000000000"
TEXT = b"seventeen letters"
SOON_S = 5.0


class Ear:
    """A socket: connected at an endpoint, with everything it was told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.client = socketio.AsyncClient(reconnection=False, http_session=desk.session)
        self.client.on("*", self._hear)
        self.client.on("disconnect", self._leave)
        self._left = asyncio.Event()

    async def _leave(self, *_reason: str) -> None:
        self._left.set()

    async def _hear(self, name: str, *data: Any) -> None:
        await self.heard.put((name, data[0] if data else None))

    async def connect(self, address: str | None = None) -> None:
        parts = urlsplit(address or await self.desk.endpoint())
        origin = f"{parts.scheme}://{parts.netloc}"
        await self.client.connect(origin, socketio_path=parts.path, transports=["websocket"], retry=False)

    async def say(self, **changed: Any) -> str:
        """Authenticate; what the server answered."""
        env = self.desk.env
        words = {"username": env["CRISP_IDENTIFIER"], "password": env["CRISP_KEY"], "tier": env["CRISP_TIER"]}
        wishes = {"events": [UPLOAD], "rooms": [env["CRISP_WEBSITE_ID"]]}
        said: dict[str, Any] = {**words, **wishes, **changed}
        await self.client.emit("authentication", {name: one for name, one in said.items() if one is not None})
        return (await self.next())[0]

    async def next(self, wait_s: float = SOON_S) -> tuple[str, Any]:
        return await asyncio.wait_for(self.heard.get(), wait_s)

    async def nothing(self) -> bool:
        """Nothing was heard, although something sent after it would have been."""
        await asyncio.sleep(0.05)
        return self.heard.empty()

    async def gone(self) -> None:
        """Wait until the connection is closed."""
        await asyncio.wait_for(self._left.wait(), SOON_S)

    @property
    def connected(self) -> bool:
        return bool(self.client.connected)


class Desk:
    """Calls the API, the storage and the sandbox's own paths."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        plain: httpx.AsyncClient,
        session: aiohttp.ClientSession,
        running: mig.RunningSandbox,
    ) -> None:
        self.http, self.plain, self.session, self.url = http, plain, session, running.url
        self.env = running.environment
        self.sandbox: Sandbox = running.control
        self.website = running.environment["CRISP_WEBSITE_ID"]
        self.base = f"{running.environment['CRISP_URL']}/website/{self.website}"
        self.ears: list[Ear] = []

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, self.base + path, json=body)

    async def made(self, method: str, path: str, body: Any = None) -> Any:
        return (await self.call(method, path, body)).json()["data"]

    async def root(self, path: str, method: str = "GET", body: Any = None) -> httpx.Response:
        return await self.http.request(method, self.env["CRISP_URL"] + path, json=body)

    async def endpoint(self) -> str:
        address: str = (await self.root(f"/website/{self.website}/connect/endpoints")).json()["data"]["socket"]["app"]
        return address

    async def ear(self, **changed: Any) -> Ear:
        """A socket that listens."""
        one = Ear(self)
        self.ears.append(one)
        await one.connect()
        assert await one.say(**changed) == "authenticated"
        return one

    def wish(self, **changed: Any) -> dict[str, Any]:
        file = {"name": "letter.txt", "type": "text/plain"}
        wish = {"namespace": "upload", "id": "1", "file": file, "resource": {"type": "website", "id": self.website}}
        return {name: one for name, one in {**wish, **changed}.items() if one is not None}

    async def generate(self, **changed: Any) -> httpx.Response:
        return await self.root("/bucket/url/generate", "POST", self.wish(**changed))

    async def promise(self, **changed: Any) -> dict[str, Any]:
        """The URLs of one file, as a socket hears them."""
        ear = self.ears[0] if self.ears else await self.ear()
        assert (await self.generate(**changed)).status_code == 202
        name, told = await ear.next()
        assert name == UPLOAD
        found: dict[str, Any] = told
        return found

    async def put(self, told: dict[str, Any], content: Any = TEXT, **headers: str) -> int:
        words = {"Content-Type": told["type"], **headers}
        return (await self.plain.put(told["url"]["signed"], content=content, headers=words)).status_code


@asynccontextmanager
async def desk_with(**options: Any) -> AsyncIterator[Desk]:
    async with spec.serve(mig.SandboxOptions(**options)) as running:
        env = running.environment
        auth, tier = (env["CRISP_IDENTIFIER"], env["CRISP_KEY"]), {"X-Crisp-Tier": env["CRISP_TIER"]}
        async with (
            httpx.AsyncClient(auth=auth, headers=tier, trust_env=False, verify=False) as http,
            httpx.AsyncClient(trust_env=False, verify=False) as plain,
            aiohttp.ClientSession() as session,
        ):
            desk = Desk(http, plain, session, running)
            try:
                yield desk
            finally:
                for one in desk.ears:
                    await one.client.disconnect()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with desk_with() as one:
        yield one


# ---- the whole way -------------------------------------------------------------------------------------------------


async def test_a_file_goes_from_its_url_to_a_message_that_shows_it(desk: Desk) -> None:
    told = await desk.promise(id="my own word")
    signed, shown = told["url"].pop("signed"), told["url"].pop("resource")
    assert told == {
        "from": "website",
        "identifier": desk.env["CRISP_IDENTIFIER"],
        "id": "my own word",
        "type": "text/plain",
        "resource": {"type": "website", "id": desk.website},
        "url": {},
        "policy": {"size_limit": 10_000_000},
    }
    assert (await desk.plain.get(shown)).status_code == 404
    put = await desk.plain.put(signed, content=TEXT, headers={"Content-Type": "text/plain"})
    assert put.status_code == 200
    got = await desk.plain.get(shown)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, TEXT, "text/plain")
    assert (await desk.plain.head(shown)).headers["Content-Length"] == "17"

    session = (await desk.made("POST", "/conversation"))["session_id"]
    content = {"name": "letter.txt", "url": shown, "type": "text/plain"}
    message = {"type": "file", "from": "user", "origin": "chat", "content": content, "timestamp": 5}
    number = (await desk.made("POST", f"/conversation/{session}/message", message))["fingerprint"]
    note = {"type": "note", "from": "operator", "origin": "chat", "content": f"see {shown} there"}
    noted = (await desk.made("POST", f"/conversation/{session}/message", note))["fingerprint"]
    assert await desk.made("GET", f"/conversation/{session}/files/1") == [
        {**content, "fingerprint": number, "timestamp": 5}
    ]
    (stored,) = (await desk.plain.get(f"{desk.url}/_sandbox/bucket")).json()
    assert stored == {
        "url": shown,
        "name": "letter.txt",
        "type": "text/plain",
        "size": 17,
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "puts": 1,
        "used_by": [{"session_id": session, "fingerprint": one} for one in (number, noted)],
    }


async def test_a_call_for_a_url_is_acknowledged_counted_and_brings_no_url(desk: Desk) -> None:
    answer = await desk.generate()
    assert (answer.status_code, answer.json()) == (202, {"error": False, "reason": "dispatched", "data": {}})
    counters = desk.sandbox.counters()
    assert (counters["requests"], counters["by_route"]) == (1, {"POST /bucket/url/generate": 1})
    assert counters["bucket"] == {"generated": 1, "stored": 0}


async def test_an_event_that_nobody_hears_is_never_told_again(desk: Desk) -> None:
    await desk.generate(id="too early")
    told = await desk.promise(id="in time")
    assert told["id"] == "in time"
    assert desk.sandbox.counters()["sockets"]["unheard"] == {UPLOAD: 1}


async def test_every_namespace_has_an_event_of_its_own(desk: Desk) -> None:
    names = ["avatar", "website", "campaign", "helpdesk", "status", "processing"]
    ear = await desk.ear(events=[f"bucket:url:{name}:generated" for name in names])
    for name in names:
        assert (await desk.generate(namespace=name)).status_code == 202
        assert (await ear.next())[0] == f"bucket:url:{name}:generated"


async def test_the_name_of_a_file_stays_in_its_url_as_far_as_a_url_can_hold_it(desk: Desk) -> None:
    told = await desk.promise(file={"name": "größte Rechnung/2.PDF", "type": "application/pdf"})
    assert told["url"]["resource"].endswith("/gr-te-Rechnung-2.PDF")
    assert await desk.put(told, b"") == 200
    assert (await desk.plain.get(told["url"]["resource"])).content == b""


async def test_a_large_file_is_kept_whole() -> None:
    async with desk_with(switches={"extensions": "*", "size_limit": "90000000"}) as desk:
        body = bytes(range(256)) * 260_000  # 66 MB: more than the server takes into memory at once
        told = await desk.promise(file={"name": "all", "type": "application/octet-stream"})
        assert await desk.put(told, body) == 200
        (stored,) = desk.sandbox.bucket()
        assert (stored["size"], stored["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


async def test_a_second_upload_to_one_url_replaces_the_first(desk: Desk) -> None:
    told = await desk.promise()
    assert [await desk.put(told, one) for one in (b"first", b"second")] == [200, 200]
    (stored,) = desk.sandbox.bucket()
    assert (stored["size"], stored["puts"]) == (6, 2)
    assert (await desk.plain.get(told["url"]["resource"])).content == b"second"


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"namespace": None},
        {"namespace": "uploads"},
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"file": None},
        {"file": {"name": "a.txt"}},
        {"file": {"type": "text/plain"}},
        {"file": {"name": "", "type": "text/plain"}},
        {"file": {"name": "a.txt", "type": "text"}},
        {"file": {"name": "a.txt", "type": "text/plain", "size": 3}},
        {"resource": {"type": "session", "id": "session_1"}},
        {"resource": {"type": "website"}},
        {"from": "plugin"},
        {"identifier": "x"},
        {"url": "x"},
    ],
)
async def test_a_body_that_is_not_as_documented_is_refused(desk: Desk, changed: dict[str, Any]) -> None:
    answer = await desk.generate(**changed)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_data")
    assert desk.sandbox.counters()["bucket"] == {"stored": 0}


async def test_the_resource_must_be_a_website_of_the_key(desk: Desk) -> None:
    answer = await desk.generate(resource={"type": "website", "id": NOBODY})
    assert (answer.status_code, answer.json()["reason"]) == (404, "website_not_found")


async def test_an_upload_without_a_resource_is_told_to_no_room_of_the_website(desk: Desk) -> None:
    bound, free = await desk.ear(), await desk.ear(rooms=None)
    assert (await desk.generate(resource=None, id="mine")).status_code == 202
    told = (await free.next())[1]
    assert (told["id"], told["resource"]) == ("mine", {"type": "website", "id": desk.env["CRISP_IDENTIFIER"]})
    assert await bound.nothing()


async def test_a_key_without_the_scope_gets_no_url() -> None:
    async with desk_with(switches={"tier": "plugin", "without_scopes": "bucket:url=write"}) as desk:
        answer = await desk.generate()
        assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a.txt", 202),
        ("a.PNG", 202),
        ("a.tar.json", 202),
        ("a.exe", 400),
        ("txt", 400),
        (".txt", 400),
        ("a.txt.", 400),
    ],
)
async def test_only_listed_extensions_get_a_url(desk: Desk, name: str, status: int) -> None:
    assert (await desk.generate(file={"name": name, "type": "text/plain"})).status_code == status


async def test_a_refused_extension_may_be_refused_at_the_upload_instead() -> None:
    async with desk_with(switches={"extensions": "pdf", "refused_extension": "put"}) as desk:
        assert await desk.put(await desk.promise()) == 403
        told = await desk.promise(file={"name": "a.pdf", "type": "application/pdf"})
        assert await desk.put(told) == 200


@pytest.mark.parametrize(
    ("media_type", "limit"),
    [
        ("text/plain", 10_000_000),
        ("text/csv", 10_000_000),
        ("image/gif", 3_000_000),
        ("image/jpeg", 12_000_000),
        ("image/png", 12_000_000),
        ("image/webp", 12_000_000),
    ],
)
async def test_the_size_limit_depends_on_the_type(desk: Desk, media_type: str, limit: int) -> None:
    told = await desk.promise(file={"name": "a.txt", "type": media_type})
    assert told["policy"] == {"size_limit": limit}


async def test_a_file_over_its_limit_is_refused_and_one_at_it_is_taken() -> None:
    async with desk_with(switches={"size_limit": "17", "size_limit_gif": "3"}) as desk:
        told = await desk.promise()
        assert told["policy"] == {"size_limit": 17}
        assert [await desk.put(told, one) for one in (TEXT + b"!", TEXT)] == [413, 200]
        told = await desk.promise(file={"name": "a.gif", "type": "image/gif"})
        assert await desk.put(told, b"GIF8") == 413


async def letters() -> AsyncIterator[bytes]:
    yield TEXT


async def test_an_upload_needs_its_length_its_type_and_no_key(desk: Desk) -> None:
    told = await desk.promise()
    assert await desk.put(told, letters()) == 411
    assert await desk.put(told, **{"Content-Type": "text/html"}) == 403
    assert await desk.put(told, **{"Content-Type": "text/plain; charset=utf-8"}) == 403
    assert await desk.put(told, Authorization="Basic eDp5") == 400
    assert (await desk.plain.post(told["url"]["signed"], content=TEXT)).status_code == 405
    assert desk.sandbox.bucket() == []
    assert desk.sandbox.counters()["bucket"] == {"generated": 1, "puts": 4, "puts_refused": 4, "stored": 0}
    assert await desk.put(told) == 200


async def test_a_signature_is_for_one_file_and_for_ten_minutes(desk: Desk) -> None:
    first, second = await desk.promise(id="1"), await desk.promise(id="2")
    path, other = first["url"]["signed"].partition("?"), second["url"]["signed"].partition("?")
    swapped = {**first, "url": {"signed": f"{path[0]}?signature=00&{other[2]}"}}
    later = {**first, "url": {"signed": first["url"]["signed"].replace("expires=", "expires=9")}}
    bare = {**first, "url": {"signed": path[0]}}
    assert [await desk.put(one) for one in (swapped, later, bare)] == [403, 403, 403]
    desk.sandbox.advance(599)
    assert await desk.put(first) == 200
    desk.sandbox.advance(2)
    assert await desk.put(second) == 403


@pytest.mark.parametrize(
    "content",
    [
        {"name": "a.txt", "type": "text/plain"},
        {"url": "https://example.com/a.txt", "type": "text/plain"},
        {"name": "a.txt", "url": "https://example.com/a.txt"},
        {"name": "a.txt", "url": "ftp://example.com/a.txt", "type": "text/plain"},
        {"name": "a.txt", "url": "file:a.txt", "type": "text/plain"},
        {"name": "a.txt", "url": "https://example.com/a.txt", "type": "text/plain", "size": 3},
        "https://example.com/a.txt",
    ],
)
async def test_a_file_message_names_its_file_whole(desk: Desk, content: Any) -> None:
    session = (await desk.made("POST", "/conversation"))["session_id"]
    message = {"type": "file", "from": "user", "origin": "chat", "content": content}
    answer = await desk.call("POST", f"/conversation/{session}/message", message)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_data")


# ---- endpoints and sockets -----------------------------------------------------------------------------------------


async def test_each_endpoint_is_fresh_and_lives_ten_minutes(desk: Desk) -> None:
    first, second = await desk.endpoint(), await desk.endpoint()
    assert first != second
    assert first.startswith(desk.url.replace("http", "ws") + "/w/b2/")
    desk.sandbox.advance(601)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Ear(desk).connect(first)
    assert desk.sandbox.counters()["sockets"]["turned_away"] == 1
    await desk.ear()


async def test_an_endpoint_may_be_good_for_one_connection_only() -> None:
    async with desk_with(switches={"endpoints": "once"}) as desk:
        address = await desk.endpoint()
        ear = Ear(desk)
        desk.ears.append(ear)
        await ear.connect(address)
        assert await ear.say() == "authenticated"
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Ear(desk).connect(address)


@pytest.mark.parametrize(
    ("tier", "path", "status"),
    [
        ("website", "/website/{website}/connect/endpoints", 200),
        ("website", "/website/connect/endpoints", 200),
        ("website", "/plugin/connect/endpoints", 403),
        ("plugin", "/plugin/connect/endpoints", 200),
        ("plugin", "/website/{website}/connect/endpoints", 403),
        ("website", f"/website/{NOBODY}/connect/endpoints", 404),
    ],
)
async def test_each_tier_asks_for_endpoints_at_its_own_path(tier: str, path: str, status: int) -> None:
    async with desk_with(switches={"tier": tier}) as desk:
        answer = await desk.root(path.format(website=desk.website))
        assert answer.status_code == status
        assert set(answer.json()["data"]) == ({"socket"} if status == 200 else {"message"} if status == 403 else set())


@pytest.mark.parametrize(
    "changed",
    [
        {"username": "x"},
        {"password": "x"},
        {"tier": "plugin"},
        {"tier": None},
        {"events": "all"},
        {"events": [1]},
        {"rooms": {"a": 1}},
    ],
)
async def test_a_socket_with_wrong_words_is_told_so_and_closed(desk: Desk, changed: dict[str, Any]) -> None:
    ear = Ear(desk)
    await ear.connect()
    assert await ear.say(**changed) == "unauthorized"
    await ear.gone()
    assert not ear.connected


async def test_a_socket_that_says_nothing_is_closed() -> None:
    async with desk_with(switches={"auth_wait": "0.05"}) as desk:
        ear = Ear(desk)
        await ear.connect()
        await ear.gone()
        assert ear.heard.empty()
        spoken = await desk.ear()
        await asyncio.sleep(0.1)
        assert spoken.connected
        assert desk.sandbox.counters()["sockets"]["silent"] == 1


async def test_a_socket_hears_only_the_events_and_rooms_it_asked_for(desk: Desk) -> None:
    elsewhere = await desk.ear(rooms=[NOBODY, desk.env["CRISP_IDENTIFIER"]])
    deaf = await desk.ear(events=["message:send", "no:such:event", "campaign:progress"])
    hearing = await desk.ear(rooms=None)
    mute = Ear(desk)
    await mute.connect()
    assert (await desk.generate()).status_code == 202
    assert (await hearing.next())[0] == UPLOAD
    assert [await one.nothing() for one in (elsewhere, deaf, mute)] == [True, True, True]


async def test_what_a_write_does_is_told(desk: Desk) -> None:
    names = "message:send message:received message:updated message:removed session:set_state session:set_data "
    names += "session:set_segments session:set_email session:set_routing session:removed people:bind:session "
    names += "people:profile:created people:profile:updated people:profile:removed"
    ear = await desk.ear(events=names.split())
    session = f"/conversation/{(await desk.made('POST', '/conversation'))['session_id']}"
    metas = {"email": "a@b.c", "data": {"k": 1}, "segments": ["s"]}
    await desk.call("PATCH", f"{session}/meta", metas)
    text = {"type": "text", "from": "user", "origin": "chat", "content": "hello"}
    number = (await desk.made("POST", f"{session}/message", text))["fingerprint"]
    await desk.call("POST", f"{session}/message", {**text, "from": "operator", "stealth": True, "type": "note"})
    await desk.call("PATCH", f"{session}/message/{number}", {"content": "hello!"})
    await desk.call("DELETE", f"{session}/message/{number}")
    owner = (await desk.made("GET", "/operators/list"))[0]["details"]["user_id"]
    await desk.call("PATCH", f"{session}/routing", {"assigned": {"user_id": owner}, "silent": True})
    await desk.call("PATCH", f"{session}/state", {"state": "resolved"})
    await desk.call("DELETE", session)
    (person,) = await desk.made("GET", "/people/profiles/1")
    await desk.call("PATCH", f"/people/profile/{person['people_id']}", {"notepad": "x"})
    await desk.call("DELETE", f"/people/profile/{person['people_id']}")
    told = [await ear.next() for _ in range(15)]
    assert [name for name, _ in told] == [
        "session:set_email",
        "session:set_data",
        "session:set_segments",
        "people:profile:created",
        "people:bind:session",
        "message:send",
        "message:received",
        "message:updated",
        "message:removed",
        "session:set_routing",
        "session:set_state",
        "message:received",
        "session:removed",
        "people:profile:updated",
        "people:profile:removed",
    ]
    assert {data["website_id"] for _, data in told} == {desk.website}
    assert (told[5][1]["content"], told[7][1]["content"]) == ("hello", "hello!")
    assert told[9][1]["routing_id"] == owner
    assert await ear.nothing()


async def test_what_a_person_does_in_the_app_is_told(desk: Desk) -> None:
    session = (await desk.made("POST", "/conversation"))["session_id"]
    ear = await desk.ear(events=["message:received", "message:send", "session:set_state"])
    desk.sandbox.answer_by_hand(session, "on my way")
    desk.sandbox.write_by_hand(session, "thanks")
    desk.sandbox.set_state_by_hand(session, "resolved")
    told = [await ear.next() for _ in range(3)]
    assert [name for name, _ in told] == ["message:received", "message:send", "session:set_state"]


# ---- what may go wrong ---------------------------------------------------------------------------------------------


async def test_events_may_be_lost() -> None:
    async with desk_with(switches={"event_loss": "1"}) as desk:
        ear = await desk.ear()
        await desk.generate()
        assert await ear.nothing()
        assert desk.sandbox.counters()["bucket"] == {"generated": 1, "events_lost": 1, "stored": 0}


async def test_a_share_of_events_is_lost_by_the_same_schedule_every_time() -> None:
    async def lost(seed: int) -> list[str]:
        async with desk_with(switches={"event_loss": "0.5"}, seed=seed) as desk:
            ear = await desk.ear()
            for number in range(12):
                await desk.generate(id=str(number))
            counted = desk.sandbox.counters()["bucket"]["events_lost"]
            return [(await ear.next())[1]["id"] for _ in range(12 - counted)]

    first, again, other = await lost(1), await lost(1), await lost(2)
    assert first == again != other
    assert 0 < len(first) < 12


async def test_events_may_come_twice() -> None:
    async with desk_with(switches={"event_twice": "1"}) as desk:
        first = await desk.promise()
        assert await desk.ears[0].next() == (UPLOAD, first)


async def test_events_may_come_late() -> None:
    async with desk_with(switches={"event_delay": "0.2"}) as desk:
        ear = await desk.ear()
        began = time.monotonic()
        await desk.generate()
        assert await ear.nothing()
        await ear.next()
        assert time.monotonic() - began >= 0.2


async def test_a_socket_may_break_after_some_events() -> None:
    async with desk_with(switches={"socket_events": "2"}) as desk:
        ear = await desk.ear()
        for number in "123":
            await desk.generate(id=number)
        assert [(await ear.next())[1]["id"] for _ in range(2)] == ["1", "2"]
        await ear.gone()
        assert ear.heard.empty()
        assert desk.sandbox.counters()["sockets"]["cut"] == 1


async def test_sockets_break_on_demand_and_come_back_by_a_new_endpoint(desk: Desk) -> None:
    ear = await desk.ear()
    answer = await desk.plain.post(f"{desk.url}/_sandbox/mutate/drop_sockets")
    assert answer.json() == {"result": 1}
    await ear.gone()
    await desk.generate(id="while away")
    desk.ears.remove(ear)
    assert (await desk.promise(id="back"))["id"] == "back"


@pytest.mark.parametrize(("switch", "counted"), [("put_fails", "puts_failed"), ("put_cuts", "puts_cut")])
async def test_an_upload_may_fail_and_leaves_nothing(switch: str, counted: str) -> None:
    async with desk_with(switches={switch: "1"}) as desk:
        told = await desk.promise()
        if switch == "put_fails":
            assert await desk.put(told) == 503
        else:
            with pytest.raises(httpx.TransportError):
                await desk.put(told)
        assert desk.sandbox.counters()["bucket"][counted] == 1
        assert (await desk.plain.get(told["url"]["resource"])).status_code == 404


@pytest.mark.parametrize(("fault", "stored"), [("5xx", 0), ("429", 0), ("reset", 0), ("drop", 1), ("truncate", 1)])
async def test_the_schedule_of_faults_strikes_uploads_too(fault: str, stored: int) -> None:
    async with desk_with() as desk:
        told = await desk.promise()
        desk.sandbox._faults.rates[fault] = 1.0
        with suppress(httpx.TransportError):
            assert await desk.put(told) in (429, 500, 502, 503)
        desk.sandbox._faults.rates.clear()
        assert len(desk.sandbox.bucket()) == stored
        assert desk.sandbox.faults == {fault: 1}


async def test_an_upload_that_ends_too_soon_is_not_stored(desk: Desk) -> None:
    told = await desk.promise()
    parts = urlsplit(told["url"]["signed"])
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 17\r\n\r\n"
    )
    writer.write(head.encode() + TEXT[:5])
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    for _ in range(100):
        if desk.sandbox.counters()["bucket"].get("puts_cut"):
            break
        await asyncio.sleep(0.01)
    assert desk.sandbox.counters()["bucket"] == {"generated": 1, "puts": 1, "puts_cut": 1, "stored": 0}


async def test_a_fault_may_keep_a_socket_from_connecting() -> None:
    async with desk_with() as desk:
        address = await desk.endpoint()
        desk.sandbox._faults.rates["5xx"] = 1.0
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Ear(desk).connect(address)
        desk.sandbox._faults.rates.clear()
        await desk.ear()


async def test_the_sandbox_stops_at_once_although_sockets_listen_and_events_are_late() -> None:
    async with aiohttp.ClientSession() as outside:  # it stays open while the sandbox stops
        async with desk_with(switches={"event_delay": "60", "auth_wait": "60"}) as desk:
            desk.session = outside
            listening, mute = await desk.ear(), Ear(desk)
            await mute.connect()
            await outside.ws_connect(f"{await desk.endpoint()}?EIO=4&transport=websocket")  # answers nothing at all
            await desk.generate()
            desk.ears.clear()
            began = time.monotonic()
        assert time.monotonic() - began < 0.5
        for one in (listening, mute):
            await one.gone()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_loss", "1.5"),
        ("put_cuts", "-1"),
        ("endpoints", "always"),
        ("size_limit", "10MB"),
        ("socket_events", "0.5"),
    ],
)
async def test_a_switch_takes_only_what_it_means(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        async with desk_with(switches={name: value}):
            pass
