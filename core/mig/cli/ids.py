"""`mig ids`: what became of which id, as a table for other programs."""

from __future__ import annotations

import contextlib
import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from mig.cli.common import Common, common_options, read_common
from mig.errors import Refused, Usage
from mig.model import HELP_ADDRESS
from mig.plugins import Registry

if TYPE_CHECKING:
    from mig.journal.counts import MigrationRow
    from mig.journal.store import Journal

AGENTS = ("id", "name", "email", "active", "human", "matched", "operator_email")
"""The last is for a person to fill in: the e-mail address of the operator an agent is."""
COLUMNS = ("kind", "old_id", "new_id", "address", "group", "merged_into", "fate", "state", "old_address")
"""The last is of help articles: where each was, without its host; one row for each such address."""


@click.command()
@common_options
@click.option("--csv", "csv_file", metavar="FILE|-", help="Every record: its old id, its new one, where it is found.")
@click.option("--agents", "agents_file", metavar="FILE|-", help="Who is whom: agents, for you to name their operators.")
@click.pass_obj
def ids(registry: Registry, /, csv_file: str | None, agents_file: str | None, **options: Any) -> None:
    """Say what became of which id, from the journal alone. Asks no platform."""
    common = read_common(registry, **options)
    if (csv_file is None) == (agents_file is None):
        raise Usage("what is to be listed?", "Use --csv FILE or --agents FILE, one of them; - is stdout.")
    if csv_file is not None:
        count, told = write_ids(common, csv_file), "records"
    else:
        assert agents_file is not None
        count = write_agents(common, agents_file)
        told = 'agents and their addresses; fill in operator_email, then set agents = "FILE" under [target]'
    name = csv_file or agents_file
    if name != "-":
        click.echo(f"{name}: {count:,} {told}")


def write_ids(common: Common, name: str) -> int:
    """Write the table of ids.

    Args:
        common: The options every command has.
        name: A file, which becomes private; "-" is stdout.

    Returns:
        How many records there are.

    Raises:
        Usage: The journal holds no such migration.
        Refused: The file cannot be written.
    """
    from mig.archive.tables import Table

    with _chosen(common) as (journal, row), _opened(name) as sheet:
        table, count = Table(sheet, COLUMNS), 0
        for line in _lines(common, journal, row):
            table.add(line)
            count += 1
    return count


def write_agents(common: Common, name: str) -> int:
    """Write the table in which a person says which operator an agent is; what they said in it before stays.

    Args:
        common: The options every command has.
        name: A file, which becomes private: it holds e-mail addresses; "-" is stdout.

    Returns:
        How many agents there are.

    Raises:
        Usage: The journal holds no such migration, or the file is there and is another table.
        Refused: The file cannot be written.
    """
    import msgspec

    from mig.archive import rows
    from mig.archive.tables import Table
    from mig.model import AGENT, Agent

    filled = _filled(name)
    with _chosen(common) as (journal, row), _opened(name) as sheet:
        table, count = Table(sheet, AGENTS), 0
        for one in rows.records(journal, row.id, AGENT):
            if not one.body:
                continue
            agent = msgspec.json.decode(one.body, type=Agent)
            matched = {"load": "yes", "archive": "no"}.get(one.fate, "not yet")
            active, human = ("yes" if flag else "no" for flag in (agent.active, agent.human))
            table.add((agent.ref.id, agent.name, agent.email, active, human, matched, filled.get(agent.ref.id, "")))
            count += 1
    return count


def _filled(name: str) -> dict[str, str]:
    """What a person filled in before: the operators' addresses as they stand there, by the agents' ids."""
    if name == "-" or not Path(name).is_file() or not Path(name).stat().st_size:
        return {}
    another = Usage(f"{name} is there, and is no table of agents", "Name another file.")
    try:
        with Path(name).open(encoding="utf-8-sig", newline="") as sheet:
            table = csv.DictReader(sheet)
            if not {"id", "operator_email"} <= set(table.fieldnames or ()):
                raise another
            return {(row["id"] or "").lstrip("'"): (row["operator_email"] or "").lstrip("'") for row in table}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise another from error


@contextlib.contextmanager
def _chosen(common: Common) -> Iterator[tuple[Journal, MigrationRow]]:
    """The journal, open, and the migration that is meant."""
    from mig.journal import counts
    from mig.journal.store import Journal

    config = common.config
    journal = Journal.open(config.state, inline=True, create=False)
    try:
        with journal.reading() as connection:
            row = counts.choose(counts.migrations(connection), config.source, config.target)
        yield journal, row
    finally:
        journal.close()


def _lines(common: Common, journal: Journal, row: MigrationRow) -> Iterator[tuple[str, ...]]:
    """A row for each record: those of a unit one after the other, then those that have none."""
    from mig.archive import rows
    from mig.archive.places import addresses

    address = addresses(common.registry, common.config, row.target)
    paths = _old_paths(journal, row)
    for part, standing in rows.parts(journal, row.id):
        kind, _, name = part.unit.partition(":")
        root = (part.kind, part.id) == (kind, name) or bool(part.merged_into)
        there, own = (standing.id, dict(standing.own)) if standing is not None else ("", {})
        new = there if root else own.get(f"{part.kind}/{part.id}", "")
        place = (standing.url if standing is not None else "") or (address(kind, there) if there else "")
        told = (part.kind, part.id, new, place, part.unit, part.merged_into, part.fate, part.state)
        for path in paths.get(part.id, [""]) if part.kind == HELP_ADDRESS else [""]:
            yield *told, path


def _old_paths(journal: Journal, row: MigrationRow) -> dict[str, list[str]]:
    """The old addresses of help articles, by the ids of their records."""
    import msgspec

    from mig.archive import rows
    from mig.model import HelpAddress

    found = (one for one in rows.records(journal, row.id, HELP_ADDRESS) if one.body)
    return {one.id: msgspec.json.decode(one.body, type=HelpAddress).paths or [""] for one in found}


@contextlib.contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdout
        return
    try:
        handle = os.open(Path(name), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Refused(f"{name} cannot be written: {error.strerror}", "Name another file.") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as sheet:
        yield sheet
