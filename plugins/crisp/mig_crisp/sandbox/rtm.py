"""Where sockets may connect: endpoints handed out by the API, each good for a limited time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mig_crisp.sandbox.answers import Answer, resolved
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.routing import Call, Route

if TYPE_CHECKING:
    from mig_crisp.sandbox.workspace import SandboxClock

PREFIX = "/w/b2/"
"""The path under which sockets connect, as in the platform's own addresses (docs/api/crisp.md, section 8)."""


class Endpoints:
    """The endpoints that were handed out and still live.

    Args:
        switches: `endpoints` and `endpoint_life` are read.
        clock: Theirs is the sandbox's time.
    """

    def __init__(self, switches: Switches, clock: SandboxClock) -> None:
        self._once = switches.endpoints == "once"
        self._life_ms = switches.endpoint_life * 1000
        self._clock = clock
        self._until: dict[str, float] = {}
        self.handed_out = 0

    def hand_out(self) -> str:
        """A path nobody was given before."""
        now = self._clock.now()
        self._until = {name: until for name, until in self._until.items() if until > now}
        self.handed_out += 1
        name = hashlib.sha256(f"endpoint/{self.handed_out}".encode()).hexdigest()[:16]
        self._until[name] = now + self._life_ms
        return f"{PREFIX}{name}/"

    def enter(self, path: str) -> bool:
        """Whether a connection may be made at this path now; an endpoint good for one connection is used up."""
        name = path.removeprefix(PREFIX).strip("/")
        if self._until.get(name, 0) <= self._clock.now():
            return False
        if self._once:
            del self._until[name]
        return True


def get_endpoints(call: Call) -> Answer:
    """A fresh address for a socket."""
    desk = call.desk
    return resolved({"socket": {"app": desk.origin.replace("http", "ws", 1) + desk.endpoints.hand_out()}})


def routes() -> list[Route]:
    """The routes of this module.

    The path without a website is what the official npm client asks with a website key; the API page has only the
    other one.
    """
    return [
        Route("GET", "/plugin/connect/endpoints", get_endpoints, tier="plugin"),
        Route("GET", "/website/{website_id}/connect/endpoints", get_endpoints, tier="website"),
        Route("GET", "/website/connect/endpoints", get_endpoints, tier="website"),
    ]
