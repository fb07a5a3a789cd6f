"""How hypothesis runs here, and what any test may ask for: a journal's URL in each of the databases it can lie in."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from shared_sql import share_compiled_statements

if TYPE_CHECKING:
    from pg_server import Server

TESTS = Path(__file__).parent
MEMORY = Path("/dev/shm")
DATABASES = ["sqlite", "postgresql"]
# By the seconds they take: the last file that begins should be a short one, or one of two workers waits for the other.
LONG_FIRST = (
    *("contract/test_simulation", "contract/test_verify_damage", "journeys/test_files", "journeys/test_sample"),
    *("contract/test_filters", "journeys/test_rows", "contract/test_adopt", "journeys/test_kills"),
    *("journeys/test_bad_input", "journeys/test_new_user", "journeys/test_malformed", "journeys/test_ways"),
    *("contract/test_crash_sweep", "journeys/test_adopt", "contract/test_mutants", "contract/test_repair"),
    *("journeys/test_archive", "contract/test_crisp_law", "contract/test_floor_canaries", "unit/test_staging"),
    *("contract/test_verify_desk", "contract/test_quota", "contract/test_verify_samples", "contract/test_verify_toy"),
    *("journeys/test_wait", "contract/test_postgres_run", "contract/test_kustomer_depth", "journeys/test_demo"),
    *("journeys/test_failures", "journeys/test_agents", "contract/test_hostile", "contract/test_state_machine"),
)
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

    Also where the environment forbids to write bytecode, which is about the source tree. And temporary folders lie in
    memory where they can: a journal waits for the disk at every commit, and what is killed here is never the machine.
    """
    if hasattr(config, "workerinput"):
        return  # a worker has the surroundings of the process that started it
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # xdist would begin with the files that hold the most tests
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and _is_roomy(MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
    if hasattr(config, "cache") and config.cache is not None:
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _is_roomy(folder: Path) -> bool:
    """Whether programs can lie and run there, and two gigabytes beside them: a whole run leaves a tenth of that."""
    if sys.platform != "linux" or not os.access(folder, os.W_OK | os.X_OK):
        return False
    of = os.statvfs(folder)
    return of.f_bavail * of.f_frsize >= 2 << 30 and not of.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""
    places = {TESTS / f"{name}.py": place for place, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
