"""What a person must rebuild by hand, in the order to do it: the guide, and the files it is written into.

It names agents with their addresses, for they are to be invited: it is personal data, as the archive it lies in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from mig.journal import counts
from mig.journal.store import Journal
from mig.model import (
    AGENT,
    ATTRIBUTE,
    BUSINESS_RULE,
    CHANNEL,
    CONTACT,
    CONVERSATION,
    HELP_ADDRESS,
    HOOK,
    MESSAGE,
    QUEUE,
    SAVED_SEARCH,
    SHORTCUT,
    SLA,
    TEAM,
    TYPES,
    Config,
    Kind,
    Record,
)
from mig.platforms import Fate, SourceSpec, TargetSpec
from mig.report import neutral
from mig.report.look import Staged
from mig.report.order import heading
from mig.report.words import block, one_line

_ORDER = (TEAM, AGENT, QUEUE, ATTRIBUTE, CHANNEL, SHORTCUT, SLA, BUSINESS_RULE, SAVED_SEARCH, HOOK)
"""Where the target says nothing: first what others need."""
_OF_PEOPLE = (CONVERSATION, CONTACT, MESSAGE)
"""What belongs to one of these (a draft) is no part of the desk."""
_DIGITS = re.compile(r"([0-9]+)")
NOT_TOLD = "It could not be told in words: the archive has it whole."


class Fact(Struct, frozen=True):
    """One thing to know of an item."""

    text: str
    quoted: str = ""
    """To be copied as it is."""


class Item(Struct, frozen=True):
    """Something to rebuild."""

    title: str
    id: str
    facts: Sequence[Fact]


class Section(Struct, frozen=True):
    """Everything of a kind."""

    kind: Kind
    heading: str
    how: str
    """Where it is set up."""
    open: int
    """Items that are in use."""
    off: int
    """Items that are switched off or deleted."""


class Guide:
    """What is to be rebuilt of a migration, read from its journal.

    Args:
        journal: Open.
        mig: The migration's number.
        source: Says its configuration in words; None: its plugin is not there.
        target: Says where things are set up; None: likewise.
    """

    def __init__(self, journal: Journal, mig: int, source: SourceSpec | None, target: TargetSpec | None) -> None:
        kinds = {**TYPES, **(source.kinds if source is not None else {})}
        self._staged = self.look = Staged(journal, mig, kinds)
        self._explain = source.explain if source is not None else None
        self._how: Mapping[Kind, str] = target.by_hand if target is not None else {}
        self._config = [kind for kind, type_ in kinds.items() if issubclass(type_, Config)]
        self.sections = [found for found in map(self._section, self._kinds()) if found.open or found.off]
        with journal.reading() as connection:
            (row,) = (row for row in counts.migrations(connection) if row.id == mig)
        self.source, self.target = row.source, row.target

    def items(self, section: Section, *, off: bool) -> Iterator[Item]:
        """Those of a section that are in use, or those that are not; by title."""
        found = [(record, title) for record, title, is_off in self._records(section.kind) if is_off is off]
        for record, title in sorted(found, key=lambda one: (_natural(one[1]), one[0].ref.id)):
            yield Item(one_line(title) or "(without a name)", one_line(record.ref.id), self._facts(record))

    def _kinds(self) -> Iterable[Kind]:
        there = set(self._staged.kinds())
        named = self._how or dict.fromkeys(_ORDER, "")
        wanted = [kind for kind, how in named.items() if how or not self._how]
        rest = [kind for kind in (*self._config, HELP_ADDRESS) if kind not in named]
        return [kind for kind in dict.fromkeys((*wanted, *rest)) if kind in there]

    def _section(self, kind: Kind) -> Section:
        states = [is_off for _, _, is_off in self._records(kind)]
        return Section(kind, heading(kind), self._how.get(kind, ""), states.count(False), states.count(True))

    def _records(self, kind: Kind) -> Iterator[tuple[Record, str, bool]]:
        """What of a kind is to be rebuilt: the record, its title, and whether it is out of use."""
        for row, record in self._staged.of(kind):
            if row.fate == Fate.LOAD and kind != ATTRIBUTE:
                continue
            if isinstance(record, Config) and record.parent is not None and record.parent.kind in _OF_PEOPLE:
                continue
            yield record, neutral.title(record, self.look), neutral.is_off(record)

    def _facts(self, record: Record) -> Sequence[Fact]:
        told: Sequence[str]
        if not isinstance(record, Config):
            told = neutral.facts(record, self.look)
        elif self._explain is None:
            told = [NOT_TOLD]
        else:
            try:
                told = list(self._explain(record, self.look))
            except Exception:  # a plugin's fault costs the words of one item, not the guide
                told = [NOT_TOLD]
        return [_fact(text) for text in told if text.strip()]


def _natural(text: str) -> list[tuple[int, str]]:
    """A text to sort by, in which 2 goes before 10."""
    return [
        (int(part[:300]) if part.isascii() and part.isdecimal() else -1, part)
        for part in _DIGITS.split(text.lower())
        if part
    ]


def _fact(text: str) -> Fact:
    line, _, quoted = text.partition("\n")
    return Fact(one_line(line, 4_000), block(quoted))


# ---- files -----------------------------------------------------------------------------------------------------------


class Sheet(Protocol):
    """Takes text."""

    def write(self, text: str, /) -> object:
        """Take it."""
        ...


Writing = Callable[[str], AbstractContextManager[Sheet]]
"""Opens a file of the folder by its name."""


def write_rebuild(
    folder: Path,
    journal: Journal,
    mig: int,
    source: SourceSpec | None,
    target: TargetSpec | None,
    *,
    name: str = "REBUILD",
    writing: Writing | None = None,
) -> list[Section]:
    """Write the guide, as `<name>.md` and `<name>.html`; the same for the same journal.

    Args:
        folder: Where to.
        journal: Open.
        mig: The migration's number.
        source: The source's spec; None: its plugin is not installed.
        target: The target's, likewise.
        name: Of the files, without a suffix.
        writing: Opens each file by its name, for a folder that keeps account of what is in it; without it they are
            written here, readable by their owner alone.

    Returns:
        What there is to rebuild.

    Raises:
        Refused: A file cannot be written.
    """
    from mig.report.rebuild_files import html, markdown, private

    guide = Guide(journal, mig, source, target)
    opened = writing or (lambda file: private(folder / file))
    with opened(f"{name}.md") as sheet:
        for part in markdown(guide):
            sheet.write(part)
    with opened(f"{name}.html") as sheet:
        for part in html(guide):
            sheet.write(part)
    return guide.sections
