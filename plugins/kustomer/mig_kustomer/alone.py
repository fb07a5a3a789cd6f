"""What a narrowed run reads by itself: a conversation with all that stands in it, a customer, a company."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from urllib.parse import quote

import structlog
from msgspec import Struct

from mig import Raw
from mig_kustomer.beside import WITH_FILES, Files, Originals, files_of_notes, messages_and_files
from mig_kustomer.catalog import context_of
from mig_kustomer.client import Client
from mig_kustomer.searched import Criteria, searched
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row

log = structlog.get_logger()


class Parent(Struct, frozen=True):
    """What a list of rows hangs on."""

    kind: str
    """As relationships and searches name it: customer or conversation."""
    id: str

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"/v1/{self.kind}s/{quote(self.id, safe='')}"


async def children(
    client: Client, settings: KustomerSettings, parent: Parent, name: str
) -> AsyncIterator[Sequence[Row]]:
    """The notes or conversations of a parent: its list, and what stands behind the list's cap by search.

    A parent that is not there (any more) has none.
    """
    seen: set[str] = set()
    capped = False
    async for part in client.parts(f"{parent.path}/{name}", absent=True):
        rows = [Row.of(body) for body in part.leaf.rows]
        seen.update(row.id for row in rows)
        capped = part.capped
        yield rows
    if capped:
        of_it: Criteria = [{f"{context_of(name).name}_{parent.kind}_id": {"equals": parent.id}}]
        async for found in searched(client, settings, name, of_it, of_it):
            yield [row for row in found if row.related(parent.kind) == parent.id and row.id not in seen]


class Alone:
    """Reads one thing at a time, and learns whom it is about.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        people: Customers that are wanted whatever is read.
    """

    def __init__(self, client: Client, settings: KustomerSettings, people: Iterable[str] = ()) -> None:
        self._client = client
        self._settings = settings
        self._originals = Originals(client, settings)
        self.people = set(people)
        """The customers of what was read so far."""
        self.companies: set[str] = set()
        """The companies of the customers read so far."""

    async def conversation(self, row: Row) -> list[Raw]:
        """A conversation with its messages, its notes and their files."""
        self.people |= {row.related("customer")} - {""}
        raws = [row.raw("conversations"), *await self._messages(row)]
        if row.attributes.get("noteCount") != 0:
            async for notes in children(self._client, self._settings, Parent("conversation", row.id), "notes"):
                raws += await self._with_files(notes)
        return raws

    async def person(self, customer: str) -> list[Raw]:
        """A customer, with the notes that are about nobody's conversation; nothing: it is gone."""
        parent = Parent("customer", customer)
        leaf = await self._client.find(parent.path)
        if leaf is None or not leaf.rows:
            return []
        row = Row.of(leaf.rows[0])
        self.companies |= {row.related("company")} - {""}
        raws = [row.raw("customers")]
        async for notes in children(self._client, self._settings, parent, "notes"):
            raws += await self._with_files([note for note in notes if not note.related("conversation")])
        return raws

    async def company(self, company: str) -> list[Raw]:
        """A company; nothing: it is gone."""
        leaf = await self._client.find(f"/v1/companies/{quote(company, safe='')}")
        return [Row.of(body).raw("companies") for body in leaf.rows] if leaf else []

    async def _with_files(self, notes: Sequence[Row]) -> list[Raw]:
        return [*(note.raw("notes") for note in notes), *await files_of_notes(self._client, notes)]

    async def _messages(self, conversation: Row) -> list[Raw]:
        path = f"{Parent('conversation', conversation.id).path}/messages"
        raws: list[Raw] = []
        capped = False
        async for part in self._client.parts(path, {"include": "attachments"}, absent=True):
            raws += messages_and_files(part.leaf)
            capped = part.capped
        if capped:
            async for more in _Rest(self._client, self._settings, conversation, raws).pages():
                raws += more
        return await self._originals.beside(raws)


class _Rest:
    """Messages that stand behind the cap of their conversation's list.

    The archive knows them by their conversation, search only by whom they are with: where somebody turns up whom the
    list did not show, all messages are looked through.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        conversation: Where they stand.
        listed: What the list showed.
    """

    def __init__(self, client: Client, settings: KustomerSettings, conversation: Row, listed: Sequence[Raw]) -> None:
        self._client = client
        self._settings = settings
        self._conversation = conversation
        messages = [raw for raw in listed if raw.resource == "messages"]
        self._people = {conversation.related("customer"), *(Row.of(raw.body).related("customer") for raw in messages)}
        self._seen = {raw.id for raw in messages}
        self._files = Files(client, settings)
        self._files.gone.add(conversation.id)

    async def pages(self) -> AsyncIterator[list[Raw]]:
        """Each message that the list did not show, with its files: those are asked for message by message."""
        if people := sorted(self._people - {""}):
            async for raws in self._recent([{"message_customer_id": {"in": people}}]):
                yield self._note(raws)
        async for raws in self._old():
            yield self._note(raws)
        counted = self._conversation.attributes.get("messageCount")
        if isinstance(counted, int) and counted > len(self._seen):
            log.info("messages.lacking", conversation=self._conversation.id, found=len(self._seen), counted=counted)
            async for raws in self._recent(()):
                yield self._note(raws)

    def _note(self, raws: list[Raw]) -> list[Raw]:
        self._seen.update(raw.id for raw in raws if raw.resource == "messages")
        return raws

    async def _recent(self, who: Criteria) -> AsyncIterator[list[Raw]]:
        async for rows in self._searched([*who, WITH_FILES], None):
            async for raws in self._files.of(rows):
                yield raws
        async for rows in self._searched(who, None):
            yield [row.raw("messages") for row in rows]

    async def _old(self) -> AsyncIterator[list[Raw]]:
        of_it: Criteria = [{"message_conversation_id": {"equals": self._conversation.id}}]
        chosen = self._settings.archived_files
        async for rows in self._searched(None, of_it):
            shown = chosen == "shown" or (chosen == "auto" and self._files.shown)
            async for raws in self._files.of_old(rows, shown=shown):
                yield raws

    async def _searched(self, recent: Criteria | None, old: Criteria | None) -> AsyncIterator[list[Row]]:
        """What was not seen yet of this conversation."""
        async for rows in searched(self._client, self._settings, "messages", recent, old):
            own = [row for row in rows if row.related("conversation") == self._conversation.id]
            yield [row for row in own if row.id not in self._seen]
