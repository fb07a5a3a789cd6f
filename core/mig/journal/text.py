"""Text from a desk as both databases can hold it, compare it and give it back."""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator, TypeEngine

_MARK = "\x02"
_ODD = re.compile("[\x00\x02\ud800-\udfff]")
_WRITTEN = re.compile("\x02([0-9a-f]{4})")
_LONGEST_NAME = 1000
"""Bytes. PostgreSQL refuses to index a value of more than 2,704."""


class Word(TypeDecorator[str]):
    """Text of our own making: compared byte by byte in either database, whatever the language of the server."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        # SQLite compares bytes unless told otherwise; PostgreSQL goes by a dictionary of the server's language.
        return dialect.type_descriptor(String(collation="C") if dialect.name == "postgresql" else String())


class Foreign(Word):
    """Text that may hold whatever a desk holds: ids, names, addresses, reasons.

    PostgreSQL has no place for U+0000 in a text, and neither database one for half an emoji. What cannot be held is
    written as U+0002 and four hexadecimal digits, and read back as it was. The marks of our own in these columns
    (a line's end, U+0001, "/", ".", ":") are left as they are, so that statements can put texts together and apart.
    """

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else to_stored(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else from_stored(value)


def to_stored(text: str) -> str:
    """A text as it is kept."""
    if "\0" not in text and _MARK not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _ODD.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def from_stored(text: str) -> str:
    """The opposite of `to_stored`."""
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text) if _MARK in text else text


def short_name(text: str) -> str:
    """A name that is compared and never shown: one line, and short enough for an index. Equal ones stay equal."""
    if len(text) <= _LONGEST_NAME // 4 and "\n" not in text:
        return text
    whole = text.encode("utf-8", "surrogatepass")
    if len(whole) <= _LONGEST_NAME and "\n" not in text:
        return text
    return f"{text[:60]}~{hashlib.sha256(whole).hexdigest()}".replace("\n", " ")
