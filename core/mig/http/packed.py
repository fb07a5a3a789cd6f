"""Bodies of httpx, unpacked a block at a time: httpx unpacks a chunk whole, and a few bytes can hold gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from mig.errors import Unclear

_BLOCK = 65_536


class PackedOtherwise(Exception):
    """A body is packed in a way nobody asked for; the message names it."""


async def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes of a body, blocks of 64 kB at most; several packed parts in a row are one body.

    Raises:
        PackedOtherwise: By anything but gzip and deflate, or twice.
        Unclear: It is packed, and not to its end.
        zlib.error: It is packed, and broken.
    """
    packed = response.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise PackedOtherwise(packed[:20])
    raw = response.stream
    assert isinstance(raw, httpx.AsyncByteStream), "the client is asynchronous"
    unpack: Any = None
    async for chunk in raw:
        if packed in ("", "identity"):
            yield chunk
            continue
        while chunk:
            unpack = unpack or zlib.decompressobj(_window(chunk))
            yield unpack.decompress(chunk, _BLOCK)
            chunk = unpack.unconsumed_tail
            if unpack.eof:
                unpack, chunk = None, unpack.unused_data
    while unpack is not None and not unpack.eof:
        block = unpack.decompress(b"", _BLOCK)
        if not block:
            raise Unclear("a body broke off (packed, and not to its end)")
        yield block


def _window(first: bytes) -> int:
    """How zlib is told what begins here: gzip, or "deflate" with its header, or bare, as some servers send it."""
    headed = first[0] == 0x1F or first[0] & 0x0F == 8
    return zlib.MAX_WBITS | 32 if headed else -zlib.MAX_WBITS
