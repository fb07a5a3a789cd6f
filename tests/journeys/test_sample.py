"""The whole migration of the sample, judged by what its file says and never by how it was loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from desk_calls import call_findings, calls_by_session
from desk_changes import EDITED, EMAIL, PHONE, Changes, change, give_email, give_value
from desk_fates import Fates, decide
from desk_files import files_of, lost_of, sent_files, sha256_of, told_as_lost, uploads_needed
from desk_findings import Findings
from desk_lines import begins_with_the_team, line_findings, lines_of
from desk_people import ids_findings, people_findings
from desk_process import Run, Sandbox, run_mig, serving
from desk_sample import SAMPLE, Desk, Json, read_sample, related
from desk_threads import dates_findings, extra_keys, presence_findings, sessions_of, thread_findings

STATES = ("loaded", "updated", "unchanged", "archived", "merged", "skipped", "failed", "pending")
PICTURES = 24
"""Of help articles, written out in their texts."""
OVERHEAD = 20
"""Requests a run may make that belong to no record: who works here, which inboxes, what of ours is there."""
TWO_HOURS = 7200


@dataclass
class Chapter:
    """One run, and how everything stands after it."""

    run: Run
    desk: Desk
    fates: Fates
    state: Json
    bucket: list[Json]
    """What the target's bucket holds."""
    counters: Json
    writes: list[Json]
    """Those of this run."""
    asked: int
    """Requests the source's API answered during this run."""
    asked_files: int
    """Those of them that asked about files."""
    downloads: int
    """Files its object store was asked for during this run."""
    notified: dict[str, int]

    def kind(self, name: str) -> dict[str, int]:
        """The counts of a kind, those that are not 0."""
        counts = self.run.report["kinds"][name]
        return {state: counts[state] for state in STATES if counts[state]}


@dataclass
class World:
    """Two desks, the folder of a journal, and what has been read of the target's history."""

    source: Sandbox
    target: Sandbox
    folder: Path
    seen: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    """What the source has been asked until now, by route."""

    def chapter(self, desk: Desk) -> Chapter:
        """Run once more; the desk is what the source holds now."""
        run = run_mig(self.folder, self.source, self.target)
        writes: list[Json] = self.target.get(f"history?after={self.seen}")
        self.seen += len(writes)
        answered = Counter[str](self.source.get("counters")["routes"])
        asked, self.answered = answered - self.answered, answered
        downloads = sum(count for name, count in asked.items() if "/_files/" in name)
        files = sum(count for name, count in asked.items() if "/attachments" in name)
        state, bucket, counters = (self.target.get(word) for word in ("state", "bucket", "counters"))
        notified = self.target.get("notifications")["counts"]
        told = (state, bucket, counters, writes, asked.total() - downloads, files, downloads, notified)
        return Chapter(run, desk, decide(desk), *told)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        serving("kustomer", "--dataset", str(SAMPLE)) as source,
        serving("crisp", "--operators", str(SAMPLE), "--switch", "extensions=*") as target,
    ):
        yield World(source, target, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def first(world: World) -> Chapter:
    return world.chapter(read_sample())


@pytest.fixture(scope="module")
def again(world: World, first: Chapter) -> Chapter:
    return world.chapter(first.desk)


@pytest.fixture(scope="module")
def later(world: World, again: Chapter) -> dict[str, int]:
    """The notifications when two hours have passed after the second run."""
    world.target.post("advance", seconds=TWO_HOURS)
    counts: dict[str, int] = world.target.get("notifications")["counts"]
    return counts


@pytest.fixture(scope="module")
def changed(world: World, again: Chapter, later: dict[str, int]) -> tuple[Changes, Chapter]:
    changes = change(again.desk, again.fates, world.source)
    return changes, world.chapter(Desk(world.source.lines("dataset")))


@pytest.fixture(scope="module")
def settled(world: World, changed: tuple[Changes, Chapter]) -> Chapter:
    """A run after which nothing had changed, two hours on."""
    world.target.post("advance", seconds=TWO_HOURS)
    return world.chapter(changed[1].desk)


@pytest.fixture(scope="module")
def valued(world: World, settled: Chapter) -> tuple[str, Chapter]:
    """A run after a custom attribute of a customer with many threads has changed."""
    customer = give_value(settled.desk, settled.fates, world.source)
    return customer, world.chapter(Desk(world.source.lines("dataset")))


@pytest.fixture(scope="module")
def mailed(world: World, valued: tuple[str, Chapter]) -> Chapter:
    """A run after a customer with threads, and until now without an e-mail, has got one."""
    give_email(valued[1].desk, valued[1].fates, world.source)
    return world.chapter(Desk(world.source.lines("dataset")))


def show(found: Findings) -> str:
    assert found.checked, "nothing was compared"
    return found.report()


# ---- what the file asks for -----------------------------------------------------------------------------------------


def test_the_file_asks_for_what_the_issue_counts(first: Chapter) -> None:
    fates = first.fates
    assert fates.counted("contacts") == {"profile": 219, "archived: no e-mail": 46, "merged": 13}
    assert fates.counted("conversations") == {
        "thread": 604,
        "skipped: spam": 20,
        "archived: no row": 27,
        "archived: only empty messages": 2,
    }
    assert fates.counted("messages") == {
        "text": 5153,
        "call": 128,
        "redacted": 51,
        "skipped: empty": 93,
        "skipped: spam": 90,
        "archived: conversation not in the file": 151,
    }
    assert fates.counted("notes") == {
        "thread": 208,
        "notepad": 8,
        "skipped: blank": 3,
        "skipped: spam": 15,
        "archived: with its contact": 3,
        "archived: customer not in the file": 1,
        "archived: conversation not in the file": 29,
    }
    assert fates.counted("attachments") == {
        "thread": 608,
        "archived: too large": 1,
        "archived: conversation not in the file": 12,
        "archived: message not in the file": 25,
        "skipped: spam": 9,
    }


def test_files_of_messages_that_are_gone_can_be_seen_by_nobody(first: Chapter) -> None:
    seen = {
        file["id"]
        for kind in ("messages", "notes")
        for row in first.desk.rows(kind)
        for file in files_of(first.desk, row)
    }
    unseen = [row for row in first.desk.rows("attachments") if row["id"] not in seen]
    assert len(unseen) == 25
    assert [first.desk.get("messages", related(row, "message")) for row in unseen] == [None] * 25
    assert first.run.report["kinds"]["attachment"]["in_scope"] == 655 - 25


# ---- what the run says ----------------------------------------------------------------------------------------------


def test_the_run_ends_well_and_says_so(first: Chapter) -> None:
    run = first.run
    assert (run.code, run.report["status"]) == (0, "completed"), run.said
    assert {"schema", "run_id", "status", "kinds", "requests", "seconds"} <= run.report.keys()
    assert run.report["schema"] == 1
    assert run.report["requests"].keys() == {"source", "target"}


def test_every_record_of_the_file_is_in_scope_and_has_one_state(first: Chapter) -> None:
    kinds = first.run.report["kinds"]
    for name, counts in kinds.items():
        for part, one in {name: counts, **{f"{name} by {by}": one for by, one in counts.get("by", {}).items()}}.items():
            assert one["in_scope"] == sum(one[state] for state in STATES), part
    parts = kinds["attribute"]["by"].values()
    assert kinds["attribute"]["in_scope"] == sum(one["in_scope"] for one in parts)
    rows = {"contact": "customers", "company": "companies", "conversation": "conversations", "message": "messages"}
    rows |= {"note": "notes", "tag": "tags", "agent": "users", "team": "teams", "queue": "queues"}
    in_file = {name: len(first.desk.rows(kind)) for name, kind in rows.items()}
    assert {name: kinds[name]["in_scope"] for name in rows} == in_file


def test_the_run_counts_what_the_file_asks_for(first: Chapter) -> None:
    assert first.kind("contact") == {"loaded": 219, "archived": 46, "merged": 13}
    assert first.kind("conversation") == {"loaded": 604, "archived": 29, "skipped": 20}
    assert first.kind("message") == {"loaded": 5153 + 128 + 51, "archived": 151, "skipped": 93 + 90}
    assert first.kind("note") == {"loaded": 208 + 8, "archived": 4 + 29, "skipped": 3 + 15}
    assert first.kind("attachment") == {"loaded": 608, "archived": 1 + 12, "skipped": 9}


def test_the_run_counts_its_requests_as_the_platforms_do(first: Chapter, again: Chapter) -> None:
    assert first.run.report["requests"] == {"source": first.asked, "target": first.counters["requests"]}
    asked = again.counters["requests"] - first.counters["requests"]
    assert again.run.report["requests"] == {"source": again.asked, "target": asked}
    assert first.counters["refused"] == {"method_not_allowed": 1}  # it was asked which interface the help centre has
    assert first.counters["by_status"].keys() <= {"200", "201", "202", "206", "405"}


def test_every_file_is_read_once_and_asked_about_at_most_once(first: Chapter, again: Chapter) -> None:
    assert first.downloads == 608 + 1
    assert again.downloads == 0
    assert first.asked_files <= 608 + 1
    assert again.asked_files == 0


def test_a_second_run_writes_nothing(first: Chapter, again: Chapter) -> None:
    assert (again.run.code, again.run.report["status"]) == (0, "completed"), again.run.said
    assert again.writes == []
    assert again.state["conversations"] == first.state["conversations"]
    assert again.state["people"] == first.state["people"]
    assert again.bucket == first.bucket
    for name in first.run.report["kinds"]:
        counts = Counter(first.kind(name))
        expected = counts | {"unchanged": counts.pop("loaded", 0)}
        assert again.kind(name) == {state: count for state, count in expected.items() if count}, name


# ---- what stands on the target --------------------------------------------------------------------------------------


def test_every_profile_is_what_its_customers_are(first: Chapter) -> None:
    found = people_findings(first.desk, first.fates, first.state["people"])
    assert not found, show(found)


def test_every_profile_keeps_the_ids_and_other_addresses_of_its_customers(first: Chapter) -> None:
    found = ids_findings(first.desk, first.fates, first.state["people"])
    assert not found, show(found)


def test_every_thread_is_there_once_and_no_other(first: Chapter) -> None:
    found = presence_findings(first.desk, first.fates, first.state)
    assert not found, show(found)


def test_every_thread_is_named_tagged_and_assigned_as_its_conversation(first: Chapter) -> None:
    found = thread_findings(first.desk, first.fates, first.state)
    assert not found, show(found)


def test_every_thread_keeps_the_dates_of_its_conversation(first: Chapter) -> None:
    found = dates_findings(first.desk, first.state)
    assert not found, show(found)


def test_no_thread_has_data_nobody_explains(first: Chapter) -> None:
    assert extra_keys(first.desk, first.state) == set()


def test_every_message_and_note_is_there_once_in_order_as_it_was_said(first: Chapter) -> None:
    found = line_findings(first.desk, first.fates, first.state, first.bucket)
    assert not found, show(found)


def test_every_file_of_a_thread_arrives_byte_for_byte_and_a_note_names_the_one_too_large(first: Chapter) -> None:
    uploads = {one["url"]: one for one in first.bucket}
    arrived = {
        one["properties"]["source_id"].partition("/")[2]: uploads[one["content"]["url"]]
        for one in sent_files(first.state)
    }
    assert len(arrived) == len(list(sent_files(first.state))) == 608
    wanted = {one["id"]: sha256_of(one) for one in first.desk.rows("attachments") if one["id"] in arrived}
    assert {name: upload["sha256"] for name, upload in arrived.items()} == wanted
    assert sum(upload["size"] == 0 for upload in arrived.values()) == 81
    assert [one["puts"] for one in first.bucket] == [1] * (len(uploads_needed(first.desk, first.fates)) + PICTURES)
    large = [one for one, fate in first.fates.attachments.items() if fate == "archived: too large"]
    notes = [
        one["content"]
        for session in first.state["conversations"]
        for one in session["messages"]
        if one["type"] == "note" and one["properties"].get("source_id", "").startswith("attachment/")
    ]
    assert len(large) == len(notes) == 1
    assert notes[0].startswith("[file: big video.mp4: ")


def test_files_that_threads_name_and_the_source_has_not_are_told(first: Chapter) -> None:
    rows = [row for row in first.desk.rows("messages") if first.fates.messages[row["id"]] == "text"]
    lost = [one for row in rows for one in lost_of(first.desk, row)]
    assert len(lost) == 107
    assert sorted(told_as_lost(first.state)) == sorted(lost)


def test_threads_the_team_began_and_only_they_have_an_opening_note(first: Chapter) -> None:
    lines = lines_of(first.desk, first.fates)
    expected = {one for one, said in lines.items() if begins_with_the_team(said)}
    opened = {
        one["properties"]["source_id"].partition("/")[2]
        for session in first.state["conversations"]
        for one in session["messages"]
        if one["type"] == "note" and one["from"] == "user" and one["properties"]["source_id"].startswith("conv")
    }
    assert len(expected) == 30
    assert opened == expected


# ---- what it cost and whom it reached -------------------------------------------------------------------------------


def test_every_thread_costs_four_requests_and_one_per_message_and_two_per_file(first: Chapter) -> None:
    """The generation of an upload's address belongs to no thread; `call_findings` counts the rest."""
    found = call_findings(first.state, first.writes)
    assert not found, show(found)
    generated = first.counters["by_route"]["POST /bucket/url/generate"]
    # What is too large is known only then.
    assert generated == len(uploads_needed(first.desk, first.fates)) + 1 + PICTURES
    assert generated <= 608 + 1 + PICTURES


def test_the_counters_of_the_sandbox_know_of_no_other_request(first: Chapter) -> None:
    routes = first.counters["by_route"].items()
    asked = {name.rpartition("/")[2]: n for name, n in routes if "GET" not in name and "/helpdesk" not in name}
    helpdesk = sum(n for name, n in routes if "/helpdesk" in name)
    sessions = first.state["conversations"]
    written = sum(one["type"] != "event" for session in sessions for one in session["messages"])
    assert asked == {
        **dict.fromkeys(("conversation", "meta", "state"), len(sessions)),
        "read": sum(calls.letters.count("R") for calls in calls_by_session(first.writes).values()),
        "message": written,
        "routing": sum(session["assigned"] is not None for session in sessions),
        "inbox": sum(session["inbox_id"] is not None for session in sessions),
        "generate": len(uploads_needed(first.desk, first.fates)) + 1 + PICTURES,
        **dict.fromkeys(("profile", "{people_id}"), len(first.state["people"])),
    }
    assert first.counters["requests"] - sum(asked.values()) - helpdesk <= OVERHEAD


def test_nobody_is_notified_not_even_hours_later(
    first: Chapter, later: dict[str, int], changed: tuple[Changes, Chapter], settled: Chapter
) -> None:
    assert first.notified == {}
    assert later == {}
    assert changed[1].notified == {}
    assert settled.notified == {}


# ---- when the source lives on ---------------------------------------------------------------------------------------


def test_a_run_after_changes_counts_exactly_them(again: Chapter, changed: tuple[Changes, Chapter]) -> None:
    changes, chapter = changed
    assert (chapter.run.code, chapter.run.report["status"]) == (0, "completed"), chapter.run.said
    # A conversation in which only a message changed may count as updated: its state is said anew after the message.
    sure = 2 + len(changes.calls)
    updated = chapter.kind("conversation").get("updated", 0)
    assert updated in (sure, sure + 2)
    expected: dict[str, dict[str, int]] = {
        "contact": {"updated": 1, "unchanged": 218, "archived": 46, "merged": 13},
        "conversation": {"updated": updated, "unchanged": 604 - updated, "archived": 29, "skipped": 20},
        "message": {"loaded": 1, "updated": 1, "unchanged": 5331, "archived": 151, "skipped": 183},
    }
    for name in again.run.report["kinds"]:
        assert chapter.kind(name) == expected.get(name, again.kind(name)), name


def test_a_run_after_changes_writes_only_to_what_changed(changed: tuple[Changes, Chapter]) -> None:
    changes, chapter = changed
    calls = calls_by_session(chapter.writes)
    threads = (changes.edited_in, changes.added_in, changes.tagged, changes.closed, *changes.calls)
    assert calls.keys() == sessions_of(chapter.state, threads)
    posts = [write for write in chapter.writes if write["method"] == "POST"]
    assert len(posts) == 1, [write["path"] for write in posts]
    assert posts[0]["body"]["properties"]["source_id"] == f"message/{changes.added}"
    people = {write["path"].rpartition("/")[2] for write in chapter.writes if "/people/" in write["path"]}
    assert people == {one["people_id"] for one in chapter.state["people"] if one["data"]["source_id"] == changes.called}


def test_after_changes_everything_stands_as_the_source_says_now(changed: tuple[Changes, Chapter]) -> None:
    _, chapter = changed
    audits: list[Any] = [
        people_findings(chapter.desk, chapter.fates, chapter.state["people"]),
        presence_findings(chapter.desk, chapter.fates, chapter.state),
        thread_findings(chapter.desk, chapter.fates, chapter.state),
        line_findings(chapter.desk, chapter.fates, chapter.state, chapter.bucket),
    ]
    assert not any(audits), "\n".join(show(one) for one in audits)


def test_the_changes_can_be_seen(changed: tuple[Changes, Chapter]) -> None:
    changes, chapter = changed
    said = {
        one["properties"].get("source_id"): one
        for session in chapter.state["conversations"]
        for one in session["messages"]
    }
    assert said[f"message/{changes.edited}"]["content"] == EDITED
    assert [one["person"].get("phone") for one in chapter.state["people"]].count(PHONE) == 1
    assert len({one["session_id"] for one in chapter.state["conversations"]}) == 604


def test_a_run_after_that_writes_nothing(changed: tuple[Changes, Chapter], settled: Chapter) -> None:
    assert (settled.run.code, settled.run.report["status"]) == (0, "completed"), settled.run.said
    assert settled.writes == []
    assert settled.kind("conversation") == {"unchanged": 604, "archived": 29, "skipped": 20}
    assert settled.kind("message") == {"unchanged": 5333, "archived": 151, "skipped": 183}


def test_an_attribute_of_a_customer_is_written_to_the_profile_and_nowhere_else(valued: tuple[str, Chapter]) -> None:
    customer, chapter = valued
    people = {one["data"]["source_id"]: one["people_id"] for one in chapter.state["people"]}
    strays = {
        session["meta"]["data"]["source_id"]: calls_by_session(chapter.writes)[session["session_id"]].letters
        for session in chapter.state["conversations"]
        if session["session_id"] in calls_by_session(chapter.writes)
    }
    assert strays == {}, "threads that show nothing of it were written to (R: read mark, S: state)"
    assert {write["path"].rpartition("/")[2] for write in chapter.writes} == {people[customer]}
    assert chapter.kind("contact") == {"updated": 1, "unchanged": 218, "archived": 46, "merged": 13}
    assert chapter.kind("conversation") == {"unchanged": 604, "archived": 29, "skipped": 20}
    found = people_findings(chapter.desk, chapter.fates, chapter.state["people"])
    assert not found, show(found)


def test_a_customer_who_gets_an_email_gets_a_profile_that_we_made_and_marked(mailed: Chapter) -> None:
    assert mailed.kind("contact") == {"loaded": 1, "unchanged": 219, "archived": 45, "merged": 13}
    found = people_findings(mailed.desk, mailed.fates, mailed.state["people"])
    assert not found, show(found)
    found = thread_findings(mailed.desk, mailed.fates, mailed.state)
    assert not found, show(found)
    assert [one["email"] for one in mailed.state["people"]].count(EMAIL) == 1
