"""A strict local stand-in of the Kustomer REST API: a real HTTP server, written from the API page alone.

It serves a dataset (JSON Lines, one `{"kind", "resource"}` per line) or an organisation it makes up, and refuses
whatever the API page does not promise. What is unknown about the real platform is a switch: see `switches.SWITCHES`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mig


@asynccontextmanager
async def serve(options: mig.SandboxOptions) -> AsyncIterator[mig.RunningSandbox]:
    """Serve an organisation on loopback while the context lasts.

    Raises:
        ValueError: An unknown switch, limit or fault, or a value that makes no sense for it.
    """
    from mig_kustomer.sandbox import server  # the web server is loaded by those who serve only

    async with server.serve(options) as running:
        yield running


spec = mig.SandboxSpec("kustomer", serve)
