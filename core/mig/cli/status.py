"""`mig status`: where a migration stands, from the journal alone."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from mig.cli.common import common_options, read_common
from mig.cli.show import COLUMNS, progress_lines, say_object
from mig.plugins import Registry


@click.command()
@common_options
@click.pass_obj
def status(registry: Registry, /, **options: Any) -> None:
    """Where it stands: counts, the last run, what is in doubt, possible leftovers. Asks no platform."""
    from mig.journal import counts, losses
    from mig.journal.store import Journal

    common = read_common(registry, **options)
    journal = Journal.open(common.config.state, inline=True, create=False)
    try:
        with journal.reading() as connection:
            row = counts.choose(counts.migrations(connection), common.config.source, common.config.target)
            last = counts.last_run(connection, row.id)
            kinds = counts.kinds(connection, row.id, last.id if last else 0)
            ledger = losses.kept_ledger(connection, row.id)
            found = {
                "schema": 1,
                "source": f"{row.source}:{row.organisation}",
                "target": f"{row.target}:{row.workspace}",
                "last_run": {
                    "run_id": last.id,
                    "started_at": last.started_at,
                    "ended_at": last.ended_at,
                    "status": last.status or "running",
                    "what": _what(last),
                    "progress": _progress(last),
                }
                if last
                else None,
                "kinds": {name: msgspec.to_builtins(count) for name, count in kinds.items()},
                # As of the last run that told it; None: something has gone on since, `mig report` counts anew.
                "fields": {"run_id": ledger.run, "outcomes": ledger.outcomes} if ledger is not None else None,
                "waiting_units": sum(counts.dirty_units(connection, row.id).values()),
                "in_doubt": counts.doubtful(connection, row.id),
                "possible_orphans": [{"unit": u, "count": n} for u, n in counts.orphans(connection, row.id)],
                "failures": [
                    {"kind": kind, "id": name, "reason": why} for kind, name, why in counts.failures(connection, row.id)
                ],
            }
    finally:
        journal.close()
    if common.as_json:
        say_object(found)
    else:
        _show(found)


def _what(last: Any) -> str:
    """What it did: all, a selection, only a plan, a journal rebuilt; empty: it has not ended."""
    told = msgspec.json.decode(last.report) if last.ended_at is not None and last.report else {}
    if not told:
        return ""
    return (
        "plan" if told.get("plan") else "adopted" if told.get("adopted") else "narrow" if told.get("narrow") else "all"
    )


def _progress(last: Any) -> Any:
    """How far a run under way is, as it told the journal last."""
    if last.ended_at is not None or not last.report:
        return None
    return msgspec.json.decode(last.report)


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['source']} -> {found['target']}")
    last = found["last_run"]
    if last:
        did = {"plan": ", a plan: nothing was written", "adopted": ", a journal rebuilt", "narrow": ", a selection"}
        click.echo(
            f"  last run {last['run_id']}: {last['status']}{did.get(last['what'], '')}, started {last['started_at']}"
        )
    for line in progress_lines(last["progress"]) if last and last["progress"] else ():
        click.echo(f"  {line}")
    shown = [c for c in COLUMNS if c == "in_scope" or any(kind[c] for kind in found["kinds"].values())]
    click.echo(f"\n  {'':14}" + "".join(f"{name.replace('_', ' '):>11}" for name in shown))
    for name, count in found["kinds"].items():
        click.echo(f"  {name:14}" + "".join(f"{count[column] or '-':>11}" for column in shown))
    click.echo(f"\n  {found['waiting_units']} units wait to be delivered, {found['in_doubt']} requests are in doubt")
    if found["fields"]:
        told = ", ".join(f"{count:,} {word}" for word, count in found["fields"]["outcomes"].items())
        click.echo(f"  fields of records: {told} (`mig report`)")
    if found["possible_orphans"]:
        click.echo("  births without a clear answer, which may have left something empty and invisible behind:")
        for item in found["possible_orphans"]:
            click.echo(f"    {item['unit']}: up to {item['count']}")
    for failure in found["failures"]:
        click.echo(f"  quarantined: {failure['kind']} {failure['id']}: {failure['reason']}")
