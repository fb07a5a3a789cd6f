"""Text as Crisp takes it: cleaned, in parts that join to the character, and names as keys."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mig.testing import strategies as desk
from mig_crisp.text import clean, escape, hashed, joined, own_slug, parts, short_hash, slug, units

NUMBER = re.compile(r"\A\((\d+)/(\d+)\)\n")
limits = st.integers(40, 300)
# Long enough to be split, of the pieces desks are made of.
long_texts = st.lists(st.sampled_from([piece for piece in desk.FRAGMENTS if piece]) | desk.texts(), max_size=60).map(
    "".join
)


def bare(pieces: list[str]) -> list[str]:
    """Pieces without their numbers."""
    return pieces if len(pieces) == 1 else [NUMBER.sub("", piece, count=1) for piece in pieces]


def belongs_to_the_one_before(text: str, at: int) -> bool:
    """Whether the character here and the one before it are one to the eye."""
    here, before = text[at], text[at - 1]
    return (
        unicodedata.category(here).startswith("M")
        or here in "\u200d\ufe0e\ufe0f"
        or before == "\u200d"
        or "\U0001f3fb" <= here <= "\U0001f3ff"
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


@given(long_texts, limits)
@settings(max_examples=200)
@example("(1/2)\n" * 40, 60)
@example("\n" * 500, 50)
@example("(2/3)\nwords " * 40, 70)
def test_parts_join_to_the_text_to_the_character(text: str, limit: int) -> None:
    pieces = parts(text, limit)
    assert joined(pieces) == text
    assert "".join(bare(pieces)) == text


@given(long_texts, limits)
@settings(max_examples=200)
@example("\U0001f600" * 400, 41)
def test_every_part_is_within_the_limit_as_javascript_counts(text: str, limit: int) -> None:
    for piece in parts(text, limit):
        assert len(piece.encode("utf-16-le")) // 2 <= limit
        assert units(piece) == len(piece.encode("utf-16-le")) // 2


@given(long_texts, limits)
def test_parts_are_numbered_from_one_and_none_is_empty(text: str, limit: int) -> None:
    pieces = parts(text, limit)
    if len(pieces) > 1:
        numbers = [NUMBER.match(piece) for piece in pieces]
        assert [found and found.groups() for found in numbers] == [
            (str(n), str(len(pieces))) for n in range(1, len(pieces) + 1)
        ]
        assert all(bare(pieces))


@given(desk.texts(), st.integers(0, 100))
def test_what_fits_stays_as_it_is(text: str, more: int) -> None:
    assert parts(text, max(units(text) + more, 1)) == [text]


def test_one_more_than_fits_is_two_parts() -> None:
    assert parts("x" * 2000, 2000) == ["x" * 2000]
    assert len(parts("x" * 2001, 2000)) == 2


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a" * 50 + "\n\n" + "b" * 20 + "\n" + "c" * 80, "\n\n"),
        ("a" * 50 + "\n" + "b. " + "c" * 20 + " " + "d" * 80, "\n"),
        ("a" * 50 + ". " + "b" * 10 + " " + "c" * 80, ". "),
        ("\u4f60" * 50 + "\u3002 " + "\u597d" * 10 + " " + "\u597d" * 80, "\u3002 "),
        ("a" * 50 + " " + "b" * 90, " "),
    ],
    ids=["paragraph", "line", "sentence", "sentence in Chinese", "word"],
)
def test_a_part_ends_at_the_best_border_that_is_near(text: str, last: str) -> None:
    first = bare(parts(text, 100))[0]
    assert first == text[: text.index(last) + len(last)]


@given(
    st.text(
        st.sampled_from("a \n\u0301\u0308\u200d\ufe0f\u0e19\u0e49\u0e33\u0939\u093f\u20e3\U0001f468\U0001f469"),
        min_size=60,
    )
)
@settings(max_examples=200)
@example("\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48" * 20)
@example("\u0939\u093f\u0928\u094d\u0926\u0940" * 20)
@example("x" * 45 + "1\ufe0f\u20e3" + "y" * 45)
def test_no_part_ends_inside_a_character_with_its_marks(text: str) -> None:
    limit = 60
    longest = max((len(run) for run in _clusters(text)), default=0)
    if longest > 20:  # nothing could be split without breaking one
        return
    at = 0
    for piece in bare(parts(text, limit))[:-1]:
        at += len(piece)
        assert not belongs_to_the_one_before(text, at), f"cut at {at} between {text[at - 1]!r} and {text[at]!r}"


def _clusters(text: str) -> list[str]:
    runs: list[str] = []
    for at, char in enumerate(text):
        if at and belongs_to_the_one_before(text, at):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


@pytest.mark.parametrize(
    "whole",
    ["\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "e\u0301\u0323"],
    ids=["skin", "family", "flag", "marks"],
)
def test_an_emoji_of_several_is_not_torn(whole: str) -> None:
    for before in range(60, 86):
        text = "x" * before + whole * 15 + "y" * 60
        cuts = [len("".join(bare(parts(text, 100))[:n])) for n in (1, 2)]
        torn = [cut for cut in cuts if 0 < cut - before < len(whole) * 15 and (cut - before) % len(whole)]
        assert torn == [], f"after {before}"


@pytest.mark.parametrize("mark", ["\u0301", "\u200d", "\ufe0f"])
def test_a_character_of_thousands_of_marks_does_not_become_thousands_of_parts(mark: str) -> None:
    assert len(parts("a" + mark * 4_000, 2000)) < 10


def test_a_long_text_is_split_in_no_time() -> None:
    began = time.process_time()
    pieces = parts(("A sentence of some words. " * 40 + "\n\n") * 300, 2000)
    assert len(pieces) > 150
    assert time.process_time() - began < 3


# ---- cleaning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain\r\ntext", "plain\r\ntext"),
        ("a\0b", "ab"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("\ude00 the other", "\ufffd the other"),
        ("\ud83d\ude00 in two halves", "\U0001f600 in two halves"),
        ("\ufeff keeps its mark", "\ufeff keeps its mark"),
        ("\u202eabc", "\u202eabc"),
    ],
)
def test_only_what_no_text_can_hold_is_cleaned_away(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters(), max_size=40))
def test_clean_text_can_be_sent_and_is_not_cleaned_again(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert "\0" not in once
    assert clean(once) == once


@given(desk.texts())
def test_valid_text_without_nul_is_left_alone(text: str) -> None:
    assert clean(text) == text.replace("\0", "")


@given(desk.texts())
def test_escaped_text_is_the_text_behind_its_backslashes(text: str) -> None:
    assert re.sub(r"\\([\\`*_~+#>|\[\]])", r"\1", escape(text)) == text


def test_every_character_of_markdown_is_escaped() -> None:
    assert escape("*a* _b_ ~c~ `d` #e >f |g [h] +i+ \\") == (
        "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\` \\#e \\>f \\|g \\[h\\] \\+i\\+ \\\\"
    )


# ---- keys (docs/api/crisp.md, section 11) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("VIP tier", "vip_tier"),
        ("vip-tier", "vip-tier"),
        ("Order  #  ID", "order_id"),
        ("a.b.c", "a_b_c"),
        ("a_b", "a_b"),
        ("(internal)", "internal"),
        ("Caf\u00e9", "cafe"),
        ("Gr\u00f6\u00dfe", "gro_e"),
        ("\ufb01ne", "fine"),
        ("x\u00b2", "x2"),
        ("\u216b", "xii"),
        ("2nd phone", "2nd_phone"),
        ("\u0130zmir", "i_zmir"),
        ("\u540d\u524d", ""),
        ("\u0418\u043c\u044f", ""),
        ("\U0001f600", ""),
        ("", ""),
        ("___", ""),
    ],
)
def test_a_display_name_becomes_a_key_as_the_page_says(name: str, key: str) -> None:
    assert slug(name) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("vipTierStr", "vip_tier_str"),
        ("customerURLStr", "customer_url_str"),
        ("order2IdNum", "order2_id_num"),
        ("already_snake", "already_snake"),
        ("\u540d\u524d", "attr_" + short_hash("\u540d\u524d")),
        ("", "attr_e3b0c442"),
    ],
)
def test_an_own_name_becomes_a_key_with_its_camel_case_split(name: str, key: str) -> None:
    assert own_slug(name) == key


def test_the_hash_of_a_name_is_written_down() -> None:
    assert short_hash("vipTierStr") == "fccdca4d"
    assert hashed("k" * 70, "vipTierStr") == "k" * 55 + "_fccdca4d"


@given(st.text(max_size=80))
def test_keys_are_of_the_characters_crisp_takes(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]*", slug(name))
    assert re.fullmatch(r"[a-z0-9_-]+", own_slug(name))
    assert slug(slug(name)) == slug(name)
    assert len(hashed(own_slug(name), name)) <= 64
