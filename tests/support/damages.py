"""What can happen to a workspace behind mig's back: each damage, and what an audit must say of it."""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from mig_crisp.sandbox.workspace import Message, Profile, Session, Workspace

Desk = Workspace


@dataclass(frozen=True)
class Hurt:
    """What an audit must find."""

    what: str
    """missing, extra, doubled, orphaned, mismatched."""
    kind: str
    source_id: str
    field: str = ""
    """Empty: the record as a whole."""
    level: str = ""
    """Empty: whichever."""


Damage = Callable[[Desk], Hurt]
DAMAGES: dict[str, Damage] = {}


def damage(name: str) -> Callable[[Damage], Damage]:
    """Name a damage."""

    def keep(function: Damage) -> Damage:
        assert name not in DAMAGES
        DAMAGES[name] = function
        return function

    return keep


# ---- what there is ---------------------------------------------------------------------------------------------------


def threads(desk: Desk) -> list[Session]:
    """The migrated conversations, by their source's id."""
    found = [one for one in desk.sessions.live.values() if source_of(one)]
    return sorted(found, key=source_of)


def source_of(session: Session) -> str:
    """The source's id of a conversation."""
    return str((session.metas.get("data") or {}).get("source_id") or "")


def rows(desk: Desk) -> Iterator[tuple[Session, Message, str, str]]:
    """Every migrated message with the kind and id it is of."""
    for session in threads(desk):
        for message in session.messages:
            kind, _, name = str((message.view.get("properties") or {}).get("source_id") or "").partition("/")
            if name:
                yield session, message, kind, name


def pick(desk: Desk, test: Callable[[Message], bool], kind: str = "message") -> tuple[Session, Message, str]:
    """The first message of a kind that is the only row of its record, and passes a test."""
    counts: dict[tuple[str, str], int] = {}
    for _, _, of, name in rows(desk):
        counts[of, name] = counts.get((of, name), 0) + 1
    for session, message, of, name in rows(desk):
        if of == kind and counts[of, name] == 1 and test(message):
            return session, message, name
    raise AssertionError(f"the dataset holds no such {kind}")


def has_text(message: Message) -> bool:
    """Long enough to be hurt in the middle."""
    return isinstance(message.view["content"], str) and len(message.view["content"]) > 8


def by_user(message: Message) -> bool:
    """Said by the customer, with a text."""
    return has_text(message) and message.view["from"] == "user" and message.view["type"] == "text"


def by_team(message: Message) -> bool:
    """Said by the team, with a text."""
    return has_text(message) and message.view["from"] == "operator" and message.view["type"] == "text"


def profiles(desk: Desk, test: Callable[[Profile], Any] = bool) -> list[tuple[Profile, str]]:
    """The migrated profiles that pass a test, with the source's id."""
    found = [(one, str(one.data.get("source_id") or "")) for one in desk.people.live.values()]
    kept = sorted(((one, name) for one, name in found if name and test(one)), key=lambda pair: pair[1])
    assert kept, "the dataset holds no such profile"
    return kept


def custom(data: dict[str, Any]) -> list[str]:
    """Keys of data that are the organisation's own."""
    return sorted(key for key in data if not key.startswith(("source", "csat", "other_", "company_")))


def say(message: Message, text: str) -> None:
    """Put another text."""
    message.view = {**message.view, "content": text}


def put(message: Message, **fields: Any) -> None:
    """Put other fields; None removes one."""
    view = {**message.view, **fields}
    message.view = {name: value for name, value in view.items() if value is not None}


def again(session: Session, message: Message, fingerprint: int) -> None:
    """Insert a copy."""
    twin = replace(message, view={**copy.deepcopy(message.view), "fingerprint": fingerprint})
    session.insert(twin)


# ---- messages --------------------------------------------------------------------------------------------------------


@damage("a customer's message is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, by_user)
    session.remove(message)
    return Hurt("missing", "message", name, level="census")


@damage("an agent's message is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, by_team)
    session.remove(message)
    return Hurt("missing", "message", name, level="census")


@damage("a note is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, has_text, "note")
    session.remove(message)
    return Hurt("missing", "note", name, level="census")


@damage("two rows of one millisecond change places")
def _(desk: Desk) -> Hurt:
    for session in threads(desk):
        names = [str((one.view.get("properties") or {}).get("source_id") or "") for one in session.messages]
        for at, (one, other) in enumerate(pairwise(session.messages)):
            if one.timestamp == other.timestamp and names[at] != names[at + 1] and all(names[at : at + 2]):
                session.messages[at : at + 2] = [other, one]
                kind, _, name = names[at].partition("/")
                return Hurt("mismatched", kind, name, "order")
    raise AssertionError("the dataset holds no two rows of one millisecond")


@damage("a file's address is none")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, lambda one: one.view["type"] == "file", "attachment")
    put(message, content={**message.view["content"], "url": "http://["})
    return Hurt("mismatched", "attachment", name, "content")


@damage("a file is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, lambda one: one.view["type"] == "file", "attachment")
    session.remove(message)
    return Hurt("missing", "attachment", name, level="census")


@damage("a message stands twice, under one fingerprint")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, by_user)
    again(session, message, message.fingerprint)
    return Hurt("doubled", "message", name, level="census")


@damage("a message stands twice, under two fingerprints")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, by_team)
    again(session, message, 4711)
    return Hurt("doubled", "message", name, level="census")


@damage("a text is cut by one character")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    say(message, message.view["content"][:-1])
    return Hurt("mismatched", "message", name, "text", "values")


@damage("a text has one character more")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    say(message, message.view["content"] + ".")
    return Hurt("mismatched", "message", name, "text", "values")


@damage("a letter is replaced by its look-alike")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, lambda one: by_user(one) and "a" in one.view["content"])
    say(message, message.view["content"].replace("a", "\u0430", 1))
    return Hurt("mismatched", "message", name, "text", "values")


@damage("a letter changes its case")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_team)
    say(message, message.view["content"].swapcase())
    return Hurt("mismatched", "message", name, "text", "values")


@damage("two spaces become one")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, lambda one: by_user(one) and " " in one.view["content"].strip())
    say(message, message.view["content"].replace(" ", "", 1))
    return Hurt("mismatched", "message", name, "text", "values")


@damage("an accent is composed in another way")
def _(desk: Desk) -> Hurt:
    def test(one: Message) -> bool:
        text = one.view["content"]
        return has_text(one) and (
            unicodedata.normalize("NFD", text) != text or unicodedata.normalize("NFC", text) != text
        )

    _, message, name = pick(desk, test)
    text = message.view["content"]
    other = unicodedata.normalize("NFD", text)
    say(message, other if other != text else unicodedata.normalize("NFC", text))
    return Hurt("mismatched", "message", name, "text", "values")


@damage("a text is emptied")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_team)
    say(message, "")
    return Hurt("mismatched", "message", name, "text", "values")


@damage("two texts change places")
def _(desk: Desk) -> Hurt:
    _, one, name = pick(desk, by_user)
    _, other, _ = pick(desk, lambda two: by_user(two) and two.view["content"] != one.view["content"])
    mine, theirs = one.view["content"], other.view["content"]
    say(one, theirs)
    say(other, mine)
    return Hurt("mismatched", "message", name, "text", "values")


@damage("a note's text is changed")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, has_text, "note")
    say(message, message.view["content"] + "!")
    return Hurt("mismatched", "note", name, "text", "values")


@damage("a message stands in another thread")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, by_user)
    session.remove(message)
    other = next(one for one in threads(desk) if one is not session)
    other.insert(message)
    return Hurt("mismatched", "message", name, "place", "structure")


@damage("a message is a millisecond late")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, timestamp=message.timestamp + 1)
    return Hurt("mismatched", "message", name, "sent_at", "structure")


@damage("a note is a day early")
def _(desk: Desk) -> Hurt:
    session, message, name = pick(desk, has_text, "note")
    session.remove(message)
    put(message, timestamp=message.timestamp - 86_400_000)
    session.insert(message)
    return Hurt("mismatched", "note", name, "written_at", "structure")


@damage("a message has another author")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_team)
    put(message, user={**(message.view.get("user") or {}), "nickname": "Somebody Else"})
    return Hurt("mismatched", "message", name, "author", "structure")


@damage("a note has no author any more")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, lambda one: bool((one.view.get("user") or {}).get("nickname")), "note")
    put(message, user={})
    return Hurt("mismatched", "note", name, "author", "structure")


@damage("a customer's message is said by the team")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, **{"from": "operator"})
    return Hurt("mismatched", "message", name, "side", "structure")


@damage("an agent's message is said by the customer")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_team)
    put(message, **{"from": "user"})
    return Hurt("mismatched", "message", name, "side", "structure")


@damage("a private note can be read by the customer")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, has_text, "note")
    put(message, type="text")
    return Hurt("mismatched", "note", name, "extra.type", "structure")


@damage("a message is a private note")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_team)
    put(message, type="note")
    return Hurt("mismatched", "message", name, "extra.type", "structure")


@damage("a message came by another channel")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, origin="urn:mig:carrier_pigeon:0")
    return Hurt("mismatched", "message", name, "channel", "structure")


@damage("an agent's message was written by a machine")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, lambda one: by_team(one) and not one.view.get("automated"))
    put(message, automated=True)
    return Hurt("mismatched", "message", name, "automated", "structure")


@damage("a message has another subject")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, properties={**message.view["properties"], "source_subject": "Another subject"})
    return Hurt("mismatched", "message", name, "subject", "values")


@damage("a message has an attribute nobody gave it")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, properties={**message.view["properties"], "mood": "fine"})
    return Hurt("mismatched", "message", name, "custom.mood", "values")


@damage("a message bears the mark of another organisation")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, properties={**message.view["properties"], "source": "kustomer:somebody-else"})
    return Hurt("missing", "message", name, level="census")


@damage("a message bears a mark that is not its own")
def _(desk: Desk) -> Hurt:
    _, message, name = pick(desk, by_user)
    put(message, fingerprint=message.fingerprint + 1)
    return Hurt("mismatched", "message", name, "mark", "structure")


@damage("a part of a long text is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = _part(desk, 2)
    session.remove(message)
    return Hurt("mismatched", "message", name)


@damage("two parts of a long text change places")
def _(desk: Desk) -> Hurt:
    session, one, name = _part(desk, 1)
    other = next(m for m in session.messages if _part_of(m) == (f"message/{name}", 2))
    mine, theirs = one.view["content"], other.view["content"]
    say(one, theirs)
    say(other, mine)
    return Hurt("mismatched", "message", name, "text", "values")


def _part(desk: Desk, number: int) -> tuple[Session, Message, str]:
    for session, message, kind, name in rows(desk):
        properties = message.view["properties"]
        if kind == "message" and properties.get("source_parts") and properties["source_part"] == number:
            return session, message, name
    raise AssertionError("the dataset holds no long text")


def _part_of(message: Message) -> tuple[str, int]:
    properties = message.view.get("properties") or {}
    return str(properties.get("source_id")), int(properties.get("source_part") or 0)


# ---- conversations ---------------------------------------------------------------------------------------------------


def _thread(desk: Desk, test: Callable[[Session], Any] = bool) -> tuple[Session, str]:
    found = next(one for one in threads(desk) if test(one))
    return found, source_of(found)


def _meta(session: Session, **fields: Any) -> None:
    session.metas = {**session.metas, **fields}


def _data(session: Session, **fields: Any) -> None:
    data = {**session.metas["data"], **fields}
    _meta(session, data={key: value for key, value in data.items() if value is not None})


@damage("a thread is removed")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    desk.drop_session(session)
    return Hurt("missing", "conversation", name, level="census")


@damage("a thread stands twice")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    twin = copy.deepcopy(session)
    twin.session_id = "session_00000000-0000-4000-8000-000000000000"
    desk.sessions.live[twin.session_id] = twin
    return Hurt("doubled", "conversation", name, level="census")


@damage("a thread is emptied")
def _(desk: Desk) -> Hurt:
    session, _, name = pick(desk, by_user)
    session.messages, session.by_fingerprint = [], {}
    return Hurt("missing", "message", name, level="census")


@damage("a thread is in another state")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.state == "resolved")
    session.state = "unresolved"
    return Hurt("mismatched", "conversation", name, "status", "structure")


@damage("a thread has another subject")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.metas.get("subject"))
    _meta(session, subject="Another subject")
    return Hurt("mismatched", "conversation", name, "title", "values")


@damage("a segment is lost")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: len(one.metas.get("segments") or ()) > 1)
    _meta(session, segments=session.metas["segments"][:-1])
    return Hurt("mismatched", "conversation", name, "tags", "values")


@damage("a segment came from nowhere")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _meta(session, segments=[*session.metas["segments"], "from nowhere"])
    return Hurt("mismatched", "conversation", name, "tags", "values")


@damage("a value of a thread's data is changed")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: custom(one.metas["data"]))
    key = custom(session.metas["data"])[0]
    _data(session, **{key: "changed"})
    return Hurt("mismatched", "conversation", name, f"custom.{key}", "values")


@damage("a value of a thread's data changes its type only")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: _typed(one.metas["data"]))
    key = _typed(session.metas["data"])[0]
    _data(session, **{key: _as_text(session.metas["data"][key])})
    return Hurt("mismatched", "conversation", name, f"custom.{key}", "values")


@damage("a key of a thread's data is lost")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: custom(one.metas["data"]))
    key = custom(session.metas["data"])[0]
    _data(session, **{key: None})
    return Hurt("mismatched", "conversation", name, f"custom.{key}", "values")


@damage("a thread's data has a key nobody gave it")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _data(session, whim="yes")
    return Hurt("mismatched", "conversation", name, "custom.whim", "values")


@damage("a thread's date of creation is changed")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _data(session, source_created_at="2001-01-01T00:00:00.000+00:00")
    return Hurt("mismatched", "conversation", name, "created_at", "structure")


@damage("a thread was assigned to another team")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _data(session, source_team="The other team")
    return Hurt("mismatched", "conversation", name, "extra.data")


@damage("a thread is assigned to an operator it never had")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.assigned is None)
    session.assigned = sorted(desk.operators)[0]
    return Hurt("mismatched", "conversation", name, "extra.assigned", "structure")


@damage("a thread lies in an inbox it was never put in")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.inbox_id is None)
    session.inbox_id = "0f7e8f3a-0000-4000-8000-000000000000"
    return Hurt("mismatched", "conversation", name, "extra.inbox", "structure")


@damage("a thread has another customer's address")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.metas.get("email"))
    other = next(one for one in threads(desk) if one.metas.get("email") not in ("", None, session.metas["email"]))
    _meta(session, email=other.metas["email"])
    return Hurt("mismatched", "conversation", name, "extra.email", "structure")


@damage("a thread is tied to another profile")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: one.people_id)
    session.people_id = next(one for one in sorted(desk.people.live) if one != session.people_id)
    return Hurt("mismatched", "conversation", name, "contact", "structure")


@damage("a thread is called by another name")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _meta(session, nickname="Nobody")
    return Hurt("mismatched", "conversation", name, "extra.nickname", "values")


@damage("a thread has lost its mark")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk)
    _data(session, source_id=None)
    return Hurt("mismatched", "conversation", name, "mark", "census")


# ---- profiles --------------------------------------------------------------------------------------------------------


@damage("a profile is removed")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    desk.drop_profile(profile, desk.clock.now())
    return Hurt("missing", "contact", name, level="census")


@damage("a profile stands twice")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    twin = copy.deepcopy(profile)
    twin.people_id = "00000000-0000-4000-8000-000000000001"
    desk.people.live[twin.people_id] = twin
    return Hurt("doubled", "contact", name, level="census")


@damage("two profiles were merged")
def _(desk: Desk) -> Hurt:
    (one, first), (other, name) = profiles(desk)[:2]
    one.data = {**one.data, "source_ids": f"{one.data.get('source_ids', first)},{name}"}
    desk.drop_profile(other, desk.clock.now())
    return Hurt("mismatched", "contact", first)


@damage("a profile has another address")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    del desk.people_by_email[profile.view["email"].casefold()]
    desk.people_by_email["somebody.else@example.com"] = profile.people_id
    profile.view = {**profile.view, "email": "somebody.else@example.com"}
    return Hurt("mismatched", "contact", name, "emails", "structure")


def _person(profile: Profile, **fields: Any) -> None:
    profile.view = {**profile.view, "person": {**profile.view["person"], **fields}}


@damage("a profile has another name")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    _person(profile, nickname="Nobody")
    return Hurt("mismatched", "contact", name, "name", "values")


@damage("a digit of a phone number is changed")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk, lambda one: one.view["person"].get("phone"))[0]
    phone = profile.view["person"]["phone"]
    _person(profile, phone=phone[:-1] + ("1" if phone[-1] != "1" else "2"))
    return Hurt("mismatched", "contact", name, "phones", "values")


@damage("a value of a profile's data changes its type only")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk, lambda one: _typed(one.data))[0]
    key = _typed(profile.data)[0]
    profile.data = {**profile.data, key: _as_text(profile.data[key])}
    return Hurt("mismatched", "contact", name, f"custom.{key}", "values")


@damage("a value of a profile's data is changed")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk, lambda one: custom(one.data))[0]
    key = custom(profile.data)[0]
    profile.data = {**profile.data, key: "changed"}
    return Hurt("mismatched", "contact", name, f"custom.{key}", "values")


@damage("a profile has lost its data")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    profile.data = {}
    return Hurt("mismatched", "contact", name)


@damage("a profile has a segment nobody gave it")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    profile.view = {**profile.view, "segments": [*profile.view.get("segments", ()), "from nowhere"]}
    return Hurt("mismatched", "contact", name, "tags", "values")


@damage("a profile works for another company")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    profile.view = {**profile.view, "company": {"name": "Another Company"}}
    return Hurt("mismatched", "contact", name, "extra.company", "values")


@damage("a profile lives elsewhere")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    _person(profile, address="Elsewhere 1")
    return Hurt("mismatched", "contact", name, "extra.address", "values")


@damage("a profile speaks another language")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    profile.data = {**profile.data, "language": "xx"}
    return Hurt("mismatched", "contact", name, "locale", "values")


@damage("a profile's date of creation is changed")
def _(desk: Desk) -> Hurt:
    profile, name = profiles(desk)[0]
    profile.data = {**profile.data, "source_created_at": "2001-01-01T00:00:00.000+00:00"}
    return Hurt("mismatched", "contact", name, "extra.data", "values")


def _typed(data: dict[str, Any]) -> list[str]:
    return [key for key in custom(data) if not isinstance(data[key], str)]


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- files -----------------------------------------------------------------------------------------------------------


def uploaded(desk: Desk, size: int = 100, unlike: str = "") -> tuple[Message, str, Any]:
    """A file message whose bytes lie in the bucket, are so many at least, and unlike others."""
    uploads = {upload.url: upload for upload in desk.bucket.uploads.values() if upload.path is not None}
    for _, message, kind, name in rows(desk):
        content = message.view["content"]
        if kind == "attachment" and isinstance(content, dict):
            upload = next((one for url, one in uploads.items() if content["url"].endswith(url)), None)
            if upload is not None and (upload.size or 0) > size and upload.sha256 != unlike:
                return message, name, upload
    raise AssertionError("the dataset holds no such file")


@damage("a byte of a file is flipped")
def _(desk: Desk) -> Hurt:
    _, name, upload = uploaded(desk)
    content = bytearray(upload.path.read_bytes())
    content[50] ^= 1
    upload.path.write_bytes(content)
    return Hurt("mismatched", "attachment", name, "bytes", "bytes")


@damage("a file is empty")
def _(desk: Desk) -> Hurt:
    _, name, upload = uploaded(desk)
    upload.path.write_bytes(b"")
    return Hurt("mismatched", "attachment", name, "bytes", "bytes")


@damage("a file is gone")
def _(desk: Desk) -> Hurt:
    _, name, upload = uploaded(desk)
    upload.path = None
    return Hurt("mismatched", "attachment", name, "bytes", "bytes")


@damage("two files change places")
def _(desk: Desk) -> Hurt:
    one, name, first = uploaded(desk)
    other, _, _ = uploaded(desk, unlike=first.sha256)
    mine, theirs = one.view["content"], other.view["content"]
    put(one, content={**mine, "url": theirs["url"]})
    put(other, content={**theirs, "url": mine["url"]})
    return Hurt("mismatched", "attachment", name, "bytes", "bytes")


@damage("a file has another name")
def _(desk: Desk) -> Hurt:
    message, name, _ = uploaded(desk)
    put(message, content={**message.view["content"], "name": "another.png"})
    return Hurt("mismatched", "attachment", name, "name", "values")


@damage("a file is of another type")
def _(desk: Desk) -> Hurt:
    message, name, _ = uploaded(desk)
    put(message, content={**message.view["content"], "type": "text/x-other"})
    return Hurt("mismatched", "attachment", name, "mime", "values")


@damage("a file is a millisecond late")
def _(desk: Desk) -> Hurt:
    message, name, _ = uploaded(desk)
    put(message, timestamp=message.timestamp + 1)
    return Hurt("mismatched", "attachment", name)


# ---- ratings ---------------------------------------------------------------------------------------------------------


def _rating(desk: Desk) -> tuple[Session, Message, str]:
    """The note of a rating with a comment."""
    return pick(desk, lambda one: "\n" in one.view["content"], "rating")


@damage("a rating's note is dropped")
def _(desk: Desk) -> Hurt:
    session, message, name = _rating(desk)
    session.remove(message)
    return Hurt("missing", "rating", name, level="census")


@damage("a rating's note stands twice")
def _(desk: Desk) -> Hurt:
    session, message, name = _rating(desk)
    again(session, message, 4713)
    return Hurt("doubled", "rating", name, level="census")


@damage("a rating's comment is changed")
def _(desk: Desk) -> Hurt:
    _, message, name = _rating(desk)
    say(message, message.view["content"] + "!")
    return Hurt("mismatched", "rating", name, level="values")


@damage("a rating's note tells another number")
def _(desk: Desk) -> Hurt:
    _, message, name = _rating(desk)
    content = message.view["content"]
    number = next(letter for letter in content if letter.isdigit())
    say(message, content.replace(number, str((int(number) + 1) % 10), 1))
    return Hurt("mismatched", "rating", name, level="values")


@damage("a rating is a day late")
def _(desk: Desk) -> Hurt:
    session, message, name = _rating(desk)
    session.remove(message)
    put(message, timestamp=message.timestamp + 86_400_000)
    session.insert(message)
    return Hurt("mismatched", "rating", name, "at", "structure")


@damage("a rating is a millisecond early")
def _(desk: Desk) -> Hurt:
    _, message, name = _rating(desk)
    put(message, timestamp=message.timestamp - 1)
    return Hurt("mismatched", "rating", name, "at", "structure")


@damage("a rating can be read by the customer")
def _(desk: Desk) -> Hurt:
    _, message, name = _rating(desk)
    put(message, type="text")
    return Hurt("mismatched", "rating", name, "extra.type", "structure")


@damage("a rating's note is of somebody else")
def _(desk: Desk) -> Hurt:
    _, message, name = _rating(desk)
    put(message, user={"type": "website", "nickname": "Somebody Else"})
    return Hurt("mismatched", "rating", name, "agent", "structure")


@damage("a rating stands in another thread")
def _(desk: Desk) -> Hurt:
    session, message, name = _rating(desk)
    session.remove(message)
    next(one for one in threads(desk) if one is not session).insert(message)
    return Hurt("mismatched", "rating", name, "place", "structure")


@damage("a thread's data tells another rating")
def _(desk: Desk) -> Hurt:
    session, _, name = _rating(desk)
    _data(session, csat_rating=session.metas["data"]["csat_rating"] + 1)
    return Hurt("mismatched", "conversation", name, "extra.data")


@damage("a thread's data has lost its score")
def _(desk: Desk) -> Hurt:
    session, _, name = _rating(desk)
    _data(session, csat_score=None)
    return Hurt("mismatched", "conversation", name, "extra.data")


@damage("a thread's data has another comment")
def _(desk: Desk) -> Hurt:
    session, _, name = _rating(desk)
    _data(session, csat_comment="Another comment")
    return Hurt("mismatched", "conversation", name, "extra.data")


@damage("a thread nobody rated has a rating in its data")
def _(desk: Desk) -> Hurt:
    session, name = _thread(desk, lambda one: "csat_rating" not in one.metas["data"])
    _data(session, csat_rating=1)
    return Hurt("mismatched", "conversation", name)


# ---- what is of nobody -----------------------------------------------------------------------------------------------


@damage("a message bears our mark and is of no record")
def _(desk: Desk) -> Hurt:
    session, message, _ = pick(desk, by_user)
    again(session, message, 4712)
    twin = session.by_fingerprint[4712]
    put(twin, properties={**twin.view["properties"], "source_id": "message/made-up"})
    return Hurt("orphaned", "message", "made-up", level="census")


@damage("a thread bears our mark and is of no record")
def _(desk: Desk) -> Hurt:
    session, _ = _thread(desk)
    twin = copy.deepcopy(session)
    twin.session_id = "session_00000000-0000-4000-8000-000000000002"
    twin.messages, twin.by_fingerprint = [], {}
    _data(twin, source_id="made-up")
    desk.sessions.live[twin.session_id] = twin
    return Hurt("orphaned", "conversation", "made-up", level="census")
