"""Where a file's bytes are asked for, and what each answer means (docs/api/kustomer.md, section 7.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx
import pytest

import mig
from mig import Access, Budgets, Lost, Ref, Unclear
from mig.clock import SystemClock
from mig.settings import Secret
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import open_source

API = "http://127.0.0.1:4010"
STORE = "https://files.example"
OUT, IN = "/v1/attachments/f1", "/v1/messages/m1/attachments/f1"
Answer = Callable[[httpx.Request], httpx.Response]


def entry(link: str | None, **attributes: object) -> httpx.Response:
    links = {"self": IN} | ({"related": link} if link else {})
    row = {"type": "attachment", "id": "f1", "attributes": {"name": "a", **attributes}, "links": links}
    return httpx.Response(200, json={"data": row})


class Net:
    """The API and the object store, and what was asked of them."""

    def __init__(self, api: dict[str, Sequence[httpx.Response]], store: Sequence[httpx.Response] = ()) -> None:
        self.api = {path: list(answers) for path, answers in api.items()}
        self.store = list(store)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.headers["Host"] == "127.0.0.1:4010" and request.url.path.startswith("/v1/"):
            answers = self.api.get(request.url.path, [httpx.Response(404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return self.store.pop(0) if len(self.store) > 1 else self.store[0]

    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]


async def read(net: Net, *, kind: mig.Kind = mig.MESSAGE, redacted: bool = False, **settings: object) -> bytes:
    clock = SystemClock()
    given = KustomerSettings(url=API, api_key=Secret("key"), attempts=1, pause_s=0.0, **settings)  # type: ignore[arg-type]
    record = mig.Attachment(ref=Ref(mig.ATTACHMENT, "f1"), parent=Ref(kind, "m1"), redacted=redacted)
    access = Access(clock=clock, budgets=Budgets(clock), transport=httpx.MockTransport(net))
    async with open_source(given, access) as source, source.open_file(record) as chunks:
        return b"".join([chunk async for chunk in chunks])


def signed(path: str = "/x") -> str:
    return f"{API}{path}?X-Amz-Signature=s"


async def test_a_messages_file_is_asked_for_beside_it_and_read_without_the_key() -> None:
    net = Net({IN: [entry(signed())]}, [httpx.Response(200, content=b"bytes")])
    assert await read(net) == b"bytes"
    assert net.paths() == [IN, "/x"]
    assert net.asked[0].headers["Authorization"] == "Bearer key"
    assert "Authorization" not in net.asked[1].headers


async def test_a_notes_file_is_asked_for_by_its_id() -> None:
    net = Net({OUT: [entry(signed())]}, [httpx.Response(200, content=b"bytes")])
    assert await read(net, kind=mig.NOTE) == b"bytes"
    assert net.paths() == [OUT, "/x"]


async def test_a_file_its_message_does_not_serve_is_asked_for_by_its_id() -> None:
    net = Net({OUT: [entry(signed())]}, [httpx.Response(200, content=b"bytes")])
    assert await read(net) == b"bytes"
    assert net.paths() == [IN, OUT, "/x"]


async def test_an_expired_address_is_asked_for_anew_once() -> None:
    net = Net({IN: [entry(signed("/old")), entry(signed("/new"))]}, [httpx.Response(403), httpx.Response(200)])
    assert await read(net) == b""
    assert net.paths() == [IN, "/old", IN, "/new"]
    forbidden = Net({IN: [entry(signed())]}, [httpx.Response(403)])
    with pytest.raises(Lost, match="refuses it"):
        await read(forbidden)


@pytest.mark.parametrize(
    ("api", "store", "why"),
    [
        ({}, [], "does not have it any more"),
        ({IN: [entry(None)]}, [], "without an address"),
        ({IN: [entry(signed(), redacted=True)]}, [], "redacted"),
        ({IN: [entry(signed())]}, [httpx.Response(404)], "gone at the source"),
        ({IN: [entry(signed())]}, [httpx.Response(410)], "gone at the source"),
        ({IN: [entry("http://127.0.0.1:9/x")]}, [], "not https"),
        ({IN: [entry("https://10.0.0.1/x")]}, [], "private network"),
        ({IN: [entry(signed())]}, [httpx.Response(302, headers={"Location": "http://127.0.0.1:9/"})], "not https"),
    ],
)
async def test_what_can_never_be_had_is_lost(
    api: dict[str, Sequence[httpx.Response]], store: Sequence[httpx.Response], why: str
) -> None:
    with pytest.raises(Lost, match=why):
        await read(Net(api, store))


@pytest.mark.parametrize("status", [500, 503, 408, 429])
async def test_what_may_come_back_is_unclear(status: int) -> None:
    with pytest.raises(Unclear):
        await read(Net({IN: [entry(signed())]}, [httpx.Response(status)]))


async def test_an_api_that_fails_is_unclear_not_lost() -> None:
    with pytest.raises(Unclear):
        await read(Net({IN: [httpx.Response(500)]}))
    with pytest.raises(Unclear, match="403"):
        await read(Net({IN: [httpx.Response(403)]}))


async def test_a_redacted_file_is_not_even_asked_for() -> None:
    net = Net({})
    with pytest.raises(Lost, match="redacted"):
        await read(net, redacted=True)
    assert net.asked == []


async def test_a_path_lies_on_the_apis_own_host() -> None:
    net = Net({IN: [entry("/_files/x?s=1")]}, [httpx.Response(200, content=b"bytes")])
    assert await read(net) == b"bytes"
    assert str(net.asked[-1].url) == f"{API}/_files/x?s=1"
