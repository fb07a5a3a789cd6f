"""The migration of the sample, killed outright twenty times, with and without a hostile network."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from desk_process import Sandbox, serving
from processes import Mig, desks, end_state

KILLS = 20
WRITES = 10_000
FAULTS = "mixed=0.05,seed=5,hang_s=0.5"
LONG = 1000
"""Messages of a thread that may outlast the time an unread message has."""
FILES = 608
"""File messages of the sample."""
ROUGH = {"read_lag": "0.2", "event_loss": "0.05", "event_twice": "0.05", "put_fails": "0.05", "put_cuts": "0.05"}
"""What else goes wrong where something does: reads lag, events are lost or come twice, uploads are cut."""
Found = dict[str, Any]


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Found]]:
    """An undisturbed run, beside the killed one: much of their time is waiting."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(undisturbed, tmp_path_factory.mktemp("undisturbed"))


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


@pytest.mark.parametrize(
    "faults", ["", pytest.param(FAULTS, marks=pytest.mark.soak)], ids=["quiet path", "5 % mixed faults"]
)
def test_twenty_kills_change_nothing_in_the_end(faults: str, undisturbed_run: Future[Found], tmp_path: Path) -> None:
    found, undisturbed = killed(tmp_path, faults), undisturbed_run.result()
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


def test_kills_among_faults_double_and_lose_nothing(tmp_path: Path) -> None:
    """The same on a small organisation, where it does not take minutes."""
    rough = [part for name, value in ROUGH.items() for part in ("--switch", f"{name}={value}")]
    with (
        serving("kustomer", "--generate", "30", "--seed", "8", "--faults", FAULTS) as source,
        serving("crisp", "--switch", "extensions=*", "--faults", FAULTS, *rough) as target,
    ):
        mig = Mig(tmp_path, source, target)
        for point in (1, 60, 150, 250, 350):
            mig.killed(target, point, delay=0.01)
        report = mig.run()
        state = end_state(target)
        assert report["exit"] == mig.run()["exit"] == 0
        assert end_state(target) == state, "a second run wrote"
        assert state["doubled"] == []
        assert notices(target) == []
        files = _files(state["threads"])
        assert (
            len(files)
            == len(set(files))
            == report["kinds"]["attachment"]["loaded"] + report["kinds"]["attachment"]["unchanged"]
        )


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
