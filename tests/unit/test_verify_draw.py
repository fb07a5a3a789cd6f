"""A sample that is taken up again is the same one, unless it is asked for otherwise."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import mig
from mig_verify.draw import Draw
from mig_verify.store import Scratch

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def chosen(scratch: Scratch, seed: int, rate: float = 0.1) -> list[str]:
    draw = Draw(scratch, {mig.CONTACT: mig.Contact}, confidence=0.9, looks=0)
    draw.draw(seed=seed, defect_rate=rate, everything=False, now=NOW)
    return [name for name, _ in draw.chosen(mig.CONTACT)]


def test_another_seed_draws_another_sample_and_the_same_seed_the_same() -> None:
    scratch = Scratch(None, "a")
    for number in range(200):
        contact = mig.Contact(ref=mig.Ref(mig.CONTACT, f"c{number}"))
        body = zlib.compress(mig.encode(contact))
        name = contact.ref.id
        row = (mig.CONTACT, name, "customers", name, body, None, "", None, None, "", "", "")
        scratch.add_source([row], [], "", None)
        here = mig.Present(kind=mig.CONTACT, target_id=f"t{number}", sources=[contact.ref], whole=False)
        scratch.add_present([here])
    first = chosen(scratch, 1)
    assert 0 < len(first) < 200
    assert chosen(scratch, 1) == first
    assert chosen(scratch, 2) != first
    assert chosen(scratch, 1) == first
    assert len(chosen(scratch, 1, 0.02)) > len(first)
