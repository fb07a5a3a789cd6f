"""A third party's platform, loaded from the documentation's own file: migrated into and out of."""

from __future__ import annotations

import json
from pathlib import Path

import mig as mig_api
from desk_process import serving
from mig.plugins import Registry, load_files
from mig.settings import Secret
from mig.testing.conformance import Records
from mig_crisp.settings import CrispSettings
from processes import Mig

TOY = Path(__file__).parents[2] / "docs" / "examples" / "toydesk.py"
LINES = [
    {"kind": "contact", "id": "c1", "name": "Ada", "email": "ada@example.org"},
    {"kind": "conversation", "id": "t1", "of": "c1", "title": "Where is it", "at": "2025-01-02T03:04:05+00:00"},
    {"kind": "message", "id": "m2", "of": "t1", "at": "2025-01-02T03:05:00+00:00", "text": "second"},
    {"kind": "message", "id": "m1", "of": "t1", "at": "2025-01-02T03:04:05+00:00", "text": "first"},
    {"kind": "message", "id": "m3", "of": "t1", "at": "this is no time", "text": "broken"},
    {"kind": "message", "id": "m4", "of": "t9", "at": "2025-01-02T03:04:05+00:00", "text": "nowhere"},
]


def test_the_first_lines_of_the_tutorial_run(tmp_path: Path) -> None:
    tutorial = (TOY.parents[1] / "write-a-plugin.md").read_text("utf-8")
    code = tutorial.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "no_spam_tags.py").write_text(code)
    registry = Registry(load_files([tmp_path / "no_spam_tags.py"]))
    settings = CrispSettings(identifier="i", key=Secret("k"), website_id="w")
    first, *_ = registry.chain("kustomer", "crisp", settings)
    spam, other = (mig_api.Tag(ref=mig_api.Ref(mig_api.TAG, name), name=name) for name in ("spam", "vip"))
    look = Records([])
    decision = first.map(spam, look)
    assert decision is not None
    assert decision.fate is mig_api.Fate.SKIP
    assert first.map(other, look) is None


def lines(folder: Path) -> Path:
    file = folder / "desk.jsonl"
    file.write_text("\n".join(map(json.dumps, LINES)) + "\n")
    return file


def test_out_of_and_into_a_toy_desk(tmp_path: Path) -> None:
    lines(tmp_path)
    with serving("crisp") as unused:
        mig = Mig(tmp_path, unused, unused)
    toys = ("--plugin", str(TOY), "--source", "toydesk", "--target", "toydesk")
    places = ("--set", "source.path=desk.jsonl", "--set", "target.path=copy.json")
    process = mig.start("run", *toys, *places, "--json")
    out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == 1, err  # one line is broken
    assert report["kinds"]["message"] == {
        **dict.fromkeys(("updated", "unchanged", "merged", "skipped", "pending"), 0),
        "in_scope": 4,
        "loaded": 2,
        "archived": 1,
        "failed": 1,
    }
    assert [row for row in report["losses"] if row["outcome"] == "untold"] == []
    copy = json.loads((tmp_path / "copy.json").read_text())
    assert copy == {
        "people": {"c1": "Ada"},
        "threads": {"t1": {"title": "Where is it", "messages": {"m1": "first", "m2": "second"}}},
    }
    assert list(copy["threads"]["t1"]["messages"]) == ["m1", "m2"], "in the order of their times"


def test_out_of_a_toy_desk_into_crisp(tmp_path: Path) -> None:
    lines(tmp_path)
    with serving("crisp") as target:
        mig = Mig(tmp_path, target, target)
        toy = ("--plugin", str(TOY), "--source", "toydesk", "--target", "crisp", "--set", "source.path=desk.jsonl")
        process = mig.start("run", *toy, "--quiet")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1, err
        (conversation,) = target.get("state")["conversations"]
        said = [row["content"] for row in conversation["messages"] if row["type"] == "text"]
        assert said == ["first", "second"]
        assert conversation["meta"]["email"] == "ada@example.org"
        assert conversation["meta"]["data"]["source"] == "toydesk:desk"
        assert target.get("notifications")["counts"] == {}


def test_into_a_toy_desk_from_kustomer(tmp_path: Path) -> None:
    with serving("kustomer", "--generate", "10", "--seed", "2") as source:
        mig = Mig(tmp_path, source, source)
        toy = ("--plugin", str(TOY), "--source", "kustomer", "--target", "toydesk", "--set", "target.path=copy.json")
        process = mig.start("run", *toy, "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        kinds = json.loads(out)["kinds"]
        copy = json.loads((tmp_path / "copy.json").read_text())
        assert len(copy["people"]) == kinds["contact"]["loaded"] == 10
        assert len(copy["threads"]) == kinds["conversation"]["loaded"] > 0
        assert kinds["note"]["archived"] == kinds["note"]["in_scope"]
