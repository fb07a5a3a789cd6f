"""An audit as one page of HTML: a manager reads its first screen, an engineer its last value, a printer all of it.

The page asks nothing of anybody: no script, no font, no picture from elsewhere, and a policy in it that forbids them.
It is well-formed XML too, whatever the platforms' data hold: what cannot be seen is written out (U+202E), and an
address is masked unless bodies may be shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib import resources
from math import floor
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from mig_verify.found import Found, Tally, counted
from mig_verify.result import COLUMNS, Group, Result, grouped, risk, shown
from mig_verify.statistics import Claim, _percent, exact

INLINE = 5_000
"""Discrepancies on the page; all of them stand in `--out`."""
GROUPS = 500
"""Groups on the page."""
_AROUND = (48, 160)
"""Characters of a value that are shown before its first difference, and from there on."""
_LONGEST, _LONGEST_ID = 1_000, 120
"""Characters of any text of the platforms, and of an id in a list, before it is cut."""
_THINNEST = 0.7
"""Percent of a bar: thinner parts are drawn so wide, or nobody would see them."""


def page(result: Result, *, bodies: bool) -> str:
    """The page, in HTML.

    Args:
        result: What was found.
        bodies: Whether values themselves may be shown; the page holds personal data then.
    """
    style = resources.files("mig.report").joinpath("templates", "page.css").read_text("utf-8")  # the house style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    groups = grouped(result.found)
    sections = list(_sections(groups[:GROUPS], result.found, bodies=bodies))
    lines_shown = sum(len(section.lines) for section in sections)
    view = {
        "result": result,
        "bodies": bodies,
        "style": Markup(style),  # noqa: S704 - our own file
        "style_digest": digest,
        "verdict": _VERDICTS[result.verdict],
        "verdicts": _VERDICTS,
        "told_levels": _LEVELS,
        "told_columns": _COLUMNS,
        "columns": COLUMNS,
        "wrong_columns": _WRONG,
        "total": _total(result.kinds.values()),
        "failed": [name for name, level in result.levels.items() if level.verdict == "fail"],
        "bars": [_bar(kind, tally) for kind, tally in result.kinds.items() if tally.source],
        "hows": _hows(result.kinds.values()),
        "kept": {kind: tally.by["kept"] for kind, tally in result.kinds.items() if tally.by.get("kept")},
        "claims": [_claim(things, claim, result.defect_rate) for things, claim in result.claims],
        "groups": groups,
        "groups_left": max(len(groups) - GROUPS, 0),
        "sections": sections,
        "lines_shown": lines_shown,
        "lines_left": len(result.found) - lines_shown,
        "rules": _rules(result),
        "doubts": list(_doubts(result)),
        "command": _command(result),
    }
    return _room(bodies=bodies).get_template("page.html").render(view)


@cache
def _room(*, bodies: bool) -> Environment:
    """Everything a template prints passes here, then is escaped."""

    def last(value: object) -> object:
        if type(value) is not str:  # what is of our own markup, or a number
            return value
        return visible(cut(value if bodies else masked(value), _LONGEST))

    room = Environment(
        loader=PackageLoader("mig_verify"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=last,
    )
    room.filters |= {"n": "{:,}".format, "percent": percent, "duration": duration}
    return room


# ---- what is foreign -------------------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:]+")


def masked(text: str) -> str:
    """A text without the e-mail addresses in it; an id may be one."""
    return _ADDRESS.sub(_digest_of, text) if "@" in text else text


def _digest_of(found: re.Match[str]) -> str:
    return f"address:{hashlib.sha256(found[0].encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def visible(text: str) -> str:
    """A text in which everything can be seen: controls, marks of direction and halves of letters by their number."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else f"⟨U+{ord(one):04X}⟩" for one in text)


def cut(text: str, longest: int) -> str:
    """A text that is not longer than that, but for the word that it is cut."""
    return text if len(text) <= longest else f"{text[:longest]}… ({counted(len(text), 'character')})"


def anchor(one: Found) -> str:
    """What a discrepancy is linked by: `message-65f1-sent_at`, of letters, digits and `.-_~` only."""
    name = "-".join(_safe(part) for part in (one.kind, one.source_id or one.target_id, one.field or one.what))
    return name if name[:1].isalpha() else f"x{name}"


def _safe(part: str) -> str:
    told = re.sub(r"[^A-Za-z0-9._-]", lambda found: f"~{ord(found[0]):x}~", masked(part))
    if len(told) <= 80:
        return told
    return f"{told[:40]}~{hashlib.sha256(part.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


# ---- discrepancies ---------------------------------------------------------------------------------------------------


class Value(Struct, frozen=True):
    """One of the two values of a discrepancy, as it is shown."""

    what: str
    """nothing, words (of ours), digest or text."""
    type: str = ""
    sha256: str = ""
    length: int = 0
    differs_at: int | None = None
    """The first character that differs, counted from 0."""
    before: str = ""
    first: str = ""
    """The character that differs."""
    after: str = ""
    left: int = 0
    """Characters that are not shown before."""
    right: int = 0
    """And after."""

    @property
    def number(self) -> str:
        """Of the character that differs, if another may look like it."""
        return f"U+{ord(self.first):04X}" if self.first.isprintable() and not self.first.isascii() else ""


class Line(Struct, frozen=True):
    """One discrepancy, as it is shown."""

    anchor: str
    name: str
    """Kind and source id."""
    there: str
    """Target id."""
    expected: Value
    actual: Value


class Section(Struct, frozen=True):
    """The discrepancies of one group."""

    group: Group
    lines: Sequence[Line]

    @property
    def left(self) -> int:
        """How many of them are not on the page."""
        return self.group.count - len(self.lines)


def _signature(one: Found | Group) -> tuple[str, ...]:
    return (one.level, one.what, one.kind, one.field, one.why)


def _sections(groups: Sequence[Group], found: Iterable[Found], *, bodies: bool) -> Iterator[Section]:
    """Group by group; where not all can be shown, the rare ones are whole and the frequent ones cut."""
    most = _fair([group.count for group in groups], INLINE)
    alike: dict[tuple[str, ...], list[Found]] = {_signature(group): [] for group in groups}
    for one in found:
        kept = alike.get(_signature(one))
        if kept is not None and len(kept) < most:
            kept.append(one)
    taken: Counter[str] = Counter()
    for group in groups:
        yield Section(group, [_line(one, taken, bodies=bodies) for one in alike[_signature(group)]])


def _fair(counts: Sequence[int], room: int) -> int:
    """The largest part each may have so that all of them fit."""
    return bisect_left(range(1, room + 1), True, key=lambda most: sum(min(count, most) for count in counts) > room)


def _line(one: Found, taken: Counter[str], *, bodies: bool) -> Line:
    name = anchor(one)
    taken[name] += 1
    if taken[name] > 1:
        name = f"{name}~~{taken[name]}"
    return Line(
        name,
        _id(f"{one.kind} {one.source_id}".strip(), bodies),
        _id(one.target_id, bodies),
        *_values(one, bodies=bodies),
    )


def _id(text: str, bodies: bool) -> str:
    return cut(text if bodies else masked(text), _LONGEST_ID)  # in this order: half an address is one too


def _values(one: Found, *, bodies: bool) -> tuple[Value, Value]:
    expected, actual = shown(one, bodies=bodies)
    if expected is None and (actual is None or one.what != "mismatched"):
        should, does = (Value("words", before=words) for words in _STANDS.get(one.what, ("in order", "not in order")))
        return should, does if actual is None else _window(actual, _text(actual), None)
    if not bodies and any(isinstance(value, dict) and "sha256" in value for value in (expected, actual)):
        return _digest(expected), _digest(actual)
    one_text, other_text = (_text(value) if bodies else masked(_text(value)) for value in (expected, actual))
    first = None if expected is None or actual is None else _first_difference(one_text, other_text)
    return _window(expected, one_text, first), _window(actual, other_text, first)


def _digest(value: Any) -> Value:
    if not isinstance(value, dict):
        return _window(value, _text(value), None)
    name: str = value["type"]
    return Value("digest", _TYPES.get(name, name), value["sha256"], value["length"], value.get("differs_at"))


def _window(value: Any, text: str, first: int | None) -> Value:
    """A value, told by a text, around its first difference."""
    if value is None:
        return Value("nothing")
    at, name = first or 0, type(value).__name__
    start, end = max(0, at - _AROUND[0]), min(len(text), at + _AROUND[1])
    middle = at if first is None else at + 1
    return Value(
        "text",
        _TYPES.get(name, name),
        length=len(text),
        differs_at=first,
        before=text[start:at],
        first=text[at:middle],
        after=text[middle:end],
        left=start,
        right=len(text) - end,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _first_difference(one: str, other: str) -> int:
    """Where two texts part; their common length where one begins with the other."""
    return bisect_left(range(min(len(one), len(other))), True, key=lambda at: one[: at + 1] != other[: at + 1])


_STANDS = {
    "missing": ("it stands there", "it does not"),
    "extra": ("it does not stand there", "it does"),
    "orphaned": ("it does not stand there", "it does"),
    "doubled": ("once", "more than once"),
}
"""What is expected and what is the case, where nothing but that is known."""
_TYPES = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "yes or no",
    "list": "list",
    "tuple": "list",
    "dict": "map",
    "datetime": "time",
}


# ---- counts ----------------------------------------------------------------------------------------------------------


class How(Struct, frozen=True):
    """What can become of a record of the source."""

    name: str
    told: str
    wrong: bool = False


_HOWS = (
    How("held", "stands on the target"),
    How("elsewhere", "other records hold it"),
    How("merged", "part of another record"),
    How("archived", "in the archive only; a note may say so in its place"),
    How("skipped", "left out, for a reason"),
    How("newer", "changed since the last run"),
    How("pending", "not moved yet"),
    How("missing", "should stand there", wrong=True),
    How("extra", "should not stand there", wrong=True),
    How("unexplained", "nothing is known of it", wrong=True),
)


class Part(Struct, frozen=True):
    """A part of a bar."""

    how: str
    count: int
    start: float
    """Percent of the bar."""
    width: float


class Bar(Struct, frozen=True):
    """What became of the records of one kind."""

    kind: str
    source: int
    counts: Mapping[str, int]
    parts: Sequence[Part]


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name in COLUMNS:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    return total


def fates(tally: Tally) -> dict[str, int]:
    """What became of the source's records of a kind; the parts add up to the whole, unless conservation fails.

    A record that is newer may be held all the same, and an extra one stands where it should not: each of them is
    counted here only as far as nothing else is known of it.
    """
    parts = {how: tally.by.get(how, 0) for how in ("held", "elsewhere", "merged", "archived", "skipped")}
    parts |= {"pending": tally.pending, "missing": tally.missing}
    for how, most in (("newer", tally.newer), ("extra", tally.extra), ("unexplained", tally.source)):
        parts[how] = min(most, max(tally.source - sum(parts.values()), 0))
    return {how.name: parts[how.name] for how in _HOWS if parts[how.name]}


def _hows(tallies: Iterable[Tally]) -> list[How]:
    """Those that happened."""
    seen = {name for tally in tallies for name in fates(tally)}
    return [how for how in _HOWS if how.name in seen]


def _bar(kind: str, tally: Tally) -> Bar:
    counts = fates(tally)
    widths = {how: max(100 * count / sum(counts.values()), _THINNEST) for how, count in counts.items()}
    parts, start = [], 0.0
    for how, width in widths.items():
        share = 100 * width / sum(widths.values())
        parts.append(Part(how, counts[how], round(start, 3), round(share, 3)))
        start += share
    return Bar(kind, tally.source, counts, parts)


class Shown(Struct, frozen=True):
    """A claim, as it is shown."""

    things: str
    claim: Claim
    sentence: str
    risk: str
    tolerated: int
    limit_share: str
    tolerated_share: str
    limit_at: float
    """Percent of the chart."""
    wrong_at: float
    tolerated_at: float


def _claim(things: str, claim: Claim, rate: float) -> Shown:
    tolerated = floor(exact(rate) * claim.population)
    scale = 100 / (1.25 * max(claim.limit, tolerated, 1))
    sentence = claim.sentence(things)
    return Shown(
        things,
        claim,
        f"{sentence[:1].upper()}{sentence[1:]}.",
        risk(claim),
        tolerated,
        _percent(claim.limit, max(claim.population, 1)),
        percent(rate),
        *(round(scale * count, 2) for count in (claim.limit, claim.wrong, tolerated)),
    )


def percent(rate: float) -> str:
    """A share as a person writes it."""
    return f"{(100 * Decimal(str(rate))).normalize():f} %"


def duration(seconds: float) -> str:
    """How long, in two units at most."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# ---- rules, losses, doubts -------------------------------------------------------------------------------------------


class Rules(Struct, frozen=True):
    """By which equal is equal."""

    declared: Sequence[tuple[str, str, str, str]]
    """Kind, field, how, note."""
    exact: Mapping[str, Sequence[str]]
    """Kind: the fields that must be as they were."""


def _rules(result: Result) -> Rules:
    declared: list[tuple[str, str, str, str]] = []
    same: dict[str, list[str]] = {}
    for (kind, name), keep in sorted(result.keeps.items()):
        if keep.how == "exact" and not keep.note:
            same.setdefault(str(kind), []).append(name)
        else:
            declared.append((str(kind), name, keep.how, keep.note))
    return Rules(declared, same)


def _command(result: Result) -> str:
    """What asks for the same again."""
    asked = f"--level {result.level} --confidence {result.confidence} --defect-rate {result.defect_rate}"
    return f"mig verify {asked} --seed {result.seed} --report audit.html"


def _doubts(result: Result) -> Iterator[tuple[str, str]]:
    """What could not be checked, or was not, and why."""
    yield from result.unreadable.items()
    if result.unread:
        yield f"{counted(result.unread, 'unit')} of the target", "Could not be read. Verify again to try anew."
    pending = sum(tally.pending for tally in result.kinds.values())
    if pending:
        yield counted(pending, "pending record"), "The migration is not finished. `mig run`, then verify again."
    for name, level in result.levels.items():
        if level.verdict == "skipped":
            yield f"Level {name}", f"It was not asked for: `--level {result.level}` leaves it out."
        elif level.unchecked:
            yield f"{level.unchecked:,} at level {name}", _UNCHECKED.get(name, "They could not be looked at.")
    if result.narrow:
        yield "What was not selected", "Only a part was moved, and only that part was audited."
    if result.as_of is None:
        yield "The scope of the runs", "There was no journal: pairs are known by the marks on the target alone."


_NOT_DRAWN = "The sample did not draw them, or they could not be read. The claim speaks for them."
_UNCHECKED = {"structure": _NOT_DRAWN, "values": _NOT_DRAWN, "bytes": _NOT_DRAWN}


# ---- words -----------------------------------------------------------------------------------------------------------


class Verdict(Struct, frozen=True):
    """A verdict in words."""

    word: str
    sentence: str


_VERDICTS = {
    "pass": Verdict("Pass", "Nothing is wrong in what was checked."),
    "fail": Verdict("Fail", "Something is not as it should be."),
    "incomplete": Verdict("Incomplete", "Nothing wrong was found, but not everything could be checked."),
    "skipped": Verdict("Not asked for", ""),
}


class Told(Struct, frozen=True):
    """What a level is good for."""

    proves: str
    cannot: str


_LEVELS = {
    "conservation": Told(
        "Every record of the source is accounted for: it was moved, merged, archived or skipped for a reason.",
        "It does not look at what stands on the target.",
    ),
    "census": Told(
        "Each record due on the target stands there once, and nothing stands there that nobody sent.",
        "It does not look into records, and sees only what both keys may read.",
    ),
    "structure": Told(
        "Who said what to whom, where, when and in which order is the same.",
        "It does not read texts; who answered since may have changed a state.",
    ),
    "values": Told(
        "Each field is equal, by the rules this page lists.",
        "What the target cannot hold is listed as lost, not compared; what was not drawn, the claim speaks for.",
    ),
    "bytes": Told(
        "Files have the same size and the same SHA-256 on both sides.",
        "It does not open them. Of a file the target did not take only the archive has the bytes: it is not counted "
        "here. What was not drawn, the claim speaks for.",
    ),
}
_COLUMNS = {
    "source": "Records the source shows now.",
    "target": "Records that bear our mark on the target.",
    "accounted": "Of the source's: it is known what became of them.",
    "compared": "Read on both sides and compared field by field.",
    "mismatched": "Compared, and not equal.",
    "missing": "Should stand on the target, and do not.",
    "extra": "The source has them, but they should not stand there.",
    "doubled": "Stand there more than once.",
    "orphaned": "Bear our mark, but the source does not have them (any more).",
    "newer": "Changed at the source since the last run: not wrong, not moved yet.",
    "foreign": "Made or changed on the target by others: not ours to judge.",
}
_WRONG = ("mismatched", "missing", "extra", "doubled", "orphaned")
