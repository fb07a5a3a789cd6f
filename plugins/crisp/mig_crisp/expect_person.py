"""What a person must look like on Crisp: the profile, its people data, and the notes on its notepad."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mig import (
    AGENT,
    COMPANY,
    CONTACT,
    Address,
    Agent,
    Attachment,
    Company,
    Contact,
    Expected,
    Kind,
    Lookup,
    Note,
    Record,
    Ref,
    Unit,
    epoch_ms,
)
from mig_crisp.data import RESERVED_PEOPLE, Keys, flatten, numbered
from mig_crisp.forms import NO_WORD, gone_line, handle_text, in_brackets, iso, media, millis, name_of, place_line
from mig_crisp.mapping import PLACEHOLDER, is_email, local_part
from mig_crisp.marks import birth_line
from mig_crisp.settings import CrispSettings
from mig_crisp.text import MAX_KEY, clean, hashed
from mig_crisp.words_catalog import CATALOG

_FULL = "the contact's notepad is full"


def expect_person(unit: Unit, look: Lookup, settings: CrispSettings) -> Expected:
    """The profile that the unit's contacts become, and what stands on its notepad."""
    contacts = [record for record in unit.records if isinstance(record, Contact)]
    root = contacts[0].ref
    absent: dict[Ref, str] = {}
    noted = _Notepad(unit, look, settings, root).records(absent)
    return Expected(
        [_profile(contacts, unit, look, settings), *noted], absent, {contact.ref: root for contact in contacts[1:]}
    )


def _profile(contacts: Sequence[Contact], unit: Unit, look: Lookup, settings: CrispSettings) -> Contact:
    custom, company_data = _data_of(contacts, look, settings)
    lists = {
        "emails": _emails(contacts, unit),
        "phones": _values(contact.phones for contact in contacts),
        "urls": _values(contact.urls for contact in contacts),
        "addresses": list(
            dict.fromkeys(line for one in contacts for place in one.places if (line := place_line(place)))
        ),
    }
    data = _reserved(contacts, unit, settings, lists)
    language = _first(contact.locale for contact in contacts)
    extra = {
        "born": birth_line(unit.origin, contacts[0].ref),
        "company": _block(contacts, look),
        "address": next(iter(lists["addresses"]), ""),
        "locales": [language[:2].lower()] if _is_language(language) else [],
        "data": {**company_data, **data},
    }
    return Contact(
        ref=contacts[0].ref,
        name=_name(contacts),
        emails=[Address(value=value) for value in lists["emails"]],
        phones=[Address(value=value) for value in lists["phones"]],
        urls=[Address(value=value) for value in lists["urls"]],
        tags=list(dict.fromkeys(tag for contact in contacts for tag in contact.tags)),
        avatar=_first(contact.avatar for contact in contacts),
        gender=_first(contact.gender for contact in contacts),
        locale=str(data.get("language", "")),
        time_zone=str(data.get("time_zone", "")),
        birthday=_first(contact.birthday for contact in contacts) or None,
        # The first millisecond of 1970 is no time there: `active` is 0 for who was never seen.
        last_active_at=next((at for at in (one.last_active_at for one in contacts) if at and millis(at)), None),
        custom=custom,
        extra={key: value for key, value in extra.items() if value},
    )


def _reserved(
    contacts: Sequence[Contact], unit: Unit, settings: CrispSettings, addresses: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """The keys of people data that are mig's own; a text that is too long is not written."""
    birthday = _first(contact.birthday for contact in contacts)
    created = _first(contact.created_at for contact in contacts)
    single = {
        "source": unit.origin,
        "source_id": contacts[0].ref.id,
        "source_created_at": iso(created) if created else "",
        "birthday": birthday.date().isoformat() if birthday else "",
        "language": _first(contact.locale for contact in contacts),
        "time_zone": _first(contact.time_zone for contact in contacts),
    }
    lists = {
        "source_ids": sorted(contact.ref.id for contact in contacts),
        "external_ids": list(dict.fromkeys(name for one in contacts for name in one.external_ids if name)),
        "handles": list(dict.fromkeys(handle_text(handle) for one in contacts for handle in one.handles)),
        **{f"other_{name}": values[1:] for name, values in addresses.items()},
    }
    data: dict[str, Any] = {key: value for key, value in single.items() if value and len(value) <= settings.max_value}
    for key, values in lists.items():
        data |= numbered(key, [value for value in values if len(value) <= settings.max_value], settings.max_value)
    return data


def _first(values: Iterable[Any]) -> Any:
    """What the oldest says who says anything."""
    return next((value for value in values if value), "")


def _name(contacts: Sequence[Contact]) -> str:
    """The oldest name that is not only what stands before an @, which a contact without a name is called by."""
    named = (one.name for one in contacts if one.name and one.name not in map(local_part, _values([one.emails])))
    return next(named, contacts[0].name)


def _values(lists: Iterable[Sequence[Address]]) -> list[str]:
    return list(dict.fromkeys(row.value for rows in lists for row in rows if row.value))


def _emails(contacts: Sequence[Contact], unit: Unit) -> list[str]:
    """The identity first, then every other address that is not it."""
    values = _values(contact.emails for contact in contacts)
    if not values:
        return [f"{unit.origin.partition(':')[0]}-{contacts[0].ref.id}@{PLACEHOLDER}"]
    return [values[0], *(value for value in values[1:] if value.lower() != values[0].lower())]


def _is_language(locale: str) -> bool:
    """Whether a locale begins with a language of two letters."""
    language = locale.replace("_", "-").partition("-")[0]
    return len(language) == 2 and language.isalpha()


# ---- the company ---------------------------------------------------------------------------------------------------


def _companies(contacts: Sequence[Contact], look: Lookup) -> list[tuple[Contact, Company | None]]:
    found = []
    for contact in contacts:
        company = look(contact.company) if contact.company is not None else None
        found.append((contact, company if isinstance(company, Company) else None))
    return found


def _block(contacts: Sequence[Contact], look: Lookup) -> dict[str, Any]:
    """The company block, of the oldest who has a company with a name."""
    for contact, company in _companies(contacts, look):
        name = clean((company.name if company is not None else "") or contact.company_name).strip()
        if not name:
            continue
        block: dict[str, Any] = {"name": name}
        if company is not None:
            urls, domains = _values([company.urls]), list(filter(None, company.domains))
            block |= {"domain": domains[0]} if domains else {}
            block |= {"url": urls[0]} if urls else {}
            block |= {"phones": found} if (found := _values([company.phones])) else {}
            reached = [value for value in _values([company.emails]) if is_email(value)]
            block |= {"emails": reached} if reached else {}
            block |= {"metrics": {"employees": company.employees}} if company.employees is not None else {}
        return block
    return {}


def _data_of(
    contacts: Sequence[Contact], look: Lookup, settings: CrispSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Custom attributes, the oldest's first; and what is told of the company."""
    custom: dict[str, Any] = {}
    for contact in reversed(contacts):
        custom |= contact.custom
    beside: dict[str, Any] = {}
    company = next((company for _, company in _companies(contacts, look) if company is not None), None)
    if company is not None:
        flat, _ = flatten(company.custom, Keys(look, COMPANY, frozenset()), settings.max_value)
        whole = {f"company_{name}": value for name, value in flat.items()}
        beside = {key if len(key) <= MAX_KEY else hashed(key, key): value for key, value in whole.items()}
        if company.external_id and len(company.external_id) <= settings.max_value:
            beside["company_external_id"] = company.external_id
    mine = {key: value for key, value in custom.items() if key.startswith("company_") and key not in RESERVED_PEOPLE}
    rest: Mapping[str, Any] = {key: value for key, value in custom.items() if key not in mine}
    return dict(rest), {**beside, **mine}


# ---- the notepad ---------------------------------------------------------------------------------------------------


class _Notepad:
    """The blocks that a unit's notes about a person are.

    Args:
        unit: Contacts, notes and files.
        look: Knows agents.
        settings: How long a notepad may be.
        root: Whose it is.
    """

    def __init__(self, unit: Unit, look: Lookup, settings: CrispSettings, root: Ref) -> None:
        self._unit = unit
        self._look = look
        self._words = CATALOG[settings.language]
        self._root = root
        self._room = settings.max_notepad - len(birth_line(unit.origin, root))

    def records(self, absent: dict[Ref, str]) -> list[Record]:
        """Notes, and their files behind them; what finds no room is absent."""
        found: list[tuple[tuple[int, bool, str], Record]] = []
        files = [record for record in self._unit.records if isinstance(record, Attachment)]
        for note in (record for record in self._unit.records if isinstance(record, Note)):
            mine = [file for file in files if file.parent == note.ref]
            text = self._text(note, mine)
            if not text and not mine:
                absent[note.ref] = NO_WORD
            elif not self._has_room(note, text):
                absent |= {one.ref: _FULL for one in (note, *mine)}
            else:
                found += [(self._order(note, note), self._note(note, text))]
                found += [(self._order(note, file), self._file(note, file)) for file in mine]
        return [record for _, record in sorted(found, key=lambda one: one[0])]

    def _has_room(self, note: Note, text: str) -> bool:
        when = iso(note.written_at) if note.written_at else "undated"
        size = len(f"{when} {self._by(note)} ({note.ref.id}):\n{text}")
        if self._room < size + 2:
            return False
        self._room -= size + 2
        return True

    def _by(self, note: Note) -> str:
        agent = self._look(note.author) if note.author is not None else None
        name = re.sub(r"\s+", " ", clean(agent.name)).strip() if isinstance(agent, Agent) else ""
        return name or self._words.unknown

    def _author(self, note: Note) -> Ref | None:
        name = self._by(note)
        return Ref(AGENT, f"name/{name}") if name != self._words.unknown else None

    def _text(self, note: Note, files: Sequence[Attachment]) -> str:
        there = {file.ref for file in files}
        lines = [gone_line(ref.id, self._words) for ref in note.attachments if ref not in there]
        return "\n".join((note.text.strip(), *lines)).strip()

    def _note(self, note: Note, text: str) -> Note:
        return Note(ref=note.ref, contact=self._root, written_at=note.written_at, author=self._author(note), text=text)

    def _file(self, note: Note, file: Attachment) -> Attachment:
        author = self._author(note)
        extra: dict[str, Any] = {"sent_at": epoch_ms(note.written_at) if note.written_at else 0}
        name = in_brackets(name_of(file.name, file.mime, file.ref.id))
        return Attachment(
            ref=file.ref,
            parent=self._root,
            name=name,
            mime=str(media(file.mime)),
            extra=extra | ({"author": str(author)} if author is not None else {}),
        )

    @staticmethod
    def _order(note: Note, record: Record) -> tuple[int, bool, str]:
        return (epoch_ms(note.written_at) if note.written_at else 0, record is not note, record.ref.id)


def has_profile(ref: Ref | None, look: Lookup, settings: CrispSettings) -> bool:
    """Whether a contact stands on Crisp."""
    contact = look(ref) if ref is not None and ref.kind == Kind(CONTACT) else None
    if not isinstance(contact, Contact) or contact.deleted:
        return False
    reachable = any(is_email(address.value) for address in contact.emails)
    return reachable or settings.contacts_without_email == "placeholder"
