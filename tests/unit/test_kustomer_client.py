"""How the Kustomer client spends, waits, tries again and gives up."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from mig import Access, Budgets, Paused, Refused, Unreadable
from mig.settings import Secret
from mig_kustomer.client import ALL, SEARCH, Client, Unserved
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.wire import Leaf

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
EMPTY: dict[str, Any] = {"data": [], "links": {"next": None}}


class FakeClock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += max(0.0, seconds)


class Scripted:
    """Answers one after another, the last one for ever."""

    def __init__(self, *answers: int | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, json=EMPTY if answer == 200 else {"errors": []})
        return answer if isinstance(answer, httpx.Response) else answer(request)


@asynccontextmanager
async def client(script: Callable[[httpx.Request], httpx.Response], **more: Any) -> AsyncIterator[Any]:
    clock = FakeClock()
    access = Access(clock, Budgets(clock), httpx.MockTransport(script))
    chosen = KustomerSettings(url="https://desk.example", api_key=Secret("key"), **more)
    async with Client(chosen, access) as one:
        one.budgets = access.budgets  # type: ignore[attr-defined]  # for the tests alone
        yield one


async def test_the_key_travels_in_the_header() -> None:
    script = Scripted(200)
    async with client(script) as one:
        await one.get("/v1/tags", {"page": 1})
    assert script.asked[0].headers["authorization"] == "Bearer key"
    assert str(script.asked[0].url) == "https://desk.example/v1/tags?page=1"


async def test_a_search_counts_in_both_budgets() -> None:
    async with client(Scripted(200)) as one:
        await one.get("/v1/tags")
        await one.search({}, 1, 5)
        assert (one.budgets.levels[ALL].used, one.budgets.levels[SEARCH].used) == (2, 1)


async def test_half_of_the_plan_is_left_to_the_desk() -> None:
    async with client(Scripted(200), requests_per_minute=300) as one:
        assert (one.budgets.levels[ALL].ours, one.budgets.levels[SEARCH].ours) == (150.0, 50.0)


async def test_a_lower_limit_is_learnt_and_a_higher_or_missing_one_changes_nothing() -> None:
    limit = httpx.Response(200, json=EMPTY, headers={"x-ratelimit-limit": "300"})
    script = Scripted(limit, httpx.Response(200, json=EMPTY, headers={"x-ratelimit-limit": "soon"}), 200)
    async with client(script) as one:
        for _ in range(3):
            await one.get("/v1/tags")
            assert one.budgets.levels[ALL].bucket.amount == 300
        script.answers = [httpx.Response(200, json=EMPTY, headers={"x-ratelimit-limit": "2000"})]
        await one.get("/v1/tags")
        await one.search({}, 1, 5)
        assert one.budgets.levels[ALL].bucket.amount == 1000
        assert one.budgets.levels[SEARCH].bucket.amount == 100


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"x-ratelimit-reset": str(int(BEGIN.timestamp()) + 40)}, 40, 41.2),
        ({"retry-after": "7"}, 7, 8.2),
        ({}, 10, 11.2),
        ({"x-ratelimit-reset": "soon"}, 10, 11.2),
        ({"x-ratelimit-reset": "0"}, 1, 2.2),
        ({"x-ratelimit-reset": "9999999999"}, 120, 121.2),
    ],
)
async def test_after_429_nothing_leaves_until_the_window_is_over(
    headers: dict[str, str], least: float, most: float
) -> None:
    async with client(Scripted(httpx.Response(429, headers=headers), 200)) as one:
        await one.get("/v1/tags")
        assert least <= one.clock.passed <= most


async def test_429_is_no_failed_attempt_but_does_not_go_on_for_ever() -> None:
    async with client(Scripted(*[429] * 10, 200), attempts=2) as one:
        await one.get("/v1/tags")
    async with client(Scripted(429)) as one:
        with pytest.raises(Paused) as caught:
            await one.get("/v1/tags")
        assert caught.value.retry_after_s is not None


@pytest.mark.parametrize(
    "trouble",
    [
        500,
        502,
        503,
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, content=b'{"data":['),
    ],
)
async def test_reads_and_searches_are_sent_again_after_trouble(trouble: int | Exception | httpx.Response) -> None:
    asks: list[Callable[[Client], Awaitable[Leaf]]] = [
        lambda one: one.get("/v1/tags"),
        lambda one: one.search({}, 1, 5),
    ]
    for ask in asks:
        script = Scripted(trouble, trouble, 200)
        async with client(script) as one:
            assert (await ask(one)).rows == []
            assert 2 <= one.clock.passed <= 5
        assert len(script.asked) == 3


async def test_an_endpoint_in_lasting_trouble_ends_its_kind() -> None:
    script = Scripted(500)
    async with client(script, attempts=4) as one:
        with pytest.raises(Unreadable, match="GET /v1/tags gave status 500 4 times"):
            await one.get("/v1/tags")
    assert len(script.asked) == 4


async def test_a_host_that_was_never_reached_ends_the_run_soon() -> None:
    script = Scripted(httpx.ConnectError("no such host"))
    async with client(script) as one:
        with pytest.raises(Refused, match="cannot be reached") as caught:
            await one.get("/v1/tags")
        assert one.clock.passed < 6
    assert "KUSTOMER_URL" in caught.value.hint
    assert len(script.asked) == 3


async def test_a_host_that_went_away_is_waited_for_longer() -> None:
    script = Scripted(200, *[httpx.ConnectError("away")] * 4, 200)
    async with client(script) as one:
        await one.get("/v1/tags")
        await one.get("/v1/tags")
    script = Scripted(200, httpx.ConnectError("away"))
    async with client(script) as one:
        await one.get("/v1/tags")
        with pytest.raises(Refused, match="cannot be reached any more"):
            await one.get("/v1/tags")


async def test_refused_credentials_end_the_run_and_say_the_way_out() -> None:
    async with client(Scripted(401)) as one:
        with pytest.raises(Refused) as caught:
            await one.get("/v1/customers", {"page": 1})
    assert caught.value.message == "Kustomer refused the credentials (401 on GET /v1/customers)"
    assert all(word in caught.value.hint for word in ("KUSTOMER_API_KEY", "KUSTOMER_URL", "prod2", "region"))
    assert "key" not in str(caught.value).replace("KUSTOMER_API_KEY", "")


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 302])
async def test_any_other_no_ends_only_its_kind_and_is_not_repeated(status: int) -> None:
    script = Scripted(status)
    async with client(script) as one:
        with pytest.raises(Unserved) as caught:
            await one.get("/v1/notes")
    assert caught.value.status == status
    assert len(script.asked) == 1


async def test_by_id_404_means_gone() -> None:
    async with client(Scripted(404)) as one:
        assert await one.find("/v1/notes/n1") is None
    async with client(Scripted(403)) as one:
        with pytest.raises(Unreadable):
            await one.find("/v1/notes/n1")
