"""What was asked against what had to be asked, from what the sandboxes saw."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LIST_PAGE, SEARCH_PAGE, CAP = 100, 500, 10_000
#: The organisation's clock stands here (docs/switches.md); what is older than two years, only the archive knows.
LINE = "2024-10-01"
_FILES = ("file", "audio", "animation")
_OFFICE = 10  # the organisation, tags, users twice, teams, queues, four times metadata: a page each
_WALKED = {"companies": "company", "customers": "customer", "conversations": "conversation", "messages": "message"}


@dataclass
class Thread:
    """What one conversation took."""

    requests: int = 0
    verbs: Counter[str] = field(default_factory=Counter)
    messages: set[int] = field(default_factory=set)
    """Fingerprints of messages and notes as the target holds them: a long text is several."""
    files: set[int] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Messages and notes of the source among them."""

    def bound(self, messages: int) -> int:
        """4 + m + 2f, one more where it has a routing, one where it has an inbox."""
        return 4 + messages + 2 * len(self.files) + (self.verbs["routing"] > 0) + (self.verbs["inbox"] > 0)


def threads(history: Sequence[Mapping[str, Any]], bucket: Sequence[Mapping[str, Any]]) -> list[Thread]:
    """The accepted writes of each conversation, and the request for an upload address with the first that uses it."""
    found: dict[str, Thread] = defaultdict(Thread)
    for write in history:
        words = write["path"].partition("?")[0].split("/")[4:]  # below /v1/website/{website_id}
        if not words or words[0] != "conversation":
            continue
        thread = found[write["answer"]["data"]["session_id"] if len(words) == 1 else words[1]]
        thread.requests += 1
        thread.verbs[words[2] if len(words) > 2 else "birth"] += 1
        if words[2:] == ["message"]:
            _add_message(thread, write["body"])
    for upload in bucket:
        if upload["used_by"]:
            found[upload["used_by"][0]["session_id"]].requests += 1
    return list(found.values())


def _add_message(thread: Thread, body: Mapping[str, Any]) -> None:
    (thread.files if body["type"] in _FILES else thread.messages).add(body["fingerprint"])
    source_id = str(body.get("properties", {}).get("source_id", ""))
    if source_id.startswith(("message/", "note/")):
        thread.told.add(source_id)


@dataclass(frozen=True)
class Extraction:
    """Requests that read an organisation."""

    made: int
    """All but those for files that are moved."""
    by_id: int
    """Of them reads of one resource: mostly what others refer to and no list shows."""
    least: int
    """The minimum of docs/api/kustomer.md, section 10, each kind by its cheaper route."""
    by_search: int
    """The same, everything by search: the formula as it stands there."""
    addresses: int
    """Requests for the signed address of one file, made while it is moved."""
    holding: int
    """Conversations that hold files: so many reads section 10 allows for their addresses."""


def extraction(routes: Mapping[str, int], dataset: Iterable[bytes]) -> Extraction:
    """Compare what the source's sandbox counted with the least its data allow."""
    of_files = sum(count for route, count in routes.items() if "/attachments/{id}" in route)
    bytes_read = sum(count for route, count in routes.items() if "/_files/" in route)
    made = sum(routes.values()) - of_files - bytes_read
    by_id = sum(count for route, count in routes.items() if route.endswith("s/{id}") and "/attachments/" not in route)
    desk = _Desk(dataset)
    least = _OFFICE + sum(desk.cheaper(kind) for kind in (*_WALKED, "notes"))
    by_search = _OFFICE + sum(desk.searched(kind) for kind in (*_WALKED, "notes")) + desk.holding
    return Extraction(made, by_id, least, by_search, of_files, desk.holding)


class _Desk:
    """How many resources there are, on both sides of the two-year line."""

    def __init__(self, dataset: Iterable[bytes]) -> None:
        self.recent: Counter[str] = Counter()
        self.old: Counter[str] = Counter()
        self.noted = 0
        """Archived conversations with notes: one request each, no search of the archive knows notes."""
        holding: set[str] = set()
        for line in dataset:
            held = json.loads(line)
            kind, resource = held["kind"], held["resource"]
            attributes = resource.get("attributes", {})
            stamp = attributes.get("updatedAt") or attributes.get("createdAt") or ""
            is_old = bool(stamp) and datetime.fromisoformat(stamp) < datetime.fromisoformat(f"{LINE}T00:00:00+00:00")
            (self.old if is_old else self.recent)[kind] += 1
            if kind == "conversations" and is_old and attributes.get("noteCount"):
                self.noted += 1
            related = resource.get("relationships", {})
            if kind == "messages" and (related.get("attachments") or {}).get("data"):
                holding.add(((related.get("conversation") or {}).get("data") or {}).get("id", ""))
        self.holding = len(holding)

    def cheaper(self, kind: str) -> int:
        """By list, which also names files, as far as it shows all; by search, with a read per conversation's files."""
        total = self.recent[kind] + self.old[kind]
        more = self.holding + 1 if kind == "messages" else 0
        searched = self.searched(kind) + more
        return min(searched, max(1, math.ceil(total / LIST_PAGE))) if total <= CAP else searched

    def searched(self, kind: str) -> int:
        """S(recent) + S(archived); of archived notes one read per conversation that has some."""
        archived = self.noted if kind == "notes" else _walk(self.old[kind])
        return max(1, _walk(self.recent[kind]) + archived)


def _walk(rows: int) -> int:
    """A keyset walk: each page but the first begins with the row it stands at."""
    return math.ceil(rows / (SEARCH_PAGE - 1))
