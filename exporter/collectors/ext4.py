"""Errors that ext4 has found in a filesystem, from /sys/fs/ext4.

One that has made itself read-only after an error may still be "rw" in the mount table (Debian 12's Linux 6.1): there,
only this and the kernel's log tell.
"""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, counters, gauges

NOT_A_DEVICE = "features"


def read_ext4(sysfs: Path) -> list[Metric]:
    root = sysfs / "fs/ext4"
    devices = [name for name in list_folder(root) if name != NOT_A_DEVICE]
    if not devices:
        raise NoData("no ext4 filesystem")
    return [
        counters(
            "fleetmend_ext4_errors_total",
            "Errors that ext4 has found, by the superblock of the device, since it was last repaired (e2fsck).",
            ["device"],
            _rows(root, devices, "errors_count"),
        ),
        gauges(
            "fleetmend_ext4_last_error_timestamp_seconds",
            "When ext4 last found an error on the device, in unixtime; 0 if it never has.",
            ["device"],
            _rows(root, devices, "last_error_time"),
        ),
    ]


def _rows(root: Path, devices: list[str], file: str) -> list[Row]:
    numbers = ((name.replace("!", "/"), find_number(f"{root}/{name}/{file}")) for name in devices)
    return [((device,), number) for device, number in numbers if number is not None]
