"""`mig run`: move what changed since the last run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import click

from mig.cli.common import Common, common_options, needs_pair, read_common, say_error
from mig.cli.show import Watcher, as_object, ended_object, say_object, summary
from mig.clock import SystemClock
from mig.errors import MigError, Paused, Usage
from mig.plugins import Registry
from mig.settings import platform_settings

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@click.command()
@common_options
@click.option("--share", "shares", multiple=True, metavar="BUCKET=0.5", help="Which part of a limit is ours.")
@click.option("--remap", is_flag=True, help="Apply a changed mapping to what was moved before.")
@click.pass_obj
def run(registry: Registry, /, shares: tuple[str, ...], remap: bool, **options: Any) -> None:
    """Move everything, or what changed since the last run; run it again and again."""
    as_json = bool(options["as_json"])
    try:
        common = read_common(registry, **options)
        code = run_once(common, shares=_shares(shares), remap=remap)
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
    common: Common,
    *,
    shares: Mapping[str, float] | None = None,
    remap: bool = False,
    environment: Mapping[str, str] | None = None,
    title: str = "",
) -> int:
    """One run, shown to the person as the options say.

    Args:
        common: The options.
        shares: Bucket -> share, over those of mig.toml.
        remap: Apply a changed mapping.
        environment: Instead of the process's own.
        title: Stands over the summary.

    Returns:
        The exit code.

    Raises:
        Usage, Refused: Before anything was recorded.
    """
    from mig.engine.run import Progress, Run, go
    from mig.journal.store import Journal

    config, registry = common.config, common.registry
    needs_pair(config)
    source, target = registry.source(config.source), registry.target(config.target)
    given = os.environ if environment is None else environment
    target_settings: Any = platform_settings(
        target.settings, target.name, config.target_settings, given, config.target_flags
    )
    progress = Progress()
    work = Run(
        journal=Journal.open(config.state),
        clock=SystemClock(),
        source_spec=source,
        target_spec=target,
        source_settings=platform_settings(
            source.settings, source.name, config.source_settings, given, config.source_flags
        ),
        target_settings=target_settings,
        chain=registry.chain(source.name, target.name, target_settings),
        engine=config.engine,
        shares={**config.shares, **(shares or {})},
        remap=remap,
        progress=progress,
    )
    caught: list[int] = []
    watcher = Watcher(progress, quiet=common.quiet or common.as_json)
    work.on_open = watcher.watch
    try:
        work.journal.acquire()
        with watcher:
            report = asyncio.run(_guarded(go(work), work.stop, caught))
    finally:
        work.journal.close()
    if common.as_json:
        say_object(as_object(report))
    else:
        summary(report, source.name, target.name, title)
    if report.error is not None:
        say_error(report.error)
    return _CODES[signal.Signals(caught[0])] if caught and report.status == "interrupted" else report.exit_code


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


def _shares(texts: tuple[str, ...]) -> dict[str, float]:
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
