"""What stands before every call: the key, its tier and its scopes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from mig_crisp.sandbox.answers import Refusal, missing, not_allowed
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.routing import Route
from mig_crisp.sandbox.workspace import make_id

CLOSED = (
    "people/import",
    "people/export",
    "analytics",
    "campaigns",
    "campaign",
    "conversations/spam",
    "conversations/spams",
    "helpdesk/import",
    "helpdesk/export",
    "helpdesk/domain",
)
"""What lies below these, under a website, is for logged-in users only, and not served to them either."""


class Key:
    """The one key of the workspace."""

    def __init__(self, tier: str, identifier: str) -> None:
        self.tier = tier
        self.identifier = identifier
        self.key = make_id("key").replace("-", "") * 2
        self._expected = f"{self.identifier}:{self.key}".encode()

    def opens(self, username: object, password: object, tier: object) -> bool:
        """Whether a socket shows this key and names its tier."""
        return (username, password, tier) == (self.identifier, self.key, self.tier)

    def check(self, headers: Mapping[str, str]) -> None:
        """Let a call pass that shows this key and names its tier.

        Raises:
            Refusal: 401: no key, a wrong one, no tier, or not the tier of the key.
        """
        scheme, _, shown = headers.get("Authorization", "").partition(" ")
        try:
            same = base64.b64decode(shown, validate=True) == self._expected
        except (binascii.Error, ValueError):
            same = False
        if scheme.lower() != "basic" or not same or headers.get("X-Crisp-Tier") != self.tier:
            raise Refusal(401, "invalid_session")


def admit(route: Route, params: Mapping[str, str], website_id: str, switches: Switches) -> None:
    """Let a call pass whose website, tier and scope are right.

    Raises:
        Refusal: 404 for a website that is not there or where the plugin is not installed, 403 for the rest.
    """
    if switches.tier == "plugin" and not switches.subscribed:
        raise Refusal(404, "not_subscribed")
    if params.get("website_id", website_id) != website_id:
        raise missing("website")
    if route.tier and switches.tier != route.tier:
        raise not_allowed(f"for the {route.tier} tier only")
    if route.closed and switches.tier != "user" and getattr(switches, route.closed) != "allow":
        raise not_allowed("for the user tier only")
    if route.scope and switches.tier != "user":
        side = "read" if route.method in ("GET", "HEAD") else "write"
        if not switches.without_scopes.isdisjoint((route.scope, f"{route.scope}={side}")):
            raise not_allowed(f"scope {route.scope} ({side})")


def is_closed(segments: Sequence[str]) -> bool:
    """Whether a path that is no route lies where only logged-in users go."""
    below = "/".join(segments[2:])
    return segments[:1] == ["website"] and any(below == one or below.startswith(f"{one}/") for one in CLOSED)
