"""A Crisp sandbox in a thread of this process: its switches can be changed while it serves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Queue

import msgspec

import mig
from desk_process import Sandbox
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.server import Sandbox as Workspace
from mig_crisp.sandbox.server import serve

UNHURRIED = {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
"""This workspace has no limits, and no command is there to say so."""


@contextmanager
def serving_here(switches: Mapping[str, str]) -> Iterator[tuple[Sandbox, Workspace]]:
    """Serve a workspace in a thread while the context lasts; where it is, and the workspace itself."""
    told: Queue[tuple[mig.RunningSandbox, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def hold() -> None:
        over = asyncio.Event()
        async with serve(mig.SandboxOptions(switches=switches)) as running:
            told.put((running, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    running, loop, over = told.get(timeout=30)
    try:
        yield Sandbox(running.url, {**running.environment, **UNHURRIED}), running.control
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=30)


def set_put_fails(workspace: Workspace, share: float) -> None:
    """From now on this share of uploads is answered 503."""
    storage = workspace._storage  # as in `set_sizes`: its own copy is reached for here alone
    changed: Switches = msgspec.structs.replace(storage._switches, put_fails=share)
    storage._switches = changed


def set_sizes(workspace: Workspace, limit: int) -> None:
    """From now on the bucket takes files of so many bytes, whatever their type."""
    bucket = workspace.desk.bucket
    kinds = ("size_limit", "size_limit_csv", "size_limit_gif", "size_limit_photo")
    # No route changes a switch, and no journey but one wants it: the bucket's own copy is reached for here alone.
    changed: Switches = msgspec.structs.replace(bucket._switches, **dict.fromkeys(kinds, limit))
    bucket._switches = changed
