"""Sending to people profiles: created with our mark, adopted where they stand, revised without undoing others."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from mig import Call, Origin, Receipt, Rejected
from mig_crisp.client import CrispClient, segment
from mig_crisp.marks import born_from
from mig_crisp.written import digests, merged_data, merged_fields, merged_segments


class People:
    """Operations whose verb begins with `people.`.

    Args:
        client: Talks to the workspace.
    """

    def __init__(self, client: CrispClient) -> None:
        self._client = client
        # Notes of several threads go to one notepad, which is read, changed and written back.
        self._notepads: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, call: Call) -> Receipt:
        """One operation; `Rejected` and the rest come from the client."""
        if call.op.verb == "people.create":
            return await self._create(call)
        path = f"/{_id(call)}"
        if call.op.verb == "people.data":
            data = _mapping(call.body["data"])
            await self._client.write("PATCH", f"/people/data{path}", {"data": data})
            return Receipt({"id": _id(call)}, written=digests({"data": data}))
        if call.op.verb == "people.subscription":
            await self._client.write("PATCH", f"/people/subscription{path}", {"email": call.body["email"]})
            return Receipt({"id": _id(call)})
        return await self._note(call)

    async def find(self, call: Call) -> Receipt | None:
        """Whether a doubtful profile is there with our mark: only that proves its birth."""
        profile = _mapping(call.body["profile"])
        found = await self._client.get(f"/people/profile/{segment(str(profile['email']))}")
        if not isinstance(found, dict) or not _is_ours(found, profile):
            return None
        return Receipt({"id": str(found["people_id"])}, written=digests(profile))

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same with another body; fields somebody edited since are left as they are."""
        if call.op.verb == "people.create":
            return await self._merge(call, old.values["id"], old.written, old.origin)
        if call.op.verb == "people.data":
            wanted = _mapping(call.body["data"])
            found = await self._client.get(f"/people/data/{_id(call)}")
            now = _mapping(found.get("data")) if isinstance(found, dict) else {}
            data = merged_data(wanted, now, old.written)
            await self._client.write("PUT", f"/people/data/{_id(call)}", {"data": data})
            return Receipt({"id": _id(call)}, written=digests({"data": wanted}))
        return await self.send(call)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """Remove a profile that our mark proves ours."""
        if verb != "people.create" or old.origin != Origin.CREATED:
            return False
        found = await self._client.get(f"/people/profile/{old.values['id']}")
        if found is None:
            return True
        if born_from(str(found.get("notepad") or "")) is None:
            return False
        await self._client.write("DELETE", f"/people/profile/{old.values['id']}")
        return True

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
            if _is_ours(found, profile):
                return Receipt({"id": people_id}, written=digests(profile))
            return await self._merge(call, people_id, {}, Origin.ADOPTED)
        return Receipt({"id": str(made["people_id"])}, written=digests(profile))

    async def _merge(self, call: Call, people_id: str, ours: Mapping[str, str], origin: Origin) -> Receipt:
        """Bring a profile that stands there to what is wanted, without overwriting what others wrote."""
        wanted = _mapping(call.body["profile"])
        found = await self._client.get(f"/people/profile/{people_id}")
        now = _mapping(found)
        adopted = origin == Origin.ADOPTED
        changes = merged_fields({k: v for k, v in wanted.items() if k not in ("email", "notepad", "person")}, now, ours)
        person = _filled_in(_mapping(wanted["person"]), _mapping(now.get("person")), adopted)
        if person != _mapping(now.get("person")):
            changes["person"] = person
        if adopted:
            changes = {key: value for key, value in changes.items() if not now.get(key) or key == "person"}
        notepad = _merged_notepad(str(wanted.get("notepad") or ""), str(now.get("notepad") or ""), adopted)
        if notepad != str(now.get("notepad") or ""):
            changes["notepad"] = notepad
        segments = merged_segments(wanted.get("segments") or [], now.get("segments") or [], ours)
        if segments != (now.get("segments") or []):
            changes["segments"] = segments
        if changes:
            await self._client.write("PATCH", f"/people/profile/{people_id}", changes)
        return Receipt({"id": people_id}, origin, written=digests(wanted))

    async def _note(self, call: Call) -> Receipt:
        """A thread's note on its contact's notepad: once, however often it is sent."""
        people_id, line = _id(call), str(call.body["line"])
        async with self._notepads[people_id]:
            found = _mapping(await self._client.get(f"/people/profile/{people_id}"))
            notepad = str(found.get("notepad") or "")
            if f"({call.body['id']}):" not in notepad:
                await self._client.write(
                    "PATCH", f"/people/profile/{people_id}", {"notepad": _with_block(notepad, line)}
                )
        return Receipt({"id": people_id})


def _is_ours(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a profile carries the birth mark that the wanted one would carry."""
    mine = born_from(str(wanted.get("notepad") or ""))
    return mine is not None and born_from(str(found.get("notepad") or "")) == mine


def _filled_in(wanted: Mapping[str, Any], now: Mapping[str, Any], adopted: bool) -> dict[str, Any]:
    """The person block: of an adopted profile only what is empty there is filled in."""
    merged = {key: value for key, value in now.items() if value is not None}
    for key, value in wanted.items():
        if not adopted or not merged.get(key):
            merged[key] = value
    return merged


def _merged_notepad(wanted: str, now: str, adopted: bool) -> str:
    """Our blocks that are not there yet, above the mark; an adopted notepad gets no mark of birth."""
    blocks = wanted.split("\n\n")[:-1]
    merged = now
    for block in blocks:
        head = block.split("\n", 1)[0]
        if head not in merged:
            merged = _with_block(merged, block)
    if not adopted and born_from(merged) is None:
        merged = f"{merged}\n\n{wanted.rsplit(chr(10), 1)[-1]}".strip()
    return merged


def _with_block(notepad: str, block: str) -> str:
    """A block put at the end, but before the mark of birth, which stays the last line."""
    if born_from(notepad) is None:
        return f"{notepad.rstrip()}\n\n{block}".strip()
    body, _, mark = notepad.rstrip().rpartition("\n")
    return f"{body.rstrip()}\n\n{block}\n\n{mark}".strip()


def _id(call: Call) -> str:
    return str(call.body["people_id"])


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
