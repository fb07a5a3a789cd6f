"""An organisation's rate limit shared by our client and people at work, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from mig import Access, Budgets
from mig.settings import Secret
from mig_kustomer.client import Client
from mig_kustomer.sandbox.limits import Limits
from mig_kustomer.settings import KustomerSettings
from sim_loop import LoopClock

Headers = Callable[[dict[str, str]], dict[str, str]]


@dataclass
class Office:
    """The limit, who spent from it, and what they were told.

    Args:
        spec: The limits, as the sandbox spells them.
        seed: Of how long answers take.
        headers: Changes the headers of every answer.
    """

    spec: str
    seed: int = 1
    headers: Headers = dict
    taken: list[float] = field(default_factory=list)
    """When requests of ours were answered with what they asked for."""
    refused: list[float] = field(default_factory=list)
    """When requests of ours were refused."""
    desk_asked: int = 0
    desk_refusals: list[float] = field(default_factory=list)
    """When people at work were refused."""

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.limits = Limits(self.spec, self.clock.epoch)
        self._dice = random.Random(self.seed)
        random.seed(self.seed)  # jitter of pauses

    @property
    def desk_refused(self) -> int:
        """How often people at work were refused."""
        return len(self.desk_refusals)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._dice.uniform(0.05, 0.4))
        allowed, headers = self.limits.spend(search=request.url.path.endswith("/search"))
        (self.taken if allowed else self.refused).append(self.clock.monotonic())
        await asyncio.sleep(self._dice.uniform(0.0, 0.2))
        body = {"data": [], "links": {"next": None}} if allowed else {"errors": []}
        return httpx.Response(200 if allowed else 429, headers=self.headers(headers), json=body)

    async def read(
        self,
        seconds: float,
        readers: int = 6,
        *,
        searches: bool = False,
        share: float | None = None,
        path: str = "/v1/tags",
        **settings: Any,
    ) -> None:
        """Ask as much as our client lets us, for so long.

        Args:
            seconds: How long.
            readers: How many ask at the same time.
            searches: Ask for searches.
            share: Of the limit; None: as the platform has it.
            path: What is asked for otherwise.
            settings: Of the client.
        """
        shares = {} if share is None else {"kustomer.search" if searches else "kustomer.all": share}
        access = Access(
            clock=self.clock, budgets=Budgets(self.clock, shares), transport=httpx.MockTransport(self._answer)
        )
        chosen = KustomerSettings(url="https://desk.example", api_key=Secret("key"), **settings)
        until = self.clock.monotonic() + seconds
        async with Client(chosen, access) as client:

            async def reader() -> None:
                while self.clock.monotonic() < until:
                    await (client.search({}, 1, 5) if searches else client.get(path))

            async with asyncio.TaskGroup() as group:
                for _ in range(readers):
                    group.create_task(reader())

    async def work(self, moments: Iterator[float]) -> None:
        """People at work: a request at each of these moments, seconds from now."""
        began = self.clock.monotonic()
        for moment in moments:
            await asyncio.sleep(max(0.0, began + moment - self.clock.monotonic()))
            self.desk_asked += 1
            allowed, _ = self.limits.spend(search=False)
            if not allowed:
                self.desk_refusals.append(self.clock.monotonic())

    def share_of(self, amount: float, since: float = 0.0) -> float:
        """What we were given, of an amount a minute, from the first to the last."""
        times = [at for at in self.taken if at >= since]
        return (len(times) - 1) / (amount * (times[-1] - times[0]) / 60.0)


def steady(per_minute: float, seconds: float, seed: int = 0) -> Iterator[float]:
    """Moments at random, so many a minute on the average."""
    dice, at = random.Random(seed), 0.0
    while (at := at + dice.expovariate(per_minute / 60.0)) < seconds:
        yield at


def bursts(per_minute: float, size: int, seconds: float, seed: int = 0) -> Iterator[float]:
    """The same, but so many at once."""
    for moment in steady(per_minute / size, seconds, seed):
        yield from [moment] * size


def spikes(
    size: int, every_s: float, seconds: float, over_s: float = 5.0, first_s: float | None = None
) -> Iterator[float]:
    """Nothing, and from time to time very many within a few seconds."""
    at = every_s if first_s is None else first_s
    while at + over_s < seconds:
        yield from (at + over_s * n / size for n in range(size))
        at += every_s
