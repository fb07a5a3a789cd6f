"""Whatever is done to a workspace behind mig's back, `full` finds it: the right record, the right field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from audited import Audited, audited
from damages import DAMAGES, Hurt
from desk_made import write_organisation
from mig_verify.found import Found
from mig_verify.result import Result


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A small desk with every kind of file, migrated."""
    folder = tmp_path_factory.mktemp("damaged")
    write_organisation(folder / "organisation.jsonl")
    with_phones(folder / "organisation.jsonl")
    settings = {"max_text": "120"}  # so that some texts need parts
    with audited(folder, dataset=folder / "organisation.jsonl", settings=settings) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        yield made


def with_phones(path: Path) -> None:
    """Give every customer of a dataset a number."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for number, line in enumerate(lines):
        if line["kind"] == "customers":
            line["resource"]["attributes"]["phones"] = [{"phone": f"+4930{number:06d}", "type": "home"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def told(result: Result) -> str:
    """What an audit found, in words."""
    return "\n".join(f"{one.level} {one.what} {one.kind} {one.source_id} {one.field} {one.why}" for one in result.found)


def is_it(one: Found, hurt: Hurt) -> bool:
    """Whether a finding is the damage that was done."""
    exact = one.field == hurt.field or not hurt.field or one.field.startswith(f"{hurt.field}.")
    where = (one.kind, one.source_id) == (hurt.kind, hurt.source_id)
    return where and one.what == hurt.what and exact and (not hurt.level or one.level == hurt.level)


def test_a_clean_migration_is_clean(desk: Audited) -> None:
    result = desk.audit()
    assert result.found == [], told(result)
    assert {name: level.verdict for name, level in result.levels.items()} == dict.fromkeys(result.levels, "pass")
    assert result.verdict == "pass"


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_undone_it_is_clean(name: str, desk: Audited) -> None:
    with desk.damaged() as workspace:
        hurt = DAMAGES[name](workspace)
        result = desk.audit()
    assert any(is_it(one, hurt) for one in result.found), f"{hurt}\nnot among:\n{told(result)}"
    assert result.verdict == "fail"
    clean = desk.audit()
    assert clean.found == [], told(clean)
