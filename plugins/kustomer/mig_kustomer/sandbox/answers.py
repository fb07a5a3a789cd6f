"""Envelopes, pages and errors as the API page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct

from mig_kustomer.sandbox.rows import Json, encode

#: No query, list or search, gives more rows than this, unless a switch says otherwise.
ROW_CAP = 10_000

#: Families whose errors have the short shape (code, message, meta); the others have the long one.
_SHORT_ERRORS = frozenset(
    {"auth", "business_rules", "hooks", "metadata", "routes", "search", "tags", "teams", "users", "workflows"}
)

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "too_many_requests",
}


class Refusal(Exception):
    """The API answers a request with an error."""

    def __init__(self, status: int, title: str, *, detail: str = "", parameter: str = "", pointer: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.source = {"parameter": parameter} if parameter else {"pointer": pointer} if pointer else {}


def bad(message: str, *, parameter: str = "", pointer: str = "") -> Refusal:
    """A 400: the request itself is wrong, sending it again changes nothing."""
    return Refusal(400, message, parameter=parameter, pointer=pointer)


def error_body(
    family: str, status: int, title: str, detail: str = "", source: Mapping[str, str] | None = None
) -> bytes:
    """The errors document, in the shape this family of endpoints has."""
    code = _CODES.get(status, "internal_server_error")
    error: Json
    if family in _SHORT_ERRORS:
        error = {"code": code, "message": f"{title} {detail}".strip(), "meta": {}}
    else:
        # The page allows a status in quotes; the knowledge base is where this sandbox has them.
        shown: int | str = str(status) if family == "kb" else status
        error = {"status": shown, "code": code, "title": title, "detail": detail or title}
        error |= {"source": dict(source)} if source else {}
        error["meta"] = {}
    return encode({"errors": [error]})


def json_answer(body: bytes, status: int = 200) -> web.Response:
    """A JSON response of bytes that are JSON already."""
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def single(body: bytes, included: bytes | None = None) -> bytes:
    """`{"data": resource}`."""
    if included is None:
        return b'{"data":' + body + b"}"
    return b'{"data":' + body + b',"included":' + included + b"}"


def joined(rows: Iterable[bytes]) -> bytes:
    """A JSON array of encoded rows."""
    return b"[" + b",".join(rows) + b"]"


def listed(meta: Json | None, rows: Sequence[bytes], links: Json, included: Sequence[bytes] | None = None) -> bytes:
    """`{"meta", "data", "links", "included"?}`."""
    parts = [b"{"]
    if meta is not None:
        parts.append(b'"meta":' + encode(meta) + b",")
    parts += [b'"data":', joined(rows), b',"links":', encode(links)]
    if included is not None:
        parts += [b',"included":', joined(included)]
    return b"".join([*parts, b"}"])


class Paging(Struct, frozen=True):
    """How a list pages."""

    default: int = 100
    maximum: int = 100
    totals: bool = False
    """Whether meta says total and totalPages."""
    pages: int | None = None
    """A hard limit of pages, for searches."""


class Page(Struct, frozen=True):
    """Which part of a list was asked for."""

    number: int
    size: int
    path: str
    others: tuple[tuple[str, str], ...]
    """The other query parameters: every link repeats them."""

    @property
    def start(self) -> int:
        """The position of its first row."""
        return (self.number - 1) * self.size

    def cut(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows of this page."""
        return rows[self.start : self.start + self.size]

    def link(self, number: int) -> str:
        """The relative path of another page of the same list."""
        query = [("page", str(number)), ("pageSize", str(self.size)), *self.others]
        return f"{self.path}?{urlencode(query)}"


def read_page(path: str, query: Sequence[tuple[str, str]], paging: Paging, cap: int = ROW_CAP) -> Page:
    """Read `page` and `pageSize`, and refuse what lies outside the limits and the cap.

    Raises:
        Refusal: 400, naming the parameter.
    """
    given = dict(query)
    number = _positive(given, "page", 1)
    size = _positive(given, "pageSize", paging.default)
    if size > paging.maximum:
        raise bad(f"pageSize must be at most {paging.maximum}.", parameter="pageSize")
    if number * size > cap or (paging.pages is not None and number > paging.pages):
        raise bad("Result window is too large: page exceeds the maximum.", parameter="page")
    others = tuple((name, value) for name, value in query if name not in ("page", "pageSize"))
    return Page(number, size, path, others)


def _positive(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise bad(f"{name} must be a positive integer.", parameter=name)
    return int(text)


def list_links(page: Page, *, more: bool) -> Json:
    """The links of a list: `next` is there beyond the cap too, where asking for it fails."""
    return {
        "self": page.link(page.number),
        "first": page.link(1),
        "prev": page.link(page.number - 1) if page.number > 1 else None,
        "next": page.link(page.number + 1) if more else None,
    }


def list_page(page: Page, rows: Sequence[bytes], total: int | None, included: Sequence[bytes] | None = None) -> bytes:
    """A whole list answer.

    Without totals the server does not count: a full page has a `next`, even when that one will be empty.
    """
    meta: Json = {"pageSize": page.size, "page": page.number}
    more = len(rows) == page.size
    if total is not None:
        meta |= {"total": total, "totalPages": -(-total // page.size)}
        more = page.start + page.size < total
    return listed(meta, rows, list_links(page, more=more), included)
