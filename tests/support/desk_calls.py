"""What the loader asked of the target, read from the sandbox's history: how often, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from desk_findings import ABSENT, Findings
from desk_sample import Json
from desk_threads import threads_by_id

_LETTERS = {"meta": "M", "message": "m", "read": "R", "routing": "A", "inbox": "I", "state": "S"}
ORDER = re.compile(r"CM(?:m{1,250}R)+(?:AI?|IA?)?S|CM(?:m{1,250}R)+R(?:AI?|IA?)?S")
"""Created, named, filled and marked read, long ones on the way too, assigned and put into its inbox, its state last."""


@dataclass
class Calls:
    """The writes of one conversation in their order."""

    letters: str = ""
    """C create, M metas, m message, R read mark, A assignment, I inbox, S state; ? anything else."""
    numbers: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    """The timestamps of its messages, files too."""


def calls_by_session(writes: list[Json]) -> dict[str, Calls]:
    """The writes of every conversation by its session."""
    calls: dict[str, Calls] = {}
    for write in writes:
        words = write["path"].partition("?")[0].split("/")
        if "conversation" not in words:
            continue
        if words[-1] == "conversation":
            session_id, letter = write["answer"]["data"]["session_id"], "C"
        else:
            at = words.index("conversation")
            session_id, letter = words[at + 1], _LETTERS.get(words[at + 2] if len(words) > at + 2 else "", "?")
        one = calls.setdefault(session_id, Calls())
        one.letters += letter
        one.numbers.append(write["number"])
        if letter == "m" and write["method"] == "POST":
            one.stamps.append(write["body"]["timestamp"])
    return calls


def call_findings(state: Json, writes: list[Json]) -> Findings:
    """Check that every conversation of a first run cost 4 + m requests and those it needs, in a safe order.

    A long one costs some more read marks.

    A file is a message here; the address of its upload is asked for beside every conversation and counted elsewhere.
    """
    found = Findings()
    calls = calls_by_session(writes)
    births = {
        write["answer"]["data"]["people_id"]: write["number"]
        for write in writes
        if write["method"] == "POST" and write["path"].endswith("/people/profile")
    }
    for conversation_id, sessions in threads_by_id(state).items():
        for session in sessions:
            record, made = f"conversation {conversation_id}", calls.pop(session["session_id"], Calls())
            written = sum(one["type"] != "event" for one in session["messages"])
            marks = made.letters.count("R")
            found.true(record, "read marks, one more for some 250 messages", 1 <= marks <= 1 + written // 125, marks)
            cost = 3 + marks + written + (session["assigned"] is not None) + (session["inbox_id"] is not None)
            found.equal(record, "requests", cost, len(made.letters))
            found.true(record, "order of requests", ORDER.fullmatch(made.letters) is not None, made.letters)
            found.equal(record, "messages sent in the order of time", sorted(made.stamps), made.stamps)
            if session["people_id"] is not None:
                born = births.get(session["people_id"], len(writes))
                found.true(record, "contact before thread", born < min(made.numbers, default=0), born)
    for session_id, made in calls.items():
        found.add("conversation ?", f"writes to {session_id}", ABSENT, made.letters)
    return found
