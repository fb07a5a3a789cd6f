"""Checks of JSON bodies and queries, declared as values: what a platform that validates by JSON schema would refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Check = Callable[[Any, str], None]
"""Takes a value and where it stands ("data.person.nickname"); raises `Misfit`."""
Read = Callable[[str, str], Any]
"""Takes the text of a query parameter and its name; returns its value or raises `Misfit`."""


class Misfit(Exception):
    """A value is not what its place asks for."""


def text(*, least: int = 0, most: int | None = None, blank: bool = True, pattern: str | None = None) -> Check:
    """A string of some length; `blank=False` refuses one of white space only, `pattern` must match it whole."""
    regex = re.compile(pattern) if pattern is not None else None

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str):
            raise Misfit(f"{at} should be string")
        if len(value) < least:
            raise Misfit(f"{at} should NOT be shorter than {least} characters")
        if most is not None and len(value) > most:
            raise Misfit(f"{at} should NOT be longer than {most} characters")
        if not blank and not value.strip():
            raise Misfit(f"{at} should NOT be empty")
        if regex is not None and regex.fullmatch(value) is None:
            raise Misfit(f'{at} should match pattern "{regex.pattern}"')

    return check


def integer(least: int, most: int) -> Check:
    """A whole number inside its bounds; true and 1.0 are none."""

    def check(value: Any, at: str) -> None:
        if type(value) is not int:
            raise Misfit(f"{at} should be integer")
        if not least <= value <= most:
            raise Misfit(f"{at} should be >= {least} and <= {most}")

    return check


def number(value: Any, at: str) -> None:
    """Any number; a boolean is none."""
    if type(value) not in (int, float):
        raise Misfit(f"{at} should be number")


def boolean(value: Any, at: str) -> None:
    """True or false."""
    if value is not True and value is not False:
        raise Misfit(f"{at} should be boolean")


def one_of(*words: str) -> Check:
    """One of the words of an enumeration."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise Misfit(f"{at} should be equal to one of the allowed values: {', '.join(words)}")

    return check


def list_of(item: Check) -> Check:
    """A list whose items all pass."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, list):
            raise Misfit(f"{at} should be array")
        for place, one in enumerate(value):
            item(one, f"{at}[{place}]")

    return check


def obj(properties: Mapping[str, Check], required: Iterable[str] = ()) -> Check:
    """An object with these properties and no others."""
    needed = tuple(required)

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise Misfit(f"{at} should be object")
        for name in needed:
            if name not in value:
                raise Misfit(f"{at} should have required property '.{name}'")
        for name, one in value.items():
            inner = properties.get(name)
            if inner is None:
                raise Misfit(f"{at} should NOT have additional properties: '{name}'")
            inner(one, f"{at}.{name}")

    return check


def any_object(value: Any, at: str) -> None:
    """An object of which the API page names no properties."""
    if not isinstance(value, dict):
        raise Misfit(f"{at} should be object")


def nullable(inner: Check) -> Check:
    """Null, or what passes."""

    def check(value: Any, at: str) -> None:
        if value is not None:
            inner(value, at)

    return check


def flat_map(key: Check, word: Check) -> Check:
    """An object of strings, numbers and booleans: never nested, never null."""

    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise Misfit(f"{at} should be object")
        for name, one in value.items():
            key(name, f"{at} key '{name}'")
            if isinstance(one, str):
                word(one, f"{at}.{name}")
            elif type(one) not in (int, float, bool):
                raise Misfit(f"{at}.{name} should be string, number or boolean")

    return check


def email(value: Any, at: str) -> None:
    """A string with exactly one unquoted @ and something on both sides of it."""
    if not isinstance(value, str):
        raise Misfit(f"{at} should be string")
    quoted, marks = False, []
    for place, letter in enumerate(value):
        if letter == '"':
            quoted = not quoted
        elif letter == "@" and not quoted:
            marks.append(place)
    if len(marks) != 1 or not value[: marks[0]].strip() or not value[marks[0] + 1 :].strip():
        raise Misfit(f'{at} should match format "email"')


# ---- query parameters ----------------------------------------------------------------------------------------------


def word(value: str, at: str) -> str:
    """Any text but none."""
    if not value:
        raise Misfit(f"{at} should NOT be empty")
    return value


def word_of(*words: str) -> Read:
    """One of the words of an enumeration."""
    check = one_of(*words)

    def read(value: str, at: str) -> str:
        check(value, at)
        return value

    return read


def whole(least: int, most: int) -> Read:
    """Decimal digits inside their bounds."""

    def read(value: str, at: str) -> int:
        if not (value.isascii() and value.isdigit()):
            raise Misfit(f"{at} should be integer")
        # int() itself refuses thousands of digits
        if len(value) > 20 or not least <= int(value) <= most:
            raise Misfit(f"{at} should be >= {least} and <= {most}")
        return int(value)

    return read


def flag(value: str, at: str) -> bool:
    """0 or 1."""
    if value not in ("0", "1"):
        raise Misfit(f"{at} should be 0 or 1")
    return value == "1"


def date(value: str, at: str) -> int:
    """An ISO 8601 date or time, as milliseconds; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))  # an unescaped + of an offset arrives as a space
    except ValueError:
        raise Misfit(f'{at} should match format "date-time"') from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def read_query(given: Iterable[tuple[str, str]], allowed: Mapping[str, Read]) -> dict[str, Any]:
    """The values of a query string; an unknown or repeated name is refused."""
    values: dict[str, Any] = {}
    for name, value in given:
        if name not in allowed:
            raise Misfit(f"query should NOT have additional properties: '{name}'")
        if name in values:
            raise Misfit(f"query.{name} should be given once")
        values[name] = allowed[name](value, f"query.{name}")
    return values
