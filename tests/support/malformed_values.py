"""What can stand where something else belongs: by the shape of the field, with a word for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from desk_sample import Json

MARK = "\ue000"
"""Stands around JSON that is to be served as it is written here."""
LEVELS = 1000
FAR = "f" * 24
"""An id nothing has."""
FIELDS_OF_MANY = 300


def literal(text: str) -> str:
    """A value whose JSON is this text: what no writer of JSON would write."""
    return MARK + text + MARK


def deep(opening: str, closing: str) -> str:
    """Containers in containers, a thousand of them."""
    return literal(opening * LEVELS + "1" + closing * LEVELS)


@dataclass(frozen=True)
class Spoilt:
    """One damage."""

    what: str
    make: Callable[[Json], Any]
    """The value, made of the sound row."""
    harmless: str = ""
    many: tuple[Any, ...] = ()
    """Values of which the seed chooses one."""

    def chosen(self, chance: random.Random) -> Spoilt:
        """The same, with one value of several."""
        if not self.many:
            return self
        value = chance.choice(self.many)
        return replace(self, make=lambda row: value, many=())

    def value(self, row: Json) -> Any:
        """What stands in the field."""
        return self.make(row)

    def rows(self, row: Json) -> tuple[str, ...]:
        """What stands for a whole row, already written."""
        made = self.make(row)
        return made if isinstance(made, tuple) else (made,)


def one(what: str, *values: Any, harmless: str = "") -> Spoilt:
    """A damage whose value is one of these."""
    return Spoilt(what, lambda row: values[0], harmless, values if len(values) > 1 else ())


MISSING = Spoilt("missing", lambda row: None)
NULL = one("null", None)
EMPTY = one("empty text", "")
NUMBER = one("a number", 7, -3, 0, 12.5)
YES = one("true", True)
TEXT = one("a text", "blue", "Grüße", "0", "[]", "{}")
NAN_TEXT = one("a text like a number", "NaN", "Infinity", "1e5", "0x10", "٣")
LIST = one("a list", ["x"], [1, 2], [["x"]])
OBJECT = one("an object", {"a": {"b": [1]}}, {"id": "x"}, {"": 0})
HUGE = one("a huge number", literal("1" + "0" * 400), literal("9" * 5000))
OVERFLOW = one("a number out of range", literal("1e999"), literal("-1e999"))
NOT_JSON = one("NaN without quotes", literal("NaN"), literal("-Infinity"))
DEEP_LIST = one("a deep list", deep("[", "]"))
DEEP_OBJECT = one("a deep object", deep('{"a":', "}"))
MASK = one("masked", "****", "****1234")

AS_IT_IS = "a text like any other: it arrives as it is"
LONE = one("half an emoji", "half \ud83d an emoji", "\udc00", "\ud83d\ud83d")
NUL = one("U+0000", "a\0b", "\0first")
BIDI = one("direction marks", "\u202egnp.exe\u202c", "\u2067abc\u2069", harmless=AS_IT_IS)
CONTROL = one("control characters", "bell \x07", "\x1b[31mred", "a\x01b", harmless=AS_IT_IS)
MEGABYTE = one("a megabyte", "0123456789 abcde" * 65_536)
OPEN_HTML = one("HTML that never closes", "<div><p><b>" * 1000, "<a href='x", "<!-- <script>", harmless=AS_IT_IS)
NO_URL = one("no URL", "not a url", "http://", "javascript:alert(1)", "file:" + "///etc/hosts", "http://[::1", "//x")
NO_EMAIL = one("no e-mail", "nobody", "a@b@c.example", "@", "a b", "a@", "@b.example", "two, three")
UNKNOWN_WORD = one("an unknown word", "galactic", "OPEN ", "in out", "ｉｎ")
NEGATIVE = one("negative", -1, -(2**40))
FRACTION = one("a fraction", 2.5, -0.5)

BAD_DATES = (
    one("a date that is none", "yesterday", "2024-13-01T10:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T25:00:00Z"),
    one("the year 0", "0000-00-00T00:00:00Z", "0000-01-01T00:00:00.000Z"),
    one("the year 99999", "99999-01-01T00:00:00Z", "+012024-01-01T00:00:00Z"),
    one("milliseconds", 1_700_000_000_000, -62_135_596_800_000),
    one("seconds as text", "1700000000", "-1"),
    one("an offset of no place", "2024-05-01T10:00:00+99:00", "2024-05-01T10:00:00 Europe/Paris"),
    one("over the edge of time", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"),
)
ODD_OFFSET = one(
    "an odd offset", "2024-05-01T10:00:00+05:45", "2024-05-01T10:00:00-00:01", harmless="a date like any other"
)
ANCIENT = one("before 1970", "0001-01-02T00:00:00Z", "1969-12-31T23:59:59.999Z", "1066-10-14T09:00:00Z")

_TO_TEXT = (NUMBER, YES, LIST, OBJECT, HUGE, NOT_JSON, OVERFLOW, DEEP_LIST, DEEP_OBJECT, NULL, MISSING)
_TO_WHOLE = (YES, TEXT, NAN_TEXT, LIST, OBJECT, HUGE, NOT_JSON, OVERFLOW, FRACTION, DEEP_LIST, NULL, MISSING)
_TO_LIST = (NUMBER, YES, TEXT, OBJECT, HUGE, DEEP_LIST, DEEP_OBJECT, NULL, MISSING)
_TEXTS = (LONE, NUL, BIDI, CONTROL, OPEN_HTML, EMPTY)
WRONG: Mapping[str, Sequence[Spoilt]] = {
    "text": _TO_TEXT,
    "body": _TO_TEXT,
    "url": _TO_TEXT,
    "email": _TO_TEXT,
    "word": _TO_TEXT,
    "free word": _TO_TEXT,
    "flag": (NUMBER, TEXT, LIST, OBJECT, HUGE, DEEP_LIST, NULL, MISSING),
    "whole": _TO_WHOLE,
    "count": _TO_WHOLE,
    "date": (NUMBER, YES, TEXT, LIST, OBJECT, HUGE, NOT_JSON, DEEP_OBJECT, NULL, MISSING),
    "past": (NUMBER, YES, TEXT, LIST, OBJECT, HUGE, NOT_JSON, DEEP_OBJECT, NULL, MISSING),
    "ids": _TO_LIST,
    "words": _TO_LIST,
    "number": tuple(one for one in _TO_WHOLE if one not in (TEXT, FRACTION, NAN_TEXT)),
    "list": (NUMBER, TEXT, OBJECT, HUGE, DEEP_OBJECT, NULL, MISSING),
    "object": (NUMBER, YES, TEXT, LIST, HUGE, DEEP_LIST, DEEP_OBJECT, NULL, MISSING),
    "parts": (NUMBER, YES, TEXT, LIST, HUGE, DEEP_LIST, DEEP_OBJECT, NULL, MISSING),
    "unread": (NUMBER, YES, TEXT, LIST, OBJECT, DEEP_LIST, HUGE),
    "one": (NUMBER, YES, TEXT, LIST, DEEP_OBJECT, NULL, MISSING),
    "several": (NUMBER, YES, TEXT, LIST, DEEP_OBJECT, NULL, MISSING),
    **{f"list of {key}": _TO_LIST for key in ("email", "phone", "url", "type", "userId", "instagramId", "externalId")},
    **{f"list of {key}": _TO_LIST for key in ("address", "domain")},
}
"""Values of another type, by the shape of the field."""


def _entries(key: str, *more: Spoilt) -> tuple[Spoilt, ...]:
    return (
        one("null among objects", [None, {key: 5}]),
        one("texts among objects", ["x", {key: "ok"}], [7]),
        one("entries of other types", [{key: 5}], [{key: ["x"]}], [{key: {"a": 1}}]),
        one("entries with half an emoji", [{key: "\ud83d"}]),
        one("deep entries", [{key: deep("[", "]")}]),
        *more,
    )


SPOILT: Mapping[str, Sequence[Spoilt]] = {
    "text": (*_TEXTS, MEGABYTE),
    "body": (*_TEXTS, MEGABYTE),
    "url": (LONE, NUL, NO_URL, MEGABYTE),
    "email": (LONE, NUL, NO_EMAIL, MEGABYTE),
    "word": (LONE, NUL, UNKNOWN_WORD, EMPTY, MEGABYTE),
    "free word": (LONE, NUL, EMPTY, MEGABYTE),
    "flag": (),
    "whole": (),
    "count": (NEGATIVE,),
    "date": (*BAD_DATES, ODD_OFFSET, ANCIENT),
    "past": (*BAD_DATES, ODD_OFFSET),
    "ids": (
        one("entries that are no ids", [5, None, {"id": "x"}], [True], [["x"]]),
        one("ids of nothing", [FAR], ["\ud83d"], ["a/b", "a\0b"]),
        one("an id of 5,000 characters", ["x" * 5000]),
    ),
    "words": (one("entries that are no words", [5, None, {"id": "x"}], [True], [["x"]], ["x" * 5000]),),
    "number": (one("a text like no number", "NaN", "Infinity", "0x10", "1e999"),),
    "list": (),
    "object": (
        one("names of half an emoji", {"\ud83d": 1, "\ud83d\ud83d": 2}),
        one("values out of range", {"hugeNum": literal("1" + "0" * 400), "overNum": literal("1e999")}),
        one("U+0000 in names and values", {"a\0bStr": "a\0b"}),
    ),
    "parts": (),
    "unread": (),
    "one": (
        Spoilt("a relation to nothing", lambda row: {"data": {"type": "x", "id": FAR}}),
        Spoilt("a relation to itself", lambda row: {"data": {"type": row["type"], "id": row["id"]}}),
        Spoilt(
            "a relation to another kind",
            lambda row: {"data": {"type": "org", "id": row["relationships"]["org"]["data"]["id"]}},
        ),
        one("a relation without an id", {"data": {"type": "x"}}, {"data": {"id": ""}}, {"data": {"id": 5}}),
        one("a relation of text", {"data": "x"}, {"data": ["x"]}),
        one("a relation to 5,000 characters", {"data": {"type": "x", "id": "x" * 5000}}),
    ),
    "several": (
        one("relations without ids", {"data": [{"type": "x"}, None, "x"]}, {"data": [{"id": 5}]}),
        one("a relation to nothing", {"data": [{"type": "x", "id": FAR}]}),
        one("relations of text", {"data": "x"}),
    ),
    "list of email": _entries("email", one("no e-mail", *([{"email": text}] for text in NO_EMAIL.many))),
    "list of phone": _entries("phone", one("words for a phone", [{"phone": "call me"}], harmless=AS_IT_IS)),
    "list of url": _entries("url", one("no URL", *([{"url": text}] for text in NO_URL.many))),
    **{f"list of {key}": _entries(key) for key in ("type", "userId", "instagramId", "externalId", "address", "domain")},
}
"""Values of the right type that cannot be right, by the shape of the field."""


def many_fields() -> Json:
    """A custom object of 300 fields."""
    return {f"many{number}Str": "x" * number for number in range(FIELDS_OF_MANY)}
