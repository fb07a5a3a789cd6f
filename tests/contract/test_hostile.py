"""A whole organisation of hostile content is moved without an abort, and what is refused says why."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from audited import audited, told
from hostile import Hostile, organisations

_OURS = re.compile(r"fault of|Please report|raised \w+|cannot be rendered|\w+Error\b")
_CALM = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def moves(made: Hostile) -> None:
    """Move it, move it again, audit it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made.write(folder / "hostile.jsonl")
        with audited(folder, dataset=folder / "hostile.jsonl") as desk:
            first = desk.migrate()
            assert first.status == "completed", first.error
            again = desk.migrate()
            assert again.status == "completed", again.error
            if not any(one.failed for one in first.kinds.values()):  # what is quarantined is tried again
                assert {name: one.loaded for name, one in again.kinds.items() if one.loaded} == {}
            assert desk.workspace.notifications()["counts"] == {}
            with sqlite3.connect(folder / "mig.db") as journal:
                failed = journal.execute("SELECT kind, id, reason FROM mig_record WHERE state = 'failed'").fetchall()
            journal.close()
            assert [row for row in failed if not row[2] or _OURS.search(row[2])] == []
            quarantined = {(kind, name) for kind, name, _ in failed}
            result = desk.audit("full")
            surprising = [one for one in result.found if (one.kind, one.source_id) not in quarantined]
            assert surprising == [], told(result)[:3000]


@settings(_CALM, max_examples=3)
@given(organisations())
def test_a_hostile_organisation_is_moved_and_what_is_refused_is_told(made: Hostile) -> None:
    moves(made)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_many_hostile_organisations_are(number: int) -> None:
    @seed(number)
    @settings(_CALM, derandomize=False, max_examples=5)
    @given(organisations(least=4))
    def each(made: Hostile) -> None:
        moves(made)

    each()
