"""From a request to the endpoint that answers it: templates, parameters, and what every endpoint is handed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec
from aiohttp import web

from mig_kustomer.sandbox.answers import Page, Paging, Refusal, bad, read_page

if TYPE_CHECKING:
    from mig_kustomer.sandbox.files import ObjectStore
    from mig_kustomer.sandbox.organisation import Organisation
    from mig_kustomer.sandbox.rows import Row
    from mig_kustomer.sandbox.store import Store


class Call:
    """One request, as an endpoint sees it."""

    def __init__(self, request: web.Request, body: bytes, organisation: Organisation, files: ObjectStore) -> None:
        self.body = body
        self.organisation = organisation
        self.files = files
        self.params: dict[str, str] = {}
        self.path = request.path.rstrip("/")
        self.query = request.query
        self.base = f"{request.scheme}://{request.host}"
        self.headers = request.headers

    @property
    def store(self) -> Store:
        """The organisation's tables."""
        return self.organisation.store

    def page(self, paging: Paging) -> Page:
        """The page this request asks for."""
        return read_page(self.path, list(self.query.items()), paging, self.organisation.switches.cap)

    def found(self, kind: str, title: str, name: str = "id") -> Row:
        """The row a path parameter names.

        Raises:
            Refusal: 404.
        """
        row = self.store.get(kind, self.params[name])
        if row is None:
            raise Refusal(404, f"{title} not found", parameter=name)
        return row

    def json(self) -> object:
        """The request's JSON body.

        Raises:
            Refusal: 400: it is none, or is not announced as JSON.
        """
        if self.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise bad("Content-Type must be application/json.")
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            raise bad("Invalid request body or parameters.") from None


Endpoint = Callable[[Call], web.Response]


class Route(msgspec.Struct, frozen=True):
    """An endpoint and where it is found."""

    template: str
    family: str
    endpoint: Endpoint
    method: str = "GET"
    search: bool = False
    """Whether it spends from the search budget too."""

    @property
    def name(self) -> str:
        """What counters call it."""
        return f"{self.method} {self.template}"


class Router:
    """Finds the route of a path; a literal segment wins over a parameter."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_length: dict[tuple[str, int], list[tuple[list[str], Route]]] = defaultdict(list)
        for route in routes:
            segments = route.template.strip("/").split("/")
            self._by_length[route.method, len(segments)].append((segments, route))
        for held in self._by_length.values():
            held.sort(key=lambda entry: [_weight(segment) for segment in entry[0]])

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a raw path and its parameters, decoded; None when there is none."""
        given = raw_path.strip("/").split("/")
        for segments, route in self._by_length.get((method, len(given)), ()):
            params = _match(segments, given)
            if params is not None:
                return route, params
        return None


def _weight(segment: str) -> int:
    if "{" not in segment:
        return 0
    return 1 if not segment.startswith("{") else 2


def _match(segments: list[str], given: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for segment, text in zip(segments, given, strict=True):
        prefix, brace, name = segment.partition("{")
        if not brace:
            if text != segment:
                return None
            continue
        decoded = unquote(text)
        if not decoded.startswith(prefix) or decoded == prefix:
            return None
        params[name.rstrip("}")] = decoded.removeprefix(prefix)
    return params
