"""A notepad is read, changed and written back: where reads lag, nothing that stands there is written over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mig
from mig.clock import SystemClock
from mig.settings import platform_settings
from mig_crisp.marks import born_from
from mig_crisp.notepad import blocks_of
from mig_crisp.sandbox import spec
from mig_crisp.settings import CrispSettings
from mig_crisp.target import CrispTarget, open_target

EMAIL = "ada@mail.example"
MARK = "[mig kustomer:5f693e804da4f9fc3c6da5d7 contact/65462416b81a6916c70000a0]"
NOTES = [f"2024-0{n}-01T10:00:00.000+00:00 Ada ({n:024x}):\nnote {n}" for n in (1, 2)]


@asynccontextmanager
async def workspace() -> AsyncIterator[tuple[Any, CrispSettings]]:
    async with spec.serve(mig.SandboxOptions(switches={"read_lag": "1"})) as running:
        environment = {**running.environment, "CRISP_READ_LAG_S": "1", "CRISP_DAILY_QUOTA": "0"}
        yield running.control, platform_settings(CrispSettings, "crisp", {}, environment)


@asynccontextmanager
async def process(given: CrispSettings) -> AsyncIterator[CrispTarget]:
    clock = SystemClock()
    async with open_target(given, mig.Access(clock=clock, budgets=mig.Budgets(clock))) as target:
        yield target


def call(name: str, verb: str, effect: mig.Effect, body: dict[str, Any]) -> mig.Call:
    operation = mig.Operation(name=name, verb=verb, effect=effect, body=body)
    return mig.Call(mig.UnitKey("contact:a"), operation, body)


def birth() -> mig.Call:
    return call(
        "profile",
        "people.create",
        mig.Effect.CREATE,
        {"profile": {"email": EMAIL, "person": {"nickname": "Ada"}, "notepad": MARK}},
    )


def note(people_id: str, line: str) -> mig.Call:
    return call("notepad", "people.note", mig.Effect.PUT, {"people_id": people_id, "line": line})


def notepad(control: Any) -> str:
    (one,) = [one for one in control.state()["people"] if one["email"] == EMAIL]
    return str(one["notepad"])


async def test_the_first_note_leaves_the_mark_of_birth() -> None:
    async with workspace() as (control, given), process(given) as target:
        (born,) = await target.send([birth()])
        for line in NOTES:
            await target.send([note(born.values["id"], line)])
        assert blocks_of(notepad(control)) == NOTES
        assert born_from(notepad(control)) is not None


async def test_the_first_note_of_a_run_leaves_what_the_one_before_wrote() -> None:
    async with workspace() as (control, given):
        async with process(given) as target:
            (born,) = await target.send([birth()])
            await target.send([note(born.values["id"], NOTES[0])])
        async with process(given) as target:  # at once, as after a kill
            await target.send([note(born.values["id"], NOTES[1])])
        assert blocks_of(notepad(control)) == NOTES
        assert born_from(notepad(control)) is not None
