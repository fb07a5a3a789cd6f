"""One unit held against where it stands: what is wanted, what is there, and what the source changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from mig import Kind, Present, Record, Ref
from mig_verify.found import Found
from mig_verify.store import Scratch
from mig_verify.units import Judged

_MARGIN_MS = 5 * 60_000
"""How far the source's clock may be behind ours."""


class Newer:
    """What the source changed since the run: by its dates, and because it is not what that run read.

    Args:
        scratch: What was read, and the digests of what the run had read.
        as_of_ms: When the run began; None: nothing counts as newer.
    """

    def __init__(self, scratch: Scratch, as_of_ms: int | None) -> None:
        self._scratch = scratch
        scratch.run("CREATE TEMP TABLE IF NOT EXISTS newer (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")
        scratch.run("DELETE FROM newer")
        self._any = as_of_ms is not None and scratch.run(
            "INSERT INTO newer SELECT s.kind, s.id FROM source AS s LEFT JOIN known AS k"
            " ON k.kind = s.kind AND k.id = s.id AND k.state != 'gone'"
            " WHERE s.changed >= ? AND coalesce(k.digest, '') != s.digest",
            (as_of_ms - _MARGIN_MS,),
        )

    def __contains__(self, ref: Ref) -> bool:
        if not self._any:
            return False
        return self._scratch.count("SELECT count(*) FROM newer WHERE kind = ? AND id = ?", (ref.kind, ref.id)) > 0


class Case(Struct):
    """One unit, and where it stands."""

    judged: Judged
    places: Sequence[Present]
    wanted: Mapping[Ref, Record]
    standing: Mapping[Ref, Sequence[Record]]
    """In the first of its places, each as often as it stands there."""
    newer: set[Ref]
    """Records of the unit that the source changed since."""
    looked_newer: bool
    """So was something it looked up."""

    @property
    def main(self) -> Present | None:
        """Where it stands; None: nowhere."""
        return self.places[0] if self.places else None

    @property
    def kind(self) -> Kind:
        """Of its root."""
        return Kind(self.judged.key.partition(":")[0])

    @property
    def root(self) -> Ref | None:
        """What its root must be there."""
        return next(iter(self.wanted), None)

    def unmarked(self, ref: Ref) -> Record | None:
        """The root as it stands there without its mark: only the journal tells what it is."""
        main = self.main
        if main is None or ref != self.root or not main.records or main.records[0].ref.id:
            return None
        return main.records[0]

    def found(
        self,
        level: str,
        what: str,
        ref: Ref,
        *,
        target_id: str | None = None,
        field: str = "",
        expected: object = None,
        actual: object = None,
        why: str = "",
    ) -> Found:
        """One thing that is not as it should be; without a target id it is where the unit stands."""
        main = self.main.target_id if self.main is not None else ""
        return Found(
            level=level,
            what=what,
            kind=ref.kind,
            source_id=ref.id,
            target_id=main if target_id is None else target_id,
            field=field,
            expected=expected,
            actual=actual,
            why=why,
            unit=self.judged.key,
        )


def open_case(scratch: Scratch, judged: Judged, newer: Newer, types: Mapping[Kind, type[Record]]) -> Case:
    """Find where a unit stands."""
    places = _places(scratch, judged, types)
    standing: dict[Ref, list[Record]] = {}
    for record in places[0].records if places else ():
        standing.setdefault(record.ref, []).append(record)
    return Case(
        judged=judged,
        places=places,
        wanted={record.ref: record for record in judged.expected.records},
        standing=standing,
        newer={row.ref for row in judged.rows if row.ref in newer},
        looked_newer=any(ref in newer for ref in judged.asked),
    )


def _places(scratch: Scratch, judged: Judged, types: Mapping[Kind, type[Record]]) -> list[Present]:
    """Where a unit stands; the first is the one the journal names, or else one that bears the mark of a root."""
    kind = judged.key.partition(":")[0]
    at: dict[tuple[str, str], None] = {}
    for (target_id,) in scratch.rows("SELECT target_id FROM pair WHERE unit = ?", (judged.key,)):
        at[kind, target_id] = None
    for row in judged.rows:
        if row.parent is None:
            for at_kind, target_id in scratch.rows(
                "SELECT at_kind, at FROM root WHERE kind = ? AND id = ? ORDER BY at", (row.ref.kind, row.ref.id)
            ):
                at[at_kind, target_id] = None
    found = (scratch.present(at_kind, target_id, types) for at_kind, target_id in at)
    return [present for present in found if present is not None]
