"""The official clients, each in a folder of its own, as its registry serves it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE / ".work"
NPM_CRISP, PYPI_CRISP, TAP_KUSTOMER = "11.3.0", "1.1.23", "1.1.0"
NPM_LOCALES = "10.11.0"
"""The last version of npm's crisp-api that speaks the locale routes of the help centre."""


class Unavailable(Exception):
    """A client could not be installed, so nothing was judged by it."""


def npm_crisp(version: str = NPM_CRISP) -> Path:
    """The folder whose node_modules hold npm's crisp-api of a version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("npm crisp-api needs node and npm")
    folder = WORK / f"npm-{version}"
    words = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock"]
    _once(folder, f"crisp-api@{version}", [[*words, f"crisp-api@{version}"]])
    return folder


def pypi_crisp() -> Path:
    """The Python that has PyPI's crisp-api."""
    return _python(WORK / "pypi-crisp", f"crisp-api=={PYPI_CRISP}")


def tap_kustomer() -> Path:
    """The Python that has PyPI's tap-kustomer, with the old packages it pins."""
    return _python(WORK / "pypi-tap", f"tap-kustomer=={TAP_KUSTOMER}")


def _python(folder: Path, requirement: str) -> Path:
    python = folder / "bin" / "python"
    make = [sys.executable, "-m", "venv", str(folder)]
    _once(
        folder,
        requirement,
        [make, [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", requirement]],
    )
    return python


def _once(folder: Path, requirement: str, commands: list[list[str]]) -> None:
    """Install a requirement into its folder, unless it is there; what another version left is removed first."""
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text("utf-8") == requirement:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            # Not its output: that names the registry and places of this machine.
            raise Unavailable(f"{requirement} could not be installed ({Path(command[0]).name} exit {made.returncode})")
    stamp.write_text(requirement, "utf-8")
