"""What the Kustomer source makes of one resource: everything ends in a field, in custom or in extra."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mig
from mig import Raw, Ref, Unparseable
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.parse import parse

SAMPLE = Path(__file__).parent.parent / "data" / "kustomer-sample.jsonl.gz"
KINDS = (
    "customers",
    "companies",
    "conversations",
    "messages",
    "notes",
    "attachments",
    "tags",
    "users",
    "teams",
    "queues",
)
WHEN = datetime(2025, 3, 21, 20, 13, 7, 702000, UTC)


def row(resource: str, attributes: Any = None, relationships: Any = None, **top: Any) -> Raw:
    document = {"type": "x", "id": "i1", "attributes": attributes or {}, "relationships": relationships or {}, **top}
    return Raw(resource, "i1", json.dumps(document).encode())


def one(resource: str, attributes: Any = None, relationships: Any = None, **top: Any) -> Any:
    return first(row(resource, attributes, relationships, **top))


def first(raw: Raw) -> Any:
    return parse(raw).records[0]


def odd(raw: Raw) -> dict[str, str]:
    """The warnings of a raw, but not those about what every whole row says and the thin ones here do not."""
    thin = [(name, "missing") for name in ("createdAt", "updatedAt", "channel")]
    told = [(warning.field, warning.why) for warning in parse(raw).warnings]
    return dict(one for one in told if one not in thin)


def to(type_: str, id_: str) -> dict[str, Any]:
    return {"data": {"type": type_, "id": id_}, "links": {"self": f"/v1/{type_}/{id_}"}}


# ---- the sample ----------------------------------------------------------------------------------------------------


def sample() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            rows.setdefault(entry["kind"], []).append(entry["resource"])
    return rows


def test_every_row_of_the_sample_becomes_a_record_that_survives_its_encoding_and_loses_nothing() -> None:
    rows = sample()
    warned: Counter[str] = Counter()
    for resource in (*KINDS, "metadata"):
        for document in rows[resource]:
            parsed = parse(Raw(resource, document["id"], json.dumps(document).encode()))
            for record in parsed.records:
                assert mig.decode(mig.encode(record), type(record)) == record
            warned.update(f"{resource}.{warning.field}: {warning.why}" for warning in parsed.warnings)
            if resource != "metadata":
                assert parsed.records[0].ref.kind == RESOURCES[resource].kind
                assert missing(document["attributes"], *parsed.records) == []
    assert sum(warned.values()) < 40, warned


# ---- laws ------------------------------------------------------------------------------------------------------------


ATTRIBUTES = sorted(
    {
        *(
            "name",
            "firstName",
            "displayName",
            "emails",
            "phones",
            "whatsapps",
            "socials",
            "facebookIds",
            "instagramIds",
        ),
        *("urls", "locations", "externalId", "externalIds", "tags", "gender", "birthdayAt", "lastSeenAt", "custom"),
        *("companyName", "deleted", "deletedAt", "domains", "employeeCount", "status", "channels", "priority", "spam"),
        *("assignedUsers", "assignedTeams", "satisfactionLevel", "satisfaction", "snooze", "endedAt", "lastDone"),
        *("messageCount", "lastMessageAt", "direction", "directionType", "channel", "preview", "subject", "meta"),
        *("sentAt", "auto", "redacted", "error", "body", "contentType", "contentLength", "color", "email", "userType"),
        *(
            "members",
            "system",
            "description",
            "createdAt",
            "updatedAt",
            "rev",
            "modificationHistory",
            "_derived",
            "_top",
        ),
    }
)
INNER = [
    "email",
    "phone",
    "type",
    "verified",
    "url",
    "externalId",
    "userId",
    "domain",
    "status",
    "time",
    "rating",
    "to",
]
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "\x00", "in", "out", "m", "half \ud83d an emoji", "****", "2024-13-01T10:00:00Z", "5", "nan"]),
    st.sampled_from(["2016-11-06T13:54:29-05:00", "2025-03-21T20:13:07.702Z", "2025-03-21", "scheduled", "voice"]),
)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(INNER), TEXTS), inner, max_size=4),
    ),
    max_leaves=12,
)
ANYTHING = st.dictionaries(st.one_of(st.sampled_from(ATTRIBUTES), TEXTS), VALUES, max_size=8)


def leaves(value: Any) -> list[Any]:
    """What must be found again. Documented: null and "" are absence, dates are told in UTC with milliseconds."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    if value is None or value == "":
        return []
    if isinstance(value, bool):
        return [str(value)]
    if isinstance(value, (int, float)):
        return [float(value)] if abs(value) < 2**53 else [repr(value)]
    try:
        when = datetime.fromisoformat(value.strip())
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
        return [when.replace(microsecond=when.microsecond // 1000 * 1000).isoformat()]
    except (ValueError, OverflowError):
        pass
    try:
        return [float(value)] if abs(float(value)) < 2**53 else [value]
    except ValueError:
        return [value.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\ufffd", "")]


def missing(attributes: Any, *records: Any) -> list[Any]:
    """The leaves of the input that the records do not hold."""
    there = {leaf for record in records for leaf in leaves(json.loads(mig.encode(record)))} | {"male", "female"}
    told = {"m": "male", "f": "female"}
    # false is the same as absent, as a flag's default is
    return [
        leaf for leaf in leaves(attributes) if leaf not in there and told.get(leaf) not in there and leaf != "False"
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(resource=st.sampled_from(KINDS), attributes=ANYTHING, relationships=VALUES)
def test_whatever_an_attribute_holds_it_ends_in_a_field_in_custom_or_in_extra(
    resource: str, attributes: dict[str, Any], relationships: Any
) -> None:
    raw = Raw(
        resource, "i1", json.dumps({"id": "i1", "attributes": attributes, "relationships": relationships}).encode()
    )
    parsed = parse(raw)
    assert {record.ref.id for record in parsed.records} == {"i1"}
    assert len(parsed.records) == 1 or [type(one) for one in parsed.records] == [mig.Conversation, mig.Rating]
    for record in parsed.records:
        assert mig.decode(mig.encode(record), type(record)) == record
    assert missing(attributes, *parsed.records) == []
    assert parse(raw) == parsed


HELP: tuple[str, ...] = (
    "langs",
    "langVersions",
    "latestLangs",
    "categories",
    "knowledgeBases",
    "parent",
    "knowledgeBase",
    "hash",
)
HELP += ("source", "scope", "metaKeywords", "metaDescription", "tags", "images", "data", "s3DataUrl", "enabled")
SETUP = st.dictionaries(st.one_of(st.sampled_from([*HELP, *ATTRIBUTES, "sort", "versions", "_x"]), TEXTS), VALUES)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    resource=st.sampled_from(sorted(set(RESOURCES) - {*KINDS, "metadata", "kobject_metadata", "accounts", "chat"})),
    attributes=SETUP,
    relationships=VALUES,
    beside=VALUES,
)
def test_nor_is_anything_lost_of_configuration_of_objects_or_of_the_help_centre(
    resource: str, attributes: dict[str, Any], relationships: Any, beside: Any
) -> None:
    row = {"id": "i1", "attributes": attributes, "relationships": relationships}
    versions = {"en_us": {"htmlBody": "<img src=x>", "title": beside}} if resource == "articles" else beside
    raw = Raw(resource, "i1", json.dumps({"data": row, "versions": versions}).encode())
    parsed = parse(raw)
    assert parsed.records
    names = [record.ref for record in parsed.records]
    assert len(set(names)) == len(names)
    assert {odd.ref for odd in parsed.warnings} <= set(names)
    for record in parsed.records:
        assert mig.decode(mig.encode(record), type(record)) == record
    assert missing(attributes, *parsed.records) == []
    assert parse(raw) == parsed


@settings(max_examples=200, deadline=None)
@given(resource=st.sampled_from(sorted(RESOURCES)), body=st.one_of(VALUES, st.fixed_dictionaries({"id": VALUES})))
def test_parse_raises_nothing_but_unparseable(resource: str, body: Any) -> None:
    try:
        parse(Raw(resource, "i1", json.dumps(body).encode()))
    except Unparseable:
        id_ = body.get("id") if isinstance(body, dict) else None
        assert not isinstance(id_, str) or not id_ or not id_.isprintable()


@given(body=st.binary(max_size=60))
def test_bytes_of_any_kind_are_parsed_or_unparseable(body: bytes) -> None:
    with pytest.raises(Unparseable):
        parse(Raw("messages", "i1", body))


@settings(deadline=None)
@given(properties=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_every_property_becomes_a_definition(properties: dict[str, Any]) -> None:
    body = json.dumps({"id": "customer", "attributes": {"properties": properties}}).encode()
    records = parse(Raw("metadata", "customer", body)).records
    assert len(records) == len(properties)
    for record in records:
        assert mig.decode(mig.encode(record), type(record)) == record
    assert [
        leaf for value, record in zip(properties.values(), records, strict=True) for leaf in missing(value, record)
    ] == []


def test_system_changes_leave_everything_but_the_derived_part_alone() -> None:
    before = {
        "name": "Ada",
        "rev": 1,
        "updatedAt": "2025-01-01T00:00:00.000Z",
        "lastActivityAt": "2025-01-01T00:00:00Z",
    }
    after = {
        "name": "Ada",
        "rev": 9,
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "preview": {"text": "new"},
        "presence": "online",
    }
    first, second = one("customers", before), one("customers", after, {"modifiedBy": to("user", "u1")})
    assert {k: v for k, v in first.extra.items() if k != "_derived"} == {}
    assert {k: v for k, v in second.extra.items() if k != "_derived"} == {}
    assert second.extra["_derived"]["rev"] == 9


# ---- people ----------------------------------------------------------------------------------------------------------


def test_a_customer_is_read_whole() -> None:
    contact = one(
        "customers",
        {
            "name": "Ada Example",
            "firstName": "Ada",
            "lastName": "Example",
            "externalId": "crm-17",
            "externalIds": [{"externalId": "crm-17", "verified": True}, {"externalId": "crm-18", "verified": False}],
            "emails": [{"type": "home", "email": "ada@example.org", "verified": False, "externalVerified": False}],
            "sharedEmails": [{"type": "work", "email": "family@example.org"}],
            "phones": [{"type": "mobile", "phone": "+4915112345678", "verified": True}],
            "whatsapps": [{"type": "mobile", "phone": "whatsapp:+49151", "verified": False}],
            "facebookIds": [{"pageId": "1", "userId": "2", "name": "Ada"}],
            "instagramIds": [{"pageId": "1", "threadId": "t", "username": "ada", "instagramId": "9"}],
            "socials": [{"type": "twitter", "userid": "1234", "username": "@ada", "url": "https://x.example/ada"}],
            "locations": [
                {
                    "type": "work",
                    "name": "HQ",
                    "address": "1 Road",
                    "cityName": "Bonn",
                    "zipCode": "5",
                    "countryCode": "DE",
                }
            ],
            "urls": [{"type": "website", "url": "https://ada.example"}],
            "gender": "f",
            "birthdayAt": None,
            "tags": ["t1", "t2"],
            "custom": {"loyaltyTierStr": "gold", "lifetimeValueNum": 12.5},
            "companyName": "ACME",
            "createdAt": "2025-03-21T20:13:07.702Z",
            "updatedAt": "2025-03-21T20:13:07.702Z",
            "deleted": False,
        },
        {"company": to("company", "c1"), "org": to("org", "o1"), "orders": {"meta": {"kobject": True}}},
    )
    assert contact.ref == Ref(mig.CONTACT, "i1")
    assert (contact.name, contact.first_name, contact.gender, contact.company_name) == (
        "Ada Example",
        "Ada",
        "female",
        "ACME",
    )
    assert contact.emails == [mig.Address(value="ada@example.org", label="home", verified=False)]
    assert contact.phones == [mig.Address(value="+4915112345678", label="mobile", verified=True)]
    assert [(h.network, h.id, h.name) for h in contact.handles] == [
        ("whatsapp", "whatsapp:+49151", ""), ("twitter", "1234", "@ada"),
        ("facebook", "2", "Ada"), ("instagram", "9", "ada"),
    ]  # fmt: skip
    assert contact.places[0].city == "Bonn"
    assert contact.external_ids == ["crm-17", "crm-18"]
    assert contact.company == Ref(mig.COMPANY, "c1")
    assert contact.tags == [Ref(mig.TAG, "t1"), Ref(mig.TAG, "t2")]
    assert contact.created_at == contact.changed_at == WHEN
    assert contact.custom == {"loyaltyTierStr": "gold", "lifetimeValueNum": 12.5}
    assert contact.extra == {
        "emails": [{"externalVerified": False}],
        "externalIds": [{"verified": True}, {"verified": False}],
        "facebookIds": [{"pageId": "1"}],
        "instagramIds": [{"pageId": "1", "threadId": "t"}],
        "sharedEmails": [{"type": "work", "email": "family@example.org"}],
        "whatsapps": [{"type": "mobile", "verified": False}],
        "_relationships": {"orders": {"meta": {"kobject": True}}},
        "_derived": {"_relationships": {"org": to("org", "o1")}},
    }


def test_a_shared_address_identifies_nobody() -> None:
    assert one("customers", {"sharedEmails": [{"email": "family@example.org"}]}).emails == []


def test_a_customer_without_a_name_has_the_one_that_is_shown() -> None:
    assert one("customers", {"name": None, "displayName": "Visitor 7"}).name == "Visitor 7"


def test_misspelt_attributes_of_companies_are_read() -> None:
    company = one(
        "companies", {"extenalId": "x7", "whatapps": [{"phone": "+1"}], "domains": [{"domain": "a.example"}, {}]}
    )
    assert (company.external_id, company.handles[0].id, company.domains) == ("x7", "+1", ["a.example"])


def test_masked_values_are_warned_about_without_being_shown() -> None:
    assert odd(row("customers", {"custom": {"ssnStr": "****"}, "phones": [{"phone": "****1234"}]})) == {
        "custom.ssnStr": "looks masked: the key may not read sensitive attributes",
        "phones": "looks masked: the key may not read sensitive attributes",
    }
    assert odd(row("messages", {"preview": "**** you", "direction": "in"})) == {}


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_a_conversation_is_read_whole() -> None:
    thread = one(
        "conversations",
        {
            "name": "Where is my order", "status": "done", "channels": ["email"], "priority": 3, "direction": "in",
            "snooze": {"status": "scheduled", "time": "2026-01-02T00:00:00.000Z"}, "defaultLang": "en_us",
            "satisfactionLevel": {
                "form": "f1", "formResponse": "r1", "status": "commented", "channel": "email", "score": 1,
                "rating": "5", "firstAnswer": "great", "sentBy": "u1", "updatedAt": "2025-03-21T20:13:07.702Z",
            },
            "lastDone": {"createdAt": "2025-03-21T20:13:07.702Z"}, "messageCount": 4, "noteCount": 1,
            "tags": ["t1"], "assignedUsers": ["u1"], "assignedTeams": ["g1"],
            "lastMessageAt": "2025-03-21T20:13:07.702Z",
            "custom": {"contactReasonTree": "billing.refund"}, "ended": True, "satisfaction": "0",
        },
        {"customer": to("customer", "p1"), "queue": to("queue", "q1"), "brand": to("brand", "b1")},
    )  # fmt: skip
    assert (thread.title, thread.status, thread.channels, thread.priority) == (
        "Where is my order",
        "done",
        ["email"],
        3,
    )
    assert (thread.contact, thread.queue) == (Ref(mig.CONTACT, "p1"), Ref(mig.QUEUE, "q1"))
    assert (thread.agents, thread.teams) == ([Ref(mig.AGENT, "u1")], [Ref(mig.TEAM, "g1")])
    assert thread.closed_at == WHEN
    assert thread.snoozed_until == datetime(2026, 1, 2, tzinfo=UTC)
    assert thread.extra == {
        "snooze": {"status": "scheduled"},
        "ended": True,
        "satisfaction": "0",
        "_relationships": {"brand": to("brand", "b1")},
        "_derived": {"lastDone": {"createdAt": "2025-03-21T20:13:07.702Z"}},
    }


def test_a_rating_is_a_record_beside_its_conversation() -> None:
    level = {
        "form": "f1", "formResponse": "r1", "status": "commented", "channel": "email", "score": 1, "rating": "5",
        "firstAnswer": "great", "answers": [{"id": "q1", "answer": 3}], "sentBy": "u1", "sentByTeams": ["g1"],
        "createdAt": "2025-03-20T20:13:07.702Z", "sentAt": "2025-03-20T21:00:00.000Z",
        "updatedAt": "2025-03-21T20:13:07.702Z",
    }  # fmt: skip
    made = parse(row("conversations", {"satisfactionLevel": level}, {"customer": to("customer", "p1")})).records
    assert made[1:] == [
        mig.Rating(
            ref=Ref(mig.RATING, "i1"), changed_at=WHEN, created_at=datetime(2025, 3, 20, 20, 13, 7, 702000, UTC),
            conversation=Ref(mig.CONVERSATION, "i1"), contact=Ref(mig.CONTACT, "p1"), rating=5.0, score=1.0,
            comment="great", status="commented", channel="email", at=WHEN, agent=Ref(mig.AGENT, "u1"),
            answers=[{"id": "q1", "answer": 3}],
            extra={"form": "f1", "sentByTeams": ["g1"], "sentAt": "2025-03-20T21:00:00.000Z", "response": "r1"},
        )
    ]  # fmt: skip
    assert "satisfactionLevel" not in made[0].extra


def test_what_was_asked_and_not_answered_is_dated_when_it_was_asked() -> None:
    level = {"formResponse": "r1", "status": "scheduled", "scheduledFor": "2025-03-21T20:13:07.702Z"}
    for more in ({}, {"updatedAt": "2025-01-01T00:00:00.000Z"}):
        rating = parse(row("conversations", {"satisfactionLevel": level | more})).records[1]
        assert isinstance(rating, mig.Rating)
        assert (rating.at, rating.answered) == (WHEN, False)


def test_two_conversations_that_name_one_response_have_a_rating_each() -> None:
    level = {"satisfactionLevel": {"formResponse": "r1"}}
    bodies = [json.dumps({"id": id_, "attributes": level}).encode() for id_ in ("c1", "c2")]
    assert [parse(Raw("conversations", "", body)).records[1].ref.id for body in bodies] == ["c1", "c2"]


def test_an_empty_satisfaction_level_is_no_rating() -> None:
    thread = one("conversations", {"satisfactionLevel": {"answers": [], "sentByTeams": []}})
    assert thread.extra == {"satisfactionLevel": {"answers": [], "sentByTeams": []}}


@pytest.mark.parametrize("status", ["elapsed", "canceled", None])
def test_a_snooze_that_is_over_has_no_end(status: str | None) -> None:
    snooze = {"status": status, "time": "2026-01-02T00:00:00.000Z"}
    thread = one("conversations", {"snooze": snooze})
    assert thread.snoozed_until is None
    assert thread.extra["snooze"] == snooze


def test_a_message_is_read_whole() -> None:
    meta = {"subject": "Order", "from": "a@example.org", "to": [{"email": "s@org.example"}]}
    message = one(
        "messages",
        {"channel": "email", "direction": "out", "preview": "Hello\x00", "meta": meta,
         "sentAt": "2025-03-21T20:13:07.702Z", "createdAt": "2025-03-22T00:00:00.000Z", "auto": True, "redacted": True,
         "status": "error", "externalId": "<a@b>",
         "error": {"code": "invalid-recipient", "title": "Recipient inactive"}},
        {"customer": to("customers", "p1"), "conversation": to("conversation", "v1"), "createdBy": to("user", "u1"),
         "attachments": {"links": {}, "data": [{"type": "attachment", "id": "f1"}]}},
        links={"self": "/v1/messages/i1", "related": "/v1/postmark/messages/i1"},
    )  # fmt: skip
    assert (message.side, message.author, message.contact) == ("out", Ref(mig.AGENT, "u1"), Ref(mig.CONTACT, "p1"))
    assert (message.conversation, message.attachments) == (Ref(mig.CONVERSATION, "v1"), [Ref(mig.ATTACHMENT, "f1")])
    assert (message.text, message.subject, message.sent_at) == ("Hello\x00", "Order", WHEN)
    assert (message.automated, message.redacted, message.status) == (True, True, "error")
    assert (message.error, message.external_id, message.meta) == ("Recipient inactive", "<a@b>", meta)
    assert message.extra == {
        "error": {"code": "invalid-recipient", "title": "Recipient inactive"},
        "_derived": {"_links": {"related": "/v1/postmark/messages/i1"}},
    }


def test_an_inbound_message_has_no_author_and_its_creation_is_its_time() -> None:
    message = one(
        "messages", {"direction": "in", "createdAt": "2025-03-21T20:13:07.702Z"}, {"createdBy": to("user", "u1")}
    )
    assert (message.author, message.sent_at) == (None, WHEN)
    assert message.extra == {"_relationships": {"createdBy": to("user", "u1")}}


def test_a_message_that_does_not_say_its_direction_is_read_by_its_kind() -> None:
    raw = row("messages", {"directionType": "response-out"})
    assert first(raw).side == "out"
    assert odd(raw) == {"direction": "missing"}
    assert odd(row("messages", {"direction": "sideways"})) == {"direction": "a text where in or out belongs"}


@pytest.mark.parametrize("to_", ["+4930", {"contact": "+4930"}, [{"phone": "+4930"}]])
def test_a_call_is_told_whatever_shape_its_addressee_has(to_: Any) -> None:
    meta = {"from": "+1555", "to": to_, "placedAt": "2026-08-12T16:14:09.489Z", "answeredAt": None, "status": "missed"}
    assert one("messages", {"channel": "voice", "direction": "in", "meta": meta}).call == {
        "from": "+1555", "to": "+4930", "started": "2026-08-12T16:14:09.489Z", "status": "missed",
    }  # fmt: skip


def test_the_original_of_an_email_becomes_its_html() -> None:
    resource = {"id": "i1", "attributes": {"direction": "in", "preview": "Hello"}}
    answer = {"data": {"attributes": {"htmlBody": "<p>Hello</p>", "spamScore": 1}}}
    message = first(Raw("messages", "i1", json.dumps({"data": resource, "body": answer}).encode()))
    assert (message.text, message.html) == ("Hello", "<p>Hello</p>")
    assert message.extra == {"_email": {"data": {"attributes": {"spamScore": 1}}}}


def test_an_email_whose_original_is_dead_keeps_its_preview_with_a_warning() -> None:
    body = json.dumps(
        {"data": {"id": "i1", "attributes": {"direction": "in", "preview": "Hello"}}, "body": {}}
    ).encode()
    message = first(Raw("messages", "i1", body))
    assert (message.text, message.html) == ("Hello", "")
    assert list(odd(Raw("messages", "i1", body))) == ["body"]


def test_a_note_names_whom_it_mentions() -> None:
    note = one(
        "notes",
        {"body": "ask __Ada__", "createdAt": "2025-03-21T20:13:07.702Z", "deletedAt": "2025-03-22T00:00:00.000Z"},
        {"createdBy": to("user", "u1"), "customer": to("customer", "p1"), "userMentions": {"data": [{"id": "u2"}]},
         "teamMentions": {"data": [{"id": "g1"}]}},
    )  # fmt: skip
    assert (note.text, note.author, note.written_at, note.conversation) == (
        "ask __Ada__",
        Ref(mig.AGENT, "u1"),
        WHEN,
        None,
    )
    assert note.mentions == [Ref(mig.AGENT, "u2"), Ref(mig.TEAM, "g1")]
    assert note.deleted is True


@pytest.mark.parametrize(
    ("relationships", "links", "parent"),
    [
        ({"message": to("message", "m1")}, {}, None),
        ({}, {"self": "/v1/messages/m1/attachments/i1"}, None),
        ({}, {}, {"type": "message", "id": "m1"}),
    ],
)
def test_a_file_finds_its_message(
    relationships: dict[str, Any], links: dict[str, str], parent: dict[str, str] | None
) -> None:
    resource = {"id": "i1", "attributes": {"contentLength": 9}, "relationships": relationships, "links": links}
    body = {"data": resource, "parent": parent} if parent else resource
    file = first(Raw("attachments", "i1", json.dumps(body).encode()))
    assert (file.parent, file.size) == (Ref(mig.MESSAGE, "m1"), 9)


def test_a_file_without_an_id_has_it_from_its_own_link() -> None:
    body = b'{"attributes":{},"links":{"self":"/v1/messages/m1/attachments/f9"}}'
    assert first(Raw("attachments", "f9", body)).ref == Ref(mig.ATTACHMENT, "f9")


# ---- desk ------------------------------------------------------------------------------------------------------------


def test_deleted_and_machine_users_are_told_apart() -> None:
    bot = one(
        "users", {"name": "Bot", "email": "b@example.org", "userType": "machine", "deletedAt": "2025-01-01T00:00:00Z"}
    )
    assert (bot.name, bot.human, bot.active, bot.email) == ("Bot", False, False, "b@example.org")


def test_tags_teams_and_queues_are_read() -> None:
    assert one("tags", {"name": "vip", "color": "#f00", "deleted": True}).deleted is True
    assert one("teams", {"displayName": "Tier 2", "members": ["u1", 7]}).members == [Ref(mig.AGENT, "u1")]
    assert one("queues", {"name": "DEFAULT_QUEUE", "system": True, "description": None}).system is True


def test_metadata_becomes_one_definition_per_property() -> None:
    properties = {
        "planStr": {"displayName": "Plan", "type": "string", "enumeration": ["free", "pro"]},
        "ownerId": {"type": "string", "target": "user", "multi": True, "deletedAt": "2023-05-05T05:05:05.555Z"},
        "reasonTree": {"type": "tree", "tree": {"children": []}, "enumeration": True, "hasSensitiveAttributes": True},
        "legacy": {"type": "date-time"},
    }
    body = json.dumps({"type": "metadata", "id": "customer", "attributes": {"properties": properties}}).encode()
    definitions: Sequence[Any] = parse(Raw("metadata", "customer", body)).records
    plan, owner, reason, legacy = definitions
    assert plan == mig.AttributeDefinition(
        ref=Ref(mig.ATTRIBUTE, "contact.planStr"), of=mig.CONTACT, name="planStr", label="Plan", type="string",
        options=["free", "pro"], extra={"type": "string"},
    )  # fmt: skip
    assert (owner.type, owner.many, owner.deleted, owner.extra["target"]) == ("reference", True, True, "user")
    assert (reason.type, reason.sensitive, reason.options) == ("tree", True, [])
    assert reason.extra == {"type": "tree", "tree": {"children": []}, "enumeration": True}
    assert legacy.type == "date"


# ---- untidiness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2016-11-06T13:54:29-05:00", datetime(2016, 11, 6, 18, 54, 29, tzinfo=UTC)),
        ("2026-09-01T00:00:04Z", datetime(2026, 9, 1, 0, 0, 4, tzinfo=UTC)),
        ("2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        ("2026-09-01T00:00:04.1239999Z", datetime(2026, 9, 1, 0, 0, 4, 123000, tzinfo=UTC)),
    ],
)
def test_odd_forms_of_a_date_are_read(text: str, when: datetime) -> None:
    assert one("notes", {"createdAt": text}).created_at == when


@pytest.mark.parametrize("value", ["2024-13-01T10:00:00Z", "0001-01-01T00:00:00+14:00", "", 1700000000000, {}, True])
def test_what_is_no_date_is_kept_and_warned_about(value: Any) -> None:
    raw = row("messages", {"sentAt": value, "direction": "in"})
    assert first(raw).sent_at is None
    assert first(raw).extra == {"sentAt": value}
    assert list(odd(raw)) == ["sentAt"]


def test_half_an_emoji_is_replaced_and_warned_about_and_nul_stays() -> None:
    body = b'{"id":"i1","attributes":{"direction":"in","preview":"cut \\ud83d","subject":"a\\u0000b\x01"}}'
    raw = Raw("messages", "i1", body)
    assert (first(raw).text, first(raw).subject) == ("cut \ufffd", "a\x00b\x01")
    assert odd(raw) == {"preview": "half a character (a lone surrogate) was replaced by U+FFFD"}


def test_numbers_no_reader_holds_become_their_text_and_are_warned_about() -> None:
    body = b'{"id":"i1","attributes":{"custom":{"aNum":1e999,"bNum":' + b"9" * 5000 + b"}}}"
    assert first(Raw("customers", "i1", body)).custom == {"aNum": "1e999", "bNum": "9" * 5000}
    assert odd(Raw("customers", "i1", body)) == {"custom": "a number that is out of every range is kept as its text"}


def test_a_row_that_is_only_marked_as_gone_holds_no_record() -> None:
    assert parse(Raw("messages", "i1", b"", gone=True)).records == ()


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{}", b'{"id":7}', b'{"id":""}', b"{", b'{"data":[]}', b"[" * 100000])
def test_a_row_without_an_object_or_an_id_is_unparseable(body: bytes) -> None:
    with pytest.raises(Unparseable):
        parse(Raw("customers", "i1", body))
