"""What `make demo` shows is held still: a change of it is a decision, made by writing the golden file anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

from desk_process import MIG
from desk_sample import SAMPLE

GOLDEN = Path(__file__).parents[1] / "data" / "demo.txt"


def test_the_demo_tells_the_whole_story(tmp_path: Path) -> None:
    command = [*MIG, "demo", "--dataset", str(SAMPLE), "--keep", str(tmp_path / "kept")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == GOLDEN.read_text("utf-8")
    assert ended.stderr == ""
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.stat().st_mode & 0o077] == []
