"""An old, closed thread as one private note: for those whom the daily quota would cost months otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mig import Agent, Contact, Conversation, Lookup, Message, Note, Record
from mig_crisp.settings import CrispSettings, HistoryRule
from mig_crisp.text import clean
from mig_crisp.words_catalog import Words


def is_transcript(conversation: Conversation, records: Sequence[Record], settings: CrispSettings) -> bool:
    """Whether the first rule of `history` that fits a thread makes a transcript of it.

    Args:
        conversation: Only a closed one is told as one note.
        records: What stands in it; the last of it says how old the thread is.
        settings: With the rules.
    """
    if conversation.status != "done":
        return False
    times = [when for when in map(_when, records) if when is not None]
    if not times:
        return False
    rule = next((rule for rule in settings.history if _fits(rule, conversation, max(times))), None)
    return rule is not None and rule.how == "transcript"


def transcript(conversation: Conversation, records: Sequence[Record], look: Lookup, words: Words) -> str:
    """A thread in words: who said what when, private notes marked as such."""
    paragraphs = []
    for record in records:
        if not isinstance(record, Message | Note):
            continue
        when = _when(record)
        stamp = when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if when else "undated"
        subject = record.subject.strip() if isinstance(record, Message) else ""
        text = "\n".join(filter(None, (f"{words.subject}: {subject}" if subject else "", record.text.strip())))
        if isinstance(record, Message) and record.redacted:
            text = f"{text}\n{words.redacted_here}".strip()
        if text:
            paragraphs.append(f"[{stamp}] {_speaker(record, conversation, look, words)}:\n{text}")
    return "\n\n".join(paragraphs)


def _speaker(record: Message | Note, conversation: Conversation, look: Lookup, words: Words) -> str:
    if isinstance(record, Message) and record.side == "in":
        ref = record.contact or conversation.contact
        contact = look(ref) if ref is not None else None
        name = clean(contact.name).strip() if isinstance(contact, Contact) else ""
        return f"{name or words.customer} ({record.channel or words.customer})"
    agent = look(record.author) if record.author is not None else None
    name = clean(agent.name).strip() if isinstance(agent, Agent) else ""
    where = words.private_note if isinstance(record, Note) else record.channel or words.team
    return f"{name or words.team} ({where})"


def _when(record: Record) -> datetime | None:
    if isinstance(record, Message):
        return record.sent_at
    return record.written_at if isinstance(record, Note) else None


def _fits(rule: HistoryRule, conversation: Conversation, last: datetime) -> bool:
    before = rule.closed_before
    return (not rule.channels or bool(set(rule.channels) & set(conversation.channels))) and (
        before is None or last < before
    )
