"""What a person installs: the four packages, typed, with their entry points, and nothing of ours besides."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest

from unit_common import ROOT

pytest.importorskip("hatchling", reason="the wheel is built with hatchling")
PACKAGES = ("mig", "mig_verify", "mig_kustomer", "mig_crisp")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_it_holds_the_four_packages_and_what_describes_them(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    (described,) = tops - set(PACKAGES)
    assert tops - {described} == set(PACKAGES)
    assert described.startswith("mig_desk-")
    assert described.endswith(".dist-info")


def test_every_module_of_the_checkout_is_in_it_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    folders = {"mig": "core", "mig_verify": "verify", "mig_kustomer": "plugins/kustomer", "mig_crisp": "plugins/crisp"}
    expected = {
        str(path.relative_to(ROOT / folder))
        for package, folder in folders.items()
        for path in (ROOT / folder / package).rglob("*.py")
    }
    assert {name for name in wheel.namelist() if name.endswith(".py")} == expected


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(wheel: zipfile.ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_nothing_of_the_tests_and_nothing_compiled_is_in_it(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        parts = name.split("/")
        assert not {"tests", "test", "bench", "docs", "__pycache__"} & set(parts), name
        assert not parts[-1].startswith(("test_", "conftest")), name
        assert not name.endswith((".pyc", ".db", ".log", ".gz")), name


def test_the_command_and_the_plugins_are_announced(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    for line in ("[console_scripts]", "mig = mig.cli:main", "[mig]", "kustomer = mig_kustomer", "crisp = mig_crisp"):
        assert line in text
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    described = wheel.read(metadata).decode()
    assert "License-Expression: Apache-2.0" in described
    assert "Requires-Python: >=3.11" in described
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
