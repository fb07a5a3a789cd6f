"""What a new user sees, from a wrong key to a finished migration: each message says what happened and what to do next.

The golden file is what a person read and found good; `MIG_GOLDEN=write` writes it anew, to be read again.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from desk_process import ACKNOWLEDGED, Sandbox, serving
from processes import Mig

GOLDEN = Path(__file__).parents[1] / "data" / "new-user.txt"
PAIR = '[source]\nname = "kustomer"\n\n[target]\nname = "crisp"\n\n[engine]\ncanary_s = 0.2\n\n'
OPENING = 7
"""Requests beside those of units: website, plan, operators, inboxes, settings, socket, and a last look at the inbox."""
MASKS = (
    (r"session_[0-9a-f-]{36}", "session_ID"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{24}\b", "HEXID"),
    (r"\d{4}-\d\d-\d\dT[0-9:.+]+", "WHEN"),
    (r"\d+ requests to", "N requests to"),
    (r", \d+ to crisp", ", N to crisp"),
    (r"\d+ to kustomer were", "N to kustomer were"),
)


@pytest.fixture(scope="module")
def source() -> Iterator[Sandbox]:
    with serving("kustomer", "--generate", "24", "--seed", "4") as made:
        yield made


class User(Mig):
    """Somebody at a terminal, with a mig.toml of their own."""

    def __init__(self, folder: Path, source: Sandbox, target: Sandbox) -> None:
        super().__init__(folder, source, target)
        self.write("")
        self.seen: list[str] = []

    def write(self, more: str) -> None:
        (self.folder / "mig.toml").write_text(PAIR + more)

    def type(self, line: str, **environment: str) -> int:
        """Run a command as typed, both streams as they would stand on the screen. Returns: the exit code."""
        ended = subprocess.run(
            self.command(*line.split()[1:]),
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.seen.append(f"$ {line}\n{ended.stdout.strip()}\n[exit {ended.returncode}]\n")
        return ended.returncode

    def transcript(self) -> str:
        text = "\n".join(self.seen)
        for pattern, word in MASKS:
            text = re.sub(pattern, word, text)
        return text


def test_the_way_of_a_new_user(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp") as target:
        user = User(tmp_path, source, target)
        assert user.type("mig status") == 2
        user.write(ACKNOWLEDGED)
        assert user.type("mig run", KUSTOMER_API_KEY="wrong") == 3
        assert user.type("mig run", CRISP_KEY="wrong") == 3
        assert user.type("mig check", CRISP_KEY="wrong") == 3
        user.write("")
        assert user.type("mig check") == 3
        assert user.type("mig run") == 3
        user.write(ACKNOWLEDGED)
        assert user.type("mig check") == 0
        assert user.type("mig plan") == 0
        assert target.get("counters")["writes"] == 0
        assert user.type("mig run --canary you@example.org") == 0
        people = target.get("state")["people"]
        assert [person["email"] for person in people] == ["you@example.org"]
        assert user.type("mig rollback --canary --yes") == 0
        assert target.get("state")["conversations"] == []
        assert target.get("state")["people"] == []
        assert user.type("mig run") == 0
        assert user.type("mig status") == 0
        assert user.type("mig run --customer nobody@example.org") == 2
        found = user.transcript()
    if os.environ.get("MIG_GOLDEN") == "write":
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


def test_nothing_is_written_before_it_is_acknowledged_and_nothing_else_says_so(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp") as target:
        user = User(tmp_path, source, target)
        words = ACKNOWLEDGED.partition("[")[2].partition("= [")[2].replace('"', "").replace("]", "").strip()
        for line in ("mig run", "mig run --canary you@example.org", "mig run --remap", "mig run --limit 1"):
            assert user.type(line, CRISP_ACKNOWLEDGED=words, MIG_ACKNOWLEDGED=words) == 3
        assert user.type(f"mig run --set target.acknowledged={words.replace(' ', '')}") == 2
        user.write(ACKNOWLEDGED.replace('"campaigns-off", ', ""))
        assert user.type("mig run") == 3
        assert "campaigns-off: no automated campaign" in user.seen[-1]
        assert "workflows-off:" not in user.seen[-1].partition("Not confirmed yet")[2]
        assert target.get("counters")["writes"] == 0


def test_objects_for_programs_have_their_keys(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp") as target:
        user = User(tmp_path, source, target)
        user.write(ACKNOWLEDGED)
        refused = _json(user, 3, "run", KUSTOMER_API_KEY="wrong")
        assert refused["status"] == "refused"
        assert "credentials" in refused["error"]["message"]
        assert refused["error"]["hint"]
        checked = _json(user, 0, "check", "--write")
        assert checked["ok"] is True
        assert {"side", "name", "state", "text", "hint"} == set(checked["findings"][0])
        assert any("seen after" in finding["text"] for finding in checked["findings"])
        assert target.get("state")["conversations"] == [], "check removes what it made"
        plan = _json(user, 0, "plan")
        for count in plan["kinds"].values():
            assert count["in_scope"] == sum(value for word, value in count.items() if word != "in_scope")
        assert "block outgoing e-mail" in plan["letter"]
        run = _json(user, 0, "run")
        assert plan["kinds"]["message"]["to_load"] == run["kinds"]["message"]["loaded"]
        assert plan["kinds"]["conversation"]["to_load"] == run["kinds"]["conversation"]["loaded"]
        writes = target.get("counters")["by_route"]
        assert plan["writes"]["conversation.create"] == writes["POST /website/{website_id}/conversation"] - 1
        spared = plan["writes"]["bucket.upload"] - writes["POST /bucket/url/generate"]
        assert 0 <= spared < 5, "equal files are uploaded once"
        # One list of categories serves several, and the workspace is asked how its help centre is spoken to.
        assert abs(plan["requests"]["crisp.requests"] - (run["requests"]["target"] + spared - OPENING)) <= 4
        back = _json(user, 0, "rollback")
        assert back["left"] == []
        assert target.get("state")["conversations"] == []


def _json(user: User, code: int, *words: str, **environment: str) -> dict[str, Any]:
    ended = subprocess.run(
        user.command(*words, "--json"),
        cwd=user.folder,
        env={**user.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_in_a_terminal_progress_is_drawn_ctrl_c_drains_and_status_tells_both(tmp_path: Path) -> None:
    with serving("kustomer", "--generate", "150", "--seed", "6") as source, serving("crisp") as target:
        user = User(tmp_path, source, target)
        user.write(ACKNOWLEDGED)
        screen, end = pty.openpty()
        process = subprocess.Popen(user.command("run"), cwd=tmp_path, env=user.environment, stdout=end, stderr=end)
        os.close(end)
        drawn = ""
        while process.poll() is None and (target.get("counters")["writes"] < 250 or "deliver" not in drawn):
            drawn += _read(screen)
        time.sleep(2.1)  # the journal is told every two seconds how far the run is
        assert user.type("mig status") == 0
        assert re.search(r"running, started", user.seen[-1])
        assert re.search(r"deliver +conversation +[\d,]+ of [\d,]+", user.seen[-1])
        assert "requests/s" in user.seen[-1]
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            drawn += _read(screen)
        drawn += _read(screen)
        os.close(screen)
        assert process.returncode == 130
        assert "finishing what is under way" in drawn
        assert "interrupted: the state is safe" in drawn
        assert "Run the same command again: it goes on where it stopped." in drawn
        assert user.type("mig status") == 0
        assert "0 requests are in doubt" in user.seen[-1]
        assert user.type("mig run") == 0
        assert user.type("mig status") == 0
        assert "0 units wait" in user.seen[-1]


def _read(screen: int) -> str:
    ready, _, _ = select.select([screen], [], [], 0.05)
    try:
        return os.read(screen, 65_536).decode("utf-8", "replace") if ready else ""
    except OSError:
        return ""


def test_shares_and_hours_are_read_again_while_a_run_lasts(source: Sandbox, tmp_path: Path) -> None:
    with serving("crisp") as target, ExitStack() as here:
        user = User(tmp_path, source, target)
        user.environment |= {"KUSTOMER_REQUESTS_PER_MINUTE": "60"}  # one request a second: it would last minutes
        user.write(f'[shares]\n"kustomer.all" = 0.02\n\n{ACKNOWLEDGED}')
        process = subprocess.Popen(
            user.command("run", "--json", "--log-file", "log"),
            cwd=tmp_path,
            env=user.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        here.callback(process.kill)
        _until(tmp_path / "log", "workspace.opened")
        assert process.poll() is None
        other = (time.localtime().tm_hour + 12) % 24
        user.environment.pop("KUSTOMER_REQUESTS_PER_MINUTE")
        user.write(f'hours = "{other:02d}-{(other + 1) % 24:02d}"\n[shares]\n"kustomer.all" = 1.0\n\n{ACKNOWLEDGED}')
        _until(tmp_path / "log", "settings.changed")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert json.loads(out)["status"] == "interrupted"


def _until(log: Path, event: str) -> None:
    """Wait until an event stands in a log."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if log.exists() and event in log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{event} never came")
