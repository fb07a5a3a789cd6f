"""A migration between two sandboxes in this process, over real HTTP, to be audited again and again."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any

import mig
from mig.audit import Side, audit_of
from mig.engine.repair import read_plan
from mig.engine.run import Report, Run, go
from mig.journal.selection import homes
from mig.journal.store import Journal
from mig.plugins import Registry
from mig.settings import EngineSettings, platform_settings
from mig_crisp.sandbox.server import Sandbox as Workspace
from mig_crisp.sandbox.server import serve as serve_crisp
from mig_kustomer.sandbox.server import Sandbox as Organisation
from mig_kustomer.sandbox.server import serve as serve_kustomer
from mig_verify.report import write_repair
from mig_verify.result import Result
from mig_verify.work import Asked, look_of, verify

_FAST = {
    "KUSTOMER_REQUESTS_PER_MINUTE": "600000",
    "KUSTOMER_SEARCHES_PER_MINUTE": "600000",
    "CRISP_CONVERSATIONS_PER_MINUTE": "0",
    "CRISP_DAILY_QUOTA": "0",
    "CRISP_READ_LAG_S": "0",
    "CRISP_REQUEST_LIFE_S": "0.1",
}


class Audited:
    """Two desks, a journal, and what happened between them.

    Args:
        organisation: The source.
        workspace: The target.
        environment: How both are reached.
        state: The journal's URL.
        settings: More of the target's settings.
    """

    def __init__(
        self,
        organisation: Organisation,
        workspace: Workspace,
        environment: Mapping[str, str],
        state: str,
        settings: Mapping[str, str],
    ) -> None:
        self.organisation = organisation
        self.workspace = workspace
        self._environment = {**environment, **_FAST}
        self._settings = settings
        self.state = state
        self._registry = Registry()

    def sides(self) -> tuple[Side, Side]:
        """Both platforms with their settings."""
        source, target = self._registry.source("kustomer"), self._registry.target("crisp")
        settings: Any = platform_settings(source.settings, "kustomer", {}, self._environment, {})
        there: Any = platform_settings(target.settings, "crisp", {}, self._environment, dict(self._settings))
        return Side(source, settings), Side(target, there)

    def migrate(self, **more: Any) -> Report:
        """Run once, to the end."""
        source, target = self.sides()
        journal = Journal.open(self.state)
        try:
            work = Run(
                journal=journal,
                clock=mig.clock.SystemClock(),
                source_spec=source.spec,
                target_spec=target.spec,
                source_settings=source.settings,
                target_settings=target.settings,
                chain=self._registry.chain("kustomer", "crisp", target.settings),
                engine=EngineSettings(),
                acknowledged=frozenset(target.spec.asks),
                **more,
            )
            return asyncio.run(go(work))
        finally:
            journal.close()

    def environment(self) -> dict[str, str]:
        """For `mig` as a process of its own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("KUSTOMER_", "CRISP_", "MIG_"))}
        named = {f"CRISP_{name.upper()}": value for name, value in self._settings.items()}
        return {**kept, **self._environment, **named, "MIG_STATE": self.state}

    def audit(self, level: str = "full", *, journal: bool = True, **more: Any) -> Result:
        """Verify once, to the end."""
        return asyncio.run(self._audit(Asked(level=level, **more), journal=journal))

    async def _audit(self, asked: Asked, *, journal: bool) -> Result:
        source, target = self.sides()
        opened = Journal.open(self.state, create=False) if journal else None
        chain = self._registry.chain("kustomer", "crisp", target.settings)
        try:
            async with audit_of(opened, source, target, chain, clock=mig.clock.SystemClock()) as audit:
                result = await verify(audit, asked, lambda what, count: None)
                if audit.ledger is not None:
                    await audit.ledger.add_look(look_of(result, "2026-01-01T00:00:00+00:00"))
                return result
        finally:
            if opened is not None:
                opened.close()

    def repair(self, found: Result, plan: Path) -> Report:
        """Plan a repair of what an audit found, and do it."""
        write_repair(plan, found)
        _, repair = read_plan(plan.read_bytes().splitlines())
        return self.migrate(
            repair=repair,
            only=lambda connection, mig: repair.units | set(homes(connection, mig, sorted(repair.refs)).values()),
        )

    @contextmanager
    def damaged(self) -> Iterator[Any]:
        """The workspace's state, to be damaged; as it was when the context ends."""
        desk = self.workspace.desk
        kept = copy.deepcopy((desk.sessions.live, desk.people.live, desk.people_by_email))
        centre = desk.helpdesk
        shelves: tuple[Any, ...] = (centre.articles, centre.categories, centre.entries, centre.redirections)
        held = copy.deepcopy([shelf.live for shelf in shelves]), dict(centre.locales)
        files = {key: (one.path, one.path.read_bytes()) for key, one in desk.bucket.uploads.items() if one.path}
        try:
            yield desk
        finally:
            desk.sessions.live, desk.people.live, desk.people_by_email = kept
            for shelf, live in zip(shelves, held[0], strict=True):
                shelf.live = live
            centre.locales = held[1]
            for key, (path, content) in files.items():
                path.write_bytes(content)
                desk.bucket.uploads[key].path = path


@contextmanager
def audited(
    folder: Path,
    *,
    dataset: Path | None = None,
    customers: int | None = None,
    seed: int = 5,
    settings: Mapping[str, str] = {},
    switches: Mapping[str, str] = {},
    source_switches: Mapping[str, str] = {},
    operators: Path | None = None,
    more: Mapping[str, str] = {},
) -> Iterator[Audited]:
    """Two sandboxes in a thread, while the context lasts.

    Args:
        folder: Where the journal lies.
        dataset: What the source holds; None: a generated organisation.
        customers: How many of them.
        seed: Of what is generated.
        settings: More of the target's settings.
        switches: Of the target's sandbox.
        source_switches: Of the source's.
        operators: A dataset whose users work on the target too.
        more: Of the environment.
    """
    told: Queue[tuple[Any, Any, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def hold() -> None:
        over = asyncio.Event()
        clock = {"clock": datetime.now(UTC).isoformat(timespec="seconds")} if dataset is None else {}
        told_source = {**clock, **source_switches}
        options = mig.SandboxOptions(dataset=dataset, generate=customers, seed=seed, switches=told_source)
        crisp = mig.SandboxOptions(operators=operators, switches={"read_lag": "0", "index_lag": "0", **switches})
        async with serve_kustomer(options) as source, serve_crisp(crisp) as target:
            told.put((source, target, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    source, target, loop, over = told.get(timeout=30)
    try:
        environment = {**source.environment, **target.environment, **more}
        yield Audited(source.control, target.control, environment, f"sqlite:///{folder / 'mig.db'}", settings)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=30)


def with_phones(path: Path) -> None:
    """Give every customer of a dataset a number."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for number, line in enumerate(lines):
        if line["kind"] == "customers":
            line["resource"]["attributes"]["phones"] = [{"phone": f"+4930{number:06d}", "type": "home"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def told(result: Result) -> str:
    """What an audit found, in words."""
    return "\n".join(f"{one.level} {one.what} {one.kind} {one.source_id} {one.field} {one.why}" for one in result.found)
