"""Whether a host's page is in time, 1,000 times, while one of its mounts and one of its collectors are stuck.

A filesystem in a program that is stopped holds both: its mount, and the folder of the textfile collector.
"""

import statistics
import tempfile
import time
from pathlib import Path

import requests

from tests.bench.figure import Figure, at_most
from tests.exporter.faults.lab import SickDisk, running_host

SCRAPES = 1000
ALLOWED_SECONDS = 1.0
HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": str(ALLOWED_SECONDS)}
STATE = 'fleetmend_scrape_collector_state{collector="textfile",state="stuck"} 1.0'
ERROR = "node_filesystem_device_error{"


def measure(folder: Path) -> tuple[list[float], bool]:
    """Seconds of each scrape, and whether all pages after the first told of both that were stuck."""
    with running_host(folder) as host:
        disk = SickDisk(host)
        # A mount may take less than a scrape: with more, its collector would be stuck as a whole for that time.
        timeout = ("--collector.filesystem.mount-timeout", "0.5")
        url = host.start_exporter("--collector.textfile.directory", str(disk.fuse), *timeout)
        with requests.Session() as session:
            session.get(f"{url}/metrics", headers=HEADERS, timeout=10)
            host.signal("STOP", disk.serve_pid)
            pages = [scrape(session, url) for _ in range(SCRAPES)]
    # The first is the one that finds out; from the second on it is known.
    told = all(STATE in text and is_mount_stuck(text, disk.fuse) for _, text in pages[2:])
    return [seconds for seconds, _ in pages], told


def scrape(session: requests.Session, url: str) -> tuple[float, str]:
    began = time.perf_counter()
    answer = session.get(f"{url}/metrics", headers=HEADERS, timeout=10)
    return time.perf_counter() - began, answer.text if answer.ok else ""


def is_mount_stuck(text: str, mountpoint: Path) -> bool:
    lines = [line for line in text.splitlines() if line.startswith(ERROR) and f'mountpoint="{mountpoint}"' in line]
    return bool(lines) and all(line.endswith(" 1.0") for line in lines)


def figures(runs: int) -> list[Figure]:
    """The worst of ``runs`` runs."""
    late, seconds, told = 0, [0.0], True
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            measured, all_told = measure(Path(folder))
        late = max(late, sum(one > ALLOWED_SECONDS for one in measured))
        seconds = max(seconds, measured, key=max)
        told = told and all_told
    return [
        at_most("pages_late", late, f"of {SCRAPES}", 0),
        at_most("slowest_page", max(seconds), "s", ALLOWED_SECONDS),
        Figure("median_page", statistics.median(seconds), "s", "", holds=True),
        Figure("both_stuck_were_told", float(told), "1 = always", "= 1", holds=told),
    ]
