"""`mig plan`: what would move, what becomes of each, what is lost, and how long it takes; nothing is written there."""

from __future__ import annotations

from typing import Any

import click

from mig.cli.common import common_options
from mig.cli.run import Asked, answer, read_shares
from mig.cli.scope import SCOPE, scope_options
from mig.plugins import Registry


@click.command()
@common_options
@scope_options
@click.option("--share", "shares", multiple=True, metavar="BUCKET=0.5", help="Which part of a limit is ours.")
@click.pass_obj
def plan(registry: Registry, /, shares: tuple[str, ...], **options: Any) -> None:
    """Read the source into the journal and say what a run would do with it; nothing is written to the target."""
    filters = {name: options.pop(name) for name in SCOPE}
    answer(registry, Asked(shares=read_shares(shares), filters=filters, plan_only=True), options)
