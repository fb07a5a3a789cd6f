"""What the converter writes says what the article said: two readers, by another hand, hold it to that."""

from __future__ import annotations

import pytest

from mig_crisp.help_markdown import markdown
from mig_crisp.help_outline import of_html, of_markdown

BODIES = (
    "a<!--b<!--c",
    "shown<!-- never closed",
    "x<?php echo 1",
    "<![CDATA[x]]>y<!doctype",
    "<iframe src='https://www.youtube.com/embed/x'></iframe>",
    "<iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ'></iframe>",
    "<iframe src='//player.vimeo.com/video/12'></iframe>",
    "p<object data=x><embed src=y></object>q",
    "<iframe src='https://player.example.org/1' title='Film'></iframe>",
    "<table><tr><th>A<th>B<tr><td colspan=2><ul><li>one<li>two<ol start=3><li>in</ol></ul></table>",
    "<table><tr><th>A<th>B<tr><td>p<br>q<td><p>r<p>s</table>",
    "<table><tr><td>a<td><table><tr><td>b<td>c<tr><td>d<td>e</table></table>",
    "<table><tr><td colspan=2><table><tr><td>alone</table></table>",
    "<table role=presentation><tr><td>a<td><ul><li>x</ul></table>",
    "<table><tr><td rowspan=2>a<td>b<tr><td>c</table>",
    "<table><tr><td>a<td>• copied</table>",
    "<table>" + "<tr><td>a<td>b | c" * 120 + "</table>",
    "<table><tr>" + "<td>x" * 64 + "</table>",
    "<h2>a <em>b</em></h2><ol start=3><li>x<li>y</ol><ol><li>z</ol><pre>`code`\n  kept</pre><blockquote>q<blockquote>r",
    "<b><i>" * 300 + "bold",
    "<div>" * 3_000 + "deep",
    "<div class=article-info><h1>Big</h1><p>Intro</p><h2>One</h2><ol><li>x</ol></div>",
    "<section class='tips-and-tricks'><h2>Tips</h2><h3>Sub</h3></section>",
    "<div class=error-codes><h2>Codes</h2><p>E1</div>",
    "<div class='contact-info note-list'><p>Us</p><h2>Head</h2></div>",
    "<div class='alert alert-info'><div class=tip><h4>Title</h4>x</div><p>y</div>",
    "<div class=note>a<table><tr><td>b<td>c</table></div>",
    "<div class=note>a<ul><li>b<pre>c</pre>d</ul><blockquote>e</blockquote></div>",
)


@pytest.mark.parametrize("body", BODIES)
def test_what_was_written_says_what_was_said(body: str) -> None:
    def same(url: str, sort: str) -> str:
        return url

    assert of_markdown(markdown(body, address=same).text) == of_html(body, same)


def test_a_comment_nobody_closed_is_never_shown() -> None:
    assert markdown("<p>for all</p><!-- for us", address=lambda url, sort: url).text == "for all"


def test_columns_that_are_joined_are_told() -> None:
    written = markdown("<table><tr>" + "<td>x" * 65 + "</table>", address=lambda url, sort: url)
    assert ["64 columns" in loss.why for loss in written.losses] == [True]


BOXED = ("note", "Tip", "alert alert-success", "bs-callout-warning", "infoBox", "admonition", "custom-block danger")
UNBOXED = ("article-info", "tips-and-tricks", "error-codes", "note-list", "text-danger", "callout-title", "footnote")


@pytest.mark.parametrize("name", BOXED + UNBOXED)
def test_a_box_is_what_a_whole_name_says_is_one(name: str) -> None:
    text = markdown(f"<p>a</p><div class='{name}'>b</div>", address=lambda url, sort: url).text
    assert (text.splitlines()[-1][0] == "|") == (name in BOXED)


@pytest.mark.parametrize("inner", ["<h3>T</h3>x", "x<table><tr><td>a<td>b</table>", "word " * 200])
def test_what_is_no_box_after_all_keeps_its_parts_and_is_told(inner: str) -> None:
    written = markdown(f"<p>a</p><div class=note>{inner}</div>", address=lambda url, sort: url)
    assert "|| " not in written.text.replace("| a | b |", "")
    assert ["have no frame" in loss.why for loss in written.losses] == [True]
