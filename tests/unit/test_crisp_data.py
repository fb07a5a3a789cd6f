"""Custom attributes as flat data: keys never collide, values are what Crisp takes, nothing is lost silently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mig
from mig.testing import strategies as desk
from mig_crisp.data import (
    RESERVED_CONVERSATION,
    RESERVED_MESSAGE,
    RESERVED_PEOPLE,
    Keys,
    flatten,
    is_masked,
    numbered,
)
from mig_crisp.text import own_slug, short_hash, slug
from unit_look import Look, definition

KEY = re.compile(r"[a-z0-9_-]{1,64}")
LIMIT = 1000
RESERVED = {mig.CONVERSATION: RESERVED_CONVERSATION, mig.CONTACT: RESERVED_PEOPLE, mig.MESSAGE: RESERVED_MESSAGE}


def keys_of(*definitions: mig.AttributeDefinition, of: mig.Kind = mig.CONVERSATION) -> Keys:
    return Keys(Look(*definitions), of, RESERVED[of])


def is_reserved(key: str, reserved: frozenset[str]) -> bool:
    """A reserved key, or its continuation (`source_ids_2`)."""
    head, _, number = key.rpartition("_")
    return key in reserved or (number.isdigit() and len(number) < 5 and head in reserved)


names = st.one_of(
    desk.keys(),
    st.sampled_from(sorted(RESERVED_CONVERSATION | RESERVED_PEOPLE)),
    st.sampled_from(["vipTier", "vip tier", "VIP-Tier", "vip_tier", "source_ids_2", "csatScore", "a" * 70, "a" * 71]),
)
definitions = st.dictionaries(names, names | st.just(""), max_size=8).map(
    lambda found: [definition(name, label) for name, label in found.items()]
)


# ---- keys -----------------------------------------------------------------------------------------------------------


@given(definitions, st.sampled_from(sorted(RESERVED)))
@settings(max_examples=200)
def test_no_two_attributes_share_a_key_and_none_takes_a_reserved_one(
    declared: list[mig.AttributeDefinition], of: mig.Kind
) -> None:
    keys = keys_of(*(definition(one.name, one.label, of) for one in declared), of=of)
    given_keys = [keys.of(one.name) for one in declared]
    assert len(set(given_keys)) == len(given_keys)
    for key in given_keys:
        assert KEY.fullmatch(key)
        assert not is_reserved(key, RESERVED[of])


@given(definitions, names)
def test_an_undeclared_attribute_takes_no_key_of_a_declared_one(
    declared: list[mig.AttributeDefinition], name: str
) -> None:
    if name in {one.name for one in declared}:
        return
    keys = keys_of(*declared)
    data, _ = flatten({name: 1}, keys, LIMIT)
    (key,) = data
    assert KEY.fullmatch(key)
    assert key not in {keys.of(one.name) for one in declared}
    assert not is_reserved(key, RESERVED_CONVERSATION)


@given(definitions, st.randoms(use_true_random=False))
def test_the_order_of_definitions_changes_no_key(declared: list[mig.AttributeDefinition], chance: Any) -> None:
    shuffled = list(declared)
    chance.shuffle(shuffled)
    one, other = keys_of(*declared), keys_of(*shuffled)
    assert [one.of(each.name) for each in declared] == [other.of(each.name) for each in declared]


@pytest.mark.parametrize(
    ("declared", "keys"),
    [
        ({"vipTierStr": "VIP tier"}, {"vipTierStr": "vip_tier"}),
        ({"vipTierStr": ""}, {"vipTierStr": "vip_tier_str"}),
        ({"nameStr": "名前"}, {"nameStr": "name_str"}),
        ({}, {"orderIdNum": "order_id_num"}),
        ({}, {"名前": f"attr_{short_hash('名前')}"}),
        ({"a": "Tier", "b": "tier!"}, {"a": f"tier_{short_hash('a')}", "b": f"tier_{short_hash('b')}"}),
        ({"a": "Source ID"}, {"a": f"source_id_{short_hash('a')}"}),
        ({"a": "csat score 2"}, {"a": f"csat_score_2_{short_hash('a')}"}),
        ({"a": "x" * 64}, {"a": "x" * 64}),
        ({"a": "x" * 65}, {"a": "x" * 55 + "_" + short_hash("a")}),
        ({"tier": "Rank", "rank": "Tier"}, {"tier": "rank", "rank": "tier"}),
    ],
)
def test_keys_are_as_the_page_says(declared: Mapping[str, str], keys: Mapping[str, str]) -> None:
    made = keys_of(*(definition(name, label) for name, label in declared.items()))
    data, _ = flatten(dict.fromkeys(keys, 1), made, LIMIT)
    assert data == dict.fromkeys(keys.values(), 1)


def test_a_key_made_unlike_every_other_is_unlike_one_made_to_look_like_it() -> None:
    made = keys_of(definition("a", "tier"), definition("b", "tier"), definition("c", f"tier {short_hash('a')}"))
    data, _ = flatten({"a": 1, "b": 2, "c": 3}, made, LIMIT)
    assert sorted(data.values()) == [1, 2, 3]


def test_definitions_of_another_kind_do_not_count() -> None:
    assert keys_of(definition("a", "Tier", mig.CONTACT)).of("a") == "a"


# ---- flat -----------------------------------------------------------------------------------------------------------


def leaves(value: Any) -> Iterator[Any]:
    """What is in a value besides nothing."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value


@given(desk.customs(), definitions, st.integers(20, 200))
@settings(max_examples=200)
def test_flat_data_is_what_crisp_takes(
    custom: dict[str, Any], declared: list[mig.AttributeDefinition], limit: int
) -> None:
    data, losses = flatten(custom, keys_of(*declared), limit)
    for key, value in data.items():
        assert KEY.fullmatch(key)
        assert isinstance(value, str | int | float | bool)
        assert not isinstance(value, str) or (len(value) <= limit and "\0" not in value)
        assert isinstance(value, str | bool) or abs(value) < 2**53 or isinstance(value, float)
    assert {loss.field for loss in losses} <= {f"custom.{name}" for name in custom}
    assert {loss.outcome for loss in losses} <= {"changed", "archived", "dropped"}


@given(desk.customs(), definitions)
def test_the_order_of_attributes_changes_nothing(
    custom: dict[str, Any], declared: list[mig.AttributeDefinition]
) -> None:
    keys = keys_of(*declared)
    assert flatten(custom, keys, LIMIT) == flatten(dict(reversed(custom.items())), keys, LIMIT)


@st.composite
def meeting(draw: st.DrawFn, *names: str) -> dict[str, Any]:
    """Attributes whose keys meet when they are joined; every leaf is a word of its own, to be looked for."""
    chosen = st.sampled_from(names)
    shape = st.recursive(
        st.just(""),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(chosen, inner, max_size=3),
        max_leaves=4,
    )
    count = 0

    def told_apart(value: Any) -> Any:
        nonlocal count
        if isinstance(value, dict):
            return {key: told_apart(item) for key, item in value.items()}
        if isinstance(value, list):
            return [told_apart(item) for item in value]
        count += 1
        return f"<{count}>"

    return {name: told_apart(value) for name, value in draw(st.dictionaries(chosen, shape, max_size=4)).items()}


def lost_silently(custom: Mapping[str, Any], keys: Keys) -> list[str]:
    """Leaves that are neither in the data nor told."""
    data, losses = flatten(custom, keys, LIMIT)
    written = "\n".join(str(value) for value in data.values())
    told = {loss.field for loss in losses if loss.outcome in ("archived", "dropped")}
    return [
        leaf
        for name, value in custom.items()
        for leaf in leaves(value)
        if leaf not in written and f"custom.{name}" not in told
    ]


@given(meeting("a", "b", "aB", "a_b", "a.b", "0"), st.sampled_from([[], ["a"], ["a_b"], ["aB", "a"]]))
@settings(max_examples=300)
def test_every_leaf_is_in_the_data_or_in_a_loss(custom: dict[str, Any], declared: list[str]) -> None:
    assert lost_silently(custom, keys_of(*(definition(name) for name in declared))) == []


@pytest.mark.parametrize(
    "custom",
    [
        {"a": {"b": "<1>"}, "a_b": "<2>"},
        {"a": {"b": "<1>"}, "aB": "<2>"},
        {"vipTier": "<1>", "vip_tier": "<2>"},
        {"a": {"b": "<1>", "B": "<2>"}},
        {"a": [{"b": "<1>"}, ["<2>"]], "a_0": {"b": "<3>"}},
    ],
    ids=str,
)
def test_attributes_whose_keys_meet_are_both_there(custom: dict[str, Any]) -> None:
    assert lost_silently(custom, keys_of()) == []


@given(meeting("source", "id", "csat", "score", "2"))
@settings(max_examples=200)
@example({"csat": {"score": 5}})
@example({"source": {"id": "x"}})
@example({"other": {"emails": ["x"]}})
@example({"source": {"ids": {"2": "x"}}})
def test_no_attribute_takes_a_reserved_key_however_it_is_nested(custom: dict[str, Any]) -> None:
    for of, reserved in RESERVED.items():
        data, _ = flatten(custom, keys_of(of=of), LIMIT)
        assert [key for key in data if is_reserved(key, reserved)] == []


@pytest.mark.parametrize(
    ("custom", "data"),
    [
        ({}, {}),
        ({"a": None, "b": [], "c": {}, "d": [None]}, {}),
        ({"a": "x", "b": 1, "c": 1.5, "d": True, "e": False, "f": 0, "g": ""}, "same"),
        ({"a": [1, "two", True, None]}, {"a": "1, two, true"}),
        ({"a": {"firstName": "Zoe", "deep": {"x y": 2}}}, {"a_first_name": "Zoe", "a_deep_x_y": 2}),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a_0_x": 1, "a_1_x": 2}),
        ({"a": 2**53}, {"a": "9007199254740992"}),
        ({"a": -(2**53)}, {"a": "-9007199254740992"}),
        ({"a": 2**53 - 1}, "same"),
        ({"a": float("inf"), "b": float("nan")}, {"a": "inf", "b": "nan"}),
        ({"a": "x\0y \ud83d"}, {"a": "xy \ufffd"}),
    ],
)
def test_values_are_flat_as_the_page_says(custom: dict[str, Any], data: Any) -> None:
    found, _ = flatten(custom, keys_of(), LIMIT)
    expected = custom if data == "same" else data
    assert found == expected
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in expected.items()}


def test_a_value_too_long_is_archived_and_told() -> None:
    data, losses = flatten({"a": "x" * 1000, "b": "x" * 1001, "c": ["y" * 600] * 2}, keys_of(), LIMIT)
    assert data == {"a": "x" * 1000}
    assert {(loss.field, loss.outcome) for loss in losses if loss.outcome == "archived"} == {
        ("custom.b", "archived"),
        ("custom.c", "archived"),
    }


def test_a_value_that_became_text_is_told() -> None:
    _, losses = flatten({"a": [1, 2], "b": 2**60, "c": "text", "d": 5}, keys_of(), LIMIT)
    assert {(loss.field, loss.outcome) for loss in losses} == {("custom.a", "changed"), ("custom.b", "changed")}


@pytest.mark.parametrize(
    "masked", ["****", "*" * 12, {"b": "****"}, ["****"], ["****", "****"], [{"b": "****"}]], ids=str
)
def test_a_masked_value_is_never_written_and_its_loss_is_told(masked: Any) -> None:
    data, losses = flatten({"a": masked}, keys_of(), LIMIT)
    assert data == {}
    assert ("custom.a", "dropped") in {(loss.field, loss.outcome) for loss in losses}


def test_a_mask_among_other_values_is_not_written_either() -> None:
    data, losses = flatten({"a": ["open", "****"]}, keys_of(), LIMIT)
    assert "****" not in str(data)
    assert "dropped" in {loss.outcome for loss in losses}


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("****", True),
        ("**********", True),
        ("***", False),
        ("", False),
        ("****x", True),
        ("x****", False),
        ("**** see the footnote", False),
        ("* * *", False),
    ],
)
def test_what_a_mask_is(value: str, masked: bool) -> None:
    assert is_masked(value) is masked


# ---- numbered lists -------------------------------------------------------------------------------------------------


@given(st.lists(st.text("abc123", min_size=1, max_size=30), max_size=40), st.integers(30, 80))
def test_a_list_under_numbered_keys_is_whole_and_each_value_fits(values: list[str], limit: int) -> None:
    data = numbered("source_ids", values, limit)
    assert list(data) == [f"source_ids_{n}" if n > 1 else "source_ids" for n in range(1, len(data) + 1)]
    chunks = [str(chunk) for chunk in data.values()]
    assert all(len(chunk) <= limit for chunk in chunks)
    assert ",".join(chunks).split(",") == (values or [""])
    # And no key more than needed: two neighbours would not have fitted into one.
    for left, right in pairwise(chunks):
        assert len(left) + 1 + len(right.split(",")[0]) > limit


def test_short_lists_are_one_value_and_empty_ones_none() -> None:
    assert numbered("k", ["a", "b"], 1000) == {"k": "a,b"}
    assert numbered("k", [], 1000) == {}


def test_own_names_and_labels_are_slugged_by_the_same_rules() -> None:
    assert slug("VIP tier") == own_slug("VIP tier") == own_slug("vip_tier")
