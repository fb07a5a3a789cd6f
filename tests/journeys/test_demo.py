"""What `mig demo` shows is held still: a change of it is a decision, made by writing the golden files anew.

MIG_GOLDEN=write python -m pytest tests/journeys/test_demo.py -m "soak or not soak"
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from desk_process import MIG
from desk_sample import SAMPLE

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    ("options", "golden"),
    [
        pytest.param((), "demo-made.txt", id="an organisation that is made"),
        # What `make demo` shows; beside it test_sample.py moves the sample in every run of the tests.
        pytest.param(("--dataset", str(SAMPLE)), "demo.txt", id="the sample", marks=pytest.mark.soak),
    ],
)
def test_the_demo_tells_the_whole_story(options: tuple[str, ...], golden: str, tmp_path: Path) -> None:
    command = [*MIG, "demo", *options, "--keep", str(tmp_path / "kept")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "(a time) UTC", ended.stdout)
    told = re.sub(r"[\d,]+ to the target; \d+ s$", "(some) to the target; (some) s", told, flags=re.MULTILINE)
    # How many requests an audit needs depends on when it has learnt how long a page is.
    told = re.sub(r"^  requests: \d+$", "  requests: (some)", told, flags=re.MULTILINE)
    told = told.replace(str(tmp_path), "(here)")
    if os.environ.get("MIG_GOLDEN") == "write":
        (DATA / golden).write_text(told, "utf-8")
    assert told == (DATA / golden).read_text("utf-8")
    assert ended.stderr == ""
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.stat().st_mode & 0o077] == []
