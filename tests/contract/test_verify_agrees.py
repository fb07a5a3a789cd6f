"""A run, its report and an audit tell the same: what arrived, what is in the archive, what was left out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from audited import Audited, audited, told
from damages import put, rows
from desk_process import MIG
from mig.engine.run import Report
from mig_verify.page import page
from mig_verify.result import Result


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A desk some of whose files Crisp does not take."""
    with audited(tmp_path_factory.mktemp("agrees"), customers=40, seed=3) as made:
        yield made


@pytest.fixture(scope="module")
def report(desk: Audited) -> Report:
    found = desk.migrate()
    assert found.status == "completed", found.error
    return found


@pytest.fixture(scope="module")
def result(desk: Audited, report: Report) -> Result:
    found = desk.audit()
    assert found.found == [], told(found)
    return found


def test_of_every_kind_run_and_audit_count_the_same(report: Report, result: Result) -> None:
    assert report.kinds["message"].skipped
    for kind, run in report.kinds.items():
        tally = result.kinds[kind]
        there = tally.by.get("held", 0) + tally.by.get("elsewhere", 0)
        seen = (there, *(tally.by.get(how, 0) for how in ("merged", "archived", "skipped")))
        assert seen == (run.loaded, run.merged, run.archived, run.skipped), kind
        assert tally.source == run.in_scope == sum(seen), kind


def test_the_ledger_of_losses_is_that_of_the_run_and_of_the_report(
    desk: Audited, report: Report, result: Result
) -> None:
    assert report.ledger is not None
    assert report.ledger.outcomes["dropped"] > 100
    assert result.outcomes == report.ledger.outcomes
    assert list(result.losses) == list(report.ledger.rows)
    sums = ", ".join(f"{count:,} {word}" for word, count in report.ledger.outcomes.items())
    assert f"In sum: {sums}." in page(result, bodies=False)
    command = [*MIG, "report", "--json"]
    told = subprocess.run(command, capture_output=True, env=desk.environment(), check=True, timeout=120)
    assert json.loads(told.stdout)["outcomes"] == result.outcomes


def of_files(result: Result) -> dict[str, int]:
    """What an audit says of files, wherever it says it."""
    tally = result.kinds["attachment"]
    (_, threads), (_, others) = result.claims
    compared = sum(one.compared for kind, one in result.kinds.items() if kind != "contact")
    assert threads.population == compared, "the claim speaks of what was compared"
    return {
        **tally.by,
        "target": tally.target,
        "compared": tally.compared,
        "claimed": others.population - result.kinds["contact"].compared,
        "bytes": result.levels["bytes"].checked,
        "unchecked": result.levels["bytes"].unchecked,
    }


def test_a_file_that_never_arrived_is_archived_and_was_not_compared(report: Report, result: Result) -> None:
    files = report.kinds["attachment"]
    assert files.archived > 2  # Crisp does not take all of them
    said = {"held": files.loaded, "archived": files.archived, "skipped": files.skipped}
    seen = dict.fromkeys(("target", "compared", "claimed", "bytes"), files.loaded)
    assert of_files(result) == {**said, **seen, "unchecked": 0}


def test_without_a_journal_the_note_in_its_place_tells_it(desk: Audited, result: Result) -> None:
    assert of_files(desk.audit(journal=False)) == of_files(result)


def test_the_note_in_its_place_is_looked_at_all_the_same(desk: Audited, result: Result) -> None:
    with desk.damaged() as workspace:
        notes = [
            (session, message, name)
            for session, message, kind, name in rows(workspace)
            if kind == "attachment" and message.view["type"] == "note"
        ]
        (_, late, first), (session, gone, second) = notes[:2]
        put(late, timestamp=late.timestamp + 1, properties={**late.view["properties"], "mood": "fine"})
        session.remove(gone)
        hurt = desk.audit()
    assert {(one.what, one.source_id) for one in hurt.found} == {("mismatched", first), ("missing", second)}, told(hurt)
    assert (hurt.kinds["attachment"].mismatched, hurt.kinds["attachment"].missing) == (1, 1)
    assert hurt.kinds["attachment"].compared == result.kinds["attachment"].compared
