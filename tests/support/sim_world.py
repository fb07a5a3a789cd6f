"""A migration in one process: two desks, the network between, people who go on working, and processes that die."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

import mig
from mig.engine.run import Report, Run, go
from mig.failpoints import listen
from mig.journal.store import Journal
from mig.plugins import Registry
from mig.settings import EngineSettings, platform_settings
from mig_crisp.sandbox.server import Sandbox as Workspace
from mig_kustomer.sandbox.server import Sandbox as Organisation
from processes import named_state
from sim_life import Life
from sim_loop import BEGIN, LoopClock
from sim_net import TIMEOUT_S, Net, Weather
from storm import Crash, is_crash

SOURCE_URL, TARGET_URL = "https://org.api.kustomerapp.example", "https://api.crisp.example/v1"
LIFE_S, LAG_S = 60.0, 5.0
PATIENCE = 12
"""Runs a migration may need when nothing disturbs it any more."""


@dataclass
class Plan:
    """What happens in one simulation; everything follows from the seed."""

    seed: int
    customers: int = 3
    source: Weather = field(default_factory=Weather)
    target: Weather = field(default_factory=Weather)
    switches: Mapping[str, str] = field(default_factory=dict)
    source_switches: Mapping[str, str] = field(default_factory=dict)
    limits: str = "plan=plus"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the target, as mig.toml has them."""
    source_limits: str = ""
    source_settings: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    skew_s: float = 0.0
    lanes: int = 4
    window: int = 8
    linked_help: Sequence[str] = ()
    """The help centre has these of the made articles, in several languages, which link to one another."""


class World(Life):
    """Two desks and a journal; runs of `mig` come and go.

    Args:
        plan: Of what.
        state: The journal's URL.
    """

    def __init__(self, plan: Plan, state: str = "sqlite://") -> None:
        self.plan = plan
        self.random = random.Random(plan.seed)
        random.seed(plan.seed)  # jitter of pauses
        self.clock = LoopClock()
        self.told = []
        organised = {"clock": BEGIN.isoformat(), **plan.source_switches}
        self.organisation = Organisation(
            mig.SandboxOptions(
                generate=plan.customers, seed=plan.seed % 5, switches=organised, limits=plan.source_limits
            ),
            self.clock.epoch,
        )
        self.linked_help = plan.linked_help
        if self.linked_help:
            self._replace_help()
        self.read: list[tuple[float, int]] = []
        """When the source answered our requests, and with which status."""
        self.workspace = self._workspace(plan.limits)
        self._state = state
        self.journal = Journal.open(state, inline=True)
        self.reports: list[Report] = []
        self.runs = self.crashes = 0
        self.fates: Counter[str] = Counter()
        """What became of requests, by fate."""
        self.edited, self.answered, self.rewritten = set(), set(), {}
        self._registry = Registry()

    def _workspace(self, limits: str) -> Workspace:
        options = mig.SandboxOptions(
            seed=self.plan.seed, limits=limits, switches={"read_lag": str(LAG_S), **self.plan.switches}
        )
        return Workspace(options, self.clock.epoch)

    async def run(
        self,
        source: Weather,
        target: Weather,
        *,
        crash_at: int = 0,
        die_at_s: float = 0.0,
        stop_at_s: float = 0.0,
        revoke_at_s: float = 0.0,
    ) -> Report | None:
        """One process of `mig run`.

        Args:
            source: The weather on the source's side.
            target: On the target's.
            crash_at: It dies at this failpoint; 0: not by count.
            die_at_s: It dies at the first failpoint after so many seconds; 0: not by time.
            stop_at_s: It is asked to end after so many seconds; 0: it is not.
            revoke_at_s: The target's token is refused from then on; 0: never.

        Returns:
            Its report; None: it died, or was refused before it began.
        """
        death = _Death(crash_at)
        loop = asyncio.get_running_loop()
        work = self._work(self.journal, self.workspace, source, target, LoopClock(self.plan.skew_s))
        timers = [loop.call_later(die_at_s, death.now)] if die_at_s else []
        timers += [loop.call_later(stop_at_s, work.stop.set)] if stop_at_s else []
        timers += [loop.call_later(revoke_at_s, self.nets["target"].revoke)] if revoke_at_s else []
        self.runs += 1
        listen(death)
        report = None
        try:
            report = await go(work)
        except (mig.Refused, mig.Paused) as error:
            self.told.append(f"{loop.time():10.1f} the run was not begun: {error.message}")
        except BaseException as error:
            if not is_crash(error):
                raise
            self.crashes += 1
            self.told.append(f"{loop.time():10.1f} the run died at its {death.seen}. point")
        finally:
            for timer in timers:
                timer.cancel()
            await self._bury()
            listen(None)
        self._reopen()
        for net in self.nets.values():
            self.fates += net.counts
        if report is not None:
            self.reports.append(report)
            said = report.error.message if report.error else ""
            self.told.append(f"{loop.time():10.1f} run {report.run_id} {report.status} {said}")
        return report

    async def _bury(self) -> None:
        """What a dead process left running in this loop is ended; what it sent goes on."""
        me = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not me and "Net._apply" not in repr(task.get_coro())]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _reopen(self) -> None:
        """The next process knows only what is durable; a database in memory lives on in this one."""
        if self._state == "sqlite://":
            self.journal = Journal(self.journal._database, inline=True)
        else:
            self.journal.close()
            self.journal = Journal.open(self._state, inline=True)

    def _work(self, journal: Journal, workspace: Workspace, source: Weather, target: Weather, clock: LoopClock) -> Run:
        registry = self._registry
        source_spec, target_spec = registry.source("kustomer"), registry.target("crisp")
        seed = self.random.randrange(2**32)
        nets = {
            "source": Net(self._read, source, seed),
            "target": Net(workspace._serve, target, seed + 1),
        }
        self.nets = nets
        target_settings: Any = platform_settings(
            target_spec.settings, "crisp", dict(self.plan.settings), self._crisp(workspace)
        )
        return Run(
            journal=journal,
            clock=clock,
            source_spec=source_spec,
            target_spec=target_spec,
            source_settings=platform_settings(
                source_spec.settings, "kustomer", {}, self._kustomer(), dict(self.plan.source_settings)
            ),
            target_settings=target_settings,
            chain=registry.chain("kustomer", "crisp", target_settings),
            engine=EngineSettings(lanes=self.plan.lanes, window=self.plan.window),
            acknowledged=frozenset(target_spec.asks),
            transports=nets,
            shares=self.plan.shares,
        )

    async def _read(self, request: web.Request) -> web.StreamResponse:
        response = await self.organisation._answer(request)
        self.read.append((asyncio.get_running_loop().time(), response.status))
        return response

    def _kustomer(self) -> dict[str, str]:
        return {
            "KUSTOMER_URL": SOURCE_URL,
            "KUSTOMER_API_KEY": self.organisation.switches.key,
            "KUSTOMER_TIMEOUT_S": str(TIMEOUT_S),
            "KUSTOMER_REQUESTS_PER_MINUTE": "6000",
            "KUSTOMER_SEARCHES_PER_MINUTE": "6000",
        }

    def _crisp(self, workspace: Workspace) -> dict[str, str]:
        """What the environment says, where the plan does not: it would have the last word."""
        said = {
            "CRISP_URL": TARGET_URL,
            "CRISP_TIER": workspace.key.tier,
            "CRISP_IDENTIFIER": workspace.key.identifier,
            "CRISP_KEY": workspace.key.key,
            "CRISP_WEBSITE_ID": workspace.desk.website_id,
            "CRISP_TIMEOUT_S": str(TIMEOUT_S),
            "CRISP_REQUEST_LIFE_S": str(LIFE_S),
            "CRISP_READ_LAG_S": str(LAG_S),
            "CRISP_FILES": "link",
            "CRISP_DAILY_QUOTA": "0",
        }
        planned = {f"CRISP_{name.upper()}" for name in self.plan.settings}
        return {name: value for name, value in said.items() if name not in planned}

    # ---- the end ------------------------------------------------------------------------------------------------

    async def finish(self) -> Report:
        """Runs in fair weather until one is complete.

        Raises:
            AssertionError: It never is.
        """
        for _ in range(PATIENCE):
            report = await self.run(Weather(), Weather())
            if report is not None and report.status == "completed":
                return report
            await asyncio.sleep(86_400.0)  # a quota is full again by then, and nothing is in doubt
        raise AssertionError("it is never complete:\n" + "\n".join(self.told))

    async def expected(self) -> dict[str, Any]:
        """The end state of one undisturbed migration of the source as it is now into an empty workspace."""
        workspace, journal = self._workspace(""), Journal.open("sqlite://", inline=True)
        report = await go(self._work(journal, workspace, Weather(), Weather(), LoopClock()))
        assert report.status == "completed", report.error
        journal.close()
        return comparable(workspace)


class _Death:
    """A failpoint listener that kills the process at the n-th point, or when told, and at every one after it."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.seen = 0

    def now(self) -> None:
        """At the next point."""
        self._at = 1

    def __call__(self, name: str) -> None:
        self.seen += 1
        if self._at and self.seen >= self._at:
            raise Crash(name)


def comparable(workspace: Workspace) -> dict[str, Any]:
    """What stands in a workspace, without what rightly depends on when it was written.

    That is whether a text was edited since, under which of their names an author is shown, the opening of a thread to
    which the customer came later, when the source last moved something, and what others wrote.
    """
    state = named_state(workspace.state(), [])
    for thread in state["threads"].values():
        thread["messages"] = [_lasting(row) for row in thread["messages"] if _is_ours(row) and not _is_opening(row)]
        thread["meta"]["segments"] = sorted(thread["meta"].get("segments") or [])  # a set, in whatever order
        thread["meta"]["data"] = {k: v for k, v in thread["meta"]["data"].items() if k != "source_updated_at"}
    for person in state["people"].values():  # dated when they were written, in whatever order that was
        events = [{name: value for name, value in one.items() if name != "timestamp"} for one in person["events"]]
        person["events"] = sorted(events, key=str)
    del state["orphans"]
    return state


def _lasting(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("edited", "updated_at")}
    return {**kept, "user": {name: value for name, value in row["user"].items() if name != "nickname"}}


def _is_ours(row: dict[str, Any]) -> bool:
    return "source" in (row.get("properties") or ())


def _is_opening(row: dict[str, Any]) -> bool:
    return bool(row["type"] == "note" and row["properties"].get("source_part") == 0)
