"""Crisp as a target: where records stand, what units become, and how each operation is sent, found and revised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

import mig
from mig import (
    ARTICLE,
    CATEGORY,
    CONTACT,
    CONVERSATION,
    MEDIA,
    Adopted,
    Agent,
    Article,
    Attachment,
    AttributeDefinition,
    Call,
    Capabilities,
    Category,
    Contact,
    Conversation,
    CustomObject,
    Declined,
    Expected,
    Fate,
    HelpAddress,
    Kind,
    Message,
    Note,
    Place,
    Present,
    Queue,
    Rating,
    Receipt,
    Record,
    Refused,
    Rejected,
    Rendered,
    Standing,
    Tag,
    Team,
    Unit,
    UnitKey,
    epoch_ms,
)
from mig.http import Outside
from mig_crisp.adopt import Adoption
from mig_crisp.check import Check
from mig_crisp.client import CrispClient
from mig_crisp.downloads import Downloads
from mig_crisp.events import Events
from mig_crisp.expect import expect
from mig_crisp.files import Uploads, check_files
from mig_crisp.help import HelpCentre, help_api
from mig_crisp.help_api import Locales
from mig_crisp.keeps import keeps_of, stays_of
from mig_crisp.mapping import is_email
from mig_crisp.office import Office
from mig_crisp.opening import open_office
from mig_crisp.people import People
from mig_crisp.read import Reader
from mig_crisp.read_help import HelpReader
from mig_crisp.render_help import render_help
from mig_crisp.render_person import render_person
from mig_crisp.render_thread import ThreadRenderer
from mig_crisp.settings import CrispSettings
from mig_crisp.teams import Teams, render_team
from mig_crisp.threads import Threads
from mig_crisp.walk import Walk

log = structlog.get_logger("mig.crisp")


class CrispTarget:
    """One workspace.

    Args:
        settings: As given.
        client: Talks to it.
        office: Its operators and inboxes.
        people: Moves profiles.
        uploads: Moves the bytes of files.
        check: Looks the workspace over.
        downloads: Reads files back.
        clock: Between two looks at what was just written.
    """

    stands = (CONTACT, CONVERSATION, CATEGORY, ARTICLE)

    def __init__(
        self,
        settings: CrispSettings,
        client: CrispClient,
        office: Office,
        people: People,
        uploads: Uploads,
        check: Check,
        downloads: Downloads,
        clock: mig.Clock,
    ) -> None:
        self._settings = settings
        self._client = client
        self._office = office
        self._people = people
        self._threads = Threads(client)
        self._teams = Teams(client)
        locales = Locales(client)
        api = help_api(client, locales, office.help_api)
        self._help = HelpCentre(client, api, settings, clock) if api is not None else None
        self._help_reader = HelpReader(api, locales, settings) if api is not None else None
        self._uploads = uploads
        self._check = check
        self._downloads = downloads
        self._adoption = Adoption(client, self._help)
        self._reader = Reader(client, settings, office)
        self._walk = Walk(client, self._reader, settings)
        self.capabilities = Capabilities(
            keeps_of(settings, office),
            settings.read_lag_s,
            settings.request_life_s,
            frozenset((ARTICLE, CATEGORY)),
            stays_of(office),
        )

    async def identity(self) -> str:
        return self._settings.website_id

    async def prepare(self) -> None:
        """Transcripts and rating requests must be off (docs/api/crisp.md, section 2.1)."""
        found = await self._client.probe("{site}/settings")
        emails = found.get("emails") if isinstance(found, dict) else None
        if not isinstance(emails, dict):
            raise Refused(
                "the workspace's settings cannot be read, so nothing tells whether Crisp would mail transcripts",
                "Give the token the scope website:settings (read), then run again. Nothing was written.",
            )
        loud = [name for name in ("transcript", "rating") if emails.get(name) is not False]
        if loud:
            raise Refused(
                f"the workspace mails its customers: emails.{' and emails.'.join(loud)} is on",
                "Turn off transcripts and rating requests in the workspace's e-mail settings, and turn them on again\n"
                "after the migration. Nothing was written.",
            )
        await self._uploads.prepare()

    def place(self, record: Record) -> Place:
        if isinstance(record, Contact):
            emails = [address.value.lower() for address in record.emails if is_email(address.value)]
            same = frozenset({f"email:{emails[0]}"}) if emails else frozenset[str]()
            return Place(None, _order(record, record.created_at), same)
        if isinstance(record, Message):
            return Place(record.conversation, _order(record, record.sent_at))
        if isinstance(record, Note):
            return Place(record.conversation or record.contact, _order(record, record.written_at))
        if isinstance(record, Attachment):
            return Place(record.parent, _order(record, record.created_at))
        if isinstance(record, Rating):
            return Place(record.conversation, _order(record, record.at))
        if isinstance(record, CustomObject) and self._settings.custom_objects == "events":
            return Place(record.contact, _order(record, record.created_at))
        if isinstance(record, HelpAddress):
            return Place(record.article, _order(record, record.created_at))
        return Place(None, _order(record, record.created_at))

    def render(self, unit: Unit, look: mig.Lookup) -> Rendered:
        root = unit.records[0]
        if isinstance(root, Contact):
            return render_person(unit, look, self._settings, self._office)
        if isinstance(root, Category | Article | HelpAddress) or root.ref.kind == MEDIA:
            return render_help(unit, look, self._settings, self._office)
        if isinstance(root, Conversation | Message | Attachment | Rating):
            return ThreadRenderer(unit, look, self._settings, self._office).render()
        if isinstance(root, Team):
            return render_team(unit, look, self._settings, self._office)
        if isinstance(root, Note):
            return Rendered((), [Declined(r.ref, Fate.ARCHIVE, "its contact is not moved") for r in unit.records])
        return Rendered((), [self._settled(record) for record in unit.records])

    def _settled(self, record: Record) -> Declined:
        """Records that have no request of their own."""
        if isinstance(record, Tag):
            return Declined(record.ref, Fate.LOAD, "a segment of the threads and contacts that carry it")
        if isinstance(record, AttributeDefinition):
            return Declined(record.ref, Fate.LOAD, "names a key of the data of the records that have it")
        if isinstance(record, Agent):
            if self._office.operator(record) is not None:
                return Declined(record.ref, Fate.LOAD, "an operator with its e-mail, or named in `agents`")
            return Declined(record.ref, Fate.ARCHIVE, "no operator has its e-mail; its messages keep its name")
        if isinstance(record, Queue):
            if self._office.inbox(record) is not None:
                return Declined(record.ref, Fate.LOAD, "the inbox of its name")
            return Declined(record.ref, Fate.ARCHIVE, "no inbox has its name; its conversations' data keep it")
        return Declined(record.ref, Fate.ARCHIVE, "no counterpart in Crisp")

    async def send(self, calls: Sequence[Call]) -> Sequence[Receipt]:
        return [await self._room(call.op.verb).send(call) for call in calls]

    async def find(self, calls: Sequence[Call]) -> Mapping[tuple[UnitKey, str], Receipt]:
        found: dict[tuple[UnitKey, str], Receipt] = {}
        for call in calls:
            receipt = await self._room(call.op.verb).find(call)
            if receipt is not None:
                found[call.unit, call.op.name] = receipt
        return found

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        return await self._room(call.op.verb).revise(call, old)

    async def undo(self, name: str, verb: str, old: Receipt) -> bool:
        return await self._room(verb).undo(verb, old)

    async def edited(self, kind: Kind, receipts: Mapping[str, Receipt]) -> str:
        return await self._help.edited(kind, receipts) if self._help is not None and kind in (ARTICLE, CATEGORY) else ""

    def where(self, receipts: Mapping[str, Receipt]) -> str:
        found = receipts.get("birth") or receipts.get("profile")
        return found.values["id"] if found is not None else ""

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        if kind in self.capabilities.markless:
            return await self._help_reader.read(kind, target_id) if self._help_reader is not None else None
        return await self._reader.read(kind, target_id)

    def walk(self, kind: Kind, checkpoint: bytes | None) -> AsyncIterator[Standing]:
        if kind in self.capabilities.markless:
            return self._help_reader.pages(kind, checkpoint) if self._help_reader is not None else _nothing()
        return self._walk.pages(kind, checkpoint)

    def expect(self, unit: Unit, look: mig.Lookup) -> Expected:
        return expect(unit, look, self._settings, self._office)

    def open_file(self, record: Record) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._downloads.open(record)

    async def adopt(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        return await self._adoption.adopt(call, origin, places)

    def check(self, *, write: bool) -> AsyncIterator[mig.Finding]:
        return self._check.findings(write=write)

    async def conclude(self) -> Sequence[str]:
        return await self._threads.conclude()

    def _room(self, verb: str) -> People | Threads | Uploads | HelpCentre | Teams:
        if verb in ("bucket.upload", "folder.copy"):
            return self._uploads
        if verb.startswith("team."):
            return self._teams
        if verb.startswith("help."):
            if self._help is None:  # it was there when the journal was written
                raise Rejected("this workspace has no help centre any more", "Make one in Crisp, then run again.")
            return self._help
        return self._people if verb.startswith("people.") else self._threads


@asynccontextmanager
async def open_target(settings: CrispSettings, access: mig.Access) -> AsyncIterator[CrispTarget]:
    """Open a workspace: check the credentials, learn its plan, operators and inboxes.

    Raises:
        Refused: The credentials do not do, or nobody answers.
        Usage: The setting `files` means nothing.
    """
    check_files(settings)
    client = CrispClient(settings, access)
    allowed = [settings.url, settings.files_url]
    outside = Outside(allowed=allowed, timeout_s=settings.timeout_s, transport=access.transport)
    events = Events(client, settings)
    async with client.http, outside:
        try:
            office = await open_office(client, settings)
            uploads = Uploads(client, events, outside, access.clock, settings)
            people = People(client, settings.max_notepad, access.clock, settings.read_lag_s, settings.request_life_s)
            check = Check(client, office, events, access.clock, settings)
            yield CrispTarget(settings, client, office, people, uploads, check, Downloads(outside), access.clock)
        finally:
            await events.close()


async def _nothing() -> AsyncIterator[Standing]:
    """No page."""
    return
    yield


def _order(record: Record, when: Any) -> tuple[int, int, str]:
    return (epoch_ms(when) if when is not None else 0, 0, record.ref.id)


if TYPE_CHECKING:
    _target: type[mig.Target] = CrispTarget
    _revises: type[mig.CanRevise] = CrispTarget
    _undoes: type[mig.CanUndo] = CrispTarget
    _spares: type[mig.CanSpare] = CrispTarget
    _checks: type[mig.CanCheck] = CrispTarget
    _concludes: type[mig.CanConclude] = CrispTarget
    _proves: type[mig.CanProve] = CrispTarget
    _adopts: type[mig.CanAdopt] = CrispTarget
    _files: type[mig.HasFiles] = CrispTarget
