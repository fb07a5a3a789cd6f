"""JSON as real desks send it: a page split into rows whose bytes are kept, one row read whatever is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

_DIGITS = 4000
"""Python converts longer integers only on demand; such a number is kept as its text."""


class Leaf(Struct, frozen=True):
    """One page of an answer: its rows as bytes, the rest read."""

    rows: Sequence[bytes]
    included: Sequence[bytes] = ()
    next: str | None = None
    """The path of the next page; None: there is none."""
    meta: Mapping[str, Any] = field(default_factory=dict)


class _Envelope(Struct):
    """The four members of an answer, not yet looked into."""

    data: msgspec.Raw | UnsetType = UNSET
    included: msgspec.Raw | UnsetType = UNSET
    links: msgspec.Raw | UnsetType = UNSET
    meta: msgspec.Raw | UnsetType = UNSET


def split(body: bytes) -> Leaf:
    """Split an answer into rows, byte by byte as they came.

    A control character or half a surrogate pair anywhere in it costs the verbatim bytes (every row is written anew,
    with the same values), never the page.

    Raises:
        ValueError: It is no JSON object at all, whatever is forgiven.
    """
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        rows, included = _verbatim(envelope.data), _verbatim(envelope.included)
        links, meta = _read_raw(envelope.links), _read_raw(envelope.meta)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = lenient(body)
        if not isinstance(document, dict):
            raise ValueError("the answer is not a JSON object") from None
        rows, included = _again(document.get("data")), _again(document.get("included"))
        links, meta = document.get("links"), document.get("meta")
    following = links.get("next") if isinstance(links, dict) else None
    return Leaf(
        rows=rows,
        included=included,
        next=following if isinstance(following, str) and following else None,
        meta=meta if isinstance(meta, dict) else {},
    )


def read(body: bytes) -> tuple[Any, bool]:
    """Read one row.

    Returns:
        The value, and whether it may hold lone surrogates (strings that cannot be written as UTF-8).

    Raises:
        ValueError: It is not JSON, whatever is forgiven.
        RecursionError: It is nested deeper than any resource.
    """
    try:
        return msgspec.json.decode(body), False
    except (msgspec.DecodeError, UnicodeDecodeError):
        return lenient(body), True


def lenient(body: bytes) -> Any:
    """Read JSON with control characters, lone surrogates, bytes that are no UTF-8, and numbers out of range in it.

    Bytes that are no UTF-8 become lone surrogates, from which they can be had back; numbers no float or int of a
    usual reader holds become their text.

    Raises:
        ValueError: It is not JSON all the same.
    """
    return json.loads(
        body.decode("utf-8", "surrogateescape"), strict=False, parse_float=_float, parse_int=_int, parse_constant=str
    )


def write(value: Any) -> bytes:
    """A value as JSON; lone surrogates as escapes, so that `lenient` reads the same again."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) < _DIGITS else text


def _verbatim(raw: msgspec.Raw | UnsetType) -> list[bytes]:
    """The members of an array, or the one value that stands where an array belongs (`included` of an SLA)."""
    if isinstance(raw, UnsetType):
        return []
    text = bytes(raw)
    if text.startswith(b"["):
        return [bytes(row) for row in msgspec.json.decode(text, type=list[msgspec.Raw])]
    return [] if text == b"null" else [text]


def _read_raw(raw: msgspec.Raw | UnsetType) -> Any:
    return None if isinstance(raw, UnsetType) else msgspec.json.decode(raw)


def _again(value: Any) -> list[bytes]:
    if isinstance(value, list):
        return [write(row) for row in value]
    return [] if value is None else [write(value)]
