"""Where objects are kept by id, and what readers see of them whose view lags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar


class _Copies(Protocol):
    def copy(self) -> Any: ...


T = TypeVar("T", bound=_Copies)


class Shelf(Generic[T]):
    """Objects by id; whoever takes one to change it leaves a copy for readers whose view lags.

    Args:
        keep_ms: How far back a reader may look; 0 keeps no copies.
    """

    def __init__(self, keep_ms: int) -> None:
        self.live: dict[str, T] = {}
        self._keep_ms = keep_ms
        self._before: dict[str, list[tuple[int, T | None]]] = {}
        self.written_at = 0
        """The moment of the last write to any of them; kept only where views lag."""

    def take(self, name: str, now: int) -> T | None:
        """The object, to be changed now."""
        one = self.live.get(name)
        if one is not None:
            self._keep(name, one.copy() if self._keep_ms else None, now)
        return one

    def put(self, name: str, one: T, now: int) -> None:
        """A new object."""
        self._keep(name, None, now)
        self.live[name] = one

    def drop(self, name: str) -> None:
        """Take it away for good; it was taken before."""
        self.live.pop(name, None)

    def seen(self, name: str, at: int) -> T | None:
        """The object as it was at a moment, at most `keep_ms` ago."""
        for when, copy in self._before.get(name, ()):
            if when > at:
                return copy
        return self.live.get(name)

    def all_seen(self, at: int) -> Iterator[T]:
        """Every object as it was then."""
        gone = [name for name in self._before if name not in self.live]
        for name in [*self.live, *gone]:
            one = self.seen(name, at)
            if one is not None:
                yield one

    def stale(self, name: str, at: int) -> bool:
        """Whether a reader at that moment misses a write."""
        return any(when > at for when, _ in self._before.get(name, ()))

    def _keep(self, name: str, copy: T | None, now: int) -> None:
        if self._keep_ms:
            entries = self._before.setdefault(name, [])
            entries[:] = [entry for entry in entries if entry[0] > now - self._keep_ms]
            entries.append((now, copy))
            self.written_at = now
