"""`mig verify` and `mig explain`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import msgspec

from mig.commands import Common, answer_with, common_options, read_common, say_object, stoppable, with_pair


@click.command()
@common_options
@click.option(
    "--level",
    type=click.Choice(["counts", "samples", "full"]),
    default="samples",
    show_default=True,
    help="Every record counted; all threads compared and profiles and files sampled; or everything.",
)
@click.option("--confidence", type=click.FloatRange(0.5, 0.999999), default=0.95, show_default=True)
@click.option(
    "--defect-rate",
    type=click.FloatRange(0, 0.5),
    default=0.01,
    show_default=True,
    help="What a sample must be able to rule out.",
)
@click.option("--seed", type=click.IntRange(0), default=None, help="Draws the same sample again.")
@click.option("--report", type=click.Path(path_type=Path), help="A page for people: audit.html.")
@click.option("--out", type=click.Path(path_type=Path), help="Every discrepancy, as JSON lines.")
@click.option("--show-bodies", is_flag=True, help="Show values themselves: the report holds personal data then.")
@click.option("--junit", type=click.Path(path_type=Path), help="For pipelines.")
@click.option("--plan-repair", type=click.Path(path_type=Path), help="What `mig run --repair` would do about it.")
@click.option("--no-journal", is_flag=True, help="Do without the journal: by the marks on the target alone.")
@click.option("--work", type=click.Path(path_type=Path), help="Where it keeps what it has read while it lasts.")
@click.pass_obj
def verify(registry: Any, /, **options: Any) -> None:
    """Prove what arrived: read both sides anew and compare; nothing is written to either."""
    own = {name: options.pop(name) for name in _OWN}
    answer_with(registry, options, lambda common: run_verify(common, **own))


_OWN = (
    *("level", "confidence", "defect_rate", "seed", "report", "out", "show_bodies", "junit", "no_journal", "work"),
    "plan_repair",
)


def run_verify(
    common: Common,
    *,
    level: str,
    confidence: float,
    defect_rate: float,
    seed: int | None,
    report: Path | None,
    out: Path | None,
    show_bodies: bool,
    junit: Path | None,
    no_journal: bool,
    work: Path | None,
    plan_repair: Path | None,
) -> int:
    """Audit, show and write down what was found.

    Returns:
        The exit code: 0 pass, 1 discrepancies, 5 nothing wrong found but not all could be checked.
    """
    from mig_verify import report as reports
    from mig_verify.result import EXIT, as_object, lines
    from mig_verify.work import Asked

    common = with_pair(common, journal=not no_journal)
    asked = Asked(level=level, confidence=confidence, defect_rate=defect_rate, seed=seed, work=work)
    result = asyncio.run(_audited(common, asked, journal=not no_journal))
    if out is not None:
        reports.write_lines(out, result, bodies=show_bodies)
    if junit is not None:
        reports.write_junit(junit, result)
    if plan_repair is not None:
        reports.write_repair(plan_repair, result)
    if report is not None:
        reports.write_page(report, result, bodies=show_bodies)
    if common.as_json:
        say_object(as_object(result, bodies=show_bodies))
    else:
        for line in lines(result):
            click.echo(line)
        repair = "what `mig run --repair` would do, and what is left to do by hand"
        written = ((report, "the report"), (out, "every discrepancy"), (junit, "for pipelines"), (plan_repair, repair))
        for path, what in written:
            if path is not None:
                click.echo(f"  {path}: {what}")
    return EXIT[result.verdict]


async def _audited(common: Common, asked: Any, *, journal: bool) -> Any:
    from mig.audit import open_audit
    from mig_verify.work import look_of, verify

    progress = Progress(quiet=common.quiet or common.as_json or not sys.stderr.isatty())
    try:
        with stoppable():
            async with open_audit(common.config, common.registry, journal=journal) as audit:
                result = await verify(audit, asked, progress.told)
                if audit.ledger is not None:
                    await audit.ledger.add_look(look_of(result, audit.clock.now().isoformat(timespec="milliseconds")))
                return result
    finally:
        progress.end()


class Progress:
    """What was read so far, on one line of stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._shown = False

    def told(self, what: str, count: int) -> None:
        """So many more of something were read."""
        self._counts[what] += count
        if not self._quiet:
            self._shown = True
            text = "  ".join(f"{name} {number:,}" for name, number in self._counts.items())
            click.echo(f"\r\x1b[K{text[:150]}", err=True, nl=False)

    def end(self) -> None:
        """Leave the line clean."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)


@click.command()
@common_options
@click.argument("ident", metavar="ID")
@click.pass_obj
def explain(registry: Any, /, ident: str, **options: Any) -> None:
    """Tell one record's story, by its old or its new id: decision, requests, receipts, losses. Asks no platform."""
    from mig_verify.story import stories, tell

    common = read_common(registry, **options)
    found = stories(common, ident)
    if common.as_json:
        say_object({"schema": 1, "id": ident, "records": [msgspec.to_builtins(story) for story in found]})
        return
    for story in found:
        for line in tell(story):
            click.echo(line)
