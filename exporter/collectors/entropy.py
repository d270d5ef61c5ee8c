"""Random bits that the kernel has at hand, from /proc/sys/kernel/random."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import parse_number, read_present
from exporter.families import gauge


def read_entropy(procfs: Path) -> list[Metric]:
    folder = f"{procfs}/sys/kernel/random"
    available, size = (parse_number(read_present(f"{folder}/{name}")) for name in ("entropy_avail", "poolsize"))
    return [
        gauge("node_entropy_available_bits", "Bits of available entropy.", available),
        gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", size),
    ]
