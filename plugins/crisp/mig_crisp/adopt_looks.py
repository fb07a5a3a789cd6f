"""How what stands in a workspace compares with what is wanted there, where nobody knows what we wrote last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from mig import CONTACT, Adopted, Call, Origin, Receipt, digest
from mig_crisp.data import RESERVED_CONVERSATION, RESERVED_PEOPLE
from mig_crisp.marks import born_from
from mig_crisp.people import merge_changes
from mig_crisp.render_files import as_link
from mig_crisp.threads import rename_changes
from mig_crisp.words import why_of
from mig_crisp.written import as_standing, digests, merged_data

Row = Mapping[str, Any]


class Thread(Struct):
    """A conversation as it stands."""

    session: str
    shown: Row
    rows: dict[int, Row]
    """By fingerprint."""
    files: dict[str, Row]
    """What bears the mark of an attachment, by its ref."""
    has_events: bool = False
    """Somebody, or we, changed its state: that leaves an event, on a platform that leaves them."""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """Its data as they are wanted, once its metas were looked at."""

    @property
    def unread(self) -> set[int]:
        """What we said for the customer, and nobody has marked read."""
        return {
            number
            for number, row in self.rows.items()
            if row.get("from") == "user" and row.get("type") != "note" and row.get("read") in ("", False)
            if _mapping(row.get("properties")).get("source_id")
        }

    @property
    def data(self) -> Row:
        """Its custom data."""
        return _mapping(_mapping(self.shown.get("meta")).get("data"))


class Person(Struct):
    """A profile as it stands."""

    people_id: str
    profile: Row
    data: Row

    @property
    def notepad(self) -> str:
        """Its notes, ours and others'."""
        return str(self.profile.get("notepad") or "")


def metas(wanted: Mapping[str, Any], thread: Thread) -> Adopted:
    """Metas: while the source's conversation is as old as we said of it, what differs in them is others' edit."""
    now = _mapping(thread.shown.get("meta"))
    thread.wanted = _mapping(wanted.get("data"))
    told = thread.data.get("source_updated_at")
    still = bool(told) and told == thread.wanted.get("source_updated_at")

    def is_theirs(name: str) -> bool:
        kind, _, key = name.partition(".")
        own = name == "subject" or kind == "segments" or (kind == "data" and not _is_ours(key, RESERVED_CONVERSATION))
        return still and own

    written = {**as_standing(wanted, now, is_theirs), **_dropped(thread.wanted, thread.data, RESERVED_CONVERSATION)}
    # When the source moved something last is no change of its own.
    held = {**thread.wanted, "source_updated_at": told} if told else thread.wanted
    changes = _really(rename_changes({**wanted, "data": held}, now, written), now)
    return Adopted(receipt=Receipt({"id": thread.session}, written=written), same=not changes)


def put(thread: Thread, body: Mapping[str, Any], name: str, found: object, *, is_theirs: bool) -> Adopted:
    """State, assignment, inbox: wanted, or as somebody in the desk wants it, or as it was at the source before."""
    same = is_theirs or found == body[name]
    written = digests(body) if same else {**digests(body), name: digest(found)}
    return Adopted(receipt=Receipt({"id": thread.session}, written=written), same=same)


def as_said(message: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """A message as it stands, in the form in which it is sent; what no reading shows is as it is wanted."""
    now = {name: row[name] for name in message if name in row and name not in ("user", "original")}
    user, there = _mapping(message.get("user")), _mapping(row.get("user"))
    if "stealth" in message:
        now["stealth"] = message["stealth"]
    if "original" in message and row.get("original"):
        now["original"] = message["original"]
    if row.get("automated"):
        now["automated"] = True
    elif "automated" in now:
        del now["automated"]
    if user:
        now["user"] = {name: there.get(name) for name in user}
    return now


def like(wanted: Mapping[str, Any], now: Row, *, adopted: bool) -> tuple[dict[str, str], bool]:
    """What we wrote last of a profile, as far as it shows, and whether it is as it is wanted.

    Of an adopted one what was there is others'. When somebody was active last is no change of theirs.
    """

    def is_theirs(name: str) -> bool:
        if name == "notepad":  # its blocks are compared one by one
            return True
        if name == "email":
            return str(now.get("email") or "").casefold() == str(wanted["email"]).casefold()
        if name == "active":
            return _number(now.get("active")) > _number(wanted["active"])
        return adopted and _stands(name, now)

    written = as_standing(wanted, now, is_theirs)
    held = {**wanted, "active": now["active"]} if "active" in wanted and now.get("active") else wanted
    changes = _really(merge_changes(held, now, written, adopted=adopted), now)
    return written, not changes


def people_data(wanted: Mapping[str, Any], person: Person, *, adopted: bool) -> Adopted | None:
    """People data; of an adopted profile what is under a key of the customer's own is others'."""
    if not wanted.keys() & person.data.keys():
        return None

    def is_theirs(name: str) -> bool:
        key = name.partition(".")[2]
        return adopted and key in person.data and not _is_ours(key, RESERVED_PEOPLE)

    written = as_standing({"data": wanted}, {"data": person.data}, is_theirs)
    written |= _dropped(wanted, person.data, RESERVED_PEOPLE)
    same = merged_data(wanted, person.data, written) == dict(person.data)
    return Adopted(receipt=Receipt({"id": person.people_id}, written=written), same=same)


def moved(call: Call, content: object, name: str) -> Adopted | None:
    """Where a file went, or why it did not, as its message, note or block says it."""
    if isinstance(content, Mapping):
        url, same = (
            str(content.get("url") or ""),
            content.get("name") == name and content.get("type") == call.body["type"],
        )
        return Adopted(receipt=Receipt({"url": url, "why": ""}), same=same and _is_at(url, call)) if url else None
    text = str(content).strip()
    why = why_of(text, name)
    if why is not None:
        return Adopted(receipt=Receipt({"url": "", "why": why}, declined=why), same=True)
    link = as_link(name, "").removesuffix(")")
    url = text[len(link) : -1]
    if not text.startswith(link) or not text.endswith(")") or not url:
        return None  # another name is another file
    return Adopted(receipt=Receipt({"url": url, "why": ""}), same=_is_at(url, call))


def _is_at(url: str, call: Call) -> bool:
    """Whether a file of a folder is where that is served now."""
    return call.op.verb != "folder.copy" or url.startswith(f"{str(call.body['at']).rstrip('/')}/")


def made_by(person: Person, origin: str, ids: frozenset[str]) -> Origin | None:
    """Who made a profile of one of these contacts; None: nothing there says that we have written to it."""
    born = born_from(person.notepad)
    if born is not None and born[0] == origin and born[1].kind == CONTACT and born[1].id in ids:
        return Origin.CREATED
    if born is None and person.data.get("source") == origin and ids & _ids(person.data):
        return Origin.ADOPTED
    return None


def _ids(data: Row) -> set[str]:
    """The contacts that people data name as theirs."""
    keys = [key for key in data if key == "source_id" or _base(key) == "source_ids"]
    return {name for key in keys for name in str(data[key]).split(",")}


def _dropped(wanted: Mapping[str, Any], now: Row, reserved: frozenset[str]) -> dict[str, str]:
    """Keys that are ours by their name, and not wanted any more."""
    gone = [key for key in now if key not in wanted and _is_ours(key, reserved)]
    return {f"data.{key}": digest(now[key]) for key in gone}


def _really(changes: Mapping[str, Any], now: Row) -> dict[str, Any]:
    """Changes without another order of the same segments."""
    same = set(changes.get("segments") or ()) == set(now.get("segments") or ())
    return {name: value for name, value in changes.items() if name != "segments" or not same}


def _is_ours(key: str, reserved: frozenset[str]) -> bool:
    return key in reserved or _base(key) in reserved


def _base(key: str) -> str:
    """The key of which this is a continuation (`source_ids_2`)."""
    base, _, number = key.rpartition("_")
    return base if number.isdigit() else key


def _stands(name: str, now: Row) -> bool:
    kind, _, key = name.partition(".")
    if kind == "segments":
        return key in (now.get("segments") or ())
    return bool(_mapping(now.get("person")).get(key) if kind == "person" else now.get(name))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
