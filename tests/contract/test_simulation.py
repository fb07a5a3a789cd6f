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

SHORT = range(24)
LONG = range(1000, 1000 + int(os.environ.get("MIG_SOAK_SEEDS", "1500")))


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


def test_a_crash_at_any_point_of_a_whole_migration_changes_nothing_in_the_end() -> None:
    """Every 97th point here; every one of them in soak."""
    point, met = 1, True
    while met:
        ended, met = crashed_at(point)
        check(ended, "crash points of a whole migration")
        point += 97
    assert point > 400


@pytest.mark.soak
@pytest.mark.parametrize("seed", [*range(len(SHORT), 40), *LONG])
def test_long_whatever_happens_everything_arrives_once(seed: int) -> None:
    check(simulate(seed), "schedules")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_long_whatever_happens_everything_arrives_once_with_the_journal_on_postgresql(
    seed: int, postgres: Server
) -> None:
    check(simulate(seed, postgres.emptied()), "schedules on PostgreSQL")


@pytest.mark.soak
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_long_a_crash_at_every_point_of_a_whole_migration_changes_nothing_in_the_end(
    database: str, request: pytest.FixtureRequest
) -> None:
    postgres: Server | None = request.getfixturevalue("postgres") if database == "PostgreSQL" else None
    point, met = 0, True
    while met:
        point += 1 if postgres is None else 5
        ended, met = crashed_at(point, postgres.emptied() if postgres is not None else "sqlite://")
        check(ended, f"crash points of a whole migration on {database}")
    assert point > 400
