"""A report as one page of HTML that asks nothing of anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from mig.journal.ledger import OUTCOMES
from mig.report.gather import COLUMNS
from mig.report.house import house

SHOWN = 40
"""Rows of a table that stand open; the rest is folded."""
_THINNEST = 0.7
"""Percent of a bar: thinner parts are drawn so wide, or nobody would see them."""


class State(Struct, frozen=True):
    """How a migration stands, in words."""

    tone: str
    word: str
    sentence: str


_STATES = {
    "not begun": State("skipped", "Not begun", "Nothing was moved yet."),
    "running": State("incomplete", "Under way", "A run is under way; this is how far the journal had come."),
    "unfinished": State("incomplete", "Unfinished", "Not everything was moved yet. Run again: it goes on from here."),
    "failures": State("fail", "With failures", "Everything was tried, and something failed: it is listed below."),
    "moved": State("pass", "Moved", "Everything in scope was moved, or is accounted for below."),
}
_HOWS = {
    "on_target": ("held", "stands on the target"),
    "merged": ("merged", "part of another record"),
    "archived": ("archived", "in the archive only"),
    "skipped": ("skipped", "left out, for a reason"),
    "failed": ("missing", "quarantined"),
    "pending": ("pending", "not moved yet"),
}
"""Column -> the audit page's colour of it, and words."""
_TOLD = {
    "kept": "Stands on the target as it was.",
    "moved": "Stands on the target, in another place.",
    "changed": "Stands there, but not as it was.",
    "archived": "The archive has it, the target does not.",
    "dropped": "Left out, for a reason.",
    "failed": "Its record is quarantined.",
    "pending": "Its record is not moved yet.",
    "untold": "The target's plugin does not say what becomes of it: a fault.",
}


class Bar(Struct, frozen=True):
    """A row of the chart."""

    kind: str
    count: int
    parts: Sequence[tuple[str, str, int, float, float]]
    """Column, colour, count, start and width in percent."""


def page(report: Mapping[str, Any]) -> str:
    """The page, of what was gathered."""
    rows = _rows(report["kinds"])
    room, style = house("rebuild.css")
    wrong = {"untold", "failed"}
    losses = sorted(report["losses"], key=lambda one: (one["outcome"] not in wrong, -one["records"]))
    view = {
        "report": report,
        "state": _STATES[report["state"]],
        "rows": rows,
        "total": {name: sum(row[name] for row in report["kinds"].values()) for name in COLUMNS},
        "columns": COLUMNS,
        "hows": {name: how for name, how in _HOWS.items() if any(row[name] for _, row in rows)},
        "bars": [_bar(kind, row) for kind, row in rows if row["in_scope"] and not kind.startswith("  ")],
        "losses": losses,
        "shown": SHOWN,
        "outcomes": [(word, report["outcomes"].get(word, 0), _TOLD[word]) for word in OUTCOMES],
        "kept": [(kind, name, count) for kind, found in report["kept"].items() for name, count in found.items()],
        "open": sum(one["open"] for one in report["by_hand"]),
    }
    return room.get_template("report.html").render({**view, **style})


def _rows(kinds: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """A row per kind; attributes are told by what they are of, too, set in."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for kind, row in kinds.items():
        found.append((kind, row))
        found += [(f"  of {of}", one) for of, one in row.get("by", {}).items()]
    return found


def _bar(kind: str, row: Mapping[str, Any]) -> Bar:
    counts = {name: row[name] for name in _HOWS if row[name]}
    widths = {name: max(100 * count / row["in_scope"], _THINNEST) for name, count in counts.items()}
    parts, start = [], 0.0
    for name, width in widths.items():
        share = 100 * width / sum(widths.values())
        parts.append((name, _HOWS[name][0], counts[name], round(start, 3), round(share, 3)))
        start += share
    return Bar(kind, row["in_scope"], parts)
