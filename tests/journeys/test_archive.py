"""`mig archive`: all that was read is in it, anybody can check it, and it goes on where it was killed."""

from __future__ import annotations

import csv
import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from audited import Audited, audited
from desk_process import ACKNOWLEDGED, MIG
from mig.journal.schema import raw, record
from mig.journal.store import Journal


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with audited(tmp_path_factory.mktemp("desk"), customers=25, seed=4) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        yield made


def command(desk: Audited, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MIG, *arguments], env=desk.environment(), capture_output=True, text=True, timeout=120, check=False
    )


def archive(desk: Audited, out: Path, *arguments: str) -> dict[str, Any]:
    ended = command(desk, "archive", "--out", str(out), "--json", *arguments)
    assert ended.stdout, ended.stderr
    return {**json.loads(ended.stdout), "exit": ended.returncode}


def checked(out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=False
    )


def lines(out: Path, folder: str = "records") -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in sorted((out / folder).glob("*.jsonl")) for line in path.read_bytes().splitlines()
    ]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as sheet:
        return list(csv.DictReader(sheet))


def snapshot(out: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(out)): (path.stat().st_ino, path.read_bytes()) for path in out.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def out(desk: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archives") / "one"
    archive(desk, folder)
    return folder


def test_everything_the_journal_holds_is_in_it_whatever_became_of_it(desk: Audited, out: Path) -> None:
    journal = Journal.open(desk.state, inline=True)
    with journal.reading() as connection:
        known = {(row.kind, row.id): row for row in connection.execute(select(record))}
        raws = connection.execute(select(func.count()).select_from(raw)).scalar_one()
        made_of = len({(row.resource, row.raw_id) for row in known.values()})
    journal.close()
    found = {(line["kind"], line["id"]): line for line in lines(out)}
    assert found.keys() == known.keys()
    assert {line["fate"] for line in found.values()} >= {"load", "archive"}
    for key, line in found.items():
        assert (line["fate"], line["state"], line["reason"]) == (known[key].fate, known[key].state, known[key].reason)
        assert line["record"] == (json.loads(known[key].body) if known[key].body else None)
        assert line["native"] is not None
    assert len(lines(out, "raw")) == raws - made_of
    loaded = [line for line in found.values() if line["kind"] == "conversation" and line["fate"] == "load"]
    assert all(line["target_id"].startswith("session_") for line in loaded)
    manifest = json.loads((out / "manifest.json").read_text())
    assert sum(sum(kind.values()) for kind in manifest["records"].values()) == len(known)
    talks = [line for line in found.values() if line["kind"] == "conversation" and line["fate"] == "archive"]
    assert manifest["records"]["conversation"].get("archived", 0) == len(talks)


def test_it_checks_with_sha256sum_and_a_changed_byte_is_found(desk: Audited, out: Path) -> None:
    assert checked(out).returncode == 0
    listed = {line[66:] for line in (out / "SHA256SUMS").read_text().splitlines()}
    assert listed == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    victim = next(path for path in out.glob("files/*/*") if path.stat().st_size)
    body = victim.read_bytes()
    victim.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    assert str(victim.relative_to(out)) in checked(out).stdout
    mended = archive(desk, out)
    assert mended["files"]["fetched"] == 1
    assert victim.read_bytes() == body
    assert checked(out).returncode == 0


def test_it_is_private_and_says_that_it_holds_personal_data(desk: Audited, out: Path) -> None:
    for path in (out, *out.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert "personal data" in command(desk, "archive", "--out", str(out)).stdout


def test_the_bytes_of_files_are_those_of_the_source_and_what_cannot_be_had_is_listed(desk: Audited, out: Path) -> None:
    rows = table(out / "files.csv")
    missing = table(out / "missing-files.csv")
    files = [line for line in lines(out) if line["kind"] == "attachment"]
    assert {row["id"] for row in (*rows, *missing)} == {f"attachment/{line['id']}" for line in files}
    assert rows
    assert all(row["reason"] for row in missing)
    assert archive(desk, out)["exit"] == (1 if missing else 0)
    for row in rows:
        assert (out / row["path"]).stat().st_size == int(row["bytes"])


def test_a_second_archive_of_the_same_changes_no_byte(desk: Audited, out: Path) -> None:
    archive(desk, out)
    before = snapshot(out)
    again = archive(desk, out)
    assert (again["changed"], again["removed"], again["files"]["fetched"]) == (False, 0, 0)
    after = snapshot(out)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name][1] != before[name][1]} == set()
    assert {name for name in after if after[name][0] != before[name][0]} <= {"manifest.json"}


def test_what_is_not_in_it_any_more_is_removed(desk: Audited, out: Path) -> None:
    (out / "records/foreign.jsonl").write_text("{}\n")
    (out / "page/t/99.js").write_text("")
    assert archive(desk, out)["removed"] == 2
    assert not (out / "records/foreign.jsonl").exists()


KILLED = """
import os, signal, sys
from mig import failpoints
left = int(sys.argv.pop(1))
def listener(name):
    global left
    if name == "archive.file":
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
failpoints.listen(listener)
from mig.cli import main
main(sys.argv[1:])
"""


def test_one_that_was_killed_goes_on_and_fetches_nothing_twice(desk: Audited, out: Path, tmp_path: Path) -> None:
    there = tmp_path / "killed"
    call = [sys.executable, "-c", KILLED, "3", "archive", "--out", str(there), "--quiet"]
    ended = subprocess.run(call, env=desk.environment(), capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (there / "manifest.json").exists()
    resumed = archive(desk, there)
    assert resumed["files"]["kept"] == 3
    assert checked(there).returncode == 0
    whole = {name for name in snapshot(out) if name.startswith(("files", "records"))}
    assert {name for name in snapshot(there) if name.startswith(("files", "records"))} == whole
    assert not [path for path in there.iterdir() if path.name in (".mig-work", ".files-done")]


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(desk: Audited, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("Dear diary")
    ended = command(desk, "archive", "--out", str(tmp_path))
    assert ended.returncode == 2
    assert "no archive" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_without_bytes_no_source_is_needed(desk: Audited, tmp_path: Path) -> None:
    kept = {key: value for key, value in desk.environment().items() if not key.startswith(("KUSTOMER_", "CRISP_"))}
    call = [*MIG, "archive", "--out", str(tmp_path / "a"), "--files", "none", "--json"]
    ended = subprocess.run(call, env=kept, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["files"]["unasked"] > 0
    assert checked(tmp_path / "a").returncode == 0


def test_with_bytes_it_says_which_setting_of_the_source_is_missing(desk: Audited, tmp_path: Path) -> None:
    kept = {key: value for key, value in desk.environment().items() if not key.startswith(("KUSTOMER_", "CRISP_"))}
    call = [*MIG, "archive", "--out", str(tmp_path / "a")]
    ended = subprocess.run(call, env=kept, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "kustomer: the setting url is missing" in ended.stderr
    assert "--files none" in ended.stderr
    assert "fault" not in ended.stderr


def test_no_signed_address_and_no_key_is_in_it(desk: Audited, out: Path) -> None:
    secrets = [value for key, value in desk.environment().items() if key in ("KUSTOMER_API_KEY", "CRISP_KEY")]
    assert secrets
    for line in lines(out):
        text = json.dumps(line)
        assert "X-Amz-Signature" not in text
        assert not any(secret in text for secret in secrets)


def test_the_people_of_the_importers_table_have_an_address_and_a_day(out: Path) -> None:
    rows = table(out / "contacts-for-import.csv")
    contacts = [line["record"] for line in lines(out) if line["kind"] == "contact" and line["fate"] == "load"]
    assert {row["email"] for row in rows} == {one["emails"][0]["value"].lower() for one in contacts if one["emails"]}
    assert all(row["created_at"] and row["nickname"] for row in rows)


def test_ids_are_told_with_where_each_is_now(desk: Audited, tmp_path: Path, out: Path) -> None:
    ended = command(desk, "ids", "--csv", str(tmp_path / "ids.csv"))
    assert ended.returncode == 0, ended.stderr
    rows = {(row["kind"], row["old_id"]): row for row in table(tmp_path / "ids.csv")}
    found = {(line["kind"], line["id"]): line for line in lines(out)}
    assert rows.keys() == found.keys()
    for key, row in rows.items():
        assert row["new_id"] == (found[key]["target_id"] or "")
        assert row["address"] == (found[key]["target_url"] or "")
    talks = [row for (kind, _), row in rows.items() if kind == "conversation" and row["fate"] == "load"]
    assert all(row["new_id"] in row["address"] for row in talks)
    assert command(desk, "ids", "--csv", "-").stdout == (tmp_path / "ids.csv").read_text("utf-8")
    assert command(desk, "ids").returncode == 2
    old = [row for row in table(tmp_path / "ids.csv") if row["kind"] == "help_address"]
    assert all(row["old_address"].startswith("/") for row in old)
    by_record = {line["id"]: line["record"]["paths"] for line in lines(out) if line["kind"] == "help_address"}
    assert sorted(row["old_address"] for row in old) == sorted(path for paths in by_record.values() for path in paths)
    public = [row for row in old if row["fate"] != "skip" and "help" in row["address"]]
    assert public, "where they lead to now stands beside them"


def test_what_a_person_filled_in_stays(desk: Audited, tmp_path: Path) -> None:
    name = str(tmp_path / "agents.csv")
    assert command(desk, "ids", "--agents", name).returncode == 0
    rows = table(tmp_path / "agents.csv")
    rows[1]["operator_email"] = "Olive@desk.example"
    with (tmp_path / "agents.csv").open("w", encoding="utf-8", newline="") as sheet:
        writer = csv.DictWriter(sheet, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert command(desk, "ids", "--agents", name).returncode == 0
    assert table(tmp_path / "agents.csv") == rows
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    ended = command(desk, "ids", "--agents", str(tmp_path / "other.csv"))
    assert ended.returncode == 2
    assert "no table of agents" in ended.stderr
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"


def test_a_run_brings_its_archive_along(desk: Audited, tmp_path: Path) -> None:
    (tmp_path / "mig.toml").write_text(ACKNOWLEDGED)
    call = [*MIG, "run", "--source", "kustomer", "--target", "crisp", "--archive", "kept", "--json"]
    ended = subprocess.run(
        call, cwd=tmp_path, env=desk.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout, ended.stderr
    told = json.loads(ended.stdout)
    assert told["status"] == "completed"
    assert told["archive"]["records"]["conversation"] > 50
    assert checked(tmp_path / "kept").returncode == 0
