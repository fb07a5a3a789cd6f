"""Filters as the platform spells them: model, criterion, operator, query; and pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from mig_crisp.sandbox.answers import Json, invalid
from mig_crisp.sandbox.shapes import Misfit, list_of, obj, one_of, text

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "gte": lambda have, ask: have >= ask,
    "lte": lambda have, ask: have <= ask,
    "gt": lambda have, ask: have > ask,
    "lt": lambda have, ask: have < ask,
}
_T = TypeVar("_T")


def read_filter(query: str, model: str) -> list[Json]:
    """The filter in a query parameter: a JSON array for one model."""
    try:
        filters = msgspec.json.decode(query)
    except msgspec.DecodeError:
        raise invalid("query should be a JSON array of filters") from None
    return check_filter(filters, model)


def check_filter(filters: Any, model: str) -> list[Json]:
    """The same array, once it is sure to be one."""
    shape = list_of(
        obj(
            {
                "model": one_of(model),
                "criterion": text(least=1),
                "operator": one_of("eq", "neq", *_OPERATORS),
                "query": list_of(_plain),
            },
            ["model", "criterion", "operator", "query"],
        )
    )
    try:
        shape(filters, "filter")
    except Misfit as misfit:
        raise invalid(str(misfit)) from None
    checked: list[Json] = filters
    return checked


def matches(subject: Mapping[str, Any], filters: list[Json], operator: str) -> bool:
    """Whether an object passes all filters, or with "or" any of them."""
    results = (_match(subject, one) for one in filters)
    return any(results) if operator == "or" else all(results)


def page_of(things: list[_T], page: int, size: int = 20) -> list[_T]:
    """One page of a list; behind the last it is empty."""
    return things[(page - 1) * size : page * size]


def _plain(value: Any, at: str) -> None:
    if type(value) not in (str, int, float, bool):
        raise Misfit(f"{at} should be string, number or boolean")


def _match(subject: Mapping[str, Any], one: Json) -> bool:
    have = _look(subject, one["criterion"])
    values: list[Any] = [_fold(value) for value in (have if isinstance(have, list) else [have])]
    asked = [_fold(value) for value in one["query"]]
    if one["operator"] in ("eq", "neq"):
        wanted: bool = one["operator"] == "eq"
        return any(value in asked for value in values) == wanted
    compare = _OPERATORS[one["operator"]]
    return any(type(value) is type(ask) and compare(value, ask) for value in values for ask in asked)


def _look(subject: Mapping[str, Any], path: str) -> Any:
    """A value by its dotted path; keys of custom data have no dots."""
    value: Any = subject
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
