"""Counts what would have reached a person: a migration that is silent leaves this list empty."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from mig_crisp.sandbox.workspace import Message, Session, Workspace

UNREAD_MS = 180_000
"""How long a customer's message may stay unread before an operator is mailed."""
CLOSING_MS = 3_600_000
"""How long after the last message a transcript, with its request for a rating, is mailed."""

KINDS = {
    "operator_message": "a message from the operator, no note, without stealth: mailed to the customer",
    "participant_copied": "such a message again, for each participant of the conversation",
    "participant_set": "a participant set: CC'd on whatever is answered later",
    "mention": "an operator or team mentioned",
    "routing": "a conversation assigned without silent",
    "unread": "a customer's message not marked read within three minutes",
    "transcript": "a transcript an hour after the last message, while emails.transcript is on",
    "rating": "the request for a rating then, while emails.rating is on",
    "people_event": "an event on a profile: may start a campaign",
    "operator_invite": "an operator invited",
    "operator_email": "a mail to operators",
    "call": "a call that sends by itself: transcript, reminder, feedback, initiate",
}


class Notice(Struct, frozen=True):
    """One thing that would have reached a person."""

    kind: str
    session_id: str | None
    at: int
    """Milliseconds of the sandbox's clock."""
    request: int
    """The write of the history that caused it."""
    detail: str = ""


class Notices:
    """All notices, and the timers that make some of them."""

    def __init__(self) -> None:
        self.all: list[Notice] = []
        self.counts: Counter[str] = Counter()
        # Every delay is the same for all and the clock never runs backwards, so both stay sorted by their due time.
        self._unread: deque[tuple[int, Session, Message, int]] = deque()
        self._closing: deque[tuple[int, Session, int]] = deque()

    def add(self, kind: str, session_id: str | None, at: int, request: int, detail: str = "") -> None:
        """Count one notice of one of `KINDS`."""
        self.counts[kind] += 1
        self.all.append(Notice(kind, session_id, at, request, detail))

    def arrived(self, session: Session, message: Message, now: int, request: int) -> None:
        """A message arrived: its conversation's hour starts anew, and from a customer its three minutes too."""
        session.last_arrival = now
        self._closing.append((now + CLOSING_MS, session, request))
        if message.wakes:
            self._unread.append((now + UNREAD_MS, session, message, request))

    def settle(self, desk: Workspace, now: int) -> None:
        """Let the timers due by now strike; called before anything changes, so that what they find is what was."""
        while self._unread and self._unread[0][0] <= now:
            due, session, message, request = self._unread.popleft()
            if message.view["read"] or session.unread_noticed or not session.holds(message):
                continue
            session.unread_noticed = True
            self.add("unread", session.session_id, due, request)
        while self._closing and self._closing[0][0] <= now:
            due, session, request = self._closing.popleft()
            if session.last_arrival + CLOSING_MS != due or session.removed or session.closed_at == due:
                continue
            session.closed_at = due
            for kind in ("transcript", "rating"):
                if desk.settings["emails"][kind]:
                    self.add(kind, session.session_id, due, request)

    def dump(self) -> dict[str, Any]:
        """The notices and how many there are of each kind."""
        return {"counts": dict(self.counts), "notices": self.all}
