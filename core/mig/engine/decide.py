"""From staged records to what is wanted on the target: map each, render the unit, and remember what was asked.

Everything here is computed from the journal alone; the network is not touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from mig.errors import RecordError
from mig.journal import delivery
from mig.journal.delivery import RecordRow, Verdict
from mig.journal.staging import SMALL
from mig.model import Kind, Record, Ref, content_digest, digest
from mig.platforms import Decision, Declined, Fate, Mapper, Operation, Rendered, Target, Unit, UnitKey

_CACHE = 512


class Decided(Struct):
    """What a unit is to become."""

    key: UnitKey
    operations: Sequence[Operation]
    verdicts: dict[Ref, Verdict]
    """Of every record; those to be loaded say `staged` until their operations are done."""
    changed: set[Ref]
    """Records whose operations may be sent again."""
    fresh: set[Ref]
    """Of those, what is new or otherwise than it was told, and does not merely wait."""
    asked: set[Ref]
    absent: set[Ref]
    """Of those, what is not staged."""
    looked: str


class Journalled:
    """A Lookup over the journal that remembers what was asked.

    Args:
        types: Kind -> Struct, to decode by.
        cache: Shared by the units of a run; small kinds and recent records.
    """

    def __init__(self, types: Mapping[Kind, type[Record]], cache: LookupCache) -> None:
        self._types = types
        self._cache = cache
        self._connection: Connection | None = None
        self._mig = 0
        self.asked: dict[Ref, str] = {}
        self.asked_all: dict[Kind, str] = {}

    def on(self, connection: Connection, mig: int) -> Journalled:
        """Bind it to a connection."""
        self._connection, self._mig = connection, mig
        return self

    def __call__(self, ref: Ref) -> Record | None:
        if ref.kind in SMALL:
            found = self._small(ref.kind).get(ref.id)
            self.asked[ref] = found[1] if found else ""
            return found[0] if found else None
        assert self._connection is not None
        staged = delivery.staged_body(self._connection, self._mig, ref)
        self.asked[ref] = staged[1] if staged else ""
        return self._cache.decode(ref, staged, self._types) if staged else None

    def all(self, kind: Kind) -> Sequence[Record]:
        if kind not in SMALL:
            raise ValueError(f"only {', '.join(sorted(SMALL))} can be asked for as a whole, not {kind}")
        rows = self._small(kind)
        self.asked_all[kind] = self._cache.signature(kind)
        return [record for record, _ in rows.values()]

    def looked(self) -> str:
        """A digest of everything that was asked."""
        return digest(sorted((str(ref), value) for ref, value in self.asked.items()), sorted(self.asked_all.items()))

    def _small(self, kind: Kind) -> dict[str, tuple[Record, str]]:
        assert self._connection is not None
        return self._cache.small(self._connection, self._mig, kind, self._types)


class _Mapped:
    """What render looks up: records as the mappers want them on the target, and none that they skip."""

    def __init__(self, look: Journalled, ask: Callable[[Record, Journalled], Decision]) -> None:
        self._look = look
        self._ask = ask

    def __call__(self, ref: Ref) -> Record | None:
        record = self._look(ref)
        return self._decided(record) if record is not None else None

    def all(self, kind: Kind) -> Sequence[Record]:
        mapped = (self._decided(record) for record in self._look.all(kind))
        return [record for record in mapped if record is not None]

    def _decided(self, record: Record) -> Record | None:
        decision = self._ask(record, self._look)
        return decision.record if decision.fate is not Fate.SKIP else None


class LookupCache:
    """Decoded records: the small kinds whole, of the others the most recent."""

    def __init__(self) -> None:
        self._small: dict[Kind, dict[str, tuple[Record, str]]] = {}
        self._recent: OrderedDict[tuple[Ref, str], Record] = OrderedDict()

    def small(
        self, connection: Connection, mig: int, kind: Kind, types: Mapping[Kind, type[Record]]
    ) -> dict[str, tuple[Record, str]]:
        """A small kind by id, with digests."""
        if kind not in self._small:
            rows = delivery.staged_bodies(connection, mig, kind)
            records = [(msgspec.json.decode(body, type=types[kind]), value) for body, value in rows]
            self._small[kind] = {record.ref.id: (record, value) for record, value in records}
        return self._small[kind]

    def signature(self, kind: Kind) -> str:
        """A digest over all records of a small kind."""
        return digest(sorted(value for _, value in self._small[kind].values()))

    def decode(self, ref: Ref, staged: tuple[bytes, str], types: Mapping[Kind, type[Record]]) -> Record:
        """Decode a record, or take it from the cache when its digest is the same."""
        body, value = staged
        found = self._recent.get((ref, value))
        if found is None:
            found = msgspec.json.decode(body, type=types[ref.kind])
            self._recent[ref, value] = found
            if len(self._recent) > _CACHE:
                self._recent.popitem(last=False)
        return found


class Decider:
    """Maps and renders units.

    Args:
        chain: The mappers, the first in front.
        target: Renders.
        types: Kind -> Struct.
        origin: `<source platform>:<organisation id>`, for markers.
    """

    def __init__(
        self, chain: Sequence[Mapper], target: Target, types: Mapping[Kind, type[Record]], origin: str
    ) -> None:
        self._origin = origin
        self._chain = chain
        self._target = target
        self._types = types
        self._cache = LookupCache()

    def forget(self) -> None:
        """What was staged since is looked up anew."""
        self._cache = LookupCache()

    def decide(self, connection: Connection, mig: int, key: UnitKey, looked_before: str | None) -> Decided:
        """Everything about one unit, read from the journal in one go."""
        rows = delivery.unit_records(connection, mig, key)
        look = Journalled(self._types, self._cache).on(connection, mig)
        verdicts: dict[Ref, Verdict] = {}
        loaded: list[Record] = []
        for row in rows:
            verdict, record = self._map(row, look, verdicts)
            verdicts[row.ref] = verdict
            if record is not None:
                loaded.append(record)
        rendered, failure = self._render(Unit(key, loaded, self._origin), look)
        if failure:
            for record in loaded:
                verdicts[record.ref] = msgspec.structs.replace(verdicts[record.ref], state="failed", reason=failure)
        else:
            roots = [row.ref for row in rows if row.parent is None]
            _apply(rendered, verdicts, [record.ref for record in loaded], roots)
        for row in rows:
            verdict = verdicts[row.ref]
            if verdict.state == "done" and verdict.fate == Fate.LOAD and row.loaded_run is None:
                verdicts[row.ref] = msgspec.structs.replace(verdict, written=True)  # it is there now, through others
        looked = look.looked()
        changed = {
            row.ref
            for row in rows
            if row.state != "done" or looked != looked_before or row.mapped != verdicts[row.ref].mapped
        }
        return Decided(
            key=key,
            operations=rendered.operations,
            verdicts=verdicts,
            changed=changed,
            fresh={row.ref for row in rows if row.mapped != verdicts[row.ref].mapped},
            asked={ref for ref in look.asked if ref.kind not in SMALL},
            absent={ref for ref, value in look.asked.items() if not value and ref.kind not in SMALL},
            looked=looked,
        )

    def _map(self, row: RecordRow, look: Journalled, verdicts: Mapping[Ref, Verdict]) -> tuple[Verdict, Record | None]:
        """One record through the chain; what stands under a record that is not loaded shares its fate."""
        parent = verdicts.get(row.parent) if row.parent else None
        if parent is not None and parent.fate != Fate.LOAD:
            # The chain is told from its top: a file says what is wrong with the conversation.
            why = (
                parent.reason
                if " is not moved: " in parent.reason
                else f"its {parent.ref.kind} is not moved: {parent.reason}"
            )
            return Verdict(row.ref, parent.fate, "done", why, mapped=digest(row.digest, why)), None
        if parent is not None and parent.state == "failed":
            why = parent.reason if " is quarantined: " in parent.reason else _under(parent)
            return Verdict(row.ref, Fate.LOAD, "failed", why, mapped=row.digest), None
        try:
            record: Record = msgspec.json.decode(row.body, type=self._types[row.ref.kind])
            decision = self._ask(record, look)
        except RecordError as error:
            return Verdict(row.ref, Fate.LOAD, "failed", _reason(error), mapped=row.digest), None
        except Exception as error:  # a mapper may be anybody's: its fault costs a record, never the run
            why = f"the mapping raised {type(error).__name__}. Correct the mapper, then run again."
            return Verdict(row.ref, Fate.LOAD, "failed", why, mapped=row.digest), None
        mapped = digest(content_digest(decision.record), decision.fate, decision.why)
        losses = tuple(decision.losses)
        if decision.fate is Fate.LOAD:
            return Verdict(row.ref, Fate.LOAD, "staged", "", mapped=mapped, losses=losses), decision.record
        return Verdict(row.ref, decision.fate, "done", decision.why, mapped=mapped, losses=losses), None

    def _ask(self, record: Record, look: Journalled) -> Decision:
        for mapper in self._chain:
            decision = mapper.map(record, look)
            if decision is not None:
                return decision
        return Decision(Fate.ARCHIVE, record, f"no mapper decides about a {record.ref.kind}")

    def _render(self, unit: Unit, look: Journalled) -> tuple[Rendered, str]:
        """The unit's operations, or why it cannot be rendered."""
        if not unit.records:
            return Rendered(()), ""
        try:
            return self._target.render(unit, _Mapped(look, self._ask)), ""
        except RecordError as error:
            return Rendered(()), _reason(error)
        except Exception as error:  # as above: the unit is quarantined, the run goes on
            return Rendered(()), f"it cannot be rendered ({type(error).__name__}): a fault of the target's plugin"


def _apply(rendered: Rendered, verdicts: dict[Ref, Verdict], loaded: Sequence[Ref], roots: Sequence[Ref]) -> None:
    """What only the neighbours show: declined records, roots that became one, and records nobody carries."""
    for ref, entry in rendered.losses:
        verdicts[ref] = msgspec.structs.replace(verdicts[ref], losses=(*verdicts[ref].losses, entry))
    for item in rendered.declined:
        verdicts[item.ref] = _decline(verdicts[item.ref], item)
    declined = {item.ref for item in rendered.declined}
    carried = {ref for operation in rendered.operations for ref in operation.carries}
    for ref in loaded:
        if ref not in carried and ref not in declined:
            why = "the target neither carries nor declines it: a fault of its plugin. Please report it."
            verdicts[ref] = msgspec.structs.replace(verdicts[ref], state="failed", reason=why)
    standing = [ref for ref in roots if ref in carried]
    for ref in standing[1:]:
        verdicts[ref] = msgspec.structs.replace(verdicts[ref], merged_into=str(standing[0]))


def _decline(verdict: Verdict, item: Declined) -> Verdict:
    if item.fate is None:
        return msgspec.structs.replace(verdict, state="staged", reason=item.why)
    mapped = digest(verdict.mapped or "", item.why)
    return msgspec.structs.replace(verdict, fate=item.fate, state="done", reason=item.why, mapped=mapped)


def _under(parent: Verdict) -> str:
    return f"its {parent.ref.kind} is quarantined: {parent.reason}"


def _reason(error: RecordError) -> str:
    field = f"{error.field}: " if error.field else ""
    return f"{field}{error.message}. {error.hint}".strip()
