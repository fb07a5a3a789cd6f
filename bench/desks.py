"""Two sandboxes on one core and one measured process on another."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

HERE = Path(__file__).parent
ACKNOWLEDGED = """[acknowledged]
crisp = ["ai-agent-off", "workflows-off", "triggers-off", "campaigns-off", "operator-mails-known"]
"""
MIG = (sys.executable, "-m", "mig.cli")
RECORDED_MIG = (sys.executable, str(HERE / "recorder.py"))
LOOP = (sys.executable, str(HERE / "loop.py"))
MOVE = ("run", "--source", "kustomer", "--target", "crisp", "--json")
NICE = int(os.environ.get("BENCH_NICE", "0"))
"""Added to the priority of everything measured: below 0, root may measure on a machine others use too."""
_TICK = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.05
_ALLOWED = sorted(os.sched_getaffinity(0))  # before this process pins itself
_open = build_opener(ProxyHandler({})).open


def cores() -> tuple[int, int]:
    """The core of the sandboxes (and of this process, which sleeps), and that of what is measured."""
    return _ALLOWED[0], _ALLOWED[-1]


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that serves, in a process of its own."""

    url: str
    environment: Mapping[str, str]
    pid: int

    def get(self, word: str) -> Any:
        """One of its control routes, as JSON."""
        return json.loads(self.text(word))

    def text(self, word: str) -> bytes:
        """The same, as it comes."""
        with _open(f"{self.url}/_sandbox/{word}", timeout=600) as answer:
            whole: bytes = answer.read()
            return whole


@contextmanager
def sandbox(name: str, *words: str) -> Iterator[Sandbox]:
    """`mig sandbox NAME` on the sandboxes' core while the context lasts."""
    with subprocess.Popen(
        [*MIG, "sandbox", name, "--json", *words],
        stdout=subprocess.PIPE,
        env=_environment({}),
        preexec_fn=_pin(cores()[0]),
    ) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            if not told:
                raise RuntimeError(f"the {name} sandbox ended with {process.wait()}")
            where = json.loads(told)
            yield Sandbox(where["url"], where["environment"], process.pid)
        finally:
            process.terminate()


@contextmanager
def desks(customers: int, seed: int, dataset: Path | None = None) -> Iterator[tuple[Sandbox, Sandbox]]:
    """An organisation, generated or from a file, and an empty workspace that takes every kind of file."""
    made = ("--dataset", str(dataset)) if dataset else ("--generate", str(customers), "--seed", str(seed))
    with (
        sandbox("kustomer", *made) as source,
        sandbox("crisp", "--switch", "extensions=*") as target,
    ):
        yield source, target


@dataclass(frozen=True)
class Spent:
    """What a measured process took."""

    told: Any
    """The JSON it printed."""
    wall_s: float
    """From its start to its end."""
    cpu_s: float
    """User and system time, its threads and its start included."""
    peak_mb: float
    """The largest resident set (VmHWM)."""
    samples: Sequence[tuple[float, float]]
    """Time of day, and CPU seconds by then."""
    sandboxes_cpu_s: float
    """What both sandboxes spent meanwhile."""

    def cpu_since(self, moment: float) -> float:
        """CPU seconds after a time of day."""
        before = [cpu for at, cpu in self.samples if at <= moment]
        return self.cpu_s - (before[-1] if before else 0.0)


def measure(command: Sequence[str], folder: Path, served: Sequence[Sandbox], **more: str) -> Spent:
    """Run a process on the measured core and watch what it takes.

    Raises:
        RuntimeError: It ended with something else than 0 or 1 (some records failed), or printed no JSON.
    """
    (folder / "mig.toml").write_text(ACKNOWLEDGED)
    settings = {name: value for one in served for name, value in one.environment.items()}
    settings |= {"MIG_STATE": f"sqlite:///{folder / 'mig.db'}", "PYTHONHASHSEED": "0", **more}
    before = sum(_cpu_s(one.pid) for one in served)
    began = time.monotonic()
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(settings),
            stdout=subprocess.PIPE,
            stderr=said,
            preexec_fn=_pin(cores()[1]),
        )
        watch = _Watch(process.pid)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    watch.end()
    meanwhile = sum(_cpu_s(one.pid) for one in served) - before
    if process.returncode not in (0, 1) or not printed:
        raise RuntimeError(f"{Path(command[1]).name} ended with {process.returncode}; see {folder / 'said'}")
    return Spent(
        json.loads(printed), wall, used.ru_utime + used.ru_stime, watch.peak_kb / 1024, watch.samples, meanwhile
    )


class _Watch:
    """Looks at a process from the other core, until it is gone."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.peak_kb = 0
        self.samples: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            try:
                self.samples.append((time.time(), _cpu_s(self._pid)))
                for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak_kb = max(self.peak_kb, int(line.split()[1]))
            except (OSError, IndexError):
                return
            self._over.wait(_LOOK_S)


def _cpu_s(pid: int) -> float:
    """User and system seconds of a process so far; the fields stand behind its name in brackets."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _pin(core: int) -> Callable[[], None]:
    def pin() -> None:
        os.sched_setaffinity(0, {core})
        if NICE:
            os.setsid()  # Linux weighs whole sessions against one another before the processes in them
            os.nice(NICE)
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(NICE))

    return pin


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, without settings of a migration that happen to be there."""
    foreign = ("MIG_", "KUSTOMER_", "CRISP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | dict(settings)
