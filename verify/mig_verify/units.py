"""What the source's records must have become: placed, mapped and said beforehand, by the audit's own hand."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from mig import (
    AGENT,
    ATTRIBUTE,
    MEDIA,
    QUEUE,
    TAG,
    TEAM,
    CanProve,
    Decision,
    Expected,
    Fate,
    Kind,
    Loss,
    Mapper,
    Record,
    RecordError,
    Ref,
    Unit,
    UnitKey,
)
from mig_verify.store import Scratch

SMALL = frozenset((AGENT, TAG, TEAM, QUEUE, ATTRIBUTE))
"""Kinds a mapper may ask for as a whole."""
_CACHE = 1_024
_BATCH = 500


class Row(Struct, frozen=True):
    """A record of the source, as the audit read it."""

    ref: Ref
    record: Record | None
    """None: it could not be parsed."""
    parent: Ref | None
    changed: int | None
    """When it last changed, ms; None: the source does not say."""
    digest: str
    failure: str


class Judged(Struct):
    """What must have become of one unit's records."""

    key: str
    rows: list[Row]
    fates: dict[Ref, tuple[Fate | None, str]]
    """Of every record: None is a record that could not be read or mapped."""
    losses: dict[Ref, list[Loss]] = field(default_factory=dict)
    expected: Expected = Expected(())
    asked: set[Ref] = field(default_factory=set)
    """What else was looked up for it."""
    why: str = ""
    """Why nothing can be expected of it; empty: it can."""


def place(scratch: Scratch) -> None:
    """Give every record its unit and its place in it: roots that share a name are one, children follow their parents.

    Where the journal knows units, a root stays with those it was moved with: a contact keeps its profile when its
    address changes. What such roots have in common now is checked apart (`strangers`).
    """
    scratch.run("UPDATE source SET unit = NULL, ord = NULL")
    scratch.run("DELETE FROM name")
    after: tuple[str, str, str] = ("", "", "")
    while True:
        page = scratch.rows(
            "SELECT s.kind, s.own, s.id, s.names, coalesce(k.unit, '') FROM source AS s LEFT JOIN known AS k"
            " ON k.kind = s.kind AND k.id = s.id AND k.state != 'gone'"
            " WHERE s.parent_id IS NULL AND s.failure = '' AND (s.kind, s.own, s.id) > (?, ?, ?)"
            " ORDER BY s.kind, s.own, s.id LIMIT ?",
            (*after, _BATCH),
        )
        if not page:
            break
        for kind, own, name, names, known in page:
            unit = known or _by_name(scratch, names) or f"{kind}:{name}"
            for one in filter(None, names.split("\n")):
                scratch.run("INSERT OR IGNORE INTO name VALUES (?, ?)", (one, unit))
            scratch.run(
                "UPDATE source SET unit = ?, ord = ? WHERE kind = ? AND id = ?",
                (unit, f"0\x01{own}", kind, name),
            )
        after = (page[-1][0], page[-1][1], page[-1][2])
    while scratch.run(
        "UPDATE source SET unit = p.unit,"
        " ord = CASE WHEN p.parent_id IS NULL THEN '1' ELSE p.ord END || char(1) || source.own"
        " FROM source AS p WHERE source.unit IS NULL AND source.failure = '' AND source.parent_id IS NOT NULL"
        " AND p.kind = source.parent_kind AND p.id = source.parent_id AND p.unit IS NOT NULL"
    ):
        pass  # one floor of the house after the other


def _by_name(scratch: Scratch, names: str) -> str:
    for name in filter(None, names.split("\n")):
        found = scratch.rows("SELECT unit FROM name WHERE name = ?", (name,))
        if found:
            return str(found[0][0])
    return ""


class Look:
    """A Lookup over what the audit read, that remembers what was asked.

    Args:
        scratch: Where it lies.
        types: Kind -> Struct.
    """

    def __init__(self, scratch: Scratch, types: Mapping[Kind, type[Record]]) -> None:
        self._scratch = scratch
        self._types = types
        self._small: dict[Kind, dict[str, Record]] = {}
        self._recent: OrderedDict[Ref, Record | None] = OrderedDict()
        self.asked: set[Ref] = set()

    def __call__(self, ref: Ref) -> Record | None:
        self.asked.add(ref)
        if ref.kind in SMALL:
            return self._all(ref.kind).get(ref.id)
        if ref not in self._recent:
            rows = self._scratch.rows("SELECT body FROM source WHERE kind = ? AND id = ?", (ref.kind, ref.id))
            self._recent[ref] = self.decode(ref.kind, rows[0][0]) if rows and rows[0][0] else None
            if len(self._recent) > _CACHE:
                self._recent.popitem(last=False)
        return self._recent[ref]

    def all(self, kind: Kind) -> Sequence[Record]:
        if kind not in SMALL:
            raise ValueError(f"only {', '.join(sorted(SMALL))} can be asked for as a whole, not {kind}")
        rows = self._all(kind)
        self.asked.update(record.ref for record in rows.values())
        return list(rows.values())

    def decode(self, kind: Kind, body: bytes) -> Record:
        """A record as it was kept."""
        return msgspec.json.decode(zlib.decompress(body), type=self._types[kind])

    def _all(self, kind: Kind) -> dict[str, Record]:
        if kind not in self._small:
            rows = self._scratch.rows(
                "SELECT id, body FROM source WHERE kind = ? AND failure = '' ORDER BY id", (kind,)
            )
            self._small[kind] = {name: self.decode(kind, body) for name, body in rows}
        return self._small[kind]


class Judge:
    """Says what must have become of each unit.

    Args:
        scratch: What was read, placed.
        chain: The mappers, the first in front.
        proving: The target's word on what a unit looks like there.
        types: Kind -> Struct.
        origin: `<source platform>:<organisation id>`.
    """

    def __init__(
        self,
        scratch: Scratch,
        chain: Sequence[Mapper],
        proving: CanProve,
        types: Mapping[Kind, type[Record]],
        origin: str,
    ) -> None:
        self._scratch = scratch
        self._chain = chain
        self._proving = proving
        self._origin = origin
        self._look = Look(scratch, types)

    def units(self, kind: Kind | None = None) -> Iterator[Judged]:
        """Every unit, by key; or those whose roots are of one kind."""
        after = f"{kind}:" if kind is not None else ""
        end = f"{kind};" if kind is not None else "\U0010ffff"
        while page := self._scratch.rows(
            "SELECT DISTINCT unit FROM source WHERE unit > ? AND unit < ? ORDER BY unit LIMIT ?", (after, end, _BATCH)
        ):
            for (key,) in page:
                yield self.unit(key)
            after = page[-1][0]

    def unit(self, key: str) -> Judged:
        """One unit: each record through the chain of mappers, and what the target must show of what is loaded."""
        rows = self._rows(key)
        self._look.asked = set()
        judged = Judged(key, rows, {})
        loaded: list[Record] = []
        for row in rows:
            fate, why, mapped = self._fate(row, judged)
            judged.fates[row.ref] = (fate, why)
            if mapped is not None:
                loaded.append(mapped)
        if loaded:
            try:
                judged.expected = self._proving.expect(Unit(UnitKey(key), loaded, self._origin), _Mapped(self))
            except Exception as error:  # a plugin's fault costs a unit, never the audit
                judged.why = f"what it must look like cannot be said ({type(error).__name__})"
        judged.asked = set(self._look.asked)
        return judged

    def _rows(self, key: str) -> list[Row]:
        found = self._scratch.rows(
            "SELECT kind, id, body, parent_kind, parent_id, changed, digest, failure FROM source"
            " WHERE unit = ? ORDER BY ord",
            (key,),
        )
        return [
            Row(
                Ref(Kind(kind), name),
                self._look.decode(Kind(kind), body) if body else None,
                Ref(Kind(parent_kind), parent_id) if parent_id is not None else None,
                changed,
                digest,
                failure,
            )
            for kind, name, body, parent_kind, parent_id, changed, digest, failure in found
        ]

    def _fate(self, row: Row, judged: Judged) -> tuple[Fate | None, str, Record | None]:
        """What the chain says of a record; one under a record that is not loaded shares its fate."""
        above = judged.fates.get(row.parent) if row.parent is not None else None
        if above is not None and above[0] is not Fate.LOAD:
            return above[0], f"its {row.parent.kind if row.parent else ''} is not moved", None
        if row.record is None:
            return None, row.failure, None
        try:
            decision = self.ask(row.record)
        except RecordError as error:
            return None, f"{error.field}: {error.message}".strip(": "), None
        except Exception as error:  # a mapper may be anybody's
            return None, f"the mapping raised {type(error).__name__}", None
        judged.losses[row.ref] = list(decision.losses)
        if decision.fate is Fate.LOAD and row.ref.kind == MEDIA:
            return self._kept(row.ref, decision)
        return decision.fate, decision.why, decision.record if decision.fate is Fate.LOAD else None

    def _kept(self, ref: Ref, decision: Decision) -> tuple[Fate | None, str, Record | None]:
        """A file in a text: where the journal says that the target does not have it, the text keeps its old address."""
        for fate, state, reason in self._scratch.rows(
            "SELECT fate, state, reason FROM known WHERE kind = ? AND id = ?", (ref.kind, ref.id)
        ):
            if state == "failed":
                return None, reason, None
            if fate in (Fate.ARCHIVE, Fate.SKIP):
                return Fate(fate), reason, None
            if state in ("staged", "sending"):
                return Fate.LOAD, "it waits", None
        return decision.fate, decision.why, decision.record

    def ask(self, record: Record) -> Decision:
        """What the chain of mappers says."""
        for mapper in self._chain:
            decision = mapper.map(record, self._look)
            if decision is not None:
                return decision
        return Decision(Fate.ARCHIVE, record, f"no mapper decides about a {record.ref.kind}")

    def raw(self, ref: Ref) -> Record | None:
        """A record as the source has it."""
        return self._look(ref)

    def raws(self, kind: Kind) -> Sequence[Record]:
        """A small kind as the source has it."""
        return self._look.all(kind)


class _Mapped:
    """What `expect` looks up: records as the mappers want them on the target, and none that they skip."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def __call__(self, ref: Ref) -> Record | None:
        record = self._judge.raw(ref)
        return self._decided(record) if record is not None else None

    def all(self, kind: Kind) -> Sequence[Record]:
        mapped = (self._decided(record) for record in self._judge.raws(kind))
        return [record for record in mapped if record is not None]

    def _decided(self, record: Record) -> Record | None:
        decision = self._judge.ask(record)
        return decision.record if decision.fate is not Fate.SKIP else None
