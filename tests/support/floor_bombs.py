"""Bodies that are small to send and endless to read; made while they are sent, so that no test holds one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

EXPANDED = 10_000_000_000
"""Bytes a bomb becomes."""
_PART = 1_000_000
_ZEROS = bytes(_PART)


def endless(total: int = EXPANDED) -> Iterator[bytes]:
    """Zeros, as they are."""
    for _ in range(total // 50_000):
        yield _ZEROS[:50_000]


def gzip_bomb(total: int = EXPANDED) -> Iterator[bytes]:
    """Zeros packed by gzip, a thousandth of their size."""
    return _packed(total, zlib.MAX_WBITS | 16)


def deflate_bomb(total: int = EXPANDED) -> Iterator[bytes]:
    """Zeros packed as `deflate` should be."""
    return _packed(total, zlib.MAX_WBITS)


def bare_bomb(total: int = EXPANDED) -> Iterator[bytes]:
    """Zeros packed as some servers understand `deflate`: without its header."""
    return _packed(total, -zlib.MAX_WBITS)


def twice_packed(total: int = EXPANDED) -> Iterator[bytes]:
    """A gzip bomb in a gzip: a few kilobytes for all of it."""
    outer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    whole = b"".join(outer.compress(part) for part in gzip_bomb(total)) + outer.flush()
    for start in range(0, len(whole), 4000):
        yield whole[start : start + 4000]


def _packed(total: int, window: int) -> Iterator[bytes]:
    """Every part ends on a byte and refers to nothing before it: packed once, it can be said again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    yield packer.compress(_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    part = packer.compress(_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(total // _PART // 50):
        yield part * 50
