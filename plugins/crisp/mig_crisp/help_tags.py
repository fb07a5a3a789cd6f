"""Cuts the HTML of a help article into tags and text, as browsers cut it, in one pass and without ever failing.

Not html.parser: it raises on some declarations, needs quadratic time for others, and what it makes of a broken
comment changes from one patch of Python to the next; the same article must give the same text everywhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5
from typing import NamedTuple

from mig_crisp.text import clean

_RAW = frozenset({"script", "style", "title", "iframe", "noembed", "noframes"})
"""Elements whose content is no markup, and shows nothing."""
_TEXT = frozenset({"textarea"})
"""Elements whose content is no markup, and shows as it is."""
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s/>][^\s/>=]*)")
_VALUE = re.compile(r"\s*=\s*")
_BARE = re.compile(r"[^\s>]*")
_UNSHOWN = re.compile("<[!?]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_NUMBER = re.compile(r"&#(?:[0-9]{9,};?|[xX][0-9a-fA-F]{9,};?)")
_ENTITY_IN_VALUE = re.compile(r"&([a-zA-Z][a-zA-Z0-9]{0,31})(;?)(=?)")


class Start(NamedTuple):
    """A start tag."""

    name: str
    attributes: dict[str, str]


class End(NamedTuple):
    """An end tag."""

    name: str


def cut(source: str) -> Iterator[Start | End | str]:
    """The tags and texts of a body in order; comments, declarations, scripts and styles are left out."""
    source = _CONTROLS.sub("", clean(source.replace("\r\n", "\n").replace("\r", "\n")))
    source = source.replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    last = source.rfind(">")  # after it no tag can end, so none begins
    at, text = 0, 0
    while 0 <= (at := source.find("<", at)) < last:
        found, end = _tag(source, at)
        if end < 0:
            at += 1
            continue
        if at > text:
            yield _decoded(source[text:at])
        if found is not None:
            yield found
        at = text = end
        if isinstance(found, Start) and found.name in _RAW:
            at = text = _end_of_raw(source, end, found.name)
        elif isinstance(found, Start) and found.name in _TEXT:
            at = text = _end_of_raw(source, end, found.name)
            yield _decoded(source[end:at])
    # A comment or declaration that nobody closed: a browser shows nothing of what follows.
    rest = _UNSHOWN.split(source[text:], maxsplit=1)[0]
    if rest:
        yield _decoded(rest)


def _tag(source: str, at: int) -> tuple[Start | End | None, int]:
    """What begins at a "<" and where it ends; -1: the sign means itself."""
    following = source[at + 1 : at + 2]
    if source.startswith("<!--", at):
        if source.startswith((">", "->"), at + 4):
            return None, source.index(">", at) + 1
        end = source.find("-->", at + 4)
        return None, end + 3 if end >= 0 else len(source)  # a browser shows nothing of what follows, either
    if following in ("!", "?"):
        return None, source.index(">", at) + 1
    closing = following == "/"
    name = _NAME.match(source, at + 1 + closing)
    if name is None:
        return (None, source.index(">", at) + 1) if closing else (None, -1)
    attributes, end = _attributes(source, name.end())
    lower = name[0].lower()
    return (End(lower) if closing else Start(lower, attributes)), end


def _attributes(source: str, at: int) -> tuple[dict[str, str], int]:
    attributes: dict[str, str] = {}
    while (found := _ATTRIBUTE.match(source, at)) is not None:
        at, value = found.end(), ""
        equals = _VALUE.match(source, at)
        if equals is not None:
            value, at = _value(source, equals.end())
        attributes.setdefault(found[1].lower(), value)
    end = source.find(">", at)
    return attributes, end + 1 if end >= 0 else len(source)


def _value(source: str, at: int) -> tuple[str, int]:
    quote = source[at : at + 1]
    if quote in ('"', "'"):
        end = source.find(quote, at + 1)
        if end >= 0:
            return _decoded_value(source[at + 1 : end]), end + 1
        at += 1  # nobody closed it: a bare value loses less than the rest of the article
    bare = _BARE.match(source, at)
    assert bare is not None  # it may be empty
    return _decoded_value(bare[0]), bare.end()


def _end_of_raw(source: str, at: int, name: str) -> int:
    end = re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE).search(source, at)
    return end.start() if end is not None else len(source)


def _decoded(text: str) -> str:
    if "&" not in text:
        return text
    return _CONTROLS.sub("", clean(html.unescape(_NUMBER.sub("\ufffd", text)))).replace("\r", "\n")


def _decoded_value(value: str) -> str:
    """An attribute's value; "&copy=1" in an address is no copyright sign."""
    if "&" not in value:
        return value
    return _decoded(_ENTITY_IN_VALUE.sub(_kept, value))


def _kept(entity: re.Match[str]) -> str:
    name, semicolon, equals = entity.groups()
    if (f"{name};" in html5) if semicolon else (not equals and name in html5):
        return entity[0]
    return f"&amp;{name}{semicolon}{equals}"
