"""Canaries in every private word of a desk: none is seen in a log, a report, a fault, a process list or a left file."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator

import pytest

from desk_process import serving
from floor_desk import CANARY, KEY, Trail, write_desk

PAIR = ("--source", "kustomer", "--target", "crisp")
FAULTS = "mixed=0.06,seed=3,hang_s=0.3"
MAPPER = """
import mig


class Broken:
    def map(self, record, look):
        if isinstance(record, mig.Message):
            raise LookupError(f"{record.text} {record}")
        return None


@mig.hookimpl
def mig_mappers(register):
    register(mig.MapperSpec(None, "crisp", lambda settings: Broken(), front=10))
"""
"""A plugin whose fault says what it was working on."""
TARGET = """
from mig_crisp.target import CrispTarget


async def send(self, calls):
    raise ValueError(f"{[call.body for call in calls]} {self._client._settings.key.reveal()}")


CrispTarget.send = send
"""
"""A fault where nobody expects one: it ends the run."""
BROKEN = {"mapper.py": MAPPER, "target.py": TARGET}


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trail]:
    """A desk of canaries over a bad network, after every command."""
    folder = tmp_path_factory.mktemp("canaries")
    write_desk(folder / "desk.jsonl", customers=4)
    served = ("--dataset", str(folder / "desk.jsonl"), "--faults", FAULTS)
    with (
        serving("kustomer", *served, "--switch", f"key={KEY}", "--switch", "dead=0.3") as source,
        serving("crisp", "--faults", FAULTS) as target,
    ):
        trail = Trail(folder, source, target)
        for name, text in BROKEN.items():
            (folder / name).write_text(text)
        (folder / "who.txt").write_text(f"{CANARY}.nobody@{CANARY}.example\n")
        trail.run("check", "check", *PAIR)
        trail.run("plan", "plan", *PAIR)
        trail.run("fault", "run", *PAIR, "--plugin", "mapper.py")
        trail.run("failed", "status")
        trail.run("crash", "run", *PAIR, "--plugin", "target.py")
        trail.run("crash-json", "run", *PAIR, "--plugin", "target.py", "--json")
        trail.run("stopped", "run", *PAIR, "--json", meanwhile=trail.stop)
        trail.run("run", "run", *PAIR, "--json")
        trail.run("narrow", "run", *PAIR, "--customer", "@who.txt")
        trail.run("status", "status", "--json")
        yield trail


def test_no_canary_is_seen(trail: Trail) -> None:
    secrets = trail.secrets()
    seen = [
        f"{what} in {where}"
        for where, text in trail.left()
        for what, secret in secrets.items()
        if secret.lower() in text.lower()
    ]
    assert seen == []


def test_every_command_came_to_the_end_it_should(trail: Trail) -> None:
    """Nothing is proven by commands that had nothing to say."""
    codes = {"plan": 0, "fault": 1, "failed": 0, "crash": 70, "crash-json": 70, "stopped": 143, "run": 0}
    assert {name: code for name, code in trail.codes.items() if name in codes} == codes
    assert "quarantined: message" in trail.said["fault, stdout"]
    assert "quarantined: message" in trail.said["failed, stdout"]
    assert "a fault of mig itself (ValueError)" in trail.said["crash, stderr"]
    assert "Please report these lines" in trail.said["crash, stderr"]
    assert json.loads(trail.said["crash-json, stdout"])["status"] == "broken"
    assert json.loads(trail.said["stopped, stdout"])["status"] == "interrupted"
    counts = json.loads(trail.said["run, stdout"])["kinds"]
    assert counts["message"]["loaded"] + counts["message"]["unchanged"] > 20
    assert counts["attachment"]["archived"] > 0
    assert "\0run\0--source\0kustomer" in trail.said["run, in the process list"]
    log = "".join(path.read_text() for path in trail.folder.glob("*.log"))
    for event in ("request.retried", "file.lost"):
        assert event in log


def test_the_canaries_did_arrive_and_lie_in_a_private_journal(trail: Trail) -> None:
    """The test of the test: what is looked for is what was moved."""
    state = json.dumps(trail.target.get("state"))
    assert state.count(CANARY) > 50
    held = [path for path in trail.folder.iterdir() if path.name.startswith("mig.db")]
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in held} == dict.fromkeys(
        (path.name for path in held), "0o600"
    )
    assert held


def test_nothing_is_left_in_the_folder_for_temporary_files(trail: Trail) -> None:
    assert list(trail.temporary.iterdir()) == []
