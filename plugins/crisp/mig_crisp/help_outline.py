"""What a help article says, apart from how it is written: the audit reads it from the HTML and from the Markdown.

Two readers (`help_outline_html`, `help_outline_markdown`) tell what they meet as events in reading order; here the
events become an `Outline`. Two articles say the same when their outlines are equal. What is defined for both sides:

* Words: control characters are removed, white space (also a no-break space) is one space, Unicode is NFC; joiners and
  soft hyphens stay. Images, line breaks and ends of blocks separate words. Code blocks are words too.
* Headings: empty ones are none. A heading in a list item is a heading and words of the item. It is one line: what
  begins in it as a block after its words follows it, and lists, tables and code in it are not its words.
* Items: an item without words of its own is none (its image or table stands in its own list). The level counts the
  items around it that have words, and no deeper than `DEEPEST`. Numbers count the items that have words, from the
  list's start. Code blocks and tables in an item are not its words.
* Rows: a cell that spans several stands in each of them, with its links and images; a column in which no cell of the
  table begins is none. Empty cells at the end of a row,
  and rows without words, are none. Cells hold words and nothing else: a list (its items behind "•" or their
  numbers), a heading, a code block or a table in a cell is words of it. Its links, images and embeds are counted.
* Links: a link without words is called by the descriptions (alt) of its images; one around neither is none. Links to
  the same address with nothing between them read as one, but not across the border of a cell or an item in one. Code,
  players and tables in a link part it in two.
* Images: a description (alt) is no words. Embeds: a title is no words. A player without a title is called by its
  address at the source; one whose bytes are written out in the page is called "file".
* Addresses: what Markdown may have to write as %28 reads as the character, what is no ASCII reads as %C3%A9.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from msgspec import Struct

from mig_crisp.help_outline_text import same_address, tidy

Address = Callable[[str, str], str | None]
"""What becomes of an address, given it and what it is for: link, image or media."""
Event = tuple[str, str, str]
"""What a reader met, and up to two words about it. "/x" ends what "x" began:

words (text) · gap ("edge": a block begins or ends) · heading (level) · list ("*" or "1", start) · item · table ·
group · head or row · cell (columns, rows it spans; 0 rows: all of the group) · link (address) ·
image (alt, address) · code (text) · embed (what)
"""

DEEPEST = 99
"""Levels of lists that are told apart: 30,000 lists in one another would be indented by gigabytes."""
_REPEATED = 1_000_000
"""Characters that cells spanning columns and rows are repeated in, in one article; what is more is not repeated."""


class Outline(Struct, frozen=True):
    """What both sides of a migration have in common when nothing was lost."""

    headings: list[str]  # "2 Title words": level and words, in order
    items: list[str]  # "* words" or "1. words", two spaces before for each level
    rows: list[str]  # cells joined with " | "; a table split in several, its header repeated, reads as one
    links: list[str]  # "words -> address"
    images: list[str]  # "alt -> address"
    code: list[str]  # code blocks, exact but for white space at the ends of lines
    embeds: list[str]  # "youtube id", "vimeo id", or the address
    words: str  # all visible words, without markup and addresses


def of_html(html: str, address: Address) -> Outline:
    """The outline of an article as its reader sees the HTML."""
    from mig_crisp.help_outline_html import read  # the readers know the words of this module, not the other way round

    return gather(read(html, address))


def of_markdown(text: str) -> Outline:
    """The outline of an article in Crisp's Markdown."""
    from mig_crisp.help_outline_markdown import read

    return gather(read(text))


def gather(events: Iterable[Event]) -> Outline:
    """What the events say."""
    sheet = _Sheet()
    for sort, value, more in events:
        sheet.take(sort, value, more)
    return sheet.outline()


class _List(Struct):
    sort: str
    number: int  # of the next item


class _Item(Struct):
    top: int  # which outermost list it is in
    depth: int
    of: _List
    text: list[str] = []


class _Link(Struct):
    address: str
    text: list[str] = []
    alts: list[str] = []
    seen: bool = False


class _Cell(Struct):
    wide: int
    high: int
    text: list[str]
    links: list[_Link] = []
    images: list[str] = []
    embeds: list[str] = []
    words: str = ""


class _Table(Struct):
    chained: bool  # nothing stands between it and the table before
    mark: list[int] = []  # how much of everything there was before its row
    cells: list[_Cell] = []
    spans: dict[int, tuple[_Cell, int]] = {}  # column: what reaches down into it, and for how many rows more
    rows: list[tuple[bool, list[_Cell]]] = []  # whether each is a header
    begun: set[int] = set()  # columns in which a cell begins
    cell: list[int] = []  # the same as mark, of the cell


class _Sheet:
    def __init__(self) -> None:
        self.headings: list[str] = []
        self.items: list[_Item] = []
        self.rows: list[str] = []
        self.links: list[_Link] = []
        self.images: list[str] = []
        self.code: list[str] = []
        self.embeds: list[str] = []
        self.words: list[str] = []
        self.lists: list[_List] = []
        self.tops = 0
        self.frames: list[list[str]] = [[]]  # where words go beside `words`: the innermost item or cell
        self.tables: list[_Table] = []
        self.cells = 0
        self.heading: list[str] | None = None
        self.level = ""
        self.headed = False  # something stands in the heading
        self.around = (0, 0)  # the lists and tables the heading stands in
        self.open: list[tuple[_Link | None, bool]] = [(None, False)]  # a link, and whether it began in this cell
        self.last: _Link | None = None  # the link before, while nothing followed it
        self.calm = False  # nothing since the last table
        self.header = ""
        self.room = _REPEATED
        self.takes = {name[5:].replace("end_", "/"): getattr(self, name) for name in dir(self) if name[:5] == "take_"}

    def take(self, sort: str, value: str, more: str) -> None:
        self.takes[sort](value, more)

    def say(self, text: str) -> None:
        self.words.append(text)
        self.frames[-1].append(text)
        if self.heading is not None and self.around == (len(self.lists), len(self.tables)):
            self.heading.append(text)
        link = self.open[-1][0]
        if link is not None:
            link.text.append(text)
        elif self.last is not None:  # white space, or the link would not be the last thing
            self.last.text.append(text)

    def see(self) -> None:
        """Something stands here."""
        self.calm = False
        self.last = None
        if self.heading is not None and self.around == (len(self.lists), len(self.tables)):
            self.headed = True
        link = self.open[-1][0]
        if link is not None:
            link.seen = True

    def part(self) -> None:
        """What stands here is no part of an open link, which goes on behind it; nor of a heading."""
        self.edge()
        self.calm = False
        self.last = None
        link, own = self.open[-1]
        if link is not None:
            self.links.append(_Link(link.address))
            self.open[-1] = (self.links[-1], own)

    def edge(self) -> None:
        """A block begins or ends: a heading that says something is over."""
        if self.headed:
            self.take_end_heading("", "")

    def take_words(self, value: str, more: str) -> None:
        if value and not value.isspace():
            self.see()
        self.say(value)

    def take_gap(self, value: str, more: str) -> None:
        if value == "edge":
            self.edge()
        self.say(" ")

    def take_heading(self, value: str, more: str) -> None:
        self.say(" ")
        if not self.cells:
            self.take_end_heading("", "")
            self.heading, self.level, self.headed = [], value, False
            self.around = (len(self.lists), len(self.tables))

    def take_end_heading(self, value: str, more: str) -> None:
        self.say(" ")
        if self.heading is not None and not self.cells:
            if words := tidy("".join(self.heading)):
                self.headings.append(f"{self.level} {words}")
            self.heading, self.headed = None, False

    def take_list(self, value: str, more: str) -> None:
        self.edge()
        self.say(" ")
        if not self.lists:
            self.tops += 1
        self.lists.append(_List(value, int(more or "1")))

    def take_end_list(self, value: str, more: str) -> None:
        self.say(" ")
        self.lists.pop()

    def take_item(self, value: str, more: str) -> None:
        self.say(" ")
        if self.cells and self.lists:  # in Markdown a cell is one line, where only signs can tell items apart
            self.part()
            self.bare(f"{self.lists[-1].number}. " if self.lists[-1].sort == "1" else "• ")
            self.lists[-1].number += 1
        if self.cells or not self.lists:
            self.frames.append(self.frames[-1])
            return
        item = _Item(self.tops, len(self.lists), self.lists[-1])
        self.items.append(item)
        self.frames.append(item.text)

    def take_end_item(self, value: str, more: str) -> None:
        self.say(" ")
        self.frames.pop()

    def bare(self, text: str) -> None:
        """Words outside the link that is open."""
        self.words.append(text)
        self.frames[-1].append(text)

    def take_table(self, value: str, more: str) -> None:
        self.edge()
        self.say(" ")
        self.tables.append(_Table(self.calm))
        self.frames.append([])

    def take_end_table(self, value: str, more: str) -> None:
        self._told(self.tables.pop())
        self.frames.pop()
        self.say(" ")
        self.part()
        self.calm = True

    def take_group(self, value: str, more: str) -> None:
        self.tables[-1].spans.clear()

    def take_head(self, value: str, more: str) -> None:
        table = self.tables[-1]
        table.mark = [len(one) for one in self._lists()]
        table.cells = []

    take_row = take_head

    def take_cell(self, value: str, more: str) -> None:
        table = self.tables[-1]
        table.cells.append(_Cell(int(value), int(more), []))
        table.cell = [len(one) for one in self._lists()]
        self.frames.append(table.cells[-1].text)
        self.open.append((self.open[-1][0], False))
        self.cells += 1
        self.part()
        self.words.append(" ")

    def take_end_cell(self, value: str, more: str) -> None:
        if self.open[-1][1]:
            self.take_end_link("", "")
        cell, mark = self.tables[-1].cells[-1], self.tables[-1].cell
        cell.links, cell.images, cell.embeds = self.links[mark[1] :], self.images[mark[2] :], self.embeds[mark[3] :]
        self.frames.pop()
        self.open.pop()
        self.cells -= 1
        self.last = None
        self.say(" ")

    def take_end_head(self, value: str, more: str) -> None:
        self._row(self.tables[-1], head=True)

    def take_end_row(self, value: str, more: str) -> None:
        self._row(self.tables[-1], head=False)

    def _row(self, table: _Table, *, head: bool) -> None:
        """The cells of a row, each in every column and row that it spans."""
        cells: list[_Cell] = []
        below: dict[int, tuple[_Cell, int]] = {}
        for cell in table.cells:
            self._from_above(cells, table.spans, below)
            table.begun.add(len(cells))
            cell.words = tidy("".join(cell.text))
            for repeated in range(cell.wide):
                if repeated and not self._afford(cell):
                    break
                if cell.high != 1:
                    below[len(cells)] = (cell, cell.high - 1)
                cells.append(cell)
        self._from_above(cells, table.spans, below)
        table.spans = below
        table.rows.append((head, cells))
        for one, size in zip(self._lists(), table.mark, strict=True):
            del one[size:]

    def _told(self, table: _Table) -> None:
        """What a table says, row by row; a header that repeats that of the table before is none."""
        for place, (head, spanned) in enumerate(table.rows):
            cells = [cell for column, cell in enumerate(spanned) if column in table.begun]
            size = len(cells)
            while size and not cells[size - 1].words:
                size -= 1
            row = " | ".join(cell.words for cell in cells[:size])
            if head and not place and row and table.chained and row == self.header:
                continue
            for cell in cells:
                self.words.append(f" {cell.words} ")
                self.links += cell.links
                self.images += cell.images
                self.embeds += cell.embeds
            self.rows += [row] if row else []
            if not place and not (head and not row and table.chained):
                self.header = row if head else ""

    def _from_above(
        self, cells: list[_Cell], above: dict[int, tuple[_Cell, int]], below: dict[int, tuple[_Cell, int]]
    ) -> None:
        while len(cells) in above and self._afford(above[len(cells)][0]):
            cell, left = above[len(cells)]
            if left != 1:
                below[len(cells)] = (cell, left - 1)
            cells.append(cell)

    def _afford(self, cell: _Cell) -> bool:
        self.room -= len(cell.words) + 3 + 100 * (len(cell.links) + len(cell.images) + len(cell.embeds))
        return self.room > 0

    def _lists(self) -> tuple[list[str] | list[_Link], ...]:
        return self.words, self.links, self.images, self.embeds

    def take_link(self, value: str, more: str) -> None:
        if self.open[-1][1]:
            self.take_end_link("", "")
        url = same_address(value)
        if self.last is not None and self.last.address == url:
            link = self.last
            link.text.append(" ")
        else:
            link = _Link(url)
            self.links.append(link)
        self.open[-1] = (link, True)

    def take_end_link(self, value: str, more: str) -> None:
        link, own = self.open[-1]
        if link is None or not own:
            return
        around = self.open[-2][0] if len(self.open) > 1 else None
        self.open[-1] = (around, False)
        if link.seen:
            self.last = link

    def take_image(self, value: str, more: str) -> None:
        self.see()
        self.say(" ")
        alt = tidy(value)
        self.images.append(f"{alt} -> {same_address(more)}")
        link = self.open[-1][0]
        if link is not None:
            link.alts.append(alt)

    def take_code(self, value: str, more: str) -> None:
        if self.cells:
            if value.strip():
                self.part()
            self.bare(f" {value} ")
            return
        lines = [line.rstrip() for line in value.split("\n")]
        text = unicodedata.normalize("NFC", "\n".join(lines).rstrip())
        if text.strip():
            self.part()
            self.say(" ")
            self.code.append(text)
            self.words.append(f" {text} ")

    def take_embed(self, value: str, more: str) -> None:
        self.part()
        self.say(" ")
        self.embeds.append(value)

    def outline(self) -> Outline:
        return Outline(
            self.headings,
            list(self._items()),
            self.rows,
            [f"{tidy(''.join(link.text)) or tidy(' '.join(link.alts))} -> {link.address}" for link in self._links()],
            self.images,
            self.code,
            self.embeds,
            tidy("".join(self.words)),
        )

    def _links(self) -> Iterable[_Link]:
        return (link for link in self.links if link.seen)

    def _items(self) -> Iterable[str]:
        depths: list[int] = []
        top = -1
        for item in self.items:
            words = tidy("".join(item.text))
            if not words:
                continue
            if item.top != top:
                depths, top = [], item.top
            while depths and depths[-1] >= item.depth:
                depths.pop()
            depths.append(item.depth)
            mark = "* " if item.of.sort == "*" else f"{item.of.number}. "
            item.of.number += 1
            yield "  " * min(len(depths) - 1, DEEPEST) + mark + words
