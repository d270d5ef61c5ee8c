"""Open file handles of the whole host and their limit, from /proc/sys/fs/file-nr."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import gauge


def parse_file_nr(text: str) -> tuple[float, float]:
    """Allocated and most; the number between them has been 0 since Linux 2.6. ValueError if there are not three."""
    allocated, _, maximum = text.split()
    return float(allocated), float(maximum)


def read_filefd(procfs: Path) -> list[Metric]:
    allocated, maximum = parse_file_nr(read_text(f"{procfs}/sys/fs/file-nr"))
    return [
        gauge("node_filefd_allocated", "File descriptor statistics: allocated.", allocated),
        gauge("node_filefd_maximum", "File descriptor statistics: maximum.", maximum),
    ]
