"""`mig explain`: one record's story, from the journal: source, decision, requests, receipts, losses, audits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from mig import Ref, Usage
from mig.audit import Deed, Known, Ledger, open_ledger
from mig.commands import Common


class Story(Struct, frozen=True):
    """What happened to one record."""

    kind: str
    id: str
    unit: str
    fate: str
    state: str
    reason: str
    merged_into: str
    deeds: Sequence[Deed]
    losses: Sequence[tuple[str, str, str]]
    """Field, outcome, why."""
    runs: dict[int, tuple[str, str, str]]
    """The runs that did something for it: began, ended, how."""


def stories(common: Common, ident: str) -> list[Story]:
    """Every record that an id names, on either side.

    Raises:
        Usage: Nothing is known of it.
    """
    with open_ledger(common.config) as ledger:
        known = ledger.records_named(ident.partition("/")[2] or ident)
        if "/" in ident:
            known = [one for one in known if one.ref.kind == ident.partition("/")[0]]
        if not known:
            known = [one for unit in ledger.units_at(ident) for one in _there(ledger, unit, ident)]
        if not known:
            raise Usage(f"the journal knows nothing of {ident}", "Give an id of the source or of the target.")
        return [_story(ledger, one) for one in known]


def _there(ledger: Ledger, unit: str, ident: str) -> list[Known]:
    """What of a unit answered with an id: its roots for the id of the whole, a message for its own."""
    kind, _, name = unit.partition(":")
    return [one for one in ledger.records_named(name) if one.ref.kind == kind]


def _story(ledger: Ledger, known: Known) -> Story:
    deeds = ledger.deeds(known.unit, known.ref) if known.unit else []
    runs = ledger.runs()
    return Story(
        kind=known.ref.kind,
        id=known.ref.id,
        unit=known.unit,
        fate=known.fate,
        state=known.state,
        reason=known.reason,
        merged_into=known.merged_into,
        deeds=deeds,
        losses=[(loss.field, loss.outcome, loss.why) for loss in ledger.losses_of(Ref(known.ref.kind, known.ref.id))],
        runs={number: runs[number] for number in sorted({deed.run for deed in deeds}) if number in runs},
    )


def tell(story: Story) -> Iterator[str]:
    """A story in words."""
    yield f"{story.kind} {story.id}"
    fate = {"load": "to be loaded", "archive": "archived", "skip": "skipped"}.get(story.fate, "not decided yet")
    yield f"  decided: {fate}; {story.state}" + (f": {story.reason}" if story.reason else "")
    if story.merged_into:
        yield f"  merged into {story.merged_into}"
    if story.unit:
        yield f"  delivered as part of {story.unit}"
    for deed in story.deeds:
        answered = ", ".join(f"{name} {value}" for name, value in deed.receipt.items())
        began = story.runs.get(deed.run, ("an unknown time", "", ""))[0]
        yield f"  {deed.verb} ({deed.name}): {deed.state} by run {deed.run}, begun {began}" + (
            f"; answered {answered}" if answered else ""
        )
    for field, outcome, why in story.losses:
        yield f"  {field}: {outcome}: {why}"
