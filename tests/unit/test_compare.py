"""What counts as different: fields by their rule, values by their type, maps key by key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig.compare import same
from mig.testing.strategies import any_record

REF = mig.Ref(mig.CONVERSATION, "c")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fields(one: mig.Record, other: mig.Record, keeps: Any = None, normals: Any = None) -> dict[str, tuple[Any, Any]]:
    found = mig.differences(one, other, keeps or {}, normals or {})
    return {different.field: (different.expected, different.actual) for different in found}


@given(any_record())
def test_a_record_does_not_differ_from_itself(record: mig.Record) -> None:
    again = msgspec.json.decode(mig.encode(record), type=type(record))
    assert mig.differences(record, record, {}, {}) == []
    assert mig.differences(again, again, {}, {}) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "other"}, "title"),
        ({"created_at": AT + timedelta(milliseconds=1)}, "created_at"),
        ({"tags": [mig.Ref(mig.TAG, "a")]}, "tags"),
        ({"custom": {"a": 1, "b": "2"}}, "custom.b"),
        ({"custom": {"a": "1"}}, "custom.a"),
        ({"custom": {"a": True}}, "custom.a"),
        ({"custom": {}}, "custom.a"),
        ({"extra": {"data": {"x": 1, "y": 3}}}, "extra.data.y"),
    ],
)
def test_each_change_is_told_by_its_field(change: dict[str, Any], field: str) -> None:
    record = mig.Conversation(
        ref=REF,
        title="t",
        created_at=AT,
        custom={"a": 1},
        extra={"data": {"x": 1, "y": 2}} if "extra" in change else {},
    )
    assert list(fields(record, msgspec.structs.replace(record, **change))) == [field]


def test_a_time_of_change_is_no_difference() -> None:
    record = mig.Conversation(ref=REF)
    assert fields(record, msgspec.structs.replace(record, changed_at=AT)) == {}


def test_what_is_lost_is_not_compared_and_what_is_normal_is_compared_so() -> None:
    one, other = mig.Conversation(ref=REF, title=" a", language="de"), mig.Conversation(ref=REF, title="a")
    keeps = {
        (mig.CONVERSATION, "language"): mig.Keep("lost"),
        (mig.CONVERSATION, "title"): mig.Keep("normal:stripped"),
    }
    assert set(fields(one, other)) == {"title", "language"}
    assert fields(one, other, keeps, {"stripped": lambda value: str(value).strip()}) == {}


def test_a_record_of_another_type_is_not_compared_further() -> None:
    assert list(fields(mig.Conversation(ref=REF), mig.Note(ref=REF))) == ["kind"]


def test_a_key_that_should_not_be_there_is_told() -> None:
    one = mig.Conversation(ref=REF)
    assert fields(one, msgspec.structs.replace(one, custom={"a": 1})) == {"custom.a": (None, 1)}


@given(st.integers(-(2**53), 2**53))
def test_numbers_are_equal_by_value_and_nothing_else_is(number: int) -> None:
    assert same(number, float(number))
    assert not same(number, str(number))
    assert not same(number, number + 1)
    assert not same(bool(number), int(bool(number)))
    assert same([number, {"a": number}], (number, {"a": number}))
    assert not same([number], [number, number])
    assert not same({"a": number}, {"b": number})
