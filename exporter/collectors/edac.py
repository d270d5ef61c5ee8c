"""Memory errors that the hardware corrected or could not correct, from /sys/devices/system/edac."""

import re
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, counters

KINDS = (("ce", "correctable"), ("ue", "uncorrectable"))
CONTROLLER = re.compile(r"mc(\d+)$")
ROW = re.compile(r"csrow(\d+)$")
CHANNEL = re.compile(r"ch(\d+)_ce_count$")
# What is counted of each part, in words; the labels of a part come before those of what is in it.
LEVELS = (
    ("", "Total %s memory errors.", ("controller",)),
    ("csrow_", "Total %s memory errors for this csrow.", ("controller", "csrow")),
    (
        "channel_",
        "Total %s memory errors for this channel.",
        ("controller", "csrow", "channel", "dimm_label"),
    ),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A controller, row or channel; ``level`` is its place in LEVELS, ``files`` names its counts, %s ce or ue."""

    level: int
    labels: tuple[str, ...]
    files: str


def find_parts(root: Path) -> list[Part]:
    """Every part of every memory controller."""
    parts: list[Part] = []
    for controller, number in _numbered(root, CONTROLLER):
        parts.append(Part(0, (number,), f"{controller}/%s_count"))
        # Errors that the controller could not place.
        parts.append(Part(1, (number, "unknown"), f"{controller}/%s_noinfo_count"))
        for row, row_number in _numbered(controller, ROW):
            parts.append(Part(1, (number, row_number), f"{row}/%s_count"))
            parts += [
                Part(2, (number, row_number, channel, read_label(row, channel)), f"{row}/ch{channel}_%s_count")
                for _, channel in _numbered(row, CHANNEL)
            ]
    return parts


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[Path, str]]:
    return [(folder / name, found[1]) for name in list_folder(folder) if (found := pattern.match(name))]


def read_label(row: Path, channel: str) -> str:
    """Where on the board the module sits, as the BIOS or an administrator named it, in node_exporter's spelling."""
    label = find_attribute(f"{row}/ch{channel}_dimm_label")
    if label is None:
        return "unknown"
    return label.replace("#", "").replace("csrow", "_csrow").replace("channel", "_channel")


def read_edac(sysfs: Path) -> list[Metric]:
    parts = find_parts(sysfs / "devices/system/edac/mc")
    if not parts:
        raise NoData("no memory controller that counts errors")
    return [
        counters(f"node_edac_{prefix}{kind}_errors_total", text % kind, labels, _rows(parts, level, file))
        for level, (prefix, text, labels) in enumerate(LEVELS)
        for file, kind in KINDS
    ]


def _rows(parts: list[Part], level: int, file: str) -> list[Row]:
    """Counts that the hardware has; some channels count only what they corrected."""
    counts = ((part.labels, find_number(part.files % file)) for part in parts if part.level == level)
    return [(labels, count) for labels, count in counts if count is not None]
