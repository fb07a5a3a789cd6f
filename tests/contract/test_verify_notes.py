"""An audit finds each note where `notes` puts it, and says so where it is gone or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from audited import Audited, audited, told


@pytest.fixture(scope="module", params=["thread", "both", "contact"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("notes")
    with audited(folder, customers=8, seed=11, settings={"notes": str(request.param)}) as made:
        assert made.migrate().status == "completed"
        yield made


def test_where_they_are_is_where_they_must_be(desk: Audited) -> None:
    result = desk.audit()
    assert (result.verdict, told(result)) == ("pass", "")
    assert result.kinds["note"].by["held"] > 0


@pytest.fixture(scope="module")
def on_notepads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    with audited(tmp_path_factory.mktemp("notepads"), customers=8, seed=11, settings={"notes": "contact"}) as made:
        assert made.migrate().status == "completed"
        yield made


def noted_threads(desk: Audited) -> list[tuple[str, str]]:
    """Notes of threads that stand on notepads: the profile, and the note's id."""
    rows = desk.organisation.organisation.store.table("notes").rows
    block = re.compile(r"\((\w{24})\):$", re.MULTILINE)
    return [
        (profile.people_id, name)
        for profile in desk.workspace.desk.people.live.values()
        for name in block.findall(str(profile.view.get("notepad") or ""))
        if name in rows and b'"conversation"' in rows[name].body
    ]


def test_a_note_that_is_gone_from_its_notepad_is_missing(on_notepads: Audited) -> None:
    people_id, name = noted_threads(on_notepads)[0]
    with on_notepads.damaged() as workspace:
        profile = workspace.people.live[people_id]
        profile.view["notepad"] = profile.view["notepad"].replace(f"({name}):", "(nobody):")
        result = on_notepads.audit()
    assert ("missing", "note", name) in [(one.what, one.kind, one.source_id) for one in result.found]


def test_a_note_on_somebody_elses_notepad_is_told(on_notepads: Audited) -> None:
    people_id, name = noted_threads(on_notepads)[0]
    with on_notepads.damaged() as workspace:
        other = next(one for key, one in workspace.people.live.items() if key != people_id)
        mine = workspace.people.live[people_id]
        head = re.search(rf"^.*\({name}\):$", mine.view["notepad"], re.MULTILINE)
        assert head is not None
        mine.view["notepad"] = mine.view["notepad"].replace(head[0], "")
        other.view["notepad"] = f"{head[0]}\nmoved\n\n{other.view.get('notepad') or ''}"
        result = on_notepads.audit()
    assert ("note", name, "place") in [(one.kind, one.source_id, one.field) for one in result.found]
