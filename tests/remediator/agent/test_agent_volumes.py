"""Volumes hold what they may, no more; snapshots come back byte for byte or not at all."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from remediator.agent.trial import Trial, answer_of, on_trial, running, serving
from remediator.model.request import Origin
from tests.remediator.agent.waiting import comes_true

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop images need root and a loop device")
FILL = "dd if=/dev/zero of=data/big bs=64k count=1000 2> said; echo $? > code; exec sleep 600"


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


@pytest.fixture
async def looped() -> AsyncIterator[Trial]:
    async with on_trial(loops=True) as trial:
        yield trial


def unmount(volume: Path) -> None:
    subprocess.run(["umount", "--lazy", str(volume)], check=True)


async def make_volume(host: Trial, volume: str = "vol_1", size_mb: int = 8, **more: object) -> dict[str, object]:
    return await host.send("create_volume", volume_id=volume, app="web", name="data", size_mb=size_mb, **more)


def mounting(line: str) -> dict[str, object]:
    return running(line, mounts=[{"volume": "vol_1", "path": "/data"}])


async def until_file(host: Trial, path: str) -> str:
    file = host.data / "disk/machines/m1" / path
    await comes_true(lambda: file.exists() and file.read_text() != "")
    return file.read_text()


@needs_root
async def test_a_full_volume_is_really_full(looped: Trial) -> None:
    assert (await make_volume(looped))["ok"]
    assert (looped.data / "disk/volumes/vol_1").is_mount()
    assert (await looped.create("m1", mounting(FILL), volumes=["vol_1"]))["ok"]
    assert await until_file(looped, "code") == "1\n"
    assert "No space left on device" in await until_file(looped, "said")
    await looped.fake.until(lambda: looped.fake.volumes["vol_1"]["used_bytes"] > 6_000_000)
    assert looped.fake.volumes["vol_1"]["machine"] == "m1"


@needs_root
async def test_a_volume_outlives_its_hosts_power(looped: Trial) -> None:
    await make_volume(looped)
    keeps = mounting("echo kept > data/x; sync; echo now > synced; exec sleep 600")
    await looped.create("m1", keeps, volumes=["vol_1"])
    await until_file(looped, "synced")
    await looped.end()
    for pid in looped.processes("m1"):
        os.kill(pid, 9)
    unmount(looped.data / "disk/volumes/vol_1")
    looped.boot_id = "another-life"
    await looped.start()
    await looped.until("m1", state="started")
    assert (looped.data / "disk/volumes/vol_1/x").read_text() == "kept\n"


async def test_a_plain_directory_bounds_single_files(host: Trial) -> None:
    await make_volume(host, size_mb=4)
    await host.create("m1", mounting(FILL), volumes=["vol_1"])
    assert await until_file(host, "code") != "0\n"
    assert (host.data / "disk/volumes/vol_1/big").stat().st_size == 4 << 20


async def test_a_snapshot_is_restored_elsewhere(host: Trial) -> None:
    await make_volume(host)
    await host.create("m1", mounting("echo precious > data/x; exec sleep 600"), volumes=["vol_1"])
    await until_file(host, "data/x")
    taken = (await host.send("snapshot", volume_id="vol_1", snapshot_id="vs_1"))["value"]["snapshot"]
    assert (taken["volume"], len(taken["digest"])) == ("vol_1", 64)
    again = (await host.send("snapshot", volume_id="vol_1", snapshot_id="vs_1"))["value"]["snapshot"]
    assert again == taken
    assert (await make_volume(host, "vol_2", snapshot_id="vs_1"))["ok"]
    config = serving(mounts=[{"volume": "vol_1", "path": "/data"}])
    record = (await host.create("m2", config, volumes=["vol_2"]))["value"]["record"]
    assert await answer_of(record["port"], "/data/x") == "precious\n"
    assert record["scrubbed"]["mounts"] == [{"volume": "vol_2", "path": "/data"}]


async def test_a_damaged_snapshot_is_refused(host: Trial) -> None:
    await make_volume(host)
    await host.send("snapshot", volume_id="vol_1", snapshot_id="vs_1")
    with (host.snapshots / "vol_1/vs_1.tar").open("ab") as stored:
        stored.write(b"x")
    result = await make_volume(host, "vol_2", snapshot_id="vs_1")
    assert (result["error"], "damaged" in str(result["text"])) == ("permanent", True)
    assert "vol_2" not in host.fake.volumes
    assert (await make_volume(host, "vol_3", snapshot_id="vs_9"))["error"] == "permanent"


async def test_a_volume_has_one_machine_and_outlives_it(host: Trial) -> None:
    await make_volume(host)
    line = "echo x >> data/x; exec sleep 600"
    await host.create("m1", mounting(line), volumes=["vol_1"])
    await until_file(host, "data/x")
    refused = await host.create("m2", mounting(line), volumes=["vol_1"])
    assert (refused["error"], "attached to machine m1" in refused["text"]) == ("permanent", True)
    assert (await host.send("destroy_volume", volume_id="vol_1"))["error"] == "permanent"
    await host.send("destroy", machine_id="m1")
    assert (host.data / "disk/volumes/vol_1/x").read_text() == "x\n"
    await host.fake.until(lambda: host.fake.volumes["vol_1"]["machine"] == "")


async def test_no_automatic_act_destroys_a_volume(host: Trial) -> None:
    await make_volume(host)
    refused = await host.send("destroy_volume", origin=Origin.AUTOMATIC, volume_id="vol_1")
    assert refused["error"] == "permanent"
    assert (host.data / "disk/volumes/vol_1").exists()
    assert (await host.send("destroy_volume", origin=Origin.OPERATOR, volume_id="vol_1"))["ok"]
    assert not (host.data / "disk/volumes/vol_1").exists()


async def test_more_than_there_is_room_for_is_refused(host: Trial) -> None:
    result = await make_volume(host, size_mb=1 << 30)
    assert (result["error"], "no room" in str(result["text"])) == ("permanent", True)


def mount_small(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0711", "tmpfs", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))


@needs_root
async def test_a_full_disk_of_machines_leaves_the_agent_in_its_senses(host: Trial) -> None:
    disk = host.data / "disk"
    await host.end()
    mount_small(disk)
    try:
        await host.start()
        await host.create("m1", running("exec sleep 600"))
        fill(disk / "ballast")
        refused = await host.create("m2", serving())
        assert (refused["error"], "No space left" in refused["text"]) == ("permanent", True)
        assert (await make_volume(host))["error"] == "permanent"
        await host.fake.until(
            lambda: host.fake.told[-1][1].get("disk") == {"size_mb": 1, "available_mb": 0, "stuck": ""}
        )
        await host.end()
        await host.start()
        assert len(host.processes("m1")) == 1
        assert (await host.send("destroy", machine_id="m1"))["ok"]
        assert host.processes("m1") == set()
    finally:
        unmount(disk)
