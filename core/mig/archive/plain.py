"""JSON, fast where it is ordinary, and whatever else a desk holds."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def to_json(value: Any) -> str:
    """JSON on one line; half a letter becomes U+FFFD."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def from_json(text: str | bytes) -> Any:
    """The opposite.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):  # a number of more than 64 bits, half a letter
        return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> None:
    """JSON has no NaN and no Infinity, whatever some programs write."""
    raise ValueError(name)
