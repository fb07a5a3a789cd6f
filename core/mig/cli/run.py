"""`mig run`: move what changed since the last run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct, field

from mig.cli.canary import watch_canary
from mig.cli.common import Common, common_options, needs_pair, read_common, say_error
from mig.cli.plan_view import plan_object, show_plan
from mig.cli.scope import SCOPE, read_scope, scope_options
from mig.cli.show import Watcher, as_object, ended_object, say_object, summary
from mig.clock import SystemClock
from mig.errors import MigError, Paused, Usage
from mig.platforms import Scope
from mig.plugins import Registry
from mig.settings import platform_settings

if TYPE_CHECKING:
    from mig.engine.run import Report

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


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


@click.command()
@common_options
@scope_options
@click.option("--dry-run", is_flag=True, help="Say what would be done (`mig plan`); write nothing to the target.")
@click.option(
    "--canary", default="", metavar="ADDRESS", help="Move three conversations, addressed to this address of your own."
)
@click.option("--share", "shares", multiple=True, metavar="BUCKET=0.5", help="Which part of a limit is ours.")
@click.option("--remap", is_flag=True, help="Apply a changed mapping to what was moved before.")
@click.pass_obj
def run(
    registry: Registry, /, shares: tuple[str, ...], remap: bool, dry_run: bool, canary: str, **options: Any
) -> None:
    """Move everything, or what changed since the last run; run it again and again."""
    filters = {name: options.pop(name) for name in SCOPE}
    asked = Asked(shares=read_shares(shares), remap=remap, filters=filters, plan_only=dry_run, canary=canary)
    if canary and not ("@" in canary.strip("@") and " " not in canary):
        raise Usage("--canary: that is no e-mail address", "Name one of your own: whatever is mailed lands there.")
    if canary and dry_run:
        raise Usage("--canary moves conversations, --dry-run does not", "Use one of them.")
    answer(registry, asked, options)


def answer(registry: Registry, asked: Asked, options: Mapping[str, Any]) -> None:
    """Run, and end the process as the contract says; with --json whatever happens is one object on stdout."""
    as_json = bool(options["as_json"])
    try:
        code = run_once(read_common(registry, **options), asked)
    except MigError as error:
        if as_json:
            say_object(ended_object("paused" if isinstance(error, Paused) else "refused", error))
        raise
    except Exception:
        if as_json:
            say_object(ended_object("broken", MigError("a fault of mig itself", "Its place stands on stderr.")))
        raise
    sys.exit(code)


def run_once(common: Common, asked: Asked, *, environment: Mapping[str, str] | None = None) -> int:
    """One run, shown to the person as the options say.

    Args:
        common: The options every command has.
        asked: Those of a run.
        environment: Instead of the process's own.

    Returns:
        The exit code.

    Raises:
        Usage, Refused: Before anything was recorded.
    """
    from mig.engine.run import go

    work = _work(common, asked, os.environ if environment is None else environment)
    caught: list[int] = []
    watcher = Watcher(work.progress, quiet=common.quiet or common.as_json)
    work.on_open = watcher.watch
    try:
        work.journal.acquire()
        with watcher:
            report = asyncio.run(_guarded(go(work), work.stop, caught))
    finally:
        work.journal.close()
    _show(common, asked, work, report)
    if report.error is not None:
        say_error(report.error)
    return _CODES[signal.Signals(caught[0])] if caught and report.status == "interrupted" else report.exit_code


def _work(common: Common, asked: Asked, environment: Mapping[str, str]) -> Any:
    from mig.engine.run import Run
    from mig.journal.store import Journal

    config, registry = common.config, common.registry
    needs_pair(config)
    source, target = registry.source(config.source), registry.target(config.target)
    target_settings: Any = platform_settings(
        target.settings, target.name, config.target_settings, environment, config.target_flags
    )
    return Run(
        journal=Journal.open(config.state),
        clock=SystemClock(),
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
    )


def _show(common: Common, asked: Asked, work: Any, report: Report) -> None:
    source, target = work.source_spec.name, work.target_spec.name
    if report.plan is not None:
        write = work.target_spec.letter
        letter = write(work.target_settings, report.plan.cost, report.plan.seconds) if write else ""
        if common.as_json:
            say_object(plan_object(report, letter))
        else:
            show_plan(report, source, target, letter)
    elif common.as_json:
        say_object(as_object(report))
    else:
        summary(report, source, target, asked.title)
    if asked.canary and report.places and not common.as_json:
        watch_canary(report, work, common.config.engine.canary_s)


async def _guarded(work: Any, stop: asyncio.Event, caught: list[int]) -> Any:
    """The first signal drains, the second stops at once: both are safe."""

    def on_signal(number: int) -> None:
        if caught:
            os._exit(_CODES[signal.Signals(number)])
        caught.append(number)
        click.echo("mig: finishing what is under way; once more stops at once, and that is safe too", err=True)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _CODES:
        loop.add_signal_handler(number, on_signal, number)
    return await work


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
