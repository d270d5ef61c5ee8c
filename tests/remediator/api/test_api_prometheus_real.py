"""The same rule files in Prometheus 2.42 and here: the API says the same of rules and alerts, but for the times."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp.test_utils import TestClient, TestServer

from remediator.actions import ACTIONS
from remediator.api.alerts.prometheus import PrometheusApi
from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.clock import SystemClock
from remediator.model.evidence import Gate
from remediator.policy.load import load_policy
from remediator.sources.evaluator import Evaluator
from remediator.sources.slots import group_key
from remediator.sources.store import Store
from tests.remediator.api.conftest import NOW

pytestmark = pytest.mark.store

CLOCK = SystemClock()
SHIPPED = Path(__file__).parents[3] / "rules"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MORE = """
groups:
  - name: of_every_kind
    interval: 1s
    limit: 7
    rules:
      - record: region:things:sum
        expr: sum by (region)(things)
        labels: {team: storage}
      - record: things:count
        expr: count(things)
      - alert: Fires
        expr: label_replace(vector(0.1), "host", "h1", "", "")*3
        labels: {severity: warning, playbook: none}
        annotations: {summary: "{{ $labels.host }}: {{ $value | humanize }}"}
      - alert: Waits
        expr: vector(1) > bool 0
        for: 1h30m
        labels: {playbook: none}
        keep_firing_for: 90s
      - alert: Huge
        expr: vector(1e20) * 10 > 0.00000012 < 1e6*1.5E300 < Inf or label_replace(vector(-Inf), "a", "b", "", "")
        for: 0s
        labels: {playbook: none}
      - alert: Fails
        expr: (vector(1) or TWICE) * on () (vector(1) or TWICE)
        labels: {playbook: none}
""".replace("TWICE", 'label_replace(vector(1), "a", "b", "", "")')


async def test_rules_and_alerts_are_told_as_prometheus_tells_them(
    tmp_path: Path, start_prometheus: Callable[[str], str]
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    # What it adds to Prometheus is of our own making.
    (folder / "outcomes.yml").unlink(missing_ok=True)
    (folder / "alerts" / "more.yml").write_text(MORE)
    for file in (folder / "alerts").glob("*.yml"):
        # Nobody wants to wait for a rule of each minute.
        file.write_text(re.sub(r"interval: \w+", "interval: 1s", file.read_text()))
    config = f"{{global: {{evaluation_interval: 1s}}, rule_files: ['{folder}/alerts/*.yml']}}"
    url = await asyncio.to_thread(start_prometheus, config)
    evaluator = Evaluator(load_policy(folder, ACTIONS).groups, Store(url), CLOCK, opened)
    for group in evaluator.groups:
        await evaluator.run_group(group_key(group), CLOCK.now())
    theirs = await asyncio.to_thread(settled, url)
    api = PrometheusApi(evaluator.views, tuple, "0")
    app = build_public_app(
        FakeControl(NOW),
        PublicSettings(),
        operator_token="operator",
        requests=RequestCounter(lambda: 0.0),
        metrics_text=lambda: b"",
        alerts=api.endpoints(),
    )
    async with TestClient(TestServer(app)) as client:
        for path in ("/api/v1/rules", "/api/v1/rules?type=alert", "/api/v1/rules?type=record", "/api/v1/alerts"):
            async with client.get(path) as answer:
                ours = normal(await answer.json())
            assert_same(ours, normal(await asyncio.to_thread(told, url + path)))
        async with client.get("/api/v1/status/buildinfo") as answer:
            built = await asyncio.to_thread(told, f"{url}/api/v1/status/buildinfo")
            assert set((await answer.json())["data"]) == set(built["data"])
    assert theirs["groups"]


def assert_same(ours: Any, theirs: Any) -> None:
    """Part by part, for a difference that can be read."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for name, value in ours.items():
            assert_same(value, theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    else:
        assert ours == theirs


def told(url: str) -> Any:
    return requests.get(url, timeout=5).json()


def opened() -> Gate:
    return Gate(open=True, reason="", since=CLOCK.now())


def settled(url: str) -> dict[str, Any]:
    """What Prometheus tells once it has evaluated every rule; groups of minutes take their time."""
    for _ in range(900):
        data = requests.get(f"{url}/api/v1/rules", timeout=5).json()["data"]
        if all(rule["health"] != "unknown" for group in data["groups"] for rule in group["rules"]):
            return dict(data)
        time.sleep(0.1)
    pytest.fail("Prometheus has not evaluated all rules within 90 s")


def normal(value: Any, key: str = "") -> Any:
    """The same without what differs between any two evaluations: moments, durations, places of files."""
    match value:
        case dict():
            return {name: normal(inner, name) for name, inner in value.items()}
        case list():
            inner = [normal(each) for each in value]
            return sorted(inner, key=lambda each: json.dumps(each, sort_keys=True)) if key == "alerts" else inner
        case str() if key in ("lastEvaluation", "activeAt", "keepFiringSince"):
            assert MOMENT.fullmatch(value)
            return "moment"
        case str() if key == "file":
            return Path(value).name
        case str() if key == "lastError":
            return "error"
        case float() | int() if key == "evaluationTime":
            return "seconds"
        case _:
            return value
