"""The conformance laws on the Crisp target: what was sent to the sandbox is what is read back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mig
from mig.clock import SystemClock
from mig.settings import platform_settings
from mig.testing.conformance import Broken, Records, check_unit
from mig_crisp.keeps import NORMALS
from mig_crisp.mapping import CrispMapper
from mig_crisp.sandbox import spec
from mig_crisp.settings import CrispSettings
from mig_crisp.target import CrispTarget, open_target

ORIGIN = "kustomer:org"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def words(**how: Any) -> st.SearchStrategy[str]:
    desk = st.sampled_from(
        [
            "",
            " ",
            "Hello",
            "<script>alert(1)</script>",
            "שלום",
            "مرحبا",
            "👨‍👩‍👧 ok",
            "a\0b",
            "**x** __y__",
            "line\n\nline",
            "x" * 5000,
        ]
    )
    return desk | st.text(**how)


times = st.integers(0, 50_000).map(lambda ms: NOON + timedelta(milliseconds=ms))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words(max_size=8), inner, max_size=3),
    max_leaves=6,
)
customs = st.dictionaries(st.text(min_size=1, max_size=20), json_values, max_size=4)
tags = st.lists(st.integers(0, 4), max_size=3, unique=True).map(lambda ns: [mig.Ref(mig.TAG, f"t{n}") for n in ns])


@st.composite
def threads(draw: st.DrawFn) -> list[mig.Record]:
    root = mig.Ref(mig.CONVERSATION, "64f0c0de5a1b2c3d4e5f6071")
    records: list[mig.Record] = [
        mig.Conversation(
            ref=root,
            title=draw(words(max_size=40)),
            status=draw(st.sampled_from(["open", "snoozed", "done"])),
            channels=draw(st.lists(st.sampled_from(["chat", "email", "sms"]), max_size=2, unique=True)),
            priority=draw(st.none() | st.integers(1, 5)),
            tags=draw(tags),
            external_id=draw(st.text(alphabet="abc-123", max_size=10)),
            created_at=draw(times),
            custom=draw(customs),
        )
    ]
    for n in range(draw(st.integers(1, 5))):
        name, when = f"m{n}", draw(times)
        if draw(st.booleans()):
            records.append(
                mig.Message(
                    ref=mig.Ref(mig.MESSAGE, name),
                    conversation=root,
                    sent_at=when,
                    side=draw(st.sampled_from(["in", "out"])),
                    channel=draw(st.sampled_from(["chat", "email", "whatsapp", "carrier-pigeon"])),
                    text=draw(words()),
                    subject=draw(words(max_size=20)),
                    automated=draw(st.booleans()),
                    redacted=draw(st.booleans()),
                    custom=draw(customs),
                )
            )
        else:
            records.append(
                mig.Note(ref=mig.Ref(mig.NOTE, name), conversation=root, written_at=when, text=draw(words()))
            )
        for file in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            records.append(
                mig.Attachment(
                    ref=mig.Ref(mig.ATTACHMENT, f"f{n}-{file}"),
                    parent=records[-1 - file].ref,
                    created_at=draw(st.none() | times),
                    name=draw(st.sampled_from(["", "a.png", "b](c).txt", "../../etc/passwd"]) | st.text(max_size=200)),
                    mime=draw(st.sampled_from(["", "image/png", "text/plain; charset=utf-8", "nonsense"])),
                    redacted=draw(st.sampled_from([False, False, True])),
                    url=f"https://files.example.org/{n}-{file}",
                )
            )
    if draw(st.booleans()):
        records.append(
            mig.Rating(
                ref=mig.Ref(mig.RATING, "r"),
                conversation=root,
                at=draw(st.none() | times),
                rating=draw(st.none() | st.integers(0, 10).map(float)),
                score=draw(st.none() | st.sampled_from([0.0, 1.0, 87.5])),
                comment=draw(words(max_size=60)),
            )
        )
    return records


@st.composite
def contacts(draw: st.DrawFn) -> mig.Contact:
    number = draw(st.integers(0, 10**9))
    return mig.Contact(
        ref=mig.Ref(mig.CONTACT, f"c{number}"),
        name=draw(words(max_size=30)),
        emails=[
            mig.Address(value=f"{name}{number}@example.org")
            for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
        ],
        phones=[
            mig.Address(value=v)
            for v in draw(st.lists(st.sampled_from(["+4915112345678", "9999999999"]), max_size=2, unique=True))
        ],
        tags=draw(tags),
        gender=draw(st.sampled_from(["", "male", "female"])),
        locale=draw(st.sampled_from(["", "en_us", "de"])),
        time_zone=draw(st.sampled_from(["", "Europe/Berlin"])),
        birthday=draw(st.none() | times),
        last_active_at=draw(st.none() | times),
        custom=draw(customs),
    )


@asynccontextmanager
async def workspace(**wanted: Any) -> AsyncIterator[CrispTarget]:
    limits = "plan=free" if wanted.get("plan") == "free" else ""
    async with spec.serve(mig.SandboxOptions(limits=limits)) as running:
        environment = {**running.environment, "CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        given_settings = platform_settings(CrispSettings, "crisp", wanted, environment)
        clock = SystemClock()
        async with open_target(given_settings, mig.Access(clock=clock, budgets=mig.Budgets(clock))) as target:
            yield target


def mapped(records: list[mig.Record], look: mig.Lookup, **wanted: Any) -> list[mig.Record]:
    access = {"identifier": "i", "key": "k", "website_id": "w"}
    mapper = CrispMapper(platform_settings(CrispSettings, "crisp", {**access, **wanted}, {}))
    decisions = [mapper.map(record, look) for record in records]
    return [d.record for d in decisions if d is not None and d.fate is mig.Fate.LOAD]


def placed(target: CrispTarget, records: list[mig.Record]) -> list[mig.Record]:
    """In the engine's order: each file behind the message it hangs on."""
    root, *others = records
    said = [record for record in others if not isinstance(record, mig.Attachment)]
    found = [root]
    for record in sorted(said, key=lambda record: target.place(record).order):
        files = [one for one in others if isinstance(one, mig.Attachment) and one.parent == record.ref]
        found += [record, *sorted(files, key=lambda file: target.place(file).order)]
    return found


LOOK = Records([mig.Tag(ref=mig.Ref(mig.TAG, f"t{n}"), name=f"tag {n}") for n in range(4)])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(threads())
async def test_a_thread_is_read_back_as_it_was_sent(tmp_path: Path, records: list[mig.Record]) -> None:
    (tmp_path / "bytes").write_bytes(b"bytes")
    files = {record.ref: tmp_path / "bytes" for record in records if not record.ref.id.endswith("-1")}
    async with workspace() as target:
        await check_unit(
            target,
            mig.Unit(mig.UnitKey("conversation:x"), placed(target, mapped(records, LOOK)), ORIGIN),
            LOOK,
            NORMALS,
            files=files,
        )


@pytest.mark.parametrize(
    "wanted",
    [
        {"notes": "contact"},
        {"notes": "both", "language": "de"},
        {"escape_markdown": True, "max_text": 60, "language": "fr"},
        {"spread_ties": True, "max_text": 60},
        {"plan": "free", "language": "es"},
        {"files": "link"},
        {"stealth_user_messages": True, "outbound_only": "as_is"},
        {"history": [{"how": "transcript"}], "max_transcript": 200, "language": "pt"},
    ],
    ids=str,
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(threads())
async def test_a_thread_is_read_back_under_other_settings(
    tmp_path: Path, wanted: dict[str, Any], records: list[mig.Record]
) -> None:
    (tmp_path / "bytes").write_bytes(b"bytes")
    files = {record.ref: tmp_path / "bytes" for record in records if not record.ref.id.endswith("-1")}
    async with workspace(**wanted) as target:
        unit = mig.Unit(mig.UnitKey("conversation:x"), placed(target, mapped(records, LOOK, **wanted)), ORIGIN)
        await check_unit(target, unit, LOOK, NORMALS, files=files)


@settings(max_examples=60, deadline=None)
@given(contacts())
async def test_a_contact_is_read_back_as_it_was_sent(contact: mig.Contact) -> None:
    async with workspace() as target:
        await check_unit(target, mig.Unit(mig.UnitKey("contact:x"), mapped([contact], LOOK), ORIGIN), LOOK, NORMALS)


async def test_the_law_can_be_broken() -> None:
    root = mig.Ref(mig.CONVERSATION, "c")
    message = mig.Message(ref=mig.Ref(mig.MESSAGE, "m"), conversation=root, sent_at=NOON, text="hello")

    class Forgetful(CrispTarget):
        async def read(self, kind: mig.Kind, target_id: str) -> mig.Present | None:
            present = await super().read(kind, target_id)
            assert present is not None
            changed = [
                msgspec.structs.replace(r, text="helo") if isinstance(r, mig.Message) else r for r in present.records
            ]
            return msgspec.structs.replace(present, records=changed)

    async with workspace() as target:
        parts = (target._settings, target._client, target._office, target._people, target._uploads, target._check)
        broken = Forgetful(*parts, target._downloads, SystemClock())
        unit = mig.Unit(mig.UnitKey("conversation:c"), [mig.Conversation(ref=root, status="open"), message], ORIGIN)
        with pytest.raises(Broken, match="message/m text"):
            await check_unit(broken, unit, LOOK, NORMALS)
