"""A public and a fleet listener over a fake control, in the middle of a bad night."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.discovery import VantagePlace
from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.fleet import build_fleet_app
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from tests.remediator.api.people_site import Site, opened_site

TOKEN = "operator-token-for-tests"
NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def control() -> FakeControl:
    return troubled_control(NOW)


@pytest.fixture
def requests_seen() -> RequestCounter:
    ticks: Iterator[int] = count()
    return RequestCounter(lambda: float(next(ticks)))


@pytest.fixture
async def client(control: FakeControl, requests_seen: RequestCounter) -> AsyncIterator[Client]:
    """The public listener."""
    app = build_public_app(
        control,
        PublicSettings(orchestrator_targets=("127.0.0.1:9200",), remediator_targets=("127.0.0.1:8321",)),
        operator_token=TOKEN,
        requests=requests_seen,
        metrics_text=lambda: b"fleetmend_gate_open 1\n",
        vantages=lambda: [VantagePlace("p-r1", "arn", "r1", "10.77.0.2:9115")],
    )
    async with TestClient(TestServer(app)) as opened:
        yield opened


@pytest.fixture
async def fleet_client(control: FakeControl) -> AsyncIterator[Client]:
    """The fleet listener."""

    async def socket(_: web.Request) -> web.StreamResponse:
        return web.Response(text="agent socket")

    async with TestClient(TestServer(build_fleet_app(control, socket))) as opened:
        yield opened


@pytest.fixture
def operator() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The public listener over the real desk."""
    async with opened_site(tmp_path) as opened:
        yield opened
