"""Addresses that came from data are untrusted: no name server, redirect or trick leads them inward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig import Lost, Unclear
from mig.http import Outside, Unreachable

NAMES = {
    "files.example": ["93.184.216.34"],
    "two.example": ["192.0.2.1", "93.184.216.34"],
    "inward.example": ["10.1.2.3"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "linklocal.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "sixtofour.example": ["2002:0a00:0001::1"],
    "nat64.example": ["64:ff9b::a00:1"],
    "ula.example": ["fd00::1"],
    "six.example": ["2606:2800:220:1:248:1893:25c8:1946"],
}


async def resolve(host: str) -> Sequence[str]:
    host.encode("idna")  # as the machine's resolver does
    if host not in NAMES:
        raise OSError("unknown")
    return NAMES[host]


class Net(httpx.AsyncBaseTransport):
    """Answers by the name a request is for, and remembers every request."""

    def __init__(self, answers: dict[str, httpx.Response]) -> None:
        self.answers = answers
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        body = b"".join([chunk async for chunk in request.stream])  # type: ignore[union-attr]
        request.extensions["sent"] = body
        return self.answers.get(request.headers["Host"], httpx.Response(200, content=b"bytes"))


def moved(to: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"Location": to})


async def fetched(url: str, net: Net, allowed: Sequence[str] = ()) -> tuple[int, bytes]:
    async with Outside(transport=net, resolve=resolve, allowed=allowed) as outside, outside.get(url) as opened:
        return opened.status, b"".join([chunk async for chunk in opened.chunks])


async def test_a_public_address_is_read_without_credentials_at_the_very_address_that_was_checked() -> None:
    net = Net({})
    assert await fetched("https://files.example/a%20b.png?X-Sig=1", net) == (200, b"bytes")
    (request,) = net.seen
    assert str(request.url) == "https://93.184.216.34/a%20b.png?X-Sig=1"
    assert request.headers["Host"] == "files.example"
    assert request.extensions["sni_hostname"] == "files.example"
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers


async def test_an_address_of_the_sixth_version_too() -> None:
    net = Net({})
    assert await fetched("https://six.example:8443/f", net) == (200, b"bytes")
    assert net.seen[0].url.host == NAMES["six.example"][0]
    assert net.seen[0].headers["Host"] == "six.example:8443"


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/f",
        "ftp://files.example/f",
        "file:" + "///etc/passwd",
        "https://user:secret@files.example/f",
        "https://127.0.0.1/f",
        "https://[::1]/f",
        "https://[::ffff:127.0.0.1]/f",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/f",
        "https://0/f",
        "https://224.0.0.1/f",
        "https://240.0.0.1/f",
        *(f"https://{name}/f" for name in NAMES if name.split(".")[0] not in ("files", "two", "six")),
        "https://cdn..x/f",
        f"https://{'x' * 64}.example/f",
        "https://xn--/f",
        "https://[fec0::1]/f",
        "https://files.example:99999/f",
        "https://files.example/a\tb",
        "https:\\\\files.example\\f",
        "",
        "not an address",
        "https://",
        "//files.example/f",
    ],
)
async def test_forbidden_ground_is_never_asked(url: str) -> None:
    net = Net({})
    with pytest.raises((Lost, Unreachable)):
        await fetched(url, net)
    assert net.seen == []


async def test_all_addresses_of_a_name_must_be_public_and_each_is_tried() -> None:
    asked: list[str] = []

    async def refuses(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.host == "93.184.216.34":
            raise httpx.ConnectError("no")
        return httpx.Response(200, content=b"bytes")

    async def both(host: str) -> Sequence[str]:
        return ["93.184.216.34", "1.1.1.1"]

    transport = httpx.MockTransport(refuses)
    async with Outside(transport=transport, resolve=both) as outside, outside.get("https://two.example/f") as opened:
        assert opened.status == 200
    assert asked == ["93.184.216.34", "1.1.1.1"]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:8080/admin",
        "https://inward.example/f",
        "https://mixed.example/f",
        "http://files.example/plain",
        "//localhost/f",
        "file:" + "///etc/passwd",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inward_is_not_followed(location: str, status: int) -> None:
    net = Net({"files.example": moved(location, status)})
    with pytest.raises((Lost, Unreachable)):
        await fetched("https://files.example/f", net)
    assert len(net.seen) == 1


async def test_a_redirect_outward_is_followed_a_few_times() -> None:
    net = Net({"files.example": moved("https://six.example/g")})
    assert await fetched("https://files.example/f", net) == (200, b"bytes")
    assert [request.headers["Host"] for request in net.seen] == ["files.example", "six.example"]
    circle = Net({"files.example": moved("/again")})
    with pytest.raises(Lost, match="redirected more than"):
        await fetched("https://files.example/f", circle)
    assert len(circle.seen) == 6


async def test_a_configured_origin_may_be_private_and_plain_but_only_that_very_one() -> None:
    allowed = ["http://127.0.0.1:4010/v1"]
    assert await fetched("http://127.0.0.1:4010/_files/x", Net({}), allowed) == (200, b"bytes")
    for url in ("http://127.0.0.1:4011/f", "https://127.0.0.1:4010/f", "http://localhost:4010/f"):
        with pytest.raises((Lost, Unreachable)):
            await fetched(url, Net({}), allowed)


async def test_an_unknown_name_is_tried_again_later() -> None:
    with pytest.raises(Unreachable):
        await fetched("https://nobody.example/f", Net({}))


async def test_bytes_that_break_off_are_unclear() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise httpx.ReadError("cut")

    net = Net({"files.example": httpx.Response(200, content=broken())})
    with pytest.raises(Unclear):
        await fetched("https://files.example/f", net)


async def test_a_file_is_put_with_its_length_and_redirects_are_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 70_000)
    net = Net({"files.example": moved("https://six.example/")})
    async with Outside(transport=net, resolve=resolve) as outside:
        status = await outside.put("https://files.example/put?s=1", file, {"Content-Type": "image/png"})
    (request,) = net.seen
    assert status == 302
    assert request.extensions["sent"] == file.read_bytes()
    assert request.headers["Content-Length"] == "70000"
    assert "Transfer-Encoding" not in request.headers
    assert request.headers["Content-Type"] == "image/png"


@given(st.ip_addresses())
def test_no_private_address_passes(address: object) -> None:
    import ipaddress

    ip = ipaddress.ip_address(str(address))
    net = Net({})
    url = f"https://[{ip}]/f" if ip.version == 6 else f"https://{ip}/f"
    try:
        asyncio.run(fetched(url, net))
    except Lost:
        assert net.seen == []
        return
    assert ip.is_global
    assert not ip.is_multicast
