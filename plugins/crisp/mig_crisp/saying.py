"""What is said in a thread: parts with their marks and times, the same wherever and whenever they are rendered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mig import Effect, FromReceipt, Operation, Ref, epoch_ms
from mig_crisp.data import Value
from mig_crisp.marks import fingerprint, marker
from mig_crisp.render_files import REQUEST
from mig_crisp.settings import CrispSettings
from mig_crisp.text import MAX_KEY, escape, parts, slug

SESSION = FromReceipt("birth")


class Saying:
    """Makes the messages of one unit.

    Args:
        origin: Stands in every mark.
        settings: The target's.
    """

    def __init__(self, origin: str, settings: CrispSettings) -> None:
        self._origin = origin
        self._settings = settings
        self._prints: set[int] = set()

    def said_as(
        self,
        ref: Ref,
        when: datetime | None,
        channel: str,
        text: str,
        fields: dict[str, Any],
        properties: dict[str, Value],
    ) -> list[Operation]:
        """A text in as many parts as it needs, each with the record's own time."""
        pieces = parts(text, self._settings.max_text)
        if len(pieces) > 1:
            properties = {**properties, "source_parts": len(pieces)}
        rows = []
        for part, piece in enumerate(pieces, 1):
            only_first = {} if part == 1 else {"original": None}
            body = self.body(ref, part, when, channel, piece, {**fields, **only_first}, properties)
            rows.append(self.say(ref, part, body))
        return rows

    def body(
        self,
        ref: Ref,
        part: int,
        when: datetime | None,
        channel: str,
        content: str,
        fields: dict[str, Any],
        properties: dict[str, Value],
    ) -> dict[str, Any]:
        """One message of a record, as the API takes it (docs/api/crisp.md, section 4)."""
        return {
            **{key: value for key, value in fields.items() if value is not None},
            "origin": origin_of(channel),
            "content": content,
            "timestamp": epoch_ms(when) if when is not None else 0,
            "properties": {**properties, "source": self._origin, "source_id": str(ref), "source_part": part},
        }

    def say(self, ref: Ref, part: int, message: dict[str, Any]) -> Operation:
        """The operation that sends it, recognisable by its fingerprint (section 11)."""
        mark = marker(self._origin, ref, part)
        if fingerprint(mark) in self._prints:
            mark += "/2"
        self._prints.add(fingerprint(mark))
        return Operation(
            name=f"{ref}/part/{part}",
            verb="conversation.message",
            effect=Effect.CREATE,
            body={"session": SESSION, "message": {**message, "fingerprint": fingerprint(mark)}},
            carries=(ref,),
            marker=mark,
            cost=REQUEST,
        )

    def words(self, text: str) -> str:
        """A text as it is sent; empty: there is nothing to say."""
        if not text.strip():
            return ""
        return escape(text) if self._settings.escape_markdown else text

    def spread(self, rows: list[Operation]) -> list[Operation]:
        """With `spread_ties`: a millisecond more for each that would tie, where that overtakes nothing."""
        if not self._settings.spread_ties:
            return rows
        said = [row for row in rows if "message" in row.body]
        spread, last = [row for row in rows if "message" not in row.body], -1
        times = [time_of(row) for row in said]
        for index, row in enumerate(said):
            following = next((time for time in times[index + 1 :] if time > times[index]), None)
            wanted = max(times[index], last + 1)
            last = wanted if following is None or wanted < following else max(times[index], last)
            spread.append(_at(row, last))
        return spread


def origin_of(channel: str) -> str:
    """A channel as the origin of a message: Crisp's own two, else a URN that names it."""
    if channel in ("chat", "email"):
        return channel
    return f"urn:mig:{slug(channel)[:MAX_KEY] or 'unknown'}:0"


def is_from_user(row: Operation) -> bool:
    """Whether a row is said from the customer's side."""
    message = row.body.get("message")
    return isinstance(message, dict) and message["from"] == "user"


def print_of(row: Operation) -> int:
    """Its fingerprint."""
    message = row.body["message"]
    assert isinstance(message, dict)
    return int(message["fingerprint"])


def time_of(row: Operation) -> int:
    """Its time in milliseconds."""
    message = row.body["message"]
    assert isinstance(message, dict)
    return int(message["timestamp"])


def _at(row: Operation, ms: int) -> Operation:
    message = row.body["message"]
    assert isinstance(message, dict)
    return msgspec.structs.replace(row, body={**row.body, "message": {**message, "timestamp": ms}})
