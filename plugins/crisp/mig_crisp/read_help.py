"""Reading a help centre back: no mark tells what is ours there, only the journal's pairs do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from mig import ARTICLE, CATEGORY, Article, Category, Kind, Present, Ref, Standing
from mig_crisp.expect_help import FILE, old_addresses, shown
from mig_crisp.help_api import HelpApi, Locales, Shelf, Shown, is_file, split
from mig_crisp.help_outline import of_markdown
from mig_crisp.help_outline_text import same_address
from mig_crisp.settings import CrispSettings


class HelpReader:
    """Reads articles and categories.

    Args:
        api: How the help centre is spoken to.
        locales: Those it has.
        settings: The target's.
    """

    def __init__(self, api: HelpApi, locales: Locales, settings: CrispSettings) -> None:
        self._api = api
        self._locales = locales
        self._settings = settings
        self._titles: dict[str, str] | None = None
        """Locales and titles by public address."""
        self._names: dict[str, dict[str, Shelf]] = {}
        """Categories of a locale by key."""
        self._old: dict[str, list[str]] | None = None
        """Old addresses by where they lead."""

    async def pages(self, kind: Kind, checkpoint: bytes | None) -> AsyncIterator[Standing]:
        """All of a kind, locale by locale; articles without their text."""
        done: list[str] = msgspec.json.decode(checkpoint) if checkpoint else []
        for locale in await self._locales.all():
            if locale in done:
                continue
            rows: list[Present] = []
            if kind == CATEGORY:
                rows = [await self._category(shelf) for shelf in (await self._shelves(locale)).values()]
            else:
                async for page in self._api.articles(locale):
                    rows += [_unread(one) for one in page]
            done = [*done, locale]
            yield Standing(rows, msgspec.json.encode(done))

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        """An article or category; None when it is not there."""
        if kind == CATEGORY:
            shelf = await self._api.shelf(target_id)
            return await self._category(shelf) if shelf is not None else None
        found = await self._api.show(target_id)
        if found is None:
            return None
        locale = split(target_id)[0]
        outline = of_markdown(found.content)
        links = [await self._link(one) for one in outline.links]
        images = [self._file(one) for one in outline.images]
        told = msgspec.structs.replace(outline, links=links, images=images)
        extra: dict[str, Any] = {"locale": locale, **shown(told)}
        if found.shelf:
            extra["shelf"] = await self._shelf_name(found.shelf)
        if found.author:
            extra["author"] = found.author
        if old := await self._old_addresses(found):
            extra["redirections"] = old
        record = _article(found, extra)
        before, after = [*outline.images, *outline.links], [*images, *links]
        pairs = zip(before, after, strict=True)
        files = [_address(one) for one, other in pairs if _address(other) == FILE]
        return Present(kind=ARTICLE, target_id=target_id, records=[record], whole=True, files=files)

    async def _old_addresses(self, found: Shown) -> list[str]:
        """The addresses that are redirected to an article everybody reads."""
        if self._old is None:
            known: dict[str, list[str]] = {}
            async for page in self._api.redirections():
                for path, target in page:
                    known.setdefault(target.rstrip("/"), []).append(path)
            self._old = known
        url = await self._api.url(found.key) if self._old and found.published else ""
        return old_addresses(self._old.get(url.rstrip("/"), [])) if url else []

    async def _category(self, shelf: Shelf) -> Present:
        locale = split(shelf.key)[0]
        above = (await self._shelves(locale, shelf.above)).get(shelf.above)
        extra = {"locale": locale, **({"above": above.name} if above is not None else {})}
        record = Category(ref=Ref(CATEGORY, ""), name=shelf.name, description=shelf.description, extra=extra)
        return Present(kind=CATEGORY, target_id=shelf.key, records=[record], whole=shelf.whole)

    async def _shelves(self, locale: str, wanted: str = "") -> dict[str, Shelf]:
        """The categories of a locale, listed anew when one is named that was not there."""
        if locale not in self._names or (wanted and wanted not in self._names[locale]):
            self._names[locale] = {one.key: one async for page in self._api.shelves(locale) for one in page}
        return self._names[locale]

    async def _shelf_name(self, key: str) -> str:
        known = await self._shelves(split(key)[0], key)
        names: list[str] = []
        while (shelf := known.get(key)) is not None and len(names) < len(known):
            names.insert(0, shelf.name)
            key = shelf.above
        return " > ".join(names)

    async def _link(self, told: str) -> str:
        """A link as it is compared: to an article of this help centre by its title, to a file of ours as one."""
        words, arrow, address = told.rpartition(" -> ")
        page = re.split(r"[?#]", address, maxsplit=1)[0]
        title = (await self._addresses()).get(page.rstrip("/"))
        if title is not None:
            return f"{words}{arrow}{same_address(f'help: {title}')}{address[len(page) :]}"
        return self._file(told)

    def _file(self, told: str) -> str:
        """A picture or link as it is compared: of a file of ours that it is one, else where it lies."""
        words, arrow, address = told.rpartition(" -> ")
        return f"{words}{arrow}{FILE}" if is_file(address, self._settings) else told

    async def _addresses(self) -> dict[str, str]:
        if self._titles is None:
            titles: dict[str, str] = {}
            for locale in await self._locales.all():
                found = await self._api.addresses(locale)
                titles |= {url.rstrip("/"): f"{locale}/{title}" for url, title in found.items() if url}
            self._titles = titles
        return self._titles


def _address(told: str) -> str:
    return told.rpartition(" -> ")[2]


def _unread(found: Shown) -> Present:
    record = _article(found, {"locale": split(found.key)[0]})
    return Present(kind=ARTICLE, target_id=found.key, records=[record], whole=False)


def _article(found: Shown, extra: dict[str, Any]) -> Article:
    return Article(
        ref=Ref(ARTICLE, ""),
        title=found.title,
        description=found.description,
        status="published" if found.published else "draft",
        featured=found.featured,
        position=found.order,
        extra=extra,
    )
