"""A test of the tests: with one guard of the write protocol switched off, the proofs of delivery must turn red.

Each mutant is a copy of the tree with one piece of source changed; the tests named with it run there, and one of them
must fail. A piece that is not there any more fails here at once: the guard has moved, and its mutant must follow.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from tally import FILE, count
from unit_common import ROOT

_DELIVER, _PROTOCOL, _PLAN = (f"core/mig/engine/{name}.py" for name in ("deliver", "protocol", "plan"))
_JOURNAL, _BUDGETS = "core/mig/journal/delivery.py", "core/mig/budgets.py"
_SWEEP = "tests/contract/test_crash_sweep.py"


class Mutant(Struct, frozen=True):
    """A guard, how it is switched off, and who must notice."""

    guard: str
    file: str
    old: str
    new: str
    tests: str
    only: str = ""
    """Words of the tests' names, as pytest's -k."""
    also: tuple[str, str] | None = None
    """A second piece of the same file, and what stands in its place."""


MUTANTS = [
    Mutant(
        "durable intent",
        _DELIVER,
        "        await self._journal.write(say)\n        settled: list[Settled] = []\n        try:\n",
        '        settled: list[Settled] = []\n        try:\n            failpoint("late")\n',
        _SWEEP,
        "crash_at_any_point",
        also=(
            "            await asyncio.shield(self._prove(key, claims, settled, verdicts))\n",
            "            await self._journal.write(say)\n"
            "            await asyncio.shield(self._prove(key, claims, settled, verdicts))\n",
        ),
    ),
    Mutant(
        "ask before resend",
        _PROTOCOL,
        "        found = await self._target.find([Call(unit, operation, fill(operation))])\n",
        "        found: dict[object, Receipt] = {}\n",
        _SWEEP,
        "crash_at_any_point",
    ),
    Mutant(
        "request life",
        _PROTOCOL,
        "sent_at + limits.request_life_s + limits.read_lag_s - self._clock.monotonic()",
        "0.0",
        _SWEEP,
        "storm",
    ),
    Mutant(
        "birth alone",
        _PLAN,
        "step.alone or window[0].alone or ",
        "",
        f"{_SWEEP}::test_a_crash_at_any_point_changes_nothing_in_the_end[4-2]",
    ),
    Mutant(
        "a birth whose mark goes is proven first",
        _PLAN,
        "window[-1].fleeting or ",
        "",
        "tests/contract/test_simulation.py",
        "crash_at_any_point and locale",
    ),
    Mutant(
        "possible orphans counted before a birth is sent anew",
        _PROTOCOL,
        "                    await orphaned()\n",
        "                    pass\n",
        _SWEEP,
        "storm or pause",
    ),
    Mutant(
        "possible orphans of a killed run",
        _DELIVER,
        "orphans=orphans + more + (1 if step.alone and step.doubtful else 0),",
        "orphans=orphans + more,",
        _SWEEP,
        "crash_at_any_point",
    ),
    Mutant(
        "tails due",
        _JOURNAL,
        '    connection.execute(_TAILS_DUE, {"mig": mig, "key": key, "names": names})\n',
        "",
        _SWEEP,
        "later_run or undid",
    ),
    Mutant(
        "a released tail stays due",
        _JOURNAL,
        'state="due" if old.tail and old.state == "done" else old.state,',
        "state=old.state,",
        _SWEEP,
        "undid",
    ),
    Mutant(
        "what did not leave is released",
        _DELIVER,
        "                    if not step.left:  # it certainly did not leave\n",
        "                    if True:\n",
        _SWEEP,
        "pause",
    ),
    Mutant(
        "reservation",
        _DELIVER,
        "            with self._budgets.reserve(cost_of(plan.steps, spare=True)):\n",
        "            with self._budgets.reserve({}):\n",
        "tests/contract/test_quota.py",
        "half_told",
    ),
    Mutant(
        "origin, when a run takes something back",
        _PROTOCOL,
        "step.old.origin is not Origin.CREATED or not isinstance(target, CanUndo):\n",
        "not isinstance(target, CanUndo):\n",
        "tests/unit/test_settle.py",
        "never_taken_back",
    ),
    Mutant(
        "origin, in a rollback",
        "core/mig/engine/rollback.py",
        "        if row.receipt is not None and row.receipt.origin is not Origin.CREATED:\n",
        "        if False:\n",
        "tests/unit/test_rollback.py",
        "stays_and_is_listed",
    ),
    Mutant(
        "the unit stays dirty when it was marked again meanwhile",
        _JOURNAL,
        '        dirty=case((unit.c.version == bindparam("version_then"), bindparam("dirty_now")), else_=True),\n',
        '        dirty=bindparam("dirty_now"),\n',
        "tests/unit/test_staging.py",
        "test_what_is_staged_while_a_unit_is_delivered_is_not_forgotten",
    ),
    Mutant(
        "an envelope that is not the API's says nothing",
        "plugins/crisp/mig_crisp/client.py",
        'if envelope.get("error") is not False or "data" not in envelope:',
        "if False:",
        "tests/contract/test_simulation.py",
        "arrives_once",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed to run tests."""
    copy = tmp_path_factory.mktemp("mutants")
    for name in ("core", "verify", "plugins", "tests", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def switched_off(mutant: Mutant, source: str) -> str:
    """A file's text without a guard."""
    for old, new in ((mutant.old, mutant.new), *([mutant.also] if mutant.also else [])):
        assert source.count(old) == 1, f"{mutant.file} has no such guard any more: {mutant.guard}"
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard)
def test_every_guard_is_where_it_was(mutant: Mutant) -> None:
    switched_off(mutant, (ROOT / mutant.file).read_text(encoding="utf-8"))


SHORT = MUTANTS[::3]
"""Soak switches off each of them."""


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(m, id=m.guard, marks=[] if m in SHORT else pytest.mark.soak) for m in MUTANTS],
)
def test_a_guard_that_is_switched_off_is_noticed(mutant: Mutant, tree: Path) -> None:
    file = tree / mutant.file
    source = file.read_text(encoding="utf-8")
    changed = switched_off(mutant, source)
    file.write_text(changed, encoding="utf-8")
    try:
        ended = _run(tree, mutant)
    finally:
        file.write_text(source, encoding="utf-8")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, f"not noticed: {mutant.guard}\n{ended.stdout[-3000:]}"
    count("mutants", caught=1)


def _run(tree: Path, mutant: Mutant) -> subprocess.CompletedProcess[str]:
    parts = ("core", "verify", "plugins/kustomer", "plugins/crisp")
    environment = {name: value for name, value in os.environ.items() if name != FILE}
    environment["PYTHONPATH"] = os.pathsep.join(str(tree / part) for part in parts)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", mutant.tests]
    return subprocess.run(
        [*command, *(["-k", mutant.only] if mutant.only else [])],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
