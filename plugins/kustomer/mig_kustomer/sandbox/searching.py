"""The search endpoints: one for all kinds, its archive, and saved searches that run."""

from __future__ import annotations

import random

from aiohttp import web

from mig_kustomer.sandbox.answers import Page, Paging, Refusal, bad, json_answer, list_links, listed
from mig_kustomer.sandbox.query import Query, read_query
from mig_kustomer.sandbox.routing import Call, Endpoint
from mig_kustomer.sandbox.rows import Json, Row, decode, encode

_PAGES = Paging(default=100, maximum=500, totals=True, pages=100)


class Disturbance:
    """What makes searches hard: partial pages, and records that move while a list is read."""

    def __init__(self, seed: int, timed_out: float, shift: int) -> None:
        self._random = random.Random(seed)
        self._timed_out = timed_out
        self._shift = shift

    def times_out(self) -> bool:
        """Whether this page is a partial one."""
        return self._timed_out > 0 and self._random.random() < self._timed_out

    def shifts(self) -> bool:
        """Whether a record of the page just served moves; counts down."""
        self._shift -= 1
        return self._shift >= 0


def search(disturbance: Disturbance, *, archive: bool) -> Endpoint:
    """`POST /v1/customers/search`, or `/v1/customers/archive/search`."""
    return lambda call: _run(call, call.json(), call.body, disturbance, archive=archive)


def execution(disturbance: Disturbance) -> Endpoint:
    """`POST /v1/customers/searches/{id}/execution`: runs the query a saved search holds."""

    def answer(call: Call) -> web.Response:
        if call.json() != {}:
            raise bad("The body of an execution is an empty object.")
        held = decode(call.found("searches", "Search").body)["attributes"].get("data") or {}
        return _run(call, held, encode(held), disturbance, archive=False)

    return answer


def _run(call: Call, body: object, raw: bytes, disturbance: Disturbance, *, archive: bool) -> web.Response:
    switches = call.organisation.switches
    query = read_query(body, archive=archive, switches=switches)
    if f"search:{query.context}" in switches.forbid:
        raise Refusal(403, "Forbidden", detail=f"This key may not search {query.context}.")
    page = call.page(_PAGES)
    everything = archive and switches.archive == "all"
    line = None if everything else _line(call, archive=archive)
    index = call.organisation.index(query.kind)
    ids = index.run(query, raw, line)
    rows = [index.rows[row_id] for row_id in page.cut(ids)]
    partial = disturbance.times_out()
    shown = rows[: len(rows) // 2] if partial else rows
    more = page.start + page.size < len(ids)
    answer = json_answer(_document(call, page, shown, _counted(call, len(ids)), more=more, partial=partial))
    movable = more and _ascends(query) and call.store.get(query.kind, rows[0].id) is not None
    if movable and disturbance.shifts():
        call.organisation.touch(query.kind, rows[0].id)
    return answer


def _document(call: Call, page: Page, rows: list[Row], total: int, *, more: bool, partial: bool) -> bytes:
    pages = -(-total // page.size)
    meta: Json = {"pageSize": page.size, "page": page.number, "total": total, "totalPages": pages}
    meta |= {"aggregations": {}, "timed_out": partial}
    links = list_links(page, more=more)
    links["last"] = page.link(max(1, pages))
    if call.query.get("idsOnly") == "true":
        return listed(meta, [encode({"type": row.type, "id": row.id}) for row in rows], links)
    return listed(meta, [_as_found(call, row) for row in rows], links)


def _line(call: Call, *, archive: bool) -> int:
    """The two-year line as search sees it, or as the archive does, which may follow later."""
    gap = call.organisation.switches.line_gap if archive else 0
    return call.organisation.clock.two_years_ago_ms() - int(gap * 1000)


def _as_found(call: Call, row: Row) -> bytes:
    """A row as searches show it: messages without their attachments, unless a switch says otherwise."""
    if row.kind != "messages" or not row.files or call.organisation.switches.searched_files == "shown":
        return row.body
    resource = decode(row.body)
    del resource["relationships"]["attachments"]
    return encode(resource)


def _counted(call: Call, total: int) -> int:
    """The total; only `trackTotalHits` clamps it."""
    most = call.query.get("trackTotalHits", "")
    return min(total, int(most)) if most.isdigit() else total


def _ascends(query: Query) -> bool:
    return bool(query.sort) and query.sort[0].key == f"{query.context}_updated_at" and not query.sort[0].descending
