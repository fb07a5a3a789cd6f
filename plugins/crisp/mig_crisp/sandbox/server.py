"""The server: every request through the gate to its handler, and the sandbox's own paths beside."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

import mig
from mig.testing.sandbox import CONTROL, Faults, Handler, serving
from mig_crisp.sandbox import (
    batches,
    bucket,
    conversations,
    helpdesk_locale,
    helpdesk_site,
    helpdesk_tree,
    listing,
    messages,
    office,
    people,
    rtm,
)
from mig_crisp.sandbox.answers import Answer, Refusal, envelope, invalid, not_allowed, trouble
from mig_crisp.sandbox.control import MUTATORS, Control, Write
from mig_crisp.sandbox.gate import Key, admit, is_closed
from mig_crisp.sandbox.helpdesk_bodies import HelpdeskBodies
from mig_crisp.sandbox.options import read_limits, read_switches
from mig_crisp.sandbox.pace import Meter
from mig_crisp.sandbox.routing import Call, Route, Router
from mig_crisp.sandbox.shapes import Misfit, read_query
from mig_crisp.sandbox.sockets import Sockets
from mig_crisp.sandbox.staff import settle_in
from mig_crisp.sandbox.storage import Storage
from mig_crisp.sandbox.workspace import SandboxClock, Workspace

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_HARD_LIMIT = 64 * 1024 * 1024  # aiohttp's own; what the platform takes is the switch max_body


class Sandbox(Control):
    """A workspace of the platform with its API in front of it.

    Args:
        options: What was asked for; `dataset` and `generate` mean nothing to a target.
        now: Seconds since 1970, where time is not the machine's.

    Raises:
        ValueError: An unknown switch, limit or fault, or an unreadable file of operators.
    """

    def __init__(self, options: mig.SandboxOptions, now: Callable[[], float] = time.time) -> None:
        switches, limits = read_switches(options.switches), read_limits(options.limits)
        desk, self._faults = Workspace(switches, limits, SandboxClock(now), options.seed), Faults(options.faults)
        self.key = Key(switches.tier, desk.identifier)
        super().__init__(desk, Sockets(self.key, desk.endpoints, switches, self._faults))
        settle_in(self.desk, options.operators)
        desk.feed.carry = self.sockets.carry
        self._storage = Storage(desk.bucket, switches, desk.clock, self._faults, options.seed)
        self._meter = Meter(limits)
        self.faults = self._faults.counts
        bodies, articles = self.desk.bodies, HelpdeskBodies(switches)
        self._router = Router(
            [
                *conversations.routes(bodies),
                *messages.routes(bodies),
                *listing.routes(),
                *people.routes(bodies),
                *office.routes(),
                *batches.routes(bodies),
                *bucket.routes(),
                *helpdesk_site.routes(),
                *(helpdesk_locale.routes(articles) if switches.helpdesk != "tree" else ()),
                *(helpdesk_tree.routes(articles) if switches.helpdesk != "locale" else ()),
                *rtm.routes(),
            ]
        )

    def application(self) -> web.Application:
        """The application to serve."""
        strike: Any = self._faults.middleware(lambda status: _respond(trouble(status)))

        @web.middleware
        async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
            # Sockets and storage ask the same schedule themselves: what is cut there is a stream.
            beside = request.path.startswith((rtm.PREFIX, bucket.PREFIX))
            answer: web.StreamResponse = await (handler(request) if beside else strike(request, handler))
            return answer

        app = web.Application(client_max_size=_HARD_LIMIT, middlewares=[faulty])
        app.router.add_route("*", f"{CONTROL}{{tail:.*}}", self._control)
        app.router.add_route("*", f"{rtm.PREFIX}{{tail:.*}}", self.sockets.answer)
        app.router.add_route("*", f"{bucket.PREFIX}{{tail:.*}}", self._storage.answer)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        app.on_startup.append(self._open)
        app.on_shutdown.append(self._close_sockets)
        app.on_cleanup.append(self._close_storage)
        return app

    async def _open(self, _: web.Application) -> None:
        await self.sockets.open()

    async def _close_sockets(self, _: web.Application) -> None:
        await self.sockets.close()

    async def _close_storage(self, _: web.Application) -> None:
        self._storage.close()  # only now: an upload that was on its way has ended

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        now = self.desk.clock.now()
        self.desk.notices.settle(self.desk, now)
        headers: dict[str, str] = {}
        self.requests += 1
        try:
            answer = self._answer(request, raw, now, headers)
        except Refusal as refusal:
            answer = refusal.answer
            self.refused[answer.reason] += 1
        except Misfit as misfit:
            answer = invalid(str(misfit)).answer
            self.refused[answer.reason] += 1
        self.by_status[answer.status] += 1
        return _respond(answer, headers, head=request.method == "HEAD")

    def _answer(self, request: web.Request, raw: bytes, now: int, headers: dict[str, str]) -> Answer:
        path = request.rel_url.raw_path
        segments = [unquote(one) for one in path.strip("/").split("/")]
        if segments[0] != "v1":
            raise Refusal(404, "not_found")
        self.key.check(request.headers)
        self._meter.spend(now)
        route, params = self._router.find(request.method, segments[1:])
        if route is None:
            if is_closed(segments[1:]):
                raise not_allowed("for the user tier only")
            raise Refusal(405, "method_not_allowed")  # the platform says so of a wrong path too
        self.by_route[f"{route.method} {route.path}"] += 1
        admit(route, params, self.desk.website_id, self.desk.switches)
        query = read_query(request.rel_url.query.items(), route.query)
        body = self._body(route, request, raw)
        call = Call(self.desk, route.method, path, params, query, body, now, len(self.writes) + 1)
        answer = route.handler(call)
        if route.method in ("GET", "HEAD"):
            headers["Bloom-Status"] = "HIT" if call.stale else "MISS" if self.desk.lags else "DIRECT"
        else:
            sent = request.rel_url.raw_path_qs
            self.writes.append(Write(call.number, now, route.method, sent, body, answer.status, envelope(answer)))
        return answer

    def _body(self, route: Route, request: web.Request, raw: bytes) -> Any:
        if len(raw) > self.desk.switches.max_body:
            raise Refusal(413, "payload_too_large")
        body = None
        if raw:
            if request.content_type != "application/json":
                raise invalid("a body needs Content-Type: application/json")
            try:
                body = _decode(raw)
            except msgspec.DecodeError as error:
                raise invalid(f"the body is not JSON: {error}") from None
        if route.body is None:
            if body not in (None, {}):
                raise invalid("data should NOT have properties here")
            return None
        body = {} if body is None else body  # no body, null and {} are one to the platform
        route.body(body, "data")
        return body

    async def _control(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        word, _, name = request.path.removeprefix(CONTROL).partition("/")
        try:
            arguments = _decode(raw) if raw else {}
            status, told = 200, self._command(request, word, name, arguments)
        except (KeyError, TypeError, ValueError) as error:
            status, told = 400, {"error": f"{type(error).__name__}: {error}"}
        return web.Response(status=status, body=_encode(told), content_type="application/json")

    def _command(self, request: web.Request, word: str, name: str, arguments: dict[str, Any]) -> Any:
        if request.method == "GET":
            if word == "history":
                return self.history(int(request.query.get("after", "0")))
            if word == "page":
                return self.public_page(**request.query)
            if word in ("state", "counters", "notifications", "bucket"):
                return getattr(self, word)()
        if request.method == "POST":
            if word == "advance":
                return {"now": self.advance(arguments["seconds"])}
            if word == "mutate" and name in MUTATORS:
                return {"result": getattr(self, name)(**arguments)}
        raise ValueError(
            f"{request.method} {request.path}: known are GET state, history?after=, counters, notifications, bucket, "
            f"page?locale=&name=; "
            f"POST advance, mutate/NAME with NAME of {', '.join(MUTATORS)}"
        )


@asynccontextmanager
async def serve(options: mig.SandboxOptions) -> AsyncIterator[mig.RunningSandbox]:
    """Serve a workspace of the platform on loopback while the context lasts.

    Args:
        options: What was asked for; the switches are in `SWITCHES`.

    Yields:
        Where it is, and the settings by which a client reaches it.
    """
    sandbox = Sandbox(options)
    async with serving(sandbox.application(), options.port) as url:
        sandbox.desk.origin = url
        environment = {
            "CRISP_URL": f"{url}/v1",
            "CRISP_TIER": sandbox.key.tier,
            "CRISP_IDENTIFIER": sandbox.key.identifier,
            "CRISP_KEY": sandbox.key.key,
            "CRISP_WEBSITE_ID": sandbox.desk.website_id,
        }
        yield mig.RunningSandbox(url, environment, sandbox)


def _respond(answer: Answer, headers: dict[str, str] | None = None, *, head: bool = False) -> web.Response:
    body = b"" if head else _encode(envelope(answer))
    return web.Response(status=answer.status, body=body, headers=headers, content_type="application/json")
