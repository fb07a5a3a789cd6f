"""What one `{operator: value}` of a search means, per class of attribute."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from mig_kustomer.sandbox.answers import bad
from mig_kustomer.sandbox.attributes import Attribute, Type
from mig_kustomer.sandbox.clock import to_ms

#: Says of an attribute's value whether the criterion holds.
Test = Callable[[Any], bool]

_OPERATORS: dict[Type, frozenset[str]] = {
    Type.STRING: frozenset(("equals", "contains", "in", "not_set")),
    Type.TEXT: frozenset(("equals", "contains", "not_set")),
    Type.ANY: frozenset(("equals", "contains")),
    Type.EXACT: frozenset(("equals", "in", "not_set")),
    Type.LIST: frozenset(("equals", "contains", "in", "not_set")),
    Type.NUMBER: frozenset(("equals", "gt", "gte", "lt", "lte", "in", "not_set")),
    Type.BOOLEAN: frozenset(("equals", "not_set")),
    Type.DATETIME: frozenset(("equals", "gt", "gte", "lt", "lte", "not_set")),
}

#: Names the page only infers, as the negation of a known one (switch `inferred_operators`).
_NEGATIONS = {"not_equals": "equals", "not_contains": "contains", "not_in": "in", "is_set": "not_set"}

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WORD = re.compile(r"\w+")


def make_test(key: str, attribute: Attribute, operator: str, value: object, zone: tzinfo, *, inferred: bool) -> Test:
    """The test a criterion stands for.

    Raises:
        Refusal: 400: the attribute's class has no such operator, or the value is none it can have.
    """
    if operator in _NEGATIONS and inferred:
        positive = make_test(key, attribute, _NEGATIONS[operator], value, zone, inferred=False)
        return lambda found: not positive(found)
    if operator not in _OPERATORS[attribute.type]:
        raise bad(f"{key} has no operator {operator}.", pointer=f"/{key}/{operator}")
    if operator == "not_set":
        if value != "":
            raise bad(f"{key}: the value of not_set is an empty string.", pointer=f"/{key}/{operator}")
        return lambda found: found is None or found == []
    values = value if operator == "in" else [value]
    if not isinstance(values, list):
        raise bad(f"{key}: the value of in is an array.", pointer=f"/{key}/{operator}")
    if attribute.type is Type.DATETIME:
        return _time_test(key, operator, values[0], zone)
    for one in values:
        _check(key, attribute, one)
    if attribute.type is Type.NUMBER:
        return _number_test(operator, values)
    if attribute.type is Type.BOOLEAN:
        return lambda found: found == values[0]
    return _text_test(attribute.type, operator, [str(one) for one in values])


def bounds(operator: str, value: object, zone: tzinfo, key: str) -> tuple[int | None, int | None]:
    """A date criterion as the half-open range of milliseconds it allows."""
    start, end = _span(key, value, zone)
    low = {"equals": start, "gte": start, "gt": end}.get(operator)
    high = {"equals": end, "lt": start, "lte": end}.get(operator)
    return low, high


def _time_test(key: str, operator: str, value: object, zone: tzinfo) -> Test:
    low, high = bounds(operator, value, zone, key)

    def holds(found: Any) -> bool:
        return found is not None and (low is None or found >= low) and (high is None or found < high)

    return holds


def _span(key: str, value: object, zone: tzinfo) -> tuple[int, int]:
    """First and one past the last millisecond of a date: a local day is 24 hours of its zone, a timestamp is one."""
    if isinstance(value, str):
        try:
            if _DAY.fullmatch(value):
                day = datetime.combine(date.fromisoformat(value), time(), zone)
                return to_ms(day.astimezone(UTC)), to_ms((day + timedelta(days=1)).astimezone(UTC))
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return to_ms(moment), to_ms(moment) + 1
    raise bad(f"{key}: {value!r} is neither YYYY-MM-DD nor a UTC timestamp.", pointer=f"/{key}")


def _check(key: str, attribute: Attribute, value: object) -> None:
    if attribute.enum is not None:
        fits = value in attribute.enum if isinstance(value, str) else False
    elif attribute.type is Type.NUMBER:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif attribute.type is Type.BOOLEAN:
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str)
    if not fits:
        raise bad(f"{key}: {value!r} is no value it can have.", pointer=f"/{key}")


def _number_test(operator: str, values: list[Any]) -> Test:
    first = values[0] if values else 0
    tests: dict[str, Test] = {
        "equals": lambda found: bool(found == first),
        "in": lambda found: found in values,
        "gt": lambda found: bool(found > first),
        "gte": lambda found: bool(found >= first),
        "lt": lambda found: bool(found < first),
        "lte": lambda found: bool(found <= first),
    }
    test = tests[operator]
    return lambda found: found is not None and test(found)


def _text_test(type_: Type, operator: str, values: list[str]) -> Test:
    if operator == "contains" and type_ is not Type.LIST:
        wanted = [set(_WORD.findall(value.lower())) for value in values]
        return lambda found: any(words <= set(_WORD.findall(" ".join(found or ()).lower())) for words in wanted)
    if type_ in (Type.STRING, Type.TEXT, Type.ANY):
        lowered = {value.lower() for value in values}
        return lambda found: any(one.lower() in lowered for one in found or ())
    exact = set(values)
    return lambda found: not exact.isdisjoint(found or ())
