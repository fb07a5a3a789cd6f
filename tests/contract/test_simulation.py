"""Whole migrations in virtual time: both plugins, both sandboxes, and a network and a machine that do their worst.

A red seed reproduces: `simulate(seed)` tells the same story again. What a story taught becomes a test of its own
beside the code it was about.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sim_story import Ended, crashed_at, simulate
from tally import count

if TYPE_CHECKING:
    from pg_server import Server

SHORT = (*range(14), 97, 197, 2180, *range(5000, 5008))
"""Among them three that were red once (a page that came late, a link that was not led, a change while a reading was
stopped), and other ways of telling things."""
SHARES = 16
SEEDS = int(os.environ.get("MIG_SOAK_SEEDS", "1500"))
LONG = (*range(100), *range(1000, 1000 + SEEDS), *range(5000, 5000 + SEEDS // 3))


def check(ended: Ended, what: str) -> None:
    """Fail with the story where there are problems."""
    count(
        what,
        runs=ended.runs,
        crashes=ended.crashes,
        requests=sum(ended.fates.values()),
        disturbed=sum(n for fate, n in ended.fates.items() if fate != "ok"),
        possible_orphans=ended.orphans,
        doubled=ended.doubled,
        lost=ended.lost,
        notified=ended.notified,
        operators_mailed=ended.mailed,
    )
    assert not ended.problems, "\n".join([*ended.problems, "", *ended.told])


@pytest.mark.parametrize("seed", SHORT)
def test_whatever_happens_everything_arrives_once(seed: int) -> None:
    check(simulate(seed), "schedules")


@pytest.mark.parametrize("seed", range(500, 503))
def test_whatever_happens_everything_arrives_once_with_the_journal_on_postgresql(seed: int, postgres: Server) -> None:
    check(simulate(seed, postgres.emptied()), "schedules on PostgreSQL")


def test_a_seed_tells_the_same_story_again() -> None:
    assert simulate(7).told == simulate(7).told


def swept(what: str, helpdesk: str, first: int, step: int, postgres: Server | None = None) -> None:
    """Crash at every so-manyth point until a run meets none."""
    point, met = first, True
    while met:
        ended, met = crashed_at(point, postgres.emptied() if postgres is not None else "sqlite://", helpdesk)
        check(ended, what)
        point += step
    assert point > 400


@pytest.mark.parametrize("helpdesk", ["locale", "tree"])
def test_a_crash_at_any_point_of_a_whole_migration_changes_nothing_in_the_end(helpdesk: str) -> None:
    """Every 97th point here; every one of them in soak."""
    swept("crash points of a whole migration", helpdesk, 1, 97)


@pytest.mark.soak
@pytest.mark.parametrize("seed", sorted({*LONG} - {*SHORT}))
def test_long_whatever_happens_everything_arrives_once(seed: int) -> None:
    check(simulate(seed), "schedules")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_long_whatever_happens_everything_arrives_once_with_the_journal_on_postgresql(
    seed: int, postgres: Server
) -> None:
    check(simulate(seed, postgres.emptied()), "schedules on PostgreSQL")


@pytest.mark.soak
@pytest.mark.parametrize("helpdesk", ["locale", "tree"])
@pytest.mark.parametrize("share", range(SHARES))
def test_long_a_crash_at_every_point_of_a_whole_migration_changes_nothing_in_the_end(share: int, helpdesk: str) -> None:
    swept(f"crash points of a whole migration on SQLite, {helpdesk}", helpdesk, 1 + share, SHARES)


@pytest.mark.soak
@pytest.mark.parametrize("helpdesk", ["locale", "tree"])
@pytest.mark.parametrize("share", range(SHARES))
def test_long_a_crash_at_every_fifth_point_with_the_journal_on_postgresql_changes_nothing_in_the_end(
    share: int, helpdesk: str, postgres: Server
) -> None:
    what = f"crash points of a whole migration on PostgreSQL, {helpdesk}"
    swept(what, helpdesk, 1 + 5 * share, 5 * SHARES, postgres)
