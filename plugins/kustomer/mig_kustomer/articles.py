"""Help articles with their texts: a list of containers, read once more for each language (section 7.17)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import structlog

from mig import Page, Raw, Unreadable
from mig_kustomer.beside import together
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.client import Client, Unserved
from mig_kustomer.library import languages_of, populated, version_named
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.state import State
from mig_kustomer.walk import Row
from mig_kustomer.wire import write

log = structlog.get_logger()

_LARGEST_PAGE = 500
_UNSHOWN = frozenset({"article", "org"})
"""Relationships of a version that repeat where it stands."""

Texts = dict[str, dict[str, Any]]
"""Language -> the public version."""


class Articles:
    """Reads the articles of all knowledge bases, in every run.

    Of each language the public version is read; where there is none, or the latest one is another, the versions of
    that language too, one request each. One raw holds an article with its texts:
    `{"data": <article>, "versions": {language: version}, "drafts": {...}, "unread": {language: why}}`.

    Args:
        client: Who asks.
        settings: Page sizes and caps, and whether drafts are wanted.
        census: Only ids and times are wanted: no texts are read.
    """

    def __init__(self, client: Client, settings: KustomerSettings, *, census: bool = False) -> None:
        self._client = client
        self._settings = settings
        self._census = census
        self._path = RESOURCES["articles"].path
        self._size = max(1, min(settings.article_page, _LARGEST_PAGE))

    async def pages(self, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """Pages from the checkpoint on.

        Raises:
            Unserved: The key may not read the knowledge base.
            Unreadable: There are more articles than the list shows; what it shows was handed out.
        """
        state = State.read(checkpoint)
        page = state.page if state.mode == "list" else 1
        while True:
            leaf = await self._client.get(self._path, {"page": page, "pageSize": self._size})
            rows, more = [Row.of(body) for body in leaf.rows], leaf.next is not None and bool(leaf.rows)
            if leaf.next is not None:
                self._client.check(leaf.next)
            raws = [row.raw("articles") for row in rows] if self._census else await self._with_texts(rows, page)
            capped = more and ((page + 1) * self._size > self._settings.list_cap or page >= self._settings.page_cap)
            following = State(page=page + 1) if more and not capped else State("done")
            yield Page(raws, following.write())
            if capped:
                raise Unreadable(
                    f"articles: only the first {page * self._size} could be read",
                    "The list shows no more; set article_page to 500, which is the most it takes.",
                )
            if not more:
                return
            page += 1

    async def by_id(self, id_: str) -> Raw | None:
        """One article with its texts; None: it is gone."""
        leaf = await self._client.find(f"{self._path}/{quote(id_, safe='')}")
        if leaf is None or not leaf.rows:
            return None
        row = Row.of(leaf.rows[0])
        texts: Texts = {}
        for language in languages_of(row.value):
            if version_named(row.value, language, "currentVersion"):
                found = await self._asked(row, language)
                texts |= {language: found} if found is not None else {}
        return await self._enveloped(row, texts)

    async def _asked(self, row: Row, language: str) -> dict[str, Any] | None:
        """The public version by the article's own route; whether it takes these parameters is undocumented."""
        try:
            leaf = await self._client.get(f"{self._path}/{quote(row.id, safe='')}", _with_text(language))
        except Unserved as error:
            if not error.sure or error.status == 403:
                raise
            return None
        return next((populated(Row.of(body).value, language) for body in leaf.rows), None)

    async def _with_texts(self, rows: Sequence[Row], page: int) -> list[Raw]:
        """The rows of one page of the list: the same page is asked for once for each language on it."""
        wanted = {
            language: {row.id for row in rows if version_named(row.value, language, "currentVersion")}
            for language in dict.fromkeys(language for row in rows for language in languages_of(row.value))
        }
        texts: dict[str, Texts] = {row.id: {} for row in rows}
        for language, ids in wanted.items():
            if not ids:
                continue
            query = {**_with_text(language), "page": page, "pageSize": self._size}
            leaf = await self._client.get(self._path, query)
            for row in map(Row.of, leaf.rows):
                found = populated(row.value, language)
                if found is not None and row.id in ids:
                    texts[row.id][language] = found
        return await together(lambda row: self._enveloped(row, texts[row.id]), rows, self._settings.readers)

    async def _enveloped(self, row: Row, texts: Texts) -> Raw:
        if not row.value:
            return row.raw("articles")  # it will be quarantined
        drafts: Texts = {}
        unread: dict[str, str] = {}
        for language in languages_of(row.value):
            current = version_named(row.value, language, "currentVersion")
            latest = version_named(row.value, language, "latestVersion")
            newer = latest if latest != current else ""
            if (current and language not in texts) or (newer and self._settings.article_drafts):
                why = await self._versions(row, language, texts, drafts)
                unread |= {language: why} if why else {}
            elif newer and not current:
                unread[language] = "it is a draft, which was not asked for (article_drafts)"
        members = {"versions": texts, "drafts": drafts, "unread": unread}
        beside = b"".join(b"," + write(name) + b":" + write(value) for name, value in members.items() if value)
        raw = row.raw("articles")
        return Raw(raw.resource, raw.id, b'{"data":' + raw.body + beside + b"}", raw.changed_at)

    async def _versions(self, row: Row, language: str, texts: Texts, drafts: Texts) -> str:
        """Read all versions of a language. Returns: why the text that is shown is not among them; empty: it is."""
        path = f"{self._path}/{quote(row.id, safe='')}/versions/{quote(language, safe='')}"
        found: list[Row] = []
        try:
            async for part in self._client.parts(path, absent=True):
                found += [one for one in map(Row.of, part.leaf.rows) if one.value]
        except Unserved as error:
            if not error.sure:
                raise
            log.warning("versions.unserved", article=row.id, language=language, status=error.status)
            return "" if language in texts else f"its versions are not served (status {error.status})"
        current = version_named(row.value, language, "currentVersion")
        latest = version_named(row.value, language, "latestVersion")
        public = next((one for one in found if one.id == current), None)
        newest = next((one for one in found if one.id == latest), max(found, key=_order, default=None))
        shown = current
        if language not in texts and (one := public or newest) is not None:
            texts[language], shown = _text(one), one.id
        if newest is not None and newest.id != shown and self._settings.article_drafts:
            drafts[language] = _text(newest)
        return "" if language in texts else "the article names a version that is not there (any more)"


def _with_text(language: str) -> dict[str, str | int]:
    return {"includeLang": language, "includeBody": "true"}


def _order(version: Row) -> tuple[float, str]:
    number = version.attributes.get("version")
    return (number if isinstance(number, (int, float)) else 0.0), str(version.attributes.get("updatedAt"))


def _text(version: Row) -> dict[str, Any]:
    """A version as the list shows the public one: its attributes, and its id as `_id`."""
    relations = {name: value for name, value in version.relationships.items() if name not in _UNSHOWN}
    return {"_id": version.id, **version.attributes} | ({"_relationships": relations} if relations else {})
