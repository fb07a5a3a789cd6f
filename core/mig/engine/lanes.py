"""How many units are delivered at the same time: as many as make it faster, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from mig.clock import Clock

log = structlog.get_logger("mig.run")
_START = 8
_ROUNDS = {2: 8, 4: 20}
"""By how wide the steps are, the operations per lane that make a rate: small differences drown in few."""
_GAIN = 0.3
"""Of what more lanes would bring if nothing were in their way, the part they must bring to stay."""
_LOSS = 0.03
"""Of the rate, what fewer lanes may cost: so much is noise."""
_CHANCE = 0.02
"""Troubles per operation that say nothing of how busy the platform is."""
_LONGEST_REST = 32
"""Measurements between two tries, once nothing was won by tries for a while."""


class Lanes:
    """Lets units begin, as many at a time as is good; the number is found by trying.

    The latency of a request is the number of lanes divided by the rate at which operations are done (Little's law):
    latency that grows while the rate does not is the same as lanes that bring nothing. So only the rate is measured,
    which no target has to help with. A quarter more lanes are tried and kept while they bring a good part of what
    they could; a quarter fewer, while that costs nothing; what was tried in vain is tried again after ever longer
    rests, because a platform is not always as busy. Refusals and unclear answers take lanes away at once. Where lanes
    wait for a budget the budget sets the rate: none is added then, and those that only wait are taken away.

    Args:
        most: Never more than this.
        clock: Measures.
        sent: Operations done so far.
        troubles: Refusals and unclear answers so far.
        waited_s: Seconds that lanes together have waited for budgets so far.
    """

    def __init__(
        self,
        most: int,
        clock: Clock,
        *,
        sent: Callable[[], int],
        troubles: Callable[[], int],
        waited_s: Callable[[], float],
    ) -> None:
        self._most = max(1, most)
        self._clock = clock
        self._sent, self._troubles, self._waited_s = sent, troubles, waited_s
        self.limit = min(_START, self._most)
        self.under_way = 0
        self._home: tuple[int, float] | None = None
        """The best number found so far, and its rate."""
        self._step = 1
        """Whether more are tried next, or fewer."""
        self._failed = 0
        """Tries in vain since the last that was not."""
        self._part = 2
        """Of the lanes, what a step is: half, until the neighbourhood of the best number is found."""
        self._rest = 0
        """Measurements until the next try."""
        self._room = asyncio.Event()
        self._mark()

    async def enter(self) -> None:
        """Wait until one more unit may begin; `leave` when it has ended, however it did."""
        while self.under_way >= self.limit:
            self._room.clear()
            await self._room.wait()
        self.under_way += 1

    def leave(self) -> None:
        """A unit has ended."""
        self.under_way -= 1
        self._look()
        self._room.set()

    def _mark(self) -> None:
        """Begin to measure."""
        self._at, self._done = self._clock.monotonic(), self._sent()
        self._waited, self._trouble = self._waited_s(), self._troubles()

    def _look(self) -> None:
        """Decide, when enough was measured."""
        done, seconds = self._sent() - self._done, self._clock.monotonic() - self._at
        if self.under_way >= self.limit:
            self._mark()  # those that are too many now still run: what they meet belongs to no number
        elif self._troubles() - self._trouble > 1 + done * _CHANCE:
            self._home, self._rest = None, 1
            self._go_to(max(1, self.limit * 2 // 3))
        elif done >= self.limit * _ROUNDS[self._part] and seconds > 0:
            waiting = (self._waited_s() - self._waited) / seconds
            if waiting >= 1.0:
                self._home = None
                self._go_to(max(1, self.limit - int(waiting - 1.0)))
            else:
                self._weigh(done / seconds)

    def _weigh(self, rate: float) -> None:
        home, best = self._home or (self.limit, rate)
        more = self.limit / home
        kept = rate >= best * (1 + _GAIN * (more - 1)) if more > 1 else rate >= best * (1 - _LOSS)
        if self.limit == home:
            self._home = home, rate
            self._rest -= 1
        elif kept:
            # Of several steps down each may cost a little: all are measured against the first.
            self._home = self.limit, max(rate, best)
            self._failed = 0
        else:
            self._step = -self._step
            self._failed += 1
            if self._failed % 2 == 0:  # in both directions
                self._rest = min(2 ** (self._failed // 2), _LONGEST_REST)
                self._part = 4
        self._try()

    def _try(self) -> None:
        assert self._home is not None
        home = self._home[0]
        if home == (self._most if self._step > 0 else 1):
            self._step = -self._step
        tried = home + max(1, home // self._part) * self._step
        self._go_to(home if self._rest > 0 else min(max(tried, 1), self._most))

    def _go_to(self, limit: int) -> None:
        if limit != self.limit:
            log.debug("lanes.changed", lanes=limit)
        self.limit = limit
        self._mark()
