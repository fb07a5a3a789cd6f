"""A checkpoint of an extraction: what is read, where it goes on, what is still to come."""

from __future__ import annotations

import msgspec
import structlog
from msgspec import Struct

log = structlog.get_logger()


class State(Struct, frozen=True, omit_defaults=True):
    """A checkpoint."""

    mode: str = "list"
    """list: pages of a list; files: messages with files by search; walk: everything of the past two years by search;
    old: what is older; done."""
    query: int = 0
    """list: which of its queries."""
    page: int = 1
    """list: which page comes next."""
    since: str = ""
    """files, walk: where it goes on."""
    start: str = ""
    """files: where the walk behind it starts."""
    told: str = ""
    """walk: messages with files were handed out with them up to here."""
    mark: str = ""
    """The last change known before this extraction began; done: where the next run's delta starts."""
    horizon: str = ""
    """files, walk: dates after it were too young to be trusted when the walk began."""
    by: int = 0
    """Which of the context's dates is walked by."""
    old: str = ""
    """Where the reading of what is older than two years goes on; empty: nothing of it is to be read."""
    old_by: int = 0
    """Which of the archive's dates is walked by."""
    stage: str = ""
    """old: which part of it (notes are looked for in several places)."""
    line: str = ""
    """The oldest change search showed: what is older is older than two years."""
    seen: str = ""
    """When that was, by our own clock: since then the two-year line has moved on."""
    look: bool = False
    """`old` is only a second look at what was about to pass the line."""
    shown: float = 0.0
    """The share of messages with files, when searches were seen to name them; 0: they were not."""
    listed: bool = False
    """The list was read up to its cap."""
    nameless: tuple[str, ...] = ()
    """Rows in quarantine that have neither id nor link, as `resource/name` (see `nameless.py`)."""

    @classmethod
    def read(cls, checkpoint: bytes | None) -> State:
        """A checkpoint as it was written; one of an unknown form starts anew."""
        if checkpoint is None:
            return cls()
        try:
            return msgspec.json.decode(checkpoint, type=cls)
        except msgspec.DecodeError:
            log.warning("checkpoint.unknown")
            return cls()

    def write(self) -> bytes:
        """The opaque bytes the engine keeps."""
        return msgspec.json.encode(self)

    def but(self, **changes: object) -> State:
        """The same with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def is_behind(self, end: State) -> bool:
        """Whether a reading that went on from here and ended so has parts that were read long before its end.

        A walk has none but the files of messages: it comes to what changed last. Of what was never read no part was.
        """
        begun = self.mode == "old" or bool(self.told) or (self.mode == "list" and self != State())
        return begun and end.mode == "done" and bool(end.mark)

    def done(self) -> State:
        """Where the next run starts."""
        done = State("done", mark=self.mark, by=self.by)
        if not self.old:
            return done
        return done.but(
            old=self.old, old_by=self.old_by, line=self.line, seen=self.seen, look=self.look, listed=self.listed
        )
