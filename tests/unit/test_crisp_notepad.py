"""The notepad of a contact: notes of several threads in the order of their dates, whoever writes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mig_crisp.notepad import block_of, blocks_of, with_block

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
