"""Puts the signs of emphasis into a line so that CommonMark sees them: beside words, nested, never ambiguous.

Where a sign could not begin or end ("a<b>:c</b>"), the punctuation beside it goes without; where that does not help,
the emphasis is given up, never the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mig_crisp.help_rules import BOLD, CODE, HIGHLIGHT, ITALIC, STRIKE, UNDERLINE
from mig_crisp.help_signs import code_span, escaped, escaped_at_start, is_mark, may_stand

_SIGNS = {BOLD: "**", ITALIC: "*", UNDERLINE: "__", STRIKE: "~~", HIGHLIGHT: "++"}
_ALL = BOLD | ITALIC | UNDERLINE | STRIKE | HIGHLIGHT
_EVERY = _ALL | CODE
_ROUNDS = 12
_BLANKS = re.compile(" {2,}")
_LOST = "{} emphases inside words, where the dialect has none"


@dataclass(slots=True, frozen=True)
class Piece:
    """A part of a line: `text`, `code`, an `atom` (written already) or a `blank`."""

    sort: str
    text: str
    marks: int

    @classmethod
    def blank(cls, text: str, marks: int = 0) -> Piece:
        """Blanks with the marks of their run, or a break if there is one among them."""
        return cls("blank", "\n" if "\n" in text else text, marks)


@dataclass(slots=True)
class _Sign:
    """A sign that opens or closes emphasis at a piece."""

    bit: int
    opens: bool
    at: int

    @property
    def text(self) -> str:
        return _SIGNS[self.bit]


def emphasised(
    pieces: Sequence[Piece], lose: Callable[[str, str], None], *, starts: bool, cell: bool = False
) -> list[str]:
    """Write pieces as lines.

    Args:
        pieces: In order; a blank that is a line end ends a line.
        lose: Told of emphasis that is given up.
        starts: Whether each line begins a line of the body, so that its first sign might be a list or the like.
        cell: Whether it stands in a table.
    """
    lines: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece.text == "\n":
            lines.append([])
        else:
            lines[-1].append(piece)
    written = [_line(line, lose, starts=starts, cell=cell) for line in lines]
    while written and not written[-1]:
        written.pop()
    while written and not written[0]:
        written.pop(0)
    return written


def _line(pieces: list[Piece], lose: Callable[[str, str], None], *, starts: bool, cell: bool) -> str:
    for _ in range(_ROUNDS):
        pieces = _merged(pieces)
        parts = _signed(pieces)
        texts = _texts(pieces, parts, starts=starts, cell=cell)
        mended = _mended(pieces, parts, texts, lose)
        if mended is None:
            return "".join(texts)
        pieces = mended
    pieces = _merged([replace(piece, marks=0) for piece in pieces])
    lose("dropped", _LOST)
    return "".join(_texts(pieces, _signed(pieces), starts=starts, cell=cell))


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Pieces with the same marks in one, blanks between them too; no blanks at the ends."""
    merged: list[list[Piece]] = []
    blank, own = "", _EVERY
    for piece in pieces:
        if piece.sort == "blank":
            blank, own = blank + piece.text, own & piece.marks
            continue
        last = merged[-1] if merged else None
        same = last is not None and piece.sort == last[0].sort != "atom" and piece.marks == last[0].marks
        same = same and (not blank or not (piece.marks | CODE * (piece.sort == "code")) & ~own)
        between = [Piece("blank", _BLANKS.sub(" ", blank), 0)] if blank and merged else []
        if same and last is not None:
            last += [*between, piece]
        else:
            if between and last is not None:
                merged.append([replace(between[0], marks=piece.marks & last[0].marks & own)])
            merged.append([piece])
        blank, own = "", _EVERY
    return [
        group[0] if len(group) == 1 else replace(group[0], text="".join(piece.text for piece in group))
        for group in merged
    ]


def _ends(pieces: list[Piece], bit: int) -> list[int]:
    """For each piece, the first one after it without a mark."""
    ends, end = [0] * len(pieces), len(pieces)
    for at in range(len(pieces) - 1, -1, -1):
        ends[at] = end
        if not pieces[at].marks & bit:
            end = at
    return ends


def _signed(pieces: list[Piece]) -> list[_Sign | int]:
    """The numbers of the pieces, with signs between them; what lasts longest is opened first."""
    used = 0
    for piece in pieces:
        used |= piece.marks
    if not used & _ALL:
        return list(range(len(pieces)))
    ends = {bit: _ends(pieces, bit) for bit in _SIGNS if used & bit}
    parts: list[_Sign | int] = []
    opened: list[int] = []
    for at, piece in enumerate(pieces):
        keep = next((n for n, bit in enumerate(opened) if not piece.marks & bit), len(opened))
        while len(opened) > keep:
            parts.append(_Sign(opened.pop(), False, at - 1))
        blank = piece.sort == "blank"  # no sign can begin before one
        missing = [] if blank else [bit for bit in ends if piece.marks & bit and bit not in opened]
        for bit in sorted(missing, key=lambda bit: -ends[bit][at]):
            opened.append(bit)
            parts.append(_Sign(bit, True, at))
        parts.append(at)
    parts += [_Sign(bit, False, len(pieces) - 1) for bit in reversed(opened)]
    return parts


def _texts(pieces: list[Piece], parts: list[_Sign | int], *, starts: bool, cell: bool) -> list[str]:
    texts: list[str] = []
    for place, part in enumerate(parts):
        if isinstance(part, _Sign):
            texts.append(part.text)
            continue
        piece = pieces[part]
        if piece.sort == "code" and not (cell and "\\|" in piece.text):  # there it could not be told from a border
            texts.append(code_span(piece.text, cell=cell))
        elif piece.sort in ("text", "code"):
            text = escaped(piece.text)
            texts.append(escaped_at_start(text) if starts and not place else text)
        else:
            if texts and piece.text.startswith("[") and texts[-1].endswith("!"):  # no picture, but a link
                texts[-1] = texts[-1][:-1] + r"\!"
            texts.append(piece.text)
    return texts


def _mended(
    pieces: list[Piece], parts: list[_Sign | int], texts: list[str], lose: Callable[[str, str], None]
) -> list[Piece] | None:
    """The pieces with fewer marks where a sign cannot stand; None if all can."""
    mender = _Mender(list(pieces), lose)
    first = 0
    while first < len(parts):
        part = parts[first]
        if not isinstance(part, _Sign):
            first += 1
            continue
        last = first  # signs of one character are one run to CommonMark
        while last + 1 < len(parts) and isinstance(parts[last + 1], _Sign) and texts[last + 1][0] == texts[first][0]:
            last += 1
        before = texts[first - 1][-1] if first else ""
        after = texts[last + 1][0] if last + 1 < len(parts) else ""
        run = [sign for sign in parts[first : last + 1] if isinstance(sign, _Sign)]
        mixed = not run[0].opens and run[-1].opens
        for sign in run:
            around = (before, after) if sign.opens else (after, before)
            if (mixed and sign.opens) or not may_stand(sign.text[0], *around):
                mender.mend(sign, shrink=not mixed)
        first = last + 1
    return mender.result()


class _Mender:
    """Takes marks from pieces."""

    def __init__(self, pieces: list[Piece], lose: Callable[[str, str], None]) -> None:
        self._pieces = pieces
        self._lose = lose
        self._cuts: dict[int, tuple[int, int]] = {}
        self._changed = False

    def mend(self, sign: _Sign, *, shrink: bool) -> None:
        """Let punctuation at this end of the emphasis go without, or give the emphasis up."""
        piece = self._pieces[sign.at]
        if not piece.marks & sign.bit:  # given up before
            return
        self._changed = True
        text = piece.text if sign.opens else piece.text[::-1]
        marks = next((n for n, char in enumerate(text) if not is_mark(char)), len(text)) if piece.sort == "text" else 0
        if shrink and marks == len(text):
            self._pieces[sign.at] = replace(piece, marks=piece.marks & ~sign.bit)
        elif shrink and marks and sign.at not in self._cuts:
            self._cuts[sign.at] = (sign.bit, marks if sign.opens else -marks)
        elif sign.at not in self._cuts:
            self._lose("dropped", _LOST)
            self._give_up(sign)

    def _give_up(self, sign: _Sign) -> None:
        at, step = sign.at, 1 if sign.opens else -1
        while 0 <= at < len(self._pieces) and self._pieces[at].marks & sign.bit:
            self._pieces[at] = replace(self._pieces[at], marks=self._pieces[at].marks & ~sign.bit)
            at += step

    def result(self) -> list[Piece] | None:
        """The pieces, cut where punctuation was parted from words."""
        if not self._changed:
            return None
        result: list[Piece] = []
        for at, piece in enumerate(self._pieces):
            if at not in self._cuts:
                result.append(piece)
                continue
            bit, place = self._cuts[at]
            halves = piece.text[:place], piece.text[place:]
            bare = 0 if place > 0 else 1
            result += [
                replace(piece, text=half, marks=piece.marks & ~(bit if number == bare else 0))
                for number, half in enumerate(halves)
            ]
        return result
