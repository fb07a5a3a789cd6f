"""The live desk goes first: read from the rate limit's headers how fast others spend, and leave them what they need."""

from __future__ import annotations

import math
from collections.abc import Mapping

import structlog

from mig import Budgets, Clock

log = structlog.get_logger()

_WINDOW_S = 60.0
_TRICKLE = 0.02
"""The part of the limit we spend at least: without answers nobody could tell when there is room again."""
_EARLY_S = 2.0
"""Added to the time a window has lasted: the first requests of a window are no rate yet."""
_LATE_S = 5.0
"""After its end a window that was not followed by another is taken for one that never ends."""
_FORGET = 0.7
"""What is left of a busy minute in what we expect of the next: a desk that was busy once will be again."""
_DEAD = 3
"""Answers in a window that count nothing down: the header does not live."""
_SPREADS = 3
"""So many times the spread of random arrivals stays free for others beside what is expected of them."""
_MOST = 100_000
"""Above: what a platform without limits says."""


class Courtesy:
    """Watches one limit that is shared with people at work, and slows us down before they would be refused.

    The platform counts in windows of a minute that begin with a request. What is gone from a window and was not spent
    by us, was spent by others. When what they will want until its end (at the rate of now, or until they had as much
    as in the last minutes) and our share do not fit into what remains, we take what is left over; never more than our
    share, never less than a trickle. Windows are told apart by how far `reset` jumps and measured by our own clock,
    which need not agree with the platform's. Headers that are missing, impossible or never change say nothing: then
    the share alone holds.

    Args:
        name: The bucket.
        budgets: Where it is slowed down.
        clock: Our own.
    """

    def __init__(self, name: str, budgets: Budgets, clock: Clock) -> None:
        self._name = name
        self._budgets = budgets
        self._clock = clock
        self._reset: float | None = None
        """As the last answer said."""
        self._since = self._ends = 0.0
        """Of the window, by our clock."""
        self._ours_before = self._gone_before = 0
        """When it began."""
        self._first = self._answers = 0
        """What remained at its first answer; how many there were."""
        self._fell = self._dead = False
        """Something was counted down in it; nothing was in those before."""
        self._others = 0
        """What others spent in it."""
        self._usual = 0.0
        """Others' requests in a minute, as the last ones were."""
        self._slowed = False

    def seen(self, headers: Mapping[str, str], *, refused: bool = False) -> None:
        """An answer was counted, or refused for being too many; its headers say what remains."""
        try:
            limit, remaining, reset = (int(float(headers[f"x-ratelimit-{n}"])) for n in ("limit", "remaining", "reset"))
        except (KeyError, ValueError, OverflowError):
            return
        if not (0 < limit <= _MOST and 0 <= remaining <= limit and reset > 0):
            return
        now, gone = self._clock.monotonic(), limit - remaining
        over = self._reset is None or now >= self._ends + _LATE_S
        if self._reset is not None and not over and reset <= self._reset - _WINDOW_S / 2:
            return  # of a window that is over; later it is the platform's clock that was set back
        if self._reset is None or over:
            # Under way already, or one that never ends: what is gone by now says nothing of how fast it goes.
            left = reset - self._clock.now().timestamp()
            self._turn(now, left if 0 < left <= _WINDOW_S else _WINDOW_S, gone)
        elif reset >= self._reset + _WINDOW_S / 2:
            self._turn(now, _WINDOW_S, 0)
        self._reset = reset
        self._answers += 1
        if self._answers == 1:
            self._first = remaining
        self._fell = self._fell or refused or remaining < self._first
        if not self._fell and (self._dead or self._answers >= _DEAD):
            self._slow(0.0, 0.0)
            return
        ours = self._budgets.levels[self._name].used - self._ours_before
        self._others = max(self._others, gone - self._gone_before - ours)
        self._weigh(now, limit, remaining)

    def _turn(self, now: float, left_s: float, gone: int) -> None:
        """A window has begun, or we with one."""
        level = self._budgets.levels[self._name]
        self._usual = max(float(self._others), self._usual * _FORGET)
        self._dead = not self._fell and (self._dead or self._answers >= _DEAD)
        self._since, self._ends = now, now + left_s
        self._ours_before = level.used - level.flying - 1  # what is under way arrives in this window
        self._gone_before = gone
        self._first = self._answers = self._others = 0
        self._fell = False

    def _weigh(self, now: float, limit: int, remaining: int) -> None:
        """Slow down by as much as others are expected to need of what remains."""
        level = self._budgets.levels[self._name]
        left_s = max(self._ends - now, 1.0)
        as_now = self._others / (now - self._since + _EARLY_S) * left_s
        # What usually comes in a minute and has not come yet may come all at once.
        wanted = max(as_now, self._usual - self._others)
        aside = wanted + _SPREADS * math.sqrt(wanted) + 0.01 * limit if wanted else 0.0
        gap = left_s / max(remaining - aside, 0.1)
        gap = min(gap, _WINDOW_S / max(1.0, limit * _TRICKLE))
        self._slow(gap if gap > level.gap_s else 0.0, left_s)

    def _slow(self, gap: float, for_s: float) -> None:
        if self._slowed != bool(gap):
            self._slowed = bool(gap)
            log.info("desk.yielded" if gap else "desk.quiet", bucket=self._name, gap_s=round(gap, 2))
        self._budgets.slow(self._name, gap, for_s)
