"""How a command ends that a signal stops: what it has done stands, and the same command goes on from there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it the first signal cancels the task that entered it, and the process exits with 130 or 143; the second
    ends the process at once."""
    task = asyncio.current_task()
    assert task is not None
    caught: list[int] = []

    def on_signal(number: int) -> None:
        if caught:
            os._exit(_CODES[signal.Signals(number)])
        caught.append(number)
        click.echo("mig: stopping; the same command goes on from here", err=True)
        task.cancel()

    for number in _CODES:
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    try:
        yield
    except asyncio.CancelledError:
        if not caught:
            raise
        sys.exit(_CODES[signal.Signals(caught[0])])
