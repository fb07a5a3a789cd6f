"""What is wrong with a message and shows in none of a record's fields; ids and numbers only, never a word of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mig import ATTACHMENT, CONVERSATION, MESSAGE, NOTE, Oddity, Ref
from mig_crisp.forms import link_in, own, place_in

if TYPE_CHECKING:
    from mig_crisp.read_rows import Group, Row, Scene

_ALIKE = ("from", "type", "origin", "user", "automated", "translated")
"""Fields in which the parts of one message do not differ."""


def flaws_of(group: Group, scene: Scene) -> Iterator[Oddity]:
    """What is wrong with the rows of one record."""
    for number, (_, row) in sorted(group.parts.items()):
        for name, why in _row_flaws(group.ref, number, row, scene):
            yield Oddity(group.ref, name, f"part {number}: {why}")
    for name, why in (*_parts_flaws(group, scene), *_redaction_flaws(group, scene)):
        yield Oddity(group.ref, name, why)


def flaws_beside(file: Group, parent: Group | None, scene: Scene) -> Iterator[Oddity]:
    """How a file differs from the message it belongs to, which has a row of its own."""
    row = file.first
    properties = row.get("properties") or {}
    if "source_parent" not in properties:
        yield Oddity(file.ref, "parent", "it names no message")
    alone = bool(properties.get("source_alone"))
    if not alone and own(properties):
        yield Oddity(file.ref, "properties", "it has some that are not a file's")
    if parent is None or row.get("type") != "file" or parent.ref.kind == NOTE:
        return
    if alone:
        yield Oddity(file.ref, "alone", "its message has words of its own")
    side = (parent.first.get("properties") or {}).get("source_side")
    wanted = {"in": "user", "out": "operator"}.get(str(side), parent.first.get("from"))
    if row.get("from") != wanted:
        yield Oddity(file.ref, "extra.from", "not that of its message")


def _row_flaws(ref: Ref, number: int, row: Row, scene: Scene) -> Iterator[tuple[str, str]]:
    kind, side = row.get("type"), row.get("from")
    is_shown = number > 0 and ref.kind in (MESSAGE, NOTE)
    if not is_shown and kind not in _types(ref, row):
        yield "extra.type", "of a type it cannot be"
    if (kind == "note" and ref.kind != CONVERSATION) or ref.kind == NOTE or number == 0:
        wanted = "user" if ref.kind == CONVERSATION else "operator"
        if side != wanted:
            yield "extra.from", f"a note of {wanted}s comes from another side"
    elif ref.kind == CONVERSATION and side != "user":
        yield "extra.from", "it comes from another side"
    if side not in ("user", "operator"):
        yield "extra.from", "from neither side"
    if kind == "note" and ref.kind in (NOTE, CONVERSATION) and row.get("origin") != "chat":
        yield "extra.origin", "a note of another origin"
    if side == "user" and kind != "note" and not row.get("read"):
        yield "read", "it has no read mark"
    if row.get("mentions"):
        yield "mentions", "somebody is mentioned"
    if row.get("translated"):
        yield "translated", "it says that it was translated"
    if ref.kind == ATTACHMENT:
        yield from _content_flaws(row)
    elif not isinstance(row.get("content"), str):
        yield "content", "it is no text"
    if "stealth" in row and bool(row["stealth"]) != _is_stealthy(row, scene):
        yield "extra.stealth", "it would have been told to the other side, or is hidden"


def _types(ref: Ref, row: Row) -> tuple[str, ...]:
    """What a row may be: where a plan has no notes, messages of the team say what notes would."""
    if ref.kind == ATTACHMENT:
        return ("file",) if isinstance(row.get("content"), Mapping) else ("note", "text")
    return ("note",) if ref.kind == CONVERSATION else ("note", "text")


def _content_flaws(row: Row) -> Iterator[tuple[str, str]]:
    content: Any = row.get("content")
    if not isinstance(content, Mapping):
        if link_in(str(content)) is None and place_in(str(content)) is None:
            yield "content", "neither a file, nor a link, nor why there is none"
        return
    if not all(isinstance(content.get(key), str) and content[key] for key in ("name", "type", "url")):
        yield "content", "it lacks a name, a type or an address"
    elif not _is_of_the_web(content["url"]):
        yield "content", "its address is none of the web"


def _is_of_the_web(address: str) -> bool:
    try:
        return urlsplit(address).scheme in ("http", "https")
    except ValueError:  # "http://[" is no address
        return False


def _is_stealthy(row: Row, scene: Scene) -> bool:
    if row.get("type") == "note":
        return False
    return row.get("from") == "operator" or scene.stealthy_users


def _parts_flaws(group: Group, scene: Scene) -> Iterator[tuple[str, str]]:
    """Parts that are not there, not in order, or unlike each other."""
    said = {number: found for number, found in group.parts.items() if number > 0}
    if not said:
        return
    count = _count(group)
    missing = sorted(set(range(1, count + 1)) - set(said))
    extra = sorted(set(said) - set(range(1, count + 1)))
    if missing:
        yield "parts", f"of {count} parts these are not there: {', '.join(map(str, missing))}"
    if extra:
        yield "parts", f"it has {count} parts, and these as well: {', '.join(map(str, extra))}"
    places = [group.parts[number][0] for number in [*sorted(said), *([0] if 0 in group.parts else [])]]
    if group.ref.kind != CONVERSATION and places != sorted(places):
        yield "parts", "they are not in order"
    rows = [said[number][1] for number in sorted(said)]
    if count > 1:
        for number, (_, row) in sorted(said.items()):
            if not str(row.get("content")).startswith(f"({number}/{count})\n"):
                yield "parts", f"part {number} does not begin with its number"
    times = [int(row["timestamp"]) for row in rows]
    wide = max(times) - min(times)
    if wide > (len(rows) if scene.spread else 0):
        yield "parts", "they have different times"
    for name in _ALIKE:
        if any(row.get(name) != rows[0].get(name) for row in rows):
            yield "parts", f"they differ in `{name}`"
    numbered = [{k: v for k, v in (row.get("properties") or {}).items() if k != "source_part"} for row in rows]
    if any(one != numbered[0] for one in numbered):
        yield "parts", "they differ in their properties"
    if any(row.get("original") for row in rows[1:]):
        yield "parts", "another than the first has an original"


def _redaction_flaws(group: Group, scene: Scene) -> Iterator[tuple[str, str]]:
    """How the note that says what was redacted differs from the message it is beside."""
    if group.beside is None or not group.said:
        return
    first, note = group.first, group.beside[1]
    told = dict(note.get("properties") or {})
    side = told.pop("source_side", None)
    if side != {"user": "in", "operator": "out"}.get(str(first.get("from"))):
        yield "side", "part 0 tells of another side"
    if _plain(told) != _plain(first.get("properties") or {}):
        yield "parts", "part 0 has other properties"
    if bool(note.get("automated")) != bool(first.get("automated")):
        yield "parts", "part 0 differs in `automated`"
    if not scene.spread and note.get("timestamp") != first.get("timestamp"):
        yield "parts", "part 0 has another time"
    user = note.get("user")
    hidden = first.get("from") == "user" and isinstance(user, Mapping) and user.get("user_id") in scene.nobody
    if not hidden and user != first.get("user"):
        yield "parts", "part 0 has another author"


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in ("source_part", "source_parts")}


def _count(group: Group) -> int:
    """How many parts there must be: as they say, and of a thread in one note as its first part begins."""
    numbers = [(row.get("properties") or {}).get("source_parts") for _, row in group.said]
    told = max((number for number in numbers if isinstance(number, int)), default=0)
    if told or group.ref.kind != CONVERSATION:
        return told or 1
    number, slash, rest = str(group.said[0][1].get("content"))[1:24].partition("/")
    count = rest.partition(")")[0]
    begins = slash and number.isdigit() and count.isdigit() and str(group.said[0][1]["content"]).startswith("(")
    return int(count) if begins and len(group.said) > 1 else len(group.said)
