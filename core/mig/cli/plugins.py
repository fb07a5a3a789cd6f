"""`mig plugins`: what is installed, and what it offers."""

from __future__ import annotations

import click

from mig.cli.show import say_object
from mig.plugins import Registry


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def plugins(registry: Registry, as_json: bool) -> None:
    """List the installed plugins, their platforms and sandboxes."""
    offers = {
        "sources": sorted(registry.sources),
        "targets": sorted(registry.targets),
        "sandboxes": sorted(registry.sandboxes),
    }
    if as_json:
        rows = [{"name": name, "from": origin} for name, origin in registry.names()]
        say_object({"schema": 1, "plugins": rows, **offers})
        return
    for name, origin in registry.names():
        click.echo(f"{name:12} {origin}")
    click.echo("")
    for what, names in offers.items():
        click.echo(f"{what:12} {', '.join(names) or 'none'}")
