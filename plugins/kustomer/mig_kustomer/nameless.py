"""Rows with neither id nor link: only their bytes name them, so one that is mended comes back as another row.

What was quarantined is gone as soon as a whole list does not show it any more. Which rows to look for stands in the
checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from mig import Page, Raw
from mig_kustomer.state import State
from mig_kustomer.walk import NAMELESS

log = structlog.get_logger()

_MOST = 1000
"""So many are looked for again; every checkpoint holds their names. What is more stays in quarantine."""


class Nameless:
    """Those of one resource, through one reading.

    Args:
        resource: Which one; files come with their messages.
        before: What earlier readings handed out.
    """

    def __init__(self, resource: str, before: Iterable[str]) -> None:
        self._resources = {resource, "attachments"} if resource == "messages" else {resource}
        self._before = set(before)
        self._shown: set[str] = set()
        self._state = State()

    @property
    def missed(self) -> bool:
        """Whether one of the earlier ones was not shown yet."""
        return not self._before <= self._shown

    def of(self, raws: Iterable[Raw]) -> list[Raw]:
        """The nameless ones among these."""
        return [raw for raw in raws if raw.resource in self._resources and raw.id.startswith(NAMELESS)]

    def noted(self, page: Page) -> Page:
        """The same page, whose checkpoint names them too; without one, it has that of the page before."""
        self._shown.update(_name(raw) for raw in self.of(page.rows))
        if page.checkpoint is not None:
            self._state = State.read(page.checkpoint)
        return self._with(page.rows, self._before | self._shown)

    def gone(self) -> Page:
        """After a list that was shown whole: the earlier ones that it did not show are gone, or have names by now."""
        lost = sorted(self._before - self._shown)
        log.info("nameless.gone", rows=len(lost))
        parted = [name.partition("/") for name in lost]
        return self._with([Raw(resource, id_, b"", gone=True) for resource, _, id_ in parted], self._shown)

    def _with(self, rows: Iterable[Raw], names: Iterable[str]) -> Page:
        return Page(list(rows), self._state.but(nameless=tuple(sorted(names)[:_MOST])).write())


def _name(raw: Raw) -> str:
    return f"{raw.resource}/{raw.id}"
