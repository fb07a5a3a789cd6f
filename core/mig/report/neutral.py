"""Neutral records that a person rebuilds, in words: teams, agents, queues, attributes, old addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mig.model import (
    Agent,
    Article,
    AttributeDefinition,
    Category,
    Config,
    CustomObject,
    HelpAddress,
    Queue,
    Record,
    Ref,
    Tag,
    Team,
)
from mig.platforms import Lookup

_MOST = 200
"""Names that are listed of one thing."""


def name(ref: Ref, look: Lookup) -> str:
    """What a record is called, else its id."""
    found = look(ref)
    return (title(found, look) if found is not None else "") or f"{ref.kind} {ref.id}"


def title(record: Record, look: Lookup) -> str:
    """What a record is called."""
    match record:
        case AttributeDefinition():
            return f"{record.of}: {record.label or record.name}"
        case HelpAddress():
            article = look(record.article) if record.article is not None else None
            return title(article, look) if article is not None else "an article that is not known"
        case Agent():
            return record.name or record.email
        case Team() | Queue() | Tag() | Category():
            return record.name
        case Config() | CustomObject() | Article():
            return record.title
        case _:
            return ""


def is_off(record: Record) -> bool:
    """Whether it is switched off, deleted, or nobody to be invited."""
    if isinstance(record, Agent):
        return not (record.active and record.human)
    if isinstance(record, Config):
        return not record.active
    return bool(getattr(record, "deleted", False))


def facts(record: Record, look: Lookup) -> Sequence[str]:
    """One fact a line, in plain text."""
    match record:
        case Team():
            return [f"Members: {listed(name(ref, look) for ref in record.members)}"]
        case Agent():
            program = [] if record.human else ["A program, not a person: nobody to be invited."]
            return [f"E-mail: {record.email or 'none'}", *program]
        case Queue():
            usual = ["The one that takes what no rule sends elsewhere."] if record.system else []
            return [*([f"Description: {record.description}"] if record.description else []), *usual]
        case AttributeDefinition():
            kind = f"Type: {record.type or 'not told'}{', several values' if record.many else ''}"
            options = [f"Values: {listed(map(str, record.options))}"] if record.options else []
            secret = ["It is marked as sensitive."] if record.sensitive else []
            return [f"Name: {record.name}", kind, *options, *secret]
        case HelpAddress():
            return [f"Old address: {path}" for path in record.paths[:_MOST]]
        case _:
            return []


def listed(names: Iterable[str]) -> str:
    """Names with commas between them."""
    found = list(names)
    more = f" and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more if found else "none"
