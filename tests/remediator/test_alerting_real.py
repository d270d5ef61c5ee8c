"""Alerts in and out, with the real ones: Prometheus, vmalert and Alertmanager, in both directions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from aiohttp.test_utils import TestServer

from remediator.api.alerts.intake import IntakeApi
from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.clock import SystemClock
from remediator.journal.sqlite import SqliteJournal
from remediator.model.alert import Alert, AlertState
from remediator.model.evidence import Gate
from remediator.runtime.alerts.intake import Intake
from remediator.runtime.alerts.notifier import Notifier, NotifySettings
from remediator.runtime.alerts.outlet import Outlet
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger
from remediator.settings import Endpoint, IntakeSettings
from remediator.sources.alertmanager import Alertmanager
from remediator.sources.fingerprint import fingerprint
from tests.conftest import binary, started
from tests.remediator.builders import OPEN
from tests.remediator.runtime.lab import Lab
from tests.store_lab import free_port

pytestmark = pytest.mark.store

CLOCK = SystemClock()
RULES = """
groups:
  - name: g
    interval: 1s
    rules:
      - alert: DiskFillsUp
        expr: label_replace(vector(1), "host", "h-ä1", "", "") and on () (vector(time()) > {since} < {until})
        labels: {{severity: warning, playbook: host_disk_full}}
        annotations: {{summary: "{{{{ $labels.host }}}} is full"}}
"""
LABELS = {"alertname": "DiskFillsUp", "host": "h-ä1", "severity": "warning", "playbook": "host_disk_full"}


class Site:
    """An intake over a real journal, behind the real listener."""

    def __init__(self, folder: Path) -> None:
        self.token = folder / "token"
        self.token.write_text("s3cret\n")
        self.ledger = Ledger(SqliteJournal(folder / "data"))
        senders = Senders([IntakeSettings(self.token, ("host_disk_full",))])
        self.intake = Intake(self.ledger, CLOCK, senders)
        app = build_public_app(
            FakeControl(CLOCK.now()),
            PublicSettings(),
            operator_token="operator",
            requests=RequestCounter(CLOCK.monotonic),
            metrics_text=lambda: b"",
            alerts=IntakeApi(self.intake).endpoints(),
        )
        self.server = TestServer(app)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    async def until(self, wanted: AlertState, seconds: float = 30) -> Alert:
        """The one alert that was received, as soon as it is as wanted."""
        for _ in range(int(seconds * 10)):
            found = [alert for alert in self.intake.alerts() if alert.state is wanted]
            if found:
                assert len(self.intake.alerts()) == 1
                return found[0]
            await asyncio.sleep(0.1)
        pytest.fail(f"no alert is {wanted}: {self.intake.alerts()} {self.intake.counts}")


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Site]:
    site = Site(folder)
    await site.server.start_server()
    try:
        yield site
    finally:
        await site.server.close()
        await site.ledger.close()


def rule_file(folder: Path, since: float, until: float) -> Path:
    """A rule that is true between these seconds from now."""
    path, now = folder / "rules.yml", CLOCK.now().timestamp()
    path.write_text(RULES.format(since=now + since, until=now + until))
    return path


async def whole_life(site: Site) -> None:
    """It fires, may ask, is over, and is one alert throughout."""
    fired = await site.until(AlertState.FIRING)
    assert (fired.labels, fired.actionable, fired.source) == (LABELS, True, "evaluator")
    assert fired.fingerprint == fingerprint(LABELS)
    assert fired.annotations["summary"] == "h-ä1 is full"
    over = await site.until(AlertState.RESOLVED)
    assert over.active_at == fired.active_at


async def test_prometheus_takes_us_for_an_alertmanager(
    tmp_path: Path, start_prometheus: Callable[[str], str]
) -> None:
    async with serving(tmp_path) as site:
        # Prometheus finds its Alertmanagers some five seconds after its start, and tells again after a minute only.
        rules = rule_file(tmp_path, 8, 13)
        config = f"""
global: {{evaluation_interval: 1s}}
rule_files: ['{rules}']
alerting:
  alertmanagers:
    - authorization: {{credentials_file: '{site.token}'}}
      static_configs: [{{targets: ['{site.address}']}}]
"""
        await asyncio.to_thread(start_prometheus, config)
        await whole_life(site)


async def test_vmalert_takes_us_for_an_alertmanager(tmp_path: Path, victoria_metrics: str) -> None:
    async with serving(tmp_path) as site:
        port = free_port()
        arguments = [
            binary("vmalert"),
            # VictoriaMetrics answers instant queries for half a minute ago.
            f"-rule={rule_file(tmp_path, -60, 6 - 30)}",
            f"-datasource.url={victoria_metrics}",
            f"-notifier.url=http://{site.address}",
            f"-notifier.bearerTokenFile={site.token}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-evaluationInterval=1s",
            "-disableAlertgroupLabel",
        ]
        health = f"http://127.0.0.1:{port}/health"
        with ExitStack() as stack:
            await asyncio.to_thread(lambda: stack.enter_context(started(arguments, health, tmp_path / "log")))
            await whole_life(site)


@pytest.fixture
def start_alertmanager(tmp_path: Path) -> Iterator[Callable[[Site], str]]:
    """Start an Alertmanager that sends its webhook to the site; answers its base URL."""
    with ExitStack() as stack:

        def start(site: Site) -> str:
            port, config = free_port(), tmp_path / "alertmanager.yml"
            config.write_text(
                f"""
route: {{receiver: fleetmend, group_wait: 1s, group_interval: 1s, group_by: [alertname]}}
receivers:
  - name: fleetmend
    webhook_configs:
      - url: http://{site.address}/api/v2/webhook
        http_config: {{authorization: {{credentials_file: '{site.token}'}}}}
"""
            )
            arguments = [
                binary("prometheus-alertmanager", "alertmanager"),
                f"--config.file={config}",
                f"--storage.path={tmp_path / 'am'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ]
            url = f"http://127.0.0.1:{port}"
            stack.enter_context(started(arguments, f"{url}/-/ready", tmp_path / "alertmanager.log"))
            return url

        yield start


class Alerts:
    """Alerts that the test sets."""

    def __init__(self, *alerts: Alert) -> None:
        self.alerts = alerts

    def to_tell(self) -> list[tuple[Alert, timedelta]]:
        return [(alert, timedelta(seconds=1)) for alert in self.alerts]

    def has_news(self) -> bool:
        return True

    def gate(self) -> Gate:
        return OPEN


@asynccontextmanager
async def notifying(url: str, alerts: Alerts) -> AsyncIterator[None]:
    """A notifier at work, which tells that Alertmanager, and one that is not there."""
    lab = Lab()
    async with aiohttp.ClientSession() as session:
        endpoints = [Endpoint(f"http://127.0.0.1:{free_port()}"), Endpoint(url)]
        outlets = [Outlet(Alertmanager(session, each), CLOCK) for each in endpoints]
        notifier = Notifier(alerts, lab.loop, lab.ledger, outlets, CLOCK, NotifySettings("http://us:8321"))
        running = asyncio.create_task(notifier.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def listed(url: str) -> dict[str, Any]:
    """The one alert that the Alertmanager has."""
    for _ in range(100):
        found = (await asyncio.to_thread(requests.get, f"{url}/api/v2/alerts", timeout=5)).json()
        if found:
            (alert,) = found
            return dict(alert)
        await asyncio.sleep(0.1)
    pytest.fail("the Alertmanager was told of nothing")


async def test_a_round_trip_through_alertmanager(tmp_path: Path, start_alertmanager: Callable[[Site], str]) -> None:
    async with serving(tmp_path) as site:
        url = await asyncio.to_thread(start_alertmanager, site)
        now = CLOCK.now()
        mark = fingerprint(LABELS)
        ours = Alert(mark, "DiskFillsUp", LABELS, AlertState.FIRING, now, 1.0, {"summary": "full"}, fired_at=now)
        alerts = Alerts(ours)
        async with notifying(url, alerts):
            there = await listed(url)
            assert (there["fingerprint"], there["labels"]) == (mark, LABELS)
            assert there["annotations"]["summary"] == "full"
            assert there["annotations"]["fleetmend_explain"] == f"http://us:8321/?alert={mark}"
            assert there["generatorURL"] == f"http://us:8321/?alert={mark}"
            assert abs((datetime.fromisoformat(there["startsAt"]) - now).total_seconds()) < 0.001
            back = await site.until(AlertState.FIRING)
            # The very same alert, and it does not ask: it has asked already.
            assert (back.fingerprint, back.source, back.actionable) == (mark, "alertmanager", False)
            alerts.alerts = (replace(ours, state=AlertState.RESOLVED, resolved_at=CLOCK.now()),)
            await site.until(AlertState.RESOLVED)


async def test_an_alert_that_alertmanager_had_from_elsewhere_asks(
    tmp_path: Path, start_alertmanager: Callable[[Site], str]
) -> None:
    async with serving(tmp_path) as site:
        url = await asyncio.to_thread(start_alertmanager, site)
        told = [{"labels": LABELS, "annotations": {"summary": "full"}}]
        await asyncio.to_thread(requests.post, f"{url}/api/v2/alerts", json=told, timeout=5)
        alert = await site.until(AlertState.FIRING)
        assert (alert.fingerprint, alert.actionable) == (fingerprint(LABELS), True)
