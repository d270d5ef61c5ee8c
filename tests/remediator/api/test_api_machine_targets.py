"""http_sd of machines: where routes lead and nowhere else, for whoever may see the app."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediator.model.machine import Machine, MachineState
from remediator.model.token import Access
from tests.remediator.api.tenants_town import Town, opened_town
from tests.remediator.builders import dead, host

APP, ALL = "/v1/apps/web/sd", "/v1/sd/machines"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened_town(tmp_path) as opened:
        rows = opened.lab.ledger.all(Machine).values()
        await opened.lab.put(host("h1", address="10.77.0.11"), dead("h2"), *(replace(row, port=9000) for row in rows))
        yield opened


async def listed(town: Town, path: str, token: str = "") -> list[dict[str, Any]]:
    async with town.client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {}) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert response.headers["X-Prometheus-Refresh-Interval-Seconds"] == "5"
        found: list[dict[str, Any]] = await response.json()
    return found


def machines(found: list[dict[str, Any]]) -> list[str]:
    return [group["labels"]["machine"] for group in found]


async def test_a_target_is_where_the_machine_listens(town: Town) -> None:
    row = town.lab.ledger.get(Machine, "a1")
    assert row is not None
    labels = {"app": "web", "machine": "a1", "name": row.name, "region": "arn", "host": "h1"}
    assert await listed(town, APP) == [{"targets": ["10.77.0.11:9000"], "labels": labels}]


GONE = [
    {"state": MachineState.DESTROYING}, {"state": MachineState.DESTROYED}, {"adopted": True},
    {"cordoned": True}, {"state": MachineState.STOPPED}, {"port": 0}, {"host": "h2"}, {"host": "nowhere"},
]  # fmt: skip


@pytest.mark.parametrize("change", GONE)
async def test_what_has_no_route_is_no_target(town: Town, change: dict[str, Any]) -> None:
    row = town.lab.ledger.get(Machine, "a1")
    assert row is not None
    await town.lab.put(replace(row, **change))
    _, routes = await town.get("", "/v1/apps/web/routes")
    assert (await listed(town, APP), json.loads(routes)) == ([], [])
    assert machines(await listed(town, ALL)) == ["g1"]


async def test_each_sees_the_targets_of_its_own(town: Town) -> None:
    seen = {
        "acme": await town.token("acme"),
        "globex": await town.token("globex", org="globex"),
        "one app": await town.token("one", app="shop"),
        "monitor": await town.token("eyes", Access.MONITOR),
        "onlooker": "",
    }
    assert {who: machines(await listed(town, ALL, token)) for who, token in seen.items()} == {
        "acme": ["a1"], "globex": ["g1"], "one app": [], "monitor": ["g1", "a1"], "onlooker": ["g1", "a1"],
    }  # fmt: skip
    assert (await town.get(seen["globex"], APP))[0] == 404


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("promtool"), reason="PROMTOOL IS MISSING: its reading of targets is not checked")
async def test_prometheus_discovers_them(town: Town, tmp_path: Path) -> None:
    token, config = tmp_path / "token", tmp_path / "prometheus.yml"
    token.write_text(await town.token("scraper", Access.READ))
    job = {"job_name": "web", "authorization": {"credentials_file": str(token)}}
    url = str(town.client.make_url(APP))
    config.write_text(json.dumps({"scrape_configs": [job | {"http_sd_configs": [{"url": url} | job_auth(token)]}]}))
    words = ("check", "service-discovery", "--timeout=1s", str(config), "web")
    asked = await asyncio.create_subprocess_exec("promtool", *words, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(asked.communicate(), 20)
    (found,) = json.loads(out)
    assert found["labels"]["instance"] == "10.77.0.11:9000"
    assert found["labels"]["machine"] == "a1"


def job_auth(token: Path) -> dict[str, Any]:
    """Prometheus shows no token to service discovery but the one named there."""
    return {"authorization": {"credentials_file": str(token)}}
