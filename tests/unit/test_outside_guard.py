"""The download guard against everything that leads inward: nothing is connected to but the address that was checked.

The network under it is `floor_net.Wires`: it records connections where sockets would be opened, and opens none. That it
would show a breach is proven at the end, with the guard taken away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from floor_net import OK, OTHER, PUBLIC, Names, Wires, host_of, moved
from mig import Lost
from mig.http import Outside, Unreachable

GOOD = "files.example"
KNOWN: Mapping[str, Sequence[Sequence[str]]] = {GOOD: [[PUBLIC]], "other.example": [[OTHER]]}


@dataclass(frozen=True)
class Way:
    """A way inward."""

    url: str
    breach: str = ""
    """`address:port` that is reached when nobody guards; empty: it is no address of the web at all."""
    names: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    """What its name server says, each time it is asked."""
    hops: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Host -> where it redirects to, each time it is asked; afterwards it answers."""


def https(host: str, breach: str | None = None) -> Way:
    """An https address of a host, which is the address reached unless that is named."""
    if ":" in host:
        return Way(f"https://[{host}]/f", f"[{ipaddress.ip_address(host)}]:443")
    return Way(f"https://{host}/f", f"{breach or host}:443")


V4 = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.100.100.200",  # metadata of a cloud
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",  # metadata of most clouds
    "169.254.170.2",
    "168.63.129.16",  # the inside of a cloud, behind an address that looks public
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.192",  # metadata of a cloud
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
V6 = [
    "::",
    "::1",
    "::7f00:1",  # an old way to write 127.0.0.1
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2002:c0a8:101::1",
    "2001:0:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo: 127.0.0.1, turned over
    "2600:1f00::5efe:7f00:1",  # ISATAP: the last four bytes are an address
    "2600:1f00::200:5efe:a00:1",
    "fd00::5efe:101:101",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "2001:10::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of a cloud
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
SPELLED = [
    https("2130706433", "127.0.0.1"),
    https("017700000001", "127.0.0.1"),
    https("0x7f000001", "127.0.0.1"),
    https("0x7f.0.0.1", "127.0.0.1"),
    https("0x7f.1", "127.0.0.1"),
    https("127.1", "127.0.0.1"),
    https("127.0.1", "127.0.0.1"),
    https("10.1", "10.0.0.1"),
    https("2852039166", "169.254.169.254"),
    https("0", "0.0.0.0"),
    https("127.0.0.1.", "127.0.0.1"),
    https("localhost", "127.0.0.1"),
    https("LOCALHOST", "127.0.0.1"),
    https("localhost.", "127.0.0.1"),
    https("ip6-localhost", "127.0.0.1"),
    https("127\u30020\u30020\u30021", "127.0.0.1"),  # ideographic full stops
    Way("https://[0:0:0:0:0:ffff:7f00:1]/f", "[::ffff:7f00:1]:443"),
    Way("https://[::FFFF:7F00:1]:443/f", "[::ffff:7f00:1]:443"),
    Way("HTTPS://127.0.0.1/f", "127.0.0.1:443"),
    Way("https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/f"),  # full-width digits
    Way("https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/f"),  # digits in circles
    Way("https://\u0661\u0662\u0667.\u0660.\u0660.\u0661/f"),  # digits of another script
    Way("https://0177.0.0.01/f"),
    Way("https://%31%32%37.0.0.1/f"),
    Way("https://127.0.0.1%00.files.example/f"),
    Way("https:///127.0.0.1/f"),
    Way("https:127.0.0.1/f"),
    Way("https://[v1.127]/f"),
]
TRICKS = [
    Way("https://good@127.0.0.1/f", "127.0.0.1:443"),
    Way("https://files.example@127.0.0.1/f", "127.0.0.1:443"),
    Way("https://user:secret@files.example/f", f"{PUBLIC}:443"),
    Way("https://files.example:443@127.0.0.1:22/f", "127.0.0.1:22"),
    Way("https://files.example\\@127.0.0.1/f"),
    Way("https://127.0.0.1\\@files.example/f"),
    Way("https://127.0.0.1#@files.example/f", "127.0.0.1:443"),
    Way("https://127.0.0.1?@files.example/f", "127.0.0.1:443"),
    Way("https://[fe80::1%25eth0]/f"),
    Way("https://[::1%25lo]/f"),
    Way("https://[2606:4700::1111%25lo]/f"),
    Way("https://127.0.0.1:22/f", "127.0.0.1:22"),
    Way("https://127.0.0.1:6379/f", "127.0.0.1:6379"),
    Way("https://[::1]:5432/f", "[::1]:5432"),
    Way("https://10.0.0.1:8443/f", "10.0.0.1:8443"),
]
SCHEMES = [
    Way("http://files.example/f", f"{PUBLIC}:80"),
    Way("http://93.184.216.34/f", f"{PUBLIC}:80"),
    Way("http://127.0.0.1/f", "127.0.0.1:80"),
    Way("http://169.254.169.254/latest/meta-data/", "169.254.169.254:80"),
    Way("file:" + "///etc/passwd"),
    Way("ftp://files.example/f"),
    Way("gopher://127.0.0.1:6379/_FLUSHALL"),
    Way("data:text/plain,hello"),
    Way("javascript:alert(1)"),
    Way("unix:///run/docker.sock"),
    Way("/etc/passwd"),
    Way("//127.0.0.1/f"),
]
NAMED = [
    Way("https://inward.example/f", "10.0.0.5:443", {"inward.example": [["10.0.0.5"]]}),
    Way("https://inward.example./f", "10.0.0.5:443", {"inward.example": [["10.0.0.5"]]}),
    Way("https://meta.example/f", "169.254.169.254:443", {"meta.example": [["169.254.169.254"]]}),
    Way("https://six.example/f", "[::1]:443", {"six.example": [["::1"]]}),
    Way("https://mapped.example/f", "[::ffff:127.0.0.1]:443", {"mapped.example": [["::ffff:127.0.0.1"]]}),
    Way("https://zone.example/f", "[fe80::1%eth0]:443", {"zone.example": [["fe80::1%eth0"]]}),
    Way("https://one.example/f", "127.0.0.1:443", {"one.example": [["127.0.0.1", PUBLIC]]}),
    Way("https://last.example/f", f"{PUBLIC}:443", {"last.example": [[PUBLIC, OTHER, "192.168.1.1"]]}),
    Way("https://wide.example/f", f"{PUBLIC}:443", {"wide.example": [[PUBLIC, "2606:4700::1111", "fd00::1"]]}),
]
TO = "https://files.example/f"
REDIRECTED = [
    Way(TO, "127.0.0.1:443", hops={GOOD: ["https://127.0.0.1/f"]}),
    Way(TO, "127.0.0.1:80", hops={GOOD: ["http://127.0.0.1/f"]}),
    Way(TO, f"{PUBLIC}:80", hops={GOOD: ["http://files.example/plain"]}),
    Way(TO, "127.0.0.1:443", hops={GOOD: ["//127.0.0.1/f"]}),
    Way(TO, "127.0.0.1:443", hops={GOOD: ["//localhost/f"]}),
    Way(TO, "127.0.0.1:443", hops={GOOD: ["https://2130706433/f"]}),
    Way(TO, "[::1]:443", hops={GOOD: ["https://[::1]/f"]}),
    Way(TO, "127.0.0.1:443", hops={GOOD: ["//good@127.0.0.1/f"]}),
    Way(TO, "169.254.169.254:80", hops={GOOD: ["http://169.254.169.254/latest/meta-data/"]}),
    Way(TO, "10.0.0.1:443", hops={GOOD: ["/again", "again?x=1", "https://10.0.0.1/f"]}),
    Way(TO, "10.0.0.1:443", hops={GOOD: ["https://other.example/f"], "other.example": ["https://10.0.0.1/f"]}),
    Way(TO, hops={GOOD: ["file:" + "///etc/passwd"]}),
    Way(TO, hops={GOOD: ["gopher://127.0.0.1:6379/_"]}),
    Way(TO, "10.0.0.5:443", {"inward.example": [["10.0.0.5"]]}, {GOOD: ["https://inward.example/f"]}),
    # The name is good at the first look-up and turns inward before the redirect is followed.
    Way(TO, "10.0.0.5:8443", {GOOD: [[PUBLIC], ["10.0.0.5"]]}, {GOOD: ["https://files.example:8443/again"]}),
]
WAYS = [*map(https, V4), *map(https, V6), *SPELLED, *TRICKS, *SCHEMES, *NAMED, *REDIRECTED]
REBOUND = [["127.0.0.1"], ["::1"], ["169.254.169.254"], ["10.0.0.5", PUBLIC]]


def world(way: Way) -> tuple[Names, Wires]:
    """The name server and the network a way leads through."""
    names = Names({**KNOWN, **way.names})
    hops = {host: list(given) for host, given in way.hops.items()}

    def answer(head: bytes) -> Iterable[bytes]:
        given = hops.get(host_of(head).partition(":")[0])
        if not given:
            return [OK]
        return [moved(given.pop(0))]

    return names, Wires(names, answer)


async def fetch(url: str, names: Names, wires: Wires) -> bytes:
    """Read an address through the guard, as a download does."""
    async with Outside(transport=wires.transport(), resolve=names) as outside, outside.get(url) as opened:
        return b"".join([chunk async for chunk in opened.chunks])


def test_the_table_is_long_and_no_way_stands_in_it_twice() -> None:
    assert len(WAYS) > 120
    assert len(WAYS) == len({repr(way) for way in WAYS})


@pytest.mark.parametrize("way", WAYS, ids=lambda way: ascii(list(way.hops.values()) or way.url))
async def test_a_download_reaches_nothing_but_what_was_checked(way: Way) -> None:
    names, wires = world(way)
    with pytest.raises((Lost, Unreachable)) as caught:
        await fetch(way.url, names, wires)
    allowed = {f"{PUBLIC}:443", f"{OTHER}:443"} if way.hops else set()
    assert set(wires.reached) <= allowed
    assert set(wires.greeted) <= {GOOD, "other.example"}
    assert bool(wires.reached) == bool(way.hops), "the first hop was good"
    said = f"{caught.value.message} {caught.value.hint}"
    assert not isinstance(caught.value, Lost) or "source" in caught.value.hint, "it says the way out"
    assert "etc/passwd" not in said
    assert "127.0.0.1" not in said


@pytest.mark.parametrize("way", [way for way in WAYS if not way.hops], ids=lambda way: ascii(way.url))
async def test_nor_does_an_upload(way: Way, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"private")
    names, wires = world(way)
    async with Outside(transport=wires.transport(), resolve=names) as outside:
        with pytest.raises((Lost, Unreachable)):
            await outside.put(way.url, file, {})
    assert wires.reached == []


@pytest.mark.parametrize("later", REBOUND, ids=str)
async def test_a_name_that_turns_inward_after_the_look_up_is_not_looked_up_again(later: Sequence[str]) -> None:
    names = Names({"turning.example": [[PUBLIC], later]})
    wires = Wires(names)
    assert await fetch("https://turning.example/f", names, wires) == b"bytes"
    assert wires.reached == [f"{PUBLIC}:443"]
    assert wires.greeted == ["turning.example"], "the certificate is still that of the name"
    assert names.asked == ["turning.example"]


ALLOWED = [
    ("https://files.example/f", f"{PUBLIC}:443"),
    ("https://FILES.example./f", f"{PUBLIC}:443"),
    ("https://files.example:8443/f", f"{PUBLIC}:8443"),
    ("https://93.184.216.34/f", f"{PUBLIC}:443"),
    ("https://172.32.0.1/f", "172.32.0.1:443"),
    ("https://100.128.0.1/f", "100.128.0.1:443"),
    ("https://[2606:4700::1111]/f", "[2606:4700::1111]:443"),
    ("https://[64:ff9b::101:101]/f", "[64:ff9b::101:101]:443"),
    ("https://[2002:101:101::1]/f", "[2002:101:101::1]:443"),
    ("https://[::ffff:1.1.1.1]/f", f"[{ipaddress.ip_address('::ffff:1.1.1.1')}]:443"),
    ("https://b\u00fccher.example/f", f"{OTHER}:443"),
]


@pytest.mark.parametrize(("url", "reached"), ALLOWED)
async def test_the_open_internet_is_reached(url: str, reached: str) -> None:
    names = Names({**KNOWN, "xn--bcher-kva.example": [[OTHER]], "b\u00fccher.example": [[OTHER]]})
    wires = Wires(names)
    assert await fetch(url, names, wires) == b"bytes"
    assert wires.reached == [reached]


async def test_two_names_at_one_address_share_no_connection() -> None:
    """What was greeted under one name's certificate says nothing of the other name."""
    names = Names({GOOD: [[PUBLIC]], "neighbour.example": [[PUBLIC]]})
    wires = Wires(names)
    async with Outside(transport=wires.transport(), resolve=names) as outside:
        for host in (GOOD, "neighbour.example", GOOD):
            async with outside.get(f"https://{host}/f") as opened:
                assert [chunk async for chunk in opened.chunks] == [b"bytes"]
    assert [host_of(head) for head in wires.heads] == wires.greeted == [GOOD, "neighbour.example", GOOD]


@pytest.mark.parametrize("way", [way for way in WAYS if way.breach], ids=lambda way: ascii(way))
async def test_without_the_guard_every_one_of_these_ways_is_seen(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the tests: what they look at would show it."""

    async def trusting(self: Outside, url: str) -> tuple[httpx.URL, str, Sequence[str]]:
        found = httpx.URL(url)
        return found, found.host, ("",)

    monkeypatch.setattr(Outside, "_checked", trusting)
    names, wires = world(way)
    assert await fetch(way.url, names, wires) == b"bytes"
    assert way.breach in wires.reached


@pytest.mark.parametrize("later", REBOUND, ids=str)
async def test_without_the_pin_a_turning_name_is_seen(later: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = Outside._checked

    async def unpinned(self: Outside, url: str) -> tuple[httpx.URL, str, Sequence[str]]:
        found, host, _ = await guarded(self, url)
        return found, host, ("",)

    monkeypatch.setattr(Outside, "_checked", unpinned)
    names = Names({"turning.example": [[PUBLIC], later]})
    wires = Wires(names)
    await fetch("https://turning.example/f", names, wires)
    (reached,) = wires.reached
    assert reached.rpartition(":")[0].strip("[]") == later[0]
