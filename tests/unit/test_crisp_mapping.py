"""The default mapping into Crisp: every record gets a fate and a reason, nothing changes without being told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig import (
    Address,
    Agent,
    Attachment,
    Company,
    Config,
    Contact,
    Conversation,
    Fate,
    Message,
    Note,
    Queue,
    Tag,
    Team,
)
from mig.model import Ref
from mig.settings import Secret
from mig.testing import strategies as desk
from mig_crisp.mapping import CrispMapper, call_line, is_email, named_tags
from mig_crisp.settings import CrispSettings
from mig_crisp.words_catalog import ENGLISH
from unit_look import Look, definition

R = TypeVar("R", bound=mig.Record)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
THREAD, PERSON = Ref(mig.CONVERSATION, "t"), Ref(mig.CONTACT, "p")
NOTHING = Look()


def mapper(**changes: Any) -> CrispMapper:
    return CrispMapper(CrispSettings(identifier="i", key=Secret("k"), website_id="w", **changes))


def decide(record: mig.Record, look: Look = NOTHING, **changes: Any) -> mig.Decision:
    decision = mapper(**changes).map(record, look)
    assert decision is not None
    return decision


def mapped(record: R, look: Look = NOTHING, **changes: Any) -> R:
    """What the target gets of a record that is loaded."""
    decision = decide(record, look, **changes)
    assert decision.fate is Fate.LOAD
    assert isinstance(decision.record, type(record))
    return decision.record


def contact(*emails: str, **more: Any) -> Contact:
    return Contact(ref=PERSON, emails=[Address(value=one) for one in emails], **more)


def message(text: str = "hello", **more: Any) -> Message:
    more = {"conversation": THREAD, "sent_at": NOW, **more}
    return Message(ref=Ref(mig.MESSAGE, "m"), text=text, **more)


def note(text: str = "hello", **more: Any) -> Note:
    more = {"conversation": THREAD, "written_at": NOW, **more}
    return Note(ref=Ref(mig.NOTE, "n"), text=text, **more)


# ---- laws for every record -------------------------------------------------------------------------------------------


@given(desk.any_record() | desk.records(Config), st.booleans())
@settings(max_examples=300)
def test_every_record_gets_a_fate_and_what_is_not_loaded_a_reason(record: mig.Record, placeholder: bool) -> None:
    how: dict[str, Any] = {"contacts_without_email": "placeholder" if placeholder else "archive"}
    decision = decide(record, **how)
    assert (decision.why == "") == (decision.fate is Fate.LOAD)
    assert (decision.record.ref, type(decision.record)) == (record.ref, type(record))
    assert {loss.outcome for loss in decision.losses} <= {"changed", "moved", "archived", "dropped"}
    assert all(loss.field and loss.why for loss in decision.losses)
    assert decide(record, **how) == decision  # pure


@given(desk.any_record())
@settings(max_examples=200)
def test_what_is_loaded_can_be_kept_in_the_journal(record: mig.Record) -> None:
    decision = decide(record)
    assert mig.decode(mig.encode(decision.record), type(record)) == decision.record
    custom = getattr(decision.record, "custom", {}) if decision.fate is Fate.LOAD else {}
    assert all(isinstance(value, str | int | float | bool) for value in custom.values())


def test_a_kind_of_a_plugin_is_left_to_the_next_in_the_chain() -> None:
    class Deal(mig.Record, frozen=True, kw_only=True):
        pass

    assert mapper().map(Deal(ref=Ref(mig.Kind("deal"), "1")), NOTHING) is None


# ---- fates -----------------------------------------------------------------------------------------------------------

_ATTRIBUTES = [definition("a", of=kind) for kind in (mig.CONTACT, mig.CONVERSATION, mig.MESSAGE)]
FATES: dict[str, tuple[mig.Record, Fate, str]] = {
    "contact": (contact("a@b"), Fate.LOAD, ""),
    "contact, deleted": (contact("a@b", deleted=True), Fate.ARCHIVE, "deleted"),
    "contact without e-mail": (contact(), Fate.ARCHIVE, "no e-mail"),
    "contact whose e-mail is none": (contact("jane"), Fate.ARCHIVE, "no e-mail"),
    "company": (Company(ref=Ref(mig.COMPANY, "1")), Fate.ARCHIVE, "members"),
    "conversation": (Conversation(ref=THREAD), Fate.LOAD, ""),
    "conversation, spam": (Conversation(ref=THREAD, spam=True), Fate.SKIP, "spam"),
    "conversation, deleted": (Conversation(ref=THREAD, deleted=True), Fate.SKIP, "deleted"),
    "message": (message(), Fate.LOAD, ""),
    "message of no conversation": (message(conversation=None), Fate.ARCHIVE, "no conversation"),
    "message without time": (message(sent_at=None), Fate.ARCHIVE, "no time"),
    "note": (note(), Fate.LOAD, ""),
    "note about a contact": (note(conversation=None, contact=PERSON), Fate.LOAD, ""),
    "note about nothing": (note(conversation=None), Fate.ARCHIVE, "neither"),
    "note without time": (note(written_at=None), Fate.ARCHIVE, "no time"),
    "note, deleted": (note(deleted=True), Fate.SKIP, "deleted"),
    "note, blank": (note(" \0\n"), Fate.SKIP, "blank"),
    "note, blank with a file": (note("", attachments=[Ref(mig.ATTACHMENT, "f")]), Fate.LOAD, ""),
    "file": (Attachment(ref=Ref(mig.ATTACHMENT, "f")), Fate.LOAD, ""),
    "tag": (Tag(ref=Ref(mig.TAG, "1"), name="vip"), Fate.LOAD, ""),
    "agent": (Agent(ref=Ref(mig.AGENT, "1")), Fate.LOAD, ""),
    "queue": (Queue(ref=Ref(mig.QUEUE, "1")), Fate.LOAD, ""),
    "team": (Team(ref=Ref(mig.TEAM, "1")), Fate.LOAD, ""),
    "deleted team": (Team(ref=Ref(mig.TEAM, "1"), deleted=True), Fate.ARCHIVE, "deleted"),
    **{f"attribute of a {one.of}": (one, Fate.LOAD, "") for one in _ATTRIBUTES},
    "attribute of a company": (definition("a", of=mig.COMPANY), Fate.ARCHIVE, "companies"),
    "attribute of an agent": (definition("a", of=mig.AGENT), Fate.ARCHIVE, "counterpart"),
    "shortcut": (Config(ref=Ref(mig.SHORTCUT, "1")), Fate.ARCHIVE, "REBUILD.md"),
    "other configuration": (Config(ref=Ref(mig.Kind("theme"), "1")), Fate.ARCHIVE, "counterpart"),
    "custom object": (mig.CustomObject(ref=Ref(mig.CUSTOM_OBJECT, "1")), Fate.ARCHIVE, "archive"),
    "answered rating": (
        mig.Rating(ref=Ref(mig.RATING, "1"), conversation=Ref(mig.CONVERSATION, "1"), score=0.0),
        Fate.LOAD,
        "",
    ),
    "unanswered rating": (
        mig.Rating(ref=Ref(mig.RATING, "1"), conversation=Ref(mig.CONVERSATION, "1"), status="offered"),
        Fate.ARCHIVE,
        "not answered (offered)",
    ),
}


@pytest.mark.parametrize("case", FATES)
def test_fates(case: str) -> None:
    record, fate, why = FATES[case]
    decision = decide(record)
    assert decision.fate is fate
    assert why in decision.why


def test_a_placeholder_is_a_choice() -> None:
    assert mapped(contact(name="Zoe"), contacts_without_email="placeholder").emails == []


# ---- contacts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("jane@example.org", True),
        ("JANE+tag@sub.example.org", True),
        ("jane@localhost", True),
        ("jörg@exämple.de", True),
        ("用户@例子.公司", True),
        ('"jane doe"@example.org', True),
        ('"jane@home"@example.org', True),
        ('"a\\"@b"@example.org', True),
        ("", False),
        ("jane", False),
        ("@", False),
        ("@example.org", False),
        ("jane@", False),
        (" @example.org", False),
        ("jane@ ", False),
        ("jane@home@example.org", False),
        ("jane@@example.org", False),
        ('"jane@example.org', False),
        ('"jane@example.org"', False),
    ],
)
def test_what_an_email_address_is(value: str, good: bool) -> None:
    assert is_email(value) is good


def test_only_addresses_crisp_takes_are_kept_in_their_order_and_the_others_told() -> None:
    decision = decide(contact("none", "b@x", "also none@", "a@x"))
    assert isinstance(decision.record, Contact)
    assert [one.value for one in decision.record.emails] == ["b@x", "a@x"]
    assert [(loss.field, loss.outcome) for loss in decision.losses] == [("emails", "archived")] * 2


@pytest.mark.parametrize(
    ("name", "nickname"), [("Zoe", "Zoe"), ("  Zoe \n", "Zoe"), ("Z\0oe", "Zoe"), ("", "jane"), (" \0", "jane")]
)
def test_a_profile_has_a_name(name: str, nickname: str) -> None:
    assert mapped(contact("jane@example.org", name=name)).name == nickname


def test_without_name_and_address_the_id_is_the_name() -> None:
    assert mapped(contact(), contacts_without_email="placeholder").name == "p"


# ---- tags ------------------------------------------------------------------------------------------------------------


def test_tags_are_their_names_once_each_also_deleted_ones_and_unknown_ones_are_told() -> None:
    tags = [("1", "vip"), ("2", " vip "), ("3", "gone"), ("4", ""), ("5", "a\0b")]
    look = Look(*(Tag(ref=Ref(mig.TAG, key), name=name, deleted=name == "gone") for key, name in tags))
    wanted = [Ref(mig.TAG, key) for key in "12345"] + [Ref(mig.TAG, "unknown")]
    names, losses = named_tags(wanted, look)
    assert names == [Ref(mig.TAG, name) for name in ("vip", "gone", "ab")]
    assert [(loss.field, loss.outcome) for loss in losses] == [("tags", "archived")] * 2


def test_contacts_and_conversations_carry_their_tags_by_name() -> None:
    look = Look(Tag(ref=Ref(mig.TAG, "1"), name="vip"))
    for record in (contact("a@b", tags=[Ref(mig.TAG, "1")]), Conversation(ref=THREAD, tags=[Ref(mig.TAG, "1")])):
        assert mapped(record, look).tags == [Ref(mig.TAG, "vip")]


# ---- custom attributes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "reserved"),
    [
        (contact("a@b"), "birthday"),
        (Conversation(ref=THREAD), "csat_score"),
        (message(), "source_part"),
    ],
    ids=["contact", "conversation", "message"],
)
def test_custom_attributes_are_flat_under_the_keys_of_their_own_kind(record: Any, reserved: str) -> None:
    record = msgspec.structs.replace(record, custom={"tierStr": "gold", reserved: 1, "nested": {"a": [1, 2]}})
    elsewhere = mig.CONTACT if record.ref.kind != mig.CONTACT else mig.CONVERSATION
    look = Look(definition("tierStr", "VIP tier", record.ref.kind), definition("nested", "Other", elsewhere))
    custom = mapped(record, look).custom
    assert (custom["vip_tier"], custom["nested_a"]) == ("gold", "1, 2")
    assert reserved not in custom
    assert 1 in custom.values()


def test_a_long_value_is_archived_as_the_setting_says() -> None:
    decision = decide(Conversation(ref=THREAD, custom={"a": "x" * 20}), max_value=10)
    assert isinstance(decision.record, Conversation)
    assert decision.record.custom == {}
    assert [(loss.field, loss.outcome) for loss in decision.losses] == [("custom.a", "archived")]


# ---- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [("hello", "hello"), (" hi \n", " hi \n"), ("a\0b", "ab"), ("\ud83d", "\ufffd"), (" \n\t", ""), ("", "")],
)
def test_a_text_is_said_as_it_is_but_for_what_none_can_hold(text: str, said: str) -> None:
    assert mapped(message(text)).text == said


@pytest.mark.parametrize("record", [message("a\0b"), note("a\0b")], ids=["message", "note"])
def test_a_text_that_had_to_be_changed_is_told(record: mig.Record) -> None:
    assert [(loss.field, loss.outcome) for loss in decide(record).losses] == [("text", "changed")]


@pytest.mark.parametrize("record", [message("a\nb"), note("a\nb")], ids=["message", "note"])
def test_a_text_that_was_not_is_not(record: mig.Record) -> None:
    assert list(decide(record).losses) == []


def test_a_call_without_text_is_one_line_of_its_facts() -> None:
    call = {"from": "+1", "to": "+2", "started": "10:00", "status": "missed", "recording": "https://secret"}
    assert mapped(message("", call=call)).text == "[call: from +1, to +2, started 10:00, status missed]"
    assert mapped(message("spoke", call=call)).text == "spoke"
    assert mapped(message("", call=call, attachments=[Ref(mig.ATTACHMENT, "f")])).text == ""
    assert mapped(message("", call=call, redacted=True)).text == ""
    assert call_line({"recording": "x"}, ENGLISH) == "[call]"
    german = "[Anruf: von +1, an +2, begonnen 10:00, Status missed]"
    assert mapped(message("", call=call), language="de").text == german


def test_what_is_beside_a_message_fits_or_is_archived_and_told() -> None:
    decision = decide(message(subject="s" * 11, html="h" * 21), max_value=10, max_original=20)
    assert isinstance(decision.record, Message)
    assert (decision.record.subject, decision.record.html) == ("", "")
    assert {(loss.field, loss.outcome) for loss in decision.losses} == {("subject", "archived"), ("html", "archived")}
    fits = decide(message(subject="s" * 10, html="h" * 20), max_value=10, max_original=20)
    assert list(fits.losses) == []
