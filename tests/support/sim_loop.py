"""Virtual time: an event loop that moves its clock on instead of waiting, so that hours pass in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from storm import unless_dead

T = TypeVar("T")
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
"""Where the wall clock of a simulation stands when it begins."""


class _Leaping(selectors.SelectSelector):
    """Does not wait: what would be waited for is added to the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever happen")
        self.seconds += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which only sleeping makes time pass."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.seconds


class LoopClock:
    """The clock of a process inside the loop.

    Args:
        skew_s: How far its wall clock is off.
    """

    def __init__(self, skew_s: float = 0.0) -> None:
        self.skew_s = skew_s
        self._loop = asyncio.get_running_loop()

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._loop.time() + self.skew_s)

    def monotonic(self) -> float:
        return self._loop.time()

    def epoch(self) -> float:
        """Seconds since 1970."""
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def in_virtual_time(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own. Returns: what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(unless_dead)
        return runner.run(story)
