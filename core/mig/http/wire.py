"""How one request leaves and its answer comes: aiohttp's connections, or httpx where a proxy or a test stands between.

A run spends most of its time on HTTP, and aiohttp's parser is in C. What an error says of the request is decided here,
and it is the heart of the write protocol: only what failed before a connection stood is certain to have had no effect.
"""

from __future__ import annotations

import ipaddress
import json
import urllib.request
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import httpx
import msgspec
from msgspec import Struct
from yarl import URL

from mig.errors import NotApplied, Refused, Unclear
from mig.http.packed import PackedOtherwise, unpacked

_CONNECTIONS = 64
_KEPT_S = 20.0
_CHUNK = 65_536


class Unreachable(NotApplied):
    """No connection could be made: nothing was sent."""


class Answer(Struct, frozen=True):
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON; half surrogates and NUL, which real desks hold, are let through.

        Raises:
            Unclear: It is not JSON (a garbled answer says nothing about the effect).
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                return json.loads(self.body.decode("utf-8", "surrogatepass"))
            except (ValueError, UnicodeDecodeError, RecursionError) as error:
                raise Unclear(f"an answer with status {self.status} is not JSON ({len(self.body)} bytes)") from error


class Wire(Protocol):
    """Sends requests of one platform."""

    async def open(self) -> None:
        """Called once, before the first request."""
        ...

    async def close(self) -> None:
        """Called once, after the last."""
        ...

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """Send one request and read its whole answer; redirects are not followed.

        Raises:
            Unreachable: Nothing was sent.
            Unclear: Sent, or perhaps sent, and no whole answer came back.
            Refused: The address is none.
        """
        ...


def wire_to(
    host: str,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    max_answer: int,
    transport: httpx.AsyncBaseTransport | None,
) -> Wire:
    """The wire to a platform's API.

    Args:
        host: Whose.
        headers: Sent with every request.
        timeout_s: For connecting, for sending, and for each pause in the answer.
        max_answer: Bytes of an answer that are read at most.
        transport: One that was handed in; None: the real network.
    """
    near = _is_loopback(host)  # a proxy never stands before this machine itself
    proxied = not near and bool(urllib.request.getproxies()) and not urllib.request.proxy_bypass(host)
    if transport is not None or proxied:
        return _Httpx(headers, timeout_s, max_answer, transport, trust_env=not near)
    return AiohttpWire(headers, timeout_s, max_answer)


class AiohttpWire:
    """aiohttp's connections.

    Args:
        headers: Sent with every request.
        timeout_s: For connecting, for sending, and for each pause in the answer.
        max_answer: Bytes of an answer that are read at most.
    """

    def __init__(self, headers: Mapping[str, str], timeout_s: float, max_answer: int) -> None:
        self._headers = dict(headers)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        self._max_answer = max_answer
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS, keepalive_timeout=_KEPT_S, ssl=httpx.create_ssl_context()
            ),
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        assert self._session is not None, "it was opened"
        try:
            whole = URL(url, encoded=url.isascii())
            async with self._session.request(
                method, whole, headers=headers, data=content, allow_redirects=False
            ) as answer:
                chunks, size = [], 0
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    if size > self._max_answer:
                        raise Unclear(f"the answer to {method} is larger than {self._max_answer} bytes")
                    chunks.append(chunk)
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, found, b"".join(chunks))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(type(error).__name__) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Refused(f"the address of a {method} is none", "A link in an answer is broken; report it.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unclear(type(error).__name__) from error


class _Httpx:
    """httpx, with a transport that was handed in or the proxies of the environment."""

    def __init__(
        self,
        headers: Mapping[str, str],
        timeout_s: float,
        max_answer: int,
        transport: httpx.AsyncBaseTransport | None,
        *,
        trust_env: bool,
    ) -> None:
        self._max_answer = max_answer
        self._client = httpx.AsyncClient(
            headers={"Accept-Encoding": "gzip, deflate", **headers},
            timeout=httpx.Timeout(timeout_s),
            transport=transport,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_KEPT_S),
            trust_env=trust_env,
        )

    async def open(self) -> None:
        """Connections are made when they are needed."""

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        try:
            async with self._client.stream(method, url, content=content, headers=dict(headers)) as response:
                chunks, size = [], 0
                async for chunk in unpacked(response):
                    size += len(chunk)
                    if size > self._max_answer:
                        raise Unclear(f"the answer to {method} is larger than {self._max_answer} bytes")
                    chunks.append(chunk)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, found, b"".join(chunks))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(type(error).__name__) from error
        except httpx.InvalidURL as error:
            raise Refused(f"the address of a {method} is none", "A link in an answer is broken; report it.") from error
        except (httpx.HTTPError, zlib.error, PackedOtherwise) as error:
            raise Unclear(type(error).__name__) from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
