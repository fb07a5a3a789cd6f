"""Lays tables out: spans become repeated cells, everything in a cell stands on one line, long tables are split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mig_crisp.help_rules import CODE
from mig_crisp.help_tree import EDGE, Child, Edge, Embed, Node, Picture, Run

MAX_ROWS = 50
"""Rows of one table, its header among them (docs/api/crisp.md, section 9)."""
_MAX_COLUMNS = 64
_MAX_CELLS = 100_000
"""Cells of a table up to which empty ones at the ends of rows are written."""
_MAX_REPEATED = 200_000
"""Characters that spans of one table may repeat; spans beyond leave empty cells."""
_NUMBER = re.compile(r"[ \t\n\f\r]*\+?([0-9]{1,8})(?![0-9])")
_PLACES = {"thead": 0, "tfoot": 2}


@dataclass(slots=True, frozen=True)
class Row:
    """A row of a table."""

    head: bool
    group: str
    """Of the rows it stands with: no cell reaches beyond them."""
    cells: list[Node]
    place: int = 1


def as_flat(children: Sequence[Child]) -> Iterator[Run | Picture | Embed]:
    """What stands inside some blocks, in reading order, as if it were one paragraph."""
    for child in children:
        if isinstance(child, Edge):
            yield Run(" ", 0, None)
        elif isinstance(child, Node):
            yield Run(" ", 0, None)
            yield from _flat_node(child)
            yield Run(" ", 0, None)
        else:
            yield child


def _flat_node(node: Node) -> Iterator[Run | Picture | Embed]:
    if node.name in ("ul", "ol"):
        yield from as_flat(preface(node))
        for number, item in numbered(node):
            yield Run(f" {number}. " if node.name == "ol" else " • ", 0, None)
            yield from as_flat(item)
    elif node.name == "pre":
        parts = list(as_flat(node.children))
        for line in "".join(part.text for part in parts if isinstance(part, Run)).split("\n"):
            yield from (Run(line, CODE, None), Run(" ", 0, None))
        for part in parts:  # as beside a block of code, pictures follow its words
            if not isinstance(part, Run):
                yield replace(part, link=None) if isinstance(part, Picture) else part
    else:
        yield from as_flat(node.children)


def numbered(listing: Node) -> list[tuple[int, list[Child]]]:
    """The items of a list with their numbers; what stands behind one belongs to it."""
    items: list[tuple[int, list[Child]]] = []
    number = _whole(listing.attributes.get("start"), 1) - 1
    for child in listing.children:
        if isinstance(child, Node) and child.name == "li":
            number = _whole(child.attributes.get("value"), number + 1)
            items.append((number, list(child.children)))
        elif items:
            items[-1][1].append(child)
    return items


def preface(listing: Node) -> list[Child]:
    """What stands in a list before its first item."""
    children = listing.children
    return children[: next((n for n, child in enumerate(children) if _is(child, "li")), len(children))]


def shows_nothing(child: Child) -> bool:
    """Whether something between blocks is only space."""
    return child is EDGE or (isinstance(child, Run) and not child.text.strip())


def _whole(text: str | None, otherwise: int) -> int:
    found = _NUMBER.match(text or "")
    return int(found[1]) if found is not None else otherwise


def parts_of(table: Node) -> tuple[list[Child], list[Row]]:
    """What a table holds outside its cells (its caption), and its rows: those of a head first, of a foot last."""
    outside: list[Child] = []
    rows: list[Row] = []
    for is_cell, members in groupby(table.children, key=lambda child: _is(child, "td", "th")):
        if is_cell:  # cells without a row
            rows.append(_row(list(members), "", ""))
            continue
        for child in members:
            if isinstance(child, Node) and child.name == "tr":
                rows.append(_row(child.children, child.attributes["section"], child.attributes["group"]))
                outside += [cell for cell in child.children if not _is(cell, "td", "th")]
            else:
                outside.append(child)
    return outside, sorted(rows, key=lambda row: row.place)


def _is(child: Child, *names: str) -> bool:
    return isinstance(child, Node) and child.name in names


def _row(children: Sequence[Child], section: str, group: str) -> Row:
    cells = [child for child in children if isinstance(child, Node) and child.name in ("td", "th")]
    is_head = section == "thead" or (bool(cells) and all(cell.name == "th" for cell in cells))
    return Row(is_head, group, cells, _PLACES.get(section, 1))


def in_one_line(cell: Node) -> bool:
    """Whether a cell holds nothing but a line."""
    blocks = [child for child in cell.children if isinstance(child, Node)]
    first, last = cell.children[:1], cell.children[-1:]
    edges = sum(1 for child in cell.children if child is EDGE) - (first == [EDGE]) - (last == [EDGE])
    return not blocks and edges <= 0 and not any(isinstance(c, Run) and "\n" in c.text.strip() for c in cell.children)


def laid_out(rows: Sequence[Row], write: Callable[[Node], str], lose: Callable[[str, str], None]) -> str:
    """A table in the dialect, or several when it is long; empty if no cell says anything."""
    grid, heads = _grid(rows, write, lose)
    kept = [(head, row) for head, row in zip(heads, grid, strict=True) if any(row)]
    if not kept:
        return ""
    width = max(len(row) for _, row in kept)
    full = width if width * len(kept) <= _MAX_CELLS else 0  # what a row lacks is empty anyway
    lines = [f"| {' | '.join(row + [''] * (full - len(row)))} |" for _, row in kept]
    if kept[0][0]:
        header, lines = lines[0], lines[1:]
    else:
        header = f"| {' | '.join([''] * width)} |"
    header += f"\n| {' | '.join(['---'] * width)} |"
    room = MAX_ROWS - 1
    if len(lines) > room:
        lose("changed", "{} tables were split: the help centre shows 50 rows of each")
    parts = [lines[at : at + room] for at in range(0, len(lines), room)] or [[]]
    return "\n\n".join("\n".join((header, *part)) for part in parts)


class _Span:
    """A cell that reaches into later rows."""

    __slots__ = ("left", "text")

    def __init__(self, text: str, left: int) -> None:
        self.text = text
        self.left = left


def _grid(
    rows: Sequence[Row], write: Callable[[Node], str], lose: Callable[[str, str], None]
) -> tuple[list[list[str]], list[bool]]:
    below: dict[int, _Span] = {}
    grid: list[list[str]] = []
    begun: set[int] = set()
    room = _MAX_REPEATED
    joined = False
    group = ""
    for one in rows:
        if one.group != group:
            group, below = one.group, {}
        row: list[str] = []
        for cell in one.cells:
            _from_above(row, below)
            text = write(cell)
            if len(row) >= _MAX_COLUMNS:
                row[-1] = f"{row[-1]} {text}".strip()
                joined = True
                continue
            begun.add(len(row))
            wide = min(max(_whole(cell.attributes.get("colspan"), 1), 1), _MAX_COLUMNS - len(row))
            high = _whole(cell.attributes.get("rowspan"), 1) or len(rows)
            for column in range(wide):
                row.append(text if column == 0 or room > 0 else "")
                room -= len(text) + 3 if column else 0
                if high > 1 and room > 0:
                    below[len(row) - 1] = _Span(text, high - 1)
                    room -= (len(text) + 3) * min(high - 1, len(rows))
        _from_above(row, below)
        grid.append(row)
    if joined:
        lose("changed", f"{{}} tables of more than {_MAX_COLUMNS} columns, the last of which hold the rest")
    if room <= 0:
        lose("changed", "{} tables with cells over many rows and columns, which are not all repeated")
    # A column in which no cell begins is only the inside of wide cells.
    return [[text for column, text in enumerate(row) if column in begun] for row in grid], [one.head for one in rows]


def _from_above(row: list[str], below: dict[int, _Span]) -> None:
    while (span := below.get(len(row))) is not None:
        row.append(span.text)
        span.left -= 1
        if not span.left:
            del below[len(row) - 1]
