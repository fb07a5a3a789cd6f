"""What becomes of configuration and of rows of klasses, however untidy."""

from __future__ import annotations

import json
from typing import Any

import pytest

import mig
from mig import Kind, Raw, Ref, Unparseable
from mig_kustomer.parse import parse


def made(resource: str, attributes: Any = None, relationships: Any = None, **top: Any) -> Any:
    document = {"type": "x", "id": "i1", "attributes": attributes or {}, "relationships": relationships or {}, **top}
    (record,) = parse(Raw(resource, "i1", json.dumps(document).encode())).records
    return record


def to(type_: str, id_: str) -> dict[str, Any]:
    return {"data": {"type": type_, "id": id_}, "links": {"self": f"/v1/{type_}/{id_}"}}


def test_configuration_keeps_what_it_says_and_what_moves_by_itself_is_no_change() -> None:
    record = made(
        "shortcuts",
        {
            "name": "Hello",
            "draft": {"text": "Hi"},
            "rev": 4,
            "updatedAt": "2026-01-02T00:00:00.000Z",
            "isPrivate": None,
        },
        {
            "parent": to("shortcut_category", "g1"),
            "org": to("org", "o"),
            "attachments": {"data": [to("a", "f1")["data"]]},
        },
    )
    assert record == mig.Config(
        ref=Ref(mig.SHORTCUT, "i1"),
        changed_at=record.changed_at,
        title="Hello",
        parent=Ref(Kind("shortcut_category"), "g1"),
        fields={
            "name": "Hello",
            "draft": {"text": "Hi"},
            "isPrivate": None,
            "_relationships": {"parent": "g1", "attachments": ["f1"]},
        },
        extra={"_derived": {"rev": 4, "_relationships": {"org": to("org", "o")}}},
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"deleted": True},
        {"deletedAt": "2026-01-02T00:00:00.000Z"},
        {"enabled": False},
        {"appDisabled": True},
        {"published": False},
        {"status": "disabled"},
    ],
)
def test_what_is_switched_off_or_deleted_is_not_active(attributes: dict[str, Any]) -> None:
    record = made("workflows", attributes)
    assert not record.active
    assert record.fields == attributes


def test_a_klass_of_which_only_old_rows_are_kept_is_in_use() -> None:
    record = made("klasses", {"name": "order", "displayname": "Orders", "status": "existing_only"})
    assert (record.title, record.active) == ("Orders", True)


@pytest.mark.parametrize(
    ("resource", "sort"),
    [("hooks_web", "web"), ("hooks_email", "email"), ("hooks_form", "form"), ("outbound_webhooks", "outbound")],
)
def test_hooks_of_all_sorts_are_one_kind(resource: str, sort: str) -> None:
    record = made(resource, {"title": "t", "sort": "its own"})
    assert record.ref == Ref(mig.HOOK, "i1")
    assert record.fields == {"title": "t", "_sort": "its own", "sort": sort}


def test_an_sla_is_called_as_its_current_version_is() -> None:
    versions = [{"id": f"v{n}", "attributes": {"version": n, "name": f"Policy {n}"}} for n in (1, 2, 3)]
    row = {"id": "i1", "attributes": {"currentVersion": 2}}
    (record,) = parse(Raw("slas", "i1", json.dumps({"data": row, "versions": versions}).encode())).records
    assert isinstance(record, mig.Config)
    assert (record.title, record.fields) == ("Policy 2", {"currentVersion": 2, "versions": versions})


def test_a_sender_goes_by_what_it_says_of_itself() -> None:
    def sender(**attributes: Any) -> str:
        body = json.dumps({"type": "outbound_account", "attributes": attributes}).encode()
        (record,) = parse(Raw("accounts", "", body)).records
        assert record.ref.kind == mig.CHANNEL
        return record.ref.id

    assert sender(channel="email", account="a@b", name="A") == sender(name="A", channel="email", account="a@b")
    assert len({sender(channel="email", account="a@b"), sender(channel="sms", account="a@b"), sender(name="a@b")}) == 3
    with pytest.raises(Unparseable):
        sender(channel=5)


def test_the_settings_of_the_chat_are_a_channel_whatever_id_they_have() -> None:
    for top in ({"id": "org1"}, {}):
        body = json.dumps({"type": "chat_setting", "attributes": {"teamName": "Us"}, **top}).encode()
        (record,) = parse(Raw("chat", "chat", body)).records
        assert isinstance(record, mig.Config)
        assert (record.ref, record.title) == (Ref(mig.CHANNEL, "chat"), "Us")
        assert record.fields == {"teamName": "Us", "channel": "chat"}


def test_a_draft_belongs_to_its_conversation_or_else_to_its_customer() -> None:
    both = {"conversation": to("conversation", "c1"), "customer": to("customer", "p1")}
    assert made("drafts", {}, both).parent == Ref(mig.CONVERSATION, "c1")
    assert made("drafts", {}, {"customer": to("customer", "p1")}).parent == Ref(mig.CONTACT, "p1")


def test_definitions_of_a_klass_stand_beside_those_of_everything_else() -> None:
    body = json.dumps({"id": "kobject.order", "attributes": {"properties": {"sumNum": {"displayName": "Sum"}}}})
    (record,) = parse(Raw("kobject_metadata", "kobject.order", body.encode())).records
    assert isinstance(record, mig.AttributeDefinition)
    assert (record.ref.id, record.of, record.type) == ("kobject.order.sumNum", "kobject.order", "number")


# ---- rows of klasses -------------------------------------------------------------------------------------------------


def test_a_row_of_a_klass_is_read_whole() -> None:
    record = made(
        "kobjects",
        {
            "title": "#1", "description": None, "externalId": "x1", "data": {"a": [1]}, "custom": {"sumNum": 2},
            "images": ["https://i.example/" + "a" * 300], "tags": ["t1"], "icon": "truck", "rev": 1,
        },
        {
            "klass": {"link": {"self": "/v1/klasses/order"}, "data": {"type": "klass", "id": "order"}},
            "customer": to("customer", "p1"), "company": to("company", "b1"), "conversation": to("conversation", "c1"),
        },
        type="kobject.order",
    )  # fmt: skip
    assert record == mig.CustomObject(
        ref=Ref(mig.CUSTOM_OBJECT, "i1"),
        klass="order",
        title="#1",
        external_id="x1",
        contact=Ref(mig.CONTACT, "p1"),
        company=Ref(mig.COMPANY, "b1"),
        conversation=Ref(mig.CONVERSATION, "c1"),
        tags=[Ref(mig.TAG, "t1")],
        images=["https://i.example/" + "a" * 300],
        data={"a": [1]},
        custom={"sumNum": 2},
        extra={"icon": "truck", "_derived": {"rev": 1}},
    )


def test_a_row_whose_data_lies_outside_or_whose_klass_is_unclear_is_warned_about() -> None:
    klass = {"klass": {"data": {"type": "klass", "id": "order"}}}
    row = {"id": "i1", "type": "kobject.device", "relationships": klass, "attributes": {"s3DataUrl": "https://s3.x/1"}}
    parsed = parse(Raw("kobjects", "i1", json.dumps(row).encode()))
    (record,) = parsed.records
    assert isinstance(record, mig.CustomObject)
    assert record.klass == "device"
    assert record.extra["s3DataUrl"] == "https://s3.x/1"
    assert record.extra["_relationships"] == klass
    assert {odd.field for odd in parsed.warnings} >= {"s3DataUrl", "relationships.klass"}
    assert made("kobjects", {}, klass).klass == "order"
