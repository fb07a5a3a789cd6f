"""The HTTP client: which failures say that nothing was sent, where the key may go, and what no message may tell."""

from __future__ import annotations

import gzip
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mig import Access, Bucket, Budgets, MigError, Paused, Refused, Unclear
from mig.http import Answer, Http, Unreachable, retry_after
from storm import VirtualClock

KEY = "s3cr3t-key-of-the-desk"
ADDRESS = "jane.doe@example.org"


class Desk:
    """A server in a function: keeps what it was asked, answers or fails as told."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self._answer = answer or (lambda request: httpx.Response(200, json={}))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer(request)


@asynccontextmanager
async def client(
    desk: Desk, *buckets: Bucket, url: str = "https://desk.example/v1", **more: Any
) -> AsyncIterator[tuple[Http, Access]]:
    clock = VirtualClock()
    access = Access(clock, Budgets(clock), httpx.MockTransport(desk))
    access.budgets.declare(buckets)
    async with Http(url, access, headers={"Authorization": f"Bearer {KEY}"}, **more) as http:
        yield http, access


def failing(error: type[httpx.TransportError] | type[httpx.DecodingError]) -> Desk:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error(f"failed with {KEY} for {ADDRESS} at {request.url}", request=request)

    return Desk(fail)


# ---- what a failure says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_without_a_connection_nothing_was_sent(error: type[httpx.TransportError]) -> None:
    async with client(failing(error)) as (http, _):
        with pytest.raises(Unreachable):
            await http.request("POST", "/things", body={})


@pytest.mark.parametrize(
    "error",
    [
        *(httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError),
        *(httpx.CloseError, httpx.RemoteProtocolError, httpx.DecodingError),
    ],
)
async def test_whatever_breaks_after_the_connection_may_have_had_an_effect(error: type[httpx.TransportError]) -> None:
    async with client(failing(error)) as (http, _):
        with pytest.raises(Unclear):
            await http.request("POST", "/things", body={})


async def test_an_answer_cut_off_in_the_middle_is_unclear() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"error": fal'
        raise httpx.ReadError("reset")

    async with client(Desk(lambda request: httpx.Response(200, content=body()))) as (http, _):
        with pytest.raises(Unclear):
            await http.request("POST", "/things")


async def test_a_garbled_compression_is_unclear() -> None:
    desk = Desk(lambda request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"no gzip at all"))
    async with client(desk) as (http, _):
        with pytest.raises(Unclear):
            await http.request("POST", "/things")


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 404, 423, 429, 500, 503])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    desk = Desk(lambda request: httpx.Response(status, headers={"Location": "https://elsewhere.example/", "X-Y": "z"}))
    async with client(desk) as (http, _):
        answer = await http.request("GET", "/things")
    assert (answer.status, answer.headers["x-y"], len(desk.asked)) == (status, "z", 1)


async def test_an_answer_is_read_up_to_its_limit_and_not_a_byte_further() -> None:
    sizes = iter([1000, 1001])
    async with client(Desk(lambda request: httpx.Response(200, content=b"x" * next(sizes))), max_answer=1000) as (
        http,
        _,
    ):
        assert len((await http.request("GET", "/a")).body) == 1000
        with pytest.raises(Unclear):
            await http.request("GET", "/a")


async def test_the_limit_counts_what_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)
    desk = Desk(lambda request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=bomb))
    async with client(desk, max_answer=1_000_000) as (http, _):
        with pytest.raises(Unclear):
            await http.request("GET", "/a")


# ---- where the key may go ------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//elsewhere.example/v1/x",
    "///elsewhere.example/v1/x",
    "http://elsewhere.example/",
    "https://elsewhere.example",
    "HTTPS://ELSEWHERE.EXAMPLE/v1/x",
    "http://desk.example/v1/x",
    "https://desk.example:8443/v1/x",
    "https://desk.example@elsewhere.example/v1/x",
    "https://user:password@desk.example/v1/x",
    "https://desk.example.elsewhere.example/v1/x",
    "https://elsewhere.example/https://desk.example/v1",
    "https://elsewhere.example#https://desk.example/v1",
    "https://desk.example\\@elsewhere.example/v1",
    "https://desk.example\\.elsewhere.example/v1",
    "https://desk.example\t.elsewhere.example/v1",
    "ftp://desk.example/v1/x",
    "file:" + "///etc/passwd",
    "https:elsewhere.example/v1/x",
    "https:/elsewhere.example/v1/x",
    "\\\\elsewhere.example\\v1",
    "/\\elsewhere.example/v1",
    "@elsewhere.example/v1/x",
    ".elsewhere.example/v1/x",
    "-elsewhere.example/",
    ":8443/v1/x",
    ":password@elsewhere.example/",
]


@pytest.mark.parametrize("base", ["https://desk.example", "https://desk.example/v1"])
@pytest.mark.parametrize("link", ELSEWHERE)
async def test_the_key_never_leaves_for_another_host(link: str, base: str) -> None:
    desk = Desk()
    async with client(desk, Bucket("a", 60, 60.0), url=base) as (http, access):
        with suppress(Refused):
            await http.request("GET", link, spend=("a",))
        assert access.budgets.levels["a"].used == len(desk.asked)
    assert {(request.url.scheme, request.url.host, request.url.port) for request in desk.asked} <= {
        ("https", "desk.example", None)
    }


@pytest.mark.parametrize(
    "link",
    [
        "//elsewhere.example/x",
        "https://elsewhere.example/v1",
        "http://desk.example/v1/x",
        "https://user:password@desk.example/v1/x",
    ],
)
async def test_a_link_to_another_host_is_refused(link: str) -> None:
    async with client(Desk()) as (http, _):
        with pytest.raises(Refused):
            http.url(link)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://desk.example/v1", "/things?page=2", "https://desk.example/v1/things?page=2"),
        ("https://desk.example/v1/", "/things", "https://desk.example/v1/things"),
        ("https://desk.example/v1", "/v1/things?page=2", "https://desk.example/v1/things?page=2"),
        ("https://desk.example/v1", "/v10/things", "https://desk.example/v1/v10/things"),
        ("https://desk.example", "/v1/things", "https://desk.example/v1/things"),
        ("https://desk.example/v1", "https://desk.example/v1/x?a=http://b", "https://desk.example/v1/x?a=http://b"),
        (
            "https://desk.example/v1",
            "/things?next=https://desk.example/",
            "https://desk.example/v1/things?next=https://desk.example/",
        ),
        ("http://127.0.0.1:8080", "/things", "http://127.0.0.1:8080/things"),
    ],
)
async def test_paths_and_links_stay_below_the_origin(base: str, path: str, url: str) -> None:
    desk = Desk()
    async with client(desk, url=base) as (http, _):
        assert http.url(path) == url
        await http.request("GET", path)
    assert str(desk.asked[0].url) == str(httpx.URL(url))
    assert desk.asked[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("url", ["", "desk.example", "ftp://desk.example", "https://", "https:///v1", "/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    clock = VirtualClock()
    with pytest.raises(Refused) as caught:
        Http(url, Access(clock, Budgets(clock)), headers={})
    assert "url" in caught.value.hint


# ---- what no message may tell --------------------------------------------------------------------------------------


def says(error: BaseException) -> str:
    """What a person may get to see of an error: its message and its way out."""
    assert isinstance(error, MigError)
    return f"{error} {error.message} {error.hint} {error!r} {error.args}"


@pytest.mark.parametrize(
    "path",
    [
        f"/people/{ADDRESS}",
        "/people/jane.doe%40example.org",
        f"/people?email={ADDRESS}&key={KEY}",
        f"/people/email={ADDRESS}",
        "/people/+4915112345678",
    ],
)
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_no_error_tells_a_key_an_address_or_a_body(path: str, error: type[httpx.TransportError]) -> None:
    async with client(failing(error)) as (http, _):
        with pytest.raises(MigError) as caught:
            await http.request("POST", path, query={"q": ADDRESS}, body={"text": "the body of a message"})
    text = says(caught.value)
    for secret in (KEY, "jane.doe", "example.org", "4915112345678", "the body of a message"):
        assert secret not in text
    assert "desk.example" in text or "POST" in text  # but it does say what could not be done


async def test_no_error_tells_what_an_answer_said() -> None:
    desk = Desk(lambda request: httpx.Response(200, content=f"<html>{KEY} {ADDRESS}</html>".encode()))
    async with client(desk) as (http, _):
        answer = await http.request("GET", "/x")
    with pytest.raises(Unclear) as caught:
        answer.json()
    assert KEY not in says(caught.value)
    assert ADDRESS not in says(caught.value)
    assert "200" in caught.value.message


def test_a_password_in_the_base_url_is_refused_and_never_told() -> None:
    clock = VirtualClock()
    for url in (f"https://user:{KEY}@desk.example/v1", f"https://{KEY}@desk.example"):
        with pytest.raises(Refused) as caught:
            Http(url, Access(clock, Budgets(clock)), headers={})
        assert KEY not in says(caught.value)


async def test_a_client_prints_no_key() -> None:
    async with client(Desk()) as (http, access):
        assert KEY not in repr(http)
        assert KEY not in repr(access)


# ---- budgets -------------------------------------------------------------------------------------------------------


async def test_budgets_are_spent_before_the_request_leaves() -> None:
    seen: list[float] = []
    clock = VirtualClock()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(clock.seconds)
        return httpx.Response(200)

    access = Access(clock, Budgets(clock), httpx.MockTransport(answer))
    access.budgets.declare([Bucket("a", 60, 60.0), Bucket("b", 30, 60.0)])
    async with Http("https://desk.example", access, headers={}) as http:
        for _ in range(3):
            await http.request("GET", "/x", spend=("a", "b"))
    assert seen == pytest.approx([0, 2, 4])
    assert access.budgets.levels["a"].used == access.budgets.levels["b"].used == 3
    assert access.meter == {"GET": 3}


async def test_a_used_up_budget_sends_nothing() -> None:
    desk = Desk()
    async with client(desk, Bucket("day", 1, 86_400.0, daily=True)) as (http, access):
        await http.request("POST", "/x", spend=("day",))
        with pytest.raises(Paused):
            await http.request("POST", "/x", spend=("day",))
        assert access.meter == {"POST": 1}
    assert len(desk.asked) == 1


async def test_a_request_that_fails_was_spent_all_the_same() -> None:
    async with client(failing(httpx.ReadTimeout), Bucket("day", 9, 86_400.0, daily=True)) as (http, access):
        with pytest.raises(Unclear):
            await http.request("POST", "/x", spend=("day",))
        assert access.budgets.left("day") == 8


async def test_a_body_is_json_and_none_is_no_body() -> None:
    desk = Desk()
    async with client(desk) as (http, _):
        await http.request("POST", "/x", body={"a": "ü", "b": [1, None]}, query={"page": 2})
        await http.request("POST", "/x")
    first, second = desk.asked
    assert (first.content, first.headers["Content-Type"]) == ('{"a":"ü","b":[1,null]}'.encode(), "application/json")
    assert first.url.query == b"page=2"
    assert second.content == b""
    assert "Content-Type" not in second.headers


# ---- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'"a\\u0000b"', "a\0b"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"half \\ud83d"', "half \ud83d"),
        (b'"half \xed\xa0\xbd"', "half \ud83d"),
    ],
)
def test_an_answer_is_read_as_real_desks_write_it(body: bytes, value: object) -> None:
    assert Answer(200, {}, body).json() == value


@given(st.binary(max_size=40))
@example(b"")
@example(b"<html>Bad gateway</html>")
def test_an_answer_that_is_not_json_is_unclear_whatever_it_is(body: bytes) -> None:
    with suppress(Unclear):
        Answer(502, {}, body).json()


def test_an_answer_nested_without_end_is_unclear() -> None:
    with pytest.raises(Unclear):
        Answer(200, {}, b"[" * 200_000).json()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("1e30", 3600.0),
        ("inf", 3600.0),
        ("-inf", 0.0),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("7; 8", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_within_reason(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}) == seconds


def test_without_a_retry_after_there_is_none() -> None:
    assert retry_after({}) is None


@given(st.text(max_size=12))
def test_retry_after_never_fails_and_never_waits_for_ever(header: str) -> None:
    seconds = retry_after({"retry-after": header})
    assert seconds is None or 0.0 <= seconds <= 3600.0


async def test_a_traceback_of_an_unreachable_desk_shows_no_header() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    async with client(Desk(fail)) as (http, _):
        with pytest.raises(Unreachable) as caught:
            await http.request("GET", "/x")
    assert KEY not in "".join(traceback.format_exception(caught.value))
