"""The newer interface to a help centre: a tree of folders and files, found by their paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog

from mig import Rejected
from mig_crisp.client import CrispClient, segment
from mig_crisp.help_api import Locales, Shelf, Shown, split

log = structlog.get_logger("mig.crisp")
_TYPE = "articles"
_FOLDERS = frozenset(("folder", "directory", "group", "category"))
_FILES = frozenset(("file", "article", "page"))


class FolderHelp:
    """As `HelpApi`, over `/helpdesk/tree/...` (docs/api/crisp.md, section 9).

    Paths are unique: they end in the hash of the source's own address, so that what stands at one is ours.

    Args:
        client: Talks to the workspace.
        locales: Makes sure of them.
    """

    names_shelves = False

    def __init__(self, client: CrispClient, locales: Locales) -> None:
        self._client = client
        self._locales = locales

    async def articles(self, locale: str) -> AsyncIterator[list[Shown]]:
        async for rows in self._tops(locale):
            yield [_shown(f"{locale}/{path}", row) for path, row in _entries(rows) if not _is_folder(row)]

    async def shelves(self, locale: str) -> AsyncIterator[list[Shelf]]:
        async for rows in self._tops(locale):
            yield [
                Shelf(key=f"{locale}/{path}", name=str(row.get("title") or ""), above=_above(locale, path), whole=False)
                for path, row in _entries(rows)
                if _is_folder(row)
            ]

    async def show(self, key: str) -> Shown | None:
        about = await self._client.get(_path("metadata", key))
        if not isinstance(about, Mapping):
            return None
        found = await self._client.get(_path("content", key))
        content = str(found.get("content") or "") if isinstance(found, Mapping) else ""
        return _shown(key, about, content)

    async def shelf(self, key: str) -> Shelf | None:
        about = await self._client.get(_path("metadata", key))
        if not isinstance(about, Mapping):
            return None
        locale, path = split(key)
        title, description = str(about.get("title") or ""), str(about.get("description") or "")
        return Shelf(key=key, name=title, description=description, above=_above(locale, path))

    async def make_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        return await self._make(body)

    async def find_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool] | None:
        key = _key(body)
        return (key, True) if isinstance(await self._client.get(_path("path", key)), Mapping) else None

    async def remove_shelf(self, key: str) -> bool:
        """DELETE takes with it all that lies in a folder: only one in which nothing lies is removed."""
        found = await self._client.get(_path("path", key))
        if isinstance(found, Mapping) and found.get("children"):
            return False
        await self.remove(key)
        return True

    async def make_article(self, body: Mapping[str, Any]) -> str:
        return (await self._make(body))[0]

    async def find_article(self, body: Mapping[str, Any]) -> str | None:
        key = _key(body)
        return key if isinstance(await self._client.get(_path("path", key)), Mapping) else None

    async def _make(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        await self._locales.ensure(str(body["locale"]))
        key = _key(body)
        try:
            await self._client.write("POST", _path("path", key), {}, may_refuse=True)
        except Rejected as error:
            if not error.field.endswith("exists"):
                raise
            return key, False  # of an earlier migration: nobody else's path ends so
        return key, True

    async def write(self, key: str, fields: Mapping[str, Any]) -> None:
        if "content" in fields:
            await self._client.write("PUT", _path("content", key), {"content": fields["content"]}, may_refuse=True)
        about = {name: fields[name] for name in ("title", "description") if name in fields}
        if fields.get("author"):
            about["author"] = {"user_id": fields["author"]}
        if about:
            await self._client.write("PATCH", _path("metadata", key), about, may_refuse=True)
        if fields.get("order") is not None:
            await self._order(key, fields["order"])

    async def put_on(self, key: str, shelf: str) -> None:
        """An article is born in its folder."""

    async def describe(self, key: str, fields: Mapping[str, Any]) -> None:
        await self.write(key, fields)

    async def _order(self, key: str, position: int) -> None:
        """Its place among its neighbours; the action's name is inferred, so that its refusal costs only the order."""
        try:
            await self._client.write(
                "PATCH", _path("path", key), {"action": "order", "position": position}, may_refuse=True
            )
        except Rejected as error:
            log.warning("help.unordered", why=error.message)

    async def publish(self, key: str, *, published: bool, featured: bool) -> None:
        state = {"published": published, "hidden": False, "featured": featured}
        await self._client.write("PATCH", _path("metadata", key), {"state": state}, may_refuse=True)

    async def url(self, key: str) -> str:
        found = await self._client.get(_path("page", key))
        return str(found.get("url") or "") if isinstance(found, Mapping) else ""

    async def addresses(self, locale: str) -> dict[str, str]:
        found: dict[str, str] = {}
        number, before = 1, -1
        while len(found) > before:
            before = len(found)
            rows = await self._client.get(f"/helpdesk/page/list/{segment(locale)}/{_TYPE}/{number}")
            for row in rows if isinstance(rows, list) else []:
                if isinstance(row, Mapping):
                    found[str(row.get("url") or "")] = str(row.get("title") or "")
            number += 1
        return found

    async def redirections(self) -> AsyncIterator[list[tuple[str, str]]]:
        number, seen = 1, set[str]()
        while rows := await self._client.get(f"/helpdesk/redirections/{number}"):
            fresh = [row for row in rows if isinstance(row, Mapping) and str(row.get("redirection_id")) not in seen]
            if not fresh:
                return
            seen.update(str(row.get("redirection_id")) for row in fresh)
            yield [(str(row.get("path") or ""), str(row.get("target") or "")) for row in fresh]
            number += 1

    async def remove(self, key: str) -> None:
        try:
            await self._client.write("DELETE", _path("path", key), may_refuse=True)
        except Rejected as error:
            if not error.field.endswith("not_found"):
                raise

    async def _tops(self, locale: str) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Pages of what stands at the top, each with all that lies in it."""
        seen: set[str] = set()
        number = 1
        while True:
            found = await self._client.get(f"/helpdesk/tree/list/{segment(locale)}/{_TYPE}/{number}")
            rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
            fresh = [row for row in rows if str(row.get("slug")) not in seen]
            if not fresh:
                return
            seen.update(str(row.get("slug")) for row in fresh)
            yield fresh
            number += 1


def _path(what: str, key: str) -> str:
    """Each part of the path encoded, the slashes kept (docs/api/crisp.md, section 9)."""
    locale, path = split(key)
    return f"/helpdesk/tree/{what}/{segment(locale)}/{_TYPE}/{quote(path)}"


def _key(body: Mapping[str, Any]) -> str:
    above = str(body.get("above") or "") or str(body["locale"])
    return f"{above}/{body['slug']}"


def _above(locale: str, path: str) -> str:
    parent = path.rpartition("/")[0]
    return f"{locale}/{parent}" if parent else ""


def _entries(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry with its path, those above first."""
    waiting = [("", row) for row in reversed(rows)]
    while waiting:
        above, row = waiting.pop()
        path = f"{above}{row.get('slug')}"
        yield path, row
        children = [one for one in row.get("children") or [] if isinstance(one, Mapping)]
        waiting += [(f"{path}/", one) for one in reversed(children)]


def _is_folder(row: Mapping[str, Any]) -> bool:
    """The words for `type` are not known: what has children is a folder, whatever it is called."""
    return bool(row.get("children")) or row.get("type") in _FOLDERS or row.get("type") not in (*_FILES, None)


def _shown(key: str, about: Mapping[str, Any], content: str = "") -> Shown:
    state, author = about.get("state"), about.get("author")
    told = state if isinstance(state, Mapping) else {}
    locale, path = split(key)
    return Shown(
        key=key,
        title=str(about.get("title") or ""),
        description=str(about.get("description") or ""),
        content=content,
        published=bool(told.get("published")),
        featured=bool(told.get("featured")),
        shelf=_above(locale, path),
        author=str(author.get("user_id") or "") if isinstance(author, Mapping) else "",
    )
