"""`mig rollback`: take back from the target what a migration created there, and nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import click
import msgspec

from mig.cli.common import Common, common_options, read_common
from mig.cli.show import say_object
from mig.clock import SystemClock
from mig.errors import Refused, Usage
from mig.plugins import Registry
from mig.settings import platform_settings, refuse_secrets


@click.command()
@common_options
@click.option("--canary", is_flag=True, help="Only what `mig run --canary` moved.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rollback(registry: Registry, /, canary: bool, yes: bool, **options: Any) -> None:
    """Remove from the target what this migration created; what others wrote or work in is left alone."""
    from mig.engine.rollback import summary

    common = read_common(registry, **options)
    found = _roll_back(common, canary=canary, yes=yes or common.as_json)
    if found is None:
        click.echo("Nothing was removed.")
        return
    if common.as_json:
        say_object({"schema": 1, **msgspec.to_builtins(found)})
    else:
        for line in summary(found):
            click.echo(line)
        again = (
            "`mig run --canary ADDRESS` sends another"
            if canary
            else "Another `mig run` moves it again from the journal"
        )
        click.echo(f"{again}.")
    sys.exit(1 if found.left else 0)


def _roll_back(common: Common, *, canary: bool, yes: bool) -> Any:
    from mig.engine.canary import MARK
    from mig.engine.rollback import RolledBack
    from mig.journal import counts
    from mig.journal.store import Journal

    config, registry = common.config, common.registry
    journal = Journal.open(config.state, create=False)
    try:
        journal.acquire()
        with journal.reading() as connection:
            rows = [r for r in counts.migrations(connection) if (MARK in r.organisation) == canary]
        pair = config.source, config.target
        chosen = _canaries(rows, *pair) if canary else [counts.choose(rows, *pair)]
        spec = registry.target(chosen[0].target)
        refuse_secrets(spec.settings, "target", common.sets)  # the options alone did not say whose they are
        settings: Any = platform_settings(
            spec.settings, spec.name, config.target_settings, os.environ, config.target_flags
        )
        what = "every canary" if canary else "everything this migration created"
        if not yes and not click.confirm(f"Remove {what} from {chosen[0].target}:{chosen[0].workspace}?", err=True):
            return None
        total = RolledBack()
        for row in chosen:
            total.add(asyncio.run(_work(journal, row, spec.open, settings, common)))
        return total
    finally:
        journal.close()


def _canaries(rows: list[Any], source: str, target: str) -> list[Any]:
    """Every canary of the pair, whatever address each was sent to.

    Raises:
        Usage: There is none.
    """
    found = [row for row in rows if source in ("", row.source) and target in ("", row.target)]
    if not found:
        raise Usage("this journal holds no canary", "Send one with `mig run --canary ADDRESS`.")
    return [row for row in found if row.workspace == found[0].workspace]


async def _work(journal: Any, row: Any, opening: Any, settings: Any, common: Common) -> Any:
    from mig.budgets import Budgets
    from mig.engine.rollback import Rollback
    from mig.journal import delivery
    from mig.platforms import Access

    clock = SystemClock()
    budgets = Budgets(clock, common.config.shares, await journal.read(delivery.load_budgets))
    async with opening(settings, Access(clock=clock, budgets=budgets)) as target:
        if await target.identity() != row.workspace:
            raise Refused(
                "the target's settings lead to another workspace than this migration's", f"It is {row.workspace}."
            )
        try:
            return await Rollback(journal, row.id, target, clock, common.config.engine).run()
        finally:
            used = budgets.unsaved()
            await journal.write(lambda c: delivery.save_budgets(c, used))
