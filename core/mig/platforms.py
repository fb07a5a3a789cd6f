"""The one interface everything hangs on: what a platform plugin implements.

The engine owns order, journal, budgets and retries; a plugin owns facts. `parse`, `map`, `place` and `render` are
pure: they read no clock, no network, and of the journal only what they are handed.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType, Protocol, runtime_checkable

from msgspec import Struct, field

from mig.budgets import Budgets
from mig.clock import Clock
from mig.model import Kind, Record, Ref

if TYPE_CHECKING:
    import httpx

# ---- what every platform is opened with ---------------------------------------------------------------------------


class Access(Struct, frozen=True):
    """How a platform may reach the world."""

    clock: Clock
    budgets: Budgets
    """Declare the platform's buckets here when it is opened; the HTTP client spends from them."""
    transport: httpx.AsyncBaseTransport | None = None  # type: ignore[name-defined, unused-ignore]  # httpx stays unimported
    """None: the real network."""
    meter: Counter[str] = field(default_factory=Counter)
    """What was asked of the platform, by method; the HTTP client counts."""


# ---- source: network at the rim, parse pure -----------------------------------------------------------------------


class Raw(Struct, frozen=True):
    """One native object, as the API gave it."""

    resource: str
    """Which of the source's resources: messages, customers ..."""
    id: str
    body: bytes
    changed_at: datetime | None = None
    gone: bool = False
    """The source says that it was deleted; the body may be empty."""


class Scope(Struct, frozen=True):
    """What a run is about."""

    kinds: frozenset[Kind] = frozenset()
    """Empty: all the source has."""
    since: datetime | None = None
    until: datetime | None = None
    """Both of the creation of conversations: `since` is in it, `until` is not."""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """agent, customer (ids or e-mail addresses), channel (names or groups), tag (names or ids), limit (one number).

    A source may read more than this: what is moved is decided over what was read.
    """

    @property
    def limit(self) -> int | None:
        """How many conversations at most; None: all."""
        given = self.filters.get("limit")
        return int(given[0]) if given else None


class Partition(Struct, frozen=True, order=True):
    """A part of the extraction that runs, resumes and is paced alone: ("messages", "archive")."""

    resource: str
    name: str = "all"
    whole: bool = False
    """It reads the same whatever the scope: every run goes on where the last one stopped."""


class Page(Struct, frozen=True):
    """What one request brought; committed together with the checkpoint."""

    rows: Sequence[Raw]
    checkpoint: bytes | None
    """Opaque: where the partition goes on; handed back after a crash, and as the start of the next run's delta."""


class Oddity(Struct, frozen=True):
    """A warning kept on a record: read, but not as it should be."""

    ref: Ref
    field: str
    why: str


class Parsed(Struct, frozen=True):
    """What one raw became."""

    records: Sequence[Record]
    warnings: Sequence[Oddity] = ()


class Source(Protocol):
    """A platform records are read from. Errors: `Refused`, `Paused`, `Unreadable` (one kind), `Unparseable` (parse)."""

    async def identity(self) -> str:
        """The organisation's id: it stands in every marker and binds the migration."""
        ...

    async def partitions(self, scope: Scope) -> Sequence[Partition]:
        """What must be read for this scope; a narrow one reads by id, not the whole organisation."""
        ...

    def extract(self, part: Partition, scope: Scope, checkpoint: bytes | None) -> AsyncIterator[Page]:
        """Pages of one partition, from the checkpoint on. A row may come twice; none may be left out.

        Raises:
            Unreadable: The endpoint refuses this key or does not exist; the run goes on without it.
        """
        ...

    def parse(self, raw: Raw) -> Parsed:
        """Pure: one raw becomes any number of records. Oddities are warnings, not errors.

        Raises:
            Unparseable: There is no record in it at all.
        """
        ...

    async def fetch(self, refs: Sequence[Ref]) -> Mapping[Ref, Raw]:
        """Read records by id; absent in the answer means gone at the source."""
        ...

    def ids(self, kind: Kind, scope: Scope) -> AsyncIterator[Sequence[tuple[str, datetime | None]]]:
        """Every id the source has of a kind, with its time of change: for the census and for deletions."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """The source can give the bytes of attachments."""

    def open_file(self, record: Record) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of an attachment, by a fresh address each time.

        Raises:
            Lost: They cannot be had, now or later (gone, redacted, an address that must not be followed).
            Unclear: They could not be had this time; also while they are read.
        """
        ...


# ---- mapper: pure in (record, what it looked up) ------------------------------------------------------------------


class Lookup(Protocol):
    """Any staged record but messages, notes and files. What was asked enters the digest of the record being mapped."""

    def __call__(self, ref: Ref) -> Record | None:
        """The record, or None when it is not staged."""
        ...

    def all(self, kind: Kind) -> Sequence[Record]:
        """Every record of a small kind: agent, tag, team, queue, attribute."""
        ...


class Fate(enum.StrEnum):
    """What becomes of a record."""

    LOAD = "load"
    ARCHIVE = "archive"
    SKIP = "skip"


class Loss(Struct, frozen=True):
    """What the target cannot hold of a record."""

    field: str
    outcome: str
    """changed, moved, archived or dropped."""
    why: str


class Decision(Struct, frozen=True):
    """What a mapper says of a record."""

    fate: Fate
    record: Record
    """The record as the target shall get it."""
    why: str = ""
    losses: Sequence[Loss] = ()


class Mapper(Protocol):
    """One link of the chain over neutral records."""

    def map(self, record: Record, look: Lookup) -> Decision | None:
        """Decide, or return None and leave it to the next in the chain."""
        ...


# ---- target: a unit (thread, person, article) is rendered whole into operations ------------------------------------

UnitKey = NewType("UnitKey", str)
"""`<kind>:<id>` of its oldest root; given at staging."""


class Place(Struct, frozen=True):
    """Under what a record stands on the target, and where in it."""

    parent: Ref | None
    """None: a root. A file names its message, a message its conversation; the engine follows to the top."""
    order: tuple[int, int, str]
    """Milliseconds, rank, id: the engine sorts by the orders along the way."""
    same_as: frozenset[str] = frozenset()
    """Roots that share one of these ("email:a@b") are one unit, the oldest first."""


class Unit(Struct, frozen=True):
    """What is rendered, delivered, counted and read back whole."""

    key: UnitKey
    records: Sequence[Record]
    """In order, its root or roots first; only those whose fate is load."""
    origin: str = ""
    """`<source platform>:<organisation id>`: stands in every marker."""


class Effect(enum.StrEnum):
    """What sending an operation twice does."""

    CREATE = "create"
    """Twice is two: after an unclear answer ask `find` first. Without a marker: start anew, never adopt a guess."""
    PUT = "put"
    """Twice is one: let a late one land, say it again."""
    FREE = "free"
    """Twice is harmless waste (an upload nobody refers to). The same request with the same bytes is sent once."""


class FromReceipt(Struct, frozen=True, tag=True):
    """What an operation's receipt says; filled in when sending, so that render stays pure."""

    op: str
    """Empty: no receipt, but with `value="fate"` what the mapping made of the record `of` (load, archive, skip)."""
    of: Ref | None = None
    """Any record: the engine goes to the unit it is in, also when merged into another. None: this unit."""
    value: str = "id"
    default: str | None = None
    required: bool = True


class File(Struct, frozen=True, tag=True):
    """Bytes of an attachment: the engine opens the source, spools them with limits, and hands them on (`Spooled`)."""

    ref: Ref


Body = Mapping[str, object]
"""JSON, in which FromReceipt and File may stand anywhere."""


class Operation(Struct, frozen=True, kw_only=True):
    """One request to make."""

    name: str
    """Stable inside its unit: birth, meta, message/65f1/part/2, state."""
    verb: str
    """The target's own word for the request."""
    effect: Effect
    body: Body
    carries: tuple[Ref, ...] = ()
    """A record is loaded when every operation that carries it is done."""
    marker: str | None = None
    """Made of (platform, organisation, kind, id, part), never of the journal: what makes it recognisable there."""
    fleeting: bool = False
    """The marker stands there only until the unit's next operation is said (in a title that becomes another): that one
    leaves when the journal has this one's answer."""
    phase: int = 0
    """FromReceipt points to earlier phases, or earlier in the unit: link cycles dissolve."""
    tail: bool = False
    """State, read mark: due again, durably, whenever anything in the unit is claimed."""
    after: tuple[Ref, ...] = ()
    """Records whose units are delivered before this one starts, though no value of theirs is needed."""
    cost: tuple[tuple[str, int], ...] = (("requests", 1),)
    """Names of budgets and how much of each."""


class Declined(Struct, frozen=True):
    """A record of the unit without an operation of its own, which only its neighbours show."""

    ref: Ref
    fate: Fate | None
    """LOAD: it lives in others (a tag in the segments of its threads); None: it waits (files are off)."""
    why: str


class Rendered(Struct, frozen=True):
    """What a unit becomes. Every record of it is carried or declined; anything else is a bug and quarantined."""

    operations: Sequence[Operation]
    declined: Sequence[Declined] = ()
    losses: Sequence[tuple[Ref, Loss]] = ()


class Origin(enum.StrEnum):
    """Who made what a receipt names; only CREATED is ever undone."""

    CREATED = "created"
    ADOPTED = "adopted"
    UNSURE = "unsure"


class Receipt(Struct, frozen=True):
    """Proof that an operation took effect, and what it answered."""

    values: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = Origin.CREATED
    unchanged: bool = False
    """It stood there already as it is wanted: nothing was written."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Digest per field of what we wrote last: it tells somebody's later edit from ours."""
    declined: str = ""
    """Why the target does not take what this carries (a file too large): those records are archived for it."""


class Spooled(Struct, frozen=True):
    """The bytes of a file on this machine, for as long as its operation is sent; or why there are none."""

    path: Path | None
    size: int = 0
    sha256: str = ""
    """Hexadecimal."""
    why: str = ""
    """Why the bytes cannot be had, now or later; empty: they are there."""


class Call(Struct, frozen=True):
    """An operation with everything filled in."""

    unit: UnitKey
    op: Operation
    body: Body
    files: Mapping[Ref, Spooled] = field(default_factory=dict)
    """Of every `File` in the body."""


class Keep(Struct, frozen=True):
    """What becomes of one field: render obeys it, verify compares by it, docs and the loss ledger print it."""

    how: str
    """exact | normal:<name> | moved:<place> | lost."""
    note: str = ""


class Stays(Struct, frozen=True):
    """A difference that an audit finds and no repair mends: nothing the plugin sends changes it there."""

    how: str
    """What a person does, beginning with a verb."""
    unasked: bool = False
    """Only where the source says nothing, and something stands there."""


class Capabilities(Struct, frozen=True):
    """What THIS workspace and plan can hold, learnt at open."""

    keeps: Mapping[tuple[Kind, str], Keep]
    read_lag_s: float
    """How long a read may lag behind a write."""
    request_life_s: float
    """How long after it was sent a request may still take effect: "absent" counts only after life + lag."""
    markless: frozenset[Kind] = frozenset()
    """Kinds of which nothing on the target says where it comes from: only the journal knows what is ours."""
    stays: Mapping[tuple[Kind, str], Stays] = {}
    """Where something else stands in a field than must, and saying it again leaves it; of a field's parts too; the
    empty field: of every field of the kind."""


class Present(Struct, frozen=True, kw_only=True):
    """A unit as it stands on the target, known by the marks found there: no journal is needed."""

    kind: Kind
    """Of its root."""
    target_id: str
    sources: Sequence[Ref] = ()
    """The roots it bears the marks of; none: it bears none, and somebody else made it."""
    records: Sequence[Record] = ()
    """As they stand there, the root first, then in order; one that stands twice comes twice. What a record says of
    others it says as `CanProve.expect` would."""
    flaws: Sequence[Oddity] = ()
    """What is wrong with a record and shows in none of its fields: a part that is not there, a mark that is not its."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Field of the root -> the target's own id of the unit it is tied to there (a thread's contact)."""
    foreign: int = 0
    """What people said in it on the target, without a mark of ours."""
    files: Sequence[str] = ()
    """Addresses of the files the root's text shows, as often and in the order it shows them."""
    whole: bool = True
    """False: as a list shows it; `read` shows the rest."""


class Target(Protocol):
    """A platform records are written to. Errors of `send`: NotApplied | Rejected | Unclear | Paused | Refused."""

    @property
    def capabilities(self) -> Capabilities:
        """What this workspace can hold."""
        ...

    async def identity(self) -> str:
        """The workspace's id: binds the migration."""
        ...

    async def prepare(self) -> None:
        """Called once before the first write of a run.

        Raises:
            Refused: The workspace is not safe to write to (something would mail a real customer).
        """
        ...

    def place(self, record: Record) -> Place:
        """Pure: under what this record stands, where in it."""
        ...

    def render(self, unit: Unit, look: Lookup) -> Rendered:
        """Pure: the whole list of operations that make this unit."""
        ...

    async def send(self, calls: Sequence[Call]) -> Sequence[Receipt]:
        """ONE request, or the few that a single operation needs; one receipt per call."""
        ...

    async def find(self, calls: Sequence[Call]) -> Mapping[tuple[UnitKey, str], Receipt]:
        """Ask whether doubtful CREATEs took effect: one read for many. A name left out is a clear no."""
        ...

    def where(self, receipts: Mapping[str, Receipt]) -> str:
        """Pure: the target's own id of a unit, from what its operations answered; empty: it never came to be."""
        ...

    async def read(self, kind: Kind, target_id: str) -> Present | None:
        """A unit back as neutral records, by the kind of its root; None when it is not there."""
        ...


class Expected(Struct, frozen=True):
    """What a unit must look like when it is read back."""

    records: Sequence[Record]
    """In order, the root (or the one several roots became) first: in the form `Present.records` has."""
    absent: Mapping[Ref, str] = field(default_factory=dict)
    """Records of the unit that stand nowhere by themselves, and why: nothing was left to write, no notes there."""
    merged: Mapping[Ref, Ref] = field(default_factory=dict)
    """Roots that became part of another."""
    held: frozenset[Ref] = frozenset()
    """Of the absent, those that others show: a picture in its article."""
    beside: Mapping[Ref, Ref] = {}
    """Of the absent, those that stand in another unit under their own mark, by its root: a note on its contact's."""
    files: Sequence[Ref | None] = ()
    """Of `held`, the files the root's text must show, in the order of `Present.files`; None: it is no record's."""


class Standing(Struct, frozen=True):
    """A page of what is on the target."""

    rows: Sequence[Present]
    checkpoint: bytes | None
    """Opaque: where the walk goes on."""


@runtime_checkable
class CanProve(Protocol):
    """The target can be verified: what is there can be listed, and said beforehand.

    `expect` is written from `keeps` and the platform's facts, and shares nothing with `render`: a fault they had in
    common would never show.
    """

    @property
    def stands(self) -> Sequence[Kind]:
        """The kinds that are roots of units there, in the order they are best walked."""
        ...

    def walk(self, kind: Kind, checkpoint: bytes | None) -> AsyncIterator[Standing]:
        """Everything of a kind on the target: ours, doubled, and what is not ours, in the largest pages there are."""
        ...

    def expect(self, unit: Unit, look: Lookup) -> Expected:
        """Pure: what `read` must show of a unit.

        Args:
            unit: As the mappers want it; only those whose fate is load.
            look: Everything else, as the mappers want it.
        """
        ...


class Adopted(Struct, frozen=True, kw_only=True):
    """An operation's effect, as it stands on the target."""

    receipt: Receipt
    """What the operation would have answered: CREATED where our own mark of birth proves it, else ADOPTED. `written`
    says of what is as it is wanted now the digest of that; of what differs, the digest of what stands there: a later
    `revise` takes it for ours, and brings it up to date."""
    same: bool
    """A `revise` by this receipt would write nothing."""
    others: int = 0
    """Things beside it that bear the same mark of birth."""


@runtime_checkable
class CanAdopt(Protocol):
    """The target can tell what an operation had for an effect, where the journal that knew it is lost.

    An agent's edit of what we wrote cannot be told from an older state of ours then, but by what else stands beside it.
    """

    async def adopt(self, call: Call, origin: str, places: Sequence[str]) -> Adopted | None:
        """Look whether the effect of an operation stands there; nothing is written.

        Args:
            call: As it would be sent, but without the bytes of files. What it needs of earlier ones is filled in from
                what those were adopted with.
            origin: `<source platform>:<organisation id>`; what bears the mark of another is not ours.
            places: The target's ids of what bears a mark of the unit's root, as far as `walk` shows it.

        Returns:
            What was found; None: its effect is not there, and it may be sent.
        """
        ...


@runtime_checkable
class CanRevise(Protocol):
    """The target can change what stands there already."""

    async def revise(self, call: Call, old: Receipt) -> Receipt:
        """The same operation with another body; somebody else's later edits are left alone."""
        ...


@runtime_checkable
class CanConclude(Protocol):
    """The target has something to say at the end of a run."""

    async def conclude(self) -> Sequence[str]:
        """Called once after the last write: what the person should know."""
        ...


class Finding(Struct, frozen=True, kw_only=True):
    """One line of `mig check`."""

    name: str
    """What was looked at."""
    state: str
    """ok; warn: it works, and the person should know; fail: a run would be refused or lose something."""
    text: str
    hint: str = ""
    """What to do about it."""


@runtime_checkable
class CanCheck(Protocol):
    """A source or target that can be looked over before a run. It writes nothing, unless it is told to."""

    def check(self, *, write: bool) -> AsyncIterator[Finding]:
        """Credentials, permission for each endpoint used, limits, and what could go wrong, one by one.

        Args:
            write: Something empty may be made and removed again, to measure what reading alone cannot tell.

        Raises:
            Refused: The rest cannot be asked.
        """
        ...


@runtime_checkable
class CanUndo(Protocol):
    """The target can take back what we created."""

    async def undo(self, name: str, verb: str, old: Receipt) -> bool:
        """Remove it; True also when it is gone already. False: a human was here, it is left alone."""
        ...


@runtime_checkable
class CanSpare(Protocol):
    """The target can tell what somebody has changed in what we made, where an undo of one operation could not."""

    async def edited(self, kind: Kind, receipts: Mapping[str, Receipt]) -> str:
        """Asked once before anything of a unit is taken back; what was changed is left whole.

        Args:
            kind: Of the unit's root.
            receipts: What its operations answered, by their names; those that are in doubt are left out.

        Returns:
            What somebody changed since, in words; empty: nothing, or nothing that could be told.
        """
        ...


# ---- what the hooks register ---------------------------------------------------------------------------------------


class SourceSpec(Struct, frozen=True):
    """A source platform."""

    name: str
    settings: type
    """A `mig.settings.Settings` Struct."""
    open: Callable[[Any, Access], AbstractAsyncContextManager[Source]]
    kinds: Mapping[Kind, type[Record]]
    resources: Mapping[str, Kind]
    """Resource -> kind: where a raw that cannot be parsed is counted."""
    channels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The groups chat, email, social, sms, voice -> the platform's own names, for `--channel`."""
    explain: Callable[[Record, Lookup], Sequence[str]] | None = None
    """Says a piece of configuration in words, for who rebuilds it: one fact a line, in plain text. What follows the
    first line break of a fact is quoted as it is, to be copied. Pure; it never raises, and tells no secret."""
    options: Callable[[Any, Mapping[str, int]], Sequence[str]] | None = None
    """What options of reading cost, a line each, for `mig plan`: from the settings, and messages per channel."""


class TargetSpec(Struct, frozen=True):
    """A target platform."""

    name: str
    settings: type
    open: Callable[[Any, Access], AbstractAsyncContextManager[Target]]
    keeps: Mapping[tuple[Kind, str], Keep] = field(default_factory=dict)
    """What docs print; a workspace may narrow it (Capabilities)."""
    normals: Mapping[str, Callable[[object], object]] = field(default_factory=dict)
    """The functions named by "normal:<name>" in keeps; pure."""
    asks: Mapping[str, str] = field(default_factory=dict)
    """What no API shows and a person must confirm under [acknowledged] in mig.toml before the first write."""
    address: Callable[[Any, str], str] | None = None
    """Where a person finds a conversation: from the settings and its id there."""
    letter: Callable[[Any, Mapping[str, int], Mapping[str, float]], str] | None = None
    """Makes a letter to the platform's support: from the settings, what a plan costs per budget, and the seconds."""
    by_hand: Mapping[Kind, str] = field(default_factory=dict)
    """What a person rebuilds, in the order to do it, and where it is set up: a sentence or two in plain text for each
    kind. Empty: nothing of this kind is to be rebuilt."""


class MapperSpec(Struct, frozen=True):
    """A mapper and where it stands in the chain."""

    source: str | None
    """None: any source."""
    target: str | None
    mapper: Callable[[Any], Mapper]
    """Makes the mapper from the target's settings."""
    front: int = 0
    """Higher stands in front."""


class SandboxOptions(Struct, frozen=True, kw_only=True):
    """What `mig sandbox NAME` was asked for."""

    port: int = 0
    dataset: Path | None = None
    """A JSON Lines file (.gz too) to serve."""
    generate: int | None = None
    """Make an organisation of this many customers instead."""
    seed: int = 0
    faults: str = ""
    limits: str = ""
    operators: Path | None = None
    """People who already work in a target's workspace."""
    switches: Mapping[str, str] = field(default_factory=dict)
    """What is unknown about the real platform, chosen: the sandbox documents its own."""


class RunningSandbox(Struct, frozen=True):
    """A sandbox that serves."""

    url: str
    """Its base, without a slash at the end."""
    environment: Mapping[str, str]
    """The settings by which mig reaches it."""
    control: Any = None
    """The sandbox object itself, for tests in the same process."""


class SandboxSpec(Struct, frozen=True):
    """A local stand-in of a platform."""

    name: str
    serve: Callable[[SandboxOptions], AbstractAsyncContextManager[RunningSandbox]]
