"""`mig check`: what a run needs of both sides, one line each; it writes nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import click
import msgspec

from mig.cli.common import Common, common_options, read_common, with_pair
from mig.cli.show import say_object
from mig.clock import SystemClock
from mig.errors import MigError, Refused
from mig.platforms import CanCheck, Finding, TargetSpec
from mig.plugins import Registry
from mig.settings import platform_settings

Say = Callable[[str, Finding], None]
_MARKS = {"ok": "ok  ", "warn": "look", "fail": "FAIL"}


@click.command()
@common_options
@click.option("--write", is_flag=True, help="Make something empty in the target and remove it, to time reads.")
@click.pass_obj
def check(registry: Registry, /, write: bool, **options: Any) -> None:
    """Look both sides over before a run: credentials, permissions, limits, and what could mail a customer."""
    common = with_pair(read_common(registry, **options))
    found = asyncio.run(_look(common, write=write, say=_quiet if common.as_json else _say))
    failed = [finding for _, finding in found if finding.state == "fail"]
    if common.as_json:
        lines = [{"side": side, **msgspec.to_builtins(finding)} for side, finding in found]
        say_object({"schema": 1, "ok": not failed, "findings": lines})
    else:
        click.echo(
            f"\n{len(failed)} of {len(found)} would stop a run or lose something: mend them and check again."
            if failed
            else "\nReady: `mig plan` counts what would move, `mig run --canary ADDRESS` tries three conversations."
        )
    sys.exit(3 if failed else 0)


async def _look(common: Common, *, write: bool, say: Say) -> list[tuple[str, Finding]]:
    """Every finding, with the platform it is of, said as it comes; a side that is closed does not hide the other."""
    from mig.budgets import Budgets
    from mig.platforms import Access

    config, registry = common.config, common.registry
    source, target = registry.source(config.source), registry.target(config.target)
    clock = SystemClock()
    access = Access(clock=clock, budgets=Budgets(clock, config.shares))
    found: list[tuple[str, Finding]] = []
    sides: list[tuple[str, Any, Any]] = [
        (source.name, source, (config.source_settings, config.source_flags)),
        (target.name, target, (config.target_settings, config.target_flags)),
    ]
    for name, spec, (given, flags) in sides:
        settings: Any = platform_settings(spec.settings, name, given, os.environ, flags)
        async for finding in _side(spec.open(settings, access), write=write):
            found.append((name, finding))
            say(name, finding)
    for finding in _acknowledged(target, common):
        found.append((target.name, finding))
        say(target.name, finding)
    return found


async def _side(opening: Any, *, write: bool) -> AsyncIterator[Finding]:
    try:
        async with AsyncExitStack() as stack:
            side = await stack.enter_async_context(opening)
            if isinstance(side, CanCheck):
                async for finding in side.check(write=write):
                    yield finding
            else:
                await side.identity()
                yield Finding(name="connection", state="ok", text="answers; its plugin has no further checks")
    except Refused as error:
        yield Finding(name="connection", state="fail", text=error.message, hint=error.hint)
    except MigError as error:
        yield Finding(name="check", state="fail", text=error.message, hint=error.hint)


def _acknowledged(target: TargetSpec, common: Common) -> list[Finding]:
    """What no API shows: confirmed by a person or not."""
    words = common.config.acknowledged.get(target.name, frozenset())
    hint = f'Make sure, then add "{{}}" to {target.name} = [...] under [acknowledged] in mig.toml.'
    return [
        Finding(name=name, state="ok", text=f"you confirmed: {text}")
        if name in words
        else Finding(name=name, state="fail", text=f"not confirmed: {text}", hint=hint.format(name))
        for name, text in target.asks.items()
    ]


def _say(side: str, finding: Finding) -> None:
    click.echo(f"{_MARKS[finding.state]}  {side:9} {finding.name:38} {finding.text}")
    if finding.hint and finding.state != "ok":
        for line in finding.hint.splitlines():
            click.echo(f"{'':54}{line}")


def _quiet(side: str, finding: Finding) -> None:
    """With --json everything stands in the object at the end."""
