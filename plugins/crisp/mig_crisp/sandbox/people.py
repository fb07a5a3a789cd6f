"""People: profiles found by id or e-mail, their data, events, subscription and conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mig_crisp.sandbox.answers import (
    Answer,
    Json,
    Refusal,
    added,
    deleted,
    invalid,
    listed,
    resolved,
    updated,
    upgrade,
)
from mig_crisp.sandbox.bodies import SUBSCRIPTION, SUGGESTED_KEY, SUGGESTED_SEGMENT, Bodies
from mig_crisp.sandbox.listing import unread
from mig_crisp.sandbox.matching import matches, page_of, read_filter
from mig_crisp.sandbox.routing import Call, Handler, Route
from mig_crisp.sandbox.shapes import Read, date, flag, whole, word, word_of
from mig_crisp.sandbox.workspace import Profile, Workspace

_BASE = "/website/{website_id}/people"
SORTS = ("created_at", "updated_at", "active", "email", "score")

QUERY: dict[str, Read] = {
    "per_page": whole(20, 50),
    "sort_field": word_of(*SORTS),
    "sort_order": word_of("ascending", "descending"),
    "search_operator": word_of("and", "or"),
    "search_filter": word,
    "search_text": word,
    "filter_date_start": date,
    "filter_date_end": date,
}


def view_profile(profile: Profile) -> Json:
    """A profile as the API shows it."""
    return {"people_id": profile.people_id, **profile.view}


def add(call: Call) -> Answer:
    """A new profile; its e-mail must be new, whatever its case."""
    desk, email = call.desk, call.body["email"]
    if email.casefold() in desk.people_by_email:
        raise Refusal(409, "people_exists")
    if desk.limits.contacts is not None and len(desk.people.live) >= desk.limits.contacts:
        raise upgrade("more contacts")
    return added({"people_id": desk.add_profile(call.body, call.now).people_id})


def get(call: Call) -> Answer:
    """A profile; HEAD asks only whether it is there."""
    return resolved(view_profile(call.seen_profile(by_email=True)))


def save(call: Call) -> Answer:
    """Overwrite a profile with what is sent."""
    profile = call.profile()
    _write(call, profile, {"segments": [], **call.body, "created_at": profile.view["created_at"]})
    return updated()


def update(call: Call) -> Answer:
    """Save the fields sent and leave the others."""
    profile = call.profile(by_email=True)
    _write(call, profile, _merge(profile.view, call.body))
    return updated()


def remove(call: Call) -> Answer:
    """Remove a profile."""
    drop_profile(call, call.profile())
    return deleted()


def drop_profile(call: Call, profile: Profile) -> None:
    """Remove one profile."""
    call.desk.drop_profile(profile, call.now)
    call.desk.tell("people:profile:removed", people_id=profile.people_id)


def listing(call: Call) -> Answer:
    """One page of the profiles a query asks for."""
    desk, query, page = call.desk, call.query, call.page()
    searching = "search_filter" in query or "search_text" in query
    at = desk.index_at(call.now) if searching else desk.read_at(call.now)
    call.stale = desk.people.written_at > at
    test = _test(query, desk.switches.max_query)
    found = [one for one in desk.people.all_seen(at) if test(one)]
    name = query.get("sort_field", "created_at")
    down = query.get("sort_order", "descending") == "descending"
    found.sort(key=lambda one: (_rank(one.view.get(name)), one.people_id), reverse=down)
    return listed([view_profile(one) for one in page_of(found, page, query.get("per_page", 20))])


def get_data(call: Call) -> Answer:
    """The custom data of a profile."""
    return resolved({"data": call.seen_profile().data})


def save_data(call: Call) -> Answer:
    """Replace the custom data."""
    _write_data(call, call.profile(), call.body["data"])
    return updated()


def update_data(call: Call) -> Answer:
    """Merge into the custom data."""
    profile = call.profile()
    _write_data(call, profile, {**profile.data, **call.body["data"]})
    return updated()


def add_event(call: Call) -> Answer:
    """An entry of the timeline, dated now; it may start a campaign."""
    profile = call.profile()
    profile.events.append({"data": {}, **call.body, "timestamp": call.now})
    call.notify("people_event", None, profile.people_id)
    return added()


def get_events(call: Call) -> Answer:
    """The timeline, the newest first."""
    return listed(page_of(call.seen_profile().events[::-1], call.page()))


def get_conversations(call: Call) -> Answer:
    """The ids of a profile's conversations."""
    profile, query, desk = call.seen_profile(), call.query, call.desk
    at = desk.read_at(call.now)
    call.stale = call.stale or desk.sessions.written_at > at
    sessions = [one for one in desk.sessions.all_seen(at) if one.people_id == profile.people_id]
    if query.get("filter_unread"):
        sessions = [one for one in sessions if unread(one, "user")]
    if query.get("filter_resolved"):
        sessions = [one for one in sessions if one.state == "resolved"]
    if query.get("filter_not_resolved"):
        sessions = [one for one in sessions if one.state != "resolved"]
    return listed(page_of([one.session_id for one in sessions], call.page()))


def get_subscription(call: Call) -> Answer:
    """Whether campaigns may be mailed."""
    return resolved({"email": call.seen_profile().subscribed})


def set_subscription(call: Call) -> Answer:
    """Say whether they may."""
    call.profile().subscribed = call.body["email"]
    return updated()


def get_stats(call: Call) -> Answer:
    """How many profiles there are."""
    at = call.desk.read_at(call.now)
    call.stale = call.desk.people.written_at > at
    return resolved({"total": sum(1 for _ in call.desk.people.all_seen(at))})


def suggest(name: str, key: str) -> Handler:
    """A list of suggestions, with how many objects have each now; a name nobody has any more stays, with 0."""

    def handler(call: Call) -> Answer:
        counts = Counter(word for words in _used(call, name) for word in words)
        known = sorted({*call.desk.suggestions[name], *counts}, key=lambda word: (-counts[word], word))
        return listed(page_of([{key: word, "count": counts[word]} for word in known], call.page()))

    return handler


def forget(name: str, key: str) -> Handler:
    """Take a name off a list of suggestions; objects that have it keep it."""

    def handler(call: Call) -> Answer:
        call.desk.suggestions[name].pop(call.body[key], None)
        return deleted()

    return handler


def _used(call: Call, name: str) -> Iterable[Iterable[str]]:
    desk, at = call.desk, call.desk.index_at(call.now)
    if name == "session_segments":
        return (one.metas["segments"] for one in desk.sessions.all_seen(at))
    if name == "session_data":
        return (one.metas["data"] for one in desk.sessions.all_seen(at))
    if name == "people_segments":
        return (one.view["segments"] for one in desk.people.all_seen(at))
    return (one.data for one in desk.people.all_seen(at))


def _merge(old: Json, new: Json) -> Json:
    """Objects merge field by field; anything else is replaced."""
    merged = dict(old)
    for name, value in new.items():
        before = old.get(name)
        merged[name] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _write(call: Call, profile: Profile, view: Json) -> None:
    index, old, new = call.desk.people_by_email, profile.view["email"].casefold(), view["email"].casefold()
    if index.get(new, profile.people_id) != profile.people_id:
        raise Refusal(409, "people_exists")
    del index[old]
    index[new] = profile.people_id
    profile.view = {**view, "updated_at": call.now}
    call.desk.suggest("people_segments", view["segments"])
    tell_update(call.desk, profile)


def tell_update(desk: Workspace, profile: Profile) -> None:
    """Tell the sockets that a profile has changed."""
    update = {name: profile.view[name] for name in ("updated_at", "person") if name in profile.view}
    desk.tell("people:profile:updated", people_id=profile.people_id, email=profile.view["email"], update=update)


def _write_data(call: Call, profile: Profile, data: Json) -> None:
    profile.data = data
    profile.view = {**profile.view, "updated_at": call.now}
    call.desk.suggest("people_data", data)
    tell_update(call.desk, profile)


def _test(query: Mapping[str, Any], longest: int) -> Callable[[Profile], bool]:
    filters: list[Json] = []
    for name in ("search_filter", "search_text"):
        if len(query.get(name, "")) > longest:
            raise Refusal(400, "search_query_too_long")
    if "search_filter" in query:
        filters = read_filter(query["search_filter"], "people")
    elif "search_operator" in query:
        raise invalid("query should have search_filter beside search_operator")
    start, end = query.get("filter_date_start", 0), query.get("filter_date_end", 2**63)
    asked, operator = query.get("search_text", "").casefold(), query.get("search_operator", "and")
    return lambda one: (
        start <= one.view["created_at"] <= end
        and (not filters or matches(_subject(one), filters, operator))
        and (not asked or any(asked in text.casefold() for text in _texts(one)))
    )


def _subject(profile: Profile) -> Json:
    """A filter may name `nickname` as well as `person.nickname`, and custom data as `data.KEY`."""
    return {**profile.view.get("person", {}), **view_profile(profile), "data": profile.data}


def _texts(profile: Profile) -> list[str]:
    person = profile.view.get("person", {})
    return [profile.view["email"], person.get("nickname", ""), person.get("phone", "")]


def _rank(value: Any) -> tuple[bool, float, str]:
    """Profiles without the field stand before all others; numbers before words."""
    return (value is not None, value if isinstance(value, int | float) else 0, value if isinstance(value, str) else "")


def _suggestions(base: str, kind: str, scope: str) -> list[Route]:
    segments, keys = f"{kind}_segments", f"{kind}_data"
    return [
        Route("GET", f"{base}/segments/{{page}}", suggest(segments, "segment"), scope),
        Route("DELETE", f"{base}/segment", forget(segments, "segment"), scope, SUGGESTED_SEGMENT),
        Route("GET", f"{base}/data/{{page}}", suggest(keys, "key"), scope),
        Route("DELETE", f"{base}/data", forget(keys, "key"), scope, SUGGESTED_KEY),
    ]


def routes(bodies: Bodies) -> list[Route]:
    """The routes of this module."""
    profiles, data, events = "website:people:profiles", "website:people:data", "website:people:events"
    one, subscription = f"{_BASE}/profile/{{people_id}}", f"{_BASE}/subscription/{{people_id}}"
    sessions = f"{_BASE}/conversations/{{people_id}}/list/{{page}}"
    filters: dict[str, Read] = dict.fromkeys(("filter_unread", "filter_resolved", "filter_not_resolved"), flag)
    return [
        Route("POST", f"{_BASE}/profile", add, profiles, bodies.profile_add),
        Route("HEAD", one, get, profiles),
        Route("GET", one, get, profiles),
        Route("PUT", one, save, profiles, bodies.profile_save),
        Route("PATCH", one, update, profiles, bodies.profile_update),
        Route("DELETE", one, remove, profiles),
        Route("GET", f"{_BASE}/profiles/{{page}}", listing, profiles, query=QUERY),
        Route("GET", f"{_BASE}/data/{{people_id}}", get_data, data),
        Route("PUT", f"{_BASE}/data/{{people_id}}", save_data, data, bodies.people_data),
        Route("PATCH", f"{_BASE}/data/{{people_id}}", update_data, data, bodies.people_data),
        Route("POST", f"{_BASE}/events/{{people_id}}", add_event, events, bodies.people_event),
        Route("GET", f"{_BASE}/events/{{people_id}}/list/{{page}}", get_events, events),
        Route("GET", sessions, get_conversations, "website:people:conversations", query=filters),
        Route("GET", subscription, get_subscription, "website:people:subscription"),
        Route("PATCH", subscription, set_subscription, "website:people:subscription", SUBSCRIPTION),
        Route("GET", f"{_BASE}/stats", get_stats, "website:people:statistics"),
        *_suggestions(f"{_BASE}/suggest", "people", "website:people:suggest"),
        *_suggestions("/website/{website_id}/conversations/suggest", "session", "website:conversation:sessions"),
    ]
