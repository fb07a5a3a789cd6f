"""The invented organisation's settings: people who answer, teams, tags, queues, rules, texts and its knowledge base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from mig_kustomer.sandbox.clock import ms_to_text
from mig_kustomer.sandbox.corpus import FIRST_NAMES, LAST_NAMES, say
from mig_kustomer.sandbox.maker import DAY_MS, Made, Maker

_TAG_NAMES = ("refund", "VIP", "late/delivery", "bug", "Größe", "spam", "to-check", "返品", "A > B", "x.y_z")
_KLASSES = {"order": "enabled", "web-return": "enabled", "old_import": "existing_only", "retired": "disabled"}
_LANGS = ("en_us", "de", "ar")


class Office(Struct):
    """Ids of the settings, for those who refer to them."""

    users: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    queues: list[str] = field(default_factory=list)
    shortcuts: list[str] = field(default_factory=list)
    brands: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    slas: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, current version's id, its name."""
    klasses: list[str] = field(default_factory=list)


def make_office(maker: Maker, office: Office, customers: int) -> Iterator[Made]:
    """All settings; what they are called goes into `office`."""
    yield from _users(maker, office, 12 + customers // 250)
    yield from _teams(maker, office)
    yield from _tags(maker, office)
    yield from _queues(maker, office)
    yield from _klasses(maker, office)
    yield from _texts(maker, office)
    yield from _slas(maker, office)
    yield from _automation(maker, office)
    yield from _knowledge(maker)


def _plain(maker: Maker, kind: str, type_: str, path: str, ids: list[str], **attributes: Any) -> Made:
    created = maker.config_time()
    row_id = maker.id(created)
    ids.append(row_id)
    return kind, maker.resource(type_, path, row_id, maker.settled(created, **attributes)), None


def _users(maker: Maker, office: Office, count: int) -> Iterator[Made]:
    for number in range(count):
        machine = number < 2
        name = f"robot-{number}" if machine else f"{maker.one(FIRST_NAMES)} {maker.one(LAST_NAMES)}"
        gone = number > 3 and maker.odds(0.15)
        made = _plain(
            maker,
            "users",
            "user",
            "/v1/users/",
            office.users,
            name=name,
            displayName=None if number == 4 else name,
            email=f"agent{number}@support.example.com",
            userType="machine" if machine else "user",
            avatarUrl=None,
            mobile=None,
            roles=["org.permission"],
            roleGroups=[],
        )
        attributes = made[1]["attributes"]
        attributes |= {"emailVerifiedAt": attributes["createdAt"]} if not machine and number != 5 else {}
        attributes |= {"deleted": True, "deletedAt": attributes["updatedAt"]} if gone else {}
        yield made


def _teams(maker: Maker, office: Office) -> Iterator[Made]:
    for number, name in enumerate(("Tier 1", "Tier 2", "Billing – EU", "فريق", "Closed")):
        members = maker.some(office.users, 6)
        made = _plain(maker, "teams", "team", "/v1/teams/", office.teams, name=name, members=members, roleGroups=[])
        made[1]["attributes"] |= (
            {"deleted": True, "deletedAt": made[1]["attributes"]["updatedAt"]} if number == 4 else {}
        )
        yield made


def _tags(maker: Maker, office: Office) -> Iterator[Made]:
    for number in range(40):
        name = _TAG_NAMES[number] if number < len(_TAG_NAMES) else f"topic {number}"
        made = _plain(maker, "tags", "tag", "/v1/tags/", office.tags, name=name, color="blue", deleted=number % 8 == 7)
        if number % 8 == 7:
            made[1]["attributes"]["deletedAt"] = made[1]["attributes"]["updatedAt"]
        yield made


def _queues(maker: Maker, office: Office) -> Iterator[Made]:
    for number, name in enumerate(("DEFAULT_QUEUE", "E-mail", "Phone")):
        yield _plain(
            maker,
            "queues",
            "queue",
            "/v1/routing/queues/",
            office.queues,
            name=name,
            displayName=name.title(),
            key=name.lower(),
            priority=number,
            system=number == 0,
        )
    for name in ("default", "Outlet"):
        yield _plain(
            maker, "brands", "brand", "/v1/brands/", office.brands, name=name, default=name == "default", iconUrl=None
        )


def _klasses(maker: Maker, office: Office) -> Iterator[Made]:
    for name, status in _KLASSES.items():
        made = _plain(
            maker,
            "klasses",
            "klass",
            "/v1/klasses/",
            [],
            name=name,
            displayName=name.title(),
            icon="box",
            color="",
            status=status,
            mixins=["assignable"] if name == "order" else [],
            appDisabled=False,
        )
        made[1]["relationships"]["kobjects"] = {"links": {"self": f"/v1/klasses/{name}s"}}
        office.klasses.append(name)
        yield made
        yield _metadata(maker, f"kobject.{name}", {"amountNum": "number", "noteTxt": "string"})
    yield _metadata(
        maker,
        "customer",
        {
            "tierStr": "string",
            "spentNum": "number",
            "lastOrderAt": "date-time",
            "vipBool": "boolean",
            "homeUrl": "string",
        },
    )
    yield _metadata(maker, "conversation", {"reasonTree": "string", "goodwillBool": "boolean"})
    yield _metadata(maker, "company", {"seatsNum": "number"})
    yield _metadata(maker, "message", {})


def _metadata(maker: Maker, name: str, types: dict[str, str]) -> Made:
    properties: dict[str, Any] = {key: {"displayName": key.title(), "type": type_} for key, type_ in types.items()}
    if "tierStr" in properties:
        properties["tierStr"]["enumeration"] = ["gold", "silver"]
        properties["goneStr"] = {"displayName": "Gone", "type": "string", "deletedAt": ms_to_text(maker.now - DAY_MS)}
    return "metadata", maker.resource("metadata", "/v1/metadata/", name, {"properties": properties}), None


def _texts(maker: Maker, office: Office) -> Iterator[Made]:
    for number in range(20):
        text = f"Hi {{{{customer.firstName}}}},\n\n{say(maker.random, 'en_us')}"
        yield _plain(
            maker,
            "shortcuts",
            "shortcut",
            "/v1/shortcuts/",
            office.shortcuts,
            name=f"answer {number}",
            draft={"text": text},
            payload={"text": {"blocks": [{"text": text, "type": "unstyled"}], "entityMap": {}}},
            isPrivate=number % 5 == 0,
            accessUsers=[],
            accessTeams=[],
            deleted=number == 19,
        )
    yield _plain(maker, "shortcut_categories", "shortcut_category", "/v1/shortcuts/categories/", [], name="General")
    yield _plain(maker, "snippets", "snippet", "/v1/snippets/", [], name="sn.org.sign", value={"en_us": "Yours"})
    for number in range(2):
        yield _plain(
            maker,
            "satisfaction_forms",
            "satisfaction",
            "/v1/satisfaction/",
            office.forms,
            name=f"CSAT {number}",
            formType="csat",
            enabled=number == 0,
            channel="email",
            scale={"type": "number", "options": 5},
        )


def _slas(maker: Maker, office: Office) -> Iterator[Made]:
    for number in range(2):
        created = maker.config_time()
        sla_id, name = maker.id(created), f"Policy {number}"
        versions = [maker.id(created + version) for version in range(number + 1)]
        parent = maker.to("sla", "/v1/slas/", sla_id)
        for version, version_id in enumerate(versions, 1):
            attributes = {"name": name, "version": version, "hours": "calendar", "createdAt": ms_to_text(created)}
            yield "sla_versions", maker.resource("sla_version", "/v1/slas/", version_id, attributes, sla=parent), None
        held = {"data": [{"type": "sla_version", "id": version_id} for version_id in versions]}
        attributes = {"currentVersion": len(versions), "createdAt": ms_to_text(created)}
        yield "slas", maker.resource("sla", "/v1/slas/", sla_id, attributes, versions=held), None
        office.slas.append((sla_id, versions[-1], name))


def _automation(maker: Maker, office: Office) -> Iterator[Made]:
    for number in range(4):
        yield _plain(
            maker,
            "business_rules",
            "business_rule",
            "/v1/business-rules/",
            [],
            name=f"Rule {number}",
            enabled=number != 3,
            trigger="create",
            criteria={"and": [], "or": []},
            actions=[{"type": "conversation.tags.append", "value": [maker.one(office.tags)]}],
        )
        trigger = {"eventName": "kustomer.conversation.create"}
        yield _plain(
            maker, "workflows", "workflow", "/v1/workflows/", [], name=f"flow {number}", enabled=True, trigger=trigger
        )
        held = {"queryContext": "conversation", "and": [{"conversation_tags": {"in": [maker.one(office.tags)]}}]}
        yield _plain(maker, "searches", "search", "/v1/customers/searches/", [], name=f"view {number}", data=held)
    yield _plain(maker, "schedules", "schedule", "/v1/schedules/", [], name="Hours", timezone="Europe/Berlin")
    yield _plain(maker, "hooks_web", "hook_web", "/v1/hooks/web/", [], title="shop", url="https://hook.example/1")
    yield _plain(maker, "outbound_webhooks", "outbound_webhook", "/v1/outbound-webhooks/", [], name="erp", enabled=True)
    for channel, account in (("email", "support@example.com"), ("sms", "+18005550112"), ("voice", "+4930123456")):
        attributes = {"channel": channel, "name": account, "account": account}
        yield "outbound_accounts", {"type": "outbound_account", "attributes": attributes}, None


def _knowledge(maker: Maker) -> Iterator[Made]:
    bases: list[str] = []
    yield _plain(
        maker, "kb_knowledge_bases", "kb_knowledge_base", "/v1/kb/knowledge-bases/", bases, name="Help", default=True
    )
    categories: list[str] = []
    for number in range(3):
        langs = {lang: {"title": f"Topic {number}", "slug": f"topic-{number}", "disabled": False} for lang in _LANGS}
        yield _plain(
            maker,
            "kb_categories",
            "kb_category",
            "/v1/kb/categories/",
            categories,
            knowledgeBase=bases[0],
            root=number == 0,
            published=True,
            langs=langs,
            parent=categories[0] if number else None,
        )
    for number in range(10):
        yield from _article(maker, number, bases[0], categories[number % 3])


def _article(maker: Maker, number: int, base: str, category: str) -> Iterator[Made]:
    created = maker.config_time()
    article_id = maker.id(created)
    parent = maker.to("kb_article", "/v1/kb/articles/", article_id)
    path = f"/v1/kb/articles/{article_id}/versions/"
    status = "draft" if number == 9 else "published"
    langs: dict[str, Any] = {}
    for lang in _LANGS[: 1 + number % 3]:
        title = f"How to {number} [{lang}]"
        version = maker.settled(created, article=article_id, lang=lang, slug=f"how-{number}", title=title)
        version |= {"status": status, "scope": "public", "version": 1}
        version["htmlBody"] = f"<h2>{title}</h2><p>{say(maker.random, 'en_us')}</p>"
        version_id = maker.id(created)
        yield "kb_versions", maker.resource("kb_article_version", path, version_id, version, article=parent), None
        held = {"id": version_id, "version": 1}
        langs[lang] = {"currentVersion": None if status == "draft" else held, "latestVersion": held}
    attributes = maker.settled(
        created,
        title=f"How to {number}",
        hash=article_id[-9:],
        source="en_us",
        status=status,
        scope="public",
        categories=[{"id": category, "knowledgeBase": base}],
        knowledgeBases=[{"id": base, "featured": number == 0}],
        tags=[],
        deleted=number == 8,
        langVersions=langs,
    )
    yield "kb_articles", maker.resource("kb_article", "/v1/kb/articles/", article_id, attributes), None
