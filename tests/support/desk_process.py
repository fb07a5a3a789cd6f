"""Sandboxes and runs of `mig`, each a process of its own, and the sandboxes' control routes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk_sample import Json

ACKNOWLEDGED = """[acknowledged]
crisp = ["ai-agent-off", "workflows-off", "triggers-off", "campaigns-off", "operator-mails-known"]
"""
"""What a person says in mig.toml before anything is written."""
MIG = (sys.executable, "-m", "mig.cli")
PATIENCE_S = 300
FAST = {"KUSTOMER_REQUESTS_PER_MINUTE": "100000", "KUSTOMER_SEARCHES_PER_MINUTE": "100000"}
"""The sandboxes are asked as fast as they answer."""


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that serves."""

    url: str
    environment: Mapping[str, str]
    """The settings by which `mig` reaches it."""

    def get(self, word: str) -> Any:
        """What one of its control routes tells."""
        return json.loads(self._ask(word, None))

    def lines(self, word: str) -> list[bytes]:
        """What one of its control routes tells, line by line."""
        return self._ask(word, None).splitlines()

    def post(self, word: str, **arguments: Any) -> Any:
        """What one of its control routes answers to a change."""
        return json.loads(self._ask(word, json.dumps(arguments).encode()))

    def _ask(self, word: str, body: bytes | None) -> bytes:
        with urllib.request.urlopen(f"{self.url}/_sandbox/{word}", body, timeout=60) as answer:
            whole: bytes = answer.read()
            return whole


@contextmanager
def serving(name: str, *options: str) -> Iterator[Sandbox]:
    """Serve a sandbox in a process of its own while the context lasts."""
    command = [*MIG, "sandbox", name, *options, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment({})) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            assert told, f"the {name} sandbox said nothing and ended with {process.wait()}"
            where = json.loads(told)
            yield Sandbox(where["url"], where["environment"])
        finally:
            process.terminate()


@dataclass(frozen=True)
class Run:
    """A run of `mig` that has ended."""

    code: int
    report: Json
    """The object of `--json`."""
    said: str
    """What stood on stderr."""


def run_mig(folder: Path, *sandboxes: Sandbox) -> Run:
    """Run `mig run` once from the first sandbox to the second, on the journal of a folder.

    Raises:
        AssertionError: It printed anything but one JSON object.
    """
    settings = FAST | {name: value for one in sandboxes for name, value in one.environment.items()}
    settings["MIG_STATE"] = f"sqlite:///{folder / 'mig.db'}"
    (folder / "mig.toml").write_text(ACKNOWLEDGED)
    command = [*MIG, "run", "--source", "kustomer", "--target", "crisp", "--json"]
    ended = subprocess.run(
        command, cwd=folder, env=_environment(settings), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    try:
        report: Json = json.loads(ended.stdout)
    except ValueError:
        raise AssertionError(
            f"mig run ended with {ended.returncode} and no JSON: {ended.stdout!r}\n{ended.stderr}"
        ) from None
    return Run(ended.returncode, report, ended.stderr)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The surroundings of a process: ours, without settings of a migration that happen to be there."""
    foreign = ("MIG_", "KUSTOMER_", "CRISP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | dict(settings)
