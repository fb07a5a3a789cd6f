"""Each of the 23 rows of the first pair of platforms, read back from the workspace or the archive."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audited import Audited, audited, told
from browser import CHROMIUM, browser
from desk_custom import flat, keys_of
from desk_fates import Fates, decide
from desk_files import sent_files, sha256_of
from desk_findings import Findings
from desk_lines import line_findings
from desk_people import company_name, people_findings, tag_names
from desk_process import ACKNOWLEDGED, MIG
from desk_sample import SAMPLE, Desk, Json, all_related, clean, facts, moment, read_sample, related
from desk_threads import dates_findings, presence_findings, thread_findings, threads_by_id
from help_read import in_html, in_markdown, shelf_of
from mig.engine.run import Report
from mig_verify.result import Result
from rows_read import (
    CONFIGURATION,
    DESK,
    Page,
    is_answered,
    is_rating,
    level_of,
    pages,
    records,
    shelf_names,
    shelves_there,
    stands,
)

STATES = ("loaded", "updated", "unchanged", "archived", "merged", "skipped", "failed", "pending")
ROWS = (
    *("contact", "company", "conversation", "message", "note", "attachment", "tag", "agent", "team", "queue"),
    *("rating", "custom_object", "article", "category", "klass", "shortcut", "sla", "business_rule", "hook"),
    *("channel", "saved_search"),
)
"""With `attribute` by contact and by conversation the 23."""


@dataclass
class Moved:
    """The sample, moved once and archived."""

    made: Audited
    report: Report
    desk: Desk
    fates: Fates
    state: Json
    bucket: list[Json]
    archive: Path
    audit: Result

    @property
    def help(self) -> Json:
        """What the help centre holds."""
        held: Json = self.state["helpdesk"]
        return held


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("rows")
    switches = {"helpdesk": "locale", "extensions": "*"}
    with audited(folder, dataset=SAMPLE, operators=SAMPLE, switches=switches) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        desk, state, bucket = read_sample(), made.workspace.state(), made.workspace.bucket()
        ended = mig(made, folder, "archive", "--out", str(folder / "archive"), "--files", "none", "--json")
        assert ended.stdout, ended.stderr
        audit = made.audit("full")
        yield Moved(made, report, desk, decide(desk), state, bucket, folder / "archive", audit)


def mig(made: Audited, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process, in a folder with a mig.toml."""
    (folder / "mig.toml").write_text(ACKNOWLEDGED)
    return subprocess.run(
        [*MIG, *arguments],
        cwd=folder,
        env=made.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def show(found: Findings) -> str:
    assert found.checked, "nothing was compared"
    return found.report()


# ---- the summary -----------------------------------------------------------------------------------------------------


def test_the_summary_has_every_row_and_every_sum_closes(moved: Moved) -> None:
    rows = {name: moved.report.kinds[name] for name in ROWS}
    rows |= {f"attribute by {name}": moved.report.by_attribute[name] for name in ("contact", "conversation")}
    assert len(rows) == 23
    for name, counts in rows.items():
        assert counts.in_scope > 0, name
        assert counts.in_scope == sum(getattr(counts, state) for state in STATES), name
        assert counts.failed == counts.pending == 0, name
    parts = moved.report.by_attribute.values()
    assert moved.report.kinds["attribute"].in_scope == sum(one.in_scope for one in parts)


def test_every_row_of_the_file_is_in_scope(moved: Moved) -> None:
    expected = {kind: len(moved.desk.rows(table)) for kind, table in DESK.items()}
    expected |= {kind: sum(len(moved.desk.rows(one)) for one in tables) for kind, tables in CONFIGURATION.items()}
    expected["channel"] += 1  # the chat's settings are one too, and stand in no file
    expected["rating"] = sum(is_rating(level_of(row)) for row in moved.desk.rows("conversations"))
    expected["category"] = sum(len(facts(row)["langs"]) for row in moved.desk.rows("kb_categories"))
    expected["article"] = sum(len(facts(row)["langVersions"]) for row in moved.desk.rows("kb_articles"))
    assert {kind: moved.report.kinds[kind].in_scope for kind in expected} == expected
    for kind, table in (("contact", "customer"), ("conversation", "conversation")):
        metadata = moved.desk.get("metadata", table)
        assert metadata is not None
        assert moved.report.by_attribute[kind].in_scope == len(facts(metadata)["properties"])


def test_the_audit_finds_nothing_wrong(moved: Moved) -> None:
    assert moved.audit.found == [], told(moved.audit)
    assert moved.audit.verdict == "pass"
    assert moved.audit.kinds.keys() >= {*ROWS, "attribute"}


# ---- people and what they said ---------------------------------------------------------------------------------------


def test_contacts_stand_as_profiles(moved: Moved) -> None:
    found = people_findings(moved.desk, moved.fates, moved.state["people"])
    assert not found, show(found)


def test_companies_stand_in_the_profiles_of_their_members(moved: Moved) -> None:
    profiles = {one["email"].casefold(): one for one in moved.state["people"]}
    checked = 0
    for email, customers in moved.fates.people.items():
        name = next(filter(None, (company_name(moved.desk, one) for one in customers)), "")
        assert (profiles[email].get("company") or {}).get("name", "") == name, customers[0]["id"]
        checked += bool(name)
    assert checked > 20


def test_conversations_stand_as_threads(moved: Moved) -> None:
    for found in (
        presence_findings(moved.desk, moved.fates, moved.state),
        thread_findings(moved.desk, moved.fates, moved.state),
        dates_findings(moved.desk, moved.state),
    ):
        assert not found, show(found)


def test_messages_and_notes_stand_in_their_threads_in_order(moved: Moved) -> None:
    found = line_findings(moved.desk, moved.fates, moved.state, moved.bucket)
    assert not found, show(found)


def test_attachments_lie_in_the_bucket_byte_for_byte(moved: Moved) -> None:
    uploads = {one["url"]: one for one in moved.bucket}
    wanted = {one["id"]: sha256_of(one) for one in moved.desk.rows("attachments")}
    arrived = {
        one["properties"]["source_id"].partition("/")[2]: uploads[one["content"]["url"]]["sha256"]
        for one in sent_files(moved.state)
    }
    assert arrived.keys() == {one for one, fate in moved.fates.attachments.items() if fate == "thread"}
    assert {name: wanted[name] for name in arrived} == arrived


def test_tags_are_segments(moved: Moved) -> None:
    held = threads_by_id(moved.state)
    used = set[str]()
    for row in moved.desk.rows("conversations"):
        for session in held.get(row["id"], []):
            names = set(tag_names(moved.desk, [row]))
            assert {one.strip() for one in session["meta"]["segments"]} == {"mig", *names}, row["id"]
            used |= names
    assert len(used) > 20


@pytest.mark.parametrize(
    ("key", "table", "ids"),
    [
        ("source_assignee", "users", lambda row: facts(row).get("assignedUsers") or []),
        ("source_team", "teams", lambda row: facts(row).get("assignedTeams") or []),
        ("source_queue", "queues", lambda row: [related(row, "queue")]),
    ],
)
def test_agents_teams_and_queues_stand_in_the_data_of_conversations(
    moved: Moved, key: str, table: str, ids: object
) -> None:
    assert callable(ids)
    held, checked = threads_by_id(moved.state), 0
    for row in moved.desk.rows("conversations"):
        named = [one for one in ids(row) if moved.desk.get(table, one)]
        for session in held.get(row["id"], []):
            accepted = [
                ", ".join(moved.desk.names(table, named, *fields)) for fields in (("name",), ("displayName", "name"))
            ]
            assert session["meta"]["data"].get(key, "") in accepted, row["id"]
            checked += bool(named)
    assert checked > 20


def test_agents_who_work_here_are_the_authors_of_what_they_said(moved: Moved) -> None:
    operators = {one["email"].casefold(): one["user_id"] for one in moved.state["operators"]}
    said = {
        one["properties"]["source_id"].partition("/")[2]: one["user"]
        for session in moved.state["conversations"]
        for one in session["messages"]
        if one["from"] == "operator" and one["properties"].get("source_id", "").startswith("message/")
    }
    checked = 0
    for row in moved.desk.rows("messages"):
        user = moved.desk.get("users", related(row, "createdBy"))
        if row["id"] in said and user is not None:
            works_here = operators.get(str(facts(user)["email"]).casefold())
            assert said[row["id"]].get("user_id") == works_here, row["id"]
            checked += works_here is not None
    assert checked > 500


@pytest.mark.parametrize(("kind", "table", "place"), [("contact", "customers", "people"), ("conversation", "", "")])
def test_attributes_are_the_keys_of_data(moved: Moved, kind: str, table: str, place: str) -> None:
    """Every definition of which somebody moved has a value is a key, and every key is one."""
    keys = keys_of(moved.desk, kind)
    if place:
        rows = [row for customers in moved.fates.people.values() for row in customers]
        data = [one["data"] for one in moved.state[place]]
    else:
        rows = [row for row in moved.desk.rows("conversations") if moved.fates.conversations[row["id"]] == "thread"]
        data = [one["meta"]["data"] for one in moved.state["conversations"]]
    used = {key for row in rows for key in flat(facts(row).get("custom"), keys)}
    there = {key for one in data for key in one}
    assert used <= there, sorted(used - there)
    assert len(used) > 10


def test_ratings_are_data_and_a_private_note_at_their_millisecond_by_their_agent(moved: Moved) -> None:
    operators = {one["email"].casefold(): one["user_id"] for one in moved.state["operators"]}
    held, checked = threads_by_id(moved.state), 0
    for row in moved.desk.rows("conversations"):
        level = level_of(row)
        for session in held.get(row["id"], []):
            mark = f"rating/{row['id']}"
            notes = [one for one in session["messages"] if one["properties"].get("source_id") == mark]
            data = {name: value for name, value in session["meta"]["data"].items() if name.startswith("csat_")}
            if not is_answered(level):
                assert (notes, data) == ([], {}), row["id"]
                continue
            (note,) = notes
            comment = clean(level.get("firstAnswer")).strip()
            expected = {"csat_rating": level.get("rating"), "csat_score": level.get("score"), "csat_comment": comment}
            assert data == {name: value for name, value in expected.items() if value not in (None, "")}, row["id"]
            assert (note["type"], note["from"]) == ("note", "operator"), row["id"]
            assert note["timestamp"] == moment(level["updatedAt"]), row["id"]
            assert note["content"].endswith(comment), row["id"]
            head = note["content"].removesuffix(comment)
            assert str(level["rating"]) in head, row["id"]
            assert str(level["score"]) in head, row["id"]
            _is_by(note, moved.desk.get("users", level.get("sentBy")), operators)
            checked += 1
    assert checked == moved.report.kinds["rating"].loaded > 20


def _is_by(note: Json, user: Json | None, operators: dict[str, str]) -> None:
    if user is None:
        return
    told = note["user"]
    assert told.get("user_id") == operators.get(str(facts(user)["email"]).casefold())
    names = {str(facts(user).get(name)).strip() for name in ("name", "displayName")}
    assert "user_id" in told or told["nickname"].strip() in names


# ---- the help centre -------------------------------------------------------------------------------------------------


def _by_title(moved: Moved) -> dict[tuple[str, str], list[tuple[Page, Json]]]:
    """Articles of the file with those that stand there, by locale and title: where several share it, in one order."""
    wanted: dict[tuple[str, str], list[Page]] = {}
    for page in pages(moved.desk):
        wanted.setdefault((page.locale, page.title.strip()), []).append(page)
    there: dict[tuple[str, str], list[Json]] = {}
    for one in moved.help["articles"]:
        there.setdefault((one["locale"], one["title"].strip()), []).append(one)
    assert {key: len(some) for key, some in there.items()} == {key: len(some) for key, some in wanted.items()}
    for key, some in wanted.items():
        some.sort(key=lambda page: in_html(page.html).words)
        there[key].sort(key=lambda one: in_markdown(one["content"]).words)
    return {key: list(zip(wanted[key], there[key], strict=True)) for key in wanted}


def test_every_article_stands_once_in_each_of_its_languages(moved: Moved) -> None:
    found = _by_title(moved)
    assert sum(map(len, found.values())) == moved.report.kinds["article"].loaded > 100
    for key, pairs in found.items():
        wanted = Counter((page.public, page.featured, page.shelf) for page, _ in pairs)
        there = Counter((one["status"] == "published", one["featured"], shelf_of(moved.help, one)) for _, one in pairs)
        assert there == wanted, key


def test_every_article_says_what_it_said_in_the_same_order(moved: Moved) -> None:
    for key, pairs in _by_title(moved).items():
        for page, one in pairs:
            before, after = in_html(page.html), in_markdown(one["content"])
            assert after.words == before.words, key
            assert after.headings == before.headings, key
            assert after.items == before.items, key


def test_pictures_that_stood_in_a_page_lie_in_the_bucket_and_none_is_lost(moved: Moved) -> None:
    stored, checked = {one["url"]: one["sha256"] for one in moved.bucket}, 0
    for key, pairs in _by_title(moved).items():
        for page, one in pairs:
            before, after = in_html(page.html).pictures, in_markdown(one["content"]).pictures
            own = [
                hashlib.sha256(base64.b64decode(src.partition(",")[2])).hexdigest()
                for _, src in before
                if src[:5] == "data:"
            ]
            lie = [stored[src] for _, src in after if src in stored]
            assert lie == own, key
            elsewhere = [src for _, src in before if src.startswith("http")]
            assert [src for _, src in after if src in elsewhere] == elsewhere, key
            checked += len(own)
    assert checked > 10


def test_no_tag_of_the_old_pages_shows(moved: Moved) -> None:
    assert [one["title"] for one in moved.help["articles"] if one["raw_html"]] == []
    assert not any(
        "javascript:" in href for one in moved.help["articles"] for _, href in in_markdown(one["content"]).links
    )


def test_categories_stand_with_their_names_in_two_floors_per_locale(moved: Moved) -> None:
    wanted: dict[str, set[str]] = {}
    for (_, language), name in shelf_names(moved.desk):
        wanted.setdefault(language[:2], set()).add(name)
    there = shelves_there(moved.help)
    assert {locale: set(names) for locale, names in there.items()} == wanted
    assert all(count == 1 for names in there.values() for count in names.values())
    assert set(moved.help["locales"]) >= wanted.keys()


# ---- what the target has no place for --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*DESK, "attachment"])
def test_what_was_read_stands_whole_in_the_archive(moved: Moved, kind: str) -> None:
    held = {one["id"]: one for one in records(moved.archive, kind)}
    table = moved.desk.rows(DESK.get(kind, "attachments"))
    rows = {row["id"]: row for row in table if kind != "attachment" or row["id"] in held}
    assert held.keys() == rows.keys()
    for name, row in rows.items():
        if held[name]["native_of"] is None:
            native = held[name]["native"]
            assert kind in ("message", "note", "attachment") or stands(row, native), name
            assert native["id"] == name or kind == "attachment", name
    assert rows


@pytest.mark.parametrize("kind", CONFIGURATION)
def test_configuration_stands_whole_in_the_archive(moved: Moved, kind: str) -> None:
    rows = [row for table in CONFIGURATION[kind] for row in moved.desk.rows(table)]
    lines = records(moved.archive, kind)
    # A policy comes in an envelope, with its versions beside it.
    held = {one["native"].get("data", one["native"]).get("id"): one for one in lines}
    for row in rows:
        if "id" not in row:
            assert any(stands(row, one["native"]) for one in lines), row
            continue
        line = held[row["id"]]
        assert stands(row, line["native"].get("data", line["native"])), row["id"]
        assert (line["fate"], line["state"]) == ("archive", "done"), row["id"]
        assert line["reason"], row["id"]
    assert len(lines) == len(rows) + (kind == "channel")


def test_a_policy_stands_with_all_its_versions(moved: Moved) -> None:
    held = {one["id"]: one["record"]["fields"]["versions"] for one in records(moved.archive, "sla")}
    wanted = {row["id"]: all_related(row, "versions") for row in moved.desk.rows("slas")}
    assert {name: [one["id"] for one in versions] for name, versions in held.items()} == wanted
    versions = {one["id"]: one for some in held.values() for one in some}
    for row in moved.desk.rows("sla_versions"):
        assert stands(facts(row), versions[row["id"]]["attributes"]), row["id"]
    assert len(versions) == len(moved.desk.rows("sla_versions"))


def test_an_object_is_found_by_its_customer(moved: Moved) -> None:
    people, tied = {one["id"] for one in records(moved.archive, "contact")}, 0
    for line in records(moved.archive, "custom_object"):
        row = moved.desk.get("kobjects", line["id"])
        assert row is not None
        customer, contact = related(row, "customer"), line["record"]["contact"]
        assert (contact or {}).get("id") == customer, line["id"]
        assert line["record"]["klass"] == row["type"].removeprefix("kobject.")
        tied += customer in people
    assert tied > 100


def test_what_is_rebuilt_by_hand_has_a_section_and_every_title_in_it(moved: Moved) -> None:
    guide = " ".join((moved.archive / "REBUILD.md").read_text(encoding="utf-8").split())
    fields = {"shortcut": "name", "business_rule": "name", "hook": "title", "saved_search": "name"}
    plain = _letters(guide)
    for kind, name in fields.items():
        for table in CONFIGURATION[kind]:
            for row in moved.desk.rows(table):
                if not facts(row).get("deleted") and not facts(row).get("appDisabled"):
                    title = str(facts(row).get(name) or "")
                    assert _letters(title) in plain, f"{kind} {row['id']} {title!r}"


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
async def test_the_page_of_the_archive_finds_a_conversation_by_its_old_id(moved: Moved, tmp_path: Path) -> None:
    talk = next(one for one, fate in moved.fates.conversations.items() if fate == "thread")
    async with browser(tmp_path) as tab:
        await tab.open((moved.archive / "index.html").as_uri())
        await tab.run("document.querySelector('input').focus()")
        await tab.type(talk)
        await tab.wait("document.querySelector('.list li')")


# ---- a row that cannot be read ---------------------------------------------------------------------------------------


@dataclass
class Denied:
    """A generated organisation whose business rules no key may read."""

    code: int
    report: Json
    said: str
    audit: Result
    state: Json


@pytest.fixture(scope="module")
def denied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Denied]:
    folder = tmp_path_factory.mktemp("denied")
    with audited(folder, customers=8, source_switches={"business_rules": "off"}) as made:
        ended = mig(made, folder, "run", "--source", "kustomer", "--target", "crisp", "--json")
        assert ended.stdout, ended.stderr
        yield Denied(ended.returncode, json.loads(ended.stdout), ended.stderr, made.audit(), made.workspace.state())


def test_a_row_that_cannot_be_read_is_told_and_ends_the_run_with_1(denied: Denied) -> None:
    assert (denied.code, denied.report["status"]) == (1, "completed"), denied.said
    assert "business_rule" in json.dumps(denied.report.get("unreadable", {})) or "business_rule" in denied.said
    assert "not readable" in denied.said or "unreadable" in denied.said


def test_a_row_that_cannot_be_read_harms_no_other(denied: Denied) -> None:
    kinds = denied.report["kinds"]
    assert kinds["conversation"]["loaded"] == len(denied.state["conversations"]) > 0
    assert kinds["contact"]["loaded"] == len(denied.state["people"]) > 0
    for name in ("klass", "shortcut", "sla", "hook", "channel", "saved_search", "article", "category", "custom_object"):
        assert kinds[name]["in_scope"] > 0, name
    for name, counts in kinds.items():
        assert counts["failed"] == counts["pending"] == 0, name


def test_the_audit_of_a_row_that_cannot_be_read_says_so(denied: Denied) -> None:
    assert denied.audit.found == [], told(denied.audit)
    assert denied.audit.verdict == "incomplete"
