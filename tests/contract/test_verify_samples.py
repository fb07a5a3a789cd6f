"""A sample says what it may say: drawn as anybody can draw it, and where it finds one it looks for all its like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from audited import Audited, audited
from damages import profiles
from mig_verify.page import page
from mig_verify.result import Result, as_object, lines
from mig_verify.statistics import Claim


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A desk with enough profiles to leave some out."""
    with audited(tmp_path_factory.mktemp("samples"), customers=70, seed=4) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        yield made


def claim_of(result: Result) -> Claim:
    return result.claims[-1][1]


def test_a_sample_asks_less_and_says_how_much_it_knows(desk: Audited) -> None:
    before = desk.workspace.requests
    full = desk.audit("full")
    whole = desk.workspace.requests - before
    sample = desk.audit("samples", defect_rate=0.2)
    assert desk.workspace.requests - before - whole < whole
    assert (full.verdict, sample.verdict) == ("pass", "pass")
    assert "exactly 0 of" in full.claim
    claim = claim_of(sample)
    assert claim.drawn < claim.population == claim_of(full).population
    assert claim.wrong == 0 < claim.limit <= 0.2 * claim.population
    assert "with 95 % confidence" in sample.claim


def test_a_fault_everywhere_is_looked_for_everywhere(desk: Audited) -> None:
    with desk.damaged() as workspace:
        names = []
        for profile, name in profiles(workspace):
            profile.view = {**profile.view, "person": {**profile.view["person"], "nickname": name}}
            names.append(name)
        result = desk.audit("samples", defect_rate=0.2, seed=99)
    before = [part for part in claim_of(result).parts if part.name.startswith("profiles with")]
    assert sum(part.drawn for part in before) == len(names), "all that match were looked at"


def test_where_one_is_found_all_its_like_are_looked_for(desk: Audited) -> None:
    with desk.damaged() as workspace:
        hurt = [name for number, (profile, name) in enumerate(profiles(workspace)) if number % 3 == 0]
        for profile, name in profiles(workspace):
            if name in hurt:
                profile.data = {**profile.data, "language": "xx"}
        result = desk.audit("samples", defect_rate=0.3, seed=5)
    found = {one.source_id for one in result.found if one.field == "locale"}
    assert found == set(hurt), "the sample was rid of them, not the workspace"
    assert result.verdict == "fail"
    claim = claim_of(result)
    assert claim.wrong == len(hurt) <= claim.limit


def test_looks_that_drew_a_sample_are_counted(desk: Audited) -> None:
    first = claim_of(desk.audit("samples", defect_rate=0.3))
    desk.audit("counts")
    second = claim_of(desk.audit("samples", defect_rate=0.3))
    assert second.looks == first.looks + 1


def program() -> dict[str, Any]:
    """The one an auditor is given (docs/verify.md)."""
    text = (Path(__file__).parents[2] / "docs" / "verify.md").read_text("utf-8")
    found: dict[str, Any] = {"print": lambda *_: None}
    exec(re.findall(r"```python\n(.*?)```", text, re.S)[-1], found)
    return found


def recomputed(result: Result, look: int) -> None:
    """Whether anybody who reads the report comes to the same limits by the same alpha."""
    *_, claim = as_object(result, bodies=False)["claims"]
    assert claim["sampled"]
    assert claim["look"] == look
    assert Fraction(claim["alpha"]) == Fraction(5, 100) / (look * (look + 1)) / claim["sampled"]
    limits = list(program()["limits"](claim))
    assert limits == [one["limit"] for one in claim["strata"]]
    if claim["strata"] == claim["parts"]:
        assert sum(limits) == claim["limit"]
    for shown in ("\n".join(lines(result)), page(result, bodies=False)):
        assert f"alpha {claim['alpha']} for each sampled stratum" in shown


def test_an_auditor_computes_the_claim_again_from_the_report(desk: Audited) -> None:
    look = desk.audit("samples", defect_rate=0.3).looks + 1
    assert desk.audit("counts").looks == look - 1
    found = desk.audit("samples", defect_rate=0.3)
    assert (found.looks, found.claim.count(f"earlier looks counted in: {look - 1}")) == (look, 1)
    recomputed(found, look)
    with desk.damaged() as workspace:
        for profile, _ in profiles(workspace):
            profile.data = {**profile.data, "language": "xx"}
        hurt = desk.audit("samples", defect_rate=0.3)
    assert claim_of(hurt).first, "all its like were looked at"
    recomputed(hurt, look + 1)


def test_an_audit_that_draws_no_sample_names_no_look(desk: Audited) -> None:
    for level in ("counts", "full"):
        found = desk.audit(level)
        assert "look" not in next(line for line in lines(found) if "seed" in line)
        assert "none: this audit drew no sample" in page(found, bodies=False)
        assert [claim["alpha"] for claim in as_object(found, bodies=False)["claims"]] == [None] * len(found.claims)
