"""Text and keys as Crisp takes them: cleaned, split in parts, slugged; and back again."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

_MARKDOWN = re.compile(r"([\\`*_~+#>|\[\]])")
_OUTSIDE = re.compile(r"[^a-z0-9-]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PART = re.compile(r"\A\((\d+)/(\d+)\)\n")
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?。！？])\s+"), re.compile(r"\s+"))
MAX_KEY = 64
_LONGEST_NAME = 4 * MAX_KEY
"""Characters of a name that its key is made of: what is longer gets a key with a hash in it."""
_LONGEST = 40
"""Characters of one cluster that are kept together at most."""


def clean(text: str) -> str:
    """Text Crisp can hold: without U+0000, and U+FFFD for half a surrogate pair (docs/api/crisp.md, section 4)."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def escape(text: str) -> str:
    """Text whose Markdown characters mean themselves."""
    return _MARKDOWN.sub(r"\\\1", text)


def units(text: str) -> int:
    """Length as JavaScript counts it: an emoji is two."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def parts(text: str, limit: int) -> list[str]:
    """Text in pieces of at most `limit` units, each but a single one beginning with its number.

    Without their numbers the pieces joined are the text, to the character. They end at a paragraph, line, sentence or
    word where one is near, never inside a character with its marks.
    """
    if units(text) <= limit:
        return [text]
    room = limit - len("(10000/10000)\n")
    pieces = list(_pieces(text, max(room, 16)))
    return [f"({n}/{len(pieces)})\n{piece}" for n, piece in enumerate(pieces, 1)]


def joined(pieces: Sequence[str]) -> str:
    """The opposite of `parts`."""
    if len(pieces) == 1:
        return pieces[0]
    return "".join(_PART.sub("", piece, count=1) for piece in pieces)


def _pieces(text: str, room: int) -> Iterator[str]:
    while units(text[: room + 1]) > room:  # not of all that is left: of a megabyte that takes half a minute
        cut = _cut(text, room)
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def _cut(text: str, room: int) -> int:
    """Where to end a piece: after the last border in its second half, else at a whole character."""
    end = room if text[:room].isascii() else _within(text, room)
    for border in _BORDERS:
        places = [match.end() for match in border.finditer(text, 0, end) if match.end() > end // 2]
        if places and not _belongs(text, places[-1]):
            return places[-1]
    whole = end
    while whole > end - _LONGEST and whole > 1 and _belongs(text, whole):
        whole -= 1
    return whole if not _belongs(text, whole) else end  # nothing but marks: cut where the room ends


def _belongs(text: str, place: int) -> bool:
    """Whether the character at a place is a mark on the one before it, or joined to it."""
    if not 0 < place < len(text):
        return False
    char, before = text[place], text[place - 1]
    if unicodedata.category(char).startswith("M") or char in "\u200d\ufe0e\ufe0f" or before == "\u200d":
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f":
        return True  # a skin tone, a tag
    if not _is_half_flag(char):
        return False
    start = place
    while start > 0 and _is_half_flag(text[start - 1]):
        start -= 1
    return (place - start) % 2 == 1


def _is_half_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _within(text: str, room: int) -> int:
    size = 0
    for index, char in enumerate(text):
        size += 2 if ord(char) > 0xFFFF else 1
        if size > room:
            return max(index, 1)
    return len(text)


def slug(name: str) -> str:
    """A name as a key of conversation or people data (docs/api/crisp.md, section 11); empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", name[:_LONGEST_NAME]).lower()
    return _OUTSIDE.sub("_", plain).strip("_")


def own_slug(name: str) -> str:
    """An attribute's own name as a key: camel case split, and never empty."""
    return slug(_CAMEL.sub("_", name)) or f"attr_{short_hash(name)}"


def hashed(key: str, name: str) -> str:
    """A key made unlike every other by its attribute's own name."""
    return f"{key[:55]}_{short_hash(name)}"


def short_hash(name: str) -> str:
    """8 hex digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
