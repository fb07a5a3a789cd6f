"""What an audit found, and what it says of it: levels, kinds, groups, the claim; as JSON and in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from mig import Keep, Kind, Stays
from mig.audit import LossRow
from mig_verify.found import Found, Tally, counted
from mig_verify.repairs import advice
from mig_verify.statistics import Claim, doubt

LEVELS = ("conservation", "census", "structure", "values", "bytes")
INLINE = 1_000
"""Discrepancies in the JSON object; all of them stand in `--out`."""
COLUMNS = (
    *("source", "target", "accounted", "compared", "mismatched", "missing", "extra", "doubled", "orphaned"),
    *("newer", "foreign"),
)
EXIT = {"pass": 0, "fail": 1, "incomplete": 5}


class Level(Struct):
    """One of the five."""

    verdict: str = "skipped"
    """pass, fail, incomplete (something could not be checked), skipped (not asked for)."""
    checked: int = 0
    unchecked: int = 0


class Group(Struct, frozen=True):
    """Findings that look alike."""

    level: str
    what: str
    kind: str
    field: str
    why: str
    count: int
    examples: tuple[tuple[str, str], ...]
    """Source id and target id of some."""


class Result(Struct, kw_only=True):
    """An audit that came to its end."""

    level: str
    seed: int
    confidence: float
    defect_rate: float
    source: str
    target: str
    as_of: datetime | None
    run_id: int
    began: datetime
    seconds: float
    requests: Mapping[str, int]
    levels: dict[str, Level]
    kinds: dict[str, Tally]
    claims: list[tuple[str, Claim]]
    """What was counted, and what is claimed of it."""
    groups: list[Group]
    found: list[Found]
    unreadable: Mapping[str, str]
    """Kinds the source does not show to this key, and why."""
    unread: int
    """Units of the target that could not be read."""
    audits: int
    """Of this migration so far, this one counted."""
    looks: int
    """Those of them that drew a sample: only these can be wrong by bad luck, so only these a claim counts in."""
    losses: Sequence[LossRow]
    """The loss ledger: what the target does not hold as it was; as the run and the report have it."""
    outcomes: Mapping[str, int]
    """Its sums: how many fields of records ended how, what was kept among them."""
    keeps: Mapping[tuple[Kind, str], Keep]
    """The rules by which equal is equal."""
    stays: Mapping[tuple[Kind, str], Stays]
    """What of it no repair mends, by the target's word."""
    narrow: bool
    costs: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """pass: nothing is wrong; fail: something is; incomplete: nothing found, and not all could be looked at."""
        verdicts = [level.verdict for level in self.levels.values()]
        return "fail" if "fail" in verdicts else "incomplete" if "incomplete" in verdicts else "pass"

    @property
    def advice(self) -> list[str]:
        """What to do about what was found."""
        return list(advice(self.found, self.stays, journal=self.run_id > 0))

    @property
    def claim(self) -> str:
        """In one sentence for each kind of thing that was counted."""
        return "; ".join(claim.sentence(things) for things, claim in self.claims)


def as_object(result: Result, *, bodies: bool) -> dict[str, Any]:
    """The JSON object of the command line's contract.

    Args:
        result: What was found.
        bodies: Whether values themselves may be shown.
    """
    return {
        "schema": 1,
        "verdict": result.verdict,
        "level": result.level,
        "seed": result.seed,
        "source": result.source,
        "target": result.target,
        "run_id": result.run_id,
        "as_of": result.as_of.isoformat() if result.as_of is not None else None,
        "audits": result.audits,
        "looks": result.looks,
        "levels": {name: msgspec.to_builtins(level) for name, level in result.levels.items()},
        "kinds": {kind: {name: getattr(tally, name) for name in COLUMNS} for kind, tally in result.kinds.items()},
        "pending": sum(tally.pending for tally in result.kinds.values()),
        "claim": result.claim,
        "claims": [_claimed(things, claim) for things, claim in result.claims],
        "groups": [msgspec.to_builtins(group) for group in result.groups],
        "unreadable": dict(result.unreadable),
        "requests": dict(result.requests),
        "seconds": result.seconds,
        "discrepancies_total": len(result.found),
        "discrepancies": [as_line(one, bodies=bodies) for one in result.found[:INLINE]],
    }


def _claimed(things: str, claim: Claim) -> dict[str, Any]:
    """A claim as an auditor computes it again: `strata` by alpha, `parts` after all like a defect were looked at."""
    found = {name: getattr(claim, name) for name in ("population", "drawn", "wrong", "unread", "limit", "confidence")}
    parts = {"strata": msgspec.to_builtins(claim.strata), "parts": msgspec.to_builtins(claim.parts)}
    alpha = str(claim.alpha) if claim.sampled else None
    return {"things": things, **found, "look": claim.looks, "sampled": claim.sampled, "alpha": alpha, **parts}


def risk(claim: Claim) -> str:
    """By which alpha the limits of a claim were computed, and how it came about; empty: nothing was sampled."""
    if not claim.sampled:
        return ""
    whole, look = doubt(claim.confidence), claim.looks
    return (
        f"alpha {claim.alpha} for each sampled stratum: {whole} / ({look} x {look + 1}), being look {look},"
        f" / {counted(claim.sampled, 'sampled stratum', 'sampled strata')}"
    )


def as_line(one: Found, *, bodies: bool) -> dict[str, Any]:
    """One discrepancy; values are told by digest, length and where they first differ, unless bodies may be shown."""
    expected, actual = shown(one, bodies=bodies)
    return {
        "level": one.level,
        "what": one.what,
        "kind": one.kind,
        "source_id": one.source_id,
        "target_id": one.target_id,
        "field": one.field,
        "expected": expected,
        "actual": actual,
        "why": one.why,
    }


def shown(one: Found, *, bodies: bool) -> tuple[Any, Any]:
    """Both values of a discrepancy as they may be shown."""
    if bodies or one.field in _PLAIN:
        return _plain(one.expected), _plain(one.actual)
    first = _first_difference(one.expected, one.actual)
    return _told(one.expected, first), _told(one.actual, first)


_PLAIN = frozenset(
    (
        *("place", "order", "parts", "mark", "read", "status", "side", "sent_at", "written_at", "created_at"),
        *("automated", "redacted", "bytes", "conversation", "parent", "extra.type", "extra.from", "extra.stealth"),
        *("extra.assigned", "extra.inbox", "last_active_at"),
    )
)
"""Fields whose values are ids, times, numbers and words of the platforms, never of people."""


def _told(value: object, first: int | None) -> Any:
    """A value without its content."""
    if value is None or isinstance(value, bool):
        return value
    text = _text(value)
    told = {
        "type": type(value).__name__,
        "length": len(text),
        "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    }
    return told | ({"differs_at": first} if first is not None else {})


def _first_difference(one: object, other: object) -> int | None:
    if one is None or other is None:
        return None
    left, right = _text(one), _text(other)
    return next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)


def grouped(found: Iterable[Found], examples: int = 3) -> list[Group]:
    """Findings by what they have in common, the most frequent first."""
    groups: dict[tuple[str, str, str, str, str], list[Found]] = {}
    for one in found:
        groups.setdefault((one.level, one.what, one.kind, one.field, one.why), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        Group(*key, len(alike), tuple((one.source_id, one.target_id) for one in alike[:examples]))
        for key, alike in ordered
    ]


def lines(result: Result) -> Iterator[str]:
    """For a person at a terminal: the verdict first, then what is wrong, then where to look."""
    yield f"{_WORDS[result.verdict]}: {result.source} -> {result.target}, level {result.level}"
    when = f"as of run {result.run_id}, {result.as_of:%Y-%m-%d %H:%M} UTC" if result.as_of else "by the marks alone"
    part = "; only the part that was moved" if result.narrow else ""
    look = f", look {result.looks}" if result.level == "samples" else ""
    yield f"  {when}{part}; seed {result.seed}, audit {result.audits}{look}"
    for things, claim in result.claims:
        yield f"  {claim.sentence(things)}"
        if claim.sampled:
            yield f"    {risk(claim)}"
    yield ""
    for name, level in result.levels.items():
        unchecked = f", {level.unchecked:,} not checked" if level.unchecked else ""
        told = "not asked for" if level.verdict == "skipped" else f"{level.checked:,} checked{unchecked}"
        yield f"  {name:14}{_SHORT[level.verdict]:12}{told}"
    yield ""
    columns = [name for name in COLUMNS if any(getattr(tally, name) for tally in result.kinds.values())]
    yield f"  {'':14}" + "".join(f"{name:>11}" for name in columns)
    for kind, tally in result.kinds.items():
        yield f"  {kind:14}" + "".join(f"{getattr(tally, name) or '-':>11}" for name in columns)
    yield from _groups(result)
    yield from _unchecked(result)
    requests = ", ".join(f"{count:,} to the {side}" for side, count in result.requests.items())
    yield f"\n  requests: {requests}; {result.seconds:.0f} s"


_WORDS = {"pass": "PASS", "fail": "FAIL", "incomplete": "NOTHING WRONG FOUND, but not all could be checked"}
_SHORT = {"pass": "pass", "fail": "FAIL", "incomplete": "incomplete", "skipped": "-"}


def _groups(result: Result) -> Iterator[str]:
    if not result.groups:
        return
    yield f"\n  {counted(len(result.found), 'discrepancy', 'discrepancies')}, the most frequent first:"
    for group in result.groups[:20]:
        field = f" {group.field}" if group.field else ""
        why = f" ({group.why})" if group.why else ""
        yield f"    {group.count:>7,}  {group.what} {group.kind}{field}{why}"
        for source_id, target_id in group.examples:
            there = f" at {target_id}" if target_id else ""
            yield f"             {source_id}{there}"
    if len(result.groups) > 20:
        yield f"    and {counted(len(result.groups) - 20, 'group')} more: --out FILE.jsonl holds all of it"
    for told in result.advice:
        yield f"  {told}"


def _unchecked(result: Result) -> Iterator[str]:
    for kind, why in result.unreadable.items():
        yield f"  could not check {kind}: {why}"
    if result.unread:
        told = counted(result.unread, "unit")
        yield f"  could not read {told} of the target; verify again to try anew"
    pending = sum(tally.pending for tally in result.kinds.values())
    if pending:
        told = f"{counted(pending, 'record')} {'is' if pending == 1 else 'are'} pending"
        yield f"  {told}: the migration is not finished. `mig run`, then verify again."


def settle(
    levels: dict[str, Level], found: Sequence[Found], *, unreadable: bool, pending: bool, unread: int
) -> dict[str, Level]:
    """Give each level that was asked for its verdict."""
    wrong = {one.level for one in found}
    open_: Callable[[str], bool] = lambda name: (  # noqa: E731
        (unreadable and name in ("conservation", "census")) or (pending and name == "census") or bool(unread)
    )
    for name, level in levels.items():
        if level.verdict != "skipped":
            level.verdict = "fail" if name in wrong else "incomplete" if open_(name) else level.verdict
    return levels
