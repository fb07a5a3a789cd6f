"""One socket for all lanes: who asks while it is being connected shares what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from mig import Unclear
from mig.settings import Secret
from mig_crisp.events import Events
from mig_crisp.settings import CrispSettings


class Silent:
    """A client whose endpoint for events does not come."""

    def __init__(self) -> None:
        self.asked = 0

    async def endpoints(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0.01)
        raise Unclear("no answer")


async def test_who_waits_for_a_socket_that_does_not_come_waits_once() -> None:
    client = Silent()
    events = Events(client, CrispSettings(identifier="i", key=Secret("k"), website_id="w"))  # type: ignore[arg-type]  # all it asks of one
    found = await asyncio.gather(*(events.ready() for _ in range(8)), return_exceptions=True)
    assert [type(one) for one in found] == [Unclear] * 8
    assert client.asked == 1
    with pytest.raises(Unclear):
        await events.ready()
    assert client.asked == 2, "the next who asks tries again"
    await events.close()
