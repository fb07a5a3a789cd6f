"""Endpoints with rules of their own: users, klasses, attachments, SLAs, the knowledge base, the audit log ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from mig_kustomer.sandbox.answers import Paging, Refusal, bad, joined, json_answer, list_page, listed, single
from mig_kustomer.sandbox.clock import text_to_ms
from mig_kustomer.sandbox.lists import STANDARD, answer_rows, children, read_flag, since
from mig_kustomer.sandbox.routing import Call, Endpoint
from mig_kustomer.sandbox.rows import Json, Row, decode, encode

USERS = Paging(maximum=500)
_USER_FILTERS = ("deleted", "pending", "userType", "email")


def attributes_of(row: Row) -> Json:
    """A row's attributes."""
    return decode(row.body).get("attributes") or {}


# ---- who asks ------------------------------------------------------------------------------------------------------


def organisation_id(call: Call) -> str:
    """The organisation's id, as any of its rows names it."""
    for kind in ("customers", "users", "conversations", "tags"):
        for row in call.store.table(kind).rows.values():
            data = ((decode(row.body).get("relationships") or {}).get("org") or {}).get("data") or {}
            if data.get("id"):
                return str(data["id"])
    return "5e0000000000000000000001"


def current_organisation(call: Call) -> object:
    """`GET /v1/orgs/current`."""
    row_id = organisation_id(call)
    attributes = {"name": "sandbox", "displayName": "Sandbox"}
    return {"type": "org", "id": row_id, "attributes": attributes, "links": {"self": f"/v1/orgs/{row_id}"}}


def current_token(call: Call) -> object:
    """`GET /v1/auth/tokens/current`."""
    attributes = {"name": "sandbox", "roles": ["org.permission"], "type": "machine"}
    return {"type": "token", "id": "current", "attributes": attributes, "links": {"self": "/v1/auth/tokens/current"}}


def current_user(call: Call) -> web.Response:
    """`GET /v1/users/current`: the machine user the key belongs to."""
    machines = [row for row in call.store.table("users").rows.values() if b'"machine"' in row.body]
    if machines:
        return json_answer(single(machines[0].body))
    attributes = {"name": "sandbox", "displayName": None, "email": "sandbox@machine.example", "userType": "machine"}
    row_id = "5e0000000000000000000002"
    user = {"type": "user", "id": row_id, "attributes": attributes, "links": {"self": f"/v1/users/{row_id}"}}
    return json_answer(single(encode(user)))


# ---- users and teams -----------------------------------------------------------------------------------------------


def choose_users(call: Call, rows: list[Row]) -> list[Row]:
    """The four filters of `GET /v1/users`, which cannot be combined."""
    given = [name for name in _USER_FILTERS if name in call.query]
    if len(given) > 1:
        raise bad(f"{' and '.join(given)} cannot be combined.", parameter=given[1])
    if not given:
        everybody = call.organisation.switches.users == "all"
        return [row for row in rows if everybody or not row.deleted]
    name = given[0]
    if name == "deleted":
        deleted = read_flag(call, name)
        return [row for row in rows if row.deleted is deleted]
    if name == "pending":
        pending = read_flag(call, name)
        return [row for row in rows if not row.deleted and _is_pending(row) is pending]
    return [row for row in rows if attributes_of(row).get(name) == call.query[name]]


def _is_pending(row: Row) -> bool:
    attributes = attributes_of(row)
    return attributes.get("userType") != "machine" and not attributes.get("emailVerifiedAt")


def teams_of_user(call: Call) -> web.Response:
    """`GET /v1/users/{id}/teams`."""
    user = call.found("users", "User")
    teams = call.store.table("teams").rows.values()
    return answer_rows(call, [row for row in teams if user.id in (attributes_of(row).get("members") or ())])


def members_of_team(call: Call) -> web.Response:
    """`GET /v1/teams/{id}/members`."""
    members = attributes_of(call.found("teams", "Team")).get("members") or ()
    users = [call.store.get("users", user_id) for user_id in members]
    return answer_rows(call, [user for user in users if user is not None], USERS)


# ---- attachments ---------------------------------------------------------------------------------------------------


def attachments_of_conversation(call: Call) -> web.Response:
    """Every file of a conversation's messages, with addresses."""
    conversation = call.found("conversations", "Conversation")
    messages = call.store.table("messages").find("conversation", conversation.id)
    rows = [row for message in messages for row in call.store.children("attachments", "message", message)]
    page = call.page(STANDARD)
    bodies = [call.files.with_address(call.base, row) for row in page.cut(rows)]
    if call.organisation.switches.attachment_rows == "without_id":
        bodies = [encode({name: part for name, part in decode(body).items() if name != "id"}) for body in bodies]
    return json_answer(list_page(page, bodies, None))


def attachments_of_message(call: Call) -> web.Response:
    """What `relationships.attachments.links.self` of a message names."""
    message = call.found("messages", "Message")
    page = call.page(STANDARD)
    rows = page.cut(call.store.children("attachments", "message", message.id))
    return json_answer(list_page(page, [call.files.with_address(call.base, row) for row in rows], None))


def attachment_of_message(call: Call) -> web.Response:
    """One file of a message, inbound or outbound, with a fresh address."""
    message = call.found("messages", "Message", "mid")
    row = call.found("attachments", "Attachment")
    if decode(row.body)["relationships"]["message"]["data"]["id"] != message.id:
        raise Refusal(404, "Attachment not found", parameter="id")
    body = call.files.with_address(call.base, row)
    if call.query.get("redirect") == "true":
        return web.Response(status=302, headers={"Location": str(decode(body)["links"].get("related", ""))})
    return json_answer(single(body))


def outbound_attachment(call: Call, row: Row) -> bytes | None:
    """What the batch route serves: files of anything but inbound messages."""
    message_id = ((decode(row.body).get("relationships") or {}).get("message") or {}).get("data", {}).get("id")
    message = call.store.get("messages", message_id)
    outbound = message is not None and attributes_of(message).get("direction") == "out"
    on_something_else = message_id is None or call.store.get("notes", message_id) is not None
    return call.files.with_address(call.base, row) if outbound or on_something_else else None


# ---- klasses and their objects -------------------------------------------------------------------------------------


def choose_klasses(call: Call, rows: list[Row]) -> list[Row]:
    """`?status=`: enabled ones unless another status is asked for."""
    status = call.query.get("status", "enabled")
    if status not in ("enabled", "disabled", "existing_only"):
        raise bad("status must be enabled, disabled or existing_only.", parameter="status")
    return [row for row in rows if attributes_of(row).get("status") == status]


def klass_name(call: Call) -> str:
    """The name of a klass whose name or plural stands in the path.

    Raises:
        Refusal: 404.
    """
    given = call.params["name"]
    for row in call.store.table("klasses").rows.values():
        resource = decode(row.body)
        name = str(resource["attributes"]["name"])
        plural = ((resource.get("relationships") or {}).get("kobjects") or {}).get("links", {}).get("self", "")
        if given in (name, plural.rpartition("/")[2]):
            return name
    raise Refusal(404, "Klass not found", parameter="name")


def klass_or_objects(call: Call) -> web.Response:
    """`GET /v1/klasses/{id}` is the klass, `GET /v1/klasses/{name}` is the list of its objects."""
    klass = call.store.get("klasses", call.params["name"])
    if klass is not None:
        return json_answer(single(klass.body))
    return answer_rows(call, since(call, call.store.children("kobjects", "klass", klass_name(call))))


def objects_of(parent: str, key: str) -> Endpoint:
    """The objects of one klass under a customer or a company."""

    def choose(call: Call, rows: list[Row]) -> list[Row]:
        wanted = f"kobject.{klass_name(call)}"
        return [row for row in rows if row.type == wanted]

    return children("kobjects", parent, key, choose)


def one_object(call: Call) -> web.Response:
    """`GET /v1/klasses/{name}/{id}`."""
    wanted = f"kobject.{klass_name(call)}"
    row = call.found("kobjects", "KObject")
    if row.type != wanted:
        raise Refusal(404, "KObject not found", parameter="id")
    return json_answer(single(row.body))


def object_by_external_id(call: Call) -> web.Response:
    """`GET /v1/klasses/{name}/externalId={x}`."""
    wanted = f"kobject.{klass_name(call)}"
    for row in call.store.children("kobjects", "externalId", call.params["value"]):
        if row.type == wanted:
            return json_answer(single(row.body))
    raise Refusal(404, "KObject not found", parameter="externalId")


# ---- SLAs ----------------------------------------------------------------------------------------------------------


def slas(call: Call) -> web.Response:
    """`GET /v1/slas?versions=all|active`."""
    page = call.page(STANDARD)
    table = call.store.table("slas")
    rows = [table.rows[row_id] for row_id in page.cut(table.order)]
    versions = None if "versions" not in call.query else [body for row in rows for body in _sla_versions(call, row)]
    return json_answer(list_page(page, [row.body for row in rows], None, versions))


def one_sla(call: Call) -> web.Response:
    """`GET /v1/slas/{id}?versions=`: a single version is included as an object, several as an array."""
    row = call.found("slas", "SLA")
    if "versions" not in call.query:
        return json_answer(single(row.body))
    versions = _sla_versions(call, row)
    return json_answer(single(row.body, versions[0] if len(versions) == 1 else joined(versions)))


def _sla_versions(call: Call, row: Row) -> list[bytes]:
    wanted = call.query["versions"]
    if wanted not in ("all", "active"):
        raise bad("versions must be all or active.", parameter="versions")
    current = attributes_of(row).get("currentVersion")
    rows = call.store.children("sla_versions", "sla", row.id)
    return [one.body for one in rows if wanted == "all" or attributes_of(one).get("version") == current]


# ---- small filters -------------------------------------------------------------------------------------------------


def choose_companies(call: Call, rows: list[Row]) -> list[Row]:
    """`?filter=` (name contains) or `?externalId=`; both given are both ignored."""
    part, external = call.query.get("filter"), call.query.get("externalId")
    if (part is None) == (external is None):
        return rows
    if part is not None:
        return [row for row in rows if part.lower() in str(attributes_of(row).get("name") or "").lower()]
    return [row for row in rows if attributes_of(row).get("externalId") == external]


def choose_queues(call: Call, rows: list[Row]) -> list[Row]:
    """`?key=`."""
    key = call.query.get("key")
    return rows if key is None else [row for row in rows if attributes_of(row).get("key") == key]


def choose_workflows(call: Call, rows: list[Row]) -> list[Row]:
    """`?enabled=&eventName=&callable=`."""
    enabled, event, callable_ = read_flag(call, "enabled"), call.query.get("eventName"), read_flag(call, "callable")

    def fits(attributes: Json) -> bool:
        trigger: dict[str, Any] = attributes.get("trigger") or {}
        return (
            (enabled is None or bool(attributes.get("enabled")) is enabled)
            and (event is None or trigger.get("eventName") == event)
            and (callable_ is None or bool(attributes.get("callable")) is callable_)
        )

    return [row for row in rows if fits(attributes_of(row))]


def workflow_variables(call: Call) -> web.Response:
    """`GET /v1/workflows/{id}/variables`."""
    call.found("workflows", "Workflow")
    return answer_rows(call, call.store.children("workflow_variables", "workflow", call.params["id"]))


def snippet(call: Call) -> web.Response:
    """`GET /v1/snippets/{id or key}`."""
    for row in call.store.table("snippets").rows.values():
        if call.params["id"] in (row.id, attributes_of(row).get("name")):
            return json_answer(single(row.body))
    raise Refusal(404, "Snippet not found", parameter="id")


def outbound_accounts(call: Call) -> web.Response:
    """`GET /v1/outboundAccounts`: rows without ids, and no link but `self`."""
    page = call.page(STANDARD)
    rows = page.cut(list(call.store.table("outbound_accounts").rows.values()))
    meta = {"pageSize": page.size, "page": page.number}
    return json_answer(listed(meta, [row.body for row in rows], {"self": page.link(page.number)}))


def chat_settings(call: Call) -> object:
    """`GET /v1/chat/settings`: a single resource."""
    for row in call.store.table("chat_settings").rows.values():
        return decode(row.body)
    attributes = {"enabled": True, "teamName": "Support", "greeting": "Hi!", "autoreply": "", "closableChat": True}
    return {"type": "chat_setting", "id": organisation_id(call), "attributes": attributes}


def merges_of_customer(call: Call) -> web.Response:
    """`GET /v1/customers/{id}/merges`: as source or as target; the source itself is gone."""
    row_id = call.params["id"]
    rows = [row for key in ("source", "target") for row in call.store.children("merges", key, row_id)]
    if not rows:
        call.found("customers", "Customer")
    return answer_rows(call, rows)


def business_rules(answer: Endpoint) -> Endpoint:
    """The rules' endpoints, which may not exist at all."""

    def guarded(call: Call) -> web.Response:
        if call.organisation.switches.business_rules == "off":
            raise Refusal(404, "Not found")
        return answer(call)

    return guarded


# ---- the audit log -------------------------------------------------------------------------------------------------


def audit_logs(call: Call) -> web.Response:
    """`GET /v1/audit-logs`: newest first, by cursors that come as a pair."""
    rows = _audited(call)
    count = call.query.get("count", "100")
    if not (count.isdigit() and 0 < int(count) <= 1000):
        raise bad("count must be between 1 and 1000.", parameter="count")
    after, before = call.query.get("after"), call.query.get("before")
    if (after is None) != (before is None):
        raise bad("after and before must be given together.", parameter="after" if after is None else "before")
    ids = [row.id for row in rows]
    if after is not None and after not in ids:
        raise bad("after is no cursor of this query.", parameter="after")
    start = 0 if after is None else ids.index(after) + 1
    shown = rows[start : start + int(count)]
    links = _cursor_links(call, ids, start, int(count))
    return json_answer(listed({"count": int(count)}, [row.body for row in shown], links))


def _audited(call: Call) -> list[Row]:
    kinds = {value for name in ("filter[objectType]", "filter[include]") for value in call.query.getall(name, [])}
    object_id = call.query.get("filter[objectId]")
    if object_id is not None and "filter[objectType]" not in call.query:
        raise bad("filter[objectId] needs filter[objectType].", parameter="filter[objectId]")
    start, end = (text_to_ms(call.query.get(f"filter[{name}]")) for name in ("start", "end"))

    def fits(row: Row) -> bool:
        attributes = attributes_of(row)
        return (
            (not kinds or attributes.get("objectType") in kinds)
            and (object_id is None or attributes.get("objectId") == object_id)
            and (start is None or row.created >= start)
            and (end is None or row.created <= end)
        )

    rows = [row for row in call.store.table("audit_logs").rows.values() if fits(row)]
    return sorted(rows, key=lambda row: (row.created, row.id), reverse=True)


def _cursor_links(call: Call, ids: Sequence[str], start: int, count: int) -> Json:
    others = [(name, value) for name, value in call.query.items() if name not in ("after", "before")]

    def link(position: int) -> str:
        cursors = [("after", ids[position - 1]), ("before", ids[0])] if position > 0 else []
        return f"{call.path}?{urlencode([*others, *cursors])}".rstrip("?")

    return {
        "self": link(start),
        "first": link(0),
        "previous": link(max(0, start - count)) if start else None,
        "next": link(start + count) if start + count < len(ids) else None,
    }
