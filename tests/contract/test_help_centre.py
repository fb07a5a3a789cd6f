"""A help centre moved over both of Crisp's interfaces: read back as its readers see it, changed, and taken back."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from audited import Audited, audited, told
from desk_process import MIG
from desk_sample import Json
from help_made import (
    ARTICLES,
    HOSTS,
    LANGUAGES,
    LOCALES,
    PICTURE,
    PIXEL,
    ROWS,
    SECOND_BASE,
    SHELVES,
    Shelf,
    Text,
    Written,
    version_id,
    write_help_centre,
)
from help_read import articles_of, in_html, in_markdown, shelf_of
from mig.engine.run import Report
from mig_verify.result import Result

APIS = ("locale", "tree")
NOT_MOVED = {"gone", "colour/en_gb"}
"""The deleted one, and a second language of one locale."""
EDITED = "<h2>Money back</h2><p>In 30 days, by <a href='/en_us/how-to-pay-aaaa00001'>paying</a> less.</p>"
BY_HAND = "Only a person in the desk knows this."


@dataclass
class Chapter:
    """A run and what stands there after it."""

    report: Report
    state: Json
    """Of the help centre."""
    writes: list[Any]
    bucket: list[Json]


class Story:
    """One help centre and what happens to it, chapter by chapter.

    Args:
        desk: The two desks.
        api: Which interface the target speaks.
    """

    def __init__(self, desk: Audited, api: str) -> None:
        self.desk = desk
        self.api = api

    def run(self, **more: Any) -> Chapter:
        """Run once more."""
        before = len(self.desk.workspace.history())
        report = self.desk.migrate(**more)
        assert report.status == "completed", report.error
        return Chapter(report, self.state(), self.desk.workspace.history(before), self.desk.workspace.bucket())

    def state(self) -> Json:
        """What the help centre holds now."""
        held: Json = copy.deepcopy(self.desk.workspace.state()["helpdesk"])
        return held

    def change_text(self, name: str, language: str, **fields: Any) -> None:
        """Change a text at the source; its article is younger then."""
        source = self.desk.organisation.organisation
        source.put("kb_versions", {"id": version_id(ARTICLES[name], language), "attributes": fields})
        source.touch("kb_articles", ARTICLES[name].id)


@pytest.fixture(scope="module", params=APIS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("help")
    write_help_centre(folder / "help.jsonl")
    with audited(folder, dataset=folder / "help.jsonl", switches={"helpdesk": request.param}) as desk:
        yield Story(desk, request.param)


@pytest.fixture(scope="module")
def first(story: Story) -> Chapter:
    return story.run()


@pytest.fixture(scope="module")
def audit(story: Story, first: Chapter) -> Result:
    return story.desk.audit()


@pytest.fixture(scope="module")
def again(story: Story, first: Chapter, audit: Result) -> Chapter:
    return story.run()


@pytest.fixture(scope="module")
def changed(story: Story, again: Chapter) -> Chapter:
    """A run after a text, a title with its slug, and a status have changed at the source."""
    story.change_text("refund", "en_us", htmlBody=EDITED)
    story.change_text("device", "de", title="Das neue Geraet", slug="neues-geraet")
    return story.run()


@pytest.fixture(scope="module")
def changed_audit(story: Story, changed: Chapter) -> Result:
    return story.desk.audit()


@pytest.fixture(scope="module")
def settled(story: Story, changed_audit: Result) -> Chapter:
    return story.run()


@pytest.fixture(scope="module")
def edited(story: Story, settled: Chapter) -> Chapter:
    """A run after a person has edited an article, and then the source has too."""
    zones = articles_of(settled.state, "en")["Zones"]
    story.desk.workspace.edit_article_by_hand("en", zones["name"], content=BY_HAND)
    story.change_text("zones", "en_us", htmlBody="<p>The zones have changed.</p>")
    return story.run()


@dataclass
class Undone:
    """A rollback."""

    code: int
    told: Json
    state: Json
    kept: dict[str, str]
    """What a person had written, by what it is: its title."""


@pytest.fixture(scope="module")
def undone(story: Story, edited: Chapter) -> Undone:
    """Rolled back after a person has written an article of their own, and another on a shelf of ours."""
    kept = {"loose": "By hand", "among ours": "By hand, among ours"}
    workspace, state = story.desk.workspace, edited.state
    refund = articles_of(state, "en")["Refunds [en_us]"]
    if story.api == "tree":
        workspace.add_article_by_hand("en", kept["loose"], "mine", path="by-hand")
        shelf = refund["name"].rpartition("/")[0]
        workspace.add_article_by_hand("en", kept["among ours"], "mine too", path=f"{shelf}/by-hand")
    else:
        workspace.add_article_by_hand("en", kept["loose"], "mine")
        shelf = refund["category_id"]
        workspace.add_article_by_hand("en", kept["among ours"], "mine too", category_id=shelf)
    command = [*MIG, "rollback", "--yes", "--json"]
    ended = subprocess.run(
        command, env=story.desk.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout, ended.stderr
    return Undone(ended.returncode, json.loads(ended.stdout), story.state(), kept)


# ---- what the source says --------------------------------------------------------------------------------------------


def texts() -> Iterator[tuple[str, Written, str, Text]]:
    """Every text that must arrive."""
    for name, article in ARTICLES.items():
        for language, text in article.texts.items():
            if name not in NOT_MOVED and f"{name}/{language}" not in NOT_MOVED:
                yield name, article, language, text


def is_public(article: Written) -> bool:
    return not article.draft and not article.internal


def meant(href: str) -> tuple[str, str] | None:
    """The article and language a link leads to by what its path ends in; None: none of ours."""
    parts = urlsplit(href)
    if parts.netloc and parts.netloc not in HOSTS.values():
        return None
    ending = parts.path.rpartition("-")[2]
    found = (one for one, article in ARTICLES.items() if article.hash == ending)
    name = next(found, "")
    return (name, parts.path.split("/")[1]) if name else None


def address(state: Json, name: str, language: str) -> str | None:
    """Where a published article stands now, in another language where it is not there in this one; None: not there."""
    article = ARTICLES[name]
    if not is_public(article) or name in NOT_MOVED:
        return None
    language = language if language in article.texts else next(iter(article.texts))
    url: str = articles_of(state, LOCALES[language])[article.texts[language].title]["url"]
    return url


def shelf_name(shelf: Shelf, language: str) -> str:
    """The names from the top shelf on; those of the second knowledge base begin with its name."""
    above = next((one for one in SHELVES if one.id == shelf.above), None)
    own = f"{shelf.name} [{language}]"
    if above is not None:
        return f"{shelf_name(above, language)} / {own}"
    return f"Devices help: {own}" if shelf.base == SECOND_BASE else own


# ---- what arrives ----------------------------------------------------------------------------------------------------


def test_every_text_arrives_in_its_locale_once_and_no_other(first: Chapter) -> None:
    assert set(first.state["locales"]) == {"en", "de", "pt"}
    for locale in ("en", "de", "pt"):
        expected = {text.title for _, _, language, text in texts() if LOCALES[language] == locale}
        assert articles_of(first.state, locale).keys() == expected


def test_what_is_public_is_published_and_nothing_else_is(first: Chapter) -> None:
    for name, article, language, text in texts():
        found = articles_of(first.state, LOCALES[language])[text.title]
        assert (found["status"] == "published") == is_public(article), name
        assert found["featured"] == article.featured, name
        assert found["description"] == article.about, name


def test_everything_a_reader_saw_is_there(first: Chapter) -> None:
    """Headings, lists, tables, code, words, what links and pictures say; the long table has a test of its own."""
    for name, _, language, text in texts():
        if name == "zones":
            continue
        before = in_html(text.html)
        after = in_markdown(articles_of(first.state, LOCALES[language])[text.title]["content"])
        told_of = f"{name} {language}"
        assert after.headings == before.headings, told_of
        assert after.items == before.items, told_of
        assert after.tables == before.tables, told_of
        assert after.code == before.code, told_of
        assert after.words == before.words, told_of
        assert [said for said, _ in after.links] == [said for said, _ in before.links], told_of
        assert [said for said, _ in after.pictures] == [said for said, _ in before.pictures], told_of


def test_a_table_of_120_rows_shows_all_of_them(story: Story, first: Chapter) -> None:
    zones = articles_of(first.state, "en")["Zones"]
    public = story.desk.workspace.public_page("en", zones["name"])["content"]
    seen, before = in_markdown(public), in_html(ARTICLES["zones"].texts["en_us"].html)
    heads = {table[0] for table in seen.tables}
    assert heads == {before.tables[0][0]}
    assert list(chain.from_iterable(table[1:] for table in seen.tables)) == before.tables[0][1:]
    assert sum(len(table) - 1 for table in seen.tables) == ROWS
    assert seen.headings == before.headings
    assert seen.words[-3:] == ["That", "is", "all."]


def test_no_tag_no_front_matter_and_no_cut_table_is_written(story: Story, first: Chapter) -> None:
    counted = story.desk.workspace.helpdesk_counters()
    assert {name: counted[name] for name in ("raw_html", "front_matter", "long_tables")} == {
        "raw_html": 0,
        "front_matter": 0,
        "long_tables": 0,
    }


def test_links_lead_to_where_the_article_stands_now(first: Chapter) -> None:
    """Whatever host they were written with, and with the fragment and query; those to others are what they were."""
    checked = 0
    for name, _, language, text in texts():
        after = in_markdown(articles_of(first.state, LOCALES[language])[text.title]["content"]).links
        for (_, old), (_, new) in zip(in_html(text.html).links, after, strict=True):
            target = meant(old)
            if target is None:
                assert new == old, f"{name} {language}"
                continue
            there = address(first.state, *target)
            if there is not None:
                checked += 1
                parts = urlsplit(old)
                wanted = urlunsplit((*urlsplit(there)[:3], parts.query, parts.fragment))
                assert new == wanted, f"{name} {language}: {old}"
    assert checked == 18


def test_articles_whose_links_name_a_place_or_lead_to_another_language_are_in_the_losses(audit: Result) -> None:
    links = [one for one in audit.losses if (one.kind, one.field, one.outcome) == ("article", "links", "changed")]
    assert sum(one.records for one in links) == 6


def test_no_link_leads_to_the_old_help_centre_where_the_article_stands_in_the_new_one(first: Chapter) -> None:
    for article in first.state["articles"]:
        for said, href in in_markdown(article["content"]).links:
            target = meant(href)
            if target is not None:
                assert address(first.state, *target) is None, f"{article['title']}: {said} still leads to {href}"


def test_the_picture_lies_in_the_bucket_of_the_new_help_centre(first: Chapter) -> None:
    digest = hashlib.sha256(base64.b64decode(PIXEL)).hexdigest()
    stored = {one["url"]: one for one in first.bucket}
    for language in LANGUAGES:
        text = ARTICLES["pay"].texts[language]
        assert in_html(text.html).pictures == [("a pixel", PICTURE)]
        shown = in_markdown(articles_of(first.state, LOCALES[language])[text.title]["content"]).pictures
        assert [said for said, _ in shown] == ["a pixel"]
        assert stored[shown[0][1]]["sha256"] == digest
        assert stored[shown[0][1]]["name"].endswith(".gif")
    assert first.report.kinds["media"].archived == 0


def test_each_stands_on_its_shelf_or_on_the_first_of_two(first: Chapter) -> None:
    for name, article, language, text in texts():
        found = articles_of(first.state, LOCALES[language])[text.title]
        expected = shelf_name(article.shelves[0], language) if article.shelves else ""
        assert name == "colour" or shelf_of(first.state, found) == expected, name


def test_a_shelf_in_a_second_language_of_a_locale_takes_no_name_from_the_first(first: Chapter) -> None:
    found = articles_of(first.state, "en")["The color"]
    assert shelf_of(first.state, found) == shelf_name(ARTICLES["colour"].shelves[0], "en_us")


def test_each_shelf_stands_once_under_its_own_name(story: Story, first: Chapter) -> None:
    for language in LANGUAGES:
        locale = LOCALES[language]
        names = [
            shelf_name(one, language) for one in SHELVES if language in one.languages and "en_gb" not in one.languages
        ]
        assert sorted(_shelves(first.state, story.api, locale)) == sorted(names), language


def _shelves(state: Json, api: str, locale: str) -> Iterator[str]:
    """The full names of what is a shelf, also of those nothing lies on; not of the one that has two languages."""
    rows = [one for one in (*state["categories"], *state["articles"]) if one["locale"] == locale]
    if api == "tree":
        titles = {one["name"]: one["title"] for one in rows if one.get("kind") != "file"}
        for path in (one for one, title in titles.items() if not title.startswith("Parcels")):
            parts = path.split("/")
            yield " / ".join(titles["/".join(parts[: place + 1])] for place in range(len(parts)))
        return
    for category in state["categories"]:
        if category["locale"] == locale and not category["title"].startswith("Parcels"):
            yield category["title"]
            yield from (f"{category['title']} / {one['name']}" for one in category["sections"])


def test_old_addresses_are_redirected_where_the_interface_can(story: Story, first: Chapter) -> None:
    leads = {one["path"]: one["target"] for one in first.state["redirections"]}
    assert len(leads) == len(first.state["redirections"])
    if story.api == "locale":
        assert leads == {}
        return
    for name, article, language, text in texts():
        found = articles_of(first.state, LOCALES[language])[text.title]
        assert leads.get(article.path(language)) == (found["url"] if is_public(article) else None), name
    urls = {one["url"] for one in first.state["articles"] if one["status"] == "published"}
    assert set(leads.values()) <= urls


def test_what_is_not_moved_is_archived_with_its_reason(story: Story, first: Chapter) -> None:
    counts = first.report.kinds["article"]
    total = sum(len(one.texts) for one in ARTICLES.values())
    assert (counts.in_scope, counts.loaded, counts.archived) == (total, total - 2, 2)
    assert counts.failed == counts.skipped == counts.pending == 0


def test_the_audit_finds_nothing_wrong(audit: Result) -> None:
    assert audit.found == [], told(audit)
    assert audit.verdict == "pass"


# ---- when it lives on ------------------------------------------------------------------------------------------------


def test_a_second_run_writes_nothing(again: Chapter, first: Chapter) -> None:
    assert [(one.method, one.path) for one in again.writes] == []
    assert again.state == first.state
    assert again.bucket == first.bucket


def test_a_changed_text_arrives_and_its_links_still_lead(changed: Chapter) -> None:
    refund = articles_of(changed.state, "en")["Refunds [en_us]"]
    seen = in_markdown(refund["content"])
    assert seen.words == in_html(EDITED).words
    assert seen.links == [("paying", address(changed.state, "pay", "en_us"))]
    assert refund["status"] == "published"


def test_a_changed_title_and_slug_arrive_without_a_second_article(changed: Chapter, first: Chapter) -> None:
    found = articles_of(changed.state, "de")
    assert found.keys() == articles_of(first.state, "de").keys() - {"The device [de]"} | {"Das neue Geraet"}
    assert found["Das neue Geraet"]["status"] == "published"


def test_links_follow_an_article_whose_address_has_changed(changed: Chapter) -> None:
    device = articles_of(changed.state, "de")["Das neue Geraet"]["url"]
    links = dict(in_markdown(articles_of(changed.state, "de")["How to pay [de]"]["content"]).links)
    assert links["the device"] == device


def test_old_addresses_lead_to_where_a_renamed_article_stands(story: Story, changed: Chapter) -> None:
    if story.api == "locale":
        pytest.skip("this interface has no redirections")
    leads = {one["path"]: one["target"] for one in changed.state["redirections"]}
    urls = {one["url"] for one in changed.state["articles"] if one["status"] == "published"}
    assert leads["/de/neues-geraet-cccc00003"] == articles_of(changed.state, "de")["Das neue Geraet"]["url"]
    assert set(leads.values()) <= urls


def test_an_address_from_before_a_new_slug_is_still_redirected(story: Story, changed: Chapter) -> None:
    if story.api == "locale":
        pytest.skip("this interface has no redirections")
    leads = {one["path"]: one["target"] for one in changed.state["redirections"]}
    assert leads.get("/de/device-cccc00003") == articles_of(changed.state, "de")["Das neue Geraet"]["url"]


def test_what_has_not_changed_is_not_written(story: Story, changed: Chapter, first: Chapter) -> None:
    """But for articles that link to the renamed one."""
    touched = {"Refunds [en_us]", "The device [de]", "Das neue Geraet", "How to pay [de]"}
    for locale in ("en", "de", "pt"):
        old, new = articles_of(first.state, locale), articles_of(changed.state, locale)
        for title in old.keys() - touched:
            assert new[title] == old[title], title


def test_after_changes_the_audit_finds_nothing_wrong(changed_audit: Result) -> None:
    assert changed_audit.found == [], told(changed_audit)
    assert changed_audit.verdict == "pass"


def test_a_run_after_that_writes_nothing(settled: Chapter, changed: Chapter) -> None:
    assert [(one.method, one.path) for one in settled.writes] == []
    assert settled.state == changed.state


def test_what_a_person_has_edited_is_not_overwritten(edited: Chapter) -> None:
    assert articles_of(edited.state, "en")["Zones"]["content"] == BY_HAND


# ---- taken back ------------------------------------------------------------------------------------------------------


def test_a_rollback_removes_what_was_made_and_nothing_else(undone: Undone) -> None:
    titles = {one["title"] for one in undone.state["articles"] if one.get("kind", "file") == "file"}
    assert titles - {"Zones"} == set(undone.kept.values())
    contents = {one["title"]: one["content"] for one in undone.state["articles"]}
    assert contents["By hand"] == "mine"
    assert contents["By hand, among ours"] == "mine too"


def test_a_rollback_leaves_what_a_person_has_edited(undone: Undone) -> None:
    contents = {one["title"]: one["content"] for one in undone.state["articles"]}
    assert contents.get("Zones") == BY_HAND


def test_a_rollback_keeps_only_shelves_on_which_something_of_others_stands(story: Story, undone: Undone) -> None:
    rows = undone.state["categories"]
    names = {shelf_of(undone.state, one) for one in undone.state["articles"] if one.get("kind", "file") == "file"}
    if story.api == "tree":
        kept = {one["title"] for one in rows} | {one["title"] for one in undone.state["articles"] if not one["kind"]}
        assert kept == {part for name in names for part in name.split(" / ") if part}
    else:
        assert {one["title"] for one in rows} == {name.split(" / ")[0] for name in names if name}


def test_a_rollback_removes_its_redirections(undone: Undone) -> None:
    leads = {one["target"] for one in undone.state["redirections"]}
    assert leads <= {one["url"] for one in undone.state["articles"] if one["title"] == "Zones"}


def test_a_rollback_says_what_it_left(undone: Undone) -> None:
    assert undone.code == 1
    assert undone.told["left"]
    assert all(one["why"] for one in undone.told["left"])
