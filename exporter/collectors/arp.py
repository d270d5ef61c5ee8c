"""Neighbours known by ARP on each device, from /proc/net/arp."""

from collections import Counter
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_present
from exporter.families import gauges


def parse_arp(text: str) -> Counter[str]:
    """Entries by device, which is the last column; the first line is the head."""
    return Counter(line.rpartition(" ")[2] for line in text.splitlines()[1:])


def read_arp(procfs: Path) -> list[Metric]:
    devices = parse_arp(read_present(f"{procfs}/net/arp"))
    return [
        gauges("node_arp_entries", "ARP entries by device", ["device"], [([name], n) for name, n in devices.items()])
    ]
