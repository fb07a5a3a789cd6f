"""`mig adopt`: rebuild a lost journal from the marks on the target; nothing is written there."""

from __future__ import annotations

from typing import Any

import click

from mig.cli.common import common_options
from mig.cli.run import Asked, answer
from mig.plugins import Registry


@click.command()
@common_options
@click.option("--wait", is_flag=True, help="Where a quota is used up: wait until it is full again, and go on.")
@click.pass_obj
def adopt(registry: Registry, /, wait: bool, **options: Any) -> None:
    """The journal is lost: read the source into a new one, and find what was moved by its marks on the target."""
    answer(registry, Asked(adopt=True, wait=wait), options)
