"""Paging, swapping and out-of-memory kills, from /proc/vmstat."""

import re
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import untyped

# node_exporter's default choice of fields, searched in all lines at once: most of two hundred are not wanted.
WANTED = re.compile(r"^((?:oom_kill|pgpg|pswp|pg.*fault)\S*) (\d+)$", re.MULTILINE)


def parse_vmstat(text: str) -> dict[str, int]:
    """Pages or events by field."""
    return {name: int(count) for name, count in WANTED.findall(text)}


def read_vmstat(procfs: Path) -> list[Metric]:
    fields = parse_vmstat(read_text(f"{procfs}/vmstat"))
    return [
        untyped(f"node_vmstat_{name}", f"/proc/vmstat information field {name}.", count)
        for name, count in fields.items()
    ]
