"""The bytes of attachments: a fresh signed address just before the download, and no key sent along with it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from mig import MEDIA, NOTE, Attachment, Lost, Record, Ref, Unclear, Unreadable
from mig.http import Outside, Unreachable, origin_of
from mig_kustomer.client import Client, Unserved
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row

_GONE = frozenset((404, 410))
_LATER = frozenset((408, 425, 429))
_BLOCK = 65_536
_HOST = re.compile(r"[a-zA-Z0-9.-]+(?::\d+)?")


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
        self._own = {origin_of(one) for one in (settings.url, *settings.file_origins)}
        self._domains: dict[str, str] = {}
        """Knowledge bases asked for, and where each answers; empty: it does not say."""

    @asynccontextmanager
    async def open(self, record: Record) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of one attachment.

        Raises:
            Lost: They cannot be had, now or later.
            Unclear: Not this time.
        """
        if not isinstance(record, Attachment):
            raise Lost("it is no file")
        if record.ref.kind == MEDIA:
            async with self._media(record) as chunks:
                yield chunks
            return
        if record.redacted:
            raise Lost("it was redacted at the source")
        for fresh in (False, True):
            async with self._outside.get(await self._address(record.ref, record.parent)) as answer:
                if answer.status == 403 and not fresh:
                    continue  # expired, by a clock that differs from ours
                _check(answer.status)
                yield answer.chunks
                return

    @asynccontextmanager
    async def _media(self, record: Attachment) -> AsyncIterator[AsyncIterator[bytes]]:
        """What an article shows: written out in its body, kept as media, or somewhere on the web."""
        if record.url[:5].lower() == "data:":
            yield _blocks(_written_out(record.url))
            return
        url = await self._media_address(record)
        is_own = bool(url)
        url = url or await self._absolute(record)
        if not is_own and self._settings.foreign_media == "keep" and origin_of(url) not in self._own:
            raise Lost("it lies on another host than the source's (foreign_media): its own address is kept")
        try:
            async with self._outside.get(url) as answer:
                _check(answer.status)
                yield answer.chunks
        except Unreachable as error:
            if is_own:
                raise
            # Somebody's host that is no more must not hold up the run; the picture keeps its address.
            raise Lost("the host it lies on cannot be reached: `--remap` asks again") from error

    async def _media_address(self, record: Attachment) -> str:
        """A fresh address of what the organisation keeps as media (section 7.17); empty: it keeps no such thing."""
        media_id = record.extra.get("media_id")
        if not isinstance(media_id, str) or not media_id:
            return ""
        try:
            leaf = await self._client.find(f"/v1/media/{quote(media_id, safe='')}")
        except Unserved as error:
            if error.status == 403 or not error.sure:
                raise Unclear(f"{error.message}. {error.hint}") from error
            return ""
        except Unreadable as error:
            raise Unclear(error.message) from error
        if leaf is None or not leaf.rows:
            return ""
        row = Row.of(leaf.rows[0])
        told = row.attributes.get("url")
        return self._on_host(row.link("related") or (told if isinstance(told, str) else ""))

    async def _absolute(self, record: Attachment) -> str:
        """The address a body shows a file by; one without a host stands on that of the article's knowledge base."""
        parts = urlsplit(record.url)
        if parts.scheme and parts.netloc:
            return record.url
        if parts.netloc:
            return f"https:{record.url}"
        if parts.path.startswith("/v1/"):
            return self._on_host(record.url)
        named = record.extra.get("bases")
        for base in named if isinstance(named, list) else ():
            if domain := await self._domain(str(base)):
                return urljoin(f"https://{domain}/", record.url)
        raise Lost("its address has no host, and no knowledge base says on which it stands")

    async def _domain(self, base: str) -> str:
        if base not in self._domains:
            try:
                leaf = await self._client.find(f"/v1/kb/knowledge-bases/{quote(base, safe='')}")
            except Unserved as error:
                if error.status == 403 or not error.sure:
                    raise Unclear(f"{error.message}. {error.hint}") from error
                leaf = None
            except Unreadable as error:
                raise Unclear(error.message) from error
            told = Row.of(leaf.rows[0]).attributes.get("domain") if leaf is not None and leaf.rows else None
            self._domains[base] = told if isinstance(told, str) and _HOST.fullmatch(told) else ""
        return self._domains[base]

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
        return self._on_host(link)

    def _on_host(self, link: str) -> str:
        """A path of an answer as an address of the API's host."""
        if link.startswith("/") and not link.startswith("//"):
            scheme, _, rest = self._settings.url.partition("://")
            return f"{scheme}://{rest.partition('/')[0]}{link}"
        return link


def _written_out(url: str) -> bytes:
    """The bytes of a data: address."""
    head, comma, body = url.partition(",")
    if not comma:
        raise Lost("its address is written out, and ends before its bytes")
    plain = unquote_to_bytes(body)
    if not head.rstrip().lower().endswith(";base64"):
        return plain
    packed = b"".join(plain.split()).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as error:
        raise Lost("its address is written out, and its bytes are broken") from error


async def _blocks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _BLOCK):
        yield body[start : start + _BLOCK]


def _check(status: int) -> None:
    if status == 200:
        return
    if status in _GONE:
        raise Lost(f"its bytes are gone at the source ({status})")
    if status >= 500 or status in _LATER:
        raise Unclear(f"its store answered {status}")
    raise Lost(f"its store refuses it ({status})")
