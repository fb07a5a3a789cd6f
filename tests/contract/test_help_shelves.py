"""An article that stands on no shelf a reader finds is not shown to everybody by being moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import help_made
from audited import Audited, audited, told
from help_made import BILLING, DEVICES, FIRST_BASE, INVOICES, SECOND_BASE, YEARS, Shelf, write_help_centre
from help_read import articles_of

REFUNDS, PAY, ZONES, DEVICE = "Refunds [en_us]", "How to pay [en_us]", "Zones", "The device [en_us]"


def write(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """The help centre, with attributes of some rows changed."""
    write_help_centre(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["resource"]["attributes"] |= changes.get(row["resource"]["id"], {})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def disabled(shelf: Shelf, language: str) -> dict[str, Any]:
    """A shelf that is off in one language."""
    said = {one: {"title": f"{shelf.name} [{one}]", "disabled": one == language} for one in shelf.languages}
    return {shelf.id: {"langs": said}}


def public(desk: Audited, locale: str = "en") -> set[str]:
    """The titles of what everybody reads."""
    found = articles_of(desk.workspace.state()["helpdesk"], locale)
    return {title for title, one in found.items() if one["status"] == "published"}


@pytest.mark.parametrize(
    ("changes", "unseen"),
    [
        ({BILLING.id: {"published": False}}, {REFUNDS, PAY}),  # Zones stand on Parcels, too
        ({INVOICES.id: {"published": False}}, {PAY}),
        ({YEARS.id: {"published": False}}, {PAY}),
        (disabled(BILLING, "en_us"), {REFUNDS, PAY}),
        (disabled(DEVICES, "de"), set()),
        ({SECOND_BASE: {"enabled": False}}, {DEVICE}),
        ({help_made.ROOTS[0].id: {"published": False}}, set()),
        ({FIRST_BASE: {"enabled": None}}, set()),
    ],
)
def test_what_stands_only_where_all_is_off_stays_a_draft(
    tmp_path: Path, changes: dict[str, dict[str, Any]], unseen: set[str]
) -> None:
    write(tmp_path / "help.jsonl", changes)
    with audited(tmp_path, dataset=tmp_path / "help.jsonl") as desk:
        assert desk.migrate().exit_code == 0
        assert {REFUNDS, PAY, ZONES, DEVICE} - public(desk) == unseen
        result = desk.audit()
        assert result.found == [], told(result)
        changed = {(one.kind, one.field) for one in result.losses if one.outcome == "changed"}
        assert (("article", "status") in changed) == (unseen != set() or "disabled" in str(changes))


@pytest.mark.parametrize("api", ["locale", "tree"])
def test_a_shelf_that_is_switched_on_shows_its_articles(tmp_path: Path, api: str) -> None:
    write(tmp_path / "help.jsonl", {BILLING.id: {"published": False}})
    with audited(tmp_path, dataset=tmp_path / "help.jsonl", switches={"helpdesk": api}) as desk:
        assert desk.migrate().exit_code == 0
        source = desk.organisation.organisation
        source.put("kb_categories", {"id": BILLING.id, "attributes": {"published": True}})
        source.touch("kb_categories", BILLING.id)
        assert desk.migrate().exit_code == 0
        assert {REFUNDS, PAY} <= public(desk)
        result = desk.audit()
        assert result.found == [], told(result)
