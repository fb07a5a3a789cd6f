"""The table of people for a target's own importer, which sets what its API cannot: when somebody was first there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mig.archive.folder import Folder
from mig.archive.tables import Table
from mig.archive.views import ref_of, title_of

NAME = "contacts-for-import.csv"
_COLUMNS = (
    *("email", "nickname", "phone", "company", "segments", "created_at", "last_active", "locale", "time_zone"),
    "source_id",
)
_TABLE = """
CREATE TABLE person (
    email TEXT PRIMARY KEY, at TEXT, last TEXT, id TEXT, name TEXT, phone TEXT, company TEXT, tags TEXT,
    locale TEXT, zone TEXT
) WITHOUT ROWID;
"""
_AT, _LAST, _ID = 1, 2, 3
_ADDRESS = re.compile(r"[^\s@,;*]+@[^\s@,;*]+")
"""An e-mail address, as far as that shows; a masked one is none."""


class People:
    """Collects contacts with an e-mail address; of several with one address the oldest speaks.

    Args:
        folder: The archive.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._db = folder.shelf
        folder.add_tables(_TABLE)

    def add(self, name: str, record: Mapping[str, Any], fate: str) -> None:
        """A contact, as JSON has it; only one that was, or shall be, loaded is taken."""
        # The first that is an address: by it the importer finds the profile that a run made.
        emails = [
            one["value"] for one in record.get("emails") or [] if _ADDRESS.fullmatch(str(one.get("value")).strip())
        ]
        if not emails or record.get("deleted") or record.get("merged_into") or fate not in ("load", ""):
            return
        phones = [one["value"] for one in record.get("phones") or [] if one.get("value")]
        company = record.get("company_name") or ""
        row = (
            emails[0].strip().lower(),
            record.get("created_at") or "",
            record.get("last_active_at") or "",
            name,
            title_of("contact", name, record),
            phones[0] if phones else "",
            json.dumps([ref_of(record.get("company")), company]),
            json.dumps([ref_of(tag) for tag in record.get("tags") or []]),
            record.get("locale") or "",
            record.get("time_zone") or "",
        )
        fresh = [value.encode("utf-8", "replace").decode() for value in row]
        known = self._db.execute("SELECT * FROM person WHERE email = ?", (fresh[0],)).fetchone()
        if known is not None:
            last = max(known[_LAST], fresh[_LAST])
            fresh = list(known if _age(known) <= _age(fresh) else fresh)
            fresh[_LAST] = last
        self._db.execute("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", fresh)

    def write(self) -> int:
        """Write the table, after every other record is known. Returns: its rows."""
        count = 0
        with self._folder.writing(NAME) as sheet:
            table = Table(sheet, _COLUMNS, phones=("phone",), emails=("email",))
            for email, at, last, name, called, phone, company, tags, locale, zone in self._db.execute(
                "SELECT * FROM person ORDER BY email"
            ):
                ref, told = json.loads(company)
                tagged = [found for tag in json.loads(tags) if (found := self._called(tag))]
                nickname = called or email.partition("@")[0]
                works = told or self._called(ref)
                table.add(
                    (
                        email,
                        nickname,
                        phone,
                        works,
                        ",".join(tag.replace(",", " ") for tag in tagged),
                        at,
                        last,
                        locale,
                        zone,
                        name,
                    )
                )
                count += 1
        return count

    def _called(self, ref: str) -> str:
        row = self._db.execute("SELECT title FROM item WHERE ref = ?", (ref,)).fetchone()
        return row[0] if row is not None else ""


def _age(row: Sequence[str]) -> tuple[bool, str, str]:
    """The oldest first; without a date last."""
    return not row[_AT], row[_AT], row[_ID]
