"""Kustomer as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import msgspec

from mig import (
    AGENT,
    ARTICLE,
    ATTACHMENT,
    ATTRIBUTE,
    CATEGORY,
    COMPANY,
    CONTACT,
    CONVERSATION,
    CUSTOM_OBJECT,
    HELP_ADDRESS,
    KLASS,
    KNOWLEDGE_BASE,
    MEDIA,
    MESSAGE,
    NOTE,
    QUEUE,
    RATING,
    TAG,
    TEAM,
    Access,
    Attachment,
    Finding,
    Kind,
    Page,
    Parsed,
    Partition,
    Raw,
    Record,
    Ref,
    Refused,
    Scope,
    Unparseable,
)
from mig.http import Outside
from mig_kustomer.articles import Articles
from mig_kustomer.beside import MANY, together
from mig_kustomer.catalog import KB_TAG, OF_KIND, RESOURCES, Resource
from mig_kustomer.check import findings
from mig_kustomer.client import Client, Unserved
from mig_kustomer.drafts import Drafts
from mig_kustomer.extract import Extraction
from mig_kustomer.files import Downloads
from mig_kustomer.klasses import Definitions, klass_rows
from mig_kustomer.narrow import Narrow
from mig_kustomer.parse import parse
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import Row

SELECTED = "selected"
"""The partition of a narrowed run."""
_NEEDS: Mapping[Kind, frozenset[Kind]] = {
    CONVERSATION: frozenset((CONTACT, MESSAGE, NOTE, ATTACHMENT, AGENT, TEAM, QUEUE, TAG, ATTRIBUTE)),
    CONTACT: frozenset((COMPANY, TAG, ATTRIBUTE)),
    COMPANY: frozenset((TAG, ATTRIBUTE)),
    MESSAGE: frozenset((CONVERSATION,)),
    NOTE: frozenset((CONVERSATION,)),
    ATTACHMENT: frozenset((CONVERSATION,)),
    RATING: frozenset((CONVERSATION,)),
    CUSTOM_OBJECT: frozenset((KLASS, CONTACT, COMPANY, TAG, ATTRIBUTE)),
    CATEGORY: frozenset((KNOWLEDGE_BASE,)),
    ARTICLE: frozenset((CATEGORY, KNOWLEDGE_BASE, KB_TAG)),
    MEDIA: frozenset((ARTICLE,)),
    HELP_ADDRESS: frozenset((ARTICLE,)),
}
"""What a kind refers to, and what stands in it."""
_PARTS = frozenset((ATTRIBUTE, RATING, CATEGORY, ARTICLE, MEDIA, HELP_ADDRESS))
"""Kinds whose records have other ids than the rows they stand in."""


class KustomerSource:
    """Reads an organisation of Kustomer.

    Args:
        client: Who asks.
        settings: Page sizes and caps.
        downloads: Opens files.
    """

    def __init__(self, client: Client, settings: KustomerSettings, downloads: Downloads) -> None:
        self._client = client
        self._settings = settings
        self._downloads = downloads
        self._narrowed: Narrow | None = None

    async def identity(self) -> str:
        try:
            leaf = await self._client.get("/v1/orgs/current")
            if leaf.rows:
                return Row.of(leaf.rows[0]).id
        except Unserved:
            pass  # not every role may read it; each row names its organisation
        leaf = await self._client.get("/v1/users", {"page": 1, "pageSize": 1})
        for row in map(Row.of, leaf.rows):
            if organisation := row.related("org"):
                return organisation
        raise Refused(
            "Kustomer does not say which organisation this key belongs to",
            "The key needs org.permission.user.read, or the right to read GET /v1/orgs/current.",
        )

    async def partitions(self, scope: Scope) -> Sequence[Partition]:
        filtered = bool(scope.since or scope.until or scope.filters)
        if not filtered:
            return self._whole(_with_needs(scope.kinds) if scope.kinds else frozenset(OF_KIND), scope.kinds)
        talk = _with_needs(frozenset((CONVERSATION,)))  # filters are about conversations
        named = self._whole(_with_needs(scope.kinds) - talk, scope.kinds)
        if not await self._narrow(scope).pays():
            return [*self._whole(talk, frozenset()), *named]
        small = [part for part in self._whole(talk, frozenset()) if RESOURCES[part.resource].context is None]
        return [*small, *named, Partition("conversations", SELECTED)]

    def _whole(self, wanted: frozenset[Kind], asked: frozenset[Kind]) -> list[Partition]:
        """What holds these kinds, to be read whole; what is only read beside another, when that or its own is asked."""
        found = [name for name, one in RESOURCES.items() if one.path and one.kind in wanted]
        beside = [name for name in found if (other := RESOURCES[name].beside) and other not in wanted]
        left = {name for name in beside if RESOURCES[name].kind not in asked}
        if not self._settings.drafts:
            left.add("drafts")
        return [Partition(name, whole=True) for name in found if name not in left]

    def extract(self, part: Partition, scope: Scope, checkpoint: bytes | None) -> AsyncIterator[Page]:
        if part.name == SELECTED:
            return self._narrow(scope).pages()
        return self._pages(part.resource, checkpoint)

    def _pages(self, name: str, checkpoint: bytes | None = None, *, census: bool = False) -> AsyncIterator[Page]:
        """One resource from a checkpoint on."""
        if name == "articles":
            return Articles(self._client, self._settings, census=census).pages(checkpoint)
        if name == "kobject_metadata":
            return Definitions(self._client).pages(checkpoint)
        if name == "drafts":
            return Drafts(self._client, self._settings).pages(checkpoint)
        return self._read(name, checkpoint, census=census)

    async def _read(self, name: str, checkpoint: bytes | None, *, census: bool) -> AsyncIterator[Page]:
        """From a checkpoint on; of what a run before this one had read a part, also what changed in that part since."""
        last = checkpoint
        async for page in Extraction(self._client, self._settings, name, census=census).pages(checkpoint):
            last = page.checkpoint or last
            yield page
        if RESOURCES[name].context is not None and State.read(checkpoint).is_behind(State.read(last)):
            async for page in Extraction(self._client, self._settings, name, census=census).pages(last):
                yield page

    def _narrow(self, scope: Scope) -> Narrow:
        """One for each scope: what it learnt by weighing the cost it need not ask again."""
        if self._narrowed is None or self._narrowed.scope != scope:
            self._narrowed = Narrow(self._client, self._settings, scope)
        return self._narrowed

    def parse(self, raw: Raw) -> Parsed:
        parsed = parse(raw)
        if raw.resource != "attachments":
            return parsed
        return msgspec.structs.replace(parsed, records=[self._with_host(record) for record in parsed.records])

    def _with_host(self, record: Record) -> Record:
        """A file's path as an address."""
        if isinstance(record, Attachment) and record.url.startswith("/"):
            parts = urlsplit(self._settings.url)
            return msgspec.structs.replace(record, url=f"{parts.scheme}://{parts.netloc}{record.url}")
        return record

    def open_file(self, record: Record) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._downloads.open(record)

    def check(self, *, write: bool) -> AsyncIterator[Finding]:
        return findings(self._client, self._settings)

    async def fetch(self, refs: Sequence[Ref]) -> Mapping[Ref, Raw]:
        found: dict[Ref, Raw] = {}
        for kind in dict.fromkeys(ref.kind for ref in refs):
            ids = list(dict.fromkeys(ref.id for ref in refs if ref.kind == kind))
            found |= {Ref(kind, id_): raw for id_, raw in (await self._fetched(kind, ids)).items()}
        return found

    async def _fetched(self, kind: Kind, ids: Sequence[str]) -> dict[str, Raw]:
        """Records of one kind by their ids."""
        name = OF_KIND[kind][0]
        if kind == RATING:  # it goes by the id of its conversation
            raws = await self._by_id(name, RESOURCES[name], ids)
            return {id_: raw for id_, raw in raws.items() if id_ in dict(_ids_in(raw, kind))}
        if kind in (ARTICLE, MEDIA):
            return await self._of_articles(kind, ids)
        if kind == CUSTOM_OBJECT:
            return await klass_rows(self._client, self._settings, ids)
        if RESOURCES[name].context is not None or kind == ATTACHMENT:
            return await self._by_id(name, RESOURCES[name], ids)
        return await self._from_lists(kind, set(ids))

    async def _of_articles(self, kind: Kind, ids: Sequence[str]) -> dict[str, Raw]:
        """Articles, and what stands in them: their ids begin with that of the article."""
        articles = Articles(self._client, self._settings)
        names = list(dict.fromkeys(id_.partition(".")[0] for id_ in ids))
        raws = await together(articles.by_id, names, self._settings.readers)
        found = {id_: raw for raw in raws if raw is not None for id_, _ in _ids_in(raw, kind)}
        return {id_: found[id_] for id_ in ids if id_ in found}

    async def ids(self, kind: Kind, scope: Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        names = ("messages", "notes") if kind == ATTACHMENT else OF_KIND[kind]
        seen: set[str] = set()
        for name in names:
            async for page in self._pages(name, census=kind not in (ATTACHMENT, MEDIA)):
                found = dict(one for raw in page.rows for one in _ids_in(raw, kind) if one[0] not in seen)
                seen |= found.keys()
                if found:
                    yield list(found.items())

    async def _from_lists(self, kind: Kind, wanted: set[str]) -> dict[str, Raw]:
        """Small resources are read whole: not each of them is known to have a route by id."""
        raws: dict[str, Raw] = {}
        for name in OF_KIND[kind]:
            if wanted <= raws.keys():
                break
            async for page in self._pages(name, census=kind != HELP_ADDRESS):
                raws |= {id_: raw for raw in page.rows for id_, _ in _ids_in(raw, kind) if id_ in wanted}
        return raws

    async def _by_id(self, name: str, resource: Resource, ids: Sequence[str]) -> dict[str, Raw]:
        raws: dict[str, Raw] = {}
        path = resource.path or f"/v1/{name}"
        if resource.many and len(ids) > 1:
            for start in range(0, len(ids), MANY):
                joined = quote(",".join(ids[start : start + MANY]), safe=",")
                leaf = await self._client.find(f"{path}/{joined}")
                raws |= {row.id: row.raw(name) for row in map(Row.of, leaf.rows if leaf else ())}

        async def one(id_: str) -> None:
            leaf = await self._client.find(f"{path}/{quote(id_, safe='')}")
            if leaf is not None and leaf.rows:
                row = Row.of(leaf.rows[0])
                # What cannot be read is quarantined by the name it was asked for.
                raws[id_] = (row if row.value else msgspec.structs.replace(row, id=id_)).raw(name)

        # What a read of many left out is asked for alone: only its own 404 says that it is gone.
        await together(one, [id_ for id_ in ids if id_ not in raws], self._settings.readers)
        return {id_: raws[id_] for id_ in ids if id_ in raws}


def _with_needs(kinds: frozenset[Kind]) -> frozenset[Kind]:
    wanted = kinds
    while (more := wanted.union(*(_NEEDS.get(kind, frozenset()) for kind in wanted))) != wanted:
        wanted = more
    return wanted


def _ids_in(raw: Raw, kind: Kind) -> list[tuple[str, datetime | None]]:
    """The ids of the records of one kind that a raw becomes."""
    if kind in _PARTS:
        try:
            return [(record.ref.id, record.changed_at) for record in parse(raw).records if record.ref.kind == kind]
        except Unparseable:
            return []
    return [(raw.id, raw.changed_at)] if RESOURCES[raw.resource].kind == kind else []


@asynccontextmanager
async def open_source(settings: KustomerSettings, access: Access) -> AsyncIterator[KustomerSource]:
    """Connect; nothing is asked yet."""
    outside = Outside(
        allowed=[settings.url, *settings.file_origins], timeout_s=settings.timeout_s, transport=access.transport
    )
    async with Client(settings, access) as client, outside:
        yield KustomerSource(client, settings, Downloads(client, outside, settings))


if TYPE_CHECKING:  # the type checker proves the claim, here and not at the first record
    from mig import CanCheck, HasFiles, Source

    _: type[Source] = KustomerSource
    _files: type[HasFiles] = KustomerSource
    _checks: type[CanCheck] = KustomerSource
