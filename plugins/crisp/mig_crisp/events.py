"""Crisp's real-time events: only there it says where a file may be uploaded (docs/api/crisp.md, section 8)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import socketio
import structlog
from socketio.exceptions import SocketIOError

from mig import Refused, Unclear
from mig_crisp.client import CrispClient
from mig_crisp.settings import CrispSettings

log = structlog.get_logger("mig.crisp")
_HOST = re.compile(r"[a-z0-9.:-]+")
UPLOADS = ("bucket:url:upload:generated", "bucket:url:helpdesk:generated")


class Dropped(Exception):
    """The connection ended while somebody waited; what was missed is not sent again."""


class Events:
    """One connection per run, made when it is first needed, and anew, by a fresh endpoint, when it is lost.

    Args:
        client: Asks for the endpoint.
        settings: Credentials, and how long to wait.
    """

    def __init__(self, client: CrispClient, settings: CrispSettings) -> None:
        self._client = client
        self._settings = settings
        self._socket: socketio.AsyncClient | None = None
        self._http: aiohttp.ClientSession | None = None
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._attempt: asyncio.Task[None] | None = None
        self.heard = 0
        """Events that somebody waited for."""

    async def ready(self) -> None:
        """Be connected. Who asks while an attempt is under way gets its outcome: a blocked socket costs one wait.

        Raises:
            Unclear: Not this time.
            Refused: The credentials do not do for events, or the endpoint is on strange ground.
        """
        if self._attempt is None or self._attempt.done():
            if self._socket is not None and self._socket.connected:
                return
            self._attempt = asyncio.create_task(self._anew())
        await asyncio.shield(self._attempt)

    def expect(self, name: str) -> asyncio.Future[Mapping[str, Any]]:
        """The event that answers the request of this name."""
        future = self._waiting[name] = asyncio.get_running_loop().create_future()
        return future

    def forget(self, name: str) -> None:
        """Nobody waits for it any more."""
        future = self._waiting.pop(name, None)
        if future is not None:
            future.cancel()

    async def close(self) -> None:
        """Leave."""
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
        await self._leave()

    async def _anew(self) -> None:
        await self._leave()
        self._socket = await self._connect(await self._endpoint())

    async def _leave(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            with contextlib.suppress(SocketIOError, OSError, asyncio.TimeoutError):
                await socket.disconnect()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _endpoint(self) -> str:
        """Asked before every connection: an old one may be closed to us."""
        found = await self._client.endpoints()
        sockets = found.get("socket") if isinstance(found, Mapping) else None
        address = sockets.get("app") if isinstance(sockets, Mapping) else None
        if not isinstance(address, str):
            raise Unclear("Crisp named no endpoint for its events")
        if not is_trusted(address, self._settings):
            raise Refused(
                "Crisp's answer names an endpoint for events on another domain; the credentials were not sent there",
                'If it is right, name its host: socket_host = "..." under [target].',
            )
        return address

    async def _connect(self, address: str) -> socketio.AsyncClient:
        self._http = _staying()
        socket = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, logger=False, engineio_logger=False, http_session=self._http
        )
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def say(text: str) -> None:
            if not answer.done():
                answer.set_result(text)

        async def on_disconnect(*_reason: object) -> None:
            say("disconnected")
            for name in list(self._waiting):
                future = self._waiting.pop(name)
                if not future.done():
                    future.set_exception(Dropped())

        socket.on("authenticated", lambda *_: say("authenticated"))
        socket.on("unauthorized", lambda *_: say("unauthorized"))
        socket.on("disconnect", on_disconnect)
        for name in UPLOADS:
            socket.on(name, self._on_upload)
        parts = urlsplit(address)
        wait = self._settings.timeout_s
        try:
            await socket.connect(
                f"{parts.scheme}://{parts.netloc}" + (f"?{parts.query}" if parts.query else ""),
                transports=["websocket"],
                socketio_path=parts.path,
                wait_timeout=wait,
            )
            await socket.emit("authentication", self._credentials())
            said = await asyncio.wait_for(answer, wait)
        except (TimeoutError, SocketIOError, aiohttp.ClientError, OSError, ValueError) as error:
            with contextlib.suppress(SocketIOError, OSError):
                await socket.disconnect()
            await self._http.close()
            raise Unclear(f"Crisp's socket for events cannot be used ({type(error).__name__})") from error
        if said == "unauthorized":
            await socket.disconnect()
            raise Refused(
                "Crisp's socket for events refused the credentials",
                'Check CRISP_TIER; or move files otherwise: files = "folder:PATH" or "link" under [target].',
            )
        if said != "authenticated":
            raise Unclear("Crisp's socket for events closed before it was used")
        log.info("events.connected")
        return socket

    def _credentials(self) -> dict[str, Any]:
        return {
            "username": self._settings.identifier,
            "password": self._settings.key.reveal(),
            "tier": self._settings.tier,
            "events": list(UPLOADS),
            "rooms": [self._settings.website_id],
        }

    async def _on_upload(self, event: object) -> None:
        if not isinstance(event, Mapping):
            return
        resource = event.get("resource")
        if isinstance(resource, Mapping) and resource.get("id") not in (None, self._settings.website_id):
            return  # another website's: the event carries no website_id of its own
        future = self._waiting.pop(str(event.get("id")), None)
        if future is not None and not future.done():
            self.heard += 1
            future.set_result(event)


def _staying() -> aiohttp.ClientSession:
    """A session that follows no redirect: the host the socket was trusted for is the one that gets the key."""

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientError("redirected")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(trace_configs=[trace])


def is_trusted(address: str, settings: CrispSettings) -> bool:
    """Whether the credentials may travel to an endpoint an answer named: encrypted, and on the API's own domain."""
    try:
        found, api = urlsplit(address), urlsplit(settings.url)
        host, own = found.hostname or "", api.hostname or ""
    except ValueError:
        return False
    if found.username is not None or not _HOST.fullmatch(host):
        return False
    secure = found.scheme == "wss" or (found.scheme == "ws" and api.scheme == "http")
    domain = own.partition(".")[2]  # api.crisp.chat: crisp.chat
    is_name = not own.replace(".", "").isdigit() and ":" not in own
    same = host == own or (is_name and "." in domain and host.endswith(f".{domain}"))
    return secure and (same or host == settings.socket_host)
