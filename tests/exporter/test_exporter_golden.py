"""The whole exposition of the fixture tree: names, labels, types, help and values, as committed.

After a wanted change: ``python tests/exporter/test_exporter_golden.py`` writes it anew; read the difference.
"""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.collectors.filesystem import Filesystems
from exporter.collectors.mounts import Usage
from exporter.collectors.uname import build_uname_family
from exporter.errors import NoData
from exporter.kit import Kit
from exporter.page import Snapshot
from exporter.places import Places
from exporter.runner import Collector
from exporter.table import DISK, HOST, PAGE, build_collectors
from exporter.workers import Workers

GOLDEN = Path(__file__).parent / "fixtures" / "golden.prom"
UNAME = os.uname_result(("Linux", "one", "6.1.0", "#1 SMP", "x86_64"))


def size_of(path: Path) -> Usage:
    """What statvfs would say, on a machine that has these mounts."""
    if path == Path("/stuck"):
        raise OSError(5, "Input/output error")
    return Usage(1000.0, 600.0, 500.0, 64.0, 32.0)


def build_all(uname: os.uname_result) -> list[Metric]:
    return [build_uname_family(uname, "(none)")]


def expose(places: Places) -> str:
    table = build_collectors((*HOST, *DISK, *PAGE), Kit(places, FakeClock()))
    # What depends on the machine that runs the test is replaced by what the tree says.
    replaced: dict[str, Callable[[], Iterable[Metric]]] = {
        "filesystem": Filesystems(places, Workers(), size_of).read,
        "uname": partial(build_all, UNAME),
    }
    read = [Collector(one.name, replaced.get(one.name, one.read)).read() for one in table]
    return generate_latest(Snapshot([family for families in read for family in families])).decode()


def test_exposition_of_the_fixture_tree(fixture_places: Places) -> None:
    assert expose(fixture_places) == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("collector", "error"),
    [("cpu", OSError), ("pressure", NoData), ("netdev", OSError), ("diskstats", OSError), ("filesystem", OSError)],
)
def test_an_empty_tree_is_an_expected_error(collector: str, error: type[Exception], tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path, tmp_path, tmp_path)
    table = {one.name: one for one in build_collectors((*HOST, *DISK), Kit(places, FakeClock()))}
    with pytest.raises(error, match=r"No such file"):
        list(table[collector].read())


if __name__ == "__main__":
    TREE = Path(__file__).parent / "fixtures"
    GOLDEN.write_text(expose(Places(TREE / "proc", TREE / "sys", Path("/"), TREE / "udev", mount_timeout=0.2)))
