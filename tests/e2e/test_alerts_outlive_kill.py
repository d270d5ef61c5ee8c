"""kill -9 of a whole remediator in the middle of ``for``: its alerts go on where they were, and are earned again."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.clock import SystemClock
from remediator.sources.blocks import DOUBLE, compressed, head, tail
from remediator.sources.write_back import HEADERS
from tests.e2e.one_process import Running, fresh_folder, start
from tests.store_lab import query

pytestmark = pytest.mark.store

# A restart on a busy machine takes some seconds of it.
FOR = 12
RULES = f"""groups:
- name: killed
  interval: 1s
  rules:
  - alert: Slow
    expr: killed_value > 0
    for: {FOR}s
    labels: {{severity: warning, playbook: none}}
  - alert: Quick
    expr: killed_value > 0
    labels: {{severity: warning, playbook: none}}
"""
CLOCK = SystemClock()


def push(store: str, value: float) -> None:
    body = head({"__name__": "killed_value", "host": "h1"}) + DOUBLE.pack(value) + tail(CLOCK.now())
    requests.post(f"{store}/api/v1/write", data=compressed(body), headers=HEADERS, timeout=5).raise_for_status()


class Site:
    """A remediator over a real store, which can be killed and started again."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self.ours: Running = start(folder)

    def kill(self) -> None:
        self.ours.process.send_signal(signal.SIGKILL)
        self.ours.process.wait(10)

    def again(self) -> None:
        self.ours = start(self.folder)

    def alerts(self) -> dict[str, dict[str, Any]]:
        status = requests.get(f"{self.ours.url}/v1/status", timeout=5).json()
        return {alert["name"]: alert for alert in status["alerts"]}

    def until(self, name: str, state: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.perf_counter() + seconds
        while (found := self.alerts().get(name, {})).get("state") != state:
            assert time.perf_counter() < deadline, json.dumps(self.alerts())
            push(self.store, 1)
            time.sleep(0.2)
        return found


@pytest.fixture
def site(tmp_path: Path, own_victoria_metrics: "tuple[str, subprocess.Popen[bytes]]") -> Iterator[Site]:
    store, _ = own_victoria_metrics
    folder = fresh_folder(tmp_path)
    settings = folder / "fleetmend.yml"
    settings.write_text(settings.read_text().replace("store_url: http://127.0.0.1:1", f"store_url: {store}"))
    (folder / "rules" / "alerts" / "killed.yml").write_text(RULES)
    push(store, 1)
    made = Site(folder, store)
    yield made
    made.ours.process.kill()
    made.ours.process.wait(10)


def test_nothing_resets_for_display_and_what_may_be_acted_upon_is_earned_again(site: Site) -> None:
    began = site.until("Slow", "pending")
    fired = site.until("Quick", "firing")
    # Written at most half a second after it moved.
    time.sleep(1.5)
    site.kill()
    site.again()
    after = site.alerts()
    assert (after["Slow"]["state"], after["Slow"]["active_at"]) == ("pending", began["active_at"])
    assert (after["Quick"]["state"], after["Quick"]["active_at"]) == ("firing", fired["active_at"])
    assert after["Quick"]["fired_at"] == fired["fired_at"]
    assert not after["Quick"]["actionable"]
    firing = site.until("Slow", "firing")
    waited = datetime.fromisoformat(firing["fired_at"]) - datetime.fromisoformat(began["active_at"])
    assert firing["active_at"] == began["active_at"]
    assert waited.total_seconds() >= FOR
    assert not firing["actionable"]
    # In the store it is one line: since when does not change.
    (since,) = query(site.store, 'ALERTS_FOR_STATE{alertname="Slow"}')
    assert float(since["value"][1]) == int(datetime.fromisoformat(began["active_at"]).timestamp())


def test_what_resolved_while_nobody_looked_is_told_and_ends_in_the_store(site: Site) -> None:
    site.until("Quick", "firing")
    time.sleep(1.5)
    site.kill()
    push(site.store, 0)
    time.sleep(1.5)
    site.again()
    deadline = time.perf_counter() + 20
    while site.alerts()["Quick"]["state"] != "resolved" or query(site.store, 'ALERTS{alertname="Quick"}'):
        assert time.perf_counter() < deadline, json.dumps(site.alerts())
        push(site.store, 0)
        time.sleep(0.2)
    assert datetime.fromisoformat(site.alerts()["Quick"]["resolved_at"]) < CLOCK.now()
