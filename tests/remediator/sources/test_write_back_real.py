"""Alerts and recorded series in real stores: they arrive, they follow each other, and they end at once."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from remediator.clock import SystemClock
from remediator.model.alert import Group, Rule
from remediator.model.evidence import Gate
from remediator.sources.blocks import DOUBLE, compressed, head, tail
from remediator.sources.evaluator import Evaluator
from remediator.sources.slots import group_key
from remediator.sources.store import Store
from remediator.sources.write_back import HEADERS, WriteBack
from tests.conftest import binary, started
from tests.store_lab import free_port, query

pytestmark = pytest.mark.store

CLOCK = SystemClock()
SECOND = timedelta(seconds=1)
SICK = Rule("g", "Sick", "written_value > 0", hold_for=2 * SECOND, labels={"severity": "page"})
RECORDED = Rule("g", "site:value:sum", "sum by (host) (written_value)", recording=True)
AFTER = Rule("g", "Recorded", "site:value:sum > 0", hold_for=timedelta(hours=1))
GROUP = Group("g", "f", SECOND, (SICK, RECORDED, AFTER))


@pytest.fixture
def receiving_prometheus(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    arguments = [
        binary("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    url = f"http://127.0.0.1:{port}"
    with started(arguments, f"{url}/-/ready", tmp_path / "prometheus.log"):
        yield url


def push(url: str, value: float, now: datetime) -> None:
    body = head({"__name__": "written_value", "host": "h1"}) + DOUBLE.pack(value) + tail(now)
    requests.post(f"{url}/api/v1/write", data=compressed(body), headers=HEADERS, timeout=5).raise_for_status()


class Site:
    """An evaluator over a store, and its value that is pushed at each slot."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.slot = CLOCK.now().replace(microsecond=0)
        self.write_back = WriteBack(url)
        store = Store(url, future=timedelta(minutes=1))
        gate = Gate(open=True, reason="", since=CLOCK.now())
        self.subject = Evaluator([GROUP], store, CLOCK, lambda: gate, receiver=self.write_back)

    async def until(self, value: float, holds: Callable[[], bool], seconds: int = 30) -> None:
        """Push and evaluate each second until it is so in the store."""
        for _ in range(seconds):
            # A store takes one sample of a series for one moment.
            slot = self.slot = max(self.slot + SECOND, CLOCK.now().replace(microsecond=0))
            await asyncio.sleep(max(0.0, (slot - CLOCK.now()).total_seconds()))
            await asyncio.to_thread(push, self.url, value, slot)
            await self.subject.run_group(group_key(GROUP), slot)
            if await asyncio.to_thread(holds):
                return
        said = await asyncio.to_thread(query, self.url, '{__name__=~"ALERTS.*|site:.*"}')
        pytest.fail(f"not in the store: {said} {dict(self.subject.errors())} {self.write_back.trouble}")

    def states(self, name: str = "Sick") -> list[str]:
        return [each["metric"]["alertstate"] for each in query(self.url, f'ALERTS{{alertname="{name}"}}')]

    def values(self, name: str) -> list[float]:
        return [float(each["value"][1]) for each in query(self.url, name)]


async def whole_life(url: str) -> None:
    site = Site(url)
    began = CLOCK.now().timestamp()
    await site.until(1, lambda: site.states() == ["firing"])
    (since,) = await asyncio.to_thread(site.values, 'ALERTS_FOR_STATE{alertname="Sick"}')
    assert began - 5 < since < began + 30
    assert since == site.subject.alerts()[0].active_at.timestamp()
    # What the group has recorded is there for the rules after it.
    await site.until(1, lambda: site.states("Recorded") == ["pending"])
    await site.until(7, lambda: site.values("site:value:sum") == [7.0])
    # It resolves: both series end at once, long before the five minutes of lookback.
    await site.until(0, lambda: not site.states() and not site.values('ALERTS_FOR_STATE{alertname="Sick"}'))
    # VictoriaMetrics may take a second to show what it was just given.
    await site.until(0, lambda: not site.states("Recorded"))
    assert await asyncio.to_thread(site.values, "site:value:sum") == [0.0]
    # A reload without the recording rule ends its series.
    site.subject.replace_groups([Group("g", "f", SECOND, (SICK,))])
    await site.until(0, lambda: not site.values("site:value:sum"))
    await asyncio.to_thread(site.write_back.close)
    assert (site.write_back.dropped, site.write_back.failures) == (0, 0)


async def test_a_whole_life_on_victoria_metrics(own_victoria_metrics: "tuple[str, subprocess.Popen[bytes]]") -> None:
    url, _ = own_victoria_metrics
    await whole_life(url)


async def test_a_whole_life_on_prometheus(receiving_prometheus: str) -> None:
    await whole_life(receiving_prometheus)


async def test_a_prometheus_that_takes_no_writes_is_told_of_and_harms_nothing(
    start_prometheus: Callable[[str], str],
) -> None:
    url = start_prometheus("scrape_configs: []\n")
    site = Site(url)
    site.subject.replace_groups([Group("g", "f", SECOND, (Rule("g", "Always", "vector(1)"),))])
    await site.subject.run_group(group_key(GROUP), CLOCK.now().replace(microsecond=0))
    for _ in range(100):
        if site.write_back.refused:
            break
        await asyncio.sleep(0.05)
    assert "enable-remote-write-receiver" in site.write_back.trouble
    assert [alert.name for alert in site.subject.alerts()] == ["Always"]
    await asyncio.to_thread(site.write_back.close, 0.1)
