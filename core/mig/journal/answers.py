"""What FREE operations were answered, by what they asked and the bytes they carried: nothing is uploaded twice."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from mig.journal.schema import answer
from mig.journal.staging import upsert
from mig.platforms import Receipt


def find(connection: Connection, mig: int, key: str) -> Receipt | None:
    """The answer an equal request got before, in any run of this migration."""
    text = connection.execute(select(answer.c.receipt).where(answer.c.migration == mig, answer.c.key == key)).scalar()
    return msgspec.json.decode(text, type=Receipt) if text else None


def save(connection: Connection, mig: int, key: str, receipt: Receipt) -> None:
    """Keep an answer for the next equal request."""
    row = {"migration": mig, "key": key, "receipt": msgspec.json.encode(receipt).decode()}
    upsert(connection, answer, [row], ("receipt",))
