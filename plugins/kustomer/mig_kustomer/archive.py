"""Archive search: objects that were not changed for two years (docs/api/kustomer.md, section 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from msgspec import Struct

from mig import Unreadable
from mig_kustomer.catalog import Context
from mig_kustomer.client import Client, Unserved
from mig_kustomer.reading import as_time
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import NEVER, START, Course, Row, Unsorted, Walk, iso

log = structlog.get_logger()


class ArchiveRefused(Unreadable):
    """Archive search does not answer, or not in any order it is documented to keep."""


class Found(Struct, frozen=True):
    """What one request of an archive walk brought."""

    rows: Sequence[Row]
    old: str
    """Where the walk could be taken up again ..."""
    by: int
    """... and by which of the context's dates."""


class Archive:
    """Walks the archive of one context, from its oldest change to the two-year line.

    The line moves while we read, and the index follows it late: a row near it may be on both sides or, for a while, on
    neither. So the walk goes past the line as search showed it, by the time that has passed since and the overlap.

    Args:
        client: Who asks.
        settings: Page sizes, caps and the overlap.
        context: What is searched.
        deleted: Whether deleted rows are asked for too.
    """

    def __init__(self, client: Client, settings: KustomerSettings, context: Context, *, deleted: bool = True) -> None:
        self._client = client
        self._settings = settings
        self._context = context
        self._deleted = deleted
        self._told: object = None
        self._older = 0
        self._began = False
        self.last = START
        """The largest date seen before the line."""

    @property
    def stood_still(self) -> bool:
        """As many rows came as the first answer spoke of: none was changed, and so left, before it was read."""
        return self._began and self._told == self._older

    def below(self, state: State) -> datetime:
        """Up to where the archive is read."""
        line = as_time(state.line) or NEVER
        if state.look or line >= NEVER:
            return line
        passed = self._client.clock.now() - (as_time(state.seen) or self._client.clock.now())
        return line + max(passed, timedelta()) + timedelta(seconds=self._settings.overlap_s)

    async def walk(self, state: State, *fixed: Mapping[str, Any]) -> AsyncIterator[Found]:
        """Every row, from the state on.

        Raises:
            ArchiveRefused: By none of the dates it can be walked.
        """
        for by in range(state.old_by, len(self._context.old)):
            state = state if by == state.old_by else state.but(old_by=by, old=iso(START))
            steps = self._steps(state, fixed)
            while True:
                try:
                    found = await anext(steps, None)
                except (Unserved, Unsorted) as error:
                    log.warning("archive.refused", context=self._context.name, why=error.message)
                    break
                if found is None:
                    return
                yield found
        raise ArchiveRefused(
            f"what is older than two years could not be searched ({self._context.name})",
            "Archive search refuses this key, or any order: a key with org.permission.search.create may be needed.",
        )

    async def _steps(self, state: State, fixed: Sequence[Mapping[str, Any]]) -> AsyncIterator[Found]:
        updated, key = self._context.old[0], self._context.old[state.old_by]
        below, line = self.below(state), as_time(state.line) or NEVER
        course = Course(
            context=self._context,
            key=key,
            fixed=[*fixed, {updated.search: {"lt": iso(below)}}],
            archive=True,
            deleted=self._deleted,
        )
        since = as_time(state.old) or START
        walk = Walk(self._client, self._settings, course, since, horizon=below if key == updated else NEVER)
        self._began, self._older = since <= START, 0
        async for step in walk.steps():
            self._told = walk.total
            dates = [as_time(row.attributes.get(updated.attribute)) for row in step.rows]
            older = [at for at in dates if at is not None and at < line]
            self._older += len(older)
            self.last = max([self.last, *older])
            yield Found(step.rows, iso(step.since), state.old_by)
