"""`mig` as a process that can be killed, and what stands in the target at the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from desk_process import ACKNOWLEDGED, MIG, Sandbox, serving
from desk_sample import SAMPLE
from help_named import named_help

_LINK = re.compile(r"\((https?://[^\s()]+)\)")
"""The address in a Markdown link: a note names a file so."""
QUICK = {
    "KUSTOMER_PAUSE_S": "0.05",
    "CRISP_REQUEST_LIFE_S": "0.3",
    "CRISP_READ_LAG_S": "0.3",
    "CRISP_UPLOAD_WAIT_S": "2",
    "CRISP_UPLOAD_ATTEMPTS": "10",
    "CRISP_UPLOAD_PAUSE_S": "0.05",
}


@contextmanager
def desks(faults: str = "", **switches: str) -> Iterator[tuple[Sandbox, Sandbox]]:
    """The sample's organisation and an empty workspace that takes any file, both with the same faults."""
    common = ["--faults", faults] if faults else []
    changed = [
        part for name, value in {"extensions": "*", **switches}.items() for part in ("--switch", f"{name}={value}")
    ]
    with ExitStack() as stack:
        source = stack.enter_context(serving("kustomer", "--dataset", str(SAMPLE), *common))
        target = stack.enter_context(serving("crisp", "--operators", str(SAMPLE), *common, *changed))
        yield source, target


class Mig:
    """The command with a journal and two desks.

    Args:
        folder: Where the journal lies.
        source: A desk.
        target: A desk.
    """

    def __init__(self, folder: Path, source: Sandbox, target: Sandbox) -> None:
        self.folder = folder
        (folder / "mig.toml").write_text(ACKNOWLEDGED)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("KUSTOMER_", "CRISP_", "MIG_"))},
            **source.environment,
            **target.environment,
            **QUICK,
        }

    def command(self, *arguments: str) -> list[str]:
        """The words of a command line."""
        return [*MIG, *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        """`mig run --json` to its end: the object, with `exit`."""
        process = self.start("run", "--source", "kustomer", "--target", "crisp", "--json", *arguments)
        out, err = process.communicate(timeout=300)
        assert out, f"exit {process.returncode}\n{err}"
        return {**json.loads(out), "exit": process.returncode}

    def killed(self, target: Sandbox, after_writes: int, delay: float) -> None:
        """`mig run`, killed outright a moment after the target has accepted so many writes."""
        process = self.start("run", "--source", "kustomer", "--target", "crisp", "--quiet")
        while process.poll() is None and target.get("counters")["writes"] < after_writes:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)


def end_state(target: Sandbox) -> dict[str, Any]:
    """What stands in the workspace, as `named_state` tells it."""
    return named_state(target.get("state"), target.get("bucket"))


def named_state(state: Mapping[str, Any], bucket: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What stands in a workspace, free of ids that are new at every birth; empty, nameless births are counted.

    An address of the bucket is as new as an id: in its place stands the digest of what it holds.
    """
    digests = {one["url"]: f"sha256:{one['sha256']}" for one in bucket}
    emails = {person["people_id"]: person["email"] for person in state["people"]}
    named: dict[str, Any] = {}
    doubled: list[str] = []
    orphans = 0
    for conversation in state["conversations"]:
        source = (conversation["meta"].get("data") or {}).get("source_id")
        messages = [_message(row, digests) for row in conversation["messages"] if row["type"] != "event"]
        if source is None:
            assert not messages, "a nameless conversation holds messages"
            orphans += 1
            continue
        if source in named:
            doubled.append(source)
        named[source] = {
            "meta": conversation["meta"],
            "state": conversation["state"],
            "assigned": conversation.get("assigned"),
            "inbox": conversation.get("inbox_id"),
            "profile": emails.get(conversation.get("people_id") or ""),
            "messages": messages,
        }
    people = {person["email"]: _without(person, "people_id", "created_at", "updated_at") for person in state["people"]}
    centre, twice = named_help(state["helpdesk"])
    for row in centre.values():
        if "content" in row:
            row["content"] = _named(row["content"], digests)
    return {"threads": named, "people": people, "help": centre, "doubled": doubled + twice, "orphans": orphans}


def _message(row: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    user = row.get("user") or {}
    if str(user.get("user_id", "")).startswith("session_"):  # the desk's own word for the visitor of this session
        user = _without(user, "user_id")
    return {**_without(row, "session_id", "arrival"), "user": user, "content": _named(row["content"], digests)}


def _named(content: Any, digests: Mapping[str, str]) -> Any:
    """A content whose addresses in the bucket are told by what they hold; an address that holds nothing stays."""
    if isinstance(content, dict):
        return {name: digests.get(value, value) if name == "url" else value for name, value in content.items()}
    return _LINK.sub(lambda link: f"({digests.get(link[1], link[1])})", content)


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}
