"""How files stand in threads, whom uploads trust, and what a rule of history makes of old threads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig import Ref, Usage
from mig.platforms import Effect, File, FromReceipt
from mig.settings import Secret, platform_settings
from mig.testing.conformance import Records
from mig_crisp.events import is_trusted
from mig_crisp.files import check_files
from mig_crisp.office import Office
from mig_crisp.render_files import as_link, file_name, mime_of
from mig_crisp.render_thread import ThreadRenderer
from mig_crisp.settings import CrispSettings, HistoryRule
from mig_crisp.threads import message_of

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ROOT = Ref(mig.CONVERSATION, "c")
BOB = mig.Agent(ref=Ref(mig.AGENT, "bob"), name="Bob")


def settings(**more: Any) -> CrispSettings:
    return CrispSettings(identifier="i", key=Secret("k"), website_id="w", **more)


def message(name: str = "m", text: str = "hello", **more: Any) -> mig.Message:
    return mig.Message(ref=Ref(mig.MESSAGE, name), conversation=ROOT, sent_at=NOON, side="in", text=text, **more)


MESSAGE = Ref(mig.MESSAGE, "m")


def file(which: str = "f", parent: Ref = MESSAGE, /, **more: Any) -> mig.Attachment:
    given = {"name": "photo.jpg", "mime": "image/jpeg", **more}
    return mig.Attachment(ref=Ref(mig.ATTACHMENT, which), parent=parent, **given)


def rendered(*records: mig.Record, office: Office | None = None, status: str = "open", **more: Any) -> Any:
    root = mig.Conversation(ref=ROOT, status=status, channels=["email"])
    unit = mig.Unit(mig.UnitKey("conversation:c"), [root, *records], "kustomer:o")
    return ThreadRenderer(unit, Records([BOB]), settings(**more), office or Office()).render()


def rows(found: Any) -> list[Any]:
    return [op for op in found.operations if op.verb in ("conversation.message", "conversation.file")]


def test_a_file_is_uploaded_and_stands_behind_its_message_at_its_time() -> None:
    found = rendered(message(), file())
    upload, text, beside = [op for op in found.operations if "message/" in op.name or "attachment/" in op.name]
    assert upload.verb == "bucket.upload"
    assert upload.effect is Effect.FREE
    assert upload.body == {"file": File(Ref(mig.ATTACHMENT, "f")), "name": "photo.jpg", "type": "image/jpeg"}
    assert text.body["message"]["content"] == "hello"
    assert beside.body["message"]["timestamp"] == text.body["message"]["timestamp"]
    assert beside.body["message"]["type"] == "file"
    assert beside.carries == (Ref(mig.ATTACHMENT, "f"),)
    assert beside.body["file"]["url"] == FromReceipt("attachment/f/upload", value="url")


def test_a_message_without_text_lives_in_its_first_file() -> None:
    first, second = rows(rendered(message(text=""), file("f"), file("g")))
    assert first.carries == (Ref(mig.ATTACHMENT, "f"), Ref(mig.MESSAGE, "m"))
    assert first.body["message"]["properties"]["source_alone"] is True
    assert second.carries == (Ref(mig.ATTACHMENT, "g"),)


def test_a_teams_file_is_stealthy_and_a_notes_file_private() -> None:
    note = mig.Note(ref=Ref(mig.NOTE, "n"), conversation=ROOT, written_at=NOON, text="look")
    out = msgspec.structs.replace(message(), side="out", author=BOB.ref)
    found = rows(rendered(out, file(), note, file("g", note.ref)))
    by_name = {op.name: op.body["message"] for op in found}
    assert by_name["attachment/f/part/1"]["stealth"] is True
    assert by_name["attachment/f/part/1"]["from"] == "operator"
    assert by_name["attachment/g/part/1"]["type"] == "note"
    assert "stealth" not in by_name["attachment/g/part/1"]


@pytest.mark.parametrize("has_notes", [True, False])
def test_what_did_not_arrive_is_named_privately(has_notes: bool) -> None:
    (_, beside) = rows(rendered(message(), file(), office=Office(has_notes=has_notes)))
    body = {**beside.body, "file": {**beside.body["file"], "url": "", "why": "it is gone"}}
    said = message_of(body)
    assert said["content"] == "[file: photo.jpg: it is gone]"
    assert said["from"] == "operator"
    assert (said["type"], said.get("stealth")) == (("note", None) if has_notes else ("text", True))
    assert said["fingerprint"] == beside.body["message"]["fingerprint"]


def test_what_arrived_is_a_file_or_in_a_note_a_link() -> None:
    body = {
        "message": {"type": "file"},
        "file": {"name": "a.png", "type": "image/png", "url": "https://x/a", "why": ""},
    }
    assert message_of(body)["content"] == {"name": "a.png", "url": "https://x/a", "type": "image/png"}
    assert message_of({**body, "message": {"type": "note"}})["content"] == "[a.png](https://x/a)"


def test_a_redacted_file_is_named_and_archived_without_an_upload() -> None:
    found = rendered(message(), file(redacted=True))
    assert not [op for op in found.operations if op.verb == "bucket.upload"]
    assert [(item.ref.id, item.fate, item.why) for item in found.declined] == [
        ("f", mig.Fate.ARCHIVE, "it was redacted at the source")
    ]
    assert message_of(rows(found)[1].body)["content"].endswith("it was redacted at the source]")


def test_links_keep_the_sources_address() -> None:
    found = rendered(message(), file(url="https://desk.example/f"), file("g"), files="link")
    assert not [op for op in found.operations if op.effect is Effect.FREE]
    assert message_of(rows(found)[1].body)["content"]["url"] == "https://desk.example/f"
    assert [item.ref.id for item in found.declined] == ["g"]


def test_images_of_a_mail_show_from_where_they_are_now() -> None:
    html = '<p>x<img src="https://o.api.example/v1/attachments/f?redirect=true"><img src="https://t.example/p.gif"></p>'
    text = next(op for op in rows(rendered(message(html=html), file())) if op.verb == "conversation.message")
    pieces = text.body["message"]["original"]["content"]
    hole = pieces[1]["url"]
    assert hole == FromReceipt("attachment/f/upload", value="url", default="", required=False)

    def filled(url: str) -> str:
        told = [piece if isinstance(piece, str) else {**piece, "url": url} for piece in pieces]
        original = {**text.body["message"]["original"], "content": told}
        return str(message_of({"message": {**text.body["message"], "original": original}})["original"]["content"])

    assert filled("https://bucket/f") == html.replace(
        "https://o.api.example/v1/attachments/f?redirect=true", "https://bucket/f"
    )
    assert filled("") == html, "an image that did not arrive keeps its address"


@given(st.text(max_size=300), st.sampled_from(["", "image/png", "x"]))
def test_names_are_safe_and_short(name: str, mime: str) -> None:
    found = file_name(file(name=name, mime=mime))
    assert found
    assert found == file_name(file(name=found, mime=mime)), "a clean name stays"
    assert len(found) <= 128
    assert len(found.encode()) <= 200
    assert not set(found) & set("/\\\0\n\u202e")
    assert not found.startswith(".")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        (".htaccess", "htaccess"),
        ("a\r\nb.txt", "a b.txt"),
        ("漢" * 300 + ".jpeg", "漢" * 65 + ".jpeg"),
        ("x" * 300 + ".jpeg", "x" * 123 + ".jpeg"),
        ("", "file-f.jpg"),
    ],
)
def test_names_that_are_not(name: str, clean: str) -> None:
    assert file_name(file(name=name)) == clean


@pytest.mark.parametrize(
    ("mime", "name", "found"),
    [
        ("Image/JPEG", "a", "image/jpeg"),
        ("text/plain; charset=utf-8", "a", "text/plain"),
        ("", "a.pdf", "application/pdf"),
        ("nonsense", "a", "application/octet-stream"),
        ("image/png\r\nX: y", "a.png", "image/png"),
    ],
)
def test_types(mime: str, name: str, found: str) -> None:
    assert mime_of(file(name=name, mime=mime)) == found


def test_a_link_cannot_be_broken_out_of() -> None:
    assert as_link("a](x)[b", "https://x/(1) y") == "[a_(x)_b](https://x/%281%29%20y)"


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("wss://client.relay.crisp.chat/w/b2/", True),
        ("wss://api.crisp.chat/w/b2/", True),
        ("wss://relay.example/w/", False),
        ("wss://crisp.chat.evil.example/", False),
        ("wss://evilcrisp.chat/", False),
        ("ws://client.relay.crisp.chat/", False),
        ("wss://user@client.relay.crisp.chat/", False),
        ("https://client.relay.crisp.chat/", False),
        ("wss://my.host/", True),
        ("nothing", False),
    ],
)
def test_credentials_travel_to_the_apis_own_domain_only(address: str, trusted: bool) -> None:
    assert is_trusted(address, settings(socket_host="my.host")) is trusted


def test_an_api_by_its_number_trusts_that_number_only() -> None:
    local = settings(url="http://127.0.0.1:4000/v1")
    assert is_trusted("ws://127.0.0.1:4000/w/", local)
    assert not is_trusted("ws://10.0.0.1:4000/w/", local)
    assert not is_trusted("ws://9.0.0.1/w/", local)


@pytest.mark.parametrize("files", ["crips", "folder", "folder:", ""])
def test_a_word_for_files_that_means_nothing_is_refused(files: str) -> None:
    with pytest.raises(Usage):
        check_files(settings(files=files))


def test_a_folder_needs_the_address_it_is_served_at() -> None:
    with pytest.raises(Usage, match="address"):
        check_files(settings(files="folder:/srv"))
    check_files(settings(files="folder:/srv", files_url="https://files.example"))


RULE = HistoryRule(closed_before=NOON + timedelta(days=1))


def test_an_old_closed_thread_becomes_one_note() -> None:
    out = message("o", "hi", author=BOB.ref)
    out = msgspec.structs.replace(out, side="out", sent_at=NOON + timedelta(minutes=5))
    note = mig.Note(ref=Ref(mig.NOTE, "n"), conversation=ROOT, written_at=NOON, author=BOB.ref, text="careful")
    found = rendered(message(channel="email"), note, out, file(), status="done", history=[RULE])
    told, beside = rows(found)
    assert set(told.carries) == {ROOT, Ref(mig.MESSAGE, "m"), Ref(mig.MESSAGE, "o"), Ref(mig.NOTE, "n")}
    assert told.body["message"]["type"] == "note"
    assert told.body["message"]["from"] == "user", "or the thread would not show"
    assert told.body["message"]["content"] == (
        "[2025-06-01 12:00:00] customer (email):\nhello\n\n"
        "[2025-06-01 12:00:00] Bob (private note):\ncareful\n\n"
        "[2025-06-01 12:05:00] Bob (team):\nhi"
    )
    assert beside.body["message"]["type"] == "file"


@pytest.mark.parametrize(
    ("status", "rule"),
    [
        ("open", RULE),
        ("done", HistoryRule(closed_before=NOON)),
        ("done", HistoryRule(channels=["voice"])),
        ("done", HistoryRule(how="messages")),
    ],
)
def test_other_threads_are_told_message_by_message(status: str, rule: HistoryRule) -> None:
    found = rendered(
        message(channel="email"), status=status, history=[rule, RULE] if rule.how == "messages" else [rule]
    )
    assert [op.body["message"]["type"] for op in rows(found)] == ["text"]


def test_without_private_notes_there_are_no_transcripts() -> None:
    found = rendered(message(), status="done", history=[RULE], office=Office(has_notes=False))
    assert [op.body["message"]["type"] for op in rows(found)] == ["text"]


def test_rules_of_history_are_data_in_mig_toml() -> None:
    given = {"identifier": "i", "key": "k", "website_id": "w", "history": [{"channels": ["voice"]}]}
    found = platform_settings(CrispSettings, "crisp", given, {})
    assert found.history == [HistoryRule(channels=["voice"])]
