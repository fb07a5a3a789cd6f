"""A desk whose every private word can be recognised, and the commands of `mig` over it with all they leave behind."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk_process import Sandbox
from desk_sample import Json
from mig_kustomer.sandbox.clock import ORGANISATION_NOW
from mig_kustomer.sandbox.generate import generate
from processes import Mig

CANARY = "zqx"
"""In every private word of the desk, and in nothing else."""
PHONE = "17099977"
"""In every phone number."""
KEY = f"{CANARY}-key-of-the-source"
_KEPT = frozenset(("type", "status", "channel", "app", "direction", "directionType", "color", "userType", "lang"))
_KINDS = frozenset(
    ("customers", "companies", "users", "conversations", "messages", "notes", "attachments", "kobjects", "shortcuts")
)
_WORDS = ("name", "first", "last", "preview", "subject", "body", "text", "title", "user", "value", "address", "html")


def write_desk(path: Path, customers: int, seed: int = 5) -> None:
    """Write a generated organisation whose names, addresses, numbers, subjects, bodies and file names are canaries.

    Some rows are broken besides: a time that is none, an address that is none, a body that is no text.

    Args:
        path: The dataset.
        customers: How many.
        seed: Of the organisation.
    """
    rows = [(kind, row) for kind, row, _ in generate(customers, seed, tie=0, now=ORGANISATION_NOW)]
    for number, (kind, row) in enumerate(rows):
        if kind in _KINDS:
            row["attributes"] = _planted(row.get("attributes") or {}, f"{number}")
    for row, broken in zip([r for kind, r in rows if kind == "messages"][::7], _BROKEN * 9, strict=False):
        row["attributes"] |= broken
    for row in [r for kind, r in rows if kind == "customers"][::3]:
        row["attributes"]["emails"] = [{"type": "home", "email": f"{CANARY} no address@@", "verified": False}]
    path.write_text("".join(json.dumps({"kind": kind, "resource": row}) + "\n" for kind, row in rows))


_BROKEN: list[Json] = [
    {"sentAt": f"{CANARY}, no time", "createdAt": f"{CANARY}, none either"},
    {"preview": {CANARY: [f"{CANARY} where a text belongs"]}},
    {"direction": f"{CANARY} sideways", "channel": f"{CANARY} by pigeon"},
    {"meta": {"from": f"{CANARY} nobody@", "to": [{"email": f"{CANARY}.to@{CANARY}.example"}]}},
]


def _planted(value: Any, mark: str, key: str = "") -> Any:
    """The same shape with canaries in it."""
    if isinstance(value, dict):
        return {name: item if name in _KEPT else _planted(item, mark, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_planted(item, f"{mark}.{place}", key) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if "@" in value:
        return f"{CANARY}.{mark}@{CANARY}-{mark}.example"
    if "phone" in key.lower() and value:
        return f"+49{PHONE}{mark.replace('.', '')[:4]}"
    if key.endswith("Txt") or any(word in key.lower() for word in _WORDS):
        stem, dot, extension = value.rpartition(".")
        ending = f".{extension}" if dot and stem and extension.isalnum() and len(extension) < 5 else ""
        return f"{CANARY} {key} {mark}{ending}"
    return value


@dataclass
class Trail:
    """What the commands over one desk left behind.

    Args:
        folder: Where they work.
        source: A desk of canaries.
        target: A workspace.
    """

    folder: Path
    source: Sandbox
    target: Sandbox
    said: dict[str, str] = field(default_factory=dict)
    """Command -> what it wrote: `stdout`, `stderr`, and what the process list showed of it."""
    codes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.mig = Mig(self.folder, self.source, self.target)
        self.mig.environment |= {"TMPDIR": str(self.temporary)}

    def run(self, name: str, *arguments: str, meanwhile: Callable[[subprocess.Popen[str]], None] | None = None) -> None:
        """Run a command and keep everything it says.

        Args:
            name: Under which it is kept; its log file has the name too.
            arguments: Of `mig`.
            meanwhile: Done while it runs.
        """
        process = self.mig.start(*arguments, "--log-file", f"{name}.log")
        shown: set[str] = set()
        watcher = threading.Thread(target=_watch, args=(process.pid, shown))
        watcher.start()
        if meanwhile is not None:
            meanwhile(process)
        out, err = process.communicate(timeout=120)
        watcher.join()
        self.codes[name] = process.returncode
        self.said |= {
            f"{name}, stdout": out,
            f"{name}, stderr": err,
            f"{name}, in the process list": "\n".join(sorted(shown)),
        }

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Ask a run to end as soon as it has written something."""
        before = self.target.get("counters")["writes"]
        while process.poll() is None and self.target.get("counters")["writes"] < before + 5:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)

    def left(self) -> Iterator[tuple[str, str]]:
        """Everything that was said or left, by what it is: the journal aside, which holds bodies by design."""
        yield from self.said.items()
        for path in sorted(self.folder.rglob("*")):
            shown = str(path.relative_to(self.folder))
            yield f"the name of {shown}", shown
            if path.is_file() and not path.name.startswith(("mig.db", "desk.jsonl", "who.txt")):
                yield shown, path.read_text("utf-8", "replace")

    def secrets(self) -> Mapping[str, str]:
        """What must not stand anywhere, by what it is."""
        identifier, key = (self.target.environment[f"CRISP_{name}"] for name in ("IDENTIFIER", "KEY"))
        return {
            "a private word": CANARY,
            "a phone number": PHONE,
            "the target's key": key,
            "the target's credentials": base64.b64encode(f"{identifier}:{key}".encode()).decode(),
            "the address of a file": "Signature=",
        }


def _watch(pid: int, shown: set[str]) -> None:
    """The command line of a process and of its children, as anybody on the machine sees them, until it ends."""
    process = Path("/proc") / str(pid)
    while True:
        try:
            children = (process / "task" / str(pid) / "children").read_text().split()
            shown.update((Path("/proc") / one / "cmdline").read_text() for one in (str(pid), *children))
        except OSError:
            pass  # a child has ended, or there is no list of them
        if not (process / "exe").exists():  # it waits to be collected
            return
        time.sleep(0.02)
