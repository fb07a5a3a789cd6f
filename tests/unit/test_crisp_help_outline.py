"""An article's outline: the same of its HTML and of Markdown that says the same."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mig_crisp.help_outline import DEEPEST, Outline, of_html, of_markdown

SAME: dict[str, tuple[str, str]] = {
    "a heading": ("<h1>A <b>bold</b> title</h1>", "# A **bold** title"),
    "a heading underlined": ("<h1>One</h1><h2>Two<br>lines</h2>", "One\n===\n\nTwo\nlines\n---"),
    "a heading closed": ("<h3>C#</h3><h6>x</h6>", "### C\\# ###\n###### x"),
    "an empty heading": ("<h2> &nbsp; </h2><p>x", "##\n\nx"),
    "words and spaces": ("<p>a&nbsp; b\n c</p><p>d</p>", "a b c\n\nd"),
    "a line break": ("<p>a<br>b<br/>c", "a\\\nb  \nc"),
    "words torn by tags": ("<p>un<b>believ</b>able <i>x</i>y", "un**believ**able *x*y"),
    "NFC": ("<p>cafe\u0301", "caf\u00e9"),
    "joiners": ("<p>\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    "half an emoji and controls": ("<p>a\ud83d b\0\x07c", "a\ufffd bc"),
    "marks": ("<p><u>u</u> <s>s</s> <mark>m</mark> <b><i>bi</i></b>", "__u__ ~~s~~ ++m++ ***bi***"),
    "stars that are none": ("<p>2 * 3 * 4, a_b_c, C++ and D++, ~x~", "2 \\* 3 * 4, a_b_c, C++ and D++, ~x~"),
    "escaped": ("<p>*a* _b_ `c` [d](e) # | &lt;b&gt;", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e) \\# \\| \\<b>"),
    "signs": ("<p>&amp;amp; &copy; &lt;", "&amp;amp; &copy; &#60;"),
    "a tag is words": ("<p>&lt;br&gt;", "<br>"),
    "a list": ("<ul><li>a<li>b</ul>", "* a\n* b"),
    "other bullets": ("<ul><li>a<li>b</ul><p>x<ul><li>c</ul>", "- a\n\n- b\n\nx\n\n+ c"),
    "a nested list": ("<ul><li>a<ul><li>b<ol><li>c</ol></ul><li>d</ul>", "* a\n  * b\n    1. c\n* d"),
    "ordered lists": ("<ol><li>a<ol><li>b<li>c</ol><li>d</ol>", "1) a\n   1) b\n   2) c\n2) d"),
    "a list from four": ("<ol start=4><li>a<li>b</ol>", "4. a\n4. b"),
    "a list in a list": ("<ul><li>a<ul><li>b</li></ul></li><ul><li>c</ul></ul>", "* a\n  * b\n  * c"),
    "an empty item": ("<ol><li>a<li><li>b</ol>", "1. a\n2. b"),
    "an item of two paragraphs": ("<ul><li><p>a</p><p>b</p><li>c</ul>", "* a\n\n  b\n\n* c"),
    "words after a nested list": ("<ul><li>a<ul><li>b</ul>c</ul>", "* a\n  * b\n\n  c"),
    "code in an item": ("<ol><li>a<pre>x\n y</pre>b<li>c</ol>", "1. a\n\n   ```\n   x\n    y\n   ```\n\n   b\n2. c"),
    "a heading in an item": ("<ul><li><h3>a</h3>b</ul>", "* ### a\n  b"),
    "a table": ("<table><thead><tr><th>a<th>b<tbody><tr><td>1<td>2</table>", "| a | b |\n|---|:-:|\n| 1 | 2 |"),
    "a table without pipes around": ("<table><tr><th>a<th>b<tr><td>1<td></table>", "a | b\n--|--\n1 |"),
    "a pipe in a cell": ("<table><tr><th>a|b<tr><td><code>c|d\\</code></table>", "| a\\|b |\n|--|\n| `c\\|d\\` |"),
    "no header": ("<table><tr><td>a<td>b</table>", "|  |  |\n|--|--|\n| a | b |"),
    "a list in a cell": (
        "<table><tr><th>a<tr><td><ul><li>b<li>c</ul></table>",
        "| a |\n|--|\n| • b • c |",
    ),
    "a heading and code in a cell": ("<table><tr><th><h2>a</h2><tr><td><pre>b</pre></table>", "| a |\n|--|\n| `b` |"),
    "an image and a link in a cell": (
        "<table><tr><th>a<tr><td><img src=/i alt=x><a href=/l>y</a></table>",
        "| a |\n|--|\n| ![x](/i) [y](/l) |",
    ),
    "cells that span": (
        "<table><tr><th colspan=2>a<tr><td rowspan=2>b<td>c<tr><td>d</table>",
        "| a | a |\n|--|--|\n| b | c |\n| b | d |",
    ),
    "a nested table": (
        "<table><tr><th>a<tr><td>b<table><tr><td>c</table>d</table>",
        "| a |\n|--|\n| b c d |",
    ),
    "a long table in pieces": (
        "<table><tr><th>n" + "".join(f"<tr><td>{n}" for n in range(120)) + "</table>",
        "\n\n".join(
            "| n |\n|---|\n" + "\n".join(f"| {n} |" for n in range(at, min(at + 50, 120))) for at in (0, 50, 100)
        ),
    ),
    "a link": ("<p><a href='http://x/y?a=1&amp;b=2'>w</a>", '[w](http://x/y?a=1&b=2 "title")'),
    "links with parentheses": ("<a href='/a_(b)'>x</a><p><a href='/c d)'>y</a>", "[x](/a_(b))\n\n[y](</c d)>)"),
    "an address in percent": ("<a href='/a_(b)?é'>x</a>", "[x](/a_%28b%29?%c3%a9)"),
    "a link with a name": ("<a href=/u>x</a> <a href=/u2>Y</a>", "[x][1] [Y]\n\n[1]: /u\n[y]: </u2> 'title'"),
    "autolinks": ("<a href='http://x'>http://x</a> <a href='mailto:a@b.c'>a@b.c</a>", "<http://x> <a@b.c>"),
    "brackets in a link": ("<a href=/u>a [b] c</a>", "[a [b] c](/u)"),
    "a link across blocks": ("<a href=/u><h2>a</h2><p>b</p></a>", "## [a](/u)\n\n[b](/u)"),
    "a link torn": ("<a href=/u>a </a><a href=/u>b</a>", "[a b](/u)"),
    "an empty link": ("<p>a<a href=/u> </a><a name=x>b</a>", "a b[](/u)"),
    "a link around an image": ("<a href=/l><img src=/i alt=x></a>", "[![x](/i)](/l)"),
    "an image between words": ("<p>a<img src='/i j' alt='x &amp; y'>b", "a ![x & *y*](</i j>) b"),
    "code": ("<pre><code class=py>if x:\n\ty  \n\n\n</code></pre>", "```python\nif x:\n\ty\n```"),
    "code with fences": ("<pre>```\na `b`\n```</pre>", "````\n```\na `b`\n```\n````"),
    "code in tildes, unclosed": ("<pre>&lt;b&gt;</pre>", "~~~\n<b>"),
    "code by indentation": ("<p>x</p><pre>a\n\n  b</pre>", "x\n\n    a\n\n      b"),
    "inline code with backticks": ("<p>a <code>`b` *c*</code>", "a `` `b` *c* ``"),
    "films": (
        "<iframe src='https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0'></iframe>"
        "<iframe src='//player.vimeo.com/video/123?h=1'></iframe>",
        "${youtube}[A film](dQw4w9WgXcQ)\n\n${vimeo}[](https://vimeo.com/123)",
    ),
    "another frame": ("<iframe src=https://x/y title='A map'></iframe>", "[A map](https://x/y)"),
    "a video": ("<video><source src=https://x/y.mp4>no</video>", "<https://x/y.mp4>"),
    "a quote": ("<blockquote><p>a</p><ul><li>b</ul></blockquote>c", "> a\n>\n> * b\n\nc"),
    "boxes": (
        "<div class=callout>a<br>b</div><div>c</div><div><ul><li>d</ul></div>",
        "| a\n| b\n\n|| c\n\n||| * d",
    ),
    "a box with a table's row": ("<div>a | b |</div>", "| a \\| b |"),
    "a rule": ("<p>a<hr>b", "a\n\n---\n\nb\n\n***"),
    "a fold": ("<details><summary>a</summary>b</details>", "**a**\n\nb"),
    "terms": ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "**a**\n\nb\n\n**c**\n\nd"),
    "nothing": ("<script>x</script><style>y</style><!-- z --><p hidden>h</p>", ""),
}


def same(url: str, sort: str) -> str:
    return url


@pytest.mark.parametrize(("html", "markdown"), SAME.values(), ids=SAME.keys())
def test_what_says_the_same_has_the_same_outline(html: str, markdown: str) -> None:
    assert of_html(html, same) == of_markdown(markdown)


def test_an_outline_holds_each_thing_in_its_place() -> None:
    html = (
        "<h2>Title <i>words</i></h2><p>Some <a href=/u>link</a></p><ul><li>a<ol><li>b</ol></ul>"
        "<table><tr><th>x<th>y<tr><td>1<td>2</table><img src=/i alt=Alt><pre>code\n  more</pre>"
        "<iframe src=https://youtu.be/dQw4w9WgXcQ></iframe>"
    )
    assert of_html(html, same) == Outline(
        headings=["2 Title words"],
        items=["* a", "  1. b"],
        rows=["x | y", "1 | 2"],
        links=["link -> /u"],
        images=["Alt -> /i"],
        code=["code\n  more"],
        embeds=["youtube dQw4w9WgXcQ"],
        words="Title words Some link a b x y 1 2 code more",
    )


DIFFERENT: dict[str, tuple[str, str]] = {
    "a level": ("<h1>a</h1>", "## a"),
    "a nested item": ("<ul><li>a<ul><li>b</ul></ul>", "* a\n* b"),
    "a number": ("<ol><li>a</ol>", "2. a"),
    "a row": ("<table><tr><th>a<tr><td>b</table>", "| a |\n|--|"),
    "a link": ("<a href=/u>a</a>", "a"),
    "an address": ("<a href=/u>a</a>", "[a](/v)"),
    "a description": ("<img src=/i alt=a>", "![](/i)"),
    "an indent in code": ("<pre>a\n b</pre>", "```\na\nb\n```"),
    "a word": ("<p>a b", "a"),
    "a bare address": ("<a href=http://x>http://x</a>", "http://x"),
}


@pytest.mark.parametrize(("html", "markdown"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_was_lost_shows(html: str, markdown: str) -> None:
    assert of_html(html, same) != of_markdown(markdown)


PIECES = [
    *("<ul>", "<li>", "<table>", "<td rowspan=2 colspan=0>", "<td rowspan=9 colspan=9>", "<tr>", "</table>", "<th>"),
    *("<a href=x>", "</a>", "<p>", "</p>", "<h1>", "</li>", "</ul>", "<pre>", "</pre>", "<!--", "-->", "<svg>"),
    *("<thead>", "<iframe src='http://['>", "<script>", "<template>", "<select>", "<li hidden>", "<b", "<", "&#"),
    *("* ", "1. ", "> ", "| ", "|-|\n", "\n", "```", "[", "](", ")", "![", "**", "_", "`", "\\", "\t", "    "),
    *("${a}[b](c)", "---\n", "a", " ", "\0", "\ud800", "]: x\n", "+", "~~"),
]
mixed = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40).map("".join)


@given(mixed, st.sampled_from([None, "y"]))
@settings(max_examples=300, deadline=None)
def test_any_text_has_an_outline(text: str, becomes: str | None) -> None:
    for outline in (of_html(text, lambda url, sort: becomes), of_markdown(text)):
        whole = "".join([outline.words, *outline.items, *outline.rows, *outline.links, *outline.images])
        whole.encode("utf-8")
        assert "\0" not in whole
        assert outline.words == " ".join(outline.words.split())


@given(st.lists(st.text("abc <>&*_`[]|\\#é!", min_size=1, max_size=12), min_size=1, max_size=5))
@settings(deadline=None)
def test_words_behind_backslashes_are_the_words_behind_signs(paragraphs: list[str]) -> None:
    html = "".join(f"<p>{text.replace('&', '&amp;').replace('<', '&lt;')}</p>" for text in paragraphs)
    escaped = ["".join(f"\\{char}" if char in "<>&*_`[]|\\#!" else char for char in text) for text in paragraphs]
    assert of_html(html, same) == of_markdown("\n\n".join(text.strip() for text in escaped))


def test_lists_two_thousand_deep_are_read() -> None:
    html = of_html("<ul><li>a" * 2000, same)
    markdown = of_markdown("* " * 2000 + "a")
    assert len(html.items) == 2000
    assert html.items[-1] == "  " * DEEPEST + "* a"
    assert markdown.items == ["* a"]
    assert of_html("<div>" * 2000 + "x" + "<blockquote>" * 2000, same).words == "x"
    assert of_markdown(">" * 2000 + "x").words == "x"


LONG = ["<ul><li>a", "<a href=x>y", "<table><tr><td colspan=9>", "<!", "<p>", "<ul><span>", "[", "![", "*a_ ", "[a](",
        "> ", "* ", "|", "`` ` ", "${a}[", "<a ", "&", "a|b\n-|-\n", "1. a\n"]  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_reading_takes_as_long_as_the_text_is_long(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    readers: tuple[Callable[[], object], ...] = (lambda: of_html(text, same), lambda: of_markdown(text))
    for read in readers:
        began = time.process_time()
        read()
        assert time.process_time() - began < 10  # 1 to 3 seconds; quadratic ones take minutes
