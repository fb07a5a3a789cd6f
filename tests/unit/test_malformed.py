"""Malformed rows before anything is sent: how they are split, read, parsed, mapped and told of."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from malformed import damages, names
from malformed_rows import KINDS, sound, written
from mig import Ref
from mig.engine.decide import Decider
from mig.model import TYPES
from mig.settings import Secret
from mig_crisp.mapping import CrispMapper
from mig_crisp.render_files import file_name
from mig_crisp.settings import CrispSettings
from mig_crisp.text import joined, parts, slug
from mig_kustomer.names import is_usable
from mig_kustomer.parse import parse
from mig_kustomer.wire import DEEPEST, is_deep, read, split
from unit_desk import Desk, conversation, message
from unit_look import Look

DEEP = b"[" * 1000 + b"1" + b"]" * 1000
ROWS = tuple(kind for kind in KINDS if kind != "metadata")
MAPPER = CrispMapper(CrispSettings(identifier="i", key=Secret("k"), website_id="w"))


def told(raw: mig.Raw) -> tuple[str, list[str]]:
    """How a raw ends, `parsed` or `unparseable`, and the fields that are named."""
    try:
        parsed = parse(raw)
    except mig.Unparseable as error:
        return "unparseable", [error.field]
    for record in parsed.records:
        assert mig.decode(mig.encode(record), type(record)) == record
    return "parsed", [warning.field for warning in parsed.warnings]


# ---- parse -----------------------------------------------------------------------------------------------------------


def test_every_damage_is_parsed_or_quarantined_and_never_raises_anything_else() -> None:
    for one in damages(3):
        body = one.rows[-1] if one.kind != "metadata" else metadata(one.rows[0])
        told(mig.Raw(one.kind, "i", body.encode()))


def metadata(definition: str) -> str:
    """The definitions of a customer's attributes, with one in it."""
    return f'{{"type":"metadata","id":"customer","attributes":{{"properties":{{"oneStr":{definition}}}}}}}'


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(),
        st.text(max_size=6),
        st.sampled_from(["\ud83d", "\0", "2024-13-01", "0001-01-01T00:00:00+14:00", "a@b", "/v1/x", "\u202e"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a row."""
    yield above
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from paths(inner, (*above, key))


@given(data=st.data(), kind=st.sampled_from(ROWS), values=st.lists(JSON, min_size=1, max_size=4))
def test_whatever_stands_anywhere_in_a_row_parse_raises_nothing_but_unparseable(
    data: st.DataObject, kind: str, values: list[Any]
) -> None:
    row: Any = sound(kind, 1)
    for value in values:
        *above, last = data.draw(st.sampled_from([path for path in paths(row) if path]))
        holder = row
        for key in above:
            holder = holder[key]
        holder[last] = value
    assert told(mig.Raw(kind, "i", json.dumps(row).encode()))[0] in ("parsed", "unparseable")


@pytest.mark.parametrize("kind", ROWS)
def test_a_sound_row_has_nothing_to_be_told_of(kind: str) -> None:
    assert told(mig.Raw(kind, "i", written(sound(kind, 1)).encode())) == ("parsed", [])


def test_a_definition_that_is_damaged_is_named_on_its_own_record() -> None:
    body = '{"id":"customer","attributes":{"properties":{"aStr":{"displayName":"\\ud83d"},"bStr":5}}}'
    found = {(odd.ref.id, odd.field) for odd in parse(mig.Raw("metadata", "customer", body.encode())).warnings}
    assert found == {("contact.aStr", "displayName"), ("contact.bStr", "definition")}


def test_definitions_that_are_none_are_quarantined() -> None:
    body = b'{"id":"customer","attributes":{"properties":"x"}}'
    assert told(mig.Raw("metadata", "customer", body)) == ("unparseable", ["properties"])


def test_a_row_without_a_usable_id_says_where_it_stands() -> None:
    body = b'{"id":"a\\nb","links":{"self":"/v1/tags/7"}}'
    with pytest.raises(mig.Unparseable, match=r"/v1/tags/7"):
        parse(mig.Raw("tags", "i", body))


@pytest.mark.parametrize("id_", ["", "a\nb", "a\0", "\x01", "\ud83d", "x" * 201, 5, None, True, ["x"], "\u2028"])
def test_what_a_line_cannot_hold_is_no_id(id_: object) -> None:
    assert not is_usable(id_)


@pytest.mark.parametrize("id_", ["65f2a1", "a/b/../c", "x" * 200, "é", "a b", "7"])
def test_ids_are_whatever_a_platform_makes(id_: str) -> None:
    assert is_usable(id_)


# ---- pages and depth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dirt", [DEEP, b'"\\ud83d"', b'"bell \x07"', b'"\xff"', b"NaN", b"1" + b"0" * 5000, b"nonsense"]
)
def test_one_broken_row_leaves_the_bytes_of_the_others_as_they_came(dirt: bytes) -> None:
    rows = [b'{"id": "1", "a": "],}"}', b'{"id":"2","a":' + dirt + b"}", b'{"id": "3"}']
    leaf = split(b'{ "data": [' + b" , ".join(rows) + b'], "links": {"next": "/v1/x?page=2"}, "meta": {"total": 3}}')
    assert (leaf.rows, leaf.next, leaf.meta) == (rows, "/v1/x?page=2", {"total": 3})


@pytest.mark.parametrize("end", [b"", b"]", b'{"a":"', b'], "links": {}', b'"]}', b"]}]"])
def test_a_page_that_ends_too_early_is_no_page(end: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|early|delimiter|control|Unterminated|Extra"):
        split(b'{"data":[{"id":"1","a":"\\ud83d"}' + end)


@given(rows=st.lists(JSON, max_size=4))
def test_rows_beside_a_deep_one_are_what_they_are(rows: list[Any]) -> None:
    texts = [json.dumps(row).encode() for row in rows]
    leaf = split(b'{"data":[' + b",".join([*texts, DEEP]) + b"]}")
    assert leaf.rows == [*texts, DEEP]


def test_a_value_is_cut_at_the_deepest_level_and_the_rest_of_the_row_is_read() -> None:
    body = b'{"id":"i","attributes":{"custom":' + DEEP + b',"name":"Ada"},"x":[1]}'
    assert is_deep(body)
    value, _ = read(body)
    assert (value["id"], value["attributes"]["name"], value["x"]) == ("i", "Ada", [1])
    depth = 2
    inside = value["attributes"]["custom"]
    while inside:
        depth, inside = depth + 1, inside[0]
    assert depth + 1 == DEEPEST
    named = told(mig.Raw("customers", "i", body))[1]
    assert "custom" in named
    assert "x" not in named


@pytest.mark.parametrize("body", [b"[" * 100_000, b"]" * 5, DEEP + b"]", b'{"a":' * 500])
def test_what_never_ends_is_not_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(body)


# ---- on the target ---------------------------------------------------------------------------------------------------


def losses(record: mig.Record, *known: mig.Record) -> list[tuple[str, str]]:
    """What the mapping says of a record."""
    decision = MAPPER.map(record, Look(*known))
    assert decision is not None
    return [(loss.field, loss.outcome) for loss in decision.losses]


def ref(kind: mig.Kind) -> Ref:
    """To what nobody has."""
    return Ref(kind, "nothing")


def test_what_a_record_refers_to_in_vain_is_named() -> None:
    thread = conversation("c", contact=ref(mig.CONTACT), agents=[ref(mig.AGENT)], queue=ref(mig.QUEUE))
    assert losses(thread) == [("contact", "dropped"), ("agents", "dropped"), ("queue", "dropped")]
    said = message("m", "c", author=ref(mig.AGENT), contact=ref(mig.CONTACT))
    assert losses(said) == [("contact", "dropped"), ("author", "dropped")]
    here = mig.Contact(ref=ref(mig.CONTACT))
    assert losses(conversation("c", contact=here.ref), here) == []


def test_a_line_without_an_end_is_archived_and_named() -> None:
    long, mail = "x" * 1001, mig.Address(value="a@b.example")
    person = mig.Contact(ref=Ref(mig.CONTACT, "p"), name=long, emails=[mail], urls=[mig.Address(value=long)])
    assert losses(person) == [("name", "archived"), ("urls", "archived")]
    assert losses(conversation("c", title=long)) == [("title", "archived")]
    tag = mig.Tag(ref=Ref(mig.TAG, "t"), name=long)
    assert losses(conversation("c", tags=[tag.ref]), tag) == [("tags", "archived")]
    assert losses(conversation("c", title=long[1:])) == []


def test_u_0000_is_taken_out_of_every_field_and_each_is_named() -> None:
    place = mig.Location(street="a\0b")
    mails = [mig.Address(value="a\0@b.example")]
    person = mig.Contact(ref=Ref(mig.CONTACT, "p"), name="x\0y", emails=mails, places=[place], custom={"a": "b\0c"})
    decision = MAPPER.map(person, Look())
    assert decision is not None
    assert isinstance(decision.record, mig.Contact)
    assert (decision.record.name, decision.record.emails[0].value) == ("xy", "a@b.example")
    assert (decision.record.places[0].street, decision.record.custom) == ("ab", {"a": "bc"})
    assert sorted(loss.field for loss in decision.losses) == ["custom.a", "emails", "name", "places"]


def test_a_file_name_and_a_type_that_change_are_named() -> None:
    file = mig.Attachment(ref=Ref(mig.ATTACHMENT, "f"), name="../a\u202eb.txt", mime="x" * 99)
    assert losses(file) == [("name", "changed"), ("mime", "changed")]
    assert losses(msgspec.structs.replace(file, name="a.txt", mime="Text/Plain; charset=x")) == []


def test_a_megabyte_takes_no_time_to_speak_of() -> None:
    text = "0123456789 abcde" * 65_536
    begun = time.process_time()
    assert joined(parts(text, 2000)) == text
    assert len(slug(text)) <= 256
    assert len(file_name(mig.Attachment(ref=Ref(mig.ATTACHMENT, "f"), name=text + ".txt"))) == 128
    assert time.process_time() - begun < 5  # it was half a minute


# ---- what stands under it --------------------------------------------------------------------------------------------


class Stubborn:
    """A mapper that has no answer about conversations."""

    def map(self, record: mig.Record, look: mig.Lookup) -> mig.Decision | None:
        if isinstance(record, mig.Conversation):
            raise mig.Rejected("it is odd", "Correct it.", field="status")
        return mig.Decision(mig.Fate.LOAD, record)


async def test_what_stands_under_a_quarantined_record_is_quarantined_with_its_reason() -> None:
    desk = Desk()
    try:
        file = mig.Attachment(ref=Ref(mig.ATTACHMENT, "f"), parent=Ref(mig.MESSAGE, "m"))
        await desk.read([conversation("c"), message("m", "c"), file])
        target: Any = None
        decider = Decider([Stubborn()], target, TYPES, "a:o")
        with desk.journal.reading() as connection:
            decided = decider.decide(connection, desk.mig, mig.UnitKey("conversation:c"), None)
    finally:
        desk.close()
    why = "its conversation is quarantined: status: it is odd. Correct it."
    assert [(str(ref), one.state, one.reason) for ref, one in decided.verdicts.items()] == [
        ("conversation/c", "failed", "status: it is odd. Correct it."),
        ("message/m", "failed", why),
        ("attachment/f", "failed", why),
    ]


def test_names_are_found_as_words() -> None:
    one = next(one for one in damages(1) if (one.kind, one.field) == ("messages", "sentAt"))
    assert names(one, "sentAt: missing")
    assert names(one, "sent_at: before 1970")
    assert not names(one, "presentAt: missing")
    assert not names(one, "")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"error": true}', b'{"links": {"next": null}}', b'{"a": \x00"b"}', b"[]", b"null"]
)
def test_a_page_without_data_is_no_page(body: bytes) -> None:
    """Read as the end of a list, a gateway's word would hide everything behind it."""
    with pytest.raises(ValueError, match=r"^.+"):
        split(body)
