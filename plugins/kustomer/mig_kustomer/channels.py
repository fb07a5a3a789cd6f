"""Channels by group, for filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CHANNELS: Mapping[str, Sequence[str]] = {
    "chat": ("chat",),
    "email": ("email",),
    "sms": ("sms",),
    "social": ("facebook", "twitter-dm", "twitter-tweet", "instagram", "instagram-comment", "whatsapp"),
    "voice": ("voice",),
}
"""The groups of `--channel` -> names of Kustomer's (docs/api/kustomer.md, sections 5 and 7.3)."""

SEARCHED = frozenset(
    ("sms", "chat", "email", "facebook", "voice", "twitter-dm", "twitter-tweet", "instagram", "whatsapp")
)
"""Channels that search knows; conversations of others are found without naming any (section 5)."""
