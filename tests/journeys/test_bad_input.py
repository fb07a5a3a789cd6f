"""What a person gets wrong: one clear error with the way out, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk_process import Sandbox, serving
from processes import Mig

PAIR = ("run", "--source", "kustomer", "--target", "crisp")


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Sandbox, Sandbox]]:
    with serving("kustomer", "--generate", "12", "--seed", "3") as source, serving("crisp") as target:
        yield source, target


@pytest.fixture
def mig(small: tuple[Sandbox, Sandbox], tmp_path: Path) -> Mig:
    return Mig(tmp_path, *small)


def said(mig: Mig, *arguments: str) -> tuple[int, str, str]:
    process = mig.start(*arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


CREDENTIALS = [
    ("KUSTOMER_API_KEY", "wrong", 3, "KUSTOMER_API_KEY"),
    ("CRISP_KEY", "wrong", 3, "CRISP_KEY"),
    ("CRISP_TIER", "plugin", 3, "CRISP_TIER"),
    ("CRISP_WEBSITE_ID", "00000000-0000-4000-8000-000000000000", 3, "CRISP_WEBSITE_ID"),
    ("KUSTOMER_URL", "http://127.0.0.1:9", 3, "KUSTOMER_URL"),
    ("CRISP_URL", "http://127.0.0.1:9/v1", 3, "CRISP_URL"),
    ("KUSTOMER_URL", "ftp://somewhere", 3, "url"),
    ("CRISP_TIER", "emperor", 2, "tier"),
    ("CRISP_MAX_TEXT", "many", 2, "max_text"),
    ("MIG_STATE", "postgres and so on", 2, "--state"),
]


@pytest.mark.parametrize(("name", "value", "code", "way_out"), CREDENTIALS)
def test_a_wrong_setting_names_itself(
    name: str, value: str, code: int, way_out: str, mig: Mig, small: tuple[Sandbox, Sandbox]
) -> None:
    writes = small[1].get("counters")["writes"]
    mig.environment[name] = value
    exit_code, out, err = said(mig, *PAIR)
    assert exit_code == code, err
    assert way_out in err
    assert err.startswith("mig: ")
    assert out == ""
    assert "Traceback" not in err
    assert "wrong" not in err.replace("something wrong", "")
    assert small[1].get("counters")["writes"] == writes


def test_a_missing_setting_says_where_to_put_it(mig: Mig) -> None:
    del mig.environment["KUSTOMER_API_KEY"]
    exit_code, _, err = said(mig, *PAIR)
    assert exit_code == 2
    assert "Set KUSTOMER_API_KEY" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "--source"),
        (("run", "--source", "kustomer"), "--target"),
        (("run", "--source", "kustomr", "--target", "crisp"), "mig plugins"),
        ((*PAIR, "--set", "source.api_key=abc"), "can be read by everybody"),
        ((*PAIR, "--set", "target.nonsense=1"), "nonsense"),
        ((*PAIR, "--set", "nonsense"), "--set"),
        ((*PAIR, "--config", "nowhere.toml"), "nowhere.toml"),
        ((*PAIR, "--config", "broken.toml"), "broken.toml"),
        ((*PAIR, "--plugin", "nowhere.py"), "nowhere.py"),
        ((*PAIR, "--plugin", "broken.py"), "broken.py"),
        ((*PAIR, "--share", "kustomer.all=2"), "between 0 and 1"),
        ((*PAIR, "--state", "sqlite:///foreign.db"), "not mig's"),
        ((*PAIR, "--state", "sqlite:///text.db"), "not a database"),
        ((*PAIR, "--bogus"), "--bogus"),
        (("status",), "no journal"),
        (("sandbox", "zendesk"), "zendesk"),
        (("sandbox", "crisp", "--faults", "nonsense=1"), "nonsense"),
        (("sandbox", "crisp", "--switch", "nonsense=1"), "nonsense"),
    ],
)
def test_a_command_that_means_nothing_exits_2(arguments: tuple[str, ...], words: str, mig: Mig) -> None:
    (mig.folder / "broken.toml").write_text("[source\n")
    (mig.folder / "broken.py").write_text("import nothing_of_that_name\n")
    (mig.folder / "text.db").write_text("this is no database " * 200)
    subprocess.run(
        ["python3", "-c", "import sqlite3; sqlite3.connect('foreign.db').execute('create table t (x)')"],
        cwd=mig.folder,
        check=True,
    )
    exit_code, out, err = said(mig, *arguments)
    assert exit_code == 2, err
    assert words in err
    assert "Traceback" not in err
    assert out == ""


def test_json_stays_one_object_when_a_run_is_refused(mig: Mig) -> None:
    mig.environment["CRISP_KEY"] = "nonsense"
    exit_code, out, _ = said(mig, *PAIR, "--json")
    found = json.loads(out)
    assert exit_code == 3
    assert found["status"] == "refused"
    assert found["kinds"] == {}
    assert "CRISP_KEY" in found["error"]["hint"]


@pytest.mark.parametrize("switch", ["transcript=on", "rating=on"])
def test_a_workspace_that_mails_its_customers_is_not_written_to(
    switch: str, small: tuple[Sandbox, Sandbox], tmp_path: Path
) -> None:
    with serving("crisp", "--switch", switch) as loud:
        mig = Mig(tmp_path, small[0], loud)
        exit_code, _, err = said(mig, *PAIR)
        assert exit_code == 3
        assert switch.partition("=")[0] in err
        assert loud.get("counters")["writes"] == 0


def test_a_journal_in_use_names_its_holder(mig: Mig) -> None:
    first = mig.start(*PAIR)
    while not (mig.folder / "mig.db.lock").exists():
        time.sleep(0.02)
    time.sleep(0.4)
    exit_code, _, err = said(mig, *PAIR)
    if first.poll() is None:
        assert exit_code == 3
        assert str(first.pid) in err
    first.communicate(timeout=120)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_and_the_next_run_goes_on(number: int, code: int, tmp_path: Path) -> None:
    with serving("kustomer", "--generate", "60", "--seed", "4") as source, serving("crisp") as target:
        mig = Mig(tmp_path, source, target)
        process = mig.start(*PAIR, "--json")
        while target.get("counters")["writes"] < 100 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert json.loads(out)["status"] == "interrupted"
        assert json.loads(out)["in_doubt"] == 0, "a drained run leaves nothing in doubt"
        report = mig.run()
        assert report["exit"] == 0
        assert report["possible_orphans"] == 0
        state = target.get("state")
        sources = [c["meta"]["data"]["source_id"] for c in state["conversations"]]
        counts = report["kinds"]["conversation"]  # updated: begun by the run that was stopped
        assert len(sources) == len(set(sources)) == counts["loaded"] + counts["updated"] + counts["unchanged"]


def test_nothing_is_readable_by_others_under_a_loose_umask(mig: Mig) -> None:
    before = os.umask(0)
    try:
        mig.run("--log-file", "log.jsonl")
    finally:
        os.umask(before)
    ours = [path for path in mig.folder.iterdir() if path.name != "mig.toml"]
    loose = [path.name for path in ours if path.stat().st_mode & 0o077]
    assert loose == []


def test_a_full_disk_is_refused_and_the_journal_survives(small: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    mig = Mig(tmp_path, *small)
    process = subprocess.Popen(
        ["bash", "-c", 'ulimit -f 400; exec "$@"', "bash", *mig.command(*PAIR)],
        cwd=tmp_path,
        env=mig.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "journal" in err
    assert mig.run()["exit"] == 0
