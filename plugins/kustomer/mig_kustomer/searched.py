"""Rows of every age that fit a few criteria: search knows the past two years, archive search the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mig_kustomer.catalog import context_of
from mig_kustomer.client import Client
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import START, Course, Row, Walk

Criteria = Sequence[Mapping[str, Any]]


async def searched(
    client: Client, settings: KustomerSettings, name: str, recent: Criteria | None, old: Criteria | None
) -> AsyncIterator[Sequence[Row]]:
    """Walk search, then the archive, where it knows the resource.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        name: Which resource.
        recent: What search is asked; None: nothing.
        old: What archive search is asked, which knows fewer criteria (docs/api/kustomer.md, section 5); None: nothing.

    Raises:
        Unserved: One of the two refuses this key.
        Unreadable: A walk cannot be trusted.
    """
    context = context_of(name)
    for archive, fixed in ((False, recent), (True, old)):
        if fixed is None or (archive and not context.archived):
            continue
        course = Course(context=context, key=context.changed[0], fixed=fixed, archive=archive)
        async for step in Walk(client, settings, course, START).steps():
            yield step.rows
