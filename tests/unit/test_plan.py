"""The difference between what is wanted and what was sent, case by case; and how it is cut into windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig.engine.decide import Decided
from mig.engine.plan import Step, decode_body, diff, encode_body, operation_digest, widened, windows
from mig.journal.delivery import OperationRow, Verdict
from mig.model import Ref
from mig.platforms import Effect, FromReceipt, Operation, Receipt, UnitKey
from mig.testing import strategies as desk

THREAD = Ref(mig.CONVERSATION, "t")
A, B = Ref(mig.MESSAGE, "a"), Ref(mig.MESSAGE, "b")
PROOF = Receipt({"id": "7"})


def birth(**more: Any) -> Operation:
    return Operation(name="birth", verb="create", effect=Effect.CREATE, body={}, carries=(THREAD,), **more)


def say(ref: Ref, text: str = "hello", **more: Any) -> Operation:
    body = {"text": text, "session": FromReceipt("birth")}
    more = {"effect": Effect.CREATE, "marker": f"org/{ref}", "carries": (ref,), **more}
    return Operation(name=str(ref), verb="say", body=body, **more)


def meta(title: str = "title", **more: Any) -> Operation:
    more = {"carries": (THREAD,), **more}
    return Operation(name="meta", verb="meta", effect=Effect.PUT, body={"title": title}, **more)


def state(word: str = "done", **more: Any) -> Operation:
    return Operation(
        name="state", verb="state", effect=Effect.PUT, body={"state": word}, carries=(THREAD,), tail=True, **more
    )


def row(operation: Operation, was: str = "done", receipt: Receipt | None = PROOF, **more: Any) -> OperationRow:
    """What the journal says of an operation that was claimed as it is given here."""
    facts: dict[str, Any] = {
        "name": operation.name,
        "verb": operation.verb,
        "effect": operation.effect,
        "digest": operation_digest(operation),
        "state": was,
        "marker": operation.marker,
        "carries": operation.carries,
        "tail": operation.tail,
        "body": encode_body(operation.body) if was == "sending" and operation.marker else None,
        "receipt": receipt,
        "orphans": 0,
        "epoch": 1,
    }
    return OperationRow(**{**facts, **more})


def decided(
    operations: Sequence[Operation], changed: Sequence[Ref] = (), fates: Mapping[Ref, str] | None = None
) -> Decided:
    refs = {ref for operation in operations for ref in operation.carries}
    verdicts = {ref: Verdict(ref, "load", "staged") for ref in refs}
    verdicts |= {ref: Verdict(ref, fate, "done", "why") for ref, fate in (fates or {}).items()}
    return Decided(
        key=UnitKey("conversation:t"),
        operations=operations,
        verdicts=verdicts,
        changed=set(changed),
        fresh=set(changed),
        asked=set(),
        absent=set(),
        looked="",
    )


def steps(
    wanted: Sequence[Operation],
    known: Sequence[OperationRow] = (),
    *,
    changed: Sequence[Ref] = (),
    fates: Mapping[Ref, str] | None = None,
    **more: Any,
) -> list[tuple[str, str, bool]]:
    """(action, name, doubtful) of each step."""
    found = diff(decided(wanted, changed, fates), {one.name: one for one in known}, **more)
    return [(step.action, step.op.name, step.doubtful) for step in found]


# ---- one operation against one row -----------------------------------------------------------------------------------

ONE: dict[str, tuple[list[Operation], list[OperationRow], list[Ref], list[tuple[str, str, bool]]]] = {
    "new": ([say(A)], [], [A], [("send", "message/a", False)]),
    "new, its record unchanged: a setting renders it otherwise now": ([say(A)], [], [], []),
    "gone before": ([say(A)], [row(say(A), "gone", None)], [A], [("send", "message/a", False)]),
    "gone before, its record unchanged": ([say(A)], [row(say(A), "gone", None)], [], []),
    "unchanged": ([say(A)], [row(say(A))], [A], []),
    "changed with its record": ([say(A, "new")], [row(say(A))], [A], [("revise", "message/a", False)]),
    "rendered otherwise, its record unchanged": ([say(A, "new")], [row(say(A))], [], []),
    "rendered otherwise, another record changed": ([say(A, "new")], [row(say(A))], [B], []),
    "carries nothing, rendered otherwise": (
        [meta("new", carries=())],
        [row(meta(carries=()))],
        [],
        [("revise", "meta", False)],
    ),
    "failed before, unchanged since": ([say(A)], [row(say(A), "failed", None)], [], []),
    "failed before, its record changed": (
        [say(A, "new")],
        [row(say(A), "failed", None)],
        [A],
        [("send", "message/a", False)],
    ),
    "in doubt, the same": ([say(A)], [row(say(A), "sending", None)], [], [("send", "message/a", True)]),
    "in doubt, other content: ask about the old first": (
        [say(A, "new")],
        [row(say(A), "sending", None)],
        [A],
        [("ask", "message/a", True)],
    ),
    "a revision in doubt": ([say(A, "new")], [row(say(A, "new"), "sending")], [], [("revise", "message/a", True)]),
    "a revision in doubt, other content": (
        [say(A, "newer")],
        [row(say(A, "new"), "sending")],
        [A],
        [("revise", "message/a", True)],
    ),
    "a put in doubt, other content": ([meta("b")], [row(meta(), "sending", None)], [], [("send", "meta", True)]),
    "a birth in doubt": ([birth()], [row(birth(), "sending", None)], [], [("send", "birth", True)]),
    "due": ([state()], [row(state(), "due")], [], [("revise", "state", False)]),
    "due, and never proved": ([state()], [row(state(), "due", None)], [], [("send", "state", False)]),
}


@pytest.mark.parametrize("case", ONE)
def test_one_operation_against_what_the_journal_says(case: str) -> None:
    wanted, known, changed, expected = ONE[case]
    assert steps(wanted, known, changed=changed) == expected


def test_what_was_refused_as_a_revision_stands_there_already_and_is_never_sent_anew() -> None:
    assert steps([say(A, "new")], [row(say(A), "failed", PROOF)], changed=[A]) == [("revise", "message/a", False)]


def test_what_is_asked_about_is_what_was_sent_then() -> None:
    then = say(A, "then")
    (step,) = diff(decided([say(A, "now")], [A]), {str(A): row(then, "sending", None)})
    assert (step.action, step.op.body, step.op.marker) == ("ask", then.body, then.marker)
    assert step.digest == operation_digest(then)


def test_remap_looks_at_unchanged_records_too() -> None:
    assert steps([say(A, "new")], [row(say(A))], everything=True) == [("revise", "message/a", False)]
    assert steps([say(A)], [row(say(A))], everything=True) == []
    assert steps([say(A)], [], everything=True) == [("send", "message/a", False)]


def test_a_revision_knows_what_stands_there() -> None:
    (step,) = diff(decided([say(A, "new")], [A]), {str(A): row(say(A))})
    assert (step.old, step.digest) == (PROOF, operation_digest(say(A, "new")))


# ---- the whole unit --------------------------------------------------------------------------------------------------

WHOLE = [birth(), meta(), say(A), say(B), state()]
DONE = [row(operation) for operation in WHOLE]


def names(found: list[tuple[str, str, bool]]) -> list[str]:
    return [f"{action} {name}" for action, name, _ in found]


def test_a_new_unit_is_sent_in_the_order_it_is_rendered() -> None:
    found = names(steps(WHOLE, changed=[THREAD, A, B]))
    assert found == ["send birth", "send meta", "send message/a", "send message/b", "send state"]


def test_a_unit_that_stands_needs_nothing() -> None:
    assert steps(WHOLE, DONE, changed=[THREAD, A, B]) == []


def test_a_new_message_is_followed_by_the_tail_in_its_place() -> None:
    known = [one for one in DONE if one.name != "message/b"]
    assert names(steps(WHOLE, known, changed=[B])) == ["send message/b", "revise state"]


def test_a_tail_in_the_middle_keeps_its_place() -> None:
    wanted = [birth(), state(), say(A)]
    assert names(steps(wanted, [row(birth()), row(state())], changed=[A])) == ["revise state", "send message/a"]


def test_a_tail_alone_calls_for_no_other() -> None:
    mark = Operation(name="read", verb="read", effect=Effect.PUT, body={}, carries=(THREAD,), tail=True)
    wanted = [*WHOLE[:4], mark, state("open")]
    assert names(steps(wanted, [*DONE, row(mark)], changed=[THREAD])) == ["revise state"]


def test_later_phases_wait_and_what_they_made_is_not_taken_back() -> None:
    link = meta("link", phase=1)
    assert names(steps([say(A), link], changed=[A, THREAD])) == ["send message/a"]
    assert names(steps([say(A), link], changed=[A, THREAD], phase=1)) == ["send message/a", "send meta"]
    assert names(steps([say(A), link], [row(say(A)), row(link)], changed=[A])) == []


# ---- what nobody wants any more --------------------------------------------------------------------------------------


def part(n: int) -> Operation:
    return msgspec.structs.replace(say(A), name=f"message/a/part/{n}", marker=f"org/message/a/{n}")


def test_parts_a_shorter_text_does_not_need_are_taken_back() -> None:
    known = [row(part(1)), row(part(2)), row(part(3))]
    found = names(steps([part(1)], known, changed=[A]))
    assert found == ["undo message/a/part/2", "undo message/a/part/3"]


def test_parts_are_not_taken_back_while_their_record_is_unchanged_but_for_remap() -> None:
    known = [row(part(1)), row(part(2))]
    assert steps([part(1)], known) == []
    assert names(steps([part(1)], known, everything=True)) == ["undo message/a/part/2"]


def test_what_was_moved_once_stays_when_its_record_is_not_loaded_any_more() -> None:
    for fate in ("skip", "archive"):
        assert steps(WHOLE[:3] + WHOLE[4:], DONE, changed=[B], fates={B: fate}) == []


def test_what_was_deleted_at_the_source_stays() -> None:
    assert steps(WHOLE[:3] + WHOLE[4:], DONE) == []


def test_what_is_in_another_unit_now_is_taken_back_here() -> None:
    # The tail is said again after it: claiming the undo made it due in the journal.
    found = names(steps(WHOLE[:3] + WHOLE[4:], DONE, moved=[B]))
    assert found == ["undo message/b", "revise state"]


def test_what_is_taken_back_goes_before_the_tails_and_after_the_rest() -> None:
    known = [*DONE, row(part(2))]
    found = names(steps([*WHOLE[:3], say(B, "new"), state()], known, changed=[A, B]))
    assert found == ["revise message/b", "undo message/a/part/2", "revise state"]


@pytest.mark.parametrize("was", ["gone", "failed"])
def test_what_is_not_there_is_not_taken_back(was: str) -> None:
    assert steps([], [row(say(A), was, None)], moved=[A]) == []


def test_what_was_refused_as_a_revision_stands_there_and_is_taken_back() -> None:
    assert names(steps([], [row(say(A), "failed", PROOF)], moved=[A])) == ["undo message/a"]


def test_a_tail_is_never_taken_back() -> None:
    assert steps([birth()], [row(birth()), row(state())], moved=[THREAD]) == []


def test_what_carries_no_record_is_taken_back_when_nobody_wants_it() -> None:
    assert names(steps([], [row(meta(carries=()))])) == ["undo meta"]


def test_what_may_be_there_is_taken_back_in_doubt() -> None:
    assert steps([], [row(say(A), "sending", None)], moved=[A]) == [("undo", "message/a", True)]


# ---- windows ---------------------------------------------------------------------------------------------------------


def step(kind: str) -> Step:
    if kind == "birth":
        return Step(op=birth(), action="send", digest="")
    if kind == "marked birth":
        return Step(op=say(A), action="send", digest="")
    if kind == "fleeting birth":
        return Step(op=msgspec.structs.replace(say(A), fleeting=True), action="send", digest="")
    if kind == "fleeting birth revised":
        op = msgspec.structs.replace(say(A), fleeting=True)
        return Step(op=op, action="revise", digest="", old=Receipt())
    if kind == "asked":
        return Step(op=say(A), action="ask", digest="")
    if kind == "birth revised":
        return Step(op=birth(), action="revise", digest="")
    return Step(op=meta(), action="send", digest="")


KINDS = ["birth", "marked birth", "birth revised", "put", "fleeting birth", "fleeting birth revised", "asked"]


@given(st.lists(st.sampled_from(KINDS), max_size=20), st.integers(1, 6))
def test_windows_keep_the_order_hold_no_more_than_they_may_and_leave_a_birth_alone(kinds: list[str], size: int) -> None:
    whole = [step(kind) for kind in kinds]
    cut = list(windows(whole, size))
    assert [one for window in cut for one in window] == whole
    for window in cut:
        assert 1 <= len(window) <= size
        if any(one.alone for one in window):
            assert len(window) == 1
        assert not any(one.fleeting for one in window[:-1]), "what is said next would take its mark away"
    # And no finer than that: two neighbours are only cut apart by the size or by a birth.
    for left, right in pairwise(cut):
        assert len(left) == size or left[-1].alone or right[0].alone or left[-1].fleeting
    fleeting = [kind in ("fleeting birth", "asked") for kind in kinds]
    assert [one.fleeting for one in whole] == fleeting, "one that stands there already needs no mark"


# ---- bodies and digests ----------------------------------------------------------------------------------------------

HOLES = st.builds(
    FromReceipt,
    st.sampled_from(["birth", "profile"]),
    of=st.none() | desk.refs(),
    value=st.sampled_from(["id", "url"]),
    default=st.none() | st.just("x"),
    required=st.booleans(),
)
BODIES = st.dictionaries(
    desk.keys(),
    st.recursive(
        HOLES | desk.json_values(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(desk.keys(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(BODIES)
def test_a_body_with_open_receipts_comes_back_from_the_journal(body: dict[str, object]) -> None:
    assert decode_body(encode_body(body)) == body


@given(BODIES, st.randoms(use_true_random=False))
def test_the_order_of_keys_in_a_body_sends_nothing_again(body: dict[str, object], chance: Any) -> None:
    items = list(body.items())
    chance.shuffle(items)
    one = Operation(name="x", verb="v", effect=Effect.PUT, body=body)
    other = Operation(
        name="y", verb="v", effect=Effect.PUT, body=dict(items), carries=(A,), tail=True, phase=3, cost=()
    )
    assert operation_digest(one) == operation_digest(other)


@pytest.mark.parametrize(
    "change",
    [{"verb": "w"}, {"effect": Effect.CREATE}, {"marker": "m"}, {"body": {"a": 2}}, {"body": {"a": FromReceipt("x")}}],
    ids=str,
)
def test_what_is_sent_otherwise_is_another_digest(change: dict[str, Any]) -> None:
    one = Operation(name="x", verb="v", effect=Effect.PUT, body={"a": 1})
    assert operation_digest(msgspec.structs.replace(one, **change)) != operation_digest(one)


def test_what_was_told_as_one_changes_as_one() -> None:
    refs = [Ref(mig.MESSAGE, name) for name in "abc"]
    whole = say(Ref(mig.CONVERSATION, "whole"), carries=tuple(refs))
    parts = [say(ref) for ref in refs]
    known = {whole.name: row(whole)}
    told = decided(parts, changed=[refs[0]])
    told.changed = widened(told, known)
    assert [(step.op.name, step.action) for step in diff(told, known)] == [
        *((part.name, "send") for part in parts),
        (whole.name, "undo"),
    ]
    back = decided([whole], changed=[refs[1]])
    there = {part.name: row(part) for part in parts}
    back.changed = widened(back, there)
    assert {(step.op.name, step.action) for step in diff(back, there)} == {
        (whole.name, "send"),
        *((part.name, "undo") for part in parts),
    }
    new = Ref(mig.MESSAGE, "new")
    more = decided([*parts, say(new)], changed=[new])
    more.changed = widened(more, {whole.name: row(whole)})
    assert more.changed == {new}, "what does not tell the unit as a whole is not touched by what is new"
    note = say(THREAD, carries=(THREAD, *refs))
    more.changed = widened(more, {note.name: row(note)})
    assert [step.op.name for step in diff(more, {note.name: row(note)})] == [
        *(part.name for part in parts),
        str(new),
        note.name,
    ]
    still = decided(parts)
    still.changed = widened(still, known)
    assert diff(still, known) == [], "a changed setting alone touches nothing"
