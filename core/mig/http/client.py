"""The one HTTP client: pacing, limits, redaction, and errors that say whether a request may have had an effect.

httpx and aiohttp's client are imported in this package and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import msgspec

from mig.errors import Refused, Unclear
from mig.failpoints import failpoint
from mig.http.wire import Answer, Unreachable, wire_to
from mig.platforms import Access

_VERSION = re.compile(r"v\d{1,2}")
_TELLING = re.compile(r"[\d@%=]")
"""What only a part of a path has that names somebody or something."""


class Http:
    """A client for one platform's API.

    Args:
        base_url: Origin and prefix; every path is taken below this origin, and no other is ever asked.
        access: Clock, budgets and transport.
        headers: Sent with every request; they hold the credentials and are never printed.
        timeout_s: For connecting, for sending, and for each pause in the answer.
        max_answer: Bytes of an answer that are read at most.
    """

    def __init__(
        self,
        base_url: str,
        access: Access,
        *,
        headers: Mapping[str, str],
        timeout_s: float = 60.0,
        max_answer: int = 64 << 20,
    ) -> None:
        parts = urlsplit(base_url)
        origin = origin_of(base_url)
        if origin is None or parts.username is not None:
            raise Refused(
                "the platform's address is not a plain http(s) URL",
                "Correct the setting `url`; keys do not belong in it.",
            )
        self._origin = origin
        self._prefix = parts.path.rstrip("/")
        self._access = access
        self._wire = wire_to(
            parts.hostname or "",
            headers,
            timeout_s=timeout_s,
            max_answer=max_answer,
            transport=access.transport,
        )

    async def __aenter__(self) -> Self:
        await self._wire.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        spend: Sequence[str] = (),
    ) -> Answer:
        """Send one request, after its budgets allow it.

        Args:
            method: GET, POST ...
            path: Below the prefix of the base URL; a whole path from a `links.next` may repeat the prefix.
            query: Added to the path's own.
            body: JSON; None sends no body.
            spend: Budgets this request counts in.

        Raises:
            Unreachable: Nothing was sent.
            Unclear: Sent, or perhaps sent, and no whole answer came back.
            Refused: The path points to another origin.
        """
        url = self.url(path)
        counted_at = await self._access.budgets.spend(spend)
        try:
            return await self._send(method, url, path, query, body)
        finally:
            self._access.budgets.landed(spend, counted_at)

    async def _send(
        self, method: str, url: str, path: str, query: Mapping[str, str | int] | None, body: object
    ) -> Answer:
        self._access.meter[method] += 1
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        failpoint("request.before")
        whole = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
        try:
            answer = await self._wire.send(method, whole, headers, content)
        except Unreachable as error:
            raise Unreachable(f"{self._origin} cannot be reached ({error.message})") from error
        except Unclear as error:
            raise Unclear(f"no answer to {method} {shape(path)} ({error.message})") from error
        failpoint("request.answered")
        return answer

    def url(self, path: str) -> str:
        """The whole address of a path or of a link an answer gave.

        Raises:
            Refused: It leads to another origin: the key travels in the header.
        """
        whole = path
        if path.startswith("/") and not path.startswith("//"):
            repeated = self._prefix and path.startswith(self._prefix + "/")
            whole = self._origin + path if repeated else self._origin + self._prefix + path
        strange = any(char <= " " or char == "\\" for char in path)
        if strange or origin_of(whole) != self._origin or "@" in urlsplit(whole).netloc:
            raise Refused("a link in an answer leads to another host; it was not followed", "Check `url`.")
        return whole


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, if it is a number; absurd ones (over an hour) are cut to an hour."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), 3600.0) if seconds == seconds else None


def origin_of(url: str) -> str | None:
    """Scheme, host and port in one spelling; None for what is no http(s) address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    usual = {"http": 80, "https": 443}[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port is not None and port != usual else "")


def shape(path: str) -> str:
    """A path without its query, ids and addresses, fit for a log; the version of an API (`v1`) stays."""
    parts = path.split("?")[0].split("/")
    return "/".join("{}" if not _VERSION.fullmatch(part) and _TELLING.search(part) else part for part in parts)


__all__ = ["Answer", "Http", "Unreachable", "origin_of", "retry_after", "shape"]
