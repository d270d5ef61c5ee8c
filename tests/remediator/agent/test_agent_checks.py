"""Health checks: read from a config, tried against what listens, told when their status changes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.agent.checks import Wish, tried, wishes
from remediator.agent.trial import Trial, on_trial, running, serving
from remediator.model.check import CheckStatus
from tests.store_lab import free_port

HTTP = Wish("alive", "http", timedelta(seconds=1), timedelta(seconds=0.3), timedelta(), path="/well")


def test_checks_of_a_config_and_of_its_services_are_read() -> None:
    config = {
        "checks": {
            "alive": {"type": "http", "path": "well", "interval": "5s", "timeout": 1_000_000_000, "method": "head"},
            "odd": "nonsense",
        },
        "services": [{"internal_port": 8080, "checks": [{"type": "tcp", "grace_period": "1m"}, None]}, "odd"],
    }
    alive, odd, service, none = wishes(config)
    assert (alive.kind, alive.path, alive.interval, alive.timeout, alive.method) == (
        "http", "/well", timedelta(seconds=5), timedelta(seconds=1), "HEAD",
    )  # fmt: skip
    assert (odd.kind, odd.interval, odd.method) == ("tcp", timedelta(seconds=15), "GET")
    assert (service.name, service.grace) == ("servicecheck-00-tcp-8080", timedelta(minutes=1))
    assert none.kind == "tcp"


@pytest.mark.parametrize("config", [{}, {"checks": []}, {"checks": None, "services": {}}, {"services": [{}]}])
def test_what_asks_for_nothing_is_not_checked(config: dict[str, Any]) -> None:
    assert list(wishes(config)) == []


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def well(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("X-Probe") == "yes" else 503, text="swordfish")

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    app = web.Application()
    app.router.add_get("/well", well)
    app.router.add_get("/slow", slow)
    opened = TestServer(app)
    async with opened:
        yield opened


async def test_tries_end_in_what_is_so(server: TestServer) -> None:
    def wish(**more: Any) -> Wish:
        return Wish(**{**{name: getattr(HTTP, name) for name in HTTP.__slots__}, **more})

    port = server.port or 0
    async with aiohttp.ClientSession() as http:
        good = wish(headers=(("X-Probe", "yes"),))
        assert await tried(http, good, "127.0.0.1", port) == (CheckStatus.PASSING, "answered 200")
        assert await tried(http, wish(), "127.0.0.1", port) == (CheckStatus.CRITICAL, "answered 503")
        slow = CheckStatus.CRITICAL, "no answer within 0.3 s"
        assert await tried(http, wish(path="/slow"), "127.0.0.1", port) == slow
        assert await tried(http, wish(kind="tcp"), "127.0.0.1", port) == (CheckStatus.PASSING, "connected")
        nobody = free_port()
        for kind in ("tcp", "http"):
            assert (await tried(http, wish(kind=kind), "127.0.0.1", nobody))[1] == "no connection"


@pytest.mark.slow
async def test_a_real_agent_tells_how_its_machines_are() -> None:
    checks = {"alive": {"type": "http", "path": "/", "interval": "1s", "grace_period": "10s"}}
    deaf = {"deaf": {"type": "tcp", "interval": "1s", "grace_period": "1s"}}
    async with on_trial() as host:
        await host.create("m1", serving(checks=checks))
        await host.create("m2", running("exec sleep 600", checks=deaf))
        await host.fake.until(lambda: status(host, "m1") == "passing")
        await host.fake.until(lambda: status(host, "m2") == "critical")
        assert host.fake.machines["m2"]["checks"][0]["output"] == "no connection"
        await host.send("stop", machine_id="m1")
        await host.until("m1", checks=[])


def status(host: Trial, machine: str) -> str:
    checks = host.fake.machines.get(machine, {}).get("checks") or [{"status": ""}]
    return str(checks[0]["status"])
