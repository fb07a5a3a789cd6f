"""What an audit advises fits what it found: a run only for what no run has read, a repair only where one helps."""

from __future__ import annotations

from typing import Any

from mig import CONTACT, MESSAGE, Stays
from mig_verify.found import Found
from mig_verify.repairs import UNREAD, Repairs, advice

STAYS = {
    (MESSAGE, "author"): Stays("leave it"),
    (CONTACT, ""): Stays("remove it there", unasked=True),
}


def found(what: str, field: str = "", **other: Any) -> Found:
    whole = {"level": "census", "kind": "message", "source_id": "m1", "unit": "conversation:c1"} | other
    return Found(what=what, field=field, **whole)


def told(*these: Found, journal: bool = True) -> str:
    return "\n".join(advice(these, STAYS, journal=journal))


def planned(*these: Found) -> list[object]:
    return [row["do"] for row in Repairs(these, STAYS).rows()]


def test_nothing_found_needs_no_advice() -> None:
    assert told() == ""


def test_a_run_moves_what_no_run_has_read() -> None:
    text = told(found("missing", why=UNREAD))
    assert "`mig run` again moves what no run has read: 1 discrepancy." in text
    assert "--plan-repair" not in text


def test_a_repair_says_again_what_is_gone() -> None:
    text = told(found("missing"), found("doubled", source_id="m2"))
    assert "`mig run --repair FILE` does it" in text
    assert "No run mends 1 discrepancy" in text
    assert "`mig run` again" not in text


def test_for_order_and_doubles_no_run_is_named() -> None:
    order, double = found("mismatched", "order", expected=3, actual=5), found("doubled", source_id="m2")
    twin = found("mismatched", "mark", source_id="m2", why="its fingerprint is not that of its mark")
    assert planned(order, double, twin) == ["by hand"] * 3
    assert "No run mends 3 discrepancies: `mig verify --plan-repair FILE` says what a person does." in told(
        order, double, twin
    )
    assert "mig run" not in told(order, double, twin)


def test_what_is_quarantined_has_its_own_way_out() -> None:
    text = told(found("missing", why="quarantined: text: it is too long"))
    assert "`mig failures` names what is quarantined, and the way out: 1 discrepancy." in text
    assert "No run mends" not in text


def test_without_a_journal_no_command_that_needs_it_is_named() -> None:
    text = told(found("missing"), journal=False)
    assert "mig adopt" in text
    assert "--repair" not in text
    assert "explain" not in text


def test_what_stays_is_left_to_a_person_where_something_else_stands_there() -> None:
    assert planned(found("mismatched", "author", expected="a", actual="b")) == ["by hand"]
    assert planned(found("mismatched", "author", expected="a", actual=None)) == ["deliver"]
    here = {"kind": "contact", "source_id": "p1", "unit": "contact:p1"}
    assert planned(found("mismatched", "extra.data.city", expected=None, actual="b", **here)) == ["by hand"]
    assert planned(found("mismatched", "extra.data.city", expected="a", actual="b", **here)) == ["deliver"]


def test_what_cannot_be_moved_as_it_is_is_not_to_be_removed() -> None:
    (row,) = Repairs([found("missing", unit="", why="it cannot be parsed")], STAYS).rows()
    assert "mend the record" in str(row["how"])
