"""A network that leads nowhere: every connection asked for is written down, and answered from memory.

It stands where httpcore would open a socket, so what it records is what would have been connected to. A name that
comes this far is looked up once more, as the machine would: that is the gap a changing name server slips through.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpcore
import httpx

PUBLIC, OTHER = "93.184.216.34", "1.1.1.1"
"""Addresses of the open internet."""
Answer = Callable[[bytes], Iterable[bytes]]
"""A request's head -> the bytes of its answer, piece by piece."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes"
_TRUST = httpx.create_ssl_context()  # made once: it reads every root certificate


class Names:
    """A name server.

    Args:
        answers: Name -> its answers, one for each time it is asked; the last stays.
    """

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        """What a name has now; decimal, octal, hex and short forms are numbers here, as in `getaddrinfo`.

        Raises:
            OSError: Nobody knows the name.
            UnicodeError: It is no name.
        """
        self.asked.append(host)
        host.encode("idna")
        name = host.lower().rstrip(".")
        if name in ("localhost", "ip6-localhost"):
            return ["127.0.0.1", "::1"]
        if name in self._answers:
            given = self._answers[name]
            return given.pop(0) if len(given) > 1 else given[0]
        try:
            return [socket.inet_ntoa(socket.inet_aton(name))]
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


class Wires(httpcore.AsyncNetworkBackend):
    """Where sockets would be opened.

    Args:
        names: Asked when somebody connects to a name instead of an address.
        answer: What is said to a request; None: five bytes, to any.
    """

    def __init__(self, names: Names, answer: Answer | None = None) -> None:
        self._names = names
        self._answer = answer or (lambda head: [OK])
        self.reached: list[str] = []
        """`address:port` of every connection."""
        self.greeted: list[str] = []
        """The name whose certificate was asked for, of every encrypted connection."""
        self.heads: list[bytes] = []
        """Every request, without its body."""

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """Write down where a connection would have gone."""
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            try:
                address = (await self._names(host))[0]
            except OSError as error:
                raise httpcore.ConnectError("no such name") from error
        self.reached.append(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
        return _Stream(self)

    def answers(self, head: bytes) -> Iterator[bytes]:
        """The pieces of the answer to a request."""
        self.heads.append(head)
        return iter(self._answer(head))

    def transport(self) -> httpx.AsyncHTTPTransport:
        """httpx's own transport, pool and parser, with these wires under it."""
        transport = httpx.AsyncHTTPTransport(verify=_TRUST, trust_env=False)
        # httpx has no parameter for it; everything above the socket stays the real thing.
        transport._pool = httpcore.AsyncConnectionPool(ssl_context=_TRUST, network_backend=self, keepalive_expiry=20)
        return transport


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._sent = b""
        self._pieces: Iterator[bytes] = iter(())
        self._rest = b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._sent += buffer
        head, end, _ = self._sent.partition(b"\r\n\r\n")
        if end:
            self._pieces, self._sent = self._wires.answers(head), b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        piece = self._rest or next(self._pieces, b"")
        self._rest = piece[max_bytes:]
        return piece[:max_bytes]

    async def aclose(self) -> None:
        """Nothing is open."""

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self._wires.greeted.append(server_hostname or "")
        return self

    def get_extra_info(self, info: str) -> Any:
        return None


def moved(to: str, status: int = 302) -> bytes:
    """A redirect."""
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def host_of(head: bytes) -> str:
    """Whom a request names as its host."""
    lines = head.decode("latin-1").split("\r\n")
    return next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:"))
