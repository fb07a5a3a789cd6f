"""What stands in the repository: nothing of the machine it was written on, nothing left undone, a core for any desk."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from mig.cli.common import _PRIVATE
from unit_common import ROOT

PLATFORMS = re.compile("kustomer|crisp", re.IGNORECASE)
# Written in two pieces, so that this file does not find itself.
LOCAL = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "file:" + "//", "pypi.org/" + "simple", "/tmp/" + "briefs"]
UNDONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def files() -> list[Path]:
    """Everything git keeps, or would keep."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file()]


FILES = files()
PYTHON = [path for path in FILES if path.suffix == ".py"]
CORE = [path for path in PYTHON if path.is_relative_to(ROOT / "core")]


def texts() -> dict[str, str]:
    """Every file that is text, by its name."""
    found = {}
    for path in FILES:
        body = path.read_bytes()
        if b"\0" not in body[:8000]:
            found[str(path.relative_to(ROOT))] = body.decode("utf-8", "replace")
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(PYTHON) > 50
    assert len(CORE) > 20


def test_no_file_names_a_place_of_the_machine_it_was_written_on() -> None:
    found = [(name, word) for name, text in texts().items() for word in LOCAL if word in text]
    assert found == []


def test_no_code_says_that_it_is_not_finished() -> None:
    found = [
        f"{name}:{number}"
        for name, text in texts().items()
        if name.endswith((".py", ".toml", "Makefile")) or name == ".ci/run"
        for number, line in enumerate(text.splitlines(), 1)
        if UNDONE.search(line)
    ]
    assert found == []


def docstrings(tree: ast.Module) -> set[int]:
    """The lines that docstrings, of fields too, stand on."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT / "core")))
def test_the_core_names_no_platform_but_in_comments(path: Path) -> None:
    text = path.read_text("utf-8")
    comments = docstrings(ast.parse(text))
    found = [
        f"{token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type != tokenize.COMMENT and token.start[0] not in comments and PLATFORMS.search(token.string)
    ]
    assert found == []


def test_every_package_is_typed_and_every_module_says_what_it_is_for() -> None:
    packages = ["core/mig", "verify/mig_verify", "plugins/kustomer/mig_kustomer", "plugins/crisp/mig_crisp"]
    for package in packages:
        assert (ROOT / package / "py.typed").is_file()
        for path in sorted((ROOT / package).rglob("*.py")):
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{path.relative_to(ROOT)} has no docstring"


def test_no_event_has_a_fact_under_a_name_that_the_log_takes_out() -> None:
    """Whatever stands under `key=` is written as [redacted]: who reads the log would learn nothing."""
    found = []
    for path in (one for one in PYTHON if not one.is_relative_to(ROOT / "tests")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "log":
                taken = {word.arg for word in node.keywords} & set(_PRIVATE)
                found += [f"{path.relative_to(ROOT)}:{node.lineno} {name}" for name in sorted(map(str, taken))]
    assert found == []
