"""`make fidelity`: the official clients of both platforms judge our sandboxes.

Prints Markdown for docs/fidelity.md; its last lines are one verdict per client. Exit 1 on any difference, and when a
client could not be installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clients
from sandboxes import Sandbox, sandbox

HERE = Path(__file__).parent
CUSTOMERS, SEED, CLOCK = 300, 7, datetime(2026, 10, 1, tzinfo=UTC)
TWO_YEARS_AGO = CLOCK.replace(year=2024)
PATIENCE_S = 300
#: Streams of the tap whose lists hold at most 100 rows a page by the API page; the tap asks 500 unless it is told.
SMALL_PAGES = ("tags", "shortcuts")


@dataclass
class Verdict:
    """What one client found."""

    client: str
    unit: str = "calls"
    calls: int = 0
    requests: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for the end."""
        word = "agrees" if not self.wrong else f"DIFFERS ({len(self.wrong)})"
        return f"{self.client}: {self.calls} {self.unit}, {self.requests} requests at the sandbox: {word}"


def judge_npm(tier: str) -> Verdict:
    """npm's crisp-api with a key of a tier."""
    verdict = Verdict(f"npm crisp-api {clients.NPM_CRISP} ({tier} key)")
    client = clients.npm_crisp()
    with sandbox("crisp", "--switch", f"tier={tier}") as crisp:
        _crisp_story(verdict, crisp, ["node", str(HERE / "npm_crisp.cjs")], FIDELITY_CLIENT=str(client))
        (stored,) = crisp.get("bucket") or [{}]
        if (stored.get("size"), len(stored.get("used_by", []))) != (17, 0):
            verdict.wrong.append("the sandbox does not hold the one file of the removed conversation")
    verdict.wrong += crisp.complaints
    return verdict


def judge_help(version: str, api: str) -> Verdict:
    """The help centre, by the version of npm's crisp-api that speaks one of its interfaces."""
    verdict = Verdict(f"npm crisp-api {version} (help centre, {api})")
    client = clients.npm_crisp(version)
    with sandbox("crisp", "--switch", f"helpdesk={api}") as crisp:
        _crisp_story(verdict, crisp, ["node", str(HERE / "npm_helpdesk.cjs")], FIDELITY_CLIENT=str(client))
    verdict.wrong += crisp.complaints
    return verdict


def judge_pypi() -> Verdict:
    """PyPI's crisp-api, which has no socket."""
    verdict = Verdict(f"PyPI crisp-api {clients.PYPI_CRISP} (website key)")
    python = clients.pypi_crisp()
    with sandbox("crisp") as crisp:
        _crisp_story(verdict, crisp, [str(python), str(HERE / "pypi_crisp.py")])
    verdict.wrong += crisp.complaints
    return verdict


def _crisp_story(verdict: Verdict, crisp: Sandbox, command: list[str], **more: str) -> None:
    told = _run(verdict, command, crisp.child(FIDELITY_ORIGIN=crisp.url, **more))
    if told is not None:
        found = json.loads(told.splitlines()[-1])
        verdict.calls = found["calls"]
        verdict.wrong += found["wrong"]
        verdict.notes += found["notes"]
    counters = crisp.get("counters")
    verdict.requests = counters["requests"]
    verdict.notes.append(f"{len(counters['by_route'])} routes used")
    if counters["by_status"].keys() & {"405", "500"}:
        verdict.wrong.append("the sandbox does not know a route the client has, or broke")


def judge_tap() -> Verdict:
    """PyPI's tap-kustomer: discovery, then a full sync of every stream."""
    verdict = Verdict(f"PyPI tap-kustomer {clients.TAP_KUSTOMER}", "runs")
    command = [str(clients.tap_kustomer()), str(HERE / "tap_kustomer_here.py")]
    clock = CLOCK.isoformat()
    with (
        sandbox(
            "kustomer", "--generate", str(CUSTOMERS), "--seed", str(SEED), "--switch", f"clock={clock}"
        ) as kustomer,
        tempfile.TemporaryDirectory() as folder,
    ):
        _tap_story(verdict, kustomer, command, Path(folder))
        counters = kustomer.get("counters")
        verdict.requests = sum(counters["routes"].values())
        if set(counters["statuses"]) != {"200"}:
            verdict.wrong.append(f"the sandbox answered {sorted(counters['statuses'])}")
    verdict.wrong += kustomer.complaints
    return verdict


def _tap_story(verdict: Verdict, kustomer: Sandbox, command: list[str], folder: Path) -> None:
    settings = {"api_token": kustomer.environment["KUSTOMER_API_KEY"], "start_date": "2000-01-01T00:00:00Z"}
    settings |= {"user_agent": "fidelity"}
    environment = kustomer.child()
    catalog = _tap(verdict, command, folder, settings, environment)
    if catalog is None:
        return
    streams = json.loads(catalog)["streams"]
    expected = dict(_expected(kustomer))
    if {one["tap_stream_id"] for one in streams} != set(expected):
        verdict.wrong.append("discovery: the streams are not those that are expected")
    told: list[str] = []
    for small in (False, True):
        chosen = [_selected(one) for one in streams if (one["tap_stream_id"] in SMALL_PAGES) is small]
        sized = settings | ({"page_size_limit": "100"} if small else {})
        told += (_tap(verdict, command, folder, sized, environment, {"streams": chosen}) or "").splitlines()
    _compare(verdict, told, expected)


def _tap(
    verdict: Verdict,
    command: list[str],
    folder: Path,
    settings: dict[str, str],
    environment: dict[str, str],
    catalog: dict[str, Any] | None = None,
) -> str | None:
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    words = ["--config", str(folder / "settings.json")]
    if catalog is None:
        words.append("--discover")
    else:
        (folder / "catalog.json").write_text(json.dumps(catalog), "utf-8")
        words += ["--catalog", str(folder / "catalog.json")]
    verdict.calls += 1
    return _run(verdict, [*command, *words], environment)


def _selected(stream: dict[str, Any]) -> dict[str, Any]:
    metadata = [{**one, "metadata": {**one["metadata"], "selected": True}} for one in stream["metadata"]]
    return {**stream, "metadata": metadata}


def _compare(verdict: Verdict, lines: list[str], expected: dict[str, set[str]]) -> None:
    """Every record the sandbox holds came, no other one, and each at least once."""
    came: dict[str, Counter[str]] = {name: Counter() for name in expected}
    for line in lines:
        row = json.loads(line)
        if row["type"] == "RECORD":
            came.setdefault(row["stream"], Counter())[row["record"]["id"]] += 1
    for name, ids in expected.items():
        found = came[name]
        verdict.notes.append(f"`{name}`: {len(found)} of {len(ids)} records, {found.total()} rows written")
        if set(found) != ids:
            verdict.wrong.append(
                f"{name}: {len(ids - set(found))} did not come, {len(set(found) - ids)} should not have"
            )


def _expected(kustomer: Sandbox) -> Iterator[tuple[str, set[str]]]:
    """The ids each stream must bring, from everything the sandbox serves and from what the API page says of it.

    A search leaves out what was deleted and what was last updated two years ago; the bare list of users leaves out
    those who left; tags, teams and shortcuts are listed whole.
    """

    def found(one: dict[str, Any]) -> bool:
        facts = one["attributes"]
        return not facts.get("deleted") and datetime.fromisoformat(facts["updatedAt"]) >= TWO_YEARS_AGO

    rules: dict[str, Callable[[dict[str, Any]], bool]] = dict.fromkeys(
        ("customers", "kobjects", "conversations", "messages", "notes"), found
    )
    rules["users"] = lambda one: not one["attributes"].get("deletedAt")
    rules |= dict.fromkeys(("teams", "tags", "shortcuts"), lambda one: True)
    rows = [json.loads(line) for line in kustomer.text("dataset").splitlines()]
    for kind, rule in rules.items():
        yield kind, {row["resource"]["id"] for row in rows if row.get("kind") == kind and rule(row["resource"])}


def _run(verdict: Verdict, command: list[str], environment: dict[str, str]) -> str | None:
    """What a client wrote; None, and a word about it, when it did not end well."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode or not done.stdout:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        verdict.wrong.append(f"the client ended with {done.returncode}: {last[:200]}")
        return None
    return done.stdout


def report(verdicts: list[Verdict]) -> str:
    """The page's part that is made by this run."""
    lines = ["## What the last run found", ""]
    for one in verdicts:
        lines += [f"### {one.client}", ""]
        lines += [f"* {note}" for note in one.notes]
        lines += [f"* **differs**: {word}" for word in one.wrong]
        lines += [] if one.notes or one.wrong else ["* nothing to add"]
        lines.append("")
    return "\n".join([*lines, "```text", *(one.line() for one in verdicts), "```"])


def main() -> int:
    """Judge, print, and say by the exit code whether all agree."""
    judges: list[tuple[str, Callable[[], Verdict]]] = [
        ("npm crisp-api", lambda: judge_npm("website")),
        ("npm crisp-api", lambda: judge_npm("plugin")),
        ("npm crisp-api (help centre, tree)", lambda: judge_help(clients.NPM_CRISP, "tree")),
        ("npm crisp-api (help centre, locale)", lambda: judge_help(clients.NPM_LOCALES, "locale")),
        ("PyPI crisp-api", judge_pypi),
        ("PyPI tap-kustomer", judge_tap),
    ]
    verdicts = []
    for name, judge in judges:
        try:
            verdicts.append(judge())
        except clients.Unavailable as why:
            verdicts.append(Verdict(name, wrong=[str(why)]))
    print(report(verdicts))
    return 1 if any(one.wrong for one in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
