"""The tree of errors; a class is named for what happened and decides what it does to the run.

MigError                    a message for a person: what happened, to which thing, then the way out
|-- Usage                   ends the command, exit 2: a flag, a setting, a journal that is not ours
|-- Refused                 ends the run, exit 3: credentials, permission, unreachable, journal locked, no disk
|-- Paused                  ends the run politely, exit 4: a quota is used up, run again later
|-- Unreadable              ends one kind, exit 1: the endpoint refuses it, the rest goes on
|-- RecordError             quarantines one record, exit 1
|   |-- Unparseable         at the source
|   |-- Rejected            at the target
|   `-- Lost                a file whose bytes will never be had: archived, and named where it belongs
|-- NotApplied              a request that certainly had no effect: it is sent again
`-- Unclear                 a request that may have had an effect: the target is asked before it is sent again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mig.platforms import Receipt


class MigError(Exception):
    """An error with a way out.

    Args:
        message: What happened, to which thing. Never a secret, a message body or an e-mail address.
        hint: What the person can do next; one or more lines.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Usage(MigError):
    """The command cannot mean what it says: exit 2, nothing was changed."""


class Refused(MigError):
    """The platform, the journal or the machine said no for the whole run: exit 3."""


class Paused(MigError):
    """A quota is used up: the run ends politely (exit 4) and goes on from here the next time.

    Args:
        message: Which budget is used up.
        hint: When to go on.
        retry_after_s: Seconds until another attempt makes sense, if the platform or our own counters tell.
    """

    def __init__(self, message: str, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class Unreadable(MigError):
    """One kind cannot be read (a role is missing, the endpoint is absent): the run goes on without it, exit 1."""


class RecordError(MigError):
    """One record cannot be moved: it is quarantined with its reason, the run goes on.

    Args:
        message: What is wrong with it.
        hint: The way out.
        field: Which field, as the platform names it; empty when the record as a whole is meant.
    """

    def __init__(self, message: str, hint: str = "", field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class Unparseable(RecordError):
    """The source's bytes cannot be read as a record."""


class Rejected(RecordError):
    """The target refuses what a record became (a 4xx that will not change by itself)."""


class Lost(RecordError):
    """The bytes of a file cannot be had, now or later: it is archived with this reason, and its place names it."""


class Postponed(MigError):
    """Something that one record needs is not to be had now: it waits for the next run.

    Nothing of it has taken effect, but for what a receipt tells.

    Nothing is wrong with the record, so it is never quarantined for this.

    Args:
        message: What fails.
        hint: When it is tried again.
        receipt: What stands by now, where part of it took effect; the rest is revised by it.
    """

    def __init__(self, message: str, hint: str = "", receipt: Receipt | None = None) -> None:
        super().__init__(message, hint)
        self.receipt = receipt


class NotApplied(MigError):
    """A request that certainly had no effect (429, refused connection): it is sent again later.

    Args:
        message: What the platform said.
        retry_after_s: Seconds to wait, when the platform names them.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unclear(MigError):
    """A request without a clear answer (reset, timeout, 5xx, garbled): it may still take effect within its life."""


def polite(group: BaseExceptionGroup[BaseException]) -> MigError | None:
    """The first error of a group of tasks, where each of them says what to do; None: one of them is a fault."""
    said, rest = group.split(MigError)
    if rest is not None or said is None:
        return None
    error: BaseException = said
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, MigError) else None
