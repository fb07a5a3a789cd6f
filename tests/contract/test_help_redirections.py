"""A redirection whose target changes: one stands at its address, and the older address leads on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import mig
from mig.clock import SystemClock
from mig.settings import platform_settings
from mig_crisp.sandbox import spec
from mig_crisp.settings import CrispSettings
from mig_crisp.target import CrispTarget, open_target

OLD, NEW = "https://help.example/en/refunds/", "https://help.acme.example/en/refunds/"


@asynccontextmanager
async def workspace() -> AsyncIterator[tuple[CrispTarget, Any]]:
    async with spec.serve(mig.SandboxOptions(switches={"helpdesk": "tree"})) as running:
        environment = {**running.environment, "CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        clock = SystemClock()
        given = platform_settings(CrispSettings, "crisp", {}, environment)
        async with open_target(given, mig.Access(clock=clock, budgets=mig.Budgets(clock))) as target:
            yield target, running.control


def call(path: str, target: str) -> mig.Call:
    body = {"path": path, "target": target}
    operation = mig.Operation(name="redirect/a", verb="help.redirect", effect=mig.Effect.CREATE, body=body)
    return mig.Call(mig.UnitKey("article:a"), operation, body)


def standing(control: Any) -> dict[str, str]:
    return {one["path"]: one["target"] for one in control.state()["helpdesk"]["redirections"]}


async def test_one_whose_target_changed_leads_there() -> None:
    async with workspace() as (target, control):
        (first,) = await target.send([call("/refunds", OLD)])
        second = await target.revise(call("/refunds", NEW), first)
        assert standing(control) == {"/refunds": NEW}
        assert await target.undo("redirect/a", "help.redirect", second)
        assert standing(control) == {}


async def test_an_older_address_stays_and_goes_with_the_newer() -> None:
    async with workspace() as (target, control):
        (first,) = await target.send([call("/refunds", OLD)])
        second = await target.revise(call("/money-back", OLD), first)
        third = await target.revise(call("/money-back", NEW), second)
        assert standing(control) == {"/refunds": OLD, "/money-back": NEW}
        assert await target.undo("redirect/a", "help.redirect", third)
        assert standing(control) == {}


async def test_one_that_somebody_made_is_not_taken_away() -> None:
    async with workspace() as (target, control):
        (first,) = await target.send([call("/refunds", OLD)])
        control.add_redirection_by_hand("/money-back", "https://help.example/theirs/")
        with pytest.raises(mig.Rejected):
            await target.revise(call("/money-back", NEW), first)
        assert standing(control) == {"/refunds": OLD, "/money-back": "https://help.example/theirs/"}


async def test_said_again_after_a_kill_it_is_the_same() -> None:
    async with workspace() as (target, control):
        (first,) = await target.send([call("/refunds", OLD)])
        await target.revise(call("/refunds", NEW), first)  # done, and nothing recorded it
        again = await target.revise(call("/refunds", NEW), first)
        assert standing(control) == {"/refunds": NEW}
        assert await target.undo("redirect/a", "help.redirect", again)
        assert standing(control) == {}
        removed = await target.revise(call("/refunds", NEW), first)  # killed between the two: there is none
        assert standing(control) == {"/refunds": NEW}
        assert removed.values["id"] != first.values["id"]


async def test_a_doubtful_birth_is_not_somebody_elses() -> None:
    async with workspace() as (target, control):
        control.add_redirection_by_hand("/refunds", "https://help.example/theirs/")
        assert await target.find([call("/refunds", OLD)]) == {}
        control.add_redirection_by_hand("/ours", OLD)
        assert len(await target.find([call("/ours", OLD)])) == 1
