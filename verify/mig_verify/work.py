"""An audit from its beginning to its verdict; killed in the middle, it goes on where it was."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog
from msgspec import Struct

from mig import CONTACT, CanProve, HasFiles, Kind, Ref, Usage, epoch_ms
from mig.audit import Audit, Ledger, Look
from mig_verify.again import Again
from mig_verify.case import Newer
from mig_verify.draw import FILES, Draw
from mig_verify.fields import Fields
from mig_verify.files import Files
from mig_verify.found import Found, Tallies
from mig_verify.inspect import Inspector
from mig_verify.result import LEVELS, Level, Result, grouped, settle
from mig_verify.statistics import Checked, Claim, make_claim
from mig_verify.store import FORMAT, Scratch
from mig_verify.units import Judge, Row, place
from mig_verify.walk import SourceWalk, TargetWalk, plainly

log = structlog.get_logger("mig.verify")


class Asked(Struct, frozen=True, kw_only=True):
    """What an audit was asked for."""

    level: str = "samples"
    """counts, samples, full."""
    confidence: float = 0.95
    defect_rate: float = 0.01
    seed: int | None = None
    """None: one is drawn, and said."""
    work: Path | None = None
    """Where it keeps what it has read; None: beside the journal."""


Told = Callable[[str, int], None]


async def verify(audit: Audit, asked: Asked, told: Told) -> Result:
    """Audit once.

    Args:
        audit: Both sides, opened.
        asked: How deep, and how sure.
        told: Told of what is read: what, and how many.

    Raises:
        Usage: The target cannot be verified.
        Refused, Paused: It cannot go on now; the same command goes on from here.
    """
    if not isinstance(audit.target, CanProve):
        raise Usage(
            f"the plugin of {audit.target_spec.name} cannot be verified", "It lacks `CanProve` (docs/verify.md)."
        )
    work = _Work(audit, audit.target, asked, told)
    try:
        result = await work.all()
    except BaseException:
        await work.close(ended=False)
        raise
    await work.close(ended=True)
    return result


class _Work:
    def __init__(self, audit: Audit, proving: CanProve, asked: Asked, told: Told) -> None:
        self._audit = audit
        self._proving = proving
        self._asked = asked
        self._told = told
        self._began = audit.clock.now()
        self._began_s = audit.clock.monotonic()
        ledger = audit.ledger
        about = "\n".join(
            (FORMAT, audit.origin, audit.workspace, asked.level, str(ledger.run_id if ledger is not None else "none"))
        )
        path = asked.work or audit.home / "mig-verify.db"
        self._scratch = Scratch(path, about)
        looks = ledger.looks() if ledger is not None else []
        self._audits = len(looks)
        self._looks = sum(one.level == "samples" for one in looks)
        self.seed = self._choose_seed()
        self._draw = Draw(self._scratch, audit.types, confidence=asked.confidence, looks=self._looks)
        self._source = SourceWalk(
            audit.source, audit.source_spec, audit.target, self._scratch, readers=audit.readers, told=told
        )
        self._target = TargetWalk(audit.target, self._scratch, audit.types, audit.clock, told)
        self._claims: list[tuple[str, Claim]] = []
        self._found: list[Found] = []
        self._fields: Fields | None = None
        self._levels = {name: Level("pass" if name in self._wanted() else "skipped") for name in LEVELS}

    async def close(self, *, ended: bool) -> None:
        """Keep what was spent; what was read only while the audit is not at its end."""
        if self._audit.ledger is not None:
            await self._audit.ledger.save_budgets(self._audit.budgets)
        self._scratch.close(remove=ended)

    def _wanted(self) -> Sequence[str]:
        return LEVELS[:2] if self._asked.level == "counts" else LEVELS

    def _choose_seed(self) -> int:
        """The same for an audit that is taken up again, or the sample would be another one."""
        kept = self._scratch.said("seed")
        if self._asked.seed is not None and kept not in (None, str(self._asked.seed)):
            log.info("seed.changed", before=kept)
        seed = self._asked.seed if self._asked.seed is not None else int(kept or secrets.randbelow(2**31))
        self._scratch.say("seed", str(seed))
        return seed

    async def all(self) -> Result:
        """Walk both sides, place, compare, sample, and say it."""
        audit, scratch = self._audit, self._scratch
        await plainly(self._source.walk())
        if audit.ledger is not None:
            self._take_journal(audit.ledger)
        place(scratch)
        await plainly(self._target.walk(self._proving))
        await plainly(self._target.read(list(self._threads())))
        deep = self._asked.level != "counts"
        if deep:
            await self._drawn()
        judge = Judge(scratch, audit.chain, self._proving, audit.types, audit.origin)
        inspector = self._inspector()
        for judged in judge.units():
            self._found += inspector.inspect(judged)
        if self._audit.ledger is None:
            told = "nothing on the target says where they come from: only the journal knows which are ours"
            self._source.unreadable |= dict.fromkeys(sorted(self._audit.target.capabilities.markless), told)
        self._found += inspector.unplaced()
        inspector.count_target()
        self._found += inspector.strays([str(kind) for kind in self._source.unreadable])
        self._conserved(inspector)
        if deep:
            await self._files(judge)
            await self._sharpen(judge, inspector)
        return self._result(inspector)

    # ---- what is read ------------------------------------------------------------------------------------------------

    def _take_journal(self, ledger: Ledger) -> None:
        """Ids and states: the scope, and which thing there is which here."""
        if self._scratch.part("journal")[1]:
            return
        self._scratch.run("DELETE FROM known")
        self._scratch.run("DELETE FROM pair")
        for known in ledger.known():
            self._scratch.run(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(known.ref.kind, known.ref.id, known.unit, known.fate, known.state, known.reason),
                    *(known.merged_into, known.digest),
                ),
            )
        for unit, target_id in ledger.pairs(self._audit.target):
            self._scratch.run("INSERT OR REPLACE INTO pair VALUES (?, ?)", (unit, target_id))
        self._scratch.end_part("journal")

    def _threads(self) -> Iterator[tuple[Kind, str]]:
        """What must be read for the census: everything of ours whose records no list shows, but profiles."""
        for kind, target_id in self._scratch.rows(
            "SELECT kind, target_id FROM present WHERE NOT whole AND kind != ? AND (ours OR EXISTS"
            " (SELECT 1 FROM pair WHERE pair.target_id = present.target_id)) ORDER BY kind, target_id",
            (CONTACT,),
        ):
            yield Kind(kind), target_id

    async def _drawn(self) -> None:
        """Draw profiles and files, and read the profiles: no list shows their data."""
        ledger = self._audit.ledger
        self._draw.draw(
            seed=self.seed,
            defect_rate=self._asked.defect_rate,
            everything=self._asked.level == "full",
            now=ledger.as_of if ledger is not None and ledger.as_of is not None else self._began,
        )
        await plainly(self._target.read([(CONTACT, at) for _, at in self._draw.chosen(CONTACT)]))

    # ---- what is said ------------------------------------------------------------------------------------------------

    def _inspector(self) -> Inspector:
        audit, ledger = self._audit, self._audit.ledger
        scope = ledger.scope() if ledger is not None and ledger.narrow else None
        as_of = ledger.as_of if ledger is not None else None

        unknown = self._audit.target.capabilities.markless if ledger is None else frozenset()

        def in_scope(rows: Sequence[Row]) -> bool:
            if rows and rows[0].ref.kind in unknown:
                return False
            if scope is None:
                return True
            statement = "SELECT unit FROM known WHERE kind = ? AND id = ?"
            units = (self._scratch.rows(statement, (row.ref.kind, row.ref.id)) for row in rows)
            return any(found[0][0] in scope for found in units if found)

        tallies = Tallies()
        if self._asked.level != "counts":
            keeps, normals = audit.target.capabilities.keeps, audit.target_spec.normals
            self._fields = Fields(self._scratch, keeps, normals, tallies, self._audit.target.capabilities.markless)
        newer = Newer(self._scratch, epoch_ms(as_of) if as_of is not None else None)
        return Inspector(
            self._scratch,
            audit.types,
            self._fields,
            tallies,
            newer,
            stands=self._proving.stands,
            in_scope=in_scope,
        )

    def _conserved(self, inspector: Inspector) -> None:
        """The sums close: what the source has is what the journal accounts for, and each of it is somewhere."""
        for kind, tally in inspector.tallies.items():
            told = tally.accounted + tally.missing + tally.pending
            if told > tally.source:
                self._found.append(
                    Found(
                        level="conservation",
                        what="mismatched",
                        kind=kind,
                        source_id="",
                        field="sum",
                        expected=tally.source,
                        actual=told,
                        why="the parts are more than the whole",
                    )
                )

    async def _files(self, judge: Judge) -> None:
        """Level 5: the files that were drawn."""
        source, target = self._audit.source, self._audit.target
        level = self._levels["bytes"]
        if not next(self._draw.files(), None):
            return
        if not (isinstance(source, HasFiles) and isinstance(target, HasFiles)):
            level.verdict = "incomplete"
            return
        files = Files(source, target, self._scratch, self._audit.types, self._audit.clock, judge)
        await plainly(files.compare(list(self._draw.files())))
        self._found += files.found()

    async def _sharpen(self, judge: Judge, inspector: Inspector) -> None:
        """A defect is rarely alone: all that match its signature are looked at, before anything is said of the rest."""
        wrong, unread = self._wrong(), self._unread()
        claim = self._draw.claim(wrong, unread)
        again = Again(self._audit, self._scratch, self._draw, judge, inspector, self._target)
        if self._draw.left_out:
            claim, more = await again.sharpened(claim, self._found, wrong, unread)
            self._found += more
        self._claims += [("records in threads", self._claim_threads(inspector)), ("profiles and files", claim)]
        counts = dict(self._scratch.rows("SELECT verdict, count(*) FROM bytes GROUP BY verdict"))
        kept = counts.pop("kept", 0)  # by their own addresses: nothing on the target is a copy of them
        level = self._levels["bytes"]
        level.checked = sum(counts.values()) - counts.get("unread", 0)
        files = self._scratch.count("SELECT count(*) FROM drawn WHERE kind IN (?, ?)", FILES)
        level.unchecked = max(files - kept - level.checked, 0)
        for kind in FILES:
            if wrong_files := {ref for ref in self._wrong() if ref.kind == kind}:
                inspector.tallies[kind].mismatched += len(wrong_files)
        if counts.get("unread"):
            level.verdict = "incomplete"

    def _claim_threads(self, inspector: Inspector) -> Claim:
        """Threads are read whole for the census: what stands in them is compared, all of it."""
        count = sum(tally.compared for kind, tally in inspector.tallies.items() if kind != CONTACT)
        fields = (one for one in self._found if one.what == "mismatched" and one.level in ("structure", "values"))
        refs = {one.ref for one in fields if one.kind != CONTACT}
        wrong = [ref for ref in refs if not self._scratch.is_instead(ref)]  # the file itself was never compared
        return make_claim([Checked("threads", count, count, min(len(wrong), count))], self._asked.confidence)

    def _wrong(self) -> set[Ref]:
        """Profiles with a wrong field, files with wrong bytes."""
        return {
            Ref(Kind(one.kind), one.source_id)
            for one in self._found
            if (one.kind == CONTACT and one.level in ("structure", "values")) or one.level == "bytes"
        }

    def _unread(self) -> set[Ref]:
        away = {target_id for kind, target_id in self._target.unread if kind == CONTACT}
        lost = {Ref(CONTACT, name) for name, at in self._draw.chosen(CONTACT) if at in away}
        rows = self._scratch.rows("SELECT kind, id FROM bytes WHERE verdict = 'unread'")
        return lost | {Ref(Kind(kind), name) for kind, name in rows}

    def _result(self, inspector: Inspector) -> Result:
        audit, ledger = self._audit, self._audit.ledger
        levels = self._levels
        tallies = inspector.tallies
        levels["conservation"].checked = levels["census"].checked = sum(tally.source for tally in tallies.values())
        if self._fields is not None:
            levels["structure"].checked = levels["values"].checked = self._fields.compared
            held = sum(tally.by.get("held", 0) for tally in tallies.values())
            levels["values"].unchecked = levels["structure"].unchecked = max(held - self._fields.compared, 0)
        settle(
            levels,
            self._found,
            unreadable=bool(self._source.unreadable),
            pending=any(tally.pending for tally in tallies.values()),
            unread=len(self._target.unread),
        )
        keeps = {**audit.target_spec.keeps, **audit.target.capabilities.keeps}  # those of a run
        outcomes, losses = ledger.losses(audit.types, keeps) if ledger is not None else ({}, [])
        order = {"census": 0, "structure": 1, "values": 2, "bytes": 3, "conservation": 4}
        self._found.sort(key=lambda one: (order[one.level], one.kind, one.source_id, one.field))
        return Result(
            level=self._asked.level,
            seed=self.seed,
            confidence=self._asked.confidence,
            defect_rate=self._asked.defect_rate,
            source=audit.origin,
            target=f"{audit.target_spec.name}:{audit.workspace}",
            as_of=ledger.as_of if ledger is not None else None,
            run_id=ledger.run_id if ledger is not None else 0,
            began=self._began,
            seconds=round(audit.clock.monotonic() - self._began_s, 3),
            requests={side: sum(meter.values()) for side, meter in audit.requests.items()},
            levels=levels,
            kinds=dict(sorted(tallies.items())),
            claims=self._claims,
            groups=grouped(self._found),
            found=self._found,
            unreadable={str(kind): why for kind, why in self._source.unreadable.items()},
            unread=len(self._target.unread),
            audits=self._audits + 1,
            looks=self._looks + (self._asked.level == "samples"),
            losses=losses,
            outcomes=outcomes,
            keeps=audit.target.capabilities.keeps,
            stays=audit.target.capabilities.stays,
            narrow=ledger is not None and ledger.narrow,
        )


def look_of(result: Result, at: str) -> Look:
    """What the journal keeps of an audit."""
    levels = {name: level.verdict for name, level in result.levels.items()}
    found = {"verdict": result.verdict, "levels": levels, "discrepancies": len(result.found), "claim": result.claim}
    return Look(at, result.level, result.seed, found)


__all__ = ["Asked", "look_of", "verify"]
