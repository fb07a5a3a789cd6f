"""The journal on PostgreSQL: what is not ours stays untouched, one writer whatever happens, nothing half-written."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, column, insert, select, table, text, update

import mig
from mig import Refused, Usage
from mig.journal import delivery, staging
from mig.journal.schema import budget_use, identity, record
from mig.journal.store import Journal
from mig.journal.text import from_stored, short_name, to_stored
from mig.model import Ref
from unit_desk import Desk, contact, conversation, message, raw

if TYPE_CHECKING:
    from pg_server import Server


def noting(n: int) -> Callable[[Connection], None]:
    """A small piece of work: the number n is there."""

    def note(connection: Connection) -> None:
        connection.execute(insert(budget_use).values(bucket="n", window=n, used=0))

    return note


def noted(url: str) -> set[int]:
    """The numbers that are there for whoever opens the journal anew."""
    journal = Journal.open(url, create=False)
    with journal.reading() as connection:
        found = set(connection.execute(select(budget_use.c.window)).scalars())
    journal.close()
    return found


def said(error: mig.MigError) -> str:
    return f"{error.message}\n{error.hint}"


def tables(postgres: Server, url: str) -> list[str]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    return sorted(row[0] for row in postgres.admin(query, postgres.name(url)))


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.lent() as made:
        yield made


# ---- what is not ours ----------------------------------------------------------------------------------------------


def test_a_database_with_other_tables_is_refused_and_not_touched(postgres: Server, url: str) -> None:
    postgres.admin("CREATE TABLE customers (id int)", postgres.name(url))
    with pytest.raises(Usage, match=r"tables that are not mig's \(customers"):
        Journal.open(url)
    assert tables(postgres, url) == ["customers"]


def test_a_journal_of_a_newer_mig_is_refused(postgres: Server, url: str) -> None:
    Journal.open(url).close()
    postgres.admin("UPDATE mig_schema SET version = 99", postgres.name(url))
    with pytest.raises(Usage, match="schema 99"):
        Journal.open(url)


def test_who_only_looks_makes_no_journal(postgres: Server, url: str) -> None:
    with pytest.raises(Usage, match="no journal"):
        Journal.open(url, create=False)
    assert tables(postgres, url) == []


def test_an_encoding_that_cannot_hold_every_text_is_refused(postgres: Server) -> None:
    url = postgres.fresh(encoding="LATIN1")
    with pytest.raises(Usage, match="LATIN1"):
        Journal.open(url)
    assert tables(postgres, url) == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be opened") as caught:
        Journal.open(f"postgresql://mig@/mig?host={tmp_path}")
    assert "No such file" in caught.value.message
    assert "running" in caught.value.hint


def test_a_database_that_is_not_there_is_told(postgres: Server) -> None:
    with pytest.raises(Refused, match='database "nowhere" does not exist'):
        Journal.open(postgres.url("nowhere"))


def test_an_option_nobody_knows_is_told(url: str) -> None:
    with pytest.raises(Usage, match="nonsense"):
        Journal.open(f"{url}&nonsense=1")


@pytest.mark.parametrize("rights", ["", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"])
def test_who_may_not_make_tables_is_told_the_way_out(rights: str, postgres: Server, url: str) -> None:
    name = postgres.name(url)
    postgres.admin(f"DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; {rights}", name)
    with pytest.raises(Refused, match="cannot be opened") as caught:
        Journal.open(postgres.url(name, user="guest"))
    assert "CREATE DATABASE mig OWNER" in caught.value.hint
    assert tables(postgres, url) == []


def test_a_driver_that_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    script = "import sys\nsys.modules['psycopg'] = None\nfrom mig.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "status", "--state", "postgresql:///x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "psycopg, which is not installed" in done.stderr
    assert "pip install 'mig-desk[postgres]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_both_ways_to_write_the_url_are_one_journal(url: str) -> None:
    Journal.open(url).close()
    Journal.open(url.replace("postgresql:", "postgresql+psycopg:"), create=False).close()


def test_several_that_make_the_tables_at_once_make_them_once(postgres: Server, url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for journal in [made.result() for made in [pool.submit(Journal.open, url) for _ in range(4)]]:
            journal.close()
    assert postgres.admin("SELECT version FROM mig_schema", postgres.name(url)) == [(1,)]


# ---- one writer ----------------------------------------------------------------------------------------------------


async def test_nobody_writes_without_the_lock_not_even_who_did_not_ask_for_it(url: str) -> None:
    first, second = Journal.open(url), Journal.open(url)
    await first.write(noting(1))
    with pytest.raises(Refused, match="in use"):
        await second.write(noting(2))
    first.close()
    await second.write(noting(3))
    second.close()
    assert noted(url) == {1, 3}


async def test_the_lock_of_one_journal_is_not_that_of_another(postgres: Server, url: str) -> None:
    with postgres.lent() as another:
        first, second = Journal.open(url), Journal.open(another)
        first.acquire()
        second.acquire()
        first.close()
        second.close()


async def test_who_lost_the_lock_writes_nothing_more(url: str) -> None:
    journal = Journal.open(url)
    journal.acquire()
    await journal.write(lambda c: c.execute(text("SELECT pg_advisory_unlock_all()")).scalar())
    with pytest.raises(Refused, match="lock was lost"):
        await journal.write(noting(1))
    journal.close()
    assert noted(url) == set()


def test_a_session_that_is_shared_out_is_not_taken_for_ones_own(url: str) -> None:
    from mig.journal.place import find_database
    from mig.journal.postgres import take_lock

    database = find_database(url)
    with database.engine.connect() as connection:
        take_lock(connection, 0)
        with pytest.raises(Refused, match="shared with another mig"):
            take_lock(connection, 0)  # as a second mig would on the session a pooler lends to both
    database.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_who_lost_the_connection_has_lost_the_lock_and_never_takes_another(
    postgres: Server, url: str, inline: bool
) -> None:
    journal = Journal.open(url, inline=inline)
    journal.acquire()
    await journal.write(noting(1))
    (there,) = postgres.admin("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
    postgres.admin(f"SELECT pg_terminate_backend({there[0]}, 5000)")
    for n in (2, 3):
        with pytest.raises(Refused, match="connection to the journal's database was lost") as caught:
            await journal.write(noting(n))
        assert "run the same command again" in caught.value.hint
    other = Journal.open(url)
    other.acquire()
    with pytest.raises(Refused):
        await journal.write(noting(4))
    await other.write(noting(5))
    other.close()
    journal.close()
    assert noted(url) == {1, 5}


# ---- durable, whole or not at all ----------------------------------------------------------------------------------


async def test_a_connection_lost_inside_a_transaction_leaves_nothing_of_it(url: str) -> None:
    journal = Journal.open(url)

    def cut(connection: Connection) -> None:
        noting(2)(connection)
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await journal.write(noting(1))
    results = await asyncio.gather(
        *(journal.write(work) for work in (noting(3), cut, noting(4))), return_exceptions=True
    )
    assert [type(result) for result in results] == [Refused] * 3
    journal.close()
    assert noted(url) == {1}


@pytest.fixture
def between(postgres: Server) -> Iterator[Any]:
    """A line to the server that can be broken."""
    from pg_proxy import line

    with tempfile.TemporaryDirectory(prefix="mig-line-") as folder, line(postgres.folder, Path(folder)) as made:
        yield made, folder


async def test_a_commit_whose_answer_is_lost_is_kept_whole_and_told_as_an_error(url: str, between: Any) -> None:
    proxy, folder = between
    journal = Journal.open(f"{url.partition('?')[0]}?host={folder}")
    await journal.write(noting(1))
    proxy.lose_the_answer_to(b"COMMIT\0")
    results = await asyncio.gather(*(journal.write(noting(n)) for n in (2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [Refused, Refused]
    assert proxy.broken.is_set()
    journal.close()
    again = Journal.open(url)
    again.acquire()  # which waits for the old session to end
    again.close()
    assert noted(url) == {1, 2, 3}


async def test_a_server_that_falls_and_comes_back_keeps_what_was_committed(postgres: Server, url: str) -> None:
    journal = Journal.open(url)
    await journal.write(noting(1))
    try:
        postgres.stop(signal.SIGQUIT)
        with pytest.raises(Refused, match="lost"):
            await journal.write(noting(2))
    finally:
        postgres.start()
    with pytest.raises(Refused, match="lost"):
        await journal.write(noting(3))
    journal.close()
    assert noted(url) == {1}


async def test_a_commit_is_on_the_disk_whatever_the_database_is_set_to(postgres: Server, url: str) -> None:
    postgres.admin(f"ALTER DATABASE {postgres.name(url)} SET synchronous_commit = off")
    journal = Journal.open(url)
    assert await journal.write(lambda c: c.execute(text("SHOW synchronous_commit")).scalar()) == "on"
    journal.close()


async def test_a_read_is_one_moment_though_somebody_writes(url: str) -> None:
    writer, reader = Journal.open(url), Journal.open(url, create=False)
    with reader.reading() as connection:
        assert connection.execute(select(budget_use.c.window)).all() == []
        await writer.write(noting(1))
        assert connection.execute(select(budget_use.c.window)).all() == []
    assert noted(url) == {1}
    writer.close()
    reader.close()


# ---- every text ----------------------------------------------------------------------------------------------------

HOSTILE = st.text(st.characters() | st.sampled_from("\0\x01\x02\n\ud83d\ude00aA/.:~"), max_size=12)


@given(HOSTILE)
def test_every_text_is_read_back_as_it_was_and_can_be_held(written: str) -> None:
    kept = to_stored(written)
    assert from_stored(kept) == written
    assert "\0" not in kept
    kept.encode()  # no half of an emoji is left


@given(st.lists(HOSTILE, max_size=4), HOSTILE)
def test_texts_put_together_by_a_statement_are_read_as_if_python_had(parts: list[str], mark: str) -> None:
    assert from_stored(to_stored(mark).join(map(to_stored, parts))) == mark.join(parts)


@given(HOSTILE, HOSTILE)
def test_a_short_name_is_one_line_and_equal_only_to_its_own(one: str, other: str) -> None:
    names = short_name(one * 200), short_name(other * 200)
    assert (names[0] == names[1]) == (one == other)
    assert all("\n" not in name and len(name.encode("utf-8", "surrogatepass")) <= 1000 for name in names)


def test_every_text_is_compared_by_its_bytes(postgres: Server, url: str) -> None:
    Journal.open(url).close()
    query = (
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
    )
    rows = postgres.admin(query, postgres.name(url))
    assert len(rows) > 50
    assert [row for row in rows if row[2] != "C"] == []


IDS = ["a", "B", "_", "ä", "", "\0", "a\0", "a\x02", "\ud83d", "a/b", "a.b", "~", "\U0001f600", "\uffff", "a\nb", "a b"]
WHOLE = [name for name in IDS if name != "\ud83d"]  # no JSON of a record holds half an emoji; an id beside it can


async def test_ids_of_any_letters_are_kept_found_and_ordered_alike_in_both_databases(postgres: Server) -> None:
    found = []
    for where in ("sqlite://", postgres.emptied()):
        desk = Desk(where)
        people = [contact(name, f"{name}@x") for name in WHOLE]
        rows = [raw(one, name=f"r{n}") for n, one in enumerate(people)]
        threads = [raw(conversation("t"), name="t"), raw(message("m", "t"), name="m")]
        strange = [mig.Raw(f"r\0{n}", name, b"{}") for n, name in enumerate(IDS)]
        kept = [(row, "d") for row in strange]
        await desk.read(rows, threads)
        await desk.journal.write(partial(staging.stage_raws, mig=desk.mig, rows=kept))
        with desk.journal.reading() as c:
            assert staging.known_digests(c, desk.mig, strange) == {(one.resource, one.id): "d" for one in strange}
        await desk.deliver({"conversation:t": [one.ref for one in people]})
        await desk.read([raw(contact(name, extra={"new": 1}), name=f"r{n}") for n, name in enumerate(WHOLE)])
        assert "conversation:t" in desk.dirty()
        with desk.journal.reading() as c:
            refs = [Ref(row.kind, row.id) for row in c.execute(select(record.c.kind, record.c.id))]
            ordered = c.execute(select(record.c.id).where(record.c.kind == "contact").order_by(record.c.id)).scalars()
            found.append((desk.units(), sorted(map(repr, refs)), list(ordered), desk.urgent()))
        desk.close()
    assert found[0] == found[1]
    assert found[0][2] == sorted(WHOLE, key=lambda name: to_stored(name).encode())


async def test_a_reason_and_a_name_with_a_null_in_it_are_told_as_they_are(postgres: Server) -> None:
    desk = Desk(postgres.emptied())
    await desk.read([raw(contact("p"), name="p")])
    odd = 'custom."a\0b": half an emoji \ud83d'
    verdict = delivery.Verdict(
        Ref(mig.CONTACT, "p"), "archive", "done", reason=odd, losses=(mig.Loss("a\0b" * 2000, "lost", odd),)
    )
    await desk.journal.write(lambda c: delivery.save_verdicts(c, desk.mig, [verdict], 1))
    assert desk.row(Ref(mig.CONTACT, "p")).reason == odd
    desk.close()


async def test_names_longer_than_an_index_can_hold_still_join_who_shares_them(postgres: Server) -> None:
    desk = Desk(postgres.emptied())
    long = "\U0001f600".join(str(n) for n in range(2000)) + "@x"
    await desk.read([contact("a", long, at=1)], [contact("b", long, at=2), contact("c", f"{long}y", at=3)])
    assert desk.units() == {"contact:a": ["contact/a", "contact/b"], "contact:c": ["contact/c"]}
    await desk.read([contact("a", f"{long}z", at=1)])
    with desk.journal.reading() as c:
        assert len(c.execute(select(identity.c.key)).all()) == 3
    desk.close()


async def test_an_id_no_index_can_hold_ends_the_run_with_the_way_out(postgres: Server) -> None:
    desk = Desk(postgres.emptied())
    await desk.read([])
    endless = mig.Raw("things", random.Random(1).randbytes(4000).hex(), b"{}")
    with pytest.raises(Refused, match="longer than PostgreSQL can index") as caught:
        await desk.journal.write(lambda c: staging.stage_raws(c, desk.mig, [(endless, "d")]))
    assert "sqlite:///" in caught.value.hint
    desk.close()


@settings(max_examples=15)
@given(st.integers(-(2**53), 2**53))
async def test_milliseconds_and_fingerprints_keep_every_digit(postgres: Server, n: int) -> None:
    journal = Journal.open(postgres.emptied(), inline=True)
    await journal.write(lambda c: delivery.save_budgets(c, {("n", n): abs(n)}))
    assert await journal.read(delivery.load_budgets) == {("n", n): abs(n)}
    journal.close()


async def test_an_error_of_the_database_repeats_no_value(postgres: Server) -> None:
    journal = Journal.open(postgres.emptied(), inline=True)
    untyped = table("mig_budget_use", column("window", Text()))

    def wrong(connection: Connection) -> None:
        connection.execute(update(untyped).values(window=text("CAST('jane@example.org' AS bigint)")))

    with pytest.raises(Refused) as caught:
        await journal.write(wrong)
    assert "jane" not in said(caught.value)
    journal.close()
