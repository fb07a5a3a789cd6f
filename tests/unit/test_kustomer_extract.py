"""The Kustomer source against a small desk written from the API page alone (docs/api/kustomer.md)."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mig
from mig import Access, Budgets, Partition, Ref, Refused, Scope, Unreadable
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
}


class FakeClock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(days=30, seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += max(0.0, seconds)


def iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def at(seconds: float) -> str:
    return iso(BEGIN + timedelta(seconds=seconds))


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

    def add(self, kind: str, id_: str, updated: str, created: str = at(-1), **more: Any) -> dict[str, Any]:
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

    def message(self, id_: str, updated: str, conversation: str | None = "v1", files: int = 0, **more: Any) -> None:
        relation = {"conversation": {"data": {"type": "conversation", "id": conversation}}} if conversation else {}
        self.add("message", id_, updated, direction="in", relationships=relation, **more)
        self.files[id_] = [f"{id_}-file{n}" for n in range(files)]

    def searches(self) -> list[dict[str, Any]]:
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
        head, _, tail = path.partition("/")
        if head == "metadata":
            return self._one(self.metadata.get(tail))
        kinds = {plural: kind for kind, plural in PATHS.items()}
        if head == "conversations" and tail.endswith(("/messages", "/notes")):
            conversation, _, what = tail.partition("/")
            if not any(row["id"] == conversation for row in self.rows["conversation"]):
                return httpx.Response(404)
            rows = [r for r in self._live(what.removesuffix("s")) if self._of(r) == conversation]
            return self._page(rows, path, query)
        if head == "messages" and "/attachments/" in tail:
            return self._one(self._file(tail.split("/")[2], tail.split("/")[0]))
        if head in kinds and tail:
            found = {row["id"]: row for row in self._live(kinds[head])}
            if "," in tail:
                return httpx.Response(200, json={"data": [found[one] for one in tail.split(",") if one in found]})
            return self._one(self._shown(found[tail], True) if tail in found else None)
        rows = sorted(self._live(kinds[head]), key=lambda row: row["id"]) if head in kinds else self.small[path]
        if path == "users":
            rows = [row for row in rows if str(row["attributes"].get("deleted", False)).lower() == query["deleted"]]
        return self._page(rows, path, query)

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
        asked = self.rows[kind] if body.get("includeDeleted") else self._live(kind)
        side = [row for row in asked if (row["attributes"]["updatedAt"] < self.line) == archive]
        rows = [row for row in side if not self.filters or all(self._meets(row, c) for c in body["and"])]
        key, order = next(iter(body["sort"][0].items()))
        if self.sorts and (not archive or key.partition("_")[2] in self.sorts_archive):
            rows.sort(key=lambda row: row["attributes"][self._attribute(key)], reverse=order == "desc")
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
        if key == "message_attachment_count":
            return bool(len(self.files.get(row["id"], [])) >= value)
        if key == "conversation_note_count":
            return bool(row["attributes"].get("noteCount", 0) >= value)
        found = row["attributes"][self._attribute(key)]
        return bool({"gte": found >= value, "lte": found <= value, "lt": found < value}[word])

    def _attribute(self, key: str) -> str:
        return {"updated_at": "updatedAt", "created_at": "createdAt", "modified_at": "modifiedAt"}[
            key.partition("_")[2]
        ]

    def _of(self, row: dict[str, Any]) -> str | None:
        id_: str | None = row["relationships"].get("conversation", {}).get("data", {}).get("id")
        return id_

    def _shown(self, row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        files = self.files.get(row["id"]) if with_files else None
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


@pytest.fixture
def desk() -> Desk:
    return Desk()


@asynccontextmanager
async def opened(desk: Callable[[httpx.Request], httpx.Response], **more: Any) -> AsyncIterator[Any]:
    clock = FakeClock()
    access = Access(clock, Budgets(clock), httpx.MockTransport(desk))
    chosen = {"list_page": 4, "search_page": 5, "list_cap": 20, **more}
    async with open_source(
        KustomerSettings(url="https://desk.example", api_key=Secret("key"), **chosen), access
    ) as source:
        yield source


async def drain(source: Any, resource: str, checkpoint: bytes | None = None) -> tuple[list[mig.Page], bytes]:
    pages = [page async for page in source.extract(Partition(resource), Scope(), checkpoint)]
    assert json.loads(pages[-1].checkpoint or b"{}")["mode"] == "done"
    return pages, pages[-1].checkpoint or b""


def ids(pages: list[mig.Page], resource: str | None = None) -> list[str]:
    return [row.id for page in pages for row in page.rows if resource is None or row.resource == resource]


def refuse(status: int, headers: dict[str, str] | None = None, path: str = "") -> Callable[[httpx.Request], Any]:
    return lambda request: httpx.Response(status, headers=headers) if request.url.path.endswith(path) else None


class Always:
    """An answer for a path, for ever."""

    def __init__(self, desk: Desk, status: int, path: str) -> None:
        self.desk, self.status, self.path = desk, status, path

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(self.path):
            self.desk.asked.append(request)
            return httpx.Response(self.status)
        return self.desk(request)


# ---- lists -----------------------------------------------------------------------------------------------------------


async def test_a_list_is_read_to_its_end_and_its_mark_is_the_servers_last_change(desk: Desk) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n))
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
    assert ids(pages) == [f"c{n}" for n in range(10)]
    assert pages[0].rows[0].changed_at == BEGIN
    assert json.loads(done) == {"mode": "done", "mark": at(9)}


async def test_an_empty_organisation_is_read_and_its_first_record_found_later(desk: Desk) -> None:
    async with opened(desk) as source:
        pages, done = await drain(source, "notes")
        assert ids(pages) == []
        desk.add("note", "n1", at(5))
        pages, _ = await drain(source, "notes", done)
    assert ids(pages) == ["n1"]


async def test_bytes_of_rows_are_those_of_the_answer(desk: Desk) -> None:
    row = desk.add("note", "n1", at(1), body="ü €", n=1.50)
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes")
    assert pages[0].rows[0].body == httpx.Response(200, json=row).content


@pytest.mark.parametrize("dirt", [b"half \\ud83d", b"bell \x07", b"no utf-8 \xff"])
async def test_a_row_with_broken_characters_costs_no_page(desk: Desk, dirt: bytes) -> None:
    desk.add("note", "n1", at(1), body="dirt")
    desk.add("note", "n2", at(2), body="clean")
    desk.text = lambda body: body.replace(b"dirt", dirt)
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes")
        notes = [source.parse(row).records[0] for row in pages[0].rows]
    assert [note.ref.id for note in notes] == ["n1", "n2"]
    assert notes[1].text == "clean"
    assert notes[0].text == {b"b": "bell \x07", b"h": "half \ufffd", b"n": "no utf-8 \ufffd"}[dirt[:1]]


async def test_a_row_without_an_id_reaches_quarantine_and_not_the_floor(desk: Desk) -> None:
    desk.add("note", "n1", at(1))
    desk.rows["note"].append({"type": "note", "id": "", "attributes": {"updatedAt": at(2)}})
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes")
        (odd, _fine) = sorted(pages[0].rows, key=lambda row: row.id != "n1", reverse=True)
        with pytest.raises(mig.Unparseable):
            source.parse(odd)
    assert odd.id.startswith("unreadable-")


async def test_a_list_that_moves_while_it_is_read_is_read_again(desk: Desk) -> None:
    for n in range(8):
        desk.add("customer", f"c{n}", at(n))

    def delete(request: httpx.Request) -> None:
        if request.url.params.get("page") == "2":  # c0 goes, c4 moves up to the page already read
            desk.before = lambda request: None
            desk.rows["customer"] = desk.rows["customer"][1:]
            desk.add("customer", "c9", at(99))

    desk.before = delete
    async with opened(desk) as source:
        pages, _ = await drain(source, "customers")
    assert sorted(ids(pages)) == [f"c{n}" for n in (0, 1, 2, 3, 4, 5, 6, 7, 9)]


async def test_active_and_deactivated_users_are_both_read(desk: Desk) -> None:
    desk.small["users"] = [{"id": "u1", "attributes": {}}, {"id": "u2", "attributes": {"deleted": True}}]
    async with opened(desk) as source:
        pages, done = await drain(source, "users")
        assert ids(pages) == ["u1", "u2"]
        pages, _ = await drain(source, "users", done)
    assert ids(pages) == ["u1", "u2"]


async def test_metadata_is_read_for_each_kind_there_is(desk: Desk) -> None:
    desk.metadata = {"customer": {"id": "customer", "attributes": {"properties": {"planStr": {}}}}}
    async with opened(desk) as source:
        pages, _ = await drain(source, "metadata")
        assert ids(pages) == ["customer"]
        assert [one async for page in source.ids(mig.ATTRIBUTE, Scope()) for one in page] == [("contact.planStr", None)]
        found = await source.fetch([Ref(mig.ATTRIBUTE, "contact.planStr"), Ref(mig.ATTRIBUTE, "contact.goneStr")])
    assert list(found) == [Ref(mig.ATTRIBUTE, "contact.planStr")]


async def test_a_list_past_its_cap_goes_on_by_search(desk: Desk) -> None:
    for n in range(33):
        desk.add("conversation", f"c{n:02}", at(n))
    desk.cap = 20
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
    assert set(ids(pages)) == {f"c{n:02}" for n in range(33)}
    assert json.loads(done)["mark"] == at(32)


async def test_a_list_past_its_cap_without_search_says_that_it_is_incomplete(desk: Desk) -> None:
    for n in range(33):
        desk.add("conversation", f"c{n:02}", at(n))
    desk.cap = 20
    async with opened(Always(desk, 403, "search")) as source:
        pages: list[mig.Page] = []
        with pytest.raises(Unreadable, match="only the first 20"):
            await collect(source, None, pages)
        assert len(ids(pages)) == 20


# ---- delta and walk --------------------------------------------------------------------------------------------------


async def test_a_delta_reads_what_changed_and_the_overlap(desk: Desk) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n * 1000))
    async with opened(desk) as source:
        _, done = await drain(source, "conversations")
        desk.rows["conversation"][2]["attributes"]["updatedAt"] = at(99_000)
        desk.asked.clear()
        pages, done = await drain(source, "conversations", done)
        assert ids(pages) == ["c9", "c2"]
        assert len(desk.asked) == 1
        assert desk.searches()[0]["includeDeleted"] is True
        assert ids((await drain(source, "conversations", done))[0]) == ["c2"]


async def test_more_rows_of_one_instant_than_a_page_holds_are_all_found(desk: Desk) -> None:
    for n in range(3):
        desk.add("note", f"a{n}", at(n))
    for n in range(13):
        desk.add("note", f"t{n:02}", at(50_000))
    for n in range(3):
        desk.add("note", f"z{n}", at(90_000 + n))
    async with opened(desk) as source:
        done = b'{"mode":"done","mark":"' + at(1000).encode() + b'"}'
        pages, _ = await drain(source, "notes", done)
    assert sorted(ids(pages)) == sorted([*(f"t{n:02}" for n in range(13)), *(f"z{n}" for n in range(3))])


@pytest.mark.parametrize("later", [1, 8])
@pytest.mark.parametrize("page", ["2", "3"])
async def test_a_row_that_leaves_a_crowded_instant_pushes_nobody_out(desk: Desk, page: str, later: int) -> None:
    for n in range(13):
        desk.add("note", f"t{n:02}", at(50_000))
    for n in range(later):
        desk.add("note", f"z{n}", at(90_000 + n))

    def touch(request: httpx.Request) -> None:
        if request.url.params["page"] == page:
            desk.before = lambda request: None
            desk.rows["note"][0]["attributes"]["updatedAt"] = at(95_000)

    desk.before = touch
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {*(f"t{n:02}" for n in range(13)), *(f"z{n}" for n in range(later))}


async def test_an_instant_with_more_rows_than_the_cap_is_cut_by_creation(desk: Desk) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(n // 3))
    desk.add("note", "z", at(90_000))
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert sorted(ids(pages)) == sorted([*(f"t{n:02}" for n in range(31)), "z"])


async def test_an_instant_that_cannot_be_cut_is_not_passed_over(desk: Desk) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(0))
    desk.cap = 20
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="in one instant"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_a_cut_that_is_ignored_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(31):
        desk.add("note", f"t{n:02}", at(50_000), created=at(n // 3))
    desk.add("note", "y", at(90_000))
    desk.add("note", "z", at(99_000))
    desk.cap = 20
    meets = desk._meets

    def ignores_the_cut(row: dict[str, Any], criterion: dict[str, Any]) -> bool:
        return "lte" in next(iter(criterion.values())) or meets(row, criterion)

    monkeypatch.setattr(desk, "_meets", ignores_the_cut)
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="beside another criterion"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_rows_touched_during_the_walk_push_nobody_out(desk: Desk) -> None:
    for n in range(40):
        desk.add("note", f"n{n:02}", at(n * 1000))
    touched = Counter[str]()

    def touch(request: httpx.Request) -> None:
        if request.method == "POST" and request.url.params["pageSize"] != "1" and len(touched) < 12:
            row = desk.rows["note"][len(touched)]
            touched[row["id"]] += 1
            row["attributes"]["updatedAt"] = at(100_000 + len(touched))

    desk.before = touch
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {f"n{n:02}" for n in range(40)}


async def test_rows_shown_younger_than_their_place_in_the_index_push_nobody_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index says where a row stands, the row says what it is now."""
    for n in range(20):
        desk.add("note", f"n{n:02}", at(n * 1000))
    shown = desk._shown

    def younger(row: dict[str, Any], with_files: bool) -> dict[str, Any]:
        if row["id"] in ("n04", "n06"):
            return {**row, "attributes": {**row["attributes"], "updatedAt": at(19_000)}}
        return shown(row, with_files)

    monkeypatch.setattr(desk, "_shown", younger)
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert set(ids(pages)) == {f"n{n:02}" for n in range(20)}


async def test_a_filter_that_is_ignored_is_noticed(desk: Desk) -> None:
    for n in range(10):
        desk.add("note", f"n{n}", at(n * 1000))
    desk.filters = False
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="ignores note_updated_at"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(5000).encode() + b'"}')


async def test_an_order_that_is_ignored_is_noticed(desk: Desk) -> None:
    for n in (3, 1, 2, 0, 4, 9, 8, 7, 20):
        desk.add("note", f"n{n}", at(n * 1000))
    desk.sorts = False
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="does not sort"):
            await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')


async def test_a_search_that_timed_out_is_repeated_smaller(desk: Desk) -> None:
    for n in range(9):
        desk.add("note", f"n{n}", at(n * 1000))

    def partial(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"meta": {"timed_out": True}, "data": [], "links": {"next": None}})

    desk.answers = [partial]
    async with opened(desk, search_page=40) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(0).encode() + b'"}')
    assert len(set(ids(pages))) == 9
    assert [r.url.params["pageSize"] for r in desk.asked] == ["40", "20"]


async def test_without_search_every_run_reads_the_list(desk: Desk) -> None:
    desk.add("note", "n1", at(1))
    async with opened(Always(desk, 403, "search")) as source:
        pages, done = await drain(source, "notes")
        assert ids(pages) == ["n1"]
        assert json.loads(done) == {"mode": "done"}
        assert ids((await drain(source, "notes", done))[0]) == ["n1"]
        with_mark = b'{"mode":"done","mark":"' + at(0).encode() + b'"}'
        assert ids((await drain(source, "notes", with_mark))[0]) == ["n1"]


async def test_companies_are_walked_by_whichever_date_is_accepted(desk: Desk) -> None:
    desk.add("company", "k1", at(1), modifiedAt=at(1))

    def picky(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and "company_updated_at" in request.content.decode():
            return httpx.Response(400)
        return desk(request)

    async with opened(picky) as source:
        _, done = await drain(source, "companies")
        assert json.loads(done) == {"mode": "done", "mark": at(1), "by": 1}
        assert ids((await drain(source, "companies", done))[0]) == ["k1"]


# ---- what is older than two years -----------------------------------------------------------------------------------


def long_ago(seconds: float) -> str:
    return at(seconds - 800 * 86_400)


def both_sides(desk: Desk, kind: str = "conversation", *, old: int = 23, recent: int = 23) -> set[str]:
    for n in range(old):
        desk.add(kind, f"a{n:02}", long_ago(n * 1000), created=long_ago(n * 10))
    for n in range(recent):
        desk.add(kind, f"z{n:02}", at(n * 1000), created=at(-n))
    desk.cap = 20
    return {row["id"] for row in desk.rows[kind]}


async def collect(source: Any, checkpoint: bytes | None, pages: list[mig.Page]) -> None:
    async for page in source.extract(Partition("conversations"), Scope(), checkpoint):
        pages.append(page)  # noqa: PERF401  # a comprehension would lose what came before an error


def archive_searches(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(r.content) for r in desk.asked if r.url.path.endswith("archive/search")]


async def test_what_search_no_longer_knows_is_found_in_the_archive(desk: Desk) -> None:
    everything = both_sides(desk)
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything
        assert not [r for r in desk.asked if r.method == "GET"], "search alone says that the list is too long"
        bounds = [
            one for body in archive_searches(desk) for one in body["and"] if "lt" in one["conversation_updated_at"]
        ]
        assert len(bounds) == len(archive_searches(desk))
        assert {bound["conversation_updated_at"]["lt"] for bound in bounds} == {at(600)}  # the line, and the overlap
        desk.asked.clear()
        pages, done = await drain(source, "conversations", done)
        assert ids(pages) == ["z22", "a22"]  # the delta, and a second look at what was about to pass the line
        assert len(desk.asked) == 2


async def test_a_list_that_old_rows_make_too_long_is_not_read_for_nothing(desk: Desk) -> None:
    everything = both_sides(desk, recent=9)
    async with opened(desk) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything
    assert [r.url.params["page"] for r in desk.asked if r.method == "GET"] == ["1", "5"]


async def test_a_list_that_tells_its_total_needs_no_look_at_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = both_sides(desk, "customer", recent=3)
    page_of = desk._page

    def with_total(rows: list[dict[str, Any]], path: str, query: dict[str, str]) -> httpx.Response:
        answer = json.loads(page_of(rows, path, query).content)
        return httpx.Response(200, json=answer | {"meta": {"total": len(rows)}})

    monkeypatch.setattr(desk, "_page", with_total)
    async with opened(desk) as source:
        assert set(ids((await drain(source, "customers"))[0])) == everything
    assert len([r for r in desk.asked if r.method == "GET"]) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_without_the_archive_the_list_shows_what_it_can_and_the_rest_is_told(desk: Desk, status: int) -> None:
    both_sides(desk)
    shut = Always(desk, status, "archive/search")
    async with opened(shut) as source:
        pages: list[mig.Page] = []
        with pytest.raises(Unreadable, match="older than two years only the list's first 20") as refused:
            await collect(source, None, pages)
        assert "org.permission.search.create" in refused.value.hint
        assert set(ids(pages)) == {*(f"a{n:02}" for n in range(20)), *(f"z{n:02}" for n in range(23))}
        done = pages[-1].checkpoint
        assert json.loads(done or b"")["mode"] == "done"
        desk.add("conversation", "z99", at(99_000))
        desk.asked.clear()
        more: list[mig.Page] = []
        with pytest.raises(Unreadable):
            await collect(source, done, more)
        assert ids(more) == ["z22", "z99"]
        assert not [r for r in desk.asked if r.method == "GET"]
    async with opened(desk) as source:
        assert {f"a{n:02}" for n in range(23)} <= set(ids((await drain(source, "conversations", done))[0]))


async def test_a_list_that_is_whole_after_all_needs_no_archive(desk: Desk) -> None:
    everything = both_sides(desk, old=3, recent=16)
    async with opened(Always(desk, 404, "archive/search"), requests_per_minute=50, search_page=10) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything


async def test_an_archive_that_keeps_no_order_of_changes_is_walked_by_creation(desk: Desk) -> None:
    everything = both_sides(desk)
    for n in range(0, 23, 2):
        desk.rows["conversation"][n]["attributes"]["updatedAt"] = long_ago(90_000 - n)
    desk.sorts_archive = ("created_at",)
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
    assert set(ids(pages)) == everything
    assert "old" not in json.loads(done)
    assert {next(iter(body["sort"][0])) for body in archive_searches(desk)} == {
        "conversation_updated_at", "conversation_created_at",
    }  # fmt: skip


async def test_an_archive_without_any_order_is_not_believed(desk: Desk) -> None:
    both_sides(desk)
    for n in range(0, 23, 2):
        desk.rows["conversation"][n]["attributes"] |= {"updatedAt": long_ago(9000 - n), "createdAt": long_ago(-n)}
    desk.sorts_archive = ()
    async with opened(desk) as source:
        with pytest.raises(Unreadable, match="older than two years"):
            await drain(source, "conversations")


@pytest.mark.parametrize("count", [13, 31])
async def test_a_crowded_instant_of_the_archive_is_read_whole(desk: Desk, count: int) -> None:
    everything = both_sides(desk)
    for n in range(count):
        desk.add("conversation", f"t{n:02}", long_ago(5_000), created=long_ago(n // 3))
    async with opened(desk) as source:
        pages, _ = await drain(source, "conversations")
    assert set(ids(pages)) == everything | {f"t{n:02}" for n in range(count)}


async def test_an_instant_that_stands_still_is_read_once(desk: Desk) -> None:
    for n in range(12):
        desk.add("note", f"t{n:02}", at(50_000))
    desk.add("note", "z", at(90_000))
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes", b'{"mode":"done","mark":"' + at(1000).encode() + b'"}')
    assert len(set(ids(pages))) == 13
    walked = [r.url.params["page"] for r in desk.asked if r.url.params["pageSize"] != "1"]
    assert walked == ["1", "1", "1", "2", "3", "1"]


@pytest.mark.parametrize("moment", range(1, 16))
async def test_an_old_row_that_is_touched_is_found_where_it_went(desk: Desk, moment: int) -> None:
    everything = both_sides(desk)

    def touch(request: httpx.Request) -> None:
        if len(desk.asked) == moment:
            desk.rows["conversation"][22]["attributes"]["updatedAt"] = at(95_000)

    desk.before = touch
    async with opened(desk) as source:
        pages, done = await drain(source, "conversations")
        assert set(ids(pages)) == everything
        for _ in range(2):
            more, done = await drain(source, "conversations", done)
            pages += more
    shown = [json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows if row.id == "a22"]
    assert shown[-1] == at(95_000)


@pytest.mark.parametrize("moment", range(1, 16))
async def test_nor_is_it_lost_after_a_restart(desk: Desk, moment: int) -> None:
    everything = both_sides(desk)
    async with opened(desk) as source:
        pages = []
        async for page in source.extract(Partition("conversations"), Scope(), None):
            pages.append(page)
            break  # search has shown its first page, the archive none
        desk.asked.clear()

        def touch(request: httpx.Request) -> None:
            if len(desk.asked) == moment:
                desk.rows["conversation"][22]["attributes"]["updatedAt"] = at(95_000)

        desk.before = touch
        rest, _ = await drain(source, "conversations", pages[0].checkpoint)
    assert set(ids([*pages, *rest])) == everything


async def test_search_is_preferred_where_its_budget_makes_it_quicker(desk: Desk) -> None:
    for n in range(19):
        desk.add("customer", f"c{n:02}", at(n))
    asked = {}
    for plan in (1000, 300):
        pages = {"list_page": 1, "search_page": 10}
        async with opened(desk, requests_per_minute=plan, searches_per_minute=60, **pages) as source:
            desk.asked.clear()
            assert len(set(ids((await drain(source, "customers"))[0]))) == 19
            asked[plan] = Counter(r.method for r in desk.asked)
    assert asked == {1000: {"POST": 2, "GET": 20}, 300: {"POST": 5}}


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


@pytest.mark.parametrize("setting", ["auto", "ask"])
async def test_old_messages_come_with_their_files_though_the_archive_names_none(desk: Desk, setting: str) -> None:
    old_thread(desk)
    async with opened(desk, archived_files=setting) as source:
        pages, _ = await drain(source, "messages")
        assert without_files(source, pages, desk) == []
    assert set(ids(pages, "messages")) == {f"m{n:02}" for n in range(73)}
    assert set(ids(pages, "attachments")) == {file for files in desk.files.values() for file in files}
    assert Counter(r.url.path for r in desk.asked)["/v1/conversations/v1/messages"] == 3  # three pages, once


async def test_only_conversations_with_files_are_asked_when_the_archive_names_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_thread(desk)
    desk.files |= {one: [] for one, row in ((r["id"], r) for r in desk.rows["message"]) if desk._of(row) == "v2"}
    shown = desk._shown
    monkeypatch.setattr(desk, "_shown", lambda row, with_files: shown(row, True))
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        assert without_files(source, pages, desk) == []
    assert set(ids(pages, "messages")) == {f"m{n:02}" for n in range(73)}
    asked = {r.url.path for r in desk.asked if r.url.path.endswith("/messages")}
    assert asked == {f"/v1/conversations/{one}/messages" for one in ("v1", "v3", "gone")}


async def test_deleted_rows_of_the_archive_are_told_as_deleted(desk: Desk) -> None:
    old_thread(desk)
    both_sides(desk)
    for kind, n in (("conversation", 9), ("message", 4)):
        desk.rows[kind][n]["attributes"]["deleted"] = True
    async with opened(desk) as source:
        for resource, gone in (("conversations", "a06"), ("messages", "m04")):
            pages, _ = await drain(source, resource)
            rows = {row.id: json.loads(row.body) for page in pages for row in page.rows if row.resource == resource}
            assert set(rows) == {row["id"] for row in desk.rows[resource.removesuffix("s")]}
            assert [id_ for id_, row in rows.items() if row["attributes"].get("deleted")] == [gone]
        assert gone not in [one async for some in source.ids(mig.MESSAGE, Scope()) for one, _ in some]
    assert all(body["includeDeleted"] for body in archive_searches(desk)[:3])


async def test_a_first_look_that_times_out_is_taken_again(desk: Desk) -> None:
    desk.add("note", "n1", at(7))
    desk.answers = [lambda request: httpx.Response(200, json={"meta": {"timed_out": True}, "data": [], "links": {}})]
    async with opened(desk) as source:
        _, done = await drain(source, "notes")
    assert json.loads(done)["mark"] == at(7)


async def test_old_notes_are_asked_of_the_conversations_that_have_more_than_were_seen(desk: Desk) -> None:
    def note(id_: str, when: str, conversation: str) -> None:
        relation = {"conversation": {"data": {"type": "conversation", "id": conversation}}}
        desk.add("note", id_, when, relationships=relation)

    for n in range(24):
        changed = long_ago(n * 1000) if n < 12 else at(n)
        desk.add("conversation", f"v{n:02}", changed, created=long_ago(n), noteCount=n % 3)
        for m in range(n % 3):
            note(f"n{n:02}{m}", long_ago(n * 1000) if n < 12 or m else at(n), f"v{n:02}")
    for n in range(30):
        note(f"z{n:02}", at(n * 1000), "w")
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "notes")
    assert set(ids(pages)) == {row["id"] for row in desk.rows["note"]}
    asked = Counter(r.url.path for r in desk.asked if r.url.path.startswith("/v1/conversations/"))
    assert asked == {f"/v1/conversations/v{n}/notes": 1 for n in (20, 23)}  # the list showed the oldest twenty


# ---- messages and their files ----------------------------------------------------------------------------------------


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


async def test_a_list_of_messages_brings_their_files(desk: Desk) -> None:
    thread(desk, 8)
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        rows = [row for page in pages for row in page.rows if row.id == "m00"]
        files = [row for page in pages for row in page.rows if row.resource == "attachments"]
        assert source.parse(rows[0]).records[0].attachments == [Ref(mig.ATTACHMENT, f"m00-file{n}") for n in (0, 1)]
        assert source.parse(files[0]).records[0].parent == Ref(mig.MESSAGE, "m00")
    assert sorted(ids(pages, "attachments")) == ["m00-file0", "m00-file1", "m07-file0", "m07-file1"]


async def test_searched_messages_come_with_their_files_and_never_without(desk: Desk) -> None:
    thread(desk)
    desk.cap = 20
    async with opened(desk) as source:
        pages, done = await drain(source, "messages")
        assert set(ids(pages, "messages")) == {f"m{n:02}" for n in range(30)}
        assert set(ids(pages, "attachments")) == {file for files in desk.files.values() for file in files}
        shapes: dict[str, set[bool]] = {}
        for row in (row for page in pages for row in page.rows if row.resource == "messages"):
            shapes.setdefault(row.id, set()).add(bool(source.parse(row).records[0].attachments))
        assert {id_: shape for id_, shape in shapes.items() if len(shape) > 1} == {}

        desk.message("m99", at(99_000), "v1", files=1)
        pages, _ = await drain(source, "messages", done)
        assert "m99-file0" in ids(pages, "attachments")
        assert ids(pages, "messages").count("m99") == 1


@pytest.mark.parametrize("conversation", [None, "vanished"])
async def test_a_searched_message_of_no_conversation_brings_its_files_all_the_same(
    desk: Desk, conversation: str | None
) -> None:
    desk.message("m1", at(9_000), conversation, files=1)
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages", b'{"mode":"done","mark":"' + at(9_000).encode() + b'"}')
        message = source.parse(pages[0].rows[0]).records[0]
    assert message.attachments == [Ref(mig.ATTACHMENT, "m1-file0")]
    assert ids(pages) == ["m1", "m1-file0"]


async def test_the_files_a_note_names_are_read_by_id(desk: Desk) -> None:
    relation = {"attachments": {"data": [{"type": "attachment", "id": one} for one in ("f1", "f2", "gone")]}}
    desk.add("note", "n1", at(1), relationships=relation)
    files = {one: {"type": "attachment", "id": one, "attributes": {"name": one}} for one in ("f1", "f2")}

    def served(request: httpx.Request) -> httpx.Response:
        route, _, wanted = request.url.path.rpartition("/")
        if route != "/v1/attachments":
            return desk(request)
        some = [files[one] for one in wanted.split(",") if one in files]
        return httpx.Response(200, json={"data": some}) if some else httpx.Response(404)

    async with opened(served) as source:
        pages, _ = await drain(source, "notes")
        assert ids(pages) == ["n1", "f1", "f2"]
        assert source.parse(pages[0].rows[1]).records[0].parent == Ref(mig.NOTE, "n1")
    async with opened(Always(desk, 403, "f1,f2,gone")) as source:
        assert ids((await drain(source, "notes"))[0]) == ["n1"]


def email(desk: Desk, id_: str, link: str) -> None:
    desk.message(id_, at(1), channel="email", preview="Hello")
    desk.rows["message"][-1]["links"]["related"] = link


async def test_originals_of_emails_are_asked_for_only_when_wanted(desk: Desk) -> None:
    email(desk, "m1", "/v1/postmark/messages/m1")
    email(desk, "m2", "https://elsewhere.example/m2")
    email(desk, "m3", "/v1/postmark/messages/m3")
    email(desk, "m4", "/v1/postmark/messages/m4")

    def app(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "desk.example"
        if request.url.path == "/v1/postmark/messages/m1":
            return httpx.Response(200, json={"data": {"attributes": {"htmlBody": "<p>Hello</p>"}}})
        if request.url.path == "/v1/postmark/messages/m4":
            return httpx.Response(200, content=b"<p>plain</p>")
        return httpx.Response(404) if "postmark" in request.url.path else desk(request)

    async with opened(app, full_email=True) as source:
        pages, _ = await drain(source, "messages")
        parsed = {row.id: source.parse(row) for page in pages for row in page.rows}
        assert {id_: one.records[0].html for id_, one in parsed.items()} == {
            "m1": "<p>Hello</p>", "m2": "", "m3": "", "m4": "<p>plain</p>",
        }  # fmt: skip
        assert {id_: [w.why for w in one.warnings] for id_, one in parsed.items() if one.warnings} == {
            "m2": ["the original stands on another host; the preview is kept"],
            "m3": ["the original is not served (status 404); the preview is kept"],
        }
        assert {id_: one.records[0].text for id_, one in parsed.items()} == dict.fromkeys(
            ("m1", "m2", "m3"), "Hello"
        ) | {"m4": "plain"}
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        assert source.parse(pages[0].rows[0]).records[0].html == ""


# ---- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["messages", "conversations"])
async def test_from_every_checkpoint_what_is_old_is_read_too(desk: Desk, resource: str) -> None:
    old_thread(desk)
    both_sides(desk)
    async with opened(desk) as source:
        pages, _ = await drain(source, resource)
        everything = {row["id"] for row in desk.rows[resource.removesuffix("s")]}
        assert set(ids(pages, resource)) == everything
        for n, page in enumerate(pages[:-1]):
            rest, _ = await drain(source, resource, page.checkpoint)
            assert set(ids([*pages[: n + 1], *rest], resource)) == everything
            assert without_files(source, rest, desk) == []


@pytest.mark.parametrize("resource", ["messages", "conversations", "users", "metadata"])
@pytest.mark.parametrize("begin", [None, b'{"mode":"done","mark":"2026-09-01T00:00:00.000Z"}'])
async def test_from_every_checkpoint_the_rest_is_read_to_the_end(
    desk: Desk, resource: str, begin: bytes | None
) -> None:
    thread(desk)
    for n in range(28):
        desk.add("conversation", f"w{n:02}", at(n // 6 * 1000))
    desk.small["users"] = [{"id": f"u{n}", "attributes": {"deleted": n % 2 == 1}} for n in range(11)]
    desk.metadata = {kind: {"id": kind, "attributes": {"properties": {}}} for kind in ("customer", "message")}
    desk.cap = 20
    async with opened(desk) as source:
        pages, done = await drain(source, resource, begin)
        everything = set(ids(pages))
        assert len(everything) >= 2
        for n, page in enumerate(pages[:-1]):
            rest, again = await drain(source, resource, page.checkpoint)
            assert set(ids(pages[: n + 1])) | set(ids(rest)) == everything
            assert json.loads(again).get("mark") == json.loads(done).get("mark")
            assert without_files(source, rest, desk) == []


def without_files(source: Any, pages: list[mig.Page], desk: Desk) -> list[str]:
    """Messages that have files and were handed out without."""
    rows = [row for page in pages for row in page.rows if row.resource == "messages" and desk.files[row.id]]
    return [row.id for row in rows if not source.parse(row).records[0].attachments]


async def test_a_message_that_came_after_the_crash_is_not_left_out(desk: Desk) -> None:
    thread(desk)
    desk.cap = 20
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        crashed = next(page.checkpoint for page in pages if page.checkpoint and b'"walk"' in page.checkpoint)
        desk.message("m99", at(99_000), "v1", files=1)
        rest, done = await drain(source, "messages", crashed)
        assert "m99" in ids(rest)
        rest, _ = await drain(source, "messages", done)
        assert "m99-file0" in ids(rest)


async def test_a_checkpoint_of_another_age_starts_anew(desk: Desk) -> None:
    desk.add("note", "n1", at(1))
    async with opened(desk) as source:
        assert ids((await drain(source, "notes", b"\x00"))[0]) == ["n1"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    times=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=30),
    old=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=30),
    touches=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 59)), max_size=12),
    crash=st.integers(0, 40),
)
@example(times=[0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 5000], old=[0] * 10, touches=[(7, 15)], crash=1)
async def test_whatever_leaves_the_archive_and_wherever_it_stops_no_row_is_left_out(
    times: list[int], old: list[int], touches: list[tuple[int, int]], crash: int
) -> None:
    desk = Desk()
    desk.cap = 20
    for n, seconds in enumerate(times):
        desk.add("conversation", f"n{n:02}", at(seconds), created=at(n))
    for n, seconds in enumerate(old):
        desk.add("conversation", f"a{n:02}", long_ago(seconds), created=long_ago(n))

    def touch(request: httpx.Request) -> None:
        for when, which in touches:
            if when == len(desk.asked) and which < len(desk.rows["conversation"]):
                desk.rows["conversation"][-which - 1]["attributes"]["updatedAt"] = at(20_000 + len(desk.asked))

    desk.before = touch
    async with opened(desk) as source:
        seen: set[str] = set()
        checkpoint, reached = None, 0
        async for page in source.extract(Partition("conversations"), Scope(), None):
            seen.update(row.id for row in page.rows)
            checkpoint, reached = page.checkpoint, reached + 1
            if reached > crash:
                break
        pages, done = await drain(source, "conversations", checkpoint)
        seen.update(ids(pages))
        assert seen == {row["id"] for row in desk.rows["conversation"]}
        desk.before = lambda request: None
        pages, _ = await drain(source, "conversations", done)
        newest = {row.id: json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows}
        for row in desk.rows["conversation"]:
            if row["attributes"]["updatedAt"] > max(json.loads(done).get("mark", ""), desk.line):
                assert newest[row["id"]] == row["attributes"]["updatedAt"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    times=st.lists(st.sampled_from([0, 1, 1, 1, 500, 5000, 5000, 9999]), max_size=45),
    touches=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 44)), max_size=12),
    crash=st.integers(0, 40),
    begin=st.sampled_from([None, b'{"mode":"walk","mark":"2026-09-01T00:00:00.000Z"}']),
)
async def test_whatever_moves_and_wherever_it_stops_no_row_is_left_out(
    times: list[int], touches: list[tuple[int, int]], crash: int, begin: bytes | None
) -> None:
    desk = Desk()
    desk.cap = 20
    for n, seconds in enumerate(times):
        desk.add("note", f"n{n:02}", at(seconds), created=at(n))

    def touch(request: httpx.Request) -> None:
        for when, which in touches:
            if when == len(desk.asked) and which < len(times):
                desk.rows["note"][which]["attributes"]["updatedAt"] = at(20_000 + len(desk.asked))

    desk.before = touch
    async with opened(desk) as source:
        seen: set[str] = set()
        checkpoint, reached = begin, 0
        async for page in source.extract(Partition("notes"), Scope(), begin):
            seen.update(row.id for row in page.rows)
            checkpoint, reached = page.checkpoint, reached + 1
            if reached > crash:
                break
        pages, done = await drain(source, "notes", checkpoint)
        seen.update(ids(pages))
        assert seen == {f"n{n:02}" for n in range(len(times))}
        desk.before = lambda request: None
        pages, _ = await drain(source, "notes", done)
        newest = {row.id: json.loads(row.body)["attributes"]["updatedAt"] for page in pages for row in page.rows}
        for row in desk.rows["note"]:
            if row["attributes"]["updatedAt"] > json.loads(done).get("mark", ""):
                assert newest[row["id"]] == row["attributes"]["updatedAt"]


# ---- by id -----------------------------------------------------------------------------------------------------------


async def test_fetch_reads_by_id_and_what_is_gone_is_absent(desk: Desk) -> None:
    for n in range(3):
        desk.add("conversation", f"c{n}", at(n))
    desk.add("customer", "p1", at(1))
    desk.small["tags"] = [{"id": "t1", "attributes": {"name": "vip"}}]
    wanted = [Ref(mig.CONVERSATION, one) for one in ("c0", "c2", "c9")]
    wanted += [Ref(mig.CONTACT, "p1"), Ref(mig.CONTACT, "p9"), Ref(mig.TAG, "t1"), Ref(mig.TAG, "t9")]
    async with opened(desk) as source:
        found = await source.fetch(wanted)
    assert [str(ref) for ref in found] == ["conversation/c0", "conversation/c2", "contact/p1", "tag/t1"]
    assert found[Ref(mig.CONTACT, "p1")].resource == "customers"
    assert [r.url.path for r in desk.asked if "conversations" in r.url.path] == [
        "/v1/conversations/c0,c2,c9", "/v1/conversations/c9",
    ]  # fmt: skip


async def test_an_id_is_never_more_than_an_id(desk: Desk) -> None:
    async with opened(desk) as source:
        assert await source.fetch([Ref(mig.NOTE, "../users?x=1")]) == {}
    assert desk.asked[0].url.raw_path == b"/v1/notes/..%2Fusers%3Fx%3D1"


async def test_ids_name_every_row_once(desk: Desk) -> None:
    thread(desk)
    desk.cap = 20
    async with opened(desk) as source:
        found = [one async for some in source.ids(mig.MESSAGE, Scope()) for one in some]
        assert sorted((id_, iso(when)) for id_, when in found if when) == [
            (row["id"], row["attributes"]["updatedAt"]) for row in desk.rows["message"]
        ]
        assert not any("includeDeleted" in body for body in desk.searches() if len(body["and"]) == 1)
        files = [id_ async for some in source.ids(mig.ATTACHMENT, Scope()) for id_, _ in some]
        assert len(files) == len(set(files)) == 8 + 2 * 4


async def test_identity_is_the_organisation_or_what_a_user_says_of_it(desk: Desk) -> None:
    async with opened(desk) as source:
        assert await source.identity() == "org1"
    desk.small["users"] = [{"id": "u1", "relationships": {"org": {"data": {"type": "org", "id": "org7"}}}}]
    users = {"data": desk.small["users"], "links": {}}

    def closed(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=users) if request.url.path == "/v1/users" else httpx.Response(403)

    async with opened(closed) as source:
        assert await source.identity() == "org7"


async def test_partitions_follow_the_kinds_of_the_scope(desk: Desk) -> None:
    async with opened(desk) as source:
        every = [part.resource for part in await source.partitions(Scope())]
        some = await source.partitions(Scope(kinds=frozenset({mig.CONTACT})))
    assert every == [
        "tags",
        "users",
        "teams",
        "queues",
        "metadata",
        "companies",
        "customers",
        "conversations",
        "messages",
        "notes",
    ]
    assert [part.resource for part in some] == ["tags", "metadata", "companies", "customers"]  # with what it names


async def test_a_link_to_another_host_is_never_followed(desk: Desk) -> None:
    def astray(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"data": [{"id": "t1"}], "links": {"next": "https://elsewhere.example/v1/tags?page=2"}}
        )

    async with opened(astray) as source:
        with pytest.raises(Refused, match="another host"):
            await drain(source, "tags")
