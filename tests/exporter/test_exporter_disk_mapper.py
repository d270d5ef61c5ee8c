"""Device mapper, thin pools, RAID and multipath, from the forms in which kernels say them."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from exporter.collectors.devicemapper import read_devicemapper
from exporter.collectors.dm_status import Target, parse_status
from exporter.collectors.dmmultipath import read_dmmultipath
from exporter.collectors.dmsetup import build_status_families, read_dmsetup
from exporter.collectors.thin_pool import MODES, parse_pool
from exporter.errors import NoData
from exporter.kit import Answer
from exporter.reader.fake import FakeReader

FIXTURES = Path(__file__).parent / "fixtures" / "reader"

Series = dict[tuple[str, ...], float]


def series(families: Iterable[Metric]) -> dict[str, Series]:
    """By metric: label values in the family's order to value."""
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples} for family in families
    }


@pytest.fixture(scope="module")
def page() -> dict[str, Series]:
    return series(read_dmsetup(FakeReader(FIXTURES).ask))


def one_pool(words: str, size: int = 1 << 30) -> Target:
    (target,) = parse_status(f"pool: 0 {size // 512} thin-pool {words}")
    return target


def test_space_of_thin_pools(page: dict[str, Series]) -> None:
    assert page["fleetmend_thin_pool_data_ratio"] == {
        ("vg0-pool-tpool",): 0.25,
        ("vg0-old-tpool",): 0.25,
        ("vg0-held-tpool",): 0.0,
        ("vg0-full-tpool",): 1.0,
        ("vg0-sick-tpool",): 900 / 1024,
    }
    assert page["fleetmend_thin_pool_data_size_bytes"][("vg0-pool-tpool",)] == 100 << 30
    assert page["fleetmend_thin_pool_data_used_bytes"][("vg0-pool-tpool",)] == 25 << 30
    assert page["fleetmend_thin_pool_metadata_ratio"][("vg0-sick-tpool",)] == 1.0
    assert page["fleetmend_thin_pool_metadata_size_bytes"][("vg0-pool-tpool",)] == 26624 * 4096
    # Kernels before 4.19 do not say it; the held root is a number too, and is not taken for it.
    assert page["fleetmend_thin_pool_metadata_low_watermark_bytes"] == {
        ("vg0-pool-tpool",): 1024 * 4096,
        ("vg0-held-tpool",): 32 * 4096,
        ("vg0-full-tpool",): 256 * 4096,
        ("vg0-sick-tpool",): 256 * 4096,
    }


def test_modes_of_thin_pools(page: dict[str, Series]) -> None:
    modes = {pool: mode for (pool, mode), value in page["fleetmend_thin_pool_mode"].items() if value}
    assert modes == {
        "vg0-pool-tpool": "rw", "vg0-old-tpool": "rw", "vg0-held-tpool": "rw", "vg0-full-tpool": "out_of_data_space",
        "vg0-sick-tpool": "ro", "vg0-dead-tpool": "fail", "vg0-lost-tpool": "fail",
    }  # fmt: skip
    assert len(page["fleetmend_thin_pool_mode"]) == len(modes) * len(MODES)
    assert [pool for (pool,), value in page["fleetmend_thin_pool_needs_check"].items() if value] == ["vg0-sick-tpool"]
    assert page["fleetmend_thin_pool_queue_if_no_space"] == {
        ("vg0-pool-tpool",): 1, ("vg0-old-tpool",): 0, ("vg0-held-tpool",): 0, ("vg0-full-tpool",): 1,
        ("vg0-sick-tpool",): 1,
    }  # fmt: skip


@pytest.mark.parametrize("words", ["0 12/128", "0 12 3 - rw", "0 a/b 1/2 - rw"])
def test_a_thin_pool_of_unknown_words_is_an_error_and_not_an_empty_pool(words: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_pool(one_pool(words))


def test_targets_that_failed_are_seen_of_whatever_kind(page: dict[str, Series]) -> None:
    failed = {key: value for key, value in page["fleetmend_dm_targets_failed"].items() if value}
    assert failed == dict.fromkeys(
        [
            ("vg0-dead-tpool", "thin-pool"), ("vg0-lost-tpool", "thin-pool"), ("vg0-broken", "thin"),
            ("vg0-fullsnap", "snapshot"), ("vg0-oversnap", "snapshot"), ("vg0-merge", "snapshot-merge"),
            ("holes", "error"), ("vg0-deadcache", "cache"), ("vg0-rotten", "verity"), ("vg0-badwcache", "writecache"),
            ("vg0-vdo", "vdo"),
        ],
        1,
    )  # fmt: skip
    assert page["fleetmend_dm_targets"][("holes", "linear")] == 2
    assert page["fleetmend_dm_targets_failed"][("holes", "linear")] == 0
    assert page["fleetmend_dm_targets"][("luks-a:b", "crypt")] == 1


def test_health_of_raids_and_mirrors(page: dict[str, Series]) -> None:
    members = {key: value for key, value in page["fleetmend_dm_raid_members"].items() if value}
    assert members == {
        ("vg0-r10", "raid10", "in_sync"): 3, ("vg0-r10", "raid10", "failed"): 1,
        ("vg0-r1", "raid1", "in_sync"): 1, ("vg0-r1", "raid1", "syncing"): 1, ("vg0-r1", "raid1", "missing"): 1,
        ("vg0-oldraid", "raid1", "in_sync"): 2,
        ("vg0-mirror", "mirror", "in_sync"): 1, ("vg0-mirror", "mirror", "failed"): 1,
        ("vg0-core", "mirror", "in_sync"): 2, ("vg0-core", "mirror", "failed"): 1,
    }  # fmt: skip
    assert page["fleetmend_dm_raid_members"][("vg0-oldraid", "raid1", "failed")] == 0
    assert page["fleetmend_dm_raid_sync_ratio"] == {
        ("vg0-r10",): 1, ("vg0-r1",): 0.5, ("vg0-oldraid",): 1, ("vg0-mirror",): 1, ("vg0-core",): 0.25,
    }  # fmt: skip
    assert page["fleetmend_dm_raid_mismatches"][("vg0-r1",)] == 8
    assert ("vg0-mirror",) not in page["fleetmend_dm_raid_mismatches"]
    actions = {name: action for (name, action), value in page["fleetmend_dm_raid_action"].items() if value}
    assert actions == {"vg0-r10": "idle", "vg0-r1": "recover", "vg0-oldraid": "undef"}


def test_snapshots_caches_paths_and_checksums(page: dict[str, Series]) -> None:
    assert page["fleetmend_dm_snapshot_ratio"] == {("vg0-snap",): 1696 / 204800}
    assert page["fleetmend_dm_cache_ratio"] == {("vg0-cached",): 0.5, ("vg0-badcache",): 1}
    assert page["fleetmend_dm_cache_metadata_ratio"][("vg0-badcache",)] == 0.5
    assert page["fleetmend_dm_cache_dirty_blocks"] == {("vg0-cached",): 3, ("vg0-badcache",): 0}
    assert page["fleetmend_dm_cache_needs_check"] == {("vg0-cached",): 0, ("vg0-badcache",): 1}
    assert page["fleetmend_dm_multipath_paths"] == {("mpatha", "active"): 1, ("mpatha", "failed"): 1}
    assert page["fleetmend_dm_integrity_mismatches"] == {("vg0-integ",): 7}


def test_no_family_says_a_thing_twice(page: dict[str, Series]) -> None:
    for family in build_status_families(parse_status((FIXTURES / "dmsetup_status.txt").read_text())):
        assert len(family.samples) == len(page[family.name]), family.name


@pytest.mark.parametrize("output", ["No devices found\n", "", "new: \n"])
def test_a_host_without_devices_has_no_data(output: str) -> None:
    with pytest.raises(NoData):
        read_dmsetup(lambda _: Answer(output, 0, 0))


def build_tree(sysfs: Path) -> None:
    for device, name, uuid, suspended in (
        ("dm-0", "vg0-root", "LVM-abc", "0"),
        ("dm-1", "mpatha", "mpath-3600508b4000156d700012000000b0000", "1"),
    ):
        folder = sysfs / "block" / device
        (folder / "dm").mkdir(parents=True)
        for file, text in (("name", name), ("uuid", uuid), ("suspended", suspended)):
            (folder / "dm" / file).write_text(f"{text}\n")
        (folder / "ro").write_text(f"{device[-1]}\n")
        (folder / "size").write_text("2048\n")
        (folder / "slaves").mkdir()
    for path, state in (("sda", "running"), ("sdb", "offline"), ("nvme0n1", "live")):
        (sysfs / "block" / "dm-1" / "slaves" / path).touch()
        (sysfs / "block" / path / "device").mkdir(parents=True)
        (sysfs / "block" / path / "device" / "state").write_text(f"{state}\n")
    (sysfs / "block" / "dm-1" / "slaves" / "sdgone").touch()
    # One that goes away while it is looked at.
    (sysfs / "block" / "dm-2").mkdir()


def test_devices_and_their_suspension_need_no_privilege(tmp_path: Path) -> None:
    build_tree(tmp_path)
    found = series(read_devicemapper(tmp_path))
    assert found["fleetmend_dm_info"] == {
        ("dm-0", "vg0-root", "LVM-abc"): 1,
        ("dm-1", "mpatha", "mpath-3600508b4000156d700012000000b0000"): 1,
    }
    assert found["fleetmend_dm_suspended"] == {("vg0-root",): 0, ("mpatha",): 1}
    assert found["fleetmend_dm_readonly"] == {("vg0-root",): 0, ("mpatha",): 1}


def test_multipath_is_told_as_node_exporter_tells_it(tmp_path: Path) -> None:
    build_tree(tmp_path)
    found = series(read_dmmultipath(tmp_path))
    device = ("mpatha", "dm-1")
    assert found == {
        "node_dmmultipath_device_info": {(*device, "mpath-3600508b4000156d700012000000b0000"): 1},
        "node_dmmultipath_device_active": {device: 0},
        "node_dmmultipath_device_size_bytes": {device: 1 << 20},
        "node_dmmultipath_device_paths": {device: 4},
        "node_dmmultipath_device_paths_active": {device: 2},
        "node_dmmultipath_device_paths_failed": {device: 2},
        "node_dmmultipath_path_state": {
            ("mpatha", "nvme0n1", "live"): 1,
            ("mpatha", "sda", "running"): 1,
            ("mpatha", "sdb", "offline"): 1,
            ("mpatha", "sdgone", "unknown"): 1,
        },
    }


def test_hosts_without_device_mapper_have_no_data(tmp_path: Path) -> None:
    for read in (read_devicemapper, read_dmmultipath):
        with pytest.raises(NoData):
            read(tmp_path)
