"""Routes and what their handlers are called with; a path is looked up segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mig_crisp.sandbox.answers import Answer, Json, missing
from mig_crisp.sandbox.shapes import Check, Read, whole

if TYPE_CHECKING:
    from mig_crisp.sandbox.workspace import Profile, Session, Workspace

_PAGE = whole(1, 1_000_000)


@dataclass(slots=True)
class Call:
    """One accepted request, as a handler sees it."""

    desk: Workspace
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    now: int
    """Milliseconds of the sandbox's clock."""
    number: int
    """Its place in the history, if it is a write and accepted."""
    stale: bool = False
    """What was read is older than the last write."""

    def session(self) -> Session:
        """The conversation the path names, to be changed now."""
        session = self.desk.sessions.take(self.params["session_id"], self.now)
        if session is None:
            raise missing("session")
        return session

    def seen_session(self) -> Session:
        """The conversation the path names, as a reader sees it."""
        name, at = self.params["session_id"], self.desk.read_at(self.now)
        self.stale = self.desk.sessions.stale(name, at)
        session = self.desk.sessions.seen(name, at)
        if session is None:
            raise missing("session")
        return session

    def profile(self, *, by_email: bool = False) -> Profile:
        """The profile the path names, to be changed now."""
        profile = self.desk.people.take(self._people_id(by_email), self.now)
        if profile is None:
            raise missing("people")
        return profile

    def seen_profile(self, *, by_email: bool = False) -> Profile:
        """The profile the path names, as a reader sees it."""
        name, at = self._people_id(by_email), self.desk.read_at(self.now)
        self.stale = self.desk.people.stale(name, at)
        profile = self.desk.people.seen(name, at)
        if profile is None:
            raise missing("people")
        return profile

    def page(self) -> int:
        """The page the path names, from 1."""
        page: int = _PAGE(self.params["page"], "params.page")
        return page

    def notify(self, kind: str, session_id: str | None = None, detail: str = "") -> None:
        """Count that this call notifies a person."""
        self.desk.notices.add(kind, session_id, self.now, self.number, detail)

    def _people_id(self, by_email: bool) -> str:
        name = self.params["people_id"]
        return self.desk.people_by_email.get(name.casefold(), name) if by_email and "@" in name else name


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and what it asks of the caller."""

    method: str
    path: str
    """Under /v1; a segment in braces is a parameter, and one like `{path*}`, the last, takes all that follow.

    Of the latter the handler gets the segments percent-encoded again, so that a slash inside one stays in it.
    """
    handler: Handler
    scope: str = ""
    """The scope a key must have; empty: any key."""
    body: Check | None = None
    """None: the route has no body, or an empty one."""
    query: Mapping[str, Read] = field(default_factory=dict)
    closed: str = ""
    """The switch that opens it to website and plugin keys; empty: it is open."""
    tier: str = ""
    """The only tier that may call it; empty: any."""


@dataclass(slots=True)
class _Node:
    words: dict[str, _Node] = field(default_factory=dict)
    parameter: tuple[str, _Node] | None = None
    rest: tuple[str, _Node] | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds a route in as many steps as its path has segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.endswith("*}"):
                node.rest = node.rest or (segment[1:-2], _Node())
                node = node.rest[1]
            elif segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = (segment[1:-1], _Node())
                assert node.parameter[0] == segment[1:-1], f"{route.path}: two names for one segment"
                node = node.parameter[1]
            else:
                node = node.words.setdefault(segment, _Node())
        node.routes[route.method] = route

    def find(self, method: str, segments: list[str]) -> tuple[Route | None, Json]:
        """The route of a path, already split and decoded, and its parameters; None for a wrong method or path."""
        node, params = self._root, {}
        for place, segment in enumerate(segments):
            word = node.words.get(segment)
            if node.rest is not None:
                params[node.rest[0]] = "/".join(quote(one, safe="") for one in segments[place:])
                return node.rest[1].routes.get(method), params
            if word is not None:
                node = word
            elif node.parameter is not None and segment:
                params[node.parameter[0]] = segment
                node = node.parameter[1]
            else:
                return None, params
        return node.routes.get(method), params
