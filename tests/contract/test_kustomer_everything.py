"""Every kind the Kustomer source has, over HTTP: all of the sample, read whole, by id, and counted."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import mig
import mig_kustomer
from mig import Access, Budgets, Kind, Ref, Scope, Unreadable
from mig.clock import SystemClock
from mig.settings import Secret
from mig_kustomer.catalog import RESOURCES
from mig_kustomer.html_media import media
from mig_kustomer.sandbox import spec
from mig_kustomer.sandbox.server import Sandbox
from mig_kustomer.settings import KustomerSettings
from mig_kustomer.source import KustomerSource, open_source

SAMPLE = Path(__file__).parent.parent / "data" / "kustomer-sample.jsonl.gz"
Rows = dict[str, list[dict[str, Any]]]
KINDS_OF_LISTS = {
    "klass": ["klasses"],
    "shortcut": ["shortcuts"],
    "shortcut_category": ["shortcut_categories"],
    "sla": ["slas"],
    "business_rule": ["business_rules"],
    "workflow": ["workflows"],
    "hook": ["hooks_web", "hooks_email", "hooks_form", "outbound_webhooks"],
    "saved_search": ["searches"],
    "custom_object": ["kobjects"],
    "knowledge_base": ["kb_knowledge_bases"],
    "kb_tag": ["kb_tags"],
    "kb_route": ["kb_routes"],
    "form": ["kb_forms"],
    "survey": ["satisfaction_forms"],
    "snippet": ["snippets"],
    "brand": ["brands"],
    "schedule": ["schedules"],
    "routing_rule": ["queue_rules"],
}
REQUIRED = {
    *("contact", "company", "conversation", "message", "note", "attachment", "tag", "agent", "team", "queue"),
    *("attribute", "rating", "custom_object", "article", "category", "klass", "shortcut", "sla", "business_rule"),
    *("hook", "channel", "saved_search"),
}


@pytest.fixture(scope="module")
def sample() -> Rows:
    rows: Rows = defaultdict(list)
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            rows[entry["kind"]].append(entry["resource"])
    return rows


@asynccontextmanager
async def reading(more: dict[str, Any] | None = None, **switches: str) -> AsyncIterator[tuple[Sandbox, KustomerSource]]:
    clock = SystemClock()
    async with spec.serve(mig.SandboxOptions(dataset=SAMPLE, switches=switches)) as running:
        free = {"requests_per_minute": 10_000_000, "searches_per_minute": 10_000_000, "pause_s": 0.01}
        given = KustomerSettings(url=running.url, api_key=Secret("sandbox-key"), **{**free, **(more or {})})
        async with open_source(given, Access(clock, Budgets(clock))) as source:
            yield running.control, source


async def read(source: KustomerSource, scope: Scope, *resources: str) -> dict[Ref, mig.Record]:
    """Every record of some resources, as a run would stage it."""
    raws: dict[str, Any] = {}
    for part in await source.partitions(scope):
        if not resources or part.resource in resources:
            async for page in source.extract(part, scope, None):
                raws |= {(raw.resource, raw.id): raw for raw in page.rows}
    return {record.ref: record for raw in raws.values() for record in source.parse(raw).records}


def counted(refs: Iterable[Ref]) -> Counter[str]:
    return Counter(str(ref.kind) for ref in refs)


def shown(rows: Rows) -> dict[tuple[str, str], dict[str, Any] | None]:
    """The version that stands for each article and language: the public one, else the latest."""
    versions = {row["id"]: row["attributes"] for row in rows["kb_versions"]}
    found = {}
    for row in rows["kb_articles"]:
        for language, entry in row["attributes"]["langVersions"].items():
            named = entry and (entry.get("currentVersion") or entry.get("latestVersion"))
            found[row["id"], language] = versions[named["id"]] if named else None
    return found


async def test_every_kind_is_read_as_often_as_the_sample_has_it(sample: Rows) -> None:
    async with reading({"drafts": True}) as (_, source):
        found = await read(source, Scope())
    there = counted(found)
    expected = Counter({kind: sum(len(sample[name]) for name in names) for kind, names in KINDS_OF_LISTS.items()})
    rated = [row["attributes"]["satisfactionLevel"] for row in sample["conversations"]]
    expected["rating"] = sum(
        any(one.get(name) is not None for name in ("rating", "score", "formResponse")) for one in rated
    )
    expected["channel"] = len(sample["outbound_accounts"]) + 1  # the chat
    expected["attribute"] = sum(len(row["attributes"]["properties"]) for row in sample["metadata"])
    expected["category"] = sum(len(row["attributes"]["langs"]) for row in sample["kb_categories"])
    texts = shown(sample)
    expected["article"] = len(texts)
    expected["media"] = sum(len(media(one["htmlBody"])) for one in texts.values() if one)
    expected["help_address"] = len(texts) + 2 * len(sample["kb_articles"])  # by the hash of each, and by its id
    customers = {row["id"] for row in sample["customers"]}
    expected["draft"] = sum(row["relationships"]["customer"]["data"]["id"] in customers for row in sample["drafts"])
    assert {kind: there[kind] for kind in expected} == dict(expected)
    assert expected["rating"] == 90
    assert expected["article"] == 150
    assert all(there[kind] for kind in REQUIRED)


async def test_the_text_of_an_article_is_the_public_one_and_else_the_latest(sample: Rows) -> None:
    async with reading() as (desk, source):
        found = await read(source, Scope(kinds=frozenset({mig.ARTICLE})))
        asked = {route for route in desk.counts["routes"] if "/kb/" not in route and "orgs" not in route}
    assert not asked
    for (id_, language), version in shown(sample).items():
        record = found[Ref(mig.ARTICLE, f"{id_}.{language}")]
        assert isinstance(record, mig.Article)
        if version is None:
            assert (record.html, record.status) == ("", "draft")
        else:
            assert (record.html, record.slug) == (version["htmlBody"], version["slug"])
            assert record.status == ("draft" if "draft" in (version["status"], record.extra["status"]) else "published")
    drafts = [one for one in found.values() if "draft" in one.extra]
    assert len(drafts) == 24


async def test_without_drafts_only_the_pages_are_asked_for(sample: Rows) -> None:
    async with reading({"article_drafts": False, "article_page": 25}) as (desk, source):
        found = await read(source, Scope(), "articles")
        routes = Counter(desk.counts["routes"])
    assert sum(count for route, count in routes.items() if "versions" in route) == 0
    assert sum(routes.values()) == 3 * (1 + 3)  # pages, each alone and once for each language
    told = [one for one in found.values() if isinstance(one, mig.Article) and not one.html]
    assert len([one for one in found if one.kind == mig.ARTICLE]) == 150
    assert len(told) >= 13


async def test_each_kind_is_counted_and_read_by_id_as_it_was_read_whole() -> None:
    async with reading({"drafts": True}) as (_, source):
        found = await read(source, Scope())
        for kind in sorted({ref.kind for ref in found} - {mig.ATTACHMENT, mig.MESSAGE}):
            refs = [ref for ref in found if ref.kind == kind]
            ids = [id_ async for page in source.ids(kind, Scope()) for id_, _ in page]
            assert len(ids) == len(set(ids)), kind
            assert set(ids) == {ref.id for ref in refs}, kind
            some = [*refs[:2], refs[-1]]
            gone = Ref(kind, "5fe13700c3e98c727ddeffff.de" if kind == mig.ARTICLE else "5fe13700c3e98c727ddeffff")
            raws = await source.fetch([*some, gone])
            assert set(raws) == set(some), kind
            for ref in some:
                assert {one.ref: one for one in source.parse(raws[ref]).records}[ref] == found[ref]


async def test_a_second_run_reads_what_is_small_again_and_of_objects_what_changed() -> None:
    async with reading() as (_, source):
        for name in ("kobjects", "articles", "hooks_web", "kobject_metadata"):
            (part,) = [part for part in await source.partitions(Scope()) if part.resource == name]
            pages = [page async for page in source.extract(part, Scope(), None)]
            again = [page async for page in source.extract(part, Scope(), pages[-1].checkpoint)]
            before, after = ({raw.id for page in some for raw in page.rows} for some in (pages, again))
            assert after < before if name == "kobjects" else after == before


# ---- what is refused -------------------------------------------------------------------------------------------------


async def test_objects_are_read_from_the_lists_of_their_klasses_where_searching_is_refused(sample: Rows) -> None:
    async with reading(forbid="search") as (_, source):
        found = await read(source, Scope(), "kobjects")
        assert counted(found) == {"custom_object": len(sample["kobjects"])}


async def test_what_may_not_be_read_is_told_of_every_kind() -> None:
    families = "workflows+shortcuts+snippets+brands+schedules+sub_statuses+role_groups+satisfaction+hooks+kb+slas+chat"
    async with reading({"drafts": True}, forbid=f"{families}+drafts", business_rules="off") as (_, source):
        refused = set()
        for part in await source.partitions(Scope()):
            try:
                async for _page in source.extract(part, Scope(), None):
                    pass
            except Unreadable:
                refused.add(str(RESOURCES[part.resource].kind))
    configuration = {"workflow", "snippet", "brand", "schedule", "sub_status", "role_group", "survey", "form"}
    groups = {"shortcut_category", "knowledge_base", "kb_tag", "kb_route", "draft"}
    needed = {"shortcut", "hook", "category", "article", "sla", "business_rule", "channel"}
    assert refused == needed | groups | configuration


# ---- narrowed runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "resources"),
    [
        (mig.SHORTCUT, {"shortcuts"}),
        (mig.ARTICLE, {"knowledge_bases", "categories", "articles", "kb_tags"}),
        (mig.MEDIA, {"knowledge_bases", "categories", "articles", "kb_tags"}),
        (mig.HOOK, {"hooks_web", "hooks_email", "hooks_form", "outbound_webhooks"}),
        (mig.ATTRIBUTE, {"metadata", "kobject_metadata"}),
        (mig.CUSTOM_OBJECT, {"tags", "metadata", "companies", "customers", "klasses", "kobject_metadata", "kobjects"}),
        (mig.TAG, {"tags"}),
    ],
)
async def test_a_run_of_one_kind_reads_what_it_needs(kind: Kind, resources: set[str]) -> None:
    async with reading() as (_, source):
        parts = await source.partitions(Scope(kinds=frozenset({kind})))
    assert {part.resource for part in parts} == resources


async def test_a_run_of_conversations_reads_no_help_centre_and_no_objects(sample: Rows) -> None:
    small = ["tags", "users", "teams", "queues", "metadata"]
    customer = sample["conversations"][0]["relationships"]["customer"]["data"]["id"]
    async with reading() as (_, source):
        whole = await source.partitions(Scope(kinds=frozenset({mig.RATING})))
        assert [part.resource for part in whole] == [
            *small,
            "companies",
            "customers",
            "conversations",
            "messages",
            "notes",
        ]
        narrow = Scope(filters={"customer": (customer,)})
        assert [part.resource for part in await source.partitions(narrow)] == [*small, "conversations"]
        both = Scope(kinds=frozenset({mig.SHORTCUT}), filters={"customer": (customer,)})
        assert [part.resource for part in await source.partitions(both)] == [*small, "shortcuts", "conversations"]


def test_the_kinds_are_told_beforehand() -> None:
    specs: list[mig.SourceSpec] = []
    mig_kustomer.mig_sources(specs.append)
    assert set(specs[0].resources) == set(RESOURCES)
    assert {str(kind) for kind in specs[0].kinds} >= REQUIRED
    assert {specs[0].kinds[kind] for kind in (mig.HOOK, mig.KLASS, Kind("draft"))} == {mig.Config}
    for kind, type_ in specs[0].kinds.items():
        assert mig.model.TYPES.get(kind, type_) is type_
