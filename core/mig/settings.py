"""mig.toml, environment and flags become typed settings; secrets are never printable."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec
from msgspec import Struct, field

from mig.errors import Usage


class Secret:
    """A string that no repr, log or report shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Settings(Struct, frozen=True, kw_only=True):
    """Base of a platform's settings. A field's text is its docstring in `docs`; defaults are in the class."""


class EngineSettings(Settings, frozen=True, kw_only=True):
    """`[engine]`: how a run goes about it."""

    lanes: int = 32
    """Units delivered at the same time at most; how many make it faster, up to this, a run finds out."""
    window: int = 16
    """Operations of a unit claimed in one transaction."""
    readers: int = 4
    """Partitions extracted at the same time."""
    attempts: int = 6
    """How often an unclear answer may be followed by another question before the run gives the unit up for now."""
    patience_s: float = 60.0
    """How long a platform may be unreachable before the run ends."""
    file_mb: int = 100
    """Megabytes of a file that are read at most; a larger one is archived, and its place names it."""
    file_s: float = 600.0
    """How long a file's bytes may take."""
    canary_s: float = 240.0
    """How long `mig run --canary` waits for mail that should not come."""
    spool: str = ""
    """A folder for the bytes under way; empty: the system's own for temporary files."""


class Config(Struct, frozen=True, kw_only=True):
    """What a command knows of its migration before anything is opened."""

    state: str = "sqlite:///mig.db"
    source: str = ""
    target: str = ""
    source_settings: Mapping[str, Any] = field(default_factory=dict)
    """As the file has them; the environment is stronger."""
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    source_flags: Mapping[str, str] = field(default_factory=dict)
    """As `--set` has them; stronger than both."""
    target_flags: Mapping[str, str] = field(default_factory=dict)
    engine: EngineSettings = EngineSettings()
    shares: Mapping[str, float] = field(default_factory=dict)
    hours: str = ""
    """When a run may work, "20-06"; empty: always."""
    acknowledged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Platform -> what a person confirmed of it. It stands in mig.toml only: no flag and no variable can say it."""
    path: Path | None = None
    """The file it was read from, to be read again while a run lasts."""


S = TypeVar("S", bound=Settings)
_SIDES = ("source", "target")
_KNOWN = "Known: state, hours, [source], [target], [engine], [shares], [acknowledged]."


def load_config(
    path: Path | None,
    *,
    source: str | None = None,
    target: str | None = None,
    state: str | None = None,
    sets: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Read mig.toml (when it is there), then the environment, then flags; the later wins.

    Args:
        path: The file; None reads `mig.toml` in the working directory when there is one.
        source: `--source`.
        target: `--target`.
        state: `--state`.
        sets: `--set source.x=value` and `--set target.y=value`.
        environment: `MIG_STATE`; the platforms' own variables are read by `platform_settings`.

    Raises:
        Usage: The file is missing or unreadable, or a flag means nothing.
    """
    document = _read(path)
    sides: dict[str, dict[str, Any]] = {}
    for side in _SIDES:
        section = document.pop(side, {})
        if not isinstance(section, dict):
            raise Usage(f"mig.toml: [{side}] is not a table", f"Write [{side}] on a line of its own, settings below.")
        sides[side] = dict(section)
    flags: dict[str, dict[str, str]] = {side: {} for side in _SIDES}
    for text in sets:
        _apply(text, flags)
    names = {side: str(sides[side].pop("name", "")) for side in _SIDES}
    engine = _convert(document.pop("engine", {}), EngineSettings, "engine", "")
    shares = _convert_shares(document.pop("shares", {}))
    file_state, hours = str(document.pop("state", "")), str(document.pop("hours", ""))
    acknowledged = _acknowledged(document.pop("acknowledged", {}))
    if document:
        unknown = ", ".join(sorted(document))
        raise Usage(f"mig.toml: {unknown} is unknown", _KNOWN)
    return Config(
        state=state or environment.get("MIG_STATE") or file_state or "sqlite:///mig.db",
        source=source or names["source"],
        target=target or names["target"],
        source_settings=sides["source"],
        target_settings=sides["target"],
        source_flags=flags["source"],
        target_flags=flags["target"],
        engine=engine,
        shares=shares,
        hours=hours,
        acknowledged=acknowledged,
        path=path or (Path("mig.toml") if Path("mig.toml").exists() else None),
    )


def live_settings(path: Path) -> tuple[dict[str, float], str]:
    """What of mig.toml applies to a run under way: shares and hours.

    Raises:
        Usage: It cannot be read.
    """
    document = _read(path)
    return _convert_shares(document.get("shares", {})), str(document.get("hours", ""))


def platform_settings(
    kind: type[S],
    platform: str,
    given: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, str] | None = None,
) -> S:
    """Typed settings of one platform: the file's, under the environment's, under the flags'.

    Args:
        kind: The platform's Struct.
        platform: Its name: the environment's variables are `<PLATFORM>_<SETTING>`.
        given: The file's.
        environment: Where variables are looked up.
        flags: `--set`.

    Raises:
        Usage: A name is unknown, a value is not of its type, or a required one is missing.
    """
    hints = get_type_hints(kind)
    values = dict(given)
    prefix = platform.upper().replace("-", "_") + "_"
    for name in hints:
        text = environment.get(prefix + name.upper())
        if text is not None:
            values[name] = text
    values |= flags or {}
    for name, hint in hints.items():  # a list in the environment or a flag: a,b
        if get_origin(hint) is list and isinstance(values.get(name), str):
            values[name] = [part.strip() for part in values[name].split(",") if part.strip()]
    return _convert(values, kind, platform, prefix)


def is_secret(kind: type[Settings], name: str) -> bool:
    """Whether a setting is a secret: the environment or the file holds it, never a command line."""
    return get_type_hints(kind).get(name) is Secret


def refuse_secrets(kind: type[Settings], side: str, sets: Sequence[str]) -> None:
    """A secret on a command line stands in every process list.

    Raises:
        Usage: One of the `--set` flags names a secret of this platform.
    """
    for text in sets:
        name = text.partition("=")[0]
        if name.startswith(side + ".") and is_secret(kind, name.removeprefix(side + ".")):
            raise Usage(
                f"--set {name}: a secret on the command line can be read by everybody on this machine",
                "Put it into the environment or into mig.toml (mode 0600).",
            )


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        path = Path("mig.toml")
        if not path.exists():
            return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Usage(f"there is no configuration file {path}", "Name another with --config.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{path} cannot be read: {error}", "Correct it; docs/configure.md shows a whole one.") from error


def _apply(text: str, sides: dict[str, dict[str, str]]) -> None:
    name, equals, value = text.partition("=")
    side, dot, key = name.partition(".")
    if not (equals and dot and key) or side not in _SIDES:
        raise Usage(f"--set {name}: not source.NAME=VALUE or target.NAME=VALUE", "Example: --set target.plan=plus")
    sides[side][key] = value


def _acknowledged(table: Any) -> dict[str, frozenset[str]]:
    try:
        return {name: frozenset(words) for name, words in msgspec.convert(table, dict[str, list[str]]).items()}
    except msgspec.ValidationError as error:
        raise Usage(f"mig.toml: [acknowledged]: {error}", 'Example: acme = ["robots-off"]') from error


def _convert_shares(shares: Any) -> dict[str, float]:
    try:
        return msgspec.convert(shares, dict[str, float])
    except msgspec.ValidationError as error:
        raise Usage(f"mig.toml: [shares]: {error}", 'Example: "acme.requests" = 0.5') from error


def _convert(values: Mapping[str, Any], kind: type[S], section: str, prefix: str) -> S:
    known = set(get_type_hints(kind))
    unknown = sorted(set(values) - known)
    if unknown:
        near = get_close_matches(unknown[0], sorted(known), 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise Usage(f"{section}: the setting {unknown[0]} is unknown", f"{hint}Known: {', '.join(sorted(known))}.")
    try:
        return msgspec.convert(dict(values), kind, strict=False, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        missing = str(error).partition("missing required field `")[2].partition("`")[0]
        if missing:
            raise Usage(
                f"{section}: the setting {missing} is missing",
                f"Set {prefix}{missing.upper()} in the environment, or {missing} in mig.toml.",
            ) from error
        # msgspec quotes what it was given, which may be a key in the wrong place.
        what = re.sub(r"'[^']*'", "...", str(error))
        raise Usage(f"{section}: {what}", "docs/settings.md lists every setting with its type.") from None


def _from_text(kind: type, value: Any) -> Any:
    if kind in (Secret, Path) and isinstance(value, str):
        return kind(value)
    raise TypeError(f"{kind.__name__} cannot be read from {type(value).__name__}")
