"""The network of a simulation: requests go to a sandbox in this process, or get lost, late, doubled or garbled."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

TIMEOUT_S = 30.0
"""After which a client gives an answer up, as the platforms' settings say."""
READS = ("GET", "HEAD")
ABSURD = ("1e9", "-5", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", "", "0", "nan", "2")
"""What a Retry-After may say."""
GARBAGE = (
    b"",
    b"<html>gateway</html>",
    b"[]",
    b"null",
    b'{"error": true}',
    b'{"data": ',
    b"\xff\xfe\x00",
    b'"ok"',
    b"{}",
)
"""What a 200 may hold."""
FATES = (
    "unreachable",
    "lost",
    "dropped",
    "late",
    "twice",
    "hang",
    "429",
    "420",
    "5xx",
    "5xx applied",
    "garbled",
    "gateway",
    "loop",
)
"""What may become of a request: `lost` never arrives, `dropped` takes effect unanswered, `late` does so within its
life, `twice` arrives twice (what is safe to repeat: no transport repeats a POST), `gateway` is refused on the way by
somebody who is not the platform, `loop` points a page to itself."""


@dataclass
class Weather:
    """How often what happens; `storm` holds fates that strike alone for a while, again and again."""

    rates: Mapping[str, float] = field(default_factory=dict)
    storm: str = ""
    every_s: float = 0.0
    lasts_s: float = 0.0
    life_s: float = 60.0
    """How late a late request may take effect."""


class Net(httpx.AsyncBaseTransport):
    """Between a client and a sandbox.

    Args:
        answer: The sandbox's handler.
        weather: What happens on the way.
        seed: Of what happens.
    """

    def __init__(
        self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]], weather: Weather, seed: int
    ) -> None:
        self.weather = weather
        self.told: list[str] = []
        """Every request and its fate, in order."""
        self.counts: Counter[str] = Counter()
        self._revoked = False
        self._answer = answer
        self._random = random.Random(seed)
        self._under_way: set[asyncio.Task[Any]] = set()

    def revoke(self) -> None:
        """From now on the token is refused."""
        self._revoked = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, answered or not."""
        content = await request.aread()
        fate = self._fate(request.method, request.url.path)
        loop = asyncio.get_running_loop()
        self.counts[fate] += 1
        self.told.append(f"{loop.time():10.3f} {request.method:6} {request.url.raw_path.decode()[:90]} {fate}")
        await asyncio.sleep(self._random.uniform(0.002, 0.4))
        if self._revoked:
            return httpx.Response(401, json={"error": True, "reason": "invalid_session", "data": {}})
        return await self._meet(fate, request, content)

    def _fate(self, method: str, path: str) -> str:
        weather, now = self.weather, asyncio.get_running_loop().time()
        if weather.storm and now % weather.every_s < weather.lasts_s:
            return weather.storm
        mark = self._random.random()
        for fate, rate in weather.rates.items():
            mark -= rate
            if mark < 0:
                if fate == "twice" and method == "POST":
                    return "ok"
                return fate if fate != "loop" or method == "GET" else "ok"
        return "ok"

    async def _meet(self, fate: str, request: httpx.Request, content: bytes) -> httpx.Response:
        match fate:
            case "unreachable":
                raise httpx.ConnectError("no route")
            case "lost":
                raise httpx.ReadError("reset")
            case "hang":
                await asyncio.sleep(TIMEOUT_S)
                raise httpx.ReadTimeout("hangs")
            case "late":
                self._apply(request, content, self._random.uniform(0.0, self.weather.life_s))
                await asyncio.sleep(TIMEOUT_S)
                raise httpx.ReadTimeout("late")
            case "429" | "420":
                return httpx.Response(int(fate), headers={"Retry-After": self._random.choice(ABSURD)}, json={})
            case "gateway":
                return httpx.Response(self._random.choice((400, 404, 405, 422)), content=b"<html>gateway</html>")
            case "5xx":
                return httpx.Response(self._random.choice((500, 502, 503)), content=b"")
            case "twice":
                await asyncio.shield(self._apply(request, content))
            case _:
                pass
        response = await asyncio.shield(self._apply(request, content))
        await asyncio.sleep(self._random.uniform(0.002, 0.4))
        match fate:
            case "dropped":
                raise httpx.ReadError("no answer")
            case "5xx applied":
                return httpx.Response(502, content=b"")
            case "garbled":
                return httpx.Response(response.status_code, content=self._random.choice(GARBAGE))
            case "loop":
                return _looped(request, response)
            case _:
                return response

    def _apply(self, request: httpx.Request, content: bytes, after_s: float = 0.0) -> asyncio.Task[httpx.Response]:
        """Let it take effect, whether anybody still waits or not: a request that left is not called back."""

        async def apply() -> httpx.Response:
            if after_s:
                await asyncio.sleep(after_s)
            return await self._handled(request, content)

        task = asyncio.get_running_loop().create_task(apply())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _handled(self, request: httpx.Request, content: bytes) -> httpx.Response:
        answer = await self._answer(_received(request, content))
        assert isinstance(answer, web.Response)
        body = answer.body if isinstance(answer.body, bytes) else b""
        return httpx.Response(answer.status, headers=dict(answer.headers), content=body)


class _Whole:
    """The protocol of a request that has arrived whole: there is nothing to pause, resume, or answer through."""

    _reading_paused = False
    transport = ssl_context = peername = sockname = None

    def pause_reading(self) -> None:
        """Nothing."""

    def resume_reading(self, *_: object, **__: object) -> None:
        """Nothing."""


def _received(request: httpx.Request, content: bytes) -> web.Request:
    """A request as aiohttp hands it to a handler; its own helper for tests is made of slow mocks."""
    protocol: Any = _Whole()
    payload = StreamReader(protocol, 2**16, loop=asyncio.get_running_loop())
    if content:
        payload.feed_data(content)
    payload.feed_eof()
    target = request.url.raw_path.decode("ascii")
    message = RawRequestMessage(
        request.method,
        target,
        HttpVersion11,
        CIMultiDictProxy(CIMultiDict(request.headers)),
        tuple(request.headers.raw),
        False,  # a tuple's place
        None,
        False,
        False,
        URL(target, encoded=True),
    )
    nothing: Any = None
    return web.Request(message, payload, protocol, nothing, nothing, asyncio.get_running_loop(), client_max_size=2**26)


def _looped(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """A page whose link to the next one leads back to itself."""
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response
    if not isinstance(body, dict) or not isinstance(body.get("links"), dict) or not body["links"].get("next"):
        return response
    parts = urlsplit(str(request.url))
    body["links"]["next"] = parts.path + (f"?{parts.query}" if parts.query else "")
    return httpx.Response(response.status_code, headers=dict(response.headers), content=msgspec.json.encode(body))
