"""`mig adopt` as a process: killed outright, interrupted, gone on with, and proven by a run that sends nothing."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from desk_process import ACKNOWLEDGED, Sandbox, serving
from processes import Mig, end_state

PAIR = ("--source", "kustomer", "--target", "crisp")


@contextmanager
def moved(folder: Path, faults: str = "") -> Iterator[tuple[Mig, Sandbox]]:
    """A command that moved a small organisation, and has lost its journal since."""
    common = ["--faults", faults] if faults else []
    with (
        serving("kustomer", "--generate", "30", "--seed", "9", *common) as source,
        serving("crisp", "--switch", "extensions=*", "--switch", "message_page=7", *common) as target,
    ):
        mig = Mig(folder, source, target)
        assert mig.run()["exit"] == 0
        for path in folder.glob("mig.db*"):
            path.unlink()
        yield mig, target


def ended(mig: Mig, *arguments: str) -> tuple[int, str, str]:
    """A command to its end. Returns: its exit code, stdout, stderr."""
    process = mig.start(*arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_killed_and_interrupted_it_goes_on_and_the_next_run_sends_nothing(tmp_path: Path) -> None:
    with moved(tmp_path) as (mig, target):
        (tmp_path / "mig.toml").write_text("")  # nothing is written, so nothing has to be acknowledged
        state, writes, requests = end_state(target), target.get("counters")["writes"], asked(target)
        for after in (10, 60, 150):
            process = mig.start("adopt", *PAIR, "--quiet")
            struck(process, target, requests + after, signal.SIGKILL)
            requests = asked(target)
        (tmp_path / "mig.toml").write_text(ACKNOWLEDGED)
        code, _, err = ended(mig, "run", *PAIR, "--quiet")
        assert (code, "mig adopt" in err) == (3, True), err
        process = mig.start("adopt", *PAIR, "--json")
        struck(process, target, asked(target) + 40, signal.SIGINT)
        assert process.returncode in (130, 0)
        code, out, err = ended(mig, "adopt", *PAIR)
        assert code == 0, err
        assert "nothing was written to crisp" in out
        assert "`mig verify` proves what stands there, `mig run` goes on from here." in out
        assert target.get("counters")["writes"] == writes
        report = mig.run()
        assert (report["exit"], report["possible_orphans"], report["in_doubt"]) == (0, 0, 0)
        assert all(kind["pending"] == kind["failed"] == 0 for kind in report["kinds"].values())
        assert target.get("counters")["writes"] == writes
        assert end_state(target) == state
        code, _, err = ended(mig, "adopt", *PAIR)
        # The run after it has put nothing into the journal: to adopt once more does no harm.
        assert code == 0, err


@pytest.mark.soak
def test_a_bad_network_makes_it_slower_and_nothing_is_sent(tmp_path: Path) -> None:
    with moved(tmp_path, "mixed=0.05,seed=5,hang_s=0.5") as (mig, target):
        writes = target.get("counters")["writes"]
        code, out, err = ended(mig, "adopt", *PAIR, "--json")
        found = json.loads(out)
        assert (code, found["status"]) == (0, "completed"), err
        assert found["possible_orphans"] == 0
        assert {name: (kind["pending"], kind["failed"]) for name, kind in found["kinds"].items()} == dict.fromkeys(
            found["kinds"], (0, 0)
        )
        assert mig.run()["exit"] == 0
        assert target.get("counters")["writes"] == writes


def test_a_journal_that_is_not_lost_is_refused(tmp_path: Path) -> None:
    with (
        serving("kustomer", "--generate", "3", "--seed", "9") as source,
        serving("crisp", "--switch", "extensions=*") as target,
    ):
        mig = Mig(tmp_path, source, target)
        assert mig.run()["exit"] == 0
        code, out, err = ended(mig, "adopt", *PAIR, "--json")
        assert (code, json.loads(out)["status"]) == (2, "refused")
        assert "--state" in err


def asked(target: Sandbox) -> int:
    """How many requests the target got."""
    return int(target.get("counters")["requests"])


def struck(process: Any, target: Sandbox, after: int, number: signal.Signals) -> None:
    """A signal, once the target was asked so often; what has ended by then has ended."""
    while process.poll() is None and asked(target) < after:
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=60)
