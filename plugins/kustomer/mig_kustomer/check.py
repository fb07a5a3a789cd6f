"""`mig check` of a Kustomer organisation: which of the endpoints a run reads this key may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from mig import Finding, MigError
from mig_kustomer.catalog import RESOURCES, Resource, context_of
from mig_kustomer.client import Client, Unserved
from mig_kustomer.klasses import klass_path
from mig_kustomer.library import languages_of
from mig_kustomer.names import is_usable
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import START, Row, iso, search_body

_ROLES = {
    "tags": "org.permission.tag.read",
    "users": "org.permission.user.read",
    "teams": "org.permission.team.read",
    "queues": "org.permission.queue.read",
    "metadata": "org.permission.metadata.read",
    "companies": "org.permission.company.read",
    "customers": "org.permission.customer.read",
    "conversations": "org.permission.conversation.read",
    "messages": "org.permission.message.read",
    "notes": "org.permission.note.read",
    "klasses": "org.permission.klass.read",
    "kobject_metadata": "org.permission.metadata.read",
    "kobjects": "org.permission.kobject.read and org.permission.klass.read",
    **dict.fromkeys(
        ("knowledge_bases", "categories", "articles", "versions", "kb_tags", "kb_routes", "kb_forms"),
        "org.permission.kb.read",
    ),
    "shortcut_categories": "org.permission.shortcut.read",
    "shortcuts": "org.permission.shortcut.read",
    "slas": "org.permission.sla.read",
    "workflows": "org.permission.workflow.read",
    "accounts": "org.permission.apps.read",
    "searches": "org.permission.search.read",
    "surveys": "org.permission.satisfaction.read",
    "snippets": "org.permission.snippet.read",
    "brands": "org.permission.brand.read",
    "schedules": "org.permission.schedule.read",
    "routing_rules": "org.permission.routing.read",
    "sub_statuses": "org.permission.sub_status.read",
    "drafts": "org.permission.draft.read",
}
"""Any one role an endpoint accepts (docs/api/kustomer.md, section 1)."""
_WIDE = "org.permission.read"
"""Of what no page names a role for."""
_SEARCH = "org.permission.search.create"


async def findings(client: Client, settings: KustomerSettings) -> AsyncIterator[Finding]:
    """One finding after the other.

    Raises:
        Refused: The key is not taken, or nobody answers.
    """
    leaf = await client.find("/v1/auth/tokens/current")
    yield Finding(name="credentials", state="ok", text="the key is taken" if leaf else "the key seems to be taken")
    for name, resource in RESOURCES.items():
        if resource.path and (name != "drafts" or settings.drafts):
            yield await _list(client, name, resource)
    yield await _list(client, "versions", RESOURCES["articles"])
    yield await _search(client, "search", archive=False)
    yield await _search(client, "archive search", archive=True)
    limits = client.limits()
    said = ", ".join(f"{name} {amount}/min" for name, amount in limits.items())
    yield Finding(
        name="limits", state="ok", text=f"{said}; half of it is ours unless --share says otherwise (the desk is live)"
    )


async def _list(client: Client, name: str, resource: Resource) -> Finding:
    one: dict[str, str | int] = {"page": 1, "pageSize": 1}
    try:
        if resource.singles:
            await client.get(f"{resource.path}/{resource.singles[0]}")
        elif name in _OF_ONE:
            if (path := await _of_one(client, name)) is None:
                return Finding(name=name, state="ok", text="there is nothing to ask it of")
            if name == "kobject_metadata":
                await client.find(path)  # a klass without attributes of its own may have none
            else:
                await client.get(path, one)
        elif name == "articles":
            return await _languages(client, resource.path)
        else:
            await client.get(resource.path, {**resource.queries[0], **one})
    except Unserved as error:
        if error.status in resource.tolerated:
            text = f"not served (status {error.status}): it is left out"
        else:
            text = f"not readable (status {error.status})"
        return Finding(
            name=name,
            state="fail" if error.status == 403 else "warn",
            text=text,
            hint=f"Make a key with {_ROLES.get(name, _WIDE)}: a key's roles cannot be changed. "
            "Or leave the kind out with --only.",
        )
    except MigError as error:
        return Finding(name=name, state="fail", text=error.message, hint=error.hint)
    return Finding(name=name, state="ok", text="readable")


async def _languages(client: Client, path: str) -> Finding:
    """Which languages the help articles are in: the target's check says which locales it has."""
    leaf = await client.get(path, {"page": 1, "pageSize": _LOOKED_AT})
    found = {one for row in map(Row.of, leaf.rows) if row.value for one in languages_of(row.value)}
    told = ", ".join(sorted(filter(None, found)))
    return Finding(name="articles", state="ok", text=f"readable; in the languages {told}" if told else "readable")


_LOOKED_AT = 50
"""Articles whose languages are told; the run reads them all."""

_OF_ONE = frozenset({"kobjects", "kobject_metadata", "drafts", "versions"})
"""Endpoints of one klass, customer or article."""


async def _of_one(client: Client, name: str) -> str | None:
    """Such an endpoint, of the first there is; None: there is none."""
    above = {"drafts": "customers", "versions": "articles"}.get(name, "klasses")
    leaf = await client.get(RESOURCES[above].path, {"page": 1, "pageSize": 1})
    row = Row.of(leaf.rows[0]) if leaf.rows else None
    if row is None or not row.value:
        return None
    if above == "klasses":
        klass = row.attributes.get("name")
        if not is_usable(klass):
            return None
        return klass_path(klass) if name == "kobjects" else f"/v1/metadata/{quote(f'kobject.{klass}', safe='')}"
    path = f"{RESOURCES[above].path}/{quote(row.id, safe='')}"
    if name == "drafts":
        return f"{path}/drafts"
    return f"{path}/versions/{quote(languages_of(row.value)[0], safe='')}" if languages_of(row.value)[0] else None


async def _search(client: Client, name: str, *, archive: bool) -> Finding:
    context = context_of("conversations")
    body = search_body(context, [{context.created.search: {"gte": iso(START)}}], {context.created.search: "desc"})
    try:
        await client.search(body, 1, 1, archive=archive)
    except Unserved as error:
        return Finding(
            name=name,
            state="warn",
            text=f"not allowed (status {error.status}): only what lists show is read, at most 10,000 of a kind",
            hint=f"Make a key with {_SEARCH}.",
        )
    except MigError as error:
        return Finding(name=name, state="fail", text=error.message, hint=error.hint)
    return Finding(name=name, state="ok", text="allowed")
