"""What the journal says of adoptions: runs that rebuild a lost journal from what stands on the target."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from mig.journal.schema import operation, run

ADOPTING = "adopting"
"""The status of an adoption under way; of one that did not come to its end it is how the status begins."""
ADOPTED = '"adopted":true'
"""In the summary of one that did."""


def ended(status: str) -> str:
    """The status an adoption ends with, of how its run ended."""
    return status if status == "completed" else f"{ADOPTING}, {status}"


def is_unfinished(connection: Connection, mig: int) -> bool:
    """Whether an adoption was begun and none has come to its end since: what stands on the target is not known yet."""
    begun = select(func.max(run.c.id)).where(run.c.migration == mig, run.c.status.startswith(ADOPTING))
    done = select(func.max(run.c.id)).where(run.c.migration == mig, _is_done())
    last = connection.execute(begun).scalar()
    return last is not None and last > (connection.execute(done).scalar() or 0)


def knows_more(connection: Connection, mig: int) -> bool:
    """Whether the journal holds operations that no adoption has put there: it is not a lost one."""
    adoptions = select(run.c.id).where(run.c.migration == mig, or_(run.c.status.startswith(ADOPTING), _is_done()))
    found = select(operation.c.unit).where(operation.c.migration == mig, operation.c.epoch.not_in(adoptions))
    return connection.execute(found.limit(1)).first() is not None


def forget_unsettled(connection: Connection, mig: int) -> None:
    """What an earlier adoption has not found as it is wanted is looked at again: nothing of it was ever sent."""
    connection.execute(delete(operation).where(operation.c.migration == mig, operation.c.state != "done"))


def _is_done() -> ColumnElement[bool]:
    return and_(run.c.status == "completed", run.c.report.contains(ADOPTED, autoescape=True))
