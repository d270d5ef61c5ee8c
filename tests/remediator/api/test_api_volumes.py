"""Volumes, snapshots, apps and regions as clients see them."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.api.shapes import image_ref, slices
from remediator.api.volumes.docs import zone

Client = TestClient[web.Request, web.Application]
LOST, WELL = "vol_jo4v4mv88keymd0n", "vol_jyx9x59me85w8exr"


async def get(client: Client, path: str, status: int = 200) -> Any:
    headers = {"Authorization": "Bearer operator-token-for-tests"}
    async with client.get(path, headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_volumes_say_whether_their_host_answers(client: Client, control: FakeControl) -> None:
    lost, well = await get(client, "/v1/apps/db/volumes")
    assert (lost["id"], lost["host_status"], lost["size_gb"], lost["size_mb"]) == (LOST, "unreachable", 2, 1536)
    assert lost["attached_machine_id"] in control.world.machines
    assert (well["host_status"], well["attached_machine_id"], well["attached_alloc_id"]) == ("ok", None, None)
    assert well["size_gb"] == 1
    assert (lost["zone"], lost["encrypted"]) == (zone("h2"), False)
    assert len(lost["zone"]) == 4
    assert lost["created_at"].endswith("Z")


async def test_one_volume(client: Client) -> None:
    assert (await get(client, f"/v1/apps/db/volumes/{LOST}"))["name"] == "data"
    assert (await get(client, f"/v1/apps/web/volumes/{LOST}", 404))["error"] == "not_found: volume not found"


async def test_snapshots_of_a_volume_on_a_dead_host_newest_first(client: Client) -> None:
    snapshots = await get(client, f"/v1/apps/db/volumes/{LOST}/snapshots")
    assert snapshots[0]["id"] == "vs_xy7nyZLo16KGiao91x"
    assert set(snapshots[0]) == {"id", "status", "size", "volume_size", "digest", "created_at", "retention_days"}
    assert snapshots[0]["volume_size"] == 1536 * 1024 * 1024


async def test_snapshots_outlive_their_volume(client: Client, control: FakeControl) -> None:
    control.world = replace(control.world, volumes={})
    assert len(await get(client, f"/v1/apps/db/volumes/{LOST}/snapshots")) == 3
    await get(client, "/v1/apps/db/volumes/vol_none/snapshots", 404)


async def test_creating_a_volume_with_all_the_nulls_that_clients_send(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    body = {"name": "data", "region": "iad", "size_gb": 1, "size_mb": None, "encrypted": None, "snapshot_id": None}
    async with client.post("/v1/apps/db/volumes", json=body, headers=operator) as response:
        assert response.status == 200
        doc = await response.json()
    assert (doc["size_mb"], doc["restored_from"]) == (1024, None)


async def test_a_volume_from_a_snapshot_in_megabytes(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    body = {"name": "data", "region": "arn", "size_gb": 1, "size_mb": 64, "snapshot_id": "vs_wnw3nZNL61KeUpN0px"}
    async with client.post("/v1/apps/db/volumes", json=body, headers=operator) as response:
        doc = await response.json()
    assert (doc["size_gb"], doc["size_mb"], doc["restored_from"]) == (1, 64, "vs_wnw3nZNL61KeUpN0px")


async def test_taking_a_snapshot(client: Client, control: FakeControl, operator: dict[str, str]) -> None:
    async with client.post(f"/v1/apps/db/volumes/{WELL}/snapshots", headers=operator) as response:
        assert response.status == 200
        assert (await response.json())["status"] == "created"
    assert len(control.world.snapshots) == 4


async def test_an_app_counts_what_it_has(client: Client) -> None:
    doc = await get(client, "/v1/apps/db")
    assert (doc["name"], doc["status"], doc["volume_count"]) == ("db", "deployed", 2)
    assert doc["machine_count"] == len(await get(client, "/v1/apps/db/machines"))
    await get(client, "/v1/apps/nobody", 404)


async def test_regions_tell_how_much_still_fits(client: Client) -> None:
    doc = await get(client, "/v1/platform/regions?size=shared-cpu-1x")
    # In arn only h1 takes work: 8 cpus, 5 of them taken. In iad only h4, for h6 is cordoned.
    assert {each["code"]: each["capacity"] for each in doc["regions"]} == {"arn": 3, "iad": 2}
    assert doc["nearest"] == "arn"


def test_a_hosts_slice_has_the_same_room_as_the_fleet(control: FakeControl) -> None:
    fleet = control.world
    for name, part in slices(fleet).items():
        assert part.free_on(fleet.hosts[name]) == fleet.free_on(fleet.hosts[name])


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("", {}),
        ("web", {"repository": "web"}),
        ("library/web:2", {"repository": "library/web", "tag": "2"}),
        ("localhost:5000/web", {"registry": "localhost:5000", "repository": "web"}),
        (
            "r.example/a/b:1@sha256:ab",
            {"registry": "r.example", "repository": "a/b", "tag": "1", "digest": "sha256:ab"},
        ),
    ],
)
def test_images_are_taken_apart(image: str, parts: dict[str, str]) -> None:
    assert image_ref(image) == parts
