"""What a workspace shows of operations whose journal is lost: as wanted, older, somebody's edit, or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

import mig
from mig.engine.adopt import Absent, AdoptingTarget, Places
from mig.settings import Secret
from mig_crisp.adopt import Adoption
from mig_crisp.client import CrispClient
from mig_crisp.marks import birth_line
from mig_crisp.settings import CrispSettings
from mig_crisp.threads import said_changes
from storm import StormTarget, VirtualClock

ORIGIN = "kustomer:org"
UNIT = mig.UnitKey("conversation:c1")
PERSON = mig.UnitKey("contact:p1")
SOURCE = {"source": ORIGIN, "source_id": "c1"}
WANTED = {
    **SOURCE,
    "source_updated_at": "2026-01-02",
    "source_status": "done",
    "source_assignee": "Ann",
    "plan": "gold",
}
META: Json = {"nickname": "Nora", "subject": "Broken", "segments": ["mig", "late"], "data": WANTED}
TEXT: Json = {
    "type": "text",
    "from": "operator",
    "stealth": True,
    "content": "hello",
    "origin": "chat",
    "timestamp": 5,
    "fingerprint": 77,
    "properties": {"source": ORIGIN, "source_id": "message/m1", "source_part": 1},
    "user": {"type": "website", "nickname": "Ann", "user_id": "u1"},
}
Json = dict[str, Any]


class Desk:
    """A workspace as GETs show it, by path."""

    def __init__(self, **meta: Any) -> None:
        self.asked: list[str] = []
        data = meta.pop("data", WANTED)
        shown = {"session_id": "s", "state": "resolved", "meta": {**META, **meta, "data": data}}
        self.shows: dict[str, Any] = {"/conversation/s": shown, "/conversation/s/messages": []}

    @property
    def conversation(self) -> Json:
        found: Json = self.shows["/conversation/s"]
        return found

    def say(self, **fields: Any) -> None:
        """A message stands there."""
        row = {**TEXT, "automated": False, "edited": False, **fields}
        self.shows["/conversation/s/messages"].append({k: v for k, v in row.items() if k != "stealth"})

    def profile(self, *, people_data: Json | None = None, **fields: Any) -> None:
        """A profile stands there."""
        shown = {
            "people_id": "p",
            "email": "nora@example.org",
            "person": {"nickname": "Nora"},
            "segments": [],
            **fields,
        }
        self.shows |= {"/people/profile/p": shown, "/people/data/p": {"data": people_data or {}}}
        self.shows["/people/profile/nora@example.org"] = shown

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As the API would."""
        path = request.url.path.removeprefix("/v1/website/w")
        self.asked.append(path)
        if path in self.shows and "timestamp_before" not in request.url.params:
            return httpx.Response(200, json={"error": False, "reason": "resolved", "data": self.shows[path]})
        if path.endswith("/messages"):
            return httpx.Response(200, json={"error": False, "reason": "listed", "data": []})
        return httpx.Response(404, json={"error": True, "reason": "not_found", "data": {}})


async def ask(
    desk: Desk, *calls: tuple[str, Mapping[str, Any]], unit: mig.UnitKey = UNIT, places: tuple[str, ...] = ("s",)
) -> mig.Adopted | None:
    """The last of these operations is looked for, after the others of its unit."""
    clock = VirtualClock()
    access = mig.Access(clock=clock, budgets=mig.Budgets(clock), transport=httpx.MockTransport(desk.answer))
    client = CrispClient(CrispSettings(identifier="i", key=Secret("k"), website_id="w"), access)
    async with client.http:
        adoption = Adoption(client)
        found: mig.Adopted | None = None
        for verb, body in calls:
            carries = (mig.Ref(mig.CONTACT, "p1"),) if verb == "people.create" else (mig.Ref(mig.ATTACHMENT, "f1"),)
            op = mig.Operation(name="op", verb=verb, effect=mig.Effect.PUT, body=body, carries=carries)
            found = await adoption.adopt(mig.Call(unit, op, json.loads(json.dumps(body))), ORIGIN, places)
        return found


def say(**fields: Any) -> tuple[str, Json]:
    return "conversation.message", {"session": "s", "message": {**TEXT, **fields}}


META_CALL = ("conversation.meta", {"session": "s", "meta": META})


# ---- births ----------------------------------------------------------------------------------------------------------


async def test_only_a_conversation_with_a_mark_of_this_origin_is_ours() -> None:
    for data, expected in ((WANTED, "s"), ({**WANTED, "source": f"{ORIGIN}~canary-1"}, None), ({}, None)):
        found = await ask(Desk(data=data), ("conversation.create", {}))
        assert (found.receipt.values["id"] if found else None) == expected
    assert await ask(Desk(), ("conversation.create", {}), places=()) is None
    assert await ask(Desk(), ("conversation.create", {}), places=("gone",)) is None


async def test_several_of_one_mark_are_counted() -> None:
    desk = Desk()
    desk.shows |= {"/conversation/t": desk.conversation, "/conversation/t/messages": []}
    found = await ask(desk, ("conversation.create", {}), places=("s", "t"))
    assert found is not None
    assert (found.receipt.values, found.others) == ({"id": "s"}, 1)


# ---- messages --------------------------------------------------------------------------------------------------------


async def test_a_message_that_is_not_there_is_asked_for_once_more_by_itself() -> None:
    desk = Desk()
    assert await ask(desk, say()) is None
    assert desk.asked[-1] == "/conversation/s/message/77"
    desk.shows["/conversation/s/message/77"] = TEXT  # a page did not show it
    found = await ask(desk, say())
    assert found is not None
    assert found.same


@pytest.mark.parametrize(
    ("there", "changed"),
    [
        ({}, set()),
        ({"content": "helo"}, {"content"}),
        ({"timestamp": 6}, {"timestamp"}),
        ({"from": "user"}, {"from"}),
        ({"type": "note"}, {"type"}),
        ({"automated": True}, {"automated"}),
        ({"properties": {}}, {"properties"}),
        ({"user": {"type": "website", "nickname": "Ann", "user_id": "u2"}}, {"user.user_id"}),
        ({"user": {"type": "website", "nickname": "Ann Renamed", "user_id": "u1", "avatar": "a"}}, set()),
        ({"edited": True, "read": "chat", "preview": [1]}, set()),
    ],
)
async def test_a_message_is_the_same_or_what_differs_is_taken_for_an_older_state(
    there: Json, changed: set[str]
) -> None:
    desk = Desk()
    desk.say(**there)
    found = await ask(desk, say())
    assert found is not None
    assert found.receipt.values == {"id": "77", "session": "s"}
    assert found.same == (not changed)
    wanted = await ask(_clean(), say())
    assert wanted is not None
    assert said_changes(wanted.receipt.written, found.receipt.written) == changed


def _clean() -> Desk:
    desk = Desk()
    desk.say()
    return desk


async def test_the_kept_e_mail_is_believed_where_there_is_one() -> None:
    for original, same in (({"original_id": "o"}, True), (None, False)):
        desk = Desk()
        desk.say(**({"original": original} if original else {}))
        found = await ask(desk, say(original={"type": "text/html", "content": "<p>"}))
        assert found is not None
        assert found.same is same


# ---- what stands around them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meta", "data", "same"),
    [
        ({}, {}, True),
        ({}, {"source_updated_at": "2026-01-01"}, True),  # a new message moves it: no change of its own
        ({"segments": ["late", "mig", "vip"]}, {"fruit": "plum"}, True),  # somebody's own
        ({"subject": "The agent's own"}, {}, True),  # the source says nothing new of it since
        ({"segments": ["mig"]}, {}, True),
        ({}, {"plan": "silver"}, True),
        ({"subject": "As it was"}, {"source_updated_at": "2026-01-01"}, False),
        ({"segments": ["mig"]}, {"source_updated_at": "2026-01-01"}, False),
        ({}, {"plan": "silver", "source_updated_at": "2026-01-01"}, False),
        ({"nickname": "Her old name"}, {}, False),  # of the contact, which may have changed alone
        ({}, {"source_status": "open"}, False),
        ({}, {"source_snooze_until": "2026-01-03"}, False),  # ours by its name, and not wanted any more
    ],
)
async def test_metas_differ_where_the_source_changed_and_not_where_agents_did(
    meta: Json, data: Json, same: bool
) -> None:
    found = await ask(Desk(**meta, data={**WANTED, **data}), META_CALL)
    assert found is not None
    assert found.same is same


@pytest.mark.parametrize(
    ("state", "status", "same"),
    [("resolved", "done", True), ("unresolved", "done", True), ("unresolved", "open", False), ("pending", "x", False)],
)
async def test_a_state_is_an_agents_where_the_source_still_says_the_same(state: str, status: str, same: bool) -> None:
    desk = Desk(data={**WANTED, "source_status": status})
    desk.conversation["state"] = state
    found = await ask(desk, ("conversation.state", {"session": "s", "state": "resolved"}))
    assert found is not None
    assert found.same is same


@pytest.mark.parametrize(
    ("assigned", "by", "same"),
    [("u1", "Ann", True), ("u2", "Ann", True), ("u2", "Ben", False), (None, "Ann", None)],
)
async def test_an_assignment_is_an_agents_where_the_source_still_says_the_same(
    assigned: str | None, by: str, same: bool | None
) -> None:
    desk = Desk(data={**WANTED, "source_assignee": by})
    desk.conversation["assigned"] = {"user_id": assigned} if assigned else {}
    routing = ("conversation.routing", {"session": "s", "assigned": {"user_id": "u1"}, "silent": True})
    found = await ask(desk, META_CALL, routing)
    assert (found.same if found else None) is same


async def test_what_a_killed_run_had_no_time_to_say_is_said() -> None:
    read = ("conversation.read", {"session": "s", "from": "user", "origin": "chat", "fingerprints": [77]})
    state = ("conversation.state", {"session": "s", "state": "resolved"})
    for mark, is_said in (("chat", True), ("", False), (None, True)):
        desk = Desk()
        desk.conversation["state"] = "unresolved"
        desk.say(**{"from": "user", "read": mark} if mark is not None else {"from": "user"})
        assert (await ask(desk, read) is not None) is is_said
        found = await ask(desk, state)
        assert found is not None
        assert found.same is is_said


# ---- profiles --------------------------------------------------------------------------------------------------------

PROFILE: Json = {
    "email": "nora@example.org",
    "person": {"nickname": "Nora", "phone": "+49"},
    "notepad": f"2026-01-01T00:00:00.000+00:00 Ann (n1):\nIs nice.\n\n{birth_line(ORIGIN, mig.Ref(mig.CONTACT, 'p1'))}",
    "segments": ["late"],
    "active": 1000,
}
DATA: Json = {"source": ORIGIN, "source_id": "p1", "source_ids": "p1,p2", "plan": "gold"}


@pytest.mark.parametrize(
    ("there", "same"),
    [
        ({}, True),
        ({"active": 2000, "segments": ["vip", "late"]}, True),
        ({"active": 500}, True),  # what moves by itself is no change
        ({"person": {"nickname": "Nora", "phone": "+49", "description": "met at the fair"}}, True),
        ({"email": "NORA@example.org", "notepad": "Mine.\n\n" + str(PROFILE["notepad"])}, True),
        ({"person": {"nickname": "Old", "phone": "+49"}}, False),
        ({"person": {"nickname": "Nora"}}, False),
        ({"segments": []}, False),
        ({"notepad": str(PROFILE["notepad"]).replace("nice", "mean")}, False),
    ],
)
async def test_a_profile_with_our_mark_of_birth_is_ours(there: Json, same: bool) -> None:
    desk = Desk()
    desk.profile(**{**PROFILE, **there})
    for places in (("p",), ()):
        found = await ask(desk, ("people.create", {"profile": PROFILE}), unit=PERSON, places=places)
        assert found is not None
        assert (found.receipt.values, found.receipt.origin) == ({"id": "p", "origin": "created"}, mig.Origin.CREATED)
        assert found.same is same


async def test_a_profile_without_it_was_there_before_us_or_has_nothing_of_ours() -> None:
    for data, notepad, expected in (
        (DATA, "", mig.Origin.ADOPTED),
        ({**DATA, "source": f"{ORIGIN}~canary-1"}, "", None),
        ({}, "", None),
        (DATA, birth_line("other:org", mig.Ref(mig.CONTACT, "p1")), None),
        (DATA, birth_line(ORIGIN, mig.Ref(mig.CONTACT, "somebody")), None),
    ):
        desk = Desk()
        theirs = {"person": {"nickname": "Theirs", "phone": "1"}, "segments": ["late"], "active": 1}
        desk.profile(people_data=data, notepad=notepad, **theirs)
        wanted = {**PROFILE, "notepad": birth_line(ORIGIN, mig.Ref(mig.CONTACT, "p1"))}
        found = await ask(desk, ("people.create", {"profile": wanted}), unit=PERSON, places=())
        assert (found.receipt.origin if found else None) == expected
        assert found is None or found.same  # what is there already is theirs


@pytest.mark.parametrize(
    ("there", "origin", "same"),
    [
        (DATA, "created", True),
        ({**DATA, "fruit": "plum"}, "created", True),
        ({**DATA, "plan": "silver"}, "created", False),
        ({**DATA, "plan": "silver"}, "adopted", True),
        ({**DATA, "source_ids": "p1"}, "adopted", False),
        ({**DATA, "birthday": "1990-01-01"}, "created", False),
        ({}, "created", None),
    ],
)
async def test_people_data(there: Json, origin: str, same: bool | None) -> None:
    desk = Desk()
    desk.profile(people_data=there)
    body = {"people_id": "p", "origin": origin, "data": DATA}
    found = await ask(desk, ("people.data", body), unit=PERSON)
    assert (found.same if found else None) is same


@pytest.mark.parametrize(("line", "same"), [("Is nice.", True), ("Is nicer.", False)])
async def test_a_note_on_a_notepad(line: str, same: bool) -> None:
    desk = Desk()
    desk.profile(**PROFILE)
    head = "2026-01-01T00:00:00.000+00:00 Ann"
    found = await ask(desk, ("people.note", {"people_id": "p", "id": "n1", "line": f"{head} (n1):\n{line}"}))
    assert found is not None
    assert found.same is same
    other = ("people.note", {"people_id": "p", "id": "n2", "line": f"{head} (n2):\nMore."})
    assert await ask(desk, other) is None


# ---- files -----------------------------------------------------------------------------------------------------------

UPLOAD = ("bucket.upload", {"file": {}, "name": "a [1].png", "type": "image/png"})
MARK = {"properties": {"source": ORIGIN, "source_id": "attachment/f1", "source_parent": "message/m1"}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"name": "a [1].png", "url": "https://x/1", "type": "image/png"}, ("https://x/1", "", True)),
        ({"name": "b.png", "url": "https://x/1", "type": "image/png"}, ("https://x/1", "", False)),
        ("[a _1_.png](https://x/%281%29)", ("https://x/%281%29", "", True)),
        ("[file: a [1].png: it is larger: too large [5 MB]]", ("", "it is larger: too large [5 MB]", True)),
        ("[b.png](https://x/1)", None),
        ({"name": "a [1].png", "type": "image/png"}, None),
        ("something else", None),
    ],
)
async def test_where_a_file_went_is_told_by_what_names_it(content: Any, expected: tuple[str, str, bool] | None) -> None:
    desk = Desk()
    desk.say(content=content, **MARK)
    found = await ask(desk, UPLOAD)
    values = found and (found.receipt.values["url"], found.receipt.values["why"], found.same)
    assert values == expected
    assert found is None or found.receipt.declined == found.receipt.values["why"]


async def test_a_file_of_a_note_on_a_notepad_is_told_by_its_block() -> None:
    desk = Desk(data=WANTED)
    block = "2026-01-01T00:00:00.000+00:00 Ann (f1):\n[a _1_.png](https://x/1)"
    desk.profile(**{**PROFILE, "notepad": f"{block}\n\n{birth_line(ORIGIN, mig.Ref(mig.CONTACT, 'p1'))}"})
    note = ("people.note", {"people_id": "p", "id": "n1", "line": "2026-01-01T00:00:00.000+00:00 Ann (n1):\nx"})
    for calls, unit, places in (((UPLOAD,), PERSON, ("p",)), ((note, UPLOAD), UNIT, ())):
        found = await ask(desk, *calls, unit=unit, places=places)
        assert found is not None
        assert found.receipt.values == {"url": "https://x/1", "why": ""}
    assert await ask(desk, UPLOAD, places=()) is None


async def test_a_file_in_a_folder_that_is_served_elsewhere_now_is_another() -> None:
    desk = Desk()
    desk.say(content={"name": "a [1].png", "url": "https://old/1", "type": "image/png"}, **MARK)
    for at, same in (("https://old/", True), ("https://new", False), ("https://ol", False)):
        found = await ask(desk, ("folder.copy", {**UPLOAD[1], "folder": "folder:x", "at": at}))
        assert found is not None
        assert found.same is same


# ---- the view a run has of it ----------------------------------------------------------------------------------------


class Told(StormTarget):
    """A target that can be adopted from, whose answers are given."""

    stands = (mig.CONVERSATION,)

    def __init__(self, answer: Any) -> None:
        super().__init__(VirtualClock())
        self.answer = answer

    def walk(self, kind: mig.Kind, checkpoint: bytes | None) -> Any:
        raise NotImplementedError

    def expect(self, unit: mig.Unit, look: mig.Lookup) -> mig.Expected:
        raise NotImplementedError

    async def adopt(self, call: mig.Call, origin: str, places: Any) -> mig.Adopted | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return None


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(None, Absent), (mig.Unclear("reset"), mig.NotApplied), (mig.Rejected("400", ""), mig.Refused)],
)
async def test_what_cannot_be_told_is_never_taken_for_absent(answer: Any, raised: type[Exception]) -> None:
    view = AdoptingTarget(Told(answer), "crisp", ORIGIN)
    call = mig.Call(UNIT, mig.Operation(name="op", verb="v", effect=mig.Effect.PUT, body={}), {})
    with pytest.raises(raised):
        await view.look(call)
    with pytest.raises(mig.Refused):
        await view.send([call])


def test_a_target_that_cannot_tell_is_refused() -> None:
    with pytest.raises(mig.Usage, match="cannot tell"):
        AdoptingTarget(StormTarget(VirtualClock()), "storm", ORIGIN)


class Listed:
    """A list of three pages that breaks off once."""

    stands = (mig.CONVERSATION,)

    def __init__(self) -> None:
        self.begun: list[bytes | None] = []

    async def walk(self, kind: mig.Kind, checkpoint: bytes | None) -> Any:
        self.begun.append(checkpoint)
        for page in range(int(checkpoint or b"0"), 3):
            if page == 2 and len(self.begun) == 1:
                raise mig.Unclear("reset")
            rows = [
                mig.Present(kind=kind, target_id=f"t{page}", sources=[mig.Ref(kind, "a")]),
                mig.Present(kind=kind, target_id=f"u{page}"),
            ]
            yield mig.Standing(rows, str(page + 1).encode())

    def expect(self, unit: mig.Unit, look: mig.Lookup) -> mig.Expected:
        raise NotImplementedError


async def test_places_are_walked_to_the_end_and_kept_in_order() -> None:
    places, listed, told = Places(), Listed(), []
    await places.fill(listed, VirtualClock(), lambda: False, lambda kind, rows: told.append((kind, rows)))
    assert listed.begun == [None, b"2"]
    assert told == [("conversation there", 2)] * 3
    assert places.find([mig.Ref(mig.CONVERSATION, "b"), mig.Ref(mig.CONVERSATION, "a")]) == ["t0", "t1", "t2"]
    places.close()
