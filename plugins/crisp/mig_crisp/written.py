"""What we wrote last, by digest: it tells somebody's later edit from ours, so that a revision leaves theirs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mig import digest


def digests(fields: Mapping[str, Any]) -> dict[str, str]:
    """A digest per field; of `data` and `person` per key, of `segments` per segment."""
    return {name: digest(value) for name, value in _flat(fields).items()}


def as_standing(
    wanted: Mapping[str, Any], now: Mapping[str, Any], is_theirs: Callable[[str], bool] = lambda name: False
) -> dict[str, str]:
    """What we wrote last, where nobody knows it any more: what stands there, or what is wanted where that is others'.

    Args:
        wanted: What we want there.
        now: What stands there.
        is_theirs: Whether a difference in this field (`subject`, `data.KEY`, `segments.NAME`) is somebody's edit, to be
            left alone. Else it is an older state of ours, which a revision brings up to date.
    """
    there = _flat(now)
    found: dict[str, str] = {}
    for name, value in _flat(wanted).items():
        if is_theirs(name):
            found[name] = digest(value)
        elif there.get(name) not in (None, "", [], {}) or (name.startswith("data.") and name in there):
            found[name] = digest(there[name])
    return found


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ("data", "person") and isinstance(value, Mapping):
            found |= {f"{name}.{key}": item for key, item in value.items()}
        elif name == "segments" and isinstance(value, list):
            found |= {f"segments.{item}": item for item in value}
        else:
            found[name] = value
    return found


def merged_person(
    wanted: Mapping[str, Any], now: Mapping[str, Any], ours: Mapping[str, str], *, adopted: bool
) -> dict[str, Any]:
    """The person block to write: what others wrote stays; what we wrote and no longer want is cleared.

    Of an adopted profile only what is empty there is filled in.
    """
    merged = {key: value for key, value in now.items() if value is not None}
    for key, value in wanted.items():
        written = ours.get(f"person.{key}")
        edited = written is not None and merged.get(key) and digest(merged[key]) != written
        theirs = written is None and merged.get(key) and adopted
        if not edited and not theirs:
            merged[key] = value
    for key in [key for key in merged if key not in wanted and ours.get(f"person.{key}") == digest(merged[key])]:
        merged[key] = "" if isinstance(merged[key], str) else []
    return merged


def merged_fields(wanted: Mapping[str, Any], now: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """The fields to write: those that changed since we wrote them, where nobody else has changed them since."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        if name in ("data", "segments"):
            continue
        untouched = name not in ours or now.get(name) is None or digest(now.get(name)) == ours[name]
        if digest(value) != ours.get(name) and untouched and now.get(name) != value:
            changes[name] = value
    return changes


def merged_data(wanted: Mapping[str, Any], now: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """The whole map to write: theirs, without what we wrote and no longer want, under what we want now."""
    kept = {
        key: value
        for key, value in now.items()
        if key in wanted or f"data.{key}" not in ours or digest(value) != ours[f"data.{key}"]
    }
    for key, value in wanted.items():
        # Somebody changed it, or took it away: both are left as they are.
        edited = f"data.{key}" in ours and (key not in now or digest(now[key]) != ours[f"data.{key}"])
        if not edited:
            kept[key] = value
    return kept


def merged_segments(wanted: list[str], now: list[str], ours: Mapping[str, str]) -> list[str]:
    """The whole list to write: theirs, without ours that are no longer wanted, and ours."""
    theirs = [name for name in now if f"segments.{name}" not in ours]
    removed = {key.removeprefix("segments.") for key in ours if key.startswith("segments.")} - set(now)
    return list(dict.fromkeys([*theirs, *(name for name in wanted if name not in removed)]))
