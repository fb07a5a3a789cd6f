"""The invented organisation's customers and companies, and what hangs on them beside conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mig_kustomer.sandbox.clock import ms_to_text
from mig_kustomer.sandbox.corpus import FIRST_NAMES, LANGUAGE_WEIGHTS, LANGUAGES, LAST_NAMES, say
from mig_kustomer.sandbox.made_office import Office
from mig_kustomer.sandbox.maker import Made, Maker
from mig_kustomer.sandbox.rows import Json


def make_companies(maker: Maker, office: Office, count: int) -> list[Made]:
    """Companies, some without external id or custom attributes."""
    made: list[Made] = []
    for number in range(count):
        created = maker.past()
        row_id = maker.id(created)
        attributes = maker.settled(
            created,
            name=f"{maker.one(LAST_NAMES)} & Co {number}",
            externalId=None if maker.odds(0.1) else f"co-{number}",
            domains=[{"domain": f"co{number}.example.com"}],
            emails=[{"type": "work", "email": f"info@co{number}.example.com", "verified": False}],
            phones=[],
            whatsapps=[],
            socials=[],
            urls=[],
            locations=[],
            tags=maker.some(office.tags, 2),
            custom={"seatsNum": number},
            rev=1,
        )
        made.append(("companies", maker.resource("company", "/v1/companies/", row_id, attributes), None))
    return made


def make_customer(maker: Maker, office: Office, companies: list[str], number: int) -> Json:
    """A customer as it is before its conversations: their times and counts are filled in by `settle_customer`."""
    created = maker.past()
    row_id = maker.id(created)
    first, last = maker.one(FIRST_NAMES), maker.one(LAST_NAMES)
    name = f"{first} {last}"
    external = None if maker.odds(0.6) else f"crm/{number}?a=b"
    attributes: Json = {
        "displayName": name,
        "displayColor": "green",
        "displayIcon": "compass",
        "avatarUrl": None,
        "externalIds": [{"externalId": external, "verified": True, "externalVerified": False}] if external else [],
        "sharedExternalIds": [],
        "emails": _emails(maker, number),
        "sharedEmails": [{"type": "work", "email": "family@shared.example.com", "verified": False}][: maker.odds(0.03)],
        "phones": _phones(maker, number),
        "sharedPhones": [],
        "whatsapps": [],
        "facebookIds": [],
        "instagramIds": [],
        "socials": [],
        "urls": [],
        "locations": [{"type": "work", "address": "Straße 1", "countryCode": "DE"}][: maker.odds(0.1)],
        "locale": None,
        "timeZone": maker.one(("Europe/Berlin", "America/New_York", "Mars/Olympus")),
        "defaultLang": maker.random.choices(LANGUAGES, LANGUAGE_WEIGHTS)[0],
        "birthdayAt": None,
        "gender": None,
        "tags": maker.some(office.tags, 2) if maker.odds(0.3) else [],
        "progressiveStatus": None,
        "verified": True,
        "deleted": False,
        "custom": _custom(maker, number),
        "rev": 1,
        "createdAt": ms_to_text(created),
        "updatedAt": ms_to_text(created),
        "modifiedAt": ms_to_text(created),
    }
    attributes |= {"externalId": external} if external else {}
    attributes |= {"name": name, "firstName": first, "lastName": last} if maker.odds(0.92) else {}
    attributes |= {"importedAt": ms_to_text(created)} if maker.odds(0.25) else {}
    relations: Json = {"messages": {"links": {"self": f"/v1/customers/{row_id}/messages"}}}
    if companies and maker.odds(0.3):
        relations["company"] = maker.to("company", "/v1/companies/", maker.one(companies))
    return maker.resource("customer", "/v1/customers/", row_id, attributes, **relations)


def settle_customer(maker: Maker, customer: Json, statuses: list[str], last: int) -> Made:
    """Fill in what conversations do to a customer: its counts, its status, and an updatedAt after theirs."""
    attributes = customer["attributes"]
    counts = {name: statuses.count(name) for name in ("done", "open", "snoozed")}
    attributes["conversationCounts"] = counts | {"all": len(statuses)}
    if statuses:
        attributes["progressiveStatus"] = statuses[-1]
        attributes["updatedAt"] = attributes["lastActivityAt"] = ms_to_text(min(maker.now - 1, last))
        attributes["rev"] = 1 + len(statuses)
    return "customers", customer, None


def make_objects(maker: Maker, office: Office, customer: Json, number: int) -> Iterator[Made]:
    """A customer's KObjects; a few belong to nobody."""
    for serial in range(int(maker.random.random() * 3.4)):
        klass = maker.one(office.klasses[:3])
        created = maker.past()
        row_id = maker.id(created)
        attributes = maker.settled(
            created,
            title=f"{klass} #{1000 + number}-{serial}",
            externalId=f"{klass}-{number}-{serial}",
            icon="box",
            images=[],
            data={"lines": [{"sku": "A-1", "qty": serial + 1}]} if maker.odds(0.6) else None,
            custom={"amountNum": number % 900, "noteTxt": say(maker.random, "en_us")},
            tags=[],
            rev=1,
        )
        relations: Json = {"klass": {"link": {"self": f"/v1/klasses/{klass}"}, "data": {"type": "klass", "id": klass}}}
        if not maker.odds(0.1):
            relations["customer"] = maker.to("customer", "/v1/customers/", customer["id"])
            customer["relationships"].setdefault(
                f"{klass}s",
                {"links": {"self": f"/v1/customers/{customer['id']}/klasses/{klass}s"}, "meta": {"kobject": True}},
            )
        path = f"/v1/klasses/{klass}s/"
        yield "kobjects", maker.resource(f"kobject.{klass}", path, row_id, attributes, **relations), None


def make_draft(maker: Maker, office: Office, customer: Json) -> Made:
    """A text nobody sent."""
    created = maker.past()
    attributes = maker.settled(created, channel="email", body=say(maker.random, "en_us"), status="draft")
    attributes["payload"] = {"draftJs": {"blocks": [], "entityMap": {}}}
    relations = {
        "customer": maker.to("customer", "/v1/customers/", customer["id"]),
        "createdBy": maker.to("user", "/v1/users/", maker.one(office.users)),
    }
    return "drafts", maker.resource("draft", "/v1/drafts/", maker.id(created), attributes, **relations), None


def _emails(maker: Maker, number: int) -> list[Json]:
    if maker.odds(0.17):
        return []
    address = f"dup{number % 5}@example.org" if maker.odds(0.05) else f"User.{number}@mail.example.com"
    entries: list[Json] = [{"type": "home", "email": address, "verified": False, "externalVerified": False}]
    if maker.odds(0.08):
        entries.append({"type": "work", "email": f"u{number}@work.example.com", "verified": True})
    return entries


def _phones(maker: Maker, number: int) -> list[Json]:
    if maker.odds(0.7):
        return []
    form = maker.one(("+4915{:09d}", "0049 (0)15 / {}", "1800{:07d}"))
    return [{"type": "mobile", "phone": form.format(number), "verified": False}]


def _custom(maker: Maker, number: int) -> Json | None:
    """Custom attributes as they are in life: null, of another type than declared, declared nowhere."""
    if maker.odds(0.1):
        return None
    every: dict[str, Any] = {
        "tierStr": maker.one(("gold", "silver", "platin 🏆", ["gold", "silver"], None)),
        "spentNum": maker.one((12.5, 0, -1, "12,50", None)),
        "lastOrderAt": maker.one(("2016-11-06T13:54:29-05:00", "2025-02-03", "yesterday", None)),
        "vipBool": maker.one((True, False, "yes")),
        "homeUrl": "https://home.example/?q=ü",
        "goneStr": f"old {number}",
        "undeclaredStr": say(maker.random, "en_us"),
    }
    return {name: value for name, value in every.items() if maker.odds(0.3)}
