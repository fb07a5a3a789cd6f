"""`mig` as a process with its journal on PostgreSQL: beside another, killed, and left by its server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk_process import Sandbox, serving
from processes import Mig, end_state

if TYPE_CHECKING:
    from pg_server import Server

PAIR = ("run", "--source", "kustomer", "--target", "crisp")


@pytest.fixture
def desks() -> Iterator[tuple[Sandbox, Sandbox]]:
    with serving("kustomer", "--generate", "25", "--seed", "5") as source, serving("crisp") as target:
        yield source, target


@pytest.fixture
def journal_in_postgres(postgres: Server) -> Iterator[str]:
    with postgres.lent() as url:
        yield url


def wait_for_writes(process: subprocess.Popen[str], target: Sandbox, count: int) -> None:
    """Until the target has accepted so many writes; the process must be running then."""
    while target.get("counters")["writes"] < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def said(mig: Mig, *arguments: str) -> tuple[int, str, str]:
    process = mig.start(*arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_run_beside_others_killed_and_left_by_its_server_arrives_once(
    desks: tuple[Sandbox, Sandbox], journal_in_postgres: str, postgres: Server, tmp_path: Path
) -> None:
    target = desks[1]
    mig, state = Mig(tmp_path, *desks), ("--state", journal_in_postgres)

    running = mig.start(*PAIR, *state, "--json")
    wait_for_writes(running, target, 20)
    running.send_signal(signal.SIGSTOP)  # wherever it is, also inside a transaction
    code, out, err = said(mig, "status", *state, "--json")
    assert code == 0, err
    assert json.loads(out)["last_run"]["status"] == "running"
    code, _, err = said(mig, *PAIR, *state)
    assert code == 3
    assert f"in use by process {running.pid} on" in err
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)

    before = target.get("counters")["writes"]
    running = mig.start(*PAIR, *state)
    wait_for_writes(running, target, before + 30)
    try:
        postgres.stop(signal.SIGQUIT)
        _, err = running.communicate(timeout=60)
    finally:
        postgres.start()
    assert running.returncode == 3, err
    assert "connection to the journal's database was lost" in err
    assert "run the same command again" in err
    assert "Traceback" not in err

    report = mig.run(*state)
    assert report["exit"] == 0, report
    assert report["in_doubt"] == 0
    found, writes = end_state(target), target.get("counters")["writes"]
    assert found["doubled"] == []
    assert found["orphans"] <= report["possible_orphans"]
    sources = report["kinds"]["conversation"]
    assert len(found["threads"]) == sources["loaded"] + sources["unchanged"] > 0
    assert mig.run(*state)["exit"] == 0
    assert target.get("counters")["writes"] == writes, "a second run wrote"
    assert not list(tmp_path.glob("*.db*")), "something of the journal lies in a file"


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("postgresql://mig:s3cr3t@localhost/mig", 2, "PGPASSWORD or the passfile"),
        ("postgresql://mig@127.0.0.1:9/mig", 3, "Check --state and that the database is running"),
        ("postgresql+asyncpg://mig@localhost/mig", 2, "SQLite or PostgreSQL"),
    ],
)
def test_a_state_that_cannot_be_opened_says_why(url: str, code: int, words: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    nobody = Sandbox("", {})
    exit_code, _, err = said(Mig(tmp_path, nobody, nobody), "status", "--state", url)
    assert exit_code == code, err
    assert words in err
    assert "s3cr3t" not in err
    assert "Traceback" not in err
