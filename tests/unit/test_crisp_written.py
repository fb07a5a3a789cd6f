"""Revisions on Crisp: what somebody else edited stays, what we no longer want goes, nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig.testing import strategies as desk
from mig_crisp.marks import birth_line, born_from, fingerprint, marker
from mig_crisp.written import digests, merged_data, merged_fields, merged_person, merged_segments

few = st.sampled_from(["a", "b", "c", "d"])
values = st.sampled_from([1, 2, 3])
maps = st.dictionaries(few, values, max_size=4)
lists = st.lists(few, max_size=4, unique=True)


Story = tuple[dict[str, int], dict[str, int], dict[str, int]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """What we wrote over somebody's map, what a person made of it since, and what we want now."""
    theirs, first, by_hand = draw(maps), draw(maps), draw(maps)
    return first, {**theirs, **first, **by_hand}, draw(maps)


# ---- data ------------------------------------------------------------------------------------------------------------


@given(stories())
@settings(max_examples=400)
def test_data_after_a_revision_key_by_key(story: Story) -> None:
    first, now, wanted = story
    written = merged_data(wanted, now, digests({"data": first}))
    for key in "abcd":
        ours, there = key in first, now.get(key)
        by_hand = ours and there != first[key]
        if by_hand:
            assert written.get(key) == there, f"the edit of {key} is lost"
        elif key in wanted:
            assert written.get(key) == wanted[key]
        elif ours:
            assert key not in written, f"{key} is ours, not wanted any more, and still there"
        else:
            assert written.get(key) == there, f"{key} is theirs"


@given(maps, maps)
def test_saying_the_same_data_again_changes_nothing(theirs: dict[str, int], ours: dict[str, int]) -> None:
    once = merged_data(ours, theirs, {})
    assert once == {**theirs, **ours}
    assert merged_data(ours, once, digests({"data": ours})) == once


# ---- segments --------------------------------------------------------------------------------------------------------


@given(lists, lists, lists, lists, lists)
@settings(max_examples=400)
def test_segments_after_a_revision_one_by_one(
    theirs: list[str], first: list[str], added: list[str], removed: list[str], wanted: list[str]
) -> None:
    ours = digests({"segments": first})
    now = [name for name in dict.fromkeys([*theirs, *first, *added]) if name not in removed]
    written = merged_segments(wanted, now, ours)
    assert len(set(written)) == len(written)
    for name in "abcd":
        if name in first and name in removed:
            assert name not in written, f"somebody took {name} off, and it is there again"
        elif name in wanted:
            assert name in written
        elif name in first:
            assert name not in written, f"{name} is ours, not wanted any more, and still there"
        else:
            assert (name in written) == (name in now), f"{name} is theirs"
    kept = [name for name in written if name in now and name not in first]
    assert kept == [name for name in now if name in kept]  # theirs stay in their order


@given(lists, lists)
def test_saying_the_same_segments_again_changes_nothing(theirs: list[str], ours: list[str]) -> None:
    once = merged_segments(ours, theirs, {})
    assert set(once) == {*theirs, *ours}
    assert set(merged_segments(ours, once, digests({"segments": ours}))) == set(once)


# ---- single fields ---------------------------------------------------------------------------------------------------


@given(stories())
@settings(max_examples=400)
def test_fields_after_a_revision_one_by_one(story: Story) -> None:
    first, now, wanted = story
    changes = merged_fields(wanted, now, digests(first))
    assert set(changes) <= set(wanted)
    for name, value in wanted.items():
        if name in first and name in now and now[name] != first[name]:
            assert name not in changes, f"the edit of {name} is lost"
        elif now.get(name) == value:
            assert name not in changes, f"{name} stands there already"
        else:
            assert changes.get(name) == value


def test_what_is_the_same_as_last_time_is_not_said_again_where_somebody_emptied_it() -> None:
    assert merged_fields({"phone": "1"}, {"phone": None}, digests({"phone": "1"})) == {}
    assert merged_fields({"phone": "2"}, {"phone": None}, digests({"phone": "1"})) == {"phone": "2"}


def test_maps_and_lists_are_not_fields() -> None:
    assert merged_fields({"data": {"a": 1}, "segments": ["a"], "nickname": "x"}, {}, {}) == {"nickname": "x"}


# ---- the person block ------------------------------------------------------------------------------------------------


@given(stories())
@settings(max_examples=400)
def test_a_person_after_a_revision_field_by_field(story: Story) -> None:
    first, now, wanted = ({key: f"{value}" for key, value in part.items()} for part in story)
    written = merged_person(wanted, now, digests({"person": first}), adopted=False)
    for key in "abcd":
        there = now.get(key)
        if key in first and key in now and there != first[key]:
            assert written.get(key) == there, f"the edit of {key} is lost"
        elif key in wanted:
            assert written.get(key) == wanted[key]
        elif key in first:
            assert not written.get(key), f"{key} is ours, not wanted any more, and still there"
        else:
            assert written.get(key) == there, f"{key} is theirs"


@given(maps, maps)
def test_of_an_adopted_person_only_what_is_empty_is_filled_in(theirs: dict[str, int], wanted: dict[str, int]) -> None:
    now = {key: f"{value}" for key, value in theirs.items()}
    assert merged_person(wanted, now, {}, adopted=True) == {**wanted, **now}
    assert merged_person(wanted, dict.fromkeys(now, ""), {}, adopted=True) == {**dict.fromkeys(now, ""), **wanted}


# ---- digests of what was written -------------------------------------------------------------------------------------


def test_what_was_written_is_remembered_by_key_by_segment_and_by_field() -> None:
    found = digests({"nickname": "Zoe", "data": {"a": 1}, "segments": ["vip"], "person": {"phone": "1"}})
    assert set(found) == {"nickname", "data.a", "segments.vip", "person.phone"}
    assert found["data.a"] == mig.digest(1)
    assert "Zoe" not in str(found)


@given(st.dictionaries(few, desk.json_values()))
def test_what_was_written_is_remembered_whatever_the_order(fields: dict[str, Any]) -> None:
    assert digests(fields) == digests(dict(reversed(fields.items())))


# ---- marks -----------------------------------------------------------------------------------------------------------


@given(desk.refs(), st.integers(0, 20), desk.refs(), st.integers(0, 20))
def test_every_part_of_every_record_has_a_mark_of_its_own(one: mig.Ref, part: int, other: mig.Ref, its: int) -> None:
    first, second = marker("kustomer:org", one, part), marker("kustomer:org", other, its)
    assert (first == second) == ((one, part) == (other, its))
    assert (fingerprint(first) == fingerprint(second)) == (first == second)


@given(desk.texts())
def test_a_fingerprint_is_a_number_javascript_can_hold(mark: str) -> None:
    assert 1 <= fingerprint(mark) <= 2**52


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    # The first 52 bits of SHA-256("kustomer:org/message/1/1") and one: a lost journal is rebuilt by it.
    assert fingerprint(marker("kustomer:org", mig.Ref(mig.MESSAGE, "1"), 1)) == 2367357200321793


@given(desk.texts(), desk.refs())
def test_a_profile_tells_who_created_it_by_its_last_line(notepad: str, ref: mig.Ref) -> None:
    line = birth_line("kustomer:org", ref)
    assert born_from(f"{notepad}\n\n{line}") == ("kustomer:org", ref)
    assert born_from(f"{notepad}\n\n{line}\n ") == ("kustomer:org", ref)


@pytest.mark.parametrize(
    "notepad",
    [
        "",
        "a colleague's note",
        "[mig kustomer:org contact/1] and more",
        "[mig kustomer:org contact/1]\nwritten below it",
        "[mig kustomer:org contact]",
        "[mig  contact/1]",
        "mig kustomer:org contact/1",
    ],
)
def test_any_other_notepad_is_not_ours(notepad: str) -> None:
    assert born_from(notepad) is None
