"""Our host and disk pages beside those of a real node_exporter, scraped in the same moment."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

NODE_EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
COLLECTORS = ("cpu", "loadavg", "meminfo", "pressure", "stat", "netdev", "time", "uname", "filesystem", "diskstats")
# What cannot change between two scrapes.
FIXED = (
    "node_boot_time_seconds", "node_memory_MemTotal_bytes", "node_memory_SwapTotal_bytes",
    "node_filesystem_size_bytes", "node_filesystem_files", "node_filesystem_readonly", "node_filesystem_device_error",
    "node_disk_info", "node_uname_info", "node_time_zone_offset_seconds", "node_time_clocksource_current_info",
    "node_time_clocksource_available_info",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not NODE_EXPORTER, reason="NODE_EXPORTER IS MISSING: its names are not compared")

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def node_exporter(unused_port: int) -> Iterator[str]:
    """A real one with the collectors that we have."""
    flags = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]
    process = subprocess.Popen(
        [str(NODE_EXPORTER), f"--web.listen-address=127.0.0.1:{unused_port}", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.perf_counter() + 10
    while time.perf_counter() < deadline and not is_open(unused_port):
        time.sleep(0.05)
    yield f"http://127.0.0.1:{unused_port}"
    process.terminate()
    process.wait(timeout=10)


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def scrape(url: str) -> dict[str, Metric]:
    """Families of node_exporter's names, but for those of the scrape itself, whose values are their own."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(str(answer.read(), "utf-8")))
    return {
        one.name: one for one in families if one.name.startswith("node_") and not one.name.startswith("node_scrape_")
    }


def series(families: dict[str, Metric]) -> Series:
    return {
        (one.name, frozenset(one.labels.items())): one.value for family in families.values() for one in family.samples
    }


def test_names_labels_types_help_and_values_are_node_exporters(
    start_exporter: Callable[..., str], node_exporter: str
) -> None:
    url = start_exporter("host", "disk")
    scrape(url)
    before, theirs, after = scrape(url), scrape(node_exporter), scrape(url)
    theirs = {name: family for name, family in theirs.items() if not name.startswith("node_exporter_")}
    assert describe(after) == describe(theirs)
    assert set(series(after)) == set(series(theirs))
    assert_values(before, theirs, after)


def describe(families: dict[str, Metric]) -> dict[str, tuple[str, str]]:
    return {name: (family.type, family.documentation) for name, family in families.items()}


def assert_values(before: dict[str, Metric], theirs: dict[str, Metric], after: dict[str, Metric]) -> None:
    """Counters lie between our two readings; what cannot change is equal."""
    low, high = series(before), series(after)
    for key, value in series(theirs).items():
        name = key[0]
        if name.removesuffix("_total") in theirs and theirs[name.removesuffix("_total")].type == "counter":
            assert low[key] - 1e-6 <= value <= high[key] + 1e-6, key
        if name in FIXED:
            assert high[key] == value, key


def test_its_scrape_metrics_have_our_labels(start_exporter: Callable[..., str], node_exporter: str) -> None:
    texts = []
    for url in (start_exporter("host", "disk"), node_exporter):
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            texts.append(str(answer.read(), "utf-8"))
    for name in COLLECTORS:
        assert all(f'node_scrape_collector_success{{collector="{name}"}} 1' in text for text in texts), name
