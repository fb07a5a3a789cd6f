"""The invented organisation: the same for the same seed, and as untidy as a real one."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from mig_kustomer.sandbox.generate import generate
from mig_kustomer.sandbox.mail import mail_html
from mig_kustomer.sandbox.rows import decode, encode, make_row

NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for kind, resource, _ in generate(600, 11, tie=1200, now=NOW):
        found[kind].append(resource)
    return found


def test_the_same_seed_makes_the_same_organisation_and_another_one_another() -> None:
    def lines(seed: int) -> list[bytes]:
        return [encode([kind, resource]) for kind, resource, _ in generate(40, seed, tie=0, now=NOW)]

    assert lines(1) == lines(1)
    assert lines(1) != lines(2)


def test_every_row_has_an_id_of_its_own_and_is_not_younger_than_the_clock(
    rows: dict[str, list[dict[str, Any]]],
) -> None:
    ids = [row["id"] for held in rows.values() for row in held if "id" in row and row["type"] != "metadata"]
    assert len(ids) == len(set(ids))
    times = [row["attributes"].get("updatedAt", "") for held in rows.values() for row in held]
    assert max(times) < "2026-10-01T00:00:01"


def test_a_tie_group_has_as_many_messages_as_asked_for(rows: dict[str, list[dict[str, Any]]]) -> None:
    stamps = Counter(row["attributes"]["updatedAt"] for row in rows["messages"])
    assert stamps["2026-06-23T00:00:00.000Z"] == 1200
    assert stamps.most_common(2)[1][1] > 20  # an import, too


def test_distributions_are_those_of_a_desk(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert len(rows["customers"]) == 600
    assert 1.5 < len(rows["conversations"]) / 600 < 3
    assert 8 < len(rows["messages"]) / 600 < 25
    lengths = Counter(row["relationships"]["conversation"]["data"]["id"] for row in rows["messages"])
    assert max(lengths.values()) > 90
    old = sum(row["attributes"]["updatedAt"] < "2024-10-01" for row in rows["messages"])
    assert 0.08 < old / len(rows["messages"]) < 0.4
    assert len({row["attributes"]["channel"] for row in rows["messages"]}) >= 10


def test_it_is_untidy(rows: dict[str, list[dict[str, Any]]]) -> None:
    conversations = {row["id"] for row in rows["conversations"]}
    assert any(row["relationships"]["conversation"]["data"]["id"] not in conversations for row in rows["messages"])
    customers = {row["id"] for row in rows["customers"]}
    assert any(row["relationships"]["customer"]["data"]["id"] not in customers for row in rows["messages"])
    files = {row["id"] for row in rows["attachments"]}
    named = [
        entry["id"] for row in rows["messages"] for entry in row["relationships"].get("attachments", {}).get("data", ())
    ]
    assert any(file not in files for file in named)
    addresses = Counter(entry["email"] for row in rows["customers"] for entry in row["attributes"]["emails"])
    assert addresses.most_common(1)[0][1] > 1
    assert any(not row["attributes"]["emails"] for row in rows["customers"])
    assert any(row["attributes"].get("deleted") for row in rows["tags"])
    previews = [row["attributes"].get("preview") for row in rows["messages"]]
    assert None in previews
    assert "" in previews
    text = "".join(filter(None, previews))
    assert all(sign in text for sign in ("\u0000", "\u202e", "\ud83d"))
    assert any(row["attributes"]["redacted"] for row in rows["messages"])
    assert any(row["attributes"]["spam"] for row in rows["conversations"])
    assert {type(row["attributes"]["meta"].get("to")).__name__ for row in rows["messages"]} >= {"str", "list", "dict"}


def test_half_an_emoji_survives_encoding_as_an_escape() -> None:
    row = make_row("messages", {"id": "1", "type": "message", "attributes": {"preview": "cut \ud83d"}})
    assert b"\\ud83d" in row.body
    assert decode(row.body)["attributes"]["preview"] == "cut \ud83d"


def test_mail_html_escapes_the_preview_and_is_always_the_same() -> None:
    message = {"id": "1", "attributes": {"preview": "a <b> & c\n\nnext", "meta": {"from": "a@b.example"}}}
    html = mail_html(message)
    assert html == mail_html(message)
    assert "<p>a &lt;b&gt; &amp; c</p>" in html
    assert "<p>next</p>" in html
