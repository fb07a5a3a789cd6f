"""`mig archive`: everything the journal holds, in a folder that can be read, checked and searched without mig."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mig import __version__
from mig.cli.common import Common, common_options
from mig.cli.run import answer_with
from mig.cli.show import say_object
from mig.cli.stopping import stoppable
from mig.clock import SystemClock
from mig.errors import Refused, Usage
from mig.model import TYPES
from mig.platforms import Access, HasFiles
from mig.plugins import Registry
from mig.settings import platform_settings, refuse_secrets

if TYPE_CHECKING:
    from mig.archive.write import Written
    from mig.budgets import Budgets
    from mig.journal.counts import MigrationRow
    from mig.journal.store import Journal

_EVERY = 1_000
"""Records between two looks at the terminal."""


@click.command()
@common_options
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where; made private.")
@click.option(
    "--files",
    "which",
    type=click.Choice(["all", "archived", "none"]),
    default="all",
    show_default=True,
    help="Whose bytes are fetched from the source: of every file, of those the target does not have, or of none.",
)
@click.option("--full", is_flag=True, help="Fetch files anew, also those that are there already.")
@click.pass_obj
def archive(registry: Registry, /, out: Path, which: str, full: bool, **options: Any) -> None:
    """Write everything the journal holds into a folder, with a page to search it that needs no network."""

    def work(common: Common) -> int:
        written, code = archive_once(common, out, which=which, full=full)
        if common.as_json:
            say_object({"schema": 1, **archive_object(written, out)})
        else:
            show_archive(written, out)
        return code

    answer_with(registry, options, work)


def archive_once(common: Common, out: Path, *, which: str = "all", full: bool = False) -> tuple[Written, int]:
    """Write an archive, or bring it up to date.

    Returns:
        What it holds, and the exit code: 0, 1 (a file could not be had), 4 (a quota was used up before all were).

    Raises:
        Usage: The folder holds something else, or the journal no such migration.
        Refused: A run holds the journal, the folder cannot be written, or the source cannot be opened.
    """
    written = asyncio.run(_written(common, out, which=which, full=full))
    return written, 4 if written.paused is not None else 1 if written.files.missing else 0


async def _written(common: Common, out: Path, *, which: str, full: bool) -> Written:
    from mig.archive.places import addresses
    from mig.archive.write import Order, write_archive
    from mig.budgets import Budgets
    from mig.journal import counts, delivery
    from mig.journal.store import Journal

    config = common.config
    journal = Journal.open(config.state, create=False)
    try:
        journal.acquire()
        with journal.reading() as connection:
            row = counts.choose(counts.migrations(connection), config.source, config.target)
        spec = common.registry.sources.get(row.source)
        clock = SystemClock()
        budgets = Budgets(clock, config.shares, await journal.read(delivery.load_budgets))
        async with AsyncExitStack() as stack:
            stack.enter_context(stoppable())
            source = _Source(common, row, budgets, stack)
            try:
                return await write_archive(
                    Order(
                        journal=journal,
                        migration=row,
                        path=out,
                        types={**TYPES, **(spec.kinds if spec is not None else {})},
                        source=spec,
                        target=common.registry.targets.get(row.target),
                        address=addresses(common.registry, config, row.target),
                        opens=source.files,
                        clock=clock,
                        engine=config.engine,
                        which=which,
                        full=full,
                        version=__version__,
                        told=_Progress(quiet=common.quiet or common.as_json).told,
                    )
                )
            finally:
                await _save(journal, budgets)
    finally:
        journal.close()


async def _save(journal: Journal, budgets: Budgets) -> None:
    """Keep what was spent of a day's purse."""
    from mig.journal import delivery

    used = budgets.unsaved()
    await journal.write(lambda connection: delivery.save_budgets(connection, used))


class _Source:
    """The source, opened when the first file is asked of it."""

    def __init__(self, common: Common, row: MigrationRow, budgets: Budgets, stack: AsyncExitStack) -> None:
        self._common = common
        self._row = row
        self._budgets = budgets
        self._stack = stack
        self._lock = asyncio.Lock()
        self._opened = False
        self._source: HasFiles | None = None

    async def files(self) -> HasFiles | None:
        """Who gives bytes; None: nobody does."""
        async with self._lock:
            if not self._opened:
                self._source = await self._open()
                self._opened = True
            return self._source

    async def _open(self) -> HasFiles | None:
        from mig.journal.counts import CANARY

        config, row = self._common.config, self._row
        spec = self._common.registry.source(row.source)
        refuse_secrets(spec.settings, "source", self._common.sets)
        try:
            settings: Any = platform_settings(
                spec.settings, spec.name, config.source_settings, os.environ, config.source_flags
            )
        except Usage as error:
            raise Usage(
                error.message, f"{error.hint}\nWithout the bytes of files no source is needed: --files none."
            ) from error
        source = await self._stack.enter_async_context(
            spec.open(settings, Access(clock=SystemClock(), budgets=self._budgets))
        )
        # A canary's organisation has a mark behind the source's own name of it.
        if await source.identity() != row.organisation.partition(CANARY)[0]:
            raise Refused(
                "the source's settings lead to another organisation than this migration's", f"It is {row.organisation}."
            )
        return source if isinstance(source, HasFiles) else None


class _Progress:
    """How far it is, on one line of stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()
        self._counts: Counter[str] = Counter()

    def told(self, what: str, count: int) -> None:
        """So many more of something are written."""
        self._counts[what] += count
        total = sum(self._counts.values())
        if not self._quiet and total % _EVERY == 0:
            click.echo(f"\r\x1b[K{total:,} records", err=True, nl=False)


def archive_object(written: Written, out: Path) -> dict[str, Any]:
    """An archive as the JSON contract has it."""
    return {
        "out": str(out),
        "records": dict(written.records),
        "raw_without_record": written.alone,
        "files": msgspec.to_builtins(written.files),
        "contacts_for_import": written.people,
        "bytes": written.size,
        "changed": written.changed,
        "removed": written.removed,
    }


def show_archive(written: Written, out: Path) -> None:
    """An archive in words."""
    files = written.files
    click.echo(f"\n{out}: {sum(written.records.values()):,} records, {written.size / 1e6:,.1f} MB")
    for kind, count in written.records.items():
        click.echo(f"  {kind:16}{count:>11,}")
    if written.alone:
        click.echo(f"  {written.alone:,} rows of the source became no record: raw/")
    click.echo(
        f"  files: {files.fetched:,} fetched, {files.kept:,} there already, {files.missing:,} missing"
        + (f", {files.unasked:,} not asked for" if files.unasked else "")
    )
    if files.missing:
        click.echo("  missing-files.csv tells why; the same command tries them again")
    if written.paused is not None:
        click.echo(f"  {written.paused.message}: the same command goes on. {written.paused.hint}".rstrip())
    if written.removed:
        click.echo(f"  {written.removed:,} files of an earlier archive are not in it any more")
    if not written.changed:
        click.echo("  nothing has changed since it was written")
    click.echo("  It holds personal data: names, addresses, whole conversations. The folder is readable by you alone.")
    click.echo(f"  Search it: open {out / 'index.html'}   Check it: cd {out} && sha256sum -c --quiet SHA256SUMS")
