"""What an audit found: each finding names the record, the field, what was expected and what stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

SHOWN = 25
"""Findings a failing test prints."""
LONGEST = 160
"""Characters of a value it prints."""


class Absent:
    """The value of a field that is not there."""

    def __repr__(self) -> str:
        return "nothing"


class Phrase(str):
    """What was expected in words of our own, shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


ABSENT = Absent()


@dataclass
class Findings:
    """Findings, and how many comparisons were made to get them."""

    lines: list[str] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)
    checked: int = 0

    def add(self, record: str, name: str, expected: object, actual: object) -> None:
        """One finding."""
        self.fields[f"{record.partition(' ')[0]}.{name.partition(':')[0]}"] += 1
        self.lines.append(f"{record}  {name}: expected {_short(expected)}, found {_short(actual)}")

    def equal(self, record: str, name: str, expected: object, actual: object) -> None:
        """Compare one field."""
        self.checked += 1
        if not same(expected, actual):
            self.add(record, name, expected, actual)

    def one_of(self, record: str, name: str, accepted: Collection[object], actual: object) -> None:
        """Compare one field of which the API page allows several values."""
        self.checked += 1
        if not any(same(one, actual) for one in accepted):
            self.add(record, name, Phrase(" or ".join(dict.fromkeys(map(_short, accepted)))), actual)

    def holds(self, record: str, name: str, part: str, whole: str) -> None:
        """Look for a text inside another one."""
        self.checked += 1
        if part not in whole:
            self.add(record, name, Phrase(f"{_short(part)} inside"), whole)

    def true(self, record: str, name: str, fact: bool, actual: object) -> None:
        """Record something that must be so."""
        self.checked += 1
        if not fact:
            self.add(record, name, Phrase("it to be so"), actual)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def report(self) -> str:
        """The findings for a person: how many of which field, then the first of them."""
        more = len(self.lines) - SHOWN
        tail = [f"... and {more} more"] if more > 0 else []
        return "\n".join([f"{len(self.lines)} findings: {dict(self.fields)}", *self.lines[:SHOWN], *tail])


def same(expected: object, actual: object) -> bool:
    """Whether two JSON values are one: 1 and 1.0 are, 1 and true are not."""
    return expected == actual and isinstance(expected, bool) == isinstance(actual, bool)


def value_of(held: dict[str, Any], name: str) -> Any:
    """A field, or `ABSENT`."""
    return held.get(name, ABSENT)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]} ({len(text)})"
