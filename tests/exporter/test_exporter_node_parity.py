"""Our host and disk pages beside those of a real node_exporter, scraped in the same moment."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

NODE_EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
COLLECTORS = (
    "cpu", "cpu.info", "cpufreq", "loadavg", "meminfo", "pressure", "stat", "vmstat", "schedstat", "processes",
    "entropy", "filefd", "netdev", "netstat", "sockstat", "softnet", "conntrack", "arp", "udp_queues", "timex",
    "time", "uname", "os", "filesystem", "diskstats", "netclass", "textfile",
)  # fmt: skip
# What newer ones have, and Debian's has not.
NEWER = (
    "node_cpu_scaling_governor", "node_filesystem_mount_info", "node_netstat_TcpExt_TCPOFOQueue",
    "node_netstat_TcpExt_TCPRcvQDrop",
    "node_os_support_end_timestamp_seconds", "node_pressure_irq_stalled_seconds", "node_softnet_backlog_len",
    "node_softnet_cpu_collision", "node_softnet_flow_limit_count", "node_softnet_received_rps",
)  # fmt: skip
NEWER_LABELS = {("node_network_info", "adminstate")}
# Series come and go with what runs at the moment.
MOVING = ("node_processes_state", "node_processes_threads_state")
# What cannot change between two scrapes.
FIXED = (
    "node_boot_time_seconds", "node_memory_MemTotal_bytes", "node_memory_SwapTotal_bytes",
    "node_filesystem_size_bytes", "node_filesystem_files", "node_filesystem_readonly", "node_filesystem_device_error",
    "node_disk_info", "node_uname_info", "node_time_zone_offset_seconds", "node_time_clocksource_current_info",
    "node_time_clocksource_available_info", "node_cpu_info", "node_entropy_pool_size_bits", "node_filefd_maximum",
    "node_nf_conntrack_entries_limit", "node_os_info", "node_os_version", "node_processes_max_processes",
    "node_processes_max_threads", "node_timex_tick_seconds", "node_netstat_Ip_Forwarding",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not NODE_EXPORTER, reason="NODE_EXPORTER IS MISSING: its names are not compared")

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def node_exporter(unused_port: int) -> Iterator[str]:
    """A real one with the collectors that we have."""
    flags = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]
    flags.append("--collector.textfile.directory=")
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
    with urllib.request.urlopen(url, timeout=10) as answer:
        families = list(text_string_to_metric_families(str(answer.read(), "utf-8")))
    return {
        one.name: one for one in families if one.name.startswith("node_") and not one.name.startswith("node_scrape_")
    }


def series(families: dict[str, Metric]) -> Series:
    return {(one.name, labels(one)): one.value for family in families.values() for one in family.samples}


def labels(sample: Sample) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in sample.labels.items() if (sample.name, pair[0]) not in NEWER_LABELS)


def test_names_labels_types_help_and_values_are_node_exporters(
    start_exporter: Callable[..., str], node_exporter: str
) -> None:
    url = ours(start_exporter)
    scrape(url)
    before, theirs, after = scrape(url), scrape(f"{node_exporter}/metrics"), scrape(url)
    theirs = {name: family for name, family in theirs.items() if not name.startswith("node_exporter_")}
    after = {name: family for name, family in after.items() if name not in NEWER}
    assert describe(after) == describe(theirs)
    assert lasting(after) == lasting(theirs)
    assert_values(before, theirs, after)


def ours(start_exporter: Callable[..., str]) -> str:
    """Our page with the collectors that both have."""
    query = urllib.parse.urlencode([("collect[]", name) for name in COLLECTORS])
    return f"{start_exporter('host', 'disk')}/metrics?{query}"


def lasting(families: dict[str, Metric]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {key for key in series(families) if key[0] not in MOVING}


def describe(families: dict[str, Metric]) -> dict[str, tuple[str, str]]:
    return {name: (family.type, family.documentation) for name, family in families.items()}


def assert_values(before: dict[str, Metric], theirs: dict[str, Metric], after: dict[str, Metric]) -> None:
    """Counters lie between our two readings; what cannot change is equal."""
    low, high = series(before), series(after)
    counting = {sample.name for family in theirs.values() if never_falls(family) for sample in family.samples}
    for key, value in series(theirs).items():
        name = key[0]
        if name in counting:
            assert low[key] - 1e-6 <= value <= high[key] + 1e-6, key
        if name in FIXED:
            assert high[key] == value, key


def never_falls(family: Metric) -> bool:
    """Counters, and what node_exporter gives no type although it is one."""
    untyped = (
        family.name.startswith(("node_vmstat_", "node_netstat_")) and family.name != "node_netstat_Tcp_CurrEstab"
    )
    return family.type == "counter" or untyped


def test_its_scrape_metrics_have_our_labels(start_exporter: Callable[..., str], node_exporter: str) -> None:
    texts = []
    for url in (ours(start_exporter), f"{node_exporter}/metrics"):
        with urllib.request.urlopen(url, timeout=10) as answer:
            texts.append(str(answer.read(), "utf-8"))
    mine, theirs = texts
    for name in (name for name in COLLECTORS if name != "cpu.info"):
        success = f'node_scrape_collector_success{{collector="{name}"}} '
        # They call it a success to have found no cpu whose frequency is governed.
        absent = f'fleetmend_scrape_collector_state{{collector="{name}",state="nodata"}} 1' in mine
        assert absent or (f"{success}1" in mine) == (f"{success}1" in theirs), name
        assert success in mine, name
        assert success in theirs, name
