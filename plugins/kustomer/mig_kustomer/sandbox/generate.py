"""An organisation of any size, invented from a seed: with the distributions and the untidiness of a real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mig_kustomer.sandbox.made_office import Office, make_office
from mig_kustomer.sandbox.made_people import make_companies, make_customer, make_draft, make_objects, settle_customer
from mig_kustomer.sandbox.made_talks import conversation_count, make_talk
from mig_kustomer.sandbox.maker import DAY_MS, Made, Maker

#: How many messages of a tie group stand in one conversation.
_TIED_TOGETHER = 40


def generate(customers: int, seed: int, *, tie: int, now: datetime) -> Iterator[Made]:
    """Resources of an organisation, one after the other; the same arguments give the same ones.

    Args:
        customers: How many there are; everything else follows from it.
        seed: What chooses.
        tie: So many further messages share one updatedAt, of 100 days ago.
        now: Where the organisation's clock stands: nothing is younger.
    """
    maker, office = Maker(seed, now), Office()
    yield from make_office(maker, office, customers)
    companies = make_companies(maker, office, max(1, customers // 9))
    yield from companies
    ids = [company["id"] for _, company, _ in companies]
    for number in range(customers):
        yield from _customer(maker, office, ids, number, tie if number == 0 else 0)


def _customer(maker: Maker, office: Office, companies: list[str], number: int, tie: int) -> Iterator[Made]:
    customer = make_customer(maker, office, companies, number)
    statuses: list[str] = []
    latest = 0
    lengths: list[int | None] = [None] * conversation_count(maker)
    stamps: list[int | None] = [None] * len(lengths)
    for start in range(0, tie, _TIED_TOGETHER):
        lengths.append(min(_TIED_TOGETHER, tie - start))
        stamps.append(maker.now - 100 * DAY_MS)
    for length, stamp in zip(lengths, stamps, strict=True):
        made, status, last = make_talk(maker, office, customer, length=length, stamp=stamp)
        yield from made
        statuses.append(status)
        latest = max(latest, last)
    yield from make_objects(maker, office, customer, number)
    if maker.odds(0.05):
        yield make_draft(maker, office, customer)
    yield settle_customer(maker, customer, statuses, latest)
