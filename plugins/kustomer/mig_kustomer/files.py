"""The bytes of attachments: a fresh signed address just before the download, and no key sent along with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from mig import NOTE, Attachment, Lost, Record, Ref, Unclear, Unreadable
from mig.http import Outside
from mig_kustomer.client import Client, Unserved
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row

_GONE = frozenset((404, 410))
_LATER = frozenset((408, 425, 429))


class Downloads:
    """Opens the files of an organisation (docs/api/kustomer.md, section 7.4).

    Args:
        client: Asks for addresses.
        outside: Follows them.
        settings: Where the API is: a path in an answer lies below it.
    """

    def __init__(self, client: Client, outside: Outside, settings: KustomerSettings) -> None:
        self._client = client
        self._outside = outside
        self._settings = settings

    @asynccontextmanager
    async def open(self, record: Record) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of one attachment.

        Raises:
            Lost: They cannot be had, now or later.
            Unclear: Not this time.
        """
        if not isinstance(record, Attachment):
            raise Lost("it is no file")
        if record.redacted:
            raise Lost("it was redacted at the source")
        for fresh in (False, True):
            async with self._outside.get(await self._address(record.ref, record.parent)) as answer:
                if answer.status == 403 and not fresh:
                    continue  # expired, by a clock that differs from ours
                _check(answer.status)
                yield answer.chunks
                return

    async def _address(self, ref: Ref, parent: Ref | None) -> str:
        """A fresh address: inbound files are served beside their message only, others by id too."""
        own = f"/v1/attachments/{quote(ref.id, safe='')}"
        paths = [own]
        if parent is not None and parent.kind != NOTE:
            paths = [f"/v1/messages/{quote(parent.id, safe='')}/attachments/{quote(ref.id, safe='')}", own]
        for path in paths:
            try:
                leaf = await self._client.find(path)
            except Unserved as error:
                if error.status == 403 or not error.sure:
                    raise Unclear(f"{error.message}. {error.hint}") from error
                raise Lost(f"the source does not serve it (status {error.status})") from error
            except Unreadable as error:
                raise Unclear(error.message) from error
            if leaf is not None and leaf.rows:
                return self._link(Row.of(leaf.rows[0]))
        raise Lost("the source does not have it any more (404)")

    def _link(self, row: Row) -> str:
        link = row.link("related")
        if row.attributes.get("redacted") is True:
            raise Lost("it was redacted at the source")
        if not link:
            raise Lost("the source keeps its name only, without an address (metadata only)")
        if link.startswith("/") and not link.startswith("//"):
            scheme, _, rest = self._settings.url.partition("://")
            return f"{scheme}://{rest.partition('/')[0]}{link}"
        return link


def _check(status: int) -> None:
    if status == 200:
        return
    if status in _GONE:
        raise Lost(f"its bytes are gone at the source ({status})")
    if status >= 500 or status in _LATER:
        raise Unclear(f"its store answered {status}")
    raise Lost(f"its store refuses it ({status})")
