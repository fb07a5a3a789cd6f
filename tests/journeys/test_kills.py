"""The migration of the sample, killed outright twenty times, with and without a hostile network."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from desk_process import Sandbox
from processes import Mig, desks, end_state

KILLS = 20
WRITES = 10_000
PATHS = {"quiet path": "", "5 % mixed faults": "mixed=0.05,seed=5,hang_s=0.5"}
LONG = 1000
"""Messages of a thread that may outlast the time an unread message has."""
FILES = 608
"""File messages of the sample."""
ROUGH = {"read_lag": "0.2", "event_loss": "0.05", "event_twice": "0.05", "put_fails": "0.05", "put_cuts": "0.05"}
"""What else goes wrong where something does: reads lag, events are lost or come twice, uploads are cut."""
Found = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Found]]]:
    """An undisturbed run and the killed ones, side by side: much of their time is waiting."""
    with ThreadPoolExecutor(3) as pool:
        started = {"undisturbed": pool.submit(undisturbed, tmp_path_factory.mktemp("undisturbed"))}
        for name, faults in PATHS.items():
            started[name] = pool.submit(killed, tmp_path_factory.mktemp("killed"), faults)
        yield started


def undisturbed(folder: Path) -> Found:
    with desks() as (source, target):
        report = Mig(folder, source, target).run()
        assert report["exit"] == 0
        return {"state": end_state(target), "bucket": target.get("counters")["bucket"]}


def killed(folder: Path, faults: str) -> Found:
    """Killed while it extracts, then at nineteen moments of its writing, then run to its end and once more."""
    schedule = random.Random(20)
    with desks(faults, **(ROUGH if faults else {})) as (source, target):
        mig = Mig(folder, source, target)
        mig.killed(target, 0, delay=0.9)
        for point in sorted(schedule.sample(range(1, WRITES), KILLS - 1)):
            mig.killed(target, point, delay=schedule.random() * 0.05)
        report = mig.run()
        found = end_state(target)
        again = mig.run()
        status, _ = mig.start("status", "--json").communicate(timeout=60)
        return {
            "report": report,
            "state": found,
            "again": again,
            "after": end_state(target),
            "listed": sum(item["count"] for item in json.loads(status)["possible_orphans"]),
            "notified": notices(target),
            "bucket": target.get("counters")["bucket"],
        }


def notices(target: Sandbox) -> list[tuple[str, str]]:
    """What would have reached a person: kind and thread.

    A thread of more than a thousand messages, told by twenty killed processes, may take more than the three minutes
    an unread message has (docs/known-limits.md); on a slow machine it does.
    """
    threads = {
        one["session_id"]: (one["meta"]["data"].get("source_id", ""), len(one["messages"]))
        for one in target.get("state")["conversations"]
    }
    told = [(one["kind"], *threads.get(one["session_id"], ("", 0))) for one in target.get("notifications")["notices"]]
    return [(kind, thread) for kind, thread, length in told if kind != "unread" or length <= LONG]


@pytest.mark.parametrize("path", PATHS)
def test_twenty_kills_change_nothing_in_the_end(path: str, runs: dict[str, Future[Found]]) -> None:
    undisturbed, found = runs["undisturbed"].result(), runs[path].result()
    wanted = undisturbed["state"]
    report, state = found["report"], found["state"]
    assert report["exit"] == found["again"]["exit"] == 0, report
    assert found["after"] == state, "a second run wrote"
    assert state["doubled"] == []
    assert state["orphans"] <= report["possible_orphans"] == found["listed"]
    assert report["in_doubt"] == 0
    assert found["notified"] == []
    assert all(kind["failed"] == 0 for kind in report["kinds"].values())
    _same(state["people"], wanted["people"])
    _same(state["threads"], wanted["threads"])
    # An upload that a kill cut off is asked for again, under another address: this is how kills among uploads show.
    assert found["bucket"]["generated"] > undisturbed["bucket"]["generated"]
    assert report["kinds"]["attachment"]["pending"] == 0
    assert len(_files(state["threads"])) == len(set(_files(state["threads"]))) == FILES


def _files(threads: Found) -> list[str]:
    """The source ids of all file messages."""
    rows = (row for thread in threads.values() for row in thread["messages"])
    return [row["properties"]["source_id"] for row in rows if row["type"] == "file"]


def _same(found: Found, wanted: Found) -> None:
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
