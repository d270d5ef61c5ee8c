"""Everyone who evaluates in the live run, each a process of its own, and what each of them says is active."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import requests

from remediator.clock import SystemClock
from tests.conftest import binary, started
from tests.remediator.parity.conftest import prometheus_arguments
from tests.remediator.parity.live_made import BEFORE, CELL, OWN, Made
from tests.remediator.parity.live_rules import write_rules
from tests.remediator.parity.live_site import quick_series
from tests.remediator.parity.peers import write
from tests.store_lab import free_port

EVERY = 0.2
# What is active: the state of each alert by its labels as one text. A timeline has a moment for each change.
Active = dict[str, str]
Timeline = list[tuple[float, Active]]


@dataclass(frozen=True)
class Peers:
    """The base URLs of all that run; the last two are ours, on Prometheus and on VictoriaMetrics."""

    prometheus: str
    victoria: str
    vmalert: str
    strict: str
    common: str


@contextmanager
def running(folder: Path, site: str, seconds: float, made: Made) -> Iterator[Peers]:
    """Both stores scrape the site each second, and hold beforehand what is too quick for that."""
    write_rules(folder, made)
    ports = [free_port() for _ in range(5)]
    urls = Peers(*(f"http://127.0.0.1:{port}" for port in ports))
    scrape = (
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
        f"scrape_configs: [{{job_name: site, static_configs: [{{targets: ['{site}']}}]}}]\n"
    )
    (folder / "scrape.yml").write_text(scrape)
    files = [folder / f"{name}.yml" for name in ("common", "strict", "made", "made_strict", "made_ours")]
    rules = f"rule_files: [{', '.join(repr(str(file)) for file in files[:4])}]\n"
    with ExitStack() as stack:
        prometheus = prometheus_arguments(folder, ports[0], scrape + rules)
        stack.enter_context(started(prometheus, f"{urls.prometheus}/-/ready", folder / "prometheus.log"))
        victoria = _victoria(folder, ports[1])
        stack.enter_context(started(victoria, f"{urls.victoria}/health", folder / "victoria.log"))
        write(urls.prometheus, quick_series(round(seconds) + 30), 1, round(SystemClock().now().timestamp()))
        _write_made(urls, made)
        vmalert = _vmalert(folder, ports[2], urls.victoria, site)
        stack.enter_context(started(vmalert, f"{urls.vmalert}/health", folder / "vmalert.log"))
        _start_ours(stack, urls.strict, urls.prometheus, [*files[:3], files[4]])
        _start_ours(stack, urls.common, urls.victoria, [files[0], files[2]])
        yield urls


def _write_made(urls: Peers, made: Made) -> None:
    """A sample at each cell's beginning, from so many cells before this one."""
    cell = CELL.seconds
    start = (int(SystemClock().now().timestamp()) // cell - BEFORE) * cell
    write(urls.prometheus, [*made.shared_data, *made.strict_data], cell, start)
    write(urls.victoria, made.shared_data, cell, start)
    requests.get(f"{urls.victoria}/internal/force_flush", timeout=5).raise_for_status()


def _start_ours(stack: ExitStack, url: str, store: str, files: list[Path]) -> None:
    port = url.rpartition(":")[2]
    arguments = [sys.executable, "-m", "tests.remediator.parity.live_ours", store, *map(str, files), port]
    stack.enter_context(started(arguments, f"{url}/api/v1/alerts", files[0].with_name(f"ours_{port}.log")))


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
    # In the folder itself: when a group begins is made of its file's name, and is then the same in every run.
    return [
        *("env", "-C", str(folder)),
        binary("vmalert", "vmalert-prod"),
        "-rule=common.yml",
        "-rule=made.yml",
        f"-datasource.url={victoria}",
        f"-notifier.url=http://{site}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-evaluationInterval=1s",
        "-disableAlertgroupLabel",
    ]


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    state: str
    # vmalert leaves the name out of the labels.
    name: str = ""


class _Data(msgspec.Struct):
    alerts: list[_Alert] | None


class _Answer(msgspec.Struct):
    """As much as is compared: the rest of an answer is not even built."""

    data: _Data


def said_by(url: str) -> Callable[[], Active]:
    """What a program's ``/api/v1/alerts`` lists."""
    session = requests.Session()
    read = msgspec.json.Decoder(_Answer)
    last: tuple[bytes, Active] = (b"", {})

    def ask() -> Active:
        nonlocal last
        content = session.get(f"{url}/api/v1/alerts", timeout=5).content
        if content != last[0]:
            alerts = read.decode(content).data.alerts or ()
            last = content, {_text(alert): alert.state for alert in alerts if alert.state != "inactive"}
        return last[1]

    return ask


def _text(alert: _Alert) -> str:
    labels = {**alert.labels, "alertname": alert.name} if alert.name else alert.labels
    # A label without a value is no label; vmalert lists it.
    return ", ".join([f"{name}={value}" for name, value in sorted(labels.items()) if value]).replace(OWN, "")


def watched(asked: dict[str, str], seconds: float) -> dict[str, Timeline]:
    """What everyone says for so long, five times a second; moments are of one clock."""
    with ThreadPoolExecutor(len(asked)) as threads:
        watching = {name: threads.submit(_watch, said_by(url), seconds) for name, url in asked.items()}
        return {name: found.result() for name, found in watching.items()}


def _watch(ask: Callable[[], Active], seconds: float) -> Timeline:
    found: Timeline = []
    clock = SystemClock().monotonic
    end = clock() + seconds
    while (began := clock()) < end:
        active = ask()
        if not found or active != found[-1][1]:
            found.append((began, active))
        time.sleep(max(0.0, EVERY - (clock() - began)))
    return [*found, (end, found[-1][1])]
