"""Looking into the helpdesk and meddling with it: what a test may see and do there that no caller of the API can."""

from __future__ import annotations

from typing import Any

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.helpdesk import Article, Category, Entry, Helpdesk, key_of
from mig_crisp.sandbox.helpdesk_public import cut_tables, find_html
from mig_crisp.sandbox.helpdesk_site import view_redirection
from mig_crisp.sandbox.workspace import Workspace

_ALTERABLE = frozenset(
    (
        *("title", "description", "content", "featured", "order", "status", "visibility", "category_id", "section_id"),
        *("created_at", "updated_at", "published_at"),
    )
)
_OWN = frozenset(("content", "published", "hidden", "featured", "created_at", "updated_at", "published_at", "rank"))
"""What an entry of the tree has beside its metadata."""


class HelpdeskControl:
    """The helpdesk's part of `Control`; an article has for its name its id, or in the tree its path."""

    desk: Workspace

    # ---- looking ----------------------------------------------------------------------------------------------------

    def helpdesk_state(self) -> Json:
        """Everything the helpdesk holds: the entries of the tree stand among `articles` and, folders, `categories`."""
        desk = self.desk.helpdesk
        entries = desk.entries.live.values()
        return {
            "name": desk.name,
            "locales": list(desk.locales),
            "settings": desk.settings,
            "articles": [
                *(_dump_article(desk, one) for one in desk.articles.live.values()),
                *(_dump_entry(desk, one) for one in entries if one.kind != "folder"),
            ],
            "categories": [
                *(_dump_category(one) for one in desk.categories.live.values()),
                *(_dump_entry(desk, one) for one in entries if one.kind == "folder"),
            ],
            "redirections": [view_redirection(one) for one in desk.redirections.live.values()],
            "changes": desk.changes,
        }

    def helpdesk_counters(self) -> Json:
        """How much it holds; in how many bodies written a trap was: tags, front matter, a table that is cut."""
        state = self.helpdesk_state()
        names = ("locales", "articles", "categories", "redirections", "changes")
        return {**{name: len(state[name]) for name in names}, **self.desk.helpdesk.traps}

    def public_page(self, locale: str, name: str, kind: str = "articles") -> Json:
        """What everybody reads of an article: `url, title, content`, its tables cut to the rows a table may have."""
        desk, most = self.desk.helpdesk, self.desk.switches.table_rows
        one = self._article(locale, name, kind)
        if isinstance(one, Article):
            public, url = one.status == "published", desk.article_url(one)
        else:
            public, url = one.on_site and one.kind == "file", desk.entry_url(one)
        if not public:
            raise KeyError(f"{name} is not published")
        return {"url": url, "title": one.title, "content": cut_tables(one.content, most)}

    # ---- meddling ---------------------------------------------------------------------------------------------------

    def alter_article(self, locale: str, name: str, kind: str = "articles", **fields: Any) -> None:
        """Change fields of an article, in the tree `published`, `hidden` and metadata too."""
        one = self._article(locale, name, kind)
        if isinstance(one, Article):
            for field, value in fields.items():
                if field not in _ALTERABLE:
                    raise ValueError(f"an article has no {field!r} to alter")
                setattr(one, field, value)
            return
        _alter_entry(self.desk.helpdesk, one, fields, self.desk.clock.now())

    def drop_article(self, locale: str, name: str, kind: str = "articles") -> None:
        """Lose an article."""
        desk, now, one = self.desk.helpdesk, self.desk.clock.now(), self._article(locale, name, kind)
        if isinstance(one, Article):
            desk.articles.take(name, now)
            desk.articles.drop(name)
        else:
            desk.drop_entry(one.place, now)

    def alter_category(self, locale: str, name: str, kind: str = "articles", **fields: Any) -> None:
        """Change fields of a category: `title` (its name), `description`, `order`; of a folder its metadata."""
        one = self._category(locale, name, kind)
        if isinstance(one, Entry):
            _alter_entry(self.desk.helpdesk, one, fields, self.desk.clock.now())
            return
        for field, value in fields.items():
            if field not in ("title", "description", "order", "created_at", "updated_at"):
                raise ValueError(f"a category has no {field!r} to alter")
            setattr(one, "name" if field == "title" else field, value)

    def drop_category(self, locale: str, name: str, kind: str = "articles") -> None:
        """Lose a category, its articles being in none then; or a folder with all that lies in it."""
        one = self._category(locale, name, kind)
        if isinstance(one, Entry):
            self.desk.helpdesk.drop_entry(one.place, self.desk.clock.now())
        else:
            self.desk.helpdesk.drop_category(one.category_id, self.desk.clock.now())

    def drop_locale(self, locale: str) -> None:
        """Lose a locale with all that is in it."""
        self.desk.helpdesk.drop_locale(locale, self.desk.clock.now())

    def alter_redirection(self, redirection_id: str, **fields: Any) -> None:
        """Change `path` or `target` of a redirection."""
        one = self.desk.helpdesk.redirections.live[redirection_id]
        for field, value in fields.items():
            if field not in ("path", "target"):
                raise ValueError(f"a redirection has no {field!r} to alter")
            setattr(one, field, value)

    def drop_redirection(self, redirection_id: str) -> None:
        """Lose a redirection."""
        self.desk.helpdesk.redirections.take(redirection_id, self.desk.clock.now())
        self.desk.helpdesk.redirections.drop(redirection_id)

    def add_redirection_by_hand(self, path: str, target: str) -> str:
        """Somebody else adds a redirection; its id."""
        return self.desk.helpdesk.add_redirection(path, target, self.desk.clock.now()).redirection_id

    def add_locale_by_hand(self, locale: str) -> None:
        """Somebody else adds a locale."""
        self.desk.helpdesk.locales[locale] = None

    def add_article_by_hand(
        self, locale: str, title: str, content: str = "", path: str = "", kind: str = "articles", **fields: Any
    ) -> str:
        """Somebody else writes an article and publishes it: in the tree if it has a path; its id or path."""
        desk, now = self.desk.helpdesk, self.desk.clock.now()
        if not path:
            article = desk.add_article(locale, title, now)
            article.status, article.published_at, name = "published", now, article.article_id
        else:
            entry = desk.add_entry((locale, kind, path), now)
            entry.kind, name = "file", entry.path
            desk.publish(entry, True, now)
            desk.note_change(entry.place, "create", now, "by hand")
        self.alter_article(locale, name, kind, **{"title": title, "content": content, **fields})
        return name

    def edit_article_by_hand(self, locale: str, name: str, kind: str = "articles", **fields: Any) -> None:
        """Somebody else edits an article, dates and history included."""
        now = self.desk.clock.now()
        self.alter_article(locale, name, kind, **fields, updated_at=now)
        one = self._article(locale, name, kind)
        if isinstance(one, Entry):
            self.desk.helpdesk.note_change(one.place, "content" if "content" in fields else "metadata", now, "by hand")

    def add_category_by_hand(self, locale: str, title: str, path: str = "", kind: str = "articles") -> str:
        """Somebody else makes a category, or with a path a folder; its id or path."""
        desk, now = self.desk.helpdesk, self.desk.clock.now()
        if not path:
            return desk.add_category(locale, title, now).category_id
        entry = desk.add_entry((locale, kind, path), now)
        entry.kind, entry.metadata = "folder", {"title": title}
        desk.note_change(entry.place, "create", now, "by hand")
        return entry.path

    def edit_category_by_hand(self, locale: str, name: str, kind: str = "articles", **fields: Any) -> None:
        """Somebody else edits a category or folder."""
        self.alter_category(locale, name, kind, **fields, updated_at=self.desk.clock.now())

    def _article(self, locale: str, name: str, kind: str) -> Article | Entry:
        desk = self.desk.helpdesk
        return desk.articles.live.get(name) or desk.entries.live[key_of((locale, kind, name))]

    def _category(self, locale: str, name: str, kind: str) -> Category | Entry:
        desk = self.desk.helpdesk
        return desk.categories.live.get(name) or desk.entries.live[key_of((locale, kind, name))]


def _alter_entry(desk: Helpdesk, entry: Entry, fields: Json, now: int) -> None:
    for field, value in fields.items():
        if field == "published":
            desk.publish(entry, value, now)
        elif field in _OWN:
            setattr(entry, field, value)
        else:
            entry.metadata = {**entry.metadata, field: value}


def _dump_article(desk: Helpdesk, one: Article) -> Json:
    category = None if one.category_id is None else desk.categories.live.get(one.category_id)
    section = None if category is None or one.section_id is None else category.sections.get(one.section_id)
    return {
        "api": "locale",
        "locale": one.locale,
        "type": "articles",
        "name": one.article_id,
        **{field: getattr(one, field) for field in sorted(_ALTERABLE)},
        "category": None if category is None else category.name,
        "section": None if section is None else section["name"],
        "url": desk.article_url(one),
        "raw_html": find_html(one.content),
    }


def _dump_category(one: Category) -> Json:
    fields = ("category_id", "description", "order", "created_at", "updated_at")
    title = {"api": "locale", "locale": one.locale, "type": "articles", "name": one.category_id, "title": one.name}
    return {**title, **{field: getattr(one, field) for field in fields}, "sections": list(one.sections.values())}


def _dump_entry(desk: Helpdesk, one: Entry) -> Json:
    return {
        "api": "tree",
        "locale": one.place[0],
        "type": one.place[1],
        "name": one.path,
        "kind": one.kind,
        "entity_id": one.entity_id,
        "title": "",
        "description": "",
        **one.metadata,
        **{field: getattr(one, field) for field in sorted(_OWN)},
        "status": "published" if one.published else "draft",
        "url": desk.entry_url(one),
        "raw_html": find_html(one.content),
    }
