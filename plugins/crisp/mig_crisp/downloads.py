"""The bytes of files as they stand on Crisp, read back as anybody would: without a key, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mig import Attachment, Lost, Record, Unclear
from mig.http import Outside

_GONE = frozenset((404, 410))
_LATER = frozenset((408, 425, 429))


class Downloads:
    """Opens files by the address their message, or the link to them, names.

    Args:
        outside: Follows addresses that came from data.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    @asynccontextmanager
    async def open(self, record: Record) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an attachment as `read` shows it.

        Raises:
            Lost: They cannot be had, now or later.
            Unclear: Not this time.
        """
        if not isinstance(record, Attachment):
            raise Lost("it is no file")
        if not record.url:
            raise Lost("nothing on Crisp names an address of it")
        async with self._outside.get(record.url) as answer:
            _check(answer.status)
            yield answer.chunks


def _check(status: int) -> None:
    if status == 200:
        return
    if status in _GONE:
        raise Lost(f"its bytes are gone ({status})")
    if status >= 500 or status in _LATER:
        raise Unclear(f"its store answered {status}")
    raise Lost(f"its store refuses it ({status})")
