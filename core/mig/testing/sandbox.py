"""What every sandbox needs and no platform owns: serving on loopback, and faults by a seeded schedule."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Each fault, and whether the request takes effect all the same.
FAULTS = {
    "429": "answered 429 at once, nothing applied",
    "5xx": "answered 500, 502 or 503 at once, nothing applied",
    "reset": "the connection is reset before anything is applied",
    "drop": "applied, then the connection is reset without an answer",
    "hang": "never answered, nothing applied; the connection is closed after `hang_s`",
    "truncate": "applied, then half an answer and a closed connection",
}
#: Paths under this prefix are the sandbox's own: never limited, never faulty, unknown to the real platform.
CONTROL = "/_sandbox/"


class Faults:
    """A seeded schedule of faults, as the flag `--faults` spells it.

    Args:
        spec: `NAME=RATE,...` with the names of `FAULTS`; `mixed=0.05` spreads a rate evenly over all of them;
            `seed=N` and `hang_s=SECONDS` (default 60) may stand beside them. Empty: no faults.

    Raises:
        ValueError: An unknown name, a rate outside 0..1, or rates that add up to more than 1.
    """

    def __init__(self, spec: str) -> None:
        self.rates: dict[str, float] = {}
        self.hang_s = 60.0
        self.counts: Counter[str] = Counter()
        seed = 0
        for part in filter(None, (piece.strip() for piece in spec.split(","))):
            name, equals, text = part.partition("=")
            if not equals:
                raise ValueError(f"--faults: {part!r} is not NAME=RATE")
            if name == "seed":
                seed = int(text)
            elif name == "hang_s":
                self.hang_s = float(text)
            elif name == "mixed":
                for fault in FAULTS:
                    self.rates[fault] = float(text) / len(FAULTS)
            elif name in FAULTS:
                self.rates[name] = float(text)
            else:
                raise ValueError(f"--faults: {name!r} is unknown; known are mixed, {', '.join(FAULTS)}, seed, hang_s")
        if any(not 0 <= rate <= 1 for rate in self.rates.values()) or sum(self.rates.values()) > 1:
            raise ValueError("--faults: rates lie between 0 and 1, and so does their sum")
        self._random = random.Random(seed)

    def draw(self) -> str | None:
        """The fault of the next request, or None."""
        mark = self._random.random()
        for name, rate in self.rates.items():
            mark -= rate
            if mark < 0:
                self.counts[name] += 1
                return name
        return None

    def middleware(self, error: Callable[[int], web.Response]) -> Middleware:
        """An aiohttp middleware that strikes with this schedule; install it outermost.

        Args:
            error: Makes the platform's own answer for a status (429 or 5xx).
        """

        @web.middleware
        async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
            fault = None if request.path.startswith(CONTROL) else self.draw()
            if fault is None:
                return await handler(request)
            if fault == "429":
                return error(429)
            if fault == "5xx":
                return error(self._random.choice((500, 502, 503)))
            if fault == "hang":
                await asyncio.sleep(self.hang_s)
            if fault in ("reset", "hang"):
                return await _cut(request, b"")
            await request.read()  # the whole request has arrived; what follows is lost on the way back
            answer = await handler(request)
            body = answer.body if fault == "truncate" and isinstance(answer, web.Response) else b""
            return await _cut(request, body if isinstance(body, bytes) else b"", answer.status)

        return strike


async def _cut(request: web.Request, body: bytes, status: int = 200) -> web.StreamResponse:
    """Promise the body, send half of it (nothing when it is empty), and cut the connection."""
    if request.transport is None:  # the caller has left already
        return web.Response()
    if body:
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        half = web.StreamResponse(status=status, headers=headers)
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
        request.transport.close()
        return half
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on 127.0.0.1 while the context lasts.

    Args:
        app: The sandbox.
        port: 0 takes a free one.

    Yields:
        Its base URL, `http://127.0.0.1:PORT`, without a slash at the end.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
