"""What a receipt remembers of an article, and what it tells of somebody's later edits."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mig_crisp.help_api import Shown, linked, relinked
from mig_crisp.help_written import changed, edited, is_like, led_of, led_on, led_to, still, told

TEXT = "See [one](/en/one-aaaa1) and [two](https://b.example/) ![p](https://c.example/p.gif)."
FIELDS = {"title": "Title", "description": "", "content": TEXT, "order": 2, "featured": False}
LEADS = ["/en/one-aaaa1"]
LED = {"/en/one-aaaa1": "https://help.example/one"}


def shown(**more: Any) -> Shown:
    return Shown(key="en/1", **{**FIELDS, **more})


def test_what_stands_as_it_was_written_nobody_edited() -> None:
    ours = told(FIELDS, LEADS, None)
    assert edited(shown(), ours, None) == edited(shown(), ours, {}) == set()
    assert ours == told(FIELDS, LEADS, shown())


def test_each_field_is_told() -> None:
    ours = told(FIELDS, LEADS, None)
    for name, value in {"title": "T", "description": "d", "content": "c", "order": 3, "featured": True}.items():
        assert edited(shown(**{name: value}), ours, {}) == {name}
    assert edited(shown(content=TEXT.replace("p.gif", "q.gif")), ours, {}) == {"content"}


def test_a_link_we_led_on_is_no_edit_and_one_led_by_somebody_is() -> None:
    ours = told(FIELDS, LEADS, None)
    ours_led = shown(content=TEXT.replace("/en/one-aaaa1", LED["/en/one-aaaa1"]))
    assert edited(ours_led, ours, LED) == set()
    assert edited(ours_led, ours, {}) == {"content"}
    assert edited(ours_led, ours, None) == set(), "nobody knows where it was led"
    for old in ("/en/one-aaaa1", "https://b.example/"):
        assert edited(shown(content=TEXT.replace(old, "https://x.example/")), ours, LED) == {"content"}
    swapped = TEXT.replace("https://b.example/", LED["/en/one-aaaa1"])
    assert edited(shown(content=swapped), ours, LED) == {"content"}


def test_a_form_of_the_platforms_own_is_no_edit() -> None:
    own = shown(content=f"  {TEXT}\n", title="Title ")
    assert is_like(FIELDS, own)
    assert not is_like(FIELDS, shown(content=""))
    ours = told(FIELDS, LEADS, own)
    assert edited(own, ours, {}) == edited(shown(), ours, {}) == set()
    assert edited(shown(content=f"   {TEXT}"), ours, {}) == {"content"}


def test_an_older_receipt_knows_no_addresses_and_tells_nothing_of_them() -> None:
    ours = {name: value for name, value in told(FIELDS, [], None).items() if name != "addresses"}
    there = shown(content=TEXT.replace("https://b.example/", "https://x.example/"))
    assert edited(there, ours, {}) == set()
    assert edited(shown(content="mine"), ours, {}) == {"content"}


def test_a_change_is_of_words_or_addresses_and_not_of_what_may_be_led() -> None:
    ours = told(FIELDS, LEADS, None)
    assert changed(told(FIELDS, [], None), ours) == set()
    assert changed(told({**FIELDS, "content": TEXT.replace("b.example", "x.example")}, LEADS, None), ours) == {
        "content"
    }
    assert changed(told({**FIELDS, "title": "Other"}, LEADS, None), ours) == {"title"}


def test_what_was_seen_stays_known_until_it_is_written_again() -> None:
    ours = told(FIELDS, LEADS, shown(content=f"{TEXT}\n"))
    wanted = told({**FIELDS, "title": "Other"}, LEADS, None)
    kept = wanted | still(wanted, ours)
    assert edited(shown(title="Other", content=f"{TEXT}\n"), kept, {}) == set()
    other = told({**FIELDS, "content": "other"}, LEADS, None)
    assert "shown.content" not in still(other, ours)


def test_where_links_were_led_is_known_or_not() -> None:
    assert led_of(None) is led_of("") is None
    assert led_of("{}") == {}
    assert led_of(msgspec.json.encode(LED).decode()) == LED


def test_a_link_goes_on_saying_what_it_said_beyond_its_page() -> None:
    rows = [
        {"old": "/a?x=1#y", "new": "https://h/a/", "rest": "?x=1#y"},
        {"old": "/b?x=1", "new": "https://h/?id=b#z", "rest": "?x=1"},
        {"old": "/c#y", "new": "https://h/?id=c#z", "rest": "#y"},
        {"old": "/d", "new": "https://h/d"},
        {"old": "/e#y", "new": "", "rest": "#y"},
    ]
    assert led_to(rows) == {
        "/a?x=1#y": "https://h/a/?x=1#y",
        "/b?x=1": "https://h/?id=b&x=1#z",
        "/c#y": "https://h/?id=c#y",
        "/d": "https://h/d",
    }


def test_links_are_led_on_all_at_once_and_never_by_guess() -> None:
    swapped = led_on({"/a": "https://h/1", "/b": "https://h/2"}, {"/a": "https://h/2", "/b": "https://h/1"})
    assert relinked("[x](https://h/1) [y](<https://h/2>)", swapped) == "[x](https://h/2) [y](https://h/1)"
    assert led_on({"/a": "https://h/1", "/a?x": "https://h/1"}, {"/a": "https://h/1", "/a?x": "https://h/1?x"}) == {}
    assert led_on({"/a": "https://h/1", "/b": "https://h/1"}, {"/a": "https://h/2", "/b": "https://h/2"}) == {
        "https://h/1": "https://h/2"
    }


@given(st.text("[]()!<>ab \\\n"))
def test_any_text_is_like_itself(text: str) -> None:
    fields = {"content": text}
    there = Shown(key="k", content=text)
    assert is_like(fields, there)
    assert edited(there, told(fields, linked(text), there), {}) == set()
