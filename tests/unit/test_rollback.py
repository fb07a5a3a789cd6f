"""What a rollback takes back: everything that is certainly ours, and nothing else; a canary is a thing of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

import mig
from mig.engine.canary import MARK, CanarySource, narrowed
from mig.engine.rollback import Rollback
from mig.journal import delivery, staging
from mig.journal.delivery import Claim, Settled
from mig.journal.store import Journal
from mig.platforms import Call, Effect, Origin, Receipt, UnitKey
from mig.settings import EngineSettings
from mig_crisp.people import _is_edited
from mig_crisp.written import digests
from storm import Crash, MemorySource, StormTarget, VirtualClock, run_once, small_desk


class Undoing:
    """A target that remembers what was taken back."""

    def __init__(self, *, theirs: Sequence[str] = (), there: Sequence[str] = (), locked: Sequence[str] = ()) -> None:
        self.capabilities = mig.Capabilities({}, read_lag_s=1.0, request_life_s=1.0)
        self.undone: list[str] = []
        self._theirs, self._there, self._locked = theirs, there, locked

    async def undo(self, name: str, verb: str, old: Receipt) -> bool:
        if old.values["id"] in self._theirs:
            return False
        if old.values["id"] in self._locked:
            raise mig.Rejected("removal is locked")
        self.undone.append(old.values["id"])
        return True

    async def find(self, calls: Sequence[Call]) -> dict[tuple[UnitKey, str], Receipt]:
        assert all("session" not in call.body or call.body["session"] for call in calls)
        return {(c.unit, c.op.name): Receipt({"id": c.op.name}) for c in calls if c.op.name in self._there}


class Sparing(Undoing):
    """One that tells what somebody edited.

    Args:
        edited: What of which birth.
    """

    def __init__(self, edited: dict[str, str], **more: Any) -> None:
        super().__init__(**more)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._edited = edited

    async def edited(self, kind: mig.Kind, receipts: Mapping[str, Receipt]) -> str:
        self.asked.append((kind, {name: one.values["id"] for name, one in receipts.items()}))
        return self._edited.get(receipts["birth"].values["id"], "")


def claim(name: str, effect: Effect = Effect.CREATE, marker: str | None = None) -> Claim:
    return Claim(
        name=name,
        verb="say",
        effect=effect,
        digest="d",
        marker=marker,
        carries=(),
        tail=False,
        body=b"{}",
        orphans=0,
        before=None,
    )


async def rolled(target: Undoing, units: dict[str, list[tuple[Claim, Receipt | None]]]) -> tuple[Any, Journal]:
    journal = Journal.open("sqlite://", inline=True)

    def write(connection: Any) -> None:
        staging.find_migration(connection, source="s", organisation="o", target="t", workspace="w", now="2026")
        for key, operations in units.items():
            claims = {one.name: one for one, _ in operations}
            delivery.claim(connection, 1, key, list(claims.values()), 1)
            done = [Settled(one.name, "done", receipt) for one, receipt in operations if receipt is not None]
            delivery.settle(connection, 1, key, claims, done)

    await journal.write(write)
    found = await Rollback(journal, 1, target, VirtualClock(), EngineSettings()).run()  # type: ignore[arg-type]
    return found, journal


def made(name: str, origin: Origin = Origin.CREATED) -> Receipt:
    return Receipt({"id": name}, origin)


async def test_a_birth_takes_what_stands_in_it_along_and_threads_go_before_people() -> None:
    target = Undoing()
    found, journal = await rolled(
        target,
        {
            "contact:a": [(claim("profile", marker="m"), made("p"))],
            "conversation:b": [(claim("birth"), made("s")), (claim("message/1", marker="x"), made("1"))],
        },
    )
    assert target.undone == ["s", "p"]
    assert (found.units, found.left, found.orphans) == (2, [], 0)
    assert await journal.read(lambda c: delivery.operations(c, 1, "conversation:b")) == {}
    journal.close()


async def test_what_somebody_edited_is_left_whole_and_told() -> None:
    """Asked once a unit, by what was answered; what is in doubt tells nothing."""
    target = Sparing({"a": "somebody has changed its title since"})
    text = claim("text", Effect.PUT)
    birth, redirect = claim("birth", marker="m"), claim("redirect", marker="r")
    found, journal = await rolled(
        target,
        {
            "article:a": [(birth, made("a")), (text, made("t")), (redirect, made("ra"))],
            "article:b": [(birth, made("b")), (text, None), (redirect, made("rb"))],
        },
    )
    assert target.asked == [
        ("article", {"birth": "a", "redirect": "ra", "text": "t"}),
        ("article", {"birth": "b", "redirect": "rb"}),
    ]
    assert sorted(target.undone) == ["b", "rb"]
    assert [(one.unit, one.why) for one in found.left] == [("article:a", "somebody has changed its title since")]
    assert (found.units, found.removed) == (1, 2)
    assert set(await journal.read(lambda c: delivery.operations(c, 1, "article:a"))) == {"birth", "redirect", "text"}
    journal.close()


async def test_shelves_go_after_the_shelves_on_them_and_stay_under_those_of_others() -> None:
    class Shelves(Undoing):
        async def undo(self, name: str, verb: str, old: Receipt) -> bool:
            below = {"1": "2", "2": "3", "4": "theirs"}.get(old.values["id"], "")
            if below == "theirs" or (below and below not in self.undone):
                return False
            return await super().undo(name, verb, old)

    target = Shelves()
    units: dict[str, list[tuple[Claim, Receipt | None]]] = {
        f"category:{one}": [(claim("birth", marker=one), made(one))] for one in "1234"
    }
    units["contact:c"] = [(claim("profile", marker="c"), made("c"))]
    found, journal = await rolled(target, units)
    assert target.undone == ["3", "c", "2", "1"]
    assert [one.unit for one in found.left] == ["category:4"]
    assert (found.units, found.removed) == (4, 4)
    journal.close()


async def test_an_unanswered_birth_is_counted_and_stops_nothing() -> None:
    target = Undoing()
    found, journal = await rolled(
        target,
        {
            "conversation:a": [(claim("birth"), None)],
            "conversation:b": [(claim("birth"), made("s"))],
        },
    )
    assert target.undone == ["s"]
    assert found.orphans == 1
    assert found.units == 2
    journal.close()


async def test_what_is_in_doubt_is_asked_about_first() -> None:
    target = Undoing(there=["profile"])
    found, journal = await rolled(
        target,
        {
            "contact:a": [(claim("profile", marker="m"), None)],
            "contact:b": [(claim("other", marker="n"), None)],
        },
    )
    assert target.undone == ["profile"]
    assert found.units == 2
    journal.close()


async def test_what_others_made_or_work_in_stays_and_is_listed() -> None:
    target = Undoing(theirs=["s"])
    found, journal = await rolled(
        target,
        {
            "contact:adopted": [(claim("profile", marker="m"), made("p", Origin.ADOPTED))],
            "conversation:busy": [(claim("birth"), made("s"))],
        },
    )
    assert target.undone == []
    assert [left.unit for left in found.left] == ["conversation:busy", "contact:adopted"]
    assert [left.why for left in found.left] == ["somebody else has worked in it", "it was there before us"]
    assert await journal.read(lambda c: delivery.operations(c, 1, "conversation:busy"))
    journal.close()


async def test_of_a_unit_that_stays_what_was_taken_back_is_forgotten_and_the_reason_is_told() -> None:
    target = Undoing(locked=["1"])
    found, journal = await rolled(
        target,
        {"contact:a": [(claim("note/1", marker="m1"), made("1")), (claim("note/2", marker="m2"), made("2"))]},
    )
    assert target.undone == ["2"]
    assert [left.why for left in found.left] == ["removal is locked."]
    assert set(await journal.read(lambda c: delivery.operations(c, 1, "contact:a"))) == {"note/1"}
    assert found.units == 0
    journal.close()


async def test_no_run_begins_before_a_rollback_has_come_to_its_end() -> None:
    """Killed between a removal and the journal's word of it: only the next rollback knows to ask."""
    clock, journal = VirtualClock(), Journal.open("sqlite://", inline=True)
    source = MemorySource(small_desk(threads=1))
    target = StormTarget(clock)
    await run_once(journal, source, target, clock)

    class Dying(StormTarget):
        async def undo(self, name: str, verb: str, old: Receipt) -> bool:
            raise Crash

    with pytest.raises(Crash):
        await Rollback(journal, 1, Dying(clock), clock, EngineSettings()).run()
    with pytest.raises(mig.Refused, match="rollback") as caught:
        await run_once(journal, source, target, clock)
    assert "mig rollback" in caught.value.hint

    class Willing(StormTarget):
        async def undo(self, name: str, verb: str, old: Receipt) -> bool:
            return True

    await Rollback(journal, 1, Willing(clock), clock, EngineSettings()).run()
    report = await run_once(journal, source, target, clock)
    assert report.kinds["message"].loaded == 3
    journal.close()


WRITTEN = {"email": "a@b.example", "person": {"nickname": "A"}, "segments": ["vip"], "notepad": "[mig k:o contact/1]"}


@pytest.mark.parametrize(
    ("change", "edited"),
    [
        ({}, False),
        ({"active": {"now": True}, "score": 3, "updated_at": 5}, False),
        ({"person": {"nickname": "A", "gender": None}}, False),
        ({"notepad": "2025-06-01T12:00:00.000+00:00 Bob (n1):\nours, from a thread\n\n[mig k:o contact/1]"}, False),
        ({"person": {"nickname": "Ann"}}, True),
        ({"email": "other@b.example"}, True),
        ({"segments": ["vip", "call her"]}, True),
        ({"notepad": "VIP! call her\n\n[mig k:o contact/1]"}, True),
    ],
)
def test_a_profile_somebody_edited_shows_it(change: dict[str, Any], edited: bool) -> None:
    assert _is_edited({**WRITTEN, **change}, digests(WRITTEN)) is edited


async def test_a_canary_has_one_address_and_an_origin_of_its_own() -> None:
    contact = mig.Contact(
        ref=mig.Ref(mig.CONTACT, "1"),
        emails=[mig.Address(value="real@x.example")],
        phones=[mig.Address(value="+49")],
        custom={"alt": "second@x.example", "tier": "gold"},
    )
    canary = CanarySource(MemorySource([contact]), "Me@here.example")
    raw = (await canary.fetch([contact.ref]))[contact.ref]
    (found,) = canary.parse(raw).records
    assert b"x.example" not in msgspec.json.encode(found)
    assert isinstance(found, mig.Contact)
    assert [address.value for address in found.emails] == ["Me@here.example"]
    assert found.custom["tier"] == "gold"
    names = {
        await CanarySource(MemorySource([]), one).identity() for one in ("me@here.example", "Me@here.example", "b@c")
    }
    assert len(names) == 2, "another address is another canary"
    assert all(MARK in name for name in names)
    assert narrowed(mig.Scope(filters={"tag": ("x",)})).filters == {"tag": ("x",), "limit": ("3",)}
