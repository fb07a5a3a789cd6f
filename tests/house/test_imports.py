"""`import mig` stays light: what is heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"sqlalchemy", "httpx", "structlog", "aiohttp", "rich", "stamina", "hypothesis", "pytest", "markdownify"}
_TELL = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
_MAIN = """
import mig.cli
try:
    mig.cli.main({arguments!r})
except SystemExit as end:
    assert not end.code
"""


def loaded(code: str) -> set[str]:
    """The top-level modules a fresh process has loaded after running this."""
    command = [sys.executable, "-c", f"{code}\n{_TELL}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found: list[str] = json.loads(run.stderr.splitlines()[-1])
    return set(found)


def test_importing_mig_loads_nothing_heavy() -> None:
    found = loaded("import mig")
    assert "mig" in found
    assert found & HEAVY == set()


@pytest.mark.parametrize("module", ["mig.settings", "mig.hookspecs", "mig.plugins", "mig.model", "mig.platforms"])
def test_nor_does_what_a_plugin_author_imports(module: str) -> None:
    assert loaded(f"import {module}") & HEAVY == set()


def test_finding_the_installed_plugins_opens_no_network_library() -> None:
    found = loaded("from mig.plugins import Registry; Registry()")
    assert {"mig_kustomer", "mig_crisp"} <= found
    assert found & {"httpx", "aiohttp", "sqlalchemy"} == set()


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["plugins", "--json"], ["--help"], ["run", "--help"], ["--version"]], ids=" ".join
)
def test_a_command_that_only_tells_loads_no_network_library_and_no_database(arguments: list[str]) -> None:
    found = loaded(_MAIN.format(arguments=arguments))
    assert "mig" in found
    assert found & {"httpx", "aiohttp", "sqlalchemy"} == set()
