"""Reading a list page by page, up to the cap: never a request past it, and it is told when something stands behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kustomer_desk import FakeClock
from mig import Access, Budgets
from mig.settings import Secret
from mig_kustomer.client import Client, Unserved
from mig_kustomer.settings import KustomerSettings

Answer = Callable[[httpx.Request], httpx.Response]


async def pages_of(answer: Answer, path: str = "/v1/tags", **more: Any) -> list[tuple[int, bool, bool]]:
    """Read a list. Returns: of each page its number, whether another follows, and whether the cap is before it."""
    clock = FakeClock()
    chosen = KustomerSettings(url="https://desk.example", api_key=Secret("key"), list_page=4, list_cap=20, **more)
    async with Client(chosen, Access(clock, Budgets(clock), httpx.MockTransport(answer))) as client:
        absent = path.startswith("/v1/customers/")
        return [(one.page, one.more, one.capped) async for one in client.parts(path, {"x": "y"}, absent=absent)]


def rows_of(count: int, *, blind: bool = False) -> Answer:
    """A list of so many rows; blind: it counts none, and a full page is always followed by another."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["x"] == "y"
        page, size = int(request.url.params["page"]), int(request.url.params["pageSize"])
        assert page * size <= 20, "asked past the cap"
        some = [{"id": str(n)} for n in range(count)][(page - 1) * size : page * size]
        more = len(some) == size if blind else page * size < count
        return httpx.Response(200, json={"data": some, "links": {"next": f"{request.url.path}?z" if more else None}})

    return answer


@pytest.mark.parametrize(
    ("count", "blind", "pages", "more", "capped"),
    [
        (0, False, 1, False, False),
        (4, False, 1, False, False),
        (4, True, 2, False, False),  # a full page names another, which is empty
        (9, False, 3, False, False),
        (20, False, 5, False, False),
        (20, True, 5, False, True),
        (21, False, 5, False, True),
    ],
)
async def test_a_list_is_read_to_its_end_or_its_cap(
    count: int, blind: bool, pages: int, more: bool, capped: bool
) -> None:
    found = await pages_of(rows_of(count, blind=blind))
    assert found == [*((n + 1, True, False) for n in range(pages - 1)), (pages, more, capped)]


async def test_a_list_has_no_more_pages_than_the_cap_of_pages() -> None:
    assert await pages_of(rows_of(20), page_cap=3) == [(1, True, False), (2, True, False), (3, False, True)]


async def test_a_page_that_is_empty_is_the_last_whatever_it_names() -> None:
    empty = httpx.Response(200, json={"data": [], "links": {"next": "/v1/tags?page=2"}})
    assert await pages_of(lambda request: empty) == [(1, False, False)]


async def test_only_what_hangs_on_something_may_be_absent() -> None:
    assert await pages_of(lambda request: httpx.Response(404), "/v1/customers/p1/notes") == []
    with pytest.raises(Unserved):
        await pages_of(lambda request: httpx.Response(403), "/v1/customers/p1/notes")
    with pytest.raises(Unserved):
        await pages_of(lambda request: httpx.Response(404), "/v1/tags")
