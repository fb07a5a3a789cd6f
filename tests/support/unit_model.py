"""A model of staging: what units are, written down plainly, and small desks to hold against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

import mig
from mig.model import Ref
from unit_desk import Placer, attachment, contact, conversation, message, note


def expected(records: Sequence[mig.Record]) -> dict[str, list[str]]:
    """Units by the words of the interface: children under their parents, roots that share a name one, by order."""
    places = {one.ref: Placer().place(one) for one in records}

    def path(ref: Ref) -> list[Ref] | None:
        parent = places[ref].parent
        if parent is None:
            return [ref]
        above = path(parent) if parent in places else None
        return None if above is None else [*above, ref]

    def order(ref: Ref) -> tuple[int, int, str]:
        return places[ref].order

    names: dict[str, str] = {}
    homes: dict[Ref, str] = {}
    for ref in sorted((ref for ref in places if places[ref].parent is None), key=lambda ref: (ref.kind, order(ref))):
        same = sorted(places[ref].same_as)
        homes[ref] = next((names[name] for name in same if name in names), f"{ref.kind}:{ref.id}")
        for name in same:
            names.setdefault(name, homes[ref])
    units: dict[str, list[tuple[Any, str]]] = {}
    for ref in places:
        way = path(ref)
        if way is not None:
            # Roots first, then what stands below them, by the orders along the way.
            rank: Any = (0, [order(ref)]) if len(way) == 1 else (1, [order(step) for step in way[1:]])
            units.setdefault(homes[way[0]], []).append((rank, str(ref)))
    return {key: [ref for _, ref in sorted(rows)] for key, rows in sorted(units.items())}


@st.composite
def desks(draw: st.DrawFn) -> list[mig.Record]:
    """A small desk: equal times, shared addresses, notes and files, a parent here and there missing."""
    few = st.integers(0, 4)
    addresses = st.sampled_from(["", "a@x", "b@x"])
    records: list[mig.Record] = [contact(f"c{n}", draw(addresses), draw(few)) for n in range(draw(few))]
    threads = [Ref(mig.CONVERSATION, f"t{n}") for n in range(3)]
    records += [conversation(ref.id, draw(few)) for ref in threads if draw(st.booleans())]
    hosts: list[Ref] = []
    for n in range(draw(few)):
        records.append(message(f"m{n}", draw(st.sampled_from(threads)).id, draw(few)))
        hosts.append(records[-1].ref)
    for n in range(draw(few)):
        records.append(note(f"n{n}", draw(st.sampled_from([*threads, Ref(mig.CONTACT, "c0")])), draw(few)))
        hosts.append(records[-1].ref)
    if hosts:
        records += [attachment(f"f{n}", draw(st.sampled_from(hosts)), draw(few)) for n in range(draw(few))]
    return records
