"""Notes older than two years: no search knows them, their conversations and customers do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

import structlog

from mig import Raw
from mig_kustomer.beside import files_of_notes, together
from mig_kustomer.client import Client
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row

log = structlog.get_logger()


class OldNotes:
    """Reads the notes of conversations that have more of them than were seen (docs/api/kustomer.md, section 5).

    Args:
        client: Who asks.
        settings: How many parents are read at the same time.
        files: Whether the notes' files are wanted.
    """

    def __init__(self, client: Client, settings: KustomerSettings, *, files: bool = True) -> None:
        self._client = client
        self._settings = settings
        self._files = files
        self._known: set[str] = set()
        self._of: dict[str, int] = {}

    def saw(self, notes: Iterable[Row]) -> None:
        """Count notes by conversation: one whose notes were all seen is not asked."""
        for note in notes:
            if note.id not in self._known:
                self._known.add(note.id)
                conversation = note.related("conversation")
                self._of[conversation] = self._of.get(conversation, 0) + 1

    async def of_conversations(self, rows: Sequence[Row]) -> list[Raw]:
        """The notes of those conversations that have some not yet seen."""
        asked = [row.id for row in rows if self._lacks(row)]
        return await self._read([f"/v1/conversations/{quote(one, safe='')}/notes" for one in asked])

    async def of_customers(self, rows: Sequence[Row]) -> list[Raw]:
        """The notes of customers: no count tells whether there are any."""
        return await self._read([f"/v1/customers/{quote(row.id, safe='')}/notes" for row in rows])

    def _lacks(self, conversation: Row) -> bool:
        count = conversation.attributes.get("noteCount")
        known = self._of.get(conversation.id, 0)
        return not isinstance(count, int) or count > known

    async def _read(self, paths: Sequence[str]) -> list[Raw]:
        raws: list[Raw] = []
        for rows in await together(self._notes, paths, self._settings.readers):
            self.saw(rows)
            raws += [row.raw("notes") for row in rows]
            raws += await files_of_notes(self._client, rows) if self._files else []
        return raws

    async def _notes(self, path: str) -> list[Row]:
        rows: list[Row] = []
        async for part in self._client.parts(path, absent=True):
            rows += map(Row.of, part.leaf.rows)
            if part.capped:
                log.warning("notes.capped", cap=self._settings.list_cap)
        return rows
