"""The journal: private from its first byte, never somebody else's, one writer, and durable when it says so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert, select
from sqlalchemy.engine import Engine, make_url

from mig import Refused, Usage
from mig.failpoints import listen
from mig.journal import counts, delivery, staging
from mig.journal.schema import budget_use, metadata
from mig.journal.store import Journal


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def name_of(journal_url: str) -> str:
    """What a person calls the journal: its file, or its database."""
    return str(make_url(journal_url).database).rpartition("/")[2]


def noting(n: int) -> Callable[[Connection], None]:
    """A small piece of work: the number n is there."""

    def note(connection: Connection) -> None:
        connection.execute(insert(budget_use).values(bucket="n", window=n, used=0))

    return note


def noted(connection: Connection) -> set[int]:
    return set(connection.execute(select(budget_use.c.window)).scalars())


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# ---- private -------------------------------------------------------------------------------------------------------

_OPENS = """
import os, stat, sys
os.umask(0)
file = sys.argv[1]
seen = []

def watch(event, arguments):
    if event == "sqlite3.connect":
        found = os.stat(file)
        seen.append((oct(stat.S_IMODE(found.st_mode)), found.st_size))

sys.addaudithook(watch)
from mig.journal.store import Journal
journal = Journal.open("sqlite:///" + file)
journal.acquire()
names = sorted(os.listdir(os.path.dirname(file)))
print(seen[0], {name: oct(stat.S_IMODE(os.stat(os.path.join(os.path.dirname(file), name)).st_mode)) for name in names})
journal.close()
"""


def test_the_file_and_its_companions_are_private_from_the_first_byte(tmp_path: Path) -> None:
    child = python(_OPENS, tmp_path / "mig.db")
    out, err = child.communicate(timeout=60)
    assert not err
    assert out.startswith("('0o600', 0)")  # before SQLite saw it
    for name in ("mig.db", "mig.db-wal", "mig.db-shm", "mig.db.lock"):
        assert f"'{name}': '0o600'" in out


def test_a_journal_others_could_read_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "mig.db"
    Journal.open(url(file)).close()
    file.chmod(0o644)
    Journal.open(url(file)).close()
    assert mode(file) == 0o600


# ---- what is not ours ----------------------------------------------------------------------------------------------


def foreign(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
        connection.execute("INSERT INTO customers VALUES (1)")
    connection.close()


def newer(file: Path) -> None:
    Journal.open(url(file)).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE mig_schema SET version = 99")
    connection.close()


def no_database(file: Path) -> None:
    file.write_text("Dear diary, today I did not migrate anything.\n" * 100)


@pytest.mark.parametrize(
    ("make", "told"),
    [(foreign, "tables that are not mig's (customers"), (newer, "schema 99"), (no_database, "not a database")],
)
def test_what_is_not_our_journal_is_refused_and_its_bytes_stay(
    tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    file = tmp_path / "other.db"
    make(file)
    before = file.read_bytes()
    with pytest.raises(Usage) as caught:
        Journal.open(url(file))
    assert told in caught.value.message
    assert file.read_bytes() == before


@pytest.mark.parametrize("make", [foreign, no_database])
def test_the_mode_of_what_is_not_ours_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = tmp_path / "other.db"
    make(file)
    file.chmod(0o664)
    with pytest.raises(Usage):
        Journal.open(url(file))
    assert mode(file) == 0o664


@pytest.mark.parametrize("text", ["", "mig.db", "nonsense", "sqlite//x"])
def test_a_state_that_is_no_url_is_told_so(text: str) -> None:
    with pytest.raises(Usage, match="not a database URL"):
        Journal.open(text)


@pytest.mark.parametrize(
    "text", ["mysql+mysqldb://user@nowhere/x", "postgresql+psycopg2:///x", "sqlite+aiosqlite:///x"]
)
def test_a_database_mig_does_not_know_is_named_with_those_it_knows(text: str) -> None:
    with pytest.raises(Usage) as caught:
        Journal.open(text)
    assert text.partition(":")[0] in caught.value.message
    assert "postgresql://" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "mysql+mysqldb://user:s3cr3t@nowhere/x",
        "nonsense://user:s3cr3t@nowhere/x",
        "postgresql://user:s3cr3t@nowhere/x",
        "postgresql+psycopg://user:s3cr3t@/x?host=nowhere",
        "postgresql:///x?password=s3cr3t",
        "postgresql://user:s3cr3t@nowhere:port/x",
    ],
)
def test_a_password_in_the_url_is_refused_and_never_told(text: str) -> None:
    with pytest.raises(Usage) as caught:
        Journal.open(text)
    assert "s3cr3t" not in caught.value.message + caught.value.hint
    if ":port" not in text:  # which is no URL at all
        assert "a secret on the command line is refused" in caught.value.message
        assert "PGPASSWORD or the passfile" in caught.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        Journal.open(url(tmp_path / "nowhere" / "mig.db"))
    assert "No such file" in caught.value.message
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        Journal.open(url(tmp_path))


def test_who_only_looks_makes_no_journal(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="there is no journal"):
        Journal.open(url(tmp_path / "mig.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_journal_but_not_for_who_only_looks(tmp_path: Path) -> None:
    file = tmp_path / "mig.db"
    file.touch()
    with pytest.raises(Usage, match="no journal"):
        Journal.open(url(file), create=False)
    Journal.open(url(file)).close()
    Journal.open(url(file), create=False).close()


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("at", range(1, 2 * len(metadata.tables) + 4, 3))
def test_a_journal_whose_making_was_cut_short_can_be_opened(journal_url: str, at: int) -> None:
    seen = 0

    def kill(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        nonlocal seen
        seen += not statement.startswith("PRAGMA")
        if seen >= at:
            raise Killed

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        Journal.open(journal_url).close()
    except Killed:
        pass
    finally:
        event.remove(Engine, "before_cursor_execute", kill)
    journal = Journal.open(journal_url)
    with journal.reading() as connection:
        assert counts.migrations(connection) == []
    journal.close()


# ---- one writer ----------------------------------------------------------------------------------------------------

_HOLDS = """
import asyncio, os, sys
from mig.journal import counts, staging
from mig.journal.store import Journal

async def main():
    journal = Journal.open(sys.argv[1])
    journal.acquire()
    names = {"source": "a", "organisation": "o", "target": "b", "workspace": "w"}
    number, _ = await journal.write(lambda c: staging.find_migration(c, now="2026-01-01T00:00:00.000+00:00", **names))
    now, host = "2026-01-02T03:04:05.678+00:00", sys.argv[2]
    await journal.write(lambda c: counts.begin_run(c, number, now=now, host=host, pid=os.getpid()))
    print("held", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def holder(journal_url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs on the journal."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, journal_url, socket.gethostname()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()
    assert child.stdin is not None
    child.stdin.close()


def test_a_second_process_is_refused_and_told_who_holds_the_journal(
    journal_url: str, holder: subprocess.Popen[str]
) -> None:
    journal = Journal.open(journal_url)
    with pytest.raises(Refused) as caught:
        journal.acquire()
    for fact in (name_of(journal_url), str(holder.pid), socket.gethostname(), "2026-01-02T03:04:05.678"):
        assert fact in caught.value.message
    journal.close()


def test_looking_is_allowed_while_another_runs(journal_url: str, holder: subprocess.Popen[str]) -> None:
    journal = Journal.open(journal_url, create=False)
    with journal.reading() as connection:
        assert [row.source for row in counts.migrations(connection)] == ["a"]
    journal.close()


def test_a_killed_process_holds_nothing(journal_url: str, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    journal = Journal.open(journal_url)
    journal.acquire()
    journal.close()


def test_who_closes_lets_go(journal_url: str) -> None:
    first, second = Journal.open(journal_url), Journal.open(journal_url)
    first.acquire()
    with pytest.raises(Refused, match="in use"):
        second.acquire()
    first.close()
    second.acquire()
    second.close()


# ---- durable -------------------------------------------------------------------------------------------------------

_WRITES = """
import asyncio, sys
from sqlalchemy import insert
from mig.journal.schema import budget_use
from mig.journal.store import Journal

async def lane(journal, first):
    for n in range(first, 100_000, 4):
        await journal.write(lambda c: c.execute(insert(budget_use).values(bucket="n", window=n, used=0)) and None)
        print(n, flush=True)

async def main():
    journal = Journal.open(sys.argv[1])
    await asyncio.gather(*(lane(journal, first) for first in range(4)))

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40, 150])
def test_what_a_write_returned_from_is_there_after_a_kill(journal_url: str, after: int) -> None:
    child = python(_WRITES, journal_url)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    rest = child.communicate(timeout=60)[0]
    said += [int(line) for line in rest.splitlines()[:-1] if line.strip()]  # the first and the last may be cut
    journal = Journal.open(journal_url)
    with journal.reading() as connection:
        assert set(said) <= noted(connection)
    journal.close()


def test_the_file_is_synced_at_every_commit(tmp_path: Path) -> None:
    journal = Journal.open(url(tmp_path / "mig.db"))
    with journal.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: also over a power cut
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    journal.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_writes_that_wait_together_are_one_transaction(journal_url: str, inline: bool) -> None:
    journal = Journal.open(journal_url, inline=inline)
    commits: list[str] = []
    listen(commits.append)
    try:
        await asyncio.gather(*(journal.write(noting(n)) for n in range(20)))
    finally:
        listen(None)
    assert commits.count("commit.after") <= 2
    assert await journal.read(noted) == set(range(20))
    journal.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_a_write_answers_what_its_work_answered(new_journal: Callable[[], str], inline: bool) -> None:
    journal = Journal.open(new_journal(), inline=inline)
    assert await asyncio.gather(*(journal.write(lambda c, n=n: n) for n in range(9))) == list(range(9))  # type: ignore[misc]
    journal.close()


@pytest.mark.parametrize("inline", [False, True])
async def test_a_read_sees_every_write_before_it(inline: bool, journal_url: str) -> None:
    journal = Journal.open(journal_url, inline=inline)
    for n in range(5):
        await journal.write(noting(n))
        assert await journal.read(noted) == set(range(n + 1))
    journal.close()


def failing(connection: Connection) -> None:
    raise LookupError("this work fails")


@settings(max_examples=15)
@given(st.lists(st.booleans(), min_size=1, max_size=8), st.booleans())
async def test_of_writes_that_wait_together_none_is_lost_silently(
    new_journal: Callable[[], str], works: list[bool], inline: bool
) -> None:
    journal = Journal.open(new_journal(), inline=inline)
    writes = [journal.write(noting(n) if good else failing) for n, good in enumerate(works)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    there = await journal.read(noted)
    for n, (good, result) in enumerate(zip(works, results, strict=True)):
        assert (n in there) == (result is None)
        if not good:
            assert isinstance(result, LookupError)
    assert await journal.write(lambda connection: "goes on") == "goes on"
    journal.close()


async def test_who_is_cancelled_while_it_waits_takes_nobody_with_it(journal_url: str) -> None:
    journal = Journal.open(journal_url)
    tasks = [asyncio.create_task(journal.write(noting(n))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[1:] == [None, None]
    assert isinstance(results[0], asyncio.CancelledError)
    assert await journal.read(noted) >= {1, 2}
    journal.close()


async def test_a_failed_write_tells_no_value(journal_url: str) -> None:
    journal = Journal.open(journal_url)
    await journal.write(lambda c: delivery.save_budgets(c, {("jane@example.org", 1): 1}))

    def twice(connection: Connection) -> None:
        connection.execute(insert(budget_use).values(bucket="jane@example.org", window=1, used=7777777))

    with pytest.raises(Refused) as caught:
        await journal.write(twice)
    assert "jane" not in caught.value.message + caught.value.hint
    assert "7777777" not in caught.value.message + caught.value.hint
    journal.close()


async def test_inline_runs_in_the_calling_thread_and_otherwise_in_another(new_journal: Callable[[], str]) -> None:
    for inline in (True, False):
        url = new_journal()
        journal = Journal.open(url, inline=inline)
        here = {"read": inline or url.startswith("sqlite"), "write": inline}  # a file is read sooner than handed over
        for ask in (journal.read, journal.write):
            where: Sequence[Any] = [await ask(lambda c: threading.current_thread())]
            assert (where[0] is threading.current_thread()) is here[ask.__name__]
        journal.close()


# ---- what is counted over restarts ---------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.lists(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.integers(1, 50)), max_size=6))
async def test_budgets_add_up_over_runs(new_journal: Callable[[], str], uses: list[dict[tuple[str, int], int]]) -> None:
    journal = Journal.open(new_journal(), inline=True)
    total: dict[tuple[str, int], int] = {}
    for use in uses:
        await journal.write(lambda c, use=use: delivery.save_budgets(c, use))  # type: ignore[misc]
        for key, count in use.items():
            total[key] = total.get(key, 0) + count
    assert await journal.read(delivery.load_budgets) == total
    journal.close()


async def test_a_pair_is_one_migration_and_another_workspace_is_another(new_journal: Callable[[], str]) -> None:
    journal = Journal.open(new_journal(), inline=True)

    def find(workspace: str) -> Callable[[Connection], tuple[int, bool]]:
        names = {"source": "a", "organisation": "o", "target": "b", "workspace": workspace}
        return lambda c: staging.find_migration(c, now="now", **names)

    first, is_new = await journal.write(find("one"))
    assert is_new
    assert await journal.write(find("one")) == (first, False)
    second, is_new = await journal.write(find("two"))
    assert is_new
    assert second != first
    journal.close()


async def test_a_run_that_was_killed_is_closed_by_the_next(new_journal: Callable[[], str]) -> None:
    journal = Journal.open(new_journal(), inline=True)
    names = {"source": "a", "organisation": "o", "target": "b", "workspace": "w"}
    mig, _ = await journal.write(lambda c: staging.find_migration(c, now="now", **names))
    first = await journal.write(lambda c: counts.begin_run(c, mig, now="1", host="h", pid=os.getpid()))
    second = await journal.write(lambda c: counts.begin_run(c, mig, now="2", host="h", pid=os.getpid()))
    assert second > first
    await journal.write(lambda c: counts.end_run(c, second, now="3", status="completed", report="{}"))
    last = await journal.read(lambda c: counts.last_run(c, mig))
    assert (last.id, last.status, last.ended_at) == (second, "completed", "3")
    journal.close()


def test_a_journal_from_before_some_tables_gets_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    Journal.open(url, inline=True).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("drop table mig_answer")
        connection.execute("drop table mig_selected")
        connection.commit()
    Journal.open(url, inline=True, create=False).close()  # `mig status` changes nothing
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        assert "mig_answer" not in {row[0] for row in connection.execute("select name from sqlite_master")}
    Journal.open(url, inline=True).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        names = {row[0] for row in connection.execute("select name from sqlite_master")}
    assert {"mig_answer", "mig_selected"} <= names
