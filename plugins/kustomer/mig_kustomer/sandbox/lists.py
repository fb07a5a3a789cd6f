"""The endpoints most entities have: a list, a list under a parent, a read by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from mig_kustomer.sandbox.answers import (
    Paging,
    Refusal,
    bad,
    joined,
    json_answer,
    list_page,
    single,
)
from mig_kustomer.sandbox.clock import text_to_ms
from mig_kustomer.sandbox.routing import Call, Endpoint
from mig_kustomer.sandbox.rows import Row, decode, encode

STANDARD = Paging()
#: More ids than this in one path are refused.
_MOST_IDS = 100

#: Chooses rows by what the request says.
Filter = Callable[[Call, list[Row]], list[Row]]


def answer_rows(call: Call, rows: Sequence[Row], paging: Paging = STANDARD) -> web.Response:
    """One page of rows, as they are."""
    page = call.page(paging)
    total = len(rows) if paging.totals else None
    return json_answer(list_page(page, [row.body for row in page.cut(rows)], total))


def listing(kind: str, paging: Paging = STANDARD, choose: Filter | None = None) -> Endpoint:
    """All rows of a kind; `choose` filters them."""

    def answer(call: Call) -> web.Response:
        table = call.store.table(kind)
        if choose is not None:
            return answer_rows(call, choose(call, [table.rows[row_id] for row_id in table.order]), paging)
        page = call.page(paging)
        total = len(table.order) if paging.totals else None
        return json_answer(list_page(page, [table.rows[row_id].body for row_id in page.cut(table.order)], total))

    return answer


def message_listing(parent: str | None = None, key: str = "") -> Endpoint:
    """Messages, org-wide or of a parent, with `include=attachments`."""

    def answer(call: Call) -> web.Response:
        table = call.store.table("messages")
        ids: Sequence[str] = table.order
        if parent is not None:
            call.found(parent, key.capitalize())
            ids = table.find(key, call.params["id"])
        page = call.page(STANDARD)
        rows = [table.rows[row_id] for row_id in page.cut(in_id_order(call, ids))]
        return json_answer(list_page(page, [row.body for row in rows], None, included_files(call, rows)))

    return answer


def in_id_order(call: Call, ids: Sequence[str]) -> Sequence[str]:
    """Ids as `sort=asc` (the default) or `sort=desc` asks for."""
    direction = call.query.get("sort", "asc")
    if direction not in ("asc", "desc"):
        raise bad("sort must be asc or desc.", parameter="sort")
    return ids if direction == "asc" else ids[::-1]


def sorted_listing(kind: str) -> Endpoint:
    """All rows of a kind whose list has `sort=asc|desc`."""

    def answer(call: Call) -> web.Response:
        table = call.store.table(kind)
        page = call.page(STANDARD)
        ids = page.cut(in_id_order(call, table.order))
        return json_answer(list_page(page, [table.rows[row_id].body for row_id in ids], None))

    return answer


def included_files(call: Call, rows: Sequence[Row]) -> list[bytes] | None:
    """What `include=attachments` adds: the attachments that exist, without their addresses; None without it."""
    wanted = call.query.get("include")
    if wanted is None:
        return None
    if wanted != "attachments":
        raise bad("include must be attachments.", parameter="include")
    ids = [
        entry["id"]
        for row in rows
        if row.files
        for entry in decode(row.body)["relationships"]["attachments"].get("data") or ()
    ]
    files = [call.store.get("attachments", file_id) for file_id in dict.fromkeys(ids)]
    return [call.files.without_address(file) for file in files if file is not None]


def children(kind: str, parent: str, key: str, choose: Filter | None = None, paging: Paging = STANDARD) -> Endpoint:
    """The rows of a kind under a parent: 404 when the parent is gone."""

    def answer(call: Call) -> web.Response:
        call.found(parent, key.capitalize())
        rows = call.store.children(kind, key, call.params["id"])
        return answer_rows(call, rows if choose is None else choose(call, rows), paging)

    return answer


def since(call: Call, rows: list[Row]) -> list[Row]:
    """What `fromDate` leaves: rows updated at that time or later."""
    given = call.query.get("fromDate")
    if given is None:
        return rows
    start = text_to_ms(given)
    if start is None:
        raise bad("fromDate must be a date.", parameter="fromDate")
    return [row for row in rows if row.updated >= start]


def by_id(kind: str, title: str) -> Endpoint:
    """One row by id."""
    return lambda call: json_answer(single(call.found(kind, title).body))


def by_ids(kind: str, title: str, show: Callable[[Call, Row], bytes | None] | None = None) -> Endpoint:
    """One row by id, or several by ids joined with commas.

    Args:
        kind: What is read.
        title: What it is called when it is not found.
        show: Makes the answer of a row; None for a row this route does not serve.
    """

    def shown(call: Call, row_id: str) -> bytes | None:
        row = call.store.get(kind, row_id)
        return None if row is None else row.body if show is None else show(call, row)

    def answer(call: Call) -> web.Response:
        ids = call.params["id"].split(",")
        if len(ids) > _MOST_IDS:
            raise bad(f"At most {_MOST_IDS} ids are allowed.", parameter="id")
        bodies = [body for row_id in ids if (body := shown(call, row_id)) is not None]
        missing = len(bodies) < len(ids) and call.organisation.switches.gone_ids == "404"
        if missing or (len(ids) == 1 and not bodies):
            raise Refusal(404, f"{title} not found", parameter="id")
        return json_answer(single(bodies[0] if len(ids) == 1 else joined(bodies)))

    return answer


def by_key(kind: str, title: str, key: str, normal: Callable[[str], str] = str) -> Endpoint:
    """The first row that has an address or an external id."""

    def answer(call: Call) -> web.Response:
        ids = call.store.table(kind).find(key, normal(call.params["value"]))
        row = call.store.get(kind, ids[0]) if ids else None
        if row is None:
            raise Refusal(404, f"{title} not found", parameter=key)
        return json_answer(single(row.body))

    return answer


def nothing(parent: str | None = None, title: str = "") -> Endpoint:
    """A list the organisation has no rows for."""

    def answer(call: Call) -> web.Response:
        if parent is not None:
            call.found(parent, title)
        return answer_rows(call, [])

    return answer


def refuse(title: str) -> Endpoint:
    """An endpoint that always answers 404: retired, or without anything to show."""

    def answer(call: Call) -> web.Response:
        raise Refusal(404, title)

    return answer


def flagged(name: str) -> Filter:
    """`?name=true|false` keeps rows whose attribute of that name is so; absent counts as false."""

    def choose(call: Call, rows: list[Row]) -> list[Row]:
        wanted = read_flag(call, name)
        if wanted is None:
            return rows
        return [row for row in rows if bool((decode(row.body).get("attributes") or {}).get(name)) is wanted]

    return choose


def read_flag(call: Call, name: str) -> bool | None:
    """A boolean query parameter."""
    given = call.query.get(name)
    if given not in (None, "true", "false"):
        raise bad(f"{name} must be true or false.", parameter=name)
    return None if given is None else given == "true"


def fixed(resource: Callable[[Call], object]) -> Endpoint:
    """A single resource made for the request."""
    return lambda call: json_answer(single(encode(resource(call))))
