"""Neutral records survive the journal, digests do not depend on chance, times are exact."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig.model import DERIVED, TYPES, Contact, Conversation, Message, Ref, content_digest
from mig.testing import strategies as desk


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_record_comes_back_from_its_bytes_as_it_was(kind: mig.Kind) -> None:
    @settings(max_examples=25)
    @given(desk.records(TYPES[kind]))
    def holds(record: mig.Record) -> None:
        again = mig.decode(mig.encode(record), type(record))
        assert again == record
        assert mig.encode(again) == mig.encode(record)

    holds()


@given(desk.customs(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_neither_bytes_nor_digest(custom: dict[str, Any], chance: Any) -> None:
    items = list(custom.items())
    chance.shuffle(items)
    one = Contact(ref=Ref(mig.CONTACT, "1"), custom=custom, extra={"a": custom})
    other = Contact(ref=Ref(mig.CONTACT, "1"), custom=dict(items), extra={"a": dict(items)})
    assert mig.encode(one) == mig.encode(other)
    assert mig.digest(one) == mig.digest(other)


@given(desk.records(Message), desk.texts())
def test_another_text_is_another_digest(message: Message, text: str) -> None:
    other = msgspec.structs.replace(message, text=message.text + "." + text)
    assert mig.digest(message) != mig.digest(other)


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_parts_of_a_digest_do_not_run_together(one: list[bytes], other: list[bytes]) -> None:
    assert (mig.digest(*one) == mig.digest(*other)) == (one == other)


_SCRIPT = """
import mig
contact = mig.Contact(ref=mig.Ref(mig.CONTACT, "65f1"), name="Zoe", custom={"b": 1, "a": [True, None, 1.5]})
scope = mig.Scope(kinds=frozenset(["tag", "agent", "note", "message", "queue", "team"]), filters={"b": ("1",), "a": ()})
print(mig.digest(contact), mig.digest(scope))
"""


def test_a_digest_is_the_same_in_every_process() -> None:
    found = set()
    for seed in ("0", "1", "2", "3"):
        command = [sys.executable, "-c", _SCRIPT]
        found.add(subprocess.check_output(command, env={**os.environ, "PYTHONHASHSEED": seed}, text=True))
    assert len(found) == 1
    # Written out: a release that computes another digest sends everything again.
    assert found.pop().split()[0] == "ebf54053da9a612c01ba9b759302fe15c15d205040bb988452553c85f572e36d"


@pytest.mark.parametrize(
    ("when", "ms"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), -1),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1000),
        (datetime(2024, 2, 29, 12, 30, 15, 123_000, tzinfo=UTC), 1_709_209_815_123),
        (
            datetime(2024, 2, 29, 12, 30, 15, 123_000, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            1_709_189_115_123,
        ),
        (datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800_000),
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_milliseconds_are_counted_exactly(when: datetime, ms: int) -> None:
    assert mig.epoch_ms(when) == ms
    assert mig.from_epoch_ms(ms) == when


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
@settings(max_examples=400)
def test_every_millisecond_comes_back(ms: int) -> None:
    assert mig.epoch_ms(mig.from_epoch_ms(ms)) == ms
    assert mig.from_epoch_ms(ms).utcoffset() == timedelta(0)


@given(desk.times(), st.integers(-14 * 60, 14 * 60))
def test_an_offset_changes_no_millisecond(when: datetime, minutes: int) -> None:
    try:
        elsewhere = when.astimezone(timezone(timedelta(minutes=minutes)))
    except OverflowError:  # before the first or after the last day there is
        return
    assert mig.epoch_ms(elsewhere) == mig.epoch_ms(when)


@given(st.sampled_from(sorted(TYPES)), st.text())
def test_a_reference_is_read_as_it_is_written(kind: mig.Kind, name: str) -> None:
    ref = Ref(kind, name)
    assert Ref.parse(str(ref)) == ref


@pytest.mark.parametrize("text", ["", "contact", "contact:1"])
def test_text_without_a_slash_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match="is not KIND/ID"):
        Ref.parse(text)


@given(desk.any_record(), desk.times(), desk.json_values())
def test_what_is_derived_or_only_a_time_of_change_makes_no_record_a_changed_one(
    record: mig.Record, when: datetime, value: Any
) -> None:
    changes: dict[str, Any] = {"changed_at": when, "extra": {**record.extra, "_derived": value}}
    for name in DERIVED.get(type(record), ()):
        changes[name] = 7 if name.endswith("_count") else when
    before = msgspec.structs.replace(record, extra={k: v for k, v in record.extra.items() if k != "_derived"})
    assert content_digest(msgspec.structs.replace(record, **changes)) == content_digest(before)


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (Conversation(ref=Ref(mig.CONVERSATION, "1")), {"title": "x"}),
        (Conversation(ref=Ref(mig.CONVERSATION, "1")), {"status": "done"}),
        (Conversation(ref=Ref(mig.CONVERSATION, "1")), {"extra": {"rev": 2}}),
        (Contact(ref=Ref(mig.CONTACT, "1")), {"custom": {"a": None}}),
        (Contact(ref=Ref(mig.CONTACT, "1")), {"created_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_anything_else_does(record: mig.Record, change: dict[str, Any]) -> None:
    assert content_digest(msgspec.structs.replace(record, **change)) != content_digest(record)
