"""What a unit needs and nobody read is fetched while units are delivered, and delivered with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

import mig
from mig import Decision, Declined, Fate, Ref, Rendered
from mig.budgets import Budgets
from mig.engine.decide import Decider
from mig.engine.deliver import Deliverer
from mig.engine.extract import Extractor
from mig.model import TYPES
from mig.platforms import UnitKey
from mig.settings import Settings
from storm import VirtualClock
from unit_desk import Desk, Pages, Placer, contact, raw

NEEDS: Mapping[str, str] = {"p": "k1", "k1": "k2", "k2": "k1"}
"""Who looks up which company; two of them each other."""


class Curious:
    """A mapper that looks up what a record needs."""

    def map(self, record: mig.Record, look: mig.Lookup) -> Decision | None:
        if record.ref.id in NEEDS:
            look(Ref(mig.COMPANY, NEEDS[record.ref.id]))
        return Decision(Fate.LOAD, record)


class Nowhere(Placer):
    """A target that takes everything without a request."""

    def render(self, unit: mig.Unit, look: mig.Lookup) -> Rendered:
        return Rendered((), [Declined(record.ref, Fate.LOAD, "there") for record in unit.records])


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    """A journal in memory."""
    made = Desk("sqlite://")
    yield made
    made.close()


def deliverer(desk: Desk, source: Any, target: Any) -> Deliverer:
    """What delivers the desk, and fetches from the source."""
    spec = mig.SourceSpec("a", Settings, Any, {}, {"things": mig.MESSAGE})  # type: ignore[arg-type]  # never opened
    reader = Extractor(desk.journal, desk.mig, source, spec, target, readers=1, progress=lambda *_: None)
    decider = Decider([Curious()], target, TYPES, "a:o")
    unused: Any = None  # there is no request to make
    budgets = Budgets(VirtualClock())
    return Deliverer(desk.journal, desk.mig, 1, decider, unused, unused, budgets, window=5, fetch=reader.fetch)


@pytest.mark.parametrize("known", [("k1",), ("k1", "k2"), ()])
async def test_what_was_fetched_for_a_unit_is_delivered_in_the_same_run(desk: Desk, known: tuple[str, ...]) -> None:
    await desk.read([contact("p")])
    companies = [mig.Company(ref=Ref(mig.COMPANY, name)) for name in known]
    source = Pages([], {one.ref: raw(one) for one in companies})
    await deliverer(desk, source, Nowhere()).ensure(UnitKey("contact:p"))
    assert desk.dirty() == set()
    assert {desk.row(one.ref).state for one in companies} <= {"done"}
