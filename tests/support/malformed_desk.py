"""A Kustomer sandbox in a thread of this process whose answers can be spoilt on their way out."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from aiohttp import web

import mig
from desk_process import FAST
from desk_process import Sandbox as Place
from malformed import Damage
from malformed_rows import FIELDS, carrier, moment, row_id, sound, to, written
from mig.testing.sandbox import Handler, serving
from mig_kustomer.sandbox.clock import ORGANISATION_NOW
from mig_kustomer.sandbox.generate import generate
from mig_kustomer.sandbox.organisation import Organisation
from mig_kustomer.sandbox.server import Sandbox

OTHERS = 9999
"""The number of the sound rows that damaged ones refer to."""


@dataclass
class Spoiler:
    """Puts damaged rows in place of the sound ones, while it is on."""

    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is served instead of a row, by its id."""
    definitions: dict[str, str] = field(default_factory=dict)
    """What is served instead of a definition, by its name."""
    on: bool = False
    organisation: Organisation | None = None
    """Where the sound rows stand."""

    def heal(self, damages: Sequence[Damage]) -> None:
        """Correct rows at the source: they are sound from now on, and changed now.

        Of a file that changed only its message tells, where files are listed. Companies are shown right, and keep their
        date: only who names them asks for them.
        """
        self.on = False
        assert self.organisation is not None
        for one in damages:
            if one.kind == "attachments":
                self.organisation.touch("messages", row_id("messages", 9000 + one.number))
            elif one.kind not in ("companies", "metadata"):
                self.organisation.touch(one.kind, row_id(one.kind, one.number))

    def add(self, damages: Sequence[Damage]) -> None:
        """Take up damages."""
        for one in damages:
            if one.kind == "metadata":
                self.definitions[definition(one.number)] = one.rows[0]
            else:
                self.rows[row_id(one.kind, one.number)] = one.rows

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Spoil what the sandbox answers."""
        answer = await handler(request)
        if not self.on or not isinstance(answer, web.Response) or answer.status != 200:
            return answer
        if request.path.startswith("/_sandbox/") or answer.content_type != "application/json":
            return answer
        assert isinstance(answer.body, bytes)
        headers = {key: value for key, value in answer.headers.items() if key.lower().startswith("x-")}
        return web.Response(
            body=self._spoilt(json.loads(answer.body)), content_type="application/json", headers=headers
        )

    def _spoilt(self, document: dict[str, Any]) -> bytes:
        for name in ("data", "included"):
            held = document.get(name)
            if isinstance(held, list):
                document[name] = [f"\ue000{row}\ue000" for one in held for row in self._row(one)]
            elif isinstance(held, dict):
                document[name] = f"\ue000{self._row(held)[0]}\ue000"
        return written(document).encode()

    def _row(self, row: dict[str, Any]) -> Sequence[str]:
        properties = (row.get("attributes") or {}).get("properties")
        if row.get("type") == "metadata" and isinstance(properties, dict):
            for name in self.definitions.keys() & properties.keys():
                properties[name] = f"\ue000{self.definitions[name]}\ue000"
        return self.rows.get(row.get("id", ""), (written(row),))


def definition(number: int) -> str:
    """The name of a damaged definition of a customer's attribute."""
    return f"bad{number}Str"


def write_desk(path: Path, damages: Sequence[Damage], customers: int, seed: int) -> frozenset[str]:
    """Write a made-up organisation, and the sound form of every row that is to be damaged.

    Args:
        path: The dataset.
        damages: They say which rows.
        customers: Of the organisation.
        seed: It is made from.

    Returns:
        The ids of the organisation's own rows.
    """
    good = [(kind, row) for kind, row, _ in generate(customers, seed, tie=0, now=ORGANISATION_NOW)]
    for kind, row in good:
        if (kind, row.get("id")) == ("metadata", "customer"):
            made = {definition(one.number): sound("metadata", one.number) for one in damages if one.kind == "metadata"}
            row["attributes"]["properties"] |= made
    targets = [(one.kind, sound(one.kind, one.number)) for one in damages if one.kind != "metadata"]
    with path.open("w") as lines:
        for kind, row in (*good, *_beside(damages), *targets):
            lines.write(json.dumps({"kind": kind, "resource": row}) + "\n")
    return frozenset(str(row.get("id")) for _, row in good)


def _beside(damages: Sequence[Damage]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sound rows that damaged ones stand in, hang on or refer to, or that make them visible on the target."""
    for kind in ("customers", "companies", "users", "queues"):
        yield kind, sound(kind, OTHERS)
    numbers = {kind: [one.number for one in damages if one.kind == kind] for kind in FIELDS}
    for id_ in sorted({carrier(number) for kind in ("messages", "notes") for number in numbers[kind]}):
        yield "conversations", {**sound("conversations", OTHERS), "id": id_, "meta": {}}
        yield "messages", _message(id_.replace("cab", "cac"), id_)
    for number in numbers["conversations"]:
        yield "messages", _message(f"cad{number:021x}", row_id("conversations", number))
    for number in numbers["attachments"]:
        file = {"data": [{"type": "attachment", "id": row_id("attachments", number)}]}
        yield "messages", _message(row_id("messages", 9000 + number), carrier(0), attachments=file)
    for number in numbers["companies"]:
        member = sound("customers", 10_000 + number)
        member["relationships"]["company"] = to("company", row_id("companies", number))
        yield "customers", {**member, "meta": {}}


def _message(id_: str, conversation: str, **relations: Any) -> dict[str, Any]:
    row = sound("messages", 1)
    related = {**row["relationships"], "conversation": to("conversation", conversation), **relations}
    said = {**row["attributes"], "sentAt": moment(0)}
    return {
        **row,
        "id": id_,
        "attributes": said,
        "relationships": related,
        "links": {"self": f"/v1/messages/{id_}"},
        "meta": {},
    }


@contextmanager
def spoiling(dataset: Path) -> Iterator[tuple[Place, Spoiler]]:
    """Serve a dataset in a thread while the context lasts; where it is, and what spoils it."""
    spoiler = Spoiler()
    told: Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()
    sandbox = Sandbox(mig.SandboxOptions(dataset=dataset))
    spoiler.organisation = sandbox.organisation
    application = sandbox.application()
    application.middlewares.append(spoiler.middleware)

    async def hold() -> None:
        over = asyncio.Event()
        async with serving(application) as url:
            told.put((url, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    url, loop, over = told.get(timeout=30)
    try:
        yield Place(url, {"KUSTOMER_URL": url, "KUSTOMER_API_KEY": sandbox.switches.key, **FAST}), spoiler
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=30)
