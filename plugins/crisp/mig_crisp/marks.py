"""The marks by which mig recognises on Crisp what it put there (docs/api/crisp.md, section 11)."""

from __future__ import annotations

import hashlib
import re

from mig import Ref

_BIRTH = re.compile(r"^\[mig (?P<origin>[^\s\]]+) (?P<ref>[^\s\]]+)\]$")


def marker(origin: str, ref: Ref, part: int) -> str:
    """What names one message on Crisp, wherever and whenever it is rendered."""
    return f"{origin}/{ref}/{part}"


def fingerprint(mark: str) -> int:
    """A marker as a message's fingerprint: 1 .. 2^52, safe in a JavaScript number."""
    return 1 + int(hashlib.sha256(mark.encode()).hexdigest()[:13], 16)


def birth_line(origin: str, ref: Ref) -> str:
    """The last line of the notepad of a profile that mig created."""
    return f"[mig {origin} {ref}]"


def born_from(notepad: str) -> tuple[str, Ref] | None:
    """Who created a profile: the origin and the record of its birth line, or None when it is not ours."""
    lines = notepad.rstrip().splitlines()
    found = _BIRTH.match(lines[-1]) if lines else None
    return (found["origin"], Ref.parse(found["ref"])) if found and "/" in found["ref"] else None
