"""Multipath devices and the state of the disks behind them, from /sys/block, as node_exporter has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.devicemapper import Mapped, read_mapped
from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, gauges

SECTOR_BYTES = 512
WORKING = frozenset({"running", "live"})  # of SCSI, of NVMe


@dataclass(frozen=True, slots=True)
class Multipath:
    """A device, its size in bytes, and the state of each path by the name of its disk."""

    mapped: Mapped
    size: float
    paths: dict[str, str]


def read_multipath(sysfs: Path, mapped: Mapped) -> Multipath:
    folder = sysfs / "block" / mapped.device
    paths = {
        name: find_attribute(f"{sysfs}/block/{name}/device/state") or "unknown"
        for name in list_folder(folder / "slaves")
    }
    return Multipath(mapped, (find_number(f"{folder}/size") or 0.0) * SECTOR_BYTES, paths)


def build_multipath_families(devices: list[Multipath]) -> list[Metric]:
    return [
        gauges(
            "node_dmmultipath_device_info",
            "Non-numeric information about a DM-multipath device.",
            ["device", "sysfs_name", "uuid"],
            [((one.mapped.name, one.mapped.device, one.mapped.uuid), 1.0) for one in devices],
        ),
        *build_device_families(devices),
        gauges(
            "node_dmmultipath_path_state",
            "Reports the underlying device state for a multipath path, as read from /sys/block/<dev>/device/state.",
            ["device", "path", "state"],
            [((one.mapped.name, path, state), 1.0) for one in devices for path, state in one.paths.items()],
        ),
    ]


def build_device_families(devices: list[Multipath]) -> list[Metric]:
    working = [sum(state in WORKING for state in one.paths.values()) for one in devices]
    failed = [len(one.paths) - count for one, count in zip(devices, working, strict=True)]
    return [
        _by_device(
            "device_active",
            "Whether the multipath device-mapper device is active (1) or suspended (0).",
            devices,
            [not one.mapped.suspended for one in devices],
        ),
        _by_device(
            "device_size_bytes",
            "Size of the multipath device in bytes, read from /sys/block/<dm>/size.",
            devices,
            [one.size for one in devices],
        ),
        _by_device(
            "device_paths", "Number of paths for a multipath device.", devices, [len(one.paths) for one in devices]
        ),
        _by_device(
            "device_paths_active",
            "Number of paths in active state (SCSI running or NVMe live) for a multipath device.",
            devices,
            working,
        ),
        _by_device(
            "device_paths_failed", "Number of paths not in active state for a multipath device.", devices, failed
        ),
    ]


def _by_device(name: str, text: str, devices: list[Multipath], values: Sequence[float]) -> Metric:
    rows: list[Row] = [
        ((one.mapped.name, one.mapped.device), float(value)) for one, value in zip(devices, values, strict=True)
    ]
    return gauges(f"node_dmmultipath_{name}", text, ["device", "sysfs_name"], rows)


def read_dmmultipath(sysfs: Path) -> list[Metric]:
    found = [read_multipath(sysfs, one) for one in read_mapped(sysfs) if one.uuid.startswith("mpath-")]
    if not found:
        raise NoData("no multipath device")
    return build_multipath_families(found)
