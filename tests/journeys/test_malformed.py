"""A thousand malformed rows among good ones: nothing ends the run, each is accounted for, the good ones arrive.

Once they are corrected, the next run moves them too.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from desk_process import Run, Sandbox, run_mig, serving
from malformed import Damage, damages, names
from malformed_desk import definition, spoiling, write_desk
from malformed_rows import FIELDS, row_id
from processes import end_state

SEED, MOST, CUSTOMERS = 17, 1_040, 16
"""Which damages, how many, and how large the sound organisation around them is."""
TAIL = ("archived", "failed", "loaded", "merged", "pending", "skipped", "unchanged", "updated")
MEGABYTE = 2**20


@dataclass
class Told:
    """What the journal says of one damaged row."""

    fates: list[tuple[str, str]]
    """State and fate of each of its records."""
    text: str
    """Warnings, losses and reasons."""


@dataclass
class Moved:
    """A sound organisation moved, and the same one with damaged rows in it, twice."""

    damages: list[Damage]
    good: frozenset[str]
    """Ids of the rows no damage is near."""
    sound: Run
    first: Run
    again: Run
    wanted: dict[str, Any]
    """What stands in the target when nothing is damaged."""
    found: dict[str, Any]
    told: dict[Damage, Told]
    wrote_again: int
    """Writes of the second run."""
    mended: Run
    """A third run, once everything is corrected at the source."""
    arrived: dict[str, Any]
    """What stands in the target after it."""
    left: list[tuple[str, ...]]
    """Records that are neither done nor gone after it."""


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """The organisation, moved sound into one workspace, and damaged into another."""
    folder = tmp_path_factory.mktemp("malformed")
    made = damages(SEED, MOST)
    good = write_desk(folder / "desk.jsonl", made, CUSTOMERS, SEED)
    for name in ("sound", "damaged"):
        (folder / name).mkdir()
    with spoiling(folder / "desk.jsonl") as (source, spoiler), serving("crisp") as whole, serving("crisp") as target:
        sound = run_mig(folder / "sound", source, whole)
        spoiler.add(made)
        spoiler.on = True
        first = run_mig(folder / "damaged", source, target)
        wrote = _writes(target)
        again = run_mig(folder / "damaged", source, target)
        told = _told(folder / "damaged" / "mig.db", made)
        wrote = _writes(target) - wrote
        wanted, found = end_state(whole), end_state(target)
        spoiler.heal(made)
        mended = run_mig(folder / "damaged", source, target)
        left = _left(folder / "damaged" / "mig.db")
        yield Moved(made, good, sound, first, again, wanted, found, told, wrote, mended, end_state(target), left)


def test_there_are_enough_damages_of_every_kind(moved: Moved) -> None:
    assert len({(one.kind, one.number) for one in moved.damages}) >= 1_000
    assert len({one.what for one in moved.damages}) >= 40
    assert {(one.kind, one.field) for one in moved.damages} >= {(k, f) for k, fields in FIELDS.items() for f in fields}


def test_every_row_would_arrive_if_it_were_sound(moved: Moved) -> None:
    assert moved.sound.code == 0
    assert sum(counts["failed"] + counts["pending"] for counts in moved.sound.report["kinds"].values()) == 0


def test_no_malformed_row_ends_the_run(moved: Moved) -> None:
    for run in (moved.first, moved.again):
        assert (run.code, run.report["status"], run.report["unreadable"]) == (1, "completed", {}), run.said[-2000:]
        assert run.report["in_doubt"] == run.report["possible_orphans"] == 0
        assert "Traceback" not in run.said


def test_the_sums_close(moved: Moved) -> None:
    for run in (moved.first, moved.again):
        for kind, counts in run.report["kinds"].items():
            assert counts["in_scope"] == sum(counts[name] for name in TAIL), kind
            assert counts["pending"] == 0, kind


def test_every_damaged_row_is_accounted_for(moved: Moved) -> None:
    lost = [str(one) for one in moved.damages if not moved.told[one].fates]
    assert lost == []
    open_ends = [str(one) for one in moved.damages if {s for s, _ in moved.told[one].fates} - {"done", "failed"}]
    assert open_ends == []


def test_every_damage_is_told_by_the_name_of_its_field(moved: Moved) -> None:
    silent = [one for one in moved.damages if not one.harmless and not names(one, moved.told[one].text)]
    assert [f"{one}: {moved.told[one].text[:200]!r}" for one in silent] == []


def test_what_is_quarantined_says_the_way_out_and_nothing_blames_us(moved: Moved) -> None:
    failed = [one for one in moved.damages if any(state == "failed" for state, _ in moved.told[one].fates)]
    assert len(failed) > 40
    assert [str(one) for one in failed if "then run again" not in moved.told[one].text] == []
    blaming = re.compile(r"a fault of|Please report|mapping raised|Crisp refused")
    assert [str(one) for one in moved.damages if blaming.search(moved.told[one].text)] == []


def test_what_is_harmless_is_not_quarantined(moved: Moved) -> None:
    harmless = [one for one in moved.damages if one.harmless]
    assert len(harmless) > 100
    assert [str(one) for one in harmless if ("failed", "load") in moved.told[one].fates] == []


def test_the_good_ones_arrive_as_if_nothing_were_damaged(moved: Moved) -> None:
    threads = [id_ for id_ in moved.wanted["threads"] if id_ in moved.good]
    assert len(threads) > 20
    differing = [id_ for id_ in threads if moved.found["threads"].get(id_) != moved.wanted["threads"][id_]]
    assert differing == []
    people = [mail for mail, person in moved.wanted["people"].items() if _of(person) & moved.good]
    assert len(people) > 10
    assert [mail for mail in people if moved.found["people"].get(mail) != moved.wanted["people"][mail]] == []
    assert moved.found["doubled"] == moved.wanted["doubled"] == []


def test_a_second_run_writes_nothing(moved: Moved) -> None:
    assert moved.wrote_again == 0
    totals = Counter({name: sum(c[name] for c in moved.again.report["kinds"].values()) for name in TAIL})
    assert totals["loaded"] == totals["updated"] == 0
    failed = {kind: counts["failed"] for kind, counts in moved.first.report["kinds"].items()}
    assert {kind: counts["failed"] for kind, counts in moved.again.report["kinds"].items()} == failed


def test_a_text_of_a_megabyte_arrives_whole(moved: Moved) -> None:
    parts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for thread in moved.found["threads"].values():
        for said in thread["messages"]:
            if said["type"] in ("text", "note") and said["properties"].get("source_parts", 1) > 1:
                parts[said["properties"]["source_id"]].append((said["properties"]["source_part"], said["content"]))
    long = {
        f"{kind.removesuffix('s')}/{row_id(kind, one.number)}"
        for kind, field in (("messages", "preview"), ("notes", "body"))
        for one in moved.damages
        if (one.kind, one.field, one.what) == (kind, field, "a megabyte")
    }
    assert long
    for ref in long:
        whole = "".join(text.partition("\n")[2] for _, text in sorted(parts[ref]))
        assert whole == "0123456789 abcde" * (MEGABYTE // 16), ref


# ---- corrected -------------------------------------------------------------------------------------------------------


def test_once_all_is_corrected_nothing_stays_in_quarantine_and_nothing_waits(moved: Moved) -> None:
    assert moved.left == []
    assert (moved.mended.code, moved.mended.report["status"]) == (0, "completed"), moved.mended.said[-2000:]
    for kind, counts in moved.mended.report["kinds"].items():
        assert (counts["failed"], counts["pending"]) == (0, 0), kind


def test_what_was_corrected_stands_where_it_would_stand_if_it_had_always_been_sound(moved: Moved) -> None:
    """The order inside one instant is that of sending. A file the source had no address for is asked for by --remap."""
    for name in ("threads", "people"):
        assert moved.arrived[name].keys() == moved.wanted[name].keys()
    assert moved.arrived["doubled"] == []
    for id_, thread in moved.wanted["threads"].items():
        assert _said(thread) - _said(moved.arrived["threads"][id_]) == Counter(), id_


def _said(thread: dict[str, Any]) -> Counter[tuple[str, ...]]:
    """What stands in a thread beside files: whose it is, when it was said, and how."""
    said = [(one["properties"].get("source_id", ""), one["timestamp"], one["content"]) for one in thread["messages"]]
    return Counter((ref, str(at), json.dumps(text)) for ref, at, text in said if not ref.startswith("attachment/"))


def _left(journal: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(journal)) as db:
        found = "select kind, id, state, reason from mig_record where state not in ('done', 'gone')"
        return list(db.execute(found))


def _writes(target: Sandbox) -> int:
    return int(target.get("counters")["writes"])


def _of(person: dict[str, Any]) -> set[str]:
    """The customers a profile was made of."""
    return set(str(person.get("data", {}).get("source_ids", "")).split(","))


def _told(journal: Path, made: list[Damage]) -> dict[Damage, Told]:
    """What the journal says of each damaged row, found by the mark it bears or by being what was served."""
    with closing(sqlite3.connect(journal)) as db:
        raws: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for resource, id_, packed in db.execute("select resource, id, body from mig_raw"):
            body = zlib.decompress(packed).decode("utf-8", "replace")
            raws[f"{resource} {body.strip()}"].add((resource, id_))
            for mark in re.findall(r'"damage":\s*"(\w+-\d+)"', body):
                raws[mark].add((resource, id_))
        losses: dict[tuple[str, str], list[str]] = defaultdict(list)
        for kind, id_, field, why in db.execute("select kind, id, field, why from mig_loss"):
            losses[kind, id_].append(f"{field}: {why}")
        records: dict[tuple[str, str], list[tuple[tuple[str, str], str]]] = defaultdict(list)
        rows = db.execute("select resource, raw_id, kind, id, state, fate, warnings, reason from mig_record")
        for resource, raw_id, kind, id_, state, fate, warnings, reason in rows:
            text = "\n".join((warnings, reason, *losses[kind, id_]))
            where = (kind, id_) if resource == "metadata" else (resource, raw_id)
            records[where].append(((state, fate), text))
    told = {}
    for one in made:
        places = raws[f"{one.kind}-{one.number}"] or raws[f"{one.kind} {one.rows[-1]}"]
        if one.kind == "metadata":
            places = {("attribute", f"contact.{definition(one.number)}")}
        held = [entry for place in places for entry in records[place]]
        told[one] = Told([fate for fate, _ in held], "\n".join(text for _, text in held))
    return told
