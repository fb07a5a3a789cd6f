"""Crisp for mig: a target, its default mapping, and a sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

import mig
from mig_crisp.asks import ASKS, address, letter
from mig_crisp.by_hand import BY_HAND
from mig_crisp.keeps import KEEPS, NORMALS
from mig_crisp.mapping import CrispMapper
from mig_crisp.settings import CrispSettings

if TYPE_CHECKING:
    from mig_crisp.target import CrispTarget


@asynccontextmanager
async def _open(settings: CrispSettings, access: mig.Access) -> AsyncIterator[CrispTarget]:
    from mig_crisp.target import open_target  # httpx only when a workspace is opened

    async with open_target(settings, access) as target:
        yield target


@mig.hookimpl
def mig_targets(register: Callable[[mig.TargetSpec], None]) -> None:
    register(mig.TargetSpec("crisp", CrispSettings, _open, KEEPS, NORMALS, ASKS, address, letter, BY_HAND))


@mig.hookimpl
def mig_mappers(register: Callable[[mig.MapperSpec], None]) -> None:
    register(mig.MapperSpec(None, "crisp", CrispMapper))


@asynccontextmanager
async def _serve(options: mig.SandboxOptions) -> AsyncIterator[mig.RunningSandbox]:
    """The sandbox, told to mig with settings that fit it: without limits of its own it wants no pace of ours."""
    from mig_crisp.sandbox import spec

    async with spec.serve(options) as running:
        fitting = {} if options.limits else {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        yield msgspec.structs.replace(running, environment={**running.environment, **fitting})


@mig.hookimpl
def mig_sandboxes(register: Callable[[mig.SandboxSpec], None]) -> None:
    register(mig.SandboxSpec("crisp", _serve))
