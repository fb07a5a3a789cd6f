"""The sandboxes as a user starts them: `mig sandbox NAME`, asked over HTTP what they saw."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

_MIG = str(Path(sys.executable).with_name("mig"))
_open = build_opener(ProxyHandler({})).open


class Sandbox:
    """A sandbox that serves.

    Args:
        url: Its base.
        environment: The settings it printed.
    """

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.environment = environment
        self.complaints: list[str] = []
        """What was wrong with how it ended; known after it has."""

    def child(self, **more: str) -> dict[str, str]:
        """The environment of a client's process; requests to loopback go past any proxy."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "NO_PROXY": "127.0.0.1", **self.environment, **more}

    def get(self, word: str) -> Any:
        """One of its own control paths, as JSON."""
        return json.loads(self.text(word))

    def text(self, word: str) -> str:
        """The same as text."""
        with _open(f"{self.url}/_sandbox/{word}", timeout=60) as answer:
            body: bytes = answer.read()
        return body.decode()


@contextmanager
def sandbox(name: str, *words: str) -> Iterator[Sandbox]:
    """`mig sandbox NAME` while the context lasts; it must end well and say nothing on stderr."""
    command = [_MIG, "sandbox", name, "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"mig sandbox {name} did not start: {process.communicate()[1].strip().splitlines()[-1:]}")
    told = json.loads(line)
    one = Sandbox(told["url"], told["environment"])
    try:
        yield one
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        if process.returncode or errors:
            one.complaints.append(f"the sandbox ended with {process.returncode} and {len(errors.splitlines())} lines")
