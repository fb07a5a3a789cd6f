"""A contact's notepad: blocks of notes, each under a line with its date, author and id, above the mark of birth."""

from __future__ import annotations

import re
from itertools import pairwise

from mig_crisp.marks import born_from

_HEAD = re.compile(r"^(?P<when>\d{4}-\d\d-\d\dT\S+|undated) .* \((?P<id>[^()\s]+)\):$", re.MULTILINE)


def blocks_of(notepad: str) -> list[str]:
    """The notes in it, each with its head."""
    body = _body(notepad)
    return [body[start:end].rstrip() for start, end in _spans(body)]


def with_block(notepad: str, block: str) -> str:
    """The notepad with a note in it once: in the place of its older text, else before the first that is later.

    The mark stays last. One that has the note as it is stays as it is, with what others wrote around it.
    """
    body, mark = _body(notepad), notepad.rstrip()[len(_body(notepad)) :].strip()
    head = _HEAD.match(block)
    spans = [(start, end, _HEAD.match(body[start:end])) for start, end in _spans(body)]
    older = next(((start, end) for start, end, one in spans if one and head and one["id"] == head["id"]), None)
    if older is not None and f"{body[older[0] : older[1]]}\n".startswith(f"{block}\n"):
        return notepad
    later = next((start for start, _, one in spans if one and head and one["when"] > head["when"]), len(body))
    start, end = older or (later, later)
    body = f"{body[:start].rstrip()}\n\n{block}\n\n{body[end:]}"
    return f"{body.strip()}\n\n{mark}".strip()


def block_of(notepad: str, name: str) -> str | None:
    """The note of this id with its head; None: it is not there."""
    for block in blocks_of(notepad):
        head = _HEAD.match(block)
        if head and head["id"] == name:
            return block
    return None


def _spans(body: str) -> list[tuple[int, int]]:
    starts = [match.start() for match in _HEAD.finditer(body)]
    return list(pairwise([*starts, len(body)]))


def _body(notepad: str) -> str:
    """Everything but the mark of birth."""
    text = notepad.rstrip()
    return text.rpartition("\n")[0].rstrip() if born_from(text) is not None else text
