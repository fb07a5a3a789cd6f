"""The bare loop: the requests of a script by plain httpx, as fast as they are answered.

It keeps no journal, maps nothing, retries nothing and paces nothing. BENCH_SCRIPT names the script; the platforms'
settings stand in the environment as for `mig`. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import socketio

_WAIT_S = 60.0
_UPLOAD = "bucket:url:upload:generated"


class Loop:
    """Sends what a script says."""

    def __init__(self, script: dict[str, Any], clients: dict[str, httpx.AsyncClient]) -> None:
        self._script = script
        self._clients = clients
        self._values: dict[tuple[int, str], asyncio.Future[str]] = {}
        self._events: dict[str, int] = {}
        self.requests = 0
        self.unlike: Counter[str] = Counter()
        """Statuses that differ from the recorded ones."""

    async def run(self, stage: str) -> None:
        """Send a stage's chunks: each by one lane, in order."""
        chunks = deque(self._script[stage]["chunks"])

        async def lane() -> None:
            while chunks:
                for step in chunks.popleft():
                    await self._send(step)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._script[stage]["lanes"]):
                group.create_task(lane())

    def on_upload(self, event: dict[str, Any]) -> None:
        """The addresses of an upload have come."""
        number = self._events[event["id"]]
        for name, address in event["url"].items():
            self._value(number, name).set_result(address)

    async def _send(self, step: dict[str, Any]) -> None:
        number = step["number"]
        if step["event"]:
            self._events[step["event"]] = number
        url = await self._filled(step["url"])
        if step["method"] == "PUT":
            content = bytes(step["length"])
        else:
            content = (await self._filled(step["body"])).encode("utf-8", "surrogatepass")
        headers = {"Content-Type": step["type"]} if step["type"] else {}
        answer = await self._clients[step["side"]].request(step["method"], url, content=content, headers=headers)
        self.requests += 1
        if answer.status_code != step["status"]:
            self.unlike[f"{step['method']} {step['status']} -> {answer.status_code}"] += 1
        if step["gives"]:
            data = answer.json()["data"]
            for name in step["gives"]:
                self._value(number, name).set_result(data["links"]["related"] if name == "related" else data[name])

    async def _filled(self, parts: list[Any]) -> str:
        if len(parts) == 1 and isinstance(parts[0], str):
            return parts[0]
        filled = ""
        for part in parts:
            if isinstance(part, str):
                filled += part
            else:
                filled += await asyncio.wait_for(asyncio.shield(self._value(*part)), _WAIT_S)
        return filled

    def _value(self, number: int, name: str) -> asyncio.Future[str]:
        key = (number, name)
        if key not in self._values:
            self._values[key] = asyncio.get_running_loop().create_future()
        return self._values[key]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _listen(client: httpx.AsyncClient, loop: Loop) -> socketio.AsyncClient:
    """The socket that tells upload addresses (docs/api/crisp.md, section 8)."""
    environment = os.environ
    website = environment["CRISP_WEBSITE_ID"]
    found = (await client.get(f"/v1/website/{website}/connect/endpoints")).json()["data"]["socket"]["app"]
    socket, ready = socketio.AsyncClient(reconnection=False, handle_sigint=False), asyncio.Event()
    socket.on("authenticated", lambda *_: ready.set())
    socket.on(_UPLOAD, loop.on_upload)
    parts = urlsplit(found)
    address = f"{parts.scheme}://{parts.netloc}" + (f"?{parts.query}" if parts.query else "")
    await socket.connect(address, transports=["websocket"], socketio_path=parts.path)
    credentials = {"username": environment["CRISP_IDENTIFIER"], "password": environment["CRISP_KEY"]}
    rooms = {"tier": environment["CRISP_TIER"], "events": [_UPLOAD], "rooms": [website]}
    await socket.emit("authentication", credentials | rooms)
    await asyncio.wait_for(ready.wait(), _WAIT_S)
    return socket


async def _go(script: dict[str, Any]) -> dict[str, Any]:
    environment = os.environ
    token = base64.b64encode(f"{environment['CRISP_IDENTIFIER']}:{environment['CRISP_KEY']}".encode()).decode()
    kustomer = {"Authorization": f"Bearer {environment['KUSTOMER_API_KEY']}"}
    crisp = {"Authorization": f"Basic {token}", "X-Crisp-Tier": environment["CRISP_TIER"]}
    source, target = _origin(environment["KUSTOMER_URL"]), _origin(environment["CRISP_URL"])
    began = time.monotonic()
    async with (
        httpx.AsyncClient(base_url=source, headers=kustomer, timeout=_WAIT_S, trust_env=False) as to_source,
        httpx.AsyncClient(base_url=target, headers=crisp, timeout=_WAIT_S, trust_env=False) as to_target,
        httpx.AsyncClient(timeout=_WAIT_S, trust_env=False) as outside,
    ):
        loop = Loop(script, {"source": to_source, "target": to_target, "none": outside})
        socket = await _listen(to_target, loop)
        await loop.run("extract")
        middle = time.monotonic()
        await loop.run("deliver")
        ended = time.monotonic()
        await socket.disconnect()
    return {
        "seconds": ended - began,
        "extract_seconds": middle - began,
        "deliver_seconds": ended - middle,
        "requests": loop.requests,
        "unlike": loop.unlike,
    }


def main() -> None:
    """Run the script named by the environment."""
    before = time.process_time()
    script = json.loads(Path(os.environ["BENCH_SCRIPT"]).read_text("utf-8"))
    reading = time.process_time() - before  # a loop that makes its own requests would read no script
    told = asyncio.run(_go(script))
    print(json.dumps(told | {"cpu_seconds": time.process_time() - reading}))


if __name__ == "__main__":
    main()
