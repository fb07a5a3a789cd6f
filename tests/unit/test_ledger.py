"""The loss ledger: every field that holds something is in exactly one line of it, and no value is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

import mig
from mig.engine.run import Report, _summary
from mig.journal import counts, delivery, losses
from mig.journal.delivery import Verdict
from mig.journal.ledger import ROWS, Became, Book, Ledger, became, fields_of, masked
from mig.journal.schema import record as table
from mig.journal.text import short_name
from mig.model import DERIVED_KEY, TYPES, Kind, Record, Ref
from mig.platforms import Keep, Loss
from mig.testing import strategies as desk
from unit_desk import BEGIN, Desk, conversation, message

LOADED = Became("loaded")
KEEPS = {
    (mig.CONTACT, "name"): Keep("normal:trimmed"),
    (mig.CONTACT, "emails"): Keep("moved:the profile"),
    (mig.CONTACT, "gender"): Keep("lost"),
    (mig.CONTACT, "locale"): Keep("lost", "nobody asks"),
    (mig.CONTACT, "custom"): Keep("exact"),
    (mig.CONTACT, "avatar"): Keep("painted"),
}
ENDS = st.sampled_from(
    [LOADED, Became("archived", "no place"), Became("dropped", "spam"), Became("failed"), Became("pending")]
)


def person(name_: str, **more: Any) -> mig.Contact:
    return mig.Contact(ref=Ref(mig.CONTACT, name_), **more)


def ledger_of(record: Record, *said: Loss, what: Became = LOADED) -> Ledger:
    book = Book(TYPES, KEEPS)
    book.add(record.ref.kind, record.ref.id, mig.encode(record), what, said)
    return book.ledger()


def ends(found: Ledger) -> dict[str, tuple[str, str]]:
    """Field -> what became of it, of a ledger over one record."""
    kept = {name: ("kept", "") for names in found.kept.values() for name in names}
    return {**kept, **{row.field: (row.outcome, row.why) for row in found.rows}}


# ---- the law ---------------------------------------------------------------------------------------------------------


def holding(record: Record) -> set[str]:
    """The fields that hold something, counted in another way than the ledger does."""
    blank = {
        f.name: msgspec.to_builtins(f.default if f.default is not msgspec.NODEFAULT else f.default_factory())
        for f in msgspec.structs.fields(record)
        if not f.required
    }
    found = set()
    for name, value in msgspec.json.decode(mig.encode(record)).items():
        if name in ("custom", "extra"):
            found |= {
                f"{name}.{key}" for key, one in value.items() if key != "_derived" and one not in (None, "", [], {})
            }
        elif name not in ("ref", "changed_at") and value != blank.get(name, ""):
            found.add(name)
    return {masked(short_name(name)) for name in found}


@settings(max_examples=40)
@given(st.lists(st.tuples(desk.any_record(), ENDS, st.data()), max_size=5))
def test_of_every_field_that_holds_something_it_is_told_once_what_became_of_it(
    items: Sequence[tuple[Record, Became, Any]],
) -> None:
    book, held, strangers = Book(TYPES, KEEPS), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for record, what, data in items:
        body = mig.encode(record)
        names = fields_of(body, TYPES[record.ref.kind])
        assert names is not None
        said = data.draw(st.lists(st.sampled_from([*names, "nowhere", "a.b.c"]), max_size=4))
        book.add(record.ref.kind, record.ref.id, body, what, [Loss(name, "changed", "so") for name in said])
        held.update((record.ref.kind, name) for name in holding(record))
        if what is LOADED:
            strangers.update((record.ref.kind, name) for name in {"nowhere", "a.b.c"}.intersection(said))
    found = book.ledger()
    sums = Counter[tuple[str, str]]()
    for row in found.rows:
        sums[row.kind, row.field] += row.records
        assert 0 < len(row.examples) <= min(row.records, 3)
    for kind, kept in found.kept.items():
        sums.update({(kind, name): count for name, count in kept.items()})
    assert sums == held + strangers
    assert sum(found.outcomes.values()) == sums.total()
    assert found.open == []
    assert found.red == bool(found.outcomes.get("untold"))


# ---- what becomes of a field ---------------------------------------------------------------------------------------


def test_a_field_ends_as_the_target_says_where_nothing_was_said_of_it() -> None:
    one = person(
        "c",
        emails=[mig.Address(value="a@example.org")],
        created_at=BEGIN,
        name="Ada",
        gender="female",
        locale="de",
        avatar="x",
        custom={"vip": False, "none": None, "blank": ""},
        extra={"rev": 3, DERIVED_KEY: {"seen": 1}},
        time_zone="UTC",
    )
    assert ends(ledger_of(one)) == {
        "name": ("kept", ""),
        "custom.vip": ("kept", ""),
        "emails": ("moved", "the profile"),
        "gender": ("archived", "the archive alone has it"),
        "locale": ("archived", "nobody asks"),
        "extra.rev": ("archived", "nothing on the target holds it"),
        "avatar": ("untold", "the target's plugin does not say what becomes of it"),
        "time_zone": ("untold", "the target's plugin does not say what becomes of it"),
        "created_at": ("untold", "the target's plugin does not say what becomes of it"),
    }


def test_a_field_that_is_untold_makes_the_ledger_red() -> None:
    assert ledger_of(person("c", avatar="x")).red
    assert not ledger_of(person("c", name="x")).red


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("custom.vip", {"custom.vip"}),
        ("custom.order.city", {"custom.order"}),
        ("custom.a.b", {"custom.a.b"}),
        ("custom.x, y", {"custom.x, y"}),
        ("name, phones", {"name"}),  # it has no phones
        ("emails.0", {"emails"}),
        ("custom." + "x" * 300, {short_name("custom." + "x" * 300)}),
        ("phones, urls", {"phones", "urls"}),
        ("messages", {"messages"}),
        ("attachments.65f1a2b3c4d5", {"attachments.*"}),
    ],
)
def test_what_was_said_of_a_record_is_said_of_its_fields(said: str, fields: set[str]) -> None:
    custom = {"vip": 1, "order": {"city": "Bonn"}, "a.b": 1, "a": 2, "x, y": 1, "x" * 300: 1}
    one = person("c", name="Ada", emails=[mig.Address(value="a")], custom=custom)
    found = ends(ledger_of(one, Loss(short_name(said), "dropped", "so")))
    assert {name for name, end in found.items() if end == ("dropped", "so")} == fields


def test_of_several_things_said_of_a_field_the_worst_is_told() -> None:
    one = person("c", custom={"a": {"b": 1, "c": 2}})
    said = [Loss("custom.a.b", "dropped", "masked"), Loss("custom.a.c", "changed", "as text")]
    assert ends(ledger_of(one, *said)) == {"custom.a": ("dropped", "masked")}


@pytest.mark.parametrize(
    ("fate", "state", "found"),
    [
        ("load", "done", Became("loaded")),
        ("load", "staged", Became("pending")),
        ("load", "sending", Became("pending")),
        (None, "staged", Became("pending")),
        ("load", "failed", Became("failed")),
        ("archive", "failed", Became("failed")),
        ("archive", "done", Became("archived", "why")),
        ("skip", "done", Became("dropped", "why")),
    ],
)
def test_what_became_of_a_record_is_what_the_counts_say(fate: str | None, state: str, found: Became) -> None:
    assert became(fate, state, "why") == found


def test_the_ledger_holds_no_address_and_no_value() -> None:
    one = mig.Contact(ref=Ref(mig.CONTACT, "c@example.org"), name="Ada Secret", extra={"d@example.org": "Secret"})
    told = msgspec.json.encode(ledger_of(one, what=Became("archived", "e@example.org is taken"))).decode()
    assert "example.org" not in told
    assert "Secret" not in told
    assert "[address] is taken" in told


def test_very_many_names_and_reasons_share_a_line_and_the_sums_still_close() -> None:
    book = Book(TYPES, KEEPS)
    for number in range(40):
        extra = {f"key {number} {other}": 1 for other in range(100)}
        one = mig.Contact(ref=Ref(mig.CONTACT, str(number)), name="x", extra=extra)
        book.add(mig.CONTACT, str(number), mig.encode(one), Became("archived", f"because {number}"))
    found = book.ledger()
    assert found.open == []
    assert len({row.field for row in found.rows}) <= 1_000
    assert (found.total > ROWS, len(found.rows)) == (True, ROWS)
    assert sum(row.records for row in found.rows if row.field == "extra.*") == 31


def test_a_record_that_could_not_be_parsed_is_counted_apart() -> None:
    book = Book(TYPES, KEEPS)
    for body in (b"", b"{", b"[]", b"\xff"):
        book.add(mig.CONTACT, "c", body, Became("failed"))
    assert book.ledger().unread == {"contact": 4}


def test_a_kind_nobody_knows_is_counted_too() -> None:
    book = Book({}, {})
    book.add(
        "deal", "d", b'{"ref":{"kind":"deal","id":"d"},"worth":0.5,"name":"","won":false}', Became("archived", "so")
    )
    assert ends(book.ledger()) == {"worth": ("archived", "so")}


# ---- the journal -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[1, 2, 200])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(losses, "_PAGE", request.param)
    size: int = request.param
    return size


async def test_a_journal_is_counted_page_by_page(page: int) -> None:
    home = Desk()
    people = [person(f"c{number}", name=f"n{number}", gender="male") for number in range(7)]
    await home.read([*people, conversation("t", title="hello"), message("m", "t", text="hi")])

    def decide(c: Connection) -> None:
        said = (Loss("name", "changed", "so"),)
        verdicts = [Verdict(people[0].ref, "load", "done"), Verdict(people[1].ref, "load", "done", losses=said)]
        verdicts += [
            Verdict(people[2].ref, "archive", "done", "no place"),
            Verdict(people[3].ref, "load", "failed", "!"),
        ]
        verdicts += [Verdict(people[4].ref, "skip", "done", "spam")]
        delivery.save_verdicts(c, home.mig, verdicts, 1)
        c.execute(update(table).where(table.c.id == "c6").values(state="gone"))

    await home.journal.write(decide)
    with home.journal.reading() as connection:
        found = losses.count(connection, home.mig, TYPES, KEEPS)
    rows = {(row.kind, row.field, row.outcome, row.why): (row.records, row.examples) for row in found.rows}
    assert found.kept == {"contact": {"name": 1}}
    assert rows["contact", "name", "changed", "so"] == (1, ("c1",))
    assert rows["contact", "name", "archived", "no place"] == (1, ("c2",))
    assert rows["contact", "name", "failed", ""] == (1, ("c3",))
    assert rows["contact", "name", "dropped", "spam"] == (1, ("c4",))
    assert rows["contact", "name", "pending", ""] == (1, ("c5",))
    assert rows["contact", "gender", "archived", "the archive alone has it"] == (2, ("c0", "c1"))
    assert rows["message", "text", "pending", ""] == (1, ("m",))
    assert found.open == []
    home.close()


async def test_a_ledger_is_found_again_until_something_goes_on() -> None:
    home = Desk()
    await home.read([person("c", name="Ada")])

    async def run(ledger: Ledger | None) -> int:
        number = await home.journal.write(lambda c: counts.begin_run(c, home.mig, now="then", host="h", pid=1))
        if ledger is not None and not ledger.run:
            ledger.run = number
        told = Report(
            run_id=number, status="completed", kinds={}, by_attribute={}, requests={}, seconds=1.0, ledger=ledger
        )
        text = _summary(told, narrow=False)
        await home.journal.write(lambda c: counts.end_run(c, number, now="now", status="completed", report=text))
        return number

    def kept() -> Ledger | None:
        with home.journal.reading() as connection:
            return losses.kept_ledger(connection, home.mig)

    assert kept() is None
    with home.journal.reading() as connection:
        counted = losses.count(connection, home.mig, TYPES, KEEPS)
    first = await run(counted)
    assert kept() == counted
    await run(counted)  # a run after which nothing had changed only names the one before
    found = kept()
    assert found is not None
    assert found.run == first
    await run(None)  # one that was cut off
    assert kept() is None
    home.close()


def test_types_of_the_core_have_no_field_the_ledger_would_not_see() -> None:
    for kind, type_ in TYPES.items():
        required: dict[str, Any] = {"of": Kind("contact"), "name": "n"} if type_ is mig.AttributeDefinition else {}
        bare = mig.encode(type_(ref=Ref(kind, "x"), **required))
        assert fields_of(bare, type_) == list(required)
