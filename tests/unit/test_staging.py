"""Staging: every record finds its unit and its place in it, in whatever order and run its parents arrive."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig.journal import delivery
from mig.model import Ref
from unit_desk import BEGIN, Desk, attachment, contact, conversation, message, note, raw
from unit_model import desks, expected

if TYPE_CHECKING:
    from pg_server import Server

T1, T2 = Ref(mig.CONVERSATION, "t1"), Ref(mig.CONVERSATION, "t2")
M1 = Ref(mig.MESSAGE, "m1")


@pytest_asyncio.fixture
async def desk(new_journal: Callable[[], str]) -> AsyncIterator[Desk]:
    made = Desk(new_journal())
    yield made
    made.close()


# ---- against a model ------------------------------------------------------------------------------------------------


async def arrived(url: str, records: Sequence[mig.Record], size: int) -> dict[str, list[str]]:
    """The units of records that come in pages of this size."""
    desk = Desk(url)
    await desk.read(*(records[start : start + size] for start in range(0, len(records), size)))
    units = desk.units()
    assert set(units) <= desk.dirty()
    desk.close()
    return units


async def arrived_over_runs(url: str, records: Sequence[mig.Record], chance: Any) -> dict[str, list[str]]:
    """The units of records that come three a run, in any order."""
    # Contacts come in the first run: which of those that are one came first decides the name of their unit.
    rest = [one for one in records if not isinstance(one, mig.Contact)]
    chance.shuffle(rest)
    desk = Desk(url)
    await desk.read([one for one in records if isinstance(one, mig.Contact)])
    for start in range(0, len(rest), 3):
        await desk.read(rest[start : start + 3])
    units = desk.units()
    desk.close()
    return units


@given(desks(), st.randoms(use_true_random=False), st.integers(1, 5))
async def test_the_order_of_arrival_changes_neither_units_nor_the_order_in_them(
    records: list[mig.Record], chance: Any, size: int
) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert await arrived("sqlite://", shuffled, size) == expected(records)


@given(desks(), st.randoms(use_true_random=False))
async def test_records_that_come_over_several_runs_end_in_the_same_order(
    records: list[mig.Record], chance: Any
) -> None:
    assert await arrived_over_runs("sqlite://", records, chance) == expected(records)


@settings(max_examples=8)
@given(desks(), st.randoms(use_true_random=False))
async def test_the_same_holds_on_postgresql(postgres: Server, records: list[mig.Record], chance: Any) -> None:
    assert await arrived_over_runs(postgres.emptied(), records, chance) == expected(records)
    chance.shuffle(records)
    assert await arrived(postgres.emptied(), records, 3) == expected(records)


async def test_a_file_stands_beside_its_message_also_where_one_id_begins_like_another(desk: Desk) -> None:
    await desk.read([conversation("1"), message("1", "1"), message("10", "1"), message("2", "1")])
    await desk.read([attachment("f", Ref(mig.MESSAGE, "1"))])
    assert desk.units() == {
        "conversation:1": ["conversation/1", "message/1", "attachment/f", "message/10", "message/2"]
    }


async def test_more_records_than_one_batch_are_placed_alike(desk: Desk) -> None:
    people = [contact(f"{n:04d}", f"{n % 450}@x", at=1000 - n) for n in range(1000)]
    await desk.read(people)
    units = desk.units()
    assert len(units) == 450
    # The oldest of those with one address gives its name: 0900 was made before 0450, and that before 0000.
    assert units["contact:0900"] == ["contact/0900", "contact/0450", "contact/0000"]


# ---- roots that are one ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_contacts_with_one_address_are_one_unit_named_by_the_oldest(turn: tuple[int, ...], desk: Desk) -> None:
    people = [contact("c", "a@x", at=3), contact("a", "a@x", at=2), contact("b", "a@x", at=1)]
    await desk.read(*([people[n]] for n in turn))
    assert desk.units() == {"contact:b": ["contact/b", "contact/a", "contact/c"]}


async def test_a_contact_of_a_later_run_joins_the_unit_that_stands(desk: Desk) -> None:
    await desk.read([contact("new", "a@x", at=5)])
    await desk.deliver()
    await desk.read([contact("old", "a@x", at=1)])
    assert desk.units() == {"contact:new": ["contact/old", "contact/new"]}
    assert desk.dirty() == {"contact:new"}


async def test_one_that_shares_a_name_with_two_joins_the_older_and_leaves_them_two(desk: Desk) -> None:
    # A shared address proves nothing about the two others: they may have been delivered apart already.
    await desk.read([contact("a", "a@x", at=1), contact("b", "b@x", at=2), contact("bridge", "a@x b@x", at=3)])
    assert desk.units() == {"contact:a": ["contact/a", "contact/bridge"], "contact:b": ["contact/b"]}


async def test_a_contact_keeps_its_unit_when_its_address_changes(desk: Desk) -> None:
    await desk.read([contact("a", "old@x")])
    await desk.deliver()
    await desk.read([contact("a", "new@x")])
    assert desk.units() == {"contact:a": ["contact/a"]}
    assert desk.dirty() == {"contact:a"}


async def test_who_has_the_new_address_of_another_is_one_with_it(desk: Desk) -> None:
    await desk.read([contact("a", "old@x", at=1)])
    await desk.read([contact("a", "new@x", at=1)])
    await desk.read([contact("b", "new@x", at=2)])
    assert desk.units() == {"contact:a": ["contact/a", "contact/b"]}


async def test_who_has_the_address_another_gave_up_is_somebody_else(desk: Desk) -> None:
    await desk.read([contact("a", "old@x", at=1)])
    await desk.read([contact("a", "new@x", at=1)])
    await desk.read([contact("b", "old@x", at=2)])
    assert desk.units() == {"contact:a": ["contact/a"], "contact:b": ["contact/b"]}


# ---- what is urgent -------------------------------------------------------------------------------------------------


async def test_open_and_new_conversations_come_first(desk: Desk) -> None:
    def thread(name: str, status: str, day: int) -> mig.Conversation:
        return conversation(name, status=status, last_activity_at=BEGIN + timedelta(days=day))

    await desk.read([thread("a", "done", 9), thread("b", "open", 1), thread("c", "snoozed", 5), thread("d", "open", 2)])
    await desk.read([contact("p", at=0)])
    assert desk.urgent() == [*(f"conversation:{name}" for name in "dbca"), "contact:p"]
    await desk.read([thread("a", "open", 10)])
    assert desk.urgent()[0] == "conversation:a"


# ---- what moves -----------------------------------------------------------------------------------------------------


async def test_a_message_that_names_another_conversation_moves_with_its_files(desk: Desk) -> None:
    file = attachment("f1", M1)
    await desk.read([conversation("t1"), conversation("t2"), message("m1", "t1"), message("m2", "t1"), file])
    await desk.deliver()
    assert desk.dirty() == set()
    await desk.read([message("m1", "t2")])
    assert desk.units() == {
        "conversation:t1": ["conversation/t1", "message/m2"],
        "conversation:t2": ["conversation/t2", "message/m1", "attachment/f1"],
    }
    assert desk.dirty() == {"conversation:t1", "conversation:t2"}
    assert (desk.row(M1).state, desk.row(file.ref).state) == ("staged", "staged")


async def test_a_message_whose_time_changes_takes_its_files_to_its_new_place(desk: Desk) -> None:
    await desk.read([conversation("t1"), message("m1", "t1", 1), message("m2", "t1", 2), attachment("f1", M1)])
    await desk.deliver()
    await desk.read([message("m1", "t1", 3)])
    assert desk.units() == {
        "conversation:t1": ["conversation/t1", "message/m2", "message/m1", "attachment/f1"],
    }


async def test_a_message_that_moves_to_a_conversation_not_yet_there_is_taken_up_when_it_comes(desk: Desk) -> None:
    await desk.read([conversation("t1"), message("m1", "t1")])
    await desk.deliver()
    await desk.read([message("m1", "t2")])
    assert desk.units() == {"conversation:t1": ["conversation/t1"]}
    assert desk.dirty() == {"conversation:t1"}
    await desk.read([conversation("t2")])
    assert desk.units()["conversation:t2"] == ["conversation/t2", "message/m1"]


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail instead of running for ever."""

    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def test_a_circle_of_parents_ends(desk: Desk) -> None:
    one, other = Ref(mig.ATTACHMENT, "1"), Ref(mig.ATTACHMENT, "2")
    await desk.read([conversation("t1"), message("m1", "t1"), attachment("1", M1), attachment("2", one)])
    with within(2):
        await desk.read([attachment("1", other)])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}
    assert (desk.row(one).state, desk.row(one).reason) == ("done", "its attachment 2 stands in itself")


# ---- parents that are missing ---------------------------------------------------------------------------------------


async def test_what_names_a_parent_that_is_not_there_is_archived_with_the_reason(desk: Desk) -> None:
    file = attachment("f1", M1)
    source = await desk.read([message("m1", "t1"), file])
    assert source.fetched == [T1]
    row = desk.row(M1)
    assert (row.unit, row.fate, row.state, row.reason) == (
        None,
        "archive",
        "done",
        "its conversation t1 does not exist",
    )
    row = desk.row(file.ref)
    assert (row.fate, row.state) == ("archive", "done")
    assert row.reason == "its message is not moved: its conversation t1 does not exist"


async def test_a_parent_the_source_still_has_is_fetched(desk: Desk) -> None:
    source = await desk.read([attachment("f1", M1)], known=[message("m1", "t1"), conversation("t1")])
    assert source.fetched == [M1, T1]
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1", "attachment/f1"]}


async def test_a_missing_parent_is_looked_for_again_in_every_run_and_taken_up_when_it_is_there(desk: Desk) -> None:
    await desk.read([message("m1", "t1", text="hello")])
    await desk.deliver()
    assert (await desk.read([])).fetched == [T1]
    source = await desk.read([], known=[conversation("t1")])
    assert source.fetched == [T1]
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}
    assert desk.dirty() == {"conversation:t1"}
    row = desk.row(M1)
    assert (row.fate, row.state) == (None, "staged")  # decided anew


async def test_a_parent_that_comes_by_itself_takes_its_orphans_up(desk: Desk) -> None:
    await desk.read([message("m1", "t1"), attachment("f1", M1)])
    await desk.read([conversation("t1")])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1", "attachment/f1"]}


async def test_where_parents_cannot_be_read_their_children_wait(desk: Desk) -> None:
    await desk.read([message("m1", "t1")], closed=True)
    row = desk.row(M1)
    assert (row.fate, row.state, row.reason) == (None, "staged", "its conversation t1 cannot be read")
    await desk.read([attachment("f1", M1)], closed=True)
    row = desk.row(Ref(mig.ATTACHMENT, "f1"))
    assert (row.fate, row.state, row.reason) == (None, "staged", "its conversation t1 cannot be read")
    await desk.read([raw(attachment("f1", M1), gone=True)])
    await desk.read([], known=[conversation("t1")])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}


async def test_what_is_staged_while_a_unit_is_delivered_is_not_forgotten(desk: Desk) -> None:
    await desk.read([conversation("t1")])
    with desk.journal.reading() as c:
        version = delivery.unit_version(c, desk.mig, "conversation:t1")
    await desk.read([message("m1", "t1")])
    for seen, dirty in ((version, {"conversation:t1"}), (version + 1, set())):
        await desk.journal.write(
            lambda c, seen=seen: delivery.finish_unit(  # type: ignore[misc]
                c, desk.mig, "conversation:t1", looked="", asked=(), clean=True, version=seen
            )
        )
        assert desk.dirty() == dirty


async def test_a_child_that_comes_later_makes_its_unit_dirty(desk: Desk) -> None:
    await desk.read([conversation("t1"), conversation("t2")])
    await desk.deliver()
    await desk.read([message("m1", "t1")])
    assert desk.dirty() == {"conversation:t1"}


# ---- what is not new ------------------------------------------------------------------------------------------------


async def test_raws_that_are_there_byte_for_byte_are_not_parsed_again(desk: Desk) -> None:
    page = [conversation("t1"), message("m1", "t1")]
    assert len((await desk.read(page)).parsed) == 2
    await desk.deliver()
    assert (await desk.read(page, [message("m1", "t1")])).parsed == []
    assert desk.dirty() == set()
    assert (await desk.read([message("m1", "t1", text="edited")])).parsed == ["message/m1"]
    assert desk.dirty() == {"conversation:t1"}


async def test_a_change_that_is_none_leaves_the_unit_clean(desk: Desk) -> None:
    one = conversation("t1", message_count=1)
    await desk.read([one])
    await desk.deliver()
    later = msgspec.structs.replace(one, changed_at=BEGIN, message_count=2, last_activity_at=BEGIN)
    assert (await desk.read([later])).parsed == ["conversation/t1"]
    assert desk.dirty() == set()
    assert desk.row(T1).state == "done"


async def test_of_two_raws_in_one_page_the_later_counts(desk: Desk) -> None:
    await desk.read([message("m1", "t1", text="old"), conversation("t1"), message("m1", "t2", text="new")])
    assert desk.row(M1).parent_id == "t2"


# ---- what is gone ---------------------------------------------------------------------------------------------------


async def test_a_raw_that_becomes_fewer_records_than_before_leaves_the_others_gone(desk: Desk) -> None:
    one, other = attachment("f1", M1), attachment("f2", M1)
    await desk.read([conversation("t1"), raw(message("m1", "t1"), one, other)])
    await desk.deliver()
    await desk.read([raw(message("m1", "t1", text="edited"), other)])
    assert (desk.row(M1).state, desk.row(one.ref).state, desk.row(other.ref).state) == ("done", "gone", "done")
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1", "attachment/f2"]}
    await desk.read([raw(message("m1", "t1"), one, other)])
    assert desk.row(one.ref).state == "staged"


async def test_a_record_that_became_one_of_another_kind_is_gone_though_the_id_stays(desk: Desk) -> None:
    await desk.read([conversation("t1"), raw(message("1", "t1"), name="raw 1")])
    await desk.read([raw(note("1", T1), name="raw 1")])
    assert desk.row(Ref(mig.MESSAGE, "1")).state == "gone"
    assert desk.units() == {"conversation:t1": ["conversation/t1", "note/1"]}


async def test_what_the_source_deleted_is_gone_and_comes_back_when_it_is_there_again(desk: Desk) -> None:
    await desk.read([conversation("t1"), message("m1", "t1")])
    await desk.deliver()
    await desk.read([raw(message("m1", "t1"), gone=True)])
    assert desk.row(M1).state == "gone"
    assert desk.units() == {"conversation:t1": ["conversation/t1"]}
    await desk.read([message("m1", "t1")])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}
    assert desk.dirty() == {"conversation:t1"}


# ---- what cannot be read --------------------------------------------------------------------------------------------


async def test_what_cannot_be_parsed_is_quarantined_and_the_rest_goes_on(desk: Desk) -> None:
    await desk.read([mig.Raw("things", "broken", b"{"), conversation("t1")])
    row = desk.row(Ref(mig.MESSAGE, "broken"))
    assert (row.state, row.unit) == ("failed", None)
    assert "cannot be parsed" in row.reason
    assert desk.units() == {"conversation:t1": ["conversation/t1"]}


async def test_what_can_be_parsed_after_all_is_taken_up(desk: Desk) -> None:
    await desk.read([mig.Raw("things", "m1", b"{"), conversation("t1")])
    assert desk.row(M1).state == "failed"
    await desk.read([raw(message("m1", "t1"), name="m1")])
    assert desk.row(M1).state == "staged"
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}


# ---- who looked ------------------------------------------------------------------------------------------------------


async def test_who_looked_a_record_up_is_dirty_when_it_changes(desk: Desk) -> None:
    person = contact("p", "a@x")
    await desk.read([conversation("t1"), conversation("t2"), person])
    await desk.deliver({"conversation:t1": [person.ref]})
    await desk.read([msgspec.structs.replace(person, name="Zoe")])
    assert desk.dirty() == {"conversation:t1", "contact:p"}


async def test_who_looked_in_vain_is_dirty_when_the_record_comes(desk: Desk) -> None:
    person = contact("p", "a@x")
    await desk.read([conversation("t1"), conversation("t2")])
    await desk.deliver({"conversation:t1": [person.ref]})
    await desk.read([person])
    assert desk.dirty() == {"conversation:t1", "contact:p"}


async def test_who_does_not_look_any_more_stays_clean(desk: Desk) -> None:
    person = contact("p", "a@x")
    await desk.read([conversation("t1"), person])
    await desk.deliver({"conversation:t1": [person.ref]})
    await desk.read([conversation("t1", title="new")])
    await desk.deliver({})
    await desk.read([msgspec.structs.replace(person, name="Zoe")])
    assert desk.dirty() == {"contact:p"}


@pytest.mark.parametrize(
    "small",
    [
        mig.Tag(ref=Ref(mig.TAG, "1"), name="vip"),
        mig.Agent(ref=Ref(mig.AGENT, "1"), name="Ann"),
        mig.Team(ref=Ref(mig.TEAM, "1"), name="first"),
        mig.Queue(ref=Ref(mig.QUEUE, "1"), name="line"),
        mig.AttributeDefinition(ref=Ref(mig.ATTRIBUTE, "contact.a"), name="a", of=mig.CONTACT),
    ],
)
async def test_a_change_in_a_small_kind_makes_every_unit_dirty(small: Any, desk: Desk) -> None:
    await desk.read([conversation("t1"), contact("p"), small])
    await desk.deliver()
    await desk.read([small])
    assert desk.dirty() == set()
    await desk.read([msgspec.structs.replace(small, name="other")])
    assert desk.dirty() == {"conversation:t1", "contact:p", f"{small.ref.kind}:{small.ref.id}"}
