"""The envelope every answer comes in, and the refusals with their documented reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Json = dict[str, Any]


class Answer(Struct, frozen=True):
    """What a call is answered."""

    status: int
    reason: str
    data: Any = None
    """None stands for the empty object."""


def envelope(answer: Answer) -> Json:
    """The body that carries an answer."""
    data = {} if answer.data is None else answer.data
    return {"error": answer.status >= 400, "reason": answer.reason, "data": data}


class Refusal(Exception):
    """The call is refused; nothing was applied."""

    def __init__(self, status: int, reason: str, message: str | None = None) -> None:
        super().__init__(reason)
        self.answer = Answer(status, reason, None if message is None else {"message": message})


def invalid(message: str) -> Refusal:
    """400: what is sent is not what the schema asks for.

    The words "Got response error: " before such a message on the API page are the official clients' own: both put
    them there themselves.
    """
    return Refusal(400, "invalid_data", message)


def missing(thing: str) -> Refusal:
    """404: there is no such session, people, message ..."""
    return Refusal(404, f"{thing}_not_found")


def not_allowed(message: str | None = None) -> Refusal:
    """403: not with this key."""
    return Refusal(403, "not_allowed", message)


def upgrade(message: str) -> Refusal:
    """402: the plan lacks it."""
    return Refusal(402, "subscription_upgrade_required", message)


def added(data: Mapping[str, Any] | None = None) -> Answer:
    """201: created."""
    return Answer(201, "added", data)


def dispatched(data: Mapping[str, Any] | None = None) -> Answer:
    """202: accepted, on its way."""
    return Answer(202, "dispatched", data)


def updated() -> Answer:
    """200: changed."""
    return Answer(200, "updated")


def deleted() -> Answer:
    """200: gone."""
    return Answer(200, "deleted")


def resolved(data: Any) -> Answer:
    """200: one object, read."""
    return Answer(200, "resolved", data)


def listed(data: list[Any]) -> Answer:
    """206: one page of a list."""
    return Answer(206, "listed", data)


#: What the platform answers when it, or what stands before it, is in trouble.
TROUBLE = {420: "enhance_your_calm", 423: "quota_limit_exceeded", 429: "rate_limited"}


def trouble(status: int) -> Answer:
    """The platform's own answer for 420, 423, 429 and 5xx."""
    return Answer(status, TROUBLE.get(status, "internal_error"))
