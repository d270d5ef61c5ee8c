"""Intake: 5,000 alerts a second made durable on one core, and none lost that was answered, through kill -9.

A real remediator, with its loop, its rules and a store that is away, is pinned to one core; whoever posts is on
another. All alerts are new ones: each is a row in the journal before its request is answered. They are posted in
batches of 64, as Prometheus does, over one connection and over eight. Then eight connections post while the process
is killed; what was answered 200 until then must be listed by the next process. A disk that takes long to sync makes
one connection slow: each of its requests waits for a sync of its own.
"""

import http.client
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import requests

from tests.bench.figure import Figure, at_most
from tests.bench.processes import find_program, wait_until_open
from tests.store_lab import free_port

BATCH, CONNECTIONS = 64, 8
ALERTS = 32_000
PER_SECOND = 5_000
FLOOD_SECONDS = 2.0
STARTED = datetime(2026, 8, 1, 12, tzinfo=UTC)
TOKEN = "bench"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Run:
    """Alerts a second, and the share of the core that was used."""

    rate: float
    cpu: float


@dataclass(slots=True)
class Answered:
    """Numbers of the alerts whose requests were answered 200."""

    numbers: list[int] = field(default_factory=list)


def figures(runs: int) -> list[Figure]:
    """Medians of the rates; the loss is that of all kills together."""
    one = [play(1) for _ in range(runs)]
    many = [play(CONNECTIONS) for _ in range(runs)]
    killed = [kill_in_flood() for _ in range(runs)]
    print(
        "cpu share, one connection:", [f"{run.cpu:.0%}" for run in one], "eight:", [f"{run.cpu:.0%}" for run in many]
    )
    print("answered before the kill:", [answered for answered, _ in killed])
    return [
        at_least("alerts_per_second_one_connection", median(run.rate for run in one)),
        at_least("alerts_per_second_eight_connections", median(run.rate for run in many)),
        at_most("lost_through_kill", sum(lost for _, lost in killed), "alerts", 0),
        Figure("cpu_share_eight_connections", median(run.cpu for run in many), "cores", "printed", holds=True),
    ]


def at_least(name: str, value: float) -> Figure:
    return Figure(name, value, "1/s", f">= {PER_SECOND}", value >= PER_SECOND)


def play(connections: int) -> Run:
    """All alerts over so many connections."""
    with tempfile.TemporaryDirectory() as name, remediator(Path(name)) as (process, port):
        shares = [list(range(start, ALERTS, connections * BATCH)) for start in range(0, connections * BATCH, BATCH)]
        began, used = time.perf_counter(), cpu_seconds(process.pid)
        with ThreadPoolExecutor(connections) as pool:
            answered = sum(pool.map(lambda starts: len(post(port, starts)), shares))
        took = time.perf_counter() - began
        if answered != ALERTS:
            raise RuntimeError(f"only {answered} of {ALERTS} alerts were answered")
        return Run(ALERTS / took, (cpu_seconds(process.pid) - used) / took)


def kill_in_flood() -> tuple[int, int]:
    """How many alerts were answered before the kill, and how many of those the next process does not know."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(CONNECTIONS) as pool:
        folder = Path(name)
        with remediator(folder) as (process, port):
            starts = [list(range(n * 1_000_000, n * 1_000_000 + 900_000, BATCH)) for n in range(CONNECTIONS)]
            posts = [pool.submit(post, port, share) for share in starts]
            time.sleep(FLOOD_SECONDS)
            process.send_signal(signal.SIGKILL)
            process.wait()
            answered = {number for each in posts for number in each.result()}
        with remediator(folder) as (_, port):
            listed = requests.get(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=60).json()["data"]["alerts"]
        known = {int(alert["labels"]["number"]) for alert in listed}
        return len(answered), len(answered - known)


def post(port: int, starts: Sequence[int]) -> list[int]:
    """Post a batch for each start over one connection, until it breaks; the numbers that were answered 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    answered: list[int] = []
    for start in starts:
        try:
            connection.request("POST", "/api/v2/alerts", body(start), HEADERS)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            break
        if response.status == 200:
            answered += range(start, start + BATCH)
    connection.close()
    return answered


def body(start: int) -> bytes:
    """One batch, with labels and annotations of an ordinary size; alerts of one evaluation begin together."""
    began = (STARTED + timedelta(milliseconds=start)).isoformat()
    return json.dumps([{"startsAt": began, **alert(number)} for number in range(start, start + BATCH)]).encode()


def alert(number: int) -> dict[str, object]:
    labels = {"alertname": "DiskFillsUp", "number": str(number), "host": f"worker-{number % 10_000:05d}"}
    more = {"region": "arn", "rack": f"r{number % 40:02d}", "severity": "warning", "job": "host"}
    return {
        "labels": {**labels, **more, "instance": "10.77.0.11:9100", "mountpoint": "/var/lib/fleetmend/disk"},
        "annotations": {"summary": f"worker-{number % 10_000:05d} in arn: 4.31% of its volume disk is free"},
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=node_filesystem_avail_bytes&g0.tab=1",
    }


@contextmanager
def remediator(folder: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """A whole remediator in that folder, on one core, killed at the end."""
    port, program = free_port(), find_program("fleetmend")
    if not (folder / "fleetmend.yml").exists():
        subprocess.run([program, "init", str(folder)], check=True, stdout=subprocess.DEVNULL)
        (folder / "token").write_text(TOKEN)
    environment = {
        **os.environ,
        "FLEETMEND_LISTEN": f"127.0.0.1:{port}",
        "FLEETMEND_FLEET_LISTEN": "127.0.0.1:0",
        "FLEETMEND_STORE_URL": f"http://127.0.0.1:{free_port()}",
        "FLEETMEND_LOG_LEVEL": "CRITICAL",
    }
    settings = folder / "fleetmend.yml"
    settings.write_text(settings.read_text().partition("\nintake:")[0] + "\nintake: [{token_file: token}]\n")
    command = [find_program("taskset"), "--cpu-list", "0", program, "run", "--config", str(settings)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_open(port, process)
            yield process, port
        finally:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
