"""Bodies without end: a download stops at its limit, holds little of them in memory, and leaves nothing on the disk."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import httpx
import pytest

from floor_bombs import bare_bomb, deflate_bomb, endless, gzip_bomb, twice_packed
from floor_files import LIMIT_MB, Body, stored, take

UNTIL_CLOSED = "Connection: close\r\n"
TOO_LARGE = [
    pytest.param(UNTIL_CLOSED, endless, id="without a length"),
    pytest.param("Content-Length: 10000000000\r\n", endless, id="of a length it tells"),
    pytest.param(UNTIL_CLOSED + "Content-Encoding: gzip\r\n", gzip_bomb, id="gzip"),
    pytest.param(UNTIL_CLOSED + "Content-Encoding: X-GZIP\r\n", gzip_bomb, id="x-gzip"),
    pytest.param(UNTIL_CLOSED + "Content-Encoding: deflate\r\n", deflate_bomb, id="deflate"),
    pytest.param(UNTIL_CLOSED + "Content-Encoding: deflate\r\n", bare_bomb, id="bare deflate"),
]


@pytest.mark.parametrize(("head", "body"), TOO_LARGE)
async def test_ten_gigabytes_end_at_the_limit(head: str, body: Body, tmp_path: Path) -> None:
    taken = await take(tmp_path, stored(head, body))
    assert taken.outcome.receipt is not None
    assert f"larger than {LIMIT_MB} MB" in taken.outcome.receipt.declined
    assert taken.data is None
    assert taken.left == []
    assert taken.peak < 2_000_000


@pytest.mark.parametrize("packed", ["gzip, gzip", "gzip,gzip", "deflate, gzip", "br", "zstd", "compress", "nonsense"])
async def test_what_is_packed_otherwise_is_not_unpacked(
    packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where a package that could do it happens to be installed: its memory is nobody's to limit."""

    def unpack(*_: object) -> bytes:
        raise AssertionError("a decoder was asked")

    decoder = type("Decoder", (), {"decode": unpack, "flush": unpack})
    for name in ("br", "zstd"):
        monkeypatch.setitem(httpx._decoders.SUPPORTED_DECODERS, name, decoder)
    taken = await take(tmp_path, stored(f"{UNTIL_CLOSED}Content-Encoding: {packed}\r\n", twice_packed))
    assert taken.outcome.receipt is not None
    assert "packed" in taken.outcome.receipt.declined
    assert taken.left == []
    assert taken.peak < 2_000_000


async def test_a_body_longer_than_it_says_ends_where_it_says(tmp_path: Path) -> None:
    taken = await take(tmp_path, stored("Content-Length: 10\r\n", endless))
    assert taken.data == bytes(10)
    assert taken.left == []
    assert taken.peak < 2_000_000


TEXT = b"a file that is packed, of no particular content " * 3000
HALF = len(TEXT) // 2


def packed(window: int) -> bytes:
    """The text, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return packer.compress(TEXT) + packer.flush()


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:HALF]) + gzip.compress(TEXT[HALF:])),
        ("deflate", packed(zlib.MAX_WBITS)),
        ("deflate", packed(-zlib.MAX_WBITS)),
        ("identity", TEXT),
        ("", TEXT),
    ],
    ids=["gzip", "gzip in two parts", "deflate", "bare deflate", "as it is", "an empty header"],
)
@pytest.mark.parametrize("step", [13, 100_000])
async def test_what_is_packed_though_nobody_asked_arrives_whole(
    how: str, body: bytes, step: int, tmp_path: Path
) -> None:
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    taken = await take(tmp_path, stored(f"{UNTIL_CLOSED}Content-Encoding: {how}\r\n", lambda: pieces))
    assert taken.data == TEXT


@pytest.mark.parametrize(
    "body", [gzip.compress(TEXT)[:-20], gzip.compress(TEXT)[:200], gzip.compress(TEXT) + b"more", b"\x1f\x8bnothing"]
)
async def test_what_is_packed_and_broken_is_no_file(body: bytes, tmp_path: Path) -> None:
    taken = await take(tmp_path, stored(f"{UNTIL_CLOSED}Content-Encoding: gzip\r\n", lambda: [body]))
    assert taken.outcome.state == "later"
    assert "broke off" in taken.outcome.reason
    assert "next run" in taken.outcome.reason
    assert taken.left == []
