"""Which profiles and files are looked at: all, or a sample of each stratum, drawn before anything of it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mig import ATTACHMENT, CONTACT, MEDIA, Attachment, Contact, Kind, Record, Ref, epoch_ms
from mig_verify.sampling import Sample, Stratum, plan_sample
from mig_verify.statistics import Checked, Claim, Recheck, after_recheck, make_claim
from mig_verify.store import Scratch
from mig_verify.units import Look

_YEAR_MS = 365 * 86_400_000
_SIZES = ((100_000, "to 100 kB"), (1_000_000, "to 1 MB"))
# A profile is known by the oldest id that stands in it; one that every list shows whole needs no drawing.
_PROFILES = (
    "INSERT OR IGNORE INTO drawn SELECT r.kind, min(r.id), r.at, '', 0 FROM root AS r JOIN present AS p"
    " ON p.kind = r.at_kind AND p.target_id = r.at WHERE r.kind = ? AND p.kind = r.kind GROUP BY r.at"
)
# A file that never arrived has no bytes there: of it only the note in its place can be looked at.
_FILES = (
    "INSERT OR IGNORE INTO drawn SELECT m.kind, m.id, min(m.at), '', 0 FROM mark AS m JOIN source AS s"
    " ON s.kind = m.kind AND s.id = m.id WHERE m.kind = ? AND NOT EXISTS (SELECT 1 FROM instead AS i"
    " WHERE i.kind = m.kind AND i.id = m.id AND i.at_kind = m.at_kind AND i.at = m.at) GROUP BY m.id"
)
# What an article shows bears no mark: those of articles that stand there, but for what the target did not take.
_SHOWN = (
    "INSERT OR IGNORE INTO drawn SELECT s.kind, s.id, min(p.target_id), '', 0 FROM source AS s JOIN pair AS p"
    " ON p.unit = s.unit JOIN present AS t ON t.kind = s.parent_kind AND t.target_id = p.target_id AND t.whole"
    " JOIN known AS k ON k.kind = s.kind AND k.id = s.id AND k.fate = 'load' AND k.state = 'done'"
    " WHERE s.kind = ? GROUP BY s.id"
)
_COST = {CONTACT: 2.0, ATTACHMENT: 2.0, MEDIA: 2.0}
"""Requests for one of them: a profile and its data; a file from both sides."""


FILES = (ATTACHMENT, MEDIA)
"""Kinds whose bytes are compared."""


class Draw:
    """The sample of one audit, kept with what was read: an audit that is taken up again looks at the same.

    Args:
        scratch: What both sides showed.
        types: Kind -> Struct.
        confidence: Of the whole claim.
        looks: Audits before this one that drew a sample.
    """

    def __init__(self, scratch: Scratch, types: Mapping[Kind, type[Record]], *, confidence: float, looks: int) -> None:
        self._scratch = scratch
        self._look = Look(scratch, types)
        self._confidence = confidence
        self._looks = looks

    def draw(self, *, seed: int, defect_rate: float, everything: bool, now: datetime) -> None:
        """Count what there is by strata, decide how many of each, and draw.

        Args:
            seed: Anyone who has it draws the same.
            defect_rate: What must be ruled out.
            everything: No sample: all of it.
            now: By which things are old.
        """
        how = f"{seed} {defect_rate} {self._confidence} {self._looks}"
        if self._scratch.said("drawn") == how:
            return
        self._scratch.run("DELETE FROM drawn")
        self._scratch.run(_PROFILES, (CONTACT,))
        self._scratch.run(_FILES, (ATTACHMENT,))
        self._scratch.run(_SHOWN, (MEDIA,))
        for kind, name in self._scratch.each("SELECT kind, id FROM drawn"):
            label = self._stratum_of(Ref(Kind(kind), name), now)
            self._scratch.run("UPDATE drawn SET stratum = ? WHERE kind = ? AND id = ?", (label, kind, name))
        rows = self._scratch.rows("SELECT stratum, kind, count(*) FROM drawn GROUP BY stratum, kind ORDER BY stratum")
        strata = [Stratum(name, count, _COST[Kind(kind)], free=everything) for name, kind, count in rows]
        for share in plan_sample(strata, defect_rate, self._confidence, self._looks).shares:
            if share.census:
                self._scratch.run("UPDATE drawn SET chosen = 1 WHERE stratum = ?", (share.name,))
                continue
            sample = Sample(seed, share.draw)
            for (name,) in self._scratch.each("SELECT id FROM drawn WHERE stratum = ?", (share.name,)):
                sample.offer(name)
            for name in sample.ids():
                self._scratch.run("UPDATE drawn SET chosen = 1 WHERE stratum = ? AND id = ?", (share.name, name))
        self._scratch.say("drawn", how)

    def _stratum_of(self, ref: Ref, now: datetime) -> str:
        """What is mapped in another way stands in another stratum; few of them: each takes its part of the risk."""
        record = self._look(ref)
        if isinstance(record, Contact):
            age = "new" if _is_young(record.created_at, now) else "old"
            return f"profiles, {age}, {'with' if record.custom else 'without'} attributes"
        if ref.kind == MEDIA:
            return "files in articles"
        if isinstance(record, Attachment):
            size = record.size
            fitting = (label for limit, label in _SIZES if size is not None and size <= limit)
            return f"files {next(fitting, 'larger or of unknown size')}"
        return f"{ref.kind} records the source does not have"

    def chosen(self, kind: Kind) -> Iterator[tuple[str, str]]:
        """What is to be looked at: source id and target id."""
        rows = self._scratch.rows("SELECT id, at FROM drawn WHERE kind = ? AND chosen = 1 ORDER BY id", (kind,))
        yield from ((name, at) for name, at in rows)

    def files(self) -> Iterator[Ref]:
        """The files that are to be looked at."""
        yield from (Ref(kind, name) for kind in FILES for name, _ in self.chosen(kind))

    def others(self, kind: Kind) -> Iterator[tuple[str, str]]:
        """What was not chosen, likewise."""
        rows = self._scratch.rows("SELECT id, at FROM drawn WHERE kind = ? AND chosen = 0 ORDER BY id", (kind,))
        yield from ((name, at) for name, at in rows)

    @property
    def left_out(self) -> int:
        """How many were not chosen."""
        return self._scratch.count("SELECT count(*) FROM drawn WHERE chosen = 0")

    def claim(self, wrong: Iterable[Ref], unread: Iterable[Ref]) -> Claim:
        """What the sample allows to say.

        Args:
            wrong: Records found wrong; those that were not chosen do not count.
            unread: Records that could not be looked at.
        """
        bad, lost = set(wrong), set(unread)
        parts = []
        for name, kind, count, drawn in self._scratch.rows(
            "SELECT stratum, kind, count(*), sum(chosen) FROM drawn GROUP BY stratum, kind ORDER BY stratum"
        ):
            there = {
                Ref(Kind(kind), one)
                for (one,) in self._scratch.each("SELECT id FROM drawn WHERE stratum = ? AND chosen", (name,))
                if Ref(Kind(kind), one) in bad or Ref(Kind(kind), one) in lost
            }
            parts.append(Checked(name, count, drawn, len((there & bad) - lost), len(there & lost)))
        return make_claim(parts, self._confidence, self._looks)

    def sharpened(
        self,
        claim: Claim,
        signature: str,
        matching: Iterable[Ref],
        *,
        wrong: set[Ref],
        unread: set[Ref],
        wrong_before: set[Ref],
        unread_before: set[Ref],
    ) -> Claim:
        """The claim, when all that match a defect's signature were looked at.

        Args:
            claim: Before.
            signature: What they have in common.
            matching: All of them.
            wrong: Which of them are wrong.
            unread: Which of them could not be looked at now.
            wrong_before: Which the sample had found wrong.
            unread_before: Which of the sample could not be looked at.
        """
        by_stratum: dict[str, list[tuple[Ref, bool]]] = {}
        for ref in matching:
            rows = self._scratch.rows("SELECT stratum, chosen FROM drawn WHERE kind = ? AND id = ?", (ref.kind, ref.id))
            for name, chosen in rows:
                by_stratum.setdefault(name, []).append((ref, bool(chosen)))
        checks = []
        for name, rows_ in sorted(by_stratum.items()):
            all_of, drawn = {ref for ref, _ in rows_}, {ref for ref, chosen in rows_ if chosen}
            found = (drawn & wrong_before) - unread_before
            checks.append(
                Recheck(
                    signature,
                    name,
                    population=len(all_of),
                    drawn=len(drawn),
                    found=len(found),
                    wrong=len((all_of & wrong) | found),
                    sample_unread=len(drawn & unread_before),
                    unread=len((all_of & unread) - wrong - found),
                )
            )
        return after_recheck(claim, checks)


def _is_young(when: datetime | None, now: datetime) -> bool:
    return when is not None and epoch_ms(now) - epoch_ms(when) < 2 * _YEAR_MS
