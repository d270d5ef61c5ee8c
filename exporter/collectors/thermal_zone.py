"""Thermal zones and the devices that cool them, from /sys/class/thermal."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import Row, gauges

MILLI = 1000.0
LABELS = ("name", "type")


def find_rows(root: Path, prefix: str, file: str) -> Iterator[Row]:
    """Number and type of each device, with what its ``file`` says; those that do not say are left out."""
    for name in list_folder(root, prefix):
        number = find_number(f"{root}/{name}/{file}")
        if number is not None:
            yield (name.removeprefix(prefix), find_attribute(f"{root}/{name}/type") or ""), number


def read_thermal_zones(sysfs: Path) -> list[Metric]:
    root = sysfs / "class/thermal"
    zones = [(labels, number / MILLI) for labels, number in find_rows(root, "thermal_zone", "temp")]
    states = [list(find_rows(root, "cooling_device", file)) for file in ("cur_state", "max_state")]
    if not zones and not any(states):
        raise NoData("no thermal zones")
    texts = ("Current throttle state of the cooling device", "Maximum throttle state of the cooling device")
    return [
        gauges("node_thermal_zone_temp", "Zone temperature in Celsius", ["zone", "type"], zones),
        gauges("node_cooling_device_cur_state", texts[0], LABELS, states[0]),
        gauges("node_cooling_device_max_state", texts[1], LABELS, states[1]),
    ]
