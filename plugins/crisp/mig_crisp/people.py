"""Sending to people profiles: created with our mark, adopted where they stand, revised without undoing others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from mig import Call, Clock, Origin, Receipt, Rejected, Unclear, digest
from mig_crisp.client import CrispClient, made_id, segment
from mig_crisp.marks import born_from
from mig_crisp.notepad import blocks_of, with_block
from mig_crisp.render_files import as_link, in_words
from mig_crisp.timeline import add_event, find_event
from mig_crisp.written import digests, merged_data, merged_fields, merged_person, merged_segments

_REMEMBERED = 1_000


class People:
    """Operations whose verb begins with `people.`.

    Args:
        client: Talks to the workspace.
        max_notepad: Characters of a notepad.
        clock: Measures how old our own writes are.
        read_lag_s: How long a read may lag behind a write.
        request_life_s: How long after it was sent a request may still take effect.
    """

    def __init__(
        self, client: CrispClient, max_notepad: int, clock: Clock, read_lag_s: float, request_life_s: float
    ) -> None:
        self._client = client
        self._max_notepad = max_notepad
        self._clock = clock
        self._read_lag_s = read_lag_s
        self._request_life_s = request_life_s
        self._began = clock.monotonic()
        self._written: dict[str, tuple[float, str]] = {}
        """Notepads as we wrote them, as long as a read may lag behind that."""
        self._open_at: dict[str, float] = {}
        """From when on a notepad may be read: what may have been written to it shows by then, or never."""
        # Notes of several threads go to one notepad, which is read, changed and written back.
        self._notepads: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, call: Call) -> Receipt:
        """One operation; `Rejected` and the rest come from the client."""
        if call.op.verb == "people.create":
            return await self._create(call)
        if call.op.verb == "people.event":
            return await add_event(self._client, call)
        path = f"/{_id(call)}"
        if call.op.verb == "people.data":
            return await self._data(call, {})
        if call.op.verb == "people.subscription":
            await self._client.write("PATCH", f"/people/subscription{path}", {"email": call.body["email"]})
            return Receipt({"id": _id(call)})
        return await self._note(call)

    async def find(self, call: Call) -> Receipt | None:
        """Whether a doubtful profile is there with our mark: only that proves its birth."""
        if call.op.verb == "people.event":
            return await find_event(self._client, call)
        profile = _mapping(call.body["profile"])
        found = await self._client.get(f"/people/profile/{segment(str(profile['email']))}")
        if not isinstance(found, dict) or not _is_ours(found, profile):
            return None
        return Receipt(_values(str(found["people_id"]), Origin.CREATED), written=digests(profile))

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same with another body; fields somebody edited since are left as they are. An event stays as it was."""
        if call.op.verb == "people.event":
            return msgspec.structs.replace(old, unchanged=True)
        if call.op.verb == "people.create":
            return await self._merge(call, old.values["id"], old.written, old.origin)
        if call.op.verb == "people.data":
            return await self._data(call, old.written)
        return await self.send(call)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """Remove a profile that our mark proves ours; its events go with it."""
        if verb == "people.event":
            return old.origin == Origin.CREATED
        if verb != "people.create" or old.origin != Origin.CREATED:
            return False
        found = await self._client.get(f"/people/profile/{old.values['id']}")
        if found is None:
            return True
        if born_from(str(found.get("notepad") or "")) is None or _is_edited(found, old.written):
            return False
        talks = await self._client.get(f"/people/conversations/{old.values['id']}/list/1")
        if talks:  # ours were taken back before: somebody talks with this person
            return False
        await self._client.write("DELETE", f"/people/profile/{old.values['id']}")
        return True

    async def _data(self, call: Call, ours: Mapping[str, str]) -> Receipt:
        """People data: ours beside theirs; on an adopted profile what stands there already is theirs."""
        wanted = _mapping(call.body["data"])
        adopted = call.body.get("origin") == Origin.ADOPTED
        if not ours and not adopted:
            await self._client.write("PATCH", f"/people/data/{_id(call)}", {"data": wanted})
            return Receipt({"id": _id(call)}, written=digests({"data": wanted}))
        found = await self._client.get(f"/people/data/{_id(call)}")
        now = _mapping(found.get("data")) if isinstance(found, dict) else {}
        data = merged_data(wanted, now, ours)
        if adopted and not ours:
            data |= now
        if data != now:
            await self._client.write("PUT", f"/people/data/{_id(call)}", {"data": data})
        return Receipt({"id": _id(call)}, written=digests({"data": wanted}), unchanged=data == now)

    async def _create(self, call: Call) -> Receipt:
        profile = _mapping(call.body["profile"])
        try:
            made = await self._client.write("POST", "/people/profile", profile)
        except Rejected as error:
            if error.field != "people_exists":
                raise
            found = await self._client.get(f"/people/profile/{segment(str(profile['email']))}")
            if not isinstance(found, dict):
                raise
            people_id = str(found["people_id"])
            if _is_ours(found, profile):  # ours, from a time the journal does not know: bring it to what is wanted
                return await self._merge(call, people_id, {}, Origin.CREATED)
            other, mine = born_from(str(found.get("notepad") or "")), born_from(str(profile.get("notepad") or ""))
            if other is not None and mine is not None and other[0] == mine[0]:
                raise Rejected(
                    f"the profile of {other[1]} has its e-mail address already",
                    "Two contacts came to share an address: merge them at the source, then run again.",
                    field="emails",
                ) from error
            return await self._merge(call, people_id, {}, Origin.ADOPTED)
        people_id = made_id(made, "people_id")
        self._wrote(people_id, profile)
        return Receipt(_values(people_id, Origin.CREATED), written=digests(profile))

    async def _merge(self, call: Call, people_id: str, ours: Mapping[str, str], origin: Origin) -> Receipt:
        """Bring a profile that stands there to what is wanted, without overwriting what others wrote."""
        wanted = _mapping(call.body["profile"])
        changes = merge_changes(wanted, await self._profile(people_id), ours, adopted=origin == Origin.ADOPTED)
        if changes:
            await self._change(people_id, changes)
        return Receipt(_values(people_id, origin), origin, unchanged=not changes, written=digests(wanted))

    async def _note(self, call: Call) -> Receipt:
        """A thread's note on its contact's notepad: once, however often it is sent."""
        people_id, line = _id(call), line_of(call.body)
        lock = self._notepads.setdefault(people_id, asyncio.Lock())
        async with lock:
            before = str((await self._profile(people_id)).get("notepad") or "")
            notepad = with_block(before, line)
            if len(notepad) > max(self._max_notepad, len(before)):
                raise Rejected("its contact's notepad is full", "Raise max_notepad, or leave notes in their threads.")
            if notepad != before:
                await self._change(people_id, {"notepad": notepad})
        return Receipt({"id": people_id}, unchanged=notepad == before)

    async def _profile(self, people_id: str) -> dict[str, Any]:
        """A profile as it stands, with the notepad as we wrote it last where a read may not show that yet.

        Notes of several threads follow each other on one notepad: each would write over the one before, and the first
        over our mark. What an earlier process wrote shows when the lag has passed since ours began.
        """
        if people_id not in self._written:
            shows = max(self._began + self._read_lag_s, self._open_at.get(people_id, 0.0))
            await self._clock.sleep(shows - self._clock.monotonic())
        self._open_at.pop(people_id, None)
        asked = self._clock.monotonic()  # an answer tells of when it was asked
        found = _mapping(await self._client.get(f"/people/profile/{people_id}"))
        when, notepad = self._written.get(people_id, (0.0, ""))
        if people_id in self._written and asked - when < self._read_lag_s:
            return {**found, "notepad": notepad}
        self._written.pop(people_id, None)
        return found

    async def _change(self, people_id: str, changes: Mapping[str, Any]) -> None:
        """Write fields of a profile; while nobody knows whether they arrived, nobody reads its notepad."""
        sent_at = self._clock.monotonic()
        try:
            await self._client.write("PATCH", f"/people/profile/{people_id}", changes)
        except Unclear:
            if "notepad" in changes:
                self._written.pop(people_id, None)
                self._open_at[people_id] = sent_at + self._request_life_s + self._read_lag_s
            raise
        self._wrote(people_id, changes)

    def _wrote(self, people_id: str, changes: Mapping[str, Any]) -> None:
        if "notepad" in changes:
            now = self._clock.monotonic()
            self._written[people_id] = (now, str(changes["notepad"]))
            if len(self._written) > _REMEMBERED:
                late = now - self._read_lag_s
                self._written = {key: (when, text) for key, (when, text) in self._written.items() if when > late}


def merge_changes(
    wanted: Mapping[str, Any], now: Mapping[str, Any], ours: Mapping[str, str], *, adopted: bool
) -> dict[str, Any]:
    """What to write so that a profile as it stands becomes what is wanted, and what others wrote stays.

    Args:
        wanted: The whole profile.
        now: As it stands.
        ours: What we wrote last, by digest.
        adopted: It was there before us.
    """
    plain = {key: value for key, value in wanted.items() if key not in ("email", "notepad", "person")}
    changes = merged_fields(plain, now, ours)
    if adopted:
        changes = {key: value for key, value in changes.items() if not now.get(key)}
    if not adopted and "email" in ours and ours["email"] != digest(wanted["email"]):
        changes["email"] = wanted["email"]
    person = merged_person(_mapping(wanted["person"]), _mapping(now.get("person")), ours, adopted=adopted)
    if person != _mapping(now.get("person")):
        changes["person"] = person
    notepad = _merged_notepad(str(wanted.get("notepad") or ""), str(now.get("notepad") or ""), adopted)
    if notepad != str(now.get("notepad") or ""):
        changes["notepad"] = notepad
    segments = merged_segments(wanted.get("segments") or [], now.get("segments") or [], ours)
    if segments != (now.get("segments") or []):
        changes["segments"] = segments
    return changes


def _is_edited(found: Mapping[str, Any], written: Mapping[str, str]) -> bool:
    """Whether somebody else has changed a profile since we wrote it, as far as it shows."""
    now = {name: found.get(name) for name in ("email", "segments", "company")}
    seen = digests({**now, "person": _mapping(found.get("person"))})
    changed = {name for name, value in seen.items() if name in written and written[name] != value}
    added = {name for name in seen if name.startswith("segments.") and name not in written}
    notepad = str(found.get("notepad") or "")
    blocks = blocks_of(notepad)
    above = notepad[: notepad.find(blocks[0])] if blocks else notepad.rstrip().rpartition("\n")[0]
    return bool(changed or added or above.strip())


def line_of(body: Mapping[str, object]) -> str:
    """A note's block, or that of a file: its head, and a link to it or why there is none."""
    line, file = str(body["line"]), _mapping(body.get("file"))
    if not file:
        return line
    return f"{line}\n{in_words(file) if file['why'] else as_link(str(file['name']), str(file['url']))}"


def _is_ours(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a profile carries the birth mark that the wanted one would carry."""
    mine = born_from(str(wanted.get("notepad") or ""))
    return mine is not None and born_from(str(found.get("notepad") or "")) == mine


def _values(people_id: str, origin: Origin) -> dict[str, str]:
    return {"id": people_id, "origin": str(origin)}


def _merged_notepad(wanted: str, now: str, adopted: bool) -> str:
    """Our blocks, new or as they are now, above the mark; an adopted notepad gets no mark of birth."""
    merged = now
    for block in blocks_of(wanted):
        merged = with_block(merged, block)
    mark = wanted.rstrip().rpartition("\n")[2]
    if not adopted and born_from(merged) is None:
        merged = f"{merged}\n\n{mark}".strip()
    return merged


def _id(call: Call) -> str:
    return str(call.body["people_id"])


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
