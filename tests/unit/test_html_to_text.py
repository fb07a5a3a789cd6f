"""What an agent reads of an HTML e-mail: golden mails, small laws, and properties of any input."""

import re
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mig_kustomer.html import to_text

MAILS = Path(__file__).parent.parent / "data" / "mails"
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("mail", sorted(MAILS.glob("*.html")), ids=lambda mail: mail.stem)
def test_a_mail_reads_as_its_golden_text(mail: Path) -> None:
    assert to_text(mail.read_text("utf-8")) + "\n" == mail.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  \n ", ""),
        ("just words", "just words"),
        ("Hi,\n\nline one\nline two &amp; more", "Hi,\n\nline one\nline two & more"),
        ("<p>folded\nsource</p>", "folded source"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("one<br><br><br><br>two", "one\n\ntwo"),
        ("<div>one<br></div>two", "one\ntwo"),
        ("<p>one</p><p>&nbsp;</p><p>&nbsp;</p><p>two</p>", "one\n\ntwo"),
        ("<h1>Big <b>news</b></h1>text", "Big news\n\ntext"),
        ("above<hr>below", "above\n\n---\n\nbelow"),
        ("<body>one<!-- two --> three<!-- cut off", "one three cut off"),
    ],
)
def test_lines_and_paragraphs(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a <b>bold</b> word", "a **bold** word"),
        ("a<b> bold </b>word", "a **bold** word"),
        ("<b>half</b><b>half</b>", "**halfhalf**"),
        ("<b>one<b>two</b></b>", "**onetwo**"),
        ("<em>so</em>, <strong>!</strong>", "*so*, !"),
        ("<b>one<br>two</b>", "**one**\n**two**"),
        ("<b><p>one</p><p>two</p></b>", "one\n\ntwo"),
        ('<b style="font-weight:normal">pasted from a document</b>', "pasted from a document"),
        ("<s>50</s> 30", "~~50~~ 30"),
        ("<q>said</q>", '"said"'),
        ("run <code>a_b*c</code>", "run `a_b*c`"),
        ("*a* _b_ __c__ [d] # 1. + - | ~", "*a* _b_ __c__ [d] # 1. + - | ~"),
    ],
)
def test_signs_only_where_they_mean_something(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("href", "inside", "text"),
    [
        ("https://a.example/x", "here", "here (https://a.example/x)"),
        ("https://a.example/x", "https://a.example/x", "https://a.example/x"),
        ("https://a.example/x", "<b>https://a.example/x</b>", "https://a.example/x"),
        ("https://a.example/", "a.example", "https://a.example/"),
        ("https://a.example/?utm_source=m&id=7&region=eu#top", "here", "here (https://a.example/?id=7&region=eu#top)"),
        ("https://a.example/?utm_source=m", "https://a.example/?utm_source=m", "https://a.example/?utm_source=m"),
        ("https://www.google.com/url?q=https%3A%2F%2Fa.example", "here", "here (https://a.example)"),
        (
            "https://www.google.com/search?q=https://a.example",
            "s",
            "s (https://www.google.com/search?q=https://a.example)",
        ),
        ("http://[broken", "here", "here (http://[broken)"),
        ("//a.example/x", "here", "here (https://a.example/x)"),
        ("mailto:ada@a.example", "ada@a.example", "ada@a.example"),
        ("mailto:ada%2Bx@a.example?subject=Hi", "Ada", "Ada (ada+x@a.example)"),
        ("tel:+442079460958", "(020) 7946 0958", "(020) 7946 0958"),
        ("tel:+442079460958", "call", "call (+442079460958)"),
        ("whatsapp://send?phone=1", "chat", "chat (whatsapp://send?phone=1)"),
        ("javascript:alert(1)", "here", "here"),
        ("java\nscript:alert(1)", "here", "here"),
        ("data:text/html,x", "here", "here"),
        ("#top", "here", "here"),
        ("/relative", "here", "here"),
        ("https://a.example/%01\x01x", "here", "here (https://a.example/%01x)"),
        ("https://a.example/x", "", ""),
        ("https://a.example/x", "<div>one</div><div>two</div>", "one\ntwo (https://a.example/x)"),
    ],
)
def test_a_link_shows_where_it_leads_once(href: str, inside: str, text: str) -> None:
    assert to_text(f'<p><a href="{href}">{inside}</a></p>') == text


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ('src="https://a.example/x.png" alt="A chair"', "[image: A chair]"),
        ('src="cid:1" alt="shot.png"', "[image: shot.png]"),
        ('src="cid:1" width="400" height="300"', "[image]"),
        ('src="cid:1" alt="" style="width:400px;height:300px"', "[image]"),
        ('src="data:image/png;base64,AAAA"', "[image]"),
        ('src="cid:1"', ""),
        ('src="https://a.example/banner.png" width="600"', "[image]"),
        ('src="https://a.example/ornament.png" width="600" alt=""', ""),
        ('src="https://a.example/spacer.gif" width="600" height="8"', ""),
        ('src="https://a.example/open.gif" width="1" height="1" alt="open"', ""),
        ('src="https://a.example/open.gif"', ""),
        ('src="https://a.example/1f600.png" alt="😀"', "😀"),
        ('class="emoji" src="https://a.example/s.png" alt=":smile:"', ":smile:"),
    ],
)
def test_an_image_is_named_if_it_shows_something(image: str, text: str) -> None:
    assert to_text(f"<p><img {image}></p>") == text


@pytest.mark.parametrize(
    "part",
    [
        '<div style="display:none">x</div>',
        '<div style="DISPLAY: none !important">x</div>',
        '<span style="visibility:hidden">x</span>',
        '<span style="font-size:0px">x<b>x</b></span>',
        '<span style="mso-hide:all">x</span>',
        '<div style="max-height:0;overflow:hidden">x</div>',
        '<div style="opacity:0">x</div>',
        "<div hidden>x</div>",
        "<style>x{}</style>",
        "<script>x</script>",
        "<head><title>x</title></head>",
        "<!-- x -->",
        "<!--[if mso]><p>x</p><![endif]-->",
        "&zwnj;&nbsp;&zwnj;&nbsp;&#847;&shy;&#65279;&#8203;",
    ],
)
def test_what_nobody_sees_is_not_read(part: str) -> None:
    assert to_text(f"<div>before</div>{part}<div>after</div>") == "before\nafter"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<td style="font-size:0"><div style="font-size:14px">seen</div></td>', "seen"),
        ('<a style="mso-hide:all" href="https://a.example/x">Buy</a>', "Buy (https://a.example/x)"),
        ("<![if !mso]>seen<![endif]>", "seen"),
        ("<!--[if !mso]><!-->seen<!--<![endif]-->", "seen"),
        ("<head><body>seen", "seen"),
    ],
)
def test_what_only_looks_hidden_is_read(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "* a\n  * b\n* c"),
        ("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "* a\n  * b\n* c"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ('<ol start="9"><li>a</li><li>b<ul><li>c</li></ul></li></ol>', "9. a\n10. b\n    * c"),
        ('<ol start="²"><li>a</li></ol>', "1. a"),
        ("<p>x</p><ul><li></li><li> </li></ul><p>y</p>", "x\n\ny"),
    ],
)
def test_lists(html: str, text: str) -> None:
    assert to_text(html) == text


ROWS = "<tr><td>Total</td><td>30</td></tr><tr><td>Tax</td><td>6</td></tr>"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<table>{ROWS}</table>", "Total | 30\nTax | 6"),
        (f'<table role="presentation">{ROWS}</table>', "Total 30\nTax 6"),
        (f"<table><tr><td><table>{ROWS}</table></td></tr></table>", "Total | 30\nTax | 6"),
        ("<table><tr><td>a<td>b<tr><td>c<td>d</table>", "a | b\nc | d"),
        ("<table><tr><th>a</th><th>b</th></tr></table>", "a | b"),
        ("<table><tr><td>one</td></tr><tr><td>two</td></tr></table>", "one\ntwo"),
        ("<table><tr><td><p>one</p></td><td><p>two</p></td></tr></table>", "one\n\ntwo"),
        (
            "<table><tr><td>Name</td><td>Ada<br>Quell</td></tr>"
            "<tr><td>Message</td><td>Hello,<br>where is it?<br><br>Ada</td></tr></table>",
            "Name | Ada, Quell\n\nMessage\nHello,\nwhere is it?\n\nAda",
        ),
        ("<table><tr><td></td><td>b</td><td>c</td></tr><tr><td>d</td><td>e</td></tr></table>", "| b | c\nd | e"),
    ],
)
def test_tables_of_data_are_rows_and_layout_is_text(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n\n> b\n>\n> > c\n\nd"),
        ('<div class="gmail_quote">On x wrote:<blockquote>b</blockquote></div>', "On x wrote:\n\n> b"),
        ('<div class="gmail_quote">--- Forwarded message ---<br>b</div>', "> --- Forwarded message ---\n> b"),
        ('<blockquote style="margin:0 0 0 40px;border:none">indented</blockquote>', "indented"),
        (
            "a<div><hr><b>From:</b> x<br><b>Sent:</b> y<br><b>To:</b> z<br></div><div>b</div>",
            "a\n\n---\n\n> **From:** x\n> **Sent:** y\n> **To:** z\n> b",
        ),
        (
            "<div>a</div><p>-----Original Message-----<br>From: x<br>Sent: y<br>To: z</p><p>b</p>",
            "a\n\n> -----Original Message-----\n> From: x\n> Sent: y\n> To: z\n>\n> b",
        ),
        ("a<hr>From: here on it is prose<br>b", "a\n\n---\n\nFrom: here on it is prose\nb"),
    ],
)
def test_a_reply_is_quoted_level_by_level(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>see</p><pre>\n a  *b*\n\n\n c  \n</pre>", "see\n\n```\n a  *b*\n\n\n c\n```"),
        ("<p>see</p><pre>a ``` b</pre>", "see\n\n````\na ``` b\n````"),
        ("<pre>a whole mail\n  in plain text\n\n\nAda</pre>", "a whole mail\n  in plain text\n\nAda"),
        ('<div style="white-space:pre-wrap">a\nb</div><p>c</p>', "a\nb\n\nc"),
    ],
)
def test_code_is_kept_and_plain_text_is_no_code(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>&amp;lt; &lt; AT&T &unknown; &#8364; &#x80; &#0;", "&lt; < AT&T &unknown; € € \ufffd"),
        ("<p>a&nbsp;&nbsp;b\u2003c\u00add\u200be", "a b cde"),
        ("<p>a\x00b\x01c\x04d", "abcd"),
        ("<p>\x93old\x94", "“old”"),
        (
            "<p>1 < 2 <3 <-> Ada <ada@a.example> <https://a.example>",
            "1 < 2 <3 <-> Ada <ada@a.example> <https://a.example>",
        ),
        ("<p>👨‍👩‍👧 می‌خواهم", "👨‍👩‍👧 می‌خواهم"),
        ("<p>&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
        ("<![CDATA[x]]><?php echo ?><!DOCTYPE html>seen", "seen"),
        ("https://a.example/file.html", "https://a.example/file.html"),
        ('<?xml version="1.0"?><mail>seen</mail>', "seen"),
    ],
)
def test_characters(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize(
    "tag", ["div", "span", "b", "blockquote", "ul><li", "table><tr><td", "a href='x:y'", "pre", "p"]
)
@pytest.mark.parametrize("depth", [1_000, 20_000])
def test_depth_costs_neither_words_nor_the_stack(tag: str, depth: int) -> None:
    text = to_text(f"<p>above</p>{f'<{tag}>' * depth}deep<br>deeper")
    assert re.findall("above|deeper|deep", text) == ["above", "deep", "deeper"]


@pytest.mark.parametrize(
    ("html", "length"),
    [
        ("<p>" + "lorem ipsum dolor " * 280_000, 5_039_999),
        (("<p>" + "lorem ipsum dolor " * 50 + "</p>") * 5_500, 4_955_498),
        ("<p>see <img src='data:image/png;base64," + "A" * 5_000_000 + "' width=300> there</p>", 17),
        ("<table>" + "<tr><td>a</td><td>b</td></tr>" * 5_000 + "</table>", 29_999),
        ("<" * 2_000_000, 2_000_000),
        ("<a x" * 500_000, 2_000_000),
        ("<!--" * 1_000_000, 0),
        ("<?" * 500_000 + ">", 0),
        ("<p>a" + " " * 5_000_000 + "b", 3),
        ("<p>" + "_" * 5_000_000, 5_000_000),
        ("<p style='opacity:" + "0" * 1_000_000 + "x'>b", 1),
    ],
    ids=["text", "paragraphs", "inline image", "rows", "<", "<a x", "<!--", "<?", "blanks", "line", "zeros"],
)
def test_a_huge_mail_is_read_in_one_go(html: str, length: int) -> None:
    assert len(to_text(html)) == length


# Arbitrary input ------------------------------------------------------------------------------------------------------

TAGS = ["p", "div", "b", "i", "a", "blockquote", "ul", "ol", "li", "table", "tr", "td", "th", "pre", "code", "h1", "q"]
ODD_TAGS = [
    "br",
    "hr",
    "img",
    "img alt='x'",
    "style",
    "title",
    "svg",
    "html",
    "body",
    "o:p",
    "![if",
    "?",
    "!",
    "!--",
    "--",
]
ATTRIBUTES = ["href='https://a.example/x'", "href='mailto:x'", "start='7'", "wrap", "hidden", "id='divRplyFwdMsg'"]
STYLES = ["font-size:0", "font-size:9px", "margin:0", "mso-list: ignore", "mso-list:l0 level3", "border-top:solid"]
ODD_TEXT = [
    "<",
    ">",
    "-->",
    "&",
    "&#",
    "&amp;",
    "&nbsp;",
    ";",
    "From:",
    "Sent:",
    "To:",
    "---x---",
    "```",
    "\x00\x01\x04",
]
PARTS = (
    st.sampled_from([*TAGS, *ODD_TAGS]).map("<{}>".format)
    | st.sampled_from(TAGS).map("</{}>".format)
    | st.builds("<{} {}>".format, st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES))
    | st.builds("<{} style='{}'>".format, st.sampled_from(TAGS), st.sampled_from(STYLES))
    | st.sampled_from(ODD_TEXT)
)


@SLOW
@given(st.text() | st.lists(PARTS | st.text(max_size=5) | st.just("\n")).map("".join))
@example("<![foo")
@example("a<p style='mso-list:l0 level2'>")
@example("<pre>a<p style='mso-list:l0 level2'>")
@example("&#xD800;\ud800")
@example("<table><td>a<tr><b><td>b")
def test_any_text_can_be_read_and_comes_out_tidy(html: str) -> None:
    text = to_text(html)
    assert text == to_text(html)
    assert text == text.strip("\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)
    assert "\n\n\n" not in text or "<pre" in html.lower()


WORDS = st.sampled_from(["word", "שלום", "naïve", "*", "_x_", "<", "&amp;", "1.", "- ", "👍🏽", "مرحبا"])
TEXT = st.lists(WORDS, min_size=1, max_size=3)
RUNNING = [
    "b",
    "i",
    "u",
    "span",
    "code",
    "s",
    "font",
    "a href='https://a.example/'",
    "a href='mailto:x@a.example'",
    "q",
]
BLOCKS = ["p", "div", "blockquote", "h2", "section", "center", "p style='margin:0'", "div class='gmail_quote'"]
Tree = list[str] | tuple[str, Any]  # words, or a tag and the trees inside it


def holding(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    inside = st.lists(children, max_size=3)
    items = st.lists(st.tuples(st.just("li"), inside), max_size=3)
    rows = st.lists(st.tuples(st.just("tr"), st.lists(st.tuples(st.sampled_from(["td", "th"]), inside), max_size=3)))
    return (
        st.tuples(st.sampled_from([*RUNNING, *BLOCKS]), inside)
        | st.tuples(st.sampled_from(["ul", "ol"]), items)
        | st.tuples(st.sampled_from(["table", "table role='presentation'"]), rows)
        | st.sampled_from([("br", []), ("hr", [])])
    )


TREES = st.lists(st.recursive(TEXT, holding, max_leaves=12), max_size=4)


def written(trees: list[Tree], words: list[str]) -> str:
    """The trees as HTML; every word gets a number and is noted in `words`."""
    parts = []
    for tree in trees:
        if isinstance(tree, list):
            numbered = [f"{word}{len(words) + at}z" for at, word in enumerate(tree)]
            words += numbered
            parts.append(escape(" ".join(numbered)))
        elif tree[0] in ("br", "hr"):
            parts.append(f"<{tree[0]}>")
        else:
            parts.append(f"<{tree[0]}>{written(tree[1], words)}</{tree[0].split()[0]}>")
    return "".join(parts)


@SLOW
@given(TREES)
def test_every_visible_word_is_read_in_order(trees: list[Tree]) -> None:
    words: list[str] = []
    html = written(trees, words)
    text, at = to_text(html), 0
    for word in words:
        assert word in text[at:]
        at = text.index(word, at) + len(word)


@SLOW
@given(TREES)
def test_at_most_one_line_in_a_row_is_empty(trees: list[Tree]) -> None:
    lines = to_text(written(trees, [])).split("\n")
    empty = [not line.strip("> ") for line in lines]
    assert not any(map(lambda one, next_: one and next_, empty, empty[1:]))
