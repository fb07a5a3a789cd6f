"""What an error says about a request, over real connections on this machine: only what never left may be sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from mig import Access, Budgets, Unclear
from mig.clock import SystemClock
from mig.http import Http, Unreachable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def desk(serve: Serve, **more: float) -> AsyncIterator[Http]:
    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(whole, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = SystemClock()
    access = Access(clock=clock, budgets=Budgets(clock))
    async with server, Http(f"http://127.0.0.1:{port}/v1", access, headers={"X-Key": "k"}, timeout_s=0.5) as http:
        yield http


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    return head + await reader.readexactly(length)


async def test_a_request_leaves_as_it_should_and_its_answer_comes_whole() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(b'HTTP/1.1 201 Created\r\nContent-Length: 8\r\nX-Odd: a\r\nSet-Cookie: a=b\r\n\r\n{"a": 1}')

    async with desk(serve) as http:
        answer = await http.request("POST", "/x%2By?z=%2F", query={"page": 2, "q": "a b"}, body={"text": "é"})
    assert (answer.status, answer.json(), answer.headers["x-odd"]) == (201, {"a": 1}, "a")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x%2By?z=%2F&page=2&q=a+b HTTP/1.1\r\n")
    assert b"\r\nX-Key: k\r\n" in head
    assert b"\r\nContent-Type: application/json" in head
    assert body == '{"text":"é"}'.encode()


async def test_a_refused_connection_is_unreachable() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nobody comes."""

    async with desk(serve) as http:
        gone = http
        url = http.url("/")
    clock = SystemClock()
    del gone
    async with Http(url, Access(clock=clock, budgets=Budgets(clock)), headers={}, timeout_s=0.5) as http:
        with pytest.raises(Unreachable):
            await http.request("POST", "/x", body={})


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.transport.abort()


async def _hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    await asyncio.sleep(2)


async def _truncates(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


async def _breaks_a_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")


async def _drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
    await writer.drain()
    await asyncio.sleep(2)


async def _talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"\x16\x03\x01 what?\r\n\r\n")


async def _lies_about_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf")


@pytest.mark.parametrize(
    "serve", [_closes, _resets, _hangs, _truncates, _breaks_a_chunk, _drips, _talks_nonsense, _lies_about_gzip]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_left_and_has_no_whole_answer_is_unclear(serve: Serve, method: str) -> None:
    async with desk(serve) as http:
        with pytest.raises(Unclear):
            await http.request(method, "/x", body={} if method == "POST" else None)


async def test_a_kept_connection_the_server_closed_costs_no_request_its_certainty() -> None:
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    async with desk(serve) as http:
        for _ in range(5):
            assert (await http.request("POST", "/x", body={})).status == 200
            await asyncio.sleep(0.05)
    assert count == 5


async def test_redirects_are_answers() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n")

    async with desk(serve) as http:
        assert (await http.request("GET", "/x")).status == 302
