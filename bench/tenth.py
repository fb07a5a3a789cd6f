"""A tenth of an organisation, by its customers; the longest thread is in it.

A thread is held in memory whole while it is told, so memory goes by the longest one. Made apart, a small organisation
has a shorter one than a large one, and the two would be compared by their threads, not by their sizes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_OF_CUSTOMER = ("conversations", "notes", "drafts", "kobjects")


def tenth(lines: Iterable[bytes]) -> list[bytes]:
    """Every tenth customer with everything that is theirs, the one with the longest thread, and the office whole."""
    rows = [(json.loads(line), line) for line in lines]
    by_kind: dict[str, list[tuple[dict[str, Any], bytes]]] = {}
    for row, line in rows:
        by_kind.setdefault(row["kind"], []).append((row["resource"], line))
    lengths = Counter(_related(row, "conversation") for row, _ in by_kind.get("messages", ()))
    longest = next((name for name, _ in lengths.most_common() if name), "")
    customers = {row["id"] for row, _ in by_kind["customers"][::10]}
    customers |= {_related(row, "customer") for row, _ in by_kind["conversations"] if row["id"] == longest}
    conversations = {row["id"] for row, _ in by_kind["conversations"] if _related(row, "customer") in customers}
    messages = {row["id"] for row, _ in by_kind["messages"] if _related(row, "conversation") in conversations}
    keep: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "customers": lambda row: row["id"] in customers,
        "messages": lambda row: row["id"] in messages,
        "attachments": lambda row: _related(row, "message") in messages,
        **dict.fromkeys(_OF_CUSTOMER, lambda row: _related(row, "customer") in customers),
    }
    return [line for row, line in rows if keep.get(row["kind"], _always)(row["resource"])]


def _always(row: Mapping[str, Any]) -> bool:
    return True


def _related(row: Mapping[str, Any], name: str) -> str:
    data = ((row.get("relationships") or {}).get(name) or {}).get("data")
    return str(data.get("id") or "") if isinstance(data, dict) else ""
