"""The Kustomer source against a small desk: lists, what stands beside messages, what is read by id."""

from __future__ import annotations

import json

import httpx
import pytest

import mig
from kustomer_desk import (
    BEGIN,
    Always,
    Desk,
    at,
    collect,
    drain,
    ids,
    iso,
    opened,
    thread,
)
from mig import Partition, Ref, Refused, Scope, Unreadable


@pytest.fixture
def desk() -> Desk:
    return Desk()


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


# ---- messages and their files ----------------------------------------------------------------------------------------


async def test_a_list_of_messages_brings_their_files(desk: Desk) -> None:
    thread(desk, 8)
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
        rows = [row for page in pages for row in page.rows if row.id == "m00"]
        files = [row for page in pages for row in page.rows if row.resource == "attachments"]
        assert source.parse(rows[0]).records[0].attachments == [Ref(mig.ATTACHMENT, f"m00-file{n}") for n in (0, 1)]
        assert source.parse(files[0]).records[0].parent == Ref(mig.MESSAGE, "m00")
    assert sorted(ids(pages, "attachments")) == ["m00-file0", "m00-file1", "m07-file0", "m07-file1"]


async def test_a_file_with_the_id_of_a_message_pushes_neither_out(desk: Desk) -> None:
    for n in range(9):
        desk.message(f"m{n}", at(n), "v1")
    desk.files |= {"m0": ["m8"], "m7": ["m1"]}  # on the page before the message of its name, and on the one after
    async with opened(desk) as source:
        pages, _ = await drain(source, "messages")
    assert sorted(ids(pages, "messages")) == [f"m{n}" for n in range(9)]
    assert sorted(ids(pages, "attachments")) == ["m1", "m8"]


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
        "klasses",
        "kobject_metadata",
        "kobjects",
        "knowledge_bases",
        "categories",
        "articles",
        "kb_tags",
        "kb_routes",
        "kb_forms",
        "shortcut_categories",
        "shortcuts",
        "slas",
        "business_rules",
        "workflows",
        "hooks_web",
        "hooks_email",
        "hooks_form",
        "outbound_webhooks",
        "accounts",
        "chat",
        "searches",
        "surveys",
        "snippets",
        "brands",
        "schedules",
        "routing_rules",
        "sub_statuses",
        "role_groups",
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


async def test_a_check_tells_which_of_the_two_searches_the_key_may_use(desk: Desk) -> None:
    desk.metadata = {"customer": {"id": "customer"}, "settings": {"id": "chat"}}

    def app(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/tokens/current":
            return httpx.Response(200, json={"data": {"id": "key"}})
        return httpx.Response(403) if "archive" in request.url.path else desk(request)

    async with opened(app) as source:
        found = {one.name: one.state async for one in source.check(write=False)}
    assert found == dict.fromkeys(found, "ok") | {"archive search": "warn"}
    assert len(found) == 43
    (body,) = desk.searches()
    assert body == {
        "queryContext": "conversation",
        "and": [{"conversation_created_at": {"gte": "1970-01-01T00:00:00.000Z"}}],
        "or": [],
        "not": [],
        "sort": [{"conversation_created_at": "desc"}],
        "timeZone": "GMT",
    }


async def test_what_changed_while_a_list_was_stopped_is_read_when_it_goes_on(desk: Desk) -> None:
    """Stopped behind a walk through all there is: seed 2180 of the simulation."""
    first = "z00"
    everything = {desk.add("conversation", f"z{n:02}", at(n))["id"] for n in range(12)}
    async with opened(desk) as source:
        until: bytes | None = None
        seen: set[str] = set()
        async for page in source.extract(Partition("conversations"), Scope(), None):
            seen |= set(ids([page]))
            if first in seen and page.checkpoint and json.loads(page.checkpoint).get("mode", "list") == "list":
                until = page.checkpoint
                break
        assert until is not None
        row = next(one for one in desk.rows["conversation"] if one["id"] == first)
        row["attributes"]["updatedAt"] = at(99_000)
        row["attributes"]["name"] = "changed"
        pages, done = await drain(source, "conversations", until)
        assert seen | set(ids(pages)) == everything
        assert first in ids(pages), "the run that goes on says that everything as of its beginning arrived"
        asked = len(desk.asked)
        pages, _ = await drain(source, "conversations", done)
        assert len(desk.asked) - asked <= 2, "a reading that was not stopped reads nothing twice"
