"""The audit page is one whole document, shows what it may, and stays readable whatever the platforms' data hold."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mig import Keep, Kind
from mig.audit import LossRow
from mig.testing.strategies import ids, texts
from mig_verify.found import Found, Tally
from mig_verify.page import GROUPS, INLINE, anchor, cut, duration, fates, masked, page, percent, visible
from mig_verify.result import LEVELS, Level, Result, grouped, lines
from mig_verify.statistics import Checked, make_claim

KEEPS = {(Kind("contact"), "emails"): Keep("normal:email", "lower case"), (Kind("note"), "text"): Keep("exact")}


def audit(found: Sequence[Found] = (), *, verdict: str = "pass", **other: Any) -> Result:
    whole: dict[str, Any] = {
        "level": "samples",
        "seed": 42,
        "confidence": 0.95,
        "defect_rate": 0.01,
        "source": "kustomer:desk",
        "target": "crisp:workspace",
        "as_of": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        "run_id": 7,
        "began": datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
        "seconds": 75.0,
        "requests": {"source": 1200, "target": 3400},
        "levels": {name: Level("fail" if found else verdict, 1500, 20) for name in LEVELS},
        "kinds": {"message": Tally(source=1500, target=1400, accounted=1500, by={"held": 1400, "skipped": 100})},
        "claims": [("profiles and files", make_claim([Checked("files", 2000, 400, 0)], 0.95))],
        "groups": grouped(found),
        "found": list(found),
        "unreadable": {},
        "unread": 0,
        "audits": 3,
        "looks": 2,
        "losses": [LossRow("contact", "avatar", "archived", "", 12), LossRow("message", "subject", "dropped", "", 30)],
        "outcomes": {"kept": 900, "archived": 12, "dropped": 30},
        "keeps": KEEPS,
        "stays": {},
        "narrow": False,
    }
    return Result(**(whole | other))


def differs(expected: object, actual: object, **other: Any) -> Found:
    whole = {"level": "values", "what": "mismatched", "kind": "message", "source_id": "m1", "field": "text"}
    return Found(**(whole | other), expected=expected, actual=actual)


def parsed(text: str) -> Element:
    """The page as XML: what is not closed or not escaped does not pass."""
    assert text.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def words(element: Element) -> str:
    """What is read of it; what stands in a box of its own stands apart."""
    return re.sub(r"\s+", " ", "".join(_pieces(element))).strip()


def _pieces(element: Element) -> Iterator[str]:
    apart = " " if element.tag in ("td", "th", "dt", "dd", "li", "p", "title", "desc") else ""
    yield apart + (element.text or "")
    for child in element:
        yield from _pieces(child)
        yield child.tail or ""
    yield apart


def with_id(root: Element, name: str) -> Element:
    (found,) = (one for one in root.iter() if one.get("id") == name)
    return found


# ---- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "word"), [("pass", "Pass"), ("incomplete", "Incomplete"), ("fail", "Fail")])
def test_its_one_heading_says_the_verdict_in_words(verdict: str, word: str) -> None:
    root = parsed(page(audit(verdict=verdict), bodies=False))
    (heading,) = root.iter("h1")
    assert words(heading) == f"Migration audit: {word}"
    title = root.find("head/title")
    assert title is not None
    assert title.text == f"{word}: audit of kustomer:desk to crisp:workspace"


def test_a_manager_reads_claim_sides_run_level_and_seed_before_anything_else() -> None:
    (header,) = parsed(page(audit(), bodies=False)).iter("header")
    told = words(header)
    claim = audit().claim
    assert f"{claim[0].upper()}{claim[1:]}." in told
    for fact in ("kustomer:desk", "crisp:workspace", "run 7, 2026-03-01 12:30 UTC", "1 min 15 s", "samples", "42"):
        assert fact in told
    assert "95 %; tolerated defect rate 1 %" in told
    for name in LEVELS:
        assert name in told


def test_an_audit_that_only_counts_makes_no_claim() -> None:
    levels = {name: Level("skipped" if name in LEVELS[2:] else "pass", 10) for name in LEVELS}
    told = words(parsed(page(audit(levels=levels, level="counts", claims=[]), bodies=False)))
    assert "No claim about contents is made" in told
    assert "It was not asked for: `--level counts` leaves it out." in told


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    kinds = {"message": Tally(source=2, accounted=1, pending=1, by={"held": 1})}
    claims = [("records in threads", make_claim([Checked("threads", 1, 1, 1)], 0.95))]
    result = audit([differs("a", "b")], verdict="incomplete", unread=1, kinds=kinds, claims=claims)
    for told in ("\n".join(lines(result)), words(parsed(page(result, bodies=False)))):
        assert "xactly 1 of 1 record in a thread differs" in told
        assert "1 unit of the target" in told
        for wrong in ("1 records", "1 units", "1 pending records", "1 discrepancies"):
            assert wrong not in told
    assert "1 record is pending" in "\n".join(lines(result))
    assert "1 pending record " in words(parsed(page(result, bodies=False)))


def test_it_names_what_could_not_be_checked_and_why() -> None:
    result = audit(
        verdict="incomplete",
        unreadable={"article": "The key may not read articles."},
        unread=3,
        as_of=None,
        narrow=True,
    )
    told = words(parsed(page(result, bodies=False)))
    for reason in (
        "Not checked: article; 3 units of the target",
        "The key may not read articles.",
        "There was no journal",
        "Only a part was moved",
        "20 at level bytes",
    ):
        assert reason in told


def test_an_auditor_finds_rules_losses_requests_and_how_to_repeat_it() -> None:
    told = words(parsed(page(audit(), bodies=False)))
    assert "contact emails normal:email lower case" in told
    assert "Kept and compared exactly: note (text)." in told
    assert "In sum: 900 kept, 12 archived, 30 dropped." in told
    assert "1,200 to the source, 3,400 to the target" in told
    assert "mig verify --level samples --confidence 0.95 --defect-rate 0.01 --seed 42" in told
    assert 'hmac.digest(b"42", id.encode("utf-8", "surrogatepass"), "sha256")' in told
    assert "files 2,000 400 0 0 " in told


@pytest.mark.parametrize(
    ("tally", "told"),
    [
        (Tally(source=10, by={"held": 7, "merged": 2, "archived": 1}), {"held": 7, "merged": 2, "archived": 1}),
        (Tally(source=10, newer=5, by={"held": 8}), {"held": 8, "newer": 2}),
        (Tally(source=10, pending=3, missing=2, by={"held": 5}), {"held": 5, "pending": 3, "missing": 2}),
        (Tally(source=10, newer=1, extra=2, by={"held": 5}), {"held": 5, "newer": 1, "extra": 2, "unexplained": 2}),
        (Tally(source=0, by={"kept": 4}), {}),
        (Tally(source=3, by={"held": 5}), {"held": 5}),
    ],
)
def test_what_became_of_the_records_adds_up_to_the_source(tally: Tally, told: Mapping[str, int]) -> None:
    assert fates(tally) == told


def test_a_chart_says_its_numbers_in_words() -> None:
    root = parsed(page(audit(), bodies=False))
    charts = [one for one in root.iter("svg") if one.get("role") == "img"]
    assert words(next(charts[0].iter("desc"))) == "1,400 held, 100 skipped"
    for chart in charts:
        for name in (chart.get("aria-labelledby") or "").split():
            assert words(with_id(root, name))


# ---- discrepancies ---------------------------------------------------------------------------------------------------


def test_every_discrepancy_can_be_linked_by_kind_id_and_field() -> None:
    root = parsed(page(audit([differs("a", "b"), differs("a", "b", source_id="m2", field="sent_at")]), bodies=False))
    for name in ("message-m1-text", "message-m2-sent_at"):
        with_id(root, name)
        assert any(link.get("href") == f"#{name}" for link in root.iter("a"))


def test_two_discrepancies_of_one_field_have_two_anchors() -> None:
    root = parsed(page(audit([differs("a", "b"), differs("a", "c")]), bodies=False))
    assert words(with_id(root, "message-m1-text"))
    assert words(with_id(root, "message-m1-text~~2"))


def test_values_are_told_by_digest_length_and_first_difference_only() -> None:
    text = page(audit([differs("dear Ann", "dear Bob")]), bodies=False)
    assert "dear" not in text
    told = words(with_id(parsed(text), "message-m1-text"))
    digest = hashlib.sha256(b"dear Ann").hexdigest()[:16]
    assert f"Expected {digest}text, 8 characters, differs at 5" in told


def test_with_bodies_both_values_stand_side_by_side_and_the_difference_is_marked() -> None:
    root = parsed(page(audit([differs("<b>today</b>", "<b>tоday</b>")]), bodies=True))
    line = with_id(root, "message-m1-text")
    assert [words(mark) for mark in line.iter("mark")] == ["o", "о"]
    assert "<b>today</b>" in words(line)
    assert "differs at 4 (U+043E)" in words(line)


def test_a_long_value_is_shown_around_its_first_difference() -> None:
    long = "x" * 300_000
    text = page(audit([differs(f"{long}a{long}", f"{long}b{long}")]), bodies=True)
    assert len(text) < 100_000
    assert "600,001 characters, differs at 300,000" in words(with_id(parsed(text), "message-m1-text"))


@pytest.mark.parametrize(
    ("what", "should", "does"),
    [
        ("missing", "it stands there", "it does not"),
        ("orphaned", "it does not stand there", "it does"),
        ("doubled", "once", "more than once"),
        ("mismatched", "in order", "not in order"),
    ],
)
def test_what_has_no_values_is_told_in_words(what: str, should: str, does: str) -> None:
    root = parsed(page(audit([differs(None, None, what=what, field="")]), bodies=False))
    assert [words(one) for one in with_id(root, f"message-m1-{what}").iter("dd")] == [should, does]


def test_a_type_that_changed_is_told_where_the_values_look_alike() -> None:
    root = parsed(page(audit([differs(1, "1", field="custom.tier")]), bodies=True))
    assert [words(one) for one in with_id(root, "message-m1-custom.tier").iter("dd")] == ["1number", "1"]


def test_of_very_many_the_frequent_are_cut_the_rare_are_whole_and_the_rest_is_counted() -> None:
    frequent = [differs("a", "b", source_id=f"m{number}") for number in range(50_000)]
    rare = [differs("a", "b", kind="note", source_id=f"n{number}") for number in range(10)]
    text = page(audit([*frequent, *rare]), bodies=False)
    assert len(text.encode()) < 4_000_000
    root = parsed(text)
    lines = [one.get("id", "") for one in root.iter("li") if "-" in one.get("id", "")]
    assert len(lines) == INLINE
    assert sum(name.startswith("note-") for name in lines) == 10
    assert "5,000 of 50,010 discrepancies are on this page; 45,010 more" in words(root)


def test_groups_without_number_are_cut_and_counted() -> None:
    found = [differs("a", "b", field=f"custom.{number}") for number in range(GROUPS + 20)]
    told = words(parsed(page(audit(found), bodies=False)))
    assert "Groups; 20 more, all rarer" in told
    assert f"{GROUPS} of {GROUPS + 20} discrepancies are on this page" in told


# ---- what is foreign -------------------------------------------------------------------------------------------------

EVIL = (
    *("<script>alert(1)</script>", '" onmouseover="x', "'><img src=x>", "</style>", "{{ 7 * 7 }}", "]]>", "&amp;"),
    *("\u202egpj.exe", "half \ud83d", "nul \x00", "\ufffe", "\u2028", "\r\n", "مرحبا", "", " ", "x" * 5_000),
)


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("bodies", [False, True])
def test_no_text_of_a_platform_breaks_the_page(evil: str, bodies: bool) -> None:
    one = Found(
        level="values",
        what="mismatched",
        kind=evil,
        source_id=evil,
        target_id=evil,
        field=evil,
        expected=evil,
        actual=[evil],
        why=evil,
    )
    result = audit(
        [one],
        source=evil,
        target=evil,
        kinds={evil: Tally(source=1, by={"kept": 1})},
        claims=[(evil, make_claim([Checked(evil, 20, 10, 0)], 0.95))],
        unreadable={evil: evil},
        losses=[LossRow(evil, evil, evil, evil, 1)],
        keeps={(Kind(evil), evil): Keep(evil, evil)},
    )
    text = page(result, bodies=bodies)
    text.encode("utf-8")
    root = parsed(text)
    assert not list(root.iter("script"))
    assert not list(root.iter("img"))
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]
    assert not set(text) & {"\u202e", "\x00", "\ufffe", "\u2028", "\r"}


LINES = st.builds(differs, texts(), texts(), source_id=ids(), why=texts(longest=40))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, max_size=4), st.booleans())
def test_whatever_desks_hold_the_page_is_well_formed_and_its_ids_are_its_own(found: list[Found], bodies: bool) -> None:
    names = [one.get("id") for one in parsed(page(audit(found), bodies=bodies)).iter() if one.get("id") is not None]
    assert len(names) == len(set(names))


@given(ids(), texts(longest=40))
def test_an_anchor_is_of_harmless_characters(source_id: str, field: str) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9._~-]*", anchor(differs(1, 2, source_id=source_id, field=field)))


def test_an_address_in_an_id_is_masked_unless_bodies_may_be_shown() -> None:
    found = [differs("a", "b", source_id="ann@example.org", target_id="x:bob@example.org", why="not ann@example.org")]
    found += [differs("ann@example.org", "anx@example.org", field="read")]
    found += [differs("a", "b", source_id=f"{'x' * 100}:ann@example.org")]
    text = page(audit(found, unreadable={"tag": "ask ann@example.org"}), bodies=False)
    (body,) = parsed(text).iter("body")
    assert "@" not in words(body)
    assert "@example" not in text
    assert "ann@example.org" in page(audit(found), bodies=True)
    assert masked("no address: a@b") == "no address: a@b"


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\u202eb\ud83d\x00\u00a0c\n") == "a⟨U+202E⟩b⟨U+D83D⟩⟨U+0000⟩⟨U+00A0⟩c\n"
    assert cut("abcdef", 3) == "abc… (6 characters)"


# ---- the document ----------------------------------------------------------------------------------------------------


def test_it_asks_nothing_of_anybody_and_its_policy_allows_its_own_style_only() -> None:
    text = page(audit([differs("a", "b")]), bodies=True)
    root = parsed(text)
    (style,) = root.iter("style")
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    policies = [one.get("content") for one in root.iter("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not [
        one for one in root.iter() if one.get("src") or one.get("style") or one.tag in ("script", "link", "img")
    ]
    assert all((one.get("href") or "").startswith("#") for one in root.iter("a"))
    assert set(re.findall(r"url\((.)", style.text or "")) == {"#"}
    assert "@import" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_every_link_within_it_has_its_end() -> None:
    root = parsed(page(audit([differs("a", "b"), differs(None, None, kind="note", what="missing")]), bodies=False))
    ends = {one.get("id") for one in root.iter()}
    assert {(one.get("href") or "")[1:] for one in root.iter("a")} <= ends


def test_those_who_do_not_see_it_find_their_way() -> None:
    root = parsed(page(audit([differs("a", "b")]), bodies=False))
    assert root.get("lang") == "en"
    assert [len(list(root.iter(tag))) for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    levels = [int(one.tag[1]) for one in root.iter() if one.tag in ("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in root.iter("table"):
        assert table.find("caption") is not None
        assert all(one.get("scope") in ("row", "col") for one in table.iter("th"))
    for region in (one for one in root.iter("div") if one.get("role") == "region"):
        assert region.get("tabindex") == "0"
        assert region.get("aria-label")


def test_an_audit_of_nothing_is_a_page_too() -> None:
    parsed(page(audit(kinds={}, claims=[], losses=[], outcomes={}, keeps={}, requests={}, levels={}), bodies=False))


def test_the_template_and_its_style_are_found_in_the_package() -> None:
    assert (resources.files("mig_verify") / "templates" / "page.html").is_file()
    assert (resources.files("mig.report") / "templates" / "page.css").is_file()


@pytest.mark.parametrize(
    ("number", "told"), [(percent(0.95), "95 %"), (percent(0.999999), "99.9999 %"), (percent(0.0), "0 %")]
)
def test_a_share_is_printed_as_it_was_written(number: str, told: str) -> None:
    assert number == told


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (75, "1 min 15 s"), (5412.3, "1 h 30 min")])
def test_a_duration_is_told_in_two_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told
