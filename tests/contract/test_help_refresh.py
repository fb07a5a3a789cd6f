"""A public site that shows what was published only after a refresh: it is asked for once, and what waits, waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from audited import audited, told
from help_made import write_help_centre
from help_read import articles_of, in_markdown
from mig_crisp.sandbox.helpdesk import Helpdesk

SWITCHES = {"helpdesk": "tree", "tree_refresh": "yes"}


def test_each_locale_is_refreshed_once_and_then_links_and_old_addresses_lead_there(tmp_path: Path) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches=SWITCHES) as desk:
        report = desk.migrate()
        assert (report.status, report.exit_code) == ("completed", 0)
        asked = [one.path for one in desk.workspace.history() if "/helpdesk/refresh/" in one.path]
        assert sorted(path.rsplit("/", 2)[1] for path in asked) == ["de", "en", "pt"]
        held = desk.workspace.state()["helpdesk"]
        urls = {one["url"] for one in held["articles"] if one["status"] == "published"}
        links = dict(in_markdown(articles_of(held, "en")["Refunds [en_us]"]["content"]).links)
        assert links["very page"] in urls
        assert {one["target"] for one in held["redirections"]} <= urls
        assert held["redirections"]
        result = desk.audit()
        assert result.found == [], told(result)
        writes = len(desk.workspace.history())
        assert desk.migrate().exit_code == 0
        assert len(desk.workspace.history()) == writes


def test_what_a_site_never_shows_waits_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_help_centre(tmp_path / "help.jsonl")
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches=SWITCHES) as desk:
        with monkeypatch.context() as patch:
            patch.setattr(Helpdesk, "entry_url", lambda self, entry: "")
            report = desk.migrate()
        assert (report.status, report.error, report.exit_code) == ("completed", None, 1)
        assert {name: one.failed for name, one in report.kinds.items() if one.failed} == {}
        assert desk.workspace.state()["helpdesk"]["redirections"] == []
        assert desk.migrate().exit_code == 0
        held = desk.workspace.state()["helpdesk"]
        assert held["redirections"]
        result = desk.audit()
        assert result.found == [], told(result)
