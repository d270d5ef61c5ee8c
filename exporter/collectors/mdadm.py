"""Software RAID: state, members and progress of each array, from /proc/mdstat and /sys/block/md*/md.

What both tell is taken from /proc/mdstat, as node_exporter does; sysfs knows what a stopped array should look like.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.mdstat import STATES, Array, parse_mdstat
from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, gauges, one_hot

ALL_STATES = ("active", "inactive", "recovering", "resync", "check")
STOPPED = frozenset({"clear", "inactive", "broken", "faulty"})
SECTORS_PER_BLOCK = 2


@dataclass(frozen=True, slots=True)
class Members:
    """What sysfs says of an array's members: how many there should be, how many are missing."""

    raid_disks: int
    degraded: int


def read_members(folder: Path) -> Members:
    """Only a running array with redundancy says how degraded it is; else, count who is there."""
    disks = parse_raid_disks(find_attribute(f"{folder}/raid_disks"))
    degraded = find_number(f"{folder}/degraded")
    if degraded is None:
        count = count_members(folder)
        degraded = max(0, disks - sum(count.values()) + count["failed"])
    return Members(disks, int(degraded))


def parse_raid_disks(text: str | None) -> int:
    """``4 (3)`` while an array grows from three members to four."""
    words = (text or "").split()
    return int(words[0]) if words and words[0].isdecimal() else 0


def count_members(folder: Path) -> Counter[str]:
    """Members by what they are: active, failed, spare, or filling while they are being rebuilt."""
    names = list_folder(folder, "dev-")
    return Counter(
        member_kind(find_attribute(f"{folder}/{name}/state") or "", find_attribute(f"{folder}/{name}/slot") or "none")
        for name in names
    )


def member_kind(state: str, slot: str) -> str:
    """A member that is being rebuilt is *spare* too, but has its slot already."""
    flags = state.split(",")
    if "faulty" in flags:
        return "failed"
    if "in_sync" in flags:
        return "active"
    return "spare" if slot == "none" else "filling"


def read_array(folder: Path) -> Array:
    """An array from sysfs alone, as in a container without /proc/mdstat."""
    count = count_members(folder)
    stopped = (find_attribute(f"{folder}/array_state") or "inactive") in STOPPED
    action = find_attribute(f"{folder}/sync_action") or ""
    blocks = int(find_number(f"{folder.parent}/size") or 0) // SECTORS_PER_BLOCK
    return Array(
        folder.parent.name,
        "inactive" if stopped else STATES.get(action, "active"),
        0 if stopped else count["active"],
        count["failed"],
        count["spare"],
        parse_raid_disks(find_attribute(f"{folder}/raid_disks")),
        blocks,
        parse_completed(find_attribute(f"{folder}/sync_completed"), action, blocks),
    )


def parse_completed(text: str | None, action: str, blocks: int) -> int:
    """``4096 / 32768`` sectors; nothing of a sync that waits, and everything if there is none."""
    words = (text or "").split()
    if len(words) == 3:
        return int(words[0]) // SECTORS_PER_BLOCK
    return 0 if action in STATES else blocks


def read_arrays(procfs: Path, sysfs: Path) -> tuple[list[Array], dict[str, Members]]:
    """Raises NoData without arrays and without the driver."""
    folders = [
        folder for name in list_folder(sysfs / "block", "md") if (folder := sysfs / "block" / name / "md").is_dir()
    ]
    members = {folder.parent.name: read_members(folder) for folder in folders}
    try:
        arrays = parse_mdstat((procfs / "mdstat").read_text())
    except FileNotFoundError:
        if not folders:
            raise NoData("no software RAID") from None
        arrays = [read_array(folder) for folder in folders]
    return [_completed(one, members) for one in arrays], members


def _completed(array: Array, members: dict[str, Members]) -> Array:
    """A stopped array does not say in /proc/mdstat how many members it wants: it would look whole."""
    if array.required or array.device not in members:
        return array
    return replace(array, required=members[array.device].raid_disks)


def build_array_families(arrays: list[Array], members: dict[str, Members]) -> list[Metric]:
    states = [((one.device,), one.state) for one in arrays]
    disks: list[Row] = [
        ((one.device, state), float(count))
        for one in arrays
        for state, count in (("active", one.active), ("failed", one.failed), ("spare", one.spare))
    ]
    return [
        gauges(
            "node_md_state", "Indicates the state of md-device.", ["device", "state"], one_hot(states, ALL_STATES)
        ),
        gauges("node_md_disks", "Number of active/failed/spare disks of device.", ["device", "state"], disks),
        _by_device("disks_required", "Total number of disks of device.", {a.device: a.required for a in arrays}),
        _by_device("blocks", "Total number of blocks on device.", {a.device: a.blocks for a in arrays}),
        _by_device("blocks_synced", "Number of blocks synced on device.", {a.device: a.synced for a in arrays}),
        _by_device(
            "raid_disks", "Number of raid disks on device.", {name: one.raid_disks for name, one in members.items()}
        ),
        _by_device(
            "degraded", "Number of degraded disks on device.", {name: one.degraded for name, one in members.items()}
        ),
    ]


def _by_device(name: str, text: str, counts: dict[str, int]) -> Metric:
    return gauges(f"node_md_{name}", text, ["device"], [((device,), float(n)) for device, n in counts.items()])


def read_mdadm(procfs: Path, sysfs: Path) -> list[Metric]:
    return build_array_families(*read_arrays(procfs, sysfs))
