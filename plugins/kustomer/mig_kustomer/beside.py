"""What stands beside messages: their files, and the originals of e-mails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import structlog

from mig import Raw, Refused, Unparseable, Unreadable
from mig_kustomer.client import Client, Unserved
from mig_kustomer.names import named
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import Row
from mig_kustomer.wire import Leaf, read, write

log = structlog.get_logger()

T = TypeVar("T")
U = TypeVar("U")

WITH_FILES: Mapping[str, Any] = {"message_attachment_count": {"gte": 1}}
"""How searches tell messages that have files; the archive does not know it (docs/api/kustomer.md, section 5)."""
MANY = 100
"""Ids of one request: a URL must not grow without end."""


async def together(ask: Callable[[T], Coroutine[Any, Any, U]], things: Iterable[T], most: int) -> list[U]:
    """Ask about several things at the same time, at most so many; the first error ends them all."""
    gate = asyncio.Semaphore(most)

    async def one(thing: T) -> U:
        async with gate:
            return await ask(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(thing)) for thing in things]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


async def in_turn(ask: Callable[[T], Coroutine[Any, Any, U]], things: Sequence[T], most: int) -> AsyncIterator[U]:
    """Ask about so many things at the same time, and about the next when those were handed out."""
    for start in range(0, len(things), most):
        for answer in await together(ask, things[start : start + most], most):
            yield answer


def messages_and_files(leaf: Leaf) -> list[Raw]:
    """A page of messages with what it includes; a file that does not name its message is told it."""
    rows = [Row.of(body) for body in leaf.rows]
    parents = {file: row.id for row in rows for file in _files(row)}
    raws = [row.raw("messages") for row in rows]
    return raws + [_file(row, "message", parents) for row in map(Row.of, leaf.included)]


async def files_of_notes(client: Client, notes: Sequence[Row]) -> list[Raw]:
    """The files that notes name; no list holds them, and those the API does not give stay only named."""
    parents = {file: note.id for note in notes for file in _files(note)}
    ids = list(parents)
    found: dict[str, Row] = {}
    try:
        for start in range(0, len(ids), MANY):
            joined = quote(",".join(ids[start : start + MANY]), safe=",")
            leaf = await client.find(f"/v1/attachments/{joined}")
            found |= {row.id: row for row in map(Row.of, leaf.rows if leaf else ())}
        for id_ in ids if len(ids) > 1 else ():
            if id_ not in found and (leaf := await client.find(f"/v1/attachments/{quote(id_, safe='')}")):
                found |= {row.id: row for row in map(Row.of, leaf.rows)}
    except Unserved as error:
        if not error.sure:
            raise
        log.warning("files.unserved", notes=len(notes), status=error.status)
    return [_file(row, "note", parents) for row in found.values()]


def with_versions(leaf: Leaf) -> list[Raw]:
    """A page of SLAs, each with the versions that are included: `{"data": <resource>, "versions": [...]}`."""
    rows, versions = [Row.of(body) for body in leaf.rows], [Row.of(body) for body in leaf.included]
    raws = []
    for row in rows:
        ids = set(_named(row, "versions"))
        own = [one.body for one in versions if one.related("sla") == row.id or one.id in ids]
        raw = row.raw("slas")
        beside = b',"versions":[' + b",".join(own) + b"]}"
        raws.append(Raw(raw.resource, raw.id, b'{"data":' + raw.body + beside, raw.changed_at) if own else raw)
    return raws


def without_ids(name: str, leaf: Leaf) -> list[Raw]:
    """Rows the API gives no ids; what names none of them is quarantined by a digest."""
    raws = []
    for row in map(Row.of, leaf.rows):
        try:
            raws.append(Raw(name, named(name, read(row.body)[0]), row.body))
        except (ValueError, RecursionError, Unparseable):
            raws.append(row.raw(name))
    return raws


class Files:
    """Messages with files, which searches show without them, read through their conversations.

    Args:
        client: Who asks.
        settings: How many conversations are read at the same time.
    """

    def __init__(self, client: Client, settings: KustomerSettings) -> None:
        self._client = client
        self._settings = settings
        self.given: set[str] = set()
        """Messages that were handed out with their files: a plain search must not bring them again without."""
        self.shown = False
        """Searches were seen to name the files of messages (docs/api/kustomer.md, section 5: unverified)."""
        self._read: set[str] = set()
        self.gone: set[str] = set()
        """Conversations whose list shows no more messages."""

    def forget(self) -> None:
        """Begin anew: what changed since it was handed out is handed out again."""
        self.given.clear()
        self._read.clear()
        self.gone.clear()

    async def of(self, rows: Sequence[Row]) -> AsyncIterator[list[Raw]]:
        """Hand out the messages found, and every other one with files in their conversations."""
        self.shown = self.shown or any(map(_files, rows))
        async for raws in self._of(rows):
            yield raws

    async def of_old(self, rows: Sequence[Row], *, shown: bool) -> AsyncIterator[list[Raw]]:
        """Hand out messages archive search found: it counts no files, so their conversations say which have any.

        Args:
            rows: What was found.
            shown: Rows name their files, and only those that do are asked for; otherwise each conversation is, once.
        """
        left = [row for row in rows if row.id not in self.given]
        async for raws in self._of([row for row in left if (_files(row) if shown else self._may_have_files(row))]):
            yield raws
        yield [row.raw("messages") for row in left if row.id not in self.given]

    def _may_have_files(self, row: Row) -> bool:
        """A conversation that was read showed every message of it that has files; one that is gone shows none."""
        return row.related("conversation") not in self._read

    async def _of(self, rows: Sequence[Row]) -> AsyncIterator[list[Raw]]:
        wanted: dict[str, set[str]] = {}
        for row in rows:
            if row.id not in self.given:
                wanted.setdefault(row.related("conversation"), set()).add(row.id)
        most = self._settings.readers
        async for raws in in_turn(lambda one: self._conversation(one, wanted[one]), list(wanted), most):
            self.given.update(raw.id for raw in raws if raw.resource == "messages")
            yield raws

    async def _conversation(self, conversation: str, wanted: set[str]) -> list[Raw]:
        raws: list[Raw] = []
        if conversation and conversation not in self.gone:
            whole, path = False, f"/v1/conversations/{quote(conversation, safe='')}/messages"
            async for part in self._client.parts(path, {"include": "attachments"}, absent=True):
                raws += messages_and_files(part.leaf)
                whole = not part.more and not part.capped
            # merged or deleted meanwhile, or longer than the cap: what it does not show is asked for one by one
            (self._read if whole else self.gone).add(conversation)
        keep = wanted | {raw.id for raw in raws if raw.resource == "messages" and _files(Row.of(raw.body))}
        raws = [raw for raw in raws if raw.resource == "attachments" or raw.id in keep]
        found = {raw.id for raw in raws if raw.resource == "messages"}
        for alone in await together(self._message, sorted(wanted - found), 1):
            raws += alone
        return raws

    async def _message(self, message: str) -> list[Raw]:
        path = f"/v1/messages/{quote(message, safe='')}"
        leaf = await self._client.find(path)
        if leaf is None or not leaf.rows:
            return []
        row = Row.of(leaf.rows[0])
        raws = [row.raw("messages")]
        for file in _files(row):
            found = await self._client.find(f"{path}/attachments/{quote(file, safe='')}")
            raws += [Row.of(body).raw("attachments") for body in found.rows] if found else []
        return raws


class Originals:
    """The original bodies of e-mails, from the address each names.

    Args:
        client: Who asks.
        settings: Whether originals are wanted, and how many are read at the same time.
    """

    def __init__(self, client: Client, settings: KustomerSettings) -> None:
        self._client = client
        self._settings = settings
        self._forbidden = False

    async def beside(self, raws: Sequence[Raw]) -> list[Raw]:
        """The same raws, e-mails with what their own address answered: `{"data": <resource>, "body": <answer>}`."""
        if not self._settings.full_email:
            return list(raws)
        return await together(self._one, raws, self._settings.readers)

    async def _one(self, raw: Raw) -> Raw:
        if raw.resource != "messages" or self._forbidden:
            return raw
        row = Row.of(raw.body)
        link = row.link("related")
        if row.attributes.get("channel") != "email" or not link:
            return raw
        body = await self._read(raw.id, link)
        return raw if body is None else Raw(raw.resource, raw.id, _envelope(raw.body, body), raw.changed_at)

    async def _read(self, message: str, link: str) -> bytes | None:
        try:
            self._client.check(link)
        except Refused:
            log.warning("email.foreign", message=message)
            return write({"unread": "the original stands on another host; the preview is kept"})
        try:
            answer = await self._client.get_bytes(link if "://" in link or link.startswith("/") else f"/{link}")
        except Unserved as error:
            if error.status == 403:  # the key may read none of them
                self._forbidden = True
                log.warning("email.forbidden", message=message)
                return None
            return write({"unread": f"the original is not served (status {error.status}); the preview is kept"})
        except Unreadable:
            return write({"unread": "the original gave no whole answer; the preview is kept"})
        try:
            read(answer)
        except (ValueError, RecursionError):
            return write(answer.decode("utf-8", "replace"))
        return answer


def _file(row: Row, kind: str, parents: Mapping[str, str]) -> Raw:
    """A file's raw; where it does not name what it hangs on, beside that: `{"data": <resource>, "parent": ...}`."""
    raw = row.raw("attachments")
    if row.id not in parents or row.related("message") or "/messages/" in row.link("self"):
        return raw
    parent = write({"type": kind, "id": parents[row.id]})
    return Raw(raw.resource, raw.id, b'{"data":' + raw.body + b',"parent":' + parent + b"}", raw.changed_at)


def _envelope(resource: bytes, body: bytes) -> bytes:
    return b'{"data":' + resource + b',"body":' + body + b"}"


def _files(row: Row) -> list[str]:
    """The ids of a message's files."""
    return _named(row, "attachments")


def _named(row: Row, name: str) -> list[str]:
    """The ids a relationship names."""
    relation = row.relationships.get(name)
    data = relation.get("data") if isinstance(relation, dict) else None
    entries = data if isinstance(data, list) else []
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    return [one for one in ids if isinstance(one, str) and one]
