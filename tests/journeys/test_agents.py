"""Agents whose operators have other addresses: a person fills in a table, and authorship and assignment follow."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

from audited import Audited, audited


def mig(desk: Audited, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mig.cli", *arguments]
    return subprocess.run(command, env=desk.environment(), capture_output=True, text=True, timeout=120, check=False)


def named(desk: Audited) -> set[str]:
    """Who the workspace shows as authors that are operators."""
    sessions: Any = desk.workspace.desk.sessions.live.values()
    users = [one.view.get("user") or {} for session in sessions for one in session.messages]
    return {str(user["user_id"]) for user in users if user.get("user_id") in desk.workspace.desk.operators}


def test_who_is_whom_is_said_in_a_table(tmp_path: Path) -> None:
    with audited(tmp_path, customers=12, seed=6) as desk:
        assert desk.migrate().status == "completed"
        (operator,) = list(desk.workspace.desk.operators)[:1]
        email = desk.workspace.desk.operators[operator]["email"]
        sheet = tmp_path / "agents.csv"
        told = mig(desk, "ids", "--agents", str(sheet))
        assert told.returncode == 0, told.stderr
        assert "operator_email" in told.stdout
        assert (sheet.stat().st_mode & 0o777) == 0o600
        rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8"))))
        assert {row["matched"] for row in rows} <= {"yes", "no", "not yet"}
        assert len(rows) == len(desk.organisation.organisation.store.table("users").rows)
        assert not named(desk)
        with sheet.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, rows[0].keys())
            table.writeheader()
            table.writerows({**row, "operator_email": email.upper()} for row in rows)
        desk._settings = {"agents": str(sheet)}
        again = desk.migrate(remap=True)
        assert again.status == "completed"
        assert named(desk) == {operator}
        assert again.kinds["agent"].archived == 0
        assert desk.audit("full").verdict == "pass"

        sheet.write_text("id,operator_email\nx,nobody@example.org\n", encoding="utf-8")
        refused = mig(desk, "check", "--source", "kustomer", "--target", "crisp")
        desk._settings = {}
        assert refused.returncode == 3
        assert "operators who are not there, for x" in refused.stdout
        assert "nobody@example.org" not in refused.stdout + refused.stderr
