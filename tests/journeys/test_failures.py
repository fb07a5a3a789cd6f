"""`mig failures` after a run that quarantined something: told by reason, tried again, mended; and nothing but that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from desk_process import Sandbox, serving
from processes import Mig, end_state

TEXT = 60
"""Characters the workspace takes, fewer than we were told."""


@pytest.fixture(scope="module")
def source() -> Iterator[Sandbox]:
    """A small organisation."""
    with serving("kustomer", "--generate", "6", "--seed", "11") as made:
        yield made


@contextmanager
def refused(source: Sandbox, folder: Path) -> Iterator[tuple[Mig, Sandbox]]:
    """A command after its first run, and a workspace that refused some texts for their length."""
    with serving("crisp", "--switch", f"max_text={TEXT}", "--switch", "extensions=*") as target:
        mig = Mig(folder, source, target)
        assert mig.run("--only", "conversation")["exit"] == 1
        yield mig, target


@pytest.fixture(scope="module")
def desk(source: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mig, Sandbox]]:
    """The same, for tests that change nothing."""
    with refused(source, tmp_path_factory.mktemp("refused")) as made:
        yield made


def ask(mig: Mig, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """`mig failures --json`. Returns: the exit code, the object, what stood on stderr."""
    process = mig.start("failures", *arguments, "--json")
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out), err


def test_it_is_told_what_failed_where_it_stands_and_what_to_do(desk: tuple[Mig, Sandbox]) -> None:
    mig, target = desk
    requests = target.get("counters")["requests"]
    code, found, _ = ask(mig, "--all")
    assert code == 1
    assert target.get("counters")["requests"] == requests, "a platform was asked"
    (group,) = found["groups"]
    assert (group["kind"], group["count"]) == ("message", found["failures_total"])
    assert group["reason"] == "Crisp refused it (400 invalid_data on POST conversation, '.content')"
    assert group["hint"] == "Correct the record at the source, or its mapping; the next run tries again."
    assert len(found["failures"]) == group["count"] > 3
    assert group["examples"] == [{k: one[k] for k in ("id", "target_id")} for one in found["failures"][:3]]
    assert {one["reason_id"] for one in found["failures"]} == {group["reason_id"]}
    sessions = {row["session_id"] for row in target.get("state")["conversations"]}
    assert {one["target_id"] for one in found["failures"]} <= sessions
    out, _ = mig.start("failures").communicate(timeout=60)
    assert group["reason_id"] in out
    assert group["hint"] in out


def test_an_unknown_reason_names_the_known_ones_and_asks_nobody(desk: tuple[Mig, Sandbox]) -> None:
    mig, target = desk
    requests = target.get("counters")["requests"]
    code, report, err = ask(mig, "--retry", "something else")
    assert (code, report["status"]) == (2, "refused")
    assert "Crisp refused it (400 invalid_data" in err
    assert target.get("counters")["requests"] == requests


def test_what_was_mended_arrives_and_a_retry_that_has_nothing_to_do_asks_nobody(
    source: Sandbox, tmp_path: Path
) -> None:
    with refused(source, tmp_path) as (mig, target):
        _mend(mig, target)


def _mend(mig: Mig, target: Sandbox) -> None:
    before = end_state(target)
    code, report, _ = ask(mig, "--retry", "message INVALID_DATA")
    failed = report["kinds"]["message"]["failed"]
    assert (code, report["status"]) == (1, "completed")
    assert report["retried"] == {"records": failed, "mended": 0, "failed": failed, "pending": 0}
    mig.environment["CRISP_MAX_TEXT"] = str(TEXT)
    code, report, _ = ask(mig, "--retry")
    assert code == 0
    assert report["retried"] == {"records": failed, "mended": failed, "failed": 0, "pending": 0}
    assert report["kinds"]["message"]["loaded"] == failed
    after = end_state(target)
    assert after["doubled"] == []
    assert sum(map(_said, after["threads"].values())) > sum(map(_said, before["threads"].values()))
    requests = target.get("counters")["requests"]
    assert ask(mig, "--retry")[0] == ask(mig)[0] == 0
    assert target.get("counters")["requests"] == requests


def _said(thread: dict[str, Any]) -> int:
    return len(thread["messages"])
