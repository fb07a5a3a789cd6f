"""Links to an article that nobody can read in their language lead to it in another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited, told
from help_made import ARTICLES, FIRST_BASE, version_id, write_help_centre
from help_read import articles_of, in_markdown

TO_DE = "/de/zones-aaaa00007"
"""Zones are there in English alone."""
HTML = (
    f"<p><a href='{TO_DE}?from=loose#all-zones'>zones</a>, <a href='/pt-br/refunds-bbbb00002'>refunds</a>, "
    "<a href='/en-gb/colours-bbbb00008'>colours</a>, <a href='/de/colours-bbbb00008'>farben</a>, "
    "<a href='/fr/gone-dddd00004'>gone</a>, <a href='/pt_br/soon-eeee00005'>soon</a>, "
    "<a href='/de/how-to-pay-aaaa00001'>pay</a>, <a href='/fr/nothing-ffff99999'>nothing</a>, "
    "<a href='/fr/inside-ffff00006'>inside</a></p>"
)


def write(path: Path, default: str) -> None:
    """The help centre, with the knowledge base's own language."""
    write_help_centre(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        if row["kind"] == "kb_knowledge_bases" and row["resource"]["id"] == FIRST_BASE and default:
            row["resource"]["attributes"]["defaultLang"] = default
        if row["resource"]["id"] == version_id(ARTICLES["loose"], "de"):
            row["resource"]["attributes"]["htmlBody"] = HTML
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def links(desk: Audited) -> dict[str, str]:
    """Where each link of the article leads: an article there by its locale and title, else as it is."""
    held: Any = desk.workspace.state()["helpdesk"]
    named = {one["url"]: f"{one['locale']} {one['title']}" for one in held["articles"] if one["status"] == "published"}
    content = articles_of(held, "de")["Ohne Regal"]["content"]
    return {words: named.get(url.partition("?")[0], url) for words, url in in_markdown(content).links}


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_links_lead_to_another_language_where_their_own_is_not_there(tmp_path: Path, api: str) -> None:
    write(tmp_path / "help.jsonl", "")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        assert desk.migrate().exit_code == 0
        assert links(desk) == {
            "zones": "en Zones",
            "refunds": "en Refunds [en_us]",
            "colours": "en The color",
            "farben": "en The color",
            "gone": "/fr/gone-dddd00004",
            "soon": "/pt_br/soon-eeee00005",
            "pay": "de How to pay [de]",
            "nothing": "/fr/nothing-ffff99999",
            "inside": "/fr/inside-ffff00006",
        }
        content = articles_of(desk.workspace.state()["helpdesk"], "de")["Ohne Regal"]["content"]
        assert "?from=loose#all-zones)" in content
        result = desk.audit()
        assert result.found == [], told(result)
        writes = len(desk.workspace.history())
        assert desk.migrate().exit_code == 0
        assert len(desk.workspace.history()) == writes


def test_the_language_of_the_knowledge_base_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "help.jsonl", "de")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl") as desk:
        assert desk.migrate().exit_code == 0
        assert links(desk)["refunds"] == "de Refunds [de]"
        result = desk.audit()
        assert result.found == [], told(result)


def test_a_link_comes_home_when_its_language_is_there(tmp_path: Path) -> None:
    """And an audit finds one that leads to another language than it must."""
    write(tmp_path / "help.jsonl", "de")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl") as desk:
        assert desk.migrate().exit_code == 0
        source = desk.organisation.organisation
        source.put("kb_articles", {"id": ARTICLES["soon"].id, "attributes": {"status": "published"}})
        for language in ("en_us", "de"):
            one = {"id": version_id(ARTICLES["soon"], language), "attributes": {"status": "published"}}
            source.put("kb_versions", one)
        entry = {one: {"currentVersion": {"id": version_id(ARTICLES["soon"], one)}} for one in ("en_us", "de")}
        source.put("kb_articles", {"id": ARTICLES["soon"].id, "attributes": {"langVersions": entry}})
        source.touch("kb_articles", ARTICLES["soon"].id)
        assert desk.migrate().exit_code == 0
        assert links(desk)["soon"] == "de Soon [de]"
        result = desk.audit()
        assert result.found == [], told(result)
        held = desk.workspace.state()["helpdesk"]
        here, there = (
            articles_of(held, one)[f"Refunds [{name}]"]["url"] for one, name in (("de", "de"), ("en", "en_us"))
        )
        loose = articles_of(held, "de")["Ohne Regal"]
        desk.workspace.alter_article("de", loose["name"], content=loose["content"].replace(here, there))
        found = desk.audit().found
    assert {(one.source_id, one.field) for one in found} == {(loose_id(), "extra.links")}


def loose_id() -> str:
    return f"{ARTICLES['loose'].id}.de"
