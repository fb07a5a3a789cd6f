"""Whichever database the journal lies in, what is told of a migration, and what is kept of it, is the same."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk_process import serving
from processes import Mig

if TYPE_CHECKING:
    from pg_server import Server

COMMANDS = {
    "failures": (),
    "report": ("--out", "report.html", "--rebuild", "REBUILD.md"),
    "archive": ("--out", "archive"),
    "verify": ("--level", "full", "--seed", "1"),
}
_OF_THE_DAY = (
    *("seconds", "started_at", "ended_at", "began", "ended", "at", "as_of", "made", "made_at"),
    *("out", "requests", "run_id"),
)


def test_a_journal_in_postgresql_tells_what_one_in_sqlite_tells(postgres: Server, tmp_path: Path) -> None:
    with serving("kustomer", "--generate", "8", "--seed", "3", "--switch", "clock=2026-10-01T00:00:00Z") as source:
        found = []
        for name in ("sqlite", "postgresql"):
            folder = tmp_path / name
            folder.mkdir()
            with serving("crisp") as target, postgres.lent() as url:
                state = url if name == "postgresql" else f"sqlite:///{folder / 'mig.db'}"
                found.append(told(Mig(folder, source, target), state))
    assert found[0].keys() == found[1].keys()
    for part in found[0]:
        assert found[0][part] == found[1][part], part


def told(mig: Mig, state: str) -> dict[str, Any]:
    """What a run, the commands after it and their files say, without what differs from one run to the next."""
    said: dict[str, Any] = {"run": timeless(mig.run("--state", state))}
    for name, words in COMMANDS.items():
        process = mig.start(name, *words, "--state", state, "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        said[name] = timeless(json.loads(out))
    process = mig.start("ids", "--csv", "-", "--state", state)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    rows = list(csv.DictReader(out.splitlines()))
    said["ids"] = sorted((row["kind"], row["old_id"], bool(row["new_id"])) for row in rows)
    said["guide"] = (mig.folder / "REBUILD.md").read_text("utf-8")
    archived = mig.folder / "archive"
    said["archived"] = Counter(
        (record["kind"], record["id"])
        for path in sorted((archived / "records").glob("*.jsonl"))
        for record in map(json.loads, path.read_bytes().splitlines())
    )
    return said


def timeless(told: Any) -> Any:
    """An object without its times, places and numbers of requests."""
    if isinstance(told, dict):
        return {key: timeless(value) for key, value in told.items() if key not in _OF_THE_DAY}
    return [timeless(one) for one in told] if isinstance(told, list) else told
