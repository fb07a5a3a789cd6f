"""Conversations: made, named, bound to a profile, assigned, marked, removed."""

from __future__ import annotations

from mig_crisp.sandbox import bodies as forms
from mig_crisp.sandbox.answers import (
    Answer,
    Json,
    Refusal,
    added,
    deleted,
    dispatched,
    invalid,
    listed,
    not_allowed,
    resolved,
    trouble,
    updated,
    upgrade,
)
from mig_crisp.sandbox.bodies import Bodies
from mig_crisp.sandbox.listing import view_session
from mig_crisp.sandbox.matching import page_of
from mig_crisp.sandbox.messages import leave_event
from mig_crisp.sandbox.routing import Call, Handler, Route
from mig_crisp.sandbox.shapes import any_object
from mig_crisp.sandbox.workspace import Session, Workspace

_ONE = "/website/{website_id}/conversation/{session_id}"
_SCOPE = "website:conversation:"
_TOLD = frozenset(
    ("nickname", "email", "phone", "address", "subject", "avatar", "origin", "data", "segments")
)  # metas with an event of their own


def create(call: Call) -> Answer:
    """A new, empty conversation, if the plan's pace allows one now."""
    desk = call.desk
    if not desk.pace.allows(call.now):
        raise Refusal(423, trouble(423).reason, "too many conversations created")
    session = Session(f"session_{desk.new_id('session')}", call.now, call.now)
    desk.sessions.put(session.session_id, session, call.now)
    return added({"session_id": session.session_id})


def get(call: Call) -> Answer:
    """A conversation; HEAD asks only whether it is there."""
    return resolved(view_session(call.desk, call.seen_session()))


def remove(call: Call) -> Answer:
    """Remove a conversation, unless the workspace has locked that."""
    session = call.session()
    if call.desk.settings["inbox"]["lock_removal"]:
        raise not_allowed("inbox.lock_removal")
    drop(call, session)
    return deleted()


def drop(call: Call, session: Session) -> None:
    """Remove one conversation."""
    call.desk.drop_session(session)
    call.desk.tell_of(session, "session:removed")


def get_metas(call: Call) -> Answer:
    """The metas of a conversation."""
    return resolved(call.seen_session().metas)


def set_metas(call: Call) -> Answer:
    """Set the metas named; `data` and `segments` become what is sent."""
    set_metas_of(call.desk, call.session(), call.body, call.now)
    return updated()


def set_metas_of(desk: Workspace, session: Session, metas: Json, now: int) -> None:
    """Set metas, remember their names as suggestions, and bind the conversation to the profile of its e-mail."""
    if "data" in metas and desk.switches.data_patch == "merge":
        metas = {**metas, "data": {**session.metas["data"], **metas["data"]}}
    session.metas = {**session.metas, **metas}
    session.updated_at = now
    desk.suggest("session_segments", metas.get("segments", []))
    desk.suggest("session_data", metas.get("data", {}))
    for name in metas:
        if name in _TOLD:
            desk.tell_of(session, f"session:set_{name}", **{name: session.metas[name]})
    if "email" in metas and desk.switches.bind != "no":
        session.people_id = desk.people_by_email.get(metas["email"].casefold())
        if session.people_id is None and desk.switches.bind == "create":
            nickname = session.metas["nickname"] or metas["email"].rpartition("@")[0]
            view = {"email": metas["email"], "person": {"nickname": nickname}}
            session.people_id = desk.add_profile(view, now, bound=True).people_id
        if session.people_id is not None:
            desk.tell_of(session, "people:bind:session", people_id=session.people_id)


def get_state(call: Call) -> Answer:
    """The state of a conversation."""
    return resolved({"state": call.seen_session().state})


def set_state(call: Call) -> Answer:
    """Set the state; a change leaves an event message."""
    session, state = call.session(), call.body["state"]
    if session.state != state:
        change_state(call, session, state)
        leave_event(call, session, f"state:{state}", f"marked as {state}")
    return updated()


def change_state(call: Call, session: Session, state: str) -> None:
    """Give one conversation a state."""
    session.state = state
    call.desk.tell_of(session, "session:set_state", state=state)


def get_routing(call: Call) -> Answer:
    """To whom a conversation is assigned."""
    assigned = call.seen_session().assigned
    return resolved({"assigned": None if assigned is None else {"user_id": assigned}})


def set_routing(call: Call) -> Answer:
    """Assign a conversation; without `silent` the operator is notified."""
    session = call.session()
    assign(call, session)
    return updated()


def assign(call: Call, session: Session) -> None:
    """Assign one conversation as the body of a call says."""
    assigned = None if call.body["assigned"] is None else call.body["assigned"]["user_id"]
    if assigned is not None and assigned not in call.desk.operators:
        raise invalid("data.assigned.user_id is no operator of this website")
    before, session.assigned, session.updated_at = session.assigned, assigned, call.now
    call.desk.tell_of(session, "session:set_routing", routing_id=assigned, previous_routing_id=before)
    if assigned is not None and not call.body.get("silent", False):
        call.notify("routing", session.session_id, assigned)


def set_inbox(call: Call) -> Answer:
    """Put a conversation into an inbox, or with null into none."""
    move(call, call.session())
    return updated()


def move(call: Call, session: Session) -> None:
    """Move one conversation as the body of a call says."""
    inbox_id = call.body["inbox_id"]
    if inbox_id is not None and not call.desk.plan.inboxes:
        raise upgrade("inboxes")
    if inbox_id is not None and inbox_id not in call.desk.inboxes:
        raise invalid("data.inbox_id is no inbox of this website")
    before, session.inbox_id, session.updated_at = session.inbox_id, inbox_id, call.now
    call.desk.tell_of(session, "session:set_inbox", previous_inbox_id=before)


def set_open(call: Call) -> Answer:
    """Say that an operator has it open."""
    call.session().opened = call.body["opened"]
    return updated()


def get_participants(call: Call) -> Answer:
    """Who is CC'd."""
    return resolved({"participants": call.seen_session().participants})


def set_participants(call: Call) -> Answer:
    """Set who is CC'd on what is answered later; the plan says how many may be."""
    session, people = call.session(), call.body["participants"]
    if len(people) > call.desk.plan.participants:
        raise upgrade(f"more than {call.desk.plan.participants} participants")
    if people != session.participants:
        session.participants = people
        call.desk.tell_of(session, "session:set_participants", participants=people)
        leave_event(call, session, "participant:updated", "updated the participants")
    for one in people:
        call.notify("participant_set", session.session_id, one["target"])
    return updated()


def get_relations(call: Call) -> Answer:
    """Parent and children; nothing in the API makes any."""
    call.seen_session()
    return resolved({"conversations": {"parent": None, "children": []}})


def set_block(call: Call) -> Answer:
    """Block or unblock the customer; a change leaves an event message."""
    session, blocked = call.session(), call.body["blocked"]
    if session.blocked != blocked:
        session.blocked = blocked
        call.desk.tell_of(session, "session:set_block", is_blocked=blocked)
        word = "blocked" if blocked else "unblocked"
        leave_event(call, session, f"user:{word}", f"{word} the user")
    return updated()


def set_verify(call: Call) -> Answer:
    """Say whether the customer is who they say."""
    call.session().verified = call.body["verified"]
    return updated()


def set_read(call: Call) -> Answer:
    """Mark messages of one side as read: those named, or all."""
    mark(call, call.session(), "read", call.body["from"], call.body["origin"])
    return updated()


def set_unread(call: Call) -> Answer:
    """Mark the customer's messages as unread."""
    mark(call, call.session(), "read", "user", "")
    return updated()


def set_delivered(call: Call) -> Answer:
    """Mark operator messages as delivered."""
    mark(call, call.session(), "delivered", call.body["from"], call.body["origin"])
    return updated()


def mark(call: Call, session: Session, field: str, side: str, value: str) -> None:
    """Write one mark on the messages of one side, all of them or those the body of a call names."""
    numbers = call.body.get("fingerprints")
    for one in session.messages:
        if one.view["from"] == side and (numbers is None or one.fingerprint in numbers):
            one.view[field] = value
    if side == "user" and value:
        session.unread_noticed = False


def get_files(call: Call) -> Answer:
    """The files found in messages."""
    found = [
        {
            "name": one.view["content"].get("name", ""),
            "type": one.view["content"]["type"],
            "url": one.view["content"]["url"],
            "fingerprint": one.fingerprint,
            "timestamp": one.timestamp,
        }
        for one in call.seen_session().messages
        if one.view["type"] in ("file", "audio", "animation")
    ]
    return listed(page_of(found, call.page()))


def get_nothing(call: Call) -> Answer:
    """Pages and events come from a visitor's browser, so a conversation made over the API has none."""
    call.seen_session()
    call.page()
    return listed([])


def sends(word: str) -> Handler:
    """A call that by itself writes to a person: accepted, and counted."""

    def handler(call: Call) -> Answer:
        call.notify("call", call.session().session_id, word)
        return dispatched()

    return handler


def routes(bodies: Bodies) -> list[Route]:
    """The routes of this module."""
    sessions, actions = f"{_SCOPE}sessions", f"{_SCOPE}actions"
    messages, participants = f"{_SCOPE}messages", f"{_SCOPE}participants"
    table = [
        Route("POST", "/website/{website_id}/conversation", create, f"{_SCOPE}initiate", forms.NOTHING),
        Route("HEAD", _ONE, get, sessions),
        Route("GET", _ONE, get, sessions),
        Route("DELETE", _ONE, remove, sessions),
        Route("GET", f"{_ONE}/meta", get_metas, sessions),
        Route("PATCH", f"{_ONE}/meta", set_metas, sessions, bodies.meta),
        Route("GET", f"{_ONE}/state", get_state, f"{_SCOPE}states"),
        Route("PATCH", f"{_ONE}/state", set_state, f"{_SCOPE}states", forms.STATE),
        Route("GET", f"{_ONE}/routing", get_routing, f"{_SCOPE}routing"),
        Route("PATCH", f"{_ONE}/routing", set_routing, f"{_SCOPE}routing", forms.ROUTING),
        Route("PATCH", f"{_ONE}/inbox", set_inbox, f"{_SCOPE}routing", forms.INBOX_CHOICE),
        Route("PATCH", f"{_ONE}/open", set_open, f"{_SCOPE}states", forms.OPEN),
        Route("GET", f"{_ONE}/participants", get_participants, participants),
        Route("PUT", f"{_ONE}/participants", set_participants, participants, forms.PARTICIPANTS),
        Route("GET", f"{_ONE}/relations", get_relations, sessions),
        Route("PATCH", f"{_ONE}/block", set_block, f"{_SCOPE}states", forms.BLOCK),
        Route("PATCH", f"{_ONE}/verify", set_verify, f"{_SCOPE}states", forms.VERIFY),
        Route("PATCH", f"{_ONE}/read", set_read, messages, forms.READ),
        Route("PATCH", f"{_ONE}/unread", set_unread, messages, forms.UNREAD),
        Route("PATCH", f"{_ONE}/delivered", set_delivered, messages, forms.DELIVERED),
        Route("GET", f"{_ONE}/files/{{page}}", get_files, sessions),
        Route("GET", f"{_ONE}/pages/{{page}}", get_nothing, sessions),
        Route("GET", f"{_ONE}/events/{{page}}", get_nothing, sessions),
        Route("POST", f"{_ONE}/initiate", sends("initiate"), f"{_SCOPE}initiate", any_object),
    ]
    for word in ("transcript", "reminder", "feedback"):
        table += [Route(verb, f"{_ONE}/{word}", sends(word), actions, any_object) for verb in ("POST", "PATCH")]
    return table
