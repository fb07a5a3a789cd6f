"""The passes over one instant of a walk: whether anything of it can still be missing."""

from __future__ import annotations

from collections.abc import Set

_MOST_PASSES = 20
"""Passes over one instant after which changing totals are no sign of anything any more."""


class Crowd:
    """What the pages of one instant showed, pass by pass."""

    def __init__(self) -> None:
        self.page = 1
        """Which one comes next."""
        self.whole = False
        """Nothing of it is missing."""
        self._passes = 0
        self._found: set[str] = set()
        self._totals: set[object] = set()
        self._added = False

    def add(self, ids: Set[str], total: object, *, added: bool, last: bool) -> None:
        """Note a page; after the last one, say whether another pass is needed.

        Where totals do not say so, only a second pass over rows that stood still proves that nothing is missing.

        Args:
            ids: Its rows.
            total: How many rows it spoke of.
            added: Whether one of its rows was not known before.
            last: Whether it ends a pass.
        """
        self._found |= ids
        self._totals.add(total)
        self._added |= added
        self.page += 1
        if last:
            self._passes += 1
            calm = len(self._totals) == 1 or self._passes > _MOST_PASSES
            self.whole = self._totals == {len(self._found)} or (calm and self._passes > 1 and not self._added)
            self.page, self._found, self._totals, self._added = 1, set(), set(), False
