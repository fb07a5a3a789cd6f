"""Messages: sent, listed by page, read alone, edited, removed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from mig_crisp.sandbox.answers import (
    Answer,
    Json,
    Refusal,
    deleted,
    dispatched,
    invalid,
    missing,
    resolved,
    updated,
    upgrade,
)
from mig_crisp.sandbox.bodies import LAST_MS, MESSAGE_EDIT, Bodies
from mig_crisp.sandbox.routing import Call, Route
from mig_crisp.sandbox.shapes import Misfit, whole
from mig_crisp.sandbox.workspace import Message, Session, Workspace

_BASE = "/website/{website_id}/conversation/{session_id}"
_SCOPE = "website:conversation:messages"
_TOLD = ("type", "from", "origin", "content", "fingerprint", "timestamp", "user", "mentions", "stamped", "automated")
_MARK = whole(0, LAST_MS)
_NUMBER = whole(1, 2**53 - 1)


def new_message(desk: Workspace, session: Session, body: Json, now: int) -> Message:
    """A message as the platform stores it: what was sent, and its defaults."""
    view: Json = {
        "session_id": session.session_id,
        "website_id": desk.website_id,
        "type": body["type"],
        "from": body["from"],
        "origin": body["origin"],
        "content": body["content"],
        "preview": [],
        "mentions": body.get("mentions", []),
        "read": "",
        "delivered": "",
        "ignored": {},
        "edited": False,
        "translated": body.get("translated", False),
        "automated": body.get("automated", False),
        "stamped": True,
        "fingerprint": body.get("fingerprint") or desk.new_fingerprint(session),
        "timestamp": body.get("timestamp", now),
        "user": body.get("user") or _author(desk, session, body["from"]),
        "references": body.get("references", []),
        "properties": body.get("properties", {}),
    }
    message = Message(view, body.get("stealth", False), now)
    original = body.get("original")
    if original is not None:
        name = desk.new_id("original")
        view["original"] = {"original_id": name}
        kept = {"type": "text/plain", "headers": {}, **original}
        message.original = {"original_id": name, **kept, "timestamp": view["timestamp"]}
    return message


def leave_event(call: Call, session: Session, namespace: str, text: str) -> None:
    """Leave the event message by which the platform shows a change in a conversation; nobody is notified of it."""
    session.updated_at = call.now
    if not call.desk.switches.state_events:
        return
    body = {
        "type": "event",
        "from": "operator",
        "origin": call.body.get("origin", "chat"),
        "content": {"namespace": namespace, "text": text},
    }
    if "user" in call.body:
        body["user"] = call.body["user"]
    message = new_message(call.desk, session, body, call.now)
    message.view["read"] = body["origin"]
    session.insert(message)
    tell_message(call.desk, session, message)


def tell_message(desk: Workspace, session: Session, message: Message) -> None:
    """Tell the sockets of a new message: `send` is the customer's side, `received` the operator's."""
    view = message.view
    word = "send" if view["from"] == "user" else "received"
    desk.tell_of(session, f"message:{word}", **{name: view[name] for name in _TOLD})


def send(call: Call) -> Answer:
    """Take a message, and do to its conversation what a message does."""
    desk, session, body = call.desk, call.session(), call.body
    if body["type"] == "note" and not desk.plan.notes:
        raise upgrade("notes")
    number = body.get("fingerprint")
    if number in session.by_fingerprint and desk.switches.repeat != "accept":
        if desk.switches.repeat == "conflict":
            raise Refusal(409, "message_exists")
        return dispatched({"fingerprint": number})
    message = new_message(desk, session, body, call.now)
    session.insert(message)
    _follow(desk, session, message, call.now)
    desk.notices.arrived(session, message, call.now, call.number)
    _announce(call, session, message)
    tell_message(desk, session, message)
    return dispatched({"fingerprint": message.fingerprint})


def listing(call: Call) -> Answer:
    """A page of messages: the latest, or those around a mark; 206 while there are others."""
    if len(call.query) > 1:
        raise invalid(f"query should have at most one of {', '.join(call.query)}")
    messages, switches = call.seen_session().messages, call.desk.switches
    mark, at = next(iter(call.query.items()), ("", 0))
    page = _page(messages, mark, at, switches.message_page, included=switches.mark_included)
    whole_thread = len(page) == len(messages)
    return Answer(200 if whole_thread else 206, "listed", [one.view for one in page])


def get(call: Call) -> Answer:
    """One message."""
    return resolved(_find(call, call.seen_session()).view)


def edit(call: Call) -> Answer:
    """Replace a message's content."""
    session = call.session()
    message = _find(call, session)
    if call.desk.switches.edit == "chat" and session.metas.get("origin", "chat") != "chat":
        raise Refusal(403, "not_allowed", "messages are edited only where the conversation began in the chatbox")
    try:
        call.desk.bodies.content(message.view["type"], call.body["content"], "data.content")
    except Misfit as misfit:
        raise invalid(str(misfit)) from None
    message.view |= {"content": call.body["content"], "edited": True}
    session.updated_at = call.now
    call.desk.tell_of(session, "message:updated", fingerprint=message.fingerprint, content=call.body["content"])
    return updated()


def remove(call: Call) -> Answer:
    """Remove a message; of several with one fingerprint the first."""
    session = call.session()
    message = _find(call, session)
    session.remove(message)
    session.updated_at = call.now
    call.desk.tell_of(session, "message:removed", fingerprint=message.fingerprint)
    return deleted()


def original(call: Call) -> Answer:
    """The raw e-mail kept beside a message."""
    for message in call.seen_session().messages:
        if message.original is not None and message.original["original_id"] == call.params["original_id"]:
            return resolved(message.original)
    raise missing("original")


def _author(desk: Workspace, session: Session, side: str) -> Json:
    if side == "user":
        return {"type": "website", "nickname": session.metas["nickname"], "user_id": session.session_id}
    return {"type": "website", "nickname": desk.website_name, "user_id": desk.website_id}


def _follow(desk: Workspace, session: Session, message: Message, now: int) -> None:
    session.updated_at = now
    kind = message.view["type"]
    if message.from_user:
        session.waiting_since = session.waiting_since or now
    elif kind not in ("note", "event"):
        session.waiting_since = None
    opens = message.from_user or (desk.switches.reopen == "any" and kind not in ("note", "event"))
    if opens or (desk.switches.user_note_visible and kind == "note" and message.view["from"] == "user"):
        session.state = "unresolved"


def _announce(call: Call, session: Session, message: Message) -> None:
    kind = message.view["type"]
    if message.view["from"] == "operator" and kind != "note" and not message.stealth:
        call.notify("operator_message", session.session_id, kind)
        for one in session.participants:
            call.notify("participant_copied", session.session_id, one["target"])
    for name in message.view["mentions"]:
        call.notify("mention", session.session_id, name)
        if name not in session.mentions:
            session.mentions = [*session.mentions, name]


def _page(messages: list[Message], mark: str, at: int, size: int, *, included: bool) -> list[Message]:
    def stamp(one: Message) -> int:
        return one.timestamp

    if mark == "timestamp_before":
        end = (bisect_right if included else bisect_left)(messages, at, key=stamp)
        return messages[max(0, end - size) : end]
    if mark == "timestamp_after":
        start = (bisect_left if included else bisect_right)(messages, at, key=stamp)
        return messages[start : start + size]
    if mark == "timestamp_around":
        start = max(0, bisect_left(messages, at, key=stamp) - size // 2)
        return messages[start : start + size]
    return messages[-size:]


def _find(call: Call, session: Session) -> Message:
    number: int = _NUMBER(call.params["fingerprint"], "params.fingerprint")
    message = session.by_fingerprint.get(number)
    if message is None:
        raise missing("message")
    return message


def routes(bodies: Bodies) -> list[Route]:
    """The routes of this module."""
    one = f"{_BASE}/message/{{fingerprint}}"
    marks = dict.fromkeys(("timestamp_before", "timestamp_after", "timestamp_around"), _MARK)
    return [
        Route("POST", f"{_BASE}/message", send, _SCOPE, bodies.message),
        Route("GET", f"{_BASE}/messages", listing, _SCOPE, query=marks),
        Route("GET", one, get, _SCOPE),
        Route("PATCH", one, edit, _SCOPE, MESSAGE_EDIT),
        Route("DELETE", one, remove, _SCOPE),
        Route("GET", f"{_BASE}/original/{{original_id}}", original, _SCOPE),
    ]
