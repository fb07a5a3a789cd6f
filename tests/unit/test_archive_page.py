"""Every word of every record leads to it, every thread is whole, and the page asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.json import decode

import mig
from archive_made import archived, fill, index_of, made, script, threads_of
from mig.archive import pages
from mig.archive.blank import blanked
from mig.archive.sorting import Sorter
from mig.archive.views import parent_of, plain
from mig.archive.words import folded, units, words, words_of, written
from mig.journal.store import Journal
from mig.model import TYPES, encode
from mig.testing.strategies import any_record, texts

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(f"sqlite:///{tmp_path}/mig.db", inline=True)
    yield opened
    opened.close()


def every_word_leads_home(out: Path, records: list[mig.Record]) -> None:
    index, start = index_of(out), script(out / "page/index.js")
    numbers = {ref: doc["n"] for ref, doc in threads_of(out).items()}
    assert sorted(numbers.values()) == list(range(sum(count for _, _, count, _ in start["kinds"])))
    home = {str(one.ref): parent_of(one.ref.kind, decode(encode(one))) for one in records}
    for one in records:
        ref = str(one.ref)
        for _ in range(3):
            ref = home.get(ref) or ref
        # Values that are called like secrets are in no archive, and so in no index.
        kept = blanked(encode(one), configuration=isinstance(one, mig.Config), hook=one.ref.kind == mig.HOOK)
        for word in words_of(one.ref.id, decode(kept)):
            assert numbers[ref.encode("utf-8", "replace").decode()] in index[word], (word, one.ref)


def test_every_word_of_every_record_leads_to_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHARD", 2_000)
    monkeypatch.setattr(pages, "CHUNK", 5_000)
    monkeypatch.setattr(pages, "LISTED", 7)
    records = list(made(400))
    fill(journal, records)
    archived(journal, tmp_path / "out")
    every_word_leads_home(tmp_path / "out", records)
    assert max(path.stat().st_size for path in (tmp_path / "out/page/i").iterdir()) < 4_000
    rows = [row for n in range(99) if (p := tmp_path / f"out/page/d/{n}.js").is_file() for row in script(p)]
    assert [row[0] for row in rows] == [doc["i"] for doc in threads_of(tmp_path / "out").values()]


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=st.lists(any_record(), max_size=8, unique_by=lambda one: one.ref))
def test_so_it_is_for_records_of_any_kind_that_hold_anything(
    records: list[mig.Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    opened = Journal.open(f"sqlite:///{folder}/mig.db", inline=True)
    fill(opened, records)
    written_ = archived(opened, folder / "out")
    opened.close()
    assert sum(written_.records.values()) == len(records)
    every_word_leads_home(folder / "out", records)


def test_a_person_an_address_an_order_a_subject_and_an_old_id_are_found(journal: Journal, tmp_path: Path) -> None:
    anna, talk = mig.Ref(mig.CONTACT, "c1"), mig.Ref(mig.CONVERSATION, "5f-old")
    fill(
        journal,
        [
            mig.Contact(ref=anna, name="Anna Müller", emails=[mig.Address(value="Anna.M@Shop.example")]),
            mig.Conversation(ref=talk, title="Refund, please", contact=anna),
            mig.Message(ref=mig.Ref(mig.MESSAGE, "m1"), conversation=talk, contact=anna, text="Hello", sent_at=START),
            mig.Note(ref=mig.Ref(mig.NOTE, "n1"), conversation=talk, text="Careful", written_at=START),
            mig.Rating(ref=mig.Ref(mig.RATING, "r1"), conversation=talk, rating=5, at=START),
            mig.CustomObject(ref=mig.Ref(mig.CUSTOM_OBJECT, "o1"), title="Order 7", external_id="ORD-7", contact=anna),
        ],
    )
    archived(journal, tmp_path / "out")
    index, threads = index_of(tmp_path / "out"), threads_of(tmp_path / "out")
    person, thread, order = threads["contact/c1"], threads["conversation/5f-old"], threads["custom_object/o1"]
    everything = {person["n"], thread["n"], order["n"]}
    assert index["anna"] == index["muller"] == everything
    assert index["anna.m@shop.example"] == {person["n"]}
    assert index["ord-7"] == {order["n"]}
    assert index["refund"] == index["5f-old"] == index["m1"] == {thread["n"]}
    assert "hello" not in index, "what messages say is not searched"
    assert [part["k"] for part in thread["p"]] == ["message", "note", "rating"]
    assert thread["u"] == "https://new.example/new-5f-old"
    assert person["r"] == " ".join(map(str, (thread["n"], order["n"] - thread["n"])))


def test_a_long_thread_is_told_in_several_scripts_and_a_long_text_in_pieces(journal: Journal, tmp_path: Path) -> None:
    talk = mig.Ref(mig.CONVERSATION, "t")
    said = [
        mig.Message(
            ref=mig.Ref(mig.MESSAGE, f"m{n:03}"),
            conversation=talk,
            text=f"{n} " + "x" * 30_000,
            sent_at=START + timedelta(minutes=n),
        )
        for n in range(30)
    ]
    long = mig.Message(
        ref=mig.Ref(mig.MESSAGE, "z"), conversation=talk, text="ü" * 250_000, sent_at=START + timedelta(days=1)
    )
    fill(journal, [mig.Conversation(ref=talk, title="Long"), *said, long])
    archived(journal, tmp_path / "out")
    scripts = list((tmp_path / "out/page/t").iterdir())
    assert len(scripts) > 3
    assert max(path.stat().st_size for path in scripts) < 500_000
    parts = threads_of(tmp_path / "out")["conversation/t"]["p"]
    assert [part["i"] for part in parts if "o" not in part] == [*(one.ref.id for one in said), "z"]
    assert "".join(part["x"] for part in parts if part["i"] == "z") == "ü" * 250_000


def test_files_stand_beside_their_message_and_parts_of_nothing_stand_somewhere(
    journal: Journal, tmp_path: Path
) -> None:
    message = mig.Ref(mig.MESSAGE, "m1")
    fill(
        journal,
        [
            mig.Message(ref=message, conversation=mig.Ref(mig.CONVERSATION, "never-read"), text="Look"),
            mig.Attachment(ref=mig.Ref(mig.ATTACHMENT, "f1"), parent=message, name="a.pdf", size=3),
            mig.Attachment(ref=mig.Ref(mig.ATTACHMENT, "f2"), parent=mig.Ref(mig.NOTE, "gone"), name="b.pdf"),
        ],
    )
    archived(journal, tmp_path / "out")
    threads = threads_of(tmp_path / "out")
    assert threads["conversation/never-read"]["s"][0] == "missing"
    assert [one["n"] for one in threads["conversation/never-read"]["p"][0]["z"]] == ["a.pdf"]
    assert [one["n"] for one in threads["note/gone"]["z"]] == ["b.pdf"]


def test_the_page_asks_nothing_of_anybody(journal: Journal, tmp_path: Path) -> None:
    fill(journal, list(made(20)))
    archived(journal, tmp_path / "out")
    text = (tmp_path / "out/index.html").read_text("utf-8")
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'self' file:; style-src 'sha256-{digest}'" in text
    assert re.findall(r"(?:src|href)=\"([^\"]*)", text) == ["#main", "#", "page/page.js", "page/index.js"]
    program = (tmp_path / "out/page/page.js").read_text("utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttp",
        "http:",
        "https:",
    ):
        assert word not in program


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Müller", ["muller"]),
        ("anna.m@x.example", ["anna", "m", "x", "example", "anna.m@x.example"]),
        ("#ORD-7.", ["ord", "7", "ord-7"]),
        ("+49 (30) 123-45", ["49", "30", "123", "45", "123-45", "493012345"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("你好 мир", ["你好", "мир"]),
        ("...", []),
    ],
)
def test_words_are_what_people_type(text: str, found: list[str]) -> None:
    assert list(words(text)) == found


@given(text=texts())
def test_folding_twice_is_folding_once_and_order_is_the_pages(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert written(units(text)) == text.encode("utf-8", "replace").decode()


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=()), max_size=8), max_size=40))
def test_sorted_in_runs_is_sorted(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mig.archive.sorting._RUN", 3)
        patch.setattr("mig.archive.sorting._WAYS", 2)
        sorter = Sorter(tmp_path_factory.mktemp("runs"))
        for line in lines:
            sorter.add(line)
        assert list(sorter.lines()) == sorted(set(lines))


def test_html_is_shown_as_what_it_says() -> None:
    html = "<style>x</style><p>Hello <b>Anna</b>,</p><script>alert(1)</script><br>bye &amp; <img alt='logo' src=x>"
    assert plain(html) == "Hello Anna,\n\nbye & [image: logo]"


def test_every_kind_of_the_core_is_shown() -> None:
    assert {kind for kind in TYPES if parent_of(kind, {})} == set()
