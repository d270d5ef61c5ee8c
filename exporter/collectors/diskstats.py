"""Counts of block devices, from /proc/diskstats, with what udev knows of them."""

import re
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import counters, gauges

SECTOR_BYTES = 512  # of this file, whatever the device's own
MILLISECOND = 1.0 / 1000.0

# In the order of the file's columns: name after node_disk_, unit of one count, help.
COLUMNS = (
    ("reads_completed_total", 1, "The total number of reads completed successfully."),
    ("reads_merged_total", 1, "The total number of reads merged."),
    ("read_bytes_total", SECTOR_BYTES, "The total number of bytes read successfully."),
    ("read_time_seconds_total", MILLISECOND, "The total number of seconds spent by all reads."),
    ("writes_completed_total", 1, "The total number of writes completed successfully."),
    ("writes_merged_total", 1, "The number of writes merged."),
    ("written_bytes_total", SECTOR_BYTES, "The total number of bytes written successfully."),
    ("write_time_seconds_total", MILLISECOND, "This is the total number of seconds spent by all writes."),
    ("io_now", 1, "The number of I/Os currently in progress."),
    ("io_time_seconds_total", MILLISECOND, "Total seconds spent doing I/Os."),
    ("io_time_weighted_seconds_total", MILLISECOND, "The weighted # of seconds spent doing I/Os."),
    ("discards_completed_total", 1, "The total number of discards completed successfully."),
    ("discards_merged_total", 1, "The total number of discards merged."),
    ("discarded_sectors_total", 1, "The total number of sectors discarded successfully."),
    ("discard_time_seconds_total", MILLISECOND, "This is the total number of seconds spent by all discards."),
    ("flush_requests_total", 1, "The total number of flush requests completed successfully"),
    (
        "flush_requests_time_seconds_total",
        MILLISECOND,
        "This is the total number of seconds spent by all flush requests.",
    ),
)
INFO_LABELS = ("device", "major", "minor", "path", "wwn", "model", "serial", "revision")
INFO_KEYS = ("ID_PATH", "ID_WWN", "ID_MODEL", "ID_SERIAL_SHORT", "ID_REVISION")
MAPPER_LABELS = ("device", "name", "uuid", "vg_name", "lv_name", "lv_layer")
MAPPER_KEYS = ("DM_NAME", "DM_UUID", "DM_VG_NAME", "DM_LV_NAME", "DM_LV_LAYER")


@dataclass(frozen=True, slots=True)
class Disk:
    """One device's line; older kernels have fewer columns."""

    major: str
    minor: str
    name: str
    counts: tuple[int, ...]


def parse_diskstats(text: str) -> list[Disk]:
    """In the file's order."""
    rows = (line.split() for line in text.splitlines() if line.strip())
    return [Disk(row[0], row[1], row[2], tuple(int(count) for count in row[3:])) for row in rows]


def parse_udev(text: str) -> dict[str, str]:
    """The properties of a device's file in udev's database: its lines ``E:NAME=value``."""
    lines = (line[2:] for line in text.splitlines() if line.startswith("E:"))
    return {name: value for name, found, value in (line.partition("=") for line in lines) if found}


def build_disk_families(disks: list[Disk]) -> list[Metric]:
    return [
        (counters if name.endswith("_total") else gauges)(
            f"node_disk_{name}",
            text,
            ["device"],
            [([disk.name], disk.counts[column] * unit) for disk in disks if column < len(disk.counts)],
        )
        for column, (name, unit, text) in enumerate(COLUMNS)
    ]


def build_info_families(known: list[tuple[Disk, dict[str, str]]]) -> list[Metric]:
    info = [
        ((disk.name, disk.major, disk.minor, *(udev.get(key, "") for key in INFO_KEYS)), 1.0) for disk, udev in known
    ]
    mapper = [
        ((disk.name, *(udev.get(key, "") for key in MAPPER_KEYS)), 1.0) for disk, udev in known if udev.get("DM_NAME")
    ]
    return [
        gauges("node_disk_info", "Info of /sys/block/<block_device>.", INFO_LABELS, info),
        gauges("node_disk_device_mapper_info", "Info about disk device mapper.", MAPPER_LABELS, mapper),
    ]


def read_diskstats(procfs: Path, udev: Path, exclude: str) -> list[Metric]:
    left_out = re.compile(exclude)
    disks = [disk for disk in parse_diskstats(read_text(f"{procfs}/diskstats")) if not left_out.search(disk.name)]
    return build_disk_families(disks) + build_info_families([(disk, _read_udev(udev, disk)) for disk in disks])


def _read_udev(udev: Path, disk: Disk) -> dict[str, str]:
    """Empty without udev, as in a container."""
    try:
        return parse_udev(read_text(f"{udev}/b{disk.major}:{disk.minor}"))
    except OSError:
        return {}
