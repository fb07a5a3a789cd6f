"""Writes an archive: records, bytes, tables and the page, from the journal and, for bytes, the source."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct

from mig.archive import rows
from mig.archive.blank import blanked
from mig.archive.files import Files, Opens, Tally
from mig.archive.folder import MANIFEST, Folder, Writing
from mig.archive.names import kind_name
from mig.archive.pages import Pages, Said
from mig.archive.people import People
from mig.archive.places import Address
from mig.archive.plain import from_json, to_json
from mig.archive.views import FILES
from mig.clock import Clock
from mig.errors import Paused, Refused
from mig.journal import counts
from mig.journal.counts import MigrationRow
from mig.journal.store import Journal
from mig.model import HOOK, Config, Kind, Record
from mig.platforms import SourceSpec, TargetSpec
from mig.report.rebuild import write_rebuild
from mig.settings import EngineSettings

_TABLES = """
CREATE TABLE unit (unit TEXT PRIMARY KEY, id TEXT, url TEXT) WITHOUT ROWID;
CREATE TABLE own (ref TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID;
"""
_BREATH = 500
"""Records between two looks at whether a signal came."""
_ROOM = 6
"""How much larger than the journal's packed bodies an archive becomes, roughly."""


class Order(Struct, frozen=True, kw_only=True):
    """What is to be archived."""

    journal: Journal
    migration: MigrationRow
    path: Path
    types: Mapping[Kind, type[Record]]
    address: Address
    source: SourceSpec | None = None
    """None: its plugin is not installed, and the guide says what it says in its own words."""
    target: TargetSpec | None = None
    opens: Opens
    """Opens the source, when the first file is needed."""
    clock: Clock
    engine: EngineSettings
    which: str = "all"
    """Whose bytes: all, archived, none."""
    full: bool = False
    version: str = ""
    told: Callable[[str, int], None] = lambda what, count: None
    """Hears how far it is."""


class Written(Struct, frozen=True, kw_only=True):
    """What an archive holds."""

    records: Mapping[str, int]
    files: Tally
    people: int
    alone: int
    """Raws that became no record."""
    size: int
    changed: bool
    removed: int
    paused: Paused | None


async def write_archive(order: Order) -> Written:
    """Write, or bring up to date.

    Raises:
        Usage: The folder holds something else.
        Refused: It cannot be written, or the source cannot be opened.
    """
    row = order.migration
    belongs = {
        "source": row.source,
        "organisation": row.organisation,
        "target": row.target,
        "workspace": row.workspace,
    }
    folder = Folder(order.path, belongs)
    try:
        return await _Archive(order, folder).write(belongs)
    finally:
        folder.close()


class _Archive:
    def __init__(self, order: Order, folder: Folder) -> None:
        self._order = order
        self._folder = folder
        self._db = folder.shelf
        folder.add_tables(_TABLES)
        self._files = Files(folder, order.journal, order.migration.id, order.types, order.which, full=order.full)
        self._pages = Pages(folder)
        self._people = People(folder)
        self._counts: dict[str, Counter[str]] = {}

    async def write(self, belongs: Mapping[str, str]) -> Written:
        order = self._order
        self._refuse_narrow()
        await self._files.fetch(order.opens, order.clock, order.engine)
        self._load_places()
        await self._write_records()
        alone = self._write_alone()
        self._files.write_lists()
        head = self._head(belongs)
        await self._pages.write(head["page"])
        people = self._people.write()
        write_rebuild(
            order.path,
            order.journal,
            order.migration.id,
            order.source,
            order.target,
            writing=self._folder.writing,
        )
        removed = self._folder.tidy()
        manifest = {
            **head["manifest"],
            "records": {kind: dict(sorted(found.items())) for kind, found in sorted(self._counts.items())},
            "raw_without_record": alone,
            "files": {"asked_for": order.which, **_kept(self._files.tally)},
            "contacts_for_import": people,
        }
        self._seal(manifest)
        self._files.end()
        return Written(
            records={kind: sum(found.values()) for kind, found in sorted(self._counts.items())},
            files=self._files.tally,
            people=people,
            alone=alone,
            size=self._folder.size(),
            changed=self._folder.changed,
            removed=removed,
            paused=self._files.paused,
        )

    def _refuse_narrow(self) -> None:
        """Loosely: what is to come must fit."""
        with self._order.journal.reading() as connection:
            _, packed = rows.how_many(connection, self._order.migration.id)
        need = packed * _ROOM + self._files.claimed()
        free = shutil.disk_usage(self._order.path).free
        if need > free:
            raise Refused(
                f"the disk of {self._order.path} has {free / 1e6:,.0f} MB left, about {need / 1e6:,.0f} MB are needed",
                "Make room, name another folder, or leave the bytes of files out: --files none.",
            )

    def _load_places(self) -> None:
        for one in rows.standings(self._order.journal, self._order.migration.id):
            values = (_whole(one.unit), _whole(one.id), one.url)
            self._db.execute("INSERT OR REPLACE INTO unit VALUES (?, ?, ?)", values)
            self._db.executemany(
                "INSERT OR IGNORE INTO own VALUES (?, ?)", [(_whole(ref), _whole(name)) for ref, name in one.own]
            )

    async def _write_records(self) -> None:
        kind, sheets = None, ExitStack()
        sheet: Writing | None = None
        with sheets:
            for number, row in enumerate(rows.records(self._order.journal, self._order.migration.id)):
                if number % _BREATH == 0:
                    await asyncio.sleep(0)
                if row.kind != kind or sheet is None:
                    sheets.close()
                    kind = row.kind
                    sheet = sheets.enter_context(self._folder.writing(f"records/{kind_name(kind)}.jsonl"))
                self._write_record(row, sheet)

    def _write_record(self, row: rows.Row, sheet: Writing) -> None:
        there, url = self._place(row)
        how = self._blanking(row.kind)
        neutral = blanked(row.body, **how) if row.body else b""
        became = _became(row)
        line = {
            "id": row.id,
            "kind": row.kind,
            "fate": row.fate or None,
            "state": row.state,
            "reason": row.reason,
            "target_id": there or None,
            "target_url": url or None,
            "unit": row.unit or None,
            "merged_into": row.merged_into or None,
            "losses": [{"field": field, "outcome": outcome, "why": why} for field, outcome, why in row.losses],
            "warnings": [text for text in row.warnings.split("\n") if text],
            "resource": row.resource,
            "native_of": row.native_of or None,
        }
        text = to_json(line)
        sheet.write(text[:-1])
        sheet.add(b',"record":' + (neutral or b"null"))
        _add_native(sheet, row.native, **how)
        sheet.add(b"}\n")
        record = _read(neutral)
        said = Said(became, row.reason, url)
        if row.kind in FILES:
            path, why = self._files.where(row.ref)
            said = Said(became, why, path)
        self._pages.add(row.kind, row.id, record, said)
        if row.kind == "contact":
            self._people.add(row.id, record, row.fate)
        self._counts.setdefault(row.kind, Counter())[became] += 1
        self._order.told(row.kind, 1)

    def _place(self, row: rows.Row) -> tuple[str, str]:
        """The target's own id of a record, and where a person finds it there."""
        whole = self._one("SELECT id FROM unit WHERE unit = ?", row.unit) if row.unit else ""
        kind, _, name = row.unit.partition(":")
        root = (row.kind, row.id) == (kind, name) or bool(row.merged_into)
        there = whole if root else self._one("SELECT id FROM own WHERE ref = ?", row.ref)
        url = self._one("SELECT url FROM unit WHERE unit = ?", row.unit) if row.unit else ""
        return there, url or self._order.address(kind, whole)

    def _one(self, statement: str, key: str) -> str:
        found = self._db.execute(statement, (_whole(key),)).fetchone()
        return found[0] if found is not None else ""

    def _blanking(self, kind: str) -> dict[str, bool]:
        """What of a kind may be a secret by its name (blank.py)."""
        return {"configuration": issubclass(self._order.types.get(Kind(kind), Config), Config), "hook": kind == HOOK}

    def _write_alone(self) -> int:
        """Raws that became no record, by resource."""
        count, resource, sheets = 0, None, ExitStack()
        sheet: Writing | None = None
        with sheets:
            for left in rows.raws_alone(self._order.journal, self._order.migration.id):
                if left.resource != resource or sheet is None:
                    sheets.close()
                    resource = left.resource
                    sheet = sheets.enter_context(self._folder.writing(f"raw/{kind_name(resource)}.jsonl"))
                line = {"id": left.id, "resource": left.resource, "gone": left.gone}
                sheet.write(to_json(line)[:-1])
                # Whatever it was meant to be: "hooks_web" and the like hold what opens them.
                _add_native(sheet, left.body or None, hook="hook" in left.resource)
                sheet.add(b"}\n")
                count += 1
        return count

    def _head(self, belongs: Mapping[str, str]) -> dict[str, Any]:
        mig = self._order.migration.id
        with self._order.journal.reading() as connection:
            last = rows.last_ended(connection, mig)
            why = counts.reasons(connection, mig)
        as_of = {"run": last.id, "ended_at": last.ended_at, "status": last.status} if last is not None else None
        manifest = {
            "mig_archive": 1,
            "mig": self._order.version,
            "migration": dict(belongs),
            "as_of": as_of,
            "reasons": [
                {"kind": kind, "became": word, "reason": reason, "records": number}
                for kind, word, reason, number in why
            ],
        }
        page = {
            "source": f"{belongs['source']} {belongs['organisation']}",
            "target": f"{belongs['target']} {belongs['workspace']}",
            "as_of": str(last.ended_at) if last is not None else "",
        }
        return {"manifest": manifest, "page": page}

    def _seal(self, manifest: dict[str, Any]) -> None:
        """An archive nothing of which has changed keeps the day it was written."""
        now = self._order.clock.now().isoformat(timespec="seconds")
        before = _read_file(self._folder.path / MANIFEST)
        written = before.pop("written_at", now)
        same = before == json.loads(json.dumps(manifest)) and not self._folder.changed
        whole = {**manifest, "written_at": written if same else now}
        self._folder.seal(json.dumps(whole, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n")


def _kept(tally: Tally) -> dict[str, int]:
    """Without which of them came this time: a second archive of the same is the same."""
    return {"here": tally.fetched + tally.kept, "missing": tally.missing, "not_asked_for": tally.unasked}


def _became(row: rows.Row) -> str:
    """One word for what became of a record."""
    if row.state in ("failed", "gone"):
        return row.state
    if row.fate in ("skip", "archive"):
        return {"skip": "skipped", "archive": "archived"}[row.fate]
    if row.fate == "load" and row.state == "done":
        return "merged" if row.merged_into else "loaded"
    return "pending"


def _add_native(sheet: Writing, native: bytes | None, **how: bool) -> None:
    """A raw as it came; one that is no JSON in base64."""
    if native is None:
        sheet.add(b',"native":null')
        return
    try:
        from_json(native)
    except (ValueError, RecursionError):
        sheet.add(b',"native":null,"native_base64":"' + base64.b64encode(native) + b'"')
    else:
        sheet.add(b',"native":' + blanked(native, **how).replace(b"\n", b" ").replace(b"\r", b" "))


def _read(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = from_json(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return _read(path.read_bytes())
    except OSError:
        return {}


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
