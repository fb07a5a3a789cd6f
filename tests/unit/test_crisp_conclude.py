"""Whether a thread that begins with our own note shows in the inbox, is looked for however many were made since."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mig_crisp.client import CrispClient
from mig_crisp.threads import Threads


class Inbox:
    """Lists conversations, the newest first, fifty a page.

    Args:
        shown: Their sessions and when they were made.
        born: When the one that is looked for was made.
    """

    def __init__(self, shown: list[tuple[str, int]], born: int) -> None:
        self._shown = shown
        self._born = born
        self.asked = 0

    async def get(self, path: str, query: object = None) -> Any:
        self.asked += 1
        if path.startswith("/conversation/"):
            return {"session_id": "ours", "created_at": self._born}
        first = (int(path.rpartition("/")[2]) - 1) * 50
        return [{"session_id": name, "created_at": at} for name, at in self._shown[first : first + 50]]

    async def write(self, method: str, path: str, body: object) -> None: ...


async def concluded(inbox: Inbox) -> list[str]:
    threads = Threads(cast("CrispClient", inbox))
    await threads._say("ours", {"from": "user", "type": "note", "fingerprint": 1, "content": "x"})
    inbox.asked = 0
    return await threads.conclude()


def later(count: int) -> list[tuple[str, int]]:
    return [(f"later{n}", 1_000_000 - n) for n in range(count)]


@pytest.mark.parametrize("count", [0, 49, 50, 120])
async def test_one_that_shows_is_found(count: int) -> None:
    assert await concluded(Inbox([*later(count), ("ours", 500), ("older", 400)], 500)) == []


@pytest.mark.parametrize("count", [0, 49, 50, 120])
async def test_one_that_does_not_is_told(count: int) -> None:
    inbox = Inbox([*later(count), *[(f"older{n}", 400 - n) for n in range(300)]], 500)
    (told,) = await concluded(inbox)
    assert "may not show in the inbox: 1" in told
    assert inbox.asked == 2 + count // 50, "not all that was there before is looked through"


async def test_where_too_many_were_made_since_it_says_so() -> None:
    (told,) = await concluded(Inbox(later(10_050), 500))
    assert "could not be seen" in told
