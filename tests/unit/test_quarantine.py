"""What cannot be parsed, what stands under it, and how both come back once it is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig.model import Ref
from unit_desk import Desk, Placer, attachment, conversation, message, raw
from unit_model import desks, expected

T1 = Ref(mig.CONVERSATION, "t1")
M1 = Ref(mig.MESSAGE, "m1")


@pytest_asyncio.fixture
async def desk(new_journal: Callable[[], str]) -> AsyncIterator[Desk]:
    """A journal of either kind of database."""
    made = Desk(new_journal())
    yield made
    made.close()


QUARANTINED = "its conversation t1 is quarantined: see `mig failures`. Correct it at the source, then run again."


def broken(ref: Ref) -> mig.Raw:
    """The raw of a record, unreadable."""
    return mig.Raw("threads" if ref.kind == mig.CONVERSATION else "things", ref.id, b"{")


def mended(record: mig.Record) -> mig.Raw:
    """The raw of the same record, readable."""
    return msgspec.structs.replace(raw(record, name=record.ref.id), resource=broken(record.ref).resource)


async def test_what_stands_under_a_quarantined_parent_says_so_and_is_taken_up_once_it_is_mended(desk: Desk) -> None:
    file = attachment("f1", M1)
    source = await desk.read([broken(T1), message("m1", "t1"), file])
    assert source.fetched == []
    for _ in range(2):  # in every run
        for ref in (M1, file.ref):
            row = desk.row(ref)
            assert (row.unit, row.fate, row.state, row.reason) == (None, "load", "failed", QUARANTINED)
        await desk.read([])
    await desk.read([mended(conversation("t1"))])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1", "attachment/f1"]}
    assert desk.dirty() == {"conversation:t1"}
    for ref in (T1, M1, file.ref):
        row = desk.row(ref)
        assert (row.fate, row.state, row.reason) == (None, "staged", "")


async def test_a_child_is_told_of_its_parent_as_it_is_now(desk: Desk) -> None:
    await desk.read([message("m1", "t1")])
    assert desk.row(M1).reason == "its conversation t1 does not exist"
    await desk.read([broken(T1)])
    assert (desk.row(M1).state, desk.row(M1).reason) == ("failed", QUARANTINED)
    await desk.read([msgspec.structs.replace(broken(T1), body=b"", gone=True)])
    row = desk.row(M1)
    assert (row.fate, row.state, row.reason) == ("archive", "done", "its conversation t1 was deleted")


async def test_a_quarantined_parent_of_a_kind_that_cannot_be_read_is_quarantined_all_the_same(desk: Desk) -> None:
    await desk.read([broken(T1), message("m1", "t1"), message("m2", "t2")], closed=True)
    assert desk.row(M1).reason == QUARANTINED
    assert desk.row(Ref(mig.MESSAGE, "m2")).reason == "its conversation t2 cannot be read"


async def test_what_was_delivered_and_cannot_be_parsed_any_more_keeps_its_place_until_it_is_mended(desk: Desk) -> None:
    thread = [mended(one) for one in (conversation("t1"), message("m1", "t1", 1), message("m2", "t1", 2))]
    file = attachment("f1", M1)
    whole = {"conversation:t1": ["conversation/t1", "message/m1", "attachment/f1", "message/m2"]}
    await desk.read([*thread, file])
    await desk.deliver()
    await desk.read([broken(T1), broken(M1)])
    assert {(desk.row(ref).state, desk.row(ref).unit) for ref in (T1, M1)} == {("failed", "conversation:t1")}
    assert desk.row(M1).parent_id == "t1"
    assert desk.dirty() == set()  # nothing that stands on the target is touched for it
    assert (desk.row(file.ref).state, desk.row(file.ref).unit) == ("done", "conversation:t1")
    await desk.read(thread)
    assert desk.units() == whole
    assert desk.dirty() == {"conversation:t1"}
    assert {desk.row(ref).state for ref in (T1, M1)} == {"staged"}


async def test_an_orphan_that_broke_meanwhile_stays_quarantined_when_its_parent_comes(desk: Desk) -> None:
    await desk.read([mended(message("m1", "t1"))])
    await desk.read([broken(M1)])
    await desk.read([mended(conversation("t1"))])
    assert (desk.row(M1).state, desk.row(M1).unit) == ("failed", None)
    assert "cannot be parsed" in desk.row(M1).reason
    await desk.read([mended(message("m1", "t1"))])
    assert desk.units() == {"conversation:t1": ["conversation/t1", "message/m1"]}


@settings(max_examples=40)
@given(desks(), st.sets(st.integers(0, 8)), st.randoms(use_true_random=False))
async def test_whatever_was_broken_for_a_while_ends_as_if_it_never_was(
    records: list[mig.Record], which: set[int], chance: Any
) -> None:
    there = {one.ref for one in records}
    bad = [one.ref for n, one in enumerate(records) if n in which and one.ref.kind in (mig.MESSAGE, mig.CONVERSATION)]
    desk, turn = Desk("sqlite://"), list(records)
    chance.shuffle(turn)
    await desk.read([broken(one.ref) if one.ref in bad else mended(one) for one in turn])
    for one in records:
        parent, row = Placer().place(one).parent, desk.row(one.ref)
        if one.ref in bad or parent in bad:
            assert row.state == "failed"
        elif parent is not None and parent not in there:
            assert row.reason == f"its {parent.kind} {parent.id} does not exist"
    await desk.read([mended(one) for one in records if one.ref in bad])
    assert desk.units() == expected(records)
    assert {desk.row(one.ref).state for one in records} <= {"staged", "done"}
    desk.close()
