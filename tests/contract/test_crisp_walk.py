"""The auditor's side of Crisp against its sandbox: what is walked, read back, and found wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import mig
from mig.clock import SystemClock
from mig.model import Ref
from mig.settings import platform_settings
from mig.testing.conformance import Broken, Records, check_unit
from mig_crisp.keeps import NORMALS
from mig_crisp.mapping import CrispMapper
from mig_crisp.sandbox import spec
from mig_crisp.settings import CrispSettings
from mig_crisp.target import CrispTarget, open_target

ORIGIN = "kustomer:org"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
THREAD = Ref(mig.CONVERSATION, "c1")
LOOK = Records(
    [
        mig.Agent(ref=Ref(mig.AGENT, "a1"), name="Bob", email="bob@example.org"),
        mig.Agent(ref=Ref(mig.AGENT, "a2"), name="Amy", email="owner@sandbox.example"),
        mig.Contact(ref=Ref(mig.CONTACT, "p1"), name="Paul", emails=[mig.Address(value="paul@example.org")]),
    ]
)


def at(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


def said(name: str, ms: int, text: str, **more: Any) -> mig.Message:
    fields = {"channel": "chat", **more}
    return mig.Message(ref=Ref(mig.MESSAGE, name), conversation=THREAD, sent_at=at(ms), text=text, **fields)


def thread(*records: mig.Record) -> list[mig.Record]:
    root = mig.Conversation(
        ref=THREAD,
        title="A title",
        status="done",
        channels=["chat"],
        contact=Ref(mig.CONTACT, "p1"),
        agents=[Ref(mig.AGENT, "a2")],
        created_at=NOON,
        custom={"order": 7},
    )
    return [root, *records]


TALK = thread(
    said("m1", 1, "hello"),
    said("m2", 2, "word " * 30, side="out", author=Ref(mig.AGENT, "a1"), custom={"mood": "fine"}),
    said("m3", 3, "an operator", side="out", author=Ref(mig.AGENT, "a2"), automated=True, redacted=True),
    mig.Note(ref=Ref(mig.NOTE, "n1"), conversation=THREAD, written_at=at(4), text="inside"),
)


@asynccontextmanager
async def workspace(switches: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[tuple[CrispTarget, Any]]:
    async with spec.serve(mig.SandboxOptions(switches=switches or {})) as running:
        environment = {**running.environment, "CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        given = platform_settings(CrispSettings, "crisp", {"max_text": 60, **settings}, environment)
        clock = SystemClock()
        meter = mig.Access(clock=clock, budgets=mig.Budgets(clock))
        async with open_target(given, meter) as target:
            yield target, running.control


async def deliver(target: CrispTarget, records: list[mig.Record]) -> str:
    """Deliver a unit under the law. Returns: its id there."""
    mapper = CrispMapper(target._settings)
    decided = [mapper.map(record, LOOK) for record in records]
    mapped = [one.record for one in decided if one is not None and one.fate is mig.Fate.LOAD]
    unit = mig.Unit(mig.UnitKey(f"{records[0].ref.kind}:{records[0].ref.id}"), mapped, ORIGIN)
    return target.where(await check_unit(target, unit, LOOK, NORMALS))


async def names(target: CrispTarget, kind: mig.Kind, checkpoint: bytes | None = None) -> list[str]:
    return [row.target_id async for page in target.walk(kind, checkpoint) for row in page.rows]


@pytest.mark.parametrize("kind", [mig.CONTACT, mig.CONVERSATION])
async def test_everything_is_walked_ours_and_others(kind: mig.Kind) -> None:
    async with workspace() as (target, _):
        made = await _fill(target, kind, 130)
        walked = await names(target, kind)
        assert set(walked) == set(made)
        assert len(walked) <= 130 + 3  # a page begins with the last row of the one before, at most


@pytest.mark.parametrize("kind", [mig.CONTACT, mig.CONVERSATION])
async def test_rows_that_are_removed_while_a_list_is_walked_hide_no_other(kind: mig.Kind) -> None:
    async with workspace() as (target, sandbox):
        made = set(await _fill(target, kind, 130))
        seen: set[str] = set()
        gone: set[str] = set()
        async for page in target.walk(kind, None):
            seen |= {row.target_id for row in page.rows}
            for row in (page.rows[0], page.rows[len(page.rows) // 2]):
                if len(gone) < 4:
                    gone.add(row.target_id)
                    drop = sandbox.drop_profile if kind == mig.CONTACT else sandbox.drop_conversation
                    drop(row.target_id)
        assert made - seen == set()


@pytest.mark.parametrize("kind", [mig.CONTACT, mig.CONVERSATION])
async def test_the_last_row_may_be_removed_too(kind: mig.Kind) -> None:
    async with workspace() as (target, sandbox):
        made = set(await _fill(target, kind, 130))
        seen: set[str] = set()
        gone = ""
        async for page in target.walk(kind, None):
            seen |= {row.target_id for row in page.rows}
            if not gone:
                gone = page.rows[-1].target_id
                (sandbox.drop_profile if kind == mig.CONTACT else sandbox.drop_conversation)(gone)
        assert made - seen == set()


@pytest.mark.parametrize("kind", [mig.CONTACT, mig.CONVERSATION])
async def test_a_walk_goes_on_where_it_stopped(kind: mig.Kind) -> None:
    async with workspace() as (target, _):
        made = set(await _fill(target, kind, 120))
        first: set[str] = set()
        checkpoint = None
        async for page in target.walk(kind, None):
            first, checkpoint = {row.target_id for row in page.rows}, page.checkpoint
            break
        assert first | set(await names(target, kind, checkpoint)) == made
        assert not await names(target, mig.TAG)


async def _fill(target: CrispTarget, kind: mig.Kind, count: int) -> list[str]:
    made = []
    for number in range(count):
        if kind == mig.CONTACT:
            body = {"email": f"p{number}@example.org", "person": {"nickname": f"P {number}"}}
            made.append((await target._client.write("POST", "/people/profile", body))["people_id"])
        else:
            made.append((await target._client.write("POST", "/conversation"))["session_id"])
    return made


async def test_a_list_tells_what_it_can_and_reading_a_row_of_it_asks_once_less() -> None:
    async with workspace() as (target, sandbox):
        session = await deliver(target, TALK)
        async for page in target.walk(mig.CONVERSATION, None):
            (row,) = page.rows
            assert (row.target_id, row.whole, list(row.sources)) == (session, False, [THREAD])
            before = sandbox.requests
            present = await target.read(mig.CONVERSATION, session)
            assert sandbox.requests - before == 2  # its messages, and that there are no others
            assert present is not None
            assert present.whole
            assert present.links["contact"] == sandbox.state()["conversations"][0]["people_id"]
        before = sandbox.requests
        await target.read(mig.CONVERSATION, session)
        assert sandbox.requests - before == 3


@pytest.mark.parametrize("included", ["no", "yes"])
@pytest.mark.parametrize("page", ["5", "7", "40"])
async def test_pages_of_messages_lose_and_double_none(page: str, included: str) -> None:
    many = thread(*(said(f"m{n:03}", n // 4, f"text {n}", side="out" if n % 3 else "in") for n in range(60)))
    long = said("n", 30, "word " * 300)
    async with workspace({"message_page": page, "mark_included": included}) as (target, _):
        await deliver(target, [*many, long])


@pytest.mark.parametrize("included", ["no", "yes"])
@pytest.mark.parametrize("page", ["5", "7"])
async def test_long_texts_of_one_millisecond_are_read_in_their_order(page: str, included: str) -> None:
    texts = [said("m0", 5, "short"), *(said(f"m{n}", 5, f"{n} word " * 60) for n in range(1, 3))]
    async with workspace({"message_page": page, "mark_included": included}) as (target, _):
        await deliver(target, thread(said("a", 1, "before"), *texts, said("z", 9, "after")))


Hurt = Callable[[dict[str, Any]], dict[str, Any]]
HURTS: dict[str, tuple[str, Hurt]] = {
    "text": ("m1", lambda row: {"content": row["content"] + "."}),
    "side": ("m1", lambda row: {"from": "operator"}),
    "channel": ("m1", lambda row: {"origin": "email"}),
    "sent_at": ("m1", lambda row: {"timestamp": row["timestamp"] + 1}),
    "author": ("m3", lambda row: {"user": {**row["user"], "nickname": "Somebody"}}),
    "automated": ("m3", lambda row: {"automated": False}),
    "extra.type": ("m1", lambda row: {"type": "note"}),
    "extra.original": ("m1", lambda row: {"original": {"original_id": "x"}}),
    "custom.more": ("m1", lambda row: {"properties": {**row["properties"], "more": 1}}),
    "mentions": ("m1", lambda row: {"mentions": ["x"]}),
    "read": ("m1", lambda row: {"read": ""}),
    "extra.stealth": ("m3", lambda row: {"stealth": False}),
    "extra.redaction": ("m3/0", lambda row: {"content": "[Nothing was redacted.]"}),
    "extra.from": ("m3/0", lambda row: {"from": "user"}),
    "parts": ("m2/2", lambda row: {"user": {"nickname": "Another"}}),
    "translated": ("m1", lambda row: {"translated": True}),
}


@pytest.mark.parametrize("field", sorted(HURTS))
async def test_no_damage_to_a_message_stays_unseen(field: str) -> None:
    where, hurt = HURTS[field]
    name, _, part = where.partition("/")
    async with workspace() as (target, sandbox):
        session = await deliver(target, TALK)
        unit = _unit(target, TALK)
        rows = sandbox.state()["conversations"][0]["messages"]
        row = next(row for row in rows if _mark(row) == (f"message/{name}", int(part or 1)))
        sandbox.alter_message(session, row["fingerprint"], **hurt(row))
        assert field in await _wrong(target, unit, session)


async def test_what_is_lost_or_doubled_or_of_others_is_told() -> None:
    async with workspace() as (target, sandbox):
        session = await deliver(target, TALK)
        unit = _unit(target, TALK)
        rows = {_mark(row): row for row in sandbox.state()["conversations"][0]["messages"]}
        sandbox.repeat_message(session, rows["message/m1", 1]["fingerprint"])
        sandbox.drop_message(session, rows["message/m2", 2]["fingerprint"])
        sandbox.answer_by_hand(session, "a human")
        present = await target.read(mig.CONVERSATION, session)
        assert present is not None
        assert [record.ref.id for record in present.records].count("m1") == 2
        assert present.foreign == 1
        assert "parts" in await _wrong(target, unit, session)
        message = rows["message/m3", 1]
        number = {**message["properties"], "source_part": 2}
        sandbox.alter_message(session, message["fingerprint"], properties=number)
        assert "mark" in await _wrong(target, unit, session)
        other = {**message["properties"], "source": "kustomer:another"}
        sandbox.alter_message(session, message["fingerprint"], properties=other)
        present = await target.read(mig.CONVERSATION, session)
        assert present is not None
        assert present.foreign == 2


METAS: dict[str, dict[str, Any]] = {
    "extra.nickname": {"nickname": "Nobody"},
    "extra.email": {"email": "other@example.org"},
    "extra.phone": {"phone": "+1"},
    "extra.origin": {"origin": "email"},
    "title": {"subject": "Another"},
    "tags": {"segments": ["mig", "stray"]},
    "extra.segment": {"segments": []},
}


@pytest.mark.parametrize("field", sorted(METAS))
async def test_no_damage_to_a_conversation_stays_unseen(field: str) -> None:
    async with workspace() as (target, sandbox):
        session = await deliver(target, TALK)
        sandbox.alter_meta(session, **METAS[field])
        assert field in await _wrong(target, _unit(target, TALK), session)


async def test_state_routing_inbox_and_data_are_compared() -> None:
    async with workspace() as (target, sandbox):
        session = await deliver(target, TALK)
        data = sandbox.state()["conversations"][0]["meta"]["data"]
        sandbox.alter_conversation(session, state="pending", assigned=None, inbox_id="x")
        assert await _wrong(target, _unit(target, TALK), session) == {"status", "extra.assigned", "extra.inbox"}
        for key in data:
            if key not in ("source", "source_id"):
                sandbox.alter_meta(session, data={**data, key: "else"})
                wrong = await _wrong(target, _unit(target, TALK), session)
                assert wrong & {f"extra.data.{key}", f"custom.{key}"}, key


async def test_files_are_read_back_and_what_is_gone_is_said() -> None:
    async with workspace() as (target, _):
        session = await deliver(target, TALK)
        signed = await target._uploads._signed("a.txt", "text/plain", "upload")
        async with target._downloads._outside.get(signed["url"]["resource"]) as answer:
            assert answer.status == 404
        ref = Ref(mig.ATTACHMENT, "f")
        gone = mig.Attachment(ref=ref, url=signed["url"]["resource"])
        with pytest.raises(mig.Lost, match="gone"):
            async with target.open_file(gone):
                pass
        with pytest.raises(mig.Lost, match="names an address"):
            async with target.open_file(mig.Attachment(ref=ref)):
                pass
        with pytest.raises(mig.Lost):
            async with target.open_file(mig.Attachment(ref=ref, url="https://127.0.0.1/x")):
                pass
        assert session


async def test_the_law_sees_an_expectation_that_does_not_hold() -> None:
    class Mistaken(CrispTarget):
        def expect(self, unit: mig.Unit, look: mig.Lookup) -> mig.Expected:
            found = super().expect(unit, look)
            return mig.Expected(list(reversed(found.records)))

    async with workspace() as (target, _):
        parts = (target._settings, target._client, target._office, target._people, target._uploads, target._check)
        with pytest.raises(Broken, match="expected"):
            await deliver(Mistaken(*parts, target._downloads, SystemClock()), TALK)


def _mark(row: dict[str, Any]) -> tuple[str, int]:
    properties = row["properties"]
    return str(properties.get("source_id")), int(properties.get("source_part", -1))


def _unit(target: CrispTarget, records: list[mig.Record]) -> mig.Unit:
    mapper = CrispMapper(target._settings)
    decided = [mapper.map(record, LOOK) for record in records]
    mapped = [one.record for one in decided if one is not None and one.fate is mig.Fate.LOAD]
    return mig.Unit(mig.UnitKey("conversation:c1"), mapped, ORIGIN)


async def _wrong(target: CrispTarget, unit: mig.Unit, session: str) -> set[str]:
    """The fields that differ, and those of flaws."""
    present = await target.read(mig.CONVERSATION, session)
    assert present is not None
    there = {record.ref: record for record in present.records}
    keeps = target.capabilities.keeps
    wrong = {flaw.field for flaw in present.flaws}
    for record in target.expect(unit, LOOK).records:
        if record.ref in there:
            wrong |= {one.field for one in mig.differences(record, there[record.ref], keeps, NORMALS)}
    return wrong
