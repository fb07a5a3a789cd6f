"""A desk in two files, as a plugin: what it reads is JSON lines, what it writes is one JSON document.

    mig run --plugin toydesk.py --source toydesk --target toydesk \
        --set source.path=desk.jsonl --set target.path=copy.json
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import mig
from mig.settings import Settings

KINDS: dict[str, type[mig.Record]] = {"contact": mig.Contact, "conversation": mig.Conversation, "message": mig.Message}


class ToySettings(Settings, frozen=True, kw_only=True):
    path: Path
    """The file."""


class ToySource:
    """Reads lines like {"kind": "message", "id": "7", "of": "3", "at": "2026-01-02T03:04:05Z", "text": "Hello"}."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def identity(self) -> str:
        return self._path.stem

    async def partitions(self, scope: mig.Scope) -> Sequence[mig.Partition]:
        return [mig.Partition("lines")]

    async def extract(self, part: mig.Partition, scope: mig.Scope, checkpoint: bytes | None) -> AsyncIterator[mig.Page]:
        yield mig.Page([self._raw(line) for line in self._path.read_bytes().splitlines()], checkpoint=b"read")

    def parse(self, raw: mig.Raw) -> mig.Parsed:
        line = json.loads(raw.body)
        ref = mig.Ref(mig.Kind(line["kind"]), line["id"])
        of = mig.Ref(mig.CONVERSATION, line.get("of", ""))
        try:
            at = datetime.fromisoformat(line["at"]) if "at" in line else None
        except ValueError as error:
            raise mig.Unparseable("this is no time", "Correct the line and run again.", field="at") from error
        match line["kind"]:
            case "contact":
                return mig.Parsed([mig.Contact(ref=ref, name=line["name"], emails=[mig.Address(value=line["email"])])])
            case "conversation":
                contact = mig.Ref(mig.CONTACT, line["of"]) if "of" in line else None
                return mig.Parsed([mig.Conversation(ref=ref, title=line["title"], contact=contact, created_at=at)])
            case _:
                return mig.Parsed([mig.Message(ref=ref, conversation=of, sent_at=at, text=line["text"])])

    async def fetch(self, refs: Sequence[mig.Ref]) -> Mapping[mig.Ref, mig.Raw]:
        rows = [self._raw(line) for line in self._path.read_bytes().splitlines()]
        return {ref: row for ref in refs for row in rows if row.id == str(ref)}

    async def ids(self, kind: mig.Kind, scope: mig.Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        lines = [json.loads(line) for line in self._path.read_bytes().splitlines()]
        yield [(line["id"], None) for line in lines if line["kind"] == kind]

    def _raw(self, line: bytes) -> mig.Raw:
        found = json.loads(line)
        return mig.Raw("lines", f"{found['kind']}/{found['id']}", line)


KEEPS = {
    (mig.CONTACT, "name"): mig.Keep("exact"),
    (mig.CONTACT, "emails"): mig.Keep("lost", "a toy desk writes to nobody"),
    (mig.CONVERSATION, "title"): mig.Keep("exact"),
    (mig.CONVERSATION, "contact"): mig.Keep("lost", "its threads are nobody's"),
    (mig.CONVERSATION, "created_at"): mig.Keep("lost"),
    (mig.MESSAGE, "text"): mig.Keep("exact"),
    (mig.MESSAGE, "conversation"): mig.Keep("moved:thread", "it stands in it"),
    (mig.MESSAGE, "sent_at"): mig.Keep("lost", "only the order stays"),
}
"""What becomes of each field that a source may fill: what is not named here is told as `untold`."""


class ToyTarget:
    """Writes {"threads": {id: {"title", "messages": {id: text}}}, "people": {id: name}}."""

    capabilities = mig.Capabilities(KEEPS, read_lag_s=0, request_life_s=0)

    def __init__(self, path: Path) -> None:
        self._path = path

    async def identity(self) -> str:
        return self._path.stem

    async def prepare(self) -> None:
        if not self._path.parent.is_dir():
            raise mig.Refused(f"there is no folder {self._path.parent}", "Make it, or name another path.")

    def place(self, record: mig.Record) -> mig.Place:
        at = mig.epoch_ms(record.sent_at) if isinstance(record, mig.Message) and record.sent_at else 0
        parent = record.conversation if isinstance(record, mig.Message) else None
        return mig.Place(parent, (at, 0, record.ref.id))

    def render(self, unit: mig.Unit, look: mig.Lookup) -> mig.Rendered:
        # Everything here is a PUT: the document's keys make a repeated request harmless.
        return mig.Rendered([self._operation(unit, record) for record in unit.records])

    def _operation(self, unit: mig.Unit, record: mig.Record) -> mig.Operation:
        match record:
            case mig.Contact():
                path, value = ["people", record.ref.id], record.name
            case mig.Conversation():
                path, value = ["threads", record.ref.id, "title"], record.title
            case mig.Message():
                path, value = ["threads", unit.key.partition(":")[2], "messages", record.ref.id], record.text
            case _:
                raise mig.Rejected(f"a toy desk has no {record.ref.kind}")
        body = {"path": path, "value": value}
        return mig.Operation(
            name=str(record.ref), verb="put", effect=mig.Effect.PUT, body=body, carries=(record.ref,), cost=()
        )

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        document = json.loads(self._path.read_text()) if self._path.exists() else {}
        for call in calls:
            here, path = document, call.body["path"]
            assert isinstance(path, list | tuple)
            for key in path[:-1]:
                here = here.setdefault(key, {})
            here[path[-1]] = call.body["value"]
        self._path.write_text(json.dumps(document, indent=1))
        return [mig.Receipt({"id": call.op.name}) for call in calls]

    async def find(self, calls: Sequence[mig.Call]) -> Mapping[tuple[mig.UnitKey, str], mig.Receipt]:
        return {}  # only asked about CREATE

    def where(self, receipts: Mapping[str, mig.Receipt]) -> str:
        return next((name.partition("/")[2] for name in receipts), "")  # the root's operation is the first

    async def read(self, kind: mig.Kind, target_id: str) -> mig.Present | None:
        return next((found for found in self._standing(kind) if found.target_id == target_id), None)

    # What follows makes it verifiable: `mig verify` needs a list of what is there, and a word on what must be.

    stands = (mig.CONTACT, mig.CONVERSATION)

    async def walk(self, kind: mig.Kind, checkpoint: bytes | None) -> AsyncIterator[mig.Standing]:
        yield mig.Standing(self._standing(kind), checkpoint=b"listed")

    def expect(self, unit: mig.Unit, look: mig.Lookup) -> mig.Expected:
        return mig.Expected([self._shown(record) for record in unit.records])

    def _shown(self, record: mig.Record) -> mig.Record:
        match record:  # what a toy desk keeps of it
            case mig.Contact():
                return mig.Contact(ref=record.ref, name=record.name)
            case mig.Message():
                return mig.Message(ref=record.ref, text=record.text)
            case _:
                return mig.Conversation(ref=record.ref, title=getattr(record, "title", ""))

    def _standing(self, kind: mig.Kind) -> list[mig.Present]:
        document = json.loads(self._path.read_text()) if self._path.exists() else {}
        found: list[mig.Present] = []
        for name, value in document.get("people" if kind == mig.CONTACT else "threads", {}).items():
            ref = mig.Ref(kind, name)
            rows: list[mig.Record] = [mig.Contact(ref=ref, name=value)] if kind == mig.CONTACT else []
            if kind == mig.CONVERSATION:
                texts = value.get("messages", {}).items()
                rows = [mig.Conversation(ref=ref, title=value["title"])]
                rows += [mig.Message(ref=mig.Ref(mig.MESSAGE, one), text=text) for one, text in texts]
            found.append(mig.Present(kind=kind, target_id=name, sources=[ref], records=rows))
        return found


class ToyMapper:
    """Loads what a toy desk has, archives the rest."""

    def map(self, record: mig.Record, look: mig.Lookup) -> mig.Decision | None:
        if record.ref.kind in KINDS:
            return mig.Decision(mig.Fate.LOAD, record)
        return mig.Decision(mig.Fate.ARCHIVE, record, f"a toy desk has no {record.ref.kind}")


@asynccontextmanager
async def open_source(settings: ToySettings, access: mig.Access) -> AsyncIterator[ToySource]:
    if not settings.path.is_file():
        raise mig.Refused(f"there is no file {settings.path}", "Correct the setting path.")
    yield ToySource(settings.path)


@asynccontextmanager
async def open_target(settings: ToySettings, access: mig.Access) -> AsyncIterator[ToyTarget]:
    yield ToyTarget(settings.path)


@mig.hookimpl
def mig_sources(register: Callable[[mig.SourceSpec], None]) -> None:
    kinds = {mig.Kind(name): kind for name, kind in KINDS.items()}
    register(mig.SourceSpec("toydesk", ToySettings, open_source, kinds, resources={"lines": mig.MESSAGE}))


@mig.hookimpl
def mig_targets(register: Callable[[mig.TargetSpec], None]) -> None:
    register(mig.TargetSpec("toydesk", ToySettings, open_target))


@mig.hookimpl
def mig_mappers(register: Callable[[mig.MapperSpec], None]) -> None:
    register(mig.MapperSpec(None, "toydesk", lambda settings: ToyMapper()))


if TYPE_CHECKING:  # the type checker proves the claims, here and not at the first record
    _source: type[mig.Source] = ToySource
    _target: type[mig.Target] = ToyTarget
    _proves: type[mig.CanProve] = ToyTarget
