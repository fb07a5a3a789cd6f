"""What an audit found is repaired: said again where it is gone, put right where it is wrong, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audited import Audited, audited, told, with_phones
from damages_help import DAMAGES
from desk_made import write_organisation
from desk_process import ACKNOWLEDGED, MIG
from help_made import with_help_centre
from mig_verify.report import write_repair
from mig_verify.result import Result, lines

BY_HAND = {
    "a message stands twice, under two fingerprints",
    "a message stands twice, under one fingerprint",
    "a message stands in another thread",
    "a thread stands twice",
    "a profile stands twice",
    "two profiles were merged",
    "a rating's note stands twice",
    "a message bears our mark and is of no record",
    "a thread bears our mark and is of no record",
}
"""What must not stand there mig does not remove: somebody looks first."""
OTHERWISE = {
    "a message has another author",
    "a thread is assigned to an operator it never had",
    "a thread lies in an inbox it was never put in",
    "a profile has a segment nobody gave it",
    "a profile works for another company",
    "a profile lives elsewhere",
    "a profile speaks another language",
    "a rating's note is of somebody else",
    "a category has another name",
    "two rows of one millisecond change places",
}
"""What no operation of ours would say otherwise: somebody looks (docs/verify.md)."""
LAST = {"two files change places", "a file is a millisecond late"}
"""What is said again is the last of its millisecond; that order is left to a person."""
SHORT = (
    "a customer's message is dropped",
    "a text is cut by one character",
    "a thread is removed",
    "a thread is in another state",
    "a key of a thread's data is lost",
    "a profile is removed",
    "a value of a profile's data changes its type only",
    "a file is gone",
    "a picture of an article is another",
    "everybody can read a draft",
    "everybody can read what is for the desk only",
)
PARTLY = {"a section has another name"}
"""By hand, like that of a category; the articles in it seem to stand elsewhere, and are said again for nothing."""
LONG = sorted(set(DAMAGES) - BY_HAND - OTHERWISE - LAST - PARTLY - set(SHORT))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("repaired")
    write_organisation(folder / "organisation.jsonl")
    with_phones(folder / "organisation.jsonl")
    with_help_centre(folder / "organisation.jsonl")
    with audited(folder, dataset=folder / "organisation.jsonl", settings={"max_text": "120"}) as made:
        assert made.migrate().status == "completed"
        yield made


@pytest.mark.parametrize("name", [*SHORT, *(pytest.param(name, marks=pytest.mark.soak) for name in LONG)])
def test_it_is_repaired(name: str, desk: Audited, tmp_path: Path) -> None:
    state = Path(desk.state.removeprefix("sqlite:///"))
    kept = shutil.copy(state, tmp_path / "kept.db")
    with desk.damaged() as workspace, put_back(Path(kept), state):
        DAMAGES[name](workspace)
        found = desk.audit()
        report = desk.repair(found, tmp_path / "plan.jsonl")
        assert report.exit_code == 0, report.failures
        again = desk.audit()
        assert again.found == [], told(again)
        writes = len(desk.workspace.writes)
        assert desk.migrate().status == "completed"
        assert len(desk.workspace.writes) == writes, "after a repair nothing is left to send"


@contextmanager
def put_back(kept: Path, state: Path) -> Iterator[None]:
    """The journal is as it was afterwards, too."""
    try:
        yield
    finally:
        shutil.copy(kept, state)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.soak) for name in sorted(BY_HAND)])
def test_what_must_not_stand_there_is_left_to_a_person(name: str, desk: Audited, tmp_path: Path) -> None:
    with desk.damaged() as workspace:
        hurt = DAMAGES[name](workspace)
        desk_found = desk.audit()
        write_repair(tmp_path / "plan.jsonl", desk_found)
    _, *rows = map(json.loads, (tmp_path / "plan.jsonl").read_text().splitlines())
    named = [row for row in rows if row["source_id"] == hurt.source_id]
    assert named, rows
    assert all("how" in row or row["do"] == "deliver" for row in named)


def planned(found: Result, path: Path) -> list[dict[str, str]]:
    write_repair(path, found)
    _, *plan = map(json.loads, path.read_text().splitlines())
    assert all(row.get("how") for row in plan if row["do"] == "by hand")
    return plan


def test_what_no_repair_mends_is_planned_by_hand(desk: Audited, tmp_path: Path) -> None:
    with desk.damaged() as workspace:
        hurts = [DAMAGES[name](workspace) for name in sorted(OTHERWISE)]
        found = desk.audit()
    plan = planned(found, tmp_path / "plan.jsonl")
    assert {row["do"] for row in plan} == {"by hand"}, [row for row in plan if row["do"] != "by hand"]
    assert {(hurt.kind, hurt.source_id) for hurt in hurts} <= {(row["kind"], row["source_id"]) for row in plan}
    told = "\n".join(lines(found))
    assert "--plan-repair" in told
    assert "mig run" not in told, "no run mends any of it"


@pytest.mark.parametrize("name", sorted(LAST))
def test_what_is_said_again_stands_last_and_its_order_is_left_to_a_person(
    name: str, desk: Audited, tmp_path: Path
) -> None:
    state = Path(desk.state.removeprefix("sqlite:///"))
    kept = shutil.copy(state, tmp_path / "kept.db")
    with desk.damaged() as workspace, put_back(Path(kept), state):
        DAMAGES[name](workspace)
        found = desk.audit()
        assert "deliver" in {row["do"] for row in planned(found, tmp_path / "plan.jsonl")}
        assert desk.repair(found, tmp_path / "plan.jsonl").exit_code == 0
        again = desk.audit()
    assert {one.field for one in again.found} == {"order"}, told(again)
    assert {row["do"] for row in planned(again, tmp_path / "plan.jsonl")} == {"by hand"}


def test_a_plan_of_another_migration_is_refused(desk: Audited, tmp_path: Path) -> None:
    (tmp_path / "mig.toml").write_text(ACKNOWLEDGED)
    head = {"plan": "mig repair 1", "source": "kustomer:another", "target": "crisp:another", "run_id": 1}
    (tmp_path / "plan.jsonl").write_text(json.dumps(head) + "\n")
    (tmp_path / "none.jsonl").write_text("hello\n")
    for plan, code in (("plan.jsonl", 3), ("none.jsonl", 2), ("nowhere.jsonl", 2)):
        command = [*MIG, "run", "--source", "kustomer", "--target", "crisp", "--repair", plan, "--json"]
        ended = subprocess.run(command, capture_output=True, env=desk.environment(), cwd=tmp_path, check=False)
        assert ended.returncode == code, ended.stderr
