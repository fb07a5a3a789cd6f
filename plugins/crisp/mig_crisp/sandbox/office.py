"""The workspace itself: its website, settings, plan, operators, teams and inboxes."""

from __future__ import annotations

from typing import Any

from mig_crisp.sandbox.answers import (
    Answer,
    Json,
    added,
    deleted,
    dispatched,
    invalid,
    listed,
    missing,
    resolved,
    updated,
    upgrade,
)
from mig_crisp.sandbox.bodies import INBOX, INVITE, SETTINGS, TEAM
from mig_crisp.sandbox.matching import page_of
from mig_crisp.sandbox.routing import Call, Handler, Route
from mig_crisp.sandbox.shapes import Check, Read, any_object, flag
from mig_crisp.sandbox.workspace import Workspace

_BASE = "/website/{website_id}"


def get_website(call: Call) -> Answer:
    """The website; the cheap way to try a key."""
    desk = call.desk
    facts = {"domain": "sandbox.example", "logo": None, "verified": True, "institutional": False}
    return resolved({"website_id": desk.website_id, "name": desk.website_name, **facts})


def get_settings(call: Call) -> Answer:
    """The settings that matter here: what mails by itself, and whether removal is locked."""
    return resolved(call.desk.settings)


def set_settings(call: Call) -> Answer:
    """Set those named."""
    for group, words in call.body.items():
        call.desk.settings[group] = {**call.desk.settings[group], **words}
    return updated()


def get_plan(call: Call) -> Answer:
    """The plan of the workspace."""
    return resolved(_plan(call.desk))


def get_websites(call: Call) -> Answer:
    """The websites a plugin is installed on."""
    one: Json = {"website_id": call.desk.website_id}
    if call.query.get("include_plan"):
        one["plan"] = {name: value for name, value in _plan(call.desk).items() if name != "active"}
    return listed(page_of([one], call.page()))


def get_operators(call: Call) -> Answer:
    """Everyone who works in the workspace, and who was invited."""
    operators = [{"type": "operator", "details": one} for one in call.desk.operators.values()]
    return listed([*operators, *({"type": "invite", "details": one} for one in call.desk.invites)])


def invite(call: Call) -> Answer:
    """Invite somebody: an e-mail goes out."""
    email = call.body["email"]
    call.desk.invites.append({"email": email, "role": call.body["role"]})
    call.notify("operator_invite", None, email)
    return added()


def mail_operators(call: Call) -> Answer:
    """A mail to every operator: accepted, and counted."""
    call.notify("operator_email")
    return dispatched()


def _plan(desk: Workspace) -> Json:
    return {"id": f"plan-{desk.limits.plan}", "name": desk.limits.plan, "trialing": False, "active": True}


def _collection(kind: str, shape: Check, defaults: dict[str, Any]) -> list[Route]:
    """The routes of teams, or of inboxes: both are listed by anybody and written by the user tier."""
    key, shelf = f"{kind}_id", {"team": "teams", "inbox": "inboxes"}[kind]

    def things(call: Call) -> dict[str, Json]:
        if kind == "inbox" and not call.desk.plan.inboxes:
            raise upgrade("inboxes")
        found: dict[str, Json] = getattr(call.desk, shelf)
        return found

    def one_of_them(call: Call) -> Json:
        one = things(call).get(call.params[key])
        if one is None:
            raise missing(kind)
        return one

    def listing(call: Call) -> Answer:
        return listed(page_of(list(getattr(call.desk, shelf).values()), call.page()))

    def get(call: Call) -> Answer:
        return resolved(one_of_them(call))

    def make(call: Call) -> Answer:
        _check_operators(call)
        name = call.desk.new_id(kind)
        things(call)[name] = {key: name, **defaults, **call.body}
        return added({key: name})

    def save(call: Call) -> Answer:
        _check_operators(call)
        name = one_of_them(call)[key]
        things(call)[name] = {key: name, **defaults, **call.body}
        return updated()

    def remove(call: Call) -> Answer:
        del things(call)[one_of_them(call)[key]]
        return deleted()

    one = f"{_BASE}/{kind}/{{{key}}}"
    scope = f"website:{shelf}"
    reads: list[tuple[str, str, Handler]] = [("GET", f"{_BASE}/{shelf}/list/{{page}}", listing)]
    reads += [("HEAD", one, get), ("GET", one, get)]
    return [
        *(Route(method, path, handler, scope) for method, path, handler in reads),
        Route("POST", f"{_BASE}/{kind}", make, scope, shape, closed="user_routes"),
        Route("PUT", one, save, scope, shape, closed="user_routes"),
        Route("DELETE", one, remove, scope, closed="user_routes"),
    ]


def _check_operators(call: Call) -> None:
    for name in call.body["operators"]:
        if name not in call.desk.operators:
            raise invalid(f"data.operators: {name!r} is no operator of this website")


def routes() -> list[Route]:
    """The routes of this module."""
    settings, operators = "website:settings", "website:operators"
    mail = f"{_BASE}/operators/email"
    filters: dict[str, Read] = {"include_plan": flag, "filter_configured": flag}  # the official client sends both
    return [
        Route("GET", _BASE, get_website),
        Route("GET", f"{_BASE}/settings", get_settings, settings),
        Route("PATCH", f"{_BASE}/settings", set_settings, settings, SETTINGS),
        Route("GET", "/plans/subscription/{website_id}", get_plan, "plan:subscription"),
        Route("GET", "/plugin/connect/websites/all/{page}", get_websites, query=filters, tier="plugin"),
        Route("GET", f"{_BASE}/operators/list", get_operators, operators),
        Route("POST", f"{_BASE}/operator", invite, operators, INVITE, closed="user_routes"),
        *(Route(method, mail, mail_operators, operators, any_object) for method in ("POST", "PATCH")),
        *_collection("team", TEAM, {}),
        *_collection("inbox", INBOX, {"teams": [], "operator": "and"}),
    ]
