"""The helpdesk's locale API: articles by id, in two levels of categories and sections."""

from __future__ import annotations

from typing import TypeVar

from mig_crisp.sandbox.answers import Answer, Json, added, deleted, missing, resolved, updated
from mig_crisp.sandbox.helpdesk import Article, Category
from mig_crisp.sandbox.helpdesk_bodies import ARTICLE_QUERY, HelpdeskBodies
from mig_crisp.sandbox.helpdesk_site import ARTICLES, BASE, CATEGORIES, listing, locale
from mig_crisp.sandbox.routing import Call, Route

_BASE = f"{BASE}/locale/{{locale}}"
_T = TypeVar("_T", Article, Category)


def view_article(call: Call, article: Article, *, whole: bool = True) -> Json:
    """An article as the API shows it; lists leave its content out."""
    desk, at = call.desk.helpdesk, call.desk.read_at(call.now)
    public = article.status == "published" or call.desk.switches.draft_url
    category = None if article.category_id is None else desk.categories.seen(article.category_id, at)
    view: Json = {"article_id": article.article_id, "title": article.title, "description": article.description}
    if whole:
        view["content"] = article.content
    return {
        **view,
        **{name: getattr(article, name) for name in ("featured", "order", "status", "visibility")},
        "url": desk.article_url(article) if public else None,
        "category": None if category is None else _view_place(category, article.section_id),
        **{name: getattr(article, name) for name in ("created_at", "updated_at", "published_at")},
    }


def _view_place(category: Category, section_id: str | None) -> Json:
    section = None if section_id is None else category.sections.get(section_id)
    if section is not None:
        section = {name: section[name] for name in ("section_id", "name")}
    return {"category_id": category.category_id, "name": category.name, "section": section}


def get_articles(call: Call) -> Answer:
    """The articles of a locale, the newest first: their titles and places, not their contents."""
    name, query = locale(call), call.query
    desk, at = call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = desk.articles.written_at > at
    found = [one for one in desk.articles.all_seen(at) if one.locale == name]
    if "filter_category_id" in query:
        found = [one for one in found if one.category_id == query["filter_category_id"]]
    if "search_title" in query:
        found = [one for one in found if query["search_title"].casefold() in one.title.casefold()]
    found.sort(key=lambda one: (one.created_at, one.article_id), reverse=True)
    return listing(call, [view_article(call, one, whole=False) for one in found])


def add_article(call: Call) -> Answer:
    """A draft with nothing but a title."""
    name = locale(call)
    return added({"article_id": call.desk.helpdesk.add_article(name, call.body["title"], call.now).article_id})


def get_article(call: Call) -> Answer:
    """An article whole; HEAD asks only whether it is there."""
    return resolved(view_article(call, _seen_article(call)))


def set_article(call: Call) -> Answer:
    """Set the fields sent; PUT sends them all."""
    article, body = _article(call), dict(call.body)
    if "content" in body:
        body["content"] = call.desk.helpdesk.take_content(body["content"], "locale")
    for name, value in body.items():
        setattr(article, name, value)
    article.updated_at = call.now
    return updated()


def remove_article(call: Call) -> Answer:
    """Remove an article."""
    call.desk.helpdesk.articles.drop(_article(call).article_id)
    return deleted()


def publish(call: Call) -> Answer:
    """Let everybody read an article; what is written to it later shows at once."""
    article = _article(call)
    if article.status != "published":
        article.status, article.published_at = "published", call.now
    return updated()


def unpublish(call: Call) -> Answer:
    """Make it a draft again."""
    article = _article(call)
    article.status, article.published_at = "draft", None
    return updated()


def get_page(call: Call) -> Answer:
    """The public address of a published article."""
    article = _seen_article(call)
    if article.status != "published":
        raise missing("page")
    return resolved({"url": call.desk.helpdesk.article_url(article)})


def get_place(call: Call) -> Answer:
    """The category of an article, and the section; null: it is in none. [client]"""
    article = _seen_article(call)
    return resolved({"category_id": article.category_id, "section_id": article.section_id})


def place_article(call: Call) -> Answer:
    """Put an article into a category, and into a section of it or none."""
    article, body = _article(call), call.body
    category, section_id = call.desk.helpdesk.categories.live.get(body["category_id"]), body.get("section_id")
    if category is None or category.locale != article.locale:
        raise missing("category")
    if section_id is not None and section_id not in category.sections:
        raise missing("section")
    article.category_id, article.section_id, article.updated_at = category.category_id, section_id, call.now
    return updated()


def get_categories(call: Call) -> Answer:
    """The categories of a locale, in the order they were made."""
    name, desk, at = locale(call), call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = desk.categories.written_at > at
    return listing(call, [_view_category(one) for one in desk.categories.all_seen(at) if one.locale == name])


def add_category(call: Call) -> Answer:
    """A new category; two may have one name."""
    name = locale(call)
    return added({"category_id": call.desk.helpdesk.add_category(name, call.body["name"], call.now).category_id})


def get_category(call: Call) -> Answer:
    """A category."""
    return resolved(_view_category(_seen_category(call)))


def set_category(call: Call) -> Answer:
    """Set the fields sent."""
    category = _category(call)
    for name, value in call.body.items():
        setattr(category, name, value)
    category.updated_at = call.now
    return updated()


def remove_category(call: Call) -> Answer:
    """Remove a category; its articles are in none then."""
    call.desk.helpdesk.drop_category(_category(call).category_id, call.now)
    return deleted()


def get_sections(call: Call) -> Answer:
    """The sections of a category, in the order they were made."""
    return listing(call, list(_seen_category(call).sections.values()))


def add_section(call: Call) -> Answer:
    """A new section of a category."""
    return added({"section_id": call.desk.helpdesk.add_section(_category(call), call.body["name"], call.now)})


def get_section(call: Call) -> Answer:
    """A section."""
    return resolved(_section(call, _seen_category(call)))


def set_section(call: Call) -> Answer:
    """Set the fields sent."""
    _section(call, _category(call)).update(call.body, updated_at=call.now)
    return updated()


def remove_section(call: Call) -> Answer:
    """Remove a section; its articles stay in the category."""
    category = _category(call)
    call.desk.helpdesk.drop_section(category, _section(call, category)["section_id"], call.now)
    return deleted()


def _article(call: Call) -> Article:
    name = locale(call)
    return _of(name, call.desk.helpdesk.articles.take(call.params["article_id"], call.now), "article")


def _seen_article(call: Call) -> Article:
    name, desk, at = locale(call), call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = desk.articles.stale(call.params["article_id"], at)
    return _of(name, desk.articles.seen(call.params["article_id"], at), "article")


def _category(call: Call) -> Category:
    name = locale(call)
    return _of(name, call.desk.helpdesk.categories.take(call.params["category_id"], call.now), "category")


def _seen_category(call: Call) -> Category:
    name, desk, at = locale(call), call.desk.helpdesk, call.desk.read_at(call.now)
    call.stale = desk.categories.stale(call.params["category_id"], at)
    return _of(name, desk.categories.seen(call.params["category_id"], at), "category")


def _of(name: str, one: _T | None, kind: str) -> _T:
    if one is None or one.locale != name:
        raise missing(kind)
    return one


def _section(call: Call, category: Category) -> Json:
    section = category.sections.get(call.params["section_id"])
    if section is None:
        raise missing("section")
    return section


def _view_category(category: Category) -> Json:
    fields = ("category_id", "name", "description", "order", "created_at", "updated_at")
    return {name: getattr(category, name) for name in fields}


def routes(bodies: HelpdeskBodies) -> list[Route]:
    """The routes of this module.

    The API page names of categories and sections only what makes, lists and removes them; to read and change one
    follows the pattern of articles.
    """
    article, category = f"{_BASE}/article/{{article_id}}", f"{_BASE}/category/{{category_id}}"
    section = f"{category}/section/{{section_id}}"
    return [
        Route("GET", f"{_BASE}/articles/{{page}}", get_articles, ARTICLES, query=ARTICLE_QUERY),
        Route("POST", f"{_BASE}/article", add_article, ARTICLES, bodies.article_new),
        Route("HEAD", article, get_article, ARTICLES),
        Route("GET", article, get_article, ARTICLES),
        Route("PUT", article, set_article, ARTICLES, bodies.article_save),
        Route("PATCH", article, set_article, ARTICLES, bodies.article_update),
        Route("DELETE", article, remove_article, ARTICLES),
        Route("POST", f"{article}/publish", publish, ARTICLES),
        Route("POST", f"{article}/unpublish", unpublish, ARTICLES),
        Route("GET", f"{article}/page", get_page, ARTICLES),
        Route("GET", f"{article}/category", get_place, ARTICLES),
        Route("PATCH", f"{article}/category", place_article, ARTICLES, bodies.article_category),
        Route("GET", f"{_BASE}/categories/{{page}}", get_categories, CATEGORIES),
        Route("POST", f"{_BASE}/category", add_category, CATEGORIES, bodies.category_new),
        Route("HEAD", category, get_category, CATEGORIES),
        Route("GET", category, get_category, CATEGORIES),
        Route("PATCH", category, set_category, CATEGORIES, bodies.category_update),
        Route("DELETE", category, remove_category, CATEGORIES),
        Route("GET", f"{category}/sections/{{page}}", get_sections, CATEGORIES),
        Route("POST", f"{category}/section", add_section, CATEGORIES, bodies.category_new),
        Route("HEAD", section, get_section, CATEGORIES),
        Route("GET", section, get_section, CATEGORIES),
        Route("PATCH", section, set_section, CATEGORIES, bodies.section_update),
        Route("DELETE", section, remove_section, CATEGORIES),
    ]
