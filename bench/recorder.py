"""`mig`, with every HTTP request it sends written to the file BENCH_RECORD: one JSON object a line.

Both ways out are wrapped from outside, so that the recording is what really left, in the order and on the task in
which it left. Times of a recorded run are never used.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from mig.cli import main
from mig.http import Answer
from mig.http.wire import AiohttpWire

_GIVES_AT_MOST = 100_000  # an answer that names an id or an address is small
_send, _wire = httpx.AsyncHTTPTransport.handle_async_request, AiohttpWire.send
_numbers: Iterator[int] = itertools.count()
_tasks: dict[asyncio.Task[Any], int] = {}  # holding them keeps their identities apart
_file = Path(os.environ["BENCH_RECORD"]).open("w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process


async def _recorded(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
    """What leaves through httpx: files."""
    line = _begun(request.method, str(request.url))
    line |= {"type": request.headers.get("Content-Type", ""), "length": int(request.headers.get("Content-Length", "0"))}
    line["body"] = None if request.method == "PUT" else request.content.decode("utf-8", "surrogatepass")
    response = await _send(self, request)
    await response.aread()
    _ended(line, response.status_code, response.headers.get("Content-Type", ""), response.content)
    return response


async def _wired(self: AiohttpWire, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
    """What leaves through aiohttp: the APIs."""
    line = _begun(method, url)
    line |= {"type": headers.get("Content-Type", ""), "length": len(content or b"")}
    line["body"] = (content or b"").decode("utf-8", "surrogatepass")
    answer = await _wire(self, method, url, headers, content)
    _ended(line, answer.status, answer.headers.get("content-type", ""), answer.body)
    return answer


def _begun(method: str, url: str) -> dict[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    lane = _tasks.setdefault(task, len(_tasks))
    return {"number": next(_numbers), "lane": lane, "began": time.monotonic(), "method": method, "url": url}


def _ended(line: dict[str, Any], status: int, kind: str, content: bytes) -> None:
    line |= {"ended": time.monotonic(), "status": status, "gives": _gives(kind, content)}
    _file.write(json.dumps(line) + "\n")


def _gives(kind: str, content: bytes) -> dict[str, str]:
    """The values of an answer that later requests need: ids the platform chose, addresses it signed."""
    if not kind.startswith("application/json") or len(content) > _GIVES_AT_MOST:
        return {}
    whole = json.loads(content)
    data = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(data, dict):
        return {}
    found = {name: data[name] for name in ("session_id", "people_id") if isinstance(data.get(name), str)}
    related = (data.get("links") or {}).get("related") if isinstance(data.get("links"), dict) else None
    return found | ({"related": related} if isinstance(related, str) else {})


if __name__ == "__main__":
    setattr(httpx.AsyncHTTPTransport, "handle_async_request", _recorded)  # noqa: B010  # typed, this would be an error
    setattr(AiohttpWire, "send", _wired)  # noqa: B010  # likewise
    try:
        main()
    finally:
        _file.close()
