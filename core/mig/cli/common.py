"""What every command that opens a migration shares: options, configuration, errors, logs."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import date
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click
import msgspec
import structlog
from msgspec import Struct

from mig.errors import MigError, Refused
from mig.plugins import Registry, load_files
from mig.settings import Config, load_config, refuse_secrets

F = TypeVar("F", bound=Callable[..., Any])
_ADDRESS = re.compile(
    r"[^\s\"'<>(),;:]+@[^\s\"'<>(),;:]+\.\w+"
    r"|[^\s\"'<>(),;:/=&?]+%40[^\s\"'<>(),;:/=&?]+"  # as it stands in a path
)
_SECRET = ("authorization", "key", "api_key", "token", "password", "secret", "cookie")
_PERSONAL = ("body", "text", "html", "preview", "content", "subject", "email", "phone")
_PRIVATE = frozenset((*_SECRET, *_PERSONAL))


class Common(Struct, frozen=True):
    """The options of one call, read."""

    config: Config
    registry: Registry
    sets: tuple[str, ...]
    as_json: bool
    quiet: bool


def common_options(command: F) -> F:
    """Add the options every command that opens a migration has."""
    options = (
        click.option("--config", type=click.Path(path_type=Path), help="mig.toml; without it the one in this folder."),
        click.option("--state", metavar="URL", help="The journal; without it MIG_STATE, or sqlite:///mig.db."),
        click.option("--source", metavar="S", help="Platform to read from."),
        click.option("--target", metavar="T", help="Platform to write to."),
        click.option("--set", "sets", multiple=True, metavar="source.X=V", help="A setting of a platform; repeatable."),
        click.option("--plugin", "files", multiple=True, type=click.Path(path_type=Path), help="A plugin's file."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout at the end."),
        click.option("--quiet", is_flag=True, help="No progress."),
        click.option("--log-file", type=click.Path(path_type=Path), help="Events as JSON lines."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_common(
    registry: Registry,
    *,
    config: Path | None,
    state: str | None,
    source: str | None,
    target: str | None,
    sets: tuple[str, ...],
    files: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    log_file: Path | None,
) -> Common:
    """Read the options into settings, and start the log.

    Raises:
        Usage: Something in them means nothing, or a secret stands on the command line.
    """
    start_log(log_file)
    if files:
        registry = Registry(load_files(files))
    loaded = load_config(config, source=source, target=target, state=state, sets=sets)
    for side, name, known in (
        ("source", loaded.source, registry.sources),
        ("target", loaded.target, registry.targets),
    ):
        if name in known:
            refuse_secrets(known[name].settings, side, sets)
    return Common(loaded, registry, sets, as_json, quiet)


def say_error(error: MigError) -> None:
    """What happened, then the way out, on stderr."""
    click.echo(f"mig: {error.message}", err=True)
    for line in error.hint.splitlines():
        click.echo(f"  {line}", err=True)


def start_log(log_file: Path | None) -> None:
    """Events go to the file as JSON; without one, only warnings are shown, on stderr."""
    stream: TextIO = sys.stderr
    level = logging.WARNING
    last: Any = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=_no_values)
    if log_file is not None:
        if log_file.is_symlink() and log_file.lstat().st_uid not in (0, os.getuid()):
            raise Refused(f"the log file {log_file} is a link somebody else made", "Remove it, or name another.")
        try:
            handle = os.open(log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        except OSError as error:
            raise Refused(f"the log file {log_file} cannot be written: {error.strerror}", "Name another.") from error
        stream = os.fdopen(handle, "a", encoding="utf-8", errors="replace")
        level = logging.INFO
        last = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """No secret, body or address leaves through a log, whoever wrote the event."""
    return _safe_mapping(event)


def _safe_mapping(event: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        _ADDRESS.sub("[address]", str(key)): "[redacted]" if str(key).lower() in _PRIVATE else _safe(value)
        for key, value in event.items()
    }


def _safe(value: Any) -> Any:
    """Plain values without addresses; of anything else only what it is: its repr may hold a body."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | Path | date):
        return _ADDRESS.sub("[address]", str(value))
    if isinstance(value, Mapping):
        return _safe_mapping(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in value]
    return f"<{type(value).__name__}>"


def _no_values(stream: TextIO, info: Any) -> None:
    stream.write(f"{info[0].__name__}")


def with_pair(common: Common, *, journal: bool = True) -> Common:
    """The same with both platforms named: by flags or mig.toml, else as the only migration in the journal has them.

    Args:
        common: As they were read.
        journal: Whether the journal may be asked.

    Raises:
        Usage: One is not named, and the journal does not tell; or a secret stands on the command line.
    """
    from mig.audit import named_pair

    config = named_pair(common.config, journal=journal)
    refuse_secrets(common.registry.source(config.source).settings, "source", common.sets)
    refuse_secrets(common.registry.target(config.target).settings, "target", common.sets)
    return msgspec.structs.replace(common, config=config)
