"""The write protocol, over every schedule of answers: at most once, nothing claimed that did not arrive."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mig
from mig.engine.protocol import Outcome, Settler, Stopped
from mig.platforms import Effect, Operation, Origin, Receipt
from storm import Crash, VirtualClock
from unit_target import ASKS, LAG, LIFE, SENDS, UNIT, Effects, Revisable, Runner, operation, step

OLD = Receipt({"id": "old"})
sends = st.lists(st.sampled_from(SENDS), max_size=10)
asks = st.lists(st.sampled_from(ASKS), max_size=8)


def world(*fates: str, asked: list[str] | None = None, kind: type[Effects] = Effects) -> tuple[Effects, Runner]:
    clock = VirtualClock()
    target = kind(clock, fates, asked or [])
    return target, Runner(target, clock)


# ---- sent at most once effective ------------------------------------------------------------------------------------


@given(sends, asks)
@settings(max_examples=300)
async def test_a_marked_creation_takes_effect_once_and_nothing_is_claimed_that_did_not_arrive(
    fates: list[str], asked: list[str]
) -> None:
    target, runner = world(*fates, asked=asked)
    outcome = await runner.until_settled(step(operation(Effect.CREATE)))
    assert outcome.state in ("done", "failed")
    assert target.effects() == (["hello"] if outcome.state == "done" else [])
    assert (outcome.receipt is not None) == (outcome.state == "done")
    assert runner.orphans == 0


@given(sends, asks)
@settings(max_examples=300)
async def test_of_a_put_the_last_to_arrive_is_the_one_wanted_last(fates: list[str], asked: list[str]) -> None:
    target, runner = world(*fates, asked=asked)
    old, new = (step(operation(Effect.PUT, text, marker=None)) for text in ("old", "new"))
    outcome = await runner.until_settled(old, new)
    if outcome.state == "done":
        assert target.effects()[-1] == ("old" if runner.processes == 1 else "new")
    else:
        assert outcome.receipt is None
    assert target.times("find") == []  # asking cannot tell


@given(sends)
@settings(max_examples=300)
async def test_every_birth_sent_anew_was_counted_before_and_none_is_adopted_by_guess(fates: list[str]) -> None:
    clock = VirtualClock()

    class Watched(Effects):
        def _take(self, what: str, call: mig.Call) -> Receipt:
            started = len(self.times("send"))
            assert runner.orphans >= started - clear(fates[:started])
            return super()._take(what, call)

    target = Watched(clock, fates)
    runner = Runner(target, clock)
    outcome = await runner.until_settled(step(operation(Effect.CREATE, marker=None)))
    assert target.times("find") == []
    left = len(target.effects()) - (outcome.state == "done")
    assert left <= runner.orphans


def clear(fates: list[str]) -> int:
    """Requests that certainly had no effect."""
    return sum(fate in ("refused", "unreachable") for fate in fates)


@given(sends, asks)
async def test_a_revision_ends_with_what_is_wanted_and_makes_nothing_new(fates: list[str], asked: list[str]) -> None:
    target, runner = world(*fates, asked=asked, kind=Revisable)
    outcome = await runner.until_settled(step(operation(Effect.CREATE, "new"), "revise", old=OLD))
    assert target.times("send", "find") == []
    if outcome.state == "done":
        assert target.effects()[-1] == "new"
    else:
        assert outcome == Outcome("failed", OLD, "the text is too long. Shorten it")


@given(st.lists(st.sampled_from(["lost", "dropped", "late", "refused"]), max_size=3), asks)
async def test_asking_sends_nothing(fates: list[str], asked: list[str]) -> None:
    for arrived in (True, False):
        target, runner = world("killed" if arrived else "ok", *fates, asked=asked)
        if arrived:
            with pytest.raises(Crash):
                await runner.once(step(operation(Effect.CREATE)))
        before = len(target.times("send"))
        outcome = await runner.until_settled(step(operation(Effect.CREATE), "ask", doubtful=True))
        assert outcome.state == ("done" if arrived else "gone")
        assert len(target.times("send")) == before


# ---- when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [Effect.CREATE, Effect.PUT])
@pytest.mark.parametrize("fate", ["lost", "dropped", "late"])
async def test_nothing_is_asked_or_said_again_before_an_unclear_request_has_lived_out_its_life(
    effect: Effect, fate: str
) -> None:
    target, runner = world(fate)
    await runner.once(step(operation(effect, marker="m1" if effect is Effect.CREATE else None)))
    first, second, *_ = target.times("send", "find")
    assert second >= first + LIFE + LAG
    assert second < first + LIFE + LAG + 0.1  # and not later than it must


async def test_a_new_process_counts_the_life_from_its_own_beginning() -> None:
    target, runner = world("killed late")
    with pytest.raises(Crash):
        await runner.once(step(operation(Effect.CREATE)))
    outcome = await runner.once(step(operation(Effect.CREATE), doubtful=True))
    assert outcome.state == "done"
    assert target.effects() == ["hello"]
    assert target.times("find") == pytest.approx([LIFE + LAG])


async def test_waste_is_sent_again_at_once() -> None:
    target, runner = world("lost", "dropped")
    assert (await runner.once(step(operation(Effect.FREE, marker=None)))).state == "done"
    assert target.times("send") == [0, 0, 0]
    assert target.times("find") == []


async def test_what_certainly_had_no_effect_is_sent_again_after_the_time_the_platform_names() -> None:
    target, runner = world("refused", "refused", "refused")
    assert (await runner.once(step(operation(Effect.CREATE)))).state == "done"
    waits = [later - earlier for earlier, later in pairwise(target.times("send"))]
    assert waits[0] == 3  # what it named, then longer and longer
    assert waits == sorted(waits)
    assert waits[-1] > 3
    assert target.times("find") == []


# ---- when it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_after_so_many_unclear_answers_the_run_is_refused_and_the_step_stays_in_doubt(attempts: int) -> None:
    clock = VirtualClock()
    target = Effects(clock, ["lost"] * 20)
    with pytest.raises(mig.Refused) as caught:
        await Runner(target, clock, attempts).once(step(operation(Effect.CREATE)))
    assert len(target.times("send")) == attempts
    assert "unclearly" in caught.value.message


async def test_a_target_that_refuses_for_ever_pauses_the_run_and_no_wait_is_longer_than_half_a_minute() -> None:
    target, runner = world(*["refused"] * 1000)
    with pytest.raises(mig.Paused):
        await runner.once(step(operation(Effect.CREATE)))
    assert 10 < len(target.times("send")) < 200
    assert max(later - earlier for earlier, later in pairwise(target.times("send"))) <= 30
    assert target.effects() == []


@pytest.mark.parametrize("fate", ["refused", "unreachable"])
async def test_a_run_that_is_asked_to_end_does_not_wait_for_what_certainly_did_not_leave(fate: str) -> None:
    target, runner = world(*[fate] * 5)
    with pytest.raises(Stopped):
        await runner.once(step(operation(Effect.CREATE)), stopping=True)
    assert len(target.times("send")) == 1


@pytest.mark.parametrize("fate", ["lost", "dropped", "late"])
async def test_a_run_that_is_asked_to_end_settles_what_is_in_doubt(fate: str) -> None:
    target, runner = world(fate, asked=["refused", "unreachable"])
    outcome = await runner.once(step(operation(Effect.CREATE)), stopping=True)
    assert (outcome.state, target.effects()) == ("done", ["hello"])


async def test_an_unreachable_target_ends_the_run_when_patience_ends() -> None:
    target, runner = world(*["unreachable"] * 100)
    with pytest.raises(mig.Refused) as caught:
        await runner.once(step(operation(Effect.CREATE)))
    assert 30.0 <= target.times("send")[-1] <= 33.0
    assert "no route" in caught.value.message
    assert target.effects() == []


async def test_an_answer_of_any_kind_renews_patience() -> None:
    fates = [*["unreachable"] * 25, "refused"] * 4
    target, runner = world(*fates)
    assert (await runner.once(step(operation(Effect.CREATE)))).state == "done"
    assert target.times("send")[-1] > 100


async def test_a_pause_is_not_settled_here() -> None:
    class Tired(Effects):
        async def send(self, calls: Any) -> Any:
            raise mig.Paused("used up")

    with pytest.raises(mig.Paused):
        await Runner(Tired(VirtualClock()), VirtualClock()).once(step(operation(Effect.CREATE)))


async def test_what_the_target_refuses_is_told_and_sent_no_more() -> None:
    target, runner = world("rejected")
    outcome = await runner.once(step(operation(Effect.CREATE)))
    assert outcome == Outcome("failed", None, "the text is too long. Shorten it")
    assert len(target.times("send")) == 1


async def test_what_cannot_be_filled_in_is_not_sent() -> None:
    def fill(op: Operation) -> Any:
        raise mig.Rejected("it needs the answer of birth")

    target, runner = world()
    outcome = await runner.once(step(operation(Effect.CREATE)), fill)
    assert (outcome.state, target.log) == ("failed", [])
    assert "it needs the answer of birth" in outcome.reason


async def test_what_is_sent_is_what_was_filled_in() -> None:
    target, runner = world("lost")
    await runner.once(step(operation(Effect.CREATE)), lambda op: {"text": "filled"})
    assert target.effects() == ["filled"]


async def test_what_is_changed_is_not_read_before_it_shows_our_own_last_write() -> None:
    """Read without it, our own value looks as if somebody had removed it, and is given up."""
    clock = VirtualClock()
    target = Revisable(clock)
    anything: Any = target
    settler = Settler(anything, clock, born=0.0, attempts=4, patience_s=30.0)
    clock.seconds = 100.0

    async def nothing() -> None: ...

    first = step(operation(Effect.PUT, "one", marker=None))
    await settler.settle(UNIT, first, lambda op: op.body, nothing)
    again = step(operation(Effect.PUT, "two", marker=None), "revise", old=OLD)
    await settler.settle(UNIT, again, lambda op: op.body, nothing)
    assert target.times("send", "revise") == [100.0, 100.0 + LAG]
    clock.seconds = 200.0
    await settler.settle(UNIT, again, lambda op: op.body, nothing)
    assert target.times("revise")[-1] == 200.0


async def test_what_an_earlier_process_said_may_have_been_said_just_before() -> None:
    target, runner = world(kind=Revisable)
    await runner.once(step(operation(Effect.CREATE, "new"), "revise", old=OLD))
    assert target.times("revise") == [LAG]


# ---- revise and undo ------------------------------------------------------------------------------------------------


async def test_where_nothing_can_be_revised_a_creation_stands_and_a_put_is_said_again() -> None:
    target, runner = world()
    assert await runner.once(step(operation(Effect.CREATE, "new"), "revise", old=OLD)) == Outcome("done", OLD)
    assert target.log == []
    outcome = await runner.once(step(operation(Effect.PUT, "new"), "revise", old=OLD))
    assert (outcome.state, target.effects()) == ("done", ["new"])


async def test_what_we_created_is_taken_back() -> None:
    target, runner = world(kind=Revisable)
    assert (await runner.once(step(operation(Effect.CREATE), "undo", old=OLD))).state == "gone"
    assert len(target.times("undo")) == 1


@pytest.mark.parametrize("origin", [Origin.ADOPTED, Origin.UNSURE])
async def test_what_we_did_not_create_is_never_taken_back(origin: Origin) -> None:
    target, runner = world(kind=Revisable)
    await runner.once(step(operation(Effect.CREATE), "undo", old=Receipt({"id": "theirs"}, origin)))
    assert target.times("undo") == []


async def test_where_nothing_can_be_undone_it_is_given_up() -> None:
    target, runner = world()
    assert (await runner.once(step(operation(Effect.CREATE), "undo", old=OLD))).state == "gone"
    assert target.log == []


@pytest.mark.parametrize("fate", ["killed", "killed late"])
async def test_a_doubtful_creation_that_nobody_wants_is_found_and_taken_back(fate: str) -> None:
    target, runner = world(fate, kind=Revisable)
    with pytest.raises(Crash):
        await runner.once(step(operation(Effect.CREATE)))
    outcome = await runner.once(step(operation(Effect.CREATE), "undo", doubtful=True))
    assert outcome.state == "gone"
    assert len(target.times("undo")) == 1
    assert len(target.times("send")) == 1


async def test_a_doubtful_creation_that_nobody_wants_and_that_is_not_there_is_gone() -> None:
    target, runner = world(kind=Revisable)
    assert (await runner.once(step(operation(Effect.CREATE), "undo", doubtful=True))).state == "gone"
    assert target.times("undo", "send") == []
