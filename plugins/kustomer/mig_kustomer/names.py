"""What a row goes by: its id, and what stands for one where the API gives none."""

from __future__ import annotations

import hashlib
from typing import Any, TypeGuard

from mig import Unparseable
from mig_kustomer.wire import Numeral

LONGEST_ID = 200
WAY_OUT = "Correct it at the source, then run again; the journal keeps what it is now."


def identify(resource: Any) -> str:
    """The id of a resource; attachments of a conversation's list have it only in their own link.

    Raises:
        Unparseable: It is no object, or says nowhere what its id is.
    """
    if not isinstance(resource, dict):
        raise Unparseable(f"{called(resource)} where a resource belongs", WAY_OUT)
    found = resource.get("id")
    if found is None:
        found = linked(resource)
    if not is_usable(found):
        link = _link(resource)
        where = f" (it says that it stands at {link})" if is_usable(link) else ""
        why = f"the resource has no usable id, a text of 1 to {LONGEST_ID} characters on one line{where}"
        raise Unparseable(why, WAY_OUT, field="id")
    return found


def named(resource: str, value: Any) -> str:
    """The id of a row of a resource, where the API gives it none: of a sender, and of the settings of the chat.

    A sender goes by a digest of its channel, its account and its name (docs/api/kustomer.md, section 7.15).

    Raises:
        Unparseable: It is no object, or says nothing of these and has no id either.
    """
    if resource not in ("accounts", "chat") or not isinstance(value, dict):
        return identify(value)
    if resource == "chat":
        return resource
    at = value.get("attributes")
    said = [at.get(name) for name in ("channel", "account", "name")] if isinstance(at, dict) else []
    if not any(isinstance(one, str) and one for one in said):
        return identify(value)
    text = "\0".join(one if isinstance(one, str) else "" for one in said)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:24]


def linked(resource: Any) -> str:
    """The id a resource's own link ends in: what is wrong with its id may still be told of it by this name.

    Returns:
        The id; empty: there is no such link, or nothing usable in it.
    """
    link = _link(resource)
    found = link.split("?")[0].rstrip("/").rpartition("/")[2] if isinstance(link, str) else ""
    return found if is_usable(found) else ""


def _link(resource: Any) -> Any:
    links = resource.get("links") if isinstance(resource, dict) else None
    return links.get("self") if isinstance(links, dict) else None


def is_usable(found: Any) -> TypeGuard[str]:
    """Whether something can be the id of a record: marks, paths and the journal hold it on one line."""
    if not isinstance(found, str) or isinstance(found, Numeral) or not 0 < len(found) <= LONGEST_ID:
        return False
    return found.isprintable()


def called(value: Any) -> str:
    """What JSON calls this, for a warning that must not show the value."""
    if isinstance(value, bool):
        return "true or false"
    names: dict[type, str] = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
