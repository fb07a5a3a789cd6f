"""The helpdesk as a whole: whether it is there, its locales, settings and redirections; the same in both APIs."""

from __future__ import annotations

from mig_crisp.sandbox.answers import Answer, Json, Refusal, added, deleted, invalid, listed, missing, resolved, updated
from mig_crisp.sandbox.answers import upgrade as needs_upgrade
from mig_crisp.sandbox.helpdesk import DOMAIN, TYPES, Helpdesk, Redirection
from mig_crisp.sandbox.helpdesk_bodies import HELPDESK, LOCALE, REDIRECTION, SETTINGS
from mig_crisp.sandbox.matching import page_of
from mig_crisp.sandbox.options import LOCALES
from mig_crisp.sandbox.routing import Call, Route

BASE = "/website/{website_id}/helpdesk"
ARTICLES, CATEGORIES, REDIRECTIONS, SETTINGS_SCOPE, LOCALES_SCOPE = (
    f"website:helpdesk:{word}" for word in ("articles", "categories", "redirections", "settings", "locales")
)
"""The API page has `website:helpdesk:...` only; the words behind it are this sandbox's own."""


def helpdesk(call: Call) -> Helpdesk:
    """The helpdesk, if somebody has initialised it."""
    if call.desk.helpdesk.name is None:
        raise missing("helpdesk")
    return call.desk.helpdesk


def locale(call: Call) -> str:
    """The locale the path names, if the helpdesk has it."""
    desk, name = helpdesk(call), call.params["locale"]
    if name not in LOCALES:
        raise invalid(f"params.locale: {name!r} is no code of ISO 639-1")
    if name not in desk.locales:
        raise missing("locale")
    return name


def content_type(call: Call) -> str:
    """The content type the path names."""
    name = call.params["type"]
    if name not in TYPES:
        raise invalid(f"params.type should be equal to one of the allowed values: {', '.join(TYPES)}")
    return name


def listing(call: Call, rows: list[Json]) -> Answer:
    """One page of rows."""
    return listed(page_of(rows, call.page(), call.desk.switches.helpdesk_page))


def get(call: Call) -> Answer:
    """The helpdesk itself; HEAD asks only whether it is there."""
    desk = helpdesk(call)
    return resolved({"name": desk.name, "domain_basic": desk.domain_basic, "url": f"https://help.{DOMAIN}/"})


def initialise(call: Call) -> Answer:
    """Make one where there is none; it has no locale then."""
    desk = call.desk.helpdesk
    if desk.name is not None:
        raise Refusal(409, "helpdesk_exists")
    desk.name, desk.domain_basic = call.body["name"], call.body["domain_basic"]
    return added()


def remove(call: Call) -> Answer:
    """Remove it with all that is in it."""
    desk = helpdesk(call)
    for name in list(desk.locales):
        desk.drop_locale(name, call.now)
    for name in list(desk.redirections.live):
        desk.redirections.take(name, call.now)
        desk.redirections.drop(name)
    desk.name, desk.settings = None, {}
    return deleted()


def get_locales(call: Call) -> Answer:
    """The locales, in the order they were made."""
    desk = helpdesk(call)
    return listing(call, [_view_locale(desk, name) for name in desk.locales])


def get_locale(call: Call) -> Answer:
    """A locale and how much it holds."""
    return resolved(_view_locale(call.desk.helpdesk, locale(call)))


def add_locale(call: Call) -> Answer:
    """A new locale, empty."""
    desk, name, most = helpdesk(call), call.body["locale"], call.desk.switches.helpdesk_locales_max
    if name in desk.locales:
        raise Refusal(409, "locale_exists")
    if most and len(desk.locales) >= most:
        raise needs_upgrade("more locales")
    desk.locales[name] = None
    return added()


def remove_locale(call: Call) -> Answer:
    """Remove a locale with all that is in it."""
    name = locale(call)
    call.desk.helpdesk.drop_locale(name, call.now)
    return deleted()


def get_redirections(call: Call) -> Answer:
    """The old addresses, in the order they were made."""
    desk, at = helpdesk(call), call.desk.read_at(call.now)
    call.stale = desk.redirections.written_at > at
    return listing(call, [view_redirection(one) for one in desk.redirections.all_seen(at)])


def get_redirection(call: Call) -> Answer:
    """An old address; HEAD asks only whether it is there. [client]"""
    desk, at, name = helpdesk(call), call.desk.read_at(call.now), call.params["redirection_id"]
    call.stale = desk.redirections.stale(name, at)
    one = desk.redirections.seen(name, at)
    if one is None:
        raise missing("redirection")
    return resolved(view_redirection(one))


def add_redirection(call: Call) -> Answer:
    """Lead an old address to a new one."""
    desk, path = helpdesk(call), call.body["path"]
    if any(one.path == path for one in desk.redirections.live.values()):
        raise Refusal(409, "redirection_exists")
    return added({"redirection_id": desk.add_redirection(path, call.body["target"], call.now).redirection_id})


def remove_redirection(call: Call) -> Answer:
    """Forget an old address."""
    desk, name = helpdesk(call), call.params["redirection_id"]
    if desk.redirections.take(name, call.now) is None:
        raise missing("redirection")
    desk.redirections.drop(name)
    return deleted()


def get_settings(call: Call) -> Answer:
    """The settings of the helpdesk: what was set, and nothing else, for the API page names none."""
    return resolved(helpdesk(call).settings)


def set_settings(call: Call) -> Answer:
    """Set those named."""
    desk = helpdesk(call)
    desk.settings = {**desk.settings, **call.body}
    return updated()


def view_redirection(one: Redirection) -> Json:
    """A redirection as the API shows it."""
    return {"redirection_id": one.redirection_id, "path": one.path, "target": one.target}


def _view_locale(desk: Helpdesk, name: str) -> Json:
    return {"locale": name, "url": f"https://help.{DOMAIN}/{name}/", "statistics": desk.statistics(name)}


def routes() -> list[Route]:
    """The routes of this module."""
    one = f"{BASE}/locale/{{locale}}"
    return [
        Route("HEAD", BASE, get, SETTINGS_SCOPE),
        Route("GET", BASE, get, SETTINGS_SCOPE),
        Route("POST", BASE, initialise, body=HELPDESK, tier="user"),
        Route("DELETE", BASE, remove, tier="user"),
        Route("GET", f"{BASE}/locales/{{page}}", get_locales, LOCALES_SCOPE),
        Route("POST", f"{BASE}/locale", add_locale, LOCALES_SCOPE, LOCALE),
        Route("HEAD", one, get_locale, LOCALES_SCOPE),
        Route("GET", one, get_locale, LOCALES_SCOPE),
        Route("DELETE", one, remove_locale, LOCALES_SCOPE),
        Route("GET", f"{BASE}/redirections/{{page}}", get_redirections, REDIRECTIONS),
        Route("POST", f"{BASE}/redirection", add_redirection, REDIRECTIONS, REDIRECTION),
        *(
            Route(method, f"{BASE}/redirection/{{redirection_id}}", get_redirection, REDIRECTIONS)
            for method in ("HEAD", "GET")
        ),
        Route("DELETE", f"{BASE}/redirection/{{redirection_id}}", remove_redirection, REDIRECTIONS),
        Route("GET", f"{BASE}/settings", get_settings, SETTINGS_SCOPE),
        Route("PATCH", f"{BASE}/settings", set_settings, SETTINGS_SCOPE, SETTINGS),
    ]
