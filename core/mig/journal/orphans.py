"""Records whose parents are not there: who is asked for, and what is said of those that stay without a unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, literal, not_, or_, select, true, update

from mig.journal.schema import record
from mig.model import Ref

_PARENT = record.alias("parent")
_IS_PARENT = and_(
    _PARENT.c.migration == record.c.migration,
    _PARENT.c.kind == record.c.parent_kind,
    _PARENT.c.id == record.c.parent_id,
)
UNPARSED = and_(record.c.state == "failed", record.c.body == b"")
"""In quarantine for its own sake: nothing is known of it but its bytes."""


def missing_parents(connection: Connection, mig: int, after: Ref | None, limit: int = 1000) -> list[Ref]:
    """Parents that are named and not staged: a page of them, after the one given."""
    rows = connection.execute(
        select(record.c.parent_kind, record.c.parent_id)
        .distinct()
        .where(record.c.migration == mig, record.c.unit.is_(None), record.c.parent_id.is_not(None), ~_parent_is())
        .where(
            or_(
                record.c.parent_kind > (after.kind if after else ""),
                and_(
                    record.c.parent_kind == (after.kind if after else ""),
                    record.c.parent_id > (after.id if after else ""),
                ),
            )
        )
        .order_by(record.c.parent_kind, record.c.parent_id)
        .limit(limit)
    )
    return [Ref(row.parent_kind, row.parent_id) for row in rows]


def archive_orphans(connection: Connection, mig: int, unreadable: Iterable[str]) -> None:
    """Say of what still has no unit why, from the top down; in the next run its parent is looked for again.

    A parent that does not exist, or was deleted before its children came: they are archived. One in quarantine: they
    are too, and loaded once it is mended. One whose kind cannot be read: nobody knows, they wait.
    """
    orphaned = and_(
        record.c.migration == mig,
        record.c.unit.is_(None),
        record.c.parent_id.is_not(None),
        record.c.state != "gone",
        not_(UNPARSED),
    )

    def say(condition: ColumnElement[bool], **values: Any) -> int:
        found: int = connection.execute(update(record).where(orphaned, condition).values(**values)).rowcount
        return found

    say(true(), fate=None, state="staged", reason="")
    name = literal("its ") + record.c.parent_kind + literal(" ") + record.c.parent_id
    way_out = literal(" is quarantined: see `mig failures`. Correct it at the source, then run again.")
    # Only what is quarantined for its own sake: SQLite sees what the same statement said of other rows already.
    itself = or_(_PARENT.c.body == b"", _PARENT.c.parent_id.is_(None))
    say(_parent_is(_PARENT.c.state == "failed", itself), fate="load", state="failed", reason=name + way_out)
    say(_parent_is(_PARENT.c.state == "gone"), fate="archive", state="done", reason=name + literal(" was deleted"))
    here, closed = _parent_is(), record.c.parent_kind.in_(sorted(unreadable))
    say(and_(~here, closed), reason=name + literal(" cannot be read"))
    say(and_(~here, not_(closed)), fate="archive", state="done", reason=name + literal(" does not exist"))
    while say(and_(record.c.reason == "", _parent_is(_PARENT.c.reason != "")), **_of_parent()):
        pass  # what stands below those that were told of now
    say(record.c.reason == "", fate="archive", state="done", reason=name + literal(" stands in itself"))


def _parent_is(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_IS_PARENT, *conditions)


def _of_parent() -> dict[str, Any]:
    """What is said of the parent, which is said of its children too."""

    def its(column: Any) -> Any:
        return select(column).where(_IS_PARENT).scalar_subquery()

    why = its(_PARENT.c.reason)
    below = literal("its ") + record.c.parent_kind + literal(" is not moved: ") + why
    first = and_(its(_PARENT.c.fate) == "archive", why.not_like("% is not moved: %"))
    return {
        "fate": its(_PARENT.c.fate),
        "state": its(_PARENT.c.state),
        "reason": case((first, below), else_=why),
    }
