"""What every invented resource needs: a seeded choice, ids, times and links."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from mig_kustomer.sandbox.clock import ms_to_text, to_ms
from mig_kustomer.sandbox.rows import Json

#: Kind and resource, as the store takes them.
Made = tuple[str, Json, None]

_T = TypeVar("_T")

DAY_MS = 86_400_000
#: Age in days up to which a share of conversations falls: most are of this year, some older than the two-year line.
_AGES = ((270, 0.58), (640, 0.18), (1000, 0.11), (1380, 0.10), (1700, 0.03))


class Maker:
    """Makes resources of one organisation; the same seed makes the same ones."""

    def __init__(self, seed: int, now: datetime) -> None:
        self.random = random.Random(seed)
        self.now = to_ms(now)
        self._count = 0
        organisation = f"{(self.now - 2200 * DAY_MS) // 1000:08x}{self.random.getrandbits(64):016x}"
        self.org = self.to("org", "/v1/orgs/", organisation)
        self._tail = f"{self.random.getrandbits(40):010x}"

    def id(self, created: int) -> str:
        """An id nothing else has; its first eight digits are the second of creation."""
        self._count += 1
        return f"{created // 1000:08x}{self._tail}{self._count:06x}"

    def one(self, values: Sequence[_T]) -> _T:
        """Any of them."""
        return values[int(self.random.random() * len(values))]

    def odds(self, share: float) -> bool:
        """True in so many of all cases."""
        return self.random.random() < share

    def some(self, values: Sequence[_T], most: int) -> list[_T]:
        """Up to `most` different ones."""
        return self.random.sample(values, min(len(values), int(self.random.random() * (most + 1))))

    def past(self) -> int:
        """A time at which a conversation began."""
        mark, newest = self.random.random(), 0
        for oldest, share in _AGES:
            mark -= share
            if mark < 0:
                break
            newest = oldest
        else:
            oldest = _AGES[-1][0]
        return self.now - int((newest + self.random.random() * (oldest - newest)) * DAY_MS) - 1

    def config_time(self) -> int:
        """A time at which something was set up: years ago."""
        return self.now - int((1400 + self.random.random() * 700) * DAY_MS)

    def to(self, type_: str, path: str, row_id: str) -> Json:
        """A to-one relationship."""
        return {"links": {"self": path + row_id}, "data": {"type": type_, "id": row_id}}

    def resource(self, type_: str, path: str, row_id: str, attributes: Json, **relationships: Any) -> Json:
        """A whole resource."""
        return {
            "type": type_,
            "id": row_id,
            "attributes": attributes,
            "relationships": {"org": self.org, **relationships},
            "links": {"self": path + row_id},
        }

    def settled(self, created: int, **attributes: Any) -> Json:
        """Attributes with the three times of something that was set up once and edited since."""
        changed = created + int(self.random.random() * (self.now - created))
        times = {"createdAt": ms_to_text(created), "modifiedAt": ms_to_text(changed), "updatedAt": ms_to_text(changed)}
        return attributes | times
