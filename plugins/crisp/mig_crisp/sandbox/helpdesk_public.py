"""What becomes of an article's Markdown: the front matter it loses, the tags it shows, the rows its tables lose."""

from __future__ import annotations

import re

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_TAG = re.compile(r"(?<!\\)(?:</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>|<!--)")
_RULE = re.compile(r":?-+:?")


def cut_front_matter(content: str) -> str:
    """A body without the block between `---` on its first line and the next `---`; without a second one it is whole."""
    lines = content.split("\n")
    if lines[0].rstrip() != "---":
        return content
    for place, line in enumerate(lines[1:], 1):
        if line.rstrip() == "---":
            return "\n".join(lines[place + 1 :])
    return content


def tidied(content: str) -> str:
    """A body in another form that says the same."""
    return re.sub(r"^(\s*)\* ", r"\1- ", content.strip(), flags=re.MULTILINE) + "\n"


def find_html(content: str) -> list[str]:
    """The raw tags outside of code: the public page shows them as they are, it renders none."""
    prose = "\n".join("" if code else line for line, code in _lines(content))
    # A span of code does not reach across an empty line; to look paragraph by paragraph keeps the search short.
    return [tag for part in re.split(r"\n\s*\n", prose) for tag in _TAG.findall(_SPAN.sub("", part))]


def longest_table(content: str) -> int:
    """How many rows the longest table has under its head."""
    return max((len(rows) for rows in _tables(content)), default=0)


def cut_tables(content: str, most: int) -> str:
    """A body as the public page shows it: no table has more than so many rows under its head."""
    lost = {row for rows in _tables(content) for row in rows[most:]}
    return "\n".join(line for place, line in enumerate(content.split("\n")) if place not in lost)


def _tables(content: str) -> list[list[int]]:
    """The line numbers of the rows of each table, without its head."""
    lines, tables = list(_lines(content)), list[list[int]]()
    rows: list[int] | None = None
    for place, (line, code) in enumerate(lines):
        if code or "|" not in line:
            rows = None
        elif rows is not None:
            rows.append(place)
        elif place and "|" in lines[place - 1][0] and not lines[place - 1][1] and _is_rule(line):
            rows = []
            tables.append(rows)
    return tables


def _is_rule(line: str) -> bool:
    """Whether it is the line between the head and the rows of a table."""
    return all(_RULE.fullmatch(cell.strip()) for cell in line.strip().strip("|").split("|"))


def _lines(content: str) -> list[tuple[str, bool]]:
    """Each line, and whether it belongs to a fenced block of code."""
    told: list[tuple[str, bool]] = []
    fence = ""
    for line in content.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            told.append((line, True))
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
            told.append((line, True))
        else:
            told.append((line, False))
    return told
