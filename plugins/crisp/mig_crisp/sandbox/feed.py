"""What the workspace tells those who listen: events, each for one room, and lost when nobody hears them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from mig_crisp.sandbox.answers import Json


class Event(Struct, frozen=True):
    """One event of the real-time API."""

    name: str
    """As a socket asks for it: `message:send`."""
    room: str
    """The website it belongs to; for an upload that names no website, the identifier of the key."""
    data: Json


class Feed:
    """Hands each event to whoever carries it to the sockets; without a carrier it is counted and forgotten."""

    def __init__(self) -> None:
        self.published: Counter[str] = Counter()
        self.carry: Callable[[Event, float], None] | None = None
        """Set by the server while it serves; takes the event and the seconds it comes late."""

    def publish(self, event: Event, late_s: float = 0.0) -> None:
        """Tell of something that took effect just now."""
        self.published[event.name] += 1
        if self.carry is not None:
            self.carry(event, late_s)
