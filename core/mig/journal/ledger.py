"""The loss ledger: of every field of every record that holds something, what became of it; in sums that close.

It is about the records as they came from the source. No value ever enters it: names of fields, reasons, ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, field

from mig.journal.counts import without_ids
from mig.journal.text import short_name
from mig.model import DERIVED_KEY, Kind, Record
from mig.platforms import Keep, Loss

OUTCOMES = ("kept", "moved", "changed", "archived", "dropped", "failed", "pending", "untold")
"""What can become of a field; `untold`: the target's plugin says nothing of it, which is a fault of the plugin."""
ROWS = 1_000
"""Rows a report holds; the rarest are left out."""
EXAMPLES = 3
ALONE = "the archive alone has it"
NOWHERE = "nothing on the target holds it"
UNTOLD = "the target's plugin does not say what becomes of it"
_MOST_NAMES, _MOST_WHYS = 1_000, 50
"""Names of one kind's fields, and reasons of one field's outcome, that are told apart: memory must not grow."""
_MOST_SHAPES = 20_000
"""Sets of fields that are remembered; a record with another is counted more slowly."""
_OTHERS = "other reasons"
_BY_KEY = ("custom", "extra")
"""Fields whose keys are fields of their own."""
_NO_FIELDS = frozenset(("ref", "changed_at"))
_RANK = {
    word: rank
    for rank, word in enumerate(("kept", "moved", "changed", "pending", "archived", "untold", "failed", "dropped"))
}
"""Of several outcomes of one field of one record the last of these is told."""
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:/]+(?:@|%40)[^\s@<>\"'(),;:/]+\.[^\s@<>\"'(),;:/]+")


class Row(Struct, frozen=True):
    """What became of one field of some records of a kind."""

    kind: str
    field: str
    outcome: str
    why: str
    records: int
    examples: tuple[str, ...] = ()
    """Ids."""


class Ledger(Struct, kw_only=True):
    """What became of everything."""

    rows: list[Row] = field(default_factory=list)
    """All outcomes but kept; at most `ROWS`, by kind and field."""
    total: int = 0
    """How many rows there are."""
    kept: dict[str, dict[str, int]] = field(default_factory=dict)
    """Kind -> field -> records."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """Outcome -> fields of records; over all rows, and what was kept."""
    open: list[tuple[str, str]] = field(default_factory=list)
    """Fields whose sum does not close: of more or fewer records it is known what became of them than hold it."""
    unread: dict[str, int] = field(default_factory=dict)
    """Kind -> records that could not be parsed: nobody knows their fields."""
    narrow: bool = False
    """Only of what the last filter selected."""
    run: int = 0
    """As of the end of which run; 0: it was counted anew."""

    @property
    def red(self) -> bool:
        """Something is not told, or a sum does not close."""
        return bool(self.outcomes.get("untold") or self.open)


class Became(Struct, frozen=True):
    """What became of a record as a whole."""

    word: str
    """loaded, archived, dropped, failed, pending."""
    why: str = ""


LOADED, FAILED, PENDING = Became("loaded"), Became("failed"), Became("pending")


def became(fate: str | None, state: str, reason: str) -> Became:
    """What became of a record, from what the journal says of it; as the counts have it."""
    if state == "failed":
        return FAILED
    if fate == "skip":
        return Became("dropped", reason)
    if fate == "archive":
        return Became("archived", reason)
    return LOADED if fate == "load" and state == "done" else PENDING


class _Tally(Struct):
    """A count, with the first few that were counted."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


class Book:
    """Adds up a ledger, record by record.

    Args:
        types: Kind -> Struct.
        keeps: What the target keeps of each field.
    """

    def __init__(self, types: Mapping[Kind, type[Record]], keeps: Mapping[tuple[Kind, str], Keep]) -> None:
        self._types = types
        self._keeps = keeps
        self._rules: dict[tuple[str, str], tuple[str, str]] = {}
        self._names: dict[str, set[str]] = {}
        self._held: dict[tuple[str, str], _Tally] = {}
        self._ends: dict[tuple[str, str, str, str], _Tally] = {}
        self._whys: dict[tuple[str, str, str], dict[str, str]] = {}
        self._shapes: dict[tuple[object, ...], list[_Tally]] = {}
        self._unread: Counter[str] = Counter()

    def add(self, kind: str, name: str, body: bytes, what: Became, losses: Sequence[Loss] = ()) -> None:
        """Count one record.

        Args:
            kind: Its kind.
            name: Its id.
            body: As JSON; empty: it could not be parsed.
            what: What became of it.
            losses: What was said of its fields, if it was loaded.
        """
        held = fields_of(body, self._types.get(Kind(kind)))
        if held is None:
            self._unread[kind] += 1
            return
        # Most records of a kind hold the same fields, and the same became of them.
        shape = (kind, what.word, what.why, *held)
        tallies = self._shapes.get(shape) if not losses else None
        if tallies is None:
            tallies = self._tallies(kind, self._outcomes(kind, held, what, losses))
            if not losses and len(self._shapes) < _MOST_SHAPES:
                self._shapes[shape] = tallies
        for tally in tallies:
            tally.count += 1
            if len(tally.examples) < EXAMPLES:
                tally.examples.append(masked(name))

    def _tallies(self, kind: str, outcomes: Mapping[str, tuple[str, str]]) -> list[_Tally]:
        """Where a record is counted: for each of its fields once as held, and once as what became of it."""
        told: dict[str, tuple[str, str]] = {}
        for of, end in outcomes.items():
            shown = self._shown(kind, of)
            told[shown] = _worse(told.get(shown), end)
        found = [self._held.setdefault((kind, shown), _Tally()) for shown in told]
        for shown, (outcome, why) in told.items():
            key = (kind, shown, outcome, self._why(kind, shown, outcome, why))
            found.append(self._ends.setdefault(key, _Tally()))
        return found

    def _outcomes(
        self, kind: str, held: Sequence[str], what: Became, losses: Sequence[Loss]
    ) -> Mapping[str, tuple[str, str]]:
        if what.word != "loaded":
            return dict.fromkeys(held, (what.word, what.why))
        found = {name: self._rule(kind, name) for name in held}
        said: dict[str, tuple[str, str]] = {}
        for one in losses:
            for name in _named(one.field, held, self._types.get(Kind(kind))):
                said[name] = _worse(said.get(name), (one.outcome, one.why))
        return {**found, **said}

    def _rule(self, kind: str, name: str) -> tuple[str, str]:
        """What becomes of a field of which nothing was said for this record."""
        known = self._rules.get((kind, name))
        if known is None:
            known = self._ruled(kind, name)
            if len(self._rules) < _MOST_NAMES * 100:
                self._rules[kind, name] = known
        return known

    def _ruled(self, kind: str, name: str) -> tuple[str, str]:
        head = name.partition(".")[0]
        keep = self._keeps.get((Kind(kind), name)) or self._keeps.get((Kind(kind), head))
        if keep is None:
            return ("archived", NOWHERE) if head == "extra" else ("untold", UNTOLD)
        how, _, where = keep.how.partition(":")
        if how in ("exact", "normal"):
            return "kept", ""
        if how == "moved":
            return "moved", where
        return ("archived", keep.note or ALONE) if how == "lost" else ("untold", UNTOLD)

    def _shown(self, kind: str, name: str) -> str:
        """The name a field is counted under: of very many attributes of one kind the later ones share one."""
        names = self._names.setdefault(kind, set())
        if name not in names:
            if len(names) >= _MOST_NAMES:
                return f"{name.partition('.')[0]}.*" if "." in name else "*"
            names.add(name)
        return masked(short_name(name))

    def _why(self, kind: str, name: str, outcome: str, why: str) -> str:
        whys = self._whys.setdefault((kind, name, outcome), {})
        if why not in whys:
            told = masked(without_ids(why))
            if told not in whys.values() and len(set(whys.values())) >= _MOST_WHYS:
                return _OTHERS
            if len(whys) >= _MOST_WHYS * 10:
                return told
            whys[why] = told
        return whys[why]

    def ledger(self, *, narrow: bool = False) -> Ledger:
        """What was counted so far."""
        sums: Counter[tuple[str, str]] = Counter()
        outcomes: Counter[str] = Counter()
        kept: dict[str, dict[str, int]] = {}
        rows: list[Row] = []
        for (kind, name, outcome, why), tally in self._ends.items():
            sums[kind, name] += tally.count
            outcomes[outcome] += tally.count
            if outcome == "kept":
                kept.setdefault(kind, {})[name] = tally.count
            else:
                rows.append(Row(kind, name, outcome, why, tally.count, tuple(tally.examples)))
        # What is wrong is never left out, then the frequent.
        rows.sort(key=lambda row: (row.outcome != "untold", -row.records, row.kind, row.field, row.outcome, row.why))
        return Ledger(
            rows=sorted(rows[:ROWS], key=lambda row: (row.kind, row.field, row.outcome, row.why)),
            total=len(rows),
            kept={kind: dict(sorted(found.items())) for kind, found in sorted(kept.items())},
            outcomes={word: outcomes[word] for word in OUTCOMES if outcomes[word]},
            open=sorted(key for key, tally in self._held.items() if sums[key] != tally.count),
            unread=dict(sorted(self._unread.items())),
            narrow=narrow,
        )


# ---- one record ------------------------------------------------------------------------------------------------------


def fields_of(body: bytes, type_: type[Record] | None) -> list[str] | None:
    """The fields of a record that hold something: not what they hold where the source says nothing.

    Custom attributes and what the platform adds are fields each, `custom.<name>` and `extra.<name>`.

    Returns:
        Their names; None: it is no record.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(found, dict):
        return None
    empty = _empty(type_) if type_ is not None else {}
    names: list[str] = []
    for name, value in found.items():
        if name in _NO_FIELDS or value == empty.get(name) or (name not in empty and value in (None, "", [], {}, False)):
            continue
        if name in _BY_KEY and isinstance(value, dict):
            names += [f"{name}.{key}" for key, one in value.items() if key != DERIVED_KEY and _holds(one)]
        else:
            names.append(name)
    return names


def _holds(value: Any) -> bool:
    """An attribute that is not, or is empty, holds nothing; `false` and 0 are answers."""
    return value is not None and value not in ("", [], {})


@cache
def _empty(type_: type[Record]) -> Mapping[str, Any]:
    """What each field holds where the source says nothing."""
    found: dict[str, Any] = {}
    for one in msgspec.structs.fields(type_):
        if one.default is not msgspec.NODEFAULT:
            found[one.name] = msgspec.to_builtins(one.default)
        elif one.default_factory is not msgspec.NODEFAULT:
            made: Callable[[], Any] = one.default_factory
            found[one.name] = msgspec.to_builtins(made())
    return found


def _named(said: str, held: Sequence[str], type_: type[Record] | None) -> list[str]:
    """Which fields of a record a loss is about: `custom.vip`, or several ("name, phones").

    Of several those that hold something are meant. Where none does, all are; and what is no field stands for itself.
    """
    found = _meant(said, held)
    if found or ", " not in said:
        return found or [_without_id(said)]
    parts = said.split(", ")
    found = [name for part in parts for name in _meant(part, held)]
    known = type_.__struct_fields__ if type_ is not None else ()
    return list(dict.fromkeys(found)) or (parts if all(part in known for part in parts) else [said])


def _without_id(name: str) -> str:
    """A name that holds an id is one name."""
    return ".".join("*" if len(part) > 8 and any(c.isdigit() for c in part) else part for part in name.split("."))


def _meant(part: str, held: Sequence[str]) -> list[str]:
    """The field of this name, or the one it is a part of: `attachments.65f1`, `custom.order.city`."""
    exact = [name for name in held if part in (name, short_name(name))]
    return exact[:1] or sorted((name for name in held if part.startswith(f"{name}.")), key=len)[-1:]


def _worse(one: tuple[str, str] | None, other: tuple[str, str]) -> tuple[str, str]:
    if one is None or _RANK.get(other[0], 0) > _RANK.get(one[0], 0):
        return other
    return one


def masked(text: str) -> str:
    """A text without the e-mail addresses in it; an id, or an attribute's name, may be one."""
    return _ADDRESS.sub("[address]", text) if "@" in text or "%40" in text else text
