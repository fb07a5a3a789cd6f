"""A small organisation with a thread that holds every kind of file, written as a dataset a sandbox can serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from desk_sample import Desk, Json, facts, related
from mig_kustomer.sandbox.clock import ORGANISATION_NOW
from mig_kustomer.sandbox.generate import generate

CUSTOMERS, SEED = 12, 5


@dataclass
class Said:
    """A message or note to be made, and its files."""

    text: str
    files: list[tuple[str, str, int]] = field(default_factory=list)
    """Name, type and length of each."""
    way: str = "in"
    """`in` or `out`: a message of the customer's or the team's; `note`: a private note."""
    redacted: bool = False
    gone: bool = False
    """The bytes of its files were removed at the source."""
    lost: int = 0
    """How many files it names that do not exist."""


THREAD = [
    Said("Two pictures of the damage.", [("one.png", "image/png", 5000), ("two.jpeg", "image/jpeg; q=1", 70_001)]),
    Said("", [("alone.pdf", "APPLICATION/PDF", 4096), ("with.csv", "text/csv", 17)]),
    Said("Thank you, here is the form.", [("form.docx", "", 900)], way="out"),
    Said("", [("label.txt", "text/plain", 33)], way="out"),
    Said("The installer.", [("setup.exe", "application/x-msdownload", 12)]),
    Said("", [("alone.exe", "application/x-msdownload", 12)]),
    Said("It was here.", [("removed.png", "image/png", 400)], gone=True),
    Said("", [("kept.png", "image/png", 410)], redacted=True),
    Said("One of two.", [("found.gif", "image/gif", 42)], lost=1),
    Said("", [("beside.gif", "image/gif", 43)], lost=1),
    Said("Nothing in them.", [("empty.txt", "text/plain", 0), ("empty.txt", "text/plain", 0)]),
    Said("Nothing again.", [("empty.txt", "text/plain", 0), ("other.txt", "text/plain", 0)], way="out"),
    Said("Names.", [("..\\..\\boot.ini.txt", "text/plain", 5), (".hidden.txt", "text/plain", 6)]),
    Said("More names.", [("/", "text/plain", 7), ("a\u0000b\u0007\u202e  c\t.pdf", "application/pdf", 8)]),
    Said("Long.", [("x" * 300 + ".pdf", "application/pdf", 9), ("Cafe\u0301.txt", "text/plain", 10)]),
    Said("For the team only.", [("inside.pdf", "application/pdf", 600)], way="note"),
    Said("For the team, in vain.", [("inside.exe", "application/x-msdownload", 601)], way="note"),
]


def write_organisation(path: Path) -> Desk:
    """Write the organisation to a file.

    Args:
        path: The dataset.

    Returns:
        What the file says.
    """
    rows = [(kind, row) for kind, row, _ in generate(CUSTOMERS, SEED, tie=0, now=ORGANISATION_NOW)]
    desk = Desk(_line(kind, row) for kind, row in rows)
    lines = [_line(kind, row) for kind, row in [*rows, *_thread(desk)]]
    path.write_bytes(b"".join(lines))
    return Desk(lines)


def thread_id(desk: Desk) -> str:
    """The conversation the thread stands in: one that is neither spam nor without a customer, of the chat alone."""
    for row in desk.rows("conversations"):
        customer = desk.get("customers", related(row, "customer"))
        if customer is not None and facts(row).get("channels") == ["chat"] and not facts(row)["spam"]:
            return str(row["id"])
    raise AssertionError("no conversation of the organisation is of the chat alone")


def _line(kind: str, row: Json) -> bytes:
    return json.dumps({"kind": kind, "resource": row}).encode() + b"\n"


def _thread(desk: Desk) -> Iterator[tuple[str, Json]]:
    conversation = desk.get("conversations", thread_id(desk))
    assert conversation is not None
    last = datetime.fromisoformat(facts(conversation)["updatedAt"])
    for number, said in enumerate(THREAD):
        yield from _said(desk, conversation, said, number, last + timedelta(minutes=number + 1))


def _said(desk: Desk, conversation: Json, said: Said, number: int, when: datetime) -> Iterator[tuple[str, Json]]:
    row_id, time = f"7a{number:02d}0000" + "0" * 16, when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    note = said.way == "note"
    files = [_file(desk, said, row_id, place, shape) for place, shape in enumerate(said.files)]
    named = [one["id"] for one in files] + [f"{row_id[:-4]}dea{place}" for place in range(said.lost)]
    attributes: Json = {"createdAt": time, "updatedAt": time, "modifiedAt": time}
    relations = {
        "org": {"data": {"type": "org", "id": desk.org}},
        "customer": {"data": {"type": "customers", "id": related(conversation, "customer")}},
        "conversation": {"data": {"type": "conversation", "id": conversation["id"]}},
        "attachments": {"data": [{"type": "attachment", "id": one} for one in named]},
    }
    if note:
        attributes["body"] = said.text
    else:
        way = {"channel": "chat", "app": "chat", "direction": said.way, "directionType": f"followup-{said.way}"}
        more = {"preview": said.text, "sentAt": time, "status": "received", "redacted": said.redacted, "meta": {}}
        attributes |= way | more
    kind, path = ("note", "notes") if note else ("message", "messages")
    links = {"self": f"/v1/{path}/{row_id}"}
    yield path, {"type": kind, "id": row_id, "attributes": attributes, "relationships": relations, "links": links}
    for file in files:
        yield "attachments", file


def _file(desk: Desk, said: Said, owner: str, place: int, shape: tuple[str, str, int]) -> Json:
    name, media_type, length = shape
    row_id = f"{owner[:-4]}f11{place}"
    relations: Json = {"org": {"data": {"type": "org", "id": desk.org}}}
    if said.way != "note":  # a note's file names no message (API page, section 7.4)
        relations["message"] = {"data": {"type": "message", "id": owner}}
    attributes = {"name": name, "contentType": media_type, "contentLength": length, "redacted": said.gone}
    path = "attachments" if said.way == "note" else f"messages/{owner}/attachments"
    links = {"self": f"/v1/{path}/{row_id}"}
    return {"type": "attachment", "id": row_id, "attributes": attributes, "relationships": relations, "links": links}
