"""Hypothesis strategies for plugin authors: text, times and records as real desks hold them.

    from mig.testing import strategies as desk

    @given(desk.records(mig.Message))
    def test_render_says_something_of_every_message(message): ...

Half an emoji cannot stand in a valid `str`; what is left of one when it is read (U+FFFD) can, and is here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NewType, TypeVar

import msgspec
from hypothesis import strategies as st

from mig.model import TYPES, Attachment, AttributeDefinition, Contact, Kind, Message, Note, Record, Ref

R = TypeVar("R", bound=Record)

LONG = 300_000
"""Characters of the longest text: an e-mail with its whole history quoted below."""

FRAGMENTS: Sequence[str] = (
    *("", " ", "\n", "\r\n", "\n\n", "\t", "Hello.", "word ", "\u00a0", "\u2028", "\ufeff"),
    *(
        "\ufffd",
        "\0",
        "\x1b[31m",
        "<script>alert(1)</script>",
        "&amp;",
        "<br>",
        "{{name}}",
        "${x}",
        "%s",
        "\\",
        '"',
        "'",
    ),
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u202eabc\u202c", "\u200f"),
    *("\u4f60\u597d\u3002", "\u0e19\u0e49\u0e33", "\u0939\u093f\u0928\u094d\u0926\u0940", "e\u0301", "\u00e9"),
    *(
        "\U0001f600",
        "\U0001f44d\U0001f3fd",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\U0001f1e9\U0001f1ea",
    ),
    *("a@example.org", "https://example.org/?a=1&b=%20", "****", "# title", "__under__", "> quoted", "(1/2)\n"),
)
"""Pieces texts are put together from."""


def texts(*, longest: int = 400) -> st.SearchStrategy[str]:
    """Text as people, programs and broken exports write it; usually short.

    Args:
        longest: About how many characters at most; `LONG` asks for 300 kB now and then.
    """
    pieces = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=20), max_size=12).map("".join)
    usual = st.one_of(st.just(""), st.text(max_size=60), pieces)
    if longest < 1000:
        return usual.map(lambda text: text[:longest])
    rare = st.sampled_from([piece for piece in FRAGMENTS if piece]).map(lambda piece: piece * (longest // len(piece)))
    return st.integers(0, 49).flatmap(lambda turn: rare if turn == 49 else usual)


def ids() -> st.SearchStrategy[str]:
    """Ids as platforms make them: hexadecimal, counted, or UUIDs."""
    return st.one_of(
        st.text("0123456789abcdef", min_size=24, max_size=24),
        st.integers(1, 10**12).map(str),
        st.uuids().map(str),
    )


def times() -> st.SearchStrategy[datetime]:
    """Aware UTC times of whole milliseconds: mostly of our days, now and then before 1970 or far ahead."""
    ours = st.datetimes(datetime(2010, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
    any_time = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
    return (ours | any_time).map(lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000))


def refs(*kinds: Kind) -> st.SearchStrategy[Ref]:
    """References to records of these kinds, or of any the core knows."""
    return st.builds(Ref, st.sampled_from(sorted(kinds or TYPES)), ids())


def json_values() -> st.SearchStrategy[Any]:
    """What a custom attribute may hold: JSON, nested a little, numbers up to 64 bits."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(longest=80),
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys(), inner, max_size=3), max_leaves=8
    )


def keys() -> st.SearchStrategy[str]:
    """Names of attributes: camel case, with spaces, in other scripts, empty."""
    usual = st.sampled_from(
        ("vipTier", "vip_tier", "VIP tier", "orderId", "Größe", "名前", "a.b", "source", "", "x" * 80)
    )
    return usual | st.text(max_size=12)


def customs() -> st.SearchStrategy[dict[str, Any]]:
    """The `custom` of a record."""
    return st.dictionaries(keys(), json_values(), max_size=5)


def records(kind: type[R]) -> st.SearchStrategy[R]:
    """Records of one type, a plugin's own too: every field has something to say, or nothing."""
    required, optional = _named(kind)
    name = next((name for name, known in TYPES.items() if known is kind), Kind(kind.__name__.lower()))
    required["ref"] = refs(name)
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))


def any_record() -> st.SearchStrategy[Record]:
    """Records of every kind the core knows."""
    return st.sampled_from(sorted(TYPES)).flatmap(lambda kind: records(TYPES[kind]))


_SPECIAL: Mapping[tuple[type[msgspec.Struct], str], st.SearchStrategy[Any]] = {
    (Message, "text"): texts(longest=LONG),
    (Message, "side"): st.sampled_from(("in", "out")),
    (Message, "call"): st.dictionaries(
        st.sampled_from(("from", "to", "started", "answered", "ended", "status", "recording")), texts(longest=40)
    ),
    (Note, "text"): texts(longest=LONG),
    (Attachment, "name"): st.sampled_from(("", "a.pdf", "../../etc/passwd", "Ü 1.png", "x" * 300)) | texts(longest=40),
    (AttributeDefinition, "name"): keys(),
    (AttributeDefinition, "label"): keys(),
    (Contact, "gender"): st.sampled_from(("", "male", "female", "other")),
}
_SPECIAL_ANYWHERE: Mapping[str, st.SearchStrategy[Any]] = {
    "custom": customs(),
    "status": st.sampled_from(("", "open", "snoozed", "done", "somethingNew")),
    "direction": st.sampled_from(("", "in", "out")),
}


def _named(kind: type[msgspec.Struct]) -> tuple[dict[str, st.SearchStrategy[Any]], dict[str, st.SearchStrategy[Any]]]:
    """A strategy for each field: those that must be given, and the others."""
    hints = typing.get_type_hints(kind)
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(kind):
        # Fields whose words matter more than their type come first.
        special = _SPECIAL.get((kind, field.name), _SPECIAL_ANYWHERE.get(field.name))
        chosen = _of(hints[field.name]) if special is None else special
        (required if field.required else optional)[field.name] = chosen
    return required, optional


def _of(hint: Any) -> st.SearchStrategy[Any]:
    """A strategy for a field's annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([_of(part) for part in arguments])
    if origin is list:
        return st.lists(_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(_of(arguments[0]), _of(arguments[1]), max_size=3)
    if isinstance(hint, NewType):
        return st.sampled_from(sorted(TYPES)) if hint is Kind else _of(hint.__supertype__)
    if hint in _PLAIN:
        return _PLAIN[hint]()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _structs(hint)
    raise TypeError(f"no strategy for {hint!r}: build this field yourself")


def _structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    required, optional = _named(kind)
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))


_PLAIN: Mapping[Any, Callable[[], st.SearchStrategy[Any]]] = {
    str: lambda: texts(longest=60),
    bool: st.booleans,
    int: lambda: st.integers(0, 2**53),
    float: lambda: st.floats(allow_nan=False, allow_infinity=False),
    datetime: times,
    Ref: refs,
    Any: json_values,
    types.NoneType: st.none,
}
