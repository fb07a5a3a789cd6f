"""Files as the ways and mishaps of a run bring them: uploaded, refused, gone, linked, put into a folder, tried anew."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from desk_fates import Fates, decide
from desk_files import file_name, sent_files, sha256_of
from desk_here import serving_here, set_put_fails, set_sizes
from desk_lines import line_findings
from desk_made import write_organisation
from desk_process import Sandbox, serving
from desk_sample import Desk, Json, all_related, facts
from mig_crisp.sandbox.options import EXTENSIONS
from processes import Mig, end_state

PUBLIC = "https://files.example.org/desk"
BIG = 1000
"""Bytes: some files of the organisation are larger."""


@dataclass(frozen=True)
class Made:
    """The organisation: its file, what it says, and the sandbox that serves it."""

    path: Path
    desk: Desk
    source: Sandbox


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    path = tmp_path_factory.mktemp("organisation") / "organisation.jsonl"
    desk = write_organisation(path)
    with serving("kustomer", "--dataset", str(path)) as source:
        yield Made(path, desk, source)


def fates_of(desk: Desk, kept_away: Callable[[Json], str | None]) -> Fates:
    """The fates of everything; of files too, where something keeps them away."""
    fates = decide(desk)
    for row in desk.rows("attachments"):
        if fates.attachments[row["id"]] == "thread":
            why = "redacted" if facts(row)["redacted"] else kept_away(row)
            fates.attachments[row["id"]] = f"archived: {why}" if why else "thread"
    return fates


def refused(row: Json) -> str | None:
    stem, dot, extension = file_name(row).rpartition(".")
    return None if stem and dot and extension.lower() in EXTENSIONS else "refused"


def dead(row: Json) -> str | None:
    """The sandbox's own choice under `dead=0.4`."""
    return "dead" if zlib.crc32(row["id"].encode()) % 10_000 < 4_000 else None


def nothing(row: Json) -> str | None:
    return None


def switches(**wanted: str) -> list[str]:
    return [word for name, value in wanted.items() for word in ("--switch", f"{name}={value}")]


def judge(mig: Mig, target: Sandbox, desk: Desk, fates: Fates, report: Json) -> None:
    """Everything arrived as the fates say, and once; nobody heard of it; another run writes nothing."""
    assert report["exit"] == 0, report
    found = line_findings(desk, fates, target.get("state"), target.get("bucket"))
    assert not found, found.report()
    counts, wanted = report["kinds"]["attachment"], fates.counted("attachments")
    assert counts["loaded"] + counts["updated"] + counts["unchanged"] == wanted["thread"]
    assert counts["pending"] == counts["failed"] == 0
    state = end_state(target)
    assert state["doubled"] == []
    assert target.get("notifications")["counts"] == {}
    writes = target.get("counters")["writes"]
    assert mig.run()["exit"] == 0
    assert target.get("counters")["writes"] == writes, "a second run wrote"
    assert end_state(target) == state


# ---- what the workspace refuses, what the source has lost ------------------------------------------------------------


@pytest.mark.parametrize("who", ["generate", "put"])
def test_a_refused_extension_leaves_a_note_and_an_archived_file(who: str, made: Made, tmp_path: Path) -> None:
    fates = fates_of(made.desk, refused)
    assert fates.counted("attachments")["archived: refused"] >= 5
    with serving("crisp", *switches(refused_extension=who)) as target:
        mig = Mig(tmp_path, made.source, target)
        report = mig.run()
        judge(mig, target, made.desk, fates, report)
        seen = {
            one
            for kind in ("messages", "notes")
            for row in made.desk.rows(kind)
            for one in all_related(row, "attachments")
        }
        archived = sum(fate.startswith("archived") for one, fate in fates.attachments.items() if one in seen)
        assert report["kinds"]["attachment"]["archived"] == archived


def test_what_is_dead_at_the_source_is_named_by_a_note(made: Made, tmp_path: Path) -> None:
    with (
        serving("kustomer", "--dataset", str(made.path), *switches(dead="0.4")) as source,
        serving("crisp", *switches(extensions="*")) as target,
    ):
        mig = Mig(tmp_path, source, target)
        report = mig.run()
        fates = fates_of(made.desk, dead)
        assert fates.counted("attachments")["archived: dead"] >= 5
        judge(mig, target, made.desk, fates, report)


def test_on_the_free_plan_a_refused_file_is_told_by_a_stealthy_text(made: Made, tmp_path: Path) -> None:
    with serving("crisp", "--limits", "plan=free,scale=5000") as target:
        mig = Mig(tmp_path, made.source, target)
        mig.environment |= {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_PLAN": "free"}
        report = mig.run()
        assert report["exit"] == 0
        parts = _parts(target)
        wanted = {one for one, fate in fates_of(made.desk, refused).attachments.items() if fate == "archived: refused"}
        of_notes = {one for row in made.desk.rows("notes") for one in all_related(row, "attachments")}
        told = {one: parts[f"attachment/{one}"] for one in wanted - of_notes}
        assert {(one["type"], one["from"], one["stealth"]) for one in told.values()} == {("text", "operator", True)}
        assert all(f"attachment/{one}" not in parts for one in of_notes)
        assert target.get("notifications")["counts"] == {}


# ---- other ways than the bucket --------------------------------------------------------------------------------------


def test_linked_files_have_an_address_at_the_source_and_no_byte_moves(made: Made, tmp_path: Path) -> None:
    before = _downloads(made.source)
    with serving("crisp") as target:
        mig = Mig(tmp_path, made.source, target)
        assert mig.run("--set", "target.files=link")["exit"] == 0
        files = {one["properties"]["source_id"].partition("/")[2]: one for one in sent_files(target.get("state"))}
        assert files.keys() == _beside_messages(made.desk)
        for name, one in files.items():
            assert one["content"]["url"].startswith(f"{made.source.url}/")
            assert name in one["content"]["url"]
        assert target.get("bucket") == []
        assert target.get("counters")["bucket"].get("generated", 0) == 0
        assert _downloads(made.source) == before
        assert target.get("notifications")["counts"] == {}
        _writes_nothing(mig, target, "--set", "target.files=link")


def test_files_in_a_folder_are_whole_and_named_by_their_public_address(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    way = ("--set", f"target.files=folder:{folder}", "--set", f"target.files_url={PUBLIC}")
    with serving("crisp") as target:
        mig = Mig(tmp_path, made.source, target)
        assert mig.run(*way)["exit"] == 0
        files = {one["properties"]["source_id"].partition("/")[2]: one for one in sent_files(target.get("state"))}
        assert files.keys() == _beside_messages(made.desk)
        for name, one in files.items():
            address = one["content"]["url"]
            assert address.startswith(f"{PUBLIC}/")
            held = folder / unquote(address.removeprefix(f"{PUBLIC}/"))
            assert held.resolve().is_relative_to(folder.resolve())
            row = made.desk.get("attachments", name)
            assert row is not None
            assert hashlib.sha256(held.read_bytes()).hexdigest() == sha256_of(row), name
        assert target.get("counters")["bucket"].get("generated", 0) == 0
        _writes_nothing(mig, target, *way)


# ---- a rough network -------------------------------------------------------------------------------------------------


def test_lost_doubled_and_late_events_and_cut_sockets_and_uploads_lose_and_double_nothing(
    made: Made, tmp_path: Path
) -> None:
    rough = {"event_loss": "0.15", "event_twice": "0.3", "event_delay": "0.1", "put_fails": "0.1", "put_cuts": "0.1"}
    with serving("crisp", *switches(extensions="*", socket_events="9", endpoints="once", **rough)) as target:
        mig = Mig(tmp_path, made.source, target)
        mig.environment |= {"CRISP_UPLOAD_WAIT_S": "0.6", "CRISP_UPLOAD_ATTEMPTS": "12"}
        process = mig.start("run", "--source", "kustomer", "--target", "crisp", "--quiet")
        dropped = 0
        while process.poll() is None:
            if dropped < 5 and target.get("counters")["bucket"].get("generated", 0) > 4 * dropped:
                dropped += target.post("mutate/drop_sockets")["result"]
            time.sleep(0.05)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        bucket = target.get("counters")["bucket"]
        assert bucket["events_lost"] > 0
        assert bucket["events_doubled"] > 0
        assert bucket["puts_cut"] + bucket["puts_failed"] > 0
        assert target.get("counters")["sockets"]["cut"] > 0
        judge(mig, target, made.desk, fates_of(made.desk, nothing), mig.run())


# ---- another way the second time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", ["any", "chat"])
def test_links_are_revised_into_uploads_and_none_stands_twice(edit: str, made: Made, tmp_path: Path) -> None:
    """Where the platform edits no message (a conversation that began elsewhere than in the chat) is a switch."""
    with serving("crisp", *switches(extensions="*", edit=edit)) as target:
        mig = Mig(tmp_path, made.source, target)
        assert mig.run("--set", "target.files=link")["exit"] == 0
        linked = Counter(one["properties"]["source_id"] for one in sent_files(target.get("state")))
        report = mig.run("--remap")
        assert report["exit"] == 0, report
        revised = Counter(one["properties"]["source_id"] for one in sent_files(target.get("state")))
        assert set(linked) - {f"attachment/{one}" for one in _gone(made.desk)} == set(revised)
        assert set(revised.values()) == {1}
        assert not [one for one in sent_files(target.get("state")) if one["content"]["url"].startswith(made.source.url)]
        judge(mig, target, made.desk, fates_of(made.desk, nothing), report)


def test_files_too_large_are_told_and_arrive_once_the_workspace_takes_them(made: Made, tmp_path: Path) -> None:
    with serving_here({"extensions": "*", "edit": "any"}) as (target, workspace):
        set_sizes(workspace, BIG)
        mig = Mig(tmp_path, made.source, target)
        large = fates_of(made.desk, lambda row: "too large" if facts(row)["contentLength"] > BIG else None)
        assert large.counted("attachments")["archived: too large"] >= 5
        judge(mig, target, made.desk, large, mig.run())
        set_sizes(workspace, 100 * BIG)
        judge(mig, target, made.desk, fates_of(made.desk, nothing), mig.run("--remap"))


def test_a_bucket_that_is_down_quarantines_nothing_and_the_next_run_brings_the_files(
    made: Made, tmp_path: Path
) -> None:
    with serving_here({"extensions": "*", "edit": "any"}) as (target, workspace):
        set_put_fails(workspace, 1.0)
        mig = Mig(tmp_path, made.source, target)
        mig.environment["CRISP_UPLOAD_ATTEMPTS"] = "1"
        report = mig.run()
        assert (report["exit"], report["status"]) == (3, "refused"), report
        assert "files cannot be moved now" in report["error"]["message"]
        assert all(kind["failed"] == 0 for kind in report["kinds"].values())
        assert report["kinds"]["attachment"]["pending"] >= 12
        begun = target.get("state")["conversations"]
        assert {one["state"] for one in begun if one["messages"]} <= {"resolved", "pending", "unresolved"}
        assert not [one for one in begun if _is_half_told(one)]
        set_put_fails(workspace, 0.0)
        judge(mig, target, made.desk, fates_of(made.desk, nothing), mig.run())


# ---- what the tests look at ------------------------------------------------------------------------------------------


def _is_half_told(session: Json) -> bool:
    """Whether a customer's message stands there without its read mark: the tails were not said."""
    return any(one["from"] == "user" and one["type"] == "text" and not one["read"] for one in session["messages"])


def _parts(target: Sandbox) -> dict[str, Json]:
    rows = (one for session in target.get("state")["conversations"] for one in session["messages"])
    return {one["properties"]["source_id"]: one for one in rows if "source_id" in one["properties"]}


def _beside_messages(desk: Desk) -> set[str]:
    """The files of threads that are not a private note's, and are there."""
    of_notes = {one for row in desk.rows("notes") for one in all_related(row, "attachments")}
    moved = {one for one, fate in decide(desk).attachments.items() if fate == "thread"}
    return moved - of_notes - _gone(desk)


def _gone(desk: Desk) -> set[str]:
    return {row["id"] for row in desk.rows("attachments") if facts(row)["redacted"]}


def _downloads(source: Sandbox) -> int:
    counts: dict[str, Any] = source.get("counters")["routes"]
    return sum(count for name, count in counts.items() if "/_files/" in name)


def _writes_nothing(mig: Mig, target: Sandbox, *way: str) -> None:
    writes = target.get("counters")["writes"]
    assert mig.run(*way)["exit"] == 0
    assert target.get("counters")["writes"] == writes, "a second run wrote"
