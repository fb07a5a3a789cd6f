"""Everything that stands in a workspace, page by page: ours, doubled, and what others made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from mig import CONTACT, CONVERSATION, Kind, Present, Standing, from_epoch_ms
from mig_crisp.client import CrispClient
from mig_crisp.read import Reader, present_profile, present_thread
from mig_crisp.settings import CrispSettings

PER_PAGE = 50
"""Rows the API shows at once at most (docs/api/crisp.md, sections 3 and 6)."""
Row = Mapping[str, Any]


class Listing(Struct, frozen=True):
    """How a kind is listed, by the date of creation."""

    path: str
    order: Mapping[str, str | int]
    mark: str
    """The filter by date that cuts off what was walked already."""
    step: int
    """Which way the dates go: 1 oldest first, -1 newest first."""
    row_id: str


class Stand(Struct, frozen=True):
    """How far a walk has come: the checkpoint."""

    page: int = 1
    at: int | None = None
    """The date of the row `anchor`, by which the list is cut off; None: it is not."""
    anchor: str = ""
    """The last row before it: it must show again, else rows have moved or the filter means something else."""
    walked: int = 0
    """Pages of the whole list that lie behind."""
    plain: bool = False
    """The filter does not do: page after page of the whole list."""


LISTINGS: Mapping[Kind, Listing] = {
    CONTACT: Listing(
        "/people/profiles",
        {"sort_field": "created_at", "sort_order": "ascending"},
        "filter_date_start",
        1,
        "people_id",
    ),
    CONVERSATION: Listing(
        "/conversations", {"include_empty": 1, "order_date_created": 1}, "filter_date_end", -1, "session_id"
    ),
}


class Walk:
    """Walks the lists of a workspace.

    Pages by number lose rows when one before them is removed while they are read. So each page but the first is cut
    off by the date of the last row seen, which must be its own first: then nothing lies between.

    Args:
        client: Talks to the workspace.
        reader: Is told what a list has just shown.
        settings: The target's.
    """

    def __init__(self, client: CrispClient, reader: Reader, settings: CrispSettings) -> None:
        self._client = client
        self._reader = reader
        self._present: Mapping[Kind, Callable[[Row], Present]] = {
            CONTACT: lambda row: present_profile(row, None),
            CONVERSATION: lambda row: present_thread(row, settings),
        }

    async def pages(self, kind: Kind, checkpoint: bytes | None) -> AsyncIterator[Standing]:
        """Every row of a kind, from the checkpoint on; one may come twice, none is left out.

        Args:
            kind: contact or conversation.
            checkpoint: Where an earlier walk stopped.
        """
        listing = LISTINGS.get(kind)
        if listing is None:
            return
        stand = msgspec.json.decode(checkpoint, type=Stand) if checkpoint else Stand()
        seen: set[str] = set()
        try:
            while True:
                rows = await self._rows(listing, stand)
                names = [str(row[listing.row_id]) for row in rows]
                if stand.anchor and not stand.plain and stand.page == 1 and stand.anchor not in names:
                    stand = Stand(page=max(1, stand.walked - 1), walked=max(0, stand.walked - 2), plain=True)
                    continue
                fresh = [row for row, name in zip(rows, names, strict=True) if name not in seen]
                if not fresh and (len(rows) < PER_PAGE or stand.plain):
                    return
                following = _next(stand, listing, rows, bool(fresh))
                seen = set(names) if following.page == 1 else seen | set(names)
                if fresh:
                    if kind == CONVERSATION:
                        self._reader.just_listed(fresh)
                    yield Standing([self._present[kind](row) for row in fresh], msgspec.json.encode(following))
                stand = following
        finally:
            if kind == CONVERSATION:
                self._reader.just_listed(())

    async def _rows(self, listing: Listing, stand: Stand) -> Sequence[Row]:
        query: dict[str, str | int] = {"per_page": PER_PAGE, **listing.order}
        if stand.at is not None:
            # One further: nobody says whether the filter takes in the very millisecond.
            query[listing.mark] = _date(from_epoch_ms(stand.at - listing.step))
        found = await self._client.get(f"{listing.path}/{stand.page}", query)
        return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _next(stand: Stand, listing: Listing, rows: Sequence[Row], fresh: bool) -> Stand:
    """Where to go on: behind the last row by its date, or to the next page, where dates tell rows apart no more."""
    walked = stand.walked + fresh
    last = rows[-1] if rows else {}
    if stand.plain or not fresh or stand.page > 1 or not isinstance(last.get("created_at"), int):
        return msgspec.structs.replace(stand, page=stand.page + 1, walked=walked)
    return Stand(page=1, at=int(last["created_at"]), anchor=str(last[listing.row_id]), walked=walked)


def _date(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
