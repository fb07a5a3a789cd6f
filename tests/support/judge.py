"""The history is judged, not the code: what a workspace accepted, write by write, against what was promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def judge(history: Sequence[Json], possible_orphans: int) -> list[str]:
    """What in a history of accepted writes breaks the promise; empty: nothing.

    Args:
        history: `method`, `path`, `body` and `answer` of each, in order, by nobody but `mig`.
        possible_orphans: How many births without a clear answer the runs counted.

    Returns:
        One line for each breach: a marker that stood twice at one time, a write into what was removed, a conversation
        filled before it had its name, a nameless birth nobody counted.
    """
    return _Judge(possible_orphans).read(history)


class _Judge:
    def __init__(self, possible_orphans: int) -> None:
        self._possible_orphans = possible_orphans
        self._standing: Counter[int] = Counter()
        self._in: dict[str, Counter[int]] = {}
        self._named: dict[str, str] = {}
        self._removed: set[str] = set()
        self._profiles: set[str] = set()
        self._articles: dict[str, str] = {}
        """What articles were born with: their marks."""
        self._breaches: list[str] = []

    def read(self, history: Sequence[Json]) -> list[str]:
        for number, write in enumerate(history, 1):
            path = str(write["path"]).split("?")[0].strip("/").split("/")[3:]  # behind v1/website/{id}
            self._one(f"write {number}", str(write["method"]), path, write["body"], write["answer"])
        nameless = set(self._in) - set(self._named) - self._removed
        if len(nameless) > self._possible_orphans:
            self._say("at the end", f"{len(nameless)} births have no name, {self._possible_orphans} were counted")
        twice = {source: count for source, count in Counter(self._named.values()).items() if count > 1}
        for source in twice:
            self._say("at the end", f"conversation {source} stands twice")
        return self._breaches

    def _one(self, where: str, method: str, path: Sequence[str], body: Any, answer: Any) -> None:
        match method, path:
            case "POST", ["conversation"]:
                self._in[answer["data"]["session_id"]] = Counter()
            case "DELETE", ["conversation", session]:
                self._standing -= self._in.pop(session, Counter())
                self._named.pop(session, None)
                self._removed.add(session)
            case _, ["conversation", session, *rest]:
                if session in self._removed:
                    self._say(where, f"into {session}, which was removed")
                self._into(where, method, session, rest, body)
            case "POST", ["people", "profile"]:
                if body["email"] in self._profiles:
                    self._say(where, "a profile is made a second time")
                self._profiles.add(body["email"])
            case "POST", ["helpdesk", "locale", _, "article"]:
                if body["title"] in self._articles.values():
                    self._say(where, f"{body['title']} is born a second time")
                self._articles[answer["data"]["article_id"]] = body["title"]
            case "DELETE", ["helpdesk", "locale", _, "article", article]:
                self._articles.pop(article, None)
            case _:
                pass

    def _into(self, where: str, method: str, session: str, rest: Sequence[str], body: Any) -> None:
        there = self._in.setdefault(session, Counter())
        if method == "PATCH" and rest == ["meta"] and "source_id" in (body.get("data") or {}):
            self._named[session] = body["data"]["source_id"]
        if method == "POST" and rest == ["message"] and "source_id" in body.get("properties", {}):
            mark = body["fingerprint"]
            if session not in self._named:
                self._say(where, f"into {session}, which has no name yet")
            if self._standing[mark]:
                self._say(where, f"{body['properties']['source_id']} is said a second time")
            self._standing[mark] += 1
            there[mark] += 1
        if method == "DELETE" and rest[:1] == ["message"]:
            mark = int(rest[1])
            self._standing[mark] = max(0, self._standing[mark] - there.pop(mark, 0))

    def _say(self, where: str, what: str) -> None:
        self._breaches.append(f"{where}: {what}")
