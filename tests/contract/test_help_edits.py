"""What people make of a help centre after it was moved: later runs and rollbacks leave it alone, and say so."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited, told
from desk_process import MIG
from desk_sample import Json
from help_made import ARTICLES, version_id, write_help_centre
from help_read import articles_of, in_markdown

APIS = ("locale", "tree")
FORMS = [(api, tidy) for api in APIS for tidy in ("no", "yes")]
"""The interface, and whether it keeps texts in a form of its own."""


def state(desk: Audited) -> Json:
    held: Json = copy.deepcopy(desk.workspace.state()["helpdesk"])
    return held


def run(desk: Audited) -> Json:
    report = desk.migrate()
    assert report.status == "completed", report.error
    assert report.exit_code == 0, report.failures
    return state(desk)


def rollback(desk: Audited) -> tuple[int, Json, Json]:
    """Its exit code, what it told, and what is there then."""
    command = [*MIG, "rollback", "--yes", "--json"]
    ended = subprocess.run(command, env=desk.environment(), capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout), state(desk)


def change(desk: Audited, name: str, language: str, **fields: Any) -> None:
    """Change a text at the source; its article is younger then."""
    source = desk.organisation.organisation
    source.put("kb_versions", {"id": version_id(ARTICLES[name], language), "attributes": fields})
    source.touch("kb_articles", ARTICLES[name].id)


def edit(desk: Audited, title_now: str, **fields: Any) -> None:
    """A person edits an article there."""
    found = articles_of(state(desk), "en")[title_now]
    desk.workspace.edit_article_by_hand("en", found["name"], **fields)


def led_elsewhere(desk: Audited, title: str, words: str, to: str) -> str:
    """A person leads one link of an article elsewhere; the content then."""
    content: str = articles_of(state(desk), "en")[title]["content"]
    old = next(address for said, address in in_markdown(content).links if said == words)
    content = content.replace(f"[{words}]({old})", f"[{words}]({to})")
    edit(desk, title, content=content)
    return content


# ---- rollback --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("api", "tidy"), FORMS)
def test_what_nobody_edited_is_taken_back_whatever_form_it_is_kept_in(tmp_path: Path, api: str, tidy: str) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api, "tidy": tidy}) as desk:
        run(desk)
        change(desk, "refund", "en_us", htmlBody="<p>In 30 days, by <a href='/en_us/how-to-pay-aaaa00001'>us</a>.</p>")
        change(desk, "device", "en_us", title="The machine", slug="machine")
        run(desk)
        code, found, after = rollback(desk)
    assert (code, found["left"]) == (0, [])
    assert after["articles"] == after["categories"] == after["redirections"] == []


EDITS: dict[str, tuple[dict[str, Any], str]] = {
    "its text": ({"content": "mine"}, "content"),
    "its title": ({"title": "Mine"}, "title"),
    "its description": ({"description": "mine"}, "description"),
    "who may see it": ({"status": "draft", "published": False}, "published"),
    "whether it is featured": ({"featured": True}, "featured"),
}


@pytest.mark.parametrize(("api", "tidy"), FORMS)
def test_each_edit_by_a_person_keeps_its_article(tmp_path: Path, api: str, tidy: str) -> None:
    """And the redirections to it; everything else goes."""
    write_help_centre(tmp_path / "help.jsonl")
    titles = ["Zones", "Refunds [en_us]", "The color", "The device [en_us]", "Soon [en_us]"]
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api, "tidy": tidy}) as desk:
        run(desk)
        for title, (fields, _) in zip(titles, EDITS.values(), strict=True):
            told_here = {key: value for key, value in fields.items() if key != ("published", "status")[api == "tree"]}
            edit(desk, title, **told_here)
        if api == "locale":
            edit(desk, "For us only", category_id=None, section_id=None)
        led_elsewhere(desk, "How to pay [en_us]", "the device", "https://elsewhere.example/")
        before = {(one["locale"], one["name"]): one for one in state(desk)["articles"]}
        code, found, after = rollback(desk)
    kept = {(one["locale"], one["name"]): one for one in after["articles"]}
    edited = {"Zones", "Mine", "The color", "The device [en_us]", "Soon [en_us]", "How to pay [en_us]"}
    assert {one["title"] for one in kept.values()} == edited | ({"For us only"} if api == "locale" else set())
    assert kept == {name: before[name] for name in kept}
    assert code == 1
    whys = [one["why"] for one in found["left"] if one["unit"].startswith("article:")]
    assert len(whys) == len(kept)
    for _, field in EDITS.values():
        assert f"somebody has changed its {field} since" in whys, field
    assert {one["target"] for one in after["redirections"]} <= {one["url"] for one in kept.values()}


def test_what_a_person_moved_in_the_tree_is_told(tmp_path: Path) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": "tree"}) as desk:
        zones = articles_of(run(desk), "en")["Zones"]
        centre = desk.workspace.desk.helpdesk
        centre.move_entry(("en", "articles", zones["name"]), zones["name"].rpartition("/")[2], 1)
        _, found, after = rollback(desk)
    assert [one["title"] for one in after["articles"]] == ["Zones"]
    assert [one["why"] for one in found["left"]] == ["somebody has moved it"]


@pytest.mark.parametrize("api", APIS)
def test_shelves_people_use_or_have_made_stay(tmp_path: Path, api: str) -> None:
    """An article of somebody's in a section of ours, far down its list; a section of somebody's in a shelf of ours."""
    write_help_centre(tmp_path / "help.jsonl")
    switches = {"helpdesk": api, "helpdesk_page": "2"}
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches=switches) as desk:
        before = run(desk)
        pay, device = (articles_of(before, "en")[one] for one in ("How to pay [en_us]", "The device [en_us]"))
        if api == "tree":
            desk.workspace.add_article_by_hand("en", "By hand", "mine", path=f"{pay['name'].rpartition('/')[0]}/mine")
            desk.workspace.add_category_by_hand("en", "Mine", path=f"{device['name'].rpartition('/')[0]}/mine")
        else:
            own = {"category_id": pay["category_id"], "section_id": pay["section_id"]}
            mine = desk.workspace.add_article_by_hand("en", "By hand", "mine", **own)
            desk.workspace.alter_article("en", mine, created_at=1)  # lists begin with the newest
            for number in range(3):
                desk.workspace.add_article_by_hand("en", f"Other {number}", "mine", category_id=pay["category_id"])
            centre = desk.workspace.desk.helpdesk
            centre.add_section(centre.categories.live[device["category_id"]], "Mine", 1)
        code, found, after = rollback(desk)
    assert code == 1
    assert {one["unit"].partition(":")[0] for one in found["left"]} == {"category"}
    mine = next(one for one in after["articles"] if one["title"] == "By hand")
    names = {one["title"] for one in after["categories"]} | {one["title"] for one in after["articles"]}
    assert {"Devices help: Devices [en_us]", "Billing [en_us]"} <= names
    if api == "tree":
        assert mine["name"].rpartition("/")[0] == pay["name"].rpartition("/")[0]
        assert "Mine" in names
    else:
        assert mine["section"] == pay["section"]
        assert "Mine" in [section["name"] for one in after["categories"] for section in one["sections"]]


@pytest.mark.parametrize("api", APIS)
def test_a_shelf_somebody_renamed_stays(tmp_path: Path, api: str) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        shelf = next(one for one in run(desk)["categories"] if one["title"] == "Parcels [en_us]")
        desk.workspace.edit_category_by_hand("en", shelf["name"], title="Packets")
        _, found, after = rollback(desk)
    assert [one["title"] for one in after["categories"]] == ["Packets"]
    assert [one["why"] for one in found["left"]] == ["somebody has changed its title since"]


# ---- later runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("api", "tidy"), FORMS)
def test_a_later_run_changes_the_fields_nobody_edited(tmp_path: Path, api: str, tidy: str) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api, "tidy": tidy}) as desk:
        run(desk)
        edit(desk, "Zones", title="Our zones")
        edit(desk, "The color", content="mine")
        change(desk, "zones", "en_us", title="All zones", htmlBody="<p>None.</p>")
        change(desk, "colour", "en_us", title="A color", htmlBody="<p>None.</p>")
        found = articles_of(run(desk), "en")
        assert found["Our zones"]["content"].strip() == "None."
        assert found["A color"]["content"] == "mine"
        change(desk, "zones", "en_us", title="Every zone", htmlBody="<p>One.</p>")
        again = articles_of(run(desk), "en")
    assert again["Our zones"]["content"].strip() == "One."


@pytest.mark.parametrize("api", APIS)
def test_a_link_somebody_led_elsewhere_is_an_edit(tmp_path: Path, api: str) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        run(desk)
        edited = led_elsewhere(desk, "How to pay [en_us]", "the device", "https://elsewhere.example/")
        change(desk, "pay", "en_us", htmlBody="<p>No way.</p>")
        change(desk, "refund", "en_us", htmlBody="<p>No <a href='/en_us/device-cccc00003'>refunds</a>.</p>")
        found = articles_of(run(desk), "en")
    assert found["How to pay [en_us]"]["content"] == edited
    assert in_markdown(found["Refunds [en_us]"]["content"]).words == ["No", "refunds."]


@pytest.mark.parametrize("api", APIS)
def test_an_address_that_changes_at_the_source_arrives(tmp_path: Path, api: str) -> None:
    """Also where not a word does."""
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        run(desk)
        html = ARTICLES["pay"].texts["en_us"].html.replace("https://example.org/x", "https://example.org/y")
        change(desk, "pay", "en_us", htmlBody=html)
        before = dict(in_markdown(articles_of(state(desk), "en")["How to pay [en_us]"]["content"]).links)
        after = dict(in_markdown(articles_of(run(desk), "en")["How to pay [en_us]"]["content"]).links)
        result = desk.audit()
    assert after == before | {"somebody else": "https://example.org/y?a=1&b=2#c"}
    assert result.found == [], told(result)


@pytest.mark.parametrize("api", APIS)
def test_what_is_featured_follows_the_source_and_not_where_a_person_decided(tmp_path: Path, api: str) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        run(desk)
        edit(desk, "Zones", featured=True)
        source = desk.organisation.organisation
        for name, featured in (("pay", False), ("refund", True), ("zones", True)):
            bases = [{"id": ARTICLES[name].bases[0], "featured": featured}]
            source.put("kb_articles", {"id": ARTICLES[name].id, "attributes": {"knowledgeBases": bases}})
            source.touch("kb_articles", ARTICLES[name].id)
        found = articles_of(run(desk), "en")
        shown = {title: found[title]["featured"] for title in ("How to pay [en_us]", "Refunds [en_us]", "Zones")}
    assert shown == {"How to pay [en_us]": False, "Refunds [en_us]": True, "Zones": True}
