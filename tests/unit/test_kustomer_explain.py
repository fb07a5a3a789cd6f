"""Configuration in words: what a person reads who rebuilds it, and that no row is too untidy to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig.model import Kind, Ref
from mig.testing import strategies as desk
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.explain import _KINDS, explain
from mig_kustomer.explain_words import criteria, span

TEAM, TAG, AGENT = "5f6a9e10c3e98c727dde599a", "5fb08ba0c3e98c727dde59c7", "5efa8080c3e98c727dde5987"
GENERAL, BILLING = Ref(Kind("shortcut_category"), "g"), Ref(Kind("shortcut_category"), "b")


class Look:
    """Everything there is."""

    def __init__(self, *records: mig.Record) -> None:
        self.records = {record.ref: record for record in records}

    def __call__(self, ref: Ref) -> mig.Record | None:
        return self.records.get(ref)

    def all(self, kind: Kind) -> Sequence[mig.Record]:
        return [record for record in self.records.values() if record.ref.kind == kind]


LOOK = Look(
    mig.Team(ref=Ref(mig.TEAM, TEAM), name="Tier 2"),
    mig.Tag(ref=Ref(mig.TAG, TAG), name="late/delivery"),
    mig.Agent(ref=Ref(mig.AGENT, AGENT), name="Hana Nowak"),
    mig.Queue(ref=Ref(mig.QUEUE, "q"), name="Billing"),
    mig.Config(ref=GENERAL, title="General"),
    mig.Config(ref=BILLING, title="Billing", parent=GENERAL),
    mig.Config(ref=Ref(Kind("snippet"), "s"), title="sn.org.sign"),
)


def told(kind: str, fields: Mapping[str, Any], **more: Any) -> list[str]:
    return list(explain(mig.Config(ref=Ref(Kind(kind), "x"), fields=dict(fields), **more), LOOK))


def test_a_shortcut_is_told_with_its_category_its_text_and_what_its_variables_are() -> None:
    fields = {
        "draft": {"text": "Hi {{customer.firstName}},\n\nyours\n[[sn.org.sign]] {{ x.y }} [[sn.org.gone]]"},
        "conversation": {
            "tags": {"operator": "append", "value": [TAG]},
            "status": {"operator": "set", "value": "done"},
        },
        "accessTeams": [TEAM],
        "accessUsers": [AGENT],
        "isPrivate": True,
        "_relationships": {"attachments": ["a", "b"]},
    }
    assert told("shortcut", fields, parent=BILLING) == [
        "Category: General > Billing",
        "Text:\nHi {{customer.firstName}},\n\nyours\n[[sn.org.sign]] {{ x.y }} [[sn.org.gone]]",
        "{{customer.firstName}}: write the new desk's variable for the customer's first name.",
        "[[sn.org.sign]]: write the text of this snippet.",
        "{{ x.y }}: write the new desk's variable for it, or words that do without.",
        "[[sn.org.gone]]: write the text of this snippet, which is not known.",
        'It changes the conversation\'s tags: append "late/delivery"',
        "It changes the conversation's status: set done",
        "It is private: only its author sees it.",
        'Only for: "Hana Nowak", "Tier 2"',
        "It has 2 files attached, which the archive does not hold.",
    ]


def test_categories_that_stand_in_a_circle_are_told_all_the_same() -> None:
    one, two = Ref(Kind("shortcut_category"), "1"), Ref(Kind("shortcut_category"), "2")
    look = Look(mig.Config(ref=one, title="one", parent=two), mig.Config(ref=two, title="two", parent=one))
    assert list(explain(mig.Config(ref=Ref(mig.SHORTCUT, "s"), parent=one), look)) == ["Category: two > one"]


def test_an_sla_is_told_by_its_version_in_force() -> None:
    metrics = {
        "firstResponse": {"enabled": True, "times": {"1": 5_400_000, "5": 60_000}, "basedOnHumanInteraction": True},
        "nextReply": {"enabled": False, "times": {"1": 1}},
        "longestUnrespondedMessage": {"enabled": True, "times": {}},
    }
    where = {"and": [{"conversation_channel": {"operator": "contains", "value": "email"}}], "or": []}
    now = {"version": 2, "hours": "business", "description": "VIP", "criteria": where, "metrics": metrics}
    versions = [{"attributes": {"version": 1, "hours": "calendar"}}, {"attributes": now}]
    assert told("sla", {"currentVersion": 2, "versions": versions}) == [
        "Description: VIP",
        "Hours that count: business",
        "If: conversation channel contains email",
        "First response: priority 1: 1 h 30 min, priority 5: 1 min; only what a person does counts",
        "Longest message without a response: no time is set",
    ]


def test_a_rule_is_told_as_sentences_with_names_for_ids() -> None:
    fields = {
        "resource": "conversation",
        "trigger": "create",
        "criteria": {"and": [{"conversation_tags": {"operator": "contains", "value": TAG}}], "or": []},
        "actions": [
            {"type": "conversation.tags.append", "value": [TAG, "5f0000000000000000000000"]},
            {"type": "conversation.assignedTeams.set", "value": [TEAM]},
            {"type": "webhook", "url": "https://u:p@x.example/a?token=s3cret", "headers": {"Authorization": "s3cret"}},
        ],
        "position": 0,
    }
    assert told("business_rule", fields, active=False) == [
        "When: a conversation is created",
        'If: conversation tags contains "late/delivery"',
        'Then: add to conversation tags: "late/delivery", 5f0000000000000000000000 (not known)',
        'Then: set conversation assigned teams: to "Tier 2"',
        'Then: webhook: {"url": "https://x.example/a?[left out]", "headers": {"Authorization": "[left out]"}}',
        "Position among the rules: 1",
        "It is switched off or deleted.",
    ]


def test_a_routing_rule_a_view_and_a_workflow_are_told() -> None:
    where = {"or": [{"conversation_channels": {"operator": "in", "value": ["sms", "chat"]}}]}
    assert told("routing_rule", {"criteria": where, "order": 3}, parent=Ref(mig.QUEUE, "q")) == [
        "Goes to the queue: Billing",
        "If: conversation channels is one of sms, chat",
        "Position among the rules: 4",
    ]
    data = {
        "queryContext": "conversation",
        "and": [{"conversation_created_at": {"gte": "2025-01-01"}}],
        "fields": ["name"],
    }
    sort = {"sort": [{"conversation_updated_at": "desc"}]}
    seen = {"teamVisibilities": [{"id": TEAM, "visibility": "all"}], "shared": True}
    assert told("saved_search", {"data": {**data, **sort}, **seen}) == [
        "Shows: conversations",
        "If: conversation created at is at least 2025-01-01",
        "Sorted by: conversation updated at (descending)",
        "Columns: name",
        "It is shared.",
        'Visible to teams: "Tier 2"',
    ]
    steps = [{"name": "greet", "action": "kustomer.message.create", "params": {"text": "hi"}}]
    assert told("workflow", {"trigger": {"eventName": "kustomer.conversation.create"}, "steps": steps}) == [
        "Starts with the event: kustomer.conversation.create",
        'Step 1 (greet): kustomer.message.create, with {"params": {"text": "hi"}}',
    ]


def test_a_hook_is_told_without_what_would_open_it() -> None:
    fields = {
        "sort": "web",
        "url": "https://api.example.com/v1/hooks/web/786a0c7e96ee9092?key=k0",
        "hash": "786a0c7e96ee9092",
        "eventName": "hooks.shop",
        "title": "shop",
    }
    found = told("hook", fields)
    assert found == [
        "Web hook",
        "Address: https://api.example.com/v1/hooks/web/[left out]?[left out]",
        "Event: hooks.shop",
        "Its key is left out here: make a new one.",
    ]


def test_hours_a_survey_and_a_knowledge_base_are_told() -> None:
    hours = {"0": None, "1": [[480, 1020], [1080, 1140]], "2": "odd"}
    assert told("schedule", {"timezone": "Europe/Berlin", "hours": hours, "default": True})[2:] == [
        "Sunday: closed",
        "Monday: 08:00 to 17:00, 18:00 to 19:00",
        "Tuesday: closed",
    ]
    assert told("survey", {"channel": "email", "delayTime": 10_800_000, "scale": {"type": "number", "options": 5}}) == [
        "Channel: email",
        "Scale: 5 steps, number",
        "Sent: 3 h later",
    ]
    assert told("knowledge_base", {"domain": "help.example.com"}) == [
        "Domain: help.example.com. Its old addresses have to be redirected there, by hand."
    ]


def test_a_snippet_is_told_in_each_language() -> None:
    assert told("snippet", {"value": {"de": "Danke", "en_us": "Thanks\nyours"}}, title="sn.org.sign") == [
        "Shortcuts name it [[sn.org.sign]].",
        "Text in de:\nDanke",
        "Text in en_us:\nThanks\nyours",
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, ""),
        (None, ""),
        ({"and": [], "or": []}, ""),
        (
            {"and": [{"a": {"operator": "equals", "value": "x"}}, {"or": [{"b": {"gt": 2}}, {"c": True}]}]},
            "a is x AND (b is more than 2 OR c is yes)",
        ),
        (
            {"and": [{"a": 1}], "or": [{"b": 1}, {"c": 1}], "not": [{"d": 1}]},
            "a is 1 AND (b is 1 OR c is 1) AND NOT (d is 1)",
        ),
        ({"or": [{"and": [{"a": 1}, {"b": 1}]}, {"c": {"not_set": ""}}]}, "(a is 1 AND b is 1) OR c is not set"),
        ([{"a": 1}, "odd", 7], "a is 1"),
        ({"and": {"a": 1}}, "a is 1"),
    ],
)
def test_conditions_are_sentences(found: Any, words: str) -> None:
    assert criteria(found, LOOK) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (5_400_000, "1 h 30 min"),
        (90_061_000, "1 d 1 h 1 min"),
        ("x", "x"),
        (None, "not told"),
        (-1, "-1"),
        (True, "yes"),
    ],
)
def test_times_are_told_in_words(ms: Any, words: str) -> None:
    assert span(ms) == words


KINDS = sorted({str(one.kind) for one in RESOURCES.values()})
NAMES = st.sampled_from(
    [
        "draft",
        "text",
        "criteria",
        "and",
        "or",
        "not",
        "actions",
        "steps",
        "versions",
        "attributes",
        "metrics",
        "times",
        "hours",
        "data",
        "sort",
        "fields",
        "value",
        "conversation",
        "operator",
        "url",
        "hash",
        "type",
        "name",
        "trigger",
        "scale",
        "questions",
        "allQuestions",
        "payload",
        "blocks",
        "_relationships",
        "attachments",
        "currentVersion",
        "teamVisibilities",
        "id",
        "accessTeams",
        "events",
        "delayTime",
        "order",
        "position",
        "description",
        "domain",
    ]
)
UNTIDY = st.recursive(
    desk.json_values() | st.sampled_from([TAG, "{{customer.name}}", "[[x]]", "http://[", "https://a/?b=c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | desk.keys(), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(KINDS), st.dictionaries(NAMES, UNTIDY, max_size=8), st.booleans(), st.none() | desk.refs())
def test_no_row_is_too_untidy_to_be_told(kind: str, fields: dict[str, Any], active: bool, parent: Ref | None) -> None:
    for fact in told(kind, fields, active=active, parent=parent):
        assert fact.strip()


@given(
    st.sampled_from(sorted(map(str, _KINDS))),
    st.sampled_from(["secret", "apiKey", "hash", "Authorization", "accessToken"]),
)
def test_no_secret_is_told(kind: str, name: str) -> None:
    deep = {name: "s3cret-value", "inner": [{name: "s3cret-value"}]}
    fields = {
        **deep,
        "actions": [deep],
        "steps": [deep],
        "criteria": {"and": [deep]},
        "trigger": deep,
        "data": {"and": [deep]},
    }
    assert "s3cret-value" not in "\n".join(told(kind, fields))
