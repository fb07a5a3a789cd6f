"""`mig run`: move what changed since the last run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
import msgspec
from msgspec import Struct, field

from mig.cli.canary import watch_canary
from mig.cli.common import Common, common_options, read_common, say_error, with_pair
from mig.cli.plan_view import plan_object, show_plan
from mig.cli.scope import SCOPE, read_scope, scope_options
from mig.cli.show import Watcher, adoption, as_object, ended_object, say_object, summary
from mig.clock import Clock, SystemClock
from mig.errors import MigError, Paused, Usage
from mig.platforms import Scope
from mig.plugins import Registry
from mig.settings import platform_settings

if TYPE_CHECKING:
    from mig.engine.run import Report, Run

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
_SLICE_S = 60.0
"""How often a wait looks at the clock: a machine that slept meanwhile is not late for longer than this."""


class Special(Protocol):
    """What makes a run another one than the options of `mig run` can ask for."""

    def prepare(self, work: Run) -> None:
        """Change a run before it begins; after a wait, the next one too."""
        ...

    def outcome(self, work: Run) -> Mapping[str, Any]:
        """What the JSON object says beside the report; the journal is still open."""
        ...

    def words(self) -> str:
        """The same for a person, after `outcome`."""
        ...

    def exit_code(self) -> int:
        """What the exit code is at least when the run is completed, after `outcome`."""
        ...


class Asked(Struct, frozen=True, kw_only=True):
    """What a run was asked for, beside its settings."""

    shares: Mapping[str, float] = field(default_factory=dict)
    """Bucket -> share, over those of mig.toml."""
    remap: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    """The options that narrow it."""
    plan_only: bool = False
    canary: str = ""
    title: str = ""
    """Stands over the summary."""
    wait: bool = False
    """Where a quota pauses it: wait, and go on."""
    adopt: bool = False
    """Rebuild a lost journal."""
    special: Special | None = None
    archive: Path | None = None
    """Where an archive is written when it is completed."""


@click.command()
@common_options
@scope_options
@click.option("--dry-run", is_flag=True, help="Say what would be done (`mig plan`); write nothing to the target.")
@click.option(
    "--canary", default="", metavar="ADDRESS", help="Move three conversations, addressed to this address of your own."
)
@click.option("--share", "shares", multiple=True, metavar="BUCKET=0.5", help="Which part of a limit is ours.")
@click.option("--remap", is_flag=True, help="Apply a changed mapping to what was moved before.")
@click.option("--wait", is_flag=True, help="Where a quota is used up: wait until it is full again, and go on.")
@click.option("--archive", type=click.Path(path_type=Path), metavar="DIR", help="Then bring `mig archive` up to date.")
@click.option("--repair", type=click.Path(path_type=Path), help="Do what `mig verify --plan-repair` has planned.")
@click.pass_obj
def run(
    registry: Registry,
    /,
    shares: tuple[str, ...],
    remap: bool,
    dry_run: bool,
    canary: str,
    wait: bool,
    archive: Path | None,
    repair: Path | None,
    **options: Any,
) -> None:
    """Move everything, or what changed since the last run; run it again and again."""
    filters = {name: options.pop(name) for name in SCOPE}
    asked = Asked(shares=read_shares(shares), remap=remap, filters=filters, plan_only=dry_run, canary=canary, wait=wait)
    if repair is not None:
        if canary or dry_run or remap or any(filters.values()):
            raise Usage("--repair does what its plan says, and nothing else", "Use it alone.")
        from mig.cli.repair import Repairs

        asked = msgspec.structs.replace(asked, special=Repairs(repair), title="repair")
    if canary and not ("@" in canary.strip("@") and " " not in canary):
        raise Usage("--canary: that is no e-mail address", "Name one of your own: whatever is mailed lands there.")
    if canary and dry_run:
        raise Usage("--canary moves conversations, --dry-run does not", "Use one of them.")
    if archive is not None and (canary or dry_run):
        raise Usage("--archive follows a run that moves", "Use it without --canary and --dry-run, or `mig archive`.")
    answer(registry, msgspec.structs.replace(asked, archive=archive), options)


def answer(registry: Registry, asked: Asked, options: Mapping[str, Any]) -> None:
    """Run, and end the process as the contract says; with --json whatever happens is one object on stdout."""
    answer_with(registry, options, lambda common: run_once(common, asked))


def answer_with(registry: Registry, options: Mapping[str, Any], work: Callable[[Common], int]) -> None:
    """Likewise, with what is to be done given: it returns the exit code."""
    as_json = bool(options["as_json"])
    try:
        code = work(read_common(registry, **options))
    except MigError as error:
        if as_json:
            say_object(ended_object("paused" if isinstance(error, Paused) else "refused", error))
        raise
    except Exception:
        if as_json:
            say_object(ended_object("broken", MigError("a fault of mig itself", "Its place stands on stderr.")))
        raise
    sys.exit(code)


def run_once(
    common: Common, asked: Asked, *, environment: Mapping[str, str] | None = None, clock: Clock | None = None
) -> int:
    """One run, shown to the person as the options say; where it may wait for a quota, as many as it takes.

    Args:
        common: The options every command has.
        asked: Those of a run.
        environment: Instead of the process's own.
        clock: Instead of the machine's.

    Returns:
        The exit code.

    Raises:
        Usage, Refused, Paused: Before anything was recorded.
    """
    runs = _Runs(common, asked, os.environ if environment is None else environment, clock or SystemClock())
    report = asyncio.run(runs.all())
    code = _CODES[signal.Signals(runs.caught[0])] if runs.caught else 130
    if report is None:  # stopped while it waited for a quota that was used up before a run could begin
        if common.as_json:
            say_object(ended_object("interrupted", MigError("stopped while it waited for a quota", "Run again.")))
        return code
    at_least = runs.archive() if report.status == "completed" else 0
    runs.show_last(report)
    if report.error is not None:
        say_error(report.error)
    at_least = max(at_least, asked.special.exit_code() if asked.special is not None else 0)
    return code if report.status == "interrupted" else report.exit_code or at_least


class _Runs:
    """A run, and those that follow it while a quota has to be waited for.

    Each has its own connection to the journal: none is held open over night.
    """

    def __init__(self, common: Common, asked: Asked, environment: Mapping[str, str], clock: Clock) -> None:
        self._common = common
        self._asked = asked
        self._environment = environment
        self._clock = clock
        self._stop = asyncio.Event()
        self._waiting = False
        self._work: Run | None = None
        self._more: Mapping[str, Any] = {}
        self._after: Callable[[], None] = lambda: None
        """Shows what follows the summary."""
        self._paused: list[Report] = []
        """Runs that ended before the last one did."""
        self.caught: list[int] = []
        """Signals."""

    async def all(self) -> Report | None:
        """Run, and wait and run again where that is asked for.

        Returns:
            How the last run ended; None: a signal ended the wait for the first.
        """
        for number in _CODES:
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        while True:
            try:
                report: Report | None = await self._once()
            except Paused as error:  # used up before a run could begin
                report, paused = None, self._timed(error)
                if not self._asked.wait:
                    raise paused from error
            else:
                assert report is not None
                if not isinstance(report.error, Paused):
                    return report
                report.error = paused = self._timed(report.error)
                if self.caught or not self._asked.wait:
                    return report
                self._between(report)
            await self._wait(paused)
            if self.caught:
                return None if report is None else msgspec.structs.replace(report, status="interrupted", error=None)
            if report is not None:
                self._paused.append(report)

    def _timed(self, error: Paused) -> Paused:
        command = "mig adopt" if self._asked.adopt else "mig run"
        return timed(error, self._clock.now(), waits=self._asked.wait, command=command)

    async def _once(self) -> Report:
        from mig.engine.run import go

        work = self._work = _work(self._common, self._asked, self._environment, self._clock)
        work.stop = self._stop
        watcher = Watcher(work.progress, quiet=self._common.quiet or self._common.as_json)
        work.on_open = watcher.watch
        special = self._asked.special
        try:
            work.journal.acquire()
            if special is not None:
                special.prepare(work)
            with watcher:
                report = await go(work)
            self._more = special.outcome(work) if special is not None else {}
            return report
        finally:
            work.journal.close()

    def _on_signal(self, number: int) -> None:
        """The first drains, the second stops at once: both are safe. A wait ends at the first."""
        if self.caught:
            os._exit(_CODES[signal.Signals(number)])
        self.caught.append(number)
        if not self._waiting:
            click.echo("mig: finishing what is under way; once more stops at once, and that is safe too", err=True)
        self._stop.set()

    async def _wait(self, paused: Paused) -> None:
        """Sleep until the quota is full again, or a signal comes."""
        until = self._clock.now() + timedelta(seconds=_wait_s(paused, self._clock.now()))
        say_error(paused)
        self._waiting = True
        try:
            while not self._stop.is_set() and (left := (until - self._clock.now()).total_seconds()) > 0:
                sleep = asyncio.create_task(self._clock.sleep(min(left, _SLICE_S)))
                stopped = asyncio.create_task(self._stop.wait())
                await asyncio.wait((sleep, stopped), return_when=asyncio.FIRST_COMPLETED)
                sleep.cancel()
                stopped.cancel()
        finally:
            self._waiting = False
        if not self._stop.is_set():
            click.echo("mig: going on", err=True)

    def _between(self, report: Report) -> None:
        """A person reads each run's summary when it ends; a program gets one object at the very end."""
        if not self._common.as_json:
            self._show(report)

    def show_last(self, report: Report) -> None:
        """What the last run has to say; as JSON with the requests and seconds of those before it.

        Raises:
            OSError: The reader of stdout has left.
        """
        if self._common.as_json:
            for earlier in self._paused:
                report.seconds = round(report.seconds + earlier.seconds, 3)
                report.requests = {side: n + earlier.requests[side] for side, n in report.requests.items()}
            report.notices = list(dict.fromkeys(text for one in (*self._paused, report) for text in one.notices))
        self._show(report)
        if self._asked.canary and report.places and not self._common.as_json:
            watch_canary(report, self._work, self._common.config.engine.canary_s)

    def archive(self) -> int:
        """Write the archive that was asked for. Returns: the exit code at least."""
        if self._asked.archive is None:
            return 0
        from mig.cli.archive import archive_object, archive_once, show_archive

        out = self._asked.archive
        written, code = archive_once(self._common, out)
        self._more = {**self._more, "archive": archive_object(written, out)}
        self._after = lambda: show_archive(written, out)
        return code

    def _show(self, report: Report) -> None:
        work, as_json = self._work, self._common.as_json
        assert work is not None
        source, target = work.source_spec.name, work.target_spec.name
        if report.plan is not None:
            write = work.target_spec.letter
            letter = write(work.target_settings, report.plan.cost, report.plan.seconds) if write else ""
            if as_json:
                say_object(plan_object(report, letter))
            else:
                show_plan(report, source, target, letter)
        elif as_json:
            say_object({**as_object(report), **self._more})
        elif report.adopted:
            adoption(report, source, target)
        else:
            summary(report, source, target, self._asked.title)
            if self._asked.special is not None:
                click.echo(f"  {self._asked.special.words()}")
            self._after()


def _wait_s(paused: Paused, now: datetime) -> float:
    """Seconds until another attempt makes sense; where nobody tells, a minute after the next UTC day has begun."""
    if paused.retry_after_s is not None:
        return max(paused.retry_after_s, 1.0)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return max((midnight - now).total_seconds() + 60.0, 60.0)


def timed(paused: Paused, now: datetime, *, waits: bool, command: str = "mig run") -> Paused:
    """The same with the time from when to go on, here and in UTC.

    Args:
        paused: As the engine or a platform gave it.
        now: The present.
        waits: Whether we go on by ourselves then.
        command: Which could.
    """
    when = now + timedelta(seconds=_wait_s(paused, now))
    here, there = when.astimezone(), when.astimezone(UTC)
    at = f"{here:%Y-%m-%d %H:%M} local time ({there:%Y-%m-%d %H:%M} UTC)"
    line = (
        f"Going on at {at}; Ctrl-C ends the wait."
        if waits
        else f"Run again from about {at}; `{command} --wait` goes on by itself."
    )
    # When we go on ourselves, the hint to run the command again would mislead.
    return Paused(paused.message, line if waits else f"{paused.hint}\n{line}".strip(), paused.retry_after_s)


def _work(common: Common, asked: Asked, environment: Mapping[str, str], clock: Clock) -> Run:
    from mig.engine.run import Run
    from mig.journal.store import Journal

    common = with_pair(common)
    config, registry = common.config, common.registry
    source, target = registry.source(config.source), registry.target(config.target)
    target_settings: Any = platform_settings(
        target.settings, target.name, config.target_settings, environment, config.target_flags
    )
    return Run(
        journal=Journal.open(config.state),
        clock=clock,
        source_spec=source,
        target_spec=target,
        source_settings=platform_settings(
            source.settings, source.name, config.source_settings, environment, config.source_flags
        ),
        target_settings=target_settings,
        chain=registry.chain(source.name, target.name, target_settings),
        engine=config.engine,
        shares={**config.shares, **asked.shares},
        fixed_shares=asked.shares,
        hours=config.hours,
        path=config.path,
        acknowledged=config.acknowledged.get(target.name, frozenset()),
        scope=read_scope(source, asked.filters) if asked.filters else Scope(),
        plan_only=asked.plan_only,
        canary=asked.canary,
        remap=asked.remap,
        adopt=asked.adopt,
    )


def read_shares(texts: tuple[str, ...]) -> dict[str, float]:
    """Read `--share BUCKET=0.5`, each.

    Raises:
        Usage: One means nothing.
    """
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise Usage(f"--share {text}: not BUCKET=NUMBER", "Example: --share source.requests=0.5") from None
        if not 0 < found[name] <= 1:
            raise Usage(f"--share {text}: a share lies between 0 and 1", "Example: --share source.requests=0.5")
    return found
