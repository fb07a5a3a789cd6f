"""After `mig run --canary`: where the conversations stand, a wait, and what to look for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mig.engine.run import Report

LOOK_FOR = (
    "no mail at {address}: not now, and not an hour after the last message (transcripts come late)",
    "no mail to an operator about unread messages (it would come three minutes after the last one)",
    "no bot, workflow or AI agent has answered in any of them",
    "messages in order, each with its own old date, side and author; notes private; files open",
    "state, assignment, segments and data of the conversations, and the profile they are bound to",
)


def watch_canary(report: Report, work: Any, seconds: float) -> None:
    """List what was moved, wait, and say what to look for.

    Args:
        report: How the canary's run ended.
        work: The run.
        seconds: How long the target is given to do what it should not.
    """
    address = work.target_spec.address
    click.echo("\nThe canary:")
    for unit, name in report.places:
        click.echo(f"  {unit}: {address(work.target_settings, name) if address else name}")
    if seconds > 0:
        click.echo(f"\nWaiting {seconds:.0f} s, so that whatever is sent by itself is sent (Ctrl-C ends the wait)...")
        try:
            time.sleep(seconds)
        except KeyboardInterrupt:
            click.echo("")
    click.echo("\nNow look for:")
    for line in LOOK_FOR:
        click.echo(f"  - {line.format(address='the address you gave')}")
    click.echo("\nThen `mig rollback --canary` removes exactly these again, and `mig run` moves the rest.")
