"""A lost journal is rebuilt from what stands on the target: the same journal, nothing sent, nothing said twice."""

from __future__ import annotations

import asyncio
import copy
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mig
from audited import Audited, audited
from desk_made import thread_id, write_organisation
from desk_sample import Desk
from mig.clock import SystemClock
from mig.engine.run import Report
from mig.failpoints import listen
from mig.journal import adoption, counts, delivery, staging
from mig.journal.delivery import Claim
from mig.journal.store import Journal
from mig.settings import platform_settings
from mig.testing.conformance import Broken, Records, check_unit
from mig_crisp.keeps import NORMALS
from mig_crisp.sandbox.messages import new_message
from mig_crisp.sandbox.people import view_profile
from mig_crisp.sandbox.server import serve as serve_crisp
from mig_crisp.sandbox.staff import settle_in
from mig_crisp.sandbox.workspace import Message, Session
from mig_crisp.settings import CrispSettings
from mig_crisp.target import open_target
from processes import named_state
from storm import Crash, is_crash

LATER = "2026-11-01T12:00:00.000Z"


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one with every kind of file."""
    path = tmp_path_factory.mktemp("adopted") / "organisation.jsonl"
    write_organisation(path)
    return path


@contextmanager
def moved(folder: Path, organisation: Path, **settings: str) -> Iterator[Audited]:
    """A desk that was moved by a journal that is lost; its people and inboxes work in the new one."""
    with audited(folder, dataset=organisation, settings=settings) as desk:
        settle_in(desk.workspace.desk, organisation)
        moves(desk)
        yield desk


def moves(desk: Audited, **more: Any) -> Report:
    """A run that comes to its end."""
    report = desk.migrate(**more)
    assert report.status == "completed", report.error
    return report


def lose(folder: Path) -> None:
    """The journal is gone."""
    for path in folder.glob("mig.db*"):
        path.unlink()


def said(desk: Audited) -> int:
    """How many writes the workspace took."""
    return len(desk.workspace.writes)


def known(folder: Path) -> dict[str, dict[tuple[str, ...], Any]]:
    """What a journal says of records, operations and losses, without which run it was."""
    with sqlite3.connect(folder / "mig.db") as database:
        operations = {
            tuple(key): [*rest, json.loads(receipt) | {"unchanged": False}]
            for *key, receipt, verb, digest, state, marker, carries, tail, origin in database.execute(
                "SELECT unit, name, receipt, verb, digest, state, marker, carries, tail, origin FROM mig_operation"
            )
            for rest in [(verb, digest, state, marker, carries, tail, origin)]
        }
        for key, row in operations.items():
            if key[0].startswith(("article:", "category:")):  # nothing proves there whose it is: it is adopted
                row[6], row[7] = "", row[7]["values"]
        records = {
            (kind, name): rest
            for kind, name, *rest in database.execute(
                "SELECT kind, id, unit, ord, fate, state, reason, mapped, merged_into FROM mig_record"
            )
        }
        units = {
            (key,): rest for key, *rest in database.execute("SELECT key, dirty, looked, rank, newest FROM mig_unit")
        }
        losses = {
            (kind, name, field): rest
            for kind, name, field, *rest in database.execute("SELECT kind, id, field, outcome, why FROM mig_loss")
        }
    database.close()
    return {"operations": operations, "records": records, "units": units, "losses": losses}


def standing(desk: Audited) -> dict[str, Any]:
    """What stands in a workspace, without what depends on when it was written, and on how often."""
    state = copy.deepcopy(named_state(desk.workspace.state(), desk.workspace.bucket()))
    for thread in state["threads"].values():
        thread["meta"]["data"].pop("source_updated_at")
        for row in thread["messages"]:
            row.pop("edited")
            row.pop("original", None)
            row["user"].pop("nickname", None)  # the desk's own word for its visitor is as of the day
    return state


def thread_of(desk: Audited, name: str) -> Session:
    """The conversation of a source's id."""
    found = [
        one for one in desk.workspace.desk.sessions.live.values() if one.metas.get("data", {}).get("source_id") == name
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_text": "120"},
        {"notes": "both", "language": "de"},
        {"notes": "contact", "language": "fr"},
        {"files": "link", "escape_markdown": "true", "spread_ties": "true"},
        {"contacts_without_email": "placeholder", "stealth_user_messages": "true", "max_notepad": "150"},
    ],
    ids=lambda settings: " ".join("=".join(item) for item in settings.items()),
)
def test_the_journal_is_the_same_again_and_the_next_run_sends_nothing(
    settings: Mapping[str, str], tmp_path: Path, organisation: Path
) -> None:
    with moved(tmp_path, organisation, **settings) as desk:
        lost, writes, requests = known(tmp_path), said(desk), desk.workspace.requests
        lose(tmp_path)
        report = moves(desk, adopt=True)
        assert report.exit_code == 0
        assert (report.adopted, report.sent, report.notices) == (True, {}, [])
        assert sum(kind.pending + kind.failed for kind in report.kinds.values()) == 0
        found = known(tmp_path)
        for name, rows in lost.items():
            assert found[name] == rows, name
        # An article is written in a few requests only, and is found in as many.
        assert desk.workspace.requests - requests < writes * 0.6, "a thread is read once, not once a message"
        assert moves(desk).sent == {}
        assert said(desk) == writes


def test_what_was_adopted_can_be_verified_at_once(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        lost = desk.audit()
        lose(tmp_path)
        moves(desk, adopt=True)
        result = desk.audit()
        assert (result.verdict, result.found) == (lost.verdict, lost.found)


def test_what_the_source_changed_since_is_brought_up_to_date_by_the_next_run(
    tmp_path: Path, organisation: Path
) -> None:
    (tmp_path / "fresh").mkdir()
    with moved(tmp_path, organisation) as desk:
        lose(tmp_path)
        told = change(desk, organisation)
        session = thread_of(desk, told["talked in"]).session_id
        desk.workspace.answer_by_hand(session, "an agent's own answer")
        before = said(desk)
        report = moves(desk, adopt=True)
        assert said(desk) == before
        assert report.exit_code == 0
        assert report.kinds["message"].pending >= 2  # the edited one, the new one
        assert report.kinds["conversation"].pending >= 1
        moves(desk)
        mine = [row for row in thread_of(desk, told["talked in"]).messages if row.view["properties"] == {}]
        assert [row.view["content"] for row in mine if row.view["type"] == "text"] == ["an agent's own answer"]
        after = said(desk)
        assert moves(desk).sent == {}
        assert said(desk) == after
        adopted = standing(desk)
    with audited(tmp_path / "fresh", dataset=organisation) as desk:
        settle_in(desk.workspace.desk, organisation)
        change(desk, organisation)
        moves(desk)
        fresh = standing(desk)
    rows = adopted["threads"][told["talked in"]]["messages"]
    adopted["threads"][told["talked in"]]["messages"] = [row for row in rows if row["properties"]]
    # Where an agent talks, its state is the desk's.
    assert adopted["threads"][told["talked in"]].pop("state") == "unresolved"
    assert fresh["threads"][told["talked in"]].pop("state") == "resolved"
    for name, thread in fresh["threads"].items():
        assert adopted["threads"][name] == thread, name
    assert adopted == fresh


def change(desk: Audited, organisation: Path) -> dict[str, str]:
    """The source lives on. Returns: the ids of the conversations in which."""
    source, rows = desk.organisation.organisation, Desk(organisation.read_bytes().splitlines())
    home = thread_id(rows)
    texts = [row for row in rows.rows("messages") if row["attributes"].get("preview")]
    edited = next(row for row in texts if row["relationships"]["conversation"]["data"]["id"] != home)
    source.put("messages", {"id": edited["id"], "attributes": {"preview": "it was corrected"}})
    talks = [
        row
        for row in rows.rows("conversations")
        if not row["attributes"].get("spam") and row["relationships"].get("customer")
    ]
    for row in talks:
        if row["attributes"]["status"] != "done":
            source.put("conversations", {"id": row["id"], "attributes": {"status": "done"}})
    conversation = rows.get("conversations", home)
    assert conversation is not None
    customer = conversation["relationships"]["customer"]
    times = {"sentAt": LATER, "createdAt": LATER}
    way = {"direction": "in", "channel": "chat", "directionType": "followup-in", "status": "received"}
    parents = {"conversation": {"data": {"type": "conversation", "id": home}}, "customer": customer}
    new = {"id": "7c" + "0" * 22, "attributes": {"preview": "one more thing", **way, **times}, "relationships": parents}
    source.put("messages", new)
    source.put("customers", {"id": customer["data"]["id"], "attributes": {"name": "Renamed Since"}})
    return {"talked in": home, "edited in": edited["relationships"]["conversation"]["data"]["id"]}


def test_what_was_removed_there_is_sent_again_once(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        lose(tmp_path)
        session = thread_of(desk, thread_id(Desk(organisation.read_bytes().splitlines())))
        gone = next(
            row for row in session.messages if row.view["properties"].get("source_id", "").startswith("message/")
        )
        whole = standing(desk)
        desk.workspace.drop_message(session.session_id, gone.fingerprint)
        other = next(one for one in desk.workspace.desk.sessions.live.values() if one is not session)
        desk.workspace.drop_conversation(other.session_id)
        before = said(desk)
        report = moves(desk, adopt=True)
        assert report.kinds["message"].pending >= 1
        assert report.kinds["conversation"].pending == 1
        assert said(desk) == before
        moves(desk)
        posted = Counter(
            (write.body or {}).get("fingerprint") for write in desk.workspace.writes[before:] if write.method == "POST"
        )
        assert posted[gone.fingerprint] == 1
        assert moves(desk).sent == {}
        assert named(standing(desk)) == named(whole)


def is_message(row: Message) -> bool:
    return str(row.view["properties"].get("source_id", "")).startswith("message/")


def named(state: dict[str, Any]) -> dict[str, Any]:
    """Without what a new telling does: an equal millisecond's order."""
    for thread in state["threads"].values():
        thread["messages"].sort(key=lambda row: (row["timestamp"], row["fingerprint"]))
    return state


def test_what_agents_did_meanwhile_stays_where_the_source_did_nothing(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        lose(tmp_path)
        sessions = list(desk.workspace.desk.sessions.live.values())
        open_one = next(one for one in sessions if one.state != "resolved")
        assigned = next(one for one in sessions if one.assigned)
        somebody = next(name for name in desk.workspace.desk.operators if name != assigned.assigned)
        profile = next(iter(desk.workspace.desk.people.live.values()))
        desk.workspace.set_state_by_hand(open_one.session_id, "resolved")
        event = {"type": "event", "from": "operator", "origin": "chat", "content": {"namespace": "state:resolved"}}
        now = desk.workspace.desk.clock.now()
        open_one.insert(new_message(desk.workspace.desk, open_one, event, now))
        desk.workspace.alter_conversation(assigned.session_id, assigned=somebody)
        segments = [*open_one.metas["segments"], "vip"]
        desk.workspace.edit_meta_by_hand(open_one.session_id, subject="The agent's own", segments=segments)
        seen = {**view_profile(profile)["person"], "description": "met at the fair"}
        desk.workspace.edit_profile_by_hand(profile.people_id, person=seen, segments=["vip"])
        before, state = said(desk), standing(desk)
        report = moves(desk, adopt=True)
        assert sum(kind.pending for kind in report.kinds.values()) <= 1  # a segment of the profile's own is gone
        moves(desk)
        after = standing(desk)
        for person in (*state["people"].values(), *after["people"].values()):
            person["segments"] = sorted({*person.get("segments", ()), "vip"} - {"vip"})
        assert after["threads"] == state["threads"]
        assert said(desk) - before <= 1


def test_a_canarys_copy_is_not_taken_for_the_real_one(tmp_path: Path, organisation: Path) -> None:
    with audited(tmp_path, dataset=organisation) as desk:
        moves(desk, canary="me@example.org")
        moves(desk)
        lost, writes = known(tmp_path), said(desk)
        lose(tmp_path)
        assert moves(desk, adopt=True).notices == []
        found = known(tmp_path)
        assert found["operations"].items() <= lost["operations"].items()
        moves(desk)
        assert said(desk) == writes


def test_a_profile_that_was_there_before_us_is_adopted_as_theirs(tmp_path: Path, organisation: Path) -> None:
    with audited(tmp_path, dataset=organisation) as desk:
        customer = next(
            row for row in Desk(organisation.read_bytes().splitlines()).rows("customers") if row["attributes"]["emails"]
        )
        email = customer["attributes"]["emails"][0]["email"]
        person = {"email": email, "person": {"nickname": "As the desk calls them"}, "segments": ["old"]}
        theirs = desk.workspace.desk.add_profile(person, 1)
        theirs.data["fruit"] = "plum"
        moves(desk)
        lost, writes = known(tmp_path), said(desk)
        lose(tmp_path)
        moves(desk, adopt=True)
        found = known(tmp_path)
        origins = [row[6] for (_, name), row in found["operations"].items() if name == "profile"]
        assert Counter(origins)["adopted"] == 1
        for key, row in lost["operations"].items():
            assert found["operations"][key][:7] == row[:7], key
        moves(desk)
        assert said(desk) == writes
        assert theirs.view["person"]["nickname"] == "As the desk calls them"
        assert theirs.data["fruit"] == "plum"


def test_two_of_one_mark_are_told_and_one_is_taken(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        lose(tmp_path)
        session = next(iter(desk.workspace.desk.sessions.live.values()))
        twin = session.copy()
        twin.session_id = "session_twin"
        desk.workspace.desk.sessions.live["session_twin"] = twin
        writes = said(desk)
        (notice,) = moves(desk, adopt=True).notices
        assert notice.startswith("1 ")
        assert "doubled" in notice
        moves(desk)
        assert said(desk) == writes


def test_a_journal_that_knows_more_is_refused_and_a_half_rebuilt_one_too(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        with pytest.raises(mig.Usage, match="knows this migration"):
            desk.migrate(adopt=True)
        lose(tmp_path)
        stop = asyncio.Event()
        stop.set()
        report = desk.migrate(adopt=True, stop=stop)
        assert (report.status, report.exit_code) == ("interrupted", 130)
        writes = said(desk)
        for more in ({}, {"plan_only": True}):
            with pytest.raises(mig.Refused, match="being rebuilt"):
                desk.migrate(**more)
        moves(desk, adopt=True)
        moves(desk, adopt=True)  # once more does no harm, as long as no run has worked in it
        moves(desk)
        assert said(desk) == writes


def test_killed_at_any_moment_it_goes_on_and_nothing_is_sent(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation) as desk:
        lost, writes = known(tmp_path), said(desk)
        lose(tmp_path)
        deaths = 0
        for point in (3, 20, 60, 110, 160, 210, 260, 330, 400):
            deaths += dies(desk, point, adopt=True)
        assert deaths >= 3
        with pytest.raises(mig.Refused, match="being rebuilt"):
            desk.migrate()
        moves(desk, adopt=True)
        found = known(tmp_path)
        for name, rows in lost.items():
            assert found[name] == rows, name
        assert moves(desk).orphans == 0
        assert said(desk) == writes


def dies(desk: Audited, at: int, **more: Any) -> bool:
    """A run that dies at the n-th failpoint. Returns: whether it came so far."""
    met = 0

    def listener(name: str) -> None:
        nonlocal met
        met += 1
        if met >= at:
            raise Crash(name)

    listen(listener)
    try:
        desk.migrate(**more)
    except BaseException as error:
        if not is_crash(error):
            raise
        return True
    finally:
        listen(None)
    return False


# Where it dies inside a thread is chance. Between its read mark and its state nothing may tell that the state was never
# said (docs/adopt.md), and then this is red: it is run by soak, until something tells.
@pytest.mark.soak
@pytest.mark.parametrize("at", [400, 600, 800, 1000])
def test_a_journal_that_was_lost_in_the_middle_of_a_run(at: int, tmp_path: Path, organisation: Path) -> None:
    (tmp_path / "fresh").mkdir()
    with moved(tmp_path / "fresh", organisation) as desk:
        whole = named(standing(desk))
    with audited(tmp_path, dataset=organisation) as desk:
        settle_in(desk.workspace.desk, organisation)
        assert dies(desk, at)
        writes = said(desk)
        assert writes > 10
        lose(tmp_path)
        moves(desk, adopt=True)
        assert said(desk) == writes
        moves(desk)
        found = named(standing(desk))
        assert found["doubled"] == []
        assert found["threads"] == whole["threads"]
        assert found["people"] == whole["people"]
        assert moves(desk).sent == {}


def test_a_used_up_quota_pauses_it_and_it_goes_on(tmp_path: Path, organisation: Path) -> None:
    with moved(tmp_path, organisation, daily_quota="5000") as desk:
        writes = said(desk)
        lose(tmp_path)
        report = desk.migrate(adopt=True, shares={"crisp.requests": 30 / 5000})
        assert (report.status, report.exit_code) == ("paused", 4)
        with pytest.raises(mig.Refused, match="being rebuilt"):
            desk.migrate()
        moves(desk, adopt=True)
        moves(desk)
        assert said(desk) == writes


async def test_an_adoption_leaves_its_trace_in_every_database(journal_url: str) -> None:
    journal = Journal.open(journal_url, inline=True)
    names = {"source": "s", "organisation": "o", "target": "t", "workspace": "w"}
    try:
        number, _ = await journal.write(lambda c: staging.find_migration(c, now="0", **names))

        async def begin(status: str | None) -> int:
            return await journal.write(lambda c: counts.begin_run(c, number, now="1", host="h", pid=1, status=status))

        async def end(run: int, status: str, report: str = "{}") -> None:
            await journal.write(lambda c: counts.end_run(c, run, now="2", status=status, report=report))

        async def is_unfinished() -> bool:
            return await journal.read(lambda c: adoption.is_unfinished(c, number))

        async def claims(run: int, name: str) -> bool:
            claim = Claim(name, "v", "put", "d", None, (), False, b"", 0, None)
            await journal.write(lambda c: delivery.claim(c, number, "u:1", [claim], run))
            return await journal.read(lambda c: adoption.knows_more(c, number))

        await end(await begin(None), "completed")
        assert not await is_unfinished()
        killed = await begin(adoption.ADOPTING)
        assert await is_unfinished()
        assert not await claims(killed, "a")
        await end(await begin(adoption.ADOPTING), adoption.ended("paused"))
        assert await is_unfinished()
        assert not await journal.read(lambda c: adoption.knows_more(c, number)), "the killed one was an adoption too"
        await end(await begin(adoption.ADOPTING), adoption.ended("completed"), '{"kinds":{},"adopted":true}')
        assert not await is_unfinished()
        await journal.write(lambda c: adoption.forget_unsettled(c, number))
        assert await journal.read(lambda c: delivery.operations(c, number, "u:1")) == {}
        assert await claims(await begin(None), "b")
    finally:
        journal.close()


async def test_a_target_that_forgets_what_was_sent_breaks_the_law() -> None:
    root = mig.Ref(mig.CONVERSATION, "c")
    message = mig.Message(
        ref=mig.Ref(mig.MESSAGE, "m"), conversation=root, sent_at=datetime(2026, 1, 1, tzinfo=UTC), text="hello"
    )
    unit = mig.Unit(mig.UnitKey("conversation:c"), [mig.Conversation(ref=root, status="open"), message], "kustomer:org")
    async with serve_crisp(mig.SandboxOptions()) as running:
        given = platform_settings(CrispSettings, "crisp", {}, running.environment)
        clock = SystemClock()
        async with open_target(given, mig.Access(clock=clock, budgets=mig.Budgets(clock))) as target:
            told = target.adopt

            async def forgets(call: mig.Call, origin: str, places: Sequence[str]) -> mig.Adopted | None:
                return None if call.op.verb == "conversation.message" else await told(call, origin, places)

            target.adopt = forgets  # type: ignore[method-assign]  # of this one object
            with pytest.raises(Broken, match="adopt does not find it"):
                await check_unit(target, unit, Records([]), NORMALS)
