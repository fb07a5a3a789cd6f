"""The object store: signed addresses that live ten minutes, and bytes that are the same for the same id every time."""

from __future__ import annotations

import hmac
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import web

from mig_kustomer.sandbox.clock import OrganisationClock
from mig_kustomer.sandbox.rows import Json, Row, decode, encode
from mig_kustomer.sandbox.store import Store

#: Where the object store lives on the sandbox's host.
PREFIX = "/_files/"

_LIFE_S = 600
_BLOCK = 65_536


def file_bytes(attachment_id: str, length: int) -> Iterator[bytes]:
    """The content of an attachment, in blocks."""
    for block, start in enumerate(range(0, length, _BLOCK)):
        yield random.Random(f"{attachment_id}/{block}").randbytes(min(_BLOCK, length - start))


class ObjectStore:
    """Signs addresses and serves what they name.

    Args:
        dead: Share of attachments whose bytes are gone, always the same ones.
    """

    def __init__(self, store: Store, clock: OrganisationClock, dead: float) -> None:
        self._store = store
        self._clock = clock
        self._dead = dead

    def address(self, base: str, row: Row, resource: Json) -> str:
        """A fresh signed URL, valid for 600 seconds of the organisation's clock."""
        organisation = ((resource.get("relationships") or {}).get("org") or {}).get("data") or {}
        name = quote(str((resource.get("attributes") or {}).get("name") or ""), safe="", errors="replace")
        moment = self._clock.now().strftime("%Y%m%dT%H%M%SZ")
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={moment}&X-Amz-Expires={_LIFE_S}"
            f"&X-Amz-SignedHeaders=host&X-Amz-Signature={_signature(row.id, moment)}"
        )
        return f"{base}{PREFIX}{organisation.get('id', 'org')}/{row.id}-{name}?{query}"

    def with_address(self, base: str, row: Row) -> bytes:
        """An attachment as its own routes show it: with `links.related`, unless it has only metadata."""
        resource = decode(row.body)
        links = resource.setdefault("links", {})
        if resource["attributes"].get("renderMode") != "metadata_only" and "related" not in links:
            links["related"] = self.address(base, row, resource)
        return encode(resource)

    def without_address(self, row: Row) -> bytes:
        """An attachment as `included` shows it: never with `links.related`."""
        if b'"related"' not in row.body:
            return row.body
        resource = decode(row.body)
        (resource.get("links") or {}).pop("related", None)
        return encode(resource)

    def is_dead(self, row: Row, attributes: Json) -> bool:
        """Whether the bytes behind an attachment are gone: removed, never uploaded, or lost by the switch `dead`."""
        if attributes.get("redacted") or attributes.get("uploaded") is False:
            return True
        return zlib.crc32(row.id.encode()) % 10_000 < self._dead * 10_000

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a signed address as an object store does: errors are XML, the key is not welcome."""
        if "Authorization" in request.headers:
            return _xml(400, "InvalidArgument", "Only one auth mechanism allowed")
        attachment_id = request.rel_url.raw_path.split("/")[3].partition("-")[0]
        moment = request.query.get("X-Amz-Date", "")
        if not hmac.compare_digest(request.query.get("X-Amz-Signature", ""), _signature(attachment_id, moment)):
            return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        if self._age_s(moment) > _LIFE_S:
            return _xml(403, "AccessDenied", "Request has expired")
        row = self._store.get("attachments", attachment_id)
        attributes = decode(row.body).get("attributes") or {} if row else {}
        if row is None or self.is_dead(row, attributes):
            return _xml(404, "NoSuchKey", "The specified key does not exist.")
        return await _stream(request, attachment_id, attributes)

    def _age_s(self, moment: str) -> float:
        signed = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return (self._clock.now() - signed).total_seconds()


async def _stream(request: web.Request, attachment_id: str, attributes: Json) -> web.StreamResponse:
    length = max(0, int(attributes.get("contentLength") or 0))
    headers = {"Content-Length": str(length), "Content-Type": _content_type(attributes)}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        for block in file_bytes(attachment_id, length):
            await response.write(block)
    await response.write_eof()
    return response


def _content_type(attributes: Json) -> str:
    told = str(attributes.get("contentType") or "")
    return told if told.isascii() and told.isprintable() and told else "application/octet-stream"


def _signature(attachment_id: str, moment: str) -> str:
    message = f"{attachment_id}\n{moment}".encode()
    return hmac.new(b"kustomer sandbox", message, "sha256").hexdigest()


def _xml(status: int, code: str, message: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
