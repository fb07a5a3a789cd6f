"""Customers and companies as neutral records."""

from __future__ import annotations

from collections.abc import Callable

from mig import COMPANY, TAG, Address, Company, Contact, Handle, Location, Record
from mig_kustomer.reading import Reader, Reading

CUSTOMER_DERIVED = frozenset(
    {
        "activeUsers",
        "conversationCounts",
        "displayColor",
        "displayIcon",
        "lastConversation",
        "lastCustomerActivityAt",
        "lastMessageAt",
        "lastMessageIn",
        "lastMessageOut",
        "lastMessageUnrespondedTo",
        "presence",
        "preview",
        "progressiveStatus",
        "recentItems",
        "recentLocation",
        "satisfactionLevel",
        "sentiment",
    }
)
"""What Kustomer works out about a customer from elsewhere."""

_GENDERS = {"m": "male", "f": "female", "male": "male", "female": "female", "other": "other"}


def contact(row: Reading) -> list[Record]:
    """A customer. Addresses shared by several customers stay in `extra`: they identify nobody."""
    at = row.attributes
    shown = at.shown("displayName")
    name = at.text("name") or shown
    return [
        Contact(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=name,
            first_name=at.text("firstName"),
            last_name=at.text("lastName"),
            emails=addresses(at, "emails", "email", Reader.text),
            phones=addresses(at, "phones", "phone", Reader.phone),
            handles=_accounts(at),
            places=places(at),
            urls=addresses(at, "urls", "url", Reader.url),
            external_ids=_external_ids(at),
            company=row.relation("company", COMPANY),
            company_name=at.text("companyName"),
            tags=at.refs("tags", TAG),
            avatar=at.url("avatarUrl"),
            gender=at.take("gender", _gender, "one of m, f, other") or "",
            locale=at.text("locale"),
            time_zone=at.text("timeZone"),
            birthday=at.day("birthdayAt"),
            last_active_at=at.time("lastSeenAt"),
            deleted=at.flag("deleted"),
            custom=at.mapping("custom"),
            extra=row.extra(),
        )
    ]


def company(row: Reading) -> list[Record]:
    """A company; two misspellings of the API are read as what they mean."""
    at = row.attributes
    return [
        Company(
            ref=row.ref,
            changed_at=row.changed_at,
            created_at=row.created_at,
            name=at.text("name"),
            external_id=at.text("externalId") or at.text("extenalId"),
            domains=[domain for part in at.parts("domains") if (domain := part.text("domain"))],
            emails=addresses(at, "emails", "email", Reader.text),
            phones=addresses(at, "phones", "phone", Reader.phone),
            handles=[*_phones_of("whatsapps", at), *_phones_of("whatapps", at), *_socials(at)],
            places=places(at),
            urls=addresses(at, "urls", "url", Reader.url),
            employees=at.count("employeeCount"),
            avatar=at.url("avatarUrl"),
            tags=at.refs("tags", TAG),
            custom=at.mapping("custom"),
            extra=row.extra(),
        )
    ]


def addresses(at: Reader, name: str, key: str, read: Callable[[Reader, str], str]) -> list[Address]:
    """The e-mail addresses, phone numbers or URLs of a list, in its order, each read by one method of its reader."""
    return [
        Address(value=value, label=part.text("type"), verified=part.yes_no("verified"))
        for part in at.parts(name)
        if (value := read(part, key))
    ]


def places(at: Reader) -> list[Location]:
    """The postal addresses of a list."""
    return [
        Location(
            label=part.text("type"),
            name=part.text("name"),
            street=part.text("address"),
            city=part.text("cityName"),
            postcode=part.text("zipCode"),
            country=part.text("countryCode"),
        )
        for part in at.parts("locations")
    ]


def _accounts(at: Reader) -> list[Handle]:
    found = _phones_of("whatsapps", at) + _socials(at)
    for part in at.parts("facebookIds"):
        if account := part.text("userId"):
            found.append(Handle(network="facebook", id=account, name=part.text("name")))
    for part in at.parts("instagramIds"):
        if account := part.text("instagramId"):
            found.append(Handle(network="instagram", id=account, name=part.text("username")))
    return found


def _phones_of(name: str, at: Reader) -> list[Handle]:
    """WhatsApp accounts are phone numbers, written `whatsapp:+49...`."""
    return [Handle(network="whatsapp", id=number) for part in at.parts(name) if (number := part.phone("phone"))]


def _socials(at: Reader) -> list[Handle]:
    found = []
    for part in at.parts("socials"):
        if network := part.text("type"):
            name, url = part.text("username"), part.text("url")
            found.append(Handle(network=network, id=part.text("userid"), name=name, url=url))
    return found


def _external_ids(at: Reader) -> list[str]:
    """The single id first; it usually repeats one of the list."""
    found = [at.text("externalId"), *(part.text("externalId") for part in at.parts("externalIds"))]
    return list(dict.fromkeys(one for one in found if one))


def _gender(value: object) -> str | None:
    return _GENDERS.get(value) if isinstance(value, str) else None
