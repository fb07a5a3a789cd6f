"""A dataset file: JSON Lines, gzipped or not, one `{"kind", "resource"}` per line."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mig_kustomer.sandbox.rows import Json, Row, decode, encode


class _Line(msgspec.Struct):
    kind: str
    resource: msgspec.Raw


def read_dataset(path: Path) -> Iterator[tuple[str, Json, bytes | None]]:
    """The kind, the resource and its JSON, line by line.

    Raises:
        ValueError: A line is none of ours; the message says which.
    """
    decoder = msgspec.json.Decoder(_Line)
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                read = decoder.decode(line)
                yield read.kind, decode(bytes(read.resource)), bytes(read.resource)
            except msgspec.DecodeError:
                yield _read_slowly(path, number, line)


def _read_slowly(path: Path, number: int, line: bytes) -> tuple[str, Json, None]:
    """A line msgspec refuses: it may hold half an emoji, which the standard library reads."""
    try:
        held = decode(line)
        return str(held["kind"]), held["resource"], None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path.name}, line {number}: not a {{"kind", "resource"}} object') from error


def write_dataset(rows: Iterable[Row]) -> Iterator[bytes]:
    """The lines of a dataset that holds these rows."""
    for row in rows:
        yield b'{"kind":' + encode(row.kind) + b',"resource":' + row.body + b"}\n"
