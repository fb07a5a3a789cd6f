"""An audit of a desk in two files: every column of the report, in a target that anybody can read."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from desk_process import ACKNOWLEDGED, MIG

TOY = Path(__file__).parents[2] / "docs" / "examples" / "toydesk.py"
LINES: list[dict[str, str]] = [
    {"kind": "contact", "id": "c1", "name": "Ada", "email": "ada@example.org"},
    {"kind": "contact", "id": "c2", "name": "Bea", "email": "bea@example.org"},
    {"kind": "conversation", "id": "t1", "of": "c1", "title": "Where is it", "at": "2025-01-02T03:04:05+00:00"},
    {"kind": "conversation", "id": "t2", "of": "c2", "title": "Late", "at": "2025-01-03T03:04:05+00:00"},
    {"kind": "message", "id": "m2", "of": "t1", "at": "2025-01-02T03:05:00+00:00", "text": "second"},
    {"kind": "message", "id": "m1", "of": "t1", "at": "2025-01-02T03:04:05+00:00", "text": "first"},
    {"kind": "message", "id": "m3", "of": "t2", "at": "2025-01-03T03:04:05+00:00", "text": "a secret word"},
]
SIDES = (
    *("--plugin", str(TOY), "--source", "toydesk", "--target", "toydesk"),
    *("--set", "source.path=desk.jsonl", "--set", "target.path=copy.json"),
)


class Toy:
    """A folder with both desks and a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, lines: list[dict[str, str]]) -> None:
        """The source, as it is now."""
        (self.folder / "desk.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what stands on the target."""
        document = json.loads((self.folder / "copy.json").read_text())
        change(document)
        (self.folder / "copy.json").write_text(json.dumps(document))

    def ask(self, *command: str) -> tuple[int, Any]:
        """A command's exit code and JSON object."""
        whole = [*MIG, *command, *SIDES, "--json"]
        ended = subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder)
        return ended.returncode, json.loads(ended.stdout or "null") or ended.stderr

    def verify(self, *more: str) -> tuple[int, Any]:
        """Likewise of an audit."""
        return self.ask("verify", "--level", "full", *more)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a migration has come to its end."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "mig.toml").write_text(ACKNOWLEDGED)
    toy = Toy(folder)
    toy.write(LINES)
    assert toy.ask("run")[0] == 0
    return folder


@pytest.fixture
def toy(moved: Path, tmp_path: Path) -> Toy:
    shutil.copytree(moved, tmp_path, dirs_exist_ok=True)
    return Toy(tmp_path)


def only(found: Any) -> dict[str, Any]:
    """The one discrepancy."""
    assert found["discrepancies_total"] == 1, found["discrepancies"]
    one: dict[str, Any] = found["discrepancies"][0]
    return one


def test_a_clean_migration_passes_and_the_object_is_that_of_the_contract(toy: Toy) -> None:
    code, found = toy.verify("--seed", "7")
    assert (code, found["verdict"], found["seed"], found["level"]) == (0, "pass", 7, "full")
    assert set(found["levels"]) == {"conservation", "census", "structure", "values", "bytes"}
    assert all(set(level) == {"verdict", "checked", "unchecked"} for level in found["levels"].values())
    counted = {"source": 3, "target": 3, "accounted": 3, "compared": 3}
    zeros = ("mismatched", "missing", "extra", "doubled", "orphaned", "newer", "foreign")
    assert found["kinds"]["message"] == {**counted, **dict.fromkeys(zeros, 0)}
    assert found["discrepancies"] == []
    assert found["discrepancies_total"] == 0
    assert "exactly 0 of 2" in found["claim"]


def test_a_changed_text_is_told_without_its_words(toy: Toy, tmp_path: Path) -> None:
    toy.change(lambda desk: desk["threads"]["t2"]["messages"].update(m3="a secret ward"))
    code, found = toy.verify("--out", "all.jsonl", "--report", "audit.html", "--junit", "audit.xml")
    assert code == 1
    one = only(found)
    assert (one["kind"], one["source_id"], one["target_id"], one["field"]) == ("message", "m3", "t2", "text")
    assert one["expected"]["length"] == one["actual"]["length"] == 13
    assert one["expected"]["differs_at"] == 10
    assert one["expected"]["sha256"] != one["actual"]["sha256"]
    for name in ("all.jsonl", "audit.html", "audit.xml"):
        text = (tmp_path / name).read_text("utf-8")
        assert "secret" not in text
        assert "example.org" not in text
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_the_words_are_shown_where_that_is_asked_for(toy: Toy) -> None:
    toy.change(lambda desk: desk["threads"]["t2"]["messages"].update(m3="a secret ward"))
    one = only(toy.verify("--show-bodies")[1])
    assert (one["expected"], one["actual"]) == ("a secret word", "a secret ward")


def test_what_is_not_there_is_missing(toy: Toy) -> None:
    toy.change(lambda desk: desk["threads"]["t1"]["messages"].pop("m1"))
    code, found = toy.verify()
    assert (code, only(found)["what"], only(found)["source_id"]) == (1, "missing", "m1")
    assert found["kinds"]["message"]["missing"] == 1
    assert found["levels"]["census"]["verdict"] == "fail"
    assert found["levels"]["values"]["verdict"] == "pass"


def test_a_thread_that_is_not_there_is_missing_with_all_that_was_in_it(toy: Toy) -> None:
    toy.change(lambda desk: desk["threads"].pop("t1"))
    _, found = toy.verify()
    assert [(one["kind"], one["source_id"]) for one in found["discrepancies"]] == [
        ("conversation", "t1"),
        ("message", "m1"),
        ("message", "m2"),
    ]


def test_a_message_in_another_thread_is_in_the_wrong_place(toy: Toy) -> None:
    def move(desk: dict[str, Any]) -> None:
        desk["threads"]["t2"]["messages"]["m1"] = desk["threads"]["t1"]["messages"].pop("m1")

    toy.change(move)
    one = only(toy.verify()[1])
    assert (one["what"], one["field"], one["expected"], one["actual"]) == ("mismatched", "place", "t1", "t2")


def test_two_messages_in_another_order_are_told_once(toy: Toy) -> None:
    def swap(desk: dict[str, Any]) -> None:
        desk["threads"]["t1"]["messages"] = dict(reversed(desk["threads"]["t1"]["messages"].items()))

    toy.change(swap)
    one = only(toy.verify()[1])
    assert (one["field"], one["source_id"], one["expected"], one["actual"]) == ("order", "m1", 1, 2)


def test_what_the_source_does_not_have_is_orphaned(toy: Toy) -> None:
    toy.write([line for line in LINES if line["id"] != "m3"])
    one = only(toy.verify()[1])
    assert (one["what"], one["source_id"]) == ("orphaned", "m3")


def test_a_record_no_run_has_read_is_found(toy: Toy) -> None:
    late = {"kind": "message", "id": "m9", "of": "t1", "at": "2025-01-02T03:06:00+00:00", "text": "lost on the way"}
    toy.write([*LINES, late])
    one = only(toy.verify()[1])
    assert (one["what"], one["source_id"], one["why"]) == ("missing", "m9", "no run has read it")


def test_without_the_journal_the_marks_are_enough(toy: Toy, tmp_path: Path) -> None:
    for file in tmp_path.glob("mig.db*"):
        file.unlink()
    assert toy.verify()[0] == 2
    code, found = toy.verify("--no-journal")
    assert (code, found["as_of"]) == (0, None)
    toy.change(lambda desk: desk["threads"]["t1"]["messages"].update(m1="frist"))
    assert only(toy.verify("--no-journal")[1])["field"] == "text"


def test_every_audit_is_counted(toy: Toy) -> None:
    found = [toy.ask("verify", "--level", level)[1] for level in ("full", "counts", "samples", "full", "samples")]
    assert [one["audits"] for one in found] == [1, 2, 3, 4, 5]
    assert [one["looks"] for one in found] == [0, 0, 1, 1, 2], "one that draws no sample is no look"


def test_it_leaves_nothing_behind_and_what_is_left_is_private(toy: Toy, tmp_path: Path) -> None:
    toy.verify()
    assert not list(tmp_path.glob("mig-verify*"))


def test_the_file_of_something_else_is_refused(toy: Toy, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "mig-verify.db")
    other.execute("CREATE TABLE meta (something TEXT)")
    other.commit()
    other.close()
    code, found = toy.verify()
    assert code == 3, found
    assert (tmp_path / "mig-verify.db").exists()


def test_a_records_story_is_told_by_its_old_and_its_new_id(toy: Toy) -> None:
    code, found = toy.ask("explain", "m1")
    assert code == 0
    (story,) = found["records"]
    assert (story["kind"], story["id"], story["unit"], story["state"]) == ("message", "m1", "conversation:t1", "done")
    assert [deed["name"] for deed in story["deeds"]] == ["message/m1"]
    assert story["runs"]["1"][2] == "completed"
    code, found = toy.ask("explain", "message/m2")  # what the target answered
    assert [(one["kind"], one["id"]) for one in found["records"]] == [("message", "m2")]
    assert toy.ask("explain", "nobody")[0] == 2


def test_a_pipeline_sees_which_kind_failed_at_which_level(toy: Toy, tmp_path: Path) -> None:
    toy.change(lambda desk: desk["threads"]["t1"]["messages"].pop("m1"))
    toy.verify("--junit", "audit.xml")
    suites = {suite.get("name"): suite for suite in ElementTree.parse(tmp_path / "audit.xml").getroot()}
    assert {name: suite.get("failures") for name, suite in suites.items()} == {
        "conservation": "0",
        "census": "1",
        "structure": "0",
        "values": "0",
        "bytes": "0",
    }
    (failed,) = [case.get("name") for case in suites["census"] if case.find("failure") is not None]
    assert failed == "message"


def test_a_plan_of_repair_says_what_would_be_done(toy: Toy) -> None:
    def hurt(desk: dict[str, Any]) -> None:
        desk["threads"]["t1"]["title"] = "Lost"

    toy.change(hurt)
    toy.verify("--plan-repair", "plan.jsonl")
    rows = [json.loads(line) for line in (toy.folder / "plan.jsonl").read_text().splitlines()]
    assert [row.get("do") for row in rows] == [None, "deliver"]
    assert "Lost" not in (toy.folder / "plan.jsonl").read_text()
