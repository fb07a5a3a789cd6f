"""`mig report`: what was moved and lost, what it cost, and what is to be done by hand; from the journal alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mig.cli.common import Common, common_options, read_common
from mig.cli.failures import grouped
from mig.cli.losses_view import show_fields
from mig.cli.show import say_object, span
from mig.errors import Usage
from mig.plugins import Registry

if TYPE_CHECKING:
    from mig.journal.counts import MigrationRow
    from mig.journal.store import Journal


@click.command()
@common_options
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.html", help="Write it as one page of HTML.")
@click.option(
    "--rebuild",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Write what is to be rebuilt by hand, as Markdown, and as HTML beside it.",
)
@click.pass_obj
def report(registry: Registry, /, out: Path | None, rebuild: Path | None, **options: Any) -> None:
    """Tell what was moved, what was lost, what it cost, and what is left to do. Asks no platform."""
    from mig.journal import counts
    from mig.journal.store import Journal

    common = read_common(registry, **options)
    if rebuild is not None and rebuild.suffix.lower() != ".md":
        raise Usage("--rebuild names a Markdown file", "Example: mig report --rebuild REBUILD.md")
    journal = Journal.open(common.config.state, inline=True, create=False)
    try:
        with journal.reading() as connection:
            row = counts.choose(counts.migrations(connection), common.config.source, common.config.target)
        _report(common, journal, row, out, rebuild)
    finally:
        journal.close()


def _report(common: Common, journal: Journal, row: MigrationRow, out: Path | None, rebuild: Path | None) -> None:
    from mig.report.gather import gather
    from mig.report.page import page
    from mig.report.rebuild import write_rebuild
    from mig.report.rebuild_files import private

    source, target = common.registry.sources.get(row.source), common.registry.targets.get(row.target)
    with journal.reading() as connection:
        failures = [msgspec.to_builtins(group) for group in grouped(connection, row.id)]
    found = gather(journal, row, source, target, failures)
    if out is not None:
        with private(out) as sheet:
            sheet.write(page(found))
    if rebuild is not None:
        write_rebuild(rebuild.parent, journal, row.id, source, target, name=rebuild.stem)
    if common.as_json:
        say_object(found)
        return
    if out is None and rebuild is None:
        _show(found)
    for path in (out, rebuild, rebuild.with_suffix(".html") if rebuild is not None else None):
        if path is not None:
            click.echo(str(path))
    if rebuild is not None:
        click.echo("  It holds names and e-mail addresses: readable by you alone.")


def _show(found: dict[str, Any]) -> None:
    """A short form of it."""
    from mig.journal.ledger import Ledger
    from mig.report.gather import COLUMNS

    click.echo(f"{found['source']} -> {found['target']}: {found['state']}\n")
    shown = [c for c in COLUMNS if c in ("in_scope", "on_target") or any(k[c] for k in found["kinds"].values())]
    click.echo(f"  {'':18}" + "".join(f"{name.replace('_', ' '):>11}" for name in shown))
    for kind, row in found["kinds"].items():
        click.echo(f"  {kind:18}" + "".join(f"{row[name] or '-':>11}" for name in shown))
    if found["outcomes"]:
        click.echo("\nWhat became of what they hold, by field:")
        keys = {"rows": found["losses"], "total": found["losses_total"], "kept": found["kept"]}
        show_fields(msgspec.convert({**keys, "outcomes": found["outcomes"], "open": found["sums_open"]}, type=Ledger))
    cost = found["cost"]
    requests = ", ".join(f"{count:,} requests to the {side}" for side, count in cost["requests"].items())
    click.echo(f"\n  {found['runs_total']} runs, {span(cost['seconds'])}, {requests or 'no requests'}")
    click.echo(f"  {found['failures_total']} failed (`mig failures`), {found['waiting_units']} units wait")
    left = sum(one["open"] for one in found["by_hand"])
    click.echo(f"  {left} things to rebuild by hand, {len(found['unmatched_agents'])} agents without an operator")
    click.echo("  `mig report --out report.html` writes it whole, `--rebuild REBUILD.md` what to do by hand.")
