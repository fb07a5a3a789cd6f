"""A journal made of nothing, as large as a test wants it, and what stands in an archive's page."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

import mig
from mig.archive.write import Order, Written, write_archive
from mig.clock import SystemClock
from mig.journal import counts, staging
from mig.journal.schema import operation, raw, record, run
from mig.journal.store import Journal
from mig.model import TYPES, content_digest, encode
from mig.platforms import HasFiles
from mig.settings import EngineSettings

_FIRST = [
    "Anna",
    "Annika",
    "Bela",
    "Chloe",
    "Dmitri",
    "Emre",
    "Fatima",
    "Giulia",
    "Hanna",
    "Ines",
    "Jonas",
    "Katarzyna",
    "Lars",
    "Mary",
    "Noah",
    "Olga",
    "Pavel",
    "Rosa",
]
_LAST = (
    *("Meier", "Schmidt", "Garcia", "Rossi", "Nowak", "Yilmaz", "Jensen", "Dubois", "Novak"),
    *("Kowalski", "Silva", "Müller", "O'Hara", "Berg", "Costa"),
)
_TOPIC = [
    "refund",
    "parcel",
    "invoice",
    "password",
    "address",
    "broken",
    "late",
    "wrong",
    "colour",
    "size",
    "return",
    "exchange",
    "voucher",
    "login",
    "app",
]
_SAID = "Thank you for your message, we look into it and come back to you as soon as we can. " * 2


def fill(journal: Journal, records: Sequence[mig.Record], *, fate: str = "load", state: str = "done") -> int:
    """Put records into a journal, as if a run had moved them. Returns: the migration's number."""

    def work(connection: Any) -> int:
        names = {"source": "kustomer", "organisation": "org", "target": "crisp", "workspace": "site"}
        number, is_new = staging.find_migration(connection, **names, now="2026-01-01T00:00:00+00:00")
        if is_new:
            ended = {"migration": number, "started_at": "2026-01-01", "ended_at": "2026-01-02T03:04:05+00:00"}
            connection.execute(insert(run), {**ended, "status": "completed", "host": "here", "pid": 1})
        for start in range(0, len(records), 5_000):
            rows, raws, operations = [], [], []
            for one in records[start : start + 5_000]:
                kind, name = one.ref.kind, one.ref.id
                unit = f"{kind}:{name}" if kind in ("contact", "conversation") else None
                body = encode(one)
                rows.append(
                    {
                        "migration": number,
                        "kind": kind,
                        "id": name,
                        "resource": f"{kind}s",
                        "raw_id": name,
                        "body": body,
                        "digest": content_digest(one),
                        "own": name,
                        "unit": unit,
                        "fate": fate,
                        "state": state,
                    }
                )
                native = zlib.compress(b'{"id":' + json.dumps(name).encode() + b"}", 1)
                raws.append(
                    {
                        "migration": number,
                        "resource": f"{kind}s",
                        "id": name,
                        "body": native,
                        "digest": "",
                        "gone": False,
                    }
                )
                if unit:
                    receipt = '{"values":{"id":' + json.dumps(f"new-{name}") + "}}"
                    born = {"name": "birth", "verb": "create", "effect": "create", "digest": "", "state": "done"}
                    operations.append({"migration": number, "unit": unit, **born, "receipt": receipt, "epoch": 1})
            connection.execute(insert(record), rows)
            connection.execute(insert(raw), raws)
            if operations:
                connection.execute(insert(operation), operations)
        return number

    async def write() -> int:
        return await journal.write(work)

    return asyncio.run(write())


def made(count: int, seed: int = 1) -> Iterator[mig.Record]:
    """Records of a desk: in twenty of them two people, three threads with twelve messages and two notes, one order."""
    chance, day = random.Random(seed), datetime(2020, 1, 1, tzinfo=UTC)
    number = 0
    while number < count:
        turn = number // 20
        people = []
        for extra in range(2):
            first, last = chance.choice(_FIRST), f"{chance.choice(_LAST)}{chance.choice(('', '-Stein', 'sen'))}"
            name = f"5f{turn:010x}{extra:02x}"
            people.append(mig.Ref(mig.CONTACT, name))
            yield mig.Contact(
                ref=people[-1],
                name=f"{first} {last}",
                emails=[mig.Address(value=f"{first}.{last}.{turn}.{extra}@shop{turn % 977}.example".lower())],
                phones=[mig.Address(value=f"+49 30 {1_000_000 + turn * 2 + extra}")],
                created_at=day + timedelta(minutes=turn),
            )
        yield mig.CustomObject(
            ref=mig.Ref(mig.CUSTOM_OBJECT, f"7d{turn:010x}"),
            klass="order",
            title=f"Order {100_000 + turn}",
            external_id=f"ORD-{100_000 + turn}",
            contact=people[0],
            created_at=day,
            data={"total": turn % 300, "carrier": "ACME"},
        )
        for thread in range(3):
            conversation = mig.Ref(mig.CONVERSATION, f"6a{turn:010x}{thread:02x}")
            title = f"{chance.choice(_TOPIC)} {chance.choice(_TOPIC)} {turn}".capitalize()
            when = day + timedelta(minutes=turn * 7 + thread)
            yield mig.Conversation(
                ref=conversation, title=title, status="done", contact=people[thread % 2], created_at=when
            )
            for said in range(4):
                yield mig.Message(
                    ref=mig.Ref(mig.MESSAGE, f"8c{turn:010x}{thread:02x}{said:02x}"),
                    conversation=conversation,
                    contact=people[thread % 2],
                    side="out" if said % 2 else "in",
                    sent_at=when + timedelta(minutes=said),
                    text=f"{_SAID}{chance.random()}",
                )
            if thread < 2:
                yield mig.Note(
                    ref=mig.Ref(mig.NOTE, f"9e{turn:010x}{thread:02x}"),
                    conversation=conversation,
                    written_at=when + timedelta(hours=1),
                    text="Called back, no answer.",
                )
        number += 20


def archived(journal: Journal, out: Path, *, which: str = "none", source: HasFiles | None = None) -> Written:
    """Write an archive of the only migration of a journal."""

    async def opens() -> HasFiles | None:
        return source

    with journal.reading() as connection:
        row = counts.choose(counts.migrations(connection), "", "")
    order = Order(
        journal=journal,
        migration=row,
        path=out,
        types=TYPES,
        address=lambda kind, there: f"https://new.example/{there}" if kind == "conversation" and there else "",
        opens=opens,
        clock=SystemClock(),
        engine=EngineSettings(attempts=1),
        which=which,
    )
    return asyncio.run(write_archive(order))


# ---- reading what the page reads -------------------------------------------------------------------------------------


def script(path: Path) -> Any:
    """What a script of the page hands over."""
    text = path.read_text("utf-8").rstrip().removesuffix(");")
    head, _, rest = text.partition("(")
    return json.loads(rest if head == "mig.start" else rest.partition(",")[2])


def index_of(out: Path) -> dict[str, set[int]]:
    """The whole index: word -> numbers of pages."""
    found: dict[str, set[int]] = {}
    start = script(out / "page/index.js")
    for number, first in enumerate(start["index"]):
        lines = script(out / f"page/i/{number}.js").split("\n")
        assert lines[0].partition("\t")[0] == first
        for line in lines:
            word, _, numbers = line.partition("\t")
            last = 0
            for one in numbers.split(" "):
                last += int(one, 36)
                found.setdefault(word, set()).add(last)
    return found


def threads_of(out: Path) -> dict[str, dict[str, Any]]:
    """Every page: "conversation/65f1" -> what is shown, its parts joined."""
    found: dict[str, dict[str, Any]] = {}
    numbers: dict[int, str] = {}
    for number, first in enumerate(script(out / "page/index.js")["chunks"]):
        for doc in script(out / f"page/t/{number}.js"):
            assert doc["n"] >= first
            if "k" in doc:
                numbers[doc["n"]] = f"{doc['k']}/{doc['i']}"
                found[numbers[doc["n"]]] = doc
            else:
                found[numbers[doc["n"]]]["p"] += doc["p"]
    return found
