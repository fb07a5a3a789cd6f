"""What we wrote last of an article or category, by digest: it tells somebody's later edit from ours.

Of a text the words and the addresses of its links are kept apart: `help.links` leads links on later. What the help
centre shows of it otherwise than it was written (a platform may keep texts in a form of its own) is kept beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mig import digest
from mig_crisp.help_api import Shown, bare, linked

FIELDS = ("title", "description", "content", "order", "featured", "author")
_TEXTS = ("title", "description", "content")
_ADDRESSES = "addresses"
_OPENED = re.compile(r"!?\[((?:[^\[\]\\]|\\.)*)\]\(\Z", re.DOTALL)
"""A picture or link up to its address."""
_SHOWN = "shown."
"""Before the name of a field: it, as the help centre showed it after we wrote it."""
_LED = "~"
"""Before the digest of an address: that of a link which may be led on."""


def fields_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of an article or category: texts put together, and nothing that is not known."""
    fields = {name: body[name] for name in FIELDS if body.get(name) is not None}
    if isinstance(fields.get("content"), list):
        fields["content"] = _joined(fields["content"])
    return fields


def _joined(pieces: Sequence[Any]) -> str:
    """A text with the addresses that are known by now; where there is none at all, the words stay without it."""
    text = ""
    closes = False
    for piece in pieces:
        if isinstance(piece, Mapping):
            address = str(piece["url"] or piece["else"])
            opened = _OPENED.search(text) if not address else None
            text = f"{text[: opened.start()]}{opened[1]}" if opened is not None else text + address
            closes = opened is not None
        else:
            text += str(piece).removeprefix(")") if closes else str(piece)
            closes = False
    return text


def written(fields: Mapping[str, Any]) -> dict[str, str]:
    """By digest: of the content without the addresses of its links."""
    return {
        name: digest(bare(str(value)) if name == "content" else value)
        for name, value in fields.items()
        if name in FIELDS and value is not None
    }


def told(fields: Mapping[str, Any], leads: Sequence[str], shown: Shown | None) -> dict[str, str]:
    """What a receipt remembers of fields that were written.

    Args:
        fields: As they were written.
        leads: Addresses of links that may be led on.
        shown: How they show now; None: nobody can tell yet.
    """
    found = written(fields)
    there = written(msgspec.structs.asdict(shown)) if shown is not None else found
    found |= {f"{_SHOWN}{name}": there[name] for name in _TEXTS if name in fields and there[name] != found[name]}
    if "content" in fields:
        links = linked(str(fields["content"]))
        flags = [_LED if url in leads else "" for url in links]
        seen = linked(shown.content) if shown is not None else links
        shows = seen if len(seen) == len(links) else links
        # One that may be led on is known by the address it was written with.
        known = (url if flag else other for flag, url, other in zip(flags, links, shows, strict=True))
        found[_ADDRESSES] = " ".join(flag + _short(url) for flag, url in zip(flags, known, strict=True))
    return found


def is_like(fields: Mapping[str, Any], shown: Shown) -> bool:
    """Whether an article shows the words that were written, in whatever form: the read has caught up with us."""
    there = msgspec.structs.asdict(shown)
    return all(_words(fields[name]) == _words(there[name]) for name in _TEXTS if name in fields)


def edited(shown: Shown, ours: Mapping[str, str], led: Mapping[str, str] | None) -> set[str]:
    """The fields somebody has changed since we wrote them.

    Args:
        shown: As they are.
        ours: What we wrote last, by `told`; what it does not know is not looked at.
        led: Where links were led since: old address to new; None: nobody knows.
    """
    there = written(msgspec.structs.asdict(shown))
    found = {name for name in there if name in ours and there[name] not in (ours[name], ours.get(f"{_SHOWN}{name}"))}
    if _ADDRESSES in ours and not _are_ours(linked(shown.content), ours[_ADDRESSES].split(), led):
        found.add("content")
    return found


def _are_ours(urls: Sequence[str], marks: Sequence[str], led: Mapping[str, str] | None) -> bool:
    """Whether links lead where we led them: to the address that was written, or on from it."""
    if len(urls) != len(marks):
        return False
    for url, mark in zip(urls, marks, strict=True):
        own = mark.removeprefix(_LED)
        if own == _short(url) or (mark != own and led is None):
            continue
        if mark == own or led is None or url not in [new for old, new in led.items() if _short(old) == own]:
            return False
    return True


def changed(wanted: Mapping[str, str], ours: Mapping[str, str]) -> set[str]:
    """The fields that shall be otherwise than we wrote them last; both by `told`."""
    found = {name for name, value in wanted.items() if name in FIELDS and value != ours.get(name)}
    if _ADDRESSES in wanted and _ADDRESSES in ours and _plain(wanted[_ADDRESSES]) != _plain(ours[_ADDRESSES]):
        found.add("content")
    return found


def still(wanted: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """What stays known of fields that were not written again."""
    kept = {name: ours[f"{_SHOWN}{name}"] for name in _TEXTS if f"{_SHOWN}{name}" in ours and name in wanted}
    found = {f"{_SHOWN}{name}": value for name, value in kept.items() if wanted[name] == ours.get(name)}
    if _ADDRESSES in ours:
        found[_ADDRESSES] = ours[_ADDRESSES]
    return found


def led_of(value: object) -> dict[str, str] | None:
    """Where links were led, as the receipt of `help.links` says it; None: it does not."""
    return msgspec.json.decode(value, type=dict[str, str]) if isinstance(value, str) and value else None


def led_to(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Where links lead as far as that is known: with the query and the place in the page they had."""
    return {str(row["old"]): _with(str(row["new"]), str(row.get("rest", ""))) for row in rows if row["new"]}


def led_on(before: Mapping[str, str], links: Mapping[str, str]) -> dict[str, str]:
    """Where links lead that were led before: the address of an article follows its title.

    What several old addresses had in common is led on only where all of them lead to the same again.
    """
    found: dict[str, set[str]] = {}
    for old, was in before.items():
        found.setdefault(was, set()).add(links.get(old, was))
    return {was: new for was, (new, *others) in found.items() if not others and new != was}


def _with(address: str, rest: str) -> str:
    """An address with more of a query, and with another place in its page if one is named."""
    page, _, place = address.partition("#")
    query, _, named = rest.partition("#")
    query = f"&{query[1:]}" if query and "?" in page else query
    place = named or place
    return f"{page}{query}{f'#{place}' if place else ''}"


def _words(value: object) -> list[str]:
    return re.findall(r"\w+", str(value))


def _short(url: str) -> str:
    return digest(url)[:16]


def _plain(marks: str) -> str:
    return marks.replace(_LED, "")
