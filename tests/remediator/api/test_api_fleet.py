"""The fleet listener: enrolment and probe reports."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.control import ProbeTarget
from remediator.api.fakes.control import FakeControl
from remediator.model.evidence import Outcome

Client = TestClient[web.Request, web.Application]
REPORT: dict[str, Any] = {
    "vantage": "p-r1",
    "region": "arn",
    "rack": "r1",
    "address": "10.77.0.2:9115",
    "health": {"loop_lag_seconds": 0.001, "gateway": "ok"},
    "results": [
        {"host": "h1", "outcome": "ok", "seconds": 0.0012, "age_seconds": 0.2},
        {"host": "h2", "outcome": "wrong_answer", "seconds": 0.8, "age_seconds": 0.1},
    ],
}
MINE = {"Authorization": "Bearer vantage-token"}


@pytest.fixture(autouse=True)
def vantage(control: FakeControl) -> None:
    control.vantage_tokens = {"vantage-token": "p-r1"}
    control.targets = [ProbeTarget("h1", "arn", "r1", "10.77.0.11", 9080)]


async def test_a_report_is_taken_and_answered_with_the_assignment(fleet_client: Client, control: FakeControl) -> None:
    async with fleet_client.post("/internal/probes", json=REPORT, headers=MINE) as response:
        assert response.status == 200
        told = await response.json()
    target = {"host": "h1", "region": "arn", "rack": "r1", "address": "10.77.0.11", "port": 9080}
    assert told == {
        "targets": [{**target, "kind": "http", "path": "/healthz", "expect": "ok"}],
        "interval_seconds": 1.0,
        "timeout_seconds": 0.8,
    }
    report = control.reports[0]
    assert (report.vantage, report.loop_lag_seconds, report.gateway) == ("p-r1", 0.001, "ok")
    assert [result.outcome for result in report.results] == [Outcome.OK, Outcome.WRONG]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
async def test_who_is_no_vantage_is_not_heard(
    fleet_client: Client, control: FakeControl, headers: dict[str, str]
) -> None:
    async with fleet_client.post("/internal/probes", json=REPORT, headers=headers) as response:
        assert response.status == 401
    assert control.reports == []


async def test_no_vantage_speaks_for_another(fleet_client: Client, control: FakeControl) -> None:
    async with fleet_client.post("/internal/probes", json={**REPORT, "vantage": "p-r2"}, headers=MINE) as response:
        assert response.status == 403
    assert control.reports == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"vantage": "p-r1"}',
        b'{"vantage": 1, "region": "", "rack": "", "address": ""}',
        b'{"vantage": "p-r1", "region": "", "rack": "", "address": "", "results": [{"host": "h", "outcome": ""}]}',
        b'{"vantage": "p-r1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff",
    ],
)
async def test_what_is_no_report_is_400(fleet_client: Client, control: FakeControl, body: bytes) -> None:
    async with fleet_client.post("/internal/probes", data=body, headers=MINE) as response:
        assert response.status == 400
        assert "no probe report" in (await response.json())["error"]
    assert control.reports == []


async def test_a_prober_joins_with_its_token(fleet_client: Client, control: FakeControl) -> None:
    body = {"token": "secret-for-p-r2.0123", "kind": "vantage", "name": "p-r2", "region": "arn", "rack": "r2"}
    async with fleet_client.post("/internal/join", json=body) as response:
        assert (response.status, await response.json()) == (200, {"token": "vantage-p-r2"})
    assert control.joins[0].name == "p-r2"


async def test_an_agent_joins_with_its_keys(fleet_client: Client, control: FakeControl) -> None:
    body = {
        "token": "secret-for-h7.0123", "kind": "agent", "name": "h7", "region": "arn", "rack": "r2",
        "verify_key": "dg==", "box_key": "Yg==", "identity": {"uuid": "u", "data_id": "d"},
    }  # fmt: skip
    async with fleet_client.post("/internal/join", json=body) as response:
        assert response.status == 200
    assert (control.joins[0].box_key, control.joins[0].identity["uuid"]) == ("Yg==", "u")


async def test_a_wrong_join_token_is_403(fleet_client: Client) -> None:
    body = {"token": "guessed", "kind": "vantage", "name": "p-r2", "region": "arn", "rack": "r2"}
    async with fleet_client.post("/internal/join", json=body) as response:
        assert response.status == 403
        assert "guessed" not in (await response.json())["error"]


async def test_a_join_without_kind_is_400(fleet_client: Client) -> None:
    async with fleet_client.post("/internal/join", json={"token": "x", "kind": "king"}) as response:
        assert response.status == 400
        assert len((await response.json())["problems"]) == 4


async def test_agents_get_their_socket_and_everybody_the_health(fleet_client: Client) -> None:
    async with fleet_client.get("/internal/agent") as response:
        assert await response.text() == "agent socket"
    async with fleet_client.get("/healthz") as response:
        assert await response.text() == "ok"
    async with fleet_client.get("/v1/status") as response:
        assert response.status == 404
