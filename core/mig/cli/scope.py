"""The filters of `mig run` and `mig plan`: what a run is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from mig.errors import Usage
from mig.model import TYPES, Kind
from mig.platforms import Scope, SourceSpec

F = TypeVar("F", bound=Callable[..., Any])
_LISTS = ("agent", "customer", "channel", "tag")
SCOPE = ("only", "since", "until", *_LISTS, "limit")
"""The names of the options."""


def scope_options(command: F) -> F:
    """Add the filters."""
    options = (
        click.option("--only", multiple=True, metavar="KIND,..", help="Only these kinds, and what they refer to."),
        click.option("--since", metavar="D", help="Conversations created on this day (2024-01-31, UTC) or later."),
        click.option("--until", metavar="D", help="Conversations created before this day."),
        click.option(
            "--agent",
            multiple=True,
            metavar="WHO,..",
            help="Conversations assigned to them, or in which they wrote. WHO: an id, an e-mail address, or @FILE.",
        ),
        click.option("--customer", multiple=True, metavar="WHO,..", help="Conversations with them. WHO as above."),
        click.option(
            "--channel",
            multiple=True,
            metavar="C,..",
            help="Conversations on these channels, by the platform's names, or chat, email, social, sms, voice.",
        ),
        click.option("--tag", multiple=True, metavar="T,..", help="Conversations with one of these tags."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The N conversations changed last."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_scope(spec: SourceSpec, options: Mapping[str, Any]) -> Scope:
    """Read the filters of a command.

    Args:
        spec: Knows the kinds.
        options: As click gives them.

    Raises:
        Usage: One of them means nothing.
    """
    kinds = _split(options["only"])
    known = {str(kind) for kind in {**TYPES, **spec.kinds}}
    for kind in kinds:
        if kind not in known:
            raise Usage(f"--only {kind}: there is no such kind", f"Known: {', '.join(sorted(known))}.")
    filters = {name: _split(options[name]) for name in _LISTS}
    since, until = _day("--since", options["since"]), _day("--until", options["until"])
    if since is not None and until is not None and since >= until:
        raise Usage("--since is not before --until", "--until names the first day that is left out.")
    limit = options["limit"]
    found = {name: tuple(values) for name, values in filters.items() if values}
    if limit is not None:
        found["limit"] = (str(limit),)
    return Scope(frozenset(map(Kind, kinds)), since, until, found)


def _split(texts: Sequence[str]) -> list[str]:
    values: list[str] = []
    for text in texts:
        for part in text.split(","):
            part = part.strip()
            values += _lines(part[1:]) if part.startswith("@") else [part] if part else []
    return list(dict.fromkeys(values))


def _lines(path: str) -> list[str]:
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"the file @{path} cannot be read ({type(error).__name__})", "One id or address a line.") from error
    found = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not found:
        raise Usage(f"the file @{path} names nobody", "One id or address a line.")
    return found


def _day(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Usage(f"{option} {text}: no date", "Examples: 2024-01-31, 2024-01-31T09:00:00+01:00.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
