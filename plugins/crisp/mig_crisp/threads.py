"""Sending to conversations: born empty, named, filled in order, marked read, routed, closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from mig import Call, Origin, Receipt, Rejected, digest
from mig_crisp.client import CrispClient, made_id, read_back
from mig_crisp.render_files import as_link, in_words
from mig_crisp.written import digests, merged_data, merged_fields, merged_segments

log = structlog.get_logger("mig.crisp")
_PUTS = {
    "conversation.read": "read",
    "conversation.routing": "routing",
    "conversation.inbox": "inbox",
    "conversation.state": "state",
}
_SAID = frozenset(("conversation.message", "conversation.file"))
_REMEMBERED = 1_000
_LISTED, _SPARE_PAGES = 50, 4
"""Conversations of a page; pages for what others began meanwhile."""
_LOOKS = frozenset(("user.nickname", "user.avatar"))
"""How an author is shown: a renamed agent is no reason to say years of messages again."""
_NO_EDIT = frozenset(("not_allowed", "method_not_allowed", "invalid_method", "route_not_found"))
"""Reasons by which the API says that this message cannot be edited at all (docs/api/crisp.md, section 4)."""


class Threads:
    """Operations whose verb begins with `conversation.`.

    Args:
        client: Talks to the workspace.
    """

    def __init__(self, client: CrispClient) -> None:
        self._client = client
        self._openings = 0
        self._last_opening = ""
        """A session that begins with our opening note: whether the inbox shows it is not known."""
        self._made = 0
        """Conversations, by this run."""
        self._births: dict[str, int] = {}
        """The newest of them, by their place among all."""
        self._last_birth = 0
        """Of the one that begins with our opening note."""

    async def send(self, call: Call) -> Receipt:
        """One operation; `Rejected` and the rest come from the client."""
        verb = call.op.verb
        if verb == "conversation.create":
            made = await self._client.write("POST", "/conversation", {}, creates=True)
            session = made_id(made, "session_id")
            self._made += 1
            self._births[session] = self._made
            while len(self._births) > _REMEMBERED:
                del self._births[next(iter(self._births))]
            return Receipt({"id": session})
        session = str(call.body["session"])
        if verb in _SAID:
            return await self._say(session, message_of(call.body))
        if verb == "conversation.meta":
            meta = _mapping(call.body["meta"])
            await self._client.write("PATCH", f"/conversation/{session}/meta", meta)
            return Receipt({"id": session}, written=digests(meta))
        body = {key: value for key, value in call.body.items() if key != "session"}
        await self._client.write("PATCH", f"/conversation/{session}/{_PUTS[verb]}", body)
        return Receipt({"id": session}, written=digests(body))

    async def find(self, call: Call) -> Receipt | None:
        """Whether a doubtful message is there, by its fingerprint (docs/api/crisp.md, section 4)."""
        session, message = str(call.body["session"]), message_of(call.body)
        found = await self._client.get(f"/conversation/{session}/message/{message['fingerprint']}")
        return said(session, message) if isinstance(found, dict) else None

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same with another body; what somebody edited since is left as it is."""
        verb = call.op.verb
        if verb == "conversation.create":
            return old
        session = str(call.body["session"])
        if verb in _SAID:
            return await self._rewrite(session, message_of(call.body), old)
        if verb == "conversation.meta":
            return await self._rename(session, _mapping(call.body["meta"]), old.written)
        if verb == "conversation.state" and await self._is_talked_in(session):
            return msgspec.structs.replace(old, unchanged=True)  # the desk works in it: its state is theirs
        if verb in ("conversation.routing", "conversation.inbox"):
            found = _mapping(await self._client.get(f"/conversation/{session}"))
            name = "assigned" if verb == "conversation.routing" else "inbox_id"
            if name in old.written and digest(found.get(name)) != old.written[name]:
                return msgspec.structs.replace(old, unchanged=True)  # somebody has assigned or moved it since
        return await self.send(call)

    async def undo(self, verb: str, old: Receipt) -> bool:
        """Remove a message or a conversation that we created; gone already is done."""
        if old.origin != Origin.CREATED:
            return False
        if verb == "conversation.create":
            if await self._is_talked_in(old.values["id"], whole=True):
                return False
            await self._remove(f"/conversation/{old.values['id']}")
        elif verb in _SAID:
            await self._remove(f"/conversation/{old.values['session']}/message/{old.values['id']}")
        return True

    async def conclude(self) -> list[str]:
        """Look whether a conversation that begins with our opening note shows in the list."""
        if not self._last_opening:
            return []
        if await self._is_listed(self._last_opening):
            return []
        return [
            f"conversations without a customer's message, which may not show in the inbox: {self._openings}; "
            "their segment finds them"
        ]

    async def _is_listed(self, session: str) -> bool:
        """Whether a list shows a conversation: among those this run made since, the newest of all."""
        for number in range(1, (self._made - self._last_birth) // _LISTED + _SPARE_PAGES + 1):
            rows = await self._client.get(f"/conversations/{number}", {"per_page": _LISTED, "order_date_created": 1})
            listed = [row.get("session_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            if session in listed:
                return True
            if not listed:
                break
        return False

    async def _say(self, session: str, message: dict[str, Any]) -> Receipt:
        await self._client.write("POST", f"/conversation/{session}/message", message)
        if message["from"] == "user" and message["type"] == "note":
            self._openings += 1
            if session in self._births:  # one of an earlier run may stand anywhere in the list
                self._last_opening, self._last_birth = session, self._births[session]
        return said(session, message)

    async def _rewrite(self, session: str, message: dict[str, Any], old: Receipt) -> Receipt:
        """Change a message where it stands; what the API cannot change there is said anew in its place.

        It asks first what stands there, so that it may be repeated after an unclear answer.
        """
        receipt = said(session, message)
        changed = said_changes(receipt.written, old.written)
        if old.written and not changed:
            return msgspec.structs.replace(receipt, unchanged=True)
        path = f"/conversation/{session}/message/{message['fingerprint']}"
        found = await self._client.get(path)
        if isinstance(found, dict) and changed <= {"content"}:
            if found.get("content") == message["content"]:
                return msgspec.structs.replace(receipt, unchanged=True)
            try:
                await self._client.write("PATCH", path, {"content": message["content"]}, may_refuse=True)
            except Rejected as error:
                if error.field not in _NO_EDIT:
                    raise  # the new text is refused: the old one stays
            else:
                return receipt
        if isinstance(found, dict):
            await self._remove(path)
        return await self._say(session, message)

    async def _is_talked_in(self, session: str, *, whole: bool = False) -> bool:
        """Whether somebody else has written in a conversation: a customer's new question must stay open.

        Args:
            session: Which.
            whole: Look at everything, not only at the latest page: what is removed is gone.
        """
        async for page in read_back(self._client, session):
            if any(row.get("type") != "event" and not _mapping(row.get("properties")).get("source_id") for row in page):
                return True
            if not whole:
                break
        return False

    async def _rename(self, session: str, meta: dict[str, Any], ours: Mapping[str, str]) -> Receipt:
        changes = rename_changes(meta, _mapping(await self._client.get(f"/conversation/{session}/meta")), ours)
        if changes:
            await self._client.write("PATCH", f"/conversation/{session}/meta", changes)
        return Receipt({"id": session}, unchanged=not changes, written=digests(meta))

    async def _remove(self, path: str) -> None:
        try:
            await self._client.write("DELETE", path)
        except Rejected as error:
            if not error.field.endswith("not_found"):
                raise


def rename_changes(meta: Mapping[str, Any], found: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """What to write so that metas as they stand become what is wanted, and what others wrote stays."""
    changes = merged_fields(meta, found, ours)
    data = merged_data(_mapping(meta.get("data")), _mapping(found.get("data")), ours)
    if data != _mapping(found.get("data")):
        changes["data"] = data
    segments = merged_segments(meta.get("segments") or [], found.get("segments") or [], ours)
    if segments != (found.get("segments") or []):
        changes["segments"] = segments
    return changes


def said_changes(new: Mapping[str, str], ours: Mapping[str, str]) -> set[str]:
    """The fields of a message that are to change, as far as it matters how it is shown."""
    changed = {name for name, value in new.items() if ours.get(name, "") != value}
    return (changed | (set(ours) - set(new))) - _LOOKS


def message_of(body: Mapping[str, object]) -> dict[str, Any]:
    """The message to send: a file with its address, a link to it where only text stands, or why it is not there."""
    message = _mapping(body["message"])
    original = _mapping(message.get("original"))
    if isinstance(original.get("content"), list):
        message["original"] = {**original, "content": "".join(map(_piece, original["content"]))}
    file = _mapping(body.get("file"))
    if not file:
        return message
    if file["why"]:
        message.pop("stealth", None)  # a note is never stealthy; where it is no note, `instead` says so
        return {**message, **_mapping(body["instead"]), "content": in_words(file)}
    if message["type"] == "note":
        return {**message, "content": as_link(str(file["name"]), str(file["url"]))}
    return {**message, "content": {"name": file["name"], "url": file["url"], "type": file["type"]}}


def _piece(piece: object) -> str:
    return piece if isinstance(piece, str) else str(_mapping(piece)["url"] or _mapping(piece)["else"])


def said(session: str, message: Mapping[str, Any]) -> Receipt:
    """What a message answers when it is said."""
    user = {f"user.{key}": value for key, value in _mapping(message.get("user")).items()}
    plain = {key: value for key, value in message.items() if key != "user"}
    return Receipt({"id": str(message["fingerprint"]), "session": session}, written=digests({**plain, **user}))


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
