"""What must be said in every conversation: messages and notes, their parts, files, times, sides and authors."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from desk_custom import flat, keys_of
from desk_fates import LOADED, Fates, text_of
from desk_files import NOT_FOUND, file_findings, files_of, lost_of, property_findings
from desk_findings import ABSENT, Findings, value_of
from desk_people import nicknames
from desk_sample import Desk, Json, clean, facts, in_order, related, said_at
from desk_threads import threads_by_id

LONGEST_TEXT = 2000
CALL_FACTS = ("from", "to", "placedAt", "answeredAt", "endedAt", "status")
_PART = re.compile(r"\A\((\d+)/(\d+)\)\s?")


@dataclass(frozen=True)
class Line:
    """A message or note of the file that is written, as it must read."""

    row: Json
    kind: str
    """`message` or `note`."""
    fate: str

    @property
    def mark(self) -> str:
        """The source id it carries on the target."""
        return f"{self.kind}/{self.row['id']}"

    @property
    def sides(self) -> tuple[str, ...]:
        """From whom it may come; a redacted word of the customer's is a note, and the API page gives notes no side."""
        inbound = self.kind == "message" and facts(self.row).get("direction") == "in"
        if self.fate == "redacted":
            return ("operator", "user") if inbound else ("operator",)
        return ("user",) if inbound else ("operator",)


def lines_of(desk: Desk, fates: Fates) -> dict[str, list[Line]]:
    """The lines of each thread by the conversation's id, in the order of time, then id."""
    lines: dict[str, list[Line]] = {}
    rows = {"message": (fates.messages, desk.rows("messages")), "note": (fates.notes, desk.rows("notes"))}
    every = [Line(row, kind, fate[row["id"]]) for kind, (fate, held) in rows.items() for row in held]
    wanted = {line.row["id"]: line for line in every if line.fate in LOADED and line.fate != "notepad"}
    for row in in_order(line.row for line in wanted.values()):
        lines.setdefault(related(row, "conversation") or "", []).append(wanted[row["id"]])
    return lines


def begins_with_the_team(lines: list[Line]) -> bool:
    """Whether no message of the customer would make the thread visible."""
    return not any(line.fate in ("text", "call") and line.sides == ("user",) for line in lines)


def line_findings(desk: Desk, fates: Fates, state: Json, bucket: list[Json]) -> Findings:
    """Compare every line of every thread, part by part, and the files beside it; nothing else may be there.

    Args:
        desk: The source.
        fates: What must become of its records.
        state: What stands on the target.
        bucket: What the target's bucket holds.
    """
    found = Findings()
    audit = _Audit(found, desk, fates, state, bucket)
    lines = lines_of(desk, fates)
    for conversation_id, sessions in threads_by_id(state).items():
        for session in sessions:
            audit.thread(conversation_id, lines.get(conversation_id, []), session)
    return found


class _Audit:
    """The comparison of lines, and what all of them are compared with."""

    def __init__(self, found: Findings, desk: Desk, fates: Fates, state: Json, bucket: list[Json]) -> None:
        self.found, self.desk, self.fates = found, desk, fates
        self.uploads = {one["url"]: one for one in bucket}
        self.operators = {one["email"].casefold(): one["user_id"] for one in state["operators"]}
        self.keys = keys_of(desk, "message")

    def thread(self, conversation_id: str, lines: list[Line], session: Json) -> None:
        """One conversation: the order of its lines, then each of them."""
        record = f"conversation {conversation_id}"
        ours = [one for one in session["messages"] if one["type"] != "event"]
        for event in (one for one in session["messages"] if one["type"] == "event"):
            namespace = event["content"]["namespace"]
            self.found.true(record, "event, by the platform itself", namespace.startswith("state:"), namespace)
        prints = Counter(one["fingerprint"] for one in ours)
        self.found.equal(record, "fingerprints used twice", [], [one for one, many in prints.items() if many > 1])
        groups = [
            (mark, list(parts))
            for mark, parts in groupby(ours, key=lambda one: str(one["properties"].get("source_id", "")))
        ]
        opening = f"conversation/{conversation_id}"
        expected = [opening] if begins_with_the_team(lines) else []
        marks = [mark for mark, _ in groups]
        self.found.equal(record, "opening note", expected, [one for one in marks if one == opening])
        ratings = [one for one in marks if one.startswith("rating/")]
        self.found.true(record, "its rating, once at most", ratings in ([], [f"rating/{conversation_id}"]), ratings)
        said = [one for one in marks if one != opening and one not in ratings]
        wanted = [mark for line in lines for mark in self._marks(line, said)]
        if wanted != said:
            self._sequence(record, wanted, said)
        if expected and marks[:1] == expected:
            self._opening(record, groups[0][1])
        by_mark = dict(groups)
        for line in lines:
            if line.mark in by_mark:
                self._line(line, by_mark[line.mark], session)
            self._files(line, by_mark, session)

    def _marks(self, line: Line, said: list[str]) -> list[str]:
        """The source ids a line brings: its text's, if it has one, then its files', to which nothing gives an order."""
        own = [] if self._alone(line) else [line.mark]
        files = [f"attachment/{file['id']}" for file in files_of(self.desk, line.row)]
        return [*own, *sorted(files, key=lambda mark: said.index(mark) if mark in said else len(said))]

    def _alone(self, line: Line) -> bool:
        """Whether nothing is said but by files: no text, no line of a lost file, no note that a part was redacted."""
        silent = line.kind == "message" and line.fate == "text" and not self._has_text(line)
        return silent and not facts(line.row).get("redacted")

    def _has_text(self, line: Line) -> bool:
        return bool(line.fate != "text" or text_of(line.row) or lost_of(self.desk, line.row))

    def _files(self, line: Line, by_mark: dict[str, list[Json]], session: Json) -> None:
        """The files of one message, each with one message of its own."""
        files = {f"attachment/{file['id']}": file for file in files_of(self.desk, line.row)}
        private = line.kind == "note"
        there = [mark for mark in by_mark if mark in files]
        speakers = [mark for mark in there if any("source_alone" in one["properties"] for one in by_mark[mark])]
        speaker = next(iter(speakers or there), None) if self._alone(line) else None
        for mark in there:
            file, parts = files[mark], by_mark[mark]
            self.found.equal(mark.replace("/", " "), "messages for the file", 1, len(parts))
            for part in parts:
                alone = mark == speaker
                file_findings(self.found, file, self.fates.attachments[file["id"]], part, self.uploads, private=private)
                property_findings(self.found, file, line.mark, part, source=self.desk.source, alone=alone)
                if alone:
                    self._custom(line, part)
                self._place(mark.replace("/", " "), line, part)
                if part["type"] == "file":
                    self.found.one_of(mark.replace("/", " "), "from", line.sides, part["from"])
                    self._author(mark.replace("/", " "), line, part, session)
                if not private:
                    self._origin(mark.replace("/", " "), facts(line.row), part)

    def _place(self, record: str, line: Line, part: Json) -> None:
        """What any message of a line has in common."""
        self.found.equal(record, "timestamp", said_at(line.row), part["timestamp"])
        self.found.equal(record, "source", self.desk.source, value_of(part["properties"], "source"))
        silent = part["type"] != "note" and part["from"] == "operator"
        self.found.equal(record, "stealth", silent, part["stealth"])
        self.found.equal(record, "mentions", [], part["mentions"])

    def _custom(self, line: Line, part: Json) -> None:
        for key, value in flat(facts(line.row).get("custom"), self.keys).items():
            self.found.equal(line.mark, f"properties.{key}", value, value_of(part["properties"], key))

    def _sequence(self, record: str, wanted: list[str], said: list[str]) -> None:
        missing, extra = Counter(wanted) - Counter(said), Counter(said) - Counter(wanted)
        self.found.equal(record, "lines missing", [], sorted(missing))
        self.found.equal(record, "lines doubled or strange", [], sorted(extra))
        if not missing and not extra:
            place = next(at for at, pair in enumerate(zip(wanted, said, strict=True)) if pair[0] != pair[1])
            self.found.equal(record, f"order of lines from the {place + 1}.", wanted[place:], said[place:])

    def _opening(self, record: str, parts: list[Json]) -> None:
        self.found.equal(record, "opening notes", 1, len(parts))
        for part in parts:
            self.found.equal(record, "opening: type and side", ("note", "user"), (part["type"], part["from"]))
            self.found.equal(record, "opening: stealth", False, part["stealth"])

    def _line(self, line: Line, parts: list[Json], session: Json) -> None:
        record, held = f"{line.kind} {line.row['id']}", facts(line.row)
        type_ = "note" if line.kind == "note" or line.fate == "redacted" else "text"
        beside = [one for one in parts if one["type"] != type_]
        both = line.fate == "text" and bool(held.get("redacted"))
        self.found.equal(record, "notes beside it (a part was redacted)", int(both), len(beside))
        for part in parts:
            self._place(record, line, part)
        for note in beside:
            self.found.holds(record, "redaction note", "redact", note["content"].casefold())
        main = [one for one in parts if one["type"] == type_]
        written = bool(main) or not self._has_text(line)
        self.found.true(record, f"written as {type_}", written, [one["type"] for one in parts])
        for part in main:
            self.found.one_of(record, "from", line.sides, part["from"])
            self._author(record, line, part, session)
            if line.kind == "message":
                self._origin(record, held, part)
        if main:
            self._parts(record, main)
            self._content(record, line, [one["content"] for one in main])
            self._custom(line, main[0])

    def _author(self, record: str, line: Line, part: Json, session: Json) -> None:
        author, creator = part["user"], self.desk.get("users", related(line.row, "createdBy"))
        if line.sides == ("user",):
            customer = self.desk.get("customers", related(line.row, "customer"))
            accepted = [session["meta"]["nickname"]] if customer is None else nicknames(customer, "")
            self.found.one_of(record, "author", [*accepted, session["meta"]["nickname"]], author.get("nickname"))
        elif line.sides == ("operator",) and creator is not None:
            operator = self.operators.get(str(facts(creator).get("email") or "").casefold())
            if operator is not None:
                self.found.equal(record, "author (operator)", operator, value_of(author, "user_id"))
            else:
                named = [str(facts(creator)[name]) for name in ("name", "displayName") if facts(creator).get(name)]
                self.found.one_of(record, "author (no operator)", named, author.get("nickname"))
                self.found.equal(record, "author (no operator) id", ABSENT, value_of(author, "user_id"))

    def _origin(self, record: str, held: Json, part: Json) -> None:
        channel = str(held.get("channel") or "")
        if channel in ("chat", "email"):
            self.found.equal(record, "origin", channel, part["origin"])
        else:
            named = part["origin"].startswith("urn:") and channel in part["origin"]
            self.found.true(record, f"origin names {channel}", named, part["origin"])

    def _parts(self, record: str, parts: list[Json]) -> None:
        numbers = [one["properties"].get("source_part") for one in parts]
        if len(parts) > 1 or parts[0]["type"] == "text":
            self.found.one_of(record, "source_part", [[*range(1, len(parts) + 1)]], numbers)
        for part in parts:
            length = len(part["content"])
            self.found.true(record, f"a part of at most {LONGEST_TEXT} characters", length <= LONGEST_TEXT, length)

    def _content(self, record: str, line: Line, contents: list[str]) -> None:
        held = facts(line.row)
        if line.fate == "redacted":
            self.found.holds(record, "content", "redact", contents[0].casefold())
            return
        if line.fate == "call":
            for name in CALL_FACTS:
                value = (held.get("meta") or {}).get(name)
                if value:
                    self.found.holds(record, f"content: {name} of the call", str(value), contents[0])
            return
        text = str(held.get("body") or "") if line.kind == "note" else text_of(line.row)
        lost = [NOT_FOUND.format(one) for one in lost_of(self.desk, line.row)]
        joined = _join(contents)
        pieces = joined.rstrip().split("\n")
        tail = pieces[len(pieces) - len(lost) :] if lost else []
        self.found.equal(record, "lines for files that are lost, at the end", sorted(lost), sorted(tail))
        body = "\n".join(pieces[: len(pieces) - len(lost)])
        expected = clean(text).strip()
        if len(contents) > 1:  # where a part begins, white space may be lost
            expected, body = "".join(expected.split()), "".join(body.split())
        self.found.equal(record, "content", expected, body.strip())


def _join(contents: list[str]) -> str:
    """The text of all parts, without the numbers in front of them."""
    if len(contents) == 1:
        return contents[0]
    return "\n".join(_PART.sub("", one, count=1) for one in contents)
