"""What is unknown about the real platform, and what a test wants to happen: chosen by `--switch NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from mig_kustomer.sandbox.answers import ROW_CAP
from mig_kustomer.sandbox.clock import ORGANISATION_NOW, parse_instant

DEFAULT_KEY = "sandbox-key"

SWITCHES: dict[str, str] = {
    "key": f"the API key that is let in (default {DEFAULT_KEY}); a key beginning with `expired` never is",
    "clock": "where the organisation's clock stands when serving begins: an ISO time, or `now` (default 2026-10-01)",
    "forbid": "endpoint families that answer 403, joined by + or a comma: notes,teams; `search:note` forbids one "
    "queryContext of search",
    "unknown_keys": "what an unlisted search or sort key does: `reject` (400, default) or `ignore` (all match)",
    "company_keys": "`reject` refuses the undocumented company_updated_at and company_modified_at (default `accept`)",
    "inferred_operators": "`accept` allows not_equals, not_contains, not_in and is_set in searches (default `reject`)",
    "include_deleted": "`ignore` makes includeDeleted of searches have no effect (default `honour`)",
    "archive": "`all` lets archive search also return what is younger than two years (default `old`)",
    "line_gap": "seconds for which what has just passed the two-year line is in neither search nor archive (default 0)",
    "searched_files": "`shown` lets searches and archive search name the files of messages (default `hidden`)",
    "cap": "rows a list or a search shows at most (default 10000)",
    "users": "what GET /v1/users returns without a filter: `active` (default) or `all`",
    "gone_ids": "how a multi-id read answers when some ids are gone: `shorter` (default) or `404`",
    "merged_conversation": "what the source of a conversation merge answers by id: `404` (default) or `empty`",
    "reparent": "whether a merge moves updatedAt of the messages and notes it moves: `bump` (default) or `silent`",
    "business_rules": "`off` makes /v1/business-rules answer 404 (default `on`)",
    "attachment_rows": "`without_id` leaves the id out of rows of /v1/conversations/{id}/attachments, as the "
    "documented example does (default `with_id`)",
    "mail_html": "what /v1/postmark/messages/{id} answers: `on` (default), `403` or `404`",
    "timed_out": "share of search pages that are partial with meta.timed_out true, 0 to 1 (default 0)",
    "lag": "seconds until a change shows in searches (default 0)",
    "shift": "how many times a search page, once served in ascending updated_at order and followed by another, has its "
    "first record touched, so that everything after it moves up by one (default 0)",
    "dead": "share of attachments whose bytes are gone (404 at the signed URL), 0 to 1 (default 0)",
    "empty_errors": "`on` answers 4xx without a body (default `off`)",
    "latency": "seconds every API answer takes (default 0)",
    "tie": "only with a generated organisation: so many messages share one updatedAt (default 0)",
}

_CHOICES: dict[str, tuple[str, ...]] = {
    "unknown_keys": ("reject", "ignore"),
    "company_keys": ("accept", "reject"),
    "inferred_operators": ("reject", "accept"),
    "include_deleted": ("honour", "ignore"),
    "archive": ("old", "all"),
    "searched_files": ("hidden", "shown"),
    "users": ("active", "all"),
    "gone_ids": ("shorter", "404"),
    "merged_conversation": ("404", "empty"),
    "reparent": ("bump", "silent"),
    "business_rules": ("on", "off"),
    "attachment_rows": ("with_id", "without_id"),
    "mail_html": ("on", "403", "404"),
    "empty_errors": ("off", "on"),
}


class Switches(Struct, frozen=True, kw_only=True):
    """The switches, read and checked; each is described in `SWITCHES`."""

    key: str = DEFAULT_KEY
    clock: datetime = ORGANISATION_NOW
    forbid: frozenset[str] = frozenset()
    unknown_keys: str = "reject"
    company_keys: str = "accept"
    inferred_operators: str = "reject"
    include_deleted: str = "honour"
    archive: str = "old"
    line_gap: float = 0.0
    searched_files: str = "hidden"
    cap: int = ROW_CAP
    users: str = "active"
    gone_ids: str = "shorter"
    merged_conversation: str = "404"
    reparent: str = "bump"
    business_rules: str = "on"
    attachment_rows: str = "with_id"
    mail_html: str = "on"
    timed_out: float = 0.0
    lag: float = 0.0
    shift: int = 0
    dead: float = 0.0
    empty_errors: str = "off"
    latency: float = 0.0
    tie: int = 0


def read_switches(given: Mapping[str, str]) -> Switches:
    """Check the switches a sandbox was asked for.

    Raises:
        ValueError: An unknown name, or a value that is none of those the switch has.
    """
    values: dict[str, object] = {}
    for name, text in given.items():
        if name not in SWITCHES:
            raise ValueError(f"switch {name!r} is unknown to the Kustomer sandbox; known are {', '.join(SWITCHES)}")
        values[name] = _read(name, text)
    return Switches(**values)  # type: ignore[arg-type]  # each value was made for its field just above


def _read(name: str, text: str) -> object:
    if name in _CHOICES:
        if text not in _CHOICES[name]:
            raise ValueError(f"switch {name}={text!r}: choose {' or '.join(_CHOICES[name])}")
        return text
    if name == "clock":
        moment = datetime.now(UTC) if text == "now" else parse_instant(text)
        if moment is None:
            raise ValueError(f"switch clock={text!r} is neither an ISO time nor `now`")
        return moment
    if name == "forbid":
        return frozenset(filter(None, (part.strip() for part in text.replace("+", ",").split(","))))
    if name == "key":
        return text
    return _number(name, text)


def _number(name: str, text: str) -> float | int:
    try:
        value = int(text) if name in ("shift", "tie", "cap") else float(text)
    except ValueError:
        raise ValueError(f"switch {name}={text!r} is not a number") from None
    if value < 0 or (name == "cap" and value < 1) or (name in ("timed_out", "dead") and value > 1):
        raise ValueError(f"switch {name}={text!r} is out of range")
    return value
