"""The older interface to a help centre: articles, categories and sections of a locale, by id."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

from mig import Rejected
from mig_crisp.client import CrispClient, made_id, segment
from mig_crisp.help_api import Locales, Shelf, Shown, split


class LocaleHelp:
    """As `HelpApi`, over `/helpdesk/locale/...` (docs/api/crisp.md, section 9).

    Args:
        client: Talks to the workspace.
        locales: Makes sure of them.
    """

    names_shelves = True

    def __init__(self, client: CrispClient, locales: Locales) -> None:
        self._client = client
        self._locales = locales
        self._standing: dict[str, dict[str, str]] = {}
        """Of a locale, or of a category, the keys of what stands there, by name."""
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def articles(self, locale: str) -> AsyncIterator[list[Shown]]:
        async for rows in self._pages(f"{_at(locale)}/articles"):
            yield [_shown(locale, row) for row in rows if row.get("article_id")]

    async def shelves(self, locale: str) -> AsyncIterator[list[Shelf]]:
        async for rows in self._pages(f"{_at(locale)}/categories"):
            found: list[Shelf] = []
            for row in rows:
                if not row.get("category_id"):
                    continue
                top = _shelf(locale, row)
                found.append(top)
                found += [section async for section in self._sections(top.key)]
            yield found

    async def _sections(self, top: str) -> AsyncIterator[Shelf]:
        locale, name = split(top)
        async for rows in self._pages(f"{_at(locale)}/category/{segment(name)}/sections"):
            for row in rows:
                if row.get("section_id"):
                    yield _section(top, row)

    async def show(self, key: str) -> Shown | None:
        locale, name = split(key)
        row = await self._client.get(f"{_at(locale)}/article/{segment(name)}")
        return _shown(locale, row) if isinstance(row, Mapping) else None

    async def shelf(self, key: str) -> Shelf | None:
        locale, _ = split(key)
        async for page in self.shelves(locale):
            for one in page:
                if one.key == key:
                    return one
        return None

    async def make_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        locale, above = str(body["locale"]), str(body["above"])
        await self._locales.ensure(locale)
        # Two of one name are one: nothing else tells them apart, and two at once must not both find none.
        async with self._locks[locale]:
            names = self._standing.get(above or locale)
            if names is None:  # what somebody adds by hand from now on is another, whatever it is called
                names = self._standing[above or locale] = await self._names(locale, above)
            name = str(body["name"])
            if name in names:
                return names[name], False
            names[name] = key = await self._made(locale, above, name)
            return key, True

    async def _made(self, locale: str, above: str, name: str) -> str:
        if above:
            top = segment(split(above)[1].partition("/")[0])
            path = f"{_at(locale)}/category/{top}/section"
            made = await self._client.write("POST", path, {"name": name}, may_refuse=True)
            return f"{above}/{made_id(made, 'section_id')}"
        made = await self._client.write("POST", f"{_at(locale)}/category", {"name": name}, may_refuse=True)
        return f"{locale}/{made_id(made, 'category_id')}"

    async def find_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool] | None:
        names = await self._names(str(body["locale"]), str(body["above"]))
        found = names.get(str(body["name"]))
        return (found, False) if found is not None else None

    async def _names(self, locale: str, above: str) -> dict[str, str]:
        """What stands on a shelf, or at the top: the first of each name."""
        names: dict[str, str] = {}
        if above:
            async for section in self._sections(above):
                names.setdefault(section.name, section.key)
            return names
        async for rows in self._pages(f"{_at(locale)}/categories"):
            for shelf in [_shelf(locale, row) for row in rows if row.get("category_id")]:
                names.setdefault(shelf.name, shelf.key)
        return names

    async def remove_shelf(self, key: str) -> bool:
        locale, name = split(key)
        category, _, section = name.partition("/")
        async for rows in self._pages(f"{_at(locale)}/articles", {"filter_category_id": category}):
            if not section or any(_shown(locale, row).shelf == key for row in rows):
                return False
        if not section:  # its sections would go with it
            async for _ in self._sections(key):
                return False
        path = f"{_at(locale)}/category/{segment(category)}"
        await _gone(self._client, f"{path}/section/{segment(section)}" if section else path)
        return True

    async def make_article(self, body: Mapping[str, Any]) -> str:
        locale = str(body["locale"])
        await self._locales.ensure(locale)
        made = await self._client.write("POST", f"{_at(locale)}/article", {"title": body["title"]}, may_refuse=True)
        return f"{locale}/{made_id(made, 'article_id')}"

    async def find_article(self, body: Mapping[str, Any]) -> str | None:
        locale, title = str(body["locale"]), str(body["title"])
        async for rows in self._pages(f"{_at(locale)}/articles", {"search_title": title}):
            for row in rows:
                if row.get("title") == title:
                    return f"{locale}/{row['article_id']}"
        return None

    async def write(self, key: str, fields: Mapping[str, Any]) -> None:
        locale, name = split(key)
        body = {field: value for field, value in fields.items() if field != "author" and value is not None}
        await self._client.write("PATCH", f"{_at(locale)}/article/{segment(name)}", body, may_refuse=True)

    async def put_on(self, key: str, shelf: str) -> None:
        locale, name = split(key)
        category, _, section = split(shelf)[1].partition("/")
        body = {"category_id": category, **({"section_id": section} if section else {})}
        await self._client.write("PATCH", f"{_at(locale)}/article/{segment(name)}/category", body, may_refuse=True)

    async def describe(self, key: str, fields: Mapping[str, Any]) -> None:
        """No route changes a category here; render asks for none."""

    async def publish(self, key: str, *, published: bool, featured: bool) -> None:
        locale, name = split(key)
        word = "publish" if published else "unpublish"
        await self._client.write("POST", f"{_at(locale)}/article/{segment(name)}/{word}", {}, may_refuse=True)

    async def url(self, key: str) -> str:
        locale, name = split(key)
        found = await self._client.get(f"{_at(locale)}/article/{segment(name)}/page")
        return str(found.get("url") or "") if isinstance(found, Mapping) else ""

    async def addresses(self, locale: str) -> dict[str, str]:
        found: dict[str, str] = {}
        async for rows in self._pages(f"{_at(locale)}/articles"):
            found |= {str(row.get("url") or ""): str(row.get("title") or "") for row in rows}
        return found

    async def redirections(self) -> AsyncIterator[list[tuple[str, str]]]:
        """This interface has none."""
        return
        yield  # an iterator all the same

    async def remove(self, key: str) -> None:
        locale, name = split(key)
        await _gone(self._client, f"{_at(locale)}/article/{segment(name)}")

    async def _pages(
        self, path: str, query: Mapping[str, str | int] | None = None
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Pages until one brings nothing new: how long they are is not documented."""
        seen: set[str] = set()
        number = 1
        while True:
            found = await self._client.get(f"{path}/{number}", query)
            rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
            fresh = [row for row in rows if _name(row) not in seen]
            if not fresh:
                return
            seen.update(map(_name, fresh))
            yield fresh
            number += 1


def _at(locale: str) -> str:
    return f"/helpdesk/locale/{segment(locale)}"


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("article_id") or row.get("section_id") or row.get("category_id"))


def _shown(locale: str, row: Mapping[str, Any]) -> Shown:
    category = row.get("category")
    shelf = ""
    if isinstance(category, Mapping) and category.get("category_id"):
        section = category.get("section")
        below = section.get("section_id") if isinstance(section, Mapping) else category.get("section_id")
        shelf = f"{locale}/{category['category_id']}" + (f"/{below}" if below else "")
    order = row.get("order")
    return Shown(
        key=f"{locale}/{row.get('article_id')}",
        title=str(row.get("title") or ""),
        description=str(row.get("description") or ""),
        content=str(row.get("content") or ""),
        published=row.get("status") == "published",
        featured=bool(row.get("featured")),
        order=order if isinstance(order, int) else None,
        shelf=shelf,
    )


def _shelf(locale: str, row: Mapping[str, Any]) -> Shelf:
    return Shelf(key=f"{locale}/{row['category_id']}", name=str(row.get("name") or ""))


def _section(top: str, row: Mapping[str, Any]) -> Shelf:
    return Shelf(key=f"{top}/{row['section_id']}", name=str(row.get("name") or ""), above=top)


async def _gone(client: CrispClient, path: str) -> None:
    try:
        await client.write("DELETE", path, may_refuse=True)
    except Rejected as error:
        if not error.field.endswith("not_found"):
            raise
