"""The profiles that must stand in the target's people, and what differs from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from desk_custom import Value, flat, keys_of
from desk_fates import Fates, first_email
from desk_findings import ABSENT, Findings, value_of
from desk_sample import Desk, Json, clean, facts, in_order, moment, related


def people_findings(desk: Desk, fates: Fates, people: list[Json]) -> Findings:
    """Compare every profile with the customers it stands for; no other may be there."""
    found = Findings()
    held: dict[str, list[Json]] = {}
    for profile in people:
        held.setdefault(profile["email"].casefold(), []).append(profile)
    for email in held.keys() - fates.people.keys():
        found.add(f"profile {email}", "profile", ABSENT, held[email])
    keys = keys_of(desk, "contact")
    for email, customers in fates.people.items():
        record = f"contact {customers[0]['id']}"
        found.equal(record, "profiles with its e-mail", 1, len(held.get(email, [])))
        for profile in held.get(email, []):
            _person(found, record, desk, customers, profile)
            _notepad(found, record, desk, fates, customers, profile)
            expected = _expected_data(desk, customers, keys)
            left_out = profile["data"].keys() & (set(keys.values()) - expected.keys())
            found.equal(record, "data that is to be left out", [], sorted(left_out))
            _data(found, record, expected, profile["data"], _texts(desk, customers))
    return found


def company_name(desk: Desk, customer: Json) -> str:
    """The name of a customer's company."""
    company = desk.get("companies", related(customer, "company"))
    named = facts(customer).get("companyName") if company is None else facts(company).get("name")
    return clean(named).strip()


def nicknames(customer: Json, fallback: str) -> list[str]:
    """What a customer may be called: name or display name, whichever is filled."""
    names = [clean(facts(customer).get(field)).strip() for field in ("name", "displayName")]
    return list(filter(None, names)) or [fallback]


def tag_names(desk: Desk, customers: Iterable[Json]) -> list[str]:
    """The names of all tags the rows have, each once, in the order they come."""
    names = (name.strip() for row in customers for name in desk.names("tags", facts(row).get("tags") or []))
    return list(dict.fromkeys(names))


def first_phone(customer: Json) -> str:
    """The first telephone number of a customer, or nothing."""
    phones = facts(customer).get("phones") or []
    return next((one["phone"].strip() for one in phones if (one.get("phone") or "").strip()), "")


def _person(found: Findings, record: str, desk: Desk, customers: list[Json], profile: Json) -> None:
    local = first_email(customers[0]).rpartition("@")[0]
    person = profile["person"]
    found.one_of(record, "nickname", nicknames(customers[0], local), person["nickname"])
    phone = next(filter(None, map(first_phone, customers)), None)
    found.equal(record, "phone", phone or ABSENT, value_of(person, "phone"))
    company = next(filter(None, (company_name(desk, one) for one in customers)), None)
    found.equal(record, "company.name", company or ABSENT, value_of(profile.get("company", {}), "name"))
    segments = [name.strip() for name in profile["segments"]]
    found.equal(record, "segments", tag_names(desk, customers), segments)
    found.equal(record, "bound", False, profile["bound"])


def _notepad(found: Findings, record: str, desk: Desk, fates: Fates, customers: list[Json], profile: Json) -> None:
    notepad = profile.get("notepad", "")
    mark = f"[mig {desk.source} contact/{customers[0]['id']}]"
    found.equal(record, "birth mark, the last line of the notepad", mark, notepad.rpartition("\n")[2])
    ids = {one["id"] for one in customers}
    notes = [
        note
        for note in in_order(desk.rows("notes"))
        if fates.notes[note["id"]] == "notepad" and related(note, "customer") in ids
    ]
    place = 0
    for note in notes:
        text = clean(facts(note)["body"]).strip()
        at = notepad.find(text, place)
        found.true(record, f"notepad: note {note['id']} in its order of time", at >= 0, notepad)
        head = notepad[place:at]
        found.holds(record, f"notepad: date of note {note['id']}", facts(note)["createdAt"][:10], head)
        author = desk.get("users", related(note, "createdBy"))
        if author is not None:
            signed = any(facts(author).get(name) and facts(author)[name] in head for name in ("name", "displayName"))
            found.true(record, f"notepad: author of note {note['id']}", signed, head)
        place = max(at, 0) + len(text)
    if not notes:
        found.equal(record, "notepad of a contact without notes", mark, notepad)


def _expected_data(desk: Desk, customers: list[Json], keys: dict[str, str]) -> dict[str, Value]:
    data: dict[str, Value] = {}
    for customer in customers:  # the oldest first: what it says stays
        data = {**flat(facts(customer).get("custom"), keys), **data}
    return {**data, "source": desk.source, "source_id": str(customers[0]["id"])}


def _data(found: Findings, record: str, expected: dict[str, Value], data: Json, texts: str) -> None:
    for key, value in expected.items():
        found.one_of(record, f"data.{key}", [value, ABSENT] if value == "" else [value], value_of(data, key))
    ids = sorted(set(data.get("source_ids", expected["source_id"]).split(",")))
    found.true(record, "data.source_ids", all(f'"id": "{one}"' in texts for one in ids), ids)
    for key in data.keys() - expected.keys() - {"source_ids", "source_created_at"}:
        pieces = str(data[key]).replace(", ", ",").split(",")
        told = [one if one in texts else one.partition(":")[2] for one in map(_in_json, pieces)]
        found.equal(record, f"data.{key}, not in the file", [], [one for one in told if not one or one not in texts])


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def ids_findings(desk: Desk, fates: Fates, people: list[Json]) -> Findings:
    """Check what the reserved keys of a profile say of all its customers: ids, the oldest date, other addresses."""
    found = Findings()
    held = {profile["email"].casefold(): profile for profile in people}
    for email, customers in fates.people.items():
        if email not in held:
            continue
        record, data = f"contact {customers[0]['id']}", held[email]["data"]
        ids = ",".join(sorted(one["id"] for one in customers))
        accepted = [ids, ABSENT] if len(customers) == 1 else [ids]
        found.one_of(record, "data.source_ids", accepted, value_of(data, "source_ids"))
        created = moment(data["source_created_at"]) if "source_created_at" in data else ABSENT
        found.one_of(record, "data.source_created_at", [moment(facts(customers[0])["createdAt"]), ABSENT], created)
        texts = [held[email]["email"].casefold(), held[email]["person"].get("phone", "")]
        texts += [str(value).casefold() for key, value in sorted(data.items())]
        for name, value in _addresses(customers):
            found.true(
                record, f"other addresses kept: {name} {value!r}", any(value.casefold() in text for text in texts), data
            )
    return found


def _addresses(customers: list[Json]) -> Iterator[tuple[str, str]]:
    for customer in customers:
        for many, one in (("emails", "email"), ("phones", "phone"), ("externalIds", "externalId")):
            for entry in facts(customer).get(many) or []:
                value = clean(entry.get(one)).strip()
                if value:
                    yield one, value


def _texts(desk: Desk, customers: list[Json]) -> str:
    companies = [desk.get("companies", related(one, "company")) for one in customers]
    return json.dumps([*customers, *companies], ensure_ascii=False, sort_keys=True)
