"""What stands in a workspace of an operation whose journal is lost: told by our marks, and nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from mig import CONTACT, Adopted, Call, Origin, Receipt, UnitKey, digest
from mig_crisp.client import CrispClient, segment
from mig_crisp.data import RESERVED_CONVERSATION, RESERVED_PEOPLE
from mig_crisp.marks import born_from
from mig_crisp.notepad import block_of, with_block
from mig_crisp.people import line_of, merge_changes
from mig_crisp.render_files import as_link, in_words
from mig_crisp.render_thread import STATES
from mig_crisp.threads import message_of, rename_changes, said, said_changes
from mig_crisp.written import as_standing, digests, merged_data

_KEPT = 128
"""Threads and profiles that are not read again; more than are looked at at the same time."""
_REMEMBERED = 2_000
Row = Mapping[str, Any]


class _Thread(Struct):
    """A conversation as it stands."""

    session: str
    shown: Row
    rows: dict[int, Row]
    """By fingerprint."""
    files: dict[str, Row]
    """What bears the mark of an attachment, by its ref."""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """Its data as they are wanted, once its metas were looked at."""

    @property
    def data(self) -> Row:
        """Its custom data."""
        return _mapping(_mapping(self.shown.get("meta")).get("data"))


class _Person(Struct):
    """A profile as it stands."""

    people_id: str
    profile: Row
    data: Row

    @property
    def notepad(self) -> str:
        """Its notes, ours and others'."""
        return str(self.profile.get("notepad") or "")


class Adoption:
    """Looks for the effects of operations. One reading of a thread or profile serves all operations of its unit.

    Args:
        client: Talks to the workspace.
    """

    def __init__(self, client: CrispClient) -> None:
        self._client = client
        self._threads: OrderedDict[str, _Thread | None] = OrderedDict()
        self._people: OrderedDict[str, _Person | None] = OrderedDict()
        self._noted: OrderedDict[UnitKey, str] = OrderedDict()
        """The profile that a unit's operations named last: files of its notes stand on that notepad."""

    async def adopt(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        """As `CanAdopt` says."""
        verb = call.op.verb
        if verb == "conversation.create":
            return await self._birth(origin, places)
        if verb in ("bucket.upload", "folder.copy"):
            return await self._upload(call, origin, places)
        if verb == "people.create":
            return await self._profile(call, origin, places)
        if verb.startswith("people."):
            return await self._of_person(call)
        thread = await self._thread(str(call.body["session"]))
        return await self._of_thread(call, thread) if thread is not None else None

    # ---- conversations -------------------------------------------------------------------------------------------

    async def _birth(self, origin: str, places: Sequence[str]) -> Adopted | None:
        found = await self._ours(origin, places)
        if not found:
            return None
        return Adopted(receipt=Receipt({"id": found[0].session}), same=True, others=len(found) - 1)

    async def _ours(self, origin: str, places: Sequence[str]) -> list[_Thread]:
        """Those of these conversations that bear a mark of this origin: a canary of the same has another."""
        threads = [await self._thread(place) for place in places]
        return [thread for thread in threads if thread is not None and thread.data.get("source") == origin]

    async def _of_thread(self, call: Call, thread: _Thread) -> Adopted | None:
        verb = call.op.verb
        if verb in ("conversation.message", "conversation.file"):
            return await self._said(call, thread)
        if verb == "conversation.meta":
            return _metas(_mapping(call.body["meta"]), thread)
        body = {key: value for key, value in call.body.items() if key != "session"}
        if verb == "conversation.read":
            return Adopted(receipt=Receipt({"id": thread.session}, written=digests(body)), same=True)
        if verb == "conversation.state":
            # Our own word for what its state was when we wrote it last stands in its data.
            ours = STATES.get(str(thread.data.get("source_status")), "unresolved")
            return _put(thread, body, "state", thread.shown.get("state"), is_theirs=ours == body["state"])
        name, key = ("assigned", "source_assignee") if verb == "conversation.routing" else ("inbox_id", "source_queue")
        found = thread.shown.get(name)
        if not found:
            return None
        is_theirs = not thread.wanted or thread.wanted.get(key) == thread.data.get(key)
        return _put(thread, body, name, found, is_theirs=is_theirs)

    async def _said(self, call: Call, thread: _Thread) -> Adopted | None:
        """A message by its fingerprint; that it is nowhere is asked for once more, by itself."""
        message = message_of(call.body)
        number = int(message["fingerprint"])
        row = thread.rows.get(number)
        if row is None:
            row = await self._client.get(f"/conversation/{thread.session}/message/{number}")
            if not isinstance(row, Mapping):
                return None
        wanted = said(thread.session, message)
        written = said(thread.session, _as_said(message, row)).written
        same = not said_changes(wanted.written, written)
        return Adopted(receipt=Receipt(wanted.values, written=wanted.written if same else written), same=same)

    async def _thread(self, session: str) -> _Thread | None:
        if session not in self._threads:
            shown = await self._client.get(f"/conversation/{segment(session)}")
            rows = await self._messages(session) if isinstance(shown, Mapping) else []
            by_mark = {str(_mapping(row.get("properties")).get("source_id")): row for row in reversed(rows)}
            numbers = {int(row["fingerprint"]): row for row in reversed(rows)}
            thread = _Thread(session, shown, numbers, by_mark) if isinstance(shown, Mapping) else None
            _keep(self._threads, session, thread, _KEPT)
        return self._threads[session]

    async def _messages(self, session: str) -> list[Row]:
        """All pages, oldest first."""
        rows: dict[tuple[int, int], Row] = {}
        before: int | None = None
        while True:
            query = {"timestamp_before": before} if before is not None else None
            page = await self._client.get(f"/conversation/{segment(session)}/messages", query) or []
            fresh = {key: row for row in page if isinstance(row, Mapping) and (key := _place(row)) not in rows}
            if not fresh:
                return [rows[key] for key in rows]
            rows = {**fresh, **rows}
            earliest = min(time for time, _ in fresh)
            # One more than the earliest: equal times may straddle the page, and the mark itself may be left out.
            before = earliest + 1 if before != earliest + 1 else earliest

    # ---- profiles ------------------------------------------------------------------------------------------------

    async def _profile(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        wanted = _mapping(call.body["profile"])
        ids = frozenset(ref.id for ref in call.op.carries if ref.kind == CONTACT)
        found = [person for place in places if (person := await self._person(place)) and _origin(person, origin, ids)]
        if not found:  # an adopted one bears our mark in its data only, which no list shows
            shown = await self._client.get(f"/people/profile/{segment(str(wanted['email']))}")
            person = await self._person(str(shown["people_id"])) if isinstance(shown, Mapping) else None
            found = [person] if person is not None and _origin(person, origin, ids) else []
        if not found:
            return None
        first = found[0]
        _keep(self._noted, call.unit, first.people_id, _REMEMBERED)
        made = _origin(first, origin, ids)
        assert made is not None
        values = {"id": first.people_id, "origin": str(made)}
        written, same = _like(wanted, first.profile, adopted=made == Origin.ADOPTED)
        return Adopted(receipt=Receipt(values, made, written=written), same=same, others=len(found) - 1)

    async def _of_person(self, call: Call) -> Adopted | None:
        people_id, verb = str(call.body["people_id"]), call.op.verb
        _keep(self._noted, call.unit, people_id, _REMEMBERED)
        if verb == "people.subscription":
            found = _mapping(await self._client.get(f"/people/subscription/{segment(people_id)}"))
            same = found.get("email") == call.body["email"]
            return Adopted(receipt=Receipt({"id": people_id}), same=True) if same else None
        person = await self._person(people_id)
        if person is None:
            return None
        if verb == "people.data":
            return _data(_mapping(call.body["data"]), person, adopted=call.body.get("origin") == Origin.ADOPTED)
        if block_of(person.notepad, str(call.body["id"])) is None:
            return None
        same = with_block(person.notepad, line_of(call.body)) == person.notepad
        return Adopted(receipt=Receipt({"id": people_id}), same=same)

    async def _person(self, people_id: str) -> _Person | None:
        if people_id not in self._people:
            profile = await self._client.get(f"/people/profile/{segment(people_id)}")
            person = None
            if isinstance(profile, Mapping):
                found = _mapping(await self._client.get(f"/people/data/{segment(people_id)}"))
                person = _Person(people_id, profile, _mapping(found.get("data")))
            _keep(self._people, people_id, person, _KEPT)
        return self._people[people_id]

    # ---- files ---------------------------------------------------------------------------------------------------

    async def _upload(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        """Where the bytes went: what names their file in the thread, or on the notepad, says it."""
        (ref, *_) = call.op.carries
        name, of_person = str(call.body["name"]), call.unit.startswith(f"{CONTACT}:")
        threads = [] if of_person else await self._ours(origin, places)
        for thread in threads:
            row = thread.files.get(str(ref))
            if row is not None:
                return _moved(call, row.get("content"), name)
        people = [self._noted.get(call.unit, ""), *(places if of_person else ())]
        people += [str(thread.shown.get("people_id") or "") for thread in threads]
        for people_id in dict.fromkeys(filter(None, people)):
            person = await self._person(people_id)
            block = block_of(person.notepad, ref.id) if person is not None else None
            if block is not None:
                return _moved(call, block.partition("\n")[2], name)
        return None


def _metas(wanted: Mapping[str, Any], thread: _Thread) -> Adopted:
    """Metas: while the source's conversation is as old as we said of it, what differs in them is others' edit."""
    now = _mapping(thread.shown.get("meta"))
    thread.wanted = _mapping(wanted.get("data"))
    told = thread.data.get("source_updated_at")
    still = bool(told) and told == thread.wanted.get("source_updated_at")

    def is_theirs(name: str) -> bool:
        kind, _, key = name.partition(".")
        own = name == "subject" or kind == "segments" or (kind == "data" and not _is_ours(key, RESERVED_CONVERSATION))
        return still and own

    written = {**as_standing(wanted, now, is_theirs), **_dropped(thread.wanted, thread.data, RESERVED_CONVERSATION)}
    # When the source moved something last is no change of its own.
    held = {**thread.wanted, "source_updated_at": told} if told else thread.wanted
    changes = _really(rename_changes({**wanted, "data": held}, now, written), now)
    return Adopted(receipt=Receipt({"id": thread.session}, written=written), same=not changes)


def _put(thread: _Thread, body: Mapping[str, Any], name: str, found: object, *, is_theirs: bool) -> Adopted:
    """State, assignment, inbox: wanted, or as somebody in the desk wants it, or as it was at the source before."""
    same = is_theirs or found == body[name]
    written = digests(body) if same else {**digests(body), name: digest(found)}
    return Adopted(receipt=Receipt({"id": thread.session}, written=written), same=same)


def _as_said(message: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """A message as it stands, in the form in which it is sent; what no reading shows is as it is wanted."""
    now = {name: row[name] for name in message if name in row and name not in ("user", "original")}
    user, there = _mapping(message.get("user")), _mapping(row.get("user"))
    if "stealth" in message:
        now["stealth"] = message["stealth"]
    if "original" in message and row.get("original"):
        now["original"] = message["original"]
    if row.get("automated"):
        now["automated"] = True
    elif "automated" in now:
        del now["automated"]
    if user:
        now["user"] = {name: there.get(name) for name in user}
    return now


def _like(wanted: Mapping[str, Any], now: Row, *, adopted: bool) -> tuple[dict[str, str], bool]:
    """What we wrote last of a profile, as far as it shows, and whether it is as it is wanted.

    Of an adopted one what was there is others'. When somebody was active last is no change of theirs.
    """

    def is_theirs(name: str) -> bool:
        if name == "notepad":  # its blocks are compared one by one
            return True
        if name == "email":
            return str(now.get("email") or "").casefold() == str(wanted["email"]).casefold()
        if name == "active":
            return _number(now.get("active")) > _number(wanted["active"])
        return adopted and _stands(name, now)

    written = as_standing(wanted, now, is_theirs)
    held = {**wanted, "active": now["active"]} if "active" in wanted and now.get("active") else wanted
    changes = _really(merge_changes(held, now, written, adopted=adopted), now)
    return written, not changes


def _data(wanted: Mapping[str, Any], person: _Person, *, adopted: bool) -> Adopted | None:
    if not wanted.keys() & person.data.keys():
        return None

    def is_theirs(name: str) -> bool:
        key = name.partition(".")[2]
        return adopted and key in person.data and not _is_ours(key, RESERVED_PEOPLE)

    written = as_standing({"data": wanted}, {"data": person.data}, is_theirs)
    written |= _dropped(wanted, person.data, RESERVED_PEOPLE)
    same = merged_data(wanted, person.data, written) == dict(person.data)
    return Adopted(receipt=Receipt({"id": person.people_id}, written=written), same=same)


def _moved(call: Call, content: object, name: str) -> Adopted | None:
    """Where a file went, or why it did not, as its message, note or block says it."""
    if isinstance(content, Mapping):
        url, same = (
            str(content.get("url") or ""),
            content.get("name") == name and content.get("type") == call.body["type"],
        )
        return Adopted(receipt=Receipt({"url": url, "why": ""}), same=same and _is_at(url, call)) if url else None
    text = str(content).strip()
    head = in_words(name, "").removesuffix("]")
    if text.startswith(head) and text.endswith("]"):
        why = text[len(head) : -1]
        return Adopted(receipt=Receipt({"url": "", "why": why}, declined=why), same=True)
    link = as_link(name, "").removesuffix(")")
    url = text[len(link) : -1]
    if not text.startswith(link) or not text.endswith(")") or not url:
        return None  # another name is another file
    return Adopted(receipt=Receipt({"url": url, "why": ""}), same=_is_at(url, call))


def _is_at(url: str, call: Call) -> bool:
    """Whether a file of a folder is where that is served now."""
    return call.op.verb != "folder.copy" or url.startswith(f"{str(call.body['at']).rstrip('/')}/")


def _origin(person: _Person, origin: str, ids: frozenset[str]) -> Origin | None:
    """Who made a profile of one of these contacts; None: nothing there says that we have written to it."""
    born = born_from(person.notepad)
    if born is not None and born[0] == origin and born[1].kind == CONTACT and born[1].id in ids:
        return Origin.CREATED
    if born is None and person.data.get("source") == origin and ids & _ids(person.data):
        return Origin.ADOPTED
    return None


def _ids(data: Row) -> set[str]:
    """The contacts that people data name as theirs."""
    keys = [key for key in data if key == "source_id" or _base(key) == "source_ids"]
    return {name for key in keys for name in str(data[key]).split(",")}


def _dropped(wanted: Mapping[str, Any], now: Row, reserved: frozenset[str]) -> dict[str, str]:
    """Keys that are ours by their name, and not wanted any more."""
    gone = [key for key in now if key not in wanted and _is_ours(key, reserved)]
    return {f"data.{key}": digest(now[key]) for key in gone}


def _really(changes: Mapping[str, Any], now: Row) -> dict[str, Any]:
    """Changes without another order of the same segments."""
    same = set(changes.get("segments") or ()) == set(now.get("segments") or ())
    return {name: value for name, value in changes.items() if name != "segments" or not same}


def _is_ours(key: str, reserved: frozenset[str]) -> bool:
    return key in reserved or _base(key) in reserved


def _base(key: str) -> str:
    """The key of which this is a continuation (`source_ids_2`)."""
    base, _, number = key.rpartition("_")
    return base if number.isdigit() else key


def _stands(name: str, now: Row) -> bool:
    kind, _, key = name.partition(".")
    if kind == "segments":
        return key in (now.get("segments") or ())
    return bool(_mapping(now.get("person")).get(key) if kind == "person" else now.get(name))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _place(row: Row) -> tuple[int, int]:
    return int(row["timestamp"]), int(row["fingerprint"])


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _keep(cache: OrderedDict[Any, Any], key: object, value: object, most: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
