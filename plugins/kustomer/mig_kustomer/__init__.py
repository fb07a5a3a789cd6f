"""Kustomer: the source, and a sandbox of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

import mig
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.channels import CHANNELS
from mig_kustomer.settings import KustomerSettings

_TYPES: dict[str, type[mig.Record]] = {
    "tags": mig.Tag,
    "users": mig.Agent,
    "teams": mig.Team,
    "queues": mig.Queue,
    "metadata": mig.AttributeDefinition,
    "companies": mig.Company,
    "customers": mig.Contact,
    "conversations": mig.Conversation,
    "messages": mig.Message,
    "notes": mig.Note,
    "attachments": mig.Attachment,
    "kobject_metadata": mig.AttributeDefinition,
    "kobjects": mig.CustomObject,
    "categories": mig.Category,
    "articles": mig.Article,
    "knowledge_bases": mig.KnowledgeBase,
}
"""What a row of a resource becomes; all others become a Config."""
_WITHIN: dict[mig.Kind, type[mig.Record]] = {
    mig.RATING: mig.Rating,
    mig.MEDIA: mig.Attachment,
    mig.HELP_ADDRESS: mig.HelpAddress,
}
"""What stands in rows of other kinds."""


@asynccontextmanager
async def _open_source(settings: KustomerSettings, access: mig.Access) -> AsyncIterator[mig.Source]:
    from mig_kustomer.source import open_source  # the HTTP client is loaded when a migration is opened

    async with open_source(settings, access) as source:
        yield source


def _explain(record: mig.Record, look: mig.Lookup) -> Sequence[str]:
    from mig_kustomer.explain import explain  # only who writes a guide needs its words

    return explain(record, look)


def _options(settings: KustomerSettings, channels: Mapping[str, int]) -> Sequence[str]:
    """What the originals of e-mails cost (docs/api/kustomer.md, section 7.3): a request each."""
    emails = channels.get("email", 0)
    minutes = emails / max(settings.requests_per_minute, 1)
    cost = f"{emails:,} e-mails, one request each, {minutes:,.0f} minutes of the organisation's whole limit"
    if settings.full_email:
        return [f"full_email is on: {cost}, were part of this reading"]
    return [f"full_email is off; on, it would read the original of {cost}"] if emails else []


@mig.hookimpl
def mig_sources(register: Callable[[mig.SourceSpec], None]) -> None:
    """Kustomer can be read from."""
    register(
        mig.SourceSpec(
            "kustomer",
            KustomerSettings,
            _open_source,
            kinds={one.kind: _TYPES.get(name, mig.Config) for name, one in RESOURCES.items()} | _WITHIN,
            resources={name: one.kind for name, one in RESOURCES.items()},
            channels=CHANNELS,
            explain=_explain,
            options=_options,
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
