"""Load averages, from /proc/loadavg."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import gauge


def parse_loadavg(text: str) -> tuple[float, float, float]:
    """The averages over 1, 5 and 15 minutes."""
    one, five, fifteen = (float(field) for field in text.split()[:3])
    return one, five, fifteen


def read_loadavg(procfs: Path) -> list[Metric]:
    loads = parse_loadavg(read_text(f"{procfs}/loadavg"))
    return [
        gauge(f"node_load{minutes}", f"{minutes}m load average.", load)
        for minutes, load in zip((1, 5, 15), loads, strict=True)
    ]
