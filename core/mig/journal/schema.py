"""The journal's tables. One file or database holds any number of migrations, each a (source, target) pair.

A `Word` is of our own making, a `Foreign` may hold whatever a desk holds (`text.py`).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)
from sqlalchemy.types import BigInteger

from mig.journal.text import Foreign, Word

SCHEMA = 1
"""Raised when a table changes; a journal of a newer one is refused."""

metadata = MetaData()
_serial = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up in SQLite

schema = Table("mig_schema", metadata, Column("version", Integer, primary_key=True))

migration = Table(
    "mig_migration",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("source", Foreign, nullable=False),
    Column("organisation", Foreign, nullable=False),
    Column("target", Foreign, nullable=False),
    Column("workspace", Foreign, nullable=False),
    Column("created_at", Word, nullable=False),
)
Index("mig_migration_pair", *(migration.c[n] for n in ("source", "organisation", "target", "workspace")), unique=True)


def _belongs() -> Column[int]:
    return Column("migration", _serial, ForeignKey("mig_migration.id"), primary_key=True)


raw = Table(
    "mig_raw",
    metadata,
    _belongs(),
    Column("resource", Foreign, primary_key=True),
    Column("id", Foreign, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zlib
    Column("digest", Word, nullable=False),
    Column("gone", Boolean, nullable=False, default=False),
)

record = Table(
    "mig_record",
    metadata,
    _belongs(),
    Column("kind", Foreign, primary_key=True),
    Column("id", Foreign, primary_key=True),
    Column("resource", Foreign, nullable=False),
    Column("raw_id", Foreign, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the neutral record as JSON; empty: it could not be parsed
    Column("digest", Word, nullable=False),  # of the neutral record, without what is only derived
    Column("changed_at", Word),
    Column("parent_kind", Foreign),
    Column("parent_id", Foreign),
    Column("own", Foreign, nullable=False),  # the order inside the parent, sortable as text
    Column("same_as", Foreign, nullable=False, default=""),  # identity keys, one a line
    Column("rank", Integer, nullable=False, default=0),  # of a root: what its unit gets
    Column("newest", BigInteger, nullable=False, default=0),
    Column("unit", Foreign),
    Column("ord", Foreign),  # the order inside the unit: the parents' orders, then its own
    Column("fate", Word),
    Column("reason", Foreign, nullable=False, default=""),
    Column("state", Word, nullable=False, default="staged"),  # staged sending done failed gone
    Column("mapped", Word),  # digest of what was decided last
    Column("merged_into", Foreign),
    Column("warnings", Foreign, nullable=False, default=""),
    Column("loaded_run", Integer),
    Column("updated_run", Integer),
)
Index("mig_record_unit", record.c.migration, record.c.unit, record.c.ord)
Index("mig_record_parent", record.c.migration, record.c.parent_kind, record.c.parent_id)
Index("mig_record_raw", record.c.migration, record.c.resource, record.c.raw_id)

unit = Table(
    "mig_unit",
    metadata,
    _belongs(),
    Column("key", Foreign, primary_key=True),
    Column("rank", Integer, nullable=False),  # lower is delivered earlier
    Column("newest", BigInteger, nullable=False),  # ms; higher is delivered earlier inside a rank
    Column("dirty", Boolean, nullable=False),  # something in it, or something it looked up, changed
    Column("version", Integer, nullable=False, default=0),  # how often it was marked dirty
    Column("looked", Word),  # digest of what it looked up when it was delivered last
)
Index("mig_unit_next", unit.c.migration, unit.c.dirty, unit.c.rank, unit.c.newest.desc(), unit.c.key)

identity = Table(
    "mig_identity",
    metadata,
    _belongs(),
    Column("key", Foreign, primary_key=True),
    Column("unit", Foreign, nullable=False),
)

need = Table(
    "mig_need",
    metadata,
    _belongs(),
    Column("unit", Foreign, primary_key=True),
    Column("ref", Foreign, primary_key=True),  # what the unit looked up: when it changes, the unit is dirty
)
Index("mig_need_ref", need.c.migration, need.c.ref)

operation = Table(
    "mig_operation",
    metadata,
    _belongs(),
    Column("unit", Foreign, primary_key=True),
    Column("name", Foreign, primary_key=True),
    Column("verb", Word, nullable=False),
    Column("effect", Word, nullable=False),
    Column("digest", Word, nullable=False),
    Column("state", Word, nullable=False),  # sending done due failed gone
    Column("marker", Foreign),
    Column("carries", Foreign, nullable=False, default=""),  # refs, one a line
    Column("tail", Boolean, nullable=False, default=False),
    Column("body", LargeBinary),  # while it is sending: what would be asked about after a crash
    Column("receipt", Foreign),
    Column("origin", Word),
    Column("orphans", Integer, nullable=False, default=0),  # unclear births that may have left something empty
    Column("epoch", Integer, nullable=False),  # the run that claimed it
)
Index("mig_operation_marker", operation.c.migration, operation.c.marker)
Index("mig_operation_state", operation.c.migration, operation.c.state)

answer = Table(
    "mig_answer",
    metadata,
    _belongs(),
    Column("key", Foreign, primary_key=True),  # of a request that is harmless waste when sent twice, with its bytes
    Column("receipt", Foreign, nullable=False),
)

selected = Table(
    "mig_selected",
    metadata,
    _belongs(),
    Column("unit", Foreign, primary_key=True),  # what the last narrowed run is about
    Column("walked", Boolean, nullable=False),  # what it refers to is selected too
)

checkpoint = Table(
    "mig_checkpoint",
    metadata,
    _belongs(),
    Column("resource", Foreign, primary_key=True),
    Column("name", Foreign, primary_key=True),
    Column("scope", Foreign, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

budget_use = Table(
    "mig_budget_use",
    metadata,
    Column("bucket", Foreign, primary_key=True),  # with the platform's account in it: migrations share a purse
    Column("window", BigInteger, primary_key=True),
    Column("used", BigInteger, nullable=False),
)

loss = Table(
    "mig_loss",
    metadata,
    _belongs(),
    Column("kind", Foreign, primary_key=True),
    Column("id", Foreign, primary_key=True),
    Column("field", Foreign, primary_key=True),
    Column("outcome", Word, nullable=False),
    Column("why", Foreign, nullable=False),
)

run = Table(
    "mig_run",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("migration", _serial, ForeignKey("mig_migration.id"), nullable=False),
    Column("started_at", Word, nullable=False),
    Column("ended_at", Word),
    Column("status", Word),
    Column("host", Foreign, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("report", Foreign),
)

look = Table(
    "mig_look",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("migration", _serial, ForeignKey("mig_migration.id"), nullable=False),
    Column("at", Word, nullable=False),
    Column("level", Word, nullable=False),
    Column("seed", BigInteger),
    Column("report", Foreign, nullable=False),
)
