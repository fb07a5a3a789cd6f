"""Every hook a plugin may implement: the author's contract. Hooks run once, at start-up, and hand over objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from mig.platforms import MapperSpec, SandboxSpec, SourceSpec, TargetSpec

hookspec = pluggy.HookspecMarker("mig")
hookimpl = pluggy.HookimplMarker("mig")


@hookspec
def mig_sources(register: Callable[[SourceSpec], None]) -> None:
    """Call `register` once for each platform this plugin can read from."""


@hookspec
def mig_targets(register: Callable[[TargetSpec], None]) -> None:
    """Call `register` once for each platform this plugin can write to."""


@hookspec
def mig_mappers(register: Callable[[MapperSpec], None]) -> None:
    """Call `register` once for each mapper; the one with the highest `front` is asked first."""


@hookspec
def mig_sandboxes(register: Callable[[SandboxSpec], None]) -> None:
    """Call `register` once for each local stand-in this plugin can serve."""


@hookspec
def mig_commands(group: click.Group) -> None:
    """Add commands to the `mig` command line: `group.add_command(...)`."""
