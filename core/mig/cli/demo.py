"""`mig demo`: the whole story on two sandboxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from mig.cli.common import Common, start_log
from mig.cli.run import Asked, run_once
from mig.errors import Refused, Usage
from mig.plugins import Registry
from mig.settings import load_config


@click.command()
@click.option("--dataset", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="What to move.")
@click.option("--generate", type=click.IntRange(min=1), default=40, show_default=True, help="Else: customers to make.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the generated organisation.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the journal in this folder.")
@click.pass_obj
def demo(registry: Registry, dataset: Path | None, generate: int, seed: int, keep: Path | None) -> None:
    """Move a desk between two sandboxes on this machine, twice, and say what arrived."""
    source, target = _pair(registry)
    start_log(None)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mig-demo-")))
        _make_private(folder)
        (folder / "demo.db").unlink(missing_ok=True)
        what = ["--dataset", str(dataset)] if dataset else ["--generate", str(generate), "--seed", str(seed)]
        staff = ["--operators", str(dataset)] if dataset else []
        click.echo(f"1. Two sandboxes, {source} with an organisation, {target} with an empty workspace.")
        here = stack.enter_context(_sandbox(source, what))
        there = stack.enter_context(_sandbox(target, staff))
        environment = {**here["environment"], **there["environment"]}
        written = folder / "mig.toml"
        written.touch(mode=0o600)
        written.write_text(_toml(target, registry.target(target).asks), "utf-8")
        config = load_config(
            written, source=source, target=target, state=f"sqlite:///{folder / 'demo.db'}", environment=environment
        )
        common = Common(config, registry, (), False, False)
        click.echo("2. The migration.")
        first = run_once(common, Asked(title="first run"), environment=environment)
        click.echo("\n3. The same command again: nothing may be written twice.")
        second = run_once(common, Asked(title="second run"), environment=environment)
        click.echo("\n4. The proof: both sides read anew, everything compared, every file too.\n")
        third = _proven(folder, source, target, environment, keep=keep)
        click.echo("\n5. What the target's sandbox saw.")
        for line in _seen(there["url"]):
            click.echo(f"  {line}")
        sys.exit(first or second or third)


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing: `mkdir(parents=True)` would leave them to the umask."""
    for one in (*reversed(folder.parents), folder):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)


def _toml(target: str, asks: Mapping[str, str]) -> str:
    """The demo's mig.toml: even there nothing is written before somebody has said that no robot answers."""
    listed = ", ".join(f'"{name}"' for name in asks)
    return f"[acknowledged]\n{target} = [{listed}]\n"


def _pair(registry: Registry) -> tuple[str, str]:
    """The source and the target that have a sandbox."""
    sources = sorted(set(registry.sources) & set(registry.sandboxes))
    targets = sorted(set(registry.targets) & set(registry.sandboxes))
    if not sources or not targets:
        raise Usage("no source or no target has a sandbox", "Install a plugin that offers one.")
    return sources[0], next((name for name in targets if name != sources[0]), targets[0])


@contextmanager
def _sandbox(name: str, arguments: list[str]) -> Iterator[Mapping[str, Any]]:
    """A sandbox in a process of its own, so that it does not share a core's time with the run."""
    command = [sys.executable, "-m", "mig.cli", "sandbox", name, "--json", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)  # noqa: S603  # ourselves
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Refused(f"the sandbox {name} did not start", "Its own message stands above.")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _proven(folder: Path, source: str, target: str, environment: Mapping[str, str], *, keep: Path | None) -> int:
    """Audit what was moved, as a person would: `mig verify`. Its report stays where the journal stays."""
    command = [sys.executable, "-m", "mig.cli", "verify", "--level", "full", "--seed", "1"]
    command += ["--config", str(folder / "mig.toml"), "--state", f"sqlite:///{folder / 'demo.db'}"]
    command += ["--source", source, "--target", target]
    command += ["--report", str(folder / "audit.html")] if keep is not None else []
    sys.stdout.flush()
    ended = subprocess.run(command, env={**os.environ, **environment}, check=False)  # noqa: S603  # ourselves
    return ended.returncode


def _seen(url: str) -> Iterator[str]:
    """What a sandbox counts of itself: plain numbers, and the people it would have notified."""
    with urllib.request.urlopen(f"{url}/_sandbox/counters", timeout=10) as answer:  # noqa: S310  # a sandbox of ours
        found = json.load(answer)
    for name, value in found.items():
        if isinstance(value, int):
            yield f"{name.replace('_', ' ')}: {value}"
    yield f"people who would have been notified: {sum(found.get('notifications', {}).values())}"
