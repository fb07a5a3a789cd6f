"""A Lookup over a few records."""

from __future__ import annotations

from collections.abc import Sequence

import mig
from mig.model import AttributeDefinition, Kind, Ref


class Look:
    """What a mapper may ask."""

    def __init__(self, *records: mig.Record) -> None:
        self._records = {record.ref: record for record in records}

    def __call__(self, ref: Ref) -> mig.Record | None:
        return self._records.get(ref)

    def all(self, kind: Kind) -> Sequence[mig.Record]:
        return [record for ref, record in self._records.items() if ref.kind == kind]


def definition(name: str, label: str = "", of: Kind = mig.CONVERSATION) -> AttributeDefinition:
    """A custom attribute as the organisation declared it."""
    return AttributeDefinition(ref=Ref(mig.ATTRIBUTE, f"{of}.{name}"), of=of, name=name, label=label)
