"""A contact, or several that share an e-mail, as one profile with its people data and notepad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mig import (
    COMPANY,
    Address,
    Attachment,
    Company,
    Contact,
    CustomObject,
    Declined,
    Effect,
    Fate,
    FromReceipt,
    Lookup,
    Loss,
    Note,
    Operation,
    Ref,
    Rendered,
    Unit,
    epoch_ms,
)
from mig_crisp.data import RESERVED_PEOPLE, Keys, Value, flatten, numbered
from mig_crisp.mapping import PLACEHOLDER, is_email, local_part
from mig_crisp.marks import birth_line
from mig_crisp.office import Office
from mig_crisp.render_files import REQUEST, held, never, upload
from mig_crisp.settings import CrispSettings
from mig_crisp.text import MAX_KEY, clean, hashed
from mig_crisp.timeline import events
from mig_crisp.words import missing_line, words_in
from mig_crisp.words_catalog import Words


def render_person(unit: Unit, look: Lookup, settings: CrispSettings, office: Office) -> Rendered:
    """Profile, people data, and where the address is made up, the refusal of mail."""
    contacts = [record for record in unit.records if isinstance(record, Contact)]
    notes = [record for record in unit.records if isinstance(record, Note)]
    if not contacts:
        return Rendered((), [Declined(r.ref, Fate.ARCHIVE, "its contact is not moved") for r in unit.records])
    files: dict[Ref, list[Attachment]] = {}
    for record in unit.records:
        if isinstance(record, Attachment) and record.parent is not None:
            files.setdefault(record.parent, []).append(record)
    first = contacts[0]
    refs = tuple(contact.ref for contact in contacts)
    mark = birth_line(unit.origin, first.ref)
    words = words_in(settings.language)
    gone = {note.ref: missing_lines(note.attachments, files.get(note.ref, []), words) for note in notes}
    blocks = {note.ref: note_line(note, look, words, gone[note.ref]) for note in notes}
    notepad, kept, late = _notepad(blocks, settings.max_notepad - len(mark))
    notepad = "\n\n".join(filter(None, (notepad, mark)))
    email = first.emails[0].value if first.emails else f"{unit.origin.partition(':')[0]}-{first.ref.id}@{PLACEHOLDER}"
    data, losses = people_data(contacts, look, settings, unit.origin)
    operations = [
        Operation(
            name="profile",
            verb="people.create",
            effect=Effect.CREATE,
            body={"profile": _profile(contacts, email, look, notepad)},
            carries=(*refs, *kept),
            marker=mark,
            cost=REQUEST,
        ),
        Operation(
            name="data",
            verb="people.data",
            effect=Effect.PUT,
            body={
                "people_id": FromReceipt("profile"),
                "origin": FromReceipt("profile", value="origin", default="created"),
                "data": data,
            },
            carries=refs,
            cost=REQUEST,
        ),
    ]
    if not first.emails:
        operations.append(
            Operation(
                name="subscription",
                verb="people.subscription",
                effect=Effect.PUT,
                body={"people_id": FromReceipt("profile"), "email": False},
                carries=refs,
                cost=REQUEST,
            )
        )
    people_id = FromReceipt("profile")
    for note in notes:
        if note.ref in kept:
            operations += on_notepad(note, files.get(note.ref, []), people_id, look, settings)
    operations += events([record for record in unit.records if isinstance(record, CustomObject)], unit.origin)
    full = "the contact's notepad is full"
    declined = [Declined(ref, Fate.ARCHIVE, full) for late_ref in late for ref in _with_files(late_ref, files)]
    for beside in files.values():
        reasons = [(file, never(file, settings)) for file in beside]
        declined += [Declined(file.ref, Fate.ARCHIVE, why) for file, why in reasons if why and file.parent in kept]
    lost = [(note.ref, loss) for note in notes for loss in missing_losses(note.attachments, files.get(note.ref, []))]
    return Rendered(operations, declined, [*((first.ref, loss) for loss in losses), *lost])


def _profile(contacts: Sequence[Contact], email: str, look: Lookup, notepad: str) -> dict[str, Any]:
    first = contacts[0]
    named = [c.name for c in contacts if c.emails and c.name != local_part(c.emails[0].value)]
    person: dict[str, Any] = {"nickname": named[0] if named else first.name}
    phones = _values([contact.phones for contact in contacts])
    urls = _values([contact.urls for contact in contacts])
    lines = _lines(contacts)
    for key, value in (
        ("avatar", next((c.avatar for c in contacts if c.avatar), "")),
        ("gender", next((c.gender for c in contacts if c.gender), "")),
        ("phone", phones[0] if phones else ""),
        ("website", urls[0] if urls else ""),
        ("address", lines[0] if lines else ""),
    ):
        if value:
            person[key] = clean(value)
    language = clean(next((c.locale for c in contacts if c.locale), "")).replace("_", "-").partition("-")[0].lower()
    if len(language) == 2 and language.isalpha():  # "fil" is not Finnish
        person["locales"] = [language]
    profile: dict[str, Any] = {"email": email, "person": person, "notepad": notepad}
    company = _company(contacts, look)
    if company:
        profile["company"] = company
    segments = list(dict.fromkeys(ref.id for contact in contacts for ref in contact.tags))
    if segments:
        profile["segments"] = segments
    active = next((c.last_active_at for c in contacts if c.last_active_at is not None), None)
    if active is not None:
        profile["active"] = epoch_ms(active)
    return profile


def people_data(
    contacts: Sequence[Contact], look: Lookup, settings: CrispSettings, origin: str
) -> tuple[dict[str, Value], list[Loss]]:
    """What a profile has no field for: ids, second addresses, custom attributes; the oldest contact wins."""
    first, limit = contacts[0], settings.max_value
    data, losses = _company_data(contacts, look, limit)
    for contact in reversed(contacts):
        shadowed = [key for key, value in contact.custom.items() if data.get(key, value) != value]
        losses += [Loss(f"custom.{key}", "archived", "another with the same key or e-mail wins") for key in shadowed]
        data |= contact.custom
    ids = sorted(contact.ref.id for contact in contacts)
    emails = _values([contact.emails for contact in contacts])[1:]
    phones = _values([contact.phones for contact in contacts])[1:]
    handles = [
        f"{handle.network}:{handle.name or handle.id or handle.url}"
        for contact in contacts
        for handle in contact.handles
    ]
    places = _lines(contacts)[1:]
    data |= {"source": origin, "source_id": first.ref.id}
    data |= numbered("source_ids", ids, limit)
    for key, field, values in (
        ("other_emails", "emails", [email for email in emails if email.lower() != first.emails[0].value.lower()]),
        ("other_phones", "phones", phones),
        ("other_urls", "urls", _values([contact.urls for contact in contacts])[1:]),
        ("other_addresses", "places", places),
        ("external_ids", "external_ids", [text for contact in contacts for text in contact.external_ids]),
        ("handles", "handles", handles),
    ):
        cleaned = list(dict.fromkeys(clean(value) for value in values if value))
        losses += [_too_long(field, limit) for value in cleaned if len(value) > limit]
        data |= numbered(key, [value for value in cleaned if len(value) <= limit], limit)
    created = next((c.created_at for c in contacts if c.created_at is not None), None)
    born = next((c.birthday for c in contacts if c.birthday is not None), None)
    for key, field, text in (
        ("source_created_at", "created_at", created.isoformat(timespec="milliseconds") if created else ""),
        ("birthday", "birthday", born.date().isoformat() if born else ""),
        ("language", "locale", next((c.locale for c in contacts if c.locale), "")),
        ("time_zone", "time_zone", next((c.time_zone for c in contacts if c.time_zone), "")),
    ):
        if len(clean(text)) > limit:
            losses.append(_too_long(field, limit))
        elif text:
            data[key] = clean(text)
    return data, losses


def _too_long(field: str, limit: int) -> Loss:
    return Loss(field, "archived", f"longer than {limit} characters")


def _lines(contacts: Sequence[Contact]) -> list[str]:
    """The postal addresses of several contacts, each once; blank ones are none."""
    lines = (address_line(place) for contact in contacts for place in contact.places)
    return list(dict.fromkeys(line for line in lines if line))


def address_line(place: Any) -> str:
    """A postal address on one line."""
    city = " ".join(filter(None, (place.postcode, place.city)))
    return ", ".join(filter(None, (place.name, place.street, city, place.region, place.country)))


def on_notepad(
    note: Note, files: Sequence[Attachment], people_id: FromReceipt, look: Lookup, settings: CrispSettings
) -> list[Operation]:
    """The files of a note that stands on a notepad: a block of its own for each, with a link to it."""
    operations = []
    for file in files:
        moved = upload(file, settings)
        head = f"{_signature(note, look, words_in(settings.language))} ({file.ref.id}):"
        block = Operation(
            name=f"notepad/{file.ref.id}",
            verb="people.note",
            effect=Effect.PUT,
            body={"people_id": people_id, "line": head, "id": file.ref.id, "file": held(file, settings)},
            carries=(file.ref,),
            cost=(("crisp.requests", 2),),
        )
        operations += [moved, block] if moved else [block]
    return operations


def note_line(note: Note, look: Lookup, words: Words, gone: Sequence[str] = ()) -> str:
    """A note as it stands in a notepad: dated, signed, marked by its id; with a line for each file nobody has."""
    text = "\n".join(filter(None, (note.text.strip(), *gone)))
    return f"{_signature(note, look, words)} ({note.ref.id}):\n{text}"


def missing_lines(named: Sequence[Ref], files: Sequence[Attachment], words: Words) -> list[str]:
    """A line for every file that the source names and does not have."""
    return [missing_line(ref.id, words) for ref in _missing(named, files)]


def missing_losses(named: Sequence[Ref], files: Sequence[Attachment]) -> list[Loss]:
    """Likewise, what the ledger says of them."""
    return [Loss(f"attachments.{ref.id}", "dropped", "the source does not have it") for ref in _missing(named, files)]


def _missing(named: Sequence[Ref], files: Sequence[Attachment]) -> list[Ref]:
    known = {file.ref for file in files}
    return [ref for ref in named if ref not in known]


def _signature(note: Note, look: Lookup, words: Words) -> str:
    author = look(note.author) if note.author is not None else None
    # In one line, as the head of a block is, whatever blanks are in it.
    name = " ".join(clean(getattr(author, "name", "")).split()) or words.unknown
    when = note.written_at.isoformat(timespec="milliseconds") if note.written_at else "undated"
    return f"{when} {name}"


def _with_files(ref: Ref, files: Mapping[Ref, Sequence[Attachment]]) -> list[Ref]:
    return [ref, *(file.ref for file in files.get(ref, ()))]


def _notepad(blocks: Mapping[Ref, str], room: int) -> tuple[str, list[Ref], list[Ref]]:
    """The notepad's text before the mark, the notes in it, and those that found no room."""
    texts: list[str] = []
    kept: list[Ref] = []
    late: list[Ref] = []
    for ref, block in blocks.items():
        if len(block) + 2 <= room:
            texts.append(block)
            kept.append(ref)
            room -= len(block) + 2
        else:
            late.append(ref)
    return "\n\n".join(texts), kept, late


def _company(contacts: Sequence[Contact], look: Lookup) -> dict[str, Any]:
    """The block of the oldest contact whose company has a name, by its own record or as the contact repeats it."""
    for contact in contacts:
        found = look(contact.company) if contact.company is not None else None
        company = found if isinstance(found, Company) else None
        name = clean((company.name if company is not None else "") or contact.company_name).strip()
        if name:
            return {"name": name, **(_facts(company) if company is not None else {})}
    return {}


def _facts(company: Company) -> dict[str, Any]:
    """What the block holds beside the name; blank and repeated addresses are none."""
    emails = [value for value in _values([company.emails]) if is_email(value)]
    facts: dict[str, Any] = {
        "domain": next(filter(None, company.domains), ""),
        "url": next(iter(_values([company.urls])), ""),
        "phones": _values([company.phones]),
        "emails": emails,
        "metrics": {"employees": company.employees} if company.employees is not None else {},
    }
    return {key: value for key, value in facts.items() if value}


def _company_data(contacts: Sequence[Contact], look: Lookup, limit: int) -> tuple[dict[str, Value], list[Loss]]:
    """What the company block has no field for, under `company_...`."""
    company = _employer(contacts, look)
    if company is None:
        return {}, []
    custom, losses = flatten(company.custom, Keys(look, COMPANY, RESERVED_PEOPLE), limit)
    data: dict[str, Value] = {}
    for key, value in custom.items():
        whole = f"company_{key}"
        data[whole if len(whole) <= MAX_KEY else hashed(whole, whole)] = value
    if len(clean(company.external_id)) > limit:
        losses.append(_too_long("company.external_id", limit))
    elif company.external_id:
        data["company_external_id"] = clean(company.external_id)
    return data, losses


def _employer(contacts: Sequence[Contact], look: Lookup) -> Company | None:
    for contact in contacts:
        company = look(contact.company) if contact.company is not None else None
        if isinstance(company, Company):
            return company
    return None


def _values(lists: Sequence[Sequence[Address]]) -> list[str]:
    """The values of several address lists, each once, in order."""
    return list(dict.fromkeys(address.value for addresses in lists for address in addresses if address.value))
