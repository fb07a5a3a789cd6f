"""The migration of the sample, killed outright twenty times, with and without a hostile network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processes import Mig, desks, end_state

KILLS = 20
WRITES = 8_800


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The end state of a run that nothing disturbs."""
    with desks() as (source, target):
        report = Mig(tmp_path_factory.mktemp("quiet"), source, target).run()
        assert report["exit"] == 0
        yield end_state(target)


@pytest.mark.parametrize("faults", ["", "mixed=0.05,seed=5,hang_s=0.5"], ids=["quiet path", "5 % mixed faults"])
def test_twenty_kills_change_nothing_in_the_end(faults: str, quiet: dict[str, Any], tmp_path: Path) -> None:
    schedule = random.Random(20)
    lag = {"read_lag": "0.2"} if faults else {}
    with desks(faults, **lag) as (source, target):
        mig = Mig(tmp_path, source, target)
        mig.killed(target, 0, delay=0.9)  # while it extracts
        for point in sorted(schedule.sample(range(1, WRITES), KILLS - 1)):
            mig.killed(target, point, delay=schedule.random() * 0.05)
        report = mig.run()
        assert report["exit"] == 0, report
        found = end_state(target)
        again = mig.run()
        assert end_state(target) == found, "a second run wrote"
        assert again["exit"] == 0
        status = mig.start("status", "--json")
        out, _ = status.communicate(timeout=60)
    assert found["doubled"] == []
    assert found["orphans"] <= report["possible_orphans"]
    assert out.count('"count"') <= report["possible_orphans"]
    assert report["in_doubt"] == 0
    assert all(kind["failed"] == 0 for kind in report["kinds"].values())
    _same(found["people"], quiet["people"])
    _same(found["threads"], quiet["threads"])


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The first difference is told by its record and field, not by a page of JSON."""
    assert found.keys() == wanted.keys()
    for name in wanted:
        for field, value in wanted[name].items():
            if field != "messages":
                assert found[name][field] == value, f"{name} {field}"
        rows, others = found[name].get("messages", []), wanted[name].get("messages", [])
        assert [row["fingerprint"] for row in rows] == [row["fingerprint"] for row in others], name
        for row, other in zip(rows, others, strict=True):
            assert row == other, f"{name} {row['properties']['source_id']}"
