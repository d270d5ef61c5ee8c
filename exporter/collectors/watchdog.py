"""Hardware watchdogs, from /sys/class/watchdog."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, gauges

# Name after node_watchdog_, the kernel's file.
NUMBERS = (
    ("bootstatus", "bootstatus"),
    ("fw_version", "fw_version"),
    ("nowayout", "nowayout"),
    ("timeleft_seconds", "timeleft"),
    ("timeout_seconds", "timeout"),
    ("pretimeout_seconds", "pretimeout"),
    ("access_cs0", "access_cs0"),
)
TEXTS = ("options", "identity", "state", "status", "pretimeout_governor")


def read_watchdogs(sysfs: Path) -> list[Metric]:
    root = sysfs / "class/watchdog"
    names = list_folder(root)
    if not names:
        raise NoData("no watchdog")
    info: list[Row] = [
        ((name, *(find_attribute(f"{root}/{name}/{text}") or "" for text in TEXTS)), 1.0) for name in names
    ]
    return [
        gauges("node_watchdog_info", "Info of /sys/class/watchdog/<watchdog>", ("name", *TEXTS), info),
        *(
            gauges(
                f"node_watchdog_{metric}",
                f"Value of /sys/class/watchdog/<watchdog>/{file}",
                ["name"],
                _rows(root, names, file),
            )
            for metric, file in NUMBERS
        ),
    ]


def _rows(root: Path, names: list[str], file: str) -> list[Row]:
    numbers = ((name, find_number(f"{root}/{name}/{file}")) for name in names)
    return [((name,), number) for name, number in numbers if number is not None]
