"""Energy that packages and memory have used, from the running average power limits in /sys/class/powercap."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import list_folder, read_attribute
from exporter.errors import NoData
from exporter.families import counters

MICRO = 1e6
NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Zone:
    """What is measured; ``index`` tells zones of one name apart."""

    name: str
    index: str
    path: str


def find_zones(root: Path) -> Iterator[Zone]:
    """``package-1`` is the package numbered 1; names without a number are numbered as they come."""
    seen: Counter[str] = Counter()
    for folder in list_folder(root, "intel-rapl:"):
        path = f"{root}/{folder}"
        name, dash, index = read_attribute(f"{path}/name").rpartition("-")
        if not (dash and index.isdecimal()):
            name = f"{name}{dash}{index}"
            index = str(seen[name])
        seen[name] += 1
        yield Zone(name, index, path)


def build_energy_families(joules: list[tuple[Zone, float]]) -> list[Metric]:
    names = dict.fromkeys(zone.name for zone, _ in joules)
    return [
        counters(
            f"node_rapl_{NOT_IN_NAMES.sub('_', name)}_joules_total",
            f"Current RAPL {name} value in joules",
            ["index", "path"],
            [((zone.index, zone.path), value) for zone, value in joules if zone.name == name],
        )
        for name in names
    ]


def read_rapl(sysfs: Path) -> list[Metric]:
    """Only root may read these counts on kernels since 5.10: without leave there is nothing to say."""
    zones = list(find_zones(sysfs / "class/powercap"))
    if not zones:
        raise NoData("no power limits")
    try:
        joules = [(zone, int(read_attribute(f"{zone.path}/energy_uj")) / MICRO) for zone in zones]
    except PermissionError as error:
        raise NoData(str(error)) from None
    return build_energy_families(joules)
