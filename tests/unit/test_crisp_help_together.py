"""What the converter writes says what the article said: two readers, by another hand, hold it to that."""

from __future__ import annotations

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "<p>50 m<sup>2</sup>, 10<sup>-3</sup>, footnote<sup><a href=/f>1</a></sup>, the 5<sup>th</sup></p>",
    "<table><tr><td>a<td><iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ' title=T></iframe></table>",
    "<embed src='https://www.youtube.com/embed/dQw4w9WgXcQ'>",
    "<iframe src='//youtube.com/embed/videoseries?list=1'></iframe>",
    "<p>see <img srcset='/a.png 2x, /b.png 3x' alt=pic><img data-srcset='/c.png 1x'></p>",
    "<table><tfoot><tr><td>sum<td>3</tfoot><tbody><tr><td rowspan=9>1<td>2</tbody><thead><tr><th>a<th>b</table>",
    "<h2><p>A</p><p>B</p></h2><h3>C<ul><li>d</ul></h3><h4><div><img src=/i></div>e</h4>",
    "<a href=/card><img src=/i><h3>Card</h3><p>text <b>of</b> it</p><ul><li>x<li>y</ul></a>",
    "<a href=/t>a<table><tr><td>x<td>y<ul><li>1<li>2</ul></table>b<pre>c</pre>d</a>",
    "<ul>text<li>a</li>tail<b>end</b><li>b</ul><table><tr><td><ul>t<li>a</li>u</ul><td>x</table>",
    "<img src=/m usemap='#m'><map name=m><area href=/x alt=X><area href=/y alt='Y z'><area href=/z></map>",
    "<form>a<textarea><b>x</b></textarea><select><option>o<option>p</select><datalist><option>q</datalist></form>",
    "<iframe src=/help/a title=T></iframe><a href=/help/a>to it</a>",
    "<table><tr><td><code>a\\|b</code><td><code>\\</code></table>",
    "<ol start=1000000000><li>a</ol><ol start=' +7 '><li>a</ol><ol start=3x><li value=2>a</ol>",
    "<ul><li>a<ol start=3><li>b<li>c</ol><li>d</ul>",
    "<iframe srcdoc='<p>x' title=a></iframe><iframe title=b></iframe><iframe src=about:blank title=c></iframe>",
    "<p style='visibility:hidden'>x</p><dialog>y</dialog><dialog open>z</dialog>a<rp>(</rp><canvas>c</canvas>",
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


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<p>x<sup>2</sup></p>", "raised"),
        ("<a href=/c><h3>T</h3><p>x</p></a>", "each of which has the link"),
        ("<img alt=x>", "without an address"),
        ("<map><area href=/x alt=X></map>", "places of a picture"),
        ("<select><option>o</select>", "choices of a form"),
        ("<video src=/v poster=/p></video>", "before it plays"),
        ("<img srcset='/a 1x, /b 2x'>", "further sizes"),
        ("<table><tr><td>a<td><iframe src='https://youtu.be/dQw4w9WgXcQ'></iframe></table>", "players"),
    ],
)
def test_what_is_written_otherwise_is_in_the_losses(body: str, why: str) -> None:
    losses = markdown(body, address=lambda url, sort: url).losses
    assert [loss.why for loss in losses if why in loss.why], losses


def test_two_lists_stay_two() -> None:
    text = markdown("<ul><li>a</ul><ul><li>b</ul>", address=lambda url, sort: url).text
    assert text == "* a\n\n\u00a0\n\n* b"


# ---- anything in anything --------------------------------------------------------------------------------------------

TEXTS = st.text("ab1 *_#|+~`[]()<>&!$\\{}-=.:é", min_size=1, max_size=6).map(lambda text: escape(text, quote=False))
ADDRESSES = st.sampled_from(("/a", "/b?c=1#d", "https://e.org/(x)", "/p|q"))


def _void() -> st.SearchStrategy[str]:
    return st.one_of(
        st.just("<br>"),
        ADDRESSES.map(lambda url: f"<img src='{url}' alt='*i'>"),
        ADDRESSES.map(lambda url: f"<img srcset='{url} 2x, /z 3x'>"),
        st.just("<img alt='no address'>"),
        st.just("<textarea>a <b> b</textarea>"),
        st.just("<select><option>o<option>p</select>"),
    )


def _within(names: tuple[str, ...], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, max_size=3).map("".join)
    return st.tuples(st.sampled_from(names), many).map(lambda one: f"<{one[0]}>{one[1]}</{one[0].split()[0]}>")


def _linked(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, max_size=3).map("".join)
    return st.tuples(ADDRESSES, many).map(lambda one: f"<a href='{one[0]}'>{one[1]}</a>")


PLAIN = st.recursive(
    TEXTS | _void(), lambda inner: _within(("b", "i", "code", "span", "sup", "sub", "mark"), inner), max_leaves=4
)
PHRASES = PLAIN | _linked(PLAIN) | st.just("<map><area href='/place' alt=X><area href='/place'></map>")
FRAMES = st.sampled_from(
    (
        "<iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ' title='T*'></iframe>",
        "<iframe src='/frame'></iframe>",
        "<iframe src='https://player.vimeo.com/video/12'></iframe>",
        "<embed src='https://youtu.be/dQw4w9WgXcQ'>",
        "<object data='/p'>x</object>",
        "<video src='/v'>n</video>",
        "<hr>",
    )
)


def _table(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    cell = st.tuples(
        st.sampled_from(("td", "th")), st.sampled_from(("", " colspan=2", " rowspan=2")), st.lists(inner, max_size=2)
    ).map(lambda one: f"<{one[0]}{one[1]}>{''.join(one[2])}</{one[0]}>")
    row = st.lists(cell, min_size=1, max_size=3).map(lambda cells: f"<tr>{''.join(cells)}</tr>")
    group = st.tuples(st.sampled_from(("tbody", "thead", "tfoot")), st.lists(row, min_size=1, max_size=2)).map(
        lambda one: f"<{one[0]}>{''.join(one[1])}</{one[0]}>"
    )
    return st.lists(group, min_size=1, max_size=3).map(lambda groups: f"<table>{''.join(groups)}</table>")


def _lists(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.lists(inner, max_size=2).map(lambda parts: f"<li>{''.join(parts)}</li>")
    many = st.lists(item | item | inner, max_size=4).map("".join)
    return st.tuples(st.sampled_from(("ul", "ol", "ol start=3")), many).map(
        lambda one: f"<{one[0]}>{one[1]}</{one[0].split()[0]}>"
    )


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _within(("div", "blockquote", "section", "div class=tip", "div class=article-info", "details"), inner),
        _lists(inner),
        _table(inner),
    )


def _leaves(phrases: st.SearchStrategy[str], *more: str) -> st.SearchStrategy[str]:
    return st.one_of(_within(("p", "h2", "h3", "p class=note", *more), phrases), FRAMES, phrases)


CARDS = _linked(st.recursive(_leaves(PLAIN) | st.just("<pre>code</pre>"), _blocks, max_leaves=4))
"""Links around blocks; a link in a link is no HTML."""
ARTICLES = st.lists(st.recursive(_leaves(PHRASES, "pre") | CARDS, _blocks, max_leaves=8), max_size=4).map("".join)


@given(ARTICLES)
def test_any_article_says_what_it_said(body: str) -> None:
    def same(url: str, sort: str) -> str:
        return url

    assert of_markdown(markdown(body, address=same).text) == of_html(body, same)
