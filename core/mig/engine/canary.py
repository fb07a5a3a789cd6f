"""A canary: a few conversations re-addressed to the operator's own address, in a migration of their own.

Whatever the target mails about them lands there. Their marks carry another origin, so that the real migration neither
finds nor counts them, and a rollback takes back exactly these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import msgspec

from mig.errors import Lost
from mig.model import Address, Contact, Kind, Record, Ref, digest
from mig.platforms import HasFiles, Page, Parsed, Partition, Raw, Scope, Source

MARK = "~canary-"
"""Stands behind the organisation's id in a canary's migration and marks, before a digest of the address."""
MANY = 3


class CanarySource:
    """A source whose contacts all have one address.

    Args:
        inner: The real one.
        address: Whose mail it is.
    """

    def __init__(self, inner: Source, address: str) -> None:
        self._inner = inner
        self._address = address

    async def identity(self) -> str:
        return await self._inner.identity() + MARK + digest(self._address.lower())[:8]

    async def partitions(self, scope: Scope) -> Sequence[Partition]:
        return await self._inner.partitions(scope)

    def extract(self, part: Partition, scope: Scope, checkpoint: bytes | None) -> AsyncIterator[Page]:
        return self._inner.extract(part, scope, checkpoint)

    def parse(self, raw: Raw) -> Parsed:
        parsed = self._inner.parse(raw)
        return msgspec.structs.replace(parsed, records=[self._readdressed(record) for record in parsed.records])

    async def fetch(self, refs: Sequence[Ref]) -> Mapping[Ref, Raw]:
        return await self._inner.fetch(refs)

    def ids(self, kind: Kind, scope: Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        return self._inner.ids(kind, scope)

    def open_file(self, record: Record) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._inner.open_file(record) if isinstance(self._inner, HasFiles) else _no_files()

    def _readdressed(self, record: Record) -> Record:
        """No address, number or account of the customer is left that anything could be sent to."""
        if not isinstance(record, Contact):
            return record
        custom = {key: self._without(value) for key, value in record.custom.items()}
        return msgspec.structs.replace(
            record, emails=[Address(value=self._address)], phones=[], handles=[], urls=[], custom=custom
        )

    def _without(self, value: object) -> object:
        """An attribute in which no other address stands."""
        return self._address if "@" in str(value) else value


def narrowed(scope: Scope) -> Scope:
    """The scope of a canary: of what the filter means, the few conversations changed last."""
    return msgspec.structs.replace(scope, filters={**scope.filters, "limit": (str(MANY),)})


@asynccontextmanager
async def _no_files() -> AsyncIterator[AsyncIterator[bytes]]:
    raise Lost("the source cannot give files")
    yield  # pragma: no cover  # makes it a context manager
