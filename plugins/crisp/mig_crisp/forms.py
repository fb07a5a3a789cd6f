"""How things read on Crisp, as the docs say it: what `expect` and `read` share, and render has no part in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mig import AGENT, Handle, Location, Ref, epoch_ms
from mig_crisp.data import RESERVED_CONVERSATION, RESERVED_MESSAGE, RESERVED_PEOPLE
from mig_crisp.media import TYPES
from mig_crisp.text import MAX_KEY, clean, escape, slug
from mig_crisp.words_catalog import CATALOG, Words

STATES: Mapping[str, str] = {"open": "unresolved", "snoozed": "pending", "done": "resolved"}
IN_DATA = "the data of its conversation hold it"
NO_NOTES = "this plan has no private notes"
NO_WORD = "it has neither text nor file"
ON_NOTEPAD = "it stands on its contact's notepad"
TOLD = "it is told in the one note that holds its thread"
UNKNOWN = "unknown"
LONGEST_NAME = 128
"""Characters of a file's name."""
LONGEST_BYTES = 200
"""Of it in UTF-8."""
LONGEST_ENDING = 16
"""Bytes of what stands behind its last dot; more is no ending."""
BINARY = "application/octet-stream"
_MEDIA = re.compile(r"[a-z0-9][\w.+!#$&^-]*/[a-z0-9][\w.+!#$&^-]*", re.ASCII)
_LINK = re.compile(r"\[(?P<name>[^\]]*)\]\((?P<url>\S+)\)")
# What stands on the desk may have been said in any of the languages: `language` may have been another once.
_SPOKEN = CATALOG.values()
_REASON = "|".join(
    (
        r"Crisp takes no such file \([^)]*\): its .*|(?!its extension)(?:its?|the|no|this|more|Crisp(?:'s)?)\b.*",
        *(re.escape(why).replace(r"\{\}", ".+?") for words in _SPOKEN for why in words.reasons.values()),
    )
)
_FILE = "|".join(re.escape(words.file) for words in _SPOKEN)
_PLACE = re.compile(rf"\[(?:{_FILE}): (?P<name>.*): (?P<why>{_REASON})\]", re.DOTALL)
_NOT_FOUND = "|".join(re.escape(f"{words.file}: {words.not_found}") for words in _SPOKEN)
_GONE = re.compile(rf"\[(?:{_NOT_FOUND}), (?P<id>.*)\]")
NOBODY = frozenset(words.unknown for words in _SPOKEN)
"""Who signs a note that nobody signed."""
_ESCAPED = re.compile(r"\\([\\`*_~+#>|\[\]])")


class Media(str):
    """A media type; one that nobody tells fits any."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and (not self or not other or str(self) == str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Order(int):
    """A place among others; one that nobody tells fits any."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and (self < 0 or other < 0 or int(self) == int(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


def order(value: object) -> object:
    """A place among others, from 0."""
    return Order(value if isinstance(value, int) else -1)


def media(value: object) -> object:
    """A media type without its parameters; what is none is not told."""
    told = str(value).partition(";")[0].strip().lower()
    return Media(told if _MEDIA.fullmatch(told) else "")


def origin_of(channel: str) -> str:
    """A source's channel as a message's origin."""
    if channel in ("chat", "email"):
        return channel
    return f"urn:mig:{slug(channel)[:MAX_KEY] or UNKNOWN}:0"


def iso(when: datetime) -> str:
    """A time as data tells it: UTC, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds")


def moment(text: object) -> datetime | None:
    """The time in such a text; None: there is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def millis(when: datetime | None) -> int:
    """A time as the API tells it; a missing one is none."""
    return epoch_ms(when) if when is not None else 0


def place_line(place: Location) -> str:
    """A postal address as one line."""
    city = " ".join(filter(None, (place.postcode, place.city)))
    parts = (place.name, place.street, city, place.region, place.country)
    return ", ".join(part for part in parts if part)


def handle_text(handle: Handle) -> str:
    """An account as data tells it: its network, and its name, else its id, else its address."""
    return f"{handle.network}:{handle.name or handle.id or handle.url}"


# ---- authors -------------------------------------------------------------------------------------------------------


def author_of(
    user: object, operators: Mapping[str, str], nobody: Mapping[str, str]
) -> tuple[Ref | None, dict[str, Any]]:
    """Who said it, as a message's `user` shows it.

    Args:
        user: As it stands there.
        operators: Their names by their ids.
        nobody: Ids by which the platform itself fills in an author that it was not told, and what it calls them;
            empty: whatever.

    Returns:
        The agent, and what else is shown of one. An operator under another name is somebody else.
    """
    if not isinstance(user, Mapping):
        return None, {}
    user_id, nickname = str(user.get("user_id") or ""), str(user.get("nickname") or "")
    if user_id in nobody and nobody[user_id] in ("", nickname):
        return None, {}
    shown = {"avatar": user["avatar"]} if user.get("avatar") else {}
    if user_id and operators.get(user_id) == nickname:
        return Ref(AGENT, f"operator/{user_id}"), shown
    return (Ref(AGENT, f"name/{nickname}") if nickname else None), {
        **shown,
        **({"user_id": user_id} if user_id else {}),
    }


# ---- files ---------------------------------------------------------------------------------------------------------


def name_of(name: str, mime: str, file_id: str) -> str:
    """A file's name: its last segment, without characters that show nothing (of category C), and not too long."""
    segment = re.split(r"[/\\]", clean(name))[-1]
    plain = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", segment))
    plain = "".join(char for char in plain if unicodedata.category(char)[0] != "C")
    shown = " ".join(plain.split()).lstrip(".").strip()
    if len(shown) > LONGEST_NAME or len(shown.encode()) > LONGEST_BYTES:
        stem, dot, extension = shown.rpartition(".")
        end = f"{dot}{extension}" if stem and len(extension.encode()) <= LONGEST_ENDING else ""
        kept = shown.removesuffix(end)[: LONGEST_NAME - len(end)].encode()[: LONGEST_BYTES - len(end.encode())]
        shown = kept.decode("utf-8", "ignore") + end
    return shown or f"file-{file_id}{TYPES.guess_extension(str(media(mime)) or BINARY) or ''}"


def in_brackets(name: str) -> str:
    """A file's name as the text of a link."""
    return re.sub(r"[\[\]]", "_", name)


def link_in(text: str) -> tuple[str, str] | None:
    """The name and address of a link that is all of a text."""
    found = _LINK.fullmatch(text)
    return (found["name"], found["url"]) if found else None


def place_in(text: str) -> tuple[str, str] | None:
    """The name of a file that could not arrive, and why, where that is all of a text."""
    found = _PLACE.fullmatch(text)
    return (found["name"], found["why"]) if found else None


def gone_line(file_id: str, words: Words) -> str:
    """The line for a file the source names and does not have."""
    return f"[{words.file}: {words.not_found}, {file_id}]"


def gone_in(line: str) -> str | None:
    """The id of the file in such a line."""
    found = _GONE.fullmatch(line)
    return found["id"] if found else None


# ---- text and data -------------------------------------------------------------------------------------------------


def unescaped(text: str) -> str:
    """The opposite of `escape`; a text that is no such text stays as it is, so that it differs."""
    plain = _ESCAPED.sub(r"\1", text)
    return plain if escape(plain) == text else text


def is_reserved(key: str, reserved: frozenset[str]) -> bool:
    """Whether a key is one that mig writes itself, or its continuation (`source_ids_2`)."""
    base, _, number = key.rpartition("_")
    return key in reserved or (number.isdigit() and base in reserved)


def is_of_person(key: str) -> bool:
    """Whether a key of people data is mig's own, or tells of the company."""
    return is_reserved(key, RESERVED_PEOPLE) or key.startswith("company_")


def told(data: Mapping[str, Any]) -> dict[str, Any]:
    """The reserved keys of a conversation's data as they are compared.

    When it last changed at the source is as of some change of its own, not of the last: only that it is a time.
    """
    shown = {key: value for key, value in data.items() if is_reserved(key, RESERVED_CONVERSATION)}
    if moment(shown.get("source_updated_at")) is not None:
        shown["source_updated_at"] = True
    return shown


def own(properties: Mapping[str, Any], reserved: frozenset[str] = RESERVED_MESSAGE) -> dict[str, Any]:
    """The custom attributes among a message's properties."""
    return {key: value for key, value in properties.items() if key not in reserved}
