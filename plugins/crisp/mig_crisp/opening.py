"""What a workspace tells when it is opened: that the token does, its plan, who works there, its inboxes."""

from __future__ import annotations

from typing import Any

import structlog

from mig import Refused, Rejected, Usage
from mig_crisp.agents import read_agents
from mig_crisp.client import CrispClient
from mig_crisp.help_api import locale_in
from mig_crisp.office import Office, Operator
from mig_crisp.settings import CrispSettings

log = structlog.get_logger("mig.crisp")


async def open_office(client: CrispClient, settings: CrispSettings) -> Office:
    """Ask what must be known before anything is rendered (docs/api/crisp.md, sections 1, 2 and 7).

    Raises:
        Refused: The website does not exist for this token.
    """
    if await client.probe("{site}") is None:
        raise Refused(
            "Crisp does not know this website, or this token may not see it",
            "Check CRISP_WEBSITE_ID; a plugin token must be installed on the website.",
        )
    plan = settings.plan or await _plan(client, settings)
    client.limit_creations(plan)
    operators = await client.probe("{site}/operators/list") or []
    inboxes = await _inboxes(client)
    help_api = await _help_api(client, settings)
    log.info(
        "workspace.opened",
        plan=plan or "unknown",
        operators=len(operators),
        inboxes=len(inboxes),
        help=help_api or "none",
    )
    known, named = _operators(operators), read_agents(settings.agents)
    if unknown := sorted(agent for agent, email in named.items() if email not in known):
        # Without the addresses: they would stand in logs.
        raise Usage(
            f"crisp: agents = {settings.agents!r} names operators who are not there, for {', '.join(unknown)}",
            "Invite them first, or leave their operator_email empty: messages keep the agents' names.",
        )
    return Office(known, inboxes, has_notes=plan != "free", plan=plan, named=named, help_api=help_api)


async def _help_api(client: CrispClient, settings: CrispSettings) -> str:
    """Which interface its help centre has (docs/api/crisp.md, section 9); empty: it has none, or hides it."""
    if await client.probe("{site}/helpdesk") is None:
        return ""
    if settings.helpdesk_api != "auto":
        return settings.helpdesk_api
    rows = await client.probe("{site}/helpdesk/locales/1")
    locales = [name for name in map(locale_in, rows if isinstance(rows, list) else []) if name]
    # Of a locale that is not there both may answer 404: then the older one, which is documented, is taken.
    if not locales:
        return "locale"
    try:
        found = await client.probe(f"{{site}}/helpdesk/tree/list/{locales[0]}/articles/1")
    except Rejected:  # 405: no such route
        return "locale"
    return "tree" if found is not None else "locale"


async def _plan(client: CrispClient, settings: CrispSettings) -> str:
    found = await client.probe(f"/plans/subscription/{settings.website_id}")
    name = found.get("name") or found.get("id") if isinstance(found, dict) else None
    return str(name or "").lower()


def _operators(rows: list[Any]) -> dict[str, Operator]:
    found = {}
    for row in rows:
        details = row.get("details") if isinstance(row, dict) and row.get("type") == "operator" else None
        if isinstance(details, dict) and details.get("email") and details.get("user_id"):
            name = " ".join(str(details.get(part) or "") for part in ("first_name", "last_name")).strip()
            operator = Operator(str(details["user_id"]), name or "Operator", str(details.get("avatar") or ""))
            found[str(details["email"]).strip().lower()] = operator
    return found


async def _inboxes(client: CrispClient) -> dict[str, str]:
    found: dict[str, str] = {}
    for page in range(1, 100):
        rows = await client.probe(f"{{site}}/inboxes/list/{page}") or []
        fresh = [row for row in rows if isinstance(row, dict) and row.get("inbox_id") not in found.values()]
        for row in fresh:
            found.setdefault(str(row.get("name", "")).strip().lower(), str(row["inbox_id"]))
        if not fresh:
            break
    return found
