"""The guide to what is rebuilt by hand: in order, complete, and safe whatever a desk calls its things."""

from __future__ import annotations

import re
import stat
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mig
from mig.errors import Refused
from mig.journal import counts
from mig.model import Kind, Ref
from mig.report.gather import gather
from mig.report.order import heading
from mig.report.page import page
from mig.report.rebuild import Section, write_rebuild
from mig.report.words import escaped, fenced, one_line
from mig.settings import Settings
from mig.testing import strategies as desk
from unit_desk import Desk, conversation

DRAFT = mig.CHANNEL
"""For once: what the target says needs no rebuilding."""
HOSTILE = "</details><script>alert(1)</script> `x` | ![a](http://b) *c*\n# d\n\u202eevil"
NOBODY: Any = None
SOURCE = mig.SourceSpec(
    "a",
    Settings,
    NOBODY,
    kinds={mig.SHORTCUT: mig.Config, mig.HOOK: mig.Config, DRAFT: mig.Config, mig.SLA: mig.Config},
    resources={},
    explain=lambda record, look: [f"Says: {record.fields.get('note', 'little')}", f"Text:\n{record.fields['text']}"],  # type: ignore[attr-defined]
)
TARGET = mig.TargetSpec("b", Settings, NOBODY, by_hand={mig.AGENT: "Invite.", mig.SHORTCUT: "Type it in.", DRAFT: ""})


def config(kind: Kind, name: str, title: str, text: str = "hello", **more: Any) -> mig.Config:
    return mig.Config(ref=Ref(kind, name), title=title, fields={"text": text}, **more)


def agent(name: str, **more: Any) -> mig.Agent:
    return mig.Agent(ref=Ref(mig.AGENT, name), name=name, email=f"{name}@desk.example", **more)


@pytest.fixture
async def home() -> Any:
    made = Desk()
    talk = Ref(mig.CONVERSATION, "t")
    await made.read(
        [
            agent("Ada"),
            agent("robot", human=False),
            config(mig.SHORTCUT, "s10", "answer 10"),
            config(mig.SHORTCUT, "s2", "answer 2", "one\n```\ntwo\n````\nthree"),
            config(mig.SHORTCUT, "old", "gone", active=False),
            config(mig.SHORTCUT, "evil", HOSTILE, f"{HOSTILE}\n~~~\n</pre>"),
            config(mig.HOOK, "n", "sign"),
            config(DRAFT, "d1", "half a mail"),
            config(mig.SLA, "d2", "of a thread", parent=talk),
            mig.Config(ref=Ref(mig.HOOK, "odd"), title="untold"),
            conversation("t"),
        ]
    )
    yield made
    made.close()


def written(home: Desk, folder: Path, **more: Any) -> tuple[str, str, list[Section]]:
    found = write_rebuild(folder, home.journal, home.mig, SOURCE, TARGET, **more)
    return (folder / "REBUILD.md").read_text("utf-8"), (folder / "REBUILD.html").read_text("utf-8"), found


async def test_the_guide_goes_in_the_targets_order_and_what_is_out_of_use_comes_last(
    home: Desk, tmp_path: Path
) -> None:
    text, _, found = written(home, tmp_path)
    assert [(one.kind, one.open, one.off) for one in found] == [("agent", 1, 1), ("shortcut", 3, 1), ("hook", 2, 0)]
    told = [line for line in text.splitlines() if line.startswith(("#", "- [ ]", "<"))]
    assert [line for line in told if "evil" not in line] == [
        "# To rebuild by hand: a to b",
        "## 1\\. Agents to invite",
        "- [ ] **Ada** (id Ada)",
        "## 2\\. Shortcuts",
        "- [ ] **answer 2** (id s2)",
        "- [ ] **answer 10** (id s10)",
        "## 3\\. Hooks",
        "- [ ] **sign** (id n)",
        "- [ ] **untold** (id odd)",
        "## Out of use",
        "<details>",
        "<summary>2 more. Switched off or deleted at the source: most likely nothing to do.</summary>",
        "### Agents to invite",
        "- [ ] **robot** (id robot)",
        "### Shortcuts",
        "- [ ] **gone** (id old)",
        "</details>",
    ]
    assert "Type it in." in text
    assert "  - E-mail: Ada\\@desk.example\n" in text
    assert "  - It could not be told in words: the archive has it whole.\n" in text, "a plugin's fault costs a line"


async def test_a_text_stands_under_a_fence_that_nothing_in_it_closes(home: Desk, tmp_path: Path) -> None:
    text, _, _ = written(home, tmp_path)
    assert "  - Text:\n\n    `````text\n    one\n    ```\n    two\n    ````\n    three\n    `````\n\n" in text


async def test_titles_and_texts_of_a_desk_stay_text(home: Desk, tmp_path: Path) -> None:
    text, page_, _ = written(home, tmp_path)
    assert len(re.findall(r"(?m)^</?details>", text)) == 2
    assert "\\</details\\>\\<script\\>" in text
    assert "⟨U+202E⟩evil" in text
    seen = Seen(page_)
    assert seen.tags["script"] == 0
    assert (seen.tags["details"], seen.tags["input"]) == (1, 8)
    assert seen.boxes == {"checkbox"}
    assert HOSTILE.replace("\n# d\n", " # d ")[:30] in seen.text


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_the_guide_is_the_same_for_the_same_journal_and_private(home: Desk, tmp_path: Path) -> None:
    first = written(home, tmp_path)[:2]
    assert written(home, tmp_path)[:2] == first
    assert modes(tmp_path) == {0o600}
    (tmp_path / "link.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        written(home, tmp_path, name="link")


async def test_another_may_open_the_files(home: Desk, tmp_path: Path) -> None:
    opened: list[str] = []

    def writing(name: str) -> Any:
        opened.append(name)
        return (tmp_path / name).open("w", encoding="utf-8")

    written(home, tmp_path, writing=writing)
    assert opened == ["REBUILD.md", "REBUILD.html"]


async def test_without_plugins_there_is_a_guide_too(home: Desk, tmp_path: Path) -> None:
    found = write_rebuild(tmp_path, home.journal, home.mig, None, None)
    assert {one.kind for one in found} == {"agent", "shortcut", "channel", "hook"}


async def test_a_journal_without_configuration_has_nothing_to_rebuild(tmp_path: Path) -> None:
    empty = Desk()
    await empty.read([conversation("t")])
    text, page_, found = written(empty, tmp_path)
    assert found == []
    assert "There is nothing to rebuild" in text
    assert "There is nothing to rebuild" in page_
    empty.close()


# ---- the report ------------------------------------------------------------------------------------------------------


async def test_a_report_is_one_page_that_asks_nothing_of_anybody(home: Desk) -> None:
    with home.journal.reading() as connection:
        (row,) = counts.migrations(connection)
    example = {"id": "x@desk.example", "target_id": None}
    group = {"reason_id": "1", "kind": "message", "reason": HOSTILE, "hint": "h", "count": 2, "examples": [example]}
    found = gather(home.journal, row, SOURCE, TARGET, [group])
    assert found["state"] == "not begun"
    assert found["failures_total"] == 2
    assert [one["open"] for one in found["by_hand"]] == [1, 3, 2]
    assert found["sums_open"] == []
    text = page(found)
    seen = Seen(text)
    assert seen.tags["script"] == seen.tags["link"] == seen.tags["img"] == 0
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert "desk.example" not in text + str(found)
    assert found["unmatched_agents"] == [], "one is unmatched when a run has found nobody"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("survey", "Surveys"),
        ("category", "Help centre categories"),
        ("sub_status", "Sub statuses"),
        ("shortcut_category", "Shortcut categories"),
        ("brand", "Brands"),
    ],
)
def test_several_of_a_kind_have_a_heading(kind: str, words: str) -> None:
    assert heading(kind) == words


# ---- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1. first", "1\\. first"),
        ("- item", "\\- item"),
        ("+ item", "\\+ item"),
        ("a\nb\x00c", "a b⟨U+0000⟩c"),
        ("<b>&amp; R&D", "\\<b\\>\\&amp; R&D".replace("R&D", "R\\&D")),
        ("[x](y) `z` a_b", "\\[x\\](y) \\`z\\` a\\_b"),
        ("https://a.example www.b.example c@d", "https:\\//a.example www\\.b.example c\\@d"),
        ("{{customer.firstName}} 50%!", "{{customer.firstName}} 50%!"),
        ("", ""),
    ],
)
def test_a_line_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(desk.texts())
def test_no_text_leaves_its_fence_or_its_line(text: str) -> None:
    lines = fenced(text, "  ")
    fence = lines[0].strip().removesuffix("text")
    assert all(fence not in line for line in lines[1:-1])
    assert all(line.startswith("  ") or not line for line in lines)
    assert "\n" not in one_line(text)
    assert "\n" not in escaped(text)
    assert not re.search(r"(?<!\\)[<`]", escaped(text).replace("\\\\", ""))


@given(st.text())
def test_what_is_escaped_is_all_there(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", escaped(text)) == one_line(text)


class Seen(HTMLParser):
    """Which elements a page has, and what can be read on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags = Counter[str]()
        self.boxes: set[str | None] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag == "input":
            self.boxes.add(dict(attributes).get("type"))
        for name, value in attributes:
            assert not name.startswith("on")
            assert not (name in ("src", "href") and value and not value.startswith("#"))

    def handle_data(self, data: str) -> None:
        self.text += data
