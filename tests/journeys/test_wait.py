"""`mig run --wait`: a quota is waited for, whoever keeps its count, and the wait ends at once when it should."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from desk_process import Sandbox, serving
from mig.cli.common import Common, start_log
from mig.cli.run import Asked, run_once, timed
from mig.clock import SystemClock
from mig.errors import Paused
from mig.plugins import Registry
from mig.settings import load_config
from processes import Mig, end_state

QUOTA = 60
"""Requests a day, fewer than half of what the organisation takes."""


class Dozing(SystemClock):
    """The clock of a machine that falls asleep for an hour whenever it is left alone.

    Args:
        beside: A sandbox for which the same time passes.
    """

    def __init__(self, beside: Sandbox | None = None) -> None:
        self._beside = beside
        self._hours = 0

    def now(self) -> datetime:
        return super().now() + timedelta(hours=self._hours)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 1.0:
            await super().sleep(seconds)
            return
        await super().sleep(0)
        self._hours += 1
        if self._beside is not None:
            self._beside.post("advance", seconds=3600)


@pytest.fixture(scope="module")
def source() -> Iterator[Sandbox]:
    """A small organisation."""
    with serving("kustomer", "--generate", "9", "--seed", "11") as made:
        yield made


def run_here(mig: Mig, clock: Dozing, *, as_json: bool = True, wait: bool = True) -> int:
    """`mig run --wait` in this process, by another clock. Returns: the exit code."""
    config = load_config(
        mig.folder / "mig.toml", source="kustomer", target="crisp", state=f"sqlite:///{mig.folder / 'mig.db'}"
    )
    common = Common(config, Registry(), (), as_json, True)
    start_log(None)
    try:
        return run_once(common, Asked(wait=wait), environment=mig.environment, clock=clock)
    finally:
        structlog.reset_defaults()


def runs(mig: Mig) -> list[str]:
    """How the runs in the journal ended, each on another day than the one before."""
    with closing(sqlite3.connect(mig.folder / "mig.db")) as db:
        rows = list(db.execute("select status, substr(started_at, 1, 10) from mig_run order by id"))
    assert len({day for _, day in rows}) == len(rows), rows
    return [status for status, _ in rows]


@contextmanager
def spent(mig: Mig) -> Iterator[None]:
    """While this lasts nothing at all is left of the day: no run can even begin."""
    with closing(sqlite3.connect(mig.folder / "mig.db")) as db:
        (used,) = db.execute("select max(used) from mig_budget_use").fetchone()
        for now in (1_000_000, used):
            with db:
                db.execute("update mig_budget_use set used = ?", (now,))
            if now != used:
                yield


def test_our_own_count_is_waited_for_until_the_next_day(
    source: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving("crisp") as target:
        mig = Mig(tmp_path, source, target)
        mig.environment |= {"CRISP_DAILY_QUOTA": str(QUOTA)}
        assert run_here(mig, Dozing(), wait=False) == 4
        assert json.loads(capsys.readouterr().out)["status"] == "paused"
        with spent(mig):
            assert run_here(mig, Dozing()) == 0
        out, err = capsys.readouterr()
        report = json.loads(out)
        assert report["status"] == "completed"
        assert all(kind["pending"] == kind["failed"] == 0 for kind in report["kinds"].values())
        ended = runs(mig)
        assert ended[0] == "paused"
        assert ended[1:] == ["paused"] * (len(ended) - 2) + ["completed"]
        # The day before the second run was used up before it could begin.
        assert err.count("Going on at") == err.count("mig: going on") == len(ended) - 1 > 1
        assert report["requests"]["target"] > QUOTA, "the requests of one run only"
        found = end_state(target)
        assert found["doubled"] == []
        assert found["threads"]


def test_a_quota_that_comes_by_surprise_is_waited_for_until_the_next_day(
    source: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving("crisp", "--limits", f"quota={QUOTA}") as target:
        mig = Mig(tmp_path, source, target)
        mig.environment |= {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        assert run_here(mig, Dozing(target), as_json=False) == 0
        out, err = capsys.readouterr()
        assert "daily quota of this token is used up" in err
        assert " 00:01 UTC)" in err
        ended = runs(mig)
        assert "paused" in ended
        assert ended[-1] == "completed"
        assert out.count("paused: a quota is used up") == ended.count("paused"), "each run is summed up when it ends"
        assert end_state(target)["doubled"] == []


# ---- as a process ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paused(source: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mig]:
    """A command, three hours east of Greenwich, after a run that its quota has paused until tomorrow."""
    with serving("crisp") as target:
        mig = Mig(tmp_path_factory.mktemp("paused"), source, target)
        mig.environment |= {"CRISP_DAILY_QUOTA": str(QUOTA), "TZ": "Etc/GMT-3"}
        assert run_here(mig, Dozing(), wait=False) == 4
        yield mig


def pair(*words: str) -> tuple[str, ...]:
    """A command line for the two sandboxes."""
    return (*words, "--source", "kustomer", "--target", "crisp", "--json")


def test_without_wait_it_says_from_when_to_run_again(paused: Mig) -> None:
    with spent(paused):
        process = paused.start(*pair("run"))
        out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out)["status"]) == (4, "paused")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert f"Run again from about {tomorrow} 03:00 local time ({tomorrow} 00:00 UTC); `mig run --wait`" in err
    assert json.loads(out)["error"]["hint"].endswith("goes on by itself.")


def ended_by(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, dict[str, Any], str]:
    """Send a signal as soon as it waits. Returns: exit code, the object, what stood on stderr."""
    assert process.stderr is not None
    said = ""
    while "Going on at" not in said:
        line = process.stderr.readline()
        assert line, f"it ended with {process.wait()}: {said}"
        said += line
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, json.loads(out), said + err


def test_a_signal_ends_the_wait_at_once_and_the_run_before_it_is_summed_up(paused: Mig) -> None:
    paused.environment["CRISP_DAILY_QUOTA"] = str(QUOTA + 25)  # enough to begin
    code, report, said = ended_by(paused.start(*pair("run", "--wait")), signal.SIGINT)
    assert (code, report["status"]) == (130, "interrupted")
    assert report["kinds"]["conversation"]["pending"] > 0
    assert "finishing what is under way" not in said


def test_so_it_does_where_no_run_could_begin(paused: Mig) -> None:
    with spent(paused):
        code, report, _ = ended_by(paused.start(*pair("run", "--wait")), signal.SIGTERM)
    assert (code, report["status"], report["run_id"]) == (143, "interrupted", None)


def test_a_retry_waits_too(paused: Mig) -> None:
    with closing(sqlite3.connect(paused.folder / "mig.db")) as db, db:
        db.execute("update mig_record set state = 'failed', reason = 'odd. Correct it.' where kind = 'conversation'")
    with spent(paused):
        process = paused.start("failures", "--retry", "odd", "--wait", "--json")
        code, report, _ = ended_by(process, signal.SIGTERM)
    assert (code, report["status"]) == (143, "interrupted")


# ---- from when to go on ----------------------------------------------------------------------------------------------

LATE = datetime(2026, 3, 31, 23, 59, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "now", "at"),
    [
        (None, LATE, "2026-04-01 00:01 UTC"),
        (None, LATE.replace(hour=0, minute=0, second=0), "2026-04-01 00:01 UTC"),
        (30.0, LATE, "2026-04-01 00:00 UTC"),
        (7200.0, LATE, "2026-04-01 01:59 UTC"),
        (-5.0, LATE, "2026-03-31 23:59 UTC"),
    ],
)
def test_from_when_to_go_on(told: float | None, now: datetime, at: str) -> None:
    paused = Paused("used up", "Run again later.", told)
    waits, ends = timed(paused, now, waits=True), timed(paused, now, waits=False)
    assert at in waits.hint
    assert at in ends.hint
    assert ends.hint.startswith("Run again later.\n")
    assert "Run again" not in waits.hint
    assert ends.retry_after_s == told
