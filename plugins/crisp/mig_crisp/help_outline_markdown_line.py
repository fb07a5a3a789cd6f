"""A line of Markdown: how far it is read, what it stands in, and the cells of a table's row."""

from __future__ import annotations

import re

_WHITE = re.compile(r"[ \t]*+")
_DELIMITERS = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*+\|?[ \t]*$")
_CELL = re.compile(r"(?:\\.|[^\\|]|\\$)*+")


class Holder:
    """What blocks stand in: a quote, a box, a list or one of its items."""

    __slots__ = ("empty", "mark", "sort", "width")

    def __init__(self, sort: str, mark: str = "", width: int = 0) -> None:
        self.sort = sort  # quote | box | list | item
        self.mark = mark  # what its lines begin with, or what a list's items do
        self.width = width  # columns the lines of an item are moved by
        self.empty = False  # an item whose first line is blank


class Line:
    """A line being read, and how far: a tab that is read in part becomes spaces."""

    __slots__ = ("at", "column", "tail", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.column = 0
        self.tail: tuple[str, int] | None = None  # what the line ends with, and how long that is

    def indent(self, enough: int) -> int:
        """Columns of white space from here, counted until there are enough."""
        column, at, text = self.column, self.at, self.text
        while column - self.column < enough and at < len(text) and text[at] in " \t":
            column += 1 if text[at] == " " else 4 - column % 4
            at += 1
        return column - self.column

    def start(self) -> int:
        """Where the white space from here ends."""
        found = _WHITE.match(self.text, self.at)
        return found.end() if found else self.at

    def rule(self, at: int) -> bool:
        """Whether from here on there is nothing but a rule; looked up, because lists in lists ask for it often."""
        if self.tail is None:
            text = self.text.rstrip(" \t")
            self.tail = (text[-1], len(self.text) - len(text.rstrip(f"{text[-1]} \t")))
        char, size = self.tail
        return char in "*-_" and len(self.text) - at <= size and self.text[at] == char and self.text.count(char, at) > 2

    def move(self, columns: int) -> None:
        """Read so many columns of white space, or as many as there are."""
        while columns > 0 and self.at < len(self.text) and self.text[self.at] in " \t":
            width = 1 if self.text[self.at] == " " else 4 - self.column % 4
            if width > columns:
                self.text = self.text[: self.at] + " " * width + self.text[self.at + 1 :]
                width = 1
            self.at += 1
            self.column += width
            columns -= width

    def skip(self, characters: int) -> None:
        self.at += characters
        self.column += characters

    def rest(self) -> str:
        return self.text[self.at :]

    def blank(self) -> bool:
        return self.start() == len(self.text)


def delimits(text: str) -> bool:
    """Whether a line is what stands under a table's header."""
    return "-" in text and _DELIMITERS.match(text) is not None


def cells(text: str) -> list[str]:
    """A row's cells; a pipe behind a backslash is no border."""
    text = text.strip(" \t")
    at = 1 if text.startswith("|") else 0
    known: list[str] = []
    while at <= len(text):
        found = _CELL.match(text, at)
        assert found is not None
        at = found.end() + 1
        if found.end() == len(text) and not found[0].strip() and known:
            break  # nothing after the last border
        known.append(re.sub(r"\\(.)", lambda pair: "|" if pair[1] == "|" else pair[0], found[0]).strip(" \t"))
    return known
