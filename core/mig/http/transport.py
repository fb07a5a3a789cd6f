"""aiohttp's connections under httpx's client: its parser is in C, and a run spends most of its time on HTTP.

What an error says about the request is decided here, and it is the heart of the write protocol: only what failed before
a connection stood is certain to have had no effect.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import aiohttp
import httpx
from yarl import URL

_CHUNK = 65_536


def transport_for(host: str, limits: httpx.Limits, *, loopback: bool) -> httpx.AsyncBaseTransport | None:
    """The transport for a platform's API; None: httpx's own, which goes through the proxies of the environment.

    Args:
        host: Whose API it is.
        limits: Connections kept.
        loopback: It is this machine, before which no proxy stands.
    """
    if not loopback and urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return None
    return AiohttpTransport(limits, httpx.create_ssl_context())


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends requests through aiohttp.

    Args:
        limits: Connections kept.
        context: For https.
    """

    def __init__(self, limits: httpx.Limits, context: ssl.SSLContext) -> None:
        self._limits = limits
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._limits.max_connections or 0,
                keepalive_timeout=self._limits.keepalive_expiry,
                ssl=self._context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # httpx does
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert self._session is not None, "it is entered with its client"
        waits = request.extensions.get("timeout", {})
        try:
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=request.content or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=waits.get("pool"), sock_connect=waits.get("connect"), sock_read=waits.get("read")
                ),
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise httpx.ConnectError(type(error).__name__, request=request) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise httpx.InvalidURL(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise httpx.ReadError(type(error).__name__, request=request) from error
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Stream(answer, request), request=request
        )


class _Stream(httpx.AsyncByteStream):
    """The bytes of an answer."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise httpx.ReadError(type(error).__name__, request=self._request) from error

    async def aclose(self) -> None:
        self._answer.release()
