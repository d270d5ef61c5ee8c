"""200 rules with 100 alerts each: processor time and memory of a cycle beside vmalert's and Prometheus' ruler's.

All evaluate one rule file over the same series, which are written anew every ten seconds; fill in annotations, send
to a stand-in for Alertmanager (again each minute, all three), and write ALERTS and ALERTS_FOR_STATE. Ours is a whole
``fleetmend run``, with its journal, its ticks and its pages; vmalert reads and writes the same VictoriaMetrics. Of
Prometheus, whose ruler is in the store's process and has no query to send or parse, the difference is taken that the
rules make: with them, less without. Processor time is the kernel's own count for the process.
"""

import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figure import Figure, at_most
from tests.bench.processes import find_program, running
from tests.bench.rules_site import ALERTS, RULES, Told, count, feeding, listening, rules, wait_for, write_files
from tests.store_lab import free_port

# Three cycles are a minute: each evaluator sends everything once in it.
INTERVAL, CYCLES = 20.0, 3
TICKS = os.sysconf("SC_CLK_TCK")
FIRING = 'count(ALERTS{alertstate="firing"})'


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time for each cycle, megabytes resident, and how much was sent meanwhile."""

    cpu: float
    resident: float
    megabytes_sent: float


def figures(runs: int) -> list[Figure]:
    """Medians over ``runs`` minutes of each."""
    minutes = max(1, runs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = on_victoria(folder / "ours", our_evaluator, minutes)
        theirs = on_victoria(folder / "vmalert", vmalert, minutes)
        prometheus = prometheus_ruler(folder / "prometheus", minutes)
    peer = f"{theirs.cpu:.3g} (vmalert), {prometheus.cpu:.3g} (Prometheus)"
    memory = f"{theirs.resident:.4g} (vmalert)"
    return [
        Figure("alerts", RULES * ALERTS, "firing", "", holds=True),
        Figure("cycle_cpu", ours.cpu, "s", "", holds=True, peer=peer),
        at_most("cycle_cpu_ratio", ours.cpu / theirs.cpu, "of vmalert's", 0.4),
        Figure("cycle_cpu_of_prometheus", ours.cpu / prometheus.cpu, "of Prometheus'", "", holds=True),
        Figure("resident", ours.resident, "MB", "", holds=True, peer=memory),
        at_most("resident_ratio", ours.resident / theirs.resident, "of vmalert's", 2.0),
        Figure("sent", ours.megabytes_sent, "MB a minute", "", holds=True, peer=f"{theirs.megabytes_sent:.3g}"),
    ]


Evaluator = Callable[[Path, str, str], list[str]]


def on_victoria(folder: Path, evaluator: Evaluator, minutes: int) -> Cost:
    """The cost of one evaluator beside a VictoriaMetrics of its own."""
    port = free_port()
    url, told_of = f"http://127.0.0.1:{port}", folder / "store"
    flags = [f"-storageDataPath={told_of}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1"]
    with ExitStack() as stack:
        stack.enter_context(running(["victoria-metrics", "-memory.allowedPercent=20", *flags], port))
        stack.enter_context(feeding(url))
        told, alertmanager = stack.enter_context(listening())
        pid = stack.enter_context(process(evaluator(folder, url, alertmanager), folder))
        settle(url)
        return cost(pid, told, minutes)


def our_evaluator(folder: Path, store: str, alertmanager: str) -> list[str]:
    """A whole remediator without hosts."""
    made = folder / "fleet"
    subprocess.run([find_program("fleetmend"), "init", str(made)], check=True, capture_output=True)
    shutil.rmtree(made / "rules" / "alerts")
    shutil.rmtree(made / "rules" / "tests", ignore_errors=True)
    (made / "rules" / "outcomes.yml").unlink(missing_ok=True)
    settings = f"""
listen: 127.0.0.1:{free_port()}
fleet_listen: 127.0.0.1:{free_port()}
store_url: {store}
alertmanagers: [{{url: "{alertmanager}"}}]
"""
    before = (made / "fleetmend.yml").read_text()
    write_files(made, [("rules/alerts/bench.yml", rules(INTERVAL)), ("fleetmend.yml", before + settings)])
    return [find_program("fleetmend"), "run", "--config", str(made / "fleetmend.yml")]


def vmalert(folder: Path, store: str, alertmanager: str) -> list[str]:
    write_files(folder, [("rules.yml", rules(INTERVAL))])
    urls = [f"-datasource.url={store}", f"-remoteWrite.url={store}", f"-notifier.url={alertmanager}"]
    where = [f"-rule={folder / 'rules.yml'}", f"-httpListenAddr=127.0.0.1:{free_port()}"]
    return [find_program("vmalert"), *urls, *where, "-rule.resendDelay=1m"]


def prometheus_ruler(folder: Path, minutes: int) -> Cost:
    """What the rules cost a Prometheus, beyond what taking the series in costs it."""
    idle = prometheus(folder / "idle", "", minutes)
    busy = prometheus(folder / "busy", "rule_files: [rules.yml]\n", minutes)
    return Cost(max(0.01, busy.cpu - idle.cpu), busy.resident, busy.megabytes_sent)


def prometheus(folder: Path, with_rules: str, minutes: int) -> Cost:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        told, alertmanager = stack.enter_context(listening())
        target = alertmanager.removeprefix("http://")
        sending = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"
        write_files(folder, [("rules.yml", rules(INTERVAL)), ("prometheus.yml", with_rules + sending)])
        command = [
            find_program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            # A cycle has twice as many alerts as the queue holds by default.
            "--alertmanager.notification-queue-capacity=100000",
        ]
        pid = stack.enter_context(running(command, port))
        stack.enter_context(feeding(url))
        if with_rules:
            settle(url)
        else:
            time.sleep(2 * INTERVAL)
        return cost(pid, told, minutes)


def settle(url: str) -> None:
    """Until every alert fires, as the store itself has it, and has been told once."""
    wait_for(lambda: count(url, FIRING) == RULES * ALERTS, 10 * INTERVAL, "all alerts firing")
    time.sleep(INTERVAL)


def cost(pid: int, told: Told, minutes: int) -> Cost:
    seconds, sent = [], told.megabytes
    for _ in range(minutes):
        began = cpu_seconds(pid)
        time.sleep(CYCLES * INTERVAL)
        seconds.append((cpu_seconds(pid) - began) / CYCLES)
    return Cost(statistics.median(seconds), resident_mb(pid), (told.megabytes - sent) / minutes)


def cpu_seconds(pid: int) -> float:
    """User and system time of the process, its dead threads too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1000 if found else 0.0


@contextmanager
def process(command: list[str], folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "said.txt").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as started:
        try:
            yield started.pid
        finally:
            started.terminate()
            started.wait(timeout=30)
