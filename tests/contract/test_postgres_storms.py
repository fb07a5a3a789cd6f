"""The write protocol with its journal on PostgreSQL: crashes, storms, and a server that lets go in the middle."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, text

import mig
from mig.failpoints import listen
from mig.journal import counts, delivery, selection, undoing
from mig.journal.store import Journal
from storm import EPOCH, MemorySource, StormTarget, VirtualClock, crash_at, quiet, run_once, small_desk
from storm import counts as totals
from tally import count

if TYPE_CHECKING:
    from pg_server import Server


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.soak)], ids=["every seventh", "every one"])
async def test_a_crash_at_any_point_changes_nothing_in_the_end(stride: int, postgres: Server) -> None:
    """Before, inside and after a commit take turns in the short form, too."""
    records = small_desk(threads=1, messages=2)
    expected = await quiet(records)
    n = 1 - stride
    met = True
    while met:
        n += stride
        url, clock = postgres.emptied(), VirtualClock()
        source, target = MemorySource(records), StormTarget(clock)
        journal = Journal.open(url, inline=True)
        met = await crash_at(n, journal, source, target, clock)
        journal.close()
        journal = Journal.open(url, inline=True)  # as the next process would
        report = await run_once(journal, source, target, clock)
        journal.close()
        assert target.end_state() == expected, f"crash point {n}"
        assert target.orphans() <= report.orphans, f"crash point {n}"
        assert totals(report)["failed"] == totals(report)["pending"] == 0
        count("crash points, PostgreSQL", points=1)
    assert n > 45


@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_of_lost_dropped_and_late_requests_changes_nothing_in_the_end(
    seed: int, postgres: Server
) -> None:
    records = small_desk(threads=5, messages=5)
    expected = await quiet(records)
    url, clock, source = postgres.emptied(), VirtualClock(), MemorySource(records)
    target = StormTarget(clock, {"lost": 0.05, "dropped": 0.05, "late": 0.05, "refused": 0.05}, seed)
    for attempt in range(3):
        journal = Journal.open(url, inline=True)
        await crash_at(40 + 23 * seed % 97 + attempt * 31, journal, source, target, clock)
        journal.close()
    journal = Journal.open(url, inline=True)
    report = await run_once(journal, source, target, clock)
    assert report.status == "completed"
    assert target.end_state() == expected
    assert target.orphans() <= report.orphans
    writes = len(target.writes)
    await run_once(journal, source, target, clock)
    assert len(target.writes) == writes, "a second run wrote"
    journal.close()


def cutting(postgres: Server, database: str, at: int) -> Callable[[str], None]:
    """Ends the sessions of a database at the n-th failpoint, once."""
    seen = 0

    def cut(name: str) -> None:
        nonlocal seen
        seen += 1
        if seen == at:
            where = f"datname = '{database}'"
            postgres.admin(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {where}")

    return cut


@pytest.mark.parametrize("at", range(3, 60, 11))
async def test_a_connection_that_is_lost_at_any_point_ends_the_run_and_changes_nothing_in_the_end(
    at: int, postgres: Server
) -> None:
    records = small_desk(threads=1, messages=2)
    expected = await quiet(records)
    url, clock = postgres.emptied(), VirtualClock()
    source, target = MemorySource(records), StormTarget(clock)
    journal = Journal.open(url, inline=True)
    journal.acquire()
    listen(cutting(postgres, postgres.name(url), at))
    try:
        with pytest.raises((mig.Refused, BaseExceptionGroup)) as caught:
            await run_once(journal, source, target, clock)
    finally:
        listen(None)
    assert not isinstance(caught.value, BaseExceptionGroup) or caught.value.split(mig.Refused)[1] is None
    journal.close()
    journal = Journal.open(url, inline=True)
    report = await run_once(journal, source, target, clock)
    assert report.status == "completed"
    assert target.end_state() == expected
    assert target.orphans() <= report.orphans
    journal.close()


def told(connection: Connection) -> dict[str, Any]:
    """Everything a journal tells of its only migration."""
    selection.add_kinds(connection, 1, [mig.CONVERSATION])
    found: dict[str, Any] = {"orphans": counts.orphans(connection, 1), "doubtful": counts.doubtful(connection, 1)}
    for narrow in (False, True):
        found |= {
            f"kinds {narrow}": counts.kinds(connection, 1, 1, narrow=narrow),
            f"attributes {narrow}": counts.attributes(connection, 1, 1, narrow=narrow),
            f"reasons {narrow}": counts.reasons(connection, 1, narrow=narrow),
            f"failures {narrow}": counts.failures(connection, 1, narrow=narrow),
            f"warnings {narrow}": counts.warnings(connection, 1, narrow=narrow),
            f"dirty {narrow}": counts.dirty_units(connection, 1, narrow=narrow),
            f"settled {narrow}": counts.settled(connection, 1, narrow=narrow),
        }
    units = [key for _, _, key in delivery.next_units(connection, 1, None, 100)]
    operations = {key: list(delivery.operations(connection, 1, key).items()) for key in units}
    threads = [undoing.units(connection, 1, "", 9, threads=threads) for threads in (True, False)]
    return {**found, "urgent": units, "operations": operations, "threads": threads}


async def test_both_databases_tell_the_same_of_the_same_run(postgres: Server) -> None:
    records = small_desk(threads=4)
    records += [
        mig.AttributeDefinition(ref=mig.Ref(mig.ATTRIBUTE, f"{of}.x"), name="x", of=of)
        for of in (mig.CONTACT, mig.CONVERSATION)
    ]
    nowhere = mig.Ref(mig.CONVERSATION, "none")
    records.append(mig.Message(ref=mig.Ref(mig.MESSAGE, "lost"), conversation=nowhere, sent_at=EPOCH))
    found = []
    for url in ("sqlite://", postgres.lent()):
        with contextlib.nullcontext(url) if isinstance(url, str) else url as where:
            journal, clock = Journal.open(where, inline=True), VirtualClock()
            target = StormTarget(clock, {"lost": 0.1, "dropped": 0.1}, seed=3)
            await crash_at(40, journal, MemorySource(records), target, clock)
            found.append(await journal.write(told))
            journal.close()
    assert found[0] == found[1]
    assert found[0]["urgent"]
    assert found[0]["kinds False"]


async def test_another_writer_stays_out_while_a_storm_goes_on(postgres: Server) -> None:
    url, clock = postgres.emptied(), VirtualClock()
    journal, other = Journal.open(url, inline=True), Journal.open(url, inline=True)
    journal.acquire()
    await run_once(journal, MemorySource(small_desk(threads=1)), StormTarget(clock), clock)
    with pytest.raises(mig.Refused, match="in use"):
        await run_once(other, MemorySource(small_desk(threads=1)), StormTarget(clock), clock)
    with other.reading() as connection:  # who only looks is let in
        assert connection.execute(text("SELECT count(*) FROM mig_run")).scalar() == 1
    journal.close()
    other.close()
