"""Messages of a conversation as neutral records: put together from their parts, each as often as it stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from msgspec import Struct, field

from mig import (
    ATTACHMENT,
    CONVERSATION,
    MESSAGE,
    NOTE,
    RATING,
    Attachment,
    Message,
    Note,
    Oddity,
    Rating,
    Record,
    Ref,
    from_epoch_ms,
)
from mig_crisp.data import RESERVED_MESSAGE
from mig_crisp.forms import author_of, gone_in, in_brackets, link_in, own, place_in, unescaped
from mig_crisp.marks import fingerprint, marker
from mig_crisp.read_flaws import flaws_beside, flaws_of
from mig_crisp.text import joined

Row = Mapping[str, Any]
_SAID = (MESSAGE, NOTE, RATING, ATTACHMENT, CONVERSATION)


class Scene(Struct, frozen=True):
    """What must be known to read a conversation's messages."""

    root: Ref
    origin: str
    """`<source platform>:<organisation id>`, as the conversation's data tells it."""
    operators: Mapping[str, str]
    """Their names by their ids."""
    nobody: Mapping[str, str]
    """Ids by which the platform fills in an author, and what it calls them; empty: whatever."""
    escaped: bool
    spread: bool
    stealthy_users: bool


class Heard(Struct, frozen=True):
    """What a conversation's messages are."""

    records: Sequence[Record]
    extra: Mapping[str, Any]
    """What is said in the conversation's own name."""
    flaws: Sequence[Oddity]
    foreign: int


class Mark(Struct, frozen=True):
    """What a message says of where it comes from."""

    ref: Ref
    part: int
    source: str


class Group(Struct, frozen=True):
    """The rows of one record, as often as it stands there."""

    ref: Ref
    parts: dict[int, tuple[int, Row]] = field(default_factory=dict)
    """By number: the row's place, and the row."""

    @property
    def said(self) -> list[tuple[int, Row]]:
        """The parts of its text, by their numbers."""
        return [self.parts[number] for number in sorted(self.parts) if number > 0]

    @property
    def beside(self) -> tuple[int, Row] | None:
        """The note that says that something was redacted."""
        return self.parts.get(0)

    @property
    def first(self) -> Row:
        """The row that stands for all of it."""
        return (self.said or list(self.parts.values()))[0][1]

    @property
    def place(self) -> int:
        """Where it begins."""
        return min(place for place, _ in self.parts.values())


def mark_of(row: Row) -> Mark | None:
    """The mark of a message; None: it bears none."""
    properties = row.get("properties")
    if not isinstance(properties, Mapping) or not isinstance(properties.get("source"), str):
        return None
    kind, slash, name = str(properties.get("source_id") or "").partition("/")
    part = properties.get("source_part")
    if not slash or not name or kind not in _SAID or not _is_whole(part):
        return None
    return Mark(Ref.parse(f"{kind}/{name}"), part, str(properties["source"]))


def is_mark(number: object, mark: str) -> bool:
    """Whether a fingerprint is that of a marker, or of its second hashing (docs/api/crisp.md, section 11)."""
    return number in (fingerprint(mark), fingerprint(f"{mark}/2"))


def hear(rows: Sequence[Row], scene: Scene) -> Heard:
    """Everything that was said, in the order it stands."""
    groups, flaws, foreign = _sorted(rows, scene)
    extra: dict[str, Any] = {}
    records: list[Record] = []
    by_ref = {group.ref: group for group in reversed(groups)}
    for group in groups:
        flaws += flaws_of(group, scene)
        if group.ref.kind == CONVERSATION:
            _in_own_name(group, scene, extra, flaws)
        elif group.ref.kind == ATTACHMENT:
            records += _with_parent(group, scene)
            flaws += flaws_beside(group, by_ref.get(_parent(group.first) or scene.root), scene)
        else:
            records.append(_line(group, scene, flaws))
    return Heard(records, extra, flaws, foreign)


def _sorted(rows: Sequence[Row], scene: Scene) -> tuple[list[Group], list[Oddity], int]:
    """Rows by what they are of; a part that stands there again begins another copy."""
    copies: dict[Ref, list[Group]] = {}
    flaws: list[Oddity] = []
    foreign = 0
    for place, row in enumerate(rows):
        mark = mark_of(row)
        if mark is None or mark.source != scene.origin or (mark.ref.kind == CONVERSATION and mark.ref != scene.root):
            foreign += row.get("type") != "event"
            continue
        if not is_mark(row.get("fingerprint"), marker(scene.origin, mark.ref, mark.part)):
            flaws.append(Oddity(mark.ref, "mark", f"the fingerprint of part {mark.part} is not that of its mark"))
        known = copies.setdefault(mark.ref, [])
        group = next((one for one in known if mark.part not in one.parts), None)
        if group is None:
            group = Group(mark.ref)
            known.append(group)
        group.parts[mark.part] = (place, row)
    found = [group for groups in copies.values() for group in groups]
    return sorted(found, key=lambda group: group.place), flaws, foreign


def _in_own_name(group: Group, scene: Scene, extra: dict[str, Any], flaws: list[Oddity]) -> None:
    """The opening note, or the note that holds a whole thread."""
    if group.beside is not None:
        _once(extra, "opening", [group.beside[1]], scene, flaws)
    if group.said:
        _once(extra, "transcript", [row for _, row in group.said], scene, flaws)


def _once(extra: dict[str, Any], name: str, rows: Sequence[Row], scene: Scene, flaws: list[Oddity]) -> None:
    if name in extra:
        flaws.append(Oddity(scene.root, name, "it stands there twice"))
        return
    extra[name] = {"text": joined([str(row["content"]) for row in rows]), "at": int(rows[0]["timestamp"])}


def _parent(row: Row) -> Ref | None:
    kind, slash, name = str((row.get("properties") or {}).get("source_parent") or "").partition("/")
    return Ref.parse(f"{kind}/{name}") if slash else None


def _with_parent(group: Group, scene: Scene) -> Iterator[Record]:
    """A file; before it the message it speaks for, where that has no words of its own."""
    row = group.first
    parent = _parent(row)
    if parent is not None and (row.get("properties") or {}).get("source_alone"):
        yield _record(parent, row, "", scene, {})
    content, author = row.get("content"), _author(row, scene)
    by = {"author": str(author[0])} if author[0] is not None else {}
    machine = {"automated": True} if row.get("automated") else {}
    extra = {"sent_at": int(row["timestamp"]), "origin": str(row.get("origin")), **by, **author[1], **machine}
    if isinstance(content, Mapping):
        name, mime, url = (str(content.get(key) or "") for key in ("name", "type", "url"))
    else:
        name, url = link_in(str(content)) or ((place_in(str(content)) or ("",))[0], "")
        mime = ""
    shown = in_brackets(name) if parent is not None and parent.kind == NOTE else name
    yield Attachment(ref=group.ref, parent=parent, name=shown, mime=mime, url=url, extra=extra)


def _line(group: Group, scene: Scene, flaws: list[Oddity]) -> Record:
    """A message or note from its parts."""
    first = group.first
    extra: dict[str, Any] = {}
    text = joined([str(row["content"]) for _, row in group.said]) if group.said else ""
    files = (first.get("properties") or {}).get("source_files")
    if group.said and _is_whole(files) and files:
        lines = text.split("\n")
        text, tail = "\n".join(lines[:-files]), lines[-files:]
        extra["lost"] = [gone_in(line) for line in tail]
        if None in extra["lost"]:
            flaws.append(Oddity(group.ref, "text", "a line at its end names no file that is not there"))
    if scene.escaped:
        line, end, comment = text.partition("\n") if group.ref.kind == RATING else ("", "", text)
        text = f"{line}{end}{unescaped(comment)}"  # the line of a rating is ours, and as we say it
    if group.beside is not None:
        extra["redaction"] = str(group.beside[1].get("content"))
    if group.said:
        extra["type"] = str(first.get("type"))
    if group.said and first.get("original"):
        extra["original"] = True
    return _record(group.ref, first, text, scene, extra, redacted=group.beside is not None)


def _record(
    ref: Ref, row: Row, text: str, scene: Scene, extra: dict[str, Any], *, redacted: bool = False
) -> Message | Note | Rating:
    """A message or note, as one of its rows tells of it."""
    author, shown = _author(row, scene)
    when, properties = from_epoch_ms(int(row["timestamp"])), row.get("properties") or {}
    extra = {**shown, **extra}
    if ref.kind == NOTE:
        return Note(ref=ref, conversation=scene.root, written_at=when, author=author, text=text, extra=extra)
    if ref.kind == RATING:
        line, _, comment = text.partition("\n")
        return Rating(
            ref=ref,
            conversation=scene.root,
            rating=properties.get("source_rating"),
            score=properties.get("source_score"),
            comment=comment,
            at=when,
            agent=author,
            extra={**extra, "line": line},
        )
    return Message(
        ref=ref,
        conversation=scene.root,
        sent_at=when,
        side=str(properties.get("source_side") or ("in" if row.get("from") == "user" else "out")),
        author=author,
        channel=str(row.get("origin")),
        text=text,
        subject=str(properties.get("source_subject") or ""),
        automated=bool(row.get("automated")),
        redacted=redacted,
        custom=own(properties, RESERVED_MESSAGE),
        extra=extra,
    )


def _author(row: Row, scene: Scene) -> tuple[Ref | None, dict[str, Any]]:
    return author_of(row.get("user"), scene.operators, scene.nobody)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
