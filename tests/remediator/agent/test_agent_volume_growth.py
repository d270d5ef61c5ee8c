"""Volumes grow in use; snapshots go by their owner's word alone."""

import os
from collections.abc import AsyncIterator

import pytest

from remediator.agent.trial import Trial, on_trial, running
from remediator.model.request import Origin

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="LOOP IMAGES NEED ROOT AND A LOOP DEVICE")
IDLE = running("exec sleep 600", mounts=[{"volume": "vol_1", "path": "/data"}])


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


async def made(host: Trial, size_mb: int = 8) -> None:
    told = await host.send("create_volume", volume_id="vol_1", app="web", name="data", size_mb=size_mb)
    assert told["ok"], told


def size_of(host: Trial) -> int:
    held = os.statvfs(host.data / "disk/volumes/vol_1")
    return held.f_blocks * held.f_frsize


@needs_root
async def test_a_free_loop_image_grows_at_once() -> None:
    async with on_trial(loops=True) as looped:
        await made(looped)
        before = size_of(looped)
        told = await looped.send("extend_volume", volume_id="vol_1", size_mb=32)
        assert told.get("value") == {"needs_restart": False}, told
        assert size_of(looped) > 2 * before
        assert (await looped.create("m1", IDLE, volumes=["vol_1"]))["ok"]


@needs_root
async def test_a_loop_image_in_use_grows_at_the_latest_with_its_machines_next_start() -> None:
    """Whether a mounted filesystem may be made larger is the kernel's to say."""
    async with on_trial(loops=True) as looped:
        await made(looped)
        line = running("echo kept >> data/x; exec sleep 600", mounts=IDLE["mounts"])
        await looped.create("m1", line, volumes=["vol_1"])
        before = size_of(looped)
        told = await looped.send("extend_volume", volume_id="vol_1", size_mb=32)
        assert told["value"] == {"needs_restart": size_of(looped) == before}
        assert (await looped.send("restart", machine_id="m1"))["ok"]
        assert size_of(looped) > 2 * before
        file = looped.data / "disk/volumes/vol_1/x"
        await looped.fake.until(lambda: file.read_text() == "kept\nkept\n")
        await looped.fake.until(lambda: looped.fake.volumes["vol_1"]["size_mb"] == 32)


async def test_a_directory_grows_for_processes_to_come(host: Trial) -> None:
    await made(host)
    assert (await host.send("extend_volume", volume_id="vol_1", size_mb=9))["value"] == {"needs_restart": False}
    await host.create("m1", IDLE, volumes=["vol_1"])
    assert (await host.send("extend_volume", volume_id="vol_1", size_mb=16))["value"] == {"needs_restart": True}
    assert (await host.send("extend_volume", volume_id="vol_1", size_mb=12))["ok"]
    await host.fake.until(lambda: host.fake.volumes["vol_1"]["size_mb"] == 16)


async def test_what_cannot_grow(host: Trial) -> None:
    await made(host)
    refused = await host.send("extend_volume", volume_id="vol_1", size_mb=1 << 30)
    assert (refused["error"], "no room" in str(refused["text"])) == ("permanent", True)
    assert (await host.send("extend_volume", volume_id="vol_9", size_mb=9))["error"] == "permanent"


async def test_a_snapshot_is_dropped_for_an_owner_only(host: Trial) -> None:
    await made(host)
    await host.send("snapshot", volume_id="vol_1", snapshot_id="vs_1")
    assert (await host.send("drop_snapshot", origin=Origin.AUTOMATIC, snapshot_id="vs_1"))["error"] == "permanent"
    assert (host.snapshots / "vol_1/vs_1.tar").exists()
    for _ in range(2):
        assert (await host.send("drop_snapshot", origin=Origin.OWNER, snapshot_id="vs_1"))["ok"]
    assert list((host.snapshots / "vol_1").iterdir()) == []
    again = await host.send("create_volume", volume_id="vol_2", app="web", name="data", size_mb=8, snapshot_id="vs_1")
    assert again["error"] == "permanent"
