"""A migration of many days under a daily quota, and which of its threads are told to their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mig.engine.run import Report
from mig_crisp.sandbox.server import Sandbox as Workspace
from sim_net import Weather
from sim_world import Plan, World

DAY_S = 86_400.0
Writes = Counter[tuple[str, str]]
"""What was written for a thread: method and what it was about."""


def plan(quota: int, customers: int, **more: Any) -> Plan:
    """A simulation on Crisp's plan "plus" with so many requests a day, of which mig knows."""
    settings = {"daily_quota": str(quota)}
    return Plan(seed=3, customers=customers, limits=f"plan=plus,quota={quota}", settings=settings, window=16, **more)


@dataclass
class Day:
    """What one run did before it paused, or was done."""

    report: Report
    number: int
    """Days since 1970 when it began."""
    requests: int
    half_told: list[str]


@dataclass
class Days:
    """Runs, one after another, each when the one before said to go on."""

    world: World
    whole: dict[str, Writes]
    """What is written for each thread when nothing pauses it."""
    days: list[Day] = field(default_factory=list)

    async def live(self, most: int = 40) -> None:
        """Run until everything is there."""
        for _ in range(most):
            day = await self.one()
            if day.report.status == "completed":
                return
            assert day.report.error is not None
            await asyncio.sleep(day.report.error.retry_after_s)  # type: ignore[attr-defined]  # it is Paused

    async def one(self) -> Day:
        """One run, and a look at the workspace after it."""
        before, number = self.world.workspace.requests, int(self.world.clock.epoch() // DAY_S)
        report = await self.world.run(Weather(), Weather())
        assert report is not None, self.world.told
        requests = self.world.workspace.requests - before
        self.days.append(Day(report, number, requests, half_told(self.world.workspace, self.whole)))
        return self.days[-1]

    def by_day(self) -> Counter[int]:
        """Requests of each day."""
        total: Counter[int] = Counter()
        for day in self.days:
            total[day.number] += day.requests
        return total


async def whole(of: Plan) -> dict[str, Writes]:
    """What the same migration writes when no limit is in its way."""
    world = World(Plan(seed=of.seed, customers=of.customers, limits="", window=of.window))
    report = await world.run(Weather(), Weather())
    assert report is not None
    assert report.status == "completed"
    return _told(world.workspace)[0]


def half_told(workspace: Workspace, wanted: dict[str, Writes]) -> list[str]:
    """Threads for which something was written, but not everything, and nameless births."""
    told, nameless = _told(workspace)
    return [name for name, writes in told.items() if wanted[name] - writes] + nameless


def _told(workspace: Workspace) -> tuple[dict[str, Writes], list[str]]:
    sessions: dict[str, Writes] = {}
    named: dict[str, str] = {}
    for write, (session, about) in of_threads(workspace):
        sessions.setdefault(session, Counter())[write.method, about] += 1
        body = write.body if isinstance(write.body, dict) else {}
        if about == "meta" and "source_id" in (body.get("data") or {}):
            named[session] = body["data"]["source_id"]
    nameless = [session for session in sessions if session not in named]
    return {named[session]: writes for session, writes in sessions.items() if session in named}, nameless


def of_threads(workspace: Workspace) -> Iterator[tuple[Any, tuple[str, str]]]:
    """Every write that belongs to a thread, with its session and what it is about."""
    for write in workspace.writes:
        match str(write.path).split("?")[0].strip("/").split("/")[3:]:  # behind v1/website/{id}
            case ["conversation"]:
                yield write, (write.answer["data"]["session_id"], "birth")
            case ["conversation", session, about, *_]:
                yield write, (session, about)
            case _:
                pass
