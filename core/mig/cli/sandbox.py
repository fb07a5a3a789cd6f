"""`mig sandbox NAME`: a local stand-in of a platform."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import click
import msgspec

from mig.errors import Refused, Usage
from mig.platforms import SandboxOptions, SandboxSpec
from mig.plugins import Registry


@click.command()
@click.argument("name")
@click.option("--port", type=int, default=0, help="0 takes a free one.")
@click.option(
    "--dataset", type=click.Path(path_type=Path, dir_okay=False), help="A JSON Lines file (.gz too) to serve."
)
@click.option("--generate", type=click.IntRange(min=1), metavar="N", help="Make an organisation of N customers.")
@click.option("--seed", type=int, default=0, help="Of the generated organisation.")
@click.option("--faults", default="", metavar="SPEC", help="mixed=0.05, or 429=..,5xx=..,reset=..,drop=..,hang=..")
@click.option("--limits", default="", metavar="SPEC", help="The platform's limits, scaled in time: plan=..,scale=60")
@click.option("--operators", type=click.Path(path_type=Path, dir_okay=False), help="Who works there already.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="What is unknown, chosen.")
@click.option("--json", "as_json", is_flag=True, help="Say where it is as one JSON object.")
@click.pass_obj
def sandbox(registry: Registry, /, name: str, switches: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Serve a local stand-in of the platform NAME on loopback until Ctrl-C."""
    pairs = dict(text.partition("=")[::2] for text in switches)
    spec = registry.sandbox(name)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(spec, SandboxOptions(switches=pairs, **options), as_json))


async def _serve(spec: SandboxSpec, options: SandboxOptions, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with spec.serve(options) as running:
            if as_json:
                found = {"schema": 1, "url": running.url, "environment": dict(running.environment)}
                click.echo(msgspec.json.encode(found).decode())
            else:
                click.echo(f"{spec.name} sandbox on {running.url}; Ctrl-C ends it")
                for key, value in running.environment.items():
                    click.echo(f"export {key}={value}")
            await stop.wait()
    except ValueError as error:
        raise Usage(f"the sandbox cannot be made so: {error}", "See docs/sandboxes.md for every option.") from error
    except OSError as error:
        raise Refused(
            f"the sandbox cannot serve: {error.strerror or error}", "Name a free port or another file."
        ) from error
