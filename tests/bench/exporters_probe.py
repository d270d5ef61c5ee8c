"""Probing: 5,000 targets each second from one process on one core, on time and with no wrong outcome.

Twice: targets that a remediator assigns (each is reported to it), and targets of a file. The prober is a real process
on a core of its own; whoever answers, the remediator and this benchmark have another. Everything but the CPU time is
taken from the prober's own page, which is scraped meanwhile as a store would.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporter.fakes import JOIN_TOKEN, FakeRemediator
from tests.bench.figure import Figure, at_most

ROOT = Path(__file__).parents[2]
TARGETS = 5000
SECONDS = 30.0
WARM_UP_SECONDS = 4.0
SCRAPE_SECONDS = 5.0
INTERVAL, TIMEOUT = 1.0, 0.8
# A prober may miss one in a thousand; one that counts on both sides of a round's edge sees a few more or less.
LEAST_PER_SECOND = TARGETS * 0.999
MOST_LATE_MS = 100.0
TICKS = os.sysconf("SC_CLK_TCK")
MODULES = "modules:\n  bench:\n    prober: http\n    timeout: 800ms\n    http: {path: /healthz}\n"


@dataclass(frozen=True, slots=True)
class Page:
    """What is needed of the prober's page: probes by outcome, skipped ones, and how many were how late at most."""

    ended: dict[str, float]
    skipped: float
    late: dict[float, float]

    @property
    def probes(self) -> float:
        return self.late[float("inf")]


def parse_page(text: str) -> Page:
    # The rest, forty-five thousand lines, would keep this process, which the remediator lives in, for seconds.
    text = "\n".join(line for line in text.split("\n") if "probe_vantage_" in line) + "\n"
    families = {family.name: family for family in text_string_to_metric_families(text)}
    buckets = families["probe_vantage_schedule_lag_seconds"].samples
    return Page(
        {one.labels["outcome"]: one.value for one in families["probe_vantage_probes"].samples},
        families["probe_vantage_probes_skipped"].samples[0].value,
        {float(one.labels["le"]): one.value for one in buckets if "le" in one.labels},
    )


def quantile(share: float, before: Page, after: Page) -> float:
    """As histogram_quantile has it, in seconds."""
    grown = {bound: after.late[bound] - before.late[bound] for bound in sorted(after.late)}
    wanted, lower, below = share * grown[float("inf")], 0.0, 0.0
    for bound, count in grown.items():
        if count >= wanted:
            return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower


def cores() -> tuple[int, int]:
    """The prober's, and everybody else's."""
    every = sorted(os.sched_getaffinity(0))
    return every[0], every[-1]


@contextmanager
def started(core: int, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A Python process on that core, and its first line."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate(timeout=10)


def places(ports: Sequence[int]) -> list[tuple[str, int]]:
    """As many addresses of the loopback as there are targets."""
    return [
        (f"127.{1 + number // 250 // 250}.{number // 250 % 250}.{1 + number % 250}", ports[number % len(ports)])
        for number in range(TARGETS)
    ]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    per_second: float
    late_ms: float
    wrong: float
    skipped: float
    cpu: float


async def measure(pid: int, url: str) -> Measured:
    """Scrape at the beginning, at the end, and every few seconds between."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:

        async def scrape() -> Page:
            async with session.get(f"{url}/metrics") as answer:
                return parse_page(await answer.text())

        await asyncio.sleep(WARM_UP_SECONDS)
        before, began, cpu = await scrape(), loop.time(), cpu_seconds(pid)
        while loop.time() - began < SECONDS:
            await asyncio.sleep(min(SCRAPE_SECONDS, SECONDS - (loop.time() - began)))
            after, ended = await scrape(), loop.time()
        cpu = (cpu_seconds(pid) - cpu) / (ended - began)
    grown = Counter(after.ended) - Counter(before.ended)
    return Measured(
        (after.probes - before.probes) / (ended - began),
        quantile(0.99, before, after) * 1000,
        sum(count for outcome, count in grown.items() if outcome != "ok"),
        after.skipped - before.skipped,
        cpu,
    )


async def run_prober(*flags: str) -> Measured:
    arguments = ["-m", "exporter.cli", "probe", "--listen", "127.0.0.1:0", *flags]
    with started(cores()[0], *arguments) as (process, line):
        found = re.search(r"on (http://\S+)/metrics", line)
        if not found:
            raise RuntimeError(f"the prober did not start: {line!r}")
        return await measure(process.pid, found[1])


async def assigned(folder: Path, ports: Sequence[int]) -> Measured:
    async with FakeRemediator(interval=INTERVAL, timeout=TIMEOUT) as remediator:
        remediator.targets = [
            {"host": f"h{number}", "region": "arn", "rack": "r1", "address": address, "port": port}
            for number, (address, port) in enumerate(places(ports))
        ]
        token = ["--join-token", JOIN_TOKEN, "--token-file", str(folder / "token")]
        who = ["--vantage", "p-r1", "--region", "arn", "--rack", "r1"]
        return await run_prober(*who, *token, "--remediator", remediator.url)


async def listed(folder: Path, ports: Sequence[int]) -> Measured:
    groups = [{"targets": [f"{address}:{port}" for address, port in places(ports)], "labels": {"module": "bench"}}]
    (folder / "targets.json").write_text(json.dumps(groups))
    (folder / "modules.yml").write_text(MODULES)
    return await run_prober(
        "--targets.file", str(folder / "targets.json"), "--modules.file", str(folder / "modules.yml")
    )


def run_once(way: Callable[[Path, Sequence[int]], Any]) -> Measured:
    ours = cores()[1]
    os.sched_setaffinity(0, {ours})
    with tempfile.TemporaryDirectory() as folder, started(ours, "-m", "tests.bench.answering", *"0000") as (_, line):
        ports = [int(text) for text in line.split()[2:]]
        measured: Measured = asyncio.run(way(Path(folder), ports))
    return measured


def judge(name: str, one: Measured) -> list[Figure]:
    rate = Figure(
        f"{name}: probes", one.per_second, "1/s", f">= {LEAST_PER_SECOND:g}", one.per_second >= LEAST_PER_SECOND
    )
    return [
        rate,
        at_most(f"{name}: lateness p99", one.late_ms, "ms", MOST_LATE_MS),
        at_most(f"{name}: wrong outcomes", one.wrong, "", 0),
        at_most(f"{name}: skipped", one.skipped, "", 0),
        at_most(f"{name}: CPU of one core", one.cpu, "", 1),
    ]


def figures(runs: int) -> list[Figure]:
    """One run of each way: it is long enough to be its own average."""
    del runs
    affinity = os.sched_getaffinity(0)
    try:
        return [*judge("assigned", run_once(assigned)), *judge("listed", run_once(listed))]
    finally:
        os.sched_setaffinity(0, affinity)
