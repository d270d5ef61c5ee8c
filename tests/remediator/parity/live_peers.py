"""Everyone who evaluates in the live run, and what each of them says is active, ten times a second."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import requests

from remediator.clock import SystemClock
from remediator.model.alert import AlertState, Group
from remediator.model.evidence import Gate
from remediator.sources.evaluator import Evaluator
from remediator.sources.schedule import Schedule
from remediator.sources.store import Store
from tests.conftest import binary, started
from tests.remediator.parity.conftest import prometheus_arguments
from tests.remediator.parity.live_rules import write_rules
from tests.remediator.parity.live_site import quick_series
from tests.remediator.parity.peers import write
from tests.store_lab import free_port

EVERY = 0.1
Active = frozenset[tuple[frozenset[tuple[str, str]], str]]
Timeline = list[tuple[float, Active]]


@dataclass(frozen=True)
class Peers:
    """The base URLs of those that are programs."""

    prometheus: str
    victoria: str
    vmalert: str


@contextmanager
def running(folder: Path, site: str, seconds: float) -> Iterator[Peers]:
    """Both stores scrape the site each second; Prometheus' ruler and vmalert evaluate each second."""
    write_rules(folder)
    ports = [free_port() for _ in range(3)]
    urls = Peers(*(f"http://127.0.0.1:{port}" for port in ports))
    scrape = (
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
        f"scrape_configs: [{{job_name: site, static_configs: [{{targets: ['{site}']}}]}}]\n"
    )
    (folder / "scrape.yml").write_text(scrape)
    rules = f"rule_files: ['{folder}/common.yml', '{folder}/strict.yml']\n"
    with ExitStack() as stack:
        prometheus = prometheus_arguments(folder, ports[0], scrape + rules)
        stack.enter_context(started(prometheus, f"{urls.prometheus}/-/ready", folder / "prometheus.log"))
        write(urls.prometheus, quick_series(round(seconds) + 30), 1, round(SystemClock().now().timestamp()))
        victoria = _victoria(folder, ports[1])
        stack.enter_context(started(victoria, f"{urls.victoria}/health", folder / "victoria.log"))
        vmalert = _vmalert(folder, ports[2], urls.victoria, site)
        stack.enter_context(started(vmalert, f"{urls.vmalert}/health", folder / "vmalert.log"))
        yield urls


def _victoria(folder: Path, port: int) -> list[str]:
    return [
        binary("victoria-metrics", "victoria-metrics-prod"),
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-promscrape.config={folder / 'scrape.yml'}",
        "-promscrape.suppressScrapeErrors",
        "-search.latencyOffset=1s",
        "-memory.allowedPercent=10",
    ]


def _vmalert(folder: Path, port: int, victoria: str, site: str) -> list[str]:
    return [
        binary("vmalert", "vmalert-prod"),
        f"-rule={folder / 'common.yml'}",
        f"-datasource.url={victoria}",
        f"-notifier.url=http://{site}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-evaluationInterval=1s",
        "-disableAlertgroupLabel",
    ]


def evaluator(store: str, groups: tuple[Group, ...], threads: ThreadPoolExecutor) -> Evaluator:
    gate = Gate(open=True, reason="", since=SystemClock().now())
    return Evaluator(groups, Store(store, timedelta(seconds=5)), SystemClock(), lambda: gate, threads)


def said_by(url: str) -> Callable[[], Active]:
    """What a program's ``/api/v1/alerts`` lists."""
    session = requests.Session()

    def ask() -> Active:
        alerts = session.get(f"{url}/api/v1/alerts", timeout=5).json()["data"]["alerts"] or ()
        # vmalert leaves the name out of the labels.
        named = [({**alert["labels"], "alertname": _name(alert)}, alert["state"]) for alert in alerts]
        return frozenset((frozenset(labels.items()), state) for labels, state in named if state != "inactive")

    return ask


def _name(alert: dict[str, dict[str, str]]) -> str:
    return str(alert.get("name") or alert["labels"]["alertname"])


def said_by_us(ours: Evaluator) -> Callable[[], Active]:
    def ask() -> Active:
        active = [alert for alert in ours.alerts() if alert.state is not AlertState.RESOLVED]
        return frozenset((frozenset(alert.labels.items()), alert.state.value) for alert in active)

    return ask


async def watched(
    asked: dict[str, Callable[[], Active]], ours: list[Evaluator], seconds: float
) -> dict[str, Timeline]:
    """Run our evaluators for so long, and write down what everyone says meanwhile; moments are of one clock."""
    clock = SystemClock()
    schedules = [asyncio.create_task(Schedule(one, clock).run()) for one in ours]
    try:
        watching = [asyncio.to_thread(_watch, ask, seconds) for ask in asked.values()]
        timelines = await asyncio.gather(*watching)
    finally:
        for task in schedules:
            task.cancel()
        await asyncio.gather(*schedules, return_exceptions=True)
    return dict(zip(asked, timelines, strict=True))


def _watch(ask: Callable[[], Active], seconds: float) -> Timeline:
    found: Timeline = []
    clock = SystemClock().monotonic
    end = clock() + seconds
    while clock() < end:
        began = clock()
        found.append((began, ask()))
        time.sleep(max(0.0, EVERY - (clock() - began)))
    return found
