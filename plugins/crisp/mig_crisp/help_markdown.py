"""Writes the HTML of a help article in the Markdown dialect of Crisp's help centre (docs/api/crisp.md, section 9).

Four steps, each pure: `help_tags` cuts the source, `help_tree` reads it into blocks and marked runs, `help_inline`
(with `help_emphasis` and `help_signs`) writes lines, and this module and `help_tables` put blocks around them. How
text is escaped is said in `help_signs`.

markdownify does none of this as it is needed here: it calls itself at each level of a tree, so 2,000 of them end in a
RecursionError; it escapes by the text node, so signs made of two of them are missed and addresses that hold
placeholders are touched; spans, header rows and blocks in cells are not its own; and emphasis that overlaps, stands
inside words or around punctuation comes out as signs nobody reads. A subclass would replace every method of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from msgspec import Struct

from mig import Loss
from mig_crisp.help_inline import Inline, InlineWriter
from mig_crisp.help_rules import HEADINGS
from mig_crisp.help_signs import escaped_heading, fenced
from mig_crisp.help_tables import as_flat, in_one_line, laid_out, numbered, parts_of, preface, shows_nothing
from mig_crisp.help_tree import Child, Edge, Embed, Node, Picture, Run, Tree

_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source)-([\w+#.-]+)|brush:\s*([\w+#.-]+)")
_APART = "\u00a0"
"""A paragraph nobody sees, which keeps a list from going on where the one before it ended."""
_APART_FROM_BOXES = ("fence", "box", "rule")
_LARGE = 600
"""Characters up to which a box is one also where there is little beside it."""


class Written(Struct, frozen=True):
    """A body in the dialect."""

    text: str
    """Markdown; empty if the article shows nothing."""
    losses: Sequence[Loss]
    """What could not be written as it was: one for each sort of thing, which says how many."""


def markdown(html: str, *, address: Callable[[str, str], str | None]) -> Written:
    """Write a body in the dialect.

    It never raises, takes time in proportion to the body, and the same body always gives the same text. Each image,
    video and link is asked for once, at the first place where something stands for it; links nobody can see or click
    (no words and no picture, inside code, to a script) are not asked for.

    Args:
        html: A body, well-formed or not.
        address: Given an address of the body, entities decoded and blanks around it removed, and its sort ("link",
            also for frames; "image"; "media" for video, audio and embedded files), says what to write in its place,
            or None for no link or image: the words stay. Only what would end an address there is percent-encoded.
    """
    lost: Counter[tuple[str, str]] = Counter()

    def lose(outcome: str, why: str) -> None:
        lost[outcome, why] += 1

    root = Tree(html, lose).root
    text = joined(_Writer(InlineWriter(address, lose), lose, _letters(root)).blocks(root.children))
    if text.startswith("---"):  # would read as front matter
        text = f"\n{text}"
    return Written(text, [Loss("html", outcome, why.format(many)) for (outcome, why), many in sorted(lost.items())])


@dataclass(slots=True, frozen=True)
class Block:
    """A part of a body: `text`, `head`, `ul`, `ol`, `quote`, `fence`, `table`, `box` or `rule`."""

    sort: str
    text: str


def joined(blocks: Sequence[Block]) -> str:
    """Blocks with an empty line between them."""
    texts: list[str] = []
    before = ""
    for block in blocks:
        if before == block.sort in ("ol", "ul"):
            texts.append(_APART)
        texts.append(block.text)
        before = block.sort
    return "\n\n".join(texts)


def _led(text: str, first: str, others: str) -> str:
    """Lines with something before the first and before the others; nothing before empty ones."""
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((others + line) if line else "" for line in lines[1:])])


class _Writer:
    """Writes blocks; calls itself for what is inside them, at most `help_tree.DEEPEST` levels."""

    def __init__(self, inline: InlineWriter, lose: Callable[[str, str], None], letters: int) -> None:
        self._inline = inline
        self._lose = lose
        self._letters = letters

    def blocks(self, children: Sequence[Child]) -> list[Block]:
        """What stands in a block, or in the body."""
        found: list[Block] = []
        gathered: list[Inline] = []
        for child in _with_lists(children):
            if isinstance(child, Edge | Node | Embed):
                found += self._paragraphs(gathered)
                gathered = []
            if isinstance(child, Node):
                found += self._node(child)
            elif isinstance(child, Embed):
                found += _block("text", self._inline.player(child))
            elif not isinstance(child, Edge):
                gathered.append(child)
        return found + self._paragraphs(gathered)

    def _paragraphs(self, items: Sequence[Inline]) -> list[Block]:
        """The paragraphs of a run of lines: two breaks are as much as an edge."""
        if not items:
            return []
        paragraphs: list[list[str]] = [[]]
        for line in self._inline.lines(items):
            if line:
                paragraphs[-1].append(line)
            elif paragraphs[-1]:
                paragraphs.append([])
        # Two blanks before a line end are a break, in CommonMark and where every line end is one.
        return [Block("text", "  \n".join(lines)) for lines in paragraphs if lines]

    def _node(self, node: Node) -> list[Block]:
        if node.name in HEADINGS:
            return self._heading(node)
        if node.name in ("ul", "ol"):
            return self._listing(node)
        if node.name == "blockquote":
            text = joined(self.blocks(node.children))
            return _block("quote", "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))) if text else []
        if node.name == "pre":
            return self._code(node)
        if node.name == "table":
            return self._table(node)
        if node.name == "box":
            return self._box(node)
        if node.name == "hr":
            return [Block("rule", "---")]
        return self.blocks(node.children)  # a cell of a row that stands alone

    def _heading(self, node: Node) -> list[Block]:
        """The first line is the heading; what somebody forgot to keep out of it follows."""
        children = node.children
        seen = (n for n, child in enumerate(children) if isinstance(child, Run | Picture) and not shows_nothing(child))
        first = end = next(seen, len(children))
        while end < len(children) and isinstance(children[end], Run | Picture):
            end += 1
        items = [child for child in children[first:end] if isinstance(child, Run | Picture)]
        before = self.blocks(children[:first])
        line = escaped_heading(self._inline.line(items))
        heading = _block("head", f"{'#' * int(node.name[1])} {line}" if line else "")
        return [*before, *heading, *self.blocks(children[end:])]

    def _listing(self, node: Node) -> list[Block]:
        before = self.blocks(preface(node))
        items = [(number, self.blocks(children)) for number, children in numbered(node)]
        empty = accumulate(not blocks for _, blocks in items)  # what shows nothing does not count
        items = [(number - less, blocks) for (number, blocks), less in zip(items, empty, strict=True) if blocks]
        if node.attributes.keys() & {"type", "reversed"} and node.name == "ol":
            self._lose("changed", "{} lists that count in another way")
        tight = all(block.sort in ("ul", "ol") for _, blocks in items for block in blocks[1:])
        written = []
        for number, blocks in items:
            sign = f"{number}. " if node.name == "ol" else "* "
            tightly = tight and not any(_apart(one, other) for one, other in pairwise(blocks))
            text = "\n".join(block.text for block in blocks) if tightly else joined(blocks)
            written.append(_led(text, sign, " " * len(sign)))
        return [*before, *_block(node.name, ("\n" if tight else "\n\n").join(written))]

    def _box(self, node: Node) -> list[Block]:
        """A box has lines; code and boxes in it stand between its parts.

        What has headings or tables, or is most of the article, is no box: a box has neither, and it marks a part.
        Nor is what has lists of more than lines: an empty line ends a box.
        """
        blocks = self.blocks(node.children)
        is_cut = any("\n\n" in block.text for block in blocks if block.sort not in _APART_FROM_BOXES)
        if is_cut or _is_divided(node) or _LARGE < _letters(node) > self._letters / 2:
            self._lose("changed", "{} boxes with headings, tables, long lists or most of the text have no frame")
            return blocks
        sign = f"{node.attributes['level']} "
        found: list[Block] = []
        for block in blocks:
            if block.sort in _APART_FROM_BOXES:
                if block.sort != "box":
                    self._lose("changed", "{} rules and blocks of code stand outside their box")
                found.append(block)
            else:
                found.append(Block("box", _led(block.text, sign, sign)))
        return found

    def _code(self, node: Node) -> list[Block]:
        parts: list[str] = []
        pictures: list[Inline] = []
        self._read_code(node, parts, pictures)
        text = "".join(parts).rstrip("\n")
        found = _LANGUAGE.search(f"{node.attributes.get('class', '')} {node.attributes.get('code', '')}")
        language = (found[1] or found[2]) if found is not None else ""
        fence = [Block("fence", fenced(text, language))] if text.strip() else []
        return [*fence, *self._paragraphs(pictures)]

    def _read_code(self, node: Node, parts: list[str], pictures: list[Inline]) -> None:
        for child in node.children:
            if isinstance(child, Run):
                if child.link is not None:
                    self._lose("dropped", "{} links inside code; their text stays")
                parts.append(child.text)
            elif isinstance(child, Node):
                self._read_code(child, parts, pictures)
            elif isinstance(child, Edge):
                if parts and not parts[-1].endswith("\n"):
                    parts.append("\n")
            else:
                pictures.append(replace(child, link=None) if isinstance(child, Picture) else child)

    def _table(self, node: Node) -> list[Block]:
        outside, rows = parts_of(node)
        found = self.blocks(outside)
        cells = [cell for row in rows for cell in row.cells]
        if len(cells) == 1 or node.attributes.get("role") in ("presentation", "none"):
            for cell in cells:
                found += self.blocks(cell.children)
            return found
        return found + _block("table", laid_out(rows, self._cell, self._lose))

    def _cell(self, cell: Node) -> str:
        if not in_one_line(cell):
            self._lose("changed", "{} cells of tables with several lines or blocks, which stand in one line")
        return self._inline.line(as_flat(cell.children), cell=True)


def _with_lists(children: Sequence[Child]) -> list[Child]:
    """Children with a list around items that have none."""
    found: list[Child] = []
    listing: Node | None = None
    for child in children:
        if isinstance(child, Node) and child.name == "li":
            if listing is None:
                listing = Node("ul", {})
                found.append(listing)
            listing.children.append(child)
        elif listing is None or not shows_nothing(child):
            listing = None
            found.append(child)
    return found


def _apart(one: Block, other: Block) -> bool:
    """Whether an empty line must part a list from what it follows: only numbers from one begin a list without."""
    return one.sort == other.sort or (other.sort == "ol" and not other.text.startswith("1. "))


def _letters(node: Node) -> int:
    """How many characters a block holds."""
    return sum(
        len(child.text) if isinstance(child, Run) else _letters(child)
        for child in node.children
        if isinstance(child, Run | Node)
    )


def _is_divided(node: Node, *, deep: bool = False) -> bool:
    """Whether there are headings or tables in a block, or boxes in something in it."""
    for child in node.children:
        if not isinstance(child, Node) or child.name == "pre":
            continue
        if child.name in HEADINGS or child.name == "table" or (deep and child.name == "box"):
            return True
        if _is_divided(child, deep=deep or child.name != "box"):
            return True
    return False


def _block(sort: str, text: str) -> list[Block]:
    return [Block(sort, text)] if text else []
