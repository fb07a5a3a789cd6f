"""Old threads told as one note: which, and what it says (docs/running.md, "Old threads as transcripts")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mig import Conversation, Message, Ref, epoch_ms, from_epoch_ms
from mig_crisp.forms import gone_line
from mig_crisp.settings import HistoryRule
from mig_crisp.text import escape
from mig_crisp.words_catalog import Words

if TYPE_CHECKING:
    from mig_crisp.expect_thread import Said


def fits(root: Conversation, last: int, rules: Sequence[HistoryRule]) -> bool:
    """Whether a thread is told as one note: the first rule that fits a closed one decides.

    Args:
        root: The conversation.
        last: When the last thing in it was said, in milliseconds.
        rules: As given.
    """
    if root.status != "done":
        return False
    for rule in rules:
        is_old = rule.closed_before is None or last < epoch_ms(rule.closed_before)
        if is_old and (not rule.channels or set(rule.channels) & set(root.channels)):
            return rule.how == "transcript"
    return False


def transcript(said: Sequence[Said], names: Mapping[Ref, str], words: Words, *, escaped: bool) -> str:
    """The note that holds a thread: a block for each that has words, then a line for each file that is not there."""
    blocks = [block for one in said if (block := _block(one, names[one.record.ref], words))]
    shown = [escape(block) if escaped else block for block in blocks]
    return "\n\n".join([*shown, *(gone_line(name, words) for one in said for name in one.lost)]) or words.files_only


def _block(one: Said, name: str, words: Words) -> str:
    """One message or note under its time, author and channel."""
    record, lines = one.record, []
    where = words.private_note
    if isinstance(record, Message):
        where = record.channel or (words.customer if record.side == "in" else words.team)
        lines += [f"{words.subject}: {subject}"] if (subject := record.subject.strip()) else []
    lines += [record.text.strip()] if record.text.strip() else []
    lines += [words.redacted_here] if one.redacted else []
    if not lines:
        return ""
    when = from_epoch_ms(one.at).strftime("%Y-%m-%d %H:%M:%S")
    return "\n".join([f"[{when}] {name} ({where}):", *lines])
