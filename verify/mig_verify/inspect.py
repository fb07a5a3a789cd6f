"""Levels 1 and 2: every record of the source is accounted for and stands where it must, once; nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mig import MEDIA, Fate, Kind, Record, Ref
from mig_verify.case import Case, Newer, open_case
from mig_verify.fields import Fields
from mig_verify.found import Found, Tallies
from mig_verify.repairs import UNREAD
from mig_verify.store import Scratch
from mig_verify.units import Judged, Row

State = tuple[str, str, str]
"""Fate, state and reason of a record in the journal."""


class Inspector:
    """Counts units, and has their fields compared.

    Args:
        scratch: What both sides showed.
        types: Kind -> Struct.
        fields: Compares; None: things are only counted.
        tallies: Counts.
        newer: What the source changed since the run.
        stands: The kinds that are roots there.
        in_scope: Whether a unit is within what was ever moved.
    """

    def __init__(
        self,
        scratch: Scratch,
        types: Mapping[Kind, type[Record]],
        fields: Fields | None,
        tallies: Tallies,
        newer: Newer,
        *,
        stands: Sequence[Kind],
        in_scope: Callable[[Sequence[Row]], bool],
    ) -> None:
        self._scratch = scratch
        self._types = types
        self._fields = fields
        self._newer = newer
        self._stands = frozenset(stands)
        self._in_scope = in_scope
        self._has_ledger = scratch.count("SELECT count(*) FROM known") > 0
        self.tallies = tallies

    def inspect(self, judged: Judged) -> list[Found]:
        """One unit; adds to the tallies.

        Returns:
            What is not as it should be.
        """
        if not self._in_scope(judged.rows):
            return []
        case = self._open(judged)
        found = self._doubled_roots(case)
        for row in judged.rows:
            found += self._count(case, row)
        return found + self._compared(case)

    def compare_again(self, judged: Judged) -> list[Found]:
        """Only the fields of one unit that was counted before, and was not read then."""
        return self._compared(self._open(judged))

    def _open(self, judged: Judged) -> Case:
        return open_case(self._scratch, judged, self._newer, self._types)

    def _compared(self, case: Case) -> list[Found]:
        if self._fields is None or case.main is None or not case.main.whole or case.judged.why:
            return []
        return self._fields.compare(case)

    def _doubled_roots(self, case: Case) -> list[Found]:
        """It stands several times; what is in the others is found record by record."""
        if case.root is None:
            return []
        self.tallies[case.root.kind].doubled += len(case.places[1:])
        return [case.found("census", "doubled", case.root, target_id=other.target_id) for other in case.places[1:]]

    # ---- one record --------------------------------------------------------------------------------------------------

    def _count(self, case: Case, row: Row) -> list[Found]:
        """What became of a record, and whether that is what should have."""
        tally, ref, judged = self.tallies[row.ref.kind], row.ref, case.judged
        tally.source += 1
        fate, why = judged.fates[ref]
        state = self._state(ref)
        if fate is None or judged.why:
            known = f"quarantined: {state[2]}" if state is not None and state[1] == "failed" else why or judged.why
            tally.missing += 1
            return [case.found("census", "missing", ref, target_id="", why=known)]
        if ref.kind == MEDIA and fate is Fate.LOAD and state is not None and state[1] in ("staged", "sending"):
            return self._missing(case, ref, state, "census")
        how = {Fate.SKIP: "skipped", Fate.ARCHIVE: "archived"}.get(fate, "")
        if fate is Fate.LOAD and ref not in case.wanted:
            how = "elsewhere" if case.kind not in self._stands or ref in judged.expected.held else "archived"
            how = "merged" if ref in judged.expected.merged else how
            why = judged.expected.absent.get(ref, "it stands nowhere by itself")
        if not how:
            return self._wanted(case, row, state)
        if how == "merged":
            tally.account(how)
            return []
        if ref in judged.expected.beside:
            return self._beside(case, row, state, judged.expected.beside[ref])
        # Nothing of it must stand there; why not, and so in which column, the journal says as the run does.
        if state is not None and state[0] in (Fate.ARCHIVE, Fate.SKIP):
            how = _told_by(state)
        return self._unwanted(case, row, state, how, why)

    def _wanted(self, case: Case, row: Row, state: State | None) -> list[Found]:
        """A record that must stand in its unit, once."""
        tally, ref, main = self.tallies[row.ref.kind], row.ref, case.main
        times = len(case.standing.get(ref, ()))
        unread = main is not None and not main.whole and main.kind != ref.kind
        if times or unread or case.unmarked(ref) is not None:
            tally.account(_told_by(state) if self._scratch.is_instead(ref) else "held")
            tally.doubled += max(times - 1, 0)
            return [case.found("census", "doubled", ref, actual=times)] if times > 1 else []
        elsewhere = self._scratch.rows("SELECT at FROM mark WHERE kind = ? AND id = ? ORDER BY at", (ref.kind, ref.id))
        if elsewhere and main is not None:
            tally.account("held")
            tally.mismatched += 1
            at = elsewhere[0][0]
            expected = main.target_id
            return [
                case.found("structure", "mismatched", ref, target_id=at, field="place", expected=expected, actual=at)
            ]
        return self._missing(case, ref, state, "census")

    def _beside(self, case: Case, row: Row, state: State | None, home: Ref) -> list[Found]:
        """A record that must stand in another unit than its own: once, where that unit's root stands."""
        tally, ref = self.tallies[row.ref.kind], row.ref
        there = [
            at
            for (at, times) in self._scratch.rows(
                "SELECT at, times FROM mark WHERE kind = ? AND id = ? ORDER BY at", (ref.kind, ref.id)
            )
            for _ in range(times)
        ]
        if not there:
            how = {"archive": "archived", "skip": "skipped"}.get(state[0] if state is not None else "")
            if how is None:
                return self._missing(case, ref, state, "census")
            tally.account(how)  # the notepad was full
            return []
        tally.account(_told_by(state) if self._scratch.is_instead(ref) else "held")
        homes = self._scratch.rows("SELECT at FROM root WHERE kind = ? AND id = ?", (home.kind, home.id))
        if homes and (there[0],) not in homes:
            tally.mismatched += 1
            where = {"target_id": there[0], "expected": homes[0][0], "actual": there[0]}
            return [case.found("structure", "mismatched", ref, field="place", **where)]
        if len(there) > 1:
            tally.doubled += len(there) - 1
            return [case.found("census", "doubled", ref, actual=len(there))]
        return []

    def _unwanted(self, case: Case, row: Row, state: State | None, how: str, why: str) -> list[Found]:
        """A record that stands nowhere by itself: the journal must account for it, and nothing of it be there."""
        ref, tally = row.ref, self.tallies[row.ref.kind]
        if state is None and self._has_ledger:
            return self._missing(case, ref, state, "conservation")
        rows = self._scratch.rows(
            "SELECT at FROM mark WHERE kind = ? AND id = ? UNION SELECT at FROM root WHERE kind = ? AND id = ?",
            (ref.kind, ref.id, ref.kind, ref.id),
        )
        if rows and ref not in case.newer:
            tally.extra += 1
            return [case.found("census", "extra", ref, target_id=rows[0][0], why=why)]
        if state is not None and state[1] in ("staged", "sending", "failed"):  # the journal does not account for it yet
            return self._missing(case, ref, state, "census")
        tally.account(how)
        return []

    def _missing(self, case: Case, ref: Ref, state: State | None, level: str) -> list[Found]:
        """A record that is not where it should be: a fault, unless the run could not know it, or is not at its end."""
        tally, why = self.tallies[ref.kind], ""
        if ref in case.newer:
            tally.newer += 1
            return []
        if state is not None and state[1] in ("staged", "sending"):
            tally.pending += 1
            return []
        if state is not None and state[1] == "failed":
            why = f"quarantined: {state[2]}"
        elif state is None and self._has_ledger:
            why = UNREAD
        tally.missing += 1
        return [case.found(level, "missing", ref, target_id="", why=why)]

    def _state(self, ref: Ref) -> State | None:
        """How the journal accounts for a record; None: it does not know it."""
        rows = self._scratch.rows("SELECT fate, state, reason FROM known WHERE kind = ? AND id = ?", (ref.kind, ref.id))
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def unplaced(self) -> list[Found]:
        """Records without a unit: those that cannot be read, and those whose parent nobody has.

        What is missing above them is known, so nothing of theirs may stand there; the journal must account for them.
        """
        found: list[Found] = []
        for kind, name, failure in self._scratch.each("SELECT kind, id, failure FROM source WHERE unit IS NULL"):
            ref = Ref(Kind(kind), name)
            judged = Judged("", [], {ref: (None if failure else Fate.ARCHIVE, failure or "its parent does not exist")})
            case = Case(judged, (), {}, {}, {ref} if ref in self._newer else set(), False)
            found += self._count(case, Row(ref, None, None, None, "", failure))
        return found

    # ---- what nobody asked for ---------------------------------------------------------------------------------------

    def strays(self, unreadable: Iterable[str]) -> list[Found]:
        """What bears a mark of ours and is of no record the source has."""
        closed = set(unreadable)
        found = []
        for kind, name, at, state in self._scratch.rows(
            "SELECT m.kind, m.id, m.at, coalesce(k.state, '') FROM (SELECT kind, id, at FROM mark UNION"
            " SELECT kind, id, at FROM root) AS m LEFT JOIN source AS s ON s.kind = m.kind AND s.id = m.id"
            " LEFT JOIN known AS k ON k.kind = m.kind AND k.id = m.id WHERE s.id IS NULL ORDER BY m.kind, m.id"
        ):
            if kind in closed:
                continue
            if state == "gone":  # a run knows that the source deleted it, and left it on purpose
                self.tallies[kind].by["kept"] = self.tallies[kind].by.get("kept", 0) + 1
                continue
            self.tallies[kind].orphaned += 1
            why = "the source does not have it (any more)"
            found.append(Found(level="census", what="orphaned", kind=kind, source_id=name, target_id=at, why=why))
        return found

    def count_target(self) -> None:
        """How much of each kind bears a mark of ours on the target, and how much bears none."""
        for kind, times in self._scratch.rows(
            "SELECT kind, sum(times) FROM mark AS m WHERE NOT EXISTS (SELECT 1 FROM instead AS i WHERE i.kind = m.kind"
            " AND i.id = m.id AND i.at_kind = m.at_kind AND i.at = m.at) GROUP BY kind"
        ):
            self.tallies[kind].target = int(times)
        for kind, count in self._scratch.rows(
            "SELECT kind, count(*) FROM present WHERE NOT ours AND NOT EXISTS (SELECT 1 FROM pair WHERE"
            " pair.target_id = present.target_id) GROUP BY kind"
        ):
            self.tallies[kind].foreign += int(count)
        for kind, count in self._scratch.rows("SELECT 'message', coalesce(sum(foreigners), 0) FROM present"):
            if count:
                self.tallies[kind].foreign += int(count)


def _told_by(state: State | None) -> str:
    """What became of a record that is not moved: as the journal says; without one the archive has it."""
    return "skipped" if state is not None and state[0] == Fate.SKIP else "archived"
