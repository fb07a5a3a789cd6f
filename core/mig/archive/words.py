"""The words by which a record is found; the page folds what is typed in the same way (`page/page.js`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

_RUN = re.compile(r"[^\W_]+")
_PHONE = re.compile(r"[+\d][\d\s()./-]{5,}")
_LONGEST, _LONGEST_WHOLE = 40, 80
"""Characters of a word, and of what holds punctuation and is kept whole: longer ones are cut, typed ones too."""
_TEXT = 2_000
"""Characters of one field that are looked at."""
_SHORT = 100
"""Characters of a custom value that is still something to search by."""
_MOST = 200
"""Custom values of one record."""
_NAMES = frozenset(
    [
        "name",
        "first_name",
        "last_name",
        "title",
        "subject",
        "external_id",
        "company_name",
        "label",
        "slug",
        "description",
        "email",
        "klass",
        "queue",
    ]
)
_LISTS = frozenset(["emails", "phones", "handles", "urls", "external_ids", "domains", "keywords", "addresses"])
_VALUES = frozenset(("custom", "data", "fields"))


def folded(text: str) -> str:
    """Lower case, without marks: what looks alike to somebody in a hurry is the same."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text).lower()
    bare = "".join(one for one in parts if unicodedata.category(one)[0] != "M")
    return bare.replace("ß", "ss").replace("ς", "σ")


def words(text: str) -> Iterator[str]:
    """The words of a text, and whole what holds punctuation: an address, an order's number, an id."""
    for whole in folded(text[:_TEXT]).split():
        runs = _RUN.findall(whole)
        for run in runs:
            yield run[:_LONGEST]
        inner = whole[whole.find(runs[0]) : whole.rfind(runs[-1]) + len(runs[-1])] if runs else ""
        if len(inner) > len(runs[0] if runs else ""):
            yield inner[:_LONGEST_WHOLE]
    for phone in _PHONE.findall(text[:_TEXT]):
        digits = "".join(one for one in phone if one.isdigit())
        if digits:
            yield digits[:_LONGEST]


def words_of(name: str, record: Mapping[str, Any]) -> set[str]:
    """Every word that leads to a record: its id, names, addresses, numbers, titles, and short values of its own.

    Args:
        name: Its id.
        record: As JSON. What messages and notes say is not among them.
    """
    return {word for text in (name, *_texts(record)) for word in words(text)}


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    for key, value in record.items():
        if key in _NAMES:
            yield from _plain(value)
        elif key in _LISTS and isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    for inner in ("value", "name", "id"):
                        yield from _plain(one.get(inner))
                else:
                    yield from _plain(one)
        elif key in _VALUES:
            left = [value]
            for _ in range(_MOST):
                if not left:
                    break
                one = left.pop()
                if isinstance(one, dict):
                    left += one.values()
                elif isinstance(one, list):
                    left += one
                elif len(str(one)) <= _SHORT and not isinstance(one, bool):
                    yield from _plain(one)


def _plain(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def units(text: str) -> str:
    """A text as the page compares it: by 16-bit units, so that what lies beyond U+FFFF stands as two halves."""
    if all(one <= "\uffff" for one in text):
        return text
    whole = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(whole[at] | whole[at + 1] << 8) for at in range(0, len(whole), 2))


def written(text: str) -> str:
    """The opposite of `units`; half a letter becomes U+FFFD."""
    if all(not "\ud800" <= one <= "\udfff" for one in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
