"""Addresses that came from data: never followed inward, never with credentials, never without end.

A file's address is what somebody wrote into a record. It must be https, or lie on an origin the person configured; the
name is resolved here, every address it has must be public, and the connection goes to one of those very addresses, so
that a second answer of the name server cannot lead elsewhere. Each redirect is looked at in the same way.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from mig.errors import Lost, Unclear
from mig.http.client import origin_of
from mig.http.packed import PackedOtherwise, unpacked
from mig.http.wire import Unreachable

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""A host's name -> its IP addresses."""
_REDIRECTS = 5
_MOVED = frozenset((301, 302, 303, 307, 308))
_BLOCK = 65_536
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INWARD = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # a cloud's metadata among them; which parts Python calls global changes with its version
            "192.88.99.0/24",  # relays into 6to4
            "168.63.129.16/32",  # the inside of a cloud, at an address that is public by its number
            "3fff::/20",  # documentation
        ),
    )
)
"""Beside what Python's own tables hold."""
_ISATAP = frozenset((0x0000_5EFE, 0x0200_5EFE))
_FORBIDDEN = "mig reads files from the open internet only, by https: attach it anew at the source, then run again."


class Opened(Struct, frozen=True):
    """An answer whose bytes are still to come."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    chunks: AsyncIterator[bytes]
    """Unpacked. Raises `Unclear` when it breaks off, `Lost` when it is packed as nobody asked."""


class Outside:
    """Reads and writes addresses that came from data.

    Args:
        allowed: Addresses whose origins (scheme, host and port) may be http and private: those a person configured.
        timeout_s: For connecting, and for each pause in an answer.
        transport: None: the real network.
        resolve: None: the machine's resolver.
    """

    def __init__(
        self,
        *,
        allowed: Sequence[str] = (),
        timeout_s: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolver | None = None,
    ) -> None:
        self._allowed = {origin for origin in map(origin_of, allowed) if origin}
        self._resolve = resolve or _resolve
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s),
            transport=transport,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "mig"},
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=20),
            trust_env=False,  # a proxy would resolve names by itself, behind the guard
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[Opened]:
        """Open an address for reading; redirects are followed, each guarded like the first.

        Raises:
            Lost: It is forbidden ground, or leads in circles.
            Unclear: No answer, or none to its end.
        """
        for _ in range(_REDIRECTS + 1):
            async with self._sent("GET", url) as response:
                if response.status_code in _MOVED and "location" in response.headers:
                    url = _joined(url, response.headers["location"])
                    continue
                headers = {name.lower(): value for name, value in response.headers.items()}
                yield Opened(response.status_code, headers, _chunks(response))
                return
        raise Lost(f"its address was redirected more than {_REDIRECTS} times", _FORBIDDEN)

    async def put(self, url: str, file: Path, headers: Mapping[str, str]) -> int:
        """Send a file's bytes to an address, streaming; redirects are not followed.

        Args:
            url: Where to.
            file: What.
            headers: Beside `Content-Length`.

        Returns:
            The status.

        Raises:
            Lost: The address is forbidden ground.
            Unclear: No whole answer.
        """
        size = str((await asyncio.to_thread(file.stat)).st_size)
        async with self._sent("PUT", url, content=_blocks(file), headers={**headers, "Content-Length": size}) as answer:
            return answer.status_code

    @asynccontextmanager
    async def _sent(
        self, method: str, url: str, *, content: AsyncIterator[bytes] | None = None, headers: Mapping[str, str] = {}
    ) -> AsyncIterator[httpx.Response]:
        target, host, addresses = await self._checked(url)
        request = self._client.build_request(method, target, content=content, headers=dict(headers))
        request.headers["Host"] = request.url.netloc.decode("ascii")
        try:
            response = await self._first(request, host, addresses)
        except httpx.HTTPError as error:
            raise Unclear(f"no answer from where a file lies ({type(error).__name__})") from error
        try:
            yield response
        finally:
            await response.aclose()

    async def _first(self, request: httpx.Request, host: str, addresses: Sequence[str]) -> httpx.Response:
        """Ask the first of the addresses that can be reached."""
        name = request.url
        for number, address in enumerate(addresses, 1):
            if address:  # connect to what was checked; the certificate is still that of the name
                request.url = name.copy_with(host=address)
                request.extensions["sni_hostname"] = host
                # Connections are kept by address: kept, this one would serve another name under this one's certificate.
                request.headers["Connection"] = "close"
            try:
                return await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if number == len(addresses):
                    raise Unreachable(f"where a file lies cannot be reached ({type(error).__name__})") from error
        raise Unreachable("where a file lies has no address")

    async def _checked(self, url: str) -> tuple[httpx.URL, str, Sequence[str]]:
        """The address as httpx wants it, its host, and where to connect; ("",) means: by its name."""
        origin = origin_of(url)
        try:
            target = httpx.URL(url)
            host = target.host  # a name that no name can be shows here
        except (httpx.InvalidURL, ValueError) as error:
            raise Lost("its address is no address", _FORBIDDEN) from error
        if origin is None or any(char <= " " or char == "\\" for char in url):
            raise Lost("its address is no address of the web", _FORBIDDEN)
        if target.userinfo:
            raise Lost("its address carries credentials and was not followed", _FORBIDDEN)
        if origin in self._allowed:
            return target, host, ("",)
        if target.scheme != "https":
            raise Lost("its address is not https and was not followed", _FORBIDDEN)
        addresses = await self._addresses(host)
        if not all(map(_is_public, addresses)):
            raise Lost("its address leads into a private network and was not followed", _FORBIDDEN)
        return target, host, addresses

    async def _addresses(self, host: str) -> Sequence[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            found = await self._resolve(host)
        except UnicodeError as error:  # a label no name server takes
            raise Lost("its address is no address", _FORBIDDEN) from error
        except OSError as error:
            raise Unreachable("the host of a file's address has no address now") from error
        if not found:
            raise Unreachable("the host of a file's address has no address now")
        return found


def _is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it is wrapped in another."""
    if "%" in address:
        return False  # a zone is a link of this machine
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        inner = ip.ipv4_mapped or ip.sixtofour or (last if ip in _NAT64 else None)
        if inner is not None:
            return _is_public(str(inner))
        tunnels = int(ip) >> 32 & 0xFFFFFFFF in _ISATAP
        if ip.is_site_local or (tunnels and not _is_public(str(last))):
            return False
    inward = ip.is_multicast or ip.is_reserved or any(ip in network for network in _INWARD)
    return ip.is_global and not inward


async def _resolve(host: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in unpacked(response):
            yield chunk
    except PackedOtherwise as error:
        raise Lost(f"its store sends it packed ({error}), though it was asked not to", "Fetch it by hand.") from error
    except (httpx.HTTPError, httpx.StreamError, zlib.error) as error:
        raise Unclear(f"a file's bytes broke off ({type(error).__name__})") from error


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as handle:
        while block := await asyncio.to_thread(handle.read, _BLOCK):
            yield block


def _joined(url: str, location: str) -> str:
    """Where a redirect leads."""
    try:
        return str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError):  # UnicodeError is a ValueError
        return location if urlsplit(location).scheme else ""
