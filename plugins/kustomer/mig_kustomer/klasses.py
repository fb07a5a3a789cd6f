"""Tables the organisation made itself: their names are known only when they were asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

import structlog

from mig import Page, Raw
from mig_kustomer.beside import together
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.client import Client
from mig_kustomer.lists import Lists
from mig_kustomer.names import is_usable
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import Newest, Row

log = structlog.get_logger()


async def klass_names(client: Client) -> list[str]:
    """The names of all klasses, those that are switched off too (docs/api/kustomer.md, section 6).

    Raises:
        Unserved: The key may not read them.
    """
    found: set[str] = set()
    for query in RESOURCES["klasses"].queries:
        async for part in client.parts(RESOURCES["klasses"].path, query):
            names = [Row.of(body).attributes.get("name") for body in part.leaf.rows]
            found.update(name for name in names if is_usable(name))
    return sorted(found)


def klass_path(name: str) -> str:
    """Where the rows of a klass are."""
    return f"{RESOURCES['kobjects'].path}/{quote(name, safe='')}"


class KlassLists(Lists):
    """The lists of all klasses, one after the other: where searching is refused, they show the first of each."""

    async def _routes(self) -> Sequence[tuple[str, Mapping[str, str]]]:
        return [(klass_path(name), {}) for name in await klass_names(self._client)]

    async def pages(
        self, state: State, before: Newest | None, newest: Callable[[], Awaitable[Newest | None]]
    ) -> AsyncIterator[Page]:
        # A klass that was made since the checkpoint moves the others: each list is read from its beginning.
        async for page in super().pages(state.but(query=0, page=1), before, newest):
            yield page


async def klass_rows(client: Client, settings: KustomerSettings, ids: Sequence[str]) -> dict[str, Raw]:
    """Rows of klasses by their ids, which do not say of which klass they are: each klass is asked for each."""
    names, raws = await klass_names(client), dict[str, Raw]()

    async def one(id_: str) -> None:
        for name in names:
            leaf = await client.find(f"{klass_path(name)}/{quote(id_, safe='')}")
            if leaf is not None and leaf.rows:
                raws[id_] = Row.of(leaf.rows[0]).raw("kobjects")
                return

    await together(one, ids, settings.readers)
    return raws


class Definitions:
    """The definitions of the custom attributes of each klass (docs/api/kustomer.md, section 7.16).

    Args:
        client: Who asks.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def pages(self, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """One page for each klass; read whole every time."""
        resource = RESOURCES["kobject_metadata"]
        for name in await klass_names(self._client):
            leaf = await self._client.find(f"{resource.path}/{quote(f'kobject.{name}', safe='')}")
            if leaf is None:
                log.warning("resource.absent", resource="kobject_metadata", id=name)
                continue
            yield Page([Row.of(body).raw("kobject_metadata") for body in leaf.rows], None)
        yield Page((), State("done").write())
