"""Real stores for tests, of metrics and of rows: started where nobody else listens, stopped by their own process."""

import contextlib
import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from remediator.journal.postgres.place import PostgresPlace
from tests.postgres_lab import PostgresServer, programs, running_postgres
from tests.store_lab import free_port


def binary(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no {names[0]} here: install its Debian package")
    return found


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path, tries: int = 300) -> None:
    for _ in range(tries):
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=1).ok:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"{url} did not come up: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def started(arguments: list[str], health: str, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as out, subprocess.Popen(arguments, stdout=out, stderr=out) as process:
        try:
            wait_until_ready(health, process, log)
            yield process
        finally:
            process.kill()


def victoria_arguments(port: int, folder: Path, *more: str) -> list[str]:
    return [
        binary("victoria-metrics", "victoria-metrics-prod"),
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=1",
        "-memory.allowedPercent=10",
        *more,
    ]


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a VictoriaMetrics that all tests share; keep your series apart by a label of your own."""
    folder, port = tmp_path_factory.mktemp("victoria"), free_port()
    url = f"http://127.0.0.1:{port}"
    with started(victoria_arguments(port, folder), f"{url}/health", folder / "log"):
        yield url


@pytest.fixture
def own_victoria_metrics(tmp_path: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """A VictoriaMetrics for one test alone, which may kill it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(victoria_arguments(port, tmp_path), f"{url}/health", tmp_path / "log") as process:
        yield url, process


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start Prometheus with a scrape config's text; answers its base URL. Stopped when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(config: str) -> str:
            port = free_port()
            (tmp_path / "prometheus.yml").write_text(config)
            arguments = [
                binary("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            url = f"http://127.0.0.1:{port}"
            stack.enter_context(started(arguments, f"{url}/-/ready", tmp_path / "prometheus.log"))
            return url

        yield start


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that all tests share; take a database or a shard of your own."""
    found = programs()
    if found is None:
        pytest.skip("NOT TESTED: no PostgreSQL here; install the Debian package postgresql")
    with running_postgres(found) as server:
        yield server


@pytest.fixture
def postgres_place(postgres_server: PostgresServer) -> PostgresPlace:
    """A database in which nobody has written yet."""
    return postgres_server.empty("test")


@pytest.fixture(autouse=True)
def _log_levels() -> Iterator[None]:
    """Commands set their process's log level; in tests all share one."""
    ours = logging.getLogger("fleetmend")
    level = ours.level
    yield
    ours.setLevel(level)
