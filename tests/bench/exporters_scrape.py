"""A host's page beside node_exporter's: processor time and latency of a scrape, and resident memory.

Both run the same collectors on this machine and are scraped in turn over a connection that stays open, with the
headers that Prometheus sends. Processor time is the kernel's own count for the process. Where our page had fewer
samples than theirs, our figures would be scaled up to their number.
"""

import http.client
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figure import Figure, at_most
from tests.bench.processes import running
from tests.store_lab import free_port

SCRAPES = 300
WARM_UP = 30
SETTLED = 1000
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
# What both have, and what node_exporter runs without being asked.
COLLECTORS = (
    "arp", "bonding", "conntrack", "cpu", "cpufreq", "diskstats", "dmi", "edac", "entropy", "filefd", "filesystem",
    "hwmon", "loadavg", "mdadm", "meminfo", "netclass", "netdev", "netstat", "nvme", "os", "powersupplyclass",
    "pressure", "rapl", "schedstat", "sockstat", "softnet", "stat", "textfile", "thermal_zone", "time", "timex",
    "udp_queues", "uname", "vmstat",
)  # fmt: skip
FLAGS = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]


@dataclass
class Scraped:
    """One exporter's measurements."""

    pid: int
    connection: http.client.HTTPConnection
    seconds: list[float] = field(default_factory=list)
    cpu_began: int = 0

    def scrape(self) -> None:
        began = time.perf_counter()
        self.connection.request("GET", "/metrics", headers=HEADERS)
        answer = self.connection.getresponse()
        answer.read()
        self.seconds.append(time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise RuntimeError(f"a scrape was answered {answer.status}")

    def begin(self) -> None:
        self.seconds.clear()
        self.cpu_began = cpu_nanoseconds(self.pid)

    @property
    def cpu_ms(self) -> float:
        return (cpu_nanoseconds(self.pid) - self.cpu_began) / len(self.seconds) / 1e6

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.seconds) * 1000

    def count_samples(self) -> int:
        self.connection.request("GET", "/metrics")
        lines = self.connection.getresponse().read().splitlines()
        return sum(not line.startswith(b"#") for line in lines)

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1000 if found else 0.0


def cpu_nanoseconds(pid: int) -> int:
    """Of all its threads that live."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


@contextmanager
def exporter(command: Callable[[int], list[str]]) -> Iterator[Scraped]:
    port = free_port()
    with running(command(port), port) as pid:
        yield Scraped(pid, http.client.HTTPConnection("127.0.0.1", port, timeout=10))


def our_command(port: int) -> list[str]:
    return ["fleetmend-exporter", "host", "disk", "--listen", f"127.0.0.1:{port}"]


def their_command(port: int) -> list[str]:
    return ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", *FLAGS]


def measure() -> tuple[Scraped, Scraped, dict[str, float]]:
    """Ours, theirs, and what can only be read while they run."""
    with ExitStack() as stack:
        ours = stack.enter_context(exporter(lambda port: [*our_command(port), *FLAGS]))
        theirs = stack.enter_context(exporter(their_command))
        for round_ in range(WARM_UP + SCRAPES):
            if round_ == WARM_UP:
                ours.begin()
                theirs.begin()
            ours.scrape()
            theirs.scrape()
        known = {"our_cpu": ours.cpu_ms, "their_cpu": theirs.cpu_ms, "their_mb": theirs.resident_mb()}
        samples = {"our_samples": float(ours.count_samples()), "their_samples": float(theirs.count_samples())}
    return ours, theirs, known | samples


def measure_resident() -> float:
    """Megabytes of an exporter with everything that it runs by default, once it has ceased to grow."""
    with exporter(our_command) as ours:
        for _ in range(SETTLED):
            ours.scrape()
        return ours.resident_mb()


def figures(runs: int) -> list[Figure]:
    """The medians of ``runs`` runs."""
    measured = [measure() for _ in range(runs)]

    def median(value: Callable[[Scraped, Scraped, dict[str, float]], float]) -> float:
        return statistics.median(value(*one) for one in measured)

    samples = median(lambda _ours, _theirs, known: known["our_samples"])
    their_samples = median(lambda _ours, _theirs, known: known["their_samples"])
    scale = max(1.0, their_samples / samples)
    cpu, their_cpu = median(lambda *one: one[2]["our_cpu"]), median(lambda *one: one[2]["their_cpu"])
    p50, their_p50 = median(lambda *one: one[0].p50_ms), median(lambda *one: one[1].p50_ms)
    their_mb = median(lambda *one: one[2]["their_mb"])
    return [
        Figure("samples", samples, "samples", "", holds=True, peer=f"{their_samples:g}"),
        Figure("scrape_cpu", cpu, "ms", "", holds=True, peer=f"{their_cpu:.3g}"),
        at_most("scrape_cpu_ratio", scale * cpu / their_cpu, "of node_exporter's", 0.7),
        Figure("scrape_p50", p50, "ms", "", holds=True, peer=f"{their_p50:.3g}"),
        at_most("scrape_p50_ratio", scale * p50 / their_p50, "of node_exporter's", 1.0),
        at_most("resident", measure_resident(), "MB", 45, peer=f"{their_mb:.3g}"),
    ]
