"""What a customer answered about a conversation: it stands in the conversation's own row."""

from __future__ import annotations

from typing import Any

from mig import AGENT, RATING, Oddity, Rating, Record, Ref
from mig_kustomer.reading import Reading, as_time


def rating(row: Reading, contact: Ref | None) -> list[Record]:
    """The rating in a conversation's `satisfactionLevel` (docs/api/kustomer.md, sections 7.2 and 7.14).

    Every conversation has such a part; it is a rating only when it has a rating, a score or a response. Its id is that
    of the conversation: a conversation has one, while a response may be named by several, or by none. The response's
    own id stands in `extra` as `response`.

    Args:
        row: The conversation; what becomes a rating is taken from it.
        contact: Whom it is with.
    """
    level = row.attributes.peek("satisfactionLevel")
    if not isinstance(level, dict) or all(
        level.get(name) in (None, "") for name in ("rating", "score", "formResponse")
    ):
        if level is not None and not isinstance(level, dict):
            row.attributes.part("satisfactionLevel")  # stays, and is doubted
        return []
    row.attributes.mapping("satisfactionLevel")
    # A Reading of its own, so that `extra` is made of it as it is of a resource.
    one = Reading(Ref(RATING, row.ref.id), {"attributes": level})
    at = one.attributes
    sender, answers = at.text("sentBy"), at.take("answers", _listed, "a list")
    found, score, comment = at.number("rating"), at.number("score"), at.text("firstAnswer")
    asked = as_time(at.peek("sentAt")) or as_time(at.peek("scheduledFor"))
    answered = found is not None or score is not None or bool(comment)
    record = Rating(
        ref=one.ref,
        changed_at=one.changed_at,
        created_at=one.created_at,
        conversation=row.ref,
        contact=contact,
        rating=found,
        score=score,
        comment=comment,
        status=at.text("status"),
        channel=at.text("channel"),
        at=(one.changed_at if answered else asked) or one.changed_at or one.created_at or asked,
        agent=Ref(AGENT, sender) if sender else None,
        answers=answers or [],
        extra=_extra(one),
    )
    row.warnings += [Oddity(odd.ref, f"satisfactionLevel.{odd.field}", odd.why) for odd in one.warnings]
    return [record]


def _extra(one: Reading) -> dict[str, Any]:
    """What no field took; the response under a name of ours, which an attribute of that name makes room for."""
    response = one.attributes.text("formResponse")
    extra = one.extra()
    if not response:
        return extra
    if "response" in extra:
        extra["_response"] = extra["response"]
    return extra | {"response": response}


def _listed(value: Any) -> list[Any] | None:
    return list(value) if isinstance(value, list) else None
