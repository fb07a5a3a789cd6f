"""A run under way: shares and working hours from mig.toml as it is now, and what `mig status` shows of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field

from mig.budgets import Budgets, Level
from mig.clock import Clock
from mig.errors import MigError, Usage
from mig.settings import live_settings

log = structlog.get_logger("mig.run")
_HOURS = re.compile(r"(\d\d?)(?::(\d\d))?-(\d\d?)(?::(\d\d))?")
LOOK_S = 2.0
"""How often mig.toml is looked at, and the journal told how far the run is."""


class Hours(Struct, frozen=True):
    """Working hours, in minutes of the local day; equal: always."""

    begin: int = 0
    end: int = 0

    @classmethod
    def read(cls, text: str) -> Hours:
        """`20-06` or `20:30-06:00`; empty: always.

        Raises:
            Usage: It is none of these.
        """
        if not text:
            return cls()
        found = _HOURS.fullmatch(text.replace(" ", ""))
        if found is None:
            raise Usage(f"hours = {text!r} means nothing", 'Example: hours = "20-06" in mig.toml.')
        begin, end = (int(h) * 60 + int(m or 0) for h, m in ((found[1], found[2]), (found[3], found[4])))
        if begin > 1440 or end > 1440:
            raise Usage(f"hours = {text!r}: a day has 24 hours", 'Example: hours = "20-06" in mig.toml.')
        return cls(begin % 1440, end % 1440)

    def wait_s(self, now: datetime) -> float:
        """Seconds until work may begin; 0: now."""
        minute = now.hour * 60 + now.minute
        inside = self.begin <= minute < self.end if self.begin < self.end else not self.end <= minute < self.begin
        if self.begin == self.end or inside:
            return 0.0
        return float((self.begin - minute) % 1440 * 60 - now.second)


class Progress(Struct):
    """What a person watching wants to know; told by the engine, drawn by whoever listens."""

    stage: str = "extract"
    rows: dict[str, int] = field(default_factory=dict)
    """Per resource: rows read."""
    totals: dict[str, int] = field(default_factory=dict)
    """Units to deliver, by kind."""
    done: dict[str, int] = field(default_factory=dict)
    operations: int = 0
    began: float = 0.0
    """When delivering began (monotonic)."""
    before: dict[str, int] = field(default_factory=dict)
    """What each budget had spent by then."""
    until: str = ""
    """Outside working hours: when it goes on."""


class Live:
    """Keeps a run in step with its mig.toml and its journal in step with the run.

    Args:
        clock: Time of day.
        budgets: Get changed shares.
        hours: To begin with.
        path: The file; None: there is none to look at.
        fixed: Shares given by flags, which stay.
    """

    def __init__(
        self, clock: Clock, budgets: Budgets, hours: str = "", path: Path | None = None, fixed: Mapping[str, float] = {}
    ) -> None:
        self._clock = clock
        self._budgets = budgets
        self._hours = Hours.read(hours)
        self._path = path
        self._fixed = fixed
        self._seen = self._stamp()

    async def open(self, progress: Progress, stopping: Callable[[], bool]) -> None:
        """Wait for working hours; what is under way is never cut short by their end."""
        while (wait := self._hours.wait_s(self._clock.now().astimezone())) > 0 and not stopping():
            progress.until = f"in {wait / 3600:.1f} h"
            await self._clock.sleep(min(wait, LOOK_S))
        progress.until = ""

    async def watch(self, progress: Progress, tell: Callable[[str], Awaitable[None]]) -> None:
        """Until cancelled: read mig.toml again when it changed, and tell the journal how far the run is."""
        while True:
            await asyncio.sleep(LOOK_S)  # the machine's own time: a clock that jumps must not make this spin
            self.look()
            try:
                await tell(msgspec.json.encode(snapshot(progress, self._budgets, self._clock)).decode())
            except MigError as error:  # who only watches must not end what is watched, nor stop watching
                log.warning("progress.untold", why=error.message)

    def look(self) -> None:
        """Take over shares and hours when mig.toml changed; one that cannot be read changes nothing."""
        stamp = self._stamp()
        if stamp == self._seen or self._path is None:
            return
        self._seen = stamp
        try:
            shares, hours = live_settings(self._path)
            self._hours = Hours.read(hours)
        except MigError as error:
            log.warning("settings.unreadable", why=error.message)
            return
        self._budgets.reshare({**shares, **self._fixed})
        log.info("settings.changed", hours=hours, shares=shares)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size) if found else (0, 0)


def snapshot(progress: Progress, budgets: Budgets, clock: Clock) -> dict[str, Any]:
    """How far a run is, as plain values."""
    seconds = clock.monotonic() - progress.began if progress.began else 0.0
    done, total = sum(progress.done.values()), sum(progress.totals.values())
    return {
        "stage": progress.stage,
        "rows": dict(progress.rows),
        "totals": dict(progress.totals),
        "done": dict(progress.done),
        "requests_per_s": round(progress.operations / seconds, 2) if seconds > 0 else 0.0,
        "eta_s": round(seconds / done * (total - done)) if done and seconds > 0 else None,
        "waits": progress.until,
        "budgets": {name: _budget(progress, name, level, done, total) for name, level in list(budgets.levels.items())},
    }


def _budget(progress: Progress, name: str, level: Level, done: int, total: int) -> dict[str, Any]:
    """How much of a budget is ours and used, and how long what is left takes at its pace alone."""
    spent = level.used - progress.before.get(name, 0)
    need = spent / done * max(total - done, 0) if done else 0.0
    turns = need / level.ours
    if level.bucket.daily:
        turns = 0.0 if level.used + need <= level.ours else turns
    return {
        "share": level.share,
        "ours": int(level.ours),
        "used": level.used,
        "per_s": level.bucket.per_s,
        "eta_s": round(turns * level.bucket.per_s),
    }
