"""A strict local stand-in of the Crisp REST API, written from the API page alone and never from a client of it."""

from contextlib import AbstractAsyncContextManager

import mig
from mig_crisp.sandbox.notices import KINDS
from mig_crisp.sandbox.options import SWITCHES

__all__ = ["KINDS", "SWITCHES", "serve", "spec"]


def serve(options: mig.SandboxOptions) -> AbstractAsyncContextManager[mig.RunningSandbox]:
    """Serve a workspace of the platform on loopback; `control` of what it yields is a `server.Sandbox`."""
    from mig_crisp.sandbox import server  # a run of mig registers the sandbox without loading a web server

    return server.serve(options)


spec = mig.SandboxSpec("crisp", serve)
