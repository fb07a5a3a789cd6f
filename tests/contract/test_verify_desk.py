"""An audit of two desks that live on: what moved since is no alarm, what was lost is, killing it costs nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited
from damages import source_of, threads
from desk_process import MIG

PAIR = ("--source", "kustomer", "--target", "crisp")


@contextmanager
def migrated(folder: Path, customers: int = 4, seed: int = 3) -> Iterator[Audited]:
    """A small generated desk, moved."""
    with audited(folder, customers=customers, seed=seed) as desk:
        report = desk.migrate()
        assert report.status == "completed", report.error
        yield desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with migrated(tmp_path_factory.mktemp("desk")) as made:
        yield made


def told(result: Any) -> str:
    return "\n".join(f"{one.level} {one.what} {one.kind} {one.source_id} {one.field}" for one in result.found)


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_migration_is_silent(seed: int, tmp_path: Path) -> None:
    with migrated(tmp_path, 5, seed) as desk:
        result = desk.audit()
        assert result.verdict == "pass", told(result)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 23))
def test_long_a_clean_migration_is_silent(seed: int, tmp_path: Path) -> None:
    with migrated(tmp_path, 25, seed) as desk:
        for level in ("counts", "samples", "full"):
            result = desk.audit(level)
            assert result.verdict == "pass", told(result)


def rows_of(desk: Audited, kind: str) -> dict[str, Any]:
    rows: dict[str, Any] = desk.organisation.organisation.store.table(kind).rows
    return rows


def an_open_thread(desk: Audited) -> Any:
    return next(one for one in threads(desk.workspace.desk) if any(m.from_user for m in one.messages))


def test_an_answer_in_the_new_desk_is_foreign_and_no_alarm(desk: Audited) -> None:
    with desk.damaged() as workspace:
        session = an_open_thread(desk)
        session.state = "resolved" if session.state != "resolved" else "unresolved"
        session.assigned = sorted(workspace.operators)[0]
        desk.workspace.answer_by_hand(session.session_id, "answered in the new desk")
        result = desk.audit()
    assert result.verdict == "pass", told(result)
    assert result.kinds["message"].foreign == 1
    assert result.kinds["conversation"].foreign == 1


def test_a_conversation_somebody_began_in_the_new_desk_is_foreign(desk: Audited) -> None:
    with desk.damaged() as workspace:
        session = an_open_thread(desk)
        other = session.copy()
        other.session_id = "session_00000000-0000-4000-8000-00000000000f"
        other.metas = {"nickname": "A new customer", "email": "", "data": {}, "segments": []}
        other.messages, other.by_fingerprint = [], {}
        workspace.sessions.live[other.session_id] = other
        result = desk.audit()
    assert result.verdict == "pass", told(result)
    assert result.kinds["conversation"].foreign == 1


def test_what_the_source_changed_since_is_newer_and_no_alarm(tmp_path: Path) -> None:
    with migrated(tmp_path) as desk:
        time.sleep(0.01)
        organisation = desk.organisation.organisation
        message = json.loads(rows_of(desk, "messages")[sorted(rows_of(desk, "messages"))[0]].body)
        session = an_open_thread(desk)
        organisation.put("messages", {"id": message["id"], "attributes": {"preview": "edited since"}})
        organisation.put("conversations", {"id": source_of(session), "attributes": {"name": "renamed since"}})
        now = datetime.now(UTC).isoformat()
        said = {"preview": "written since", "direction": "in", "channel": "chat", "sentAt": now, "createdAt": now}
        home = {"conversation": {"data": {"type": "conversation", "id": source_of(session)}}}
        organisation.put("messages", {"attributes": said, "relationships": home | message["relationships"] | home})
        result = desk.audit()
        assert result.verdict == "pass", told(result)
        assert result.kinds["message"].newer == 2
        assert result.kinds["conversation"].newer == 1


def test_a_record_that_was_never_extracted_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with audited(tmp_path, customers=4, seed=3) as desk:
        table = desk.organisation.organisation.store.table("messages")
        lost = table.order[len(table.order) // 2]
        kept, found = table.order, table.find
        table.order = [one for one in kept if one != lost]
        monkeypatch.setattr(table, "find", lambda name, value: [one for one in found(name, value) if one != lost])
        assert desk.migrate().status == "completed"
        table.order = kept
        monkeypatch.undo()
        result = desk.audit()
        assert [(one.what, one.source_id, one.why) for one in result.found] == [("missing", lost, "no run has read it")]


def test_without_a_journal_the_marks_are_enough(desk: Audited) -> None:
    result = desk.audit(journal=False)
    assert told(result) == ""
    # But for what bears no mark there: it says that it could not look at those, and passes nothing it has not seen.
    assert sorted(result.unreadable) == ["article", "category"]
    assert {name: level.verdict for name, level in result.levels.items()} == {
        "conservation": "incomplete",
        "census": "incomplete",
        "structure": "pass",
        "values": "pass",
        "bytes": "pass",
    }


def test_killed_in_the_middle_it_goes_on_without_asking_again(tmp_path: Path) -> None:
    with migrated(tmp_path, 12) as desk:
        before = asked_of(desk)
        assert desk.audit().verdict == "pass"
        whole = asked_of(desk) - before
        command = [*MIG, "verify", "--level", "full", "--json", *PAIR]
        asked: list[int] = []
        out = b""
        for at in (whole // 4, whole // 2, whole * 3 // 4, 10**9):
            before = asked_of(desk)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env=desk.environment(), cwd=tmp_path)
            while process.poll() is None and sum(asked) + asked_of(desk) - before < at:
                time.sleep(0.005)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            out, _ = process.communicate(timeout=60)
            asked.append(asked_of(desk) - before)
        found = json.loads(out)
        assert found["verdict"] == "pass", found
        assert sum(asked) <= whole * 1.25 + 60  # each beginning opens both sides, and what was under way is asked again
        assert not list(tmp_path.glob("mig-verify*"))


def asked_of(desk: Audited) -> int:
    """Requests both sandboxes have answered so far."""
    return desk.workspace.requests + sum(desk.organisation.counts["statuses"].values())


def test_a_quota_pauses_it_and_it_goes_on(tmp_path: Path) -> None:
    with migrated(tmp_path, 6) as desk:
        command = [*MIG, "verify", "--level", "full", "--json", *PAIR]
        small = {**desk.environment(), "CRISP_DAILY_QUOTA": "40"}
        ended = subprocess.run(command, capture_output=True, env=small, cwd=tmp_path, check=False, timeout=120)
        assert ended.returncode == 4, ended.stderr
        assert json.loads(ended.stdout)["status"] == "paused"
        assert list(tmp_path.glob("mig-verify*"))
        ended = subprocess.run(
            command, capture_output=True, env=desk.environment(), cwd=tmp_path, check=False, timeout=120
        )
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["verdict"] == "pass"
