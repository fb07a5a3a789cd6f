"""Records of a journal by their reference, for whoever says in words what names others by their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import select

from mig.journal.schema import record
from mig.journal.store import Journal
from mig.model import Kind, Record, Ref

_PAGE = 200
_MOST = 10_000
"""Records of one kind that `all` gives: it is for desks' settings."""


class Staged:
    """A `Lookup` over everything that is staged.

    Args:
        journal: Open.
        mig: The migration's number.
        types: Kind -> Struct.
    """

    def __init__(self, journal: Journal, mig: int, types: Mapping[Kind, type[Record]]) -> None:
        self._journal = journal
        self._mig = mig
        self._types = types
        self._one = lru_cache(maxsize=2_000)(self._read)
        self._all: dict[Kind, list[Record]] = {}

    def __call__(self, ref: Ref) -> Record | None:
        return self._one(ref)

    def all(self, kind: Kind) -> Sequence[Record]:
        if kind not in self._all:
            rows = (found for _, found in self.of(kind))
            self._all[kind] = [found for _, found in zip(range(_MOST), rows, strict=False)]
        return self._all[kind]

    def of(self, kind: Kind) -> Iterator[tuple[Any, Record]]:
        """Every record of a kind that can be read, by id: its row (id, fate, state, reason), and itself."""
        after = ""
        columns = [record.c[name] for name in ("id", "body", "fate", "state", "reason")]
        while True:
            statement = select(*columns).where(
                record.c.migration == self._mig, record.c.kind == kind, record.c.state != "gone", record.c.id > after
            )
            with self._journal.reading() as connection:
                page = connection.execute(statement.order_by(record.c.id).limit(_PAGE)).all()
            for row in page:
                found = self._decoded(kind, row.body)
                if found is not None:
                    yield row, found
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def kinds(self) -> list[Kind]:
        """Every kind there is a record of."""
        with self._journal.reading() as connection:
            found = select(record.c.kind).distinct().where(record.c.migration == self._mig, record.c.state != "gone")
            return [Kind(kind) for kind in connection.scalars(found.order_by(record.c.kind))]

    def _read(self, ref: Ref) -> Record | None:
        one = (record.c.migration == self._mig, record.c.kind == ref.kind, record.c.id == ref.id)
        with self._journal.reading() as connection:
            body = connection.execute(select(record.c.body).where(*one, record.c.state != "gone")).scalar()
        return self._decoded(ref.kind, body)

    def _decoded(self, kind: Kind, body: bytes | None) -> Record | None:
        if not body or kind not in self._types:
            return None
        try:
            return msgspec.json.decode(body, type=self._types[kind])
        except (msgspec.DecodeError, UnicodeDecodeError):  # staged by another release
            return None
