"""What must become of every record of a desk, decided from its file alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from desk_sample import Desk, Json, all_related, facts, moment, related

LOADED = ("text", "call", "redacted", "thread", "profile", "notepad")
"""Fates of records that stand on the target."""
_SIZES = {"image/gif": 3_000_000, **dict.fromkeys(("image/jpeg", "image/png", "image/webp"), 12_000_000)}


@dataclass
class Fates:
    """The fate of each record by its id; a fate that is not loaded says archived, merged or skipped, and why."""

    contacts: dict[str, str] = field(default_factory=dict)
    people: dict[str, list[Json]] = field(default_factory=dict)
    """The customers of each profile by their common e-mail, the oldest first."""
    conversations: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    attachments: dict[str, str] = field(default_factory=dict)

    def counted(self, kind: str) -> Counter[str]:
        """How many records of a kind have each fate."""
        return Counter(getattr(self, kind).values())


def decide(desk: Desk) -> Fates:
    """The fates of the customers, conversations, messages, notes and files of a desk."""
    fates = Fates()
    _contacts(desk, fates)
    fates.messages = {row["id"]: message_fate(desk, row) for row in desk.rows("messages")}
    fates.notes = {row["id"]: note_fate(desk, fates, row) for row in desk.rows("notes")}
    fates.attachments = {row["id"]: file_fate(desk, fates, row) for row in desk.rows("attachments")}
    _conversations(desk, fates)
    return fates


def first_email(customer: Json | None) -> str:
    """The first e-mail of a customer, or nothing."""
    emails = [] if customer is None else facts(customer).get("emails") or []
    return next((one["email"].strip() for one in emails if (one.get("email") or "").strip()), "")


def message_fate(desk: Desk, message: Json) -> str:
    """Whether and as what a message is written."""
    conversation = desk.get("conversations", related(message, "conversation"))
    if conversation is None:
        return "archived: conversation not in the file"
    if facts(conversation).get("spam"):
        return "skipped: spam"
    if text_of(message) or all_related(message, "attachments"):
        return "text"
    if facts(message).get("redacted"):
        return "redacted"
    return "call" if facts(message).get("channel") == "voice" else "skipped: empty"


def text_of(message: Json) -> str:
    """What a message says."""
    return str(facts(message).get("preview") or "").strip()


def note_fate(desk: Desk, fates: Fates, note: Json) -> str:
    """Whether and where a note is written."""
    conversation_id = related(note, "conversation")
    conversation = desk.get("conversations", conversation_id)
    if conversation_id and conversation is None:
        return "archived: conversation not in the file"
    if conversation is not None and facts(conversation).get("spam"):
        return "skipped: spam"
    if not str(facts(note).get("body") or "").strip():
        return "skipped: blank"
    if conversation is not None:
        return "thread"
    contact = fates.contacts.get(related(note, "customer") or "")
    if contact is None:
        return "archived: customer not in the file"
    return "archived: with its contact" if contact.startswith("archived") else "notepad"


def file_fate(desk: Desk, fates: Fates, file: Json) -> str:
    """Whether the bytes of a file arrive beside their message."""
    message = fates.messages.get(related(file, "message") or "")
    if message is None:
        notes = (row for row in desk.rows("notes") if file["id"] in all_related(row, "attachments"))
        message = next((fates.notes[row["id"]] for row in notes), "archived: message not in the file")
    if message not in ("text", "thread"):
        return message
    return "archived: too large" if (facts(file).get("contentLength") or 0) > size_limit(file) else "thread"


def size_limit(file: Json) -> int:
    """The bytes the target takes of a file of this type (`docs/api/crisp.md`, section 8)."""
    return _SIZES.get(str(facts(file).get("contentType") or ""), 10_000_000)


def _contacts(desk: Desk, fates: Fates) -> None:
    by_email: dict[str, list[Json]] = defaultdict(list)
    for customer in desk.rows("customers"):
        email = first_email(customer)
        if email:
            by_email[email.casefold()].append(customer)
        else:
            fates.contacts[customer["id"]] = "archived: no e-mail"
    for email, customers in by_email.items():
        customers.sort(key=lambda one: (moment(facts(one)["createdAt"]), one["id"]))
        fates.people[email] = customers
        fates.contacts |= {one["id"]: "merged" for one in customers}
        fates.contacts[customers[0]["id"]] = "profile"


def _conversations(desk: Desk, fates: Fates) -> None:
    rows, written = Counter[str](), Counter[str]()
    for kind, decided in (("messages", fates.messages), ("notes", fates.notes)):
        for row in desk.rows(kind):
            conversation = related(row, "conversation") or ""
            rows[conversation] += 1
            written[conversation] += decided[row["id"]] in LOADED
    for row in desk.rows("conversations"):
        if facts(row).get("spam"):
            fate = "skipped: spam"
        elif written[row["id"]]:
            fate = "thread"
        else:
            fate = "archived: only empty messages" if rows[row["id"]] else "archived: no row"
        fates.conversations[row["id"]] = fate
