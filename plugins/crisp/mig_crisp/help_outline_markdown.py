"""The outline of an article in Crisp's Markdown (docs/api/crisp.md, section 9): its blocks.

CommonMark without raw HTML (a tag is words), with tables and boxes. What is defined here, beside what `help_outline`
defines for both sides:

* A box begins with one to three pipes and white space, and is read like a quote: `| tip`, `|| info`, `||| warning`.
  A line that a table's second line follows is the table's header instead. A box in a box is none.
* A table's row has as many cells as its header; what is more is not shown. A header without words is none.
* Bare addresses are words; those in `<...>` are links.
* Items count on from the number of a list's first one.
* More than `_DEEPEST` quotes, lists and items in one another are words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mig_crisp.help_outline import Event
from mig_crisp.help_outline_markdown_inline import destination, inline, label
from mig_crisp.help_outline_markdown_line import Holder, Line, cells, delimits
from mig_crisp.help_outline_text import clean

_DEEPEST = 4_200
_ATX = re.compile(r"(#{1,6})(?:[ \t]+(.*))?$", re.DOTALL)
_ATX_END = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)$")
_SETEXT = re.compile(r"(=+|-+)[ \t]*$")
_BULLET = re.compile(r"[*+-](?=[ \t]|$)|(\d{1,9})[.)](?=[ \t]|$)")
_NOTHING = re.compile(r"[ \t]*+$")
_BOX = re.compile(r"\|{1,3}(?=[ \t]|$)")
_NAME = re.compile(r"\[((?:\\.|[^\[\]\\]){1,999}+)\]:[ \t]*+")
_NAMED_TITLE = re.compile(r"(?:[ \t]+(?:\"(?:\\.|[^\"\\])*+\"|'(?:\\.|[^'\\])*+'|\((?:\\.|[^()\\])*+\)))?[ \t]*$")


def read(text: str) -> Iterator[Event]:
    """Tell what the Markdown says."""
    blocks = _Blocks(clean(text).removeprefix("\ufeff").split("\n"))
    for number in range(len(blocks.lines)):
        blocks.line(number)
    blocks.close(0)
    for sort, value, more in blocks.events:
        if sort == "inline":
            yield from inline(value, blocks.named)
        else:
            yield sort, value, more


class _Blocks:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.events: list[Event] = []
        self.named: dict[str, str] = {}
        self.holders: list[Holder] = []
        self.marked: list[int] = []  # which holders are quotes or boxes
        self.leaf = ""  # para | fence | indented | table
        self.text: list[str] = []
        self.fence = ("", 0)
        self.columns = 0

    # ---- a line ----

    def line(self, number: int) -> None:
        line = Line(self.lines[number])
        if line.blank():
            self.blank()
            return
        matched = self.match(line)
        if self.leaf == "fence" and matched == len(self.holders):
            self.in_fence(line)
            return
        if line.blank():  # nothing after the marks of quotes
            if self.leaf == "indented" and matched == len(self.holders):
                self.text.append("")
            else:
                self.leave(matched)
            return
        self.open(line, matched, number)

    def blank(self) -> None:
        """A blank line ends paragraphs, tables and quotes; lists go on."""
        if self.marked:
            self.close(self.marked[0])
        if self.leaf in ("fence", "indented"):
            self.text.append("")
            return
        self.end_leaf()
        if self.holders and self.holders[-1].empty:
            self.close(len(self.holders) - 1)

    def match(self, line: Line) -> int:
        """How many of the open holders this line is in; their marks are read."""
        for place, holder in enumerate(self.holders):
            if holder.sort == "list":
                continue
            indent = line.indent(max(holder.width, 4))
            if holder.sort == "item":
                if indent < holder.width and not line.blank():
                    return place
                line.move(holder.width)
            elif indent < 4 and self.marks(line, holder.mark, indent):
                line.move(indent)
                line.skip(len(holder.mark))
                line.move(1)
            else:
                return place
        return len(self.holders)

    def marks(self, line: Line, mark: str, indent: int) -> bool:
        """Whether a quote's or a box's mark stands here."""
        at = line.start()
        if not line.text.startswith(mark, at):
            return False
        return mark == ">" or line.text[at + len(mark) : at + len(mark) + 1] in ("", " ", "\t")

    def open(self, line: Line, matched: int, number: int) -> None:
        """Begin what begins on this line, and put the rest of it where it belongs."""
        whole = matched == len(self.holders)
        fresh = False  # whether something began on this line
        while not line.blank():
            indent = line.indent(4)
            if indent >= 4:
                break
            lazy = self.leaf == "para" and not fresh
            if whole and not fresh and lazy and self.underlined(line, indent):
                return
            if self.holder(line, matched, number, indent, interrupts=lazy and whole, here=whole and not fresh):
                whole, fresh, matched = True, True, len(self.holders)
                continue
            if self.block(line, matched, indent):
                return
            break
        self.words(line, matched, whole, fresh)

    def words(self, line: Line, matched: int, whole: bool, fresh: bool) -> None:
        if line.blank():
            return
        if self.leaf == "para" and not fresh:  # also of a paragraph in quotes that the line does not name
            self.text.append(line.rest().lstrip(" \t"))
            return
        if self.leaf == "table" and whole and not fresh and line.indent(4) < 4:
            self.row("row", line.rest())
            return
        if line.indent(4) >= 4:
            if not (self.leaf == "indented" and whole and not fresh):
                self.leave(matched)
                self.begin("indented")
            line.move(4)
            self.text.append(line.rest())
            return
        self.leave(matched)
        self.begin("para")
        self.text.append(line.rest().lstrip(" \t"))

    # ---- what holds blocks ----

    def holder(self, line: Line, matched: int, number: int, indent: int, *, interrupts: bool, here: bool) -> bool:
        """Begin a quote, a box or an item, if one begins here."""
        if len(self.holders) >= _DEEPEST:
            return False
        at = line.start()
        char = line.text[at]
        if char == ">":
            self.mark("quote", ">", line, matched, indent)
            return True
        if char == "|":
            return self.box(line, matched, number, indent, at, here)
        if char in "*-_" and line.rule(at):
            return False
        found = _BULLET.match(line.text, at)
        if found is None:
            return False
        weak = _NOTHING.match(line.text, found.end()) or (found[1] and int(found[1]) != 1)
        follows = matched < len(self.holders) and self.holders[matched].sort in ("item", "list")
        if interrupts and weak and not follows:  # in a list any number may follow, in a paragraph only the first
            return False
        self.item(line, matched, indent, found[0], found[1])
        return True

    def mark(self, sort: str, mark: str, line: Line, matched: int, indent: int) -> None:
        self.leave(matched)
        self.marked.append(len(self.holders))
        self.holders.append(Holder(sort, mark))
        self.events.append(("gap", "", ""))
        line.move(indent)
        line.skip(len(mark))
        line.move(1)

    def box(self, line: Line, matched: int, number: int, indent: int, at: int, here: bool) -> bool:
        found = _BOX.match(line.text, at)
        if found is None or (self.leaf == "table" and here):
            return False
        if any(self.holders[place].sort == "box" for place in self.marked if place < matched):
            return False
        if self.heads_table(line, matched, number):
            return False
        self.mark("box", found[0], line, matched, indent)
        return True

    def heads_table(self, line: Line, matched: int, number: int) -> bool:
        """Whether the next line, read in the same holders, is a table's second."""
        if number + 1 == len(self.lines):
            return False
        below = Line(self.lines[number + 1])
        kept, self.holders = self.holders, self.holders[:matched]
        same = self.match(below) == matched
        self.holders = kept
        under = below.rest().strip(" \t")
        return same and delimits(under) and len(cells(under)) == len(cells(line.rest()))

    def item(self, line: Line, matched: int, indent: int, mark: str, number: str | None) -> None:
        kind = mark[-1]
        self.leave(matched, keep=kind)
        if not (self.holders and self.holders[-1].sort == "list"):
            self.holders.append(Holder("list", kind))
            self.events.append(("list", "1" if number else "*", number or ""))
        line.move(indent)
        line.skip(len(mark))
        gap = line.indent(5)
        item = Holder("item", "", indent + len(mark) + (gap if 1 <= gap <= 4 else 1))
        item.empty = line.blank()
        if item.empty:
            item.width = indent + len(mark) + 1
        line.move(gap if 1 <= gap <= 4 else 1)
        self.holders.append(item)
        self.events.append(("item", "", ""))

    def leave(self, matched: int, keep: str = "") -> None:
        """Close what this line is not in: also a list, unless an item of its own kind follows."""
        self.close(matched)
        if self.holders and self.holders[-1].sort == "list" and self.holders[-1].mark != keep:
            self.close(len(self.holders) - 1)
        self.end_leaf()
        if self.holders:
            self.holders[-1].empty = False

    def close(self, place: int) -> None:
        if place < len(self.holders) or not place:
            self.end_leaf()
        while len(self.holders) > place:
            sort = self.holders.pop().sort
            self.events.append((f"/{sort}", "", "") if sort in ("list", "item") else ("gap", "", ""))
        while self.marked and self.marked[-1] >= place:
            self.marked.pop()

    # ---- blocks ----

    def block(self, line: Line, matched: int, indent: int) -> bool:
        """Read a heading, a rule or a fence, if one is here."""
        rest = line.rest().lstrip(" \t")
        if found := _ATX.match(rest):
            self.leave(matched)
            words = (found[2] or "").rstrip(" \t")
            if ended := _ATX_END.search(words):
                words = words[: ended.start()]
            self.heading(len(found[1]), words)
            return True
        if rest[0] in "*-_" and line.rule(line.start()):
            self.leave(matched)
            self.events.append(("gap", "", ""))
            return True
        found = _FENCE.match(rest)
        if found and not (found[1][0] == "`" and "`" in found[2]):
            self.leave(matched)
            self.begin("fence")
            self.fence = (found[1], indent)
            return True
        return False

    def heading(self, level: int, words: str) -> None:
        self.events += [("heading", str(level), ""), ("inline", words, ""), ("/heading", "", "")]

    def underlined(self, line: Line, indent: int) -> bool:
        """Whether this line makes the paragraph before it a heading, or a table's header of its last line."""
        rest = line.rest().strip(" \t")
        if found := _SETEXT.match(rest):
            self.names()
            if not self.text:
                return False
            words, self.leaf = "\n".join(self.text), ""
            self.heading(1 if found[1][0] == "=" else 2, words)
            return True
        if not delimits(rest):
            return False
        head = self.text[-1]
        columns = len(cells(head))
        if columns != len(cells(rest)) or "|" not in head:
            return False
        self.text.pop()
        self.end_leaf()
        self.leaf, self.columns = "table", columns
        self.events.append(("table", "", ""))
        self.row("head", head)
        return True

    def row(self, sort: str, text: str) -> None:
        self.events.append((sort, "", ""))
        for cell in cells(text.strip(" \t"))[: self.columns]:
            self.events += [("cell", "1", "1"), ("inline", cell, ""), ("/cell", "", "")]
        self.events.append((f"/{sort}", "", ""))

    def in_fence(self, line: Line) -> None:
        mark, indent = self.fence
        rest = line.rest().strip(" \t")
        if line.indent(4) < 4 and rest.startswith(mark) and not rest.strip(mark[0]):
            self.end_leaf()
            return
        line.move(indent)
        self.text.append(line.rest())

    def begin(self, leaf: str) -> None:
        self.leaf, self.text = leaf, []

    def end_leaf(self) -> None:
        leaf, self.leaf = self.leaf, ""
        if leaf == "para":
            self.names()
            if self.text:
                self.events += [("gap", "", ""), ("inline", "\n".join(self.text), ""), ("gap", "", "")]
        elif leaf in ("fence", "indented"):
            self.events.append(("code", "\n".join(self.text), ""))
        elif leaf == "table":
            self.events.append(("/table", "", ""))

    def names(self) -> None:
        """Take the addresses that only are given a name off the paragraph's beginning."""
        taken = 0
        for text in self.text:
            found = _NAME.match(text)
            where = destination(text, found.end()) if found else None
            if not found or where is None or not _NAMED_TITLE.match(text, where[1]) or not found[1].strip():
                break
            self.named.setdefault(label(found[1]), where[0])
            taken += 1
        del self.text[:taken]
