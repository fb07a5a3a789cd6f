"""Links to articles of the old help centre, however they were written, lead to the new one; those to others stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import help_made
from audited import Audited, audited, told
from help_made import BILLING, Text, Written, write_help_centre
from help_read import articles_of, in_markdown

HOME = "https://kb0.example.com"
PAY, LETTERS = "en How to pay [en_us]", "en Letters"
LINKS = {
    "usual": ("/en_us/how-to-pay-aaaa00001", PAY),
    "with a host": (f"{HOME}/en_us/how-to-pay-aaaa00001?x=(a)#b", PAY),
    "with www": ("http://www.kb0.example.com/en_us/how-to-pay-aaaa00001", PAY),
    "without a scheme": ("//kb0.example.com/en_us/how-to-pay-aaaa00001/", PAY),
    "without a slug": (f"{HOME}/en-US/AAAA00001", PAY),
    "a file": (f"{HOME}/en_us/how-to-pay-aaaa00001.html", PAY),
    "by id": (f"{HOME}/articles/5f00000000000000000000d1", PAY),
    "by id in German": (f"{HOME}/de/articles/5f00000000000000000000d1", "de How to pay [de]"),
    "in the app": ("https://acme.kustomerapp.com/app/knowledge-base/articles/5f00000000000000000000d1", PAY),
    "at Kustomer": ("https://acme.kustomer.help/en_us/how-to-pay-aaaa00001", PAY),
    "of letters": (f"{HOME}/en_us/letters-abcdefghi", LETTERS),
    "of another base": ("https://kb1.example.com/en_us/device-cccc00003", "en The device [en_us]"),
    "a category": (f"{HOME}/en_us/categories/billing-0000000c1", ""),
    "a draft": (f"{HOME}/en_us/soon-eeee00005", ""),
    "the front": (f"{HOME}/en_us", ""),
    "a slug alone": (f"{HOME}/en_us/how-to-pay", ""),
    "a partner": ("https://blog.partner.org/en_us/something-aaaa00001", ""),
    "a copy": (f"https://web.archive.org/web/2020/{HOME}/en_us/how-to-pay-aaaa00001", ""),
    "a place": ("#here", ""),
    "a letter": ("mailto:how-to-pay-aaaa00001@example.org", ""),
}
STAYING = 4
"""The category, the draft, the front and the slug lie in the old help centre."""


def write(path: Path, *, named: bool) -> None:
    """The help centre with an article full of links; its knowledge bases name their hosts, or do not."""
    html = "".join(f"<p><a href='{url}'>{name}</a></p>" for name, (url, _) in LINKS.items())
    html += f"<iframe src='{HOME}/en_us/how-to-pay-aaaa00001' title='frame'></iframe>"
    more = {
        "links": Written("5f00000000000000000000da", "links", "dddd0000a", {"en_us": Text("Links", html)}, (BILLING,)),
        "letters": Written(
            "5f00000000000000000000db", "letters", "abcdefghi", {"en_us": Text("Letters", "")}, (BILLING,)
        ),
    }
    help_made.ARTICLES.update(more)
    try:
        write_help_centre(path)
    finally:
        for name in more:
            del help_made.ARTICLES[name]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        if row["kind"] == "kb_knowledge_bases" and not named:
            del row["resource"]["attributes"]["domain"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def links(desk: Audited) -> dict[str, str]:
    """Where each link leads: an article there by locale and title, else nowhere in the new help centre."""
    held: Any = desk.workspace.state()["helpdesk"]
    named = {one["url"]: f"{one['locale']} {one['title']}" for one in held["articles"] if one["status"] == "published"}
    content = articles_of(held, "en")["Links"]["content"]
    found = dict(in_markdown(content).links)
    for words, url in found.items():
        assert url.partition("#")[0].partition("?")[0] in named or url == LINKS.get(words, ("",))[0], words
    return {words: named.get(url.partition("#")[0].partition("?")[0], "") for words, url in found.items()}


def lost(desk: Audited) -> str:
    """What the ledger says of the article's links."""
    with create_engine(desk.state).connect() as connection:
        said = text("select why from mig_loss where id = '5f00000000000000000000da.en_us' and field = 'links'")
        return "; ".join(str(why) for (why,) in connection.execute(said))


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_links_of_every_form_lead_to_the_article_and_those_to_others_stay(tmp_path: Path, api: str) -> None:
    write(tmp_path / "help.jsonl", named=True)
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        assert desk.migrate().exit_code == 0
        assert links(desk) == {name: title for name, (_, title) in LINKS.items()} | {"frame": PAY}
        result = desk.audit()
        assert result.found == [], told(result)
        writes = len(desk.workspace.history())
        assert desk.migrate().exit_code == 0
        assert len(desk.workspace.history()) == writes
        assert f"{STAYING} links still lead to the old help centre" in lost(desk)


def test_where_no_knowledge_base_names_a_host_any_may_be_its_own(tmp_path: Path) -> None:
    write(tmp_path / "help.jsonl", named=False)
    with audited(tmp_path, dataset=tmp_path / "help.jsonl") as desk:
        assert desk.migrate().exit_code == 0
        found = links(desk)
        assert (found["with www"], found["of another base"]) == (PAY, "en The device [en_us]")
        result = desk.audit()
        assert result.found == [], told(result)
