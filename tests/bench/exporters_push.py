"""Pushing: 1 M samples spooled through a ten-minute outage are all in the store afterwards, none twice.

Time is compressed: nobody waits ten minutes. While the store, a real VictoriaMetrics, is down, the spool's folder is
filled through the exporter's own Spool with 500 pages of 2,000 samples, whose collection times are the last ten
minutes, 1.2 s apart. Then the real exporter (host and disk) is started on that folder; it cannot reach the store
either and spools its own pages, one a second. Then the store is started, without deduplication, so that what came
twice would be seen. The time runs from its port's opening to the moment when nothing waits; the exporter pushes live
pages all the while, and says how long each took from collection to the store's yes. The pace is set to 200,000
samples a second (2,000 is the default).

The peer is vmagent with a queue on disk: the same pages imported into it, its store away, then started.
"""

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import requests

from exporter.clock import SystemClock
from exporter.push.meters import Meters
from exporter.push.page import Page, pack
from exporter.push.spool import Spool
from tests.bench.figure import Figure, at_most
from tests.bench.processes import running
from tests.store_lab import free_port

PAGES, SAMPLES, OUTAGE_MS = 500, 2_000, 600_000
ALL = PAGES * SAMPLES
RATE = 200_000
DRAIN_SECONDS = 300.0
NAME = "bench_spooled"


@dataclass(frozen=True, slots=True)
class Run:
    """What one outage left; seconds, samples, bytes."""

    stored: int
    twice: int
    drain: float
    live_delay: float
    live_missing: int
    resident: int


def figures(runs: int) -> list[Figure]:
    """The worst of the runs for what must never be, medians for what takes time."""
    ours = [play(tell) for tell in numbered(runs)]
    peer = play_vmagent()
    stored = min(run.stored for run in ours)
    return [
        Figure("samples_in_store", stored, "samples", f"= {ALL}", stored == ALL, f"{peer.stored}"),
        at_most("samples_twice", max(run.twice for run in ours), "samples", 0, f"{peer.twice}"),
        at_most("drain_s", median(run.drain for run in ours), "s", 60.0, f"{peer.drain:.3g}"),
        at_most("live_delay_s", max(run.live_delay for run in ours), "s", 1.0),
        at_most("live_pages_missing", max(run.live_missing for run in ours), "pages", 0),
        at_most(
            "pusher_resident_mb", max(run.resident for run in ours) / 1e6, "MB", 80.0, f"{peer.resident / 1e6:.3g}"
        ),
    ]


def numbered(runs: int) -> list[Callable[[Run], None]]:
    """One voice for each run."""

    def voice(number: int) -> Callable[[Run], None]:
        return lambda run: print(f"run {number} of {runs}: {run}", flush=True)

    return [voice(number) for number in range(1, runs + 1)]


def play(tell: Callable[[Run], None]) -> Run:
    """One outage of our exporter."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, store_port, page_port = Path(name), free_port(), free_port()
        store, page = f"http://127.0.0.1:{store_port}", f"http://127.0.0.1:{page_port}/metrics"
        fill(folder / "spool")
        pid = stack.enter_context(running(exporter_command(store, page_port, folder / "spool"), page_port))
        wait_until(lambda: value(page, "fleetmend_push_spool_pages") >= PAGES + 3)
        stack.enter_context(running(store_command(folder / "data", store_port), store_port))
        began, delays = time.perf_counter(), [0.0]

        def drained() -> bool:
            delays.append(value(page, "fleetmend_push_delay_seconds"))
            return value(page, "fleetmend_push_spool_pages") == 0

        wait_until(drained)
        drain, resident = time.perf_counter() - began, resident_bytes(pid)
        stored, twice = count(store, NAME)
        run = Run(stored, twice, drain, max(delays), missing_heartbeats(store), resident)
        tell(run)
        return run


def pages() -> list[Page]:
    """Ten minutes of pages that end now."""
    first = int(SystemClock().now() * 1000) - OUTAGE_MS
    step = OUTAGE_MS // PAGES
    return [
        pack(
            [b'%s{series="%d"} %d' % (NAME.encode(), series, number) for series in range(SAMPLES)],
            first + number * step,
        )
        for number in range(PAGES)
    ]


def fill(folder: Path) -> None:
    spool = Spool(folder, 1 << 30, Meters())
    for page in pages():
        spool.put(page)
    spool.close()


def exporter_command(store: str, port: int, spool: Path) -> list[str]:
    command = ["fleetmend-exporter", "host", "disk", "--listen", f"127.0.0.1:{port}"]
    command += ["--push.url", store, "--push.interval", "1", "--push.label", "instance=h1"]
    return [*command, "--push.spool.dir", str(spool), "--push.spool.rate", str(RATE)]


def store_command(folder: Path, port: int) -> list[str]:
    return ["victoria-metrics", f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + DRAIN_SECONDS
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"not drained after {DRAIN_SECONDS:.0f} s")
        time.sleep(0.1)


def value(page: str, name: str) -> float:
    """The sum of a metric's samples on a page."""
    text = requests.get(page, timeout=10).text
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{[^\n]*}})? (\S+)$", text, re.MULTILINE))


def exported(store: str, name: str) -> list[list[int]]:
    """For each series the moments of its samples, as the store keeps them."""
    requests.get(f"{store}/internal/force_flush", timeout=30)
    text = requests.get(f"{store}/api/v1/export", params={"match[]": name}, timeout=120).text
    return [json.loads(line)["timestamps"] for line in text.splitlines()]


def count(store: str, name: str) -> tuple[int, int]:
    """Samples of different moments, and how many are there once more than they should be."""
    by_series = exported(store, name)
    different = sum(len(set(moments)) for moments in by_series)
    return different, sum(len(moments) for moments in by_series) - different


def missing_heartbeats(store: str) -> int:
    """Gaps of two seconds and more between the live pages, and those that are there twice."""
    (moments,) = exported(store, "fleetmend_heartbeat_timestamp_seconds")
    moments.sort()
    gaps = sum(round((later - earlier) / 1000) - 1 for earlier, later in pairwise(moments))
    return max(0, gaps) + sum(times - 1 for times in Counter(moments).values())


def resident_bytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def play_vmagent() -> Run:
    """The same outage of vmagent, fed by import."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, store_port, port = Path(name), free_port(), free_port()
        store, agent = f"http://127.0.0.1:{store_port}", f"http://127.0.0.1:{port}"
        command = ["vmagent", f"-remoteWrite.url={store}/api/v1/write", f"-httpListenAddr=127.0.0.1:{port}"]
        pid = stack.enter_context(running([*command, f"-remoteWrite.tmpDataPath={folder / 'queue'}"], port))
        for page in pages():
            requests.post(
                f"{agent}/api/v1/import/prometheus",
                params={"timestamp": str(page.at)},
                data=page.packed,
                headers={"Content-Encoding": "gzip"},
                timeout=30,
            ).raise_for_status()
        stack.enter_context(running(store_command(folder / "data", store_port), store_port))
        began = time.perf_counter()
        wait_until(lambda: count(store, NAME)[0] >= ALL)
        drain, resident = time.perf_counter() - began, resident_bytes(pid)
        stored, twice = count(store, NAME)
        return Run(stored, twice, drain, 0.0, 0, resident)
