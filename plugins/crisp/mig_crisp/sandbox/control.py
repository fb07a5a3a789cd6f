"""Looking into the sandbox and meddling with it: as methods in the same process, or over HTTP under `/_sandbox/`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.bucket import PUBLIC, Upload
from mig_crisp.sandbox.helpdesk_control import HelpdeskControl
from mig_crisp.sandbox.messages import new_message, tell_message
from mig_crisp.sandbox.people import tell_update, view_profile
from mig_crisp.sandbox.sockets import Sockets
from mig_crisp.sandbox.workspace import Message, Profile, Session, Workspace

_ALTERABLE = frozenset(
    ("state", "inbox_id", "assigned", "people_id", "participants", "blocked", "created_at", "updated_at")
)


class Write(Struct, frozen=True):
    """One write that was accepted."""

    number: int
    """From 1, without gaps."""
    at: int
    """Milliseconds of the sandbox's clock."""
    method: str
    path: str
    """As it was sent, with its query."""
    body: Any
    status: int
    answer: Any


class Control(HelpdeskControl):
    """What a test may see and do that no caller of the API can.

    Mutators named `alter_`, `drop_` and `repeat_` damage what is stored and leave no trace; those ending in
    `_by_hand` are what a person in the app does, dates included, and sockets hear of it. None of them counts as a
    write or notifies.
    """

    def __init__(self, desk: Workspace, sockets: Sockets) -> None:
        self.desk = desk
        self.sockets = sockets
        self.writes: list[Write] = []
        self.requests = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    # ---- looking ----------------------------------------------------------------------------------------------------

    def state(self) -> Json:
        """Everything the workspace holds, as it is and not as a reader may see it."""
        desk = self.desk
        return {
            "website_id": desk.website_id,
            "plan": desk.limits.plan,
            "now": desk.clock.now(),
            "settings": desk.settings,
            "operators": list(desk.operators.values()),
            "invites": desk.invites,
            "inboxes": list(desk.inboxes.values()),
            "teams": list(desk.teams.values()),
            "conversations": [_dump_session(desk, one) for one in desk.sessions.live.values()],
            "people": [_dump_profile(one) for one in desk.people.live.values()],
            "helpdesk": self.helpdesk_state(),
        }

    def history(self, after: int = 0) -> list[Write]:
        """The writes accepted, in their order; after some number only the later ones."""
        return self.writes[after:]

    def counters(self) -> Json:
        """How many requests came, by route and status, what was refused and why, and what is held."""
        sessions = self.desk.sessions.live.values()
        return {
            "requests": self.requests,
            "writes": len(self.writes),
            "by_route": dict(self.by_route),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "refused": dict(self.refused),
            "faults": dict(self.faults),
            "notifications": self.notifications()["counts"],
            "conversations": len(sessions),
            "messages": sum(len(one.messages) for one in sessions),
            "people": len(self.desk.people.live),
            "helpdesk": self.helpdesk_counters(),
            "events": dict(self.desk.feed.published),
            "sockets": self.sockets.dump(),
            "bucket": {**self.desk.bucket.counts, "stored": len(self.desk.bucket.stored())},
        }

    def bucket(self) -> list[Json]:
        """The files that were stored: `url, name, type, size, sha256, puts`, and `used_by`: what names it."""
        stored = self.desk.bucket.stored()
        used = _uses(self.desk, [one.url for one in stored])
        return [{**_dump_upload(one), "used_by": used[one.url]} for one in stored]

    def notifications(self) -> Json:
        """What would have reached a person by now: `counts` by kind, and the `notices`."""
        self.desk.notices.settle(self.desk, self.desk.clock.now())
        return self.desk.notices.dump()

    def advance(self, seconds: float) -> int:
        """Move the sandbox's clock on; its new time in milliseconds."""
        self.desk.clock.advance(seconds)
        self.desk.notices.settle(self.desk, self.desk.clock.now())
        return self.desk.clock.now()

    # ---- meddling ---------------------------------------------------------------------------------------------------

    def drop_message(self, session_id: str, fingerprint: int) -> None:
        """Lose a message."""
        session = self._session(session_id)
        session.remove(self._message(session, fingerprint))

    def drop_sockets(self) -> int:
        """Cut the connection of every socket, as a failing network does; how many there were."""
        return self.sockets.drop()

    def alter_message(self, session_id: str, fingerprint: int, **fields: Any) -> None:
        """Change fields of a message as it is read; with another timestamp it moves."""
        session = self._session(session_id)
        message = self._message(session, fingerprint)
        session.remove(message)
        message.view = {**message.view, **fields}
        session.insert(message)

    def repeat_message(self, session_id: str, fingerprint: int) -> None:
        """Store a message a second time."""
        session = self._session(session_id)
        message = self._message(session, fingerprint)
        session.insert(Message(dict(message.view), message.stealth, message.arrival, message.original))

    def alter_meta(self, session_id: str, **metas: Any) -> None:
        """Change metas; None takes one away."""
        session = self._session(session_id)
        session.metas = {name: value for name, value in {**session.metas, **metas}.items() if value is not None}

    def drop_conversation(self, session_id: str) -> None:
        """Lose a conversation."""
        self.desk.drop_session(self._session(session_id))

    def alter_conversation(self, session_id: str, **fields: Any) -> None:
        """Change state, inbox_id, assigned, people_id, participants ... of a conversation."""
        session = self._session(session_id)
        for name, value in fields.items():
            if name not in _ALTERABLE:
                raise ValueError(f"a conversation has no {name!r} to alter")
            setattr(session, name, value)

    def alter_profile(self, people_id: str, **fields: Any) -> None:
        """Change fields of a profile as it is read; `data` is its custom data. Its e-mail stays what it is found by."""
        profile = self.desk.people.live[people_id]
        profile.data = fields.pop("data", profile.data)
        profile.view = {**profile.view, **fields}

    def drop_profile(self, people_id: str) -> None:
        """Lose a profile."""
        self.desk.drop_profile(self.desk.people.live[people_id], self.desk.clock.now())

    def answer_by_hand(self, session_id: str, text: str, user_id: str | None = None) -> int:
        """An operator answers a conversation in the app; the message's fingerprint."""
        operator = self.desk.operators[user_id or next(iter(self.desk.operators))]
        name = f"{operator['first_name']} {operator['last_name']}".strip()
        body = {"type": "text", "from": "operator", "origin": "chat", "content": text}
        author = {"type": "website", "nickname": name, "user_id": operator["user_id"]}
        return self._say(session_id, {**body, "user": author})

    def write_by_hand(self, session_id: str, text: str) -> int:
        """The customer writes; the message's fingerprint."""
        fingerprint = self._say(session_id, {"type": "text", "from": "user", "origin": "chat", "content": text})
        self._session(session_id).state = "unresolved"
        return fingerprint

    def edit_meta_by_hand(self, session_id: str, **metas: Any) -> None:
        """An operator edits metas in the app."""
        self.alter_meta(session_id, **metas)
        session = self._session(session_id)
        session.updated_at = self.desk.clock.now()
        for name in metas:
            self.desk.tell_of(session, f"session:set_{name}", **{name: session.metas.get(name)})

    def edit_profile_by_hand(self, people_id: str, **fields: Any) -> None:
        """An operator edits a profile in the app."""
        self.alter_profile(people_id, **fields, updated_at=self.desk.clock.now())
        tell_update(self.desk, self.desk.people.live[people_id])

    def set_state_by_hand(self, session_id: str, state: str) -> None:
        """An operator resolves or reopens a conversation in the app."""
        self.alter_conversation(session_id, state=state, updated_at=self.desk.clock.now())
        self.desk.tell_of(self._session(session_id), "session:set_state", state=state)

    def _say(self, session_id: str, body: Json) -> int:
        session, now = self._session(session_id), self.desk.clock.now()
        message = new_message(self.desk, session, body, now)
        session.insert(message)
        session.updated_at = now
        tell_message(self.desk, session, message)
        return message.fingerprint

    def _session(self, session_id: str) -> Session:
        return self.desk.sessions.live[session_id]

    def _message(self, session: Session, fingerprint: int) -> Message:
        return session.by_fingerprint[fingerprint]


MUTATORS = tuple(
    name
    for name in (*vars(Control), *vars(HelpdeskControl))
    if name.startswith(("drop_", "alter_", "repeat_")) or name.endswith("_by_hand")
)
"""What `POST /_sandbox/mutate/NAME` takes; the body holds the arguments by name."""


def _dump_upload(upload: Upload) -> Json:
    return {name: getattr(upload, name) for name in ("url", "name", "type", "size", "sha256", "puts")}


def _uses(desk: Workspace, urls: list[str]) -> dict[str, list[Json]]:
    """Which messages name each URL, as their file or anywhere in their text, and which articles."""
    found: dict[str, list[Json]] = {url: [] for url in urls}
    for session in desk.sessions.live.values():
        for message in session.messages:
            content = message.view["content"]
            place = {"session_id": session.session_id, "fingerprint": message.fingerprint}
            if isinstance(content, dict):
                found.get(content.get("url", ""), []).append(place)
            elif isinstance(content, str) and PUBLIC in content:  # a glance first: most texts name no file
                for url in urls:
                    if url in content:
                        found[url].append(place)
    entries = ((one.place[0], one.path, one.content) for one in desk.helpdesk.entries.live.values())
    articles = ((one.locale, one.article_id, one.content) for one in desk.helpdesk.articles.live.values())
    for locale, name, text in (*articles, *entries):
        for url in urls if PUBLIC in text else ():
            if url in text:
                found[url].append({"locale": locale, "article": name})
    return found


def _dump_profile(profile: Profile) -> Json:
    beside = {"data": profile.data, "events": profile.events}
    return {**view_profile(profile), **beside, "subscribed": profile.subscribed, "bound": profile.bound}


def _dump_session(desk: Workspace, session: Session) -> Json:
    return {
        "session_id": session.session_id,
        "people_id": session.people_id,
        "state": session.state,
        "assigned": session.assigned,
        "inbox_id": session.inbox_id,
        "participants": session.participants,
        "mentions": session.mentions,
        "verified": session.verified,
        "blocked": session.blocked,
        "opened": session.opened,
        "visible": desk.visible(session),
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "waiting_since": session.waiting_since,
        "meta": session.metas,
        "messages": [{**one.view, "stealth": one.stealth, "arrival": one.arrival} for one in session.messages],
    }
