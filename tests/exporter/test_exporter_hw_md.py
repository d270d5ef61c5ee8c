"""Software RAID: the lines of /proc/mdstat that are not as one would first think, and what sysfs adds."""

from pathlib import Path

import pytest

from exporter.collectors.mdadm import member_kind, parse_completed, parse_raid_disks, read_mdadm
from exporter.collectors.mdstat import Array, parse_mdstat
from exporter.errors import NoData
from tests.exporter.hardware import TREE, series, value, write_tree

HEAD = "Personalities : [raid1] [raid6] [raid5] [raid4] [linear]\n"
END = "unused devices: <none>\n"


def parse_one(lines: str) -> Array:
    (array,) = parse_mdstat(f"{HEAD}{lines}\n{END}")
    return array


@pytest.mark.parametrize(
    ("lines", "state", "synced"),
    [
        ("[=>...]  resync =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec", "resync", 16775552),
        ("[=>...]  recovery =  0.0% (0/100) finish=1.0min speed=1K/sec", "recovering", 0),
        ("[=>...]  check = 17.9% (40/100) finish=1.0min speed=1K/sec", "check", 40),
        ("[=>...]  reshape = 50.0% (50/100) finish=1.0min speed=1K/sec", "active", 50),
        ("\tresync=PENDING", "resync", 0),
        ("\tresync=DELAYED", "resync", 0),
        ("\tresync=REMOTE", "resync", 0),
        ("\trecovery=DELAYED", "recovering", 0),
        ("bitmap: 0/1 pages [0KB], 65536KB chunk", "active", 100),
    ],
)
def test_what_an_array_does(lines: str, state: str, synced: int) -> None:
    array = parse_one(f"md0 : active raid1 sda1[0] sdb1[1]\n      100 blocks super 1.2 [2/2] [UU]\n      {lines}\n")
    assert (array.state, array.synced, array.blocks) == (state, synced, 100)


def test_action_after_the_bitmap_is_seen_too() -> None:
    bitmap = "      bitmap: 1/1 pages [4KB], 65536KB chunk\n"
    action = "      [>....]  recovery =  1.0% (1/100) finish=9.9min speed=1K/sec\n"
    for lines in (bitmap + action, action + bitmap):
        array = parse_one(f"md0 : active raid1 sda1[0] sdb1[2]\n      100 blocks super 1.2 [2/1] [U_]\n{lines}")
        assert (array.state, array.synced) == ("recovering", 1)


@pytest.mark.parametrize(
    ("head", "blocks", "counts"),
    [
        # A failed member is listed, a removed one is not: both are missing from those that work.
        ("md0 : active raid1 sdb1[1] sda1[0](F)", "100 blocks super 1.2 [2/1] [_U]", (1, 1, 0, 2)),
        ("md0 : active raid1 sdb1[1]", "100 blocks super 1.2 [2/1] [_U]", (1, 0, 0, 2)),
        ("md0 : active (auto-read-only) raid1 a[0] b[1] c[2](S)", "100 blocks [2/2] [UU]", (2, 0, 1, 2)),
        ("md0 : active (read-only) raid6 a[0](F) b[1](F) c[2] d[3]", "9 blocks level 6 [4/2] [__UU]", (2, 2, 0, 4)),
        ("md0 : active raid0 sda1[0] sdb1[1]", "100 blocks super 1.2 512k chunks", (2, 0, 0, 2)),
        ("md0 : active linear sda1[0] sdb1[1](F)", "100 blocks super 1.2 0k rounding", (1, 1, 0, 2)),
        ("md0 : active raid1 dm-3[0](W) dm-4[1](R) dm-5[2](J)", "100 blocks super 1.2 [2/2] [UU]", (2, 0, 0, 2)),
        ("md0 : active raid10 a[0] b[1]", "8 blocks super 1.2 512K chunks 2 near-copies [2/2] [UU]", (2, 0, 0, 2)),
        ("md127 : inactive sdb[1](S) sda[0](S)", "6306 blocks super external:imsm", (0, 0, 2, 0)),
        ("md3 : inactive", "super non-persistent", (0, 0, 0, 0)),
    ],
)
def test_members(head: str, blocks: str, counts: tuple[int, int, int, int]) -> None:
    array = parse_one(f"{head}\n      {blocks}\n")
    assert (array.active, array.failed, array.spare, array.required) == counts


def test_broken_array_serves_nothing() -> None:
    array = parse_one("md0 : broken raid0 sda1[0](F) sdb1[1]\n      100 blocks super 1.2 512k chunks\n")
    assert (array.state, array.active) == ("inactive", 0)


def test_no_array_at_all() -> None:
    assert parse_mdstat(HEAD + END) == []
    assert parse_mdstat("Personalities : \nread_ahead 1024 sectors\nunused devices: sda1\n") == []


def test_several_arrays_without_an_empty_line_between() -> None:
    first, second = (
        "md1 : active raid1 a[0] b[1]\n      1 blocks [2/2] [UU]\n",
        "md0 : inactive c[0](S)\n    5 blocks\n",
    )
    arrays = parse_mdstat(HEAD + first + second + END)
    assert [(one.device, one.required, one.blocks) for one in arrays] == [("md1", 2, 1), ("md0", 0, 5)]


def test_one_hot_states_and_stopped_arrays_of_the_fixture_tree() -> None:
    families = read_mdadm(TREE / "proc", TREE / "sys")
    states = {labels for (name, labels), number in series(families).items() if name == "node_md_state" and number}
    assert {dict(labels)["device"]: dict(labels)["state"] for labels in states} == {
        "md0": "active", "md1": "recovering", "md2": "active", "md3": "inactive", "md4": "active",
        "md127": "inactive",
    }  # fmt: skip
    # Stopped, with two of four members: not whole, whatever /proc/mdstat leaves out.
    assert value(families, "node_md_disks_required", device="md3") == 4
    assert value(families, "node_md_disks", device="md3", state="active") == 0
    assert value(families, "node_md_degraded", device="md3") == 2
    # A member was removed: nothing is listed as failed.
    assert value(families, "node_md_disks", device="md2", state="failed") == 0
    assert value(families, "node_md_degraded", device="md2") == 1


def test_sysfs_alone_tells_the_same_of_running_arrays(tmp_path: Path) -> None:
    both, alone = series(read_mdadm(TREE / "proc", TREE / "sys")), series(read_mdadm(tmp_path, TREE / "sys"))
    stopped = {("device", "md3"), ("device", "md127")}
    different = {key for key in both if both[key] != alone[key] and not key[1] & stopped}
    assert not different


def test_neither_file_nor_array_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        read_mdadm(tmp_path, tmp_path)


def test_driver_without_arrays_is_an_empty_page_not_an_error(tmp_path: Path) -> None:
    write_tree(tmp_path, {"mdstat": HEAD + END})
    assert not series(read_mdadm(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("state", "slot", "kind"),
    [
        ("in_sync", "0", "active"),
        ("in_sync,write_mostly", "1", "active"),
        ("faulty,blocked,write_error", "1", "failed"),
        ("spare", "none", "spare"),
        ("spare", "2", "filling"),
        ("", "none", "spare"),
    ],
)
def test_member_by_its_flags(state: str, slot: str, kind: str) -> None:
    assert member_kind(state, slot) == kind


def test_growing_array_and_progress() -> None:
    assert parse_raid_disks("4 (3)") == 4
    assert parse_raid_disks(None) == 0
    assert parse_completed("4096 / 32768", "recover", 9) == 2048
    assert parse_completed("none", "idle", 9) == 9
    assert parse_completed("delayed", "resync", 9) == 0
