"""Levels 3 and 4: every field of what stands there, its order, and what it is tied to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mig import Keep, Kind, Record, Ref, differences
from mig_verify.case import Case
from mig_verify.found import Found, Tallies
from mig_verify.store import Scratch

STRUCTURE = frozenset(
    (
        *("conversation", "contact", "parent", "place", "order", "same_as"),  # where it belongs
        *("sent_at", "written_at", "created_at", "timestamp", "extra.sent_at", "at"),  # when
        *("side", "author", "agent", "user", "from", "extra.from", "automated", "redacted", "extra.author"),  # who
        *("channel", "origin", "extra.origin", "type", "extra.type", "stealth", "extra.stealth", "alone", "mentions"),
        *("status", "extra.state", "agents", "extra.assigned", "teams", "queue", "extra.inbox", "read"),
        *("fingerprint", "source", "mark", "emails", "extra.email"),  # which
    )
)
"""Who said what where and when, in which state: level 3. Every other field is level 4."""
LIVE = frozenset(
    ("status", "extra.state", "agents", "queue", "read", "last_active_at", "extra.assigned", "extra.inbox")
)
"""Fields people change by answering: where somebody did, theirs is no fault of ours."""
_TIMES = frozenset(("sent_at", "written_at", "place", "timestamp", "extra.sent_at", "created_at"))


class Fields:
    """Compares the records of a unit.

    Args:
        scratch: What both sides showed.
        keeps: What the target keeps of each field.
        normals: The functions named in it.
        tallies: Counts what was compared.
        markless: Kinds the target keeps no marks of: only the journal knows them.
    """

    def __init__(
        self,
        scratch: Scratch,
        keeps: Mapping[tuple[Kind, str], Keep],
        normals: Mapping[str, Callable[[object], object]],
        tallies: Tallies,
        markless: frozenset[Kind] = frozenset(),
    ) -> None:
        self._scratch = scratch
        self._keeps = keeps
        self._normals = normals
        self._tallies = tallies
        self._markless = markless
        self.compared = 0
        """Records."""

    def compare(self, case: Case) -> list[Found]:
        """What of a unit that was read whole is not as it should be."""
        found: list[Found] = []
        for ref, expected in case.wanted.items():
            there = next(iter(case.standing.get(ref, ())), None) or case.unmarked(ref)
            if there is None:
                continue
            if not self._scratch.is_instead(ref):  # such a note is looked at all the same, but it is not the file
                self._tallies[ref.kind].compared += 1
                self.compared += 1
            wrong = [*self._fields(case, expected, there), *_flaws(case, ref)]
            if ref == case.root:
                wrong += self._links(case, ref)
                if not there.ref.id and ref.kind not in self._markless:
                    why = "it does not bear its own mark: only the journal knows it"
                    wrong.append(case.found("census", "mismatched", ref, field="mark", why=why))
            found += self._sorted_out(case, ref, wrong)
        if not any(one.field in _TIMES for one in found):
            found += self._order(case)
        return found

    def _fields(self, case: Case, expected: Record, there: Record) -> list[Found]:
        found = []
        for one in differences(expected, there, self._keeps, self._normals):
            keep = self._keeps.get((expected.ref.kind, one.field.partition(".")[0]))
            why = f"{keep.how}: {keep.note}".strip(": ") if keep is not None else ""
            level = level_of(one.field)
            found.append(
                case.found(
                    level,
                    "mismatched",
                    expected.ref,
                    field=one.field,
                    expected=one.expected,
                    actual=one.actual,
                    why=why,
                )
            )
        return found

    def _links(self, case: Case, ref: Ref) -> list[Found]:
        """What the root is tied to there must be what its own references became."""
        source = next((row.record for row in case.judged.rows if row.ref == ref), None)
        found = []
        for name, target_id in case.main.links.items() if case.main is not None else ():
            named = getattr(source, name, None)
            homes = self._homes(named) if isinstance(named, Ref) else []
            if homes and target_id not in homes:
                level = level_of(name)
                found.append(case.found(level, "mismatched", ref, field=name, expected=homes[0], actual=target_id))
        return found

    def _homes(self, ref: Ref) -> list[str]:
        """Where the unit of a record stands."""
        rows = self._scratch.rows(
            "SELECT root.at FROM source AS one JOIN source AS other ON other.unit = one.unit"
            " JOIN root ON root.kind = other.kind AND root.id = other.id WHERE one.kind = ? AND one.id = ?"
            " UNION SELECT target_id FROM source JOIN pair ON pair.unit = source.unit WHERE kind = ? AND id = ?",
            (ref.kind, ref.id, ref.kind, ref.id),
        )
        return [row[0] for row in rows]

    def _order(self, case: Case) -> list[Found]:
        """What stands there stands in the order it should; the first that does not is told."""
        there = [record.ref for record in case.main.records if record.ref in case.wanted] if case.main else []
        should = [ref for ref in case.wanted if ref in set(there)]
        if len(should) < len(there) or case.newer or case.looked_newer:
            return []
        for position, (one, other) in enumerate(zip(should, there, strict=True)):
            if one != other:
                self._tallies[one.kind].mismatched += 1
                actual = there.index(one)
                return [case.found("structure", "mismatched", one, field="order", expected=position, actual=actual)]
        return []

    def _sorted_out(self, case: Case, ref: Ref, wrong: list[Found]) -> list[Found]:
        """What of it is a fault: not what the source changed since, nor what people did there by answering."""
        tally, is_root = self._tallies[ref.kind], ref == case.root
        if wrong and is_root and case.main is not None and case.main.foreign:
            wrong = [one for one in wrong if one.field not in LIVE]
            tally.foreign += not wrong
        if not wrong:
            return []
        parents = {row.ref: row.parent for row in case.judged.rows}
        family = {ref, parents.get(ref), *(one for one, parent in parents.items() if parent == ref)}
        if case.newer & family or case.looked_newer or (is_root and case.newer):
            tally.newer += 1
            return []
        tally.mismatched += 1
        return wrong


def level_of(name: str) -> str:
    """The level a field belongs to."""
    return "structure" if name in STRUCTURE else "values"


def _flaws(case: Case, ref: Ref) -> list[Found]:
    flaws = case.main.flaws if case.main is not None else ()
    return [
        case.found(level_of(flaw.field), "mismatched", ref, field=flaw.field, why=flaw.why)
        for flaw in flaws
        if flaw.ref == ref
    ]
