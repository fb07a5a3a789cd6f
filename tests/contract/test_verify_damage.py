"""Whatever is done to a workspace behind mig's back, `full` finds it: the right record, the right field."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import pytest

from audited import Audited, audited, told, with_phones
from damages_help import DAMAGES, OLD_ADDRESSES, Hurt
from desk_made import write_organisation
from help_made import with_help_centre, write_help_centre
from mig_verify.found import Found
from mig_verify.result import Result


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A small desk with every kind of file and a help centre, migrated."""
    folder = tmp_path_factory.mktemp("damaged")
    write_organisation(folder / "organisation.jsonl")
    with_phones(folder / "organisation.jsonl")
    with_help_centre(folder / "organisation.jsonl")
    settings = {"max_text": "120"}  # so that some texts need parts
    with audited(folder, dataset=folder / "organisation.jsonl", settings=settings) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        yield made


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """A help centre over the newer interface, migrated."""
    folder = tmp_path_factory.mktemp("redirected")
    write_help_centre(folder / "help.jsonl")
    with audited(folder, dataset=folder / "help.jsonl", switches={"helpdesk": "tree"}) as made:
        report = made.migrate()
        assert report.status == "completed", report.error
        yield made


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


Told = dict[str, tuple[Hurt, Result]]
"""What was done, by its name, and what the audit said that looked at it."""


@pytest.fixture(scope="module")
def heard() -> Told:
    """What the audits of this module have said."""
    return {}


def audit(names: tuple[str, ...], desk: Audited) -> Told:
    """Do damages, and look once."""
    with desk.damaged() as workspace:
        hurts = {name: DAMAGES[name](workspace) for name in names}
        result = desk.audit()
    return {name: (hurt, result) for name, hurt in hurts.items()}


def check(hurt: Hurt, result: Result) -> None:
    """See that a damage is told for what it is."""
    assert any(is_it(one, hurt) for one in result.found), f"{hurt}\nnot among:\n{told(result)}"
    assert result.verdict == "fail"


def companions() -> dict[str, tuple[str, ...]]:
    """With which other one a damage is done: one of a thread, one of a profile or the help centre, far apart."""
    names = list(DAMAGES)
    people = names[names.index("a profile is removed") : names.index("a byte of a file is flipped")]
    elsewhere = [*people, *names[names.index("an article is removed") :]]
    in_threads = [name for name in names if name not in elsewhere]
    pairs = zip_longest(in_threads, elsewhere)
    return {name: tuple(filter(None, pair)) for pair in pairs for name in pair if name}


COMPANIONS = companions()


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str, desk: Audited, heard: Told) -> None:
    """Two at a time; soak looks at each alone."""
    if name not in heard:
        heard.update(audit(COMPANIONS[name], desk))
    check(*heard[name])


@pytest.mark.parametrize("name", OLD_ADDRESSES)
def test_damage_to_old_addresses_is_found(name: str, tree: Audited) -> None:
    with tree.damaged() as workspace:
        hurt = OLD_ADDRESSES[name](workspace)
        result = tree.audit()
    check(hurt, result)


def test_a_redirection_of_somebody_else_is_no_damage(tree: Audited) -> None:
    with tree.damaged() as workspace:
        target = next(iter(workspace.helpdesk.redirections.live.values())).target
        tree.workspace.add_redirection_by_hand("/payments", target)
        result = tree.audit()
    assert result.found == [], told(result)


def test_after_all_of_it_was_undone_it_is_clean(desk: Audited) -> None:
    """In the order of the file the last one; soak looks after each."""
    result = desk.audit()
    assert result.found == [], told(result)


@pytest.mark.soak
@pytest.mark.parametrize("name", DAMAGES)
def test_long_damage_is_found_and_undone_it_is_clean(name: str, desk: Audited) -> None:
    check(*audit((name,), desk)[name])
    test_after_all_of_it_was_undone_it_is_clean(desk)
