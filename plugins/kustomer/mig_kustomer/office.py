"""The desk's configuration as neutral records, and the rows of tables the organisation made itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from mig import COMPANY, CONTACT, CONVERSATION, QUEUE, TAG, Config, CustomObject, Kind, Record, Ref
from mig_kustomer.catalog import SHORTCUT_CATEGORY
from mig_kustomer.names import is_usable
from mig_kustomer.reading import DERIVED_NAMES, Reader, Reading

_LONGEST_ADDRESS = 8192
_TITLES = ("title", "name", "displayName", "displayname", "label", "teamName", "subject", "email", "url", "account")
"""Where a name may stand; the first that says something is the title."""


class Setup(Struct, frozen=True):
    """What is particular to the rows of one resource of configuration."""

    titles: Sequence[str] = _TITLES
    parents: Mapping[str, Kind] = {}
    """Relationships that may name what it belongs to; the first that does is its parent."""
    said: Mapping[str, Any] = {}
    """What its resource says of it beyond its attributes."""


SETUPS: Mapping[str, Setup] = {
    "klasses": Setup(("displayName", "displayname", "name")),
    "shortcuts": Setup(parents={"parent": SHORTCUT_CATEGORY}),
    "shortcut_categories": Setup(parents={"parent": SHORTCUT_CATEGORY}),
    "hooks_web": Setup(said={"sort": "web"}),
    "hooks_email": Setup(said={"sort": "email"}),
    "hooks_form": Setup(said={"sort": "form"}),
    "outbound_webhooks": Setup(said={"sort": "outbound"}),
    "chat": Setup(("teamName", "title", "name"), said={"channel": "chat"}),
    "routing_rules": Setup(parents={"queue": QUEUE}),
    "drafts": Setup(("subject", "channel"), parents={"conversation": CONVERSATION, "customer": CONTACT}),
}


def config(row: Reading, resource: str, beside: Mapping[str, Any]) -> list[Record]:
    """A piece of configuration: what it says is kept as it is said.

    `fields` holds the attributes, relationships under `_relationships` by the ids they name, what stands beside the
    row (the versions of an SLA) and what its list says of it (`sort` of a hook). An attribute whose name is taken by
    one of these gets an underscore in front. What moves by itself (`rev`, `updatedAt` ...) is in `extra`.

    Args:
        row: The resource.
        resource: Which list it stands in.
        beside: Other members of the envelope of ours.
    """
    setup, at = SETUPS.get(resource, Setup()), row.attributes
    versions = beside.get("versions")
    title = _title(at, setup.titles) or _title_of_version(versions, at.peek("currentVersion"))
    parent = next((Ref(kind, one) for name, kind in setup.parents.items() if (one := _related(row, name))), None)
    active = _is_active(at)
    said = dict(setup.said) | ({"versions": versions} if versions is not None else {})
    fields: dict[str, Any] = {}
    rest = at.rest()
    for name in DERIVED_NAMES.intersection(rest):
        del rest[name]  # `extra` has it
    for name, value in rest.items():
        fields["_" + name if name.startswith("_") or name in said else name] = value
    if relations := row.relationships():
        said["_relationships"] = relations
    for name in rest:
        at.take(name, lambda value: value, "anything")
    return [
        Config(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            title=title,
            active=active,
            parent=parent,
            fields=fields | said,
            extra=row.extra(),
        )
    ]


def custom_object(row: Reading) -> list[Record]:
    """A row of a klass (docs/api/kustomer.md, section 7.9).

    Its klass is in its type, `kobject.<klass>`, and in its relationship. A large one keeps its data outside: the
    address stays in `extra`, and is not followed.
    """
    at = row.attributes
    if at.peek("s3DataUrl") not in (None, ""):
        at.doubt("s3DataUrl", "its data lies outside the desk; only their address is kept")
    tag, told = str(row.resource.get("type") or ""), _related(row, "klass")
    klass = tag.partition(".")[2] if tag.startswith("kobject.") else ""
    if klass and told and klass != told:
        row.doubt("relationships.klass", "names another klass than the type does; the type is believed")
    elif told:
        row.relation("klass", Kind("klass"))  # its link is a `link`, and repeats the name
    if not klass and not told:
        row.doubt("relationships.klass", "nothing says which klass it is of")
    return [
        CustomObject(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            klass=klass or told,
            title=at.text("title"),
            description=at.text("description"),
            external_id=at.text("externalId"),
            contact=row.relation("customer", CONTACT),
            company=row.relation("company", COMPANY),
            conversation=row.relation("conversation", CONVERSATION),
            tags=at.refs("tags", TAG),
            images=at.texts("images", _LONGEST_ADDRESS),
            deleted=any([at.flag("deleted"), at.since("deletedAt")]),
            data=at.mapping("data"),
            custom=at.mapping("custom"),
            extra=row.extra(),
        )
    ]


def _title(at: Reader, names: Sequence[str]) -> str:
    found = (at.peek(name) for name in names)
    return next((str(one) for one in found if isinstance(one, str) and one.strip()), "")


def _title_of_version(versions: Any, current: Any) -> str:
    """The name the current version of an SLA gives it, or the last one."""
    rows = [one.get("attributes") for one in versions if isinstance(one, dict)] if isinstance(versions, list) else []
    named = [one for one in rows if isinstance(one, dict) and isinstance(one.get("name"), str)]
    chosen = [one for one in named if one.get("version") == current] or named
    return str(chosen[-1]["name"]) if chosen else ""


def _related(row: Reading, name: str) -> str:
    """The id a relationship of a row names, which stays."""
    relations = row.resource.get("relationships")
    relation = relations.get(name) if isinstance(relations, dict) else None
    data = relation.get("data") if isinstance(relation, dict) else None
    found = data.get("id") if isinstance(data, dict) else None
    return found if is_usable(found) else ""


def _is_active(at: Reader) -> bool:
    """Neither deleted nor switched off, by any of the words rows have for it; the words stay where they are."""
    off = [
        _shown(at, "deleted") is True,
        at.since("deletedAt"),
        _shown(at, "enabled") is False,
        _shown(at, "appDisabled") is True,
        _shown(at, "published") is False,
        at.peek("status") == "disabled",
    ]
    return not any(off)


def _shown(at: Reader, name: str) -> bool | None:
    value = at.peek(name)
    if value is not None and not isinstance(value, bool):
        at.doubt(name, "something else where true or false belongs")
    return value if isinstance(value, bool) else None
