"""What the helpdesk holds: articles in categories for the locale API, entries along paths for the tree API."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.helpdesk_public import cut_front_matter, find_html, longest_table, tidied
from mig_crisp.sandbox.options import Switches
from mig_crisp.sandbox.shelf import Shelf

DOMAIN = "sandbox.example"
TYPES = ("articles", "guides", "references", "news")
"""The content types of the tree."""
SUFFIX = re.compile(r"\.mdx?$")
Place = tuple[str, str, str]
"""Where an entry of the tree is: its locale, its content type, its path without slashes at its ends."""


@dataclass(slots=True)
class Article:
    """An article of the locale API."""

    article_id: str
    locale: str
    title: str
    created_at: int
    updated_at: int
    description: str = ""
    content: str = ""
    featured: bool = False
    order: int = 0
    status: str = "draft"
    """draft: nobody outside sees it; published: everybody does."""
    visibility: str = "visible"
    category_id: str | None = None
    section_id: str | None = None
    published_at: int | None = None

    def copy(self) -> Article:
        """Itself as it is now, for readers whose view lags."""
        return replace(self)


@dataclass(slots=True)
class Category:
    """A category of the locale API, with its sections."""

    category_id: str
    locale: str
    name: str
    created_at: int
    updated_at: int
    description: str = ""
    order: int = 0
    sections: dict[str, Json] = field(default_factory=dict)

    def copy(self) -> Category:
        """Itself as it is now, for readers whose view lags."""
        return replace(self, sections={name: dict(one) for name, one in self.sections.items()})


@dataclass(slots=True)
class Entry:
    """An entry of the tree: a file, a folder, or what is neither yet."""

    entity_id: str
    place: Place
    created_at: int
    updated_at: int
    rank: int
    """Its place among its siblings."""
    kind: str = ""
    """file, folder, or empty: neither yet."""
    content: str = ""
    metadata: Json = field(default_factory=dict)
    published: bool = False
    hidden: bool = False
    featured: bool = False
    published_at: int | None = None
    on_site: bool = False
    """The public site shows it: it is published, and was refreshed if that is needed."""

    @property
    def path(self) -> str:
        """Its path, without locale and type."""
        return self.place[2]

    @property
    def slug(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path of what it lies in; empty at the top."""
        return self.path.rpartition("/")[0]

    @property
    def title(self) -> str:
        """Its title; empty until its metadata has one."""
        title: str = self.metadata.get("title", "")
        return title

    def copy(self) -> Entry:
        """Itself as it is now, for readers whose view lags."""
        return replace(self, metadata=dict(self.metadata))


@dataclass(slots=True)
class Redirection:
    """An old address and where it leads."""

    redirection_id: str
    path: str
    target: str

    def copy(self) -> Redirection:
        """Itself as it is now, for readers whose view lags."""
        return replace(self)


class Helpdesk:
    """Everything the helpdesk of a workspace holds.

    Args:
        switches: `helpdesk*`, `front_matter`, `table_rows` and `tree_*` are read.
        lag_ms: How far back readers may look.
        new_id: Makes an id for a new thing of some kind.
    """

    def __init__(self, switches: Switches, lag_ms: int, new_id: Callable[[str], str]) -> None:
        self._switches = switches
        self._new_id = new_id
        self._ranks = 0
        self.name: str | None = None if switches.helpdesk == "none" else "Sandbox"
        """None: nobody has initialised it."""
        self.domain_basic = "sandbox"
        self.settings: Json = {}
        self.locales: dict[str, None] = {} if self.name is None else dict.fromkeys(switches.helpdesk_locales)
        self.articles: Shelf[Article] = Shelf(lag_ms)
        self.categories: Shelf[Category] = Shelf(lag_ms)
        self.entries: Shelf[Entry] = Shelf(lag_ms)
        self.redirections: Shelf[Redirection] = Shelf(lag_ms)
        self.changes: list[Json] = []
        """What was done in the tree, the oldest first."""
        self.traps = {"raw_html": 0, "front_matter": 0, "long_tables": 0}
        """Bodies written that show tags, lost a block, or have a table that is cut."""

    # ---- what both APIs do -----------------------------------------------------------------------------------------

    def take_content(self, content: str, api: str) -> str:
        """A body as it is stored, and its traps counted."""
        if self._switches.front_matter in ("both", api):
            kept = cut_front_matter(content)
            self.traps["front_matter"] += kept != content
            content = kept
        content = tidied(content) if self._switches.tidy else content
        self.traps["raw_html"] += bool(find_html(content))
        self.traps["long_tables"] += longest_table(content) > self._switches.table_rows
        return content

    def drop_locale(self, locale: str, now: int) -> None:
        """Remove a locale with all that is in it."""
        self.locales.pop(locale, None)
        for article in self.articles_of(locale):
            self.articles.take(article.article_id, now)
            self.articles.drop(article.article_id)
        for category in [one for one in self.categories.live.values() if one.locale == locale]:
            self.categories.take(category.category_id, now)
            self.categories.drop(category.category_id)
        for name in [name for name, one in self.entries.live.items() if one.place[0] == locale]:
            self.entries.take(name, now)
            self.entries.drop(name)

    def statistics(self, locale: str) -> Json:
        """How many entries and groups a locale has, by content type; what is published or not is no matter."""
        counts = {kind: {"entries": 0, "groups": 0} for kind in TYPES}
        counts["articles"]["entries"] = len(self.articles_of(locale))
        counts["articles"]["groups"] = sum(1 for one in self.categories.live.values() if one.locale == locale)
        for entry in self.entries.live.values():
            if entry.place[0] == locale:
                counts[entry.place[1]]["groups" if entry.kind == "folder" else "entries"] += 1
        return counts

    # ---- the locale API --------------------------------------------------------------------------------------------

    def articles_of(self, locale: str) -> list[Article]:
        """Every article of a locale."""
        return [one for one in self.articles.live.values() if one.locale == locale]

    def add_article(self, locale: str, title: str, now: int) -> Article:
        """A new article, empty, in no category."""
        article = Article(self._new_id("article"), locale, title, now, now)
        self.articles.put(article.article_id, article, now)
        return article

    def add_category(self, locale: str, name: str, now: int) -> Category:
        """A new category; another one may have its name."""
        category = Category(self._new_id("category"), locale, name, now, now)
        self.categories.put(category.category_id, category, now)
        return category

    def add_section(self, category: Category, name: str, now: int) -> str:
        """A new section of a category, by its id."""
        section_id = self._new_id("section")
        dates = {"created_at": now, "updated_at": now}
        category.sections[section_id] = {"section_id": section_id, "name": name, "order": 0, **dates}
        return section_id

    def drop_category(self, category_id: str, now: int) -> None:
        """Remove a category; its articles are in none then."""
        self.categories.take(category_id, now)
        self.categories.drop(category_id)
        self._leave(now, lambda one: one.category_id == category_id, category=True)

    def drop_section(self, category: Category, section_id: str, now: int) -> None:
        """Remove a section; its articles stay in the category."""
        del category.sections[section_id]
        self._leave(now, lambda one: one.section_id == section_id, category=False)

    def _leave(self, now: int, leaves: Callable[[Article], bool], *, category: bool) -> None:
        for name in [name for name, one in self.articles.live.items() if leaves(one)]:
            article = self.articles.take(name, now)
            assert article is not None
            article.section_id = None
            article.category_id = None if category else article.category_id

    def article_url(self, article: Article) -> str:
        """Where everyone reads an article, once it is published; it changes with the title."""
        name = f"{make_slug(article.title)}-{article.article_id[:8]}".lstrip("-")
        return f"https://help.{DOMAIN}/{article.locale}/article/{name}/"

    # ---- the tree API ----------------------------------------------------------------------------------------------

    def add_entry(self, place: Place, now: int) -> Entry:
        """A new entry, empty; what it lies in becomes a folder."""
        self._ranks += 1
        entry = Entry(self._new_id("entry"), place, now, now, self._ranks)
        if self._switches.tree_file == "suffix":
            entry.kind = "file" if SUFFIX.search(place[2]) else "folder"
        self.entries.put(key_of(place), entry, now)
        above = self.entries.take(key_of((place[0], place[1], entry.parent)), now)
        if above is not None:
            above.kind = "folder"
        return entry

    def below(self, place: Place) -> list[Entry]:
        """An entry and all that lies in it, or below it."""
        start, key = f"{key_of(place)}/", key_of(place)
        return [one for name, one in self.entries.live.items() if name == key or name.startswith(start)]

    def drop_entry(self, place: Place, now: int) -> None:
        """Remove an entry with all that lies in it."""
        for entry in self.below(place):
            self.entries.take(key_of(entry.place), now)
            self.entries.drop(key_of(entry.place))

    def move_entry(self, place: Place, to: str, now: int) -> None:
        """Give an entry another path, and with it all that lies in it."""
        for entry in self.below(place):
            self.entries.take(key_of(entry.place), now)
            self.entries.drop(key_of(entry.place))
            moved = entry.copy()
            moved.place = (place[0], place[1], to + entry.path[len(place[2]) :])
            moved.updated_at = now
            self.entries.put(key_of(moved.place), moved, now)
        above = self.entries.take(key_of((place[0], place[1], to.rpartition("/")[0])), now)
        if above is not None:
            above.kind = "folder"

    def seen_entries(self, locale: str, kind: str, at: int) -> Iterator[Entry]:
        """The entries of a content type as they were at a moment."""
        return (one for one in self.entries.all_seen(at) if one.place[:2] == (locale, kind))

    def entry_url(self, entry: Entry) -> str:
        """Where everyone reads a file, once it is published."""
        return f"https://help.{DOMAIN}/{entry.place[0]}/{SUFFIX.sub('', entry.path)}/"

    def note_change(self, place: Place, action: str, now: int, author: str | None = None) -> None:
        """An entry of the history."""
        self.changes.append(
            {
                "change_id": self._new_id("change"),
                "action": action,
                "locale": place[0],
                "type": place[1],
                "path": place[2],
                "author": author,
                "timestamp": now,
            }
        )

    def publish(self, entry: Entry, published: bool, now: int) -> None:
        """Say whether the public may read an entry."""
        if published and not entry.published:
            entry.published_at = now
        entry.published = published
        if not published:
            entry.on_site = False
        elif not self._switches.tree_refresh:
            entry.on_site = True

    def add_redirection(self, path: str, target: str, now: int) -> Redirection:
        """A new redirection; the caller has made sure that its path is free."""
        one = Redirection(self._new_id("redirection"), path, target)
        self.redirections.put(one.redirection_id, one, now)
        return one


def key_of(place: Place) -> str:
    """The name under which an entry is on its shelf."""
    return "/".join(place)


def make_slug(title: str) -> str:
    """The part of an address that is made from a title; empty where no letter of it is a Latin one."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
