"""What an audit expects on Crisp, written out: from the documentation, not from what the loader does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import convert

import mig
from mig.model import Ref
from mig.testing.conformance import Records
from mig_crisp import forms
from mig_crisp.expect import expect
from mig_crisp.office import Office, Operator
from mig_crisp.settings import CrispSettings
from mig_crisp.words_catalog import ENGLISH

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ORIGIN = "kustomer:org"
THREAD = Ref(mig.CONVERSATION, "c1")
PAUL, NOBODY = Ref(mig.CONTACT, "p1"), Ref(mig.CONTACT, "none")
BOB, AMY = Ref(mig.AGENT, "a1"), Ref(mig.AGENT, "a2")
LOOK = Records(
    [
        mig.Agent(ref=BOB, name="Bob", email="bob@example.org"),
        mig.Agent(ref=AMY, name="Amy", email="AMY@example.org"),
        mig.Contact(ref=PAUL, name="Paul", emails=[mig.Address(value="paul@example.org")]),
        mig.Queue(ref=Ref(mig.QUEUE, "q1"), name="Sales"),
        mig.Team(ref=Ref(mig.TEAM, "t1"), name="The team"),
        mig.Company(ref=Ref(mig.COMPANY, "co"), name="Acme", domains=["acme.example"], external_id="x1"),
    ]
)
OFFICE = Office({"amy@example.org": Operator("u-1", "Amy Adams")}, {"sales": "i-1"})


def at(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


def said(name: str, ms: int, text: str = "", **more: Any) -> mig.Message:
    fields = {"channel": "chat", **more}
    return mig.Message(ref=Ref(mig.MESSAGE, name), conversation=THREAD, sent_at=at(ms), text=text, **fields)


def noted(name: str, ms: int, text: str = "", **more: Any) -> mig.Note:
    return mig.Note(ref=Ref(mig.NOTE, name), conversation=THREAD, written_at=at(ms), text=text, **more)


def file(name: str, of: mig.Record, **more: Any) -> mig.Attachment:
    fields = {"name": f"{name}.png", "mime": "image/png; q=1", **more}
    return mig.Attachment(ref=Ref(mig.ATTACHMENT, name), parent=of.ref, **fields)


def wanted(*records: mig.Record, office: Office = OFFICE, root: Any = None, **given: Any) -> mig.Expected:
    """What a thread, or the contacts that are given, must look like."""
    access = {"identifier": "i", "key": "k", "website_id": "w"}
    settings = convert({**access, **given}, CrispSettings, dec_hook=lambda kind, value: kind(value))
    whole = list(records)
    if not isinstance(records[0] if records else None, mig.Contact):
        whole.insert(0, root or mig.Conversation(ref=THREAD, status="done", contact=PAUL, channels=["chat"]))
    return expect(mig.Unit(mig.UnitKey("x"), whole, ORIGIN), LOOK, settings, office)


def refs(expected: mig.Expected) -> list[str]:
    return [record.ref.id for record in expected.records]


def by_name(expected: mig.Expected, name: str) -> Any:
    return next(record for record in expected.records if record.ref.id == name)


def test_a_conversation_is_what_its_fields_and_data_say() -> None:
    root = mig.Conversation(
        ref=THREAD,
        title=" Late ",
        status="snoozed",
        contact=PAUL,
        channels=["sms", "chat"],
        priority=3,
        tags=[Ref(mig.TAG, "vip"), Ref(mig.TAG, "mig")],
        agents=[BOB, AMY],
        teams=[Ref(mig.TEAM, "t1"), Ref(mig.TEAM, "t2")],
        queue=Ref(mig.QUEUE, "q1"),
        created_at=NOON,
        changed_at=at(1),
    )
    rating = mig.Rating(ref=Ref(mig.RATING, "r1"), conversation=THREAD, score=80, comment="fine", at=at(5))
    expected = wanted(said("m1", 1, "hello"), rating, root=root)
    assert refs(expected) == ["c1", "m1", "r1"]
    assert by_name(expected, "r1").extra == {"line": "[score 80]", "type": "note"}
    found = by_name(expected, "c1")
    assert found.title == "Late"
    assert found.tags == [Ref(mig.TAG, "vip")]
    assert found.extra == {
        "nickname": "Paul",
        "email": "paul@example.org",
        "origin": "urn:mig:sms:0",
        "assigned": "u-1",
        "inbox": "i-1",
        "segment": "mig",
        "data": {
            "source": ORIGIN,
            "source_id": "c1",
            "source_created_at": "2025-06-01T12:00:00.000+00:00",
            "source_updated_at": True,
            "source_status": "snoozed",
            "source_channel": "sms, chat",
            "source_team": "The team, t2",
            "source_queue": "Sales",
            "source_assignee": "Bob, Amy",
            "csat_comment": "fine",
            "csat_score": 80,
            "source_priority": 3,
        },
    }


def test_authors_are_operators_or_names_or_nobody() -> None:
    expected = wanted(
        said("m1", 1, "a", side="out", author=BOB),
        said("m2", 2, "b", side="out", author=AMY),
        said("m3", 3, "c", side="out", author=Ref(mig.AGENT, "gone")),
        said("m4", 4, "d", author=BOB),
    )
    authors = [by_name(expected, name).author for name in ("m1", "m2", "m3", "m4")]
    assert authors == [Ref(mig.AGENT, "name/Bob"), Ref(mig.AGENT, "operator/u-1"), None, None]


def test_a_blank_message_stands_nowhere_and_one_with_a_file_stands_in_it() -> None:
    alone = said("m2", 2)
    expected = wanted(said("m1", 1), alone, file("f1", alone), said("m3", 3, "text"))
    assert refs(expected) == ["c1", "m2", "f1", "m3"]
    assert expected.absent == {Ref(mig.MESSAGE, "m1"): forms.NO_WORD}
    assert by_name(expected, "f1").mime == "image/png"


def test_files_the_source_does_not_have_are_lines_of_the_text() -> None:
    message = said("m1", 1, "look", attachments=[Ref(mig.ATTACHMENT, "f1"), Ref(mig.ATTACHMENT, "f2")])
    expected = wanted(message, file("f2", message))
    assert by_name(expected, "m1").extra == {"lost": ["f1"], "type": "text"}
    assert by_name(expected, "m1").text == "look"


def test_notes_go_where_the_settings_and_the_plan_say() -> None:
    note = noted("n1", 2, "inside")
    records = (said("m1", 1, "hello"), note, file("f1", note))
    assert refs(wanted(*records, notes="both")) == ["c1", "m1", "n1", "f1"]
    moved = wanted(*records, notes="contact")
    assert refs(moved) == ["c1", "m1"]
    assert set(moved.absent.values()) == {forms.ON_NOTEPAD}
    unknown = mig.Conversation(ref=THREAD, contact=NOBODY)
    assert refs(wanted(*records, notes="contact", root=unknown)) == ["c1", "m1", "n1", "f1"]
    free = wanted(*records, office=Office(has_notes=False))
    assert free.absent == {note.ref: forms.NO_NOTES, Ref(mig.ATTACHMENT, "f1"): forms.NO_NOTES}


def test_a_conversation_without_a_word_is_not_there() -> None:
    assert wanted(said("m1", 1)).records == []
    assert wanted().absent == {THREAD: "there is nothing in it to write"}
    only = wanted(noted("n1", 1, "inside"), notes="contact")
    assert only.absent[THREAD] == "its notes are on its contact's notepad"


def test_a_thread_that_the_team_began_is_opened() -> None:
    opened = wanted(said("m1", 1, "hello", side="out"))
    assert by_name(opened, "c1").extra["opening"] == {"text": ENGLISH.opening, "at": mig.epoch_ms(at(1))}
    assert "opening" not in by_name(wanted(said("m1", 1, "x", side="out"), outbound_only="as_is"), "c1").extra
    assert "opening" not in by_name(wanted(said("m1", 1, "x", side="out"), said("m2", 2, "y")), "c1").extra


def test_equal_times_are_spread_as_far_as_the_next_allows() -> None:
    texts = [said(f"m{n}", ms, "x") for n, ms in enumerate((1, 1, 1, 3, 3))]
    found = wanted(*texts, spread_ties=True).records[1:]
    assert [one.sent_at for one in found if isinstance(one, mig.Message)] == [at(ms) for ms in (1, 2, 2, 3, 4)]


def test_a_closed_thread_is_one_note_where_a_rule_fits() -> None:
    message = said("m1", 1, " hello ", subject="Hi", attachments=[Ref(mig.ATTACHMENT, "f9")])
    rules = [{"how": "messages", "channels": ["sms"]}, {"closed_before": "2025-06-02T00:00:00Z"}]
    expected = wanted(message, noted("n1", 2, "inside", author=AMY), file("f1", message), history=rules)
    assert refs(expected) == ["c1", "f1"]
    assert by_name(expected, "c1").extra["transcript"] == {
        "text": "[2025-06-01 12:00:00] Paul (chat):\nSubject: Hi\nhello\n\n"
        "[2025-06-01 12:00:00] Amy (private note):\ninside\n\n[file: not found at the source, f9]",
        "at": mig.epoch_ms(at(2)),
    }
    assert set(expected.absent.values()) == {forms.TOLD}
    assert refs(wanted(message, history=[{"closed_before": "2025-06-01T12:00:00Z"}])) == ["c1", "m1"]
    no_notes = Office(has_notes=False)
    assert refs(wanted(message, history=[{"how": "transcript"}], office=no_notes)) == ["c1", "m1"]


def test_contacts_with_one_address_are_one_and_the_oldest_wins() -> None:
    one = mig.Contact(
        ref=Ref(mig.CONTACT, "p2"),
        name="Ann O.",
        emails=[mig.Address(value="Ann@example.org"), mig.Address(value="b@example.org")],
        company_name="Old name",
        created_at=NOON,
        custom={"vip": True, "tier": 1},
    )
    other = mig.Contact(
        ref=Ref(mig.CONTACT, "p3"),
        name="Anna",
        emails=[mig.Address(value="ann@example.org"), mig.Address(value="c@example.org")],
        company=Ref(mig.COMPANY, "co"),
        locale="de_AT",
        birthday=NOON,
        custom={"vip": False, "more": "m"},
    )
    expected = wanted(one, other)
    (found,) = expected.records
    assert isinstance(found, mig.Contact)
    assert expected.merged == {other.ref: one.ref}
    assert found.name == "Ann O."
    assert [address.value for address in found.emails] == ["Ann@example.org", "b@example.org", "c@example.org"]
    assert found.custom == {"vip": True, "tier": 1, "more": "m"}
    assert (found.locale, found.birthday) == ("de_AT", NOON)
    assert found.extra == {
        "born": "[mig kustomer:org contact/p2]",
        "company": {"name": "Old name"},
        "locales": ["de"],
        "data": {
            "company_external_id": "x1",
            "source": ORIGIN,
            "source_id": "p2",
            "source_created_at": "2025-06-01T12:00:00.000+00:00",
            "birthday": "2025-06-01",
            "language": "de_AT",
            "source_ids": "p2,p3",
            "other_emails": "b@example.org,c@example.org",
        },
    }


def test_a_notepad_takes_notes_until_it_is_full() -> None:
    contact = mig.Contact(ref=PAUL, name="Paul", emails=[mig.Address(value="paul@example.org")])
    notes = [mig.Note(ref=Ref(mig.NOTE, f"n{n}"), contact=PAUL, written_at=at(n), text=" 0123456789 ") for n in (1, 2)]
    expected = wanted(contact, *notes, max_notepad=120)
    assert refs(expected) == ["p1", "n1"]
    assert by_name(expected, "n1").text == "0123456789"
    assert expected.absent == {Ref(mig.NOTE, "n2"): "the contact's notepad is full"}


def test_roots_of_other_kinds_stand_in_the_records_that_name_them() -> None:
    tag = mig.Tag(ref=Ref(mig.TAG, "t"), name="vip")
    settings = CrispSettings(identifier="i", key=None, website_id="w")  # type: ignore[arg-type]  # nobody asks for it
    found = expect(mig.Unit(mig.UnitKey("tag:t"), [tag], ORIGIN), LOOK, settings, OFFICE)
    assert found.records == []
    assert set(found.absent) == {tag.ref}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\0b\x07\u202e  c\t.PNG", "ab c .PNG"),
        (".hidden", "hidden"),
        ("x" * 200 + ".pdf", "x" * 124 + ".pdf"),
        ("Cafe\u0301.txt", "Caf\u00e9.txt"),
        ("", "file-7.png"),
    ],
)
def test_files_are_called_by_what_shows(name: str, shown: str) -> None:
    assert forms.name_of(name, "image/png", "7") == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[file: a.png: its bytes are gone at the source]", "a.png"),
        ("[file: q: it.txt: its bytes are gone at the source]", "q: it.txt"),
        ("[file: b: Crisp takes no such file (invalid_data): its extension may not be on the plan's list]", "b"),
        ("[file: b](c).txt: it was redacted at the source]", "b](c).txt"),
    ],
)
def test_what_stands_in_a_files_place_names_it(text: str, name: str) -> None:
    found = forms.place_in(text)
    assert found is not None
    assert found[0] == name


def test_what_was_escaped_is_read_back_and_damage_to_it_shows() -> None:
    assert forms.unescaped("a \\*b\\* \\\\") == "a *b* \\"
    assert forms.unescaped("a *b\\*") == "a *b\\*"


def test_a_type_that_nobody_tells_fits_any() -> None:
    assert forms.media("Image/PNG; q=1") == forms.media("image/png")
    assert forms.media("nonsense") == forms.media("image/png")
    assert forms.media("image/gif") != forms.media("image/png")
