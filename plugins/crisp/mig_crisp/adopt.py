"""What stands in a workspace of an operation whose journal is lost: told by our marks, and nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mig import ARTICLE, CONTACT, Adopted, Call, Origin, Receipt, UnitKey
from mig_crisp.adopt_looks import Person, Row, Thread, as_said, like, made_by, metas, moved, people_data, put
from mig_crisp.client import CrispClient, segment
from mig_crisp.help import HelpCentre
from mig_crisp.notepad import block_of, with_block
from mig_crisp.people import line_of
from mig_crisp.render_thread import STATES
from mig_crisp.teams import Teams
from mig_crisp.threads import message_of, said, said_changes
from mig_crisp.timeline import find_event
from mig_crisp.written import digests

_KEPT = 128
"""Threads and profiles that are not read again; more than are looked at at the same time."""
_REMEMBERED = 2_000


class Adoption:
    """Looks for the effects of operations. One reading of a thread or profile serves all operations of its unit.

    Args:
        client: Talks to the workspace.
        help_centre: Its help centre; None: it has none.
    """

    def __init__(self, client: CrispClient, help_centre: HelpCentre | None = None) -> None:
        self._client = client
        self._help = help_centre
        self._threads: OrderedDict[str, Thread | None] = OrderedDict()
        self._people: OrderedDict[str, Person | None] = OrderedDict()
        self._leaves_events = False
        """A changed state was seen to leave an event in its thread (docs/api/crisp.md, section 3)."""
        self._noted: OrderedDict[UnitKey, str] = OrderedDict()
        """The profile that a unit's operations named last: files of its notes stand on that notepad."""

    async def adopt(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        """As `CanAdopt` says."""
        verb = call.op.verb
        if verb == "conversation.create":
            return await self._birth(origin, places)
        if verb.startswith("help.") or call.unit.startswith(f"{ARTICLE}:"):
            return await self._help.adopt(call) if self._help is not None else None
        if verb == "team.create":
            team = await Teams(self._client).find(call)
            return Adopted(receipt=msgspec.structs.replace(team, origin=Origin.ADOPTED), same=True) if team else None
        if verb in ("bucket.upload", "folder.copy"):
            return await self._upload(call, origin, places)
        if verb == "people.event":
            event = await find_event(self._client, call)
            return Adopted(receipt=event, same=True) if event is not None else None
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

    async def _ours(self, origin: str, places: Sequence[str]) -> list[Thread]:
        """Those of these conversations that bear a mark of this origin: a canary of the same has another."""
        threads = [await self._thread(place) for place in places]
        return [thread for thread in threads if thread is not None and thread.data.get("source") == origin]

    async def _of_thread(self, call: Call, thread: Thread) -> Adopted | None:
        verb = call.op.verb
        if verb in ("conversation.message", "conversation.file"):
            return await self._said(call, thread)
        if verb == "conversation.meta":
            return metas(_mapping(call.body["meta"]), thread)
        body = {key: value for key, value in call.body.items() if key != "session"}
        if verb == "conversation.read":
            marks: Any = body["fingerprints"]
            said = Adopted(receipt=Receipt({"id": thread.session}, written=digests(body)), same=True)
            return said if thread.unread.isdisjoint(marks) else None
        if verb == "conversation.state":
            # Our own word for what its state was when we wrote it last stands in its data. A run that was killed before
            # it said so has left no event, and mostly not marked the messages read.
            ours = STATES.get(str(thread.data.get("source_status")), "unresolved")
            never = bool(thread.unread) or (self._leaves_events and not thread.has_events)
            is_theirs = ours == body["state"] and not never
            return put(thread, body, "state", thread.shown.get("state"), is_theirs=is_theirs)
        name, key = ("assigned", "source_assignee") if verb == "conversation.routing" else ("inbox_id", "source_queue")
        found = thread.shown.get(name)
        if not found:
            return None
        is_theirs = not thread.wanted or thread.wanted.get(key) == thread.data.get(key)
        return put(thread, body, name, found, is_theirs=is_theirs)

    async def _said(self, call: Call, thread: Thread) -> Adopted | None:
        """A message by its fingerprint; that it is nowhere is asked for once more, by itself."""
        message = message_of(call.body)
        number = int(message["fingerprint"])
        row = thread.rows.get(number)
        if row is None:
            row = await self._client.get(f"/conversation/{thread.session}/message/{number}")
            if not isinstance(row, Mapping):
                return None
        wanted = said(thread.session, message)
        written = said(thread.session, as_said(message, row)).written
        same = not said_changes(wanted.written, written)
        return Adopted(receipt=Receipt(wanted.values, written=wanted.written if same else written), same=same)

    async def _thread(self, session: str) -> Thread | None:
        if session not in self._threads:
            shown = await self._client.get(f"/conversation/{segment(session)}")
            rows = await self._messages(session) if isinstance(shown, Mapping) else []
            by_mark = {str(_mapping(row.get("properties")).get("source_id")): row for row in reversed(rows)}
            numbers = {int(row["fingerprint"]): row for row in reversed(rows)}
            events = any(row.get("type") == "event" for row in rows)
            self._leaves_events = self._leaves_events or events
            thread = Thread(session, shown, numbers, by_mark, events) if isinstance(shown, Mapping) else None
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
        found = [person for place in places if (person := await self._person(place)) and made_by(person, origin, ids)]
        if not found:  # an adopted one bears our mark in its data only, which no list shows
            shown = await self._client.get(f"/people/profile/{segment(str(wanted['email']))}")
            person = await self._person(str(shown["people_id"])) if isinstance(shown, Mapping) else None
            found = [person] if person is not None and made_by(person, origin, ids) else []
        if not found:
            return None
        first = found[0]
        _keep(self._noted, call.unit, first.people_id, _REMEMBERED)
        made = made_by(first, origin, ids)
        assert made is not None
        values = {"id": first.people_id, "origin": str(made)}
        written, same = like(wanted, first.profile, adopted=made == Origin.ADOPTED)
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
            return people_data(_mapping(call.body["data"]), person, adopted=call.body.get("origin") == Origin.ADOPTED)
        if block_of(person.notepad, str(call.body["id"])) is None:
            return None
        same = with_block(person.notepad, line_of(call.body)) == person.notepad
        return Adopted(receipt=Receipt({"id": people_id}), same=same)

    async def _person(self, people_id: str) -> Person | None:
        if people_id not in self._people:
            profile = await self._client.get(f"/people/profile/{segment(people_id)}")
            person = None
            if isinstance(profile, Mapping):
                found = _mapping(await self._client.get(f"/people/data/{segment(people_id)}"))
                person = Person(people_id, profile, _mapping(found.get("data")))
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
                return moved(call, row.get("content"), name)
        people = [self._noted.get(call.unit, ""), *(places if of_person else ())]
        people += [str(thread.shown.get("people_id") or "") for thread in threads]
        for people_id in dict.fromkeys(filter(None, people)):
            person = await self._person(people_id)
            block = block_of(person.notepad, ref.id) if person is not None else None
            if block is not None:
                return moved(call, block.partition("\n")[2], name)
        return None


def _place(row: Row) -> tuple[int, int]:
    return int(row["timestamp"]), int(row["fingerprint"])


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _keep(cache: OrderedDict[Any, Any], key: object, value: object, most: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
