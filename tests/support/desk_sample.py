"""A desk as its file tells it: rows by kind and id, read without any code of the product."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SAMPLE = Path(__file__).parents[1] / "data" / "kustomer-sample.jsonl.gz"


class Desk:
    """The rows of an organisation, in the order of their file."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._rows: dict[str, dict[str, Json]] = defaultdict(dict)
        for line in lines:
            if line.strip():
                held = json.loads(line)
                row: Json = held["resource"]
                self._rows[held["kind"]][row.get("id") or f"{len(self._rows[held['kind']])}"] = row
        self.org = str(related(self.rows("customers")[0], "org"))
        self.source = f"kustomer:{self.org}"

    def rows(self, kind: str) -> list[Json]:
        """All rows of a kind."""
        return list(self._rows[kind].values())

    def get(self, kind: str, row_id: str | None) -> Json | None:
        """A row by id; None when the file does not hold it."""
        return self._rows[kind].get(row_id or "")

    def names(self, kind: str, ids: Iterable[str], *fields: str) -> list[str]:
        """The names of the rows that exist, in the order of the ids; of several fields the first that is filled."""
        rows = [row for row in (self.get(kind, one) for one in ids) if row is not None]
        found = ([str(facts(row).get(field) or "") for field in fields or ("name",)] for row in rows)
        return [next(filter(None, names), "") for names in found]


def read_sample() -> Desk:
    """The sample of the tests."""
    with gzip.open(SAMPLE, "rb") as lines:
        return Desk(lines)


def facts(row: Json) -> Json:
    """The attributes of a row."""
    held: Json = row.get("attributes") or {}
    return held


def related(row: Json, name: str) -> str | None:
    """The id a to-one relationship names."""
    data = ((row.get("relationships") or {}).get(name) or {}).get("data")
    return str(data["id"]) if isinstance(data, dict) and data.get("id") else None


def all_related(row: Json, name: str) -> list[str]:
    """The ids a to-many relationship names."""
    data = ((row.get("relationships") or {}).get(name) or {}).get("data")
    return [str(one["id"]) for one in data] if isinstance(data, list) else []


def moment(text: str) -> int:
    """An ISO time in milliseconds since 1970; without an offset it is UTC."""
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    return round(read.timestamp() * 1000)


def clean(text: object) -> str:
    """A text as the target can hold it: no U+0000, and U+FFFD for half an emoji."""
    whole = ("" if text is None else str(text)).replace("\0", "")
    return "".join("\ufffd" if 0xD800 <= ord(letter) < 0xE000 else letter for letter in whole)


def said_at(row: Json) -> int:
    """When a message or note was said: sentAt, else createdAt."""
    return moment(facts(row).get("sentAt") or facts(row)["createdAt"])


def in_order(rows: Iterable[Json]) -> list[Json]:
    """Messages and notes in the order of time, then id."""
    return sorted(rows, key=lambda row: (said_at(row), row["id"]))
