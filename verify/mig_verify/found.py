"""What an audit finds, and what it counts."""

from __future__ import annotations

from msgspec import Struct, field

from mig import Kind, Ref


class Found(Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be."""

    level: str
    """conservation, census, structure, values, bytes."""
    what: str
    """missing, extra, doubled, orphaned, mismatched."""
    kind: str
    source_id: str
    target_id: str = ""
    field: str = ""
    expected: object = None
    actual: object = None
    why: str = ""
    """The rule it breaks, or the reason that is known for it."""
    unit: str = ""

    @property
    def ref(self) -> Ref:
        """The record of the source it is about."""
        return Ref(Kind(self.kind), self.source_id)


class Tally(Struct):
    """What was counted of one kind."""

    source: int = 0
    target: int = 0
    accounted: int = 0
    compared: int = 0
    mismatched: int = 0
    missing: int = 0
    extra: int = 0
    doubled: int = 0
    orphaned: int = 0
    newer: int = 0
    foreign: int = 0
    pending: int = 0
    by: dict[str, int] = field(default_factory=dict)
    """Of what is accounted for: held (it stands there), merged, archived, skipped, elsewhere (others hold it)."""

    def account(self, how: str) -> None:
        """One more is accounted for."""
        self.accounted += 1
        self.by[how] = self.by.get(how, 0) + 1


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun; many: the plural, where it is not made by an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


class Tallies(dict[str, Tally]):
    """By kind."""

    def __missing__(self, kind: str) -> Tally:
        self[kind] = Tally()
        return self[kind]
