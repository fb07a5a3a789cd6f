"""`mig failures`: what is quarantined, why, and the way out; with `--retry` it is tried again."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import Struct, field

from mig.cli.common import Common, common_options, read_common, redact
from mig.cli.run import Asked, answer_with, run_once
from mig.cli.show import ended_object, say_object
from mig.errors import MigError, Refused, Usage
from mig.model import digest
from mig.platforms import Access, Source, Target
from mig.plugins import Registry
from mig.settings import refuse_secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mig.engine.run import Run
    from mig.journal.counts import MigrationRow
    from mig.journal.failures import Failure, Spool

_TITLE = "what had failed"
_EXAMPLES = 3
_LISTED = 20
_SENTENCE = re.compile(r'((?:"[^"]*"|[^"])*?)\. +(?=[A-Z`\[])')
"""What is wrong, up to the hint's first sentence; a full stop between quotes belongs to somebody's value."""
_NO_HINT = "`mig failures --retry` tries it again; a newer release may know it."


class Group(Struct):
    """Records of one kind that failed for one reason."""

    reason_id: str
    """Short, and the same for the same kind and reason in every journal: `--retry` takes it."""
    kind: str
    reason: str
    hint: str
    count: int = 0
    examples: list[dict[str, str | None]] = field(default_factory=list)


@click.command()
@common_options
@click.option(
    "--retry",
    is_flag=False,
    flag_value="",
    metavar="[REASON]",
    help="Try again what failed, or what failed for one reason: its id, or words of it.",
)
@click.option("--wait", is_flag=True, help="With --retry: where a quota is used up, wait and go on.")
@click.option("--all", "everything", is_flag=True, help="List every record, not only a few of each reason.")
@click.pass_obj
def failures(registry: Registry, /, retry: str | None, wait: bool, everything: bool, **options: Any) -> None:
    """What is quarantined, why, and the way out. Asks no platform unless it is to try again."""
    if retry is not None:
        if everything:
            raise Usage("--all lists and --retry moves", "Use one of them.")
        answer_with(registry, options, lambda common: try_again(common, retry, wait=wait))
    if wait:
        raise Usage("--wait stands beside --retry only", "Nothing is asked of a platform without it.")
    from mig.journal.store import Journal

    common = read_common(registry, **options)
    journal = Journal.open(common.config.state, inline=True, create=False)
    try:
        with journal.reading() as connection:
            row = _chosen(connection, common)
            groups = grouped(connection, row.id)
            if common.as_json:
                _say_json(connection, row.id, groups, everything=everything)
            else:
                _say(connection, row, groups, everything=everything)
    finally:
        journal.close()
    sys.exit(1 if groups else 0)


# ---- groups ----------------------------------------------------------------------------------------------------------


def split_reason(text: str) -> tuple[str, str]:
    """A kept reason as what is wrong and the way out, which may be empty."""
    found = _SENTENCE.match(text)
    if found is not None:
        return found[1], text[found.end() :].strip()
    return text.strip().removesuffix("."), ""


def clean(text: str) -> str:
    """A text as it may be shown: no e-mail address, nothing a terminal obeys, no half characters."""
    safe = str(redact(None, "", {"shown": text})["shown"])
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in safe)


def group_of(failure: Failure) -> Group:
    """The group a record belongs to, still empty."""
    from mig.journal.counts import without_ids

    reason, hint = (without_ids(clean(part)) for part in split_reason(failure.reason))
    kind = str(failure.ref.kind)
    return Group(digest(kind, reason)[:6], clean(kind), reason, hint or _NO_HINT)


def grouped(connection: Connection, mig: int) -> list[Group]:
    """Every group of a migration, the largest first, each with a few examples."""
    from mig.journal.failures import failed

    found: dict[str, Group] = {}
    for failure in failed(connection, mig):
        one = group_of(failure)
        group = found.setdefault(one.reason_id, one)
        group.count += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(_example(connection, mig, failure))
    return sorted(found.values(), key=lambda group: (-group.count, group.kind, group.reason))


def _example(connection: Connection, mig: int, failure: Failure) -> dict[str, str | None]:
    from mig.journal.failures import place

    return {"id": clean(failure.ref.id), "target_id": clean(place(connection, mig, failure.unit)) or None}


def _chosen(connection: Connection, common: Common) -> MigrationRow:
    from mig.journal import counts

    row: MigrationRow = counts.choose(counts.migrations(connection), common.config.source, common.config.target)
    return row


def _say_json(connection: Connection, mig: int, groups: Sequence[Group], *, everything: bool) -> None:
    """One object; its list of all records is written as it is read."""
    from mig.journal.failures import failed

    head = {"schema": 1, "failures_total": sum(group.count for group in groups), "groups": groups}
    if not everything:
        say_object(head)
        return
    click.echo(msgspec.json.encode(head).decode().removesuffix("}") + ',"failures":[', nl=False)
    for number, failure in enumerate(failed(connection, mig)):
        group = group_of(failure)
        entry = {"kind": group.kind, **_example(connection, mig, failure), "reason_id": group.reason_id}
        click.echo(("," if number else "") + msgspec.json.encode(entry).decode(), nl=False)
    click.echo("]}")


def _say(connection: Connection, row: MigrationRow, groups: Sequence[Group], *, everything: bool) -> None:
    from mig.journal.failures import failed

    click.echo(f"{row.source}:{row.organisation} -> {row.target}:{row.workspace}")
    if not groups:
        click.echo("  nothing is quarantined")
        return
    total = sum(group.count for group in groups)
    click.echo(f"  {total:,} quarantined, for {len(groups)} reason{'s' if len(groups) > 1 else ''}\n")
    for group in groups:
        click.echo(f"  {group.reason_id}  {group.count:>7,} {group.kind}: {group.reason}")
        click.echo(f"          {group.hint}")
        if not everything:
            click.echo(f"          such as {', '.join(map(_named, group.examples))}")
    if everything:
        click.echo("")
        for failure in failed(connection, row.id):
            one = group_of(failure)
            click.echo(f"  {one.reason_id}  {one.kind} {_named(_example(connection, row.id, failure))}")
    click.echo("\n  `mig failures --retry [REASON]` reads them anew and tries again: all, or those of one reason.")


def _named(example: Mapping[str, str | None]) -> str:
    at = example["target_id"]
    return f"{example['id']} (in {at})" if at else str(example["id"])


# ---- trying again ----------------------------------------------------------------------------------------------------


def try_again(common: Common, reason: str, *, wait: bool) -> int:
    """A run that reads what failed anew, and nothing else, and delivers it.

    Args:
        common: The options every command has.
        reason: A group's id, or words of its kind, reason or way out; empty: all of them.
        wait: Where a quota pauses it, wait and go on.

    Returns:
        The exit code, as of `mig run`.

    Raises:
        Usage: No group is meant.
        Refused, Paused: As of `mig run`.
    """
    from mig.journal.failures import Spool, failed
    from mig.journal.store import Journal

    with Spool() as spool:
        journal = Journal.open(common.config.state, inline=True, create=False)
        try:
            with journal.reading() as connection:
                row = _chosen(connection, common)
                wanted = meant(grouped(connection, row.id), reason)
                for failure in failed(connection, row.id):
                    if group_of(failure).reason_id in wanted:
                        spool.add(failure)
        finally:
            journal.close()
        retry = Retry(row, spool)
        if not spool.count:
            _nothing(common, retry)
            return 0
        config = msgspec.structs.replace(common.config, source=row.source, target=row.target)
        for side, spec in (
            ("source", common.registry.source(row.source)),
            ("target", common.registry.target(row.target)),
        ):
            refuse_secrets(spec.settings, side, common.sets)  # the options alone did not say whose they are
        return run_once(msgspec.structs.replace(common, config=config), Asked(title=_TITLE, wait=wait, special=retry))


def _nothing(common: Common, retry: Retry) -> None:
    if common.as_json:
        ended = ended_object("completed", MigError(""))
        del ended["error"]
        say_object({**ended, **retry.counted(Counter())})
    else:
        click.echo("nothing is quarantined")


def meant(groups: Sequence[Group], reason: str) -> set[str]:
    """The ids of the groups a person means.

    Raises:
        Usage: There is none; the known ones are listed.
    """
    words = reason.lower().split()
    exact = {group.reason_id for group in groups if group.reason_id == reason.strip().lower()}
    found = exact or {
        group.reason_id
        for group in groups
        if all(word in f"{group.kind} {group.reason} {group.hint}".lower() for word in words)
    }
    if found or not words:
        return found
    known = "\n".join(f"  {group.reason_id}  {group.kind}: {group.reason}" for group in groups[:_LISTED])
    more = f"\n  and {len(groups) - _LISTED} more: `mig failures`" if len(groups) > _LISTED else ""
    raise Usage(f"nothing failed for {clean(reason)!r}", f"Known:\n{known}{more}" if groups else "Nothing failed.")


class Retry:
    """What makes a run a retry.

    Args:
        row: The migration.
        spool: What failed in it.
    """

    def __init__(self, row: MigrationRow, spool: Spool) -> None:
        self._row = row
        self._spool = spool
        self._found: Counter[str] = Counter()

    def prepare(self, work: Run) -> None:
        """Read what failed instead of what changed, and refuse settings that lead to another migration."""
        from mig.journal.failures import FailedSource, homes

        row, spool, journal = self._row, self._spool, work.journal
        source_opens, target_opens = work.source_spec.open, work.target_spec.open

        @asynccontextmanager
        async def open_source(settings: Any, access: Access) -> AsyncIterator[Source]:
            async with source_opens(settings, access) as source:
                if await source.identity() != row.organisation:
                    raise _elsewhere("source", "organisation", row.organisation)
                yield FailedSource(source, journal, row.id, spool)

        @asynccontextmanager
        async def open_target(settings: Any, access: Access) -> AsyncIterator[Target]:
            async with target_opens(settings, access) as target:
                if await target.identity() != row.workspace:
                    raise _elsewhere("target", "workspace", row.workspace)
                yield target

        work.only = lambda connection, mig: (key for page in spool.pages() for key in homes(connection, mig, page))
        work.source_spec = msgspec.structs.replace(work.source_spec, open=open_source)
        work.target_spec = msgspec.structs.replace(work.target_spec, open=open_target)

    def outcome(self, work: Run) -> Mapping[str, Any]:
        """What has become of them."""
        from mig.journal.failures import states

        self._found = Counter()
        with work.journal.reading() as connection:
            for page in self._spool.pages():
                self._found += states(connection, self._row.id, page)
        return self.counted(self._found)

    def counted(self, found: Counter[str]) -> dict[str, Any]:
        """The same as the JSON object has it."""
        return {"retried": {"records": self._spool.count, **{n: found[n] for n in ("mended", "failed", "pending")}}}

    def words(self) -> str:
        """The same as a person reads it."""
        found = self._found
        left = f", {found['pending']:,} wait" if found["pending"] else ""
        return (
            f"{self._spool.count:,} quarantined tried again: {found['mended']:,} mended, "
            f"{found['failed']:,} still quarantined{left}"
        )

    def exit_code(self) -> int:
        """1: some of them are still quarantined."""
        return 1 if self._found["failed"] else 0


def _elsewhere(side: str, what: str, name: str) -> Refused:
    return Refused(f"the {side}'s settings lead to another {what} than this migration's", f"It is {name}.")
