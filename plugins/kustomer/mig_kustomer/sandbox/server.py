"""The sandbox as a server: who may ask, how often, what is answered and what is counted."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NoReturn

from aiohttp import web

import mig
from mig.testing.sandbox import CONTROL, Faults, serving
from mig_kustomer.sandbox import files
from mig_kustomer.sandbox.answers import Refusal, error_body, json_answer
from mig_kustomer.sandbox.attributes import CONTEXTS
from mig_kustomer.sandbox.control import Control
from mig_kustomer.sandbox.dataset import read_dataset
from mig_kustomer.sandbox.generate import generate
from mig_kustomer.sandbox.limits import Limits
from mig_kustomer.sandbox.organisation import Organisation
from mig_kustomer.sandbox.routing import Call, Route, Router
from mig_kustomer.sandbox.rows import Json
from mig_kustomer.sandbox.searching import Disturbance
from mig_kustomer.sandbox.switches import Switches, read_switches
from mig_kustomer.sandbox.table import routes

#: How many customers are made up when neither a dataset nor a number is given.
_SMALL = 100
_TITLES = {500: "Internal server error", 502: "Bad gateway", 503: "Service unavailable", 429: "Too many requests"}


class Sandbox:
    """The running sandbox: tests in the same process change and read it through this object.

    Args:
        options: What was asked for.
        seconds: Since 1970, where time is not the machine's.
    """

    def __init__(self, options: mig.SandboxOptions, seconds: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self.switches = read_switches(options.switches)
        self.faults = Faults(options.faults)
        self.limits = Limits(options.limits, seconds)
        self.organisation = Organisation(_resources(options, self.switches), self.switches, seconds)
        self.counts: dict[str, Counter[str]] = {"routes": Counter(), "statuses": Counter()}
        self._files = files.ObjectStore(self.organisation.store, self.organisation.clock, self.switches.dead)
        table = routes(Disturbance(options.seed, self.switches.timed_out, self.switches.shift))
        self._router = Router(table)
        self._control = Control(self.organisation, self.counters)
        _check_families(self.switches, {route.family for route in table})

    def application(self) -> web.Application:
        """The web application; faults strike outermost."""
        app = web.Application(middlewares=[self.faults.middleware(self._fault)], client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    def counters(self) -> dict[str, Counter[str]]:
        """Requests by route template, by status, and faults by name."""
        return {**self.counts, "faults": self.faults.counts}

    def file_bytes(self, attachment_id: str, length: int) -> bytes:
        """What the object store gives for an attachment, whole."""
        return b"".join(files.file_bytes(attachment_id, length))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = request.rel_url.raw_path
        if raw.startswith(CONTROL):
            return await self._control.answer(request)
        if raw.startswith(files.PREFIX):
            response = await self._files.serve(request)
            return self._count(f"GET {files.PREFIX}{{organisation}}/{{file}}", response)
        if self.switches.latency:
            await asyncio.sleep(self.switches.latency)
        match = self._router.find(request.method, raw)
        route, params = match if match else (None, {})
        try:
            self._admit(request)
        except Refusal as refusal:
            return self._count(route, self._refused(route, refusal, self.limits.headers()))
        allowed, headers = self.limits.spend(search=route is not None and route.search)
        try:
            response = await self._endpoint(request, route, params, allowed=allowed)
        except Refusal as refusal:
            response = self._refused(route, refusal, headers)
        response.headers.update(headers)
        return self._count(route, response)

    async def _endpoint(
        self, request: web.Request, route: Route | None, params: dict[str, str], *, allowed: bool
    ) -> web.Response:
        if not allowed:
            raise Refusal(429, "Too many requests")
        if route is None:
            self._lost(request)
        if route.family in self.switches.forbid:
            raise Refusal(403, "Forbidden", detail="This key has none of the roles this endpoint accepts.")
        call = Call(request, await request.read(), self.organisation, self._files)
        call.params = params
        return route.endpoint(call)

    def _admit(self, request: web.Request) -> None:
        """Check the key.

        Raises:
            Refusal: 401, saying `Expired token` for an expired one.
        """
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if key.startswith("expired"):
            raise Refusal(401, "Expired token")
        if scheme != "Bearer" or key != self.switches.key:
            raise Refusal(401, "Unauthorized")

    def _lost(self, request: web.Request) -> NoReturn:
        raw = request.rel_url.raw_path
        known = any(self._router.find(method, raw) for method in ("GET", "POST"))
        raise Refusal(405, "Method not allowed") if known else Refusal(404, "Not found")

    def _refused(self, route: Route | None, refusal: Refusal, headers: dict[str, str]) -> web.Response:
        family = route.family if route else "routes"
        body = error_body(family, refusal.status, refusal.title, refusal.detail, refusal.source)
        if self.switches.empty_errors == "on":
            body = b""
        response = json_answer(body, refusal.status)
        response.headers.update(headers)
        return response

    def _count(self, route: Route | str | None, response: web.StreamResponse) -> web.StreamResponse:
        name = route.name if isinstance(route, Route) else route or "unknown"
        self.counts["routes"][name] += 1
        self.counts["statuses"][str(response.status)] += 1
        return response

    def _fault(self, status: int) -> web.Response:
        """An injected error; gateways answer 502 and 503 without a body."""
        self.counts["statuses"][str(status)] += 1
        body = b"" if status in (502, 503) else error_body("routes", status, _TITLES[status])
        response = json_answer(body, status)
        if status == 429:
            soon = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(math.ceil(self._seconds()) + 1)}
            response.headers.update({"x-ratelimit-limit": "1000", **soon})
        return response


@asynccontextmanager
async def serve(options: mig.SandboxOptions) -> AsyncIterator[mig.RunningSandbox]:
    """Serve a dataset, or an organisation made up, while the context lasts."""
    sandbox = Sandbox(options)
    async with serving(sandbox.application(), options.port) as url:
        environment = {
            "KUSTOMER_URL": url,
            "KUSTOMER_API_KEY": sandbox.switches.key,
            "KUSTOMER_FOREIGN_MEDIA": "keep",  # its articles name hosts that do not exist, which nobody is to ask for
        }
        yield mig.RunningSandbox(url, environment, sandbox)


def _resources(options: mig.SandboxOptions, switches: Switches) -> Iterator[tuple[str, Json, bytes | None]]:
    if options.dataset is not None and options.generate is not None:
        raise ValueError("a sandbox serves a dataset or a generated organisation, not both")
    if options.dataset is not None:
        return read_dataset(options.dataset)
    customers = _SMALL if options.generate is None else options.generate
    return generate(customers, options.seed, tie=switches.tie, now=switches.clock)


def _check_families(switches: Switches, families: set[str]) -> None:
    known = families | {f"search:{context}" for context in CONTEXTS}
    for name in sorted(switches.forbid - known):
        raise ValueError(f"switch forbid: there is no family {name!r}; there are {', '.join(sorted(known))}")
