"""Quota and pace of whole migrations, in virtual time: both plugins, both sandboxes, the limits of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import pytest

import mig
from mig.engine import live
from mig_crisp.sandbox.gate import Key
from mig_kustomer.sandbox.server import Sandbox as Organisation
from pace_days import DAY_S, Days, of_threads, plan, whole
from sim_loop import BEGIN, in_virtual_time
from sim_net import Weather
from sim_world import Plan, World

ENTERPRISE: dict[str, Any] = {
    "source_limits": "plan=enterprise",
    "source_settings": {"requests_per_minute": "1000", "searches_per_minute": "100"},
}
"""The source's limits, and that we know of them."""


def turned_away(reasons: Mapping[str, int]) -> dict[str, int]:
    """What was refused but for two questions: which interface its help centre has, and where an article shows now."""
    asked = ("method_not_allowed", "article_not_found", "page_not_found")
    return {reason: count for reason, count in reasons.items() if reason not in asked}


def refused(answers: list[tuple[float, int]]) -> int:
    """How many requests were too many."""
    return sum(status == 429 for _, status in answers)


@pytest.fixture(autouse=True)
def seldom_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is told every two seconds, which are very many in days of virtual time."""
    monkeypatch.setattr(live, "LOOK_S", 3600.0)


def test_ten_pauses_leave_no_thread_half_told_and_little_of_any_day_unused() -> None:
    quota = 120

    async def story() -> Days:
        of = plan(quota, customers=70, lanes=32, **ENTERPRISE)
        days = Days(World(of), await whole(of))
        await days.live()
        return days

    days = in_virtual_time(story())
    paused = [day for day in days.days if day.report.status == "paused"]
    assert len(paused) >= 10
    assert days.days[-1].report.status == "completed"
    assert [day.half_told for day in days.days] == [[]] * len(days.days)
    assert turned_away(days.world.workspace.refused) == {}  # not one request too many
    assert refused(days.world.read) == 0
    spent = days.by_day()
    assert max(spent.values()) <= quota
    # Whatever does not fit into the rest of a day makes room for what does.
    assert min(spent[day.number] for day in paused) >= 0.97 * quota
    assert {day.report.exit_code for day in paused} == {4}
    assert len(spent) == len(days.days)  # each goes on in the next day, none earlier and none a day late


def test_a_paused_run_says_from_when_to_go_on_though_what_was_under_way_took_its_time() -> None:
    async def story() -> tuple[float, float]:
        of = plan(150, customers=30)
        world = World(of)
        await asyncio.sleep(0.9 * DAY_S)
        report = await world.run(Weather(), Weather())
        assert report is not None
        assert isinstance(report.error, mig.Paused)
        assert report.error.retry_after_s is not None
        return report.error.retry_after_s, DAY_S - world.clock.epoch() % DAY_S

    said, left = in_virtual_time(story())
    assert said == pytest.approx(left + 1.0, abs=0.05)  # a second, so that the day has begun by any clock


def test_a_run_over_midnight_overdraws_neither_day() -> None:
    async def story() -> Days:
        of = plan(150, customers=30)
        days = Days(World(of), await whole(of))
        await asyncio.sleep(DAY_S - 27.0 - (days.world.clock.epoch() % DAY_S))
        await days.live()
        return days

    days = in_virtual_time(story())
    assert turned_away(days.world.workspace.refused) == {}
    assert [day.half_told for day in days.days] == [[]] * len(days.days)


def test_another_migration_on_the_same_token_and_journal_spends_from_the_same_purse() -> None:
    quota = 300

    async def story() -> tuple[World, int, int]:
        world = World(plan(quota, customers=2))
        first = await world.run(Weather(), Weather())
        assert first is not None
        assert first.status == "completed"
        switches = {"clock": BEGIN.isoformat()}
        world.organisation = Organisation(mig.SandboxOptions(generate=30, seed=4, switches=switches), world.clock.epoch)
        second = await world.run(Weather(), Weather())
        assert second is not None
        assert (second.status, second.others) == ("paused", 1)
        return world, first.requests["target"], second.requests["target"]

    world, one, other = in_virtual_time(story())
    assert one > 0.2 * quota
    assert 0.97 * quota <= one + other <= quota
    assert turned_away(world.workspace.refused) == {}


def test_another_token_has_a_purse_of_its_own_in_the_same_journal() -> None:
    async def story() -> list[int]:
        world = World(Plan(seed=3, customers=30, limits="", settings={"daily_quota": "150"}))
        spent = []
        for identifier in ("one", "another", "one"):
            world.workspace.key = Key("website", identifier)
            report = await world.run(Weather(), Weather())
            spent.append(report.requests["target"] if report is not None else 0)
        return spent

    one, another, again = in_virtual_time(story())
    assert 0.97 * 150 <= one <= 150
    assert 0.97 * 150 <= another <= 150
    assert again == 0  # it was refused before it began: nothing is left for today


def test_one_lane_tells_one_thread_after_the_other() -> None:
    async def story() -> list[str]:
        world = World(Plan(seed=3, customers=6, limits="", lanes=1, window=16))
        report = await world.run(Weather(), Weather())
        assert report is not None
        assert report.status == "completed"
        return [name for name, _ in groupby(session for _, (session, _) in of_threads(world.workspace))]

    told = in_virtual_time(story())
    assert len(told) == len(set(told)) > 5


@pytest.fixture(scope="module")
def paced() -> Iterator[World]:
    """A migration under the pace of creation of a plan, and no other limit."""

    async def story() -> World:
        world = World(Plan(seed=3, customers=60, limits="plan=plus", lanes=32, window=16))
        report = await world.run(Weather(), Weather())
        assert report is not None
        assert report.status == "completed"
        return world

    return (yield in_virtual_time(story()))


def test_conversations_are_created_at_the_plans_pace_and_none_is_refused(paced: World) -> None:
    births = [
        write.at / 1000
        for write in paced.workspace.writes
        if write.method == "POST" and write.path.endswith("/conversation")
    ]
    share = (len(births) - 1) / (40 / 60 * (births[-1] - births[0]))
    assert len(births) > 100
    assert share >= 0.97
    assert turned_away(paced.workspace.refused) == {}


def test_an_organisation_is_read_at_our_share_of_an_enterprise_plan_and_nothing_is_refused() -> None:
    """A row a page makes many requests out of a small organisation; ours is a share that one reader can use."""
    share = 0.1
    limits = {**ENTERPRISE, "source_settings": {**ENTERPRISE["source_settings"], "list_page": "1", "page_cap": "9999"}}

    async def story() -> list[tuple[float, int]]:
        """What was answered until the first word was said in the workspace."""
        world = World(Plan(seed=3, customers=30, shares={"kustomer.all": share}, **limits))
        report = await world.run(Weather(), Weather())
        assert report is not None
        assert report.status == "completed"
        zero = world.clock.epoch() - asyncio.get_running_loop().time()
        written = min(write.at for write in world.workspace.writes) / 1000 - zero
        return [(at, status) for at, status in world.read if at < written]

    answers = in_virtual_time(story())
    taken = [at for at, status in answers if status != 429]
    assert len(taken) > 300
    assert taken[-1] - taken[0] > 180.0
    assert (len(taken) - 1) / (share * 1000 / 60 * (taken[-1] - taken[0])) >= 0.97
    assert refused(answers) == 0
