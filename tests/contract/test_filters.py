"""Each filter, alone and in pairs: what is selected is what the organisation's own rows say, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import mig
from desk_process import Sandbox, serving
from desk_selection import SOCIAL, Ids, Selection, Wanted, related
from mig.cli.scope import read_scope
from mig.clock import SystemClock
from mig.engine.run import Run, go
from mig.journal import selection
from mig.journal.schema import record
from mig.journal.store import Journal
from mig.plugins import Registry
from mig.settings import EngineSettings, platform_settings
from mig_kustomer.narrow import Narrow

FILTERS = ("only", "since", "until", "agent", "customer", "channel", "tag", "limit")
TIGHT = {"KUSTOMER_LIST_CAP": "45", "KUSTOMER_LIST_PAGE": "5", "KUSTOMER_SEARCH_PAGE": "15"}
PAIRS = [*((one,) for one in FILTERS), *itertools.combinations(FILTERS, 2)]


@pytest.fixture(scope="module")
def desks() -> Iterator[tuple[Sandbox, Sandbox]]:
    with serving("kustomer", "--generate", "70", "--seed", "12") as source, serving("crisp") as target:
        yield source, target


@pytest.fixture(scope="module")
def rows(desks: tuple[Sandbox, Sandbox]) -> dict[str, dict[str, Any]]:
    return rows_of(desks[0])


@pytest.fixture(scope="module")
def tight() -> Iterator[tuple[Sandbox, Sandbox]]:
    """A desk that shows so little of a list or a search that whole conversations do not fit in."""
    options = ("--generate", "70", "--seed", "7", "--switch", f"cap={TIGHT['KUSTOMER_LIST_CAP']}")
    with serving("kustomer", *options) as source, serving("crisp") as target:
        yield Sandbox(source.url, {**source.environment, **TIGHT}), target


def rows_of(desk: Sandbox) -> dict[str, dict[str, Any]]:
    """The organisation's own rows, by kind and id."""
    found: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, desk.lines("dataset")):
        resource = line["resource"]
        if "id" not in resource:
            continue  # the outbound accounts
        if not resource["attributes"].get("deleted") or line["kind"] in ("tags", "users", "teams", "notes"):
            found.setdefault(line["kind"], {})[str(resource["id"])] = resource
    return found


class Values:
    """A value for every filter, such that none of them selects nothing or everything."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        conversations = rows["conversations"].values()
        created = sorted(row["attributes"]["createdAt"] for row in conversations)
        self.since, self.until = created[len(created) // 3], created[len(created) * 2 // 3]
        users = Counter(one for row in conversations for one in row["attributes"].get("assignedUsers") or ())
        self.agent = users.most_common()[0][0]
        self.mail = rows["users"][self.agent]["attributes"]["email"]
        named = (one for row in conversations for one in row["attributes"].get("tags") or ())
        tags = Counter(one for one in named if one in rows["tags"])
        self.tag = tags.most_common()[0][0]
        self.tag_name = rows["tags"][self.tag]["attributes"]["name"]
        people = Counter(
            ((row["relationships"].get("customer") or {}).get("data") or {}).get("id") for row in conversations
        )
        self.customers = [one for one, _ in people.most_common(6) if one in rows["customers"]]

    def option(self, name: str) -> tuple[str, Any]:
        """What stands on the command line."""
        values: dict[str, Any] = {
            "only": ("conversation",),
            "since": self.since,
            "until": self.until,
            "agent": (self.mail,),
            "customer": (",".join(self.customers),),
            "channel": ("social,email",),
            "tag": (self.tag_name,),
            "limit": 9,
        }
        return name, values[name]

    def wanted(self, names: tuple[str, ...]) -> Wanted:
        """What it means."""
        given = {
            "only": {"conversation"},
            "since": self.since,
            "until": self.until,
            "agent": {self.agent},
            "customer": set(self.customers),
            "channel": {*SOCIAL, "email"},
            "tag": {self.tag},
            "limit": 9,
        }
        return Wanted(**{name: given[name] for name in names})


@pytest.fixture(scope="module")
def wide(desks: tuple[Sandbox, Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that has read everything before."""
    path = tmp_path_factory.mktemp("wide") / "mig.db"
    asyncio.run(planned(desks, path, mig.Scope()))
    return path


async def planned(desks: tuple[Sandbox, Sandbox], path: Path, scope: mig.Scope) -> Ids:
    """Plan with a filter. Returns: the ids of every record it selected, by kind."""
    registry, clock = Registry(), SystemClock()
    source, target = registry.source("kustomer"), registry.target("crisp")
    environment = {**desks[0].environment, **desks[1].environment, "KUSTOMER_PAUSE_S": "0.05"}
    crisp: Any = platform_settings(target.settings, "crisp", {}, environment)
    journal = Journal.open(f"sqlite:///{path}", inline=True)
    try:
        report = await go(
            Run(
                journal=journal,
                clock=clock,
                source_spec=source,
                target_spec=target,
                source_settings=platform_settings(source.settings, "kustomer", {}, environment),
                target_settings=crisp,
                chain=registry.chain("kustomer", "crisp", crisp),
                engine=EngineSettings(),
                scope=scope,
                plan_only=True,
            )
        )
        assert report.status == "completed"
        found: Ids = {}
        with journal.reading() as connection:
            query = select(record.c.kind, record.c.id).where(
                record.c.unit.in_(selection.units(1)), record.c.state != "gone"
            )
            for kind, name in connection.execute(query):
                found.setdefault(kind, set()).add(name)
        assert report.plan is not None
        counted = {kind: count["in_scope"] for kind, count in report.plan.kinds.items() if count["in_scope"]}
        if scope != mig.Scope():
            assert counted == {kind: len(ids) for kind, ids in found.items()}, "the plan counts what is selected"
        return found
    finally:
        journal.close()


def scope_of(values: Values, names: tuple[str, ...]) -> mig.Scope:
    nothing: dict[str, Any] = dict.fromkeys(("only", "agent", "customer", "channel", "tag"), ())
    nothing |= dict.fromkeys(("since", "until", "limit"))
    return read_scope(Registry().source("kustomer"), nothing | dict(map(values.option, names)))


def compare(found: Ids, expected: Ids) -> None:
    for kind in sorted({*found, *expected}):
        assert found.get(kind, set()) == expected.get(kind, set()), kind


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
async def test_a_filter_selects_what_it_says_of_what_was_read(
    names: tuple[str, ...], desks: tuple[Sandbox, Sandbox], rows: dict[str, dict[str, Any]], wide: Path
) -> None:
    values = Values(rows)
    expected = Selection(rows, siblings=True).of(values.wanted(names))
    compare(await planned(desks, wide, scope_of(values, names)), expected)


@pytest.mark.parametrize("names", [names for names in PAIRS if names != ("only",)], ids="+".join)
async def test_a_narrow_reading_brings_the_same_and_not_the_organisation(
    names: tuple[str, ...],
    desks: tuple[Sandbox, Sandbox],
    rows: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def yes(self: Narrow) -> bool:
        return True  # so small an organisation would rather be read whole

    monkeypatch.setattr(Narrow, "pays", yes)
    values = Values(rows)
    before = desks[0].get("counters")["routes"]
    found = await planned(desks, tmp_path / "mig.db", scope_of(values, names))
    after = desks[0].get("counters")["routes"]
    compare(found, Selection(rows, siblings=False).of(values.wanted(names)))
    for whole in ("GET /v1/conversations", "GET /v1/messages", "GET /v1/customers", "GET /v1/notes"):
        assert after.get(whole, 0) == before.get(whole, 0)


@pytest.mark.parametrize("name", ["customer", "limit"])
async def test_a_narrow_reading_goes_on_behind_the_caps(
    name: str, tight: tuple[Sandbox, Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def yes(self: Narrow) -> bool:
        return True

    monkeypatch.setattr(Narrow, "pays", yes)
    rows, cap = rows_of(tight[0]), int(TIGHT["KUSTOMER_LIST_CAP"])
    threads = Counter(one for row in rows["messages"].values() for one in related(row, "conversation"))
    long = [one for one, count in threads.items() if count > cap and one in rows["conversations"]]
    customers = {one for name in long for one in related(rows["conversations"][name], "customer")}
    wanted = Wanted(customer=customers) if name == "customer" else Wanted(limit=100)
    assert len(long) == len(customers) == 3
    given = tuple(sorted(customers)) if name == "customer" else ("100",)
    found = await planned(tight, tmp_path / "mig.db", mig.Scope(filters={name: given}))
    compare(found, Selection(rows, siblings=False).of(wanted))


def test_every_value_selects_something_and_leaves_something_out(rows: dict[str, dict[str, Any]]) -> None:
    values = Values(rows)
    for name in FILTERS[1:]:
        found = Selection(rows, siblings=True).of(values.wanted((name,)))
        assert 0 < len(found["conversation"]) < len(rows["conversations"]), name


def test_a_scope_tells_its_limit_as_a_number(rows: dict[str, dict[str, Any]]) -> None:
    assert scope_of(Values(rows), ("limit", "tag")).limit == 9
    assert scope_of(Values(rows), ("tag",)).limit is None
    assert mig.Scope().limit is None


def test_dates_are_of_utc(rows: dict[str, dict[str, Any]]) -> None:
    scope = scope_of(Values(rows), ("since",))
    assert scope.since is not None
    assert scope.since.astimezone(UTC) == datetime.fromisoformat(Values(rows).since)
