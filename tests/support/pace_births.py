"""Conversations born at a workspace's pace, in virtual time, and what the workspace took and refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

import mig
from mig import Access, Budgets
from mig.errors import NotApplied, Paused
from mig.settings import Secret
from mig_crisp.client import CrispClient
from mig_crisp.sandbox.server import Sandbox as Workspace
from mig_crisp.settings import CrispSettings
from sim_loop import LoopClock
from sim_net import Net, Weather


class Watched(Net):
    """A network that keeps the time and status of every request the workspace saw."""

    def __init__(self, workspace: Workspace, seed: int, late_every: int) -> None:
        super().__init__(workspace._serve, Weather(), seed)
        self._late_every, self._left = late_every, 0
        self.seen: list[tuple[float, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left += 1
        if self._late_every and self._left % self._late_every == 0:
            await asyncio.sleep(6.0)
        return await super().handle_async_request(request)

    async def _handled(self, request: Any, content: bytes) -> Any:
        at = asyncio.get_running_loop().time()
        response = await super()._handled(request, content)
        self.seen.append((at, response.status_code))
        return response


@dataclass
class Desk:
    """A workspace and a client of it."""

    workspace: Workspace
    client: CrispClient
    budgets: Budgets
    net: Watched
    paused: list[Paused] = field(default_factory=list)

    @property
    def taken(self) -> list[float]:
        """When conversations were born."""
        return [at for at, status in self.net.seen if status == 201]

    @property
    def refused(self) -> list[float]:
        """When a birth was refused."""
        return [at for at, status in self.net.seen if status == 423]

    async def bear(self, births: int, lanes: int = 8) -> None:
        """Create conversations, several at a time, trying again after a refusal as the engine does."""
        left = iter(range(births))

        async def lane() -> None:
            for _ in left:
                while not self.paused:
                    try:
                        await self.client.write("POST", "/conversation", {}, creates=True)
                        break
                    except NotApplied as error:
                        await asyncio.sleep(error.retry_after_s or 1.0)
                    except Paused as error:
                        self.paused.append(error)

        await asyncio.gather(*(lane() for _ in range(lanes)))

    def share_of(self, amount: int, per_s: float) -> float:
        """What was taken, of what the limit allows from the first to the last."""
        return (len(self.taken) - 1) / (amount * (self.taken[-1] - self.taken[0]) / per_s)


@asynccontextmanager
async def desk(
    limits: str, plan: str = "plus", seed: int = 1, late_every: int = 0, **settings: Any
) -> AsyncIterator[Desk]:
    """A client of a workspace with these limits, who takes it for one of that plan.

    Args:
        limits: As the sandbox spells them.
        plan: What the client believes.
        seed: Of how long requests take.
        late_every: Every so-manieth request is on its way for seconds.
        settings: Of the client.
    """
    clock = LoopClock()
    workspace = Workspace(mig.SandboxOptions(limits=limits), clock.epoch)
    net, budgets = Watched(workspace, seed, late_every), Budgets(clock)
    chosen = CrispSettings(
        url="https://api.crisp.example/v1",
        identifier=workspace.key.identifier,
        key=Secret(workspace.key.key),
        website_id=workspace.desk.website_id,
        **{"daily_quota": 0, **settings},
    )
    client = CrispClient(chosen, Access(clock=clock, budgets=budgets, transport=net))
    async with client.http:
        client.limit_creations(plan)
        yield Desk(workspace, client, budgets, net)
