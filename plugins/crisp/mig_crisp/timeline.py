"""Custom objects as events of their contact's timeline, for who asks for them: they are dated now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mig import Call, CustomObject, Effect, FromReceipt, Operation, Receipt
from mig_crisp.client import CrispClient, segment
from mig_crisp.data import Value
from mig_crisp.marks import marker
from mig_crisp.render_files import REQUEST
from mig_crisp.text import clean

COLOR = "blue"
_LONGEST = 250
"""Characters of an event's text. [inferred: no limit is documented]"""


def events(objects: Sequence[CustomObject], origin: str) -> list[Operation]:
    """An event for each; its data bear our mark (docs/api/crisp.md, section 6)."""
    return [
        Operation(
            name=f"event/{record.ref.id}",
            verb="people.event",
            effect=Effect.CREATE,
            body={"people_id": FromReceipt("profile"), "text": _text(record), "data": _data(record, origin)},
            carries=(record.ref,),
            marker=marker(origin, record.ref, 1),
            cost=REQUEST,
        )
        for record in objects
    ]


def _text(record: CustomObject) -> str:
    title = clean(record.title).strip() or record.external_id or record.ref.id
    return f"{record.klass}: {title}"[:_LONGEST] if record.klass else title[:_LONGEST]


def _data(record: CustomObject, origin: str) -> dict[str, Value]:
    own: dict[str, Value] = {**record.custom, "source": origin, "source_id": str(record.ref)}
    if record.created_at is not None:
        own["source_created_at"] = record.created_at.isoformat(timespec="milliseconds")
    return own | ({"source_external_id": record.external_id} if record.external_id else {})


async def add_event(client: CrispClient, call: Call) -> Receipt:
    """Write one. The rest as `CrispClient.write`."""
    body = {"text": call.body["text"], "data": call.body["data"], "color": COLOR}
    await client.write("POST", f"/people/events/{segment(str(call.body['people_id']))}", body)
    return Receipt({"id": str(call.body["people_id"])})


async def find_event(client: CrispClient, call: Call) -> Receipt | None:
    """Whether one is there, by the mark in its data."""
    people_id, data = str(call.body["people_id"]), call.body["data"]
    wanted = data.get("source_id") if isinstance(data, Mapping) else None
    async for row in _events(client, people_id):
        found = row.get("data")
        if isinstance(found, Mapping) and found.get("source_id") == wanted:
            return Receipt({"id": people_id})
    return None


async def _events(client: CrispClient, people_id: str) -> AsyncIterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for number in range(1, 1_000):
        rows = await client.get(f"/people/events/{segment(people_id)}/list/{number}") or []
        fresh = [row for row in rows if isinstance(row, Mapping) and repr(row) not in seen]
        if not fresh:
            return
        seen.update(map(repr, fresh))
        for row in fresh:
            yield row
