"""The orchestrator's page with 100,000 machines: a scrape's time, the event loop's longest pause, bytes, memory.

A real exporter follows a remediator's real state feed, in a process of its own, over a fleet of 1,000 hosts, 5,000
apps and 20,000 volumes; between two scrapes 300 machines change. Each machine's own series are on, for as many
samples as the figure asks; the default page has them off. Peer of the ratio: prometheus_client.generate_latest on
the same page, which only writes, where ours also asks, counts, compresses and sends.

A pause of an event loop is how late it wakes up. One over the limit is left out, and counted as disturbed, if what is
over it was no longer than the process's threads stood in line for a processor: others may have caused it.
"""

import gzip
import http.client
import math
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.render import Snapshot
from tests.bench.figure import Figure, at_most
from tests.bench.processes import running
from tests.store_lab import free_port

SCRAPES = 20
CHANGED = 300
# The collectors of one scrape share an answer for half a second: a scrape of ours must not come sooner.
PAUSE = 0.7
START_SECONDS = 60.0
LOOP_LIMIT = 20.0
UNLIMITED = str(1 << 30)
LAG = "fleetmend_exporter_loop_lag_seconds_max"


def at_least(name: str, value: float, unit: str, limit: float, peer: str = "") -> Figure:
    return Figure(name, value, unit, f">= {limit:g}", value >= limit, peer)


class Server:
    """A process that is asked over a connection of its own each time."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def ask(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} was answered {answer.status}")
        return body

    @property
    def queued_ms(self) -> float:
        """Milliseconds that its threads have stood in line for a processor."""
        lines = [path.read_text().split() for path in Path(f"/proc/{self.pid}/task").glob("*/schedstat")]
        return sum(int(line[1]) for line in lines) / 1e6

    @property
    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1000 if found else 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Milliseconds that a loop was late, and that the process's threads stood in line for a processor meanwhile."""

    late: float
    queued: float

    @property
    def disturbed(self) -> bool:
        return LOOP_LIMIT < self.late <= LOOP_LIMIT + self.queued


@dataclass
class Measured:
    """Milliseconds of scrapes by kind, and what was seen on the pages."""

    spans: dict[str, list[float]] = field(default_factory=dict)
    pauses: list["Pause"] = field(default_factory=list)
    remediator_pauses: list["Pause"] = field(default_factory=list)
    queued: float = 0.0
    first_ms: float = 0.0
    page: bytes = b""
    default_page: bytes = b""
    compressed: int = 0
    resident_mb: float = 0.0

    def p50(self, kind: str) -> float:
        return statistics.median(self.spans[kind])


@contextmanager
def started(command: list[str], port: int) -> Iterator[Server]:
    with running(command, port) as pid:
        yield Server(port, pid)


@contextmanager
def lab() -> Iterator[tuple[Server, Server]]:
    """The remediator's side and the exporter."""
    theirs, ours = free_port(), free_port()
    with started(["python", "-m", "tests.bench.fleet_server", str(theirs)], theirs) as fleet:
        url = f"http://127.0.0.1:{theirs}"
        command = ["fleetmend-exporter", "orchestrator", "--state-url", url, "--listen", f"127.0.0.1:{ours}"]
        with started(
            [*command, "--collector.machines", "--orchestrator.max-page-bytes", UNLIMITED], ours
        ) as exporter:
            yield fleet, exporter


def measure() -> Measured:
    measured = Measured()
    with lab() as (fleet, exporter):
        zipped = {"Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "30"}
        plain = {"X-Prometheus-Scrape-Timeout-Seconds": "30"}
        fleet.ask("/lag")
        measured.first_ms = _timed(lambda: exporter.ask("/metrics", headers=zipped))[0]
        for kind, headers, changed in (("changed", zipped, CHANGED), ("plain", plain, CHANGED), ("same", zipped, 0)):
            # The first of a kind is no warm one: nobody has compressed, or joined, what it needs.
            _scrape(fleet, exporter, headers, changed, measured)
            measured.spans[kind] = [_scrape(fleet, exporter, headers, changed, measured) for _ in range(SCRAPES)]
        time.sleep(PAUSE)
        measured.default_page = exporter.ask("/metrics?exclude[]=machines")
        measured.resident_mb = exporter.resident_mb
    return measured


def _scrape(fleet: Server, exporter: Server, headers: dict[str, str], changed: int, measured: Measured) -> float:
    if changed:
        fleet.ask(f"/change?machines={changed}", "POST")
    time.sleep(PAUSE)
    # What changing so many machines at once takes is the ledger's, and not measured here.
    fleet.ask("/lag")
    queued, fleet_queued = exporter.queued_ms, fleet.queued_ms
    span, body = _timed(lambda: exporter.ask("/metrics", headers=headers))
    seen = 1000 * float(fleet.ask("/lag"))
    measured.remediator_pauses.append(Pause(seen, fleet.queued_ms - fleet_queued))
    if "Accept-Encoding" in headers:
        measured.compressed, body = len(body), gzip.decompress(body)
    measured.page = body
    found = re.search(rf"^{LAG} (\S+)$".encode(), body, re.MULTILINE)
    # A page tells of the time from the making of the last one to its own.
    lag = 1000 * float(found.group(1)) if found else math.inf
    measured.pauses.append(Pause(lag, exporter.queued_ms - measured.queued))
    measured.queued = queued
    return span


def _timed(call: Callable[[], bytes]) -> tuple[float, bytes]:
    """Milliseconds, and the answer."""
    began = time.perf_counter()
    answer = call()
    return 1000 * (time.perf_counter() - began), answer


def time_generate_latest(page: bytes) -> float:
    """Milliseconds that the client library takes to write the same samples; the median of five."""
    registry = Snapshot(list(text_string_to_metric_families(page.decode())))
    return statistics.median(_timed(lambda: generate_latest(registry))[0] for _ in range(5))


def count_samples(page: bytes) -> int:
    return sum(not line.startswith(b"#") for line in page.splitlines())


def worst(name: str, pauses: Sequence[Pause]) -> Figure:
    """Of those that were not disturbed; none is no measurement."""
    late = [pause.late for pause in pauses if not pause.disturbed]
    told = f"{len(pauses) - len(late)} of {len(pauses)} disturbed"
    return at_most(name, max(late, default=None), "ms", LOOP_LIMIT, peer=told)


def figures(runs: int) -> list[Figure]:
    """Medians of ``runs`` runs; what must never happen is the worst of them."""
    measured = [measure() for _ in range(runs)]

    def median(value: Callable[[Measured], float]) -> float:
        return statistics.median(value(one) for one in measured)

    scrape, library = median(lambda one: one.p50("changed")), time_generate_latest(measured[-1].page)
    ours = [pause for one in measured for pause in one.pauses[1:]]
    theirs = [pause for one in measured for pause in one.remediator_pauses]
    return [
        at_least("samples", median(lambda one: count_samples(one.page)), "samples", 200_000),
        at_most("scrape_p50", scrape, "ms", 150, peer=f"{library:.4g} (generate_latest)"),
        at_most("scrape_plain_p50", median(lambda one: one.p50("plain")), "ms", 150),
        at_most("scrape_unchanged_p50", median(lambda one: one.p50("same")), "ms", 150),
        at_least("generate_latest_ratio", library / scrape, "times as long", 10),
        worst("longest_loop_pause", ours),
        worst("remediator_longest_loop_pause", theirs),
        at_most("default_page", median(lambda one: len(one.default_page)) / 1_048_576, "MiB", 12),
        Figure("default_samples", median(lambda one: count_samples(one.default_page)), "samples", "", holds=True),
        Figure("page", median(lambda one: len(one.page)) / 1_048_576, "MiB", "", holds=True),
        Figure("page_gzip", median(lambda one: one.compressed) / 1_048_576, "MiB", "", holds=True),
        Figure("first_scrape", median(lambda one: one.first_ms), "ms", "", holds=True),
        Figure("resident", median(lambda one: one.resident_mb), "MB", "", holds=True),
    ]
