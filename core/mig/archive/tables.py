"""Tables as CSV, which a spreadsheet shows and never computes."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Protocol

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EMAIL = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)
_NUMBER = frozenset("0123456789 ()/.-")


class Sheet(Protocol):
    """Takes text."""

    def write(self, text: str, /) -> object:
        """Take it."""
        ...


class Table:
    """A table that is written row by row.

    Args:
        sheet: Where to.
        columns: Its first row.
        phones: Columns in which a number may begin with `+`: a program reads them, and `+49 30 1` computes nothing.
        emails: Columns in which an e-mail address may, likewise.
    """

    def __init__(
        self, sheet: Sheet, columns: Sequence[str], *, phones: Sequence[str] = (), emails: Sequence[str] = ()
    ) -> None:
        self._writer = csv.writer(sheet, lineterminator="\n")
        self._phones = {columns.index(name) for name in phones}
        self._emails = {columns.index(name) for name in emails}
        self._writer.writerow(columns)

    def add(self, row: Sequence[object]) -> None:
        """One more row."""
        self._writer.writerow(
            cell(value, phone=number in self._phones, email=number in self._emails) for number, value in enumerate(row)
        )


def cell(value: object, *, phone: bool = False, email: bool = False) -> str:
    """A value as a cell that is no formula; NUL, which no CSV can hold, and halves of letters are replaced."""
    text = "" if value is None else str(value)
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    harmless = (phone and text[:1] == "+" and set(text[1:]) <= _NUMBER) or (email and _EMAIL.fullmatch(text))
    if text.startswith(_FORMULA) and not harmless:
        return f"'{text}"
    return text
