"""What a unit must look like when it is read back: from `keeps` and the platform's facts, not from render."""

from __future__ import annotations

from typing import Any

import msgspec

from mig import (
    MEDIA,
    Agent,
    Article,
    Category,
    Contact,
    Conversation,
    CustomObject,
    Expected,
    HelpAddress,
    Lookup,
    Queue,
    Rating,
    Ref,
    Team,
    Unit,
)
from mig_crisp.data import is_masked
from mig_crisp.expect_help import expect_help
from mig_crisp.expect_person import expect_person
from mig_crisp.expect_thread import Thread
from mig_crisp.forms import iso, origin_of, told
from mig_crisp.mapping import is_email, local_part
from mig_crisp.office import Office
from mig_crisp.settings import CrispSettings
from mig_crisp.text import clean
from mig_crisp.words_catalog import CATALOG, Words


def expect(unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Expected:
    """Pure: what `read` must show of a unit.

    Args:
        unit: As the mappers want it; only what is to be loaded.
        look: Everything else, as the mappers want it.
        settings: The target's.
        office: Who works there, and its inboxes.
    """
    root = unit.records[0] if unit.records else None
    if isinstance(root, Contact):
        events = {record.ref for record in unit.records if isinstance(record, CustomObject)}
        found = expect_person(unit, look, settings)
        absent = {**found.absent, **dict.fromkeys(events, "its contact's timeline shows it")}
        return msgspec.structs.replace(found, absent=absent, held=frozenset(events))
    if isinstance(root, Category | Article | HelpAddress) or (root is not None and root.ref.kind == MEDIA):
        return expect_help(unit, look, settings, office)
    if not isinstance(root, Conversation):
        why = "it stands in the records that name it"
        return Expected([], {record.ref: why for record in unit.records})
    shown = conversation(root, unit, look, settings, office)
    return Thread(unit, root, shown, look, settings, office).expected()


def conversation(root: Conversation, unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Conversation:
    """The conversation itself: what it is called, tagged and told, its state, its inbox, and whose it is."""
    data = _data(root, unit, look, settings)
    extra: dict[str, Any] = {
        **_named(root, look, CATALOG[settings.language]),
        "origin": origin_of(root.channels[0]) if root.channels else "chat",
        "assigned": _assigned(root, look, office),
        "inbox": _inbox(root, look, office),
        "segment": settings.segment,
        "data": told(data),
    }
    return Conversation(
        ref=root.ref,
        title=root.title.strip(),
        status=root.status,
        channels=root.channels if "source_channel" in data else [],
        priority=root.priority,
        tags=[tag for tag in root.tags if tag.id != settings.segment],
        external_id=str(data.get("source_external_id", "")),
        created_at=root.created_at if "source_created_at" in data else None,
        snoozed_until=root.snoozed_until if "source_snooze_until" in data else None,
        custom=dict(root.custom),
        extra={key: value for key, value in extra.items() if value},
    )


def _named(root: Conversation, look: Lookup, words: Words) -> dict[str, str]:
    """What the customer is called, and how to reach them; without any of it the channel names them."""
    contact = look(root.contact) if root.contact is not None else None
    nobody = words.unnamed.format(root.channels[0] if root.channels else words.unknown)
    if not isinstance(contact, Contact):
        return {"nickname": nobody}
    emails = [one.value for one in contact.emails if is_email(one.value) and not is_masked(one.value)]
    phones = [one.value for one in contact.phones if one.value and not is_masked(one.value)]
    name = "" if is_masked(contact.name) else clean(contact.name).strip()
    email = emails[0] if emails and not contact.deleted else ""
    phone = phones[0] if phones else ""
    return {"nickname": name or local_part(email) or phone or nobody, "email": email, "phone": phone}


def _data(root: Conversation, unit: Unit, look: Lookup, settings: CrispSettings) -> dict[str, Any]:
    """The reserved keys; a text longer than a value may be is not written."""
    rating = next((record for record in unit.records if isinstance(record, Rating)), None)
    texts = {
        "source": unit.origin,
        "source_id": root.ref.id,
        "source_created_at": iso(root.created_at) if root.created_at else "",
        "source_updated_at": iso(root.changed_at) if root.changed_at else "",
        "source_status": root.status,
        "source_channel": ", ".join(root.channels),
        "source_team": ", ".join(_called(ref, look) for ref in root.teams),
        "source_queue": _called(root.queue, look) if root.queue is not None else "",
        "source_assignee": ", ".join(_called(ref, look) for ref in root.agents),
        "source_snooze_until": iso(root.snoozed_until) if root.snoozed_until else "",
        "source_external_id": root.external_id,
        "csat_comment": rating.comment if rating is not None else "",
    }
    numbers = {
        "source_priority": root.priority,
        "csat_score": rating.score if rating is not None else None,
        "csat_rating": rating.rating if rating is not None else None,
    }
    data: dict[str, Any] = {key: text for key, text in texts.items() if text and len(text) <= settings.max_value}
    return data | {key: number for key, number in numbers.items() if number is not None}


def _called(ref: Ref, look: Lookup) -> str:
    """The name of an agent, team or queue; who has none, or is not there, is named by the id."""
    found = look(ref)
    return (clean(found.name).strip() if isinstance(found, Agent | Team | Queue) else "") or ref.id


def _assigned(root: Conversation, look: Lookup, office: Office) -> str:
    """The first of its agents who is an operator."""
    agents = (look(ref) for ref in root.agents)
    operators = (office.operator(agent) for agent in agents if isinstance(agent, Agent))
    return next((operator.user_id for operator in operators if operator is not None), "")


def _inbox(root: Conversation, look: Lookup, office: Office) -> str:
    queue = look(root.queue) if root.queue is not None else None
    return (office.inbox(queue) or "") if isinstance(queue, Queue) else ""
