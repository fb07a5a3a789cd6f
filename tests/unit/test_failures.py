"""What is quarantined is told by reason, with the way out; a retry reads and delivers that, and nothing else anew."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from sqlalchemy import event

import mig
from mig.cli import _main
from mig.cli.failures import Retry, clean, group_of, grouped, meant, split_reason
from mig.engine.run import Report, Run, go
from mig.journal import counts, delivery, staging
from mig.journal.delivery import Claim, Settled
from mig.journal.failures import Failure, Spool, failed, states
from mig.journal.staging import Staged
from mig.journal.store import Journal
from mig.model import Ref
from mig.platforms import Receipt
from mig.settings import EngineSettings, Settings
from storm import LoadAll, MemorySource, StormTarget, VirtualClock, small_desk

HALF = "\ud83d-half"
"""An id as a desk may have it: half an emoji."""
ADDRESS = "jane.doe@example.org"


def broken(kind: mig.Kind, name: str, why: str) -> Staged:
    """A record that could not be parsed."""
    return Staged(Ref(kind, name), "things", name, b"", "d", None, None, "", failure=why)


async def journal_with(url: str, *staged: Staged) -> Journal:
    """A journal with one migration (`number_of`), and these records in it."""
    journal = Journal.open(url, inline=True)

    def write(connection: Any) -> None:
        names = {"source": "s", "organisation": "o", "target": "t", "workspace": "w"}
        number, _ = staging.find_migration(connection, **names, now="now")
        staging.stage_records(connection, number, staged)

    await journal.write(write)
    return journal


def number_of(journal: Journal) -> int:
    """Its only migration's number: a database that was emptied does not begin at 1 again."""
    with journal.reading() as connection:
        return counts.migrations(connection)[0].id


# ---- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "reason", "hint"),
    [
        ("sent_at: it is no date. Correct it.", "sent_at: it is no date", "Correct it."),
        ("no hint at all", "no hint at all", ""),
        ("it ends here.", "it ends here", ""),
        ('it says "a. B". Correct it. Then run.', 'it says "a. B"', "Correct it. Then run."),
        ('an odd " quote. Correct it.', 'an odd " quote. Correct it', ""),
        ("version 1.2 is old. `mig run` again.", "version 1.2 is old", "`mig run` again."),
        ("too large. [engine] file_mb allows more.", "too large", "[engine] file_mb allows more."),
        ("see e.g. this one. Correct it.", "see e.g. this one", "Correct it."),
        ("", "", ""),
    ],
)
def test_a_reason_is_what_is_wrong_and_the_way_out(kept: str, reason: str, hint: str) -> None:
    assert split_reason(kept) == (reason, hint)


def test_nothing_is_shown_that_is_an_address_or_that_a_terminal_obeys() -> None:
    assert clean(f"it is {ADDRESS}, too") == "it is [address], too"
    assert clean("a\x1b[2Jb\nc") == "a\ufffd[2Jb\ufffdc"
    assert clean(HALF).encode() == "\ufffd-half".encode()
    assert clean("Grüße, 用户") == "Grüße, 用户"


def test_reasons_that_differ_by_an_id_or_an_address_are_one_and_keep_their_name_for_good() -> None:
    one, two, other = (
        group_of(Failure(Ref(kind, "x"), "things", why, None))
        for kind, why in (
            (mig.MESSAGE, f"it names contact 5f69aa806a06 of {ADDRESS}. Correct it."),
            (mig.MESSAGE, "it names contact 5f69bb806a07 of joe@example.org. Other words."),
            (mig.NOTE, "it names contact 5f69bb806a07 of joe@example.org. Other words."),
        )
    )
    assert (one.reason, one.hint) == ("it names contact ... of [address]", "Correct it.")
    assert one.reason_id == two.reason_id == "8e5cb9"
    assert other.reason_id != one.reason_id


# ---- the journal -----------------------------------------------------------------------------------------------------


async def test_groups_come_largest_first_with_a_few_examples(new_journal: Callable[[], str]) -> None:
    rows = [broken(mig.MESSAGE, f"m{n}", "no date. Correct it.") for n in range(5)]
    journal = await journal_with(
        new_journal(), broken(mig.NOTE, HALF, "no date. Correct it."), *rows, broken(mig.CONTACT, "c", "no id")
    )
    number = number_of(journal)
    with journal.reading() as connection:
        found = grouped(connection, number)
    journal.close()
    assert [(one.kind, one.reason, one.count) for one in found] == [
        ("message", "no date", 5),
        ("contact", "no id", 1),
        ("note", "no date", 1),
    ]
    assert [example["id"] for example in found[0].examples] == ["m0", "m1", "m2"]
    assert found[2].examples == [{"id": "\ufffd-half", "target_id": None}]
    assert all(one.hint for one in found), "a group without a way out"


async def test_an_example_says_where_its_unit_stands_on_the_target(new_journal: Callable[[], str]) -> None:
    journal = await journal_with(new_journal())
    number = number_of(journal)

    def write(connection: Any) -> None:
        for key, name, marker, carries in (
            ("conversation:t1", "birth", None, Ref(mig.CONVERSATION, "t1")),
            ("conversation:t1", "a/message", "m", Ref(mig.CONVERSATION, "t1")),
            ("contact:c1", "profile", "p", Ref(mig.CONTACT, "c1")),
        ):
            claim = Claim(name, "say", "create", "d", marker, (carries,), False, b"{}", 0, None)
            delivery.claim(connection, number, key, [claim], 1)
            delivery.settle(
                connection, number, key, {name: claim}, [Settled(name, "done", Receipt({"id": f"at-{name}"}))]
            )

    from mig.journal.failures import place

    await journal.write(write)
    with journal.reading() as connection:
        assert place(connection, number, "conversation:t1") == "at-birth"
        assert place(connection, number, "contact:c1") == "at-profile"
        assert place(connection, number, "contact:c2") == place(connection, number, None) == ""
    journal.close()


async def test_every_failure_is_listed_once_and_only_a_page_is_held(new_journal: Callable[[], str]) -> None:
    names = [f"{HALF}{n}" for n in range(700)]
    rows = [broken(kind, name, "no date") for kind in (mig.MESSAGE, mig.NOTE) for name in names]
    journal = await journal_with(new_journal(), *rows, broken(mig.CONTACT, "c", "no id"))
    number = number_of(journal)
    asked: list[str] = []

    def ask(*arguments: Any) -> None:
        asked.append(arguments[2])

    with journal.reading() as connection:
        event.listen(connection, "before_cursor_execute", ask)
        some = list(itertools.islice(failed(connection, number), 10))
        assert (len(some), len(asked)) == (10, 1)
        found = Counter(one.ref for one in failed(connection, number))
        assert found == Counter(row.ref for row in rows) + Counter([Ref(mig.CONTACT, "c")])
        assert states(connection, number, [row.ref for row in rows[:50]]) == Counter(failed=50)
        assert states(connection, number, []) == Counter()
    journal.close()


def test_what_is_tried_again_is_kept_in_order_and_read_by_several_at_once() -> None:
    with Spool() as spool:
        for n in range(250):
            kind = mig.NOTE if n % 2 else mig.MESSAGE
            spool.add(Failure(Ref(kind, f"{HALF}{n}"), f"{kind}s", "why", None))
        both = list(zip(spool.pages("messages"), spool.pages("notes"), strict=True))
        assert [len(page) for page, _ in both] == [100, 25]
        assert [ref.id for page, _ in both for ref in page] == [f"{HALF}{n}" for n in range(0, 250, 2)]
        assert [ref.id for _, page in both for ref in page] == [f"{HALF}{n}" for n in range(1, 250, 2)]
        assert sum(map(len, spool.pages())) == spool.count == 250
        assert spool.kinds == {"messages": mig.MESSAGE, "notes": mig.NOTE}


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a journal in a folder of its own, without settings of a migration that happen to be there."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("MIG_", "KUSTOMER_", "CRISP_")):
            monkeypatch.delenv(name)
    yield f"sqlite:///{tmp_path / 'mig.db'}"
    structlog.reset_defaults()  # a command starts the log


def command(*arguments: str) -> int:
    """`mig failures` in this process. Returns: its exit code."""
    try:
        return _main(["failures", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


async def test_the_list_is_one_object_and_its_exit_code_tells(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    (await journal_with(state)).close()
    assert command("--state", state, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "failures_total": 0, "groups": []}
    assert command("--state", state) == 0
    assert "nothing is quarantined" in capsys.readouterr().out
    rows = [broken(mig.MESSAGE, f"m{n}", f"to {ADDRESS}. Correct it.") for n in range(4)]
    (await journal_with(state, *rows, broken(mig.CONTACT, ADDRESS, "no id"))).close()
    assert command("--state", state, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failures_total"] == 5
    assert [set(group) for group in found["groups"]] == [
        {"reason_id", "kind", "reason", "hint", "count", "examples"}
    ] * 2
    assert found["groups"][0]["reason"] == "to [address]"
    assert command("--state", state, "--json", "--all") == 1
    told = capsys.readouterr().out
    assert {**json.loads(told), "failures": 0} == {**found, "failures": 0}
    assert [one["id"] for one in json.loads(told)["failures"]] == ["[address]", "m0", "m1", "m2", "m3"]
    assert command("--state", state, "--all") == 1
    text = capsys.readouterr().out
    assert "m3" in text
    assert ADDRESS not in told + text


async def test_an_unknown_reason_is_refused_and_the_known_ones_are_listed(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (await journal_with(state, broken(mig.MESSAGE, "m", "no date. Correct it."))).close()
    assert command("--state", state, "--retry", "no such thing", "--json") == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "refused"
    assert "nothing failed for 'no such thing'" in err
    assert "message: no date" in err


async def test_a_retry_of_nothing_asks_no_platform(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    (await journal_with(state)).close()
    assert command("--state", state, "--retry", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "completed"
    assert found["retried"] == {"records": 0, "mended": 0, "failed": 0, "pending": 0}


def test_options_that_mean_nothing_together_are_refused(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--state", state, "--retry", "--all") == 2
    assert command("--state", state, "--wait") == 2
    assert command("--state", state) == 2, "a journal that is not there"
    assert not (Path(state.removeprefix("sqlite:///"))).exists()


async def test_a_reason_is_meant_by_its_name_or_by_words_of_it() -> None:
    journal = await journal_with(
        "sqlite://",
        broken(mig.MESSAGE, "m", "no date. Correct it."),
        broken(mig.NOTE, "n", "no date. Correct it."),
        broken(mig.NOTE, "o", "no author. Correct it."),
    )
    with journal.reading() as connection:
        groups = grouped(connection, 1)
    journal.close()
    names = {(one.kind, one.reason): one.reason_id for one in groups}
    assert meant(groups, names["note", "no date"]) == {names["note", "no date"]}
    assert meant(groups, "note DATE") == {names["note", "no date"]}
    assert meant(groups, "no date") == {names["note", "no date"], names["message", "no date"]}
    assert meant(groups, "") == set(names.values())
    with pytest.raises(mig.Usage):
        meant(groups, "no date author")


# ---- trying again ----------------------------------------------------------------------------------------------------


class Release(MemorySource):
    """A source of which the installed release cannot read some records."""

    def __init__(self, records: Sequence[mig.Record], *unread: str) -> None:
        super().__init__(records)
        self.unread = set(unread)
        self.extracted = 0
        self.fetched: list[str] = []
        self.parsed: list[str] = []
        self.closed = False
        self.whole = False
        self.shown: set[str] | None = None
        """What a narrowed reading shows; None: everything."""

    def correct(self, name: str) -> None:
        """Change a message's text."""
        message = self.records[Ref(mig.MESSAGE, name)]
        assert isinstance(message, mig.Message)
        self.records[message.ref] = msgspec.structs.replace(message, text="corrected")

    async def partitions(self, scope: mig.Scope) -> Sequence[mig.Partition]:
        return [mig.Partition("records", whole=self.whole)]

    async def extract(self, part: mig.Partition, scope: mig.Scope, checkpoint: bytes | None) -> AsyncIterator[mig.Page]:
        self.extracted += 1
        async for page in super().extract(part, scope, checkpoint):
            yield mig.Page([r for r in page.rows if self.shown is None or r.id in self.shown], page.checkpoint)

    def parse(self, raw: mig.Raw) -> mig.Parsed:
        self.parsed.append(raw.id)
        if raw.id in self.unread:
            raise mig.Unparseable("it cannot be read", "A newer release may.")
        return super().parse(raw)

    async def fetch(self, refs: Sequence[mig.Ref]) -> Mapping[mig.Ref, mig.Raw]:
        self.fetched += map(str, refs)
        if self.closed:
            raise mig.Unreadable("the key may not read it by id")
        # A record that could not be parsed is known by the kind of its resource and the id of its raw.
        return {ref: raw for ref in refs for raw in [self._of(ref)] if raw is not None}

    def _of(self, ref: mig.Ref) -> mig.Raw | None:
        wanted = Ref.parse(ref.id) if "/" in ref.id else ref
        return self._raw(self.records[wanted]) if wanted in self.records else None


class Refusing(StormTarget):
    """A target that refuses some messages."""

    def __init__(self, clock: VirtualClock, *refused: str) -> None:
        super().__init__(clock)
        self.refused = set(refused)

    async def send(self, calls: Sequence[mig.Call]) -> Sequence[mig.Receipt]:
        if calls[0].op.name in self.refused:
            raise mig.Rejected("it is too odd", "Correct it.")
        return await super().send(calls)


class Desk:
    """A journal between such a source and such a target."""

    def __init__(self, source: Release, target: Refusing, clock: VirtualClock) -> None:
        self.journal = Journal.open("sqlite://", inline=True)
        self.source, self.target, self.clock = source, target, clock
        self.organisation = "org"
        self.at_least = 0
        """What a retry wants the exit code to be, whatever the report says."""

    async def run(self, scope: mig.Scope | None = None, *, plan_only: bool = False) -> Report:
        """One ordinary run, or a narrowed one, or a plan."""
        run = self._run()
        run.scope, run.plan_only = scope or run.scope, plan_only
        return await go(run)

    async def retry(self, reason: str = "") -> tuple[int, Report, dict[str, int]]:
        """Try again what failed for a reason. Returns: the exit code, the report, what became of what was tried."""
        run, journal = self._run(), self.journal
        with Spool() as spool:
            with journal.reading() as connection:
                wanted = meant(grouped(connection, 1), reason)
                for failure in failed(connection, 1):
                    if group_of(failure).reason_id in wanted:
                        spool.add(failure)
            again = Retry(counts.MigrationRow(1, "memory", self.organisation, "storm", "workspace"), spool)
            again.prepare(run)
            report = await go(run)
            found = dict(again.outcome(run)["retried"])
            self.at_least = again.exit_code()
            return report.exit_code or self.at_least, report, found

    def _run(self) -> Run:

        @asynccontextmanager
        async def open_source(settings: Any, access: mig.Access) -> AsyncIterator[mig.Source]:
            yield self.source

        @asynccontextmanager
        async def open_target(settings: Any, access: mig.Access) -> AsyncIterator[mig.Target]:
            yield self.target

        return Run(
            journal=self.journal,
            clock=self.clock,
            source_spec=mig.SourceSpec("memory", Settings, open_source, {}, {"records": mig.MESSAGE}),
            target_spec=mig.TargetSpec("storm", Settings, open_target),
            source_settings=None,
            target_settings=None,
            chain=[LoadAll()],
            engine=EngineSettings(),
        )

    def said(self, thread: str) -> list[str]:
        """What stands in a conversation on the target."""
        return [text for _, text in self.target.end_state()["threads"][f"conversation/{thread}"][1]]

    def failures(self) -> list[str]:
        """What is quarantined."""
        with self.journal.reading() as connection:
            return [str(one.ref) for one in failed(connection, 1)]


@pytest.fixture
def desk() -> Any:
    """Makes a desk with two threads of two messages: which the release cannot read, which the target refuses."""
    made: list[Desk] = []

    def make(unread: Sequence[str] = (), refused: Sequence[str] = ()) -> Desk:
        clock = VirtualClock()
        made.append(Desk(Release(small_desk(2, 2), *unread), Refusing(clock, *refused), clock))
        return made[-1]

    yield make
    for one in made:
        one.journal.close()


Make = Callable[..., Desk]


async def test_what_could_not_be_parsed_is_parsed_again_though_it_is_byte_for_byte_the_same(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.source.unread.clear()
    assert (await one.run()).exit_code == 1, "an ordinary run does not look at it again"
    one.source.extracted = 0
    code, _, found = await one.retry()
    assert (code, found) == (0, {"records": 1, "mended": 1, "failed": 0, "pending": 0})
    assert one.source.extracted == 0, "the source was read"
    assert one.said("t0") == ["text 0.0", "text 0.1"]
    assert one.failures() == []


async def test_what_is_gone_at_the_source_is_parsed_from_the_journal(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.source.unread.clear()
    del one.source.records[Ref(mig.MESSAGE, "m0.1")]
    _, _, found = await one.retry()
    assert found["mended"] == 1
    assert one.said("t0") == ["text 0.0", "text 0.1"]


async def test_what_was_corrected_at_the_source_is_fetched_anew(desk: Make) -> None:
    one = desk(refused=["message/m0.1"])
    await one.run()
    assert one.failures() == ["message/m0.1"]
    one.source.correct("m0.1")
    one.target.refused.clear()
    code, _, found = await one.retry("too odd")
    assert (code, found["mended"]) == (0, 1)
    assert one.source.fetched == ["message/m0.1"]
    assert one.said("t0") == ["text 0.0", "corrected"]


async def test_what_could_not_be_parsed_and_was_corrected_is_read_as_it_is_now(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.source.unread.clear()
    one.source.correct("m0.1")
    await one.retry()
    assert one.said("t0") == ["text 0.0", "corrected"]


async def test_what_could_be_parsed_and_did_not_change_is_not_parsed_again(desk: Make) -> None:
    one = desk(refused=["message/m0.1"])
    await one.run()
    one.source.parsed.clear()
    await one.retry()
    assert one.source.parsed == []


async def test_what_still_fails_is_said_to(desk: Make) -> None:
    one = desk(unread=["message/m0.1"], refused=["message/m1.1"])
    await one.run()
    one.target.refused.clear()
    code, _, found = await one.retry()
    assert (code, found) == (1, {"records": 2, "mended": 1, "failed": 1, "pending": 0})
    assert one.at_least == 1
    assert one.failures() == ["message/message/m0.1"]


async def test_only_the_records_of_the_reason_are_asked_of_the_source(desk: Make) -> None:
    one = desk(unread=["message/m0.1"], refused=["message/m1.1"])
    await one.run()
    _, _, found = await one.retry("newer release")
    assert found["records"] == 1
    assert one.source.fetched == ["message/message/m0.1"]


async def test_only_the_units_of_the_reason_are_delivered(desk: Make) -> None:
    one = desk(unread=["message/m0.1"], refused=["message/m1.1"])
    await one.run()
    one.target.refused.clear()
    one.source.unread.clear()
    before = len(one.target.writes)
    code, report, _ = await one.retry("newer release")
    assert {unit for unit, _ in one.target.writes[before:]} == {"conversation:t0"}
    assert (code, report.kinds["message"].in_scope) == (0, 2)
    assert one.failures() == ["message/m1.1"]
    await one.retry()
    assert one.failures() == []


async def test_where_the_source_refuses_to_be_asked_the_journal_is_parsed_and_it_is_told(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.source.unread.clear()
    one.source.closed = True
    code, report, found = await one.retry()
    assert (code, found["mended"]) == (1, 1)
    assert report.unreadable == {"message": "the key may not read it by id."}


async def test_a_child_is_read_anew_together_with_what_it_stands_under(desk: Make) -> None:
    one = desk()
    await one.run()

    def fail(connection: Any) -> None:
        for kind, name in ((mig.CONVERSATION, "t0"), (mig.MESSAGE, "m0.1")):
            verdict = delivery.Verdict(Ref(kind, name), "load", "failed", f"{kind} is odd. Correct it.")
            delivery.save_verdicts(connection, 1, [verdict], 1)
        staging.mark_dirty(connection, 1, ["conversation:t0"])

    await one.journal.write(fail)
    _, _, found = await one.retry("message is odd")
    assert one.source.fetched == ["message/m0.1", "conversation/t0"]
    assert found == {"records": 1, "mended": 1, "failed": 0, "pending": 0}


async def test_a_retry_that_is_killed_loses_nothing(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.source.unread.clear()
    with one.journal.reading() as connection:
        before = list(failed(connection, 1))
    from mig.journal.failures import read_again

    await one.journal.write(lambda c: read_again(c, 1, [failure.ref for failure in before]))  # and then no more
    assert (await one.run()).exit_code == 0, "the next run parses it"
    assert one.failures() == []


async def test_settings_that_lead_elsewhere_are_refused_before_anything_is_recorded(desk: Make) -> None:
    one = desk(unread=["message/m0.1"])
    await one.run()
    one.organisation = "another"
    with pytest.raises(mig.Refused, match="another organisation"):
        await one.retry()
    with one.journal.reading() as connection:
        assert len(counts.migrations(connection)) == 1
        assert counts.last_run(connection, 1).id == 1


# ---- a narrowed run, and what could not be parsed --------------------------------------------------------------------

TALKS = mig.Scope(kinds=frozenset({mig.CONVERSATION}))


async def test_a_narrowed_run_that_could_not_parse_a_row_says_so_until_it_is_mended(desk: Make) -> None:
    made = desk(unread=["message/m0.1"])
    for _ in range(2):  # the second reads the same bytes, and parses nothing
        report = await made.run(TALKS)
        assert report.exit_code == 1
        assert report.kinds["message"].failed == 1
        assert report.kinds["message"].in_scope == 4
        assert report.reasons == [("message", "failed", "it cannot be read. A newer release may.", 1)]
        assert [(kind, id_) for kind, id_, _ in report.failures] == [("message", "message/m0.1")]
    made.source.unread.clear()
    made.source.correct("m0.1")
    report = await made.run(TALKS)
    assert (report.exit_code, report.kinds["message"].failed, report.kinds["message"].in_scope) == (0, 0, 4)


async def test_a_narrowed_plan_counts_it_too(desk: Make) -> None:
    made = desk(unread=["message/m0.1"])
    report = await made.run(TALKS, plan_only=True)
    assert report.exit_code == 1
    assert report.plan is not None
    assert report.plan.kinds["message"]["failed"] == 1
    assert report.plan.reasons["message", "failed", "it cannot be read. A newer release may."] == 1


async def test_a_narrowed_run_answers_for_what_it_met_and_not_for_other_parts(desk: Make) -> None:
    made = desk(unread=["message/m0.1"])
    assert (await made.run()).exit_code == 1
    made.source.shown = {str(ref) for ref in made.source.records} - {"message/m0.1"}
    report = await made.run(TALKS)
    assert (report.exit_code, report.kinds["message"].failed) == (0, 0)
    made.source.whole = True  # of a reading that all runs share, the rows came in an earlier one
    assert (await made.run(TALKS)).exit_code == 1


async def test_a_narrowed_run_without_conversations_is_not_blamed_for_a_message(desk: Make) -> None:
    made = desk(unread=["message/m0.1"])
    report = await made.run(mig.Scope(kinds=frozenset({mig.CONTACT})))
    assert (report.exit_code, "message" in report.kinds) == (0, False)


async def test_a_filter_that_meets_only_what_cannot_be_parsed_does_not_say_that_it_selects_nothing(desk: Make) -> None:
    made = desk(unread=["conversation/t0"])
    made.source.shown = {"conversation/t0"}
    report = await made.run(TALKS)
    assert (report.exit_code, report.status) == (1, "completed")
