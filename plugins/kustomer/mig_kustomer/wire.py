"""JSON as real desks send it: a page split into rows whose bytes are kept, one row read whatever is wrong with it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

_DIGITS = 4000
"""Python converts longer integers only on demand; such a number is kept as its text."""
DEEPEST = 100
"""Levels of a row that are read: no resource has so many, and every reader after this one counts on it."""
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},:]', re.DOTALL)
"""Whole texts, which are passed over, and what stands between values; a quote alone is a text that never ends."""


class Numeral(str):
    """A number no float or int of a usual reader holds, as its text."""

    __slots__ = ()


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

    What is wrong with one row is never the page's fault: a control character, half a surrogate pair, a thousand
    levels or a value that is no JSON stay in the bytes of that row.

    Raises:
        ValueError: It is no JSON object at all, ends too early, or is none of the API's: it has no `data`.
    """
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        there = envelope.data is not UNSET
        rows, included = _verbatim(envelope.data), _verbatim(envelope.included)
        links, meta = _read_raw(envelope.links), _read_raw(envelope.meta)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = _members(body)
        there = "data" in members
        rows, included = _rows(members.get("data", b"null")), _rows(members.get("included", b"null"))
        links, meta = lenient(members.get("links", b"null")), lenient(members.get("meta", b"null"))
    if not there:  # a gateway's "{}" must never be read as the end of a list
        raise ValueError("an answer without data")
    following = links.get("next") if isinstance(links, dict) else None
    return Leaf(
        rows=rows,
        included=included,
        next=following if isinstance(following, str) and following else None,
        meta=meta if isinstance(meta, dict) else {},
    )


def read(body: bytes) -> tuple[Any, bool]:
    """Read one row.

    What lies deeper than `DEEPEST` levels is left out; `is_deep` tells whether there is any.

    Returns:
        The value, and whether it may hold lone surrogates (strings that cannot be written as UTF-8) or a `Numeral`.

    Raises:
        ValueError: It is not JSON, whatever is forgiven.
    """
    if is_deep(body):
        body = _pruned(body)
    try:
        return msgspec.json.decode(body), False
    except (msgspec.DecodeError, UnicodeDecodeError):
        return lenient(body), True


def lenient(body: bytes) -> Any:
    """Read JSON with control characters, lone surrogates, bytes that are no UTF-8, and numbers out of range in it.

    Bytes that are no UTF-8 become lone surrogates, from which they can be had back; numbers no float or int of a
    usual reader holds become a `Numeral`.

    Raises:
        ValueError: It is not JSON all the same.
        RecursionError: It is nested too deep.
    """
    text = body.decode("utf-8", "surrogateescape")
    return json.loads(text, strict=False, parse_float=_float, parse_int=_int, parse_constant=Numeral)


def is_deep(body: bytes) -> bool:
    """Whether something in it lies deeper than `DEEPEST` levels."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    depth = deepest = 0
    for found in _MARKS.finditer(body):
        depth += (found[0] in _OPENING) - (found[0] in _CLOSING)
        deepest = max(deepest, depth)
    return deepest > DEEPEST


def write(value: Any) -> bytes:
    """A value as JSON; lone surrogates as escapes, so that `lenient` reads the same again."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


_OPENING, _CLOSING = (b"[", b"{"), (b"]", b"}")


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else Numeral(text)


def _int(text: str) -> int | str:
    return int(text) if len(text) < _DIGITS else Numeral(text)


def _pruned(body: bytes) -> bytes:
    """The same, where the containers of the deepest level are empty."""
    kept: list[bytes] = []
    depth = start = 0
    for found in _MARKS.finditer(body):
        if found[0] in _OPENING:
            depth += 1
            if depth == DEEPEST:
                kept.append(body[start : found.end()])
        elif found[0] in _CLOSING:
            depth -= 1
            if depth == DEEPEST - 1:
                start = found.start()
    return b"".join(kept) + (body[start:] if depth < DEEPEST else b"")


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


def _members(body: bytes) -> dict[str, bytes]:
    """The members of an object, whatever is in them."""
    if not body.lstrip().startswith(b"{"):
        raise ValueError("the answer is not a JSON object")
    pieces = _pieces(body)
    return {str(lenient(name)): value for name, value in zip(pieces[::2], pieces[1::2], strict=True)}


def _rows(text: bytes) -> list[bytes]:
    """As `_verbatim`, whatever is in the rows."""
    text = text.strip()
    if text.startswith(b"["):
        return _pieces(text)
    return [] if text == b"null" else [text]


def _pieces(text: bytes) -> list[bytes]:
    """What stands between the commas and colons of an array's or object's own level.

    Raises:
        ValueError: It does not end, or something follows its end.
    """
    pieces: list[bytes] = []
    depth = start = 0
    for found in _MARKS.finditer(text):
        mark = found[0]
        if mark == b'"':
            break
        depth += (mark in _OPENING) - (mark in _CLOSING)
        if depth == 0:
            last = text[start : found.start()].strip()
            if text[found.end() :].strip():
                break
            return [*pieces, last] if pieces or last else []
        if depth == 1 and (mark in _OPENING and not start):
            start = found.end()
        elif depth == 1 and mark in (b",", b":"):
            pieces.append(text[start : found.start()].strip())
            start = found.end()
    raise ValueError("the answer ends too early")
