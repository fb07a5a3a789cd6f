"""A small Kustomer desk written from the API page alone (docs/api/kustomer.md), and the source that reads it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

import mig
from mig import Access, Budgets, Partition, Scope
from mig.settings import Secret
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import open_source

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
PATHS = {
    "customer": "customers",
    "company": "companies",
    "conversation": "conversations",
    "message": "messages",
    "note": "notes",
    "kobject": "kobjects",
}
PARENTS = {
    "message_customer_id": "customer",
    "message_created_by": "createdBy",
    "message_conversation_id": "conversation",
    "note_customer_id": "customer",
    "note_conversation_id": "conversation",
    "conversation_customer_id": "customer",
}
LISTS = {
    "conversation_channels": "channels",
    "conversation_tags": "tags",
    "conversation_assigned_users": "assignedUsers",
}
ONE_SIDED = {False: {"message_conversation_id"}, True: {"message_customer_id", "message_created_by", *LISTS}}
"""What search does not know, and what archive search does not (section 5)."""


class FakeClock:
    """Time that passes only in sleep; it shows so many seconds after the desk's beginning."""

    def __init__(self, shows: float = 30 * 86_400) -> None:
        self.shows = shows
        self.passed = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.shows + self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += max(0.0, seconds)


def iso(when: datetime) -> str:
    """A time as answers show it."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def at(seconds: float) -> str:
    """So many seconds after the desk's beginning."""
    return iso(BEGIN + timedelta(seconds=seconds))


def long_ago(seconds: float) -> str:
    """The same, so long before that only the archive knows it."""
    return at(seconds - 800 * 86_400)


def to(**parents: str) -> dict[str, Any]:
    """Relationships: each names one row by its id; those without any are left out."""
    return {name: {"data": {"type": name, "id": id_}} for name, id_ in parents.items() if id_}


class Desk:
    """A Kustomer organisation: lists by id, searches by date, caps, and whatever a test lets go wrong."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in PATHS}
        self.files: dict[str, list[str]] = {}
        self.small: dict[str, list[dict[str, Any]]] = {"tags": [], "users": [], "teams": [], "routing/queues": []}
        self.metadata: dict[str, Any] = {}
        self.cap = 10_000
        self.line = at(-730 * 86_400)
        self.answers: list[Callable[[httpx.Request], httpx.Response | None]] = []
        self.before: Callable[[httpx.Request], None] = lambda request: None
        self.asked: list[httpx.Request] = []
        self.sorts = True
        self.sorts_archive: tuple[str, ...] = ("updated_at", "created_at")
        self.filters = True
        self.text: Callable[[bytes], bytes] = lambda body: body
        self.spoilt: dict[str, dict[str, Any]] = {}
        """By id, members of a row that are shown otherwise than they are."""

    def add(self, kind: str, id_: str, updated: str, created: str = at(-1), **more: Any) -> dict[str, Any]:
        """Add a row; what else is named is an attribute of it. Returns: the row, to be changed at will."""
        relationships = more.pop("relationships", {})
        row = {
            "type": kind,
            "id": id_,
            "attributes": {"updatedAt": updated, "createdAt": created, **more},
            "relationships": relationships,
            "links": {"self": f"/v1/{PATHS[kind]}/{id_}"},
        }
        self.rows[kind].append(row)
        return row

    def message(
        self, id_: str, updated: str, conversation: str | None = "v1", files: int = 0, by: str = "", **more: Any
    ) -> None:
        """Add a message with so many files."""
        row = {"direction": "in", "relationships": to(conversation=conversation or "", createdBy=by), **more}
        self.add("message", id_, updated, **row)
        self.files[id_] = [f"{id_}-file{n}" for n in range(files)]

    def searches(self) -> list[dict[str, Any]]:
        """The bodies of all searches so far."""
        return [json.loads(r.content) for r in self.asked if r.method == "POST"]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        assert request.headers["authorization"] == "Bearer key"
        self.before(request)
        while self.answers:
            answer = self.answers.pop(0)(request)
            if answer is not None:
                return answer
        path = request.url.path.removeprefix("/v1/")
        if path in ("customers/search", "customers/archive/search"):
            answer = self._search(request, archive="archive" in path)
        else:
            answer = self._get(path, dict(request.url.params))
        return httpx.Response(answer.status_code, content=self.text(answer.content))

    def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        if path == "orgs/current":
            return httpx.Response(200, json={"data": {"type": "org", "id": "org1"}})
        kinds = {plural: kind for kind, plural in PATHS.items()}
        head, _, tail = path.partition("/")
        if path == "customers/searches":
            return self._page(self.small.get(path, []), path, query)
        if head in ("metadata", "chat"):
            return self._one(self.metadata.get(tail))
        if head in ("customers", "conversations") and tail.endswith(("/messages", "/notes", "/conversations")):
            return self._under(kinds[head], tail, path, query)
        if head == "messages" and "/attachments/" in tail:
            return self._one(self._file(tail.split("/")[2], tail.split("/")[0]))
        if head in kinds and tail:
            found = {row["id"]: row for row in self._live(kinds[head])}
            if "," in tail:
                some = [self._shown(found[one], False) for one in tail.split(",") if one in found]
                return httpx.Response(200, json={"data": some})
            return self._one(self._shown(found[tail], True) if tail in found else None)
        rows = sorted(self._live(kinds[head]), key=lambda row: row["id"]) if head in kinds else self.small.get(path, [])
        if path == "users":
            rows = [row for row in rows if str(row["attributes"].get("deleted", False)).lower() == query["deleted"]]
        return self._page(rows, path, query)

    def _under(self, parent: str, tail: str, path: str, query: dict[str, str]) -> httpx.Response:
        """What hangs on one customer or conversation."""
        id_, _, what = tail.partition("/")
        if not any(row["id"] == id_ for row in self.rows[parent]):
            return httpx.Response(404)
        rows = [row for row in self._live(what.removesuffix("s")) if self.parent(row, parent) == id_]
        return self._page(sorted(rows, key=lambda row: row["id"]), path, query)

    def _live(self, kind: str) -> list[dict[str, Any]]:
        """Deleted rows are shown by searches only."""
        return [row for row in self.rows[kind] if not row["attributes"].get("deleted")]

    def _page(self, rows: list[dict[str, Any]], path: str, query: dict[str, str]) -> httpx.Response:
        page, size = int(query["page"]), int(query["pageSize"])
        assert size <= 100
        assert (page - 1) * size < self.cap, "asked past the cap"
        some = rows[(page - 1) * size : page * size]
        with_files = query.get("include") == "attachments"
        answer: dict[str, Any] = {
            "meta": {"page": page, "pageSize": size},
            "data": [self._shown(row, with_files) for row in some],
            "links": {"next": f"/v1/{path}?page={page + 1}&pageSize={size}" if page * size < len(rows) else None},
        }
        if with_files:
            answer["included"] = [self._file(f, row["id"]) for row in some for f in self.files.get(row["id"], [])]
        return httpx.Response(200, json=answer)

    def _search(self, request: httpx.Request, *, archive: bool) -> httpx.Response:
        body = json.loads(request.content)
        page, size = int(request.url.params["page"]), int(request.url.params["pageSize"])
        kind = body["queryContext"]
        assert size <= 500
        assert (page - 1) * size < self.cap, "asked past the cap"
        assert kind != "note" or not archive
        assert not {key for criterion in body["and"] for key in criterion} & ONE_SIDED[archive]
        asked = self.rows[kind] if body.get("includeDeleted") else self._live(kind)
        side = [row for row in asked if (row["attributes"].get("updatedAt", self.line) < self.line) == archive]
        rows = [row for row in side if not self.filters or all(self._meets(row, c) for c in body["and"])]
        key, order = next(iter(body["sort"][0].items()))
        if self.sorts and (not archive or key.partition("_")[2] in self.sorts_archive):
            # Rows without the date come last of all, and first where the order is turned.
            rows.sort(key=lambda row: row["attributes"].get(self._attribute(key), "~"), reverse=order == "desc")
        some = rows[(page - 1) * size : page * size]
        path = f"{request.url.path}?page={page + 1}&pageSize={size}"
        return httpx.Response(
            200,
            json={
                "meta": {"total": len(rows), "timed_out": False},
                "data": [self._shown(row, False) for row in some],
                "links": {"next": path if page * size < len(rows) else None},
            },
        )

    def _meets(self, row: dict[str, Any], criterion: dict[str, Any]) -> bool:
        ((key, test),) = criterion.items()
        ((word, value),) = test.items()
        found = self._found(row, key)
        if word in ("equals", "in"):
            return bool(set(found) & set(value if word == "in" else [value]))
        if found is None:
            return False
        return bool({"gte": found >= value, "lte": found <= value, "lt": found < value}[word])

    def _found(self, row: dict[str, Any], key: str) -> Any:
        """What a criterion is about: a number, a date, or several words."""
        attributes = row["attributes"]
        if key == "message_attachment_count":
            return len(self.files.get(row["id"], []))
        if key == "conversation_note_count":
            return attributes.get("noteCount", 0)
        if key in PARENTS:
            return [self.parent(row, PARENTS[key])]
        return attributes.get(LISTS[key], []) if key in LISTS else attributes.get(self._attribute(key))

    def _attribute(self, key: str) -> str:
        return {"updated_at": "updatedAt", "created_at": "createdAt", "modified_at": "modifiedAt"}[
            key.partition("_")[2]
        ]

    def parent(self, row: dict[str, Any], name: str = "conversation") -> str | None:
        """The id of the row that a relationship names."""
        id_: str | None = row["relationships"].get(name, {}).get("data", {}).get("id")
        return id_

    def _shown(self, row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        files = self.files.get(row["id"]) if with_files else None
        row = row | self.spoilt.get(row["id"], {})
        if not files:
            return row
        relation = {"attachments": {"data": [{"type": "attachment", "id": one} for one in files]}}
        return {**row, "relationships": {**row["relationships"], **relation}}

    def _file(self, id_: str, message: str) -> dict[str, Any]:
        return {
            "type": "attachment",
            "id": id_,
            "attributes": {"name": "a"},
            "links": {"self": f"/v1/messages/{message}/attachments/{id_}"},
        }

    def _one(self, row: dict[str, Any] | None) -> httpx.Response:
        return httpx.Response(200, json={"data": row}) if row else httpx.Response(404)


@asynccontextmanager
async def opened(
    desk: Callable[[httpx.Request], httpx.Response], clock: FakeClock | None = None, **more: Any
) -> AsyncIterator[Any]:
    """The source that reads a desk; pages and caps are small unless `more` sets them."""
    clock = clock or FakeClock()
    access = Access(clock, Budgets(clock), httpx.MockTransport(desk))
    chosen = {"list_page": 4, "search_page": 5, "list_cap": 20, **more}
    async with open_source(
        KustomerSettings(url="https://desk.example", api_key=Secret("key"), **chosen), access
    ) as source:
        yield source


async def drain(source: Any, resource: str, checkpoint: bytes | None = None) -> tuple[list[mig.Page], bytes]:
    """Read a resource to its end. Returns: the pages, and the checkpoint of the last one."""
    pages = [page async for page in source.extract(Partition(resource), Scope(), checkpoint)]
    assert json.loads(pages[-1].checkpoint or b"{}")["mode"] == "done"
    return pages, pages[-1].checkpoint or b""


def ids(pages: list[mig.Page], resource: str | None = None) -> list[str]:
    """The ids of what was handed out, in its order."""
    return [row.id for page in pages for row in page.rows if resource is None or row.resource == resource]


def without_files(source: Any, pages: list[mig.Page], desk: Desk) -> list[str]:
    """Messages that have files and were handed out without."""
    rows = [row for page in pages for row in page.rows if row.resource == "messages" and desk.files[row.id]]
    return [row.id for row in rows if not source.parse(row).records[0].attachments]


async def collect(source: Any, checkpoint: bytes | None, pages: list[mig.Page]) -> None:
    """Read conversations; what came before an error stays in `pages`."""
    async for page in source.extract(Partition("conversations"), Scope(), checkpoint):
        pages.append(page)  # noqa: PERF401  # a comprehension would lose what came before an error


class Always:
    """An answer for a path, for ever."""

    def __init__(self, desk: Desk, status: int, path: str) -> None:
        self.desk, self.status, self.path = desk, status, path

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(self.path):
            self.desk.asked.append(request)
            return httpx.Response(self.status)
        return self.desk(request)


# ---- what stands in a desk ----------------------------------------------------------------------------------------


def both_sides(desk: Desk, kind: str = "conversation", *, old: int = 23, recent: int = 23) -> set[str]:
    """Rows of a kind on both sides of the two-year line, more than the cap. Returns: their ids."""
    for n in range(old):
        desk.add(kind, f"a{n:02}", long_ago(n * 1000), created=long_ago(n * 10))
    for n in range(recent):
        desk.add(kind, f"z{n:02}", at(n * 1000), created=at(-n))
    desk.cap = 20
    return {row["id"] for row in desk.rows[kind]}


def thread(desk: Desk, count: int = 30) -> None:
    """Two long conversations where every seventh message has two files, and a crowd of short ones in one instant."""
    for n in range(count):
        if 8 <= n < 16:
            desk.add("conversation", f"x{n}", at(0))
            desk.message(f"m{n:02}", at(8000), f"x{n}", files=1)
        else:
            desk.message(f"m{n:02}", at(n * 1000), f"v{1 + n % 2}", files=2 * (n % 7 == 0))
    desk.add("conversation", "v1", at(0))
    desk.add("conversation", "v2", at(0))


def old_thread(desk: Desk) -> None:
    """Old messages of two conversations, of one that is gone, and of none; recent ones that fill the caps."""
    for n in range(43):
        conversation = ("v1", "v2", "gone", None)[n % 4]
        desk.message(f"m{n:02}", long_ago(n * 1000), conversation, files=int(n % 3 == 0))
    for n in range(43, 73):
        desk.message(f"m{n:02}", at(n * 1000), "v3", files=int(n == 50))
    for n in (1, 2, 3):
        desk.add("conversation", f"v{n}", at(0))
    desk.cap = 20
