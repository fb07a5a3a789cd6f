"""What a workspace holds: conversations, profiles, operators, inboxes, settings, a helpdesk, and who sees what."""

from __future__ import annotations

import time
import uuid
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.bodies import Bodies
from mig_crisp.sandbox.bucket import Bucket
from mig_crisp.sandbox.feed import Event, Feed
from mig_crisp.sandbox.helpdesk import Helpdesk
from mig_crisp.sandbox.notices import Notices
from mig_crisp.sandbox.options import PLANS, Limits, Plan, Switches
from mig_crisp.sandbox.pace import Pace
from mig_crisp.sandbox.rtm import Endpoints
from mig_crisp.sandbox.shelf import Shelf

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:mig:crisp-sandbox")
"""Every id is made from it, so that two runs of one story give the same ids."""
STATES = ("pending", "unresolved", "resolved")
"""In the order of `status`: pending nobody has answered or asked, unresolved it is open, resolved it is done."""


def make_id(name: str) -> str:
    """The id of a thing by its name."""
    return str(uuid.uuid5(NAMESPACE, name))


class SandboxClock:
    """The sandbox's own time: seconds since 1970 as they are told, moved on by tests."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead_s = 0.0

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int((self._now() + self._ahead_s) * 1000)

    def advance(self, seconds: float) -> None:
        """Move on; never back."""
        if seconds < 0:
            raise ValueError("the sandbox's clock does not run backwards")
        self._ahead_s += seconds


@dataclass(slots=True)
class Message:
    """A message as it is read, and what is known of it beside."""

    view: Json
    """The object the API shows."""
    stealth: bool
    arrival: int
    original: Json | None = None

    @property
    def timestamp(self) -> int:
        """When it was said, as the sender told."""
        stamp: int = self.view["timestamp"]
        return stamp

    @property
    def fingerprint(self) -> int:
        """Its number in the conversation."""
        number: int = self.view["fingerprint"]
        return number

    @property
    def from_user(self) -> bool:
        """It is the customer's word, neither a note nor an event."""
        return self.view["from"] == "user" and self.view["type"] not in ("note", "event")

    @property
    def wakes(self) -> bool:
        """An operator is mailed when it stays unread."""
        return self.from_user and not self.stealth


@dataclass(slots=True)
class Session:
    """A conversation."""

    session_id: str
    created_at: int
    updated_at: int
    metas: Json = field(default_factory=lambda: {"nickname": "", "email": "", "data": {}, "segments": []})
    messages: list[Message] = field(default_factory=list)
    """In stored order: by timestamp, and by arrival inside one millisecond."""
    by_fingerprint: dict[int, Message] = field(default_factory=dict)
    """The first message of each fingerprint."""
    state: str = "pending"
    people_id: str | None = None
    inbox_id: str | None = None
    assigned: str | None = None
    participants: list[Json] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    verified: bool = False
    blocked: bool = False
    opened: bool = False
    waiting_since: int | None = None
    last_arrival: int = 0
    unread_noticed: bool = False
    """An operator was mailed about it since it was last read."""
    closed_at: int = 0
    removed: bool = False

    def insert(self, message: Message) -> None:
        """Put a message in its place by time, behind those of the same millisecond."""
        if not self.messages or self.messages[-1].timestamp <= message.timestamp:
            self.messages.append(message)
        else:
            self.messages.insert(bisect_right(self.messages, message.timestamp, key=lambda one: one.timestamp), message)
        self.by_fingerprint.setdefault(message.fingerprint, message)

    def remove(self, message: Message) -> None:
        """Take a message out; another one of its fingerprint takes its place in the index."""
        self.messages = [one for one in self.messages if one is not message]
        self.by_fingerprint.pop(message.fingerprint, None)
        for one in self.messages:
            if one.fingerprint == message.fingerprint:
                self.by_fingerprint.setdefault(one.fingerprint, one)

    def holds(self, message: Message) -> bool:
        """Whether a message is still in it."""
        return not self.removed and any(one is message for one in self.messages)

    def copy(self) -> Session:
        """Itself as it is now, for readers whose view lags."""
        messages = [replace(one, view=dict(one.view)) for one in self.messages]
        index: dict[int, Message] = {}
        for one in messages:
            index.setdefault(one.fingerprint, one)
        return replace(self, metas=dict(self.metas), messages=messages, by_fingerprint=index)


@dataclass(slots=True)
class Profile:
    """A contact."""

    people_id: str
    view: Json
    """The object the API shows, without its id."""
    data: Json = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    subscribed: bool = True
    bound: bool = False
    """Made by an e-mail set in metas, not by a call."""

    def copy(self) -> Profile:
        """Itself as it is now, for readers whose view lags."""
        return replace(self, view=dict(self.view), data=dict(self.data), events=list(self.events))


class Workspace:
    """One workspace of the platform, in memory."""

    def __init__(self, switches: Switches, limits: Limits, clock: SandboxClock, seed: int) -> None:
        self.switches = switches
        self.limits = limits
        self.plan: Plan = PLANS[limits.plan]
        self.clock = clock
        self.bodies = Bodies(switches)
        self.pace = Pace(limits)
        self.bucket = Bucket(switches, seed)
        self.endpoints = Endpoints(switches, clock)
        self.feed = Feed()
        self.origin = ""
        """Where the sandbox serves, `http://127.0.0.1:PORT`; known once it does."""
        self.identifier = make_id("identifier")
        """The public half of the key."""
        self.website_id = make_id("website")
        self.website_name = "Sandbox"
        self.settings: dict[str, dict[str, bool]] = {
            "emails": {
                "rating": switches.rating,
                "transcript": switches.transcript,
                "trackers": False,
                "junk_filter": True,
            },
            "inbox": {"lock_removal": switches.lock_removal},
        }
        self._read_lag_ms = round(switches.read_lag * 1000)
        self._index_lag_ms = max(self._read_lag_ms, round(switches.index_lag * 1000))
        self.sessions: Shelf[Session] = Shelf(self._index_lag_ms)
        self.people: Shelf[Profile] = Shelf(self._index_lag_ms)
        self.people_by_email: dict[str, str] = {}
        self.operators: dict[str, Json] = {}
        self.invites: list[Json] = []
        self.inboxes: dict[str, Json] = {}
        self.teams: dict[str, Json] = {}
        #: Names that were ever used, per list of suggestions; they outlive the last object that had them.
        self.suggestions: dict[str, dict[str, None]] = {
            name: {} for name in ("session_segments", "session_data", "people_segments", "people_data")
        }
        self.notices = Notices()
        self._seed = seed
        self._made = 0
        self.helpdesk = Helpdesk(switches, self._read_lag_ms, self.new_id)

    def new_id(self, kind: str) -> str:
        """The id of a new thing; the same in every run of the same story."""
        self._made += 1
        return make_id(f"{self._seed}/{kind}/{self._made}")

    def new_fingerprint(self, session: Session) -> int:
        """A fingerprint the conversation does not have."""
        self._made += 1
        number = 500_000_000_000 + self._made * 7919 % 99_999_999_977
        while number in session.by_fingerprint:
            number += 1
        return number

    def read_at(self, now: int) -> int:
        """The moment a reader sees now."""
        return now - self._read_lag_ms

    def index_at(self, now: int) -> int:
        """The moment a search sees now."""
        return now - self._index_lag_ms

    @property
    def lags(self) -> bool:
        """Whether readers see the past at all."""
        return self._read_lag_ms > 0

    def visible(self, session: Session) -> bool:
        """Whether a conversation shows in the inbox: a customer has said something in it."""
        switches = self.switches
        return any(
            (one.from_user and (not one.stealth or switches.stealth_user_visible))
            or (switches.user_note_visible and one.view["type"] == "note" and one.view["from"] == "user")
            for one in session.messages
        )

    def tell(self, name: str, **data: Any) -> None:
        """Tell the sockets of this website that something took effect."""
        self.feed.publish(Event(name, self.website_id, {"website_id": self.website_id, **data}))

    def tell_of(self, session: Session, name: str, **data: Any) -> None:
        """The same of a conversation."""
        self.tell(name, session_id=session.session_id, inbox_id=session.inbox_id, **data)

    def suggest(self, name: str, words: list[str] | Json) -> None:
        """Remember names for a list of suggestions."""
        known = self.suggestions[name]
        for one in words:
            known[one] = None

    def add_profile(self, view: Json, now: int, *, bound: bool = False) -> Profile:
        """A new profile; the caller has made sure that its e-mail is free."""
        profile = Profile(
            self.new_id("people"), {"segments": [], **view, "created_at": now, "updated_at": now}, bound=bound
        )
        self.people.put(profile.people_id, profile, now)
        self.people_by_email[view["email"].casefold()] = profile.people_id
        self.suggest("people_segments", profile.view["segments"])
        self.tell("people:profile:created", people_id=profile.people_id, email=view["email"])
        return profile

    def drop_profile(self, profile: Profile, now: int) -> None:
        """Remove a profile; its conversations stay, bound to nobody."""
        self.people.drop(profile.people_id)
        self.people_by_email.pop(profile.view["email"].casefold(), None)
        for session_id in [one.session_id for one in self.sessions.live.values() if one.people_id == profile.people_id]:
            session = self.sessions.take(session_id, now)
            if session is not None:
                session.people_id = None

    def drop_session(self, session: Session) -> None:
        """Remove a conversation."""
        session.removed = True
        self.sessions.drop(session.session_id)
