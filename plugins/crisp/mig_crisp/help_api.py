"""What both interfaces to a help centre have in common (docs/api/crisp.md, section 9), and where things stand in it.

The key of a thing is `<locale>/<the interface's own id of it>`; it is the target's id of its unit.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from mig import Rejected
from mig_crisp.client import CrispClient
from mig_crisp.settings import CrispSettings

_TARGET = re.compile(r"\((?:<[^<>\n]*>|(?:[^()\s<>\\]|\\.|\((?:[^()\s\\]|\\.)*\))*)\)")
"""Where a link or picture leads to, in Markdown, behind its words."""
_BRACKET = re.compile(r"\\.|!?\[|\]", re.DOTALL)


class Shown(Struct, frozen=True, kw_only=True):
    """An article as it stands there."""

    key: str
    title: str = ""
    description: str = ""
    content: str = ""
    published: bool = False
    featured: bool = False
    order: int | None = None
    shelf: str = ""
    """The key of its category."""
    author: str = ""


class Shelf(Struct, frozen=True, kw_only=True):
    """A category as it stands there."""

    key: str
    name: str = ""
    description: str = ""
    above: str = ""
    """The key of the one above it."""
    whole: bool = True
    """False: as a list shows it."""


class HelpApi(Protocol):
    """One of the two interfaces. Errors as `CrispClient.write`; what is not there is None."""

    names_shelves: bool
    """A category is born with its name, and only lists show it; else it is told like an article."""

    def articles(self, locale: str) -> AsyncIterator[list[Shown]]:
        """Pages of a locale's articles, without their content."""
        ...

    def shelves(self, locale: str) -> AsyncIterator[list[Shelf]]:
        """Pages of a locale's categories."""
        ...

    async def show(self, key: str) -> Shown | None:
        """An article whole."""
        ...

    async def shelf(self, key: str) -> Shelf | None:
        """A category."""
        ...

    async def make_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool]:
        """A category's key, and whether it was made now."""
        ...

    async def find_shelf(self, body: Mapping[str, Any]) -> tuple[str, bool] | None:
        """The key of one that a doubtful request may have made, and whether it is certainly ours."""
        ...

    async def remove_shelf(self, key: str) -> bool:
        """Remove a category that holds nothing. False: it holds something."""
        ...

    async def make_article(self, body: Mapping[str, Any]) -> str:
        """The key of a new, empty draft."""
        ...

    async def find_article(self, body: Mapping[str, Any]) -> str | None:
        """The key of one that a doubtful request may have made; it bears its mark."""
        ...

    async def write(self, key: str, fields: Mapping[str, Any]) -> None:
        """Title, description, content, order, featured, author: those that are given."""
        ...

    async def put_on(self, key: str, shelf: str) -> None:
        """Put an article into a category."""
        ...

    async def describe(self, key: str, fields: Mapping[str, Any]) -> None:
        """Title, description, order of a category: those that are given."""
        ...

    async def publish(self, key: str, *, published: bool, featured: bool) -> None:
        """Show an article to everybody, or to nobody."""
        ...

    async def url(self, key: str) -> str:
        """Where everybody reads a published article; empty: nowhere."""
        ...

    async def addresses(self, locale: str) -> dict[str, str]:
        """The public addresses of a locale's articles, with their titles."""
        ...

    def redirections(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Pages of old addresses, each with where it leads."""
        ...

    async def remove(self, key: str) -> None:
        """Remove an article; gone already is done."""
        ...


class Locales:
    """The locales of a help centre; one that is missing is made: a token can (docs/api/crisp.md, section 9).

    Args:
        client: Talks to the workspace.
    """

    def __init__(self, client: CrispClient) -> None:
        self._client = client
        self._known: set[str] | None = None
        self._lock = asyncio.Lock()

    async def all(self) -> list[str]:
        """Those that are there."""
        if self._known is None:
            self._known = set(await list_locales(self._client))
        return sorted(self._known)

    async def ensure(self, locale: str) -> None:
        """Make sure of one.

        Raises:
            Rejected: It is not there and cannot be made. The rest as `CrispClient.write`.
        """
        async with self._lock:
            if locale in await self.all():
                return
            assert self._known is not None
            try:
                await self._client.write("POST", "/helpdesk/locale", {"locale": locale}, may_refuse=True)
            except Rejected as error:
                if error.field.endswith(("exists", "already_exists")):
                    self._known.add(locale)
                    return
                raise Rejected(
                    f'the help centre has no locale "{locale}", and Crisp does not let it be made ({error.field})',
                    "Add the locale in Crisp, or name another in help_locales under [target]; then run again.",
                ) from error
            self._known.add(locale)


async def list_locales(client: CrispClient) -> list[str]:
    """The locales of the help centre, page by page."""
    found: dict[str, None] = {}
    for page in range(1, 100):
        rows = await client.get(f"/helpdesk/locales/{page}")
        fresh = [name for name in map(locale_in, rows if isinstance(rows, list) else []) if name and name not in found]
        found |= dict.fromkeys(fresh)
        if not fresh:
            break
    return list(found)


def locale_in(row: object) -> str:
    """The locale a row of the list names."""
    return str(row.get("locale") or "") if isinstance(row, Mapping) else str(row)


def split(key: str) -> tuple[str, str]:
    """A key as locale and id."""
    locale, _, name = key.partition("/")
    return locale, name


def bare(content: str) -> str:
    """A text without the addresses of its links: those are rewritten when others get their addresses.

    Those of pictures stay: a picture that can be moved at last is a change.
    """
    pieces: list[str] = []
    start = 0
    for target in _targets(content):
        pieces += [content[start : target.start()], "()"]
        start = target.end()
    return "".join([*pieces, content[start:]])


def linked(content: str) -> list[str]:
    """The addresses of the links of a text, in order."""
    return [_address_in(target) for target in _targets(content)]


def _targets(content: str) -> Iterator[re.Match[str]]:
    """Where the links of a text lead to; not its pictures."""
    opened: list[str] = []
    for found in _BRACKET.finditer(content):
        if found[0] in ("[", "!["):
            opened.append(found[0])
        elif found[0] == "]" and opened and opened.pop() == "[":
            target = _TARGET.match(content, found.end())
            if target is not None:
                yield target


def _address_in(target: re.Match[str]) -> str:
    return target[0][1:-1].removeprefix("<").removesuffix(">")


def pictured(content: str) -> list[str]:
    """The addresses of pictures and links of a text, each once, in order."""
    found: dict[str, None] = {}
    for bracket in _BRACKET.finditer(content):
        target = _TARGET.match(content, bracket.end()) if bracket[0] == "]" else None
        if target is not None:
            found[_address_in(target)] = None
    return list(found)


def relinked(content: str, links: Mapping[str, str]) -> str:
    """A text whose links to these addresses lead to others: all at once, for one may lead to where another did."""
    if not links:
        return content
    any_of = "|".join(map(re.escape, sorted(links, key=len, reverse=True)))
    return re.sub(rf"\]\((?:<({any_of})>|({any_of}))\)", lambda found: f"]({links[found[1] or found[2]]})", content)


def is_file(address: str, settings: CrispSettings) -> bool:
    """Whether an address lies where our files do: on the API's own domain, or in the folder that is served."""
    if settings.files_url and address.startswith(settings.files_url):
        return True
    try:
        host, own = urlsplit(address).hostname or "", urlsplit(settings.url).hostname or ""
    except ValueError:  # "http://[": no address at all
        return False
    domain = own.partition(".")[2]
    is_name = not own.replace(".", "").isdigit()
    return bool(host) and (host == own or (is_name and "." in domain and host.endswith(f".{domain}")))
