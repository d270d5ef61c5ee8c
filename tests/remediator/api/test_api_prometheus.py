"""Prometheus' API for rules and alerts: numbers, expressions, kinds, and what has no rule of ours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.alerts.prometheus import PrometheusApi, exponent, one_line
from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.model.alert import Alert, AlertState, Group, Rule
from tests.remediator.api.conftest import NOW, Client
from tests.remediator.builders import SECOND, alert


@dataclass(frozen=True)
class Seen:
    """A rule as the evaluator tells of it."""

    rule: Rule
    health: str = "unknown"
    last_error: str = ""
    evaluated_at: Any = None
    seconds: float = 0.0
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True)
class SeenGroup:
    group: Group
    rules: tuple[Seen, ...]
    last_slot: Any = None
    seconds: float = 0.0


FIRING = alert("h1", labels={"alertname": "Sick", "host": "h1"}, value=0.05)
KEPT = replace(FIRING, fingerprint="f2", keep_since=FIRING.active_at)
OVER = replace(FIRING, fingerprint="f3", state=AlertState.RESOLVED)
RECEIVED = replace(FIRING, fingerprint="f4", source="evaluator", value=1.0)
SICK = Rule("g", "Sick", "up==0", hold_for=90 * SECOND, labels={"severity": "page"})
RECORDED = Rule("g", "job:up:sum", "sum(up)by(job)", recording=True)
VIEWS = (
    SeenGroup(Group("z", "b.yml", SECOND / 2, (SICK,)), (Seen(SICK),)),
    SeenGroup(
        Group("g", "a.yml", SECOND, (SICK, RECORDED), limit=5),
        (Seen(SICK, "err", "store away", NOW, 0.25, (FIRING, KEPT, OVER)), Seen(RECORDED, "ok", "", NOW, 0.5)),
        NOW,
        1.5,
    ),
)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    api = PrometheusApi(lambda: VIEWS, lambda: (RECEIVED, replace(RECEIVED, fingerprint=FIRING.fingerprint)), "1.2.3")
    app = build_public_app(
        FakeControl(NOW),
        PublicSettings(),
        operator_token="operator",
        requests=RequestCounter(lambda: 0.0),
        metrics_text=lambda: b"",
        alerts=api.endpoints(),
    )
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def got(client: Client, path: str) -> dict[str, Any]:
    async with client.get(path) as answer:
        told: dict[str, Any] = await answer.json()
        assert (answer.status, told["status"]) == (200, "success")
        return dict(told["data"])


async def test_groups_come_by_file_with_all_their_rules(client: Client) -> None:
    first, second = (await got(client, "/api/v1/rules"))["groups"]
    assert {key: first[key] for key in ("name", "file", "interval", "limit", "evaluationTime", "lastEvaluation")} == {
        "name": "g",
        "file": "a.yml",
        "interval": 1,
        "limit": 5,
        "evaluationTime": 1.5,
        "lastEvaluation": "2026-08-10T03:12:05Z",
    }
    assert (second["interval"], second["lastEvaluation"]) == (0.5, "0001-01-01T00:00:00Z")
    sick, recorded = first["rules"]
    assert recorded == {
        "name": "job:up:sum",
        "query": "sum by (job) (up)",
        "health": "ok",
        "evaluationTime": 0.5,
        "lastEvaluation": "2026-08-10T03:12:05Z",
        "type": "recording",
    }
    assert (sick["state"], sick["health"], sick["lastError"], sick["duration"]) == ("firing", "err", "store away", 90)
    assert sick["alerts"][0] == {
        "labels": {"alertname": "Sick", "host": "h1"},
        "annotations": {},
        "state": "firing",
        "activeAt": "2026-08-01T12:00:00Z",
        "value": "5e-02",
    }
    assert sick["alerts"][1]["keepFiringSince"] == "2026-08-01T12:00:00Z"
    assert len(sick["alerts"]) == 2
    assert second["rules"][0]["state"] == "inactive"
    assert "lastError" not in second["rules"][0]


@pytest.mark.parametrize(("kind", "types"), [("alert", ["alerting"]), ("record", ["recording"])])
async def test_one_kind_of_rules(client: Client, kind: str, types: list[str]) -> None:
    first, *_ = (await got(client, f"/api/v1/rules?type={kind}"))["groups"]
    assert [rule["type"] for rule in first["rules"]] == types


async def test_another_kind_is_refused_as_prometheus_does(client: Client) -> None:
    async with client.get("/api/v1/rules?type=foo") as answer:
        assert answer.status == 400
        assert await answer.json() == {
            "status": "error",
            "errorType": "bad_data",
            "error": 'invalid parameter "type": not supported value "foo"',
        }


async def test_all_alerts_ours_and_others_each_once(client: Client) -> None:
    values = [each["value"] for each in (await got(client, "/api/v1/alerts"))["alerts"]]
    assert values == ["5e-02", "5e-02", "1e+00"]


async def test_who_asks_for_the_version_is_told_ours(client: Client) -> None:
    told = await got(client, "/api/v1/status/buildinfo")
    assert told["version"] == "1.2.3"
    assert set(told) == {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1e+00"),
        (0.05, "5e-02"),
        (-1.5e-7, "-1.5e-07"),
        (123456789.25, "1.2345678925e+08"),
        (0.0, "0e+00"),
        (1e100, "1e+100"),
        (5e-324, "5e-324"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_as_go_prints_them(value: float, text: str) -> None:
    assert exponent(value) == text


def test_expressions_on_one_line() -> None:
    long = " and ".join(f"sum by (host)\n  (rate(some_quite_long_metric_name_{n}[5m])) > {n}" for n in range(4))
    assert one_line(long) == " and ".join(
        f"sum by (host) (rate(some_quite_long_metric_name_{n}[5m])) > {n}" for n in range(4)
    )
    assert one_line('x{a="1000000"}[5m] offset 1h > 1e6') == 'x{a="1000000"}[5m] offset 1h > 1e6'
    assert one_line('rate(x:1{a="1000000"}[5m]) > 1000000') == 'rate(x:1{a="1000000"}[5m]) > 1e+06'
    assert one_line("not\n  promql (") == "not promql ("
