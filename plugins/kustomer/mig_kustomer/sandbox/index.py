"""The search index: what is found, in which order, without reading every row again for every page."""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from mig_kustomer.sandbox.query import Criterion, Query, SortKey
from mig_kustomer.sandbox.rows import Row, decode

_Entry = tuple[int, int, str]
_CACHED_RESULTS = 32


def rank_of(row_id: str) -> int:
    """Where a row stands among those that tie: fixed, but neither by id nor by time."""
    return zlib.crc32(row_id.encode())


class Index:
    """The searchable rows of one kind, in the order of updatedAt."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {row.id: row for row in rows}
        self._order: list[_Entry] = sorted(_entry(row) for row in self.rows.values())
        self._deleted = {row.id for row in self.rows.values() if row.deleted}
        self._columns: dict[str, dict[str, Any]] = defaultdict(dict)
        self._results: OrderedDict[object, Sequence[str]] = OrderedDict()

    def put(self, row: Row) -> None:
        """Add or replace a row."""
        self.drop(row.id)
        self.rows[row.id] = row
        insort(self._order, _entry(row))
        if row.deleted:
            self._deleted.add(row.id)

    def drop(self, row_id: str) -> None:
        """Forget a row, as if it had never been."""
        old = self.rows.pop(row_id, None)
        self._results.clear()
        if old is None:
            return
        del self._order[bisect_left(self._order, _entry(old))]
        self._deleted.discard(row_id)
        for column in self._columns.values():
            column.pop(row_id, None)

    def run(self, query: Query, body: bytes, line: int | None) -> Sequence[str]:
        """The ids a query finds, in its order.

        Args:
            query: The query, checked.
            body: Its JSON: what the result is remembered by.
            line: The two-year line in milliseconds: search looks above it, archive search below; None looks at all.
        """
        low, high = self._range(query, line)
        memory = (body, query.archive, low, high)
        if memory not in self._results:
            found = self._filter(query, [row_id for _, _, row_id in self._order[low:high]])
            self._results[memory] = self._sorted(query.sort, found)
            if len(self._results) > _CACHED_RESULTS:
                self._results.popitem(last=False)
        self._results.move_to_end(memory)
        return self._results[memory]

    def _range(self, query: Query, line: int | None) -> tuple[int, int]:
        """The part of the order that can hold results: the two-year line and bounds on updatedAt cut it."""
        low, high = 0, len(self._order)
        if line is not None:
            cut = bisect_left(self._order, (line, -1, ""))
            low, high = (0, cut) if query.archive else (cut, high)
        for criterion in query.every:
            if criterion.window is not None and _cut_by(criterion, query.context):
                start, end = criterion.window
                if start is not None:
                    low = max(low, bisect_left(self._order, (start, -1, "")))
                if end is not None:
                    high = min(high, bisect_left(self._order, (end, -1, "")))
        return low, max(low, high)

    def _filter(self, query: Query, ids: list[str]) -> list[str]:
        if self._deleted and not query.deleted:
            ids = [row_id for row_id in ids if row_id not in self._deleted]
        if query.klass is not None:
            wanted = f"kobject.{query.klass}"
            ids = [row_id for row_id in ids if self.rows[row_id].type == wanted]
        for criterion in query.every:
            if not _cut_by(criterion, query.context):
                ids = [row_id for row_id in ids if self._holds(criterion, row_id)]
        if query.some:
            ids = [row_id for row_id in ids if any(self._holds(criterion, row_id) for criterion in query.some)]
        for criterion in query.none:
            ids = [row_id for row_id in ids if not self._holds(criterion, row_id)]
        return ids

    def _holds(self, criterion: Criterion, row_id: str) -> bool:
        return criterion.test(self._value(criterion.key, criterion.attribute.read, row_id))

    def _value(self, key: str, read: Any, row_id: str) -> Any:
        if _is_plain(key, "updated"):
            return self.rows[row_id].updated
        if _is_plain(key, "created"):
            return self.rows[row_id].created
        column = self._columns[key]
        if row_id not in column:
            column[row_id] = read(decode(self.rows[row_id].body))
        return column[row_id]

    def _sorted(self, keys: tuple[SortKey, ...], ids: list[str]) -> Sequence[str]:
        if not keys:
            return sorted(ids, key=rank_of)
        if _is_plain(keys[0].key, "updated") and len(keys) == 1:
            return ids[::-1] if keys[0].descending else ids
        ordered = sorted(ids, key=rank_of)
        for sort in reversed(keys):
            valued = [(self._value(sort.key, sort.attribute.read, row_id), row_id) for row_id in ordered]
            empty = [row_id for value, row_id in valued if value is None or value == []]
            full = [pair for pair in valued if pair[0] is not None and pair[0] != []]
            full.sort(key=lambda pair: pair[0], reverse=sort.descending)
            ordered = [row_id for _, row_id in full] + empty
        return ordered


def _entry(row: Row) -> _Entry:
    return row.updated, rank_of(row.id), row.id


def _cut_by(criterion: Criterion, context: str) -> bool:
    return criterion.window is not None and criterion.key == f"{context}_updated_at"


def _is_plain(key: str, name: str) -> bool:
    """Whether a key is `<context>_<name>_at`, which every row has at hand, and no longer one."""
    return key.endswith(f"_{name}_at") and key.count("_") == 2
