"""How fast one may go: the quota of the day, the rate of the second, the plan's pace of creation."""

from __future__ import annotations

from collections import deque

from mig_crisp.sandbox.answers import Refusal, trouble
from mig_crisp.sandbox.options import PLANS, Limits

DAY_MS = 86_400_000


class Pace:
    """How many conversations the plan lets be created in one window."""

    def __init__(self, limits: Limits) -> None:
        plan = PLANS[limits.plan]
        self._most = plan.creations if limits.paced else None
        self._window_ms = plan.window_s * 1000 / limits.scale
        self._made: deque[int] = deque()

    def allows(self, now: int) -> bool:
        """Whether one may be created now; if so it counts."""
        if self._most is None:
            return True
        while self._made and self._made[0] <= now - self._window_ms:
            self._made.popleft()
        if len(self._made) >= self._most:
            return False
        self._made.append(now)
        return True


class Meter:
    """Counts the requests of the day and of the second."""

    def __init__(self, limits: Limits) -> None:
        self._quota, self._rate = limits.quota, limits.rate
        self._day_ms = DAY_MS / limits.scale
        self._day = self._used = 0
        self._second = self._now_used = 0

    def spend(self, now: int) -> None:
        """Count one request.

        Raises:
            Refusal: 423: the quota of the day is used up. 429: too many in this second; more than twice as many, 420.
        """
        if self._rate is not None:
            second = now // 1000
            self._now_used = 1 if second != self._second else self._now_used + 1
            self._second = second
            if self._now_used > self._rate:
                wild = 420 if self._now_used > 2 * self._rate else 429
                raise Refusal(wild, trouble(wild).reason)
        if self._quota is not None:
            day = int(now / self._day_ms)
            self._used = 1 if day != self._day else self._used + 1
            self._day = day
            if self._used > self._quota:
                raise Refusal(423, trouble(423).reason)
