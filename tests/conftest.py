"""How hypothesis runs here, and what any test may ask for: a journal's URL in each of the databases it can lie in."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from shared_sql import share_compiled_statements

if TYPE_CHECKING:
    from pg_server import Server

DATABASES = ["sqlite", "postgresql"]
# The same examples in every run: a red test is red for everybody, and a machine under load makes nothing red.
settings.register_profile(
    "mig",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("mig")


def pytest_configure(config: pytest.Config) -> None:
    """The journeys start hundreds of processes: what they import is compiled once, beside pytest's own cache.

    Also where the environment forbids to write bytecode, which is about the source tree.
    """
    if hasattr(config, "workerinput") or not hasattr(config, "cache") or config.cache is None:
        return  # a worker has the surroundings of the process that started it
    os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """What is here before the first test stays to the end: garbage is looked for among the rest only, and less often.

    A crash sweep spent a quarter of its time looking through modules and the four thousand tests themselves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    share_compiled_statements()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole session; where none can run, its tests are skipped and say why."""
    pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    from pg_server import NoServer, Server

    try:
        server = Server()
    except NoServer as why:
        pytest.skip(f"PostgreSQL cannot run here: {why}")
    yield server
    server.remove()


@pytest.fixture(params=DATABASES)
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A journal that is not there yet: a file that can be made, or an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mig.db'}"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.lent() as url:
        yield url


@pytest.fixture(params=DATABASES)
def new_journal(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Gives the URL of an empty journal, time and again; the one before must be closed."""
    if request.param == "sqlite":
        return lambda: "sqlite://"
    server: Server = request.getfixturevalue("postgres")
    return server.emptied
