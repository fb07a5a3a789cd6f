"""A paragraph of Crisp's Markdown: links, images, embeds, code, and which stars and underscores are marks.

CommonMark's own algorithm, with `~~` and `++` as marks of two, and without raw HTML. Nothing here takes longer than
the text is long (destinations nest eight parentheses; CommonMark asks for three).
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from html.entities import html5

from mig_crisp.help_outline import Event
from mig_crisp.help_outline_text import embed

PUNCTUATION = r"!-/:-@\[-`{-~"
_PLAIN = re.compile(r"[^\\`*_~+!\[\]<&$\n]+")
_TICKS = re.compile(r"`+")
_RUN = re.compile(r"\*+|_+|~+|\++")
_ESCAPE = re.compile(rf"\\([{PUNCTUATION}])")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>")
_MAIL = re.compile(r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)>")
_SPACE = re.compile(r"[ \t\n]*+")
_ANGLE = re.compile(r"<((?:\\.|[^<>\\\n])*+)>")
_PIECE = re.compile(rf"(?:\\[{PUNCTUATION}]|[^\s()\\\x00-\x1f\x7f]|[\u0080-\U0010ffff]|\\)++")
_TITLE = re.compile(r"\"(?:\\.|[^\"\\])*+\"|'(?:\\.|[^'\\])*+'|\((?:\\.|[^()\\])*+\)", re.DOTALL)
_EMBED = re.compile(r"\$\{([A-Za-z][\w-]{0,30})\}\[((?:\\.|[^\[\]\\])*+)\](?=\()", re.DOTALL)
_LABEL = re.compile(r"\[((?:\\.|[^\[\]\\]){0,999}+)\]", re.DOTALL)
_DEEPEST = 8

Named = Mapping[str, str]
"""Addresses that links call by a name."""


def plain(text: str) -> str:
    """Text without its backslashes and with its signs for characters."""

    def meant(found: re.Match[str]) -> str:
        return found[1] or _sign(found[0])

    return re.sub(rf"\\([{PUNCTUATION}])|{_REFERENCE.pattern}", meant, text)


def label(text: str) -> str:
    """A name as names are compared."""
    return " ".join(text.casefold().split())


def _sign(text: str) -> str:
    return html.unescape(text) if text[1] == "#" or text[1:] in html5 else text


def target(text: str, at: int) -> tuple[str, int] | None:
    """The address in parentheses that begin here, and where they end."""
    at = _behind_space(text, at + 1)
    found = destination(text, at)
    url, at = found if found is not None else ("", at)
    after = _behind_space(text, at)
    if after > at and (title := _TITLE.match(text, after)):
        after = _behind_space(text, title.end())
    return (url, after + 1) if text.startswith(")", after) else None


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def destination(text: str, at: int) -> tuple[str, int] | None:
    """The address that begins here, and where it ends."""
    if text.startswith("<", at):
        found = _ANGLE.match(text, at)
        return (plain(found[1]), found.end()) if found else None
    start, depth = at, 0
    while True:
        piece = _PIECE.match(text, at)
        if piece:
            at = piece.end()
        if text.startswith("(", at) and depth < _DEEPEST:
            depth += 1
        elif text.startswith(")", at) and depth:
            depth -= 1
        else:
            break
        at += 1
    return None if depth or at == start else (plain(text[start:at]), at)


class _Bracket:
    __slots__ = ("at", "marks", "node", "sort")

    def __init__(self, sort: str, node: int, at: int, marks: int) -> None:
        self.sort = sort  # "[" or "!["
        self.node = node
        self.at = at  # where its text begins
        self.marks = marks  # how many marks there were before it


class _Mark:
    __slots__ = ("char", "closes", "left", "node", "opens", "size")

    def __init__(self, node: int, run: str, before: str, after: str) -> None:
        self.node = node
        self.char = run[0]
        self.size = self.left = len(run)
        left = not _space(after) and (not _punctuation(after) or _space(before) or _punctuation(before))
        right = not _space(before) and (not _punctuation(before) or _space(after) or _punctuation(after))
        word = self.char == "_"
        self.opens = left and (not word or not right or _punctuation(before))
        self.closes = right and (not word or not left or _punctuation(after))
        if self.char in "~+" and self.size != 2:
            self.opens = self.closes = False


def _space(char: str) -> bool:
    return not char or char.isspace()


def _punctuation(char: str) -> bool:
    return unicodedata.category(char or " ")[0] in "PS"


class _Line:
    """One paragraph being read: nodes are events, or marks that become words."""

    def __init__(self, text: str, named: Named) -> None:
        self.text = text
        self.named = named
        self.at = 0
        self.nodes: list[Event] = []
        self.brackets: list[_Bracket] = []
        self.dead = 0  # "[" below this in the stack begin no link: there is one in them
        self.marks: list[_Mark] = []
        self.ticks: dict[int, list[int]] = {}
        for found in _TICKS.finditer(text):
            self.ticks.setdefault(len(found[0]), []).append(found.start())
        self.reads = {
            "\\": self.escape, "`": self.code, "*": self.mark, "_": self.mark, "~": self.mark, "+": self.mark,
            "!": self.bang, "[": self.bracket, "]": self.close, "<": self.angle, "&": self.sign, "$": self.embed,
            "\n": self.newline,
        }  # fmt: skip

    def read(self) -> list[Event]:
        text, size = self.text, len(self.text)
        while self.at < size:
            if found := _PLAIN.match(text, self.at):
                self.say(found[0])
                self.at = found.end()
            else:
                self.reads[text[self.at]]()
        self.settle(0)
        return self.nodes

    def say(self, words: str) -> None:
        self.nodes.append(("words", words, ""))

    def one(self) -> None:
        """The character here means itself."""
        self.say(self.text[self.at])
        self.at += 1

    def newline(self) -> None:
        self.nodes.append(("gap", "", ""))
        self.at += 1

    def escape(self) -> None:
        if found := _ESCAPE.match(self.text, self.at):
            self.say(found[1])
            self.at = found.end()
        elif self.text.startswith("\n", self.at + 1):
            self.at += 1
        else:
            self.one()

    def code(self) -> None:
        run = _TICKS.match(self.text, self.at)
        assert run is not None
        size = len(run[0])
        places = self.ticks.get(size, [])
        next_one = bisect_left(places, run.end())
        if next_one == len(places):
            self.say(run[0])
            self.at = run.end()
            return
        inner = self.text[run.end() : places[next_one]].replace("\n", " ")
        padded = inner[0] == inner[-1] == " " and not inner.isspace()
        self.say(inner[1:-1] if padded else inner)
        self.at = places[next_one] + size

    def mark(self) -> None:
        run = _RUN.match(self.text, self.at)
        assert run is not None
        mark = _Mark(len(self.nodes), run[0], self.text[self.at - 1 : self.at], self.text[run.end() : run.end() + 1])
        if mark.opens or mark.closes:
            self.marks.append(mark)
        self.say(run[0])
        self.at = run.end()

    def bang(self) -> None:
        if not self.text.startswith("[", self.at + 1):
            self.one()
            return
        self.brackets.append(_Bracket("![", len(self.nodes), self.at + 2, len(self.marks)))
        self.say("![")
        self.at += 2

    def bracket(self) -> None:
        self.brackets.append(_Bracket("[", len(self.nodes), self.at + 1, len(self.marks)))
        self.say("[")
        self.at += 1

    def close(self) -> None:
        if not self.brackets:
            self.one()
            return
        opener = self.brackets.pop()
        dead = opener.sort == "[" and len(self.brackets) < self.dead
        self.dead = min(self.dead, len(self.brackets))
        found = None if dead else self.found(opener)
        if found is None:
            self.one()
            return
        url, self.at = found
        name = "image" if opener.sort == "![" else "link"
        self.nodes[opener.node] = (name, url, "")
        self.settle(opener.marks)
        self.nodes.append((f"/{name}", "", ""))
        if name == "link":
            self.dead = len(self.brackets)

    def found(self, opener: _Bracket) -> tuple[str, int] | None:
        """Where the bracket that closes here leads, and where that ends."""
        after = self.at + 1
        if self.text.startswith("(", after) and (inline := target(self.text, after)):
            return inline
        if not self.named:
            return None
        full = _LABEL.match(self.text, after)
        name = full[1] if full and full[1] else self.text[opener.at : self.at][:1000]
        url = self.named.get(label(name))
        return None if url is None else (url, full.end() if full else after)

    def angle(self) -> None:
        if found := _AUTOLINK.match(self.text, self.at):
            self.link(found[1], found[1])
        elif found := _MAIL.match(self.text, self.at):
            self.link(f"mailto:{found[1]}", found[1])
        else:
            self.one()
            return
        self.at = found.end()

    def link(self, url: str, words: str) -> None:
        self.nodes += [("link", url, ""), ("words", words, ""), ("/link", "", "")]

    def sign(self) -> None:
        found = _REFERENCE.match(self.text, self.at)
        if found is None:
            self.one()
            return
        self.say(_sign(found[0]))
        self.at = found.end()

    def embed(self) -> None:
        found = _EMBED.match(self.text, self.at)
        inside = target(self.text, found.end()) if found else None
        if found is None or inside is None:
            self.one()
            return
        value, self.at = inside
        known = embed(value)
        bare = known is None and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", value)
        self.nodes.append(("embed", known or (f"{found[1].lower()} {value}".strip() if bare else value), ""))

    def settle(self, bottom: int) -> None:
        """Find which marks from here on belong together, and take them out of the words."""
        marks = self.marks[bottom:]
        del self.marks[bottom:]
        before = list(range(-1, len(marks) - 1))
        floors: dict[tuple[str, bool, int], int] = {}
        at = 0
        while at < len(marks):
            closer = marks[at]
            if not closer.closes or not closer.left:
                if not closer.left:
                    self.drop(before, at)
                at += 1
                continue
            key = (closer.char, closer.opens, closer.size % 3)
            floor = floors.get(key, -1)
            back = before[at]
            while back > floor and not _fits(marks[back], closer):
                back = before[back]
            if back <= floor:
                floors[key] = before[at]
                if not closer.opens:
                    self.drop(before, at)
                at += 1
                continue
            opener = marks[back]
            used = 2 if opener.left >= 2 and closer.left >= 2 else 1
            opener.left -= used
            closer.left -= used
            before[at] = back if opener.left else before[back]
        for mark in marks:
            self.nodes[mark.node] = ("words", mark.char * mark.left, "")

    def drop(self, before: list[int], at: int) -> None:
        """Take a mark out of the chain of those that may still begin something."""
        if at + 1 < len(before):
            before[at + 1] = before[at]


def _fits(opener: _Mark, closer: _Mark) -> bool:
    if not opener.opens or not opener.left or opener.char != closer.char:
        return False
    if opener.char in "~+":
        return True
    either = opener.closes or closer.opens
    return not either or (opener.size + closer.size) % 3 != 0 or (opener.size % 3 == 0 and closer.size % 3 == 0)


def inline(text: str, named: Named) -> Iterator[Event]:
    """Tell what a paragraph says; what is in an image's brackets is its description."""
    if _PLAIN.fullmatch(text):
        yield "words", text, ""
        return
    depth, alt, url = 0, [""], ""
    for sort, value, more in _Line(text, named).read():
        if sort == "image":
            depth += 1
            if depth == 1:
                alt, url = [], value
        elif sort == "/image":
            depth -= 1
            if not depth:
                yield "image", "".join(alt), url
        elif not depth:
            yield sort, value, more
        elif sort in ("words", "gap"):
            alt.append(value or " ")
