"""Where articles and categories belong in a help centre: its locales, their place on the shelves, their slugs."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from mig import Article, Category, Lookup, Ref
from mig_crisp.settings import CrispSettings

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_HASH = re.compile(r"[a-z0-9]{6,24}")
_LONGEST_SLUG = 80
_LEFT_OUT = " / ... / "
MAX_NAME = 250
"""Characters of a title or name. [inferred: no limit is documented]"""
_DEEPEST = 64
"""Shelves above one another; more are a circle, or nobody's help centre."""


def locale_of(language: str, settings: CrispSettings) -> str:
    """The locale a language goes to: ISO 639-1 (docs/api/crisp.md, section 9); empty: it has none."""
    named = settings.help_locales.get(language)
    if named is not None:
        return named
    head = re.split(r"[-_]", language.strip().lower())[0]
    return head if re.fullmatch(r"[a-z]{2}", head) else ""


def slug_of(record: Article | Category) -> str:
    """The last part of its path: its slug and the hash by which its old address ends, unique in a locale.

    `[a-z0-9-]` only (docs/api/crisp.md, section 9): of a slug in another script nothing but the hash is left.
    """
    plain = unicodedata.normalize("NFKD", record.slug or (record.title if isinstance(record, Article) else record.name))
    stem = _NOT_SLUG.sub("-", plain.encode("ascii", "ignore").decode().lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    told = str(record.extra.get("hash") or "").lower()
    tail = told if _HASH.fullmatch(told) else hashlib.sha256(str(record.ref).encode()).hexdigest()[:9]
    return f"{stem}-{tail}" if stem else tail


def shelves(category: Category, look: Lookup) -> list[Category]:
    """The shelves from the top down to this one; `look` knows them as they are wanted on the target."""
    found = [category]
    while (parent := found[0].parent) is not None and len(found) < _DEEPEST:
        above = look(parent)
        if not isinstance(above, Category) or above.ref in [one.ref for one in found]:
            break
        found.insert(0, above)
    return found


def joined_name(chain: Sequence[Category]) -> str:
    """The names of several floors as that of one; where it is too long those between are left out, its own is not."""
    whole = " / ".join(one.name for one in chain)
    if len(whole) <= MAX_NAME:
        return whole
    own = chain[-1].name
    return f"{chain[0].name[: max(MAX_NAME - len(own) - len(_LEFT_OUT), 0)]}{_LEFT_OUT}{own}"[-MAX_NAME:]


def is_circle(category: Category, look: Lookup) -> bool:
    """Whether a category stands on itself."""
    above, seen = category.parent, {category.ref}
    while above is not None:
        if above in seen:
            return True
        seen.add(above)
        found = look(above)
        above = found.parent if isinstance(found, Category) else None
    return False


def position_in(parent: Mapping[str, Any], names: Sequence[str], group: str) -> int | None:
    """Where a source's id stands in one of the lists of its parent; None: in none.

    Args:
        parent: What the source says of the parent beyond the fields.
        names: The lists, the first that holds the id decides.
        group: The id.
    """
    for name in names:
        rows = parent.get(name)
        for index, row in enumerate(rows if isinstance(rows, list) else []):
            if group in ((row, row.get("id")) if isinstance(row, Mapping) else (row,)):
                return index
    return None


def ref_of(record: Article | Category, language: str) -> Ref:
    """The same thing in another language."""
    return Ref(record.ref.kind, f"{record.group}.{language}")
