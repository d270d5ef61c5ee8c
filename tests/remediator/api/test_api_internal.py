"""What machines ask of us: state, discovery, metrics, health."""

from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.control import Placements, Undead
from remediator.api.fakes.control import FakeControl
from remediator.api.requests import RequestCounter
from remediator.model.host import Life
from remediator.model.request import DestroyStage

Client = TestClient[web.Request, web.Application]


async def get(client: Client, path: str) -> Any:
    headers = {"Authorization": "Bearer operator-token-for-tests"}
    async with client.get(path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_state_has_the_contracted_shape(client: Client) -> None:
    doc = await get(client, "/internal/state")
    assert set(doc) == {
        "sequence", "unchanged", "hosts", "machines", "volumes", "destroys", "migrations", "bursts", "loans",
        "placement", "api", "undead", "deploys",
    }  # fmt: skip
    assert doc["unchanged"] is False
    host = doc["hosts"][0]
    assert set(host) == {
        "name", "region", "rack", "role", "provider", "status", "life", "cordoned", "version", "capacity", "free",
    }  # fmt: skip
    assert host["capacity"] == {"cpus": 8.0, "memory_mb": 4096, "disk_mb": 2048}
    assert host["free"] == {"cpus": 3.0, "memory_mb": 2816, "disk_mb": 2048}
    assert set(doc["machines"][0]) == {"id", "app", "host", "region", "state", "recovery", "condemned", "routable"}
    assert set(doc["volumes"][0]) == {"id", "app", "host", "region", "state", "size_mb", "used_bytes", "snapshot_at"}
    assert doc["destroys"][0]["stage"] == "blocked"
    assert doc["migrations"] == [{"id": "m1", "stage": "copying", "region": "iad"}]
    assert doc["bursts"] == [{"id": "b1", "region": "arn", "stage": "provisioning"}]
    assert doc["placement"]["failures"] == [{"region": "arn", "reason": "memory", "count": 2}]
    assert doc["placement"]["unmet"] == [{"region": "arn", "count": 2}, {"region": "iad", "count": 0}]
    assert doc["undead"] == [{"host": "h5", "region": "iad", "machines": 2, "seconds_total": 3.4}]
    assert doc["deploys"] == [{"version": "0.1.0", "at": 1786331525.0}]


async def test_snapshot_ages_come_from_the_newest_good_one(client: Client) -> None:
    doc = await get(client, "/internal/state")
    ages = {volume["id"]: volume["snapshot_at"] for volume in doc["volumes"]}
    assert ages == {"vol_jo4v4mv88keymd0n": 1786331525.0 - 17 * 3600, "vol_jyx9x59me85w8exr": None}


async def test_state_says_unchanged_until_something_changes(client: Client, control: FakeControl) -> None:
    first = (await get(client, "/internal/state"))["sequence"]
    assert await get(client, f"/internal/state?since={first}") == {"sequence": first, "unchanged": True}
    control.placed = Placements({"arn": 9}, {}, {})
    second = await get(client, f"/internal/state?since={first}")
    assert (second["sequence"], second["unchanged"]) == (first + 1, False)


async def test_api_counts_and_undead_seconds_are_changes_too(client: Client, control: FakeControl) -> None:
    first = (await get(client, "/internal/state"))["sequence"]
    await get(client, "/v1/apps/web/machines")
    second = await get(client, f"/internal/state?since={first}")
    [row] = second["api"]
    buckets = row.pop("buckets")
    assert row == {"operation": "machines.list", "version": "0.1.0", "code": "200", "count": 1, "seconds": 1.0}
    assert buckets[0] == [0.005, 0]
    assert [count for bound, count in buckets if bound >= 1] == [1] * 4
    control.seen_undead = {"h5": Undead(2, 4.4)}
    assert (await get(client, f"/internal/state?since={second['sequence']}"))["unchanged"] is False


async def test_destroys_that_are_done_are_left_out(client: Client, control: FakeControl) -> None:
    done = {name: replace(each, stage=DestroyStage.VERIFIED_ABSENT) for name, each in control.world.destroys.items()}
    control.world = replace(control.world, destroys=done)
    assert (await get(client, "/internal/state"))["destroys"] == []


async def test_requests_are_counted_by_operation_and_code(
    client: Client, requests_seen: RequestCounter, operator: dict[str, str]
) -> None:
    await get(client, "/v1/apps/web/machines")
    await get(client, "/v1/apps/db/machines")
    async with client.get("/v1/apps/web/machines/none", headers=operator) as response:
        assert response.status == 404
    async with client.post("/v1/apps/web/machines") as response:
        assert response.status == 401
    await get(client, "/internal/state")
    seen = {(row["operation"], row["code"]): row["count"] for row in requests_seen.rows()}
    assert seen == {("machines.list", "200"): 2, ("machines.get", "404"): 1, ("machines.create", "401"): 1}
    assert requests_seen.total == 4


async def test_hosts_stay_listed_for_the_store_when_they_are_dead(client: Client, control: FakeControl) -> None:
    listed = await get(client, "/sd/host")
    assert listed[1] == {"targets": ["10.77.0.12:9100"], "labels": {"host": "h2", "region": "arn", "rack": "r2"}}
    assert len(listed) == 6
    gone = replace(control.world.hosts["h2"], life=Life.RETIRED)
    silent = replace(control.world.hosts["h3"], exporter_port=0)
    control.world = replace(control.world, hosts={**control.world.hosts, "h2": gone, "h3": silent})
    assert len(await get(client, "/sd/host")) == 4


async def test_other_jobs_never_carry_the_labels_of_subjects(client: Client) -> None:
    labels = {"vantage": "p-r1", "vantage_region": "arn", "vantage_rack": "r1"}
    assert await get(client, "/sd/probe") == [{"targets": ["10.77.0.2:9115"], "labels": labels}]
    assert await get(client, "/sd/orchestrator") == [{"targets": ["127.0.0.1:9200"], "labels": {}}]
    assert await get(client, "/sd/remediator") == [{"targets": ["127.0.0.1:8321"], "labels": {}}]
    async with client.get("/sd/host") as response:
        assert response.headers["X-Prometheus-Refresh-Interval-Seconds"] == "5"


async def test_metrics_are_passed_on_as_they_are(client: Client) -> None:
    async with client.get("/metrics") as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await response.read() == b"fleetmend_gate_open 1\n"


async def test_the_head_of_the_journal_is_for_whoever_keeps_it_elsewhere(client: Client) -> None:
    async with client.get("/v1/journal/head") as response:
        assert (response.status, (await response.json())["number"]) == (200, 7)


async def test_health_is_ours_and_readiness_has_reasons(client: Client, control: FakeControl) -> None:
    async with client.get("/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok")
    async with client.get("/readyz") as response:
        assert response.status == 200
        assert (await response.json())["degraded"] == control.worse
    control.not_ready = ["the journal is locked by another remediator"]
    async with client.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["reasons"] == control.not_ready
