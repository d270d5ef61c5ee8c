"""A Prometheus of these tests' own, which takes remote writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import binary, started
from tests.store_lab import free_port


@pytest.fixture(scope="module")
def written_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a Prometheus that scrapes nothing and takes remote writes of any time."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with started(prometheus_arguments(folder, port), f"http://127.0.0.1:{port}/-/ready", folder / "log"):
        yield f"http://127.0.0.1:{port}"


def prometheus_arguments(folder: Path, port: int, config: str = "") -> list[str]:
    (folder / "prometheus.yml").write_text(config)
    return [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
