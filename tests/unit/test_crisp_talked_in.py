"""A conversation in which somebody else has written is never removed, however much of ours stands after it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

import mig
from mig.settings import Secret
from mig_crisp.client import CrispClient
from mig_crisp.settings import CrispSettings
from mig_crisp.threads import Threads
from storm import VirtualClock

_PAGE = 40


class Workspace:
    """One conversation, whose messages are shown page by page from the latest back."""

    def __init__(self, rows: list[dict[str, Any]], *, included: bool) -> None:
        self.rows = rows
        self.removed: list[str] = []
        self._included = included

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            self.removed.append(request.url.path)
            return self._say({})
        before = request.url.params.get("timestamp_before")
        mark = int(before) + self._included if before is not None else 10**15
        return self._say([row for row in self.rows if row["timestamp"] < mark][-_PAGE:])

    def _say(self, data: Any) -> httpx.Response:
        return httpx.Response(200, content=json.dumps({"error": False, "reason": "listed", "data": data}))


def message(at: int, *, ours: bool) -> dict[str, Any]:
    properties = {"source_id": f"m{at}"} if ours else {}
    return {"fingerprint": at, "timestamp": at, "type": "text", "from": "user", "properties": properties}


@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize(("theirs", "ours_after"), [(True, 0), (True, 39), (True, 40), (True, 200), (False, 200)])
async def test_a_customers_answer_before_many_of_ours(theirs: bool, ours_after: int, included: bool) -> None:
    rows = [message(1, ours=True), *([message(2, ours=False)] if theirs else [])]
    rows += [message(3 + at // 3, ours=True) | {"fingerprint": 3 + at} for at in range(ours_after)]
    workspace = Workspace(rows, included=included)
    clock = VirtualClock()
    access = mig.Access(clock=clock, budgets=mig.Budgets(clock), transport=httpx.MockTransport(workspace))
    client = CrispClient(CrispSettings(identifier="i", key=Secret("k"), website_id="w"), access)
    async with client.http:
        taken = await Threads(client).undo("conversation.create", mig.Receipt({"id": "s"}))
    assert taken is not theirs
    assert bool(workspace.removed) is not theirs
