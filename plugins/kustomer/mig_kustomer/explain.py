"""Kustomer's configuration in words, for who rebuilds it elsewhere (docs/api/kustomer.md, sections 7.11 to 7.17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mig import (
    BUSINESS_RULE,
    CHANNEL,
    HOOK,
    KLASS,
    KNOWLEDGE_BASE,
    SAVED_SEARCH,
    SHORTCUT,
    SLA,
    Config,
    Kind,
    Lookup,
    Record,
)
from mig_kustomer.catalog import (
    BRAND,
    FORM,
    KB_ROUTE,
    ROUTING_RULE,
    SCHEDULE,
    SHORTCUT_CATEGORY,
    SNIPPET,
    SUB_STATUS,
    SURVEY,
    WORKFLOW,
)
from mig_kustomer.explain_words import (
    address,
    criteria,
    every,
    is_secret,
    mapping,
    names,
    plain,
    rows,
    scalar,
    span,
    value,
    variables,
    words,
)

Fields = Mapping[str, Any]
_LONGEST = 12_000
"""Characters of a text that is quoted; one more than a shortcut may have."""
_METRICS = {
    "firstResponse": "First response",
    "nextReply": "Next reply",
    "longestUnrespondedMessage": "Longest message without a response",
    "totalConversationOpenTime": "Total time a conversation is open",
    "totalCustomerWaitTime": "Total time a customer waits",
}
_OF_STEP = ("action", "type", "appAction", "name", "displayName", "id")
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SORTS = {"web": "Web hook", "email": "E-mail hook", "form": "Form hook", "outbound": "Outbound web hook"}
_WAYS: Mapping[object, str] = {"asc": "ascending", "desc": "descending"}
_TRIGGERS = {"create": "is created", "update": "is updated"}


def explain(record: Record, look: Lookup) -> Sequence[str]:
    """A piece of configuration in words: one fact a line; what is to be copied follows a line break."""
    if not isinstance(record, Config):
        return []
    found = _KINDS.get(record.ref.kind, _anything)(record, record.fields, look)
    told = [fact for fact in found if fact.strip()]
    if not record.active:
        told.append("It is switched off or deleted.")
    return told


def _shortcut(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    if record.parent is not None:
        yield f"Category: {_path(record, look)}"
    draft = mapping(fields.get("draft"))
    text = draft.get("text") or _blocks(mapping(mapping(fields.get("payload")).get("text")))
    if isinstance(text, str) and text.strip():
        yield f"Text:\n{text[:_LONGEST]}"
        yield from variables(text, look)
    for name, change in mapping(fields.get("conversation")).items():
        one = mapping(change)
        how = f"{plain(name)}: {plain(one.get('operator') or 'set')} {value(name, one.get('value'), look)}"
        yield f"It changes the conversation's {how}"
    users, teams = names("users", fields.get("accessUsers"), look), names("teams", fields.get("accessTeams"), look)
    if fields.get("isPrivate") is True:
        yield "It is private: only its author sees it."
    if users or teams:
        yield f"Only for: {', '.join(filter(None, (users, teams)))}"
    files = every(mapping(fields.get("_relationships")).get("attachments"))
    if files:
        yield f"It has {len(files)} file{'s' if len(files) > 1 else ''} attached, which the archive does not hold."


def _blocks(text: Mapping[str, Any]) -> str:
    return "\n".join(str(one.get("text") or "") for one in rows(text.get("blocks")))


def _path(record: Config, look: Lookup) -> str:
    """The categories above a shortcut; they may stand in a circle."""
    found: list[str] = []
    parent, seen = record.parent, set[object]()
    while parent is not None and parent not in seen and len(seen) < 20:
        seen.add(parent)
        above = look(parent)
        if not isinstance(above, Config):
            found.append(parent.id)
            break
        found.append(above.title or parent.id)
        parent = above.parent
    return " > ".join(reversed(found))


def _category(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    if record.parent is not None:
        yield f"Under: {_path(record, look)}"


def _snippet(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield f"Shortcuts name it [[{record.title}]]."
    held = fields.get("value")
    for language, text in (held if isinstance(held, Mapping) else {"": held}).items():
        if isinstance(text, str) and text:
            yield f"Text{f' in {language}' if language else ''}:\n{text[:_LONGEST]}"


def _sla(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    version = _current(fields)
    if not version:
        yield "Its targets are not known: none of its versions came with it."
        return
    if version.get("description"):
        yield f"Description: {plain(version['description'])}"
    hours = version.get("hours")
    yield f"Hours that count: {'all (calendar)' if hours == 'calendar' else plain(hours) or 'not told'}"
    yield from _applies(version, look)
    for name, one in mapping(version.get("metrics")).items():
        metric, title = mapping(one), _METRICS.get(name) or words(name)
        if metric.get("enabled") is not True:
            continue
        times = [f"priority {plain(level)}: {span(ms)}" for level, ms in mapping(metric.get("times")).items()]
        human = "; only what a person does counts" if metric.get("basedOnHumanInteraction") is True else ""
        yield f"{title}: {', '.join(times) or 'no time is set'}{human}"


def _current(fields: Fields) -> Mapping[str, Any]:
    """The attributes of the version in force, else of the last one."""
    found = [mapping(one.get("attributes")) or one for one in rows(fields.get("versions"))]
    now = fields.get("currentVersion")
    return next((one for one in found if one.get("version") == now), found[-1] if found else {})


def _rule(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield from _described(fields)
    what, trigger = plain(fields.get("resource") or "record"), fields.get("trigger")
    if isinstance(trigger, str) and trigger:
        when = _TRIGGERS.get(trigger)
        yield f"When: a {what} {when}" if when else f"When: {plain(trigger)} ({what})"
    yield from _applies(fields, look)
    for action in rows(fields.get("actions")):
        yield f"Then: {_action(action, look)}"
    if isinstance(fields.get("position"), int):
        yield f"Position among the rules: {fields['position'] + 1}"


def _action(action: Mapping[str, Any], look: Lookup) -> str:
    """`conversation.tags.append` and its value as a sentence."""
    parts = str(action.get("type") or "").split(".")
    if len(parts) == 3:
        verb = {"append": "add to", "remove": "remove from", "set": "set"}.get(parts[2], parts[2])
        joint = "to " if parts[2] == "set" else ""
        return f"{plain(verb)} {plain(parts[0])} {words(parts[1])}: {joint}{value(parts[1], action.get('value'), look)}"
    rest = {key: one for key, one in action.items() if key != "type"}
    return f"{plain(action.get('type') or 'an action')}: {value('', rest, look)}"


def _routing_rule(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    queue = look(record.parent) if record.parent is not None else None
    if record.parent is not None:
        yield f"Goes to the queue: {getattr(queue, 'name', '') or record.parent.id}"
    yield from _applies(fields, look)
    if isinstance(fields.get("order"), int):
        yield f"Position among the rules: {fields['order'] + 1}"


def _workflow(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield from _described(fields)
    trigger = mapping(fields.get("trigger"))
    event = trigger.get("eventName") or fields.get("eventName")
    if event:
        yield f"Starts with the event: {plain(event)}"
    yield from _applies(trigger, look)
    steps = rows(fields.get("steps"))
    for number, step in enumerate(steps[:200], 1):
        what = step.get("action") or step.get("type") or step.get("appAction") or "a step"
        title = step.get("name") or step.get("displayName") or step.get("id") or ""
        rest = {name: one for name, one in step.items() if name not in _OF_STEP}
        said = f", with {value('', rest, look)}" if rest else ""
        yield f"Step {number}{f' ({plain(title)})' if title else ''}: {plain(what)}{said}"
    if not steps:
        yield "No steps are told of it."


def _search(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    data = mapping(fields.get("data"))
    yield f"Shows: {plain(data.get('queryContext') or 'records')}s"
    yield from _applies({"criteria": {key: data.get(key) for key in ("and", "or", "not")}}, look)
    order = [
        f"{words(key)} ({_WAYS.get(str(way)) or plain(way)})"
        for one in every(data.get("sort"))
        for key, way in mapping(one).items()
    ]
    if order:
        yield f"Sorted by: {', '.join(order)}"
    columns = [plain(one) for one in every(data.get("fields"))]
    if columns:
        yield f"Columns: {', '.join(columns)}"
    yield "It is shared." if fields.get("shared") is True else "It is its owner's own."
    for key, what in (("teamVisibilities", "teams"), ("userVisibilities", "users")):
        shown = names(what, [one.get("id") for one in rows(fields.get(key))], look)
        if shown:
            yield f"Visible to {what}: {shown}"


def _hook(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield f"{_SORTS.get(str(fields.get('sort')), 'Hook')}"
    yield from _described(fields)
    if fields.get("url"):
        yield f"Address: {address(fields['url'], fields)}"
    if fields.get("email"):
        yield f"E-mail address: {address(fields['email'], fields)}"
    events = [plain(one) for one in every(fields.get("events") or fields.get("eventName"))]
    if events:
        yield f"Event: {', '.join(events)}"
    if any(is_secret(name) and one for name, one in fields.items()):
        yield "Its key is left out here: make a new one."


def _channel(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield f"Channel: {plain(fields.get('channel') or 'not told')}"
    if fields.get("account"):
        yield f"Account: {plain(fields['account'])}"
    yield from _rest(fields, look, "channel", "account", "name", "enabled")


def _schedule(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield f"Time zone: {plain(fields.get('timezone') or 'not told')}"
    if fields.get("default") is True:
        yield "It is the usual one."
    for number, name in enumerate(_DAYS):
        held = mapping(fields.get("hours"))
        if str(number) in held:
            spans = [f"{_clock(one[0])} to {_clock(one[1])}" for one in every(held[str(number)]) if _is_span(one)]
            yield f"{name}: {', '.join(spans) or 'closed'}"
    yield from _rest(fields, look, "timezone", "default", "hours", "name")


def _is_span(one: Any) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(type(at) in (int, float) for at in one)


def _clock(minutes: float) -> str:
    hours, rest = divmod(int(minutes), 60) if abs(minutes) < 1e6 else (0, 0)
    return f"{hours:02}:{rest:02}"


def _survey(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield from _described(fields)
    yield f"Channel: {plain(fields.get('channel') or 'not told')}"
    scale = mapping(fields.get("scale"))
    if scale:
        ends = " to ".join(plain(scale[key]) for key in ("labelLow", "labelHigh") if scale.get(key))
        steps = f"{plain(scale.get('options'))} steps, {plain(scale.get('type'))}"
        yield f"Scale: {steps}{f', from {ends}' if ends else ''}"
    for key, title in (("introduction", "Introduction"), ("ratingPrompt", "Question")):
        if fields.get(key):
            yield f"{title}: {plain(fields[key])}"
    for one in rows(fields.get("allQuestions") or fields.get("questions")):
        yield f"Further question: {plain(one.get('prompt'))} ({plain(one.get('type') or 'text')})"
    if type(fields.get("delayTime")) in (int, float):
        yield f"Sent: {span(fields['delayTime'])} later" if fields["delayTime"] else "Sent: at once"
    yield from _applies(fields, look)


def _knowledge_base(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    if fields.get("domain"):
        yield f"Domain: {plain(fields['domain'])}. Its old addresses have to be redirected there, by hand."
    yield from _rest(fields, look, "domain", "name", "enabled")


def _route(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    leads = " ".join(plain(fields.get(name)) for name in ("routableType", "routableId"))
    yield f"{plain(fields.get('url') or 'An address')} leads to: {leads.strip() or 'nothing that is told'}"


def _anything(record: Config, fields: Fields, look: Lookup) -> Iterator[str]:
    yield from _described(fields)
    yield from _rest(fields, look, "description", "name", "enabled", "deleted")


def _described(fields: Fields) -> Iterator[str]:
    if isinstance(fields.get("description"), str) and fields["description"].strip():
        yield f"Description: {plain(fields['description'])}"


def _applies(held: Mapping[str, Any], look: Lookup) -> Iterator[str]:
    condition = criteria(held.get("criteria"), look)
    if condition:
        yield f"If: {condition}"


def _rest(fields: Fields, look: Lookup, *told: str) -> Iterator[str]:
    """What nobody has said yet, as it is said; nothing that is empty, and no secret."""
    for name, one in fields.items():
        if name in told or name.startswith("_") or is_secret(name) or one in (None, "", [], {}):
            continue
        yield f"{words(name)}: {scalar(one) if isinstance(one, bool | int | float) else value(name, one, look)}"


_KINDS: Mapping[Kind, Callable[[Config, Fields, Lookup], Iterator[str]]] = {
    SHORTCUT: _shortcut,
    SHORTCUT_CATEGORY: _category,
    SNIPPET: _snippet,
    SLA: _sla,
    BUSINESS_RULE: _rule,
    WORKFLOW: _workflow,
    ROUTING_RULE: _routing_rule,
    SAVED_SEARCH: _search,
    HOOK: _hook,
    CHANNEL: _channel,
    SCHEDULE: _schedule,
    SURVEY: _survey,
    KNOWLEDGE_BASE: _knowledge_base,
    KB_ROUTE: _route,
    **dict.fromkeys((BRAND, FORM, KLASS, SUB_STATUS), _anything),
}
