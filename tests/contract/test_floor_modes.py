"""Under a umask that forbids nothing, what mig makes is private from its first byte; a planted link gets nothing."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

import mig
from desk_process import MIG, serving
from mig.cli.common import start_log
from mig.engine.files import Files
from mig.journal.store import Journal
from mig.model import TYPES
from mig.settings import EngineSettings
from processes import Mig
from storm import MemorySource, VirtualClock

STRANGER = 4711
"""Somebody else's user id."""
PAIR = ("--source", "kustomer", "--target", "crisp")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make somebody else's file")


@pytest.fixture(autouse=True)
def loose() -> Iterator[None]:
    """A umask that forbids nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


class Watch:
    """Looks at folders again and again: every path that was ever there, with the widest mode it ever had."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self.modes: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.0005):
            for folder in self._folders:
                self._visit(str(folder))

    def _visit(self, folder: str) -> None:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    self.modes[entry.path] = self.modes.get(entry.path, 0) | stat.S_IMODE(found.st_mode)
                    if entry.is_dir(follow_symlinks=False):
                        self._visit(entry.path)
        except OSError:
            return  # it has gone meanwhile

    def loose(self) -> dict[str, str]:
        """What somebody else could have used at any moment."""
        return {path: oct(mode) for path, mode in self.modes.items() if mode & 0o077}


def test_the_watch_sees_what_is_loose_only_for_a_moment(tmp_path: Path) -> None:
    """The test of the tests below."""
    with Watch(tmp_path) as watch:
        (tmp_path / "f").write_text("x")
        while str(tmp_path / "f") not in watch.modes:
            pass
        (tmp_path / "f").chmod(0o600)
    assert watch.loose() == {str(tmp_path / "f"): "0o666"}


def test_a_run_shows_nothing_to_anybody_at_any_moment(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir(mode=0o700)
    with serving("kustomer", "--generate", "10", "--seed", "5") as source, serving("crisp") as target:
        process = Mig(tmp_path, source, target)
        (tmp_path / "mig.toml").chmod(0o600)
        process.environment["TMPDIR"] = str(temporary)
        with Watch(tmp_path) as watch:
            report = process.run("--log-file", "log.jsonl")
    assert report["exit"] == 0
    assert watch.loose() == {}
    seen = {Path(path).relative_to(tmp_path).parts for path in watch.modes}
    assert {("mig.db",), ("mig.db-wal",), ("mig.db-shm",), ("mig.db.lock",), ("log.jsonl",)} <= seen
    assert [parts for parts in seen if len(parts) == 2], "the folder for files"
    assert [parts for parts in seen if len(parts) == 3], "a file's bytes under way"
    assert list(temporary.iterdir()) == []


def test_the_demo_keeps_its_things_to_itself(tmp_path: Path) -> None:
    command = [*MIG, "demo", "--generate", "1", "--keep", "over/there/kept"]
    with Watch(tmp_path) as watch:
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert watch.loose() == {}
    assert {Path(path).name for path in watch.modes} >= {"over", "there", "kept", "mig.toml", "demo.db", "demo.db.lock"}


# ---- from the first byte --------------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str]]:
    """Every file and folder made below `tmp_path`, with the mode it was asked for."""
    found: list[tuple[str, str]] = []
    opens, makes = os.open, os.mkdir

    def opening(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)) and not os.path.exists(path):
            found.append((Path(path).name, oct(mode)))
        return opens(path, flags, mode, **more)

    def making(path: Any, mode: int = 0o777, **more: Any) -> None:
        if not os.path.exists(path):
            found.append((Path(path).name, oct(mode)))
        makes(path, mode, **more)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "mkdir", making)
    return found


def modes(folder: Path) -> dict[str, str]:
    """The modes of everything in a folder."""
    return {path.name: oct(stat.S_IMODE(path.lstat().st_mode)) for path in folder.rglob("*")}


def test_a_log_is_made_private(made: list[tuple[str, str]], tmp_path: Path) -> None:
    _log(tmp_path / "mig.log")
    assert made == [("mig.log", "0o600")]
    assert modes(tmp_path) == {"mig.log": "0o600"}


async def test_a_journal_and_all_beside_it_are_made_private(made: list[tuple[str, str]], tmp_path: Path) -> None:
    journal = Journal.open(f"sqlite:///{tmp_path / 'mig.db'}")
    journal.acquire()
    await journal.write(lambda connection: None)
    assert made == [("mig.db", "0o600"), ("mig.db.lock", "0o600")]
    assert modes(tmp_path) == dict.fromkeys(("mig.db", "mig.db-wal", "mig.db-shm", "mig.db.lock"), "0o600")
    journal.close()


def test_the_folder_for_files_is_made_private(made: list[tuple[str, str]], tmp_path: Path) -> None:
    files = _files(tmp_path)
    place = files._place()
    assert made == [(place.parent.name, "0o700")]
    assert modes(tmp_path) == {place.parent.name: "0o700"}
    files.close()


# ---- planted links --------------------------------------------------------------------------------------------------


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A file of the person's own that no command was asked to touch."""
    file = tmp_path / "victim"
    file.write_text("precious")
    file.chmod(0o644)
    yield file
    assert file.read_text() == "precious"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def _opened(folder: Path) -> None:
    journal = Journal.open(f"sqlite:///{folder / 'mig.db'}")
    try:
        journal.acquire()
    finally:
        journal.close()


@pytest.mark.parametrize("name", ["mig.db", "mig.db.lock"])
def test_a_link_where_the_journal_should_be_is_refused(name: str, victim: Path, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(victim)
    with pytest.raises((mig.Refused, mig.Usage)) as caught:
        _opened(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["mig.db-wal", "mig.db-shm", "mig.db-journal"])
@pytest.mark.parametrize("before", [True, False], ids=["an old journal", "a new journal"])
def test_a_link_beside_the_journal_gets_nothing(before: bool, name: str, victim: Path, tmp_path: Path) -> None:
    if before:
        _opened(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(victim)
    with contextlib.suppress(mig.Refused):  # SQLite removes the link, or does not follow it
        _opened(tmp_path)
    assert victim.read_text() == "precious"


def test_a_folder_for_files_that_is_a_link_is_refused(victim: Path, tmp_path: Path) -> None:
    files = _files(tmp_path)
    folder = files._place().parent
    files.close()
    (victim.parent / "elsewhere").mkdir()
    folder.symlink_to(victim.parent / "elsewhere")
    with pytest.raises(PermissionError, match="somebody else"):
        _files(tmp_path)._place()
    assert list((victim.parent / "elsewhere").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path)
    folder = files._place().parent
    files.close()
    folder.write_text("in the way")
    with pytest.raises(FileExistsError):
        _files(tmp_path)._place()


@as_root
def test_a_folder_for_files_that_is_somebody_elses_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path)
    folder = files._place().parent
    os.chown(folder, STRANGER, -1)
    with pytest.raises(PermissionError, match="somebody else"):
        _files(tmp_path)._place()


@as_root
@pytest.mark.parametrize("make", [_opened, lambda folder: _log(folder / "mig.db")], ids=["journal", "log"])
@pytest.mark.parametrize("to", ["victim", "nothing", "empty"])
def test_a_link_somebody_else_made_is_refused(
    to: str, make: Callable[[Path], None], victim: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "mig.db").symlink_to(tmp_path / to)
    os.lchown(tmp_path / "mig.db", STRANGER, -1)
    with pytest.raises(mig.Refused, match="link somebody else made"):
        make(tmp_path)
    assert (tmp_path / "empty").stat().st_size == 0
    assert not (tmp_path / "nothing").exists()


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "mig.db").symlink_to(tmp_path / "disk" / "real.db")
    (tmp_path / "mig.log").symlink_to(tmp_path / "disk" / "real.log")
    _opened(tmp_path)
    _log(tmp_path / "mig.log")
    assert {name: mode for name, mode in modes(tmp_path / "disk").items() if name in ("real.db", "real.log")} == {
        "real.db": "0o600",
        "real.log": "0o600",
    }


def _files(spool: Path) -> Files:
    """Files of a journal in memory, whose folder has a name that can be foreseen."""
    settings = EngineSettings(spool=str(spool))
    return Files(Journal.open("sqlite://", inline=True), 1, MemorySource([]), TYPES, VirtualClock(), settings, name="j")


def _log(path: Path) -> None:
    start_log(path)
    structlog.get_logger().info("run.began")
    structlog.get_config()["logger_factory"]._file.close()
    structlog.reset_defaults()
