"""Traffic and errors of network devices, from /proc/net/dev of our own network namespace."""

import re
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_optional, read_text
from exporter.families import counters

RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
FIELDS = tuple(f"receive_{name}" for name in RECEIVE) + tuple(f"transmit_{name}" for name in TRANSMIT)


def parse_netdev(text: str) -> dict[str, dict[str, int]]:
    """Counts by device, then by field (``receive_bytes``, …); names may touch their colon and hold colons."""
    devices: dict[str, dict[str, int]] = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        devices[name.strip()] = dict(zip(FIELDS, (int(number) for number in numbers.split()), strict=True))
    return devices


def build_netdev_families(devices: dict[str, dict[str, int]]) -> list[Metric]:
    fields = dict.fromkeys(field for counts in devices.values() for field in counts)
    return [
        counters(
            f"node_network_{field}_total",
            f"Network device statistic {field}.",
            ["device"],
            [([device], counts[field]) for device, counts in devices.items() if field in counts],
        )
        for field in fields
    ]


def read_netdev(procfs: Path, sysfs: Path, exclude: str) -> list[Metric]:
    left_out = re.compile(exclude)
    devices = parse_netdev(read_text(f"{procfs}/net/dev"))
    kept = {device: counts for device, counts in devices.items() if not left_out.search(device)}
    return build_netdev_families(
        {device: counts | _read_nohandler(sysfs, device) for device, counts in kept.items()},
    )


def _read_nohandler(sysfs: Path, device: str) -> dict[str, int]:
    """Packets that no protocol wanted, which /proc/net/dev lacks; none if sysfs shows another namespace."""
    text = read_optional(f"{sysfs}/class/net/{device}/statistics/rx_nohandler")
    return {"receive_nohandler": int(text)} if text else {}
