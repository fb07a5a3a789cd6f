"""Foreign text as it may be shown: nothing that cannot be seen, no address, nothing that Markdown obeys."""

from __future__ import annotations

import re
import unicodedata

from mig.journal.ledger import masked as masked

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$@]|&(?=[#\w])|(?<=:)(?=//)|(?i:(?<=www)\.)")
_FIRST = re.compile(r"([-+=]|\d{1,9}[.)])")
_TICKS = re.compile("`+")
_JOINERS = "\u200c\u200d\u200e\u200f"
"""They shape letters, join emoji and say which way a text runs: titles need them."""
LONGEST = 300
"""Characters of a title, or of anything else on one line."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """A text on one line, in which everything can be seen: controls and marks that turn direction by their number."""
    flat = "".join(map(_seen, " ".join(text.split())))
    return flat if len(flat) <= longest else f"{flat[:longest]}… ({len(flat):,} characters)"


def block(text: str) -> str:
    """A text of several lines, as it is but for controls: to be copied."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _is_control(one) else one for one in lines).strip("\n")


def escaped(text: str) -> str:
    """A text on one line as Markdown that shows exactly it."""
    found = _SPECIAL.sub(lambda one: f"\\{one[0]}" if one[0] else "\\", one_line(text))
    first = _FIRST.match(found)
    if first is None:
        return found
    mark = first[0]
    return f"{mark[:-1]}\\{mark[-1]}{found[len(mark) :]}"


def fenced(text: str, indent: str = "") -> list[str]:
    """A text as a block of code, under a fence longer than any in it: lines, each indented."""
    shown = block(text)
    fence = "`" * max(3, *(len(run) + 1 for run in _TICKS.findall(shown)), 3)
    return [
        f"{indent}{line}".rstrip(" ") if not line else f"{indent}{line}"
        for line in (f"{fence}text", *shown.split("\n"), fence)
    ]


def _seen(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Cc", "Cs") or (category == "Cf" and letter not in _JOINERS and letter != "\u00ad"):
        return f"⟨U+{ord(letter):04X}⟩"
    return letter


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"
