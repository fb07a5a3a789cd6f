"""Which migration a command means: by flags or mig.toml, else the only one in the journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert

from mig import Usage
from mig.audit import named_pair
from mig.journal.schema import migration
from mig.journal.store import Journal
from mig.settings import Config


def config(folder: Path, *pairs: tuple[str, str], source: str = "", target: str = "") -> Config:
    """A configuration whose journal holds these migrations; none: there is no journal."""
    state = f"sqlite:///{folder / 'mig.db'}"
    if pairs:
        journal = Journal.open(state, inline=True)
        rows = [
            {"source": source, "organisation": "o", "target": target, "workspace": f"w{number}", "created_at": ""}
            for number, (source, target) in enumerate(pairs)
        ]
        journal.acquire()
        asyncio.run(journal.write(lambda connection: connection.execute(insert(migration), rows)))
        journal.close()
    return Config(state=state, source=source, target=target)


def pair(config: Config) -> tuple[str, str]:
    found = named_pair(config)
    return found.source, found.target


def test_the_only_migration_of_the_journal_is_meant(tmp_path: Path) -> None:
    assert pair(config(tmp_path, ("ada", "bob"))) == ("ada", "bob")


def test_one_side_may_be_named(tmp_path: Path) -> None:
    assert pair(config(tmp_path, ("ada", "bob"), ("eve", "bob"), source="eve")) == ("eve", "bob")


def test_names_are_stronger_than_the_journal(tmp_path: Path) -> None:
    assert pair(config(tmp_path, ("ada", "bob"), source="x", target="y")) == ("x", "y")


def test_several_are_listed(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="several") as told:
        named_pair(config(tmp_path, ("ada", "bob"), ("eve", "bob")))
    assert "ada:o -> bob:w0" in told.value.hint


@pytest.mark.parametrize("named", [{}, {"target": "bob"}, {"source": "ada"}])
def test_without_a_journal_they_must_be_named(named: dict[str, str], tmp_path: Path) -> None:
    missing = "target" if "source" in named else "source"
    with pytest.raises(Usage, match=f"no {missing} is named") as told:
        named_pair(config(tmp_path, **named))
    assert f"--{missing} NAME" in told.value.hint
    assert "The journal does not tell: there is no journal" in told.value.hint
    assert not (tmp_path / "mig.db").exists()


def test_who_does_without_the_journal_names_them(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="no source is named"):
        named_pair(config(tmp_path, ("ada", "bob")), journal=False)
