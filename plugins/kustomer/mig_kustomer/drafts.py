"""Messages that were begun and not sent: only each customer's own list shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import structlog

from mig import Page, Raw
from mig_kustomer.beside import in_turn
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.client import Client, Unserved
from mig_kustomer.extract import Extraction
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import Row

log = structlog.get_logger()


class Drafts:
    """Asks every customer for drafts, one request each (docs/api/kustomer.md, section 7.5).

    Nothing says that a draft makes its customer a changed one: every run asks all of them.

    Args:
        client: Who asks.
        settings: Page sizes, and how many customers are asked at the same time.
    """

    def __init__(self, client: Client, settings: KustomerSettings) -> None:
        self._client = client
        self._settings = settings

    async def pages(self, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """Pages from the checkpoint on, which is one of the walk through the customers.

        Raises:
            Unserved: The key may not read drafts.
            Unreadable: The customers could not all be found.
        """
        begun = None if State.read(checkpoint).mode == "done" else checkpoint
        async for page in Extraction(self._client, self._settings, "customers", census=True).pages(begun):
            try:
                async for raws in in_turn(self._of, [raw.id for raw in page.rows], self._settings.readers):
                    if raws:
                        yield Page(raws, None)
            except Unserved as error:
                if error.status not in RESOURCES["drafts"].tolerated:
                    raise
                log.warning("resource.unserved", resource="drafts", status=error.status)
                break
            if page.checkpoint is not None and State.read(page.checkpoint).mode != "done":
                yield Page((), page.checkpoint)
        yield Page((), State("done").write())

    async def _of(self, customer: str) -> Sequence[Raw]:
        path = f"/v1/customers/{quote(customer, safe='')}/drafts"
        raws: list[Raw] = []
        async for part in self._client.parts(path, absent=True):
            raws += [Row.of(body).raw("drafts") for body in part.leaf.rows]
        return raws
