"""A migration killed outright twenty times, with and without a hostile network; in soak that of the sample."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from desk_process import Sandbox, serving
from judge import judge
from processes import Mig, desks, end_state
from tally import count

if TYPE_CHECKING:
    from pg_server import Server

KILLS = 20
FAULTS = "mixed=0.05,seed=5,hang_s=0.5"
LONG = 1000
"""Messages of a thread that may outlast the time an unread message has."""
SAMPLE, SMALL = (), ("--generate", "40", "--seed", "9")
"""Organisations: the sample, and a made one with a twelfth of its writes."""
WRITES = {SAMPLE: 10_000, SMALL: 840}
FILES = {SAMPLE: 608, SMALL: 60}
"""File messages."""
ROUGH = {"read_lag": "0.2", "event_loss": "0.05", "event_twice": "0.05", "put_fails": "0.05", "put_cuts": "0.05"}
"""What else goes wrong where something does: reads lag, events are lost or come twice, uploads are cut."""
Found = dict[str, Any]


@contextmanager
def pair(organisation: tuple[str, ...], faults: str = "", **switches: str) -> Iterator[tuple[Sandbox, Sandbox]]:
    """An organisation and an empty workspace that takes any file, both with the same faults."""
    if organisation == SAMPLE:
        with desks(faults, **switches) as both:
            yield both
        return
    common = ["--faults", faults] if faults else []
    changed = [part for name, value in switches.items() for part in ("--switch", f"{name}={value}")]
    with (
        serving("kustomer", *organisation, *common) as source,
        serving("crisp", "--switch", "extensions=*", *changed, *common) as target,
    ):
        yield source, target


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[tuple[str, ...]], Future[Found]]]:
    """An undisturbed run of an organisation, once, beside the killed one: much of their time is waiting."""
    with ThreadPoolExecutor(1) as pool:
        yield functools.cache(lambda of: pool.submit(undisturbed, tmp_path_factory.mktemp("undisturbed"), of))


def undisturbed(folder: Path, organisation: tuple[str, ...]) -> Found:
    with pair(organisation) as (source, target):
        report = Mig(folder, source, target).run()
        assert report["exit"] == 0
        return {"state": end_state(target), "bucket": target.get("counters")["bucket"]}


def killed(folder: Path, organisation: tuple[str, ...], faults: str) -> Found:
    """Killed while it extracts, then at nineteen moments of its writing, then run to its end and once more."""
    schedule = random.Random(20)
    with pair(organisation, faults, **(ROUGH if faults else {})) as (source, target):
        mig = Mig(folder, source, target)
        mig.killed(target, 0, delay=0.9)
        for point in sorted(schedule.sample(range(1, WRITES[organisation]), KILLS - 1)):
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
    ("organisation", "faults"),
    [
        pytest.param(SMALL, "", id="quiet path"),
        pytest.param(SAMPLE, "", id="quiet path, the sample", marks=pytest.mark.soak),
        pytest.param(SAMPLE, FAULTS, id="5 % mixed faults, the sample", marks=pytest.mark.soak),
    ],
)
def test_twenty_kills_change_nothing_in_the_end(
    organisation: tuple[str, ...],
    faults: str,
    undisturbed_run: Callable[[tuple[str, ...]], Future[Found]],
    tmp_path: Path,
) -> None:
    calm = undisturbed_run(organisation)
    found, undisturbed = killed(tmp_path, organisation, faults), calm.result()
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
    assert len(_files(state["threads"])) == len(set(_files(state["threads"]))) == FILES[organisation]


@pytest.mark.soak
def test_kills_among_faults_double_and_lose_nothing(tmp_path: Path) -> None:
    """The same on a small organisation, where it does not take minutes."""
    rough = [part for name, value in ROUGH.items() for part in ("--switch", f"{name}={value}")]
    with (
        serving("kustomer", "--generate", "14", "--seed", "8", "--faults", FAULTS) as source,
        serving("crisp", "--switch", "extensions=*", "--faults", FAULTS, *rough) as target,
    ):
        mig = Mig(tmp_path, source, target)
        for point in (1, 30, 70, 110, 150):
            mig.killed(target, point, delay=0.01)
        report = mig.run()
        state = end_state(target)
        assert report["exit"] == mig.run()["exit"] == 0
        assert end_state(target) == state, "a second run wrote"
        assert state["doubled"] == []
        assert judge(target.get("history"), report["possible_orphans"]) == []
        assert notices(target) == []
        files = _files(state["threads"])
        assert (
            len(files)
            == len(set(files))
            == report["kinds"]["attachment"]["loaded"] + report["kinds"]["attachment"]["unchanged"]
        )


BLOWS = int(os.environ.get("MIG_SOAK_KILLS", "60"))
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MADE = ("--generate", "120", "--seed", "9")


@pytest.mark.soak
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_sixty_blows_within_one_migration_change_nothing_in_the_end(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """At random moments: killed, asked to end, run twice at once, and left by the database's server."""
    server: Server | None = request.getfixturevalue("postgres") if database == "PostgreSQL" else None
    state = () if server is None else ("--state", server.emptied())
    dice = random.Random(database)
    rough = [part for name, value in ROUGH.items() for part in ("--switch", f"{name}={value}")]
    with (
        serving("kustomer", *MADE, "--faults", FAULTS) as source,
        serving("crisp", "--switch", "extensions=*", "--faults", FAULTS, *rough) as target,
    ):
        mig, done = Mig(tmp_path, source, target), Counter[str]()
        while done["blows"] < BLOWS:
            done["blows"] += 1
            _struck(mig, state, dice, server if done["blows"] % 8 == 0 else None, done)
        report = mig.run(*state)
        found = end_state(target)
        assert report["exit"] == mig.run(*state)["exit"] == 0, report
        assert end_state(target) == found, "a second run wrote"
        assert judge(target.get("history"), report["possible_orphans"]) == []
        notified = [one for one in target.get("notifications")["notices"] if one["kind"] != "unread"]
    assert done["finished"] < BLOWS / 3, "it was over before the blows were"
    assert found["doubled"] == []
    assert report["in_doubt"] == 0
    assert notified == []
    assert all(kind["failed"] == kind["pending"] == 0 for kind in report["kinds"].values())
    with serving("kustomer", *MADE) as source, serving("crisp", "--switch", "extensions=*") as target:
        calm = tmp_path / "calm"
        calm.mkdir()
        assert Mig(calm, source, target).run()["exit"] == 0
        wanted = end_state(target)
    _same(found["people"], wanted["people"])
    _same(found["threads"], wanted["threads"])
    told = {"possible_orphans": report["possible_orphans"], "doubled": 0, "lost": 0, "notified": 0}
    count(f"kills of processes, {database}", **done, **told)


def _struck(mig: Mig, state: tuple[str, ...], dice: random.Random, server: Server | None, done: Counter[str]) -> None:
    """One run that does not come to its end, unless it is quicker than the blow."""
    command = ("run", "--source", "kustomer", "--target", "crisp", "--quiet", *state)
    process = mig.start(*command)
    time.sleep(dice.uniform(0.6, 4.0))
    if dice.random() < 0.2 and process.poll() is None:
        beside = mig.start(*command)
        beside.communicate(timeout=120)
        done["run twice at once"] += 1
        assert beside.returncode == 3 or process.poll() is not None, "two runs wrote at once"
    if server is not None:
        server.stop(signal.SIGQUIT)
        process.communicate(timeout=120)
        server.start()
        done["server stopped"] += 1
        return
    number = dice.choice(SIGNALS)
    if process.poll() is not None:
        done["finished"] += 1
    process.send_signal(number)
    process.communicate(timeout=120)
    done[number.name] += 1


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
