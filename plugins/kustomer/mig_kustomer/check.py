"""`mig check` of a Kustomer organisation: which of the endpoints a run reads this key may read."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mig import Finding, MigError
from mig_kustomer.catalog import RESOURCES, Resource, context_of
from mig_kustomer.client import Client, Unserved
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.walk import START, iso, search_body

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
}
"""Any one role an endpoint accepts (docs/api/kustomer.md, section 1)."""
_SEARCH = "org.permission.search.create"


async def findings(client: Client, settings: KustomerSettings) -> AsyncIterator[Finding]:
    """One finding after the other.

    Raises:
        Refused: The key is not taken, or nobody answers.
    """
    leaf = await client.find("/v1/auth/tokens/current")
    yield Finding(name="credentials", state="ok", text="the key is taken" if leaf else "the key seems to be taken")
    for name, resource in RESOURCES.items():
        if resource.path:
            yield await _list(client, name, resource)
    yield await _search(client, "search", archive=False)
    yield await _search(client, "archive search", archive=True)
    limits = client.limits()
    said = ", ".join(f"{name} {amount}/min" for name, amount in limits.items())
    yield Finding(
        name="limits", state="ok", text=f"{said}; half of it is ours unless --share says otherwise (the desk is live)"
    )


async def _list(client: Client, name: str, resource: Resource) -> Finding:
    path = f"{resource.path}/{resource.singles[0]}" if resource.singles else resource.path
    query: dict[str, str | int] = {} if resource.singles else {**resource.queries[0], "page": 1, "pageSize": 1}
    try:
        await client.get(path, query)
    except Unserved as error:
        return Finding(
            name=name,
            state="fail" if error.status == 403 else "warn",
            text=f"not readable (status {error.status})",
            hint=f"Make a key with {_ROLES[name]}: a key's roles cannot be changed. Or leave the kind out with --only.",
        )
    except MigError as error:
        return Finding(name=name, state="fail", text=error.message, hint=error.hint)
    return Finding(name=name, state="ok", text="readable")


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
