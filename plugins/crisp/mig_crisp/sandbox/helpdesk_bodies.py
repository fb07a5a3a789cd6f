"""The bodies and queries of the helpdesk's routes; whatever is not named here is refused."""

from __future__ import annotations

from mig_crisp.sandbox.bodies import NAME, STRING, URL
from mig_crisp.sandbox.options import LOCALES, Switches
from mig_crisp.sandbox.shapes import Check, Read, any_object, boolean, date, integer, obj, one_of, text, word

HELPDESK = obj({"name": NAME, "domain_basic": text(pattern=r"[a-z0-9-]+")}, ["name", "domain_basic"])
LOCALE = obj({"locale": one_of(*sorted(LOCALES))}, ["locale"])
REDIRECTION = obj(
    {"path": text(pattern=r"/\S*"), "target": text(pattern=r"(/|https?://[^\s/])\S*")}, ["path", "target"]
)
SETTINGS = any_object  # the API page names none of them
ORDER = integer(0, 1_000_000)
STATE = obj({"published": boolean, "hidden": boolean, "featured": boolean})
AUTHOR = obj({"user_id": NAME}, ["user_id"])

ARTICLE_QUERY: dict[str, Read] = {"search_title": word, "filter_category_id": word}
TREE_QUERY: dict[str, Read] = {
    "sub_path": word,
    "search_title": word,
    "filter_date_start": date,
    "filter_date_end": date,
}


class HelpdeskBodies:
    """The bodies whose limits depend on the sandbox's switches."""

    def __init__(self, switches: Switches) -> None:
        title = text(blank=False, most=switches.max_title)
        description = text(most=switches.max_description)
        content = text(most=switches.max_content)
        article: dict[str, Check] = {
            "title": title,
            "description": description,
            "content": content,
            "featured": boolean,
            "order": ORDER,
        }
        self.article_new = obj({"title": title}, ["title"])
        self.article_update = obj(article)
        self.article_save = obj(article, article)
        self.article_category = obj({"category_id": NAME, "section_id": NAME}, ["category_id"])
        self.category_new = obj({"name": title}, ["name"])
        self.category_update = obj({"name": title, "description": description, "order": ORDER})
        self.section_update = obj({"name": title, "order": ORDER})
        action = one_of(*switches.tree_actions)
        self.entry_action = obj({"action": action, "path": obj({"to": NAME}, ["to"]), "position": ORDER}, ["action"])
        self.entry_content = obj({"content": content}, ["content"])
        self.entry_metadata = obj(
            {
                "title": title,
                "description": description,
                "state": STATE,
                "author": AUTHOR,
                "color": STRING,
                "image": URL,
                "format": NAME,
            }
        )
