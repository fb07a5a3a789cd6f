"""`mig`, with every HTTP request it sends written to the file BENCH_RECORD: one JSON object a line.

httpx's transport is wrapped from outside, so that the recording is what really left, in the order and on the task in
which it left. Times of a recorded run are never used.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from mig.cli import main

_GIVES_AT_MOST = 100_000  # an answer that names an id or an address is small
_send = httpx.AsyncHTTPTransport.handle_async_request
_numbers: Iterator[int] = itertools.count()
_tasks: dict[asyncio.Task[Any], int] = {}  # holding them keeps their identities apart
_file = Path(os.environ["BENCH_RECORD"]).open("w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process


async def _recorded(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
    task = asyncio.current_task()
    assert task is not None
    number, lane, began = next(_numbers), _tasks.setdefault(task, len(_tasks)), time.monotonic()
    length = int(request.headers.get("Content-Length", "0"))
    body = None if request.method == "PUT" else request.content.decode("utf-8", "surrogatepass")
    url = str(request.url)
    response = await _send(self, request)
    await response.aread()
    exchange = {
        "number": number,
        "lane": lane,
        "began": began,
        "ended": time.monotonic(),
        "method": request.method,
        "url": url,
        "type": request.headers.get("Content-Type", ""),
        "body": body,
        "length": length,
        "status": response.status_code,
        "gives": _gives(response),
    }
    _file.write(json.dumps(exchange) + "\n")
    return response


def _gives(response: httpx.Response) -> dict[str, str]:
    """The values of an answer that later requests need: ids the platform chose, addresses it signed."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    if not is_json or len(response.content) > _GIVES_AT_MOST:
        return {}
    whole = json.loads(response.content)
    data = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(data, dict):
        return {}
    found = {name: data[name] for name in ("session_id", "people_id") if isinstance(data.get(name), str)}
    related = (data.get("links") or {}).get("related") if isinstance(data.get("links"), dict) else None
    return found | ({"related": related} if isinstance(related, str) else {})


if __name__ == "__main__":
    httpx.AsyncHTTPTransport.handle_async_request = _recorded  # type: ignore[method-assign]
    try:
        main()
    finally:
        _file.close()
