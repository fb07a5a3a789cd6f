"""Rows that cannot be read, and what becomes of their place in quarantine once they can."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from structlog.testing import capture_logs

import mig
import mig_kustomer
from kustomer_desk import Always, Desk, FakeClock, at, both_sides, drain, ids, opened, to
from mig import Ref, Scope
from mig.engine.extract import Extractor
from mig.journal import counts, staging
from mig.journal.schema import record
from mig.journal.store import Journal
from mig_kustomer.nameless import Nameless
from mig_kustomer.state import State
from mig_kustomer.walk import NAMELESS, Row
from unit_desk import Placer

DAY = 86_400
NO_ID: Mapping[str, Any] = {"id": 5}
NO_NAME: Mapping[str, Any] = {"id": "", "links": {}}
"""How a row is shown that has no id, and one that has no link either."""


@pytest.fixture
def desk() -> Desk:
    return Desk()


class Staged:
    """A journal into which a desk is read again and again."""

    def __init__(self) -> None:
        self.journal = Journal.open("sqlite://", inline=True)
        self.mig = 0
        specs: list[mig.SourceSpec] = []
        mig_kustomer.mig_sources(specs.append)
        self.spec = specs[0]

    async def read(self, source: Any) -> None:
        """One run's extraction; every kind can be read."""
        names = {"source": "kustomer", "organisation": "o", "target": "b", "workspace": "w"}
        self.mig, _ = await self.journal.write(lambda c: staging.find_migration(c, now="now", **names))
        target: Any = Placer()
        reader = Extractor(self.journal, self.mig, source, self.spec, target, readers=1, progress=lambda *_: None)
        await reader.extract(Scope())
        assert reader.unreadable == {}

    def states(self, kind: mig.Kind = mig.NOTE) -> dict[str, str]:
        """The records of a kind that are not gone, and how each stands."""
        with self.journal.reading() as c:
            rows = c.execute(select(record.c.id, record.c.state).where(record.c.kind == kind, record.c.state != "gone"))
            return {row.id: row.state for row in rows}

    def failed(self, kind: mig.Kind = mig.NOTE) -> int:
        """How many of a kind a run reports as failed."""
        with self.journal.reading() as c:
            return counts.kinds(c, self.mig, 1).get(kind, counts.KindCount()).failed

    def reason(self, ref: Ref) -> str:
        """What is said of a record."""
        with self.journal.reading() as c:
            found = select(record.c.reason).where(record.c.kind == ref.kind, record.c.id == ref.id)
            return str(c.execute(found).scalar_one())


@pytest.fixture
def staged() -> Iterator[Staged]:
    """An empty journal."""
    made = Staged()
    yield made
    made.journal.close()


def named(desk: Desk, *names: str) -> None:
    """Notes of these names, in the order of their changes."""
    for n, name in enumerate(names):
        desk.add("note", name, at(n * 1000), relationships=to(conversation="v1"))
    desk.add("conversation", "v1", at(0))


# ---- by its link -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [5, "", True, ["x"], {}, "x" * 5000, "a\nb"])
async def test_a_row_without_a_usable_id_goes_by_its_link_and_comes_back_as_itself(
    desk: Desk, staged: Staged, value: object
) -> None:
    named(desk, "n1", "n2")
    desk.spoilt["n1"] = {"id": value}
    async with opened(desk) as source:
        await staged.read(source)
        assert (staged.states(), staged.failed()) == ({"n1": "failed", "n2": "staged"}, 1)
        assert "it says that it stands at /v1/notes/n1" in staged.reason(Ref(mig.NOTE, "n1"))
        desk.spoilt.clear()
        desk.rows["note"][0]["attributes"]["updatedAt"] = at(9000)
        await staged.read(source)
        assert (staged.states(), staged.failed()) == ({"n1": "staged", "n2": "staged"}, 0)


async def test_past_the_cap_too(desk: Desk, staged: Staged) -> None:
    named(desk, *(f"n{n:02}" for n in range(30)))
    desk.cap = 20
    desk.spoilt["n07"] = dict(NO_ID)
    async with opened(desk) as source:
        await staged.read(source)
        assert [name for name, state in staged.states().items() if state == "failed"] == ["n07"]
        desk.spoilt.clear()
        desk.rows["note"][7]["attributes"]["updatedAt"] = at(90_000)
        await staged.read(source)
        assert (staged.failed(), len(staged.states())) == (0, 30)


async def test_what_stands_in_it_says_so_and_is_there_when_it_is(desk: Desk, staged: Staged) -> None:
    named(desk, "n1")
    desk.spoilt["v1"] = dict(NO_ID)
    async with opened(desk) as source:
        await staged.read(source)
        assert staged.states() == {"n1": "failed"}
        assert staged.reason(Ref(mig.NOTE, "n1")).startswith("its conversation v1 is quarantined: see `mig failures`")
        desk.spoilt.clear()
        desk.rows["conversation"][0]["attributes"]["updatedAt"] = at(90_000)
        await staged.read(source)
        assert (staged.states(), staged.states(mig.CONVERSATION)) == ({"n1": "staged"}, {"v1": "staged"})


async def test_what_has_no_name_even_when_it_is_asked_for_by_one_is_told_of_by_that(desk: Desk, staged: Staged) -> None:
    named(desk, "n1")
    desk.spoilt["v1"] = dict(NO_NAME)
    async with opened(desk) as source:
        await staged.read(source)
        assert staged.states(mig.CONVERSATION).pop("v1") == "failed"
        assert staged.reason(Ref(mig.NOTE, "n1")).startswith("its conversation v1 is quarantined: see `mig failures`")
        desk.spoilt.clear()
        await staged.read(source)
        assert (staged.states(), staged.states(mig.CONVERSATION)) == ({"n1": "staged"}, {"v1": "staged"})


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"id": 5, "links": {"self": "/v1/notes/n1?x=1"}}, "n1"),
        ({"id": 5, "links": {"self": "https://desk.example/v1/notes/n1/"}}, "n1"),
        ({"id": 5, "links": {"self": "/v1/notes/" + "n" * 5000}}, NAMELESS),
        ({"id": 5, "links": {"self": 5}}, NAMELESS),
        ({"id": 5, "links": [5]}, NAMELESS),
        ({"id": 5, "links": {"self": "/v1/notes/a\nb"}}, NAMELESS),
        ([5], NAMELESS),
    ],
)
def test_a_link_that_names_nothing_gives_no_name(row: object, name: str) -> None:
    assert Row.of(json.dumps(row).encode()).id.startswith(name)


# ---- by its bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["mended", "shown right", "deleted", "changed"])
async def test_a_row_without_a_name_leaves_quarantine_once_the_list_does_not_show_it(
    desk: Desk, staged: Staged, way: str
) -> None:
    named(desk, "n1", "n2")
    desk.spoilt["n1"] = dict(NO_NAME)
    async with opened(desk) as source:
        await staged.read(source)
        await staged.read(source)
        (before,) = (name for name, state in staged.states().items() if state == "failed")
        assert before.startswith(NAMELESS)
        if way == "deleted":
            desk.rows["note"].pop(0)
        if way in ("mended", "changed"):
            desk.rows["note"][0]["attributes"]["updatedAt"] = at(9000)
        if way in ("mended", "shown right"):
            desk.spoilt.clear()
        await staged.read(source)
        assert before not in staged.states()
        assert staged.failed() == (1 if way == "changed" else 0)
        assert ("n1" in staged.states()) == (way in ("mended", "shown right"))


async def test_once_nothing_is_looked_for_a_run_is_as_short_as_ever(desk: Desk) -> None:
    for n in range(10):
        desk.add("conversation", f"c{n}", at(n * 1000))
    desk.spoilt["c3"] = dict(NO_NAME)
    async with opened(desk) as source:
        _, done = await drain(source, "conversations")
        (name,) = json.loads(done)["nameless"]
        assert name.startswith(f"conversations/{NAMELESS}")
        pages, done = await drain(source, "conversations", done)
        assert ids(pages) == ["c9", name.partition("/")[2]]  # still there: it is not forgotten
        desk.spoilt.clear()  # mended, and not changed: no delta shows it
        pages, done = await drain(source, "conversations", done)
        rows = [(row.id, row.gone) for page in pages for row in page.rows]
        assert rows == [("c9", False), *((f"c{n}", False) for n in range(10)), (name[14:], True)]
        assert "nameless" not in json.loads(done)
        desk.asked.clear()
        await drain(source, "conversations", done)
        assert len(desk.asked) == 1


async def test_from_every_checkpoint_it_is_still_known(desk: Desk) -> None:
    for n in range(20):
        desk.add("conversation", f"c{n:02}", at(n * 1000))
    desk.spoilt |= {name: dict(NO_NAME) for name in ("c01", "c03", "c17")}
    async with opened(desk, list_page=4, list_cap=40) as source:
        pages, done = await drain(source, "conversations")
        names = set(json.loads(done)["nameless"])
        desk.spoilt.pop("c03")
        _, over = await drain(source, "conversations", done)
        still = set(json.loads(over)["nameless"])
        assert (len(names), len(still), still < names) == (3, 2, True)
        for page in pages[:-1]:
            rest, again = await drain(source, "conversations", page.checkpoint)
            later, over = await drain(source, "conversations", again)
            gone = {f"{row.resource}/{row.id}" for one in (*rest, *later) for row in one.rows if row.gone}
            assert gone == set(State.read(page.checkpoint).nameless) - still
            assert set(json.loads(over)["nameless"]) == still


async def test_a_list_that_is_not_shown_whole_lets_none_go(desk: Desk, staged: Staged) -> None:
    both_sides(desk)
    desk.spoilt["z20"] = dict(NO_NAME)
    async with opened(desk) as source:
        await staged.read(source)
        assert staged.failed(mig.CONVERSATION) == 1
        desk.asked.clear()
        for _ in range(2):
            await staged.read(source)
            assert staged.failed(mig.CONVERSATION) == 1
        looks = [r for r in desk.asked if r.method == "GET" and r.url.path == "/v1/conversations"]
        assert len(looks) <= 4  # one page and a look at the end of the list, each time


async def test_a_list_that_moves_all_the_time_lets_none_go(desk: Desk) -> None:
    for n in range(12):
        desk.add("note", f"n{n:02}", at(n * 1000))
    desk.spoilt["n05"] = dict(NO_NAME)
    async with opened(desk) as source:
        _, done = await drain(source, "notes")

        def move(request: httpx.Request) -> None:
            if request.method == "GET" and request.url.params["page"] == "2":
                desk.rows["note"] = [row for row in desk.rows["note"] if row["id"] != first[-1]]
                first.append(f"x{len(first):02}")
                desk.add("note", first[-1], at(50_000 + len(first)))

        first = ["n00"]
        desk.before = move
        pages, done = await drain(source, "notes", done)
        assert len(first) > 3
        assert not any(row.gone for page in pages for row in page.rows)
        assert len(json.loads(done)["nameless"]) == 1


async def test_a_list_that_is_refused_later_lets_none_go_and_costs_no_kind(desk: Desk, staged: Staged) -> None:
    named(desk, "n1", "n2")
    desk.spoilt["n1"] = dict(NO_NAME)
    async with opened(desk) as source:
        _, done = await drain(source, "notes")
    async with opened(Always(desk, 403, "/v1/notes")) as source:
        with capture_logs() as logs:
            pages, again = await drain(source, "notes", done)
        assert "nameless.unknown" in [one["event"] for one in logs]
        assert json.loads(again)["nameless"] == json.loads(done)["nameless"]
        assert ids(pages) == ["n2"]


async def test_in_what_is_read_whole_each_time_nothing_more_is_asked(desk: Desk, staged: Staged) -> None:
    desk.small["tags"] = [{"id": "", "attributes": {"name": "a"}}, {"id": "t2", "attributes": {"name": "b"}}]
    async with opened(desk) as source:
        await staged.read(source)
        assert sorted(staged.states(mig.TAG).values()) == ["failed", "staged"]
        desk.small["tags"][0]["id"] = "t1"
        desk.asked.clear()
        await staged.read(source)
        assert staged.states(mig.TAG) == {"t1": "staged", "t2": "staged"}
        assert [r.url.path for r in desk.asked].count("/v1/tags") == 1


async def test_nor_in_what_is_read_one_by_one(desk: Desk, staged: Staged) -> None:
    properties = {"attributes": {"properties": {"planStr": {"displayName": "Plan"}}}}
    desk.metadata = {"customer": {"id": "", **properties}}
    async with opened(desk) as source:
        await staged.read(source)
        assert staged.failed(mig.ATTRIBUTE) == 1
        desk.metadata = {"customer": {"id": "customer", **properties}}
        desk.asked.clear()
        await staged.read(source)
        assert staged.states(mig.ATTRIBUTE) == {"contact.planStr": "staged"}
        assert [r.url.path for r in desk.asked].count("/v1/metadata/customer") == 1


async def test_files_of_messages_are_looked_for_with_them(desk: Desk, staged: Staged) -> None:
    desk.add("conversation", "v1", at(0))
    desk.message("m1", at(1), "v1", files=1)
    desk.text = lambda body: body.replace(
        b'"id":"m1-file0","attributes":{"name":"a"},"links":{"self"', b'"id":5,"x":{"y"'
    )
    async with opened(desk) as source:
        await staged.read(source)
        assert staged.failed(mig.ATTACHMENT) == 1
        desk.text = lambda body: body
        desk.rows["message"][0]["attributes"]["updatedAt"] = at(9000)
        await staged.read(source)
        assert staged.failed(mig.ATTACHMENT) == 0


def test_only_so_many_are_remembered() -> None:
    seen = Nameless("notes", ())
    rows = [mig.Raw("notes", f"{NAMELESS}{n:05}", b"{}") for n in range(1500)]
    assert len(State.read(seen.noted(mig.Page(rows, State().write())).checkpoint).nameless) == 1000


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1, 12),
    runs=st.lists(
        st.dictionaries(st.integers(0, 11), st.sampled_from(["fine", "broken", "gone"]), max_size=4),
        min_size=2,
        max_size=4,
    ),
)
async def test_after_every_run_just_what_cannot_be_read_now_is_quarantined(
    count: int, runs: list[dict[int, str]]
) -> None:
    desk, clock, staged = Desk(), FakeClock(), Staged()
    desk.add("conversation", "v1", at(0))
    for n in range(count):
        desk.add("note", f"n{n:02}", at(n * 100), body=f"note {n}", relationships=to(conversation="v1"))
    async with opened(desk, clock) as source:
        for number, changes in enumerate(runs):
            clock.shows = (number + 1) * DAY
            for which, how in changes.items():
                row = desk.rows["note"][which % count]
                broken = NO_ID if which % count % 2 else NO_NAME
                desk.spoilt[row["id"]] = dict(broken) if how == "broken" else {}
                row["attributes"] |= {"updatedAt": at(clock.shows - 60), "deleted": how == "gone"}
            await staged.read(source)
            odd = {row["id"] for row in desk.rows["note"] if desk.spoilt.get(row["id"])}
            lost = {row["id"] for row in desk.rows["note"] if row["attributes"].get("deleted")}
            states = staged.states()
            assert {name for name in states if not name.startswith(NAMELESS)} >= {
                row["id"] for row in desk.rows["note"]
            } - odd - lost
            assert staged.failed() == len(odd)
    staged.journal.close()
