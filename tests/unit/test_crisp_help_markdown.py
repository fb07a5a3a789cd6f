"""HTML of help articles in the Markdown dialect of Crisp's help centre."""

from __future__ import annotations

import re
import time
from html import escape as as_html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mig import Loss
from mig.testing import strategies as desk
from mig_crisp.help_emphasis import Piece, emphasised
from mig_crisp.help_markdown import Written, markdown
from mig_crisp.help_rules import BOLD, HIGHLIGHT, ITALIC, STRIKE, UNDERLINE


def same(url: str, sort: str) -> str:
    return url


def text_of(html: str) -> str:
    return markdown(html, address=same).text


def losses_of(html: str) -> list[str]:
    return [f"{loss.outcome}: {loss.why}" for loss in markdown(html, address=same).losses]


# ---- one example for each thing --------------------------------------------------------------------------------------

EXAMPLES = [
    ("", ""),
    ("<p>&nbsp;</p><div><br></div><ul><li></li></ul><table><tr><td></td></tr></table>", ""),
    ("<h1>A</h1><h6>B</h6>", "# A\n\n###### B"),
    ("<h2>C#<br>x #</h2>", "## C# x \\#"),
    ("<h2>See <a href=u>this</a></h2>", "## See [this](u)"),
    ("<h2>open<p>text<ul><li>a</ul>", "## open\n\ntext\n\n* a"),
    ("<p>a<br>b<br><br>c</p>", "a  \nb\n\nc"),
    ("a<hr>b", "a\n\n---\n\nb"),
    ("<hr>b", "\n---\n\nb"),
    ("<b>b</b> <i>i</i> <u>u</u> <s>s</s> <mark>m</mark> <kbd>k</kbd>", "**b** *i* __u__ ~~s~~ ++m++ `k`"),
    ("<ins>u</ins> <del>s</del> <abbr title=x>A</abbr> H<sub>2</sub>O 10<sup>6</sup>", "__u__ ~~s~~ A H2O 10⁶"),
    ("<b>a <i>b</b> c</i>", "**a *b*** *c*"),
    ("x<b> y </b>z <b>Note:</b>go", "x **y** z **Note**:go"),
    ("<span style='font-weight:700'>a</span> <b style='color:red'>b</b>", "**a** **b**"),
    # lists
    ("<ul><li>a<ul><li>b</ul><li>c</ul>", "* a\n  * b\n* c"),
    ("<ul><li>a</li><ul><li>b</li></ul></ul>", "* a\n  * b"),
    ("<ol start=3><li>a<ul><li>b</ul><li value=9>c</ol>", "3. a\n   * b\n9. c"),
    ("<ul><li><p>a<p>b</ul>", "* a\n\n  b"),
    ("<ol><li>a</ol><ol><li>b</ol>", "1. a\n\n\u00a0\n\n1. b"),
    (
        "<ul><li>a<table><tr><th>h<th>i<tr><td>1<td>2</table></ul>",
        "* a\n\n  | h | i |\n  | --- | --- |\n  | 1 | 2 |",
    ),
    ("<li>a</li>\n<li>b</li>", "* a\n* b"),
    ("<dl><dt>T<dd>D<dt>U<dd>E</dl>", "**T**\n\nD\n\n**U**\n\nE"),
    # tables
    ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", "|  |  |\n| --- | --- |\n| a | b |\n| c | d |"),
    (
        "<table><caption>C</caption><tr><th colspan=2>h<th>i<tr><td rowspan=2>a<td>b<td>c<tr><td>d<td>e</table>",
        "C\n\n| h | h | i |\n| --- | --- | --- |\n| a | b | c |\n| a | d | e |",
    ),
    (
        "<table><tr><th>h<th>i<tr><td><ul><li>1<li>2</ul><td>a|b<br><code>c|d</code> <img src=p|q alt=r></table>",
        "| h | i |\n| --- | --- |\n| • 1 • 2 | a\\|b `c\\|d` ![r](p%7Cq) |",
    ),
    (
        "<table><tr><th>h<th>i<tr><td><table><tr><td>1<td>2<tr><td>3</table><td><a href=u>x</a></table>",
        "| h | i |\n| --- | --- |\n| 1 2 3 | [x](u) |",
    ),
    ("<table><tr><td><h2>a</h2>b</table>", "## a\n\nb"),
    # code
    ("<pre>\n a\n\n  b\t</pre>", "```\n a\n\n  b\t\n```"),
    ('<pre><code class="language-js">a &lt;b&gt; `c`</code></pre>', "```js\na <b> `c`\n```"),
    ("<pre>```\nx</pre>", "````\n```\nx\n````"),
    ("<code>a`b</code> <code>`</code> <code>*</code>", "``a`b`` `` ` `` `*`"),
    # links, images, players
    ("<a href='https://x/(a) b'><img src=i alt='A'></a>", "[![A](i)](https://x/(a)%20b)"),
    ("<a href='x)'>a</a> !<a href=y>b</a>", "[a](x%29) \\![b](y)"),
    ("<a href=u></a><a name=x>t</a> <a href=''>e</a>", "t e"),
    ("<a href=u><img src=i><h3>T</h3>w</a>", "[![](i)](u)\n\n### [T](u)\n\n[w](u)"),
    ("<a href='java\nscript:x'>a</a> <a href='data:text/html,x'>b</a>", "a b"),
    ("<img src=data:image/gif;base64,R0 data-src=i srcset='j 2x' alt=A>", "![A](i)"),
    ("<iframe src=//www.youtube-nocookie.com/embed/a_-1bcd?rel=0 title=T></iframe>", "${youtube}[T](a_-1bcd)"),
    ("<iframe src=https://youtu.be/abcdef></iframe>", "${youtube}[Video](abcdef)"),
    ("<iframe src=https://player.vimeo.com/video/12 title='[V]'></iframe>", "${vimeo}[\\[V\\]](12)"),
    ("<iframe src=https://www.loom.com/embed/1 title=L></iframe>", "[L](https://www.loom.com/embed/1)"),
    ("<video title=V><source src=v.mp4><source src=v.webm>no</video><audio src=s></audio>", "[V](v.mp4)\n\n[s](s)"),
    # quotes, boxes, details
    ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
    ("<div class=callout-tip>a</div><div class='alert alert-info'>b<p>c</div>", "| a\n\n|| b\n\n|| c"),
    ("<div class=warning><b>W</b><ul><li>x</ul><pre>p</pre>", "||| **W**\n\n||| * x\n\n```\np\n```"),
    ("<div class=warning><h3>W</h3>x</div>", "### W\n\nx"),
    ("<div class='bs-callout noteBox'>x</div><p class='admonition'>y</p>", "|| x\n\n|| y"),
    ("<aside class='Danger'>d</aside><div class=tooltip>e</div>", "||| d\n\ne"),
    ("<details><summary>S</summary>x<p>y</details>", "**S**\n\nx\n\ny"),
    # nothing to see
    ("a<script>b</script><style>c</style><!--d--><template>e</template><title>f</title>g", "ag"),
    ("<!--[if mso]>x<![endif]--><![if !mso]>a<![endif]><o:p>b</o:p><xml>c</xml>", "ab"),
    ("<div style='display:none'>a</div><p hidden>b<p>c", "c"),
    ("a\0b\x1b\ud800c\u202ed", "ab\ufffdc\u202ed"),
    ("&#99999999999999999999999; &#0; &copy=1 5 < 6 <3", "\ufffd \ufffd ©=1 5 < 6 <3"),
    # text that looks like signs
    (
        "__init__ a_b _c_ *d* `e` ~f~ [g](h) C++ ${i} &amp;amp;",
        "\\_\\_init\\_\\_ a_b \\_c\\_ \\*d\\* \\`e\\` \\~f\\~ \\[g\\](h) C\\+\\+ \\${i} \\&amp;",
    ),
    ("a<p>&lt;script&gt;", "a\n\n\\<script>"),
]


@pytest.mark.parametrize(("html", "text"), EXAMPLES)
def test_each_thing_has_its_form(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    "sign",
    ["| a", "|| a", "||| a", "# a", "&gt; a", "1. a", "1) a", "* a", "+ a", "- a", "---", "===", "${a}", "```", "~~~"],
)
@pytest.mark.parametrize("around", ["<p>{}</p>", "x<br>{}", "<ul><li>{}</ul>", "<blockquote>{}</blockquote>"])
def test_text_that_looks_like_a_block_is_text(sign: str, around: str) -> None:
    text = text_of(around.format(sign))
    assert re.search(r"\\[|#>.)*+=$`~-]", text)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = {token.type for token in tokens} - {"inline", "paragraph_open", "paragraph_close"}
    assert kinds <= {
        "bullet_list_open",
        "bullet_list_close",
        "list_item_open",
        "list_item_close",
        "blockquote_open",
        "blockquote_close",
    }
    assert seen(text)[-1] == sign.replace("&gt;", ">").split()[-1]


def test_losses_say_how_many_of_which_sort() -> None:
    html = "<p style='color:red'>a</p><p style='color:red'>b</p><a href=javascript:x>c</a>"
    assert markdown(html, address=same).losses == [
        Loss("html", "dropped", "1 links to a script; their text stays"),
        Loss("html", "dropped", "2 styles (colour, size, place)"),
    ]
    assert losses_of("<p>plain <b>bold</b></p>") == []


def test_addresses_are_asked_for_once_in_order_and_come_out_as_answered() -> None:
    asked: list[tuple[str, str]] = []

    def answer(url: str, sort: str) -> str:
        asked.append((url, sort))
        return f"\ue000{len(asked)}\uf8ff"

    html = "<a href=' a&amp;b '>x</a><img src=c><table><tr><td colspan=2><a href=d>y</a><tr><td><img src=e><td></table>"
    text = markdown(f"{html}<video src=f></video><iframe src=g></iframe>", address=answer).text
    assert asked == [("a&b", "link"), ("c", "image"), ("d", "link"), ("e", "image"), ("f", "media"), ("g", "link")]
    assert re.findall("\ue000(.)\uf8ff", text) == list("1233456")


def test_without_an_address_words_stay() -> None:
    html = "<p><a href=a><b>x</b></a> <img src=b alt='y z'> <video src=c title=v></video><iframe src=d></iframe>"
    assert markdown(html, address=lambda url, sort: None).text == "**x** y z\n\nv"


def test_long_tables_are_split_with_their_header() -> None:
    rows = "".join(f"<tr><td>{n}<td>x" for n in range(120))
    tables = text_of(f"<table><tr><th>h<th>i{rows}</table>").split("\n\n")
    assert [table.split("\n")[:2] for table in tables] == [["| h | i |", "| --- | --- |"]] * 3
    assert [len(table.split("\n")) - 1 for table in tables] == [50, 50, 23]  # the header is a row
    assert re.findall(r"\| (\d+) \|", "\n".join(tables)) == [str(n) for n in range(120)]


# ---- laws ------------------------------------------------------------------------------------------------------------

WORDS = st.text("ab1*_#|+~`[]()<>&!$\\{}-=.:é😀\u00a0 ", min_size=1, max_size=8)
INLINE = ["b", "i", "u", "s", "mark", "code", "span", "a href=u", "sup"]
BLOCKS = [
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h2",
    "table",
    "tr",
    "td",
    "th",
    "pre",
    "dl",
    "dt",
    "div class=tip",
    "details",
]


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, max_size=4).map("".join)
    return st.tuples(st.sampled_from(INLINE + BLOCKS), many).map(lambda t: f"<{t[0]}>{t[1]}</{t[0].split()[0]}>")


BODIES = st.lists(st.recursive(WORDS.map(as_html), around, max_leaves=12), max_size=5).map("".join)
SOUP = st.lists(
    desk.texts(longest=30)
    | st.sampled_from(
        [f"<{name}>" for name in INLINE + BLOCKS]
        + [
            "</b>",
            "</a>",
            "</p>",
            "</table>",
            "</ul>",
            "<br>",
            "<hr>",
            "<img src=i>",
            "<a href='",
            "<!--",
            "<iframe src=x>",
        ]
    ),
    max_size=25,
).map("".join)


def seen(text: str) -> list[str]:
    """The words a CommonMark reader shows."""
    return "".join(_shown(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text))).split()


def _shown(tokens: list[Token]) -> list[str]:
    shown: list[str] = []
    for token in tokens:
        if token.type == "inline":
            shown += [*_shown(token.children or []), " "]
        elif token.type in ("softbreak", "hardbreak"):
            shown.append(" ")
        elif token.type in ("fence", "code_block"):
            shown += [token.content, " "]
        else:
            assert token.type not in ("html_inline", "html_block"), token.content
            shown.append(token.content)
    return shown


@given(SOUP | BODIES)
@example("<table><p><b><table><td>")
def test_it_never_raises_and_says_the_same_again(html: str) -> None:
    first = markdown(html, address=same)
    assert isinstance(first, Written)
    assert first == markdown(html, address=same)
    assert not first.text.startswith("---")
    assert "\0" not in first.text


@given(SOUP | BODIES)
def test_there_is_no_html_outside_code(html: str) -> None:
    seen(text_of(html))  # asserts it


@given(
    st.lists(WORDS.filter(str.strip), min_size=1, max_size=6), st.sampled_from(["p", "li", "blockquote", "h3", "div"])
)
def test_every_character_of_plain_text_reads_back(texts: list[str], block: str) -> None:
    html = "".join(f"<{block}>{as_html(text)}</{block}>" for text in texts)
    assert "".join(seen(text_of(html))) == "".join("".join(texts).split())


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=12), st.data())
def test_every_word_stands_in_order(words: list[str], data: st.DataObject) -> None:
    tags = st.sampled_from(
        ["<b>", "</b>", "<i>", "<p>", "<li>", "<ul>", "</ul>", "<td>", "<div>", "</div>", "<pre>", "</pre>"]
    )
    html = "".join(f"{data.draw(tags)}{word}-" for word in words)
    assert "".join(re.findall("[abc]", "".join(seen(text_of(html))))) == "".join(words)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["link", "image"]),
            st.sampled_from(["<p>", "<li>", "<h2>", "<b>", "<table><tr><td>x<td>", "</table>", " ", "<blockquote>"]),
        ),
        max_size=15,
    )
)
def test_every_address_that_was_answered_stands_once(places: list[tuple[str, str]]) -> None:
    answered: list[str] = []

    def answer(url: str, sort: str) -> str:
        answered.append(f"\ue000{url}-{sort}\ue001")
        return answered[-1]

    tags = {"link": "<a href=u{}>w</a>", "image": "<img src=u{}>"}
    text = markdown("".join(at + tags[sort].format(n) for n, (sort, at) in enumerate(places)), address=answer).text
    assert sorted(answered) == sorted(f"\ue000u{n}-{sort}\ue001" for n, (sort, _) in enumerate(places))
    assert sorted(re.findall("\ue000[^\ue001]*\ue001", text)) == sorted(answered)


@given(st.integers(0, 130), st.integers(1, 3), st.booleans())
def test_no_table_has_more_than_fifty_rows(rows: int, columns: int, head: bool) -> None:
    html = ("<tr>" + "<th>h" * columns) * head + ("<tr>" + "<td>c" * columns) * rows
    text = text_of(f"<table>{html}</table>")
    assert all(len(table.split("\n")) - 1 <= 50 for table in text.split("\n\n"))
    assert len(re.findall(r"\bc\b", text)) == rows * columns


MARKED = st.lists(st.tuples(st.sampled_from(["a", "bc", "!", "d.", "(e", " "]), st.integers(0, 31)), max_size=7)


@given(MARKED)
def test_every_sign_of_bold_and_italic_is_read_as_one(parts: list[tuple[str, int]]) -> None:
    """What a reader of CommonMark shows has no stray sign; underline and highlight are signs of the dialect only."""
    bits = (BOLD, ITALIC, STRIKE, UNDERLINE, HIGHLIGHT)
    pieces = [
        Piece.blank(" ") if text == " " else Piece("text", text, sum(bits[n] for n in range(2) if marks >> n & 1))
        for text, marks in parts
    ]
    lines = emphasised(pieces, lambda outcome, why: None, starts=True)
    assert "".join(seen("\n".join(lines))) == "".join(text for text, _ in parts).replace(" ", "")


@pytest.mark.parametrize(
    "html",
    [
        "<p>word <b>bold</b> <i>it</i> <a href='https://x/y'>link</a>.</p>\n" * 4500,
        "word " * 60_000,
        "<li>item " * 33_000,
        "<ul><li>" * 2000 + "x " * 140_000,
        "<div><b>" * 2000 + "x" + "<" * 250_000,
        "<table>" + "<tr><td rowspan=9>a<td colspan=60>b" * 8000,
        '<a href="' * 33_000,
        "<!--" * 75_000,
        "<h1>" + "<div> </div>" * 24_000,
        "&#" + "9" * 299_000,
    ],
)
def test_a_body_of_300_000_characters_takes_two_seconds_at_most(html: str) -> None:
    started = time.process_time()
    markdown(html, address=same)
    assert time.process_time() - started < 2 * 3  # thrice what it may take: machines are busy
