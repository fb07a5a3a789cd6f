"""The organisation's clock, and times as the API writes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

#: Where the organisation's clock stands by default when a sandbox begins to serve.
ORGANISATION_NOW = datetime(2026, 10, 1, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrganisationClock:
    """Starts at a chosen moment and runs with real time from there, or another; tests may push it forward."""

    def __init__(self, start: datetime, seconds: Callable[[], float] = time.time) -> None:
        self._start = start
        self._seconds = seconds
        self._began = seconds()

    def now(self) -> datetime:
        """The organisation's time, aware UTC."""
        return self._start + timedelta(seconds=self._seconds() - self._began)

    def now_ms(self) -> int:
        """The organisation's time in milliseconds since 1970."""
        return to_ms(self.now())

    def advance(self, seconds: float) -> None:
        """Push the clock forward."""
        self._start += timedelta(seconds=seconds)

    def two_years_ago_ms(self) -> int:
        """The line between search and archive search."""
        now = self.now()
        day = 28 if (now.month, now.day) == (2, 29) else now.day
        return to_ms(now.replace(year=now.year - 2, day=day))


def parse_instant(text: object) -> datetime | None:
    """Any ISO 8601 form as an aware time; None when it is none. A time without an offset counts as UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, exact."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def text_to_ms(text: object) -> int | None:
    """An ISO time in milliseconds since 1970; None when it is none."""
    moment = parse_instant(text)
    return None if moment is None else to_ms(moment)


def ms_to_text(ms: int) -> str:
    """As the API writes times: `2025-03-21T20:13:07.702Z`."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
