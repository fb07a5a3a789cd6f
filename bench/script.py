"""A recording of what `mig` sent becomes a script of the same requests for the bare loop."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Part = str | tuple[int, str]
"""Literal text, or a value of the answer of an earlier request: its number, the value's name."""
_BIRTHS = ("/conversation", "/people/profile")
_KNOWN = r"session_[0-9a-f-]{36}|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"


@dataclass(frozen=True)
class Step:
    """One request."""

    number: int
    method: str
    side: str
    """Whose credentials it shows: `source`, `target`; `none` at an address the platform signed."""
    url: Sequence[Part]
    body: Sequence[Part]
    type: str
    length: int
    """Bytes of a file's content, which is sent as zeros."""
    status: int
    gives: Sequence[str]
    event: str = ""
    """The id by which the socket's event with upload addresses names this request."""


@dataclass(frozen=True)
class Stage:
    """Requests that are sent by as many lanes as were seen in flight."""

    lanes: int
    chunks: Sequence[Sequence[Step]]
    """Each is sent by one lane, in order; lanes take them in the order in which they began."""


@dataclass
class _Holes:
    """Values that differ from run to run, and which answer tells them."""

    source: str
    target: str
    values: dict[str, tuple[int, str]] = field(default_factory=dict)
    uploads: dict[str, int] = field(default_factory=dict)
    """Key of an upload -> the request for its address."""

    def __post_init__(self) -> None:
        public = re.escape(self.target) + r"/_bucket/public/[^\"\\\s)>\]]+"
        self._known = re.compile(f"{public}|{_KNOWN}")

    def parts(self, text: str) -> list[Part]:
        """A text, cut where it holds such values."""
        found: list[Part] = []
        at = 0
        for match in self._known.finditer(text):
            hole = self._hole(match[0])
            if hole is not None:
                found += [text[at : match.start()], hole]
                at = match.end()
        found.append(text[at:])
        return [part for part in found if part]

    def _hole(self, value: str) -> tuple[int, str] | None:
        if value.startswith(self.target):
            return self.uploads[value.split("/")[-2]], "resource"
        return self.values.get(value)


def write_script(recording: Path, script: Path, source: str, target: str) -> dict[str, int]:
    """Turn a recording into a script.

    Args:
        recording: What `recorder.py` wrote.
        script: Where to.
        source: Origin of the source's sandbox while it was recorded.
        target: Origin of the target's.

    Returns:
        How many requests there are, by stage, and of them how many PUTs of files.
    """
    exchanges = [json.loads(line) for line in recording.read_text("utf-8").splitlines()]
    exchanges.sort(key=lambda one: one["number"])
    first = next(n for n, one in enumerate(exchanges) if one["url"].startswith(target) and one["method"] != "GET")
    holes = _Holes(source, target)
    steps = _steps(exchanges, holes)
    stages = {
        "extract": Stage(_in_flight(exchanges[:first]), _chunks(exchanges[:first], steps, split=False)),
        "deliver": Stage(_in_flight(exchanges[first:]), _chunks(exchanges[first:], steps, split=True)),
    }
    script.write_text(json.dumps({name: asdict(stage) for name, stage in stages.items()}))
    files = sum(one["method"] == "PUT" for one in exchanges)
    return {"extract": first, "deliver": len(exchanges) - first, "files": files}


def _steps(exchanges: Sequence[Mapping[str, Any]], holes: _Holes) -> dict[int, Step]:
    steps: dict[int, Step] = {}
    asked: dict[int, int] = {}  # lane -> its latest request for an upload address
    for one in sorted(exchanges, key=lambda one: one["began"]):
        number, url, event = one["number"], one["url"], ""
        address: list[Part]
        if one["method"] == "PUT":
            holes.uploads[url.partition("?")[0].rpartition("/")[2]] = asked[one["lane"]]
            side, address = "none", [(asked[one["lane"]], "signed")]
        elif url in holes.values:
            side, address = "none", [holes.values[url]]
        else:
            side = "source" if url.startswith(holes.source) else "target"
            address = holes.parts(url.removeprefix(holes.source if side == "source" else holes.target))
        if url.endswith("/bucket/url/generate"):
            asked[one["lane"]], event = number, json.loads(one["body"])["id"]
        body = holes.parts(one["body"] or "")
        steps[number] = Step(
            number,
            one["method"],
            side,
            address,
            body,
            one["type"],
            one["length"],
            one["status"],
            list(one["gives"]),
            event,
        )
        # Known from here on: whoever names one of these began after its answer.
        holes.values |= {value: (number, name) for name, value in one["gives"].items()}
    return steps


def _chunks(exchanges: Sequence[Mapping[str, Any]], steps: Mapping[int, Step], *, split: bool) -> list[list[Step]]:
    """What each task sent, in its order; of a lane that delivers, cut before each birth."""
    chunks: list[list[Step]] = []
    latest: dict[int, list[Step]] = {}
    for one in exchanges:
        lane = one["lane"]
        is_birth = one["method"] == "POST" and one["url"].endswith(_BIRTHS)
        if lane not in latest or (split and is_birth):
            latest[lane] = []
            chunks.append(latest[lane])
        latest[lane].append(steps[one["number"]])
    return chunks


def _in_flight(exchanges: Sequence[Mapping[str, Any]]) -> int:
    """How many requests were under way at the same time, at most."""
    changes = sorted([(one["began"], 1) for one in exchanges] + [(one["ended"], -1) for one in exchanges])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return max(most, 1)
