"""What a repair would do about what an audit found, what is left to a person and how; and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mig import Kind, Stays
from mig_verify.found import Found, counted

Row = dict[str, object]
UNREAD = "no run has read it"
_EMPTY: tuple[object, ...] = (None, "", [], {}, ())
_TWICE = "remove the one that is too many there, then verify again"
_ORDER = (
    "what stands there keeps its place, and what is said again is the last of its millisecond: leave it so, or remove"
    " there what must come after it in that millisecond, then verify and repair again"
)


class Repairs:
    """Plans a repair.

    Args:
        found: What an audit found.
        stays: By the target's word, the differences that saying it again does not mend.
    """

    def __init__(self, found: Sequence[Found], stays: Mapping[tuple[Kind, str], Stays]) -> None:
        self._found = found
        self._stays = stays
        self._doubled = {one.ref for one in found if one.what == "doubled"}
        self._stuck = {
            (one.expected, one.actual): one
            for one in found
            if one.what == "mismatched" and self._stay(one)
            if isinstance(one.expected, str) and one.expected and isinstance(one.actual, str)
        }

    def rows(self) -> Iterator[Row]:
        """A line for each thing: `deliver` a unit again, `read` a record, or what is `by hand`."""
        delivered: set[tuple[str, str]] = set()
        for one in self._found:
            about = {"kind": one.kind, "source_id": one.source_id, "what": one.what, "field": one.field, "why": one.why}
            how = self._by_hand(one)
            if how:
                yield {"do": "by hand", **about, "target_id": one.target_id, "how": how}
            elif one.why == UNREAD:
                yield {"do": "read", **about}
            elif (one.unit, one.kind) not in delivered or one.level == "bytes":
                delivered.add((one.unit, one.kind))
                yield {"do": "deliver", "unit": one.unit, **about}

    def _by_hand(self, one: Found) -> str:
        """How a person mends it; empty: a repair does."""
        if one.why.startswith("quarantined"):
            return "mend the record or its mapping: `mig failures` says how"
        if one.what not in ("missing", "mismatched"):
            return "remove it there: it bears our mark, and must not stand there (twice)"
        if one.why == UNREAD:
            return ""
        if not one.unit:
            told = "mend the record at the source, or its mapping: it cannot be moved as it is"
            return told if one.what == "missing" else "the audit's own counts contradict one another: please report it"
        if one.field == "order":
            return _ORDER
        if one.field == "mark" and one.ref in self._doubled:
            return _TWICE
        return self._stay(one) or self._follows(one)

    def _stay(self, one: Found) -> str:
        """What the target's plugin says of a difference that stays."""
        if one.actual in _EMPTY:
            return ""
        name, kind = one.field, Kind(one.kind)
        while True:
            stays = self._stays.get((kind, name))
            if stays is not None and (one.expected in _EMPTY or not stays.unasked):
                return stays.how
            if not name:
                return ""
            name = name.rpartition(".")[0]

    def _follows(self, one: Found) -> str:
        """A difference that is there only because another's is, which stays: the name of the shelf a record lies on."""
        if not isinstance(one.expected, str):
            return ""
        for (expected, actual), other in self._stuck.items():
            if expected in one.expected and one.expected.replace(expected, actual) == one.actual:
                return f"it follows from {other.ref}: {self._stay(other)}"
        return ""


def advice(found: Sequence[Found], stays: Mapping[tuple[Kind, str], Stays], *, journal: bool) -> Iterator[str]:
    """What to do about what was found, in sentences; nothing that would not help.

    Args:
        found: What an audit found.
        stays: By the target's word, the differences that saying it again does not mend.
        journal: Whether there is one: without it nothing is repaired.
    """
    if not found:
        return
    if not journal:
        yield "Without a journal nothing can be repaired: verify with it, or build it again by `mig adopt`."
        return
    rows = list(Repairs(found, stays).rows())
    does = Counter(row["do"] for row in rows)
    failed = sum(str(row["why"]).startswith("quarantined") for row in rows)
    yield "`mig explain ID` tells one record's story."
    if does["read"]:
        yield f"`mig run` again moves what no run has read: {_of(does['read'])}."
    if does["deliver"]:
        yield "`mig verify --plan-repair FILE` plans what can be said again, `mig run --repair FILE` does it."
    if failed:
        yield f"`mig failures` names what is quarantined, and the way out: {_of(failed)}."
    if left := does["by hand"] - failed:
        yield f"No run mends {_of(left)}: `mig verify --plan-repair FILE` says what a person does."


def _of(count: int) -> str:
    return counted(count, "discrepancy", "discrepancies")
