"""Kustomer: the source, and a sandbox of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

import mig
from mig_kustomer.channels import CHANNELS
from mig_kustomer.settings import KustomerSettings

_KINDS: dict[str, tuple[mig.Kind, type[mig.Record]]] = {
    "tags": (mig.TAG, mig.Tag),
    "users": (mig.AGENT, mig.Agent),
    "teams": (mig.TEAM, mig.Team),
    "queues": (mig.QUEUE, mig.Queue),
    "metadata": (mig.ATTRIBUTE, mig.AttributeDefinition),
    "companies": (mig.COMPANY, mig.Company),
    "customers": (mig.CONTACT, mig.Contact),
    "conversations": (mig.CONVERSATION, mig.Conversation),
    "messages": (mig.MESSAGE, mig.Message),
    "notes": (mig.NOTE, mig.Note),
    "attachments": (mig.ATTACHMENT, mig.Attachment),
}


@asynccontextmanager
async def _open_source(settings: KustomerSettings, access: mig.Access) -> AsyncIterator[mig.Source]:
    from mig_kustomer.source import open_source  # the HTTP client is loaded when a migration is opened

    async with open_source(settings, access) as source:
        yield source


@mig.hookimpl
def mig_sources(register: Callable[[mig.SourceSpec], None]) -> None:
    """Kustomer can be read from."""
    register(
        mig.SourceSpec(
            "kustomer",
            KustomerSettings,
            _open_source,
            kinds=dict(_KINDS.values()),
            resources={resource: kind for resource, (kind, _) in _KINDS.items()},
            channels=CHANNELS,
        )
    )


@asynccontextmanager
async def _serve(options: mig.SandboxOptions) -> AsyncIterator[mig.RunningSandbox]:
    """The sandbox, told to mig with settings that fit it: without limits of its own it wants no pace of ours."""
    from mig_kustomer.sandbox import spec  # its server is loaded when a sandbox is asked for

    async with spec.serve(options) as running:
        free = {"KUSTOMER_REQUESTS_PER_MINUTE": "1000000", "KUSTOMER_SEARCHES_PER_MINUTE": "1000000"}
        fitting = {} if options.limits else free
        yield msgspec.structs.replace(running, environment={**running.environment, **fitting})


@mig.hookimpl
def mig_sandboxes(register: Callable[[mig.SandboxSpec], None]) -> None:
    """A stand-in of Kustomer for trials and tests."""
    register(mig.SandboxSpec("kustomer", _serve))
