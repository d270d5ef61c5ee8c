"""Memory: a remediator that keeps 10,000 hosts and 200,000 machines, probed each second by 250 vantages, <= 1 GB.

The journal is filled first, with configs and sealed boxes of an ordinary size; then a real remediator is started on
it, with its loop, its rules, and a store that is away. A vantage in each rack reports over HTTP about the hosts that
it is told to probe, all of them well. Agents are not played: nobody heartbeats. What is told is the most memory that
the process ever had, once from its start and once after it has watched for a while and was asked for its pages.
"""

import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from remediator.journal.protocol import Row
from remediator.journal.sqlite import SqliteJournal
from remediator.model.enrolment import Enrolment
from remediator.model.host import Capacity, Host, Identity
from remediator.model.machine import Event, Machine, MachineState, Sealed
from tests.bench.figure import Figure, at_most
from tests.bench.processes import find_program, wait_until_open
from tests.store_lab import free_port

HOSTS, MACHINES, RACKS, APPS = 10_000, 200_000, 250, 20_000
WATCHED_SECONDS = 20.0
BATCH = 10_000
CONNECTIONS = 25
LIMIT_MB = 1_000
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def figures(runs: int) -> list[Figure]:
    """The largest of all runs; what is only printed has no target."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([find_program("fleetmend"), "init", name], check=True, stdout=subprocess.DEVNULL)
        fill(folder / "data")
        found = [watched(folder) for _ in range(min(runs, 2))]
    return [
        at_most("peak_memory", max(each["peak"] for each in found), "MB", LIMIT_MB),
        Figure("memory_after_start", max(each["started"] for each in found), "MB", "printed", holds=True),
        Figure("start_seconds", max(each["seconds"] for each in found), "s", "printed", holds=True),
        Figure("core_share_watching", max(each["core"] for each in found), "cores", "printed", holds=True),
        Figure("reports_per_second", min(each["reports"] for each in found), "1/s", "printed", holds=True),
    ]


def fill(data: Path) -> None:
    """The rows of the fleet, straight into the journal."""
    data.mkdir(mode=0o700, exist_ok=True)
    journal = SqliteJournal(data)
    try:
        batch: list[Row] = []
        for row in rows():
            batch.append(row)
            if len(batch) == BATCH:
                journal.commit(batch, [])
                batch = []
        journal.commit(batch, [])
    finally:
        journal.close()


def rows() -> Iterator[Row]:
    for number in range(RACKS):
        name = f"p-r{number:03d}"
        token = hashlib.sha256(name.encode()).hexdigest()
        yield Row(
            "Enrolment", f"vantage/{name}", 0, Enrolment(name, "vantage", "arn", rack(number), NOON, "", "", token)
        )
    for number in range(HOSTS):
        yield Row("Host", host_name(number), 0, host(number))
    for number in range(MACHINES):
        yield Row("Machine", f"m{number:06d}", 0, machine(number))


def rack(number: int) -> str:
    return f"r{number % RACKS:03d}"


def host_name(number: int) -> str:
    return f"worker-{number % HOSTS:05d}"


def host(number: int) -> Host:
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    labels = {"kernel": "6.1.0-21", "switch": f"sw-{number % RACKS}", "pdu": f"pdu-{number % RACKS}"}
    return Host(
        host_name(number), "arn", rack(number), NOON, NOON, provider="metal", address=address, agent_port=9080,
        exporter_port=9100, labels=labels, capacity=Capacity(64, 262_144, 4_000_000),
        identity=Identity(f"uuid-{number:032d}", f"{number:043d}=", f"data-{number:032d}"),
        boot_id=f"boot-{number:031d}", version="1.0.0", epoch=1, joined=True,
    )  # fmt: skip


def machine(number: int) -> Machine:
    """One of ten of its app, with two checks, a service and a sealed copy of its config."""
    identifier, on = f"m{number:06d}", host_name(number)
    box = (hashlib.sha256(identifier.encode()).hexdigest() * 16)[:900]
    sealed = Sealed(identifier, f"I{number:025d}", on, 1, box[:64], box, box[:88])
    events = tuple(Event(NOON, kind, kind, "agent") for kind in ("created", "starting", "started"))
    return Machine(
        identifier, f"app-{number % APPS:05d}", f"name-{identifier}", "arn", on, f"I{number:025d}", NOON, NOON,
        MachineState.STARTED, config(number % APPS), box[:64], sealed, port=20_000 + number % 20_000, events=events,
    )  # fmt: skip


def config(app: int) -> dict[str, Any]:
    return {
        "image": f"registry.example/app-{app:05d}@sha256:{app:064d}",
        "guest": {"cpus": 1, "cpu_kind": "shared", "memory_mb": 256},
        "metadata": {"recoverable": "true", "team": f"team-{app % 40}"},
        "services": [
            {"protocol": "tcp", "internal_port": 8080, "ports": [{"port": 443, "handlers": ["tls", "http"]}]}
        ],
        "checks": {"alive": {"type": "http", "port": 8080, "path": "/healthz", "interval": "10s", "timeout": "2s"}},
    }


def watched(folder: Path) -> dict[str, float]:
    """One life of a remediator over that journal."""
    began = time.perf_counter()
    with remediator(folder) as (process, public, fleet):
        took, started = time.perf_counter() - began, peak_mb(process.pid)
        used, since = cpu_seconds(process.pid), time.perf_counter()
        reports = probed(fleet, since + WATCHED_SECONDS)
        spent = time.perf_counter() - since
        core = (cpu_seconds(process.pid) - used) / spent
        for page in ("/metrics", "/v1/status", "/api/v1/rules"):
            requests.get(f"http://127.0.0.1:{public}{page}", timeout=60)
        peak = peak_mb(process.pid)
        return {"peak": peak, "started": started, "seconds": took, "core": core, "reports": reports / spent}


def probed(port: int, until: float) -> int:
    """Report as all vantages, once a second each if there is time for it; how many reports were taken."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [range(start, RACKS, CONNECTIONS) for start in range(CONNECTIONS)]
        told = list(pool.map(lambda share: report(port, share, until), shares))
    print(f"{sum(pairs for _, pairs in told)} pairs of host and vantage are probed")
    return sum(reports for reports, _ in told)


def report(port: int, numbers: Sequence[int], until: float) -> tuple[int, int]:
    """Some vantages over one connection: how many reports were taken, and how many hosts these are to probe."""
    connection, reports = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
    targets: dict[str, list[str]] = {}
    while time.perf_counter() < until:
        began = time.perf_counter()
        for number in numbers:
            name = f"p-r{number:03d}"
            connection.request("POST", "/internal/probes", body(name, number, targets.get(name, [])), token(name))
            answer = json.loads(connection.getresponse().read())
            targets[name] = [each["host"] for each in answer["targets"]]
            reports += 1
        time.sleep(max(0.0, began + 1 - time.perf_counter()))
    connection.close()
    return reports, sum(map(len, targets.values()))


def body(name: str, number: int, hosts: list[str]) -> bytes:
    results = [{"host": each, "outcome": "ok", "seconds": 0.001, "age_seconds": 0.1} for each in hosts]
    place = {"vantage": name, "region": "arn", "rack": rack(number), "address": f"127.0.0.1:{9200 + number}"}
    return json.dumps(place | {"results": results}).encode()


def token(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}", "Content-Type": "application/json"}


@contextmanager
def remediator(folder: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int, int]]":
    """A whole remediator in that folder, killed at the end; its process and its two ports."""
    public, fleet = free_port(), free_port()
    environment = {
        **os.environ,
        "FLEETMEND_LISTEN": f"127.0.0.1:{public}",
        "FLEETMEND_FLEET_LISTEN": f"127.0.0.1:{fleet}",
        "FLEETMEND_STORE_URL": f"http://127.0.0.1:{free_port()}",
        "FLEETMEND_LOG_LEVEL": "CRITICAL",
    }
    command = [find_program("fleetmend"), "run", "--config", str(folder / "fleetmend.yml")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_open(fleet, process)
            yield process, public, fleet
        finally:
            process.kill()


def peak_mb(pid: int) -> float:
    """The most memory that the process ever had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
