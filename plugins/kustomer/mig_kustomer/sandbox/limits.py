"""Rate limits: one budget of the organisation per window, and a smaller one for searches that also counts in it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

PLANS = {"enterprise": 1000, "ultimate": 2000, "business": 500, "professional": 300}

_WINDOW_S = 60.0
#: What the headers say when no limit was asked for.
_PLENTY = 1_000_000


class Window:
    """A fixed window: it begins with a request, lets `limit` of them pass, and then none until it ends."""

    def __init__(self, limit: int | None, length_s: float, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self.limit = limit
        self._length_s = length_s
        self._ends = 0.0
        self._used = 0

    def spend(self) -> bool:
        """Count a request; False when it is over the limit."""
        now = self._seconds()
        if now >= self._ends:
            self._ends, self._used = now + self._length_s, 0
        self._used += 1
        return self.limit is None or self._used <= self.limit

    def headers(self) -> dict[str, str]:
        """The three headers; `reset` is in real UTC epoch seconds, rounded up, as a client's clock reads it."""
        limit = self.limit or _PLENTY
        end = max(self._ends, self._seconds())
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - self._used) if self.limit else _PLENTY - 1),
            "x-ratelimit-reset": str(math.ceil(end)),
        }


class Limits:
    """The two budgets, as the flag `--limits` spells them.

    Args:
        spec: `plan=NAME|NUMBER,search=NUMBER,scale=FACTOR`; a scale of 60 makes a window last one second. A plan
            brings the documented 100 searches a minute with it. Empty: no limits.

    Raises:
        ValueError: An unknown name, plan or a number that is none.
    """

    def __init__(self, spec: str, seconds: Callable[[], float] = time.time) -> None:
        given: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in spec.split(","))):
            name, equals, text = part.partition("=")
            if not equals or name not in ("plan", "search", "scale"):
                raise ValueError(f"--limits: {part!r} is none of plan=, search=, scale=")
            given[name] = text
        plan = given.get("plan")
        everything = None if plan is None else PLANS.get(plan) or int(_above_0("plan", plan))
        search = int(_above_0("search", given["search"])) if "search" in given else 100 if plan else None
        length = _WINDOW_S / _above_0("scale", given.get("scale", "1"))
        self.everything = Window(everything, length, seconds)
        self.search = Window(search, length, seconds)

    def spend(self, *, search: bool) -> tuple[bool, dict[str, str]]:
        """Count a request in its budgets: whether it may go on, and the headers of its answer."""
        windows = [self.everything, self.search] if search else [self.everything]
        allowed = [window.spend() for window in windows]
        # The window that refuses is the one to wait for; otherwise the narrower one is shown.
        shown = next((window for window, yes in zip(windows, allowed, strict=True) if not yes), windows[-1])
        return all(allowed), shown.headers()

    def headers(self) -> dict[str, str]:
        """The headers of an answer that spent nothing."""
        return self.everything.headers()


def _above_0(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"--limits: {name}={text!r} is no number; plans are {', '.join(PLANS)}") from None
    if value <= 0:
        raise ValueError(f"--limits: {name}={text!r} must be above 0")
    return value
