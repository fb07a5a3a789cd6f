"""A few changes of a living desk, chosen by rules from its file, and what a run after them may touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from desk_fates import Fates
from desk_lines import Line, lines_of
from desk_people import first_phone
from desk_process import Sandbox
from desk_sample import Desk, Json, all_related, facts, related

EDITED = "The parcel left on Monday, not on Tuesday."
ADDED = "It has arrived, thank you!"
PHONE = "+4989123456"
PLAN = "platinum"
EMAIL = "found.at.last@example.org"


@dataclass(frozen=True)
class Changes:
    """What was changed, by id."""

    edited: str
    """The message whose text is another one now."""
    edited_in: str
    added: str
    """The message the customer wrote."""
    added_in: str
    tagged: str
    """The conversation with one more tag."""
    closed: str
    """The conversation that was open and is done now."""
    called: str
    """The customer with another telephone number."""
    calls: tuple[str, ...]
    """The threads of that customer."""


def change(desk: Desk, fates: Fates, source: Sandbox) -> Changes:
    """Change a message, two conversations and a customer, and let a customer write; none of them twice."""
    lines = lines_of(desk, fates)
    called, calls = _customer(desk, fates)
    used = set(calls)
    edited = next(line for _, line in _plain_lines(desk, lines, used) if facts(line.row)["direction"] == "out")
    edited_in = related(edited.row, "conversation") or ""
    used.add(edited_in)
    added_in = _thread(desk, lines, used, lambda row: facts(row)["status"] == "done" and _customer_of(desk, row))
    tagged = _thread(desk, lines, used, lambda row: len(facts(row)["tags"]) == 1)
    closed = _thread(desk, lines, used, lambda row: facts(row)["status"] == "open")
    tags = facts(desk.get("conversations", tagged) or {})["tags"]
    tag = next(row["id"] for row in desk.rows("tags") if row["id"] not in tags and not facts(row).get("deleted"))
    _put(source, "messages", edited.row["id"], preview=EDITED)
    _put(source, "conversations", tagged, tags=[*tags, tag])
    _put(source, "conversations", closed, status="done")
    phones = facts(desk.get("customers", called) or {})["phones"]
    _put(source, "customers", called, phones=[{**phones[0], "phone": PHONE}, *phones[1:]])
    added = source.post("put", kind="messages", resource=_said(desk.get("conversations", added_in) or {}))["id"]
    return Changes(edited.row["id"], edited_in, added, added_in, tagged, closed, called, calls)


def give_email(desk: Desk, fates: Fates, source: Sandbox) -> str:
    """Give an e-mail to a customer who had none and has threads; the customer's id."""
    for row in desk.rows("customers"):
        if fates.contacts[row["id"]] == "archived: no e-mail" and _threads_of(desk, fates, row["id"]):
            _put(source, "customers", row["id"], emails=[{"type": "home", "email": EMAIL, "verified": False}])
            return str(row["id"])
    raise AssertionError("no customer of the sample has threads and no e-mail")


def give_value(desk: Desk, fates: Fates, source: Sandbox) -> str:
    """Give another plan to the customer with the most threads, none of which shows it; the customer's id."""
    alone = [customers[0]["id"] for customers in fates.people.values() if len(customers) == 1]
    busiest: str = max(alone, key=lambda one: (len(_threads_of(desk, fates, one)), one))
    custom = facts(desk.get("customers", busiest) or {}).get("custom") or {}
    _put(source, "customers", busiest, custom={**custom, "planStr": PLAN})
    return busiest


def _threads_of(desk: Desk, fates: Fates, customer_id: str) -> tuple[str, ...]:
    return tuple(
        one["id"]
        for one in desk.rows("conversations")
        if related(one, "customer") == customer_id and fates.conversations[one["id"]] == "thread"
    )


def _customer(desk: Desk, fates: Fates) -> tuple[str, tuple[str, ...]]:
    """A customer with a profile of their own, a telephone number, and threads that show it."""
    for row in desk.rows("customers"):
        alone = fates.contacts[row["id"]] == "profile" and any([row] == one for one in fates.people.values())
        threads = _threads_of(desk, fates, row["id"])
        if alone and first_phone(row) and threads:
            return row["id"], threads
    raise AssertionError("no customer of the sample has a telephone number and a thread")


def _plain_lines(desk: Desk, lines: dict[str, list[Line]], used: set[str]) -> Iterator[tuple[str, Line]]:
    """Short messages without files in conversations of the chat alone: the platform lets those be edited."""
    for conversation_id, said in lines.items():
        row = desk.get("conversations", conversation_id) or {}
        if conversation_id not in used and facts(row).get("channels") == ["chat"] and _customer_of(desk, row):
            for line in said[1:]:
                plain = line.kind == "message" and line.fate == "text"
                if plain and not all_related(line.row, "attachments"):
                    yield conversation_id, line


def _thread(desk: Desk, lines: dict[str, list[Line]], used: set[str], wanted: Callable[[Json], object]) -> str:
    """A thread nothing else is done to; it is one no longer."""
    for conversation_id in lines:
        if conversation_id not in used and wanted(desk.get("conversations", conversation_id) or {}):
            used.add(conversation_id)
            return conversation_id
    raise AssertionError("no conversation of the sample is left for this change")


def _customer_of(desk: Desk, row: Json) -> Json | None:
    return desk.get("customers", related(row, "customer"))


def _put(source: Sandbox, kind: str, row_id: str, **attributes: object) -> None:
    source.post("put", kind=kind, resource={"id": row_id, "attributes": attributes})


def _said(conversation: Json) -> Json:
    customer = {"data": {"type": "customers", "id": related(conversation, "customer")}}
    thread = {"data": {"type": "conversation", "id": conversation["id"]}}
    words = {"preview": ADDED, "sentAt": "2026-10-01T00:00:01.234Z", "status": "received", "redacted": False}
    way = {"channel": "chat", "app": "chat", "direction": "in", "directionType": "followup-in", "meta": {}}
    return {"attributes": words | way, "relationships": {"customer": customer, "conversation": thread}}
