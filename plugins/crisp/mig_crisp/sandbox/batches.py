"""Batches: one request for many; closed to keys by default, and an empty list means all."""

from __future__ import annotations

from collections.abc import Callable

from mig_crisp.sandbox.answers import Answer, dispatched, invalid, not_allowed, updated
from mig_crisp.sandbox.bodies import Bodies
from mig_crisp.sandbox.conversations import assign, change_state, drop, mark, move, set_metas_of
from mig_crisp.sandbox.matching import check_filter, matches
from mig_crisp.sandbox.people import drop_profile, view_profile
from mig_crisp.sandbox.routing import Call, Handler, Route
from mig_crisp.sandbox.workspace import Profile, Session

_BASE = "/website/{website_id}/batch"


def sessions_of(call: Call) -> list[Session]:
    """The conversations a batch is about: those it names; without any, every one of the workspace."""
    desk, names = call.desk, call.body.get("sessions") or []
    if len(names) > desk.switches.batch_max:
        raise invalid(f"data.sessions should NOT have more than {desk.switches.batch_max} items")
    sessions = [desk.sessions.take(name, call.now) for name in (names or list(desk.sessions.live))]
    inbox_id = call.body.get("inbox_id") if call.path.rpartition("/")[2] != "inbox" else None
    return [one for one in sessions if one is not None and (inbox_id is None or one.inbox_id == inbox_id)]


def people_of(call: Call) -> list[Profile]:
    """The profiles a batch is about."""
    desk, people = call.desk, call.body["people"]
    names = people.get("profiles") or []
    if len(names) > desk.switches.batch_max:
        raise invalid(f"data.people.profiles should NOT have more than {desk.switches.batch_max} items")
    if "search" in people:
        filters = check_filter(people["search"]["filter"], "people")
        operator = people["search"].get("operator", "and")
        found = [one.people_id for one in desk.people.live.values() if matches(view_profile(one), filters, operator)]
        names = [*names, *found]
    profiles = [desk.people.take(name, call.now) for name in (names or list(desk.people.live))]
    return [one for one in profiles if one is not None]


def each(change: Callable[[Call, Session], None]) -> Handler:
    """A batch that does one thing to each of its conversations."""

    def handler(call: Call) -> Answer:
        for session in sessions_of(call):
            change(call, session)
        return updated()

    return handler


def _state(word: str) -> Callable[[Call, Session], None]:
    def change(call: Call, session: Session) -> None:
        change_state(call, session, word)
        session.updated_at = call.now

    return change


def _block(call: Call, session: Session) -> None:
    session.blocked = call.body["blocked"]
    call.desk.tell_of(session, "session:set_block", is_blocked=session.blocked)


def _remove(call: Call) -> Answer:
    desk = call.desk
    if desk.settings["inbox"]["lock_removal"]:
        raise not_allowed("inbox.lock_removal")
    people = people_of(call) if "people" in call.body else []
    sessions = sessions_of(call) if "people" not in call.body or "sessions" in call.body else []
    for profile in people:
        drop_profile(call, profile)
    for session in sessions:
        drop(call, session)
    return updated()


def _data(call: Call) -> Answer:
    if "people" in call.body:
        for profile in people_of(call):
            profile.data = {**profile.data, **call.body["data"]}
        call.desk.suggest("people_data", call.body["data"])
        return updated()
    for session in sessions_of(call):
        set_metas_of(call.desk, session, {"data": call.body["data"]}, call.now)
    return updated()


def _segments(call: Call) -> Answer:
    segments = call.body["segments"]
    if "people" in call.body:
        for profile in people_of(call):
            profile.view = {**profile.view, "segments": segments, "updated_at": call.now}
        call.desk.suggest("people_segments", segments)
        return updated()
    for session in sessions_of(call):
        set_metas_of(call.desk, session, {"segments": segments}, call.now)
    return updated()


def _report(call: Call) -> Answer:
    sessions_of(call)
    return dispatched()


def _verb(word: str) -> str:
    return "POST" if word == "report" else "PATCH"


def routes(bodies: Bodies) -> list[Route]:
    """The routes of this module."""
    handlers: dict[str, Handler] = {
        "resolve": each(_state("resolved")),
        "unresolve": each(_state("unresolved")),
        "read": each(lambda call, session: mark(call, session, "read", "user", "chat")),
        "unread": each(lambda call, session: mark(call, session, "read", "user", "")),
        "remove": _remove,
        "routing": each(assign),
        "inbox": each(move),
        "data": _data,
        "segments": _segments,
        "block": each(_block),
        "report": _report,
    }
    return [
        Route(_verb(word), f"{_BASE}/{word}", handler, body=bodies.batches[word], closed="batches")
        for word, handler in handlers.items()
    ]
