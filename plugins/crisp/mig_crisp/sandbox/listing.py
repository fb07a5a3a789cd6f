"""The list of conversations: who is in it, in which order, and what a search finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mig_crisp.sandbox.answers import Answer, Json, Refusal, invalid, listed, upgrade
from mig_crisp.sandbox.matching import matches, page_of, read_filter
from mig_crisp.sandbox.routing import Call, Route
from mig_crisp.sandbox.shapes import Read, date, flag, whole, word, word_of
from mig_crisp.sandbox.workspace import STATES, Session, Workspace

Query = Mapping[str, Any]
QUERY: dict[str, Read] = {
    "per_page": whole(20, 50),
    "include_empty": flag,
    "filter_inbox_id": word,
    "filter_unread": flag,
    "filter_resolved": flag,
    "filter_not_resolved": flag,
    "filter_mention": flag,
    "filter_assigned": word,
    "filter_unassigned": flag,
    "filter_date_start": date,
    "filter_date_end": date,
    "order_date_created": flag,
    "order_date_updated": flag,
    "order_date_waiting": flag,
    "search_type": word_of("text", "segment", "filter"),
    "search_query": word,
    "search_operator": word_of("and", "or"),
}


def view_session(desk: Workspace, session: Session) -> Json:
    """A conversation as the API shows it."""
    spoken = [one for one in session.messages if one.view["type"] != "event"]
    view: Json = {
        "session_id": session.session_id,
        "website_id": desk.website_id,
        "state": session.state,
        "status": STATES.index(session.state),
        "is_verified": session.verified,
        "is_blocked": session.blocked,
        "availability": "offline",
        "active": {"now": False, "last": session.updated_at},
        "last_message": "",
        "verifications": [],
        "participants": session.participants,
        "mentions": session.mentions,
        "compose": {"operator": {}, "visitor": {}},
        "unread": {"operator": unread(session, "user"), "visitor": unread(session, "operator")},
        "assigned": {} if session.assigned is None else {"user_id": session.assigned},
        "meta": session.metas,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }
    if spoken:
        last = spoken[-1].view
        excerpt = last["content"][:100] if isinstance(last["content"], str) else last["type"]
        view["last_message"] = excerpt
        view["preview_message"] = {key: last[key] for key in ("type", "from", "fingerprint")} | {"excerpt": excerpt}
    for name in ("inbox_id", "people_id", "waiting_since"):
        if getattr(session, name) is not None:
            view[name] = getattr(session, name)
    return view


def unread(session: Session, side: str) -> int:
    """How many messages of one side nobody has read; notes and events are for nobody to read."""
    messages = (one.view for one in session.messages)
    return sum(
        1 for one in messages if one["from"] == side and not one["read"] and one["type"] not in ("note", "event")
    )


def listing(call: Call) -> Answer:
    """One page of the conversations a query asks for."""
    desk, query = call.desk, call.query
    page, found = call.page(), _search(desk, query)
    at = desk.read_at(call.now) if query.get("search_type") is None else desk.index_at(call.now)
    call.stale = desk.sessions.written_at > at
    tests = [*_tests(desk, query), found]
    sessions = [one for one in desk.sessions.all_seen(at) if all(test(one) for test in tests)]
    sessions.sort(key=_order(query), reverse=True)
    return listed([view_session(desk, one) for one in page_of(sessions, page, query.get("per_page", 20))])


def _order(query: Query) -> Callable[[Session], tuple[int, str]]:
    if query.get("order_date_created"):
        return lambda one: (one.created_at, one.session_id)
    if query.get("order_date_waiting"):
        return lambda one: (one.waiting_since or 0, one.session_id)
    return lambda one: (one.updated_at, one.session_id)


def _tests(desk: Workspace, query: Query) -> list[Callable[[Session], bool]]:
    """What the query asks, the cheapest first: visibility reads a conversation's messages."""
    tests: list[Callable[[Session], bool]] = []
    if "filter_inbox_id" in query:
        tests.append(lambda one: one.inbox_id == query["filter_inbox_id"])
    if "filter_assigned" in query:
        tests.append(lambda one: one.assigned == query["filter_assigned"])
    if query.get("filter_unassigned"):
        tests.append(lambda one: one.assigned is None)
    if query.get("filter_mention"):
        tests.append(lambda one: bool(one.mentions))
    if "filter_date_start" in query:
        tests.append(lambda one: one.created_at >= query["filter_date_start"])
    if "filter_date_end" in query:
        tests.append(lambda one: one.created_at <= query["filter_date_end"])
    if query.get("filter_resolved"):
        tests.append(lambda one: one.state == "resolved")
    if query.get("filter_not_resolved"):
        tests.append(lambda one: one.state != "resolved")
    if query.get("filter_unread"):
        tests.append(lambda one: unread(one, "user") > 0)
    if not query.get("include_empty"):
        tests.append(desk.visible)
    return tests


def _search(desk: Workspace, query: Query) -> Callable[[Session], bool]:
    kind, asked = query.get("search_type"), query.get("search_query")
    if kind is None and asked is None:
        return lambda one: True
    if kind is None or asked is None:
        raise invalid("query should have both search_type and search_query")
    if len(asked) > desk.switches.max_query:
        raise Refusal(400, "search_query_too_long")
    if kind != "text" and not desk.plan.search:
        raise upgrade("search by segment and filter")
    if kind == "segment":
        return lambda one: asked in one.metas["segments"]
    if kind == "filter":
        filters, operator = read_filter(asked, "session"), query.get("search_operator", "and")
        return lambda one: matches(_subject(one), filters, operator)
    return lambda one: _says(one, asked.casefold())


def _subject(session: Session) -> dict[str, Any]:
    plain = {"state": session.state, "inbox_id": session.inbox_id, "people_id": session.people_id}
    assigned = {"user_id": session.assigned}
    dates = {"created_at": session.created_at, "updated_at": session.updated_at}
    return {**session.metas, **plain, **dates, "assigned": assigned, "meta": session.metas}


def _says(session: Session, asked: str) -> bool:
    names = [session.metas.get(name, "") for name in ("nickname", "email", "phone", "subject")]
    texts = (one.view["content"] for one in session.messages if isinstance(one.view["content"], str))
    return any(asked in one.casefold() for one in names) or any(asked in one.casefold() for one in texts)


def routes() -> list[Route]:
    """The routes of this module."""
    return [
        Route(
            "GET", "/website/{website_id}/conversations/{page}", listing, "website:conversation:sessions", query=QUERY
        )
    ]
