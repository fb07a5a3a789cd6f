"""The real-time API: sockets that authenticate, say what they want to hear, and hear it while they are connected."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

# python-socketio has no types; whoever declares that in pyproject.toml makes this comment idle, not wrong.
import socketio
from aiohttp import web

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.feed import Event
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.rtm import Endpoints

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


class Gate(Protocol):
    """Knows the key."""

    def opens(self, username: object, password: object, tier: object) -> bool:
        """Whether these are the key's."""


class _Schedule(Protocol):
    """The sandbox's schedule of faults."""

    def draw(self) -> str | None: ...


@dataclass(slots=True)
class Listener:
    """One connected socket."""

    transport: asyncio.Transport | None
    """Its connection."""
    silence: asyncio.TimerHandle
    """Closes the socket, unless it authenticates before."""
    events: frozenset[str] = frozenset()
    rooms: frozenset[str] | None = None
    """None: it named none and hears all that its key may."""
    known: bool = False
    """It has authenticated."""
    heard: int = 0
    """Events it was sent."""

    def wants(self, event: Event) -> bool:
        """Whether it asked for an event and its room."""
        return event.name in self.events and (self.rooms is None or event.room in self.rooms)


@dataclass(slots=True)
class _Counts:
    connected: int = 0
    authenticated: int = 0
    unauthorized: int = 0
    silent: int = 0
    """Closed because they said nothing in time."""
    turned_away: int = 0
    """Came to an endpoint that is none, or no longer one."""
    cut: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    unheard: Counter[str] = field(default_factory=Counter)


class Sockets:
    """The socket.io server, the websocket transport only.

    Args:
        gate: Knows the key.
        endpoints: Where connections may be made.
        switches: `auth_wait` and `socket_events` are read.
        faults: The sandbox's schedule; a fault here means that the connection is not made.
    """

    def __init__(self, gate: Gate, endpoints: Endpoints, switches: Switches, faults: _Schedule) -> None:
        self._gate = gate
        self._endpoints = endpoints
        self._switches = switches
        self._faults = faults
        self._listeners: dict[str, Listener] = {}
        self._counts = _Counts()
        self._outbox: asyncio.Queue[Event] = asyncio.Queue()
        self._held: set[asyncio.Transport | None] = set()
        """Connections that are open, those too that never became a socket."""
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._postman: asyncio.Task[None] | None = None
        # Not monitor_clients: a socket that is gone is found by its own unanswered ping, without a task for all.
        self._server = socketio.AsyncServer(
            async_mode="aiohttp",
            transports=["websocket"],
            monitor_clients=False,
            logger=_log,
            engineio_logger=_log,
            async_handlers=False,
        )
        self._server.on("connect", self._connect)
        self._server.on("authentication", self._authenticate)
        self._server.on("disconnect", self._disconnect)

    # ---- serving ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin to carry events."""
        self._postman = asyncio.create_task(self._carry_all())

    async def close(self) -> None:
        """Break every connection, as a server does that stops, and leave nothing running."""
        if self._postman is not None:
            self._postman.cancel()
            with suppress(asyncio.CancelledError):
                await self._postman
        for one in self._listeners.values():
            one.silence.cancel()
        for held in self._held:
            _abort(held)
        await asyncio.gather(*self._goodbyes, return_exceptions=True)
        await self._server.shutdown()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request below the sockets' prefix: hold the connection, or turn it away."""
        if self._faults.draw() is not None:
            return web.Response(status=503)
        if not self._endpoints.enter(request.path):
            self._counts.turned_away += 1
            return web.Response(status=404)
        held = request.transport
        self._held.add(held)
        try:
            answer: web.StreamResponse = await self._server.handle_request(request)
        finally:
            self._held.discard(held)
        return answer

    # ---- carrying ---------------------------------------------------------------------------------------------------

    def carry(self, event: Event, late_s: float) -> None:
        """Send an event to the sockets that want it when it goes out; it is never kept for others."""
        if late_s > 0:
            asyncio.get_running_loop().call_later(late_s, self._outbox.put_nowait, event)
        elif any(one.known for one in self._listeners.values()):
            self._outbox.put_nowait(event)
        else:
            self._counts.unheard[event.name] += 1

    async def _carry_all(self) -> None:
        while True:
            event = await self._outbox.get()
            targets = [(sid, one) for sid, one in self._listeners.items() if one.wants(event)]
            if not targets:
                self._counts.unheard[event.name] += 1
            for sid, one in targets:
                await self._server.emit(event.name, event.data, to=sid)
                self._counts.sent[event.name] += 1
                one.heard += 1
                if one.heard == self._switches.socket_events:
                    await asyncio.sleep(0.01)  # what was sent leaves before the connection breaks
                    self._cut(one)

    # ---- looking and meddling ---------------------------------------------------------------------------------------

    def drop(self) -> int:
        """Cut the connection of every socket, as a network does that fails; how many there were."""
        listeners = list(self._listeners.values())
        for one in listeners:
            self._cut(one)
        return len(listeners)

    def dump(self) -> Json:
        """What was connected, sent and not heard."""
        counts = self._counts
        return {
            "now": len(self._listeners),
            "listening": sum(one.known for one in self._listeners.values()),
            "endpoints": self._endpoints.handed_out,
            **{name: getattr(counts, name) for name in _Counts.__slots__ if name not in ("sent", "unheard")},
            "sent": dict(counts.sent),
            "unheard": dict(counts.unheard),
        }

    def _cut(self, one: Listener) -> None:
        self._counts.cut += 1
        _abort(one.transport)

    # ---- what sockets say -------------------------------------------------------------------------------------------

    async def _connect(self, sid: str, environ: Mapping[str, Any]) -> None:
        self._counts.connected += 1
        loop = asyncio.get_running_loop()
        silence = loop.call_later(self._switches.auth_wait, self._hush, sid)
        self._listeners[sid] = Listener(environ["aiohttp.request"].transport, silence)

    async def _authenticate(self, sid: str, said: Any = None) -> None:
        """Let a socket listen whose words are right; any other one is told so and closed."""
        one = self._listeners.get(sid)
        if one is None:
            return
        one.silence.cancel()
        wishes = self._read(said)
        if wishes is None:
            self._counts.unauthorized += 1
            del self._listeners[sid]
            await self._server.emit("unauthorized", {"message": "Authentication failure"}, to=sid)
            self._part(sid)
            return
        one.events, one.rooms = wishes
        self._counts.authenticated += not one.known
        one.known = True
        await self._server.emit("authenticated", True, to=sid)

    async def _disconnect(self, sid: str, *_reason: str) -> None:
        one = self._listeners.pop(sid, None)
        if one is not None:
            one.silence.cancel()

    def _read(self, said: Any) -> tuple[frozenset[str], frozenset[str] | None] | None:
        """The events and rooms a socket asks for; None: it may not listen, or asks in no form that is known.

        `rooms` may be left out, as the official npm client does; whoever names rooms hears those alone. Names of
        events that nobody knows, and of those for users only, never come.
        """
        if not isinstance(said, dict):
            return None
        events, rooms = said.get("events", []), said.get("rooms")
        words = [events, [] if rooms is None else rooms]
        if not all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in words):
            return None
        if not self._gate.opens(said.get("username"), said.get("password"), said.get("tier")):
            return None
        return frozenset(events), None if rooms is None else frozenset(rooms)

    def _hush(self, sid: str) -> None:
        self._counts.silent += 1
        self._part(sid)

    def _part(self, sid: str) -> None:
        """Close a socket in a task of its own: a handler that waits for its own goodbye would wait for itself."""
        task = asyncio.ensure_future(self._server.disconnect(sid))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is not None:  # None: it has left already
        transport.abort()
