"""The evaluator and the gate against a real VictoriaMetrics and a real Prometheus."""

import asyncio
import http.server
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from remediator.actions import ACTIONS
from remediator.clock import SystemClock
from remediator.model.alert import AlertState, Group, Rule
from remediator.model.evidence import Gate
from remediator.policy.load import load_policy
from remediator.settings import GateSettings
from remediator.sources.evaluator import Evaluator
from remediator.sources.slots import group_key
from remediator.sources.store import NoData, Store, StoreError, Vector
from remediator.sources.store_health import StoreHealth

pytestmark = pytest.mark.store

CLOCK = SystemClock()
SECOND = timedelta(seconds=1)
RULES = Path(__file__).parents[3] / "rules"


class Feed:
    """Lines of a metrics page, with ``{now}`` for the moment; served, or pushed each half second."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def page(self) -> str:
        return "".join(line.replace("{now}", f"{CLOCK.now().timestamp():.3f}") + "\n" for line in self.lines)


@asynccontextmanager
async def pushing(url: str, feed: Feed) -> AsyncIterator[None]:
    def push() -> None:
        requests.post(f"{url}/api/v1/import/prometheus", data=feed.page, timeout=5).raise_for_status()

    async def forever() -> None:
        while True:
            await asyncio.to_thread(push)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def served() -> Iterator[tuple[Feed, str]]:
    feed = Feed()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = feed.page.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield feed, f"127.0.0.1:{server.server_port}"
        server.shutdown()


def scraping(target: str) -> str:
    job = f"{{job_name: page, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}"
    return f"scrape_configs: [{job}]"


def group(expr: str) -> Group:
    return Group("g", "f", SECOND, (Rule("g", "Sick", expr, hold_for=2 * SECOND),))


async def until(evaluator: Evaluator, wanted: AlertState, seconds: int = 30) -> list[AlertState]:
    """Evaluate each second until the first alert is as wanted; the states on the way."""
    seen: list[AlertState] = []
    key = group_key(evaluator.groups[0])
    slot = CLOCK.now().replace(microsecond=0)
    for _ in range(seconds):
        await evaluator.run_group(key, slot)
        states = [alert.state for alert in evaluator.alerts()]
        seen += [state for state in states[:1] if state not in seen]
        if wanted in states:
            return seen
        slot += SECOND
        await asyncio.sleep(max(0.0, (slot - CLOCK.now()).total_seconds()))
    pytest.fail(f"never {wanted}: {seen} {dict(evaluator.errors())}")


def opened() -> Gate:
    return Gate(open=True, reason="", since=CLOCK.now())


async def whole_life(url: str, feed: Feed, series: str) -> None:
    evaluator = Evaluator([group(f"{series} > 0")], Store(url), CLOCK, opened)
    feed.lines = [f'{series}{{host="h1"}} 0']
    await asyncio.sleep(3)
    feed.lines = [f'{series}{{host="h1"}} 1']
    assert await until(evaluator, AlertState.FIRING) == [AlertState.PENDING, AlertState.FIRING]
    (alert,) = evaluator.alerts()
    assert alert.labels == {"alertname": "Sick", "host": "h1"}
    assert alert.actionable
    feed.lines = [f'{series}{{host="h1"}} 0']
    await until(evaluator, AlertState.RESOLVED)


async def test_a_rules_life_on_victoria_metrics(victoria_metrics: str) -> None:
    feed = Feed()
    async with pushing(victoria_metrics, feed):
        await whole_life(victoria_metrics, feed, "sick_on_victoria")


async def test_a_rules_life_on_prometheus(served: tuple[Feed, str], start_prometheus: Callable[[str], str]) -> None:
    feed, target = served
    url = start_prometheus(scraping(target))
    assert isinstance(await asyncio.to_thread(Store(url).query, "sick_on_prometheus", CLOCK.now()), NoData)
    feed.lines = ['sick_on_prometheus{host="h1"} 0']
    await asyncio.sleep(2)
    evaluator = Evaluator([group("max by (host) (sick_on_prometheus) > 0")], Store(url), CLOCK, opened)
    feed.lines = ['sick_on_prometheus{host="h1"} 1']
    assert await until(evaluator, AlertState.FIRING) == [AlertState.PENDING, AlertState.FIRING]
    feed.lines = ['sick_on_prometheus{host="h1"} 0']
    await until(evaluator, AlertState.RESOLVED)


async def test_a_store_that_dies_keeps_the_alert_and_closes_the_gate(
    own_victoria_metrics: "tuple[str, subprocess.Popen[bytes]]",
) -> None:
    url, process = own_victoria_metrics
    feed, store = Feed(), Store(url, timedelta(seconds=2))
    settings = GateSettings(open_after=2 * SECOND, canary="max(own_heartbeat)")
    health = StoreHealth(store, CLOCK, settings)
    evaluator = Evaluator([group("dying > 0")], store, CLOCK, health.gate)
    feed.lines = ['dying{host="h1"} 1', "own_heartbeat {now}"]
    async with pushing(url, feed):
        for _ in range(60):
            if (await health.once()).open:
                break
            await asyncio.sleep(0.5)
        await until(evaluator, AlertState.FIRING)
    process.kill()
    process.wait()
    assert not (await health.once()).open
    assert "cannot be reached" in health.gate().reason
    await evaluator.run_group(group_key(evaluator.groups[0]), CLOCK.now().replace(microsecond=0) + SECOND)
    (alert,) = evaluator.alerts()
    assert (alert.state, alert.actionable) == (AlertState.FIRING, False)
    assert evaluator.errors()


async def test_a_bad_query_is_an_error_with_the_stores_words(victoria_metrics: str) -> None:
    result = await asyncio.to_thread(Store(victoria_metrics).query, "sum by (", CLOCK.now())
    assert isinstance(result, StoreError)
    assert "HTTP 422" in result.reason


async def test_ages_of_series(victoria_metrics: str) -> None:
    feed = Feed()
    feed.lines = ['aged{host="h1"} 5']
    store = Store(victoria_metrics)
    async with pushing(victoria_metrics, feed):
        for _ in range(30):
            result = await asyncio.to_thread(store.ages, 'aged{host="h1"}', CLOCK.now())
            if isinstance(result, Vector):
                break
            await asyncio.sleep(0.5)
    assert isinstance(result, Vector)
    assert -1 < result.samples[0].value < 10


async def dead_host(url: str, feed: Feed) -> None:
    """Labels survive the joins, and the age bound works on real timestamps."""
    shipped = next(g for g in load_policy(RULES, ACTIONS).groups if g.name == "host_liveness")
    evaluator = Evaluator([shipped], Store(url), CLOCK, opened)
    where = 'host="dead1",region="arn",rack="r1"'
    silent = [f'probe_silent{{{where},vantage="p{n}",vantage_rack="v{n}"}} ' for n in (1, 2, 3)]
    assigned = [f'probe_assigned{{{where},vantage="p{n}"}} 1' for n in (1, 2, 3)]
    feed.lines = [*(line + "0" for line in silent), *assigned]
    await asyncio.sleep(3)
    feed.lines = [silent[0] + "0", silent[1] + "1", silent[2] + "1", *assigned]
    await until(evaluator, AlertState.FIRING)
    (alert,) = [alert for alert in evaluator.alerts() if alert.labels["host"] == "dead1"]
    expected = {"alertname": "HostDead", "host": "dead1", "region": "arn", "rack": "r1"}
    assert alert.labels == {**expected, "severity": "critical", "playbook": "host_dead"}
    # The vantages fall silent themselves: their last words stop to count long before the store forgets them.
    feed.lines = assigned
    await until(evaluator, AlertState.RESOLVED)


async def test_the_shipped_rule_for_dead_hosts_on_victoria_metrics(victoria_metrics: str) -> None:
    feed = Feed()
    async with pushing(victoria_metrics, feed):
        await dead_host(victoria_metrics, feed)


async def test_the_shipped_rule_for_dead_hosts_on_prometheus(
    served: tuple[Feed, str], start_prometheus: Callable[[str], str]
) -> None:
    feed, target = served
    await dead_host(start_prometheus(scraping(target)), feed)
