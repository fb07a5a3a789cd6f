"""All rows of the organisation, found by id, by parent, and in the order of their lists."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mig_kustomer.sandbox.rows import VANISHING, Json, Row, decode, keys_of, make_row

#: Their lists are documented to be in the order of ids; the others keep the order in which rows came.
_BY_ID = frozenset({"conversations", "messages"})


class Table:
    """The rows of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.order: list[str] = []
        self.gone: dict[str, Row] = {}
        """Deleted rows of a kind that vanishes: only searches know them."""
        self._keys: dict[str, dict[str, list[str]]] = defaultdict(dict)

    def load(self, row: Row, keys: Iterable[tuple[str, str]]) -> None:
        """Append a row; `settle` must follow the last one."""
        if row.deleted and self.kind in VANISHING:
            self.gone[row.id] = row
            return
        self.rows[row.id] = row
        self.order.append(row.id)
        for name, value in keys:
            self._keys[name].setdefault(value, []).append(row.id)

    def settle(self) -> None:
        """Bring lists into their order once everything is loaded."""
        if self.kind in _BY_ID:
            self.order.sort()
            for values in self._keys.values():
                for ids in values.values():
                    ids.sort()

    def put(self, row: Row, resource: Json) -> None:
        """Add or replace a row, keeping every order; a deleted row of a vanishing kind leaves all lists."""
        vanished = row.deleted and self.kind in VANISHING
        known = self.rows.get(row.id)
        old = set() if known is None else set(keys_of(self.kind, decode(known.body)))
        new = set() if vanished else set(keys_of(self.kind, resource))
        for name, value in old - new:
            self._keys[name][value].remove(row.id)
        for name, value in new - old:
            self._insert(self._keys[name].setdefault(value, []), row.id)
        if vanished:
            self.gone[row.id] = row
            if self.rows.pop(row.id, None):
                self.order.remove(row.id)
            return
        self.gone.pop(row.id, None)
        self.rows[row.id] = row
        if known is None:
            self._insert(self.order, row.id)

    def find(self, name: str, value: str) -> Sequence[str]:
        """Ids of the rows that have a key, in list order."""
        return self._keys[name].get(value, ()) if name in self._keys else ()

    def _insert(self, ids: list[str], row_id: str) -> None:
        if self.kind in _BY_ID:
            insort(ids, row_id)
        else:
            ids.append(row_id)


class Store:
    """The organisation's tables."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def table(self, kind: str) -> Table:
        """The rows of a kind; an empty table for a kind without any."""
        if kind not in self._tables:
            self._tables[kind] = Table(kind)
        return self._tables[kind]

    def load(self, resources: Iterable[tuple[str, Json, bytes | None]]) -> None:
        """Fill the store: kind, resource, and its JSON where it exists already."""
        for kind, resource, body in resources:
            table = self.table(kind)
            row = make_row(kind, resource, body=body, place=len(table.order))
            table.load(row, keys_of(kind, resource))
        for table in self._tables.values():
            table.settle()

    def get(self, kind: str, row_id: str | None) -> Row | None:
        """A row by id; None when there is none, or no longer."""
        return self.table(kind).rows.get(row_id) if row_id else None

    def children(self, kind: str, name: str, value: str) -> list[Row]:
        """The rows of a kind that have a key, in list order."""
        table = self.table(kind)
        return [table.rows[row_id] for row_id in table.find(name, value)]

    def everything(self) -> Iterator[Row]:
        """Every row, deleted ones too."""
        for table in list(self._tables.values()):
            yield from list(table.rows.values())
            yield from list(table.gone.values())
