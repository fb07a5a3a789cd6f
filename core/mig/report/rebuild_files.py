"""The guide as Markdown and as HTML; whatever the desk's titles and texts hold stays text in both."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mig.errors import Refused
from mig.report.house import house
from mig.report.rebuild import Guide, Item, Section
from mig.report.words import escaped, fenced

INTRO = (
    "No API creates these things on the target, so nothing has created them. They stand in the order to do them:"
    " first what others need. Tick off what is done. Everything there is of them lies in the"
    " archive, under records."
)
OFF = "Switched off or deleted at the source: most likely nothing to do."
NOTHING = "There is nothing to rebuild: the journal holds no configuration."


def markdown(guide: Guide) -> Iterator[str]:
    """The guide as Markdown, part by part."""
    yield f"# To rebuild by hand: {escaped(guide.source)} to {escaped(guide.target)}\n\n"
    yield f"{INTRO if guide.sections else NOTHING}\n"
    live = [section for section in guide.sections if section.open]
    if live:
        yield "\n" + "".join(f"{number}. {escaped(one.heading)}: {one.open:,}\n" for number, one in enumerate(live, 1))
    for number, section in enumerate(live, 1):
        yield f"\n## {number}\\. {escaped(section.heading)}\n\n"
        yield from _section(guide, section, off=False)
    yield from _folded(guide, [section for section in guide.sections if section.off])


def _folded(guide: Guide, sections: list[Section]) -> Iterator[str]:
    if not sections:
        return
    count = sum(section.off for section in sections)
    yield f"\n## Out of use\n\n<details>\n<summary>{count:,} more. {OFF}</summary>\n"
    for section in sections:
        yield f"\n### {escaped(section.heading)}\n\n"
        yield from _section(guide, section, off=True)
    yield "\n</details>\n"


def _section(guide: Guide, section: Section, *, off: bool) -> Iterator[str]:
    if section.how and not off:
        yield f"{escaped(section.how)}\n\n"
    for item in guide.items(section, off=off):
        yield "\n".join(_item(item)) + "\n"


def _item(item: Item) -> Iterator[str]:
    yield f"- [ ] **{escaped(item.title)}** (id {escaped(item.id)})"
    for fact in item.facts:
        yield f"  - {escaped(fact.text)}"
        if fact.quoted:
            yield ""
            yield from fenced(fact.quoted, "    ")
            yield ""


def html(guide: Guide) -> Iterator[str]:
    """The guide as one page, part by part."""
    live = [(section, guide.items(section, off=False)) for section in guide.sections if section.open]
    off = [(section, guide.items(section, off=True)) for section in guide.sections if section.off]
    view = {
        "guide": guide,
        "intro": INTRO if guide.sections else NOTHING,
        "live": live,
        "off": off,
        "off_count": sum(section.off for section, _ in off),
        "off_words": OFF,
        "open_count": sum(section.open for section, _ in live),
    }
    room, style = house("rebuild.css")
    yield from room.get_template("rebuild.html").generate({**view, **style})


@contextlib.contextmanager
def private(path: Path) -> Iterator[TextIO]:
    """A file that its owner alone may read, from its first byte.

    Raises:
        Refused: It cannot be written.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.fchmod(handle, 0o600)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", "Name another file.") from error
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as sheet:
        yield sheet
