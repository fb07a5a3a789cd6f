"""Whether a thread that begins with our own note shows in the inbox, is looked for however many were made since."""

from __future__ import annotations

from typing import Any, cast

import pytest

import mig
from mig_crisp.client import CrispClient
from mig_crisp.threads import Threads


class Inbox:
    """Lists conversations, the newest first, fifty a page.

    Args:
        shown: Their sessions.
    """

    def __init__(self, shown: list[str]) -> None:
        self._shown = shown
        self._made = 0
        self.asked = 0

    async def get(self, path: str, query: object = None) -> Any:
        self.asked += 1
        first = (int(path.rpartition("/")[2]) - 1) * 50
        return [{"session_id": name} for name in self._shown[first : first + 50]]

    async def write(self, method: str, path: str, body: object, **how: object) -> Any:
        self._made += 1
        return {"session_id": f"made{self._made}"}


async def born(threads: Threads) -> str:
    birth = mig.Operation(name="birth", verb="conversation.create", effect=mig.Effect.CREATE, body={})
    return (await threads.send(mig.Call(mig.UnitKey("conversation:c"), birth, {}))).values["id"]


async def opened(threads: Threads, session: str) -> None:
    await threads._say(session, {"from": "user", "type": "note", "fingerprint": 1, "content": "x"})


async def concluded(inbox: Inbox, later: int) -> list[str]:
    """What is told where so many conversations were made after the first, which begins with our note."""
    threads = Threads(cast("CrispClient", inbox))
    await opened(threads, await born(threads))
    for _ in range(later):
        await born(threads)
    inbox.asked = 0
    return await threads.conclude()


@pytest.mark.parametrize("later", [0, 49, 50, 320])
async def test_one_that_shows_is_found(later: int) -> None:
    listed = [f"later{n}" for n in range(later)]
    assert await concluded(Inbox([*listed, "made1", "older"]), later) == []
    others = [f"of others{n}" for n in range(100)]
    assert await concluded(Inbox([*others, *listed, "made1", "older"]), later) == []


@pytest.mark.parametrize("later", [0, 49, 50, 320])
async def test_one_that_does_not_is_told(later: int) -> None:
    inbox = Inbox([*[f"later{n}" for n in range(later)], *[f"older{n}" for n in range(9_000)]])
    (told,) = await concluded(inbox, later)
    assert "may not show in the inbox: 1" in told
    assert inbox.asked == 4 + later // 50, "not all that was there before is looked through"


async def test_one_of_an_earlier_run_is_not_looked_for_among_the_newest() -> None:
    inbox = Inbox([f"newer{n}" for n in range(9_000)])
    threads = Threads(cast("CrispClient", inbox))
    await opened(threads, "of an earlier run")
    assert await threads.conclude() == []
    assert inbox.asked == 0
