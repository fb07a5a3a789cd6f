"""One simulation from a seed: what goes wrong, what changes meanwhile, and whether everything arrived all the same."""

from __future__ import annotations

import asyncio
import copy
import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from help_made import ARTICLES
from judge import judge
from mig.engine import live
from sim_loop import in_virtual_time
from sim_net import FATES, Weather
from sim_world import Plan, World, comparable

_STORMS = ("429", "420", "5xx", "unreachable", "gateway", "hang", "lost", "dropped", "garbled")
_SOURCE = tuple(fate for fate in FATES if fate not in ("420", "late", "dropped"))
"""Reading has no effect that could come late; 420 is the target's."""


@dataclass
class Ended:
    """How a simulation ended."""

    problems: list[str]
    told: list[str]
    """Its story, to be read when there are problems."""
    runs: int
    crashes: int
    fates: dict[str, int]
    orphans: int
    doubled: int = 0
    lost: int = 0
    notified: int = 0
    mailed: int = 0
    """Operators, about a thread that was cut off for longer than three minutes."""


def simulate(seed: int, state: str = "sqlite://") -> Ended:
    """Live through what follows from a seed, in virtual time; the same seed is the same story.

    Args:
        seed: Which.
        state: The journal's URL.
    """
    with _seldom_told():
        return in_virtual_time(_story(seed, state))


def crashed_at(point: int, state: str = "sqlite://", helpdesk: str = "locale") -> tuple[Ended, bool]:
    """A migration in fair weather that dies at its n-th point, and what the next run makes of it.

    Args:
        point: Which.
        state: The journal's URL.
        helpdesk: The interface of the help centre.

    Returns:
        How it ended, and whether the first run met so many points.
    """

    async def story() -> tuple[Ended, bool]:
        world = World(_small(helpdesk), state)
        died = await world.run(Weather(), Weather(), crash_at=point) is None
        return await _judged(world, undisturbed), died

    undisturbed = _undisturbed(helpdesk)  # the source does not change: it is the same for every point
    with _seldom_told():
        return in_virtual_time(story())


def _small(helpdesk: str) -> Plan:
    """One customer, and a few articles that link to one another in several languages."""
    return Plan(seed=3, customers=1, switches={"helpdesk": helpdesk}, linked_help=("pay", "refund", "soon"))


@functools.cache
def _undisturbed(helpdesk: str) -> dict[str, Any]:
    async def story() -> dict[str, Any]:
        return await World(_small(helpdesk)).expected()

    with _seldom_told():
        return in_virtual_time(story())


@contextmanager
def _seldom_told() -> Iterator[None]:
    """Progress is told every two seconds, which are very many in hours of virtual time."""
    before, live.LOOK_S = live.LOOK_S, 600.0
    try:
        yield
    finally:
        live.LOOK_S = before


def plan_of(seed: int) -> Plan:
    """What of a simulation is settled before it begins."""
    dice = random.Random(f"plan {seed}")
    return Plan(
        seed=seed,
        customers=dice.choice((2, 3, 3, 4)),
        switches={
            "reopen": dice.choice(("user", "any")),
            "edit": dice.choice(("chat", "any")),
            "mark_included": dice.choice(("yes", "no")),
            "message_page": str(dice.choice((3, 40))),
            "bind": dice.choice(("create", "existing")),
            **_help_of(seed),
        },
        source_switches={"lag": str(dice.choice((0, 0, 30))), "shift": str(dice.choice((0, 3)))},
        limits=dice.choice(("plan=plus", "plan=plus", "plan=mini", "plan=plus,quota=200")),
        skew_s=dice.choice((0.0, 0.0, -300.0, 240.0)),
        lanes=dice.choice((1, 3, 6)),
        window=dice.choice((1, 5, 16)),
        settings=_settings_of(seed),
        linked_help=tuple(ARTICLES) if random.Random(f"help centre {seed}").random() < 0.5 else (),
    )


def _settings_of(seed: int) -> dict[str, Any]:
    """As they are by default; of seeds from 5000 on some other way of telling each thing."""
    dice = random.Random(f"settings {seed}")
    if seed < 5000:
        return {}
    rule = {"how": "transcript", "closed_before": dice.choice(("2026-06-01T00:00:00Z", "2026-09-30T00:00:00Z"))}
    return {
        "contacts_without_email": dice.choice(("archive", "placeholder")),
        "notes": dice.choice(("thread", "contact", "both")),
        "custom_objects": dice.choice(("archive", "events")),
        "teams": dice.choice(("archive", "create")),
        "outbound_only": dice.choice(("note_from_user", "as_is")),
        "internal_articles": dice.choice(("draft", "archive")),
        "history": [rule] if dice.random() < 0.5 else [],
        "max_text": dice.choice((40, 2_000)),
        "max_transcript": dice.choice((300, 10_000)),
        "spread_ties": dice.random() < 0.3,
        "escape_markdown": dice.random() < 0.3,
        "stealth_user_messages": dice.random() < 0.3,
        "rating_notes": dice.random() < 0.7,
        "language": dice.choice(("en", "de")),
    }


def _help_of(seed: int) -> dict[str, str]:
    """Which interface the help centre has, and how it answers what is not known of it."""
    dice = random.Random(f"help {seed}")
    return {
        "helpdesk": dice.choice(("locale", "tree", "tree")),
        "helpdesk_page": dice.choice(("3", "20")),
        "tree_exists": dice.choice(("conflict", "accept")),
        "tree_refresh": dice.choice(("yes", "no")),
    }


async def _story(seed: int, state: str) -> Ended:
    dice = random.Random(f"story {seed}")
    world = World(plan_of(seed), state)
    for _ in range(dice.randint(1, 4)):
        source, target = _weather(dice, _SOURCE), _weather(dice, FATES)
        how: dict[str, Any] = dice.choice(
            (
                {"crash_at": int(dice.triangular(1, 500, 60))},
                {"die_at_s": dice.uniform(1, 150)},
                {"stop_at_s": dice.uniform(1, 100)},
                {"revoke_at_s": dice.uniform(1, 60)},
                {},
            )
        )
        world.told.append(f"target: {target}; source: {source}; {how}")
        await world.run(source, target, **how)
        world.live_on(dice.randint(0, 3))
        if dice.random() < 0.3:
            world.answer_in_target()
        if dice.random() < 0.2:
            world.rewrite_in_target()
    return await _judged(world)


async def _judged(world: World, undisturbed: dict[str, Any] | None = None) -> Ended:
    """Settle it, and compare with one undisturbed migration: that one, or one of the source as it is now."""
    await asyncio.sleep(60.0)  # what changed last must show in searches
    report = await world.finish()
    problems = [f"{kind} {name} was quarantined: {why}" for kind, name, why in report.failures]
    problems += [f"{kind} was not readable: {why}" for kind, why in report.unreadable.items()]
    problems += judge([msgspec.to_builtins(write) for write in world.workspace.writes], report.orphans)
    pending = {kind: count.pending for kind, count in report.kinds.items() if count.pending}
    problems += [f"{kind}: {count} pending" for kind, count in pending.items()]
    if report.doubtful:
        problems.append(f"{report.doubtful} operations are in doubt after a complete run")
    writes = len(world.workspace.writes)
    await world.finish()
    world.journal.close()
    if len(world.workspace.writes) != writes:
        problems.append(f"a run with nothing to do wrote {len(world.workspace.writes) - writes} times")
    notices = world.workspace.notifications()["counts"]
    said = {"unread"} | ({"people_event"} if world.plan.settings.get("custom_objects") == "events" else set())
    end_users = {kind: count for kind, count in notices.items() if count and kind not in said}
    problems += [f"notified: {kind} {count}" for kind, count in end_users.items()]
    found, wanted = comparable(world.workspace), copy.deepcopy(undisturbed) or await world.expected()
    noted = {name for name, thread in wanted["threads"].items() if _is_noted(name, thread)}
    for source_id in world.edited | noted:  # what the API does not edit is said anew: the last of its millisecond
        for side in (found, wanted):
            side["threads"].get(source_id, {"messages": []})["messages"].sort(key=_moment)
    sessions = world.workspace.desk.sessions.live
    answered = {str(sessions[name].metas["data"]["source_id"]) for name in world.answered if name in sessions}
    for source_id in answered:  # the desk works in it: its state is theirs
        for side in (found, wanted):
            side["threads"].get(source_id, {}).pop("state", None)
    for name, text in world.rewritten.items():  # theirs, too
        there = found["help"].get(name) or {}
        if there and there["content"] != text:
            problems.append(f"{name}: what somebody wrote is not there any more")
        for side in (found, wanted):
            side["help"].pop(name, None)
    problems += _differences(found, wanted)
    return Ended(
        problems=problems,
        told=world.told,
        runs=world.runs,
        crashes=world.crashes,
        fates=dict(world.fates),
        orphans=report.orphans,
        doubled=len(found["doubled"]),
        lost=len(set(wanted["threads"]) - set(found["threads"])),
        notified=sum(end_users.values()),
        mailed=notices.get("unread", 0),
    )


def _is_noted(name: str, thread: dict[str, Any]) -> bool:
    """Whether it is told as one note, whose parts are all of one millisecond."""
    return any(row["properties"]["source_id"] == f"conversation/{name}" for row in thread["messages"])


def _moment(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["timestamp"], row["properties"]["source_id"], row["properties"]["source_part"])


def _weather(dice: random.Random, fates: tuple[str, ...]) -> Weather:
    chosen = dice.sample(fates, dice.randint(0, 4))
    rates = {fate: dice.choice((0.01, 0.03, 0.08)) for fate in chosen}
    if dice.random() < 0.7:
        return Weather(rates)
    storm = dice.choice([fate for fate in _STORMS if fate in fates])
    return Weather(rates, storm=storm, every_s=dice.uniform(20, 90), lasts_s=dice.uniform(2, 12))


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Where two end states differ, each difference by its record and field, and never by a page of JSON."""
    told = [f"{source} stands twice" for source in found["doubled"]]
    for what in ("people", "threads", "help"):
        ours, theirs = found[what], wanted[what]
        told += [f"{what} {name} is missing" for name in theirs.keys() - ours.keys()]
        told += [f"{what} {name} is there and should not be" for name in ours.keys() - theirs.keys()]
        for name in theirs.keys() & ours.keys():
            told += _fields(f"{what} {name}", ours[name], theirs[name])
    return told


def _fields(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    told = []
    for field in theirs.keys() | ours.keys():
        a, b = ours.get(field), theirs.get(field)
        if a == b:
            continue
        if field == "messages":
            told += _messages(name, a or [], b or [])
        else:
            told.append(f"{name} {field}: {str(a)[:200]} for {str(b)[:200]}")
    return told


def _messages(name: str, ours: list[Any], theirs: list[Any]) -> list[str]:
    ids, wanted = (
        [(m["properties"]["source_id"], m["properties"]["source_part"]) for m in rows] for rows in (ours, theirs)
    )
    if ids != wanted:
        missing, more = set(wanted) - set(ids), set(ids) - set(wanted)
        return [f"{name}: messages missing {sorted(missing)}, too many {sorted(more)}, or in another order"]
    return [
        f"{name} {row['properties']['source_id']} {field}: {str(row.get(field))[:99]} for {str(other.get(field))[:99]}"
        for row, other in zip(ours, theirs, strict=True)
        for field in other.keys() | row.keys()
        if row.get(field) != other.get(field)
    ]
