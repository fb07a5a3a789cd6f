"""What is told of a migration afterwards: the ledger of a run, the report, the guide; and beforehand by a plan."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited
from desk_process import MIG
from mig.engine.run import Report
from mig.journal.ledger import OUTCOMES

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("told")


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[Audited]:
    with audited(folder, customers=6, seed=7) as made:
        yield made


@pytest.fixture(scope="module")
def planned(world: Audited) -> Report:
    return world.migrate(plan_only=True)


@pytest.fixture(scope="module")
def first(world: Audited, planned: Report) -> Report:
    return world.migrate()


@pytest.fixture(scope="module")
def told(world: Audited, first: Report, folder: Path) -> dict[str, Any]:
    files = ["--out", str(folder / "report.html"), "--rebuild", str(folder / "REBUILD.md")]
    found: dict[str, Any] = json.loads(mig(world, "report", "--json", *files))
    return found


def mig(world: Audited, *arguments: str) -> str:
    """What a command says on stdout."""
    ended = subprocess.run(
        [*MIG, *arguments], capture_output=True, text=True, timeout=60, check=False, env=world.environment()
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_run_tells_of_every_field_what_became_of_it(first: Report) -> None:
    ledger = first.ledger
    assert ledger is not None
    assert first.status == "completed"
    assert ledger.open == []
    assert set(ledger.outcomes) <= set(OUTCOMES)
    sums = Counter[str]()
    for row in ledger.rows:
        sums[row.outcome] += row.records
    sums["kept"] = sum(count for kept in ledger.kept.values() for count in kept.values())
    assert (ledger.total, sums) == (len(ledger.rows), ledger.outcomes)
    titles = sum(row.records for row in ledger.rows if (row.kind, row.field) == ("shortcut", "title"))
    assert titles == first.kinds["shortcut"].in_scope, "every shortcut has a name, and each is accounted for"


def test_a_plan_tells_beforehand_what_the_run_then_finds(planned: Report, first: Report) -> None:
    assert planned.plan is not None
    assert first.ledger is not None
    beforehand, afterwards = (
        {
            (row.kind, row.field, row.outcome): row.records
            for row in ledger.rows
            if row.kind not in ("attachment", "media")  # whether bytes can be had is known when they are asked for
        }
        for ledger in (planned.plan.ledger, first.ledger)
    )
    assert beforehand == afterwards


def test_a_run_that_moves_nothing_takes_the_ledger_of_the_one_before(
    world: Audited, first: Report, told: dict[str, Any]
) -> None:
    again = world.migrate()
    assert first.ledger is not None
    assert again.ledger is not None
    assert (again.ledger.run, again.ledger.rows) == (first.run_id, first.ledger.rows)
    status = json.loads(mig(world, "status", "--json"))
    assert status["fields"] == {"run_id": first.run_id, "outcomes": first.ledger.outcomes}
    once_more = json.loads(mig(world, "report", "--json"))
    assert once_more["losses"] == told["losses"]


def test_a_report_is_one_object_whose_sums_close(first: Report, told: dict[str, Any]) -> None:
    for kind, row in told["kinds"].items():
        parts = {name: count for name, count in row.items() if name not in ("in_scope", "by")}
        assert row["in_scope"] == sum(parts.values()), kind
        assert row["in_scope"] == (first.kinds[kind].in_scope if kind in first.kinds else 0)
    assert list(told["kinds"])[:6] == ["contact", "company", "conversation", "message", "note", "attachment"]
    assert (
        sum(row["in_scope"] for row in told["kinds"]["attribute"]["by"].values())
        == told["kinds"]["attribute"]["in_scope"]
    )
    assert told["state"] == "moved"
    assert [one["what"] for one in told["runs"]] == ["all", "plan"]
    assert told["cost"]["requests"]["target"] >= first.requests["target"]
    assert {one["kind"] for one in told["by_hand"]} >= {"shortcut", "sla", "business_rule", "hook", "saved_search"}
    assert told["unmatched_agents"]


def test_what_is_told_names_nobodys_address_and_loads_nothing(told: dict[str, Any], folder: Path) -> None:
    text = (folder / "report.html").read_text("utf-8")
    assert ADDRESS.findall(text) == []
    assert ADDRESS.findall(json.dumps(told)) == []
    assert "http" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S).replace("http-equiv", "")
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("report.html", "REBUILD.md", "REBUILD.html")} == {
        0o600
    }


def test_the_guide_names_what_rules_name_by_id(told: dict[str, Any], folder: Path) -> None:
    text = (folder / "REBUILD.md").read_text("utf-8")
    assert text.count("- [ ] ") == sum(one["open"] + one["off"] for one in told["by_hand"])
    assert "{{customer.firstName}}: write the new desk's variable for the customer's first name." in text
    assert re.search(r'Then: add to conversation tags: "', text)
    assert "https:\\//hook.example/1" in text


def test_without_an_option_a_report_is_told_in_words(world: Audited, told: dict[str, Any]) -> None:
    text = mig(world, "report")
    assert "things to rebuild by hand" in text
    assert "more (--json)" in text
