"""A headless Chromium that opens pages from a folder, as a person would; nothing but this machine is reached."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.asked: list[str] = []
        """Every address that was asked for."""
        self.complaints: list[str] = []
        """What the console said: refusals of the page's policy, errors."""

    async def call(self, method: str, **arguments: Any) -> Any:
        """One command of the browser's protocol."""
        self._number += 1
        await self._socket.send_str(json.dumps({"id": self._number, "method": method, "params": arguments}))
        while True:
            message = json.loads((await self._socket.receive(timeout=60)).data)
            if message.get("method") == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            if message.get("method") == "Log.entryAdded":
                self.complaints.append(message["params"]["entry"]["text"])
            if message.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def run(self, script: str) -> Any:
        """What an expression is worth in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait(self, script: str, seconds: float = 20.0) -> float:
        """Until an expression is true. Returns: the seconds it took."""
        began = time.monotonic()
        while not await self.run(f"!!({script})"):
            assert time.monotonic() - began < seconds, (
                f"{script}\n{self.complaints}\n{await self.run('document.body.innerText')}"
            )
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def open(self, address: str) -> float:
        """Go to an address. Returns: the seconds until it was there."""
        began = time.monotonic()
        await self.call("Page.navigate", url=address)
        await self.wait("document.readyState === 'complete'")
        return time.monotonic() - began

    async def type(self, text: str) -> None:
        """Type where the cursor is."""
        await self.call("Input.insertText", text=text)

    async def shoot(self, file: Path, width: int, height: int, *, dark: bool = False) -> None:
        """A picture of what is seen."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await asyncio.sleep(0.3)
        shot = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """A browser with one page.

    Args:
        folder: An empty one, for what it keeps.
    """
    assert CHROMIUM is not None
    switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command = [CHROMIUM, *switches, *quiet, f"--user-data-dir={folder}", "about:blank"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = folder / "DevToolsActivePort"
        for _ in range(600):
            if port.is_file() and port.read_text().count("\n"):
                break
            await asyncio.sleep(0.05)
        base = f"http://127.0.0.1:{port.read_text().split()[0]}"
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{base}/json/new?about:blank") as answer:
                where = (await answer.json(content_type=None))["webSocketDebuggerUrl"]
            async with session.ws_connect(where, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await tab.call(f"{domain}.enable")
                yield tab
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
