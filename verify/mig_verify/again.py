"""A defect is rarely alone: everything that could have it too is looked at, whether it was drawn or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mig import CONTACT, Attachment, HasFiles, Kind, Record, Ref
from mig.audit import Audit
from mig_verify.draw import FILES, Draw
from mig_verify.files import Files
from mig_verify.found import Found
from mig_verify.inspect import Inspector
from mig_verify.statistics import Claim
from mig_verify.store import Scratch
from mig_verify.units import Judge, Look
from mig_verify.walk import TargetWalk, plainly


class Again:
    """Looks again at what matches the signature of a defect.

    Args:
        audit: Both sides.
        scratch: What was read.
        draw: What was drawn.
        judge: Says what must stand there.
        inspector: Compares.
        target: Reads profiles.
    """

    def __init__(
        self, audit: Audit, scratch: Scratch, draw: Draw, judge: Judge, inspector: Inspector, target: TargetWalk
    ) -> None:
        self._audit = audit
        self._scratch = scratch
        self._draw = draw
        self._judge = judge
        self._inspector = inspector
        self._target = target

    async def sharpened(
        self, claim: Claim, found: Sequence[Found], wrong: set[Ref], unread: set[Ref]
    ) -> tuple[Claim, list[Found]]:
        """Look again, for each signature, the most frequent first; a record belongs to one of them only.

        Args:
            claim: What the sample allows to say.
            found: What it found.
            wrong: The records found wrong.
            unread: Those that could not be looked at.

        Returns:
            The claim with those that match in a census of their own, and what else was found.
        """
        taken: set[Ref] = set()
        more: list[Found] = []
        fields = Counter(
            one.field for one in found if one.kind == CONTACT and Ref(CONTACT, one.source_id) in wrong and one.field
        )
        for name, _ in fields.most_common():
            whatever = any(one.field == name and one.expected in (None, "", [], {}) for one in found)
            matching = {ref for ref in self._profiles_with(name, whatever=whatever) if ref not in taken}
            taken |= matching
            fresh = await self._profiles([ref for ref in matching if ref not in self._chosen(CONTACT)])
            more += fresh
            bad = {Ref(CONTACT, one.source_id) for one in (*found, *fresh)} & matching
            lost = self._unread_of(matching) - bad
            claim = self._draw.sharpened(
                claim,
                f"profiles with {name}",
                matching,
                wrong=bad,
                unread=lost,
                wrong_before=wrong,
                unread_before=unread,
            )
        types = {self._type_of(one.ref) for one in found if one.level == "bytes"}
        for mime in sorted(types):
            matching = set(self._files_of(mime))
            fresh = await self._files(matching)
            more += [one for one in fresh if one.ref not in wrong]
            bad = {one.ref for one in fresh} & matching
            rows = self._scratch.rows("SELECT kind, id FROM bytes WHERE verdict = 'unread'")
            lost = {Ref(Kind(kind), name) for kind, name in rows} & matching
            claim = self._draw.sharpened(
                claim,
                f"files of type {mime or 'unknown'}",
                matching,
                wrong=bad,
                unread=lost,
                wrong_before=wrong,
                unread_before=unread,
            )
        return claim, more

    def _chosen(self, kind: Kind) -> set[Ref]:
        rows = self._scratch.rows("SELECT id FROM drawn WHERE kind = ? AND chosen", (kind,))
        return {Ref(kind, name) for (name,) in rows}

    # ---- profiles ----------------------------------------------------------------------------------------------------

    def _profiles_with(self, field: str, *, whatever: bool) -> Iterable[Ref]:
        """Profiles that must have something in a field; or all, where the fault is that something is there."""
        for judged in self._judge.units(CONTACT):
            record: Record | None = next(iter(judged.expected.records), None)
            if record is not None and (whatever or _held(record, field) not in (None, "", [], {})):
                yield record.ref

    async def _profiles(self, refs: Sequence[Ref]) -> list[Found]:
        """Read and compare what was not drawn."""
        at = dict(self._draw.others(CONTACT))
        await plainly(self._target.read([(CONTACT, at[ref.id]) for ref in refs if ref.id in at]))
        found: list[Found] = []
        for ref in sorted(refs):
            rows = self._scratch.rows("SELECT unit FROM source WHERE kind = ? AND id = ?", (ref.kind, ref.id))
            if ref.id in at and rows:
                found += self._inspector.compare_again(self._judge.unit(rows[0][0]))
        return found

    def _unread_of(self, refs: set[Ref]) -> set[Ref]:
        away = {target_id for kind, target_id in self._target.unread if kind == CONTACT}
        rows = self._scratch.rows("SELECT id, at FROM drawn WHERE kind = ?", (CONTACT,))
        return {Ref(CONTACT, name) for name, at in rows if at in away} & refs

    # ---- files -------------------------------------------------------------------------------------------------------

    def _type_of(self, ref: Ref) -> str:
        record = Look(self._scratch, self._audit.types)(ref)
        return record.mime.partition(";")[0].strip().lower() if isinstance(record, Attachment) else ""

    def _files_of(self, mime: str) -> Iterable[Ref]:
        rows = self._scratch.rows("SELECT kind, id FROM drawn WHERE kind IN (?, ?) ORDER BY kind, id", FILES)
        refs = (Ref(Kind(kind), name) for kind, name in rows)
        yield from (ref for ref in refs if self._type_of(ref) == mime)

    async def _files(self, refs: set[Ref]) -> list[Found]:
        source, target = self._audit.source, self._audit.target
        assert isinstance(source, HasFiles)
        assert isinstance(target, HasFiles)
        files = Files(source, target, self._scratch, self._audit.types, self._audit.clock, self._judge)
        await plainly(files.compare(sorted(refs)))
        return [one for one in files.found() if one.ref in refs]


def _held(record: Record, field: str) -> object:
    """What a record has in a field, or at a key of a map; of what is no field (a flaw) nobody knows: something."""
    name, *keys = field.split(".")
    if not hasattr(record, name):
        return True
    value: object = getattr(record, name)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
