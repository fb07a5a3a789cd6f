"""Level 5: the bytes of a file, read from both sides."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from mig import MEDIA, Attachment, Clock, HasFiles, Kind, Lost, NotApplied, Record, Ref, Unclear
from mig_verify.found import Found
from mig_verify.store import Scratch
from mig_verify.units import Judge, Look

_LANES = 4
_TRIES = 6


class Content(Struct, frozen=True):
    """What a file holds, without holding it."""

    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.size} bytes, sha256 {self.sha256[:16]}"


class Files:
    """Compares files, each once, however often the audit is taken up again.

    Args:
        source: Opens a file where it came from.
        target: Opens it where it is now.
        scratch: What both sides showed; keeps the outcome of each file.
        types: Kind -> Struct.
        clock: Waits between attempts.
        judge: Says which files a text must show, in which order: by their places they are told apart.
    """

    def __init__(
        self,
        source: HasFiles,
        target: HasFiles,
        scratch: Scratch,
        types: Mapping[Kind, type[Record]],
        clock: Clock,
        judge: Judge,
    ) -> None:
        self._source = source
        self._target = target
        self._scratch = scratch
        self._look = Look(scratch, types)
        self._types = types
        self._clock = clock
        self._judge = judge

    async def compare(self, refs: Sequence[Ref]) -> None:
        """Read these files from both sides.

        Raises:
            Refused, Paused: Nothing more can be read; what was compared is kept.
        """
        queue = iter(refs)

        async def lane() -> None:
            for ref in queue:
                if not self._scratch.count("SELECT count(*) FROM bytes WHERE kind = ? AND id = ?", (ref.kind, ref.id)):
                    told = await (self._in_text(ref) if ref.kind == MEDIA else self._one(ref))
                    self._scratch.run("INSERT OR REPLACE INTO bytes VALUES (?, ?, ?, ?, ?)", (ref.kind, ref.id, *told))

        async with asyncio.TaskGroup() as group:
            for _ in range(_LANES):
                group.create_task(lane())

    async def _in_text(self, ref: Ref) -> tuple[str, str, str]:
        """A file that a text shows, at each of its places."""
        want, places = self._look(ref), self._places(ref)
        assert isinstance(want, Attachment), "only files of the source are asked for"
        if places is None:
            return "unread", "", "its text shows other files than it must: which is which cannot be told"
        if not places:
            return "kept", "", "its text must show no file of ours in its place"
        expected = await self._content(self._source, want)
        actual: Content | str = ""
        for url in places:
            actual = await self._content(self._target, msgspec.structs.replace(want, url=url))
            if isinstance(expected, Content) and expected != actual:
                return "differ", str(expected), str(actual)
        return ("equal" if isinstance(expected, Content) else "unread"), str(expected), str(actual)

    def _places(self, ref: Ref) -> list[str] | None:
        """Where the text that must show a file shows it; None: that cannot be told."""
        for unit, kind, at in self._scratch.rows(
            "SELECT s.unit, s.parent_kind, d.at FROM source AS s JOIN drawn AS d ON d.kind = s.kind AND d.id = s.id"
            " WHERE s.kind = ? AND s.id = ?",
            (ref.kind, ref.id),
        ):
            wanted, present = self._judge.unit(unit).expected.files, self._scratch.present(kind, at, self._types)
            if present is not None and len(present.files) == len(wanted):
                pairs = zip(wanted, present.files, strict=True)
                return list(dict.fromkeys(url for one, url in pairs if one == ref))
        return None

    async def _one(self, ref: Ref) -> tuple[str, str, str]:
        want, have = self._look(ref), self._standing(ref)
        assert isinstance(want, Attachment), "only files of the source are asked for"
        if have is None:
            return "unread", "", "it stands nowhere as a file"
        expected = await self._content(self._source, want)
        actual = await self._content(self._target, have) if have.url else "no file: the place only names it"
        if not isinstance(expected, Content):
            return "unread", expected, str(actual)
        if not isinstance(actual, Content):
            return "differ", str(expected), actual
        return ("equal" if expected == actual else "differ"), str(expected), str(actual)

    def _standing(self, ref: Ref) -> Attachment | None:
        """The file as it stands on the target."""
        for kind, at in self._scratch.rows(
            "SELECT at_kind, at FROM mark WHERE kind = ? AND id = ? ORDER BY at", (ref.kind, ref.id)
        ):
            present = self._scratch.present(kind, at, self._types)
            for record in present.records if present is not None else ():
                if record.ref == ref and isinstance(record, Attachment):
                    return record
        return None

    async def _content(self, side: HasFiles, record: Record) -> Content | str:
        """What it holds, or why that cannot be told."""
        trouble = ""
        for attempt in range(_TRIES):
            try:
                sha, size = hashlib.sha256(), 0
                async with side.open_file(record) as chunks:
                    async for chunk in chunks:
                        sha.update(chunk)
                        size += len(chunk)
                return Content(size, sha.hexdigest())
            except Lost as error:
                return f"its bytes cannot be had: {error.message}"
            except (Unclear, NotApplied) as error:
                trouble = error.message
                await self._clock.sleep(min(2.0**attempt, 30.0))
        return f"its bytes could not be had this time: {trouble}"

    def found(self) -> Iterator[Found]:
        """Files that are not what they were."""
        for kind, name, expected, actual in self._scratch.rows(
            "SELECT kind, id, expected, actual FROM bytes WHERE verdict = 'differ' ORDER BY kind, id"
        ):
            at = self._scratch.rows("SELECT at FROM drawn WHERE kind = ? AND id = ?", (kind, name))
            unit = self._scratch.rows("SELECT unit FROM source WHERE kind = ? AND id = ?", (kind, name))
            yield Found(
                level="bytes",
                what="mismatched",
                kind=kind,
                source_id=name,
                target_id=at[0][0] if at else "",
                field="bytes",
                unit=unit[0][0] or "" if unit else "",
                expected=expected,
                actual=actual,
            )
