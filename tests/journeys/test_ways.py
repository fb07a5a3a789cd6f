"""Every way a run can be told to go about it, on a generated organisation: nothing fails, nobody is notified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk_process import Sandbox, serving
from processes import Mig, end_state


@pytest.fixture(scope="module")
def source() -> Iterator[Sandbox]:
    with serving("kustomer", "--generate", "30", "--seed", "11") as made:
        yield made


WAYS = {
    "notes to the contact": {"CRISP_NOTES": "contact"},
    "notes to both": {"CRISP_NOTES": "both"},
    "placeholder addresses": {"CRISP_CONTACTS_WITHOUT_EMAIL": "placeholder"},
    "outbound as it is": {"CRISP_OUTBOUND_ONLY": "as_is"},
    "short parts": {"CRISP_MAX_TEXT": "60"},
    "spread ties": {"CRISP_SPREAD_TIES": "true"},
    "escaped": {"CRISP_ESCAPE_MARKDOWN": "true"},
    "no segment": {"CRISP_SEGMENT": ""},
    "short values and notepads": {"CRISP_MAX_VALUE": "40", "CRISP_MAX_NOTEPAD": "300"},
    "free plan": {"CRISP_PLAN": "free"},
    "whole e-mails": {"KUSTOMER_FULL_EMAIL": "true"},
    "lists that end early": {"KUSTOMER_LIST_CAP": "100"},
}


SHORT = ("notes to both", "free plan", "whole e-mails", "lists that end early")
"""The others change how a unit is rendered only, and the law of targets holds each to that (test_crisp_law.py)."""


@pytest.mark.parametrize(
    "way", [way if way in SHORT else pytest.param(way, marks=pytest.mark.soak) for way in sorted(WAYS)]
)
def test_each_way_arrives_once_and_notifies_nobody(way: str, source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp", *(["--limits", "plan=free,scale=5000"] if way == "free plan" else [])) as target:
        mig = Mig(tmp_path, source, target)
        mig.environment |= {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"} | WAYS[way]
        report = mig.run()
        assert report["exit"] == 0, report
        assert all(kind["failed"] == 0 for kind in report["kinds"].values())
        found = end_state(target)
        assert found["doubled"] == []
        assert found["orphans"] == 0
        assert target.get("notifications")["counts"] == {}
        writes = target.get("counters")["writes"]
        assert mig.run()["exit"] == 0
        assert target.get("counters")["writes"] == writes, "a second run wrote"
        CHECKS.get(way, _anything)(found, report)


def _anything(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert found["threads"]


def _messages(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for thread in found["threads"].values() for row in thread["messages"]]


def _notes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in _messages(found) if str(row["properties"].get("source_id", "")).startswith("note/")]


def _in_notepads(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert any(") :" in person["notepad"] or "):\n" in person["notepad"] for person in found["people"].values())
    assert len(_notes(found)) < report["kinds"]["note"]["loaded"]


def _in_both(found: dict[str, Any], report: dict[str, Any]) -> None:
    for thread in found["threads"].values():
        notepad = found["people"].get(thread["profile"] or "", {}).get("notepad", "")
        for row in thread["messages"]:
            kind, _, name = str(row["properties"].get("source_id", "")).partition("/")
            if kind == "note" and thread["profile"]:
                assert f"({name}):" in notepad, name
    assert _notes(found)


def _placeholders(found: dict[str, Any], report: dict[str, Any]) -> None:
    made_up = [email for email in found["people"] if email.endswith("@no-email.invalid")]
    assert made_up
    assert report["kinds"]["contact"]["archived"] == 0


def _no_openings(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert not [row for row in _messages(found) if row["type"] == "note" and row["from"] == "user"]


def _short(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert any(row["properties"].get("source_parts", 1) > 1 for row in _messages(found))
    assert all(
        len(row["content"].encode("utf-16-le")) <= 120
        for row in _messages(found)
        if row["type"] != "file"
        and (row["from"] != "user" or row["type"] != "note")
        and "source_parent" not in row["properties"]
    )


def _spread(found: dict[str, Any], report: dict[str, Any]) -> None:
    for thread in found["threads"].values():
        times = [row["timestamp"] for row in thread["messages"]]
        assert times == sorted(times)


def _without_segment(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert not any("mig" in (thread["meta"].get("segments") or []) for thread in found["threads"].values())


def _without_notes(found: dict[str, Any], report: dict[str, Any]) -> None:
    assert not [row for row in _messages(found) if row["type"] == "note"]
    assert report["kinds"]["note"]["archived"] > 0


CHECKS = {
    "notes to the contact": _in_notepads,
    "notes to both": _in_both,
    "placeholder addresses": _placeholders,
    "outbound as it is": _no_openings,
    "short parts": _short,
    "spread ties": _spread,
    "no segment": _without_segment,
    "free plan": _without_notes,
}


def test_a_kind_that_may_not_be_read_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    forbidden = ("--switch", "forbid=teams,notes", "--switch", "search:note=refuse")
    with serving("kustomer", "--generate", "30", "--seed", "3", *forbidden[:2]) as closed, serving("crisp") as target:
        mig = Mig(tmp_path, closed, target)
        process = mig.start("run", "--source", "kustomer", "--target", "crisp", "--json")
        out, err = process.communicate(timeout=120)
        report = json.loads(out)
        assert process.returncode == 1, err
        assert set(report["unreadable"]) == {"team", "note"}
        assert report["status"] == "completed"
        assert report["kinds"]["conversation"]["loaded"] > 0


def test_our_own_quota_pauses_between_threads(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp") as target:
        mig = Mig(tmp_path, source, target)
        mig.environment |= {"CRISP_DAILY_QUOTA": "150"}
        process = mig.start("run", "--source", "kustomer", "--target", "crisp", "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 4, err
        assert json.loads(out)["status"] == "paused"
        assert "Run the same command again" in err
        assert target.get("counters")["requests"] <= 150
        half_told = end_state(target)
        again = mig.start("run", "--source", "kustomer", "--target", "crisp", "--json")
        again.communicate(timeout=120)
        assert again.returncode == 4, "the journal remembers what the day has used"
        mig.environment["CRISP_DAILY_QUOTA"] = "0"
        assert mig.run()["exit"] == 0
        whole = end_state(target)
        for name, thread in half_told["threads"].items():
            assert thread == whole["threads"][name], "a thread stayed half told"


def test_a_quota_nobody_knew_of_pauses_and_is_resumed(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp", "--limits", "plan=plus,quota=200,scale=28800") as target:  # a day lasts three seconds
        mig = Mig(tmp_path, source, target)
        mig.environment |= {"CRISP_CONVERSATIONS_PER_MINUTE": "0", "CRISP_DAILY_QUOTA": "0"}
        codes, out = [], ""
        for _ in range(40):
            process = mig.start("run", "--source", "kustomer", "--target", "crisp", "--json")
            out, err = process.communicate(timeout=120)
            codes.append(process.returncode)
            if process.returncode == 0:
                break
            assert process.returncode in (3, 4), err
        assert codes[-1] == 0, codes
        assert 4 in codes
        found = end_state(target)
        assert found["doubled"] == []
        assert json.loads(out)["kinds"]["conversation"]["pending"] == 0
