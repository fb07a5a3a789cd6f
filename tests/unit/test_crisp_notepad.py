"""The notepad of a contact: notes of several threads in the order of their dates, whoever writes first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mig import Call, Clock, Effect, Operation, Unclear, UnitKey
from mig_crisp.notepad import block_of, blocks_of, with_block
from mig_crisp.people import People
from sim_loop import LoopClock, in_virtual_time
from storm import VirtualClock

LAG_S, LIFE_S = 5.0, 60.0

MARK = "[mig kustomer:5f693e804da4f9fc3c6da5d7 contact/65462416b81a6916c70000a0]"
TEXTS = (
    st.text(alphabet="ab \n", min_size=1, max_size=20).map(str.strip).filter(lambda text: text and "\n\n" not in text)
)


def block(number: int, text: str) -> str:
    when = f"2024-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00.000+00:00" if number < 300 else "undated"
    return f"{when} Ada ({number:024x}):\n{text}"


@given(st.dictionaries(st.integers(0, 300), TEXTS, min_size=1, max_size=6), st.data())
def test_whoever_writes_first_they_stand_in_the_order_of_their_dates(
    notes: dict[int, str], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(notes)))
    again = data.draw(st.sampled_from(sorted(notes)))
    notepad = MARK
    for number in (*order, again):
        notepad = with_block(notepad, block(number, notes[number]))
    assert notepad.endswith(f"\n\n{MARK}")
    assert blocks_of(notepad) == [block(number, notes[number]) for number in sorted(notes)]


@given(TEXTS, TEXTS)
def test_an_edited_one_keeps_its_place_and_what_others_wrote_stays(one: str, other: str) -> None:
    notepad = f"Called twice, is nice.\n\n{block(1, 'first')}\n\n{block(3, 'third')}\n\nCalled again.\n\n{MARK}"
    edited = with_block(notepad, block(1, one))
    assert edited == notepad.replace(block(1, "first"), block(1, one))
    more = with_block(edited, block(2, other))
    assert more == edited.replace(block(3, "third"), f"{block(2, other)}\n\n{block(3, 'third')}")
    assert block_of(more, f"{2:024x}") == block(2, other)


def test_one_that_stands_as_it_is_changes_nothing_around_it() -> None:
    notepad = f"By hand.\n{block(1, 'first')}\nTyped behind it.\n\n\n{block(3, 'third')} \n\n{MARK}\n"
    assert with_block(notepad, block(1, "first")) == notepad
    assert with_block(notepad, block(1, "firs")) != notepad


def note(number: int) -> Call:
    body = {"people_id": "p", "line": block(number, f"note {number}")}
    operation = Operation(name="notepad", verb="people.note", effect=Effect.PUT, body=body)
    return Call(UnitKey("contact:a"), operation, body)


class Lagging:
    """A profile whose reads show it as it was a while ago; requests and answers take their time."""

    def __init__(self, clock: Clock, ways: Iterable[float]) -> None:
        self._clock, self._ways = clock, cycle(ways)
        self._stood = [(clock.monotonic(), MARK)]

    @property
    def notepad(self) -> str:
        return self._stood[-1][1]

    async def get(self, path: str) -> dict[str, str]:
        await self._clock.sleep(next(self._ways))
        seen = self._clock.monotonic() - LAG_S
        text = next((text for when, text in reversed(self._stood) if when <= seen), "")
        await self._clock.sleep(next(self._ways))
        return {"notepad": text}

    async def write(self, method: str, path: str, body: dict[str, str]) -> None:
        await self._clock.sleep(next(self._ways))
        self._stood.append((self._clock.monotonic(), body["notepad"]))
        await self._clock.sleep(next(self._ways))


@given(
    st.lists(st.floats(0.0, 2 * LAG_S), min_size=2, max_size=6), st.lists(st.floats(0.001, 3.0), min_size=4, max_size=9)
)
async def test_however_slow_answers_are_no_note_is_written_over(pauses: list[float], ways: list[float]) -> None:
    clock = VirtualClock()
    desk: Any = Lagging(clock, ways)
    people = People(desk, 10_000, clock, LAG_S, LIFE_S)
    for number, pause in enumerate(pauses):
        await people.send(note(number))
        await clock.sleep(pause)
    assert blocks_of(desk.notepad) == [block(number, f"note {number}") for number in range(len(pauses))]
    assert desk.notepad.endswith(MARK)


def test_what_may_still_arrive_is_waited_for_before_the_next_note() -> None:
    async def story() -> str:
        clock = LoopClock()
        desk: Any = Lagging(clock, [0.01])
        people = People(desk, 10_000, clock, LAG_S, LIFE_S)
        plain = desk.write

        async def arrive(method: str, path: str, body: dict[str, str]) -> None:
            await clock.sleep(LIFE_S / 2)
            await plain(method, path, body)

        async def late(method: str, path: str, body: dict[str, str]) -> None:
            desk.write, desk.arriving = plain, asyncio.create_task(arrive(method, path, body))
            raise Unclear("no answer")

        desk.write = late
        with pytest.raises(Unclear):
            await people.send(note(1))
        await people.send(note(2))  # of another thread
        await clock.sleep(LIFE_S + LAG_S)  # as long as what is in doubt is waited for
        await people.send(note(1))
        return str(desk.notepad)

    assert blocks_of(in_virtual_time(story())) == [block(number, f"note {number}") for number in (1, 2)]
