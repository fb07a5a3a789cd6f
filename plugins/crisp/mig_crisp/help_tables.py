"""Lays tables out: spans become repeated cells, everything in a cell stands on one line, long tables are split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        for number, item in numbered(node):
            yield Run(f" {number}. " if node.name == "ol" else " • ", 0, None)
            yield from as_flat(item)
    elif node.name == "pre":
        for child in as_flat(node.children):
            if isinstance(child, Run):
                for line in child.text.split("\n"):
                    yield Run(line, CODE, None)
                    yield Run(" ", 0, None)
            else:
                yield child
    else:
        yield from as_flat(node.children)


def numbered(listing: Node) -> list[tuple[int, list[Child]]]:
    """The items of a list with their numbers; what stands between two items belongs to the one before."""
    items: list[tuple[int, list[Child]]] = []
    number = _whole(listing.attributes.get("start"), 1) - 1
    for child in listing.children:
        if isinstance(child, Node) and child.name == "li":
            number = _whole(child.attributes.get("value"), number + 1)
            items.append((number, list(child.children)))
        elif items:
            items[-1][1].append(child)
        elif not shows_nothing(child):
            items.append((number + 1, [child]))
            number += 1
    return items


def shows_nothing(child: Child) -> bool:
    """Whether something between blocks is only space."""
    return child is EDGE or (isinstance(child, Run) and not child.text.strip())


def _whole(text: str | None, otherwise: int) -> int:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def parts_of(table: Node) -> tuple[list[Child], list[tuple[bool, list[Node]]]]:
    """What a table holds outside its cells (its caption), and its rows with whether each is a header."""
    outside: list[Child] = []
    rows: list[tuple[bool, list[Node]]] = []
    for is_cell, members in groupby(table.children, key=lambda child: _is(child, "td", "th")):
        if is_cell:  # cells without a row
            rows.append(_row(list(members), head=False))
            continue
        for child in members:
            if isinstance(child, Node) and child.name == "tr":
                rows.append(_row(child.children, head=bool(child.attributes["head"])))
                outside += [cell for cell in child.children if not _is(cell, "td", "th")]
            else:
                outside.append(child)
    return outside, rows


def _is(child: Child, *names: str) -> bool:
    return isinstance(child, Node) and child.name in names


def _row(children: Sequence[Child], *, head: bool) -> tuple[bool, list[Node]]:
    cells = [child for child in children if isinstance(child, Node) and child.name in ("td", "th")]
    return head or (bool(cells) and all(cell.name == "th" for cell in cells)), cells


def in_one_line(cell: Node) -> bool:
    """Whether a cell holds nothing but a line."""
    blocks = [child for child in cell.children if isinstance(child, Node)]
    first, last = cell.children[:1], cell.children[-1:]
    edges = sum(1 for child in cell.children if child is EDGE) - (first == [EDGE]) - (last == [EDGE])
    return not blocks and edges <= 0 and not any(isinstance(c, Run) and "\n" in c.text.strip() for c in cell.children)


def laid_out(
    rows: Sequence[tuple[bool, list[Node]]], write: Callable[[Node], str], lose: Callable[[str, str], None]
) -> str:
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
    rows: Sequence[tuple[bool, list[Node]]], write: Callable[[Node], str], lose: Callable[[str, str], None]
) -> tuple[list[list[str]], list[bool]]:
    below: dict[int, _Span] = {}
    grid: list[list[str]] = []
    begun: set[int] = set()
    room = _MAX_REPEATED
    joined = False
    for _, cells in rows:
        row: list[str] = []
        for cell in cells:
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
    return [[text for column, text in enumerate(row) if column in begun] for row in grid], [head for head, _ in rows]


def _from_above(row: list[str], below: dict[int, _Span]) -> None:
    while (span := below.get(len(row))) is not None:
        row.append(span.text)
        span.left -= 1
        if not span.left:
            del below[len(row) - 1]
