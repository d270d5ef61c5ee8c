"""Alerts over HTTP: who may post, which shapes are taken, and everything that is wrong with the others."""

import gzip
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.alerts.intake import LARGEST_POST, IntakeApi
from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.clock import SystemClock
from remediator.journal.memory import MemoryJournal
from remediator.model.alert import Alert, AlertState
from remediator.runtime.alerts.intake import Intake
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger
from remediator.settings import IntakeSettings
from tests.remediator.api.conftest import NOW, Client

MAY = {"Authorization": "Bearer prom"}
LABELS = {"alertname": "HostDead", "host": "h1", "playbook": "host_dead"}
STARTED = "2026-08-10T03:12:00.123Z"
# As Alertmanager 0.25 sends it.
WEBHOOK: dict[str, Any] = {
    "receiver": "fleetmend",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": LABELS,
            "annotations": {"summary": "h1 is silent"},
            "startsAt": STARTED,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus/graph",
            "fingerprint": "0123456789abcdef",
        }
    ],
    "groupLabels": {},
    "commonLabels": LABELS,
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
}
GRAFANA = WEBHOOK | {"orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "text", "version": "1"}


def made(folder: Path, *entries: IntakeSettings) -> Intake:
    (folder / "prom").write_text("prom\n")
    (folder / "guest").write_text("guest\n")
    return Intake(Ledger(MemoryJournal()), SystemClock(), Senders(entries))


def client_of(intake: Intake) -> Client:
    app = build_public_app(
        FakeControl(NOW),
        PublicSettings(),
        operator_token="operator",
        requests=RequestCounter(lambda: 0.0),
        metrics_text=lambda: b"",
        alerts=IntakeApi(intake).endpoints(),
    )
    return TestClient(TestServer(app))


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return made(tmp_path, IntakeSettings(tmp_path / "prom", ("host_dead",)), IntakeSettings(tmp_path / "guest"))


@pytest.fixture
async def client(intake: Intake) -> AsyncIterator[Client]:
    async with client_of(intake) as opened:
        yield opened


async def posted(client: Client, value: Any, path: str = "/api/v2/alerts", **more: Any) -> tuple[int, dict[str, Any]]:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    headers = MAY | more.pop("headers", {})
    async with client.post(path, data=io.BytesIO(body), headers=headers, **more) as answer:
        return answer.status, await answer.json()


def of(intake: Intake) -> Alert:
    (alert,) = intake.alerts()
    return alert


async def test_without_intake_in_the_settings_nobody_may_post(tmp_path: Path) -> None:
    async with client_of(made(tmp_path)) as client:
        status, told = await posted(client, [{"labels": LABELS}])
    assert status == 403
    assert "fleetmend.yml" in told["error"]


@pytest.mark.parametrize("offered", ["Bearer wrong", "Bearer ", "Basic cHJvbQ==", "Bearer operator", ""])
async def test_without_its_token_nothing_is_taken(client: Client, intake: Intake, offered: str) -> None:
    status, _ = await posted(client, [{"labels": LABELS}], headers={"Authorization": offered})
    assert status == 401
    assert intake.alerts() == ()


async def test_prometheus_posts(client: Client, intake: Intake) -> None:
    told = {"labels": LABELS, "annotations": {"summary": "x"}, "startsAt": STARTED, "generatorURL": "http://p"}
    status, answer = await posted(client, [told | {"endsAt": "2126-08-10T03:16:00Z"}])
    assert (status, answer["status"], answer["new"], answer["warnings"]) == (200, "success", 1, [])
    alert = of(intake)
    assert (alert.state, alert.actionable, alert.source) == (AlertState.FIRING, True, "evaluator")
    assert alert.active_at == datetime(2026, 8, 10, 3, 12, 0, 123000, UTC)


@pytest.mark.parametrize(("body", "teller"), [(WEBHOOK, "alertmanager"), (GRAFANA, "grafana")])
async def test_webhooks_post(client: Client, intake: Intake, body: dict[str, Any], teller: str) -> None:
    assert (await posted(client, body, "/api/v2/webhook"))[0] == 200
    assert (of(intake).state, of(intake).source) == (AlertState.FIRING, teller)
    over = WEBHOOK["alerts"][0] | {"status": "resolved", "endsAt": "2026-08-10T03:20:00Z"}
    status, answer = await posted(client, body | {"status": "resolved", "alerts": [over]}, "/api/v2/webhook")
    assert (status, answer["resolved"]) == (200, 1)
    assert of(intake).state is AlertState.RESOLVED


async def test_a_webhook_that_was_cut_is_warned_of(client: Client, intake: Intake) -> None:
    _, answer = await posted(client, WEBHOOK | {"truncatedAlerts": 7}, "/api/v2/webhook")
    assert answer["warnings"] == ["7 alerts were left out by their sender"]
    assert intake.counts["truncated"] == 7


async def test_who_may_not_ask_for_the_playbook_is_told_so(client: Client, intake: Intake) -> None:
    status, answer = await posted(client, [{"labels": LABELS}], headers={"Authorization": "Bearer guest"})
    assert status == 200
    assert answer["warnings"] == ["HostDead: this token may not ask for host_dead: shown only"]
    assert not of(intake).actionable


async def test_what_is_wrong_is_told_all_at_once_and_the_good_is_taken(client: Client, intake: Intake) -> None:
    wrong: list[Any] = [
        {"labels": LABELS},
        {"labels": {"1a": "x"}, "startsAt": "2026-08-10T03:12:00Z", "endsAt": "2026-08-10T03:11:00Z"},
        {"labels": {"a": 5}, "startsAt": "yesterday", "endsAt": "2026-08-10T03:12:00"},
        "text",
        {"annotations": {}},
        {"labels": {"empty": ""}},
        {"labels": {"big": "x" * 20_000}},
    ]
    status, answer = await posted(client, wrong)
    assert (status, answer["accepted"]) == (400, 1)
    assert of(intake).name == "HostDead"
    places = {problem.partition(": ")[0] for problem in answer["problems"]}
    expected = {"[1].labels", "[1]", "[2].labels", "[2].startsAt", "[2].endsAt", "[3]", "[4].labels", "[5].labels"}
    assert places == {*expected, "[6].labels"}
    assert answer["error"].endswith("more")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/v2/alerts", b"{", "not JSON"),
        ("/api/v2/alerts", b"\xff[]", "not JSON"),
        ("/api/v2/alerts", b'{"alerts": []}', "JSON array"),
        ("/api/v2/alerts", b"[" * 100_000, "nested too deep"),
        ("/api/v2/webhook", b"[]", "JSON object"),
        ("/api/v2/webhook", b'{"version": "4"}', "alerts: must be a list"),
        ("/api/v2/webhook", b'{"alerts": [{"labels": 1}], "truncatedAlerts": "x"}', "truncatedAlerts"),
    ],
)
async def test_other_bodies_are_refused_with_words(client: Client, path: str, body: bytes, words: str) -> None:
    status, answer = await posted(client, body, path)
    assert status == 400
    assert words in answer["error"]


async def test_a_body_that_is_too_large_is_refused_packed_or_not(client: Client, intake: Intake) -> None:
    large = b"[" + b" " * LARGEST_POST + b"]"
    assert (await posted(client, large))[0] == 413
    assert (await posted(client, gzip.compress(large), headers={"Content-Encoding": "gzip"}))[0] == 413
    small = gzip.compress(msgspec.json.encode([{"labels": LABELS}]))
    assert (await posted(client, small, headers={"Content-Encoding": "gzip"}))[0] == 200


async def test_an_alert_that_went_out_from_us_does_not_ask_when_it_comes_back(client: Client, intake: Intake) -> None:
    back = WEBHOOK["alerts"][0] | {"annotations": {"fleetmend_explain": "http://us/v1/explain/h1"}}
    await posted(client, WEBHOOK | {"alerts": [back]}, "/api/v2/webhook")
    assert replace(of(intake), actionable=False) == of(intake)
