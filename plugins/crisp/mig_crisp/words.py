"""Whole lines of what mig itself says on the desk: written in one language, read in each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mig_crisp.words_catalog import CATALOG, Words

_HOLE = re.compile(r"\\\{\\\}")


def words_in(language: str) -> Words:
    """The catalog of a language, as `language` names it."""
    return CATALOG[language]


def file_line(name: str, why: str, language: str) -> str:
    """What stands in the place of a file whose bytes did not arrive.

    Args:
        name: Of the file.
        why: In English, as the journal has it.
        language: To say it in; a reason without a translation is told as it is.
    """
    words = CATALOG[language]
    return f"[{words.file}: {name}: {_other(why, words.reasons)}]"


def why_of(line: str, name: str) -> str | None:
    """The reason, in English, of such a line about a file of this name; None: it is no such line."""
    for words in CATALOG.values():
        head = f"[{words.file}: {name}: "
        if line.startswith(head) and line.endswith("]"):
            return _other(line[len(head) : -1], {theirs: ours for ours, theirs in words.reasons.items()})
    return None


def missing_line(file_id: str, words: Words) -> str:
    """The line for a file that the source names and does not have."""
    return f"[{words.file}: {words.not_found}, {file_id}]"


def _other(why: str, templates: Mapping[str, str]) -> str:
    """A reason by its template; what fits none stays."""
    for template, other in templates.items():
        found = re.fullmatch(_HOLE.sub("(.+)", re.escape(template)), why, re.DOTALL)
        if found is not None:
            return other.format(*found.groups()) if found.groups() else other
    return why
