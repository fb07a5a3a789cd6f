"""Requests we may spend: buckets paced evenly (GCRA), shares of them, and a purse for what is counted by the day."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct, field

from mig.clock import Clock
from mig.errors import Paused


class Bucket(Struct, frozen=True):
    """One limit of a platform, as data."""

    name: str
    """Named for the platform too, "acme.requests": one run spends from two platforms."""
    amount: int
    """How many per `per_s`."""
    per_s: float
    share: float = 1.0
    """Which part of it is ours: a live desk may need the rest."""
    daily: bool = False
    """Counted per window of `per_s` (a day), kept over restarts, and never paced inside it."""
    account: str = ""
    """Of a daily bucket: whose. What was used is kept for each account, and shared by all runs on it."""
    slack: float = 0.0
    """The part of the amount that nobody spends: half of it lets a pace that fell behind catch up, half is for
    requests that left evenly and arrive unevenly."""
    rolling: bool = False
    """No more than the amount are under way or answered in any `per_s` seconds, however late they arrive: then a
    platform that counts in windows never sees too many."""

    @property
    def purse(self) -> str:
        """The name under which the journal keeps what was used."""
        return f"{self.name} {self.account}" if self.account else self.name


class NoRoom(Paused):
    """The purse does not hold this unit today; a cheaper one may still fit."""


class Level(Struct):
    """How a bucket stands now."""

    bucket: Bucket
    share: float
    used: int = 0
    """Since the run began; of a daily bucket: in this window."""
    window: int = 0
    reserved: int = 0
    closed_until: float = 0.0
    due: float = 0.0
    """GCRA: the theoretical arrival time of the next request."""
    spent: int = 0
    """By this process."""
    opening: int | None = None
    """What was spent before the first unit."""
    flying: int = 0
    """Left, and not answered yet."""
    answered: deque[float] = field(default_factory=deque)
    """Of a rolling bucket: when those were answered that still count."""
    slow_gap_s: float = 0.0
    slow_until: float = 0.0

    @property
    def ours(self) -> float:
        """Our part of the amount, at least one."""
        return max(1.0, self.bucket.amount * self.share)

    @property
    def gap_s(self) -> float:
        """Seconds from one request to the next at our pace."""
        part = min(self.share, 1.0 - self.bucket.slack)
        return self.bucket.per_s / max(1.0, self.bucket.amount * part)

    @property
    def behind_s(self) -> float:
        """How far the pace may fall behind and still catch up."""
        return self.bucket.slack / 2 * self.bucket.amount * self.gap_s


class Reservation:
    """What a unit may still spend of the purse; spending draws it down."""

    def __init__(self, cost: Mapping[str, int]) -> None:
        self.left = dict(cost)


_current: ContextVar[Reservation | None] = ContextVar("reservation", default=None)


class Budgets:
    """All the buckets of a run.

    Args:
        clock: Where time comes from.
        shares: Bucket name -> share, from the person; it replaces the platform's own.
        used: (bucket name, window) -> what earlier runs used of a daily bucket in it.
    """

    def __init__(
        self, clock: Clock, shares: Mapping[str, float] | None = None, used: Mapping[tuple[str, int], int] | None = None
    ) -> None:
        self._clock = clock
        self._shares = dict(shares or {})
        self._before = dict(used or {})
        self._unsaved: dict[tuple[str, int], int] = {}
        self._waiting = 0
        self._waited = 0.0
        self._waited_at = clock.monotonic()
        self.levels: dict[str, Level] = {}

    def declare(self, buckets: Sequence[Bucket]) -> None:
        """Make buckets known; a second declaration of the same name changes its amount and keeps what was used."""
        for bucket in buckets:
            share = self._shares.get(bucket.name, bucket.share)
            level = self.levels.get(bucket.name)
            if level is None:
                self.levels[bucket.name] = Level(bucket=bucket, share=share)
            else:
                level.bucket = bucket

    def reshare(self, shares: Mapping[str, float]) -> None:
        """Other shares from now on; a bucket that is not named has its platform's own."""
        self._shares = dict(shares)
        for name, level in self.levels.items():
            level.share = self._shares.get(name, level.bucket.share)

    async def spend(self, names: Sequence[str], count: int = 1) -> float:
        """Wait until every bucket named has room, and take from all of them.

        Returns:
            When daily buckets counted it, for `landed` to be told when it was answered.

        Raises:
            Paused: A daily bucket is used up.
        """
        reservation = _current.get()
        known = [self.levels[name] for name in names if name in self.levels]
        daily = [self._turn(level) for level in known if level.bucket.daily]
        for level in daily:
            self._check_daily(level, count, reservation)
        for level in daily:  # all or none
            self._spend_daily(level, count, reservation)
        counted_at = self._clock.now().timestamp()
        while (wait := self._take(known, count)) > 0:
            self._tally(1)
            try:
                await self._clock.sleep(wait)
            finally:
                self._tally(-1)
        return counted_at

    def landed(self, names: Sequence[str], counted_at: float) -> None:
        """A request that was spent for was answered, or will not be.

        One that was under way at midnight counts in both days: nobody can tell in which it arrived.
        """
        now = self._clock.monotonic()
        for level in (self.levels[name] for name in names if name in self.levels):
            if level.bucket.daily and self._turn(level).window != int(counted_at // level.bucket.per_s):
                self._count(level, 1)
            level.flying = max(0, level.flying - 1)
            if level.bucket.rolling:
                level.answered.append(now)

    def lately(self, name: str) -> int:
        """How many of a rolling bucket were answered within its window."""
        level = self.levels[name]
        self._forget(level, self._clock.monotonic())
        return len(level.answered)

    def waited_s(self) -> float:
        """Seconds spent waiting for room so far, those of all who wait together added up."""
        self._tally(0)
        return self._waited

    def slow(self, name: str, gap_s: float, for_s: float) -> None:
        """Let requests leave no closer than `gap_s` for so many seconds; a later word replaces an earlier one."""
        level = self.levels[name]
        level.slow_gap_s, level.slow_until = gap_s, self._clock.monotonic() + for_s

    def close(self, name: str, seconds: float) -> None:
        """The platform refused: nothing leaves from this bucket for so many seconds."""
        level = self.levels[name]
        level.closed_until = max(level.closed_until, self._clock.monotonic() + seconds)

    @contextmanager
    def reserve(self, cost: Mapping[str, int]) -> Iterator[None]:
        """Set the whole cost of a unit aside, so that it is not left half told when a daily bucket runs dry.

        A unit dearer than a full purse starts alone with a full one.

        Raises:
            NoRoom: The purse does not hold it today.
        """
        daily = {name: n for name, n in cost.items() if name in self.levels and self.levels[name].bucket.daily}
        for name, n in daily.items():
            level = self._turn(self.levels[name])
            if level.opening is None:
                level.opening = level.spent
            # A purse is full when only what opening a run costs is missing.
            starts_alone = n > level.ours - level.opening and level.used * 2 <= level.ours and level.reserved == 0
            if n > self.left(name) and not starts_alone:
                raise self._used_up(level, NoRoom)
        reservation = Reservation(daily)
        for name, n in daily.items():
            self.levels[name].reserved += n
        token = _current.set(reservation)
        try:
            yield
        finally:
            _current.reset(token)
            for name, n in reservation.left.items():
                self.levels[name].reserved -= n

    def left(self, name: str) -> int:
        """What a daily bucket still holds for new units."""
        level = self._turn(self.levels[name])
        return int(level.ours) - level.used - level.reserved

    def resumes_in(self, name: str) -> float:
        """Seconds until a daily bucket is full again."""
        level = self.levels[name]
        return (level.window + 1) * level.bucket.per_s - self._clock.now().timestamp()

    def unsaved(self) -> dict[tuple[str, int], int]:
        """What was used of daily buckets since the last call, for the journal to add up."""
        taken, self._unsaved = self._unsaved, {}
        return taken

    def _turn(self, level: Level) -> Level:
        """Begin a new window when the day has changed."""
        window = int(self._clock.now().timestamp() // level.bucket.per_s)
        if window != level.window:
            level.window = window
            level.used = self._before.get((level.bucket.purse, window), 0)
        return level

    def _check_daily(self, level: Level, count: int, reservation: Reservation | None) -> None:
        held = reservation.left.get(level.bucket.name, 0) if reservation else 0
        promised = 0 if held >= count else level.reserved - held
        if level.used + promised + count > level.ours:
            raise self._used_up(level)

    def _spend_daily(self, level: Level, count: int, reservation: Reservation | None) -> None:
        drawn = min(reservation.left.get(level.bucket.name, 0), count) if reservation else 0
        if reservation is not None and drawn:
            reservation.left[level.bucket.name] -= drawn
            level.reserved -= drawn
        self._count(level, count)

    def _count(self, level: Level, count: int) -> None:
        level.used += count
        level.spent += count
        key = (level.bucket.purse, level.window)
        self._unsaved[key] = self._unsaved.get(key, 0) + count

    def _take(self, levels: Sequence[Level], count: int) -> float:
        """Take from all of them and answer 0, or take from none and answer the seconds to wait."""
        now = self._clock.monotonic()
        wait = 0.0
        for level in levels:
            wait = max(wait, level.closed_until - now)
            if not level.bucket.daily:
                wait = max(wait, level.due - now, self._full_s(level, now))
        if wait > 0:
            return wait
        for level in levels:
            if not level.bucket.daily:
                gap = max(level.gap_s, level.slow_gap_s if now < level.slow_until else 0.0)
                level.used += count
                level.flying += count
                level.due = max(level.due, now - level.behind_s) + count * gap
        return 0.0

    def _full_s(self, level: Level, now: float) -> float:
        """Seconds until a rolling bucket may have room again; 0: it has."""
        if not level.bucket.rolling:
            return 0.0
        self._forget(level, now)
        if level.flying + len(level.answered) < level.bucket.amount:
            return 0.0
        return level.answered[0] + level.bucket.per_s - now if level.answered else level.gap_s

    def _forget(self, level: Level, now: float) -> None:
        while level.answered and level.answered[0] <= now - level.bucket.per_s:
            level.answered.popleft()

    def _tally(self, more: int) -> None:
        now = self._clock.monotonic()
        self._waited += self._waiting * (now - self._waited_at)
        self._waited_at = now
        self._waiting += more

    def _used_up(self, level: Level, kind: type[Paused] = Paused) -> Paused:
        name = level.bucket.name
        wait = self.resumes_in(name)
        aside = f", {level.reserved} set aside for what is under way" if level.reserved else ""
        return kind(
            f"the budget {name} is used up ({level.used} of {int(level.ours)} in this window{aside})",
            f"Run the same command again in about {wait / 3600:.1f} h; it goes on where it stopped.",
            retry_after_s=wait,
        )
