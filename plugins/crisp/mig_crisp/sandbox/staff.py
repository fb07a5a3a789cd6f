"""Who already works in the workspace, and in which inboxes: made up, or read from a file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec

from mig_crisp.sandbox.answers import Json
from mig_crisp.sandbox.workspace import Workspace, make_id

OWNER = {"email": "owner@sandbox.example", "first_name": "Olive", "last_name": "Owner", "role": "owner"}
ABSENT = 3
"""Of a source's people so many are not in the workspace yet: a migration must cope with them."""


def settle_in(desk: Workspace, path: Path | None) -> None:
    """Fill a workspace with its owner, and the operators and inboxes of a file.

    Args:
        desk: The workspace, empty.
        path: A JSON list of operators, or a Kustomer dataset in JSON Lines; either may be gzipped.

    Raises:
        ValueError: The file is neither.
    """
    content = b"" if path is None else path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content.lstrip()[:1] == b"[":
        operators = _decode(content, path)
        for one in operators:
            if not isinstance(one, dict) or "@" not in str(one.get("email", "")):
                raise ValueError(f"{path}: an operator needs an email: {one!r}")
            add_operator(desk, one)
    elif content:
        _from_dataset(desk, [_decode(line, path) for line in content.splitlines() if line.strip()], path)
    if not any(one["role"] == "owner" for one in desk.operators.values()):
        add_operator(desk, OWNER)


def add_operator(desk: Workspace, operator: Json) -> None:
    """An operator, under an id made from the e-mail unless one is given."""
    email = operator["email"]
    details = {
        "user_id": operator.get("user_id") or make_id(f"operator/{email.casefold()}"),
        "email": email,
        "avatar": operator.get("avatar"),
        "first_name": operator.get("first_name", ""),
        "last_name": operator.get("last_name", ""),
        "role": operator.get("role", "member"),
        "title": operator.get("title", ""),
        "availability": operator.get("availability", "offline"),
        "has_token": operator.get("has_token", False),
    }
    desk.operators[details["user_id"]] = details


def _from_dataset(desk: Workspace, lines: list[Any], path: Path | None) -> None:
    found: dict[str, list[Json]] = {"users": [], "queues": []}
    for line in lines:
        if not isinstance(line, dict) or not isinstance(line.get("resource"), dict):
            raise ValueError(f"{path}: a line of a dataset has a kind and a resource")
        if line.get("kind") in found:
            found[line["kind"]].append(line["resource"])
    people = [one for one in found["users"] if _works(one["attributes"])]
    for one in sorted(people, key=lambda user: str(user["id"]))[:-ABSENT]:
        facts = one["attributes"]
        first, _, last = (facts.get("displayName") or facts.get("name") or "").partition(" ")
        name = {"first_name": first, "last_name": last}
        add_operator(desk, {"email": facts["email"], **name, "avatar": facts.get("avatarUrl")})
    for order, one in enumerate(sorted(found["queues"], key=lambda queue: str(queue["id"]))[::2]):
        facts = one["attributes"]
        inbox_id = make_id(f"inbox/{one['id']}")
        shown = {"name": facts.get("displayName") or facts["name"], "emoji": "📥", "order": order}
        rules: Json = {"operators": [], "teams": [], "conditions": [], "operator": "and"}
        desk.inboxes[inbox_id] = {"inbox_id": inbox_id, **shown, **rules}


def _works(facts: Json) -> bool:
    return facts.get("userType") == "user" and not facts.get("deletedAt") and bool(facts.get("email"))


def _decode(content: bytes, path: Path | None) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        pass
    try:  # a desk's own rows may hold half an emoji, which only this one reads
        return json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
