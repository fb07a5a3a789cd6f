"""Answers of an API without end: both wires stop at their limit, with little of them in memory."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from floor_bombs import bare_bomb, deflate_bomb, endless, gzip_bomb, twice_packed
from floor_net import PUBLIC, Names, Wires
from mig import Access, Budgets, Unclear
from mig.clock import SystemClock
from mig.http import Http

LIMIT = 1_000_000
"""Bytes of an answer that may be read."""
Body = Callable[[], Iterable[bytes]]


@asynccontextmanager
async def by_aiohttp(head: str, body: Body) -> AsyncIterator[Http]:
    """A client over real connections of this machine."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in _whole(head, body()):
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, _client(f"http://127.0.0.1:{port}") as http:
        yield http


@asynccontextmanager
async def by_httpx(head: str, body: Body) -> AsyncIterator[Http]:
    """A client as behind a proxy, over connections that lead nowhere."""
    wires = Wires(Names({"api.example": [[PUBLIC]]}), lambda _: _whole(head, body()))
    async with _client("https://api.example", wires) as http:
        yield http


def _client(url: str, wires: Wires | None = None) -> Http:
    clock = SystemClock()
    access = Access(clock=clock, budgets=Budgets(clock), transport=wires.transport() if wires else None)
    return Http(url, access, headers={}, timeout_s=5, max_answer=LIMIT)


def _whole(head: str, body: Iterable[bytes]) -> Iterator[bytes]:
    yield f"HTTP/1.1 200 OK\r\n{head}\r\n".encode()
    yield from body


async def peak_of(http: Http) -> int:
    """Ask once, which must fail; how many bytes of memory that took at most."""
    tracemalloc.start()
    try:
        with pytest.raises(Unclear):  # at the latest where it is read as JSON
            (await http.request("GET", "/x")).json()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


CLOSED = "Connection: close\r\n"
PLAIN = [
    pytest.param(CLOSED, endless, id="without a length"),
    pytest.param("Content-Length: 10000000000\r\n", endless, id="of a length it tells"),
    pytest.param(CLOSED + "Content-Encoding: br\r\n", endless, id="brotli"),
]
PACKED = [
    pytest.param(CLOSED + "Content-Encoding: gzip\r\n", gzip_bomb, id="gzip"),
    pytest.param(CLOSED + "Content-Encoding: deflate\r\n", deflate_bomb, id="deflate"),
    pytest.param(CLOSED + "Content-Encoding: deflate\r\n", bare_bomb, id="bare deflate"),
    # A fiftieth of the others: where it is unpacked whole, this machine shall live.
    pytest.param(CLOSED + "Content-Encoding: gzip, gzip\r\n", partial(twice_packed, 200_000_000), id="gzip in gzip"),
]


@pytest.mark.parametrize(("head", "body"), [*PLAIN, *PACKED])
async def test_an_answer_of_ten_gigabytes_ends_at_the_limit(head: str, body: Body) -> None:
    async with by_aiohttp(head, body) as http:
        assert await peak_of(http) < 4 * LIMIT


@pytest.mark.parametrize(("head", "body"), [*PLAIN, *PACKED])
async def test_behind_a_proxy_too(head: str, body: Body) -> None:
    async with by_httpx(head, body) as http:
        assert await peak_of(http) < 4 * LIMIT
