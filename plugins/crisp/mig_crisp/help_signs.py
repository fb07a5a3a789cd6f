"""What has a meaning in the dialect of Crisp's help centre, and how text is kept from having one.

The one rule of escaping: help centre Markdown is CommonMark with additions, so a backslash before ASCII punctuation
makes it mean itself. Text gets one where the dialect could see a sign: always before backslash, backtick, asterisk,
tilde, pipe and square brackets; before an underscore that is not a single one between two letters or digits; before
a plus beside another or at an edge, a dollar before a brace or at an edge, a "<" that could begin a tag, an "&" that
could begin an entity; and where a line begins with what would make it a heading, quote, box, list or rule.
"""

from __future__ import annotations

import re
import unicodedata

_SIGNS = re.compile(
    r"[\\`*~|\[\]]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|\+(?=\+|\Z)|(?<=\+)\+|\A\+"
    r"|\$(?=\{|\Z)"
    r"|<(?=[A-Za-z/!?])"
    r"|&(?=(?:[a-zA-Z][a-zA-Z0-9]{0,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});)"
)
_LINE_SIGN = re.compile(r"\A(?:[#>=-]|\+(?!\+)|:(?=-))")
_LINE_NUMBER = re.compile(r"\A([0-9]{1,9})([.)])(?=\s|\Z)")
_HASHES = re.compile(r"(?<!\\)#+\Z")
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f<>\\`]")


def escaped(text: str) -> str:
    """Text inside a line whose signs mean themselves."""
    return _SIGNS.sub(r"\\\g<0>", text)


def escaped_at_start(text: str) -> str:
    """Escaped text that begins a line and shall not make it anything but a line."""
    return _LINE_NUMBER.sub(r"\1\\\2", _LINE_SIGN.sub(r"\\\g<0>", text))


def escaped_heading(line: str) -> str:
    """A heading whose last number signs do not close it."""
    return _HASHES.sub(lambda found: r"\#" * len(found[0]), line)


def code_span(text: str, *, cell: bool) -> str:
    """Inline code, in as many backticks as it takes; in a table its pipes are escaped, as GFM wants it."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    if text[0] == "`" or text[-1] == "`":
        text = f" {text} "
    return f"{ticks}{text.replace('|', chr(92) + '|') if cell else text}{ticks}"


def fenced(text: str, language: str) -> str:
    """A block of code."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def destination(address: str, *, cell: bool) -> str:
    """An address as it can stand between parentheses; all but what would end it there stays to the character."""
    address = _NOT_IN_ADDRESS.sub(lambda found: f"%{ord(found[0]):02X}", address.strip())
    if cell:
        address = address.replace("|", "%7C")
    depth = deepest = 0
    for sign in re.findall(r"[()]", address):
        depth += 1 if sign == "(" else -1
        deepest = max(deepest, depth)
        if depth < 0:
            break
    if depth or deepest > 2:
        address = address.replace("(", "%28").replace(")", "%29")
    return address


def _is_blank(char: str) -> bool:
    return not char or char.isspace()


def _is_sign(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def is_mark(char: str) -> bool:
    """Whether a character beside emphasis keeps it from beginning or ending there."""
    return not _is_blank(char) and _is_sign(char)


def may_stand(sign: str, outside: str, inside: str) -> bool:
    """Whether emphasis can begin (or, mirrored, end) between these two characters, as CommonMark has it.

    A symbol that is no punctuation counts as one inside and as none outside: versions of CommonMark differ.
    """
    free = _is_blank(outside) or unicodedata.category(outside)[0] == "P" or (outside.isascii() and _is_sign(outside))
    if sign == "_" and not free:
        return False
    return not _is_blank(inside) and (not _is_sign(inside) or free)
