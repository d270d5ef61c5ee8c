"""Volumes made larger, kept and destroyed over HTTP; what clients send, and what they are told."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl

Client = TestClient[web.Request, web.Application]
LOST, WELL = "vol_jo4v4mv88keymd0n", "vol_jyx9x59me85w8exr"
USE = {"bytes_total", "bytes_used", "block_size", "blocks", "blocks_free", "blocks_avail"}
# Every key that fly-go sends, most of them null.
NULLS = dict.fromkeys(
    (
        "encrypted",
        "require_unique_zone",
        "unique_zone_app_wide",
        "snapshot_retention",
        "auto_backup_enabled",
        "fstype",
    )
) | dict.fromkeys(("snapshot_id", "source_volume_id", "compute", "compute_image", "size_gb"))


@pytest.fixture
def ask(client: Client, operator: dict[str, str]) -> Any:
    async def asked(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = f"/v1/apps/db/volumes{path}"
        async with client.request(method, url, json=body, headers=operator | headers) as response:
            return response.status, await response.json()

    return asked


async def test_a_summary_leaves_out_how_full_they_are(ask: Any) -> None:
    _, short = await ask("GET", "?summary=true")
    _, whole = await ask("GET", "")
    assert set(whole[0]) - set(short[0]) == USE
    assert whole[0]["blocks"] * whole[0]["block_size"] == whole[0]["bytes_total"] == 1536 * 2**20
    assert (await ask("GET", "?summary=perhaps"))[0] == 400


async def test_growing(ask: Any, control: FakeControl) -> None:
    status, told = await ask("PUT", f"/{WELL}/extend", {"size_gb": 2})
    assert (status, told["volume"]["size_gb"], told["needs_restart"]) == (200, 2, False)
    assert await ask("PUT", f"/{WELL}/extend", {"size_gb": 1}) == (
        400,
        {"error": f"invalid_argument: volume {WELL} has 2048 MB; volumes can only grow", "status": "invalid"},
    )
    status, refused = await ask("PUT", f"/{LOST}/extend", {"size_gb": 9})
    assert (status, refused["error"]) == (412, f"failed_precondition: volume {LOST} is on an unreachable host")
    status, refused = await ask("PUT", f"/{WELL}/extend", {"size_gb": 900})
    assert (status, refused["status"]) == (400, "volume_placement_capacity")
    for body in ({}, {"size_gb": None}, {"size_gb": 0}, {"size_gb": "1"}):
        assert (await ask("PUT", f"/{WELL}/extend", body))[0] == 400


async def test_what_is_kept_of_it(ask: Any) -> None:
    body = {"snapshot_retention": 30, "auto_backup_enabled": None}
    status, told = await ask("PUT", f"/{LOST}", body)
    assert (status, told["snapshot_retention"], told["auto_backup_enabled"]) == (200, 30, False)
    assert (await ask("PUT", f"/{LOST}", {"auto_backup_enabled": True}))[1]["snapshot_retention"] == 30
    assert (await ask("PUT", f"/{LOST}", {"snapshot_retention": 61}))[0] == 400


async def test_a_destroy_answers_the_volume_and_says_whose_wish_it_was(ask: Any, control: FakeControl) -> None:
    status, told = await ask("DELETE", f"/{WELL}")
    assert (status, told["id"], told["state"]) == (200, WELL, "pending_destroy")
    assert control.asked[-1] == (WELL, "operator", "operator token")
    holder = control.world.volumes[LOST].machine
    status, refused = await ask("DELETE", f"/{LOST}")
    assert (status, f"attached to machine {holder}" in refused["error"]) == (412, True)
    assert (await ask("DELETE", "/vol_none"))[0] == 404


async def test_a_volume_of_another_app_is_not_there(client: Client, operator: dict[str, str]) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("PUT", "/extend"), ("POST", "/snapshots")):
        async with client.request(method, f"/v1/apps/web/volumes/{LOST}{path}", headers=operator) as response:
            assert (response.status, (await response.json())["error"]) == (404, "not_found: volume not found")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "size_gb or size_mb is needed"),
        ({"size_gb": 1, "fstype": "raw"}, "fstype"),
        ({"snapshot_id": "vs_1", "source_volume_id": "vol_1"}, "only one of them"),
        ({"size_gb": 1, "snapshot_retention": 0}, "snapshot_retention"),
    ],
)
async def test_what_makes_no_volume(ask: Any, more: dict[str, Any], text: str) -> None:
    status, refused = await ask("POST", "", {"name": "data", "region": "arn", **NULLS, **more})
    assert (status, text in refused["error"]) == (400, True)


async def test_a_volume_from_a_snapshot_needs_no_size(ask: Any, control: FakeControl) -> None:
    snapshots = {name: replace(each, volume_mb=64) for name, each in control.world.snapshots.items()}
    control.world = replace(control.world, snapshots=snapshots)
    body = {"name": "data", "region": "arn", **NULLS, "snapshot_id": "vs_xy7nyZLo16KGiao91x"}
    status, made = await ask("POST", "", body)
    assert (status, made["size_mb"], made["attached_machine_id"]) == (200, 64, None)


async def test_a_key_that_is_no_key(ask: Any) -> None:
    status, refused = await ask("POST", "", {"name": "data", "size_gb": 1}, **{"Idempotency-Key": "k" * 256})
    assert (status, "Idempotency-Key" in refused["error"]) == (400, True)
