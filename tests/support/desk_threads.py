"""The conversations that must stand on the target: names, tags, data, state, assignment; and what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from desk_custom import LONGEST_VALUE, Value, flat, keys_of
from desk_fates import Fates, first_email
from desk_findings import ABSENT, Findings, value_of
from desk_people import first_phone, nicknames, tag_names
from desk_sample import Desk, Json, clean, facts, moment, related

STATES = {"open": "unresolved", "snoozed": "pending", "done": "resolved"}
SEGMENT = "mig"
"""The tag of the migration on every conversation."""


def threads_by_id(state: Json) -> dict[str, list[Json]]:
    """The conversations of the target by the id of the one they stand for; those without an id under nothing."""
    held: dict[str, list[Json]] = defaultdict(list)
    for session in state["conversations"]:
        held[str(session["meta"]["data"].get("source_id", ""))].append(session)
    return held


def presence_findings(desk: Desk, fates: Fates, state: Json) -> Findings:
    """Every thread is there once, and nothing else is."""
    found = Findings()
    held = threads_by_id(state)
    for conversation_id, fate in fates.conversations.items():
        wanted = 1 if fate == "thread" else 0
        found.equal(f"conversation {conversation_id}", f"sessions ({fate})", wanted, len(held.pop(conversation_id, [])))
    for conversation_id, sessions in held.items():
        found.add(f"conversation {conversation_id or '?'}", "sessions", ABSENT, [one["session_id"] for one in sessions])
    return found


def thread_findings(desk: Desk, fates: Fates, state: Json) -> Findings:
    """Compare what every conversation is called, tagged, told and bound to."""
    found = Findings()
    held = threads_by_id(state)
    keys = keys_of(desk, "conversation")
    people = {profile["email"].casefold(): profile["people_id"] for profile in state["people"]}
    operators = {one["email"].casefold(): one["user_id"] for one in state["operators"]}
    inboxes = {one["name"]: one["inbox_id"] for one in state["inboxes"]}
    for row in desk.rows("conversations"):
        for session in held.get(row["id"], []):
            record = f"conversation {row['id']}"
            _metas(found, record, desk, row, session)
            _custom(found, record, flat(facts(row).get("custom"), keys), set(keys.values()), session)
            _reserved(found, record, desk, row, session)
            customer = desk.get("customers", related(row, "customer"))
            person = people.get(first_email(customer).casefold()) if customer is not None else None
            found.equal(record, "people_id", person, session["people_id"])
            found.equal(record, "state", STATES[facts(row)["status"]], session["state"])
            found.equal(record, "assigned", assigned(desk, row, operators), session["assigned"])
            found.equal(record, "inbox_id", _inbox(desk, row, inboxes), session["inbox_id"])
            found.equal(record, "participants", [], session["participants"])
            found.equal(record, "mentions", [], session["mentions"])
    return found


def dates_findings(desk: Desk, state: Json) -> Findings:
    """Compare when every conversation was made and last changed; of the latter the API page only names a key."""
    found = Findings()
    for conversation_id, sessions in threads_by_id(state).items():
        row = desk.get("conversations", conversation_id)
        if row is None:
            continue
        held = facts(row)
        for session in sessions:
            data, record = session["meta"]["data"], f"conversation {conversation_id}"
            told = {key: moment(data[key]) for key in ("source_created_at", "source_updated_at") if key in data}
            found.equal(
                record, "data.source_created_at", moment(held["createdAt"]), value_of(told, "source_created_at")
            )
            changed = [moment(held["updatedAt"]), ABSENT]
            found.one_of(record, "data.source_updated_at", changed, value_of(told, "source_updated_at"))
    return found


def assigned(desk: Desk, row: Json, operators: dict[str, str]) -> str | None:
    """The operator of the first assignee who is one."""
    users = (desk.get("users", one) for one in facts(row).get("assignedUsers") or [])
    emails = [str(facts(one).get("email") or "").casefold() for one in users if one is not None]
    return next((operators[one] for one in emails if one in operators), None)


def extra_keys(desk: Desk, state: Json) -> set[str]:
    """Keys of conversation data that are neither an attribute's nor named in the API page."""
    named = set(keys_of(desk, "conversation").values()) | set(RESERVED_KEYS)
    return {key for session in state["conversations"] for key in session["meta"]["data"]} - named


RESERVED_KEYS = (
    *("source", "source_id", "source_created_at", "source_updated_at", "source_status", "source_channel"),
    *("source_priority", "source_team", "source_queue", "source_assignee", "source_snooze_until"),
    *("source_external_id", "csat_score", "csat_rating", "csat_comment"),
)


def _inbox(desk: Desk, row: Json, inboxes: dict[str, str]) -> str | None:
    queue = desk.get("queues", related(row, "queue"))
    names = [] if queue is None else [facts(queue).get("displayName"), facts(queue).get("name")]
    return next((inboxes[str(one)] for one in names if one in inboxes), None)


def _metas(found: Findings, record: str, desk: Desk, row: Json, session: Json) -> None:
    meta = session["meta"]
    title = clean(facts(row).get("name"))
    accepted = [title, title.strip()] if title.strip() else ["", ABSENT]
    found.one_of(record, "subject", accepted, value_of(meta, "subject"))
    segments = [name.strip() for name in meta["segments"]]
    found.equal(record, "segments", [SEGMENT, *tag_names(desk, [row])], segments)
    customer = desk.get("customers", related(row, "customer"))
    if customer is None:
        channel = next(iter(facts(row).get("channels") or []), "")
        found.holds(record, "nickname names the channel", channel, meta["nickname"].casefold())
        found.true(record, "nickname is filled", bool(meta["nickname"].strip()), meta["nickname"])
        found.equal(record, "email", "", meta["email"])
        found.equal(record, "phone", ABSENT, value_of(meta, "phone"))
        return
    email = first_email(customer)
    found.one_of(record, "nickname", nicknames(customer, email.rpartition("@")[0]), meta["nickname"])
    found.equal(record, "email", email.casefold(), meta["email"].casefold())
    found.equal(record, "phone", first_phone(customer) or ABSENT, value_of(meta, "phone"))


def _custom(found: Findings, record: str, expected: dict[str, Value], keys: set[str], session: Json) -> None:
    data = session["meta"]["data"]
    left_out = data.keys() & (keys - expected.keys())
    found.equal(record, "data that is to be left out", [], sorted(left_out))
    for key, value in expected.items():
        found.one_of(record, f"data.{key}", [value, ABSENT] if value == "" else [value], value_of(data, key))


def _reserved(found: Findings, record: str, desk: Desk, row: Json, session: Json) -> None:
    held, data = facts(row), session["meta"]["data"]
    for key, value in (("source", desk.source), ("source_id", row["id"]), ("source_status", held["status"])):
        found.equal(record, f"data.{key}", value, value_of(data, key))
    found.equal(record, "data.source_priority", held.get("priority", ABSENT), value_of(data, "source_priority"))
    external = held.get("externalId") or ABSENT
    found.one_of(record, "data.source_external_id", [external, ABSENT], value_of(data, "source_external_id"))
    sleeps = held["status"] == "snoozed" and (held.get("snooze") or {}).get("time")
    until = moment(data["source_snooze_until"]) if "source_snooze_until" in data else ABSENT
    found.equal(record, "data.source_snooze_until", moment(sleeps) if sleeps else ABSENT, until)
    channel = [held.get("replyChannel"), *(held.get("channels") or [])]
    spoken = value_of(data, "source_channel")
    accepted = [", ".join(held.get("channels") or []), *filter(None, channel)]
    found.one_of(record, "data.source_channel", accepted if any(channel) else [ABSENT], spoken)
    found.one_of(record, "data.source_queue", *_queue_names(desk, row), value_of(data, "source_queue"))
    for key, kind, ids in (
        ("source_team", "teams", held.get("assignedTeams") or []),
        ("source_assignee", "users", held.get("assignedUsers") or []),
    ):
        accepted = [", ".join(desk.names(kind, ids, *fields)) for fields in (("name",), ("displayName", "name"))]
        found.one_of(record, f"data.{key}", [one or ABSENT for one in accepted], value_of(data, key))
    _rating(found, record, held, data)


def _queue_names(desk: Desk, row: Json) -> tuple[list[object]]:
    queue = desk.get("queues", related(row, "queue"))
    if queue is None:
        return ([ABSENT],)
    return ([facts(queue)[name] for name in ("name", "displayName") if facts(queue).get(name)],)


def _rating(found: Findings, record: str, held: Json, data: Json) -> None:
    level = held.get("satisfactionLevel") or {}
    rated = level.get("rating") is not None
    for key, name in (("csat_score", "score"), ("csat_rating", "rating"), ("csat_comment", "firstAnswer")):
        value = level.get(name)
        value = clean(value).strip() if isinstance(value, str) else value
        told = rated and value not in (None, "") and not (isinstance(value, str) and len(value) > LONGEST_VALUE)
        found.equal(record, f"data.{key}", value if told else ABSENT, value_of(data, key))


def sessions_of(state: Json, ids: Iterable[str]) -> set[str]:
    """The sessions that stand for some conversations."""
    wanted = set(ids)
    return {one["session_id"] for one in state["conversations"] if one["meta"]["data"].get("source_id") in wanted}
