"""Read marks of long threads: none of a customer's messages stays unread for minutes while the rest is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig import Ref
from mig.settings import Secret
from mig.testing.conformance import Records
from mig_crisp.office import Office
from mig_crisp.render_thread import MARK_EVERY, ThreadRenderer
from mig_crisp.saying import is_from_user, print_of
from mig_crisp.settings import CrispSettings

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ROOT = Ref(mig.CONVERSATION, "c")


def thread(sides: list[str]) -> list[mig.Operation]:
    messages = [
        mig.Message(
            ref=Ref(mig.MESSAGE, f"m{n:04}"),
            conversation=ROOT,
            sent_at=NOON + timedelta(seconds=n),
            side=side,
            text="hello",
        )
        for n, side in enumerate(sides)
    ]
    root = mig.Conversation(ref=ROOT, status="open", channels=["chat"])
    unit = mig.Unit(mig.UnitKey("conversation:c"), [root, *messages], "kustomer:o")
    settings = CrispSettings(identifier="i", key=Secret("k"), website_id="w")
    return list(ThreadRenderer(unit, Records([]), settings, Office()).render().operations)


def marks(operations: list[mig.Operation]) -> list[Any]:
    return [operation for operation in operations if operation.verb == "conversation.read"]


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (MARK_EVERY - 3, 1), (MARK_EVERY, 2), (3 * MARK_EVERY, 4)])
def test_a_long_thread_is_marked_on_the_way(count: int, expected: int) -> None:
    found = marks(thread(["in"] * count))
    assert len(found) == expected
    assert len({mark.name for mark in found}) == expected
    assert [mark.tail for mark in found] == [False] * (expected - 1) + [True]


@given(st.lists(st.tuples(st.sampled_from(["in", "out"]), st.integers(1, 300)), min_size=1, max_size=6))
def test_no_message_of_a_customer_waits_longer_for_its_mark(runs: list[tuple[str, int]]) -> None:
    operations = thread([side for side, count in runs for _ in range(count)])
    waiting: dict[int, int] = {}
    for position, operation in enumerate(operations):
        if is_from_user(operation):
            waiting[print_of(operation)] = position
        if operation.verb == "conversation.read":
            body: Any = operation.body
            named = set(body["fingerprints"])
            assert named >= waiting.keys()
            assert all(position - since <= MARK_EVERY for since in waiting.values())
            waiting = {}
    assert not waiting
